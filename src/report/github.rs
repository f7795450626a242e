//! Workflow commands of GitHub Actions, which become annotations of a pull request.

use super::{Run, plain};
use crate::finding::{Finding, Severity};
use crate::source::printable;

pub(super) fn render(run: &Run<'_>) -> String {
    run.findings.iter().map(|finding| command(finding, run)).collect()
}

fn command(finding: &Finding, run: &Run<'_>) -> String {
    let command = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "notice",
    };
    let place = place(finding, run).map(|place| place + ",").unwrap_or_default();
    let title = property(&format!("slogen ({})", finding.rule));
    format!("::{command} {place}title={title}::{}\n", data(&plain(finding, run.files)))
}

/// File and position; none where there is no file that an annotation could stand in.
fn place(finding: &Finding, run: &Run<'_>) -> Option<String> {
    let span = finding.primary.span;
    let file = run.files.get(span.file);
    if file.piped {
        // In which line a template made it is not known.
        let path = finding.template.as_ref()?.path.as_ref()?;
        return Some(format!("file={}", property(path)));
    }
    let path = property(&file.path());
    let (start, end) = (file.position(span.start), file.position(span.end));
    // GitHub drops an annotation that has columns and several lines.
    Some(if start.line == end.line {
        format!(
            "file={path},line={},col={},endLine={},endColumn={}",
            start.line, start.column, end.line, end.column
        )
    } else {
        format!("file={path},line={},endLine={}", start.line, end.line)
    })
}

fn data(text: &str) -> String {
    printable(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Format;
    use crate::report::fixture::Fixture;

    #[test]
    fn one_command_a_finding() {
        insta::assert_snapshot!(Fixture::new().render(Format::Github), @r"
        ::notice file=deploy/größe%2C 1.yaml,line=1,col=1,endLine=1,endColumn=1,title=slogen (hygiene/stray-file)::`größe` is 100 %25 <stray>
        ::warning file=deploy/größe%2C 1.yaml,line=3,col=42,endLine=3,endColumn=45,title=slogen (hygiene/emoji)::label `größe` is `🦀`
        ::error file=deploy/größe%2C 1.yaml,line=5,col=13,endLine=5,endColumn=14,title=slogen (scaling/static-replicas)::`shop` is scaled by HPA `shop` and sets `replicas` too%0Ahelp: remove `replicas`%0Afix: remove replicas (unsafe: the first apply drops to 1)
        ::warning file=rules.yaml,line=5,endLine=7,title=slogen (alerts/ratio)::no guard%0Afix: add `or vector`
        ");
    }

    #[test]
    fn nothing_ends_a_command_early() {
        assert_eq!(data("100 %\r\n::error::\u{1b}"), "100 %25%0D%0A::error::?");
        assert_eq!(property("a:b,c%\n"), "a%3Ab%2Cc%25%0A");
    }
}
