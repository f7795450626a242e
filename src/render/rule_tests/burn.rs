//! Tests of the rules that read recorded series: shares over windows, burn rates, and the alerts on them.

use rust_decimal::prelude::ToPrimitive;

use crate::plan::Plan;
use crate::plan::scaling::Scaling;
use crate::plan::slo::{Slo, Tier};
use crate::promql::slo as promql;
use crate::render::rules;
use crate::units::{Decimal, Duration};

use super::{
    Alert, LONG_STEP, Labels, Ms, STEP, State, Test, Values, identity, labels, off_grid, up,
};

/// Of kube-state-metrics: how many pods an autoscaler runs.
pub(super) const HPA_CURRENT: &str = "kube_horizontalpodautoscaler_status_current_replicas";
/// Of kube-state-metrics: how many it may run.
pub(super) const HPA_MAX: &str = "kube_horizontalpodautoscaler_spec_max_replicas";

/// Time between samples where a gate counts them, so that it need not take hours.
const SECOND: Ms = 1_000;

/// Holds that are longer are not waited for.
const LONGEST_HOLD: Ms = 12 * 3_600_000;

/// More samples than that are not counted: promtool reads at most 10,000 at once.
const MOST_SAMPLES: u64 = 9_000;

/// Windows up to here are tested with samples every [`ODD`]; longer ones with fewer.
const SHORT: Duration = Duration::from_secs(86_400);

/// Time between samples of which few are as old as a window is long.
const ODD: Ms = 97_000;

pub(super) fn tests(plan: &Plan<'_>) -> Vec<Test> {
    let tiers = plan.slos.first().map_or(0, |slo| slo.tiers.len());
    let tiers = (0..tiers).filter_map(|at| tier(plan, at));
    let capacity = matches!(plan.scaling, Scaling::Auto(_)) && *plan.spec.doc.alerts.capacity;
    tiers.chain(capacity.then(|| at_max_replicas(plan)).filter(|_| !plan.slos.is_empty())).collect()
}

pub(super) fn window_tests(plan: &Plan<'_>) -> Vec<Test> {
    let tiers = plan.slos.first().map_or(0, |slo| slo.tiers.len());
    let long = plan.slos.iter().any(|slo| slo.windows.iter().any(|window| *window > SHORT));
    let period = plan.slos.first().map_or(0, |slo| slo.period.ceil_millis());
    // Some two thousand samples within the period, an odd number of seconds apart.
    let seldom = ODD.max(((period / SECOND / 2_000) | 1) * SECOND);
    let short = windows(plan, "how far back the recordings reach", ODD, |window| window <= SHORT);
    let long = long.then(|| {
        let name = "how far back the recordings of more than a day reach";
        windows(plan, name, seldom, |window| window > SHORT)
    });
    std::iter::once(short)
        .chain(long)
        .chain((0..tiers).flat_map(|at| gate_windows(plan, at)))
        .collect()
}

/// The alert of `tier`, with the labels that its expression leaves.
pub(super) fn burn_alert<'a>(plan: &Plan<'_>, slo: &'a Slo, tier: &'a Tier) -> Alert<'a> {
    let more = labels([("tier", &tier.name), ("window", &tier.long.to_string())]);
    let mut alert = Alert::new(plan, slo, rules::burn_name(slo), &tier.severity, tier.hold)
        .with(more)
        .with(identity(plan, slo));
    alert.tier = Some(&tier.name);
    alert
}

pub(super) fn ratio_labels(plan: &Plan<'_>, slo: &Slo, window: Duration) -> Labels {
    let mut labels = identity(plan, slo);
    labels.insert("slo_window".to_owned(), window.to_string());
    labels
}

/// Shares half a percent over and under `threshold`.
fn around(threshold: Decimal) -> (Decimal, Decimal) {
    let over = threshold * Decimal::new(1005, 3);
    let most = (Decimal::ONE + threshold) / Decimal::TWO;
    (over.min(most).normalize(), (threshold * Decimal::new(995, 3)).normalize())
}

