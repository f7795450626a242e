//! `slogen tune` as users meet it: what it proposes, what it writes, and what it refuses.

#![cfg(test)]

mod common;

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use common::slogen;

const SERVICE: &str = r#"# the service of the forecasting team
profile = "inference"

[service]
name = "inference"
image = "registry.example.com/inference:slo-v1"

[targets]
latency = [{ percentile = 95, below = "350ms" }] # what users bear
in_flight = { per_pod = 10 } # agreed with the team

[scaling] # reviewed every spring
min = 3   # nodes may fail

[scaling.down]
policies = [
    "1 pod / 60s", # one by one
    "10% / 120s",
]

[simulate] # measured in June
floor = "100ms"
floor_variation = 0.35
service_time = "3ms"
concurrency = 2
cpu_per_request = "3ms"
startup = "60s"
cost_per_pod_hour = 0.12

[env.prod.scaling]
max = 30 # quota
"#;

const LOAD: [&str; 6] = ["--rps", "200", "--stage", "1h", "--spike", "1500@10m+5m"];

/// `slogen tune` in `folder`.
fn tune(folder: &Path, arguments: &[&str]) -> Output {
    slogen().current_dir(folder).arg("tune").args(arguments).output().unwrap()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("slo.toml"), SERVICE).unwrap();
    folder
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The place of the proposal among the settings.
fn place(told: &Value) -> usize {
    usize::try_from(told["proposal"].as_u64().unwrap()).unwrap()
}

/// Pod-hours that `slogen simulate` finds under the same load.
fn pod_hours(folder: &Path, more: &[&str]) -> f64 {
    let mut command = slogen();
    command.current_dir(folder).args(["simulate", "--format", "json"]).args(LOAD).args(more);
    json(&command.output().unwrap())["total"]["pod_hours"].as_f64().unwrap()
}

/// The comments of a TOML text, in order.
fn comments(text: &str) -> Vec<String> {
    let after = |line: &str| line.split_once('#').map(|(_, comment)| comment.trim().to_owned());
    text.lines().filter_map(after).collect()
}

