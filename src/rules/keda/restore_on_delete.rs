use crate::rules::prelude::*;

declare_rule! {
    /// Deleting the ScaledObject drops the fleet to an old count.
    ///
    /// ## Why
    /// With `restoreToOriginalReplicaCount` KEDA's finalizer sets the replicas that the workload had when the ScaledObject was
    /// made (`scaledobject_finalizer.go`): often 1, at whatever load there is when somebody renames or moves it.
    ///
    /// ```yaml,bad
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 2
    ///   maxReplicaCount: 10
    ///   advanced: { restoreToOriginalReplicaCount: true }
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
    ///   minReplicaCount: 2
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: kafka
    ///     metadata: { bootstrapServers: "kafka:9092", consumerGroup: shop, topic: orders, lagThreshold: "50" }
    /// ```
    "keda/restore-on-delete" pub struct RestoreOnDelete {}
    severity: Info, fix: FixKind::None, preset: Preset::Strict, since: "0.1.0",
    basis: Object,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::SCALED_OBJECTS,
    conditions: &[],
    shared: policy::OF_SPEC,
    variables: &[findings(
        "
        has(variables.spec.advanced) && has(variables.spec.advanced.restoreToOriginalReplicaCount)
          && variables.spec.advanced.restoreToOriginalReplicaCount
        ? ['deleting it sets the workload to the replicas that it had before'] : []
        ",
    )],
};

impl Rule for RestoreOnDelete {
    fn check(&self, cx: &mut Ctx<'_>) {
        for scaled in cx.cluster.autoscalers().iter().filter(|it| it.is_keda()) {
            let place = scaled.at("spec/advanced/restoreToOriginalReplicaCount");
            let Some(place) = place.filter(|place| place.boolean() == Some(true)) else { continue };
            let message = format!(
                "deleting ScaledObject `{}` sets `{}` to the replicas that it had before",
                scaled.name, scaled.target.name
            );
            cx.report(scaled, place, message)
                .here("at any load")
                .help("remove `restoreToOriginalReplicaCount`");
        }
    }
}

cases! {
    off: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {advanced: {restoreToOriginalReplicaCount: false}}\n"
        => [],
}
