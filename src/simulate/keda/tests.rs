//! Cases worked out by hand from KEDA's sources.

use super::*;

const NOTHING: Activity = Activity { active: false, failed: false };
const ACTIVE: Activity = Activity { active: true, failed: false };
const FAILED: Activity = Activity { active: false, failed: true };

/// One poll at `at` s of an object created at 0.
fn poll(object: &ScaledObject, state: &mut State, at: i32, replicas: i32, seen: Activity) -> Step {
    state.poll(object, seconds(at), replicas, seen)
}

/// The first poll of an object created at 0, at `at` s.
fn first(object: &ScaledObject, at: i32, replicas: i32, seen: Activity) -> (i32, Reason) {
    let step = poll(object, &mut State::new(0), at, replicas, seen);
    (step.desired, step.reason)
}

#[test]
fn the_hpa_never_gets_a_minimum_of_zero() {
    let object = |min, max| ScaledObject { min, max, ..ScaledObject::default() };
    let bounds = |object: ScaledObject| (object.hpa_min(), object.hpa_max());
    assert_eq!(bounds(object(None, None)), (1, 100));
    assert_eq!(bounds(object(Some(0), Some(7))), (1, 7));
    assert_eq!(bounds(object(Some(3), None)), (3, 100));
}

#[test]
fn polls_are_an_interval_apart_and_the_first_is_at_once() {
    let object = ScaledObject::default();
    let mut state = State::new(seconds(10));
    assert!(!state.due(seconds(9)) && state.due(seconds(10)));
    poll(&object, &mut state, 10, 1, ACTIVE);
    assert!(!state.due(seconds(39)) && state.due(seconds(40)));
    // A late one moves those behind it.
    poll(&object, &mut state, 45, 1, ACTIVE);
    assert!(!state.due(seconds(74)) && state.due(seconds(75)));
}

#[test]
fn activity_leaves_zero_for_the_minimum() {
    let object = |min| ScaledObject { min, ..ScaledObject::default() };
    assert_eq!(first(&object(None), 0, 0, ACTIVE), (1, Reason::Activated));
    assert_eq!(first(&object(Some(3)), 0, 0, ACTIVE), (3, Reason::Activated));
    // Above zero the HPA decides, also below the minimum.
    assert_eq!(first(&object(Some(3)), 0, 2, ACTIVE), (2, Reason::Active));
    assert_eq!(first(&object(None), 0, 0, NOTHING), (0, Reason::Inactive));
}

#[test]
fn idle_is_left_for_the_minimum_and_returned_to() {
    let object =
        ScaledObject { min: Some(3), idle: Some(0), cooldown_s: 60, ..ScaledObject::default() };
    let mut state = State::new(0);
    assert_eq!(poll(&object, &mut state, 0, 0, ACTIVE).desired, 3);
    assert_eq!(poll(&object, &mut state, 30, 9, NOTHING).reason, Reason::Cooldown);
    let idle = poll(&object, &mut state, 61, 9, NOTHING);
    assert_eq!(idle, Step { desired: 0, reason: Reason::Deactivated });
    assert_eq!(poll(&object, &mut state, 90, 0, NOTHING).reason, Reason::Inactive);
    // From an idle of more than none, too.
    let object = ScaledObject { idle: Some(1), ..object };
    assert_eq!(poll(&object, &mut state, 120, 1, ACTIVE).desired, 3);
    assert_eq!(first(&object, 500, 3, NOTHING), (1, Reason::Deactivated));
}

#[test]
fn the_cooldown_counts_from_the_last_activity() {
    let object = ScaledObject::default();
    let mut state = State::new(0);
    poll(&object, &mut state, 30, 5, ACTIVE);
    assert_eq!(state.last_active, Some(seconds(30)));
    assert_eq!(poll(&object, &mut state, 329, 5, NOTHING).reason, Reason::Cooldown);
    // 300 s sharp have not passed.
    assert_eq!(poll(&object, &mut state, 330, 5, NOTHING).reason, Reason::Cooldown);
    assert_eq!(poll(&object, &mut state, 331, 5, NOTHING).desired, 0);
}

