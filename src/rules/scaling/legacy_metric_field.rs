use serde_json::{Value, json};

use crate::rules::prelude::*;
use crate::yaml::Scalar;

declare_rule! {
    /// An HPA has metric fields of another version of its API.
    ///
    /// ## Why
    /// `targetCPUUtilizationPercentage` under `autoscaling/v2` is no field: the API server drops it and the HPA runs
    /// on the default, 80 % of the cpu request (`pkg/apis/autoscaling/v2/defaults.go`), unless the client refuses the
    /// file first. `targetAverageUtilization` and its like were v2beta1; v2 wants a `target`. The other way round,
    /// v1 has no `metrics` at all.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   minReplicas: 1
    ///   maxReplicas: 9
    ///   targetCPUUtilizationPercentage: 70
    /// ```
    /// ```yaml,fixed
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   minReplicas: 1
    ///   maxReplicas: 9
    ///   metrics:
    ///   - type: Resource
    ///     resource:
    ///       name: cpu
    ///       target:
    ///         type: Utilization
    ///         averageUtilization: 70
    /// ```
    "scaling/legacy-metric-field" pub struct LegacyMetricField {}
    severity: Error, fix: FixKind::Safe, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("needs the text: the API server drops fields of another version before it asks a policy"),
}

impl Rule for LegacyMetricField {
    fn check(&self, cx: &mut Ctx<'_>) {
        for hpa in cx.cluster.autoscalers().iter().filter(|autoscaler| !autoscaler.is_keda()) {
            let Some(spec) = hpa.at("spec") else { continue };
            let metrics = || spec.list("metrics").flat_map(sources);
            match hpa.version {
                "v1" => list_under_v1(cx, hpa, spec),
                "v2beta1" => {
                    cpu_field(cx, hpa, spec);
                    metrics().for_each(|(_, source)| later_field(cx, hpa, spec, source));
                }
                "v2" | "v2beta2" => {
                    cpu_field(cx, hpa, spec);
                    metrics().for_each(|(key, source)| earlier_field(cx, hpa, key, source));
                }
                _ => {}
            }
        }
    }
}

/// What a metric reads, by its key.
fn sources(metric: Place<'_>) -> impl Iterator<Item = (&'static str, Place<'_>)> {
    let keys = ["resource", "containerResource", "pods", "object", "external"];
    keys.into_iter().filter_map(move |key| Some((key, metric.get(key)?)))
}

fn key_of(place: Place<'_>) -> crate::source::Span {
    place.key_span().unwrap_or_else(|| place.primary())
}

/// `metrics` where only v2 has it.
fn list_under_v1(cx: &mut Ctx<'_>, hpa: &Autoscaler<'_>, spec: Place<'_>) {
    let Some(metrics) = spec.get("metrics").filter(|list| list.items().next().is_some()) else {
        return;
    };
    let cpu = spec.get("targetCPUUtilizationPercentage");
    let percent =
        cpu.map_or(Some(80), Place::int).map_or(String::new(), |it| format!(" at {it} %"));
    let message = format!(
        "`autoscaling/v1` has no `metrics`, so HPA `{}` scales on cpu{percent} alone",
        hpa.name
    );
    let report = cx
        .report(hpa, key_of(metrics), message)
        .here("dropped, or refused")
        .help("write `apiVersion: autoscaling/v2`");
    if let (Some(version), true) = (hpa.at("apiVersion"), is_modern(spec)) {
        report
            .fix_safe("set apiVersion to `autoscaling/v2`", [edit::set(version, "autoscaling/v2")]);
    }
}

/// The one metric of v1 under a later version.
fn cpu_field(cx: &mut Ctx<'_>, hpa: &Autoscaler<'_>, spec: Place<'_>) {
    let Some(field) = spec.get("targetCPUUtilizationPercentage") else { return };
    let empty = spec.entry("metrics").filter(|list| list.items().next().is_none());
    let metrics = spec.entry("metrics").filter(|_| empty.is_none());
    let instead =
        if metrics.is_some() { "on its `metrics` alone" } else { "on cpu at 80 %, the default" };
    let message = format!(
        "`autoscaling/{}` has no `targetCPUUtilizationPercentage`, so HPA `{}` scales {instead}",
        hpa.version, hpa.name
    );
    let percent = field.text().unwrap_or("");
    let (target, written) = if hpa.version == "v2beta1" {
        (
            json!({ "name": "cpu", "targetAverageUtilization": field.int() }),
            format!("targetAverageUtilization: {percent}"),
        )
    } else {
        let target = json!({ "type": "Utilization", "averageUtilization": field.int() });
        (
            json!({ "name": "cpu", "target": target }),
            format!("target: {{ type: Utilization, averageUtilization: {percent} }}"),
        )
    };
    let report = cx
        .report(hpa, key_of(field), message)
        .here("a field of `autoscaling/v1`")
        .label_if(metrics.map(key_of), "only these count")
        .help(format!(
            "write it as `metrics: [{{ type: Resource, resource: {{ name: cpu, {written} }} }}]`"
        ));
    if metrics.is_none() && field.int().is_some() {
        let list = json!([{ "type": "Resource", "resource": target }]);
        let ops = match empty {
            Some(empty) => [edit::set(empty, list), edit::remove(field)],
            None => rewrite(field, "metrics", list),
        };
        report.fix_safe("move it into `metrics`", ops);
    }
}

