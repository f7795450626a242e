//! From a target to the node that it names, and to what stands around that.

use std::ops::Range;

use super::page::Page;
use super::{Refused, comment};
use crate::finding::{Op, Step, Subject, Target};
use crate::yaml::Path;
use crate::yaml::Stream;
use crate::yaml::node::{Kind, MERGES, NONE, Node, Style};

/// A node with the way to it.
#[derive(Clone)]
pub(super) struct Spot {
    /// The node as written: it may be an alias.
    pub(super) node: u32,
    /// Its key; [`NONE`] for items and documents.
    pub(super) key: u32,
    /// Its place among the entries or items of its parent.
    pub(super) index: usize,
    pub(super) parent: Option<Box<Spot>>,
}

/// An entry or item.
#[derive(Clone, Copy)]
pub(super) struct Child {
    pub(super) key: u32,
    pub(super) node: u32,
}

/// The entries or items of a collection, as written.
pub(super) fn children(stream: &Stream<'_>, node: u32) -> Vec<Child> {
    let Node { kind, a: mut next, .. } = stream.node(node);
    let mut found = Vec::new();
    while matches!(kind, Kind::Mapping | Kind::Sequence) && next != NONE {
        let (key, node) = match kind {
            Kind::Mapping => (next, stream.node(next).next),
            _ => (NONE, next),
        };
        found.push(Child { key, node });
        next = stream.node(node).next;
    }
    found
}

impl<'a> Page<'a> {
    pub(super) fn node(self, id: u32) -> Node {
        self.stream.node(id)
    }

    pub(super) fn start(self, id: u32) -> usize {
        self.node(id).start as usize
    }

    pub(super) fn end(self, id: u32) -> usize {
        self.node(id).end as usize
    }

    pub(super) fn children(self, id: u32) -> Vec<Child> {
        children(self.stream, id)
    }

    /// The last node of the subtree of `node`.
    pub(super) fn last(self, mut node: u32) -> u32 {
        while let Some(child) = self.children(node).last() {
            node = child.node;
        }
        node
    }

    /// True for a mapping or sequence by indentation.
    pub(super) fn is_block(self, id: u32) -> bool {
        let node = self.node(id);
        matches!(node.kind, Kind::Mapping | Kind::Sequence) && node.style != Style::Flow
    }

    /// True for a value that is not there, such as that of `key:`.
    pub(super) fn is_absent(self, id: u32) -> bool {
        let node = self.node(id);
        node.kind == Kind::Scalar && node.style == Style::Plain && node.start == node.end
    }

    /// The name of a key, also of one that is an alias.
    pub(super) fn name(self, key: u32) -> Option<&'a str> {
        let node = self.node(self.stream.resolve(key));
        (node.kind == Kind::Scalar).then(|| self.stream.scalar_text(node))
    }

    /// The node that `target` names.
    pub(super) fn find(self, target: &Target) -> Result<Spot, Refused> {
        let Some(document) = self.stream.documents.get(target.document) else {
            return Refused::new("there is no such document");
        };
        let mut spot = Spot { node: document.root, key: NONE, index: 0, parent: None };
        for (depth, step) in target.path.iter().enumerate() {
            spot = self.enter(&spot, step).map_err(|reason| {
                let path = target.path.get(..=depth).unwrap_or_default().to_vec();
                Refused(format!("`{}` {reason}", Path(path)))
            })?;
        }
        Ok(spot)
    }

    /// The place of the first entry of `node` with this key.
    pub(super) fn named(self, node: u32, key: &str) -> Option<usize> {
        let mut children = self.children(node).into_iter();
        children.position(|child| child.key != NONE && self.name(child.key) == Some(key))
    }

    /// One step on.
    pub(super) fn enter(self, spot: &Spot, step: &Step) -> Result<Spot, &'static str> {
        let (index, child) = self.child(spot.node, step)?;
        let parent = Some(Box::new(spot.clone()));
        Ok(Spot { node: child.node, key: child.key, index, parent })
    }

    fn child(self, parent: u32, step: &Step) -> Result<(usize, Child), &'static str> {
        if self.node(parent).kind == Kind::Alias {
            return Err("is written elsewhere: an alias stands for it here");
        }
        let all = self.children(parent);
        let named = |child: &Child| match step {
            Step::Key(name) => child.key != NONE && self.name(child.key) == Some(name.as_str()),
            Step::Index(_) => child.key == NONE,
        };
        let mut found = all.into_iter().enumerate().filter(|(index, child)| {
            named(child) && !matches!(step, Step::Index(wanted) if wanted != index)
        });
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(only),
            (Some(_), Some(_)) => Err("is there twice"),
            _ if self.node(parent).flags & MERGES != 0 => Err("is not written here but merged in"),
            _ => Err("is not there"),
        }
    }
}

