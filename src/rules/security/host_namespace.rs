use crate::rules::prelude::*;

declare_rule! {
    /// A pod shares a namespace or a port of its node.
    ///
    /// ## Why
    /// With the node's network it sees all traffic and reaches what listens on localhost only, with its processes it
    /// reads their environment and can end them. A `hostPort` takes the port from every other pod of the node, so that
    /// the next one stays Pending. Pod Security refuses all of it at the level baseline
    /// (kubernetes.io/docs/concepts/security/pod-security-standards).
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
    ///       hostNetwork: true
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
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
    ///         ports: [{ containerPort: 8080, hostPort: 8080 }]
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
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
    ///       hostNetwork: false
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         ports: [{ containerPort: 8080 }]
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "security/host-namespace" pub struct HostNamespace {}
    severity: Warning, fix: FixKind::None, preset: Preset::Security, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("finds what Pod Security, built into Kubernetes, enforces by a label of the namespace"),
}

impl Rule for HostNamespace {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.templates() {
            for (key, what) in
                [("hostNetwork", "network"), ("hostPID", "processes"), ("hostIPC", "memory")]
            {
                if let Some(place) = workload.pod.and_then(|pod| pod.get(key))
                    && place.boolean() == Some(true)
                {
                    let message =
                        format!("the pods of `{}` share the node's {what}", workload.name);
                    cx.report(workload, place, message).help(format!("remove `{key}`"));
                }
            }
            for container in workload.every_container() {
                for port in &container.ports {
                    if let Some(place) = port.place.get("hostPort")
                        && let Some(number) = place.int().filter(|number| *number != 0)
                    {
                        let name = container.name;
                        let message = format!("container `{name}` takes port {number} of its node");
                        cx.report(workload, place, message)
                            .here("one such pod a node")
                            .help("remove `hostPort`, and reach the pods by a Service");
                    }
                }
            }
        }
    }
}

cases! {
    each: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  hostNetwork: true\n  hostPID: true\n  hostIPC: true\n  initContainers: [{name: i, ports: [{containerPort: 1, hostPort: 2}]}]\n  containers:\n  - {name: w, ports: [{containerPort: 1, hostPort: 0}, {containerPort: 3, hostPort: 4}]}\n"
        => ["5:16", "6:12", "7:12", "8:67", "10:85"],
    unknown: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  hostNetwork: '${X}'\n  hostPID: null\n  containers: [{name: w, ports: [{containerPort: 1, hostPort: '${X}'}]}]\n"
        => [],
}
