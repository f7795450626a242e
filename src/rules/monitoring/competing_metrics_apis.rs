use crate::rules::adapter::{self, Api};
use crate::rules::prelude::*;

declare_rule! {
    /// KEDA and prometheus-adapter register one metrics API.
    ///
    /// ## Why
    /// `external.metrics.k8s.io` is one APIService, and KEDA's metrics server registers itself for it
    /// (`config/metrics-server/api_service.yaml`). Where the adapter has external rules, it does, too: the one that was
    /// installed last answers, and the HPAs of the other show `<unknown>`. `custom.metrics.k8s.io`, for Pods and Object
    /// metrics, is never served by KEDA; with `closed_world = true` such a metric without an adapter is an error.
    ///
    /// ```yaml,bad
    /// rules:
    ///   default: false
    ///   external:
    ///   - seriesQuery: 'queue_messages{namespace!=""}'
    ///     resources: { overrides: { namespace: { resource: namespace } } }
    ///     metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
    /// ---
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 2
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: kafka
    ///     metadata: { bootstrapServers: "kafka:9092", consumerGroup: shop, topic: orders, lagThreshold: "50" }
    /// ```
    /// ```yaml,good
    /// rules:
    ///   default: false
    ///   custom:
    ///   - seriesQuery: 'http_requests_in_flight{namespace!="",pod!=""}'
    ///     resources: { overrides: { namespace: { resource: namespace }, pod: { resource: pod } } }
    ///     metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
    /// ---
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 2
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: kafka
    ///     metadata: { bootstrapServers: "kafka:9092", consumerGroup: shop, topic: orders, lagThreshold: "50" }
    /// ```
    "monitoring/competing-metrics-apis" pub struct CompetingMetricsApis {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("needs to know which objects there are"),
}

impl Rule for CompetingMetricsApis {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let Some(scaled) = cluster.of_kind(Kind::ScaledObject).next() else { return };
        let closed = cluster.is_closed();
        for object in cluster.of_kind(Kind::AdapterConfig) {
            if !adapter::rules(object).any(|(api, _)| api == Api::External) {
                continue;
            }
            let list = object.at("rules/external").or_else(|| object.at("externalRules"));
            let message = format!(
                "the adapter registers external.metrics.k8s.io, as KEDA does for {}",
                scaled.title()
            );
            cx.report(object, list.unwrap_or(object.root), message)
                .severity(if closed { Error } else { Warning })
                .here("the last one installed wins")
                .label(scaled.spot(), "needs KEDA's")
                .help("remove the external rules, and let KEDA read the queries");
        }
        // An adapter that is elsewhere serves them, unless the input is all there is.
        if closed && !has_custom(cluster) {
            unserved(cx, scaled);
        }
    }
}

/// True if something of the input may serve custom.metrics.k8s.io.
fn has_custom(cluster: &Cluster<'_>) -> bool {
    let serves = |it: &Object<'_>| {
        it.kind_name == "APIService" && it.name.ends_with("custom.metrics.k8s.io")
            || it.group.starts_with("helm.") && it.group.ends_with("fluxcd.io")
            || it.group == "argoproj.io"
    };
    cluster.of_kind(Kind::AdapterConfig).next().is_some()
        || cluster.of_kind(Kind::Other).any(serves)
}

fn unserved<'a>(cx: &mut Ctx<'a>, scaled: &Object<'a>) {
    for hpa in cx.cluster.autoscalers().iter().filter(|it| !it.is_keda()) {
        for metric in hpa.metrics.iter().filter(|it| matches!(it.kind, "Pods" | "Object")) {
            let Some(place) = metric.place.and_then(|place| place.get("type")) else { continue };
            let message = format!(
                "HPA `{}` reads custom.metrics.k8s.io, which nothing of the input serves",
                hpa.name
            );
            cx.report(hpa, place, message)
                .here("stays <unknown>")
                .label(scaled.spot(), "KEDA serves external metrics only")
                .help("install prometheus-adapter with a rule for it, or scale by a ScaledObject");
        }
    }
}

cases! {
    closed_world: "# lint: closed_world = true\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {metrics: [{type: Resource}, {type: Pods}]}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\n"
        => ["4:43"],
    other_apis: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {metrics: [{type: Pods}]}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\n"
        => [],
}
