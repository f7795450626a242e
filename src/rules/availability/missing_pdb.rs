use rustc_hash::FxHashSet;

use crate::rules::prelude::*;

declare_rule! {
    /// A workload of several replicas has no disruption budget.
    ///
    /// ## Why
    /// A node drain evicts every pod that it meets, and drains of several nodes run side by side in an upgrade: without
    /// a PodDisruptionBudget nothing says how many may be gone at once, and all of them may be (zegl/kube-score#536,
    /// FairwindsOps/polaris#999). What counts is the least number of pods; a single one is for
    /// `availability/single-replica`.
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
    "availability/missing-pdb" pub struct MissingPdb {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the disruption budgets of the namespace"),
}

impl Rule for MissingPdb {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let mut covered = None;
        for workload in cluster.workloads() {
            if matches!(workload.kind, Kind::Deployment | Kind::StatefulSet | Kind::Rollout)
                && let Some(replicas) = cluster.replicas(workload)
                && replicas.is_known()
                && replicas.min >= 2
                && cluster.budgets_of(workload).next().is_none()
                && !covered.get_or_insert_with(|| maybe_covered(cluster)).contains(&workload.index)
            {
                let message = format!(
                    "`{}` has {} replicas at the least, and no PodDisruptionBudget is in the input",
                    workload.name, replicas.min
                );
                let place = replicas.place;
                cx.report(workload, workload.spot(), message)
                    .here("a drain may take every pod")
                    .label_if(place, replicas.text())
                    .help(
                        "add a PodDisruptionBudget with `maxUnavailable: 1` that selects its pods",
                    );
            }
        }
    }
}

/// The workloads that some budget may select: one of both does not say its namespace, or the selector is filled
/// in later.
fn maybe_covered(cluster: &Cluster<'_>) -> FxHashSet<usize> {
    let mut covered = FxHashSet::default();
    for budget in cluster.budgets() {
        let Some(selector) = &budget.selector else { continue };
        if selector.is_placeholder() || budget.namespace.is_some_and(is_placeholder) {
            covered.extend(cluster.workloads_beside(budget).map(|workload| workload.index));
        } else if !selector.labels.is_empty() {
            let labelled = cluster.workloads_labelled(selector).into_iter();
            let maybe = labelled
                .filter(|workload| workload.namespace.is_none() || budget.namespace.is_none());
            covered.extend(maybe.map(|workload| workload.index));
        }
    }
    covered
}

cases! {
    the_floor_counts: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, minReplicas: 2, maxReplicas: 5}\n---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: b}\nspec: {replicas: 1, template: {metadata: {labels: {app: b}}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: c}\nspec: {scaleTargetRef: {name: c}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: c}\nspec: {replicas: 3, template: {metadata: {labels: {app: c}}}}\n"
        => ["3:18"],
    other_kinds: "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: a}\nspec: {replicas: 3, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: r}\nspec: {replicas: 3, template: {metadata: {labels: {app: a}}}}\n"
        => ["13:18"],
    all_of_the_namespace: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 3, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {maxUnavailable: 1, selector: {}}\n"
        => [],
    namespaces: "# file: a.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: x}\nspec: {replicas: 3, template: {metadata: {labels: {app: a}}}}\n# file: b.yaml\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {maxUnavailable: 1, selector: {matchLabels: {app: a}}}\n# file: c.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b, namespace: x}\nspec: {replicas: 3, template: {metadata: {labels: {app: b}}}}\n# file: d.yaml\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: b, namespace: y}\nspec: {maxUnavailable: 1, selector: {matchLabels: {app: b}}}\n"
        => ["c.yaml:3:18"],
    unknown: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: '${N}', template: {metadata: {labels: {app: a}}}}\n"
        => [],
}
