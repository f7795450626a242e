//! Text → [`Stream`], with granit-parser: any YAML there is, and everything that turns out not to be.

use granit_parser::{Event, Marker, Parser, ScalarStyle, StructureStyle, Tag};

use crate::source::FileId;
use crate::yaml::build::Builder;
use crate::yaml::node::{Kind, Node, OWNED, PROPERTIES, STRING, Stream, Style};

/// Reads all documents of `text`. What cannot be read becomes a problem of the stream and hides nothing in the
/// documents around it.
pub(super) fn read(file: FileId, text: &str) -> Stream<'_> {
    let mut reader = Reader { text, builder: Builder::new(Stream::new(file, text)), behind: 0 };
    reader.read();
    reader.builder.stream
}

struct Reader<'t> {
    text: &'t str,
    builder: Builder<'t>,
    /// Behind the last token: where the header of a block scalar is looked for.
    behind: u32,
}

impl<'t> Reader<'t> {
    fn read(&mut self) {
        let options = granit_parser::options! {
            // As go-yaml and libyaml do.
            block_scalar_eof_without_line_feed: true,
            emit_unresolved_aliases: true,
            // A long comment block is not worth failing for.
            max_buffered_comment_events: 1 << 20,
            // JSON has keys of any length.
            simple_key_max_lookahead: 1 << 16,
        };
        let mut parser = Parser::new_from_str_with_options(self.text, options);
        self.builder.start_document();
        while let Some(next) = parser.next_event() {
            match next {
                Ok((Event::StreamEnd, _)) => break,
                Ok((event, span)) => self.event(event, &span),
                Err(error) => {
                    let at = self.offset(*error.marker());
                    let mut reason = error.kind().to_string();
                    if reason.is_empty() {
                        reason = error.info();
                    }
                    self.builder.problem(at..self.token_end(at), reason);
                    self.behind = at.max(self.behind);
                    self.builder.abandon();
                    match parser.proceed_next_document() {
                        Ok(true) => self.builder.start_document(),
                        Ok(false) | Err(_) => break,
                    }
                }
            }
        }
        self.builder.stream.comments.sort_unstable();
    }

    fn event(&mut self, event: Event<'t>, span: &granit_parser::Span) {
        let (start, end) = (self.offset(span.start), self.offset(span.end));
        match event {
            Event::DocumentStart(marked, _) => {
                self.builder.start_document();
                if !marked {
                    // Reported at what comes next.
                    return;
                }
            }
            Event::DocumentEnd => self.builder.end_document(),
            Event::Comment(..) => {
                self.builder.stream.comments.push((start, end));
                return;
            }
            Event::Scalar(value, style, anchor, tag) => {
                self.scalar(&value, style, anchor, tag.as_deref(), start..end);
            }
            Event::MappingStart(style, anchor, tag) => {
                let flags = properties(anchor, tag.is_some());
                self.builder.open(Kind::Mapping, structure(style), flags, start, anchor);
            }
            Event::SequenceStart(style, anchor, tag) => {
                let flags = properties(anchor, tag.is_some());
                let style = structure(style);
                // A sequence no deeper than its key is reported behind its first dash.
                let below_key = style == Style::Plain && self.builder.innermost().1;
                let start = self.dash(start).filter(|_| below_key).unwrap_or(start);
                self.builder.open(Kind::Sequence, style, flags, start, anchor);
                // The dash itself is still to come, for a first item that is absent.
                let opened = if style == Style::Flow { end } else { start };
                self.behind = opened.max(self.behind);
                return;
            }
            Event::MappingEnd | Event::SequenceEnd => {
                // A block's end is reported where the next token is.
                if self.builder.close(end) == Some(Style::Flow) {
                    self.behind = end.max(self.behind);
                }
                return;
            }
            Event::Alias(anchor) => self.builder.alias(start, end, anchor),
            Event::UnresolvedAlias(_) => self.builder.alias(start, end, 0),
            _ => return,
        }
        self.behind = end.max(self.behind);
    }