#[test]
fn what_was_never_active_waits_for_the_initial_cooldown() {
    let object = ScaledObject { initial_cooldown_s: 120, ..ScaledObject::default() };
    assert_eq!(first(&object, 120, 5, NOTHING), (5, Reason::Cooldown));
    assert_eq!(first(&object, 121, 5, NOTHING), (0, Reason::Deactivated));
    // Without one it goes as soon as any time has passed.
    assert_eq!(first(&ScaledObject::default(), 1, 5, NOTHING), (0, Reason::Deactivated));
}

#[test]
fn with_a_minimum_nothing_goes_below_it() {
    let object = ScaledObject { min: Some(2), ..ScaledObject::default() };
    assert_eq!(first(&object, 9999, 5, NOTHING), (5, Reason::Inactive));
    assert_eq!(first(&object, 9999, 1, NOTHING), (2, Reason::RaisedToMinimum));
    assert_eq!(first(&object, 9999, 0, NOTHING), (2, Reason::RaisedToMinimum));
}

#[test]
fn errors_hold_what_there_is() {
    let fallback = |replicas| {
        let behavior = FallbackBehavior::Static;
        Some(Fallback { failure_threshold: 3, replicas, behavior })
    };
    let object = |fallback| ScaledObject { fallback, ..ScaledObject::default() };
    assert_eq!(first(&object(None), 9999, 5, FAILED), (5, Reason::TriggerError));
    assert_eq!(first(&object(fallback(4)), 9999, 5, FAILED), (5, Reason::AwaitsFallback));
    // A fallback to none holds nothing.
    assert_eq!(first(&object(fallback(0)), 9999, 5, FAILED), (0, Reason::Deactivated));
    // Others are active: from zero all the same, but without counting as activity.
    let both = Activity { active: true, failed: true };
    assert_eq!(first(&object(None), 0, 0, both), (1, Reason::Activated));
    let mut state = State::new(0);
    assert_eq!(poll(&object(None), &mut state, 5, 1, both).reason, Reason::PartialTriggerError);
    assert_eq!(state.last_active, None);
}

#[test]
fn annotations_interfere() {
    let object = |annotations| ScaledObject { annotations, ..ScaledObject::default() };
    let none = Annotations::default();
    let paused = object(Annotations { paused: true, ..none });
    assert_eq!(first(&paused, 9999, 5, NOTHING), (5, Reason::Paused));
    let no_in = object(Annotations { paused_scale_in: true, ..none });
    assert_eq!(first(&no_in, 9999, 5, NOTHING), (5, Reason::Paused));
    assert_eq!(first(&no_in, 9999, 0, ACTIVE), (1, Reason::Activated));
    let no_out = object(Annotations { paused_scale_out: true, ..none });
    assert_eq!(first(&no_out, 9999, 0, ACTIVE), (0, Reason::Paused));
    let forced = object(Annotations { force_activation: true, ..none });
    assert_eq!(first(&forced, 9999, 0, NOTHING), (1, Reason::Activated));
    assert_eq!(first(&forced, 9999, 5, NOTHING), (5, Reason::Active));
}

#[test]
fn resource_triggers_are_active_only_among_themselves() {
    let (quiet, loud) = (Trigger::External { active: false }, Trigger::External { active: true });
    assert_eq!(Activity::of([Trigger::Resource, Trigger::Resource]), ACTIVE);
    assert_eq!(Activity::of([Trigger::Resource, quiet]), NOTHING);
    assert_eq!(Activity::of([quiet, loud]), ACTIVE);
    assert_eq!(Activity::of([quiet, Trigger::Failed]), FAILED);
    assert_eq!(Activity::of([loud, Trigger::Failed]), Activity { active: true, failed: true });
}

#[test]
fn a_trigger_is_active_above_its_threshold() {
    assert!(!is_active(0.0, 0.0) && is_active(0.001, 0.0) && !is_active(5.0, 5.0));
    assert!(!is_active(f64::NAN, 0.0));
    assert_eq!(Trigger::external(Answer::Read(1), true), Trigger::External { active: true });
    assert_eq!(Trigger::external(Answer::Failed, true), Trigger::Failed);
    // A fallback that answers is activity, and leaves zero.
    let fallen = Trigger::external(Answer::Fallback(1000), false);
    assert_eq!(fallen, Trigger::External { active: true });
}

