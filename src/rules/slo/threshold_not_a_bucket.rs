use crate::query::{MatchOp, Matcher};
use crate::rules::expressions;
use crate::rules::indicator::{Reader, bound};
use crate::rules::prelude::*;
use crate::units::plain;

declare_rule! {
    /// A query asks for a bucket that the latency histogram does not have.
    ///
    /// ## Why
    /// A classic histogram counts requests up to certain bounds only, those that slo.toml lists in `metrics.buckets`.
    /// A matcher such as `le="0.3"` beside buckets at 0.25 and 0.5 selects no series at all: the share of fast requests
    /// is a division of nothing by nothing, and the alert on it never fires
    /// (prometheus.io/docs/practices/histograms/).
    ///
    /// ## Fix safety
    /// Unsafe: the nearest bound is another threshold. The right one may be to give the application's histogram the
    /// bucket, and slo.toml its bound.
    ///
    /// ```yaml,bad
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop, namespace: default }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - record: shop:fast_requests:rate5m
    ///       expr: sum(rate(http_request_duration_seconds_bucket{job="shop", le="0.3"}[5m])) # fast
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "default"
    /// image = "shop:1.2"
    /// [targets]
    /// latency = [{ percentile = 95, below = "250ms" }]
    /// [metrics]
    /// buckets = [0.1, 0.25, 0.5, 1]
    /// ```
    /// ```yaml,fixed
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop, namespace: default }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - record: shop:fast_requests:rate5m
    ///       expr: sum(rate(http_request_duration_seconds_bucket{job="shop", le="0.25"}[5m])) # fast
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "default"
    /// image = "shop:1.2"
    /// [targets]
    /// latency = [{ percentile = 95, below = "250ms" }]
    /// [metrics]
    /// buckets = [0.1, 0.25, 0.5, 1]
    /// ```
    /// Bounds are numbers, however they are written, and other histograms have other ones:
    /// ```yaml,good
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop, namespace: default }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - record: shop:fast_requests:rate5m
    ///       expr: sum(rate(http_request_duration_seconds_bucket{job="shop", le="1.0"}[5m]))
    ///     - record: shop:fast_queries:rate5m
    ///       expr: sum(rate(db_query_duration_seconds_bucket{job="shop", le="0.3"}[5m]))
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "default"
    /// image = "shop:1.2"
    /// [targets]
    /// latency = [{ percentile = 95, below = "250ms" }]
    /// [metrics]
    /// buckets = [0.1, 0.25, 0.5, 1]
    /// ```
    "slo/threshold-not-a-bucket" pub struct ThresholdNotABucket {}
    severity: Error, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("reads PromQL, which CEL cannot, and needs the slo.toml of the service"),
}

impl Rule for ThresholdNotABucket {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for carrier in cluster.carriers().iter().filter(|it| it.object.slo.is_some()) {
            if !carrier.text.contains("le") {
                continue;
            }
            let Some(query) = carrier.query() else { continue };
            let Some(reader) = Reader::new(cluster, carrier) else { continue };
            let Some(buckets) = all_buckets(&reader) else { continue };
            for selector in query.tree().selectors() {
                if reader.is_latency(&selector, "_bucket") {
                    let wrong = selector.matchers.iter().filter(|it| misses(it, &buckets));
                    wrong.for_each(|matcher| report(cx, &reader, matcher, &buckets));
                }
            }
        }
    }
}

/// Every bound that one of the variants knows; `None` if one of them knows none.
fn all_buckets(reader: &Reader<'_, '_>) -> Option<Vec<Decimal>> {
    let lists = reader.variants().iter().map(|it| it.series.buckets.as_ref());
    let lists: Option<Vec<_>> = lists.collect();
    let found: Vec<_> = lists?.into_iter().flat_map(|it| it.value.iter().copied()).collect();
    (!found.is_empty()).then_some(found)
}

/// True if a matcher on `le` selects none of these buckets.
fn misses(matcher: &Matcher, buckets: &[Decimal]) -> bool {
    if matcher.label != "le" || matcher.value.is_empty() {
        return false;
    }
    match matcher.op {
        MatchOp::Equal => bound(matcher).is_some_and(|bound| !buckets.contains(&bound)),
        MatchOp::Regex => expressions::pattern(&matcher.value).is_some_and(|pattern| {
            let written = |bound: &Decimal| [plain(*bound), format!("{}.0", plain(*bound))];
            let mut forms = buckets.iter().flat_map(written).chain(["+Inf".to_owned()]);
            !forms.any(|form| pattern.is_match(&form))
        }),
        MatchOp::NotEqual | MatchOp::NotRegex => false,
    }
}

