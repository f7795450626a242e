use crate::query::{Kind as Part, Node};
use crate::rules::expressions;
use crate::rules::label_sets::{Inference, Label};
use crate::rules::prelude::*;

declare_rule! {
    /// An operator finds no pair of series with equal labels.
    ///
    /// ## Why
    /// Operators pair series whose labels are all equal. Where one side has a label that the other has not, or another
    /// value of it, such as the window of a recording, there are no pairs: the result is empty, without any error, and
    /// the alert never fires (pint's vector_matching finds it on a live server only). `unless` then takes nothing away.
    /// Labels are known from `by`, from matchers and from the records of the input with their static labels; a label
    /// that is named in `by` is taken to be there.
    ///
    /// ```yaml,bad
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ShopErrors
    ///       expr: |
    ///         sum by (job) (rate(http_errors_total[5m]))
    ///           / sum by (job, route) (rate(http_requests_total[5m])) > 0.01
    /// ```
    /// ```yaml,good
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ShopErrors
    ///       expr: |
    ///         sum by (job, route) (rate(http_errors_total[5m]))
    ///           / on (job) group_left sum by (job) (rate(http_requests_total[5m])) > 0.01
    ///     - record: slo:sli_error:ratio_rate5m
    ///       expr: sum(rate(http_errors_total[5m])) / sum(rate(http_requests_total[5m]))
    ///       labels: { slo_window: 5m }
    ///     - record: slo:sli_error:ratio_rate1h
    ///       expr: sum(rate(http_errors_total[1h])) / sum(rate(http_requests_total[1h]))
    ///       labels: { slo_window: 1h }
    ///     - alert: ShopBudgetBurn
    ///       expr: |
    ///         max without (slo_window) (slo:sli_error:ratio_rate5m > 14.4 * 0.01)
    ///           and max without (slo_window) (slo:sli_error:ratio_rate1h > 14.4 * 0.01)
    /// ```
    "alerts/label-mismatch" pub struct LabelMismatch {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("reads PromQL, which CEL cannot"),
}

impl Rule for LabelMismatch {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let inference = Inference::new(cluster);
        for carrier in cluster.carriers() {
            let Some(query) = carrier.query() else { continue };
            let mut found = Vec::new();
            query.tree().walk(&mut |node, _| {
                if let Part::Binary { op, op_span, matching: None, lhs, rhs, .. } = &node.kind
                    && op != "or"
                    && let Some(left) = inference.of(lhs)
                    && let Some(right) = inference.of(rhs)
                    && let Some(label) = left.difference(&right)
                {
                    let sides = [(&**lhs, left.of(label)), (&**rhs, right.of(label))];
                    found.push((op, op_span.clone(), label, sides));
                }
            });
            for (op, spot, label, sides) in found {
                let effect = if op == "unless" { "takes nothing away" } else { "has no result" };
                let message = format!(
                    "`{op}` of {} {effect}: no series agree on `{label}`",
                    expressions::title(carrier)
                );
                let mut report = cx.report(&carrier.object, carrier.spot(spot), message);
                report = report.here("finds no pairs");
                for (side, state) in sides {
                    let says = match state {
                        Label::Is("") => format!("has no `{label}`"),
                        Label::Is(value) => {
                            format!("`{label}` is `{value}`")
                        }
                        _ => format!("has `{label}`"),
                    };
                    report = report.label(carrier.spot(telling(side)), says);
                }
                report.help(format!(
                    "group both sides alike, or write `{op} on (…)` or `{op} ignoring ({label})`"
                ));
            }
        }
    }
}

/// The part of an operand that says what labels it has: its grouping, else all of it.
fn telling(node: &Node) -> std::ops::Range<usize> {
    match &node.peel().kind {
        Part::Aggregate { grouping: Some(grouping), .. } => grouping.span.clone(),
        Part::Aggregate { op_span, .. } => op_span.clone(),
        Part::Binary { op, lhs, rhs, .. } if op != "or" => {
            let left = telling(lhs);
            if expressions::is_constant(lhs) { telling(rhs) } else { left }
        }
        _ => node.span.clone(),
    }
}

