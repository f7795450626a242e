//! What slogen gives to continuous integration: the action, the snippets and the reports that others read.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure is the test's own")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use proptest::prelude::*;
use serde_json::Value;

use common::{documents, list, slogen};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn integrate(arguments: &[&str]) -> Output {
    slogen().arg("integrate").args(arguments).output().unwrap()
}

fn snippet(host: &str) -> String {
    let output = integrate(&[host]);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// Runs a script as GitHub's and GitLab's runners do, with slogen in PATH.
fn bash(script: &str, folder: &Path, variables: &[(String, String)]) -> Output {
    let binary = Path::new(env!("CARGO_BIN_EXE_slogen")).parent().unwrap();
    Command::new("bash")
        .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script])
        .current_dir(folder)
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", binary.display()))
        .envs(variables.iter().cloned())
        .output()
        .unwrap()
}

const BROKEN: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec:\n  selector: {matchLabels: {app: shop}}\n  template:\n    metadata: {labels: {app: other}}\n    spec: {containers: [{name: a, image: 'a:1'}]}\n";

/// The steps of action.yml, run in order as GitHub runs them; inputs reach a script by the environment alone.
fn action(folder: &Path, given: &[(&str, &str)]) -> (Output, String) {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("action.yml"));
    let action = documents(&manifest.unwrap()).remove(0);
    let expand = |value: &Value| {
        let value = value.as_str().unwrap();
        let Some(name) = value.strip_prefix("${{ inputs.").and_then(|it| it.strip_suffix(" }}"))
        else {
            return value.to_owned();
        };
        let default = action["inputs"][name]["default"].as_str().unwrap();
        let given = given.iter().find(|(input, _)| *input == name);
        given.map_or(default, |(_, value)| value).to_owned()
    };
    for (input, _) in given {
        assert!(action["inputs"][*input].is_object(), "no input {input}");
    }
    let outputs = folder.join(".outputs");
    fs::write(&outputs, "").unwrap();
    let mut last = None;
    for step in list(&action["runs"]["steps"]) {
        let script = step["run"].as_str().unwrap();
        assert_eq!(step["shell"], "bash");
        assert!(!script.contains("${{"), "an input stands in a script: {script}");
        let mut variables: Vec<(String, String)> = step["env"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), expand(value)))
            .collect();
        for (name, file) in [("GITHUB_OUTPUT", &outputs), ("GITHUB_PATH", &folder.join(".path"))] {
            variables.push((name.into(), file.to_str().unwrap().into()));
        }
        variables.push(("RUNNER_TEMP".into(), folder.to_str().unwrap().into()));
        let place = step.get("working-directory").map_or_else(|| ".".to_owned(), expand);
        let output = bash(script, &folder.join(place), &variables);
        let failed = !output.status.success();
        last = Some(output);
        if failed {
            break;
        }
    }
    (last.unwrap(), fs::read_to_string(outputs).unwrap())
}

