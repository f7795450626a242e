//! Generates `schemas/kubernetes` from the types of k8s-openapi and compares it with the committed
//! files. `SLOGEN_BLESS=1` rewrites them.

mod constraints;

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use k8s_openapi::{Resource, api, apiextensions_apiserver, kube_aggregator};
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};
use slogen::kinds::keda::{ScaledObject, TriggerAuthentication};
use slogen::kinds::monitoring::{PodMonitor, PrometheusRule, ServiceMonitor};
use slogen::openapi;

type TestResult = Result<(), Box<dyn Error>>;

struct Generated {
    kind: &'static str,
    api_version: &'static str,
    text: String,
}

/// The same kinds in the same order as the table in `src/openapi/kinds.rs`.
#[expect(clippy::too_many_lines, reason = "a table")]
fn generated() -> Vec<Generated> {
    vec![
        generate::<api::core::v1::Binding>(),
        generate::<api::core::v1::ComponentStatus>(),
        generate::<api::core::v1::ConfigMap>(),
        generate::<api::core::v1::Endpoints>(),
        generate::<api::core::v1::Event>(),
        generate::<api::core::v1::LimitRange>(),
        generate::<api::core::v1::Namespace>(),
        generate::<api::core::v1::Node>(),
        generate::<api::core::v1::PersistentVolume>(),
        generate::<api::core::v1::PersistentVolumeClaim>(),
        generate::<api::core::v1::Pod>(),
        generate::<api::core::v1::PodTemplate>(),
        generate::<api::core::v1::ReplicationController>(),
        generate::<api::core::v1::ResourceQuota>(),
        generate::<api::core::v1::Secret>(),
        generate::<api::core::v1::Service>(),
        generate::<api::core::v1::ServiceAccount>(),
        generate::<api::admissionregistration::v1::MutatingAdmissionPolicy>(),
        generate::<api::admissionregistration::v1::MutatingAdmissionPolicyBinding>(),
        generate::<api::admissionregistration::v1::MutatingWebhookConfiguration>(),
        generate::<api::admissionregistration::v1::ValidatingAdmissionPolicy>(),
        generate::<api::admissionregistration::v1::ValidatingAdmissionPolicyBinding>(),
        generate::<api::admissionregistration::v1::ValidatingWebhookConfiguration>(),
        generate::<api::admissionregistration::v1alpha1::MutatingAdmissionPolicy>(),
        generate::<api::admissionregistration::v1alpha1::MutatingAdmissionPolicyBinding>(),
        generate::<api::admissionregistration::v1beta1::MutatingAdmissionPolicy>(),
        generate::<api::admissionregistration::v1beta1::MutatingAdmissionPolicyBinding>(),
        generate::<apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition>(
        ),
        generate::<kube_aggregator::pkg::apis::apiregistration::v1::APIService>(),
        generate::<api::apps::v1::ControllerRevision>(),
        generate::<api::apps::v1::DaemonSet>(),
        generate::<api::apps::v1::Deployment>(),
        generate::<api::apps::v1::ReplicaSet>(),
        generate::<api::apps::v1::StatefulSet>(),
        generate::<api::authentication::v1::SelfSubjectReview>(),
        generate::<api::authentication::v1::TokenRequest>(),
        generate::<api::authentication::v1::TokenReview>(),
        generate::<api::authorization::v1::LocalSubjectAccessReview>(),
        generate::<api::authorization::v1::SelfSubjectAccessReview>(),
        generate::<api::authorization::v1::SelfSubjectRulesReview>(),
        generate::<api::authorization::v1::SubjectAccessReview>(),
        generate::<api::autoscaling::v1::HorizontalPodAutoscaler>(),
        generate::<api::autoscaling::v1::Scale>(),
        generate::<api::autoscaling::v2::HorizontalPodAutoscaler>(),
        generate::<api::batch::v1::CronJob>(),
        generate::<api::batch::v1::Job>(),
        generate::<api::certificates::v1::CertificateSigningRequest>(),
        generate::<api::certificates::v1alpha1::ClusterTrustBundle>(),
        generate::<api::certificates::v1beta1::ClusterTrustBundle>(),
        generate::<api::certificates::v1beta1::PodCertificateRequest>(),
        generate::<api::coordination::v1::Lease>(),
        generate::<api::coordination::v1alpha2::LeaseCandidate>(),
        generate::<api::coordination::v1beta1::LeaseCandidate>(),
        generate::<api::discovery::v1::EndpointSlice>(),
        generate::<api::events::v1::Event>(),
        generate::<api::flowcontrol::v1::FlowSchema>(),
        generate::<api::flowcontrol::v1::PriorityLevelConfiguration>(),
        generate::<api::apiserverinternal::v1alpha1::StorageVersion>(),
        generate::<api::networking::v1::IPAddress>(),
        generate::<api::networking::v1::Ingress>(),
        generate::<api::networking::v1::IngressClass>(),
        generate::<api::networking::v1::NetworkPolicy>(),
        generate::<api::networking::v1::ServiceCIDR>(),
        generate::<api::networking::v1beta1::IPAddress>(),
        generate::<api::networking::v1beta1::ServiceCIDR>(),
        generate::<api::node::v1::RuntimeClass>(),
        generate::<api::policy::v1::Eviction>(),
        generate::<api::policy::v1::PodDisruptionBudget>(),
        generate::<api::rbac::v1::ClusterRole>(),
        generate::<api::rbac::v1::ClusterRoleBinding>(),
        generate::<api::rbac::v1::Role>(),
        generate::<api::rbac::v1::RoleBinding>(),
        generate::<api::resource::v1::DeviceClass>(),
        generate::<api::resource::v1::ResourceClaim>(),
        generate::<api::resource::v1::ResourceClaimTemplate>(),
        generate::<api::resource::v1::ResourceSlice>(),
        generate::<api::resource::v1alpha3::DeviceTaintRule>(),
        generate::<api::resource::v1alpha3::ResourcePoolStatusRequest>(),
        generate::<api::resource::v1beta1::DeviceClass>(),
        generate::<api::resource::v1beta1::ResourceClaim>(),
        generate::<api::resource::v1beta1::ResourceClaimTemplate>(),
        generate::<api::resource::v1beta1::ResourceSlice>(),
        generate::<api::resource::v1beta2::DeviceClass>(),
        generate::<api::resource::v1beta2::DeviceTaintRule>(),
        generate::<api::resource::v1beta2::ResourceClaim>(),
        generate::<api::resource::v1beta2::ResourceClaimTemplate>(),
        generate::<api::resource::v1beta2::ResourceSlice>(),
        generate::<api::scheduling::v1::PriorityClass>(),
        generate::<api::scheduling::v1alpha2::PodGroup>(),
        generate::<api::scheduling::v1alpha2::Workload>(),
        generate::<api::storage::v1::CSIDriver>(),
        generate::<api::storage::v1::CSINode>(),
        generate::<api::storage::v1::CSIStorageCapacity>(),
        generate::<api::storage::v1::StorageClass>(),
        generate::<api::storage::v1::VolumeAttachment>(),
        generate::<api::storage::v1::VolumeAttributesClass>(),
        generate::<api::storage::v1beta1::VolumeAttributesClass>(),
        generate::<api::storagemigration::v1beta1::StorageVersionMigration>(),
        own::<ServiceMonitor>(ServiceMonitor::KIND, ServiceMonitor::API_VERSION),
        own::<PodMonitor>(PodMonitor::KIND, PodMonitor::API_VERSION),
        own::<PrometheusRule>(PrometheusRule::KIND, PrometheusRule::API_VERSION),
        own::<ScaledObject>(ScaledObject::KIND, ScaledObject::API_VERSION),
        own::<TriggerAuthentication>(
            TriggerAuthentication::KIND,
            TriggerAuthentication::API_VERSION,
        ),
        cluster_trigger_authentication(),
        rollout(),
    ]
}

