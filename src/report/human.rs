//! For people: each finding headed by its place, with the text underlined.

use std::fmt;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode};

use crate::finding::{Finding, Severity};
use crate::source::{Files, Span};

/// Width of reports, in columns, where the terminal's is not known.
const WIDTH: usize = 100;

/// All `findings`, in colour; who prints them to anything but a terminal strips it.
pub fn report(findings: &[Finding], files: &Files) -> String {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode())
        .with_width(WIDTH)
        .with_links(false);
    let mut text = String::new();
    for finding in findings {
        // Writing to a String cannot fail.
        let _ = handler.render_report(&mut text, &Shown::new(finding, files));
        text.push('\n');
    }
    text
}

/// A finding as miette sees it.
struct Shown<'a> {
    finding: &'a Finding,
    files: &'a Files,
    head: String,
    help: Option<String>,
}

impl<'a> Shown<'a> {
    fn new(finding: &'a Finding, files: &'a Files) -> Self {
        let span = finding.primary.span;
        let (name, position) = (&files.get(span.file).name, files.position(span));
        let head = format!("{name}:{position}: {}: {}", finding.severity.word(), finding.rule);
        // miette shows one file a report; labels into others become notes.
        let elsewhere =
            finding.labels.iter().filter(|label| label.span.file != span.file).map(|label| {
                format!(
                    "{}:{}: {}",
                    files.get(label.span.file).name,
                    files.position(label.span),
                    label.message
                )
            });
        let notes: Vec<String> = finding.help.iter().cloned().chain(elsewhere).collect();
        Self { finding, files, head, help: (!notes.is_empty()).then(|| notes.join("\n")) }
    }
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.finding, f)
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.finding.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.head))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.finding.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Info => miette::Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        let file = self.files.get(self.finding.primary.span.file);
        (!file.text.is_empty()).then_some(file as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let primary = &self.finding.primary;
        let shown = |span: Span, message: &str| {
            let text = (!message.is_empty()).then(|| message.to_owned());
            LabeledSpan::new(text, span.start as usize, (span.end - span.start) as usize)
        };
        let first = std::iter::once(LabeledSpan::new_primary_with_span(
            (!primary.message.is_empty()).then(|| primary.message.clone()),
            (primary.span.start as usize, (primary.span.end - primary.span.start) as usize),
        ));
        let same_file =
            self.finding.labels.iter().filter(|label| label.span.file == primary.span.file);
        Some(Box::new(first.chain(same_file.map(move |label| shown(label.span, &label.message)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_shows_all_its_places() {
        let mut files = Files::default();
        let slo = files.add("slo.toml", "[scaling]\nmin = 30 # größer\nmax = 20\n".to_owned());
        let profile = files.add("profile base", "# base\nmax = 20\n");
        let finding =
            Finding::error("spec/conflict", Span::new(slo, 16..18), "`min` 30 is above `max` 20")
                .here("too many")
                .label(Span::new(slo, 36..38), "the maximum")
                .label(Span::new(profile, 13..15), "written here")
                .help("swap or correct them");
        let report = anstream::adapter::strip_str(&report(&[finding], &files)).to_string();
        insta::assert_snapshot!(report, @r"
        slo.toml:2:7: error: spec/conflict

          × `min` 30 is above `max` 20
           ╭─[2:7]
         1 │ [scaling]
         2 │ min = 30 # größer
           ·       ─┬
           ·        ╰── too many
         3 │ max = 20
           ·       ─┬
           ·        ╰── the maximum
           ╰────
          help: swap or correct them
                profile base:2:7: written here
        ");
    }
}
