use crate::rules::prelude::*;

declare_rule! {
    /// A disruption budget has both bounds or none.
    ///
    /// ## Why
    /// The API server refuses a PodDisruptionBudget with `minAvailable` and `maxUnavailable`: they exclude each other
    /// (k8s:pkg/apis/policy/validation/validation.go). With neither it is accepted, and says nothing that protects a
    /// pod (k8s:pkg/controller/disruption/disruption.go).
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   replicas: 3
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
    ///   minAvailable: 2
    ///   maxUnavailable: 1
    ///   selector: { matchLabels: { app: shop } }
    /// ```
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   replicas: 3
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
    ///   selector: { matchLabels: { app: shop } }
    /// ```
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   replicas: 3
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
    "availability/pdb-without-single-bound" pub struct PdbWithoutSingleBound {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::BUDGETS,
    conditions: &[],
    shared: policy::OF_SPEC,
    variables: &[findings(
        "
        has(variables.spec.minAvailable) && has(variables.spec.maxUnavailable)
        ? ['it sets both minAvailable and maxUnavailable']
        : has(variables.spec.minAvailable) || has(variables.spec.maxUnavailable) ? []
        : ['it sets neither minAvailable nor maxUnavailable']
        ",
    )],
};

impl Rule for PdbWithoutSingleBound {
    fn check(&self, cx: &mut Ctx<'_>) {
        for budget in cx.cluster.budgets() {
            let name = budget.name;
            match (budget.min_available, budget.max_unavailable) {
                (Some(min), Some(max)) => {
                    let message =
                        format!("PDB `{name}` sets both `minAvailable` and `maxUnavailable`");
                    cx.report(budget, max, message)
                        .here("one excludes the other")
                        .label(min, "the other bound")
                        .help("remove one of them, best `minAvailable`");
                }
                (None, None) => {
                    let message =
                        format!("PDB `{name}` sets neither `minAvailable` nor `maxUnavailable`");
                    cx.report(budget, budget.missing("spec"), message)
                        .severity(Warning)
                        .here("protects nothing")
                        .help("set `maxUnavailable: 1`");
                }
                _ => {}
            }
        }
    }
}

cases! {
    both: "{apiVersion: policy/v1beta1, kind: PodDisruptionBudget, metadata: {name: a}, spec: {maxUnavailable: 0, minAvailable: 50%}}\n"
        => ["1:101"],
    null_is_unset: "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {maxUnavailable: null, minAvailable: 1}\n"
        => [],
    no_spec: "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\n"
        => ["3:18"],
}
