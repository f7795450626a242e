//! Joins reports that `--format json` wrote: the shards of one run, or whole reports of several.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use super::json::{Entry, Part, Report, Summary, VERSION};
use super::{Counts, Format, Run, sarif};
use crate::finding::{Finding, Fix, Label, Object, RuleInfo, Severity, Template};
use crate::source::{FileId, Files, Span};

/// A report that was read back, with the name that messages give it.
#[derive(Debug)]
pub struct Read {
    name: String,
    report: Report<'static>,
}

/// Reads a report; an error says where and why it is none.
pub fn read(name: &str, text: &str) -> Result<Read, String> {
    let report: Report<'static> = serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let what = error.to_string();
        // The place comes first, as editors and terminals know it.
        let what = what.rsplit_once(" at line ").map_or(what.as_str(), |(what, _)| what);
        format!("{name}:{line}:{column}: this is no report of `slogen lint --format json`: {what}")
    })?;
    if report.version == VERSION {
        Ok(Read { name: name.to_owned(), report })
    } else {
        let found = report.version;
        Err(format!("{name}: its format is version {found}, this slogen reads {VERSION}"))
    }
}

/// One report with the findings of all. Shards must be complete and of one run; whole reports are added up, a
/// finding that several hold counts once.
pub fn merge(reports: Vec<Read>) -> Result<Merged, String> {
    let sharded = reports.iter().find(|read| read.report.shard.is_some());
    let whole = reports.iter().find(|read| read.report.shard.is_none());
    let summary = match (sharded, whole) {
        (Some(shard), Some(whole)) => {
            return Err(format!(
                "`{}` is one shard of a run and `{}` is a whole run; merge the shards first",
                shard.name, whole.name
            ));
        }
        (Some(_), None) => of_shards(&reports)?,
        _ => sum(&reports),
    };
    let mut findings: Vec<Entry<'static>> = Vec::new();
    let mut known = HashSet::new();
    for read in reports {
        // One report may well hold equal findings, with different help.
        let new: Vec<_> =
            read.report.findings.into_iter().filter(|it| !known.contains(&identity(it))).collect();
        known.extend(new.iter().map(identity));
        findings.extend(new);
    }
    // Of one file they are in order, and stay so.
    findings.sort_by(|a, b| place(a).cmp(&place(b)));
    let count = |severity| findings.iter().filter(|it| it.severity == severity).count();
    let summary = Summary {
        errors: count(Severity::Error),
        warnings: count(Severity::Warning),
        infos: count(Severity::Info),
        ..summary
    };
    Ok(Merged(Report { version: VERSION, shard: None, findings, summary }))
}

/// What makes a finding this one: all that its fingerprint is made of, and its place.
fn identity(entry: &Entry<'_>) -> impl std::hash::Hash + Eq + use<> {
    let object = entry.object.as_ref().map(|it| {
        (it.kind.to_string(), it.namespace.as_ref().map(Cow::to_string), it.name.to_string())
    });
    (
        (entry.rule.to_string(), entry.file.to_string(), entry.message.to_string(), object),
        (entry.line, entry.column, entry.end_line, entry.end_column),
    )
}

/// The order of [`crate::finding::sort`].
fn place<'e>(entry: &'e Entry<'_>) -> impl Ord + use<'e> {
    let start = (entry.line, entry.column);
    let end = (entry.end_line, entry.end_column);
    (text(entry), start, end, &*entry.rule, &*entry.message)
}

/// The name of the text in which its lines count.
fn text<'e>(entry: &'e Entry<'_>) -> &'e str {
    entry.rendered.as_ref().map_or(&*entry.file, |rendered| &*rendered.text)
}

