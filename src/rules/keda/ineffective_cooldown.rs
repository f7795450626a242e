use crate::rules::prelude::*;

declare_rule! {
    /// A ScaledObject sets times that only count on the way to 0.
    ///
    /// ## Why
    /// `cooldownPeriod` delays the last step, to 0 or to the idle count, and `pollingInterval` is how often KEDA looks whether
    /// to leave it; between floor and ceiling the HPA asks every 15 s and scales down by its `behavior.scaleDown`. With a floor
    /// above 0 neither has an effect; KEDA's webhook warns of both (`scaledobject_webhook.go`).
    ///
    /// ```yaml,bad
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 2
    ///   maxReplicaCount: 10
    ///   cooldownPeriod: 600 # seconds
    ///   triggers:
    ///   - type: kafka
    ///     metadata: { bootstrapServers: "kafka:9092", consumerGroup: shop, topic: orders, lagThreshold: "50" }
    /// ```
    /// ```yaml,fixed
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 2
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: kafka
    ///     metadata: { bootstrapServers: "kafka:9092", consumerGroup: shop, topic: orders, lagThreshold: "50" }
    /// ```
    /// ```yaml,good
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 0
    ///   maxReplicaCount: 10
    ///   cooldownPeriod: 600
    ///   triggers:
    ///   - type: kafka
    ///     metadata: { bootstrapServers: "kafka:9092", consumerGroup: shop, topic: orders, lagThreshold: "50" }
    /// ```
    "keda/ineffective-cooldown" pub struct IneffectiveCooldown {}
    severity: Info, fix: FixKind::Safe, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::SCALED_OBJECTS,
    conditions: &[],
    shared: policy::OF_TRIGGERS,
    variables: &[findings(
        "
        variables.floor < 1 || has(variables.spec.idleReplicaCount)
          || variables.triggers.exists(t, has(t.useCachedMetrics) && t.useCachedMetrics)
        ? []
        : ['pollingInterval', 'cooldownPeriod'].filter(key, key in variables.spec)
          .map(key, key + ' has no effect: it never goes below ' + string(variables.floor))
        ",
    )],
};

impl Rule for IneffectiveCooldown {
    fn check(&self, cx: &mut Ctx<'_>) {
        for scaled in cx.cluster.autoscalers().iter().filter(|it| it.is_keda()) {
            let caches = |trigger: &Metric<'_>| {
                let cached = trigger.place.and_then(|place| place.get("useCachedMetrics"));
                cached.is_some_and(|cached| cached.boolean() != Some(false))
            };
            let Some(min) = scaled.min.place.filter(|_| scaled.min.value > 0) else { continue };
            if scaled.at("spec/idleReplicaCount").is_some() || scaled.metrics.iter().any(caches) {
                continue;
            }
            for key in ["pollingInterval", "cooldownPeriod"] {
                let Some(place) = scaled.at("spec").and_then(|spec| spec.get(key)) else {
                    continue;
                };
                let message = format!(
                    "{key} has no effect: ScaledObject `{}` never goes below {}",
                    scaled.name, scaled.min.value
                );
                let help = if key == "cooldownPeriod" {
                    "remove it; `behavior.scaleDown` says how fast the HPA scales down"
                } else {
                    "remove it; the HPA asks every 15 s"
                };
                cx.report(scaled, place, message)
                    .here("counts only on the way to 0")
                    .label(min, "the floor")
                    .help(help)
                    .fix_safe(format!("remove {key}"), [edit::remove(place)]);
            }
        }
    }
}

cases! {
    both: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {pollingInterval:  5, cooldownPeriod:  60, minReplicaCount: 1, triggers: [{type: cpu, useCachedMetrics: false}]}\n"
        => ["4:26", "4:46"],
    idle_or_cached_or_to_0: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {pollingInterval:  5, cooldownPeriod:  60, minReplicaCount: 1, idleReplicaCount: 0}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {pollingInterval:  5, cooldownPeriod:  60, minReplicaCount: 1, triggers: [{type: kafka, useCachedMetrics: true}]}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {pollingInterval:  5, cooldownPeriod:  60}\n"
        => [],
}
