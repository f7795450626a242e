//! Collections in brackets and braces, over several lines too.

use super::{MAX_KEY, Reader, is_blank, small};
use crate::yaml::fast::scalar::Scanned;
use crate::yaml::node::{Kind, Style};

/// Brackets in brackets, at the most; granit-parser gives up at 255.
const MAX_DEPTH: usize = 50;

impl Reader<'_> {
    /// Reads the collection that starts at `at`; returns what is behind it.
    pub(super) fn flow(&mut self, at: usize) -> Option<usize> {
        self.collection(at, 0)
    }

    fn collection(&mut self, start: usize, depth: usize) -> Option<usize> {
        if depth > MAX_DEPTH {
            return None;
        }
        let (kind, end) = match self.byte(start) {
            b'{' => (Kind::Mapping, b'}'),
            _ => (Kind::Sequence, b']'),
        };
        self.builder.open(kind, Style::Flow, 0, small(start), 0);
        let mut at = self.next_token(start + 1)?;
        while self.byte(at) != end {
            at = match kind {
                Kind::Mapping => self.pair(at, depth)?,
                _ => self.flow_node(at, depth)?,
            };
            at = self.next_token(at)?;
            match self.byte(at) {
                b',' => at = self.next_token(at + 1)?,
                byte if byte == end => {}
                _ => return None,
            }
        }
        self.builder.close(small(at + 1));
        Some(at + 1)
    }

    /// Reads a key with its value; returns what is behind them.
    fn pair(&mut self, at: usize, depth: usize) -> Option<usize> {
        let key = self.flow_scan(at)?;
        let colon = self.skip_blanks(key.end);
        if colon - at > MAX_KEY || at < self.line.start {
            return None;
        }
        self.scalar(&key);
        if self.byte(colon) != b':' || colon >= self.line.end {
            self.absent(Some(key.end));
            return Some(key.end);
        }
        if key.style == Style::Plain && matches!(self.byte(colon + 1), b'[' | b'{') {
            return None;
        }
        let value = self.next_token(colon + 1)?;
        if matches!(self.byte(value), b',' | b'}') {
            self.absent(Some(colon + 1));
            return Some(value);
        }
        self.flow_node(value, depth)
    }

    /// Reads a collection or scalar; returns what is behind it.
    fn flow_node(&mut self, at: usize, depth: usize) -> Option<usize> {
        if matches!(self.byte(at), b'[' | b'{') {
            return self.collection(at, depth + 1);
        }
        let scanned = self.flow_scan(at)?;
        self.scalar(&scanned);
        Some(scanned.end)
    }

    /// Looks for the end of the scalar that starts at `at`.
    fn flow_scan(&mut self, at: usize) -> Option<Scanned> {
        match self.byte(at) {
            b'\'' | b'"' => self.quoted(at),
            b'-' if is_flow(self.byte(at + 1)) => None,
            first if self.starts_plain(first, at) => {
                let end = (at + 1..self.line.end).find(|at| self.ends_plain(*at));
                let end = self.trimmed(at, end.unwrap_or(self.line.end));
                Some(Scanned::plain(at, end, None))
            }
            _ => None,
        }
    }

    /// True if what is at `at`, behind some text without quotes, is not part of it.
    fn ends_plain(&self, at: usize) -> bool {
        match self.byte(at) {
            b':' => self.is_apart(at + 1) || is_flow(self.byte(at + 1)),
            b'#' => is_blank(self.byte(at - 1)),
            byte => is_flow(byte),
        }
    }

    /// What comes next, behind blanks, line ends and comments; nothing if that is unusual.
    fn next_token(&mut self, from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            at = self.skip_blanks(at);
            if at >= self.line.end {
                if !self.advance() || self.is_marker() {
                    return None;
                }
                // Tabs in front of a line are fine in JSON, but no indentation within a block.
                if self.byte(self.line.first) == b'\t' && !self.open.is_empty() {
                    return None;
                }
                at = self.line.start;
            } else if self.byte(at) == b'#' {
                if at > self.line.start && !is_blank(self.byte(at - 1)) {
                    return None;
                }
                self.comment(at)?;
                at = self.line.end;
            } else {
                return Some(at);
            }
        }
    }
}

fn is_flow(byte: u8) -> bool {
    matches!(byte, b',' | b'[' | b']' | b'{' | b'}')
}
