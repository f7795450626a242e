//! TOML, or YAML in its place, as a tree in which every value knows where it was written and by which layer.

pub mod edit;
mod from_yaml;

use std::collections::HashSet;

use indexmap::IndexMap;
use rust_decimal::Decimal;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::finding::Finding;
use crate::source::{FileId, Files, Span};

pub use from_yaml::parse_yaml;

/// Who wrote a value; later layers win.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// A profile, counted from the root of its `extends` chain.
    Profile(u8),
    /// The slo.toml itself.
    File,
    /// An `[env.<name>]` overlay.
    Overlay,
}

/// A value, where it stands, and who wrote it.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The key, for a value in a table.
    pub key: Option<Span>,
    /// The value; for a table with a header, the header.
    pub span: Span,
    /// Who wrote it.
    pub layer: Layer,
    /// What was written.
    pub value: Value,
}

/// Keys in the order in which they were written.
pub type Table = IndexMap<String, Node>;

/// A TOML value; numbers stay exact.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A string.
    String(String),
    /// An integer.
    Integer(i64),
    /// A finite float, as the decimal that was written.
    Float(Decimal),
    /// `true` or `false`.
    Boolean(bool),
    /// A date or time, as written.
    Datetime(String),
    /// An array, also of tables.
    Array(Vec<Node>),
    /// A table.
    Table(Table),
    /// Something that a syntax error damaged; it was reported, and nothing more is said of it.
    Damaged,
}

impl Value {
    /// The type's name with its article, as messages say it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::String(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Boolean(_) => "a boolean",
            Self::Datetime(_) => "a date",
            Self::Array(_) => "a list",
            Self::Table(_) => "a table",
            Self::Damaged => "a syntax error",
        }
    }
}

impl Node {
    /// Where to point when the value as a whole is meant: the key of a table, else the value.
    pub fn place(&self) -> Span {
        match self.value {
            Value::Table(_) => self.key.unwrap_or(self.span),
            _ => self.span,
        }
    }

    /// The same value as JSON, for patches and schema defaults.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::String(text) | Value::Datetime(text) => Json::from(text.as_str()),
            Value::Integer(number) => Json::from(*number),
            Value::Float(number) => {
                use rust_decimal::prelude::ToPrimitive;
                Json::from(number.to_f64())
            }
            Value::Boolean(flag) => Json::from(*flag),
            Value::Damaged => Json::Null,
            Value::Array(items) => items.iter().map(Self::to_json).collect(),
            Value::Table(table) => table
                .iter()
                .map(|(key, node)| (key.clone(), node.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }

    /// The same value as TOML, on one line.
    pub fn to_toml(&self) -> String {
        let joined = |items: Vec<String>| items.join(", ");
        match &self.value {
            Value::Array(items) => {
                format!("[{}]", joined(items.iter().map(Self::to_toml).collect()))
            }
            Value::Table(table) => {
                let entries = table.iter().map(|(key, node)| format!("{key} = {}", node.to_toml()));
                format!("{{ {} }}", joined(entries.collect()))
            }
            Value::Datetime(text) => text.clone(),
            Value::Float(number) => number.to_string(),
            // What JSON escapes in a string, a TOML basic string understands.
            _ => self.to_json().to_string(),
        }
    }

    /// Marks the whole subtree as written by `layer`.
    pub fn set_layer(&mut self, layer: Layer) {
        self.layer = layer;
        match &mut self.value {
            Value::Array(items) => items.iter_mut().for_each(|item| item.set_layer(layer)),
            Value::Table(table) => table.values_mut().for_each(|item| item.set_layer(layer)),
            _ => {}
        }
    }
}

/// Lays `over` on `base`: tables merge key by key, everything else, lists too, replaces.
pub fn merge(base: &mut Table, over: Table) {
    for (key, node) in over {
        match base.get_mut(&key) {
            Some(Node { value: Value::Table(below), key: place, span, layer, .. })
                if matches!(node.value, Value::Table(_)) =>
            {
                (*place, *span, *layer) = (node.key, node.span, node.layer);
                if let Value::Table(above) = node.value {
                    merge(below, above);
                }
            }
            _ => {
                base.insert(key, node);
            }
        }
    }
}

/// Syntax errors shown of one file; more are rarely news.
const MAX_SYNTAX_ERRORS: usize = 20;

/// True if `text` is TOML.
pub fn parses(text: &str) -> bool {
    DeTable::parse(text).is_ok()
}

/// Parses `file`, going on behind syntax errors; what they damaged is left out of the table.
pub fn parse(files: &Files, file: FileId, layer: Layer) -> (Table, Vec<Finding>) {
    let text = &files.get(file).text;
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut findings: Vec<Finding> = Vec::new();
    // One slip makes the parser stumble several times on its line: the first time says it all.
    let mut lines = HashSet::new();
    for error in &errors {
        let span = Span::new(file, error.span().unwrap_or(0..0));
        let finding = syntax_error(span, error.message());
        let news = finding.rule != "spec/syntax" || lines.insert(files.line(span));
        if news && findings.len() < MAX_SYNTAX_ERRORS {
            findings.push(finding);
        }
    }
    let damaged: Vec<std::ops::Range<usize>> =
        errors.iter().filter_map(toml::de::Error::span).collect();
    let mut reader = Reader { file, layer, damaged, findings };
    let table = reader.table(table.get_ref());
    (table, reader.findings)
}

fn syntax_error(span: Span, message: &str) -> Finding {
    let finding = |rule, message: &str, help: &str| Finding::error(rule, span, message).help(help);
    if message == "duplicate key" {
        let help = "keep one of the two: TOML allows a key once in a table";
        return finding("spec/duplicate-key", "this key is written twice", help);
    }
    if message.contains("recurs") {
        let help = "slo.toml needs no more than a handful of levels";
        return finding("spec/syntax", "nested too deeply", help);
    }
    if message.starts_with("string values must be quoted") {
        let message =
            if span.start == span.end { "the value is missing" } else { "this text needs quotes" };
        return finding(
            "spec/syntax",
            message,
            "write strings in double quotes, such as `\"10s\"`",
        );
    }
    finding("spec/syntax", message, "see https://toml.io for the syntax")
}

struct Reader {
    file: FileId,
    layer: Layer,
    damaged: Vec<std::ops::Range<usize>>,
    findings: Vec<Finding>,
}

impl Reader {
    fn table(&mut self, table: &DeTable<'_>) -> Table {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let mut out = Table::new();
        for (key, value) in entries {
            let place = Span::new(self.file, key.span());
            out.insert(key.get_ref().to_string(), self.node(Some(place), value));
        }
        out
    }

