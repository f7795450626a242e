//! Figures as people read them, and the table of the stages.

use super::Shown;
use super::scale::grouped;
use crate::simulate::shown::time;
use crate::simulate::summary::{Quantile, Reached, Stage};

/// The stages of a run in figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What each cell of a row is.
    pub columns: Vec<Column>,
    /// The stages.
    pub rows: Vec<Row>,
    /// All of them, where there are several.
    pub total: Option<Row>,
}

/// A column of a [`Table`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// What it has in common with its neighbours, such as `replicas`; empty for nothing.
    pub group: String,
    /// Its own name.
    pub name: &'static str,
}

/// A row of a [`Table`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The stage.
    pub name: String,
    /// Its figures.
    pub cells: Vec<String>,
}

/// Where there is nothing to tell.
const NOTHING: &str = "–";

/// The figures of each stage of `shown`.
pub fn table(shown: &Shown<'_>) -> Table {
    let column = |group: &str, name| Column { group: group.to_owned(), name };
    let mut columns = vec![column("", "length")];
    columns.extend(["min", "mean", "max"].map(|name| column("replicas", name)));
    for goal in shown.goals {
        let group = format!("{} below {}", goal.short, latency(goal.below_s));
        let names = ["mean", "worst minute", "time above", "budget spent"];
        columns.extend(names.map(|name| column(&group, name)));
    }
    columns.extend(["up", "down"].map(|name| column("time to scale", name)));
    let failures = shown.summary.total.failed > 0.0;
    columns.extend(failures.then(|| column("", "failed requests")));
    columns.push(column("", "pod-hours"));
    if shown.cost_per_pod_hour.is_some() {
        columns.extend(["in all", "per 1,000 requests"].map(|name| column("cost", name)));
    }
    let row = |stage: &Stage| Row {
        name: stage.name.clone(),
        cells: cells(stage, failures, shown.cost_per_pod_hour),
    };
    let stages = &shown.summary.stages;
    Table {
        columns,
        rows: stages.iter().map(row).collect(),
        total: (stages.len() != 1).then(|| row(&shown.summary.total)),
    }
}

fn cells(stage: &Stage, failures: bool, cost_per_pod_hour: Option<f64>) -> Vec<String> {
    let scaling = |seconds: Option<f64>| seconds.map_or_else(|| NOTHING.to_owned(), time);
    let mut cells = vec![
        time(stage.to_s - stage.from_s),
        stage.replicas_min.to_string(),
        format!("{:.1}", stage.replicas_mean),
        stage.replicas_max.to_string(),
    ];
    for Reached { mean_s, worst, above_s, budget_spent, .. } in &stage.goals {
        cells.push(mean_s.map_or_else(|| NOTHING.to_owned(), latency));
        cells.push(quantile(*worst));
        cells.push(time(*above_s));
        cells.push(percent(*budget_spent));
    }
    cells.extend([scaling(stage.scale_up_s), scaling(stage.scale_down_s)]);
    cells.extend(failures.then(|| count(stage.failed)));
    cells.push(count(stage.pod_hours));
    if let Some(price) = cost_per_pod_hour {
        let cost = stage.pod_hours * price;
        let thousands = stage.answered / 1000.0;
        cells.push(money(cost));
        cells.push(if thousands > 0.0 { money(cost / thousands) } else { NOTHING.to_owned() });
    }
    cells
}

/// A latency of so many seconds: `204 ms`, `1.23 s`.
pub(super) fn latency(seconds: f64) -> String {
    if seconds < 0.9995 {
        format!("{} ms", significant(seconds * 1000.0, 3))
    } else {
        format!("{} s", significant(seconds, 3))
    }
}

/// The latency, or why there is none.
pub(super) fn quantile(quantile: Quantile) -> String {
    match quantile {
        Quantile::Idle => NOTHING.to_owned(),
        Quantile::Seconds(seconds) => latency(seconds),
        Quantile::Saturated => "saturated".to_owned(),
    }
}

/// A number with three digits that count: `0.123`, `12.3`, `1,234`.
pub(super) fn count(value: f64) -> String {
    significant(value, 3)
}

/// An amount of money, small ones included: `0.0123`, `12.35`, `1,234.50`.
fn money(value: f64) -> String {
    if value >= 1.0 || value <= 0.0 { grouped(value, 2) } else { significant(value, 3) }
}

/// A share as a percentage; never 0 for something.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent <= 0.0 {
        "0 %".to_owned()
    } else if percent < 0.01 {
        "<0.01 %".to_owned()
    } else {
        format!("{} %", significant(percent, 2))
    }
}

/// With at least so many digits that count, without zeros at the end.
fn significant(value: f64, digits: i32) -> String {
    if value == 0.0 || !value.is_finite() {
        return grouped(0.0, 0);
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the logarithm of a finite number is within ±400"
    )]
    let magnitude = value.abs().log10().floor() as i32;
    let decimals = usize::try_from(digits - 1 - magnitude).unwrap_or(0);
    let text = grouped(value, decimals.min(12));
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// `of` the values: one figure, or from the least to the greatest; `None` without any.
pub(super) fn range(
    values: impl Iterator<Item = f64> + Clone,
    of: impl Fn(f64) -> String,
) -> Option<String> {
    let least = values.clone().min_by(f64::total_cmp).map(&of)?;
    let greatest = values.max_by(f64::total_cmp).map(&of)?;
    Some(if least == greatest { least } else { format!("{least} to {greatest}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies() {
        let figures = [0.0087, 0.20417, 0.35, 0.9994, 0.9996, 1.2345, 12.0, 1234.5].map(latency);
        assert_eq!(
            figures,
            ["8.7 ms", "204 ms", "350 ms", "999 ms", "1 s", "1.23 s", "12 s", "1,234 s"]
        );
    }

    #[test]
    fn lengths_of_time() {
        let figures = [0.0, 0.4, 45.0, 165.0, 5400.0, 86_400.0, 93_600.0].map(time);
        assert_eq!(figures, ["0s", "0s", "45s", "2m45s", "1h30m", "1d", "1d2h"]);
    }

    #[test]
    fn shares() {
        let figures = [0.0, 1e-7, 0.000_123, 0.0213, 0.999, 1.5, 12.0].map(percent);
        assert_eq!(figures, ["0 %", "<0.01 %", "0.012 %", "2.1 %", "100 %", "150 %", "1,200 %"]);
    }

    #[test]
    fn amounts() {
        assert_eq!(
            [0.0, 0.0123, 0.5, 12.345_6, 1234.5].map(money),
            ["0.00", "0.0123", "0.5", "12.35", "1,234.50"]
        );
        assert_eq!([0.0, 0.1234, 246.16, 391_116.0].map(count), ["0", "0.123", "246", "391,116"]);
    }

    #[test]
    fn ranges() {
        assert_eq!(range([3.0, 5.0, 4.0].into_iter(), count).unwrap(), "3 to 5");
        assert_eq!(range([3.0001, 3.0].into_iter(), count).unwrap(), "3");
        assert_eq!(range([].into_iter(), count), None);
    }
}
