use crate::query::Kind as Node;
use crate::rules::expressions;
use crate::rules::prelude::*;

declare_rule! {
    /// A query without a result counts as no load.
    ///
    /// ## Why
    /// `ignoreNullValues` is true unless it is set: an empty result and NaN become 0 (`prometheus_scaler.go`). When Prometheus
    /// loses the target, the load seems to be gone, and the fleet shrinks to its floor at full traffic (kedacore/keda#3065,
    /// grafana/mimir#7691). With `"false"` it is an error: the HPA keeps what it has, or the `fallback` counts.
    ///
    /// ## Fix safety
    /// Unsafe: a query that is empty while nothing happens, such as a rate of errors, then errors and holds scale-down up. Let
    /// it end in `or vector(0)` where that is meant.
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
    ///       query: sum(http_requests_in_flight{service="shop"})
    ///       threshold: "10"
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
    ///     metricType: AverageValue
    ///     metadata:
    ///       serverAddress: http://prometheus:9090
    ///       query: sum(http_requests_in_flight{service="shop"})
    ///       threshold: "10"
    ///       ignoreNullValues: "false"
    /// ```
    /// ```yaml,good
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 2
    ///   maxReplicaCount: 10
    ///   fallback: { failureThreshold: 3, replicas: 6 }
    ///   triggers:
    ///   - type: prometheus
    ///     metricType: AverageValue
    ///     metadata:
    ///       serverAddress: http://prometheus:9090
    ///       query: sum(http_requests_in_flight{service="shop"})
    ///       threshold: "10"
    /// ```
    "keda/null-as-zero" pub struct NullAsZero {}
    severity: Warning, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("reads PromQL, which CEL cannot"),
}

impl Rule for NullAsZero {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let queries = expressions::triggers_of(cluster);
        for scaled in cluster.autoscalers().iter().filter(|it| it.is_keda()) {
            if scaled.at("spec/fallback").is_some() {
                continue;
            }
            // These tell nothing of load, or as little as Prometheus then does.
            let is_load = |it: &&Metric<'_>| !matches!(it.kind, "cpu" | "memory" | "cron");
            let mut loads = scaled.metrics.iter().filter(is_load);
            let (Some(trigger), None) = (loads.next(), loads.next()) else { continue };
            let Some(metadata) = trigger.place.and_then(|place| place.get("metadata")) else {
                continue;
            };
            let queries = queries.get(&scaled.index).map_or(&[][..], Vec::as_slice);
            let query = queries.first().filter(|_| trigger.kind == "prometheus");
            let Some(query) = query.filter(|query| !is_never_empty(query)) else { continue };
            let written = metadata.get("ignoreNullValues");
            let ignores = written.is_none_or(|place| {
                place
                    .text()
                    .is_some_and(|text| matches!(text, "true" | "True" | "TRUE" | "t" | "T" | "1"))
            });
            if !ignores {
                continue;
            }
            let message = format!(
                "ScaledObject `{}` takes an empty result of its only load query for 0",
                scaled.name
            );
            let op = match written {
                Some(place) => edit::set(place, "false"),
                None => edit::insert(metadata, "ignoreNullValues", "false"),
            };
            cx.report(scaled, written.unwrap_or(metadata), message)
                .here(if written.is_some() {
                    "no data counts as no load"
                } else {
                    "ignoreNullValues is unset, which is true"
                })
                .label(query.place, "empty once the target is lost")
                .help("write `ignoreNullValues: \"false\"`, or add a `fallback`")
                .fix_unsafe(
                    "set ignoreNullValues to \"false\" (unsafe: an empty result is an error then)",
                    [op],
                );
        }
    }
}

/// True if something else stands in for an empty result: `or vector(0)`.
fn is_never_empty(carrier: &Carrier<'_>) -> bool {
    carrier.query().is_some_and(|query| match &query.tree().peel().kind {
        Node::Binary { op, rhs, .. } => op == "or" && expressions::is_constant(rhs),
        Node::Call { name, .. } => name == "vector",
        _ => false,
    })
}

cases! {
    written_true: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: prometheus, metadata: {query: sum(x), ignoreNullValues: \"true\"}}]}\n"
        => ["4:82"],
    unquoted_false: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: prometheus, metadata: {query: sum(x), ignoreNullValues: false}}]}\n"
        => [],
    cpu_and_cron_are_no_load: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metadata: {query: sum(x)}}\n  - {type: cpu}\n  - {type: cron}\n"
        => ["6:24"],
    other_load: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: prometheus, metadata: {query: sum(x)}}, {type: kafka}]}\n"
        => [],
    stand_in: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: prometheus, metadata: {query: (sum(x) or vector(0))}}]}\n"
        => [],
    template: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: prometheus, metadata: {query: sum(x), ignoreNullValues: '${IGNORE}'}}]}\n"
        => [],
}
