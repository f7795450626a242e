//! Values to text in the manner of the file around them.

use serde_json::{Map, Value};

use super::page::{Page, indented};
use crate::yaml::emit::is_block;
use crate::yaml::node::{Kind, Style};
use crate::yaml::resolve::{self, Scalar};

/// How the file indents.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// Columns from a key to the keys below it.
    pub(super) step: usize,
    /// Columns from a key to the dashes below it.
    pub(super) dash: usize,
}

impl Shape {
    /// As the first mapping and the first sequence under a key are indented; else as `kubectl` prints.
    pub(super) fn of(page: Page<'_>) -> Self {
        let (mut step, mut dash) = (None, None);
        for (id, node) in (0u32..).zip(&page.stream.nodes) {
            if node.kind != Kind::Mapping || node.style == Style::Flow {
                continue;
            }
            for child in page.children(id).iter().filter(|child| page.is_block(child.node)) {
                let found = match page.node(child.node).kind {
                    Kind::Mapping => &mut step,
                    _ => &mut dash,
                };
                let first =
                    page.heads(child.key, child.node).and_then(|heads| heads.first().copied());
                if found.is_none()
                    && let Some(first) = first
                    && page.leads(first)
                    && let Some(column) = page.column(page.start(child.key))
                {
                    *found = page.before(first).len().checked_sub(column);
                }
            }
            if step.is_some() && dash.is_some() {
                break;
            }
        }
        Self { step: step.filter(|step| *step > 0).unwrap_or(2), dash: dash.unwrap_or(0) }
    }
}

/// How a flow collection is written.
#[derive(Clone, Copy, Default)]
pub(super) struct Flow {
    /// As JSON: keys and strings in double quotes.
    pub(super) json: bool,
    /// No blank behind colons and commas.
    pub(super) tight: bool,
}

impl Flow {
    /// As `node` and the keys around it are written.
    pub(super) fn of(page: Page<'_>, spot: &super::spot::Spot) -> Self {
        for spot in spot.chain().filter(|spot| page.node(spot.node).kind == Kind::Mapping) {
            if let Some(key) = page.children(spot.node).first().map(|child| child.key)
                && page.node(spot.node).style == Style::Flow
            {
                let json = page.node(key).style == Style::DoubleQuoted;
                let behind = page.slice(page.end(key)..page.text.len());
                let tight = json
                    && behind.strip_prefix(':').is_some_and(|b| !b.starts_with([' ', '\n', '\r']));
                return Self { json, tight };
            }
        }
        Self::default()
    }

    fn colon(self) -> &'static str {
        if self.tight { ":" } else { ": " }
    }

    pub(super) fn comma(self) -> &'static str {
        if self.tight { "," } else { ", " }
    }

    pub(super) fn entry(self, key: &str, value: &Value) -> String {
        self.string(key, true) + self.colon() + &self.value(value)
    }

    pub(super) fn value(self, value: &Value) -> String {
        match value {
            Value::Object(map) => {
                let entries: Vec<_> =
                    map.iter().map(|(key, value)| self.entry(key, value)).collect();
                format!("{{{}}}", entries.join(self.comma()))
            }
            Value::Array(items) => {
                let items: Vec<_> = items.iter().map(|item| self.value(item)).collect();
                format!("[{}]", items.join(self.comma()))
            }
            Value::String(text) => self.string(text, false),
            other => other.to_string(),
        }
    }

    fn string(self, text: &str, key: bool) -> String {
        let style = if self.json { Style::DoubleQuoted } else { Style::Plain };
        string(text, style, Place { flow: true, key })
    }
}

/// Where a string stands, which decides what may go without quotes.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    pub(super) flow: bool,
    pub(super) key: bool,
}

/// How `text` starts as a literal block, if it can be one.
fn header(text: &str) -> Option<&'static str> {
    if is_block(text) {
        Some("|")
    } else {
        (!text.ends_with('\n') && is_block(&format!("{text}\n"))).then_some("|-")
    }
}

