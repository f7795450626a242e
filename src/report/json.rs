//! For programs: `schemas/report.schema.json`.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shard::Cut;
use super::{Run, Site};
use crate::finding::{Finding, Safety, Severity};
use crate::source::{Files, Span};

/// Everything that one run found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Report<'a> {
    /// Version of this format.
    pub version: u32,
    /// Which part of the findings this is, if it is one; its counts of files, documents, suppressed and skipped are
    /// those of the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard: Option<Part<'a>>,
    /// What was found, by file and position.
    pub findings: Vec<Entry<'a>>,
    /// How much was found.
    pub summary: Summary,
}

/// A part of the findings of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Part<'a> {
    /// Which one, from 1.
    pub index: u32,
    /// How many there are.
    pub count: u32,
    /// Version of slogen.
    pub slogen: Cow<'a, str>,
    /// What all parts of one run share: a digest of all that it found.
    pub run: Cow<'a, str>,
}

/// A finding.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Entry<'a> {
    /// The rule, `family/name`.
    pub rule: Cow<'a, str>,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub message: Cow<'a, str>,
    /// What to write instead.
    pub help: Option<Cow<'a, str>>,
    /// Path of the file, as it was given; of a text on standard input that Helm rendered, its template.
    pub file: Cow<'a, str>,
    /// What Helm rendered, and from what; absent for other texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rendered: Option<Rendered<'a>>,
    /// First line, from 1.
    pub line: usize,
    /// First column in characters, from 1.
    pub column: usize,
    /// Last line, from 1.
    pub end_line: usize,
    /// Column behind the last character, from 1.
    pub end_column: usize,
    /// The Kubernetes object, for findings in manifests.
    pub object: Option<Object<'a>>,
    /// What else plays a part.
    pub labels: Vec<Place<'a>>,
    /// The change that would mend it.
    pub fix: Option<Fix<'a>>,
}

/// A text that Helm rendered.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Rendered<'a> {
    /// The template, as Helm calls it.
    pub from: Cow<'a, str>,
    /// The text in which lines and columns count: a file, or `stdin`.
    pub text: Cow<'a, str>,
}

/// A Kubernetes object.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Object<'a> {
    /// Kind.
    pub kind: Cow<'a, str>,
    /// Namespace, where one is set.
    pub namespace: Option<Cow<'a, str>>,
    /// Name.
    pub name: Cow<'a, str>,
}

/// A place that plays a part.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Place<'a> {
    /// Path of the file.
    pub file: Cow<'a, str>,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What stands there.
    pub message: Cow<'a, str>,
}

/// A change that would mend a finding.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Fix<'a> {
    /// What it does.
    pub title: Cow<'a, str>,
    /// Whether it may be applied without a look at it.
    pub safety: Safety,
}

/// Counts.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
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

/// Version of the format.
pub(super) const VERSION: u32 = 1;

pub(super) fn render(run: &Run<'_>) -> serde_json::Result<String> {
    report(run).text()
}

impl Report<'_> {
    /// As it is written.
    pub(super) fn text(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}

impl Part<'_> {
    fn of(Cut { shard, run }: Cut) -> Self {
        let slogen = Cow::Borrowed(env!("CARGO_PKG_VERSION"));
        Self {
            index: shard.index(),
            count: shard.count(),
            slogen,
            run: format!("{run:016x}").into(),
        }
    }
}

fn report<'a>(run: &Run<'a>) -> Report<'a> {
    Report {
        version: VERSION,
        shard: run.summary.shard.map(Part::of),
        findings: run.findings.iter().map(|finding| entry(finding, run.files)).collect(),
        summary: Summary {
            files: run.summary.files,
            documents: run.summary.documents,
            errors: run.count(Severity::Error),
            warnings: run.count(Severity::Warning),
            infos: run.count(Severity::Info),
            suppressed: run.summary.suppressed,
            skipped: run.summary.skipped,
        },
    }
}

