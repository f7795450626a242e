//! What a run must come to, for CI: `p95 < 400ms`, `replicas <= 12`.

use rust_decimal::prelude::ToPrimitive;

use crate::units::{Decimal, Duration, Invalid, Ratio};

use super::figures::Cost;
use super::scenario::Scenario;
use super::shown::{money, quantile, share, time};
use super::summary::{Quantile, Summary};

/// A bound on something that a run comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Assertion {
    text: String,
    subject: Subject,
    relation: Relation,
    /// In seconds, shares of 1, pods, or money.
    bound: f64,
}

#[derive(Clone, Debug, PartialEq)]
enum Subject {
    /// The worst minute of this latency target.
    Latency(String),
    /// The most replicas for an upper bound, the fewest for a lower one.
    Replicas,
    /// The share of requests that failed.
    Errors,
    /// The largest share of an error budget that was spent.
    Budget,
    /// The cost of all pods.
    Cost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Below,
    AtMost,
    Above,
    AtLeast,
}

const RELATIONS: [(&str, Relation); 4] = [
    ("<=", Relation::AtMost),
    (">=", Relation::AtLeast),
    ("<", Relation::Below),
    (">", Relation::Above),
];

/// What can be asserted.
const WANTED: &str =
    "write such as `p95 < 400ms`, `replicas <= 12`, `errors < 1%`, `budget < 10%` or `cost < 3.50`";

impl Relation {
    fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Below => value < bound,
            Self::AtMost => value <= bound,
            Self::Above => value > bound,
            Self::AtLeast => value >= bound,
        }
    }

    fn is_upper(self) -> bool {
        matches!(self, Self::Below | Self::AtMost)
    }
}

/// Whether an assertion holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// It does.
    pub holds: bool,
    /// By how much it does not, as a share of the bound, at most [`MOST_MISS`]; 0 if it holds.
    pub miss: f64,
    /// The assertion as written.
    pub text: String,
    /// The assertion with what came of it: `p95 < 400ms: 204 ms at 4m`.
    pub told: String,
}

/// What is this far from its bound, or cannot be told, is as far as can be.
pub const MOST_MISS: f64 = 10.0;

