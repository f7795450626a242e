//! What each operation does to each way of writing.

mod comments;

use serde_json::{Value, json};

use super::apply;
use crate::finding::{Op, Step, Target};
use crate::source::FileId;
use crate::yaml::parse;

pub(crate) use comments::uncomment;

/// A target: `a/0/b` in the first document, `1:a/0/b` in the second one.
pub(crate) fn to(path: &str) -> Target {
    let (document, path) = path.split_once(':').unwrap_or(("0", path));
    let step = |step: &str| match step.parse() {
        Ok(index) => Step::Index(index),
        Err(_) => Step::Key(step.to_owned()),
    };
    let path = path.split('/').filter(|step| !step.is_empty()).map(step).collect();
    Target { file: FileId::NONE, document: document.parse().unwrap(), path }
}

fn remove(path: &str) -> Op {
    Op::Remove(to(path))
}

fn set(path: &str, value: Value) -> Op {
    Op::Set(to(path), value)
}

fn insert(path: &str, key: &str, value: Value) -> Op {
    Op::Insert(to(path), key.to_owned(), value)
}

fn append(path: &str, value: Value) -> Op {
    Op::Append(to(path), value)
}

fn rename(path: &str, key: &str) -> Op {
    Op::Rename(to(path), key.to_owned())
}

/// Replaces the first `old` in the text at `path`.
fn splice(before: &str, path: &str, old: &str, new: &str) -> Op {
    let stream = parse(FileId::NONE, before);
    let target = to(path);
    let steps: Vec<_> = path.split(':').collect();
    let root = stream.documents().nth(target.document).unwrap();
    let place = root.at(steps.last().unwrap()).unwrap();
    let at = place.text().unwrap().find(old).unwrap();
    Op::Splice(target, at..at + old.len(), new.to_owned())
}

pub(crate) struct Case {
    pub(crate) before: &'static str,
    pub(crate) ops: Vec<Op>,
    /// The text, or a part of the reason.
    pub(crate) after: Result<&'static str, &'static str>,
}

fn case(before: &'static str, op: Op, after: &'static str) -> Case {
    Case { before, ops: vec![op], after: Ok(after) }
}

fn refused(before: &'static str, op: Op, reason: &'static str) -> Case {
    Case { before, ops: vec![op], after: Err(reason) }
}

fn several(before: &'static str, ops: Vec<Op>, after: &'static str) -> Case {
    Case { before, ops, after: Ok(after) }
}

pub(crate) fn cases() -> Vec<Case> {
    let values = [removing(), setting(), adding(), renaming(), splicing(), together(), refusing()];
    values.into_iter().chain([comments::cases()]).flatten().collect()
}

