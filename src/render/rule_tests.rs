//! Tests for `promtool test rules` of exactly the rules that are emitted, from the same plan.
//!
//! There are two files, since promtool evaluates all tests of a file at one interval. The first has the interval
//! of the rules: it tells what traffic makes of every recording and alert, and how long alerts wait. In the second
//! one evaluations are hours apart, so that a month takes no longer: it tells how far back every window reaches.
//! Each rule is fed with what it reads: those on recorded series with recorded series.

mod burn;
mod examples;
mod raw;
mod traffic;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Number;

use crate::plan::Plan;
use crate::plan::slo::{EVALUATION, Slo};
use crate::promql::check;
use crate::units::{Decimal, Duration, plain};

/// A file of tests, as promtool reads it.
#[derive(Debug, Serialize)]
pub(super) struct TestFile {
    rule_files: Vec<String>,
    evaluation_interval: String,
    tests: Vec<Test>,
}

/// Series over time, and what rules make of them.
#[derive(Debug, Serialize)]
struct Test {
    name: String,
    interval: String,
    input_series: Vec<Series>,
    #[serde(rename = "promql_expr_test")]
    checks: Vec<Check>,
}

/// A series that is given.
#[derive(Debug, Serialize)]
struct Series {
    series: String,
    values: String,
}

/// What an expression yields at a moment.
#[derive(Debug, Serialize)]
struct Check {
    expr: String,
    eval_time: String,
    exp_samples: Vec<Sample>,
}

#[derive(Debug, Serialize)]
struct Sample {
    labels: String,
    value: Number,
}

/// A moment or a length of time in milliseconds, as promtool counts.
type Ms = u64;

/// Time between evaluations of the first file: that of the rules.
const STEP: Ms = EVALUATION.ceil_millis();

/// Time between evaluations of the second file.
const LONG_STEP: Ms = 6 * 3_600_000;

/// Tests of values, thresholds, labels and holds; `Err` says why there are none.
pub(super) fn rules(plan: &Plan<'_>, rule_file: &str) -> Result<TestFile, String> {
    let mut tests = raw::tests(plan)?;
    tests.extend(burn::tests(plan));
    Ok(file(rule_file, STEP, tests))
}

/// Tests of how far back windows reach; `None` where nothing has any.
pub(super) fn windows(plan: &Plan<'_>, rule_file: &str) -> Option<TestFile> {
    (!plan.slos.is_empty()).then(|| file(rule_file, LONG_STEP, burn::window_tests(plan)))
}

fn file(rule_file: &str, step: Ms, tests: Vec<Test>) -> TestFile {
    TestFile { rule_files: vec![rule_file.to_owned()], evaluation_interval: time(step), tests }
}

fn time(at: Ms) -> String {
    Duration::from_millis(at).to_string()
}

/// The first evaluation that is not before `at`.
fn up(at: Ms, step: Ms) -> Ms {
    at.div_ceil(step) * step
}

/// The labels of a series.
type Labels = BTreeMap<String, String>;

fn labels<const N: usize>(labels: [(&str, &str); N]) -> Labels {
    labels.map(|(label, value)| (label.to_owned(), value.to_owned())).into()
}

fn series(name: &str, labels: &Labels) -> String {
    check::series(name, labels.iter().map(|(label, value)| (label.as_str(), value.as_str())))
}

/// The state of an alert.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Its condition does not hold.
    Quiet,
    /// Its condition holds, and has not held for long enough.
    Pending,
    /// It fires.
    Firing,
}

/// An alert: how to find it, and which labels it has.
struct Alert<'a> {
    name: String,
    slo: &'a Slo,
    tier: Option<&'a str>,
    labels: Labels,
    hold: Duration,
}

impl<'a> Alert<'a> {
    fn new(plan: &Plan<'_>, slo: &'a Slo, name: &str, severity: &str, hold: Duration) -> Self {
        let doc = &plan.spec.doc;
        let name = format!("{}{name}", plan.names.pascal);
        let own = doc.alerts.labels.iter().flat_map(|labels| labels.iter());
        let mut labels: Labels =
            own.map(|(label, value)| (label.clone(), (**value).clone())).collect();
        labels.extend(self::labels([
            ("alertname", &name),
            ("namespace", &doc.service.namespace.0),
            ("severity", severity),
            ("service", &plan.names.service),
            ("slo", &slo.name),
        ]));
        Self { name, slo, tier: None, labels, hold }
    }

    /// With labels that the alert's expression has left over.
    fn with(mut self, more: Labels) -> Self {
        for (label, value) in more {
            self.labels.entry(label).or_insert(value);
        }
        self
    }

    /// The labels that tell it from all others.
    fn found(&self) -> Vec<(&str, &str)> {
        let mut found = vec![("alertname", self.name.as_str()), ("slo", self.slo.name.as_str())];
        found.extend(self.tier.map(|tier| ("tier", tier)));
        found
    }

    /// How long it is pending, in evaluations of the first file.
    fn waits(&self) -> Ms {
        up(self.hold.ceil_millis(), STEP)
    }