    fn scalar(
        &mut self,
        value: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        range: std::ops::Range<u32>,
    ) {
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted => Style::SingleQuoted,
            ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
        };
        let (mut start, mut end) = (range.start, range.end);
        let mut flags = properties(anchor, tag.is_some());
        if tag.is_some_and(is_string) {
            flags |= STRING;
        }
        let inner = match style {
            // An absent value is reported as `~` that is nowhere.
            Style::Plain if start == end => {
                self.builder.scalar(Node::absent(flags, self.absent(start)), anchor);
                return;
            }
            Style::SingleQuoted | Style::DoubleQuoted => (start + 1, end.saturating_sub(1)),
            Style::Literal | Style::Folded => {
                start = self.header(start);
                end = start + self.trimmed(start, end);
                (end, end)
            }
            _ => (start, end),
        };
        let (a, b) = if self.builder.stream.source(inner.0, inner.1) == value {
            inner
        } else {
            flags |= OWNED;
            let owned = &mut self.builder.stream.owned;
            let from = owned.len();
            owned.push_str(value);
            (small(from), small(owned.len()))
        };
        self.builder.scalar(Node::scalar(style, flags, start..end, a..b), anchor);
    }

    /// The `|` or `>` in front of a block scalar's content, which is all that the event tells.
    fn header(&self, content: u32) -> u32 {
        let between = self.builder.stream.source(self.behind, content);
        // Nothing but blank lines is between the header's line and the content.
        let lines = between.trim_end();
        let line = lines.rfind(['\n', '\r']).map_or(0, |at| at + 1);
        let mut before = b' ';
        for (at, byte) in lines.bytes().enumerate().skip(line) {
            let apart = matches!(before, b' ' | b'\t' | b':' | b'-');
            match byte {
                b'#' if apart => break,
                b'|' | b'>' if apart => return self.behind + small(at),
                _ => {}
            }
            before = byte;
        }
        content
    }

    /// Where a value that is not there would stand: behind the dash of its item or the colon of its key, else
    /// behind the last token.
    fn absent(&self, limit: u32) -> u32 {
        if let Some(dash) = self.dash(limit) {
            return dash + 1;
        }
        let rest = self.builder.stream.source(self.behind, small(self.text.len()));
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let colon = rest.get(blanks..).is_some_and(|rest| rest.starts_with(':'));
        let at = if colon { self.behind + small(blanks + 1) } else { self.behind.min(limit) };
        // Of a broken document in front of it, the last token is no measure.
        at.max(self.builder.innermost().0)
    }

    /// The dash that opens what is left of `limit` on its line, behind the last token.
    fn dash(&self, limit: u32) -> Option<u32> {
        let before = self.builder.stream.source(self.behind, limit);
        let line = before.rfind('\n').map_or(before, |at| &before[at + 1..]);
        let item = line.trim_start_matches([' ', '\t']);
        item.starts_with('-').then(|| limit - small(item.len()))
    }

    /// The length of `start..end` without the line ends and blanks behind it.
    fn trimmed(&self, start: u32, end: u32) -> u32 {
        small(self.builder.stream.source(start, end).trim_end().len())
    }

    fn offset(&self, mark: Marker) -> u32 {
        small(mark.byte_offset().unwrap_or(self.text.len()).min(self.text.len()))
    }

    /// Behind the character at `at`, or at it where its line ends.
    fn token_end(&self, at: u32) -> u32 {
        let rest = self.text.get(at as usize..).unwrap_or("");
        at + rest.chars().next().filter(|c| !c.is_control()).map_or(0, |c| small(c.len_utf8()))
    }
}

fn properties(anchor: usize, tagged: bool) -> u8 {
    if anchor > 0 || tagged { PROPERTIES } else { 0 }
}

fn structure(style: StructureStyle) -> Style {
    match style {
        StructureStyle::Flow => Style::Flow,
        StructureStyle::Block => Style::Plain,
    }
}

/// True for `!`, `!!str`, and tags that say nothing of a number, a truth value or null.
fn is_string(tag: &Tag) -> bool {
    !matches!(tag.core_suffix(), Some("int" | "float" | "bool" | "null"))
}

