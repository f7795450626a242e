//! `slogen simulate --replay` as users meet it: what it prints, what it refuses, and how it compares.

#![cfg(test)]

mod common;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use common::slogen;

/// Two small runs that were recorded from cases worked out by hand.
const RECORDED: &str = include_str!("simulate/replay.jsonl");

/// What `slogen simulate` prints of a file with this content.
fn simulate(content: &[u8], more: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("runs"), content).unwrap();
    slogen()
        .current_dir(folder.path())
        .args(["simulate", "--replay", "runs"])
        .args(more)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn packed(content: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(content).unwrap();
    packer.finish().unwrap()
}

/// The runs, as values to spoil.
fn runs() -> Vec<Value> {
    RECORDED.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn written(runs: &[Value]) -> String {
    runs.iter().map(|run| run.to_string() + "\n").collect()
}

#[test]
fn each_step_is_an_object_in_its_order() {
    let wanted = "\
{\"run\": 0, \"t\": 0, \"desired\": 3, \"error\": false}
{\"run\": 0, \"t\": 15, \"desired\": 3, \"error\": false}
{\"run\": 0, \"t\": 30, \"desired\": 3, \"error\": true}
{\"run\": 0, \"t\": 60, \"desired\": 4, \"error\": false}
{\"run\": 1, \"t\": 0, \"desired\": 4, \"error\": false}
{\"run\": 1, \"t\": 15.5, \"desired\": 4, \"error\": true}
";
    let output = simulate(RECORDED.as_bytes(), &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!((text(&output.stdout), text(&output.stderr)), (wanted.to_owned(), String::new()));
    for line in wanted.lines() {
        assert!(serde_json::from_str::<Value>(line).unwrap().is_object());
    }
    // Packed, also in several parts as `cat a.gz b.gz` makes it; with a byte order mark, and line ends of Windows.
    let (first, second) = RECORDED.split_at(RECORDED.find('\n').unwrap() + 1);
    let parts = [packed(first.as_bytes()), packed(second.as_bytes())].concat();
    let windows = format!("\u{feff}{}", RECORDED.replace('\n', "\r\n"));
    for content in [packed(RECORDED.as_bytes()), parts, windows.into_bytes()] {
        assert_eq!(text(&simulate(&content, &[]).stdout), wanted);
    }
    // An empty line is no run, but is a line.
    let output = simulate(format!("\n{first}\n{second}\n").as_bytes(), &[]);
    let runs = text(&output.stdout).lines().map(|line| line[..9].to_owned()).collect::<Vec<_>>();
    assert_eq!((&*runs[0], &*runs[5]), ("{\"run\": 1", "{\"run\": 3"));
}

#[test]
fn standard_input_is_read() {
    let mut child = slogen()
        .args(["simulate", "--replay", "-", "--compare"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&packed(RECORDED.as_bytes())).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(text(&output.stderr), "6 steps of 2 runs: all as recorded\n");
}

#[test]
fn a_comparison_ends_at_the_first_difference() {
    let output = simulate(RECORDED.as_bytes(), &["--compare"]);
    assert!(output.status.success() && output.stdout.is_empty(), "{}", text(&output.stderr));
    let mut runs = runs();
    runs[0]["steps"][3]["spec_after"] = json!(5);
    runs[1]["steps"][0]["spec_after"] = json!(6);
    let output = simulate(written(&runs).as_bytes(), &["--compare"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), String::new()));
    assert_eq!(
        text(&output.stderr),
        "run 0, t 60: expected 5, got 4: `cpu` asks for 5, ScaleUpLimit makes it 4\n"
    );
    // A changed HPA decides otherwise.
    runs[0] = runs[1].clone();
    runs[0]["hpa_spec_input"]["maxReplicas"] = json!(3);
    let output = simulate(written(&runs).as_bytes(), &["--compare"]);
    assert_eq!(
        text(&output.stderr),
        "run 0, t 0: expected 6, got 3: `queue` asks for 6, TooManyReplicas makes it 3; `p95` asks for 2\n"
    );
}

#[test]
fn many_runs_stay_in_order() {
    let many: String =
        (0..300).map(|_| RECORDED.lines().next().unwrap().to_owned() + "\n").collect();
    let output = simulate(many.as_bytes(), &[]);
    let runs = text(&output.stdout);
    let runs: Vec<u64> = runs
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["run"].as_u64().unwrap())
        .collect();
    assert!(runs.is_sorted() && runs.len() == 1200 && runs[1199] == 299);
}

#[test]
fn flags_and_defaults_are_heeded() {
    let desired = |run: &Value, at: usize| {
        let output = simulate(written(std::slice::from_ref(run)).as_bytes(), &[]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let line = text(&output.stdout).lines().nth(at).unwrap().to_owned();
        serde_json::from_str::<Value>(&line).unwrap()["desired"].clone()
    };
    let [cpu, queue]: [Value; 2] = runs().try_into().unwrap();
    // 90 % of 50 % from two pods is 4, one at a time 3. A tolerance that large leaves two.
    let mut run = cpu.clone();
    run["tolerance"] = json!(0.8);
    assert_eq!(desired(&run, 0), 2);
    run["hpa_spec_input"]["behavior"]["scaleUp"]["tolerance"] = json!("790m");
    assert_eq!(desired(&run, 0), 3);
    // Without a spec as written, that with defaults counts; without metrics it is 80 % of CPU.
    let mut run = cpu.clone();
    run["hpa_spec_defaulted"] = json!({ "maxReplicas": 4 });
    run["hpa_spec_input"].take();
    assert_eq!(desired(&run, 0), 3);
    // An empty behavior allows 4 more, none twice as many or 4.
    let mut run = queue;
    run["hpa_spec_input"]["behavior"] = json!({});
    assert_eq!(desired(&run, 0), 5);
    run["hpa_spec_input"]["behavior"] = Value::Null;
    assert_eq!(desired(&run, 0), 4);
    // During a rolling update an average is relative to all pods.
    run["steps"][0]["status_replicas"] = json!(6);
    run["steps"][0]["samples"]["queue"] = json!([190_000]);
    run["hpa_spec_input"]["behavior"] = json!({ "scaleUp": { "policies": [
        { "type": "Percent", "value": 900, "periodSeconds": 15 }] } });
    assert_eq!(desired(&run, 0), 6);
    // A container of its own, with its own request and samples.
    let mut run = cpu;
    run["hpa_spec_input"]["metrics"] = json!([{ "type": "ContainerResource", "containerResource": {
        "name": "cpu", "container": "app", "target": { "type": "Utilization", "averageUtilization": 50 } } }]);
    run["requests_milli"] = json!({ "app/cpu": 5000 });
    assert_eq!(desired(&run, 0), 2);
    for step in run["steps"].as_array_mut().unwrap() {
        step["samples"]["app/cpu"] = json!({ "a": 9000, "b": 9000 });
    }
    assert_eq!(desired(&run, 0), 3);
}

/// Fields of the first run, what is put in their place (nothing where they are left out), and what must be said.
const SPOILT: [(&str, &str, &str); 47] = [
    ("steps/2/t", "10", "`steps[2].t` `10` is not at least a second after `15`"),
    ("steps/1/t", "0", "`steps[1].t`"),
    ("steps/0/t", "-15", "`steps[0].t` `-15` is negative"),
    ("steps/3/t", "1e300", "`steps[3].t`"),
    ("steps/0/t", "", "missing field `t`"),
    ("steps/0/t", r#""0""#, "expected a JSON number"),
    ("steps", "", "missing field `steps`"),
    ("steps", "[]", "`steps` is empty"),
    ("hpa_spec_input", "", "`hpa_spec_input` is missing"),
    ("steps/0/spec_before", "-1", "`steps[0].spec_before` `-1` is negative"),
    ("steps/0/spec_before", "10000000000", "`10000000000`"),
    ("steps/0/samples/cpu/a", "-1", "`-1` is negative"),
    ("steps/0/samples/cpu/a", "-0.5", "`-0.5` is negative"),
    ("steps/0/samples/cpu/a", "18446744073709551615", "more than the controller can count"),
    ("steps/0/samples/cpu/a", "1e19", "more than the controller can count"),
    ("steps/0/samples/cpu", "", "`steps[0].samples` has no `cpu`"),
    ("steps/0/samples/cpu", r#""oops""#, r#"or "error""#),
    ("steps/0/samples/cpu", "[1]", "`steps[0].samples.cpu` is no object of pods"),
    ("steps/0/metric_window_s", "-1", "`steps[0].metric_window_s` is negative"),
    ("steps/0/pods/0/phase", r#""Walking""#, "`steps[0].pods[0].phase` `Walking`"),
    ("steps/0/pods/0/start_s", "1e300", "`steps[0].pods[0].start_s`"),
    ("steps/0/pods/0/trans_s", "", "`steps[0].pods[0].trans_s` is missing"),
    ("steps/0/pods/1/name", r#""a""#, "`steps[0].pods[1].name` `a` is the name of `pods[0]`"),
    ("cpu_request_milli", "-500", "`cpu_request_milli` `-500` is negative"),
    ("cpu_request_milli", "", "`cpu_request_milli` is missing"),
    ("requests_milli", r#"{"memory": -1}"#, "`requests_milli.memory` `-1` is negative"),
    ("tolerance", "-0.1", "`tolerance` `-0.1` is negative"),
    ("downscale_stabilization_s", "1000000", "`downscale_stabilization_s`"),
    ("hpa_spec_input/maxReplicas", "", "`hpa_spec_input.maxReplicas` is missing"),
    ("hpa_spec_input/maxReplicas", "0", "not even one replica"),
    ("hpa_spec_input/minReplicas", "7", "is less than `minReplicas`, 7"),
    ("hpa_spec_input/metrics/0/type", r#""Ressource""#, "`Ressource` is no type of metric"),
    ("hpa_spec_input/metrics/0/resource", "", "`hpa_spec_input.metrics[0].resource` is missing"),
    (
        "hpa_spec_input/metrics/0/resource/name",
        "",
        "`hpa_spec_input.metrics[0].resource.name` is missing",
    ),
    (
        "hpa_spec_input/metrics/0/resource/target/averageUtilization",
        "0",
        "`0` is not even one percent",
    ),
    (
        "hpa_spec_input/metrics/0/resource/target/averageUtilization",
        "",
        "sets nothing that a metric of type Resource knows",
    ),
    ("hpa_spec_input/metrics/0/resource/target/averageValue", r#""1x""#, "`1x` is no quantity"),
    (
        "hpa_spec_input/metrics/0/resource/target/averageValue",
        r#""99E""#,
        "more than the controller can count",
    ),
    (
        "hpa_spec_input/metrics/0/resource/target/type",
        r#""Percent""#,
        "`Percent` is no type of target",
    ),
    (
        "hpa_spec_input/behavior/scaleUp/policies",
        "[]",
        "`hpa_spec_input.behavior.scaleUp.policies` is empty",
    ),
    (
        "hpa_spec_input/behavior/scaleUp/policies/0/type",
        r#""Pod""#,
        "`Pod` is neither Pods nor Percent",
    ),
    ("hpa_spec_input/behavior/scaleUp/policies/0/value", "0", "`0` allows no change"),
    ("hpa_spec_input/behavior/scaleUp/policies/0/periodSeconds", "1801", "outside 1 to 1800"),
    ("hpa_spec_input/behavior/scaleUp/selectPolicy", r#""Most""#, "none of Max, Min and Disabled"),
    ("hpa_spec_input/behavior/scaleUp/stabilizationWindowSeconds", "3601", "outside 0 to 3600"),
    ("hpa_spec_input/behavior/scaleUp/tolerance", r#""-10m""#, "is below 0"),
    (
        "hpa_spec_input/behavior/scaleUp/tolerance",
        r#""7922816251426433759354395.5""#,
        "would accept any ratio",
    ),
];

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (path, value, wanted) in SPOILT {
        let mut runs = runs();
        let (above, field) = path.rsplit_once('/').unwrap_or(("", path));
        let above = if above.is_empty() { String::new() } else { format!("/{above}") };
        let fields = runs[0].pointer_mut(&above).unwrap().as_object_mut().unwrap();
        if value.is_empty() {
            fields.remove(field).unwrap();
        } else {
            fields.insert(field.to_owned(), serde_json::from_str(value).unwrap());
        }
        // On the second line, behind one that is right.
        runs.reverse();
        let output = simulate(written(&runs).as_bytes(), &[]);
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{path} {value}: {errors}");
        assert!(output.stdout.is_empty(), "{path} {value} prints something");
        let placed = errors.starts_with("error: runs:2:");
        assert!(placed && errors.contains(wanted), "{path} {value}: {errors}");
    }
}

#[test]
fn what_is_no_run_at_all_is_told_apart() {
    let first = RECORDED.lines().next().unwrap();
    let cut = packed(RECORDED.as_bytes());
    let mut damaged = cut.clone();
    let last = damaged.len() - 6;
    damaged[last] ^= 0xff;
    let nan = first.replace("\"a\":480", "\"a\":NaN");
    let column = nan.find("NaN").unwrap() + 1;
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("empty", Vec::new(), "`runs` holds no runs"),
        ("blank", b"\n \n".to_vec(), "`runs` holds no runs"),
        ("broken", b"{\"steps\": [}".to_vec(), "runs:1:12: expected"),
        ("text", b"hello".to_vec(), "runs:1:1: expected"),
        ("list", b"[]".to_vec(), "runs:1:"),
        ("cut off", first.as_bytes()[..900].to_vec(), "the line is cut off"),
        ("cut gzip", cut[..cut.len() / 2].to_vec(), "the gzip data is cut off"),
        ("damaged gzip", damaged, "the gzip data is damaged"),
        ("latin 1", b"{}\n\xe4".to_vec(), "line 2 is not UTF-8"),
    ];
    for (name, content, wanted) in cases {
        let output = simulate(&content, &[]);
        let errors = text(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{name}: {errors}");
        assert!(errors.contains(wanted), "{name}: {errors}");
    }
    let errors = text(&simulate(nan.as_bytes(), &[]).stderr);
    assert!(errors.starts_with(&format!("error: runs:1:{column}: NaN is no number")), "{errors}");
    // Each line is judged by itself, and not without end.
    let errors = text(&simulate("{}\n".repeat(15).as_bytes(), &[]).stderr);
    assert!(errors.contains("runs:10:") && errors.contains("5 more lines"), "{errors}");
    assert!(!errors.contains("runs:11:"), "{errors}");
    let missing = slogen().args(["simulate", "--replay", "nowhere"]).output().unwrap();
    assert!(text(&missing.stderr).contains("cannot read `nowhere`"));
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn a_bomb_does_not_go_off() {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    let zeros = vec![b' '; 1 << 20];
    for _ in 0..513 {
        packer.write_all(&zeros).unwrap();
    }
    let output = simulate(&packer.finish().unwrap(), &[]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    assert!(text(&output.stderr).contains("more than 512 MiB"));
}

#[test]
fn a_comparison_needs_what_to_compare_with() {
    let mut runs = runs();
    runs[1]["steps"][1].as_object_mut().unwrap().remove("spec_after");
    let output = simulate(written(&runs).as_bytes(), &["--compare"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("runs:2: `steps[1].spec_after` is missing"));
    assert!(simulate(written(&runs).as_bytes(), &[]).status.success());
}

#[test]
fn a_spec_that_is_not_heeded_is_mentioned() {
    let mut runs = runs();
    runs[0]["hpa_spec_defaulted"] = runs[0]["hpa_spec_input"].clone();
    assert!(simulate(written(&runs).as_bytes(), &[]).stderr.is_empty());
    runs[0]["hpa_spec_defaulted"]["maxReplicas"] = json!(9);
    let output = simulate(written(&runs).as_bytes(), &[]);
    assert!(output.status.success());
    assert!(text(&output.stderr).starts_with("note: runs:1: `hpa_spec_defaulted` differs"));
}

#[test]
fn without_a_recording_a_service_is_wanted() {
    let output = slogen().arg("simulate").current_dir(Path::new("/")).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("slo.toml"), "{}", text(&output.stderr));
}
