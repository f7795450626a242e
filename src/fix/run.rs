//! Rounds until nothing is left to mend.

use std::collections::BTreeMap;

use super::round::{Texts, Verdict, round};
use crate::finding::{Finding, Fix, Object, Safety, Severity};
use crate::source::{FileId, Files};
use crate::yaml::edit::Refused;

/// More rounds than this are not tried: fixes that undo each other would go on forever.
pub const MOST_ROUNDS: usize = 10;

/// A fix that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The file of its finding.
    pub file: FileId,
    /// What it did.
    pub title: String,
}

/// A fix that was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The file of its finding.
    pub file: FileId,
    /// The rule whose fix it is.
    pub rule: &'static str,
    /// Why.
    pub reason: String,
}

/// What became of the files.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The texts that changed.
    pub texts: Texts,
    /// The fixes that were made, in order.
    pub applied: Vec<Applied>,
    /// The fixes that were not.
    pub refused: Vec<Dropped>,
    /// What the linter says of the texts as they are now.
    pub findings: Vec<Finding>,
}

/// Mends `files` with the fixes up to `safety` of what `lint` finds in them, until it finds nothing more to mend.
///
/// `lint` is given the same files in the same order with other texts, so that every [`FileId`] means the same file
/// in all rounds. A fix stays only if its finding is gone and no new error has come.
pub fn run(files: &Files, safety: Safety, lint: &mut dyn FnMut(&Files) -> Vec<Finding>) -> Outcome {
    let mut outcome = Outcome { findings: lint(files), ..Outcome::default() };
    let mut hopeless: Vec<(Key, Fix)> = Vec::new();
    let mut waiting = Vec::new();
    for _ in 0..MOST_ROUNDS {
        let now = files.with(&outcome.texts);
        let before = &outcome.findings;
        let chosen = |finding: &Finding| {
            finding.fix.as_ref().is_some_and(|fix| {
                let known = |(key, other): &(Key, Fix)| *key == Key::of(finding) && other == fix;
                fix.safety <= safety && !hopeless.iter().any(known)
            })
        };
        let mut latest = None;
        let mut judge = |texts: &Texts, mended: &[usize]| {
            let after = lint(&now.with(texts));
            let mended: Vec<_> = mended.iter().filter_map(|index| before.get(*index)).collect();
            improved(before, &after, &mended)?;
            latest = Some((texts.clone(), after));
            Ok(())
        };
        let round = round(&now, before, &chosen, &mut judge);

        let mut hope = false;
        waiting.clear();
        let (mut applied, mut refused) = (Vec::new(), Vec::new());
        for (index, verdict) in round.verdicts {
            let Some(finding) = before.get(index) else { continue };
            let Some(fix) = &finding.fix else { continue };
            let file = finding.primary.span.file;
            let dropped = |reason| Dropped { file, rule: finding.rule, reason };
            match verdict {
                Verdict::Applied => {
                    hope = true;
                    applied.push(Applied { file, title: fix.title.clone() });
                }
                Verdict::Refused(reason) => {
                    hope = true;
                    hopeless.push((Key::of(finding), fix.clone()));
                    let dropped = dropped(reason);
                    if !outcome.refused.contains(&dropped) && !refused.contains(&dropped) {
                        refused.push(dropped);
                    }
                }
                Verdict::Waits => {
                    let reason = format!("other fixes came first in all {MOST_ROUNDS} rounds");
                    waiting.push(dropped(reason));
                }
            }
        }
        outcome.applied.extend(applied);
        outcome.refused.extend(refused);
        let changed = !round.texts.is_empty();
        if changed {
            outcome.findings = match latest {
                Some((texts, findings)) if texts == round.texts => findings,
                _ => lint(&now.with(&round.texts)),
            };
            outcome.texts.extend(round.texts);
        }
        if !hope || !changed && waiting.is_empty() {
            break;
        }
    }
    outcome.refused.extend(waiting);
    outcome.texts.retain(|file, text| files.get(*file).text != *text);
    outcome
}

/// What a finding is, wherever it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    file: FileId,
    rule: &'static str,
    object: Option<Object>,
    message: String,
}

impl Key {
    fn of(finding: &Finding) -> Self {
        Self {
            file: finding.primary.span.file,
            rule: finding.rule,
            object: finding.object.clone(),
            message: finding.message.clone(),
        }
    }
}

/// The findings of one rule on one object.
type Group = (FileId, &'static str, Option<Object>);

fn count<'f, K: Ord>(
    findings: impl IntoIterator<Item = &'f Finding>,
    key: impl Fn(&Finding) -> K,
) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    for finding in findings {
        *counts.entry(key(finding)).or_insert(0) += 1;
    }
    counts
}