/// KEDA's two kinds of authentication differ in their names only.
fn cluster_trigger_authentication() -> Generated {
    let mut schema = own_schema::<TriggerAuthentication>();
    let kind = "ClusterTriggerAuthentication";
    if let Some(property) = schema.pointer_mut("/properties/kind") {
        *property = json!({ "const": kind });
    }
    Generated { kind, api_version: TriggerAuthentication::API_VERSION, text: text(schema) }
}

/// Of an Argo Rollout, what it shares with a Deployment: its own strategies are not known here.
fn rollout() -> Generated {
    let (kind, api_version) = ("Rollout", "argoproj.io/v1alpha1");
    let mut schema = kubernetes_schema::<api::apps::v1::Deployment>(kind);
    if let Some(spec) = schema.pointer_mut("/definitions/io.k8s.api.apps.v1.DeploymentSpec") {
        spec["additionalProperties"] = json!(true);
        // `workloadRef` may stand for both.
        if let Some(spec) = spec.as_object_mut() {
            spec.remove("required");
        }
        if let Some(properties) = spec["properties"].as_object_mut() {
            properties.remove("strategy");
        }
    }
    let definitions = schema.get_mut("definitions").and_then(Value::as_object_mut);
    if let Some(definitions) = definitions {
        for unused in ["DeploymentStrategy", "RollingUpdateDeployment"] {
            definitions.remove(&format!("io.k8s.api.apps.v1.{unused}"));
        }
    }
    identify(&mut schema, kind, api_version);
    Generated { kind, api_version, text: text(schema) }
}

