//! The runbook: what each alert means, what to look at first, and what to change.

mod markdown;

use std::collections::BTreeSet;

use minijinja::Value;
use minijinja::value::Serde;
use serde::Serialize;

use crate::kinds::IntOrString;
use crate::kinds::monitoring::{Rule, RuleGroup};
use crate::plan::Plan;
use crate::plan::scaling::keda::{Asked, Asks, Keda, Trigger};
use crate::plan::scaling::{Autoscaler, By, Direction, Metric, Scaling};
use crate::plan::slo::{Indicator, Slo, Tier};
use crate::promql::{self, slo, view};
use crate::render;
use crate::spec::leaf::{MetricType, Policy, Scheme, Stack, WorkloadKind};
use crate::spec::tables::Document;
use crate::text;
use crate::units::{Decimal, Ratio, plain};
use markdown::{block, code, shell};

/// What every runbook starts with: by it slogen knows its own.
pub const MARK: &str = "<!-- Written by slogen: change slo.toml, not this file. -->";

const TEMPLATE: &str = include_str!("runbook/runbook.md.txt");

/// A runbook.
#[derive(Debug)]
pub struct Runbook {
    /// The alerts that it explains: each has a heading, and so an anchor.
    pub alerts: Vec<String>,
    /// The Markdown.
    pub text: String,
}

/// The runbook of a service.
pub fn runbook(plan: &Plan<'_>) -> Result<Runbook, String> {
    let page = Page::new(plan)?;
    let text = text::fill(TEMPLATE, Value::from(Serde(&page))).map_err(|e| e.to_string())?;
    Ok(Runbook { alerts: page.alerts.into_iter().map(|alert| alert.name).collect(), text })
}

/// What the template is filled with: names as they are, since they are DNS names, and everything else as Markdown.
#[derive(Serialize)]
struct Page {
    mark: &'static str,
    service: String,
    namespace: String,
    kind: &'static str,
    /// Behind a Service.
    exposed: bool,
    workload: &'static str,
    monitor: Monitor,
    /// The PrometheusRule, where there is one.
    rules: Option<String>,
    window: String,
    rate_window: String,
    slos: Vec<Objective>,
    /// Targets without a budget.
    in_flight: Option<String>,
    cpu: Option<String>,
    /// Always so many pods; else there is an autoscaler.
    replicas: Option<i32>,
    auto: Option<Auto>,
    alerts: Vec<Alert>,
    failed: String,
    latency: Vec<LatencyQueries>,
    queries: Queries,
    prometheus: Prometheus,
    fetch: String,
    startup_budget: String,
    startup: String,
    drain: i32,
    grace: i32,
    tuning: Vec<[String; 3]>,
}

#[derive(Serialize)]
struct Monitor {
    kind: &'static str,
    name: String,
    /// The label that the stack selects by.
    release: Option<String>,
}

#[derive(Serialize)]
struct Objective {
    name: String,
    promise: String,
    budget: String,
    minutes: String,
    requests: Option<String>,
    left: String,
    burns: String,
}

#[derive(Serialize)]
struct Auto {
    hpa: String,
    scaled_object: Option<String>,
    /// KEDA may take the last pod away.
    to_zero: bool,
    min: i32,
    max: i32,
    /// A floor that helps at once.
    raised: i32,
    metrics: Vec<ScaleOn>,
    /// Some metric is served by an adapter.
    custom: bool,
    /// Some trigger asks Prometheus.
    asks: bool,
    tolerance: String,
    up: String,
    up_window: String,
    down: String,
    down_window: String,
    now: String,
}

#[derive(Serialize)]
struct ScaleOn {
    name: String,
    /// The name as code; that of a trigger is whatever the user wrote.
    code: String,
    at: String,
    /// Served by prometheus-adapter.
    custom: bool,
    /// What KEDA asks Prometheus.
    query: Option<String>,
}

#[derive(Serialize)]
struct LatencyQueries {
    percentile: String,
    below: String,
    all: String,
    pods: String,
}

#[derive(Serialize)]
struct Queries {
    scraped: String,
    /// Where labels single out the requests that count.
    labels: Option<String>,
    errors: String,
    in_flight: Option<String>,
}

