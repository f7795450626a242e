//! Steps, ramps and daily curves as users write them.

use std::fmt;

use super::amount::amount;
use super::{Spike, Unit, seconds};
use crate::units::{Duration, Invalid};

/// The most stages: an answer is a table with a row for each.
const MOST_STAGES: usize = 1000;

/// The shortest stage: the model's steps are seconds.
const SHORTEST: Duration = Duration::from_secs(1);

/// How long a stage lasts where nobody says it, and how long the load goes on behind a spike: 10 minutes, twice the
/// 300 s that an HPA waits before it scales down (`HorizontalPodAutoscalerDownscaleStabilizationWindow` in
/// pkg/controller/podautoscaler/config/v1alpha1/defaults.go).
const STAGE: Duration = Duration::from_secs(600);

/// When a daily curve peaks where nobody says it: at 14:00, in the middle of office hours.
const PEAK: Duration = Duration::from_secs(14 * 3600);

const DAY: Duration = Duration::from_secs(86_400);

/// What is offered over one stage: the same throughout, or more or less by the second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// At its start, in requests per second or users.
    pub from: f64,
    /// At its end.
    pub to: f64,
}

impl Part {
    /// Reads `50` or `50..200`.
    fn parse(text: &str) -> Result<Self, Invalid> {
        let Some((from, to)) = text.split_once("..") else {
            let value = amount(text).map_err(|invalid| ramp_with_dash(text).unwrap_or(invalid))?;
            return Ok(Self { from: value, to: value });
        };
        if to.contains("..") || to.starts_with('.') {
            return Err(Invalid::new(
                format!("`{text}` has more than two ends"),
                "write each ramp by itself, such as `50..200,200..100`",
            ));
        }
        let end = |end: &str| {
            amount(end).map_err(|invalid| Invalid {
                message: format!("{} in `{text}`", invalid.message),
                ..invalid
            })
        };
        Ok(Self { from: end(from.trim())?, to: end(to.trim())? })
    }
}

/// `50-200` is what people write first.
fn ramp_with_dash(text: &str) -> Option<Invalid> {
    let (from, to) = text.split_once('-')?;
    let numbers = amount(from).is_ok() && amount(to).is_ok();
    numbers.then(|| {
        Invalid::new(
            format!("`{text}` is not a number"),
            format!("write `{from}..{to}` for a ramp"),
        )
    })
}

impl fmt::Display for Part {
    /// As it is read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from.to_bits() == self.to.to_bits() {
            write!(f, "{}", self.from)
        } else {
            write!(f, "{}..{}", self.from, self.to)
        }
    }
}

/// Steps and ramps, one stage each.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts(Vec<Part>);

impl Parts {
    /// Reads `50,100,200` or `50,50..200,200`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let count = text.split(',').count();
        if count > MOST_STAGES {
            return Err(Invalid::new(
                format!("there are {count} stages; {MOST_STAGES} is the most"),
                "give a trace instead: a CSV file with the columns `t,rps` or `t,users`",
            ));
        }
        let part = |(at, part): (usize, &str)| match part.trim() {
            "" if count > 1 => Err(Invalid::new(
                format!("entry {} of `{text}` is empty", at + 1),
                "write a number there, or take the comma out",
            )),
            part => Part::parse(part),
        };
        text.split(',').enumerate().map(part).collect::<Result<_, _>>().map(Self)
    }

    /// In the order written; there is at least one.
    pub fn iter(&self) -> impl Iterator<Item = &Part> {
        self.0.iter()
    }
}

/// How long each of `parts` lasts. One length that is `written` is for all; without any, stages last ten minutes, the
/// last one on until ten minutes behind the end of the last of `spikes`.
pub fn lengths(
    parts: &Parts,
    written: &[Duration],
    spikes: &[Spike],
) -> Result<Vec<Duration>, Invalid> {
    let count = parts.0.len();
    if let Some(short) = written.iter().find(|length| **length < SHORTEST) {
        return Err(Invalid::new(
            format!("a stage of {short} is shorter than a second"),
            "write a second or more: pods and metrics need minutes to follow",
        ));
    }
    match written {
        [] => {
            let mut lengths = vec![STAGE; count];
            let end = spikes
                .iter()
                .map(Spike::first_end)
                .max()
                .map_or(Duration::default(), |end| end.plus(STAGE));
            // The stages before the last one take their time first.
            let before = STAGE.times((count - 1) as u64);
            if let Some(last) = lengths.last_mut() {
                *last = end.minus(before).max(STAGE);
            }
            Ok(lengths)
        }
        [length] => Ok(vec![*length; count]),
        lengths if lengths.len() == count => Ok(lengths.to_vec()),
        lengths if count == 1 => Err(Invalid::new(
            format!("{} lengths of stages do not fit 1 stage", lengths.len()),
            format!("write one, such as `{}`, or as many stages as lengths", lengths[0]),
        )),
        lengths => Err(Invalid::new(
            format!("{} lengths of stages do not fit {count} stages", lengths.len()),
            format!("write one for all, such as `{}`, or {count}, one for each", lengths[0]),
        )),
    }
}

/// A curve with the period of a day that begins at midnight: `low + (high - low)·(1 + cos(2π·(t - peak)/24 h))/2`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Daily {
    /// What is counted.
    pub unit: Unit,
    /// The least, twelve hours from the peak.
    pub low: f64,
    /// The most, at the peak.
    pub high: f64,
    /// The time of the peak, in seconds from midnight.
    pub peak_s: f64,
}

impl Daily {
    /// Reads `40..300`, `40..300rps@20h`, `40..300users@8h30m`. Without a unit it is requests per second; without a peak,
    /// 14:00.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let (range, peak) = match text.split_once('@') {
            Some((range, peak)) => (range, Some(peak)),
            None => (text, None),
        };
        let (range, unit) = match range.strip_suffix("users") {
            Some(range) => (range, Unit::Users),
            None => (range.strip_suffix("rps").unwrap_or(range), Unit::Rps),
        };
        if !range.contains("..") {
            return Err(Invalid::new(
                format!("`{range}` has no low and high"),
                "write the least and the most of a day, such as `40..300`",
            ));
        }
        let Part { from: low, to: high } = Part::parse(range.trim())?;
        if low > high {
            return Err(Invalid::new(
                format!("the low of `{range}` is above its high"),
                format!("write `{high}..{low}`; `@` says when the high is"),
            ));
        }
        let peak = peak.map_or(Ok(PEAK), peak_of_day)?;
        Ok(Self { unit, low, high, peak_s: seconds(peak) })
    }
}

/// Reads `14h` or `8h30m`, from midnight.
fn peak_of_day(text: &str) -> Result<Duration, Invalid> {
    let clock = text.split_once(':').unwrap_or((text, "0"));
    if let (Ok(hour), Ok(minute)) = (clock.0.parse::<u8>(), clock.1.parse::<u8>()) {
        let minutes = if minute == 0 { String::new() } else { format!("{minute}m") };
        return Err(Invalid::new(
            format!("the peak `{text}` has no unit"),
            format!("write the time since midnight: `@{hour}h{minutes}`"),
        ));
    }
    let peak = Duration::parse(text).map_err(|invalid| {
        Invalid::new(
            format!("the peak: {}", invalid.message),
            "write the time since midnight, such as `@14h` or `@8h30m`",
        )
    })?;
    if peak < DAY {
        Ok(peak)
    } else {
        Err(Invalid::new(
            format!("the peak `{text}` is not within a day"),
            "write the time since midnight, below `24h`",
        ))
    }
}
