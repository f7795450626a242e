//! slogen inside Helm, Argo CD and kubectl, by the contract of each.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure is the test's own")]

mod common;
mod installed;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use common::{cases, documents, of_kind, slogen};

const BROKEN: &str = "---\n# Source: shop/templates/deployment.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: shop\nspec:\n  selector: {matchLabels: {app: shop}}\n  template:\n    metadata: {labels: {app: other}}\n    spec:\n      containers: [{name: a, image: 'a:1'}]\n";

const CLEAN: &str = "---\n# Source: shop/templates/config.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: shop\ndata:\n  a: \"{{ .Values.a }} {{ $value }}\"\n  b: |\n    {{ range .Alerts }}{{ end }}\n";

/// Pipes `input` through a command.
fn pipe(command: &mut Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn post_render(input: &[u8], arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = slogen();
    pipe(command.current_dir(&folder).arg("helm-post-render").args(arguments), input)
}

#[test]
fn helm_gets_back_the_bytes_that_it_sent() {
    let crlf = CLEAN.replace('\n', "\r\n");
    let (bare, mark) = (CLEAN.trim_end(), format!("\u{feff}{CLEAN}"));
    let mut inputs = vec!["", "\n", "---\n", "# only a comment", CLEAN, &crlf, bare, &mark];
    let rendered: Vec<String> = cases().iter().map(|case| case.render(&[])).collect();
    inputs.extend(rendered.iter().map(String::as_str));
    for input in inputs {
        let output = post_render(input.as_bytes(), &[]);
        assert!(output.status.success(), "{input:?}: {}", text(&output.stderr));
        assert!(output.stdout == input.as_bytes(), "{input:?} became {:?}", text(&output.stdout));
    }
}

#[test]
fn helm_gets_nothing_of_what_is_wrong() {
    let output = post_render(format!("{CLEAN}{BROKEN}").as_bytes(), &[]);
    let report = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert!(output.stdout.is_empty());
    assert!(report.contains("rendered from shop/templates/deployment.yaml"), "{report}");
    assert!(!report.contains("config.yaml"), "{report}");
    // Not even what looks like a template that nobody filled in: this is what Helm made of it.
    let unread = "apiVersion: v1\nkind: ConfigMap\na: {{ .Values.a }}\nb: [\n";
    for input in [unread, "a: [\n"] {
        let output = post_render(input.as_bytes(), &[]);
        assert_eq!(output.status.code(), Some(1), "{input:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty());
    }
    // What does not count is reported, and passes.
    let output = post_render(BROKEN.as_bytes(), &["--fail-on", "never"]);
    assert!(output.status.success() && output.stdout == BROKEN.as_bytes());
    assert!(text(&output.stderr).contains("shop"));
    for (input, arguments) in [(&b"a: \xff"[..], &[][..]), (&b""[..], &["--off", "no/such"][..])] {
        let output = post_render(input, arguments);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn helm_4_gets_a_plugin() {
    let folder = tempfile::tempdir().unwrap();
    let install = |more: &[&str]| {
        let mut command = slogen();
        command.current_dir(&folder).args(["helm", "install-plugin"]).args(more).output().unwrap()
    };
    assert!(install(&[]).status.success() && install(&[]).status.success());
    let file = folder.path().join("slogen-helm-plugin/plugin.yaml");
    let plugin = documents(&fs::read_to_string(&file).unwrap()).remove(0);
    // Helm refuses keys that it does not know.
    let command = json!({ "command": "slogen", "args": ["helm-post-render"] });
    let wanted = json!({
        "apiVersion": "v1",
        "type": "postrenderer/v1",
        "name": "slogen",
        "version": env!("CARGO_PKG_VERSION"),
        "runtime": "subprocess",
        "runtimeConfig": { "platformCommand": [command] },
    });
    assert_eq!(plugin, wanted);
    fs::write(&file, "name: mine\n").unwrap();
    let refused = install(&[]);
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(fs::read_to_string(&file).unwrap(), "name: mine\n");
    assert!(install(&["--force"]).status.success());
    assert!(fs::read_to_string(&file).unwrap().contains("postrenderer/v1"));
}

/// The manifest of Argo CD's plugin.
fn plugin() -> Value {
    let output = slogen().args(["integrate", "argo-cd"]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    documents(&text(&output.stdout)).remove(0)
}

/// Runs the generate command as Argo CD's sidecar does: in the folder of the application, without HOME and terminal.
fn generate(folder: &Path, variables: &[(&str, &str)]) -> Output {
    let generate = plugin()["spec"]["generate"].take();
    let words = ["command", "args"].into_iter().flat_map(|key| generate[key].as_array().unwrap());
    let words: Vec<String> = words.map(|word| word.as_str().unwrap().to_owned()).collect();
    let binary = Path::new(env!("CARGO_BIN_EXE_slogen")).parent().unwrap();
    Command::new(&words[0])
        .args(&words[1..])
        .current_dir(folder)
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", binary.display()))
        .env("ARGOCD_APP_NAME", "shop")
        .env("ARGOCD_APP_NAMESPACE", "default")
        .env("ARGOCD_APP_REVISION", "3a1f")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
#[cfg(unix)]
fn argo_cd_gets_manifests_and_nothing_else() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let slo = "profile = \"web\"\n[service]\nname = \"shop\"\nimage = \"a:1\"\n[env.staging.scaling]\nmin = 2\nmax = 3\n";
    fs::write(folder.path().join("slo.toml"), slo).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let served = "v1,v1/Service,apps/v1,apps/v1/Deployment,autoscaling/v2,policy/v1,monitoring.coreos.com/v1,monitoring.coreos.com/v1/PrometheusRule";
    let output = generate(
        folder.path(),
        &[
            ("KUBE_VERSION", "1.34"),
            ("KUBE_API_VERSIONS", served),
            ("ARGOCD_ENV_SLOGEN_ENV", "staging"),
        ],
    );
    assert!(output.status.success(), "{}", text(&output.stderr));
    let objects = documents(&text(&output.stdout));
    assert_eq!(of_kind(&objects, "HorizontalPodAutoscaler")[0]["spec"]["maxReplicas"], 3);
    assert!(of_kind(&objects, "ServiceMonitor").is_empty());
    assert_eq!(of_kind(&objects, "PrometheusRule").len(), 1);
    assert!(text(&output.stderr).contains("ServiceMonitor"), "{}", text(&output.stderr));
    // Nothing is known of the cluster; the parameter of the Application goes before its variable.
    let all = generate(folder.path(), &[("PARAM_ENV", ""), ("KUBE_API_VERSIONS", "")]);
    assert!(all.status.success() && all.stderr.is_empty(), "{}", text(&all.stderr));
    assert_eq!(of_kind(&documents(&text(&all.stdout)), "ServiceMonitor").len(), 1);
    for wrong in [("KUBE_VERSION", "v1.29.4"), ("PARAM_ENV", "--help"), ("PARAM_ENV", "no such")] {
        let output = generate(folder.path(), &[wrong]);
        assert!(!output.status.success() && output.stdout.is_empty(), "{wrong:?}");
        assert!(text(&output.stderr).contains("error"), "{wrong:?}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn argo_cd_finds_applications_and_names_the_plugin() {
    let plugin = plugin();
    assert_eq!(plugin["apiVersion"], "argoproj.io/v1alpha1");
    assert_eq!(plugin["kind"], "ConfigManagementPlugin");
    assert_eq!(plugin["metadata"]["name"], "slogen");
    assert_eq!(plugin["spec"]["discover"], json!({ "find": { "glob": "**/slo.toml" } }));
}

#[test]
fn keda_is_not_left_out_in_silence() {
    let case = cases().into_iter().find(|case| case.name == "keda").unwrap();
    let output = case.run(&["--api-versions", "apps/v1,v1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(text(&output.stderr).contains("install KEDA"), "{}", text(&output.stderr));
}

#[test]
#[cfg(unix)]
fn kubectl_runs_the_plugin() {
    let Some(kubectl) = installed::tool("kubectl") else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let install = |more: &[&str]| {
        let mut command = slogen();
        command.current_dir(root).args(["kubectl", "install-plugin", "--dir", "bin"]);
        command.args(more).output().unwrap()
    };
    assert!(install(&[]).status.success() && install(&[]).status.success());
    let bin = root.join("bin");
    fs::create_dir_all(root.join("k8s/below")).unwrap();
    fs::write(root.join("k8s/below/a.yaml"), BROKEN).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&kubectl);
        command
            .current_dir(root)
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
        let output = command.env("HOME", root).args(arguments).output().unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    assert!(run(&["plugin", "list"]).1.contains("kubectl-slogen"));
    // A folder is what kubectl takes it for: without -R, its own files.
    assert_eq!(run(&["slogen", "lint", "-f", "k8s"]).0, Some(0));
    let (code, out, _) = run(&["slogen", "lint", "-R", "-f", "k8s", "-n", "web", "-o", "name"]);
    assert_eq!((code, out.as_str()), (Some(1), "deployment/shop\n"));
    let (code, out, _) = run(&["slogen", "lint", "--filename", "k8s/below/a.yaml", "-o", "yaml"]);
    assert_eq!(code, Some(1));
    assert!(documents(&out)[0]["findings"].as_array().is_some_and(|found| !found.is_empty()));
    let (code, out, err) = run(&["slogen", "lint", "--context", "prod"]);
    assert!(code != Some(0) && out.is_empty());
    assert!(err.contains("Usage: kubectl slogen lint") && err.contains("never a cluster"), "{err}");
    assert!(run(&["slogen", "--help"]).1.contains("`kubectl slogen init"));

    let complete = |words: &[&str]| {
        let out = run(&[&["__complete", "slogen"], words].concat()).1;
        out.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(complete(&["ren"]), ["render", ":4"]);
    assert_eq!(complete(&["lint", "--fail-on", "w"]), ["warning", ":4"]);
    assert_eq!(complete(&["lint", "--fail-on=ne"]), ["--fail-on=never", ":4"]);
    assert_eq!(complete(&["lint", "-R", "--file"]), ["--filename", ":4"]);
    // A path: the shell knows.
    assert_eq!(complete(&["lint", "-f", ""]), [":0"]);
    assert_eq!(complete(&["lint", "a.yaml", ""]), [":0"]);
    assert_eq!(complete(&["helm", ""]), ["install-plugin", "help", ":4"]);

    fs::remove_file(bin.join("kubectl_complete-slogen")).unwrap();
    // Removed first: writing goes through the link, into slogen itself.
    fs::remove_file(bin.join("kubectl-slogen")).unwrap();
    fs::write(bin.join("kubectl-slogen"), "mine").unwrap();
    assert_eq!(install(&[]).status.code(), Some(2));
    assert_eq!(fs::read(bin.join("kubectl-slogen")).unwrap(), b"mine");
    assert!(!bin.join("kubectl_complete-slogen").exists());
    assert!(install(&["--force"]).status.success());
    assert_eq!(run(&["slogen", "lint", "-f", "k8s"]).0, Some(0));
}
