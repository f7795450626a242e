//! What-if answers of `slogen simulate`: another service, CPU alone, capacity, matrices, updates, ticks.

#![cfg(test)]

mod common;

use std::fs;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use common::slogen;

const README: &str = include_str!("../README.md");

/// The service of the README's `## Simulate`.
fn service() -> &'static str {
    let (_, section) = README.split_once("\n## Simulate\n").unwrap();
    section.split_once("```toml\n").unwrap().1.split_once("```").unwrap().0
}

const GUIDE: [&str; 4] = ["--users", "50,100,200", "--stage", "240s"];

/// A folder with the service as slo.toml, and with `other` in place of a text as other.toml.
fn folder(replaced: &str, other: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let service = service();
    assert!(service.contains(replaced));
    fs::write(folder.path().join("slo.toml"), service).unwrap();
    fs::write(folder.path().join("other.toml"), service.replace(replaced, other)).unwrap();
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
    let records: Vec<Vec<String>> = csv
        .split_terminator("\r\n")
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect();
    assert!(records.iter().all(|record| record.len() == records[0].len()), "{csv}");
    records
}

/// What `tests/cmd/simulate.trycmd` records is of the README's service.
#[test]
fn the_recorded_commands_are_of_the_readme() {
    assert_eq!(include_str!("cmd/simulate.in/slo.toml"), service());
}

