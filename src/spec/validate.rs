//! What must hold between values: one file a section, each reporting all that it finds.

mod alerts;
mod availability;
mod keda;
mod metrics;
mod probes;
mod resources;
mod scaling;
mod service;
mod targets;

pub(crate) use availability::pdb_bound;
pub(crate) use probes::budget;

use super::decode::{Decoder, Map, Sourced};
use super::tables::{Document, Service};
use crate::finding::Finding;
use crate::finding::nearest;
use crate::source::Span;
use crate::tree::Layer;
use std::collections::HashMap;

/// Checks the whole description.
pub(super) fn document(doc: &Document, cx: &mut Decoder) {
    if let Some(extends) = &doc.extends {
        cx.report(
            Finding::error(
                "spec/unknown-key",
                extends.key_span.unwrap_or(extends.span),
                "`extends` belongs in profiles",
            )
            .help(format!("write `profile = \"{}\"` at the top of the file", **extends)),
        );
    }
    service::service(doc, cx);
    targets::targets(doc, cx);
    metrics::metrics(doc, cx);
    resources::resources(doc, cx);
    probes::probes(doc, cx);
    scaling::scaling(doc, cx);
    scaling::rollout(doc, cx);
    availability::availability(doc, cx);
    alerts::alerts(doc, cx);
    patches(doc, cx);
}

/// `spec/conflict`: values that are fine alone and wrong together.
fn conflict(at: Span, message: impl Into<String>) -> Finding {
    Finding::error("spec/conflict", at, message)
}

fn bad(at: Span, message: impl Into<String>) -> Finding {
    Finding::error("spec/bad-value", at, message)
}

/// Those of `candidates` that the last layer wrote; what an earlier one said is overruled.
pub(super) fn last_layer<T>(
    candidates: impl IntoIterator<Item = Option<(T, Layer, Span)>>,
) -> Vec<(T, Span)> {
    let written: Vec<_> = candidates.into_iter().flatten().collect();
    let last = written.iter().map(|(_, layer, _)| *layer).max();
    written
        .into_iter()
        .filter(|(_, layer, _)| Some(*layer) == last)
        .map(|(what, _, span)| (what, span))
        .collect()
}

pub(super) fn written<T>(
    value: Option<&Sourced<T>>,
    name: &'static str,
) -> Option<(&'static str, Layer, Span)> {
    value.map(|value| (name, value.layer, value.key_span.unwrap_or(value.span)))
}

/// Reports a table that needs exactly one of some keys.
fn exactly_one(at: Span, found: &[(&str, Span)], known: &str, cx: &mut Decoder) {
    match found {
        [_] => {}
        [] => cx.report(bad(at, format!("none of {known} is set")).help("set one of them")),
        [(first, place), (second, other), ..] => cx.report(
            conflict(*other, format!("`{first}` and `{second}` exclude each other"))
                .label(*place, "the other one")
                .help("keep one of them"),
        ),
    }
}

fn check_keys<T>(
    map: Option<&Sourced<Map<T>>>,
    what: &str,
    ok: fn(&str) -> bool,
    help: &str,
    cx: &mut Decoder,
) {
    for (key, value) in map.iter().flat_map(|map| map.iter()).filter(|(key, _)| !ok(key)) {
        let message = format!("`{key}` is not {what}");
        cx.report(
            Finding::error("spec/bad-name", value.key_span.unwrap_or(value.span), message)
                .help(help),
        );
    }
}

/// Reports the later one of two equal things.
fn unique<K: std::hash::Hash + Eq>(
    items: impl Iterator<Item = (K, Span, String)>,
    cx: &mut Decoder,
) {
    let mut seen: HashMap<K, Span> = HashMap::new();
    for (key, span, what) in items {
        if let Some(first) = seen.get(&key) {
            cx.report(
                conflict(span, format!("{what} is there twice"))
                    .label(*first, "first here")
                    .help("remove or rename one of the two"),
            );
        } else {
            seen.insert(key, span);
        }
    }
}

const LABEL_KEY: &str = "use `name` or `prefix/name`: at most 63 letters, digits, `-`, `_`, `.`, after a DNS name as prefix";

/// The name of the service's own port.
pub(crate) const HTTP: &str = "http";

/// Names of all declared ports.
fn port_names(service: &Service) -> Vec<&str> {
    std::iter::once(HTTP)
        .chain(service.ports.iter().flat_map(|list| list.iter()).map(|port| port.name.0.as_str()))
        .collect()
}

fn unknown_port(name: &str, span: Span, service: &Service) -> Finding {
    let names = port_names(service);
    let help = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `\"{near}\"`?"),
        None => format!("declare it: `service.ports = [{{ name = \"{name}\", port = … }}]`"),
    };
    Finding::error("spec/unknown-port", span, format!("no port is named `{name}`")).help(help)
}

/// The fewest pods that are meant to run.
fn floor(doc: &Document) -> Option<i32> {
    match &doc.scaling.replicas {
        Some(replicas) => Some(**replicas),
        None => doc.scaling.min.ok().copied(),
    }
}

fn patches(doc: &Document, cx: &mut Decoder) {
    for patch in doc.patch.iter().flat_map(|list| list.iter()) {
        let found = last_layer([
            written(patch.ops.as_ref(), "ops"),
            written(patch.merge.as_ref(), "merge"),
        ]);
        exactly_one(patch.at, &found, "`ops` and `merge`", cx);
    }
}
