//! Cases worked out by hand; recordings of the real controller are in `tests/simulate_oracle.rs`.

use super::history::{Event, Events, Recommendation};
use super::metrics::propose;
use super::normalise::{clamp_default, limit_rate, stabilize, stabilize_default};
use super::pods::{Phase, Pod, Readiness, Ready, Requests, Status};
use super::spec::{Behavior, Down, Metric, Policy, PolicyKind, Rules, Select, Source, Target, Up};
use super::*;
use crate::simulate::seconds;

const TOLERANCES: Tolerances = Tolerances { down: 0.1, up: 0.1 };

fn named() -> String {
    "m".to_owned()
}

fn resource(target: Target) -> Metric {
    Metric { source: Source::Resource { name: "cpu".to_owned() }, target }
}

fn pods_metric(target: i64) -> Metric {
    Metric { source: Source::Pods { name: named() }, target: Target::AverageValue(target) }
}

fn object(target: Target) -> Metric {
    Metric { source: Source::Object { name: named() }, target }
}

fn external(target: Target) -> Metric {
    Metric { source: Source::External { name: named() }, target }
}

/// A fleet in which every pod is running and ready.
fn fleet(replicas: i32) -> Fleet {
    Fleet { replicas, status_replicas: replicas, pods: replicas, ready: replicas }
}

/// What `metric` asks for.
fn asks(metric: &Metric, reading: &Reading<'_>, fleet: Fleet) -> Result<i32, MetricError> {
    propose(metric, reading, fleet, TOLERANCES).map(|proposal| proposal.replicas)
}

/// Equal pods without any that are unready or missing.
fn all_ready(ready: i32, usage: i64, request: Option<i64>) -> Reading<'static> {
    let counts = Counts { ready: i64::from(ready), ..Counts::default() };
    Reading::Pods(PodSamples::alike(counts, usage, request, 80))
}

#[test]
fn utilization_is_cut_to_whole_percent_before_the_ratio() {
    let metric = resource(Target::Utilization(80));
    // 10 pods of 1000m. 889m are 88 %, of 80 % exactly 1.1, which is within; 890m are 89 %.
    for (usage, wanted) in [(8899, 10), (8900, 12), (7200, 10), (7199, 9), (7100, 9)] {
        assert_eq!(
            asks(&metric, &all_ready(10, usage, Some(1000)), fleet(10)),
            Ok(wanted),
            "{usage}"
        );
    }
    let proposal = propose(&metric, &all_ready(10, 8899, Some(1000)), fleet(10), TOLERANCES);
    assert_eq!(proposal, Ok(Proposal { replicas: 10, usage: 889, utilization: Some(88) }));
}

#[test]
fn averages_are_cut_to_whole_thousandths_before_the_ratio() {
    // (3 * 11 + 2) / 3 is 11, of 10 exactly 1.1.
    assert_eq!(asks(&pods_metric(10), &all_ready(3, 35, None), fleet(3)), Ok(3));
    assert_eq!(asks(&pods_metric(10), &all_ready(3, 36, None), fleet(3)), Ok(4));
    // The same of a resource.
    let cpu = resource(Target::AverageValue(10));
    assert_eq!(asks(&cpu, &all_ready(3, 36, None), fleet(3)), Ok(4));
}

#[test]
fn only_pods_that_count_are_multiplied() {
    // 5 replicas are asked for, 2 pods exist: 2 times 1.5 is 3, although 5 are on their way.
    let few = Fleet { replicas: 5, status_replicas: 2, pods: 2, ready: 2 };
    assert_eq!(asks(&pods_metric(10), &all_ready(2, 30, None), few), Ok(3));
}

