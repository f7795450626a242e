//! How much load so many replicas sustain inside all targets: the closed-form model alone, open load, steady state.
//!
//! Routing is random and pods are alike, so that `n` pods sustain `n` times what one does.

use rust_decimal::prelude::ToPrimitive;
use serde_json::{Map, Value as Json, json};

use super::latency::{MOST_UTILISATION, Operating};
use super::load::Unit;
use super::scenario::{Scaler, Scenario};
use super::shown::{columns, latency, money, number, share};
use super::totals::record;
use super::why;
use crate::plan;

/// The most rows: beyond them every replica adds the same again.
const MOST_ROWS: i32 = 1000;

/// What each pod must keep to, beside the latency.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Targets {
    /// Requests in flight on average.
    pub in_flight: Option<f64>,
    /// Share of the CPU request in use.
    pub cpu: Option<f64>,
}

impl Targets {
    /// As slo.toml writes them.
    pub fn new(targets: &plan::targets::Targets) -> Self {
        Self {
            in_flight: targets.in_flight.as_ref().and_then(|target| target.per_pod.to_f64()),
            cpu: targets.cpu.and_then(|share| share.value().to_f64()),
        }
    }

    /// The CPU target as an HPA takes it: whole percent, no later than asked.
    pub fn cpu_percent(&self) -> Option<i32> {
        let percent = (self.cpu? * 100.0 + 1e-9).floor().clamp(1.0, 1e6);
        #[expect(clippy::cast_possible_truncation, reason = "clamped, and whole")]
        let percent = percent as i32;
        Some(percent)
    }
}

/// A target, and what one pod sustains inside it alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// `p95`, `in flight`, `cpu` or `busy`, for what the model can tell of at all.
    pub name: String,
    /// Its bound as people read it: `350 ms`.
    pub bound: String,
    /// Requests per second.
    pub rps: f64,
}

/// How much load a service sustains.
#[derive(Clone, Debug)]
pub struct Capacity<'a> {
    scenario: &'a Scenario,
    /// Each target; the last is how busy a pod may be.
    pub limits: Vec<Limit>,
    /// Which of them is the lowest.
    pub binds: usize,
    /// One pod at the most that it sustains inside all of them.
    pub pod: Operating,
    /// The most replicas.
    pub most: i32,
}

impl<'a> Capacity<'a> {
    /// Of `scenario` with `targets`.
    pub fn new(scenario: &'a Scenario, targets: Targets) -> Self {
        let model = &scenario.model;
        // Just inside, so that a rounding error does not put the pod beyond telling.
        let most_rps = model.capacity_rps() * MOST_UTILISATION * (1.0 - 1e-9);
        let limit = |name: &str, bound: String, keeps: &dyn Fn(&Operating) -> bool| Limit {
            name: name.to_owned(),
            bound,
            rps: most(most_rps, |rps| keeps(&model.open(rps))),
        };
        let mut limits: Vec<Limit> = Vec::new();
        for goal in &scenario.goals {
            limits.push(limit(&goal.short, latency(goal.below_s), &|pod| {
                pod.fraction_below(goal.below_s) >= goal.quantile
            }));
        }
        if let Some(bound) = targets.in_flight {
            limits.push(limit("in flight", number(bound, 2), &|pod| pod.gauge <= bound));
        }
        if let (Some(bound), Some(_)) = (targets.cpu, scenario.cpu_request) {
            limits.push(limit("cpu", percent(bound), &|pod| {
                cpu(scenario, pod).is_none_or(|used| used <= bound)
            }));
        }
        limits.push(limit("busy", percent(MOST_UTILISATION), &|_| true));
        // Of equal ones the last, which is how busy a pod may be.
        let mut binds = 0;
        for (at, limit) in limits.iter().enumerate() {
            if limits.get(binds).is_none_or(|lowest| limit.rps <= lowest.rps) {
                binds = at;
            }
        }
        let rps = limits.get(binds).map_or(0.0, |limit| limit.rps);
        let most = match &scenario.scaler {
            Scaler::Fixed => scenario.initial,
            Scaler::Auto(auto) => auto.spec.max,
        };
        Self { scenario, binds, pod: model.open(rps), most, limits }
    }

    /// The name of what binds.
    fn binding(&self) -> &str {
        self.limits.get(self.binds).map_or("", |limit| &limit.name)
    }

