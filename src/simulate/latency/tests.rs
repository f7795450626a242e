//! The formulas against a simulation request by request, and what must hold of them at any setting.

use proptest::prelude::*;
use rayon::prelude::*;

use super::des::{self, Load};
use super::*;

/// A pod of the given floor, variation, service time and servers.
fn service(floor_s: f64, floor_cv: f64, service_s: f64, servers: f64) -> Service {
    let cpu_s = service_s / 2.0;
    Service { floor_s, floor_cv, service_s, servers, cpu_s, cap: None, gauge: Gauge::Outside }
}

fn pod(floor_s: f64, floor_cv: f64, service_s: f64, servers: f64) -> Model {
    Model::new(service(floor_s, floor_cv, service_s, servers)).unwrap()
}

fn near(found: f64, wanted: f64, within: f64, what: &str) {
    assert!((found / wanted - 1.0).abs() <= within, "{what}: {found}, not {wanted}");
}

/// Settings that are neither those of the design nor chosen to please: floors of nothing to 300 ms, one to 16 servers.
fn settings() -> [Service; 8] {
    [
        service(0.0, 0.0, 0.020, 1.0),
        service(0.010, 0.5, 0.025, 2.0),
        service(0.050, 0.3, 0.007, 1.0),
        service(0.090, 0.3, 0.007, 2.0),
        service(0.100, 0.2, 0.003, 2.0),
        service(0.040, 0.8, 0.060, 4.0),
        service(0.300, 1.0, 0.050, 16.0),
        service(0.020, 0.3, 0.010, 1.5),
    ]
}

/// What the model says against what was simulated.
fn agrees(found: &Operating, measured: &des::Measured, throughput: f64, what: &str) {
    near(found.rps, measured.rps, throughput, &format!("{what}: throughput"));
    let p95 = found.percentile(95.0).unwrap();
    near(p95, measured.percentile(95), BAND, &format!("{what}: P95"));
    near(found.mean_s, measured.mean(), 0.20, &format!("{what}: mean"));
    near(found.in_flight, measured.in_flight, 0.20, &format!("{what}: in flight"));
    let below = measured.fraction_below(p95);
    assert!((found.fraction_below(p95) - 0.95).abs() < 1e-9, "{what}");
    assert!((0.88..0.995).contains(&below), "{what}: {below} below P95");
}

#[test]
fn open_load_agrees_with_the_simulation() {
    settings().into_par_iter().enumerate().for_each(|(at, service)| {
        let model = Model::new(service).unwrap();
        // A busy queue forgets slowly, so it takes many requests to know its mean.
        for (seed, utilisation, requests) in [
            (1, 0.1, 10_000),
            (2, 0.4, 10_000),
            (3, 0.7, 15_000),
            (4, 0.85, 40_000),
            (5, 0.92, 120_000),
        ] {
            let rps = utilisation * model.capacity_rps();
            let measured = des::run(&service, Load::Open(rps), 1, requests, seed);
            agrees(&model.open(rps), &measured, 0.05, &format!("setting {at} at {utilisation}"));
        }
    });
}

#[test]
fn closed_load_agrees_with_the_simulation() {
    let mut compared = 0;
    for (at, service) in settings().into_iter().enumerate() {
        let model = Model::new(service).unwrap();
        for (users, think_s, pods) in [(1, 0.1, 1_u8), (4, 0.05, 1), (50, 0.22, 3), (200, 0.5, 8)] {
            let found = model.closed(f64::from(users), think_s, f64::from(pods));
            if found.saturated {
                continue;
            }
            compared += 1;
            let load = Load::Closed(users, think_s);
            let measured = des::run(&service, load, usize::from(pods), 10_000, 7);
            // A handful of users on one pod know more of each other than of a Poisson stream.
            let throughput = if users == 4 { 0.10 } else { 0.05 };
            agrees(&found, &measured, throughput, &format!("setting {at}, {users} users"));
        }
    }
    assert!(compared >= 16, "{compared}");
}

#[test]
fn throughput_of_saturated_users_agrees_with_the_simulation() {
    for (at, service) in settings().into_iter().enumerate() {
        let model = Model::new(service).unwrap();
        let found = model.closed(400.0, 0.05, 2.0);
        let measured = des::run(&service, Load::Closed(400, 0.05), 2, 8_000, 3);
        near(found.rps, measured.rps, 0.05, &format!("setting {at}: throughput"));
        near(found.mean_s, measured.mean(), 0.10, &format!("setting {at}: mean"));
    }
}

