use crate::query::{Kind as Part, Query, Unread};
use crate::rules::expressions;
use crate::rules::prelude::*;

declare_rule! {
    /// An expression is no PromQL.
    ///
    /// ## Why
    /// Prometheus refuses the whole rule group, and the operator keeps the old one: every alert in it is gone or
    /// stale. Nothing validates the queries of KEDA and prometheus-adapter before they run; there the scaler errors
    /// and the metric stays `<unknown>`. A range vector where an instant one is needed is as wrong as a missing
    /// bracket (cloudflare/pint#876).
    ///
    /// ```yaml,bad
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ShopDown
    ///       expr: sum(rate(http_requests_total[5m]) == 0
    /// ```
    /// ```yaml,good
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ShopDown
    ///       expr: |
    ///         # nobody buys anything
    ///         sum(rate(http_requests_total[5m])) == 0
    /// ```
    "alerts/unparsable-promql" pub struct UnparsablePromql {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("reads PromQL, which CEL cannot"),
}

impl Rule for UnparsablePromql {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for carrier in cluster.carriers() {
            let what = expressions::title(carrier);
            let help = match carrier.role {
                Role::Alert { .. } | Role::Record { .. } => {
                    "correct `expr`; Prometheus refuses every rule of the group until then"
                }
                Role::Trigger { .. } => "correct `query`; the trigger errors until then",
                Role::MetricsQuery { .. } | Role::SeriesQuery { .. } => {
                    "correct the query; the metric is `<unknown>` until then"
                }
                Role::Analysis => "correct `query`; the analysis errors until then",
            };
            match carrier.parsed() {
                Err(Unread::Wrong(wrong)) if !is_of_logs(&carrier.text) => {
                    let message = format!("{what} is no PromQL: {}", wrong.reason);
                    cx.report(&carrier.object, carrier.spot(wrong.span.clone()), message)
                        .here("refused here")
                        .help(help);
                }
                Ok(query) => {
                    if let Some((got, wanted)) = misfit(query, &carrier.role) {
                        let message = format!("{what} gives {got}, {wanted}");
                        cx.report(&carrier.object, carrier.place, message)
                            .here(format!("gives {got}"))
                            .help(help);
                    }
                }
                Err(_) => {}
            }
        }
    }
}

/// What the expression gives, and who can not use it.
fn misfit(query: &Query, role: &Role<'_>) -> Option<(&'static str, &'static str)> {
    let got = match &query.tree().peel().kind {
        _ if query.is_vector() => return None,
        Part::Selector { .. } | Part::Subquery { .. } => "a range vector",
        Part::String(_) => "a string",
        Part::Opaque => return None,
        _ => "a number",
    };
    match role {
        // A JSON list that it cannot decode (`prometheus_scaler.go`).
        Role::Trigger { .. } => Some((got, "KEDA reads instant vectors only")),
        Role::Alert { .. } | Role::Record { .. } if got != "a number" => {
            Some((got, "rules take instant vectors and numbers"))
        }
        _ => None,
    }
}

/// True for Loki's language: its rules have the same form.
fn is_of_logs(text: &str) -> bool {
    let stages =
        ["json", "logfmt", "unwrap", "pattern", "regexp", "line_format", "label_format", "unpack"];
    text.contains("|=")
        || text.contains("|~")
        || text
            .split('|')
            .skip(1)
            .any(|stage| stages.iter().any(|known| stage.trim_start().starts_with(known)))
}

cases! {
    the_refused_token: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n  - name: g\n    rules:\n    - alert: A\n      expr: sum(x) )\n"
        => ["9:20"],
    at_the_end_the_last_character: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n  - name: g\n    rules:\n    - record: a:b:c\n      expr: sum(rate(x[5m])\n"
        => ["9:27"],
    an_instant_vector_for_rate: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n  - name: g\n    rules:\n    - alert: A\n      expr: rate(sum(x)) > 1\n"
        => ["9:18"],
    a_range_vector_is_no_result: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n  - name: g\n    rules:\n    - record: a:b:c\n      expr: x[5m]\n"
        => ["9:13"],
    numbers_are_results: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{record: 'a:b:c', expr: 1}, {record: 'a:b:d', expr: 'time()'}]}]}\n"
        => [],
    a_number_for_keda: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - type: prometheus\n    metadata: {query: scalar(sum(x))}\n  - {type: prometheus, metadata: {query: 'sum(x'}}\n"
        => ["7:23", "8:47"],
    adapter_rules: "rules:\n- seriesQuery: 'x{pod!=\"\"}'\n  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)\n- seriesQuery: 'x{pod!=\"\"'\n  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>} by (<<.GroupBy>>)\n"
        => ["4:25", "5:53"],
    adapter_in_a_config_map: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: adapter}\ndata:\n  config.yaml: |\n    rules:\n    - seriesQuery: 'x{pod!=\"\"}'\n      metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by <<.GroupBy>>\n"
        => ["8:61"],
    arguments_of_an_analysis: "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: a}\nspec:\n  metrics:\n  - provider: {prometheus: {query: 'sum(rate(x{a=\"{{args.service-name}}\"}[5m])'}}\n  - provider: {prometheus: {query: 'sum(rate(x[{{args.window}}])'}}\n"
        => ["6:78"],
    rule_file: "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up == = 1\n"
        => ["5:17"],
    templates_are_left_alone: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'x > {{ .Values.x }}'}, {alert: B, expr: 'rate(x[$__rate_interval])'}]}]}\n"
        => [],
    functions_of_others_are_left_alone: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'rollup_rate(x[5m]) > 1'}]}]}\n"
        => [],
    logs_are_left_alone: "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: 'sum(rate({app=\"a\"} |= \"error\" [5m])) > 1'\n  - alert: B\n    expr: 'sum(rate({app=\"a\"} | json [5m])) > 1'\n"
        => [],
    in_a_literal_block: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n  - name: g\n    rules:\n    - alert: A\n      expr: |-\n        # a comment, with (\n        x > 1\n          and y 2\n"
        => ["12:17"],
    in_a_folded_block: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n  - name: g\n    rules:\n    - alert: A\n      expr: >\n        x > 1\n        or y ! 2\n"
        => ["11:14"],
    in_double_quotes: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n  - name: g\n    rules:\n    - {alert: A, expr: \"x{a=\\\"b\\\"} + + ) 1\"}\n"
        => ["8:40"],
    nothing_at_all: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n  - name: g\n    rules:\n    - {alert: A, expr: ''}\n"
        => ["8:24"],
}
