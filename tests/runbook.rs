//! Holds the runbook to account: the reference case's text, byte for byte; and for every golden case the anchors
//! that alerts link to, the queries, and Markdown that no value breaks.

#![cfg(test)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use promql_parser::parser;

use common::{Case, cases, documents, list, of_kind, slogen};

fn runbook(case: &Case) -> String {
    let mut command = slogen();
    command.arg("runbook").arg("-f").arg(case.folder.join("slo.toml")).args(&case.args);
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{}: {errors}", case.name);
    String::from_utf8(output.stdout).unwrap()
}

/// The runbook of a service with some more lines of slo.toml.
fn of(toml: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("slo.toml");
    let service =
        "service.name = \"shop\"\nservice.image = \"shop:v1\"\nservice.namespace = \"web\"\n";
    fs::write(&file, format!("{toml}\n{service}")).unwrap();
    let output = slogen().arg("runbook").arg("-f").arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The headings of a document as the anchors that GitHub and GitLab give them, with their number.
fn anchors(text: &str) -> BTreeMap<String, usize> {
    let mut anchors = BTreeMap::new();
    for line in outside_of_code(text) {
        if let Some((_, title)) =
            line.split_once("# ").filter(|(hashes, _)| hashes.chars().all(|c| c == '#'))
        {
            let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            let anchor = kept.collect::<String>().to_lowercase().replace(' ', "-");
            *anchors.entry(anchor).or_default() += 1;
        }
    }
    anchors
}

fn outside_of_code(text: &str) -> Vec<&str> {
    let mut inside = false;
    let outside = |line: &&str| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        !inside && !fence
    };
    let lines = text.lines().filter(outside).collect();
    assert!(!inside, "a block of code never ends");
    lines
}

/// What stands in blocks of `language`.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let starts = text.split("```").skip(1).step_by(2);
    starts.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).collect()
}

