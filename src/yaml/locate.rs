//! Where a part of a scalar's text stands in the file: through quotes, escapes, folding and indentation.

use std::ops::Range;

use crate::yaml::node::{Node, OWNED, Style};

/// The bytes of `source` that spell the bytes `range` of `text`, which is the text of the scalar `node`. Half
/// characters count as whole ones.
pub(super) fn part(source: &str, node: Node, text: &str, range: Range<usize>) -> (u32, u32) {
    let from = boundary(text, range.start);
    let mut to = range.end.clamp(from, text.len().max(from));
    while !text.is_char_boundary(to) {
        to += 1;
    }
    if node.flags & OWNED == 0 {
        return (node.a + small(from), node.a + small(to));
    }
    let raw = source.get(node.start as usize..node.end as usize).unwrap_or("");
    let runs = match node.style {
        Style::Literal | Style::Folded => block_runs(raw, node.style, text),
        _ => flow_runs(raw, node.style, text),
    };
    let behind = |at: usize| runs.partition_point(|run| run.text <= at);
    let run = |index: usize| runs.get(index);
    let start = match behind(from).checked_sub(1).and_then(run) {
        Some(run) if run.is_verbatim() => run.raw + (from - run.text).min(run.spelled),
        Some(run) if from < run.text + run.len => run.raw,
        Some(run) => run.raw + run.spelled,
        None => first_line(raw),
    };
    let end = if to > from {
        let next = behind(to - 1);
        match next.checked_sub(1).and_then(run) {
            Some(run) if to <= run.text + run.len => {
                run.raw + if run.is_verbatim() { to - run.text } else { run.spelled }
            }
            _ => run(next).map_or(raw.len() - quote(raw, node.style), |run| run.raw),
        }
    } else {
        start
    };
    (node.start + small(start.min(raw.len())), node.start + small(end.min(raw.len())))
}

/// `at`, moved back to a character's start inside the text.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// The `len` bytes of the text from `text` on are spelled by the `spelled` bytes of the source from `raw` on: as
/// they are, or as an escape if the lengths differ. What lies between two runs is folded line ends in the text,
/// and in the source line ends and blanks.
struct Run {
    raw: usize,
    text: usize,
    len: usize,
    spelled: usize,
}

impl Run {
    fn is_verbatim(&self) -> bool {
        self.len == self.spelled
    }
}

/// The runs of a text without quotes, or in them.
fn flow_runs(raw: &str, style: Style, text: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let (mut at, mut done) = (quote(raw, style), 0);
    let end = raw.len() - at;
    while let Some(rest) = raw.get(at..end).filter(|rest| !rest.is_empty()) {
        let blanks = rest.len() - skip_blanks(rest).len();
        let line_ends = skip_lines(&rest[blanks..]);
        let run = |len, spelled| Run { raw: at, text: done, len, spelled };
        let (len, spelled) = if line_ends.1 > 0 {
            // One line end is a blank, several are one less.
            (0, blanks + line_ends.0)
        } else if rest.starts_with("''") && style == Style::SingleQuoted {
            (1, 2)
        } else if rest.starts_with('\\') && style == Style::DoubleQuoted {
            escape(rest, text.get(done..).and_then(|text| text.chars().next()))
        } else {
            let special = |c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\'' | '\\');
            let first = blanks.max(rest.chars().next().map_or(1, char::len_utf8));
            let length = rest[first..].find(special).map_or(rest.len(), |more| first + more);
            (length, length)
        };
        match runs.last_mut() {
            Some(last)
                if len == spelled
                    && last.is_verbatim()
                    && (last.raw + last.len, last.text + last.len) == (at, done) =>
            {
                last.len += len;
                last.spelled += len;
            }
            _ if len > 0 => runs.push(run(len, spelled)),
            _ => {}
        }
        at += spelled;
        done += len;
        if line_ends.1 > 0 {
            done += (line_ends.1 - 1).max(1);
        } else if len == 0 {
            // An escaped line end: nothing for it, all for the ones that follow.
            let (length, count) = skip_lines(raw.get(at..end).unwrap_or(""));
            at += length;
            done += count;
        }
    }
    runs
}

/// The length of the quotes on each side.
fn quote(raw: &str, style: Style) -> usize {
    let quoted = matches!(style, Style::SingleQuoted | Style::DoubleQuoted);
    usize::from(quoted).min(raw.len())
}

/// The length of the escape sequence that `raw` starts with, and before it of what it spells, which `next` starts
/// with; of an escaped line end, nothing.
fn escape(raw: &str, next: Option<char>) -> (usize, usize) {
    let digits = match raw.as_bytes().get(1) {
        Some(b'x') => 2,
        Some(b'u') => 4,
        Some(b'U') => 8,
        Some(b'\n' | b'\r') => {
            let behind = 1 + line_end(&raw[1..]);
            return (0, raw.len() - skip_blanks(&raw[behind..]).len());
        }
        _ => 0,
    };
    let length = 2 + digits;
    // A character beyond U+FFFF may be written as two halves.
    let halves = digits == 4 && next > Some('\u{ffff}');
    (next.map_or(0, char::len_utf8), if halves { 2 * length } else { length })
}

/// The runs of a block scalar: one for each line.
fn block_runs(raw: &str, style: Style, text: &str) -> Vec<Run> {
    let mut start = first_line(raw);
    // As many line ends as its text starts with are in front of the first line, whose indentation tells all.
    let content = text.trim_start_matches('\n');
    let mut first = start;
    for _ in 0..text.len() - content.len() {
        first += line(&raw[first..]).1;
    }
    let indent = spaces(&raw[first..]).saturating_sub(spaces(content));
    let mut runs = Vec::new();
    let (mut done, mut breaks) = (0, 0);
    let (mut broken, mut was_deeper) = (false, false);
    while start < raw.len() {
        let (length, next) = line(&raw[start..]);
        if length <= indent {
            breaks += 1;
        } else {
            let first = raw.as_bytes().get(start + indent);
            let deeper = first.is_some_and(|byte| matches!(byte, b' ' | b'\t'));
            done += if style == Style::Folded && broken && !was_deeper && !deeper {
                breaks.max(1)
            } else {
                usize::from(broken) + breaks
            };
            let len = length - indent;
            runs.push(Run { raw: start + indent, text: done, len, spelled: len });
            done += len;
            (breaks, broken, was_deeper) = (0, true, deeper);
        }
        start += next;
    }
    runs
}

/// The start of the second line.
fn first_line(raw: &str) -> usize {
    line(raw).1
}

/// The lengths of the first line, without its line end and with it.
fn line(raw: &str) -> (usize, usize) {
    let length = raw.find(['\n', '\r']).unwrap_or(raw.len());
    (length, length + line_end(&raw[length..]))
}

/// The length of the line end at the start.
fn line_end(raw: &str) -> usize {
    match raw.as_bytes() {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    }
}

/// The length of the line ends at the start, with the blanks behind each of them, and their number.
fn skip_lines(raw: &str) -> (usize, usize) {
    let (mut rest, mut count) = (raw, 0);
    while line_end(rest) > 0 {
        rest = skip_blanks(&rest[line_end(rest)..]);
        count += 1;
    }
    (raw.len() - rest.len(), count)
}

fn skip_blanks(raw: &str) -> &str {
    raw.trim_start_matches([' ', '\t'])
}

fn spaces(raw: &str) -> usize {
    raw.len() - raw.trim_start_matches(' ').len()
}

fn small(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}
