//! What stands above the content of a document.

/// The comments, without their `#`, between the start of the document around byte `offset` and its content. Those
/// that are indented are left out, as they belong to something.
pub fn comments_above(text: &str, offset: usize) -> impl Iterator<Item = &str> {
    let start = start(text, offset);
    let document = text.get(start..).unwrap_or_default();
    let mut lines = document.trim_start_matches('\u{feff}').lines();
    let mut first = lines.next();
    if let Some(behind) = first.and_then(behind_marker) {
        first = Some(behind.trim_start());
    }
    let above = first.into_iter().chain(lines);
    above
        .take_while(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
        .filter_map(|line| line.strip_prefix('#'))
}

/// Where the line starts that begins the document around byte `offset`.
fn start(text: &str, offset: usize) -> usize {
    let mut end =
        text.get(offset..).and_then(|rest| rest.find('\n')).map_or(text.len(), |at| offset + at);
    while let Some(at) = text.get(..end).and_then(|before| before.rfind("\n---")) {
        let line = text.get(at + 1..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        if behind_marker(line).is_some() {
            return at + 1;
        }
        end = at;
    }
    0
}

/// What stands behind `---`, if `line` begins a document.
fn behind_marker(line: &str) -> Option<&str> {
    line.strip_prefix("---").filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn above(text: &str, needle: &str) -> Vec<String> {
        let at = text.find(needle).unwrap();
        comments_above(text, at).map(str::to_owned).collect()
    }

    #[test]
    fn only_what_stands_above_the_content_counts() {
        let text =
            "# a\n\n#b\nx: 1\n# c\ny: |\n  ---\n  # d\n----\n--- # e\n  # f\nz: 1\n---\n# g\n";
        assert_eq!(above(text, "x: 1"), [" a", "b"]);
        assert_eq!(above(text, "# d"), [" a", "b"]);
        assert_eq!(above(text, "z: 1"), [" e"]);
        assert_eq!(above(text, "--- # e"), [" e"]);
        assert_eq!(above(text, "# g"), [" g"]);
        assert_eq!(above(&text.replace('\n', "\r\n"), "y: |"), [" a", "b"]);
        assert_eq!(above("\u{feff}---\n# a\nx: 1", "x"), [" a"]);
        assert_eq!(above("--- {a: b}\n# a\n", "b"), [""; 0]);
        assert_eq!(comments_above("é", 1).count() + comments_above("", 9).count(), 0);
    }
}
