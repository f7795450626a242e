use crate::query::{Kind as Part, Node};
use crate::rules::expressions::{self, seconds};
use crate::rules::prelude::*;
use crate::rules::{watched, windows};
use crate::source::Span;

declare_rule! {
    /// An alert fires before an autoscaler can have answered the load.
    ///
    /// ## Why
    /// More load first makes a service slow, then the autoscaler waits for its window to pass, then new pods start.
    /// That is its work, and nobody has to get up for it; an alert without a `for` of that length pages on each normal
    /// scale-up (slok/sloth#788). Burn-rate alerts look further back and are left alone.
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
    ///         startupProbe: { httpGet: { path: /healthz, port: 8080 }, periodSeconds: 5, failureThreshold: 12 }
    /// ---
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   minReplicas: 2
    ///   maxReplicas: 10
    ///   behavior: { scaleUp: { stabilizationWindowSeconds: 60 } }
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop }
    /// spec: { selector: { matchLabels: { app: shop } }, maxUnavailable: 1 }
    /// ---
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ShopIsSlow
    ///       expr: histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{job="shop"}[2m]))) > 0.5
    ///       for: 1m
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
    ///         startupProbe: { httpGet: { path: /healthz, port: 8080 }, periodSeconds: 5, failureThreshold: 12 }
    /// ---
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   minReplicas: 2
    ///   maxReplicas: 10
    ///   behavior: { scaleUp: { stabilizationWindowSeconds: 60 } }
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop }
    /// spec: { selector: { matchLabels: { app: shop } }, maxUnavailable: 1 }
    /// ---
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ShopIsSlow
    ///       expr: histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{job="shop"}[2m]))) > 0.5
    ///       for: 2m
    /// ```
    "alerts/pages-on-scale-up" pub struct PagesOnScaleUp {}
    severity: Info, fix: FixKind::None, preset: Preset::Strict, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("reads PromQL, which CEL cannot, and needs the workload that is watched"),
}

impl Rule for PagesOnScaleUp {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        // Which workloads are watched, and how they scale, other files may say.
        if cluster.is_partial() {
            return;
        }
        for carrier in cluster.carriers() {
            let Role::Alert { name, rule } = carrier.role else { continue };
            let Some(query) = carrier.query() else { continue };
            if name.to_ascii_lowercase().contains("burn") || !is_symptom(query.tree()) {
                continue;
            }
            let wait = rule.get("for");
            let length = match wait.map(Place::text) {
                Some(text) => text.and_then(|text| Duration::parse(text).ok()),
                None => Some(Duration::default()),
            };
            let Some(length) = length else { continue };
            let selectors = query.tree().selectors();
            let watched = selectors.iter().flat_map(|it| watched::workloads(cluster, carrier, it));
            let slowest = watched.filter_map(|it| Some((answer(cluster, it)?, it)));
            let slowest = slowest.max_by_key(|(answer, it)| (answer.total(), it.index));
            let Some((answer, workload)) = slowest.filter(|(it, _)| length < it.total()) else {
                continue;
            };
            let message = format!(
                "{} waits {}, scaling up `{}` may take {}",
                expressions::title(carrier),
                seconds(length),
                workload.name,
                seconds(answer.total())
            );
            let spot = wait.or_else(|| rule.get("alert")).unwrap_or(carrier.place);
            let here = if wait.is_some() {
                "shorter than a scale-up"
            } else {
                "`for` is unset, which is 0"
            };
            cx.report(&carrier.object, spot, message)
                .here(here)
                .label_if(answer.window.1, format!("waits {}", seconds(answer.window.0)))
                .label_if(answer.startup.1, format!("starts within {}", seconds(answer.startup.0)))
                .help(format!("write `for: {}` or more", answer.total().clock()));
        }
    }
}

/// How long it takes until more load has more pods, each part with its place.
struct Answer {
    window: (Duration, Option<Span>),
    startup: (Duration, Option<Span>),
}

impl Answer {
    fn total(&self) -> Duration {
        self.window.0.plus(self.startup.0)
    }
}

