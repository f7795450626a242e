//! What whole runs come to, as named figures: for tables of several runs, a row each.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::answer::Cost;
use super::load::Unit;
use super::scenario::Scenario;
use super::shown::{columns, latency, money, number, quantile, share, time, time_or_none};
use super::summary::{Quantile, Summary};

/// A number that a run comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// As programs read it: `p95_worst_s`.
    pub key: String,
    /// The head of its column: `WORST`.
    pub title: String,
    /// In a sentence: `p95 in the worst minute`.
    pub told: String,
    /// The number.
    pub value: Value,
}

/// A number with its kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// There is none.
    None,
    /// Requests per second, or users.
    Rate(f64),
    /// Replicas.
    Pods(i32),
    /// Replicas on average.
    MeanPods(f64),
    /// A latency, as far as the model can tell.
    Latency(Quantile),
    /// A length of time in seconds.
    Time(f64),
    /// A share of 1.
    Share(f64),
    /// Pod-hours.
    Hours(f64),
    /// Money.
    Money(f64),
}

impl Value {
    /// The plain number; `None` where there is none.
    pub fn number(self) -> Option<f64> {
        match self {
            Self::None | Self::Latency(Quantile::Idle | Quantile::Saturated) => None,
            Self::Pods(count) => Some(f64::from(count)),
            Self::Latency(Quantile::Seconds(value))
            | Self::Rate(value)
            | Self::MeanPods(value)
            | Self::Time(value)
            | Self::Share(value)
            | Self::Hours(value)
            | Self::Money(value) => Some(value),
        }
    }

    /// As people read it.
    pub fn shown(self) -> String {
        match self {
            Self::None => time_or_none(None),
            Self::Rate(value) => number(value, 0),
            Self::Pods(count) => count.to_string(),
            Self::MeanPods(value) => format!("{value:.1}"),
            Self::Latency(value) => quantile(value),
            Self::Time(value) => time(value),
            Self::Share(value) => share(value),
            Self::Hours(value) => format!("{value:.2}"),
            Self::Money(value) => money(value),
        }
    }

    /// As programs read it: null where there is none, the text `saturated` for a latency beyond telling.
    pub fn json(self) -> Json {
        match self {
            Self::Pods(count) => count.into(),
            Self::Latency(Quantile::Saturated) => "saturated".into(),
            other => other.number().into(),
        }
    }

    /// A cell of a spreadsheet: a plain number, empty where there is none.
    fn cell(self) -> String {
        match self {
            Self::Latency(Quantile::Saturated) => "saturated".to_owned(),
            Self::Pods(count) => count.to_string(),
            other => other.number().map_or_else(String::new, |value| number(value, 6)),
        }
    }
}

/// All figures of `summary`, in the order of the table of one run.
pub fn figures(scenario: &Scenario, unit: Unit, summary: &Summary) -> Vec<Figure> {
    let total = &summary.total;
    let length_s = total.to_s - total.from_s;
    let figure = |key: &str, title: &str, told: &str, value| Figure {
        key: key.to_owned(),
        title: title.to_owned(),
        told: told.to_owned(),
        value,
    };
    let or_none = |value: Option<f64>, of: fn(f64) -> Value| value.map_or(Value::None, of);
    let offered = unit.word().to_uppercase();
    let mut figures = vec![figure(
        "offered_mean",
        &offered,
        &format!("{} on average", unit.word()),
        Value::Rate(total.offered_mean),
    )];
    if unit == Unit::Users {
        let rps = if length_s > 0.0 { total.answered / length_s } else { 0.0 };
        figures.push(figure("rps", "RPS", "answered requests per second", Value::Rate(rps)));
    }
    figures.extend([
        figure("replicas_min", "MIN", "fewest replicas", Value::Pods(total.replicas_min)),
        figure("replicas_mean", "MEAN", "mean replicas", Value::MeanPods(total.replicas_mean)),
        figure("replicas_max", "MAX", "most replicas", Value::Pods(total.replicas_max)),
    ]);
    for (goal, reached) in scenario.goals.iter().zip(&total.goals) {
        let name = &goal.short;
        let mean = reached.mean_s.map_or(reached.worst, Quantile::Seconds);
        let of = |key: &str, title: &str, told: &str, value| {
            figure(&format!("{name}_{key}"), title, &format!("{name}{told}"), value)
        };
        let above = format!(" above {}", latency(goal.below_s));
        figures.extend([
            of("mean_s", &name.to_uppercase(), ", mean", Value::Latency(mean)),
            of("worst_s", "WORST", ", worst minute", Value::Latency(reached.worst)),
            of("above_s", "ABOVE", &above, Value::Time(reached.above_s)),
            of("budget_spent", "BUDGET", " budget spent", Value::Share(reached.budget_spent)),
        ]);
    }
    let cost = Cost::of(scenario, total);
    let per_thousand = cost.and_then(|cost| cost.per_thousand);
    figures.extend([
        figure("failed_share", "FAILED", "requests failed", Value::Share(total.failed_share())),
        figure("scale_up_s", "UP", "time to scale up", or_none(total.scale_up_s, Value::Time)),
        figure(
            "scale_down_s",
            "DOWN",
            "time to scale down",
            or_none(total.scale_down_s, Value::Time),
        ),
        figure("pod_hours", "POD-H", "pod-hours", Value::Hours(total.pod_hours)),
        figure("cost", "COST", "cost", or_none(cost.map(|cost| cost.total), Value::Money)),
        figure(
            "cost_per_1000_requests",
            "PER 1000",
            "cost per 1,000 requests",
            or_none(per_thousand, Value::Money),
        ),
    ]);
    figures
}

