//! Two services under the same load: what differs, and what it is worth.

use serde_json::{Value as Json, json};

use super::controller::spec::{Metric, Target};
use super::figures::{Cost, Figure, Value, figures};
use super::load::Unit;
use super::scenario::{Goal, Scaler, Scenario, Signal};
use super::shown::{columns, latency, money, number, quantile, share, time};
use super::summary::{Quantile, Summary};
use super::totals::Rows;
use super::{answer, export, why};
use crate::units::Invalid;

/// Differences below this share are none: the model is not that exact.
const ALIKE: f64 = 0.005;

/// One of two services, and what it came to.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// What it is called here.
    pub name: &'a str,
    /// The service.
    pub scenario: &'a Scenario,
    /// What it came to.
    pub summary: &'a Summary,
}

/// Two services under one load. The second is compared with the first.
#[derive(Clone, Copy, Debug)]
pub struct Versus<'a> {
    /// What is compared with.
    pub first: Side<'a>,
    /// What is compared.
    pub second: Side<'a>,
    /// What the load counts.
    pub unit: Unit,
}

/// `scenario`, scaled on CPU alone: at its own target, else at `written` percent of the request, else at the 80 % that
/// Kubernetes takes for an HPA without metrics.
pub fn cpu_only(scenario: &Scenario, written: Option<i32>) -> Result<Scenario, Invalid> {
    let Scaler::Auto(auto) = &scenario.scaler else {
        return Err(Invalid::new(
            format!(
                "nothing scales {}: it has {} replicas throughout",
                scenario.name, scenario.initial
            ),
            "give it `min` and `max` under `[scaling]`",
        ));
    };
    if scenario.cpu_request.is_none() {
        return Err(Invalid::new(
            format!("{} requests no CPU, which a target of CPU is relative to", scenario.name),
            "add `requests = { cpu = \"500m\" }` under `[resources]`",
        ));
    }
    let mut changed = scenario.clone();
    let mut auto = auto.clone();
    let own = auto.signals.iter().position(|signal| *signal == Signal::Cpu);
    let metric = match (own.and_then(|at| auto.spec.metrics.get(at).cloned()), written) {
        (Some(metric), _) => metric,
        (None, Some(percent)) => {
            changed.notes.push(format!(
                "the service does not scale on CPU: `cpu-only` scales at its target of {percent} %"
            ));
            Metric { target: Target::Utilization(percent), ..Metric::default() }
        }
        (None, None) => {
            changed.notes.push(
                "the service has no CPU target: `cpu-only` scales at the 80 % that Kubernetes takes by default"
                    .to_owned(),
            );
            Metric::default()
        }
    };
    auto.spec.metrics = vec![metric];
    auto.signals = vec![Signal::Cpu];
    // KEDA does not scale to zero on CPU alone.
    auto.keda = None;
    auto.spec.min = auto.spec.min.max(1);
    changed.initial = changed.initial.max(1);
    changed.scaler = Scaler::Auto(auto);
    Ok(changed)
}

/// A figure of both sides.
#[derive(Clone, Debug, PartialEq)]
struct Pair {
    first: Figure,
    second: Figure,
}

impl Pair {
    /// By how much of the first the second differs; `None` where that cannot be told.
    fn change(&self) -> Option<f64> {
        let beyond = |value: Value| matches!(value, Value::LatencyAbove(_));
        if beyond(self.first.value) || beyond(self.second.value) {
            return None;
        }
        let (first, second) = (self.first.value.number()?, self.second.value.number()?);
        (first.abs() > 0.0).then(|| second / first - 1.0)
    }

    fn row(&self) -> Vec<String> {
        let (first, second) = (self.first.value.shown(), self.second.value.shown());
        let change = match self.change() {
            _ if first == second
                && !matches!(self.first.value, Value::Money(_) | Value::LatencyAbove(_)) =>
            {
                "same".to_owned()
            }
            Some(change) if change.abs() < ALIKE => "same".to_owned(),
            // Beyond that the number of times says more than a percentage.
            Some(change) if change >= 9.0 => format!("x{}", number(change + 1.0, 0)),
            Some(change) => format!("{:+.0} %", change * 100.0),
            None if self.is_same() => "same".to_owned(),
            None => "-".to_owned(),
        };
        vec![self.first.told.clone(), first, second, change]
    }

    /// Neither side has it, or it is requests that failed, of which there are none.
    fn is_nothing(&self) -> bool {
        let (first, second) = (self.first.value, self.second.value);
        let none = |value: Value| value == Value::None || value == Value::Latency(Quantile::Idle);
        let no_failures =
            self.first.key == "failed_share" && first == Value::Share(0.0) && second == first;
        no_failures || (none(first) && none(second))
    }

    fn is_same(&self) -> bool {
        self.first.value == self.second.value
    }
}

