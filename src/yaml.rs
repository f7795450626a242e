//! The only module that knows YAML text.

pub mod emit;
