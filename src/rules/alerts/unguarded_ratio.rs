use rustc_hash::FxHashMap;

use crate::finding::Op;
use crate::query::{Kind as Part, MatchOp, Node};
use crate::rules::expressions;
use crate::rules::prelude::*;
use crate::rules::ratios::{self, Quotient};
use crate::source::Span;

declare_rule! {
    /// A ratio is not a number without traffic, or absent before the first error.
    ///
    /// ## Why
    /// Without requests the denominator is 0, and 0 / 0 is NaN. In an alert that is harmless: NaN is greater than
    /// nothing. But an average over a day that holds one NaN is NaN, and a scaler gets NaN for a metric
    /// (kedacore/keda#7475). With `/ (total > 0)` there is no sample in such a moment, and the rest counts. In the same
    /// way the series of a status exist from the first such response on: a ratio of errors is absent until something
    /// fails, not 0 (pyrra-dev/pyrra#1259), unless the numerator says `or 0 * total`.
    ///
    /// ## Fix safety
    /// Unsafe: where a number or NaN was, there is no sample then, or a 0 where there was none, and whoever reads the
    /// ratio has to live with that.
    ///
    /// ```yaml,bad
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - record: job:http_errors:ratio_rate5m
    ///       expr: sum by (job) (rate(http_errors_total[5m])) / sum by (job) (rate(http_requests_total[5m]))
    ///     - record: job:http_errors:ratio_quantile1h
    ///       expr: quantile_over_time(0.9, job:http_errors:ratio_rate5m[1h]) # p90 of the last hour
    /// ```
    /// ```yaml,fixed
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - record: job:http_errors:ratio_rate5m
    ///       expr: sum by (job) (rate(http_errors_total[5m])) / (sum by (job) (rate(http_requests_total[5m])) > 0)
    ///     - record: job:http_errors:ratio_quantile1h
    ///       expr: quantile_over_time(0.9, job:http_errors:ratio_rate5m[1h]) # p90 of the last hour
    /// ```
    /// ```yaml,good
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - record: job:http_errors:ratio_rate5m
    ///       expr: |
    ///         (
    ///           sum by (job) (rate(http_requests_total{status=~"5.."}[5m]))
    ///           or 0 * sum by (job) (rate(http_requests_total[5m]))
    ///         ) / (sum by (job) (rate(http_requests_total[5m])) > 0)
    ///     - alert: ShopErrors
    ///       expr: sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 0.01
    /// ```
    "alerts/unguarded-ratio" pub struct UnguardedRatio {}
    severity: Warning, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("reads PromQL, which CEL cannot"),
}

impl Rule for UnguardedRatio {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let mut readers = None;
        for carrier in cluster.carriers() {
            let name = match carrier.role {
                Role::Record { name, .. } => Some(name),
                Role::Trigger { .. } | Role::MetricsQuery { .. } => None,
                Role::Alert { .. } | Role::SeriesQuery { .. } | Role::Analysis => continue,
            };
            let Some(ratio) = carrier.query().and_then(|it| ratios::quotient(it.tree())) else {
                continue;
            };
            if ratios::may_be_zero(cluster, ratio.whole) {
                let readers = readers.get_or_insert_with(|| readers_of_all(cluster));
                match name.map(|name| readers.get(name)) {
                    None => of_zero(cx, carrier, &ratio, None),
                    Some(Some(reader)) => of_zero(cx, carrier, &ratio, Some(reader)),
                    Some(None) => {}
                }
            }
            if !ratio.has_substitute && starts_absent(&ratio) {
                of_absence(cx, carrier, &ratio);
            }
        }
    }
}

/// What NaN does harm to: a function that looks over time, or a scaler; with its place.
struct Reader {
    word: String,
    spot: Span,
}

