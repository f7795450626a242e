//! The fast reader takes what manifests are made of, and reads it as the other one does.

use proptest::prelude::*;

use super::manifests::{manifests, mutated};
use crate::source::FileId;
use crate::yaml::{Stream, fast, parse};

/// Reads `text` with both; nothing if the fast one gives up.
pub(crate) fn both(text: &str) -> Option<Stream<'_>> {
    let fast = fast::read(FileId::NONE, text)?;
    let slow = parse::read(FileId::NONE, text);
    assert_eq!(slow.problems, [], "{text:?}");
    assert_eq!(fast.problems, [], "{text:?}");
    assert_eq!(fast.nodes, slow.nodes, "{text:?}");
    assert_eq!(fast.owned, slow.owned, "{text:?}");
    assert_eq!(fast.comments, slow.comments, "{text:?}");
    assert_eq!(fast.documents, slow.documents, "{text:?}");
    assert_eq!(fast.duplicates, slow.duplicates, "{text:?}");
    Some(fast)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn manifests_are_read_fast_and_right(text in manifests()) {
        prop_assert!(both(&text).is_some(), "{text}");
    }

    #[test]
    fn slips_are_read_alike_or_left_to_the_other_reader(text in mutated()) {
        both(&text);
    }
}

#[test]
fn what_is_usual_is_read_fast() {
    let manifests = [
        "",
        "\n",
        "# nothing\n",
        "---\n",
        "---\n---\n...\n---\na: b\n",
        "a: b",
        "a:",
        "-",
        "- a\n- b: c\n  d: e\n-\n  - f\n  -\n- - g\n  - h\n",
        "a:\n- b\n-\n- c: d\ne:\n  - f\ng:\n    h:\n      i\nj:\n",
        "a:   \n  b   :   c   # d\n  # e\n\n  \n'f g' : \"h\" # i\n\"j\": 'k'\n",
        "url: http://a.b:80/c#d\ntime: 12:30:00\nglob: a*\nminus: -1\ndots: ...\nlist: a, b]\n",
        "a: {}\nb: []\nc: [d, 'e, f', \"g\", {h: i, j: [k]}, ]\nl: {m: , n, \"o\":p, 'q' : r}\n",
        "a: [\n  b, # c\n\n  # d\n  e,\n]\nf: {\n  g: h,\n  i:\n    j\n}\n",
        "{\n\t\"a\": [\n\t\t1,\n\t\ttrue\n\t],\n\t\"b\": {\"c\": null}\n}\n",
        "[1, {\"a\":\"b\"}]",
        "a: |\n  b\n   c\n\n  d  \n\ne: |-\n  f\n\ng: |+ # h\n\n  i\n\n\nj: >\n  k\n  l\n\n  m\n    n\n  o\np: >-\n q\n",
        "a: |2\n    b\n  c\nd: >1-\n  e\n f\n",
        "- |\n a\n- >\n b\n  \n-   |-\n     c",
        "a: |\nb: |\n\nc: >+\n\n\nd: |+",
        "a: b\n  c\n\n\n  d # e\nf:\n  g\n  h\ni: 'j\n  k''s\n\n  l'\nm: \"n \\\n  o\\tp\n  q\"\n",
        "a: \"\\0\\x41\\u00e9\\U0001F600\\N\\_\\L\\P\\/\\\"\\\\\"\n",
        "\u{feff}a: b\r\nc: |\r\n  d\r\n  e\r\n\r\nf:\r\n- 'g\r\n  h'\r\n- i # j\r\n",
        "a: é\nü: \"ñ\" # ö\nb: \u{1F600} 中文\n",
        "a: 1\nb: 2\na: 3\n<<: {c: d}\n<<: {e: f}\n",
        "---\n# a\n---\na: b\n--- # c\nd: e\n...\n# f\ng: h\n...\n",
    ];
    for text in manifests {
        assert!(both(text).is_some(), "{text:?}");
    }
}

#[test]
fn what_is_unusual_is_left_to_the_other_reader() {
    for text in [
        "a: &b c\n",
        "a: *b\n",
        "a: !!str b\n",
        "? a\n: b\n",
        "%YAML 1.2\n---\na: b\n",
        "\ta: b\n",
        "a:\n\tb: c\n",
        "-\ta: b\n",
        "a: b: c\n",
        "a: - b\n",
        "a: b\n  c: d\n",
        "a:\n  b: c\n d: e\n",
        "- a\nb: c\n",
        "a: b\n- c\n",
        "a: 'b\n",
        "a: \"b\\q\"\n",
        "a: \"\\uD83D\\uDE00\"\n",
        "a: 'b' c\n",
        "a: [b\n",
        "a: [b]]\n",
        "a: [b] c\n",
        "[a]: b\n",
        "a: [b: c]\n",
        "a: {b: c: d}\n",
        "a: {[b]: c}\n",
        "a: [b\n  c]\n",
        "a: [\n---\n]\n",
        "a: @b\n",
        "a: `b`\n",
        "a: |0\n  b\n",
        "a: |b\n",
        "a: |\n   \n  b\n",
        "a: |\n\tb\n",
        "a\n",
        "a: b\u{0}\n",
        "a: \u{85}\n",
        "a: \u{feff}b\n",
        "a: b\rc: d\n",
        "--- a\n",
        "... a\n",
        "a: b # c\n  d\n",
        "a: b\n  # c\n  d\n",
    ] {
        assert!(fast::read(FileId::NONE, text).is_none(), "{text:?}");
    }
}

#[test]
fn empty_items_stand_behind_their_dashes_and_sequences_start_at_them() {
    let stream = both("a:\n- # b\n- [c]\n-\n").unwrap();
    let items = stream.documents().next().and_then(|root| root.get("a")).unwrap();
    let spans: Vec<_> = items.items().map(|item| (item.span().start, item.span().end)).collect();
    assert_eq!((items.span().start, items.span().end), (3, 16));
    assert_eq!(spans, [(4, 4), (11, 14), (16, 16)]);
}
