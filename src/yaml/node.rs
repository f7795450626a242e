//! The arena that one file is read into, and the cursor that reads it.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::OnceLock;

use rustc_hash::FxBuildHasher;

use crate::source::{FileId, Span};
use crate::yaml::locate;
use crate::yaml::path::Parent;
pub use crate::yaml::path::Path;
use crate::yaml::resolve::{self, Scalar};

/// No node.
pub(super) const NONE: u32 = u32::MAX;

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A scalar; what a plain one means, [`Place::scalar`] says.
    Scalar,
    /// A mapping: children are keys and values in turn.
    Mapping,
    /// A sequence.
    Sequence,
    /// A `*alias`; places never stop on one.
    Alias,
}

/// How a node is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A scalar without quotes; of a collection: one by indentation.
    Plain,
    /// `'…'`
    SingleQuoted,
    /// `"…"`
    DoubleQuoted,
    /// `|`
    Literal,
    /// `>`
    Folded,
    /// A collection in brackets or braces.
    Flow,
}

/// The text of a scalar lies in [`Stream::owned`], since the source spells it otherwise.
pub(super) const OWNED: u8 = 1;
/// Tagged `!!str` or with a tag that Kubernetes' readers leave alone: a string, whatever it looks like.
pub(super) const STRING: u8 = 2;
/// A mapping with a `<<` key.
pub(super) const MERGES: u8 = 4;
/// Has an anchor or a tag in front of it.
pub(super) const PROPERTIES: u8 = 8;

/// One node. Nodes lie in the order in which they are written: a subtree is a contiguous range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) style: Style,
    pub(super) flags: u8,
    /// First byte in the source; of block scalars the `|` or `>`.
    pub(super) start: u32,
    /// Behind the last byte.
    pub(super) end: u32,
    /// Scalar: start of its text. Collection: first child. Alias: the node meant.
    pub(super) a: u32,
    /// Scalar: end of its text. Collection: number of children.
    pub(super) b: u32,
    /// The sibling behind it.
    pub(super) next: u32,
}

impl Node {
    /// A scalar at `range`, whose text is at `text`: of the source, or with [`OWNED`] of [`Stream::owned`].
    pub(super) fn scalar(style: Style, flags: u8, range: Range<u32>, text: Range<u32>) -> Self {
        Self {
            kind: Kind::Scalar,
            style,
            flags,
            start: range.start,
            end: range.end,
            a: text.start,
            b: text.end,
            next: NONE,
        }
    }

    /// A value that is not there, at the place where it would stand.
    pub(super) fn absent(flags: u8, at: u32) -> Self {
        Self::scalar(Style::Plain, flags, at..at, 0..0)
    }
}

/// Something in the text that is no YAML, or not what Kubernetes' readers take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it is noticed.
    pub span: Span,
    /// What it is, in a few words.
    pub message: String,
}

/// One document of a file that has content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) root: u32,
}

/// A file, read.
#[derive(Debug, Default)]
pub struct Stream<'t> {
    pub(super) file: Option<FileId>,
    /// The scalar whose text this is, for a file inside a file.
    pub(super) within: Option<Place<'t>>,
    pub(super) text: &'t str,
    pub(super) nodes: Vec<Node>,
    pub(super) owned: String,
    pub(super) comments: Vec<(u32, u32)>,
    pub(super) documents: Vec<Document>,
    /// Key nodes that repeat an earlier key of their mapping: (earlier, later).
    pub(super) duplicates: Vec<(u32, u32)>,
    /// What every node hangs on, made for the first one that asks.
    pub(super) parents: OnceLock<Vec<Parent>>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

impl<'t> Stream<'t> {
    /// A stream that nothing has been read into yet.
    pub(super) fn new(file: FileId, text: &'t str) -> Self {
        Self { file: Some(file), text, ..Self::default() }
    }

