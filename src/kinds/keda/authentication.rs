//! What a `TriggerAuthentication` holds: where the value of each parameter of a trigger is kept.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where triggers find their credentials; a parameter is called what the trigger's documentation calls it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TriggerAuthenticationSpec {
    /// An identity of the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_identity: Option<PodIdentity>,
    /// Keys of `Secret`s.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secret_target_ref: Vec<SecretParameter>,
    /// Keys of `ConfigMap`s.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub config_map_target_ref: Vec<ConfigMapParameter>,
    /// Environment variables of the workload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvParameter>,
    /// A file in KEDA's own pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_path: Option<String>,
    /// Secrets in `HashiCorp` Vault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hashi_corp_vault: Option<HashiCorpVault>,
    /// Secrets in Azure Key Vault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure_key_vault: Option<AzureKeyVault>,
    /// Secrets in Google's Secret Manager.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gcp_secret_manager: Option<GcpSecretManager>,
    /// Secrets in AWS Secrets Manager.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_secret_manager: Option<AwsSecretManager>,
    /// Tokens of `ServiceAccount`s.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bound_service_account_token: Vec<ServiceAccountToken>,
    /// OAuth 2 with the client credentials grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oauth2: Option<OAuth2>,
}

/// A parameter from a key of a `Secret` in the object's own namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretParameter {
    /// The parameter.
    pub parameter: String,
    /// Name of the `Secret`.
    pub name: String,
    /// The key.
    pub key: String,
}

/// A parameter from a key of a `ConfigMap` in the object's own namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfigMapParameter {
    /// The parameter.
    pub parameter: String,
    /// Name of the `ConfigMap`.
    pub name: String,
    /// The key.
    pub key: String,
}

/// A parameter from an environment variable of the workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnvParameter {
    /// The parameter.
    pub parameter: String,
    /// Name of the variable.
    pub name: String,
    /// The container; by default the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_name: Option<String>,
}

/// A parameter from a token of a `ServiceAccount`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceAccountToken {
    /// The parameter.
    pub parameter: String,
    /// Name of the `ServiceAccount`.
    pub service_account_name: String,
}

/// An identity of the platform.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodIdentity {
    /// Whose identity it is.
    #[schemars(extend("enum" = ["azure-workload", "gcp", "aws", "aws-eks", "none"]))]
    pub provider: String,
    /// Id of an Azure identity other than the operator's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_id: Option<String>,
    /// Tenant of that identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_tenant_id: Option<String>,
    /// Authority of that identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_authority_host: Option<String>,
    /// Role to assume on AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// External id to assume it with.
    #[serde(rename = "externalID", skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Whether the role is KEDA's or the workload's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["keda", "workload"]))]
    pub identity_owner: Option<String>,
}

/// A key of a `Secret`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretKeyRef {
    /// Name of the `Secret`.
    pub name: String,
    /// The key.
    pub key: String,
}

/// Where a value is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValueFrom {
    /// The `Secret` that holds it.
    pub secret_key_ref: SecretKeyRef,
}

/// A value that is kept elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValueFromSecret {
    /// Where it is kept.
    pub value_from: ValueFrom,
}

/// A secret of Azure Key Vault.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VersionedSecret {
    /// The parameter that it becomes.
    pub parameter: String,
    /// Name of the secret.
    pub name: String,
    /// Its version; by default the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Secrets in Azure Key Vault.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AzureKeyVault {
    /// Address of the vault.
    pub vault_uri: String,
    /// The secrets to read.
    #[schemars(length(min = 1))]
    pub secrets: Vec<VersionedSecret>,
    /// An application that may read them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<AzureCredentials>,
    /// The cloud; by default the public one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud: Option<AzureCloud>,
    /// An identity that may read them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_identity: Option<PodIdentity>,
}

/// An application registered with Azure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AzureCredentials {
    /// Tenant of the application.
    pub tenant_id: String,
    /// Its id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: ValueFromSecret,
}

/// One of Azure's clouds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AzureCloud {
    /// Name of the cloud, or `Private`.
    pub r#type: String,
    /// Resource of key vaults in a private one.
    #[serde(rename = "keyVaultResourceURL", skip_serializing_if = "Option::is_none")]
    pub key_vault_resource_url: Option<String>,
    /// Endpoint that signs in to a private one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_directory_endpoint: Option<String>,
}

/// Secrets in Google's Secret Manager.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GcpSecretManager {
    /// The secrets to read.
    #[schemars(length(min = 1))]
    pub secrets: Vec<GcpSecret>,
    /// A service account that may read them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<GcpCredentials>,
    /// An identity that may read them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_identity: Option<PodIdentity>,
}

/// A secret of Google's Secret Manager.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GcpSecret {
    /// The parameter that it becomes.
    pub parameter: String,
    /// Id of the secret.
    pub id: String,
    /// Its version; by default the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// A key of a Google service account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GcpCredentials {
    /// The key.
    pub client_secret: ValueFromSecret,
}

/// Secrets in AWS Secrets Manager.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AwsSecretManager {
    /// The secrets to read.
    #[schemars(length(min = 1))]
    pub secrets: Vec<AwsSecret>,
    /// A user who may read them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<AwsCredentials>,
    /// An identity that may read them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_identity: Option<PodIdentity>,
    /// Region of the secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// A secret of AWS Secrets Manager.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AwsSecret {
    /// The parameter that it becomes.
    pub parameter: String,
    /// Name of the secret.
    pub name: String,
    /// Key within a secret that is a JSON object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key: Option<String>,
    /// Its version by id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// Its version by stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_stage: Option<String>,
}

/// Keys of an AWS user.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AwsCredentials {
    /// The access key.
    pub access_key: ValueFromSecret,
    /// Its secret.
    pub access_secret_key: ValueFromSecret,
    /// A session's token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<ValueFromSecret>,
}

/// Secrets in `HashiCorp` Vault.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HashiCorpVault {
    /// Address of the vault.
    pub address: String,
    /// How KEDA signs in.
    #[schemars(extend("enum" = ["token", "kubernetes"]))]
    pub authentication: String,
    /// Namespace within the vault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Role to sign in with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Where the authentication method is mounted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount: Option<String>,
    /// What KEDA signs in with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<VaultCredential>,
    /// The secrets to read.
    #[schemars(length(min = 1))]
    pub secrets: Vec<VaultSecret>,
}

/// What KEDA signs in to a vault with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VaultCredential {
    /// A token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// File with the token of KEDA's `ServiceAccount`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account: Option<String>,
    /// Name of another `ServiceAccount`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
}

/// A secret of `HashiCorp` Vault.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VaultSecret {
    /// The parameter that it becomes.
    pub parameter: String,
    /// Path of the secret.
    pub path: String,
    /// Key within it.
    pub key: String,
    /// Engine that keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["", "secretV2", "secret", "pki"]))]
    pub r#type: Option<String>,
    /// What a certificate is asked for with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pki_data: Option<PkiData>,
}

/// What a certificate is asked for with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PkiData {
    /// Name of the subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub common_name: Option<String>,
    /// Other names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alt_names: Option<String>,
    /// Addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_sans: Option<String>,
    /// URIs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri_sans: Option<String>,
    /// Anything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_sans: Option<String>,
    /// How long it is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,
    /// Its format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

/// OAuth 2 with the client credentials grant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OAuth2 {
    /// The grant.
    #[schemars(extend("enum" = ["clientCredentials"]))]
    pub r#type: String,
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<ValueFromSecret>,
    /// URL that hands out tokens.
    pub token_url: String,
    /// Scopes to ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Parameters to add to the URL.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub token_url_params: BTreeMap<String, String>,
}
