//! What the controller makes of pods and their samples before it calculates: `groupPods`, `removeMetricsForPods` and
//! `calculateRequests` of `pkg/controller/podautoscaler/replica_calculator.go`.
//!
//! The calculation needs counts and sums only, so that a simulation of a fleet of equal pods fills [`PodSamples`]
//! from its counts ([`PodSamples::alike`]) and looks at no pod.

use super::spec::Flags;
use crate::simulate::{Time, seconds};

/// What the controller knows of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pod {
    /// `status.phase`.
    pub phase: Phase,
    /// `metadata.deletionTimestamp` is set.
    pub deleted: bool,
    /// `status.startTime`.
    pub start: Option<Time>,
    /// The condition `Ready`.
    pub ready: Option<Ready>,
}

impl Pod {
    /// Whether it counts for an Object or External metric of type Value: `getReadyPodsCount`.
    pub fn is_running_and_ready(&self) -> bool {
        self.phase == Phase::Running && self.ready.is_some_and(|ready| ready.status == Status::True)
    }
}

/// `status.phase` of a pod, as far as the controller distinguishes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not all containers have started yet.
    Pending,
    /// Running, ready or not.
    Running,
    /// Ended with success.
    Succeeded,
    /// Ended without.
    Failed,
    /// The kubelet is out of reach.
    Unknown,
}

/// The condition `Ready` of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// `status`.
    pub status: Status,
    /// `lastTransitionTime`.
    pub since: Time,
}

/// The status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Nobody knows.
    Unknown,
}

/// When samples of CPU are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// The moment of the decision.
    pub now: Time,
    /// When the samples were taken.
    pub sampled: Time,
    /// Over how long they were taken, in milliseconds.
    pub window: Time,
}

impl Readiness {
    /// Whether the sample of `pod` is left out because the pod is not ready, or was not while it was taken.
    fn doubts(self, pod: &Pod, flags: &Flags) -> bool {
        let (Some(ready), Some(start)) = (pod.ready, pod.start) else { return true };
        let unready = ready.status == Status::False;
        if start.saturating_add(seconds(flags.cpu_initialization_s)) > self.now {
            unready || self.sampled < ready.since.saturating_add(self.window)
        } else {
            unready && start.saturating_add(seconds(flags.initial_readiness_delay_s)) > ready.since
        }
    }
}

/// A metric's samples and the pods behind them, as counts and sums. Amounts are in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodSamples {
    /// How many pods the selector finds, in whatever state.
    pub pods: i64,
    /// Pods that count with their sample (`readyPodCount`).
    pub ready: i64,
    /// Pods that are left out unless they would dampen a scale-up: pending, or of a CPU metric and not ready.
    pub unready: i64,
    /// Pods that should have a sample and have none.
    pub missing: i64,
    /// Samples that count, with those of pods that the selector does not find.
    pub samples: i64,
    /// Their sum.
    pub usage: i64,
    /// What the pods request. Nothing but `Utilization` needs it.
    pub requests: Option<Requests>,
}

/// What pods request, by what becomes of them. Amounts are in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// The sum of the samples of pods that the selector finds.
    pub usage: i64,
    /// What those pods request.
    pub sampled: i64,
    /// What the unready pods request.
    pub unready: i64,
    /// What the pods without sample request.
    pub missing: i64,
    /// What the pods without sample are taken to use on the way down: the larger of request and target, each pod's
    /// rounded down.
    pub missing_fill: i64,
}

impl Requests {
    /// What a pod without sample that requests `request` is taken to use, with a target of `target` percent.
    fn fill(request: i64, target: i32) -> i64 {
        request.wrapping_mul(i64::from(target.max(100))) / 100
    }
}

impl PodSamples {
    /// A fleet of equal pods: `usage` is the sum over the `ready` ones, `request` what each requests.
    ///
    /// `target` is the target in percent, for [`Requests::missing_fill`]; any other metric's `request` is `None`.
    pub fn alike(counts: Counts, usage: i64, request: Option<i64>, target: i32) -> Self {
        let Counts { ready, unready, missing } = counts;
        Self {
            pods: ready + unready + missing,
            ready,
            unready,
            missing,
            samples: ready,
            usage,
            requests: request.map(|request| Requests {
                usage,
                sampled: request.wrapping_mul(ready),
                unready: request.wrapping_mul(unready),
                missing: request.wrapping_mul(missing),
                missing_fill: Requests::fill(request, target).wrapping_mul(missing),
            }),
        }
    }

    /// The pods in `pods`, each with its sample and its request, and the samples `stray` that belong to none.
    ///
    /// `readiness` is given for CPU only: any other metric believes every pod that has a sample. `target` is as for
    /// [`PodSamples::alike`].
    pub fn group<'a>(
        pods: impl IntoIterator<Item = (&'a Pod, Option<i64>, Option<i64>)>,
        stray: impl IntoIterator<Item = i64>,
        readiness: Option<Readiness>,
        target: i32,
        flags: &Flags,
    ) -> Self {
        let mut grouped = Self::default();
        let mut requests = Requests::default();
        let mut all_request = true;
        for (pod, sample, request) in pods {
            grouped.pods += 1;
            all_request &= request.is_some();
            let request = request.unwrap_or_default();
            if pod.deleted || pod.phase == Phase::Failed {
                continue;
            }
            let pending = pod.phase == Phase::Pending;
            match sample.filter(|_| !pending) {
                None if pending => {
                    grouped.unready += 1;
                    requests.unready = requests.unready.wrapping_add(request);
                }
                None => {
                    grouped.missing += 1;
                    requests.missing = requests.missing.wrapping_add(request);
                    let fill = Requests::fill(request, target);
                    requests.missing_fill = requests.missing_fill.wrapping_add(fill);
                }
                Some(_) if readiness.is_some_and(|readiness| readiness.doubts(pod, flags)) => {
                    grouped.unready += 1;
                    requests.unready = requests.unready.wrapping_add(request);
                }
                Some(sample) => {
                    grouped.ready += 1;
                    requests.usage = requests.usage.wrapping_add(sample);
                    requests.sampled = requests.sampled.wrapping_add(request);
                }
            }
        }
        (grouped.samples, grouped.usage) = (grouped.ready, requests.usage);
        for sample in stray {
            grouped.samples += 1;
            grouped.usage = grouped.usage.wrapping_add(sample);
        }
        grouped.requests = all_request.then_some(requests);
        grouped
    }
}

/// How many pods of a fleet are in which state, for [`PodSamples::alike`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// With a sample that counts.
    pub ready: i64,
    /// Pending, or for CPU not ready.
    pub unready: i64,
    /// Running without a sample.
    pub missing: i64,
}
