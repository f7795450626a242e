use crate::rules::prelude::*;

declare_rule! {
    /// A ScaledObject has no ceiling of its own.
    ///
    /// ## Why
    /// `maxReplicaCount` is 100 unless it is set (`scaledobject_types.go`). A query gone wrong, or a backlog that pods cannot
    /// work off faster, then starts a hundred of them, with the bill and the connections to the database that they bring.
    ///
    /// ```yaml,bad
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 2
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
    "keda/implicit-max" pub struct ImplicitMax {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
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
        has(variables.spec.scaleTargetRef) && !has(variables.spec.maxReplicaCount)
        ? ['maxReplicaCount is unset, which is 100'] : []
        ",
    )],
};

impl Rule for ImplicitMax {
    fn check(&self, cx: &mut Ctx<'_>) {
        for scaled in cx.cluster.autoscalers().iter().filter(|it| it.is_keda()) {
            // What has no target is a part of a ScaledObject, such as a patch.
            if scaled.max.place.is_some() || scaled.target_ref.is_none() {
                continue;
            }
            let message =
                format!("ScaledObject `{}` may start {} pods", scaled.name, scaled.max.value);
            cx.report(scaled, scaled.missing("spec/maxReplicaCount"), message)
                .here("maxReplicaCount is unset, which is 100")
                .help(
                    "write `maxReplicaCount` with what the cluster and the databases behind bear",
                );
        }
    }
}

cases! {
    null: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, maxReplicaCount: ~}\n"
        => ["4:1"],
    patches_and_hpas: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: cpu}]}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {kind: Deployment, name: a}}\n"
        => [],
}
