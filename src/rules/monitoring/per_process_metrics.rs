use rustc_hash::FxHashMap;

use crate::rules::prelude::*;

declare_rule! {
    /// Several worker processes share one metrics port.
    ///
    /// ## Why
    /// Each worker counts for itself, and a scrape meets one of them by chance: counters jump back, `rate()` takes that for
    /// restarts, and gauges tell of one worker. The Python client shares its numbers where `PROMETHEUS_MULTIPROC_DIR` says
    /// (prometheus.github.io/client_python/multiprocess). Whether a worker uses that client nobody can see, so this is advice.
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
    ///         env: [{ name: WEB_CONCURRENCY, value: "4" }]
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PodMonitor
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   podMetricsEndpoints: [{ port: http, interval: 15s }]
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
    ///         env: [{ name: WEB_CONCURRENCY, value: "4" }, { name: PROMETHEUS_MULTIPROC_DIR, value: /tmp/metrics }]
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PodMonitor
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   podMetricsEndpoints: [{ port: http, interval: 15s }]
    /// ```
    "monitoring/per-process-metrics" pub struct PerProcessMetrics {}
    severity: Info, fix: FixKind::None, preset: Preset::Strict, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("needs the Services or pods that are scraped"),
}

impl Rule for PerProcessMetrics {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        // The containers that a monitor scrapes, each once, with the endpoint.
        let mut scraped = FxHashMap::default();
        for monitor in cluster.monitors() {
            for endpoint in &monitor.endpoints {
                for (workload, service) in cluster.scraped_by(monitor) {
                    if let Some(port) = endpoint.scraped(workload, service)
                        && let Some(index) = bearer(workload, &port)
                    {
                        scraped.entry((workload.index, index)).or_insert(endpoint);
                    }
                }
            }
        }
        for workload in cluster.workloads().iter().filter(|it| !it.borrows_template()) {
            for (index, container) in workload.containers.iter().enumerate() {
                let Some(endpoint) = scraped.get(&(workload.index, index)) else { continue };
                let Some((place, name, count)) = workers(container) else { continue };
                let message = format!(
                    "container `{}` runs {count} workers, and a scrape meets one of them",
                    container.name
                );
                let spot = endpoint.port.or(endpoint.target_port).unwrap_or(endpoint.place);
                cx.report(workload, place, message)
                    .here(format!("`{name}` starts {count}"))
                    .label(spot, "scraped here")
                    .help("set `PROMETHEUS_MULTIPROC_DIR`, or run one worker a pod");
            }
        }
    }
}

/// The container that declares the port, else the only one.
fn bearer(workload: &Workload<'_>, port: &Scraped<'_>) -> Option<usize> {
    let declares = |container: &Container<'_>| {
        container.ports.iter().any(|it| it.number.is_some() && it.number == port.number)
    };
    let only = (workload.containers.len() == 1).then_some(0);
    workload.containers.iter().position(declares).or(only)
}

/// The variable that asks for more than one worker; none where the workers share their numbers, or may.
fn workers<'a>(container: &Container<'a>) -> Option<(Place<'a>, &'a str, u32)> {
    let shares = |it: Place<'a>| {
        it.text_of("name").is_some_and(|it| it.eq_ignore_ascii_case("PROMETHEUS_MULTIPROC_DIR"))
    };
    let env = || container.place.list("env");
    if env().any(shares) || container.place.get("envFrom").is_some() {
        return None;
    }
    env().find_map(|variable| {
        let (name, value) = (variable.text_of("name")?, variable.get("value")?);
        let text = value.text()?;
        let count = match name {
            "UVICORN_WORKERS" | "WEB_CONCURRENCY" => text.trim().parse().ok()?,
            "GUNICORN_CMD_ARGS" => of_arguments(text)?,
            _ => return None,
        };
        (count > 1).then_some((value, name, count))
    })
}

/// `--workers=4`, `--workers 4`, `-w 4`, `-w4`
fn of_arguments(text: &str) -> Option<u32> {
    let words: Vec<_> = text.split_whitespace().collect();
    words.iter().enumerate().find_map(|(at, word)| {
        let rest = word.strip_prefix("--workers").or_else(|| word.strip_prefix("-w"))?;
        let rest = rest.strip_prefix('=').unwrap_or(rest);
        if rest.is_empty() { words.get(at + 1)?.parse().ok() } else { rest.parse().ok() }
    })
}

cases! {
    gunicorn: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: w, ports: [{containerPort: 80}], env: [{name: GUNICORN_CMD_ARGS, value: \"--bind :80 -w 2\"}]}, {name: v, env: [{name: WEB_CONCURRENCY, value: \"3\"}]}]}}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, podMetricsEndpoints: [{portNumber: 80}]}\n"
        => ["4:148"],
    one_worker_or_unknown: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: w, env: [{name: WEB_CONCURRENCY, value: \"1\"}, {name: UVICORN_WORKERS, valueFrom: {}}]}]}}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, podMetricsEndpoints: [{portNumber: 80}]}\n"
        => [],
}
