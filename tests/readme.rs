//! The README tells the truth: its commands run, in its order, in an empty folder; its example is the reference
//! case; its timings' commands exist.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failure is the test's own"
)]

mod installed;

use std::path::Path;
use std::process::Command;

const README: &str = include_str!("../README.md");

/// Fenced blocks of `language`, each with the comment line above it.
fn blocks(language: &str) -> Vec<(String, String)> {
    let fence = format!("```{language}");
    let mut blocks = Vec::new();
    let mut above = "";
    let mut lines = README.lines();
    while let Some(line) = lines.next() {
        if line == fence {
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((above.to_owned(), body.join("\n")));
        } else if line.starts_with("```") {
            lines.by_ref().find(|line| *line == "```");
        }
        above = line;
    }
    blocks
}

fn is_marked(above: &str, mark: &str) -> bool {
    above == format!("<!-- ci: {mark} -->")
}

#[test]
fn commands_run() {
    let folder = tempfile::tempdir().unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_slogen")).parent().unwrap();
    let path = std::env::join_paths(
        std::iter::once(binary.to_path_buf())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    )
    .unwrap();
    let kubectl = installed::tool("kubectl").is_some();
    let mut ran = 0;
    for (above, script) in blocks("sh") {
        if is_marked(&above, "install") || is_marked(&above, "test") {
            continue;
        }
        for command in script.lines().filter(|command| kubectl || !command.contains("kubectl ")) {
            let output = Command::new("sh")
                .args(["-c", command])
                .current_dir(folder.path())
                .env("PATH", &path)
                .output()
                .unwrap();
            let (out, err) =
                (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success(), "`{command}` fails: {out}{err}");
            assert!(!err.contains("error"), "`{command}` complains: {err}");
            ran += 1;
        }
    }
    assert!(ran >= 10, "only {ran} commands found");
    assert!(folder.path().join("manifests.yaml").metadata().unwrap().len() > 1000);
}

#[test]
fn marks_for_ci_are_there() {
    for (mark, command) in
        [("install", "cargo install"), ("first", "slogen init"), ("test", "cargo test --locked")]
    {
        let found = blocks("sh").into_iter().find(|(above, _)| is_marked(above, mark));
        assert!(found.is_some_and(|(_, script)| script.starts_with(command)), "no block `{mark}`");
    }
}

#[test]
fn the_example_is_the_reference_case() {
    let reference = include_str!("golden/inference/slo.toml");
    assert!(blocks("toml").iter().any(|(_, text)| text.trim() == reference.trim()));
}

/// The other snippets extend the example, or are files of their own, and are as valid as it.
#[test]
fn snippets_are_valid() {
    let (alone, snippets): (Vec<_>, Vec<_>) =
        blocks("toml").into_iter().partition(|(above, _)| above == "<!-- a file of its own -->");
    assert!(render(&alone[0].1, &[]).contains("kind: ScaledObject"));
    let snippets: Vec<String> = snippets.into_iter().map(|(_, text)| text).collect();
    let text = render(&snippets.join("\n\n"), &["--env", "staging"]);
    assert!(
        text.contains("revisionHistoryLimit: 3")
            && text.contains("sampleLimit: 5000")
            && text.contains("maxReplicas: 3")
    );
}

/// What `slogen render` prints for a slo.toml.
fn render(text: &str, arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("slo.toml");
    std::fs::write(&path, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_slogen"))
        .args(["render", "-f"])
        .arg(&path)
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
