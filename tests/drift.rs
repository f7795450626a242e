//! Manifests that slogen rendered and somebody edited, beside their slo.toml: each edit is told, and nothing else.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure is the test's own")]

use std::fs;
use std::path::Path;

use slogen::cli::Io;

/// A case of tests/golden, what is written there instead of what, and the rule that tells.
const EDITS: [(&str, &str, &str, &str); 17] = [
    ("inference", "le=\"0.35\"", "le=\"0.3\"", "slo/threshold-not-a-bucket"),
    (
        "inference",
        "status!~\"5..\",le=\"0.35\"",
        "status!~\"5..\",le=\"0.5\"",
        "slo/drifted-threshold",
    ),
    ("inference", "[1m]))) > 0.35", "[1m]))) > 0.5", "slo/drifted-threshold"),
    ("inference", "[1m])) > 0) > 0.01", "[1m])) > 0) > 0.02", "slo/drifted-threshold"),
    ("inference", "> 0.72) and", "> 0.6) and", "slo/drifted-threshold"),
    ("inference", "> 0.03)", "> 0.01)", "slo/drifted-threshold"),
    ("inference", "vector(0.95)", "vector(0.9)", "slo/drifted-threshold"),
    ("inference", "vector(0.01)", "vector(0.05)", "slo/drifted-threshold"),
    ("inference", ") / 0.05\n", ") / 0.1\n", "slo/drifted-threshold"),
    ("inference", "averageValue: 350m", "averageValue: 400m", "slo/late-scale-target"),
    ("inference", "averageValue: \"10\"", "averageValue: \"15\"", "slo/in-flight-target-above-cap"),
    ("inference", "source-sha256: ", "source-sha256: 00000000", "slo/stale-render"),
    ("inference", "expr: absent(", "expr: count(", "slo/missing-absence-alert"),
    ("inference", "status=~\"5..\"", "code=~\"5..\"", "slo/drifted-query"),
    ("keda", "threshold: \"0.35\"", "threshold: \"0.5\"", "slo/late-scale-target"),
    ("keda", "threshold: \"10\"", "threshold: \"15\"", "slo/in-flight-target-above-cap"),
    ("keda", "[1m]))) >= 0", "[5m]))) >= 0", "slo/drifted-query"),
];

/// The rules of the family that report in `folder`.
fn told(folder: &Path) -> Vec<String> {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = ["slogen", "lint", "--no-config", "--format", "concise"].map(Into::into);
    let args = args.into_iter().chain([folder.as_os_str().to_owned()]);
    slogen::cli::run(args, &mut Io { out: &mut out, err: &mut err, colour: false });
    let text = String::from_utf8(out).unwrap();
    let words = text.split_whitespace().filter(|word| word.starts_with("slo/"));
    let mut rules: Vec<_> = words.map(str::to_owned).collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}

/// A copy of the case with `edit` done to its manifests; how many of them it changed.
fn copy(case: &str, into: &Path, edit: &dyn Fn(&str) -> String) -> usize {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(case);
    fs::copy(golden.join("slo.toml"), into.join("slo.toml")).unwrap();
    let mut changed = 0;
    for file in fs::read_dir(golden.join("expected")).unwrap() {
        let file = file.unwrap();
        let text = fs::read_to_string(file.path()).unwrap();
        let edited = edit(&text);
        changed += usize::from(edited != text);
        fs::write(into.join(file.file_name()), edited).unwrap();
    }
    changed
}

#[test]
fn edits_are_told() {
    let mut wrong = Vec::new();
    for (case, from, to, rule) in EDITS {
        let folder = tempfile::tempdir().unwrap();
        let edit = |text: &str| {
            let edited = text.replace(from, to);
            // A digest keeps its length.
            if from.ends_with(": ") && edited != text {
                let at = edited.find(to).unwrap() + to.len();
                return format!("{}{}", &edited[..at], &edited[at + 8..]);
            }
            edited
        };
        assert!(copy(case, folder.path(), &edit) > 0, "{case} has no {from}");
        let rules = told(folder.path());
        if rules != [rule] {
            wrong.push(format!("{case}: {from} to {to}: {rules:?}, not {rule}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_rendered_for_an_overlay_is_no_drift() {
    let folder = tempfile::tempdir().unwrap();
    let service = "profile = \"inference\"\n[service]\nname = \"shop\"\nnamespace = \"prod\"\nimage = \"shop:1\"\n\
        [targets]\nlatency = [{ percentile = 95, below = \"350ms\" }]\nerrors = { below = \"1%\" }\n\
        [metrics]\nbuckets = [0.1, 0.35, 1, 2.5]\nselector = { route = \"/buy\" }\n\
        [env.staging.service]\nnamespace = \"staging\"\n\
        [env.dev.targets]\nlatency = [{ percentile = 90, below = \"1s\" }]\nerrors = { below = \"5%\" }\n\
        [env.dev.metrics]\nrate_window = \"3m\"\n\
        [env.dev.scaling]\nbackend = \"keda\"\nmin = 2\nmax = 4\n[env.dev.alerts]\nburn_rate = false\n";
    let slo = folder.path().join("slo.toml");
    fs::write(&slo, service).unwrap();
    for env in [None, Some("staging"), Some("dev")] {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut args: Vec<std::ffi::OsString> =
            ["slogen", "render", "-f"].map(Into::into).into_iter().collect();
        args.push(slo.clone().into_os_string());
        args.extend(env.into_iter().flat_map(|env| ["--env".into(), env.into()]));
        slogen::cli::run(args, &mut Io { out: &mut out, err: &mut err, colour: false });
        assert!(!out.is_empty(), "{}", String::from_utf8(err).unwrap());
        fs::write(folder.path().join("rendered.yaml"), out).unwrap();
        assert_eq!(told(folder.path()), [""; 0], "{env:?}");
    }
    // After the file has changed, all of it is stale.
    fs::write(&slo, service.replace("shop:1", "shop:2")).unwrap();
    assert_eq!(told(folder.path()), ["slo/stale-render"]);
    // Line ends are Git's.
    fs::write(&slo, service.replace('\n', "\r\n")).unwrap();
    assert_eq!(told(folder.path()), [""; 0]);
}
