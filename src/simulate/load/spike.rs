//! Spikes: for a while, something else is offered.

use std::fmt;

use super::amount::{MOST, amount};
use super::{Unit, seconds};
use crate::units::{Duration, Invalid};

const FORM: &str = "write HEIGHT@START+LENGTH, such as `300@10m+90s`, `+200@10m+90s` or `x3@10m+90s`; \
                    `/1h` behind it repeats it";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Height {
    Instead(f64),
    More(f64),
    Times(f64),
}

/// A while in which something else is offered, perhaps again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Spike {
    height: Height,
    start: Duration,
    length: Duration,
    every: Option<Duration>,
    /// The same in seconds: asked for at every step.
    start_s: f64,
    length_s: f64,
    every_s: f64,
    text: String,
}

impl Spike {
    /// Reads `300@10m+90s`, `+200@10m+90s`, `x3@10m+90s/1h`: height, start, length, and the time from start to start.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let inside = |invalid: Invalid| Invalid {
            message: format!("{} in `{text}`", invalid.message),
            ..invalid
        };
        let length = |written: &str, what: &str| {
            if written.is_empty() {
                return Err(Invalid::new(format!("`{text}` has no {what}"), FORM));
            }
            Duration::parse(written).map_err(|invalid| {
                if invalid.message.contains(text) { invalid } else { inside(invalid) }
            })
        };
        let (height, time) = text
            .split_once('@')
            .ok_or_else(|| Invalid::new(format!("`{text}` has no start"), FORM))?;
        let (time, every) = match time.split_once('/') {
            Some((time, every)) => (time, Some(length(every, "time behind its `/`")?)),
            None => (time, None),
        };
        let (start, long) = time.split_once('+').unwrap_or((time, ""));
        let height = match (height.strip_prefix('+'), height.strip_prefix('x')) {
            _ if height.is_empty() => {
                return Err(Invalid::new(format!("`{text}` has no height"), FORM));
            }
            (Some(more), _) => Height::More(amount(more).map_err(inside)?),
            (_, Some(times)) => Height::Times(amount(times).map_err(inside)?),
            _ => Height::Instead(amount(height).map_err(inside)?),
        };
        let (start, long) = (length(start, "start")?, length(long, "length")?);
        if long < Duration::from_secs(1) {
            return Err(Invalid::new(
                format!("the spike `{text}` is shorter than a second"),
                "write a second or more: the model's steps are seconds",
            ));
        }
        if let Some(every) = every.filter(|every| *every <= long) {
            return Err(Invalid::new(
                format!("the spike `{text}` starts again before it ends"),
                format!("repeat it in more than its length: `/{}`", every.max(long).times(2)),
            ));
        }
        Ok(Self {
            height,
            start,
            length: long,
            every,
            start_s: seconds(start),
            length_s: seconds(long),
            every_s: every.map_or(f64::INFINITY, seconds),
            text: text.to_owned(),
        })
    }

    /// Fails if a load of so many seconds ends before the spike starts, or starts again.
    pub(super) fn check(&self, duration_s: f64) -> Result<(), Invalid> {
        let ends = super::stages::clock(duration_s);
        if self.start_s >= duration_s {
            return Err(Invalid::new(
                format!(
                    "the spike `{}` starts when the load has ended, which it does after {ends}",
                    self.text
                ),
                "let it start earlier, or the load last longer",
            ));
        }
        match self.every {
            Some(every) if self.start_s + self.every_s >= duration_s => Err(Invalid::new(
                format!("the spike `{}` never starts again: the load ends after {ends}", self.text),
                format!("let the load last longer, or leave `/{every}` out"),
            )),
            _ => Ok(()),
        }
    }

    /// When it ends for the first time.
    pub(super) fn first_end(&self) -> Duration {
        self.start.plus(self.length)
    }

    /// What becomes of `value` at `t`; a billion at the most, however many spikes multiply it.
    pub(super) fn apply(&self, value: f64, t: f64) -> f64 {
        let since = t - self.start_s;
        // Without a repetition, the period is infinite.
        if since < 0.0 || since % self.every_s >= self.length_s {
            return value;
        }
        let value = match self.height {
            Height::Instead(height) => height,
            Height::More(more) => value + more,
            Height::Times(factor) => value * factor,
        };
        value.min(MOST)
    }

    /// Start and end of each time that it starts before `duration_s`, which is where the last one ends at the latest.
    pub(super) fn occurrences(&self, duration_s: f64) -> impl Iterator<Item = (f64, f64)> {
        let next = |start: &f64| Some(start + self.every_s);
        std::iter::successors(Some(self.start_s), next)
            .take_while(move |start| *start < duration_s)
            .map(move |start| (start, (start + self.length_s).min(duration_s)))
    }

    /// `spike to 300 rps`, `spike of 200 more users`, `spike to 3 times the load`.
    pub(super) fn name(&self, unit: Unit) -> String {
        let word = |number: f64| unit.behind(&number.to_string());
        match self.height {
            Height::Instead(height) => format!("spike to {height} {}", word(height)),
            Height::More(more) => format!("spike of {more} more {}", word(more)),
            Height::Times(factor) => format!("spike to {factor} times the load"),
        }
    }
}

impl fmt::Display for Spike {
    /// As it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
