//! Values over time: straight lines, one behind the other, or a daily wave.

use std::f64::consts::TAU;

use super::Daily;

const DAY_S: f64 = 86_400.0;

#[derive(Clone, Debug)]
pub(super) enum Curve {
    /// From `starts[i]` to `starts[i + 1]`, or the end, the value goes from `lines[i].0` to `lines[i].1`.
    Lines { starts: Vec<f64>, lines: Vec<(f64, f64)>, end: f64 },
    /// A cosine with a period of a day.
    Wave { low: f64, high: f64, peak_s: f64 },
}

impl Curve {
    /// Lines that begin at `starts`, which ascend; the last one ends at `end`.
    pub(super) fn lines(starts: Vec<f64>, lines: Vec<(f64, f64)>, end: f64) -> Self {
        Self::Lines { starts, lines, end }
    }

    /// Lines through samples. They are drawn straight since a sample is a moment of something that goes on between: held
    /// values would jump at each sample, and an autoscaler would answer to jumps that never were.
    pub(super) fn samples(times: &[f64], values: &[f64], end: f64) -> Self {
        let lines = values.windows(2).map(|pair| (pair[0], pair[1]));
        let starts = times[..times.len().saturating_sub(1)].to_vec();
        Self::Lines { starts, lines: lines.collect(), end }
    }

    pub(super) fn daily(daily: &Daily) -> Self {
        Self::Wave { low: daily.low, high: daily.high, peak_s: daily.peak_s }
    }

    /// The value at `t`, at a jump the one behind it.
    pub(super) fn at(&self, t: f64) -> f64 {
        match self {
            Self::Lines { starts, lines, end } => {
                let at = starts.partition_point(|start| *start <= t).saturating_sub(1);
                let (Some(start), Some(&(from, to))) = (starts.get(at), lines.get(at)) else {
                    return 0.0;
                };
                let stop = starts.get(at + 1).unwrap_or(end);
                between(from, to, (t - start) / (stop - start))
            }
            Self::Wave { low, high, peak_s } => {
                // Reduced first, so that every day is the same to the last bit.
                let hour = (t - peak_s).rem_euclid(DAY_S) / DAY_S;
                between(*low, *high, 0.5 + 0.5 * (TAU * hour).cos())
            }
        }
    }
}

/// The value at `share` of the way; rounding never leaves the two ends behind.
fn between(from: f64, to: f64, share: f64) -> f64 {
    (from + (to - from) * share).clamp(from.min(to), from.max(to))
}
