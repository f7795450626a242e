//! The course of a run in a terminal: load, replicas, and latency against its target.

use std::fmt::Write as _;

use super::load::Unit;
use super::scenario::Scenario;
use super::shown::{amount, latency, range, time};
use super::summary::{Minute, Quantile, Summary};

/// Columns that the bars take; with the axis the chart fits 80.
const WIDTH: usize = 68;

/// Columns that the axis takes.
const AXIS: usize = 9;

/// The top of a chart by its target, so that the line has room above.
const ABOVE_TARGET: f64 = 1.25;

/// Eighths of a character cell.
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One panel of the chart.
struct Panel {
    title: String,
    height: usize,
    /// What the top is worth.
    top: f64,
    /// A line across.
    line: Option<f64>,
    /// How the axis writes a value.
    unit: fn(f64) -> String,
}

/// A bar: nothing, so much, or beyond the top.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bar {
    None,
    Of(f64),
    Beyond,
}

/// The chart of `summary`; empty for a run without a minute.
pub fn plot(scenario: &Scenario, unit: Unit, summary: &Summary) -> String {
    let minutes = &summary.minutes;
    if minutes.is_empty() {
        return String::new();
    }
    let groups = groups(minutes);
    let each = (WIDTH / groups.len()).max(1);
    let bars = |of: &dyn Fn(&[Minute]) -> Bar| -> Vec<Bar> {
        groups.iter().flat_map(|group| std::iter::repeat_n(of(group), each)).collect()
    };
    let between = |values: &[f64], unit: fn(f64) -> String| {
        range(values.iter().copied(), unit).unwrap_or_default()
    };
    let course = |name: &str, of: fn(&Minute) -> f64| {
        let values: Vec<f64> = minutes.iter().map(of).collect();
        let heights = bars(&|group| Bar::Of(group.iter().map(of).fold(0.0, f64::max)));
        let title = format!("{name}: {}", between(&values, amount));
        let panel = Panel { title, height: 4, top: highest(&heights), line: None, unit: amount };
        panel.drawn(&heights)
    };
    let load = match unit {
        Unit::Users => "users",
        Unit::Rps => "requests per second",
    };
    let mut text = course(load, |minute| minute.offered);
    text += &course("replicas", |minute| f64::from(minute.replicas));
    for (at, goal) in scenario.goals.iter().enumerate() {
        let quantiles = |group: &[Minute]| -> Vec<Quantile> {
            group.iter().filter_map(|minute| minute.latency.get(at)).copied().collect()
        };
        let heights = bars(&|group| match quantiles(group)
            .into_iter()
            .fold(Quantile::Idle, Quantile::worse)
        {
            Quantile::Idle => Bar::None,
            Quantile::Seconds(seconds) => Bar::Of(seconds),
            Quantile::Saturated => Bar::Beyond,
        });
        let seconds = quantiles(minutes).into_iter().filter_map(|quantile| match quantile {
            Quantile::Seconds(seconds) => Some(seconds),
            Quantile::Idle | Quantile::Saturated => None,
        });
        let saturated = heights.contains(&Bar::Beyond);
        let title = format!(
            "{}: {} (┄ its target, {}{})",
            goal.short,
            match between(&seconds.collect::<Vec<_>>(), latency) {
                none if none.is_empty() => "no figure".to_owned(),
                between => between,
            },
            latency(goal.below_s),
            if saturated { "; ▒ saturated: no figure" } else { "" }
        );
        let top = highest(&heights).max(goal.below_s * ABOVE_TARGET);
        let panel = Panel { title, height: 6, top, line: Some(goal.below_s), unit: latency };
        text += &panel.drawn(&heights);
    }
    text += &time_axis(each * groups.len(), summary.total.to_s);
    text
}

/// The minutes in groups, each of which gets the same number of columns.
fn groups(minutes: &[Minute]) -> Vec<&[Minute]> {
    minutes.chunks(minutes.len().div_ceil(WIDTH).max(1)).collect()
}

fn highest(bars: &[Bar]) -> f64 {
    let values = bars.iter().map(|bar| if let Bar::Of(value) = bar { *value } else { 0.0 });
    values.fold(0.0, f64::max)
}

impl Panel {
    /// The title, and the rows with what they reach up to: the highest bar, and the line.
    fn drawn(&self, bars: &[Bar]) -> String {
        let mut text = format!("{:AXIS$}  {}\n", "", self.title);
        let line = self.line.map(|value| self.level(value).div_ceil(8));
        for row in (1..=self.height).rev() {
            let value = if Some(row) == line {
                self.line
            } else {
                (row == self.height && highest(bars) >= self.top).then_some(self.top)
            };
            let cells: String = bars
                .iter()
                .map(|bar| match self.cell(*bar, row) {
                    ' ' if Some(row) == line => '┄',
                    cell => cell,
                })
                .collect();
            let label = value.map(self.unit).unwrap_or_default();
            let _ = writeln!(text, "{label:>AXIS$} │{}", cells.trim_end());
        }
        text
    }

