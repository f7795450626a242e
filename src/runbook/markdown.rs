//! Values in Markdown: each reads as what it says, wherever it lands.

use std::fmt::Write;

/// `value` as code within a line, which may be one of a table.
///
/// What ends a cell, a line or code, or opens HTML or a template (`{{`, `{%`), is written as a character
/// reference: within backticks there are none, hence the element.
pub(super) fn code(value: &str) -> String {
    let harmless = |c: char| !c.is_control() && !"`|<>&{\\".contains(c);
    if !value.is_empty() && value.trim() == value && value.chars().all(harmless) {
        return format!("`{value}`");
    }
    let mut text = "<code>".to_owned();
    for c in value.chars() {
        if c.is_alphanumeric() || "-./:".contains(c) {
            text.push(c);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "&#{};", u32::from(c));
        }
    }
    text + "</code>"
}

/// `text` as a block of code, within a fence that is longer than any in it.
pub(super) fn block(language: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(3.max(longest + 1));
    format!("{fence}{language}\n{text}\n{fence}")
}

/// `text` as one word of a shell, in which no template opens.
pub(super) fn shell(text: &str) -> String {
    let word = text.replace('\'', r"'\''").replace("{{", "{''{").replace("{%", "{''%");
    format!("'{word}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_stays_in_its_cell() {
        assert_eq!(code("status=~\"5..\""), "`status=~\"5..\"`");
        assert_eq!(code("a|b"), "<code>a&#124;b</code>");
        for value in ["`", "a`b", "<b>", "{{ x }}", "{% x %}", "a\nb", "&amp;", "", " ", "a\\"] {
            let text = code(value);
            for sign in ["`", "|", "{{", "{%", "\n", "\\"] {
                assert!(!text.contains(sign), "{text}");
            }
            let inner = text.strip_prefix("<code>").and_then(|text| text.strip_suffix("</code>"));
            assert!(inner.is_some_and(|inner| !inner.contains('<')), "{text}");
        }
    }

    #[test]
    fn fences_are_long_enough() {
        assert_eq!(block("sh", "a"), "```sh\na\n```");
        assert_eq!(block("", "a\n````\nb"), "`````\na\n````\nb\n`````");
    }

    #[test]
    fn a_shell_reads_one_word() {
        assert_eq!(shell("/a b"), "'/a b'");
        assert_eq!(shell("it's {{x}}"), r"'it'\''s {''{x}}'");
    }
}
