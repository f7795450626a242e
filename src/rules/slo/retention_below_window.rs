use crate::query::{Kind as Part, Window};
use crate::rules::indicator::{Reader, lasts};
use crate::rules::prelude::*;

declare_rule! {
    /// A rule reads further back than Prometheus keeps samples.
    ///
    /// ## Why
    /// Prometheus answers a query over 30 days from what it has. With a retention of 15 days the share of bad requests
    /// over the window, and the budget that is left of it, are computed on half of the window, silently: an outage drops
    /// out of the budget long before the window is over (cloudflare/pint, docs/checks/promql/range_query.md).
    ///
    /// ```yaml,bad
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop, namespace: prod }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - record: shop:http_requests:increase30d
    ///       expr: sum(increase(http_requests_total{job="shop"}[30d]))
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "prod"
    /// image = "shop:1.2"
    /// [targets]
    /// window = "30d"
    /// errors = { below = "1%" }
    /// [metrics]
    /// retention = "15d"
    /// ```
    /// ```yaml,good
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop, namespace: prod }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - record: shop:http_requests:increase30d
    ///       expr: sum(increase(http_requests_total{job="shop"}[30d]))
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "prod"
    /// image = "shop:1.2"
    /// [targets]
    /// window = "30d"
    /// errors = { below = "1%" }
    /// [metrics]
    /// retention = "35d"
    /// ```
    "slo/retention-below-window" pub struct RetentionBelowWindow {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("reads PromQL, which CEL cannot, and needs the slo.toml of the service"),
}

impl Rule for RetentionBelowWindow {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let short = |declared: &Declared| {
            declared.retention.as_ref().is_some_and(|it| it.value < declared.window.value)
        };
        if !cluster.slo.iter().any(short) {
            return;
        }
        for carrier in cluster.carriers().iter().filter(|it| it.object.slo.is_some()) {
            let Some(query) = carrier.query() else { continue };
            let Some(reader) = Reader::new(cluster, carrier) else { continue };
            if !reader.variants().iter().all(|it| short(it)) {
                continue;
            }
            let mut found = Vec::new();
            query.tree().walk(&mut |node, _| {
                let range = match &node.kind {
                    Part::Subquery { range, .. } => Some(range),
                    Part::Selector { range, .. } => range.as_ref(),
                    _ => None,
                };
                let own = || node.selectors().iter().any(|it| reader.is_own(it));
                found.extend(range.filter(|it| is_whole(&reader, it) && own()));
            });
            if let Some(range) = found.first() {
                report(cx, &reader, range);
            }
        }
    }
}

/// True if a range is as long as the window of the budget, and longer than samples are kept.
fn is_whole(reader: &Reader<'_, '_>, range: &Window) -> bool {
    reader.variants().iter().all(|declared| {
        let kept = declared.retention.as_ref().is_some_and(|it| lasts(range) <= it.value);
        !kept && lasts(range) >= declared.window.value
    })
}

fn report<'a>(cx: &mut Ctx<'a>, reader: &Reader<'_, 'a>, range: &Window) {
    let (carrier, declared) = (reader.carrier, reader.declared());
    let Some(retention) = &declared.retention else { return };
    let message = format!(
        "{} reads {} back, samples are kept for {}",
        crate::rules::expressions::title(carrier),
        lasts(range),
        retention.value
    );
    cx.report(&carrier.object, carrier.spot(range.span.clone()), message)
        .here("computed on a part of it")
        .label(retention.span, "the retention")
        .label(declared.window.span, "the window of the budget")
        .help(format!(
            "keep samples for {} or more, or set `targets.window` to {} or less",
            lasts(range),
            retention.value
        ));
}

cases! {
    subqueries_and_shorter_ranges: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r, namespace: n}\nspec: {groups: [{name: g, rules: [{record: 'a:b:c', expr: 'sum_over_time(sum(rate(x[5m]))[30d:5m])'}, {record: 'a:b:d', expr: 'sum(rate(x[3d]))'}, {record: 'a:b:e', expr: 'sum(rate(x{job=\"b\"}[30d]))'}]}]}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[metrics]\nretention = \"1w\"\n"
        => ["4:90"],
    nobody_says: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r, namespace: n}\nspec: {groups: [{name: g, rules: [{record: 'a:b:c', expr: 'sum(rate(x[30d]))'}]}]}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n"
        => [],
}
