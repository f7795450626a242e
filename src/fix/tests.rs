//! The oracle agrees with every edit, and with nothing else.

mod random;

use serde_json::json;

use super::check;
use crate::finding::Op;
use crate::source::FileId;
use crate::yaml::edit::tests::{Case, cases, to, uncomment};
use crate::yaml::edit::{self, Refused};
use crate::yaml::{Stream, parse};

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
fn a_comment_goes_and_nothing_else_does() {
    let before = "a: |\n  x\n# 1\n# 2\nb: {c: 1, # 3, too\n  # 4\n  d: 'e'} # 5\n# 6\n";
    for (goes, old, new, wrong) in [
        ("# 1", "# 1\n", "", ["", "# 2\n", "  # 1\n", "# 1\n\n", "# 2\n# 1\n"]),
        ("# 3, too", " # 3, too", "", [" # 3", "", " # 3, to", ", # 3, too", " #"]),
        (", too", ", too", "", [",  too", ", to", " ", ", too # 5", "!"]),
        ("# 5", " # 5", "", [" # 3", " # 6", " #", " # 5 # 6", " # 5 #"]),
    ] {
        let op = uncomment(before, goes);
        let good = before.replacen(old, new, 1);
        assert_eq!(edit::apply(&read(before), &[&op]).as_deref(), Ok(good.as_str()));
        assert_eq!(check(&read(before), &good, &[&op]), Ok(()), "{goes:?}");
        assert!(check(&read(before), before, &[&op]).is_err(), "{goes:?}: nothing done");
        for wrong in wrong {
            let bad = before.replacen(old, wrong, 1);
            if bad != good {
                assert!(check(&read(before), &bad, &[&op]).is_err(), "{goes:?} → {bad:?} passed");
            }
        }
        // Beside the right edit, what it has no business with.
        for (old, new) in [
            ("# 2\n", ""),
            ("# 2\n", "# 2 \n"),
            ("# 2\n", "  # 2\n"),
            ("# 6\n", "# 6"),
            ("# 6\n", "# 6\n# 7\n"),
            ("'e'", "e"),
            ("'e'", "'e' "),
            ("c: 1", "c: 2"),
            ("c: 1,", "c: 1 ,"),
            ("  x\n", "  x \n"),
            ("  x\n", ""),
            ("b: ", "b:  "),
        ] {
            let bad = good.replacen(old, new, 1);
            assert_ne!(bad, good);
            assert!(check(&read(before), &bad, &[&op]).is_err(), "{goes:?} → {bad:?} passed");
        }
    }
}

#[test]
fn a_comment_that_ends_a_text_stays() {
    let before = "a: |\n  x\n# ends it\n  # no text\nb: 1\n";
    let op = uncomment(before, "# ends it");
    let after = edit::apply(&read(before), &[&op]).unwrap();
    assert_eq!(
        check(&read(before), &after, &[&op]),
        Err(Refused("`a` would not be what it should be".into()))
    );
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
