//! For programs: `schemas/report.schema.json`.

use schemars::JsonSchema;
use serde::Serialize;

use crate::finding::{Finding, Severity};
use crate::source::{Files, Span};

/// Everything that one run found.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Report<'a> {
    /// Version of this format.
    pub version: u32,
    /// What was found, by file and position.
    pub findings: Vec<Entry<'a>>,
    /// How much was found.
    pub summary: Summary,
}

/// A finding.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Entry<'a> {
    /// The rule, `family/name`.
    pub rule: &'a str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub message: &'a str,
    /// What to write instead.
    pub help: Option<&'a str>,
    /// Path of the file, as it was given.
    pub file: &'a str,
    /// First line, from 1.
    pub line: usize,
    /// First column in characters, from 1.
    pub column: usize,
    /// Last line, from 1.
    pub end_line: usize,
    /// Column behind the last character, from 1.
    pub end_column: usize,
    /// The Kubernetes object, for findings in manifests.
    pub object: Option<Object>,
    /// What else plays a part.
    pub labels: Vec<Place<'a>>,
    /// The change that would mend it.
    pub fix: Option<Fix>,
}

/// A Kubernetes object.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Object {
    /// Kind.
    pub kind: String,
    /// Namespace, where one is set.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

/// A place that plays a part.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Place<'a> {
    /// Path of the file.
    pub file: &'a str,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What stands there.
    pub message: &'a str,
}

/// A change that would mend a finding.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Fix {
    /// What it does.
    pub title: String,
    /// `safe` or `unsafe`.
    pub safety: String,
}

/// Counts.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Summary {
    /// Files read.
    pub files: usize,
    /// Documents in them; 0 where slo.toml files were read.
    pub documents: usize,
    /// Findings of severity error.
    pub errors: usize,
    /// Findings of severity warning.
    pub warnings: usize,
    /// Findings of severity info.
    pub infos: usize,
    /// Findings that a comment or annotation hid.
    pub suppressed: usize,
    /// Files passed over.
    pub skipped: usize,
}

/// The report of `findings` in `read` files.
pub fn report<'a>(findings: &'a [Finding], files: &'a Files, read: usize) -> Report<'a> {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let summary = Summary {
        files: read,
        errors: count(Severity::Error),
        warnings: count(Severity::Warning),
        infos: count(Severity::Info),
        ..Summary::default()
    };
    Report {
        version: 1,
        findings: findings.iter().map(|finding| entry(finding, files)).collect(),
        summary,
    }
}

fn entry<'a>(finding: &'a Finding, files: &'a Files) -> Entry<'a> {
    let span = finding.primary.span;
    let file = files.get(span.file);
    let (start, end) = (file.position(span.start), file.position(span.end));
    let place = |span: Span, message: &'a str| {
        let at = files.position(span);
        Place { file: &files.get(span.file).name, line: at.line, column: at.column, message }
    };
    Entry {
        rule: finding.rule,
        severity: finding.severity,
        message: &finding.message,
        help: finding.help.as_deref(),
        file: &file.name,
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
        object: None,
        labels: finding.labels.iter().map(|label| place(label.span, &label.message)).collect(),
        fix: None,
    }
}
