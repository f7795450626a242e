//! What is simulated: a service with its pods, metrics and autoscaler, in numbers; from a plan.

use rust_decimal::prelude::ToPrimitive;

use crate::plan::Plan;
use crate::plan::scaling::keda::{Asked, Asks, Keda, Trigger};
use crate::plan::scaling::{self, By, Measure, Scaling};
use crate::spec::leaf::{self, Amount, MetricType};
use crate::spec::tables::Document;
use crate::units::{Decimal, Duration, Invalid, quantity};

use super::controller::spec::{
    Behavior, Flags, Metric, Policy, PolicyKind, Rules, Select, Source, Spec, Target,
};
use super::fleet::{Lifecycle, Share};
use super::keda::{Fallback, FallbackBehavior, ScaledObject};
use super::latency::{Gauge, Model, Service};
use super::pipeline::Pipeline;
use super::shown::pods;
use super::{Time, seconds};

/// All that a run needs beside its load.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Name of the service.
    pub name: String,
    /// How one pod answers.
    pub model: Model,
    /// When clients give up, in seconds; infinite for never.
    pub timeout_s: f64,
    /// How its pods come and go.
    pub lifecycle: Lifecycle,
    /// How its metrics are seen.
    pub pipeline: Pipeline,
    /// CPU request of a pod in thousandths of a core.
    pub cpu_request: Option<i64>,
    /// What changes the number of its pods.
    pub scaler: Scaler,
    /// Pods at the start.
    pub initial: i32,
    /// Latency targets.
    pub goals: Vec<Goal>,
    /// Share of the requests that may fail; `None` without such a target.
    pub errors: Option<f64>,
    /// Error-budget window in seconds.
    pub period_s: f64,
    /// Price of one pod for one hour.
    pub cost_per_pod_hour: Option<f64>,
    /// What was taken for granted, and what is left out: each a sentence for the reader of the results.
    pub notes: Vec<String>,
}

/// A latency target.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// Such as 0.95.
    pub quantile: f64,
    /// The bound in seconds.
    pub below_s: f64,
    /// `p95`.
    pub short: String,
}

/// What changes the number of pods.
#[derive(Clone, Debug, PartialEq)]
pub enum Scaler {
    /// Nothing.
    Fixed,
    /// An HPA, perhaps KEDA's.
    Auto(Box<Auto>),
}

/// An HPA and what its metrics measure.
#[derive(Clone, Debug, PartialEq)]
pub struct Auto {
    /// The HPA.
    pub spec: Spec,
    /// Flags of the controller.
    pub flags: Flags,
    /// What the metrics of `spec` measure, in their order.
    pub signals: Vec<Signal>,
    /// The ScaledObject that made the HPA.
    pub keda: Option<ScaledObject>,
}

/// What a metric measures.
#[derive(Clone, Debug, PartialEq)]
pub enum Signal {
    /// A quantile of the latency.
    Latency {
        /// Such as 0.95.
        quantile: f64,
        /// Of each pod, or of the whole service.
        scope: Scope,
        /// In milliseconds rather than seconds.
        millis: bool,
    },
    /// Requests in flight.
    InFlight(Scope),
    /// CPU in percent of the request.
    Cpu,
}

/// Whose value it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One value a pod, through prometheus-adapter.
    Pod,
    /// One value for all, through KEDA.
    Fleet,
}

impl Signal {
    /// As tables and charts name it.
    pub fn name(&self) -> String {
        match self {
            Self::Latency { quantile, .. } => format!("latency p{}", trimmed(quantile * 100.0)),
            Self::InFlight(_) => "in flight".to_owned(),
            Self::Cpu => "cpu".to_owned(),
        }
    }
}

