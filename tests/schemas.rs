//! The committed JSON Schemas: generated from the types, described throughout, and true to what slogen accepts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failure is the test's own"
)]

use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::Value;
use slogen::profile::EMBEDDED;
use slogen::schema::document;
use slogen::source::Files;
use slogen::tree::{self, Layer};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn schemas() -> [(&'static str, Value); 4] {
    [
        ("slo", document::slo()),
        ("profile", document::profile()),
        ("config", document::config()),
        ("report", document::report()),
    ]
}

#[test]
fn committed_schemas_are_current() {
    for (name, schema) in schemas() {
        let path = root().join(format!("schemas/{name}.schema.json"));
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if std::env::var_os("SLOGEN_BLESS").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == text,
            "{} is stale: SLOGEN_BLESS=1 cargo test rewrites it",
            path.display()
        );
    }
}

/// Calls `visit` with the path and the schema of every property.
fn properties(schema: &Value, path: &str, visit: &mut dyn FnMut(&str, &Value)) {
    match schema {
        Value::Object(object) => {
            for (key, inner) in object {
                if key == "properties" {
                    for (name, property) in inner.as_object().into_iter().flatten() {
                        visit(&format!("{path}/{name}"), property);
                        properties(property, &format!("{path}/{name}"), visit);
                    }
                } else if key != "default" && key != "const" {
                    properties(inner, &format!("{path}/{key}"), visit);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| properties(item, path, visit)),
        _ => {}
    }
}

#[test]
fn every_key_has_a_description_and_a_default() {
    for (name, schema) in &schemas()[..2] {
        let mut count = 0;
        properties(schema, name, &mut |path, property| {
            count += 1;
            let description = property["description"].as_str().unwrap_or_default();
            assert!(description.len() > 3, "{path} has no description");
            assert!(property.get("default").is_some(), "{path} has no default");
        });
        assert!(count > 150, "{name} has {count} keys only");
    }
}

#[test]
fn no_table_takes_unknown_keys() {
    fn check(schema: &Value, path: &str) {
        let object = schema.get("properties").is_some();
        assert!(!object || schema["additionalProperties"] == false, "{path} takes any key");
        match schema {
            Value::Object(map) => map.iter().for_each(|(key, inner)| {
                if !["default", "const", "properties"].contains(&key.as_str()) {
                    check(inner, &format!("{path}/{key}"));
                } else if key == "properties" {
                    inner
                        .as_object()
                        .into_iter()
                        .flatten()
                        .for_each(|(k, v)| check(v, &format!("{path}/{k}")));
                }
            }),
            Value::Array(items) => items.iter().for_each(|item| check(item, path)),
            _ => {}
        }
    }
    for (name, schema) in &schemas()[..2] {
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
        check(schema, name);
    }
}

fn validator(schema: &Value) -> Validator {
    jsonschema::draft7::new(schema).unwrap()
}

fn json(text: &str) -> Value {
    let mut files = Files::default();
    let file = files.add("x.toml", text.to_owned());
    let (table, findings) = tree::parse(&files, file, Layer::File);
    assert!(findings.is_empty(), "{findings:?}");
    table
        .iter()
        .map(|(key, node)| (key.clone(), node.to_json()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[track_caller]
fn valid(validator: &Validator, text: &str, what: &str) {
    let problems: Vec<String> = validator
        .iter_errors(&json(text))
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(problems.is_empty(), "{what}: {problems:#?}");
}

#[test]
fn profiles_and_golden_cases_are_valid() {
    let profile = validator(&document::profile());
    for embedded in EMBEDDED {
        valid(&profile, embedded.text, embedded.name);
    }
    let slo = validator(&document::slo());
    let golden = root().join("tests/golden");
    let mut count = 0;
    for case in fs::read_dir(golden).unwrap() {
        let path = case.unwrap().path().join("slo.toml");
        if Path::new(&path).exists() {
            count += 1;
            valid(&slo, &fs::read_to_string(&path).unwrap(), &path.display().to_string());
        }
    }
    assert!(count > 0);
}

#[test]
fn mistakes_are_invalid() {
    let slo = validator(&document::slo());
    let service = "[service]\nname = \"a\"\nimage = \"a:1\"\n";
    for mistake in [
        "lables = {}",
        "port = \"8000\"",
        "env = { A = 1 }",
        "[scalin]",
        "[scaling.up]\npolicies = [\"2 / 30s\"]",
        "[targets]\nlatency = [{ percentile = 95 }]",
        "[targets]\nlatency = [{ percentile = 100, below = \"1s\" }]",
        "[targets]\nwindow = 30",
        "[targets]\nerrors = { below = \"0.01\" }",
        "[resources.requests]\nmemory = \"2GB\"",
        "[env.prod.scaling]\nmim = 1",
        "[env.prod]\nprofile = \"web\"",
        "[scaling]\nbackend = \"hpaa\"",
        "[[patch]]\nmerge = {}",
    ] {
        let text = format!("{service}{mistake}");
        assert!(!slo.is_valid(&json(&text)), "accepted: {mistake}");
    }
    valid(
        &slo,
        &format!("{service}[env.prod.service]\nport = 1"),
        "an overlay need not name the service",
    );
    assert!(!slo.is_valid(&json("[service]\nname = \"a\"")), "the image is required");
}
