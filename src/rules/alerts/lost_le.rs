use std::ops::Range;

use crate::query::{Grouping, Kind as Part, Node};
use crate::rules::expressions;
use crate::rules::prelude::*;

declare_rule! {
    /// A quantile is taken over buckets that have lost their label `le`.
    ///
    /// ## Why
    /// `histogram_quantile` tells buckets apart by `le`. An aggregation that drops it leaves nothing, and the result
    /// is empty: the alert never fires, the panel is blank, the HPA shows `<unknown>`
    /// (scylladb/scylla-monitoring#2859).
    ///
    /// ## Fix safety
    /// Safe: without `le` the expression has no result at all.
    ///
    /// ```yaml,bad
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - record: pod:http_request_duration_seconds:p95_rate5m
    ///       expr: histogram_quantile(0.95, sum by (pod) (rate(http_request_duration_seconds_bucket[5m])))
    /// ```
    /// ```yaml,fixed
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - record: pod:http_request_duration_seconds:p95_rate5m
    ///       expr: histogram_quantile(0.95, sum by (pod, le) (rate(http_request_duration_seconds_bucket[5m])))
    /// ```
    /// ```yaml,good
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - record: pod:http_request_duration_seconds:p95_rate5m
    ///       expr: histogram_quantile(0.95, sum by (pod, le) (rate(http_request_duration_seconds_bucket[5m])))
    ///     - record: shop:http_request_duration_seconds:p95_rate5m
    ///       expr: histogram_quantile(0.95, sum(rate(http_request_duration_seconds[5m]))) # a native histogram
    /// ```
    "alerts/lost-le" pub struct LostLe {}
    severity: Error, fix: FixKind::Safe, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("reads PromQL, which CEL cannot"),
}

impl Rule for LostLe {
    fn check(&self, cx: &mut Ctx<'_>) {
        for carrier in cx.cluster.carriers() {
            let Some(query) = carrier.query() else { continue };
            let mut lost = Vec::new();
            query.tree().walk(&mut |node, _| {
                if let Part::Call { name, name_span, args } = &node.kind
                    && name == "histogram_quantile"
                    && let Some(buckets) = args.last()
                {
                    let mut found = Vec::new();
                    find(carrier, buckets, &mut found);
                    lost.extend(found.into_iter().map(|it| (it, name_span.clone())));
                }
            });
            for (lost, quantile) in lost {
                report(cx, carrier, &lost, quantile);
            }
        }
    }
}

/// An aggregation that drops `le`.
struct Lost<'q> {
    op: &'q str,
    op_span: Range<usize>,
    grouping: Option<&'q Grouping>,
}

/// Finds the aggregations below `node` that drop the label `le` of the buckets they read.
fn find<'q>(carrier: &Carrier<'_>, node: &'q Node, found: &mut Vec<Lost<'q>>) {
    match &node.kind {
        Part::Aggregate { op, op_span, grouping, expr, .. } => {
            let keeps = matches!(op.as_str(), "topk" | "bottomk" | "limitk" | "limit_ratio")
                || grouping.as_ref().is_some_and(|it| {
                    it.labels.iter().any(|(label, _)| label == "le") != it.without
                });
            if !keeps && reads_buckets(carrier, expr) {
                let grouping = grouping.as_ref();
                found.push(Lost { op, op_span: op_span.clone(), grouping });
            }
            find(carrier, expr, found);
        }
        Part::Call { name, args, .. } => match name.as_str() {
            "scalar" | "absent" | "vector" => {}
            // Gives the label back.
            "label_replace" | "label_join"
                if args
                    .get(1)
                    .is_some_and(|it| matches!(&it.kind, Part::String(to) if to == "le")) => {}
            _ => args.iter().for_each(|arg| find(carrier, arg, found)),
        },
        Part::Binary { op, matching, lhs, rhs, .. } => {
            let group = matching.as_ref().and_then(|it| it.group.as_ref());
            // Labels come from the side that has several series for one of the other.
            let (left, right) = match (op.as_str(), group) {
                ("and" | "unless", _) => (true, false),
                (_, Some(group)) => (group.left, !group.left),
                _ => (true, true),
            };
            if left {
                find(carrier, lhs, found);
            }
            if right {
                find(carrier, rhs, found);
            }
        }
        Part::Paren(expr) | Part::Unary { expr, .. } | Part::Subquery { expr, .. } => {
            find(carrier, expr, found);
        }
        Part::Number(_) | Part::String(_) | Part::Selector { .. } | Part::Opaque => {}
    }
}

fn reads_buckets(carrier: &Carrier<'_>, node: &Node) -> bool {
    // Records of buckets have their name between the level and the operation.
    let of_buckets = |name: &str| name.split(':').any(|part| part.ends_with("_bucket"));
    node.selectors().iter().any(|it| of_buckets(&expressions::metric(carrier, it)))
}