/// Refuses a change after which a finding that it mends is still there, or that brings an error along.
fn improved(before: &[Finding], after: &[Finding], mended: &[&Finding]) -> Result<(), Refused> {
    let group = |finding: &Finding| -> Group {
        (finding.primary.span.file, finding.rule, finding.object.clone())
    };
    let is_error = |finding: &&Finding| finding.severity == Severity::Error;
    let all = (count(before, group), count(after, group), count(mended.iter().copied(), group));
    let errors =
        (count(before.iter().filter(is_error), group), count(after.iter().filter(is_error), group));
    // Where there are fewer of a kind, what is left may be called otherwise: an item has another number now.
    let fewer = |finding: &Finding| {
        let group = group(finding);
        of(&all.1, &group) + of(&all.2, &group) <= of(&all.0, &group)
            && of(&errors.1, &group) <= of(&errors.0, &group)
    };
    let (old, new) = (count(before, Key::of), count(after, Key::of));
    let gone = count(mended.iter().copied(), Key::of);
    let is_there = |finding: &&Finding| {
        let key = Key::of(finding);
        !fewer(finding) && of(&new, &key) + of(&gone, &key) > of(&old, &key)
    };
    if mended.iter().any(is_there) {
        return Err(Refused("the finding would still be there".to_owned()));
    }
    let is_new = |finding: &&Finding| {
        let key = Key::of(finding);
        !fewer(finding) && of(&new, &key) > of(&old, &key)
    };
    match after.iter().filter(is_error).find(is_new) {
        Some(error) => {
            Err(Refused(format!("a new error would appear: {}: {}", error.rule, error.message)))
        }
        None => Ok(()),
    }
}

