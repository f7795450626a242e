use rustc_hash::FxHashMap;

use crate::rules::prelude::*;

declare_rule! {
    /// A container sets an environment variable twice.
    ///
    /// ## Why
    /// The last one wins, so the first line lies; server-side apply refuses the list, and with client-side apply a
    /// merge may keep either (kubernetes/kubernetes#86163). It comes of two overlays that both add the variable.
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
    ///         env:
    ///         - { name: LOG_LEVEL, value: info }
    ///         - { name: WORKERS, value: "4" }
    ///         - { name: LOG_LEVEL, value: debug }
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
    ///         env:
    ///         - { name: LOG_LEVEL, value: info }
    ///         - { name: LOG_FORMAT, value: json }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "hygiene/duplicate-env" pub struct DuplicateEnv {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("finds what the API server itself warns of"),
}

impl Rule for DuplicateEnv {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.templates() {
            for container in workload.every_container() {
                let mut seen: FxHashMap<&str, Place<'_>> = FxHashMap::default();
                for variable in container.place.list("env") {
                    let Some(name) = variable.text_of("name").filter(|it| !is_placeholder(it))
                    else {
                        continue;
                    };
                    let Some(first) = seen.insert(name, variable) else { continue };
                    let message = format!("container `{}` sets `{name}` twice", container.name);
                    cx.report(workload, variable, message)
                        .here("this one counts")
                        .label(first, "this one does not")
                        .help(format!("keep one entry of `{name}`"));
                }
            }
        }
    }
}

cases! {
    each_container_by_itself: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  initContainers: [{name: i, env: [{name: A, value: x}, {name: A, value: x}]}]\n  containers:\n  - {name: w, env: [{name: A, value: x}]}\n  - {name: x, env: [{name: A, value: x}, {name: a, value: x}, {value: y}, {value: z}]}\n"
        => ["5:64"],
    three_times: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: w\n    env:\n    - name: A\n      value: x\n    - name: A\n      valueFrom: {fieldRef: {fieldPath: metadata.name}}\n    - name: A\n"
        => ["10:13", "12:13"],
}
