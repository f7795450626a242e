use rustc_hash::FxHashSet;

use crate::rules::prelude::*;

declare_rule! {
    /// No network policy selects the pods of a workload.
    ///
    /// ## Why
    /// Every pod of the cluster may connect to it, and it may connect to everything: whoever gets into one pod looks
    /// around in all (zegl/kube-score#420). A policy with `podSelector: {}` selects all pods of its namespace. Policies
    /// of Cilium and Calico are not read, and silence the rule in their namespace.
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
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: { name: deny }
    /// spec: { podSelector: {}, policyTypes: [Ingress] }
    /// ```
    "security/missing-network-policy" pub struct MissingNetworkPolicy {}
    severity: Info, fix: FixKind::None, preset: Preset::Security, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the network policies of the namespace"),
}

impl Rule for MissingNetworkPolicy {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let Some(selected) = selected(cluster) else { return };
        for workload in cluster.templates().filter(|workload| !workload.owned) {
            if !selected.contains(&workload.index) {
                let message = format!(
                    "no NetworkPolicy in the input selects the pods of `{}`",
                    workload.name
                );
                cx.report(workload, workload.spot(), message)
                    .here("everyone may connect")
                    .help("add a NetworkPolicy that selects its pods, and admit who needs them");
            }
        }
    }
}

/// The workloads that some policy selects, or may select; `None` if one speaks for the whole cluster.
fn selected(cluster: &Cluster<'_>) -> Option<FxHashSet<usize>> {
    let mut selected = FxHashSet::default();
    for policy in cluster.of_kind(Kind::NetworkPolicy) {
        let selector =
            policy.at("spec/podSelector").filter(|it| it.is_mapping()).map(Selector::full);
        match selector {
            Some(selector) if !selector.is_placeholder() => {
                let picked = cluster.workloads_picked(policy, &selector);
                selected.extend(picked.into_iter().map(|workload| workload.index));
            }
            // Unset, it selects all.
            _ => selected.extend(cluster.workloads_beside(policy).map(|workload| workload.index)),
        }
    }
    for policy in cluster.of_kind(Kind::Other) {
        let name = policy.kind_name;
        if name.ends_with("NetworkPolicy") {
            let of_cluster = ["Global", "Clusterwide", "Admin", "BaselineAdmin"];
            if of_cluster.iter().any(|word| name.contains(word)) {
                return None;
            }
            selected.extend(cluster.workloads_beside(policy).map(|workload| workload.index));
        }
    }
    Some(selected)
}

cases! {
    by_labels: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: b}\nspec: {template: {metadata: {labels: {app: b}}}}\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelector: {matchLabels: {app: a}}}\n"
        => ["8:18"],
    of_cilium: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: a}\nspec: {}\n"
        => [],
}
