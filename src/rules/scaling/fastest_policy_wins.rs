use crate::rules::prelude::*;

declare_rule! {
    /// The policy that removes most pods wins over the careful one.
    ///
    /// ## Why
    /// With several policies and no `selectPolicy`, `Max` counts: the one that allows the largest change
    /// (`horizontal.go`). "10 % or 4 pods" reads like a limit of both, and on a fleet of ten it removes four at once.
    ///
    /// ## Fix safety
    /// Unsafe: the fleet shrinks more slowly.
    ///
    /// ```yaml,bad
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    ///   behavior:
    ///     scaleDown:
    ///       policies:
    ///       - { type: Percent, value: 10, periodSeconds: 60 }
    ///       - { type: Pods, value: 4, periodSeconds: 60 }
    /// ```
    /// ```yaml,fixed
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    ///   behavior:
    ///     scaleDown:
    ///       policies:
    ///       - { type: Percent, value: 10, periodSeconds: 60 }
    ///       - { type: Pods, value: 4, periodSeconds: 60 }
    ///       selectPolicy: Min
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
    ///       selectPolicy: Max
    ///       policies:
    ///       - { type: Percent, value: 10, periodSeconds: 60 }
    ///       - { type: Pods, value: 4, periodSeconds: 60 }
    /// ```
    "scaling/fastest-policy-wins" pub struct FastestPolicyWins {}
    severity: Warning, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL. Of an HPA the API server has filled in `selectPolicy: Max` before it asks, as if that were meant.
static POLICY: Policy = Policy {
    resources: policy::SCALED_OBJECTS,
    conditions: &[],
    shared: policy::OF_BEHAVIOR,
    variables: &[findings("
        has(variables.behavior.scaleDown) && !has(variables.behavior.scaleDown.selectPolicy)
          && has(variables.behavior.scaleDown.policies) && size(variables.behavior.scaleDown.policies) > 1
        ? ['of the scaleDown policies the one that removes most counts: selectPolicy is unset'] : []
        ")],
};

impl Rule for FastestPolicyWins {
    fn check(&self, cx: &mut Ctx<'_>) {
        for autoscaler in cx.cluster.autoscalers() {
            let rules = autoscaler.behavior().and_then(|behavior| behavior.get("scaleDown"));
            let Some(rules) = rules.filter(|rules| rules.get("selectPolicy").is_none()) else {
                continue;
            };
            let Some(policies) = rules.get("policies") else { continue };
            let count = policies.items().count();
            if count < 2 {
                continue;
            }
            let (word, name) = (autoscaler.word(), autoscaler.name);
            let message = format!(
                "of the {count} scaleDown policies of {word} `{name}` the one that removes most counts"
            );
            cx.report(autoscaler, policies, message)
                .here("selectPolicy is unset, which is Max")
                .help("write `selectPolicy: Min`, or `selectPolicy: Max` if that is meant")
                .fix_unsafe(
                    "set selectPolicy to Min (unsafe: the fleet shrinks more slowly)",
                    [edit::insert(rules, "selectPolicy", "Min")],
                );
        }
    }
}

cases! {
    one_policy_and_scale_up: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {behavior: {scaleDown: {policies: [{type: Pods, value: 1, periodSeconds: 60}]}, scaleUp: {policies: [{}, {}]}}}\n"
        => [],
    keda: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {advanced: {horizontalPodAutoscalerConfig: {behavior: {scaleDown: {policies: [{type: Pods, value: 1, periodSeconds: 60}, {type: Pods, value: 9, periodSeconds: 600}]}}}}}\n"
        => ["4:74"],
}
