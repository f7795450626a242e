use crate::rules::prelude::*;

declare_rule! {
    /// An object is in the namespace `default`, or says none.
    ///
    /// ## Why
    /// It lands wherever kubectl of the day points, and `default` has neither quotas nor policies nor an owner
    /// (kubernetes.io/docs/concepts/overview/working-with-objects/namespaces). Kinds that have no namespace are left
    /// alone, and so are kinds that slogen does not know, unless they say `default`. A Kustomization of the input may
    /// set the namespace.
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
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop, namespace: store }
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
    "hygiene/default-namespace" pub struct DefaultNamespace {}
    severity: Info, fix: FixKind::None, preset: Preset::Strict, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the text: the API server fills in a namespace before it asks a policy"),
}

impl Rule for DefaultNamespace {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let roots = cluster.inputs.iter().flat_map(|input| input.stream.documents());
        let given = roots.into_iter().any(|root| {
            root.text_of("kind") == Some("Kustomization") && root.get("namespace").is_some()
        });
        for object in cluster.objects() {
            match object.namespace {
                Some("default") => report(cx, object),
                None if !given && is_namespaced(object) => report(cx, object),
                _ => {}
            }
        }
    }
}

fn report(cx: &mut Ctx<'_>, object: &Object<'_>) {
    let written = object.at("metadata/namespace");
    let message = match written {
        Some(_) => format!("{} is in the namespace `default`", object.title()),
        None => format!("{} says no namespace", object.title()),
    };
    let spot = written.map_or_else(|| object.spot(), Place::primary);
    cx.report(object, spot, message)
        .here(if written.is_some() { "nobody's namespace" } else { "wherever kubectl points" })
        .help("set `metadata.namespace`");
}

/// True for kinds that are known to have one.
fn is_namespaced(object: &Object<'_>) -> bool {
    const OTHERS: [&str; 9] = [
        "ServiceAccount",
        "Role",
        "RoleBinding",
        "PersistentVolumeClaim",
        "Endpoints",
        "EndpointSlice",
        "Lease",
        "PodTemplate",
        "ControllerRevision",
    ];
    match object.kind {
        Kind::Other => OTHERS.contains(&object.kind_name) && !object.group.contains("openshift"),
        Kind::AnalysisTemplate => object.kind_name == "AnalysisTemplate",
        kind => !matches!(kind, Kind::Namespace | Kind::RuleFile | Kind::AdapterConfig),
    }
}

cases! {
    kinds: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: a}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: a, namespace: default}\n---\napiVersion: example.com/v1\nkind: Thing\nmetadata: {name: a}\n---\napiVersion: example.com/v1\nkind: Thing\nmetadata: {name: b, namespace: default}\n"
        => ["3:18", "15:32", "23:32"],
    kustomized: "# file: a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n# file: kustomization.yaml\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: shop\nresources: [a.yaml]\n"
        => [],
}
