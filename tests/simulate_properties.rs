//! What holds of the simulated autoscaler whatever it sees: bounds, policies over any window, stabilization, and that no
//! number makes it panic.

#![cfg(test)]

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use slogen::simulate::controller::pods::{Phase, Pod, Readiness, Ready, Status};
use slogen::simulate::controller::spec::{
    Behavior, Metric, Policy, PolicyKind, Rules, Select, Source, Target,
};
use slogen::simulate::controller::{
    Counts, Course, Decision, Flags, Fleet, History, Observation, PodSamples, Reading, Spec,
    reconcile,
};
use slogen::simulate::keda::{Activity, ScaledObject, State, thousandths};
use slogen::simulate::seconds;

fn policies() -> impl Strategy<Value = Vec<Policy>> {
    let policy = (any::<bool>(), 1..200_i32, 1..1800_i32).prop_map(|(pods, value, period_s)| {
        let kind = if pods { PolicyKind::Pods } else { PolicyKind::Percent };
        Policy { kind, value, period_s }
    });
    vec(policy, 1..4)
}

fn rules<const UP: bool>() -> impl Strategy<Value = Rules<UP>> {
    let select = prop_oneof![Just(Select::Max), Just(Select::Min), Just(Select::Disabled)];
    (option::of(0..600_i32), select, policies()).prop_map(|(window_s, select, policies)| Rules {
        window_s,
        select,
        policies,
        tolerance: None,
    })
}

/// A run: the spec, the replicas at the start, and what the metric asks for at each sync, with the seconds since the
/// one before; `None` where it fails.
#[derive(Clone, Debug)]
struct Load {
    spec: Spec,
    start: i32,
    asked: Vec<(i32, Option<i32>)>,
}

fn load() -> impl Strategy<Value = Load> {
    let behavior = option::of((rules(), rules()).prop_map(|(up, down)| Behavior { up, down }));
    let asked =
        vec((prop_oneof![5 => Just(15), 1 => 1..90_i32], option::weighted(0.9, 0..120_i32)), 1..60);
    (1..20_i32, 0..80_i32, behavior, 0.0..1.0_f64, asked).prop_map(
        |(min, more, behavior, at, asked)| {
            let metric = Metric {
                source: Source::External { name: "m".to_owned() },
                target: Target::AverageValue(1000),
            };
            let max = min + more;
            #[expect(clippy::cast_possible_truncation, reason = "between the two")]
            let start = min + (f64::from(more) * at) as i32;
            Load { spec: Spec { min, max, metrics: vec![metric], behavior }, start, asked }
        },
    )
}

/// A sync of a run.
#[derive(Clone, Debug, PartialEq)]
struct Sync {
    at: i32,
    before: i32,
    decision: Decision,
}

impl Load {
    fn run(&self) -> Vec<Sync> {
        let (mut history, mut wishes) = (History::default(), Vec::new());
        let (mut at, mut replicas) = (0, self.start);
        let sync = |(pause, asked): &(i32, Option<i32>)| {
            at += pause;
            let before = replicas;
            let value = [i64::from(asked.unwrap_or_default()) * 1000];
            let readings = [asked.map_or(Reading::Failed, |_| Reading::Series(&value))];
            let fleet =
                Fleet { replicas, status_replicas: replicas, pods: replicas, ready: replicas };
            let seen = Observation { now: seconds(at), fleet, readings: &readings };
            let decision =
                reconcile(&self.spec, &Flags::default(), &mut history, &seen, &mut wishes);
            replicas = decision.desired;
            Sync { at, before, decision }
        };
        self.asked.iter().map(sync).collect()
    }
}

/// What a policy allows from so many replicas.
fn allowed<const UP: bool>(policy: &Policy, start: i32) -> i32 {
    let value = i64::from(policy.value);
    let change = match policy.kind {
        PolicyKind::Pods => policy.value,
        // In whole numbers; one more where floats may round a hair too far.
        PolicyKind::Percent => {
            i32::try_from((i64::from(start) * value).div_euclid(100)).unwrap() + 1
        }
    };
    if UP { start + change } else { start - change }
}

