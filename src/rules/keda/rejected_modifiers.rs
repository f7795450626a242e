use crate::rules::prelude::*;

declare_rule! {
    /// A formula over triggers that KEDA refuses or that loses a metric.
    ///
    /// ## Why
    /// KEDA's webhook compiles `formula` with the names of the triggers and wants a `target` above 0
    /// (`scaledobject_webhook.go`); while it is down, the operator fails instead. The HPA that comes out keeps cpu and memory
    /// of whole pods beside the formula, and drops a trigger with `containerName` without a word (`controllers/keda/hpa.go`).
    ///
    /// ```yaml,bad
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 2
    ///   maxReplicaCount: 10
    ///   advanced: { scalingModifiers: { formula: "load / 2", target: "50" } }
    ///   triggers:
    ///   - type: kafka
    ///     name: lag
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
    ///   advanced: { scalingModifiers: { formula: "lag / 2", target: "50" } }
    ///   triggers:
    ///   - type: kafka
    ///     name: lag
    ///     metadata: { bootstrapServers: "kafka:9092", consumerGroup: shop, topic: orders, lagThreshold: "50" }
    /// ```
    "keda/rejected-modifiers" pub struct RejectedModifiers {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("reads a formula, which CEL cannot"),
}

impl Rule for RejectedModifiers {
    fn check(&self, cx: &mut Ctx<'_>) {
        for scaled in cx.cluster.autoscalers().iter().filter(|it| it.is_keda()) {
            let modifiers = scaled.at("spec/advanced/scalingModifiers");
            if let Some(modifiers) = modifiers.filter(|it| it.is_mapping()) {
                settings(cx, scaled, modifiers);
                names(cx, scaled, modifiers);
                dropped(cx, scaled, modifiers);
            }
        }
    }
}

fn settings<'a>(cx: &mut Ctx<'_>, scaled: &Autoscaler<'a>, modifiers: Place<'a>) {
    let name = scaled.name;
    let written = |key| modifiers.get(key).filter(|it: &Place<'a>| it.text() != Some(""));
    for key in ["formula", "target"] {
        if written(key).is_none() {
            let message = format!("scalingModifiers of ScaledObject `{name}` have no {key}");
            cx.report(scaled, modifiers.get(key).unwrap_or(modifiers), message)
                .here("KEDA refuses it")
                .help(format!("write `{key}`"));
        }
    }
    if let Some(target) = written("target")
        && let Some(text) = target.text()
        && text.trim().parse::<Decimal>().is_ok_and(|value| value <= Decimal::ZERO)
    {
        let message =
            format!("target of the formula of ScaledObject `{name}` is {text}, not above 0");
        cx.report(scaled, target, message)
            .here("KEDA refuses it")
            .help("write the value of the formula that one pod bears");
    }
    if let Some(kind) = written("metricType").filter(|it| it.text() == Some("Utilization")) {
        let message = format!("the formula of ScaledObject `{name}` has metricType Utilization");
        cx.report(scaled, kind, message)
            .here("KEDA refuses it")
            .help("write `metricType: AverageValue` or `Value`");
    }
}

fn names<'a>(cx: &mut Ctx<'_>, scaled: &Autoscaler<'a>, modifiers: Place<'a>) {
    let Some(formula) = modifiers.get("formula") else { return };
    let Some(text) = formula.text() else { return };
    // Variables and closures have names of their own.
    if text.contains("let ") || text.contains(['{', '$', '"', '\'', '`']) {
        return;
    }
    let is_external = |it: &&Metric<'_>| !matches!(it.kind, "cpu" | "memory");
    let triggers = scaled.metrics.iter().filter(is_external).filter_map(|it| it.place);
    let known: Vec<_> = triggers.filter_map(|it| it.get("name")).collect();
    let texts = || known.iter().filter_map(|it| it.text());
    let mut told = Vec::new();
    for (start, word) in words(text) {
        if texts().any(|name| name == word) || told.contains(&word) {
            continue;
        }
        told.push(word);
        let near = nearest(word, texts());
        let message = format!(
            "the formula of ScaledObject `{}` reads `{word}`, which no trigger is named",
            scaled.name
        );
        let mut report = cx
            .report(scaled, formula.part_line(start..start + word.len()), message)
            .here("no such trigger")
            .help(match near {
                Some(near) => format!("write `{near}`"),
                None => format!("give a trigger `name: {word}`; cpu and memory do not count"),
            });
        for name in &known {
            report = report.label(*name, "a trigger's name");
        }
    }
}

/// The names that a formula reads, with where they start: neither functions nor words of the language nor fields.
fn words(text: &str) -> Vec<(usize, &str)> {
    const OWN: [&str; 12] = [
        "true", "false", "nil", "in", "not", "and", "or", "contains", "matches", "if", "else",
        "div",
    ];
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut at = 0;
    for token in text.split_inclusive(|c| !is_part(c)) {
        let word = token.trim_end_matches(|c| !is_part(c));
        let start = at;
        at += token.len();
        let behind = text.get(start + word.len()..).unwrap_or("").trim_start();
        let field = text.get(..start).is_some_and(|before| before.ends_with(['.', '#']));
        let number = word.starts_with(|c: char| c.is_ascii_digit());
        if !word.is_empty() && !number && !field && !behind.starts_with('(') && !OWN.contains(&word)
        {
            found.push((start, word));
        }
    }
    found
}

fn dropped<'a>(cx: &mut Ctx<'_>, scaled: &Autoscaler<'a>, modifiers: Place<'a>) {
    for trigger in scaled.metrics.iter().filter(|it| matches!(it.kind, "cpu" | "memory")) {
        let name = trigger.place.and_then(|place| place.at("metadata/containerName"));
        let Some(name) = name.filter(|name| name.text().is_some_and(|text| !text.is_empty()))
        else {
            continue;
        };
        let message = format!(
            "the {} trigger of ScaledObject `{}` is dropped beside a formula",
            trigger.kind, scaled.name
        );
        cx.report(scaled, name, message)
            .here("of one container")
            .label(modifiers, "keeps metrics of whole pods only")
            .help("remove `containerName`, or the formula");
    }
}

cases! {
    missing_and_zero: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {advanced: {scalingModifiers: {target: \"1\"}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {advanced: {scalingModifiers: {formula: \"a\", target: \"0\"}}, triggers: [{name: a}]}\n"
        => ["4:19", "9:60"],
    names_of_formulas: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  advanced:\n    scalingModifiers: {target: 2, formula: \"max([a, b_1]) + c * 1.5e3 > 2 ? float(a) : cpu\"}\n  triggers: [{name: a, type: kafka}, {name: b_1, type: cron}, {name: cpu, type: cpu}]\n"
        => ["6:61", "6:88"],
    one_container: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {advanced: {scalingModifiers: {target: 2, formula: count(a)}}, triggers: [{name: a, type: kafka}, {type: cpu, metadata: {containerName: w}}]}\n"
        => ["4:143"],
}