fn entry<'a>(finding: &'a Finding, files: &'a Files) -> Entry<'a> {
    let span = finding.primary.span;
    let file = files.get(span.file);
    let (start, end) = (file.position(span.start), file.position(span.end));
    let place = |span: Span, message: &'a str| {
        let at = files.position(span);
        let file = Cow::Borrowed(files.get(span.file).name.as_str());
        Place { file, line: at.line, column: at.column, message: Cow::Borrowed(message) }
    };
    Entry {
        rule: finding.rule.into(),
        severity: finding.severity,
        message: finding.message.as_str().into(),
        help: finding.help.as_deref().map(Cow::Borrowed),
        file: Site::new(finding, files).name().into(),
        rendered: finding.template.as_ref().map(|template| Rendered {
            from: template.name.as_str().into(),
            text: file.name.as_str().into(),
        }),
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
        object: finding.object.as_ref().map(|object| Object {
            kind: object.kind.as_str().into(),
            namespace: object.namespace.as_deref().map(Cow::Borrowed),
            name: object.name.as_str().into(),
        }),
        labels: finding.labels.iter().map(|label| place(label.span, &label.message)).collect(),
        fix: finding
            .fix
            .as_ref()
            .map(|fix| Fix { title: fix.title.as_str().into(), safety: fix.safety }),
    }
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::fixture::Fixture;

    #[test]
    #[expect(clippy::too_many_lines, reason = "one report in full")]
    fn everything_is_said() {
        insta::assert_snapshot!(Fixture::new().render(Format::Json), @r#"
        {
          "version": 1,
          "findings": [
            {
              "rule": "hygiene/stray-file",
              "severity": "info",
              "message": "`größe` is 100 % <stray>",
              "help": null,
              "file": "./deploy/größe, 1.yaml",
              "line": 1,
              "column": 1,
              "end_line": 1,
              "end_column": 1,
              "object": null,
              "labels": [],
              "fix": null
            },
            {
              "rule": "hygiene/emoji",
              "severity": "warning",
              "message": "label `größe` is `🦀`",
              "help": null,
              "file": "./deploy/größe, 1.yaml",
              "line": 3,
              "column": 42,
              "end_line": 3,
              "end_column": 45,
              "object": null,
              "labels": [],
              "fix": null
            },
            {
              "rule": "scaling/static-replicas",
              "severity": "error",
              "message": "`shop` is scaled by HPA `shop` and sets `replicas` too",
              "help": "remove `replicas`",
              "file": "./deploy/größe, 1.yaml",
              "line": 5,
              "column": 13,
              "end_line": 5,
              "end_column": 14,
              "object": {
                "kind": "Deployment",
                "namespace": "web",
                "name": "shop"
              },
              "labels": [
                {
                  "file": "./deploy/größe, 1.yaml",
                  "line": 2,
                  "column": 7,
                  "message": "scaled by the HPA"
                },
                {
                  "file": "deploy/hpa.yaml",
                  "line": 4,
                  "column": 16,
                  "message": "HPA floor is 2"
                }
              ],
              "fix": {
                "title": "remove replicas (unsafe: the first apply drops to 1)",
                "safety": "unsafe"
              }
            },
            {
              "rule": "alerts/ratio",
              "severity": "warning",
              "message": "no guard",
              "help": null,
              "file": "rules.yaml",
              "line": 5,
              "column": 7,
              "end_line": 7,
              "end_column": 8,
              "object": null,
              "labels": [
                {
                  "file": "rules.yaml",
                  "line": 2,
                  "column": 9,
                  "message": ""
                }
              ],
              "fix": {
                "title": "add `or vector`",
                "safety": "safe"
              }
            }
          ],
          "summary": {
            "files": 40,
            "documents": 41,
            "errors": 1,
            "warnings": 2,
            "infos": 1,
            "suppressed": 1,
            "skipped": 2
          }
        }
        "#);
    }
}
