use crate::rules::prelude::*;

declare_rule! {
    /// A cpu or memory trigger does not say what its value means.
    ///
    /// ## Why
    /// KEDA wants `metricType` beside the trigger's `type`, `Utilization` or `AverageValue`; without it the scaler errors and
    /// no HPA is built (`cpu_memory_scaler.go`), which the webhook does not look at. `metadata.type`, where the setting once
    /// stood, is an error since KEDA 2.18.
    ///
    /// ```yaml,bad
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 2
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: cpu
    ///     metadata:
    ///       type: Utilization
    ///       value: "60"
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
    ///   - type: cpu
    ///     metadata:
    ///       value: "60"
    ///     metricType: Utilization
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
    ///   - type: cpu
    ///     metricType: Utilization
    ///     metadata: { value: "60" }
    /// ```
    "keda/missing-metric-type" pub struct MissingMetricType {}
    severity: Error, fix: FixKind::Safe, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::SCALED_OBJECTS,
    conditions: &[],
    shared: policy::OF_TRIGGERS,
    variables: &[
        Variable {
            name: "resources",
            cel: "variables.triggers.filter(t, t.type in ['cpu', 'memory'])",
        },
        findings("
        variables.resources.filter(t, !(has(t.metadata) && has(t.metadata.type)) && !has(t.metricType))
          .map(t, 'the ' + t.type + ' trigger has no metricType')
        + variables.resources.filter(t, has(t.metadata) && has(t.metadata.type) && !variables.beforeKeda218)
          .map(t, 'the ' + t.type + ' trigger has its metric type in `metadata.type`')
        "),
    ],
};

impl Rule for MissingMetricType {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        // Before 2.18 the old place of the setting counts, too.
        let reads_old = cluster.settings.keda.is_some_and(|version| version < (2, 18));
        for scaled in cluster.autoscalers().iter().filter(|it| it.is_keda()) {
            let resources = scaled.metrics.iter().filter(|it| matches!(it.kind, "cpu" | "memory"));
            for (trigger, kind) in resources.filter_map(|it| Some((it.place?, it.kind))) {
                let written = trigger.get("metricType");
                let old = trigger.at("metadata/type");
                match (written, old) {
                    (Some(_), None) => {}
                    (_, Some(_)) if reads_old => {}
                    (written, Some(old)) => moved(cx, scaled, trigger, kind, written, old),
                    (None, None) => {
                        let Some(spot) = trigger.get("type") else { continue };
                        let message = format!(
                            "the {kind} trigger of ScaledObject `{}` has no metricType",
                            scaled.name
                        );
                        cx.report(scaled, spot, message)
                            .here("the scaler errors")
                            .help("write `metricType: Utilization` beside `type`");
                    }
                }
            }
        }
    }
}

fn moved<'a>(
    cx: &mut Ctx<'_>,
    scaled: &Autoscaler<'a>,
    trigger: Place<'a>,
    kind: &str,
    written: Option<Place<'a>>,
    old: Place<'a>,
) {
    let message = format!(
        "the {kind} trigger of ScaledObject `{}` has its metric type in `metadata.type`",
        scaled.name
    );
    let report = cx
        .report(scaled, old, message)
        .here("an error since KEDA 2.18")
        .label_if(written, "the one that counts");
    let value = old.text().unwrap_or("");
    if written.is_some() {
        report.help("remove `metadata.type`").fix_safe("remove metadata.type", [edit::remove(old)]);
    } else if matches!(value, "Utilization" | "AverageValue") {
        report.help(format!("write `metricType: {value}` beside `type`")).fix_safe(
            "move metadata.type to metricType",
            [edit::remove(old), edit::insert(trigger, "metricType", value)],
        );
    } else {
        report.help("write `metricType: Utilization` beside `type`");
    }
}

cases! {
    unset: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  scaleTargetRef: {name: a}\n  triggers:\n  - type: memory\n  - {type: cpu, metadata: {value: \"60\"}}\n  - {type: kafka}\n"
        => ["7:11", "8:12"],
    both: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: cpu, metricType: AverageValue, metadata: {type: AverageValue}}]}\n"
        => ["4:74"],
    before_2_18: "# lint: keda = \"2.17\"\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: cpu, metadata: {type: Utilization}},\n           {type:      cpu}]}\n"
        => ["5:24"],
}
