//! The course of a run in a terminal: load, replicas, and latency against its target.

use std::fmt::Write as _;

use super::load::Unit;
use super::scenario::Scenario;
use super::shown::{latency, number, time};
use super::summary::{Minute, Quantile, Summary};

/// Columns that the bars take; with the axis the chart fits 80.
const WIDTH: usize = 68;

/// Columns that the axis takes.
const AXIS: usize = 9;

/// Eighths of a character cell.
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One panel of the chart.
struct Panel {
    title: String,
    height: usize,
    /// What the top is worth.
    top: f64,
    /// A line across, and what it is called.
    line: Option<(f64, String)>,
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
    let mut text = String::new();
    let load = bars(&|group| Bar::Of(group.iter().map(|it| it.offered).fold(0.0, f64::max)));
    let title = match unit {
        Unit::Users => "users",
        Unit::Rps => "requests per second",
    };
    let plain = |value: f64| number(value, usize::from(value < 10.0));
    let panel =
        Panel { title: title.to_owned(), height: 4, top: highest(&load), line: None, unit: plain };
    panel.draw(&load, &mut text);
    let replicas =
        bars(&|group| Bar::Of(group.iter().map(|it| f64::from(it.replicas)).fold(0.0, f64::max)));
    let panel = Panel {
        title: "replicas".to_owned(),
        height: 4,
        top: highest(&replicas),
        line: None,
        unit: plain,
    };
    panel.draw(&replicas, &mut text);
    for (at, goal) in scenario.goals.iter().enumerate() {
        let values = bars(&|group| {
            let all = group.iter().filter_map(|minute| minute.latency.get(at)).copied();
            match all.fold(Quantile::Idle, Quantile::worse) {
                Quantile::Idle => Bar::None,
                Quantile::Seconds(seconds) => Bar::Of(seconds),
                Quantile::Saturated => Bar::Beyond,
            }
        });
        let panel = Panel {
            title: format!("{}, with its target of {} (┄)", goal.short, latency(goal.below_s)),
            height: 6,
            top: highest(&values).max(goal.below_s * 1.25),
            line: Some((goal.below_s, String::new())),
            unit: latency,
        };
        panel.draw(&values, &mut text);
        if values.contains(&Bar::Beyond) {
            let _ = writeln!(text, "{:AXIS$}  ▒ saturated: no latency can be told", "");
        }
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
    fn draw(&self, bars: &[Bar], text: &mut String) {
        let _ = writeln!(text, "{:AXIS$}  {}", "", self.title);
        let line = self.line.as_ref().map(|(value, _)| self.level(*value).div_ceil(8));
        for row in (1..=self.height).rev() {
            let value = if Some(row) == line {
                self.line.as_ref().map(|(value, _)| (self.unit)(*value))
            } else if row == self.height {
                Some((self.unit)(self.top))
            } else {
                None
            };
            let cells: String = bars
                .iter()
                .map(|bar| match self.cell(*bar, row) {
                    ' ' if Some(row) == line => '┄',
                    cell => cell,
                })
                .collect();
            let _ = writeln!(text, "{:>AXIS$} │{}", value.unwrap_or_default(), cells.trim_end());
        }
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

fn time_axis(width: usize, end_s: f64) -> String {
    let (start, middle, end) = ("0".to_owned(), time(end_s / 2.0), time(end_s));
    let mut text = format!("{:AXIS$} └{}\n", "", "─".repeat(width));
    let half = (width / 2).saturating_sub(start.len() + middle.len() / 2);
    let rest = width.saturating_sub(start.len() + half + middle.len() + end.len());
    let _ = writeln!(text, "{:AXIS$}  {start}{:half$}{middle}{:rest$}{end}", "", "", "");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(top: f64, line: Option<f64>) -> Panel {
        let line = line.map(|value| (value, String::new()));
        Panel { title: "title".to_owned(), height: 2, top, line, unit: |value| number(value, 0) }
    }

    #[test]
    fn bars_reach_as_high_as_their_values() {
        let mut text = String::new();
        let bars = [Bar::Of(16.0), Bar::Of(8.0), Bar::Of(1.0), Bar::None, Bar::Beyond];
        panel(16.0, None).draw(&bars, &mut text);
        let rows: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(rows, ["       16 │█   ▒", "          │██▁ ▒"]);
    }

    #[test]
    fn the_target_is_a_line_where_no_bar_covers_it() {
        let mut text = String::new();
        panel(16.0, Some(12.0)).draw(&[Bar::Of(16.0), Bar::Of(2.0), Bar::None], &mut text);
        assert_eq!(text.lines().nth(1), Some("       12 │█┄┄"));
    }

    #[test]
    fn long_runs_fit_and_short_ones_are_stretched() {
        let minutes = vec![Minute::default(); 1440];
        assert!(groups(&minutes).len() <= WIDTH);
        assert_eq!(groups(&minutes[..12]).len(), 12);
        assert!(time_axis(60, 720.0).lines().all(|line| line.chars().count() <= 80));
    }
}
