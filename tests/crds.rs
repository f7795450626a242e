//! Holds the kinds of the Prometheus Operator and of KEDA to their own definitions.
//!
//! These are too large to keep here: `SLOGEN_CRDS` names the folder that has them.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use slogen::kinds::{keda, monitoring, schema};

/// Keywords whose value must be the CRD's, where the CRD has them.
const CONSTRAINTS: [&str; 5] = ["minimum", "maximum", "minItems", "minLength", "pattern"];

#[test]
fn the_types_have_exactly_the_fields_of_the_crds() -> Result<(), Box<dyn Error>> {
    let folder = std::env::var_os("SLOGEN_CRDS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/crds")),
        PathBuf::from,
    );
    if !folder.is_dir() {
        #[expect(clippy::print_stderr, reason = "a skipped test must not look like a passed one")]
        {
            eprintln!("skipped: there is no folder {}", folder.display());
        }
        return Ok(());
    }
    let kinds = [
        ("monitoring.coreos.com", "servicemonitors", schema::<monitoring::ServiceMonitor>()),
        ("monitoring.coreos.com", "podmonitors", schema::<monitoring::PodMonitor>()),
        ("monitoring.coreos.com", "prometheusrules", schema::<monitoring::PrometheusRule>()),
        ("keda.sh", "scaledobjects", schema::<keda::ScaledObject>()),
        ("keda.sh", "triggerauthentications", schema::<keda::TriggerAuthentication>()),
    ];
    let mut differences = Vec::new();
    for (group, plural, ours) in &kinds {
        let file = folder.join(format!("{group}_{plural}.yaml"));
        let crd: Value = serde_yaml::from_str(&fs::read_to_string(file)?)?;
        let version = &crd["spec"]["versions"][0];
        let name = ours["properties"]["apiVersion"]["const"].as_str().unwrap_or_default();
        assert_eq!(format!("{group}/{}", version["name"].as_str().unwrap_or_default()), name);
        let crd = &version["schema"]["openAPIV3Schema"]["properties"]["spec"];
        let mut comparison = Comparison { root: ours, differences: &mut differences };
        comparison.compare(&format!("{plural}.spec"), crd, &ours["properties"]["spec"]);
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
    Ok(())
}

/// A walk through two schemas in step.
struct Comparison<'a> {
    /// The document that our `$ref`s point into.
    root: &'a Value,
    differences: &'a mut Vec<String>,
}

impl<'a> Comparison<'a> {
    fn compare(&mut self, path: &str, crd: &Value, ours: &'a Value) {
        let ours = self.resolve(ours);
        self.expect_equal(path, "type", &type_of(crd), &ours["type"]);
        self.compare_sets(path, "required", &strings(crd, "required"), &strings(ours, "required"));
        if crd["enum"].is_array() {
            self.compare_sets(path, "enum", &strings(crd, "enum"), &strings(ours, "enum"));
        }
        for keyword in CONSTRAINTS {
            // Inline flags are not ECMA 262; such a pattern is written differently.
            let portable = !crd[keyword].as_str().is_some_and(|text| text.contains("(?i)"));
            if crd[keyword] != Value::Null && portable {
                self.expect_equal(path, keyword, &crd[keyword], &ours[keyword]);
            }
        }

        let (theirs, own) = (keys(crd), keys(ours));
        self.compare_sets(path, "properties", &theirs, &own);
        for key in theirs.intersection(&own) {
            let (crd, ours) = (&crd["properties"][key], &ours["properties"][key]);
            self.compare(&format!("{path}.{key}"), crd, ours);
        }
        if crd["items"].is_object() {
            self.compare(&format!("{path}[]"), &crd["items"], &ours["items"]);
        }
        if crd["additionalProperties"].is_object() {
            let (crd, ours) = (&crd["additionalProperties"], &ours["additionalProperties"]);
            self.compare(&format!("{path}.*"), crd, ours);
        } else if !theirs.is_empty() {
            let closed = &ours["additionalProperties"];
            self.expect_equal(path, "additionalProperties", &json!(false), closed);
        }
    }

    /// The schema behind `$ref`, which schemars wraps in `allOf` to put a description beside it.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        if let Some(reference) = schema["$ref"].as_str() {
            let target = self.root.pointer(reference.trim_start_matches('#'));
            target.map_or(&Value::Null, |target| self.resolve(target))
        } else if schema["allOf"].is_array() {
            self.resolve(&schema["allOf"][0])
        } else {
            schema
        }
    }

    fn compare_sets(
        &mut self,
        path: &str,
        keyword: &str,
        crd: &BTreeSet<&str>,
        ours: &BTreeSet<&str>,
    ) {
        for name in crd.difference(ours) {
            self.differences.push(format!("{path}: {keyword}: only the CRD has `{name}`"));
        }
        for name in ours.difference(crd) {
            self.differences.push(format!("{path}: {keyword}: only our type has `{name}`"));
        }
    }

    fn expect_equal(&mut self, path: &str, keyword: &str, crd: &Value, ours: &Value) {
        if crd != ours {
            self.differences.push(format!("{path}: {keyword}: {crd} in the CRD, {ours} in ours"));
        }
    }
}

fn type_of(crd: &Value) -> Value {
    if crd["x-kubernetes-int-or-string"] == true {
        json!(["integer", "string"])
    } else {
        crd["type"].clone()
    }
}

fn keys(schema: &Value) -> BTreeSet<&str> {
    schema["properties"].as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect()
}

fn strings<'a>(schema: &'a Value, keyword: &str) -> BTreeSet<&'a str> {
    schema[keyword].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
