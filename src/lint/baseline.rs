//! Findings that are known: a file of fingerprints, which hold no line numbers, so that edits elsewhere leave
//! them alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::finding::{self, Finding};
use crate::source::Files;

/// The findings of an earlier run.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    version: u32,
    /// Rule and file by fingerprint; these two are for people.
    findings: BTreeMap<String, String>,
}

/// Version of the file's format.
const VERSION: u32 = 1;

impl Baseline {
    /// All of `findings`.
    pub fn of(findings: &[Finding], files: &Files) -> Self {
        let known = finding::fingerprints(findings, files).into_iter().zip(findings);
        let known = known.map(|(fingerprint, finding)| {
            let file = files.get(finding.primary.span.file).path();
            (fingerprint, format!("{} {file}", finding.rule))
        });
        Self { version: VERSION, findings: known.collect() }
    }

    /// Reads what [`Baseline::text`] wrote.
    pub fn parse(text: &str) -> Result<Self, String> {
        let read: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if read.version == VERSION {
            Ok(read)
        } else {
            Err(format!("its version is {}, this slogen reads {VERSION}", read.version))
        }
    }

    /// As a file, one finding a line.
    pub fn text(&self) -> String {
        let entry = |(fingerprint, about): (&String, &String)| {
            // Strings always serialise.
            let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default();
            format!("    {}: {}", quoted(fingerprint), quoted(about))
        };
        let lines: Vec<_> = self.findings.iter().map(entry).collect();
        format!(
            "{{\n  \"version\": {},\n  \"findings\": {{\n{}\n  }}\n}}\n",
            self.version,
            lines.join(",\n")
        )
    }

    /// Takes the known ones out of `findings`, and says how many there were.
    pub fn take_out(&self, findings: &mut Vec<Finding>, files: &Files) -> usize {
        let before = findings.len();
        let mut fingerprints = finding::fingerprints(findings, files).into_iter();
        findings.retain(|_| {
            fingerprints.next().is_none_or(|fingerprint| !self.findings.contains_key(&fingerprint))
        });
        before - findings.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Span;

    #[test]
    fn known_findings_are_taken_out_wherever_they_stand_now() {
        let finding = |files: &mut Files, text: &str| {
            let file = files.add("a.yaml", text.to_owned());
            let at = text.find('x').unwrap();
            Finding::error("a/b", Span::new(file, at..at + 1), "it is an x")
        };
        let mut files = Files::default();
        let old = finding(&mut files, "x");
        let baseline = Baseline::of(&[old], &files);
        let read = Baseline::parse(&baseline.text()).unwrap();
        assert_eq!(read, baseline);

        let mut files = Files::default();
        let moved = finding(&mut files, "# above\nx");
        let mut new = moved.clone();
        new.message = "it is another x".to_owned();
        let mut findings = vec![moved, new.clone()];
        assert_eq!(read.take_out(&mut findings, &files), 1);
        assert_eq!(findings, [new]);
    }

    #[test]
    fn an_empty_one_and_a_strange_one() {
        assert_eq!(
            Baseline::parse(&Baseline::of(&[], &Files::default()).text()).unwrap().findings.len(),
            0
        );
        assert!(Baseline::parse("{}").is_err());
        assert!(
            Baseline::parse("{\"version\": 2, \"findings\": {}}").unwrap_err().contains("version")
        );
    }
}
