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
}
