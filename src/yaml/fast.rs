//! Text → [`Stream`], line by line: the block style that manifests are written in, several times as fast as a
//! reader of all YAML.
//!
//! It reports nothing. At whatever it does not know for sure, and that is everything that might be an error, it
//! gives up with `None`, and the whole file is read by granit-parser. Where it does not give up, both build the
//! same stream.

mod flow;
mod scalar;

use memchr::memchr;

use crate::source::FileId;
use crate::yaml::build::Builder;
use crate::yaml::node::{Kind, Node, Stream, Style};

/// Blocks in blocks, at the most; granit-parser gives up at 255.
const MAX_DEPTH: usize = 100;
/// Bytes of a key; granit-parser refuses much longer ones.
const MAX_KEY: usize = 1000;
/// Comments of a file; granit-parser refuses more in a row.
const MAX_COMMENTS: usize = 1 << 20;
/// Bytes of source for one node, in manifests that have many.
const BYTES_PER_NODE: usize = 10;

/// Reads all documents of `text`, or gives up.
pub(super) fn read(file: FileId, text: &str) -> Option<Stream<'_>> {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() >= u32::MAX as usize || !is_ordinary(body) {
        return None;
    }
    let mut stream = Stream::new(file, text);
    stream.nodes.reserve(text.len() / BYTES_PER_NODE + 1);
    let mut reader = Reader {
        text,
        line: Line::default(),
        at: text.len() - body.len(),
        builder: Builder::new(stream),
        open: Vec::new(),
        rooted: false,
    };
    reader.read()?;
    let mut stream = reader.builder.stream;
    if stream.nodes.capacity() > stream.nodes.len() / 4 * 5 {
        stream.nodes.shrink_to_fit();
    }
    Some(stream)
}

/// True if `text` has printable characters only, no byte order mark, and carriage returns only at line ends.
fn is_ordinary(text: &str) -> bool {
    let common = |byte: u8| matches!(byte, b' '..=b'~' | b'\n' | b'\t');
    // Without an early end, so that it runs on many bytes at once.
    text.bytes().fold(true, |all, byte| all & common(byte))
        || text.lines().all(|line| line.chars().all(is_printable))
}

fn is_printable(c: char) -> bool {
    let rare = matches!(c, '\u{7f}'..='\u{9f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
    c == '\t' || (c >= ' ' && !rare)
}

/// Offsets of one line.
#[derive(Clone, Copy, Default)]
struct Line {
    start: usize,
    /// The first byte that is no space.
    first: usize,
    /// The line end.
    end: usize,
    /// Behind the line end.
    next: usize,
}

impl Line {
    fn is_blank(self) -> bool {
        self.first == self.end
    }

    fn indentation(self) -> usize {
        self.first - self.start
    }

    /// True for what is left when the text ends with a line end, and for a last line without one.
    fn is_last(self) -> bool {
        self.next == self.end
    }
}

/// An open block collection.
struct Block {
    kind: Kind,
    column: usize,
    /// A sequence no deeper than the key that it is the value of.
    hanging: bool,
    /// Behind a dash or colon whose value is still to come.
    waits: Option<usize>,
}

struct Reader<'t> {
    text: &'t str,
    /// The current line.
    line: Line,
    /// The start of the next one.
    at: usize,
    builder: Builder<'t>,
    open: Vec<Block>,
    /// The document has its root already.
    rooted: bool,
}