fn generate<K: JsonSchema + Resource>() -> Generated {
    let mut schema = kubernetes_schema::<K>(K::KIND);
    identify(&mut schema, K::KIND, K::API_VERSION);
    Generated { kind: K::KIND, api_version: K::API_VERSION, text: text(schema) }
}

fn kubernetes_schema<K: JsonSchema>(kind: &str) -> Schema {
    let mut settings = SchemaSettings::draft07();
    // First, because draft07's own transforms wrap every `$ref` that has a description beside it.
    settings.transforms.insert(0, Box::new(RecursiveTransform(strict)));
    let mut schema = settings.into_generator().into_root_schema_for::<K>();
    patch(&mut schema, kind);
    schema
}

/// A kind whose type is the project's own, strict by its declaration.
fn own<K: JsonSchema>(kind: &'static str, api_version: &'static str) -> Generated {
    Generated { kind, api_version, text: text(own_schema::<K>()) }
}

fn own_schema<K: JsonSchema>() -> Schema {
    let mut schema: Schema = slogen::kinds::schema::<K>().try_into().unwrap_or_default();
    let mut transform = RecursiveTransform(strict);
    schemars::transform::Transform::transform(&mut transform, &mut schema);
    schema
}

/// Allows only the fields that a type has, and drops what validation does not need.
fn strict(schema: &mut Schema) {
    schema.remove("title");
    schema.remove("description");
    if schema.get("properties").is_some() && schema.get("additionalProperties").is_none() {
        schema.insert("additionalProperties".to_owned(), false.into());
    }
    match schema.get("format").and_then(Value::as_str) {
        Some("int32") => {
            schema.insert("minimum".to_owned(), i32::MIN.into());
            schema.insert("maximum".to_owned(), i32::MAX.into());
        }
        Some("byte") => {
            // As Go's decoder reads it: line ends do not count.
            let pattern = r"^([A-Za-z0-9+/]\s*)*(=\s*){0,2}$";
            schema.insert("pattern".to_owned(), pattern.into());
            schema.insert("title".to_owned(), "text in base64".into());
        }
        Some("date-time") | None => return,
        Some(_) => {}
    }
    schema.remove("format");
}

/// An object must say what it is, and be it.
fn identify(schema: &mut Schema, kind: &str, api_version: &str) {
    if let (Some(name), Some(metadata)) =
        (constraints::of_name(api_version, kind), schema.pointer_mut("/properties/metadata"))
    {
        constraints::lay(metadata, json!({ "properties": { "name": name } }));
    }
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
fn patch(schema: &mut Schema, kind: &str) {
    for (name, property) in
        schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten()
    {
        if let Some(more) = constraints::of_field(kind, name) {
            constraints::lay(property, more);
        }
    }
    let definitions = schema.get_mut("definitions").and_then(Value::as_object_mut);
    for (name, definition) in definitions.into_iter().flatten() {
        let name = name.rsplit('.').next().unwrap_or_default();
        if name == "PodSpec"
            && let Some(policies) = constraints::restart_policies(kind)
        {
            constraints::lay(
                &mut definition["properties"]["restartPolicy"],
                json!({ "enum": policies }),
            );
            // What is unset means `Always`.
            if !policies.contains(&"Always")
                && let Some(required) = definition["required"].as_array_mut()
            {
                required.push("restartPolicy".into());
            }
        }
        let properties = definition.get_mut("properties").and_then(Value::as_object_mut);
        for (field, property) in properties.into_iter().flatten() {
            let restart = name == "PodSpec" && field == "restartPolicy";
            if !(restart && constraints::restart_policies(kind).is_some())
                && let Some(more) = constraints::of_field(name, field)
            {
                constraints::lay(property, more);
            }
        }
        *definition = match Some(name) {
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

fn file_name(kind: &str, api_version: &str) -> String {
    format!("{}-{}.json", api_version.replace('/', "-"), kind.to_lowercase())
}

#[test]
fn committed_schemas_are_up_to_date() -> TestResult {
    for Generated { kind, api_version, text } in generated() {
        let path = folder().join(file_name(kind, api_version));
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
    assert_eq!(openapi::kinds().collect::<Vec<_>>(), kinds);

    let files: BTreeSet<_> = fs::read_dir(folder())?
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_, _>>()?;
    assert_eq!(files, kinds.iter().map(|(kind, version)| file_name(kind, version)).collect());
    Ok(())
}

/// The file of another kind would want another `kind`, and one that does not compile says so.
#[test]
fn each_kind_is_embedded_with_its_own_file() -> TestResult {
    for (kind, api_version) in openapi::kinds() {
        let object = json!({ "apiVersion": api_version, "kind": kind, "metadata": {} });
        for (_, message) in openapi::validate(kind, api_version, &object).ok_or(kind)? {
            assert!(message.starts_with("missing required field"), "{kind}: {message}");
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
