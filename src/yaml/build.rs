//! Puts nodes into the arena. Both readers drive it, so that their trees cannot differ in what it decides.

use crate::source::Span;
use crate::yaml::node::{Document, Kind, MERGES, NONE, Node, Problem, Stream, Style};

/// The aliases of a document may stand for so many nodes.
const MAX_EXPANDED: u64 = 1_000_000;
/// Mappings with more keys than this look repeated ones up in a set.
const FEW_KEYS: usize = 24;

/// An open collection.
struct Open {
    node: u32,
    last: u32,
    children: u32,
    /// Nodes that it stands for, aliases followed.
    weight: u64,
    anchor: usize,
}

/// What an anchor names: its node, and how many nodes that stands for. Open until its end is read.
#[derive(Clone, Copy)]
struct Anchor {
    node: u32,
    weight: u64,
    open: bool,
}

/// Builds the documents of a stream.
pub(super) struct Builder<'t> {
    pub(super) stream: Stream<'t>,
    open: Vec<Open>,
    /// By anchor id; 0 is no anchor.
    anchors: Vec<Option<Anchor>>,
    /// State before the current document, to go back to when it turns out broken.
    before: (usize, usize, usize),
    root: u32,
    weight: u64,
    /// Reused, since every mapping needs it for a moment.
    keys: Vec<(u32, Node)>,
}

impl<'t> Builder<'t> {
    pub(super) fn new(stream: Stream<'t>) -> Self {
        Self {
            stream,
            open: Vec::new(),
            anchors: Vec::new(),
            before: (0, 0, 0),
            root: NONE,
            weight: 0,
            keys: Vec::new(),
        }
    }

    pub(super) fn start_document(&mut self) {
        self.before =
            (self.stream.nodes.len(), self.stream.owned.len(), self.stream.duplicates.len());
        self.open.clear();
        self.anchors.clear();
        self.root = NONE;
        self.weight = 0;
    }

    /// Ends a document; one without content leaves nothing behind.
    pub(super) fn end_document(&mut self) {
        let root = std::mem::replace(&mut self.root, NONE);
        let empty = root == NONE || {
            let node = self.stream.node(root);
            node.kind == Kind::Scalar && node.start == node.end
        };
        let written = (self.stream.nodes.len() - self.before.0) as u64;
        if empty {
            self.abandon();
        } else if self.weight > MAX_EXPANDED + written {
            let start = self.stream.node(root).start;
            self.problem(
                start..start,
                format!("its aliases stand for more than {MAX_EXPANDED} nodes"),
            );
            self.abandon();
        } else {
            self.stream.documents.push(Document { root });
        }
    }

    /// Forgets the current document.
    pub(super) fn abandon(&mut self) {
        let (nodes, owned, duplicates) = self.before;
        self.stream.nodes.truncate(nodes);
        self.stream.owned.truncate(owned);
        self.stream.duplicates.truncate(duplicates);
        self.open.clear();
        self.root = NONE;
    }

    /// Where the innermost open collection starts, and whether the value of a key comes next in it.
    pub(super) fn innermost(&self) -> (u32, bool) {
        self.open.last().map_or((0, false), |open| {
            let node = self.stream.node(open.node);
            (node.start, node.kind == Kind::Mapping && open.children % 2 == 1)
        })
    }

    pub(super) fn problem(&mut self, range: std::ops::Range<u32>, message: String) {
        let span = Span { file: self.stream.file(), start: range.start, end: range.end };
        self.stream.problems.push(Problem { span, message });
    }

    /// Adds a scalar. `anchor` is its id, or 0.
    pub(super) fn scalar(&mut self, node: Node, anchor: usize) {
        let id = self.push(node, 1);
        self.remember(anchor, id, 1, false);
    }

    pub(super) fn open(&mut self, kind: Kind, style: Style, flags: u8, start: u32, anchor: usize) {
        let node = Node { kind, style, flags, start, end: start, a: NONE, b: 0, next: NONE };
        let id = self.push(node, 0);
        self.remember(anchor, id, 0, true);
        self.open.push(Open { node: id, last: NONE, children: 0, weight: 1, anchor });
    }