#[test]
fn unready_pods_dampen_a_scale_up() {
    let metric = resource(Target::Utilization(50));
    let counts = Counts { ready: 2, unready: 2, missing: 0 };
    // 100 % over the two ready ones: 2. Over all four: 1.
    let up = Reading::Pods(PodSamples::alike(counts, 2000, Some(1000), 50));
    assert_eq!(asks(&metric, &up, fleet(4)), Ok(4));
    // 400 % over two is 200 % over four, 4 times the target: 16.
    let far_up = Reading::Pods(PodSamples::alike(counts, 8000, Some(1000), 50));
    assert_eq!(asks(&metric, &far_up, fleet(4)), Ok(16));
    // On the way down they are not there at all: 0.2 of two.
    let down = Reading::Pods(PodSamples::alike(counts, 200, Some(1000), 50));
    assert_eq!(asks(&metric, &down, fleet(4)), Ok(1));
}

#[test]
fn missing_pods_dampen_both_ways() {
    let metric = resource(Target::Utilization(50));
    let counts = Counts { ready: 2, unready: 0, missing: 2 };
    // Up: nothing is taken of them. 200 % over two is 100 % over four, twice the target: 8.
    let up = Reading::Pods(PodSamples::alike(counts, 4000, Some(1000), 50));
    assert_eq!(asks(&metric, &up, fleet(4)), Ok(8));
    // Down: all that they request. 10 % over two is 55 % over four, which turns the direction.
    let down = Reading::Pods(PodSamples::alike(counts, 200, Some(1000), 50));
    assert_eq!(asks(&metric, &down, fleet(4)), Ok(4));
    // Also far beyond the tolerance.
    let frugal = resource(Target::Utilization(20));
    let down = Reading::Pods(PodSamples::alike(counts, 200, Some(1000), 20));
    assert_eq!(asks(&frugal, &down, fleet(4)), Ok(4));
    // With a target above 100 % they are taken to be at it, so at most to hold.
    let lavish = resource(Target::Utilization(200));
    let down = Reading::Pods(PodSamples::alike(counts, 200, Some(1000), 200));
    // (200 + 2 * 2000) / 4000 is 105 %, 0.525 of four.
    assert_eq!(asks(&lavish, &down, fleet(4)), Ok(3));
    // Plain metrics: at the target. (2 + 20) / 4 is 5, 0.5 of four.
    let down = Reading::Pods(PodSamples::alike(counts, 2, None, 0));
    assert_eq!(asks(&pods_metric(10), &down, fleet(4)), Ok(2));
    // Exactly at the target there is no direction, and nothing is filled.
    let even = Reading::Pods(PodSamples::alike(counts, 20, None, 0));
    assert_eq!(asks(&pods_metric(10), &even, fleet(4)), Ok(4));
}

#[test]
fn pods_that_come_and_go_do_not_turn_the_direction() {
    // More pods than replicas while a rolling update adds some: 0.9 of 10 would be more than the 8 there should be.
    let tight = Tolerances { down: 0.05, up: 0.05 };
    let counts = Counts { ready: 9, unready: 0, missing: 1 };
    let reading = Reading::Pods(PodSamples::alike(counts, 80, None, 0));
    let fleet = Fleet { replicas: 8, status_replicas: 10, pods: 10, ready: 10 };
    let got = propose(&pods_metric(10), &reading, fleet, tight);
    assert_eq!(got.map(|proposal| proposal.replicas), Ok(8));
}

#[test]
fn each_direction_has_its_own_tolerance() {
    let tolerances = Tolerances { down: 0.5, up: 0.0 };
    let asks = |usage| {
        let reading = all_ready(10, usage, None);
        propose(&pods_metric(100), &reading, fleet(10), tolerances).map(|wish| wish.replicas)
    };
    assert_eq!([asks(500), asks(499), asks(1000), asks(1010)], [Ok(10), Ok(5), Ok(10), Ok(11)]);
}

