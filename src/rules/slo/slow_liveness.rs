use crate::rules::prelude::*;
use crate::units::plain;

declare_rule! {
    /// A stuck pod is left alone for long.
    ///
    /// ## Why
    /// A process that hangs answers nothing until its liveness probe has failed often enough, and then takes its time to
    /// start again. Where that is more than a tenth of the error budget of the window in slo.toml, or more than ten
    /// minutes, a few such hangs a month are the objective. Where slo.toml tells no start-up time, only the probe counts.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop, namespace: prod }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: shop
    ///         image: shop:1.2
    ///         startupProbe: { httpGet: { path: /healthz, port: 8080 }, failureThreshold: 12 }
    ///         livenessProbe: { httpGet: { path: /healthz, port: 8080 }, periodSeconds: 60, failureThreshold: 10 }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "prod"
    /// image = "shop:1.2"
    /// [targets]
    /// errors = { below = "1%" }
    /// [probes]
    /// model_load = "60s"
    /// ```
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop, namespace: prod }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: shop
    ///         image: shop:1.2
    ///         startupProbe: { httpGet: { path: /healthz, port: 8080 }, failureThreshold: 12 }
    ///         livenessProbe: { httpGet: { path: /healthz, port: 8080 }, periodSeconds: 30 }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "prod"
    /// image = "shop:1.2"
    /// [targets]
    /// errors = { below = "1%" }
    /// [probes]
    /// model_load = "60s"
    /// ```
    "slo/slow-liveness" pub struct SlowLiveness {}
    severity: Info, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("needs the slo.toml of the service"),
}

/// Ten minutes, whatever the budget.
const MOST: Decimal = Decimal::from_parts(600, 0, 0, false, 0);

impl Rule for SlowLiveness {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.templates().filter(|it| it.slo.is_some() && !it.is_exempt()) {
            let described = cluster.described(workload);
            let Some(declared) = described.first() else { continue };
            let container = cluster.main_container(workload, &declared.name);
            let probe = container.and_then(|it| it.probe(ProbeKind::Liveness));
            let Some(probe) = probe.filter(Probe::is_readable) else { continue };
            let takes = |it: &Declared| {
                let start = it.startup.as_ref().map_or(Decimal::ZERO, |it| it.value.seconds());
                start.checked_add(Decimal::from(probe.budget()))
            };
            let slow = |it: &&Declared| takes(it).is_some_and(|takes| takes > bound(it));
            if described.iter().all(slow)
                && let Some(takes) = takes(declared)
            {
                report(cx, workload, declared, probe, takes);
            }
        }
    }
}

/// The time, in seconds, that a hang may take.
fn bound(declared: &Declared) -> Decimal {
    budget(declared).map_or(MOST, |budget| (budget * Decimal::new(1, 1)).min(MOST))
}

/// The error budget of the window, in seconds of a total outage.
pub(super) fn budget(declared: &Declared) -> Option<Decimal> {
    let objective = declared.objective.as_ref()?.value;
    declared.window.value.seconds().checked_mul(Decimal::ONE - objective)
}

fn report<'a>(
    cx: &mut Ctx<'a>,
    workload: &Workload<'a>,
    declared: &Declared,
    probe: Probe<'a>,
    takes: Decimal,
) {
    let message = format!(
        "a hang of `{}` lasts {} s until the pod answers again",
        workload.name,
        plain(takes.normalize())
    );
    let bound = bound(declared);
    let of_budget = if bound < MOST { "a tenth of the error budget" } else { "10 minutes" };
    let most = (bound - (takes - Decimal::from(probe.budget()))).floor().max(Decimal::ZERO);
    let startup = declared.startup.as_ref().map(|it| it.span);
    let objective = declared.objective.as_ref().map(|it| it.span);
    cx.report(workload, probe.place, message)
        .here(format!("fails after {} s", probe.budget()))
        .label_if(startup, "then it starts again")
        .label_if(objective, format!("{of_budget}: {} s", plain(bound.normalize())))
        .help(format!(
            "let liveness fail within {} s: lower `periodSeconds` or `failureThreshold`",
            plain(most)
        ));
}

cases! {
    of_a_strict_objective: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: n}\nspec:\n  template:\n    spec:\n      containers:\n      - name: a\n        livenessProbe: {tcpSocket: {port: 1}, periodSeconds: 30, failureThreshold: 9}\n      - name: b\n        livenessProbe: {tcpSocket: {port: 1}, periodSeconds: 300, failureThreshold: 9}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"0.1%\" }\n"
        => ["9:9"],
    at_the_most: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: n}\nspec:\n  template:\n    spec:\n      containers:\n      - {name: a, livenessProbe: {tcpSocket: {port: 1}, periodSeconds: 60, failureThreshold: 10}}\n---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a, namespace: n}\nspec:\n  template:\n    spec:\n      containers:\n      - {name: a, livenessProbe: {tcpSocket: {port: 1}, periodSeconds: '${P}', failureThreshold: 100}}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"5%\" }\n"
        => [],
}
