//! What a run came to, as a table: one row a stage, and one for all.

use super::load::Unit;
use super::scenario::Scenario;
use super::shown::{columns, latency, money, number, quantile, share, time, time_or_none};
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

/// The table of `summary`: a row for each stage, and one for all of them if there are several.
pub fn table(scenario: &Scenario, unit: Unit, summary: &Summary) -> String {
    let mut rows = vec![head(scenario, unit, summary)];
    let total = &summary.total;
    rows.extend(summary.stages.iter().map(|stage| row(scenario, unit, stage, total)));
    if summary.stages.len() > 1 {
        rows.push(row(scenario, unit, total, total));
    }
    columns(&rows)
}

fn head(scenario: &Scenario, unit: Unit, summary: &Summary) -> Vec<String> {
    let mut head: Vec<String> = match unit {
        Unit::Users => vec!["STAGE", "USERS", "RPS"],
        Unit::Rps => vec!["STAGE", "RPS"],
    }
    .into_iter()
    .chain(["MIN", "MEAN", "MAX"])
    .map(str::to_owned)
    .collect();
    for goal in &scenario.goals {
        let name = goal.short.to_uppercase();
        head.extend([name, "WORST".to_owned(), "ABOVE".to_owned(), "BUDGET".to_owned()]);
    }
    if summary.total.failed > 0.0 {
        head.push("FAILED".to_owned());
    }
    head.extend(["UP", "DOWN", "POD-H"].map(str::to_owned));
    if scenario.cost_per_pod_hour.is_some() {
        head.extend(["COST", "PER 1000"].map(str::to_owned));
    }
    head
}

fn row(scenario: &Scenario, unit: Unit, stage: &Stage, total: &Stage) -> Vec<String> {
    let mut row = vec![stage.name.clone(), number(stage.offered_mean, 0)];
    if unit == Unit::Users {
        let length_s = stage.to_s - stage.from_s;
        row.push(number(if length_s > 0.0 { stage.answered / length_s } else { 0.0 }, 0));
    }
    row.extend([
        stage.replicas_min.to_string(),
        format!("{:.1}", stage.replicas_mean),
        stage.replicas_max.to_string(),
    ]);
    for reached in &stage.goals {
        row.extend([
            reached.mean_s.map_or_else(|| quantile(reached.worst), latency),
            quantile(reached.worst),
            time(reached.above_s),
            share(reached.budget_spent),
        ]);
    }
    if total.failed > 0.0 {
        row.push(share(stage.failed_share()));
    }
    row.extend([
        time_or_none(stage.scale_up_s),
        time_or_none(stage.scale_down_s),
        format!("{:.2}", stage.pod_hours),
    ]);
    if let Some(cost) = Cost::of(scenario, stage) {
        row.push(money(cost.total));
        row.push(cost.per_thousand.map_or_else(|| "-".to_owned(), money));
    }
    row
}
