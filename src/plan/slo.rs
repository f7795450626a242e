//! Objectives with their error budgets, and the burn rates that alert on them.

use crate::spec::leaf::WorkloadKind;
use crate::spec::tables::Document;
use crate::spec::tiers;
use crate::units::{Decimal, Duration, Ratio, plain};

use super::probes::Probes;
use super::scaling::Scaling;
use super::targets::{Latency, Targets};
use super::{Decided, Derived};

/// A target that has an error budget.
#[derive(Debug)]
pub struct Slo {
    /// Label `slo_id`: unique in the cluster, and never changed, since a month of series hangs on it.
    pub id: String,
    /// Label `slo_name`: `latency-p95`, `errors`.
    pub name: String,
    /// What counts as bad.
    pub indicator: Indicator,
    /// The share of requests that must be good.
    pub objective: Ratio,
    /// What is left of one.
    pub budget: Decimal,
    /// Burn rates that alert, fastest first.
    pub tiers: Vec<Tier>,
    /// Windows over which the share of bad requests is recorded, shortest first, the period last.
    pub windows: Vec<Duration>,
    /// The error-budget window.
    pub period: Duration,
}

/// What counts as a bad request.
#[derive(Clone, Debug)]
pub enum Indicator {
    /// One that took longer than the target allows; failed requests do not count at all.
    Latency(Latency),
    /// One that failed.
    Errors,
}

/// A burn rate over a pair of windows.
#[derive(Debug)]
pub struct Tier {
    /// Label `tier`.
    pub name: String,
    /// How fast the alert ends.
    pub short: Duration,
    /// How much must have burnt.
    pub long: Duration,
    /// Burn rate that fires.
    pub factor: Decimal,
    /// Share of bad requests that fires: factor × budget.
    pub threshold: Decimal,
    /// How long both windows must burn.
    pub hold: Duration,
    /// Label `severity`.
    pub severity: String,
    /// Samples of the total that the long window must hold, so that a young service is not judged by minutes.
    pub gate: Option<Decimal>,
}

/// How long conditions other than burn rates must hold.
#[derive(Debug)]
pub struct Holds {
    /// At most replicas.
    pub capacity: Decided<Duration>,
    /// Metrics gone.
    pub absent: Decided<Duration>,
}

/// What one tier makes of a steady share of bad requests, on a clean history.
#[derive(Debug, PartialEq, Eq)]
pub struct Detection {
    /// From the first bad request to the alert, its `for` included.
    pub after: Duration,
    /// Share of the budget that is spent by then.
    pub spent: Ratio,
}

/// Length of the base window: rates over it are recorded, all longer windows are sums of these.
pub const BASE: Duration = Duration::from_secs(300);

/// Time between evaluations of the rules (alerts.md, section 1).
pub const EVALUATION: Duration = Duration::from_secs(30);

impl Slo {
    pub(super) fn all(doc: &Document, targets: &Targets) -> Vec<Self> {
        let latency = targets.latency.iter().map(|target| {
            let objective = Ratio::from_percent(target.percentile);
            (format!("latency-{}", target.short), Indicator::Latency(target.clone()), objective)
        });
        let errors = targets
            .errors
            .map(|below| ("errors".to_owned(), Indicator::Errors, below.complement()));
        latency
            .chain(errors)
            .map(|(name, indicator, objective)| Self::new(doc, name, indicator, objective))
            .collect()
    }

    fn new(doc: &Document, name: String, indicator: Indicator, objective: Ratio) -> Self {
        let budget = objective.complement().value();
        let period = *doc.targets.window;
        let tiers: Vec<Tier> = if *doc.alerts.burn_rate {
            tiers::of(period, doc.alerts.tiers.as_ref())
                .into_iter()
                .map(|tier| Tier::new(doc, tier, budget))
                .collect()
        } else {
            Vec::new()
        };
        let mut windows: Vec<Duration> =
            tiers.iter().flat_map(|tier| [tier.short, tier.long]).collect();
        windows.extend([BASE, period]);
        windows.sort_unstable();
        windows.dedup();
        let id = format!("{}/{}/{name}", doc.service.namespace.0, doc.service.name.0);
        Self { id, name, indicator, objective, budget, tiers, windows, period }
    }

