use std::ops::Range;

use rustc_hash::FxHashSet;

use crate::query::{Kind as Part, MatchOp, Node};
use crate::rules::expressions;
use crate::rules::indicator::{Reader, Share, bound, equals, number};
use crate::rules::prelude::*;
use crate::units::plain;

declare_rule! {
    /// An alert compares with another number than slo.toml says.
    ///
    /// ## Why
    /// The numbers of an alert follow from the targets: a symptom is compared with the target itself, a burn rate with
    /// factor × error budget, 14.4 × 0.01 for 99 %. When slo.toml changes and the rules are not rendered again, or
    /// somebody tunes an alert by hand, the pages still come, but for an objective that nobody agreed to any more.
    ///
    /// Objectives, budgets and bounds that recordings and alerts hold are compared with those of slo.toml, and those of
    /// its overlays. Where another alert on the same target has the right number, an alert with a further one is no
    /// drift.
    ///
    /// ## Fix safety
    /// Unsafe: it changes when people are paged. Where the alert is right, slo.toml is to be changed.
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
    ///         sum(rate(http_requests_total{job="shop", status=~"5.."}[5m]))
    ///           / sum(rate(http_requests_total{job="shop"}[5m])) > 0.05 # five per cent
    ///       for: 5m
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "prod"
    /// image = "shop:1.2"
    /// [targets]
    /// errors = { below = "1%" }
    /// [alerts]
    /// absent = false
    /// ```
    /// ```yaml,fixed
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
    ///           / sum(rate(http_requests_total{job="shop"}[5m])) > 0.01 # five per cent
    ///       for: 5m
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "prod"
    /// image = "shop:1.2"
    /// [targets]
    /// errors = { below = "1%" }
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
    ///       for: 5m
    ///     - alert: ShopIsBroken
    ///       expr: |
    ///         sum(rate(http_requests_total{job="shop", status=~"5.."}[5m]))
    ///           / sum(rate(http_requests_total{job="shop"}[5m])) > 0.5
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "prod"
    /// image = "shop:1.2"
    /// [targets]
    /// errors = { below = "1%" }
    /// [alerts]
    /// absent = false
    /// ```
    "slo/drifted-threshold" pub struct DriftedThreshold {}
    severity: Error, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("reads PromQL, which CEL cannot, and needs the slo.toml of the service"),
}

/// A number, and what it must be.
struct Verdict {
    /// Where it is written.
    span: Range<usize>,
    /// What stands there.
    value: f64,
    /// What slo.toml makes of it.
    wanted: Decimal,
    /// What it is, in words.
    what: String,
    /// What slo.toml says.
    declared: (crate::source::Span, &'static str),
    /// Symptoms of one target are alerted on more than once.
    symptom: Option<(String, &'static str)>,
    drifted: bool,
}

impl Rule for DriftedThreshold {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        // The alert with the right number may stand in a file that is not given.
        if cluster.is_partial() {
            return;
        }
        let mut right = FxHashSet::default();
        let mut wrong = Vec::new();
        for carrier in cluster.carriers().iter().filter(|it| it.object.slo.is_some()) {
            if !matches!(carrier.role, Role::Alert { .. } | Role::Record { .. }) {
                continue;
            }
            let Some(query) = carrier.query() else { continue };
            let Some(reader) = Reader::new(cluster, carrier) else { continue };
            for verdict in verdicts(&reader, query.tree()) {
                let class = verdict.symptom.clone().map(|it| (carrier.object.slo, it));
                match (verdict.drifted, class) {
                    (true, class) => wrong.push((carrier, verdict, class)),
                    (false, Some(class)) => {
                        right.insert(class);
                    }
                    (false, None) => {}
                }
            }
        }
        for (carrier, verdict, class) in wrong {
            if class.is_none_or(|class| !right.contains(&class)) {
                report(cx, carrier, &verdict);
            }
        }
    }
}

fn report<'a>(cx: &mut Ctx<'a>, carrier: &Carrier<'a>, verdict: &Verdict) {
    let wanted = plain(verdict.wanted);
    let shown =
        |value: f64| Decimal::try_from(value).map_or(value.to_string(), |it| plain(it.normalize()));
    let message = format!(
        "{} has {} of {}, slo.toml makes it {wanted}",
        expressions::title(carrier),
        verdict.what,
        shown(verdict.value)
    );
    let (span, label) = verdict.declared;
    cx.report(&carrier.object, carrier.spot(verdict.span.clone()), message)
        .here(format!("not {wanted}"))
        .label(span, label)
        .help(format!("write `{wanted}`, or change slo.toml and run `slogen render` again"))
        .fix_unsafe(
            format!("write {wanted} (unsafe: changes when people are paged)"),
            [edit::splice(carrier.place, verdict.span.clone(), wanted.clone())],
        );
}

