use crate::rules::prelude::*;

declare_rule! {
    /// A container has no CPU limit.
    ///
    /// ## Why
    /// Without one a busy loop takes what its neighbours on the node have not requested. With one the kernel throttles
    /// the container while the node idles, and latency suffers for it, so this is for those who want it
    /// (FairwindsOps/polaris#912, zegl/kube-score#30). The default of a LimitRange in the input is a limit, and so is
    /// that of the whole pod.
    ///
    /// ## Peers
    /// kube-score, polaris and checkov want a CPU limit unless told otherwise. slogen asks only those who turn this
    /// rule on, and never writes one: requests already share the CPU fairly, and a limit throttles while the node
    /// idles.
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
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { cpu: 500m, memory: 1Gi } }
    /// ```
    "resources/missing-cpu-limit" pub struct MissingCpuLimit {}
    severity: Info, fix: FixKind::None, preset: Preset::Strict, since: "0.1.0",
    basis: Absence,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::WORKLOADS,
    conditions: &[policy::JUDGED_WITH_OWNER],
    shared: policy::OF_LIMITS,
    variables: &[findings(
        "variables.limited.filter(c, !('cpu' in c[1])).map(c, 'container `' + c[0] + '` has no CPU limit')",
    )],
};

impl Rule for MissingCpuLimit {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.templates() {
            for container in &workload.containers {
                if cluster.lacks_limit(workload, container, "cpu") {
                    let message = format!("container `{}` has no CPU limit", container.name);
                    cx.report(workload, container.place, message)
                        .label_if(container.written_request("cpu"), "this is no limit")
                        .help("set `resources.limits.cpu` well above the request");
                }
            }
        }
    }
}

cases! {
    sidecars_stay: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  initContainers: [{name: i}, {name: s, restartPolicy: Always}]\n  containers: [{name: w, resources: {limits: {cpu: 1}}}]\n"
        => ["5:38"],
    unknown: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers: [{name: w, resources: '${R}'}, {name: x, resources: {limits: '${L}'}}]\n"
        => [],
}