/// The cap binds before the station (4 places, mostly on the floor), beside it, and not at all.
#[test]
fn a_cap_agrees_with_the_simulation() {
    for (at, (floor_s, service_s, servers, cap)) in [
        (0.100, 0.003, 2.0, 4),
        (0.090, 0.007, 2.0, 12),
        (0.020, 0.010, 1.0, 3),
        (0.05, 0.02, 2.0, 64),
    ]
    .into_iter()
    .enumerate()
    {
        let capped = Service {
            cap: Some(cap),
            gauge: Gauge::Inside,
            ..service(floor_s, 0.3, service_s, servers)
        };
        let model = Model::new(capped).unwrap();
        for utilisation in [0.3, 0.6, 0.85] {
            let rps = utilisation * model.capacity_rps();
            let measured = des::run(&capped, Load::Open(rps), 1, 30_000, 11);
            let found = model.open(rps);
            let what = format!("cap {at} at {utilisation}");
            agrees(&found, &measured, 0.05, &what);
            near(found.gauge, measured.inside, 0.20, &what);
            let outside = Model::new(Service { gauge: Gauge::Outside, ..capped }).unwrap();
            assert!(outside.open(rps).gauge >= found.gauge, "{what}");
        }
        // More than it lets through.
        let flood = des::run(&capped, Load::Closed(500, 0.01), 1, 8_000, 5);
        near(model.capacity_rps(), flood.rps, 0.02, &format!("cap {at}: capacity"));
        near(model.closed(500.0, 0.01, 1.0).gauge, f64::from(cap), 0.10, "gauge");
    }
}

#[test]
fn one_user_never_waits() {
    let model = pod(0.060, 0.2, 0.005, 1.0);
    let found = model.closed(1.0, 0.0, 1.0);
    near(found.mean_s, 0.065, 1e-9, "mean");
    near(found.rps, 1.0 / 0.065, 1e-9, "throughput");
    near(found.cpu_cores, 0.0025 / 0.065, 1e-9, "CPU");
    // As many users as one likes share a lone station, and nothing is lost.
    let lone = pod(0.0, 0.0, 0.010, 1.0).closed(40.0, 0.0, 1.0);
    near(lone.rps, 100.0, 1e-6, "throughput");
    near(lone.mean_s, 0.4, 1e-6, "mean");
}

/// The table of the design: 50 users on 3 pods have a P95 of 198 ms (set A) and 184 ms (set B) once settled, 12 and 11
/// pods serve 200 users as well.
#[test]
fn the_tables_of_the_design_are_reproduced() {
    let (a, b) = (pod(0.100, 0.4, 0.003, 2.0), pod(0.090, 0.4, 0.007, 2.0));
    for (model, think_s, users, pods, wanted) in [
        (a, 0.10, 50.0, 3.0, 0.198),
        (a, 0.10, 200.0, 12.0, 0.196),
        (b, 0.22, 50.0, 3.0, 0.184),
        (b, 0.22, 200.0, 11.0, 0.184),
    ] {
        near(model.closed(users, think_s, pods).percentile(95.0).unwrap(), wanted, BAND, "P95");
    }
}

#[test]
fn a_saturated_pod_has_no_percentile() {
    let model = pod(0.050, 0.3, 0.010, 2.0);
    assert!(model.open(0.94 * 200.0).percentile(95.0).is_some());
    let busy = model.open(0.96 * 200.0);
    assert!(busy.saturated && busy.percentile(95.0).is_none());
    assert!(busy.estimate(95.0).unwrap() > 0.06);
    let lost = model.open(250.0);
    assert!(lost.saturated && lost.mean_s.is_infinite() && lost.percentile(95.0).is_none());
    assert!(lost.fraction_below(10.0) < 1e-9);
    near(lost.cpu_cores, 200.0 * 0.005, 1e-9, "CPU");
    for percent in [0.0, 100.0, -1.0, f64::NAN] {
        assert_eq!(model.open(1.0).percentile(percent), None);
    }
}

