use crate::openapi::{Problem, Violation};
use crate::rules::conformity::violations;
use crate::rules::prelude::*;

declare_rule! {
    /// A value, or a name, is none of those that validation takes.
    ///
    /// ## Why
    /// The API server refuses the object: names must be DNS names, labels have an alphabet and a length, ports end at
    /// 65535, many strings are one of a few words, and pods of a Deployment restart always
    /// (k8s:pkg/apis/core/validation/validation.go).
    ///
    /// ```yaml,bad
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: Shop_Web }
    /// spec:
    ///   type: Clusterip
    ///   ports: [{ port: 80800 }]
    /// ```
    /// ```yaml,good
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: shop-web }
    /// spec:
    ///   type: ClusterIP
    ///   ports: [{ port: 8080 }]
    /// ```
    "schema/forbidden-value" pub struct ForbiddenValue {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("repeats the validation of the API server"),
}

impl Rule for ForbiddenValue {
    fn check(&self, cx: &mut Ctx<'_>) {
        for (object, violation) in violations(cx) {
            report(cx, object, violation);
        }
    }
}

fn report(cx: &mut Ctx<'_>, object: &Object<'_>, violation: &Violation<'_>) {
    let (place, path) = (violation.place, &violation.path);
    match &violation.problem {
        Problem::ForbiddenValue { wanted } => {
            let message = match place.text().filter(|text| text.chars().count() <= MOST_SHOWN) {
                Some(text) => format!("`{path}` cannot be `{text}`"),
                None => format!("`{path}` has a value that is not allowed"),
            };
            cx.report(object, place, message)
                .here("refused by the API server")
                .help(format!("write {wanted}"));
        }
        Problem::ForbiddenKey { wanted } => {
            let key = place.key().unwrap_or_default();
            let spot = place.key_span().unwrap_or_else(|| place.primary());
            cx.report(object, spot, format!("`{key}` is not allowed as a name in `{path}`"))
                .here("refused by the API server")
                .help(format!("write {wanted}"));
        }
        _ => {}
    }
}

/// A value that is longer than this many characters would hide the rest of the message.
const MOST_SHOWN: usize = 60;

cases! {
    label_keys_and_values: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  labels: {a b: c, d: 'e f', example.com/ok: ok, empty: ''}\n  annotations: {'Upper.example.com/ok': any thing, '-a': b}\n"
        => ["5:12", "5:23", "6:52"],
    port_names: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: 'a:1', ports: [{containerPort: 1, name: http}, {containerPort: 2, name: \"8080\"}, {containerPort: 3, name: much-too-long-name}, {containerPort: 0, name: a--b}]}]}\n"
        => ["4:110", "4:144", "4:181", "4:190"],
    quantities: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: 'a:1', resources: {limits: {cpu: 1 core, memory: 1GB}}}]}\n"
        => ["4:71", "4:87"],
    restart_policies: "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec: {template: {spec: {restartPolicy: Always, containers: [{name: a, image: 'a:1'}]}}}\n---\napiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: a}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {restartPolicy: OnFailure, containers: [{name: a, image: 'a:1'}]}}}\n"
        => ["4:41", "9:102"],
    base64: "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: not base64!, b: aGk=, c: ''}\nstringData: {d: not base64!}\n"
        => ["4:11"],
    no_containers: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: []}\n"
        => ["4:8"],
    roles_have_other_names: "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: 'system:a'}\nrules: []\n"
        => [],
    placeholders: "apiVersion: v1\nkind: Service\nmetadata: {name: '${NAME}', labels: {app: '{{ app }}'}}\nspec: {type: <TYPE>, ports: [{port: 80}]}\n"
        => [],
}
