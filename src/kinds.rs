//! Typed kinds that Kubernetes itself does not define.
//!
//! One set of types serves both directions: `generate` serialises them, and the schemas that `lint`
//! checks manifests against are derived from them.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Declares a kind: the envelope of every Kubernetes object around the `spec` given.
macro_rules! kind {
    ($(#[$doc:meta])* $name:ident, $api_version:literal, $spec:ty) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $name {
            /// Group and version of the kind.
            #[schemars(extend("const" = Self::API_VERSION))]
            pub api_version: String,
            /// Name of the kind.
            #[schemars(extend("const" = Self::KIND))]
            pub kind: String,
            /// Name, namespace, labels and annotations.
            // Kubernetes owns this type; its own schema is not part of ours.
            #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
            pub metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
            /// What is wanted.
            pub spec: $spec,
            /// What the operator reports; never written by hand.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub status: Option<serde_json::Map<String, serde_json::Value>>,
        }

        impl $name {
            /// Group and version of the kind.
            pub const API_VERSION: &'static str = $api_version;
            /// Name of the kind.
            pub const KIND: &'static str = stringify!($name);

            /// An object of this kind, without a status.
            pub fn new(
                metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
                spec: $spec,
            ) -> Self {
                Self {
                    api_version: Self::API_VERSION.into(),
                    kind: Self::KIND.into(),
                    metadata,
                    spec,
                    status: None,
                }
            }
        }

        // Not derived, so that a default object still knows its kind.
        impl Default for $name {
            fn default() -> Self {
                Self::new(Default::default(), Default::default())
            }
        }
    };
}

pub mod keda;
pub mod monitoring;

/// A Kubernetes quantity: `1.1`, `500m`, `2Gi`.
const QUANTITY: &str = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$";

/// A whole number or a text, as for a port that is given by number or by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum IntOrString {
    /// A whole number.
    Int(i64),
    /// A text.
    String(String),
}

impl Default for IntOrString {
    fn default() -> Self {
        Self::String(String::new())
    }
}

impl From<i64> for IntOrString {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<String> for IntOrString {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<&str> for IntOrString {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

// Derived, it would be an `anyOf`, which neither takes a `pattern` nor yields readable errors.
impl JsonSchema for IntOrString {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "IntOrString".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "string"] })
    }
}

/// Selects objects by their labels. All conditions must hold; without any, everything is selected.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LabelSelector {
    /// Labels and the values they must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
    /// Conditions other than equality.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<LabelSelectorRequirement>,
}

/// A condition on one label.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LabelSelectorRequirement {
    /// Name of the label.
    pub key: String,
    /// How the label relates to the values.
    #[schemars(extend("enum" = ["In", "NotIn", "Exists", "DoesNotExist"]))]
    pub operator: String,
    /// At least one for `In` and `NotIn`, none for `Exists` and `DoesNotExist`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// The JSON Schema (draft-07) of a kind.
pub fn schema<T: JsonSchema>() -> Value {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    strip_null(&mut schema);
    schema
}

/// Removes `null` from the types a schema allows.
///
/// schemars lets an `Option` be `null`; in a manifest an optional field is left out instead.
pub fn strip_null(schema: &mut Value) {
    match schema {
        Value::Array(schemas) => schemas.iter_mut().for_each(strip_null),
        Value::Object(keywords) => {
            keywords.values_mut().for_each(strip_null);
            if let Some(Value::Array(types)) = keywords.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_mut_slice() {
                    keywords["type"] = only.take();
                }
            }
            if let Some(Value::Array(branches)) = keywords.get_mut("anyOf") {
                branches.retain(|branch| *branch != json!({ "type": "null" }));
                // A lone `$ref` stays wrapped: draft-07 ignores whatever stands beside a `$ref`.
                if branches.len() == 1
                    && let Some(branches) = keywords.remove("anyOf")
                {
                    keywords.insert("allOf".into(), branches);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_stripped_at_every_depth() {
        let mut schema = json!({
            "properties": {
                "type": { "type": ["string", "null"] },
                "port": { "type": ["integer", "string", "null"] },
                "tls": { "anyOf": [{ "$ref": "#/definitions/Tls" }, { "type": "null" }] },
            },
        });
        strip_null(&mut schema);
        let expected = json!({
            "properties": {
                "type": { "type": "string" },
                "port": { "type": ["integer", "string"] },
                "tls": { "allOf": [{ "$ref": "#/definitions/Tls" }] },
            },
        });
        assert_eq!(schema, expected);
    }
}
