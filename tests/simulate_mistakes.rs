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
fn slogen_with(command: &str, arguments: &[&str], files: &[(&str, &[u8])], stdin: &str) -> Output {
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
        &[
            "--set scaling.max=2000000000:1:15",
            "`scaling.max` is 2,000,000,000, more pods",
            "at most `150000`",
            "--set scaling.max=100",
        ],
    );
    done(&simulate(&["--rps", "5", "--set", "scaling.max=150000"]));
}

#[test]
fn a_pod_never_earns_money() {
    let negative = ["--rps", "5", "--set", "simulate.cost_per_pod_hour=-0.12"];
    says(
        &refused(&simulate(&negative)),
        &["pod_hour=-0.12:1:30", "`cost_per_pod_hour` is -0.12", "such as `0.12`"],
    );
    says(&done(&simulate(&["--rps", "5", "--set", "simulate.cost_per_pod_hour=0"])), &["COST"]);
}

#[test]
fn standard_input_is_read_once() {
    let twice =
        |command: &str, arguments: &[&str]| refused(&slogen_with(command, arguments, &[], SERVICE));
    says(
        &twice("simulate", &["-", "--trace", "-"]),
        &["is the slo.toml and the load of `--trace`: give one of them as a file"],
    );
    says(
        &twice("simulate", &["--against", "-", "--trace", "-"]),
        &["is the service of `--against` and the load of `--trace`"],
    );
    says(&twice("simulate", &["-", "--rps", "5", "--against", "-"]), &["can be read once"]);
    says(&twice("tune", &["-", "--trace", "-"]), &["is the slo.toml and the load of `--trace`"]);
    says(
        &twice("simulate calibrate", &["--points", "-", "--points", "-"]),
        &["standard input can be read once, and is there twice"],
    );
    done(&slogen_with("simulate", &["-", "--rps", "5"], &[], SERVICE));
}

#[test]
fn a_minus_is_told_to_be_a_bad_value_and_no_unknown_option() {
    for arguments in [
        ["--rps", "5", "--stage", "-5m"],
        ["--users", "5", "--think", "-1s"],
        ["--rps", "5", "--update", "-5m"],
    ] {
        says(&refused(&simulate(&arguments)), &[arguments[2], "is not a duration"]);
    }
    let points = ["--points", "users=1 p50=93ms", "--think-time", "-1s"];
    let told = refused(&slogen_with("simulate calibrate", &points, &[], ""));
    says(&told, &["--think-time", "`-1s` is not a duration"]);
}

#[test]
fn whole_numbers_say_from_where_to_where_they_go() {
    for days in ["0", "-1", "1.5", "401", "NaN"] {
        let told = refused(&simulate(&["--daily", "40..300", "--days", days]));
        says(&told, &["--days", days, "write a whole number from 1 to 400"]);
    }
    for seed in ["-1", "1e3", "18446744073709551616"] {
        let told = refused(&simulate(&["--rps", "5", "--noise", "10%", "--seed", seed]));
        says(&told, &["--seed", seed, "write a whole number from 0 to 18446744073709551615"]);
    }
    for row in ["0", "-1", "now"] {
        let arguments = ["--rps", "5", "--write", "--pick", row];
        let told = refused(&slogen_with("tune", &arguments, &[], ""));
        says(&told, &["--pick", row, "write a whole number from 1 to 255"]);
    }
    let servers = ["--points", "users=1 p50=93ms", "--concurrency", "1e9"];
    let told = refused(&slogen_with("simulate calibrate", &servers, &[], ""));
    says(&told, &["--concurrency", "write a whole number from 1 to 10000"]);
    done(&simulate(&["--rps", "5", "--noise", "10%", "--seed", "18446744073709551615"]));
}

#[test]
fn nothing_is_a_setting_only_by_mistake() {
    says(&refused(&simulate(&["--rps", "5", "--set", ""])), &["--set", "key with no value"]);
}

#[test]
fn a_length_that_is_missing_is_said_to_be_missing() {
    says(
        &refused(&simulate(&["--rps", "5,6", "--stage", "5m,"])),
        &["a duration is missing; write one with its unit, such as `5m`, or take the comma out"],
    );
}

