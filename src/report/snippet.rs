//! The texts that miette shows parts of: all files of one finding as one, found through their line indexes.
//!
//! miette knows one text a report, and its own way to a line is a walk from the start of the text, which would
//! take quadratic time over many findings in a large file.

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use crate::source::{self, FileId, Files, SourceFile, Span};

/// Around a span in a line longer than this, only a part of the line is shown.
const LONG_LINE: usize = 400;

/// No more bytes than this are underlined at once.
const LONGEST: usize = 4 * LONG_LINE;

/// Nor more lines than this.
const MOST_LINES: usize = 12;

/// The files of one finding, laid end to end.
#[derive(Debug, Default)]
pub(super) struct Snippets<'a>(Vec<Part<'a>>);

/// A file, and where its text starts among the others.
#[derive(Debug)]
struct Part<'a> {
    id: FileId,
    file: &'a SourceFile,
    start: usize,
}

impl<'a> Snippets<'a> {
    /// Where `span` stands in the text of all files; the first file that is asked for comes first. `None` where
    /// there is no text to show, as of files that could not be read.
    pub(super) fn place(&mut self, files: &'a Files, span: Span) -> Option<SourceSpan> {
        let file = files.get(span.file);
        if file.text.is_empty() {
            return None;
        }
        let known = self.0.iter().find(|part| part.id == span.file).map(|part| part.start);
        let start = known.unwrap_or_else(|| {
            // A byte between two files, so that no offset belongs to both.
            let start = self.0.last().map_or(0, |last| last.start + last.file.text.len() + 1);
            self.0.push(Part { id: span.file, file, start });
            start
        });
        let (from, to) = shown(file, span);
        Some((start + from, to - from).into())
    }
}

/// As much of `span` as is underlined.
fn shown(file: &SourceFile, span: Span) -> (usize, usize) {
    let from = file.boundary(span.start as usize);
    let to = file.boundary(span.end as usize).max(from);
    let lines = file.line_index(to) - file.line_index(from);
    if lines < MOST_LINES && to - from <= LONGEST {
        return (from, to);
    }
    let line = file.first_line(span);
    (from, file.boundary((line.end as usize).min(from + LONG_LINE)))
}

impl SourceCode for Snippets<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let at = self.0.partition_point(|part| part.start <= span.offset()).saturating_sub(1);
        let part = self.0.get(at).ok_or(MietteError::OutOfBounds)?;
        let (file, text) = (part.file, part.file.printable());
        let start = file.boundary(span.offset() - part.start);
        let end = span.offset() - part.start + span.len();
        // miette also asks for what joins two spans, and shows them apart where that cannot be had.
        if end > text.len() || end - start > LONGEST {
            return Err(MietteError::OutOfBounds);
        }
        let (first, last) = (file.line_index(start), file.line_index(end));
        let top = first.saturating_sub(lines_before);
        let bottom = (last + lines_after).min(file.line_count() - 1);
        let (from, to) = (file.line_range(top).start, file.line_range(bottom).end);
        let (shown, lines) = if lines_before + lines_after == 0 {
            // Only the position is of interest then: it heads the snippet.
            (start..end, first..=last)
        } else if to - from > LONG_LINE * (2 + lines_before + lines_after) {
            let from = start.saturating_sub(LONG_LINE / 4).max(file.line_range(first).start);
            let to = (end + LONG_LINE / 4).min(file.line_range(last).end);
            (file.boundary(from)..file.boundary(to).max(end), first..=last)
        } else {
            (from..to, top..=bottom)
        };
        let column = file.position(u32::try_from(shown.start).unwrap_or(u32::MAX)).column - 1;
        let at = (part.start + shown.start, shown.len()).into();
        let count = lines.end() - lines.start() + 1;
        let data = &text.as_bytes()[shown];
        Ok(Box::new(if part.start == 0 {
            MietteSpanContents::new(data, at, *lines.start(), column, count)
        } else {
            let name = source::printable(&file.name).into_owned();
            MietteSpanContents::new_named(name, data, at, *lines.start(), column, count)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(snippets: &Snippets<'_>, span: SourceSpan) -> String {
        let shown = snippets.read_span(&span, 1, 1).unwrap();
        String::from_utf8(shown.data().to_vec()).unwrap()
    }

    #[test]
    fn a_long_line_is_shown_in_part() {
        let mut files = Files::default();
        let id = files.add("a", "é".repeat(100_000));
        let mut snippets = Snippets::default();
        let place = snippets.place(&files, Span::new(id, 100_001..100_003)).unwrap();
        assert!(read(&snippets, place).len() <= LONG_LINE);
        let all = snippets.place(&files, Span::new(id, 0..200_000)).unwrap();
        assert!(read(&snippets, all).len() <= 2 * LONG_LINE);
        assert!(snippets.read_span(&(10, 10_000).into(), 1, 1).is_err());
    }

    #[test]
    fn files_do_not_run_into_each_other() {
        let mut files = Files::default();
        let (a, b) = (files.add("a", "a: 1"), files.add("b", "b: 2\nc: 3\n"));
        let empty = files.add("c", "");
        let mut snippets = Snippets::default();
        let first = snippets.place(&files, Span::new(a, 4..4)).unwrap();
        let second = snippets.place(&files, Span::new(b, 0..1)).unwrap();
        assert_eq!(read(&snippets, first), "a: 1");
        assert_eq!(read(&snippets, second), "b: 2\nc: 3");
        assert_eq!(snippets.place(&files, Span::new(empty, 0..0)), None);
        let both = SourceSpan::from((0, second.offset() + 1));
        assert!(snippets.read_span(&both, 1, 1).is_err());
        assert!(Snippets::default().read_span(&(0, 0).into(), 1, 1).is_err());
    }
}