/// By the names of records, the first reader of each that NaN does harm to.
fn readers_of_all(cluster: &Cluster<'_>) -> FxHashMap<String, Reader> {
    let mut found = FxHashMap::default();
    for carrier in cluster.carriers() {
        let scales = matches!(carrier.role, Role::Trigger { .. } | Role::MetricsQuery { .. });
        let Some(query) = carrier.query() else { continue };
        query.tree().walk(&mut |node, above| {
            let Some(selector) = node.selector() else { return };
            let name = expressions::metric(carrier, &selector);
            if !expressions::is_recorded(&name) {
                return;
            }
            let poisoned = above.last().and_then(|it| match &it.kind {
                Part::Call { name, name_span, .. } if is_poisoned(name) => Some(Reader {
                    word: format!("`{name}`"),
                    spot: carrier.spot(name_span.clone()),
                }),
                _ => None,
            });
            // What is compared on its way drops NaN.
            let filtered = || above.iter().any(|it| it.is_comparison());
            let by_scaler = || {
                let spot = carrier.spot(node.span.clone());
                (scales && !filtered()).then(|| Reader { word: "a scaler".to_owned(), spot })
            };
            if let Some(reader) = poisoned.or_else(by_scaler) {
                found.entry(name.into_owned()).or_insert(reader);
            }
        });
    }
    found
}

/// True for functions over time that give NaN if one sample is NaN.
fn is_poisoned(function: &str) -> bool {
    matches!(
        function,
        "avg_over_time"
            | "sum_over_time"
            | "quantile_over_time"
            | "stddev_over_time"
            | "stdvar_over_time"
    )
}

fn of_zero<'a>(
    cx: &mut Ctx<'a>,
    carrier: &Carrier<'a>,
    ratio: &Quotient<'_>,
    reader: Option<&Reader>,
) {
    let title = expressions::title(carrier);
    let message = match reader {
        Some(reader) => {
            format!("{title} is NaN without traffic, and {} reads it", reader.word)
        }
        None => format!("{title} is NaN without traffic, which is what the scaler gets"),
    };
    let whole = ratio.whole.span.clone();
    let ops = [
        edit::splice(carrier.place, whole.start..whole.start, "("),
        edit::splice(carrier.place, whole.end..whole.end, " > 0)"),
    ];
    let report = cx.report(&carrier.object, carrier.spot(whole), message).here("may be 0");
    let report = match reader {
        Some(reader) => report.label(reader.spot, "one NaN voids this"),
        None => report,
    };
    report
        .help("divide by `(… > 0)`: no sample instead of NaN")
        .fix_unsafe("divide only by more than 0 (unsafe: no sample without traffic)", ops);
}

/// Labels that tell how a request ended.
const OUTCOMES: [&str; 11] = [
    "code",
    "status",
    "status_code",
    "http_status",
    "http_status_code",
    "http_response_status_code",
    "response_code",
    "grpc_code",
    "grpc_status",
    "result",
    "outcome",
];

/// True if the numerator is the part of the denominator that ended in a certain way, and nothing stands in for it
/// before that happens.
fn starts_absent(ratio: &Quotient<'_>) -> bool {
    let mut has_substitute = false;
    ratio.part.walk(&mut |node, _| {
        has_substitute |= matches!(&node.kind, Part::Binary { op, .. } if op == "or");
    });
    let wholes = ratio.whole.selectors();
    !has_substitute
        && ratio.part.selectors().iter().any(|part| {
            let whole = wholes.iter().find(|whole| {
                part.name().map(|it| it.0) == whole.name().map(|it| it.0) && part.name().is_some()
            });
            whole.is_some_and(|whole| {
                part.matchers.iter().any(|matcher| {
                    OUTCOMES.contains(&matcher.label.as_str())
                        && matches!(matcher.op, MatchOp::Equal | MatchOp::Regex)
                        && !whole.matchers.iter().any(|it| it.label == matcher.label)
                })
            })
        })
}

