//! What-if answers of `slogen simulate`: another service, CPU alone, capacity, matrices, updates, ticks.

#![cfg(test)]

mod common;

use std::fs;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use common::slogen;

/// The service of the README.
const SERVICE: &str = r#"
profile = "inference"

[service]
name = "inference"
image = "registry.example.com/inference:slo-v1"
port = 8000

[targets]
latency = [{ percentile = 95, below = "350ms" }]
in_flight = { per_pod = 10 }
cpu = { utilization = "80%" }

[simulate]
floor = "100ms"
floor_variation = 0.35
service_time = "3ms"
concurrency = 2
cpu_per_request = "3ms"
startup = "60s"
think_time = "100ms"
cost_per_pod_hour = 0.12
"#;

const GUIDE: [&str; 4] = ["--users", "50,100,200", "--stage", "240s"];

/// A folder with the service as slo.toml, and with `other` in place of a text as other.toml.
fn folder(replaced: &str, other: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    assert!(SERVICE.contains(replaced));
    fs::write(folder.path().join("slo.toml"), SERVICE).unwrap();
    fs::write(folder.path().join("other.toml"), SERVICE.replace(replaced, other)).unwrap();
    folder
}

fn simulate_in(folder: &TempDir, arguments: &[&str]) -> Output {
    slogen().current_dir(folder.path()).arg("simulate").args(arguments).output().unwrap()
}

fn simulate(arguments: &[&str]) -> Output {
    simulate_in(&folder("350ms", "350ms"), arguments)
}

fn guide(arguments: &[&str]) -> Output {
    simulate(&[&GUIDE, arguments].concat())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn done(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&done(output)).unwrap()
}

/// What standard error says of a command line that is refused.
fn refused(arguments: &[&str]) -> String {
    let output = simulate(arguments);
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?}: {said}");
    said
}

/// CSV in records; no cell of the tests has a comma.
fn records(csv: &str) -> Vec<Vec<String>> {
    let records: Vec<Vec<String>> =
        csv.split_terminator("\r\n").map(|line| line.split(',').map(str::to_owned).collect()).collect();
    assert!(records.iter().all(|record| record.len() == records[0].len()), "{csv}");
    records
}

/// The figures that the README puts beside the guide's.
#[test]
fn the_figures_of_the_readme() {
    let json = json(&guide(&["--format", "json"]));
    let readme = include_str!("../README.md");
    for (stage, users) in json["stages"].as_array().unwrap().iter().zip([50, 100, 200]) {
        let row = readme.lines().find(|line| line.starts_with(&format!("| {users} |"))).unwrap();
        let simulated = row.split('|').nth(3).unwrap();
        let milliseconds = stage["latency"]["p95"]["worst_s"].as_f64().unwrap() * 1000.0;
        let (replicas, p95) =
            (format!(" {} replicas", stage["replicas"]["max"]), format!(" {milliseconds:.0} ms"));
        assert!(simulated.contains(&replicas), "{replicas}: {row}");
        assert!(simulated.contains(&p95), "{p95}: {row}");
    }
}

#[test]
fn another_service_under_the_same_load() {
    let folder = folder("per_pod = 10", "per_pod = 20");
    let arguments = [&GUIDE[..], &["--against", "other.toml"]].concat();
    let told = done(&simulate_in(&folder, &arguments));
    for part in ["slo.toml:\n", "other.toml:\n", "DIFFERENCE", "What it is worth:", "Taken for granted:"] {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
    assert!(told.contains("- other.toml is ") && told.contains(" cheaper: "), "{told}");
    assert!(told.contains("its p95 is at worst "), "{told}");
    let json = json(&simulate_in(&folder, &[&arguments[..], &["--format", "json"]].concat()));
    let hours = |side: &str| json[side]["run"]["total"]["pod_hours"].as_f64().unwrap();
    assert!(hours("second") < hours("first"));
    let differences = json["differences"].as_array().unwrap();
    let pods = differences.iter().find(|it| it["figure"] == "pod_hours").unwrap();
    let change = hours("second") / hours("first") - 1.0;
    assert!((pods["change"].as_f64().unwrap() - change).abs() < 1e-9);
    let csv = records(&done(&simulate_in(&folder, &[&arguments[..], &["--format", "csv"]].concat())));
    assert_eq!((csv.len(), &*csv[0][0], &*csv[1][0], &*csv[2][0]), (3, "service", "slo.toml", "other.toml"));
}

#[test]
fn a_change_against_the_file_as_it_is() {
    let told = done(&guide(&["--set", "scaling.max=7", "--against", "slo.toml"]));
    assert!(told.contains("slo.toml with scaling.max=7:\n") && told.contains("\nslo.toml:\n"), "{told}");
    let row = told.lines().find(|line| line.starts_with("most replicas")).unwrap();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>()[2..4], ["7", "12"]);
}

