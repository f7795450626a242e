use std::ops::Range;

use crate::query::{Kind as Part, Node};
use crate::rules::expressions;
use crate::rules::indicator::{Reader, number};
use crate::rules::prelude::*;
use crate::units::plain;

declare_rule! {
    /// At the expected traffic one failed request is enough for a burn-rate alert.
    ///
    /// ## Why
    /// A share of bad requests means something only where there are some. With two requests in five minutes one failure
    /// is 50 %, more than any burn-rate threshold (pyrra-dev/pyrra#1925). Where one failed request exceeds the thresholds
    /// of all windows, somebody is woken by it; where it exceeds that of the short window alone, that window no longer
    /// tells whether the outage goes on. `alerts.expected_rps` of slo.toml says how much traffic there is; an alert that
    /// also asks for a number of requests is left alone.
    ///
    /// ```yaml,bad
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop, namespace: prod }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ShopErrorBudgetBurn
    ///       expr: |
    ///         (sum(rate(http_requests_total{job="shop", status=~"5.."}[5m]))
    ///           / sum(rate(http_requests_total{job="shop"}[5m])) > 14.4 * 0.01)
    ///         and
    ///         (sum(rate(http_requests_total{job="shop", status=~"5.."}[1h]))
    ///           / sum(rate(http_requests_total{job="shop"}[1h])) > 14.4 * 0.01)
    ///       for: 2m
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "prod"
    /// image = "shop:1.2"
    /// [targets]
    /// errors = { below = "1%" }
    /// [alerts]
    /// expected_rps = 0.001
    /// burn_rate = false
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
    ///     - alert: ShopErrorBudgetBurn
    ///       expr: |
    ///         (sum(rate(http_requests_total{job="shop", status=~"5.."}[5m]))
    ///           / sum(rate(http_requests_total{job="shop"}[5m])) > 14.4 * 0.01)
    ///         and
    ///         (sum(rate(http_requests_total{job="shop", status=~"5.."}[1h]))
    ///           / sum(rate(http_requests_total{job="shop"}[1h])) > 14.4 * 0.01)
    ///         and
    ///         sum(increase(http_requests_total{job="shop"}[1h])) > 100
    ///       for: 2m
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "prod"
    /// image = "shop:1.2"
    /// [targets]
    /// errors = { below = "1%" }
    /// [alerts]
    /// expected_rps = 0.001
    /// burn_rate = false
    /// absent = false
    /// ```
    "slo/low-traffic-alert" pub struct LowTrafficAlert {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("reads PromQL, which CEL cannot, and needs the slo.toml of the service"),
}

/// A share that is compared, in one window.
pub(super) struct Compared<'a> {
    /// Where the threshold is written.
    pub(super) span: Range<usize>,
    /// The share of bad requests above which it holds.
    pub(super) threshold: f64,
    pub(super) window: Duration,
    /// The target that is measured.
    pub(super) objective: &'a Objective,
}

impl Rule for LowTrafficAlert {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        // What a recorded name means may stand in a file that is not given.
        if cluster.is_partial() || cluster.slo.iter().all(|it| it.expected_rps.is_none()) {
            return;
        }
        for carrier in cluster.carriers().iter().filter(|it| it.object.slo.is_some()) {
            let Some(query) = carrier.query().filter(|_| pages(carrier)) else { continue };
            let Some(reader) = Reader::new(cluster, carrier) else { continue };
            let rates = reader.variants().iter().map(|it| it.expected_rps.as_ref());
            let rates: Option<Vec<_>> = rates.collect();
            // Of several environments the busiest must be in danger.
            let Some(rate) = rates.into_iter().flatten().max_by_key(|it| it.value) else {
                continue;
            };
            let compared = compared(&reader, query.tree());
            if !is_guarded(&reader, query.tree()) {
                judge(cx, &reader, &compared, rate);
            }
        }
    }
}

