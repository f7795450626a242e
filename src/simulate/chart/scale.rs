//! Axes: round ticks, and where a value stands between them.

use crate::simulate::shown::grouped;

/// A linear axis that starts at 0.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    /// Distance of two ticks.
    pub(super) step: f64,
    /// How many times `step` the axis reaches.
    pub(super) steps: u32,
}

/// Ticks of the axis that leads: people count in them without thinking.
const ROUND: [f64; 4] = [1.0, 2.0, 5.0, 10.0];

/// Ticks of the axis that follows another one's grid: fewer would leave half of the chart empty.
const ROUNDISH: [f64; 10] = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];

impl Axis {
    /// One that reaches `most`, with about four ticks.
    pub(super) fn new(most: f64) -> Self {
        let most = sound(most);
        let step = rounded_up(most / 5.0, &ROUND);
        Self { step, steps: steps(most, step) }
    }

    /// The same for what is counted in whole numbers.
    pub(super) fn whole(most: f64) -> Self {
        let most = sound(most);
        let step = rounded_up(most / 5.0, &ROUND).max(1.0);
        Self { step, steps: steps(most, step) }
    }

    /// One that reaches `most` with the ticks where those of `self` are.
    pub(super) fn beside(&self, most: f64) -> Self {
        Self { step: rounded_up(sound(most) / f64::from(self.steps), &ROUNDISH), steps: self.steps }
    }

    /// The end of the axis.
    pub(super) fn top(&self) -> f64 {
        self.step * f64::from(self.steps)
    }

    /// The ticks with what is written beside them, in units of `unit`.
    pub(super) fn ticks(&self, unit: f64) -> Vec<(f64, String)> {
        let decimals = decimals(self.step / unit);
        let tick = |count| {
            let value = self.step * f64::from(count);
            (value, grouped(value / unit, decimals))
        };
        (0..=self.steps).map(tick).collect()
    }
}

/// Without anything to show, an axis shows 1.
fn sound(most: f64) -> f64 {
    if most.is_finite() && most > 0.0 { most } else { 1.0 }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most ten")]
fn steps(most: f64, step: f64) -> u32 {
    // What rounding adds to a whole number of steps is no step.
    ((most / step - 1e-9).ceil().max(1.0)) as u32
}

/// The least of `round` times a power of ten that is not below `value`.
fn rounded_up(value: f64, round: &[f64]) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let fits = round.iter().map(|factor| factor * power).find(|it| *it >= value * (1.0 - 1e-9));
    fits.unwrap_or(10.0 * power)
}

/// Digits behind the point that `step` needs.
fn decimals(step: f64) -> usize {
    (0..6)
        .find(|digits| {
            let scaled = step * 10_f64.powi(*digits);
            (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1.0)
        })
        .and_then(|digits| usize::try_from(digits).ok())
        .unwrap_or(6)
}

/// How times are written on the axis of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// `90`
    Seconds,
    /// `12`
    Minutes,
    /// `6:30`
    Hours,
    /// `2`
    Days,
}

const MINUTE_S: f64 = 60.0;
const HOUR_S: f64 = 60.0 * MINUTE_S;
const DAY_S: f64 = 24.0 * HOUR_S;

/// Distances that people speak of.
const TIMES_S: [f64; 25] = [
    1.0,
    2.0,
    5.0,
    10.0,
    15.0,
    30.0,
    MINUTE_S,
    2.0 * MINUTE_S,
    5.0 * MINUTE_S,
    10.0 * MINUTE_S,
    15.0 * MINUTE_S,
    30.0 * MINUTE_S,
    HOUR_S,
    2.0 * HOUR_S,
    3.0 * HOUR_S,
    6.0 * HOUR_S,
    12.0 * HOUR_S,
    DAY_S,
    2.0 * DAY_S,
    5.0 * DAY_S,
    7.0 * DAY_S,
    14.0 * DAY_S,
    30.0 * DAY_S,
    60.0 * DAY_S,
    100.0 * DAY_S,
];

impl Clock {
    /// What fits a run of `span_s` seconds.
    pub(super) fn of(span_s: f64) -> Self {
        if span_s <= 2.0 * MINUTE_S {
            Self::Seconds
        } else if span_s <= 3.0 * HOUR_S {
            Self::Minutes
        } else if span_s <= 3.0 * DAY_S {
            Self::Hours
        } else {
            Self::Days
        }
    }

