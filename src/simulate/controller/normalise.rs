//! What becomes of the metrics' wish: stabilization, policies and bounds, as `pkg/controller/podautoscaler/
//! horizontal.go` applies them, in its order.
//!
//! With behavior that order is: stabilize, limit the rate, clamp. The comment on `normalizeDesiredReplicasWithBehaviors`
//! names another; the code decides.

use std::fmt;

use super::go;
use super::history::{History, Recommendation};
use super::spec::{Behavior, Down, Flags, Policy, PolicyKind, Rules, Select, Spec, Up};
use crate::simulate::{Time, seconds};

/// The reason in the condition `AbleToScale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stabilization {
    /// Nothing held it back.
    ReadyForNewScale,
    /// A recent recommendation was lower, and is what counts.
    ScaleUpStabilized,
    /// A recent recommendation was higher, and is what counts.
    ScaleDownStabilized,
}

impl Stabilization {
    /// The message of the condition.
    pub fn message(self) -> &'static str {
        match self {
            Self::ReadyForNewScale => "recommended size matches current size",
            Self::ScaleUpStabilized => {
                "recent recommendations were lower than current one, applying the lowest recent recommendation"
            }
            Self::ScaleDownStabilized => {
                "recent recommendations were higher than current one, applying the highest recent recommendation"
            }
        }
    }
}

/// The reason in the condition `ScalingLimited`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Nothing limits; the condition is False.
    DesiredWithinRange,
    /// `minReplicas` does.
    TooFewReplicas,
    /// `maxReplicas` does.
    TooManyReplicas,
    /// The policies of `scaleUp` do, or without behavior the factor 2.
    ScaleUpLimit,
    /// The policies of `scaleDown` do.
    ScaleDownLimit,
}

impl Limit {
    /// The message of the condition.
    pub fn message(self) -> &'static str {
        match self {
            Self::DesiredWithinRange => "the desired count is within the acceptable range",
            Self::TooFewReplicas => {
                "the desired replica count is less than the minimum replica count"
            }
            Self::TooManyReplicas => {
                "the desired replica count is more than the maximum replica count"
            }
            Self::ScaleUpLimit => {
                "the desired replica count is increasing faster than the maximum scale rate"
            }
            Self::ScaleDownLimit => {
                "the desired replica count is decreasing faster than the maximum scale rate"
            }
        }
    }
}

macro_rules! as_named {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            /// The reason as Kubernetes writes it.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self, f)
            }
        }
    )*};
}
as_named!(Stabilization Limit);

/// `stabilizeRecommendation`, for an HPA without behavior: the highest of `desired` and what was recommended in the
/// window, a recommendation exactly that old included. It raises scale-ups, too.
pub fn stabilize_default(history: &mut History, desired: i32, window_s: i32, now: Time) -> i32 {
    let cutoff = now.saturating_sub(seconds(window_s));
    let mut highest = desired;
    let mut old = None;
    for recommendation in &mut history.recommendations {
        if recommendation.at < cutoff {
            old = Some(recommendation);
        } else {
            highest = highest.max(recommendation.replicas);
        }
    }
    let newest = Recommendation { replicas: desired, at: now };
    match old {
        Some(old) => *old = newest,
        None => history.recommendations.push(newest),
    }
    highest
}

/// `convertDesiredReplicasWithRules`, for an HPA without behavior: `factor` times the replicas at once, or four.
pub fn clamp_default(current: i32, desired: i32, min: i32, max: i32, factor: f64) -> (i32, Limit) {
    let limit = go::int32((factor * f64::from(current)).max(SCALE_UP_LIMIT_MINIMUM));
    let (most, reason) =
        if max > limit { (limit, Limit::ScaleUpLimit) } else { (max, Limit::TooManyReplicas) };
    if desired < min {
        (min, Limit::TooFewReplicas)
    } else if desired > most {
        (most, reason)
    } else {
        (desired, Limit::DesiredWithinRange)
    }
}

/// `scaleUpLimitMinimum`: what a small fleet without behavior may always grow to at once.
const SCALE_UP_LIMIT_MINIMUM: f64 = 4.0;

/// `stabilizeRecommendationWithBehaviors`: `current`, raised to the lowest recommendation of the window of `scaleUp`
/// and lowered to the highest of the window of `scaleDown`, one exactly that old excluded.
///
/// What is remembered is `desired`, not what comes of it.
pub fn stabilize(
    history: &mut History,
    current: i32,
    desired: i32,
    windows_s: (i32, i32),
    now: Time,
) -> i32 {
    let up_cutoff = now.saturating_sub(seconds(windows_s.0));
    let down_cutoff = now.saturating_sub(seconds(windows_s.1));
    let (mut lowest, mut highest) = (desired, desired);
    let mut old = None;
    for recommendation in &mut history.recommendations {
        let at = recommendation.at;
        if at > up_cutoff {
            lowest = lowest.min(recommendation.replicas);
        }
        if at > down_cutoff {
            highest = highest.max(recommendation.replicas);
        }
        if at < up_cutoff && at < down_cutoff {
            old = Some(recommendation);
        }
    }
    let newest = Recommendation { replicas: desired, at: now };
    match old {
        Some(old) => *old = newest,
        None => history.recommendations.push(newest),
    }
    current.max(lowest).min(highest)
}