#[derive(Serialize)]
struct Prometheus {
    /// Where it runs, and what belongs to it.
    namespace: String,
    address: String,
    /// What brings it to this machine, if it is a Service of the cluster.
    forward: Option<String>,
}

/// All alerts of one name.
#[derive(Serialize)]
struct Alert {
    name: String,
    /// The name without the service's: which text it gets.
    about: String,
    rules: Vec<AlertRule>,
    tiers: Vec<TierRow>,
}

#[derive(Serialize)]
struct AlertRule {
    slo: String,
    severity: String,
    tier: Option<String>,
    hold: String,
    expr: String,
}

#[derive(Serialize)]
struct TierRow {
    slo: String,
    name: String,
    severity: String,
    windows: String,
    factor: String,
    threshold: String,
    /// When all, half and a tenth of the requests are bad.
    after: [String; 3],
    gone: String,
}

fn query(expr: &str) -> String {
    block("promql", &view::for_markdown(expr))
}

impl Page {
    fn new(plan: &Plan<'_>) -> Result<Self, String> {
        let doc = &plan.spec.doc;
        let workload = *doc.service.workload;
        let rules = render::rules(plan)?.map(|rules| rules.spec.groups);
        let (auto, replicas) = match &plan.scaling {
            Scaling::Fixed(count) => (None, Some(*count)),
            Scaling::Auto(autoscaler) => (Some(Auto::new(plan, autoscaler)), None),
        };
        Ok(Self {
            mark: MARK,
            service: plan.names.service.clone(),
            namespace: doc.service.namespace.0.clone(),
            kind: match workload {
                WorkloadKind::Deployment => "Deployment",
                WorkloadKind::StatefulSet => "StatefulSet",
            },
            exposed: *doc.outputs.service,
            workload: workload.word(),
            monitor: Monitor {
                kind: if *doc.outputs.service { "ServiceMonitor" } else { "PodMonitor" },
                name: plan.names.monitor.clone(),
                release: (*doc.metrics.stack == Stack::KubePrometheusStack)
                    .then(|| doc.metrics.release.0.clone()),
            },
            rules: rules.as_ref().map(|_| plan.names.rules.clone()),
            window: doc.targets.window.to_string(),
            rate_window: plan.scrape.rate_window.value.to_string(),
            slos: plan.slos.iter().map(|slo| Objective::new(doc, slo)).collect(),
            in_flight: plan.targets.in_flight.as_ref().map(|target| plain(target.per_pod)),
            cpu: plan.targets.cpu.map(|cpu| cpu.to_string()),
            replicas,
            auto,
            alerts: alerts(plan, rules.unwrap_or_default()),
            failed: failed(plan),
            latency: latency(plan),
            queries: Queries {
                scraped: query(&view::scraped(plan)),
                labels: (!plan.scrape.selector.is_empty()).then(|| query(&view::labels_seen(plan))),
                errors: query(&view::errors_by_pod(plan)),
                in_flight: plan
                    .targets
                    .in_flight
                    .as_ref()
                    .map(|target| query(&view::in_flight_of_pods(plan, target))),
            },
            prometheus: Prometheus::new(plan),
            fetch: fetch(plan),
            startup_budget: plan.probes.startup_budget.value.to_string(),
            startup: format!("{} × {}", *doc.probes.startup.period, *doc.probes.startup.failures),
            drain: plan.rollout.drain,
            grace: plan.rollout.termination_grace.value,
            tuning: tuning(plan),
        })
    }
}

impl Objective {
    fn new(doc: &Document, slo: &Slo) -> Self {
        let objective = slo.objective;
        let promise = match &slo.indicator {
            Indicator::Latency(target) => {
                format!("{objective} of the requests take less than {}", target.below)
            }
            Indicator::Errors => format!("{objective} of the requests succeed"),
        };
        let bad = slo.period.scale(slo.budget).unwrap_or(slo.period).seconds();
        let requests = doc.alerts.expected_rps.as_ref().and_then(|rate| bad.checked_mul(rate.0));
        Self {
            name: slo.name.clone(),
            promise,
            budget: percent(slo.budget),
            minutes: plain((bad / Decimal::from(60)).round_dp(1)),
            requests: requests.map(|requests| plain(requests.round())),
            left: query(&slo::recorded(slo::BUDGET_REMAINING, slo)),
            burns: query(&slo::recorded(slo::CURRENT_BURN_RATE, slo)),
        }
    }
}

