//! Input text, and positions in it.
//!
//! Every span names its file, so that one finding may point into slo.toml and into a profile at once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

/// The largest slo.toml or profile that is read, in bytes.
pub const MAX_BYTES: u64 = 1 << 20;

/// The SHA-256 of a text, in hexadecimal digits.
pub fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut digits, byte| {
        // Writing to a String cannot fail.
        let _ = fmt::Write::write_fmt(&mut digits, format_args!("{byte:02x}"));
        digits
    })
}

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
    pub fn new(file: FileId, range: Range<usize>) -> Self {
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

/// What a column counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes of UTF-8.
    Byte,
    /// Code units of UTF-16.
    Utf16,
    /// Characters, as [`SourceFile::position`] does.
    Char,
}

/// A text with its name.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// The name to print: the path as the user gave it, or `profile NAME`.
    pub name: String,
    /// The whole text.
    pub text: Cow<'static, str>,
    /// Part of slogen, so that no user can change it.
    pub embedded: bool,
    /// It came through a pipe: no file on disk is called so.
    pub piped: bool,
    /// Made on first use: most files of a run are never reported.
    index: OnceLock<Index>,
    /// [`printable`], made on first use; `None` where that is the text itself.
    printable: OnceLock<Option<String>>,
}

impl SourceFile {
    fn new(name: String, text: Cow<'static, str>) -> Self {
        Self {
            name,
            embedded: matches!(text, Cow::Borrowed(text) if !text.is_empty()),
            piped: false,
            text,
            index: OnceLock::new(),
            printable: OnceLock::new(),
        }
    }

    /// The name as other programs know the file: `/` between folders, no `./` at the start.
    pub fn path(&self) -> Cow<'_, str> {
        let name = if cfg!(windows) {
            Cow::Owned(self.name.replace('\\', "/"))
        } else {
            Cow::Borrowed(self.name.as_str())
        };
        match name.strip_prefix("./") {
            Some(path) => Cow::Owned(path.to_owned()),
            None => name,
        }
    }

    /// The text as [`printable`] makes it: every byte offset means the same in both.
    pub fn printable(&self) -> &str {
        let made = self.printable.get_or_init(|| match printable(&self.text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(text) => Some(text),
        });
        made.as_deref().unwrap_or(&self.text)
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| Index::new(self.text.as_bytes()))
    }

    /// How many lines there are; behind a last line end there is one more, which is empty.
    pub fn line_count(&self) -> usize {
        self.index().lines.len()
    }

    /// The line of byte `offset`, from 0.
    pub fn line_index(&self, offset: usize) -> usize {
        self.index().lines.partition_point(|start| *start as usize <= offset).saturating_sub(1)
    }

    /// The bytes of line `index` (from 0), its line end excluded.
    pub fn line_range(&self, index: usize) -> Range<usize> {
        let lines = &self.index().lines;
        let start = lines.get(index).map_or(self.text.len(), |start| *start as usize);
        let end = lines.get(index + 1).map_or(self.text.len(), |next| *next as usize - 1);
        let carriage_return = self.text.get(start..end).is_some_and(|line| line.ends_with('\r'));
        start..end - usize::from(carriage_return)
    }

    /// The position of byte `offset`; one beyond the text is the text's end.
    pub fn position(&self, offset: u32) -> Position {
        self.position_in(offset, Unit::Char)
    }

    /// The position of byte `offset`, its column counted in `unit`.
    pub fn position_in(&self, offset: u32, unit: Unit) -> Position {
        let offset = self.boundary(offset as usize);
        let line = self.line_index(offset);
        let start = self.line_range(line).start;
        let (from, to) = (self.before(start), self.before(offset));
        let before = match unit {
            Unit::Byte => offset - start,
            Unit::Utf16 => to.utf16 - from.utf16,
            Unit::Char => to.chars - from.chars,
        };
        Position { line: line + 1, column: before + 1 }
    }

    /// What stands before byte `offset`.
    fn before(&self, offset: usize) -> Count {
        let block = offset / BLOCK;
        let counted = self.index().blocks.get(block).copied().unwrap_or_default();
        counted.and(self.text.as_bytes().get(block * BLOCK..offset).unwrap_or_default())
    }

    /// The text of `span`, empty where the span leaves the text.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// As much of `span` as stands on its first line.
    pub fn first_line(&self, span: Span) -> Span {
        let start = self.boundary(span.start as usize);
        let line_end = self.line_range(self.line_index(start)).end;
        let end = self.boundary(span.end as usize).min(line_end).max(start);
        Span::new(span.file, start..end)
    }

    /// `offset` moved back to a character boundary inside the text.
    pub fn boundary(&self, offset: usize) -> usize {
        let mut at = offset.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

/// Bytes between two known counts: minified JSON is one line, and counting from its start for every finding
/// would take quadratic time.
const BLOCK: usize = 1024;

/// What turns offsets into positions.
#[derive(Clone, Debug)]
struct Index {
    /// Offset of each line's first byte.
    lines: Vec<u32>,
    /// What stands before each [`BLOCK`].
    blocks: Vec<Count>,
}

impl Index {
    fn new(text: &[u8]) -> Self {
        let behind = |at: usize| u32::try_from(at + 1).unwrap_or(u32::MAX);
        let lines = std::iter::once(0).chain(memchr::memchr_iter(b'\n', text).map(behind));
        let blocks = text.chunks(BLOCK).scan(Count::default(), |count, block| {
            *count = count.and(block);
            Some(*count)
        });
        Self {
            lines: lines.collect(),
            blocks: std::iter::once(Count::default()).chain(blocks).collect(),
        }
    }
}

/// How long a text is.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    chars: usize,
    utf16: usize,
}

