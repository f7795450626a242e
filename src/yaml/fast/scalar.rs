//! Scalars: in quotes and without, on one line or folded over several, and block scalars.

use std::str::Chars;

use memchr::{memchr, memchr2};

use super::{Line, Reader, is_blank, small};
use crate::yaml::node::{Node, OWNED, Style};

/// Where a scalar is and what it spells.
pub(super) struct Scanned {
    pub(super) style: Style,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Where its text starts in what the stream owns, if it is spelled otherwise.
    owned: Option<usize>,
    /// The colon that makes it a key.
    pub(super) colon: Option<usize>,
}

impl Scanned {
    pub(super) fn plain(start: usize, end: usize, colon: Option<usize>) -> Self {
        Self { style: Style::Plain, start, end, owned: None, colon }
    }
}

/// What a block scalar does with the line ends behind its last line.
#[derive(Clone, Copy, PartialEq)]
enum Chomp {
    Strip,
    Clip,
    Keep,
}

impl Reader<'_> {
    /// Looks for the end of the scalar that starts at `at`, in a block.
    pub(super) fn scan(&mut self, at: usize) -> Option<Scanned> {
        match self.byte(at) {
            b'\'' | b'"' => {
                let mut scanned = self.quoted(at)?;
                let colon = self.skip_blanks(scanned.end);
                if colon < self.line.end && self.byte(colon) == b':' {
                    let key = self.is_apart(colon + 1) && at >= self.line.start;
                    scanned.colon = Some(key.then_some(colon)?);
                }
                Some(scanned)
            }
            first if self.starts_plain(first, at) => {
                let (end, colon) = self.plain(at);
                Some(Scanned::plain(at, end, colon))
            }
            _ => None,
        }
    }

    /// True if a scalar without quotes may start like this; of some that may, it is not known for sure.
    pub(super) fn starts_plain(&self, first: u8, at: usize) -> bool {
        match first {
            b'-' => !self.is_apart(at + 1),
            b'?' | b':' | b',' | b'[' | b']' | b'{' | b'}' | b'#' | b'&' | b'*' | b'!' | b'|'
            | b'>' | b'%' | b'@' | b'`' | b'\'' | b'"' => false,
            _ => true,
        }
    }

    /// The end of the text without quotes at `at`, and the colon behind it.
    fn plain(&self, at: usize) -> (usize, Option<usize>) {
        let mut from = at;
        while let Some(found) = memchr2(b':', b'#', self.slice(from, self.line.end)) {
            let found = from + found;
            if self.byte(found) == b':' {
                if self.is_apart(found + 1) {
                    return (self.trimmed(at, found), Some(found));
                }
            } else if found > at && is_blank(self.byte(found - 1)) {
                return (self.trimmed(at, found), None);
            }
            from = found + 1;
        }
        (self.trimmed(at, self.line.end), None)
    }

    /// Reads the scalar in quotes at `start`.
    pub(super) fn quoted(&mut self, start: usize) -> Option<Scanned> {
        let quote = self.byte(start);
        let style = if quote == b'"' { Style::DoubleQuoted } else { Style::SingleQuoted };
        let from = self.builder.stream.owned.len();
        let mut owned = None;
        let mut at = start + 1;
        loop {
            let rest = self.slice(at, self.line.end);
            let found = match quote {
                b'"' => memchr2(b'"', b'\\', rest),
                _ => memchr(b'\'', rest),
            };
            let Some(found) = found.map(|found| at + found) else {
                owned = Some(from);
                self.own(at, self.trimmed(at, self.line.end));
                let breaks = self.continued()?;
                self.separate(breaks);
                at = self.skip_blanks(self.line.start);
                continue;
            };
            let behind = found + 1;
            let escapes =
                self.byte(found) != quote || (quote == b'\'' && self.byte(behind) == quote);
            if escapes || owned.is_some() {
                self.own(at, found);
            }
            if !escapes {
                return Some(Scanned { style, start, end: behind, owned, colon: None });
            }
            owned = Some(from);
            at = self.escape(quote, behind)?;
        }
    }

    /// Reads what is escaped at `at`; returns what is behind it.
    fn escape(&mut self, quote: u8, at: usize) -> Option<usize> {
        if quote == b'\'' {
            self.own(at, at + 1);
            return Some(at + 1);
        }
        if at == self.line.end {
            let breaks = self.continued()?;
            self.line_ends(breaks);
            return Some(self.skip_blanks(self.line.start));
        }
        let mut chars = self.text.get(at..)?.chars();
        self.builder.stream.owned.push(escaped(&mut chars)?);
        Some(self.text.len() - chars.as_str().len())
    }

    /// Goes to the next line with text in the same quotes; returns the number of blank lines before it.
    fn continued(&mut self) -> Option<usize> {
        let mut breaks = 0;
        loop {
            if !self.advance() || self.is_marker() {
                return None;
            }
            if self.skip_blanks(self.line.first) < self.line.end {
                return Some(breaks);
            }
            breaks += 1;
        }
    }

    /// Adds a scalar.
    pub(super) fn scalar(&mut self, scanned: &Scanned) {
        let Scanned { style, start, end, owned, .. } = *scanned;
        let (flags, text) = match owned {
            Some(from) => (OWNED, small(from)..small(self.builder.stream.owned.len())),
            None if style == Style::Plain => (0, small(start)..small(end)),
            None => (0, small(start + 1)..small(end - 1)),
        };
        self.builder.scalar(Node::scalar(style, flags, small(start)..small(end), text), 0);
    }

    /// Adds a scalar that is a value of a block, with the lines that it goes on on.
    pub(super) fn scalar_value(&mut self, scanned: &Scanned) -> Option<()> {
        let column = self.open.last()?.column;
        let Scanned { style, start, mut end, .. } = *scanned;
        if style != Style::Plain
            || self.skip_blanks(end) < self.line.end
            || self.following(column).is_none()
        {
            self.scalar(scanned);
            return self.end_of_line(end);
        }
        let owned = Some(self.builder.stream.owned.len());
        self.own(start, end);
        while let Some((line, breaks)) = self.following(column) {
            self.line = line;
            self.at = line.next;
            self.separate(breaks);
            let (last, colon) = self.plain(line.first);
            if self.byte(line.first) == b'\t' || colon.is_some() {
                return None;
            }
            self.own(line.first, last);
            end = last;
            if self.skip_blanks(end) < line.end {
                // A comment ends it.
                break;
            }
        }
        self.scalar(&Scanned { style, start, end, owned, colon: None });
        self.end_of_line(end)
    }

    /// The next line that is not blank, if it continues a text without quotes in a block at `column`, and the
    /// number of blank lines before it.
    fn following(&self, column: usize) -> Option<(Line, usize)> {
        let (mut line, mut breaks) = (self.line_at(self.at), 0);
        while line.is_blank() {
            if line.is_last() {
                return None;
            }
            line = self.line_at(line.next);
            breaks += 1;
        }
        let continues = line.indentation() > column && self.byte(line.first) != b'#';
        continues.then_some((line, breaks))
    }

    /// Adds the source `from..to` to the text of the current scalar.
    fn own(&mut self, from: usize, to: usize) {
        self.builder.stream.owned.push_str(self.text.get(from..to).unwrap_or_default());
    }

    /// Adds what a line end and `breaks` blank lines behind it are folded to.
    fn separate(&mut self, breaks: usize) {
        if breaks == 0 {
            self.builder.stream.owned.push(' ');
        }
        self.line_ends(breaks);
    }

    fn line_ends(&mut self, count: usize) {
        self.builder.stream.owned.extend(std::iter::repeat_n('\n', count));
    }

    /// Adds the `|` or `>` scalar whose header starts at `at`.
    pub(super) fn block_scalar(&mut self, at: usize) -> Option<()> {
        let folded = self.byte(at) == b'>';
        let style = if folded { Style::Folded } else { Style::Literal };
        let (chomp, explicit) = self.header(at)?;
        if self.byte(self.at) == b'\t' {
            return None;
        }
        let outside = self.open.last()?.column;
        let mut breaks = 0;
        let mut line = self.line_at(self.at);
        let indent = if let Some(more) = explicit {
            line = self.skip_short(line, outside + more, &mut breaks);
            outside + more
        } else {
            let mut widest = line.indentation();
            while line.is_blank() && !line.is_last() {
                breaks += 1;
                line = self.line_at(line.next);
                widest = widest.max(line.indentation());
            }
            widest.max(outside + 1)
        };
        let column = line.indentation().min(indent);
        let nothing = line.start + column == line.end && line.is_last();
        if column < indent && column > outside && !nothing {
            return None;
        }
        let from = self.builder.stream.owned.len();
        let (mut broken, mut was_deeper) = (false, false);
        while line.indentation() >= indent && line.start + indent < line.end {
            let content = line.start + indent;
            let deeper = is_blank(self.byte(content));
            if folded && broken && !was_deeper && !deeper {
                self.separate(breaks);
            } else {
                self.line_ends(usize::from(broken) + breaks);
            }
            self.own(content, line.end);
            breaks = 0;
            was_deeper = deeper;
            broken = !line.is_last();
            line = self.line_at(line.next);
            line = self.skip_short(line, indent, &mut breaks);
        }
        if chomp != Chomp::Strip {
            self.line_ends(usize::from(broken));
        }
        if chomp == Chomp::Keep {
            self.line_ends(breaks);
        }
        self.at = line.start;
        let behind = self.text.get(at..line.start).map_or(at, |text| at + text.trim_end().len());
        let to = self.builder.stream.owned.len();
        let (flags, text) = if to > from {
            (OWNED, small(from)..small(to))
        } else {
            (0, small(behind)..small(behind))
        };
        self.builder.scalar(Node::scalar(style, flags, small(at)..small(behind), text), 0);
        Some(())
    }

    /// Reads the header of a block scalar, with its comment.
    fn header(&mut self, at: usize) -> Option<(Chomp, Option<usize>)> {
        let (mut chomp, mut explicit) = (None, None);
        let mut behind = at + 1;
        loop {
            match self.byte(behind) {
                b'-' if chomp.is_none() => chomp = Some(Chomp::Strip),
                b'+' if chomp.is_none() => chomp = Some(Chomp::Keep),
                digit @ b'1'..=b'9' if explicit.is_none() => {
                    explicit = Some(usize::from(digit - b'0'));
                }
                _ => break,
            }
            behind += 1;
        }
        self.end_of_line(behind)?;
        Some((chomp.unwrap_or(Chomp::Clip), explicit))
    }

    /// The first line from `line` on that has something behind `indent` spaces.
    fn skip_short(&self, mut line: Line, indent: usize, breaks: &mut usize) -> Line {
        while line.is_blank() && line.indentation() <= indent && !line.is_last() {
            *breaks += 1;
            line = self.line_at(line.next);
        }
        line
    }
}

/// What the escape stands for whose characters behind the backslash come next.
fn escaped(chars: &mut Chars<'_>) -> Option<char> {
    Some(match chars.next()? {
        '0' => '\0',
        'a' => '\x07',
        'b' => '\x08',
        't' | '\t' => '\t',
        'n' => '\n',
        'v' => '\x0b',
        'f' => '\x0c',
        'r' => '\r',
        'e' => '\x1b',
        same @ (' ' | '"' | '/' | '\\') => same,
        'N' => '\u{85}',
        '_' => '\u{a0}',
        'L' => '\u{2028}',
        'P' => '\u{2029}',
        'x' => hex(chars, 2)?,
        'u' => hex(chars, 4)?,
        'U' => hex(chars, 8)?,
        _ => return None,
    })
}

/// The character with the code in the next `count` digits; halves of one are left to the other reader.
fn hex(chars: &mut Chars<'_>, count: usize) -> Option<char> {
    let code = (0..count).try_fold(0, |code, _| Some(code << 4 | chars.next()?.to_digit(16)?))?;
    char::from_u32(code)
}