/// True for a value that is written over several lines where there is room.
pub(super) fn is_long(value: &Value) -> bool {
    match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::String(text) => header(text).is_some(),
        _ => false,
    }
}

/// The lines of a value by indentation, the first one without any. Of a text, all but the `|` count from its
/// parent.
pub(super) fn lines(value: &Value, shape: Shape) -> Vec<String> {
    match value {
        Value::Object(map) if !map.is_empty() => entries(map, shape),
        Value::Array(items) if !items.is_empty() => {
            items.iter().flat_map(|value| item(value, 1, shape)).collect()
        }
        Value::String(text) => match header(text) {
            Some(header) => {
                std::iter::once(header).chain(text.lines()).map(str::to_owned).collect()
            }
            None => vec![string(text, Style::Plain, Place::default())],
        },
        other => vec![Flow::default().value(other)],
    }
}

fn entries(map: &Map<String, Value>, shape: Shape) -> Vec<String> {
    map.iter().flat_map(|(key, value)| entry(key, value, shape)).collect()
}

/// The lines of `key: value`.
pub(super) fn entry(key: &str, value: &Value, shape: Shape) -> Vec<String> {
    let key = string(key, Style::Plain, Place { flow: false, key: true });
    let lines = lines(value, shape);
    let (inline, indent) = match value {
        Value::Object(map) if !map.is_empty() => (0, shape.step),
        Value::Array(items) if !items.is_empty() => (0, shape.dash),
        _ => (1, shape.step),
    };
    let first: String = lines.iter().take(inline).map(|first| " ".to_owned() + first).collect();
    let below = indented(lines.get(inline..).unwrap_or_default(), indent);
    std::iter::once(format!("{key}:{first}")).chain(below).collect()
}

/// The lines of `- value`, with so many blanks behind the dash.
pub(super) fn item(value: &Value, gap: usize, shape: Shape) -> Vec<String> {
    let mut lines = indented(&lines(value, shape), gap + 1);
    if let Some(first) = lines.first_mut() {
        *first = format!("-{}{}", " ".repeat(gap), first.trim_start_matches(' '));
    }
    lines
}

/// A string as a scalar, in `style` where that can hold it.
pub(super) fn string(text: &str, style: Style, place: Place) -> String {
    match style {
        Style::SingleQuoted if text.chars().all(is_printable) => {
            format!("'{}'", text.replace('\'', "''"))
        }
        Style::Plain | Style::Flow if is_plain(text, place) => text.to_owned(),
        _ => format!("\"{}\"", escaped(text)),
    }
}

/// `text` as it stands between double quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_printable(c) => out.push(c),
            // JSON knows no other escape, and nothing beyond the first plane needs one.
            c => out.extend(format!("\\u{:04x}", u32::from(c)).chars()),
        }
    }
    out
}

/// True for a character that any scalar on one line may hold as it is.
pub(super) fn is_printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// True if `text` without quotes is this string, to all readers of YAML 1.1 and 1.2.
pub(super) fn is_plain(text: &str, place: Place) -> bool {
    let mut characters = text.chars();
    let (first, second) = (characters.next(), characters.next());
    let start = match first {
        Some('-' | '?' | ':') => second.is_some_and(|c| !c.is_whitespace()) && !place.flow,
        Some(c) => !",[]{}#&*!|>'\"%@`".contains(c),
        None => false,
    };
    start
        && text.trim() == text
        && text.chars().all(is_printable)
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with(':')
        && !text.starts_with("---")
        && !text.starts_with("...")
        && !(place.flow && text.contains([',', '[', ']', '{', '}', '?']))
        && !(place.key && text == "<<")
        && text != "="
        && !is_time(text)
        && matches!(resolve::plain(text), Scalar::Str(_))
}

/// True for what some readers take for a date, a time, or minutes and seconds.
fn is_time(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']).starts_with(|c: char| c.is_ascii_digit());
    let date = text.bytes().filter(|byte| *byte == b'-').count() == 2;
    digits
        && (date || text.contains(':'))
        && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-:._TtZz ".contains(&byte))
}