fn removing() -> Vec<Case> {
    vec![
        case("a: 1\nb: 2 # own\nc: 3\n", remove("b"), "a: 1\nc: 3\n"),
        case(
            "# head\na: 1\n# above\nb: 2\n\n# tail\n",
            remove("b"),
            "# head\na: 1\n# above\n\n# tail\n",
        ),
        case(
            "a: 1\nb:\n  c: 2 # in\n  # in too\n  d: |\n    x\n\n    y\ne: 3\n",
            remove("b"),
            "a: 1\ne: 3\n",
        ),
        case("a: 1\nb:\n- c\n- d\ne: 3\n", remove("b"), "a: 1\ne: 3\n"),
        case("a: 1\nb: {x: 1,\n  y: 2} # own\nc: 3\n", remove("b"), "a: 1\nc: 3\n"),
        case("a: 1\nb:\nc: 3\n", remove("b"), "a: 1\nc: 3\n"),
        case("a: 1\nb: 2", remove("b"), "a: 1\n"),
        case("a: 1\nb: 2", remove("a"), "b: 2"),
        case("a: 1\r\nb: 2 # own\r\nc: 3\r\n", remove("b"), "a: 1\r\nc: 3\r\n"),
        case("\u{feff}a: 1\nb: 2\n", remove("a"), "\u{feff}b: 2\n"),
        case(
            "a: 1\n---\nb: 2\nc: ü # é\nd: 3\n--- # x\ne: 4\n",
            remove("1:c"),
            "a: 1\n---\nb: 2\nd: 3\n--- # x\ne: 4\n",
        ),
        case("x:\n  a: 1\n  b: 2   \ny: 3  \n", remove("x/b"), "x:\n  a: 1\ny: 3  \n"),
        // The only one.
        case(
            "a: # note\n  # above\n  b: 1 # own\nc: 2\n",
            remove("a/b"),
            "a: {} # note\n  # above\nc: 2\n",
        ),
        case("a: &x # note\n  b: 1\nc: 2\n", remove("a/b"), "a: &x {} # note\nc: 2\n"),
        case("# head\na: 1 # own\n# tail\n", remove("a"), "# head\n{}\n# tail\n"),
        case("a:\n- b: 1 # own\n- c\n", remove("a/0/b"), "a:\n- {}\n- c\n"),
        case("a:\n  - b # own\n# tail\nc: 1\n", remove("a/0"), "a: []\n# tail\nc: 1\n"),
        case("a:\n- b\nc: 1\n", remove("a/0"), "a: []\nc: 1\n"),
        case("a:\r\n  b: 1\r\n", remove("a/b"), "a: {}\r\n"),
        case("a: {b: 1} # note\n", remove("a/b"), "a: {} # note\n"),
        case("a: [ b ]\n", remove("a/0"), "a: []\n"),
        case("a: [ # note\n  b\n]\n", remove("a/0"), "a: [ # note\n  \n]\n"),
        // Behind a dash.
        case("a:\n- b: 1 # own\n  c: 2 # next\n- d\n", remove("a/0/b"), "a:\n- c: 2 # next\n- d\n"),
        case(
            "a:\n-   b: 1\n\n    # next\n    c: 2\n",
            remove("a/0/b"),
            "a:\n-   # next\n    c: 2\n",
        ),
        case("a:\n- b:\n    x: 1\n  c:\n  - 2\n", remove("a/0/b"), "a:\n- c:\n  - 2\n"),
        case("a:\n- b: 1\n  c: 2\n", remove("a/0/c"), "a:\n- b: 1\n"),
        case("- - a\n  - b\n- c\n", remove("0/0"), "- - b\n- c\n"),
        case("- - a\n  - b\n- c\n", remove("0/1"), "- - a\n- c\n"),
        case("-\n  b: 1\n  c: 2\n", remove("0/b"), "-\n  c: 2\n"),
        // Items.
        case(
            "a:\n  - b # own\n  # next\n  - c: 1\n    d: 2\n  - e\n",
            remove("a/0"),
            "a:\n  # next\n  - c: 1\n    d: 2\n  - e\n",
        ),
        case("a:\n  - b\n  - c: 1\n    d: 2\n  - e\n", remove("a/1"), "a:\n  - b\n  - e\n"),
        case("a:\n- b\n- c", remove("a/1"), "a:\n- b\n"),
        case("a:\n- b\n-\n- c\n", remove("a/1"), "a:\n- b\n- c\n"),
        case("a:\n- &x b\n- c\n", remove("a/0"), "a:\n- c\n"),
        case("a:\n- - b\n  -\n- c\n", remove("a/1"), "a:\n- - b\n  -\n"),
        case("a:\n- b\n- # note\n  c: 1\n", remove("a/1"), "a:\n- b\n"),
        // Flow.
        case("a: {b: 1, c: 2, d: 3}\n", remove("a/b"), "a: {c: 2, d: 3}\n"),
        case("a: {b: 1, c: 2, d: 3}\n", remove("a/c"), "a: {b: 1, d: 3}\n"),
        case("a: { b: 1, c: 2, d: 3 }\n", remove("a/d"), "a: { b: 1, c: 2 }\n"),
        case("a: [b, c,]\n", remove("a/1"), "a: [b,]\n"),
        case("a: [b, !<x,y> c, [d]]\n", remove("a/1"), "a: [b, [d]]\n"),
        case("a: {b, c: , d: 1}\n", remove("a/c"), "a: {b, d: 1}\n"),
        case(
            "{\n  \"a\": 1, # own\n  # next\n  \"b\": {\n    \"c\": 2\n  }\n}\n",
            remove("a"),
            "{\n  # next\n  \"b\": {\n    \"c\": 2\n  }\n}\n",
        ),
        case(
            "{\n\t\"a\": 1, # stays\n\t\"b\": 2 # own\n}\n",
            remove("b"),
            "{\n\t\"a\": 1 # stays\n}\n",
        ),
        case("{\n  \"a\": 1,\n  \"b\": 2\n}", remove("b"), "{\n  \"a\": 1\n}"),
        case("{\"a\":1,\"b\":2}", remove("b"), "{\"a\":1}"),
        case("[a, {b: 1,\n  c: 2}, d]\n", remove("1/b"), "[a, {c: 2}, d]\n"),
    ]
}

