//! Tests on the service's own series: values of the recordings, and the alerts that read no recording.

use crate::plan::Plan;
use crate::plan::scaling::Scaling;
use crate::plan::slo::{BASE, Indicator, Slo, ready_replicas};
use crate::plan::targets::Latency;
use crate::promql::{check, slo as promql};
use crate::render::rules;
use crate::units::{Decimal, Duration};

use super::burn::{HPA_CURRENT, HPA_MAX, burn_alert};
use super::traffic::{Shape, Traffic};
use super::{Alert, Labels, Ms, STEP, State, Test, Values, labels, off_grid, series, up};

pub(super) fn tests(plan: &Plan<'_>) -> Result<Vec<Test>, String> {
    let traffic = Traffic::new(plan)?;
    let mut tests = Vec::new();
    if plan.targets.in_flight.is_some() {
        tests.push(in_flight(&traffic));
    }
    if plan.slos.is_empty() {
        return Ok(tests);
    }
    tests.push(measured(&traffic));
    tests.push(healthy(&traffic, "healthy traffic"));
    let restarting = Traffic { restarts: true, ..traffic.clone() };
    tests.push(healthy(&restarting, "a pod restarts, and its counters start over"));
    tests.push(no_traffic(&traffic));
    tests.push(no_failures(&traffic));
    for slo in &plan.slos {
        tests.extend(symptom(&traffic, slo));
        tests.extend(bucket_missing(&traffic, slo));
    }
    if *plan.spec.doc.alerts.absent {
        tests.push(gone(&traffic));
    }
    tests.extend(outage(&traffic));
    Ok(tests)
}

fn hundredths(n: i64) -> Decimal {
    Decimal::new(n, 2)
}

/// What is measured through a histogram that promtool can write.
fn classic<'a>(plan: &Plan<'_>, slo: &'a Slo) -> Option<&'a Latency> {
    match &slo.indicator {
        Indicator::Latency(target) if !plan.scrape.native_histograms => Some(target),
        _ => None,
    }
}

/// How many samples a rate over `window` at `at` takes from before and from after the sample `change`.
fn parts(traffic: &Traffic<'_>, at: Ms, window: Ms, change: u64) -> (Decimal, Decimal) {
    let first = (at - window) / traffic.interval + 1;
    let last = at / traffic.interval;
    (Decimal::from(change.saturating_sub(first)), Decimal::from(last.saturating_sub(change)))
}

