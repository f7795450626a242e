use crate::rules::prelude::*;

declare_rule! {
    /// The Service that gives a StatefulSet's pods their names does not.
    ///
    /// ## Why
    /// `serviceName` must name a headless Service that selects the pods, or names such as `db-0.db` do not resolve
    /// (zegl/kube-score#583). The API server takes any name, so peers that look for each other simply never meet.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: { name: db }
    /// spec:
    ///   serviceName: db
    ///   selector: { matchLabels: { app: db } }
    ///   template:
    ///     metadata: { labels: { app: db } }
    ///     spec:
    ///       containers:
    ///       - name: db
    ///         image: db:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: { name: db }
    /// spec:
    ///   selector: { matchLabels: { app: db } }
    ///   template:
    ///     metadata: { labels: { app: db } }
    ///     spec:
    ///       containers:
    ///       - name: db
    ///         image: db:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "traffic/missing-governing-service" pub struct MissingGoverningService {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the Service that the StatefulSet names"),
}

impl Rule for MissingGoverningService {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.workloads().iter().filter(|it| it.kind == Kind::StatefulSet) {
            let Some(place) = workload.at("spec/serviceName") else { continue };
            let Some(name) = place.text().filter(|it| !it.is_empty() && !is_placeholder(it)) else {
                continue;
            };
            let found: Vec<_> =
                cluster.services_named(name).filter(|it| it.shares_namespace(workload)).collect();
            let matches = |service: &&Service<'_>| {
                // One without a selector has endpoints made by hand.
                service.selector.as_ref().is_none_or(|it| it.matches(workload.labels))
            };
            let Some(first) = found.first() else {
                let message = format!(
                    "StatefulSet `{}` is named by Service `{name}`, which is not in the input",
                    workload.name
                );
                cx.report(workload, place, message)
                    .severity(Info)
                    .here("no such Service")
                    .help(format!("add a headless Service `{name}` that selects the pods"));
                continue;
            };
            if found.iter().any(|it| it.is_headless() && matches(it)) {
                continue;
            }
            let (fault, help) = if matches(first) {
                ("is not headless", "write `clusterIP: None` in a Service of its own")
            } else {
                ("does not select its pods", "select the labels of the pods")
            };
            let message =
                format!("Service `{name}`, which names the pods of `{}`, {fault}", workload.name);
            cx.report(workload, place, message)
                .here("gives pods no names")
                .label(first.spot(), fault)
                .help(help);
        }
    }
}

cases! {
    not_headless_or_not_matching: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec: {serviceName:  a, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: b}\nspec: {serviceName:  b, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: b}\nspec: {clusterIP: None, selector: {app: b}}\n"
        => ["4:22", "14:22"],
}
