use crate::rules::prelude::*;

declare_rule! {
    /// Two autoscalers scale one workload.
    ///
    /// ## Why
    /// The HPA controller finds pods that two HPAs count (a ScaledObject makes one too), reports AmbiguousSelector on
    /// both and scales neither (`pkg/controller/podautoscaler/horizontal.go`). Before that check they undid each
    /// other every 15 s. KEDA's webhook refuses the ScaledObject, but only where the HPA is in the cluster already
    /// (kedacore/keda#3087).
    ///
    /// A ScaledObject that takes an HPA over on purpose is left alone: it names the HPA in
    /// `spec.advanced.horizontalPodAutoscalerConfig.name` and has the annotation
    /// `scaledobject.keda.sh/transfer-hpa-ownership: "true"`.
    ///
    /// ```yaml,bad
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop-cpu }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   minReplicas: 2
    ///   maxReplicas: 9
    ///   metrics:
    ///   - type: Resource
    ///     resource: { name: cpu, target: { type: Utilization, averageUtilization: 70 } }
    /// ---
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop-load }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   minReplicas: 2
    ///   maxReplicas: 9
    ///   metrics:
    ///   - type: Pods
    ///     pods: { metric: { name: in_flight }, target: { type: AverageValue, averageValue: 10 } }
    /// ```
    /// ```yaml,good
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   minReplicas: 2
    ///   maxReplicas: 9
    ///   metrics:
    ///   - type: Resource
    ///     resource: { name: cpu, target: { type: Utilization, averageUtilization: 70 } }
    ///   - type: Pods
    ///     pods: { metric: { name: in_flight }, target: { type: AverageValue, averageValue: 10 } }
    /// ```
    "scaling/competing-autoscalers" pub struct CompetingAutoscalers {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("needs both autoscalers"),
}

impl Rule for CompetingAutoscalers {
    fn check(&self, cx: &mut Ctx<'_>) {
        let autoscalers = cx.cluster.autoscalers();
        let targets = Nearby::new(autoscalers.iter().map(|it| (target(it), &it.object)));
        for autoscaler in autoscalers.iter().filter(|autoscaler| counts(autoscaler)) {
            let beside = targets.of(target(autoscaler), autoscaler);
            let others = beside.filter_map(|index| autoscalers.get(index));
            let rivals = others.filter(|other| rank(other) < rank(autoscaler));
            let rival = rivals.filter(|other| compete(autoscaler, other)).min_by_key(|it| rank(it));
            let Some(rival) = rival else { continue };
            let both = format!(
                "{} `{}` and {} `{}`",
                rival.word(),
                rival.name,
                autoscaler.word(),
                autoscaler.name
            );
            let message = format!(
                "{} `{}` is scaled by {both}",
                autoscaler.target.kind, autoscaler.target.name
            );
            let help = match (rival.is_keda(), autoscaler.is_keda()) {
                (false, false) => format!(
                    "put the metrics of `{}` into `{}`, and remove it: an HPA takes the largest count",
                    autoscaler.name, rival.name
                ),
                (true, _) => format!(
                    "put the triggers of `{}` into `{}`, and remove it: KEDA takes the largest count",
                    autoscaler.name, rival.name
                ),
                (false, true) => {
                    format!("remove HPA `{}`, and put its metrics into `triggers`", rival.name)
                }
            };
            cx.report(autoscaler, autoscaler.target_spot(), message)
                .here("neither scales it")
                .label(
                    rival.target_spot(),
                    format!("{} `{}` scales it already", rival.word(), rival.name),
                )
                .help(help);
        }
    }
}

fn target<'a>(autoscaler: &Autoscaler<'a>) -> (&'a str, &'a str) {
    (autoscaler.target.kind, autoscaler.target.name)
}

/// An HPA goes before a ScaledObject, which then is the intruder; else the earlier one.
fn rank(autoscaler: &Autoscaler<'_>) -> (bool, usize) {
    (autoscaler.is_keda(), autoscaler.index)
}

