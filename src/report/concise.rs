//! For editors, `grep` and small terminals: one line a finding.

use super::{Run, origin};
use crate::finding::Finding;
use crate::source;

pub(super) fn render(run: &Run<'_>) -> String {
    let line = |finding: &Finding| {
        let span = finding.primary.span;
        let origin = origin(finding, run.files).map(|it| format!(" (in {it})")).unwrap_or_default();
        let line = format!(
            "{}:{}: {} {} {}{origin}",
            run.files.get(span.file).name,
            run.files.position(span),
            finding.severity.word(),
            finding.rule,
            finding.message
        );
        source::printable(&line).replace(['\r', '\n'], " ") + "\n"
    };
    run.findings.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use crate::finding::Finding;
    use crate::report::{Counts, Format, Run, fixture::Fixture};
    use crate::source::{Files, Span};

    #[test]
    fn one_line_a_finding() {
        insta::assert_snapshot!(Fixture::new().render(Format::Concise), @r"
        ./deploy/größe, 1.yaml:1:1: info hygiene/stray-file `größe` is 100 % <stray>
        ./deploy/größe, 1.yaml:3:42: warning hygiene/emoji label `größe` is `🦀`
        ./deploy/größe, 1.yaml:5:13: error scaling/static-replicas `shop` is scaled by HPA `shop` and sets `replicas` too
        rules.yaml:5:7: warning alerts/ratio no guard
        ");
    }

    #[test]
    fn a_line_stays_a_line() {
        let mut files = Files::default();
        let id = files.add("a.yaml", "a: 1\n");
        let found =
            [Finding::error("a/b", Span::new(id, 3..4), "no port `a\nb.yaml:1:1: c\u{1b}[2J`")];
        let run = Run::new(&found, &files, Counts::default());
        assert_eq!(
            Format::Concise.render(&run).unwrap(),
            "a.yaml:1:4: error a/b no port `a b.yaml:1:1: c?[2J`\n"
        );
    }
}