impl Assertion {
    /// Reads an assertion.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let wrong = |message: String| Invalid::new(message, WANTED);
        let found = RELATIONS.iter().find_map(|(sign, relation)| {
            let (subject, bound) = text.split_once(sign)?;
            Some((subject.trim(), *relation, bound.trim()))
        });
        let Some((subject, relation, bound)) = found else {
            return Err(wrong(format!("`{text}` compares nothing")));
        };
        let float = |value: Decimal| value.to_f64().unwrap_or(f64::INFINITY);
        let (subject, bound) = match subject {
            "replicas" => (Subject::Replicas, plain(bound)?),
            "cost" => (Subject::Cost, plain(bound)?),
            "errors" => (Subject::Errors, float(Ratio::parse(bound)?.value())),
            "budget" => (Subject::Budget, percent(bound)?),
            name if name.strip_prefix('p').is_some_and(|rest| rest.parse::<u32>().is_ok()) => {
                (Subject::Latency(name.to_owned()), float(Duration::parse(bound)?.seconds()))
            }
            other => return Err(wrong(format!("`{other}` is nothing that a run comes to"))),
        };
        Ok(Self { text: text.trim().to_owned(), subject, relation, bound })
    }

    /// Whether it holds for `summary`; an error where the service has no such thing.
    pub fn judge(&self, scenario: &Scenario, summary: &Summary) -> Result<Verdict, Invalid> {
        let total = &summary.total;
        let (value, shown) = match &self.subject {
            Subject::Latency(name) => return self.judge_latency(name, scenario, summary),
            Subject::Replicas => {
                let count =
                    if self.relation.is_upper() { total.replicas_max } else { total.replicas_min };
                (f64::from(count), count.to_string())
            }
            Subject::Errors => (total.failed_share(), share(total.failed_share())),
            Subject::Budget => {
                let spent = total.budget_spent(scenario.goals.len()).ok_or_else(|| {
                    Invalid::new(
                        format!(
                            "`{}`: the service has no latency target, and so no budget",
                            self.text
                        ),
                        "add one to `targets.latency`",
                    )
                })?;
                (spent, share(spent))
            }
            Subject::Cost => {
                let cost = Cost::of(scenario, total).ok_or_else(|| {
                    Invalid::new(
                        format!("`{}`: nothing says what a pod costs", self.text),
                        "add `cost_per_pod_hour = 0.12` under `[simulate]`",
                    )
                })?;
                (cost.total, money(cost.total))
            }
        };
        Ok(self.verdict(value, &shown))
    }

    fn judge_latency(
        &self,
        name: &str,
        scenario: &Scenario,
        summary: &Summary,
    ) -> Result<Verdict, Invalid> {
        let Some(at) = scenario.goals.iter().position(|goal| goal.short == name) else {
            let known: Vec<_> =
                scenario.goals.iter().map(|goal| format!("`{}`", goal.short)).collect();
            let help = match known.as_slice() {
                [] => "add one to `targets.latency`".to_owned(),
                some => format!("there is {}", some.join(", ")),
            };
            return Err(Invalid::new(
                format!("`{}`: the service has no target for {name}", self.text),
                help,
            ));
        };
        let beats = |one: Quantile, other: Quantile| match (one, other) {
            (Quantile::Seconds(one), Quantile::Seconds(other)) => one > other,
            (Quantile::Saturated, other) => other != Quantile::Saturated,
            (Quantile::Seconds(_), Quantile::Idle) => true,
            _ => false,
        };
        let mut worst = (0.0, Quantile::Idle);
        for minute in &summary.minutes {
            let value = minute.latency.get(at).copied().unwrap_or_default();
            if beats(value, worst.1) {
                worst = (minute.at_s, value);
            }
        }
        let (at_s, value) = worst;
        let seconds = match value {
            Quantile::Idle => f64::NEG_INFINITY,
            Quantile::Seconds(seconds) => seconds,
            // Beyond telling is beyond every bound.
            Quantile::Saturated => f64::INFINITY,
        };
        Ok(self.verdict(seconds, &format!("{} in the minute from {}", quantile(value), time(at_s))))
    }

    fn verdict(&self, value: f64, shown: &str) -> Verdict {
        let holds = self.relation.holds(value, self.bound);
        let word = if holds { "holds" } else { "fails" };
        let far = (value - self.bound).abs() / self.bound.max(1e-9);
        // At the bound itself `<` fails by nothing, which must not count as nothing.
        let miss = if holds { 0.0 } else { far.clamp(1e-6, MOST_MISS) };
        let told = format!("{word}: {} ({shown})", self.text);
        Verdict { holds, miss, text: self.text.clone(), told }
    }
}

fn plain(text: &str) -> Result<f64, Invalid> {
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0);
    value.ok_or_else(|| {
        Invalid::new(format!("`{text}` is no number"), "write a number without unit, such as `12`")
    })
}

/// A share that may be above all of it.
fn percent(text: &str) -> Result<f64, Invalid> {
    let number = text.strip_suffix('%').map(str::trim).and_then(|number| plain(number).ok());
    number
        .map(|percent| percent / 100.0)
        .ok_or_else(|| Invalid::new(format!("`{text}` is no percentage"), "write such as `10%`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assertions_are_read() {
        let read = |text: &str| Assertion::parse(text).unwrap();
        assert_eq!(read("p95 < 400ms").subject, Subject::Latency("p95".to_owned()));
        assert!((read("p95<0.4s").bound - 0.4).abs() < 1e-12);
        assert_eq!(read("replicas <= 12").relation, Relation::AtMost);
        assert!((read("budget > 250 %").bound - 2.5).abs() < 1e-12);
        assert!((read("errors < 1%").bound - 0.01).abs() < 1e-12);
    }

    #[test]
    fn what_is_none_says_why() {
        for (text, why) in [
            ("p95", "compares nothing"),
            ("p95 < 400", "400"),
            ("replicas < many", "no number"),
            ("replicas < -1", "no number"),
            ("replicas < NaN", "no number"),
            ("budget < 10", "no percentage"),
            ("pods < 3", "is nothing that a run comes to"),
            ("pxx < 3s", "is nothing that a run comes to"),
        ] {
            let Invalid { message, .. } = Assertion::parse(text).unwrap_err();
            assert!(message.contains(why), "{text}: {message}");
        }
    }
}