#[test]
fn the_reference_case_reads_as_expected() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/runbook/inference.md");
    let case = cases().into_iter().find(|case| case.name == "inference").unwrap();
    let text = runbook(&case);
    if std::env::var_os("SLOGEN_BLESS").is_some_and(|value| value == "1") {
        fs::write(&path, &text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let diff = similar::TextDiff::from_lines(&expected, &text);
    assert!(
        text == expected,
        "{}\nif that is right: SLOGEN_BLESS=1 cargo test --test runbook",
        diff.unified_diff()
    );
    assert!(text.contains("| `errors` | 99% of the requests succeed | 1% | 432 |"), "30 d × 1 %");
    assert!(
        text.contains("| `latency-p95` | 95% of the requests take less than 350ms | 5% | 2160 |")
    );
}

/// An alert's `runbook_url` ends in its name, lower-cased: what the heading of that name is reached by.
#[test]
fn every_alert_has_its_heading() {
    let mut seen = 0;
    for case in cases() {
        let text = runbook(&case);
        let anchors = anchors(&text);
        let objects = case.objects();
        let specs = of_kind(&objects, "PrometheusRule").into_iter();
        let groups = specs.flat_map(|rules| list(&rules["spec"]["groups"]));
        for rule in groups.flat_map(|group| list(&group["rules"])) {
            let Some(alert) = rule["alert"].as_str() else { continue };
            let url = rule["annotations"]["runbook_url"].as_str();
            let anchor =
                url.map_or(alert.to_lowercase(), |url| url.split_once('#').unwrap().1.to_owned());
            assert_eq!(anchors.get(&anchor), Some(&1), "{}: {alert}", case.name);
            seen += usize::from(url.is_some());
        }
        assert!(!text.contains("Its annotations say"), "{}: an alert has no text", case.name);
        for (_, link) in text.match_indices("](#").map(|(at, _)| text.split_at(at + 3)) {
            let anchor = link.split(')').next().unwrap();
            assert_eq!(anchors.get(anchor), Some(&1), "{}: {anchor}", case.name);
        }
    }
    assert!(seen > 0, "no case has a runbook_url");
}

#[test]
fn values_break_nothing() {
    for case in cases() {
        let text = runbook(&case);
        for opening in ["{{", "{%", "\r"] {
            assert!(!text.contains(opening), "{}: `{opening}` in\n{text}", case.name);
        }
        let queries = blocks(&text, "promql");
        assert!(!queries.is_empty(), "{}", case.name);
        for query in queries {
            parser::parse(query).unwrap_or_else(|error| panic!("{}: {error}: {query}", case.name));
        }
        let lines = outside_of_code(&text);
        for line in &lines {
            assert!(line.matches('`').count() % 2 == 0, "{}: {line}", case.name);
        }
        for pair in lines.windows(2).filter(|pair| pair.iter().all(|line| line.starts_with('|'))) {
            let cells = |line: &str| line.matches('|').count();
            assert_eq!(cells(pair[0]), cells(pair[1]), "{}: {}", case.name, pair[1]);
        }
        assert!(!text.contains("\n\n\n") && text.ends_with('\n'), "{}: blank lines", case.name);
        for command in blocks(&text, "sh") {
            let names = command.contains("kubectl") && !command.contains('<');
            assert!(names, "{}: {command}", case.name);
        }
    }
}

#[test]
fn it_fits_the_service() {
    let inference = "profile = \"inference\"\n";
    let keda = of(&format!("{inference}scaling.backend = \"keda\""));
    for name in ["keda-hpa-shop-keda-slo", "scaledobject shop-keda-slo", "external.metrics.k8s.io"]
    {
        assert!(keda.contains(name), "{keda}");
    }
    assert!(!keda.contains("prometheus-adapter"));

    // What KEDA asks, in its own unit and form.
    assert!(keda.contains("or sum(rate(http_request_duration_seconds_count{"), "{keda}");

    let fixed = of(&format!("{inference}scaling.replicas = 4"));
    assert!(
        fixed.contains("scale deployment/shop --replicas=8") && !fixed.contains("describe hpa")
    );

    let set = of("service.workload = \"statefulset\"");
    assert!(set.contains("rollout undo statefulset/shop") && set.contains("There are none."));

    let native = of(&format!("{inference}metrics.native_histograms = true"));
    assert!(!native.contains("_bucket{") && !native.contains("LatencyBucketMissing"));

    let rate = of(&format!("{inference}alerts.expected_rps = 10"));
    assert!(rate.contains("| 1% | 432 | 259200 |"), "30 d × 10 / s × 1 %");

    for (stack, service) in [
        ("kube-prometheus-stack", "prometheus-kube-prometheus-prometheus"),
        ("kube-prometheus", "prometheus-k8s"),
        ("plain", "prometheus-operated"),
    ] {
        let text = of(&format!("metrics.stack = \"{stack}\""));
        assert!(text.contains(&format!("port-forward svc/{service} 9090:9090")), "{stack}");
    }
}

#[test]
fn several_services_share_a_document() {
    let folder = tempfile::tempdir().unwrap();
    let service = |folder_name: &str, name: &str| {
        let path = folder.path().join(folder_name);
        fs::create_dir_all(&path).unwrap();
        let text = format!(
            "profile = \"inference\"\n[service]\nname = \"{name}\"\nimage = \"x:v1\"\nnamespace = \"{folder_name}\"\n"
        );
        fs::write(path.join("slo.toml"), text).unwrap();
    };
    service("a", "cart");
    service("b", "shop");
    let run = |arguments: &[&str]| {
        let output = slogen().arg("runbook").args(arguments).current_dir(&folder).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), output.stderr)
    };
    let (code, text, _) = run(&["-f", "."]);
    assert_eq!(code, Some(0));
    let anchors = anchors(&text);
    assert!(anchors.values().all(|count| *count == 1), "{anchors:?}");
    assert!(
        anchors.contains_key("cartlatencyslobreach") && anchors.contains_key("shophigherrorrate")
    );

    let (code, out, _) = run(&["-f", "a", "-o", "docs/cart.md"]);
    assert_eq!((code, out.as_str()), (Some(0), ""));
    let written = fs::read_to_string(folder.path().join("docs/cart.md")).unwrap();
    assert!(text.starts_with(&written));

    service("b", "cart");
    let (code, out, errors) = run(&["-f", "."]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(String::from_utf8_lossy(&errors).contains("two services have an alert"));
}

#[test]
fn it_stands_beside_the_objects() {
    let case = cases().into_iter().find(|case| case.name == "dashboard").unwrap();
    let folder = tempfile::tempdir().unwrap();
    case.write_to(folder.path());
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("runbook.md"), runbook(&case));
    assert!(!read("kustomization.yaml").contains("runbook"));
    assert!(documents(&case.render(&[])).iter().all(|object| object["kind"].is_string()));

    // Once it is not wanted any more, it is told of like other files of slogen's.
    let text = fs::read_to_string(case.folder.join("slo.toml")).unwrap();
    let file = folder.path().join("other.toml");
    fs::write(&file, text.replace("runbook = true", "")).unwrap();
    let mut command = slogen();
    command.arg("render").arg("-f").arg(file).arg("--out-dir").arg(folder.path());
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("runbook.md` is not part of the output any more"), "{errors}");
}
