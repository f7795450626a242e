//! Collections in braces and brackets: which bytes belong to which entry, taking one out and adding one.

use super::page::Page;
use super::spot::Spot;
use super::write::Flow;
use super::{Edit, Refused};
use crate::yaml::node::NONE;

/// The bytes of one entry or item.
struct Part {
    start: usize,
    end: usize,
    /// The comma behind it.
    comma: Option<usize>,
}

impl Part {
    /// Behind it and its comma.
    fn behind(&self) -> usize {
        self.comma.map_or(self.end, |comma| comma + 1)
    }
}

/// The parts of the collection `node`, and where its closing bracket stands.
fn parts(page: Page<'_>, node: u32) -> Result<(Vec<Part>, usize), Refused> {
    let (start, end) = (page.start(node), page.end(node));
    if !page.slice(start..end).starts_with(['{', '[']) {
        return Refused::new("it is an entry without braces around it");
    }
    let close = end - 1;
    let children = page.children(node);
    let begin = |index: usize| {
        let child = children.get(index)?;
        Some(page.start(if child.key == NONE { child.node } else { child.key }))
    };
    let mut found = Vec::new();
    let mut at = start + 1;
    for (index, child) in children.iter().enumerate() {
        let inner =
            page.end(child.node).max(if child.key == NONE { at } else { page.end(child.key) });
        let limit = begin(index + 1).unwrap_or(close);
        let comma = page.tokens(inner..limit).find(|(_, c)| *c == ',').map(|(at, _)| at);
        let start = page.first(at..limit).unwrap_or(at);
        let end = page.last_end(inner..comma.unwrap_or(limit)).unwrap_or(inner);
        found.push(Part { start, end, comma });
        at = comma.map_or(inner, |comma| comma + 1);
    }
    Ok((found, close))
}

/// Takes the child `index` of `node` out, with its comma.
pub(super) fn remove(page: Page<'_>, node: u32, index: usize) -> Result<Vec<Edit>, Refused> {
    let (parts, close) = parts(page, node)?;
    let Some(part) = parts.get(index) else { return Refused::new("it is not there") };
    let previous = index.checked_sub(1).and_then(|index| parts.get(index));
    let next = parts.get(index + 1);
    let line = page.line_start(part.start)..page.next_line(part.behind());
    let alone =
        page.leads(part.start) && page.is_empty(part.behind()..page.line_end(part.behind()));
    // The comma in front of the last one goes too, unless one stands behind it as well.
    let comma = match (previous.and_then(|previous| previous.comma), next, part.comma) {
        (Some(comma), None, None) => vec![Edit::delete(comma..comma + 1)],
        _ => Vec::new(),
    };
    let own = match (previous, next) {
        (None, None) => {
            let whole = page.start(node) + 1..close;
            let spare = page.slice(whole.start..part.start).trim().is_empty()
                && page.slice(part.behind()..close).trim().is_empty();
            if spare { whole } else { part.start..part.behind() }
        }
        _ if alone => line,
        (_, Some(next)) if page.slice(part.behind()..next.start).trim().is_empty() => {
            part.start..next.start
        }
        (Some(previous), _) if page.slice(previous.behind()..part.start).trim().is_empty() => {
            previous.behind()..part.behind()
        }
        _ => part.start..part.behind(),
    };
    Ok(comma.into_iter().chain([Edit::delete(own)]).collect())
}

/// Adds `text` as the last entry or item of `spot`.
pub(super) fn add(
    page: Page<'_>,
    spot: &Spot,
    flow: Flow,
    text: &str,
) -> Result<Vec<Edit>, Refused> {
    let (parts, close) = parts(page, spot.node)?;
    let Some(last) = parts.last() else {
        let inner = page.start(spot.node) + 1..close;
        let blank = page.slice(inner.clone()).trim().is_empty();
        let place = if blank { inner } else { inner.start..inner.start };
        return Ok(vec![Edit::new(place, text)]);
    };
    let trailing = if last.comma.is_some() { "," } else { "" };
    let comma = if last.comma.is_some() { "" } else { "," };
    if !page.leads(last.start) {
        let text = format!("{}{text}", flow.comma().strip_prefix(',').unwrap_or(""));
        return Ok(vec![Edit::insert(last.behind(), format!("{comma}{text}{trailing}"))]);
    }
    let line = format!("{}{}{text}{trailing}", page.line_feed(), page.before(last.start));
    let end = page.line_end(last.behind());
    if page.is_empty(last.behind()..end) && end < close {
        // A comment behind the last one stays with it.
        Ok(vec![Edit::insert(last.behind(), comma), Edit::insert(end, line)])
    } else {
        Ok(vec![Edit::insert(last.behind(), comma.to_owned() + &line)])
    }
}
