use crate::rules::prelude::*;

declare_rule! {
    /// A strict spread counts the pods of the old and the new revision together.
    ///
    /// ## Why
    /// In a rollout the old pods still count, so that the new ones fit only where the old ones leave a gap: they stay
    /// Pending although the zones have room, and once the old ones are gone the new ones are skewed. With
    /// `matchLabelKeys: [pod-template-hash]` each revision is spread by itself
    /// (kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints). It needs Kubernetes 1.27.
    ///
    /// ## Fix safety
    /// Unsafe: the fleet as a whole may be skewed while a rollout goes on.
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
    ///         whenUnsatisfiable: DoNotSchedule
    ///         labelSelector: { matchLabels: { app: shop } }
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    /// ```yaml,fixed
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
    ///         whenUnsatisfiable: DoNotSchedule
    ///         labelSelector: { matchLabels: { app: shop } }
    ///         matchLabelKeys:
    ///         - pod-template-hash
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
    ///         whenUnsatisfiable: DoNotSchedule
    ///         labelSelector: { matchLabels: { app: shop } }
    ///         matchLabelKeys: [pod-template-hash]
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "availability/spread-across-revisions" pub struct SpreadAcrossRevisions {}
    severity: Info, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::DEPLOYED,
    conditions: &[policy::UNOWNED],
    shared: policy::OF_CONTAINERS,
    variables: &[
        Variable {
            name: "rolls",
            cel: "
        !has(object.spec) || !has(object.spec.strategy) || !has(object.spec.strategy.type)
          || object.spec.strategy.type == 'RollingUpdate'
        ",
        },
        findings("
        (variables.rolls && has(variables.podSpec.topologySpreadConstraints)
            ? variables.podSpec.topologySpreadConstraints : [])
          .filter(t, has(t.whenUnsatisfiable) && t.whenUnsatisfiable == 'DoNotSchedule' && has(t.maxSkew)
            && t.maxSkew == 1 && has(t.labelSelector)
            && !(has(t.matchLabelKeys) && 'pod-template-hash' in t.matchLabelKeys))
          .map(t, 'a rollout spreads old and new pods together over ' + t.topologyKey
            + ', with a skew of 1 at the most')
        "),
    ],
};

impl Rule for SpreadAcrossRevisions {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        if cluster.settings.kubernetes.is_some_and(|version| version < (1, 27)) {
            return;
        }
        for workload in cluster.templates().filter(|it| it.kind == Kind::Deployment && !it.owned) {
            let kind = workload.at("spec/strategy/type").map(Place::text);
            if kind.is_some_and(|kind| kind != Some("RollingUpdate")) {
                continue;
            }
            let Some(pod) = workload.pod else { continue };
            for constraint in pod.list("topologySpreadConstraints").filter(|it| is_strict(*it)) {
                check(cx, workload, constraint);
            }
        }
    }
}

/// True for a constraint that leaves no room, and counts by labels.
fn is_strict(constraint: Place<'_>) -> bool {
    constraint.text_of("whenUnsatisfiable") == Some("DoNotSchedule")
        && constraint.int_of("maxSkew") == Some(1)
        && constraint.get("labelSelector").is_some_and(Place::is_mapping)
}

const HASH: &str = "pod-template-hash";

fn check(cx: &mut Ctx<'_>, workload: &Workload<'_>, constraint: Place<'_>) {
    let keys = constraint.get("matchLabelKeys");
    let mut written: Vec<_> =
        keys.into_iter().flat_map(Place::items).filter_map(Place::text).collect();
    if written.contains(&HASH) || keys.is_some_and(|keys| !keys.is_sequence()) {
        return;
    }
    written.push(HASH);
    let change = match keys {
        Some(keys) => edit::set(keys, serde_json::json!(written)),
        None => edit::insert(constraint, "matchLabelKeys", serde_json::json!(written)),
    };
    let message = format!(
        "a rollout of `{}` spreads old and new pods together, with a skew of 1 at the most",
        workload.name
    );
    cx.report(workload, keys.unwrap_or(constraint), message)
        .here("both revisions count")
        .help(format!("add `matchLabelKeys: [{HASH}]`"))
        .fix_unsafe(
            format!("match `{HASH}` too (unsafe: old and new pods may share a zone in a rollout)"),
            [change],
        );
}

cases! {
    quiet: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {strategy: {type: Recreate}, template: {spec: {topologySpreadConstraints: [{maxSkew: 1, topologyKey: z, whenUnsatisfiable: DoNotSchedule, labelSelector: {}}]}}}\n---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec: {template: {spec: {topologySpreadConstraints: [{maxSkew: 1, topologyKey: z, whenUnsatisfiable: DoNotSchedule, labelSelector: {}}]}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: c}\nspec: {template: {spec: {topologySpreadConstraints: [{maxSkew: 2, topologyKey: z, whenUnsatisfiable: DoNotSchedule, labelSelector: {}}, {maxSkew: 1, topologyKey: z, whenUnsatisfiable: ScheduleAnyway, labelSelector: {}}]}}}\n"
        => [],
    before_1_27: "# lint: kubernetes = \"1.26\"\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {topologySpreadConstraints: [{maxSkew: 1, topologyKey: z, whenUnsatisfiable: DoNotSchedule, labelSelector: {}}]}}}\n"
        => [],
}
