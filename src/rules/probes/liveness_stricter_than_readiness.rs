use crate::rules::prelude::*;

declare_rule! {
    /// Liveness gives up no later than readiness on the same check.
    ///
    /// ## Why
    /// Under overload both probes start to fail. Readiness should act first: it takes the pod out of the Service, so
    /// that it can recover. If liveness is as fast, the pod is restarted instead, its load falls on the others, they
    /// fail too, and the whole fleet restarts in turn (zegl/kube-score#339). One check for both probes is fine as long
    /// as liveness is the slower one; each gives up after period × failures.
    ///
    /// ## Peers
    /// kube-score forbids that both probes are the same. slogen allows it where liveness gives up later than
    /// readiness: what restarts a fleet is not that the checks are equal, but that liveness acts first.
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
    ///         readinessProbe: { httpGet: { path: /healthz, port: http } }
    ///         livenessProbe: { httpGet: { path: /healthz, port: 8080 } }
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
    ///         readinessProbe: { httpGet: { path: /healthz, port: http } }
    ///         livenessProbe: { httpGet: { path: /healthz, port: http }, failureThreshold: 6 }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "probes/liveness-stricter-than-readiness" pub struct LivenessStricterThanReadiness {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::SERVERS,
    conditions: &[policy::UNOWNED],
    shared: policy::OF_CONTAINERS,
    variables: &[findings(
        "
        // Of each container its name, after how many seconds liveness and readiness give up, and what either looks at,
        // with the numbers of named ports.
        variables.containers.filter(c, has(c.livenessProbe) && has(c.readinessProbe))
          .map(c, [[c.name], [c.livenessProbe, c.readinessProbe].map(p, string(
              (has(p.periodSeconds) && p.periodSeconds > 0 ? p.periodSeconds : 10)
              * (has(p.failureThreshold) && p.failureThreshold > 0 ? p.failureThreshold : 3)))]
            + [c.livenessProbe, c.readinessProbe].map(p,
              has(p.httpGet) ? ['http', has(p.httpGet.host) ? p.httpGet.host : '',
                string(((has(c.ports) ? c.ports : []).filter(it, has(it.name) && it.name == p.httpGet.port)
                  .map(it, it.containerPort) + [p.httpGet.port])[0]),
                has(p.httpGet.path) && p.httpGet.path != '' ? p.httpGet.path : '/']
              : has(p.tcpSocket) ? ['tcp', has(p.tcpSocket.host) ? p.tcpSocket.host : '',
                string(((has(c.ports) ? c.ports : []).filter(it, has(it.name) && it.name == p.tcpSocket.port)
                  .map(it, it.containerPort) + [p.tcpSocket.port])[0])]
              : has(p.grpc) ? ['grpc', string(p.grpc.port), has(p.grpc.service) ? p.grpc.service : '']
              : has(p.exec) && has(p.exec.command) ? ['exec'] + p.exec.command
              : []))
          .filter(it, int(it[1][0]) <= int(it[1][1]) && size(it[2]) > 0 && it[2] == it[3])
          .map(it, 'liveness restarts container `' + it[0][0] + '` after ' + it[1][0]
            + ' s, readiness sheds its load after ' + it[1][1] + ' s, on the same check')
        ",
    )],
};

impl Rule for LivenessStricterThanReadiness {
    fn check(&self, cx: &mut Ctx<'_>) {
        for workload in
            cx.cluster.workloads().iter().filter(|it| !it.is_exempt() && !it.borrows_template())
        {
            for container in &workload.containers {
                if let Some(liveness) = container.probe(ProbeKind::Liveness)
                    && let Some(readiness) = container.probe(ProbeKind::Readiness)
                    && liveness.is_readable()
                    && readiness.is_readable()
                    && patience(liveness) <= patience(readiness)
                    && let Some(check) = Check::of(liveness, container)
                    && Some(&check) == Check::of(readiness, container).as_ref()
                {
                    let (restart, shed) = (patience(liveness), patience(readiness));
                    // Twice as long leaves readiness the time to help.
                    let failures =
                        shed.saturating_mul(2).div_ceil(liveness.period().unsigned_abs());
                    let message = format!(
                        "liveness restarts container `{}` after {restart} s, readiness sheds its load after {shed} s",
                        container.name
                    );
                    cx.report(workload, liveness.place, message)
                        .here(format!("{} s × {}", liveness.period(), liveness.failure_threshold()))
                        .label(
                            readiness.place,
                            format!(
                                "the same check, {} s × {}",
                                readiness.period(),
                                readiness.failure_threshold()
                            ),
                        )
                        .help(format!("set `livenessProbe.failureThreshold: {failures}`"));
                }
            }
        }
    }
}

/// How long a probe fails before something happens, in seconds.
fn patience(probe: Probe<'_>) -> u64 {
    probe.period().unsigned_abs().saturating_mul(probe.failure_threshold().unsigned_abs())
}

