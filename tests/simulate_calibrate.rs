//! `slogen simulate calibrate` as users see it.

#![cfg(test)]

mod common;

use std::fs;
use std::io::Write;
use std::process::{Output, Stdio};

use common::slogen;

/// One user, half load, and saturation, of a service with 7 ms on one of 2 servers and a floor of 90 ms.
const POINTS: &str = "users=1 p50=93ms p95=146ms; users=70 rps=220 p95=155ms cpu=1.35; \
                      users=150 replicas=2 rps=440 p95=185ms; users=120 rps=280 p95=570ms";

fn calibrate(args: &[&str]) -> Output {
    slogen().args(["simulate", "calibrate"]).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The value of a key in seconds, or as the number it is.
fn value(section: &str, key: &str) -> f64 {
    let line = section.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap();
    let value = line.split([' ', '"']).filter(|part| !part.is_empty()).nth(2).unwrap();
    let milli = value.strip_suffix("ms").map(|value| value.parse::<f64>().unwrap() / 1e3);
    milli.unwrap_or_else(|| value.trim_end_matches('s').parse().unwrap())
}

#[test]
fn a_load_test_becomes_a_section_that_slo_toml_takes() {
    let output = calibrate(&["--think-time", "220ms", "--points", POINTS]);
    let (section, report) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{report}");
    for (key, wanted, within) in [
        ("floor", 0.090, 0.1),
        ("cpu_per_request", 0.0061, 0.02),
        ("think_time", 0.22, 0.0),
        ("service_time", 0.007, 0.35),
    ] {
        let found = value(section, key);
        assert!(
            (found / wanted - 1.0_f64).abs() <= within + 1e-9,
            "{key}: {found}\n{section}{report}"
        );
    }
    let capacity = value(section, "concurrency") / value(section, "service_time");
    assert!((270.0..300.0).contains(&capacity), "{capacity}\n{section}{report}");
    assert!(report.contains("point 4 (users=120 rps=280 p95=570ms):\n  rps "), "{report}");
    assert!(report.contains("note: one pod serves 2") && !report.contains("warning"), "{report}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("slo.toml");
    let init = slogen().arg("init").args(["--profile", "inference", "-o"]).arg(&file).output();
    assert!(init.unwrap().status.success());
    fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(&output.stdout).unwrap();
    let render = slogen().args(["render", "-f"]).arg(&file).output().unwrap();
    assert!(render.status.success(), "{}", text(&render.stderr));
}

#[test]
fn tables_come_from_files_and_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let table = "users,replicas,rps,p50_ms,p95_ms,cpu\n1,1,,93,146,\n70,1,220,,155,1.35\n150,2,440,,185,\n120,1,280,,570,\n";
    fs::write(folder.path().join("load.csv"), table).unwrap();
    let there = calibrate(&["--think-time", "220ms", "--points", POINTS]);
    let mut command = slogen();
    command.current_dir(&folder);
    command.args(["simulate", "calibrate", "--think-time", "220ms", "--points"]);
    let file = command.arg("load.csv").output().unwrap();
    assert!(file.status.success() && file.stdout == there.stdout, "{}", text(&file.stderr));
    assert!(text(&file.stderr).contains("load.csv:5 (120,1,280,,570,):"));

    let mut command = slogen();
    command.args(["simulate", "calibrate", "--think-time", "220ms", "--points", "-"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(table.as_bytes()).unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, there.stdout);
}

#[test]
fn what_cannot_be_used_is_told_and_nothing_is_printed() {
    for (args, wanted) in [
        (
            &["--points", "users=1 p50=80ms p95=65ms"][..],
            "error: point 1: p95 (0.065 s) is below p50 (0.08 s)",
        ),
        (&["--points", "rps=1 p95=1s", "--points", "rps=NaN p95=1s"], "error: point 2: `rps=NaN`"),
        (&["--points", "users=9 think=1s rps=50 p95=1s"], "more than 9 users can send"),
        (&["--points", "users=9 p95=1s"], "error: point 1: it says `users`, but neither"),
        (&["--points", "rps=1 cpu=12% p95=1s"], "--cpu-request"),
        (&["--points", "none.csv"], "cannot read `none.csv`: there is no such file"),
        (&["--points", "."], "it is a directory"),
        (&["--points", ""], "cannot read ``"),
        (&["--points", "rps=1 p95=1s", "--think-time", "1"], "`1` has no unit"),
        (
            &["--points", "rps=1 p95=1s", "--concurrency", "0"],
            "write a whole number from 1 to 10000",
        ),
        (&["--points", "rps=1 p95=1s", "--cpu-request", "500"], "500 whole cores"),
        (&[], "--points"),
    ] {
        let output = calibrate(args);
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {errors}");
        assert!(output.stdout.is_empty(), "{args:?}");
        assert!(errors.contains(wanted), "{args:?}: {errors}");
    }
    // One or the other.
    let both =
        slogen().args(["simulate", "--replay", "x", "calibrate", "--points", "rps=1"]).output();
    assert_eq!(both.unwrap().status.code(), Some(2));
    let none = slogen().arg("simulate").output().unwrap();
    assert!(none.status.code() == Some(2) && text(&none.stderr).contains("slo.toml"));
}