/// The samples that the gate of `tier` wants, and one more, which opens it.
fn gate(tier: &Tier) -> Option<u64> {
    tier.gate.and_then(|samples| samples.floor().to_u64()).map(|samples| samples + 1)
}

/// The tier at place `at` of every objective that promtool can judge.
fn tiers<'a>(plan: &'a Plan<'_>, at: usize) -> Vec<(&'a Slo, &'a Tier)> {
    let tiers = plan.slos.iter().filter_map(|slo| Some((slo, slo.tiers.get(at)?)));
    tiers.filter(|(_, tier)| gate(tier).is_none_or(|samples| samples <= MOST_SAMPLES)).collect()
}

/// Both windows over the threshold fire, one alone does not, and a gate waits for its samples.
fn tier(plan: &Plan<'_>, at: usize) -> Option<Test> {
    let slos = tiers(plan, at);
    let (_, first) = slos.first()?;
    let (name, gate) = (&first.name, gate(first));
    let interval = if gate.is_some() { SECOND } else { STEP };
    let opens = gate.map_or(0, |samples| up((samples - 1) * interval, STEP));
    let mut test =
        Test::new(format!("tier {name}: just over and just under the threshold"), interval);
    // Each objective a little later than the one before, so that none is taken for another.
    for ((slo, tier), shift) in slos.into_iter().zip(0..) {
        let opens = opens + shift * STEP;
        let [short_alone, long_alone, both] = [1, 2, 3].map(|steps| opens + steps * STEP);
        let alert = burn_alert(plan, slo, tier);
        let waits = alert.waits();
        let wait = waits <= LONGEST_HOLD;
        let end = both + if wait { waits } else { STEP };
        let (over, under) = around(tier.threshold);
        let phase = |until: Ms, from: Ms| (until - from) / interval;
        let values = |short_alone_value, long_alone_value| {
            Values::default()
                .flat(over, phase(short_alone, 0))
                .flat(short_alone_value, phase(long_alone, short_alone))
                .flat(long_alone_value, phase(both, long_alone))
                .flat(over, phase(end, both) + 1)
                .flat(under, 2 * STEP / interval)
                .text()
        };
        let mut give = |window, values| {
            let labels = ratio_labels(plan, slo, window);
            test.give(&promql::ratio_name(window), &labels, values);
        };
        give(tier.short, values(over, under));
        give(tier.long, values(under, over));
        if let Some(samples) = gate {
            let late = shift * STEP / interval;
            let total = Values::default().gap(late).flat(Decimal::ONE, samples).text();
            test.give(promql::TOTAL, &identity(plan, slo), total);
            if opens >= STEP {
                test.alert(opens - STEP, &alert, State::Quiet);
            }
        }
        test.alert(opens, &alert, alert.starts());
        test.alert(short_alone, &alert, State::Quiet);
        test.alert(long_alone, &alert, State::Quiet);
        if wait {
            test.fires(both, &alert);
        } else {
            test.alert(both, &alert, alert.starts());
        }
        test.alert(end + STEP, &alert, State::Quiet);
    }
    Some(test)
}

/// Only a fleet at its limit whose budget burns too fast.
fn at_max_replicas(plan: &Plan<'_>) -> Test {
    let severity = plan.spec.doc.alerts.severity_ticket.0.as_str();
    let namespace = plan.spec.doc.service.namespace.0.as_str();
    let hpa = |namespace: &str, name: &str| {
        labels([("namespace", namespace), ("horizontalpodautoscaler", name)])
    };
    let own = hpa(namespace, &plan.names.hpa);
    let hold = plan.holds.capacity.value;
    let both = 2 * STEP;
    let end = both + up(hold.ceil_millis(), STEP) + STEP;
    let samples = end / STEP + 1;
    let mut test = Test::new("a fleet that cannot grow", STEP);
    let flat = |n: u32| Values::default().flat(n.into(), samples);
    let full = Decimal::from(20);
    let current = Values::default().flat(full, 1).flat(full - Decimal::ONE, 1).flat(full, samples);
    test.give(HPA_CURRENT, &own, current.text());
    test.give(HPA_MAX, &own, flat(20).text());
    let others = [
        hpa(namespace, &format!("{}-other", plan.names.hpa)),
        hpa(&format!("{namespace}-other"), &plan.names.hpa),
    ];
    for other in others {
        test.give(HPA_CURRENT, &other, flat(20).text());
        test.give(HPA_MAX, &other, flat(20).text());
    }
    for slo in &plan.slos {
        let (over, under) = around(slo.budget);
        let burning = Values::default().flat(under, 1).flat(over, samples).text();
        let base = crate::plan::slo::BASE;
        test.give(&promql::ratio_name(base), &ratio_labels(plan, slo, base), burning);
        let alert = Alert::new(plan, slo, rules::CAPACITY, severity, hold).with(own.clone());
        for at in [0, STEP] {
            test.alert(at, &alert, State::Quiet);
        }
        test.fires(both, &alert);
    }
    test
}

