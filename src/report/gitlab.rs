//! GitLab's code quality report.

use serde_json::{Value, json};

use super::{Run, Site};
use crate::finding::{Finding, Severity, fingerprints};
use crate::source::Unit;

pub(super) fn render(run: &Run<'_>) -> String {
    let prints = fingerprints(run.findings, run.files);
    let issues =
        run.findings.iter().zip(prints).map(|(finding, print)| issue(finding, &print, run));
    format!("{:#}\n", Value::Array(issues.collect()))
}

fn issue(finding: &Finding, fingerprint: &str, run: &Run<'_>) -> Value {
    let site = Site::new(finding, run.files);
    let severity = match finding.severity {
        Severity::Error => "major",
        Severity::Warning => "minor",
        Severity::Info => "info",
    };
    json!({
        // The list that GitLab shows has no column for the rule.
        "description": format!("{}: {}", finding.rule, finding.message),
        "check_name": finding.rule,
        "fingerprint": fingerprint,
        "severity": severity,
        "location": {
            "path": site.path(),
            "lines": { "begin": site.position(finding.primary.span.start, Unit::Char).line },
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::report::Format;
    use crate::report::fixture::Fixture;

    #[test]
    fn one_issue_a_finding() {
        let fixture = Fixture::new();
        insta::assert_snapshot!(fixture.render(Format::Gitlab), @r#"
        [
          {
            "description": "hygiene/stray-file: `größe` is 100 % <stray>",
            "check_name": "hygiene/stray-file",
            "fingerprint": "6d05ad5ee81d769cd6522c4dc454818d",
            "severity": "info",
            "location": {
              "path": "deploy/größe, 1.yaml",
              "lines": {
                "begin": 1
              }
            }
          },
          {
            "description": "hygiene/emoji: label `größe` is `🦀`",
            "check_name": "hygiene/emoji",
            "fingerprint": "b10ecd0f360bfbf2393530224d18f757",
            "severity": "minor",
            "location": {
              "path": "deploy/größe, 1.yaml",
              "lines": {
                "begin": 3
              }
            }
          },
          {
            "description": "scaling/static-replicas: `shop` is scaled by HPA `shop` and sets `replicas` too",
            "check_name": "scaling/static-replicas",
            "fingerprint": "15931b47558d2cd7f7eaaf417beb053c",
            "severity": "major",
            "location": {
              "path": "deploy/größe, 1.yaml",
              "lines": {
                "begin": 5
              }
            }
          },
          {
            "description": "alerts/ratio: no guard",
            "check_name": "alerts/ratio",
            "fingerprint": "77884a6749df138d69abfd37f7d331e7",
            "severity": "minor",
            "location": {
              "path": "rules.yaml",
              "lines": {
                "begin": 5
              }
            }
          }
        ]
        "#);
        assert_eq!(Format::Gitlab.render(&fixture.clean()).unwrap(), "[]\n");
    }

    #[test]
    fn fingerprints_stay_where_lines_move() {
        let prints = |fixture: Fixture| -> Vec<Value> {
            let issues: Vec<Value> = serde_json::from_str(&fixture.render(Format::Gitlab)).unwrap();
            issues.into_iter().map(|issue| issue["fingerprint"].clone()).collect()
        };
        let before = prints(Fixture::new());
        assert_eq!(before, prints(Fixture::behind("# one\n# more\n")));
        assert!(before.iter().enumerate().all(|(at, one)| !before[..at].contains(one)));
    }
}
