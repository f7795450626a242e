//! What single metrics ask for.

use super::*;

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
