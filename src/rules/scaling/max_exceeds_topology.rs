use crate::rules::prelude::*;

declare_rule! {
    /// A fleet may grow beyond the nodes or zones that it may not share.
    ///
    /// ## Why
    /// Required anti-affinity against the own pods allows one per node or zone: the pods beyond stay Pending for ever, at the
    /// peak that they were meant for. How many there are, `nodes` and `zones` of the configuration say. As many as there are
    /// pods is too few for a rollout that wants one more first.
    ///
    /// ```yaml,bad
    /// # lint: nodes = 6
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       affinity:
    ///         podAntiAffinity:
    ///           requiredDuringSchedulingIgnoredDuringExecution:
    ///           - { topologyKey: kubernetes.io/hostname, labelSelector: { matchLabels: { app: shop } } }
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    /// ```
    /// ```yaml,good
    /// # lint: nodes = 16
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       affinity:
    ///         podAntiAffinity:
    ///           requiredDuringSchedulingIgnoredDuringExecution:
    ///           - { topologyKey: kubernetes.io/hostname, labelSelector: { matchLabels: { app: shop } } }
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    /// ```
    "scaling/max-exceeds-topology" pub struct MaxExceedsTopology {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the autoscaler and the workload that it scales"),
}

impl Rule for MaxExceedsTopology {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let (nodes, zones) = (cluster.settings.nodes, cluster.settings.zones);
        if nodes.is_none() && zones.is_none() {
            return;
        }
        for workload in cluster.workloads() {
            let affinity = workload.pod.and_then(|pod| pod.at("affinity/podAntiAffinity"));
            let Some(affinity) = affinity else { continue };
            let Some(replicas) = cluster.replicas(workload) else { continue };
            let (place, max) = match replicas.owner {
                Some(owner) => (owner.max.place, owner.max.value),
                None => (replicas.place, replicas.max),
            };
            if place.is_some_and(|place| place.int().is_none()) {
                continue;
            }
            for term in affinity.list("requiredDuringSchedulingIgnoredDuringExecution") {
                let Some(topology) =
                    term.get("topologyKey").filter(|_| is_against_own(term, workload))
                else {
                    continue;
                };
                let (count, what) = match topology.text() {
                    Some("kubernetes.io/hostname") => (nodes, "nodes"),
                    Some(
                        "topology.kubernetes.io/zone" | "failure-domain.beta.kubernetes.io/zone",
                    ) => (zones, "zones"),
                    _ => continue,
                };
                let Some(count) = count.map(i64::from) else { continue };
                let severity = match max.cmp(&count) {
                    std::cmp::Ordering::Greater => Warning,
                    std::cmp::Ordering::Equal if surges(workload) => Info,
                    _ => continue,
                };
                let object = replicas.owner.map_or(&workload.object, |owner| &owner.object);
                let message = format!(
                    "`{}` grows to {max} pods, one for each of {count} {what}",
                    workload.name
                );
                let spot = place.map_or_else(|| object.missing("spec"), Place::primary);
                cx.report(object, spot, message)
                    .severity(severity)
                    .here(if severity == Info {
                        "no room for a rollout"
                    } else {
                        "the rest stays Pending"
                    })
                    .label(topology, "one pod for each")
                    .help("prefer the anti-affinity, or use a topologySpreadConstraint");
            }
        }
    }
}

/// True if the term keeps the pods of `workload` from each other.
fn is_against_own<'a>(term: Place<'a>, workload: &Workload<'a>) -> bool {
    let Some(selector) = term.get("labelSelector").filter(|it| it.is_mapping()) else {
        return false;
    };
    let elsewhere = term.list("namespaces").next().is_some();
    !elsewhere && Selector::full(selector).matches(workload.labels)
}

/// True if a rollout starts a new pod before it takes an old one away.
fn surges(workload: &Workload<'_>) -> bool {
    let most = workload.at("spec/strategy/rollingUpdate/maxUnavailable");
    workload.kind == Kind::Deployment
        && most
            .and_then(Share::read)
            .is_some_and(|share| share == Share::Absolute(0) || share == Share::Percent(0))
}

cases! {
    zones_of_a_static_fleet: "# lint: zones = 3\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\n# four\nspec: {replicas: 4, template: {metadata: {labels: {app: a}}, spec: {affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: topology.kubernetes.io/zone, labelSelector: {matchLabels: {app: a}}}]}}}}}\n"
        => ["5:18"],
    as_many_as_nodes: "# lint: nodes = 4\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 4, strategy: {rollingUpdate: {maxUnavailable: 0}}, template: {metadata: {labels: {app: a}}, spec: {affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: a}}}]}}}}}\n"
        => ["4:18"],
    against_others: "# lint: nodes = 2\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 4, template: {metadata: {labels: {app: a}}, spec: {affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: b}}}]}}}}}\n"
        => [],
}
