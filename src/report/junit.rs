//! `JUnit` XML: a test suite for each file with findings, a failure for each finding.

use std::borrow::Cow;

use indexmap::IndexMap;

use super::{Run, Site, plain};
use crate::finding::Finding;
use crate::source::Unit;

pub(super) fn render(run: &Run<'_>) -> String {
    let mut files: IndexMap<Cow<'_, str>, Vec<&Finding>> = IndexMap::new();
    for finding in run.findings {
        files.entry(Site::new(finding, run.files).path()).or_default().push(finding);
    }
    let suites: String = if files.is_empty() {
        // Without any test, many programs take the run for one that failed.
        "  <testsuite name=\"slogen\" tests=\"1\" failures=\"0\" errors=\"0\">\n    \
         <testcase name=\"lint\" classname=\"slogen\"/>\n  </testsuite>\n"
            .to_owned()
    } else {
        files.iter().map(|(path, findings)| suite(path, findings, run)).collect()
    };
    let failures = run.findings.len();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"slogen\" tests=\"{}\" failures=\"{failures}\" errors=\"0\">\n\
         {suites}</testsuites>\n",
        failures.max(1)
    )
}

fn suite(path: &str, findings: &[&Finding], run: &Run<'_>) -> String {
    let path = escape(path);
    let cases: String = findings.iter().map(|finding| case(finding, &path, run)).collect();
    let count = findings.len();
    format!(
        "  <testsuite name=\"{path}\" tests=\"{count}\" failures=\"{count}\" errors=\"0\">\n\
         {cases}  </testsuite>\n"
    )
}

fn case(finding: &Finding, path: &str, run: &Run<'_>) -> String {
    let site = Site::new(finding, run.files);
    let (rule, at) = (finding.rule, site.position(finding.primary.span.start, Unit::Char));
    format!(
        "    <testcase name=\"{rule}\" classname=\"{path}\" file=\"{path}\" line=\"{}\">\n      \
         <failure type=\"{}\" message=\"{}\">{path}:{at}: {}</failure>\n    \
         </testcase>\n",
        at.line,
        finding.severity.word(),
        escape(&finding.message),
        escape(&plain(finding, run.files))
    )
}

/// `text` for attributes and between tags. XML 1.0 has no way at all to write most control characters.
fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, c| {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\r' => escaped += "&#13;",
            '\n' | '\t' => escaped.push(c),
            '\0'..' ' | '\u{7f}'..'\u{a0}' | '\u{fffe}' | '\u{ffff}' => {
                escaped.push(char::REPLACEMENT_CHARACTER);
            }
            _ => escaped.push(c),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Format;
    use crate::report::fixture::Fixture;

    #[test]
    fn one_failure_a_finding() {
        insta::assert_snapshot!(Fixture::new().render(Format::Junit), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="slogen" tests="4" failures="4" errors="0">
          <testsuite name="deploy/größe, 1.yaml" tests="3" failures="3" errors="0">
            <testcase name="hygiene/stray-file" classname="deploy/größe, 1.yaml" file="deploy/größe, 1.yaml" line="1">
              <failure type="info" message="`größe` is 100 % &lt;stray&gt;">deploy/größe, 1.yaml:1:1: `größe` is 100 % &lt;stray&gt;</failure>
            </testcase>
            <testcase name="hygiene/emoji" classname="deploy/größe, 1.yaml" file="deploy/größe, 1.yaml" line="3">
              <failure type="warning" message="label `größe` is `🦀`">deploy/größe, 1.yaml:3:42: label `größe` is `🦀`</failure>
            </testcase>
            <testcase name="scaling/static-replicas" classname="deploy/größe, 1.yaml" file="deploy/größe, 1.yaml" line="5">
              <failure type="error" message="`shop` is scaled by HPA `shop` and sets `replicas` too">deploy/größe, 1.yaml:5:13: `shop` is scaled by HPA `shop` and sets `replicas` too
        help: remove `replicas`
        fix: remove replicas (unsafe: the first apply drops to 1)</failure>
            </testcase>
          </testsuite>
          <testsuite name="rules.yaml" tests="1" failures="1" errors="0">
            <testcase name="alerts/ratio" classname="rules.yaml" file="rules.yaml" line="5">
              <failure type="warning" message="no guard">rules.yaml:5:7: no guard
        fix: add `or vector`</failure>
            </testcase>
          </testsuite>
        </testsuites>
        "#);
    }

    #[test]
    fn a_clean_run_passes_one_test() {
        let text = Format::Junit.render(&Fixture::new().clean()).unwrap();
        insta::assert_snapshot!(text, @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="slogen" tests="1" failures="0" errors="0">
          <testsuite name="slogen" tests="1" failures="0" errors="0">
            <testcase name="lint" classname="slogen"/>
          </testsuite>
        </testsuites>
        "#);
    }

    #[test]
    fn xml_stays_xml() {
        assert_eq!(escape("a<b> & \"c\"\td\r\n"), "a&lt;b&gt; &amp; &quot;c&quot;\td&#13;\n");
        assert_eq!(escape("\0\u{1b}[1m\u{9b}\u{ffff}]]>é🦀"), "��[1m��]]&gt;é🦀");
    }
}
