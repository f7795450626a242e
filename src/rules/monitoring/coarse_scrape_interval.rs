use rustc_hash::FxHashSet;

use crate::rules::expressions::{self, Wanted, seconds};
use crate::rules::prelude::*;

declare_rule! {
    /// A metric that a scaler reads is scraped seldom.
    ///
    /// ## Why
    /// The HPA looks every 15 s (`--horizontal-pod-autoscaler-sync-period`). With one sample a minute it acts four times on
    /// the same number; for metrics that are relative to the fleet each step builds on the one before, and the fleet shoots
    /// past what is needed.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    ///         ports: [{ name: http, containerPort: 8080 }]
    /// ---
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PodMonitor
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   podMetricsEndpoints: [{ port: http, interval: 60s }]
    /// ---
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 1
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: prometheus
    ///     metricType: AverageValue
    ///     metadata:
    ///       serverAddress: http://prometheus:9090
    ///       query: sum(http_requests_in_flight)
    ///       threshold: "10"
    ///       ignoreNullValues: "false"
    /// ```
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    ///         ports: [{ name: http, containerPort: 8080 }]
    /// ---
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PodMonitor
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   podMetricsEndpoints: [{ port: http, interval: 15s }]
    /// ---
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 1
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: prometheus
    ///     metricType: AverageValue
    ///     metadata:
    ///       serverAddress: http://prometheus:9090
    ///       query: sum(http_requests_in_flight)
    ///       threshold: "10"
    ///       ignoreNullValues: "false"
    /// ```
    "monitoring/coarse-scrape-interval" pub struct CoarseScrapeInterval {}
    severity: Info, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the Services or pods that are scraped"),
}

/// Twice the time between two looks of the HPA.
const MOST: Duration = Duration::from_secs(30);

impl Rule for CoarseScrapeInterval {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let mut told = FxHashSet::default();
        for carrier in cluster.carriers() {
            if !matches!(carrier.role, Role::Trigger { .. } | Role::MetricsQuery { .. }) {
                continue;
            }
            let Some(query) = carrier.query() else { continue };
            for selector in query.tree().selectors() {
                let name = expressions::metric(carrier, &selector);
                if expressions::is_recorded(&name)
                    || expressions::is_of_platform(&name)
                    || expressions::is_of_proxy(&name)
                {
                    continue;
                }
                let wanted = Wanted::of(&selector);
                let admits = |label: &str, value: &str| wanted.admits(label, value);
                let series = Series { admits: &admits, exact: wanted.exact() };
                for (monitor, endpoint) in cluster.endpoints_feeding(&carrier.object, &series) {
                    let Some(interval) = endpoint.seconds().filter(|it| *it > MOST) else {
                        continue;
                    };
                    let Some(place) = endpoint.interval else { continue };
                    if !told.insert((monitor.index, place.order())) {
                        continue;
                    }
                    let message = format!(
                        "{} `{}` scrapes every {} what {} scales on",
                        monitor.kind_name,
                        monitor.name,
                        seconds(interval),
                        carrier.object.title()
                    );
                    cx.report(monitor, place, message)
                        .here("the HPA looks every 15 s")
                        .label(carrier.spot(selector.node.span.clone()), "reads it")
                        .help("write `interval: 15s`");
                }
            }
        }
    }
}

cases! {
    rules_do_not_scale: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: w, ports: [{name: http, containerPort: 80}]}]}}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, podMetricsEndpoints: [{port: http, interval: 60s}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: a}\nspec: {groups: [{name: a, rules: [{record: \"a:b:c\", expr: x}]}]}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: prometheus, metadata: {query: 'sum(kube_pod_info) + sum(a:b:c)'}}]}\n"
        => [],
}
