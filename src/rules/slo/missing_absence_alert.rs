use rustc_hash::FxHashMap;

use crate::query::{Kind as Part, Node, Selector};
use crate::rules::expressions;
use crate::rules::indicator::{Reader, admits};
use crate::rules::prelude::*;

declare_rule! {
    /// Alerts read metrics of the service, and none says when these are gone.
    ///
    /// ## Why
    /// A broken scrape, a renamed metric or a lost label leaves every other alert without series to judge: nothing is
    /// compared, nothing fires, and the dashboard looks like 100 % (pyrra-dev/pyrra#448). Only an alert on `absent()`,
    /// or on `up` of the job, tells silence from health. A service that scales to zero may be silent; one whose slo.toml
    /// says `alerts.absent = false` wants it so.
    ///
    /// ```yaml,bad
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop, namespace: prod }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ShopHighErrorRate
    ///       expr: |
    ///         sum(rate(http_requests_total{job="shop", status=~"5.."}[5m]))
    ///           / sum(rate(http_requests_total{job="shop"}[5m])) > 0.01
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "prod"
    /// image = "shop:1.2"
    /// [targets]
    /// errors = { below = "1%" }
    /// ```
    /// ```yaml,good
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop, namespace: prod }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ShopHighErrorRate
    ///       expr: |
    ///         sum(rate(http_requests_total{job="shop", status=~"5.."}[5m]))
    ///           / sum(rate(http_requests_total{job="shop"}[5m])) > 0.01
    ///     - alert: ShopMetricsAbsent
    ///       expr: absent(http_requests_total{job="shop"})
    ///       for: 5m
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "prod"
    /// image = "shop:1.2"
    /// [targets]
    /// errors = { below = "1%" }
    /// ```
    "slo/missing-absence-alert" pub struct MissingAbsenceAlert {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("reads PromQL, which CEL cannot, and needs the slo.toml of the service"),
}

/// The alerts of one service.
struct Alerts<'c, 'a> {
    declared: &'a Declared,
    /// The first on one of its targets.
    first: Option<&'c Carrier<'a>>,
    /// One of them says when nothing is measured.
    tells: bool,
}

impl Rule for MissingAbsenceAlert {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        // The alert may stand in a file that is not given.
        if cluster.is_partial() {
            return;
        }
        let mut services: FxHashMap<(&str, &str), Alerts<'_, '_>> = FxHashMap::default();
        for carrier in cluster.carriers().iter().filter(|it| it.object.slo.is_some()) {
            if !matches!(carrier.role, Role::Alert { .. }) {
                continue;
            }
            let Some(reader) = Reader::new(cluster, carrier) else { continue };
            let declared = reader.declared();
            let alerts = services.entry((&declared.namespace, &declared.name)).or_insert(Alerts {
                declared,
                first: None,
                tells: false,
            });
            // What cannot be read may be the one.
            let Some(query) = carrier.query() else {
                alerts.tells = true;
                continue;
            };
            alerts.tells = alerts.tells || tells_absence(&reader, query.tree());
            if alerts.first.is_none() && watches(&reader, query.tree()) {
                alerts.first = Some(carrier);
            }
        }
        let general = general(cluster);
        let told = |alerts: &Alerts<'_, '_>| {
            alerts.tells || general.iter().any(|it| admits_job(alerts.declared, it))
        };
        let mut found: Vec<_> = services.into_values().filter(|it| !told(it)).collect();
        found.sort_by_key(|alerts| alerts.first.map(|it| it.object.index));
        for alerts in found {
            if let Some(first) = alerts.first
                && alerts.declared.variants().all(|it| it.wants_absence)
                && !may_be_idle(cluster, alerts.declared)
            {
                report(cx, alerts.declared, first);
            }
        }
    }
}

fn report<'a>(cx: &mut Ctx<'a>, declared: &Declared, alert: &Carrier<'a>) {
    let name = &declared.name;
    let series = &declared.series;
    let counted = declared.objectives.iter().any(|it| it.latency.is_none());
    let metric =
        if counted { series.requests.clone() } else { format!("{}_count", series.latency) };
    let message = format!("no alert tells when the metrics of `{name}` are gone");
    cx.report(&alert.object, alert.object.spot(), message)
        .here("alerts on the service")
        .label(alert.place.primary(), "without series, this never fires")
        .help(format!("add an alert on `absent({metric}{{job=\"{name}\"}})`"));
}

/// What alerts for everybody, far from any slo.toml, say when it is gone.
fn general<'c>(cluster: &'c Cluster<'_>) -> Vec<Selector<'c>> {
    let mut found = Vec::new();
    for carrier in cluster.carriers().iter().filter(|it| it.object.slo.is_none()) {
        if let (Role::Alert { .. }, Some(query)) = (carrier.role, carrier.query()) {
            let told = silences(query.tree());
            found.extend(told.into_iter().filter(|it| {
                !it.name().is_some_and(|(name, _)| expressions::is_of_platform(name))
            }));
        }
    }
    found
}

