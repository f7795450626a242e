//! The only module that knows YAML text.
//!
//! Reading: text → an arena of nodes that know their bytes ([`parse`], [`node`]). A [`Place`] is a cursor in it;
//! a rule reads keys and values through it and never sees text or offsets. Writing: [`emit`].

mod build;
pub mod emit;
mod fast;
mod locate;
pub mod node;
mod parse;
mod path;
pub mod resolve;

pub use node::{Place, Stream};
pub use resolve::Scalar;

use crate::source::FileId;

/// Reads all documents of `text`. What cannot be read becomes a problem of the stream and hides nothing in the
/// documents around it.
pub fn parse(file: FileId, text: &str) -> Stream<'_> {
    // Two readers, one tree: the fast one leaves all that is unusual to the other.
    fast::read(file, text).unwrap_or_else(|| parse::read(file, text))
}

#[cfg(test)]
mod tests {
    mod manifests;
    mod readers;
    mod robustness;

    pub(super) use readers::both;

    /// Calls `check` with every YAML file below `folder`.
    fn files(folder: &std::path::Path, check: &mut dyn FnMut(&std::path::Path, &str)) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, check);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                check(&path, &std::fs::read_to_string(&path).unwrap());
            }
        }
    }

    #[test]
    fn what_slogen_writes_is_read_fast() {
        let mut count = 0;
        let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        files(&golden, &mut |path, text| {
            assert!(both(text).is_some(), "{}", path.display());
            count += 1;
        });
        assert!(count > 50, "{count}");
    }
}
