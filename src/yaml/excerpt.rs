//! Values cut out of their file and put into others: text, comments and all.

use serde_json::{Map, Value};

use super::tree::{Tree, trees};
use super::{Place, Scalar, emit, parse};
use crate::source::FileId;
use crate::yaml::node::Style;

/// `place` as a document of its own: its lines, moved to the left, or where these do not say the same by themselves,
/// as with an alias of something outside, its value without comments.
pub fn value(place: Place<'_>) -> String {
    let span = place.span();
    cut(place, span.start as usize, span.end as usize).unwrap_or_else(|| written(place))
}

/// Each item of `list` as a document of its own, with the comments at it; as [`value`].
pub fn items(list: Place<'_>) -> Vec<String> {
    let items: Vec<_> = list.items().collect();
    let text = list.stream().text();
    let start = |index: usize| items.get(index).map(|item| item.span().start as usize);
    let item = |index: usize, item: Place<'_>| {
        let (from, end) = (start(index)?, item.span().end as usize);
        if list.style() == Style::Flow || from >= end {
            return cut(item, from, end);
        }
        // What stands between the dash and the item are comments; those behind it go up to the line of the next dash.
        let before = match index.checked_sub(1) {
            Some(before) => items.get(before)?.span().end as usize,
            None => list.span().start as usize,
        };
        let head = dash(text, before, from).unwrap_or(from);
        let tail = match start(index + 1) {
            Some(next) => dash(text, end, next).map_or(end, |dash| line_start(text, dash)),
            None => behind(text, end, column(text, head)),
        };
        cut(item, head, tail.max(end)).or_else(|| cut(item, from, end))
    };
    let of = |(index, place)| item(index, place).unwrap_or_else(|| written(place));
    items.iter().copied().enumerate().map(of).collect()
}

/// `text`, a document, as an item of a sequence by indentation.
pub fn as_item(text: &str) -> String {
    let indented = indented(text, 2);
    // The spaces of the first line give way to the dash.
    format!("-{}", indented.get(1..).unwrap_or(""))
}

/// `text`, a document, `width` spaces to the right.
pub fn indented(text: &str, width: usize) -> String {
    let space = " ".repeat(width);
    let line = |line: &str| match line.trim_end_matches(['\n', '\r']) {
        "" => line.to_owned(),
        _ => format!("{space}{line}"),
    };
    let mut out: String = text.split_inclusive('\n').map(line).collect();
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

/// The value of `place` as JSON; keys that are there twice count once, and numbers that JSON lacks become null.
/// Aliases are written out, which [`parse`] has bounded.
pub fn json(place: Place<'_>) -> Value {
    if place.is_mapping() {
        let entry = |(key, value): (&str, Place<'_>)| (key.to_owned(), json(value));
        return Value::Object(place.entries().into_iter().map(entry).collect::<Map<_, _>>());
    }
    if place.is_sequence() {
        return place.items().map(json).collect();
    }
    match place.scalar() {
        Some(Scalar::Bool(value)) => value.into(),
        Some(Scalar::Int(value)) => value.into(),
        Some(Scalar::Float(value)) => value.into(),
        Some(Scalar::Str(text)) => text.into(),
        Some(Scalar::Null) | None => Value::Null,
    }
}

/// True if both say the same.
pub fn same(one: Place<'_>, other: Place<'_>) -> bool {
    fn tree(place: Place<'_>) -> Tree {
        super::tree::below(place.stream(), place.node)
    }
    tree(one).difference(&tree(other)).is_none()
}

fn written(place: Place<'_>) -> String {
    emit::stream(&[&json(place)]).unwrap_or_default()
}

/// The lines from `start` to `end`, which hold `place`, moved to the left; `None` where that changes what they say.
fn cut(place: Place<'_>, start: usize, end: usize) -> Option<String> {
    let text = place.stream().text();
    let own_lines = text.get(line_start(text, start)..start)?;
    let mut width =
        if own_lines.trim_start_matches([' ', '-']).is_empty() { column(text, start) } else { 0 };
    if place.style() == Style::Flow {
        width = 0;
    }
    let moved = |line: &str| {
        let spaces = line.len() - line.trim_start_matches(' ').len();
        line.get(spaces.min(width)..).unwrap_or("").to_owned()
    };
    let mut lines = text.get(start..end)?.split_inclusive('\n');
    let first = lines.next()?.to_owned();
    let mut out = lines.fold(first, |out, line| out + &moved(line));
    if !out.ends_with('\n') {
        out.push('\n');
    }
    says_the_same(&out, place).then_some(out)
}

/// True if `text` is one document that says what `place` does, and needs nothing from outside.
fn says_the_same(text: &str, place: Place<'_>) -> bool {
    let stream = parse(FileId::NONE, text);
    let whole = stream.documents().next().filter(|_| stream.problems.is_empty());
    // An anchor that others refer to would stay behind, and trees say nothing of what an alias means.
    whole.is_some_and(|whole| same(whole, place))
        && stream.documents().len() == 1
        && !trees(&stream).iter().any(has_properties)
}

fn has_properties(tree: &Tree) -> bool {
    use super::tree::Body;
    let below = match &tree.body {
        Body::Alias => true,
        Body::Map(entries) => {
            entries.iter().any(|(key, value)| has_properties(key) || has_properties(value))
        }
        Body::List(items) => items.iter().any(has_properties),
        _ => false,
    };
    below || tree.properties.contains('&')
}

fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1)
}