#[test]
fn one_is_no_plural() {
    let told = done(&simulate(&["--users", "1,2", "--spike", "+1@11m+1m", "--no-chart"]));
    says(&told, &["\n1 user ", "\n2 users ", "\nspike of 1 more user "]);
    let only = ["--matrix", "rps=5", "--assert", "p95 < 1s"];
    says(&text(&simulate(&only).stderr), &["holds: p95 < 1s in the only combination"]);
    let one = ["--rps", "5", "--update", "5m", "--set", "scaling.min=1", "--no-chart"];
    says(&done(&simulate(&one)), &["at least 1 pod is ready and at most 2 exist"]);
    says(
        &refused(&simulate(&["--rps", "5", "--stage", "5m,6m"])),
        &["2 lengths of stages do not fit 1 stage; write one, such as `5m`"],
    );
    let csv: &[(&str, &[u8])] = &[("points.csv", b"users,p95_ms\n1\n")];
    let told = refused(&slogen_with("simulate calibrate", &["--points", "points.csv"], csv, ""));
    says(&told, &["points.csv:2: the line has 1 field, and the header 2 columns"]);
    let fixed = SERVICE.replace("[simulate]", "[scaling]\nreplicas = 1\n\n[simulate]");
    says(
        &done(&slogen_with("simulate", &["-", "--rps", "5"], &[], &fixed)),
        &["there is 1 replica throughout"],
    );
}

#[test]
fn thousands_with_a_comma_are_no_two_stages() {
    says(
        &refused(&simulate(&["--users", "1,000"])),
        &["`000` has zeros in front", "thousands without a comma: `1000`"],
    );
    says(&refused(&simulate(&["--rps", "1e-300"])), &["`1e-300` is less than any service gets"]);
    done(&simulate(&["--users", "0,0.5"]));
}

#[test]
fn nothing_is_at_no_loss_where_nobody_said_what_a_loss_is() {
    let worker = r#"
profile = "worker"
[service]
name = "mailer"
image = "registry.example.com/mailer:v1"
[scaling]
min = 0
[[scaling.keda.triggers]]
type = "kafka"
metadata = { bootstrapServers = "k:9092", consumerGroup = "mailer", topic = "mail" }
[simulate]
service_time = "3ms"
startup = "60s"
"#;
    let told = done(&slogen_with("simulate", &["-", "--rps", "100..500"], &[], worker));
    says(
        &told,
        &["requests (", "were not answered", "pods were still starting, each of which takes 1m\n"],
    );
    assert!(!told.contains("at no loss"), "{told}");
    says(&done(&simulate(&["--users", "100"])), &["takes 1m, at no loss\n"]);
}

#[test]
fn traces_that_are_none_are_told_in_the_words_of_the_user() {
    let trace = |content: &[u8]| {
        refused(&slogen_with("simulate", &["--trace", "trace"], &[("trace", content)], ""))
    };
    says(
        &trace(b"t,rps\n0,1\n0.001,1\n0.002,5\n"),
        &["trace:4:1", "the trace ends 0.002s after its start", "multiply the times"],
    );
    says(&trace(b"[1,2"), &["expected a series: an object with `metric` and `values`"]);
    let pretty: &[(&str, &[u8])] = &[("runs", b"{\n  \"steps\": []\n}\n")];
    says(
        &refused(&slogen_with("simulate", &["--replay", "runs"], pretty, "")),
        &["expected a run: an object with `hpa_spec_input` and `steps`, all of it on one line"],
    );
}

#[test]
fn a_target_that_an_hpa_takes_for_0_is_refused() {
    let tiny = ["--rps", "100", "--set", "targets.in_flight.per_pod=1e-9"];
    says(
        &refused(&simulate(&tiny)),
        &["the target of in flight is 0 in thousandths", "`0.001` at least"],
    );
    let smallest = ["--rps", "100", "--set", "targets.in_flight.per_pod=0.001", "--no-chart"];
    says(&done(&simulate(&smallest)), &["in flight decides the number of replicas"]);
}
