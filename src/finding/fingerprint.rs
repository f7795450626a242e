//! What tells a finding of this run from all others and finds it again in the next one.

use std::collections::HashMap;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::Finding;
use crate::source::Files;

/// Bytes of a digest that are kept: enough that no two findings ever share them.
const BYTES: usize = 16;

/// One for each of `findings`: 32 hexadecimal digits, no two alike. They stay the same when lines are added or
/// taken away elsewhere, so they name no position: rule, path, object and message, and of findings equal in all
/// of these, which one it is.
pub fn fingerprints(findings: &[Finding], files: &Files) -> Vec<String> {
    let mut seen: HashMap<String, u64> = HashMap::new();
    let fingerprint = |finding| {
        let base = hex(identity(finding, files));
        let earlier = seen.entry(base.clone()).or_default();
        *earlier += 1;
        if *earlier == 1 { base } else { hex(Sha256::new_with_prefix(format!("{base}:{earlier}"))) }
    };
    findings.iter().map(fingerprint).collect()
}

fn identity(finding: &Finding, files: &Files) -> Sha256 {
    let path = files.get(finding.primary.span.file).path();
    let object = finding.object.as_ref();
    let parts = [
        finding.rule,
        &path,
        object.map_or("", |object| &object.kind),
        object.and_then(|object| object.namespace.as_deref()).unwrap_or(""),
        object.map_or("", |object| &object.name),
        &finding.message,
    ];
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part);
        // Ends the part, so that no two lists of parts read alike.
        digest.update([0]);
    }
    digest
}

fn hex(digest: Sha256) -> String {
    digest.finalize().iter().take(BYTES).fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::finding::Object;
    use crate::source::Span;

    fn found(text: &str, name: &str) -> Vec<String> {
        let mut files = Files::default();
        let id = files.add(name, text.to_owned());
        let findings: Vec<Finding> = text
            .match_indices("cpu")
            .map(|(at, found)| Finding {
                object: Some(Object {
                    kind: "Deployment".into(),
                    namespace: None,
                    name: "shop".into(),
                }),
                ..Finding::error("a/b", Span::new(id, at..at + found.len()), "`cpu` is wrong")
            })
            .collect();
        fingerprints(&findings, &files)
    }

    #[test]
    fn they_survive_other_lines() {
        let before = found("cpu\ncpu\n", "a.yaml");
        assert_eq!(before, found("# more\n\n  cpu\nx: 1\ncpu\n", "./a.yaml"));
        assert_ne!(before, found("cpu\ncpu\n", "b.yaml"));
    }

    #[test]
    fn no_two_are_alike() {
        let all = found(&"cpu\n".repeat(1000), "a.yaml");
        assert!(all.iter().all(|one| one.len() == 2 * BYTES));
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 1000);
    }
}
