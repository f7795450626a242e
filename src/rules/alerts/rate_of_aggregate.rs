use std::ops::Range;

use rustc_hash::FxHashMap;

use crate::query::{Kind as Part, Node};
use crate::rules::expressions;
use crate::rules::prelude::*;
use crate::source::Span;

declare_rule! {
    /// A rate is taken of a sum of counters.
    ///
    /// ## Why
    /// A counter that falls was reset, and `rate` takes its new value for the growth since. A sum of counters falls
    /// whenever one pod restarts or goes away, and all that the others ever counted becomes the growth of a moment: a
    /// spike in the graph, a page, a scale-up (pyrra-dev/pyrra#968). Sum the rates instead: `rate` first.
    ///
    /// ```yaml,bad
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ShopIsBusy
    ///       expr: rate(sum(http_requests_total{job="shop"})[10m:]) > 1000
    /// ```
    /// ```yaml,good
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ShopIsBusy
    ///       expr: sum(rate(http_requests_total{job="shop"}[10m])) > 1000
    /// ```
    "alerts/rate-of-aggregate" pub struct RateOfAggregate {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("reads PromQL, which CEL cannot"),
}

impl Rule for RateOfAggregate {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let mut known = FxHashMap::default();
        for carrier in cluster.carriers() {
            let Some(query) = carrier.query() else { continue };
            let mut found = Vec::new();
            query.tree().walk(&mut |node, _| {
                if let Part::Call { name, args, .. } = &node.kind
                    && matches!(name.as_str(), "rate" | "irate" | "increase")
                    && let Some(arg) = args.first()
                {
                    let mut sums = Vec::new();
                    summed(cluster, arg.peel(), &mut known, &mut sums);
                    found.extend(sums.into_iter().map(|sum| (name.as_str(), sum)));
                }
            });
            for (function, sum) in found {
                let message = format!(
                    "`{function}` of a sum: when one pod restarts, {} takes the counters of all for new",
                    expressions::title(carrier)
                );
                let here =
                    if sum.record.is_some() { "recorded as a sum" } else { "summed too early" };
                cx.report(&carrier.object, carrier.spot(sum.span), message)
                    .here(here)
                    .label_if(sum.record, "records the sum")
                    .help(format!("write `sum({function}(…))`: the rate of each counter first"));
            }
        }
    }
}

/// A sum of counters, and where it is recorded if it is read by name.
struct Sum {
    span: Range<usize>,
    record: Option<Span>,
}

/// Where a record of counters' sums is written, by its name; `None` for other records.
type Known<'c> = FxHashMap<&'c str, Option<Span>>;

/// Finds the sums of counters in the range that a rate is taken of.
fn summed<'c>(
    cluster: &'c Cluster<'_>,
    node: &'c Node,
    known: &mut Known<'c>,
    found: &mut Vec<Sum>,
) {
    match &node.kind {
        Part::Paren(expr) | Part::Subquery { expr, .. } | Part::Unary { expr, .. } => {
            summed(cluster, expr, known, found);
        }
        Part::Aggregate { op, op_span, expr, .. } if op == "sum" && of_counters(expr) => {
            found.push(Sum { span: op_span.clone(), record: None });
        }
        Part::Binary { op, lhs, rhs, .. }
            if matches!(op.as_str(), "+" | "-" | "*" | "/" | "or") =>
        {
            summed(cluster, lhs, known, found);
            summed(cluster, rhs, known, found);
        }
        Part::Selector { .. } => {
            if let Some((name, span)) = node.selector().and_then(|it| it.metric.cloned())
                && expressions::is_recorded(&name)
                && let Some((name, _)) = node.selector().and_then(|it| it.metric)
                && let Some(record) =
                    *known.entry(name.as_str()).or_insert_with(|| recorded_sum(cluster, name))
            {
                found.push(Sum { span, record: Some(record) });
            }
        }
        _ => {}
    }
}

/// Where the first record of this name is written, if all of them are sums of counters.
fn recorded_sum(cluster: &Cluster<'_>, name: &str) -> Option<Span> {
    let mut first = None;
    for record in cluster.records(name)? {
        let is_sum = record.query().is_some_and(|query| match &query.tree().peel().kind {
            Part::Aggregate { op, expr, .. } => {
                op == "sum"
                    && of_counters(expr)
                    && expr
                        .selectors()
                        .iter()
                        .all(|it| it.name().is_some_and(|(name, _)| expressions::is_counter(name)))
            }
            _ => false,
        });
        if !is_sum {
            return None;
        }
        let Role::Record { rule, .. } = record.role else { return None };
        first = first.or_else(|| rule.get("record").map(Place::primary));
    }
    first
}

/// True for series as they were scraped, with nothing but sums and joins around them.
fn of_counters(node: &Node) -> bool {
    match &node.kind {
        Part::Paren(expr) => of_counters(expr),
        Part::Selector { range: None, .. } => {
            let name = node.selector();
            let name = name.as_ref().and_then(crate::query::Selector::name);
            name.is_none_or(|(name, _)| !expressions::is_recorded(name))
        }
        Part::Aggregate { op, expr, .. } => op == "sum" && of_counters(expr),
        Part::Binary { op, lhs, rhs, .. } => {
            matches!(op.as_str(), "+" | "*" | "and" | "unless" | "or")
                && of_counters(lhs)
                && (of_counters(rhs) || expressions::is_constant(rhs))
        }
        Part::Call { name, args, .. } => {
            matches!(name.as_str(), "label_replace" | "label_join")
                && args.first().is_some_and(of_counters)
        }
        _ => false,
    }
}

cases! {
    recorded: "groups:\n- name: g\n  rules:\n  - {record: 'e:x:sum', expr: 'sum(pod_total)'}\n  - {record: 'e:y:sum', expr: 'sum(queue_length)'}\n  - {alert: A, expr: 'rate(e:x:sum[10m]) > 1'}\n  - {alert: B, expr: 'increase(e:y:sum[10m]) > 1'}\n  - {alert: C, expr: 'delta(e:x:sum[10m]) > 1'}\n  - {alert: D, expr: 'rate(e:z:sum[10m]) > 1'}\n"
        => ["6:28"],
    some_records_are_none: "groups:\n- name: g\n  rules:\n  - {record: 'e:x:sum', expr: 'sum(pod_total)'}\n  - {record: 'e:x:sum', expr: 'pod_total'}\n  - {alert: A, expr: 'rate(e:x:sum[10m]) > 1'}\n"
        => [],
    subqueries: "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'rate((sum by (job) (x_total) + sum by (job) (y_total))[5m:]) > 1'}\n  - {alert: B, expr: 'increase(sum(rate(x_total[5m]))[1h:]) > 1'}\n  - {alert: C, expr: 'max_over_time(sum(x_total)[1h:]) > 1'}\n  - {alert: D, expr: 'rate(x_total[5m]) > 1'}\n  - {alert: E, expr: 'rate(avg(x_total)[5m:]) > 1'}\n"
        => ["4:29", "4:54"],
    keda: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: prometheus, metadata: {query: 'rate(sum(x_total)[2m:15s])'}}]}\n"
        => ["4:62"],
    in_a_literal_block: "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: |\n      # sum(\n      rate(\n        sum(x_total)[5m:]\n      ) > 1\n"
        => ["8:9"],
}
