//! From tree to types, without stopping at the first problem.
//!
//! serde's derive would stop there; the `table!` macro reads every key of a
//! table, reports each problem at its own span and goes on. The same declaration yields the JSON Schema.

use std::ops::Deref;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::finding::{Finding, nearest};
use crate::source::Span;
use crate::units::Invalid;

use crate::tree::{Layer, Node, Table, Value};

/// A value and where it was written.
///
/// After a failed read it holds the type's default and is not [`ok`](Self::ok); such values never leave
/// [`Source::load`](crate::spec::Source::load), which fails on any finding.
#[derive(Clone, Debug)]
pub struct Sourced<T> {
    value: T,
    valid: bool,
    /// The key, for a value in a table.
    pub key_span: Option<Span>,
    /// The value.
    pub span: Span,
    /// Who wrote it.
    pub layer: Layer,
}

impl<T> Sourced<T> {
    /// The value, if it could be read.
    pub fn ok(&self) -> Option<&T> {
        self.valid.then_some(&self.value)
    }
}

impl<T> Deref for Sourced<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: JsonSchema> JsonSchema for Sourced<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }

    fn inline_schema() -> bool {
        T::inline_schema()
    }
}

/// A list whose items know their places.
pub type List<T> = Vec<Sourced<T>>;
/// A table with free keys, in the order written; its values know their places.
pub type Map<T> = IndexMap<String, Sourced<T>>;

/// Gathers what is wrong while a tree is read.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Everything found so far.
    pub findings: Vec<Finding>,
    /// An overlay or a profile: what it leaves out is no problem.
    pub partial: bool,
    /// The section that is being read, from the root.
    pub path: Vec<&'static str>,
}

/// A type that can stand behind a key.
pub trait Field: Sized {
    /// Reads `node`; `None` after reporting why it is none of this type.
    fn decode(node: &Node, cx: &mut Decoder) -> Option<Self>;
}

/// A type written as a string that must parse.
pub trait Text: Sized {
    /// The rule that reports a text which does not parse.
    const RULE: &'static str = "spec/bad-value";
    /// What is wanted, for another type in its place: "a duration such as `\"10s\"`".
    const WANTED: &'static str;

    /// Reads the text.
    fn parse(text: &str) -> Result<Self, Invalid>;
}

impl Decoder {
    /// Adds a finding.
    pub fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// True after a syntax error: what seems to be missing may be what it swallowed.
    pub fn damaged(&self) -> bool {
        self.findings.iter().any(|finding| finding.rule == "spec/syntax")
    }

    /// Reports a value of the wrong type.
    pub fn wrong_type(&mut self, node: &Node, wanted: &str, help: impl Into<String>) {
        if node.value == Value::Damaged {
            return;
        }
        let message = format!("expected {wanted}, found {}", node.value.kind());
        self.report(Finding::error("spec/wrong-type", node.place(), message).help(help));
    }

    /// Reports a value of the right type that cannot stand.
    pub fn bad_value(&mut self, at: Span, message: impl Into<String>, help: impl Into<String>) {
        self.report(Finding::error("spec/bad-value", at, message).help(help));
    }

    /// Reads a string-like value.
    pub fn text<T: Text>(&mut self, node: &Node) -> Option<T> {
        match &node.value {
            Value::String(text) => match T::parse(text) {
                Ok(value) => Some(value),
                Err(Invalid { message, help }) => {
                    self.report(Finding::error(T::RULE, node.span, message).help(help));
                    None
                }
            },
            Value::Integer(_) | Value::Float(_) => {
                let number = node.to_json();
                let help = match T::parse(&number.to_string()) {
                    Ok(_) => format!("put it in quotes: `\"{number}\"`"),
                    Err(Invalid { help, .. }) => help,
                };
                let message = format!("expected {}, found the bare number `{number}`", T::WANTED);
                self.report(Finding::error(T::RULE, node.span, message).help(help));
                None
            }
            _ => {
                self.wrong_type(node, T::WANTED, format!("write {}", T::WANTED));
                None
            }
        }
    }

