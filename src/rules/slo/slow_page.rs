use rustc_hash::{FxHashMap, FxHashSet};

use crate::query::Node;
use crate::rules::expressions;
use crate::rules::indicator::{Reader, equals, number};
use crate::rules::prelude::*;
use crate::rules::probes::short_startup_budget::Budget;

use super::low_traffic_alert::{compared, pages};

declare_rule! {
    /// Even a total failure pages late.
    ///
    /// ## Why
    /// A burn-rate alert fires when the share of bad requests over its long window passes factor × budget, which at total
    /// failure takes factor × budget × window. For errors below 1 % that is under nine minutes; for a P95, whose budget is
    /// 5 %, it is 43 (sre.google/workbook/alerting-on-slos/). An alert on the threshold itself, `P95 > 350 ms` for two
    /// minutes, closes the gap. Option `within` says how long is too long.
    ///
    /// ```yaml,bad
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop, namespace: prod }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ShopLatencyBudgetBurn
    ///       expr: |
    ///         (1 - sum(rate(http_request_duration_seconds_bucket{job="shop", le="0.25"}[5m]))
    ///           / sum(rate(http_request_duration_seconds_count{job="shop"}[5m])) > 14.4 * 0.05)
    ///         and
    ///         (1 - sum(rate(http_request_duration_seconds_bucket{job="shop", le="0.25"}[1h]))
    ///           / sum(rate(http_request_duration_seconds_count{job="shop"}[1h])) > 14.4 * 0.05)
    ///       for: 2m
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "prod"
    /// image = "shop:1.2"
    /// [targets]
    /// latency = [{ percentile = 95, below = "250ms" }]
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
    ///     - alert: ShopLatencyBudgetBurn
    ///       expr: |
    ///         (1 - sum(rate(http_request_duration_seconds_bucket{job="shop", le="0.25"}[5m]))
    ///           / sum(rate(http_request_duration_seconds_count{job="shop"}[5m])) > 14.4 * 0.05)
    ///         and
    ///         (1 - sum(rate(http_request_duration_seconds_bucket{job="shop", le="0.25"}[1h]))
    ///           / sum(rate(http_request_duration_seconds_count{job="shop"}[1h])) > 14.4 * 0.05)
    ///       for: 2m
    ///     - alert: ShopLatencySLOBreach
    ///       expr: |
    ///         histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{job="shop"}[1m]))) > 0.25
    ///       for: 2m
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "prod"
    /// image = "shop:1.2"
    /// [targets]
    /// latency = [{ percentile = 95, below = "250ms" }]
    /// [alerts]
    /// absent = false
    /// ```
    "slo/slow-page" pub struct SlowPage {
        /// How soon somebody must be woken when everything fails.
        pub within: Budget = Budget(Duration::from_secs(900)),
    }
    severity: Info, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("reads PromQL, which CEL cannot, and needs the slo.toml of the service"),
}

/// The fastest page on one target.
struct Fastest<'c, 'a> {
    carrier: &'c Carrier<'a>,
    span: std::ops::Range<usize>,
    objective: &'a Objective,
    takes: f64,
}

