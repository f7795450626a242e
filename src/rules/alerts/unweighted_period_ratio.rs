use std::ops::Range;

use crate::query::{Kind as Part, Node};
use crate::rules::expressions;
use crate::rules::prelude::*;
use crate::rules::ratios;

declare_rule! {
    /// A ratio over days is the mean of recorded ratios, not weighted by traffic.
    ///
    /// ## Why
    /// A mean of ratios counts five idle minutes of the night for as much as five minutes of the peak: one failed
    /// request of two at 3 a.m. weighs like half of all at noon. And one moment without traffic is 0 / 0, which voids
    /// the whole period (slok/sloth#526). Record what failed and what was asked for, and divide their sums.
    ///
    /// ```yaml,bad
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - record: slo:sli_error:ratio_rate5m
    ///       expr: sum(rate(http_errors_total[5m])) / (sum(rate(http_requests_total[5m])) > 0)
    ///     - record: slo:sli_error:ratio_rate30d
    ///       expr: avg_over_time(slo:sli_error:ratio_rate5m[30d])
    /// ```
    /// ```yaml,good
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - record: slo:sli_bad:rate5m
    ///       expr: sum(rate(http_errors_total[5m]))
    ///     - record: slo:sli_total:rate5m
    ///       expr: sum(rate(http_requests_total[5m]))
    ///     - record: slo:sli_error:ratio_rate30d
    ///       expr: sum_over_time(slo:sli_bad:rate5m[30d]) / (sum_over_time(slo:sli_total:rate5m[30d]) > 0)
    /// ```
    "alerts/unweighted-period-ratio" pub struct UnweightedPeriodRatio {}
    severity: Info, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("reads PromQL, which CEL cannot"),
}

const DAY: Duration = Duration::from_secs(86_400);

impl Rule for UnweightedPeriodRatio {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for carrier in cluster.carriers() {
            let Some(query) = carrier.query() else { continue };
            let mut found = Vec::new();
            query.tree().walk(&mut |node, _| found.extend(mean(node)));
            for mean in found {
                if mean.window < DAY || !ratios::is_recorded_share(cluster, mean.record) {
                    continue;
                }
                let message = format!(
                    "{} averages `{}` over {}, whatever the traffic was",
                    expressions::title(carrier),
                    mean.record,
                    mean.window.clock()
                );
                cx.report(&carrier.object, carrier.spot(mean.spot), message)
                    .here("idle minutes weigh like peaks")
                    .label(carrier.spot(mean.record_spot), "a ratio")
                    .help("divide `sum_over_time` of what failed by `sum_over_time` of the total");
            }
        }
    }
}

/// The mean of a record over a window.
struct Mean<'q> {
    record: &'q str,
    record_spot: Range<usize>,
    window: Duration,
    spot: Range<usize>,
}

/// `avg_over_time(record[window])`, or `sum_over_time` of it divided by `count_over_time`.
fn mean(node: &Node) -> Option<Mean<'_>> {
    match &node.kind {
        Part::Call { .. } => over_time(node, "avg_over_time"),
        Part::Binary { op, lhs, rhs, .. } if op == "/" => {
            let (sum, count) =
                (over_time(lhs, "sum_over_time")?, over_time(rhs, "count_over_time")?);
            (sum.record == count.record && sum.window == count.window).then_some(sum)
        }
        _ => None,
    }
}

fn over_time<'q>(node: &'q Node, function: &str) -> Option<Mean<'q>> {
    let node = match &node.peel().kind {
        Part::Aggregate { expr, .. } => expr.peel(),
        _ => node.peel(),
    };
    let Part::Call { name, name_span, args } = &node.kind else { return None };
    let selector = args.first()?.peel().selector().filter(|_| name == function)?;
    let (record, record_spot) = selector.metric?;
    Some(Mean {
        record,
        record_spot: record_spot.clone(),
        window: Duration::from_millis(selector.range?.millis),
        spot: name_span.clone(),
    })
}

cases! {
    sum_by_count: "groups:\n- name: g\n  rules:\n  - {record: 'a:b:ratio', expr: 'sum(rate(e_total[5m])) / sum(rate(x_total[5m]))'}\n  - {record: 'a:b:ratio30d', expr: 'sum_over_time(a:b:ratio[30d]) / ignoring (w) count_over_time(a:b:ratio[30d])'}\n  - {record: 'a:b:other', expr: 'sum_over_time(a:b:ratio[30d]) / count_over_time(a:c:ratio[30d])'}\n  - {record: 'a:b:short', expr: 'avg_over_time(a:b:ratio[23h])'}\n  - {record: 'a:b:day', expr: 'avg(avg_over_time(a:b:ratio[1d]))'}\n"
        => ["5:37", "8:36"],
    ratios_of_capacity: "groups:\n- name: g\n  rules:\n  - {record: 'a:b:ratio', expr: 'node_memory_MemFree_bytes / node_memory_MemTotal_bytes'}\n  - {record: 'a:b:avg', expr: 'avg_over_time(a:b:ratio[30d])'}\n  - {record: 'a:b:avg2', expr: 'avg_over_time(instance:node_memory:ratio[30d]) + avg_over_time(x[30d])'}\n"
        => [],
    durations_are_no_ratios: "groups:\n- name: g\n  rules:\n  - {record: 'a:b:increase30d', expr: 'avg_over_time(verb:apiserver_request_sli_duration_seconds_count:increase1h[30d])'}\n"
        => [],
    by_name: "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'avg_over_time(slo:sli_error:ratio_rate5m{a=\"b\"}[4w]) > 0.01'}\n"
        => ["4:23"],
    a_record_of_records: "groups:\n- name: g\n  rules:\n  - {record: 'a:t:rate', expr: 'sum(rate(x_total[5m]))'}\n  - {record: 'a:b:errors', expr: 'a:e:rate / (a:t:rate > 0)'}\n  - {record: 'a:b:avg', expr: '1 - avg_over_time(a:b:errors[7d])'}\n"
        => ["6:36"],
}