/// The counts that all shards of a run share.
fn of_shards(reports: &[Read]) -> Result<Summary, String> {
    let mut by_index: BTreeMap<u32, &Read> = BTreeMap::new();
    let mut first: Option<(&Read, &Part<'_>)> = None;
    for read in reports {
        let Some(part) = &read.report.shard else { continue };
        let (one, known) = *first.get_or_insert((read, part));
        let differ = |what: &str, a: String, b: String| {
            let (one, other) = (&one.name, &read.name);
            Err(format!("`{one}` and `{other}` are no shards of one run: {what} {a} and {b}"))
        };
        if part.count != known.count {
            return differ("they are of", known.count.to_string(), part.count.to_string());
        }
        if part.slogen != known.slogen {
            return differ("they are of slogen", known.slogen.to_string(), part.slogen.to_string());
        }
        let totals = |read: &Read| {
            let it = &read.report.summary;
            [
                ("files", it.files),
                ("documents", it.documents),
                ("suppressed findings", it.suppressed),
                ("skipped files", it.skipped),
            ]
        };
        for ((what, a), (_, b)) in totals(one).into_iter().zip(totals(read)) {
            if a != b {
                let help = "lint one commit everywhere, and write the reports outside of it";
                return differ("the runs count", format!("{a} {what}"), format!("{b}; {help}"));
            }
        }
        if part.run != known.run {
            let help = "lint one commit, with the same arguments, everywhere";
            return differ(
                "what the runs found has the digests",
                known.run.to_string(),
                format!("{}; {help}", part.run),
            );
        }
        if let Some(other) = by_index.insert(part.index, read) {
            let (index, count) = (part.index, part.count);
            let (one, other) = (&other.name, &read.name);
            return Err(format!("shard {index}/{count} is there twice: `{one}` and `{other}`"));
        }
    }
    let Some((one, known)) = first else { return Ok(Summary::default()) };
    let missing: Vec<_> = (1..=known.count)
        .filter(|index| !by_index.contains_key(index))
        .take(MOST_NAMED)
        .map(|index| format!("{index}/{}", known.count))
        .collect();
    if !missing.is_empty() {
        let (missing, given) = (missing.join(", "), by_index.len());
        return Err(format!(
            "shard {missing} is missing, only {given} of {} are given; the report would not show what it holds",
            known.count
        ));
    }
    Ok(one.report.summary.clone())
}

/// So many missing shards are named.
const MOST_NAMED: usize = 8;

fn sum(reports: &[Read]) -> Summary {
    let add = |sum: Summary, read: &Read| {
        let it = &read.report.summary;
        Summary {
            files: sum.files + it.files,
            documents: sum.documents + it.documents,
            suppressed: sum.suppressed + it.suppressed,
            skipped: sum.skipped + it.skipped,
            ..sum
        }
    };
    reports.iter().fold(Summary::default(), add)
}

/// Reports that were joined.
#[derive(Debug)]
pub struct Merged(Report<'static>);

impl Merged {
    /// True if a finding is as bad as `least`.
    pub fn holds(&self, least: Severity) -> bool {
        self.0.findings.iter().any(|finding| finding.severity <= least)
    }

    /// The report in another format; `rules` are those of this slogen. `None` for the formats that show or count
    /// what stands in the files, which a report does not hold: `human` and `rdjson`.
    pub fn render(
        &self,
        format: Format,
        rules: &[RuleInfo],
        fail_on: Option<Severity>,
    ) -> serde_json::Result<Option<String>> {
        if format == Format::Json {
            return self.0.text().map(Some);
        }
        let files = StandIns::of(&self.0.findings);
        let findings: Vec<_> = self.0.findings.iter().map(|it| files.finding(it, rules)).collect();
        let it = &self.0.summary;
        let summary = Counts {
            files: it.files,
            documents: it.documents,
            suppressed: it.suppressed,
            skipped: it.skipped,
            shard: None,
        };
        let run = Run { rules, fail_on, ..Run::new(&findings, &files.files, summary) };
        Ok(match format {
            Format::Human | Format::Rdjson => None,
            Format::Sarif => Some(sarif::render_in_characters(&run)),
            _ => Some(format.render(&run)?),
        })
    }
}

/// Texts of spaces, in which every place of a report has the line and column that the report gives it.
struct StandIns {
    files: Files,
    /// By name, each with the offsets of its lines.
    known: BTreeMap<String, (FileId, Vec<usize>)>,
}

/// Longer lines and files than anything that was linted: what lies beyond is no place.
const MOST: usize = 1 << 24;

impl StandIns {
    fn of(entries: &[Entry<'_>]) -> Self {
        let mut widths: BTreeMap<&str, BTreeMap<usize, usize>> = BTreeMap::new();
        let mut reach = |file, line: usize, column: usize| {
            let widths: &mut BTreeMap<usize, usize> = widths.entry(file).or_default();
            let width = widths.entry(line.clamp(1, MOST)).or_default();
            *width = column.clamp(1, MOST).max(*width);
        };
        for entry in entries {
            reach(text(entry), entry.line, entry.column);
            reach(text(entry), entry.end_line, entry.end_column.saturating_sub(1));
            for label in &entry.labels {
                reach(&*label.file, label.line, label.column);
            }
        }
        let piped: HashSet<&str> = entries
            .iter()
            .map(text)
            .zip(entries)
            .filter(|(text, it)| **text != *it.file)
            .map(|(text, _)| text)
            .collect();
        let mut stand_ins = Self { files: Files::default(), known: BTreeMap::new() };
        for (name, widths) in widths {
            let (mut text, mut starts) = (String::new(), Vec::new());
            let last = widths.last_key_value().map_or(0, |(line, _)| *line);
            for line in 1..=last {
                starts.push(text.len());
                text.extend(std::iter::repeat_n(' ', widths.get(&line).copied().unwrap_or(0)));
                text.push('\n');
            }
            let id = if piped.contains(name) {
                stand_ins.files.add_piped(name, text)
            } else {
                stand_ins.files.add(name, text)
            };
            stand_ins.known.insert(name.to_owned(), (id, starts));
        }
        stand_ins
    }

    fn span(&self, file: &str, start: (usize, usize), end: (usize, usize)) -> Span {
        let Some((id, lines)) = self.known.get(file) else { return Span::start_of(FileId::NONE) };
        let offset = |(line, column): (usize, usize)| {
            let line = lines.get(line.clamp(1, MOST) - 1).copied().unwrap_or(0);
            line + column.clamp(1, MOST) - 1
        };
        Span::new(*id, offset(start)..offset(end))
    }

    fn finding(&self, entry: &Entry<'_>, rules: &[RuleInfo]) -> Finding {
        let known = rules.iter().find(|rule| rule.name == entry.rule).map(|rule| rule.name);
        // Names of other versions' rules; there are few, and the process ends soon.
        let rule = known.unwrap_or_else(|| String::leak(entry.rule.to_string()));
        let start = (entry.line, entry.column);
        let span = self.span(text(entry), start, (entry.end_line, entry.end_column));
        let mut finding = Finding::error(rule, span, entry.message.as_ref());
        finding.severity = entry.severity;
        finding.help = entry.help.as_ref().map(Cow::to_string);
        // Texts within slogen are called so; they are no files.
        let files = entry.labels.iter().filter(|label| !label.file.starts_with("profile "));
        finding.labels = files
            .map(|label| {
                let at = (label.line, label.column);
                let message = label.message.to_string();
                Label { span: self.span(&label.file, at, at), message }
            })
            .collect();
        finding.object = entry.object.as_ref().map(|object| Object {
            kind: object.kind.to_string(),
            namespace: object.namespace.as_ref().map(Cow::to_string),
            name: object.name.to_string(),
        });
        finding.template = entry.rendered.as_ref().map(|rendered| Template {
            name: rendered.from.to_string(),
            path: (entry.file != rendered.from).then(|| entry.file.to_string()),
        });
        finding.fix = entry.fix.as_ref().map(|fix| Fix {
            title: fix.title.to_string(),
            safety: fix.safety,
            ops: Vec::new(),
        });
        finding
    }
}
