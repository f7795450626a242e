use std::collections::BTreeMap;

use crate::finding::nearest;
use crate::openapi::{self, is_built_in};
use crate::rules::conformity::api_version;
use crate::rules::prelude::*;

declare_rule! {
    /// Nothing is known of an object's kind, so it is not checked.
    ///
    /// ## Why
    /// A kind that Kubernetes' own groups do not have, such as `apps/v1` `Deploymnt` or `v1` `Deployment`, is an error: "no
    /// matches for kind". Of other groups, nothing but their CRD can tell what an object may hold; each such kind is
    /// mentioned once. `--crd` or `crds` name files and folders with CRDs; with `--strict-kinds` or
    /// `strict_kinds = true` a kind without one is an error.
    ///
    /// ```yaml,bad
    /// apiVersion: v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// ```
    /// ```yaml,good
    /// apiVersion: apiextensions.k8s.io/v1
    /// kind: CustomResourceDefinition
    /// metadata: { name: cats.example.com }
    /// spec:
    ///   group: example.com
    ///   scope: Namespaced
    ///   names: { kind: Cat, plural: cats }
    ///   versions:
    ///   - name: v1
    ///     served: true
    ///     storage: true
    ///     schema: { openAPIV3Schema: { type: object } }
    /// ---
    /// apiVersion: example.com/v1
    /// kind: Cat
    /// metadata: { name: tom }
    /// ```
    "schema/unknown-kind" pub struct UnknownKind {}
    severity: Info, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("is about kinds that the API server does not serve"),
}

impl Rule for UnknownKind {
    fn check(&self, cx: &mut Ctx<'_>) {
        let (cluster, conformity) = (cx.cluster, cx.conformity);
        let mut kinds: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for object in conformity.unknown().filter_map(|index| cluster.objects().get(index)) {
            if let Some(version) = api_version(object).filter(|version| !is_placeholder(version)) {
                kinds.entry((version, object.kind_name)).or_default().push(object);
            }
        }
        for ((version, kind), objects) in kinds {
            if version == "builtin" {
                // kustomize's own name for what is part of it.
                continue;
            }
            if is_built_in(version) {
                for object in objects {
                    nowhere(cx, object, version, kind);
                }
            } else if let Some(first) = objects.first() {
                unchecked(cx, first, version, kind, objects.len());
            }
        }
        for (index, reason) in conformity.unreadable() {
            if let Some(object) = cluster.objects().get(index) {
                let kind = object.kind_name;
                cx.report(
                    object,
                    spot(object),
                    format!("the schema of {kind} cannot be used: {reason}"),
                )
                .here("not checked")
                .help("correct `openAPIV3Schema` in its CRD");
            }
        }
    }
}

fn spot<'a>(object: &Object<'a>) -> Place<'a> {
    object.root.get("kind").unwrap_or(object.root)
}

/// A kind that no API server has.
fn nowhere(cx: &mut Ctx<'_>, object: &Object<'_>, version: &str, kind: &str) {
    let known = || openapi::kinds().map(|(name, _)| name);
    let elsewhere: Vec<_> =
        openapi::kinds().filter(|(name, _)| *name == kind).map(|(_, version)| version).collect();
    let report = cx.report(object, spot(object), format!("`{version}` has no kind `{kind}`"));
    let report = report.severity(Error).here("no matches for this kind");
    match (elsewhere.first(), nearest(kind, known())) {
        (Some(other), _) => report.help(format!("write `apiVersion: {other}`")),
        (None, Some(near)) => report.help(format!("did you mean `{near}`?")),
        (None, None) => report.help("`kubectl api-resources` lists the kinds of a cluster"),
    };
}

fn unchecked(cx: &mut Ctx<'_>, object: &Object<'_>, version: &str, kind: &str, count: usize) {
    let strict = cx.cluster.settings.strict_kinds;
    let what =
        if count == 1 { "its object is".to_owned() } else { format!("its {count} objects are") };
    cx.report(
        object,
        spot(object),
        format!("`{version}` `{kind}` is not known, {what} not checked"),
    )
    .severity(if strict { Error } else { Info })
    .here("a kind without a schema")
    .help("name its CRD with `--crd`, or in `crds` of the configuration");
}

cases! {
    once_a_kind: "apiVersion: example.com/v1\nkind: Cat\nmetadata: {name: a}\n---\napiVersion: example.com/v1\nkind: Cat\nmetadata: {name: b}\n---\napiVersion: example.com/v2\nkind: Cat\nmetadata: {name: b}\n"
        => ["2:7", "10:7"],
    misspelt: "apiVersion: apps/v1\nkind: Deploymnt\nmetadata: {name: a}\n---\napiVersion: apps/v9\nkind: Deployment\nmetadata: {name: a}\n"
        => ["2:7", "6:7"],
    files_of_tools: "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n---\napiVersion: v1\nkind: Config\nclusters: []\n"
        => [],
    outdated_is_known: "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: a}\n"
        => [],
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::lint::testing::severities;

    #[test]
    fn strict_kinds_make_it_an_error() {
        let cat = "apiVersion: example.com/v1\nkind: Cat\nmetadata: {name: a}\n";
        let of = |text: &str| severities(text, "schema/unknown-kind");
        assert_eq!(of(cat), [Severity::Info]);
        assert_eq!(of(&format!("# lint: strict_kinds = true\n{cat}")), [Severity::Error]);
        assert_eq!(
            of("apiVersion: v1\nkind: Deployment\nmetadata: {name: a}\n"),
            [Severity::Error]
        );
    }
}