#[test]
fn what_is_written_is_what_was_promised_and_comments_stay() {
    let folder = folder();
    let before = pod_hours(folder.path(), &[]);
    let told = json(&tune(folder.path(), &[&LOAD[..], &["--format", "json", "--write"]].concat()));
    let proposal = &told["front"][place(&told)];
    let promised = proposal["pod_hours"].as_f64().unwrap();
    assert!(promised < 0.9 * before, "{promised} for {before}");
    assert!(proposal["keeps"].as_bool().unwrap());
    assert!((pod_hours(folder.path(), &[]) - promised).abs() < 1e-9);
    let written = fs::read_to_string(folder.path().join("slo.toml")).unwrap();
    assert_ne!(written, SERVICE);
    assert_eq!(comments(&written), comments(SERVICE));
    // Only what was announced: every other line is as it was.
    let keys: Vec<&str> = proposal["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["key"].as_str().unwrap().rsplit('.').next().unwrap())
        .collect();
    let lost = SERVICE.lines().filter(|line| !written.lines().any(|other| other == *line));
    for line in lost {
        let policies = keys.contains(&"policies") && line.contains('/');
        assert!(policies || keys.iter().any(|key| line.contains(key)), "{line}: {keys:?}");
    }
}

#[test]
fn an_overlay_is_tuned_by_itself() {
    let folder = folder();
    let base = pod_hours(folder.path(), &[]);
    let output = tune(folder.path(), &[&LOAD[..], &["--env", "prod", "--write"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("wrote "), "{}", text(&output.stderr));
    let written = fs::read_to_string(folder.path().join("slo.toml")).unwrap();
    assert!(written.contains("[env.prod.scaling") && written.contains("max = 30 # quota"));
    assert!((pod_hours(folder.path(), &[]) - base).abs() < 1e-9, "the base is as it was");
    assert!(pod_hours(folder.path(), &["--env", "prod"]) < 0.9 * base);
}

#[test]
fn without_write_nothing_is_written() {
    let folder = folder();
    let output = tune(folder.path(), &LOAD);
    assert!(output.status.success());
    let told = text(&output.stdout);
    assert!(told.contains("is the cheapest setting that keeps the targets"), "{told}");
    assert_eq!(fs::read_to_string(folder.path().join("slo.toml")).unwrap(), SERVICE);
}

#[test]
fn any_row_may_be_written() {
    let folder = folder();
    let told = json(&tune(folder.path(), &[&LOAD[..], &["--format", "json"]].concat()));
    let front = told["front"].as_array().unwrap();
    assert!(front.len() > 1, "{told}");
    let other = (0..front.len()).find(|at| *at != place(&told)).unwrap();
    let row = (other + 1).to_string();
    let output = tune(folder.path(), &[&LOAD[..], &["--write", "--pick", &row]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let wanted = front[other]["pod_hours"].as_f64().unwrap();
    assert!((pod_hours(folder.path(), &[]) - wanted).abs() < 1e-9);
}

#[test]
fn what_is_kept_is_not_changed() {
    let folder = folder();
    let keep = ["--keep", "in_flight,down", "--keep", "min", "--format", "json"];
    let told = json(&tune(folder.path(), &[&LOAD[..], &keep].concat()));
    for setting in told["front"].as_array().unwrap() {
        for change in setting["changes"].as_array().unwrap() {
            let key = change["key"].as_str().unwrap();
            assert!(key == "scaling.max" || key.starts_with("scaling.up."), "{key}");
        }
    }
}

#[test]
fn rows_of_csv_have_all_columns() {
    let folder = folder();
    let output = tune(folder.path(), &[&LOAD[..], &["--format", "csv"]].concat());
    let told = text(&output.stdout);
    let mut lines = told.split("\r\n").filter(|line| !line.is_empty());
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!((head[0], *head.last().unwrap()), ("setting", "changes"));
    let rows: Vec<&str> = lines.collect();
    assert!(rows.len() > 1 && rows[0].starts_with("now,false,true,"), "{told}");
    for row in rows {
        // The last cell is quoted, and may hold commas.
        let (plain, quoted) = row.split_once('"').unwrap();
        assert_eq!(plain.matches(',').count(), head.len() - 1, "{row}");
        assert!(quoted.ends_with('"'), "{row}");
    }
}

#[test]
fn no_setting_does_what_none_can() {
    let folder = folder();
    let output = tune(folder.path(), &["--rps", "100000", "--keep", "up,down", "--write"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("no setting that was tried keeps the targets"));
    assert_eq!(fs::read_to_string(folder.path().join("slo.toml")).unwrap(), SERVICE);
    let output = tune(
        folder.path(),
        &[&LOAD[..], &["--assert", "replicas >= 400", "--keep", "in_flight,up,down"]].concat(),
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn mistakes_are_told_and_nothing_is_printed() {
    let folder = folder();
    let cases: [(&[&str], &str); 13] = [
        (&[], "nothing says what clients offer"),
        (&["--rps", "nan"], "is no value"),
        (&["--daily", "4..40", "--days", "400"], "take 31 days at the most"),
        (&["--rps", "5", "--keep", "pods"], "there are `min`, `max`, `in_flight`, `up` and `down`"),
        (&["--rps", "5", "--range", "min=9..3"], "write `min=3..9`"),
        (&["--rps", "5", "--margin", "30"], "write a percentage"),
        (&["--rps", "5", "--spend", "-1%"], "write a percentage"),
        (&["--rps", "5", "--assert", "p99 < 1s"], "there is `p95`"),
        (&["--rps", "5", "--write", "--pick", "99"], "there is no row 99"),
        (&["--rps", "5", "--set", "scaling.max=9", "--write"], "cannot be used with"),
        (&["-", "--rps", "5", "--write"], "standard input cannot be written"),
        (&["nowhere.toml", "--rps", "5"], "there is no such file"),
        (&["--rps", "5", "--keep", "min,max,in_flight,up,down"], "nothing is left to choose from"),
    ];
    for (arguments, why) in cases {
        let output = tune(folder.path(), arguments);
        let told = text(&output.stderr);
        assert_eq!(
            (output.status.code(), output.stdout.len()),
            (Some(2), 0),
            "{arguments:?} {told}"
        );
        assert!(told.contains(why), "{arguments:?}: {told}");
    }
    assert_eq!(fs::read_to_string(folder.path().join("slo.toml")).unwrap(), SERVICE);
}

#[test]
fn a_service_without_model_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let without = SERVICE.split("[simulate]").next().unwrap();
    fs::write(folder.path().join("slo.toml"), without).unwrap();
    let output = tune(folder.path(), &LOAD);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("service_time"), "{}", text(&output.stderr));
}

/// What `slogen tune` says of a command line that it refuses.
fn refused(arguments: &[&str]) -> String {
    let output = tune(folder().path(), arguments);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
    assert!(output.stdout.is_empty());
    text(&output.stderr)
}

#[test]
fn a_range_that_would_count_for_nothing_is_refused() {
    for (arguments, wanted) in [
        (&["--range", "min=3..10", "--range", "min=3..4"][..], "`min` of `--range` is there twice"),
        (&["--range", "min=3..10", "--keep", "min"], "`min` of `--range` is what `--keep` leaves"),
        (&["--range", "min=6000..7000"], "`min` of `--range` begins above 5000 replicas"),
        (
            &["--range", "up=1m..5m", "--set", "scaling.up.select=disabled"],
            "`up` of `--range` changes",
        ),
        (
            &["--range", "in_flight=5..9", "--set", "scaling.scale_on=[\"cpu\"]"],
            "not scaled on requests",
        ),
    ] {
        let told = refused(&[&["--rps", "5"], arguments].concat());
        assert!(told.contains(wanted), "{arguments:?}: {told}");
    }
    let fixed = folder();
    let service = SERVICE.replace("min = 3 ", "replicas = 3 ");
    let service = service.split("[scaling.down]").next().unwrap().to_owned()
        + "[simulate]"
        + service.split("[simulate]").nth(1).unwrap().split("[env").next().unwrap();
    fs::write(fixed.path().join("slo.toml"), service).unwrap();
    let output = tune(fixed.path(), &["--rps", "5", "--range", "max=3..5"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains("nothing scales the service; write `min`, which is `scaling.replicas`"),
        "{told}"
    );
    assert!(tune(fixed.path(), &["--rps", "5", "--range", "min=2..5"]).status.success());
}

#[test]
fn a_load_without_requests_proves_nothing() {
    assert!(refused(&["--rps", "0"]).contains("the load has no requests"));
}

#[test]
fn a_condition_that_cannot_hold_is_named() {
    let output = tune(folder().path(), &["--rps", "100", "--assert", "p95 < 1ms"]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("what `--assert` asks for"), "{told}");
    assert!(told.contains("p95 < 1ms (168 ms in the minute from"), "{told}");
    assert!(!told.contains("--range max"), "{told}");
    let both = ["--rps", "1000000", "--assert", "replicas <= 1"];
    let told = text(&tune(folder().path(), &both).stdout);
    assert!(told.contains("no setting that was tried keeps the targets"), "{told}");
    assert!(told.contains("beside that, replicas <= 1 ("), "{told}");
}

#[test]
fn a_share_without_its_sign_is_told_what_it_lacks() {
    assert!(
        refused(&["--rps", "5", "--spend", "10"])
            .contains("`10` is no such percentage; write a percentage from")
    );
    assert!(refused(&["--rps", "5", "."]).contains("`.` is a folder"));
}

#[test]
fn a_read_only_file_stays_as_it_is() {
    let folder = folder();
    let file = folder.path().join("slo.toml");
    let mut permissions = fs::metadata(&file).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&file, permissions).unwrap();
    let output = tune(folder.path(), &["--rps", "5", "--write"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(output.stdout.is_empty());
    assert!(
        told.contains("`slo.toml` is read-only; make it writable (`chmod u+w slo.toml`)"),
        "{told}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), SERVICE);
}
