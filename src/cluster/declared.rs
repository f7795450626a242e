//! What the user says of the cluster and of the services: from the configuration and from slo.toml. Plain data.

use crate::source::{FileId, Span};
use crate::units::Duration;
use rust_decimal::Decimal;

/// What follows from an object's not being in the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum World {
    /// It does not exist: the input is all there is.
    Closed,
    /// It may exist, but nobody would leave out what belongs together: a near miss is a slip.
    #[default]
    Open,
    /// Nothing: the input is a part of what belongs together, such as the files of one commit. Whatever is found
    /// stays true as files are added.
    Partial,
}

/// What is known of the cluster that the manifests are for.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// What follows from an object's not being in the input.
    pub world: World,
    /// A kind that nothing is known of is an error.
    pub strict_kinds: bool,
    /// Files, in the order of their ids, that hold no objects, but patches and configuration of kustomize.
    pub fragments: Vec<FileId>,
    /// Kubernetes version, as (major, minor).
    pub kubernetes: Option<(u32, u32)>,
    /// Prometheus version, as (major, minor).
    pub prometheus: Option<(u32, u32)>,
    /// KEDA version, as (major, minor).
    pub keda: Option<(u32, u32)>,
    /// The namespace of objects that set none.
    pub namespace: Option<String>,
    /// Label `release` by which the monitoring stack selects what belongs to it.
    pub release: Option<String>,
    /// The monitoring stack, such as `kube-prometheus-stack`.
    pub stack: Option<String>,
    /// Namespace of Prometheus.
    pub monitoring_namespace: Option<String>,
    /// Number of nodes.
    pub nodes: Option<u32>,
    /// Number of zones.
    pub zones: Option<u32>,
}

/// A value with its place in slo.toml.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written<T> {
    /// The value.
    pub value: T,
    /// Where it is written, in slo.toml or in the profile that gives it.
    pub span: Span,
}

/// What one slo.toml says of its service.
#[derive(Clone, Debug)]
pub struct Declared {
    /// `service.name`.
    pub name: String,
    /// `service.namespace`.
    pub namespace: String,
    /// `probes.model_load`: how long the process takes to start.
    pub startup: Option<Written<Duration>>,
    /// The largest latency threshold of `targets`.
    pub slowest: Option<Written<Duration>>,
    /// The strictest objective of `targets`, as a ratio.
    pub objective: Option<Written<Decimal>>,
    /// `metrics.interval`.
    pub interval: Option<Written<Duration>>,
    /// Label names of `metrics.selector`.
    pub selector_labels: Vec<Written<String>>,
    /// Names of the metrics that the service itself produces.
    pub metrics: Vec<String>,
    /// What "good" means, and how it is alerted on.
    pub objectives: Vec<Objective>,
    /// How Prometheus stores what the targets are measured by.
    pub series: ServiceSeries,
    /// `targets.in_flight.per_pod`.
    pub in_flight: Option<Written<Decimal>>,
    /// `targets.window`: the time that an error budget is for.
    pub window: Written<Duration>,
    /// `metrics.retention`.
    pub retention: Option<Written<Duration>>,
    /// `alerts.expected_rps`.
    pub expected_rps: Option<Written<Decimal>>,
    /// Fewest pods, as `scaling` says.
    pub least_pods: i32,
    /// `alerts.absent`: alerts on metrics that are gone are wanted.
    pub wants_absence: bool,
    /// SHA-256 of the file, whatever its line ends are; empty where nobody knows the file.
    pub digests: Vec<String>,
    /// The same with each of the overlays.
    pub overlays: Vec<Declared>,
}

/// A target with an error budget.
#[derive(Clone, Debug)]
pub struct Objective {
    /// Label `slo_id` of its series.
    pub id: String,
    /// `latency-p95`, `errors`.
    pub name: String,
    /// The target of a latency; of errors `None`.
    pub latency: Option<LatencyBound>,
    /// What the objective leaves of one, and where it is written.
    pub budget: Written<Decimal>,
    /// Burn rates that alert, fastest first.
    pub tiers: Vec<BurnTier>,
}

/// A percentile of the latency, and what it stays below.
#[derive(Clone, Debug)]
pub struct LatencyBound {
    /// Such as 95.
    pub percentile: Decimal,
    /// The bound.
    pub below: Written<Duration>,
    /// Name of the metric that an HPA reads.
    pub metric: String,
}

/// A burn rate over a pair of windows.
#[derive(Clone, Debug)]
pub struct BurnTier {
    /// Its name.
    pub name: String,
    /// The shorter window.
    pub short: Duration,
    /// The longer one.
    pub long: Duration,
    /// Share of bad requests that fires: factor × budget.
    pub threshold: Decimal,
}

/// How Prometheus stores what the targets are measured by.
#[derive(Clone, Debug)]
pub struct ServiceSeries {
    /// Counter of requests.
    pub requests: String,
    /// Histogram of latencies, without suffix.
    pub latency: String,
    /// Gauge of requests in flight.
    pub in_flight: String,
    /// Upper bounds of the buckets in seconds; `None` if they are not known or there are none.
    pub buckets: Option<Written<Vec<Decimal>>>,
    /// Labels with exact values that single out the requests that count.
    pub selector: Vec<(String, String)>,
    /// The same labels as the application writes them.
    pub exported: Vec<String>,
    /// Labels with regular expressions that together mark a failed request.
    pub errors: Vec<(String, String)>,
    /// Where these are written, or what stands for them.
    pub errors_span: Span,
    /// Range of rates in queries, and where it or the interval that it follows from is written.
    pub rate_window: Written<Duration>,
    /// `metrics.rate_window` is written.
    pub rate_window_is_written: bool,
    /// Major version of Prometheus.
    pub prometheus: u16,
}

impl Declared {
    /// What holds with one overlay or without any.
    pub fn variants(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.overlays)
    }
}
