//! How fast the simulator is: one service over a day of 15-second syncs, and 1,000 services over a day on all cores.
//!
//! `cargo bench --bench simulate` calls the library, and prints the medians. It should stay below 50 ms for the day of one
//! service, and below 20 s for that of a thousand on two cores.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for one's own machine")]

use std::path::Path;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use slogen::plan::Plan;
use slogen::profile::Library;
use slogen::simulate::load::{Daily, Load};
use slogen::simulate::scenario::Scenario;
use slogen::simulate::summary;
use slogen::source::Files;
use slogen::spec::Source;

const SERVICES: u32 = 1000;
const RUNS: usize = 7;

const SIMULATE: &str = include_str!("../tests/simulate/model.toml");

fn main() {
    let scenario = scenario();
    let day = |most: u32| Load::daily(&Daily::parse(&format!("40..{most}")).unwrap(), 1);
    let one = day(800);
    println!("one service, one day      {:8.1} ms", milliseconds(|| run(&scenario, &one)));
    // No two alike, so that they do not take the same branches in step.
    let loads: Vec<Load> = (0..SERVICES).map(|index| day(400 + index)).collect();
    let fleet = || loads.par_iter().for_each(|load| run(&scenario, load));
    println!("1,000 services, one day   {:8.1} ms", milliseconds(fleet));
}

/// The reference service of the tests.
fn scenario() -> Scenario {
    let text = include_str!("../tests/golden/inference/slo.toml").to_owned() + SIMULATE;
    let (mut files, mut library) = (Files::default(), Library::default());
    let source = Source::parse(&mut files, &mut library, "slo.toml", text, Path::new(""));
    let spec = source.load(&files, None).unwrap();
    Scenario::new(&Plan::new(&spec)).unwrap()
}

fn run(scenario: &Scenario, load: &Load) {
    assert!(summary::run(scenario, load, &[], |_| {}).total.answered > 0.0);
}

/// The median of some calls, after one that warms up.
fn milliseconds(work: impl Fn()) -> f64 {
    work();
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[RUNS / 2].as_secs_f64() * 1000.0
}
