//! Holds the objects of backend `keda` to account: the same numbers as the HPA's, one series a query, and what each version of
//! KEDA takes.

#![cfg(test)]

mod common;

use std::fs;

use serde_json::{Value, json};
use slogen::query::{Growth, Query};

use common::{Case, cases, documents, list, of_kind, slogen};

fn case(name: &str) -> Case {
    cases().into_iter().find(|case| case.name == name).unwrap()
}

/// The ScaledObject of a case, without its metadata.
fn scaled(case: &Case) -> Option<Value> {
    let objects = case.objects();
    of_kind(&objects, "ScaledObject").first().map(|object| object["spec"].clone())
}

/// The ScaledObject of a slo.toml that ends with `more`.
fn render(more: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "profile = \"inference\"\n[service]\nname = \"a\"\nimage = \"a:1\"\n[scaling]\nbackend = \"keda\"\n{more}"
    );
    fs::write(folder.path().join("slo.toml"), text).unwrap();
    let output = slogen()
        .args(["render", "--only", "scaledobject"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    documents(&String::from_utf8(output.stdout).unwrap()).remove(0)["spec"].take()
}

/// The threshold of the first trigger, and whether its query counts milliseconds.
fn first(spec: &Value) -> (String, bool) {
    let metadata = &spec["triggers"][0]["metadata"];
    let query = metadata["query"].as_str().unwrap();
    (metadata["threshold"].as_str().unwrap().to_owned(), query.starts_with("1000 * "))
}

/// Either backend runs the reference case with the same numbers.
#[test]
fn numbers_are_those_of_the_hpa() {
    let objects = case("inference").objects();
    let hpa = &of_kind(&objects, "HorizontalPodAutoscaler")[0]["spec"];
    let keda = case("keda");
    let scaled = scaled(&keda).unwrap();
    assert_eq!(scaled["minReplicaCount"], hpa["minReplicas"]);
    assert_eq!(scaled["maxReplicaCount"], hpa["maxReplicas"]);
    assert_eq!(scaled["scaleTargetRef"], hpa["scaleTargetRef"]);
    let advanced = &scaled["advanced"]["horizontalPodAutoscalerConfig"];
    assert_eq!(*advanced, json!({ "behavior": hpa["behavior"] }));
    let triggers: Vec<_> = list(&scaled["triggers"])
        .iter()
        .map(|trigger| {
            let metadata = &trigger["metadata"];
            let target = metadata.get("threshold").unwrap_or(&metadata["value"]);
            json!([trigger["type"], trigger["metricType"], target])
        })
        .collect();
    let wanted = json!([
        ["prometheus", "Value", "0.35"],
        ["prometheus", "AverageValue", "10"],
        ["cpu", "Utilization", "80"],
    ]);
    assert_eq!(json!(triggers), wanted);
    let kinds = keda.objects();
    assert!(of_kind(&kinds, "HorizontalPodAutoscaler").is_empty());
    assert_eq!(of_kind(&kinds, "ScaledObject")[0]["metadata"]["name"], "inference-keda-slo");
}

#[test]
fn every_query_gives_one_series_that_suits_its_type() {
    let mut seen = 0;
    for case in cases() {
        for trigger in list(&scaled(&case).unwrap_or_default()["triggers"]) {
            let Some(text) = trigger["metadata"]["query"].as_str() else { continue };
            let query = Query::parse(text).unwrap();
            assert!(query.is_vector() && query.is_single(), "{}: {text}", case.name);
            let wrong = match trigger["metricType"].as_str().unwrap() {
                "Value" => Growth::Total,
                _ => Growth::Level,
            };
            assert_ne!(query.growth(), wrong, "{}: {text}", case.name);
            seen += 1;
        }
    }
    assert!(seen > 4, "only {seen} queries");
}

#[test]
fn references_resolve() {
    let objects = case("keda-auth").objects();
    let auth = of_kind(&objects, "TriggerAuthentication")[0];
    let triggers = of_kind(&objects, "ScaledObject")[0]["spec"]["triggers"].clone();
    let named: Vec<_> = list(&triggers).iter().map(|it| &it["authenticationRef"]["name"]).collect();
    let name = &auth["metadata"]["name"];
    // CPU is not asked of Prometheus, and a stranger does not get the password.
    assert_eq!(named, [name, name, &Value::Null, &Value::Null]);
}

#[test]
fn thresholds_keep_what_was_written() {
    let at =
        |latency: &str| first(&render(&format!("[scaling.scale_at]\nlatency = \"{latency}\"\n")));
    assert_eq!(at("350ms"), ("0.35".to_owned(), false));
    assert_eq!(at("1.5s"), ("1.5".to_owned(), false));
    assert_eq!(at("10ms"), ("0.01".to_owned(), false));
    assert_eq!(at("9ms"), ("9".to_owned(), true));
    assert_eq!(at("12.5ms"), ("12.5".to_owned(), true));
    assert_eq!(at("1234567ns"), ("1.234".to_owned(), true));
    assert_eq!(first(&render("headroom = \"33.3333%\"\n")), ("233.333".to_owned(), true));
}

#[test]
fn each_version_gets_what_it_takes() {
    let fallback = |version: &str, more: &str| {
        let spec = render(&format!("{more}[scaling.keda]\nversion = \"{version}\"\n"));
        spec["fallback"].clone()
    };
    let totals = "scale_on = [\"in_flight\", \"cpu\"]\n";
    let usual =
        json!({ "failureThreshold": 3, "replicas": 3, "behavior": "currentReplicasIfHigher" });
    assert_eq!(fallback("2.20", ""), usual);
    assert_eq!(fallback("2.18.0", ""), usual);
    assert_eq!(fallback("2.17.1", ""), Value::Null, "no fallback for values");
    assert_eq!(fallback("2.17", totals), usual);
    assert_eq!(fallback("2.16", totals), Value::Null, "the static one would shrink the fleet");
    assert_eq!(fallback("2.20", "scale_on = [\"cpu\"]\n"), Value::Null, "KEDA measures no CPU");
    let fixed = "scale_on = [\"in_flight\"]\n[scaling.keda.fallback]\nreplicas = 6\n";
    assert_eq!(fallback("2.16", fixed), json!({ "failureThreshold": 3, "replicas": 6 }));
}