/// Both rates that change within a window and quantiles tell how long the window is.
fn measured(traffic: &Traffic<'_>) -> Test {
    let plan = traffic.plan;
    let rate_window = plan.scrape.rate_window.value.ceil_millis();
    let windows = [BASE.ceil_millis(), rate_window];
    let at = off_grid(2 * windows[0].max(windows[1]), STEP, traffic.interval, &windows);
    let change = (at - windows[0].min(windows[1]) / 2) / traffic.interval;
    let rest = traffic.samples(at) - change;
    let mixed = |window: Ms, before: Decimal, after: Decimal| {
        let (old, new) = parts(traffic, at, window, change);
        (before * old + after * new) / (old + new)
    };
    let suffix =
        if plan.scrape.native_histograms { " (native histograms are not tested)" } else { "" };
    let mut test = Test::new(format!("values of the recordings{suffix}"), traffic.interval);

    let (fast, shape) = (traffic.fast(), sixteenths(traffic));
    // Requests a second that succeed, twice as many in the end; and those that only look like failures.
    let (four, eight, three) = (Decimal::from(4), Decimal::from(8), Decimal::from(3));
    let mut succeed = |class: &Labels, before: Decimal, after: Decimal| {
        traffic.requests(&mut test, class, &[(before, change), (after, rest)]);
        traffic.histogram(&mut test, class, &[(before, &fast, change), (after, &shape, rest)]);
    };
    succeed(&traffic.good, four, eight);
    traffic.near.iter().for_each(|class| succeed(class, three, three));
    let (mut failed, mut failed_all) = (Decimal::ZERO, Decimal::ZERO);
    for (class, rate) in traffic.failing.iter().zip(1_i64..) {
        let rate = Decimal::from(rate);
        traffic.requests(&mut test, class, &[(Decimal::ZERO, change), (rate, rest)]);
        // Failures are quick: to count them hides slow successes.
        traffic.histogram(&mut test, class, &[(rate, &fast, change + rest)]);
        failed += mixed(windows[0], Decimal::ZERO, rate);
        failed_all += rate;
    }
    strangers(traffic, &mut test, None, &fast, change + rest);
    strangers(traffic, &mut test, traffic.failing.first(), &fast, change + rest);

    let near = three * Decimal::from(traffic.near.len());
    let (before, after) = (four + near, eight + near);
    let succeeded = mixed(windows[0], before, after);
    // Only one label can say which requests failed.
    let counted = if plan.scrape.errors.len() == 1 { succeeded } else { succeeded + failed_all };
    for slo in &plan.slos {
        let (bad, total) = match (&slo.indicator, classic(plan, slo)) {
            (Indicator::Errors, _) => (failed, succeeded + failed),
            (Indicator::Latency(_), Some(target)) => {
                let slow = Decimal::ONE - share(&shape, target.below.seconds());
                (mixed(windows[0], Decimal::ZERO, slow * after), counted)
            }
            (Indicator::Latency(_), None) => continue,
        };
        let ratio = bad / total;
        test.recorded(at, promql::BAD, plan, slo, Some(bad));
        test.recorded(at, promql::TOTAL, plan, slo, Some(total));
        test.recorded(at, promql::OBJECTIVE, plan, slo, Some(slo.objective.value()));
        test.recorded(at, promql::BUDGET, plan, slo, Some(slo.budget));
        test.recorded(at, promql::CURRENT_BURN_RATE, plan, slo, Some(ratio / slo.budget));
    }
    if !plan.scrape.native_histograms {
        // Over the window of the quantile, which has its own mixture of shapes.
        let all = mixed(rate_window, before, after) + failed_all;
        let within =
            |share: Decimal| (mixed(rate_window, before, after * share) + failed_all) / all;
        let mixture: Shape = shape.iter().map(|(bound, share)| (*bound, within(*share))).collect();
        for target in &plan.targets.latency {
            let rank = target.percentile / Decimal::ONE_HUNDRED;
            let value = (series("", &pod(traffic)), quantile(&mixture, rank));
            test.check(at, check::rounded(&by_pod(&target.metric)), vec![value]);
        }
    }
    test
}

fn by_pod(metric: &str) -> String {
    format!("{metric}:pod")
}

fn pod(traffic: &Traffic<'_>) -> Labels {
    let keep = |(label, _): &(&String, &String)| ["namespace", "pod"].contains(&label.as_str());
    let own = traffic.good.iter().filter(keep);
    own.map(|(label, value)| (label.clone(), value.clone())).collect()
}

/// Some requests in every bucket, and a few beyond.
fn sixteenths(traffic: &Traffic<'_>) -> Shape {
    let last = traffic.bounds().len().saturating_sub(1);
    traffic.shape(|at, _| {
        let sixteenths = if at == last { 15 } else { (3 + 4 * at).min(14) };
        Decimal::from(sixteenths) / Decimal::from(16)
    })
}

fn share(shape: &Shape, bound: Decimal) -> Decimal {
    shape.iter().find(|(other, _)| *other == bound).map(|(_, share)| *share).unwrap_or_default()
}

/// The quantile as Prometheus interpolates it.
fn quantile(shape: &Shape, rank: Decimal) -> Decimal {
    let (mut start, mut below) = (Decimal::ZERO, Decimal::ZERO);
    for (bound, share) in shape {
        if *share >= rank {
            let part = (rank - below).checked_div(share - below).unwrap_or(Decimal::ONE);
            return start + (bound - start) * part;
        }
        (start, below) = (*bound, *share);
    }
    start
}

/// A gauge that grows: its mean tells how long the window is.
fn in_flight(traffic: &Traffic<'_>) -> Test {
    let plan = traffic.plan;
    let window = plan.scrape.rate_window.value.ceil_millis();
    let at = off_grid(window + STEP, STEP, traffic.interval, &[window]);
    let samples = traffic.samples(at);
    let mut test = Test::new("requests in flight of a pod", traffic.interval);
    let ramp = || Values::default().ramp(Decimal::ZERO, Decimal::TWO, samples).text();
    for worker in ["0", "1"] {
        let mut labels = traffic.good.clone();
        labels.insert("worker".to_owned(), worker.to_owned());
        test.give(&plan.scrape.in_flight, &labels, ramp());
    }
    for class in traffic.strangers() {
        test.give(&plan.scrape.in_flight, &class, ramp());
    }
    // Twice the mean of a gauge that grows by two is the sum of the first and the last sample, twice.
    let first = (at - window) / traffic.interval + 1;
    let mean_of_both = Decimal::from(2 * (first + at / traffic.interval));
    if let Some(target) = &plan.targets.in_flight {
        let sample = (series("", &pod(traffic)), mean_of_both);
        test.check(at, check::rounded(&by_pod(&target.metric)), vec![sample]);
    }
    test
}