    /// Ends the innermost collection; `end` counts for flow collections, a block ends with its last child.
    /// Returns its style.
    pub(super) fn close(&mut self, end: u32) -> Option<Style> {
        let open = self.open.pop()?;
        let style = self.stream.node(open.node).style;
        let last_end = self.stream.nodes.get(open.last as usize).map(|last| last.end);
        if let Some(node) = self.stream.nodes.get_mut(open.node as usize) {
            node.b = open.children;
            node.end = match node.style {
                Style::Flow => end,
                _ => last_end.unwrap_or(node.start),
            };
            if node.kind == Kind::Mapping {
                self.find_duplicates(open.node);
            }
        }
        self.remember(open.anchor, open.node, open.weight, false);
        match self.open.last_mut() {
            Some(parent) => parent.weight = parent.weight.saturating_add(open.weight),
            None => self.weight = open.weight,
        }
        Some(style)
    }

    /// Adds an alias to the anchor with this id.
    pub(super) fn alias(&mut self, start: u32, end: u32, anchor: usize) {
        match self.anchors.get(anchor).copied().flatten() {
            Some(Anchor { node, weight, open: false }) => {
                let node = Node {
                    kind: Kind::Alias,
                    style: Style::Plain,
                    flags: 0,
                    start,
                    end,
                    a: node,
                    b: 0,
                    next: NONE,
                };
                self.push(node, weight);
            }
            known => {
                let message = match known {
                    Some(_) => "the alias stands inside what it names",
                    None => "no anchor before it has this name",
                };
                self.problem(start..end, message.to_owned());
                self.push(Node::absent(0, start), 1);
            }
        }
    }

    fn remember(&mut self, anchor: usize, node: u32, weight: u64, open: bool) {
        if anchor > 0 {
            if self.anchors.len() <= anchor {
                self.anchors.resize(anchor + 1, None);
            }
            self.anchors[anchor] = Some(Anchor { node, weight, open });
        }
    }

    fn push(&mut self, node: Node, weight: u64) -> u32 {
        let id = u32::try_from(self.stream.nodes.len()).unwrap_or(NONE);
        self.stream.nodes.push(node);
        match self.open.last_mut() {
            None => {
                self.root = id;
                self.weight = weight;
            }
            Some(parent) => {
                parent.weight = parent.weight.saturating_add(weight);
                let last = std::mem::replace(&mut parent.last, id);
                let link = if last == NONE {
                    self.stream.nodes.get_mut(parent.node as usize).map(|node| &mut node.a)
                } else {
                    self.stream.nodes.get_mut(last as usize).map(|node| &mut node.next)
                };
                if let Some(link) = link {
                    *link = id;
                }
                parent.children += 1;
            }
        }
        id
    }

    /// Notes the keys of `mapping` that are there twice, and whether it merges others.
    fn find_duplicates(&mut self, mapping: u32) {
        let mut keys = std::mem::take(&mut self.keys);
        keys.clear();
        let mut at = self.stream.node(mapping).a;
        while at != NONE {
            let key = self.stream.node(at);
            // Several `<<` are one list of merges to go-yaml, not a repetition.
            if key.kind == Kind::Scalar && self.stream.scalar_text(key) == "<<" {
                if let Some(node) = self.stream.nodes.get_mut(mapping as usize) {
                    node.flags |= MERGES;
                }
            } else if key.kind == Kind::Scalar {
                keys.push((at, key));
            }
            at = self.stream.node(key.next).next;
        }
        let stream = &self.stream;
        let text = |node: &Node| stream.scalar_text(*node);
        let mut found = Vec::new();
        if keys.len() <= FEW_KEYS {
            for (index, (later, key)) in keys.iter().enumerate() {
                let mut earlier = keys[..index].iter().filter(|(_, e)| e.b - e.a == key.b - key.a);
                if let Some((first, _)) = earlier.find(|(_, e)| text(e) == text(key)) {
                    found.push((*first, *later));
                }
            }
        } else {
            let mut known = rustc_hash::FxHashMap::default();
            for (id, key) in &keys {
                let first = *known.entry(text(key)).or_insert(*id);
                if first != *id {
                    found.push((first, *id));
                }
            }
        }
        self.stream.duplicates.extend(found);
        self.keys = keys;
    }
}
