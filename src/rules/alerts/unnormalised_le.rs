use crate::query::{MatchOp, Matcher};
use crate::rules::expressions;
use crate::rules::prelude::*;

declare_rule! {
    /// A bucket or quantile is asked for by an integer.
    ///
    /// ## Why
    /// Prometheus 3 stores the values of `le` and `quantile` as floats: `le="1"` matches nothing, since the bucket is
    /// called `1.0`. The indicator is empty without an error (prometheus-operator/kube-prometheus#2573,
    /// pyrra-dev/pyrra#1611). Before, it depended on the client library.
    ///
    /// ## Fix safety
    /// Safe: the regular expression matches both spellings of the one bucket.
    ///
    /// ```yaml,bad
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - record: shop:http_request_duration_seconds:fast_rate5m
    ///       expr: sum(rate(http_request_duration_seconds_bucket{le="1"}[5m]))
    /// ```
    /// ```yaml,fixed
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - record: shop:http_request_duration_seconds:fast_rate5m
    ///       expr: sum(rate(http_request_duration_seconds_bucket{le=~"1(\\.0)?"}[5m]))
    /// ```
    /// ```yaml,good
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - record: shop:http_request_duration_seconds:fast_rate5m
    ///       expr: sum(rate(http_request_duration_seconds_bucket{le="0.35"}[5m]))
    ///     - record: shop:http_request_duration_seconds:all_rate5m
    ///       expr: sum(rate(http_request_duration_seconds_bucket{le="+Inf"}[5m]))
    /// ```
    "alerts/unnormalised-le" pub struct UnnormalisedLe {}
    severity: Error, fix: FixKind::Safe, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("reads PromQL, which CEL cannot"),
}

impl Rule for UnnormalisedLe {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let declared = cluster.settings.prometheus.is_some_and(|(major, _)| major >= 3);
        for carrier in cluster.carriers() {
            let Some(query) = carrier.query() else { continue };
            for selector in query.tree().selectors() {
                for matcher in selector.matchers {
                    let Some(integer) = integer(matcher) else { continue };
                    let label = &matcher.label;
                    let message = if declared {
                        format!(
                            "`{label}` is never `{integer}` in Prometheus 3, it is `{integer}.0`"
                        )
                    } else {
                        format!("`{label}` is `{integer}.0` since Prometheus 3, not `{integer}`")
                    };
                    let report = cx
                        .report(&carrier.object, carrier.spot(matcher.span.clone()), message)
                        .severity(if declared { Error } else { Warning })
                        .here("stored as a float");
                    let Some(text) = mended(matcher, &carrier.text) else { continue };
                    report.help(format!("write `{text}`")).fix_safe(
                        format!("match `{integer}` and `{integer}.0`"),
                        [edit::splice(carrier.place, matcher.span.clone(), text)],
                    );
                }
            }
        }
    }
}

/// The integer that `matcher` asks for and that is no value of a float label.
fn integer(matcher: &Matcher) -> Option<&str> {
    if !matches!(matcher.label.as_str(), "le" | "quantile") {
        return None;
    }
    match matcher.op {
        MatchOp::Equal | MatchOp::NotEqual => is_integer(&matcher.value).then_some(&matcher.value),
        MatchOp::Regex | MatchOp::NotRegex => {
            let pattern = expressions::pattern(&matcher.value)?;
            let alternatives = matcher.value.split('|');
            let mut integers = alternatives.filter(|it| is_integer(it));
            integers.find(|it| !pattern.is_match(&format!("{it}.0")))
        }
    }
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The matcher with every integer as a float too.
fn mended(matcher: &Matcher, text: &str) -> Option<String> {
    let written = text.get(matcher.value_span.clone())?;
    let quote = written.chars().next()?;
    let value = written.strip_prefix(quote)?.strip_suffix(quote)?;
    // Strings in backticks have no escapes.
    let ending = if quote == '`' { r"(\.0)?" } else { r"(\\.0)?" };
    let both = |it: &str| if is_integer(it) { format!("{it}{ending}") } else { it.to_owned() };
    let value: Vec<_> = value.split('|').map(both).collect();
    let op = match matcher.op {
        MatchOp::Equal | MatchOp::Regex => "=~",
        MatchOp::NotEqual | MatchOp::NotRegex => "!~",
    };
    Some(format!("{}{op}{quote}{}{quote}", matcher.label, value.join("|")))
}

cases! {
    prometheus_3: "# lint: prometheus = \"3\"\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n  - name: g\n    rules:\n    - alert: A\n      expr: x_bucket{a=\"b\", le=\"5\"} > 1\n"
        => ["9:29"],
    quantiles_and_negation: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'x{quantile=\"1\"} > 1 or x_bucket{le!=\"2\"} or x{quantile=\"0.5\"}'}]}]}\n"
        => ["4:55", "4:85"],
    alternatives: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'x_bucket{le=~\"0.5|1\"}'}, {alert: B, expr: 'x_bucket{le=~\"1|1[.]0\"}'}, {alert: C, expr: 'x_bucket{le=~\"1.*\"}'}]}]}\n"
        => ["4:62"],
    other_labels: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'x{status=\"500\"}'}]}]}\n"
        => [],
    keda_and_adapter: "# file: a.yaml\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: prometheus, metadata: {query: 'sum(x_bucket{le=\"1\"})'}}]}\n# file: b.yaml\nrules:\n- seriesQuery: 'x_bucket{le=\"1\"}'\n  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>,le='1'}) by (<<.GroupBy>>)\n"
        => ["a.yaml:4:70", "b.yaml:2:26", "b.yaml:3:52"],
    in_quotes_inside_of_a_block: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  config.yaml: |\n    rules:\n    - seriesQuery: x_bucket\n      metricsQuery: \"sum(x_bucket{le=\\\"1\\\"})\"\n"
        => ["8:35"],
    in_a_literal_block: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n  - name: g\n    rules:\n    - alert: A\n      expr: |\n        # le=\"1\"\n        (sum(x_bucket{\n          le=\"1\"}) > 2)\n"
        => ["12:11"],
    in_a_folded_block: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n  - name: g\n    rules:\n    - alert: A\n      expr: >-\n        y and\n        x_bucket{le=\"1\"}\n"
        => ["11:18"],
    in_double_quotes: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: \"x_bucket{a=\\\"b\\\",le=\\\"1\\\"} > 2\"}]}]}\n"
        => ["4:70"],
}