    /// When `tier` fires on a steady share `bad` of bad requests; `None` for never.
    ///
    /// The long window holds `bad` × t / long after t, so it trips at threshold × long / bad (SRE workbook,
    /// chapter 5); the share of the budget spent is bad × t / (budget × period).
    pub fn detection(&self, tier: &Tier, bad: Ratio) -> Option<Detection> {
        let share = bad.value();
        if share <= tier.threshold {
            return None;
        }
        let trips = tier.long.scale(tier.threshold.checked_div(share)?)?;
        let after = trips.plus(tier.hold);
        let spent = share.checked_mul(after.per(self.period)?)?.checked_div(self.budget)?;
        Some(Detection {
            after,
            spent: Ratio::from_percent((spent * Decimal::ONE_HUNDRED).round_dp(2)),
        })
    }
}

impl Tier {
    fn new(doc: &Document, tier: tiers::Tier, budget: Decimal) -> Self {
        let alerts = &doc.alerts;
        let ticket = tier.severity == tiers::TICKET;
        let severity = match tier.severity.as_str() {
            tiers::PAGE => alerts.severity_page.0.clone(),
            tiers::TICKET => alerts.severity_ticket.0.clone(),
            other => other.to_owned(),
        };
        // A quarter of the samples that a whole long window has (alerts.md, section 1).
        let gate = ticket
            .then(|| tier.long.per(EVALUATION).map(|samples| samples * Decimal::new(25, 2)))
            .flatten();
        Self {
            threshold: (tier.factor * budget).normalize(),
            name: tier.name,
            short: tier.short,
            long: tier.long,
            factor: tier.factor,
            hold: tier.hold,
            severity,
            gate,
        }
    }

    /// Requests per second below which a single bad one fires: 1 / (threshold × long).
    pub fn least_rate(&self) -> Option<Decimal> {
        tiers::least_rate(self.threshold, self.long)
    }
}

impl Holds {
    pub(super) fn new(doc: &Document, scaling: &Scaling, probes: &Probes) -> Self {
        let hold = &doc.alerts.r#for;
        Self {
            capacity: match &hold.capacity {
                Some(hold) => Decided::written(**hold),
                None => capacity(scaling),
            },
            absent: hold.absent.as_ref().map_or_else(
                || absent(probes.startup_budget.value, *doc.metrics.interval),
                |hold| Decided::written(**hold),
            ),
        }
    }

    pub(super) fn why(&self, derived: &mut Derived) {
        derived.add("alerts.for.capacity", &self.capacity);
        derived.add("alerts.for.absent", &self.absent);
    }
}

/// A pod that starts has nothing to scrape yet; then it takes two scrapes to be sure.
fn absent(startup_budget: Duration, interval: Duration) -> Decided<Duration> {
    Decided::derived(
        startup_budget.plus(interval.times(2)),
        format!("start-up budget {startup_budget} + 2 × metrics.interval {interval}"),
    )
}

/// A fleet that still grows is not at its limit yet: the scale-up window and two policy periods.
fn capacity(scaling: &Scaling) -> Decided<Duration> {
    let Scaling::Auto(autoscaler) = scaling else {
        return Decided::derived(Duration::default(), "a fixed number of pods");
    };
    let window = autoscaler.up.stabilization.duration();
    let period = autoscaler
        .up
        .policies
        .iter()
        .map(|policy| policy.period.duration())
        .max()
        .unwrap_or_default();
    Decided::derived(
        window.plus(period.times(2)),
        format!(
            "scaling.up.stabilization {window} + 2 × the longest scaling.up.policies period {period}"
        ),
    )
}

/// Names the standard tiers that the period is too short for.
pub(super) fn why_left_out(doc: &Document, derived: &mut Derived) {
    let window = *doc.targets.window;
    for tier in tiers::left_out(window, doc.alerts.tiers.as_ref()) {
        let factor = plain(tier.factor.round_dp(4));
        let formula = format!(
            "for targets.window {window} its burn rate would be {factor}, which the budget allows"
        );
        derived
            .add(&format!("burn-rate tier {}", tier.name), &Decided::derived("left out", formula));
    }
}

/// The series of kube-state-metrics that counts the ready pods of a workload, and the label with its name.
pub fn ready_replicas(workload: WorkloadKind) -> (&'static str, &'static str) {
    match workload {
        WorkloadKind::Deployment => ("kube_deployment_status_replicas_ready", "deployment"),
        WorkloadKind::StatefulSet => ("kube_statefulset_status_replicas_ready", "statefulset"),
    }
}

/// The columns of [`detection_table`].
pub const DETECTION: [&str; 9] = [
    "SLO",
    "TIER",
    "WINDOWS",
    "BURN RATE",
    "FIRES ABOVE",
    "AFTER AT 100%",
    "AT 50%",
    "AT 10%",
    "MIN REQUESTS/S",
];