#[test]
fn samples_of_pods_that_do_not_count_are_errors_if_alone() {
    let metric = resource(Target::Utilization(50));
    let none = Reading::Pods(PodSamples::alike(Counts::default(), 0, Some(1), 50));
    assert_eq!(asks(&metric, &none, fleet(1)), Err(MetricError::NoPods));
    let unready = Counts { unready: 3, ..Counts::default() };
    let unready = Reading::Pods(PodSamples::alike(unready, 0, Some(1), 50));
    assert_eq!(asks(&metric, &unready, fleet(3)), Err(MetricError::NoSamples));
    assert_eq!(asks(&pods_metric(1), &unready, fleet(3)), Err(MetricError::NoSamples));
    assert_eq!(asks(&metric, &all_ready(1, 1, None), fleet(1)), Err(MetricError::NoRequest));
    assert_eq!(asks(&metric, &all_ready(1, 1, Some(0)), fleet(1)), Err(MetricError::NoMatch));
    assert_eq!(asks(&metric, &Reading::Failed, fleet(1)), Err(MetricError::Unavailable));
    let empty = asks(&external(Target::Value(1)), &Reading::Series(&[]), fleet(1));
    assert_eq!(empty, Err(MetricError::Unavailable));
    let unset = asks(&object(Target::Unset), &Reading::Series(&[1]), fleet(1));
    assert_eq!(unset, Err(MetricError::NoTarget));
}

#[test]
fn a_value_multiplies_the_pods_that_are_ready() {
    let half_ready = Fleet { replicas: 10, status_replicas: 10, pods: 10, ready: 5 };
    for metric in [object(Target::Value(1000)), external(Target::Value(1000))] {
        assert_eq!(asks(&metric, &Reading::Series(&[1500]), half_ready), Ok(8));
        assert_eq!(asks(&metric, &Reading::Series(&[1100]), half_ready), Ok(10));
        // From zero there is no tolerance, and no pod is needed.
        assert_eq!(asks(&metric, &Reading::Series(&[1100]), fleet(0)), Ok(2));
        assert_eq!(asks(&metric, &Reading::Series(&[0]), fleet(0)), Ok(0));
        let podless = Fleet { replicas: 1, ..fleet(0) };
        assert_eq!(asks(&metric, &Reading::Series(&[1500]), podless), Err(MetricError::NoPods));
    }
    let series = asks(&external(Target::Value(1000)), &Reading::Series(&[900, 1200]), fleet(2));
    assert_eq!(series, Ok(5));
}

#[test]
fn an_average_divides_and_forgets_the_fleet() {
    for metric in [object(Target::AverageValue(1000)), external(Target::AverageValue(1000))] {
        assert_eq!(asks(&metric, &Reading::Series(&[6001]), fleet(3)), Ok(7));
        // Within the tolerance it keeps what exists, with what a rolling update added: 8, not 6.
        let surging = Fleet { replicas: 6, status_replicas: 8, pods: 8, ready: 8 };
        assert_eq!(asks(&metric, &Reading::Series(&[8000]), surging), Ok(8));
        assert_eq!(asks(&metric, &Reading::Series(&[500]), fleet(0)), Ok(1));
        let got = propose(&metric, &Reading::Series(&[6001]), fleet(4), TOLERANCES);
        assert_eq!(got.map(|wish| wish.usage), Ok(1501));
    }
}

#[test]
fn sums_that_overflow_are_the_most_there_is() {
    let most = [i64::MAX, 1];
    let value = external(Target::Value(1));
    assert_eq!(asks(&value, &Reading::Series(&most), fleet(3)), Ok(i32::MAX));
    let average = external(Target::AverageValue(1));
    assert_eq!(asks(&average, &Reading::Series(&most), fleet(3)), Ok(i32::MAX));
    // Upstream takes anything negative on the way for an overflow, too.
    assert_eq!(asks(&average, &Reading::Series(&[-1, 5]), fleet(3)), Ok(i32::MAX));
    // The average of an object is not guarded: Go's conversion yields the smallest integer.
    assert_eq!(
        asks(&object(Target::AverageValue(1)), &Reading::Series(&most), fleet(3)),
        Ok(i32::MIN)
    );
}

