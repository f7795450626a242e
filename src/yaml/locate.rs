//! Where a part of a scalar's text stands in the file: through quotes, escapes, folding and indentation.

use std::ops::Range;

use crate::yaml::node::{Node, OWNED, Style};

/// The bytes of `source` that spell the bytes `range` of `text`, which is the text of the scalar `node`.
pub(super) fn part(source: &str, node: Node, text: &str, range: Range<usize>) -> (u32, u32) {
    let (from, to) = (range.start.min(text.len()), range.end.min(text.len()));
    if node.flags & OWNED == 0 {
        return (node.a + small(from), node.a + small(to.max(from)));
    }
    let raw = source.get(node.start as usize..node.end as usize).unwrap_or("");
    let spelled = spelling(raw, node.style, text);
    let start = spelled.iter().rev().find(|piece| piece.text <= from);
    let start = start.map_or(0, |piece| piece.raw + (from - piece.text).min(piece.len));
    // The end is behind the last byte that belongs to the part, not in front of what follows it.
    let last = to.max(from + 1) - 1;
    let end = spelled.iter().rev().find(|piece| piece.text <= last);
    let end = end.map_or(0, |piece| piece.end(to.max(from + 1) - piece.text));
    let end = if to > from { end.max(start) } else { start };
    (node.start + small(start.min(raw.len())), node.start + small(end.min(raw.len())))
}

/// A run of text: the bytes `raw..` of the source spell the bytes `text..`. Either `len` bytes one by one, or
/// one character by an escape of `spelled` bytes.
struct Piece {
    raw: usize,
    text: usize,
    len: usize,
    spelled: usize,
}

impl Piece {
    /// Where in the source the first `count` bytes of its text end.
    fn end(&self, count: usize) -> usize {
        self.raw + if count >= self.len { self.spelled } else { count }
    }
}

/// Pairs `raw` with `text`, in order. Both hold the same characters but for escapes, quotes, and the white space
/// around line ends.
fn spelling(raw: &str, style: Style, text: &str) -> Vec<Piece> {
    let body = match style {
        // Behind the header's line.
        Style::Literal | Style::Folded => raw.find('\n').map_or(raw.len(), |at| at + 1),
        Style::SingleQuoted | Style::DoubleQuoted => 1,
        Style::Plain | Style::Flow => 0,
    };
    let mut pieces: Vec<Piece> = Vec::new();
    let (mut at, mut done) = (body, 0);
    while done < text.len() && at < raw.len() {
        let (rest, wanted) = (&raw[at..], &text[done..]);
        let Some(next) = wanted.chars().next() else { break };
        let (spelled, length) = match rest.chars().next() {
            Some('\\') if style == Style::DoubleQuoted => escape(rest, next),
            Some('\'') if style == Style::SingleQuoted && rest.starts_with("''") => (2, 1),
            Some(same) if same == next => (same.len_utf8(), next.len_utf8()),
            // A line end: one blank or line end of the text for it, and indentation that spells nothing.
            Some('\n' | '\r') if next == ' ' || next == '\n' => (line_end(rest), 1),
            Some(other) => (other.len_utf8(), 0),
            None => break,
        };
        let one_by_one = spelled == length;
        match pieces.last_mut() {
            Some(last)
                if one_by_one
                    && last.spelled == last.len
                    && last.raw + last.len == at
                    && last.text + last.len == done =>
            {
                last.len += length;
                last.spelled += length;
            }
            _ if length > 0 => pieces.push(Piece { raw: at, text: done, len: length, spelled }),
            _ => {}
        }
        at += spelled;
        done += length;
        // Indentation follows a line end that was spelled as it is.
        if next == '\n' && length > 0 && style != Style::DoubleQuoted {
            at += indentation(&raw[at..], &text[done..]);
        }
    }
    pieces
}

/// The length of the escape sequence that `raw` starts with, and of what it spells.
fn escape(raw: &str, next: char) -> (usize, usize) {
    let digits = match raw.as_bytes().get(1) {
        Some(b'x') => 2,
        Some(b'u') => 4,
        Some(b'U') => 8,
        // An escaped line end joins the lines.
        Some(b'\n' | b'\r') => {
            let rest = raw[1..].trim_start_matches('\r');
            let rest = rest.strip_prefix('\n').unwrap_or(rest);
            return (raw.len() - rest.trim_start_matches([' ', '\t']).len(), 0);
        }
        Some(byte) if byte.is_ascii() => 0,
        _ => return (1, 0),
    };
    let mut length = (2 + digits).min(raw.len());
    // A character beyond U+FFFF may be written as two halves.
    if digits == 4 && next > '\u{ffff}' && raw[length..].starts_with("\\u") {
        length = (length + 6).min(raw.len());
    }
    while !raw.is_char_boundary(length) {
        length += 1;
    }
    (length, next.len_utf8())
}

/// The length of one line end with its carriage return.
fn line_end(raw: &str) -> usize {
    if raw.starts_with("\r\n") { 2 } else { 1 }
}

/// Blanks in front of a line that its text does not have.
fn indentation(raw: &str, text: &str) -> usize {
    let blanks = |text: &str| text.len() - text.trim_start_matches(' ').len();
    blanks(raw).saturating_sub(blanks(text))
}

fn small(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}
