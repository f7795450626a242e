//! Input text, and positions in it.
//!
//! Every span names its file, so that one finding may point into slo.toml and into a profile at once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use miette::{MietteError, MietteSpanContents, SourceSpan, SpanContents};

/// The largest slo.toml or profile that is read, in bytes.
pub const MAX_BYTES: u64 = 1 << 20;

/// One file of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

impl FileId {
    /// No file: what texts have that nobody gave to [`Files::add`].
    pub const NONE: Self = Self(u32::MAX);
}

/// A range of bytes in one file, `start..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file that the offsets count in.
    pub file: FileId,
    /// Offset of the first byte.
    pub start: u32,
    /// Offset behind the last byte.
    pub end: u32,
}

impl Span {
    /// `range` of `file`; offsets beyond 4 GiB, which no accepted input has, stop there.
    pub fn new(file: FileId, range: std::ops::Range<usize>) -> Self {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { file, start: offset(range.start), end: offset(range.end) }
    }

    /// The empty span at the start of `file`: for problems of a file as a whole.
    pub fn start_of(file: FileId) -> Self {
        Self { file, start: 0, end: 0 }
    }
}

/// A position as people count: 1-based, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A text with its name and line index.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// The name to print: the path as the user gave it, or `profile NAME`.
    pub name: String,
    /// The whole text.
    pub text: Cow<'static, str>,
    /// Part of slogen, so that no user can change it.
    pub embedded: bool,
    /// Offset of each line's first byte.
    lines: Vec<usize>,
}

impl SourceFile {
    fn new(name: String, text: Cow<'static, str>) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect();
        Self {
            name,
            embedded: matches!(text, Cow::Borrowed(text) if !text.is_empty()),
            text,
            lines,
        }
    }

    /// The line of byte `offset`, from 0.
    fn line_index(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// The position of byte `offset`; one beyond the text is the text's end.
    pub fn position(&self, offset: u32) -> Position {
        let offset = self.boundary(offset as usize);
        let line = self.line_index(offset);
        let start = self.lines.get(line).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(0, |text| text.chars().count());
        Position { line: line + 1, column: column + 1 }
    }

    /// The text of `span`, empty where the span leaves the text.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// `offset` moved back to a character boundary inside the text.
    fn boundary(&self, offset: usize) -> usize {
        let mut at = offset.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    /// First and last byte of line `index` (from 0), its line end excluded.
    fn line(&self, index: usize) -> (usize, usize) {
        let start = self.lines.get(index).copied().unwrap_or(self.text.len());
        let end = self.lines.get(index + 1).map_or(self.text.len(), |next| next - 1);
        let carriage_return = self.text.get(start..end).is_some_and(|line| line.ends_with('\r'));
        (start, end - usize::from(carriage_return))
    }
}

/// Around a span in a line longer than this, only so many bytes each side are shown.
const LONG_LINE: usize = 400;

impl miette::SourceCode for SourceFile {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let start = self.boundary(span.offset());
        let end = self.boundary(span.offset() + span.len()).max(start);
        let (first, last) = (self.line_index(start), self.line_index(end));
        let top = first.saturating_sub(lines_before);
        let bottom = (last + lines_after).min(self.lines.len().saturating_sub(1));
        let (from, to) = (self.line(top).0, self.line(bottom).1);
        let (from, to, line) = if lines_before + lines_after == 0 {
            // Only the position is of interest then: it heads the snippet.
            (start, end, first)
        } else if to - from > LONG_LINE * (2 + lines_before + lines_after) {
            let from = self.boundary(start.saturating_sub(LONG_LINE / 4).max(self.line(first).0));
            let to =
                self.boundary((end + LONG_LINE / 4).min(self.line(last).1).min(from + LONG_LINE));
            (from, to.max(from), first)
        } else {
            (from, to, top)
        };
        let at = self.position(u32::try_from(from).unwrap_or(u32::MAX));
        Ok(Box::new(MietteSpanContents::new(
            &self.text.as_bytes()[from..to],
            (from, to - from).into(),
            line,
            at.column - 1,
            bottom - top + 1,
        )))
    }
}

/// All files of a run.
#[derive(Debug, Default)]
pub struct Files(Vec<SourceFile>);

impl Files {
    /// Adds a text under the name that reports shall show.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Cow<'static, str>>) -> FileId {
        let id = FileId(u32::try_from(self.0.len()).unwrap_or(u32::MAX));
        self.0.push(SourceFile::new(name.into(), text.into()));
        id
    }

