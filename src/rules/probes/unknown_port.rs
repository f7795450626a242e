use crate::rules::prelude::*;

declare_rule! {
    /// A probe or lifecycle hook names a port that its container does not declare.
    ///
    /// ## Why
    /// The kubelet looks a port's name up among the ports of the same container, not of the pod and not of the
    /// Service. It finds none, so the probe fails for ever: the pod never gets ready, or is restarted in a loop. The
    /// API server takes it without a word (stackrox/kube-linter#1197). Numbers need no declaration.
    ///
    /// ## Peers
    /// kube-linter reports every port of a probe that the container does not declare, numbers too. slogen reports
    /// names only: the kubelet connects to a number whether it is declared or not, and `containerPort` is no more
    /// than documentation for it.
    ///
    /// ## Fix safety
    /// Unsafe: the nearest name is a guess, and a probe that works starts to restart pods.
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
    ///         ports: [{ name: http, containerPort: 8080 }]
    ///         readinessProbe: { httpGet: { path: /ready, port: htpp } }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    /// ```yaml,fixed
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
    ///         ports: [{ name: http, containerPort: 8080 }]
    ///         readinessProbe: { httpGet: { path: /ready, port: http } }
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
    ///         ports: [{ name: http, containerPort: 8080 }]
    ///         readinessProbe: { httpGet: { path: /ready, port: http } }
    ///         livenessProbe: { tcpSocket: { port: 9090 } }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "probes/unknown-port" pub struct UnknownPort {}
    severity: Error, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::SERVERS,
    conditions: &[policy::UNOWNED],
    shared: policy::OF_CONTAINERS,
    variables: &[
        Variable {
            name: "handlers",
            cel: "
        variables.containers.map(c, [c]
          + (has(c.startupProbe) ? [c.startupProbe] : [])
          + (has(c.readinessProbe) ? [c.readinessProbe] : [])
          + (has(c.livenessProbe) ? [c.livenessProbe] : [])
          + (has(c.lifecycle) && has(c.lifecycle.postStart) ? [c.lifecycle.postStart] : [])
          + (has(c.lifecycle) && has(c.lifecycle.preStop) ? [c.lifecycle.preStop] : []))
        ",
        },
        findings(
            "
        // The first of each list is the container itself, which is no handler.
        variables.handlers
          .map(them, [them[0].name, (them.filter(h, has(h.httpGet)).map(h, h.httpGet.port)
            + them.filter(h, has(h.tcpSocket)).map(h, h.tcpSocket.port))
            .filter(port, string(port) == port && port != ''
              && !(has(them[0].ports)
                && them[0].ports.exists(it, has(it.name) && it.name in ['', port])))
            .map(port, '`' + port + '`').join(' and ')])
          .filter(unknown, unknown[1] != '')
          .map(unknown, 'container `' + unknown[0] + '` has no port ' + unknown[1]
            + ', which a probe or hook asks for')
        ",
        ),
    ],
};

impl Rule for UnknownPort {
    fn check(&self, cx: &mut Ctx<'_>) {
        let workloads = cx.cluster.workloads().iter();
        for workload in workloads.filter(|it| !it.is_exempt() && !it.borrows_template()) {
            for container in workload.containers.iter().filter(|it| knows_its_ports(it)) {
                let mut told = Vec::new();
                for (what, path) in HANDLERS {
                    if let Some(port) = container.place.at(path)
                        && let Some(PortRef::Name(name)) = PortRef::read(port)
                        && is_literal(name)
                        && !container.ports.iter().any(|port| port.name == Some(name))
                        && !told.contains(&port)
                    {
                        told.push(port);
                        report(cx, workload, container, port, (what, name));
                    }
                }
            }
        }
    }
}

/// Where a container names ports of its own.
const HANDLERS: [(&str, &str); 10] = [
    ("startupProbe", "startupProbe/httpGet/port"),
    ("startupProbe", "startupProbe/tcpSocket/port"),
    ("readinessProbe", "readinessProbe/httpGet/port"),
    ("readinessProbe", "readinessProbe/tcpSocket/port"),
    ("livenessProbe", "livenessProbe/httpGet/port"),
    ("livenessProbe", "livenessProbe/tcpSocket/port"),
    ("postStart", "lifecycle/postStart/httpGet/port"),
    ("postStart", "lifecycle/postStart/tcpSocket/port"),
    ("preStop", "lifecycle/preStop/httpGet/port"),
    ("preStop", "lifecycle/preStop/tcpSocket/port"),
];

