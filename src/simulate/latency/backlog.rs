//! What open load leaves behind while it is more than the pods can serve, and for a while afterwards.

use super::{Model, Operating};

/// Requests that wait, carried from one step to the next.
///
/// Pods empty their queue at the rate that a steady state with that queue would (pointwise stationary fluid flow):
/// a queue of `x` requests leaves at `μx/(q + x)`, where `μ` is the capacity of a pod, and `q/(μ − λ)` the steady wait.
/// So for `λ < μ` the queue settles at the steady one, for `λ > μ` it grows by `λ − μ` a second, and a request waits
/// for `(q + x)/μ`: the `q/(n·c/S)` of a plain fluid queue, without its jump at ρ = 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Backlog {
    /// Requests of the whole fleet.
    waiting: f64,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Where each pod works at the end of the step; `None` without pods.
    pub operating: Option<Operating>,
    /// Requests per second that the whole fleet served in the step.
    pub served_rps: f64,
    /// Requests that failed in the step: given up by their client, or refused since there was no pod.
    pub failed: f64,
    /// Requests of the whole fleet that wait at the end of the step.
    pub waiting: f64,
}

/// The highest utilisation at which the steady queue is asked for; its `q` hardly changes beyond.
const STEADY: f64 = 0.999;

impl Backlog {
    /// Requests of the whole fleet that wait.
    pub fn waiting(&self) -> f64 {
        self.waiting
    }

    /// `dt_s` seconds during which `offered_rps` requests per second reach `ready` pods like `model`, in turn.
    ///
    /// Clients give up after `timeout_s` (infinite: never), and what they gave up costs no more work. Without pods
    /// every request fails, those that waited too.
    pub fn step(
        &mut self,
        model: &Model,
        dt_s: f64,
        offered_rps: f64,
        ready: u32,
        timeout_s: f64,
    ) -> Step {
        let (offered_rps, dt_s) = (offered_rps.max(0.0), dt_s.max(0.0));
        if ready == 0 {
            let failed = self.waiting + offered_rps * dt_s;
            self.waiting = 0.0;
            return Step { operating: None, served_rps: 0.0, failed, waiting: 0.0 };
        }
        let pods = f64::from(ready);
        let capacity = model.capacity_rps();
        let rps = offered_rps / pods;
        let steady = rps.min(STEADY * capacity);
        let queueing = model.queueing(steady);
        let before = self.waiting / pods;
        let (after, served) = if dt_s > 0.0 {
            let after = settled(before + rps * dt_s, capacity * dt_s, queueing);
            (after, (rps - (after - before) / dt_s).max(0.0))
        } else {
            (before, steady)
        };
        let service = model.service();
        let patience = (timeout_s - service.floor_s - service.service_s).max(0.0);
        let most = (patience * capacity - queueing).max(0.0);
        let failed = (after - most).max(0.0) * pods;
        let after = after.min(most);
        self.waiting = after * pods;
        let wait_s = (queueing + after) / capacity;
        let mut operating = model.with_wait(served, steady, wait_s);
        // What it works on is what it can; what it is asked for tells whether it keeps up.
        operating.utilisation = (rps / capacity).max(operating.utilisation);
        operating.saturated = operating.utilisation > super::MOST_UTILISATION;
        Step {
            operating: Some(operating),
            served_rps: served * pods,
            failed,
            waiting: self.waiting,
        }
    }
}

/// The queue `x` at the end of a step that starts with `offered` requests, those that waited included, and could serve
/// `most`: the root of `x = offered − most·x/(q + x)`, an implicit step, which no length of step makes unstable.
fn settled(offered: f64, most: f64, queueing: f64) -> f64 {
    let half = (queueing + most - offered) / 2.0;
    let root = (half * half + offered * queueing).sqrt();
    if half > 0.0 { offered * queueing / (half + root) } else { root - half }
}