fn setting() -> Vec<Case> {
    vec![
        case("a: 1 # note\nb: 2\n", set("a", json!(5)), "a: 5 # note\nb: 2\n"),
        case("a: x # note\n", set("a", json!("z")), "a: z # note\n"),
        case("a: 'x'\n", set("a", json!("it's")), "a: 'it''s'\n"),
        case("a: 'x'\n", set("a", json!("a\tb")), "a: \"a\\tb\"\n"),
        case("a: \"x\"\n", set("a", json!("\"\\")), "a: \"\\\"\\\\\"\n"),
        case("a: \"80\"\n", set("a", json!(80)), "a: 80\n"),
        case("a: 80\n", set("a", json!("80")), "a: \"80\"\n"),
        case("a: x\n", set("a", json!("yes")), "a: \"yes\"\n"),
        case("a: x\n", set("a", json!("0644")), "a: \"0644\"\n"),
        case("a: x\n", set("a", json!("12:30")), "a: \"12:30\"\n"),
        case("a: x\n", set("a", json!("b: c")), "a: \"b: c\"\n"),
        case("a: x\n", set("a", json!("b #c")), "a: \"b #c\"\n"),
        case("a: x\n", set("a", json!("")), "a: \"\"\n"),
        case("a: x\n", set("a", json!("100m")), "a: 100m\n"),
        case("a: x\n", set("a", json!(null)), "a: null\n"),
        case("a: x\n", set("a", json!(1.5)), "a: 1.5\n"),
        case("a: x\n", set("a", json!(true)), "a: true\n"),
        case("a: x\n", set("a", json!("https://x.y/z?q=1")), "a: https://x.y/z?q=1\n"),
        case("a:\nb: 1\n", set("a", json!("x")), "a: x\nb: 1\n"),
        case("a: # note\nb: 1\n", set("a", json!("x")), "a: x # note\nb: 1\n"),
        case("a:", set("a", json!(1)), "a: 1"),
        case("- a\n-\n- b\n", set("1", json!(1)), "- a\n- 1\n- b\n"),
        case("a: &x b # note\n", set("a", json!("c")), "a: &x c # note\n"),
        case("a: &x 1\nb: *x # note\n", set("b", json!(2)), "a: &x 1\nb: 2 # note\n"),
        case("a: |- # note\n  x\n  y\nb: 1\n", set("a", json!("z")), "a: z # note\nb: 1\n"),
        case(
            "a: |- # note\n  x\n  y\nb: 1\n",
            set("a", json!("p\n  q")),
            "a: |- # note\n  p\n    q\nb: 1\n",
        ),
        case("a: x # note\nb: 1\n", set("a", json!("p\n\nq\n")), "a: | # note\n  p\n\n  q\nb: 1\n"),
        case(
            "a:\n- x # note\n- y\n",
            set("a/0", json!("p\nq\n")),
            "a:\n- | # note\n  p\n  q\n- y\n",
        ),
        case("a: x\n   y # note\n", set("a", json!("z")), "a: z # note\n"),
        case("a: ü\r\nb: 1\r\n", set("a", json!("é")), "a: é\r\nb: 1\r\n"),
        case("a: 'x'\n  # in\nb: 1\n", set("a", json!("z")), "a: 'z'\n  # in\nb: 1\n"),
        case(
            "a: 'x'\n  # in\nb: 1\n",
            set("a", json!("p\nq\n")),
            "a: \"p\\nq\\n\"\n  # in\nb: 1\n",
        ),
        case("a:\n# in\n- x\n", set("a", json!("p\nq\n")), "a: \"p\\nq\\n\"\n# in\n"),
        case("a: !!str 1\n", set("a", json!("2")), "a: !!str \"2\"\n"),
        // Collections.
        case(
            "a: x # note\nb: 1\n",
            set("a", json!({ "c": { "d": 1 }, "e": ["f"] })),
            "a: # note\n  c:\n    d: 1\n  e:\n  - f\nb: 1\n",
        ),
        case(
            "p:\n    q: 1\n    r:\n      - s\na: x",
            set("a", json!({ "c": { "d": 1 }, "e": ["f", { "g": 1, "h": [] }] })),
            "p:\n    q: 1\n    r:\n      - s\na:\n    c:\n        d: 1\n    e:\n      - f\n      - g: 1\n        h: []",
        ),
        case(
            "a: x\r\nb: 1\r\n",
            set("a", json!({ "c": 1, "d": 2 })),
            "a:\r\n  c: 1\r\n  d: 2\r\nb: 1\r\n",
        ),
        case(
            "a:\n      c: 1\n      d: 2 # gone\nb: 1\n",
            set("a", json!({ "e": 1 })),
            "a:\n      e: 1\nb: 1\n",
        ),
        case("a: # note\n  c: 1\n  d: 2\nb: 1\n", set("a", json!("x")), "a: x # note\nb: 1\n"),
        case("a:\n  c: 1", set("a", json!([1, 2])), "a:\n- 1\n- 2"),
        case(
            "a:\n- c: 1\n  d: 2 # gone\n- e # note\n",
            set("a/0", json!({ "f": 1, "g": { "h": 2 } })),
            "a:\n- f: 1\n  g:\n    h: 2\n- e # note\n",
        ),
        case(
            "a:\n- c\n- e # note\n",
            set("a/1", json!({ "f": 1, "g": 2 })),
            "a:\n- c\n- f: 1 # note\n  g: 2\n",
        ),
        case("a:\n-\n- b\n", set("a/0", json!({ "f": 1, "g": 2 })), "a:\n- f: 1\n  g: 2\n- b\n"),
        case(
            "a: {b: 1} # note\n",
            set("a", json!({ "c": [1, "x, y"] })),
            "a: {c: [1, \"x, y\"]} # note\n",
        ),
        case("a: x # note\n", set("a", json!({})), "a: {} # note\n"),
        case("{\"a\": \"x\"}\n", set("a", json!({ "b": "c" })), "{\"a\": {\"b\": \"c\"}}\n"),
        case("{\"a\":1}\n", set("a", json!({ "b": ["c", 2] })), "{\"a\":{\"b\":[\"c\",2]}}\n"),
        case("{a: x, b: y}\n", set("a", json!("p, q")), "{a: \"p, q\", b: y}\n"),
        case("{a: , b}\n", set("a", json!(1)), "{a: 1 , b}\n"),
        case("{a: , b}\n", set("b", json!(1)), "{a: , b: 1}\n"),
        case("a: 1\n--- # x\n- b\n", set("1:", json!({ "c": 1 })), "a: 1\n--- # x\nc: 1\n"),
    ]
}