    /// A row a count of replicas: for people.
    pub fn table(&self) -> String {
        let goals = &self.scenario.goals;
        let mut head = vec!["REPLICAS".to_owned(), "RPS".to_owned(), "BINDS".to_owned()];
        head.extend(goals.iter().map(|goal| goal.short.to_uppercase()));
        head.push("IN FLIGHT".to_owned());
        if self.scenario.cpu_request.is_some() {
            head.push("CPU".to_owned());
        }
        if self.scenario.cost_per_pod_hour.is_some() {
            head.extend(["COST/H", "PER 1000"].map(str::to_owned));
        }
        // What each alone allows; of one alone that is the same again.
        let alone = self.limits.len() > 1;
        if alone {
            head.extend(
                self.limits.iter().map(|limit| format!("{} ALONE", limit.name.to_uppercase())),
            );
        }
        let mut rows = vec![head];
        for count in self.counts() {
            let rate = |each: f64| format!("{:.1}", floor(each * f64::from(count), 1));
            let mut row = vec![count.to_string(), rate(self.pod.rps), self.binding().to_owned()];
            row.extend(goals.iter().map(|goal| {
                self.pod.percentile(goal.quantile * 100.0).map_or("-".to_owned(), latency)
            }));
            row.push(number(self.pod.gauge, 1));
            row.extend(cpu(self.scenario, &self.pod).map(share));
            if let Some((hour, per_thousand)) = self.cost(count) {
                row.extend([money(hour), per_thousand.map_or("-".to_owned(), money)]);
            }
            if alone {
                row.extend(self.limits.iter().map(|limit| rate(limit.rps)));
            }
            rows.push(row);
        }
        columns(&rows)
    }

    /// For spreadsheets (RFC 4180): one header row, plain numbers, latencies in seconds.
    pub fn csv(&self) -> String {
        let rows: Vec<Map<String, Json>> = self.counts().map(|count| self.row(count)).collect();
        let head = rows.first().map(|row| row.keys().cloned().collect::<Vec<_>>());
        let mut text = record(head.unwrap_or_default().into_iter());
        for row in rows {
            text += &record(row.into_iter().map(|(_, value)| match value {
                Json::Null => String::new(),
                Json::String(text) => text,
                other => other.to_string(),
            }));
        }
        text
    }

    /// For programs.
    pub fn json(&self) -> Json {
        let targets = self.limits.iter().map(
            |limit| json!({ "name": limit.name, "bound": limit.bound, "rps_per_pod": limit.rps }),
        );
        json!({
            "service": self.scenario.name,
            "rps_per_pod": self.pod.rps,
            "binds": self.binding(),
            "targets": targets.collect::<Json>(),
            "replicas": self.counts().map(|count| Json::Object(self.row(count))).collect::<Json>(),
            "sentences": self.sentences(),
            "assumptions": self.assumptions(),
        })
    }

    fn counts(&self) -> std::ops::RangeInclusive<i32> {
        1..=self.most.clamp(1, MOST_ROWS)
    }

    /// All of one count, as programs read it.
    fn row(&self, count: i32) -> Map<String, Json> {
        let mut row = Map::new();
        let mut put = |key: String, value: Json| row.insert(key, value);
        let rate = |each: f64| json!(floor(each * f64::from(count), 3));
        let digits = |value: f64, digits: i32| json!(round(value, digits));
        put("replicas".to_owned(), count.into());
        put("rps".to_owned(), rate(self.pod.rps));
        put("binds".to_owned(), self.binding().into());
        for goal in &self.scenario.goals {
            let reached = self.pod.percentile(goal.quantile * 100.0);
            put(format!("{}_s", goal.short), reached.map_or(Json::Null, |value| digits(value, 4)));
        }
        put("in_flight_per_pod".to_owned(), digits(self.pod.gauge, 3));
        if let Some(used) = cpu(self.scenario, &self.pod) {
            put("cpu_percent".to_owned(), digits(used * 100.0, 2));
        }
        if let Some((hour, per_thousand)) = self.cost(count) {
            put("cost_per_hour".to_owned(), digits(hour, 6));
            let each = per_thousand.map_or(Json::Null, |value| digits(value, 6));
            put("cost_per_1000_requests".to_owned(), each);
        }
        for limit in &self.limits {
            put(format!("{}_alone_rps", limit.name.replace(' ', "_")), rate(limit.rps));
        }
        row
    }

