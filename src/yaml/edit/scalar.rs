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
    let (Some(head), Some(_), Some(tail)) =
        (old.get(..part.start), old.get(part.clone()), old.get(part.end..))
    else {
        return Refused::new("it has no such part");
    };
    let whole = [head, new, tail].concat();
    let place = Place { flow: spot.in_flow(page), key: false };
    let source = source(page, spot, old, part);
    let block = matches!(node.style, Style::Literal | Style::Folded);
    // The line ends behind a block scalar belong to no line of it.
    let behind = block && part.end > old.trim_end_matches('\n').len();
    if behind || page.slice(source.clone()).contains(['\n', '\r']) {
        return Refused::new("the part goes over several lines");
    }
    let text = match node.style {
        Style::Plain | Style::Flow => {
            let was_string =
                node.flags & STRING != 0 || matches!(resolve::plain(old), Scalar::Str(_));
            let stays = is_plain(&whole, place) || (!was_string && is_value(&whole));
            stays.then(|| new.to_owned())
        }
        Style::SingleQuoted => new.chars().all(is_printable).then(|| new.replace('\'', "''")),
        Style::DoubleQuoted => Some(escaped(new)),
        Style::Literal | Style::Folded => {
            let fits = new.chars().all(|c| is_printable(c) || c == '\t');
            if !fits || !keeps_indentation(page, &source, new) {
                return Refused::new("its lines cannot hold that");
            }
            Some(new.to_owned())
        }
    };
    // Blanks around a line end inside of quotes say nothing.
    let lines = !block && page.slice(page.start(spot.node)..page.end(spot.node)).contains('\n');
    let loose = new.is_empty() || new.trim() != new;
    let edit = if let Some(text) = text.filter(|_| !(lines && loose)) {
        Edit::new(source, text)
    } else {
        let whole = string(&whole, node.style, place);
        Edit::new(page.start(spot.node)..page.end(spot.node), whole)
    };
    Ok(vec![edit])
}

/// True if the line of `source` starts with as many blanks as before once `new` stands there.
fn keeps_indentation(page: Page<'_>, source: &Range<usize>, new: &str) -> bool {
    let rest = page.slice(source.end..page.line_end(source.end));
    let old = [page.before(source.start), page.slice(source.clone()), rest].concat();
    let new = [page.before(source.start), new, rest].concat();
    let blanks = |line: &str| line.len() - line.trim_start().len();
    blanks(&old) == blanks(&new) && !new.trim().is_empty()
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
