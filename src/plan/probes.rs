//! When a container has started, can serve, and lives.

use crate::spec::handler::{Handler, Role, handler};
use crate::spec::tables::{self, Document};
use crate::spec::validate::budget;
use crate::units::Duration;

use super::targets::slowest;
use super::{Decided, Derived};

/// The three probes.
#[derive(Debug)]
pub struct Probes {
    /// Holds the other two back.
    pub startup: Probe,
    /// Decides whether the pod gets requests.
    pub readiness: Probe,
    /// Restarts the container.
    pub liveness: Probe,
    /// How long the container may take to start.
    pub startup_budget: Decided<Duration>,
}

/// A probe, all in seconds.
#[derive(Debug)]
pub struct Probe {
    /// What is asked.
    pub handler: Handler,
    /// Time between two tries.
    pub period: i32,
    /// Time for an answer.
    pub timeout: Decided<i32>,
    /// Failures in a row that count.
    pub failures: i32,
    /// Successes in a row that count.
    pub successes: Option<i32>,
    /// Time before the first try.
    pub initial_delay: Option<i32>,
}

impl Probes {
    pub(super) fn new(doc: &Document) -> Self {
        let probes = &doc.probes;
        let startup = &probes.startup;
        let delay =
            startup.initial_delay.as_ref().map_or(String::new(), |delay| format!("{} + ", **delay));
        let formula = format!("{delay}period {} × failures {}", *startup.period, *startup.failures);
        Self {
            startup: Probe::new(startup, Role::Startup, doc),
            readiness: Probe::new(&probes.readiness, Role::Readiness, doc),
            liveness: Probe::new(&probes.liveness, Role::Liveness, doc),
            startup_budget: Decided::derived(budget(startup), formula),
        }
    }

    pub(super) fn why(&self, derived: &mut Derived) {
        derived.add("start-up budget", &self.startup_budget);
        for (probe, role) in [
            (&self.startup, Role::Startup),
            (&self.readiness, Role::Readiness),
            (&self.liveness, Role::Liveness),
        ] {
            let seconds = Decided {
                value: format!("{}s", probe.timeout.value),
                why: probe.timeout.why.clone(),
            };
            derived.add(&format!("probes.{}.timeout", role.word()), &seconds);
        }
    }
}

impl Probe {
    fn new(probe: &tables::Probe, role: Role, doc: &Document) -> Self {
        Self {
            handler: handler(probe, role, doc),
            period: probe.period.get(),
            timeout: timeout(probe, doc),
            failures: i32::from(*probe.failures),
            successes: probe.successes.as_ref().map(|successes| i32::from(**successes)),
            initial_delay: probe.initial_delay.as_ref().map(|delay| delay.get()),
        }
    }
}

/// A probe that answers within the service's own latency target must not fail: at least that long, at least 2s
/// (the kubelet's 1s fails at the first garbage collection), at most the period.
fn timeout(probe: &tables::Probe, doc: &Document) -> Decided<i32> {
    if let Some(timeout) = &probe.timeout {
        return Decided::written(timeout.get());
    }
    let slowest = slowest(doc);
    let seconds = slowest.map_or(0, Duration::ceil_seconds).max(2);
    let value = i32::try_from(seconds).unwrap_or(i32::MAX).min(probe.period.get());
    let target = slowest.map_or(String::new(), |slowest| {
        format!(", at least the largest latency target {slowest}")
    });
    Decided::derived(value, format!("2s{target}, at most the period {}", *probe.period))
}