fn of_absence<'a>(cx: &mut Ctx<'a>, carrier: &Carrier<'a>, ratio: &Quotient<'_>) {
    let message =
        format!("{} is absent, not 0, until the first such response", expressions::title(carrier));
    let part = ratio.part.span.clone();
    let report = cx
        .report(&carrier.object, carrier.spot(part), message)
        .severity(Info)
        .here("has no series before that")
        .help("write `(… or 0 * total)` for the numerator");
    if let Some(ops) = substitute(carrier, ratio) {
        report.fix_unsafe("add `or 0 * total` (unsafe: a new series of zeros)", ops);
    }
}

/// Adds `or 0 * total` to the numerator, where both sides have the same labels.
fn substitute(carrier: &Carrier<'_>, ratio: &Quotient<'_>) -> Option<[Op; 2]> {
    let Part::Binary { matching: None, .. } = &ratio.node.kind else { return None };
    // A guard against 0 would take the substitute away too.
    let whole = match &ratio.whole.peel().kind {
        Part::Binary { lhs, .. } if ratio.whole.peel().is_comparison() => lhs,
        _ => ratio.whole,
    };
    let same = grouping(ratio.part)? == grouping(whole)?;
    let text = carrier.place.text()?.get(whole.span.clone())?;
    let part = &ratio.part.span;
    (same && !text.contains(['\n', '#'])).then(|| {
        [
            edit::splice(carrier.place, part.start..part.start, "("),
            edit::splice(carrier.place, part.end..part.end, format!(" or 0 * {text})")),
        ]
    })
}

/// The labels that an aggregation keeps, sorted; of anything else nobody tells.
fn grouping(node: &Node) -> Option<(bool, Vec<&str>)> {
    let Part::Aggregate { grouping, .. } = &node.peel().kind else { return None };
    let Some(grouping) = grouping else { return Some((false, Vec::new())) };
    let mut labels: Vec<_> = grouping.labels.iter().map(|(label, _)| label.as_str()).collect();
    labels.sort_unstable();
    Some((grouping.without, labels))
}

