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
                    refused.push(dropped(reason));
                }
                Verdict::Waits => {
                    let reason = format!("other fixes came first in all {MOST_ROUNDS} rounds");
                    waiting.push(dropped(reason));
                }
            }
        }
        outcome.applied.extend(applied);
        refused.retain(|dropped| !outcome.refused.contains(dropped));
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

fn count<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> BTreeMap<Key, usize> {
    let mut counts = BTreeMap::new();
    for finding in findings {
        *counts.entry(Key::of(finding)).or_insert(0) += 1;
    }
    counts
}

/// Refuses a change after which a finding that it mends is still there, or that brings an error along.
fn improved(before: &[Finding], after: &[Finding], mended: &[&Finding]) -> Result<(), Refused> {
    let (old, new) = (count(before), count(after));
    let number = |counts: &BTreeMap<Key, usize>, key: &Key| counts.get(key).copied().unwrap_or(0);
    for (key, mended) in count(mended.iter().copied()) {
        if number(&new, &key) + mended > number(&old, &key) {
            return Err(Refused("the finding would still be there".to_owned()));
        }
    }
    let mut errors = after.iter().filter(|finding| finding.severity == Severity::Error);
    let more = errors.find(|finding| {
        let key = Key::of(finding);
        number(&new, &key) > number(&old, &key)
    });
    match more {
        Some(error) => {
            Err(Refused(format!("a new error would appear: {}: {}", error.rule, error.message)))
        }
        None => Ok(()),
    }
}