/// A running pod that started at `start` s and became `status` at `since` s.
fn pod(start: i32, status: Status, since: i32) -> Pod {
    let ready = Some(Ready { status, since: seconds(since) });
    Pod { phase: Phase::Running, deleted: false, start: Some(seconds(start)), ready }
}

/// Whether at 1000 s the sample of `pod`, taken at `sampled` s over 30 s, counts for CPU and for any other metric.
fn counts(pod: Pod, sampled: i32) -> (bool, bool) {
    let readiness =
        Readiness { now: seconds(1000), sampled: seconds(sampled), window: seconds(30) };
    let group = |readiness| {
        let pods = [(&pod, Some(1), Some(1))];
        PodSamples::group(pods, [], readiness, 50, &Flags::default()).ready == 1
    };
    (group(Some(readiness)), group(None))
}

#[test]
fn cpu_of_pods_that_are_not_ready_does_not_count() {
    use Status::{False, True, Unknown};
    // Within 300 s of the start: ready, and for a whole window of the sample.
    assert_eq!(counts(pod(800, True, 900), 930), (true, true));
    assert_eq!(counts(pod(800, True, 900), 929), (false, true));
    assert_eq!(counts(pod(800, False, 800), 990), (false, true));
    // At 300 s sharp it is no longer starting.
    assert_eq!(counts(pod(701, True, 980), 990), (false, true));
    assert_eq!(counts(pod(700, True, 980), 990), (true, true));
    // Later only pods that were never ready, which is to have become unready less than 30 s after the start.
    assert_eq!(counts(pod(0, False, 29), 990), (false, true));
    assert_eq!(counts(pod(0, False, 30), 990), (true, true));
    assert_eq!(counts(pod(0, Unknown, 0), 990), (true, true));
    // Nothing known.
    assert_eq!(counts(Pod { ready: None, ..pod(0, True, 0) }, 990), (false, true));
    assert_eq!(counts(Pod { start: None, ..pod(0, True, 0) }, 990), (false, true));
}

#[test]
fn pods_are_grouped_by_what_is_known_of_them() {
    let running = pod(0, Status::True, 0);
    let of = |phase| Pod { phase, ..running };
    let pods = [
        (running, Some(7), 10),
        (running, None, 20),
        (of(Phase::Pending), None, 40),
        // A sample of the time before it was restarted, perhaps.
        (of(Phase::Pending), Some(1000), 80),
        (of(Phase::Failed), Some(1000), 1000),
        (Pod { deleted: true, ..running }, Some(1000), 1000),
        (of(Phase::Succeeded), Some(1), 160),
    ];
    let listed = pods.iter().map(|(pod, sample, request)| (pod, *sample, Some(*request)));
    let samples = PodSamples::group(listed, [5], None, 150, &Flags::default());
    let requests = Requests { usage: 8, sampled: 170, unready: 120, missing: 20, missing_fill: 30 };
    let wanted = PodSamples {
        pods: 7,
        ready: 2,
        unready: 2,
        missing: 1,
        samples: 3,
        usage: 13,
        requests: Some(requests),
    };
    assert_eq!(samples, wanted);
    // One container without request spoils the utilization of all.
    let listed = pods.iter().map(|(pod, sample, request)| {
        (pod, *sample, Some(*request).filter(|request| *request != 20))
    });
    assert_eq!(PodSamples::group(listed, [], None, 150, &Flags::default()).requests, None);
}

fn policy(kind: PolicyKind, value: i32, period_s: i32) -> Policy {
    Policy { kind, value, period_s }
}

fn remember(recommendations: &[(i32, i32)]) -> History {
    let each =
        |(replicas, at): &(i32, i32)| Recommendation { replicas: *replicas, at: seconds(*at) };
    History { recommendations: recommendations.iter().map(each).collect(), ..History::default() }
}

