//! The run that the tests of all formats report.

use super::{Counts, Format, Run};
use crate::finding::{Finding, Fix, Object, RuleInfo, Safety, Severity};
use crate::source::{FileId, Files, Span};

const SHOP: &str = "\
# Größe 🦀
kind: Deployment
metadata: { name: shop, labels: { größe: \"🦀\" } }
spec:
  replicas: 3
";

const HPA: &str = "\
kind: HorizontalPodAutoscaler
metadata: { name: shop }
spec:
  minReplicas: 2
";

const RULES: &str = "\
groups:
- name: \"a&b\"
  rules:
  - expr: |
      x
      /
      y
";

/// Findings with everything that a finding may have, and with nothing that it need not.
pub(super) struct Fixture {
    files: Files,
    findings: Vec<Finding>,
    rules: Vec<RuleInfo>,
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self::behind("")
    }

    /// With `text` at the start of every file.
    pub(super) fn behind(text: &str) -> Self {
        let mut files = Files::default();
        let shop = files.add("./deploy/größe, 1.yaml", format!("{text}{SHOP}"));
        let hpa = files.add("deploy/hpa.yaml", format!("{text}{HPA}"));
        let rules = files.add("rules.yaml", format!("{text}{RULES}"));
        let findings = vec![
            Finding {
                severity: Severity::Info,
                ..Finding::error(
                    "hygiene/stray-file",
                    Span::start_of(shop),
                    "`größe` is 100 % <stray>",
                )
            },
            Finding {
                severity: Severity::Warning,
                ..Finding::error(
                    "hygiene/emoji",
                    find(&files, shop, "\"🦀\""),
                    "label `größe` is `🦀`",
                )
                .here("no text")
            },
            Finding {
                object: Some(Object {
                    kind: "Deployment".into(),
                    namespace: Some("web".into()),
                    name: "shop".into(),
                }),
                fix: Some(Fix {
                    title: "remove replicas (unsafe: the first apply drops to 1)".into(),
                    safety: Safety::Unsafe,
                    ops: Vec::new(),
                }),
                ..Finding::error(
                    "scaling/static-replicas",
                    find(&files, shop, "3"),
                    "`shop` is scaled by HPA `shop` and sets `replicas` too",
                )
                .here("reset to 3 by every apply")
                .label(find(&files, shop, "Deployment"), "scaled by the HPA")
                .label(find(&files, hpa, "2"), "HPA floor is 2")
                .help("remove `replicas`")
            },
            Finding {
                severity: Severity::Warning,
                fix: Some(Fix {
                    title: "add `or vector`".into(),
                    safety: Safety::Safe,
                    ops: Vec::new(),
                }),
                ..Finding::error(
                    "alerts/ratio",
                    find(&files, rules, "x\n      /\n      y"),
                    "no guard",
                )
                .here("")
                .label(find(&files, rules, "\"a&b\""), "")
            },
        ];
        Self { files, findings, rules: rule_infos() }
    }

    pub(super) fn run(&self) -> Run<'_> {
        Run {
            rules: &self.rules,
            ..Run::new(
                &self.findings,
                &self.files,
                Counts { files: 40, documents: 41, suppressed: 1, skipped: 2, shard: None },
            )
        }
    }

    pub(super) fn render(&self, format: Format) -> String {
        format.render(&self.run()).unwrap()
    }

    /// A run that found nothing.
    pub(super) fn clean(&self) -> Run<'_> {
        Run { findings: &[], ..self.run() }
    }
}

fn find(files: &Files, file: FileId, text: &str) -> Span {
    let at = files.get(file).text.find(text).unwrap();
    Span::new(file, at..at + text.len())
}

fn rule_infos() -> Vec<RuleInfo> {
    [
        ("alerts/ratio", "Ratios without a guard.", Severity::Warning, true),
        ("hygiene/emoji", "Labels with pictures.", Severity::Warning, true),
        ("hygiene/stray-file", "", Severity::Info, true),
        ("resources/missing-cpu-limit", "Containers without a cpu limit.", Severity::Info, false),
        ("scaling/static-replicas", "Replicas that an autoscaler owns.", Severity::Error, true),
    ]
    .into_iter()
    .map(|(name, summary, severity, enabled)| RuleInfo {
        name,
        summary: summary.to_owned(),
        docs: if summary.is_empty() {
            String::new()
        } else {
            format!("{summary}\n\n## Why\n\nSo.\n")
        },
        severity,
        enabled,
    })
    .collect()
}