    /// The documents that have content, in order.
    pub fn documents(&self) -> impl ExactSizeIterator<Item = Place<'_>> {
        self.documents.iter().map(|document| Place {
            stream: self,
            key: NONE,
            node: self.resolve(document.root),
        })
    }

    /// The deepest key or value that byte `at` belongs to.
    pub fn innermost(&self, at: u32) -> Option<Place<'_>> {
        let behind = self.nodes.partition_point(|node| node.start <= at);
        let holds = |node: &Node| node.kind != Kind::Alias && at < node.end.max(node.start + 1);
        let found = self.nodes.get(..behind)?.iter().rposition(holds)?;
        Some(Place { stream: self, key: NONE, node: u32::try_from(found).ok()? })
    }

    /// The whole text.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// The file that it was read from.
    pub fn file(&self) -> FileId {
        self.file.unwrap_or(FileId::NONE)
    }

    /// Every comment, `#` included and line end excluded, in order.
    pub fn comments(&self) -> impl ExactSizeIterator<Item = (Span, &'t str)> {
        self.comments
            .iter()
            .map(|(start, end)| (self.span(*start, *end), self.source(*start, *end)))
    }

    /// Keys that one mapping has twice: the earlier and the later one.
    pub fn duplicate_keys(&self) -> impl Iterator<Item = (Place<'_>, Place<'_>)> {
        let place = |node| Place { stream: self, key: NONE, node };
        self.duplicates.iter().map(move |(first, later)| (place(*first), place(*later)))
    }

    /// The bytes of block scalars and of others that take several lines.
    pub fn long_scalars(&self) -> impl Iterator<Item = Span> {
        let long = self.nodes.iter().filter(|node| {
            node.kind == Kind::Scalar && self.source(node.start, node.end).contains('\n')
        });
        long.map(|node| self.span(node.start, node.end))
    }

    /// Number of nodes of all documents.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// True if no document has content.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The file itself, for a file inside a file: spans count in it.
    fn outermost(&self) -> &Stream<'_> {
        self.within.map_or(self, |scalar| scalar.stream.outermost())
    }

    pub(super) fn source(&self, start: u32, end: u32) -> &'t str {
        self.text.get(start as usize..end as usize).unwrap_or("")
    }

    pub(super) fn span(&self, start: u32, end: u32) -> Span {
        match self.within {
            Some(scalar) => scalar.part(start as usize..end as usize),
            None => Span { file: self.file(), start, end },
        }
    }

    pub(super) fn node(&self, id: u32) -> Node {
        const NOTHING: Node = Node {
            kind: Kind::Scalar,
            style: Style::Plain,
            flags: 0,
            start: 0,
            end: 0,
            a: 0,
            b: 0,
            next: NONE,
        };
        self.nodes.get(id as usize).copied().unwrap_or(NOTHING)
    }

    /// The node that `id` stands for, through aliases: their targets lie before them, so this ends.
    pub(super) fn resolve(&self, mut id: u32) -> u32 {
        while let Some(Node { kind: Kind::Alias, a, .. }) = self.nodes.get(id as usize) {
            id = *a;
        }
        id
    }

    /// The text of a scalar; of anything else none.
    pub(super) fn scalar_text(&self, node: Node) -> &str {
        if node.kind != Kind::Scalar {
            return "";
        }
        let text = if node.flags & OWNED == 0 { self.text } else { self.owned.as_str() };
        text.get(node.a as usize..node.b as usize).unwrap_or("")
    }
}

/// A value in a file, with the key that it stands under. Cheap to copy.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub(super) stream: &'a Stream<'a>,
    /// The key's node, [`NONE`] for items and documents.
    pub(super) key: u32,
    pub(super) node: u32,
}

impl std::fmt::Debug for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Place({} {:?})", self.path(), self.this().kind)
    }
}

impl PartialEq for Place<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.stream, other.stream) && self.node == other.node
    }
}

impl Eq for Place<'_> {}

impl<'a> Place<'a> {
    fn this(self) -> Node {
        self.stream.node(self.node)
    }

    /// The file that it lies in.
    pub fn file(self) -> FileId {
        self.stream.file()
    }

    /// The stream that it lies in.
    pub fn stream(self) -> &'a Stream<'a> {
        self.stream
    }

    /// True for a mapping.
    pub fn is_mapping(self) -> bool {
        self.this().kind == Kind::Mapping
    }

    /// True for a sequence.
    pub fn is_sequence(self) -> bool {
        self.this().kind == Kind::Sequence
    }

    /// True for a scalar, null included.
    pub fn is_scalar(self) -> bool {
        self.this().kind == Kind::Scalar
    }

    /// True for null: `null`, `~`, or nothing behind the key.
    pub fn is_null(self) -> bool {
        self.scalar() == Some(Scalar::Null)
    }

    /// How it is written.
    pub fn style(self) -> Style {
        self.this().style
    }

