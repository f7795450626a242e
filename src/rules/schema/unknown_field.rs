use crate::openapi::{Problem, Violation, versions};
use crate::rules::conformity::{target, told_as_legacy};
use crate::rules::prelude::*;

declare_rule! {
    /// An object has a field that its kind does not have.
    ///
    /// ## Why
    /// The API server drops what it does not know, or refuses the object, by the client's `fieldValidation`
    /// (kubernetes.io/docs/reference/using-api/api-concepts/#field-validation). Dropped, the setting never applies, and
    /// nothing says so: `resource:` for `resources:` is a pod without limits. Built-in kinds are compared with the
    /// definitions of Kubernetes 1.36; `kubernetes = "1.29"` also finds fields that came later. Other kinds need their
    /// CRD: in the input, or named by `--crd` or `crds`.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       terminationGracePeriodSecond: 60
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    /// ```yaml,fixed
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       terminationGracePeriodSeconds: 60
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    /// ```yaml,good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: { name: shop }
    /// data: { any: "key will do" }
    /// ```
    "schema/unknown-field" pub struct UnknownField {}
    severity: Error, fix: FixKind::Safe, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("compares with the schema of the kind, which the API server does itself"),
}

impl Rule for UnknownField {
    fn check(&self, cx: &mut Ctx<'_>) {
        let (cluster, conformity) = (cx.cluster, cx.conformity);
        for (index, violation) in conformity.violations() {
            if let (Problem::UnknownField { meant }, Some(object)) =
                (&violation.problem, cluster.objects().get(index))
            {
                report(cx, object, violation, meant.as_deref());
            }
        }
        let target = target(cluster);
        if target < crate::openapi::KUBERNETES {
            for object in cluster.objects() {
                younger(cx, object, object.root, &mut String::new(), target);
            }
        }
    }
}

fn report(cx: &mut Ctx<'_>, object: &Object<'_>, violation: &Violation<'_>, meant: Option<&str>) {
    if told_as_legacy(cx, object, violation) {
        return;
    }
    let place = violation.place;
    let spot = place.key_span().unwrap_or_else(|| place.primary());
    let report = cx
        .report(object, spot, format!("unknown field `{}`", violation.path))
        .here(format!("{} has no such field", object.kind_name));
    match meant {
        Some(name) => report
            .help(format!("did you mean `{name}`?"))
            .fix_safe(format!("rename it to {name}"), [edit::rename(place, name)]),
        None => report.help(format!(
            "remove it: `kubectl explain {}` lists the fields that there are",
            object.kind_name.to_lowercase()
        )),
    };
}

/// Reports fields that the cluster's version does not have yet.
fn younger(
    cx: &mut Ctx<'_>,
    object: &Object<'_>,
    place: Place<'_>,
    path: &mut String,
    target: (u32, u32),
) {
    let length = path.len();
    for (key, value) in place.fields() {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(key);
        if let Some(since) = versions::since(path).filter(|since| target < (1, since.on)) {
            let (major, minor) = target;
            cx.report(
                object,
                value.key_span().unwrap_or_else(|| value.primary()),
                format!("field `{}` is not in Kubernetes {major}.{minor}", value.path()),
            )
            .here(format!("on by default since 1.{}", since.on))
            .help(format!("remove it, or turn on the feature gate `{}`", since.gate));
        }
        younger(cx, object, value, path, target);
        path.truncate(length);
    }
    for item in place.items() {
        path.push_str("[*]");
        younger(cx, object, item, path, target);
        path.truncate(length);
    }
}

cases! {
    several: "apiVersion: v1\nkind: Service\nmetadata: {name: a, label: {a: b}}\nspec:\n  ports: [{port: 80, targetport: 8080}]\n  portz: 1\n"
        => ["3:21", "5:22", "6:3"],
    status_and_nulls: "apiVersion: v1\nkind: Service\nmetadata: {name: a, creationTimestamp: null, unheard: null}\nspec: {ports: [{port: 80}]}\nstatus: {loadBalancer: {}}\n"
        => [],
    another_group: "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: a}\nspec: {template: {}}\n"
        => [],
    in_a_list: "kind: List\napiVersion: v1\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n  dat: {}\n"
        => ["7:3"],
    json: "{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"a\"}, \"dat\": {}}"
        => ["1:70"],
    merged: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - &a {name: a, image: 'a:1', imagePullPolicies: Always}\n  - {<<: *a, name: b}\n"
        => ["6:32"],
    keda: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, minReplicas: 1, triggers: [{type: cpu, metadata: {value: '80'}}]}\n"
        => ["4:35"],
    crd_in_the_input: "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: cats.example.com}\nspec:\n  group: example.com\n  scope: Namespaced\n  names: {kind: Cat, plural: cats}\n  versions:\n  - name: v1\n    served: true\n    storage: true\n    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {lives: {type: integer}}}}}}\n---\napiVersion: example.com/v1\nkind: Cat\nmetadata: {name: a}\nspec: {lifes: 9}\n"
        => ["17:8"],
    placeholder: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n${REST}: 1\n"
        => [],
    field_of_a_later_version: "# lint: kubernetes = \"1.29\"\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: a, image: 'a:1', lifecycle: {preStop: {sleep: {seconds: 5}}}}\n"
        => ["6:51"],
    field_of_this_version: "# lint: kubernetes = \"1.30\"\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: a, image: 'a:1', lifecycle: {preStop: {sleep: {seconds: 5}}}}\n"
        => [],
}
