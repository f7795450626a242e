use rustc_hash::FxHashMap;

use crate::rules::prelude::*;

declare_rule! {
    /// The HPA of a ScaledObject would have a name that is refused.
    ///
    /// ## Why
    /// KEDA calls the HPA `keda-hpa-` and the ScaledObject's name, and writes both into labels, which hold 63 characters: a
    /// name of more than 54 is refused, by KEDA's webhook since 2.20 (`scaledobject_webhook.go`), by the API server before.
    /// Two ScaledObjects with one HPA name are refused, too.
    ///
    /// ```yaml,bad
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: the-inference-service-of-the-forecasting-team-in-production }
    /// spec:
    ///   scaleTargetRef: { name: inference }
    ///   minReplicaCount: 2
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: kafka
    ///     metadata: { bootstrapServers: "kafka:9092", consumerGroup: shop, topic: orders, lagThreshold: "50" }
    /// ```
    /// ```yaml,good
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: the-inference-service-of-the-forecasting-team-in-production }
    /// spec:
    ///   scaleTargetRef: { name: inference }
    ///   minReplicaCount: 2
    ///   maxReplicaCount: 10
    ///   advanced: { horizontalPodAutoscalerConfig: { name: inference } }
    ///   triggers:
    ///   - type: kafka
    ///     metadata: { bootstrapServers: "kafka:9092", consumerGroup: shop, topic: orders, lagThreshold: "50" }
    /// ```
    "keda/rejected-name" pub struct RejectedName {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("needs the other ScaledObjects of the namespace"),
}

/// Characters of a label's value, at the most.
const MOST: usize = 63;
const PREFIX: &str = "keda-hpa-";

impl Rule for RejectedName {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let mut known: FxHashMap<_, &Autoscaler<'_>> = FxHashMap::default();
        for scaled in cluster.autoscalers().iter().filter(|it| it.is_keda()) {
            let own = scaled.at("spec/advanced/horizontalPodAutoscalerConfig/name");
            let own = own.filter(|own| own.text().is_some_and(|text| !text.is_empty()));
            let name = own
                .and_then(Place::text)
                .map_or_else(|| format!("{PREFIX}{}", scaled.name), str::to_owned);
            // Names that the API server makes up differ.
            if is_placeholder(&name) || scaled.at("metadata/name").is_none() {
                continue;
            }
            let spot = own.map_or_else(|| scaled.spot(), Place::primary);
            if scaled.name.len() > MOST {
                let message = format!(
                    "the name of ScaledObject `{}` has {} characters",
                    scaled.name,
                    scaled.name.len()
                );
                cx.report(scaled, scaled.spot(), message)
                    .here("more than the 63 of a label")
                    .help("shorten the name to 54 characters");
                continue;
            }
            if name.len() > MOST {
                let message = format!("the HPA's name `{name}` has {} characters", name.len());
                let help = if own.is_some() {
                    "shorten it to 63 characters".to_owned()
                } else {
                    let most = MOST - PREFIX.len();
                    format!(
                        "shorten the name to {most}, or set `horizontalPodAutoscalerConfig.name`"
                    )
                };
                cx.report(scaled, spot, message).here("more than the 63 of a label").help(help);
                continue;
            }
            let key = (scaled.namespace, name);
            match known.get(&key) {
                // One that is there twice, such as for two environments, is one.
                Some(first) if first.name != scaled.name => {
                    let message = format!(
                        "ScaledObjects `{}` and `{}` both make an HPA `{}`",
                        first.name, scaled.name, key.1
                    );
                    let first_own = first.at("spec/advanced/horizontalPodAutoscalerConfig/name");
                    let other = first_own.map_or_else(|| first.spot(), Place::primary);
                    cx.report(scaled, spot, message)
                        .here("KEDA refuses the second")
                        .label(other, "the first")
                        .help("give each an HPA name of its own, or remove both names");
                }
                Some(_) => {}
                None => {
                    known.insert(key, scaled);
                }
            }
        }
    }
}

cases! {
    at_the_limit: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a23456789012345678901234567890123456789012345678901234}\n"
        => [],
    own_name_too_long: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {advanced: {horizontalPodAutoscalerConfig: {   name: a234567890123456789012345678901234567890123456789012345678901234}}}\n"
        => ["4:60"],
    one_name_twice: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {advanced: {horizontalPodAutoscalerConfig: {name: h}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: b}\nspec: {advanced: {horizontalPodAutoscalerConfig: {name: h}}}\n"
        => ["9:57"],
    other_namespace: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {advanced: {horizontalPodAutoscalerConfig: {name: h}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: b, namespace: n}\nspec: {advanced: {horizontalPodAutoscalerConfig: {name: h}}}\n"
        => [],
}
