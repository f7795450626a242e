use std::ops::Range;

use crate::query::{Kind as Part, MatchOp, Matcher, Node, Selector};
use crate::rules::expressions::{self, pattern};
use crate::rules::indicator::{Reader, equals, lasts, number};
use crate::rules::prelude::*;

declare_rule! {
    /// A query measures the service in another way than slo.toml says.
    ///
    /// ## Why
    /// Alerts, dashboard and autoscaler are to see the same numbers. Where one of them reads the metrics by another name,
    /// without the labels that single out the requests that count, by another label for failures, or over another window,
    /// they disagree just when it matters: the fleet does not grow while the alert fires, or the page comes for requests
    /// that no objective covers.
    ///
    /// Percentiles of the latency and shares of failed requests are looked at. Windows are compared in the queries of
    /// autoscalers, and in alerts where slo.toml writes `metrics.rate_window`.
    ///
    /// ```yaml,bad
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop, namespace: prod }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ShopHighErrorRate
    ///       expr: |
    ///         sum(rate(http_requests_total{job="shop", code=~"5.."}[5m]))
    ///           / sum(rate(http_requests_total{job="shop"}[5m])) > 0.01
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "prod"
    /// image = "shop:1.2"
    /// [targets]
    /// errors = { below = "1%" }
    /// [metrics]
    /// errors = { status = "5.." }
    /// [alerts]
    /// absent = false
    /// ```
    /// ```yaml,good
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop, namespace: prod }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ShopHighErrorRate
    ///       expr: |
    ///         sum(rate(http_requests_total{job="shop", status=~"5.."}[5m]))
    ///           / sum(rate(http_requests_total{job="shop"}[5m])) > 0.01
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "prod"
    /// image = "shop:1.2"
    /// [targets]
    /// errors = { below = "1%" }
    /// [metrics]
    /// errors = { status = "5.." }
    /// [alerts]
    /// absent = false
    /// ```
    "slo/drifted-query" pub struct DriftedQuery {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("reads PromQL, which CEL cannot, and needs the slo.toml of the service"),
}

/// A part of a query that differs.
struct Drift {
    span: Range<usize>,
    what: String,
    here: &'static str,
    help: String,
    declared: Option<(crate::source::Span, &'static str)>,
}

impl Rule for DriftedQuery {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for carrier in cluster.carriers().iter().filter(|it| it.object.slo.is_some()) {
            let Some(query) = carrier.query() else { continue };
            let Some(reader) = Reader::new(cluster, carrier) else { continue };
            // Of an adapter's query that serves several services each has its own.
            if matches!(carrier.role, Role::MetricsQuery { .. }) && cluster.slo.len() > 1 {
                continue;
            }
            let mut drifts: Vec<Drift> = Vec::new();
            query.tree().walk(&mut |node, _| match &node.kind {
                Part::Call { name, args, .. } if name == "histogram_quantile" => {
                    if let [share, buckets] = args.as_slice() {
                        of_quantile(&reader, share, buckets, &mut drifts);
                    }
                }
                Part::Call { name, args, .. } if name == "avg_over_time" => {
                    of_gauge(&reader, args, &mut drifts);
                }
                Part::Binary { op, lhs, rhs, .. } if op == "/" => {
                    of_share(&reader, lhs, rhs, &mut drifts);
                }
                _ => {}
            });
            drifts.sort_by_key(|drift| drift.span.start);
            drifts.dedup_by_key(|drift| drift.span.clone());
            for drift in drifts {
                let message = format!("{} {}", expressions::title(carrier), drift.what);
                let report = cx
                    .report(&carrier.object, carrier.spot(drift.span), message)
                    .here(drift.here)
                    .help(drift.help);
                if let Some((span, label)) = drift.declared {
                    report.label(span, label);
                }
            }
        }
    }
}

/// A percentile: of which histogram, of which requests, over which time.
fn of_quantile(reader: &Reader<'_, '_>, share: &Node, buckets: &Node, drifts: &mut Vec<Drift>) {
    let percent = share.fold().map(|share| share * 100.0);
    let is_target = reader
        .objectives()
        .filter_map(|it| it.latency.as_ref())
        .any(|bound| percent.is_some_and(|percent| equals(number(bound.percentile), percent)));
    for selector in buckets.selectors() {
        if reader.is_latency(&selector, "_bucket") {
            of_matchers(reader, &selector, drifts);
            of_window(reader, &selector, drifts);
        } else if is_target {
            let latency = &reader.declared().series.latency;
            of_name(reader, &selector, &format!("{latency}_bucket"), drifts);
        }
    }
}

