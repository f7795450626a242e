//! The fields of a mapping as the API server sees them.

use crate::yaml::Place;
use crate::yaml::node::{Kind, MERGES, NONE};

/// Names and values: no null ones, merged (`<<`) ones that are not overridden, of a repeated name each.
#[derive(Debug)]
pub struct Fields<'a> {
    mapping: Place<'a>,
    /// The key that comes next.
    next: u32,
    /// Those of a mapping that merges others.
    gathered: std::vec::IntoIter<(&'a str, Place<'a>)>,
}

impl<'a> Place<'a> {
    /// The fields of a mapping; of anything else none.
    pub fn fields(self) -> Fields<'a> {
        let node = self.stream.node(self.node);
        let merges = node.flags & MERGES != 0;
        let next = if node.kind == Kind::Mapping && !merges { node.a } else { NONE };
        let gathered = if merges { self.entries() } else { Vec::new() };
        Fields { mapping: self, next, gathered: gathered.into_iter() }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a str, Place<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let stream = self.mapping.stream;
        while let Some(value) = stream.nodes.get(self.next as usize).map(|key| key.next) {
            let key = self.next;
            self.next = stream.node(value).next;
            let name = Place { stream, key: NONE, node: stream.resolve(key) };
            let value = Place { stream, key, node: stream.resolve(value) };
            if let Some(name) = name.text()
                && !value.is_null()
            {
                return Some((name, value));
            }
        }
        self.gathered.by_ref().find(|(_, value)| !value.is_null())
    }
}
