//! The grammars of names: DNS, labels, variables.

use crate::units::Invalid;

/// True for a DNS-1123 label of at most `max` characters.
pub fn is_dns_label(text: &str, max: usize) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty()
        && text.len() <= max
        && text.chars().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// `text` if it is a DNS-1123 label and `also` holds; `start` says how one begins.
pub(super) fn dns_label(
    text: &str,
    max: usize,
    also: bool,
    start: &str,
) -> Result<String, Invalid> {
    if also && is_dns_label(text, max) {
        return Ok(text.to_owned());
    }
    let rule = format!(
        "use at most {max} lower-case letters, digits and `-`, starting with {start} and ending with a letter or digit"
    );
    let message = if text.len() > max {
        format!("`{text}` has {} characters", text.chars().count())
    } else {
        format!("`{text}` is not a DNS name")
    };
    Err(Invalid::new(
        message,
        match slug(text, max) {
            Some(near) if also || near != text => format!("{rule}: `\"{near}\"`"),
            _ => rule,
        },
    ))
}

/// The DNS-1035 label nearest to `text`, if it has a letter.
pub fn slug(text: &str, max: usize) -> Option<String> {
    let start = text.find(|c: char| c.is_ascii_alphabetic())?;
    let mut slug = String::new();
    for c in text[start..].chars() {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => slug.push(c),
            _ if slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    slug.truncate(max);
    Some(slug.trim_end_matches('-').to_owned())
}

/// True for a valid value of a Kubernetes label.
pub fn is_label_value(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    text.is_empty()
        || text.len() <= 63
            && text.chars().all(|c| edge(c) || matches!(c, '-' | '_' | '.'))
            && text.starts_with(edge)
            && text.ends_with(edge)
}

/// True for a valid key of a Kubernetes label or annotation: `[prefix/]name`.
pub fn is_label_key(text: &str) -> bool {
    let (prefix, name) =
        text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    !name.is_empty()
        && is_label_value(name)
        && prefix.is_none_or(|prefix| {
            prefix.len() <= 253 && prefix.split('.').all(|part| is_dns_label(part, 253))
        })
}

/// True for the name of a Prometheus label.
pub fn is_prometheus_label(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !text.starts_with("__")
}

/// True for the name of an environment variable: `C_IDENTIFIER` with `-` and `.`, what every version accepts.
pub fn is_env_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '-' | '.'))
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        && text != "."
        && !text.starts_with("..")
}
