//! Findings as people and programs read them: pure functions of one [`Run`].

mod concise;
#[cfg(test)]
mod fixture;
mod github;
mod gitlab;
pub mod human;
pub mod json;
mod junit;
pub mod merge;
mod rdjson;
mod sarif;
pub mod shard;
mod snippet;

use std::borrow::Cow;

use crate::finding::{Finding, RuleInfo, Severity, Template};
use crate::source::{Files, Position, SourceFile, Unit};

/// Everything that one run found.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// What was found, in the order of [`crate::finding::sort`].
    pub findings: &'a [Finding],
    /// Every file that a finding points into.
    pub files: &'a Files,
    /// What else was counted.
    pub summary: Counts,
    /// Every rule there is, whether it found something or not.
    pub rules: &'a [RuleInfo],
    /// The least severity that fails the run; `None` where nothing does.
    pub fail_on: Option<Severity>,
    /// How many findings of one rule `human` shows in full; 0 for all.
    pub max_repeats: usize,
}

/// What the findings themselves do not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Files read.
    pub files: usize,
    /// Documents in them.
    pub documents: usize,
    /// Findings that a comment, an annotation or the baseline hid.
    pub suppressed: usize,
    /// Files passed over.
    pub skipped: usize,
    /// Which part of the findings is reported, if not all of them; the counts are those of the whole.
    pub shard: Option<shard::Cut>,
}

impl<'a> Run<'a> {
    /// A run that errors fail, all of whose findings are shown.
    pub fn new(findings: &'a [Finding], files: &'a Files, summary: Counts) -> Self {
        Self {
            findings,
            files,
            summary,
            rules: &[],
            fail_on: Some(Severity::Error),
            max_repeats: 0,
        }
    }

    /// How many findings are of `severity`.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

/// How findings are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people: the text underlined, with help.
    #[default]
    Human,
    /// One line a finding: `FILE:LINE:COLUMN: SEVERITY RULE MESSAGE`.
    Concise,
    /// For programs: `slogen schema report`.
    Json,
    /// SARIF 2.1.0, for GitHub code scanning.
    Sarif,
    /// Workflow commands of GitHub Actions.
    Github,
    /// GitLab's code quality report.
    Gitlab,
    /// `JUnit` XML.
    Junit,
    /// Reviewdog's diagnostic format.
    Rdjson,
}

impl Format {
    /// The report of `run`, complete with its last line end. Only `Human` has colour; who prints it to anything
    /// but a terminal strips it.
    pub fn render(self, run: &Run<'_>) -> serde_json::Result<String> {
        Ok(match self {
            Self::Human => human::render(run),
            Self::Concise => concise::render(run),
            Self::Json => json::render(run)?,
            Self::Sarif => sarif::render(run),
            Self::Github => github::render(run),
            Self::Gitlab => gitlab::render(run),
            Self::Junit => junit::render(run),
            Self::Rdjson => rdjson::render(run),
        })
    }
}

/// `1 file`, `2 files`.
pub fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Message, help, fix and origin, a line each: for formats that have one text for all of them.
fn plain(finding: &Finding, files: &Files) -> String {
    let help = finding.help.iter().map(|help| format!("\nhelp: {help}"));
    let fix = finding.fix.iter().map(|fix| format!("\nfix: {}", fix.title));
    let file = files.get(finding.primary.span.file);
    let position = files.position(finding.primary.span);
    let place = if file.piped { format!(", {}:{position}", file.name) } else { String::new() };
    let origin = origin(finding, files).map(|origin| format!("\nin: {origin}{place}"));
    std::iter::once(finding.message.clone()).chain(help).chain(fix).chain(origin).collect()
}

/// What a position alone does not tell: the object, in a stream of many, and the template that made it.
fn origin(finding: &Finding, files: &Files) -> Option<String> {
    let piped = files.get(finding.primary.span.file).piped;
    let object = finding.object.as_ref().filter(|object| piped && !object.name.is_empty());
    let object = object.map(|object| match &object.namespace {
        Some(namespace) => format!("{} `{}` of namespace `{namespace}`", object.kind, object.name),
        None => format!("{} `{}`", object.kind, object.name),
    });
    let made = finding.template.as_ref().map(|made| format!("rendered from {}", made.name));
    match (object, made) {
        (Some(object), Some(made)) => Some(format!("{object}, {made}")),
        (None, Some(made)) => Some(format!("a document {made}")),
        (object, None) => object,
    }
}

/// Where programs look for a finding.
struct Site<'a> {
    file: &'a SourceFile,
    /// What made it, if it is reported there: a text without a file.
    template: Option<&'a Template>,
}

impl<'a> Site<'a> {
    fn new(finding: &'a Finding, files: &'a Files) -> Self {
        let file = files.get(finding.primary.span.file);
        Self { file, template: finding.template.as_ref().filter(|_| file.piped) }
    }

    /// The name of the file, as it was given.
    fn name(&self) -> &'a str {
        let of = |template: &'a Template| template.path.as_deref().unwrap_or(&template.name);
        self.template.map_or(&self.file.name, of)
    }

    /// The name of the file, as other programs know it.
    fn path(&self) -> Cow<'a, str> {
        if self.template.is_some() { Cow::Borrowed(self.name()) } else { self.file.path() }
    }

    /// The position of byte `offset` in the file. In which line a template made something is not known.
    fn position(&self, offset: u32, unit: Unit) -> Position {
        match self.template {
            Some(_) => Position { line: 1, column: 1 },
            None => self.file.position_in(offset, unit),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;
    use proptest::prelude::*;

    use super::*;
    use crate::finding::Label;
    use crate::source::{FileId, Span};

    proptest! {
        /// Spans may be wrong in every way: backwards, inside a character, behind the end, of no file.
        #[test]
        fn any_finding_can_be_reported(
            texts in prop::collection::vec("(a|é|🦀|\t|\r?\n|\r|\u{1b}|b{300}){0,30}", 1..3),
            spans in prop::collection::vec((0..4_usize, 0..3000_u32, 0..3000_u32), 1..5),
            message in "\\PC{0,9}",
        ) {
            let mut files = Files::default();
            let ids: Vec<FileId> = texts.into_iter().map(|text| files.add("a", text)).collect();
            let mut labels = spans.into_iter().map(|(file, start, end)| Label {
                span: Span { file: ids.get(file).copied().unwrap_or(FileId::NONE), start, end },
                message: message.clone(),
            });
            let mut finding = Finding::error("a/b", Span::start_of(FileId::NONE), &message);
            finding.primary = labels.next().unwrap();
            finding.labels = labels.collect();
            let findings = [finding];
            let run = Run::new(&findings, &files, Counts::default());
            for format in Format::value_variants() {
                prop_assert!(format.render(&run).unwrap().ends_with('\n'));
            }
        }
    }
}
