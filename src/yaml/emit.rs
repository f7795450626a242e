//! Values to YAML text.

use serde::Serialize;

/// `documents` as one stream: `---` between documents, LF, two spaces of indent.
///
/// Strings that YAML 1.1 readers take for another type are quoted; long lines are never folded, so that
/// every expression can be found with grep.
pub fn stream<T: Serialize>(documents: &[T]) -> Result<String, String> {
    let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX };
    let text = serde_saphyr::to_string_multiple_with_options(documents, options)
        .map_err(|error| error.to_string())?;
    Ok(if text.is_empty() || text.ends_with('\n') { text } else { text + "\n" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_stay_strings() {
        for text in [
            "on",
            "yes",
            "no",
            "y",
            "null",
            "~",
            "012",
            "0o14",
            "1e3",
            "80",
            "1_000",
            "0x1f",
            ".5",
            "12:30:45",
            "2020-01-01",
            "",
            " a",
            "a: b",
            "a #b",
            "- a",
            "{{ x }}",
            "'",
            "\"",
            "a\nb\n",
            "a\n\n",
            "\na",
            "  a\nb",
            "tab\t",
            "ü",
            "\u{7f}",
            "%x",
            "@x",
            "`x`",
            "=",
            "<<",
            "a very long line that goes on and on, far beyond the eighty columns at which others fold it  twice",
        ] {
            let yaml = stream(&[serde_json::json!({ "k": text, "l": [text] })]).unwrap();
            let back: serde_json::Value = serde_yaml::from_str(&yaml).unwrap();
            assert_eq!(back, serde_json::json!({ "k": text, "l": [text] }), "{yaml}");
        }
    }

    #[test]
    fn documents_are_separated() {
        assert_eq!(stream(&[1, 2]).unwrap(), "1\n---\n2\n");
    }
}
