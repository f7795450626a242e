//! How a new version replaces the old one, and how a pod goes.

use crate::spec::leaf::Amount;
use crate::spec::tables::Document;
use crate::units::Duration;

use super::probes::Probes;
use super::targets::slowest;
use super::{Decided, Derived};

/// Replacement of versions and pods, in seconds.
#[derive(Debug)]
pub struct Rollout {
    /// Pods above the wanted number.
    pub max_surge: Amount,
    /// Pods below the wanted number.
    pub max_unavailable: Amount,
    /// When a rollout that does not move counts as failed.
    pub progress_deadline: Decided<i32>,
    /// Time between leaving the endpoints and SIGTERM; 0 for none.
    pub drain: i32,
    /// Time until SIGKILL, the drain included.
    pub termination_grace: Decided<i32>,
}

impl Rollout {
    pub(super) fn new(doc: &Document, probes: &Probes) -> Self {
        let drain = *doc.availability.drain;
        Self {
            max_surge: *doc.scaling.rollout.max_surge,
            max_unavailable: *doc.scaling.rollout.max_unavailable,
            progress_deadline: progress_deadline(probes.startup_budget.value),
            drain: drain.get(),
            termination_grace: match &doc.availability.termination_grace {
                Some(grace) => Decided::written(grace.get()),
                None => termination_grace(drain.get(), slowest(doc)),
            },
        }
    }

    pub(super) fn why(&self, derived: &mut Derived) {
        let seconds = |decided: &Decided<i32>| Decided {
            value: format!("{}s", decided.value),
            why: decided.why.clone(),
        };
        derived.add("progress deadline", &seconds(&self.progress_deadline));
        derived.add("availability.termination_grace", &seconds(&self.termination_grace));
    }
}

/// Twice the start-up budget, so that one slow pod is no failed rollout; at least Kubernetes' own 600 s.
fn progress_deadline(startup_budget: Duration) -> Decided<i32> {
    let seconds = i32::try_from(startup_budget.times(2).ceil_seconds()).unwrap_or(i32::MAX);
    Decided::derived(
        seconds.max(600),
        format!("2 × start-up budget {startup_budget}, at least 600s"),
    )
}

/// The drain, then Kubernetes' own 30 s for SIGTERM, or twice the slowest request that is still good.
fn termination_grace(drain: i32, slowest: Option<Duration>) -> Decided<i32> {
    let twice =
        i32::try_from(slowest.unwrap_or_default().times(2).ceil_seconds()).unwrap_or(i32::MAX);
    let rest = twice.max(30);
    Decided::derived(
        drain.saturating_add(rest),
        format!("drain {drain}s + {rest}s (30s, at least 2 × the largest latency target)"),
    )
}