fn judge(
    cx: &mut Ctx<'_>,
    reader: &Reader<'_, '_>,
    compared: &[Compared<'_>],
    rate: &Written<Decimal>,
) {
    let carrier = reader.carrier;
    let alone =
        |it: &Compared<'_>| number(rate.value) * number(it.window.seconds()) * it.threshold < 1.0;
    let burns =
        |it: &&Compared<'_>| it.threshold > number(it.objective.budget.value) * (1.0 + 1e-9);
    let shortest = compared.iter().min_by_key(|it| it.window).filter(burns);
    let Some(short) = shortest.filter(|it| alone(it)) else { return };
    let fires = compared.iter().all(alone);
    let (rps, title) = (plain(rate.value), expressions::title(carrier));
    let message = if fires {
        format!("at {rps} requests per second one failed request fires {title}")
    } else {
        format!(
            "at {rps} requests per second one failed request exceeds the {} threshold of {title}",
            short.window
        )
    };
    let expected = number(rate.value) * number(short.window.seconds());
    let longest = compared.iter().map(|it| it.window).max().unwrap_or(short.window);
    cx.report(&carrier.object, carrier.spot(short.span.clone()), message)
        .severity(if fires { Warning } else { Info })
        .here(format!("{expected:.2} requests in {}", short.window))
        .label(rate.span, "the expected traffic")
        .label(short.objective.budget.span, "the target whose budget it is")
        .help(format!(
            "ask for traffic too, such as `and sum(increase({}[{longest}])) > 100`, or take longer windows",
            reader.declared().series.requests
        ));
}

/// True for an alert that may wake somebody.
pub(super) fn pages(carrier: &Carrier<'_>) -> bool {
    let Role::Alert { rule, .. } = carrier.role else { return false };
    let severity = rule.get("labels").and_then(|labels| labels.text_of("severity"));
    !severity.is_some_and(|it| matches!(it, "ticket" | "info" | "none"))
}

/// Every share of bad requests that an alert compares with a number, if the windows of all are known.
pub(super) fn compared<'a>(reader: &Reader<'_, 'a>, tree: &Node) -> Vec<Compared<'a>> {
    let mut found = Vec::new();
    let mut unknown = false;
    tree.walk(&mut |node, _| {
        let Some((measured, threshold)) = sides(node) else { return };
        let Some(value) = expressions::constant(threshold).filter(|it| *it > 0.0) else { return };
        let Some(share) = reader.share(measured) else { return };
        let mut objectives = share.objectives.iter();
        let first = objectives.next().copied().filter(|_| share.bad);
        let (Some(objective), Some(window)) = (first, share.window) else {
            unknown = true;
            return;
        };
        unknown |= objectives.any(|it| it.name != objective.name);
        let budget = if share.burns { number(objective.budget.value) } else { 1.0 };
        let threshold_span = threshold.peel().span.clone();
        let threshold = value * budget / share.scale;
        found.push(Compared { span: threshold_span, threshold, window, objective });
    });
    if unknown { Vec::new() } else { found }
}

/// What is above what.
fn sides(node: &Node) -> Option<(&Node, &Node)> {
    let Part::Binary { op, lhs, rhs, bool_modifier: false, .. } = &node.kind else { return None };
    match op.as_str() {
        ">" | ">=" => Some((lhs, rhs)),
        "<" | "<=" => Some((rhs, lhs)),
        _ => None,
    }
}

/// True if an alert also asks for a number of requests, or for something that nobody knows here.
fn is_guarded(reader: &Reader<'_, '_>, tree: &Node) -> bool {
    let mut found = false;
    tree.walk(&mut |node, above| {
        let Some((measured, threshold)) = sides(node) else { return };
        // How many samples there are says nothing about traffic, and more than none is not much.
        let samples = matches!(&measured.peel().kind, Part::Call { name, .. }
            if matches!(name.as_str(), "count_over_time" | "present_over_time"));
        let asks = threshold.fold().is_none_or(|value| value > 0.0);
        let inside = above
            .iter()
            .any(|it| matches!(&it.kind, Part::Binary { op, .. } if op == "/" || op == "*"));
        let judged = reader.share(measured).is_some() || reader.share(threshold).is_some();
        found |= asks && !samples && !inside && !judged;
    });
    found
}

cases! {
    the_short_window_alone: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x, namespace: n}\nspec: {groups: [{name: x, rules: [{alert: A, expr: 'x:errors:ratio_rate5m > 14.4 * 0.01 and x:errors:ratio_rate1h > 14.4 * 0.01'}, {alert: B, labels: {severity: ticket}, expr: 'x:errors:ratio_rate5m > 14.4 * 0.01'}, {alert: C, expr: 'x:errors:ratio_rate5m > 14.4 * 0.01 and x:requests:rate5m > 1'}, {alert: D, expr: 'x:errors:ratio_rate5m > 0.01'}]}]}\n# file: slo.toml\n[service]\nname = \"x\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[alerts]\nexpected_rps = 0.02\n"
        => ["4:77"],
    enough_traffic: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x, namespace: n}\nspec: {groups: [{name: x, rules: [{alert: A, expr: 'x:errors:ratio_rate5m > 14.4 * 0.01'}]}]}\n# file: slo.toml\n[service]\nname = \"x\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[alerts]\nexpected_rps = 0.024\n"
        => [],
    samples_are_no_traffic: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x, namespace: n}\nspec: {groups: [{name: x, rules: [{alert: A, expr: '0.144 < x:errors:ratio_rate5m and on () (count_over_time(x:requests:rate5m[1h]) > 30)'}]}]}\n# file: slo.toml\n[service]\nname = \"x\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[alerts]\nexpected_rps = 0.022\n"
        => ["4:53"],
    nobody_says: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x, namespace: n}\nspec: {groups: [{name: x, rules: [{alert: A, expr: 'x:errors:ratio_rate5m > 14.4 * 0.01'}]}]}\n# file: slo.toml\n[service]\nname = \"x\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n"
        => [],
}
