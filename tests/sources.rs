//! What other tools make or take, linted: the output of Helm, and the folders and the output of kustomize.

#![allow(clippy::unwrap_used, reason = "a failure is the test's own")]

mod common;
mod installed;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use common::slogen;

/// What `helm template` prints: one document is fine, one is not.
const RENDERED: &str = "\
---
# Source: shop/templates/config.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: shop
data:
  script: |
    # Source: other/templates/script.yaml
---
# Source: shop/charts/api/templates/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
spec:
  replica: 3
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers: [{name: a, image: 'a:1', resources: {requests: {cpu: 1, memory: 1Gi}, limits: {memory: 1Gi}}}]
";

const TEMPLATE: &str = "shop/charts/api/templates/deployment.yaml";

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

fn lint(folder: &Path, arguments: &[&str], input: &str) -> Ran {
    let mut command = slogen();
    command.current_dir(folder).arg("lint").args(arguments);
    run(&mut command, input)
}

fn run(command: &mut Command, input: &str) -> Ran {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// The one finding of a report in JSON.
fn only(report: &str) -> Value {
    let mut report: Value = serde_json::from_str(report).unwrap();
    let found = report["findings"].as_array_mut().unwrap();
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

#[test]
fn what_helm_prints_is_reported_by_template() {
    let folder = tempfile::tempdir().unwrap();
    let lint = |arguments: &[&str]| lint(folder.path(), arguments, RENDERED);
    let human = lint(&["-"]);
    assert_eq!(human.code, Some(1));
    let origin = format!("  in:   Deployment `api`, rendered from {TEMPLATE}\n");
    assert!(human.out.starts_with("stdin:17:3: error: schema/unknown-field\n"), "{}", human.out);
    assert!(human.out.contains(&origin), "{}", human.out);
    assert!(!human.out.contains("config.yaml") && !human.out.contains("script.yaml"));
    let concise = lint(&["-", "--format", "concise"]).out;
    let wanted = format!(
        "stdin:17:3: error schema/unknown-field unknown field `spec.replica` (in Deployment `api`, rendered from \
         {TEMPLATE})\n"
    );
    assert_eq!(concise, wanted);

    let found = only(&lint(&["-", "--format", "json"]).out);
    assert_eq!((&found["file"], &found["line"]), (&TEMPLATE.into(), &17.into()));
    assert_eq!(found["rendered"], serde_json::json!({ "from": TEMPLATE, "text": "stdin" }));
    let sarif: Value = serde_json::from_str(&lint(&["-", "--format", "sarif"]).out).unwrap();
    let result = &sarif["runs"][0]["results"][0];
    let place = &result["locations"][0]["physicalLocation"];
    // Which line of the template it is, nobody knows.
    assert_eq!(place["artifactLocation"]["uri"], TEMPLATE);
    assert_eq!(place["region"]["startLine"], 1);
    assert!(result["message"]["text"].as_str().unwrap().ends_with(", stdin:17:3"));
    for (format, wanted) in [
        ("gitlab", format!("\"path\": \"{TEMPLATE}\"")),
        ("rdjson", format!("\"path\": \"{TEMPLATE}\"")),
        ("junit", format!("<testsuite name=\"{TEMPLATE}\"")),
    ] {
        let report = lint(&["-", "--format", format]).out;
        assert!(report.contains(&wanted), "{report}");
    }
}

#[test]
fn an_annotation_names_a_file_that_exists() {
    let folder = tempfile::tempdir().unwrap();
    let annotation = |folder: &Path, arguments: &[&str]| {
        let arguments = [arguments, &["--format", "github"]].concat();
        lint(folder, &arguments, RENDERED).out
    };
    let nowhere = annotation(folder.path(), &["-"]);
    assert!(nowhere.starts_with("::error title=slogen (schema/unknown-field)::"), "{nowhere}");
    assert!(nowhere.ends_with(&format!("rendered from {TEMPLATE}, stdin:17:3\n")), "{nowhere}");
    let template = folder.path().join(TEMPLATE);
    fs::create_dir_all(template.parent().unwrap()).unwrap();
    fs::write(&template, "").unwrap();
    let outside = annotation(folder.path(), &["-"]);
    assert!(outside.starts_with(&format!("::error file={TEMPLATE},title=")), "{outside}");
    let inside = annotation(&folder.path().join("shop"), &["-"]);
    assert!(
        inside.starts_with("::error file=charts/api/templates/deployment.yaml,title="),
        "{inside}"
    );
    fs::write(folder.path().join("all.yaml"), RENDERED).unwrap();
    let file = annotation(folder.path(), &["all.yaml"]);
    assert!(file.starts_with("::error file=all.yaml,line=17,col=3,"), "{file}");
}

#[test]
fn a_file_of_what_helm_printed_stays_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.yaml");
    fs::write(&file, RENDERED).unwrap();
    let lint = |arguments: &[&str]| lint(folder.path(), arguments, "");
    let human = lint(&["all.yaml"]).out;
    assert!(human.starts_with("all.yaml:17:3: error: "), "{human}");
    assert!(human.contains(&format!("a document rendered from {TEMPLATE}\n")), "{human}");
    let found = only(&lint(&["all.yaml", "--format", "json"]).out);
    assert_eq!(
        (&found["file"], &found["rendered"]["from"]),
        (&"all.yaml".into(), &TEMPLATE.into())
    );

    // A known finding stays known, also without the comments.
    assert_eq!(lint(&["all.yaml", "--write-baseline", "known.json"]).code, Some(0));
    assert_eq!(lint(&["all.yaml", "--baseline", "known.json"]).code, Some(0));
    fs::write(&file, RENDERED.replace("# Source: shop", "# Source, shop")).unwrap();
    assert_eq!(lint(&["all.yaml", "--baseline", "known.json"]).code, Some(0));

    fs::write(&file, RENDERED).unwrap();
    let mended = lint(&["all.yaml", "--fix"]);
    assert!(mended.err.starts_with("fixed all.yaml: "), "{}", mended.err);
    assert_eq!(fs::read_to_string(&file).unwrap(), RENDERED.replace("replica:", "replicas:"));
    let allowed = "  replica: 3 # slogen: ignore[schema/unknown-field] on purpose";
    fs::write(&file, RENDERED.replace("  replica: 3", allowed)).unwrap();
    assert_eq!(lint(&["all.yaml"]).code, Some(0));
}

#[test]
fn a_pipe_is_mended_into_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let mended = lint(folder.path(), &["-", "--fix"], RENDERED);
    assert_eq!(mended.out, RENDERED.replace("replica:", "replicas:"));
    let known = folder.path().join("known.json");
    assert_eq!(
        lint(folder.path(), &["-", "--write-baseline", "known.json"], RENDERED).code,
        Some(0)
    );
    assert!(fs::read_to_string(known).unwrap().contains("schema/unknown-field"));
    assert_eq!(lint(folder.path(), &["-", "--baseline", "known.json"], RENDERED).code, Some(0));
}

