//! Generates `schemas/kubernetes` from the types of k8s-openapi and compares it with the committed
//! files. `SLOGEN_BLESS=1` rewrites them.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use k8s_openapi::Resource;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{
    ConfigMap, LimitRange, Namespace, PersistentVolumeClaim, Pod, ResourceQuota, Secret, Service,
    ServiceAccount,
};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};
use slogen::kinds::keda::{ScaledObject, TriggerAuthentication};
use slogen::kinds::monitoring::{PodMonitor, PrometheusRule, ServiceMonitor};
use slogen::schema::kubernetes;

type TestResult = Result<(), Box<dyn Error>>;

struct Generated {
    kind: &'static str,
    api_version: &'static str,
    text: String,
}

/// The same kinds in the same order as the table in `src/schema/kubernetes.rs`.
fn generated() -> Vec<Generated> {
    vec![
        generate::<Deployment>(),
        generate::<StatefulSet>(),
        generate::<DaemonSet>(),
        generate::<ReplicaSet>(),
        generate::<Job>(),
        generate::<CronJob>(),
        generate::<Pod>(),
        generate::<Service>(),
        generate::<ServiceAccount>(),
        generate::<ConfigMap>(),
        generate::<Secret>(),
        generate::<PersistentVolumeClaim>(),
        generate::<LimitRange>(),
        generate::<ResourceQuota>(),
        generate::<Namespace>(),
        generate::<HorizontalPodAutoscaler>(),
        generate::<PodDisruptionBudget>(),
        generate::<NetworkPolicy>(),
        generate::<Ingress>(),
        generate::<Role>(),
        generate::<RoleBinding>(),
        own::<ServiceMonitor>(ServiceMonitor::KIND, ServiceMonitor::API_VERSION),
        own::<PodMonitor>(PodMonitor::KIND, PodMonitor::API_VERSION),
        own::<PrometheusRule>(PrometheusRule::KIND, PrometheusRule::API_VERSION),
        own::<ScaledObject>(ScaledObject::KIND, ScaledObject::API_VERSION),
        own::<TriggerAuthentication>(
            TriggerAuthentication::KIND,
            TriggerAuthentication::API_VERSION,
        ),
    ]
}

fn generate<K: JsonSchema + Resource>() -> Generated {
    let mut settings = SchemaSettings::draft07();
    // First, because draft07's own transforms wrap every `$ref` that has a description beside it.
    settings.transforms.insert(0, Box::new(RecursiveTransform(strict)));
    let mut schema = settings.into_generator().into_root_schema_for::<K>();
    identify(&mut schema, K::KIND, K::API_VERSION);
    patch(&mut schema);
    Generated { kind: K::KIND, api_version: K::API_VERSION, text: text(schema) }
}

/// A kind whose type is the project's own, strict by its declaration.
fn own<K: JsonSchema>(kind: &'static str, api_version: &'static str) -> Generated {
    let mut schema: Schema = slogen::kinds::schema::<K>().try_into().unwrap_or_default();
    let mut transform = RecursiveTransform(strict);
    schemars::transform::Transform::transform(&mut transform, &mut schema);
    Generated { kind, api_version, text: text(schema) }
}

/// Allows only the fields that a type has, and drops what validation does not need.
fn strict(schema: &mut Schema) {
    schema.remove("title");
    schema.remove("description");
    if schema.get("properties").is_some() && schema.get("additionalProperties").is_none() {
        schema.insert("additionalProperties".to_owned(), false.into());
    }
}

/// An object must say what it is, and be it.
fn identify(schema: &mut Schema, kind: &str, api_version: &str) {
    for (field, value) in [("apiVersion", api_version), ("kind", kind)] {
        if let Some(property) = schema.pointer_mut(&format!("/properties/{field}")) {
            *property = json!({ "const": value });
        }
        if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
            required.push(field.into());
        }
    }
}

/// Corrects the types that serialise as something else than their definition says. A `title` is
/// what messages call the value.
fn patch(schema: &mut Schema) {
    let definitions = schema.get_mut("definitions").and_then(Value::as_object_mut);
    for (name, definition) in definitions.into_iter().flatten() {
        *definition = match name.rsplit('.').next() {
            Some("IntOrString") => json!({ "type": ["integer", "string"] }),
            // The documented grammar as `resource.ParseQuantity` reads it: n and u are suffixes
            // too, and an exponent is an integer.
            Some("Quantity") => json!({
                "title": "a quantity such as `500m` or `128Mi`",
                "type": ["number", "string"],
                "pattern": concat!(
                    r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)",
                    "([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$"
                ),
            }),
            // Any JSON at all.
            Some(
                "RawExtension"
                | "JSON"
                | "JSONSchemaPropsOrArray"
                | "JSONSchemaPropsOrBool"
                | "JSONSchemaPropsOrStringArray",
            ) => json!({}),
            _ => continue,
        };
    }
}

/// Sorted, compact, and one definition a line, so that a diff shows which types changed.
fn text(mut schema: Schema) -> String {
    let mut definitions = schema.remove("definitions").unwrap_or_default();
    definitions.sort_all_objects();
    let definitions: Vec<_> = definitions
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, definition)| format!("{}:{definition}", json!(name)))
        .collect();
    let mut root = schema.to_value();
    root.sort_all_objects();
    let root = root.to_string();
    format!(
        "{},\n\"definitions\":{{\n{}\n}}}}\n",
        root.strip_suffix('}').unwrap_or(&root),
        definitions.join(",\n")
    )
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/kubernetes")
}

fn file_name(kind: &str) -> String {
    format!("{}.json", kind.to_lowercase())
}

#[test]
fn committed_schemas_are_up_to_date() -> TestResult {
    for Generated { kind, text, .. } in generated() {
        let path = folder().join(file_name(kind));
        if std::env::var_os("SLOGEN_BLESS").is_some_and(|value| value == "1") {
            fs::write(&path, &text)?;
        }
        // Not assert_eq!, which would print both texts in full.
        assert!(
            fs::read_to_string(&path)? == text,
            "{} is stale; SLOGEN_BLESS=1 cargo test --test kubernetes_schemas rewrites it",
            path.display()
        );
    }
    Ok(())
}

#[test]
fn each_kind_is_generated_and_each_file_belongs_to_a_kind() -> TestResult {
    let generated = generated();
    let kinds: Vec<_> = generated.iter().map(|it| (it.kind, it.api_version)).collect();
    assert_eq!(kubernetes::kinds().collect::<Vec<_>>(), kinds);

    let files: BTreeSet<_> = fs::read_dir(folder())?
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_, _>>()?;
    assert_eq!(files, kinds.iter().map(|(kind, _)| file_name(kind)).collect());
    Ok(())
}

/// The file of another kind would want another `kind`, and one that does not compile says so.
#[test]
fn each_kind_is_embedded_with_its_own_file() -> TestResult {
    for (kind, api_version) in kubernetes::kinds() {
        let object = json!({ "apiVersion": api_version, "kind": kind, "metadata": {} });
        for violation in kubernetes::validate(kind, api_version, &object).ok_or(kind)? {
            assert!(violation.message.ends_with("` is missing"), "{kind}: {violation:?}");
        }
    }
    Ok(())
}

#[test]
fn every_definition_is_used() -> TestResult {
    for Generated { kind, text, .. } in generated() {
        let schema: Value = serde_json::from_str(&text)?;
        for name in schema["definitions"].as_object().into_iter().flat_map(|map| map.keys()) {
            assert!(text.contains(&format!("\"#/definitions/{name}\"")), "{kind}: {name}");
        }
    }
    Ok(())
}
