use crate::rules::expressions;
use crate::rules::keda::averaged_ratio::has_formula;
use crate::rules::prelude::*;

declare_rule! {
    /// A fleet total is compared with the threshold as if it were of one pod.
    ///
    /// ## Why
    /// With `Value` the HPA multiplies the running pods by value / threshold (`replica_calculator.go`). A total does
    /// not shrink when pods are added: 60 requests in flight over 10 are 6 times too much at 3 pods, and still at 18
    /// and at 108. It runs to the maximum in minutes and stays.
    ///
    /// ## Fix safety
    /// Unsafe: the fleet follows another formula from then on; the threshold becomes the share of one pod.
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
    ///     metricType: Value # of the whole shop
    ///     metadata:
    ///       serverAddress: http://prometheus:9090
    ///       ignoreNullValues: "false"
    ///       threshold: "10"
    ///       query: sum(http_requests_in_flight{job="shop"})
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
    ///     metricType: AverageValue # of the whole shop
    ///     metadata:
    ///       serverAddress: http://prometheus:9090
    ///       ignoreNullValues: "false"
    ///       threshold: "10"
    ///       query: sum(http_requests_in_flight{job="shop"})
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
    ///     metricType: Value
    ///     metadata:
    ///       serverAddress: http://prometheus:9090
    ///       ignoreNullValues: "false"
    ///       threshold: "10"
    ///       query: avg(http_requests_in_flight{job="shop"})
    /// ```
    "keda/total-as-value" pub struct TotalAsValue {}
    severity: Error, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("reads PromQL, which CEL cannot"),
}

impl Rule for TotalAsValue {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for carrier in cluster.carriers() {
            let Role::Trigger { autoscaler: Some(index), trigger } = carrier.role else { continue };
            let Some(scaled) = cluster.autoscalers().get(index) else { continue };
            let (Some(place), Some(query)) = (value_type(scaled, trigger), carrier.query()) else {
                continue;
            };
            if let Some((word, span)) = total(cluster, query.tree()) {
                report(cx, scaled, place, &word, carrier.spot(span));
            }
        }
        for scaled in cluster.autoscalers().iter().filter(|it| it.is_keda()) {
            for trigger in scaled.metrics.iter().filter(|it| is_lag(it.kind)) {
                if let Some(item) = trigger.place
                    && let Some(place) = value_type(scaled, item)
                    && let Some(kind) = item.get("type")
                {
                    report(
                        cx,
                        scaled,
                        place,
                        &format!("the lag of `{}`", trigger.kind),
                        kind.primary(),
                    );
                }
            }
        }
    }
}

/// Scalers that tell how much waits for the whole fleet.
fn is_lag(kind: &str) -> bool {
    matches!(kind, "kafka" | "apache-kafka" | "azure-eventhub" | "nats-jetstream" | "pulsar")
}

fn value_type<'a>(scaled: &Autoscaler<'a>, trigger: Place<'a>) -> Option<Place<'a>> {
    let place = trigger.get("metricType").filter(|it| it.text() == Some("Value"));
    place.filter(|_| !has_formula(scaled))
}

/// What makes the result of `node` a fleet total: `sum` or `count` over everything, or the length of a queue.
fn total(
    cluster: &Cluster<'_>,
    node: &crate::query::Node,
) -> Option<(String, std::ops::Range<usize>)> {
    if let Some(outermost) = expressions::outermost(node) {
        let of_queue = || {
            let selectors = outermost.node.selectors();
            let is_lag = |name: &str| name.split(['_', ':']).any(|part| part == "lag");
            matches!(outermost.word, "max" | "min")
                && !selectors.is_empty()
                && selectors.iter().all(|it| it.name().is_some_and(|(name, _)| is_lag(name)))
        };
        let one = matches!(expressions::count(cluster, node), expressions::Count::One(_));
        let found = (outermost.total && one) || of_queue();
        return found.then(|| (format!("the fleet total `{}`", outermost.word), outermost.span));
    }
    None
}

fn report<'a>(
    cx: &mut Ctx<'a>,
    scaled: &Autoscaler<'a>,
    place: Place<'a>,
    what: &str,
    spot: crate::source::Span,
) {
    let message = format!("ScaledObject `{}` multiplies its replicas by {what}", scaled.name);
    cx.report(scaled, place, message)
        .here("takes it for the load of one pod")
        .label(spot, "does not shrink with more pods")
        .help("write `metricType: AverageValue`, with the threshold that one pod can take")
        .fix_unsafe(
            "set metricType to AverageValue (unsafe: another formula scales the fleet)",
            [edit::set(place, "AverageValue")],
        );
}

cases! {
    count: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metricType: Value, metadata: {query: 'count(x) * 2 or vector(0)'}}\n"
        => ["6:36"],
    default_is_average_value: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metadata: {query: 'sum(x)'}}\n"
        => [],
    grouped: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metricType: Value, metadata: {query: 'max(sum by (pod) (x))'}}\n  - {type: prometheus, metricType: Value, metadata: {query: 'sum by (pod) (x)'}}\n"
        => [],
    grouped_by_what_is_fixed: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metricType: Value, metadata: {query: 'sum by (job) (x{job=\"a\"})'}}\n"
        => ["6:36"],
    ratio: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metricType: Value, metadata: {query: 'sum(x) / count(y)'}}\n"
        => [],
    kafka_lag: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metricType: Value, metadata: {query: 'max(kafka_consumergroup_lag)'}}\n  - {type: kafka, metricType: Value, metadata: {lagThreshold: '5'}}\n"
        => ["6:36", "7:31"],
    a_formula_decides: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  advanced: {scalingModifiers: {formula: 'p * 2', target: '1'}}\n  triggers:\n  - {type: prometheus, name: p, metricType: Value, metadata: {query: 'sum(x)'}}\n"
        => [],
}