/// What is to say of the numbers of an expression.
fn verdicts(reader: &Reader<'_, '_>, tree: &Node) -> Vec<Verdict> {
    let mut found = Vec::new();
    let windows = windows(reader, tree);
    let is_alert = matches!(reader.carrier.role, Role::Alert { .. });
    tree.walk(&mut |node, _| {
        let Part::Binary { op, lhs, rhs, bool_modifier: false, .. } = &node.kind else { return };
        if op == "/" {
            found.extend(of_burn_rate(reader, lhs, rhs));
        }
        let sides = match op.as_str() {
            ">" | ">=" => Some((lhs, rhs, true)),
            "<" | "<=" => Some((rhs, lhs, true)),
            _ => None,
        };
        let Some((left, right, _)) = sides.filter(|_| is_alert) else { return };
        // `ratio > x`, and of the good ones `availability < x`, which the walk has the other way round.
        found.extend(of_latency(reader, left, right));
        found.extend(of_share(reader, left, right, &windows));
        found.extend(of_good_share(reader, right, left));
    });
    found.extend(of_record(reader, tree));
    found.extend(of_buckets(reader, tree));
    found
}

/// `histogram_quantile(0.95, …) > 0.35`.
fn of_latency(reader: &Reader<'_, '_>, measured: &Node, threshold: &Node) -> Option<Verdict> {
    let value = expressions::constant(threshold).filter(|value| *value > 0.0)?;
    let quantile = reader.quantile(measured)?;
    let percent = quantile.share * 100.0;
    let of_percentile = |it: &&LatencyBound| equals(number(it.percentile), percent);
    let bounds: Vec<_> =
        reader.objectives().filter_map(|it| it.latency.as_ref()).filter(of_percentile).collect();
    let first = bounds.first()?;
    let scaled = |bound: &&LatencyBound| {
        let scale = Decimal::try_from(quantile.scale).ok()?;
        Some(bound.below.value.seconds().checked_mul(scale)?.normalize())
    };
    let drifted = !bounds.iter().filter_map(scaled).any(|it| equals(number(it), value));
    Some(Verdict {
        span: spelled(threshold).span.clone(),
        value,
        wanted: scaled(first)?,
        what: format!("a P{} threshold", plain(first.percentile)),
        declared: (first.below.span, "the latency target"),
        symptom: Some((plain(first.percentile), "latency")),
        drifted,
    })
}

/// The number itself, without parentheses or `vector()`.
fn spelled(threshold: &Node) -> &Node {
    match &threshold.peel().kind {
        Part::Call { name, args, .. } if name == "vector" => {
            args.first().map_or(threshold, spelled)
        }
        _ => threshold.peel(),
    }
}

/// `ratio > 0.144` or `ratio > 14.4 * 0.01`.
fn of_share(
    reader: &Reader<'_, '_>,
    measured: &Node,
    threshold: &Node,
    windows: &[Duration],
) -> Option<Verdict> {
    let value = expressions::constant(threshold).filter(|value| *value > 0.0)?;
    let share = reader.share(measured).filter(|it| it.bad && !it.burns)?;
    let first = share.objectives.first()?;
    let declared = (first.budget.span, label(first));
    let budgets = || share.objectives.iter().map(|it| it.budget.value);
    if let Some(budget) = budget_of(threshold) {
        return Some(of_budget(budget, &share, declared));
    }
    let scale = Decimal::try_from(share.scale).ok()?;
    let verdict = |wanted: Decimal, allowed: &mut dyn Iterator<Item = Decimal>, what, symptom| {
        let wanted = wanted.checked_mul(scale)?.normalize();
        let mut allowed = allowed.filter_map(|it| it.checked_mul(scale));
        Some(Verdict {
            span: spelled(threshold).span.clone(),
            value,
            wanted,
            what,
            declared,
            symptom,
            drifted: !allowed.any(|it| equals(number(it), value)),
        })
    };
    let tiers = || share.objectives.iter().flat_map(|it| &it.tiers);
    // Two windows tell which tier it is.
    let is_pair = |tier: &&BurnTier| {
        windows.len() == 2 && windows.contains(&tier.short) && windows.contains(&tier.long)
    };
    let of_window = |tier: &&BurnTier| {
        share.window.is_some_and(|window| window == tier.short || window == tier.long)
    };
    if let Some(tier) = tiers().find(is_pair) {
        let mut allowed = tiers().filter(is_pair).map(|it| it.threshold);
        return verdict(tier.threshold, &mut allowed, "a burn-rate threshold".to_owned(), None);
    }
    let recorded = measured
        .selectors()
        .iter()
        .all(|it| it.name().is_some_and(|(name, _)| expressions::is_recorded(name)));
    if recorded {
        // A name alone does not tell a burn rate from a symptom.
        let tier = tiers().find(of_window)?;
        let mut allowed = tiers().map(|it| it.threshold).chain(budgets());
        return verdict(tier.threshold, &mut allowed, "a burn-rate threshold".to_owned(), None);
    }
    let name = first.name.clone();
    let mut allowed = budgets().chain(tiers().filter(of_window).map(|it| it.threshold));
    let what = "a threshold".to_owned();
    verdict(first.budget.value, &mut allowed, what, Some((name, "share")))
}

