use crate::rules::prelude::*;

declare_rule! {
    /// A NetworkPolicy selects no pods.
    ///
    /// ## Why
    /// It isolates nothing, and nobody notices: pods without a policy take traffic from everywhere (zegl/kube-score#293). What
    /// the input does not hold may be selected, so it is an error only with `closed_world = true`.
    ///
    /// ## Peers
    /// kube-score and kube-linter fail a NetworkPolicy whose pods are not among the files. slogen warns, and calls
    /// it an error only with `closed_world = true`: what was not read is not known to be missing.
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
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: { name: shop }
    /// spec:
    ///   podSelector: { matchLabels: { app: store } }
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
    /// metadata: { name: shop }
    /// spec:
    ///   podSelector: { matchLabels: { app: shop } }
    /// ```
    "traffic/unmatched-network-policy" pub struct UnmatchedNetworkPolicy {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the workloads whose pods the selector picks"),
}

impl Rule for UnmatchedNetworkPolicy {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for policy in cluster.of_kind(Kind::NetworkPolicy) {
            let Some(place) = policy.at("spec/podSelector").filter(|it| it.is_mapping()) else {
                continue;
            };
            let selector = Selector::full(place);
            if selector.is_empty() || selector.is_placeholder() {
                continue;
            }
            let mut beside = cluster.workloads_beside(policy).peekable();
            let mut found = cluster.workloads_labelled(&selector).into_iter();
            // Labels that another tool fills in may be these.
            let open = |it: &Workload<'_>| {
                it.labels.iter().any(|(_, value)| value.text().is_some_and(is_placeholder))
            };
            if beside.peek().is_none()
                || found.any(|it| it.shares_namespace(policy))
                || beside.clone().any(open)
            {
                continue;
            }
            let culprit = selector.culprit_by(
                |key, value| cluster.has_pods_labelled(policy, key, value),
                |requirement| beside.clone().any(|it| requirement.matches(it.labels)),
            );
            let closed = cluster.is_closed();
            let message = format!(
                "NetworkPolicy `{}` selects `{}`, which no pod template of its namespace has",
                policy.name,
                selector.text()
            );
            cx.report(policy, culprit, message)
                .severity(if closed { Error } else { Warning })
                .here("matches nothing")
                .help("select labels that a pod template has, or remove the policy");
        }
    }
}

cases! {
    all_pods_and_other_namespaces: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelector: {}}\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: b}\nspec: {podSelector: {matchExpressions: [{key: app, operator: In, values: [a, b]}]}}\n"
        => [],
    by_expressions: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: b}\nspec: {podSelector: {matchLabels: {app: a}, matchExpressions: [{key: tier, operator: Exists}]}}\n"
        => ["9:65"],
}
