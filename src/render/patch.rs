//! `[[patch]]`: the user's own changes to finished objects.

use serde_json::Value;

use crate::finding::Finding;
use crate::finding::nearest;
use crate::openapi;
use crate::source::Span;
use crate::spec::Spec;
use crate::spec::tables::Patch;

use super::Manifest;

/// Applies every patch of `spec` in order and reports those that match nothing, fail, or break an object.
pub(super) fn apply(spec: &Spec, manifests: &mut [Manifest]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for patch in spec.doc.patch.iter().flat_map(|patches| patches.iter()) {
        let kinds: Vec<String> = manifests.iter().map(|manifest| manifest.kind.clone()).collect();
        let mut matched = false;
        for manifest in manifests.iter_mut().filter(|manifest| matches(patch, manifest)) {
            matched = true;
            findings.extend(change(patch, manifest));
        }
        if !matched {
            findings.push(unmatched(patch, &kinds));
        }
    }
    findings
}

fn matches(patch: &Patch, manifest: &Manifest) -> bool {
    *patch.target.kind == manifest.kind
        && patch.target.name.as_ref().is_none_or(|name| **name == manifest.name)
}

fn unmatched(patch: &Patch, kinds: &[String]) -> Finding {
    let (kind, at) = (&*patch.target.kind, patch.target.kind.span);
    let known = || kinds.iter().map(String::as_str);
    if let Some(name) = patch.target.name.as_ref().filter(|_| kinds.contains(kind)) {
        return Finding::error(
            "spec/unmatched-patch",
            name.span,
            format!("no {kind} is named `{}`", **name),
        )
        .help("leave `name` out to change every object of the kind");
    }
    let help = match nearest(kind, known()) {
        Some(near) => format!("did you mean `\"{near}\"`?"),
        None => format!("this service has {}", known().collect::<Vec<_>>().join(", ")),
    };
    Finding::error(
        "spec/unmatched-patch",
        at,
        format!("this patch matches nothing: there is no {kind}"),
    )
    .help(help)
}

fn change(patch: &Patch, manifest: &mut Manifest) -> Vec<Finding> {
    let mut object = manifest.object.clone();
    let mut at = patch.at;
    if let Some(merge) = &patch.merge {
        at = merge.key_span.unwrap_or(merge.span);
        json_patch::merge(&mut object, &merge.0.to_json());
    }
    for op in patch.ops.iter().flat_map(|ops| ops.iter()) {
        at = op.span;
        if let Err(error) = operate(&mut object, op.0.to_json()) {
            return vec![
                Finding::error("spec/failed-patch", at, format!("this operation fails on {} `{}`: {error}", manifest.kind, manifest.name))
                    .help("`slogen render --only` shows the object that the path must fit; `~1` stands for `/` inside a key"),
            ];
        }
    }
    let changed = Manifest::new(object);
    if (&changed.kind, &changed.api_version, &changed.name, &changed.namespace)
        != (&manifest.kind, &manifest.api_version, &manifest.name, &manifest.namespace)
    {
        return vec![
            Finding::error(
                "spec/failed-patch",
                at,
                "a patch cannot change what an object is or how it is named",
            )
            .help("names and namespaces follow from `service.name` and `service.namespace`"),
        ];
    }
    let broken = violations(&changed, at);
    *manifest = changed;
    broken
}

fn operate(object: &mut Value, op: Value) -> Result<(), String> {
    let patch: json_patch::Patch =
        serde_json::from_value(Value::Array(vec![op])).map_err(|error| error.to_string())?;
    json_patch::patch(object, &patch).map_err(|error| error.kind.to_string())
}

/// What the schema of the kind says against the changed object.
fn violations(manifest: &Manifest, at: Span) -> Vec<Finding> {
    let violations = openapi::validate(&manifest.kind, &manifest.api_version, &manifest.object);
    let report = |(_, message): (String, String)| {
        Finding::error(
            "spec/failed-patch",
            at,
            format!("after this patch {} `{}` is not valid", manifest.kind, manifest.name),
        )
        .here(message)
        .help("correct the path or the value; the API server would reject or drop it")
    };
    violations.into_iter().flatten().map(report).collect()
}
