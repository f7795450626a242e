//! Runs every rule over the examples in its documentation and over its `cases!`.

use crate::cluster::Declared;
use crate::config::{self, Overrides};
use crate::finding::{Finding, Severity};
use crate::lint::{Options, Outcome, Source, lint};
use crate::profile::Library;
use crate::rules::{FixKind, Preset, RULES};
use crate::source::Files;
use crate::spec;
use std::path::Path;

/// The files that one text holds: `# file: NAME` starts another one, of which one may be a `slo.toml` for all
/// the others; `# lint: KEY = VALUE` is a line of the `[lint]` table.
struct Texts {
    /// The texts, with their names.
    files: Files,
    sources: Vec<Source>,
    slo: Vec<Declared>,
    config: String,
}

impl Texts {
    /// Takes `text` apart.
    fn split(text: &str) -> Self {
        let mut parts: Vec<(String, String)> = vec![("input.yaml".to_owned(), String::new())];
        let mut config = "[lint]\n".to_owned();
        for line in text.split_inclusive('\n') {
            if let Some(name) = line.strip_prefix("# file: ") {
                parts.push((name.trim().to_owned(), String::new()));
            } else if let Some(setting) = line.strip_prefix("# lint: ") {
                config += setting;
            } else if let Some((_, part)) = parts.last_mut() {
                part.push_str(line);
            }
        }
        parts.retain(|(_, part)| !part.is_empty());
        let (mut files, mut slo) = (Files::default(), Vec::new());
        if let Some((name, text)) = parts.iter().find(|(name, _)| name == "slo.toml") {
            let mut library = Library::default();
            let source =
                spec::Source::parse(&mut files, &mut library, name, text.clone(), Path::new(""));
            match source.load(&files, None) {
                Ok(spec) => slo.push(super::declare::declared(&spec)),
                Err(findings) => panic!("{}", report(&findings, &files)),
            }
        }
        let manifests = parts.into_iter().filter(|(name, _)| name != "slo.toml");
        let sources = manifests
            .map(|(name, text)| Source {
                file: files.add(name, text),
                slo: (!slo.is_empty()).then_some(0),
            })
            .collect();
        Self { files, sources, slo, config }
    }

    /// Lints them with these rules, all recommended ones if there are none.
    fn lint(&self, rules: &[&str]) -> Outcome {
        let mut files = Files::default();
        let file = files.add("slogen.toml", self.config.clone());
        let (table, mut findings) = config::read(&files, file);
        let select = rules.iter().map(|rule| (*rule).to_owned()).collect();
        let overrides = Overrides { select, ..Overrides::default() };
        let (mut config, more, complaints) = config::resolve(table.as_ref(), &overrides);
        findings.extend(more);
        assert!(findings.is_empty() && complaints.is_empty(), "{}", report(&findings, &files));
        // What is suppressed must have been found.
        if rules == ["hygiene/unused-ignore"] {
            config = config::resolve(table.as_ref(), &Overrides::default()).0;
        }
        let options = Options {
            rules: config.rules,
            settings: config.settings,
            ignores: true,
            today: Some((2026, 11, 24)),
        };
        lint(&self.files, &self.sources, &self.slo, &options)
    }
}

/// Where `rule` reports, as `LINE:COLUMN`, after `FILE:` for all but `input.yaml`.
fn places(outcome: &Outcome, files: &Files, rule: &str) -> Vec<String> {
    let found = outcome.findings.iter().filter(|finding| finding.rule == rule);
    found
        .map(|finding| {
            let name = &files.get(finding.primary.span.file).name;
            let file = if name == "input.yaml" { String::new() } else { format!("{name}:") };
            format!("{file}{}", files.position(finding.primary.span))
        })
        .collect()
}

/// How bad what `rule` reports in `text` is, in order.
pub(crate) fn severities(text: &str, rule: &str) -> Vec<Severity> {
    let outcome = Texts::split(text).lint(&[rule]);
    let found = outcome.findings.iter().filter(|finding| finding.rule == rule);
    found.map(|finding| finding.severity).collect()
}

