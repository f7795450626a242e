use rustc_hash::{FxHashMap, FxHashSet};

use crate::rules::prelude::*;

declare_rule! {
    /// Network policies keep Prometheus away from a scraped port.
    ///
    /// ## Why
    /// Once a policy with `Ingress` selects a pod, what none of its policies allows is dropped. Prometheus lives in another
    /// namespace, so a policy that admits the own pods and the gateway leaves it outside: `up == 0`, and an SLO without data
    /// (giantswarm/muster#998, kubescape/helm-charts#761). Which namespace, `monitoring_namespace` says; with
    /// `closed_world = true` it is an error.
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
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: { name: shop }
    /// spec:
    ///   podSelector: { matchLabels: { app: shop } }
    ///   ingress:
    ///   - from: [{ podSelector: {} }]
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
    ///   podMetricsEndpoints: [{ port: http, interval: 15s }]
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: { name: shop }
    /// spec:
    ///   podSelector: { matchLabels: { app: shop } }
    ///   ingress:
    ///   - from: [{ podSelector: {} }]
    ///   - from: [{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: monitoring } } }]
    ///     ports: [{ port: http }]
    /// ```
    "monitoring/blocked-scrape" pub struct BlockedScrape {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the Services or pods that are scraped"),
}

impl Rule for BlockedScrape {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let policies = policies_of(cluster);
        if policies.is_empty() {
            return;
        }
        let mut told = FxHashSet::default();
        for monitor in cluster.monitors() {
            for endpoint in &monitor.endpoints {
                for (workload, service) in cluster.scraped_by(monitor) {
                    let Some(policies) = policies.get(&workload.index) else { continue };
                    let Some(port) = endpoint.scraped(workload, service) else { continue };
                    if policies.iter().any(|it| admits(cluster, it, workload, &port)) {
                        continue;
                    }
                    let Some(first) = policies.first() else { continue };
                    // Another policy may well be elsewhere, unless the input is all there is.
                    if told.insert((first.index, workload.index)) {
                        report(cx, monitor, endpoint, workload, first, &port);
                    }
                }
            }
        }
    }
}

/// The policies that decide what reaches the pods of each workload.
fn policies_of<'c, 'a>(cluster: &'c Cluster<'a>) -> FxHashMap<usize, Vec<&'c Object<'a>>> {
    let mut found: FxHashMap<_, Vec<_>> = FxHashMap::default();
    for policy in cluster.of_kind(Kind::NetworkPolicy) {
        let types = policy.at("spec/policyTypes");
        let is_ingress = |types: Place<'_>| types.items().any(|it| it.text() == Some("Ingress"));
        let Some(selector) = policy.at("spec/podSelector") else { continue };
        if !types.is_none_or(is_ingress) || !selector.is_mapping() {
            continue;
        }
        let selector = Selector::full(selector);
        if selector.is_empty() {
            for workload in cluster.workloads_beside(policy) {
                found.entry(workload.index).or_default().push(policy);
            }
            continue;
        }
        for workload in cluster.workloads_labelled(&selector) {
            if workload.shares_namespace(policy) {
                found.entry(workload.index).or_default().push(policy);
            }
        }
    }
    found
}

/// True if an entry of a policy's `ports` is this port, or may be.
fn is_port(entry: Place<'_>, port: &Scraped<'_>) -> bool {
    if entry.text_of("protocol").is_some_and(|protocol| protocol != "TCP") {
        return false;
    }
    let Some(place) = entry.get("port") else { return true };
    match PortRef::read(place) {
        Some(PortRef::Name(name)) => port.name == Some(name) || is_placeholder(name),
        Some(PortRef::Number(first)) => {
            let last = entry.int_of("endPort").unwrap_or(first);
            port.number.is_none_or(|number| (first..=last).contains(&number))
        }
        None => true,
    }
}

