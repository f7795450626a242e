//! The Prometheus Operator's kinds (`monitoring.coreos.com/v1`) that slogen writes or checks.
//!
//! Complete on purpose: a field missing here would be reported as unknown in a valid manifest.
//! `tests/crds.rs` holds them to the operator's own definitions.
//!
//! What both monitors have in common is declared by a macro, because `#[serde(flatten)]` cannot be
//! combined with `deny_unknown_fields`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{IntOrString, LabelSelector, QUANTITY};

mod auth;
mod endpoint;
mod rule;

pub use auth::{
    Authorization, BasicAuth, KeySelector, OAuth2, SafeTlsConfig, SecretOrConfigMap, TlsConfig,
};
pub use endpoint::{Endpoint, PodMetricsEndpoint, RelabelConfig};
pub use rule::{PrometheusRuleSpec, Rule, RuleGroup};

kind! {
    /// Tells Prometheus to scrape the pods behind Services.
    ServiceMonitor, "monitoring.coreos.com/v1", ServiceMonitorSpec
}

kind! {
    /// Tells Prometheus to scrape pods, without a Service in between.
    PodMonitor, "monitoring.coreos.com/v1", PodMonitorSpec
}

kind! {
    /// Alerting and recording rules for Prometheus or Thanos Ruler.
    PrometheusRule, "monitoring.coreos.com/v1", PrometheusRuleSpec
}

/// A duration as Prometheus writes it: `30s`, `1h30m`, `1w2d`.
const DURATION: &str =
    "^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$";

/// A size in bytes with its unit: `512KB`, `1.5MiB`.
const BYTES: &str = r"(^0|([0-9]*[.])?[0-9]+((K|M|G|T|E|P)i?)?B)$";

/// The exposition formats that Prometheus can ask for.
const PROTOCOLS: [&str; 5] = [
    "PrometheusProto",
    "OpenMetricsText0.0.1",
    "OpenMetricsText1.0.0",
    "PrometheusText0.0.4",
    "PrometheusText1.0.0",
];

/// Declares the spec of a monitor: the fields of both, around those of its own.
macro_rules! monitor_spec {
    ($(#[$doc:meta])* $name:ident { $($own:tt)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $name {
            /// Labels of the objects to scrape.
            pub selector: LabelSelector,
            /// Where to look for them; by default in the monitor's own namespace.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub namespace_selector: Option<NamespaceSelector>,
            /// Whether Prometheus filters what it discovered, or the API server does.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schemars(extend("enum" = ["RelabelConfig", "RoleSelector"]))]
            pub selector_mechanism: Option<String>,
            $($own)*
            /// Labels of the pod that every series receives.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub pod_target_labels: Vec<String>,
            /// Label whose value becomes the `job`; by default that is the name of the Service, or
            /// `<namespace>/<name>` of the `PodMonitor`.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub job_label: Option<String>,
            /// Further metadata to fetch for each target.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub attach_metadata: Option<AttachMetadata>,
            /// Settings shared across monitors, by the name they have in the Prometheus object.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schemars(length(min = 1))]
            pub scrape_class: Option<String>,
            /// Formats to ask for, the preferred one first.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            #[schemars(extend(
                "items" = serde_json::json!({ "type": "string", "enum": PROTOCOLS }),
                "uniqueItems" = true,
            ))]
            pub scrape_protocols: Vec<String>,
            /// Format to assume when a target does not name a known one.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schemars(extend("enum" = PROTOCOLS))]
            pub fallback_scrape_protocol: Option<String>,
            /// Whether to ingest native histograms.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub scrape_native_histograms: Option<bool>,
            /// Whether to ingest the classic form of a native histogram too.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub scrape_classic_histograms: Option<bool>,
            /// Whether to turn classic histograms into native ones with custom buckets.
            #[serde(rename = "convertClassicHistogramsToNHCB")]
            #[serde(skip_serializing_if = "Option::is_none")]
            pub convert_classic_histograms_to_nhcb: Option<bool>,
            /// Buckets of a native histogram, beyond which neighbours are merged.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub native_histogram_bucket_limit: Option<u64>,
            /// Least growth from one bucket to the next, below which neighbours are merged.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schemars(regex(pattern = QUANTITY))]
            pub native_histogram_min_bucket_factor: Option<IntOrString>,
            /// Most targets; above it, every scrape fails.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub target_limit: Option<u64>,
            /// Most samples in a scrape; above it, the scrape fails.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub sample_limit: Option<u64>,
            /// Largest response, uncompressed; above it, the scrape fails.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schemars(regex(pattern = BYTES))]
            pub body_size_limit: Option<String>,
            /// Most labels on a sample; above it, the scrape fails.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub label_limit: Option<u64>,
            /// Longest name of a label; above it, the scrape fails.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub label_name_length_limit: Option<u64>,
            /// Longest value of a label; above it, the scrape fails.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub label_value_length_limit: Option<u64>,
            /// How many of the targets dropped by relabeling Prometheus remembers.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub keep_dropped_targets: Option<u64>,
        }
    };
}

monitor_spec! {
    /// Which Services to scrape, and how.
    ServiceMonitorSpec {
        /// The kind of object through which pods are found.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(extend("enum" = ["Endpoints", "EndpointSlice"]))]
        pub service_discovery_role: Option<String>,
        /// What to scrape on each of them.
        pub endpoints: Vec<Endpoint>,
        /// Labels of the Service that every series receives.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub target_labels: Vec<String>,
    }
}

monitor_spec! {
    /// Which pods to scrape, and how.
    PodMonitorSpec {
        /// What to scrape on each of them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub pod_metrics_endpoints: Vec<PodMetricsEndpoint>,
    }
}

/// The namespaces in which a monitor looks for its objects.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamespaceSelector {
    /// Whether to look in all of them; then `matchNames` is ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub any: Option<bool>,
    /// The namespaces by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub match_names: Vec<String>,
}

/// Metadata that targets receive besides their own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttachMetadata {
    /// Whether to add that of the node, which Prometheus must be allowed to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<bool>,
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_written_in_reading_order_and_without_empty_fields() {
        let endpoint = Endpoint {
            interval: Some("30s".into()),
            port: Some("http".into()),
            ..Endpoint::default()
        };
        let spec =
            ServiceMonitorSpec { endpoints: vec![endpoint], ..ServiceMonitorSpec::default() };
        let expected = concat!(
            r#"{"apiVersion":"monitoring.coreos.com/v1","kind":"ServiceMonitor","metadata":{},"#,
            r#""spec":{"selector":{},"endpoints":[{"port":"http","interval":"30s"}]}}"#,
        );
        let object = ServiceMonitor::new(ObjectMeta::default(), spec);
        assert_eq!(json!(object).to_string(), expected);
    }

    #[test]
    fn unknown_fields_are_refused() {
        let misspelt = json!({ "selector": {}, "endpoints": [{ "intervall": "30s" }] });
        let parsed = serde_json::from_value::<ServiceMonitorSpec>(misspelt);
        let error = parsed.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.starts_with("unknown field `intervall`"), "{error}");
    }
}