    /// Of so many replicas: an hour, and a thousand requests.
    fn cost(&self, count: i32) -> Option<(f64, Option<f64>)> {
        let pod = self.scenario.cost_per_pod_hour?;
        let per_thousand = (self.pod.rps > 0.0).then(|| pod / (self.pod.rps * 3.6));
        Some((pod * f64::from(count), per_thousand))
    }

    /// What the reader should know, the most important first.
    pub fn sentences(&self) -> Vec<String> {
        let mut told: Vec<String> = Vec::new();
        for (goal, limit) in self.scenario.goals.iter().zip(&self.limits) {
            if limit.rps <= 0.0 {
                let idle = self.scenario.model.open(0.0).percentile(goal.quantile * 100.0);
                told.push(format!(
                    "no load keeps {} below {}: it is {} with nobody else in the pod, which `floor`, `floor_variation` and \
                     `service_time` of `[simulate]` make up",
                    goal.short,
                    limit.bound,
                    idle.map_or("more".to_owned(), latency),
                ));
            }
        }
        if self.pod.rps > 0.0 {
            let binds = match self.limits.get(self.binds) {
                Some(limit) if limit.name == "busy" => {
                    format!("beyond {} of what a pod can serve no latency can be told", limit.bound)
                }
                Some(limit) => format!("{} ({}) binds", limit.name, limit.bound),
                None => String::new(),
            };
            told.push(format!(
                "a pod takes {} requests per second inside all targets; {binds}",
                number(floor(self.pod.rps, 1), 1)
            ));
        }
        let next = self.limits.iter().enumerate().filter(|(at, _)| *at != self.binds);
        let next = next.map(|(_, limit)| limit).min_by(|one, two| one.rps.total_cmp(&two.rps));
        if let Some(next) = next.filter(|next| next.rps > self.pod.rps) {
            told.push(format!(
                "without that, {} ({}) would bind next, at {} requests per second and pod",
                next.name,
                next.bound,
                number(floor(next.rps, 1), 1)
            ));
        }
        if self.most > MOST_ROWS {
            told.push(format!(
                "the table ends at {MOST_ROWS} of {} replicas; each sustains the same",
                self.most
            ));
        }
        if matches!(self.scenario.scaler, Scaler::Auto(_)) {
            told.push(
                "while load grows there are fewer pods than it needs: a run under that load shows how far it gets ahead"
                    .to_owned(),
            );
        }
        told
    }

    /// What the numbers rest on.
    pub fn assumptions(&self) -> Vec<String> {
        why::of_service(self.scenario, Unit::Rps)
    }
}

/// Share of the CPU request that a pod uses; `None` where it requests none.
fn cpu(scenario: &Scenario, pod: &Operating) -> Option<f64> {
    let request = scenario.cpu_request.filter(|request| *request > 0)?;
    #[expect(clippy::cast_precision_loss, reason = "thousandths of the cores of one pod")]
    let request = request as f64 / 1000.0;
    Some(pod.cpu_cores / request)
}

/// The most requests per second, up to `most`, that `keeps`, which no higher rate does once one does not.
fn most(most: f64, keeps: impl Fn(f64) -> bool) -> f64 {
    if keeps(most) {
        return most;
    }
    if !keeps(0.0) {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, most);
    // Halved so often, what is left is below the precision of the numbers.
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if keeps(middle) { low = middle } else { high = middle }
    }
    low
}

/// A share that somebody wrote.
fn percent(share: f64) -> String {
    format!("{} %", number(share * 100.0, 2))
}

fn floor(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    // What was found by bisection may lie a hair below the round number that it is.
    (value * scale + 1e-6).floor() / scale
}

fn round(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_is_found_from_below() {
        assert!((most(100.0, |rps| rps <= 37.5) - 37.5).abs() < 1e-6);
        assert_eq!(
            [most(100.0, |_| true), most(100.0, |_| false)].map(f64::to_bits),
            [100.0, 0.0].map(f64::to_bits)
        );
        assert!((floor(37.499_999_99, 1) - 37.5).abs() < 1e-12, "37.5 found from below");
        assert!((floor(37.49, 1) - 37.4).abs() < 1e-12);
    }

    #[test]
    fn a_share_is_whole_percent_for_the_autoscaler() {
        let percent = |cpu| Targets { cpu: Some(cpu), in_flight: None }.cpu_percent();
        assert_eq!([percent(0.8), percent(0.29), percent(0.755)], [Some(80), Some(29), Some(75)]);
    }
}
