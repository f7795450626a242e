//! What KEDA answers the HPA when a trigger fails: `pkg/fallback/fallback.go`.

use crate::simulate::controller::{float, int64};

/// `fallback` of a ScaledObject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// `failureThreshold`: how many failures in a row are reported to the HPA as such.
    pub failure_threshold: i32,
    /// `replicas`.
    pub replicas: i32,
    /// `behavior`.
    pub behavior: FallbackBehavior,
}

/// `behavior` of a fallback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FallbackBehavior {
    /// `static`: to `replicas`.
    #[default]
    Static,
    /// `currentReplicas`: as many as there are.
    CurrentReplicas,
    /// `currentReplicasIfHigher`: as many as there are, and at least `replicas`.
    CurrentReplicasIfHigher,
    /// `currentReplicasIfLower`: as many as there are, and at most `replicas`.
    CurrentReplicasIfLower,
    /// `scalingModifiers`: the formula is told that there is no value, and decides.
    ScalingModifiers,
}

/// What a metric is compared with, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// `metricType: AverageValue`.
    AverageValue(i64),
    /// `metricType: Value`. Its fallback needs KEDA 2.18.
    Value(i64),
}

/// `status.health` of one metric: failures in a row. Polls and the HPA's requests count alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// `numberOfFailures`.
    pub failures: i32,
}

/// What the HPA is told of a metric, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// What the trigger read.
    Read(i64),
    /// What makes the HPA ask for the fallback's replicas; for `scalingModifiers` -1, which the formula takes for nil.
    Fallback(i64),
    /// An error.
    Failed,
}

/// `GetMetricsWithFallback`: what the HPA is told when the trigger reads `read`, `None` where it fails.
///
/// `replicas` are those of the workload, `ready` its pods that are ready. For a formula of `scalingModifiers` the target
/// is the formula's; one that is no whole number disables the fallback, and belongs in no [`Fallback`].
pub fn answer(
    fallback: Option<&Fallback>,
    health: &mut Health,
    read: Option<i64>,
    target: Target,
    replicas: i32,
    ready: i32,
) -> Answer {
    if let Some(value) = read {
        health.failures = 0;
        return Answer::Read(value);
    }
    // `HasValidFallback`. Without a valid one nothing is counted.
    let valid = |fallback: &&Fallback| fallback.failure_threshold >= 0 && fallback.replicas >= 0;
    let Some(fallback) = fallback.filter(valid) else { return Answer::Failed };
    health.failures = health.failures.saturating_add(1);
    if health.failures <= fallback.failure_threshold {
        return Answer::Failed;
    }
    let replicas = match fallback.behavior {
        FallbackBehavior::Static => fallback.replicas,
        FallbackBehavior::CurrentReplicas => replicas,
        FallbackBehavior::CurrentReplicasIfHigher => replicas.max(fallback.replicas),
        FallbackBehavior::CurrentReplicasIfLower => replicas.min(fallback.replicas),
        FallbackBehavior::ScalingModifiers => return Answer::Fallback(-1000),
    };
    match target {
        Target::AverageValue(target) => Answer::Fallback(told(target, f64::from(replicas))),
        // The HPA multiplies a Value with the pods that are ready.
        Target::Value(_) if ready == 0 => Answer::Failed,
        Target::Value(target) => {
            Answer::Fallback(told(target, f64::from(replicas) / f64::from(ready)))
        }
    }
}

/// `target` times `share`, with `doFallback`'s way over floats: `AsApproximateFloat64` of the target, in thousandths.
fn told(target: i64, share: f64) -> i64 {
    int64(float(target) * 1e-3 * 1000.0 * share)
}
