use crate::rules::prelude::*;

declare_rule! {
    /// A container has no memory limit.
    ///
    /// ## Why
    /// Memory cannot be throttled. One leak fills the node, and the kernel or the kubelet then kills the pods of
    /// others to make room; with a limit only the leaking container dies
    /// (kubernetes.io/docs/concepts/configuration/manage-resources-containers/). A limit of the whole pod will do, and
    /// so will the default of a LimitRange in the input. CPU limits are another matter: they throttle, so no rule that
    /// is on by default asks for them.
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
    ///         resources:
    ///           requests: { cpu: 250m, memory: 1Gi }
    ///           limits: { cpu: "1" }
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
    ///         resources:
    ///           requests: { cpu: 250m, memory: 1Gi }
    ///           limits: { memory: 1Gi }
    /// ```
    "resources/missing-memory-limit" pub struct MissingMemoryLimit {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::WORKLOADS,
    conditions: &[policy::JUDGED_WITH_OWNER],
    shared: policy::OF_LIMITS,
    variables: &[findings(
        "variables.limited.filter(c, !('memory' in c[1])).map(c, 'container `' + c[0] + '` has no memory limit')",
    )],
};

impl Rule for MissingMemoryLimit {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.workloads().iter().filter(|workload| !workload.borrows_template()) {
            for container in &workload.containers {
                if cluster.lacks_limit(workload, container, "memory") {
                    let request = container.written_request("memory");
                    cx.report(
                        workload,
                        container.place,
                        format!("container `{}` has no memory limit", container.name),
                    )
                    .label_if(request, "this is no limit")
                    .help("set `resources.limits.memory` to the most that the container may use");
                }
            }
        }
    }
}

cases! {
    init_containers_do_not_stay: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  initContainers: [{name: i, image: 'a:1'}]\n  containers: [{name: web, image: 'a:1', resources: {limits: {memory: 1Gi}}}]\n"
        => [],
    sidecars_do: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  initContainers: [{name: i, image: 'a:1', restartPolicy: Always}]\n  containers: [{name: web, image: 'a:1', resources: {limits: {memory: 1Gi}}}]\n"
        => ["5:27"],
    each_container: "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          containers:\n          - {name: one}\n          - {name: two, resources: {limits: {memory: 1Gi}}}\n          - {name: three, resources: {limits: {memory: null}}}\n"
        => ["10:20", "12:20"],
    pod_level: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  resources: {limits: {memory: 1Gi}}\n  containers: [{name: web, image: 'a:1'}]\n"
        => [],
    limit_range: "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: n}\nspec: {containers: [{name: web, image: 'a:1'}]}\n---\napiVersion: v1\nkind: LimitRange\nmetadata: {name: l, namespace: n}\nspec: {limits: [{type: Container, default: {memory: 1Gi}}]}\n"
        => [],
    limit_range_with_a_max: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: web, image: 'a:1'}]}\n---\napiVersion: v1\nkind: LimitRange\nmetadata: {name: l}\nspec: {limits: [{type: Container, max: {memory: 1Gi}}]}\n"
        => [],
    limit_range_of_pods: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: web, image: 'a:1'}]}\n---\napiVersion: v1\nkind: LimitRange\nmetadata: {name: l}\nspec: {limits: [{type: Pod, max: {memory: 1Gi}}]}\n"
        => ["4:28"],
    limit_range_elsewhere: "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: n}\nspec: {containers: [{name: web, image: 'a:1'}]}\n---\napiVersion: v1\nkind: LimitRange\nmetadata: {name: l, namespace: m}\nspec: {limits: [{type: Container, default: {memory: 1Gi}}]}\n"
        => ["4:28"],
    templated: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: web, image: 'a:1', resources: '{{ toYaml .Values.resources }}'}]}\n"
        => [],
    shared_by_an_anchor: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: one, resources: {limits: &limits {memory: 1Gi}}}\n  - {name: two, resources: {limits: {<<: *limits, cpu: 1}}}\n"
        => [],
    template_of_a_rollout: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web}]}}}\n---\napiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: a}\nspec: {workloadRef: {apiVersion: apps/v1, kind: Deployment, name: a}}\n"
        => ["4:46"],
}