#[test]
fn no_other_comment_is_taken_for_helms() {
    let folder = tempfile::tempdir().unwrap();
    let concise = |text: &str| lint(folder.path(), &["-", "--format", "concise"], text);
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndatas: {}\n";
    let source = "# Source: shop/templates/a.yaml\n";
    for text in [
        format!("  {source}{object}"),
        format!("{object}{source}"),
        format!("{source}---\n{object}"),
        format!("---\n{source}---\n# only a comment\n---\n{object}"),
        format!("# Source: https://example.com/templates/a.yaml\n{object}"),
        format!("# Source: deploy/a.yaml\n{object}"),
        format!("# The Source: shop/templates/a.yaml\n{object}"),
        format!(
            "{{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {{\"name\": \"a\"}},\n{source}\"datas\": {{}}}}\n"
        ),
    ] {
        let ran = concise(&text);
        assert!(ran.out.ends_with("(in ConfigMap `a`)\n"), "{text}\n{}", ran.out);
        assert_eq!(ran.out.lines().count(), 1, "{text}\n{}", ran.out);
    }
    for text in [
        format!("{source}{object}"),
        format!("---\n\n# mine\n{source}\n{object}"),
        format!("{object}---\n{source}{object}").replace("name: a}\ndatas", "name: a}\ndata"),
        format!("---\r\n{source}{object}").replace('\n', "\r\n").replace("\r\r", "\r"),
    ] {
        let text = if text.matches("kind").count() > 1 { text + "datas: {}\n" } else { text };
        let ran = concise(&text);
        let wanted = "(in ConfigMap `a`, rendered from shop/templates/a.yaml)\n";
        assert!(ran.out.contains(wanted), "{text}\n{}", ran.out);
    }
    assert_eq!(concise(source).code, Some(0));
    // What cannot be read names its template, too.
    let broken = concise(&format!("---\n{source}apiVersion: v1\na: [\n"));
    assert!(
        broken.out.contains("(in a document rendered from shop/templates/a.yaml)"),
        "{}",
        broken.out
    );
}

#[test]
fn reports_of_pipes_are_merged_into_what_one_run_reports() {
    let folder = tempfile::tempdir().unwrap();
    let report = lint(folder.path(), &["-", "--format", "json"], RENDERED).out;
    fs::write(folder.path().join("report.json"), &report).unwrap();
    for format in ["json", "concise", "github", "gitlab"] {
        let mut command = slogen();
        command.current_dir(folder.path()).args([
            "report",
            "merge",
            "report.json",
            "--format",
            format,
        ]);
        let merged = run(&mut command, "");
        let whole = lint(folder.path(), &["-", "--format", format], RENDERED).out;
        assert_eq!(merged.out, whole, "{}", merged.err);
    }
}

fn overlays() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/overlays")
}

