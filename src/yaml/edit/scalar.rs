//! Other text for a key, or for a part of a scalar.

use std::ops::Range;

use super::page::Page;
use super::spot::Spot;
use super::write::{Place, escaped, is_plain, is_printable, string};
use super::{Edit, Refused};
use crate::yaml::node::{self, Kind, NONE, STRING, Style};
use crate::yaml::resolve::{self, Scalar};

pub(super) fn rename(page: Page<'_>, spot: &Spot, name: &str) -> Result<Vec<Edit>, Refused> {
    let Some(parent) = spot.parent.as_deref().filter(|_| spot.key != NONE) else {
        return Refused::new("it has no key");
    };
    let key = page.node(spot.key);
    if page.children(parent.node).iter().any(|child| page.name(child.key) == Some(name)) {
        return Refused::new(format!("`{name}` is there already"));
    }
    let one_line = !matches!(key.style, Style::Literal | Style::Folded) && key.start < key.end;
    let merges = key.style == Style::Plain && page.name(spot.key) == Some("<<");
    if key.kind != Kind::Scalar || !one_line || merges {
        return Refused::new("its key is no plain or quoted text");
    }
    let flow = page.node(parent.node).style == Style::Flow;
    let text = string(name, key.style, Place { flow, key: true });
    Ok(vec![Edit::new(key.start as usize..key.end as usize, text)])
}

pub(super) fn splice(
    page: Page<'_>,
    spot: &Spot,
    part: &Range<usize>,
    new: &str,
) -> Result<Vec<Edit>, Refused> {
    let node = page.node(spot.node);
    if node.kind != Kind::Scalar || node.start == node.end {
        return Refused::new("it is no text");
    }
    let old = page.stream.scalar_text(node);
    let (Some(head), Some(tail)) = (old.get(..part.start), old.get(part.end..)) else {
        return Refused::new("it has no such part");
    };
    if part.start > part.end {
        return Refused::new("it has no such part");
    }
    let whole = [head, new, tail].concat();
    let place = Place { flow: spot.in_flow(page), key: false };
    let source = source(page, spot, old, part);
    let block = matches!(node.style, Style::Literal | Style::Folded);
    let behind = part.end > old.trim_end_matches('\n').len();
    let folds = page.slice(source.clone()).contains(['\n', '\r']) || (block && behind);
    let text = match node.style {
        Style::Plain | Style::Flow => {
            let was_string =
                node.flags & STRING != 0 || matches!(resolve::plain(old), Scalar::Str(_));
            let stays = is_plain(&whole, place) || (!was_string && is_value(&whole));
            (stays && !folds).then(|| new.to_owned())
        }
        Style::SingleQuoted => new.chars().all(is_printable).then(|| new.replace('\'', "''")),
        Style::DoubleQuoted => Some(escaped(new)),
        Style::Literal | Style::Folded if new.chars().all(|c| is_printable(c) || c == '\t') => {
            Some(new.to_owned())
        }
        Style::Literal | Style::Folded => return Refused::new("its lines cannot hold that"),
    };
    match text {
        Some(_) if folds => Refused::new("the part goes over several lines"),
        Some(text) => Ok(vec![Edit::new(source, text)]),
        None => {
            let style = match node.style {
                Style::SingleQuoted => Style::DoubleQuoted,
                style => style,
            };
            let text = string(&whole, style, place);
            Ok(vec![Edit::new(node.start as usize..node.end as usize, text)])
        }
    }
}

/// True for what without quotes is no string.
fn is_value(text: &str) -> bool {
    !text.is_empty() && !matches!(resolve::plain(text), Scalar::Str(_))
}

/// The bytes of a part of a text. An empty part at the end lies behind the last character, however that is spelled.
fn source(page: Page<'_>, spot: &Spot, text: &str, part: &Range<usize>) -> Range<usize> {
    let place = node::Place { stream: page.stream, key: spot.key, node: spot.node };
    let at_end = part.is_empty() && part.start == text.len();
    let last = text.chars().next_back().map_or(0, char::len_utf8);
    let span = match (at_end, last) {
        (true, 0) => {
            // Between the quotes.
            let start = page.start(spot.node) + 1;
            return start..start;
        }
        (true, last) => place.part(part.start - last..part.end),
        _ => place.part(part.clone()),
    };
    let (start, end) = (span.start as usize, span.end as usize);
    if at_end {
        end..end
    } else if part.is_empty() {
        start..start
    } else {
        start..end
    }
}