#[test]
fn a_backlog_grows_by_what_is_not_served() {
    let model = pod(0.050, 0.3, 0.010, 2.0);
    let mut backlog = Backlog::default();
    let mut failed = 0.0;
    for _ in 0..60 {
        let step = backlog.step(&model, 1.0, 3.0 * 220.0, 3, f64::INFINITY);
        failed += step.failed;
        assert!(step.served_rps <= 600.0 + 1e-6);
    }
    // 60 requests a second too many, for a minute; a request waits until 3 pods have served those before it.
    near(backlog.waiting(), 3_600.0, 0.05, "waiting");
    assert!(failed < 1e-9);
    let last = backlog.step(&model, 1.0, 660.0, 3, f64::INFINITY).operating.unwrap();
    near(last.mean_s, 3_660.0 / 600.0 + 0.06, 0.05, "wait");
    assert!(last.saturated && last.percentile(95.0).is_none());
    near(last.in_flight, 3_660.0 / 3.0, 0.05, "in flight");
    near(last.cpu_cores, 1.0, 0.01, "CPU");

    // A fourth pod clears it at 140 a second, and what is left is the steady queue.
    let mut seconds = 0;
    while backlog.waiting() > 20.0 {
        backlog.step(&model, 1.0, 660.0, 4, f64::INFINITY);
        seconds += 1;
    }
    assert!((20..=40).contains(&seconds), "{seconds}");
}

#[test]
fn a_backlog_settles_where_the_steady_state_is() {
    let model = pod(0.050, 0.3, 0.010, 2.0);
    for utilisation in [0.05, 0.5, 0.9] {
        let rps = utilisation * model.capacity_rps();
        let mut backlog = Backlog::default();
        let mut served = 0.0;
        for _ in 0..200 {
            served = backlog.step(&model, 5.0, 4.0 * rps, 4, 30.0).served_rps;
        }
        let step = backlog.step(&model, 5.0, 4.0 * rps, 4, 30.0);
        let (found, wanted) = (step.operating.unwrap(), model.open(rps));
        near(found.mean_s, wanted.mean_s, 1e-6, "mean");
        near(found.in_flight, wanted.in_flight, 1e-6, "in flight");
        near(found.percentile(95.0).unwrap(), wanted.percentile(95.0).unwrap(), 1e-6, "P95");
        near(served, 4.0 * rps, 1e-6, "throughput");
    }
}

#[test]
fn clients_that_give_up_are_failures() {
    let model = pod(0.050, 0.3, 0.010, 2.0);
    let mut backlog = Backlog::default();
    let (mut served, mut failed) = (0.0, 0.0);
    for _ in 0..600 {
        let step = backlog.step(&model, 1.0, 300.0, 1, 2.0);
        served += step.served_rps;
        failed += step.failed;
        assert!(step.operating.unwrap().mean_s <= 2.0 + 1e-9);
    }
    // None is lost, and a third is given up.
    near(served + failed + backlog.waiting(), 600.0 * 300.0, 1e-9, "requests");
    near(failed, 60_000.0, 0.02, "failures");
    let none = backlog.step(&model, 5.0, 300.0, 0, 2.0);
    near(none.failed, 1_500.0 + 388.0, 0.02, "failures");
    assert!(none.operating.is_none() && backlog.waiting() < 1e-9);
}

#[test]
fn services_that_make_no_sense_are_refused() {
    let good = service(0.050, 0.3, 0.010, 2.0);
    assert!(Model::new(good).is_ok());
    let refused = [
        (Service { floor_s: f64::NAN, ..good }, "floor"),
        (Service { floor_s: -0.1, ..good }, "floor"),
        (Service { floor_s: f64::INFINITY, ..good }, "floor"),
        (Service { floor_cv: f64::NAN, ..good }, "floor_variation"),
        (Service { floor_cv: 11.0, ..good }, "floor_variation"),
        (Service { service_s: 0.0, cpu_s: 0.0, ..good }, "service_time"),
        (Service { service_s: f64::NAN, ..good }, "service_time"),
        (Service { service_s: 90_000.0, ..good }, "service_time"),
        (Service { servers: 0.0, ..good }, "concurrency"),
        (Service { servers: f64::NAN, ..good }, "concurrency"),
        (Service { servers: 1e9, ..good }, "concurrency"),
        (Service { cpu_s: 0.021, ..good }, "cpu_per_request"),
        (Service { cpu_s: f64::NAN, ..good }, "cpu_per_request"),
        (Service { cap: Some(0), ..good }, "cap"),
        (Service { cap: Some(u32::MAX), ..good }, "cap"),
    ];
    for (service, name) in refused {
        let invalid = Model::new(service).unwrap_err();
        let text = format!("{} {}", invalid.message, invalid.help);
        assert!(text.contains(name), "{service:?}: {text}");
    }
}