#[test]
fn the_windows_of_the_two_ways_differ_at_their_edge() {
    // With behavior a recommendation exactly as old as the window no longer counts; without it still does.
    let now = seconds(1000);
    let mut history = remember(&[(9, 700)]);
    assert_eq!(stabilize(&mut history, 9, 3, (0, 300), now), 3);
    // Neither does it count as old: it stays, and the new one is added.
    assert_eq!(history, remember(&[(9, 700), (3, 1000)]));
    let mut history = remember(&[(9, 700)]);
    assert_eq!(stabilize_default(&mut history, 3, 300, now), 9);
    let mut history = remember(&[(9, 699)]);
    assert_eq!(stabilize_default(&mut history, 3, 300, now), 3);
    // The old one made room.
    assert_eq!(history, remember(&[(3, 1000)]));
}

#[test]
fn stabilization_can_hold_in_both_directions_at_once() {
    let now = seconds(1000);
    // Up: the lowest of the window; down: the highest; what is between stays as it is.
    assert_eq!(stabilize(&mut remember(&[(5, 990)]), 4, 8, (60, 60), now), 5);
    assert_eq!(stabilize(&mut remember(&[(5, 990)]), 8, 2, (60, 60), now), 5);
    assert_eq!(stabilize(&mut remember(&[(2, 990), (9, 995)]), 4, 6, (60, 60), now), 4);
    // What is remembered is what was asked for, in place of the last that is too old for both windows.
    let mut history = remember(&[(1, 900), (2, 910), (5, 990)]);
    stabilize(&mut history, 4, 8, (60, 30), now);
    assert_eq!(history, remember(&[(1, 900), (8, 1000), (5, 990)]));
}

#[test]
fn without_behavior_a_scale_up_at_most_doubles() {
    let clamp = |current, desired| clamp_default(current, desired, 2, 20, 2.0);
    assert_eq!(clamp(1, 9), (4, Limit::ScaleUpLimit));
    assert_eq!(clamp(3, 9), (6, Limit::ScaleUpLimit));
    assert_eq!(clamp(3, 6), (6, Limit::DesiredWithinRange));
    assert_eq!(clamp(12, 30), (20, Limit::TooManyReplicas));
    assert_eq!(clamp(12, 1), (2, Limit::TooFewReplicas));
    assert_eq!(clamp(12, 5), (5, Limit::DesiredWithinRange));
}

/// What one policy for each direction, in periods of 60 s, leaves of a wish at 1000 s.
fn limited(
    (up, down): (Policy, Policy),
    select: Select,
    history: &History,
    (current, desired): (i32, i32),
) -> (i32, Limit) {
    let behavior = Behavior {
        up: Up { select, policies: vec![up], ..Up::default() },
        down: Down { select, policies: vec![down], ..Down::default() },
    };
    limit_rate(history, &behavior, (1, 1000), current, desired, seconds(1000))
}

#[test]
fn percent_round_so_that_more_changes() {
    let tenth = policy(PolicyKind::Percent, 10, 60);
    let change = |from, to| limited((tenth, tenth), Select::Max, &History::default(), (from, to));
    // In floats 100 * 1.1 is a little more than 110.
    assert_eq!(change(100, 500), (111, Limit::ScaleUpLimit));
    assert_eq!(change(3, 500), (4, Limit::ScaleUpLimit));
    assert_eq!(change(3, 1), (2, Limit::ScaleDownLimit));
    assert_eq!(change(100, 1), (90, Limit::ScaleDownLimit));
    // 1 - 10/100 of one pod is none, but there is a minimum.
    assert_eq!(change(2, 0), (1, Limit::TooFewReplicas));
    assert_eq!(change(900, 2000), (991, Limit::ScaleUpLimit));
    assert_eq!(change(950, 2000), (1000, Limit::TooManyReplicas));
    // What asks for no change is not even clamped.
    assert_eq!(change(2000, 2000), (2000, Limit::DesiredWithinRange));
}

