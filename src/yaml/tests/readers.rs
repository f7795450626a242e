//! The fast reader takes what manifests are made of, and reads it as the other one does.

use proptest::prelude::*;

use super::assert_same;
use super::manifests::{manifests, mutated};
use crate::source::FileId;
use crate::yaml::{Stream, fast, parse};

/// Reads `text` with both; none if the fast one gives up.
fn both(text: &str) -> Option<Stream<'_>> {
    let fast = fast::read(FileId::NONE, text)?;
    assert_same(&fast, &parse::read(FileId::NONE, text));
    Some(fast)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn manifests_are_read_fast_and_right(text in manifests()) {
        prop_assert!(both(&text).is_some(), "{text}");
    }

    #[test]
    fn slips_are_read_alike_or_left_to_the_other_reader(text in mutated()) {
        both(&text);
    }
}
