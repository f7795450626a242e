//! `src/rules/README.md`, the reference of all rules: written from the rules themselves, and kept current.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure is the test's own")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use slogen::lint::example::Example;
use slogen::report;
use slogen::rules::{Entry, FixKind, Preset, RULES};

const HEAD: &str = "\
# The rules of `slogen lint`

Written by `SLOGEN_BLESS=1 cargo test --test rules_reference` from the files below this folder: to change a page, change \
the comment in the rule's file. In a terminal, `slogen explain RULE` shows the same.
";

#[test]
fn the_reference_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rules/README.md");
    let text = reference();
    if std::env::var_os("SLOGEN_BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "src/rules/README.md is stale: SLOGEN_BLESS=1 cargo test --test rules_reference rewrites it"
    );
}

/// Rules on which other linters contradict each other or slogen, with those whose wish the page must tell.
const CONTRADICTED: [(&str, &[&str]); 10] = [
    ("availability/single-replica", &["polaris", "kube-score"]),
    ("scaling/static-replicas", &["polaris", "kube-score"]),
    ("availability/pdb-blocks-eviction", &["polaris"]),
    ("availability/missing-spread", &["polaris", "kube-score"]),
    ("probes/liveness-stricter-than-readiness", &["kube-score"]),
    ("probes/unknown-port", &["kube-linter"]),
    ("traffic/unresolved-target-port", &["kube-linter"]),
    ("resources/missing-requests", &["polaris", "kube-score", "kube-linter"]),
    ("resources/missing-cpu-limit", &["polaris", "kube-score"]),
    ("hygiene/cached-mutable-image", &["polaris", "kube-score"]),
];

/// What `page` says under `### Peers`.
fn peers(page: &str) -> Option<&str> {
    let (_, behind) = page.split_once("\n### Peers\n")?;
    behind.split("\n###").next()?.trim().split("\n\n").next()
}

#[test]
fn where_linters_contradict_each_other_there_is_one_answer() {
    for (rule, named) in CONTRADICTED {
        let entry = RULES.iter().find(|entry| entry.meta.name == rule).unwrap();
        let page = page(entry);
        let said = peers(&page).unwrap_or_else(|| panic!("{rule}: no word of other linters"));
        for peer in named {
            assert!(said.contains(peer), "{rule}: nothing of {peer}");
        }
    }
    // Each says what others want and what slogen answers, in one short paragraph.
    for entry in RULES {
        let (rule, page) = (entry.meta.name, page(entry));
        let Some(said) = peers(&page) else { continue };
        let others = ["kube-score", "kube-linter", "polaris", "checkov", "pint"];
        assert!(others.iter().any(|other| said.contains(other)), "{rule}: names no other linter");
        let (_, answer) = said.split_once("slogen").unwrap_or_else(|| panic!("{rule}: no answer"));
        assert!(answer.contains(':') || answer.contains("since"), "{rule}: does not say why");
        assert!(said.len() <= 600, "{rule}: {} bytes of others", said.len());
    }
}

fn reference() -> String {
    let mut text = HEAD.to_owned();
    let mut family = "";
    text += "\n| Rule | Severity | On | Fix | Finds |\n|---|---|---|---|---|\n";
    for entry in RULES {
        let meta = &entry.meta;
        let (name, anchor) = (meta.name, meta.anchor());
        let (severity, on, fix) = (meta.severity.word(), preset(meta.preset), fix(meta.fix));
        let summary = meta.summary();
        writeln!(text, "| [`{name}`](#{anchor}) | {severity} | {on} | {fix} | {summary} |")
            .unwrap();
    }
    for entry in RULES {
        if entry.meta.family() != family {
            family = entry.meta.family();
            writeln!(text, "\n# {family}").unwrap();
        }
        text += &page(entry);
    }
    text
}

fn page(entry: &Entry) -> String {
    let meta = &entry.meta;
    let file = meta.file.trim_start_matches("src/rules/");
    let mut text = format!("\n## {}\n\n[Source]({file}#L{})\n\n", meta.name, meta.line);
    let page = entry.page();
    // The page's own head says the name again, and its sections are one level deeper here.
    let body = page.split_once('\n').map_or("", |(_, body)| body).trim_start();
    let mut fenced = false;
    for line in body.lines() {
        let fence = line.starts_with("```");
        if fence {
            fenced = !fenced;
        }
        let line = match line.strip_prefix("```yaml,") {
            Some(what) if fence => {
                writeln!(text, "{}:\n", heading(what)).unwrap();
                "```yaml".to_owned()
            }
            _ if !fenced && line.starts_with("## ") => format!("#{line}"),
            _ => line.to_owned(),
        };
        writeln!(text, "{line}").unwrap();
    }
    let bad = meta.examples("yaml,bad");
    let example = Example::split(&bad[0]).unwrap_or_else(|reason| panic!("{reason}"));
    let outcome = example.lint(&[]).unwrap_or_else(|reason| panic!("{reason}"));
    let shown = report::human::report(&outcome.findings, &example.files);
    let shown = anstream::adapter::strip_str(&shown).to_string();
    let shown: Vec<_> = shown.trim_end().lines().map(str::trim_end).collect();
    write!(text, "\n### Report\n\n```text\n{}\n```\n", shown.join("\n")).unwrap();
    text
}

fn heading(what: &str) -> &'static str {
    match what {
        "bad" => "Reported",
        "fixed" => "Fixed",
        _ => "Not reported",
    }
}

fn preset(preset: Preset) -> &'static str {
    match preset {
        Preset::Recommended => "✓",
        Preset::Slo => "beside slo.toml",
        Preset::Strict => "`strict`",
        Preset::Security => "`security`",
    }
}

fn fix(fix: FixKind) -> &'static str {
    match fix {
        FixKind::None => "",
        FixKind::Safe => "safe",
        FixKind::Unsafe => "unsafe",
        FixKind::Mixed => "safe or unsafe",
    }
}
