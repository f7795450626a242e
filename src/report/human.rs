//! For people: each finding headed by its place, with the text underlined.

use std::collections::{BTreeMap, HashSet};
use std::fmt::{self, Write as _};

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode, ThemeStyles,
};

use super::snippet::Snippets;
use super::{Run, counted, origin};
use crate::finding::{Finding, Label, Safety, Severity};
use crate::source::{Files, printable};

/// Width of reports, in columns, where the terminal's is not known.
const WIDTH: usize = 100;

/// So many other places of a finding are shown; a rule may compare one object with a thousand.
const MOST_LABELS: usize = 10;

/// All `findings`, in colour; who prints them to anything but a terminal strips it.
pub fn report(findings: &[Finding], files: &Files) -> String {
    let printer = Printer::new();
    findings.iter().map(|finding| printer.finding(finding, files, false)).collect()
}

pub(super) fn render(run: &Run<'_>) -> String {
    let printer = Printer::new();
    let documented: HashSet<&str> = run.rules.iter().map(|rule| rule.name).collect();
    let most = if run.max_repeats == 0 { usize::MAX } else { run.max_repeats };
    let (mut text, mut seen) = (String::new(), BTreeMap::new());
    for finding in run.findings {
        let count: &mut usize = seen.entry(finding.rule).or_default();
        *count += 1;
        if *count <= most {
            let documented = documented.contains(finding.rule);
            text += &printer.finding(finding, run.files, documented);
        }
    }
    seen.retain(|_, count| *count > most);
    for (rule, count) in &seen {
        let hidden = count - most;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "… and {hidden} more of {rule} (--max-repeats 0 shows all)");
    }
    if !seen.is_empty() {
        text.push('\n');
    }
    text + &summary(run, &printer.styles) + "\n"
}

/// One line: how much was found, what slogen can do about it, and what was left out.
fn summary(run: &Run<'_>, styles: &ThemeStyles) -> String {
    let of = |severity| run.count(severity);
    let (errors, warnings, infos) =
        (of(Severity::Error), of(Severity::Warning), of(Severity::Info));
    let found = [
        (errors, "error", styles.error),
        (warnings, "warning", styles.warning),
        (infos, "info", styles.advice),
    ];
    let found: Vec<String> = found
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, what, style)| style.style(counted(count, what)).to_string())
        .collect();
    let found = if found.is_empty() { "no findings".to_owned() } else { found.join(", ") };
    let mut parts = vec![format!("{found} in {}", counted(run.summary.files, "file"))];
    parts.extend(fixable(run.findings));
    if run.summary.suppressed > 0 {
        parts.push(format!("{} suppressed", run.summary.suppressed));
    }
    if run.summary.skipped > 0 {
        parts.push(format!("{} skipped", counted(run.summary.skipped, "file")));
    }
    if errors == 0 && warnings > 0 && run.fail_on == Some(Severity::Error) {
        parts.push("--fail-on warning makes warnings fail".to_owned());
    }
    parts.join("; ")
}

fn fixable(findings: &[Finding]) -> Option<String> {
    let of = |safety| {
        let fixes = findings.iter().filter_map(|finding| finding.fix.as_ref());
        fixes.filter(|fix| fix.safety == safety).count()
    };
    match (of(Safety::Safe), of(Safety::Unsafe)) {
        (0, 0) => None,
        (safe, 0) => Some(format!("{safe} fixable with --fix")),
        (0, unsafe_) => Some(format!("{unsafe_} fixable with --unsafe-fixes")),
        (safe, unsafe_) => {
            Some(format!("{safe} fixable with --fix, {unsafe_} with --unsafe-fixes"))
        }
    }
}

struct Printer {
    handler: GraphicalReportHandler,
    styles: ThemeStyles,
}

impl Printer {
    fn new() -> Self {
        let theme = GraphicalTheme::unicode();
        let styles = theme.styles.clone();
        let handler = GraphicalReportHandler::new_themed(theme).with_width(WIDTH).with_links(false);
        Self { handler, styles }
    }

