//! The series of a service that serves requests, and of others that must not be taken for it.

use crate::plan::Plan;
use crate::promql::check;
use crate::units::Decimal;

use super::{Labels, Ms, Test, Values, examples};

/// The labels of a service's requests.
#[derive(Clone)]
pub(super) struct Traffic<'a> {
    pub(super) plan: &'a Plan<'a>,
    /// Time between samples: no multiple of it is a window.
    pub(super) interval: Ms,
    /// Those that succeed.
    pub(super) good: Labels,
    /// Those that fail, in every way that `metrics.errors` tells apart.
    pub(super) failing: Vec<Labels>,
    /// Those that have only some of several labels of a failure.
    pub(super) near: Vec<Labels>,
    /// Counters start over with each phase.
    pub(super) restarts: bool,
}

/// Requests per second, and for how many samples.
pub(super) type Phase = (Decimal, u64);

/// Of a histogram: bounds in seconds, each with the share of requests that took no longer.
pub(super) type Shape = Vec<(Decimal, Decimal)>;

/// Where counters start: far enough above zero that `rate` does not take them for new.
const START: Decimal = Decimal::from_parts(1_000_000, 0, 0, false, 0);

impl<'a> Traffic<'a> {
    pub(super) fn new(plan: &'a Plan<'a>) -> Result<Self, String> {
        let scrape = &plan.scrape;
        let mut base = super::labels([
            ("pod", &format!("{}-0", plan.names.service)),
            ("namespace", &plan.spec.doc.service.namespace.0),
            ("job", &scrape.job),
        ]);
        base.extend(scrape.selector.iter().cloned());
        let mut good = base.clone();
        let mut matching = Vec::new();
        for (label, regex) in &scrape.errors {
            let values = examples::matching(regex);
            let other = examples::other(regex).filter(|_| !values.is_empty()).ok_or_else(|| {
                format!("no value of `{label}` was found that `{regex}` matches, and one that it does not")
            })?;
            good.insert(label.clone(), other);
            matching.push((label, values));
        }
        // All labels with the first of their values; each further value, and each label alone left out.
        let mut first = base;
        for (label, values) in &matching {
            first.extend(values.first().map(|value| ((*label).clone(), value.clone())));
        }
        let mut failing = vec![first.clone()];
        let mut near = Vec::new();
        for (label, values) in &matching {
            let with = |value: &String| {
                let mut class = first.clone();
                class.insert((*label).clone(), value.clone());
                class
            };
            failing.extend(values.iter().skip(1).map(with));
            if matching.len() > 1 {
                near.extend(good.get(*label).map(with));
            }
        }
        let window = scrape.rate_window.value.ceil_millis();
        // Eight samples or more in a usual window, of an odd length.
        let interval = if window >= 60_000 { 7_000 } else { 700 };
        Ok(Self { plan, interval, good, failing, near, restarts: false })
    }

    /// Samples until `at`, and one more.
    pub(super) fn samples(&self, at: Ms) -> u64 {
        at / self.interval + 2
    }

    /// The label sets of others: like the service's, but for one label that a query asks for.
    pub(super) fn strangers(&self) -> Vec<Labels> {
        let own = ["namespace", "job"].into_iter();
        let selector = self.plan.scrape.selector.iter().map(|(label, _)| label.as_str());
        own.chain(selector)
            .map(|label| {
                let mut stranger = self.good.clone();
                let value = stranger.entry(label.to_owned()).or_default();
                *value = format!("{value}-other");
                stranger
            })
            .collect()
    }

    /// A counter that grows at one rate after the other.
    pub(super) fn counter(&self, phases: &[Phase]) -> String {
        let seconds = Decimal::from(self.interval) / Decimal::ONE_THOUSAND;
        let (mut values, mut at) = (Values::default(), START);
        for (rate, samples) in phases {
            let step = (*rate * seconds).round_dp(6);
            values = values.ramp(at, step, *samples);
            let grown = at + step * Decimal::from(*samples);
            at = if self.restarts { Decimal::ZERO } else { grown };
        }
        values.text()
    }

    pub(super) fn requests(&self, test: &mut Test, class: &Labels, phases: &[Phase]) {
        test.give(&self.plan.scrape.requests, class, self.counter(phases));
    }

    /// A histogram: requests per second, which share of them is how fast, and for how many samples.
    pub(super) fn histogram(
        &self,
        test: &mut Test,
        class: &Labels,
        phases: &[(Decimal, &Shape, u64)],
    ) {
        let latency = &self.plan.scrape.latency;
        let all: Vec<Phase> = phases.iter().map(|(rate, _, samples)| (*rate, *samples)).collect();
        if self.plan.scrape.native_histograms {
            // promtool 2 cannot write one; that the series exists can be said with any number.
            return test.give(latency, class, self.counter(&all));
        }
        let mut bucket = |le: String, phases: &[Phase]| {
            let mut labels = class.clone();
            labels.insert("le".to_owned(), le);
            test.give(&format!("{latency}_bucket"), &labels, self.counter(phases));
        };
        let bounds = phases.iter().take(1).flat_map(|(_, shape, _)| shape.iter().enumerate());
        for (at, (bound, _)) in bounds {
            let within = |(rate, shape, samples): &(Decimal, &Shape, u64)| {
                let share = shape.get(at).map(|(_, share)| *share).unwrap_or_default();
                (*rate * share, *samples)
            };
            let phases: Vec<Phase> = phases.iter().map(within).collect();
            bucket(check::le(self.plan, *bound), &phases);
        }
        bucket("+Inf".to_owned(), &all);
        test.give(&format!("{latency}_count"), class, self.counter(&all));
    }

    /// The bounds of the targets, with one below and one above them all.
    pub(super) fn bounds(&self) -> Vec<Decimal> {
        let mut bounds: Vec<Decimal> =
            self.plan.targets.latency.iter().map(|target| target.below.seconds()).collect();
        bounds.sort_unstable();
        bounds.dedup();
        if let (Some(least), Some(most)) = (bounds.first().copied(), bounds.last().copied()) {
            bounds.insert(0, least / Decimal::TWO);
            bounds.push(most * Decimal::TWO);
        }
        bounds
    }

    /// A histogram of which `share(bound)` tells what is within.
    pub(super) fn shape(&self, share: impl Fn(usize, Decimal) -> Decimal) -> Shape {
        let bounds = self.bounds().into_iter().enumerate();
        bounds.map(|(at, bound)| (bound, share(at, bound))).collect()
    }

    /// Everything is faster than every target.
    pub(super) fn fast(&self) -> Shape {
        self.shape(|_, _| Decimal::ONE)
    }

    /// Everything is slower than every target.
    pub(super) fn slow(&self) -> Shape {
        let last = self.bounds().len().saturating_sub(1);
        self.shape(|at, _| if at == last { Decimal::ONE } else { Decimal::ZERO })
    }
}
