//! Runs every rule over the examples in its documentation and over its `cases!`.

use crate::finding::{Finding, Safety, Severity};
use crate::fix;
use crate::lint::Outcome;
use crate::lint::example::{Example, UNNAMED, listed};
use crate::rules::{Entry, FixKind, Preset, RULES};
use crate::source::Files;

fn split(text: &str) -> Example {
    Example::split(text).unwrap_or_else(|reason| panic!("{reason}\nin\n{text}"))
}

fn run(example: &Example, rules: &[&str]) -> Outcome {
    example.lint(rules).unwrap_or_else(|reason| panic!("{reason}"))
}

/// Runs the recommended rules, and `entry` if it is none of them.
fn run_beside(example: &Example, entry: &Entry) -> Outcome {
    let recommended = |it: &Entry| it.meta.is_in(&[Preset::Recommended]);
    if recommended(entry) {
        return run(example, &[]);
    }
    let names = RULES.iter().filter(|it| recommended(it)).map(|it| it.meta.name);
    run(example, &names.chain([entry.meta.name]).collect::<Vec<_>>())
}

/// Where `rule` reports, as `LINE:COLUMN`, after `FILE:` for all but `input.yaml`.
fn places(outcome: &Outcome, files: &Files, rule: &str) -> Vec<String> {
    let found = outcome.findings.iter().filter(|finding| finding.rule == rule);
    found
        .map(|finding| {
            let name = &files.get(finding.primary.span.file).name;
            let file = if name == UNNAMED { String::new() } else { format!("{name}:") };
            format!("{file}{}", files.position(finding.primary.span))
        })
        .collect()
}

/// How bad what `rule` reports in `text` is, in order.
pub(crate) fn severities(text: &str, rule: &str) -> Vec<Severity> {
    let outcome = run(&split(text), &[rule]);
    let found = outcome.findings.iter().filter(|finding| finding.rule == rule);
    found.map(|finding| finding.severity).collect()
}

#[test]
fn edge_cases() {
    let mut wrong = Vec::new();
    for entry in RULES {
        let rule = entry.meta.name;
        for case in entry.cases {
            let texts = split(case.text);
            let outcome = run(&texts, &[rule]);
            let found = places(&outcome, &texts.files, rule);
            if found != case.places {
                wrong.push(format!(
                    "{rule}, {}: reports at {found:?}, not at {:?}\n{}",
                    case.name,
                    case.places,
                    listed(&outcome.findings, &texts.files)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the fixes of `rule`, unsafe ones included, make of the one manifest of an example, the lines that direct
/// the example left as they are.
pub(crate) fn mend(text: &str, rule: &str) -> String {
    let example = split(text);
    let mut lint = |files: &Files| {
        example.lint_as(files, &[rule]).unwrap_or_else(|reason| panic!("{reason}")).findings
    };
    let outcome = fix::run(&example.files, Safety::Unsafe, &mut lint);
    assert_eq!(outcome.refused, [], "{rule}: in\n{text}");
    let mut mended = text.to_owned();
    for (file, after) in &outcome.texts {
        mended = mended.replace(&*example.files.get(*file).text, after);
    }
    mended
}

#[test]
fn documented_examples() {
    let mut wrong = Vec::new();
    for entry in RULES {
        let rule = entry.meta.name;
        let mut complain = |what: &str, found: &[Finding], files: &Files| {
            wrong.push(format!("{rule}: {what}\n{}", listed(found, files)));
        };
        let bad = entry.meta.examples("yaml,bad");
        if bad.is_empty() {
            complain("has no bad example", &[], &Files::default());
        }
        for text in &bad {
            let texts = split(text);
            let outcome = run_beside(&texts, entry);
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
        let blocks = entry.meta.blocks();
        for pair in blocks.windows(2) {
            if let [(bad, before), (fixed, after)] = pair
                && (bad.as_str(), fixed.as_str()) == ("yaml,bad", "yaml,fixed")
            {
                let mended = mend(before, rule);
                if mended != *after {
                    complain(&format!("its fix gives\n{mended}"), &[], &Files::default());
                }
                if mend(after, rule) != *after {
                    complain("its fixed example can be fixed further", &[], &Files::default());
                }
            }
        }
        let fixed = entry.meta.examples("yaml,fixed");
        if (entry.meta.fix == FixKind::None) != fixed.is_empty() {
            complain("a fix needs a fixed example, and only that does", &[], &Files::default());
        }
        // A fix mends one thing: what is left is the advice of others, but no error.
        let good = entry.meta.examples("yaml,good");
        let good = good.iter().map(|text| (text, Severity::Warning));
        for (text, worst) in good.chain(fixed.iter().map(|text| (text, Severity::Error))) {
            let texts = split(text);
            let mut found = run_beside(&texts, entry).findings;
            found.retain(|finding| finding.severity <= worst || finding.rule == rule);
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

#[test]
fn an_assumed_namespace_is_said() {
    let text = concat!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n",
        "spec: {replicas: 3, template: {}}\n---\n",
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: x}\n",
        "spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 9}\n",
    );
    let labels = |text: &str| {
        let outcome = run(&split(text), &["scaling/static-replicas"]);
        let labels = outcome.findings.into_iter().flat_map(|finding| finding.labels);
        labels.map(|label| label.message).collect::<Vec<_>>()
    };
    assert_eq!(labels(text).last().unwrap(), "sets no namespace, taken for `x`");
    assert_eq!(labels(&text.replace(", namespace: x", "")).len(), 1);
}