#[test]
fn changes_of_both_directions_count_against_a_policy() {
    let event = |change, at| Event { change, at: seconds(at), outdated: false };
    let history = History {
        ups: Events::new(vec![event(3, 950), event(100, 940)]),
        downs: Events::new(vec![event(1, 990)]),
        ..History::default()
    };
    let five = policy(PolicyKind::Pods, 5, 60);
    let change = |from, to| limited((five, five), Select::Max, &history, (from, to));
    // At the start of the minute there were 10 - 3 + 1; the event exactly a minute old is not of it.
    assert_eq!(change(10, 50), (13, Limit::ScaleUpLimit));
    assert_eq!(change(10, 1), (3, Limit::ScaleDownLimit));
    // A policy that is used up holds; it does not take back.
    let one = policy(PolicyKind::Pods, 1, 60);
    assert_eq!(limited((one, one), Select::Max, &history, (10, 50)), (10, Limit::ScaleUpLimit));
    let shrunk = History { ups: Events::default(), downs: history.ups, ..History::default() };
    let held = limited((one, one), Select::Max, &shrunk, (10, 1));
    assert_eq!(held, (10, Limit::ScaleDownLimit));
}

#[test]
fn the_policy_is_selected_by_its_effect() {
    let behavior = |select| {
        let policies = vec![policy(PolicyKind::Pods, 1, 60), policy(PolicyKind::Percent, 50, 60)];
        Behavior {
            up: Up { select, policies: policies.clone(), ..Up::default() },
            down: Down { select, policies, ..Down::default() },
        }
    };
    let change = |select, to| {
        let history = History::default();
        limit_rate(&history, &behavior(select), (1, 100), 10, to, 0).0
    };
    assert_eq!([change(Select::Max, 50), change(Select::Max, 1)], [15, 5]);
    assert_eq!([change(Select::Min, 50), change(Select::Min, 1)], [11, 9]);
    assert_eq!([change(Select::Disabled, 50), change(Select::Disabled, 1)], [10, 10]);
}

#[test]
fn outdated_events_make_room_once_they_are_marked() {
    let rules = |period| Rules::<true> {
        policies: vec![policy(PolicyKind::Pods, 1, period), policy(PolicyKind::Pods, 1, 15)],
        ..Rules::default()
    };
    let mut events = Events::default();
    events.store(1, 0, &rules(60));
    events.store(2, seconds(60), &rules(60));
    // One exactly as old as the longest period is not outdated.
    assert_eq!(events.list().len(), 2);
    events.store(3, seconds(61), &rules(60));
    let kept: Vec<_> = events.list().iter().map(|event| event.change).collect();
    assert_eq!(kept, [3, 2]);
    assert_eq!(events.change_within(60, seconds(120)), 3);
    // Marks stay when the period grows.
    let mut events = Events::new(vec![
        Event { change: 1, at: 0, outdated: true },
        Event { change: 2, at: 0, outdated: true },
    ]);
    events.store(3, seconds(10), &rules(600));
    let kept: Vec<_> = events.list().iter().map(|event| event.change).collect();
    assert_eq!(kept, [1, 3]);
}

/// An HPA that follows external metrics with averages of 1.
fn spec(metrics: usize, behavior: Option<Behavior>) -> Spec {
    let metric = external(Target::AverageValue(1000));
    Spec { min: 2, max: 20, metrics: vec![metric; metrics], behavior }
}

/// Rules that hold nothing back.
fn free() -> Behavior {
    Behavior {
        up: Up { policies: vec![policy(PolicyKind::Pods, 1000, 15)], ..Up::default() },
        down: Down { window_s: Some(0), ..Down::default() },
    }
}

/// One sync at `at` s, of metrics that ask for so many replicas or fail.
fn sync(
    spec: &Spec,
    flags: &Flags,
    history: &mut History,
    (at, replicas): (i32, i32),
    asked: &[Option<i64>],
) -> Decision {
    let values: Vec<_> = asked.iter().map(|asked| asked.map(|asked| [asked * 1000])).collect();
    let reading = |value: &'_ Option<[i64; 1]>| match value {
        Some(_) => None,
        None => Some(Reading::Failed),
    };
    let readings: Vec<_> = values
        .iter()
        .map(|value| reading(value).unwrap_or_else(|| Reading::Series(value.as_ref().unwrap())))
        .collect();
    let seen = Observation { now: seconds(at), fleet: fleet(replicas), readings: &readings };
    reconcile(spec, flags, history, &seen, &mut Vec::new())
}

