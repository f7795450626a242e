//! Whole runs.

use std::path::Path;

use super::*;
use crate::plan::Plan;
use crate::profile::Library;
use crate::simulate::load::{Parts, Unit, lengths};
use crate::simulate::summary::{self, Quantile, Summary};
use crate::source::Files;
use crate::spec::Source;
use crate::units::Duration;

const GUIDE: &str = include_str!("../../../tests/golden/inference/slo.toml");

fn scenario(extra: &str) -> Scenario {
    let (mut files, mut library) = (Files::default(), Library::default());
    let text = format!("{GUIDE}\n{extra}");
    let source = Source::parse(&mut files, &mut library, "slo.toml", text, Path::new(""));
    let spec = source.load(&files, None).unwrap();
    Scenario::new(&Plan::new(&spec)).unwrap()
}

fn users(parts: &str, stage_s: u64) -> Load {
    let parts = Parts::parse(parts).unwrap();
    let lengths = lengths(&parts, &[Duration::from_secs(stage_s)], &[]).unwrap();
    Load::steps(Unit::Users, &parts, &lengths).unwrap()
}

fn summary(scenario: &Scenario, load: &Load) -> Summary {
    summary::run(scenario, load, &[], |_| {})
}

const SET_A: &str = "[simulate]\nfloor = \"100ms\"\nservice_time = \"3ms\"\nconcurrency = 2\ncpu_per_request = \"3ms\"\nstartup = \"60s\"\nthink_time = \"100ms\"\nfloor_variation = 0.35\n";

#[test]
fn the_guide() {
    let scenario = scenario(SET_A);
    let summary = summary(&scenario, &users("50,100,200", 240));
    let most = |stage: usize| summary.stages[stage].replicas_max;
    let steady = &summary.stages[0];
    assert_eq!((steady.replicas_min, steady.replicas_max), (3, 3));
    assert!((5..=6).contains(&most(1)), "{}", most(1));
    assert!((10..=12).contains(&most(2)), "{}", most(2));
    for (stage, below_s) in summary.stages.iter().zip([0.2, 0.35, 0.4]) {
        let Quantile::Seconds(worst_s) = stage.goals[0].worst else { panic!("{stage:?}") };
        assert!((0.1..below_s).contains(&worst_s), "{}: {worst_s}", stage.name);
    }
}

#[test]
fn a_fleet_shrinks_slower_than_five_minutes() {
    let scenario = scenario(SET_A);
    let summary = summary(&scenario, &users("200,10", 1800));
    let down = &summary.stages[1];
    assert_eq!(down.replicas_end, 3);
    assert!(down.scale_down_s.unwrap() > 300.0, "{:?}", down.scale_down_s);
}

#[test]
fn bounds_hold_whatever_the_load() {
    let scenario = scenario(SET_A);
    for load in ["1", "100000", "5,3000,5"] {
        run(&scenario, &users(load, 1200), &[], |step| {
            assert!((3..=20).contains(&step.replicas), "{load}: {}", step.replicas);
            assert!(step.ready <= step.pods && step.throughput.is_finite(), "{load}");
        });
    }
}

#[test]
fn more_load_takes_no_fewer_pods() {
    let scenario = scenario(SET_A);
    let most = |load: &str| summary(&scenario, &users(load, 1200)).total.replicas_max;
    let found: Vec<i32> = ["20", "60", "120", "240", "480"].map(most).into();
    assert!(found.is_sorted() && found[0] < found[4], "{found:?}");
}

#[test]
fn an_update_keeps_every_pod_that_is_wanted() {
    let scenario = scenario(SET_A);
    let mut seen = Vec::new();
    run(&scenario, &users("50", 900), &[300.0], |step| seen.push((step.pods, step.ready)));
    assert!(seen.iter().any(|(pods, _)| *pods > 3), "no pod was added");
    assert!(seen.iter().all(|(_, ready)| *ready >= 3), "a pod was missing");
    assert_eq!(seen.last(), Some(&(3, 3)));
}

#[test]
fn a_run_repeats_itself() {
    let scenario = scenario(SET_A);
    let load = users("50..200,20", 600);
    assert_eq!(summary(&scenario, &load), summary(&scenario, &load));
}