/// Runs, a row each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// What the rows are told apart by.
    pub names: Vec<String>,
    /// Their values of it, and their figures.
    pub rows: Vec<(Vec<String>, Vec<Figure>)>,
}

impl Rows {
    /// Each column, with its head, in the order in which the rows bring them along: runs may have different targets.
    fn columns(&self) -> Vec<(&str, &str)> {
        let mut columns: Vec<(&str, &str)> = Vec::new();
        for figure in self.rows.iter().flat_map(|(_, figures)| figures) {
            if !columns.iter().any(|(key, _)| *key == figure.key) {
                columns.push((&figure.key, &figure.title));
            }
        }
        columns
    }

    fn value(figures: &[Figure], key: &str) -> Value {
        figures.iter().find(|figure| figure.key == key).map_or(Value::None, |figure| figure.value)
    }

    /// For people. What no row has is left out, and so is what all could lack but none does: failed requests.
    pub fn table(&self) -> String {
        let mut shown = self.columns();
        shown.retain(|(key, _)| {
            self.rows.iter().any(|(_, figures)| match Self::value(figures, key) {
                Value::None => *key == "scale_up_s" || *key == "scale_down_s",
                Value::Share(share) if *key == "failed_share" => share > 0.0,
                _ => true,
            })
        });
        // As written: `max`, which is set, is not MAX, which comes of it.
        let head = self.names.iter().cloned();
        let head = head.chain(shown.iter().map(|(_, title)| (*title).to_owned())).collect();
        let rows = self.rows.iter().map(|(names, figures)| {
            let cells = shown.iter().map(|(key, _)| Self::value(figures, key).shown());
            names.iter().cloned().chain(cells).collect()
        });
        columns(&std::iter::once(head).chain(rows).collect::<Vec<Vec<String>>>())
    }

    /// For spreadsheets (RFC 4180): one header row, plain numbers, times in seconds and shares of 1.
    pub fn csv(&self) -> String {
        let all = self.columns();
        let head = self.names.iter().map(String::as_str).chain(all.iter().map(|(key, _)| *key));
        let mut text = record(head.map(str::to_owned));
        for (names, figures) in &self.rows {
            let cells = all.iter().map(|(key, _)| Self::value(figures, key).cell());
            text += &record(names.iter().cloned().chain(cells));
        }
        text
    }

    /// For programs: an object a row.
    pub fn json(&self) -> Json {
        let row = |(names, figures): &(Vec<String>, Vec<Figure>)| {
            let set: Map<String, Json> =
                self.names.iter().cloned().zip(names.iter().map(|name| json!(name))).collect();
            json!({ "of": set, "total": object(figures) })
        };
        self.rows.iter().map(row).collect()
    }
}

/// The figures by their keys.
pub fn object(figures: &[Figure]) -> Json {
    let values = figures.iter().map(|figure| (figure.key.clone(), figure.value.json()));
    Json::Object(values.collect())
}

/// A line of CSV; cells are quoted where they must be.
pub fn record(cells: impl Iterator<Item = String>) -> String {
    let mut line = String::new();
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            line.push(',');
        }
        if cell.contains([',', '"', '\r', '\n']) {
            let _ = write!(line, "\"{}\"", cell.replace('"', "\"\""));
        } else {
            line += &cell;
        }
    }
    line + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, figures: &[(&str, Value)]) -> (Vec<String>, Vec<Figure>) {
        let figure = |(key, value): &(&str, Value)| Figure {
            key: (*key).to_owned(),
            title: key.to_uppercase(),
            told: (*key).to_owned(),
            value: *value,
        };
        (vec![name.to_owned()], figures.iter().map(figure).collect())
    }

    #[test]
    fn rows_may_have_different_figures() {
        let rows = Rows {
            names: vec!["max".to_owned()],
            rows: vec![
                row(
                    "1,2",
                    &[
                        ("p95_worst_s", Value::Latency(Quantile::Saturated)),
                        ("cost", Value::Money(0.5)),
                    ],
                ),
                row("3", &[("p99_worst_s", Value::Latency(Quantile::Seconds(0.25)))]),
            ],
        };
        assert_eq!(
            rows.csv(),
            "max,p95_worst_s,cost,p99_worst_s\r\n\"1,2\",saturated,0.5,\r\n3,,,0.25\r\n"
        );
        let table = rows.table();
        assert!(table.contains("saturated  0.5000") && table.contains("250 ms"), "{table}");
        assert_eq!(rows.json()[1]["total"]["p99_worst_s"], 0.25);
    }
}
