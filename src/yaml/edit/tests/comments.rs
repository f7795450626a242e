//! Comments that go, in every place where one can stand.

use serde_json::json;

use super::{Case, remove, set};
use crate::finding::Op;
use crate::source::{FileId, Span};

/// Takes the first `part` of a comment out.
pub(crate) fn uncomment(before: &str, part: &str) -> Op {
    let start = before.find(part).unwrap();
    Op::Uncomment(Span {
        file: FileId::NONE,
        start: start.try_into().unwrap(),
        end: (start + part.len()).try_into().unwrap(),
    })
}

fn case(before: &'static str, part: &str, after: &'static str) -> Case {
    Case { before, ops: vec![uncomment(before, part)], after: Ok(after) }
}

fn refused(before: &'static str, ops: Vec<Op>, reason: &'static str) -> Case {
    Case { before, ops, after: Err(reason) }
}

pub(super) fn cases() -> Vec<Case> {
    let both = "a: 1 # x\nb: 2\n# y\nc: 3\n";
    vec![
        // Alone on its line.
        case("a: 1\n# x\nb: 2\n", "# x", "a: 1\nb: 2\n"),
        case("# x\na: 1\n", "# x", "a: 1\n"),
        case("\u{feff}# x\na: 1\n", "# x", "\u{feff}a: 1\n"),
        case("a: 1\r\n  # x\r\nb: 2\r\n", "# x", "a: 1\r\nb: 2\r\n"),
        case("a: 1\n\t# x\t \nb: 2\n", "# x\t ", "a: 1\nb: 2\n"),
        case("a: 1\n# x\n", "# x", "a: 1\n"),
        case("a: 1\n# x", "# x", "a: 1\n"),
        case("a: 1\r\n# x", "# x", "a: 1\r\n"),
        case("# before\n# x\n# behind\na: 1\n", "# x", "# before\n# behind\na: 1\n"),
        case("# x\n\n# head\n\na: 1\n", "# x", "\n# head\n\na: 1\n"),
        case("a: 1\n---\n# x\nb: 2\n", "# x", "a: 1\n---\nb: 2\n"),
        case("a:\n- b\n# x\n- c\n", "# x", "a:\n- b\n- c\n"),
        case("a: |\n  y\n# x\nb: 2\n", "# x", "a: |\n  y\nb: 2\n"),
        // Behind something else.
        case("a: 1 # x\nb: 2 # y\n", "# x", "a: 1\nb: 2 # y\n"),
        case("a: 1  \t# x\r\nb: 2\r\n", "# x", "a: 1\r\nb: 2\r\n"),
        case("a: 1 # x", "# x", "a: 1"),
        case("a: é # ü\nb: 2\n", "# ü", "a: é\nb: 2\n"),
        case("a: # x\n  b: 1\n", "# x", "a:\n  b: 1\n"),
        case("a: # x\n", "# x", "a:\n"),
        case("- # x\n  a: 1\n", "# x", "-\n  a: 1\n"),
        case("a: | # x\n  # text\n", "# x", "a: |\n  # text\n"),
        case("a: '# no' # x\n", "# x", "a: '# no'\n"),
        case("--- # x\na: 1\n... # y\n", "# y", "--- # x\na: 1\n...\n"),
        case("a: 1 # y\n# x\n", "# y", "a: 1\n# x\n"),
        // In braces and brackets.
        case("a: {b: 1, # x\n  c: 2} # y\n", "# x", "a: {b: 1,\n  c: 2} # y\n"),
        case("a: { # x\n  # y\n  b: 1\n}\n", "# x", "a: {\n  # y\n  b: 1\n}\n"),
        case("a: { # x\n  # y\n  b: 1\n}\n", "# y", "a: { # x\n  b: 1\n}\n"),
        case("a: [\n  b # x\n  , c\n]\n", "# x", "a: [\n  b\n  , c\n]\n"),
        case("a: [\n  b,\n  # x\n]\n", "# x", "a: [\n  b,\n]\n"),
        // Parts.
        case("a: 1 # x[b, c] d\n", "b, ", "a: 1 # x[c] d\n"),
        case("a: 1 # x[b, c] d\n", ", c", "a: 1 # x[b] d\n"),
        case("# x é\r\na: 1\r\n", " é", "# x\r\na: 1\r\n"),
        // Beside other changes.
        Case {
            before: both,
            ops: vec![uncomment(both, "# x"), uncomment(both, "# y"), remove("c")],
            after: Err("another of its changes touches"),
        },
        Case {
            before: both,
            ops: vec![uncomment(both, "# x"), uncomment(both, "# y"), set("c", json!(4))],
            after: Ok("a: 1\nb: 2\nc: 4\n"),
        },
        refused(both, vec![uncomment(both, "# x"), set("a", json!(2))], "changes touches"),
        refused(both, vec![uncomment(both, "# x"), remove("a")], "changes touches"),
        // What is no comment.
        refused(both, vec![uncomment(both, "a: 1")], "no comment"),
        refused(both, vec![uncomment(both, "1 # x")], "no comment"),
        refused(both, vec![uncomment(both, "# x\n")], "no comment"),
        refused(both, vec![uncomment(both, "# ")], "no comment"),
        refused(both, vec![uncomment(both, "")], "no comment"),
        refused("a: '# x'\n", vec![uncomment("a: '# x'\n", "# x")], "no comment"),
        refused("a: |\n  # x\n", vec![uncomment("a: |\n  # x\n", "# x")], "no comment"),
    ]
}