    /// What it is as soon as its condition holds.
    fn starts(&self) -> State {
        if self.hold.is_zero() { State::Firing } else { State::Pending }
    }
}

impl Test {
    fn new(name: impl Into<String>, interval: Ms) -> Self {
        Self {
            name: name.into(),
            interval: time(interval),
            input_series: Vec::new(),
            checks: Vec::new(),
        }
    }

    fn give(&mut self, name: &str, labels: &Labels, values: String) {
        self.input_series.push(Series { series: series(name, labels), values });
    }

    fn check(&mut self, at: Ms, expr: String, samples: Vec<(String, Decimal)>) {
        let sample = |(labels, value)| Sample { labels, value: number(value) };
        self.checks.push(Check {
            expr,
            eval_time: time(at),
            exp_samples: samples.into_iter().map(sample).collect(),
        });
    }

    /// No alert at all is even pending.
    fn quiet(&mut self, at: Ms) {
        self.check(at, check::ALERTS.to_owned(), Vec::new());
    }

    fn alert(&mut self, at: Ms, alert: &Alert<'_>, state: State) {
        let expr = check::series(check::ALERTS, alert.found());
        let state = match state {
            State::Quiet => None,
            State::Pending => Some("pending"),
            State::Firing => Some("firing"),
        };
        let sample = state.map(|state| {
            let mut labels = alert.labels.clone();
            labels.insert("alertstate".to_owned(), state.to_owned());
            (series(check::ALERTS, &labels), Decimal::ONE)
        });
        self.check(at, expr, sample.into_iter().collect());
    }

    /// `alert` may be pending, and does not fire.
    fn not_firing(&mut self, at: Ms, alert: &Alert<'_>) {
        let found = alert.found().into_iter().chain([("alertstate", "firing")]);
        self.check(at, check::series(check::ALERTS, found), Vec::new());
    }

    /// `alert`, whose condition holds from the evaluation `from` on, waits and fires just when it should.
    fn fires(&mut self, from: Ms, alert: &Alert<'_>) {
        let at = from + alert.waits();
        if at > from {
            self.alert(at - STEP, alert, State::Pending);
        }
        self.alert(at, alert, State::Firing);
    }

    /// The series `name` that a rule records of `slo` has this value, or does not exist.
    fn recorded(&mut self, at: Ms, name: &str, plan: &Plan<'_>, slo: &Slo, value: Option<Decimal>) {
        let sample = value.map(|value| (series("", &identity(plan, slo)), value));
        self.check(at, check::recorded(name, slo), sample.into_iter().collect());
    }

    /// The recorded share of bad requests over `window`.
    fn ratio(&mut self, at: Ms, plan: &Plan<'_>, slo: &Slo, window: Duration, value: Decimal) {
        let labels = series("", &burn::ratio_labels(plan, slo, window));
        let expr = check::recorded(&crate::promql::slo::ratio_name(window), slo);
        self.check(at, expr, vec![(labels, value)]);
    }
}

/// The labels of everything that is recorded of `slo`.
fn identity(plan: &Plan<'_>, slo: &Slo) -> Labels {
    labels([("slo_id", &slo.id), ("slo_name", &slo.name), ("slo_service", &plan.names.service)])
}

/// `value` to the digits that `check::rounded` leaves.
fn number(value: Decimal) -> Number {
    let text = plain(
        value.round_dp_with_strategy(8, rust_decimal::RoundingStrategy::MidpointAwayFromZero),
    );
    let text = if text == "-0" { "0".to_owned() } else { text };
    serde_json::from_str(&text).unwrap_or_else(|_| Number::from(0))
}

/// The values of a series, sample by sample.
#[derive(Default)]
struct Values(Vec<String>);

impl Values {
    /// `count` samples of the same value.
    fn flat(mut self, value: Decimal, count: u64) -> Self {
        if count > 0 {
            self.0.push(format!("{}x{}", plain(value), count - 1));
        }
        self
    }

    /// `count` samples that grow by `step`.
    fn ramp(mut self, from: Decimal, step: Decimal, count: u64) -> Self {
        if count > 0 {
            self.0.push(format!("{}+{}x{}", plain(from), plain(step), count - 1));
        }
        self
    }

    /// Nothing for `count` samples.
    fn gap(mut self, count: u64) -> Self {
        if count > 0 {
            self.0.push(format!("_x{count}"));
        }
        self
    }

    fn text(self) -> String {
        self.0.join(" ")
    }
}

/// The first evaluation from `from` on from which no window reaches back exactly to a sample: whether that one
/// would count depends on the version of Prometheus (3 leaves it out).
fn off_grid(from: Ms, step: Ms, interval: Ms, windows: &[Ms]) -> Ms {
    let fits =
        |at: &Ms| windows.iter().all(|window| !at.abs_diff(*window).is_multiple_of(interval));
    let from = up(from, step);
    (0..interval).map(|n| from + n * step).take(1000).find(fits).unwrap_or(from)
}
