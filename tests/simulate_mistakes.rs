//! `slogen simulate` in the hands of somebody who makes every mistake: each is named, nothing is printed, nothing falls over.

#![cfg(test)]

mod common;

use std::fs;
use std::io::Write;
use std::process::{Output, Stdio};

use common::slogen;

const SERVICE: &str = r#"profile = "inference"

[service]
name = "inference"
image = "registry.example.com/inference:slo-v1"

[targets]
latency = [{ percentile = 95, below = "350ms" }]
in_flight = { per_pod = 10 }

[simulate]
floor = "100ms"
service_time = "3ms"
concurrency = 2
startup = "60s"
"#;

/// `slogen COMMAND` in a folder with the service as slo.toml and `files`, with `stdin` on standard input.
fn slogen_with(
    command: &str,
    arguments: &[&str],
    files: &[(&str, &[u8])],
    stdin: &str,
) -> Output {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("slo.toml"), SERVICE).unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    let mut slogen = slogen()
        .current_dir(folder.path())
        .args(command.split(' '))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Whoever does not read it has closed the pipe.
    let _ = slogen.stdin.take().unwrap().write_all(stdin.as_bytes());
    slogen.wait_with_output().unwrap()
}

fn simulate(arguments: &[&str]) -> Output {
    slogen_with("simulate", arguments, &[], "")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What standard error says of something that is refused.
fn refused(output: &Output) -> String {
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert_eq!(text(&output.stdout), "", "{told}");
    told
}

fn done(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[track_caller]
fn says(told: &str, parts: &[&str]) {
    for part in parts {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
}

#[test]
fn more_pods_than_a_cluster_holds_are_refused_before_they_fill_the_memory() {
    let huge = ["--rps", "5", "--set", "scaling.max=2000000000", "--set", "scaling.min=1900000000"];
    says(
        &refused(&simulate(&huge)),
        &["`scaling.max` is 2,000,000,000, more pods", "at most `150000`", "--set scaling.max=100"],
    );
    done(&simulate(&["--rps", "5", "--set", "scaling.max=150000"]));
}

#[test]
fn a_pod_never_earns_money() {
    let negative = ["--rps", "5", "--set", "simulate.cost_per_pod_hour=-0.12"];
    says(&refused(&simulate(&negative)), &["`cost_per_pod_hour` is -0.12", "such as `0.12`"]);
    says(
        &done(&simulate(&["--rps", "5", "--set", "simulate.cost_per_pod_hour=0"])),
        &["COST"],
    );
}
