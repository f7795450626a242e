//! What holds for any text at all: nothing panics, every span lies in the text, every path leads back, and a part
//! of a scalar is found where it is written.

use proptest::collection::vec;
use proptest::prelude::*;

use super::manifests::{manifests, mutated, snippet};
use crate::finding::Step;
use crate::source::{FileId, Span};
use crate::yaml::node::{Kind, NONE, OWNED, Style};
use crate::yaml::{Place, Stream, fast, parse};

/// Texts without any sense, or nearly so.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => vec(any::<u8>(), 0..60).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        1 => vec(snippet(), 0..40).prop_map(|snippets| snippets.concat()),
        3 => mutated(),
        2 => (vec((snippet(), 0..400_usize), 0..4), mutated()).prop_map(|(changes, text)| {
            let mut text = text.replace(": ", ": &a ").replace("- ", "- !x &b ").replace("<<", "? ");
            for (snippet, at) in changes {
                let at = (0..=at % (text.len() + 1)).rev().find(|at| text.is_char_boundary(*at));
                text.insert_str(at.unwrap_or(0), &snippet);
            }
            text
        }),
        1 => (vec("[ \\t\\n]{0,2}", 1..5), json()).prop_map(|(blanks, json)| {
            let spaced = json.split_inclusive(',').zip(blanks.iter().cycle());
            spaced.map(|(part, blank)| part.to_owned() + blank).collect()
        }),
    ]
}

fn json() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        "-?[1-9][0-9]{0,3}(\\.5)?",
        "\"([a-z :{,é]|\\\\n|\\\\u00e9){0,5}\"",
        "true|null"
    ];
    scalar.prop_recursive(4, 20, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            vec(("\"[a-z]{0,3}\"", inner), 0..4).prop_map(|entries| {
                let entries: Vec<_> =
                    entries.into_iter().map(|(key, value)| format!("{key}:{value}")).collect();
                format!("{{{}}}", entries.join(","))
            }),
        ]
    })
}

fn places<'s>(stream: &'s Stream<'s>) -> impl Iterator<Item = Place<'s>> {
    (0..).take(stream.len()).map(|node| Place { stream, key: NONE, node })
}

/// The text of a span, which must be one.
fn slice<'t>(stream: &Stream<'t>, span: Span) -> &'t str {
    let range = span.start as usize..span.end as usize;
    stream.text().get(range).unwrap_or_else(|| panic!("{span:?} of {:?}", stream.text()))
}

fn check_spans(stream: &Stream<'_>) {
    for (span, _) in stream.comments() {
        let comment = slice(stream, span);
        assert!(comment.starts_with('#') && !comment.contains('\n'), "{comment:?}");
    }
    for problem in &stream.problems {
        slice(stream, problem.span);
    }
    for place in places(stream) {
        slice(stream, place.span());
        assert!(!slice(stream, place.primary()).contains('\n'));
        for (key, value) in place.own_entries() {
            slice(stream, value.primary());
            assert!(key.node < value.node || stream.nodes[value.node as usize].flags != 0);
        }
        let length = place.text().map_or(0, str::len);
        for (from, to) in [(0, length), (length / 3, length / 2), (length, 0), (1, length + 3)] {
            slice(stream, place.part(from..to));
            slice(stream, place.part_line(from..to));
        }
    }
}

/// Every node lies in the one that it hangs on, behind its elder siblings.
fn check_tree(stream: &Stream<'_>) {
    for node in &stream.nodes {
        let (mut at, mut child) = (node.start, node.a);
        let collection = matches!(node.kind, Kind::Mapping | Kind::Sequence);
        while let Some(inner) = stream.nodes.get(child as usize).filter(|_| collection) {
            assert!(
                inner.start >= at && inner.end <= node.end,
                "{inner:?} in {node:?}: {:?}",
                stream.text()
            );
            (at, child) = (inner.end, inner.next);
        }
    }
}

/// What `steps` lead to; nothing where they are ambiguous.
fn walk<'s>(mut place: Place<'s>, steps: &[Step]) -> Option<Place<'s>> {
    for step in steps {
        place = match step {
            Step::Index(index) => place.items().nth(*index).unwrap_or_else(|| panic!("{steps:?}")),
            Step::Key(key) => {
                let named = |(name, _): &(Place<'_>, _)| name.text().is_none_or(|name| name == key);
                if place.own_entries().filter(named).count() != 1 {
                    return None;
                }
                place.entry(key)?
            }
        };
    }
    Some(place)
}