fn adding() -> Vec<Case> {
    vec![
        case("a: 1\n\n# tail\n", insert("", "b", json!(2)), "a: 1\nb: 2\n\n# tail\n"),
        case(
            "a:\n  b: 1 # note\n  # tail\nc: 2\n",
            insert("a", "d", json!("x")),
            "a:\n  b: 1 # note\n  d: x\n  # tail\nc: 2\n",
        ),
        case(
            "a:\n   b:\n      c: 1\n\nd: 2\n",
            insert("a", "e", json!({ "f": { "g": [1] } })),
            "a:\n   b:\n      c: 1\n   e:\n      f:\n         g:\n         - 1\n\nd: 2\n",
        ),
        case(
            "a:\n- b: 1\n- c: 2\n",
            insert("a/0", "d", json!([{ "e": 1, "f": 2 }])),
            "a:\n- b: 1\n  d:\n  - e: 1\n    f: 2\n- c: 2\n",
        ),
        case("a:\n  - - b: 1\n", insert("a/0/0", "c", json!(2)), "a:\n  - - b: 1\n      c: 2\n"),
        case("a: 1", insert("", "b", json!({ "c": 1 })), "a: 1\nb:\n  c: 1"),
        case("a: 1\r\nb: 2", insert("", "c", json!([1])), "a: 1\r\nb: 2\r\nc:\r\n- 1"),
        case(
            "a: 1\n---\nb: 2\n...\n---\nc: 3\n",
            insert("1:", "d", json!(4)),
            "a: 1\n---\nb: 2\nd: 4\n...\n---\nc: 3\n",
        ),
        case(
            "a:\n  b: |+\n    x\n\n\nc: 1\n",
            insert("a", "d", json!(1)),
            "a:\n  b: |+\n    x\n\n\n  d: 1\nc: 1\n",
        ),
        case(
            "a:\n  b: |\n    x\n\n\nc: 1\n",
            insert("a", "d", json!(1)),
            "a:\n  b: |\n    x\n  d: 1\n\n\nc: 1\n",
        ),
        case("a: {} # note\n", insert("a", "b", json!({ "c": 1 })), "a: {b: {c: 1}} # note\n"),
        case("a: { b: 1 }\n", insert("a", "c", json!("x, y")), "a: { b: 1, c: \"x, y\" }\n"),
        case("a: {b: 1,}\n", insert("a", "c", json!(2)), "a: {b: 1, c: 2,}\n"),
        case("{\"a\":1}", insert("", "b", json!("c")), "{\"a\":1,\"b\":\"c\"}"),
        case(
            "{\n  \"a\": 1 # note\n}\n",
            insert("", "b", json!({ "c": [true] })),
            "{\n  \"a\": 1, # note\n  \"b\": {\"c\": [true]}\n}\n",
        ),
        case(
            "{\r\n\t\"a\": 1\r\n}\r\n",
            insert("", "b", json!(2)),
            "{\r\n\t\"a\": 1,\r\n\t\"b\": 2\r\n}\r\n",
        ),
        case("a:\nb: 1\n", insert("a", "c", json!(2)), "a:\n  c: 2\nb: 1\n"),
        case("a:\n  c:\nb: 1\n", insert("a", "c", json!(2)), "a:\n  c: 2\nb: 1\n"),
        case("a:\n  b: 1\n", insert("a", "yes", json!("no")), "a:\n  b: 1\n  \"yes\": \"no\"\n"),
        case(
            "a: &x\n  b: 1\n",
            insert("a", "c", json!("é\nü\n")),
            "a: &x\n  b: 1\n  c: |\n    é\n    ü\n",
        ),
        case(
            "d: &d {e: 1}\na:\n  <<: *d\n",
            insert("a", "b", json!(1)),
            "d: &d {e: 1}\na:\n  <<: *d\n  b: 1\n",
        ),
        // Items.
        case(
            "a:\n  - b # note\n# tail\n",
            append("a", json!("c")),
            "a:\n  - b # note\n  - c\n# tail\n",
        ),
        case(
            "a:\n- b\nc: 1\n",
            append("a", json!({ "d": 1, "e": { "f": 2 } })),
            "a:\n- b\n- d: 1\n  e:\n    f: 2\nc: 1\n",
        ),
        case(
            "a:\n-   b: 1\n    c: 2\n",
            append("a", json!({ "d": 1, "e": 2 })),
            "a:\n-   b: 1\n    c: 2\n-   d: 1\n    e: 2\n",
        ),
        case("- - a\n- b\n", append("0", json!(["c"])), "- - a\n  - - c\n- b\n"),
        case("a:\n- b", append("a", json!([])), "a:\n- b\n- []"),
        case("a: [] # note\n", append("a", json!({ "b": 1 })), "a: [{b: 1}] # note\n"),
        case("a: [b, c]\n", append("a", json!("[d]")), "a: [b, c, \"[d]\"]\n"),
        case("a: [\n  b, # note\n]\n", append("a", json!("c")), "a: [\n  b, # note\n  c,\n]\n"),
        case("a: [b,\n    c]\n", append("a", json!("d")), "a: [b,\n    c,\n    d]\n"),
        case("a:\n# tail\n", append("a", json!(1)), "a:\n- 1\n# tail\n"),
    ]
}

