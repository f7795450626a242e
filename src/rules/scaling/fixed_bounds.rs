use crate::rules::prelude::*;

declare_rule! {
    /// The floor of an autoscaler equals its ceiling.
    ///
    /// ## Why
    /// It measures and decides, and there is nothing to decide: the fleet is as large on the worst day as on the calmest.
    /// Often a leftover of an incident, when somebody pinned the count (FairwindsOps/polaris has the check
    /// `hpaMaxAvailability`).
    ///
    /// ## Peers
    /// polaris fails an HPA whose `maxReplicas` is not above `minReplicas`, and one whose floor is 1. For slogen
    /// equal bounds are a note, since pinning a fleet may be meant; a ceiling below the floor is an error of
    /// `scaling/rejected-bounds`, and a floor of 1 is for `availability/single-replica`.
    ///
    /// ```yaml,bad
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   minReplicas: 3
    ///   maxReplicas: 3
    /// ```
    /// ```yaml,good
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   minReplicas: 3
    ///   maxReplicas: 12
    /// ```
    "scaling/fixed-bounds" pub struct FixedBounds {}
    severity: Info, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::SCALERS,
    conditions: &[policy::NOT_OF_KEDA],
    shared: policy::OF_BOUNDS,
    variables: &[findings("
        variables.floor == variables.ceiling && variables.ceiling >= 1 && !has(variables.spec.idleReplicaCount)
        ? ['it never scales: floor and ceiling are both ' + string(variables.ceiling)] : []
        ")],
};

impl Rule for FixedBounds {
    fn check(&self, cx: &mut Ctx<'_>) {
        for autoscaler in cx.cluster.autoscalers() {
            let (min, max) = (autoscaler.min, autoscaler.max);
            // KEDA switches between the idle count and the floor, and an HPA without a ceiling is refused.
            let known = [min, max].iter().all(|it| it.place.is_none_or(|it| it.int().is_some()));
            let idles = autoscaler.at("spec/idleReplicaCount").is_some();
            let fixed = known && !idles && min.value == max.value && max.value >= 1;
            let Some(spot) = min.place.or(max.place).filter(|_| fixed) else { continue };
            let (low, high) = if autoscaler.is_keda() {
                ("minReplicaCount", "maxReplicaCount")
            } else {
                ("minReplicas", "maxReplicas")
            };
            let (word, name, count) = (autoscaler.word(), autoscaler.name, max.value);
            let bounds = match (min.place, max.place) {
                (Some(_), Some(_)) => format!("{low} and {high} are both {count}"),
                (None, _) => format!("{low} is unset, which is {count}, as is {high}"),
                (_, None) => format!("{high} is unset, which is {count}, as is {low}"),
            };
            cx.report(autoscaler, spot, format!("{word} `{name}` never scales: {bounds}"))
                .here("floor and ceiling are equal")
                .label_if(max.place.filter(|place| *place != spot), "the ceiling")
                .help(format!("raise `{high}`, or remove the {word} and set `replicas: {count}`"));
        }
    }
}

cases! {
    default_floor: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {maxReplicas: 1}\n"
        => ["4:21"],
    keda: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {minReplicaCount: 4, maxReplicaCount: 4}\n"
        => ["4:25"],
    keda_switches_on_and_off: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {maxReplicaCount: 1}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {minReplicaCount: 2, maxReplicaCount: 2, idleReplicaCount: 0}\n"
        => [],
    default_ceiling: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {minReplicaCount: 100}\n"
        => ["4:25"],
    refused_bounds: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {minReplicas: 0, maxReplicas: 0}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {minReplicas: x, maxReplicas: 1}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {minReplicas: 3}\n"
        => [],
}