impl Count {
    /// With `text` behind it, which may begin or end inside a character.
    fn and(self, text: &[u8]) -> Self {
        let chars = text.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        let pairs = text.iter().filter(|byte| **byte >= 0xF0).count();
        Self { chars: self.chars + chars, utf16: self.utf16 + chars + pairs }
    }
}

/// `text` without what a terminal obeys instead of showing it: control characters and marks that turn the
/// direction of writing. Each gives way to another character of as many bytes.
pub fn printable(text: &str) -> Cow<'_, str> {
    let obeyed = |at: usize, c: char| match c {
        '\n' | '\t' => false,
        '\r' => !text[at + 1..].starts_with('\n'),
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => true,
        _ => c.is_control(),
    };
    if !text.char_indices().any(|(at, c)| obeyed(at, c)) {
        return Cow::Borrowed(text);
    }
    let replaced = |(at, c): (usize, char)| match c.len_utf8() {
        _ if !obeyed(at, c) => c,
        1 => '?',
        2 => '·',
        _ => char::REPLACEMENT_CHARACTER,
    };
    text.char_indices().map(replaced).collect()
}

/// All files of a run.
#[derive(Clone, Debug, Default)]
pub struct Files(Vec<SourceFile>);

impl Files {
    /// Adds a text under the name that reports shall show.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Cow<'static, str>>) -> FileId {
        let id = FileId(u32::try_from(self.0.len()).unwrap_or(u32::MAX));
        self.0.push(SourceFile::new(name.into(), text.into()));
        id
    }

    /// As [`Files::add`], for a text that is in no file.
    pub fn add_piped(&mut self, name: impl Into<String>, text: String) -> FileId {
        let id = self.add(name, text);
        if let Some(file) = self.0.last_mut() {
            file.piped = true;
        }
        id
    }

    /// The same files in the same order, those of `texts` with another text.
    #[must_use]
    pub fn with(&self, texts: &BTreeMap<FileId, String>) -> Self {
        let file = |(id, file): (u32, &SourceFile)| match texts.get(&FileId(id)) {
            Some(text) => SourceFile {
                piped: file.piped,
                ..SourceFile::new(file.name.clone(), Cow::Owned(text.clone()))
            },
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
    /// More than this many bytes, which is the limit.
    TooLarge(u64),
    /// Not UTF-8, from this byte on.
    Binary(usize),
    /// Not in this folder, as [`Root`] wants it.
    Outside(PathBuf),
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
            Self::TooLarge(limit) => write!(f, "it is larger than {} MiB", limit >> 20),
            Self::Binary(at) => write!(f, "it is not UTF-8 text (byte {at})"),
            Self::Outside(root) => write!(f, "it is not in or below `{}`", root.display()),
        }
    }
}

/// Where files may lie.
#[derive(Clone, Debug, Default)]
pub enum Root {
    /// Anywhere.
    #[default]
    Anywhere,
    /// In or below this folder, links followed.
    Below(PathBuf),
}

