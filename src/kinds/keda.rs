//! KEDA's kinds (`keda.sh/v1alpha1`) that slogen writes or checks.
//!
//! Complete on purpose, as those of the Prometheus Operator: `tests/crds.rs` holds them to KEDA's own definitions.

use indexmap::IndexMap;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscalerBehavior;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

mod authentication;

pub use authentication::{
    AwsCredentials, AwsSecret, AwsSecretManager, AzureCloud, AzureCredentials, AzureKeyVault,
    ConfigMapParameter, EnvParameter, GcpCredentials, GcpSecret, GcpSecretManager, HashiCorpVault,
    OAuth2, PkiData, PodIdentity, SecretKeyRef, SecretParameter, ServiceAccountToken,
    TriggerAuthenticationSpec, ValueFrom, ValueFromSecret, VaultCredential, VaultSecret,
    VersionedSecret,
};

kind! {
    /// Tells KEDA what to scale, between which bounds, and on what.
    ScaledObject, "keda.sh/v1alpha1", ScaledObjectSpec
}

kind! {
    /// Says where triggers find their credentials.
    TriggerAuthentication, "keda.sh/v1alpha1", TriggerAuthenticationSpec
}

/// What is scaled, between which bounds, and on what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScaledObjectSpec {
    /// The workload.
    pub scale_target_ref: ScaleTarget,
    /// Seconds between looks at the triggers while nothing runs; by default 30.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub polling_interval: Option<i32>,
    /// Seconds without work before the last pod goes; by default 300.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub cooldown_period: Option<i32>,
    /// Seconds after creation before the first scaling to zero; by default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub initial_cooldown_period: Option<i32>,
    /// Pods while no trigger is active.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub idle_replica_count: Option<i32>,
    /// Fewest pods; by default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub min_replica_count: Option<i32>,
    /// Most pods; by default 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_replica_count: Option<i32>,
    /// What to do when a metric cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    /// The autoscaler that KEDA makes, and formulas over triggers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advanced: Option<Advanced>,
    /// What the number of pods follows; the one that wants most wins.
    #[schemars(length(min = 1))]
    pub triggers: Vec<Trigger>,
}

/// The workload to scale: anything with the subresource `scale`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScaleTarget {
    /// Group and version; by default `apps/v1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Kind; by default `Deployment`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Name.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Container whose environment triggers may refer to; by default the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env_source_container_name: Option<String>,
}

/// What to do when a metric cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fallback {
    /// Failures in a row that count.
    #[schemars(range(min = 0))]
    pub failure_threshold: i32,
    /// Pods to run then.
    #[schemars(range(min = 0))]
    pub replicas: i32,
    /// How that number is taken; by default `static`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = [
        "static",
        "currentReplicas",
        "currentReplicasIfHigher",
        "currentReplicasIfLower",
        "scalingModifiers",
    ]))]
    pub behavior: Option<String>,
}

/// The autoscaler that KEDA makes, and formulas over triggers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Advanced {
    /// Whether deletion restores the number of pods from before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore_to_original_replica_count: Option<bool>,
    /// The autoscaler that KEDA makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizontal_pod_autoscaler_config: Option<AutoscalerConfig>,
    /// One metric computed from those of all triggers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling_modifiers: Option<ScalingModifiers>,
}

/// The autoscaler that KEDA makes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AutoscalerConfig {
    /// Its name; by default `keda-hpa-<name of the ScaledObject>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How fast it grows and shrinks the fleet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "behavior")]
    pub behavior: Option<HorizontalPodAutoscalerBehavior>,
}

/// The schema of Kubernetes' type, which has its own only where schemas are generated.
fn behavior(_: &mut SchemaGenerator) -> Schema {
    let policy = json_schema!({
        "type": "object",
        "properties": {
            "type": { "type": "string" },
            "value": { "type": "integer" },
            "periodSeconds": { "type": "integer" },
        },
        "required": ["periodSeconds", "type", "value"],
        "additionalProperties": false,
    });
    let rules = json_schema!({
        "type": "object",
        "properties": {
            "stabilizationWindowSeconds": { "type": "integer" },
            "selectPolicy": { "type": "string" },
            "policies": { "type": "array", "items": policy },
            "tolerance": { "type": ["integer", "string"], "pattern": super::QUANTITY },
        },
        "additionalProperties": false,
    });
    json_schema!({
        "type": "object",
        "properties": { "scaleUp": rules, "scaleDown": rules },
        "additionalProperties": false,
    })
}

/// One metric computed from those of all triggers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScalingModifiers {
    /// The computation, over the names of triggers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formula: Option<String>,
    /// What the result is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What the result must exceed for there to be work; by default 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation_target: Option<String>,
    /// How the result is compared; by default `AverageValue`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["AverageValue", "Value"]))]
    pub metric_type: Option<String>,
}

/// Something that the number of pods follows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Trigger {
    /// What is asked: `prometheus`, `kafka`, `cron`, `cpu` …
    #[schemars(length(min = 1))]
    pub r#type: String,
    /// Name, for formulas and metrics of KEDA.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How the metric is compared with its target: `AverageValue`, `Value` or `Utilization`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric_type: Option<String>,
    /// Whether the autoscaler gets what the last look found, rather than a fresh answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_cached_metrics: Option<bool>,
    /// The trigger's own settings.
    pub metadata: IndexMap<String, String>,
    /// Where its credentials are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication_ref: Option<AuthenticationRef>,
}

/// Where a trigger's credentials are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuthenticationRef {
    /// Name of the object.
    pub name: String,
    /// Its kind; by default `TriggerAuthentication`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["TriggerAuthentication", "ClusterTriggerAuthentication"]))]
    pub kind: Option<String>,
}