impl Spot {
    /// The spot itself, then what it lies in, up to the document.
    pub(super) fn chain(&self) -> impl Iterator<Item = &Spot> {
        std::iter::successors(Some(self), |spot| spot.parent.as_deref())
    }

    /// True if it lies in braces or brackets.
    pub(super) fn in_flow(&self, page: Page<'_>) -> bool {
        self.chain().skip(1).any(|spot| page.node(spot.node).style == Style::Flow)
    }
}

/// Refuses what would change values elsewhere: `op` inside of something that aliases stand for, or one that takes
/// an anchor away from them. A comment has to be one.
pub fn guard(stream: &Stream<'_>, op: &Op) -> Result<(), Refused> {
    let page = Page::new(stream);
    let spot = match op.subject() {
        Subject::Value(target) => page.find(target)?,
        Subject::Comment(part) => return comment::whole(page, part).map(|_| ()),
    };
    let own = !matches!(op, Op::Remove(_) | Op::Rename(..));
    let around: Vec<u32> = spot.chain().skip(usize::from(!own)).map(|spot| spot.node).collect();
    let first = if spot.key == NONE { spot.node } else { spot.key };
    let gone = match op {
        Op::Remove(_) => first..=page.last(spot.node),
        Op::Set(..) => spot.node..=page.last(spot.node),
        #[expect(clippy::reversed_empty_ranges, reason = "nothing goes")]
        _ => 1..=0,
    };
    let nodes = (0u32..).zip(&stream.nodes);
    for (alias, node) in nodes.filter(|(_, node)| node.kind == Kind::Alias) {
        let name = stream.source(node.start, node.end);
        if around.contains(&node.a) {
            return Refused::new(format!("`{name}` elsewhere stands for it too"));
        }
        if gone.contains(&node.a) && !gone.contains(&alias) {
            return Refused::new(format!("`{name}` elsewhere needs its anchor"));
        }
    }
    Ok(())
}

/// The lines that `op` may touch: those of its target and of what stands next to it; of that of a comment, what no
/// value stands in.
pub fn footprint(stream: &Stream<'_>, op: &Op) -> Result<Range<usize>, Refused> {
    let page = Page::new(stream);
    let spot = match op.subject() {
        Subject::Value(target) => page.find(target)?,
        Subject::Comment(part) => return comment::footprint(page, part),
    };
    let count = page.children(spot.node).len();
    // Where something is added, its place is behind the last one, or that of the null that it replaces.
    let (parent, index) = match op {
        Op::Insert(_, key, _) => (Some(&spot), page.named(spot.node, key).unwrap_or(count)),
        Op::Append(..) => (Some(&spot), count),
        _ => (spot.parent.as_deref(), spot.index),
    };
    let Some(parent) = parent else { return Ok(0..page.text.len()) };
    // The first one shares lines with what its collection stands behind.
    let opening = match parent.parent.as_deref() {
        Some(above) => page.extent(above, parent.index).map(|extent| extent.start),
        None => Some(page.start(parent.node)),
    };
    let previous = index.checked_sub(1).and_then(|before| page.extent(parent, before));
    let start = previous.map(|extent| extent.end).or(opening).unwrap_or(0);
    let next = page.extent(parent, index + 1).map(|extent| extent.start);
    let end = next.unwrap_or_else(|| page.kept_end(parent.key, parent.node));
    Ok(page.line_start(start)..page.next_line(end.max(start)))
}

/// The bytes that nothing of `op`'s target remains of: its comments may go with it.
pub fn remains(stream: &Stream<'_>, op: &Op) -> Option<Range<usize>> {
    let page = Page::new(stream);
    let spot = page.find(op.target()?).ok()?;
    match op {
        Op::Remove(_) => {
            let extent = page.extent(spot.parent.as_deref()?, spot.index)?;
            Some(extent.start..page.with_comment(extent.end))
        }
        Op::Set(..) if page.is_block(spot.node) => {
            let end = page.reach(spot.key, spot.node);
            Some(page.head(&spot).ok()?..page.with_comment(end))
        }
        Op::Set(..) => Some(page.start(spot.node)..page.end(spot.node)),
        _ => None,
    }
}

impl Page<'_> {
    /// Behind the comment that belongs to what ends at `end`, if there is one.
    fn with_comment(self, end: usize) -> usize {
        let line = self.line_end(end);
        let others = self.tokens(end..line).filter(|(_, c)| *c != ',').count();
        if others == 0 { line } else { end }
    }
}