fn of<K: Ord>(counts: &BTreeMap<K, usize>, key: &K) -> usize {
    counts.get(key).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::finding::Op;
    use crate::yaml::{Place, parse};

    fn files(texts: &[&'static str]) -> (Files, Vec<FileId>) {
        let mut files = Files::default();
        let add = |(index, text): (usize, &&'static str)| {
            files.add(format!("{index}.yaml"), (*text).to_owned())
        };
        let ids = texts.iter().enumerate().map(add).collect();
        (files, ids)
    }

    /// A linter of scalars: what `rule` says of each, in all files and documents.
    fn scalars(
        files: &Files,
        ids: &[FileId],
        rule: &dyn Fn(Place<'_>) -> Vec<Finding>,
    ) -> Vec<Finding> {
        fn walk(
            place: Place<'_>,
            rule: &dyn Fn(Place<'_>) -> Vec<Finding>,
            found: &mut Vec<Finding>,
        ) {
            found.extend(rule(place));
            place.entries().into_iter().for_each(|(_, value)| walk(value, rule, found));
            place.items().for_each(|item| walk(item, rule, found));
        }
        let mut found = Vec::new();
        for id in ids {
            let stream = parse(*id, &files.get(*id).text);
            stream.documents().for_each(|document| walk(document, rule, &mut found));
        }
        found
    }

    fn finding(rule: &'static str, place: Place<'_>, safety: Safety, ops: Vec<Op>) -> Finding {
        let mut finding = Finding::error(rule, place.primary(), format!("bad `{}`", place.path()));
        finding.fix = Some(Fix { title: format!("mend `{}`", place.path()), safety, ops });
        finding
    }

    fn texts(outcome: &Outcome) -> Vec<&str> {
        outcome.texts.values().map(String::as_str).collect()
    }

    /// Takes every `bad` out.
    fn takes_bad_out(place: Place<'_>) -> Vec<Finding> {
        let bad = place.text() == Some("bad");
        let ops = || vec![Op::Remove(place.target())];
        bad.then(|| finding("test/bad", place, Safety::Safe, ops())).into_iter().collect()
    }

    #[test]
    fn neighbours_take_rounds() {
        let (files, ids) = files(&[
            "a: bad # 1\nb: bad # 2\n# keep\nc: bad\nd: {e: bad, f: bad}\ng: good\n",
            "a: good\n",
            "- bad\n- bad\n- bad\n",
        ]);
        let mut runs = 0;
        let outcome = run(&files, Safety::Safe, &mut |files| {
            runs += 1;
            scalars(files, &ids, &takes_bad_out)
        });
        assert_eq!(texts(&outcome), ["# keep\nd: {}\ng: good\n", "[]\n"]);
        assert_eq!(outcome.applied.len(), 8, "{:?}", outcome.applied);
        assert_eq!(outcome.refused, []);
        assert_eq!(outcome.findings, []);
        assert!(runs < 12, "{runs}");
        assert!(!outcome.texts.contains_key(&ids[1]));
    }

    #[test]
    fn unsafe_fixes_are_asked_for() {
        let (files, ids) = files(&["a: bad\nb: 1\n"]);
        let rule = |place: Place<'_>| {
            let mut found = takes_bad_out(place);
            found
                .iter_mut()
                .filter_map(|f| f.fix.as_mut())
                .for_each(|fix| fix.safety = Safety::Unsafe);
            found
        };
        let mut lint = |files: &Files| scalars(files, &ids, &rule);
        let outcome = run(&files, Safety::Safe, &mut lint);
        assert!(outcome.texts.is_empty() && outcome.applied.is_empty());
        assert_eq!(outcome.findings.len(), 1);
        assert_eq!(texts(&run(&files, Safety::Unsafe, &mut lint)), ["b: 1\n"]);
    }

    #[test]
    fn what_does_not_help_is_dropped() {
        let (files, ids) = files(&["a: bad\nb: useless\nc: harmful\nd: good\n"]);
        let rule = |place: Place<'_>| {
            let set = |value: &str| vec![Op::Set(place.target(), json!(value))];
            match place.text() {
                Some("useless" | "useless too") => {
                    vec![finding("test/useless", place, Safety::Safe, set("useless too"))]
                }
                Some("harmful") => vec![finding("test/harmful", place, Safety::Safe, set("worse"))],
                Some("worse") => vec![Finding::error("test/worse", place.primary(), "worse")],
                _ => takes_bad_out(place),
            }
        };
        let outcome = run(&files, Safety::Safe, &mut |files| scalars(files, &ids, &rule));
        assert_eq!(texts(&outcome), ["b: useless\nc: harmful\nd: good\n"]);
        let reasons: Vec<_> = outcome.refused.iter().map(|d| (d.rule, d.reason.as_str())).collect();
        assert_eq!(
            reasons,
            [
                ("test/useless", "the finding would still be there"),
                ("test/harmful", "a new error would appear: test/worse: worse"),
            ]
        );
        assert_eq!(outcome.findings.len(), 2);
    }

    #[test]
    fn what_would_change_something_else_is_dropped() {
        let (files, ids) = files(&["a: &a bad\nb: *a\nc: {d: bad}\n"]);
        let outcome = run(&files, Safety::Safe, &mut |files| scalars(files, &ids, &takes_bad_out));
        assert_eq!(texts(&outcome), ["a: &a bad\nb: *a\nc: {}\n"]);
        let reasons: Vec<_> =
            outcome.refused.iter().map(|dropped| dropped.reason.as_str()).collect();
        assert_eq!(reasons, ["`*a` elsewhere needs its anchor"]);
    }

    #[test]
    fn all_files_of_a_fix_or_none() {
        let (files, ids) = files(&["a: both\n", "b: &b 1\nc: *b\n", "d: 1\n"]);
        for (other, wanted) in [("b", &[][..]), ("d", &["a: done\n", "d: 2\n"][..])] {
            let rule = |place: Place<'_>| {
                let file = if other == "b" { ids[1] } else { ids[2] };
                let path = vec![crate::finding::Step::Key(other.to_owned())];
                let target = crate::finding::Target { file, document: 0, path };
                let ops = vec![Op::Set(place.target(), json!("done")), Op::Set(target, json!(2))];
                let both = place.text() == Some("both");
                both.then(|| finding("test/both", place, Safety::Safe, ops)).into_iter().collect()
            };
            let outcome = run(&files, Safety::Safe, &mut |files| scalars(files, &ids, &rule));
            assert_eq!(texts(&outcome), wanted);
            assert_eq!(outcome.refused.len(), usize::from(other == "b"));
        }
    }

    #[test]
    fn fixes_that_undo_each_other_end() {
        let (files, ids) = files(&["a: ping\n"]);
        let rule = |place: Place<'_>| {
            let to = |value: &str| vec![Op::Set(place.target(), json!(value))];
            let mut found = match place.text() {
                Some("ping") => finding("test/ping", place, Safety::Safe, to("pong")),
                Some("pong") => finding("test/pong", place, Safety::Safe, to("ping")),
                _ => return Vec::new(),
            };
            found.severity = Severity::Warning;
            vec![found]
        };
        let outcome = run(&files, Safety::Safe, &mut |files| scalars(files, &ids, &rule));
        assert_eq!(outcome.applied.len(), MOST_ROUNDS);
        assert!(outcome.texts.is_empty());
    }

    #[test]
    fn more_neighbours_than_rounds_wait() {
        let (files, ids) = files(&["a:\n  - b: 1\n"]);
        let wanted: Vec<String> = (0..15).map(|index| format!("k{index}")).collect();
        let rule = |place: Place<'_>| {
            let missing =
                wanted.iter().filter(|key| place.get("b").is_some() && place.get(key).is_none());
            let one = |key: &String| {
                let ops = vec![Op::Insert(place.target(), key.clone(), json!(1))];
                let mut found = finding("test/missing", place, Safety::Safe, ops);
                found.message = format!("no `{key}`");
                found
            };
            missing.map(one).collect()
        };
        let outcome = run(&files, Safety::Safe, &mut |files| scalars(files, &ids, &rule));
        assert_eq!((outcome.applied.len(), outcome.refused.len()), (10, 5));
        assert_eq!(outcome.refused[0].reason, "other fixes came first in all 10 rounds");
    }
}