#[test]
fn silence_of_prometheus_is_zero_unless_told_otherwise() {
    for silent in [None, Some(f64::NAN), Some(f64::INFINITY)] {
        assert_eq!(prometheus_value(silent, true), Some(0.0));
        assert_eq!(prometheus_value(silent, false), None);
    }
    assert_eq!(prometheus_value(Some(2.5), false), Some(2.5));
}

#[test]
fn numbers_have_three_digits() {
    for (value, wanted) in [
        (0.35, 350),
        (0.0004, 0),
        (0.0005, 1),
        (0.0015, 2),
        // Exactly between two: to the even one.
        (0.0625, 62),
        (0.1875, 188),
        (12.0, 12_000),
        (-3.0, 0),
        (-0.0001, 0),
        (f64::NAN, 0),
        (f64::NEG_INFINITY, 0),
        (1e300, i64::MAX),
        (-1e300, 0),
    ] {
        assert_eq!(thousandths(value), wanted, "{value}");
    }
}

/// What the HPA is told of a metric that has failed `failures` times before and fails again.
fn told(behavior: FallbackBehavior, failures: i32, target: Target, fleet: (i32, i32)) -> Answer {
    let fallback = Fallback { failure_threshold: 3, replicas: 6, behavior };
    let mut health = Health { failures };
    let answer = answer(Some(&fallback), &mut health, None, target, fleet.0, fleet.1);
    assert_eq!(health.failures, failures + 1);
    answer
}

#[test]
fn the_fallback_answers_beyond_the_threshold() {
    let target = Target::AverageValue(10_000);
    assert_eq!(told(FallbackBehavior::Static, 2, target, (4, 4)), Answer::Failed);
    assert_eq!(told(FallbackBehavior::Static, 3, target, (4, 4)), Answer::Fallback(60_000));
    // One success, and it is over.
    let fallback =
        Fallback { failure_threshold: 3, replicas: 6, behavior: FallbackBehavior::Static };
    let mut health = Health { failures: 9 };
    let read = answer(Some(&fallback), &mut health, Some(7), target, 4, 4);
    assert_eq!((read, health.failures), (Answer::Read(7), 0));
    let none = answer(None, &mut health, None, target, 4, 4);
    assert_eq!((none, health.failures), (Answer::Failed, 0));
    let invalid = Fallback { failure_threshold: -1, ..fallback };
    assert_eq!(answer(Some(&invalid), &mut health, None, target, 4, 4), Answer::Failed);
}

#[test]
fn each_behavior_asks_for_its_replicas() {
    use FallbackBehavior as B;
    let target = Target::AverageValue(1000);
    for (behavior, replicas, wanted) in [
        (B::Static, 9, 6),
        (B::CurrentReplicas, 9, 9),
        (B::CurrentReplicas, 2, 2),
        (B::CurrentReplicasIfHigher, 9, 9),
        (B::CurrentReplicasIfHigher, 2, 6),
        (B::CurrentReplicasIfLower, 9, 6),
        (B::CurrentReplicasIfLower, 2, 2),
    ] {
        let answer = told(behavior, 3, target, (replicas, replicas));
        assert_eq!(answer, Answer::Fallback(wanted * 1000), "{behavior:?} of {replicas}");
    }
    assert_eq!(told(B::ScalingModifiers, 3, target, (9, 9)), Answer::Fallback(-1000));
}

#[test]
fn a_value_is_shared_by_the_pods_that_are_ready() {
    // The HPA makes 350m * 6/4 / 350m * 4 of it, which is 6.
    let target = Target::Value(350);
    assert_eq!(told(FallbackBehavior::Static, 3, target, (9, 4)), Answer::Fallback(525));
    assert_eq!(told(FallbackBehavior::Static, 3, target, (9, 0)), Answer::Failed);
}