/// One first sync.
fn first(spec: &Spec, replicas: i32, asked: &[Option<i64>]) -> Decision {
    sync(spec, &Flags::default(), &mut History::default(), (0, replicas), asked)
}

#[test]
fn the_metric_that_asks_for_most_binds() {
    let spec = spec(3, Some(free()));
    let decision = first(&spec, 5, &[Some(7), Some(12), Some(12)]);
    let Course::Metrics { proposed, binding, normalised } = decision.course else {
        panic!("{decision:?}")
    };
    assert_eq!((decision.desired, proposed, binding), (12, 12, Some(1)));
    assert_eq!(normalised.limit, Limit::DesiredWithinRange);
    assert_eq!(decision.failed, None);
}

#[test]
fn a_metric_that_fails_blocks_only_scale_downs() {
    let spec = spec(2, Some(free()));
    let failed = Some((0, MetricError::Unavailable));
    let up = first(&spec, 5, &[None, Some(9)]);
    assert_eq!((up.desired, up.failed), (9, failed));
    let even = first(&spec, 5, &[None, Some(5)]);
    assert_eq!((even.desired, even.failed), (5, failed));
    assert!(matches!(even.course, Course::Metrics { binding: Some(1), .. }));
    let down = first(&spec, 5, &[None, Some(3)]);
    assert_eq!((down.desired, down.failed, down.course), (5, failed, Course::Stopped));
    let all = first(&spec, 5, &[None, None]);
    assert_eq!((all.desired, all.course), (5, Course::Stopped));
    // A reading that is not there has failed.
    assert_eq!(first(&spec, 5, &[Some(3)]).course, Course::Stopped);
}

#[test]
fn a_sync_that_stops_remembers_nothing() {
    let spec = spec(1, Some(Behavior::default()));
    let mut history = History::default();
    sync(&spec, &Flags::default(), &mut history, (0, 5), &[None]);
    assert_eq!(history, remember(&[(5, 0)]));
    sync(&spec, &Flags::default(), &mut history, (15, 5), &[Some(4)]);
    assert_eq!(history, remember(&[(5, 0), (4, 15)]));
}

#[test]
fn outside_the_bounds_nothing_is_asked_or_heeded() {
    let spec = spec(1, Some(Behavior::default()));
    let mut history = History::default();
    let above = sync(&spec, &Flags::default(), &mut history, (0, 50), &[Some(50)]);
    assert_eq!((above.desired, above.course), (20, Course::AboveMax));
    // The jump is an event for the policies, though.
    assert_eq!(history.downs.change_within(15, 0), 30);
    let below = sync(&spec, &Flags::default(), &mut history, (15, 1), &[Some(9)]);
    assert_eq!((below.desired, below.course), (2, Course::BelowMin));
    assert_eq!(history.ups.change_within(15, seconds(15)), 1);
}

#[test]
fn an_empty_behavior_is_not_none() {
    // Three syncs in which the metric asks for 20, from 3 pods: without behavior the fleet doubles each time.
    let path = |behavior, times: [i32; 3]| {
        let (spec, mut history) = (spec(1, behavior), History::default());
        let mut replicas = 3;
        let sync = |at: i32| {
            let at = (at, replicas);
            replicas = sync(&spec, &Flags::default(), &mut history, at, &[Some(20)]).desired;
            replicas
        };
        times.map(sync)
    };
    assert_eq!(path(None, [0, 5, 10]), [6, 12, 20]);
    // With one, its 4 pods or 100 % count for 15 s.
    assert_eq!(path(Some(Behavior::default()), [0, 5, 10]), [7, 7, 7]);
    assert_eq!(path(Some(Behavior::default()), [0, 15, 30]), [7, 14, 20]);
}

