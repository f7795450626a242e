//! Reviewdog's diagnostic format, whose columns count bytes.

use serde_json::{Value, json};

use super::{Run, Site, plain};
use crate::finding::{Finding, Severity};
use crate::source::{Position, Span, Unit};

pub(super) fn render(run: &Run<'_>) -> String {
    let diagnostics: Vec<Value> =
        run.findings.iter().map(|finding| diagnostic(finding, run)).collect();
    format!("{:#}\n", json!({ "source": { "name": "slogen" }, "diagnostics": diagnostics }))
}

fn diagnostic(finding: &Finding, run: &Run<'_>) -> Value {
    let severity = match finding.severity {
        Severity::Error => "ERROR",
        Severity::Warning => "WARNING",
        Severity::Info => "INFO",
    };
    let related = finding.labels.iter().map(|label| {
        let site = Site { file: run.files.get(label.span.file), template: None };
        json!({ "message": label.message, "location": location(label.span, &site) })
    });
    json!({
        "message": plain(finding, run.files),
        "location": location(finding.primary.span, &Site::new(finding, run.files)),
        "severity": severity,
        "code": { "value": finding.rule },
        "relatedLocations": related.collect::<Vec<_>>(),
    })
}

fn location(span: Span, site: &Site<'_>) -> Value {
    let position = |at| {
        let Position { line, column } = site.position(at, Unit::Byte);
        json!({ "line": line, "column": column })
    };
    json!({
        "path": site.path(),
        "range": { "start": position(span.start), "end": position(span.end) },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::report::Format;
    use crate::report::fixture::Fixture;

    #[test]
    fn one_diagnostic_a_finding() {
        let fixture = Fixture::new();
        let mut report: Value = serde_json::from_str(&fixture.render(Format::Rdjson)).unwrap();
        let diagnostics = report["diagnostics"].as_array_mut().unwrap();
        assert_eq!(diagnostics.len(), fixture.run().findings.len());
        // A picture, four bytes long, behind two characters of two bytes.
        let range = json!({
            "start": { "line": 3, "column": 44 },
            "end": { "line": 3, "column": 50 },
        });
        assert_eq!(diagnostics[1]["location"]["range"], range);
        *diagnostics = vec![diagnostics[2].take()];
        insta::assert_snapshot!(format!("{report:#}"), @r#"
        {
          "source": {
            "name": "slogen"
          },
          "diagnostics": [
            {
              "message": "`shop` is scaled by HPA `shop` and sets `replicas` too\nhelp: remove `replicas`\nfix: remove replicas (unsafe: the first apply drops to 1)",
              "location": {
                "path": "deploy/größe, 1.yaml",
                "range": {
                  "start": {
                    "line": 5,
                    "column": 13
                  },
                  "end": {
                    "line": 5,
                    "column": 14
                  }
                }
              },
              "severity": "ERROR",
              "code": {
                "value": "scaling/static-replicas"
              },
              "relatedLocations": [
                {
                  "message": "scaled by the HPA",
                  "location": {
                    "path": "deploy/größe, 1.yaml",
                    "range": {
                      "start": {
                        "line": 2,
                        "column": 7
                      },
                      "end": {
                        "line": 2,
                        "column": 17
                      }
                    }
                  }
                },
                {
                  "message": "HPA floor is 2",
                  "location": {
                    "path": "deploy/hpa.yaml",
                    "range": {
                      "start": {
                        "line": 4,
                        "column": 16
                      },
                      "end": {
                        "line": 4,
                        "column": 17
                      }
                    }
                  }
                }
              ]
            }
          ]
        }
        "#);
    }
}