fn report(findings: &[Finding], files: &Files) -> String {
    let line = |finding: &Finding| {
        let at = files.position(finding.primary.span);
        format!("  {at} {} {}: {}\n", finding.severity.word(), finding.rule, finding.message)
    };
    findings.iter().map(line).collect()
}

#[test]
fn edge_cases() {
    let mut wrong = Vec::new();
    for entry in RULES {
        let rule = entry.meta.name;
        for case in entry.cases {
            let texts = Texts::split(case.text);
            let outcome = texts.lint(&[rule]);
            let found = places(&outcome, &texts.files, rule);
            if found != case.places {
                wrong.push(format!(
                    "{rule}, {}: reports at {found:?}, not at {:?}\n{}",
                    case.name,
                    case.places,
                    report(&outcome.findings, &texts.files)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn documented_examples() {
    let mut wrong = Vec::new();
    for entry in RULES {
        let rule = entry.meta.name;
        let mut complain = |what: &str, found: &[Finding], files: &Files| {
            wrong.push(format!("{rule}: {what}\n{}", report(found, files)));
        };
        let bad = entry.meta.examples("yaml,bad");
        if bad.is_empty() {
            complain("has no bad example", &[], &Files::default());
        }
        for text in &bad {
            let texts = Texts::split(text);
            let outcome = texts.lint(&[]);
            let (own, others): (Vec<_>, Vec<_>) =
                outcome.findings.into_iter().partition(|finding| finding.rule == rule);
            if own.is_empty() {
                complain("its bad example is not reported", &others, &texts.files);
            }
            if entry.meta.preset == Preset::Recommended && !others.is_empty() {
                complain("others report its bad example too", &others, &texts.files);
            }
            let fixable = own.iter().any(|finding| finding.fix.is_some());
            let claims = entry.meta.fix != FixKind::None;
            if fixable != claims {
                complain(
                    "claims a fix and has none, or has one that it does not claim",
                    &own,
                    &texts.files,
                );
            }
        }
        let fixed = entry.meta.examples("yaml,fixed");
        if (entry.meta.fix == FixKind::None) != fixed.is_empty() {
            complain("a fix needs a fixed example, and only that does", &[], &Files::default());
        }
        for text in entry.meta.examples("yaml,good").iter().chain(&fixed) {
            let texts = Texts::split(text);
            let mut found = texts.lint(&[]).findings;
            found.retain(|finding| finding.severity != Severity::Info || finding.rule == rule);
            if !found.is_empty() {
                complain("its good or fixed example is reported", &found, &texts.files);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rules_follow_the_policy() {
    const OPINIONS: [&str; 6] = ["no-", "invalid-", "bad-", "check-", "wrong-", "disallow-"];
    let mut names: Vec<_> = RULES.iter().map(|entry| entry.meta.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), RULES.len(), "two rules have one name");
    for entry in RULES {
        let meta = &entry.meta;
        let (family, name) = meta.name.split_once('/').unwrap();
        let kebab = |text: &str| {
            text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
                && !text.starts_with('-')
                && !text.ends_with('-')
        };
        assert!(kebab(family) && kebab(name), "{}: not in kebab case", meta.name);
        assert!(
            !OPINIONS.iter().any(|word| name.starts_with(word)),
            "{}: names no defect",
            meta.name
        );
        let file = format!("{family}/{}.rs", name.replace('-', "_"));
        assert!(meta.file.ends_with(&file), "{}: stands in {}", meta.name, meta.file);
        let summary = meta.summary();
        assert!(
            summary.ends_with('.') && summary.chars().count() <= 80,
            "{}: {summary}",
            meta.name
        );
        let docs = meta.markdown();
        assert!(docs.contains("\n## Why\n"), "{}: does not say why", meta.name);
        let explains = docs.contains("\n## Fix safety\n");
        let risky = matches!(meta.fix, FixKind::Unsafe | FixKind::Mixed);
        assert!(explains || !risky, "{}: does not say why its fix is unsafe", meta.name);
    }
}
