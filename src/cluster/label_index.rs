//! Which objects a selector matches, without looking at all of them.

use rustc_hash::FxHashMap;

use super::labels::{Labels, Selector};
use crate::yaml::Place;

/// Objects by their labels: a selector looks only at those that have its rarest pair.
#[derive(Debug, Default)]
pub(super) struct LabelIndex<'a> {
    labels: Vec<Labels<'a>>,
    pairs: FxHashMap<(&'a str, &'a str), Vec<usize>>,
}

impl<'a> LabelIndex<'a> {
    pub(super) fn new(labels: impl Iterator<Item = Labels<'a>>) -> Self {
        let labels: Vec<_> = labels.collect();
        let mut pairs: FxHashMap<_, Vec<usize>> = FxHashMap::default();
        for (index, labels) in labels.iter().enumerate() {
            for (key, value) in labels.iter() {
                if let Some(value) = value.text() {
                    pairs.entry((key, value)).or_default().push(index);
                }
            }
        }
        Self { labels, pairs }
    }

    /// The objects that have this label.
    pub(super) fn having(&self, key: &'a str, value: &'a str) -> &[usize] {
        self.pairs.get(&(key, value)).map_or(&[][..], Vec::as_slice)
    }

    /// Those of the `wanted` objects whose labels `selector` matches.
    pub(super) fn matching(
        &self,
        selector: &Selector<'a>,
        wanted: impl Fn(usize) -> bool,
    ) -> Vec<usize> {
        let having = |(key, value, _): &(&'a str, &'a str, Place<'a>)| self.having(key, value);
        let matches = |index: &usize| {
            self.labels.get(*index).is_some_and(|labels| selector.matches(*labels))
                && wanted(*index)
        };
        match selector.labels.iter().map(having).min_by_key(|found| found.len()) {
            Some(rarest) => rarest.iter().copied().filter(|index| matches(index)).collect(),
            None => (0..self.labels.len()).filter(|index| matches(index)).collect(),
        }
    }
}