fn check_paths(stream: &Stream<'_>) {
    // Of every other child of a mapping the path leads to its value.
    let keys: Vec<_> = places(stream)
        .filter(|place| place.is_mapping())
        .flat_map(|mapping| {
            let next = |id: &u32| Some(stream.node(*id).next).filter(|next| *next != NONE);
            std::iter::successors(Some(stream.node(mapping.node).a), next).step_by(2)
        })
        .collect();
    for place in places(stream).filter(|place| !keys.contains(&place.node)) {
        let target = place.target();
        let root = stream.documents().nth(target.document).unwrap();
        if let Some(found) = walk(root, &target.path) {
            assert_eq!(
                found.node,
                stream.resolve(place.node),
                "{} {:?}",
                place.path(),
                stream.text()
            );
        }
    }
}

/// What `spelling` means in a scalar of this style, as the reader sees it.
fn decoded(spelling: &str, style: Style) -> String {
    let quote = match style {
        Style::SingleQuoted => "'",
        Style::DoubleQuoted => "\"",
        _ => return spelling.to_owned(),
    };
    let quoted = [quote, spelling, quote].concat();
    let stream = parse::read(FileId::NONE, &quoted);
    stream.documents().next().and_then(Place::text).unwrap_or_default().to_owned()
}

fn check_parts(stream: &Stream<'_>) {
    for place in places(stream) {
        let Some(text) = place.text() else { continue };
        let node = stream.node(place.node);
        // granit-parser reads a comment that follows a tab as white space, even within a scalar.
        let commented = |(at, _): &(u32, u32)| (node.start..node.end).contains(at);
        if node.style == Style::Plain && stream.comments.iter().any(commented) {
            continue;
        }
        let mut behind = node.start;
        for (at, c) in text.char_indices().take(80) {
            let span = place.part(at..at + c.len_utf8());
            let found = slice(stream, span);
            let context = || format!("{c:?} at {at} is {found:?} in {:?}", stream.text());
            assert!(span.start >= behind && span.end <= node.end, "{}", context());
            behind = span.start;
            let folded = node.flags & OWNED > 0
                && matches!(c, ' ' | '\n')
                && found.chars().all(|c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\\'));
            // White space behind the last line is no part of a block scalar.
            let cut = c.is_whitespace() && span.start == node.end;
            let same = found.chars().eq([c]) || folded || cut;
            assert!(same || decoded(found, node.style).chars().eq([c]), "{}", context());
        }
        let whole = place.part(0..text.len());
        let (first, last) =
            (place.part(0..1), place.part(text.len().saturating_sub(1)..text.len()));
        assert_eq!((whole.start, whole.end), (first.start, last.end), "{:?}", stream.text());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_has_spans_and_paths(text in texts()) {
        for stream in [Some(parse::read(FileId::NONE, &text)), fast::read(FileId::NONE, &text)].iter().flatten() {
            check_spans(stream);
            check_tree(stream);
            check_paths(stream);
            check_parts(stream);
        }
    }

    #[test]
    fn manifests_have_parts_and_paths(text in manifests()) {
        let stream = crate::yaml::parse(FileId::NONE, &text);
        check_spans(&stream);
        check_tree(&stream);
        check_paths(&stream);
        check_parts(&stream);
    }
}

#[test]
fn much_of_anything_is_read_soon() {
    let merged = "x: &x {a: 1}\ny:\n  <<: [".to_owned() + &"*x, ".repeat(20_000) + "]\n";
    let keys: Vec<_> = (0..20_000).map(|key| format!("  k{key}: v\n")).collect();
    let keys = keys.concat();
    let texts = [
        "a: b\n".repeat(20_000),
        "- a\n".repeat(20_000),
        "- |\n".repeat(20_000),
        "a: b\n---\n".repeat(20_000),
        "a: [\n---\n".repeat(20_000),
        format!("a:\n{}  b: c\n", "  # d\n".repeat(20_000)),
        format!("a: b\n{}c: d\n", "\n".repeat(100_000)),
        format!("a: \"{}\"\n", "\\n".repeat(100_000)),
        format!("x: &x\n{keys}y:\n  <<: *x\n{keys}"),
        merged + &keys,
    ];
    for text in texts {
        let stream = crate::yaml::parse(FileId::NONE, &text);
        for place in places(&stream) {
            assert!(place.target().document < stream.documents().len());
            assert!(place.part(0..1).end as usize <= text.len());
            place.entries();
        }
    }
}
