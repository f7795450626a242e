//! The text around nodes: lines, and what stands between them besides blanks and comments.

use std::ops::Range;

use crate::yaml::Stream;

/// The text of a stream, with questions that edits have.
#[derive(Clone, Copy)]
pub(super) struct Page<'a> {
    pub(super) stream: &'a Stream<'a>,
    pub(super) text: &'a str,
}

const BYTE_ORDER_MARK: char = '\u{feff}';

impl<'a> Page<'a> {
    pub(super) fn new(stream: &'a Stream<'a>) -> Self {
        Self { stream, text: stream.text() }
    }

    pub(super) fn slice(self, range: Range<usize>) -> &'a str {
        self.text.get(range).unwrap_or("")
    }

    /// Where the line of `at` starts, behind a byte order mark.
    pub(super) fn line_start(self, at: usize) -> usize {
        let start = self.slice(0..at).rfind('\n').map_or(0, |newline| newline + 1);
        let mark = self.slice(start..at).starts_with(BYTE_ORDER_MARK);
        start + if mark { BYTE_ORDER_MARK.len_utf8() } else { 0 }
    }

    /// Where the line of `at` ends, in front of its line end.
    pub(super) fn line_end(self, at: usize) -> usize {
        let rest = self.slice(at..self.text.len());
        let line = rest.split('\n').next().unwrap_or("");
        let ended = line.len() < rest.len();
        at + line.strip_suffix('\r').filter(|_| ended).unwrap_or(line).len()
    }

    /// Where the line behind that of `at` starts.
    pub(super) fn next_line(self, at: usize) -> usize {
        let newline = self.slice(at..self.text.len()).find('\n');
        newline.map_or(self.text.len(), |newline| at + newline + 1)
    }

    /// How the file ends its lines.
    pub(super) fn line_feed(self) -> &'static str {
        let first = self.text.find('\n').unwrap_or(0);
        if self.slice(0..first).ends_with('\r') { "\r\n" } else { "\n" }
    }

    /// `lines` as whole lines below that of `at`, with `indent` in front; the last line ends as the file does.
    pub(super) fn below(self, at: usize, lines: &[String], indent: usize) -> super::Edit {
        let feed = self.line_feed();
        let place = self.next_line(at);
        let lines = indented(lines, indent).join(feed);
        let open = place == self.text.len() && !self.text.ends_with('\n');
        super::Edit::insert(place, if open { feed.to_owned() + &lines } else { lines + feed })
    }

    /// All between blanks and comments, character by character.
    pub(super) fn tokens(self, range: Range<usize>) -> impl Iterator<Item = (usize, char)> {
        let start = range.start;
        let comments = &self.stream.comments;
        let mut next = comments.partition_point(|(_, end)| (*end as usize) <= start);
        let characters = self.slice(range).char_indices().map(move |(at, c)| (start + at, c));
        characters.filter(move |(at, c)| {
            while comments.get(next).is_some_and(|(_, end)| (*end as usize) <= *at) {
                next += 1;
            }
            let comment = comments.get(next).is_some_and(|(start, _)| (*start as usize) <= *at);
            !comment && !c.is_whitespace()
        })
    }

    /// Where the first token in `range` starts.
    pub(super) fn first(self, range: Range<usize>) -> Option<usize> {
        self.tokens(range).next().map(|(at, _)| at)
    }

    /// Where the last token in `range` ends.
    pub(super) fn last_end(self, range: Range<usize>) -> Option<usize> {
        self.tokens(range).last().map(|(at, c)| at + c.len_utf8())
    }

    /// True if only blanks, line ends and comments are in `range`.
    pub(super) fn is_empty(self, range: Range<usize>) -> bool {
        self.first(range).is_none()
    }

    /// The comment on the line of `at`, behind it.
    pub(super) fn comment_on_line(self, at: usize) -> Option<&'a str> {
        let line = at..self.line_end(at);
        let mut comments = self.stream.comments.iter();
        let found = comments.find(|(start, _)| line.contains(&(*start as usize)));
        found.map(|(start, end)| self.slice(*start as usize..*end as usize))
    }

    /// True if the first thing behind the line of `at` is a comment with blanks in front of it.
    pub(super) fn is_above_indented_comment(self, at: usize) -> bool {
        let below = self.next_line(at);
        let rest = self.slice(below..self.text.len());
        let next = below + rest.len() - rest.trim_start().len();
        rest.trim_start().starts_with('#') && !self.before(next).is_empty()
    }

    /// What stands in front of `at` on its line.
    pub(super) fn before(self, at: usize) -> &'a str {
        self.slice(self.line_start(at)..at)
    }

    /// True if `at` is the first on its line.
    pub(super) fn leads(self, at: usize) -> bool {
        self.before(at).bytes().all(|byte| matches!(byte, b' ' | b'\t'))
    }

    /// The column of `at`, if only blanks and dashes stand in front of it: the indentation of what starts there.
    pub(super) fn column(self, at: usize) -> Option<usize> {
        let before = self.before(at);
        let dashes = before.split(' ').all(|word| matches!(word, "" | "-"));
        (dashes && !before.ends_with('-')).then_some(before.len())
    }
}

/// `lines` with `indent` blanks in front of each that is not empty.
pub(super) fn indented(lines: &[String], indent: usize) -> Vec<String> {
    let blanks = " ".repeat(indent);
    let line = |line: &String| if line.is_empty() { String::new() } else { blanks.clone() + line };
    lines.iter().map(line).collect()
}
