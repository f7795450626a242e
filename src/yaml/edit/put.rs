//! Writes values: in the place of others, at the end of mappings and of sequences.

use serde_json::{Value, json};

use super::page::{Page, indented};
use super::spot::Spot;
use super::write::{self, Flow, Shape};
use super::{Edit, Refused, flow};
use crate::finding::Step;
use crate::yaml::Place;
use crate::yaml::node::{Kind, NONE, STRING, Style};

pub(super) fn set(page: Page<'_>, spot: &Spot, value: &Value) -> Result<Vec<Edit>, Refused> {
    let node = page.node(spot.node);
    if node.flags & STRING != 0 && !value.is_string() {
        return Refused::new("its tag says that it is a string");
    }
    let collection = matches!(value, Value::Object(_) | Value::Array(_));
    if spot.in_flow(page) || (collection && node.style == Style::Flow) {
        let text = match value {
            Value::String(text) => in_style(page, spot, text),
            other => Flow::of(page, spot).value(other),
        };
        return inline(page, spot, &text);
    }
    match value {
        Value::String(_) if write::is_long(value) && swallows_comment(page, spot)? => {
            inline(page, spot, &Flow::default().value(value))
        }
        value if write::is_long(value) => long(page, spot, value),
        Value::String(text) => inline(page, spot, &in_style(page, spot, text)),
        other => inline(page, spot, &Flow::default().value(other)),
    }
}

/// True if a text over several lines at `spot` would take a comment in as its own line.
fn swallows_comment(page: Page<'_>, spot: &Spot) -> Result<bool, Refused> {
    let block = page.is_block(spot.node);
    let first = if block { page.line_start(page.head(spot)?) } else { 0 };
    let above = page.slice(page.next_line(page.slot(spot)?)..first);
    let end = page.reach(spot.key, spot.node);
    Ok(!above.trim().is_empty() || page.is_above_indented_comment(end))
}

/// `text` as the scalar at `spot` is written, where that can hold it.
fn in_style(page: Page<'_>, spot: &Spot, text: &str) -> String {
    let json = Flow::of(page, spot).json && spot.in_flow(page);
    let node = page.node(spot.node);
    let style = match node.style {
        _ if json => Style::DoubleQuoted,
        style @ (Style::SingleQuoted | Style::DoubleQuoted) if node.kind == Kind::Scalar => style,
        _ => Style::Plain,
    };
    write::string(text, style, write::Place { flow: spot.in_flow(page), key: false })
}

/// What stands at `spot` becomes `text`, on one line.
pub(super) fn inline(page: Page<'_>, spot: &Spot, text: &str) -> Result<Vec<Edit>, Refused> {
    if page.is_absent(spot.node) {
        return Ok(vec![fill(page, spot, text)?]);
    }
    let (start, end) = (page.start(spot.node), page.reach(spot.key, spot.node));
    if !page.is_block(spot.node) {
        return Ok(vec![Edit::new(start..end, text.to_owned() + &page.header_comment(spot.node))]);
    }
    let (head, behind) = (page.head(spot)?, page.slot(spot)?);
    Ok(if spot.parent.is_some() && page.line_start(head) > behind {
        let lines = page.line_start(head)..page.next_line(end);
        vec![Edit::insert(behind, format!(" {text}")), Edit::delete(lines)]
    } else {
        vec![Edit::new(head..page.line_end(end), text)]
    })
}

/// What stands at `spot` becomes `value`, over several lines.
fn long(page: Page<'_>, spot: &Spot, value: &Value) -> Result<Vec<Edit>, Refused> {
    let start = page.start(spot.node);
    let own_line = page.line_start(start) > page.slot(spot)?;
    if spot.key == NONE || (own_line && !page.is_block(spot.node)) {
        in_place(page, spot, value)
    } else {
        under_key(page, spot, value)
    }
}

/// Writes the first line of `value` where the old value starts, the others in its column.
fn in_place(page: Page<'_>, spot: &Spot, value: &Value) -> Result<Vec<Edit>, Refused> {
    let lines = write::lines(value, Shape::of(page));
    let (first, others) = lines.split_first().map_or(("", &[][..]), |(a, b)| (a.as_str(), b));
    let end = page.reach(spot.key, spot.node);
    if page.is_absent(spot.node) {
        let behind = page.slot(spot)?;
        let Some(column) = page.column(behind.saturating_sub(1)) else { return crowded() };
        return Ok(vec![fill(page, spot, first)?, page.below(behind, others, column + 2)]);
    }
    let block = page.is_block(spot.node);
    let head = if block { page.head(spot)? } else { page.start(spot.node) };
    let Some(column) = page.column(head) else { return crowded() };
    if block {
        let lines = [&[first.to_owned()], indented(others, column).as_slice()].concat();
        return Ok(vec![Edit::new(head..page.line_end(end), lines.join(page.line_feed()))]);
    }
    let mut edits = inline(page, spot, first)?;
    edits.push(page.below(end, others, column));
    Ok(edits)
}