impl Rule for SlowPage {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        // The alert on the threshold may stand in a file that is not given.
        if cluster.is_partial() {
            return;
        }
        let mut fastest: FxHashMap<(&str, &str), Option<Fastest<'_, '_>>> = FxHashMap::default();
        let mut unread = FxHashSet::default();
        for carrier in cluster.carriers().iter().filter(|it| it.object.slo.is_some()) {
            if !pages(carrier) {
                continue;
            }
            // What cannot be read may be the one on the threshold.
            let Some(query) = carrier.query() else {
                unread.insert(carrier.object.slo);
                continue;
            };
            let Some(reader) = Reader::new(cluster, carrier) else { continue };
            for objective in symptoms(&reader, query.tree()) {
                fastest.insert((&objective.id, &objective.name), None);
            }
            let slowest = compared(&reader, query.tree()).into_iter().max_by(|one, other| {
                takes(one.threshold, one.window).total_cmp(&takes(other.threshold, other.window))
            });
            let Some(slowest) = slowest else { continue };
            let objective = slowest.objective;
            let takes = takes(slowest.threshold, slowest.window);
            let new = Fastest { carrier, span: slowest.span, objective, takes };
            let known = fastest.entry((&objective.id, &objective.name));
            known
                .and_modify(|known| {
                    if known.as_ref().is_some_and(|known| takes < known.takes) {
                        *known = Some(Fastest { span: new.span.clone(), ..new });
                    }
                })
                .or_insert_with(|| {
                    Some(Fastest { carrier, span: new.span.clone(), objective, takes })
                });
        }
        let mut slow: Vec<_> = fastest.into_values().flatten().collect();
        slow.retain(|it| it.takes > number(self.within.0.seconds()));
        slow.retain(|it| !unread.contains(&it.carrier.object.slo));
        slow.sort_by_key(|it| (it.carrier.object.index, it.span.start));
        for found in slow {
            report(cx, &found, self.within.0);
        }
    }
}

/// Seconds of total failure until a share over `window` passes `threshold`.
fn takes(threshold: f64, window: Duration) -> f64 {
    threshold * number(window.seconds())
}

/// The targets whose thresholds an alert compares with.
fn symptoms<'a>(reader: &Reader<'_, 'a>, tree: &Node) -> Vec<&'a Objective> {
    let mut found = Vec::new();
    tree.walk(&mut |node, _| {
        if !node.is_comparison() {
            return;
        }
        for quantile in node.children().filter_map(|side| reader.quantile(side)) {
            let percent = quantile.share * 100.0;
            let of_percentile = |it: &&Objective| {
                it.latency.as_ref().is_some_and(|it| equals(number(it.percentile), percent))
            };
            found.extend(reader.objectives().filter(of_percentile));
        }
    });
    found
}

fn report<'a>(cx: &mut Ctx<'a>, found: &Fastest<'_, 'a>, within: Duration) {
    let carrier = found.carrier;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive time")]
    let takes = Duration::from_secs(found.takes.round() as u64).clock();
    let message = format!(
        "a total failure of target `{}` pages after {takes} at the earliest, more than {within}",
        found.objective.name
    );
    let help = match &found.objective.latency {
        Some(bound) => format!(
            "alert on the threshold too: P{} above {} s for 2m",
            crate::units::plain(bound.percentile),
            crate::units::plain(bound.below.value.seconds())
        ),
        None => "alert on the share of failed requests over 5m too".to_owned(),
    };
    cx.report(&carrier.object, carrier.spot(found.span.clone()), message)
        .here(format!("passed after {takes}"))
        .label(found.objective.budget.span, "the target whose budget it is")
        .help(format!("{help}; {} is the fastest", expressions::title(carrier)));
}

cases! {
    of_errors: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x, namespace: n}\nspec: {groups: [{name: x, rules: [{alert: A, expr: 'x:errors:ratio_rate5m > 14.4 * 0.01 and x:errors:ratio_rate1h > 14.4 * 0.01'}]}]}\n# file: slo.toml\n[service]\nname = \"x\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n"
        => [],
    another_option: "# lint: rules.\"slo/slow-page\".within = \"5m\"\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x, namespace: n}\nspec: {groups: [{name: x, rules: [{alert: B, expr: 'x:errors:ratio_rate30m > 6 * 0.01 and x:errors:ratio_rate6h > 6 * 0.01'}, {alert: A, expr: 'x:errors:ratio_rate5m > 14.4 * 0.01 and x:errors:ratio_rate1h > 14.4 * 0.01'}]}]}\n# file: slo.toml\n[service]\nname = \"x\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n"
        => ["4:209"],
    only_a_ticket_is_no_page: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x, namespace: n}\nspec: {groups: [{name: x, rules: [{alert: A, labels: {severity: ticket}, expr: 'x:errors:ratio_rate6h > 0.01 and x:errors:ratio_rate3d > 0.01'}]}]}\n# file: slo.toml\n[service]\nname = \"x\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n"
        => [],
}