#[test]
fn scale_downs_wait_for_the_flag_if_no_window_is_set() {
    for behavior in [None, Some(Behavior::default())] {
        let spec = spec(1, behavior.clone());
        let mut history = History::default();
        let flags = Flags { downscale_stabilization_s: 30, ..Flags::default() };
        let mut at = |at| sync(&spec, &flags, &mut history, (at, 9), &[Some(3)]);
        let held = at(0);
        let Course::Metrics { proposed: 3, normalised, .. } = held.course else {
            panic!("{held:?}")
        };
        assert_eq!((held.desired, normalised.stabilized), (9, 9));
        assert_eq!(normalised.stabilization, Stabilization::ScaleDownStabilized);
        assert_eq!(at(15).desired, 9);
        // The replicas at the first sync count as recommended. At the edge the two ways differ.
        assert_eq!(at(30).desired, if behavior.is_some() { 3 } else { 9 });
        assert_eq!(at(45).desired, 3);
    }
}

#[test]
fn limits_are_named() {
    let cases = [
        (3, 9, 7, Limit::ScaleUpLimit, "ScaleUpLimit"),
        (12, 30, 20, Limit::TooManyReplicas, "TooManyReplicas"),
        (12, 1, 2, Limit::TooFewReplicas, "TooFewReplicas"),
        (12, 11, 12, Limit::DesiredWithinRange, "DesiredWithinRange"),
    ];
    for (current, asked, wanted, limit, name) in cases {
        let behavior = Behavior { down: free().down, ..Behavior::default() };
        let decision = first(&spec(1, Some(behavior)), current, &[Some(asked)]);
        let Course::Metrics { normalised, .. } = decision.course else { panic!("{decision:?}") };
        assert_eq!((decision.desired, normalised.limit), (wanted, limit));
        assert_eq!(limit.to_string(), name);
    }
}

#[test]
fn zero_is_left_only_by_who_went_there() {
    let flags = Flags { scale_to_zero: true, ..Flags::default() };
    let spec = Spec { min: 0, ..spec(1, Some(free())) };
    // Someone else went there.
    let mut history = History::default();
    let manual = sync(&spec, &flags, &mut history, (0, 0), &[Some(9)]);
    assert_eq!((manual.desired, manual.course), (0, Course::Disabled));
    // The controller goes there, and back.
    assert_eq!(sync(&spec, &flags, &mut history, (15, 3), &[Some(0)]).desired, 0);
    assert!(history.scaled_to_zero());
    let stays = sync(&spec, &flags, &mut history, (30, 0), &[Some(0)]);
    assert!(matches!(stays.course, Course::Metrics { proposed: 0, binding: Some(0), .. }));
    assert_eq!(stays.desired, 0);
    let mut back = history.clone();
    assert_eq!(sync(&spec, &flags, &mut back, (45, 0), &[Some(9)]).desired, 9);
    assert!(!back.scaled_to_zero());
    // A minimum that was raised meanwhile is heeded, though policies are not asked then.
    let raised = Spec { min: 4, ..spec.clone() };
    assert_eq!(sync(&raised, &flags, &mut history.clone(), (45, 0), &[Some(1)]).desired, 4);
    // Without the gate nothing is left.
    let off = sync(&spec, &Flags::default(), &mut history.clone(), (45, 0), &[Some(9)]);
    assert_eq!(off.course, Course::Disabled);
    // Metrics of pods have no pods to measure.
    let blind = Spec { metrics: vec![Metric::default()], ..spec };
    assert_eq!(sync(&blind, &flags, &mut history, (45, 0), &[Some(9)]).course, Course::Disabled);
}

#[test]
fn without_any_behavior_no_event_is_kept() {
    let mut history = History::default();
    sync(&spec(1, None), &Flags::default(), &mut history, (0, 5), &[Some(9)]);
    assert_eq!(history.ups, Events::default());
}
