//! Values of environment variables: texts, or tables that name a source.

use crate::spec::decode::{Decoder, Field, Sourced, table};
use crate::spec::leaf::Subdomain;
use crate::tree::{Node, Value};

/// The value of an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvValue {
    /// As it is.
    Literal(String),
    /// Key of a Secret.
    Secret {
        /// Name of the object.
        name: String,
        /// The key.
        key: String,
    },
    /// Key of a ConfigMap.
    ConfigMap {
        /// Name of the object.
        name: String,
        /// The key.
        key: String,
    },
    /// Field of the pod, such as `metadata.name`.
    Field(String),
}

table! {
    /// Source of a variable: `secret` or `config_map` with `key`, or `field`.
    EnvRef {
        /// Name of a Secret.
        opt secret: Subdomain;
        /// Name of a ConfigMap.
        opt config_map: Subdomain;
        /// Key of the Secret or ConfigMap.
        opt key: String;
        /// Field of the pod, such as `metadata.name`.
        opt field: String;
    }
}

impl Field for EnvValue {
    fn decode(node: &Node, cx: &mut Decoder) -> Option<Self> {
        match &node.value {
            Value::String(_) => String::decode(node, cx).map(Self::Literal),
            Value::Table(_) => {
                let reference = EnvRef::decode(node, cx)?;
                let name = |source: Sourced<Subdomain>| source.0.clone();
                let key = reference.key.map(|key| (*key).clone());
                match (reference.secret, reference.config_map, key, reference.field) {
                    (Some(secret), None, Some(key), None) => {
                        Some(Self::Secret { name: name(secret), key })
                    }
                    (None, Some(map), Some(key), None) => {
                        Some(Self::ConfigMap { name: name(map), key })
                    }
                    (None, None, None, Some(field)) => Some(Self::Field((*field).clone())),
                    _ => {
                        cx.bad_value(
                            node.span,
                            "this variable has no single source",
                            "write a string, `{ secret = \"name\", key = \"k\" }`, `{ config_map = \"name\", key = \"k\" }` or `{ field = \"metadata.name\" }`",
                        );
                        None
                    }
                }
            }
            _ => {
                let shown = node.to_json();
                cx.wrong_type(
                    node,
                    "a string or a source",
                    format!("variables are strings: write `\"{shown}\"`"),
                );
                None
            }
        }
    }
}

impl schemars::JsonSchema for EnvValue {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EnvValue".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let reference = generator.subschema_for::<EnvRef>();
        schemars::json_schema!({ "anyOf": [{ "type": "string" }, reference] })
    }

    fn inline_schema() -> bool {
        true
    }
}
