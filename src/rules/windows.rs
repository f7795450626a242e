//! How far back expressions look: by the ranges in them, and where there are none, by what records say of themselves
//! in their names and labels.

use std::ops::Range;

use crate::query::{Kind, MatchOp, Node, Selector};
use crate::units::Duration;

/// The window that the name of a record ends in, such as the `5m` of `job:http_errors:ratio_rate5m`, with the bytes
/// that it takes up there.
pub(crate) fn named(name: &str) -> Option<(Range<usize>, Duration)> {
    let operation = name.rsplit_once(':').map_or(0, |(before, _)| before.len() + 1);
    let is_word =
        |word: &str| ["rate", "increase", "ratio", "burn"].iter().any(|end| word.ends_with(end));
    let mut end = name.len();
    // The last of the words of the operation that say one: `rate5m_p99`.
    loop {
        let start = name.get(operation..end)?.rfind('_').map_or(operation, |at| operation + at + 1);
        let word = name.get(start..end)?;
        let digit = word.find(|c: char| c.is_ascii_digit());
        if let Some(digit) = digit
            && let Some((before, window)) = word.split_at_checked(digit)
            && let Ok(length) = Duration::parse(window)
        {
            let before = if before.is_empty() {
                name.get(operation..start)?.trim_end_matches('_')
            } else {
                before
            };
            if is_word(before) {
                return Some((start + digit..end, length));
            }
        }
        if start == operation {
            return None;
        }
        end = start - 1;
    }
}

/// How far back the series of a selector without a range look, as its labels or its name say.
fn told(selector: &Selector<'_>) -> Option<Duration> {
    let by_label = selector.matchers.iter().find_map(|matcher| {
        let tells = matcher.op == MatchOp::Equal && matcher.label.contains("window");
        Duration::parse(tells.then_some(matcher.value.as_str())?).ok()
    });
    let name = || selector.name().and_then(|(name, _)| named(name)).map(|(_, length)| length);
    by_label.or_else(name)
}

/// The outermost ranges of an expression; where one reads records without a range, what these say.
fn of_parts(node: &Node, found: &mut Vec<Duration>) {
    match &node.kind {
        Kind::Subquery { range, .. } => found.push(Duration::from_millis(range.millis)),
        Kind::Selector { range: Some(range), .. } => {
            found.push(Duration::from_millis(range.millis));
        }
        Kind::Selector { .. } => found.extend(node.selector().and_then(|it| told(&it))),
        _ => node.children().for_each(|child| of_parts(child, found)),
    }
}

/// The one window that everything in an expression looks back, if it is one.
pub(crate) fn only(node: &Node) -> Option<Duration> {
    let mut found = Vec::new();
    of_parts(node, &mut found);
    let first = *found.first()?;
    found.iter().all(|other| *other == first).then_some(first)
}

/// Every range that is written in an expression, with its place, and whatever the records in it say of themselves.
pub(crate) struct Written {
    /// The ranges in brackets.
    pub(crate) ranges: Vec<(Duration, Range<usize>)>,
    /// Windows in the names and labels of what is read.
    pub(crate) told: Vec<Duration>,
}

/// Every window that an expression mentions.
pub(crate) fn written(node: &Node) -> Written {
    let mut found = Written { ranges: Vec::new(), told: Vec::new() };
    node.walk(&mut |node, _| match &node.kind {
        Kind::Subquery { range, .. } | Kind::Selector { range: Some(range), .. } => {
            found.ranges.push((Duration::from_millis(range.millis), range.span.clone()));
            found.told.extend(node.selector().and_then(|it| told(&it)));
        }
        Kind::Selector { .. } => found.told.extend(node.selector().and_then(|it| told(&it))),
        _ => {}
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_windows() {
        for (name, wanted) in [
            ("job:http_errors:ratio_rate5m", Some("5m")),
            ("apiserver_request:burnrate1d", Some("1d")),
            ("slo:sli_error:ratio_rate_30m", Some("30m")),
            ("a:b:rate1h30m", Some("1h30m")),
            ("pod:x:p95_rate2m", Some("2m")),
            ("pod:x:rate2m_p95", Some("2m")),
            ("code_verb:apiserver_request_total:increase30d", Some("30d")),
            ("a:node_load5m:sum", None),
            ("a:b:sum_irate", None),
            ("a:b:p95", None),
            ("a:b:rate5x", None),
            ("a:b:window5m", None),
            ("a:rate5m:", None),
            ("", None),
        ] {
            let found = named(name).map(|(range, _)| &name[range]);
            assert_eq!(found, wanted, "{name}");
        }
    }
}