/// True if `policy` lets Prometheus reach the port, or may do so.
fn admits<'a>(
    cluster: &Cluster<'a>,
    policy: &Object<'a>,
    workload: &Workload<'a>,
    port: &Scraped<'a>,
) -> bool {
    let Some(rules) = policy.at("spec/ingress") else { return false };
    let home = cluster.settings.monitoring_namespace.as_deref();
    // Where Prometheus lives beside the pods, other pods of the namespace may be it.
    let beside = workload.namespace.is_some_and(|namespace| home == Some(namespace))
        || cluster.of_kind(Kind::Prometheus).any(|it| it.shares_namespace(workload));
    let comes = |peer: Place<'_>| {
        if peer.get("ipBlock").is_some() {
            return true;
        }
        match peer.get("namespaceSelector") {
            None => beside,
            Some(selector) => home.is_none_or(|home| {
                let key = "kubernetes.io/metadata.name";
                let selector = Selector::full(selector);
                let names = |it: &Requirement<'_>| {
                    it.key != key || it.operator != "In" || it.values.contains(&home)
                };
                selector.labels.iter().all(|(label, value, _)| *label != key || *value == home)
                    && selector.requirements.iter().all(names)
            }),
        }
    };
    rules.items().any(|rule| {
        let from: Vec<_> = rule.list("from").collect();
        let ports: Vec<_> = rule.list("ports").collect();
        (from.is_empty() || from.into_iter().any(comes))
            && (ports.is_empty() || ports.into_iter().any(|entry| is_port(entry, port)))
    })
}

fn report<'a>(
    cx: &mut Ctx<'_>,
    monitor: &Monitor<'a>,
    endpoint: &Endpoint<'a>,
    workload: &Workload<'a>,
    policy: &Object<'a>,
    port: &Scraped<'a>,
) {
    let closed = cx.cluster.is_closed();
    let home = cx.cluster.settings.monitoring_namespace.clone();
    let from = match &home {
        Some(home) => format!("from namespace `{home}`"),
        None => "from another namespace".to_owned(),
    };
    let message = format!(
        "nothing {from} reaches port {} of {}, which {} `{}` scrapes",
        port.number.map_or_else(|| format!("`{}`", port.name.unwrap_or("")), |it| it.to_string()),
        workload.title(),
        monitor.kind_name,
        monitor.name
    );
    let home = home.as_deref().unwrap_or("monitoring");
    let spot = endpoint.port.or(endpoint.target_port).unwrap_or(endpoint.place);
    cx.report(policy, policy.missing("spec/ingress"), message)
        .severity(if closed { Error } else { Warning })
        .here("admits no Prometheus")
        .label(spot, "scraped here")
        .help(format!(
            "admit the port from `namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {home}}}}}`"
        ));
}

cases! {
    deny_all: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: w, ports: [{name: http, containerPort: 80}]}]}}}\n---\n# default\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\n#\nspec: {podSelector: {}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, podMetricsEndpoints: [{port: http}]}\n"
        => ["11:1"],
    other_port: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: w, ports: [{name: http, containerPort: 80}]}]}}}\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelector: {}, ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 81, endPort: 90}]}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, podMetricsEndpoints: [{port: http}]}\n"
        => ["9:25"],
    other_namespace_than_declared: "# lint: monitoring_namespace = \"mon\"\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: w, ports: [{name: http, containerPort: 80}]}]}}}\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress}}}]}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, podMetricsEndpoints: [{port: http}]}\n"
        => ["9:25"],
    admitted_by_another_policy: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: w, ports: [{name: http, containerPort: 80}]}]}}}\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelector: {}, policyTypes: [Ingress, Egress]}\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: b}\nspec: {podSelector: {matchLabels: {app: a}}, ingress: [{ports: [{port: 80}]}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, podMetricsEndpoints: [{port: http}]}\n"
        => [],
    egress_only: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: w, ports: [{name: http, containerPort: 80}]}]}}}\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelector: {}, policyTypes: [Egress]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, podMetricsEndpoints: [{port: http}]}\n"
        => [],
}
