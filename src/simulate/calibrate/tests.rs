//! What the model made is found again, what points cannot tell is not claimed, and nonsense is refused.

use super::super::latency::{Gauge, Model, Service};
use super::*;

fn points(text: &str) -> Vec<Point> {
    points_with(text, &Context::default())
}

fn points_with(text: &str, context: &Context) -> Vec<Point> {
    in_place(text, 1, context).unwrap()
}

fn near(found: &Found, wanted: f64, within: f64, what: &str) {
    let ratio = found.value / wanted;
    assert!((ratio - 1.0).abs() <= within, "{what}: {found:?}, not {wanted}");
}

/// What a load test of `service` would say, with users who pause for `think_s`.
fn tested(service: Service, think_s: f64, loads: &[(f64, f64)], said: bool) -> String {
    let model = Model::new(service).unwrap();
    let point = |(users, replicas): &(f64, f64)| {
        let found = model.closed(*users, think_s, *replicas);
        let (p50, p95) = (found.estimate(50.0).unwrap(), found.estimate(95.0).unwrap());
        let think = if said { format!("think_ms={}", think_s * 1000.0) } else { String::new() };
        format!(
            "users={users} replicas={replicas} {think} rps={:.3} p50_ms={:.4} p95_ms={:.4} mean_ms={:.4} cpu={:.6}",
            found.rps * replicas,
            p50 * 1e3,
            p95 * 1e3,
            found.mean_s * 1e3,
            found.cpu_cores
        )
    };
    loads.iter().map(point).collect::<Vec<_>>().join(";")
}

/// The sets of the design.
fn sets() -> [(Service, f64); 4] {
    let set = |floor_s, service_s, servers, cpu_s| Service {
        floor_s,
        floor_cv: 0.3,
        service_s,
        servers,
        cpu_s,
        cap: None,
        gauge: Gauge::Outside,
    };
    [
        (set(0.100, 0.003, 2.0, 0.003), 0.10),
        (set(0.090, 0.007, 2.0, 0.007), 0.22),
        (set(0.010, 0.025, 2.0, 0.025), 0.10),
        (set(0.050, 0.007, 1.0, 0.002), 0.05),
    ]
}

#[test]
fn points_of_the_model_give_the_model_back() {
    for (at, (service, think_s)) in sets().into_iter().enumerate() {
        let capacity = service.station_rps();
        let cycle = think_s + service.floor_s + service.service_s;
        let loads = [0.1, 0.6, 0.85, 0.95, 1.3].map(|load| ((load * capacity * cycle).ceil(), 1.0));
        let all = [&[(1.0, 1.0)][..], &loads].concat();
        for said in [true, false] {
            let what = format!("set {at}, pause said: {said}");
            let found =
                fit(&points(&tested(service, think_s, &all, said)), &Given::default()).unwrap();
            near(&found.floor_s, service.floor_s, 0.03, &what);
            near(&found.floor_cv, 0.3, 0.05, &what);
            near(&found.service_s, service.service_s, 0.03, &what);
            near(&found.servers, service.servers, 0.0, &what);
            near(&found.capacity_rps, capacity, 0.02, &what);
            near(&found.cpu_s.unwrap(), service.cpu_s, 0.02, &what);
            // Behind a floor of 100 ms a few milliseconds are found, but not proven.
            assert!(found.capacity_rps.determined && found.floor_s.determined, "{what}: {found:?}");
            assert_eq!(found.service_s.determined, at >= 2, "{what}: {found:?}");
            let range = found.service_s.low..found.service_s.high;
            assert!(range.contains(&service.service_s), "{what}: {found:?}");
            assert!(found.residuals.iter().all(|it| it.error().abs() < 0.02), "{what}");
            match found.think_s {
                Some(think) => near(&think, think_s, 0.03, &what),
                None => assert!((found.stated_think_s.unwrap() - think_s).abs() < 1e-6, "{what}"),
            }
        }
    }
}