    /// The table behind `node`, or a report.
    pub fn table<'a>(&mut self, node: &'a Node, name: &str) -> Option<&'a Table> {
        if let Value::Table(table) = &node.value {
            Some(table)
        } else {
            self.wrong_type(
                node,
                "a table",
                format!("write the keys of `{name}` as `{{ key = … }}` or under a header"),
            );
            None
        }
    }

    /// Reports keys of `table` that are not in `known`, with the nearest one.
    pub fn unknown_keys(&mut self, table: &Table, known: &[&str]) {
        for (key, node) in table.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
            let help = match nearest(key, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "known here: {}",
                    known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ")
                ),
            };
            let message = format!("unknown key `{key}`");
            self.report(
                Finding::error("spec/unknown-key", node.key.unwrap_or(node.span), message)
                    .help(help),
            );
        }
    }

    /// Reports a key that must be there.
    pub fn missing(&mut self, at: Span, key: &str, doc: &str) {
        // An array or table that never ends may have swallowed the key.
        let swallowed = self.findings.iter().any(|finding| finding.message.contains("unclosed"));
        if !self.partial && !swallowed {
            let about = doc.split_terminator(". ").next().unwrap_or_default().trim();
            let full = self.path.iter().copied().chain([key]).collect::<Vec<_>>().join(".");
            self.report(
                Finding::error("spec/missing-key", at, format!("`{full}` is missing"))
                    .help(format!("add `{key} = …`: {about}")),
            );
        }
    }

    /// The value of a key that may be absent.
    pub fn optional<T: Field>(&mut self, table: &Table, key: &str) -> Option<Sourced<T>> {
        let node = table.get(key)?;
        let value = T::decode(node, self)?;
        Some(Sourced { value, valid: true, key_span: node.key, span: node.span, layer: node.layer })
    }

    /// The value of a key that must be there; a placeholder after a report.
    pub fn required<T: Field + Default>(
        &mut self,
        table: &Table,
        at: Span,
        key: &str,
        doc: &str,
    ) -> Sourced<T> {
        if let Some(value) = self.optional(table, key) {
            return value;
        }
        let node = table.get(key);
        if node.is_none() {
            self.missing(at, key, doc);
        }
        Sourced {
            value: T::default(),
            valid: false,
            key_span: node.and_then(|node| node.key),
            span: node.map_or(at, |node| node.span),
            layer: node.map_or(Layer::File, |node| node.layer),
        }
    }

    /// The table behind `key`, read as empty when it is absent.
    pub fn section<T: Section>(&mut self, table: &Table, at: Span, key: &'static str) -> T {
        let node = table.get(key);
        // A table that only profiles have written is missing from the user's file, not from the profile.
        let at = node.filter(|node| node.layer >= Layer::File).map_or(at, Node::place);
        self.path.push(key);
        let partial = self.partial;
        let inner = node.and_then(|node| self.table(node, key));
        // What is missing from something that is no table was reported with it.
        self.partial |= node.is_some() && inner.is_none();
        let read = T::read(inner.unwrap_or(&Table::new()), at, self);
        self.partial = partial;
        self.path.pop();
        read
    }
}

impl<T: Text> Field for T {
    fn decode(node: &Node, cx: &mut Decoder) -> Option<Self> {
        cx.text(node)
    }
}

impl Field for bool {
    fn decode(node: &Node, cx: &mut Decoder) -> Option<Self> {
        if let Value::Boolean(flag) = node.value {
            return Some(flag);
        }
        cx.wrong_type(node, "`true` or `false`", "write `true` or `false`, without quotes");
        None
    }
}