/// A field of v2 under v2beta1.
fn later_field(cx: &mut Ctx<'_>, hpa: &Autoscaler<'_>, spec: Place<'_>, source: Place<'_>) {
    let keys = ["target", "metric", "describedObject"];
    // The `target` of an Object metric was the object.
    let is_later = |place: &Place<'_>| !is_reference(*place) && place.is_mapping();
    let found = keys.into_iter().find_map(|key| source.get(key).filter(is_later));
    let Some(field) = found else { return };
    let name = field.key().unwrap_or("target");
    let message = format!(
        "`{name}` is a field of `autoscaling/v2`, HPA `{}` is `autoscaling/v2beta1`",
        hpa.name
    );
    let report = cx
        .report(hpa, key_of(field), message)
        .here("dropped, or refused")
        .help("write `apiVersion: autoscaling/v2`");
    if let (Some(version), true) = (hpa.at("apiVersion"), is_modern(spec)) {
        report
            .fix_safe("set apiVersion to `autoscaling/v2`", [edit::set(version, "autoscaling/v2")]);
    }
}

/// True if v2 has every field that the metrics have.
fn is_modern(spec: Place<'_>) -> bool {
    spec.get("targetCPUUtilizationPercentage").is_none()
        && spec.list("metrics").flat_map(sources).all(|(_, source)| earlier_keys(source).is_empty())
}

fn is_reference(place: Place<'_>) -> bool {
    place.get("type").is_none() && place.get("kind").is_some()
}