/// The share of bad requests that spends half of what the most sensitive alert allows.
fn harmless(slo: &Slo) -> Decimal {
    let thresholds = slo.tiers.iter().map(|tier| tier.threshold);
    thresholds.fold(slo.budget, Decimal::min) / Decimal::TWO
}

/// Ready pods, and room for more.
fn cluster(test: &mut Test, plan: &Plan<'_>, samples: u64) {
    let (ready, label) = ready_replicas(*plan.spec.doc.service.workload);
    let namespace = plan.spec.doc.service.namespace.0.as_str();
    let flat = |n: u32| Values::default().flat(n.into(), samples).text();
    test.give(ready, &labels([("namespace", namespace), (label, &plan.names.service)]), flat(3));
    if let Scaling::Auto(_) = plan.scaling {
        let hpa = labels([("namespace", namespace), ("horizontalpodautoscaler", &plan.names.hpa)]);
        test.give(HPA_CURRENT, &hpa, flat(19));
        test.give(HPA_MAX, &hpa, flat(20));
    }
}

fn healthy(traffic: &Traffic<'_>, name: &str) -> Test {
    let plan = traffic.plan;
    let end = 15 * 60_000;
    let half = traffic.samples(end) / 2;
    let mut test = Test::new(name, traffic.interval);
    cluster(&mut test, plan, 2 * half);
    let errors = plan.slos.iter().filter(|slo| matches!(slo.indicator, Indicator::Errors));
    let failing = errors.map(harmless).next().unwrap_or_default() * Decimal::TEN;
    let within = |bound: Decimal| {
        let slow = plan.slos.iter().filter_map(|slo| match &slo.indicator {
            Indicator::Latency(target) if target.below.seconds() <= bound => Some(harmless(slo)),
            _ => None,
        });
        slow.min().map_or(Decimal::ZERO, |slow| Decimal::ONE - slow)
    };
    let shape = traffic.shape(|_, bound| within(bound));
    traffic.histogram(
        &mut test,
        &traffic.good,
        &[(Decimal::TEN, &shape, half), (Decimal::TEN, &shape, half)],
    );
    traffic.requests(&mut test, &traffic.good, &[(Decimal::TEN, half), (Decimal::TEN, half)]);
    if let Some(class) = traffic.failing.first() {
        traffic.requests(&mut test, class, &[(failing, half), (failing, half)]);
    }
    for minute in 1..=15 {
        test.quiet(minute * 60_000);
    }
    test
}

/// Without traffic there is no share of it, and nobody is woken.
fn no_traffic(traffic: &Traffic<'_>) -> Test {
    let plan = traffic.plan;
    let at = 15 * 60_000;
    let samples = traffic.samples(at);
    let mut test = Test::new("no traffic", traffic.interval);
    cluster(&mut test, plan, samples);
    let fast = traffic.fast();
    for class in std::iter::once(&traffic.good).chain(&traffic.failing) {
        traffic.requests(&mut test, class, &[(Decimal::ZERO, samples)]);
        traffic.histogram(&mut test, class, &[(Decimal::ZERO, &fast, samples)]);
    }
    for slo in measurable(plan) {
        test.recorded(at, promql::BAD, plan, slo, Some(Decimal::ZERO));
        test.recorded(at, promql::TOTAL, plan, slo, Some(Decimal::ZERO));
        for name in [promql::CURRENT_BURN_RATE, promql::PERIOD_BURN_RATE, promql::BUDGET_REMAINING]
        {
            test.recorded(at, name, plan, slo, None);
        }
        for window in &slo.windows {
            test.recorded(at, &promql::ratio_name(*window), plan, slo, None);
        }
    }
    test.quiet(at);
    test
}