/// Writes `value` on the lines below its key; of a text, the `|` behind the key.
fn under_key(page: Page<'_>, spot: &Spot, value: &Value) -> Result<Vec<Edit>, Refused> {
    let shape = Shape::of(page);
    let (behind, end) = (page.slot(spot)?, page.reach(spot.key, spot.node));
    let Some(column) = page.column(page.start(spot.key)) else { return crowded() };
    let lines = write::lines(value, shape);
    let (first, lines) = match lines.split_first() {
        Some((first, others)) if value.is_string() => (format!(" {first}"), others),
        _ => (String::new(), lines.as_slice()),
    };
    let indent = column + if value.is_array() { shape.dash } else { shape.step };
    if !page.is_block(spot.node) {
        let from = if page.is_absent(spot.node) { behind..behind } else { behind..end };
        let first = first + &page.header_comment(spot.node);
        return Ok(vec![Edit::new(from, first), page.below(end.max(behind), lines, indent)]);
    }
    let head = page.head(spot)?;
    let same = match page.node(spot.node).kind {
        Kind::Mapping => value.is_object(),
        _ => value.is_array(),
    };
    let indent = page.column(head).filter(|_| same).unwrap_or(indent);
    let lines = indented(lines, indent).join(page.line_feed());
    Ok(vec![
        Edit::insert(behind, first),
        Edit::new(page.line_start(head)..page.line_end(end), lines),
    ])
}

fn crowded<T>() -> Result<T, Refused> {
    Refused::new("something else stands in front of it on its line")
}

/// Writes `text` where a value is not there.
fn fill(page: Page<'_>, spot: &Spot, text: &str) -> Result<Edit, Refused> {
    let behind = page.slot(spot)?;
    let colon = page.slice(0..behind).ends_with([':', '-']);
    let (before, after) = match page.slice(behind..page.text.len()).chars().next() {
        _ if spot.key != NONE && !colon => (": ", ""),
        Some(c) if !c.is_whitespace() && !",]}".contains(c) => (" ", " "),
        _ => (" ", ""),
    };
    Ok(Edit::insert(behind, format!("{before}{text}{after}")))
}

pub(super) fn insert(
    page: Page<'_>,
    spot: &Spot,
    key: &str,
    value: &Value,
) -> Result<Vec<Edit>, Refused> {
    if is_null(page, spot) {
        return set(page, spot, &json!({ key: value }));
    }
    let node = page.node(spot.node);
    if node.kind != Kind::Mapping {
        return Refused::new("it is no mapping");
    }
    if let Some(index) = page.named(spot.node, key) {
        let target = Step::Key(key.to_owned());
        return match page.enter(spot, &target) {
            Ok(entry) if entry.index == index && is_null(page, &entry) => set(page, &entry, value),
            _ => Refused::new(format!("`{key}` is there already")),
        };
    }
    if node.style == Style::Flow {
        let flow = Flow::of(page, spot);
        return flow::add(page, spot, flow, &flow.entry(key, value));
    }
    let lines = write::entry(key, value, Shape::of(page));
    block(page, spot, &lines)
}

pub(super) fn append(page: Page<'_>, spot: &Spot, value: &Value) -> Result<Vec<Edit>, Refused> {
    if is_null(page, spot) {
        return set(page, spot, &json!([value]));
    }
    let node = page.node(spot.node);
    if node.kind != Kind::Sequence {
        return Refused::new("it is no sequence");
    }
    if node.style == Style::Flow {
        let flow = Flow::of(page, spot);
        return flow::add(page, spot, flow, &flow.value(value));
    }
    let last = page.children(spot.node).last().map_or(NONE, |child| child.node);
    let dash = page.heads(spot.key, spot.node).and_then(|heads| heads.last().copied());
    let gap = dash.map(|dash| page.slice(dash + 1..page.start(last)));
    let gap = gap.filter(|gap| !gap.is_empty() && gap.bytes().all(|byte| byte == b' '));
    let lines = write::item(value, gap.map_or(1, str::len), Shape::of(page));
    block(page, spot, &lines)
}

/// Null, and written here.
fn is_null(page: Page<'_>, spot: &Spot) -> bool {
    let place = Place { stream: page.stream, key: spot.key, node: spot.node };
    place.is_null()
}

/// Adds `lines` to the block collection at `spot`, in front of the comments and empty lines behind it.
fn block(page: Page<'_>, spot: &Spot, lines: &[String]) -> Result<Vec<Edit>, Refused> {
    let heads = page.heads(spot.key, spot.node).unwrap_or_default();
    let Some(column) = heads.iter().find_map(|head| page.column(*head)) else { return crowded() };
    Ok(vec![page.below(page.kept_end(spot.key, spot.node), lines, column)])
}