/// The recipe of the design: two percentiles of one user, one run that saturates, and the servers known.
#[test]
fn one_user_and_one_saturated_run_are_enough_with_known_servers() {
    let (service, think_s) = sets()[1];
    let text = tested(service, think_s, &[(1.0, 1.0), (400.0, 3.0)], true);
    let found = fit(&points(&text), &Given { servers: Some(2.0) }).unwrap();
    near(&found.service_s, 0.007, 0.03, "service time");
    near(&found.floor_s, 0.090, 0.03, "floor");
    near(&found.floor_cv, 0.3, 0.05, "variation");
    assert!(found.capacity_rps.determined && found.servers_given);
    assert!(section(&found).contains("concurrency = 2 # as given\n"), "{}", section(&found));
}

/// 35 % of 500m with two requests in flight and a P95 of 120 ms: about 30 requests per second, 6 ms of CPU each.
#[test]
fn the_idle_sample_of_the_guide_gives_its_cpu_time() {
    let context = Context { cpu_request: Some(0.5), ..Context::default() };
    let found =
        fit(&points_with("in_flight=2 p95=120ms cpu=35%", &context), &Given::default()).unwrap();
    near(&found.cpu_s.unwrap(), 0.006, 0.12, "CPU time");
    // One percentile tells neither capacity nor shape.
    let text = section(&found);
    for key in ["service_time", "floor_variation", "cpu_per_request"] {
        let line = text.lines().find(|line| line.starts_with(key)).unwrap();
        assert!(line.contains("# assumption: "), "{line}");
    }
    assert!(text.contains("\n# concurrency = 1 # unknown: no point is above 50 %"), "{text}");
}

#[test]
fn capacity_that_no_point_shows_is_unknown() {
    let (service, think_s) = sets()[1];
    let text = tested(service, think_s, &[(1.0, 1.0), (20.0, 3.0), (40.0, 3.0)], true);
    let points = points(&text);
    let found = fit(&points, &Given::default()).unwrap();
    assert!(!found.capacity_rps.determined && !found.service_s.determined, "{found:?}");
    assert!(section(&found).contains("\n# concurrency = 1 # unknown"), "{}", section(&found));
    assert!(report(&found, &points).contains("what one pod serves at most is unknown"));
    near(&found.cpu_s.unwrap(), 0.007, 0.02, "CPU time");
}

#[test]
fn the_same_points_give_the_same_values_in_any_order() {
    let (service, think_s) = sets()[3];
    let text = tested(service, think_s, &[(1.0, 1.0), (10.0, 1.0), (15.0, 1.0), (60.0, 1.0)], true);
    let mut points = points(&text);
    let first = fit(&points, &Given::default()).unwrap();
    assert_eq!(first, fit(&points, &Given::default()).unwrap());
    points.reverse();
    let again = fit(&points, &Given::default()).unwrap();
    near(&again.service_s, first.service_s.value, 1e-3, "service time");
    near(&again.servers, first.servers.value, 0.0, "servers");
}

#[test]
fn points_that_disagree_are_told() {
    let points = points(
        "users=1 think=1s p50=65ms p95=80ms; users=2 think=1s replicas=4 p50=900ms p95=1.1s; users=1 think=1s p50=60ms p95=75ms",
    );
    let found = fit(&points, &Given::default()).unwrap();
    let text = report(&found, &points);
    assert!(text.contains("warning: `") && text.contains("of point 2"), "{text}");
}

#[test]
fn a_table_says_the_same_as_points_in_place() {
    let context = Context { cpu_request: Some(0.5), think_s: Some(1.0) };
    let there = points_with(
        "users=1 p50=65ms p95=80ms cpu=12%; users=200 replicas=3 rps=95 p95=0.9s",
        &context,
    );
    let csv = |text| csv("load.csv", text, &context).unwrap();
    let comma =
        csv("users, replicas,rps,p50_ms,p95_ms,cpu\n# idle\n1,1,,65,80,12%\n\n200,3,95,,900,\n");
    let quoted = csv(
        "\u{feff}\"users\";\"replicas\";\"rps\";\"p50\";\"p95_s\";\"cpu\"\r\n1;1;;65ms;0.08;12%\r\n200;3;95;;0.9;\r\n",
    );
    for points in [comma, quoted] {
        assert_eq!(points.len(), there.len());
        for (point, wanted) in points.iter().zip(&there) {
            let (place, text) = (wanted.place.clone(), wanted.text.clone());
            assert!(point.place.starts_with("load.csv:"), "{}", point.place);
            assert_eq!(Point { place, text, ..point.clone() }, *wanted);
        }
    }
}

