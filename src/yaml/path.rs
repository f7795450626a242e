//! Where a value is, in words: the way to it from the root of its document.

use crate::finding::{Step, Target};
use crate::source::FileId;
use crate::yaml::node::{Kind, NONE, Node, Place, Stream};

/// The way to a value, as Kubernetes' own messages write it: `spec.containers[0].name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(pub Vec<Step>);

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if key.contains(['.', '/', '[']) => write!(f, "[{key}]")?,
                Step::Key(key) if index == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(at) => write!(f, "[{at}]")?,
            }
        }
        Ok(())
    }
}

impl Place<'_> {
    /// The steps that lead to it from its document's root.
    pub fn path(self) -> Path {
        Path(self.target().path)
    }

    /// What a fix names it by; a key by its value. A file inside a file is out of reach: its target names no file.
    pub fn target(self) -> Target {
        let Stream { nodes, documents, .. } = self.stream;
        let parents = self.stream.parents.get_or_init(|| parents(nodes));
        let mut path = Vec::new();
        let mut at = self.node;
        while let Some(Parent { node, step }) = parents.get(at as usize).copied()
            && node != NONE
        {
            path.push(match self.stream.node(node).kind {
                Kind::Mapping => {
                    let key = self.stream.node(self.stream.resolve(step));
                    Step::Key(self.stream.scalar_text(key).to_owned())
                }
                _ => Step::Index(step as usize),
            });
            at = node;
        }
        path.reverse();
        let behind = documents.partition_point(|document| document.root <= self.node);
        let file = if self.is_embedded() { FileId::NONE } else { self.stream.file() };
        Target { file, document: behind.saturating_sub(1), path }
    }
}

/// What a node hangs on: the collection, and its index there or the node of its key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parent {
    node: u32,
    step: u32,
}

/// What every node hangs on.
fn parents(nodes: &[Node]) -> Vec<Parent> {
    let mut parents = vec![Parent { node: NONE, step: 0 }; nodes.len()];
    for (id, node) in (0..).zip(nodes) {
        let mapping = match node.kind {
            Kind::Mapping => true,
            Kind::Sequence => false,
            Kind::Scalar | Kind::Alias => continue,
        };
        let (mut child, mut index, mut key) = (node.a, 0, NONE);
        while let Some(slot) = parents.get_mut(child as usize) {
            if index % 2 == 0 {
                key = child;
            }
            *slot = Parent { node: id, step: if mapping { key } else { index } };
            child = nodes.get(child as usize).map_or(NONE, |node| node.next);
            index += 1;
        }
    }
    parents
}
