use crate::rules::prelude::*;

declare_rule! {
    /// A container that a Service sends traffic to has no readiness probe.
    ///
    /// ## Why
    /// Without one a container counts as ready from the moment it runs. Each rollout and each scale-out then answers
    /// with 5xx until the process listens, and a pod that is overloaded is never taken out of the Service
    /// (FairwindsOps/polaris#651). The rule looks at the container that the Service's `targetPort` leads to, else at
    /// the first. Ports called `metrics` are for Prometheus, which reads pods that are not ready too.
    ///
    /// ## Peers
    /// polaris and checkov want a readiness probe in every container, kube-linter on request. slogen, much like
    /// kube-score, wants one only where a Service sends traffic, and in the container that gets it: being ready or
    /// not changes nothing for others.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: DaemonSet
    /// metadata: { name: cache }
    /// spec:
    ///   selector: { matchLabels: { app: cache } }
    ///   template:
    ///     metadata: { labels: { app: cache } }
    ///     spec:
    ///       containers:
    ///       - name: cache
    ///         image: cache:1.2
    ///         ports: [{ name: http, containerPort: 8080 }]
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: cache }
    /// spec:
    ///   selector: { app: cache }
    ///   ports: [{ name: http, port: 80, targetPort: http }]
    /// ```
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: DaemonSet
    /// metadata: { name: cache }
    /// spec:
    ///   selector: { matchLabels: { app: cache } }
    ///   template:
    ///     metadata: { labels: { app: cache } }
    ///     spec:
    ///       containers:
    ///       - name: log-shipper
    ///         image: log-shipper:3.0
    ///         resources: { requests: { cpu: 50m, memory: 64Mi }, limits: { memory: 64Mi } }
    ///       - name: cache
    ///         image: cache:1.2
    ///         ports: [{ name: http, containerPort: 8080 }]
    ///         readinessProbe: { httpGet: { path: /ready, port: http } }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: cache }
    /// spec:
    ///   selector: { app: cache }
    ///   ports: [{ name: http, port: 80, targetPort: http }]
    /// ```
    "probes/missing-readiness" pub struct MissingReadiness {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("needs the Service that sends the traffic"),
}

impl Rule for MissingReadiness {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in
            cluster.workloads().iter().filter(|it| !it.is_exempt() && !it.borrows_template())
        {
            let mut told = Vec::new();
            for (service, container, spot) in traffic(cluster, workload) {
                if container.place.get("readinessProbe").is_some()
                    || told.contains(&container.place)
                {
                    continue;
                }
                told.push(container.place);
                let message = format!(
                    "container `{}` has no readinessProbe, Service `{}` sends it traffic",
                    container.name, service.name
                );
                cx.report(workload, container.place, message)
                    .here("ready as soon as it runs")
                    .label_if(spot, "leads here")
                    .help("add a `readinessProbe` that succeeds once the container can answer requests");
            }
        }
    }
}

/// The containers that Services send a workload's traffic to, with the place in the Service that says so.
fn traffic<'c, 'a>(
    cluster: &'c Cluster<'a>,
    workload: &'c Workload<'a>,
) -> Vec<(&'c Service<'a>, &'c Container<'a>, Option<Place<'a>>)> {
    let mut found = Vec::new();
    for service in cluster.services_of(workload).filter(|service| waits_for_readiness(service)) {
        for port in service.ports.iter().filter(|port| !is_for_metrics(port)) {
            let container = cluster.serving_container(workload, port.target_port(), port.protocol);
            let spot = port.target.unwrap_or(port.place);
            found.extend(container.map(|container| (service, container, Some(spot))));
        }
        if service.ports.is_empty() {
            let spot = service.selector.as_ref().map(|selector| selector.place);
            found.extend(workload.containers.first().map(|container| (service, container, spot)));
        }
    }
    found
}

/// Some Services list pods that are not ready on purpose, such as those for the discovery of peers.
fn waits_for_readiness(service: &Service<'_>) -> bool {
    let publishes = service.at("spec/publishNotReadyAddresses").and_then(Place::boolean);
    let kind = service.at("spec/type").and_then(Place::text);
    publishes != Some(true) && kind != Some("ExternalName")
}

fn is_for_metrics(port: &ServicePort<'_>) -> bool {
    let target = match port.target_port() {
        Some(PortRef::Name(name)) => Some(name),
        _ => None,
    };
    port.name.into_iter().chain(target).any(|name| name.split('-').any(|word| word == "metrics"))
}

cases! {
    a_good_service: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template:\n    metadata: {labels: {app: a}}\n    spec:\n      containers:\n      - name: a\n        ports: [{name: http, containerPort: 8080}]\n        startupProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 10, failureThreshold: 12}\n        readinessProbe: {httpGet: {path: /ready, port: http}, periodSeconds: 10}\n        livenessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 30, timeoutSeconds: 5}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}, ports: [{name: http, port: 80, targetPort: http}]}\n"
        => [],
    not_served: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: w}]}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: b}, ports: [{port: 80}]}\n"
        => [],
    first_container_if_no_port_is_declared: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: w}, {name: x}]}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}, ports: [{port: 80}, {port: 81}]}\n"
        => ["4:76"],
    container_of_the_target_port: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template:\n    metadata: {labels: {app: a}}\n    spec:\n      containers:\n      - name: w\n        readinessProbe: {tcpSocket: {port: 1}}\n      - name: proxy\n        ports: [{containerPort: 8443}]\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}, ports: [{port: 80, targetPort: 8443}]}\n"
        => ["11:15"],
    a_sidecar_that_serves: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template:\n    metadata: {labels: {app: a}}\n    spec:\n      containers: [{name: w}]\n      initContainers: [{name: proxy, restartPolicy: Always, ports: [{name: in, containerPort: 1}], readinessProbe: {grpc: {port: 1}}}]\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}, ports: [{port: 80, targetPort: in}]}\n"
        => [],
    jobs_are_exempt: "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: w}]}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}, ports: [{port: 80}]}\n"
        => [],
    other_namespace: "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: n, labels: {app: a}}\nspec: {containers: [{name: w}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: m}\nspec: {selector: {app: a}, ports: [{port: 80}]}\n"
        => [],
    across_files: "# file: a.yaml\napiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: n, labels: {app: a}}\nspec: {containers: [{name: w}]}\n# file: b.yaml\napiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: n}\nspec: {selector: {app: a}, ports: [{port: 80}]}\n"
        => ["a.yaml:4:28"],
    two_services_one_report: "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {app: a}}\nspec: {containers: [{name: w}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}, ports: [{port: 80}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: b}\nspec: {clusterIP: None, selector: {app: a}}\n"
        => ["4:28"],
    headless_without_ports: "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {app: a}}\nspec: {containers: [{name: w}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: b}\nspec: {clusterIP: None, selector: {app: a}}\n"
        => ["4:28"],
    discovery_of_peers: "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {app: a}}\nspec: {containers: [{name: w}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: b}\nspec: {clusterIP: None, publishNotReadyAddresses: true, selector: {app: a}}\n"
        => [],
    port_for_prometheus: "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {app: a}}\nspec:\n  containers:\n  - {name: w, readinessProbe: {exec: {command: [ok]}}}\n  - {name: exporter, ports: [{name: metrics, containerPort: 9090}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}, ports: [{name: http, port: 80}, {name: http-metrics, port: 9090, targetPort: metrics}]}\n"
        => [],
    templated: "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {app: a}}\nspec: {containers: [{name: w, readinessProbe: '{{ .Values.readiness }}'}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}, ports: [{port: 80}]}\n"
        => [],
}