fn measurable<'a>(plan: &'a Plan<'_>) -> impl Iterator<Item = &'a Slo> {
    plan.slos
        .iter()
        .filter(|slo| matches!(slo.indicator, Indicator::Errors) || classic(plan, slo).is_some())
}

/// Before the first failure its series does not exist: that is no failure, not no data.
fn no_failures(traffic: &Traffic<'_>) -> Test {
    let plan = traffic.plan;
    let at = up(2 * BASE.ceil_millis(), STEP);
    let samples = traffic.samples(at);
    let mut test = Test::new("no request has failed yet", traffic.interval);
    cluster(&mut test, plan, samples);
    // However little there is of it, it counts.
    let few = hundredths(1);
    traffic.requests(&mut test, &traffic.good, &[(few, samples)]);
    traffic.histogram(&mut test, &traffic.good, &[(few, &traffic.fast(), samples)]);
    for slo in measurable(plan) {
        test.recorded(at, promql::BAD, plan, slo, Some(Decimal::ZERO));
        test.recorded(at, promql::CURRENT_BURN_RATE, plan, slo, Some(Decimal::ZERO));
        test.recorded(at, promql::BUDGET_REMAINING, plan, slo, Some(Decimal::ONE));
        for window in &slo.windows {
            test.ratio(at, plan, slo, *window, Decimal::ZERO);
        }
    }
    test.quiet(at);
    test
}