    /// The same files in the same order, those of `texts` with another text.
    #[must_use]
    pub fn with(&self, texts: &BTreeMap<FileId, String>) -> Self {
        let file = |(id, file): (u32, &SourceFile)| match texts.get(&FileId(id)) {
            Some(text) => SourceFile::new(file.name.clone(), Cow::Owned(text.clone())),
            None => file.clone(),
        };
        Self((0..).zip(&self.0).map(file).collect())
    }

    /// The file that `add` gave this id to.
    pub fn get(&self, id: FileId) -> &SourceFile {
        static NONE: std::sync::LazyLock<SourceFile> =
            std::sync::LazyLock::new(|| SourceFile::new(String::new(), Cow::Borrowed("")));
        self.0.get(id.0 as usize).unwrap_or(&NONE)
    }

    /// Where `span` starts.
    pub fn position(&self, span: Span) -> Position {
        self.get(span.file).position(span.start)
    }

    /// The line on which `span` starts, from 1.
    pub fn line(&self, span: Span) -> usize {
        self.get(span.file).line_index(span.start as usize) + 1
    }

    /// `NAME:LINE` of a span, as the tables of `--why` show it.
    pub fn line_of(&self, span: Span) -> String {
        format!("{}:{}", self.get(span.file).name, self.line(span))
    }
}

/// Why a file could not be read; `Display` completes "cannot read X: …".
#[derive(Debug)]
pub enum ReadError {
    /// The system's own reason.
    Io(io::Error),
    /// A folder where a file is wanted.
    Directory,
    /// More than [`MAX_BYTES`].
    TooLarge,
    /// Not UTF-8, from this byte on.
    Binary(usize),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => match error.kind() {
                io::ErrorKind::NotFound => write!(f, "there is no such file"),
                io::ErrorKind::PermissionDenied => write!(f, "permission denied"),
                _ => write!(f, "{error}"),
            },
            Self::Directory => write!(f, "it is a directory"),
            Self::TooLarge => write!(f, "it is larger than 1 MiB"),
            Self::Binary(at) => write!(f, "it is not UTF-8 text (byte {at})"),
        }
    }
}

/// Reads a whole text file, `-` being standard input. Never reads more than [`MAX_BYTES`] and one.
pub fn read(path: &Path) -> Result<String, ReadError> {
    if path == Path::new("-") {
        return read_from(io::stdin().lock());
    }
    let file = File::open(path).map_err(ReadError::Io)?;
    if file.metadata().is_ok_and(|meta| meta.is_dir()) {
        return Err(ReadError::Directory);
    }
    read_from(file)
}

fn read_from(reader: impl Read) -> Result<String, ReadError> {
    let mut bytes = Vec::new();
    reader.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(ReadError::Io)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(ReadError::TooLarge);
    }
    String::from_utf8(bytes).map_err(|error| ReadError::Binary(error.utf8_error().valid_up_to()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let mut files = Files::default();
        let id = files.add("a", "ä = \"é\"\r\nb = 1\n");
        let at = |start: u32| files.position(Span { file: id, start, end: start }).to_string();
        assert_eq!(at(0), "1:1");
        assert_eq!(at(2), "1:2");
        assert_eq!(at(6), "1:6");
        assert_eq!(at(11), "2:1");
        assert_eq!(at(900), "3:1");
    }

    #[test]
    fn reading_stops_one_byte_above_the_limit() {
        let endless = io::repeat(b'#');
        assert!(matches!(read_from(endless), Err(ReadError::TooLarge)));
        let limit = io::repeat(b'#').take(MAX_BYTES);
        assert!(read_from(limit).is_ok());
        assert!(matches!(read_from(&b"ok \xff"[..]), Err(ReadError::Binary(3))));
    }

    #[test]
    fn a_long_line_is_shown_in_part() {
        use miette::SourceCode;
        let file = SourceFile::new("a".into(), "é".repeat(100_000).into());
        let shown = file.read_span(&(100_001, 2).into(), 1, 1).unwrap();
        assert!(shown.data().len() <= LONG_LINE);
        assert!(std::str::from_utf8(shown.data()).is_ok());
    }
}