/// `convertDesiredReplicasWithBehaviorRate`: no faster than the policies allow, and not beyond the bound ahead.
pub fn limit_rate(
    history: &History,
    behavior: &Behavior,
    bounds: (i32, i32),
    current: i32,
    desired: i32,
    now: Time,
) -> (i32, Limit) {
    let (min, max) = bounds;
    if desired > current {
        let limit = up_limit(history, &behavior.up, current, now).max(current);
        let (most, reason) =
            if max > limit { (limit, Limit::ScaleUpLimit) } else { (max, Limit::TooManyReplicas) };
        if desired > most {
            return (most, reason);
        }
    } else if desired < current {
        let limit = down_limit(history, &behavior.down, current, now).min(current);
        let (least, reason) =
            if min < limit { (limit, Limit::ScaleDownLimit) } else { (min, Limit::TooFewReplicas) };
        if desired < least {
            return (least, reason);
        }
    }
    (desired, Limit::DesiredWithinRange)
}

/// `calculateScaleUpLimitWithScalingRules`: percent round up, or a small fleet would never grow.
fn up_limit(history: &History, rules: &Up, current: i32, now: Time) -> i32 {
    let allowed = |policy: &Policy| {
        let start = start_of_period(history, policy, current, now);
        match policy.kind {
            PolicyKind::Pods => start.wrapping_add(policy.value),
            // As upstream writes it: 100 * (1 + 10/100) is 110.00000000000001, and rounds up to 111.
            PolicyKind::Percent => {
                go::int32((f64::from(start) * (1.0 + f64::from(policy.value) / 100.0)).ceil())
            }
        }
    };
    let limits = rules.policies.iter().map(allowed);
    match rules.select {
        Select::Disabled => current,
        Select::Min => limits.fold(i32::MAX, Ord::min),
        Select::Max => limits.fold(i32::MIN, Ord::max),
    }
}

/// `calculateScaleDownLimitWithBehaviors`: percent round down, so that more pods go.
fn down_limit(history: &History, rules: &Down, current: i32, now: Time) -> i32 {
    let allowed = |policy: &Policy| {
        let start = start_of_period(history, policy, current, now);
        match policy.kind {
            PolicyKind::Pods => start.wrapping_sub(policy.value),
            PolicyKind::Percent => {
                go::int32(f64::from(start) * (1.0 - f64::from(policy.value) / 100.0))
            }
        }
    };
    let limits = rules.policies.iter().map(allowed);
    match rules.select {
        Select::Disabled => current,
        Select::Min => limits.fold(i32::MIN, Ord::max),
        Select::Max => limits.fold(i32::MAX, Ord::min),
    }
}

/// The replicas at the start of a policy's period; changes in both directions count for both.
fn start_of_period(history: &History, policy: &Policy, current: i32, now: Time) -> i32 {
    let added = history.ups.change_within(policy.period_s, now);
    let deleted = history.downs.change_within(policy.period_s, now);
    current.wrapping_sub(added).wrapping_add(deleted)
}

/// What became of the metrics' wish, step by step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Normalised {
    /// What counts once the windows are heeded.
    pub stabilized: i32,
    /// Which window held it back.
    pub stabilization: Stabilization,
    /// What is left once policies and bounds are heeded, too.
    pub desired: i32,
    /// Which of them limited it.
    pub limit: Limit,
}

/// `normalizeDesiredReplicas` and `normalizeDesiredReplicasWithBehaviors`.
pub(super) fn normalise(
    history: &mut History,
    spec: &Spec,
    flags: &Flags,
    current: i32,
    desired: i32,
    now: Time,
) -> Normalised {
    let (stabilized, held, (limited, limit)) = if let Some(behavior) = &spec.behavior {
        let windows =
            (window(&behavior.up, 0), window(&behavior.down, flags.downscale_stabilization_s));
        let stabilized = stabilize(history, current, desired, windows, now);
        let held = if desired >= current {
            Stabilization::ScaleUpStabilized
        } else {
            Stabilization::ScaleDownStabilized
        };
        let bounds = (spec.min, spec.max);
        (stabilized, held, limit_rate(history, behavior, bounds, current, stabilized, now))
    } else {
        let window = flags.downscale_stabilization_s;
        let stabilized = stabilize_default(history, desired, window, now);
        let factor = flags.scale_up_limit_factor;
        let clamped = clamp_default(current, stabilized, spec.min, spec.max, factor);
        (stabilized, Stabilization::ScaleDownStabilized, clamped)
    };
    let stabilization = if stabilized == desired { Stabilization::ReadyForNewScale } else { held };
    Normalised { stabilized, stabilization, desired: limited, limit }
}

/// The stabilization window in seconds: `maybeInitScaleDownStabilizationWindow` fills one that is unset.
fn window<const UP: bool>(rules: &Rules<UP>, unset: i32) -> i32 {
    rules.window_s.unwrap_or(unset)
}