/// A share that grows from sample to sample: its mean over a window tells how long the window is.
fn windows(plan: &Plan<'_>, name: &str, interval: Ms, these: impl Fn(Duration) -> bool) -> Test {
    let mut test = Test::new(name, interval);
    for slo in &plan.slos {
        let at = |window: Duration| {
            let window = window.ceil_millis();
            off_grid(window + 2 * interval, LONG_STEP, interval, &[window])
        };
        let windows = || slo.windows.iter().copied().filter(|window| these(*window));
        let end = windows().map(at).max().unwrap_or_default();
        let samples = end / interval + 1;
        let total = Decimal::from(10_u64.pow(samples.ilog10() + 1));
        let ramp = Values::default().ramp(Decimal::ZERO, Decimal::ONE, samples);
        test.give(promql::BAD, &identity(plan, slo), ramp.text());
        test.give(
            promql::TOTAL,
            &identity(plan, slo),
            Values::default().flat(total, samples).text(),
        );
        let mean = |window: Duration, at: Ms| {
            let last = at / interval;
            let first = if window == crate::plan::slo::BASE {
                last
            } else {
                (at - window.ceil_millis()) / interval + 1
            };
            Decimal::from(first + last) / Decimal::TWO / total
        };
        for window in windows() {
            let at = at(window);
            test.ratio(at, plan, slo, window, mean(window, at));
        }
        if !these(slo.period) {
            continue;
        }
        let at = at(slo.period);
        let burnt = mean(slo.period, at) / slo.budget;
        test.recorded(at, promql::PERIOD_BURN_RATE, plan, slo, Some(burnt));
        test.recorded(at, promql::BUDGET_REMAINING, plan, slo, Some(Decimal::ONE - burnt));
    }
    test
}

/// A gate counts the samples of its window, no older ones and none too few.
fn gate_windows(plan: &Plan<'_>, at: usize) -> Vec<Test> {
    let interval = 5 * SECOND;
    let slos = tiers(plan, at);
    let first = slos.first().and_then(|(_, tier)| Some((*tier, gate(tier)?)));
    let Some((tier, needed)) = first else { return Vec::new() };
    let long = tier.long.ceil_millis();
    let now = up(long + (needed + 4) * interval, LONG_STEP);
    let edge = (now - long) / interval;
    let samples = now / interval + 1;
    let test = |name: &str, first: u64, state: State| {
        let mut test = Test::new(format!("tier {}: {name}", tier.name), interval);
        for (slo, tier) in &slos {
            let alert = burn_alert(plan, slo, tier);
            let (over, _) = around(tier.threshold);
            for window in [tier.short, tier.long] {
                let values = Values::default().flat(over, samples).text();
                test.give(&promql::ratio_name(window), &ratio_labels(plan, slo, window), values);
            }
            let total = Values::default().gap(first).flat(Decimal::ONE, needed).text();
            test.give(promql::TOTAL, &identity(plan, slo), total);
            test.alert(now, &alert, state);
        }
        test
    };
    let open = up((edge + 1 + needed) * interval, LONG_STEP);
    let waited = open + tier.hold.ceil_millis() <= now;
    let state = if waited { State::Firing } else { State::Pending };
    vec![
        test("enough samples within the window", edge + 2, state),
        test("enough samples, before the window", edge - needed - 1, State::Quiet),
    ]
}