    /// `finding`, with an empty line behind it.
    fn finding(&self, finding: &Finding, files: &Files, documented: bool) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.handler.render_report(&mut text, &Shown::new(finding, files));
        if let Some(origin) = origin(finding, files) {
            text += &self.footer("in:  ", &printable(&origin));
        }
        if let Some(fix) = &finding.fix {
            text += &self.footer("fix: ", &printable(&fix.title));
        }
        if documented {
            text += &self.footer("docs:", &format!("slogen explain {}", finding.rule));
        }
        text + "\n"
    }

    /// A line as miette writes those of help.
    fn footer(&self, what: &str, text: &str) -> String {
        format!("  {} {text}\n", self.styles.help.style(what))
    }
}

/// A finding as miette sees it.
#[derive(Debug)]
struct Shown<'a> {
    severity: Severity,
    head: String,
    message: String,
    help: String,
    snippets: Snippets<'a>,
    labels: Vec<LabeledSpan>,
}

impl<'a> Shown<'a> {
    fn new(finding: &Finding, files: &'a Files) -> Self {
        let at = |label: &Label| {
            let span = label.span;
            format!("{}:{}", files.get(span.file).name, files.position(span))
        };
        let head =
            format!("{}: {}: {}", at(&finding.primary), finding.severity.word(), finding.rule);
        let mut notes: Vec<String> = finding.help.iter().cloned().collect();
        let (mut snippets, mut labels) = (Snippets::default(), Vec::new());
        let text = |label: &Label| {
            (!label.message.is_empty()).then(|| printable(&label.message).into_owned())
        };
        if let Some(place) = snippets.place(files, finding.primary.span) {
            labels.push(LabeledSpan::new_primary_with_span(text(&finding.primary), place));
        }
        for label in finding.labels.iter().take(MOST_LABELS) {
            match snippets.place(files, label.span) {
                Some(place) => labels.push(LabeledSpan::new_with_span(text(label), place)),
                None => notes.push(format!("{}: {}", at(label), label.message)),
            }
        }
        if let Some(more @ 1..) = finding.labels.len().checked_sub(MOST_LABELS) {
            notes.push(format!("and {}", counted(more, "other place")));
        }
        Self {
            severity: finding.severity,
            head: printable(&head).into_owned(),
            message: printable(&finding.message).into_owned(),
            help: printable(&notes.join("\n")).into_owned(),
            snippets,
            labels,
        }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.head))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Info => miette::Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        (!self.help.is_empty()).then(|| Box::new(&self.help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        (!self.labels.is_empty()).then_some(&self.snippets as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::Fixture;
    use crate::report::{Counts, Format};
    use crate::source::Span;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

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
        insta::assert_snapshot!(plain(&report(&[finding], &files)), @r"
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
           ╭─[profile base:2:7]
         1 │ # base
         2 │ max = 20
           ·       ─┬
           ·        ╰── written here
           ╰────
          help: swap or correct them
        ");
    }

    #[test]
    fn a_run_ends_with_its_summary() {
        insta::assert_snapshot!(plain(&Fixture::new().render(Format::Human)), @r#"
        ./deploy/größe, 1.yaml:1:1: info: hygiene/stray-file

          ☞ `größe` is 100 % <stray>
           ╭─[1:1]
         1 │ # Größe 🦀
           · ▲
         2 │ kind: Deployment
           ╰────
          docs: slogen explain hygiene/stray-file

        ./deploy/größe, 1.yaml:3:42: warning: hygiene/emoji

          ⚠ label `größe` is `🦀`
           ╭─[3:42]
         2 │ kind: Deployment
         3 │ metadata: { name: shop, labels: { größe: "🦀" } }
           ·                                          ──┬─
           ·                                            ╰── no text
         4 │ spec:
           ╰────
          docs: slogen explain hygiene/emoji

        ./deploy/größe, 1.yaml:5:13: error: scaling/static-replicas

          × `shop` is scaled by HPA `shop` and sets `replicas` too
           ╭─[5:13]
         1 │ # Größe 🦀
         2 │ kind: Deployment
           ·       ─────┬────
           ·            ╰── scaled by the HPA
         3 │ metadata: { name: shop, labels: { größe: "🦀" } }
         4 │ spec:
         5 │   replicas: 3
           ·             ┬
           ·             ╰── reset to 3 by every apply
           ╰────
           ╭─[deploy/hpa.yaml:4:16]
         3 │ spec:
         4 │   minReplicas: 2
           ·                ┬
           ·                ╰── HPA floor is 2
           ╰────
          help: remove `replicas`
          fix:  remove replicas (unsafe: the first apply drops to 1)
          docs: slogen explain scaling/static-replicas

        rules.yaml:5:7: warning: alerts/ratio

          ⚠ no guard
           ╭─[5:7]
         1 │     groups:
         2 │     - name: "a&b"
           ·             ─────
         3 │       rules:
         4 │       - expr: |
         5 │ ╭─▶       x
         6 │ │         /
         7 │ ╰─▶       y
           ╰────
          fix:  add `or vector`
          docs: slogen explain alerts/ratio

        1 error, 2 warnings, 1 info in 40 files; 1 fixable with --fix, 1 with --unsafe-fixes; 1 suppressed; 2 files skipped
        "#);
    }

    #[test]
    fn repeats_are_counted() {
        let mut files = Files::default();
        let id = files.add("a.yaml", "a: 1\n");
        let found: Vec<Finding> = ["a/b", "a/b", "a/c", "a/b"]
            .map(|rule| Finding::error(rule, Span::new(id, 3..4), "wrong"))
            .into();
        let run = Run {
            max_repeats: 1,
            ..Run::new(&found, &files, Counts { files: 1, ..Counts::default() })
        };
        let text = plain(&render(&run));
        assert_eq!(text.matches("× wrong").count(), 2);
        assert!(text.ends_with(
            "\n\n… and 2 more of a/b (--max-repeats 0 shows all)\n\n4 errors in 1 file\n"
        ));
        let all = plain(&render(&Run { max_repeats: 3, ..run }));
        assert_eq!(all.matches("× wrong").count(), 4);
        assert!(!all.contains('…'));
    }

    #[test]
    fn the_summary_says_what_can_be_done() {
        let fixture = Fixture::new();
        let summary = |run: &Run<'_>| plain(&summary(run, &Printer::new().styles));
        assert_eq!(
            summary(&Run { summary: Counts::default(), ..fixture.clean() }),
            "no findings in 0 files"
        );
        let warnings: Vec<Finding> = (fixture.run().findings.iter())
            .filter(|finding| finding.severity == Severity::Warning)
            .cloned()
            .collect();
        let run = Run {
            findings: &warnings,
            summary: Counts { files: 3, ..Counts::default() },
            ..fixture.run()
        };
        assert_eq!(
            summary(&run),
            "2 warnings in 3 files; 1 fixable with --fix; --fail-on warning makes warnings fail"
        );
        assert_eq!(
            summary(&Run { fail_on: Some(Severity::Warning), ..run }),
            "2 warnings in 3 files; 1 fixable with --fix"
        );
    }

    #[test]
    fn many_places_are_counted() {
        let mut files = Files::default();
        let id = files.add("a.yaml", "a: 1\n");
        let gone = files.add("gone.yaml", "");
        let finding = (0..12).fold(
            Finding::error("a/b", Span::new(id, 3..4), "wrong")
                .label(Span::start_of(gone), "was here"),
            |finding, _| finding.label(Span::new(id, 0..1), ""),
        );
        let text = plain(&report(&[finding], &files));
        assert!(
            text.contains("  help: gone.yaml:1:1: was here\n        and 3 other places\n"),
            "{text}"
        );
    }

    #[test]
    fn a_file_does_not_command_the_terminal() {
        let mut files = Files::default();
        let id = files.add("a\u{1b}[2J.yaml", "a: 1 # \u{1b}[2J\n");
        let finding = Finding::error("a/b", Span::new(id, 3..4), "no \u{1b}]0;x\u{7}")
            .here("\u{9b}2J")
            .help("\u{1b}c");
        let text = report(&[finding], &files);
        assert_eq!(plain(&text).matches(char::is_control).count(), text.matches('\n').count());
        for evil in ["\u{1b}[2J", "\u{1b}]", "\u{1b}c", "\u{9b}"] {
            assert!(!text.contains(evil), "{text:?}");
        }
    }
}