#[test]
fn scaled_on_cpu_alone() {
    let json = json(&guide(&["--compare", "cpu-only", "--format", "json"]));
    let decided = |side: &str| {
        let decided = json[side]["run"]["total"]["decided_s"].as_object().unwrap().clone();
        decided.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(decided("second"), ["cpu"]);
    assert!(decided("first").contains(&"in flight".to_owned()));
    let most = |side: &str| json[side]["run"]["total"]["replicas"]["max"].as_i64().unwrap();
    // The CPU of this service is a backstop: alone it sees less.
    assert!(most("second") < most("first"));
    // Asserts judge the service as it is.
    let output = guide(&["--compare", "cpu-only", "--assert", "replicas >= 3", "--assert", "replicas <= 11"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("fails: replicas <= 11 (12)"));
}

#[test]
fn without_a_cpu_target_the_default_is_named() {
    let folder = folder("cpu = { utilization = \"80%\" }\n", "");
    let told = done(&simulate_in(
        &folder,
        &["other.toml", "--users", "50", "--compare", "cpu-only", "--set", "profile_free=0"][..5],
    ));
    // The profile brings a target of its own; without a profile there is none.
    assert!(told.contains("cpu only:\n"), "{told}");
    let bare = SERVICE.replace("profile = \"inference\"\n", "").replace("cpu = { utilization = \"80%\" }\n", "");
    let bare = format!("{bare}\n[scaling]\nmin = 3\nmax = 20\n[resources]\nrequests = {{ cpu = \"500m\", memory = \"1Gi\" }}\n");
    fs::write(folder.path().join("bare.toml"), bare).unwrap();
    let told = done(&simulate_in(&folder, &["bare.toml", "--users", "50", "--compare", "cpu-only"]));
    assert!(told.contains("`cpu-only` scales at the 80 %"), "{told}");
}

#[test]
fn capacity_keeps_every_target() {
    let json = json(&simulate(&["--capacity", "--format", "json"]));
    let rows = json["replicas"].as_array().unwrap();
    assert_eq!(rows.len(), 20);
    assert_eq!(json["binds"], "in flight");
    for row in rows {
        assert!(row["p95_s"].as_f64().unwrap() <= 0.35);
        assert!((row["in_flight_per_pod"].as_f64().unwrap() - 10.0).abs() < 0.01);
        assert!(row["cpu_percent"].as_f64().unwrap() <= 80.0);
        let rps = row["rps"].as_f64().unwrap();
        for alone in ["p95", "in_flight", "cpu", "busy"] {
            assert!(rps <= row[format!("{alone}_alone_rps")].as_f64().unwrap(), "{row}");
        }
        let hour = row["cost_per_hour"].as_f64().unwrap();
        let thousand = row["cost_per_1000_requests"].as_f64().unwrap();
        assert!((hour / (rps * 3.6) - thousand).abs() < 1e-5, "{row}");
    }
    // 133 requests per second take 80 % of half a core at 3 ms each.
    assert!((rows[0]["cpu_alone_rps"].as_f64().unwrap() - 0.4 / 0.003).abs() < 0.01);
    let csv = records(&done(&simulate(&["--capacity", "--format", "csv"])));
    assert_eq!(csv.len(), 21);
    assert_eq!(csv[0][..3], ["replicas", "rps", "binds"]);
    assert!(done(&simulate(&["--capacity"])).contains("in flight of 10 binds"));
}

#[test]
fn capacity_is_where_a_run_crosses_the_target() {
    let json = json(&simulate(&["--capacity", "--format", "json"]));
    let rps = json["replicas"][2]["in_flight_alone_rps"].as_f64().unwrap();
    let fixed = |rps: f64| {
        let rps = format!("{rps:.2}");
        let output = simulate(&["--rps", &rps, "--set", "scaling.max=3", "--format", "csv"]);
        let csv = records(&done(&output));
        let at = csv[0].iter().position(|head| head == "in_flight_per_pod").unwrap();
        csv[5][at].parse::<f64>().unwrap()
    };
    assert!(fixed(rps * 0.999) < 10.0 && fixed(rps * 1.001) > 10.0);
}

#[test]
fn a_target_that_no_load_keeps() {
    let told = done(&simulate(&["--capacity", "--set", "targets.latency=[{percentile=95,below=\"125ms\"}]"]));
    assert!(told.contains("no load keeps p95 below 125 ms: it is "), "{told}");
    let row = told.lines().nth(1).unwrap();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>()[..3], ["1", "0", "p95"]);
}

#[test]
fn nonsense_is_refused() {
    for (arguments, why) in [
        (&["--compare", "--users", "5"][..], "there is no `--replay`"),
        (&["--replay", "x", "--compare", "cpu-only"], "with `--replay`, write `--compare` alone"),
        (&["--replay", "x", "--capacity"], "--replay"),
        (&["--users", "5", "--compare", "cpu"], "cpu-only"),
        (&["--users", "5", "--compare", "cpu-only", "--against", "other.toml"], "cannot be used with"),
        (&["--users", "5", "--against", "missing.toml"], "missing.toml"),
        (&["-", "--users", "5", "--against", "-"], "standard input can be read once"),
        (&["--users", "5", "--against", "other.toml", "--format", "html"], "pictures are of one run"),
        (&["--capacity", "--users", "5"], "cannot be used with"),
        (&["--capacity", "--assert", "p95 < 1s"], "cannot be used with"),
        (&["--capacity", "--format", "svg"], "pictures are of one run"),
        (&["--against", "other.toml"], "nothing says what clients offer"),
    ] {
        let said = refused(arguments);
        assert!(said.contains(why), "{arguments:?}: {said}");
    }
    let said = refused(&["--set", "scaling.replicas=3", "--users", "5", "--compare", "cpu-only"]);
    assert!(said.contains("scaling"), "{said}");
}