/// `availability < 0.99`.
fn of_good_share(reader: &Reader<'_, '_>, measured: &Node, threshold: &Node) -> Option<Verdict> {
    let value = expressions::constant(threshold).filter(|value| *value > 0.0)?;
    let share = reader.share(measured).filter(|it| !it.bad && !it.burns && !it.by_name)?;
    let first = share.objectives.first()?;
    let scale = Decimal::try_from(share.scale).ok()?;
    let good =
        |budget: Decimal| (Decimal::ONE - budget).checked_mul(scale).map(|it| it.normalize());
    let tiers = share.objectives.iter().flat_map(|it| &it.tiers).map(|it| it.threshold);
    let mut allowed =
        share.objectives.iter().map(|it| it.budget.value).chain(tiers).filter_map(good);
    Some(Verdict {
        span: spelled(threshold).span.clone(),
        value,
        wanted: good(first.budget.value)?,
        what: "an objective".to_owned(),
        declared: (first.budget.span, label(first)),
        symptom: Some((first.name.clone(), "good")),
        drifted: !allowed.any(|it| equals(number(it), value)),
    })
}

fn label(objective: &Objective) -> &'static str {
    if objective.latency.is_some() { "the percentile" } else { "the error budget" }
}

/// `ratio / 0.01`, a burn rate.
fn of_burn_rate(reader: &Reader<'_, '_>, measured: &Node, divisor: &Node) -> Option<Verdict> {
    divisor.fold().filter(|it| *it > 0.0 && *it < 1.0)?;
    let share = reader.share(measured).filter(|it| it.bad && !it.burns)?;
    let first = share.objectives.first()?;
    Some(of_budget(divisor, &share, (first.budget.span, label(first))))
}

