//! Label values that a regular expression matches, and one that it does not.

use regex::Regex;
use regex_syntax::hir::{Class, Hir, HirKind};

/// The most alternatives of an expression that get an example each.
const MOST: usize = 12;

/// A value for each alternative of `pattern`, as Prometheus matches it: as a whole.
///
/// Empty where none is found, as for an expression that nothing matches.
pub(super) fn matching(pattern: &str) -> Vec<String> {
    let Some((hir, whole)) = parse(pattern) else { return Vec::new() };
    let mut found: Vec<String> = Vec::new();
    for alternative in alternatives(&hir).into_iter().take(MOST) {
        let mut text = String::new();
        write(alternative, &mut text);
        if !text.is_empty() && whole.is_match(&text) && !found.contains(&text) {
            found.push(text);
        }
    }
    found
}

/// A value that `pattern` does not match, at last that of no label at all; `None` where none is found.
pub(super) fn other(pattern: &str) -> Option<String> {
    let (_, whole) = parse(pattern)?;
    let values = ["200", "OK", "ok", "none", "other", "0", "-", ""];
    values.into_iter().find(|value| !whole.is_match(value)).map(str::to_owned)
}

fn parse(pattern: &str) -> Option<(Hir, Regex)> {
    let whole = Regex::new(&format!("^(?s:{pattern})$")).ok()?;
    Some((regex_syntax::parse(pattern).ok()?, whole))
}

fn alternatives(hir: &Hir) -> Vec<&Hir> {
    match hir.kind() {
        HirKind::Alternation(parts) => parts.iter().flat_map(alternatives).collect(),
        HirKind::Capture(capture) => alternatives(&capture.sub),
        _ => vec![hir],
    }
}

/// The plainest text that `hir` matches.
fn write(hir: &Hir, text: &mut String) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => text.extend(plainest(class)),
        HirKind::Repetition(repetition) => {
            (0..repetition.min.max(1)).for_each(|_| write(&repetition.sub, text));
        }
        HirKind::Capture(capture) => write(&capture.sub, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, text)),
        HirKind::Alternation(parts) => {
            if let Some(first) = parts.first() {
                write(first, text);
            }
        }
    }
}

fn plainest(class: &Class) -> Option<char> {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => class.iter().map(|range| (range.start(), range.end())).collect(),
        Class::Bytes(class) => {
            class.iter().map(|range| (range.start().into(), range.end().into())).collect()
        }
    };
    let holds = |c: &char| ranges.iter().any(|(start, end)| (start..=end).contains(&c));
    ['0', 'a', 'A', '-', ' '].into_iter().find(holds).or_else(|| Some(ranges.first()?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_match_as_a_whole() {
        assert_eq!(matching("5.."), ["500"]);
        assert_eq!(matching("5..|429"), ["500", "429"]);
        assert_eq!(matching("(Internal|Unavailable)"), ["Internal", "Unavailable"]);
        assert_eq!(matching(r#"5\d\d|"4..""#), ["500", "\"400\""]);
        assert_eq!(matching("[^2].+"), ["00"]);
        assert_eq!(matching("a{3}b?"), ["aaab"]);
        assert!(matching("^$").is_empty());
        assert_eq!(other("5..").as_deref(), Some("200"));
        assert_eq!(other("[^O].*").as_deref(), Some("OK"));
        assert_eq!(other(".+").as_deref(), Some(""));
        assert_eq!(other(".*"), None);
    }
}