fn respects<const UP: bool>(rules: &Rules<UP>, syncs: &[Sync], at: usize) -> bool {
    let sync = &syncs[at];
    let within = |policy: &Policy| {
        let first = syncs.iter().find(|other| other.at > sync.at - policy.period_s);
        let limit = allowed::<UP>(policy, first.unwrap().before);
        if UP { sync.decision.desired <= limit } else { sync.decision.desired >= limit }
    };
    match rules.select {
        Select::Disabled => false,
        Select::Min => rules.policies.iter().all(within),
        Select::Max => rules.policies.iter().any(within),
    }
}

proptest! {
    #[test]
    fn inside_its_bounds_a_fleet_stays_there(load in load()) {
        for Sync { decision, .. } in load.run() {
            prop_assert!((load.spec.min..=load.spec.max).contains(&decision.desired), "{decision:?}");
        }
    }

    #[test]
    fn outside_its_bounds_a_fleet_jumps_back(load in load(), outside in 1..100_i32) {
        let above = Load { start: load.spec.max + outside, ..load.clone() };
        let first = &above.run()[0];
        prop_assert_eq!(first.decision.desired, load.spec.max);
        prop_assert_eq!(first.decision.course, Course::AboveMax);
        let below = Load { start: load.spec.min - outside.min(load.spec.min), ..load.clone() };
        let first = &below.run()[0];
        let wanted = if first.before == 0 { 0 } else { load.spec.min };
        prop_assert_eq!(first.decision.desired, wanted);
    }

    #[test]
    fn policies_hold_over_any_window(load in load()) {
        let Some(behavior) = &load.spec.behavior else { return Ok(()) };
        let syncs = load.run();
        for (at, sync) in syncs.iter().enumerate() {
            let (before, after) = (sync.before, sync.decision.desired);
            let respected = after == before
                || if after > before {
                    respects(&behavior.up, &syncs, at)
                } else {
                    respects(&behavior.down, &syncs, at)
                };
            prop_assert!(respected, "{sync:?} of {syncs:?}");
        }
    }

    #[test]
    fn without_behavior_nothing_more_than_doubles(load in load()) {
        for sync in load.run().iter().filter(|_| load.spec.behavior.is_none()) {
            prop_assert!(sync.decision.desired <= 4.max(2 * sync.before), "{sync:?}");
        }
    }

    #[test]
    fn stabilization_is_never_exceeded(load in load()) {
        let syncs = load.run();
        let (up, down) = match &load.spec.behavior {
            Some(behavior) => (behavior.up.window_s.unwrap_or(0), behavior.down.window_s.unwrap_or(300)),
            None => (0, 300),
        };
        for (at, sync) in syncs.iter().enumerate() {
            let asked = |window: i32| {
                let asked = syncs[..=at].iter().filter_map(move |other| match other.decision.course {
                    Course::Metrics { proposed, .. } if other.at > sync.at - window => Some(proposed),
                    _ => None,
                });
                let first = &syncs[0];
                asked.chain((first.at > sync.at - window).then_some(first.before))
            };
            let (before, after) = (sync.before, sync.decision.desired);
            if after > before && load.spec.behavior.is_some() {
                prop_assert!(asked(up).all(|asked| after <= asked), "{sync:?}");
            }
            if after < before {
                // Without behavior a scale-up's limit of four may come before what is recommended.
                let least = |asked: i32| asked.min(before);
                prop_assert!(asked(down).all(|asked| after >= least(asked)), "{sync:?}");
            }
        }
    }

    #[test]
    fn the_same_load_has_the_same_answer(load in load()) {
        prop_assert_eq!(load.run(), load.run());
    }

    #[test]
    fn a_failing_metric_never_scales_anything(load in load()) {
        for (sync, (_, asked)) in load.run().iter().zip(&load.asked) {
            prop_assert!(asked.is_some() || sync.decision.desired == sync.before, "{sync:?}");
        }
    }

    /// What the tick engine counts is what the controller would find.
    #[test]
    fn equal_pods_need_not_be_looked_at(
        ready in 0..40_i64, unready in 0..40_i64, missing in 0..40_i64,
        usage in 0..5000_i64, request in option::of(0..5000_i64), target in 1..300_i32,
    ) {
        let pod = |phase| Pod {
            phase,
            deleted: false,
            start: Some(0),
            ready: Some(Ready { status: Status::True, since: 0 }),
        };
        let (running, pending) = (pod(Phase::Running), pod(Phase::Pending));
        let of = |pod, count: i64, sample| (0..count).map(move |_| (pod, sample, request));
        let pods = of(&running, ready, Some(usage))
            .chain(of(&pending, unready, None))
            .chain(of(&running, missing, None));
        let grouped = PodSamples::group(pods, [], None, target, &Flags::default());
        let counts = Counts { ready, unready, missing };
        let alike = PodSamples::alike(counts, usage * ready, request, target);
        if ready + unready + missing > 0 {
            prop_assert_eq!(grouped, alike);
        }
    }

    #[test]
    fn no_number_makes_it_panic(
        numbers in vec(any::<i32>(), 12), wide in vec(any::<i64>(), 12),
        float in any::<f64>(), choice in any::<u8>(), percent in any::<bool>(),
    ) {
        let name = || "cpu".to_owned();
        let target = match choice % 4 {
            0 => Target::Utilization(numbers[0]),
            1 => Target::AverageValue(wide[0]),
            2 => Target::Value(wide[0]),
            _ => Target::Unset,
        };
        let metrics = [
            Source::Resource { name: name() },
            Source::ContainerResource { name: name(), container: name() },
            Source::Pods { name: name() },
            Source::Object { name: name() },
            Source::External { name: name() },
        ];
        let kind = if percent { PolicyKind::Percent } else { PolicyKind::Pods };
        let policies = vec![Policy { kind, value: numbers[1], period_s: numbers[2] }];
        let behavior = Behavior {
            up: Rules { window_s: Some(numbers[3]), select: Select::Max, policies: policies.clone(), tolerance: Some(float) },
            down: Rules { window_s: None, select: Select::Min, policies, tolerance: None },
        };
        let metrics = metrics.map(|source| Metric { source, target }).to_vec();
        let spec = Spec { min: numbers[4], max: numbers[5], metrics, behavior: (choice < 200).then_some(behavior) };
        let flags = Flags {
            tolerance: float,
            downscale_stabilization_s: numbers[6],
            cpu_initialization_s: numbers[7],
            initial_readiness_delay_s: numbers[8],
            scale_to_zero: percent,
            scale_up_limit_factor: float,
        };
        let pod = Pod {
            phase: Phase::Running,
            deleted: false,
            start: Some(wide[1]),
            ready: Some(Ready { status: Status::False, since: wide[2] }),
        };
        let readiness = Readiness { now: wide[3], sampled: wide[4], window: wide[5] };
        let grouped = PodSamples::group(
            [(&pod, Some(wide[6]), Some(wide[7])), (&pod, None, Some(wide[8]))],
            wide.iter().copied(),
            percent.then_some(readiness),
            numbers[0],
            &flags,
        );
        let counts = Counts { ready: wide[9], unready: wide[10], missing: wide[11] };
        let alike = PodSamples::alike(counts, wide[6], Some(wide[7]), numbers[0]);
        let pods = if percent { Reading::Pods(grouped) } else { Reading::Pods(alike) };
        let series = Reading::Series(&wide);
        let readings = [pods, pods, pods, series, series];
        let (mut history, mut wishes) = (History::default(), Vec::new());
        for at in 0..4 {
            let replicas = numbers[9 + at % 3];
            let fleet = Fleet { replicas, status_replicas: numbers[10], pods: numbers[11], ready: numbers[0] };
            let seen = Observation { now: wide[at], fleet, readings: &readings };
            reconcile(&spec, &flags, &mut history, &seen, &mut wishes);
        }
        let object = ScaledObject {
            polling_interval_s: numbers[0],
            cooldown_s: numbers[1],
            initial_cooldown_s: numbers[2],
            min: Some(numbers[3]),
            max: Some(numbers[4]),
            idle: Some(numbers[5]),
            ..ScaledObject::default()
        };
        let mut state = State::new(wide[0]);
        state.poll(&object, wide[1], numbers[6], Activity { active: percent, failed: !percent });
        thousandths(float);
    }
}
