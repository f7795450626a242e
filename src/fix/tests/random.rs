//! Random changes of random files: right or refused, and no mutant of a result passes for it.

use proptest::prelude::*;
use serde_json::Value;

use super::read;
use crate::finding::{Op, Step, Target};
use crate::fix::check;
use crate::source::Span;
use crate::yaml::tree::trees;
use crate::yaml::{Place, Stream, edit};

#[derive(Clone, Debug)]
enum Node {
    Scalar(&'static str),
    Map(Vec<(usize, Node)>),
    List(Vec<Node>),
}

/// Scalars of all kinds; those that go over lines start with their header.
const SCALARS: [&str; 29] = [
    "*x",
    "&y z",
    "!!str 5",
    "'two\nlines'",
    "\"two\n\nli\\\nnes\"",
    "p q\nr",
    "{p: 1, # in\n q: [r,\n s]}",
    "[\nt, # in\nu # too\n]",
    "{\n\"k\": {}, # in\n\"l\":[]\n}",
    "1",
    "x",
    "'it''s'",
    "\"q\\\"\\té\"",
    "yes",
    "~",
    "",
    "512m",
    "a b c",
    "'8080'",
    "1.5",
    "\"\"",
    "http://x/y",
    "|\ntext\n more",
    "|-\nsum by (x)",
    ">-\nfolded\ntext",
    "|+\nkept\n",
    "{p: 1, q: [r, 's']}",
    "[t, {u: v}]",
    "é ü",
];
const KEYS: [&str; 8] = ["a", "b", "spec", "'name'", "\"w\"", "on-x", "ä", "labels"];

fn node() -> impl Strategy<Value = Node> {
    let leaf = prop::sample::select(&SCALARS[..]).prop_map(Node::Scalar);
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec((0..KEYS.len(), inner.clone()), 1..5).prop_map(Node::Map),
            prop::collection::vec(inner, 1..4).prop_map(Node::List),
        ]
    })
}

/// How a file is written, and bits that decide where comments and blank lines go.
#[derive(Clone, Debug)]
struct Manner {
    step: usize,
    dash: usize,
    gap: usize,
    carriage_return: bool,
    final_newline: bool,
    noise: Vec<u8>,
}

fn manner() -> impl Strategy<Value = Manner> {
    let noise = prop::collection::vec(any::<u8>(), 1..40);
    (1usize..5, 0usize..4, 1usize..4, any::<bool>(), any::<bool>(), noise).prop_map(
        |(step, dash, gap, carriage_return, final_newline, noise)| Manner {
            step,
            dash,
            gap,
            carriage_return,
            final_newline,
            noise,
        },
    )
}

struct Writer<'m> {
    manner: &'m Manner,
    lines: Vec<String>,
    count: usize,
}

