//! What other programs expect of slogen: their protocols, and the files that make them run it. Pure: texts in,
//! texts out.

pub mod function;
pub mod kustomize;
pub mod resource_list;
pub mod results;
pub mod snippets;
