//! The kinds that a `CustomResourceDefinition` defines, made as strict as the built-in ones.

use serde_json::{Map, Value, json};

use super::{arena, kinds};
use crate::yaml::Place;

/// A kind, and the schema of its objects.
#[derive(Debug)]
pub struct Kind {
    /// Group and version.
    pub api_version: String,
    /// Name.
    pub kind: String,
    pub(super) schema: Value,
}

/// The kinds that `object`, or each item of a list, defines: none if it is no CRD, and none for a version without a schema, where everything
/// goes.
pub fn kinds_of(object: Place<'_>) -> Vec<Kind> {
    let text = |path: &str| object.at(path).and_then(Place::text);
    let is_crd = text("kind") == Some("CustomResourceDefinition")
        && text("apiVersion").is_some_and(|version| version.starts_with("apiextensions.k8s.io/"));
    if is_list(object) {
        return object.list("items").filter(|item| !is_list(*item)).flat_map(kinds_of).collect();
    }
    let (true, Some(group), Some(kind)) = (is_crd, text("spec/group"), text("spec/names/kind"))
    else {
        return Vec::new();
    };
    let version = |version: Place<'_>| {
        let name = version.text_of("name")?;
        // Versions of v1beta1 may share one schema.
        let schema = version
            .at("schema/openAPIV3Schema")
            .or_else(|| object.at("spec/validation/openAPIV3Schema"))?;
        let api_version = format!("{group}/{name}");
        let schema = root(arena::value(schema), &api_version, kind);
        Some(Kind { api_version, kind: kind.to_owned(), schema })
    };
    object
        .at("spec")
        .into_iter()
        .flat_map(|spec| spec.list("versions"))
        .filter_map(version)
        .collect()
}

fn is_list(object: Place<'_>) -> bool {
    object.get("kind").and_then(Place::text) == Some("List")
}

/// The schema of a whole object.
fn root(mut schema: Value, api_version: &str, kind: &str) -> Value {
    strict(&mut schema);
    let document = schema.as_object_mut();
    let Some(document) = document else { return json!({}) };
    // In OpenAPI 3.0 `exclusiveMinimum` is a truth value, as it was in draft 4.
    document.insert("$schema".to_owned(), json!("http://json-schema.org/draft-04/schema#"));
    document.insert("type".to_owned(), json!("object"));
    let properties = document.entry("properties").or_insert_with(|| json!({}));
    if let Some(properties) = properties.as_object_mut() {
        properties.insert("apiVersion".to_owned(), json!({ "enum": [api_version] }));
        properties.insert("kind".to_owned(), json!({ "enum": [kind] }));
        let own = properties.remove("metadata");
        let metadata = kinds::definition("ObjectMeta").unwrap_or_else(|| json!({}));
        let both = own.map_or_else(|| metadata.clone(), |own| json!({ "allOf": [metadata, own] }));
        properties.insert("metadata".to_owned(), both);
    }
    if document.get("x-kubernetes-preserve-unknown-fields") != Some(&json!(true)) {
        document.insert("additionalProperties".to_owned(), json!(false));
    }
    document.insert("definitions".to_owned(), Value::Object(kinds::definitions()));
    schema
}

/// Allows only the fields that a schema lists, as the API server prunes the others, and says in JSON Schema what
/// `OpenAPI` says otherwise.
fn strict(schema: &mut Value) {
    let Value::Object(node) = schema else { return };
    let is = |node: &Map<String, Value>, key: &str| node.get(key) == Some(&json!(true));
    if is(node, "x-kubernetes-int-or-string") {
        node.remove("anyOf");
        node.insert("type".to_owned(), json!(["integer", "string"]));
    }
    if is(node, "nullable")
        && let Some(kind @ Value::String(_)) = node.get("type").cloned()
    {
        node.insert("type".to_owned(), json!([kind, "null"]));
    }
    // Formats of OpenAPI are either implied by the type or unknown to JSON Schema, and `default` says nothing here.
    for key in ["format", "default", "description", "example", "externalDocs", "title"] {
        if node.get(key).is_some_and(|value| key != "format" || value != "date-time") {
            node.remove(key);
        }
    }
    if is(node, "x-kubernetes-embedded-resource")
        && let Some(properties) =
            node.entry("properties").or_insert_with(|| json!({})).as_object_mut()
    {
        for key in ["apiVersion", "kind"] {
            properties.entry(key).or_insert_with(|| json!({ "type": "string" }));
        }
        properties.entry("metadata").or_insert_with(|| json!({ "type": "object" }));
    }
    let open = is(node, "x-kubernetes-preserve-unknown-fields");
    if node.contains_key("properties") && !node.contains_key("additionalProperties") && !open {
        node.insert("additionalProperties".to_owned(), json!(false));
    }
    for (key, value) in node {
        match (key.as_str(), value) {
            ("properties", Value::Object(properties)) => properties.values_mut().for_each(strict),
            ("items" | "additionalProperties", value) => strict(value),
            // These only add conditions to fields that are listed elsewhere.
            ("allOf" | "anyOf" | "oneOf" | "not", value) => lenient(value),
            _ => {}
        }
    }
}

/// Drops what JSON Schema would misread, and forbids nothing.
fn lenient(schema: &mut Value) {
    match schema {
        Value::Array(several) => several.iter_mut().for_each(lenient),
        Value::Object(node) => {
            node.remove("format");
            node.values_mut().for_each(lenient);
        }
        _ => {}
    }
}
