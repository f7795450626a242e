//! Holds the output of `slogen render` and `slogen policy export` to account before the tools that users feed it to:
//! promtool, kubectl, and the kustomize inside kubectl.
//!
//! A tool that is not installed is skipped, unless `SLOGEN_REQUIRE_TOOLS=1`, as in CI, forbids it.

#![cfg(test)]

mod common;
mod installed;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use common::{cases, documents, id, list, of_kind, slogen};
use installed::tool;

/// What a tool prints; it must succeed. It sees no configuration of a cluster.
fn run<S: AsRef<OsStr>>(tool: &Path, arguments: &[S]) -> String {
    let mut command = Command::new(tool);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let output = command.env_clear().env("PATH", path).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{command:?}\n{errors}\n{text}");
    text
}

#[test]
fn promtool_accepts_every_rule() {
    let Some(promtool) = tool("promtool") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut arguments = ["check", "rules", "--lint-fatal"].map(PathBuf::from).to_vec();
    let mut wanted = Vec::new();
    for case in cases() {
        for rule in of_kind(&case.objects(), "PrometheusRule") {
            // JSON is YAML.
            let file = folder.path().join(format!("{}.yaml", case.name));
            fs::write(&file, rule["spec"].to_string()).unwrap();
            let groups = list(&rule["spec"]["groups"]).iter();
            let count: usize = groups.map(|group| list(&group["rules"]).len()).sum();
            wanted.push(format!("Checking {}\n  SUCCESS: {count} rules found", file.display()));
            arguments.push(file);
        }
    }
    assert!(!wanted.is_empty(), "no case has any rules");
    let report = run(&promtool, &arguments);
    for line in wanted {
        assert!(report.contains(&line), "no\n{line}\nin\n{report}");
    }
}

