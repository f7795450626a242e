//! `slogen simulate` on a slo.toml, as users meet it.

#![cfg(test)]

mod common;

use std::fs;
use std::process::Output;

use serde_json::Value;

use common::slogen;

const SIMULATE: &str = include_str!("simulate/model.toml");

const GUIDE: [&str; 4] = ["--users", "50,100,200", "--stage", "240s"];

/// `slogen simulate` in a folder with the reference slo.toml and `more` behind it.
fn simulate(more: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{}{more}", include_str!("golden/inference/slo.toml"));
    fs::write(folder.path().join("slo.toml"), text).unwrap();
    slogen().current_dir(folder.path()).arg("simulate").args(arguments).output().unwrap()
}

fn guide(arguments: &[&str]) -> Output {
    simulate(SIMULATE, &[&GUIDE, arguments].concat())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_guide_in_one_command() {
    let output = guide(&[]);
    assert!(output.status.success());
    let told = text(&output.stdout);
    let row = |name: &str| -> Vec<String> {
        let line = told.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().map(str::to_owned).collect()
    };
    // STAGE is two words; then USERS RPS MIN MEAN MAX.
    assert_eq!(row("50 users")[4..7], ["3", "3.0", "3"]);
    assert!(["5", "6"].contains(&&*row("100 users")[6]), "{told}");
    assert!(["10", "11", "12"].contains(&&*row("200 users")[6]), "{told}");
    for word in ["What decides:", "in flight", "Taken for granted:", "±25 %"] {
        assert!(told.contains(word), "no `{word}` in {told}");
    }
}

#[test]
fn what_programs_read_says_the_same() {
    let json: Value = serde_json::from_slice(&guide(&["--format", "json"]).stdout).unwrap();
    let stages = json["stages"].as_array().unwrap();
    let most: Vec<_> =
        stages.iter().map(|stage| stage["replicas"]["max"].as_i64().unwrap()).collect();
    assert_eq!(most[0], 3);
    assert!((5..=6).contains(&most[1]) && (10..=12).contains(&most[2]), "{most:?}");
    assert_eq!(json["minutes"].as_array().unwrap().len(), 12);
    let csv = text(&guide(&["--format", "csv"]).stdout);
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 13);
    assert!(rows.iter().all(|row| row.len() == rows[0].len()));
    assert_eq!(rows[0][..2], ["t_s", "users"]);
    let replicas = rows[0].iter().position(|name| *name == "replicas").unwrap();
    assert_eq!(rows[12][replicas], most[2].to_string());
}

#[test]
fn pictures_are_whole_files() {
    let page = text(&guide(&["--format", "html"]).stdout);
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("</html>"));
    assert!(text(&guide(&["--format", "svg"]).stdout).trim_end().ends_with("</svg>"));
}

#[test]
fn assertions_decide_the_exit_code() {
    let kept = guide(&["--assert", "p95 < 400ms", "--assert", "replicas <= 12"]);
    assert_eq!(kept.status.code(), Some(0));
    assert!(text(&kept.stderr).contains("holds: p95 < 400ms ("));
    let broken = guide(&["--assert", "replicas <= 4", "--assert", "cost < 100"]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(text(&broken.stderr).contains("fails: replicas <= 4 ("));
}

#[test]
fn what_if_settings_count() {
    let json: Value =
        serde_json::from_slice(&guide(&["--set", "scaling.max=7", "--format", "json"]).stdout)
            .unwrap();
    assert_eq!(json["total"]["replicas"]["max"], 7);
    let output = guide(&["--set", "scaling.maks=7"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    assert!(text(&output.stderr).contains("did you mean `max`?"));
}

#[test]
fn clients_give_up() {
    let total = |arguments: &[&str]| {
        let load = ["--rps", "200,6000,200", "--set", "scaling.max=4", "--format", "json"];
        let output = simulate(SIMULATE, &[&load, arguments].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        let seconds = |key: &str| json["total"]["latency"]["p95"][key].as_f64().unwrap();
        (json["total"]["failed"].as_f64().unwrap(), seconds("above_s"))
    };
    let (patient, long) = total(&[]);
    let (failed, short) = total(&["--set", "simulate.client_timeout=2s"]);
    // Whoever waits for ever is answered in the end; whoever gives up leaves the pods free for others.
    assert!(patient == 0.0 && failed > 1e6 && short < long, "{patient} {failed} {short} {long}");
}

#[test]
fn what_is_missing_is_said() {
    for (more, arguments, why) in [
        ("", &["--users", "5"][..], "service_time"),
        (SIMULATE, &[], "nothing says what clients offer"),
        (SIMULATE, &["--users", "NaN"], "NaN"),
        (SIMULATE, &["--users", "-3"], "-3"),
        (SIMULATE, &["--users", "5", "--assert", "p99 < 1s"], "no target for p99"),
        (SIMULATE, &["--users", "5", "--assert", "p95"], "compares nothing"),
        (SIMULATE, &["--users", "5", "--rps", "5"], "--rps"),
        (SIMULATE, &["missing.toml", "--users", "5"], "missing.toml"),
        (SIMULATE, &["--rps", "5", "--set", "simulate.client_timeout=0s"], "at least twice"),
    ] {
        let output = simulate(more, arguments);
        let said = text(&output.stderr);
        assert_eq!(
            (output.status.code(), output.stdout.len()),
            (Some(2), 0),
            "{arguments:?}: {said}"
        );
        assert!(said.contains(why), "{arguments:?}: {said}");
    }
}

#[test]
fn a_queue_that_the_end_cuts_off_is_told() {
    let told = |rps: &str, format: &str| {
        let load = ["--rps", rps, "--stage", "10m", "--set", "scaling.replicas=3"];
        text(&simulate(SIMULATE, &[&load[..], &["--format", format]].concat()).stdout)
    };
    let run: Value = serde_json::from_str(&told("3000", "json")).unwrap();
    let count = |value: &Value| value.as_f64().unwrap();
    let left = count(&run["left_waiting"]);
    let all = count(&run["total"]["answered"]) + count(&run["total"]["failed"]) + left;
    assert!(left > 1e6 && (all - 3000.0 * 600.0).abs() < 1.0, "{left} of {all}");
    assert!(told("3000", "table").contains("the run ends while 1,5"), "{}", told("3000", "table"));
    // 97 % of what the pods can serve: the queue is short, and stays so.
    assert!(!told("450", "table").contains("still wait"), "{}", told("450", "table"));
}

#[test]
fn a_target_that_is_missed_for_want_of_pods_says_so() {
    let queue = "\n[outputs]\nservice = false\n\n[[scaling.keda.triggers]]\ntype = \"kafka\"\n\
                 metadata = { bootstrapServers = \"k:9092\", consumerGroup = \"g\", topic = \"t\", lagThreshold = \"5\" }\n";
    let asleep = ["--set", "scaling.backend=\"keda\"", "--set", "scaling.min=0"];
    let load = ["--rps", "50", "--stage", "5m", "--no-chart"];
    let output = simulate(&[SIMULATE, queue].concat(), &[&load[..], &asleep].concat());
    let told = text(&output.stdout);
    assert!(
        told.contains("for 5m, as nothing was answered; that spends"),
        "{told}{}",
        text(&output.stderr)
    );
}
