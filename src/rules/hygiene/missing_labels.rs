use crate::rules::prelude::*;

declare_rule! {
    /// An object lacks labels by which it can be found.
    ///
    /// ## Why
    /// Nobody can tell whose it is, or what belongs together, when it is time to page someone or to clean up
    /// (kubernetes.io/docs/concepts/overview/working-with-objects/common-labels). The option `required` lists the
    /// labels that your tools go by. Labels that a Kustomization of the input adds are not missing.
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
    /// metadata: { name: shop, labels: { app.kubernetes.io/name: shop } }
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
    "hygiene/missing-labels" pub struct MissingLabels {
        /// The labels that every object must have.
        pub required: Vec<String> = vec!["app.kubernetes.io/name".to_owned()],
    }
    severity: Info, fix: FixKind::None, preset: Preset::Strict, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs to know which labels a Kustomization adds, and is about objects of every kind"),
}

impl Rule for MissingLabels {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let given = given(cluster);
        let required: Vec<_> =
            self.required.iter().filter(|label| !given.contains(&label.as_str())).collect();
        for object in cluster.objects() {
            let labels = object.at("metadata/labels");
            if object.owned
                || matches!(object.kind, Kind::RuleFile | Kind::AdapterConfig)
                || object.group.ends_with("kustomize.config.k8s.io")
                || object.at("metadata").is_none_or(|metadata| !metadata.is_mapping())
                || labels.is_some_and(|labels| !labels.is_mapping())
            {
                continue;
            }
            let missing: Vec<_> = required
                .iter()
                .filter(|label| labels.is_none_or(|labels| labels.get(label).is_none()))
                .map(|label| format!("`{label}`"))
                .collect();
            let Some(first) = missing.first() else { continue };
            let spot = labels.map_or_else(|| object.spot(), Place::primary);
            let message = format!("{} has no label {}", object.title(), missing.join(" and "));
            cx.report(object, spot, message).help(format!("add {first} to `metadata.labels`"));
        }
    }
}

/// The labels that Kustomizations of the input add to everything.
fn given<'a>(cluster: &Cluster<'a>) -> Vec<&'a str> {
    let roots = cluster.inputs.iter().flat_map(|input| input.stream.documents());
    let files = roots.filter(|root| root.text_of("kind") == Some("Kustomization"));
    let maps = files.flat_map(|root| {
        let pairs = root.list("labels").filter_map(|entry| entry.get("pairs"));
        root.get("commonLabels").into_iter().chain(pairs).collect::<Vec<_>>()
    });
    maps.flat_map(Place::entries).map(|(label, _)| label).collect()
}

cases! {
    others_than_the_default: "# lint: rules.\"hygiene/missing-labels\".required = [\"team\", \"app\"]\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  labels: {team: x}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, labels: {team: x, app: y}}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, labels: \"${LABELS}\"}\n"
        => ["5:3"],
    kustomized: "# file: a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n# file: kustomization.yaml\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nlabels: [{pairs: {app.kubernetes.io/name: x}}]\n"
        => [],
}
