//! slogen inside of kustomize and kpt: recorded lists in and out, the real kubectl and kpt, and lists that are broken.
//!
//! `SLOGEN_BLESS=1 cargo test --test kustomize` records the outputs anew; read the difference before you commit it.

#![cfg(test)]

mod common;
mod installed;

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use common::{documents, id, list, of_kind};
use proptest::prelude::*;
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_slogen");

/// A folder with the slo.toml of the reference case.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("slo.toml"), include_str!("golden/inference/slo.toml")).unwrap();
    folder
}

fn feed(command: &mut Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn krm(folder: &Path, arguments: &[&str], input: &str) -> Output {
    feed(Command::new(BINARY).env_clear().args(arguments).current_dir(folder), input)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn recorded(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/krm").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A recorded input gives its recorded output, byte for byte, with `slogen krm` and with no arguments at all.
#[track_caller]
fn answers(name: &str, code: i32) -> (String, String) {
    let folder = folder();
    let input = recorded(&format!("{name}.in.yaml"));
    let output = krm(folder.path(), &["krm"], &input);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{name}: {err}");
    let bare = krm(folder.path(), &[], &input);
    assert_eq!(
        (bare.status.code(), &bare.stdout),
        (Some(code), &output.stdout),
        "without arguments"
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/krm/{name}.out.yaml"));
    if std::env::var_os("SLOGEN_BLESS").is_some() {
        fs::write(&path, &out).unwrap();
    }
    assert_eq!(out, fs::read_to_string(&path).unwrap_or_default(), "{name}");
    (out, err)
}

#[test]
fn a_generator_gives_what_render_gives() {
    let (out, err) = answers("generator", 0);
    assert_eq!(err, "");
    let list = documents(&out).remove(0);
    let folder = folder();
    let rendered = krm(folder.path(), &["render"], "");
    assert_eq!(list["items"], Value::from(documents(&text(&rendered.stdout))));
    for word in ["local-config", "internal.config", "config.k8s.io/id"] {
        assert!(!list["items"].to_string().contains(word), "{word}");
    }
}

#[test]
fn an_inline_description_is_one_too() {
    let (out, _) = answers("generator-inline", 0);
    let list = documents(&out).remove(0);
    let names: Vec<_> = list["items"].as_array().unwrap().iter().map(id).collect();
    assert_eq!(names, ["Service/shop", "Deployment/shop"]);
    assert_eq!(list["items"][0]["metadata"]["namespace"], "staging");
}

#[test]
fn a_linter_echoes_every_byte_and_adds_results() {
    let (out, err) = answers("transformer", 1);
    assert!(out.starts_with(&recorded("transformer.in.yaml")), "{out}");
    let first = "error[schema/mismatched-selector] `spec.selector` asks for `app=shop`, the template has \
                 `app=store`\n  at Deployment shop: spec.template.metadata.labels.app\n";
    assert!(err.contains(first), "{err}");
    let result = &documents(&out).remove(0)["results"][0];
    let place = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": "shop" });
    assert_eq!(result["resourceRef"], place);
    assert_eq!(result["field"]["currentValue"], "store");
    // kustomize makes paths up.
    assert!(result.get("file").is_none(), "{result}");

    let (out, err) = answers("transformer-clean", 0);
    assert_eq!((out, err.as_str()), (recorded("transformer-clean.in.yaml"), ""));
}

#[test]
fn a_validator_of_kustomize_gives_an_empty_list() {
    let (out, _) = answers("validator", 0);
    assert_eq!(documents(&out).remove(0)["items"], json!([]));
    // Elsewhere an empty list deletes files.
    let input = recorded("validator.in.yaml").replace("kustomize.config.k8s.io/id", "other");
    let folder = folder();
    let output = krm(folder.path(), &["krm"], &input);
    let lines =
        input.lines().filter(|line| text(&output.stdout).lines().any(|other| other == *line));
    assert_eq!(lines.count(), input.lines().count());
}

#[test]
fn kpt_keeps_comments_and_files() {
    let (out, err) = answers("kpt", 0);
    assert!(out.starts_with(&recorded("kpt.in.yaml")), "{out}");
    assert!(err.contains("spec.template.metadata.labels.app (k8s/d.yaml)"), "{err}");
    let results = &documents(&out).remove(0)["results"];
    assert_eq!(results[0]["file"], json!({ "path": "k8s/d.yaml", "index": 0 }));
    assert_eq!(results[0]["tags"], json!({ "rule": "schema/mismatched-selector" }));
}

#[test]
fn json_is_yaml_too() {
    let folder = folder();
    for name in ["kpt", "kpt-generator"] {
        let before = documents(&recorded(&format!("{name}.in.yaml"))).remove(0);
        let output = krm(folder.path(), &["krm"], &before.to_string());
        let after = documents(&text(&output.stdout)).remove(0);
        let wanted = documents(&recorded(&format!("{name}.out.yaml"))).remove(0);
        assert_eq!(after["items"], wanted["items"], "{name}");
        assert_eq!(after["results"], wanted["results"], "{name}");
    }
}

#[test]
fn generating_again_changes_what_slogen_made_and_nothing_else() {
    let (out, _) = answers("kpt-generator", 0);
    assert!(
        out.contains("\n- # keep the head\n  apiVersion: apps/v1\n") && out.contains("# keep me")
    );
    let items = documents(&out).remove(0)["items"].clone();
    let names: Vec<_> = items.as_array().unwrap().iter().map(id).collect();
    // The configuration is a file of the package: it would go with its item.
    let wanted = [
        "Service/inference",
        "Deployment/shop",
        "SloGenerator/gen",
        "PodDisruptionBudget/inference",
    ];
    assert_eq!(names, wanted);
    let annotations = &items[0]["metadata"]["annotations"];
    assert_eq!(annotations["internal.config.kubernetes.io/path"], "out/old name.yaml");
    assert_eq!(annotations["config.k8s.io/id"], "1");
    assert_ne!(items[0]["spec"]["ports"][0]["port"], 1);
    let folder = folder();
    let again = krm(folder.path(), &["krm"], &out);
    assert_eq!(text(&again.stdout), out);
}

#[test]
fn what_someone_else_made_is_never_replaced() {
    let input = recorded("kpt-generator.in.yaml").replace("managed-by: slogen", "managed-by: me");
    let folder = folder();
    let output = krm(folder.path(), &["krm"], &input);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    let err = text(&output.stderr);
    assert!(
        err.contains("Service default/inference in `out/old name.yaml` is there already"),
        "{err}"
    );
}

#[test]
fn files_outside_are_refused_unless_allowed() {
    let outer = folder();
    let inner = outer.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let profile = "profile = \"../mine.toml\"\n[service]\nname = \"a\"\nimage = \"a:1\"\n";
    fs::write(inner.join("profiled.toml"), profile).unwrap();
    fs::write(outer.path().join("mine.toml"), "extends = \"web\"\n").unwrap();
    fs::write(outer.path().join("slogen.toml"), "[lint]\nextends = \"strict\"\n").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("../slo.toml", inner.join("link.toml")).unwrap();
    let generator = recorded("generator.in.yaml");
    let lint = recorded("transformer-clean.in.yaml");
    for input in [
        generator.replace("file: slo.toml", "file: ../slo.toml"),
        #[cfg(unix)]
        generator.replace("file: slo.toml", "file: link.toml"),
        generator.replace("file: slo.toml", "file: profiled.toml"),
        lint.replace("failOn: warning", "config: ../slogen.toml"),
        lint.replace("failOn: warning", "slo: ../slo.toml"),
    ] {
        let output = krm(&inner, &["krm"], &input);
        let err = text(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{err}");
        assert!(err.contains("it is not in or below") && err.contains("load-restrictor"), "{err}");
        let output = krm(&inner, &["krm", "--load-restrictor", "none"], &input);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(!output.stdout.is_empty());
    }
    // A configuration above is not even looked for.
    let clean = krm(&inner, &["krm"], &lint);
    assert_eq!((clean.status.code(), text(&clean.stderr).as_str()), (Some(0), ""));
}

#[test]
fn mistakes_are_explained_and_print_nothing() {
    let folder = folder();
    let generator = recorded("generator.in.yaml");
    let inline = recorded("generator-inline.in.yaml");
    let lint = recorded("transformer.in.yaml");
    for (input, wanted) in [
        (String::new(), "standard input is empty"),
        ("a: 1\n".to_owned(), "no ResourceList"),
        ("a: [\n".to_owned(), "standard input is no YAML"),
        (generator.replace("SloGenerator", "SloGen"), "does not know the kind `SloGen`"),
        (generator.replace("v1alpha1", "v1"), "slogen knows `slogen.dev/v1alpha1`"),
        (generator.replace("file: slo.toml", "file: no.toml"), "there is no `no.toml` in"),
        (generator.replace("file:", "fil:"), "did you mean `file`?"),
        (generator.replace("functionConfig", "config"), "there is no functionConfig"),
        (inline.replace("env: staging\n", "env: stagin\n"), "`--env staging`"),
        (inline.replace("only: [deployment", "only: [deploymnet"), "did you mean `deployment`?"),
        (inline.replace("errors: {below", "erors: {below"), "SloGenerator shop spec.inline:6:3"),
        (lint.replace("failOn: error", "of: [x]"), "did you mean `off`?"),
        (lint.replace("failOn: error", "off: [scalin]"), "there is no rule `scalin`"),
    ] {
        let output = krm(folder.path(), &["krm"], &input);
        let err = text(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{wanted}: {err}");
        assert!(err.contains(wanted), "{wanted}: {err}");
    }
}

#[test]
fn without_arguments_and_without_a_list_there_is_help() {
    let folder = folder();
    for input in ["", "hello\n", "apiVersion: v1\nkind: Pod\n"] {
        let output = krm(folder.path(), &[], input);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
        assert!(text(&output.stderr).contains("Usage: slogen"), "{input}");
    }
    // Nobody writes, and nobody closes the pipe either.
    let mut silent = Command::new(BINARY);
    silent.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = silent.spawn().unwrap();
    let pipe = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(pipe);
    assert!(text(&output.stderr).contains("Usage: slogen"));
}

/// The plugins, as `slogen kustomize install-plugin` installs them.
fn plugins(home: &Path) -> Output {
    let output = krm(home, &["kustomize", "install-plugin", "--dir", "plugin"], "");
    assert!(output.status.success(), "{}", text(&output.stderr));
    output
}

fn plugin(home: &Path, kind: &str) -> PathBuf {
    let file = format!("{kind}{}", std::env::consts::EXE_SUFFIX);
    home.join("plugin/slogen.dev/v1alpha1").join(kind.to_lowercase()).join(file)
}

#[test]
fn exec_plugins_speak_streams() {
    let folder = folder();
    plugins(folder.path());
    let config = |kind: &str, spec: &str| {
        let text = format!(
            "apiVersion: slogen.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: x}}\nspec: {spec}\n"
        );
        fs::write(folder.path().join("config"), text).unwrap();
    };
    let run = |kind: &str, more: &[&str], input: &str| {
        let mut command = Command::new(plugin(folder.path(), kind));
        command.env_clear().arg("config").args(more).current_dir(folder.path());
        let output = feed(&mut command, input);
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let render =
        |more: &[&str]| text(&krm(folder.path(), &[&["render"], more].concat(), "").stdout);
    config("SloGenerator", "{file: slo.toml}");
    assert_eq!(run("SloGenerator", &[], ""), (Some(0), render(&[]), String::new()));
    let only = ["--only", "hpa"];
    assert_eq!(run("SloGenerator", &only, ""), (Some(0), render(&only), String::new()));
    assert_eq!(run("SloGenerator", &["--onyl", "hpa"], "").0, Some(1));
    assert_eq!(run("SloLint", &[], "").0, Some(1), "it was given the other's configuration");

    let stream = recorded("legacy.stream.yaml");
    config("SloLint", "{off: [availability]}");
    assert_eq!(run("SloLint", &[], &stream), (Some(0), stream.clone(), String::new()));
    let bad = stream.replace(
        "            memory: 64Mi\n          limits",
        "            memory: 1Gi\n          limits",
    );
    let (code, out, err) = run("SloLint", &[], &bad);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("at Deployment shop: spec.template.spec.containers[0]"), "{err}");
    assert_eq!(run("SloLint", &["--fail-on", "never"], &bad).1, bad);
    config("SloLint", "{role: validator, off: [availability]}");
    assert_eq!(run("SloLint", &[], &stream), (Some(0), String::new(), String::new()));
    let elsewhere = stream.replace("kustomize.config.k8s.io/id", "other");
    assert_eq!(run("SloLint", &[], &elsewhere).1, elsewhere);
}

#[test]
fn plugins_are_installed_once_and_replace_nobody() {
    let folder = folder();
    let first = text(&plugins(folder.path()).stderr);
    assert_eq!(first.matches("wrote ").count(), 2, "{first}");
    let second = text(&plugins(folder.path()).stderr);
    assert_eq!(second.matches("is there already").count(), 2, "{second}");
    let place = plugin(folder.path(), "SloLint");
    fs::remove_file(&place).unwrap();
    fs::write(&place, "mine").unwrap();
    let install = ["kustomize", "install-plugin", "--dir", "plugin"];
    let output = krm(folder.path(), &install, "");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(fs::read_to_string(&place).unwrap(), "mine");
    let output = krm(folder.path(), &[&install[..], &["--force"]].concat(), "");
    assert!(output.status.success() && fs::read(&place).unwrap() != b"mine");
}

/// Every file below `folder` with its text.
fn tree(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tree(&path));
        } else {
            found.push((path.clone(), fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn init_adds_to_a_kustomization_and_does_so_once() {
    let folder = folder();
    let init = |more: &[&str]| krm(folder.path(), &[&["kustomize", "init"], more].concat(), "");
    let mine = "# mine\nresources:\n  - a.yaml # first\ntransformers: [other.yaml]\n";
    fs::write(folder.path().join("kustomization.yml"), mine).unwrap();
    fs::write(folder.path().join("kustomizeconfig.yaml"), "images: []\n").unwrap();
    let output = init(&[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(
        read("kustomization.yml"),
        "# mine\nresources:\n  - a.yaml # first\ntransformers: [other.yaml, slogen-lint.yaml]\ngenerators:\n  \
         - slogen-generator.yaml\nconfigurations:\n  - slogen-kustomizeconfig.yaml\n"
    );
    assert_eq!(read("kustomizeconfig.yaml"), "images: []\n");
    assert!(!folder.path().join("kustomization.yaml").exists());
    let before = tree(folder.path());
    assert!(init(&[]).status.success());
    assert_eq!(tree(folder.path()), before);
    let output = init(&["--legacy"]);
    assert!(output.status.code() == Some(2) && text(&output.stderr).contains("--force"));
    assert_eq!(tree(folder.path()), before);
    fs::write(folder.path().join("kustomization.yml"), "generators: {}\n").unwrap();
    let output = init(&[]);
    assert_eq!(output.status.code(), Some(2));
    let err = text(&output.stderr);
    assert!(
        err.contains("its `generators` is no list")
            && err.contains("  transformers:\n  - slogen-lint.yaml"),
        "{err}"
    );
    assert_eq!(read("kustomization.yml"), "generators: {}\n");
}

/// kustomize inside kubectl, in a folder that `init --legacy` has prepared.
fn build(kubectl: &Path, folder: &Path) -> Output {
    let mut command = Command::new(kubectl);
    let home = folder.join("plugin");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("KUSTOMIZE_PLUGIN_HOME", home).env("HOME", folder);
    command.args(["kustomize", "--enable-alpha-plugins"]).arg(folder).output().unwrap()
}

#[test]
fn kubectl_generates_renames_and_lints() {
    let Some(kubectl) = installed::tool("kubectl") else { return };
    let folder = folder();
    let keda = include_str!("golden/keda-auth/slo.toml");
    fs::write(folder.path().join("slo.toml"), keda).unwrap();
    plugins(folder.path());
    let init = krm(folder.path(), &["kustomize", "init", "--legacy"], "");
    assert!(init.status.success(), "{}", text(&init.stderr));
    let kustomization = folder.path().join("kustomization.yaml");
    let listed = fs::read_to_string(&kustomization).unwrap();
    let renamed = format!("{listed}namePrefix: dev-\nnamespace: team\n");
    fs::write(&kustomization, &renamed).unwrap();
    let output = build(&kubectl, folder.path());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let objects = documents(&text(&output.stdout));
    assert!(objects.iter().all(|object| object["metadata"]["namespace"] == "team"));
    let scaled = of_kind(&objects, "ScaledObject")[0];
    assert!(scaled["metadata"]["name"].as_str().unwrap().starts_with("dev-"));
    let named = |kind: &str, name: &Value| {
        of_kind(&objects, kind).iter().any(|it| it["metadata"]["name"] == *name)
    };
    assert!(named("Deployment", &scaled["spec"]["scaleTargetRef"]["name"]), "{scaled}");
    let triggers =
        list(&scaled["spec"]["triggers"]).iter().map(|it| &it["authenticationRef"]["name"]);
    let triggers: Vec<_> = triggers.filter(|name| name.is_string()).collect();
    assert!(!triggers.is_empty());
    assert!(triggers.iter().all(|name| named("TriggerAuthentication", name)), "{triggers:?}");
    let all = text(&output.stdout);
    assert!(!all.contains("internal.config") && !all.contains("SloLint"), "{all}");

    // Arguments of plugins stand beside `spec`.
    let generator = folder.path().join("slogen-generator.yaml");
    let config = fs::read_to_string(&generator).unwrap();
    for arguments in
        ["argsOneLiner: --only scaledobject --load-restrictor none", "argsFromFile: words"]
    {
        fs::write(folder.path().join("words"), "--only\nscaledobject\n").unwrap();
        fs::write(&generator, format!("{config}{arguments}\n")).unwrap();
        let output = build(&kubectl, folder.path());
        assert!(output.status.success(), "{}", text(&output.stderr));
        let kinds: Vec<_> =
            documents(&text(&output.stdout)).iter().map(|it| it["kind"].clone()).collect();
        assert_eq!(kinds, ["ScaledObject"]);
    }
    fs::write(&generator, &config).unwrap();

    // kustomize mends references only after the linter has run: slogen knows the names from before.
    let strict = folder.path().join("slogen-lint.yaml");
    let config = fs::read_to_string(&strict).unwrap();
    fs::write(
        &strict,
        config
            .replace(
                "failOn: error",
                "{failOn: info, select: [scaling/unknown-target], closedWorld: true}",
            )
            .replace("spec:\n  {", "spec: {"),
    )
    .unwrap();
    let output = build(&kubectl, folder.path());
    assert!(output.status.success(), "{}", text(&output.stderr));
    fs::write(&strict, &config).unwrap();

    let bad = recorded("transformer.in.yaml");
    let bad = documents(&bad).remove(0)["items"][3].clone();
    let mut bad = bad;
    bad["metadata"] = json!({ "name": "shop" });
    fs::write(folder.path().join("bad.yaml"), bad.to_string()).unwrap();
    fs::write(&kustomization, format!("{renamed}resources: [bad.yaml]\n")).unwrap();
    let output = build(&kubectl, folder.path());
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    let err = text(&output.stderr);
    assert!(
        err.contains("error[schema/mismatched-selector]")
            && err.contains("at Deployment team/dev-shop: spec.template"),
        "{err}"
    );

    // A validator must print nothing, and a transformer everything.
    let validated = listed.replace("transformers:", "validators:");
    fs::write(&kustomization, &validated).unwrap();
    fs::write(&strict, format!("{config}  role: validator\n")).unwrap();
    let output = build(&kubectl, folder.path());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(documents(&text(&output.stdout)).len(), objects.len());
}

/// kpt is in no registry, so that no CI can be sure to have it.
fn kpt() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).map(|folder| folder.join("kpt")).find(|it| it.is_file());
    if found.is_none() {
        #[expect(clippy::print_stderr, reason = "a skipped test must not look like a passed one")]
        {
            eprintln!("skipped: kpt is not installed");
        }
    }
    found
}

fn run_kpt<S: AsRef<OsStr>>(kpt: &Path, folder: &Path, arguments: &[S]) -> (bool, String) {
    let binary = Path::new(BINARY).parent().unwrap().to_path_buf();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path =
        std::env::join_paths(std::iter::once(binary).chain(std::env::split_paths(&path))).unwrap();
    let mut command = Command::new(kpt);
    command.env_clear().env("PATH", path).env("HOME", folder).current_dir(folder).args(arguments);
    let output = command.output().unwrap();
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}

#[test]
fn kpt_shows_results_and_keeps_every_file() {
    let Some(kpt) = kpt() else { return };
    let folder = folder();
    let package = folder.path().join("package");
    fs::create_dir(&package).unwrap();
    let bad = "# mine\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: shop # here\nspec:\n  selector:\n    matchLabels:\n      app: shop\n  template:\n    metadata:\n      labels:\n        app: store\n    spec:\n      containers:\n        - name: c\n          image: shop:v1\n";
    fs::write(package.join("d.yaml"), bad).unwrap();
    let write = |name: &str, kind: &str, spec: &str| {
        let text = format!(
            "apiVersion: slogen.dev/v1alpha1\nkind: {kind}\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/local-config: \"true\"\nspec:\n  {spec}\n"
        );
        fs::write(folder.path().join(name), text).unwrap();
    };
    write("lint.yaml", "SloLint", "failOn: error");
    write("look.yaml", "SloLint", "role: validator\n  failOn: never");
    write("generate.yaml", "SloGenerator", "file: slo.toml");
    let eval = |config: &str| {
        let arguments = [
            "fn",
            "eval",
            "package",
            "--exec",
            "slogen krm",
            "--fn-config",
            config,
            "--results-dir",
            "results",
        ];
        run_kpt(&kpt, folder.path(), &arguments)
    };
    let before = tree(&package);
    let (passed, report) = eval("lint.yaml");
    assert!(!passed && report.contains("[error] apps/v1/Deployment/shop spec.template.metadata.labels.app: `spec.selector` asks"), "{report}");
    let results = fs::read_to_string(folder.path().join("results/results.yaml")).unwrap();
    assert!(
        results.contains("rule: schema/mismatched-selector") && results.contains("path: d.yaml"),
        "{results}"
    );
    for config in ["look.yaml", "lint.yaml"] {
        eval(config);
        assert_eq!(tree(&package), before, "{config}");
    }
    let (passed, report) = eval("generate.yaml");
    assert!(passed, "{report}");
    let generated = tree(&package);
    assert!(
        generated.len() > before.len() + 4 && before.iter().all(|file| generated.contains(file))
    );
    assert!(eval("generate.yaml").0);
    assert_eq!(tree(&package), generated);

    // As a pipeline, its configuration among the files of the package.
    for config in ["look.yaml", "generate.yaml"] {
        fs::copy(folder.path().join(config), package.join(config)).unwrap();
    }
    let kptfile = "apiVersion: kpt.dev/v1\nkind: Kptfile\nmetadata:\n  name: package\npipeline:\n  mutators:\n    - exec: slogen krm\n      configPath: generate.yaml\n  validators:\n    - exec: slogen krm\n      configPath: look.yaml\n";
    fs::write(package.join("Kptfile"), kptfile).unwrap();
    let render = ["fn", "render", "package", "--allow-exec"];
    let (passed, report) = run_kpt(&kpt, folder.path(), &render);
    assert!(passed && report.contains("[error] apps/v1/Deployment/shop"), "{report}");
    let rendered = tree(&package);
    assert!(rendered.len() == generated.len() + 3, "{rendered:?}");
    assert!(run_kpt(&kpt, folder.path(), &render).0);
    assert_eq!(tree(&package), rendered);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever is done to a list: slogen ends with 0 or 1, says why, and what it prints holds every item.
    #[test]
    fn broken_lists_lose_nothing(
        which in 0..4_usize,
        cuts in prop::collection::vec((0.0..1.0_f64, 0..40_usize, "[ -:#&*{}\\[\\]a\n'\"|>!-]{0,4}"), 0..3),
    ) {
        let names = ["transformer", "transformer-clean", "kpt", "kpt-generator"];
        let mut input = recorded(&format!("{}.in.yaml", names[which]));
        for (at, length, new) in cuts {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a small text")]
            let at = (input.len() as f64 * at) as usize;
            let end = (at + length).min(input.len());
            if input.is_char_boundary(at) && input.is_char_boundary(end) {
                input.replace_range(at..end, &new);
            }
        }
        let folder = folder();
        let output = krm(folder.path(), &["krm"], &input);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        prop_assert!(matches!(output.status.code(), Some(0 | 1)), "{err}\n{input}");
        prop_assert!(!err.contains("bug of slogen"), "{err}\n{input}");
        if out.is_empty() {
            prop_assert!(output.status.code() == Some(1) && !err.is_empty(), "{input}");
        } else {
            let read = |text: &str| serde_yaml::from_str::<Value>(text).ok();
            if let (Some(before), after) = (read(&input), read(&out)) {
                let after = after.unwrap_or_default();
                if which == 3 && before["functionConfig"]["kind"] == "SloGenerator" {
                    for item in list(&before["items"]).iter().filter(|item| item["kind"] == "Deployment") {
                        prop_assert!(list(&after["items"]).contains(item), "{input}\n{out}");
                    }
                } else {
                    prop_assert_eq!(&before["items"], &after["items"], "{}", input);
                }
            }
        }
    }
}
