//! What is wrong with a value, in the words of Kubernetes rather than those of JSON Schema.

use std::fmt;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::paths::LocationSegment;
use jsonschema::types::JsonTypeSet;
use jsonschema::{JsonType, ValidationError};
use serde_json::{Map, Value};

use crate::finding::{Step, nearest};
use crate::yaml::{Path, Place, Scalar};

/// One place where an object breaks the schema of its kind.
#[derive(Clone, Debug)]
pub struct Violation<'a> {
    /// The value that is wrong, which may be one that is not known there; for a missing field, the object that
    /// lacks it.
    pub place: Place<'a>,
    /// The way to it from the root, for a missing field to where it would be.
    pub path: Path,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The object has no such field.
    UnknownField {
        /// A field that may have been meant: the only one that is alike, and not there yet.
        meant: Option<String>,
    },
    /// Another type is wanted.
    WrongType {
        /// In words, such as `an integer or a string`.
        wanted: String,
        /// A string is wanted, or would do.
        string: bool,
        /// An integer is wanted, or would do.
        integer: bool,
        /// What is there, such as `a string`.
        found: &'static str,
    },
    /// A required field is not there.
    MissingField,
    /// The type is right, and the value is none of those that are taken.
    ForbiddenValue {
        /// What is taken, in words.
        wanted: String,
    },
    /// As before, for the name of the field.
    ForbiddenKey {
        /// What is taken, in words.
        wanted: String,
    },
}

impl Violation<'_> {
    /// The way to the value as JSON pointer; for a missing field to the object that lacks it.
    pub fn pointer(&self) -> String {
        let steps = match self.problem {
            Problem::MissingField => self.path.0.split_last().map_or(&[][..], |(_, above)| above),
            _ => &self.path.0,
        };
        let step = |step: &Step| match step {
            Step::Key(key) => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Step::Index(index) => format!("/{index}"),
        };
        steps.iter().map(step).collect()
    }
}

impl fmt::Display for Violation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match &self.problem {
            Problem::UnknownField { meant: None } => write!(f, "unknown field `{path}`"),
            Problem::UnknownField { meant: Some(name) } => {
                write!(f, "unknown field `{path}`; did you mean `{name}`?")
            }
            Problem::MissingField => write!(f, "missing required field `{path}`"),
            Problem::WrongType { wanted, found, .. } => {
                write!(f, "`{path}` is {found}, {wanted} is wanted")
            }
            Problem::ForbiddenValue { wanted } if self.place.is_scalar() => {
                let text = self.place.text().unwrap_or("");
                write!(f, "`{path}` is `{text}`, {wanted} is wanted")
            }
            Problem::ForbiddenValue { wanted } => write!(f, "`{path}`: {wanted} is wanted"),
            Problem::ForbiddenKey { wanted } => {
                write!(f, "the name of `{path}` is not allowed, {wanted} is wanted")
            }
        }
    }
}

/// What `error` says of a value in `object`: of unknown fields one violation each. `document` is the schema.
pub(super) fn of<'a>(
    error: &ValidationError<'_>,
    object: Place<'a>,
    document: &Value,
) -> Vec<Violation<'a>> {
    let (place, path) = locate(error, object);
    let schema = node(error, document);
    let at = |place: Place<'a>, step: Option<&str>, problem| {
        let mut path = path.clone();
        path.extend(step.map(|name| Step::Key(name.to_owned())));
        Violation { place, path: Path(path), problem }
    };
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known = schema.and_then(|schema| schema.get("properties"));
            let field = |name: &String| {
                let value = place.fields().find(|(own, _)| own == name).map(|(_, value)| value)?;
                let meant = meant(name, known, place);
                Some(at(value, Some(name), Problem::UnknownField { meant }))
            };
            unexpected.iter().filter_map(field).collect()
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            vec![at(place, Some(name), Problem::MissingField)]
        }
        ValidationErrorKind::PropertyNames { error: inner } => {
            let named = inner.instance();
            let name = named.as_str().unwrap_or_default();
            let value =
                place.fields().find(|(own, _)| *own == name).map_or(place, |(_, value)| value);
            let wanted = wanted(inner, node(inner, document));
            vec![at(value, Some(name), Problem::ForbiddenKey { wanted })]
        }
        ValidationErrorKind::Type { kind } => {
            let title = schema.and_then(|schema| schema.get("title")).and_then(Value::as_str);
            let takes = |wanted: JsonType| types(kind).contains(wanted);
            let problem = Problem::WrongType {
                wanted: title.map_or_else(|| any_of(kind), str::to_owned),
                string: takes(JsonType::String),
                integer: takes(JsonType::Integer) || takes(JsonType::Number),
                found: type_of(place),
            };
            vec![at(place, None, problem)]
        }
        _ => vec![at(place, None, Problem::ForbiddenValue { wanted: wanted(error, schema) })],
    }
}

