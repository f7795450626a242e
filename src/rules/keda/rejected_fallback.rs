use crate::rules::prelude::*;

declare_rule! {
    /// A `fallback` that KEDA refuses or that does not work in the outage.
    ///
    /// ## Why
    /// The `fallback` is what keeps the fleet up when Prometheus is gone, so nobody notices before that it does not. KEDA
    /// refuses one without a trigger of its own, since cpu and memory come from elsewhere, and negative numbers; before 2.18
    /// it knew no fallback for `metricType: Value`; and beside `scalingModifiers` it reads the target as an integer and does
    /// nothing if it is none (`pkg/fallback/fallback.go`).
    ///
    /// ```yaml,bad
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 2
    ///   maxReplicaCount: 10
    ///   fallback: { failureThreshold: 3, replicas: 6 }
    ///   triggers:
    ///   - type: cpu
    ///     metricType: Utilization
    ///     metadata: { value: "60" }
    /// ```
    /// ```yaml,good
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 2
    ///   maxReplicaCount: 10
    ///   fallback: { failureThreshold: 3, replicas: 6 }
    ///   triggers:
    ///   - type: kafka
    ///     metadata: { bootstrapServers: "kafka:9092", consumerGroup: shop, topic: orders, lagThreshold: "50" }
    /// ```
    "keda/rejected-fallback" pub struct RejectedFallback {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
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
            name: "fallback",
            cel: "has(variables.spec.fallback) ? [variables.spec.fallback] : []",
        },
        Variable {
            name: "own",
            cel: "variables.triggers.filter(t, !(t.type in ['cpu', 'memory']))",
        },
        Variable {
            name: "target",
            cel: "
        has(variables.spec.advanced) && has(variables.spec.advanced.scalingModifiers)
          && has(variables.spec.advanced.scalingModifiers.target)
        ? variables.spec.advanced.scalingModifiers.target.trim() : ''
        ",
        },
        findings(
            "
        variables.fallback.filter(f, size(variables.triggers) > 0 && size(variables.own) == 0)
          .map(f, 'it has a fallback, and only cpu and memory triggers')
        + variables.fallback.filter(f, variables.beforeKeda218
            && variables.own.exists(t, has(t.metricType) && t.metricType == 'Value'))
          .map(f, 'KEDA before 2.18 has no fallback for metricType `Value`')
        + variables.fallback.filter(f,
            variables.target.matches('^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$')
            && !variables.target.matches('^[+-]?[0-9]+$'))
          .map(f, 'the fallback is off: target ' + variables.target + ' is no integer')
        + variables.fallback.filter(f, has(f.failureThreshold) && f.failureThreshold < 1)
          .map(f, 'failureThreshold of the fallback is ' + string(f.failureThreshold))
        + variables.fallback.filter(f, has(f.replicas)
            && (f.replicas < 0 || f.replicas > variables.ceiling || f.replicas < variables.floor))
          .map(f, 'the fallback wants ' + string(f.replicas) + ' pods, outside of the bounds '
            + string(variables.floor) + ' to ' + string(variables.ceiling))
        ",
        ),
    ],
};

/// The first version with a fallback for `metricType: Value`.
const VALUE_SINCE: (u32, u32) = (2, 18);

impl Rule for RejectedFallback {
    fn check(&self, cx: &mut Ctx<'_>) {
        for scaled in cx.cluster.autoscalers().iter().filter(|it| it.is_keda()) {
            let Some(fallback) = scaled.at("spec/fallback").filter(|it| it.is_mapping()) else {
                continue;
            };
            triggers(cx, scaled, fallback);
            modifiers(cx, scaled, fallback);
            counts(cx, scaled, fallback);
        }
    }
}

fn triggers<'a>(cx: &mut Ctx<'_>, scaled: &Autoscaler<'a>, fallback: Place<'a>) {
    let is_resource = |it: &&Metric<'_>| matches!(it.kind, "cpu" | "memory");
    let name = scaled.name;
    if !scaled.metrics.is_empty() && scaled.metrics.iter().all(|it| is_resource(&it)) {
        let message =
            format!("ScaledObject `{name}` has a fallback, and only cpu and memory triggers");
        let mut report = cx
            .report(scaled, fallback, message)
            .here("KEDA refuses it")
            .help("remove `fallback`, or add a trigger that KEDA itself asks");
        for trigger in &scaled.metrics {
            let spot = trigger.place.and_then(|place| place.get("type"));
            report = report.label_if(spot, "KEDA does not ask for this");
        }
        return;
    }
    let Some((major, minor)) = cx.cluster.settings.keda.filter(|it| *it < VALUE_SINCE) else {
        return;
    };
    let others = scaled.metrics.iter().filter(|it| !is_resource(it));
    let types = others.filter_map(|it| it.place?.get("metricType"));
    if let Some(value) = types.into_iter().find(|it| it.text() == Some("Value")) {
        let message = format!("KEDA {major}.{minor} has no fallback for metricType `Value`");
        cx.report(scaled, fallback, message)
            .here("KEDA refuses it")
            .label(value, "needs KEDA 2.18")
            .help("upgrade to KEDA 2.18, or remove `fallback`");
    }
}

