use crate::query::Node;
use crate::rules::expressions::{self, Outermost};
use crate::rules::prelude::*;

declare_rule! {
    /// A quantile, mean or ratio is divided by the number of replicas.
    ///
    /// ## Why
    /// `AverageValue`, the default, takes the query for a fleet total: replicas = value / threshold
    /// (`replica_calculator.go`). A P95 of 0.5 s over 0.35 s then asks for 2 pods, whatever runs: at 10 pods and a
    /// latency above the SLO the fleet collapses to 2. `Value` multiplies the running pods by the ratio instead.
    ///
    /// ## Fix safety
    /// Unsafe: the fleet follows another formula from then on; look at the threshold and the scale-down behaviour
    /// first.
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
    ///     metadata:
    ///       serverAddress: http://prometheus:9090
    ///       ignoreNullValues: "false"
    ///       threshold: "0.35"
    ///       query: histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[2m])))
    /// ```
    /// ```yaml,fixed
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 2
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: prometheus
    ///     metadata:
    ///       serverAddress: http://prometheus:9090
    ///       ignoreNullValues: "false"
    ///       threshold: "0.35"
    ///       query: histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[2m])))
    ///     metricType: Value
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
    ///     metadata:
    ///       serverAddress: http://prometheus:9090
    ///       ignoreNullValues: "false"
    ///       threshold: "10"
    ///       query: sum(http_requests_in_flight{job="shop"})
    /// ```
    "keda/averaged-ratio" pub struct AveragedRatio {}
    severity: Error, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("reads PromQL, which CEL cannot"),
}

impl Rule for AveragedRatio {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for carrier in cluster.carriers() {
            let Role::Trigger { autoscaler: Some(index), trigger } = carrier.role else { continue };
            let Some(scaled) = cluster.autoscalers().get(index) else { continue };
            let metric_type = trigger.get("metricType");
            let averaged = metric_type.is_none_or(|it| it.text() == Some("AverageValue"));
            if !averaged || has_formula(scaled) {
                continue;
            }
            let Some(query) = carrier.query() else { continue };
            let level = expressions::outermost(query.tree()).filter(|it| !it.total);
            let Some(level) = level.filter(|it| !is_backlog_of_one(it)) else { continue };
            let what = match level.word {
                "/" => "a ratio".to_owned(),
                word => format!("`{word}`"),
            };
            let message = format!("ScaledObject `{}` divides {what} by its replicas", scaled.name);
            let here = match metric_type {
                Some(_) => "takes it for a fleet total",
                None => "metricType is unset, which is AverageValue",
            };
            let op = match metric_type {
                Some(place) => edit::set(place, "Value"),
                None => edit::insert(trigger, "metricType", "Value"),
            };
            cx.report(scaled, metric_type.unwrap_or(carrier.place), message)
                .here(here)
                .label(carrier.spot(level.span), "does not grow with the fleet")
                .help("write `metricType: Value`")
                .fix_unsafe(
                    "set metricType to Value (unsafe: another formula scales the fleet)",
                    [op],
                );
        }
    }
}

/// True if a formula of the ScaledObject's own decides instead of its triggers.
pub(crate) fn has_formula(scaled: &Autoscaler<'_>) -> bool {
    scaled.at("spec/advanced/scalingModifiers/formula").is_some()
}

/// `max(queue_length)`: several exporters tell one total.
fn is_backlog_of_one(level: &Outermost<'_>) -> bool {
    let is_backlog = |node: &Node| {
        let selectors = node.selectors();
        !selectors.is_empty()
            && selectors
                .iter()
                .all(|it| it.name().is_some_and(|(name, _)| expressions::is_backlog(name)))
    };
    matches!(level.word, "max" | "min") && is_backlog(level.node)
}

cases! {
    written: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - type: prometheus\n    metricType: AverageValue\n    metadata: {query: avg(x)}\n"
        => ["7:17"],
    value: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - type: prometheus\n    metricType: Value\n    metadata: {query: avg(x)}\n"
        => [],
    ratios: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metadata: {query: '100 * (sum(a) / sum(b)) or vector(0)'}}\n  - {type: prometheus, metadata: {query: 'sum(a) / 60'}}\n  - {type: prometheus, metadata: {query: '(sum(a) + sum(b)) > 3'}}\n"
        => ["6:42"],
    others: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metadata: {query: 'max(x)'}}\n  - {type: prometheus, metadata: {query: 'min(x)'}}\n  - {type: prometheus, metadata: {query: 'quantile(0.9, x)'}}\n  - {type: prometheus, metadata: {query: 'ceil(avg(x))'}}\n  - {type: prometheus, metadata: {query: 'count(x)'}}\n"
        => ["6:42", "7:42", "8:42", "9:42"],
    a_backlog_told_twice: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metadata: {query: 'max(rabbitmq_queue_messages_ready{queue=\"orders\"})'}}\n"
        => [],
    a_formula_decides: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  advanced: {scalingModifiers: {formula: 'p * 2', target: '1'}}\n  triggers:\n  - {type: prometheus, name: p, metadata: {query: 'avg(x)'}}\n"
        => [],
    unknown_types_are_left_alone: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metricType: Average, metadata: {query: 'avg(x)'}}\n"
        => [],
    jobs_are_counted_otherwise: "apiVersion: keda.sh/v1alpha1\nkind: ScaledJob\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metadata: {query: 'avg(x)'}}\n"
        => [],
    a_truth_value: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metadata: {query: 'avg(x) > bool 3'}}\n"
        => [],
}