cases! {
    windows_of_records: "groups:\n- name: g\n  rules:\n  - {record: 'd:x:r5m', expr: 'sum(rate(e_total[5m]))', labels: {slo_window: 5m}}\n  - {record: 'd:x:r1h', expr: 'sum(rate(e_total[1h]))', labels: {slo_window: 1h}}\n  - {alert: A, expr: '(d:x:r5m > 0.1) and (d:x:r1h > 0.1)'}\n  - {alert: B, expr: 'max without (slo_window) (d:x:r5m > 0.1) and max without (slo_window) (d:x:r1h > 0.1)'}\n  - {alert: C, expr: 'd:x:r5m > 0.1 and ignoring (slo_window) d:x:r1h > 0.1'}\n  - {alert: D, expr: 'd:x:r5m > 0.1 or d:x:r1h > 0.1'}\n"
        => ["6:39"],
    groupings: "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'sum by (a) (x) / sum by (a, b) (y)'}\n  - {alert: B, expr: 'sum by (b, a) (x) / sum by (a, b) (y)'}\n  - {alert: C, expr: 'sum by (a) (x) / x'}\n  - {alert: D, expr: 'sum(x) / sum by (a) (y)'}\n  - {alert: E, expr: 'sum by (a) (x) / scalar(sum(y))'}\n  - {alert: F, expr: 'sum without (a) (x) / sum without (b) (y)'}\n"
        => ["4:38", "7:30"],
    joins: "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'sum by (a) (x) / on (a) sum by (a, b) (y)'}\n  - {alert: B, expr: 'sum by (a, b) (x) / on (a) group_left sum by (a) (y) > 1 and sum by (a, b) (z)'}\n  - {alert: C, expr: 'sum by (a, b) (x) / on (a) sum by (a, c) (y) and sum by (a) (z)'}\n  - {alert: D, expr: '(x * on (a) group_left (c) sum by (a, c) (y)) and sum by (a) (z)'}\n"
        => ["7:69"],
    unions: "groups:\n- name: g\n  rules:\n  - {alert: A, expr: '(sum by (a) (x) or vector(0)) + sum by (a) (y)'}\n  - {alert: B, expr: 'sum by (a) (x) + vector(0)'}\n  - {alert: C, expr: 'sum by (a) (x) > vector(0) or vector(1)'}\n"
        => ["5:38", "6:38"],
    matchers: "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'x{job=\"a\"} / y{job=\"b\"}'}\n  - {alert: B, expr: 'x{job=\"a\"} / y'}\n  - {alert: C, expr: 'x{job=\"a\"} / y{job=~\"b|a\"}'}\n  - {alert: D, expr: 'x{pod=\"\"} unless y{pod!=\"\"}'}\n  - {alert: E, expr: 'sum without (job) (x{job=\"a\"}) / sum without (job) (y{job=\"b\"})'}\n"
        => ["4:34", "7:33"],
    quantiles_lose_le: "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'histogram_quantile(0.9, sum by (job, le) (rate(x_bucket[5m]))) > 1 and sum by (job) (rate(x_count[5m])) > 5'}\n"
        => [],
    absence: "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'absent(x{job=\"a\"}) and sum(y)'}\n  - {alert: B, expr: 'absent(x{job=\"a\"}) and on () sum(y)'}\n  - {alert: C, expr: 'absent(x) and sum(y)'}\n"
        => ["4:42"],
    label_replace: "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'label_replace(sum by (a) (x), \"b\", \"$1\", \"a\", \"(.*)\") / sum by (a, b) (y)'}\n  - {alert: B, expr: 'count_values by (a) (\"v\", x) / sum by (a) (y)'}\n"
        => ["5:52"],
    several_records_of_one_name: "groups:\n- name: g\n  rules:\n  - {record: 'd:x:r', expr: 'sum by (a) (rate(e_total[5m]))'}\n  - {record: 'd:x:r', expr: 'sum(rate(e_total[5m]))'}\n  - {alert: A, expr: 'd:x:r / sum by (a) (y)'}\n  - {alert: B, expr: 'd:x:r / sum(y)'}\n  - {alert: C, expr: 'd:x:r / sum by (b) (y)'}\n"
        => ["8:29"],
    records_of_themselves: "groups:\n- name: g\n  rules:\n  - {record: 'd:x:r', expr: 'd:x:r + 1'}\n  - {alert: A, expr: 'd:x:r / sum by (a) (y)'}\n"
        => [],
    keda: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: prometheus, metadata: {query: 'sum(x) / count by (pod) (y)'}}]}\n"
        => ["4:64"],
    adapter: "rules:\n- seriesQuery: x\n  metricsQuery: sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>) / sum(y{<<.LabelMatchers>>}) by (<<.GroupBy>>)\n- seriesQuery: x\n  metricsQuery: sum(x_total{<<.LabelMatchers>>}) by (<<.GroupBy>>) / sum(y{<< .LabelMatchers >>}) by (<< .GroupBy >>)\n- seriesQuery: x\n  metricsQuery: sum(x_total{<<.LabelMatchers>>}) by (pod) / x{<< .LabelMatchers >>}\n"
        => [],
    analysis: "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: a}\nspec: {metrics: [{name: m, provider: {prometheus: {query: 'sum(x{s=\"{{args.s}}\"}) / sum by (b) (y)'}}}]}\n"
        => ["4:83"],
    in_a_folded_block: "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: >-\n      y or\n      (sum by (a) (x)\n      / sum(z))\n"
        => ["8:7"],
}
