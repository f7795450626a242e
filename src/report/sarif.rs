//! SARIF 2.1.0, shaped after what GitHub code scanning takes.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Run, Site, plain};
use crate::finding::{Finding, RuleInfo, Severity, fingerprints};
use crate::source::{Files, Span, Unit};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// GitHub refuses a file with more results, so the gravest are kept.
const MOST_RESULTS: usize = 25_000;

/// Longest summary of a rule, in characters.
const LONGEST_SUMMARY: usize = 1024;

pub(super) fn render(run: &Run<'_>) -> String {
    format!("{:#}\n", log(run, MOST_RESULTS))
}

/// As [`render`] where only the columns in characters are known: the texts of the run are stand-ins.
pub(super) fn render_in_characters(run: &Run<'_>) -> String {
    format!("{:#}\n", log_in(run, MOST_RESULTS, "unicodeCodePoints"))
}

fn log(run: &Run<'_>, most: usize) -> Value {
    log_in(run, most, "utf16CodeUnits")
}

fn log_in(run: &Run<'_>, most: usize, columns: &str) -> Value {
    let kept = gravest(run.findings, most);
    let indexes: HashMap<&str, usize> =
        run.rules.iter().enumerate().map(|(index, rule)| (rule.name, index)).collect();
    let results: Vec<Value> = (run.findings.iter().zip(fingerprints(run.findings, run.files)))
        .zip(&kept)
        .filter(|(_, kept)| **kept)
        .map(|((finding, print), _)| {
            result(finding, &print, indexes.get(finding.rule).copied(), run.files)
        })
        .collect();
    let left_out = run.findings.len() - results.len();
    let mut log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "slogen",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": run.rules.iter().map(rule).collect::<Vec<_>>(),
            } },
            "invocations": [{
                "executionSuccessful": true,
                "toolExecutionNotifications": (left_out > 0).then(|| json!([{
                    "level": "warning",
                    "message": { "text": format!(
                        "{left_out} of {} findings are left out, the least severe ones: \
                         GitHub takes {most}",
                        run.findings.len()
                    ) },
                }])),
            }],
            "columnKind": columns,
            "results": results,
        }],
    });
    drop_empty(&mut log);
    log
}

/// Which of `findings` are kept where there is room for `most`.
fn gravest(findings: &[Finding], most: usize) -> Vec<bool> {
    let mut order: Vec<usize> = (0..findings.len()).collect();
    order.sort_by_key(|index| findings[*index].severity);
    let mut kept = vec![false; findings.len()];
    for index in order.into_iter().take(most) {
        kept[index] = true;
    }
    kept
}

fn rule(rule: &RuleInfo) -> Value {
    let summary: String = named(&rule.summary, rule.name).chars().take(LONGEST_SUMMARY).collect();
    json!({
        "id": rule.name,
        "shortDescription": { "text": summary },
        "fullDescription": { "text": summary },
        "help": { "text": named(&rule.docs, &summary), "markdown": rule.docs },
        "defaultConfiguration": { "enabled": rule.enabled, "level": level(rule.severity) },
        "properties": {
            "tags": ["kubernetes", rule.family()],
            "precision": "high",
            "problem.severity": match rule.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Info => "recommendation",
            },
        },
    })
}

fn result(finding: &Finding, print: &str, index: Option<usize>, files: &Files) -> Value {
    let mut location = location(finding.primary.span, &Site::new(finding, files), files);
    location["logicalLocations"] = finding
        .object
        .iter()
        .map(|object| {
            let parts = [Some(&object.kind), object.namespace.as_ref(), Some(&object.name)];
            let full: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
            json!({ "name": object.name, "fullyQualifiedName": full.join("/"), "kind": "resource" })
        })
        .collect();
    // Texts within slogen are no files that a reader could open.
    let elsewhere = finding.labels.iter().filter(|label| !files.get(label.span.file).embedded);
    let related: Vec<Value> = (0..)
        .zip(elsewhere)
        .map(|(id, label): (usize, _)| {
            let site = Site { file: files.get(label.span.file), template: None };
            let mut location = self::location(label.span, &site, files);
            location["id"] = id.into();
            location["message"] = json!({ "text": label.message });
            location
        })
        .collect();
    json!({
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": level(finding.severity),
        "message": { "text": plain(finding, files) },
        "locations": [location],
        "relatedLocations": related,
        // The form of GitHub's own: a hash and which of its occurrences it is.
        "partialFingerprints": { "primaryLocationLineHash": format!("{print}:1") },
        // SARIF's own `fixes` hold text, which only whoever applies a fix knows.
        "properties": finding.fix.as_ref().map(|fix| {
            json!({ "fix": { "title": fix.title, "safety": fix.safety } })
        }),
    })
}

