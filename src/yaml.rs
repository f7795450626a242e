//! The only module that knows YAML text.
//!
//! Reading: text → an arena of nodes that know their bytes ([`parse`], [`node`]). A [`Place`] is a cursor in it;
//! a rule reads keys and values through it and never sees text or offsets. Writing: [`emit`]. Changing: [`edit`], held to what [`tree`] says.

mod build;
pub mod edit;
pub mod emit;
mod locate;
pub mod node;
mod parse;
pub mod resolve;
pub mod tree;

pub use node::{Place, Stream};
pub use parse::parse;
pub use resolve::Scalar;
