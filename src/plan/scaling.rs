//! How many pods run, and at which values their number changes.

pub mod keda;

use crate::spec::leaf::{Backend, Policy, Seconds, Select, Signal};
use crate::spec::tables::{self, Document};
use crate::units::{Decimal, Ratio, plain, quantity};

use super::targets::Targets;
use super::{Decided, Derived};

/// The size of the fleet.
#[derive(Debug)]
pub enum Scaling {
    /// Always so many pods.
    Fixed(i32),
    /// As many as the metrics want.
    Auto(Box<Autoscaler>),
}

/// What an autoscaler is told.
#[derive(Debug)]
pub struct Autoscaler {
    /// Fewest pods.
    pub min: i32,
    /// Most pods.
    pub max: i32,
    /// What their number follows.
    pub by: By,
    /// Growing.
    pub up: Direction,
    /// Shrinking.
    pub down: Direction,
    /// Deviation that changes nothing, for both directions.
    pub tolerance: Option<Ratio>,
}

/// What the number of pods follows, in order.
#[derive(Debug)]
pub enum By {
    /// Metrics of an HPA.
    Hpa(Vec<Metric>),
    /// Triggers of KEDA.
    Keda(keda::Keda),
}

/// A metric with the value to scale at.
#[derive(Debug)]
pub enum Metric {
    /// Mean over the pods of a custom metric.
    Pods {
        /// Name in the custom metrics API: what the autoscaler asks for, and what prometheus-adapter serves.
        name: String,
        /// What is measured.
        measure: Measure,
        /// The value as a Kubernetes quantity.
        average: Decided<String>,
    },
    /// CPU in percent of the request.
    Cpu(Decided<i32>),
}

/// What a custom metric measures, pod by pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// This percentile of the latency.
    Latency(Decimal),
    /// Requests in flight.
    InFlight,
}

/// One direction of scaling.
#[derive(Debug)]
pub struct Direction {
    /// The most cautious proposal of this long counts.
    pub stabilization: Seconds,
    /// So much per period.
    pub policies: Vec<Policy>,
    /// Which policy counts.
    pub select: Select,
}

impl Direction {
    fn new(table: &tables::Direction) -> Self {
        Self {
            stabilization: *table.stabilization,
            policies: table.policies.iter().map(|policy| **policy).collect(),
            select: *table.select,
        }
    }
}

impl Scaling {
    pub(super) fn new(doc: &Document, targets: &Targets) -> Self {
        let scaling = &doc.scaling;
        if let Some(replicas) = &scaling.replicas {
            return Self::Fixed(**replicas);
        }
        let metrics = || scaling.scale_on.iter().flat_map(|it| metrics(**it, doc, targets));
        Self::Auto(Box::new(Autoscaler {
            min: *scaling.min,
            max: *scaling.max,
            by: match *scaling.backend {
                Backend::Hpa => By::Hpa(metrics().collect()),
                Backend::Keda => By::Keda(keda::Keda::new(doc, targets)),
            },
            up: Direction::new(&scaling.up),
            down: Direction::new(&scaling.down),
            tolerance: scaling.tolerance.as_ref().map(|tolerance| **tolerance),
        }))
    }

    pub(super) fn why(&self, derived: &mut Derived) {
        let Self::Auto(autoscaler) = self else { return };
        match &autoscaler.by {
            By::Hpa(metrics) => {
                for metric in metrics {
                    match metric {
                        Metric::Pods { name, average, .. } => {
                            derived.add(&format!("scale at {name}"), average);
                        }
                        Metric::Cpu(percent) => derived.add("scale at cpu utilisation", percent),
                    }
                }
            }
            By::Keda(keda) => keda.why(derived),
        }
    }
}

fn metrics(signal: Signal, doc: &Document, targets: &Targets) -> Vec<Metric> {
    let at = &doc.scaling.scale_at;
    match signal {
        Signal::Latency => targets
            .latency
            .iter()
            .map(|target| {
                let written = at.latency.as_ref().map(|at| at.seconds());
                let average =
                    scale_at(written, target.below.seconds(), "its target in seconds", doc);
                Metric::Pods {
                    name: target.metric.clone(),
                    measure: Measure::Latency(target.percentile),
                    average: average.map(quantity::milli),
                }
            })
            .collect(),
        Signal::InFlight => targets
            .in_flight
            .iter()
            .map(|target| {
                let average = scale_at(
                    at.in_flight.as_ref().map(|at| at.0),
                    target.per_pod,
                    "its target",
                    doc,
                );
                Metric::Pods {
                    name: target.metric.clone(),
                    measure: Measure::InFlight,
                    average: average.map(quantity::milli),
                }
            })
            .collect(),
        Signal::Cpu => targets.cpu.iter().map(|target| Metric::Cpu(cpu(*target, doc))).collect(),
        Signal::Saturation => Vec::new(),
    }
}

fn cpu(target: Ratio, doc: &Document) -> Decided<i32> {
    let written = doc.scaling.scale_at.cpu.as_ref().map(|at| at.percent());
    let percent = scale_at(written, target.percent(), "its target in percent", doc);
    // The HPA takes whole percents; rounding down scales no later than asked.
    percent.map(|value| i32::try_from(value.floor()).unwrap_or(i32::MAX).max(1))
}

/// The written value, or target × (1 − headroom).
fn scale_at(
    written: Option<Decimal>,
    target: Decimal,
    what: &str,
    doc: &Document,
) -> Decided<Decimal> {
    if let Some(value) = written {
        Decided::written(value)
    } else {
        let headroom = *doc.scaling.headroom;
        let value = target * headroom.complement().value();
        let formula = format!("{what} {} × (1 − scaling.headroom {headroom})", plain(target));
        Decided::derived(value.normalize(), formula)
    }
}

impl<T> Decided<T> {
    fn map<U>(self, f: impl FnOnce(T) -> U) -> Decided<U> {
        Decided { value: f(self.value), why: self.why }
    }
}
