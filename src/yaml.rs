//! The only module that knows YAML text.
//!
//! Reading: text → an arena of nodes that know their bytes ([`parse`], [`node`]). A [`Place`] is a cursor in it;
//! a rule reads keys and values through it and never sees text or offsets. Writing: [`emit`]. Cutting out: [`excerpt`]. Changing: [`edit`], held to what [`tree`] says.

mod build;
pub mod edit;
pub mod emit;
pub mod excerpt;
mod fast;
mod fields;
mod head;
mod locate;
pub mod node;
mod parse;
mod path;
pub mod resolve;
pub mod tree;

pub use fields::Fields;
pub use head::comments_above;
pub use node::{Place, Problem, Stream};
pub use path::Path;
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