impl Auto {
    fn new(plan: &Plan<'_>, autoscaler: &Autoscaler) -> Self {
        let (scaled_object, metrics) = match &autoscaler.by {
            By::Hpa(metrics) => (None, metrics.iter().map(ScaleOn::metric).collect()),
            By::Keda(Keda { triggers, .. }) => {
                let metrics = triggers.iter().map(|trigger| ScaleOn::trigger(plan, trigger));
                (Some(plan.names.scaled_object.clone()), metrics.collect::<Vec<_>>())
            }
        };
        let (min, max) = (autoscaler.min, autoscaler.max);
        Self {
            hpa: plan.names.hpa.clone(),
            scaled_object,
            to_zero: min == 0 || matches!(&autoscaler.by, By::Keda(Keda { idle: Some(0), .. })),
            min,
            max,
            raised: min.max(1).saturating_mul(2).min(max),
            custom: metrics.iter().any(|metric| metric.custom),
            asks: metrics.iter().any(|metric| metric.query.is_some()),
            metrics,
            tolerance: autoscaler.tolerance.map_or("10%".to_owned(), |share| share.to_string()),
            up: policies(&autoscaler.up),
            up_window: autoscaler.up.stabilization.to_string(),
            down: policies(&autoscaler.down),
            down_window: autoscaler.down.stabilization.to_string(),
            now: query(&view::replicas(plan)),
        }
    }
}

impl ScaleOn {
    fn metric(metric: &Metric) -> Self {
        let (name, at, custom) = match metric {
            Metric::Pods { name, average, .. } => (name.as_str(), average.value.clone(), true),
            Metric::Cpu(percent) => ("cpu", of_request(percent.value), false),
        };
        Self { name: name.to_owned(), code: code(name), at, custom, query: None }
    }

    fn trigger(plan: &Plan<'_>, trigger: &Trigger) -> Self {
        let (kind, at, query) = match &trigger.asks {
            Asks::Cpu(percent) => ("cpu", of_request(percent.value), None),
            Asks::Written { kind, metadata } => {
                let query = metadata.iter().find(|(key, _)| kind == "prometheus" && key == "query");
                let query = query.map(|(_, query)| block("promql", query));
                (kind.as_str(), "as its metadata say".to_owned(), query)
            }
            Asks::Prometheus { query: asked, threshold } => {
                let unit = match asked {
                    Asked::Latency { millis: true, .. } => " ms",
                    Asked::Latency { millis: false, .. } => " s",
                    Asked::InFlight | Asked::Written(_) => "",
                };
                let average = trigger.metric_type == MetricType::AverageValue;
                let per_pod = if average { " per pod" } else { "" };
                let at = format!("{}{unit}{per_pod}", plain(threshold.value));
                let asked = match asked {
                    Asked::Latency { target, millis } => {
                        query(&promql::latency(plan, target, *millis))
                    }
                    Asked::InFlight => query(&promql::in_flight(plan)),
                    // The user's, who may quote with backticks.
                    Asked::Written(written) => block("promql", written),
                };
                ("prometheus", at, Some(asked))
            }
        };
        let name = trigger.name.as_deref().unwrap_or(kind);
        Self { name: name.to_owned(), code: code(name), at, custom: false, query }
    }
}

fn of_request(percent: i32) -> String {
    format!("{percent}% of the request")
}

fn policies(direction: &Direction) -> String {
    let policies: Vec<String> = direction.policies.iter().map(Policy::to_string).collect();
    policies.join(", ")
}

fn percent(share: Decimal) -> String {
    Ratio::from_percent(share * Decimal::ONE_HUNDRED).to_string()
}

