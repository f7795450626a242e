//! Findings: what is wrong, where, and what to write instead. Plain data; `report` prints it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::source::{FileId, Files, Span};

mod fingerprint;

pub use fingerprint::fingerprints;

/// How bad a finding is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Provably broken.
    Error,
    /// Likely harm.
    Warning,
    /// Advice.
    Info,
}

impl Severity {
    /// The word that reports print.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// A span with what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The text meant.
    pub span: Span,
    /// What stands there, in a few words; may be empty.
    pub message: String,
}

/// One step on the way from a document's root to a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The value under this key.
    Key(String),
    /// This item, counted from 0.
    Index(usize),
}

/// A value in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// The file.
    pub file: FileId,
    /// Which of its documents that have content, counted from 0.
    pub document: usize,
    /// The way from the document's root.
    pub path: Vec<Step>,
}

/// One change of a file, in terms of its values; `yaml::edit` turns it into bytes.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Takes an entry or item out.
    Remove(Target),
    /// Writes another value in the place of this one.
    Set(Target, serde_json::Value),
    /// Adds an entry at the end of a mapping.
    Insert(Target, String, serde_json::Value),
    /// Adds an item at the end of a sequence.
    Append(Target, serde_json::Value),
    /// Gives the entry another key, at the same place.
    Rename(Target, String),
    /// Writes another text for a part of a scalar, given in bytes of its decoded text; its style stays.
    Splice(Target, std::ops::Range<usize>, String),
    /// Takes a comment out, or a part of one behind its `#`.
    Uncomment(Span),
}

/// What an [`Op`] changes.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A value.
    Value(&'a Target),
    /// A comment, or a part of one.
    Comment(Span),
}

impl Op {
    /// What it changes.
    pub fn subject(&self) -> Subject<'_> {
        match self {
            Self::Remove(target)
            | Self::Set(target, _)
            | Self::Insert(target, ..)
            | Self::Append(target, _)
            | Self::Rename(target, _)
            | Self::Splice(target, ..) => Subject::Value(target),
            Self::Uncomment(part) => Subject::Comment(*part),
        }
    }

    /// The value that it changes; a comment is none.
    pub fn target(&self) -> Option<&Target> {
        match self.subject() {
            Subject::Value(target) => Some(target),
            Subject::Comment(_) => None,
        }
    }

    /// The file that it changes.
    pub fn file(&self) -> FileId {
        match self.subject() {
            Subject::Value(target) => target.file,
            Subject::Comment(part) => part.file,
        }
    }
}

/// Whether a fix may be applied without a look at it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Safety {
    /// Running behaviour stays, or there is only one possible meaning.
    Safe,
    /// A decision for the user.
    Unsafe,
}

/// A change that mends a finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Fix {
    /// What it does, starting with a verb; an unsafe one ends with its danger in brackets.
    pub title: String,
    /// Whether it may be applied without a look at it.
    pub safety: Safety,
    /// The changes, all or none.
    pub ops: Vec<Op>,
}

/// The Kubernetes object that a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// Its kind, or what a file without kinds is.
    pub kind: String,
    /// Its namespace, where one is set.
    pub namespace: Option<String>,
    /// Its name; empty where it has none.
    pub name: String,
}

/// The template of a Helm chart that a document was rendered from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// As Helm calls it, `CHART/templates/FILE`.
    pub name: String,
    /// The file, where it was found.
    pub path: Option<String>,
}

/// One report of one rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// `family/name`; problems of slo.toml itself have the family `spec`.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, names in backticks, no full stop.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Where it is wrong.
    pub primary: Label,
    /// What else plays a part.
    pub labels: Vec<Label>,
    /// The object that it is about, for findings in manifests.
    pub object: Option<Object>,
    /// What Helm rendered the document from.
    pub template: Option<Template>,
    /// What would mend it.
    pub fix: Option<Fix>,
}

impl Finding {
    /// An error of `rule` at `span`.
    pub fn error(rule: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self {
            rule,
            severity: Severity::Error,
            message: message.into(),
            help: None,
            primary: Label { span, message: String::new() },
            labels: Vec::new(),
            object: None,
            template: None,
            fix: None,
        }
    }

    /// Says what the primary span is.
    #[must_use]
    pub fn here(mut self, message: impl Into<String>) -> Self {
        self.primary.message = message.into();
        self
    }

    /// Says what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Points at something else that plays a part.
    #[must_use]
    pub fn label(mut self, span: Span, message: impl Into<String>) -> Self {
        self.labels.push(Label { span, message: message.into() });
        self
    }
}

/// What reports say about a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleInfo {
    /// `family/name`.
    pub name: &'static str,
    /// One line: what it finds.
    pub summary: String,
    /// Everything about it, in Markdown.
    pub docs: String,
    /// How bad its findings are, unless a case or the configuration says otherwise.
    pub severity: Severity,
    /// Whether it is on.
    pub enabled: bool,
}

impl RuleInfo {
    /// What stands before the `/` of its name.
    pub fn family(&self) -> &'static str {
        self.name.split_once('/').map_or(self.name, |(family, _)| family)
    }
}

/// The candidate nearest to `word`, if it is near enough to be meant.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Two slips at the most, and never more than half of the word: `x` is no slip of `os`.
    let limit = (word.chars().count() / 2).min(2);
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Moves findings that point into an embedded profile, which nobody can edit, to `anchor`.
pub fn anchor(findings: Vec<Finding>, anchor: Span, files: &Files) -> Vec<Finding> {
    let moved = |mut finding: Finding| {
        let place = finding.primary.span;
        if files.get(place.file).embedded {
            finding.primary.span = anchor;
            finding.labels.insert(0, Label { span: place, message: "written here".to_owned() });
        }
        finding
    };
    findings.into_iter().map(moved).collect()
}

/// Sorts by path, offset and rule, and drops repetitions, so that equal input gives equal reports.
pub fn sort(findings: &mut Vec<Finding>, files: &Files) {
    fn key<'a>(finding: &'a Finding, files: &'a Files) -> impl Ord + use<'a> {
        let span = finding.primary.span;
        (files.get(span.file).name.as_str(), span, finding.rule, finding.message.as_str())
    }
    findings.sort_by(|a, b| key(a, files).cmp(&key(b, files)));
    findings.dedup();
}
