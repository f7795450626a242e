use crate::rules::prelude::*;

declare_rule! {
    /// An autoscaler says nothing of how fast it may scale.
    ///
    /// ## Why
    /// Without `behavior` an HPA may double the fleet or add four pods every 15 s, and takes all pods away at once after five
    /// minutes (`horizontal.go`). On a fleet of some size that is more than databases and caches behind it can stand.
    ///
    /// ```yaml,bad
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    /// ```
    /// ```yaml,good
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    ///   behavior:
    ///     scaleDown:
    ///       policies: [{ type: Percent, value: 10, periodSeconds: 60 }]
    /// ```
    "scaling/missing-behavior" pub struct MissingBehavior {}
    severity: Info, fix: FixKind::None, preset: Preset::Strict, since: "0.1.0",
    basis: Object,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::SCALERS,
    conditions: &[policy::NOT_OF_KEDA],
    shared: policy::OF_BOUNDS,
    variables: &[findings(
        "
        // The API server fills in what `behavior` leaves out, and not `behavior` itself.
        has(variables.spec.scaleTargetRef) && variables.ceiling > 4 && !(object.kind != 'ScaledObject'
            ? has(variables.spec.behavior)
            : has(variables.spec.advanced) && has(variables.spec.advanced.horizontalPodAutoscalerConfig)
              && has(variables.spec.advanced.horizontalPodAutoscalerConfig.behavior))
        ? ['behavior is unset: it may double every 15 s, up to ' + string(variables.ceiling)] : []
        ",
    )],
};

/// With so many pods at the most, steps are small anyway.
const FEW: i64 = 4;

impl Rule for MissingBehavior {
    fn check(&self, cx: &mut Ctx<'_>) {
        for autoscaler in cx.cluster.autoscalers() {
            let path = if autoscaler.is_keda() {
                "spec/advanced/horizontalPodAutoscalerConfig/behavior"
            } else {
                "spec/behavior"
            };
            let whole = autoscaler.target_ref.is_some() && autoscaler.at(path).is_none();
            if !whole || autoscaler.max.value <= FEW {
                continue;
            }
            let message = format!(
                "{} `{}` may double every 15 s, up to {}",
                autoscaler.word(),
                autoscaler.name,
                autoscaler.max.value
            );
            cx.report(autoscaler, autoscaler.missing(path), message)
                .here("behavior is unset")
                .help("write `behavior` with a policy for each direction");
        }
    }
}

cases! {
    few_pods_and_keda: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, maxReplicas: 4}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}}\n"
        => ["9:1"],
    empty_is_not_unset: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, advanced: {horizontalPodAutoscalerConfig: {behavior: {}}}}\n"
        => [],
}