fn renaming() -> Vec<Case> {
    vec![
        case("a: 1 # note\nb: 2\n", rename("a", "c"), "c: 1 # note\nb: 2\n"),
        case("x:\n- 'a':\n    b: 1\n", rename("x/0/a", "it's"), "x:\n- 'it''s':\n    b: 1\n"),
        case("{\"a\":1}", rename("a", "b\""), "{\"b\\\"\":1}"),
        case("a: 1\n", rename("a", "on"), "\"on\": 1\n"),
        case("&k a: &v 1\n", rename("a", "b"), "&k b: &v 1\n"),
        case("? a\n: 1\n", rename("a", "b"), "? b\n: 1\n"),
        case("ä:\r\n  b: 1\r\n", rename("ä/b", "ö"), "ä:\r\n  ö: 1\r\n"),
    ]
}

fn splicing() -> Vec<Case> {
    let one = |before: &'static str, path: &str, old: &str, new: &str, after: &'static str| {
        case(before, splice(before, path, old, new), after)
    };
    vec![
        one("a: 512m # note\n", "a", "m", "Mi", "a: 512Mi # note\n"),
        one("a: x y z\n", "a", "y", "b: c", "a: \"x b: c z\"\n"),
        one("a: x y z\n", "a", "y", "#", "a: \"x # z\"\n"),
        one("a: x y\n", "a", "x y", "yes", "a: \"yes\"\n"),
        one("a: 5x\n", "a", "x", "", "a: \"5\"\n"),
        one("a: 512\n", "a", "12", "00", "a: 500\n"),
        one("a: 512\n", "a", "12", "00m", "a: 500m\n"),
        one("a: xy\n", "a", "x", "- ", "a: \"- y\"\n"),
        one("a: [x y]\n", "a/0", "y", "z, w", "a: [\"x z, w\"]\n"),
        one("a: 'it''s (x)'\n", "a", "(x)", "'y'", "a: 'it''s ''y'''\n"),
        one("a: 'it''s (x)'\n", "a", "'s", "", "a: 'it (x)'\n"),
        one("a: 'x'\n", "a", "x", "\n", "a: \"\\n\"\n"),
        one("a: \"b{c=\\\"d\\\"} é\"\n", "a", "d", "\"\\", "a: \"b{c=\\\"\\\"\\\\\\\"} é\"\n"),
        one("a: \"\\u00e9x\"\n", "a", "é", "e", "a: \"ex\"\n"),
        one(
            "a: |\n  sum (x) # no comment\n    y\nb: 1\n",
            "a",
            "x",
            "z: #1",
            "a: |\n  sum (z: #1) # no comment\n    y\nb: 1\n",
        ),
        one("a: >-\n  p\n  q r\n", "a", "q", "s", "a: >-\n  p\n  s r\n"),
        one("a: p\n  q r\n", "a", "q", "s", "a: p\n  s r\n"),
        one("a: p\n  q r\n", "a", "q", "s:", "a: \"p s: r\"\n"),
        one("a: |\r\n  p\r\n  q\r\n", "a", "q", "s", "a: |\r\n  p\r\n  s\r\n"),
        case("a: 'it'''\n", Op::Splice(to("a"), 3..3, "x".into()), "a: 'it''x'\n"),
        case("a: ''\n", Op::Splice(to("a"), 0..0, "x".into()), "a: 'x'\n"),
        case("a: xy\n", Op::Splice(to("a"), 1..1, " ".into()), "a: x y\n"),
    ]
}