fn report<'a>(cx: &mut Ctx<'a>, carrier: &Carrier<'a>, lost: &Lost<'_>, quantile: Range<usize>) {
    let message = format!(
        "`{}` drops `le`, so that the quantile of {} is empty",
        lost.op,
        expressions::title(carrier)
    );
    let span = lost.grouping.map_or(&lost.op_span, |it| &it.span).clone();
    let (range, text) = mended(lost);
    let help = match lost.grouping {
        Some(it) if it.without => "take `le` out of `without`".to_owned(),
        Some(it) => {
            let labels: Vec<_> = it.labels.iter().map(|(label, _)| label.as_str()).collect();
            // Of the adapter's templates only stand-ins are known.
            let is_plain = carrier.place.text() == Some(&*carrier.text);
            match labels.as_slice() {
                [] => "write `by (le)`".to_owned(),
                labels if is_plain => format!("write `by ({}, le)`", labels.join(", ")),
                _ => "add `le` to `by`".to_owned(),
            }
        }
        None => format!("write `{} by (le)`", lost.op),
    };
    cx.report(&carrier.object, carrier.spot(span), message)
        .here("`le` is lost here")
        .label(carrier.spot(quantile), "needs `le`")
        .help(help)
        .fix_safe("keep `le` in the aggregation", [edit::splice(carrier.place, range, text)]);
}

/// The part of the expression to replace, and by what.
fn mended(lost: &Lost<'_>) -> (Range<usize>, &'static str) {
    let Some(grouping) = lost.grouping else {
        return (lost.op_span.end..lost.op_span.end, " by (le)");
    };
    let labels = &grouping.labels;
    if !grouping.without {
        return match labels.last() {
            Some((_, span)) => (span.end..span.end, ", le"),
            None => (grouping.span.end - 1..grouping.span.end - 1, "le"),
        };
    }
    let at = labels.iter().position(|(label, _)| label == "le").unwrap_or(0);
    let span = |at: usize| labels.get(at).map(|(_, span)| span.clone());
    let own = span(at).unwrap_or(grouping.span.end - 1..grouping.span.end - 1);
    // With the comma in front of it, of the first one that behind it.
    let range = match (at.checked_sub(1).and_then(span), span(at + 1)) {
        (Some(before), _) => before.end..own.end,
        (None, Some(behind)) => own.start..behind.start,
        (None, None) => own,
    };
    (range, "")
}

cases! {
    no_grouping: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n  - name: g\n    rules:\n    - alert: A\n      expr: histogram_quantile(0.9, sum(rate(x_bucket[5m]))) > 1\n"
        => ["9:37"],
    without_le: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'histogram_quantile(0.9, sum without (le) (rate(x_bucket[5m]))) > 1'}, {alert: B, expr: 'histogram_quantile(0.9, sum without (pod) (rate(x_bucket[5m]))) > 1'}]}]}\n"
        => ["4:81"],
    the_inner_one: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n  - name: g\n    rules:\n    - alert: A\n      expr: 1 < (histogram_quantile(0.9, (sum by (le) (sum(rate(x_bucket[5m])) by (pod)))))\n"
        => ["9:80"],
    native_histograms: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'histogram_quantile(0.9, sum(rate(x[5m]))) > 1'}]}]}\n"
        => [],
    recorded_buckets: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'histogram_quantile(0.9, sum(job:x_bucket)) > 1'}, {alert: B, expr: 'histogram_quantile(0.9, sum(job:x:rate5m)) > 1'}, {alert: C, expr: 'histogram_quantile(0.9, sum(job:x_bucket:rate5m)) > 1'}]}]}\n"
        => ["4:77", "4:213"],
    by_name_in_braces: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'histogram_quantile(0.9, max({__name__=\"x_bucket\"})) > 1'}]}]}\n"
        => ["4:77"],
    other_side_of_a_division: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'histogram_quantile(0.9, sum by (le) (x_bucket) / ignoring(le) group_left sum(x_bucket)) > 1'}]}]}\n"
        => [],
    given_back: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'histogram_quantile(0.9, label_replace(sum by (l) (x_bucket), \"le\", \"$1\", \"l\", \"(.*)\")) > 1'}]}]}\n"
        => [],
    no_aggregation: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'histogram_quantile(0.9, rate(x_bucket[5m])) > 1 or sum(x_bucket) > 1'}]}]}\n"
        => [],
    adapter: "rules:\n- seriesQuery: 'x_bucket{pod!=\"\"}'\n  metricsQuery: histogram_quantile(0.95, sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>))\n- seriesQuery: '{__name__=~\"^y_.*_bucket$\",pod!=\"\"}'\n  metricsQuery: histogram_quantile(0.95, sum by (pod) (rate(<<.Series>>{<<.LabelMatchers>>}[2m])))\n- seriesQuery: 'z{pod!=\"\"}'\n  metricsQuery: histogram_quantile(0.95, sum by (<<.GroupBy>>) (rate(<<.Series>>{<<.LabelMatchers>>}[2m])))\n- seriesQuery: 'x_bucket{pod!=\"\"}'\n  metricsQuery: histogram_quantile(0.95, sum by (<<.GroupBy>>, le) (rate(<<.Series>>{<<.LabelMatchers>>}[2m])))\n"
        => ["3:89", "5:46"],
    keda: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: prometheus, metadata: {query: 'histogram_quantile(0.9, sum(rate(x_bucket[2m])))'}}]}\n"
        => ["4:81"],
    in_a_literal_block: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n  - name: g\n    rules:\n    - alert: A\n      expr: |\n        # by (le)\n        histogram_quantile(0.9,\n          sum by (pod) (rate(x_bucket[5m]))\n        ) > 1 and y\n"
        => ["12:15"],
    in_a_folded_block: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n  - name: g\n    rules:\n    - alert: A\n      expr: >-\n        y or\n        histogram_quantile(0.9,\n        sum by (pod) (rate(x_bucket[5m])))\n"
        => ["12:13"],
    in_double_quotes: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: \"y{a=\\\"b\\\"} or histogram_quantile(0.9, sum by (pod) (x_bucket))\"}]}]}\n"
        => ["4:95"],
}
