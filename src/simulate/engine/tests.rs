//! Whole runs.

use super::*;
use crate::plan::Plan;
use crate::profile::Library;
use crate::simulate::load::{Parts, Unit, lengths};
use crate::simulate::summary::{Recorder, Summary};
use crate::source::Files;
use crate::spec::Source;
use crate::units::Duration;

const GUIDE: &str = include_str!("../../../tests/golden/inference/slo.toml");

fn scenario(extra: &str) -> Scenario {
    let mut files = Files::default();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("slo.toml");
    std::fs::write(&path, format!("{GUIDE}\n{extra}")).unwrap();
    let source = Source::read(&mut files, &mut Library::default(), &path).unwrap();
    let spec = source.load(&files, None).unwrap();
    Scenario::new(&Plan::new(&spec)).unwrap()
}

fn users(parts: &str, stage_s: u64) -> Load {
    let parts = Parts::parse(parts).unwrap();
    let lengths = lengths(&parts, &[Duration::from_secs(stage_s)], &[]).unwrap();
    Load::steps(Unit::Users, &parts, &lengths).unwrap()
}

fn summary(scenario: &Scenario, load: &Load) -> Summary {
    let mut recorder = Recorder::new(scenario, load);
    run(scenario, load, &[], |step| recorder.add(step));
    recorder.finish()
}

const SET_A: &str = "[simulate]\nfloor = \"100ms\"\nservice_time = \"3ms\"\nconcurrency = 2\ncpu_per_request = \"3ms\"\nstartup = \"60s\"\nthink_time = \"100ms\"\n";

#[test]
fn the_guide() {
    let scenario = scenario(SET_A);
    let load = users("50,100,200", 240);
    let summary = summary(&scenario, &load);
    for stage in &summary.stages {
        eprintln!("{stage:?}");
    }
    for minute in &summary.minutes {
        eprintln!("{minute:?}");
    }
    let day = users("50,200,100", 28_800);
    let start = std::time::Instant::now();
    let mut count = 0;
    run(&scenario, &day, &[], |_| count += 1);
    eprintln!("{count} {:?}", start.elapsed());
    panic!();
}
