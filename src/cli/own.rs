//! slogen lints what it renders before it writes it: an error there is a mistake of slo.toml that no key by itself
//! shows, and nearly always comes from a patch.

use std::sync::LazyLock;

use crate::config::{self, Overrides};
use crate::finding::{Finding, Severity};
use crate::lint::{self, Options, Source};
use crate::openapi::Schemas;
use crate::plan::Plan;
use crate::render::Manifest;
use crate::source::{Files, Span};
use crate::yaml;

/// What the recommended rules report as error of the `manifests` of a service, each at the key of slo.toml that
/// brings it about.
pub(super) fn errors(plan: &Plan<'_>, manifests: &[Manifest]) -> Vec<Finding> {
    static OPTIONS: LazyLock<Options> = LazyLock::new(|| Options {
        rules: config::resolve(&Files::default(), None, &Overrides::default()).0.rules,
        settings: crate::cluster::Settings::default(),
        schemas: Schemas::default(),
        ignores: true,
        today: None,
        rendered: true,
    });
    // slogen's own expressions are tested, and parsing hundreds of them takes longer than all the rest: they are
    // looked at where a patch may have changed them.
    let patched = |kind: &str| {
        let patches = plan.spec.doc.patch.iter().flat_map(|patches| patches.iter());
        patches.into_iter().any(|patch| *patch.target.kind == kind)
    };
    let looked_at = |manifest: &&Manifest| {
        !matches!(manifest.kind.as_str(), "PrometheusRule" | "ConfigMap") || patched(&manifest.kind)
    };
    let manifests: Vec<_> =
        manifests.iter().filter(looked_at).map(|manifest| &manifest.object).collect();
    // What cannot be written as YAML is reported when it is written.
    let Ok(text) = yaml::emit::stream(&manifests) else { return Vec::new() };
    let mut files = Files::default();
    let file = files.add("manifests", text);
    let declared = [lint::declare::declared(plan.spec)];
    let found = lint::lint(&files, &[Source { file, slo: Some(0) }], &declared, &OPTIONS).findings;
    let errors = found.into_iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| at_cause(&finding, plan)).collect()
}

fn at_cause(finding: &Finding, plan: &Plan<'_>) -> Finding {
    let (kind, name) =
        finding.object.as_ref().map_or(("", ""), |object| (&*object.kind, &*object.name));
    let patches = plan.spec.doc.patch.iter().flat_map(|patches| patches.iter());
    let patch = patches.into_iter().find(|patch| {
        *patch.target.kind == kind
            && patch.target.name.as_ref().is_none_or(|wanted| **wanted == name)
    });
    let span = patch.map_or_else(|| section(finding.rule, plan), |patch| patch.at);
    let message = format!("{kind} `{name}` would be wrong: {}", finding.message);
    let mut moved = Finding::error(finding.rule, span, message);
    if patch.is_some() {
        moved = moved.here("changed by this patch");
    }
    match &finding.help {
        Some(help) => moved.help(help),
        None => moved,
    }
}

/// The section of slo.toml that decides what the rules of a family look at.
fn section(rule: &str, plan: &Plan<'_>) -> Span {
    let doc = &plan.spec.doc;
    match rule.split('/').next() {
        Some("resources") => doc.resources.at,
        Some("probes") => doc.probes.at,
        Some("scaling" | "keda") => doc.scaling.at,
        Some("availability" | "rollout") => doc.availability.at,
        Some("monitoring") => doc.metrics.at,
        Some("alerts" | "slo") => doc.targets.at,
        _ => doc.service.name.span,
    }
}
