use std::hash::Hash;

use rustc_hash::FxHashMap;

use crate::rules::prelude::*;

declare_rule! {
    /// Ports that the API server refuses together.
    ///
    /// ## Why
    /// Of several ports each needs a name, and neither names nor pairs of port and protocol may repeat
    /// (`ValidateService`, `validateContainerPorts` in `pkg/apis/core/validation/validation.go`): the whole object is refused,
    /// and the old one stays.
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
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    ///         readinessProbe: { httpGet: { path: /ready, port: http } }
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop }
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: { matchLabels: { app: shop } }
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { app: shop }
    ///   ports:
    ///   - { name: http, port: 80, targetPort: http }
    ///   - { port: 8080, targetPort: http }
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
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    ///         readinessProbe: { httpGet: { path: /ready, port: http } }
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop }
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: { matchLabels: { app: shop } }
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { app: shop }
    ///   ports:
    ///   - { name: http, port: 80, targetPort: http }
    ///   - { name: alt, port: 8080, targetPort: http }
    /// ```
    "traffic/rejected-ports" pub struct RejectedPorts {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("finds what the API server refuses by itself"),
}

impl Rule for RejectedPorts {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for service in cluster.services() {
            of_service(cx, service);
        }
        for workload in cluster.workloads().iter().filter(|it| !it.borrows_template()) {
            for container in workload.containers.iter().chain(&workload.init_containers) {
                let named =
                    container.ports.iter().filter_map(|port| Some((port.name?, port.place)));
                for (name, first, later) in repeated(named) {
                    let message =
                        format!("container `{}` has two ports named `{name}`", container.name);
                    twice(cx, workload, message, "name", first, later);
                }
            }
        }
    }
}

fn of_service(cx: &mut Ctx<'_>, service: &Service<'_>) {
    if service.ports.len() > 1 {
        for port in service.ports.iter().filter(|port| port.name.is_none_or(str::is_empty)) {
            let spot = port.place.get("port").unwrap_or(port.place);
            let message = format!(
                "a port of Service `{}` has no name, and there are {}",
                service.name,
                service.ports.len()
            );
            cx.report(service, spot, message)
                .here("has no name")
                .help("add a `name`, such as `http` or `metrics`");
        }
    }
    let named = service.ports.iter().filter_map(|port| Some((port.name?, port.place)));
    for (name, first, later) in repeated(named) {
        let message = format!("Service `{}` has two ports named `{name}`", service.name);
        twice(cx, service, message, "name", first, later);
    }
    let numbered = service.ports.iter().filter_map(|it| Some(((it.port?, it.protocol), it.place)));
    for ((port, protocol), first, later) in repeated(numbered) {
        let message = format!("Service `{}` has port {port} for {protocol} twice", service.name);
        twice(cx, service, message, "port", first, later);
    }
}

fn twice<'a>(
    cx: &mut Ctx<'_>,
    object: &Object<'a>,
    message: String,
    key: &str,
    first: Place<'a>,
    later: Place<'a>,
) {
    let spot = |place: Place<'a>| place.get(key).unwrap_or(place);
    cx.report(object, spot(later), message)
        .here("the second")
        .label(spot(first), "the first")
        .help(format!("give one of both another `{key}`, or remove it"));
}

/// Items whose key an earlier one has: the key, the earlier and the later one.
fn repeated<'a, K: Copy + Eq + Hash>(
    items: impl Iterator<Item = (K, Place<'a>)>,
) -> Vec<(K, Place<'a>, Place<'a>)> {
    let mut known = FxHashMap::default();
    let mut found = Vec::new();
    for (key, place) in items {
        match known.get(&key) {
            Some(first) => found.push((key, *first, place)),
            None => {
                known.insert(key, place);
            }
        }
    }
    found
}

cases! {
    names_and_numbers: "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  ports: [{name: a, port: 80}, {name: b, port: 80, protocol: UDP}, {name: a, port: 81},\n   {port: 80}]\n"
        => ["5:75", "6:11", "6:11"],
    one_port_needs_no_name: "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80}]}\n"
        => [],
    containers: "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{name: w, ports: [{name: http, containerPort: 80}, {         name: http, containerPort: 81}]}, {name: v, ports: [{name: http, containerPort: 80}]}]}}}}}\n"
        => ["4:127"],
}