    /// What stands below the axis.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Seconds => "time since the start (seconds)",
            Self::Minutes => "time since the start (minutes)",
            Self::Hours => "time since the start (hours:minutes)",
            Self::Days => "time since the start (days)",
        }
    }

    /// A tick.
    fn tick(self, at_s: f64) -> String {
        match self {
            Self::Seconds => format!("{at_s:.0}"),
            Self::Minutes => trimmed(at_s / MINUTE_S),
            Self::Hours => {
                format!(
                    "{:.0}:{:02.0}",
                    (at_s / HOUR_S).floor(),
                    (at_s % HOUR_S / MINUTE_S).floor()
                )
            }
            Self::Days => trimmed(at_s / DAY_S),
        }
    }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Ticks of a run of `span_s` seconds, beside the first at most `most`.
pub(super) fn times(span_s: f64, most: f64) -> Vec<(f64, String)> {
    let clock = Clock::of(span_s);
    let fits = |step: &&f64| span_s / **step <= most;
    let longest = rounded_up(span_s / most, &ROUND);
    let step = TIMES_S.iter().find(fits).copied().unwrap_or(longest);
    let ticks = (0_u32..).map(|count| f64::from(count) * step);
    ticks
        .take_while(|at_s| *at_s <= span_s * (1.0 + 1e-9))
        .map(|at_s| (at_s, clock.tick(at_s)))
        .collect()
}

/// From values to places on the canvas.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// Where 0 is.
    pub(super) zero: f64,
    /// How far one unit is from it.
    pub(super) unit: f64,
}

impl Scale {
    /// 0 at `zero`, `most` at `end`.
    pub(super) fn new(most: f64, zero: f64, end: f64) -> Self {
        Self { zero, unit: (end - zero) / most }
    }

    /// The place of `value`.
    pub(super) fn place(self, value: f64) -> f64 {
        self.zero + value * self.unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: Vec<(f64, String)>) -> String {
        ticks.into_iter().map(|(_, label)| label).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn ticks_are_round_and_reach_all() {
        for (most, expected) in [
            (0.35, "0.0 0.1 0.2 0.3 0.4"),
            (200.0, "0 50 100 150 200"),
            (984.6, "0 200 400 600 800 1,000"),
            (1.0, "0.0 0.2 0.4 0.6 0.8 1.0"),
            (0.0, "0.0 0.2 0.4 0.6 0.8 1.0"),
            (f64::NAN, "0.0 0.2 0.4 0.6 0.8 1.0"),
            (123_456.0, "0 50,000 100,000 150,000"),
            (0.0003, "0.0000 0.0001 0.0002 0.0003"),
        ] {
            assert_eq!(labels(Axis::new(most).ticks(1.0)), expected, "{most}");
        }
    }

    #[test]
    fn nobody_has_half_a_pod() {
        for (most, expected) in
            [(1.0, "0 1"), (3.0, "0 1 2 3"), (12.0, "0 5 10 15"), (40.0, "0 10 20 30 40")]
        {
            assert_eq!(labels(Axis::whole(most).ticks(1.0)), expected, "{most}");
        }
    }

    #[test]
    fn the_second_axis_shares_the_grid() {
        let axis = Axis::new(200.0);
        assert_eq!(labels(axis.beside(984.6).ticks(1.0)), "0 250 500 750 1,000");
        assert_eq!(axis.beside(0.0).steps, axis.steps);
    }

    #[test]
    fn seconds_are_written_as_milliseconds() {
        assert_eq!(labels(Axis::new(0.4).ticks(1e-3)), "0 100 200 300 400");
    }

    #[test]
    fn times_are_what_people_speak_of() {
        for (span_s, expected) in [
            (1.0, "0 1"),
            (90.0, "0 10 20 30 40 50 60 70 80 90"),
            (720.0, "0 1 2 3 4 5 6 7 8 9 10 11 12"),
            (150.0, "0 0.25 0.5 0.75 1 1.25 1.5 1.75 2 2.25 2.5"),
            (86_400.0, "0:00 2:00 4:00 6:00 8:00 10:00 12:00 14:00 16:00 18:00 20:00 22:00 24:00"),
            (16_200.0, "0:00 0:30 1:00 1:30 2:00 2:30 3:00 3:30 4:00 4:30"),
            (604_800.0, "0 1 2 3 4 5 6 7"),
            (31_536_000.0, "0 60 120 180 240 300 360"),
        ] {
            assert_eq!(labels(times(span_s, 12.0)), expected, "{span_s}");
        }
        assert_eq!(labels(times(86_400.0, 6.0)), "0:00 6:00 12:00 18:00 24:00");
        assert!(times(1e12, 12.0).len() < 20);
    }

    #[test]
    fn places_are_proportional() {
        let scale = Scale::new(400.0, 100.0, 20.0);
        for (value, place) in [(0.0, 100.0), (100.0, 80.0), (400.0, 20.0)] {
            assert!((scale.place(value) - place).abs() < 1e-9, "{value}");
        }
    }
}
