//! One round: fixes that do not get in each other's way, made at once and checked.

use std::collections::BTreeMap;

use super::check;
use crate::finding::{Finding, Fix, Op};
use crate::source::{FileId, Files};
use crate::yaml::edit::{self, Edit, Refused};
use crate::yaml::{Stream, parse};

/// New texts, by file.
pub type Texts = BTreeMap<FileId, String>;

/// A further test of new texts, given the places in the list of findings of those that they mend.
pub type Judge<'a> = dyn FnMut(&Texts, &[usize]) -> Result<(), Refused> + 'a;

/// What became of a fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is part of the new texts.
    Applied,
    /// It would do something else than it says.
    Refused(String),
    /// Another one stands in its way; it may be tried on the new texts.
    Waits,
}

/// What a round did.
#[derive(Debug, Default)]
pub struct Round {
    /// The texts that changed.
    pub texts: Texts,
    /// What became of each fix, by the place of its finding in the list, in order of place in the files.
    pub verdicts: Vec<(usize, Verdict)>,
}

/// A fix with the bytes that it changes.
struct Candidate<'a> {
    finding: usize,
    fix: &'a Fix,
    edits: BTreeMap<FileId, Vec<Edit>>,
}

/// Applies the fixes of `chosen` findings to `files`: of those that touch each other the first one, each in all its
/// files or in none, and only as far as [`check`](super::check) and `judge` agree.
pub fn round(
    files: &Files,
    findings: &[Finding],
    chosen: &dyn Fn(&Finding) -> bool,
    judge: &mut Judge<'_>,
) -> Round {
    let mut order: Vec<(usize, &Finding, &Fix)> = findings
        .iter()
        .enumerate()
        .filter(|(_, finding)| chosen(finding))
        .filter_map(|(index, finding)| Some((index, finding, finding.fix.as_ref()?)))
        .collect();
    order.sort_by_key(|(_, finding, _)| (finding.primary.span, finding.rule, &finding.message));

    let mut streams = BTreeMap::new();
    for file in order.iter().flat_map(|(.., fix)| &fix.ops).map(Op::file) {
        streams.entry(file).or_insert_with(|| parse(file, &files.get(file).text));
    }
    let bench = Bench { files, streams };

    let mut candidates: Vec<Candidate<'_>> = Vec::new();
    let mut taken: BTreeMap<FileId, Vec<Edit>> = BTreeMap::new();
    let mut verdicts = BTreeMap::new();
    for (index, _, fix) in &order {
        match bench.edits(fix) {
            Ok(edits) if edits.iter().any(|(file, edits)| touch(edits, taken.get(file))) => {
                verdicts.insert(*index, Verdict::Waits);
            }
            Ok(edits) => {
                for (file, edits) in &edits {
                    taken.entry(*file).or_default().extend(edits.iter().cloned());
                }
                candidates.push(Candidate { finding: *index, fix, edits });
            }
            Err(Refused(reason)) => {
                verdicts.insert(*index, Verdict::Refused(reason));
            }
        }
    }

    let mut test = |together: &[&Candidate<'_>]| {
        let texts = bench.texts(together)?;
        let mended: Vec<usize> = together.iter().map(|candidate| candidate.finding).collect();
        judge(&texts, &mended)?;
        Ok(texts)
    };
    let mut settled = Settled::default();
    settled.add(&candidates, &mut test);
    verdicts.extend(settled.verdicts);
    let verdict = |index: &usize| verdicts.get(index).cloned().unwrap_or(Verdict::Waits);
    let verdicts = order.iter().map(|(index, ..)| (*index, verdict(index))).collect();
    Round { texts: settled.texts, verdicts }
}

fn touch(edits: &[Edit], taken: Option<&Vec<Edit>>) -> bool {
    edits.iter().any(|edit| taken.into_iter().flatten().any(|other| edit.touches(other)))
}

/// The files of a round as they were before it.
struct Bench<'a> {
    files: &'a Files,
    streams: BTreeMap<FileId, Stream<'a>>,
}

impl Bench<'_> {
    fn edits(&self, fix: &Fix) -> Result<BTreeMap<FileId, Vec<Edit>>, Refused> {
        let mut edits = BTreeMap::new();
        for (file, ops) in by_file([fix]) {
            if self.files.get(file).embedded {
                return Err(Refused("it lies in a file that is part of slogen".to_owned()));
            }
            if let Some(stream) = self.streams.get(&file) {
                edits.insert(file, edit::edits(stream, &ops)?);
            }
        }
        if edits.values().all(Vec::is_empty) {
            return Err(Refused("it would change nothing".to_owned()));
        }
        Ok(edits)
    }

    /// The texts with all of `candidates` applied, checked.
    fn texts(&self, candidates: &[&Candidate<'_>]) -> Result<Texts, Refused> {
        let mut texts = Texts::new();
        for (file, ops) in by_file(candidates.iter().map(|candidate| candidate.fix)) {
            let Some(stream) = self.streams.get(&file) else { continue };
            let edits = candidates.iter().filter_map(|candidate| candidate.edits.get(&file));
            let mut edits: Vec<Edit> = edits.flatten().cloned().collect();
            edits.sort_by_key(|edit| edit.range.start);
            let text = edit::spliced(stream.text(), &edits);
            check(stream, &text, &ops)?;
            texts.insert(file, text);
        }
        Ok(texts)
    }
}

fn by_file<'f>(fixes: impl IntoIterator<Item = &'f Fix>) -> BTreeMap<FileId, Vec<&'f Op>> {
    let mut ops: BTreeMap<FileId, Vec<&Op>> = BTreeMap::new();
    for op in fixes.into_iter().flat_map(|fix| &fix.ops) {
        ops.entry(op.file()).or_default().push(op);
    }
    ops
}

/// The candidates that stand the test together.
#[derive(Default)]
struct Settled<'c, 'a> {
    accepted: Vec<&'c Candidate<'a>>,
    texts: Texts,
    verdicts: Vec<(usize, Verdict)>,
}

impl<'c, 'a> Settled<'c, 'a> {
    /// Adds all of `next` that stand `test` together with those already accepted: all at once, or half by half.
    fn add(
        &mut self,
        next: &'c [Candidate<'a>],
        test: &mut dyn FnMut(&[&Candidate<'a>]) -> Result<Texts, Refused>,
    ) {
        let Some((first, others)) = next.split_first() else { return };
        let together: Vec<_> = self.accepted.iter().copied().chain(next).collect();
        match test(&together) {
            Ok(texts) => {
                self.verdicts.extend(next.iter().map(|new| (new.finding, Verdict::Applied)));
                self.accepted = together;
                self.texts = texts;
            }
            Err(Refused(reason)) if others.is_empty() => {
                // What fails only beside others may do without them.
                let verdict = if self.accepted.is_empty() {
                    Verdict::Refused(reason)
                } else {
                    match test(&[first]) {
                        Ok(_) => Verdict::Waits,
                        Err(Refused(reason)) => Verdict::Refused(reason),
                    }
                };
                self.verdicts.push((first.finding, verdict));
            }
            Err(_) => {
                let (left, right) = next.split_at(next.len() / 2);
                self.add(left, test);
                self.add(right, test);
            }
        }
    }
}