fn column(text: &str, at: usize) -> usize {
    at - line_start(text, at)
}

/// Behind the dash of an item, between `from` and `to`, and behind its spaces: the last dash that starts a line.
fn dash(text: &str, from: usize, to: usize) -> Option<usize> {
    let mut found = None;
    let mut at = line_start(text, from);
    for line in text.get(at..to)?.split_inclusive('\n') {
        let inner = line.trim_start_matches(' ');
        if inner.starts_with("- ") {
            let spaces = inner.len() - inner.get(1..)?.trim_start_matches(' ').len();
            found = Some(at + line.len() - inner.len() + spaces);
        }
        at += line.len();
    }
    found.filter(|found| *found > from || from == to)
}

/// The end of the comments behind `end` that stand at `column` or further to the right.
fn behind(text: &str, end: usize, column: usize) -> usize {
    let mut at =
        text.get(end..).and_then(|rest| rest.find('\n')).map_or(text.len(), |to| end + to + 1);
    if text.get(line_start(text, end)..end).is_some_and(|line| line.trim().is_empty()) {
        at = end;
    }
    for line in text.get(at..).unwrap_or("").split_inclusive('\n') {
        let inner = line.trim_start_matches(' ');
        if !inner.starts_with('#') || line.len() - inner.len() < column {
            break;
        }
        at += line.len();
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<String> {
        let stream = parse(FileId::NONE, text);
        let root = stream.documents().next().unwrap();
        items(root.get("items").unwrap())
    }

    #[test]
    fn comments_come_along() {
        let text = "kind: L\nitems:\n- # a\n  k: 1 # b\n  # c\n\n  l: |\n    x\n\n      y\n  # d\n- m: 2\n  n:\n  - o # e\n  # f\n# g\nz: 1\n";
        assert_eq!(
            list(text),
            ["# a\nk: 1 # b\n# c\n\nl: |\n  x\n\n    y\n# d\n", "m: 2\nn:\n- o # e\n# f\n"]
        );
    }

    #[test]
    fn layouts_are_many() {
        for text in [
            "items:\n- a: 1\n  b: {c: [d]}\n- e: 'f'\n",
            "items:\n    -   a: 1\n        b: {c: [d]}\n    -\n        e: 'f'\n",
            "{items: [{a: 1, b: {c: [d]}}, {e: 'f'}]}",
            "items:\n- {a: 1,\n   b: {c: [d]}}\n- {\n  e: 'f'\n  }\n",
            "x: &x {c: [d]}\nitems:\n- a: 1\n  b: *x\n- e: 'f'\n",
            "items:\r\n- a: 1\r\n  b: {c: [d]}\r\n- e: 'f'\r\n",
        ] {
            let items = list(text);
            let read = |text: &String| serde_yaml::from_str::<Value>(text).unwrap();
            let read: Vec<_> = items.iter().map(read).collect();
            let wanted =
                [serde_json::json!({"a": 1, "b": {"c": ["d"]}}), serde_json::json!({"e": "f"})];
            assert_eq!(read, wanted, "{text}: {items:?}");
        }
    }

    #[test]
    fn an_item_is_put_back() {
        assert_eq!(as_item("# a\nk: |\n  x\n\n  y"), "- # a\n  k: |\n    x\n\n    y\n");
        assert_eq!(indented("a: 1\n", 4), "    a: 1\n");
    }
}
