//! The course of a value over a run, with fewer points than anyone could tell apart.

use std::fmt::Write;

use super::markup::place;
use super::scale::Scale;
use crate::simulate::summary::{Minute, Quantile, Summary};

/// Of a longer run than this many minutes, lines show but the extremes of as many stretches.
const MOST_BUCKETS: usize = 400;

/// A value from a moment on; `None` where there is none.
pub(super) type Point = (f64, Option<f64>);

/// `of` each minute, thinned out.
pub(super) fn course(minutes: &[Minute], of: impl Fn(&Minute) -> Option<f64>) -> Vec<Point> {
    let value = |minute: &Minute| (minute.at_s, of(minute).filter(|value| value.is_finite()));
    thinned(&minutes.iter().map(value).collect::<Vec<_>>())
}

/// The quantile of a goal in seconds.
pub(super) fn seconds(minute: &Minute, goal: usize) -> Option<f64> {
    match minute.latency.get(goal) {
        Some(Quantile::Seconds(seconds)) => Some(*seconds),
        Some(Quantile::Idle | Quantile::Saturated) | None => None,
    }
}

/// True if the model cannot tell a quantile.
pub(super) fn saturated(minute: &Minute) -> bool {
    minute.latency.contains(&Quantile::Saturated)
}

/// The end of the run in seconds; never 0.
pub(super) fn span_s(summary: &Summary) -> f64 {
    let last = summary.minutes.last().map_or(0.0, |minute| minute.at_s);
    if summary.total.to_s > last { summary.total.to_s } else { last + 60.0 }
}

/// `minutes` parted into at most `most` runs of equal length, each with its start and its end in seconds.
pub(super) fn buckets(minutes: &[Minute], most: usize, end_s: f64) -> Vec<(f64, f64, &[Minute])> {
    let size = minutes.len().div_ceil(most).max(1);
    let chunks = minutes.chunks(size);
    let starts = chunks.clone().filter_map(|chunk| chunk.first()).map(|minute| minute.at_s);
    let next = starts.clone().skip(1).chain([end_s]);
    starts.zip(next).zip(chunks).map(|((from_s, to_s), chunk)| (from_s, to_s, chunk)).collect()
}

/// The first, last, least and greatest of each bucket, and where values end and begin again (as the M4 of Jugel et al.,
/// "M4: A Visualization-Oriented Time Series Data Aggregation", VLDB 2014): at most six points a bucket.
fn thinned(points: &[Point]) -> Vec<Point> {
    if points.len() <= 2 * MOST_BUCKETS {
        return points.to_vec();
    }
    points.chunks(points.len().div_ceil(MOST_BUCKETS)).flat_map(extremes).collect()
}

fn extremes(bucket: &[Point]) -> Vec<Point> {
    let values = || bucket.iter().enumerate().filter_map(|(at, (_, value))| Some((at, (*value)?)));
    let none = |(_, value): &Point| value.is_none();
    let mut kept = vec![0, bucket.len() - 1];
    kept.extend(values().min_by(|one, two| one.1.total_cmp(&two.1)).map(|(at, _)| at));
    // The first of equals, as for the least.
    kept.extend(values().rev().max_by(|one, two| one.1.total_cmp(&two.1)).map(|(at, _)| at));
    kept.extend(bucket.iter().position(none));
    kept.extend(bucket.iter().rposition(none).map(|at| at + 1).filter(|at| *at < bucket.len()));
    kept.sort_unstable();
    kept.dedup();
    kept.into_iter().filter_map(|at| bucket.get(at).copied()).collect()
}

/// The path of a line that holds each value until the next; gaps where there is none.
pub(super) fn steps(points: &[Point], x: Scale, y: Scale, end_s: f64) -> String {
    runs(points, end_s).iter().map(|run| run.path(x, y)).collect()
}

/// The outline of the area below that line.
pub(super) fn area(points: &[Point], x: Scale, y: Scale, end_s: f64) -> String {
    let closed = |run: &Run| {
        format!("{}V{}H{}Z", run.path(x, y), place(y.zero), place(x.place(run.start_s())))
    };
    runs(points, end_s).iter().map(closed).collect()
}

/// A stretch without a gap.
struct Run {
    values: Vec<(f64, f64)>,
    to_s: f64,
}

impl Run {
    fn start_s(&self) -> f64 {
        self.values.first().map_or(self.to_s, |(at_s, _)| *at_s)
    }

    fn path(&self, x: Scale, y: Scale) -> String {
        let mut path = String::new();
        let mut height = String::new();
        for (at_s, value) in &self.values {
            let (x, y) = (place(x.place(*at_s)), place(y.place(*value)));
            if path.is_empty() {
                path = format!("M{x} {y}");
            } else if y != height {
                let _ = write!(path, "H{x}V{y}");
            }
            height = y;
        }
        path + "H" + &place(x.place(self.to_s))
    }
}

fn runs(points: &[Point], end_s: f64) -> Vec<Run> {
    let parts = points.chunk_by(|one, two| one.1.is_some() == two.1.is_some());
    let starts = parts.clone().skip(1).filter_map(|chunk| chunk.first()).map(|(at_s, _)| *at_s);
    let run = |(part, to_s): (&[Point], f64)| Run {
        values: part.iter().filter_map(|(at_s, value)| Some((*at_s, (*value)?))).collect(),
        to_s,
    };
    let with_values = |run: &Run| !run.values.is_empty();
    parts.zip(starts.chain([end_s])).map(run).filter(with_values).collect()
}

/// Stretches of saturated minutes in seconds; what less than `gap_s` parts is one.
pub(super) fn saturation(minutes: &[Minute], gap_s: f64, end_s: f64) -> Vec<(f64, f64)> {
    let mut stretches: Vec<(f64, f64)> = Vec::new();
    for (from_s, to_s, minute) in buckets(minutes, usize::MAX, end_s) {
        if !minute.iter().any(saturated) {
            continue;
        }
        match stretches.last_mut() {
            Some((_, end)) if from_s - *end < gap_s => *end = to_s,
            _ => stretches.push((from_s, to_s)),
        }
    }
    stretches
}