#[test]
fn what_kustomize_takes_apart_is_no_object() {
    for (folder, paths) in [
        ("", &["."][..]),
        ("", &["base", "overlays", "components"]),
        ("overlays/prod", &["."]),
        ("overlays/prod", &["patches"]),
        ("", &["overlays/prod/patches/hpa.yaml", "overlays/dev/deployment.yaml", "--partial"]),
        ("", &[".", "--per-file"]),
        ("overlays", &["dev/../prod", "dev"]),
    ] {
        let arguments = [paths, &["--format", "concise", "--fail-on", "info"]].concat();
        let ran = lint(&overlays().join(folder), &arguments, "");
        assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""), "{folder} {paths:?}: {}", ran.err);
    }
    // Not because nobody looks: the same patches, which no kustomization names.
    let folder = tempfile::tempdir().unwrap();
    for name in ["hpa.yaml", "resources.yaml", "delete.yaml"] {
        let patch = overlays().join("overlays/prod/patches").join(name);
        fs::copy(patch, folder.path().join(name)).unwrap();
    }
    let ran = lint(folder.path(), &["--format", "concise"], "");
    assert!(ran.out.contains("hpa.yaml:4:1: error schema/missing-field"), "{}", ran.out);
    // What deletes an object is known by itself.
    assert!(!ran.out.contains("delete.yaml"), "{}", ran.out);
    fs::write(
        folder.path().join("kustomization.yaml"),
        "resources: [hpa.yaml]\npatches: [{path: hpa.yaml}, {path: resources.yaml}]\n",
    )
    .unwrap();
    let ran = lint(folder.path(), &["--format", "concise"], "");
    assert!(
        ran.out.contains("hpa.yaml:4:1:") && !ran.out.contains("resources.yaml"),
        "{}",
        ran.out
    );
    // A patch that is no YAML is wrong all the same.
    fs::write(folder.path().join("resources.yaml"), "apiVersion: apps/v1\nkind: [\n").unwrap();
    let ran = lint(folder.path(), &["--format", "concise"], "");
    assert!(ran.out.contains("resources.yaml:2:7: error input/syntax"), "{}", ran.out);
}

#[test]
fn an_overlay_without_its_base_is_a_part() {
    let prod = overlays().join("overlays/prod");
    let ran = lint(&prod, &["--format", "concise"], "");
    assert!(ran.err.contains("builds on `../../base`, which is not linted"), "{}", ran.err);
    assert_eq!(ran.out, "");
    assert_eq!(lint(&overlays(), &[], "").err, "");

    // What the base may hold is not missed.
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    let deployment = fs::read_to_string(overlays().join("base/deployment.yaml")).unwrap();
    write(
        "prod/canary.yaml",
        &deployment.replace("spec:\n  selector", "spec:\n  replicas: 3\n  selector"),
    );
    let found = |arguments: &[&str]| {
        let arguments =
            [&["--format", "concise", "--select", "availability/missing-pdb"], arguments];
        lint(&folder.path().join("prod"), &arguments.concat(), "").out.lines().count()
    };
    write("prod/kustomization.yaml", "resources: [canary.yaml, 'https://example.com/base']\n");
    assert_eq!(found(&[]), 1);
    write("prod/kustomization.yaml", "resources: [canary.yaml, ../base]\n");
    // kustomize will say so.
    assert_eq!(found(&[]), 1);
    write("base/kustomization.yaml", "");
    assert_eq!(found(&[]), 0);
    // Who says that the input is all there is, is believed.
    assert_eq!(found(&["--closed-world"]), 1);
    assert_eq!(found(&[".", "../base"]), 1);
}

#[test]
fn what_kustomize_builds_is_named() {
    let Some(kubectl) = installed::tool("kubectl") else { return };
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "kustomization.yaml",
        "deployment.yaml",
        "service.yaml",
        "hpa.yaml",
        "pdb.yaml",
        "config.yaml",
    ] {
        fs::copy(overlays().join("base").join(name), folder.path().join(name)).unwrap();
    }
    let file = folder.path().join("hpa.yaml");
    let hpa = fs::read_to_string(&file).unwrap();
    fs::write(file, hpa.replace("name: shop}\n  min", "name: shopp}\n  min")).unwrap();
    let built = run(
        Command::new(kubectl).arg("kustomize").arg(folder.path()).env("HOME", folder.path()),
        "",
    );
    assert_eq!(built.code, Some(0), "{}", built.err);
    let ran =
        lint(folder.path(), &["-", "--format", "concise", "--fail-on", "warning"], &built.out);
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    let line = built.out.lines().position(|line| line.contains("name: shopp")).unwrap() + 1;
    assert!(ran.out.contains(&format!("stdin:{line}:")), "{}", ran.out);
    assert!(ran.out.lines().all(|line| line.contains("(in ")), "{}", ran.out);
    assert!(ran.out.contains("(in HorizontalPodAutoscaler `shop`)"), "{}", ran.out);
}
