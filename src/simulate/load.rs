//! What clients offer over time: steps, ramps, daily curves and recorded traces, with spikes and noise on top.
//!
//! What a user writes:
//!
//! | text | meaning |
//! |---|---|
//! | `50,100,200` | steps: one stage each |
//! | `50..200` | a ramp, linear over its stage; steps and ramps mix: `50,50..200,200` |
//! | `240s` or `5m,10m,5m` | how long stages last: all of them, or each |
//! | `40..300@14h` | a daily curve, least 40, most 300 at 14:00; `40..300users@14h` for a closed load |
//! | `300@10m+90s` | a spike: 300 instead of what else is offered, from minute 10 on, for 90 s |
//! | `+200@10m+90s`, `x3@10m+90s` | the same on top of what else is offered, or as its multiple |
//! | `x3@10m+90s/1h` | again every hour |
//! | `10%`, `10%/60s` | noise: relative standard deviation, and how long one deviation lasts |
//!
//! Open load is a rate, in requests per second: it comes whether or not the service keeps up. Closed load is users, each
//! of whom waits for an answer, pauses for the think time and asks again: a slow service slows them down (section 6.1 of
//! the autoscaling notes; Schroeder, Wierman, Harchol-Balter: "Open Versus Closed: A Cautionary Tale", NSDI 2006).

mod amount;
mod curve;
mod noise;
mod shape;
mod spike;
mod stages;
pub mod trace;

use crate::units::{Duration, Invalid};

use curve::Curve;
pub use noise::Noise;
pub use shape::{Daily, Part, Parts, lengths};
pub use spike::Spike;
use trace::Trace;

/// The longest load, in seconds: 400 days, a year with what it is compared with.
pub const MOST_SECONDS: f64 = 400.0 * 86_400.0;

/// The most spikes of one load; one that repeats counts once.
pub const MOST_SPIKES: usize = 100;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Requests per second: open load.
    Rps,
    /// Users: closed load.
    Users,
}

impl Unit {
    /// As people read it behind a number that is written like that: `1 user`, `2 users`, `0.5 rps`.
    fn behind(self, number: &str) -> &'static str {
        match self {
            Self::Users if number == "1" => "user",
            _ => self.word(),
        }
    }

    /// The word that users write and read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rps => "rps",
            Self::Users => "users",
        }
    }
}

/// What clients offer at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Offered {
    /// Requests per second.
    Rate(f64),
    /// Users in a closed loop.
    Users {
        /// How many; a fraction on a ramp.
        users: f64,
        /// Pause of a user between an answer and the next request, in seconds.
        think_s: f64,
    },
}

impl Offered {
    /// Requests per second, or users.
    pub fn value(self) -> f64 {
        match self {
            Self::Rate(value) | Self::Users { users: value, .. } => value,
        }
    }
}

/// A part of a load that answers are given for. Stages follow each other without gap.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// `100 users`, `50..200 rps`, `spike to 300 rps`, or the time: `0s..2h`.
    pub name: String,
    /// Its start, in seconds from the start of the load.
    pub from_s: f64,
    /// Its end, in seconds from the start of the load.
    pub to_s: f64,
}

#[derive(Clone, Debug)]
enum Think {
    Same(f64),
    Recorded(Curve),
}

/// What clients offer over time.
#[derive(Clone, Debug)]
pub struct Load {
    unit: Unit,
    curve: Curve,
    think: Think,
    spikes: Vec<Spike>,
    noise: Option<Noise>,
    duration_s: f64,
    stages: Vec<Stage>,
}

impl Load {
    /// The think time where nobody says one: 100 ms, with which the model of a service shows the replicas that the
    /// guide's load test has at 50, 100 and 200 users (autoscaling notes, section 6.3, set A).
    pub const THINK_TIME: Duration = Duration::from_millis(100);

    /// One part after the other, each as long as its entry in `lengths` says; see [`lengths`].
    pub fn steps(unit: Unit, parts: &Parts, lengths: &[Duration]) -> Result<Self, Invalid> {
        let (mut starts, mut lines, mut stages) = (Vec::new(), Vec::new(), Vec::new());
        let mut total = Duration::default();
        for (part, length) in parts.iter().zip(lengths) {
            let from_s = seconds(total);
            total = total.plus(*length);
            starts.push(from_s);
            lines.push((part.from, part.to));
            stages.push(Stage {
                name: format!("{part} {}", unit.behind(&part.to_string())),
                from_s,
                to_s: seconds(total),
            });
        }
        let duration_s = seconds(total);
        if duration_s > MOST_SECONDS {
            return Err(Invalid::new(
                format!(
                    "the stages take {} together; a load lasts at most 400 days",
                    total.clock()
                ),
                "shorten them: a day shows what every day does",
            ));
        }
        Ok(Self::new(unit, Curve::lines(starts, lines, duration_s), duration_s, stages))
    }