/// False for the HPA that KEDA itself made, and for what has no target.
fn counts(autoscaler: &Autoscaler<'_>) -> bool {
    !autoscaler.owned && !autoscaler.target.name.is_empty() && !autoscaler.target.kind.is_empty()
}

/// `other` ranks before `autoscaler`.
fn compete(autoscaler: &Autoscaler<'_>, other: &Autoscaler<'_>) -> bool {
    // An object that is there twice, as in a base and its overlay, is one object.
    let same = autoscaler.kind == other.kind && autoscaler.name == other.name;
    !same
        && counts(other)
        && autoscaler.target.agrees(&other.target)
        && autoscaler.shares_namespace(other)
        && !takes_over(autoscaler, other)
}

fn takes_over(scaled_object: &Autoscaler<'_>, hpa: &Autoscaler<'_>) -> bool {
    let name = scaled_object.at("spec/advanced/horizontalPodAutoscalerConfig/name");
    scaled_object.is_keda()
        && scaled_object.annotation("scaledobject.keda.sh/transfer-hpa-ownership") == Some("true")
        && name.and_then(Place::text) == Some(hpa.name)
}

cases! {
    scaled_object_beside_hpa: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: b}\nspec:\n  scaleTargetRef: {name: a}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}\n  maxReplicas: 3\n"
        => ["5:3"],
    two_scaled_objects: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: b}\nspec:\n  scaleTargetRef: {name: a}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: c}\nspec:\n  scaleTargetRef: {name: a, kind: Deployment}\n"
        => ["11:3"],
    three: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: b}\nspec: {scaleTargetRef: {name: a}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: c}\nspec: {scaleTargetRef: {name: a}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: d}\nspec: {scaleTargetRef: {name: a}}\n"
        => ["9:8", "14:8"],
    handed_over: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: b, annotations: {scaledobject.keda.sh/transfer-hpa-ownership: \"true\"}}\nspec: {scaleTargetRef: {name: a}, advanced: {horizontalPodAutoscalerConfig: {name: a}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => [],
    another_is_handed_over: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: b, annotations: {scaledobject.keda.sh/transfer-hpa-ownership: \"true\"}}\nspec: {scaleTargetRef: {name: a}, advanced: {horizontalPodAutoscalerConfig: {name: x}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => ["4:8"],
    another_version: "apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1beta1, kind: Deployment, name: a}, maxReplicas: 3}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: b}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => ["9:8"],
    another_group: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: example.org/v1, kind: Deployment, name: a}, maxReplicas: 3}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: b}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => [],
    another_kind: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, name: a}, maxReplicas: 3}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: b}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => [],
    another_namespace: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: x}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: b, namespace: y}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => [],
    namespace_unset_in_the_same_file: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: x}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: b}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => ["9:8"],
    base_and_overlay: "# file: base.yaml\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n# file: overlay.yaml\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 9}\n"
        => [],
    made_by_keda: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: b}\nspec: {scaleTargetRef: {name: a}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: keda-hpa-b, ownerReferences: [{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, name: b, uid: x}]}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => [],
    in_a_list_across_files: "# file: a.yaml\napiVersion: v1\nkind: List\nitems:\n- apiVersion: autoscaling/v2\n  kind: HorizontalPodAutoscaler\n  metadata: {name: a, namespace: x}\n  spec: {scaleTargetRef: {apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: a}, maxReplicas: 3}\n# file: b.json\n{\"apiVersion\": \"autoscaling/v2\", \"kind\": \"HorizontalPodAutoscaler\", \"metadata\": {\"name\": \"b\", \"namespace\": \"x\"}, \"spec\": {\"scaleTargetRef\": {\"apiVersion\": \"argoproj.io/v1alpha1\", \"kind\": \"Rollout\", \"name\": \"a\"}, \"maxReplicas\": 3}}\n"
        => ["b.json:1:123"],
    no_target: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {maxReplicas: 3}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: b}\nspec: {maxReplicas: 3}\n"
        => [],
}
