//! The JSON Schemas of slogen's own documents: of slo.toml, profiles, the configuration and the report.

pub mod document;
