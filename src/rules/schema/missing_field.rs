use crate::openapi::{Problem, Violation, is_built_in};
use crate::rules::conformity::{api_version, told_as_legacy};
use crate::rules::prelude::*;
use crate::source::Span;

declare_rule! {
    /// An object lacks a field that its kind requires.
    ///
    /// ## Why
    /// The API server refuses the object: `spec.selector: Required value`. What is required is what the kind's OpenAPI
    /// definition says, and a name.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "schema/missing-field" pub struct MissingField {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("compares with the schema of the kind, which the API server does itself"),
}

impl Rule for MissingField {
    fn check(&self, cx: &mut Ctx<'_>) {
        let (cluster, conformity) = (cx.cluster, cx.conformity);
        for (index, violation) in conformity.violations() {
            if violation.problem == Problem::MissingField
                && let Some(object) = cluster.objects().get(index)
                && !told_as_legacy(cx, object, violation)
            {
                let path = violation.path.to_string();
                let spot = spot(object, violation);
                report(cx, object, spot, &path);
            }
        }
        for object in cluster.objects() {
            if object.name.is_empty() && needs_name(object) {
                report(cx, object, object.missing("metadata"), "metadata.name");
            }
        }
    }
}

fn report(cx: &mut Ctx<'_>, object: &Object<'_>, spot: Span, path: &str) {
    let key = path.rsplit('.').next().unwrap_or(path);
    cx.report(object, spot, format!("missing required field `{path}`"))
        .here(format!("`{key}` is not here"))
        .help(format!("add `{key}:`; the API server refuses the object without it"));
}

/// The nearest key above what is missing.
fn spot(object: &Object<'_>, violation: &Violation<'_>) -> Span {
    if violation.place == object.root { object.spot() } else { violation.place.primary() }
}

/// True for objects that are created under a name of the user's.
fn needs_name(object: &Object<'_>) -> bool {
    const NAMELESS: [&str; 2] = ["authentication.k8s.io", "authorization.k8s.io"];
    api_version(object).is_some_and(is_built_in) && !NAMELESS.contains(&object.group)
}

cases! {
    container_and_port: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - image: a:1\n    ports: [{name: http}]\n"
        => ["6:5", "7:20"],
    name: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  labels: {a: b}\n---\napiVersion: v1\nkind: Secret\n"
        => ["3:1", "7:7", "7:7"],
    generated_name: "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: a-}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: 'a:1'}]}}}\n"
        => [],
    empty_values_are_absent: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  selector:\n  template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a}]}}\n"
        => ["4:1"],
    a_job_must_say_how_it_restarts: "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: a, image: 'a:1'}]}}}\n"
        => ["4:19"],
}
