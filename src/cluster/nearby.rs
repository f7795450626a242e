//! Objects by a key, for those that share their namespace.

use std::hash::Hash;

use rustc_hash::FxHashMap;

use super::object::Object;
use crate::source::FileId;

/// Objects by a key, such as a name or a label, looked up from the namespace of another one.
#[derive(Debug)]
pub struct Nearby<'a, K> {
    found: FxHashMap<(Scope<'a>, K), Vec<usize>>,
}

/// What makes two objects share a namespace ([`Object::shares_namespace`]): the same one, or the same file where
/// only one of them sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Scope<'a> {
    Namespace(Option<&'a str>),
    /// Those with a namespace apart from those without.
    File(FileId, bool),
}

impl<'a, K: Copy + Eq + Hash> Nearby<'a, K> {
    /// The objects with their keys, numbered as they come.
    pub fn new<'o>(objects: impl Iterator<Item = (K, &'o Object<'a>)>) -> Self
    where
        'a: 'o,
    {
        let mut nearby = Self { found: FxHashMap::default() };
        for (index, (key, object)) in objects.enumerate() {
            nearby.add(key, object, index);
        }
        nearby
    }

    /// Adds what has the number `index` once more, by another key.
    pub fn add(&mut self, key: K, object: &Object<'a>, index: usize) {
        let file = Scope::File(object.root.file(), object.namespace.is_some());
        for scope in [Scope::Namespace(object.namespace), file] {
            self.found.entry((scope, key)).or_default().push(index);
        }
    }

    /// The numbers of those with this key that share the namespace of `object`.
    pub fn of(&self, key: K, object: &Object<'a>) -> impl Iterator<Item = usize> + Clone {
        let file = Scope::File(object.root.file(), object.namespace.is_none());
        let scopes = [Scope::Namespace(object.namespace), file];
        scopes.into_iter().filter_map(move |scope| self.found.get(&(scope, key))).flatten().copied()
    }

    /// The numbers of those with this key in exactly this namespace; `None` are those that set none.
    pub fn in_namespace(&self, key: K, namespace: Option<&'a str>) -> &[usize] {
        let found = self.found.get(&(Scope::Namespace(namespace), key));
        found.map_or(&[][..], Vec::as_slice)
    }
}

impl<K> Default for Nearby<'_, K> {
    fn default() -> Self {
        Self { found: FxHashMap::default() }
    }
}
