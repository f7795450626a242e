//! How Prometheus proves who it is, and whom it trusts.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The proxies that Prometheus can use.
pub(super) const PROXY_URL: &str = "^(http|https|socks5)://.+$";

/// The TLS versions that can be demanded.
const TLS_VERSIONS: [&str; 4] = ["TLS10", "TLS11", "TLS12", "TLS13"];

/// A key of a `Secret` or a `ConfigMap`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeySelector {
    /// Name of the object, in the monitor's own namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The key to read.
    pub key: String,
    /// Whether object and key may be absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
}

/// A value that is kept in a `Secret` or a `ConfigMap`; one of them is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretOrConfigMap {
    /// The `Secret` that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<KeySelector>,
    /// The `ConfigMap` that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map: Option<KeySelector>,
}

/// An `Authorization` header.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Authorization {
    /// Scheme of the header, anything but `Basic`; by default `Bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    /// Secret with the rest of the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<KeySelector>,
}

/// User name and password, sent with each request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BasicAuth {
    /// Secret with the user name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<KeySelector>,
    /// Secret with the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<KeySelector>,
}

/// OAuth 2 with the client credentials grant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OAuth2 {
    /// Where the client's id is kept.
    pub client_id: SecretOrConfigMap,
    /// Where the client's secret is kept.
    pub client_secret: KeySelector,
    /// URL that hands out tokens.
    #[schemars(regex(pattern = "^(http|https)://.+$"))]
    pub token_url: String,
    /// Scopes to ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Parameters to add to the token's URL.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub endpoint_params: BTreeMap<String, String>,
    /// How the connection to the token's URL is secured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_config: Option<SafeTlsConfig>,
    /// URL of the proxy to use.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = PROXY_URL))]
    pub proxy_url: Option<String>,
    /// Hosts that are reached without the proxy, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_proxy: Option<String>,
    /// Whether the proxy is taken from the environment of Prometheus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_from_environment: Option<bool>,
    /// Headers for the proxy's `CONNECT` requests.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub proxy_connect_header: BTreeMap<String, Vec<KeySelector>>,
}

/// Declares TLS settings: those without access to Prometheus' files, after those of its own.
macro_rules! tls_config {
    ($(#[$doc:meta])* $name:ident { $($own:tt)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $name {
            /// Certificate authority that signed the server's certificate.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub ca: Option<SecretOrConfigMap>,
            /// Certificate of the client.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub cert: Option<SecretOrConfigMap>,
            /// Secret with the client's key.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub key_secret: Option<KeySelector>,
            $($own)*
            /// Name that the server's certificate must bear.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub server_name: Option<String>,
            /// Whether the server's certificate goes unchecked.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub insecure_skip_verify: Option<bool>,
            /// Oldest version to accept.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schemars(extend("enum" = TLS_VERSIONS))]
            pub min_version: Option<String>,
            /// Newest version to accept.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schemars(extend("enum" = TLS_VERSIONS))]
            pub max_version: Option<String>,
        }
    };
}

tls_config! {
    /// TLS settings that can only refer to `Secret`s and `ConfigMap`s.
    SafeTlsConfig {}
}

tls_config! {
    /// TLS settings that can also refer to files in the container of Prometheus.
    TlsConfig {
        /// File with the certificate authority.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub ca_file: Option<String>,
        /// File with the client's certificate.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub cert_file: Option<String>,
        /// File with the client's key.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub key_file: Option<String>,
    }
}