cases! {
    nobody_reads_it: "groups:\n- name: g\n  rules:\n  - {record: 'a:b:ratio', expr: 'sum(rate(e_total[5m])) / sum(rate(x_total[5m]))'}\n  - {record: 'a:b:last', expr: 'max_over_time(a:b:ratio[1h])'}\n  - {alert: A, expr: 'a:b:ratio > 1'}\n"
        => [],
    read_over_time: "groups:\n- name: g\n  rules:\n  - {record: 'a:b:ratio', expr: '1 - (sum(rate(e_total[5m])) / sum(rate(x_total[5m])))'}\n  - {record: 'a:b:last', expr: 'sum_over_time(a:b:ratio[1h]) / count_over_time(a:b:ratio[1h])'}\n"
        => ["4:64"],
    guarded: "groups:\n- name: g\n  rules:\n  - {record: 'a:b:ratio', expr: 'sum(rate(e_total[5m])) / (sum(rate(x_total[5m])) > 0)'}\n  - {record: 'a:c:ratio', expr: 'sum(rate(e_total[5m])) / clamp_min(sum(rate(x_total[5m])), 1)'}\n  - {record: 'a:d:ratio', expr: 'sum(rate(e_total[5m])) / sum(rate(x_total[5m])) >= 0'}\n  - {record: 'a:e:ratio', expr: 'sum(rate(e_total[5m])) / sum(rate(x_total[5m])) and sum(rate(x_total[5m])) > 0'}\n  - {alert: A, expr: 'avg_over_time(a:b:ratio[1h]) + avg_over_time(a:c:ratio[1h]) + avg_over_time(a:d:ratio[1h]) + avg_over_time(a:e:ratio[1h]) > 4'}\n"
        => [],
    capacities_are_not_0: "groups:\n- name: g\n  rules:\n  - {record: 'a:b:ratio', expr: 'node_memory_MemFree_bytes / node_memory_MemTotal_bytes'}\n  - {record: 'a:c:ratio', expr: 'sum(x) / count(x)'}\n  - {alert: A, expr: 'avg_over_time(a:b:ratio[1h]) + avg_over_time(a:c:ratio[1h]) > 4'}\n"
        => [],
    of_records: "groups:\n- name: g\n  rules:\n  - {record: 'a:t:rate5m', expr: 'sum(rate(x_total[5m]))'}\n  - {record: 'a:b:ratio', expr: 'a:e:rate5m / a:t:rate5m'}\n  - {record: 'a:c:ratio', expr: 'a:e:rate5m / a:u:rate5m'}\n  - {record: 'a:d:ratio', expr: 'a:e:rate5m / (a:t:rate5m > 0)'}\n  - {record: 'a:b:avg', expr: 'avg_over_time(a:b:ratio[1h]) + avg_over_time(a:c:ratio[1h]) + avg_over_time(a:d:ratio[1h])'}\n"
        => ["5:47"],
    keda: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: prometheus, metadata: {query: 'sum(rate(e_total[2m])) / sum(rate(x_total[2m])) or vector(0)'}}]}\n"
        => ["4:82"],
    adapter: "rules:\n- seriesQuery: x_sum\n  metricsQuery: sum(rate(x_sum{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>) / sum(rate(x_count{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>)\n- seriesQuery: 'a:b:ratio{pod!=\"\"}'\n  metricsQuery: avg(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)\n# file: r.yaml\ngroups:\n- name: g\n  rules:\n  - {record: 'a:b:ratio', expr: 'sum by (pod) (rate(e_total[5m])) / sum by (pod) (rate(x_total[5m]))'}\n"
        => ["3:78", "r.yaml:4:69"],
    no_error_yet: "groups:\n- name: g\n  rules:\n  - {record: 'a:b:ratio', expr: 'sum(rate(x_total{code=~\"5..\"}[5m])) / sum(rate(x_total[5m]))'}\n  - {record: 'a:c:ratio', expr: '(sum(rate(x_total{code=~\"5..\"}[5m])) or vector(0)) / sum(rate(x_total[5m]))'}\n  - {record: 'a:d:ratio', expr: 'sum(rate(x_total{code!~\"5..\"}[5m])) / sum(rate(x_total[5m]))'}\n  - {record: 'a:e:ratio', expr: 'sum(rate(x_total{code=~\"5..\"}[5m])) / sum(rate(x_total{code!=\"\"}[5m]))'}\n  - {alert: A, expr: 'sum(rate(x_total{code=~\"5..\"}[5m])) / sum(rate(x_total[5m])) > 1'}\n"
        => ["4:34"],
    in_a_literal_block: "groups:\n- name: g\n  rules:\n  - record: a:b:ratio\n    expr: |\n      # total\n      sum(rate(e_total[5m]))\n      /\n      sum(rate(x_total[5m]))\n  - {record: 'a:b:avg', expr: 'avg_over_time(a:b:ratio[1h])'}\n"
        => ["9:7"],
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity::{Info, Warning};
    use crate::lint::testing::{mend, severities};

    const RATIO: &str = "groups:\n- name: g\n  rules:\n  - record: a:b:ratio\n    expr: >-\n      sum(rate(x_total{code=\"500\"}[5m]))\n      / sum(rate(x_total[5m]))\n  - {record: 'a:b:avg', expr: 'avg_over_time(a:b:ratio[1h])'}\n";

    #[test]
    fn advice_is_no_warning() {
        assert_eq!(severities(RATIO, "alerts/unguarded-ratio"), [Info, Warning]);
    }

    #[test]
    fn both_sides_are_mended() {
        let mended = mend(RATIO, "alerts/unguarded-ratio");
        assert!(
            mended.contains("(sum(rate(x_total{code=\"500\"}[5m])) or 0 * sum(rate(x_total[5m])))"),
            "{mended}"
        );
        assert!(mended.contains("/ (sum(rate(x_total[5m])) > 0)"), "{mended}");
    }
}