/// The value that `error` is about, and the way to it.
fn locate<'a>(error: &ValidationError<'_>, object: Place<'a>) -> (Place<'a>, Vec<Step>) {
    let mut place = object;
    let mut path = Vec::new();
    for segment in error.instance_path().segments() {
        let (next, step) = match segment {
            LocationSegment::Index(index) if place.is_sequence() => {
                (place.items().nth(index), Step::Index(index))
            }
            // The name of a field may be a number.
            name => (place.get(&name.to_string()), Step::Key(name.to_string())),
        };
        place = next.unwrap_or(place);
        path.push(step);
    }
    (place, path)
}

/// The node of the schema that holds the keyword which `error` violates.
fn node<'s>(error: &ValidationError<'_>, document: &'s Value) -> Option<&'s Value> {
    let (node, _keyword) = error.schema_path().as_str().rsplit_once('/')?;
    document.pointer(node)
}

/// The only known field that is like `name` and not there yet.
fn meant(name: &str, known: Option<&Value>, object: Place<'_>) -> Option<String> {
    let known = known.and_then(Value::as_object).into_iter().flat_map(Map::keys);
    let free: Vec<_> =
        known.map(String::as_str).filter(|known| object.entry(known).is_none()).collect();
    let same = free.iter().find(|known| known.eq_ignore_ascii_case(name));
    same.copied().or_else(|| nearest(name, free.into_iter())).map(str::to_owned)
}

/// What would be taken in the place of a value of the right type.
fn wanted(error: &ValidationError<'_>, schema: Option<&Value>) -> String {
    if let Some(title) = schema.and_then(|schema| schema.get("title")).and_then(Value::as_str) {
        return title.to_owned();
    }
    let at_least = |limit: &dyn fmt::Display, what: &str| format!("at least {limit}{what}");
    let at_most = |limit: &dyn fmt::Display, what: &str| format!("at most {limit}{what}");
    match error.kind() {
        ValidationErrorKind::Pattern { pattern } => format!("a match of `{pattern}`"),
        ValidationErrorKind::Format { format } => format!("a {format}"),
        ValidationErrorKind::Constant { expected_value } => shown(expected_value),
        ValidationErrorKind::Enum { options } => {
            let options: Vec<_> = options.as_array().into_iter().flatten().map(shown).collect();
            match options.as_slice() {
                [one] => one.clone(),
                [first, second] => format!("{first} or {second}"),
                _ => format!("one of {}", options.join(", ")),
            }
        }
        ValidationErrorKind::Minimum { limit } => at_least(limit, ""),
        ValidationErrorKind::Maximum { limit } => at_most(limit, ""),
        ValidationErrorKind::ExclusiveMinimum { limit } => format!("more than {limit}"),
        ValidationErrorKind::ExclusiveMaximum { limit } => format!("less than {limit}"),
        ValidationErrorKind::MinLength { limit } => at_least(limit, " characters"),
        ValidationErrorKind::MaxLength { limit } => at_most(limit, " characters"),
        ValidationErrorKind::MinItems { limit: 1 } => "at least one item".to_owned(),
        ValidationErrorKind::MinItems { limit } => at_least(limit, " items"),
        ValidationErrorKind::MaxItems { limit } => at_most(limit, " items"),
        ValidationErrorKind::MinProperties { limit } => at_least(limit, " entries"),
        ValidationErrorKind::MaxProperties { limit } => at_most(limit, " entries"),
        ValidationErrorKind::MultipleOf { multiple_of } => format!("a multiple of {multiple_of}"),
        ValidationErrorKind::UniqueItems => "a list without repetitions".to_owned(),
        ValidationErrorKind::AnyOf { .. } | ValidationErrorKind::OneOfNotValid { .. } => {
            "one of the forms that its CRD allows".to_owned()
        }
        ValidationErrorKind::OneOfMultipleValid { .. } => {
            "only one of the forms that its CRD allows".to_owned()
        }
        ValidationErrorKind::Not { .. } | ValidationErrorKind::FalseSchema => {
            "something that its CRD allows".to_owned()
        }
        _ => error.to_string(),
    }
}

fn types(kind: &TypeKind) -> JsonTypeSet {
    match kind {
        TypeKind::Single(one) => JsonTypeSet::empty().insert(*one),
        TypeKind::Multiple(several) => *several,
    }
}

fn any_of(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => named(*one).to_owned(),
        TypeKind::Multiple(several) => {
            several.into_iter().map(named).collect::<Vec<_>>().join(" or ")
        }
    }
}

fn type_of(place: Place<'_>) -> &'static str {
    match place.scalar() {
        Some(Scalar::Null) => named(JsonType::Null),
        Some(Scalar::Bool(_)) => named(JsonType::Boolean),
        Some(Scalar::Int(_)) => named(JsonType::Integer),
        Some(Scalar::Float(_)) => "a decimal number",
        Some(Scalar::Str(_)) => named(JsonType::String),
        None if place.is_sequence() => named(JsonType::Array),
        None => named(JsonType::Object),
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
        Value::Array(_) => named(JsonType::Array).to_owned(),
        Value::Object(_) => named(JsonType::Object).to_owned(),
        scalar => format!("`{scalar}`"),
    }
}
