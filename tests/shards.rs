//! Shards of a run, joined, are the run; what cannot be joined is refused with a reason.

#![allow(clippy::unwrap_used, reason = "a failure is the test's own")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

#[path = "common/fleet.rs"]
mod fleet;

fn slogen(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slogen"));
    command.current_dir(folder).args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.code() != Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What a refused command says.
fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Thirty services; every second one has a mistake, every third one a suppressed one, one a broken file.
fn write_fleet(folder: &Path) {
    let changes = [
        ("workload.yaml", "limits: { memory: 512Mi }", "limits: { memory: 256Mi }"),
        ("workload.yaml", "strategy:", "replicas: 3\n  strategy:"),
        ("service.yaml", "selector: { app: NAME }", "selector: { app: größe }"),
        ("scaling.yaml", "minReplicas: 3", "minReplicas: 30"),
        ("rules.yaml", "sum by (le, pod)", "sum by (pod)"),
    ];
    for index in 0..30 {
        let home = folder.join(fleet::name(index));
        fs::create_dir(&home).unwrap();
        for (file, text) in fleet::FILES {
            let mut text = text.to_owned();
            let (home_of, right, wrong) = changes[index % changes.len()];
            if index % 2 == 1 && file == home_of {
                text = text.replace(right, wrong);
            }
            if index % 3 == 0 && file == "workload.yaml" {
                text = text.replace("NAME:1.4.2", "NAME # slogen: ignore[hygiene] a test");
            }
            fs::write(home.join(file), fleet::filled(&text, index)).unwrap();
        }
    }
    fs::write(folder.join("broken.yaml"), "apiVersion: [\n").unwrap();
    fs::write(folder.join("template.yaml"), "apiVersion: v1\nkind: {{ .Kind }}\na: [\n").unwrap();
}

/// Writes the shards of a run, and gives back their names.
fn write_shards(folder: &Path, out: &Path, count: usize) -> Vec<String> {
    let shard = |index: usize| {
        let file = out.join(format!("{index}-of-{count}.json")).display().to_string();
        let which = format!("{index}/{count}");
        let output = slogen(
            folder,
            &["lint", "--format", "json", "--output-file", &file, "--shard", &which],
        );
        let found = fs::read_to_string(&file).unwrap().contains("\"severity\": \"error\"");
        assert_eq!(output.status.code(), Some(i32::from(found)), "its own findings decide");
        file
    };
    (1..=count).map(shard).collect()
}

#[test]
fn joined_shards_are_one_run() {
    let (folder, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    write_fleet(folder);
    let whole = text(&slogen(folder, &["lint", "--format", "json"]));
    assert!(whole.matches("\"rule\"").count() > 15, "{whole}");
    assert!(whole.contains("\"suppressed\": 10") && whole.contains("\"skipped\": 1"), "{whole}");
    for count in 1..=7 {
        let mut shards = write_shards(folder, out.path(), count);
        for turn in 0..count {
            shards.rotate_left(1);
            if turn % 2 == 1 {
                shards.reverse();
            }
            let mut arguments = vec!["report", "merge"];
            arguments.extend(shards.iter().map(String::as_str));
            let merged = slogen(folder, &arguments);
            assert_eq!(merged.status.code(), Some(1));
            assert_eq!(text(&merged), whole, "{count} shards");
        }
    }
}

#[test]
fn joined_shards_have_the_other_formats_of_one_run() {
    let (folder, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    write_fleet(folder);
    let shards = write_shards(folder, out.path(), 3);
    for format in ["concise", "github", "gitlab", "junit", "sarif"] {
        let mut arguments = vec!["report", "merge", "--format", format, "--fail-on", "never"];
        arguments.extend(shards.iter().map(String::as_str));
        let merged = slogen(folder, &arguments);
        assert_eq!(merged.status.code(), Some(0));
        let whole = text(&slogen(folder, &["lint", "--format", format]));
        if format == "sarif" {
            let read = |text: &str| -> serde_json::Value { serde_json::from_str(text).unwrap() };
            let (mut merged, mut whole) = (read(&text(&merged)), read(&whole));
            // Reports count characters, and say of what else plays a part where it starts.
            whole["runs"][0]["columnKind"] = "unicodeCodePoints".into();
            for log in [&mut merged, &mut whole] {
                for result in log["runs"][0]["results"].as_array_mut().unwrap() {
                    for place in result["relatedLocations"].as_array_mut().into_iter().flatten() {
                        let region = &mut place["physicalLocation"]["region"];
                        region.as_object_mut().unwrap().remove("endColumn");
                    }
                }
            }
            assert!(merged == whole, "sarif");
        } else {
            assert_eq!(text(&merged), whole, "{format}");
        }
    }
    let files = ["report", "merge", "--format", "sarif=all.sarif", "--format", "concise"];
    let mut arguments = files.to_vec();
    arguments.extend(shards.iter().map(String::as_str));
    assert!(text(&slogen(folder, &arguments)).contains("error"));
    assert!(fs::read_to_string(folder.join("all.sarif")).unwrap().contains("\"results\""));
}

#[test]
fn what_is_no_whole_is_refused() {
    let (folder, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    write_fleet(folder);
    let shards = write_shards(folder, out.path(), 3);
    let others = write_shards(folder, out.path(), 2);
    let (one, two, three) = (&shards[0], &shards[1], &shards[2]);
    let merge = |paths: &[&str]| refusal(&slogen(folder, &[&["report", "merge"], paths].concat()));
    assert!(merge(&[one, three]).contains("shard 2/3 is missing"));
    assert!(merge(&[one, two, three, two]).contains("shard 2/3 is there twice"));
    assert!(merge(&[one, &others[1]]).contains("they are of 3 and 2"));
    let whole = out.path().join("whole.json").display().to_string();
    slogen(folder, &["lint", "--format", "json", "--output-file", &whole]);
    assert!(merge(&[one, two, three, &whole]).contains("is a whole run"));
    fs::write(folder.join("more.yaml"), "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n")
        .unwrap();
    let later = out.path().join("later.json").display().to_string();
    fs::copy(&write_shards(folder, out.path(), 3)[0], &later).unwrap();
    fs::remove_file(folder.join("more.yaml")).unwrap();
    write_shards(folder, out.path(), 3);
    let differ = merge(&[&later, two, three]);
    assert!(differ.contains("files and"), "{differ}");

    let foreign = out.path().join("foreign.json").display().to_string();
    let other_rules = [
        "lint",
        "--shard",
        "2/3",
        "--off",
        "scaling",
        "--format",
        "json",
        "--output-file",
        &foreign,
    ];
    slogen(folder, &other_rules);
    let differ = merge(&[one, &foreign, three]);
    assert!(differ.contains("with the same arguments"), "{differ}");

    let broken = folder.join("broken.json");
    fs::write(&broken, "{\n  \"version\": 1,\n  \"findings\": 3\n}\n").unwrap();
    assert!(merge(&["broken.json"]).contains("broken.json:3:15: "), "{}", merge(&["broken.json"]));
    fs::write(&broken, "{\n  \"version\": 1,\n").unwrap();
    assert!(
        merge(&["broken.json"]).contains("broken.json:3:0: ")
            || merge(&["broken.json"]).contains("broken.json:2:")
    );
    fs::write(
        &broken,
        fs::read_to_string(one).unwrap().replace("\"version\": 1", "\"version\": 2"),
    )
    .unwrap();
    assert!(merge(&["broken.json"]).contains("version 2"));
    assert!(merge(&["no.json"]).contains("cannot read `no.json`"));
    assert!(merge(&["--format", "human", one]).contains("shows the text"));
}

#[test]
fn whole_runs_are_added_up() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (name, amount) in [("a", "2Gi"), ("b", "3Gi")] {
        let manifest = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{{name: a, image: 'a:1', resources: {{requests: {{memory: {amount}, cpu: 1}}, limits: {{memory: 1Gi}}}}}}]}}\n"
        );
        fs::write(folder.join(format!("{name}.yaml")), manifest).unwrap();
        slogen(
            folder,
            &["lint", &format!("{name}.yaml"), "--format", &format!("json={name}.json")],
        );
    }
    let both = text(&slogen(folder, &["report", "merge", "b.json", "a.json"]));
    fs::remove_file(folder.join("a.json")).unwrap();
    let again = text(&slogen(folder, &["lint", "a.yaml", "b.yaml", "--format", "json"]));
    assert_eq!(both, again);
    // A later slogen may say more.
    let richer = both.replacen("\"rule\"", "\"docs\": [1], \"rule\"", 1);
    fs::write(folder.join("all.json"), richer).unwrap();
    let twice = text(&slogen(folder, &["report", "merge", "all.json", "b.json"]));
    assert_eq!(twice.matches("\"rule\"").count(), both.matches("\"rule\"").count());
}

#[test]
fn a_shard_changes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    for flag in ["--fix", "--diff", "--write-baseline=a.json"] {
        let refused = refusal(&slogen(folder.path(), &["lint", "--shard", "1/2", flag]));
        assert!(refused.contains("cannot be used with"), "{refused}");
    }
    for shard in ["0/2", "3/2", "2", "a/b"] {
        assert!(refusal(&slogen(folder.path(), &["lint", "--shard", shard])).contains("shard"));
    }
}
