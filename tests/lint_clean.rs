//! What is right is not reported: everything that slogen renders, and manifests as careful people write them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure is the test's own")]

use std::fs;
use std::path::{Path, PathBuf};

use slogen::cli::{Io, Outcome};

/// Runs `slogen lint` with these arguments.
fn lint(args: &[&str]) -> (Outcome, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = ["slogen", "lint", "--no-config"].iter().chain(args).map(Into::into);
    let outcome = slogen::cli::run(args, &mut Io { out: &mut out, err: &mut err, colour: false });
    let text = String::from_utf8(out).unwrap() + &String::from_utf8(err).unwrap();
    (outcome, text)
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// What the slo.toml of a case asks for, and is worth a word all the same: never to shrink, minutes to start.
const ASKED_FOR: [(&str, &str); 2] =
    [("spiky", "scaling/one-way-scaling"), ("high-throughput", "scaling/slow-scale-up")];

#[test]
fn every_golden_is_clean() {
    let mut cases = 0;
    for case in fs::read_dir(folder("golden")).unwrap() {
        let case = case.unwrap().path();
        if case.join("slo.toml").is_file() {
            cases += 1;
            let mut args = vec!["--fail-on", "warning", "--format", "concise"];
            let asked = ASKED_FOR.iter().filter(|(name, _)| case.ends_with(name));
            args.extend(asked.flat_map(|(_, rule)| ["--off", *rule]));
            let (outcome, text) = lint(&[args.as_slice(), &[case.to_str().unwrap()]].concat());
            assert_eq!(outcome, Outcome::Done, "{text}");
        }
    }
    assert!(cases > 5, "{cases} cases");
}

#[test]
fn healthy_manifests_have_no_errors() {
    let (outcome, text) = lint(&[folder("manifests").to_str().unwrap()]);
    assert_eq!(outcome, Outcome::Done, "{text}");
    assert!(!text.contains("holds no manifests"), "{text}");
}

#[test]
fn a_patch_that_breaks_the_output_is_an_error_of_slo_toml() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("slo.toml");
    let service =
        "[service]\nname = \"shop\"\nimage = \"shop:1\"\n[targets]\nerrors = { below = \"1%\" }\n";
    let broken =
        "[[patch]]\ntarget = { kind = \"Deployment\" }\nmerge = { spec = { replicas = 4 } }\n";
    fs::write(&path, format!("profile = \"web\"\n{service}{broken}")).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = ["slogen".into(), "render".into(), "-f".into(), path.into_os_string()];
    let outcome = slogen::cli::run(args, &mut Io { out: &mut out, err: &mut err, colour: false });
    let text = String::from_utf8(err).unwrap();
    assert_eq!((outcome, out.len()), (Outcome::Failed, 0), "{text}");
    assert!(text.contains("slo.toml:7:1: error: scaling/static-replicas"), "{text}");
}