impl Writer<'_> {
    fn dice(&mut self) -> usize {
        self.count += 1;
        let noise = &self.manner.noise;
        usize::from(noise[self.count % noise.len()]) + self.count
    }

    fn line(&mut self, line: String, indent: usize, note: bool) {
        let dice = self.dice();
        let count = self.count;
        if dice.is_multiple_of(7) {
            self.lines.push(format!("{}# above {count}", " ".repeat(indent)));
        }
        if dice.is_multiple_of(11) {
            self.lines.push(String::new());
        }
        self.lines.push(if note && dice.is_multiple_of(5) {
            format!("{line} # at {count}")
        } else {
            line
        });
    }

    /// A line that a collection stands below, at times with an anchor.
    fn head(&mut self, head: String, column: usize) {
        let anchor = if self.dice().is_multiple_of(6) { " &c" } else { "" };
        if !head.is_empty() {
            self.line(head + anchor, column, true);
        }
    }

    /// Writes `node` behind `head`, whose own column is `column`.
    fn write(&mut self, head: String, column: usize, node: &Node, below: usize) {
        match node {
            Node::Scalar(text) => {
                let mut lines = text.split('\n');
                let first = lines.next().unwrap();
                let blank = if first.is_empty() { "" } else { " " };
                let one_line = !text.contains('\n');
                let comment = one_line || first.starts_with(['|', '>']);
                self.line(format!("{head}{blank}{first}"), column, comment);
                for line in lines {
                    let indent = if line.is_empty() { 0 } else { column + 1 + below };
                    self.lines.push(" ".repeat(indent) + line);
                }
            }
            Node::Map(entries) => {
                let compact = head.ends_with('-') && !self.dice().is_multiple_of(4);
                let gap = self.manner.gap;
                let (mut prefix, indent) = if compact {
                    (head + &" ".repeat(gap), column + 1 + gap)
                } else {
                    self.head(head, column);
                    (String::new(), column + below)
                };
                let mut known = Vec::new();
                for (key, value) in entries {
                    if known.contains(key) {
                        continue;
                    }
                    known.push(*key);
                    let lead = if prefix.is_empty() {
                        " ".repeat(indent)
                    } else {
                        std::mem::take(&mut prefix)
                    };
                    let below = match value {
                        Node::List(_) => self.manner.dash,
                        _ => self.manner.step,
                    };
                    self.write(format!("{lead}{}:", KEYS[*key]), indent, value, below);
                }
            }
            Node::List(items) => {
                let compact = head.ends_with('-') && self.dice().is_multiple_of(2);
                let gap = self.manner.gap;
                let (mut prefix, indent) = if compact {
                    (head + &" ".repeat(gap), column + 1 + gap)
                } else {
                    self.head(head, column);
                    (String::new(), column + below)
                };
                for item in items {
                    let lead = if prefix.is_empty() {
                        " ".repeat(indent)
                    } else {
                        std::mem::take(&mut prefix)
                    };
                    self.write(format!("{lead}-"), indent, item, self.manner.step);
                }
            }
        }
    }
}

fn written(documents: &[Node], manner: &Manner) -> String {
    let mut writer = Writer { manner, lines: Vec::new(), count: 0 };
    for (index, document) in documents.iter().enumerate() {
        if index > 0 {
            writer.lines.push("---".to_owned());
        }
        let root = Node::Map(vec![
            (1, Node::Scalar("&x {p: 1}")),
            (0, document.clone()),
            (7, Node::Scalar("end")),
        ]);
        writer.write(String::new(), 0, &root, 0);
    }
    let feed = if manner.carriage_return { "\r\n" } else { "\n" };
    let text = writer.lines.join(feed);
    if manner.final_newline { text + feed } else { text }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1e6..1e6f64).prop_map(Value::from),
        awkward().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((awkward(), inner), 0..3)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Text with everything that YAML could trip over.
fn awkward() -> impl Strategy<Value = String> {
    let pieces = [
        "on",
        "012",
        "1e3",
        "~",
        "x",
        "yz",
        ": ",
        " #",
        "\"",
        "'",
        "\\",
        "\n",
        "\t",
        "é",
        "\u{1f600}",
        "- ",
        "&a",
        "}",
        ",",
        "{",
        "]",
        "|",
        "%",
        "<<",
        " ",
        "\u{85}",
        "---",
        "...",
        "?",
        "=",
        "12:30",
        "\r",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..4).prop_map(|p| p.concat())
}

fn places<'a>(place: Place<'a>, found: &mut Vec<Place<'a>>) {
    found.push(place);
    place.entries().into_iter().for_each(|(_, value)| places(value, found));
    place.items().for_each(|item| places(item, found));
}

