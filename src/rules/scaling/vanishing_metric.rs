use crate::query::Kind as Node;
use crate::rules::expressions;
use crate::rules::prelude::*;

declare_rule! {
    /// One of several metrics is missing while nothing happens.
    ///
    /// ## Why
    /// An HPA with a metric that it cannot read does not scale down, whatever the others say
    /// (kubernetes/kubernetes#99394, `horizontal.go`). A rate of errors is empty before the first error, a quantile without
    /// requests; with `ignoreNullValues: "false"` that is an error of the metric, and the fleet stays large all night.
    ///
    /// ```yaml,bad
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 2
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: prometheus
    ///     metricType: AverageValue
    ///     metadata:
    ///       serverAddress: http://prometheus:9090
    ///       query: sum(rate(http_requests_total{service="shop",status=~"5.."}[2m]))
    ///       threshold: "10"
    ///       ignoreNullValues: "false"
    ///   - type: cpu
    ///     metricType: Utilization
    ///     metadata: { value: "60" }
    /// ```
    /// ```yaml,good
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 2
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: prometheus
    ///     metricType: AverageValue
    ///     metadata:
    ///       serverAddress: http://prometheus:9090
    ///       query: sum(rate(http_requests_total{service="shop",status=~"5.."}[2m])) or vector(0)
    ///       threshold: "10"
    ///       ignoreNullValues: "false"
    ///   - type: cpu
    ///     metricType: Utilization
    ///     metadata: { value: "60" }
    /// ```
    "scaling/vanishing-metric" pub struct VanishingMetric {}
    severity: Warning, fix: FixKind::None, preset: Preset::Strict, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("reads PromQL, which CEL cannot"),
}

impl Rule for VanishingMetric {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for carrier in cluster.carriers() {
            let Role::Trigger { autoscaler: Some(index), trigger } = carrier.role else { continue };
            let Some(scaled) = cluster.autoscalers().get(index) else { continue };
            // Where an empty result is 0, it is not missing.
            let ignores = trigger.at("metadata/ignoreNullValues").and_then(Place::text);
            if scaled.metrics.len() < 2
                || ignores != Some("false")
                || scaled.at("spec/fallback").is_some()
            {
                continue;
            }
            let Some(query) = carrier.query() else { continue };
            let Some((what, span)) = vanishes(query.tree()) else { continue };
            let message = format!(
                "{what} of ScaledObject `{}` is empty while nothing happens, which blocks scale-down",
                scaled.name
            );
            cx.report(scaled, carrier.spot(span), message)
                .here("may be empty")
                .help("end the query in `or vector(0)`, or add a `fallback`");
        }
    }
}

/// What makes the result empty, and where.
fn vanishes(node: &crate::query::Node) -> Option<(&'static str, std::ops::Range<usize>)> {
    match &node.peel().kind {
        Node::Binary { op, .. } if op == "or" => None,
        Node::Call { name, name_span, .. } if name == "histogram_quantile" => {
            Some(("a quantile", name_span.clone()))
        }
        Node::Aggregate { expr, .. } => vanishes(expr),
        Node::Binary { lhs, rhs, .. } => vanishes(lhs).or_else(|| vanishes(rhs)),
        Node::Call { args, .. } => {
            args.iter().filter(|it| !expressions::is_constant(it)).find_map(vanishes)
        }
        Node::Selector { matchers, .. } => {
            let status = |label: &str| matches!(label, "status" | "code" | "status_code");
            let matcher =
                matchers.iter().find(|it| status(&it.label) && !it.value.starts_with('2'));
            matcher.map(|it| ("a query by status", it.span.clone()))
        }
        _ => None,
    }
}

cases! {
    other_ways_out: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: cpu}, {type: prometheus, metadata: {query: 'histogram_quantile(0.9, sum by (le) (rate(a_bucket[2m])))'}}]}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {fallback: {replicas: 1}, triggers: [{type: cpu}, {type: prometheus, metadata: {ignoreNullValues: \"false\", query: 'histogram_quantile(0.9, sum by (le) (rate(a_bucket[2m])))'}}]}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: cpu}, {type: prometheus, metadata: {ignoreNullValues: \"false\", query: 'sum(x)'}}]}\n"
        => [],
}
