use crate::rules::prelude::*;

declare_rule! {
    /// A container that takes traffic ends as soon as it is told to.
    ///
    /// ## Why
    /// The pod is told to end and taken out of the endpoints at the same time, and load balancers learn of the latter
    /// seconds later: they still send requests, and get 502 on each rollout and each scale-down
    /// (alphagov/govuk-helm-charts#2202, quay/quay#6871). A `preStop` that sleeps some seconds lets them catch up. Who
    /// sets a grace period above 30 s is taken to drain by themselves. A warning beside the slo.toml of the service,
    /// else advice.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   replicas: 2
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         ports: [{ name: http, containerPort: 8080 }]
    ///         readinessProbe: { httpGet: { path: /ready, port: http } }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { app: shop }
    ///   ports: [{ name: http, port: 80, targetPort: http }]
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop }
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: { matchLabels: { app: shop } }
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "default"
    /// image = "shop:1.2"
    /// [targets]
    /// errors = { below = "1%" }
    /// ```
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   replicas: 2
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         ports: [{ name: http, containerPort: 8080 }]
    ///         readinessProbe: { httpGet: { path: /ready, port: http } }
    ///         lifecycle: { preStop: { sleep: { seconds: 10 } } }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { app: shop }
    ///   ports: [{ name: http, port: 80, targetPort: http }]
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop }
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: { matchLabels: { app: shop } }
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "default"
    /// image = "shop:1.2"
    /// [targets]
    /// errors = { below = "1%" }
    /// ```
    "rollout/missing-drain" pub struct MissingDrain {}
    severity: Warning, fix: FixKind::None, preset: Preset::Slo, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the Service that sends the traffic"),
}

impl Rule for MissingDrain {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        // Only beside a slo.toml is it worth a word.
        let asked = cluster.templates().filter(|it| it.slo.is_some() && !it.is_exempt());
        for workload in asked {
            let Some((service, container)) = cluster.served_container(workload) else { continue };
            let (grace, written) = workload.grace();
            if container.place.at("lifecycle/preStop").is_some()
                || container.place.get("lifecycle").is_some_and(|it| !it.is_mapping())
                || written.is_some_and(|place| place.int().is_none())
                || grace > 30
            {
                continue;
            }
            let message = format!(
                "container `{}` has no preStop, Service `{}` still sends it traffic when it ends",
                container.name, service.name
            );
            let selector = service.selector.as_ref().map(|selector| selector.place);
            let severity = if cluster.declared(workload).is_some() { Warning } else { Info };
            cx.report(workload, container.place, message)
                .severity(severity)
                .here("ends at once")
                .label_if(selector, "selects its pods")
                .help("add `lifecycle: { preStop: { sleep: { seconds: 10 } } }`");
        }
    }
}

cases! {
    no_slo_toml: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: w}]}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n"
        => [],
    patient: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {terminationGracePeriodSeconds: 31, containers: [{name: w}]}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n"
        => [],
    impatient: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {terminationGracePeriodSeconds: 30, containers: [{name: x}, {name: w, ports: [{name: http, containerPort: 1}]}]}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}, ports: [{port: 80, targetPort: http}]}\n# file: slo.toml\n[service]\nname = \"shop\"\nnamespace = \"default\"\nimage = \"shop:1.2\"\n[targets]\nerrors = { below = \"1%\" }\n"
        => ["4:122"],
}
