//! What an autoscaler does under load, before it meets any: the HPA controller, KEDA's part, recorded runs, the
//! service that is scaled, and its load.
//!
//! Everything here is pure: state and observation in, decision out. Time is counted in milliseconds from a moment of
//! the caller's choice, replicas as the `int32` that Kubernetes uses, metrics in thousandths of their unit. Service and
//! load, which are a model and no rule of Kubernetes, count in `f64`, times in seconds.

pub mod answer;
pub mod assertion;
pub mod calibrate;
pub mod capacity;
pub mod chart;
pub mod controller;
pub mod engine;
pub mod export;
pub mod figures;
pub mod fleet;
pub mod keda;
pub mod latency;
pub mod load;
pub mod matrix;
pub mod pipeline;
pub mod plot;
pub mod replay;
pub mod scenario;
pub mod shown;
pub mod summary;
pub mod ticks;
pub mod totals;
pub mod tune;
pub mod versus;
pub mod why;

/// A moment, in milliseconds from a moment of the caller's choice.
pub type Time = i64;

/// Seconds as [`Time`].
pub const fn seconds(seconds: i32) -> Time {
    seconds as Time * 1000
}