impl Versus<'_> {
    fn sides(&self) -> [Side<'_>; 2] {
        [self.first, self.second]
    }

    /// The figures that both sides have and that matter, in the order of the table.
    fn pairs(&self) -> Vec<Pair> {
        let [first, second] =
            self.sides().map(|side| figures(side.scenario, self.unit, &side.summary.total));
        let matters = |key: &str| {
            !matches!(key, "offered_mean" | "replicas_min" | "scale_up_s" | "scale_down_s")
        };
        let pairs = first.into_iter().filter(|figure| matters(&figure.key)).filter_map(|first| {
            let second = second.iter().find(|figure| figure.key == first.key)?.clone();
            Some(Pair { first, second })
        });
        pairs.filter(|pair| !pair.is_nothing()).collect()
    }

    /// For people: the table of each, what differs, and what that is worth.
    pub fn told(&self) -> String {
        let mut text = String::new();
        for side in self.sides() {
            text += side.name;
            text += ":\n";
            text += &answer::table(side.scenario, self.unit, side.summary);
            text += "\n";
        }
        let head =
            ["DIFFERENCE", self.first.name, self.second.name, "CHANGE"].map(str::to_owned).to_vec();
        let rows: Vec<Vec<String>> =
            std::iter::once(head).chain(self.pairs().iter().map(Pair::row)).collect();
        text + &columns(&rows)
    }

    /// What the differences are worth.
    pub fn sentences(&self) -> Vec<String> {
        let (one, two) = (self.first, self.second);
        let (mut cheaper, mut dearer) = (one, two);
        if spent(&two).0 < spent(&one).0 {
            (cheaper, dearer) = (two, one);
        }
        let ((less, what), (more, _)) = (spent(&cheaper), spent(&dearer));
        let shown = |value: f64| match what {
            Spent::Money => money(value),
            Spent::Hours => format!("{value:.2} pod-hours"),
        };
        let saved = if more > 0.0 { 1.0 - less / more } else { 0.0 };
        let mut told = Vec::new();
        if saved < ALIKE {
            told.push(format!("both cost the same: {}", shown(less)));
        } else {
            told.push(format!(
                "{} is {} cheaper: {} rather than {}",
                cheaper.name,
                percent(saved),
                shown(less),
                shown(more)
            ));
        }
        let goals = cheaper.scenario.goals.iter().enumerate();
        told.extend(goals.filter_map(|(at, goal)| price(&cheaper, &dearer, at, goal)));
        let answered = [cheaper, dearer].map(|side| side.summary.total.answered);
        let fewer = if answered[1] > 0.0 { 1.0 - answered[0] / answered[1] } else { 0.0 };
        if fewer.abs() > 0.01 {
            let word = if fewer > 0.0 { "fewer" } else { "more" };
            told.push(format!(
                "{} answers {} {word} requests than {}",
                cheaper.name,
                percent(fewer.abs()),
                dearer.name
            ));
        }
        told
    }

    /// What the numbers rest on.
    pub fn assumptions(&self) -> Vec<String> {
        why::assumptions_of_all(self.sides().iter().map(|side| (side.scenario, self.unit)))
    }

    /// For spreadsheets: a row for each.
    pub fn csv(&self) -> String {
        let rows = self.sides().map(|side| {
            (vec![side.name.to_owned()], figures(side.scenario, self.unit, &side.summary.total))
        });
        Rows { names: vec!["service".to_owned()], rows: rows.to_vec() }.csv()
    }

    /// For programs: both runs, and the differences as shares of the first's figure.
    pub fn json(&self) -> Json {
        let side = |side: Side<'_>| {
            let sentences = why::sentences(side.scenario, side.summary);
            let run = export::json(side.scenario, self.unit, side.summary, &sentences);
            json!({ "name": side.name, "run": run })
        };
        let difference = |pair: &Pair| {
            json!({
                "figure": pair.first.key,
                "first": pair.first.value.json(),
                "second": pair.second.value.json(),
                "change": pair.change(),
            })
        };
        json!({
            "first": side(self.first),
            "second": side(self.second),
            "differences": self.pairs().iter().map(difference).collect::<Json>(),
            "sentences": self.sentences(),
        })
    }
}

/// What a comparison of prices counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spent {
    Money,
    Hours,
}

/// What a side spends; pod-hours without a price.
fn spent(side: &Side<'_>) -> (f64, Spent) {
    match Cost::of(side.scenario, &side.summary.total) {
        Some(cost) => (cost.total, Spent::Money),
        None => (side.summary.total.pod_hours, Spent::Hours),
    }
}

/// What `cheaper` pays in latency, or gains; `None` where the other side has no such target.
fn price(cheaper: &Side<'_>, dearer: &Side<'_>, at: usize, goal: &Goal) -> Option<String> {
    let other = dearer.scenario.goals.iter().position(|other| other.short == goal.short)?;
    let own = cheaper.summary.total.goals.get(at)?;
    let others = dearer.summary.total.goals.get(other)?;
    let shown = |value: Quantile| match value {
        Quantile::Saturated => "beyond telling (saturated)".to_owned(),
        value => quantile(value),
    };
    let pairs = [
        (shown(own.worst), shown(others.worst)),
        (time(own.above_s), time(others.above_s)),
        (share(own.budget_spent), share(others.budget_spent)),
    ];
    let who = if pairs.iter().all(|(own, other)| own == other) { "both" } else { cheaper.name };
    let [worst, above, budget] = pairs
        .map(|(own, other)| if own == other { own } else { format!("{own} rather than {other}") });
    Some(format!(
        "with {who}, {} is at worst {worst}, and above {} for {above}, which spends {budget} of the {} error budget",
        goal.short,
        latency(goal.below_s),
        time(cheaper.scenario.period_s),
    ))
}

/// A share that is told in round numbers.
fn percent(share: f64) -> String {
    format!("{} %", number(share * 100.0, usize::from(share < 0.1)))
}
