//! The only module that knows YAML text.
//!
//! Reading: text → an arena of nodes that know their bytes ([`parse`], [`node`]). A [`Place`] is a cursor in it;
//! a rule reads keys and values through it and never sees text or offsets. Writing: [`emit`].

mod build;
pub mod emit;
mod locate;
pub mod node;
mod parse;
pub mod resolve;

pub use node::{Place, Problem, Stream};
pub use parse::{parse, parse_inside};
pub use resolve::Scalar;