#[test]
fn users_are_counted_to_the_last_at_the_edge_of_capacity() {
    // 0.9999988 of the capacity: the wait is a million times what the last digits of the rate are off by.
    let model = pod(0.0, 0.0, 10_f64.powf(-0.103_005_169_256_434_52), 195.319_658_989_475_8);
    let (users, pods, think_s) = (10_f64.powf(6.968_151_523_811_726), 12.0, 9.952_793_362_358_653);
    let found = model.closed(users, think_s, pods);
    let all = found.rps * think_s + found.in_flight;
    assert!((all * pods / users - 1.0).abs() < 1e-7, "{all} of {} users", users / pods);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Any service, any load: an answer, Little's law, and no surprise when load grows.
    #[test]
    fn every_load_has_an_answer(
        floor_s in 0.0..10.0_f64,
        floor_cv in 0.0..10.0_f64,
        service_log in -9.0..4.0_f64,
        servers in 0.01..500.0_f64,
        cap in prop::option::of(1..500_u32),
        users_log in -3.0..7.0_f64,
        think_s in 0.0..100.0_f64,
        pods in 1..1000_u32,
    ) {
        let service_s = 10_f64.powf(service_log);
        let base = Service { cap, ..service(floor_s, floor_cv, service_s, servers) };
        let model = Model::new(Service { cpu_s: 0.0, ..base }).unwrap();
        let users = 10_f64.powf(users_log);
        let found = model.closed(users, think_s, f64::from(pods));
        let share = users / f64::from(pods);
        prop_assert!(found.rps >= 0.0 && found.rps <= model.capacity_rps() * (1.0 + 1e-9));
        prop_assert!((found.in_flight - found.rps * found.mean_s).abs() <= 1e-9 * found.in_flight);
        if found.utilisation < 0.999_999 {
            // Every user thinks or waits.
            let all = found.rps * think_s + found.in_flight;
            prop_assert!((all / share - 1.0).abs() < 1e-5, "{all} of {share} users: {found:?}");
        }
        let more = model.closed(users * 1.5, think_s, f64::from(pods));
        prop_assert!(more.rps >= found.rps * (1.0 - 1e-7));
        prop_assert!(more.mean_s >= found.mean_s * (1.0 - 1e-7));
        let open = model.open(found.rps.min(0.94 * model.capacity_rps()));
        prop_assert!(open.percentile(50.0).unwrap() <= open.percentile(99.0).unwrap());
        for operating in [found, more, open] {
            prop_assert!(operating.sigma >= 0.0 && !operating.mu.is_nan());
            prop_assert!(!operating.gauge.is_nan() && operating.gauge <= operating.in_flight * (1.0 + 1e-9));
        }
    }

    /// Whatever happens, no request is lost and none appears.
    #[test]
    fn a_backlog_loses_nothing(steps in prop::collection::vec((0.0..500.0_f64, 0..4_u32, 0.1..20.0_f64), 1..50)) {
        let model = pod(0.02, 0.5, 0.01, 1.0);
        let mut backlog = Backlog::default();
        let (mut offered, mut done) = (0.0, 0.0);
        for (rps, ready, dt_s) in steps {
            let step = backlog.step(&model, dt_s, rps, ready, 10.0);
            offered += rps * dt_s;
            done += step.served_rps * dt_s + step.failed;
            prop_assert!(step.failed >= 0.0 && step.served_rps >= 0.0 && step.waiting >= 0.0);
            prop_assert!(step.served_rps <= f64::from(ready) * model.capacity_rps() * (1.0 + 1e-9));
        }
        prop_assert!((done + backlog.waiting() - offered).abs() <= 1e-6 * (offered + 1.0));
    }
}
