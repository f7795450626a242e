//! What stands above the content of documents.

/// Where each document of `text` starts, with the comments, without their `#`, between that and its content. Those
/// that are indented are left out, as they belong to something.
pub fn comments_above(text: &str) -> impl Iterator<Item = (usize, impl Iterator<Item = &str>)> {
    let marked = memchr::memmem::find_iter(text.as_bytes(), "\n---").map(|at| at + 1);
    let starts =
        marked.filter(|at| text.get(*at..).is_some_and(|rest| behind_marker(rest).is_some()));
    std::iter::once(0).chain(starts).map(|at| (at, above(text.get(at..).unwrap_or_default())))
}

fn above(document: &str) -> impl Iterator<Item = &str> {
    let document = document.trim_start_matches('\u{feff}');
    let document = behind_marker(document).map_or(document, str::trim_start);
    document
        .lines()
        .take_while(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
        .filter_map(|line| line.strip_prefix('#'))
}

/// What stands behind `---`, if `text` begins a document with it.
fn behind_marker(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("---")?;
    (rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n'])).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<(usize, Vec<&str>)> {
        comments_above(text).map(|(at, comments)| (at, comments.collect())).collect()
    }

    #[test]
    fn only_what_stands_above_the_content_counts() {
        let text =
            "# a\n\n#b\nx: 1\n# c\ny: |\n  ---\n  # d\n----\n--- # e\n  # f\nz: 1\n---\n# g\n";
        let wanted = [(0, vec![" a", "b"]), (39, vec![" e"]), (58, vec![" g"])];
        assert_eq!(all(text), wanted);
        let comments =
            |text: &str| all(text).into_iter().map(|(_, it)| it.len()).collect::<Vec<_>>();
        assert_eq!(comments(&text.replace('\n', "\r\n")), [2, 1, 1]);
        assert_eq!(all("\u{feff}---\n# a\nx: 1"), [(0, vec![" a"])]);
        assert_eq!(all("--- {a: b}\n# a\n"), [(0, vec![])]);
        assert_eq!(all(""), [(0, vec![])]);
    }
}
