//! Whatever the input is, lint ends, crashes no rule, and points inside the files.
//!
//! `PROPTEST_CASES=100000 cargo test --release --test lint_any_input` is the long run.

#![allow(clippy::unwrap_used, reason = "a failure is the test's own")]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use slogen::cluster::{Settings, World};
use slogen::config::{self, Overrides, PresetName};
use slogen::lint::{self, Options, Source};
use slogen::rules::RuleSet;
use slogen::source::{Files, Span};

/// Every rule there is.
fn rules() -> RuleSet {
    let presets = vec![PresetName::Strict, PresetName::Security];
    config::resolve(&Files::default(), None, &Overrides { presets, ..Overrides::default() }).0.rules
}

fn check(text: &str) -> Result<(), TestCaseError> {
    let mut files = Files::default();
    let file = files.add("input.yaml", text.to_owned());
    let settings = Settings { world: World::Closed, ..Settings::default() };
    let options = Options {
        rules: rules(),
        settings,
        ignores: true,
        schemas: slogen::openapi::Schemas::default(),
        today: None,
        rendered: false,
    };
    let start = Instant::now();
    let outcome = lint::lint(&files, &[Source { file, slo: None }], &[], &options);
    prop_assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    for finding in &outcome.findings {
        prop_assert!(finding.rule != "input/bug", "{}", finding.message);
        let labels = finding.labels.iter().map(|label| label.span);
        for span in labels.chain([finding.primary.span]) {
            prop_assert!(is_inside(&files, span), "{}: {span:?} of\n{text}", finding.rule);
        }
    }
    Ok(())
}

fn is_inside(files: &Files, span: Span) -> bool {
    let text = &files.get(span.file).text;
    text.get(span.start as usize..span.end as usize).is_some()
}

/// Manifests to start from: what slogen renders, and what its documentation shows.
fn seeds() -> &'static [String] {
    static SEEDS: LazyLock<Vec<String>> = LazyLock::new(read_seeds);
    &SEEDS
}

fn read_seeds() -> Vec<String> {
    let mut seeds: Vec<String> = Vec::new();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for case in fs::read_dir(golden).unwrap() {
        for file in fs::read_dir(case.unwrap().path().join("expected")).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                seeds.extend(fs::read_to_string(path).ok());
            }
        }
    }
    for entry in slogen::rules::RULES {
        for info in ["yaml,bad", "yaml,good", "yaml,fixed"] {
            seeds.extend(entry.meta.examples(info));
        }
    }
    assert!(seeds.len() > 10);
    seeds
}

/// One change of a text, somewhere.
#[derive(Clone, Debug)]
enum Change {
    Delete(usize),
    Insert(String),
    SwapLines(usize),
    RepeatLine,
    Indent(usize),
    Replace(String),
}

fn change() -> impl Strategy<Value = Change> {
    let words = prop::sample::select(vec![
        "null",
        "~",
        "{}",
        "[]",
        "- ",
        ": ",
        "&a ",
        "*a",
        "<<: *a",
        "|",
        ">",
        "\"",
        "'",
        "#",
        "\t",
        "---\n",
        "...\n",
        "0",
        "-1",
        "1e99",
        "99999999999999999999",
        "50%",
        "512m",
        "é",
        "\u{feff}",
        "{{ .x }}",
        "kind: List\n",
        "items:\n",
        "\r\n",
        "!!str ",
        "? ",
        "%",
        "@",
        "`",
        "0x",
        "(",
        ")",
        "[5m]",
        "by (le)",
        "spec:",
        "containers:",
        "# slogen: ignore[",
        "# slogen: ignore-file[x] y\n",
    ]);
    let words = words.prop_map(str::to_owned);
    prop_oneof![
        (1..40_usize).prop_map(Change::Delete),
        words.clone().prop_map(Change::Insert),
        (1..4_usize).prop_map(Change::SwapLines),
        Just(Change::RepeatLine),
        (1..5_usize).prop_map(Change::Indent),
        words.prop_map(Change::Replace),
        "\\PC{0,6}".prop_map(Change::Insert),
    ]
}

fn apply(text: &str, at: prop::sample::Index, change: &Change) -> String {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    if lines.is_empty() {
        lines.push(String::new());
    }
    let line = at.index(lines.len());
    match change {
        Change::SwapLines(by) => {
            let other = (line + by) % lines.len();
            lines.swap(line, other);
        }
        Change::RepeatLine => lines.insert(line, lines[line].clone()),
        Change::Indent(by) => lines[line].insert_str(0, &" ".repeat(*by)),
        Change::Delete(_) | Change::Insert(_) | Change::Replace(_) => {
            let boundaries: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let position = |index: usize| boundaries.get(index).copied().unwrap_or(text.len());
            let start = at.index(boundaries.len() + 1);
            let (end, new) = match change {
                Change::Delete(count) => (start + count, ""),
                Change::Insert(new) => (start, new.as_str()),
                Change::Replace(new) => (start + 4, new.as_str()),
                _ => (start, ""),
            };
            return format!("{}{new}{}", &text[..position(start)], &text[position(end)..]);
        }
    }
    lines.concat()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_manifests(
        seed in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), change()), 1..6),
    ) {
        let seeds = seeds();
        let mut text = seeds[seed.index(seeds.len())].clone();
        for (at, change) in changes {
            text = apply(&text, at, &change);
        }
        check(&text)?;
    }

    #[test]
    fn any_text(text in "\\PC{0,200}|(apiVersion: v1\n)?[-a-z:{}\\[\\],&*#|>'\"\n \t%!?]{0,200}") {
        check(&text)?;
    }
}
