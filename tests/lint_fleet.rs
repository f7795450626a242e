//! A fleet of services with known mistakes: each is reported at its line by the rule that stands for it, and
//! nothing is said of the services without one.

#![allow(clippy::unwrap_used, reason = "a failure is the test's own")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use slogen::cli::{Io, Outcome};

#[path = "common/fleet.rs"]
mod fleet;

/// What is wrong with a service: a text to look for in one of its files, what stands there instead, the rule that
/// reports it, and the line that it points at.
struct Mistake {
    file: &'static str,
    right: &'static str,
    wrong: &'static str,
    rule: &'static str,
    line: &'static str,
}

const MISTAKES: &[Mistake] = &[
    Mistake {
        file: "workload.yaml",
        right: "requests: { cpu: 250m, memory: 512Mi }",
        wrong: "requests: {}",
        rule: "resources/missing-requests",
        line: "- name: NAME",
    },
    Mistake {
        file: "workload.yaml",
        right: "limits: { memory: 512Mi }",
        wrong: "limits: { memory: 256Mi }",
        rule: "resources/request-above-limit",
        line: "requests:",
    },
    Mistake {
        file: "workload.yaml",
        right: "image: registry.example.com/NAME:1.4.2",
        wrong: "image: registry.example.com:5000/NAME",
        rule: "hygiene/floating-image",
        line: "image:",
    },
    Mistake {
        file: "workload.yaml",
        right: "failureThreshold: 24",
        wrong: "failureThreshold: 2",
        rule: "probes/short-startup-budget",
        line: "startupProbe:",
    },
    Mistake {
        file: "workload.yaml",
        right: "path: /ready, port: http",
        wrong: "path: /ready, port: htpp",
        rule: "probes/unknown-port",
        line: "readinessProbe:",
    },
    Mistake {
        file: "workload.yaml",
        right: "terminationGracePeriodSeconds: 45",
        wrong: "terminationGracePeriodSeconds: 10",
        rule: "rollout/prestop-exceeds-grace",
        line: "preStop:",
    },
    Mistake {
        file: "workload.yaml",
        right: "strategy:",
        wrong: "replicas: 3\n  strategy:",
        rule: "scaling/static-replicas",
        line: "replicas: 3",
    },
    Mistake {
        file: "service.yaml",
        right: "selector: { app: NAME }",
        wrong: "selector: { app: NAME-old }",
        rule: "traffic/unmatched-service",
        line: "selector:",
    },
    Mistake {
        file: "service.yaml",
        right: "targetPort: http",
        wrong: "targetPort: web",
        rule: "traffic/unresolved-target-port",
        line: "targetPort:",
    },
    Mistake {
        file: "scaling.yaml",
        right: "minReplicas: 3",
        wrong: "minReplicas: 30",
        rule: "scaling/rejected-bounds",
        line: "minReplicas:",
    },
    Mistake {
        file: "scaling.yaml",
        right: "    apiVersion: apps/v1\n",
        wrong: "",
        rule: "scaling/unscalable-target",
        line: "scaleTargetRef:",
    },
    Mistake {
        file: "disruption.yaml",
        right: "minAvailable: 2",
        wrong: "minAvailable: 100%",
        rule: "availability/pdb-blocks-eviction",
        line: "minAvailable:",
    },
    Mistake {
        file: "monitoring.yaml",
        right: "port: http",
        wrong: "port: \"8080\"",
        rule: "monitoring/unknown-endpoint-port",
        line: "port: \"8080\"",
    },
    Mistake {
        file: "rules.yaml",
        right: "sum by (le, pod)",
        wrong: "sum by (pod)",
        rule: "alerts/lost-le",
        line: "sum by (pod)",
    },
    Mistake {
        file: "rules.yaml",
        right: "[2m]",
        wrong: "[20s]",
        rule: "alerts/short-rate-window",
        line: "[20s]",
    },
    Mistake {
        file: "rules.yaml",
        right: "> 0.01",
        wrong: "> 1.01",
        rule: "alerts/unreachable-threshold",
        line: "> 1.01",
    },
];

#[test]
fn every_mistake_is_found_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = BTreeSet::new();
    for index in 0..4 * MISTAKES.len() {
        // Every second service is right.
        let mistake = MISTAKES.get(index / 2).filter(|_| index % 2 == 1);
        write_service(folder.path(), index, mistake, &mut expected);
    }
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = ["slogen", "lint", "--no-config", "--format", "concise", "--max-repeats", "0"];
    let args = args.iter().map(Into::into).chain([folder.path().into()]);
    let outcome = slogen::cli::run(args, &mut Io { out: &mut out, err: &mut err, colour: false });
    assert_eq!(outcome, Outcome::Found);

    let prefix = format!("{}/", folder.path().display());
    let report = String::from_utf8(out).unwrap();
    let found = report.lines().filter_map(|line| {
        let (place, rest) = line.strip_prefix(&prefix)?.split_once(": ")?;
        let (severity, rest) = rest.split_once(' ')?;
        let line = place.rsplit_once(':')?.0;
        let rule = rest.split(' ').next()?;
        (severity != "info").then(|| format!("{line} {rule}"))
    });
    let found: BTreeSet<String> = found.collect();
    let missed: Vec<_> = expected.difference(&found).collect();
    let invented: Vec<_> = found.difference(&expected).collect();
    assert!(missed.is_empty() && invented.is_empty(), "missed {missed:#?}, invented {invented:#?}");
}

/// Writes the files of one service, and notes what is to be found in them.
fn write_service(
    root: &Path,
    index: usize,
    mistake: Option<&Mistake>,
    expected: &mut BTreeSet<String>,
) {
    let name = fleet::name(index);
    let filled = |text: &str| fleet::filled(text, index);
    fs::create_dir(root.join(&name)).unwrap();
    for (file, text) in fleet::FILES {
        let mut text = filled(text);
        if let Some(mistake) = mistake.filter(|mistake| mistake.file == file) {
            let (right, wrong) = (filled(mistake.right), filled(mistake.wrong));
            assert!(text.contains(&right), "{file} holds no {right}");
            text = text.replacen(&right, &wrong, 1);
            let needle = filled(mistake.line);
            let line = text.lines().position(|line| line.contains(&needle)).unwrap() + 1;
            expected.insert(format!("{name}/{file}:{line} {}", mistake.rule));
        }
        fs::write(root.join(&name).join(file), text).unwrap();
    }
}
