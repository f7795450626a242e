//! The starter file: renders as it is, for every profile, and what it shows in comments is right too.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure is the test's own")]

mod common;
mod installed;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use slogen::profile::EMBEDDED;

fn slogen(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_slogen")).args(args).current_dir(folder).output().unwrap()
}

#[track_caller]
fn succeeds(output: &Output, what: &str) {
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Calls `check` with a folder that holds the starter file of each profile.
fn for_each_profile(check: impl Fn(&Path, &str)) {
    for profile in EMBEDDED {
        let folder = tempfile::tempdir().unwrap();
        let init = ["init", "--profile", profile.name, "--name", "shop"];
        succeeds(&slogen(folder.path(), &init), profile.name);
        check(folder.path(), profile.name);
    }
}

#[test]
fn starters_render() {
    for_each_profile(|folder, profile| {
        let output = slogen(folder, &["render"]);
        succeeds(&output, profile);
        assert!(output.stdout.starts_with(b"apiVersion: "), "{profile} renders nothing");
        assert!(output.stderr.is_empty(), "{profile} draws notes");
    });
}

/// A line such as `# labels = { team = "your-team" }`, without its `# `.
fn commented_key(line: &str) -> Option<&str> {
    let key = line.strip_prefix("# ")?;
    let (word, _) = key.split_once(" = ")?;
    word.chars().all(|c| c.is_ascii_lowercase() || c == '_').then_some(key)
}

#[test]
fn comments_can_be_taken_away() {
    for_each_profile(|folder, profile| {
        let path = folder.join("slo.toml");
        let starter = fs::read_to_string(&path).unwrap();
        let mut tried = 0;
        for (index, line) in starter.lines().enumerate() {
            // Keys below a header that is a comment itself belong to that.
            let header = starter
                .lines()
                .take(index)
                .filter(|line| line.trim_start_matches("# ").starts_with('['))
                .last();
            let Some(key) =
                commented_key(line).filter(|_| header.is_some_and(|line| line.starts_with('[')))
            else {
                continue;
            };
            let changed: Vec<&str> = starter
                .lines()
                .enumerate()
                .map(|(at, line)| if at == index { key } else { line })
                .collect();
            fs::write(&path, changed.join("\n")).unwrap();
            succeeds(
                &slogen(folder, &["render"]),
                &format!("{profile}, line {}: {key}", index + 1),
            );
            tried += 1;
        }
        assert!(tried >= 10, "only {tried} commented keys found");
        let uncommented = starter.replace("# [env.", "[env.").replace("# [alerts]", "[alerts]");
        fs::write(&path, uncommented.replace("# runbook_url", "runbook_url")).unwrap();
        succeeds(&slogen(folder, &["render", "--env", "staging"]), profile);
    });
}

#[test]
fn a_file_that_is_there_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("slo.toml"), "mine").unwrap();
    let output = slogen(folder.path(), &["init"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert_eq!(fs::read_to_string(folder.path().join("slo.toml")).unwrap(), "mine");
    succeeds(&slogen(folder.path(), &["init", "--force"]), "--force");
    assert_ne!(fs::read_to_string(folder.path().join("slo.toml")).unwrap(), "mine");
}

/// With `--schema`, what editors check a file by stands beside it; without, the address of what is published.
#[test]
fn the_schema_is_written_beside() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let first =
        |name: &str| fs::read_to_string(path(name)).unwrap().lines().next().map(str::to_owned);
    succeeds(&slogen(folder.path(), &["init", "-o", "a.toml"]), "init");
    assert_eq!(first("a.toml").unwrap(), "#:schema https://slogen.dev/schemas/slo.schema.json");
    assert!(!path("slo.schema.json").exists());
    succeeds(&slogen(folder.path(), &["init", "--schema"]), "--schema");
    assert_eq!(first("slo.toml").unwrap(), "#:schema ./slo.schema.json");
    let schema = slogen(folder.path(), &["schema", "slo"]);
    assert_eq!(fs::read(path("slo.schema.json")).unwrap(), schema.stdout);
    succeeds(&slogen(folder.path(), &["render"]), "render");

    fs::remove_file(path("slo.toml")).unwrap();
    fs::write(path("slo.schema.json"), "{}").unwrap();
    let output = slogen(folder.path(), &["init", "--schema"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!path("slo.toml").exists() && first("slo.schema.json").unwrap() == "{}");
    succeeds(&slogen(folder.path(), &["init", "--schema", "--force"]), "--force");
}

/// taplo, which editors run, takes what slogen takes, and finds a wrong key.
#[test]
fn taplo_checks_by_the_schema() {
    let Some(taplo) = installed::tool("taplo") else { return };
    let lint = |folder: &Path| {
        let output =
            Command::new(&taplo).args(["lint", "slo.toml"]).current_dir(folder).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for profile in EMBEDDED {
        let folder = tempfile::tempdir().unwrap();
        succeeds(
            &slogen(
                folder.path(),
                &["init", "--schema", "--profile", profile.name, "--name", "shop"],
            ),
            profile.name,
        );
        let (accepted, report) = lint(folder.path());
        assert!(accepted, "{}: {report}", profile.name);
        let path = folder.path().join("slo.toml");
        let wrong = fs::read_to_string(&path).unwrap() + "\n[targetz]\na = 1\n";
        fs::write(&path, wrong).unwrap();
        let (accepted, report) = lint(folder.path());
        assert!(!accepted && report.contains("targetz"), "{}: {report}", profile.name);
    }
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/slo.schema.json");
    for case in common::cases() {
        let folder = tempfile::tempdir().unwrap();
        fs::copy(&schema, folder.path().join("slo.schema.json")).unwrap();
        let text = fs::read_to_string(case.folder.join("slo.toml")).unwrap();
        let body: Vec<&str> = text.lines().filter(|line| !line.starts_with("#:schema")).collect();
        let text = format!("#:schema ./slo.schema.json\n{}\n", body.join("\n"));
        fs::write(folder.path().join("slo.toml"), text).unwrap();
        let (accepted, report) = lint(folder.path());
        assert!(accepted, "{}: {report}", case.name);
    }
}
