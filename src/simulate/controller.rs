//! The HorizontalPodAutoscaler controller of Kubernetes 1.36, number for number.
//!
//! Each function names its source below `pkg/controller/podautoscaler/` of kubernetes/kubernetes. Where upstream
//! computes in `float64`, so does this; integers wrap and convert as Go's do. One call of [`reconcile`] is one sync,
//! every [`spec::SYNC_PERIOD_S`] seconds.
//!
//! What the caller answers for: one HPA for each workload (the controller refuses pods that two select), a scale
//! subresource that can be read and written, and moments that never go back.

mod go;
pub mod history;
pub mod metrics;
pub mod normalise;
pub mod pods;
pub mod spec;
#[cfg(test)]
mod tests;

pub use history::History;
pub use metrics::{Fleet, MetricError, Proposal, Reading};
pub use normalise::{Limit, Normalised, Stabilization};
pub use pods::{Counts, PodSamples};
pub use spec::{Flags, Spec, Tolerances};

pub(in crate::simulate) use go::{float, int64};

use super::Time;

/// What the controller sees at one sync.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// The moment.
    pub now: Time,
    /// The workload.
    pub fleet: Fleet,
    /// What each metric reads, in the order of [`Spec::metrics`]; one that is missing has failed.
    pub readings: &'a [Reading<'a>],
}

/// What one metric asks for, or why it asks for nothing.
pub type Wish = Result<Proposal, MetricError>;

/// What the controller does at one sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// `spec.replicas` of the workload afterwards.
    pub desired: i32,
    /// How it came to that.
    pub course: Course,
    /// The first metric that failed: the sync reports an error, also where the other metrics suffice.
    pub failed: Option<(usize, MetricError)>,
}

/// How the controller came to its decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// The workload has no replicas, and the controller did not bring it there: `ScalingDisabled`.
    Disabled,
    /// More than `maxReplicas`: no metric is asked and no window or policy heeded.
    AboveMax,
    /// Fewer than `minReplicas`: no metric is asked and no window or policy heeded.
    BelowMin,
    /// All metrics failed, or some did and the others ask for fewer replicas: nothing is done, and nothing remembered.
    Stopped,
    /// The metrics decide.
    Metrics {
        /// What they ask for together.
        proposed: i32,
        /// Which of them asks for it: the first of the highest.
        binding: Option<usize>,
        /// What became of it.
        normalised: Normalised,
    },
}

/// One sync: `reconcileAutoscaler` of `horizontal.go`, the update of the workload included, which succeeds.
///
/// `wishes` receives what each metric asks for; it stays empty where none is asked. Its memory is used again, so that
/// a sync allocates nothing.
pub fn reconcile(
    spec: &Spec,
    flags: &Flags,
    history: &mut History,
    seen: &Observation<'_>,
    wishes: &mut Vec<Wish>,
) -> Decision {
    let (current, now) = (seen.fleet.replicas, seen.now);
    wishes.clear();
    history.begin(current, now);
    let may_leave_zero = flags.scale_to_zero
        && history.scaled_to_zero
        && (spec.min != 0 || spec.has_object_or_external());
    let still = |course, failed| Decision { desired: current, course, failed };
    let decision = if current == 0 && !may_leave_zero {
        still(Course::Disabled, None)
    } else if current > spec.max && current != 0 {
        Decision { desired: spec.max, course: Course::AboveMax, failed: None }
    } else if current < spec.min && current != 0 {
        Decision { desired: spec.min, course: Course::BelowMin, failed: None }
    } else {
        let asked = ask(spec, flags, seen, wishes);
        if asked.stopped {
            return still(Course::Stopped, asked.failed);
        }
        let wish = asked.replicas.max(0);
        let normalised = normalise::normalise(history, spec, flags, current, wish, now);
        // `minReplicas` was raised while the controller kept the workload at zero.
        let least = if current == 0 { spec.min } else { i32::MIN };
        Decision {
            desired: normalised.desired.max(least),
            course: Course::Metrics { proposed: wish, binding: asked.binding, normalised },
            failed: asked.failed,
        }
    };
    if decision.desired != current {
        history.scaled(spec.behavior.as_ref(), current, decision.desired, now);
        history.scaled_to_zero = flags.scale_to_zero
            && decision.desired == 0
            && spec.min == 0
            && spec.has_object_or_external();
    }
    decision
}

/// What the metrics ask for together.
struct Asked {
    replicas: i32,
    binding: Option<usize>,
    failed: Option<(usize, MetricError)>,
    stopped: bool,
}

/// `computeReplicasForMetrics`: the most that any metric asks for. A metric that fails never blocks a scale-up, and
/// always blocks a scale-down.
fn ask(spec: &Spec, flags: &Flags, seen: &Observation<'_>, wishes: &mut Vec<Wish>) -> Asked {
    let tolerances = Tolerances::of(spec, flags);
    let mut asked = Asked { replicas: 0, binding: None, failed: None, stopped: false };
    for (at, metric) in spec.metrics.iter().enumerate() {
        let reading = seen.readings.get(at).unwrap_or(&Reading::Failed);
        let wish = metrics::propose(metric, reading, seen.fleet, tolerances);
        match wish {
            Ok(proposal) if asked.replicas == 0 || proposal.replicas > asked.replicas => {
                asked.replicas = proposal.replicas;
                asked.binding = Some(at);
            }
            Ok(_) => {}
            Err(error) => {
                asked.failed.get_or_insert((at, error));
            }
        }
        wishes.push(wish);
    }
    let none = asked.binding.is_none();
    asked.stopped = asked.failed.is_some() && (none || asked.replicas < seen.fleet.replicas);
    asked
}
