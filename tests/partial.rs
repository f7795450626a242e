//! `slogen lint --partial` as those use it who pass whatever changed: what is no manifest is no matter, and what is
//! configured or declared counts as in a run over the whole.

#![allow(clippy::unwrap_used, reason = "a failure is the test's own")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// Exit code, standard output and standard error of `slogen lint --format concise` in `folder`.
fn lint(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slogen"));
    let command = command.current_dir(folder).args(["lint", "--format", "concise"]);
    let output = command.args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop, namespace: web}\nspec:\n  replicas: 3\n  selector: {matchLabels: {app: shop}}\n  template:\n    metadata: {labels: {app: shop}}\n    spec:\n      containers:\n      - name: shop\n        image: shop\n        startupProbe: {exec: {command: [a]}, failureThreshold: 9}\n";
const HPA: &str = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: shop, namespace: web}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}, maxReplicas: 3}\n";

#[test]
fn what_is_no_manifest_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (name, text) in [
        ("README.md", "apiVersion: [\n"),
        ("logo.png", "\u{1}apiVersion: {"),
        ("slogen.toml", "[lint]\nexclude = [\"vendor/**\"]\n"),
        (".github/workflows/ci.yaml", "on: push\njobs: [\n"),
        ("chart/values.yaml", "memory: 512m\n"),
        ("empty.yaml", ""),
        ("vendor/a.yaml", "apiVersion: [\n"),
    ] {
        write(folder, name, text);
        assert_eq!(
            lint(folder, &["--partial", "--force-exclude", name]),
            (0, String::new(), String::new()),
            "{name}"
        );
    }
    let template = "apiVersion: v1\nkind: {{ .Values.kind }}\nmetadata: [\n";
    write(folder, "chart/templates/a.yaml", template);
    let (code, out, err) = lint(folder, &["--per-file", "chart/templates/a.yaml"]);
    assert_eq!((code, out.as_str()), (0, ""));
    assert!(err.contains("is a template") && err.lines().count() == 1, "{err}");
    // Without the flag, what is named is read.
    assert!(lint(folder, &["--partial", "vendor/a.yaml"]).1.contains("input/syntax"));
    assert!(lint(folder, &["empty.yaml"]).2.contains("holds no manifests"));
}

#[test]
fn what_the_given_files_prove_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "a.yaml", DEPLOYMENT);
    write(folder, "b.yaml", HPA);
    let rules = |arguments: &[&str]| {
        let out = lint(folder, arguments).1;
        let rule = |line: &str| line.split(' ').nth(2).unwrap().to_owned();
        out.lines().map(rule).collect::<Vec<_>>()
    };
    assert!(rules(&["a.yaml"]).contains(&"hygiene/floating-image".to_owned()));
    assert_eq!(rules(&["--partial", "a.yaml"]), [""; 0]);
    assert_eq!(rules(&["--partial", "a.yaml", "b.yaml"]), ["scaling/static-replicas"]);
    assert_eq!(rules(&["--per-file", "a.yaml", "b.yaml"]), [""; 0]);
    // It takes back what the configuration says of a closed world.
    write(folder, "slogen.toml", "[lint]\nclosed_world = true\n");
    assert_eq!(rules(&["b.yaml"]), ["scaling/unknown-target"]);
    assert_eq!(rules(&["--partial", "b.yaml"]), [""; 0]);
    assert_eq!(lint(folder, &["--partial", "--closed-world", "b.yaml"]).0, 2);
}

#[test]
fn a_slo_toml_above_counts() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let slo = "profile = \"web\"\n[service]\nname = \"shop\"\nnamespace = \"web\"\nimage = \"a:1\"\n[probes]\nmodel_load = \"50s\"\n";
    write(folder, "slo.toml", slo);
    write(
        folder,
        "k8s/base/a.yaml",
        &DEPLOYMENT.replace("failureThreshold: 9", "failureThreshold: 4"),
    );
    let whole = lint(folder, &["."]).1;
    let told = "error probes/short-startup-budget start-up budget of container `shop` is 40 s, starting takes 50 s";
    assert!(whole.contains(told), "{whole}");
    for mode in ["--partial", "--per-file"] {
        let (code, out, err) = lint(folder, &[mode, "k8s/base/a.yaml"]);
        assert!(code == 1 && err.is_empty() && out.lines().count() == 1, "{out}{err}");
        assert!(whole.contains(&out), "{out}");
    }
}

/// Only a rule that had its say shows that nothing is hidden.
#[test]
fn a_suppression_is_unused_where_no_other_file_can_use_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let unused = |name: &str| {
        let text =
            DEPLOYMENT.replace("replicas: 3", &format!("replicas: 3 # slogen: ignore[{name}] why"));
        write(folder, "a.yaml", &text);
        lint(folder, &["--partial", "a.yaml"]).1.contains("hygiene/unused-ignore")
    };
    assert!(unused("resources/milli-memory") && unused("no-rule"));
    for name in ["scaling/static-replicas", "hygiene/floating-image", "scaling", "keda"] {
        assert!(!unused(name), "{name}");
    }
}
