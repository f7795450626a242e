use rustc_hash::FxHashSet;

use crate::rules::prelude::*;

declare_rule! {
    /// A pod names an object that is not in the input.
    ///
    /// ## Why
    /// A ConfigMap or Secret that is not there keeps the container in `CreateContainerConfigError`, a claim keeps the
    /// pod Pending, and a ServiceAccount or priority class refuses it (k8s:pkg/kubelet/kubelet_pods.go). References
    /// with `optional: true` are left alone, and so is what every cluster has and what an ExternalSecret, a
    /// SealedSecret, a Certificate or a Kustomization of the input makes. Under `closed_world` it is an error.
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
    ///         envFrom: [{ configMapRef: { name: shop } }]
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
    ///         envFrom: [{ configMapRef: { name: shop } }]
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: { name: shop }
    /// data: { LOG_LEVEL: info }
    /// ```
    "hygiene/unresolved-reference" pub struct UnresolvedReference {}
    severity: Info, fix: FixKind::None, preset: Preset::Strict, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs to know which objects there are"),
}

impl Rule for UnresolvedReference {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let known = Known::new(cluster);
        for workload in cluster.templates().filter(|workload| !workload.owned) {
            for (kind, name) in references(workload) {
                let Some(text) = name.text().filter(|it| !it.is_empty() && !is_placeholder(it))
                else {
                    continue;
                };
                if known.has(workload, kind, text) {
                    continue;
                }
                let message =
                    format!("`{}` needs {kind} `{text}`, which is not in the input", workload.name);
                let closed = cluster.is_closed();
                cx.report(workload, name, message)
                    .severity(if closed { Error } else { Info })
                    .here("not in the input")
                    .help(format!("add {kind} `{text}`, or mend the name"));
            }
        }
    }
}

const MAP: &str = "ConfigMap";
const SECRET: &str = "Secret";
const CLAIM: &str = "PersistentVolumeClaim";
const ACCOUNT: &str = "ServiceAccount";
const PRIORITY: &str = "PriorityClass";

/// What the input holds.
struct Known<'a> {
    named: Nearby<'a, (&'a str, &'a str)>,
    priorities: FxHashSet<&'a str>,
    /// Made by Kustomizations.
    generated: FxHashSet<(&'a str, &'a str)>,
}

impl<'a> Known<'a> {
    fn new(cluster: &Cluster<'a>) -> Self {
        let objects =
            || cluster.objects().iter().filter_map(|object| Some((made(object)?, object)));
        let priorities = cluster.of_kind(Kind::Other).filter(|object| object.kind_name == PRIORITY);
        let files = cluster.inputs.iter().flat_map(|input| input.stream.documents());
        let generators = [("configMapGenerator", MAP), ("secretGenerator", SECRET)];
        let generated = files.flat_map(|root| {
            generators.into_iter().flat_map(move |(key, kind)| {
                root.list(key).filter_map(move |entry| Some((kind, entry.text_of("name")?)))
            })
        });
        Self {
            named: Nearby::new(objects()),
            priorities: priorities.map(|object| object.name).collect(),
            generated: generated.collect(),
        }
    }

    fn has(&self, workload: &Workload<'a>, kind: &'a str, name: &'a str) -> bool {
        match (kind, name) {
            (MAP, "kube-root-ca.crt" | "openshift-service-ca.crt") | (ACCOUNT, "default") => true,
            (PRIORITY, _) => name.starts_with("system-") || self.priorities.contains(name),
            _ => {
                self.generated.contains(&(kind, name))
                    || self.named.of((kind, name), workload).next().is_some()
            }
        }
    }
}

/// What there is by an object: itself, or the Secret that a controller makes of it.
fn made<'a>(object: &Object<'a>) -> Option<(&'a str, &'a str)> {
    let other = |path| object.at(path).and_then(Place::text).unwrap_or(object.name);
    match object.kind_name {
        MAP | SECRET | CLAIM | ACCOUNT if object.group.is_empty() => {
            Some((object.kind_name, object.name))
        }
        "ExternalSecret" => Some((SECRET, other("spec/target/name"))),
        "SealedSecret" => Some((SECRET, other("spec/template/metadata/name"))),
        "Certificate" => Some((SECRET, other("spec/secretName"))),
        _ => None,
    }
}

/// What a pod cannot start without, by kind and the place of the name.
fn references<'a>(workload: &Workload<'a>) -> Vec<(&'static str, Place<'a>)> {
    let mut found = Vec::new();
    let Some(pod) = workload.pod else { return found };
    let mut add = |kind, holder: Option<Place<'a>>, key: &str| {
        let holder = holder.filter(|it| it.get("optional").and_then(Place::boolean) != Some(true));
        found.extend(holder.and_then(|holder| holder.get(key)).map(|name| (kind, name)));
    };
    add(ACCOUNT, Some(pod), "serviceAccountName");
    add(PRIORITY, Some(pod), "priorityClassName");
    for volume in pod.list("volumes") {
        add(MAP, volume.get("configMap"), "name");
        add(SECRET, volume.get("secret"), "secretName");
        add(CLAIM, volume.get("persistentVolumeClaim"), "claimName");
        for source in volume.get("projected").into_iter().flat_map(|it| it.list("sources")) {
            add(MAP, source.get("configMap"), "name");
            add(SECRET, source.get("secret"), "name");
        }
    }
    for container in workload.every_container() {
        for source in container.place.list("envFrom") {
            add(MAP, source.get("configMapRef"), "name");
            add(SECRET, source.get("secretRef"), "name");
        }
        for variable in container.place.list("env").filter_map(|it| it.get("valueFrom")) {
            add(MAP, variable.get("configMapKeyRef"), "name");
            add(SECRET, variable.get("secretKeyRef"), "name");
        }
    }
    found
}

cases! {
    each_kind: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  serviceAccountName: a\n  priorityClassName: b\n  volumes:\n  - {name: v, configMap: {name: c}}\n  - {name: w, secret: {secretName: d}}\n  - {name: x, persistentVolumeClaim: {claimName: e}}\n  - {name: y, projected: {sources: [{secret: {name: f}}]}}\n  initContainers:\n  - {name: i, env: [{name: A, valueFrom: {secretKeyRef: {name: g, key: k}}}]}\n"
        => ["5:23", "6:22", "8:33", "9:36", "10:50", "11:53", "13:64"],
    quiet: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  serviceAccountName: default\n  priorityClassName: system-node-critical\n  volumes:\n  - {name: v, configMap: {name: c, optional: true}}\n  - {name: w, secret: {secretName: '${S}'}}\n  - {name: x, secret: {secretName: made}}\n  - {name: y, secret: {secretName: tls}}\n---\napiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: b}\nspec: {target: {name: made}}\n---\napiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: b}\nspec: {secretName: tls}\n"
        => [],
    in_another_namespace: "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: x}\nspec: {serviceAccountName: s}\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: s, namespace: y}\n"
        => ["4:28"],
}