#[test]
fn the_action_lints() {
    let folder = tempfile::tempdir().unwrap();
    let awkward = "k8s/it's $(touch pwned) \"a\"; `touch pwned`.yaml";
    fs::create_dir(folder.path().join("k8s")).unwrap();
    fs::write(folder.path().join(awkward), BROKEN).unwrap();
    let (output, outputs) =
        action(folder.path(), &[("path", awkward), ("sarif-file", "a b.sarif")]);
    let report = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{report}{}", text(&output.stderr));
    assert_eq!(outputs, "exit-code=1\n");
    assert!(report.contains("\n::error file=k8s/it's $(touch pwned)"), "{report}");
    assert!(report.contains("help: "), "people see nothing: {report}");
    let log: Value =
        serde_json::from_slice(&fs::read(folder.path().join("a b.sarif")).unwrap()).unwrap();
    assert!(!list(&log["runs"][0]["results"]).is_empty());

    let given = [("working-directory", "k8s"), ("format", "concise"), ("fail-on", "never")];
    let (output, outputs) = action(folder.path(), &given);
    assert!(output.status.success() && outputs == "exit-code=0\n", "{}", text(&output.stderr));
    // A name cannot be a command, since GitHub looks for none in the report.
    let report = text(&output.stdout);
    let (stop, rest) = report.split_once('\n').unwrap();
    let token = stop.strip_prefix("::stop-commands::").unwrap();
    assert!(rest.starts_with("it's $(touch pwned)"), "{report}");
    assert!(rest.ends_with(&format!("\n::{token}::\n")), "{report}");
    let (output, _) = action(folder.path(), &[("args", "--select\r\nhygiene\n--off\nhygiene\n")]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for wrong in [
        ("path", "gone"),
        ("fail-on", "error --help"),
        ("version", "1; touch pwned"),
        ("format", "--help"),
    ] {
        let (output, _) = action(folder.path(), &[wrong]);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
    let pwned = ["pwned", "k8s/pwned"].map(|name| folder.path().join(name).exists());
    assert_eq!(pwned, [false, false]);
}

/// Every command line of slogen in a snippet is one that slogen takes.
#[test]
fn snippets_name_commands_that_exist() {
    let mut seen = 0;
    for host in ["argo-cd", "github", "gitlab", "pre-commit"] {
        let text = snippet(host);
        documents(&text);
        for line in text.lines() {
            let Some((_, words)) = line.trim_start_matches(['#', ' ']).split_once("slogen ") else {
                continue;
            };
            let words: Vec<&str> = words.split_whitespace().collect();
            let command = words[0];
            if !["lint", "render", "integrate"].contains(&command) {
                continue;
            }
            let help = slogen().args([command, "--help"]).output().unwrap();
            let help = long_options(&text_of(&help));
            for word in &words[1..] {
                let word = word.trim_matches('"');
                if let Some(name) = word.strip_prefix("--").filter(|name| !name.is_empty()) {
                    let name = name.split('=').next().unwrap();
                    assert!(
                        help.contains(&format!("--{name}")),
                        "{host}: {command} has no --{name}"
                    );
                }
            }
            seen += 1;
        }
    }
    assert!(seen >= 4, "only {seen} commands found");
}

fn text_of(output: &Output) -> String {
    assert!(output.status.success());
    text(&output.stdout)
}

/// The long options that a help text declares, one a word.
fn long_options(help: &str) -> String {
    help.split([' ', '\n', '[', '<', ','])
        .filter(|word| word.starts_with("--"))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn gitlab_reports_code_quality() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a b.yaml"), BROKEN).unwrap();
    let all = documents(&snippet("gitlab"));
    let (inputs, job) = (&all[0]["spec"]["inputs"], &all[1]["slogen-lint"]);
    let report = job["artifacts"]["reports"]["codequality"].as_str().unwrap();
    let run = |path: &str, fail_on: &str| {
        let value = |name: &str| match name {
            "path" => path.to_owned(),
            _ => fail_on.to_owned(),
        };
        let variables: Vec<(String, String)> = job["variables"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, input)| {
                let input = input
                    .as_str()
                    .unwrap()
                    .trim_start_matches("$[[ inputs.")
                    .trim_end_matches(" ]]");
                assert!(inputs[input]["default"].is_string(), "no input {input}");
                (name.clone(), value(input))
            })
            .collect();
        let scripts: Vec<&str> =
            list(&job["script"]).iter().map(|line| line.as_str().unwrap()).collect();
        bash(&scripts.join("\n"), folder.path(), &variables)
    };
    let output = run("a b.yaml", "error");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let issues: Value =
        serde_json::from_slice(&fs::read(folder.path().join(report)).unwrap()).unwrap();
    assert!(list(&issues).iter().all(|issue| issue["location"]["path"] == "a b.yaml"));
    assert!(!list(&issues).is_empty());
    assert!(run(".", "never").status.success());
    assert_eq!(run("$(touch pwned)", "error").status.code(), Some(2));
    assert!(!folder.path().join("pwned").exists());
}

#[test]
fn krew_takes_the_manifest() {
    let refused = integrate(&["krew"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(refused.stdout.is_empty() && text(&refused.stderr).contains("sha256sum"));
    let folder = tempfile::tempdir().unwrap();
    let sums = folder.path().join("checksums.txt");
    let targets = [
        ("x86_64-unknown-linux-musl", "tar.gz"),
        ("aarch64-unknown-linux-musl", "tar.gz"),
        ("x86_64-apple-darwin", "tar.gz"),
        ("aarch64-apple-darwin", "tar.gz"),
        ("x86_64-pc-windows-msvc", "zip"),
        ("aarch64-pc-windows-msvc", "zip"),
    ];
    let lines: Vec<String> = targets
        .iter()
        .enumerate()
        .map(|(at, (target, form))| format!("{at:064x}  slogen-{target}.{form}"))
        .collect();
    fs::write(&sums, lines[1..].join("\n")).unwrap();
    let krew = || integrate(&["krew", "--checksums", sums.to_str().unwrap()]);
    let partial = krew();
    assert_eq!(partial.status.code(), Some(2));
    assert!(
        partial.stdout.is_empty()
            && text(&partial.stderr).contains("slogen-x86_64-unknown-linux-musl.tar.gz")
    );
    fs::write(&sums, lines.join("\n")).unwrap();
    let manifest = documents(&text_of(&krew())).remove(0);
    assert_eq!(manifest["apiVersion"], "krew.googlecontainertools.github.com/v1alpha2");
    assert_eq!(manifest["metadata"]["name"], "slogen");
    let spec = &manifest["spec"];
    assert_eq!(spec["version"], concat!("v", env!("CARGO_PKG_VERSION")));
    let short = spec["shortDescription"].as_str().unwrap();
    assert!(short.len() < 50 && !short.contains('\n'), "{short}");
    let platforms = list(&spec["platforms"]);
    assert_eq!(platforms.len(), 6);
    for (at, platform) in platforms.iter().enumerate() {
        assert_eq!(platform["sha256"], format!("{at:064x}"));
        let uri = platform["uri"].as_str().unwrap();
        assert!(
            uri.ends_with(&format!(
                "/v{}/slogen-{}.{}",
                env!("CARGO_PKG_VERSION"),
                targets[at].0,
                targets[at].1
            )),
            "{uri}"
        );
        let labels = &platform["selector"]["matchLabels"];
        let bin = if labels["os"] == "windows" { "slogen.exe" } else { "slogen" };
        assert_eq!(platform["bin"], bin);
        assert!(list(&platform["files"]).iter().any(|file| file["from"] == platform["bin"]));
    }
}

/// The schema of SARIF, where the environment says that it is.
fn sarif_schema() -> Option<PathBuf> {
    let path = std::env::var_os("SLOGEN_SARIF_SCHEMA").map(PathBuf::from);
    if path.is_none() {
        let required = std::env::var_os("SLOGEN_REQUIRE_TOOLS").is_some_and(|value| value == "1");
        assert!(!required, "SLOGEN_SARIF_SCHEMA is not set, and SLOGEN_REQUIRE_TOOLS=1 wants it");
        #[expect(clippy::print_stderr, reason = "a skipped test must not look like a passed one")]
        {
            eprintln!("skipped: SLOGEN_SARIF_SCHEMA names no schema of SARIF 2.1.0");
        }
    }
    path
}

/// What `slogen lint` reports of `files` in `format`.
fn report(files: &[(&str, &str)], format: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    let arguments = ["lint", ".", "--preset", "strict", "--no-config", "--format", format];
    let output = slogen().current_dir(&folder).args(arguments).output().unwrap();
    assert!(output.status.code().is_some_and(|code| code < 2), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// A Deployment on one line, which `word` stands at the start of.
fn with(word: &str) -> String {
    let word = serde_json::to_string(word).unwrap();
    let pod = format!("{{containers: [{{name: {word}, image: {word}}}]}}");
    let template = format!("{{metadata: {{labels: {{app: {word}}}}}, spec: {pod}}}");
    let spec = format!("{{selector: {{matchLabels: {{app: shop}}}}, template: {template}}}");
    format!(
        "# one line\n{{metadata: {{annotations: {{a: {word}}}, name: shop}}, apiVersion: apps/v1, kind: Deployment, spec: {spec}}}\n"
    )
}

#[test]
fn sarif_fits_its_schema() {
    let Some(path) = sarif_schema() else { return };
    let schema: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(schema["properties"]["version"]["enum"][0], "2.1.0");
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(!validator.is_valid(&serde_json::json!({ "version": "2.1.0" })));
    let words = [
        "",
        "größe",
        "🦀 €",
        "a\"b'c",
        "%0A::x,y",
        "\u{7f}\u{202e}",
        "100 %",
        "\u{1F468}\u{200D}\u{1F469}",
    ];
    for word in words {
        let log: Value = serde_json::from_str(&report(
            &[("größe 🦀,1.yaml", &with(word)), ("b.yaml", BROKEN)],
            "sarif",
        ))
        .unwrap();
        let problems: Vec<String> = validator
            .iter_errors(&log)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(problems.is_empty(), "{word:?}: {problems:#?}");
        let run = &log["runs"][0];
        assert_eq!(run["columnKind"], "utf16CodeUnits");
        assert!(!list(&run["results"]).is_empty(), "{word:?}");
        for result in list(&run["results"]) {
            assert!(result["partialFingerprints"]["primaryLocationLineHash"].is_string());
            let region = &result["locations"][0]["physicalLocation"]["region"];
            assert_eq!(region["startLine"], region["endLine"]);
        }
    }
    let clean = report(&[], "sarif");
    assert!(validator.is_valid(&serde_json::from_str(&clean).unwrap()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever stands in a manifest: one command a line, whose parts are what they were; regions lie within their
    /// line, counted in UTF-16; fingerprints differ, and stay when lines are added above.
    #[test]
    fn reports_survive_any_text(word in "[a-z%:,\\r\\n\"'ä€🦀\u{202e} ]{0,12}", name in "[a-z%,ä🦀 ]{1,6}") {
        let (content, name) = (with(&word), format!("a{name}.yaml"));
        let moved = format!("# one\n\n# more\n{content}");
        let files = [(name.as_str(), content.as_str())];

        for line in report(&files, "github").lines() {
            let (head, message) = line.strip_prefix("::").unwrap().split_once("::").unwrap();
            let (_, properties) = head.split_once(' ').unwrap();
            let pairs: Vec<(&str, &str)> = properties.split(',').map(|pair| pair.split_once('=').unwrap()).collect();
            let get = |key: &str| pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
            let path = get("file").unwrap().replace("%2C", ",").replace("%3A", ":").replace("%25", "%");
            prop_assert_eq!(&path, &name);
            prop_assert!(get("col").is_none() || get("line") == get("endLine"));
            let rest = message.replace("%25", "").replace("%0A", "").replace("%0D", "");
            prop_assert!(!rest.contains('%') && !rest.contains('\r'), "{}", message);
        }

        let log: Value = serde_json::from_str(&report(&files, "sarif")).unwrap();
        let lines: Vec<&str> = content.split('\n').collect();
        // The same places in bytes, as reviewdog wants them.
        let diagnostics: Value = serde_json::from_str(&report(&files, "rdjson")).unwrap();
        let diagnostics = list(&diagnostics["diagnostics"]);
        prop_assert_eq!(diagnostics.len(), list(&log["runs"][0]["results"]).len());
        for (result, diagnostic) in list(&log["runs"][0]["results"]).iter().zip(diagnostics) {
            let region = &result["locations"][0]["physicalLocation"]["region"];
            let start = &diagnostic["location"]["range"]["start"];
            let bytes = |key: &str| usize::try_from(start[key].as_u64().unwrap()).unwrap() - 1;
            let before = &lines[bytes("line")][..bytes("column")];
            let column = before.encode_utf16().count() + 1;
            prop_assert_eq!(region["startColumn"].as_u64(), u64::try_from(column).ok());
            let number = |key: &str| usize::try_from(region[key].as_u64().unwrap()).unwrap();
            let length = lines[number("startLine") - 1].encode_utf16().count();
            prop_assert!(number("startLine") == number("endLine"));
            prop_assert!(number("startColumn") <= number("endColumn") && number("endColumn") <= length + 1, "{region}");
        }

        let prints = |content: &str| {
            let issues: Value = serde_json::from_str(&report(&[(&name, content)], "gitlab")).unwrap();
            list(&issues).iter().map(|issue| issue["fingerprint"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let (before, after) = (prints(&content), prints(&moved));
        prop_assert_eq!(&before, &after);
        let unique: std::collections::BTreeSet<&String> = before.iter().collect();
        prop_assert_eq!(unique.len(), before.len());
    }
}