fn op(target: Target, text: &str, which: usize, word: &str, value: Value) -> Op {
    let cut = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    match which % 6 {
        0 => Op::Remove(target),
        1 => Op::Set(target, value),
        2 => Op::Insert(target, word.to_owned(), value),
        3 => Op::Append(target, value),
        4 => Op::Rename(target, word.to_owned()),
        _ => {
            let (a, b) = (cut(which / 6 % 9).unwrap(), cut(which / 54 % 9).unwrap());
            Op::Splice(target, a.min(b)..a.max(b), word.to_owned())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_changes_are_right_or_refused(
        documents in prop::collection::vec(node(), 1..3),
        manner in manner(),
        picks in prop::collection::vec((any::<u16>(), any::<u16>(), awkward(), value()), 1..4),
        mutation in (any::<prop::sample::Index>(), 0..3usize, prop::sample::select(&["", "x", " ", "\n", "#", "-", "\""][..])),
    ) {
        let text = written(&documents, &manner);
        let stream = read(&text);
        prop_assert_eq!(&stream.problems, &[], "{}", text);
        let ops = random_ops(&stream, picks);
        let each: Vec<&Op> = ops.iter().collect();
        let Ok(after) = edit::apply(&stream, &each) else { return Ok(()) };
        let checked = check(&stream, &after, &each);
        // What stands behind `|+` cannot go without a change of that text.
        if !text.contains("|+") {
            prop_assert_eq!(&checked, &Ok(()), "{}\n=== {:?}\n{}", text, ops, after);
        }
        if let ([Op::Remove(target)], Ok(())) = (&ops[..], &checked)
            && matches!(target.path.last(), Some(Step::Key(_)))
        {
            prop_assert!(edit::apply(&read(&after), &each).is_err(), "{} twice", after);
        }
        // A mutant that passes says the same: it differs in blanks on lines that the change may touch.
        let (at, length, new) = mutation;
        let characters: Vec<_> = after.char_indices().map(|(at, _)| at).chain([after.len()]).collect();
        let from = at.index(characters.len());
        let to = (from + length).min(characters.len() - 1);
        let mutant = [&after[..characters[from]], new, &after[characters[to]..]].concat();
        if checked.is_ok() && check(&stream, &mutant, &each).is_ok() {
            let bare = |text: &str| text.replace(char::is_whitespace, "");
            prop_assert!(
                same_meaning(&after, &mutant) && bare(&after).len().abs_diff(bare(&mutant).len()) <= 3,
                "{}\n=== {:?}\n{}\n=== mutant\n{}", text, ops, after, mutant
            );
        }
    }

    #[test]
    fn no_text_makes_an_edit_panic(
        pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 1..24),
        picks in prop::collection::vec((any::<u16>(), any::<u16>(), awkward(), value()), 1..4),
    ) {
        let text = pieces.concat();
        let stream = read(&text);
        let ops = random_ops(&stream, picks);
        let each: Vec<&Op> = ops.iter().collect();
        if let Ok(after) = edit::apply(&stream, &each)
            && check(&stream, &after, &each).is_ok()
        {
            prop_assert_eq!(stream.documents().len(), read(&after).documents().len());
        }
    }
}

const PIECES: [&str; 40] = [
    "a: ",
    "b:\n",
    "c: 1\n",
    "  d: x\n",
    "  e:\n",
    "    f: 'g'\n",
    "- ",
    "  - ",
    "- h\n",
    "-\n",
    "? ",
    ": ",
    "&i ",
    "*i",
    "!!str ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "\"j\"",
    "|\n",
    ">-\n",
    "|+2\n",
    "  text\n",
    "\n",
    "\r\n",
    "\r",
    "# k\n",
    " # l\n",
    "---\n",
    "--- ",
    "...\n",
    "\t",
    "\u{feff}",
    "<<: *i\n",
    "é: ü\n",
    "%YAML 1.2\n",
    "  ",
    "m\n",
];

fn random_ops(stream: &Stream<'_>, picks: Vec<(u16, u16, String, Value)>) -> Vec<Op> {
    let mut all = Vec::new();
    stream.documents().for_each(|document| places(document, &mut all));
    let comments: Vec<Span> = stream.comments().map(|(span, _)| span).collect();
    let op = |(place, which, word, value): (u16, u16, String, Value)| {
        if let (0, Some(comment)) = (which % 7, comments.get(usize::from(place) % 8)) {
            let start =
                comment.start + u32::from(which % 3 == 0 && comment.end - comment.start > 1);
            return Some(Op::Uncomment(Span { start, ..*comment }));
        }
        let place = all.get(usize::from(place) % all.len().max(1))?;
        Some(op(place.target(), place.text().unwrap_or(""), which.into(), &word, value))
    };
    picks.into_iter().filter_map(op).collect()
}

fn same_meaning(a: &str, b: &str) -> bool {
    let (a, b) = (trees(&read(a)), trees(&read(b)));
    a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.difference(b).is_none())
}