    fn node(&mut self, key: Option<Span>, value: &Spanned<DeValue<'_>>) -> Node {
        let range = value.span();
        let span = Span::new(self.file, range.clone());
        let scalar = !matches!(value.get_ref(), DeValue::Table(_) | DeValue::Array(_));
        let hit = |bad: &std::ops::Range<usize>| {
            bad.start < range.end.max(range.start + 1) && bad.end >= range.start
        };
        let value = if scalar && self.damaged.iter().any(hit) {
            Value::Damaged
        } else {
            self.value(span, value.get_ref())
        };
        Node { key, span, layer: self.layer, value }
    }

    fn value(&mut self, span: Span, value: &DeValue<'_>) -> Value {
        match value {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Boolean(flag) => Value::Boolean(*flag),
            DeValue::Datetime(date) => Value::Datetime(date.to_string()),
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => Value::Integer(number),
                    Err(_) => self.bad_number(span, "does not fit into 64 bits"),
                }
            }
            DeValue::Float(number) => {
                let text = number.as_str();
                match Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text)) {
                    Ok(number) => Value::Float(number.normalize()),
                    Err(_) => self
                        .bad_number(span, "is not finite, or longer than slogen can hold exactly"),
                }
            }
            DeValue::Array(items) => {
                Value::Array(items.iter().map(|item| self.node(None, item)).collect())
            }
            DeValue::Table(table) => Value::Table(self.table(table)),
        }
    }

    fn bad_number(&mut self, span: Span, why: &str) -> Value {
        let message = format!("this number {why}");
        self.findings.push(
            Finding::error("spec/wrong-type", span, message)
                .help("write a plain number of at most 18 digits"),
        );
        Value::Damaged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Table, Vec<String>) {
        let mut files = Files::default();
        let file = files.add("slo.toml", text.to_owned());
        let (table, findings) = parse(&files, file, Layer::File);
        let shown = findings
            .iter()
            .map(|f| format!("{} {}", files.position(f.primary.span), f.message))
            .collect();
        (table, shown)
    }

    #[test]
    fn reports_every_syntax_error_and_keeps_the_rest() {
        let (table, findings) = read("a = 1\nb = \nc = 2\na = 3\n[d]\ne = nope\nf = 0.350\n");
        assert_eq!(findings.len(), 3, "{findings:?}");
        assert_eq!(table["b"].value, Value::Damaged);
        assert_eq!(table["c"].value, Value::Integer(2));
        let Value::Table(d) = &table["d"].value else { panic!("d is a table") };
        assert_eq!(d["f"].value, Value::Float(Decimal::new(35, 2)));
    }

    #[test]
    fn nesting_is_bounded() {
        for text in
            [format!("a = {}", "[".repeat(100_000)), format!("{}a = 1", "a.".repeat(100_000))]
        {
            let (_, findings) = read(&text);
            assert!(
                findings.iter().any(|f| f.contains("nested too deeply")),
                "{:?}",
                findings.first()
            );
        }
    }

    #[test]
    fn tables_merge_and_lists_replace() {
        let (mut base, _) = read("[a]\nx = 1\ny = [1, 2]\n[a.b]\nz = 1");
        let (over, _) = read("[a]\ny = [3]\nb.w = 2");
        merge(&mut base, over);
        let json = serde_json::to_string(&base["a"].to_json()).unwrap();
        assert_eq!(json, r#"{"x":1,"y":[3],"b":{"z":1,"w":2}}"#);
    }
}
