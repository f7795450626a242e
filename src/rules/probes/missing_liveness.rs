use crate::rules::prelude::*;

declare_rule! {
    /// A container has no liveness probe.
    ///
    /// ## Why
    /// A process that hangs stays in place until someone notices. A bad probe does more harm than none, since it
    /// restarts the fleet under load, so this is for those who want it (Checkmarx/kics#4755).
    ///
    /// ## Peers
    /// polaris and checkov report a missing liveness probe by default, kube-linter on request. slogen does so on
    /// request only: readiness already keeps traffic from a pod that hangs, and a liveness probe that nobody
    /// thought about turns an overload into an outage.
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
    ///         livenessProbe: { httpGet: { path: /healthz, port: 8080 }, periodSeconds: 30 }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "probes/missing-liveness" pub struct MissingLiveness {}
    severity: Info, fix: FixKind::None, preset: Preset::Strict, since: "0.1.0",
    basis: Object,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::SERVERS,
    conditions: &[policy::UNOWNED],
    shared: policy::OF_CONTAINERS,
    variables: &[findings("
        (has(variables.podSpec.containers) ? variables.podSpec.containers : []).filter(c, !has(c.livenessProbe))
          .map(c, 'container `' + c.name + '` has no livenessProbe')
        ")],
};

impl Rule for MissingLiveness {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.templates().filter(|workload| !workload.is_exempt()) {
            for container in workload.containers.iter().filter(|container| !container.init) {
                if container.place.get("livenessProbe").is_none() && container.place.is_mapping() {
                    let message = format!("container `{}` has no livenessProbe", container.name);
                    cx.report(workload, container.place, message)
                        .here("stays when it hangs")
                        .help("add a `livenessProbe` that asks the process alone, and waits longer than readiness");
                }
            }
        }
    }
}

cases! {
    only_what_stays: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  initContainers: [{name: i}, {name: s, restartPolicy: Always}]\n  containers: [{name: w}, {name: x, livenessProbe: \"${P}\"}]\n"
        => ["6:23"],
    jobs_end: "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: w}]}}}\n"
        => [],
}
