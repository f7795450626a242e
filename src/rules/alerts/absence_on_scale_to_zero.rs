use crate::query::{Kind as Part, Node};
use crate::rules::expressions;
use crate::rules::prelude::*;
use crate::rules::watched;

declare_rule! {
    /// An alert on absent metrics watches pods that scale to 0.
    ///
    /// ## Why
    /// Without pods nobody scrapes anything: `absent` is true whenever the workload is idle, which is what it was
    /// scaled to 0 for, and pages each night (pyrra-dev/pyrra#1259). Ask for metrics only while there are pods.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: reports }
    /// spec:
    ///   selector: { matchLabels: { app: reports } }
    ///   template:
    ///     metadata: { labels: { app: reports } }
    ///     spec:
    ///       containers:
    ///       - name: worker
    ///         image: reports:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: reports }
    /// spec:
    ///   scaleTargetRef: { name: reports }
    ///   minReplicaCount: 0
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: rabbitmq
    ///     metadata: { queueName: reports, mode: QueueLength, value: "20" }
    /// ---
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: reports }
    /// spec:
    ///   groups:
    ///   - name: reports
    ///     rules:
    ///     - alert: ReportsMetricsAbsent
    ///       expr: absent(reports_written_total{job="reports"})
    ///       for: 10m
    /// ```
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: reports }
    /// spec:
    ///   selector: { matchLabels: { app: reports } }
    ///   template:
    ///     metadata: { labels: { app: reports } }
    ///     spec:
    ///       containers:
    ///       - name: worker
    ///         image: reports:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: reports }
    /// spec:
    ///   scaleTargetRef: { name: reports }
    ///   minReplicaCount: 0
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: rabbitmq
    ///     metadata: { queueName: reports, mode: QueueLength, value: "20" }
    /// ---
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: reports }
    /// spec:
    ///   groups:
    ///   - name: reports
    ///     rules:
    ///     - alert: ReportsMetricsAbsent
    ///       expr: |
    ///         absent(reports_written_total{job="reports"})
    ///           and on () sum(kube_deployment_status_replicas_ready{deployment="reports"}) > 0
    ///       for: 10m
    /// ```
    "alerts/absence-on-scale-to-zero" pub struct AbsenceOnScaleToZero {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("reads PromQL, which CEL cannot, and needs the workload that is watched"),
}

impl Rule for AbsenceOnScaleToZero {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        // Pods that others may have of the same metrics are not known then.
        if cluster.is_partial() || !cluster.workloads().iter().any(|it| is_idle(cluster, it)) {
            return;
        }
        for carrier in cluster.carriers() {
            let Role::Alert { .. } = carrier.role else { continue };
            let Some(query) = carrier.query() else { continue };
            let mut calls = Vec::new();
            query.tree().walk(&mut |node, _| {
                if let Part::Call { name, name_span, args } = &node.kind
                    && matches!(name.as_str(), "absent" | "absent_over_time")
                    && let Some(arg) = args.first()
                {
                    calls.push((name.as_str(), name_span.clone(), arg));
                }
            });
            if calls.is_empty() || is_guarded(query.tree()) {
                continue;
            }
            for (function, spot, arg) in calls {
                let selectors = arg.selectors();
                let watched =
                    selectors.iter().flat_map(|it| watched::workloads(cluster, carrier, it));
                let watched: Vec<_> = watched.collect();
                let Some(workload) = watched.first() else { continue };
                if !watched.iter().all(|it| is_idle(cluster, it)) {
                    continue;
                }
                let Some(replicas) = cluster.replicas(workload) else { continue };
                let floor = match (replicas.place, replicas.owner) {
                    (Some(place), _) => place.primary(),
                    (None, Some(owner)) => owner.missing("spec/minReplicaCount"),
                    (None, None) => workload.spot(),
                };
                let message = format!(
                    "{} fires whenever `{}` has no pods",
                    expressions::title(carrier),
                    workload.name
                );
                cx.report(&carrier.object, carrier.spot(spot), message)
                    .here(format!("`{function}` of what idle pods tell"))
                    .label(floor, replicas.text())
                    .help(
                        "add `and on () sum(kube_deployment_status_replicas_ready{…}) > 0`, or keep one pod",
                    );
            }
        }
    }
}

/// True for a workload that has no pods at times.
fn is_idle(cluster: &Cluster<'_>, workload: &Workload<'_>) -> bool {
    cluster.replicas(workload).is_some_and(|it| it.is_known() && it.min == 0)
}

/// True if an expression asks whether there are pods.
fn is_guarded(node: &Node) -> bool {
    node.selectors().iter().filter_map(|it| it.name().map(|(name, _)| name.to_owned())).any(
        |name| {
            ["replicas", "kube_pod", "pods", "ready", "keda_"]
                .iter()
                .any(|word| name.contains(word))
        },
    )
}

cases! {
    unset_is_0: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: []}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, triggers: [{type: kafka}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n  - name: g\n    rules:\n    - {alert: A, expr: 'absent(up{job=\"a\"}) == 1'}\n    - {alert: B, expr: 'absent(up{job=\"b\"}) == 1'}\n    - {alert: C, expr: 'absent_over_time(x{service=\"a\"}[5m])'}\n    - {alert: D, expr: 'absent(kube_pod_info{job=\"a\"})'}\n    - {alert: E, expr: 'up{job=\"a\"} == 0'}\n    - {record: 'a:b:c', expr: 'absent(up{job=\"a\"})'}\n"
        => ["18:25", "20:25"],
    by_its_monitor: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: []}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, minReplicaCount: 0, triggers: [{type: kafka}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nmetadata: {name: m, namespace: x}\nspec: {namespaceSelector: {any: true}, selector: {matchLabels: {app: a}}, podMetricsEndpoints: [{port: http}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'absent(x_total{job=\"x/m\"})'}]}]}\n"
        => ["19:53"],
    some_pods_stay: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a, all: x}}, spec: {containers: []}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\nspec: {template: {metadata: {labels: {app: b, all: x}}, spec: {containers: []}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, minReplicaCount: 0, triggers: [{type: kafka}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nmetadata: {name: m}\nspec: {selector: {matchLabels: {all: x}}, podMetricsEndpoints: [{port: http}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'absent(x_total)'}]}]}\n"
        => [],
    a_floor_of_one: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: []}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, minReplicaCount: 1, triggers: [{type: kafka}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'absent(up{job=\"a\"})'}]}]}\n"
        => [],
    guards: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: []}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, triggers: [{type: kafka}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'absent(up{job=\"a\"}) unless on () sum(kube_deployment_status_replicas{deployment=\"a\"}) == 0'}, {alert: B, expr: 'absent(up{job=\"a\"}) and on () y > 1'}]}]}\n"
        => ["14:165"],
}