/// What a probe looks at, defaults written out.
#[derive(PartialEq)]
enum Check<'a> {
    Http { path: &'a str, port: PortRef<'a>, host: Option<&'a str> },
    Tcp { port: PortRef<'a>, host: Option<&'a str> },
    Grpc { port: PortRef<'a>, service: &'a str },
    Exec(Vec<&'a str>),
}

impl<'a> Check<'a> {
    fn of(probe: Probe<'a>, container: &Container<'a>) -> Option<Self> {
        let (key, handler) = probe.handler()?;
        let port = || Some(resolved(PortRef::read(handler.get("port")?)?, container));
        let host = handler.text_of("host");
        Some(match key {
            "httpGet" => {
                let path = handler.text_of("path").filter(|path| !path.is_empty()).unwrap_or("/");
                Self::Http { path, port: port()?, host }
            }
            "tcpSocket" => Self::Tcp { port: port()?, host },
            "grpc" => {
                Self::Grpc { port: port()?, service: handler.text_of("service").unwrap_or("") }
            }
            _ => {
                Self::Exec(handler.get("command")?.items().map(Place::text).collect::<Option<_>>()?)
            }
        })
    }
}

/// The number of a named port, if it is declared.
fn resolved<'a>(port: PortRef<'a>, container: &Container<'a>) -> PortRef<'a> {
    let PortRef::Name(name) = port else { return port };
    let declared = container.ports.iter().find(|port| port.name == Some(name));
    declared.and_then(|port| port.number).map_or(port, PortRef::Number)
}

cases! {
    a_good_service: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template:\n    metadata: {labels: {app: a}}\n    spec:\n      containers:\n      - name: a\n        ports: [{name: http, containerPort: 8080}]\n        startupProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 10, failureThreshold: 12}\n        readinessProbe: {httpGet: {path: /ready, port: http}, periodSeconds: 10}\n        livenessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 30, timeoutSeconds: 5}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}, ports: [{name: http, port: 80, targetPort: http}]}\n"
        => [],
    each_handler: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: tcp\n    readinessProbe: {tcpSocket: {port: 1}, periodSeconds: 5}\n    livenessProbe: {tcpSocket: {port: 1}, periodSeconds: 5}\n  - name: grpc\n    readinessProbe: {grpc: {port: 1, service: ''}, periodSeconds: 5}\n    livenessProbe: {grpc: {port: 1}, periodSeconds: 1, failureThreshold: 9}\n  - name: exec\n    readinessProbe: {exec: {command: [cat, /ready]}}\n    livenessProbe: {exec: {command: [\"cat\", '/ready']}, failureThreshold: 1}\n  - name: http\n    readinessProbe: {httpGet: {port: 1}}\n    livenessProbe: {httpGet: {port: 1, path: /}}\n"
        => ["8:5", "11:5", "14:5", "17:5"],
    other_checks: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: a, readinessProbe: {httpGet: {port: 1, path: /ready}}, livenessProbe: {httpGet: {port: 1, path: /healthz}}}\n  - {name: b, readinessProbe: {httpGet: {port: 1, path: /ready}}, livenessProbe: {tcpSocket: {port: 1}}}\n  - {name: c, readinessProbe: {grpc: {port: 1, service: ready}}, livenessProbe: {grpc: {port: 1}}}\n  - {name: d, readinessProbe: {exec: {command: [a, b]}}, livenessProbe: {exec: {command: [a]}}}\n  - {name: e, readinessProbe: {tcpSocket: {port: 1}}, livenessProbe: {tcpSocket: {port: 2}}}\n"
        => [],
    liveness_is_slower: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: a, readinessProbe: &p {httpGet: {port: 1}}, livenessProbe: {<<: *p, periodSeconds: 11}}\n  - {name: b, readinessProbe: {httpGet: {port: 1}, failureThreshold: 1}, livenessProbe: {httpGet: {port: 1}}}\n"
        => [],
    delay_and_timeout_do_not_count: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, readinessProbe: {httpGet: {port: 1}}, livenessProbe: {httpGet: {port: 1}, initialDelaySeconds: 300, timeoutSeconds: 9}}]}\n"
        => ["4:69"],
    across_containers: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, readinessProbe: {httpGet: {port: 1}}}, {name: b, livenessProbe: {httpGet: {port: 1}}}]}\n"
        => [],
    aliased_probe: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n      containers:\n      - name: a\n        readinessProbe: &p {httpGet: {port: 1}}\n        livenessProbe: *p\n"
        => ["10:9"],
    undeclared_port_name: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, ports: [{name: http, containerPort: 1}], readinessProbe: {httpGet: {port: http}}, livenessProbe: {httpGet: {port: web}}}]}\n"
        => [],
    templated: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, readinessProbe: {httpGet: {port: 1}, periodSeconds: '{{ .Values.period }}'}, livenessProbe: {httpGet: {port: 1}}}]}\n"
        => [],
    jobs_are_exempt: "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{name: a, readinessProbe: {httpGet: {port: 1}}, livenessProbe: {httpGet: {port: 1}}}]}}}}}\n"
        => [],
}