fn modifiers<'a>(cx: &mut Ctx<'_>, scaled: &Autoscaler<'a>, fallback: Place<'a>) {
    let Some(modifiers) = scaled.at("spec/advanced/scalingModifiers") else { return };
    let Some(target) = modifiers.get("target") else { return };
    let Some(text) = target.text().map(str::trim) else { return };
    let fraction = text.parse::<Decimal>().is_ok() && text.parse::<i64>().is_err();
    if fraction {
        let message = format!(
            "the fallback of ScaledObject `{}` is off: target {text} is no integer",
            scaled.name
        );
        cx.report(scaled, target, message)
            .here("read as an integer")
            .label(fallback, "silently off")
            .help("scale the formula so that `target` is an integer, such as milliseconds");
    }
}

fn counts<'a>(cx: &mut Ctx<'_>, scaled: &Autoscaler<'a>, fallback: Place<'a>) {
    let number = |key| fallback.get(key).and_then(|place: Place<'a>| Some((place, place.int()?)));
    let negative = |cx: &mut Ctx<'_>, place: Place<'a>, value: i64| {
        let key = place.key().unwrap_or("");
        let message = format!("{key} of the fallback of ScaledObject `{}` is {value}", scaled.name);
        cx.report(scaled, place, message)
            .here("KEDA refuses it")
            .help(format!("write a `{key}` above 0"));
    };
    if let Some((place, failures)) = number("failureThreshold") {
        if failures < 0 {
            negative(cx, place, failures);
        } else if failures == 0 {
            let message = format!(
                "the fallback of ScaledObject `{}` starts at the first failure",
                scaled.name
            );
            cx.report(scaled, place, message)
                .severity(Warning)
                .here("one failed query is enough")
                .help("write `failureThreshold: 3`");
        }
    }
    let Some((place, replicas)) = number("replicas") else { return };
    if replicas < 0 {
        negative(cx, place, replicas);
        return;
    }
    let (min, max) = (scaled.min, scaled.max);
    if [min, max].iter().any(|it| it.place.is_some_and(|place| place.int().is_none())) {
        return;
    }
    let (bound, key, side) = if replicas > max.value {
        (max, "maxReplicaCount", "above")
    } else if replicas < min.value {
        (min, "minReplicaCount", "below")
    } else {
        return;
    };
    let unset = if bound.place.is_none() { "is unset, which is " } else { "" };
    let message = format!(
        "the fallback of ScaledObject `{}` wants {replicas} pods, {side} {key} {unset}{}",
        scaled.name, bound.value
    );
    cx.report(scaled, place, message)
        .severity(Warning)
        .here(format!("{side} the bound"))
        .label_if(bound.place, "the bound")
        .help(format!("write `replicas` from {} to {}", min.value, max.value));
}

cases! {
    negative: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {fallback: {behavior: static, replicas: -1, failureThreshold: -3}, triggers: [{type: kafka}]}\n"
        => ["4:47", "4:69"],
    outside_and_at_once: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {fallback: {replicas: 20, failureThreshold: 0}, maxReplicaCount: 10, triggers: [{type: kafka}]}\n"
        => ["4:29", "4:51"],
    below_the_floor: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {fallback: {replicas: 1, failureThreshold: 3}, minReplicaCount: 3, triggers: [{type: kafka}]}\n"
        => ["4:29"],
    value_before_2_18: "# lint: keda = \"2.17\"\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {fallback: {replicas: 1, failureThreshold: 3}, triggers: [{type: prometheus, metricType: Value}]}\n"
        => ["4:8"],
    value_since_2_18: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {fallback: {replicas: 1, failureThreshold: 3}, triggers: [{type: prometheus, metricType: Value}]}\n"
        => [],
    target_of_a_formula: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {fallback: {replicas: 1, failureThreshold: 3}, triggers: [{type: kafka}], advanced: {scalingModifiers: {x: 1, target: \"0.35\"}}}\n"
        => ["4:125"],
    no_triggers_and_templates: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {fallback: {replicas: \"{{ x }}\", failureThreshold: 3}}\n"
        => [],
}