/// True if an alert measures one of the targets.
fn watches(reader: &Reader<'_, '_>, tree: &Node) -> bool {
    let mut found = false;
    tree.walk(&mut |node, _| {
        if !found && node.is_comparison() {
            let mut sides = node.children();
            found = sides.any(|it| reader.share(it).is_some() || reader.quantile(it).is_some());
        }
    });
    found
}

/// The series whose absence makes an expression hold.
fn silences(tree: &Node) -> Vec<Selector<'_>> {
    let mut found = Vec::new();
    tree.walk(&mut |node, _| match &node.kind {
        Part::Call { name, .. } if matches!(name.as_str(), "absent" | "absent_over_time") => {
            found.extend(node.selectors());
        }
        // Ready pods without series, but not some series without others.
        Part::Binary { op, lhs, rhs, .. } if op == "unless" && is_of_platform(lhs) => {
            found.extend(rhs.selectors());
        }
        Part::Selector { .. } => {
            let up = |it: &Selector<'_>| it.name().is_some_and(|(name, _)| name == "up");
            found.extend(node.selector().filter(up));
        }
        _ => {}
    });
    found
}

/// True for what the platform tells of pods.
fn is_of_platform(node: &Node) -> bool {
    let told =
        |it: &Selector<'_>| it.name().is_some_and(|(name, _)| expressions::is_of_platform(name));
    node.selectors().iter().any(told)
}

/// True if an expression holds when the service's series are gone.
fn tells_absence(reader: &Reader<'_, '_>, tree: &Node) -> bool {
    silences(tree).iter().any(|it| is_about(reader, it))
}

/// True for series that are gone when the service's are: its own, recorded ones, `up`.
fn is_about(reader: &Reader<'_, '_>, selector: &Selector<'_>) -> bool {
    let metric = reader.metric(selector);
    let known = &reader.declared().metrics;
    let own = known.iter().any(|name| metric.strip_prefix(name.as_str()).is_some());
    let other = expressions::is_of_platform(&metric);
    (own || !other) && admits_job(reader.declared(), selector)
}

/// True if a selector may be about the service, wherever its rule lives.
fn admits_job(declared: &Declared, selector: &Selector<'_>) -> bool {
    let names = ["job", "service", "app"];
    admits(selector, "namespace", &declared.namespace)
        && names.iter().all(|label| admits(selector, label, &declared.name))
}

/// True if it may run no pods at all, or nobody can tell.
fn may_be_idle(cluster: &Cluster<'_>, declared: &Declared) -> bool {
    let own = |workload: &&Workload<'_>| {
        workload.slo.is_some()
            && cluster.described(workload).iter().any(|it| it.name == declared.name)
    };
    match cluster.workloads_named(&declared.name).find(own) {
        Some(workload) => cluster.replicas(workload).is_some_and(|it| !it.is_known() || it.min < 1),
        None => declared.least_pods < 1,
    }
}

cases! {
    other_ways: "# file: a.yaml\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r, namespace: n}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'sum(rate(x{status=\"500\"}[5m])) / sum(rate(x[5m])) > 0.01'}]}]}\n# file: b.yaml\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: s, namespace: monitoring}\nspec: {groups: [{name: g, rules: [{alert: Down, expr: 'up == 0'}]}]}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[metrics]\nrequests = \"x\"\n"
        => [],
    of_another_job: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r, namespace: n}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'sum(rate(x{status=\"500\"}[5m])) / sum(rate(x[5m])) > 0.01'}, {alert: B, expr: 'absent(x{job=\"b\"})'}, {alert: C, expr: 'up{job=\"b\"} == 0'}, {alert: D, expr: 'absent(kube_pod_info)'}]}]}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[metrics]\nrequests = \"x\"\n"
        => ["3:18"],
    no_alert_on_a_target: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r, namespace: n}\nspec: {groups: [{name: g, rules: [{record: 'a:x:rate5m', expr: 'sum(rate(x[5m]))'}, {alert: A, expr: 'sum(rate(x[5m])) > 1000'}]}]}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[metrics]\nrequests = \"x\"\n"
        => [],
    idle_and_unwanted: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r, namespace: n}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'sum(rate(x{status=\"500\"}[5m])) / sum(rate(x[5m])) > 0.01'}]}]}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: n}\nspec: {template: {spec: {containers: []}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a, namespace: n}\nspec: {scaleTargetRef: {name: a}, triggers: []}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[metrics]\nrequests = \"x\"\n"
        => [],
    unwanted: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r, namespace: n}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'sum(rate(x{status=\"500\"}[5m])) / sum(rate(x[5m])) > 0.01'}]}]}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[metrics]\nrequests = \"x\"\n[alerts]\nabsent = false\n"
        => [],
    what_cannot_be_read: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r, namespace: n}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'sum(rate(x{status=\"500\"}[5m])) / sum(rate(x[5m])) > 0.01'}, {alert: B, expr: 'absent(x{path=\"{{ p }}\"})'}]}]}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[metrics]\nrequests = \"x\"\n"
        => [],
    of_latency: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r, namespace: n}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'histogram_quantile(0.95, sum by (le) (rate(x_bucket[5m]))) > 0.25'}]}]}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nlatency = [{ percentile = 95, below = \"250ms\" }]\n[metrics]\nlatency = \"x\"\n"
        => ["3:18"],
}