impl Reader<'_> {
    fn read(&mut self) -> Option<()> {
        self.builder.start_document();
        while self.advance() {
            let Line { start, first, .. } = self.line;
            match self.byte(first) {
                _ if self.line.is_blank() => {}
                b'#' => self.comment(first)?,
                b'\t' => return None,
                b'-' | b'.' if first == start && self.is_marker() => {
                    self.end_of_line(first + 3)?;
                    self.end_document();
                    self.builder.start_document();
                }
                _ => self.content()?,
            }
        }
        self.end_document();
        Some(())
    }

    /// The byte at `at`; behind the text a line end.
    fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or(b'\n')
    }

    fn slice(&self, from: usize, to: usize) -> &[u8] {
        self.text.as_bytes().get(from..to).unwrap_or_default()
    }

    /// The line that starts at `start`.
    fn line_at(&self, start: usize) -> Line {
        let rest = self.slice(start, self.text.len());
        let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
        let (end, next) = match memchr(b'\n', rest.get(spaces..).unwrap_or_default()) {
            None => (self.text.len(), self.text.len()),
            Some(length) => {
                let end = start + spaces + length;
                let returned = length > 0 && self.byte(end - 1) == b'\r';
                (end - usize::from(returned), end + 1)
            }
        };
        Line { start, first: start + spaces, end, next }
    }

    /// Goes to the next line, if there is one.
    fn advance(&mut self) -> bool {
        self.line = self.line_at(self.at);
        let more = self.at < self.text.len();
        self.at = self.line.next;
        more
    }

    /// The first byte from `at` on that is no blank; at most the line end.
    fn skip_blanks(&self, at: usize) -> usize {
        let rest = self.slice(at, self.line.end);
        at + rest.iter().take_while(|byte| is_blank(**byte)).count()
    }

    /// `to`, moved back over blanks, to `from` at most.
    fn trimmed(&self, from: usize, to: usize) -> usize {
        let blanks = self.slice(from, to).iter().rev().take_while(|byte| is_blank(**byte)).count();
        to - blanks
    }

    /// True where a blank or the line end is.
    fn is_apart(&self, at: usize) -> bool {
        at >= self.line.end || is_blank(self.byte(at))
    }

    fn is_dash(&self, at: usize) -> bool {
        self.byte(at) == b'-' && self.is_apart(at + 1)
    }

    /// True if the current line starts with `---` or `...`.
    fn is_marker(&self) -> bool {
        let start = self.line.start;
        matches!(self.slice(start, start + 3), b"---" | b"...") && self.is_apart(start + 3)
    }

    fn comment(&mut self, at: usize) -> Option<()> {
        let comments = &mut self.builder.stream.comments;
        comments.push((small(at), small(self.line.end)));
        (comments.len() < MAX_COMMENTS).then_some(())
    }

    /// Only blanks and a comment may follow on the line.
    fn end_of_line(&mut self, behind: usize) -> Option<()> {
        let at = self.skip_blanks(behind);
        if at >= self.line.end {
            Some(())
        } else if at > behind && self.byte(at) == b'#' {
            self.comment(at)
        } else {
            None
        }
    }

    /// Where the next thing on the line is; its end, if there is at most a comment.
    fn rest_of_line(&mut self, behind: usize) -> Option<usize> {
        let at = self.skip_blanks(behind);
        let ends = at >= self.line.end || (at > behind && self.byte(at) == b'#');
        if ends { self.end_of_line(behind).map(|()| self.line.end) } else { Some(at) }
    }

    fn end_document(&mut self) {
        while !self.open.is_empty() {
            self.close();
        }
        self.rooted = false;
        self.builder.end_document();
    }

    fn open(&mut self, kind: Kind, at: usize, column: usize, hanging: bool) -> Option<()> {
        self.builder.open(kind, Style::Plain, 0, small(at), 0);
        self.open.push(Block { kind, column, hanging, waits: None });
        (self.open.len() < MAX_DEPTH).then_some(())
    }

    /// Ends the innermost block.
    fn close(&mut self) {
        if let Some(block) = self.open.pop() {
            self.absent(block.waits);
            self.builder.close(0);
        }
    }

    fn absent(&mut self, at: Option<usize>) {
        if let Some(at) = at {
            self.builder.scalar(Node::absent(0, small(at)), 0);
        }
    }

    /// Reads a line that is neither blank, comment nor marker.
    fn content(&mut self) -> Option<()> {
        let (at, column) = (self.line.first, self.line.indentation());
        let dash = self.is_dash(at);
        while let Some(block) = self.open.last()
            && (block.column > column || (block.column == column && block.hanging && !dash))
        {
            self.close();
        }
        let Some(block) = self.open.last_mut() else {
            return if std::mem::replace(&mut self.rooted, true) {
                None
            } else {
                self.node(at, column)
            };
        };
        let waits = block.waits.take();
        if block.column < column {
            return waits.and_then(|_| self.node(at, column));
        }
        match (block.kind, dash) {
            (Kind::Sequence, true) => {
                self.absent(waits);
                self.item(at, column)
            }
            (Kind::Mapping, true) if waits.is_some() => {
                self.open(Kind::Sequence, at, column, true)?;
                self.item(at, column)
            }
            (Kind::Mapping, false) => {
                self.absent(waits);
                let key = self.scan(at)?;
                self.entry(&key)
            }
            _ => None,
        }
    }

    /// Reads what stands on its own: an item, an entry, or a value below its key.
    fn node(&mut self, at: usize, column: usize) -> Option<()> {
        if self.is_dash(at) {
            self.open(Kind::Sequence, at, column, false)?;
            return self.item(at, column);
        }
        if matches!(self.byte(at), b'[' | b'{' | b'|' | b'>') {
            return self.value(at);
        }
        let scalar = self.scan(at)?;
        if scalar.colon.is_some() {
            self.open(Kind::Mapping, at, column, false)?;
            self.entry(&scalar)
        } else {
            self.scalar_value(&scalar)
        }
    }

    /// Reads an item from its dash on.
    fn item(&mut self, dash: usize, column: usize) -> Option<()> {
        let at = self.rest_of_line(dash + 1)?;
        if at == self.line.end {
            self.open.last_mut()?.waits = Some(dash + 1);
            return Some(());
        }
        // Tabs are no indentation.
        let spaces = self.slice(dash + 1, at);
        if spaces.contains(&b'\t') { None } else { self.node(at, column + 1 + spaces.len()) }
    }

    /// Reads an entry whose key has been scanned.
    fn entry(&mut self, key: &scalar::Scanned) -> Option<()> {
        let behind = key.colon? + 1;
        if behind - key.start > MAX_KEY {
            return None;
        }
        self.scalar(key);
        let at = self.rest_of_line(behind)?;
        if at == self.line.end {
            self.open.last_mut()?.waits = Some(behind);
            return Some(());
        }
        self.value(at)
    }

    /// Reads what stands behind a key.
    fn value(&mut self, at: usize) -> Option<()> {
        match self.byte(at) {
            b'[' | b'{' => {
                let behind = self.flow(at)?;
                self.end_of_line(behind)
            }
            b'|' | b'>' => self.block_scalar(at),
            _ => {
                let scalar = self.scan(at)?;
                if scalar.colon.is_some() { None } else { self.scalar_value(&scalar) }
            }
        }
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Texts are shorter than 4 GiB, as checked once.
fn small(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}
