use crate::rules::prelude::*;
use crate::units::plain;

declare_rule! {
    /// A probe gives up too early or too late for what it measures.
    ///
    /// ## Why
    /// A probe that waits longer than its period starts the next try late, so failures count more slowly than they are
    /// written. Beside a slo.toml, a readiness or liveness probe that gives up before the slowest latency target is a
    /// warning: the service answers within its target, and is taken out or restarted under load all the same.
    /// `timeoutSeconds` is 1 unless it is set.
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
    ///         readinessProbe: { httpGet: { path: /ready, port: http }, periodSeconds: 5, timeoutSeconds: 10 }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
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
    ///         readinessProbe: { httpGet: { path: /ready, port: http } }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "default"
    /// image = "shop:1.2"
    /// [targets]
    /// latency = [{ percentile = 95, below = "3s" }]
    /// [metrics]
    /// buckets = [1, 3, 10]
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
    ///         readinessProbe: { httpGet: { path: /ready, port: http }, timeoutSeconds: 4 }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "default"
    /// image = "shop:1.2"
    /// [targets]
    /// latency = [{ percentile = 95, below = "3s" }]
    /// [metrics]
    /// buckets = [1, 3, 10]
    /// ```
    "probes/mismatched-timeout" pub struct MismatchedTimeout {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("needs the slo.toml of the service for what is more than advice"),
}

impl Rule for MismatchedTimeout {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.workloads().iter().filter(|workload| !workload.is_exempt()) {
            let declared = cluster.declared(workload);
            let main = declared.and_then(|it| cluster.main_container(workload, &it.name));
            for container in &workload.containers {
                for which in [ProbeKind::Startup, ProbeKind::Readiness, ProbeKind::Liveness] {
                    let Some(probe) = container.probe(which).filter(is_known) else { continue };
                    if !workload.borrows_template() {
                        late(cx, workload, container, probe);
                    }
                    if let Some(slowest) = declared.and_then(|it| it.slowest.as_ref())
                        && main.is_some_and(|main| main.place == container.place)
                        // Nothing is asked of the service while it starts.
                        && which != ProbeKind::Startup
                    {
                        early(cx, workload, container, probe, slowest);
                    }
                }
            }
        }
    }
}

fn is_known(probe: &Probe<'_>) -> bool {
    probe.is_readable() && probe.place.get("timeoutSeconds").is_none_or(|it| it.int().is_some())
}

fn late(cx: &mut Ctx<'_>, workload: &Workload<'_>, container: &Container<'_>, probe: Probe<'_>) {
    let (timeout, period, key) = (probe.timeout(), probe.period(), probe.which.key());
    if timeout <= period {
        return;
    }
    let written = probe.place.get("periodSeconds");
    let label =
        if written.is_some() { "the period" } else { "periodSeconds is unset, which is 10" };
    let message = format!(
        "{key} of container `{}` waits {timeout} s for an answer, every {period} s",
        container.name
    );
    cx.report(workload, probe.place.get("timeoutSeconds").unwrap_or(probe.place), message)
        .severity(Info)
        .here("longer than the period")
        .label(written.unwrap_or(probe.place), label)
        .help(format!("set `timeoutSeconds` to {period} or less"));
}

fn early(
    cx: &mut Ctx<'_>,
    workload: &Workload<'_>,
    container: &Container<'_>,
    probe: Probe<'_>,
    slowest: &Written<Duration>,
) {
    let (timeout, below, key) = (probe.timeout(), slowest.value.seconds(), probe.which.key());
    if Decimal::from(timeout) >= below {
        return;
    }
    let written = probe.place.get("timeoutSeconds");
    let message = format!(
        "{key} of container `{}` gives up after {timeout} s, the latency target is {} s",
        container.name,
        plain(below)
    );
    cx.report(workload, written.unwrap_or(probe.place), message)
        .here(if written.is_some() { "" } else { "timeoutSeconds is unset, which is 1" })
        .label(slowest.span, "the slowest target")
        .help(format!("set `{key}.timeoutSeconds: {}`", plain(below.ceil())));
}

cases! {
    longer_than_the_period: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: c\n    livenessProbe: {tcpSocket: {port: 1}, timeoutSeconds: 11}\n    readinessProbe: {tcpSocket: {port: 1}, timeoutSeconds: 10}\n    startupProbe: {tcpSocket: {port: 1}, timeoutSeconds: 3, periodSeconds: 2}\n"
        => ["7:59", "9:58"],
    unknown: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers: [{name: c, livenessProbe: {tcpSocket: {port: 1}, timeoutSeconds: '${T}', periodSeconds: 1}}, {name: d, livenessProbe: {tcpSocket: {port: 1}, timeoutSeconds: 9, periodSeconds: '${T}'}}]\n"
        => [],
    only_the_main_container: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec:\n  template:\n    spec:\n      containers:\n      - {name: proxy, livenessProbe: {tcpSocket: {port: 1}}}\n      - name: shop\n        startupProbe: {tcpSocket: {port: 1}}\n        livenessProbe: {tcpSocket: {port: 1}}\n        readinessProbe: {tcpSocket: {port: 1}, timeoutSeconds: 2}\n# file: slo.toml\n[service]\nname = \"shop\"\nnamespace = \"default\"\nimage = \"shop:1.2\"\n[targets]\nlatency = [{ percentile = 95, below = \"3s\" }]\n[metrics]\nbuckets = [1, 3, 10]\n"
        => ["11:9", "12:64"],
}
