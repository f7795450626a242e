//! What a run came to, as a table: one row a stage, and one for all.

use super::load::Unit;
use super::scenario::Scenario;
use super::shown::{
    amount, columns, grouped, latency, money, pods, quantile, share, time, time_or_none,
};
use super::summary::{Stage, Summary};

/// What pods cost, where a price is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Of all pods, at `cost_per_pod_hour`.
    pub total: f64,
    /// For a thousand answered requests; `None` without any.
    pub per_thousand: Option<f64>,
}

impl Cost {
    /// Of `stage`; `None` without a price.
    pub fn of(scenario: &Scenario, stage: &Stage) -> Option<Self> {
        let total = stage.pod_hours * scenario.cost_per_pod_hour?;
        let per_thousand = (stage.answered > 0.0).then(|| total / stage.answered * 1000.0);
        Some(Self { total, per_thousand })
    }
}

impl Stage {
    /// Share of the requests that were not answered.
    pub fn failed_share(&self) -> f64 {
        let all = self.answered + self.failed;
        if all > 0.0 { self.failed / all } else { 0.0 }
    }

    /// The largest share of a goal's budget that it spent; `None` without goals. Only the first `goals` count.
    pub fn budget_spent(&self, goals: usize) -> Option<f64> {
        self.goals.iter().take(goals).map(|reached| reached.budget_spent).reduce(f64::max)
    }
}

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
        let failures = summary.total.failed > 0.0;
        let row = |stage: &Stage| row(scenario, unit, failures, stage);
        // How long it took to scale is counted from the start of a stage; there is no such moment for all of them.
        let total = || Stage { scale_up_s: None, scale_down_s: None, ..summary.total.clone() };
        Self {
            columns: head(scenario, unit, failures),
            rows: summary.stages.iter().map(row).collect(),
            total: (summary.stages.len() > 1).then(|| row(&total())),
        }
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

fn head(scenario: &Scenario, unit: Unit, failures: bool) -> Vec<Column> {
    let column = |group: &str, name, short: &str| Column {
        group: group.to_owned(),
        name,
        short: short.to_owned(),
    };
    let mut head = match unit {
        Unit::Users => {
            vec![column("load", "users", "USERS"), column("load", "requests/s", "RPS")]
        }
        Unit::Rps => vec![column("load", "requests/s", "RPS")],
    };
    let replicas = [("min", "MIN"), ("mean", "MEAN"), ("max", "MAX")];
    head.extend(replicas.map(|(name, short)| column("replicas", name, short)));
    for goal in &scenario.goals {
        let group = format!("{} below {}", goal.short, latency(goal.below_s));
        head.extend([
            column(&group, "mean", &goal.short.to_uppercase()),
            column(&group, "worst minute", "WORST"),
            column(&group, "time above", "ABOVE"),
            column(&group, "budget spent", "BUDGET"),
        ]);
    }
    if failures {
        head.push(column("", "failed requests", "FAILED"));
    }
    head.extend([
        column("time to scale", "up", "UP"),
        column("time to scale", "down", "DOWN"),
        column("", "pod-hours", "POD-H"),
    ]);
    if scenario.cost_per_pod_hour.is_some() {
        head.extend([
            column("cost", "in all", "COST"),
            column("cost", "per 1,000 requests", "PER 1000"),
        ]);
    }
    head
}

fn row(scenario: &Scenario, unit: Unit, failures: bool, stage: &Stage) -> Row {
    let mut cells = vec![amount(stage.offered_mean)];
    if unit == Unit::Users {
        let length_s = stage.to_s - stage.from_s;
        cells.push(amount(if length_s > 0.0 { stage.answered / length_s } else { 0.0 }));
    }
    cells.extend([
        pods(stage.replicas_min),
        grouped(stage.replicas_mean, 1),
        pods(stage.replicas_max),
    ]);
    for reached in &stage.goals {
        cells.extend([
            reached.mean_s.map_or_else(|| quantile(reached.worst), latency),
            quantile(reached.worst),
            time(reached.above_s),
            share(reached.budget_spent),
        ]);
    }
    if failures {
        cells.push(share(stage.failed_share()));
    }
    cells.extend([
        time_or_none(stage.scale_up_s),
        time_or_none(stage.scale_down_s),
        grouped(stage.pod_hours, 2),
    ]);
    if let Some(cost) = Cost::of(scenario, stage) {
        cells.push(money(cost.total));
        cells.push(cost.per_thousand.map_or_else(|| "-".to_owned(), money));
    }
    Row { name: stage.name.clone(), cells }
}
