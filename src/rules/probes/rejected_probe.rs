use crate::rules::prelude::*;

declare_rule! {
    /// The API server refuses a probe.
    ///
    /// ## Why
    /// A probe needs exactly one of `httpGet`, `tcpSocket`, `grpc` and `exec`; liveness and startup succeed at the
    /// first success, so another `successThreshold` is refused; and an init container runs to its end, so it has no
    /// probes and no lifecycle unless it is a sidecar, `restartPolicy: Always`
    /// (k8s:pkg/apis/core/validation/validation.go). The whole object is refused, half way through a release.
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
    ///         livenessProbe:
    ///           httpGet: { path: /healthz, port: 8080 }
    ///           successThreshold: 2 # to be sure
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
    ///         livenessProbe:
    ///           httpGet: { path: /healthz, port: 8080 }
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
    ///         readinessProbe: { httpGet: { path: /ready, port: 8080 }, successThreshold: 2 }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "probes/rejected-probe" pub struct RejectedProbe {}
    severity: Error, fix: FixKind::Safe, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("finds what the API server itself refuses"),
}

impl Rule for RejectedProbe {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.templates() {
            for container in &workload.containers {
                for which in [ProbeKind::Startup, ProbeKind::Readiness, ProbeKind::Liveness] {
                    if let Some(probe) = container.probe(which) {
                        handlers(cx, workload, container, probe);
                        successes(cx, workload, container, probe);
                    }
                }
            }
            for container in &workload.init_containers {
                init(cx, workload, container);
            }
        }
    }
}

fn handlers(
    cx: &mut Ctx<'_>,
    workload: &Workload<'_>,
    container: &Container<'_>,
    probe: Probe<'_>,
) {
    let (key, name) = (probe.which.key(), container.name);
    let found = ["httpGet", "tcpSocket", "grpc", "exec"].map(|handler| probe.place.get(handler));
    let mut found: Vec<_> = found.into_iter().flatten().collect();
    found.sort_by_key(|handler| handler.order());
    match found.as_slice() {
        [] => {
            cx.report(workload, probe.place, format!("{key} of container `{name}` has no handler"))
                .here("asks nothing")
                .help("add one of `httpGet`, `tcpSocket`, `grpc` and `exec`");
        }
        [first, second, ..] => {
            let number = found.len();
            let message =
                format!("{key} of container `{name}` has {number} handlers, one is allowed");
            cx.report(workload, *second, message)
                .here("one too many")
                .label(*first, "the first one")
                .help("keep one handler");
        }
        [_] => {}
    }
}

fn successes(
    cx: &mut Ctx<'_>,
    workload: &Workload<'_>,
    container: &Container<'_>,
    probe: Probe<'_>,
) {
    if let Some(place) = probe.place.get("successThreshold")
        && probe.which != ProbeKind::Readiness
        // 0 is as good as unset.
        && let Some(number) = place.int().filter(|number| !matches!(number, 0 | 1))
    {
        let (key, name) = (probe.which.key(), container.name);
        let message = format!("`successThreshold` of {key} of container `{name}` is {number}");
        cx.report(workload, place, message)
            .here("must be 1")
            .help("remove `successThreshold`")
            .fix_safe("remove `successThreshold`", [edit::remove(place)]);
    }
}

fn init(cx: &mut Ctx<'_>, workload: &Workload<'_>, container: &Container<'_>) {
    // What will be filled in may make it a sidecar.
    let restart = container.place.text_of("restartPolicy");
    if restart.is_some_and(is_placeholder) {
        return;
    }
    for key in ["startupProbe", "readinessProbe", "livenessProbe", "lifecycle"] {
        if let Some(place) = container.place.get(key).filter(|place| place.is_mapping()) {
            cx.report(workload, place, format!("init container `{}` has a {key}", container.name))
                .here("it runs to its end")
                .help(format!("remove `{key}`, or set `restartPolicy: Always` for a sidecar"));
        }
    }
}

cases! {
    handlers: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: a, livenessProbe: {}}\n  - {name: b, livenessProbe: {periodSeconds: 3}}\n  - {name: c, readinessProbe: {exec: {command: [a]}, grpc: {port: 1}}}\n  - {name: d, startupProbe: {exec: {command: [a]}, grpc: null}}\n  - {name: e, startupProbe: null}\n  - {name: f, startupProbe: \"${PROBE}\"}\n"
        => ["6:15", "7:15", "8:54"],
    successes: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: a\n    livenessProbe: {grpc: {port: 1}, successThreshold: 1}\n    startupProbe: {grpc: {port: 1}, successThreshold: 3}\n    readinessProbe: {grpc: {port: 1}, successThreshold: 3}\n  - {name: b, livenessProbe: {grpc: {port: 1}, successThreshold: 0}}\n"
        => ["8:55"],
    init_containers: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  initContainers:\n  - {name: i, readinessProbe: {grpc: {port: 1}}, lifecycle: {preStop: {sleep: {seconds: 1}}}}\n  - {name: s, restartPolicy: Always, readinessProbe: {grpc: {port: 1}}, lifecycle: {preStop: {sleep: {seconds: 1}}}}\n  containers: [{name: a}]\n"
        => ["6:15", "6:50"],
    jobs_too: "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{name: w, livenessProbe: {}}]}}}}}\n"
        => ["4:70"],
}
