//! KEDA's part of autoscaling (kedacore/keda after 2.20): what the operator does beside the HPA that it creates.
//!
//! Between 1 and `maxReplicaCount` the HPA decides, and asks KEDA for the metrics at each of its own syncs, whatever
//! `pollingInterval` says. The operator's loop ([`State::poll`]) only moves the workload between zero or idle and
//! the minimum. One order of the two a tick: [`State::due`], [`State::poll`], then
//! [`reconcile`](super::controller::reconcile) with what [`answer`] makes of each trigger.

pub mod fallback;
#[cfg(test)]
mod tests;

pub use fallback::{Answer, Fallback, FallbackBehavior, Health, Target, answer};

use super::{Time, seconds};

/// What a ScaledObject asks for; `apis/keda/v1alpha1/scaledobject_types.go` and `withtriggers_types.go`.
#[derive(Clone, Debug, PartialEq)]
pub struct ScaledObject {
    /// `pollingInterval` in seconds.
    pub polling_interval_s: i32,
    /// `cooldownPeriod` in seconds: how long after the last activity the workload goes to zero or idle.
    pub cooldown_s: i32,
    /// `initialCooldownPeriod` in seconds: how long after its creation, if it was never active.
    pub initial_cooldown_s: i32,
    /// `minReplicaCount`.
    pub min: Option<i32>,
    /// `maxReplicaCount`.
    pub max: Option<i32>,
    /// `idleReplicaCount`: where the workload goes without activity, in place of the minimum.
    pub idle: Option<i32>,
    /// `fallback`.
    pub fallback: Option<Fallback>,
    /// The annotations that interfere.
    pub annotations: Annotations,
}

impl Default for ScaledObject {
    /// A poll every 30 seconds (`withtriggers_types.go`), a cooldown of 300 and none at the start
    /// (`pkg/scaling/executor/scale_executor.go`).
    fn default() -> Self {
        Self {
            polling_interval_s: 30,
            cooldown_s: 300,
            initial_cooldown_s: 0,
            min: None,
            max: None,
            idle: None,
            fallback: None,
            annotations: Annotations::default(),
        }
    }
}

/// Annotations of a ScaledObject that change what the operator does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Annotations {
    /// `autoscaling.keda.sh/paused`: the operator does nothing. (It deletes the HPA, too, which is the caller's to do.)
    pub paused: bool,
    /// `autoscaling.keda.sh/paused-scale-in`.
    pub paused_scale_in: bool,
    /// `autoscaling.keda.sh/paused-scale-out`.
    pub paused_scale_out: bool,
    /// `autoscaling.keda.sh/force-activation`.
    pub force_activation: bool,
}

impl ScaledObject {
    /// `minReplicas` of the HPA: at least 1, whatever `minReplicaCount` says (`GetHPAMinReplicas`).
    pub fn hpa_min(&self) -> i32 {
        self.min.unwrap_or(0).max(1)
    }

    /// `maxReplicas` of the HPA: 100 if unset (`GetHPAMaxReplicas`).
    pub fn hpa_max(&self) -> i32 {
        self.max.unwrap_or(100)
    }
}

/// What one trigger says at a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// `cpu` or `memory`, which metrics-server serves: never asked.
    Resource,
    /// Any other: it answers, and is active or not.
    External {
        /// See [`is_active`].
        active: bool,
    },
    /// Any other: it fails, and no fallback answers for it.
    Failed,
}

impl Trigger {
    /// What the operator makes of an external trigger: since KEDA 2.19 a fallback that answers counts as activity, so
    /// that a workload at zero leaves it when its metrics fail.
    pub fn external(answer: Answer, active: bool) -> Self {
        match answer {
            Answer::Read(_) => Self::External { active },
            Answer::Fallback(value) => Self::External { active: value > 0 },
            Answer::Failed => Self::Failed,
        }
    }
}

/// Whether a trigger whose query yields `value` is active: above `activationThreshold`, not at it
/// (`pkg/scalers/prometheus_scaler.go`).
pub fn is_active(value: f64, activation_threshold: f64) -> bool {
    value > activation_threshold
}

/// What a trigger of type `prometheus` makes of a query's result, `None` where it is empty: without
/// `ignoreNullValues: "false"` nothing, NaN and infinity are 0 (`pkg/scalers/prometheus_scaler.go`).
pub fn prometheus_value(result: Option<f64>, ignore_null_values: bool) -> Option<f64> {
    let value = result.filter(|value| value.is_finite());
    value.or_else(|| ignore_null_values.then_some(0.0))
}

/// What all triggers of a ScaledObject say together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Some trigger is active.
    pub active: bool,
    /// Some trigger fails.
    pub failed: bool,
}

impl Activity {
    /// `getScaledObjectState` of `pkg/scaling/scale_handler.go`: triggers of type `cpu` and `memory` keep nothing alive,
    /// unless there are no others.
    pub fn of(triggers: impl IntoIterator<Item = Trigger>) -> Self {
        let (mut activity, mut external) = (Self::default(), false);
        for trigger in triggers {
            external |= trigger != Trigger::Resource;
            activity.active |= trigger == Trigger::External { active: true };
            activity.failed |= trigger == Trigger::Failed;
        }
        activity.active |= !external && !activity.failed;
        activity
    }
}

