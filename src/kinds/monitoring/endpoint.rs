//! What a monitor scrapes, and how.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::auth::PROXY_URL;
use super::{Authorization, BasicAuth, DURATION, KeySelector, OAuth2, SafeTlsConfig, TlsConfig};
use crate::kinds::IntOrString;

/// Declares an endpoint: the fields of both monitors, and at their place those of one.
macro_rules! endpoint {
    (
        $(#[$doc:meta])*
        $name:ident,
        port: { $($port:tt)* },
        tls: $tls:ty,
        token: { $($token:tt)* },
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $name {
            /// Name of the port: of the Service for a `ServiceMonitor`, else of the container.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub port: Option<String>,
            $($port)*
            /// Name or number of the container's port; `port` takes precedence. Deprecated for a
            /// `PodMonitor`.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub target_port: Option<IntOrString>,
            /// HTTP path; by default `/metrics`.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub path: Option<String>,
            /// Protocol; by default `http`.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schemars(extend("enum" = ["http", "https", "HTTP", "HTTPS"]))]
            pub scheme: Option<String>,
            /// Parameters of the URL.
            #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
            pub params: BTreeMap<String, Vec<String>>,
            /// Time between two scrapes; by default Prometheus' own.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schemars(regex(pattern = DURATION))]
            pub interval: Option<String>,
            /// Time after which a scrape has failed; the interval is its upper bound.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schemars(regex(pattern = DURATION))]
            pub scrape_timeout: Option<String>,
            /// Whether a metric's label wins over the target's label of the same name.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub honor_labels: Option<bool>,
            /// Whether the target's timestamps are kept.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub honor_timestamps: Option<bool>,
            /// Whether series that bring their own timestamps go stale too.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub track_timestamps_staleness: Option<bool>,
            /// Whether pods that failed or succeeded are left out, which is the default.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub filter_running: Option<bool>,
            /// Whether HTTP redirects are followed.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub follow_redirects: Option<bool>,
            /// Whether HTTP/2 may be used.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub enable_http2: Option<bool>,
            /// How the connection is secured.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub tls_config: Option<$tls>,
            /// Credentials for the `Authorization` header; excludes the other ways to log in.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub authorization: Option<Authorization>,
            /// User name and password; excludes the other ways to log in.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub basic_auth: Option<BasicAuth>,
            /// OAuth 2 client credentials; excludes the other ways to log in.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub oauth2: Option<OAuth2>,
            /// Secret with a bearer token. Deprecated in favour of `authorization`.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub bearer_token_secret: Option<KeySelector>,
            $($token)*
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
            /// Changes to the target's labels, before it is scraped.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub relabelings: Vec<RelabelConfig>,
            /// Changes to each sample's labels, before it is stored.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub metric_relabelings: Vec<RelabelConfig>,
        }
    };
}

endpoint! {
    /// What to scrape on the pods behind a Service.
    Endpoint,
    port: {},
    tls: TlsConfig,
    token: {
        /// File with a bearer token. Deprecated in favour of `authorization`.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub bearer_token_file: Option<String>,
    },
}

endpoint! {
    /// What to scrape on a pod.
    PodMetricsEndpoint,
    port: {
        /// Number of the container's port, which the pod must declare.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        pub port_number: Option<u16>,
    },
    tls: SafeTlsConfig,
    token: {},
}

/// One step of relabeling. Steps are applied in their order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RelabelConfig {
    /// What to do; by default `replace`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = [
        "replace", "Replace", "keep", "Keep", "drop", "Drop", "hashmod", "HashMod",
        "labelmap", "LabelMap", "labeldrop", "LabelDrop", "labelkeep", "LabelKeep",
        "lowercase", "Lowercase", "uppercase", "Uppercase",
        "keepequal", "KeepEqual", "dropequal", "DropEqual",
    ]))]
    pub action: Option<String>,
    /// Labels whose values, joined, are matched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_labels: Vec<String>,
    /// What joins them; by default `;`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// What the joined values must match in full; by default anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// Divisor of `hashmod`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modulus: Option<u64>,
    /// Label that receives the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_label: Option<String>,
    /// Value to write, with `$1` for the first group of the match; by default `$1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replacement: Option<String>,
}