fn trimmed(value: f64) -> String {
    format!("{value:.3}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Why a service cannot be simulated: what is missing, and what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The key that it is about, such as `scaling.max`, or its section.
    pub key: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to write.
    pub help: String,
}

impl Scenario {
    /// The service that `plan` describes.
    pub fn new(plan: &Plan<'_>) -> Result<Self, Missing> {
        let mut notes = Vec::new();
        let doc = &plan.spec.doc;
        let model = model(plan, &mut notes)?;
        check_replicas(&plan.scaling)?;
        let (scaler, initial) = scaler(plan, &mut notes);
        check_targets(&scaler)?;
        let metrics = &doc.metrics;
        let buckets = metrics.buckets.iter().flat_map(|list| list.iter());
        let request = doc.resources.requests.cpu.as_ref().map(|cpu| cpu.cores());
        Ok(Self {
            name: doc.service.name.0.clone(),
            timeout_s: timeout_s(doc, &model)?,
            model,
            lifecycle: lifecycle(plan, &mut notes),
            pipeline: Pipeline {
                interval: millis(*metrics.interval),
                phase: millis(*metrics.interval) / 2,
                window: millis(plan.scrape.rate_window.value),
                buckets: buckets.map(|bound| float(bound.0)).collect(),
            },
            cpu_request: request.and_then(|cores| (cores * Decimal::ONE_THOUSAND).ceil().to_i64()),
            scaler,
            initial,
            goals: plan.targets.latency.iter().map(goal).collect(),
            errors: plan.targets.errors.map(|below| float(below.value())),
            period_s: float(doc.targets.window.seconds()),
            cost_per_pod_hour: cost_per_pod_hour(doc)?,
            notes,
        })
    }
}

impl Scenario {
    /// What the metrics are called, in the order of the spec.
    pub fn metric_names(&self) -> Vec<String> {
        match &self.scaler {
            Scaler::Fixed => Vec::new(),
            Scaler::Auto(auto) => auto.signals.iter().map(Signal::name).collect(),
        }
    }
}

/// The section of the model of the service.
const SECTION: &str = "simulate";

fn float(value: Decimal) -> f64 {
    value.to_f64().unwrap_or(f64::NAN)
}

fn millis(duration: Duration) -> Time {
    (duration.seconds() * Decimal::ONE_THOUSAND).to_i64().unwrap_or(Time::MAX)
}

fn goal(target: &crate::plan::targets::Latency) -> Goal {
    Goal {
        quantile: float(target.percentile) / 100.0,
        below_s: float(target.below.seconds()),
        short: target.short.clone(),
    }
}

fn model(plan: &Plan<'_>, notes: &mut Vec<String>) -> Result<Model, Missing> {
    let doc = &plan.spec.doc;
    let simulate = &doc.simulate;
    let Some(service_time) = &simulate.service_time else {
        return Err(Missing {
            key: SECTION,
            message: "nothing says how long a request keeps the service busy".to_owned(),
            help: "add `service_time = \"7ms\"` under `[simulate]`, measured with one user at a time; `slogen simulate \
                   calibrate` derives it from load tests"
                .to_owned(),
        });
    };
    let service_s = float(service_time.seconds());
    let limit = doc.resources.limits.cpu.as_ref().map(|cpu| float(cpu.cores()));
    let servers = match (&simulate.concurrency, limit) {
        (Some(servers), _) => f64::from(**servers),
        (None, Some(cores)) => {
            let servers = cores.floor().max(1.0);
            notes.push(format!(
                "simulate.concurrency is not set: {servers} requests at once, from the CPU limit"
            ));
            servers
        }
        (None, None) => {
            notes.push("simulate.concurrency is not set: 1 request at once".to_owned());
            1.0
        }
    };
    let cpu_s = if let Some(cpu) = &simulate.cpu_per_request {
        float(cpu.seconds())
    } else {
        notes
            .push("simulate.cpu_per_request is not set: all of the service time is CPU".to_owned());
        service_s
    };
    let floor_s = simulate.floor.as_ref().map_or(0.0, |floor| float(floor.seconds()));
    let service = Service {
        floor_s,
        floor_cv: simulate.floor_variation.as_ref().map_or(0.0, |cv| float(cv.0)),
        service_s,
        servers,
        cpu_s,
        cap: cap(plan),
        gauge: Gauge::Outside,
    };
    Model::new(service).map_err(|Invalid { message, help }| Missing { key: SECTION, message, help })
}

/// How long clients wait, in seconds. The model tells waits apart, not the responses of an idle pod.
fn timeout_s(doc: &Document, model: &Model) -> Result<f64, Missing> {
    let Some(timeout) = &doc.simulate.client_timeout else { return Ok(f64::INFINITY) };
    let idle_s = model.open(0.0).mean_s;
    let timeout_s = float(timeout.seconds());
    if timeout_s >= 2.0 * idle_s {
        return Ok(timeout_s);
    }
    Err(Missing {
        key: "simulate.client_timeout",
        message: format!(
            "clients that give up after {} would miss answers of idle pods, which take {} ms on average",
            **timeout,
            trimmed(idle_s * 1000.0)
        ),
        help: "write a `client_timeout` of at least twice that, or none".to_owned(),
    })
}

/// The most pods that are simulated: as many as a cluster of Kubernetes is made for ("Considerations for large clusters").
const MOST_REPLICAS: i32 = 150_000;

fn check_replicas(scaling: &Scaling) -> Result<(), Missing> {
    let (key, replicas) = match scaling {
        Scaling::Fixed(replicas) => ("scaling.replicas", *replicas),
        Scaling::Auto(autoscaler) => ("scaling.max", autoscaler.max),
    };
    if replicas <= MOST_REPLICAS {
        return Ok(());
    }
    Err(Missing {
        key,
        message: format!("`{key}` is {}, more pods than any cluster holds", pods(replicas)),
        help: format!(
            "write at most `{MOST_REPLICAS}`, which is what Kubernetes is made for; `--set {key}=100` tries another number"
        ),
    })
}

/// A target that is 0 once it is in thousandths, the unit of an HPA: whoever divides by it gets no number of replicas.
fn check_targets(scaler: &Scaler) -> Result<(), Missing> {
    let Scaler::Auto(auto) = scaler else { return Ok(()) };
    let nothing = |metric: &Metric| match metric.target {
        Target::AverageValue(target) | Target::Value(target) => target <= 0,
        Target::Utilization(_) | Target::Unset => false,
    };
    let mut targets = auto.spec.metrics.iter().zip(&auto.signals);
    match targets.find(|(metric, _)| nothing(metric)) {
        Some((_, signal)) => Err(Missing {
            key: "targets",
            message: format!(
                "the target of {} is 0 in thousandths, which is what the HPA counts in",
                signal.name()
            ),
            help: "write a larger one: `0.001` at least, or `\"1ms\"` of a latency".to_owned(),
        }),
        None => Ok(()),
    }
}

fn cost_per_pod_hour(doc: &Document) -> Result<Option<f64>, Missing> {
    match doc.simulate.cost_per_pod_hour.as_ref().map(|cost| float(cost.0)) {
        Some(cost) if cost < 0.0 => Err(Missing {
            key: "simulate.cost_per_pod_hour",
            message: format!("`cost_per_pod_hour` is {cost}: nobody is paid for running pods"),
            help: "write what one pod costs for one hour, such as `0.12`, or leave it out"
                .to_owned(),
        }),
        cost => Ok(cost),
    }
}

/// The cap that the service's own environment names, as the checks of slo.toml read it.
fn cap(plan: &Plan<'_>) -> Option<u32> {
    crate::spec::concurrency::caps(&plan.spec.doc).map(|(.., cap)| cap).min()
}

/// What ends a start is the start-up probe; without a time for it, the model starts in one period of it.
fn lifecycle(plan: &Plan<'_>, notes: &mut Vec<String>) -> Lifecycle {
    let doc = &plan.spec.doc;
    let probe_period = seconds(plan.probes.startup.period.max(1));
    let written = doc.simulate.startup.as_ref().or(doc.probes.model_load.as_ref());
    let startup = written.map_or(probe_period, |startup| millis(**startup));
    if written.is_none() {
        notes.push(format!(
            "neither simulate.startup nor probes.model_load is set: a pod is ready after {} s",
            probe_period / 1000
        ));
    }
    let share = |amount: Amount| match amount {
        Amount::Count(pods) => Share::Pods(pods),
        Amount::Percent(percent) => Share::Percent(percent),
    };
    Lifecycle {
        startup,
        probe_period,
        max_surge: share(plan.rollout.max_surge),
        max_unavailable: share(plan.rollout.max_unavailable),
    }
}

fn scaler(plan: &Plan<'_>, notes: &mut Vec<String>) -> (Scaler, i32) {
    let autoscaler = match &plan.scaling {
        Scaling::Fixed(replicas) => return (Scaler::Fixed, *replicas),
        Scaling::Auto(autoscaler) => autoscaler,
    };
    let (mut metrics, mut signals) = (Vec::new(), Vec::new());
    let mut min = autoscaler.min;
    let keda = match &autoscaler.by {
        By::Hpa(list) => {
            for (metric, signal) in list.iter().map(of_hpa) {
                metrics.push(metric);
                signals.push(signal);
            }
            None
        }
        By::Keda(keda) => {
            for trigger in &keda.triggers {
                match of_keda(trigger) {
                    Ok((metric, signal)) => {
                        metrics.push(metric);
                        signals.push(signal);
                    }
                    Err(note) => notes.push(note),
                }
            }
            if keda.modifiers.is_some() {
                notes.push(
                    "scaling.keda.modifiers is not simulated: each trigger counts by itself"
                        .to_owned(),
                );
            }
            min = min.max(1);
            Some(scaled_object(autoscaler, keda))
        }
    };
    let tolerance = autoscaler.tolerance.map(|tolerance| float(tolerance.value()));
    let spec = Spec {
        min,
        max: autoscaler.max,
        metrics,
        behavior: Some(Behavior {
            up: direction(&autoscaler.up, tolerance),
            down: direction(&autoscaler.down, tolerance),
        }),
    };
    let auto = Auto { spec, flags: Flags::default(), signals, keda };
    (Scaler::Auto(Box::new(auto)), autoscaler.min)
}

fn direction<const UP: bool>(direction: &scaling::Direction, tolerance: Option<f64>) -> Rules<UP> {
    let policies = direction.policies.iter().map(|policy| {
        let (kind, value) = match policy.amount {
            Amount::Count(pods) => (PolicyKind::Pods, pods),
            Amount::Percent(percent) => (PolicyKind::Percent, percent),
        };
        Policy { kind, value, period_s: policy.period.get() }
    });
    Rules {
        window_s: Some(direction.stabilization.get()),
        select: match direction.select {
            leaf::Select::Max => Select::Max,
            leaf::Select::Min => Select::Min,
            leaf::Select::Disabled => Select::Disabled,
        },
        policies: policies.collect(),
        tolerance,
    }
}

/// Thousandths, rounded up as the API server's quantities are.
fn thousandths(value: Decimal) -> i64 {
    (value * Decimal::ONE_THOUSAND).ceil().to_i64().unwrap_or(i64::MAX)
}

fn of_hpa(metric: &scaling::Metric) -> (Metric, Signal) {
    match metric {
        scaling::Metric::Pods { name, measure, average } => {
            let target = quantity::quantity(&average.value).map_or(i64::MAX, thousandths);
            let signal = match measure {
                Measure::Latency(percentile) => Signal::Latency {
                    quantile: float(*percentile) / 100.0,
                    scope: Scope::Pod,
                    millis: false,
                },
                Measure::InFlight => Signal::InFlight(Scope::Pod),
            };
            let source = Source::Pods { name: name.clone() };
            (Metric { source, target: Target::AverageValue(target) }, signal)
        }
        scaling::Metric::Cpu(percent) => cpu(percent.value),
    }
}

fn cpu(percent: i32) -> (Metric, Signal) {
    let source = Source::Resource { name: "cpu".to_owned() };
    (Metric { source, target: Target::Utilization(percent) }, Signal::Cpu)
}

fn of_keda(trigger: &Trigger) -> Result<(Metric, Signal), String> {
    let (query, threshold) = match &trigger.asks {
        Asks::Cpu(percent) => return Ok(cpu(percent.value)),
        Asks::Prometheus { query, threshold } => (query, threshold.value),
        Asks::Written { kind, .. } => {
            return Err(format!(
                "a trigger of type `{kind}` is not simulated: nothing says what it reads"
            ));
        }
    };
    let signal = match query {
        Asked::Latency { target, millis } => Signal::Latency {
            quantile: float(target.percentile) / 100.0,
            scope: Scope::Fleet,
            millis: *millis,
        },
        Asked::InFlight => Signal::InFlight(Scope::Fleet),
        Asked::Written(query) => {
            return Err(format!(
                "the query `{query}` is not simulated: nothing says what it reads"
            ));
        }
    };
    let target = thousandths(threshold);
    let target = match trigger.metric_type {
        MetricType::AverageValue => Target::AverageValue(target),
        MetricType::Value => Target::Value(target),
        MetricType::Utilization => Target::Unset,
    };
    let name = trigger.name.clone().unwrap_or_default();
    Ok((Metric { source: Source::External { name }, target }, signal))
}

fn scaled_object(autoscaler: &scaling::Autoscaler, keda: &Keda) -> ScaledObject {
    let default = ScaledObject::default();
    let period = |written: Option<leaf::Seconds>, unset| written.map_or(unset, leaf::Seconds::get);
    ScaledObject {
        polling_interval_s: period(keda.polling, default.polling_interval_s),
        cooldown_s: period(keda.cooldown, default.cooldown_s),
        min: Some(autoscaler.min),
        max: Some(autoscaler.max),
        idle: keda.idle,
        fallback: keda.fallback.as_ref().map(|fallback| Fallback {
            failure_threshold: fallback.failures,
            replicas: fallback.replicas.value,
            behavior: match fallback.behavior {
                None | Some(leaf::Fallback::Static) => FallbackBehavior::Static,
                Some(leaf::Fallback::CurrentReplicas) => FallbackBehavior::CurrentReplicas,
                Some(leaf::Fallback::CurrentReplicasIfHigher) => {
                    FallbackBehavior::CurrentReplicasIfHigher
                }
                Some(leaf::Fallback::CurrentReplicasIfLower) => {
                    FallbackBehavior::CurrentReplicasIfLower
                }
                Some(leaf::Fallback::ScalingModifiers) => FallbackBehavior::ScalingModifiers,
            },
        }),
        ..default
    }
}
