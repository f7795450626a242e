//! What a run came to, as a table: one row a stage, and one for all.

use super::figures::{Figure, figures, is_worth_a_column};
use super::load::Unit;
use super::scenario::Scenario;
use super::shown::columns;
use super::summary::{Stage, Summary};

/// A column of a [`Table`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// What it has in common with its neighbours, such as `replicas`; empty for nothing.
    pub group: String,
    /// Its own name.
    pub name: &'static str,
    /// Both in one short word.
    pub short: String,
}

/// A row of a [`Table`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The stage.
    pub name: String,
    /// Its figures, one a column.
    pub cells: Vec<String>,
}

/// The stages of a run in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// What each cell of a row is.
    pub columns: Vec<Column>,
    /// The stages.
    pub rows: Vec<Row>,
    /// All of them, where there are several.
    pub total: Option<Row>,
}

impl Table {
    /// Of `summary`.
    pub fn new(scenario: &Scenario, unit: Unit, summary: &Summary) -> Self {
        let of = |stage: &Stage| (stage.name.clone(), figures(scenario, unit, stage));
        let stages: Vec<_> = summary.stages.iter().map(of).collect();
        // How long it took to scale is counted from the start of a stage; there is no such moment for all of them.
        let total = Stage { scale_up_s: None, scale_down_s: None, ..summary.total.clone() };
        let total = (stages.len() > 1).then(|| of(&total));
        let all = || stages.iter().chain(&total).map(|(_, figures)| figures);
        let worth = |at: usize, figure: &Figure| {
            let values = all().filter_map(|figures| figures.get(at)).map(|figure| figure.value);
            is_worth_a_column(&figure.key, values)
        };
        let head = all().next().into_iter().flatten().enumerate();
        let (places, columns): (Vec<usize>, Vec<Column>) = head
            .filter(|(at, figure)| worth(*at, figure))
            .map(|(at, Figure { group, name, short, .. })| {
                (at, Column { group: group.clone(), name, short: short.clone() })
            })
            .unzip();
        let row = |(name, figures): &(String, Vec<Figure>)| Row {
            name: name.clone(),
            cells: places.iter().filter_map(|at| Some(figures.get(*at)?.value.shown())).collect(),
        };
        Self { columns, rows: stages.iter().map(row).collect(), total: total.as_ref().map(row) }
    }

    /// In columns, as a terminal shows it.
    pub fn text(&self) -> String {
        let line = |first: &str, rest: &mut dyn Iterator<Item = &String>| -> Vec<String> {
            std::iter::once(first.to_owned()).chain(rest.cloned()).collect()
        };
        let head = line("STAGE", &mut self.columns.iter().map(|column| &column.short));
        let rows = self.rows.iter().chain(&self.total);
        let rows = rows.map(|row| line(&row.name, &mut row.cells.iter()));
        columns(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
    }
}

/// The table of `summary`: a row for each stage, and one for all of them if there are several.
pub fn table(scenario: &Scenario, unit: Unit, summary: &Summary) -> String {
    Table::new(scenario, unit, summary).text()
}