fn report<'a>(
    cx: &mut Ctx<'a>,
    workload: &Workload<'a>,
    container: &Container<'a>,
    port: Place<'a>,
    (what, name): (&str, &str),
) {
    let names = || container.ports.iter().filter_map(|port| port.name);
    let has = names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let has = if has.is_empty() { "no named port".to_owned() } else { has };
    let near = nearest(name, names());
    let elsewhere = workload.containers.iter().find_map(|other| {
        let port = other.ports.iter().find(|port| port.name == Some(name))?;
        Some((other.name, port.place))
    });
    let declared = container.place.get("ports");
    let message =
        format!("{what} asks for port `{name}`, container `{}` has {has}", container.name);
    let report = cx
        .report(workload, port, message)
        .here("resolves to nothing")
        .label_if(declared, "its ports");
    let report = match elsewhere {
        Some((other, place)) => report.label(place, format!("a port of container `{other}`")),
        None => report,
    };
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        report.help(format!("write the number without quotes: `port: {name}`"));
    } else if let Some(near) = near {
        report.help(format!("write `port: {near}`")).fix_unsafe(
            format!("write `port: {near}` (unsafe: the nearest name is a guess)"),
            [edit::set(port, near)],
        );
    } else {
        let container = container.name;
        report.help(format!(
            "write the port's number, or give container `{container}` a port of this name"
        ));
    }
}

/// True if all names of its ports can be read.
fn knows_its_ports(container: &Container<'_>) -> bool {
    container.place.get("ports").is_none_or(Place::is_sequence)
        && container.ports.iter().all(|port| {
            port.place.is_mapping()
                && port.place.get("name").is_none_or(|name| name.text().is_some_and(is_literal))
        })
}

/// True for what is no placeholder of a template.
fn is_literal(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

cases! {
    a_good_service: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template:\n    metadata: {labels: {app: a}}\n    spec:\n      containers:\n      - name: a\n        ports: [{name: http, containerPort: 8080}]\n        startupProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 10, failureThreshold: 12}\n        readinessProbe: {httpGet: {path: /ready, port: http}, periodSeconds: 10}\n        livenessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 30, timeoutSeconds: 5}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}, ports: [{name: http, port: 80, targetPort: http}]}\n"
        => [],
    each_probe_and_hook: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: w\n    ports:\n    - {name: http, containerPort: 8080}\n    - {containerPort: 9090}\n    startupProbe: {tcpSocket: {port: web}}\n    readinessProbe:\n      httpGet:\n        port: admin\n    livenessProbe: {httpGet: {port: http}}\n    lifecycle:\n      preStop: {httpGet: {path: /drain, port: drain}}\n      postStart: {tcpSocket: {port: 8080}}\n"
        => ["10:38", "13:15", "16:47"],
    numbers_need_no_declaration: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: w, readinessProbe: {httpGet: {port: 8080}}, livenessProbe: {grpc: {port: 9000}}}]}\n"
        => [],
    a_quoted_number_is_a_name: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: w, ports: [{containerPort: 8080}], readinessProbe: {httpGet: {port: '8080'}}}]}\n"
        => ["4:96"],
    without_ports: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: w, readinessProbe: {httpGet: {port: http}}}]}}}\n"
        => ["4:82"],
    port_of_another_container: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: w, readinessProbe: {httpGet: {port: http}}}\n  - {name: x, ports: [{name: http, containerPort: 80}]}\n"
        => ["6:48"],
    protocol_does_not_matter: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: w, ports: [{name: dns, containerPort: 53, protocol: UDP}], livenessProbe: {tcpSocket: {port: dns}}}]}\n"
        => [],
    sidecars_but_not_init_containers: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  initContainers:\n  - {name: i, readinessProbe: {httpGet: {port: http}}}\n  - {name: s, restartPolicy: Always, readinessProbe: {httpGet: {port: http}}}\n  containers: [{name: w}]\n"
        => ["7:71"],
    templated: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: w, ports: [{name: '{{ .Values.port }}', containerPort: 80}], readinessProbe: {httpGet: {port: http}}}\n  - {name: x, ports: [{name: http, containerPort: 81}], readinessProbe: {httpGet: {port: '{{ .Values.port }}'}}}\n  - {name: y, ports: '{{ .Values.ports }}', readinessProbe: {httpGet: {port: http}}}\n"
        => [],
    jobs_are_exempt: "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: w, readinessProbe: {httpGet: {port: http}}}]}}}\n"
        => [],
    shared_by_an_anchor: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: w\n    ports: [{name: http, containerPort: 80}]\n    readinessProbe: &probe {httpGet: {port: htp}}\n    livenessProbe: {<<: *probe, periodSeconds: 30}\n"
        => ["8:45"],
}
