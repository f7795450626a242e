use crate::rules::prelude::*;

declare_rule! {
    /// A spread constraint or anti-affinity does not count the own pods.
    ///
    /// ## Why
    /// The scheduler counts the pods that `labelSelector` matches. Without one it counts none, and with a label that
    /// the own template does not have it counts those of someone else: the replicas share a node although a constraint
    /// forbids it, or stay Pending for the sake of strangers (zegl/kube-score#495). Anti-affinity to another workload
    /// of the input is meant so.
    ///
    /// ## Peers
    /// kube-score reports a topology spread constraint without a `labelSelector`, and takes any selector. slogen
    /// reports a selector that misses the own pods too, and looks at anti-affinity alike: to the scheduler,
    /// counting others is no better than counting none.
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
    ///       topologySpreadConstraints:
    ///       - maxSkew: 1
    ///         topologyKey: topology.kubernetes.io/zone
    ///         whenUnsatisfiable: ScheduleAnyway
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
    ///       topologySpreadConstraints:
    ///       - maxSkew: 1
    ///         topologyKey: topology.kubernetes.io/zone
    ///         whenUnsatisfiable: ScheduleAnyway
    ///         labelSelector: { matchLabels: { app: store } }
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
    ///       topologySpreadConstraints:
    ///       - maxSkew: 1
    ///         topologyKey: topology.kubernetes.io/zone
    ///         whenUnsatisfiable: ScheduleAnyway
    ///         labelSelector: { matchLabels: { app: shop } }
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "availability/spread-selects-others" pub struct SpreadSelectsOthers {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("needs the other workloads of the namespace"),
}

impl Rule for SpreadSelectsOthers {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.templates() {
            let Some(pod) = workload.pod else { continue };
            for constraint in pod.list("topologySpreadConstraints") {
                check(cx, workload, constraint, true);
            }
            let affinity = pod.at("affinity/podAntiAffinity");
            let list = |key| affinity.into_iter().flat_map(move |it: Place<'_>| it.list(key));
            let preferred = list("preferredDuringSchedulingIgnoredDuringExecution");
            let terms = list("requiredDuringSchedulingIgnoredDuringExecution")
                .chain(preferred.filter_map(|it| it.get("podAffinityTerm")));
            for term in terms {
                // It looks elsewhere.
                if term.get("namespaces").is_none() && term.get("namespaceSelector").is_none() {
                    check(cx, workload, term, false);
                }
            }
        }
    }
}

/// Labels that controllers give to pods.
const GIVEN: [&str; 7] = [
    "pod-template-hash",
    "rollouts-pod-template-hash",
    "controller-revision-hash",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "job-name",
    "batch.kubernetes.io/job-name",
];

fn check<'a>(cx: &mut Ctx<'_>, workload: &Workload<'a>, term: Place<'a>, spreads: bool) {
    if !term.is_mapping() {
        return;
    }
    let what = if spreads { "a spread constraint" } else { "an anti-affinity term" };
    let name = workload.name;
    let Some(written) = term.get("labelSelector") else {
        if term.get("matchLabelKeys").is_none() {
            cx.report(
                workload,
                term,
                format!("{what} of `{name}` has no labelSelector, so it counts no pods"),
            )
            .here("counts nothing")
            .help(help(workload));
        }
        return;
    };
    if !written.is_mapping() {
        return;
    }
    let selector = Selector::full(written);
    let open = workload.labels.0.is_some_and(|labels| !labels.is_mapping())
        || workload.labels.iter().any(|(_, value)| value.text().is_some_and(is_placeholder));
    if open
        || selector.is_placeholder()
        || selector.matches(workload.labels)
        || selector.labels.iter().any(|(key, ..)| GIVEN.contains(key))
        || selector.requirements.iter().any(|asked| GIVEN.contains(&asked.key))
        || (!spreads && is_meant(cx.cluster, workload, &selector))
    {
        return;
    }
    let culprit = selector.culprit(&[workload.labels]);
    let own = culprit.key().and_then(|key| workload.labels.0?.get(key));
    let message = format!(
        "{what} of `{name}` counts pods with `{}`, which its own do not have",
        selector.text()
    );
    cx.report(workload, culprit, message)
        .here("not a label of these pods")
        .label_if(own.or(workload.labels.0), "the pods have this")
        .help(help(workload));
}

/// True if anti-affinity keeps away from others: some that are in the input, or some that have nothing in common
/// with these.
fn is_meant<'a>(cluster: &Cluster<'a>, workload: &Workload<'a>, selector: &Selector<'a>) -> bool {
    let related = selector.labels.iter().any(|(key, value, _)| {
        let own = workload.labels.get(key);
        own.is_some_and(|own| own == *value || nearest(value, std::iter::once(own)).is_some())
    });
    // What is not given may be what is meant.
    !related || cluster.is_partial() || !cluster.workloads_picked(workload, selector).is_empty()
}

fn help(workload: &Workload<'_>) -> String {
    let own = workload.selector.as_ref().and_then(|selector| selector.labels.first());
    match own {
        Some((key, value, _)) => {
            format!("write `labelSelector: {{ matchLabels: {{ {key}: {value} }} }}`")
        }
        None => "select the labels of the own template".to_owned(),
    }
}

cases! {
    constraints: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec:\n  template:\n    metadata: {labels: {app: a, tier: web}}\n    spec:\n      topologySpreadConstraints:\n      - {maxSkew: 1, topologyKey: z, whenUnsatisfiable: DoNotSchedule, labelSelector: {}}\n      - {maxSkew: 1, topologyKey: z, whenUnsatisfiable: DoNotSchedule, labelSelector: null}\n      - {maxSkew: 1, topologyKey: z, matchLabelKeys: [app]}\n      - {maxSkew: 1, topologyKey: z, labelSelector: {matchLabels: {app: a, tier: db}}}\n      - {maxSkew: 1, topologyKey: z, labelSelector: {matchExpressions: [{key: app, operator: Exists}]}}\n      - {maxSkew: 1, topologyKey: z, labelSelector: {matchExpressions: [{key: app, operator: DoesNotExist}]}}\n"
        => ["10:10", "12:82", "14:74"],
    anti_affinity: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template:\n    metadata: {labels: {app: shop}}\n    spec:\n      affinity:\n        podAntiAffinity:\n          requiredDuringSchedulingIgnoredDuringExecution:\n          - {topologyKey: h, labelSelector: {matchLabels: {app: shopp}}}\n          - {topologyKey: h, labelSelector: {matchLabels: {app: batch}}}\n          - {topologyKey: h, labelSelector: {matchLabels: {app: shop}}}\n          - {topologyKey: h}\n          preferredDuringSchedulingIgnoredDuringExecution:\n          - {weight: 1, podAffinityTerm: {topologyKey: h, labelSelector: {matchLabels: {app: shp}}}}\n"
        => ["11:65", "14:14", "16:94"],
    unknown: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template:\n    metadata: {labels: {app: '${APP}'}}\n    spec:\n      topologySpreadConstraints:\n      - {maxSkew: 1, topologyKey: z, labelSelector: {matchLabels: {app: a}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\nspec:\n  template:\n    metadata: {labels: {app: b}}\n    spec:\n      topologySpreadConstraints:\n      - {maxSkew: 1, topologyKey: z, labelSelector: {matchLabels: {app: '${APP}'}}}\n      - '${CONSTRAINT}'\n"
        => [],
}
