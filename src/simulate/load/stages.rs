//! How a load is parted where nobody wrote stages, and where spikes stand out.

use super::{Spike, Stage, Unit};
use crate::simulate::controller::int64;
use crate::units::Duration;

/// More spikes than this are no stages: the table would be longer than its readers' patience.
const MOST_SPIKE_STAGES: usize = 10;

/// More slices than this only the longest loads have.
const MOST_SLICES: f64 = 12.0;

/// From a minute to 30 days; times that people speak of.
const WIDTHS_S: [f64; 11] = [
    60.0,
    300.0,
    900.0,
    1800.0,
    3600.0,
    7200.0,
    21_600.0,
    43_200.0,
    86_400.0,
    604_800.0,
    2_592_000.0,
];

/// Equal times, the last one up to half as long again.
pub(super) fn slices(duration_s: f64) -> Vec<Stage> {
    let fits = |width: &&f64| duration_s / **width <= MOST_SLICES;
    let width = WIDTHS_S.iter().find(fits).or(WIDTHS_S.last()).copied().unwrap_or(duration_s);
    let starts = std::iter::successors(Some(0.0), |start| Some(start + width));
    let starts: Vec<f64> =
        starts.take_while(|start| *start == 0.0 || start + width / 2.0 <= duration_s).collect();
    let ends = starts.iter().skip(1).copied().chain([duration_s]);
    starts.iter().zip(ends).map(|(from_s, to_s)| slice(*from_s, to_s)).collect()
}

fn slice(from_s: f64, to_s: f64) -> Stage {
    Stage { name: times(from_s, to_s), from_s, to_s }
}

fn times(from_s: f64, to_s: f64) -> String {
    format!("{}..{}", clock(from_s), clock(to_s))
}

/// `stages` with each time of each spike as a stage of its own, as long as that are few, and none overlaps another.
pub(super) fn cut(stages: Vec<Stage>, spikes: &[Spike], unit: Unit, duration_s: f64) -> Vec<Stage> {
    let stage = |spike: &Spike, (from_s, to_s)| Stage { name: spike.name(unit), from_s, to_s };
    let mut times_of_spikes: Vec<Stage> = spikes
        .iter()
        .flat_map(|spike| {
            spike.occurrences(duration_s).take(MOST_SPIKE_STAGES + 1).map(|time| stage(spike, time))
        })
        .collect();
    times_of_spikes.sort_by(|one, other| one.from_s.total_cmp(&other.from_s));
    let overlap = times_of_spikes.windows(2).any(|pair| pair[1].from_s < pair[0].to_s);
    if times_of_spikes.len() > MOST_SPIKE_STAGES || overlap {
        return stages;
    }
    let mut parts = Vec::new();
    for stage in stages {
        let sliced = stage.name == times(stage.from_s, stage.to_s);
        let mut rest = |from_s: f64, to_s: f64| {
            if from_s < to_s {
                parts.push(if sliced {
                    slice(from_s, to_s)
                } else {
                    Stage { from_s, to_s, ..stage.clone() }
                });
            }
        };
        let mut from_s = stage.from_s;
        for spike in times_of_spikes.iter().filter(|spike| spike.to_s > stage.from_s) {
            rest(from_s, spike.from_s.min(stage.to_s));
            from_s = from_s.max(spike.to_s);
        }
        rest(from_s, stage.to_s);
    }
    parts.extend(times_of_spikes);
    parts.sort_by(|one, other| one.from_s.total_cmp(&other.from_s));
    parts
}

/// `0s`, `90m` as `1h30m`, to the second.
pub(super) fn clock(seconds: f64) -> String {
    let milliseconds = u64::try_from(int64(seconds * 1000.0)).unwrap_or_default();
    Duration::from_millis(milliseconds).clock()
}
