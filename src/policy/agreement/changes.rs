//! Changes of objects at random, among words and amounts that some rule heeds.

use serde_json::{Value, json};

use crate::units;

/// Texts that mean something to some rule.
const WORDS: [&str; 59] = [
    "a",
    "web",
    "http",
    "8080",
    "admin",
    "app",
    "app:latest",
    "host:5000/app",
    "host/app:1",
    "auto",
    "Always",
    "Never",
    "Deployment",
    "deployment",
    "DaemonSet",
    "StatefulSet",
    "ReplicationController",
    "Rollout",
    "Job",
    "Widget",
    "apps/v1",
    "v1",
    "batch/v1",
    "argoproj.io/v1alpha1",
    "example.com/v1",
    "sh",
    "/bin/sleep",
    "-c",
    "sleep 20",
    "29",
    "exec sleep 1m; true",
    "0.4m",
    "25%",
    "0%",
    "100%",
    "Utilization",
    "AverageValue",
    "Value",
    "Resource",
    "Pods",
    "External",
    "Object",
    "cpu",
    "memory",
    "kafka",
    "cron",
    "prometheus",
    "Disabled",
    "Max",
    "",
    "30s",
    "1m30s",
    "0s",
    "1d12h",
    "2w3d4h5m6s7ms",
    "999ms",
    "In",
    "NotIn",
    "Exists",
];

const AMOUNTS: [&str; 26] = [
    "0.0004", "0.0005", "0.0006", "0.005", "0.0125", "0.01", "0.1230", "2e-4", "1.25e-2", "1.5e1",
    "0", "1", "-1", "500m", "63.5", "64", "64.0", "64000m", "512", "512m", "1Mi", "1048575", "1Gi",
    "1025Gi", "1e3", "1k",
];

const NUMBERS: [i64; 12] = [-1, 0, 1, 2, 3, 5, 10, 25, 30, 60, 100, 8080];

const IGNORES: [&str; 5] = [
    "resources: why",
    "probes/unknown-port: why; keda: why",
    "scaling",
    "hygiene/floating-image:x",
    "schema: ;rollout: y",
];

/// Every value of `object`, as a way to it.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut visit = |key: &str, value: &Value| {
        let key = key.replace('~', "~0").replace('/', "~1");
        let pointer = format!("{at}/{key}");
        pointers(value, &pointer, found);
        found.push(pointer);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| visit(key, value)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| visit(&at.to_string(), value));
        }
        _ => {}
    }
}

/// Changes something at random: takes it away, doubles it, or writes another value.
pub(super) fn mutate(object: &mut Value, (place, how, what): (usize, u8, usize)) {
    let mut all = Vec::new();
    pointers(object, "", &mut all);
    all.retain(|pointer| {
        !["/apiVersion", "/kind", "/metadata", "/metadata/name"].contains(&pointer.as_str())
    });
    if all.is_empty() || how == 0 {
        object["metadata"]["annotations"] =
            json!({ "slogen.dev/ignore": IGNORES[what % IGNORES.len()] });
        return;
    }
    let pointer = &all[place % all.len()];
    let (above, key) = pointer.rsplit_once('/').unwrap();
    if how < 3 {
        match object.pointer_mut(above) {
            Some(Value::Object(map)) => {
                map.shift_remove(&key.replace("~1", "/").replace("~0", "~"));
            }
            Some(Value::Array(items)) => {
                items.remove(key.parse().unwrap());
            }
            _ => {}
        }
        return;
    }
    let may_be_both = ["port", "minAvailable", "maxUnavailable"].contains(&key);
    let Some(value) = object.pointer_mut(pointer) else { return };
    *value = match &*value {
        Value::Bool(it) => (!*it).into(),
        Value::Number(_) if may_be_both && how == 3 => WORDS[what % WORDS.len()].into(),
        Value::Number(_) => NUMBERS[what % NUMBERS.len()].into(),
        Value::String(_) if may_be_both && how == 3 => NUMBERS[what % NUMBERS.len()].into(),
        Value::String(text) if units::quantity(text).is_some() => {
            AMOUNTS[what % AMOUNTS.len()].into()
        }
        Value::String(_) => WORDS[what % WORDS.len()].into(),
        Value::Array(items) => {
            let more: Vec<_> = items.iter().chain(items.first()).cloned().collect();
            more.into()
        }
        other => other.clone(),
    };
}
