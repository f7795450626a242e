//! Values to YAML text.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;

/// `documents` as one stream: `---` between documents, LF, two spaces of indent.
///
/// Strings that YAML 1.1 readers take for another type are quoted, and lines are never folded, so that every
/// expression can be found with grep.
pub fn stream(documents: &[&Value]) -> Result<String, String> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let documents: Vec<Node<'_>> = documents.iter().map(|document| Node(document)).collect();
    let text = serde_saphyr::to_string_multiple_with_options(&documents, options)
        .map_err(|error| error.to_string())?;
    Ok(if text.is_empty() || text.ends_with('\n') { text } else { text + "\n" })
}

/// A value whose multi-line texts become literal blocks where that is safe.
struct Node<'a>(&'a Value);

impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::String(text) if is_block(text) => {
                serde_saphyr::LitStr(text).serialize(serializer)
            }
            Value::Array(items) => {
                let mut sequence = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    sequence.serialize_element(&Node(item))?;
                }
                sequence.end()
            }
            Value::Object(object) => {
                let mut map = serializer.serialize_map(Some(object.len()))?;
                for (key, value) in object {
                    map.serialize_entry(key, &Node(value))?;
                }
                map.end()
            }
            scalar => scalar.serialize(serializer),
        }
    }
}

/// True for a text that every YAML reader takes from a literal block as it is: whole lines, the first of which shows
/// the indentation, none of which ends in blanks, and no character that needs an escape.
pub(super) fn is_block(text: &str) -> bool {
    let plain = |line: &str| {
        !line.trim_start_matches(' ').starts_with('\t')
            && !line.ends_with([' ', '\t'])
            && line.chars().all(|c| {
                c == '\t' || !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
            })
    };
    text.trim_end_matches('\n').contains('\n')
        && text.ends_with('\n')
        && !text.ends_with("\n\n")
        && !text.starts_with(['\n', ' '])
        && text.split('\n').all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
            "\t\n",
            "a\n\tb\n",
            "a\n  \tb\n",
            "a:\n- b:\n    c\n\n  d\n",
            " a\nb\n",
            "a \nb\n",
            "a\r\nb\n",
            "a\u{85}b\nc\n",
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
            let object = json!({ "k": text, "l": [text], text: "k" });
            let yaml = stream(&[&object]).unwrap();
            let back: Value = serde_yaml::from_str(&yaml).unwrap();
            assert_eq!(back, object, "{yaml}");
        }
    }

    #[test]
    fn whole_lines_become_a_literal_block() {
        assert_eq!(stream(&[&json!({ "k": "a: 1\nb\n" })]).unwrap(), "k: |\n  a: 1\n  b\n");
        assert_eq!(stream(&[&json!({ "k": "a:\n  b\n" })]).unwrap(), "k: |\n  a:\n    b\n");
        assert_eq!(stream(&[&json!({ "k": "\t\n" })]).unwrap(), "k: \"\\t\\n\"\n");
    }

    #[test]
    fn documents_are_separated() {
        assert_eq!(
            stream(&[&json!({ "a": 1 }), &json!({ "b": [] })]).unwrap(),
            "a: 1\n---\nb: []\n"
        );
    }
}