    /// `daily` from midnight on, for so many days, of which 400 are possible.
    pub fn daily(daily: &Daily, days: u16) -> Self {
        let duration_s = f64::from(days.clamp(1, 400)) * 86_400.0;
        Self::new(daily.unit, Curve::daily(daily), duration_s, stages::slices(duration_s))
    }

    /// What was recorded, from its first sample to its last.
    pub fn recorded(trace: Trace) -> Self {
        let Trace { unit, times, values, think_s } = trace;
        let duration_s = times.last().copied().unwrap_or_default();
        let curve = Curve::samples(&times, &values, duration_s);
        let load = Self::new(unit, curve, duration_s, stages::slices(duration_s));
        match think_s {
            Some(think_s) => {
                let think = Think::Recorded(Curve::samples(&times, &think_s, duration_s));
                Self { think, ..load }
            }
            None => load,
        }
    }

    fn new(unit: Unit, curve: Curve, duration_s: f64, stages: Vec<Stage>) -> Self {
        let think = Think::Same(seconds(Self::THINK_TIME));
        Self { unit, curve, think, spikes: Vec::new(), noise: None, duration_s, stages }
    }

    /// With this think time for all users, whatever a trace says; an open load has none.
    #[must_use]
    pub fn with_think_time(mut self, think: Duration) -> Self {
        self.think = Think::Same(seconds(think));
        self
    }

    /// With `spikes` on top, where they overlap in the order given: each sees what those before it make of the load.
    pub fn with_spikes(mut self, spikes: Vec<Spike>) -> Result<Self, Invalid> {
        if spikes.len() > MOST_SPIKES {
            return Err(Invalid::new(
                format!("there are {} spikes; {MOST_SPIKES} is the most", spikes.len()),
                "write one that repeats: `300@10m+90s/1h` comes every hour",
            ));
        }
        for spike in &spikes {
            spike.check(self.duration_s)?;
        }
        self.stages = stages::cut(self.stages, &spikes, self.unit, self.duration_s);
        self.spikes = spikes;
        Ok(self)
    }

    /// With `noise` on all of it.
    #[must_use]
    pub fn with_noise(mut self, noise: Noise) -> Self {
        self.noise = Some(noise);
        self
    }

    /// What clients offer at `seconds` from the start; before the start what they offer then, behind the end what they
    /// offer last. Takes the time of a binary search, and allocates nothing.
    pub fn at(&self, seconds: f64) -> Offered {
        // `max` first: it makes a number of NaN.
        let t = seconds.max(0.0).min(self.duration_s);
        let mut value = self.curve.at(t);
        for spike in &self.spikes {
            value = spike.apply(value, t);
        }
        if let Some(noise) = &self.noise {
            value *= noise.factor(t);
        }
        match self.unit {
            Unit::Rps => Offered::Rate(value),
            Unit::Users => Offered::Users {
                users: value,
                think_s: match &self.think {
                    Think::Same(think_s) => *think_s,
                    Think::Recorded(curve) => curve.at(t),
                },
            },
        }
    }

    /// Whether it is open or closed.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// True for a closed load whose think times are a trace's own.
    pub fn has_recorded_think_times(&self) -> bool {
        matches!(self.think, Think::Recorded(_))
    }

    /// True if it deviates at random.
    pub fn is_noisy(&self) -> bool {
        self.noise.is_some()
    }

    /// How long it lasts, in seconds: at least 1 for shapes, at most [`MOST_SECONDS`].
    pub fn duration_s(&self) -> f64 {
        self.duration_s
    }

    /// Its parts, in order, from 0 to [`Self::duration_s`]: steps and ramps as written; equal times of day or of a
    /// trace, 14 at the most; and up to ten spikes, which are stages of their own.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }
}

/// The length in seconds.
fn seconds(length: Duration) -> f64 {
    use rust_decimal::prelude::ToPrimitive;
    length.seconds().to_f64().unwrap_or_default()
}

#[cfg(test)]
mod tests;