#[test]
fn nonsense_is_refused_by_point_and_reason() {
    let refused = [
        ("users=1 think=1s p50=80ms p95=65ms", "p95 (0.065 s) is below p50"),
        ("users=10 think=1s rps=50 p95=90ms", "more than 10 users can send"),
        ("users=10 rps=500 mean=90ms", "more than 10 users can send"),
        ("users=100 think=1s rps=20 mean=100ms", "send 90.9 requests per second, not 20"),
        ("users=NaN p95=80ms", "no whole number"),
        ("users=-5 p95=80ms", "no whole number"),
        ("users=0 p95=80ms", "no whole number"),
        ("rps=NaN p95=80ms", "no number above 0"),
        ("rps=-1 p95=80ms", "no number above 0"),
        ("rps=inf p95=80ms", "no number above 0"),
        ("rps=1e300 p95=80ms", "no number above 0"),
        ("rps=10 p95=NaN", "not a duration"),
        ("rps=10 p95=-80ms", "not a duration"),
        ("rps=10 p95=80", "no unit"),
        ("rps=10 p95=0s", "no request takes no time"),
        ("rps=10 p95=20d", "longer than a day"),
        ("rps=10 p101=80ms", "no part of a point"),
        ("rps=10 latency=80ms", "no part of a point"),
        ("rps=10 p95=80ms p95=90ms", "there twice"),
        ("rps=10 p95", "has no value"),
        ("p95=80ms", "no load"),
        ("rps=10", "nothing that was measured"),
        ("rps=10 think=1s p95=80ms", "`think` without `users`"),
        ("rps=10 cpu=12% p95=80ms", "nobody told"),
        ("rps=10 mean=200ms p95=80ms", "mean (0.2 s) is above p95"),
        ("rps=10 mean=20ms p50=80ms", "impossible with a mean"),
        ("users=4 think=1s in_flight=9 p95=80ms", "users have at most one each"),
        ("rps=10 replicas=0 p95=80ms", "no whole number"),
    ];
    for (text, wanted) in refused {
        let both = format!("rps=10 p95=80ms; {text}");
        let problems = in_place(&both, 1, &Context::default()).unwrap_err();
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
        assert_eq!(problems[0].place, "point 2", "{text}");
        assert!(problems[0].invalid.message.contains(wanted), "{text}: {problems:?}");
        assert!(!problems[0].invalid.help.is_empty());
    }
    let all =
        in_place("rps=NaN p95=1s; rps=1 p95=1s; users=x", 4, &Context::default()).unwrap_err();
    let places: Vec<&str> = all.iter().map(|problem| problem.place.as_str()).collect();
    assert_eq!(places, ["point 4", "point 6"]);
    for text in ["", "users=1,p95=80ms\n", "1,2,3\n", "users,p95\n1\n", "users,p95\n1,65ms,3\n"] {
        assert!(csv("load.csv", text, &Context::default()).is_err(), "{text}");
    }
    let many = "rps=1 p95=1s;".repeat(1_001);
    assert!(in_place(&many, 1, &Context::default()).is_err());
}

#[test]
fn points_that_tell_nothing_together_are_refused() {
    for (text, wanted) in [
        ("rps=10 cpu=50m", "how long requests take"),
        ("users=50 p95=80ms", "nor what was served"),
        ("users=1 cpu=50m p95=80ms", "nor what was served"),
    ] {
        let problems = fit(&points(text), &Given::default()).unwrap_err();
        assert!(problems[0].invalid.message.contains(wanted), "{text}: {problems:?}");
    }
    assert!(fit(&points("users=1 p50=65ms p95=80ms"), &Given::default()).is_ok());
    assert!(fit(&points("rps=1 p95=1s"), &Given { servers: Some(f64::NAN) }).is_err());
}
