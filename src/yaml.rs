//! The only module that knows YAML text.
//!
//! Reading: text → an arena of nodes that know their bytes ([`parse`], [`node`]). A [`Place`] is a cursor in it;
//! a rule reads keys and values through it and never sees text or offsets. Writing: [`emit`]. Changing: [`edit`], held to what [`tree`] says.

mod build;
pub mod edit;
pub mod emit;
mod fast;
mod locate;
pub mod node;
mod parse;
pub mod resolve;
pub mod tree;

pub use node::{Place, Problem, Stream};
pub use resolve::Scalar;

use crate::source::FileId;

/// Reads all documents of `text`. What cannot be read becomes a problem of the stream and hides nothing in the
/// documents around it.
pub fn parse(file: FileId, text: &str) -> Stream<'_> {
    // Two readers, one tree: the fast one leaves all that is unusual to the other.
    fast::read(file, text).unwrap_or_else(|| parse::read(file, text))
}

/// Reads the text of a scalar as a file of its own, whose spans lead back to where the scalar spells them.
pub fn parse_inside(scalar: Place<'_>) -> Stream<'_> {
    let text = scalar.text().unwrap_or("");
    let mut stream = parse(scalar.file(), text);
    stream.within = Some(scalar);
    // Its own problems are not those of the file around it.
    stream.problems.clear();
    stream
}

#[cfg(test)]
mod tests {
    use super::Stream;

    mod manifests;
    mod readers;
    mod robustness;

    pub(super) fn assert_same(fast: &Stream<'_>, slow: &Stream<'_>) {
        assert_eq!(slow.problems, [], "{:?}", slow.text());
        assert_eq!(fast.nodes, slow.nodes, "{:?}", slow.text());
        assert_eq!(fast.owned, slow.owned, "{:?}", slow.text());
        assert_eq!(fast.comments, slow.comments, "{:?}", slow.text());
        assert_eq!(fast.documents, slow.documents, "{:?}", slow.text());
        assert_eq!(fast.duplicates, slow.duplicates, "{:?}", slow.text());
        assert_eq!(fast.problems, []);
    }
}