fn together() -> Vec<Case> {
    vec![
        several("a: 1\nb: 2\nc: 3\n", vec![set("a", json!(4)), remove("c")], "a: 4\nb: 2\n"),
        several("a: 1\nb: 2\nc: 3\n", vec![remove("a"), remove("b")], "c: 3\n"),
        several(
            "a:\n  b: 1\n  # x\n  c: 2\n",
            vec![remove("a/b"), remove("a/c")],
            "a: {}\n  # x\n",
        ),
        several("a: {b: 1, c: 2}\n", vec![remove("a/b"), remove("a/c")], "a: {}\n"),
        several(
            "a: [b, c, d]\n",
            vec![remove("a/1"), remove("a/2"), append("a", json!("e"))],
            "a: [b, e]\n",
        ),
        several(
            "a:\n- b\n- c\n- d\n",
            vec![remove("a/0"), set("a/2", json!("e")), remove("a/1")],
            "a:\n- e\n",
        ),
        several("a:\n  b: 1\n", vec![remove("a/b"), insert("a", "c", json!(2))], "a:\n  c: 2\n"),
        several(
            "a:\n  b: 1\n",
            vec![insert("a", "c", json!(2)), insert("a", "d", json!({ "e": 3 }))],
            "a:\n  b: 1\n  c: 2\n  d:\n    e: 3\n",
        ),
        several("a: 1\n", vec![rename("a", "b"), set("a", json!(2))], "b: 2\n"),
        several("a:\n  c: 1\n", vec![rename("a", "b"), rename("a/c", "d")], "b:\n  d: 1\n"),
        several(
            "a: x y\n",
            vec![Op::Splice(to("a"), 0..1, "z: ".into()), Op::Splice(to("a"), 2..3, "w".into())],
            "a: \"z:  w\"\n",
        ),
        several(
            "a: 1\n---\nb: 2\n",
            vec![set("1:b", json!(3)), set("a", json!(4))],
            "a: 4\n---\nb: 3\n",
        ),
    ]
}

