//! How many requests one pod takes at most, as the service's own environment says it.

use crate::source::Span;

use super::tables::{Document, EnvValue};

/// Variables such as `PREDICT_MAX_CONCURRENCY` with a number: name, place of the value, cap of one pod.
pub fn caps(doc: &Document) -> impl Iterator<Item = (&str, Span, u32)> {
    let variables = doc.service.env.iter().flat_map(|env| env.iter());
    variables.filter(|(name, _)| name.ends_with("MAX_CONCURRENCY")).filter_map(|(name, value)| {
        let EnvValue::Literal(text) = &**value else { return None };
        Some((name.as_str(), value.span, text.trim().parse().ok()?))
    })
}