    /// The value of `key`; a null one counts as absent, as it does for the API server. Keys of merged (`<<`)
    /// mappings are found too; of a key that is there twice, the last one counts.
    pub fn get(self, key: &str) -> Option<Place<'a>> {
        self.entry(key).filter(|value| !value.is_null())
    }

    /// As [`Place::get`], but null is a value.
    pub fn entry(self, key: &str) -> Option<Place<'a>> {
        self.find(key, 0)
    }

    fn find(self, key: &str, depth: u32) -> Option<Place<'a>> {
        let node = self.this();
        let own = self.own_entries().filter(|(name, _)| name.text() == Some(key)).last();
        if own.is_some() || node.flags & MERGES == 0 || depth > MAX_MERGES {
            return own.map(|(_, value)| value);
        }
        self.merged().find_map(|source| source.find(key, depth + 1))
    }

    /// The mappings that `<<` names, the first one counting most.
    fn merged(self) -> impl Iterator<Item = Place<'a>> {
        let sources = self.own_entries().filter(|(key, _)| key.is_merge()).map(|(_, value)| value);
        sources.flat_map(|source| {
            let items: Vec<_> =
                if source.is_mapping() { vec![source] } else { source.items().collect() };
            items.into_iter().filter(|item| item.is_mapping())
        })
    }

    fn is_merge(self) -> bool {
        let node = self.this();
        node.style == Style::Plain && node.kind == Kind::Scalar && self.text() == Some("<<")
    }

    /// The value at `path`, such as `spec/template/spec`; a number is the index of an item.
    pub fn at(self, path: &str) -> Option<Place<'a>> {
        path.split('/').filter(|step| !step.is_empty()).try_fold(self, |place, step| {
            if place.is_sequence() {
                place.items().nth(step.parse().ok()?).filter(|item| !item.is_null())
            } else {
                place.get(step)
            }
        })
    }

    /// The deepest value on `path` that exists: where something missing is reported.
    #[must_use]
    pub fn nearest(self, path: &str) -> Place<'a> {
        let steps = path.split('/').filter(|step| !step.is_empty());
        let mut place = self;
        for step in steps {
            match place.get(step) {
                Some(next) => place = next,
                None => break,
            }
        }
        place
    }

    /// Keys and values as written, without merged ones; a key that is there twice comes twice.
    pub(super) fn own_entries(self) -> impl Iterator<Item = (Place<'a>, Place<'a>)> {
        let stream = self.stream;
        let node = self.this();
        let mut next = if node.kind == Kind::Mapping { node.a } else { NONE };
        std::iter::from_fn(move || {
            let key = next;
            let value = stream.nodes.get(key as usize)?.next;
            next = stream.nodes.get(value as usize)?.next;
            let name = Place { stream, key: NONE, node: stream.resolve(key) };
            Some((name, Place { stream, key, node: stream.resolve(value) }))
        })
    }

    /// Keys with their values, merged ones last and only where they are not overridden. Values may be null.
    pub fn entries(self) -> Vec<(&'a str, Place<'a>)> {
        let mut found = Vec::new();
        self.gather(&mut found, &mut HashSet::default(), 0);
        found
    }

    /// Adds the entries whose keys are not `known` from before.
    fn gather(
        self,
        found: &mut Vec<(&'a str, Place<'a>)>,
        known: &mut HashSet<&'a str, FxBuildHasher>,
        depth: u32,
    ) {
        let merges = self.this().flags & MERGES != 0;
        let before = found.len();
        for (key, value) in self.own_entries() {
            if let Some(name) = key.text()
                && !(merges && key.is_merge())
                && !known.contains(name)
            {
                found.push((name, value));
            }
        }
        if merges || depth > 0 {
            known.extend(found.iter().skip(before).map(|(name, _)| *name));
        }
        if merges && depth <= MAX_MERGES {
            self.merged().for_each(|source| source.gather(found, known, depth + 1));
        }
    }

    /// The items of a sequence; of anything else none.
    pub fn items(self) -> impl Iterator<Item = Place<'a>> {
        let stream = self.stream;
        let node = self.this();
        let mut next = if node.kind == Kind::Sequence { node.a } else { NONE };
        std::iter::from_fn(move || {
            let item = next;
            next = stream.nodes.get(item as usize)?.next;
            Some(Place { stream, key: NONE, node: stream.resolve(item) })
        })
    }

    /// The items of the sequence under `key`; none if there is no such sequence.
    pub fn list(self, key: &str) -> impl Iterator<Item = Place<'a>> {
        self.get(key).into_iter().flat_map(Place::items)
    }

    /// The text of a scalar, whatever its type.
    pub fn text(self) -> Option<&'a str> {
        let node = self.this();
        (node.kind == Kind::Scalar).then(|| self.stream.scalar_text(node))
    }

    /// The text of the scalar under `key`; of quantities, ports and others that may be string or number.
    pub fn text_of(self, key: &str) -> Option<&'a str> {
        self.get(key).and_then(Place::text)
    }

    /// The value of a scalar.
    pub fn scalar(self) -> Option<Scalar<'a>> {
        let node = self.this();
        if node.kind != Kind::Scalar {
            return None;
        }
        let text = self.stream.scalar_text(node);
        let plain = node.style == Style::Plain && node.flags & STRING == 0;
        Some(if plain { resolve::plain(text) } else { Scalar::Str(text) })
    }

    /// The text of a scalar that is a string.
    pub fn string(self) -> Option<&'a str> {
        match self.scalar()? {
            Scalar::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The value of an integer.
    pub fn int(self) -> Option<i64> {
        match self.scalar()? {
            Scalar::Int(value) => Some(value),
            #[expect(clippy::cast_possible_truncation, reason = "whole and small, as just checked")]
            Scalar::Float(value) if value.fract() == 0.0 && value.abs() < 9e15 => {
                Some(value as i64)
            }
            _ => None,
        }
    }

    /// The integer under `key`.
    pub fn int_of(self, key: &str) -> Option<i64> {
        self.get(key).and_then(Place::int)
    }

    /// A truth value.
    pub fn boolean(self) -> Option<bool> {
        match self.scalar()? {
            Scalar::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The bytes of the value itself.
    pub fn span(self) -> Span {
        let node = self.this();
        self.stream.span(node.start, node.end)
    }

    /// The bytes of its key, if it has one.
    pub fn key_span(self) -> Option<Span> {
        (self.key != NONE).then(|| {
            let key = self.stream.node(self.key);
            self.stream.span(key.start, key.end)
        })
    }

    /// The name of its key, if it has one.
    pub fn key(self) -> Option<&'a str> {
        (self.key != NONE).then(|| {
            let key = self.stream.node(self.stream.resolve(self.key));
            self.stream.scalar_text(key)
        })
    }

    /// Where a report about it points (rules.md 2.17): a scalar itself, the key of a mapping or sequence, the
    /// `name` of an item; of a document or an item without a name its first key. One line at the most.
    pub fn primary(self) -> Span {
        let span = match self.this().kind {
            Kind::Scalar if !self.this_is_empty() => self.span(),
            _ => match self.key_span() {
                Some(key) => key,
                None => match self.get("name").filter(|name| name.is_scalar()) {
                    Some(name) => name.span(),
                    None => self.first_span(),
                },
            },
        };
        self.first_line(span)
    }

    fn this_is_empty(self) -> bool {
        self.this().start == self.this().end
    }

    fn first_span(self) -> Span {
        let first_key = self.own_entries().next().map(|(key, _)| key.span());
        first_key.or_else(|| self.items().next().map(Place::first_span)).unwrap_or(self.span())
    }

    fn first_line(self, span: Span) -> Span {
        let text = self.stream.outermost().source(span.start, span.end);
        let line = text.split(['\n', '\r']).next().map_or(0, |line| line.trim_end().len());
        Span { end: span.start + u32::try_from(line).unwrap_or(0), ..span }
    }

    /// The bytes of a part of a scalar's text, given in bytes of [`Place::text`]: through quotes, escapes,
    /// folding and indentation. Of what has no text, the whole.
    pub fn part(self, range: Range<usize>) -> Span {
        let node = self.this();
        if node.kind != Kind::Scalar {
            return self.span();
        }
        let text = self.stream.scalar_text(node);
        let (start, end) = locate::part(self.stream.text, node, text, range);
        self.stream.span(start, end)
    }

    /// As [`Place::part`], cut at the end of its first line.
    pub fn part_line(self, range: Range<usize>) -> Span {
        self.first_line(self.part(range))
    }

    /// Its rank among the places of its file, which is that of their first bytes.
    pub fn order(self) -> u32 {
        self.node
    }

    /// True if it lies in a file inside a scalar of another: no fix reaches it.
    pub fn is_embedded(self) -> bool {
        self.stream.within.is_some()
    }
}

impl From<Place<'_>> for Span {
    /// Where a report about the place points.
    fn from(place: Place<'_>) -> Self {
        place.primary()
    }
}

/// Merges of merges of merges …, at the most.
const MAX_MERGES: u32 = 16;
