//! What a run, or a stage of it, comes to: named figures, for every table of them.

use serde_json::Value as Json;

use super::load::Unit;
use super::scenario::Scenario;
use super::shown::{amount, grouped, latency, money, pods, quantile, share, time, time_or_none};
use super::summary::{Quantile, Reached, Stage};

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

/// A number that a run comes to, with its names.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// As programs read it: `p95_worst_s`.
    pub key: String,
    /// In a sentence: `p95, worst minute`.
    pub told: String,
    /// What it has in common with its neighbours, such as `replicas`; empty for nothing.
    pub group: String,
    /// Its own name within the group.
    pub name: &'static str,
    /// Both in one short word: `WORST`.
    pub short: String,
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
    /// A latency of more than so many seconds, how much more the model cannot tell.
    LatencyAbove(f64),
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
            | Self::LatencyAbove(value)
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
            Self::Rate(value) => amount(value),
            Self::Pods(count) => pods(count),
            Self::MeanPods(value) => grouped(value, 1),
            Self::Latency(value) => quantile(value),
            Self::LatencyAbove(value) => format!(">{}", latency(value)),
            Self::Time(value) => time(value),
            Self::Share(value) => share(value),
            Self::Hours(value) => grouped(value, 2),
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
    pub fn cell(self) -> String {
        match self {
            Self::Latency(Quantile::Saturated) => "saturated".to_owned(),
            Self::Pods(count) => count.to_string(),
            other => other.number().map_or_else(String::new, plain),
        }
    }
}

/// Six decimals, without zeros at the end.
fn plain(value: f64) -> String {
    format!("{value:.6}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The mean of the minutes' quantiles; saturated ones, which have none, would raise it.
pub fn mean(reached: &Reached) -> Value {
    match (reached.mean_s, reached.worst) {
        (Some(mean_s), Quantile::Saturated) => Value::LatencyAbove(mean_s),
        (Some(mean_s), _) => Value::Latency(Quantile::Seconds(mean_s)),
        (None, worst) => Value::Latency(worst),
    }
}

/// All figures of `stage`. Those of a kind that a run may lack have no value where it does.
pub fn figures(scenario: &Scenario, unit: Unit, stage: &Stage) -> Vec<Figure> {
    let figure = |key: &str, told: &str, group: &str, name, short: &str, value| Figure {
        key: key.to_owned(),
        told: told.to_owned(),
        group: group.to_owned(),
        name,
        short: short.to_owned(),
        value,
    };
    let or_none = |value: Option<f64>, of: fn(f64) -> Value| value.map_or(Value::None, of);
    let offered = match unit {
        Unit::Users => ("users on average", "users", "USERS"),
        Unit::Rps => ("rps on average", "requests/s", "RPS"),
    };
    let offered_mean = Value::Rate(stage.offered_mean);
    let (told, name, short) = offered;
    let mut figures = vec![figure("offered_mean", told, "load", name, short, offered_mean)];
    if unit == Unit::Users {
        let length_s = stage.to_s - stage.from_s;
        let rps = Value::Rate(if length_s > 0.0 { stage.answered / length_s } else { 0.0 });
        let told = "answered requests per second";
        figures.push(figure("rps", told, "load", "requests/s", "RPS", rps));
    }
    let replicas = |key: &str, told: &str, name, short: &str, value| {
        figure(key, told, "replicas", name, short, value)
    };
    figures.extend([
        replicas("replicas_min", "fewest replicas", "min", "MIN", Value::Pods(stage.replicas_min)),
        replicas(
            "replicas_mean",
            "mean replicas",
            "mean",
            "MEAN",
            Value::MeanPods(stage.replicas_mean),
        ),
        replicas("replicas_max", "most replicas", "max", "MAX", Value::Pods(stage.replicas_max)),
    ]);
    for (goal, reached) in scenario.goals.iter().zip(&stage.goals) {
        let short = &goal.short;
        let below = latency(goal.below_s);
        let group = format!("{short} below {below}");
        let of = |key: &str, told: &str, name, head: &str, value| {
            let (key, told) = (format!("{short}_{key}"), format!("{short}{told}"));
            figure(&key, &told, &group, name, head, value)
        };
        let mean = mean(reached);
        let worst = Value::Latency(reached.worst);
        let above = Value::Time(reached.above_s);
        let spent = Value::Share(reached.budget_spent);
        figures.extend([
            of("mean_s", ", mean", "mean", &short.to_uppercase(), mean),
            of("worst_s", ", worst minute", "worst minute", "WORST", worst),
            of("above_s", &format!(" above {below}"), "time above", "ABOVE", above),
            of("budget_spent", " budget spent", "budget spent", "BUDGET", spent),
        ]);
    }
    let scaling = |key: &str, told: &str, name, short: &str, seconds| {
        figure(key, told, "time to scale", name, short, or_none(seconds, Value::Time))
    };
    let cost = Cost::of(scenario, stage);
    let money = |key: &str, told: &str, name, short: &str, value| {
        figure(key, told, "cost", name, short, or_none(value, Value::Money))
    };
    let failed = Value::Share(stage.failed_share());
    let hours = Value::Hours(stage.pod_hours);
    figures.extend([
        figure(FAILED, "requests failed", "", "failed requests", "FAILED", failed),
        scaling(UP, "time to scale up", "up", "UP", stage.scale_up_s),
        scaling(DOWN, "time to scale down", "down", "DOWN", stage.scale_down_s),
        figure("pod_hours", "pod-hours", "", "pod-hours", "POD-H", hours),
        money("cost", "cost", "in all", "COST", cost.map(|cost| cost.total)),
        money(
            "cost_per_1000_requests",
            "cost per 1,000 requests",
            "per 1,000 requests",
            "PER 1000",
            cost.and_then(|cost| cost.per_thousand),
        ),
    ]);
    figures
}

const FAILED: &str = "failed_share";
const UP: &str = "scale_up_s";
const DOWN: &str = "scale_down_s";

/// Whether a table for people has a column for `key`, whose figures are `values`: not for what no row has, nor for
/// what all could lack but none does. That nothing scaled is worth a word.
pub fn is_worth_a_column(key: &str, mut values: impl Iterator<Item = Value>) -> bool {
    values.any(|value| match value {
        Value::None => key == UP || key == DOWN,
        Value::Share(share) if key == FAILED => share > 0.0,
        _ => true,
    })
}