fn report<'a>(cx: &mut Ctx<'a>, reader: &Reader<'_, 'a>, matcher: &Matcher, buckets: &[Decimal]) {
    let (carrier, declared) = (reader.carrier, reader.declared());
    let listed = declared.series.buckets.as_ref();
    let name = &declared.series.latency;
    let message = match bound(matcher) {
        Some(bound) => format!("`{name}` has no bucket that ends at {}", plain(bound)),
        None => format!("`{name}` has no bucket with `le` like `{}`", matcher.value),
    };
    let report = cx
        .report(&carrier.object, carrier.spot(matcher.span.clone()), message)
        .here("matches nothing")
        .label_if(listed.map(|it| it.span), "the buckets");
    let distance = |other: &&Decimal| bound(matcher).map(|own| (own - **other).abs());
    let nearest = buckets.iter().filter(|it| distance(it).is_some()).min_by_key(distance);
    let Some(nearest) = nearest else {
        report.help("match one of `metrics.buckets`");
        return;
    };
    let text = asks_for(*nearest, declared.series.prometheus);
    report
        .help(format!(
            "write `{text}`, or add {} to the histogram and to `metrics.buckets`",
            bound(matcher).map(plain).unwrap_or_default()
        ))
        .fix_unsafe(
            format!("match the bucket at {} (unsafe: another threshold)", plain(*nearest)),
            [edit::splice(carrier.place, matcher.span.clone(), text)],
        );
}

/// The matcher of a bucket, whichever Prometheus stores it.
fn asks_for(bound: Decimal, prometheus: u16) -> String {
    match (bound.is_integer(), prometheus) {
        (false, _) => format!("le=\"{}\"", plain(bound)),
        (true, 3) => format!("le=\"{}.0\"", plain(bound)),
        (true, _) => format!("le=~\"{}(\\\\.0)?\"", plain(bound)),
    }
}

cases! {
    of_another_service: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r, namespace: n}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'x_bucket{job=\"b\",le=\"3\"} > 1 or x_bucket{namespace=\"m\",le=\"3\"} > 1'}, {alert: B, labels: {service: b}, expr: 'x_bucket{le=\"0.3\"} > 1'}]}]}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[metrics]\nlatency = \"x\"\nbuckets = [1, 2]\n"
        => [],
    numbers_and_infinity: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r, namespace: n}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'x_bucket{le=\"1\"} or x_bucket{le=\"1.0\"} or x_bucket{le=\"+Inf\"} or x_bucket{le=~\"2(\\\\.0)?\"} or x_bucket{le!=\"7\"} or x_bucket{le=\"5e-1\"} or x_bucket{le=\"\"} or x_bucket{le=~\"0[.]5|9\"}'}]}]}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[metrics]\nlatency = \"x\"\nbuckets = [0.5, 1, 2]\n"
        => [],
    regular_expressions: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r, namespace: n}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'x_bucket{le=~\"3(\\\\.0)?\"} or x_bucket{le=~\"3|4\"}'}]}]}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[metrics]\nlatency = \"x\"\nbuckets = [0.5, 1, 2]\n"
        => ["4:62", "4:90"],
    adapter_and_keda: "# file: a.yaml\nrules:\n- seriesQuery: x_bucket{namespace!=\"\"}\n  metricsQuery: sum(rate(<<.Series>>{<<.LabelMatchers>>,le=\"0.3\"}[5m])) by (<<.GroupBy>>)\n# file: b.yaml\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a, namespace: n}\nspec: {scaleTargetRef: {name: a}, triggers: [{type: prometheus, metadata: {query: 'sum(rate(x_bucket{le=\"0.3\"}[5m]))'}}]}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: b, namespace: n}\nspec: {scaleTargetRef: {name: b}, triggers: [{type: prometheus, metadata: {query: 'sum(rate(x_bucket{le=\"0.3\"}[5m]))'}}]}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[metrics]\nlatency = \"x\"\nbuckets = [0.5, 1, 2]\n"
        => ["a.yaml:3:57", "b.yaml:4:102"],
    nobody_knows_the_buckets: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r, namespace: n}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'http_request_duration_seconds_bucket{le=\"3\"} > 1'}]}]}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n"
        => [],
    native_histograms: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r, namespace: n}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'x_bucket{le=\"3\"} > 1'}]}]}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[metrics]\nlatency = \"x\"\nbuckets = [0.5, 1, 2]\nnative_histograms = true\n"
        => [],
    another_namespace: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r, namespace: monitoring}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'x_bucket{le=\"3.5\"} > 1'}, {alert: B, expr: 'x_bucket{namespace=\"n\",job=\"a\",le=\"3.5\"} > 1'}]}]}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[metrics]\nlatency = \"x\"\nbuckets = [0.5, 1, 2]\n"
        => ["4:128"],
    one_of_the_overlays: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r, namespace: n}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'x_bucket{le=\"0.7\"} > 1 or x_bucket{le=\"0.8\"} > 1'}]}]}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[metrics]\nlatency = \"x\"\nbuckets = [0.5, 1, 2]\n[env.staging.metrics]\nbuckets = [0.7, 2]\n"
        => ["4:88"],
    in_a_folded_block: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n  - name: g\n    rules:\n    - alert: A\n      expr: >-\n        x_bucket{job=\"a\",\n        le=\"0.35\"} > 1\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[metrics]\nlatency = \"x\"\nbuckets = [0.25, 0.5]\n"
        => ["11:9"],
}
