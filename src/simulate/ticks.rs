//! A run sync by sync: what each metric asked for, and what became of it.

use serde_json::{Map, Value as Json, json};

use super::controller::{self, Course};
use super::engine::Step;
use super::export::{offered, word};
use super::load::Unit;
use super::scenario::{Scaler, Scenario};
use super::summary::{Hold, hold};
use super::totals::record;

/// One sync of the HPA, every 15 seconds.
#[derive(Clone, Debug)]
pub struct Tick {
    /// When, in seconds.
    pub at_s: f64,
    /// Requests per second, or users.
    pub offered: f64,
    /// Requests per second that were answered.
    pub throughput: f64,
    /// `spec.replicas` afterwards.
    pub replicas: i32,
    /// Pods that got requests.
    pub ready: i32,
    /// What each metric asks for, in the order of the spec; empty where none was asked.
    pub wishes: Vec<controller::Wish>,
    /// The metric that decides, by its place in the spec.
    pub binding: Option<usize>,
    /// What holds the autoscaler back.
    pub limited: Option<Hold>,
}

impl Tick {
    /// Of `step`, if the HPA synced in it.
    pub fn of(step: &Step<'_>) -> Option<Self> {
        let sync = step.sync?;
        let decision = sync.decision?;
        let binding = match decision.course {
            Course::Metrics { binding, .. } => binding,
            _ => None,
        };
        Some(Self {
            at_s: step.at_s,
            offered: step.offered.value(),
            throughput: step.throughput,
            replicas: step.replicas,
            ready: step.ready,
            wishes: sync.wishes.clone(),
            binding,
            limited: hold(decision.course),
        })
    }
}

/// The name of each metric as a part of keys: `in_flight`.
fn keys(scenario: &Scenario) -> Vec<String> {
    let names = scenario.metric_names();
    names.iter().map(|name| name.replace(' ', "_")).collect()
}

/// What a metric shows as its current value: of CPU percent of the request, else in its own unit, per pod.
fn shown(wish: Option<&controller::Wish>) -> Option<f64> {
    let proposal = wish?.as_ref().ok()?;
    Some(match proposal.utilization {
        Some(percent) => f64::from(percent),
        None => controller::float(proposal.usage) / 1000.0,
    })
}

/// For programs: an object a sync.
pub fn json(scenario: &Scenario, ticks: &[Tick]) -> Json {
    let (names, keys) = (scenario.metric_names(), keys(scenario));
    let tick = |tick: &Tick| {
        let metrics = keys.iter().enumerate().map(|(at, key)| {
            let wish = tick.wishes.get(at);
            let desired = wish.and_then(|wish| wish.as_ref().ok()).map(|it| it.replicas);
            let error = wish.and_then(|wish| wish.as_ref().err()).map(ToString::to_string);
            (key.clone(), json!({ "desired": desired, "current": shown(wish), "error": error }))
        });
        json!({
            "at_s": tick.at_s,
            "offered": tick.offered,
            "rps": tick.throughput,
            "replicas": tick.replicas,
            "ready": tick.ready,
            "metrics": metrics.collect::<Map<_, _>>(),
            "decides": tick.binding.and_then(|at| names.get(at)),
            "held_back_by": tick.limited.map(word),
        })
    };
    ticks.iter().map(tick).collect()
}

/// For spreadsheets (RFC 4180): a row a sync. Cells of what there is none of are empty.
pub fn csv(scenario: &Scenario, unit: Unit, ticks: &[Tick]) -> String {
    let (names, keys) = (scenario.metric_names(), keys(scenario));
    let own = ["t_s", offered(unit), "rps", "replicas", "ready"].map(str::to_owned);
    let of_metrics =
        keys.iter().flat_map(|key| [format!("{key}_current"), format!("{key}_desired")]);
    let last = ["decides", "held_back_by"].map(str::to_owned);
    let mut text = record(own.into_iter().chain(of_metrics).chain(last));
    for tick in ticks {
        let own = [
            tick.at_s.to_string(),
            format!("{:.3}", tick.offered),
            format!("{:.3}", tick.throughput),
            tick.replicas.to_string(),
            tick.ready.to_string(),
        ];
        let of_metrics = (0..keys.len()).flat_map(|at| {
            let wish = tick.wishes.get(at);
            let desired = wish.and_then(|wish| wish.as_ref().ok());
            [
                shown(wish).map_or_else(String::new, |value| value.to_string()),
                desired.map_or_else(String::new, |it| it.replicas.to_string()),
            ]
        });
        let decides = tick.binding.and_then(|at| names.get(at)).cloned().unwrap_or_default();
        let held = tick.limited.map_or("", word).to_owned();
        text += &record(own.into_iter().chain(of_metrics).chain([decides, held]));
    }
    text
}

/// Whether there are syncs at all.
pub fn has_syncs(scenario: &Scenario) -> bool {
    matches!(scenario.scaler, Scaler::Auto(_))
}