/// A gauge: over which time.
fn of_gauge(reader: &Reader<'_, '_>, args: &[Node], drifts: &mut Vec<Drift>) {
    if let Some(selector) = args.first().and_then(|it| it.peel().selector())
        && reader.is_in_flight(&selector)
    {
        of_window(reader, &selector, drifts);
    }
}

/// A share of failed requests: of which requests, and which fail.
fn of_share(reader: &Reader<'_, '_>, part: &Node, whole: &Node, drifts: &mut Vec<Drift>) {
    let (parts, wholes) = (part.selectors(), whole.selectors());
    let all = |list: &[Selector<'_>]| list.iter().all(|it| reader.is_requests(it));
    let Some(first) = parts.first() else { return };
    if wholes.is_empty() || !first.matchers.iter().any(|it| reader.is_status(&it.label)) {
        return;
    }
    if !all(&parts) || !all(&wholes) {
        let requests = &reader.declared().series.requests;
        for selector in parts.iter().chain(&wholes) {
            of_name(reader, selector, requests, drifts);
        }
        return;
    }
    for selector in parts.iter().chain(&wholes) {
        of_matchers(reader, selector, drifts);
    }
    for matcher in first.matchers.iter().filter(|it| reader.is_status(&it.label)) {
        of_failures(reader, matcher, drifts);
    }
}

/// Nearly the name of slo.toml, or another one where the rule says that it is for a target.
fn of_name(
    reader: &Reader<'_, '_>,
    selector: &Selector<'_>,
    wanted: &str,
    drifts: &mut Vec<Drift>,
) {
    let Some((name, span)) = selector.name() else { return };
    let is_declared = reader.declared().metrics.iter().any(|it| name.starts_with(it.as_str()));
    let near = nearest(name, std::iter::once(wanted)).is_some();
    let ends_alike =
        ["_bucket", "_total"].iter().any(|it| name.ends_with(it) && wanted.ends_with(it));
    if is_declared
        || expressions::is_recorded(name)
        || !reader.singles_out(selector)
        || !(near || (ends_alike && is_for_target(reader)))
    {
        return;
    }
    drifts.push(Drift {
        span,
        what: format!("reads `{name}`, slo.toml says `{wanted}`"),
        here: "another metric",
        help: format!("read `{wanted}`, or say in `[metrics]` of slo.toml what it is called"),
        declared: None,
    });
}

/// True if the rule says that it is for a target of slo.toml, or an autoscaler follows it.
fn is_for_target(reader: &Reader<'_, '_>) -> bool {
    !reader.target().is_empty() || matches!(reader.carrier.role, Role::Trigger { .. })
}

/// The labels that single out the requests that count.
fn of_matchers(reader: &Reader<'_, '_>, selector: &Selector<'_>, drifts: &mut Vec<Drift>) {
    let series = &reader.declared().series;
    let has = |label: &str| selector.matchers.iter().any(|it| it.label == label);
    // By the application's own name of a label that Prometheus renames: another rule's.
    if series
        .exported
        .iter()
        .any(|label| has(label) && !series.selector.iter().any(|(it, _)| it == label))
    {
        return;
    }
    let wanted_by_all = |label: &str| {
        reader.variants().iter().all(|it| it.series.selector.iter().any(|(own, _)| own == label))
    };
    for (label, value) in series.selector.iter().filter(|(label, _)| wanted_by_all(label)) {
        let text = format!("{label}=\"{value}\"");
        let written = selector.matchers.iter().find(|it| it.label == *label);
        let (span, what) = match written {
            None => {
                let Some((name, span)) = selector.name() else { continue };
                (span, format!("reads `{name}` without `{text}`"))
            }
            Some(written) => {
                let fits = reader.variants().iter().any(|it| {
                    it.series
                        .selector
                        .iter()
                        .any(|(own, value)| own == label && admits(written, value))
                });
                // Alerts on other requests are no drift, unless they are said to be for the target.
                if fits || reader.target().is_empty() {
                    continue;
                }
                (written.span.clone(), format!("counts other requests than `{text}`"))
            }
        };
        let labels = &reader.declared().selector_labels;
        let spot = labels.iter().find(|it| label.ends_with(it.value.as_str())).map(|it| it.span);
        drifts.push(Drift {
            span,
            what,
            here: "not the requests of slo.toml",
            help: format!("match `{text}`"),
            declared: spot.map(|span| (span, "the requests that count")),
        });
    }
}

fn admits(matcher: &Matcher, value: &str) -> bool {
    match matcher.op {
        MatchOp::Equal => matcher.value == value,
        MatchOp::Regex => pattern(&matcher.value).is_none_or(|it| it.is_match(value)),
        MatchOp::NotEqual | MatchOp::NotRegex => true,
    }
}

/// The label that marks a failed request, and its values.
fn of_failures(reader: &Reader<'_, '_>, matcher: &Matcher, drifts: &mut Vec<Drift>) {
    let errors = &reader.declared().series.errors;
    let [(label, regex)] = errors.as_slice() else { return };
    let known = |it: &&Declared| it.series.errors.iter().any(|(own, _)| *own == matcher.label);
    if !matches!(matcher.op, MatchOp::Equal | MatchOp::Regex) || reader.fails(matcher) != Some(true)
    {
        return;
    }
    let what = if !reader.variants().iter().any(known) {
        format!("tells failures by `{}`, slo.toml by `{label}`", matcher.label)
    } else if matcher.op == MatchOp::Regex
        && !reader.variants().iter().any(|it| {
            it.series
                .errors
                .iter()
                .any(|(own, regex)| *own == matcher.label && alike(regex, &matcher.value))
        })
    {
        format!("takes `{}` for failures, slo.toml `{regex}`", matcher.value)
    } else {
        return;
    };
    drifts.push(Drift {
        span: matcher.span.clone(),
        what,
        here: "not the failures of slo.toml",
        help: format!("match `{label}=~\"{regex}\"`, or change `metrics.errors` of slo.toml"),
        declared: Some((reader.declared().series.errors_span, "what fails")),
    });
}

/// True if two regular expressions mean the same statuses.
fn alike(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let (Some(one), Some(other)) = (pattern(one), pattern(other)) else { return true };
    let numbers = (100..600).map(|code| code.to_string());
    let words = [
        "Unknown",
        "DeadlineExceeded",
        "Unimplemented",
        "Internal",
        "Unavailable",
        "DataLoss",
        "OK",
        "NotFound",
        "Canceled",
        "ResourceExhausted",
        "2xx",
        "4xx",
        "5xx",
        "error",
    ];
    numbers.chain(words.map(str::to_owned)).all(|it| one.is_match(&it) == other.is_match(&it))
}

/// The range of a rate.
fn of_window(reader: &Reader<'_, '_>, selector: &Selector<'_>, drifts: &mut Vec<Drift>) {
    let Some(range) = selector.range else { return };
    let scales = matches!(reader.carrier.role, Role::Trigger { .. } | Role::MetricsQuery { .. });
    let compared = |it: &&&Declared| {
        (scales || it.series.rate_window_is_written) && it.series.rate_window.value != lasts(range)
    };
    if !reader.variants().iter().all(|it| compared(&it)) {
        return;
    }
    let wanted = &reader.declared().series.rate_window;
    drifts.push(Drift {
        span: range.span.clone(),
        what: format!("looks back {}, slo.toml says {}", lasts(range), wanted.value),
        here: "another window",
        help: format!("write `[{}]`, or set `metrics.rate_window` of slo.toml", wanted.value),
        declared: Some((
            wanted.span,
            if reader.declared().series.rate_window_is_written {
                "the window"
            } else {
                "4 intervals, at least 1m"
            },
        )),
    });
}

cases! {
    names: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x, namespace: n}\nspec: {groups: [{name: x, rules: [{alert: A, expr: 'histogram_quantile(0.95, sum by (le) (rate(http_requests_duration_seconds_bucket{job=\"x\"}[1m]))) > 0.35'}, {alert: B, expr: 'histogram_quantile(0.95, sum by (le) (rate(db_query_seconds_bucket{job=\"x\"}[1m]))) > 0.35'}, {alert: C, expr: 'histogram_quantile(0.95, sum by (le) (rate(http_requests_duration_seconds_bucket{job=\"y\"}[1m]))) > 0.35'}, {alert: D, expr: 'sum(rate(http_request_total{job=\"x\",status=~\"5..\"}[5m])) / sum(rate(http_requests_total{job=\"x\"}[5m])) > 0.01'}]}]}\n# file: slo.toml\n[service]\nname = \"x\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nlatency = [{ percentile = 95, below = \"350ms\" }]\nerrors = { below = \"1%\" }\n"
        => ["4:96", "4:423"],
    matchers: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x, namespace: n}\nspec: {groups: [{name: x, rules: [{alert: A, expr: 'histogram_quantile(0.95, sum by (le) (rate(h_bucket{job=\"x\"}[1m]))) > 0.35'}, {alert: B, expr: 'histogram_quantile(0.95, sum by (le) (rate(h_bucket{job=\"x\",route=\"/other\"}[1m]))) > 0.35'}, {alert: C, expr: 'sum(rate(h_count{job=\"x\"}[1m])) == 0'}, {alert: D, expr: 'histogram_quantile(0.95, sum by (le) (rate(h_bucket{job=\"x\",route=\"/buy\"}[1m]))) > 0.35'}, {alert: E, labels: {slo: latency-p95}, expr: 'histogram_quantile(0.95, sum by (le) (rate(h_bucket{job=\"x\",route=\"/other\"}[1m]))) > 0.35'}]}]}\n# file: slo.toml\n[service]\nname = \"x\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nlatency = [{ percentile = 95, below = \"350ms\" }]\n[metrics]\nlatency = \"h\"\nselector = { route = \"/buy\" }\n"
        => ["4:96", "4:515"],
    failures: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x, namespace: n}\nspec: {groups: [{name: x, rules: [{alert: A, expr: 'sum(rate(r{status=~\"5..|429\"}[5m])) / sum(rate(r[5m])) > 0.01'}, {alert: B, expr: 'sum(rate(r{status=~\"5.*\"}[5m])) / sum(rate(r[5m])) > 0.01'}, {alert: C, expr: 'sum(rate(r{status=\"503\"}[5m])) / sum(rate(r[5m])) > 0.01'}, {alert: D, expr: 'sum(rate(r{status=~\"4..\"}[5m])) / sum(rate(r[5m])) > 0.1'}, {alert: E, expr: 'sum(rate(r{code=~\"4..\"}[5m])) / sum(rate(r[5m])) > 0.1'}]}]}\n# file: slo.toml\n[service]\nname = \"x\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[metrics]\nrequests = \"r\"\n"
        => ["4:64"],
    windows: "# file: a.yaml\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: x, namespace: n}\nspec:\n  scaleTargetRef: {name: x}\n  triggers:\n  - {type: prometheus, metadata: {query: 'histogram_quantile(0.95, sum by (le) (rate(h_bucket{job=\"x\"}[5m])))'}}\n  - {type: prometheus, metadata: {query: 'sum(avg_over_time(g{job=\"x\"}[1m]))'}}\n# file: b.yaml\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x, namespace: n}\nspec: {groups: [{name: x, rules: [{alert: A, expr: 'histogram_quantile(0.95, sum by (le) (rate(h_bucket{job=\"x\"}[5m]))) > 0.35'}]}]}\n# file: slo.toml\n[service]\nname = \"x\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nlatency = [{ percentile = 95, below = \"350ms\" }]\n[metrics]\nlatency = \"h\"\nin_flight = \"g\"\n"
        => ["a.yaml:7:103"],
    the_adapter: "rules:\n- seriesQuery: h_bucket{namespace!=\"\",pod!=\"\"}\n  name: {as: h_p95}\n  metricsQuery: histogram_quantile(0.95, sum by (le, <<.GroupBy>>) (rate(<<.Series>>{<<.LabelMatchers>>}[2m])))\n# file: slo.toml\n[service]\nname = \"x\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nlatency = [{ percentile = 95, below = \"350ms\" }]\n[metrics]\nlatency = \"h\"\nrate_window = \"1m\"\n"
        => ["4:105"],
    a_written_window: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x, namespace: n}\nspec: {groups: [{name: x, rules: [{alert: A, expr: 'histogram_quantile(0.95, sum by (le) (rate(h_bucket{job=\"x\"}[5m]))) > 0.35'}]}]}\n# file: slo.toml\n[service]\nname = \"x\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nlatency = [{ percentile = 95, below = \"350ms\" }]\n[metrics]\nlatency = \"h\"\nrate_window = \"2m\"\n"
        => ["4:113"],
}