impl Root {
    /// Fails for a file that may not be read, or is not there.
    pub fn check(&self, path: &Path) -> Result<(), ReadError> {
        let Self::Below(root) = self else { return Ok(()) };
        let root = root.canonicalize().map_err(ReadError::Io)?;
        if path.canonicalize().map_err(ReadError::Io)?.starts_with(&root) {
            Ok(())
        } else {
            Err(ReadError::Outside(root))
        }
    }

    /// As [`read`], from where files may lie.
    pub fn read(&self, path: &Path, limit: u64) -> Result<String, ReadError> {
        self.check(path)?;
        read(path, limit)
    }
}

/// Reads a whole text file, `-` being standard input. Never reads more than `limit` bytes and one.
pub fn read(path: &Path, limit: u64) -> Result<String, ReadError> {
    if path == Path::new("-") {
        return read_from(io::stdin().lock(), limit);
    }
    let file = File::open(path).map_err(ReadError::Io)?;
    if file.metadata().is_ok_and(|meta| meta.is_dir()) {
        return Err(ReadError::Directory);
    }
    read_from(file, limit)
}

/// Reads all of `reader`, but never more than `limit` bytes and one.
pub fn read_from(reader: impl Read, limit: u64) -> Result<String, ReadError> {
    let mut bytes = Vec::new();
    reader.take(limit + 1).read_to_end(&mut bytes).map_err(ReadError::Io)?;
    if bytes.len() as u64 > limit {
        return Err(ReadError::TooLarge(limit));
    }
    text(bytes)
}

/// The text that `bytes` are.
pub fn text(bytes: Vec<u8>) -> Result<String, ReadError> {
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
        assert!(matches!(read_from(endless, MAX_BYTES), Err(ReadError::TooLarge(MAX_BYTES))));
        let limit = io::repeat(b'#').take(MAX_BYTES);
        assert!(read_from(limit, MAX_BYTES).is_ok());
        assert!(matches!(read_from(&b"ok \xff"[..], MAX_BYTES), Err(ReadError::Binary(3))));
    }

    #[test]
    fn columns_count_what_is_asked_for() {
        let mut files = Files::default();
        // Longer than a block, so that counting starts from one of them.
        let text = format!("a\n{}x = \"€🦀\"\n", "ä🦀".repeat(BLOCK));
        let id = files.add("a", text.clone());
        let file = files.get(id);
        for (before, at) in [("", 2), ("ä", 4), ("ä🦀ä", 10)] {
            for (unit, columns) in [
                (Unit::Byte, before.len()),
                (Unit::Utf16, before.encode_utf16().count()),
                (Unit::Char, before.chars().count()),
            ] {
                assert_eq!(file.position_in(at, unit), Position { line: 2, column: columns + 1 });
            }
        }
        for at in [BLOCK - 1, BLOCK, 2 * BLOCK, 6 * BLOCK + 5, text.len() - 1] {
            let at = file.boundary(at);
            let column = text[2..at].chars().count() + 1;
            assert_eq!(file.position(u32::try_from(at).unwrap()).column, column);
        }
        let blocks = files.add("b", "b".repeat(2 * BLOCK));
        assert_eq!(files.get(blocks).position(u32::MAX).column, 2 * BLOCK + 1);
    }

    #[test]
    fn a_span_is_cut_at_the_end_of_its_line() {
        let mut files = Files::default();
        let id = files.add("a", "ab: |\r\n  c\n");
        let cut = |start, end| {
            let span = files.get(id).first_line(Span { file: id, start, end });
            (span.start, span.end)
        };
        assert_eq!(cut(4, 10), (4, 5));
        assert_eq!(cut(0, 2), (0, 2));
        assert_eq!(cut(6, 9), (6, 6));
        assert_eq!(cut(99, 120), (11, 11));
    }

    #[test]
    fn paths_are_what_other_programs_know() {
        let mut files = Files::default();
        let mut path = |name: &str| {
            let id = files.add(name, "");
            files.get(id).path().into_owned()
        };
        assert_eq!(path("./k8s/a.yaml"), "k8s/a.yaml");
        assert_eq!(path("../a.yaml"), "../a.yaml");
    }

    #[test]
    fn nothing_printable_moves_the_cursor() {
        assert!(matches!(printable("größe\r\n\t🦀"), Cow::Borrowed(_)));
        let evil = "a\u{1b}[2J\rb\r\n\u{9b}1m\u{202e}c";
        assert_eq!(printable(evil), "a?[2J?b\r\n·1m\u{fffd}c");
        assert_eq!(printable(evil).len(), evil.len());
    }

    #[test]
    fn files_are_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Files>();
    }
}
