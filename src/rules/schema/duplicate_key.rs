use crate::rules::prelude::*;

declare_rule! {
    /// A mapping has one key twice.
    ///
    /// ## Why
    /// kubectl and the API server keep the last one without a word. The other line lies to whoever reads it, and
    /// strict tools refuse the file.
    ///
    /// ```yaml,bad
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata:
    ///   name: shop
    ///   name: store
    /// ```
    /// ```yaml,good
    /// apiVersion: v1
    /// kind: ConfigMap
    /// metadata:
    ///   name: store
    /// ```
    "schema/duplicate-key" pub struct DuplicateKey {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("needs the text: the API server gets the keys after one of the two is dropped"),
}

impl Rule for DuplicateKey {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for input in cluster.inputs {
            for (first, later) in input.stream.duplicate_keys() {
                let Some(object) = cluster.object_around(later) else { continue };
                let key = later.text().unwrap_or("");
                cx.report(object, later.span(), format!("the key `{key}` is here twice"))
                    .here("this one counts")
                    .label(first.span(), "this one is ignored")
                    .help(format!("keep one `{key}`"));
            }
        }
    }
}

cases! {
    in_flow_style: "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {b: c, b: d}}" => ["1:69"],
    three_times: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  b: 1\n  b: 2\n  b: 3\n"
        => ["6:3", "7:3"],
    merged_keys_are_overrides: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nx: &x {b: 1}\ndata: {<<: *x, b: 2}\n"
        => [],
    in_a_second_document: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, name: c}\n"
        => ["7:21"],
    not_in_what_is_no_manifest: "on: push\non: pull\n" => [],
}
