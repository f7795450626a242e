//! Tables of several runs: a row each, of what the whole run comes to.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::figures::{Figure, Value, is_worth_a_column};
use super::shown::columns;

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
                columns.push((&figure.key, &figure.short));
            }
        }
        columns
    }

    fn value(figures: &[Figure], key: &str) -> Value {
        figures.iter().find(|figure| figure.key == key).map_or(Value::None, |figure| figure.value)
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut shown = self.columns();
        shown.retain(|(key, _)| {
            let values = self.rows.iter().map(|(_, figures)| Self::value(figures, key));
            is_worth_a_column(key, values)
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
    use crate::simulate::summary::Quantile;

    fn row(name: &str, figures: &[(&str, Value)]) -> (Vec<String>, Vec<Figure>) {
        let figure = |(key, value): &(&str, Value)| Figure {
            key: (*key).to_owned(),
            told: (*key).to_owned(),
            group: String::new(),
            name: "",
            short: key.to_uppercase(),
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
