use rustc_hash::FxHashMap;

use crate::rules::prelude::*;

declare_rule! {
    /// Two objects of the input are the same one.
    ///
    /// ## Why
    /// kubectl applies them in turn, so the second overwrites what the first one said, and the two fight on each
    /// apply. Across files, which may be meant for different clusters, it is reported only with `closed_world = true`.
    ///
    /// ```yaml,bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: { name: shop, namespace: shop }
    /// data: { level: info }
    /// ---
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: { name: shop, namespace: shop }
    /// data: { level: debug }
    /// ```
    /// ```yaml,good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: { name: shop, namespace: shop }
    /// ---
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata: { name: shop, namespace: shop-staging }
    /// ```
    "schema/duplicate-object" pub struct DuplicateObject {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("compares two objects"),
}

impl Rule for DuplicateObject {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let everywhere = cluster.is_closed();
        let mut seen = FxHashMap::default();
        for object in cluster.objects().iter().filter(|object| is_named(object)) {
            let file = (!everywhere).then(|| object.root.file());
            let identity = (file, object.group, object.kind_name, object.namespace, object.name);
            let first = *seen.entry(identity).or_insert(object);
            if first.index != object.index {
                cx.report(
                    object,
                    object.spot(),
                    format!("{} is in the input twice", object.title()),
                )
                .here("overwrites the first one")
                .label(first.spot(), "the first one")
                .help("remove one of them, or give it another name or namespace");
            }
        }
    }
}

/// False for files without a kind, generated names, and names that another tool fills in.
fn is_named(object: &Object<'_>) -> bool {
    object.at("metadata/name").is_some() && !is_placeholder(object.name)
}

cases! {
    three_times: "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\n"
        => ["7:18", "11:18"],
    another_version_is_the_same: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\n---\napiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\n"
        => ["7:18"],
    another_group_is_not: "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\napiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: a}\n"
        => [],
    overlays_in_files: "# file: a.yaml\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\n# file: b.yaml\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\n"
        => [],
    closed_world: "# lint: closed_world = true\n# file: a.yaml\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\n# file: b.yaml\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\n"
        => ["b.yaml:3:18"],
    generated_names: "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: a-}\n---\napiVersion: batch/v1\nkind: Job\nmetadata: {generateName: a-}\n"
        => [],
}