    /// How many eighths of rows `value` reaches up.
    fn level(&self, value: f64) -> usize {
        if self.top <= 0.0 {
            return 0;
        }
        let eighths = u32::try_from(self.height * 8).map_or(f64::MAX, f64::from);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a chart is some rows high"
        )]
        let level = (value / self.top * eighths).round().clamp(0.0, eighths) as usize;
        if value > 0.0 { level.max(1) } else { level }
    }

    fn cell(&self, bar: Bar, row: usize) -> char {
        match bar {
            Bar::None => ' ',
            Bar::Beyond => '▒',
            Bar::Of(value) => {
                let above = self.level(value).saturating_sub((row - 1) * 8).min(8);
                EIGHTHS.get(above).copied().unwrap_or('█')
            }
        }
    }
}

/// The axis of time with what its ticks stand for: the start, the quarters as far as there is room, and the end.
fn time_axis(width: usize, end_s: f64) -> String {
    let ticks = [(0, 0.0), (1, 0.25), (2, 0.5), (3, 0.75), (4, 1.0)];
    // The end matters more than what is before it.
    let last = width.saturating_sub(time(end_s).len());
    let (mut marks, mut labels) = (String::new(), String::new());
    for (quarter, share) in ticks {
        let column = (width * quarter / 4).min(width.saturating_sub(1));
        let label = if quarter == 0 { "0".to_owned() } else { time(end_s * share) };
        let start = match quarter {
            4 => last,
            _ => column.saturating_sub(label.len() / 2),
        };
        let used = labels.len();
        let free = if quarter == 4 { width } else { last.saturating_sub(2) };
        if quarter > 0 && (start < used + 2 || start + label.len() > free) {
            continue;
        }
        let _ = write!(labels, "{:1$}{label}", "", start - used);
        if quarter > 0 {
            let drawn = marks.chars().count();
            marks += &"─".repeat(column - drawn);
            marks.push('┴');
        }
    }
    let rest = width.saturating_sub(marks.chars().count());
    format!("{:>AXIS$} └{marks}{}\n{:AXIS$}  {labels}\n", "0", "─".repeat(rest), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(top: f64, line: Option<f64>) -> Panel {
        Panel { title: "title".to_owned(), height: 2, top, line, unit: amount }
    }

    #[test]
    fn bars_reach_as_high_as_their_values() {
        let bars = [Bar::Of(16.0), Bar::Of(8.0), Bar::Of(1.0), Bar::None, Bar::Beyond];
        let text = panel(16.0, None).drawn(&bars);
        let rows: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(rows, ["       16 │█   ▒", "          │██▁ ▒"]);
    }

    #[test]
    fn the_target_is_a_line_where_no_bar_covers_it() {
        let text = panel(16.0, Some(12.0)).drawn(&[Bar::Of(16.0), Bar::Of(2.0), Bar::None]);
        assert_eq!(text.lines().nth(1), Some("       12 │█┄┄"));
    }

    #[test]
    fn the_top_is_named_where_a_bar_reaches_it() {
        let first =
            |bars: &[Bar]| panel(16.0, Some(8.0)).drawn(bars).lines().nth(1).map(str::to_owned);
        assert_eq!(first(&[Bar::Of(16.0)]).unwrap(), "       16 │█");
        assert_eq!(first(&[Bar::Of(7.0)]).unwrap(), "          │");
    }

    #[test]
    fn the_axis_of_time_has_the_ticks_that_fit() {
        assert_eq!(
            time_axis(40, 720.0),
            "        0 └──────────┴─────────┴─────────┴────────┴\n           0        3m        6m        9m      12m\n"
        );
        assert_eq!(
            time_axis(35, 180_915.0).lines().last(),
            Some("           0   12h33m49s            2d2h15m15s")
        );
        assert_eq!(time_axis(5, 60.0).lines().last(), Some("           0  1m"));
    }

    #[test]
    fn long_runs_fit_and_short_ones_are_stretched() {
        let minutes = vec![Minute::default(); 1440];
        assert!(groups(&minutes).len() <= WIDTH);
        assert_eq!(groups(&minutes[..12]).len(), 12);
        assert!(time_axis(60, 720.0).lines().all(|line| line.chars().count() <= 80));
    }
}