macro_rules! integers {
    ($($type:ty)*) => {$(
        impl Field for $type {
            fn decode(node: &Node, cx: &mut Decoder) -> Option<Self> {
                let range = format!("write a whole number from {} to {}, without quotes", <$type>::MIN, <$type>::MAX);
                let Value::Integer(number) = node.value else {
                    cx.wrong_type(node, "a whole number", range);
                    return None;
                };
                let value = <$type>::try_from(number).ok();
                if value.is_none() {
                    let message = format!("`{number}` is out of range");
                    cx.report(Finding::error("spec/bad-value", node.span, message).help(range));
                }
                value
            }
        }
    )*};
}
integers!(u16 u32 i32);

impl Field for rust_decimal::Decimal {
    fn decode(node: &Node, cx: &mut Decoder) -> Option<Self> {
        match node.value {
            Value::Integer(number) => Some(number.into()),
            Value::Float(number) => Some(number),
            _ => {
                cx.wrong_type(node, "a number", "write a number without quotes");
                None
            }
        }
    }
}

impl<T: Field> Field for List<T> {
    fn decode(node: &Node, cx: &mut Decoder) -> Option<Self> {
        let Value::Array(items) = &node.value else {
            cx.wrong_type(node, "a list", "put it in brackets: `[…]`");
            return None;
        };
        // What can be read is kept in spite of findings: checks between values then find more.
        let list = items
            .iter()
            .filter_map(|item| {
                let value = T::decode(item, cx)?;
                Some(Sourced {
                    value,
                    valid: true,
                    key_span: item.key,
                    span: item.span,
                    layer: item.layer,
                })
            })
            .collect::<Self>();
        (items.is_empty() || !list.is_empty()).then_some(list)
    }
}

impl<T: Field> Field for Map<T> {
    fn decode(node: &Node, cx: &mut Decoder) -> Option<Self> {
        let table = cx.table(node, "this table")?;
        let map = table
            .keys()
            .filter_map(|key| Some((key.clone(), cx.optional::<T>(table, key)?)))
            .collect::<Self>();
        (table.is_empty() || !map.is_empty()).then_some(map)
    }
}

/// A value that slogen passes on without looking into it.
#[derive(Clone, Debug)]
pub struct Any(pub Node);

impl Field for Any {
    fn decode(node: &Node, _: &mut Decoder) -> Option<Self> {
        Some(Self(node.clone()))
    }
}

impl JsonSchema for Any {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Any".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::default()
    }

    fn inline_schema() -> bool {
        true
    }
}

/// A property of a table's schema: the type's own schema with the key's description.
pub fn property<T: JsonSchema>(generator: &mut SchemaGenerator, doc: &str) -> Schema {
    let schema = generator.subschema_for::<T>();
    // Draft 7 ignores whatever stands beside a `$ref`.
    let mut schema = if schema.get("$ref").is_some() {
        schemars::json_schema!({ "allOf": [schema] })
    } else {
        schema
    };
    let lines: Vec<&str> = doc.lines().map(str::trim).collect();
    schema.insert("description".into(), lines.join(" ").trim().into());
    schema
}

