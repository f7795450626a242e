use rustc_hash::FxHashMap;

use crate::rules::prelude::*;

declare_rule! {
    /// One port of a workload is scraped twice.
    ///
    /// ## Why
    /// Every series is there twice, under two jobs or two Services: `sum(rate())` is twice the truth, and a scaler that reads
    /// it asks for twice the pods (cert-manager/approver-policy#471). Often the second is a headless Service, or one for
    /// metrics, that has the labels of the first.
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
    ///         ports: [{ name: http, containerPort: 8080 }]
    /// ---
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PodMonitor
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   podMetricsEndpoints: [{ port: http, interval: 15s }]
    /// ---
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PodMonitor
    /// metadata: { name: all }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   podMetricsEndpoints: [{ port: http, interval: 30s }]
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
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    ///         ports: [{ name: http, containerPort: 8080 }]
    /// ---
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PodMonitor
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   podMetricsEndpoints: [{ port: http, interval: 15s }, { port: http, interval: 30s, path: /slow }]
    /// ```
    "monitoring/duplicate-scrape" pub struct DuplicateScrape {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("needs the Services or pods that are scraped"),
}

/// What is scraped: a port of a workload, at a path.
type Target<'a> = (usize, i64, &'a str);

/// Who scrapes it.
#[derive(Clone, Copy)]
struct Scrape<'c, 'a> {
    monitor: &'c Monitor<'a>,
    endpoint: &'c Endpoint<'a>,
    service: Option<&'c Service<'a>>,
}

impl<'a> Scrape<'_, 'a> {
    /// True for the same objects, which the input holds twice.
    fn is_copy(&self, other: &Self) -> bool {
        let twin = |one: &Object<'_>, two: &Object<'_>| {
            one.index != two.index && one.name == two.name && one.kind == two.kind
        };
        let services = self.service.zip(other.service);
        twin(self.monitor, other.monitor) || services.is_some_and(|(one, two)| twin(one, two))
    }

    fn spot(&self) -> Place<'a> {
        self.endpoint.port.or(self.endpoint.target_port).unwrap_or(self.endpoint.place)
    }
}

impl Rule for DuplicateScrape {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let mut known: FxHashMap<Target<'_>, Scrape<'_, '_>> = FxHashMap::default();
        for monitor in cluster.monitors() {
            for endpoint in monitor.endpoints.iter().filter(|it| is_plain(it)) {
                let path = endpoint.place.text_of("path").unwrap_or("/metrics");
                let mut told = false;
                let mut add = |workload: &Workload<'_>, port: Option<Scraped<'_>>, service| {
                    let Some(port) = port.and_then(|port| port.number) else { return };
                    let scrape = Scrape { monitor, endpoint, service };
                    match known.get(&(workload.index, port, path)) {
                        Some(first) if !told && !first.is_copy(&scrape) => {
                            told = true;
                            report(cx, workload, port, first, &scrape);
                        }
                        Some(_) => {}
                        None => {
                            known.insert((workload.index, port, path), scrape);
                        }
                    }
                };
                for service in cluster.services_of_monitor(monitor) {
                    for workload in cluster.workloads_of_service(service) {
                        if !workload.borrows_template() {
                            add(workload, endpoint.scraped(workload, Some(service)), Some(service));
                        }
                    }
                }
                for workload in cluster.workloads_of_monitor(monitor) {
                    if !workload.borrows_template() {
                        add(workload, endpoint.scraped(workload, None), None);
                    }
                }
            }
        }
    }
}

/// False for an endpoint that takes a part of the targets or of their series only.
fn is_plain(endpoint: &Endpoint<'_>) -> bool {
    let mut rules = endpoint.place.list("relabelings");
    endpoint.place.get("params").is_none()
        && !rules.any(|rule| {
            let action = rule.text_of("action").unwrap_or("").to_ascii_lowercase();
            action.starts_with("keep") || action.starts_with("drop") || action == "hashmod"
        })
}

fn report<'a>(
    cx: &mut Ctx<'_>,
    workload: &Workload<'a>,
    port: i64,
    first: &Scrape<'_, 'a>,
    second: &Scrape<'_, 'a>,
) {
    let title = workload.title();
    let (monitor, one) = (second.monitor, first.monitor);
    let within = first.endpoint.place == second.endpoint.place;
    let message = match (first.service, second.service) {
        (Some(a), Some(b)) if within => format!(
            "{} `{}` scrapes port {port} of {title} twice, by Services `{}` and `{}`",
            monitor.kind_name, monitor.name, a.name, b.name
        ),
        _ if monitor.index == one.index => {
            format!("{} `{}` scrapes port {port} of {title} twice", monitor.kind_name, monitor.name)
        }
        _ => format!(
            "{} `{}` scrapes port {port} of {title}, as {} `{}` does",
            monitor.kind_name, monitor.name, one.kind_name, one.name
        ),
    };
    let mut report = cx.report(monitor, second.spot(), message).here("scraped a second time");
    if within {
        for service in [first.service, second.service].into_iter().flatten() {
            report = report.label(service.spot(), "leads there");
        }
        report.help("select one of both Services, by a label that the other has not");
    } else {
        report.label(first.spot(), "scraped here already").help("remove one of both endpoints");
    }
}

cases! {
    two_services: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: w, ports: [{name: http, containerPort: 80}]}]}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {app: a}}\nspec: {selector: {app: a}, ports: [{name: web, port: 80}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: b, labels: {app: a}}\nspec: {clusterIP: None, selector: {app: a}, ports: [{name: web, port: 1, targetPort: http}, {name: other, port: 2}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec:\n  selector: {matchLabels: {app: a}}\n  endpoints: [{port: web}, {port: other}]\n"
        => ["21:22"],
    a_part_of_the_targets: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: w, ports: [{name: http, containerPort: 80}]}]}}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, podMetricsEndpoints: [{port: http}, {portNumber: 80, params: {a: [b]}}, {targetPort: 80, relabelings: [{action: drop}]}]}\n"
        => [],
}
