//! The oracle agrees with every edit, and with nothing else.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::check;
use crate::finding::{Op, Target};
use crate::source::FileId;
use crate::yaml::edit::tests::{Case, cases, to};
use crate::yaml::edit::{self, Refused};
use crate::yaml::{Place, Stream, parse};

fn read(text: &str) -> Stream<'_> {
    parse(FileId::NONE, text)
}

#[test]
fn what_edits_do_is_what_they_should() {
    for Case { before, ops, after } in cases() {
        let ops: Vec<&Op> = ops.iter().collect();
        if let Ok(after) = after {
            assert_eq!(check(&read(before), after, &ops), Ok(()), "{before:?} {ops:?}");
        }
    }
}

/// A file with something of everything.
const FILE: &str = "\
# head
base: &base {cpu: 1, memory: 512m} # the base
---
spec: # about spec
  replicas: 3 # before the sale
  # about labels
  labels: &labels
    app: \"shop\"
    tier: 'web'
  selector: *labels
  containers:
  - name: web # first
    port: 8080
    args: [a, \"b\"]
  - name: proxy
    image: p:1   
  script: |
    echo # no comment

    exit 0
tail: ~
...
---
last: yes
";

#[test]
fn broken_edits_are_refused() {
    let remove = Op::Remove(to("1:spec/replicas"));
    let good = edit::apply(&read(FILE), &[&remove]).unwrap();
    assert_eq!(good, FILE.replace("  replicas: 3 # before the sale\n", ""));
    assert_eq!(check(&read(FILE), &good, &[&remove]), Ok(()));
    // On top of the right edit, what a wrong one would do beside it.
    for (old, new, reason) in [
        ("  # about labels\n", "", "the comment `# about labels` would be lost"),
        ("spec: # about spec\n", "spec:\n", "the comment `# about spec` would be lost"),
        ("# about spec", "# about Spec", "the comment `# about spec` would be lost"),
        ("  # about labels\n", "  # about labels\n  # new\n", "would come out of nothing"),
        ("    port: 8080\n", "", "would not stay as they are"),
        ("port: 8080", "port: 8081", "would not stay as they are"),
        ("port: 8080", "port: \"8080\"", "would not stay as they are"),
        ("'web'", "\"web\"", "would not stay as they are"),
        ("[a, \"b\"]", "[a,  \"b\"]", "would not stay as they are"),
        ("p:1   \n", "p:1\n", "would not stay as they are"),
        ("*labels", "*nothing", "the changed text cannot be read"),
        ("&labels", "&others", "the changed text cannot be read"),
        ("  selector: *labels", "  selector: {app: shop, tier: web}", "would not stay"),
        ("  containers:\n", " containers:\n", "the changed text cannot be read"),
        ("  - name: proxy\n", " - name: proxy\n", "the changed text cannot be read"),
        ("    exit 0\n", "   exit 0\n", "the changed text cannot be read"),
        ("\n---\nlast: yes\n", "\n---\nlast: yes\n---\nlast: yes\n", "would not stay as they are"),
        ("...\n---\nlast: yes\n", "...\n", "would not stay as they are"),
        ("tail: ~\n...\n---\n", "tail: ~\n", "would not stay as they are"),
        ("{cpu: 1, memory: 512m}", "{cpu: 1}", "would not stay as they are"),
        ("last: yes\n", "last: yes", "would not stay as they are"),
        ("# head\n", "\u{feff}# head\n", "would not stay as they are"),
    ] {
        let bad = good.replace(old, new);
        assert_ne!(bad, good, "{old:?}");
        let Err(Refused(found)) = check(&read(FILE), &bad, &[&remove]) else {
            panic!("{old:?} → {new:?} passed");
        };
        assert!(found.contains(reason), "{old:?} → {new:?}: {found}");
    }
    // Beside the right edit, on lines that it may touch.
    for (old, new, reason) in [
        ("spec: # about spec", "spec: &x # about spec", "`spec` would not be"),
        ("spec: # about spec", "spek: # about spec", "`spec` would not be"),
        ("  labels: &labels", "  labels: &labels\n    new: 1", "`spec.labels.app` would not be"),
        ("  labels: &labels", "  labels: !!map &labels", "`spec.labels` would not be"),
    ] {
        let bad = good.replace(old, new);
        let Err(Refused(found)) = check(&read(FILE), &bad, &[&remove]) else {
            panic!("{old:?} → {new:?} passed");
        };
        assert!(found.contains(reason), "{old:?} → {new:?}: {found}");
    }
    assert!(check(&read(FILE), FILE, &[&remove]).is_err(), "nothing done");
    assert!(check(&read(FILE), "", &[&remove]).is_err(), "nothing left");
    assert!(check(&read(FILE), &good.replace('\n', "\r\n"), &[&remove]).is_err(), "line ends");
}

#[test]
fn wrong_results_of_each_operation_are_refused() {
    let in_list = "a:\n- b # 1\n- c # 2\n- d # 3\n";
    let maps = "a:\n  b: 1 # x\n  c: 'd' # y\ne: 2\n";
    for (before, op, wrong) in [
        (in_list, Op::Remove(to("a/1")), "a:\n- c # 2\n- d # 3\n"),
        (in_list, Op::Remove(to("a/1")), "a:\n- b # 1\n# 2\n"),
        (in_list, Op::Remove(to("a/1")), "a:\n- b\n- d # 3\n"),
        (in_list, Op::Remove(to("a/1")), "a:\n- b # 1\n- d # 3\n# 2\n# 2\n"),
        (in_list, Op::Append(to("a"), json!("e")), "a:\n- e\n- b # 1\n- c # 2\n- d # 3\n"),
        (in_list, Op::Append(to("a"), json!("1")), "a:\n- b # 1\n- c # 2\n- d # 3\n- 1\n"),
        (in_list, Op::Append(to("a"), json!(1)), "a:\n- b # 1\n- c # 2\n- d # 3\n- 1.0\n"),
        (
            maps,
            Op::Insert(to("a"), "n".into(), json!(1)),
            "a:\n  b: 1 # x\n  c: 'd' # y\n  n: 1\ne: 2\n",
        ),
        (
            maps,
            Op::Insert(to("a"), "f".into(), json!(1)),
            "a:\n  b: 1 # x\n  c: 'd' # y\ne: 2\nf: 1\n",
        ),
        (
            maps,
            Op::Insert(to("a"), "f".into(), json!(1)),
            "a:\n  b: 1 # x\n  f: 1\n  c: 'd' # y\ne: 2\n",
        ),
        (maps, Op::Set(to("a/b"), json!(2)), "a:\n  b: 2\n  c: 'd' # y\ne: 2\n"),
        (maps, Op::Set(to("a/b"), json!(2)), "a:\n  b: \"2\" # x\n  c: 'd' # y\ne: 2\n"),
        (maps, Op::Set(to("a/b"), json!("2")), "a:\n  b: 2 # x\n  c: 'd' # y\ne: 2\n"),
        (maps, Op::Set(to("a/b"), json!("no")), "a:\n  b: no # x\n  c: 'd' # y\ne: 2\n"),
        (maps, Op::Set(to("a/b"), json!(2)), "a:\n  b: 2 # x\n  c: \"d\" # y\ne: 2\n"),
        (maps, Op::Rename(to("a/b"), "f".into()), "a:\n  f: 1 # x\n  c: 'd' # y\ne: 3\n"),
        (maps, Op::Rename(to("a/b"), "f".into()), "a:\n  c: 'd' # y\n  f: 1 # x\ne: 2\n"),
        (maps, Op::Rename(to("a/b"), "on".into()), "a:\n  on: 1 # x\n  c: 'd' # y\ne: 2\n"),
        (maps, Op::Splice(to("a/c"), 0..1, "f".into()), "a:\n  b: 1 # x\n  c: 'fd' # y\ne: 2\n"),
        (maps, Op::Splice(to("a/c"), 0..1, "1".into()), "a:\n  b: 1 # x\n  c: 1 # y\ne: 2\n"),
    ] {
        let right = edit::apply(&read(before), &[&op]).unwrap();
        let written_as_wrong = matches!(&op, Op::Insert(_, key, _) if key == "n");
        assert!(written_as_wrong || right != wrong);
        assert!(check(&read(before), &right, &[&op]).is_ok(), "{right:?}");
        if !written_as_wrong {
            assert!(check(&read(before), wrong, &[&op]).is_err(), "{op:?} passed as {wrong:?}");
        }
    }
}

#[test]
fn a_document_that_cannot_be_read_stays_as_it_is() {
    let before = "a: 1\n---\nb: [\n# c\n---\nd: 2\n";
    let op = Op::Set(to("1:d"), json!(3));
    let after = edit::apply(&read(before), &[&op]).unwrap();
    assert_eq!(after, before.replace("d: 2", "d: 3"));
    assert_eq!(check(&read(before), &after, &[&op]), Ok(()));
    for (old, new) in [("b: [", "b: ["), ("b: [", "c: ["), ("b: [", "b: []"), ("# c\n", "")] {
        let bad = after.replace(old, new);
        assert_eq!(check(&read(before), &bad, &[&op]).is_ok(), bad == after, "{bad}");
    }
}

#[derive(Clone, Debug)]
enum Node {
    Scalar(&'static str),
    Map(Vec<(usize, Node)>),
    List(Vec<Node>),
}

/// Scalars of all kinds; those that go over lines start with their header.
const SCALARS: [&str; 20] = [
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
    fn dice(&mut self) -> u8 {
        self.count += 1;
        self.manner.noise[self.count % self.manner.noise.len()].wrapping_add(self.count as u8)
    }

    fn line(&mut self, line: String, indent: usize, note: bool) {
        let dice = self.dice();
        let count = self.count;
        if dice % 7 == 0 {
            self.lines.push(format!("{}# above {count}", " ".repeat(indent)));
        }
        if dice % 11 == 0 {
            self.lines.push(String::new());
        }
        self.lines.push(if note && dice % 5 == 0 { format!("{line} # at {count}") } else { line });
    }

    /// Writes `node` behind `head`, whose own column is `column`.
    fn write(&mut self, head: String, column: usize, node: &Node, below: usize) {
        match node {
            Node::Scalar(text) => {
                let mut lines = text.split('\n');
                let first = lines.next().unwrap();
                let blank = if first.is_empty() { "" } else { " " };
                self.line(format!("{head}{blank}{first}"), column, true);
                for line in lines {
                    let indent = if line.is_empty() { 0 } else { column + 1 + below };
                    self.lines.push(" ".repeat(indent) + line);
                }
            }
            Node::Map(entries) => {
                let compact = head.ends_with('-') && self.dice() % 4 != 0;
                let gap = self.manner.gap;
                let (mut prefix, indent) = if compact {
                    (head + &" ".repeat(gap), column + 1 + gap)
                } else {
                    if !head.is_empty() {
                        self.line(head.clone(), column, true);
                    }
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
                let compact = head.ends_with('-') && self.dice() % 2 == 0;
                let gap = self.manner.gap;
                let (mut prefix, indent) = if compact {
                    (head + &" ".repeat(gap), column + 1 + gap)
                } else {
                    if !head.is_empty() {
                        self.line(head.clone(), column, true);
                    }
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
        let root = Node::Map(vec![(0, document.clone()), (7, Node::Scalar("end"))]);
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
    #![proptest_config(ProptestConfig::with_cases(
        std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(400)
    ))]

    #[test]
    fn random_changes_are_right_or_refused(
        documents in prop::collection::vec(node(), 1..3),
        manner in manner(),
        picks in prop::collection::vec((any::<u16>(), any::<u16>(), awkward(), value()), 1..4),
    ) {
        let text = written(&documents, &manner);
        let stream = read(&text);
        prop_assert_eq!(&stream.problems, &[], "{}", text);
        let mut all = Vec::new();
        stream.documents().for_each(|document| places(document, &mut all));
        let ops: Vec<Op> = picks
            .into_iter()
            .map(|(place, which, word, value)| {
                let place = all[usize::from(place) % all.len()];
                op(place.target(), place.text().unwrap_or(""), which.into(), &word, value)
            })
            .collect();
        let each: Vec<&Op> = ops.iter().collect();
        if let Ok(after) = edit::apply(&stream, &each) {
            let checked = check(&stream, &after, &each);
            if std::env::var("STRICT").is_ok() {
                prop_assert_eq!(checked, Ok(()), "{}\n=== {:?}\n{}", text, ops, after);
            }
        }
    }
}