/// The alert on the target itself: just under it, just over it, and no longer than its window after.
fn symptom(traffic: &Traffic<'_>, slo: &Slo) -> Vec<Test> {
    let doc = &traffic.plan.spec.doc;
    let (name, hold) = match slo.indicator {
        Indicator::Latency(_) => (rules::LATENCY_BREACH, *doc.alerts.r#for.latency),
        Indicator::Errors => (rules::ERRORS_BREACH, *doc.alerts.r#for.errors),
    };
    if !*doc.alerts.symptom
        || matches!(slo.indicator, Indicator::Latency(_)) && traffic.plan.scrape.native_histograms
    {
        return Vec::new();
    }
    let severity = doc.alerts.severity_page.0.as_str();
    let alert = Alert::new(traffic.plan, slo, name, severity, hold);
    let end = 2 * STEP + alert.waits();

    let mut under = Test::new(format!("{}: just under the target", slo.name), traffic.interval);
    near_target(traffic, &mut under, slo, Decimal::new(995, 3), traffic.samples(end));
    strangers(traffic, &mut under, traffic.failing.first(), &traffic.slow(), traffic.samples(end));
    for at in [STEP, 2 * STEP, end] {
        under.alert(at, &alert, State::Quiet);
    }

    let mut over = Test::new(format!("{}: just over the target", slo.name), traffic.interval);
    near_target(traffic, &mut over, slo, Decimal::new(1005, 3), traffic.samples(end));
    strangers(traffic, &mut over, None, &traffic.fast(), traffic.samples(end));
    // A rate takes two samples.
    over.fires(STEP, &alert);

    let mut tests = vec![under, over];
    tests.extend(recovered(traffic, slo, &alert));
    tests
}

/// Much traffic of others, all of which succeeds, or fails with the labels of `failing`.
fn strangers(
    traffic: &Traffic<'_>,
    test: &mut Test,
    failing: Option<&Labels>,
    shape: &Shape,
    samples: u64,
) {
    let thousand = Decimal::ONE_THOUSAND;
    for mut class in traffic.strangers() {
        for (label, _) in &traffic.plan.scrape.errors {
            let value = failing.and_then(|failing| failing.get(label));
            class.extend(value.map(|value| (label.clone(), value.clone())));
        }
        traffic.requests(test, &class, &[(thousand, samples)]);
        traffic.histogram(test, &class, &[(thousand, shape, samples)]);
    }
}

/// The measure of `slo` at `part` of its target.
fn near_target(traffic: &Traffic<'_>, test: &mut Test, slo: &Slo, part: Decimal, samples: u64) {
    match &slo.indicator {
        Indicator::Errors => {
            let share = (slo.budget * part).min((Decimal::ONE + slo.budget) / Decimal::TWO);
            // So little that a rate of nothing is the only one that is less.
            let each = Decimal::new(1, 3);
            let failing = each * Decimal::from(traffic.failing.len());
            let good = failing / share - failing;
            let near = good / Decimal::TEN / Decimal::from(traffic.near.len().max(1));
            for class in &traffic.failing {
                traffic.requests(test, class, &[(each, samples)]);
            }
            for class in &traffic.near {
                traffic.requests(test, class, &[(near, samples)]);
            }
            let rest = good - near * Decimal::from(traffic.near.len());
            traffic.requests(test, &traffic.good, &[(rest, samples)]);
        }
        Indicator::Latency(target) => {
            // Interpolated within the bucket below the target, or within the one above it.
            let (bound, rank) = (target.below.seconds(), slo.objective.value());
            let width = slo.budget.min(rank);
            let (part, start) = if part < Decimal::ONE {
                (part * Decimal::TWO - Decimal::ONE, bound / Decimal::TWO)
            } else {
                (part - Decimal::ONE, bound)
            };
            let below = rank - part * width;
            let at = |other: Decimal| match other.cmp(&start) {
                std::cmp::Ordering::Less => Decimal::ZERO,
                std::cmp::Ordering::Equal => below,
                std::cmp::Ordering::Greater => below + width,
            };
            let bounds = [bound / Decimal::TWO, bound, bound * Decimal::TWO];
            let shape: Shape = bounds.into_iter().map(|bound| (bound, at(bound))).collect();
            let thousand = Decimal::ONE_THOUSAND;
            traffic.histogram(test, &traffic.good, &[(thousand, &shape, samples)]);
        }
    }
}

/// All is well again: the alert lasts as long as its window holds enough of what was bad. `None` for a window that
/// has too few samples to be bad in part.
fn recovered(traffic: &Traffic<'_>, slo: &Slo, alert: &Alert<'_>) -> Option<Test> {
    let window = traffic.plan.scrape.rate_window.value.ceil_millis();
    if window < 8 * traffic.interval {
        return None;
    }
    let at = up(2 * window + STEP, STEP);
    // Too much of the window is bad still, and would not be of one half as long.
    let part = hundredths(75) * slo.objective.value();
    let since = Duration::from_millis(window).scale(part).unwrap_or_default().ceil_millis();
    let change = (at - since) / traffic.interval;
    let after = up((change + 1) * traffic.interval + window, STEP);
    let rest = traffic.samples(after) - change;
    let name = format!("{}: the end of the alert on the target", slo.name);
    let mut test = Test::new(name, traffic.interval);
    let (ten, none) = (Decimal::TEN, Decimal::ZERO);
    match &slo.indicator {
        Indicator::Errors => {
            traffic.requests(&mut test, &traffic.good, &[(none, change), (ten, rest)]);
            if let Some(class) = traffic.failing.first() {
                traffic.requests(&mut test, class, &[(ten, change), (none, rest)]);
            }
        }
        Indicator::Latency(_) => {
            let (slow, fast) = (traffic.slow(), traffic.fast());
            let phases = [(ten, &slow, change), (ten, &fast, rest)];
            traffic.histogram(&mut test, &traffic.good, &phases);
        }
    }
    let waited = STEP + alert.waits() <= at;
    test.alert(at, alert, if waited { State::Firing } else { State::Pending });
    test.alert(after, alert, State::Quiet);
    Some(test)
}

/// The histogram lacks the one bucket that counts.
fn bucket_missing(traffic: &Traffic<'_>, slo: &Slo) -> Option<Test> {
    let plan = traffic.plan;
    let target = classic(plan, slo).filter(|_| *plan.spec.doc.alerts.absent)?;
    let severity = plan.spec.doc.alerts.severity_ticket.0.as_str();
    let alert = Alert::new(plan, slo, rules::BUCKET_MISSING, severity, rules::BUCKET_HOLD);
    let end = alert.waits() + STEP;
    let samples = traffic.samples(end);
    let mut test =
        Test::new(format!("{}: no bucket ends at the target", slo.name), traffic.interval);
    let mut shape = traffic.slow();
    shape.retain(|(bound, _)| *bound != target.below.seconds());
    traffic.histogram(&mut test, &traffic.good, &[(Decimal::TEN, &shape, samples)]);
    for class in traffic.strangers() {
        traffic.histogram(&mut test, &class, &[(Decimal::TEN, &traffic.fast(), samples)]);
    }
    test.fires(0, &alert);
    test.recorded(end, promql::BAD, plan, slo, None);
    test.recorded(end, promql::CURRENT_BURN_RATE, plan, slo, None);
    for tier in &slo.tiers {
        test.alert(end, &burn_alert(plan, slo, tier), State::Quiet);
    }
    Some(test)
}

/// No series is left, whatever others have: an alert for each objective, once pods are ready.
fn gone(traffic: &Traffic<'_>) -> Test {
    let plan = traffic.plan;
    let doc = &plan.spec.doc;
    let severity = doc.alerts.severity_page.0.as_str();
    let mut left = labels([("job", &plan.scrape.job)]);
    left.extend(plan.scrape.selector.iter().cloned());
    let alert = |slo| {
        Alert::new(plan, slo, rules::ABSENT, severity, plan.holds.absent.value).with(left.clone())
    };
    let alerts: Vec<Alert<'_>> = plan.slos.iter().map(alert).collect();
    let end = alerts.iter().map(Alert::waits).max().unwrap_or_default() + 2 * STEP;
    let samples = end / STEP + 1;

    let mut test = Test::new("pods are ready, and no series is there", STEP);
    let flat = |n: u32| Values::default().flat(n.into(), samples);
    let (ready, label) = ready_replicas(*doc.service.workload);
    let (namespace, name) = (doc.service.namespace.0.as_str(), plan.names.service.as_str());
    let of = |namespace: &str, name: &str| labels([("namespace", namespace), (label, name)]);
    let starts = Values::default().flat(Decimal::ZERO, 1).flat(Decimal::ONE, samples);
    test.give(ready, &of(namespace, name), starts.text());
    test.give(ready, &of(namespace, &format!("{name}-other")), flat(3).text());
    test.give(ready, &of(&format!("{namespace}-other"), name), flat(3).text());
    let latency = &plan.scrape.latency;
    for class in traffic.strangers() {
        test.give(&plan.scrape.requests, &class, flat(1).text());
        test.give(latency, &class, flat(1).text());
        test.give(&format!("{latency}_count"), &class, flat(1).text());
    }
    test.quiet(0);
    for alert in &alerts {
        test.fires(STEP, alert);
        test.recorded(end, promql::BAD, plan, alert.slo, None);
        test.recorded(end, promql::TOTAL, plan, alert.slo, None);
    }
    test
}

/// Everything fails, or is slow, after a time without any fault: the fastest alert comes when `--why` says, and goes
/// when its short window is over.
fn outage(traffic: &Traffic<'_>) -> Option<Test> {
    let plan = traffic.plan;
    let all = crate::units::Ratio::from_percent(Decimal::ONE_HUNDRED);
    let tiers: Vec<_> = measurable(plan)
        .filter_map(|slo| {
            let tier = slo.tiers.first()?;
            Some((slo, tier, slo.detection(tier, all)?.after.ceil_millis()))
        })
        .collect();
    let (_, tier, _) = tiers.first()?;
    let base = BASE.ceil_millis();
    let start = tier.long.ceil_millis();
    // Rates over the base window are late by up to its length.
    let late = |after: Ms| up(start + after + base, STEP) + STEP;
    let recovery = tiers.iter().map(|(_, _, after)| late(*after)).max()? + STEP;
    let end = up(recovery + base + tier.short.ceil_millis(), STEP) + STEP;
    if end > 8 * 3_600_000 {
        return None;
    }
    let before = start / traffic.interval;
    let during = recovery / traffic.interval - before;
    let rest = traffic.samples(end) - before - during;
    let mut test = Test::new("everything fails, then nothing any more", traffic.interval);
    let (ten, none) = (Decimal::TEN, Decimal::ZERO);
    traffic.requests(&mut test, &traffic.good, &[(ten, before), (none, during), (ten, rest)]);
    if let Some(class) = traffic.failing.first() {
        traffic.requests(&mut test, class, &[(none, before), (ten, during), (none, rest)]);
    }
    let (slow, fast) = (traffic.slow(), traffic.fast());
    let phases = [(ten, &fast, before), (ten, &slow, during), (ten, &fast, rest)];
    traffic.histogram(&mut test, &traffic.good, &phases);
    for (slo, tier, after) in &tiers {
        let alert = burn_alert(plan, slo, tier);
        test.not_firing((start + after) / STEP * STEP, &alert);
        test.alert(late(*after), &alert, State::Firing);
        test.alert(end, &alert, State::Quiet);
    }
    Some(test)
}
