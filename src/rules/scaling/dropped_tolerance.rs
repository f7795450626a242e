use crate::rules::prelude::*;

declare_rule! {
    /// A tolerance is written that the declared version of Kubernetes drops.
    ///
    /// ## Why
    /// `tolerance` came with Kubernetes 1.33 behind the gate HPAConfigurableTolerance, which is on by default since 1.35. Where
    /// it is off, the API server drops the field without a word when it writes the HPA (`strategy.go`), and 10 % counts.
    ///
    /// ```yaml,bad
    /// # lint: kubernetes = "1.32"
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    ///   behavior:
    ///     scaleUp: { tolerance: 0.05 }
    /// ```
    /// ```yaml,good
    /// # lint: kubernetes = "1.35"
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    ///   behavior:
    ///     scaleUp: { tolerance: 0.05 }
    /// ```
    "scaling/dropped-tolerance" pub struct DroppedTolerance {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("needs the text: the API server drops the field before it asks a policy"),
}

/// The first version that knows the field.
const KNOWN: (u32, u32) = (1, 33);
/// The first that has its gate on.
const ON: (u32, u32) = (1, 35);

impl Rule for DroppedTolerance {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let Some(version) = cluster.settings.kubernetes.filter(|version| *version < ON) else {
            return;
        };
        let (major, minor) = version;
        for autoscaler in cluster.autoscalers() {
            let Some(behavior) = autoscaler.behavior() else { continue };
            for direction in ["scaleUp", "scaleDown"] {
                let rules = behavior.get(direction);
                let Some(place) = rules.and_then(|rules| rules.get("tolerance")) else { continue };
                let (word, name) = (autoscaler.word(), autoscaler.name);
                let (why, help) = if version < KNOWN {
                    ("does not know it", "remove `tolerance`, or upgrade to Kubernetes 1.35")
                } else {
                    (
                        "has its gate off by default",
                        "switch HPAConfigurableTolerance on, or upgrade to Kubernetes 1.35",
                    )
                };
                let message = format!(
                    "tolerance of {direction} of {word} `{name}` is dropped: Kubernetes {major}.{minor} {why}"
                );
                cx.report(autoscaler, place, message).here("0.1 counts instead").help(help);
            }
        }
    }
}

cases! {
    behind_the_gate: "# lint: kubernetes = \"1.34\"\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {advanced: {horizontalPodAutoscalerConfig: {behavior: {scaleDown: {tolerance: 0.2}}}}}\n"
        => ["4:85"],
    version_is_not_declared: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {behavior: {scaleDown: {tolerance: 0.2}}}\n"
        => [],
}
