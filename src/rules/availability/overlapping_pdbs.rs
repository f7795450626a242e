use rustc_hash::FxHashSet;

use crate::rules::prelude::*;

declare_rule! {
    /// Two disruption budgets of a namespace match the same pods.
    ///
    /// ## Why
    /// The eviction API answers 500 for a pod that has more than one PodDisruptionBudget, whatever they allow: the
    /// node never drains. It happens when a chart brings its own budget and a platform team adds one for all
    /// (kubernetes/kubernetes#75957).
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   replicas: 3
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop, tier: front } }
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
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: front }
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: { matchLabels: { tier: front } }
    /// ```
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   replicas: 3
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop, tier: front } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: front }
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: { matchLabels: { tier: front } }
    /// ```
    "availability/overlapping-pdbs" pub struct OverlappingPdbs {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("needs both disruption budgets"),
}

impl Rule for OverlappingPdbs {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let mut reported = FxHashSet::default();
        for workload in cluster.workloads().iter().filter(|workload| !workload.is_exempt()) {
            let mut budgets = cluster.budgets_of(workload);
            let Some(first) = budgets.next() else { continue };
            for later in budgets {
                // The same one again, as overlays have it, replaces the first.
                let distinct = later.name != first.name;
                if distinct && reported.insert(later.index) {
                    let (one, other, pods) = (first.name, later.name, workload.title());
                    let message = format!(
                        "PDBs `{one}` and `{other}` both match the pods of {pods}, so none is ever evicted"
                    );
                    cx.report(later, later.spot(), message)
                        .here("a second budget for them")
                        .label(first.spot(), "the first one")
                        .label(workload.spot(), "both match its pods")
                        .help(format!("keep one of both, or narrow `spec.selector` of `{other}`"));
                }
            }
        }
    }
}

cases! {
    all_and_one: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: all}\nspec: {maxUnavailable: 1, selector: {}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata:\n  name: a\nspec: {maxUnavailable: 1, selector: {matchLabels: {app: a}}}\n"
        => ["14:9"],
    an_empty_beta_selects_nothing: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: all}\nspec: {maxUnavailable: 1, selector: {}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {maxUnavailable: 1, selector: {matchLabels: {app: a}}}\n"
        => [],
    each_later_one_once: "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {template: {metadata: {labels: {app: a, of: x}}}}}\n- {apiVersion: apps/v1, kind: Deployment, metadata: {name: b}, spec: {template: {metadata: {labels: {app: b, of: x}}}}}\n- {apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: p}, spec: {selector: {matchLabels: {of: x}}}}\n- {apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: q}, spec: {selector: {matchExpressions: [{key: app, operator: Exists}]}}}\n- {apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: r}, spec: {selector: {matchLabels: {app: b}}}}\n"
        => ["7:71", "8:71"],
    other_namespaces: "# file: a.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: x}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a, namespace: x}\nspec: {selector: {matchLabels: {app: a}}}\n# file: b.yaml\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: b, namespace: y}\nspec: {selector: {matchLabels: {app: a}}}\n"
        => [],
    one_that_comes_twice: "# file: a.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}}\n# file: b.yaml\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}}\n"
        => [],
    jobs_end: "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: b}\nspec: {selector: {matchLabels: {app: a}}}\n"
        => [],
}
