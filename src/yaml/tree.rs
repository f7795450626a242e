//! What a document says, as a value of its own: types, order, style, anchors, but no bytes. Two documents that
//! differ in layout and comments only have equal trees.

use serde_json::Value;

use crate::finding::Step;
use crate::yaml::Stream;
use crate::yaml::node::{Kind, NONE, Node, PROPERTIES, STRING, Style};
use crate::yaml::resolve::{self, Scalar};

/// A value of a document.
#[derive(Clone, Debug)]
pub struct Tree {
    /// Its anchor and tag, as written.
    pub properties: String,
    /// How it is written; `None` if that does not matter.
    pub style: Option<Style>,
    /// Of a scalar its text, decoded; of an alias its `*` and name.
    pub text: String,
    /// What it is.
    pub body: Body,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Body {
    /// A null.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// Another number.
    Float(f64),
    /// A string.
    Text,
    /// An alias.
    Alias,
    /// The `<<` that merges mappings.
    Merge,
    /// A mapping: keys and values in order, repeated keys included.
    Map(Vec<(Tree, Tree)>),
    /// A sequence.
    List(Vec<Tree>),
}

impl Tree {
    /// `value`, in whatever style.
    pub fn new(value: &Value) -> Self {
        let body = match value {
            Value::Null => Body::Null,
            Value::Bool(value) => Body::Bool(*value),
            Value::Number(number) => match number.as_i64() {
                Some(value) => Body::Int(value),
                None => Body::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => return Self::string(text),
            Value::Array(items) => Body::List(items.iter().map(Self::new).collect()),
            Value::Object(map) => {
                let entry = |(key, value): (&String, &Value)| (Self::string(key), Self::new(value));
                Body::Map(map.iter().map(entry).collect())
            }
        };
        let text =
            if value.is_object() || value.is_array() { String::new() } else { value.to_string() };
        Self { properties: String::new(), style: None, text, body }
    }

    /// A string, in whatever style.
    pub fn string(text: &str) -> Self {
        Self { properties: String::new(), style: None, text: text.to_owned(), body: Body::Text }
    }

    /// The way to the first value in which the two differ.
    pub fn difference(&self, other: &Self) -> Option<Vec<Step>> {
        let style = matches!((self.style, other.style), (Some(a), Some(b)) if a != b);
        if style || self.properties != other.properties {
            return Some(Vec::new());
        }
        let below = |step: Step, mut path: Vec<Step>| {
            path.insert(0, step);
            path
        };
        match (&self.body, &other.body) {
            (Body::Map(a), Body::Map(b)) => {
                let pairs = a.iter().zip(b);
                let entry = |((key, value), (other_key, other)): (&(Self, Self), &(Self, Self))| {
                    let own = if key.difference(other_key).is_some() {
                        Some(Vec::new())
                    } else {
                        value.difference(other)
                    };
                    own.map(|path| below(Step::Key(key.text.clone()), path))
                };
                pairs.clone().find_map(entry).or_else(|| {
                    let longer = if a.len() > b.len() { a } else { b };
                    let extra = longer.get(a.len().min(b.len()))?;
                    Some(vec![Step::Key(extra.0.text.clone())])
                })
            }
            (Body::List(a), Body::List(b)) => {
                let item = |(index, (value, other)): (usize, (&Self, &Self))| {
                    value.difference(other).map(|path| below(Step::Index(index), path))
                };
                let same = a.iter().zip(b).enumerate().find_map(item);
                let longer = (a.len() != b.len()).then(|| vec![Step::Index(a.len().min(b.len()))]);
                same.or(longer)
            }
            _ => (!same_scalar(self, other)).then(Vec::new),
        }
    }
}

fn same_scalar(a: &Tree, b: &Tree) -> bool {
    match (&a.body, &b.body) {
        (Body::Null, Body::Null) | (Body::Merge, Body::Merge) => true,
        (Body::Bool(a), Body::Bool(b)) => a == b,
        (Body::Int(a), Body::Int(b)) => a == b,
        // By its bits: a NaN is itself.
        (Body::Float(a), Body::Float(b)) => a.to_bits() == b.to_bits(),
        (Body::Text, Body::Text) | (Body::Alias, Body::Alias) => a.text == b.text,
        _ => false,
    }
}

/// What a plain scalar with this text is.
pub fn plain(text: &str) -> Body {
    match resolve::plain(text) {
        Scalar::Null => Body::Null,
        Scalar::Bool(value) => Body::Bool(value),
        Scalar::Int(value) => Body::Int(value),
        Scalar::Float(value) => Body::Float(value),
        Scalar::Str(_) => Body::Text,
    }
}

/// The trees of the documents of `stream`, in order.
pub fn trees(stream: &Stream<'_>) -> Vec<Tree> {
    stream.documents.iter().map(|document| tree(stream, document.root, false)).collect()
}

/// The tree of a node.
pub(super) fn below(stream: &Stream<'_>, id: u32) -> Tree {
    tree(stream, id, false)
}

fn tree(stream: &Stream<'_>, id: u32, key: bool) -> Tree {
    let node = stream.node(id);
    let text = match node.kind {
        Kind::Alias => stream.source(node.start, node.end),
        Kind::Scalar => stream.scalar_text(node),
        Kind::Mapping | Kind::Sequence => "",
    };
    let body = match node.kind {
        Kind::Alias => Body::Alias,
        Kind::Scalar => match node.style {
            Style::Plain if key && text == "<<" => Body::Merge,
            Style::Plain if node.flags & STRING == 0 => plain(text),
            _ => Body::Text,
        },
        Kind::Mapping => {
            let mut entries = Vec::new();
            let mut at = node.a;
            while at != NONE {
                let value = stream.node(at).next;
                entries.push((tree(stream, at, true), tree(stream, value, false)));
                at = stream.node(value).next;
            }
            Body::Map(entries)
        }
        Kind::Sequence => {
            let mut items = Vec::new();
            let mut at = node.a;
            while at != NONE {
                items.push(tree(stream, at, false));
                at = stream.node(at).next;
            }
            Body::List(items)
        }
    };
    let properties = properties(stream, id, node);
    Tree { properties, style: Some(node.style), text: text.to_owned(), body }
}

/// The anchor and tag in front of a node: words between it and the node before it.
fn properties(stream: &Stream<'_>, id: u32, node: Node) -> String {
    if node.flags & PROPERTIES == 0 {
        return String::new();
    }
    let before = id.checked_sub(1).map(|before| stream.node(before));
    let from = before.map_or(0, |before| match before.kind {
        Kind::Scalar | Kind::Alias => before.end,
        Kind::Mapping | Kind::Sequence => before.start,
    });
    // Of a value that is not there, they stand behind the place where it would.
    let to = if node.start == node.end { line_end(stream, node.end) } else { node.start };
    let inside = |(start, end): &&(u32, u32)| *end > from && *start < to;
    let mut at = from;
    let mut code = String::new();
    for (start, end) in stream.comments.iter().filter(inside) {
        code.push_str(stream.source(at, *start));
        at = *end;
    }
    code.push_str(stream.source(at, to.max(at)));
    let words = code.split([' ', '\t', '\n', '\r', '[', '{', ',']);
    let words: Vec<_> = words.filter(|word| word.starts_with(['&', '!'])).collect();
    words.join(" ")
}

fn line_end(stream: &Stream<'_>, at: u32) -> u32 {
    let rest = stream.text.get(at as usize..).unwrap_or("");
    at + u32::try_from(rest.find('\n').unwrap_or(rest.len())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::FileId;
    use crate::yaml::Path;
    use crate::yaml::parse;

    fn one(text: &str) -> Tree {
        trees(&parse(FileId::NONE, text)).remove(0)
    }

    #[test]
    fn layout_makes_no_difference() {
        let a = one("a: 1\nb:\n- x # y\n-   k: 'v'\n");
        let b = one("# c\na:   1\n\nb:\n  - x\n  - k: 'v'");
        assert_eq!(a.difference(&b), None);
    }

    #[test]
    fn everything_else_does() {
        let base = "a: 1\nb: &x [c, {d: e}]\nf: *x\ng: 'h'\nk: .nan\n";
        for (other, path) in [
            ("a: '1'\nb: &x [c, {d: e}]\nf: *x\ng: 'h'\nk: .nan\n", "a"),
            ("a: 1.0\nb: &x [c, {d: e}]\nf: *x\ng: 'h'\nk: .nan\n", "a"),
            ("a: 1\nb: &y [c, {d: e}]\nf: *y\ng: 'h'\nk: .nan\n", "b"),
            ("a: 1\nb: &x [c, {d: f}]\nf: *x\ng: 'h'\nk: .nan\n", "b[1].d"),
            ("a: 1\nb: &x [c, {d: e}, i]\nf: *x\ng: 'h'\nk: .nan\n", "b[2]"),
            ("a: 1\nb: &x [c, {d: e}]\nf: [c, {d: e}]\ng: 'h'\nk: .nan\n", "f"),
            ("a: 1\nb: &x [c, {d: e}]\nf: *x\ng: \"h\"\nk: .nan\n", "g"),
            ("a: 1\nb: &x [c, {d: e}]\nf: *x\ng: 'h'\n", "k"),
            ("b: &x [c, {d: e}]\na: 1\nf: *x\ng: 'h'\nk: .nan\n", "a"),
        ] {
            let found = one(base).difference(&one(other));
            assert_eq!(found.map(|path| Path(path).to_string()).as_deref(), Some(path), "{other}");
        }
        assert_eq!(one(base).difference(&one(base)), None);
        assert!(one("<<: {a: 1}").difference(&one("'<<': {a: 1}")).is_some());
    }
}