/// A place on one line: GitHub shows a result in a pull request only if all its lines were changed.
fn location(span: Span, site: &Site<'_>, files: &Files) -> Value {
    let line = files.get(span.file).first_line(span);
    let (start, end) =
        (site.position(line.start, Unit::Utf16), site.position(line.end, Unit::Utf16));
    json!({ "physicalLocation": {
        "artifactLocation": { "uri": uri(&site.path()) },
        "region": {
            "startLine": start.line,
            "startColumn": start.column,
            "endLine": end.line,
            "endColumn": end.column,
        },
    } })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

/// `text`, or `instead` where it is empty, which SARIF forbids.
fn named<'a>(text: &'a str, instead: &'a str) -> &'a str {
    if text.is_empty() { instead } else { text }
}

/// `path` as a reference relative to the repository, or as a `file:` URI.
fn uri(path: &str) -> String {
    let encoded: String = path
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect();
    if encoded.starts_with('/') { format!("file://{encoded}") } else { encoded }
}

/// Takes out what there is none of: SARIF knows no null, and GitHub no empty string.
fn drop_empty(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.values_mut().for_each(drop_empty);
            object.retain(|key, value| match value {
                Value::Null => false,
                Value::String(text) => !text.is_empty(),
                Value::Object(object) => !object.is_empty(),
                // These two say something even when empty: nothing was found, there are no rules.
                Value::Array(array) => {
                    !array.is_empty() || ["results", "rules"].contains(&key.as_str())
                }
                _ => true,
            });
        }
        Value::Array(array) => array.iter_mut().for_each(drop_empty),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Counts;
    use crate::report::fixture::Fixture;

    #[test]
    #[expect(clippy::too_many_lines, reason = "one report, nearly in full")]
    fn one_result_a_finding() {
        let mut log = log(&Fixture::new().run(), MOST_RESULTS);
        // Of rules and results, one each: the rule that is off, and the result that has everything.
        let keep = |list: &mut Value, index: usize| *list = json!([list[index].take()]);
        keep(&mut log["runs"][0]["tool"]["driver"]["rules"], 3);
        keep(&mut log["runs"][0]["results"], 2);
        insta::assert_snapshot!(format!("{log:#}"), @r#"
        {
          "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
          "version": "2.1.0",
          "runs": [
            {
              "tool": {
                "driver": {
                  "name": "slogen",
                  "version": "0.1.0",
                  "semanticVersion": "0.1.0",
                  "rules": [
                    {
                      "id": "resources/missing-cpu-limit",
                      "shortDescription": {
                        "text": "Containers without a cpu limit."
                      },
                      "fullDescription": {
                        "text": "Containers without a cpu limit."
                      },
                      "help": {
                        "text": "Containers without a cpu limit.\n\n## Why\n\nSo.\n",
                        "markdown": "Containers without a cpu limit.\n\n## Why\n\nSo.\n"
                      },
                      "defaultConfiguration": {
                        "enabled": false,
                        "level": "note"
                      },
                      "properties": {
                        "tags": [
                          "kubernetes",
                          "resources"
                        ],
                        "precision": "high",
                        "problem.severity": "recommendation"
                      }
                    }
                  ]
                }
              },
              "invocations": [
                {
                  "executionSuccessful": true
                }
              ],
              "columnKind": "utf16CodeUnits",
              "results": [
                {
                  "ruleId": "scaling/static-replicas",
                  "ruleIndex": 4,
                  "level": "error",
                  "message": {
                    "text": "`shop` is scaled by HPA `shop` and sets `replicas` too\nhelp: remove `replicas`\nfix: remove replicas (unsafe: the first apply drops to 1)"
                  },
                  "locations": [
                    {
                      "physicalLocation": {
                        "artifactLocation": {
                          "uri": "deploy/gr%C3%B6%C3%9Fe%2C%201.yaml"
                        },
                        "region": {
                          "startLine": 5,
                          "startColumn": 13,
                          "endLine": 5,
                          "endColumn": 14
                        }
                      },
                      "logicalLocations": [
                        {
                          "name": "shop",
                          "fullyQualifiedName": "Deployment/web/shop",
                          "kind": "resource"
                        }
                      ]
                    }
                  ],
                  "relatedLocations": [
                    {
                      "physicalLocation": {
                        "artifactLocation": {
                          "uri": "deploy/gr%C3%B6%C3%9Fe%2C%201.yaml"
                        },
                        "region": {
                          "startLine": 2,
                          "startColumn": 7,
                          "endLine": 2,
                          "endColumn": 17
                        }
                      },
                      "id": 0,
                      "message": {
                        "text": "scaled by the HPA"
                      }
                    },
                    {
                      "physicalLocation": {
                        "artifactLocation": {
                          "uri": "deploy/hpa.yaml"
                        },
                        "region": {
                          "startLine": 4,
                          "startColumn": 16,
                          "endLine": 4,
                          "endColumn": 17
                        }
                      },
                      "id": 1,
                      "message": {
                        "text": "HPA floor is 2"
                      }
                    }
                  ],
                  "partialFingerprints": {
                    "primaryLocationLineHash": "15931b47558d2cd7f7eaaf417beb053c:1"
                  },
                  "properties": {
                    "fix": {
                      "title": "remove replicas (unsafe: the first apply drops to 1)",
                      "safety": "unsafe"
                    }
                  }
                }
              ]
            }
          ]
        }
        "#);
    }

    #[test]
    fn columns_count_utf16_on_one_line() {
        let log = log(&Fixture::new().run(), MOST_RESULTS);
        let region = |index: usize| {
            let region =
                &log["runs"][0]["results"][index]["locations"][0]["physicalLocation"]["region"];
            ["startLine", "startColumn", "endLine", "endColumn"].map(|key| region[key].as_u64())
        };
        assert_eq!(region(0), [1, 1, 1, 1].map(Some));
        assert_eq!(region(1), [3, 42, 3, 46].map(Some));
        assert_eq!(region(3), [5, 7, 5, 8].map(Some));
    }

    #[test]
    fn every_result_names_a_rule_and_one_line() {
        let fixture = Fixture::new();
        let run = &log(&fixture.run(), MOST_RESULTS)["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        assert_eq!(rules.len(), fixture.run().rules.len());
        for rule in rules {
            assert!(rule["help"]["text"].as_str().is_some_and(|text| !text.is_empty()));
        }
        for result in run["results"].as_array().unwrap() {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(rules[index]["id"], result["ruleId"]);
            let region = &result["locations"][0]["physicalLocation"]["region"];
            assert_eq!(region["startLine"], region["endLine"]);
            assert!(region["startColumn"].as_u64() <= region["endColumn"].as_u64());
        }
    }

    #[test]
    fn nothing_is_empty() {
        fn check(value: &Value) {
            match value {
                Value::Null => panic!("null"),
                Value::String(text) => assert_ne!(text, ""),
                Value::Array(array) => array.iter().for_each(check),
                Value::Object(object) => object.values().for_each(check),
                _ => {}
            }
        }
        check(&log(&Fixture::new().run(), MOST_RESULTS));
        let clean = log(&Fixture::new().clean(), MOST_RESULTS);
        check(&clean);
        assert_eq!(clean["runs"][0]["results"], json!([]));
    }

    #[test]
    fn the_gravest_are_kept() {
        let files = Files::default();
        let of = |severity| Finding {
            severity,
            ..Finding::error("a/b", Span::start_of(crate::source::FileId::NONE), "wrong")
        };
        let found = [Severity::Info, Severity::Error, Severity::Warning, Severity::Error].map(of);
        assert_eq!(gravest(&found, 3), [false, true, true, true]);
        let run = &log(&Run::new(&found, &files, Counts::default()), 3)["runs"][0];
        assert_eq!(run["results"].as_array().map(Vec::len), Some(3));
        assert_eq!(
            run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"],
            "1 of 4 findings are left out, the least severe ones: GitHub takes 3"
        );
    }

    #[test]
    fn paths_become_references() {
        assert_eq!(uri("k8s/größe, 1.yaml"), "k8s/gr%C3%B6%C3%9Fe%2C%201.yaml");
        assert_eq!(uri("a:b#c?d%"), "a%3Ab%23c%3Fd%25");
        assert_eq!(uri("/tmp/a.yaml"), "file:///tmp/a.yaml");
    }
}