/// Files are bounded far below 4 GiB.
fn small(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{Place, Scalar};

    fn read(text: &str) -> Stream<'_> {
        crate::yaml::tests::both(text);
        super::read(FileId::NONE, text)
    }

    fn slice<'t>(stream: &Stream<'t>, place: Place<'_>) -> &'t str {
        stream.source(place.span().start, place.span().end)
    }

    #[test]
    fn values_know_their_bytes() {
        let text = concat!(
            "# head\na: 1 # one\nb: 'it''s'\nc: \"x\\ty\"\nd: |  # note\n  l1\n  l2\ne: >-\n  f1\n  f2\n\n",
            "f: [1, {g: h}]\ni:\n- j\n-   k: l\n    m:\nn: two\n   lines\n",
        );
        let stream = read(text);
        assert_eq!(stream.problems, []);
        let root = stream.documents().next().unwrap();
        for (path, value, source) in [
            ("a", "1", "1"),
            ("b", "it's", "'it''s'"),
            ("c", "x\ty", "\"x\\ty\""),
            ("d", "l1\nl2\n", "|  # note\n  l1\n  l2"),
            ("e", "f1 f2", ">-\n  f1\n  f2"),
            ("f/0", "1", "1"),
            ("f/1/g", "h", "h"),
            ("i/0", "j", "j"),
            ("i/1/k", "l", "l"),
            ("n", "two lines", "two\n   lines"),
        ] {
            let place = root.at(path).unwrap_or_else(|| panic!("{path}"));
            assert_eq!((place.text().unwrap(), slice(&stream, place)), (value, source), "{path}");
        }
        assert_eq!(slice(&stream, root.at("f").unwrap()), "[1, {g: h}]");
        assert_eq!(slice(&stream, root.at("i/1").unwrap()), "k: l\n    m:");
        assert!(root.at("i/1/m").is_none() && root.at("i/1").unwrap().entry("m").is_some());
        let comments: Vec<_> = stream.comments().map(|(_, text)| text).collect();
        assert_eq!(comments, ["# head", "# one", "# note"]);
        assert_eq!(root.at("f/1/g").unwrap().path().to_string(), "f[1].g");
        assert_eq!(root.at("i/1/k").unwrap().path().to_string(), "i[1].k");
    }

    #[test]
    fn one_broken_document_hides_nothing() {
        let stream = read("a: 1\n---\nb: [\n---\nc: 3\n--- # empty\n---\n{\"d\": 4}\n");
        assert_eq!(stream.problems.len(), 1);
        let found: Vec<_> =
            stream.documents().flat_map(Place::entries).map(|(key, _)| key).collect();
        assert_eq!(found, ["a", "c", "d"]);
    }

    #[test]
    fn merge_keys_anchors_and_duplicates() {
        let stream = read(
            "x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz:\n  <<: [*x, *y]\n  b: 5\n  b: 6\nl: *x\nk: &k [*k]\nu: *nope\n",
        );
        let root = stream.documents().next().unwrap();
        let z = root.get("z").unwrap();
        let value = |key| z.get(key).and_then(Place::int);
        assert_eq!((value("a"), value("b"), value("c")), (Some(1), Some(6), Some(4)));
        let keys: Vec<_> = z.entries().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["b", "b", "a", "c"]);
        assert_eq!(root.at("l/b").and_then(Place::int), Some(2));
        assert_eq!(stream.duplicate_keys().count(), 1);
        assert_eq!(stream.problems.len(), 2, "{:?}", stream.problems);
    }

    #[test]
    fn types() {
        let stream = read("a: yes\nb: 'yes'\nc: !!str 5\nd:\ne: 0644\nf: ~\n");
        let root = stream.documents().next().unwrap();
        let value = |key| root.entry(key).and_then(Place::scalar);
        assert_eq!(value("a"), Some(Scalar::Bool(true)));
        assert_eq!(value("b"), Some(Scalar::Str("yes")));
        assert_eq!(value("c"), Some(Scalar::Str("5")));
        assert_eq!(value("d"), Some(Scalar::Null));
        assert_eq!(value("e"), Some(Scalar::Int(420)));
        assert!(root.get("f").is_none());
    }

    #[test]
    fn parts_of_scalars_are_found_through_their_spelling() {
        let cases = [
            "q: sum by (pod) (x)\n",
            "q: |\n    sum by (pod)\n      (x)\n",
            "q: >-\n    histogram(\n    sum by (pod)\n    (x))\n",
            "q: \"a{b=\\\"c\\\"}\\n sum by (pod) (x)\"\n",
            "q: 'a{b=''c''} sum by (pod) (x)'\n",
            "q: \"two \\\n   lines sum by (pod)\n   (x)\"\n",
            "q: plain\n   over sum by (pod)\n   lines\n",
            "q: |\r\n  first\r\n  sum by (pod)\r\n",
            "q: |2\n    sum by (pod)\n",
            "q: >\n    one\n\n\n    two\n      more\n    sum by (pod)\n",
            "q: \"\\u00e9é\\U0001F600\\uD83D\\uDE00 sum by (pod)\"\n",
        ];
        for text in cases {
            let stream = read(text);
            let place = stream.documents().next().unwrap().get("q").unwrap();
            let value = place.text().unwrap();
            let at = value.find("by (pod)").unwrap_or_else(|| panic!("{text}: {value}"));
            let span = place.part(at..at + "by (pod)".len());
            assert_eq!(stream.source(span.start, span.end), "by (pod)", "{text}");
        }
    }

    #[test]
    fn hostile_input_ends_soon() {
        let nine = |level: usize| format!("*a{}, ", level - 1).repeat(9);
        let levels = (1..30).map(|level| format!("a{level}: &a{level} [{}]\n", nine(level)));
        let laughs = "a0: &a0 [x, x, x]\n".to_owned() + &levels.collect::<Vec<_>>().concat();
        let stream = read(&laughs);
        assert_eq!((stream.documents().len(), stream.problems.len()), (0, 1));
        for text in ["[".repeat(100_000), "{a: ".repeat(20_000), "- ".repeat(50_000)] {
            assert_eq!(read(&text).problems.len(), 1);
        }
        let deep: Vec<_> = (0..3000).map(|level| " ".repeat(level) + "a:").collect();
        let deep = deep.join("\n");
        assert_eq!(read(&deep).problems.len(), 1);
    }
}