/// What KEDA gets for the latency: the quantile, 0 without traffic, and no answer without a scrape, which its
/// fallback is for.
#[test]
fn latency_is_told_apart_from_silence() {
    let Some(promtool) = tool("promtool") else { return };
    let case = cases().into_iter().find(|case| case.name == "keda").unwrap();
    let scaled = of_kind(&case.objects(), "ScaledObject")[0].clone();
    let query = scaled["spec"]["triggers"][0]["metadata"]["query"].as_str().unwrap();
    let series = |name: &str, le: &str, values: &str| {
        let labels = r#"namespace="default",job="inference",exported_endpoint="/predict""#;
        let series = format!("http_request_duration_seconds_{name}{{{labels}{le}}}");
        json!({ "series": series, "values": values })
    };
    // Ten minutes of requests between 0.2 and 0.35 s, ten of none, then the scrapes fail.
    let values = "0+60x40 2400x39 stale";
    let input = json!([
        series("bucket", r#",le="0.2""#, "0x79 stale"),
        series("bucket", r#",le="0.35""#, values),
        series("bucket", r#",le="+Inf""#, values),
        series("count", "", values),
    ]);
    let at = |time: &str, value: Option<f64>| {
        let samples: Vec<_> =
            value.iter().map(|value| json!({ "labels": "{}", "value": value })).collect();
        let expr = format!("round({query}, 0.0001)");
        json!({ "expr": expr, "eval_time": time, "exp_samples": samples })
    };
    let test = json!({
        "interval": "15s",
        "input_series": input,
        "promql_expr_test": [at("5m", Some(0.3425)), at("15m", Some(0.0)), at("25m", None)],
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.yaml");
    fs::write(&file, json!({ "rule_files": [], "tests": [test] }).to_string()).unwrap();
    let report = run(&promtool, &[OsStr::new("test"), OsStr::new("rules"), file.as_os_str()]);
    assert!(report.contains("SUCCESS"), "{report}");
}

/// Two services whose `selector` differs, so that each metric has one query with a branch for either.
fn two_services(folder: &Path) {
    for (name, endpoint) in [("inference", "/predict"), ("search", "/query")] {
        let text = format!(
            "profile = \"inference\"\n[service]\nname = \"{name}\"\nimage = \"a:1\"\n[metrics]\nselector = {{ endpoint = \"{endpoint}\" }}\n"
        );
        fs::create_dir(folder.join(name)).unwrap();
        fs::write(folder.join(name).join("slo.toml"), text).unwrap();
    }
}

/// Series of a pod: buckets by what they gain in a scrape interval, and requests in flight.
fn pod_series(
    pod: &str,
    job: &str,
    path: &str,
    buckets: [(&str, u32); 5],
    load: u32,
) -> Vec<Value> {
    let own = format!(
        "namespace=\"default\",pod=\"{pod}\",job=\"{job}\",endpoint=\"http\",exported_endpoint=\"{path}\""
    );
    let bucket = |(le, gain)| {
        let series = format!("http_request_duration_seconds_bucket{{{own},le=\"{le}\"}}");
        json!({ "series": series, "values": format!("0+{gain}x20") })
    };
    let in_flight = json!({ "series": format!("http_requests_in_flight{{{own}}}"), "values": format!("{load}+0x20") });
    buckets.into_iter().map(bucket).chain([in_flight]).collect()
}

/// What prometheus-adapter asks of Prometheus gives one number for each pod that it asks about; the form in which the
/// deployment guide has it gives none.
#[test]
fn adapter_queries_give_a_value_for_each_pod() {
    let Some(promtool) = tool("promtool") else { return };
    let folder = tempfile::tempdir().unwrap();
    two_services(folder.path());
    let rules = |more: &str| {
        let path = folder.path().join(more);
        let output = slogen().arg("adapter").arg("-f").arg(path).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        documents(&String::from_utf8(output.stdout).unwrap()).remove(0)["rules"]["custom"].take()
    };
    // As the adapter does (pkg/naming/metrics_query.go).
    let expand = |template: &str, series: &str, pods: &str| {
        let matchers = format!("namespace=\"default\",pod=~\"{pods}\"");
        let query = template.replace("<<.Series>>", series).replace("<<.GroupBy>>", "pod");
        query.replace("<<.LabelMatchers>>", &matchers)
    };
    let query = |rules: &Value, metric: &str, pods: &str| {
        let rule = list(rules).iter().find(|rule| rule["name"]["as"] == metric).unwrap();
        let (series, _) = rule["seriesQuery"].as_str().unwrap().split_once('{').unwrap();
        expand(rule["metricsQuery"].as_str().unwrap(), series, pods)
    };

    // Between two bounds, a quantile is read off the straight line: 0.2 + 0.15 × 25/30, 0.5 + 0.5 × 5/10, 0.1 + 0.1 × 5/10.
    let a = [("0.1", 20), ("0.2", 70), ("0.35", 100), ("1", 100), ("+Inf", 100)];
    let b = [("0.1", 20), ("0.2", 50), ("0.5", 90), ("1", 100), ("+Inf", 100)];
    let c = [("0.1", 90), ("0.2", 100), ("0.35", 100), ("1", 100), ("+Inf", 100)];
    // Health checks outnumber requests by far; only the matcher inside the query keeps them out.
    let health = [("0.1", 9000), ("0.2", 9000), ("0.35", 9000), ("1", 9000), ("+Inf", 9000)];
    let series = [
        pod_series("inference-a", "inference", "/predict", a, 8),
        pod_series("inference-a", "inference", "/healthz", health, 1),
        pod_series("inference-b", "inference", "/predict", b, 12),
        pod_series("inference-b", "inference", "/query", health, 1),
        pod_series("search-c", "search", "/query", c, 4),
        pod_series("search-c", "search", "/predict", health, 1),
    ];
    let is = |expr: String, values: &[(&str, f64)]| {
        let sample = |(pod, value): &(&str, f64)| json!({ "labels": format!("{{pod=\"{pod}\"}}"), "value": value });
        let samples: Vec<_> = values.iter().map(sample).collect();
        // promtool wants floating-point numbers to the last bit.
        let expr = format!("round({expr}, 0.0001)");
        json!({ "expr": expr, "eval_time": "5m", "exp_samples": samples })
    };
    let (latency, in_flight) = ("http_request_duration_p95", "http_requests_in_flight");
    let (own, other) = ("inference-a|inference-b", "search-c");
    let (alone, both) = (rules("inference"), rules(""));
    let mut tests = vec![
        is(query(&alone, latency, own), &[("inference-a", 0.325), ("inference-b", 0.75)]),
        is(query(&alone, in_flight, own), &[("inference-a", 8.0), ("inference-b", 12.0)]),
    ];
    tests.extend([
        is(query(&both, latency, own), &[("inference-a", 0.325), ("inference-b", 0.75)]),
        is(query(&both, latency, other), &[("search-c", 0.15)]),
        is(query(&both, in_flight, own), &[("inference-a", 8.0), ("inference-b", 12.0)]),
        is(query(&both, in_flight, other), &[("search-c", 4.0)]),
    ]);
    // The guide sums `le` away, and asks for the application's `endpoint`, which the port's name has displaced.
    let bucket = "http_request_duration_seconds_bucket";
    let guide =
        "histogram_quantile(0.95, sum by (pod) (rate(<<.Series>>{<<.LabelMatchers>>}[1m])))";
    tests.push(is(expand(guide, bucket, own), &[]));
    for series in [bucket, in_flight] {
        tests.push(is(format!("{series}{{endpoint=\"/predict\"}}"), &[]));
    }
    let file = folder.path().join("test.yaml");
    let test =
        json!({ "interval": "15s", "input_series": series.concat(), "promql_expr_test": tests });
    fs::write(&file, json!({ "rule_files": [], "tests": [test] }).to_string()).unwrap();
    run(&promtool, &["test".as_ref(), "rules".as_ref(), file.as_os_str()]);
}

/// Names every object, in order, and knows each kind.
#[test]
fn kubectl_reads_every_policy() {
    let Some(kubectl) = tool("kubectl") else { return };
    let folder = tempfile::tempdir().unwrap();
    for (name, more) in [("warn", &[][..]), ("deny", &["--deny"]), ("json", &["--output", "json"])]
    {
        let output =
            slogen().current_dir(&folder).args(["policy", "export"]).args(more).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        let stream = folder.path().join(name);
        fs::write(&stream, &output.stdout).unwrap();
        let mut objects = documents(&String::from_utf8(output.stdout).unwrap());
        if name == "json" {
            objects = list(&objects[0]["items"]).to_vec();
        }
        let arguments = [
            "annotate",
            "--local",
            "-f",
            &stream.to_string_lossy(),
            "slogen.dev/read=yes",
            "-o",
            "name",
        ];
        let read = run(&kubectl, &arguments);
        let wanted = objects.iter().map(|object| {
            let kind = object["kind"].as_str().unwrap().to_lowercase();
            let (group, _) =
                object["apiVersion"].as_str().unwrap().rsplit_once('/').unwrap_or_default();
            let group = if group.is_empty() { String::new() } else { format!(".{group}") };
            format!("{kind}{group}/{}", object["metadata"]["name"].as_str().unwrap())
        });
        let wanted: Vec<_> = wanted.collect();
        assert_eq!(read.lines().collect::<Vec<_>>(), wanted);
        let policies = of_kind(&objects, "ValidatingAdmissionPolicy");
        let bindings = of_kind(&objects, "ValidatingAdmissionPolicyBinding");
        assert!(policies.len() >= 16 && policies.len() == bindings.len());
        for (policy, binding) in policies.iter().zip(bindings) {
            let actions = if name == "deny" { json!(["Deny"]) } else { json!(["Warn", "Audit"]) };
            assert_eq!(binding["spec"]["validationActions"], actions);
            assert_eq!(binding["spec"]["policyName"], policy["metadata"]["name"]);
            // What reads parameters is given some.
            let reads = policy.to_string().contains("params.");
            assert_eq!(policy["spec"]["paramKind"].is_object(), reads);
            assert_eq!(binding["spec"]["paramRef"].is_object(), reads);
        }
    }
}

#[test]
fn kubectl_reads_every_object_as_it_is_meant() {
    let Some(kubectl) = tool("kubectl") else { return };
    let folder = tempfile::tempdir().unwrap();
    for case in cases() {
        let stream = folder.path().join(format!("{}.yaml", case.name));
        fs::write(&stream, case.render(&[])).unwrap();
        let arguments = [
            "annotate",
            "--local",
            "-f",
            &stream.to_string_lossy(),
            "slogen.dev/read=yes",
            "-o",
            "json",
        ];
        let read = run(&kubectl, &arguments);
        let read: Vec<Value> =
            serde_json::Deserializer::from_str(&read).into_iter().map(Result::unwrap).collect();
        let mut wanted = case.objects();
        for object in &mut wanted {
            object["metadata"]["annotations"]["slogen.dev/read"] = json!("yes");
        }
        same(&case.name, &read, &wanted);
    }
}

/// Fails at the first object that differs.
fn same(case: &str, found: &[Value], wanted: &[Value]) {
    let ids = |objects: &[Value]| objects.iter().map(id).collect::<Vec<_>>();
    assert_eq!(ids(found), ids(wanted), "{case}");
    for (found, wanted) in found.iter().zip(wanted) {
        assert!(found == wanted, "{case}: {} is\n{found}\nand should be\n{wanted}", id(wanted));
    }
}

#[test]
fn kustomize_builds_the_folder() {
    let Some(kubectl) = tool("kubectl") else { return };
    for case in cases() {
        let folder = tempfile::tempdir().unwrap();
        case.write_to(folder.path());
        let mut built =
            documents(&run(&kubectl, &["kustomize".as_ref(), folder.path().as_os_str()]));
        let mut wanted = case.objects();
        built.sort_by_key(id);
        wanted.sort_by_key(id);
        same(&case.name, &built, &wanted);
    }
}

/// An overlay gives names a prefix and objects another namespace: everything that says a name must follow.
#[test]
fn kustomize_renames_the_service_as_a_whole() {
    let Some(kubectl) = tool("kubectl") else { return };
    for case in cases() {
        let folder = tempfile::tempdir().unwrap();
        case.write_to(&folder.path().join("base"));
        let built = renamed(&kubectl, folder.path());
        assert_eq!(built.len(), case.objects().len(), "{}", case.name);
        for object in &built {
            let metadata = &object["metadata"];
            let name = metadata["name"].as_str().unwrap();
            assert!(name.starts_with("blue-"), "{}: {}", case.name, id(object));
            assert_eq!(metadata["namespace"], "elsewhere", "{}: {}", case.name, id(object));
        }
        let named = |kind: &str, name: &Value| {
            of_kind(&built, kind).iter().any(|object| object["metadata"]["name"] == *name)
        };
        let autoscalers = of_kind(&built, "HorizontalPodAutoscaler").into_iter();
        for autoscaler in autoscalers.chain(of_kind(&built, "ScaledObject")) {
            for trigger in list(&autoscaler["spec"]["triggers"]) {
                let name = &trigger["authenticationRef"]["name"];
                // What the user named is there already, and keeps its name.
                let own = name.as_str().is_some_and(|name| name.ends_with("-keda-auth"));
                assert!(!own || named("TriggerAuthentication", name), "{}: {name}", case.name);
            }
            let target = &autoscaler["spec"]["scaleTargetRef"];
            assert!(
                named(target["kind"].as_str().unwrap(), &target["name"]),
                "{}: {target}",
                case.name
            );
        }
        for set in of_kind(&built, "StatefulSet") {
            let service = &set["spec"]["serviceName"];
            assert!(named("Service", service), "{}: {service}", case.name);
        }
    }
}

/// Builds the folder `base` below `folder` with another prefix and namespace laid over it.
fn renamed(kubectl: &Path, folder: &Path) -> Vec<Value> {
    let overlay = folder.join("overlay");
    fs::create_dir(&overlay).unwrap();
    let kustomization =
        json!({ "resources": ["../base"], "namePrefix": "blue-", "namespace": "elsewhere" });
    fs::write(overlay.join("kustomization.yaml"), kustomization.to_string()).unwrap();
    documents(&run(kubectl, &["kustomize".as_ref(), overlay.as_os_str()]))
}
