use crate::rules::prelude::*;

declare_rule! {
    /// A workload that an autoscaler scales also sets `spec.replicas`.
    ///
    /// ## Why
    /// Each `kubectl apply` puts the written count back, so the autoscaler loses its scale, at worst during a peak.
    /// GitOps tools and the HPA overwrite each other for ever.
    ///
    /// ## Peers
    /// kube-score forbids `spec.replicas` beside an HPA, polaris asks for it, with 2 or more. slogen forbids it
    /// beside any autoscaler, since each apply undoes what that decided; whether there are enough pods is for
    /// `availability/single-replica`, which reads the autoscaler's floor.
    ///
    /// ## Fix safety
    /// Unsafe: with client-side apply, dropping a field that was applied before resets it to its default, 1, once;
    /// the autoscaler then scales back up. Hand the field over first (`kubectl apply edit-last-applied`), or do it
    /// outside peak hours.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   replicas: 3 # before the sale
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
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
    ///   minReplicas: 1
    ///   maxReplicas: 9
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
    ///   minReplicas: 1
    ///   maxReplicas: 9
    /// ```
    "scaling/static-replicas" pub struct StaticReplicas {
        /// Namespaces in which the rule stays quiet.
        pub skip_namespaces: Vec<String> = Vec::new(),
    }
    severity: Error, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("needs the autoscaler and the workload that it scales"),
}

impl Rule for StaticReplicas {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.workloads() {
            let mut autoscalers = cluster.autoscalers_of(workload);
            if let Some(autoscaler) = autoscalers.next()
                && !self.skip_namespaces.iter().any(|name| workload.namespace == Some(name))
                && let Some(replicas) = workload.at("spec/replicas")
            {
                let (word, name) = (autoscaler.word(), autoscaler.name);
                let count = replicas.int();
                let (min, max) = (autoscaler.min.value, autoscaler.max.value);
                // An HPA without a ceiling is refused.
                let bounded = autoscaler.is_keda() || autoscaler.max.place.is_some();
                let outside = bounded && count.is_some_and(|count| count < min || count > max);
                let message = if count == Some(0) && !autoscaler.is_keda() {
                    format!("HPA `{name}` is disabled while `replicas` is 0")
                } else {
                    format!(
                        "`{}` is scaled by {word} `{name}` and sets `replicas` too",
                        workload.name
                    )
                };
                let here = if outside {
                    format!("jumps out of {min} to {max}")
                } else {
                    "each apply puts this count back".to_owned()
                };
                let mut report = cx
                    .report(workload, replicas, message)
                    .here(here)
                    .label(autoscaler.target_spot(), format!("this {word} owns the count"));
                for other in autoscalers {
                    let label = format!("{} `{}` wants it, too", other.word(), other.name);
                    report = report.label(other.target_spot(), label);
                }
                report.help("remove `replicas`").fix_unsafe(
                    "remove `replicas` (unsafe: the first client-side apply drops to 1)",
                    [edit::remove(replicas)],
                );
            }
        }
    }
}

cases! {
    quiet_without_autoscaler: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 3, template: {}}\n" => [],
    scaled_object_and_stateful_set: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec:\n  replicas: 3\n  template: {}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {kind: StatefulSet, name: a}}\n"
        => ["5:13"],
    other_namespace: "# file: a.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: x}\nspec: {replicas: 3, template: {}}\n# file: b.yaml\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: y}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 9}\n"
        => [],
    across_files: "# file: a.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: x}\nspec: {replicas: 3, template: {}}\n# file: b.yaml\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: x}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 9}\n"
        => ["a.yaml:4:18"],
    once_for_two_autoscalers: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 3, template: {}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 9}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}}\n"
        => ["4:18"],
    null_is_unset: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: null, template: {}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}}\n"
        => [],
}
