use crate::rules::prelude::*;

declare_rule! {
    /// A workload that takes traffic has no priority class.
    ///
    /// ## Why
    /// Under pressure the scheduler evicts by priority, and with the same priority for all a batch job may take the
    /// place of what users wait for (kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption).
    ///
    /// ## Peers
    /// polaris wants a priority class for every pod. slogen wants one only where a Service sends traffic:
    /// priorities mean something only if not everybody has one.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   replicas: 2
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         ports: [{ name: http, containerPort: 8080 }]
    ///         readinessProbe: { httpGet: { path: /ready, port: http } }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { app: shop }
    ///   ports: [{ name: http, port: 80, targetPort: http }]
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop }
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: { matchLabels: { app: shop } }
    /// ```
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   replicas: 2
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       priorityClassName: online
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         ports: [{ name: http, containerPort: 8080 }]
    ///         readinessProbe: { httpGet: { path: /ready, port: http } }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { app: shop }
    ///   ports: [{ name: http, port: 80, targetPort: http }]
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop }
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: { matchLabels: { app: shop } }
    /// ```
    "hygiene/missing-priority-class" pub struct MissingPriorityClass {}
    severity: Info, fix: FixKind::None, preset: Preset::Strict, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("needs the Service that sends the traffic"),
}

impl Rule for MissingPriorityClass {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.templates() {
            if let Some(pod) = workload.pod
                && pod.get("priorityClassName").is_none()
                && let Some(service) = cluster.services_of(workload).find(|it| !it.is_for_metrics())
            {
                let message = format!(
                    "`{}` has no priorityClassName, Service `{}` sends it traffic",
                    workload.name, service.name
                );
                let selector = service.selector.as_ref().map(|selector| selector.place);
                cx.report(workload, pod, message)
                    .here("goes before batch work does")
                    .label_if(selector, "selects its pods")
                    .help("set `priorityClassName` to a class above that of batch work");
            }
        }
    }
}

cases! {
    unserved: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: []}}}\n"
        => [],
}
