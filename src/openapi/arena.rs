//! A parsed manifest as `jsonschema` reads it: nothing is converted, and every value knows its place.

use std::borrow::Cow;
use std::ops::ControlFlow;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, JsonNumber, Node, NodeIdentity, Object};
use serde_json::{Map, Number, Value};

use crate::yaml::{Place, Scalar};

/// Manifests as a representation of JSON.
pub(super) struct Arena;

/// A value of a manifest, or the name of a field.
#[derive(Clone)]
pub(super) enum ArenaNode<'a> {
    Value(Place<'a>),
    Name(&'a str),
}

impl Json for Arena {
    type Node<'a> = ArenaNode<'a>;
    type PreparedKey = Box<str>;
    type StringBuffer = ();

    // A mapping is searched from its start, so that one pass over its few keys is what looking up two of them costs.
    const KEYS_PER_LOOKUP: usize = 2;
    // An alias stands behind what it means.
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> Box<str> {
        key.into()
    }

    fn with_string_node<T>((): &mut (), string: &str, f: impl FnOnce(ArenaNode<'_>) -> T) -> T {
        f(ArenaNode::Name(string))
    }
}

impl<'a> ArenaNode<'a> {
    fn place(&self) -> Option<Place<'a>> {
        match self {
            Self::Value(place) => Some(*place),
            Self::Name(_) => None,
        }
    }

    fn scalar(&self) -> Option<Scalar<'a>> {
        match self {
            Self::Value(place) => place.scalar(),
            Self::Name(name) => Some(Scalar::Str(name)),
        }
    }
}

/// An integer, or any other number.
pub(super) enum ArenaNumber {
    Int(i64),
    Float(f64),
}

impl JsonNumber for ArenaNumber {
    fn as_u64(&self) -> Option<u64> {
        self.as_i64().and_then(|value| u64::try_from(value).ok())
    }

    fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            Self::Float(_) => None,
        }
    }

    fn as_f64(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "as every reader of JSON does")]
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
        }
    }

    fn as_str(&self) -> Cow<'_, str> {
        Cow::Owned(self.to_number().to_string())
    }

    fn to_number(&self) -> Cow<'_, Number> {
        // JSON has no number for what is none.
        let nothing = || Number::from(0);
        Cow::Owned(match self {
            Self::Int(value) => Number::from(*value),
            Self::Float(value) => Number::from_f64(*value).unwrap_or_else(nothing),
        })
    }

    fn is_integer(&self) -> bool {
        match self {
            Self::Int(_) => true,
            Self::Float(value) => value.fract() == 0.0,
        }
    }

    fn is_written_as_integer(&self) -> bool {
        matches!(self, Self::Int(_))
    }
}

impl<'a> Node<'a, Arena> for ArenaNode<'a> {
    type Object = Fields<'a>;
    type Array = Items<'a>;
    type Number = ArenaNumber;

    fn as_object(&self) -> Option<Fields<'a>> {
        self.place().filter(|place| place.is_mapping()).map(Fields)
    }

    fn as_array(&self) -> Option<Items<'a>> {
        self.place().filter(|place| place.is_sequence()).map(Items)
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        match self.scalar()? {
            Scalar::Str(text) => Some(Cow::Borrowed(text)),
            _ => None,
        }
    }

    fn as_number(&self) -> Option<ArenaNumber> {
        match self.scalar()? {
            Scalar::Int(value) => Some(ArenaNumber::Int(value)),
            Scalar::Float(value) => Some(ArenaNumber::Float(value)),
            _ => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        match self.scalar()? {
            Scalar::Bool(value) => Some(value),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        self.scalar() == Some(Scalar::Null)
    }

    fn json_type(&self) -> JsonType {
        match self.scalar() {
            Some(Scalar::Null) => JsonType::Null,
            Some(Scalar::Bool(_)) => JsonType::Boolean,
            Some(Scalar::Int(_) | Scalar::Float(_)) => JsonType::Number,
            Some(Scalar::Str(_)) => JsonType::String,
            None if self.place().is_some_and(Place::is_sequence) => JsonType::Array,
            None => JsonType::Object,
        }
    }

    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned(match self {
            Self::Name(name) => Value::from(*name),
            Self::Value(place) => value(*place),
        })
    }

    fn identity(&self) -> Option<NodeIdentity> {
        match self {
            Self::Value(place) => {
                let address = std::ptr::from_ref(place.stream()).addr();
                Some(NodeIdentity::tagged(address, place.order()))
            }
            Self::Name(_) => None,
        }
    }
}

/// A mapping; entries that are null count as absent, as they do for the API server.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(Place<'a>);

impl<'a> Object<'a, Arena> for Fields<'a> {
    type Node = ArenaNode<'a>;
    type MemberName = &'a str;
    type MembersIter = Members<'a>;

    fn len(&self) -> usize {
        self.members().count()
    }

    fn get(&self, key: &Box<str>) -> Option<ArenaNode<'a>> {
        self.0.get(key).map(ArenaNode::Value)
    }

    fn members(&self) -> Members<'a> {
        Members(self.0.fields())
    }

    fn try_for_each_name_node<B>(
        &self,
        (): &mut (),
        mut f: impl FnMut(ArenaNode<'_>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        self.members().try_for_each(|(name, _)| f(ArenaNode::Name(name)))
    }
}

pub(super) struct Members<'a>(crate::yaml::Fields<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, ArenaNode<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(name, value)| (name, ArenaNode::Value(value)))
    }
}

/// A sequence.
#[derive(Clone, Copy)]
pub(super) struct Items<'a>(Place<'a>);

impl<'a> Array<'a, Arena> for Items<'a> {
    type Node = ArenaNode<'a>;
    type ElementsIter = std::vec::IntoIter<ArenaNode<'a>>;

    fn len(&self) -> usize {
        self.0.items().count()
    }

    fn elements(&self) -> Self::ElementsIter {
        self.0.items().map(ArenaNode::Value).collect::<Vec<_>>().into_iter()
    }
}

/// The value as JSON, without entries that are null.
pub(super) fn value(place: Place<'_>) -> Value {
    match place.scalar() {
        Some(Scalar::Null) => Value::Null,
        Some(Scalar::Bool(value)) => Value::from(value),
        Some(Scalar::Int(value)) => Value::from(value),
        Some(Scalar::Float(value)) => Value::from(value),
        Some(Scalar::Str(text)) => Value::from(text),
        None if place.is_sequence() => place.items().map(value).collect(),
        None => {
            let entries = place.fields().map(|(name, entry)| (name.to_owned(), value(entry)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
    }
}