/// What the operator remembers of a ScaledObject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// `metadata.creationTimestamp`.
    pub created: Time,
    /// `status.lastActiveTime`.
    pub last_active: Option<Time>,
    /// When the loop wakes next.
    next: Time,
}

/// What the operator does at a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// `spec.replicas` of the workload afterwards.
    pub desired: i32,
    /// Why.
    pub reason: Reason,
}

/// Why the operator does what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Paused by annotation.
    Paused,
    /// Active: left zero or idle (`KEDAScaleTargetActivated`).
    Activated,
    /// Active, and running already: the HPA decides.
    Active,
    /// Active, while other triggers fail: the HPA decides, and the moment does not count as active.
    PartialTriggerError,
    /// Nothing is active, a trigger fails, and a fallback will or does answer: nothing.
    AwaitsFallback,
    /// Nothing is active, a trigger fails, and there is no fallback: nothing.
    TriggerError,
    /// Nothing is active, and has not been for long enough: to zero or idle (`KEDAScaleTargetDeactivated`).
    Deactivated,
    /// Nothing is active, but was until recently (`ScalerCooldown`).
    Cooldown,
    /// Nothing is active, and someone scaled below the minimum: back to it.
    RaisedToMinimum,
    /// Nothing is active, and there is nothing to do.
    Inactive,
}

impl State {
    /// A ScaledObject that is created at `now`; its first poll is then.
    pub fn new(now: Time) -> Self {
        Self { created: now, last_active: None, next: now }
    }

    /// Whether the loop wakes at `now`: `startScaleLoop` of `pkg/scaling/scale_handler.go`, at once and then
    /// `pollingInterval` after each poll.
    pub fn due(&self, now: Time) -> bool {
        now >= self.next
    }

    /// One turn of the loop: `RequestScale` of `pkg/scaling/executor/scale_scaledobjects.go`, for a workload with
    /// `replicas`.
    pub fn poll(
        &mut self,
        object: &ScaledObject,
        now: Time,
        replicas: i32,
        seen: Activity,
    ) -> Step {
        self.next = now.saturating_add(seconds(object.polling_interval_s.max(1)));
        let stay = |reason| Step { desired: replicas, reason };
        let min = object.min.unwrap_or(0);
        let annotations = object.annotations;
        if annotations.paused {
            return stay(Reason::Paused);
        }
        if seen.active || annotations.force_activation {
            return if (object.idle.is_some() && replicas < min) || replicas == 0 {
                self.activate(object, now, replicas)
            } else if seen.failed {
                stay(Reason::PartialTriggerError)
            } else {
                self.last_active = Some(now);
                stay(Reason::Active)
            };
        }
        let falls_back = object.fallback.as_ref().map(|fallback| fallback.replicas != 0);
        if seen.failed && falls_back == Some(true) {
            stay(Reason::AwaitsFallback)
        } else if seen.failed && falls_back.is_none() {
            stay(Reason::TriggerError)
        } else if object.idle.is_some_and(|idle| replicas > idle) || (replicas > 0 && min == 0) {
            self.deactivate(object, now, replicas)
        } else if object.idle.is_none() && replicas < min {
            Step { desired: min, reason: Reason::RaisedToMinimum }
        } else {
            stay(Reason::Inactive)
        }
    }

    /// `scaleFromZeroOrIdle`.
    fn activate(&mut self, object: &ScaledObject, now: Time, replicas: i32) -> Step {
        if object.annotations.paused_scale_out {
            return Step { desired: replicas, reason: Reason::Paused };
        }
        self.last_active = Some(now);
        Step { desired: object.hpa_min(), reason: Reason::Activated }
    }

    /// `scaleToZeroOrIdle`: a period that ends at this very moment has not passed.
    fn deactivate(&self, object: &ScaledObject, now: Time, replicas: i32) -> Step {
        if object.annotations.paused_scale_in {
            return Step { desired: replicas, reason: Reason::Paused };
        }
        let (from, period) = match self.last_active {
            Some(active) => (active, object.cooldown_s),
            None => (self.created, object.initial_cooldown_s),
        };
        if from.saturating_add(seconds(period)) < now {
            let desired = object.idle.or(object.min).unwrap_or(0);
            Step { desired, reason: Reason::Deactivated }
        } else {
            Step { desired: replicas, reason: Reason::Cooldown }
        }
    }
}

/// A number as KEDA hands it to the HPA, in thousandths: `quantityFromFloat64` of `pkg/scalers/scaler.go` writes it with
/// `%.3f`, so that what is below 0.0005 is 0, as are NaN and infinity. Nothing negative is left.
///
/// Beyond what a quantity holds it is the most that there is.
pub fn thousandths(value: f64) -> i64 {
    if !value.is_finite() {
        return 0;
    }
    let digits: String = format!("{value:.3}").chars().filter(|digit| *digit != '.').collect();
    match digits.parse() {
        Ok(thousandths) => i64::max(thousandths, 0),
        Err(_) if value < 0.0 => 0,
        Err(_) => i64::MAX,
    }
}
