//! JSON Schemas that objects are checked against, and the words in which a violation is told.

pub mod document;
pub mod kubernetes;

use std::sync::OnceLock;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError, Validator};
use serde_json::{Map, Value};

use crate::finding::nearest;

/// One place where an object breaks the schema of its kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// JSON pointer to the offending value: to an unknown field itself, and for a missing field to
    /// the object that lacks it.
    pub path: String,
    /// What is wrong there, for people.
    pub message: String,
}

/// An embedded JSON Schema. It is compiled on first use: compiling all of them would take longer
/// than everything else that slogen does at start-up.
struct Schema {
    text: &'static str,
    compiled: OnceLock<Result<Compiled, String>>,
}

/// A schema that is ready for use, with the document it came from, which knows the fields that a
/// validation error does not mention.
struct Compiled {
    document: Value,
    validator: Validator,
}

impl Schema {
    const fn new(text: &'static str) -> Self {
        Self { text, compiled: OnceLock::new() }
    }

    /// All violations in `object`, ordered by path.
    fn violations(&self, object: &Value) -> Vec<Violation> {
        match self.compiled.get_or_init(|| Compiled::new(self.text)) {
            Ok(compiled) => compiled.violations(object),
            Err(error) => vec![Violation {
                path: String::new(),
                message: format!("slogen cannot read its own schema, a bug of slogen: {error}"),
            }],
        }
    }
}

impl Compiled {
    fn new(text: &str) -> Result<Self, String> {
        let document = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let validator = jsonschema::validator_for(&document).map_err(|error| error.to_string())?;
        Ok(Self { document, validator })
    }

    fn violations(&self, object: &Value) -> Vec<Violation> {
        let object = without_nulls(object);
        let mut violations: Vec<_> = self
            .validator
            .iter_errors(&object)
            .flat_map(|error| self.violations_of(&error))
            .collect();
        violations.sort();
        violations
    }

    /// One violation for each unknown field of an object, since each has a place of its own; one
    /// for any other error.
    fn violations_of(&self, error: &ValidationError) -> Vec<Violation> {
        let path = error.instance_path().as_str();
        let ValidationErrorKind::AdditionalProperties { unexpected } = error.kind() else {
            return vec![Violation { path: path.to_owned(), message: self.message(error) }];
        };
        let known = self.node(error).and_then(|node| node.get("properties"));
        unexpected
            .iter()
            .map(|field| Violation {
                path: format!("{path}/{}", field.replace('~', "~0").replace('/', "~1")),
                message: unknown_field(field, known, error.instance()),
            })
            .collect()
    }

    fn message(&self, error: &ValidationError) -> String {
        let found = error.instance();
        match error.kind() {
            ValidationErrorKind::Required { property } => format!("{} is missing", shown(property)),
            ValidationErrorKind::Type { kind } => {
                let expected = self.title(error).unwrap_or_else(|| any_of(kind));
                format!("expected {expected}, found {}", type_of(found))
            }
            ValidationErrorKind::Pattern { pattern } => {
                let expected =
                    self.title(error).unwrap_or_else(|| format!("a match of `{pattern}`"));
                format!("expected {expected}, found {}", shown(found))
            }
            ValidationErrorKind::Format { format } => {
                format!("expected a value of the format {format}, found {}", shown(found))
            }
            ValidationErrorKind::Constant { expected_value } => {
                format!("expected {}, found {}", shown(expected_value), shown(found))
            }
            ValidationErrorKind::Enum { options } => {
                let options: Vec<_> = options.as_array().into_iter().flatten().map(shown).collect();
                format!("expected one of {}, found {}", options.join(", "), shown(found))
            }
            _ => error.to_string(),
        }
    }

    /// What the schema calls the values that it wants at this place, if it has a name for them.
    fn title(&self, error: &ValidationError) -> Option<String> {
        Some(self.node(error)?.get("title")?.as_str()?.to_owned())
    }

    /// The node of the schema that holds the keyword which `error` violates.
    fn node(&self, error: &ValidationError) -> Option<&Value> {
        let (node, _keyword) = error.schema_path().as_str().rsplit_once('/')?;
        self.document.pointer(node)
    }
}

/// `value` without the map entries that are null, which the API server treats as absent. The
/// schemas cannot say this themselves: a branch for null would hide where inside the other branch
/// an error is.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), without_nulls(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        scalar => scalar.clone(),
    }
}

/// A suggestion is not a field that `object` has already.
fn unknown_field(field: &str, known: Option<&Value>, object: &Value) -> String {
    let known = known.and_then(Value::as_object).into_iter().flat_map(Map::keys);
    let near = nearest(field, known.map(String::as_str).filter(|name| object.get(name).is_none()));
    let hint = near.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    format!("`{field}` is not a field of this object{hint}")
}

fn any_of(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => named(*one).to_owned(),
        TypeKind::Multiple(several) => {
            several.into_iter().map(named).collect::<Vec<_>>().join(" or ")
        }
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Number(number) if number.is_f64() => "a decimal number",
        Value::Number(_) => named(JsonType::Integer),
        other => named(JsonType::from(other)),
    }
}

fn named(json_type: JsonType) -> &'static str {
    match json_type {
        JsonType::Null => "null",
        JsonType::Boolean => "a boolean",
        JsonType::Integer => "an integer",
        JsonType::Number => "a number",
        JsonType::String => "a string",
        JsonType::Array => "a list",
        JsonType::Object => "an object",
    }
}

/// A scalar itself; of a list or an object, which may be long, only what it is.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{text}`"),
        Value::Array(_) | Value::Object(_) => type_of(value).to_owned(),
        scalar => format!("`{scalar}`"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn violations(schema: &'static str, object: &Value) -> Vec<Violation> {
        Schema::new(schema).violations(object)
    }

    fn at(path: &str, message: &str) -> Vec<Violation> {
        vec![Violation { path: path.to_owned(), message: message.to_owned() }]
    }

    #[test]
    fn enum_values_are_listed() {
        assert_eq!(
            violations(
                r#"{"properties":{"on":{"enum":["always","never",1]}}}"#,
                &json!({"on": "now"})
            ),
            at("/on", "expected one of `always`, `never`, `1`, found `now`")
        );
    }

    #[test]
    fn format_is_named() {
        let schema =
            r#"{"$schema":"http://json-schema.org/draft-07/schema#","format":"date-time"}"#;
        assert_eq!(
            violations(schema, &json!("today")),
            at("", "expected a value of the format date-time, found `today`")
        );
    }

    #[test]
    fn pattern_without_a_title_is_shown() {
        assert_eq!(
            violations(r#"{"pattern":"^[a-z]+$"}"#, &json!("A")),
            at("", "expected a match of `^[a-z]+$`, found `A`")
        );
    }

    #[test]
    fn broken_schema_is_a_bug_of_slogen() {
        for broken in ["{", r#"{"type":"objekt"}"#] {
            let violations = violations(broken, &json!({}));
            assert_eq!(violations.len(), 1);
            assert!(violations.iter().all(|it| it.message.contains("a bug of slogen")));
        }
    }
}
