//! Windows, policies, bounds and whole syncs.

use super::*;

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