/// How long the autoscaler of `workload` takes; `None` if it has none or nobody says how long its pods start.
fn answer(cluster: &Cluster<'_>, workload: &Workload<'_>) -> Option<Answer> {
    let autoscaler = cluster.autoscalers_of(workload).next()?;
    let whole = |value: i64| u64::try_from(value).ok().map(Duration::from_secs);
    let window = autoscaler.behavior().and_then(|it| it.at("scaleUp/stabilizationWindowSeconds"));
    let window = match window {
        Some(place) => (whole(place.int()?)?, Some(place.primary())),
        None => (Duration::default(), None),
    };
    let budgets = workload.containers.iter().filter_map(Container::startup_budget);
    let budget = budgets.filter(|(_, probe)| probe.is_readable()).max_by_key(|(budget, _)| *budget);
    let startup = if let Some((budget, probe)) = budget {
        (whole(budget)?, Some(probe.place.primary()))
    } else {
        let written = cluster.declared(workload)?.startup.as_ref()?;
        (written.value, Some(written.span))
    };
    Some(Answer { window, startup })
}

/// True if an alert compares a quantile or a ratio of what happened, in one window, with a number.
fn is_symptom(node: &Node) -> bool {
    match &node.peel().kind {
        Part::Binary { op, lhs, rhs, .. } => match op.as_str() {
            "and" | "unless" => is_symptom(lhs),
            "or" => is_symptom(lhs) || is_symptom(rhs),
            ">" | ">=" | "<" | "<=" => {
                let side = if expressions::is_constant(rhs) { lhs } else { rhs };
                windows::only(node).is_some() && tells_quality(side)
            }
            _ => false,
        },
        _ => false,
    }
}

fn tells_quality(node: &Node) -> bool {
    let (mut quality, mut counts) = (false, false);
    node.walk(&mut |node, _| match &node.kind {
        Part::Call { name, .. } => {
            quality |= name == "histogram_quantile";
            counts |= matches!(name.as_str(), "rate" | "irate" | "increase");
        }
        Part::Binary { op, lhs, rhs, .. } => {
            quality |=
                op == "/" && !expressions::is_constant(lhs) && !expressions::is_constant(rhs);
        }
        _ => {}
    });
    quality && counts
}

cases! {
    unset: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: w, livenessProbe: {httpGet: {port: 80}}}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 9}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n  - name: g\n    rules:\n    - {alert: A, expr: 'sum(rate(e_total{job=\"a\"}[2m])) / sum(rate(x_total{job=\"a\"}[2m])) > 0.1'}\n    - {alert: B, expr: 'sum(rate(e_total{job=\"a\"}[2m])) / sum(rate(x_total{job=\"a\"}[2m])) > 0.1', for: 29s}\n    - {alert: C, expr: 'sum(rate(e_total{job=\"a\"}[2m])) / sum(rate(x_total{job=\"a\"}[2m])) > 0.1', for: 30s}\n    - {alert: D, expr: 'sum(rate(e_total{job=\"b\"}[2m])) / sum(rate(x_total{job=\"b\"}[2m])) > 0.1'}\n    - {alert: EBudgetBurn, expr: 'sum(rate(e_total{job=\"a\"}[2m])) / sum(rate(x_total{job=\"a\"}[2m])) > 0.1'}\n    - {alert: F, expr: 'sum(rate(e_total{job=\"a\"}[2m])) > 0.1'}\n    - {alert: G, expr: 'absent(x_total{job=\"a\"})'}\n"
        => ["18:15", "19:104"],
    no_autoscaler: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: w, livenessProbe: {httpGet: {port: 80}}}]}}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'sum(rate(e_total{job=\"a\"}[2m])) / sum(rate(x_total{job=\"a\"}[2m])) > 0.1'}]}]}\n"
        => [],
    nobody_says_how_long_it_starts: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: w}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 9, behavior: {scaleUp: {stabilizationWindowSeconds: 300}}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'sum(rate(e_total{job=\"a\"}[2m])) / sum(rate(x_total{job=\"a\"}[2m])) > 0.1'}]}]}\n"
        => [],
}
