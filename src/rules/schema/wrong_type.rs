use crate::openapi::{Problem, Violation};
use crate::rules::conformity::{told_as_legacy, violations};
use crate::rules::prelude::*;

declare_rule! {
    /// A value is of another type than the field takes.
    ///
    /// ## Why
    /// The API server cannot decode the object and refuses it as a whole. In YAML a bare `yes`, `on`, `8000` or `1e3` is
    /// no string, and kubectl, kustomize and Helm read it by the rules of YAML 1.1 (sigs.k8s.io/yaml).
    ///
    /// ```yaml,bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: shop
    ///   labels: { canary: yes }
    /// spec:
    ///   containers:
    ///   - name: web
    ///     image: shop:1.2
    ///     env: [{ name: PORT, value: 8000 }]
    ///     resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    /// ```yaml,fixed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: shop
    ///   labels: { canary: "yes" }
    /// spec:
    ///   containers:
    ///   - name: web
    ///     image: shop:1.2
    ///     env: [{ name: PORT, value: "8000" }]
    ///     resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    /// ```yaml,good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: { name: shop }
    /// data: { port: "8000", debug: "off", level: info }
    /// ```
    "schema/wrong-type" pub struct WrongType {}
    severity: Error, fix: FixKind::Safe, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("compares with the schema of the kind, which the API server does itself"),
}

impl Rule for WrongType {
    fn check(&self, cx: &mut Ctx<'_>) {
        for (object, violation) in violations(cx) {
            report(cx, object, violation);
        }
    }
}

fn report(cx: &mut Ctx<'_>, object: &Object<'_>, violation: &Violation<'_>) {
    let Problem::WrongType { wanted, string, integer, found } = &violation.problem else { return };
    if told_as_legacy(cx, object, violation) {
        return;
    }
    let (place, path) = (violation.place, &violation.path);
    let text = place.text().unwrap_or_default();
    let report =
        cx.report(object, place, format!("`{path}` is {found}, {wanted} is wanted")).here(*found);
    // Null has no text of its own that could be meant.
    if *string && place.is_scalar() && !place.is_null() {
        report
            .help(format!("write `\"{text}\"`"))
            .fix_safe(format!("quote {text}"), [edit::set(place, text)]);
    } else if let Some(number) = place.string().and_then(plain_integer).filter(|_| *integer) {
        report
            .help(format!("write `{number}` without quotes"))
            .fix_safe("take the quotes off", [edit::set(place, number)]);
    } else {
        report.help(format!("write {wanted}"));
    }
}

/// An integer as people write it.
fn plain_integer(text: &str) -> Option<i64> {
    text.parse::<i64>().ok().filter(|number| number.to_string() == text)
}

cases! {
    integers: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: \"3\", selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: 'a:1', ports: [{containerPort: http}]}]}}}\n"
        => ["4:18", "4:163"],
    collections: "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: [a]}\nspec:\n  containers: {name: a}\n"
        => ["3:21", "5:3"],
    null_items: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: 'a:1'}, null]}\n"
        => ["4:46"],
    int_or_string: "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80, targetPort: http}, {port: 81, name: b, targetPort: 8080}, {port: 82, name: c, targetPort: true}]}\n"
        => ["4:117"],
    quantities: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: 'a:1', resources: {limits: {cpu: 1, memory: 1e9, ephemeral-storage: true}}}]}\n"
        => ["4:106"],
    whole_floats_are_integers: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 3.0, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: 'a:1'}]}}}\n"
        => [],
    placeholders: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: '${REPLICAS}', selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: 'a:1'}]}}}\n"
        => [],
    annotation: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {a: 1, b: on, c: '1'}}\n"
        => ["3:38", "3:44"],
}