/// The alerts of the PrometheusRule, those of one name together.
fn alerts(plan: &Plan<'_>, groups: Vec<RuleGroup>) -> Vec<Alert> {
    let rules: Vec<Rule> = groups.into_iter().flat_map(|group| group.rules).collect();
    let mut seen = BTreeSet::new();
    let mut alerts = Vec::new();
    for name in rules.iter().filter_map(|rule| rule.alert.as_ref()) {
        if !seen.insert(name) {
            continue;
        }
        let about = name.strip_prefix(&plan.names.pascal).unwrap_or(name).to_owned();
        let same = rules.iter().filter(|rule| rule.alert.as_ref() == Some(name));
        alerts.push(Alert {
            name: name.clone(),
            rules: same.map(AlertRule::new).collect(),
            tiers: tiers(plan, &about),
            about,
        });
    }
    alerts
}

impl AlertRule {
    fn new(rule: &Rule) -> Self {
        let label = |name: &str| rule.labels.get(name).map(|value| code(value));
        Self {
            slo: label("slo").unwrap_or_default(),
            severity: label("severity").unwrap_or_default(),
            tier: label("tier"),
            hold: rule.r#for.clone().unwrap_or_else(|| "0s".to_owned()),
            expr: match &rule.expr {
                IntOrString::String(expr) => query(expr),
                IntOrString::Int(number) => query(&number.to_string()),
            },
        }
    }
}

/// The tiers of the burn-rate alert `about`, with the times that they take.
fn tiers(plan: &Plan<'_>, about: &str) -> Vec<TierRow> {
    let about = |slo: &&Slo| match slo.indicator {
        Indicator::Latency(_) => about == "LatencyBudgetBurn",
        Indicator::Errors => about == "ErrorBudgetBurn",
    };
    let slos = plan.slos.iter().filter(about);
    slos.flat_map(|slo| slo.tiers.iter().map(|tier| TierRow::new(slo, tier))).collect()
}

impl TierRow {
    fn new(slo: &Slo, tier: &Tier) -> Self {
        let after = [100, 50, 10].map(|percent| {
            let bad = Ratio::from_percent(Decimal::from(percent));
            slo.detection(tier, bad).map_or("never".to_owned(), |detection| {
                format!("{} ({})", detection.after.clock(), detection.spent)
            })
        });
        let whole = Decimal::ONE.checked_div(tier.factor);
        Self {
            slo: code(&slo.name),
            name: code(&tier.name),
            severity: code(&tier.severity),
            windows: format!("{} / {}", tier.short, tier.long),
            factor: plain(tier.factor),
            threshold: percent(tier.threshold),
            after,
            gone: whole.and_then(|share| slo.period.scale(share)).unwrap_or(slo.period).clock(),
        }
    }
}

/// What marks a failed request.
fn failed(plan: &Plan<'_>) -> String {
    let labels = plan.scrape.errors.iter();
    let labels = labels.map(|(label, regex)| code(&promql::matcher(label, "=~", regex)));
    labels.collect::<Vec<_>>().join(" and ")
}

fn latency(plan: &Plan<'_>) -> Vec<LatencyQueries> {
    let queries = plan.targets.latency.iter().map(|target| LatencyQueries {
        percentile: plain(target.percentile),
        below: target.below.to_string(),
        all: query(&view::latency(plan, target)),
        pods: query(&view::latency_of_pods(plan, target)),
    });
    queries.collect()
}

impl Prometheus {
    fn new(plan: &Plan<'_>) -> Self {
        let server = &plan.scrape.server.value;
        let host = server.base.split_once("://").map_or("", |(_, host)| host);
        let forward = match host.split('.').collect::<Vec<_>>()[..] {
            [service, namespace, "svc", ..] => {
                Some(format!("-n {namespace} port-forward svc/{service} 9090:{}", server.port))
            }
            _ => None,
        };
        Self {
            namespace: plan.spec.doc.metrics.monitoring_namespace.0.clone(),
            address: server.to_string(),
            forward,
        }
    }
}

