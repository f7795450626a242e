//! What a rule sees, and how it reports.

use crate::cluster::{Cluster, Object};
use crate::finding::{Finding, Fix, Op, Safety, Severity};
use crate::rules::conformity::Conformity;
use crate::rules::{Meta, RuleSet};
use crate::source::Span;

/// What a rule sees, and where it reports to.
pub struct Ctx<'c> {
    /// The whole input.
    pub cluster: &'c Cluster<'c>,
    /// How its objects keep to the schemas of their kinds.
    pub conformity: &'c Conformity<'c>,
    rules: &'c RuleSet,
    meta: &'static Meta,
    findings: Vec<Finding>,
}

impl<'c> Ctx<'c> {
    /// For a run of the rule that `meta` describes.
    pub fn new(
        cluster: &'c Cluster<'c>,
        conformity: &'c Conformity<'c>,
        rules: &'c RuleSet,
        meta: &'static Meta,
    ) -> Self {
        Self { cluster, conformity, rules, meta, findings: Vec::new() }
    }

    /// What it reported.
    pub fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// True if another rule runs too, so that one of both may keep quiet.
    pub fn runs(&self, rule: &str) -> bool {
        self.rules.get(rule).is_some()
    }

    /// Reports that something is wrong with `object` at `spot`, in one clause without a full stop, with the
    /// severity that the rule has by default.
    pub fn report(
        &mut self,
        object: &Object<'_>,
        spot: impl Into<Span>,
        message: impl Into<String>,
    ) -> Report<'_> {
        let severity = self.meta.severity;
        let finding = Finding {
            severity,
            object: Some(object.identity()),
            ..Finding::error(self.meta.name, spot.into(), message)
        };
        self.findings.push(finding);
        // Just pushed, so it is the last.
        let last = self.findings.len() - 1;
        Report { finding: &mut self.findings[last] }
    }
}

/// A finding that is being written.
pub struct Report<'r> {
    finding: &'r mut Finding,
}

#[expect(clippy::return_self_not_must_use, reason = "the finding is in its list already")]
impl Report<'_> {
    /// Another severity than the rule's own.
    pub fn severity(self, severity: Severity) -> Self {
        self.finding.severity = severity;
        self
    }

    /// Says in at most eight words what the primary span is.
    pub fn here(self, message: impl Into<String>) -> Self {
        self.finding.primary.message = message.into();
        self
    }

    /// Points at what the primary span is compared with, in at most eight words.
    pub fn label(self, spot: impl Into<Span>, message: impl Into<String>) -> Self {
        self.finding
            .labels
            .push(crate::finding::Label { span: spot.into(), message: message.into() });
        self
    }

    /// As [`Report::label`], if there is a place.
    pub fn label_if(self, spot: Option<impl Into<Span>>, message: impl Into<String>) -> Self {
        match spot {
            Some(spot) => self.label(spot, message),
            None => self,
        }
    }

    /// Says what to write, as an imperative with the exact key and value.
    pub fn help(self, help: impl Into<String>) -> Self {
        self.finding.help = Some(help.into());
        self
    }

    /// Offers a change that keeps what runs, or has only one possible meaning. The title starts with a verb.
    pub fn fix_safe(self, title: impl Into<String>, ops: impl IntoIterator<Item = Op>) -> Self {
        self.fix(Safety::Safe, title.into(), ops)
    }

    /// Offers a change that the user decides on; the title starts with a verb and ends with the danger, such as
    /// `remove replicas (unsafe: the first client-side apply drops to 1)`.
    pub fn fix_unsafe(self, title: impl Into<String>, ops: impl IntoIterator<Item = Op>) -> Self {
        self.fix(Safety::Unsafe, title.into(), ops)
    }

    fn fix(self, safety: Safety, title: String, ops: impl IntoIterator<Item = Op>) -> Self {
        let ops: Vec<_> = ops.into_iter().collect();
        // What lies in a file inside a file is out of reach.
        if ops.iter().all(|op| op.file() != crate::source::FileId::NONE) {
            self.finding.fix = Some(Fix { title, safety, ops });
        }
        self
    }
}

/// The changes that a fix is made of.
#[allow(dead_code, reason = "each is there for the rules that need it")]
pub(crate) mod edit {
    use crate::finding::Op;
    use crate::yaml::Place;
    use serde_json::Value;

    /// Takes the entry or item out.
    pub(crate) fn remove(place: Place<'_>) -> Op {
        Op::Remove(place.target())
    }

    /// Writes another value in its place.
    pub(crate) fn set(place: Place<'_>, value: impl Into<Value>) -> Op {
        Op::Set(place.target(), value.into())
    }

    /// Adds an entry to a mapping.
    pub(crate) fn insert(mapping: Place<'_>, key: &str, value: impl Into<Value>) -> Op {
        Op::Insert(mapping.target(), key.to_owned(), value.into())
    }

    /// Gives the entry another key.
    pub(crate) fn rename(place: Place<'_>, key: &str) -> Op {
        Op::Rename(place.target(), key.to_owned())
    }

    /// Writes another text for the bytes `range` of a scalar's text.
    pub(crate) fn splice(
        scalar: Place<'_>,
        range: std::ops::Range<usize>,
        text: impl Into<String>,
    ) -> Op {
        Op::Splice(scalar.target(), range, text.into())
    }
}