/// The figures that the README puts beside the guide's.
#[test]
fn the_figures_of_the_readme() {
    let json = json(&guide(&["--format", "json"]));
    for (stage, users) in json["stages"].as_array().unwrap().iter().zip([50, 100, 200]) {
        let row = README.lines().find(|line| line.starts_with(&format!("| {users} |"))).unwrap();
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
    let folder = folder("per_pod = 10", "per_pod = 14");
    let arguments = [&GUIDE[..], &["--against", "other.toml"]].concat();
    let told = done(&simulate_in(&folder, &arguments));
    for part in
        ["slo.toml:\n", "other.toml:\n", "DIFFERENCE", "What it is worth:", "Taken for granted:"]
    {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
    assert!(told.contains("- other.toml is ") && told.contains(" cheaper: "), "{told}");
    assert!(told.contains("p95 is at worst "), "{told}");
    let json = json(&simulate_in(&folder, &[&arguments[..], &["--format", "json"]].concat()));
    let hours = |side: &str| json[side]["run"]["total"]["pod_hours"].as_f64().unwrap();
    assert!(hours("second") < hours("first"));
    let differences = json["differences"].as_array().unwrap();
    let pods = differences.iter().find(|it| it["figure"] == "pod_hours").unwrap();
    let change = hours("second") / hours("first") - 1.0;
    assert!((pods["change"].as_f64().unwrap() - change).abs() < 1e-9);
    let csv =
        records(&done(&simulate_in(&folder, &[&arguments[..], &["--format", "csv"]].concat())));
    assert_eq!(
        (csv.len(), &*csv[0][0], &*csv[1][0], &*csv[2][0]),
        (3, "service", "slo.toml", "other.toml")
    );
}

#[test]
fn a_change_against_the_file_as_it_is() {
    let told = done(&guide(&["--set", "scaling.max=7", "--against", "slo.toml"]));
    assert!(
        told.contains("slo.toml with scaling.max=7:\n") && told.contains("\nslo.toml:\n"),
        "{told}"
    );
    let row = told.lines().find(|line| line.starts_with("most replicas")).unwrap();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>()[2..4], ["7", "12"]);
    assert!(told.contains("- slo.toml with scaling.max=7 is "), "{told}");
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
    // As the README says of it.
    let differences = json["differences"].as_array().unwrap();
    let hours = differences.iter().find(|it| it["figure"] == "pod_hours").unwrap();
    let saved = format!(
        "CPU alone saves {:.0} % of the pod-hours",
        hours["change"].as_f64().unwrap() * -100.0
    );
    assert!(README.contains(&saved), "{saved}");
    assert!(json["second"]["run"]["stages"][2]["latency"]["p95"]["worst_s"] == "saturated");
    // Asserts judge the service as it is.
    let output = guide(&[
        "--compare",
        "cpu-only",
        "--assert",
        "replicas >= 3",
        "--assert",
        "replicas <= 11",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("fails: replicas <= 11 (12)"));
}

#[test]
fn without_cpu_among_its_metrics_its_target_counts() {
    let set = ["--set", "scaling.scale_on=[\"in_flight\"]", "--compare", "cpu-only"];
    assert!(done(&guide(&set)).contains("`cpu-only` scales at its target of 80 %"));
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
    assert!(done(&simulate(&["--capacity"])).contains("in flight (10) binds"));
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
fn capacity_ends_somewhere() {
    let many = ["--capacity", "--set", "scaling.max=100000"];
    let json = json(&simulate(&[&many[..], &["--format", "json"]].concat()));
    assert_eq!(json["replicas"].as_array().unwrap().len(), 1000);
    assert!(done(&simulate(&many)).contains("the table ends at 1000 of 100000 replicas"));
}

#[test]
fn a_target_that_no_load_keeps() {
    let told = done(&simulate(&[
        "--capacity",
        "--set",
        "targets.latency=[{percentile=95,below=\"100ms\"}]",
    ]));
    assert!(told.contains("no load keeps p95 below 100 ms: it is "), "{told}");
    let row = told.lines().nth(1).unwrap();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>()[..3], ["1", "0.0", "p95"]);
}

#[test]
fn nonsense_is_refused() {
    for (arguments, why) in [
        (&["--compare", "--users", "5"][..], "there is no `--replay`"),
        (&["--replay", "x", "--compare", "cpu-only"], "with `--replay`, write `--compare` alone"),
        (&["--replay", "x", "--capacity"], "--replay"),
        (&["--users", "5", "--compare", "cpu"], "cpu-only"),
        (
            &["--users", "5", "--compare", "cpu-only", "--against", "other.toml"],
            "cannot be used with",
        ),
        (&["--users", "5", "--against", "missing.toml"], "missing.toml"),
        (&["-", "--users", "5", "--against", "-"], "standard input can be read once"),
        (
            &["--users", "5", "--against", "other.toml", "--format", "html"],
            "pictures are of one run",
        ),
        (&["--capacity", "--users", "5"], "cannot be used with"),
        (&["--capacity", "--assert", "p95 < 1s"], "cannot be used with"),
        (&["--capacity", "--format", "svg"], "pictures are of one run"),
        (&["--against", "other.toml"], "nothing says what clients offer"),
    ] {
        let said = refused(arguments);
        assert!(said.contains(why), "{arguments:?}: {said}");
    }
}

#[test]
fn a_service_that_nothing_scales() {
    let fixed = ["--set", "scaling.replicas=4"];
    let csv = records(&done(&simulate(&[&fixed[..], &["--capacity", "--format", "csv"]].concat())));
    assert_eq!(csv.len(), 5);
    let said = refused(&[&fixed[..], &["--users", "5", "--compare", "cpu-only"]].concat());
    assert!(said.contains("it has 4 replicas throughout; give it `min` and `max`"), "{said}");
    let ticks = ["--users", "5", "--every", "tick", "--format", "csv"];
    assert!(refused(&[&fixed[..], &ticks].concat()).contains("there are no syncs"));
}

#[test]
fn a_matrix_is_a_run_for_each_combination() {
    let matrix = ["--matrix", "users=25,50,100", "max=4,20", "--stage", "240s"];
    let csv = records(&done(&simulate(&[&matrix[..], &["--format", "csv"]].concat())));
    assert_eq!((csv.len(), &*csv[0][0], &*csv[0][1]), (7, "users", "max"));
    let order: Vec<_> = csv[1..].iter().map(|row| [&*row[0], &*row[1]]).collect();
    assert_eq!(order[..3], [["25", "4"], ["25", "20"], ["50", "4"]]);
    let at = |head: &str| csv[0].iter().position(|name| name == head).unwrap();
    // The same as alone.
    let alone = ["--users", "100", "--stage", "240s", "--set", "scaling.max=4", "--format", "json"];
    let alone = json(&simulate(&alone));
    let close = |cell: &str, value: &Value| {
        (cell.parse::<f64>().unwrap() - value.as_f64().unwrap()).abs() < 1e-5
    };
    assert!(close(&csv[5][at("replicas_mean")], &alone["total"]["replicas"]["mean"]));
    assert!(close(&csv[5][at("p95_worst_s")], &alone["total"]["latency"]["p95"]["worst_s"]));
    assert!(close(&csv[5][at("cost")], &alone["total"]["cost"]));
    let told = done(&simulate(&matrix));
    assert!(told.starts_with("users  max  RPS  MIN  MEAN"), "{told}");
    assert!(text(&simulate(&matrix).stderr).is_empty(), "slo.toml says `think_time`");
    let json = json(&simulate(&[&matrix[..], &["--format", "json"]].concat()));
    assert_eq!(json["rows"][4]["of"]["users"], "100");
    assert_eq!(json["rows"][4]["total"]["replicas_max"], 4);
}

#[test]
fn a_matrix_of_settings_takes_the_load_of_the_options() {
    let matrix = [
        "--matrix",
        "targets.latency=[{percentile=95,below=\"350ms\"},{percentile=99,below=\"500ms\"}],[{percentile=95,below=\"200ms\"}]",
        "--matrix",
        "in_flight=5,10",
    ];
    let told = done(&guide(&matrix));
    let lines: Vec<&str> = told.lines().collect();
    assert!(
        lines[0].contains("P95") && lines[0].contains("P99") && lines[0].contains("USERS"),
        "{told}"
    );
    assert_eq!(lines[1..].iter().take_while(|line| !line.is_empty()).count(), 4);
    let said = |arguments: &[&str]| refused(arguments);
    assert!(said(&["--matrix", "max=10,20"]).contains("nothing says what clients offer"));
    assert!(said(&["--matrix", "users=5", "--users", "6"]).contains("take one of them out"));
    assert!(
        said(&["--matrix", "users=5", "slo.toml"]).contains("a slo.toml in front of `--matrix`")
    );
    assert!(said(&["--matrix", "users=5,x"]).contains("users=x"));
    assert!(said(&["--matrix", "users=5", "--replay", "x"]).contains("cannot be used with"));
    assert!(said(&["--matrix", "users=5", "--capacity"]).contains("cannot be used with"));
    assert!(said(&["--matrix", "users=5", "--format", "html"]).contains("pictures are of one run"));
    let many = (1..=34).map(|at| at.to_string()).collect::<Vec<_>>().join(",");
    let (users, max) = (format!("users={many}"), format!("max={many}"));
    assert!(said(&["--matrix", &users, &max]).contains("1156 combinations; 1000 is the most"));
}

#[test]
fn a_combination_that_is_no_service_is_named() {
    let said = refused(&["--users", "5", "--matrix", "min=3,20", "max=10,30"]);
    assert!(said.contains("error: --matrix: min=20 max=10 makes no valid slo.toml"), "{said}");
    assert!(said.contains("scaling.max=10") || said.contains("scaling.min=20"), "{said}");
}

#[test]
fn assertions_judge_each_combination() {
    let matrix = ["--stage", "240s", "--matrix", "users=50,200", "max=5,20"];
    let asserts = ["--assert", "replicas <= 7", "--assert", "replicas <= 20"];
    let output = simulate(&[&matrix[..], &asserts].concat());
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("holds: replicas <= 20 in all 4 combinations"), "{said}");
    let failing: Vec<&str> = said.lines().filter(|line| line.starts_with("fails:")).collect();
    assert_eq!(failing.len(), 1, "{said}");
    assert!(failing[0].ends_with("with users=200 max=20"), "{said}");
    let kept = simulate(&[&matrix[..], &["--assert", "replicas <= 20"]].concat());
    assert_eq!(kept.status.code(), Some(0));
}

#[test]
fn a_rolling_update_is_told() {
    let steady = ["--users", "50", "--stage", "20m"];
    let json =
        json(&simulate(&[&steady[..], &["--update", "5m,12m", "--format", "json"]].concat()));
    let updates = json["updates"].as_array().unwrap();
    assert_eq!(updates.len(), 2);
    assert_eq!((&updates[0]["at_s"], &updates[1]["at_s"]), (&300.0.into(), &720.0.into()));
    // Three pods, one after the other, each of which starts for a minute, and is seen a step of the model later.
    let took = updates[0]["end_s"].as_f64().unwrap() - 300.0;
    assert!((180.0..=195.0).contains(&took), "{took}");
    assert_eq!((&updates[0]["ready_min"], &updates[0]["pods_max"]), (&3.into(), &4.into()));
    let told = done(&simulate(&[&steady[..], &["--update", "5m", "--update", "19m"]].concat()));
    assert!(
        told.contains("the rolling update at 5m takes 3m10s; meanwhile at least 3 pods are ready"),
        "{told}"
    );
    assert!(told.contains("the rolling update at 19m is not over before the run ends"), "{told}");
    let said = refused(&[&steady[..], &["--update", "20m"]].concat());
    assert!(said.contains("20m is not within the load, which ends at 20m"), "{said}");
    // Pods that are being replaced cost, too.
    let matrix = [&["--matrix", "users=50"][..], &["--format", "csv"]].concat();
    let hours = |more: &[&str]| {
        let csv = records(&done(&simulate(&[&matrix[..], more].concat())));
        let at = csv[0].iter().position(|head| head == "pod_hours").unwrap();
        csv[1][at].parse::<f64>().unwrap()
    };
    assert!(hours(&["--update", "2m"]) > hours(&[]));
    assert!(refused(&["--capacity", "--update", "5m"]).contains("cannot be used with"));
}

#[test]
fn each_sync_is_told() {
    let csv = records(&done(&guide(&["--format", "csv", "--every", "tick"])));
    assert_eq!(csv.len(), 1 + 12 * 4 - 1, "the first sync is one period after the start");
    let at = |head: &str| csv[0].iter().position(|name| name == head).unwrap();
    assert_eq!(csv[0][..5], ["t_s", "users", "rps", "replicas", "ready"]);
    let (shown, desired) = (at("in_flight_current"), at("in_flight_desired"));
    let (cpu, latency) = (at("cpu_current"), at("latency_p95_current"));
    for row in &csv[5..] {
        let [shown, cpu, p95] = [shown, cpu, latency].map(|at| row[at].parse::<f64>().unwrap());
        assert!((5.0..20.0).contains(&shown) && (20.0..200.0).contains(&cpu), "{row:?}");
        assert!((0.1..0.5).contains(&p95), "{row:?}");
    }
    assert!(csv.iter().any(|row| row[desired] == "12" && row[at("decides")] == "in flight"));
    assert!(csv.iter().any(|row| row[at("held_back_by")] == "scale-up window"));
    let json = json(&guide(&["--format", "json", "--every", "tick"]));
    let ticks = json["ticks"].as_array().unwrap();
    assert_eq!(ticks.len() + 1, csv.len());
    assert_eq!(ticks[40]["metrics"]["in_flight"]["desired"].to_string(), csv[41][desired]);
    assert!(
        guide(&["--format", "json"]).stdout.len()
            < guide(&["--format", "json", "--every", "tick"]).stdout.len()
    );
    let said = refused(&["--users", "5", "--every", "tick"]);
    assert!(said.contains("write `--format csv` or `--format json`"), "{said}");
    assert!(refused(&["--matrix", "users=5", "--every", "tick"]).contains("cannot be used with"));
}