/// A number that stands for the error budget of a share.
fn of_budget(
    node: &Node,
    share: &Share<'_>,
    declared: (crate::source::Span, &'static str),
) -> Verdict {
    let value = node.fold().unwrap_or(f64::NAN);
    let scale = if share.scale > 1.0 && value >= 1.0 { Decimal::ONE_HUNDRED } else { Decimal::ONE };
    let budgets = || share.objectives.iter().map(|it| it.budget.value * scale);
    let drifted = !budgets().any(|it| equals(number(it), value));
    // `1 - 0.99`: the objective is what is written.
    let objective = match &node.peel().kind {
        Part::Binary { op, lhs, rhs, .. } if op == "-" && lhs.fold() == Some(1.0) => {
            matches!(rhs.peel().kind, Part::Number(_)).then(|| rhs.peel())
        }
        _ => None,
    };
    let budget = budgets().next().unwrap_or_default();
    let (span, value, wanted, what) = match objective {
        Some(rhs) => {
            (rhs.span.clone(), rhs.fold().unwrap_or(value), Decimal::ONE - budget, "an objective")
        }
        None => (node.peel().span.clone(), value, budget, "an error budget"),
    };
    Verdict {
        span,
        value,
        wanted: wanted.normalize(),
        what: what.to_owned(),
        declared,
        symptom: None,
        drifted,
    }
}

/// The budget in `14.4 * 0.01`.
fn budget_of(threshold: &Node) -> Option<&Node> {
    let Part::Binary { op, lhs, rhs, .. } = &threshold.peel().kind else { return None };
    let (left, right) = (lhs.fold()?, rhs.fold()?);
    let (factor, budget, node) = if left < right { (right, left, lhs) } else { (left, right, rhs) };
    (op == "*" && factor >= 1.0 && budget > 0.0 && budget < 1.0).then_some(&**node)
}

/// Recorded objectives and budgets.
fn of_record(reader: &Reader<'_, '_>, tree: &Node) -> Option<Verdict> {
    let Role::Record { name, .. } = reader.carrier.role else { return None };
    let value = expressions::constant(tree)?;
    let targets = reader.target();
    let first = targets.first()?;
    let of = |objective: &Objective| match name {
        "slo:objective:ratio" => Some(Decimal::ONE - objective.budget.value),
        "slo:error_budget:ratio" => Some(objective.budget.value),
        _ => None,
    };
    let drifted = !targets.iter().filter_map(|it| of(it)).any(|it| equals(number(it), value));
    let what = if name == "slo:objective:ratio" { "an objective" } else { "an error budget" };
    Some(Verdict {
        span: spelled(tree).span.clone(),
        value,
        wanted: of(first)?.normalize(),
        what: what.to_owned(),
        declared: (first.budget.span, label(first)),
        symptom: None,
        drifted,
    })
}

/// Buckets in rules whose labels say which latency target they are for.
fn of_buckets(reader: &Reader<'_, '_>, tree: &Node) -> Vec<Verdict> {
    let targets = reader.target();
    let bounds: Vec<_> = targets.iter().filter_map(|it| it.latency.as_ref()).collect();
    let Some(first) = bounds.first() else { return Vec::new() };
    let mut found = Vec::new();
    for selector in tree.selectors().into_iter().filter(|it| reader.is_latency(it, "_bucket")) {
        for matcher in selector.matchers.iter().filter(|it| it.label == "le") {
            let Some(value) = bound(matcher) else { continue };
            let known = reader.variants().iter().filter_map(|it| it.series.buckets.as_ref());
            // What is no bucket at all is another rule's.
            if !known.into_iter().any(|buckets| buckets.value.contains(&value)) {
                continue;
            }
            let wanted = first.below.value.seconds().normalize();
            // The form that fits Prometheus 2 and 3 is more than a number.
            let plain_text = matcher.op == MatchOp::Equal && !wanted.is_integer();
            let inside = matcher.value_span.start + 1..matcher.value_span.end.saturating_sub(1);
            found.push(Verdict {
                span: if plain_text { inside } else { matcher.span.clone() },
                value: number(value),
                wanted,
                what: "a bucket".to_owned(),
                declared: (first.below.span, "the latency target"),
                symptom: None,
                drifted: !bounds.iter().any(|it| it.below.value.seconds() == value),
            });
        }
    }
    found
}

/// The windows of the shares that an expression compares, each once.
fn windows(reader: &Reader<'_, '_>, tree: &Node) -> Vec<Duration> {
    let mut found = Vec::new();
    tree.walk(&mut |node, _| {
        if let Part::Binary { op, lhs, rhs, .. } = &node.kind
            && matches!(op.as_str(), ">" | ">=" | "<" | "<=")
            && let Some(measured) = match (lhs.fold(), rhs.fold()) {
                (None, Some(_)) => Some(lhs),
                (Some(_), None) => Some(rhs),
                _ => None,
            }
            && let Some(window) = reader.share(measured).and_then(|share| share.window)
        {
            found.push(window);
        }
    });
    found.sort_unstable();
    found.dedup();
    found
}

cases! {
    the_catalogue: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x}\nspec:\n  groups:\n  - name: x\n    rules:\n    - alert: A\n      expr: x:ratio_rate1h > (14.4 * 0.02)\n# file: slo.toml\n[service]\nname = \"x\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n"
        => ["9:38"],
    objectives: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x, namespace: n}\nspec: {groups: [{name: x, rules: [{alert: A, expr: 'x:errors:ratio_rate1h > (14.4 * (1 - 0.98))'}, {alert: B, expr: 'x:errors:ratio_rate1h > (14.4 * (1 - 0.99)) and x:errors:ratio_rate5m > 6 * 0.01'}, {alert: C, expr: 'x:errors:ratio_rate1h / 0.02 > 14.4'}, {alert: D, expr: '0.288 < x:errors:ratio_rate1h'}]}]}\n# file: slo.toml\n[service]\nname = \"x\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n"
        => ["4:90", "4:244", "4:277"],
    latency: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x, namespace: n}\nspec: {groups: [{name: x, rules: [{alert: A, expr: '1000 * histogram_quantile(0.95, sum by (le) (rate(h_bucket{job=\"x\"}[5m]))) > 500'}, {alert: B, expr: 'histogram_quantile(0.99, sum by (le) (rate(h_bucket{job=\"x\"}[5m]))) > 2'}, {record: 'x:latency:p95', expr: 'histogram_quantile(0.95, sum by (le) (rate(h_bucket[5m])))'}, {alert: C, expr: 'x:latency:p95 > 0.7'}]}]}\n# file: slo.toml\n[service]\nname = \"x\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nlatency = [{ percentile = 95, below = \"350ms\" }]\n[metrics]\nlatency = \"h\"\n"
        => ["4:130", "4:359"],
    latency_in_milliseconds: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x, namespace: n}\nspec: {groups: [{name: x, rules: [{alert: A, expr: 'histogram_quantile(0.95, sum by (le) (rate(h_bucket{job=\"x\"}[5m]))) * 1000 > 350'}]}]}\n# file: slo.toml\n[service]\nname = \"x\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nlatency = [{ percentile = 95, below = \"350ms\" }]\n[metrics]\nlatency = \"h\"\n"
        => [],
    rendered_records: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x, namespace: n}\nspec:\n  groups:\n  - name: x\n    rules:\n    - {record: 'slo:objective:ratio', labels: {slo_id: n/x/latency-p95}, expr: vector(0.9)}\n    - {record: 'slo:error_budget:ratio', labels: {slo_id: n/x/errors}, expr: vector(0.01)}\n    - {record: 'slo:error_budget:ratio', labels: {slo_id: n/y/errors}, expr: vector(0.1)}\n    - {record: 'slo:sli_bad:rate5m', labels: {slo_id: n/x/latency-p95}, expr: 'sum(rate(h_count[5m])) - sum(rate(h_bucket{le=\"0.5\"}[5m]))'}\n# file: slo.toml\n[service]\nname = \"x\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nlatency = [{ percentile = 95, below = \"350ms\" }]\nerrors = { below = \"1%\" }\n[metrics]\nlatency = \"h\"\nbuckets = [0.35, 0.5]\n"
        => ["8:87", "11:127"],
    good_shares: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x, namespace: n}\nspec: {groups: [{name: x, rules: [{alert: A, expr: '1 - sum(rate(r{code=~\"5..\"}[5m])) / sum(rate(r[5m])) < 0.95'}]}]}\n# file: slo.toml\n[service]\nname = \"x\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[metrics]\nrequests = \"r\"\n"
        => ["4:108"],
    percent: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x, namespace: n}\nspec: {groups: [{name: x, rules: [{alert: A, expr: '100 * sum(rate(r{code=~\"5..\"}[5m])) / sum(rate(r[5m])) > 1'}]}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: y, namespace: m}\nspec: {groups: [{name: x, rules: [{alert: A, expr: '100 * sum(rate(r{code=~\"5..\"}[5m])) / sum(rate(r[5m])) > 9'}]}]}\n# file: slo.toml\n[service]\nname = \"x\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[metrics]\nrequests = \"r\"\n"
        => [],
    of_others: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x, namespace: n}\nspec: {groups: [{name: x, rules: [{alert: A, labels: {service: y}, expr: 'z:errors:ratio_rate1h > 14.4 * 0.001'}, {alert: B, expr: 'apiserver_request:burnrate1h > 14.4 * 0.001'}, {alert: C, expr: 'sum(rate(r{job=\"y\",code=~\"5..\"}[5m])) / sum(rate(r{job=\"y\"}[5m])) > 0.5'}, {alert: D, expr: 'slo:sli_error:ratio_rate1h{slo_id=\"n/y/errors\"} > 0.5'}, {alert: E, expr: 'sum(rate(r{path=\"/a\"}[5m])) / sum(rate(r[5m])) > 0.5'}]}]}\n# file: slo.toml\n[service]\nname = \"x\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[metrics]\nrequests = \"r\"\n"
        => [],
    one_of_the_overlays: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x, namespace: n}\nspec: {groups: [{name: x, rules: [{alert: A, expr: 'sum(rate(r{code=~\"5..\"}[5m])) / sum(rate(r[5m])) > 0.05'}]}]}\n# file: slo.toml\n[service]\nname = \"x\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[metrics]\nrequests = \"r\"\n[env.dev.targets]\nerrors = { below = \"5%\" }\n"
        => [],
}