fn refusing() -> Vec<Case> {
    vec![
        refused("a: 1\n", remove("b"), "`b` is not there"),
        refused("a: 1\n", remove("1:a"), "no such document"),
        refused("a: [1]\n", remove("a/1"), "`a[1]` is not there"),
        refused("a: 1\n", remove("a/b"), "`a.b` is not there"),
        refused("a: 1\n", remove(""), "a whole document"),
        refused("a: 1\na: 2\n", remove("a"), "`a` is there twice"),
        refused("a: {b: 1, b: 2}\n", set("a/b", json!(1)), "`a.b` is there twice"),
        refused("d: &d {e: 1}\na:\n  <<: *d\n", set("a/e", json!(2)), "merged in"),
        refused("d: &d {e: 1}\na: *d\n", set("a/e", json!(2)), "an alias stands for it"),
        refused("d: &d {e: 1}\na: *d\n", insert("a", "f", json!(2)), "an alias stands for it"),
        refused("d: &d {e: 1}\na: *d\n", set("d/e", json!(2)), "`*d` elsewhere stands for it too"),
        refused("d: &d {e: 1}\na: *d\n", set("d", json!(2)), "`*d` elsewhere"),
        refused("d: &d\n  e: 1\na:\n  <<: *d\n", insert("d", "f", json!(2)), "`*d` elsewhere"),
        refused("d: &d {e: 1}\na: *d\n", remove("d/e"), "`*d` elsewhere"),
        refused("d: &d {e: 1}\na: *d\n", rename("d/e", "f"), "`*d` elsewhere"),
        refused("d: &d {e: 1}\na: *d\n", remove("d"), "`*d` elsewhere needs its anchor"),
        Case {
            before: "a: &x 1\nb: *x\n",
            ops: vec![remove("a"), remove("b")],
            after: Err("needs its anchor"),
        },
        refused("d: {e: &d 1}\na: *d\n", set("d", json!(1)), "`*d` elsewhere needs its anchor"),
        refused("a: 1\n", insert("", "a", json!(2)), "`a` is there already"),
        refused("a: 1\n", insert("a", "b", json!(2)), "no mapping"),
        refused("a: {}\n", append("a", json!(2)), "no sequence"),
        refused("a: 1\nb: 2\n", rename("a", "b"), "`b` is there already"),
        refused("- a\n", rename("0", "b"), "no key"),
        refused("d: &d {e: 1}\na:\n  <<: *d\n", rename("a/<<", "b"), "no plain or quoted text"),
        refused(
            "? |\n  a\n: 1\n",
            Op::Rename(Target { path: vec![Step::Key("a\n".into())], ..to("") }, "b".into()),
            "no plain or quoted text",
        ),
        refused("a: b\n", Op::Splice(to("a"), 0..2, String::new()), "no such part"),
        refused("a: é\n", Op::Splice(to("a"), 1..2, String::new()), "no such part"),
        refused("a: {}\n", Op::Splice(to("a"), 0..0, String::new()), "no text"),
        refused("a: |\n  b\n", Op::Splice(to("a"), 0..1, "x\ny".into()), "cannot hold"),
        refused("a: |\n  b\n  c\n", Op::Splice(to("a"), 0..3, "x".into()), "over several lines"),
        refused("a: 'b\n  c'\n", Op::Splice(to("a"), 0..3, "x".into()), "over several lines"),
        refused("a: &x\nb: 1\n", set("a", json!(1)), "only an anchor"),
        refused("? a\n: b\n? c\n: d\n", remove("a"), "stands in front of it"),
        refused("a: !!str 1\n", set("a", json!(2)), "its tag says"),
        refused(
            "a:\n  - |\n    x\n  - b\n    # in\n  - c\n",
            remove("a/1"),
            "part of the text above",
        ),
        refused("[a: 1, b]\n", insert("0", "c", json!(1)), "without braces"),
        Case {
            before: "a: {b: 1}\n",
            ops: vec![remove("a"), set("a/b", json!(2))],
            after: Err("contradict"),
        },
        Case {
            before: "a: {b: 1}\n",
            ops: vec![set("a", json!(2)), insert("a", "c", json!(2))],
            after: Err("contradict"),
        },
        Case { before: "a: 1\n", ops: vec![remove("a"), remove("a")], after: Err("contradict") },
        Case {
            before: "a: 1\n",
            ops: vec![rename("a", "b"), rename("a", "c")],
            after: Err("contradict"),
        },
        Case {
            before: "a: xyz\n",
            ops: vec![
                Op::Splice(to("a"), 0..2, String::new()),
                Op::Splice(to("a"), 1..3, String::new()),
            ],
            after: Err("contradict"),
        },
        Case {
            before: "a: {}\n",
            ops: vec![insert("a", "b", json!(1)), insert("a", "b", json!(1))],
            after: Err("there already"),
        },
    ]
}

#[test]
fn every_operation_in_every_style() {
    let mut wrong = Vec::new();
    for Case { before, ops, after } in cases() {
        let stream = parse(FileId::NONE, before);
        let got = apply(&stream, &ops.iter().collect::<Vec<_>>());
        let right = match (&got, after) {
            (Ok(text), Ok(wanted)) => text == wanted,
            (Err(reason), Err(part)) => reason.0.contains(part),
            _ => false,
        };
        if !right {
            wrong.push(format!("{before:?}\n  {ops:?}\n  gave   {got:?}\n  wanted {after:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
