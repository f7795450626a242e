use crate::rules::prelude::*;

declare_rule! {
    /// An autoscaler may scale in one direction only.
    ///
    /// ## Why
    /// `selectPolicy: Disabled` switches a direction off for good (`horizontal.go`). Without scale-down, one peak a year pays
    /// for its pods for the rest of it; without scale-up, the fleet shrinks at night and meets the morning small.
    ///
    /// ```yaml,bad
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    ///   behavior:
    ///     scaleDown: { selectPolicy: Disabled }
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
    ///       policies: [{ type: Pods, value: 1, periodSeconds: 300 }]
    /// ```
    "scaling/one-way-scaling" pub struct OneWayScaling {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::SCALERS,
    conditions: &[policy::NOT_OF_KEDA],
    shared: policy::OF_BEHAVIOR,
    variables: &[findings("
        ['scaleUp', 'scaleDown'].filter(key, key in variables.behavior
            && has(variables.behavior[key].selectPolicy) && variables.behavior[key].selectPolicy == 'Disabled')
          .map(key, key + ' is Disabled, so that it never happens')
        ")],
};

impl Rule for OneWayScaling {
    fn check(&self, cx: &mut Ctx<'_>) {
        for autoscaler in cx.cluster.autoscalers() {
            let Some(behavior) = autoscaler.behavior() else { continue };
            for (direction, verb) in [("scaleUp", "up"), ("scaleDown", "down")] {
                let Some(place) = behavior.get(direction).and_then(|it| it.get("selectPolicy"))
                else {
                    continue;
                };
                if place.text() == Some("Disabled") {
                    let (word, name) = (autoscaler.word(), autoscaler.name);
                    cx.report(autoscaler, place, format!("{word} `{name}` never scales {verb}"))
                        .here(format!("switches {direction} off"))
                        .help(
                            "remove `selectPolicy`, and slow the direction with a policy instead",
                        );
                }
            }
        }
    }
}

cases! {
    keda_and_both: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {advanced: {horizontalPodAutoscalerConfig: {behavior: {scaleUp: {selectPolicy: Disabled}, scaleDown: {selectPolicy: Disabled}}}}}\n"
        => ["4:86", "4:123"],
    others_are_fine: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {behavior: {scaleUp: {selectPolicy: Max}, scaleDown: {selectPolicy: Min}}}\n"
        => [],
}
