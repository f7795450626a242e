//! Cases worked out by hand; recordings of the real controller are in `tests/simulate_oracle.rs`.

mod behavior;
mod metrics;

use super::history::{Event, Events, Recommendation};
use super::metrics::propose;
use super::normalise::{clamp_default, limit_rate, stabilize, stabilize_default};
use super::pods::{Phase, Pod, Readiness, Ready, Requests, Status};
use super::spec::{Behavior, Down, Metric, Policy, PolicyKind, Rules, Select, Source, Target, Up};
use super::*;
use crate::simulate::seconds;

const TOLERANCES: Tolerances = Tolerances { down: 0.1, up: 0.1 };

fn named() -> String {
    "m".to_owned()
}

fn resource(target: Target) -> Metric {
    Metric { source: Source::Resource { name: "cpu".to_owned() }, target }
}

fn pods_metric(target: i64) -> Metric {
    Metric { source: Source::Pods { name: named() }, target: Target::AverageValue(target) }
}

fn object(target: Target) -> Metric {
    Metric { source: Source::Object { name: named() }, target }
}

fn external(target: Target) -> Metric {
    Metric { source: Source::External { name: named() }, target }
}

/// A fleet in which every pod is running and ready.
fn fleet(replicas: i32) -> Fleet {
    Fleet { replicas, status_replicas: replicas, pods: replicas, ready: replicas }
}

/// What `metric` asks for.
fn asks(metric: &Metric, reading: &Reading<'_>, fleet: Fleet) -> Result<i32, MetricError> {
    propose(metric, reading, fleet, TOLERANCES).map(|proposal| proposal.replicas)
}

/// Equal pods without any that are unready or missing.
fn all_ready(ready: i32, usage: i64, request: Option<i64>) -> Reading<'static> {
    let counts = Counts { ready: i64::from(ready), ..Counts::default() };
    Reading::Pods(PodSamples::alike(counts, usage, request, 80))
}
