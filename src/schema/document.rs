//! The JSON Schemas of slo.toml, of profiles and of the report, from the types (draft 7).

use std::collections::BTreeSet;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::kinds::strip_null;
use crate::profile::{BASE, EMBEDDED, find};
use crate::report::json::Report;
use crate::rules::RULES;
use crate::source::Files;
use crate::spec::lint::Lint;
use crate::spec::tables::Document;
use crate::tree::{self, Layer};

const HOME: &str = "https://slogen.dev/schemas";

/// The schema of slo.toml.
pub fn slo() -> Value {
    let mut schema = document("slo", "slo.toml: one service", "extends");
    // Only the file as a whole must name its service; overlays and profiles need not.
    let required = json!({ "required": ["name", "image"] });
    if let Some(all) = schema.pointer_mut("/properties/service/allOf").and_then(Value::as_array_mut)
    {
        all.push(required);
    }
    schema["required"] = json!(["service"]);
    schema
}

/// The schema of a profile: the same keys, none of them required.
pub fn profile() -> Value {
    document("profile", "A profile: defaults of slo.toml", "profile")
}

/// The schema of slogen.toml: the `[lint]` table alone.
pub fn config() -> Value {
    let mut schema = root::<Lint>("config", "slogen.toml: settings of `slogen lint`");
    name_rules(&mut schema);
    let mut lint = schema.clone();
    if let Some(lint) = lint.as_object_mut() {
        for key in ["$schema", "$id", "title", "definitions"] {
            lint.shift_remove(key);
        }
    }
    if let Some(object) = schema.as_object_mut() {
        for key in ["properties", "additionalProperties", "required"] {
            object.shift_remove(key);
        }
    }
    schema["type"] = "object".into();
    schema["additionalProperties"] = false.into();
    schema["properties"] = json!({ "lint": lint });
    schema
}

/// Says in the schema of a `[lint]` table which rules there are, with their levels and options.
fn name_rules(lint: &mut Value) {
    let families: BTreeSet<_> = RULES.iter().map(|entry| entry.meta.family()).collect();
    let names: Vec<_> = RULES.iter().map(|entry| entry.meta.name).chain(families).collect();
    if let Some(property) = lint.pointer_mut("/properties/levels") {
        property["propertyNames"] = json!({ "anyOf": [{ "enum": names }, { "pattern": "^custom(/[a-z0-9]+(-[a-z0-9]+)*)?$" }] });
        property["additionalProperties"] = json!({ "enum": LEVELS });
    }
    let options = RULES.iter().map(|entry| {
        let mut schema = entry.options().to_value();
        if let Some(object) = schema.as_object_mut() {
            for key in ["$schema", "title"] {
                object.shift_remove(key);
            }
            object.insert("description".to_owned(), entry.meta.summary().into());
            object.insert("default".to_owned(), json!({}));
        }
        (entry.meta.name.to_owned(), schema)
    });
    if let Some(property) = lint.pointer_mut("/properties/rules") {
        property["properties"] = options.collect::<Map<_, _>>().into();
        property["additionalProperties"] = false.into();
    }
}

/// The words of `[lint.levels]`.
const LEVELS: [&str; 4] = ["error", "warning", "info", "off"];

/// The schema of the report.
pub fn report() -> Value {
    let mut schema = root::<Report<'_>>("report", "What slogen found");
    strip_null(&mut schema);
    // Here null is written, for what there is none of.
    for (entry, keys) in [("Entry", &["help", "object", "fix"][..]), ("Object", &["namespace"])] {
        for key in keys {
            if let Some(property) =
                schema.pointer_mut(&format!("/definitions/{entry}/properties/{key}"))
            {
                nullable(property);
            }
        }
    }
    schema
}

fn nullable(property: &mut Value) {
    let description =
        property.as_object_mut().and_then(|property| property.shift_remove("description"));
    let inner = property.take();
    *property = json!({ "description": description, "anyOf": [inner, { "type": "null" }] });
}

fn root<T: JsonSchema>(name: &str, title: &str) -> Value {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    let mut out = Map::new();
    if let Some(object) = schema.as_object_mut() {
        out.insert("$schema".to_owned(), "http://json-schema.org/draft-07/schema#".into());
        out.insert("$id".to_owned(), format!("{HOME}/{name}.schema.json").into());
        out.insert("title".to_owned(), title.into());
        for key in ["$schema", "title"] {
            object.shift_remove(key);
        }
        out.append(object);
    }
    Value::Object(out)
}

fn document(name: &str, title: &str, without: &str) -> Value {
    let mut schema = root::<Document>(name, title);
    if let Some(lint) = schema.pointer_mut("/definitions/Lint") {
        name_rules(lint);
    }
    let mut sections = Value::Null;
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.shift_remove(without);
        let mut overlay = properties.clone();
        for key in ["profile", "extends", "env"] {
            overlay.shift_remove(key);
        }
        sections = overlay.into();
        if let Some(env) = properties.get_mut("env") {
            env["additionalProperties"] = json!({ "$ref": "#/definitions/Overlay" });
        }
        for key in ["profile", "extends"] {
            if let Some(profile) = properties.get_mut(key) {
                profile["examples"] = EMBEDDED.iter().map(|profile| profile.name).collect();
            }
        }
    }
    schema["definitions"]["Overlay"] = json!({
        "type": "object",
        "description": "What differs in one environment.",
        "additionalProperties": false,
        "properties": sections,
    });
    let base = base();
    defaults(&mut schema, &base);
    if let Some(targets) = schema.get_mut("definitions").and_then(Value::as_object_mut) {
        for (key, definition) in targets.iter_mut() {
            let section = base.get(key.to_lowercase()).unwrap_or(&Value::Null);
            defaults(definition, if key == "Overlay" { &base } else { section });
        }
    }
    schema
}

/// Profile `base` as JSON: where defaults are written.
fn base() -> Value {
    let mut files = Files::default();
    let file = files.add(BASE, find(BASE).map_or("", |profile| profile.text));
    let (table, _) = tree::parse(&files, file, Layer::Profile(0));
    table.iter().map(|(key, node)| (key.clone(), node.to_json())).collect::<Map<_, _>>().into()
}

/// Gives every property below `schema` its default: profile `base`'s value, or null for "not set".
fn defaults(schema: &mut Value, base: &Value) {
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for (key, property) in properties {
            let value = base.get(key).cloned().unwrap_or(Value::Null);
            defaults(property, &value);
            // A table that nobody writes is an empty one: the defaults stand at its keys.
            let default = if value.is_object() { json!({}) } else { value };
            if property.get("default").is_none() {
                property["default"] = default;
            }
        }
    }
    for key in ["items", "anyOf", "oneOf", "additionalProperties"] {
        match schema.get_mut(key) {
            Some(Value::Array(branches)) => {
                for branch in branches {
                    defaults(branch, &Value::Null);
                }
            }
            Some(inner @ Value::Object(_)) => defaults(inner, &Value::Null),
            _ => {}
        }
    }
}