/// Commands that fetch the metrics of one pod as Prometheus does.
fn fetch(plan: &Plan<'_>) -> String {
    let doc = &plan.spec.doc;
    let (namespace, service) = (&doc.service.namespace.0, &plan.names.service);
    let (metrics, workload) = (&doc.metrics, doc.service.workload.word());
    let insecure = if *metrics.scheme == Scheme::Https { "-k " } else { "" };
    let url = format!("{}://localhost:8000{}", metrics.scheme.word(), metrics.path.0);
    block(
        "sh",
        &format!(
            "kubectl -n {namespace} port-forward {workload}/{service} 8000:{} &\ncurl -s {insecure}{} | grep -E {}",
            metrics.port.0,
            shell(&url),
            shell(&format!("^({}|{})", plan.scrape.requests, plan.scrape.latency)),
        ),
    )
}

/// Wish, key of slo.toml, and what it says now.
fn tuning(plan: &Plan<'_>) -> Vec<[String; 3]> {
    let doc = &plan.spec.doc;
    let mut rows = Vec::new();
    let mut row = |wish: &str, key: &str, now: String| {
        rows.push([wish.to_owned(), code(key), now]);
    };
    for target in &plan.targets.latency {
        row(
            "Promise other latencies",
            "targets.latency",
            format!("P{} below {}", plain(target.percentile), target.below),
        );
    }
    if let Some(below) = plan.targets.errors {
        row("Promise other error rates", "targets.errors.below", below.to_string());
    }
    if let Some(target) = &plan.targets.in_flight {
        row("More or less work per pod", "targets.in_flight.per_pod", plain(target.per_pod));
    }
    match &plan.scaling {
        Scaling::Fixed(count) => row("More pods", "scaling.replicas", count.to_string()),
        Scaling::Auto(auto) => {
            let headroom = *doc.scaling.headroom;
            row("Scale before a target is reached", "scaling.headroom", headroom.to_string());
            row("More pods at quiet times", "scaling.min", auto.min.to_string());
            row("More pods at busy times", "scaling.max", auto.max.to_string());
            let up = |what: String| format!("{what}; see profile `spiky`");
            row("Grow sooner", "scaling.up.stabilization", up(auto.up.stabilization.to_string()));
            row("Grow in larger steps", "scaling.up.policies", up(policies(&auto.up)));
            let down = |what: String| format!("{what}; see profile `cost-saver`");
            let window = auto.down.stabilization.to_string();
            row("Shrink sooner, to save costs", "scaling.down.stabilization", down(window));
            row("Shrink in larger steps", "scaling.down.policies", down(policies(&auto.down)));
        }
    }
    let amounts = |amounts: &crate::spec::tables::Amounts| {
        let cpu = amounts.cpu.as_ref().map(|cpu| format!("{} CPU", **cpu));
        let memory = amounts.memory.as_ref().map(|memory| format!("{} memory", **memory));
        let all: Vec<String> = cpu.into_iter().chain(memory).collect();
        if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
    };
    row(
        "Fewer, larger pods (profile `high-throughput`), or more, smaller ones (`low-latency`)",
        "resources.requests",
        amounts(&doc.resources.requests),
    );
    row("More room before a pod is killed", "resources.limits", amounts(&doc.resources.limits));
    row(
        "More time to start",
        "probes.startup.failures",
        format!("{}, {} in all", *doc.probes.startup.failures, plan.probes.startup_budget.value),
    );
    row(
        "More time for requests when a pod goes",
        "availability.drain",
        format!("{}s", plan.rollout.drain),
    );
    if !plan.targets.latency.is_empty() {
        row("Later alerts on latency", "alerts.for.latency", doc.alerts.r#for.latency.to_string());
    }
    if plan.targets.errors.is_some() {
        row("Later alerts on errors", "alerts.for.errors", doc.alerts.r#for.errors.to_string());
    }
    if let Some(slo) = plan.slos.iter().find(|slo| !slo.tiers.is_empty()) {
        let factors: Vec<String> = slo.tiers.iter().map(|tier| plain(tier.factor)).collect();
        let now = format!("burn rates {}", factors.join(", "));
        row("Other burn-rate alerts", "alerts.tiers", now);
    }
    rows
}
