use crate::rules::prelude::*;

declare_rule! {
    /// Replicas may all share one node.
    ///
    /// ## Why
    /// The scheduler's own spread is soft: after a node failure or a scale-up in a hurry the replicas end up on one
    /// node, and go with it. Topology spread constraints or anti-affinity, either will do (stackrox/kube-linter#894,
    /// zegl/kube-score#613).
    ///
    /// ## Peers
    /// kube-score and kube-linter want anti-affinity, polaris wants topology spread constraints. Either satisfies
    /// slogen: both keep replicas apart, and a pod with both has two sets of rules that can contradict each other.
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
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
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
    ///       topologySpreadConstraints:
    ///       - maxSkew: 1
    ///         topologyKey: topology.kubernetes.io/zone
    ///         whenUnsatisfiable: ScheduleAnyway
    ///         labelSelector: { matchLabels: { app: shop } }
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop }
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: { matchLabels: { app: shop } }
    /// ```
    "availability/missing-spread" pub struct MissingSpread {}
    severity: Info, fix: FixKind::None, preset: Preset::Strict, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the autoscaler, which sets the replicas"),
}

impl Rule for MissingSpread {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.templates() {
            if matches!(workload.kind, Kind::Deployment | Kind::StatefulSet | Kind::Rollout)
                && let Some(pod) = workload.pod
                && let Some(replicas) = cluster.replicas(workload)
                && replicas.is_known()
                && replicas.min >= 2
                && !is_spread(pod)
            {
                let message = format!(
                    "nothing keeps the {} replicas of `{}` from sharing a node",
                    replicas.min, workload.name
                );
                cx.report(workload, pod, message)
                    .here("neither spread nor anti-affinity")
                    .label_if(replicas.place, replicas.text())
                    .help("add `topologySpreadConstraints` over `kubernetes.io/hostname`");
            }
        }
    }
}

fn is_spread(pod: Place<'_>) -> bool {
    let keys = [
        "requiredDuringSchedulingIgnoredDuringExecution",
        "preferredDuringSchedulingIgnoredDuringExecution",
    ];
    // What is no sequence or mapping will be filled in.
    let written = |list: Place<'_>| list.is_scalar() || list.items().next().is_some();
    let affinity = pod.get("affinity");
    let anti = affinity.and_then(|affinity| affinity.get("podAntiAffinity"));
    pod.get("topologySpreadConstraints").is_some_and(written)
        || affinity.is_some_and(Place::is_scalar)
        || anti.is_some_and(|anti| {
            anti.is_scalar() || keys.iter().any(|key| anti.get(key).is_some_and(written))
        })
}

cases! {
    anti_affinity: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec: {replicas: 3, template: {spec: {affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: h}]}}}}}\n---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: b}\nspec: {replicas: 3, template: {spec: {affinity: {podAntiAffinity: {}, podAffinity: {}}, topologySpreadConstraints: []}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: c}\nspec: {template: {spec: {containers: []}}}\n"
        => ["9:32"],
}
