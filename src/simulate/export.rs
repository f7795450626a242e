//! A run for programs: JSON of all that it came to, CSV of its course.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::figures::Cost;
use super::load::Unit;
use super::scenario::{Goal, Scaler, Scenario};
use super::summary::{Hold, Minute, Quantile, Stage, Summary, Update};
use super::why;

/// Everything, as one JSON object. Times are in seconds, shares of 1; what there is none of is null, and a latency beyond
/// telling is the text `saturated`.
pub fn json(scenario: &Scenario, unit: Unit, summary: &Summary, sentences: &[String]) -> Value {
    let metrics = scenario.metric_names();
    let stages = summary.stages.iter().map(|it| stage(scenario, &metrics, it));
    let minutes = summary.minutes.iter().map(|it| minute(scenario, &metrics, it));
    let bounds = match &scenario.scaler {
        Scaler::Fixed => Value::Null,
        Scaler::Auto(auto) => json!({ "min": auto.spec.min, "max": auto.spec.max }),
    };
    json!({
        "service": scenario.name,
        "load": unit.word(),
        "bounds": bounds,
        "targets": scenario.goals.iter().map(goal).collect::<Value>(),
        "stages": stages.collect::<Value>(),
        "total": stage(scenario, &metrics, &summary.total),
        "left_waiting": summary.left_waiting,
        "minutes": minutes.collect::<Value>(),
        "updates": summary.updates.iter().map(|it| update(scenario, it)).collect::<Value>(),
        "sentences": sentences,
        "assumptions": why::assumptions(scenario, unit),
    })
}

fn goal(goal: &Goal) -> Value {
    json!({ "name": goal.short, "quantile": goal.quantile, "below_s": goal.below_s })
}

fn update(scenario: &Scenario, update: &Update) -> Value {
    let budget = scenario.goals.iter().zip(&update.budget);
    let budget = budget.map(|(goal, spent)| (goal.short.clone(), json!(spent)));
    json!({
        "at_s": update.at_s,
        "end_s": update.end_s,
        "ready_min": update.fewest_ready,
        "pods_max": update.most_pods,
        "budget_spent": budget.collect::<Map<_, _>>(),
    })
}

pub(super) fn quantile_value(quantile: Quantile) -> Value {
    match quantile {
        Quantile::Idle => Value::Null,
        Quantile::Seconds(seconds) => seconds.into(),
        Quantile::Saturated => "saturated".into(),
    }
}

fn stage(scenario: &Scenario, metrics: &[String], stage: &Stage) -> Value {
    let goals = scenario.goals.iter().zip(&stage.goals).map(|(goal, reached)| {
        let value = json!({
            "mean_s": reached.mean_s,
            "worst_s": quantile_value(reached.worst),
            "above_s": reached.above_s,
            "bad_requests": reached.bad,
            "budget_spent": reached.budget_spent,
        });
        (goal.short.clone(), value)
    });
    let decided = metrics.iter().cloned().zip(stage.bound_s.iter().map(|seconds| json!(seconds)));
    let held = stage.held_s.iter().map(|(hold, seconds)| (word(*hold).to_owned(), json!(seconds)));
    let cost = Cost::of(scenario, stage);
    json!({
        "name": stage.name,
        "from_s": stage.from_s,
        "to_s": stage.to_s,
        "offered_mean": stage.offered_mean,
        "replicas": {
            "min": stage.replicas_min,
            "mean": stage.replicas_mean,
            "max": stage.replicas_max,
            "end": stage.replicas_end,
        },
        "latency": goals.collect::<Map<_, _>>(),
        "answered": stage.answered,
        "failed": stage.failed,
        "scale_up_s": stage.scale_up_s,
        "scale_down_s": stage.scale_down_s,
        "decided_s": decided.collect::<Map<_, _>>(),
        "held_back_s": held.collect::<Map<_, _>>(),
        "pod_hours": stage.pod_hours,
        "cost": cost.map(|cost| cost.total),
        "cost_per_1000_requests": cost.and_then(|cost| cost.per_thousand),
    })
}

fn minute(scenario: &Scenario, metrics: &[String], minute: &Minute) -> Value {
    let goals = scenario.goals.iter().zip(&minute.latency);
    let goals = goals.map(|(goal, quantile)| (goal.short.clone(), quantile_value(*quantile)));
    json!({
        "at_s": minute.at_s,
        "offered": minute.offered,
        "rps": minute.throughput,
        "failed_rps": minute.failed,
        "replicas": minute.replicas,
        "ready": minute.ready,
        "in_flight_per_pod": minute.in_flight,
        "utilisation": minute.utilization,
        "latency_s": goals.collect::<Map<_, _>>(),
        "decides": minute.binding.and_then(|at| metrics.get(at)),
        "held_back_by": minute.limited.map(word),
    })
}

pub(super) fn word(hold: Hold) -> &'static str {
    match hold {
        Hold::Max => "max",
        Hold::Min => "min",
        Hold::UpPolicies => "scale-up policies",
        Hold::DownPolicies => "scale-down policies",
        Hold::UpWindow => "scale-up window",
        Hold::DownWindow => "scale-down window",
        Hold::Metrics => "failed metric",
    }
}

/// The course as CSV (RFC 4180), a row a minute. Cells of what there is none of are empty.
pub fn csv(scenario: &Scenario, unit: Unit, summary: &Summary) -> String {
    let metrics = scenario.metric_names();
    let mut text = format!(
        "t_s,{},rps,failed_rps,replicas,ready,in_flight_per_pod,utilisation",
        offered(unit)
    );
    for goal in &scenario.goals {
        let _ = write!(text, ",{}_s", goal.short);
    }
    text += ",decides,held_back_by\r\n";
    for minute in &summary.minutes {
        let _ = write!(
            text,
            "{},{:.3},{:.3},{:.3},{},{},{:.3},{:.4}",
            minute.at_s,
            minute.offered,
            minute.throughput,
            minute.failed,
            minute.replicas,
            minute.ready,
            minute.in_flight,
            minute.utilization
        );
        for quantile in &minute.latency {
            let _ = match quantile {
                Quantile::Idle => write!(text, ","),
                Quantile::Seconds(seconds) => write!(text, ",{seconds:.4}"),
                Quantile::Saturated => write!(text, ",saturated"),
            };
        }
        let decides = minute.binding.and_then(|at| metrics.get(at)).map_or("", String::as_str);
        let _ = write!(text, ",{decides},{}\r\n", minute.limited.map_or("", word));
    }
    text
}

/// The name of the column of what clients offer, apart from that of what is answered.
pub(super) fn offered(unit: Unit) -> &'static str {
    match unit {
        Unit::Users => "users",
        Unit::Rps => "offered_rps",
    }
}