/// The fields of v2beta1 that `source` has, the one that sets the target first.
fn earlier_keys(source: Place<'_>) -> Vec<Place<'_>> {
    let keys = [
        "targetAverageUtilization",
        "targetAverageValue",
        "targetValue",
        "metricName",
        "metricSelector",
    ];
    let mut found: Vec<_> = keys.into_iter().filter_map(|key| source.get(key)).collect();
    found.extend(source.get("target").filter(|target| is_reference(*target)));
    found
}

/// A field of v2beta1 under v2.
fn earlier_field(cx: &mut Ctx<'_>, hpa: &Autoscaler<'_>, kind: &str, source: Place<'_>) {
    let found = earlier_keys(source);
    let Some((field, others)) = found.split_first() else { return };
    let name = field.key().unwrap_or("");
    let message = format!(
        "`{name}` is a field of `autoscaling/v2beta1`, HPA `{}` is `autoscaling/{}`",
        hpa.name, hpa.version
    );
    let target = target_of(*field);
    let help = match &target {
        Some(target) => format!("write `target: {}`", flow(target)),
        None => "write it as `metric: { name }` and `target: { type, value }`".to_owned(),
    };
    let ops = target.and_then(|target| modern(kind, source, *field, target));
    let mut report = cx.report(hpa, key_of(*field), message).here("dropped, or refused").help(help);
    for other in others {
        report = report.label(key_of(*other), "a field of v2beta1 too");
    }
    if let Some(ops) = ops {
        report.fix_safe("rewrite it to the `target` form", ops);
    }
}

/// `target` of v2 for a field of v2beta1.
fn target_of(field: Place<'_>) -> Option<Value> {
    let (kind, key) = match field.key()? {
        "targetAverageUtilization" => ("Utilization", "averageUtilization"),
        "targetAverageValue" => ("AverageValue", "averageValue"),
        "targetValue" => ("Value", "value"),
        _ => return None,
    };
    Some(json!({ "type": kind, key: value_of(field)? }))
}

/// The changes that make `source` one of v2; `None` where it has some of both, or more than one meaning.
fn modern(
    kind: &str,
    source: Place<'_>,
    field: Place<'_>,
    target: Value,
) -> Option<Vec<crate::finding::Op>> {
    let known: &[&str] = match kind {
        "resource" => &["name"],
        "containerResource" => &["name", "container"],
        "pods" => &["metricName", "selector"],
        "object" => &["metricName", "selector", "target"],
        _ => &["metricName", "metricSelector"],
    };
    let entries = source.entries();
    let others = || entries.iter().filter(|(_, value)| *value != field);
    if others().any(|(key, _)| !known.contains(key)) {
        return None;
    }
    let mut ops = match source.get("target") {
        // The object keeps its place in the file, under the key that is free.
        Some(object) if kind == "object" => {
            let mut ops = vec![edit::set(object, target)];
            ops.extend(rewrite(field, "describedObject", value_of(object)?));
            ops
        }
        None if kind != "object" => rewrite(field, "target", target).to_vec(),
        _ => return None,
    };
    if let Some(name) = source.get("metricName") {
        let mut metric = json!({ "name": name.text()? });
        for selector in ["selector", "metricSelector"].into_iter().filter_map(|key| source.get(key))
        {
            metric["selector"] = value_of(selector)?;
            ops.push(edit::remove(selector));
        }
        ops.extend(rewrite(name, "metric", metric));
    } else if known.contains(&"metricName") {
        return None;
    }
    Some(ops)
}

/// Another key and value at the same place, so that comments stay.
fn rewrite(place: Place<'_>, key: &str, value: Value) -> [crate::finding::Op; 2] {
    [edit::rename(place, key), edit::set(place, value)]
}

/// What stands at `place`; `None` where JSON cannot tell it exactly.
fn value_of(place: Place<'_>) -> Option<Value> {
    if place.is_mapping() {
        let entries = place.entries().into_iter();
        let map = entries.map(|(key, value)| Some((key.to_owned(), value_of(value)?)));
        return map.collect::<Option<_>>().map(Value::Object);
    }
    if place.is_sequence() {
        return place.items().map(value_of).collect::<Option<_>>().map(Value::Array);
    }
    match place.scalar()? {
        Scalar::Null => Some(Value::Null),
        Scalar::Bool(value) => Some(value.into()),
        Scalar::Int(value) => Some(value.into()),
        // As text, which quantities may be, it stays exact.
        Scalar::Float(_) | Scalar::Str(_) => Some(place.text()?.into()),
    }
}

/// A mapping as one writes it in one line.
fn flow(value: &Value) -> String {
    let scalar = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let entries = value.as_object().into_iter().flatten();
    let entries: Vec<_> = entries.map(|(key, value)| format!("{key}: {}", scalar(value))).collect();
    format!("{{ {} }}", entries.join(", "))
}

cases! {
    beta_two: "apiVersion: autoscaling/v2beta2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: { targetCPUUtilizationPercentage: 70 }\n"
        => ["4:9"],
    its_own_version: "apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {targetCPUUtilizationPercentage: 70}\n---\napiVersion: autoscaling/v2beta1\nkind: HorizontalPodAutoscaler\nmetadata: {name: b}\nspec: {metrics: [{type: Resource, resource: {name: cpu, targetAverageUtilization: 70}}, {type: Object, object: {target: {kind: Service, name: b}, metricName: x, targetValue: 3}}]}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: c}\nspec: {metrics: [{type: Object, object: {describedObject: {kind: Service, name: c}, metric: {name: x}, target: {type: Value, value: 3}}}]}\n"
        => [],
    beside_metrics: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  targetCPUUtilizationPercentage: 70\n  metrics:\n  - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}\n"
        => ["5:3"],
    every_source: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  metrics:\n  - type: Resource\n    resource:\n      name: cpu\n      targetAverageUtilization: 70\n  - type: ContainerResource\n    containerResource:\n      name: memory\n      container: web\n      targetAverageValue: 1Gi\n  - type: Pods\n    pods:\n      metricName: load\n      targetAverageValue: 10\n  - type: Object\n    object:\n      target: {apiVersion: v1, kind: Service, name: a}\n      metricName: load\n      targetValue: 100\n  - type: External\n    external:\n      metricName: lag\n      metricSelector: {matchLabels: {topic: a}}\n      targetAverageValue: 0.5\n"
        => ["9:7", "14:7", "18:7", "23:7", "28:7"],
    only_a_metric_name: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  metrics:\n  - type: Pods\n    pods:\n      metricName: load\n      target: {type: AverageValue, averageValue: 10}\n"
        => ["8:7"],
    list_under_version_one: "apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  metrics:\n  - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}\n"
        => ["5:3"],
    target_under_beta_one: "apiVersion: autoscaling/v2beta1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  metrics:\n  - type: Resource\n    resource:\n      name: cpu\n      target: {type: Utilization, averageUtilization: 60}\n"
        => ["9:7"],
    version_one_field_under_beta_one: "apiVersion: autoscaling/v2beta1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {targetCPUUtilizationPercentage: 70}\n"
        => ["4:8"],
    empty: "apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {metrics: []}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: b}\nspec: {targetCPUUtilizationPercentage: null}\n"
        => [],
    json: "{\"apiVersion\": \"autoscaling/v2\", \"kind\": \"HorizontalPodAutoscaler\", \"metadata\": {\"name\": \"a\"}, \"spec\": {\"targetCPUUtilizationPercentage\": 70}}"
        => ["1:105"],
    empty_list: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  metrics: []\n  targetCPUUtilizationPercentage: 70\n"
        => ["6:3"],
}
