use crate::rules::prelude::*;

declare_rule! {
    /// An HPA has replica bounds that the API server refuses.
    ///
    /// ## Why
    /// `minReplicas` above `maxReplicas`, a `maxReplicas` below 1, or a `minReplicas` of 0 without the feature gate
    /// HPAScaleToZero (alpha, off by default) and a metric from outside the pods: the whole object is refused
    /// (`pkg/apis/autoscaling/validation/validation.go`), and the bounds that were applied before stay in force.
    ///
    /// ```yaml,bad
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   minReplicas: 9
    ///   maxReplicas: 3
    /// ```
    /// ```yaml,good
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   minReplicas: 3
    ///   maxReplicas: 9
    /// ```
    "scaling/rejected-bounds" pub struct RejectedBounds {
        /// The cluster has the feature gate `HPAScaleToZero`.
        pub scale_to_zero: bool = false,
    }
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::AUTOSCALERS,
    conditions: &[policy::NOT_OF_KEDA],
    shared: policy::OF_SPEC,
    variables: &[
        Variable {
            name: "mayBeZero",
            cel: "
        params.data['scaling.rejected-bounds.scale_to_zero'] == 'true' && has(variables.spec.metrics)
          && variables.spec.metrics.exists(it, it.type in ['Object', 'External'])
        ",
        },
        findings("
        (has(variables.spec.maxReplicas) && variables.spec.maxReplicas < 1
          ? ['maxReplicas is ' + string(variables.spec.maxReplicas) + ', the least is 1']
          : has(variables.spec.maxReplicas) && has(variables.spec.minReplicas)
            && variables.spec.minReplicas > variables.spec.maxReplicas
          ? ['minReplicas is ' + string(variables.spec.minReplicas) + ', above maxReplicas '
            + string(variables.spec.maxReplicas)]
          : [])
        + (has(variables.spec.minReplicas) && variables.spec.minReplicas < 1
            && !(variables.spec.minReplicas == 0 && variables.mayBeZero)
          ? ['minReplicas is ' + string(variables.spec.minReplicas)] : [])
        "),
    ],
};

impl Rule for RejectedBounds {
    fn check(&self, cx: &mut Ctx<'_>) {
        for hpa in cx.cluster.autoscalers().iter().filter(|autoscaler| !autoscaler.is_keda()) {
            let (min, max) = (written(hpa.min), written(hpa.max));
            if let Some((count, place)) = max.filter(|(count, _)| *count < 1) {
                cx.report(
                    hpa,
                    place,
                    format!("HPA `{}` has maxReplicas {count}, the least is 1", hpa.name),
                )
                .here("the API server refuses it")
                .help("set `maxReplicas` to 1 or more");
            } else if let (Some((min, place)), Some((max, ceiling))) = (min, max)
                && min > max
            {
                let message =
                    format!("HPA `{}` has minReplicas {min} above maxReplicas {max}", hpa.name);
                cx.report(hpa, place, message)
                    .here(format!("floor is {min}"))
                    .label(ceiling, format!("ceiling is {max}"))
                    .help(format!(
                        "set `minReplicas` to {max} or less, or `maxReplicas` to {min} or more"
                    ));
            }
            if let Some((count, place)) = min.filter(|(count, _)| *count < 1) {
                self.too_low(cx, hpa, count, place);
            }
        }
    }

    fn params(&self) -> Vec<(&'static str, String)> {
        vec![("scale_to_zero", self.scale_to_zero.to_string())]
    }
}

impl RejectedBounds {
    fn too_low(&self, cx: &mut Ctx<'_>, hpa: &Autoscaler<'_>, count: i64, place: Place<'_>) {
        let from_outside = hpa.metrics.iter().any(|it| matches!(it.kind, "Object" | "External"));
        let why = match (count, self.scale_to_zero) {
            (0, true) if from_outside => return,
            (0, true) => "without an Object or External metric",
            (0, false) => "without the feature gate HPAScaleToZero",
            _ => "below 0",
        };
        cx.report(hpa, place, format!("HPA `{}` has minReplicas {count} {why}", hpa.name))
            .here("the API server refuses it")
            .help("set `minReplicas` to 1, or let a ScaledObject scale to 0");
    }
}

/// A bound that is a whole number and written.
fn written(bound: Bound<'_>) -> Option<(i64, Place<'_>)> {
    let place = bound.place?;
    Some((place.int()?, place))
}

cases! {
    no_ceiling: "apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  minReplicas: 2\n  maxReplicas: 0\n"
        => ["6:16"],
    floor_of_zero: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {minReplicas: 0, maxReplicas: 3, metrics: [{type: External, external: {metric: {name: q}, target: {type: Value, value: 3}}}]}\n"
        => ["4:21"],
    floor_of_zero_with_the_gate: "# lint: rules.\"scaling/rejected-bounds\".scale_to_zero = true\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {minReplicas: 0, maxReplicas: 3, metrics: [{type: External, external: {metric: {name: q}, target: {type: Value, value: 3}}}]}\n"
        => [],
    the_gate_wants_a_metric_from_outside: "# lint: rules.\"scaling/rejected-bounds\".scale_to_zero = true\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {minReplicas: 0, maxReplicas: 3}\n"
        => ["4:21"],
    negative: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  minReplicas: -1\n  maxReplicas: -2\n"
        => ["5:16", "6:16"],
    equal: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {minReplicas: 3, maxReplicas: 3}\n" => [],
    unset: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {minReplicas: 3}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: b}\nspec: {maxReplicas: 1}\n" => [],
    no_numbers: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {minReplicas: \"9\", maxReplicas: 3}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: b}\nspec: {minReplicas: 9, maxReplicas: ${MAX}}\n" => [],
    keda_has_a_rule_of_its_own: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, minReplicaCount: 9, maxReplicaCount: 3}\n" => [],
    anchored: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  minReplicas: &n 3\n  maxReplicas: *n\n" => [],
}