/// Per objective and tier, what it takes to fire: the share of bad requests, the time that it takes at some
/// shares with the budget spent by then, and the traffic below which one bad request is enough.
pub fn detection_table(slos: &[Slo]) -> Vec<[String; 9]> {
    let shares = [100, 50, 10].map(|percent| Ratio::from_percent(Decimal::from(percent)));
    let row = |slo: &Slo, tier: &Tier| {
        let [all, half, tenth] = shares.map(|share| match slo.detection(tier, share) {
            Some(detection) => format!("{} ({})", detection.after.clock(), detection.spent),
            None => "never".to_owned(),
        });
        let rate = tier.least_rate().map(|rate| plain(rate.round_sf(2).unwrap_or(rate)));
        [
            slo.name.clone(),
            tier.name.clone(),
            format!("{} / {}", tier.short, tier.long),
            plain(tier.factor),
            Ratio::from_percent(tier.threshold * Decimal::ONE_HUNDRED).to_string(),
            all,
            half,
            tenth,
            rate.unwrap_or_default(),
        ]
    };
    slos.iter().flat_map(|slo| slo.tiers.iter().map(move |tier| row(slo, tier))).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::plan::Plan;
    use crate::profile::Library;
    use crate::source::Files;
    use crate::spec::Source;

    /// The objectives of a service with these `targets`.
    fn with_slos(targets: &str, check: impl FnOnce(&[Slo])) {
        let text = format!("[service]\nname = \"a\"\nimage = \"a:1\"\n[targets]\n{targets}");
        let (mut files, mut library) = (Files::default(), Library::default());
        let source = Source::parse(&mut files, &mut library, "slo.toml", text, Path::new(""));
        check(&Plan::new(&source.load(&files, None).unwrap()).slos);
    }

    /// When each tier trips at total failure, without its `for`.
    fn trips(slo: &Slo) -> Vec<String> {
        let all = Ratio::from_percent(Decimal::ONE_HUNDRED);
        let trip = |tier: &Tier| {
            tier.long.scale(tier.threshold).filter(|_| slo.detection(tier, all).is_some())
        };
        slo.tiers.iter().map(|tier| trip(tier).map_or_else(String::new, Duration::clock)).collect()
    }

    #[test]
    fn detection_times_are_those_of_the_workbook() {
        // alerts.md, section 2: thresholds and times to trip at total failure.
        with_slos(
            "latency = [{ percentile = 95, below = \"350ms\" }]\nerrors = { below = \"1%\" }",
            |slos| {
                assert_eq!(trips(&slos[0]), ["43m12s", "1h48m", "3h36m", "3h36m"]);
                assert_eq!(trips(&slos[1]), ["8m38s", "21m36s", "43m12s", "43m12s"]);
                let thresholds = slos[1].tiers.iter().map(|tier| plain(tier.threshold));
                assert_eq!(thresholds.collect::<Vec<_>>(), ["0.144", "0.06", "0.03", "0.01"]);
            },
        );
        with_slos("errors = { below = \"0.1%\" }", |slos| assert_eq!(trips(&slos[0])[0], "52s"));
    }

    #[test]
    fn detection_counts_the_hold_and_the_budget() {
        with_slos("errors = { below = \"1%\" }", |slos| {
            let percent = |percent| Ratio::from_percent(Decimal::from(percent));
            let tier = &slos[0].tiers[0];
            let detection = slos[0].detection(tier, percent(50)).unwrap();
            assert_eq!(detection.after.clock(), "19m17s");
            assert_eq!(detection.spent.to_string(), "2.23%");
            assert_eq!(slos[0].detection(tier, percent(14)), None);
        });
    }

    #[test]
    fn one_request_is_enough_below_the_least_rate() {
        // alerts.md, section 2: 6.9 requests an hour for 99 %.
        with_slos("errors = { below = \"1%\" }", |slos| {
            let an_hour = slos[0].tiers[0].least_rate().unwrap() * Decimal::from(3600);
            assert_eq!(plain(an_hour.round_dp(1)), "6.9");
        });
    }

    #[test]
    fn windows_follow_the_period() {
        with_slos("window = \"7d\"\nerrors = { below = \"1%\" }", |slos| {
            let windows: Vec<String> = slos[0].windows.iter().map(Duration::to_string).collect();
            assert_eq!(windows, ["5m", "30m", "1h", "6h", "7d"]);
            assert_eq!(slos[0].tiers.len(), 2);
        });
    }
}