/// Declares tables of slo.toml. A key is one of
/// - `given`: always there, since profile `base` or the user writes it; type [`Sourced<T>`];
/// - `must`: the user writes it whenever the table is written; type [`Sourced<T>`];
/// - `opt`: may be absent, with a default derived from other values or none; type `Option<Sourced<T>>`;
/// - `section`: a table of its own that is read even when absent; type `T`;
/// - `part`: the same, where the user must write it;
/// - `maybe`: a table of its own that may be absent; type `Option<T>`.
///
/// A literal in parentheses after the name is the key, where it is no Rust name.
macro_rules! table {
    ($($(#[doc = $about:literal])* $name:ident $([$inline:ident])? {
        $($(#[doc = $doc:literal])* $mode:ident $field:ident $(($key:literal))? : $type:ty;)*
    })*) => {$(
        $(#[doc = $about])*
        #[derive(Clone, Debug)]
        pub struct $name {
            /// Where the table's keys belong: its header or key.
            pub at: $crate::source::Span,
            $($(#[doc = $doc])* pub $field: $crate::spec::decode::table!(@type $mode $type),)*
        }

        impl $crate::spec::decode::Section for $name {
            const KEYS: &'static [&'static str] =
                &[$($crate::spec::decode::table!(@key $field $($key)?)),*];

            fn read(
                table: &$crate::tree::Table,
                at: $crate::source::Span,
                cx: &mut $crate::spec::decode::Decoder,
            ) -> Self {
                cx.unknown_keys(table, Self::KEYS);
                Self {
                    at,
                    $($field: $crate::spec::decode::table!(
                        @read $mode, cx, table, at,
                        $crate::spec::decode::table!(@key $field $($key)?), concat!($($doc),*)
                    ),)*
                }
            }
        }

        impl $crate::spec::decode::Field for $name {
            fn decode(
                node: &$crate::tree::Node,
                cx: &mut $crate::spec::decode::Decoder,
            ) -> Option<Self> {
                let before = cx.findings.len();
                let table = cx.table(node, "this table")?;
                let read = <Self as $crate::spec::decode::Section>::read(table, node.place(), cx);
                (cx.findings.len() == before).then_some(read)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut properties = serde_json::Map::new();
                let mut required: Vec<&str> = Vec::new();
                $(
                    let key = $crate::spec::decode::table!(@key $field $($key)?);
                    let doc = concat!($($doc, "\n"),*);
                    properties.insert(
                        key.to_owned(),
                        $crate::spec::decode::property::<$type>(generator, doc).into(),
                    );
                    if matches!(stringify!($mode), "must" | "part") {
                        required.push(key);
                    }
                )*
                let mut schema = schemars::json_schema!({
                    "type": "object",
                    "description": concat!($($about, "\n"),*).trim(),
                    "additionalProperties": false,
                    "properties": properties,
                });
                if !required.is_empty() {
                    schema.insert("required".into(), required.into());
                }
                schema
            }

            fn inline_schema() -> bool {
                // Only sections are definitions: the same inner table has other defaults elsewhere.
                true $(&& stringify!($inline) != "section")?
            }
        }
    )*};
    (@type given $type:ty) => { $crate::spec::decode::Sourced<$type> };
    (@type must $type:ty) => { $crate::spec::decode::Sourced<$type> };
    (@type opt $type:ty) => { Option<$crate::spec::decode::Sourced<$type>> };
    (@type section $type:ty) => { $type };
    (@type part $type:ty) => { $type };
    (@type maybe $type:ty) => { Option<$type> };
    (@key $field:ident) => { stringify!($field) };
    (@key $field:ident $key:literal) => { $key };
    (@read given, $cx:ident, $table:ident, $at:ident, $key:expr, $doc:expr) => {
        $cx.required($table, $at, $key, $doc)
    };
    (@read must, $cx:ident, $table:ident, $at:ident, $key:expr, $doc:expr) => {
        $cx.required($table, $at, $key, $doc)
    };
    (@read opt, $cx:ident, $table:ident, $at:ident, $key:expr, $doc:expr) => {
        $cx.optional($table, $key)
    };
    (@read maybe, $cx:ident, $table:ident, $at:ident, $key:expr, $doc:expr) => {
        $table.get($key).and_then(|node| $crate::spec::decode::Field::decode(node, $cx))
    };
    (@read section, $cx:ident, $table:ident, $at:ident, $key:expr, $doc:expr) => {
        $cx.section($table, $at, $key)
    };
    (@read part, $cx:ident, $table:ident, $at:ident, $key:expr, $doc:expr) => {
        $cx.section($table, $at, $key)
    };
}
pub(crate) use table;

/// A table that can be read even when it was not written.
pub trait Section: Sized {
    /// The keys that the table may have.
    const KEYS: &'static [&'static str];

    /// Reads the keys of `table`, which stands or would stand at `at`.
    fn read(table: &Table, at: Span, cx: &mut Decoder) -> Self;
}
