//! Holds what prometheus-adapter is told to account: the Helm values of every golden case, byte for byte; the names
//! that HPAs ask for; one set of rules for many services; and what one adapter cannot serve.
//!
//! `SLOGEN_BLESS=1 cargo test --test adapter` writes `adapter-values.yaml` of the golden cases. What Prometheus makes
//! of the queries is in tests/tools.rs.

#![cfg(test)]

mod common;

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use slogen::openapi;

use common::{Case, cases, documents, list, of_kind, slogen};

/// Runs `slogen adapter` on the case with `more` arguments.
fn adapter(case: &Case, more: &[&str]) -> Output {
    let file = case.folder.join("slo.toml");
    slogen().arg("adapter").arg("-f").arg(file).args(&case.args).args(more).output().unwrap()
}

/// What slogen prints; it must succeed without a word on standard error.
fn printed(output: Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The custom metrics that the case's HPA asks for.
fn asked_for(case: &Case) -> Vec<Value> {
    let objects = case.objects();
    let autoscalers = of_kind(&objects, "HorizontalPodAutoscaler");
    let metrics = autoscalers.iter().flat_map(|hpa| list(&hpa["spec"]["metrics"]));
    let names = metrics.map(|metric| metric["pods"]["metric"]["name"].clone());
    names.filter(Value::is_string).collect()
}

fn rules(values: &Value) -> &[Value] {
    list(&values["rules"]["custom"])
}

/// The query as the adapter sends it for two pods of the namespace `n`.
fn expanded(rule: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (series, _) = rule["seriesQuery"].as_str().unwrap().split_once('{').unwrap();
    let query = text(&rule["metricsQuery"]).replace("<<.Series>>", series);
    let query = query.replace("<<.LabelMatchers>>", "namespace=\"n\",pod=~\"a|b\"");
    let query = query.replace("<<.GroupBy>>", "pod");
    assert!(!query.contains("<<"), "{query}");
    query
}

#[test]
fn values_are_as_expected_and_serve_what_the_hpa_asks_for() {
    let bless = std::env::var_os("SLOGEN_BLESS").is_some_and(|value| value == "1");
    let mut seen = 0;
    for case in cases() {
        let mut asked = asked_for(&case);
        if asked.is_empty() {
            continue;
        }
        seen += 1;
        let text = printed(adapter(&case, &[]));
        let path = case.folder.join("adapter-values.yaml");
        if bless {
            fs::write(&path, &text).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        assert!(text == expected, "{}: SLOGEN_BLESS=1 cargo test --test adapter", case.name);
        assert_eq!(case.render(&["--only", "adapter"]), text, "{}", case.name);

        let values = documents(&text).remove(0);
        let mut served: Vec<_> = rules(&values).iter().map(|it| it["name"]["as"].clone()).collect();
        for names in [&mut asked, &mut served] {
            names.sort_by_key(Value::to_string);
        }
        assert_eq!(served, asked, "{}", case.name);
        for rule in rules(&values) {
            let both =
                json!({ "namespace": { "resource": "namespace" }, "pod": { "resource": "pod" } });
            assert_eq!(rule["resources"]["overrides"], both, "{}", case.name);
            for query in [expanded(rule), rule["seriesQuery"].as_str().unwrap().to_owned()] {
                promql_parser::parser::parse(&query).unwrap_or_else(|e| panic!("{e} in {query}"));
                let over_buckets =
                    query.contains("histogram_quantile") && query.contains("_bucket");
                assert!(!over_buckets || query.contains(", le)"), "`le` is summed away in {query}");
            }
        }
    }
    assert!(seen > 5, "only {seen} cases have custom metrics");
}

/// HPA, recordings and adapter see the same numbers: the adapter's query is the recording's, asked by other labels.
#[test]
fn queries_are_those_of_the_recordings() {
    for case in cases().iter().filter(|case| ["inference", "low-latency"].contains(&&*case.name)) {
        let objects = case.objects();
        let namespace = objects[0]["metadata"]["namespace"].as_str().unwrap();
        let service = objects[0]["metadata"]["labels"]["app"].as_str().unwrap();
        let groups = list(&of_kind(&objects, "PrometheusRule")[0]["spec"]["groups"]);
        let recordings: Vec<_> = groups.iter().flat_map(|group| list(&group["rules"])).collect();
        let values = documents(&printed(adapter(case, &[]))).remove(0);
        assert!(!rules(&values).is_empty());
        for rule in rules(&values) {
            let name = format!("{}:pod", rule["name"]["as"].as_str().unwrap());
            let recording = recordings.iter().find(|it| it["record"] == name.as_str()).unwrap();
            let matchers = format!("{{namespace=\"{namespace}\",job=\"{service}\"");
            let query = expanded(rule)
                .replace("{namespace=\"n\",pod=~\"a|b\"", &matchers)
                .replace("(pod", "(namespace, pod");
            assert_eq!(query, recording["expr"], "{}", case.name);
        }
    }
}

#[test]
fn a_configmap_holds_the_same_rules() {
    let case = cases().into_iter().find(|case| case.name == "inference").unwrap();
    let values = documents(&printed(adapter(&case, &[]))).remove(0);
    let map = documents(&printed(adapter(&case, &["--configmap"]))).remove(0);
    assert_eq!(openapi::validate("ConfigMap", "v1", &map).map(|it| it.len()), Some(0));
    assert_eq!(map["metadata"]["namespace"], "monitoring");
    let config = documents(map["data"]["config.yaml"].as_str().unwrap()).remove(0);
    assert_eq!(config, json!({ "rules": values["rules"]["custom"] }));
}

/// Services below one folder, each a slo.toml in a folder of its own.
struct Fleet(tempfile::TempDir);

impl Fleet {
    /// `services` are namespace, name, and what else the slo.toml says.
    fn new(services: &[(&str, &str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (namespace, name, more) in services {
            let text = format!(
                "profile = \"inference\"\n[service]\nname = \"{name}\"\nnamespace = \"{namespace}\"\nimage = \"a:1\"\n{more}\n"
            );
            let service = folder.path().join(format!("{namespace}-{name}"));
            fs::create_dir(&service).unwrap();
            fs::write(service.join("slo.toml"), text).unwrap();
        }
        Self(folder)
    }

    fn run(&self, args: &[&str]) -> Output {
        slogen().args(args).arg("-f").arg(self.0.path()).output().unwrap()
    }

    fn values(&self) -> Value {
        documents(&printed(self.run(&["adapter"]))).remove(0)
    }

    /// What is said of a fleet that cannot be served.
    fn refused(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]));
        String::from_utf8(output.stderr).unwrap()
    }
}

const TARGETS: &str =
    "[targets]\nlatency = [{ percentile = 95, below = \"350ms\" }]\nin_flight = { per_pod = 10 }";

fn with(more: &str) -> String {
    format!("{TARGETS}\n{more}")
}

#[test]
fn services_that_measure_alike_share_their_rules() {
    let same = with("[metrics]\nselector = { endpoint = \"/predict\", method = \"POST\" }");
    let order = with("[metrics]\nselector = { method = \"POST\", endpoint = \"/predict\" }");
    let one = Fleet::new(&[("x", "a", &same)]);
    let many = Fleet::new(&[("x", "a", &same), ("x", "b", &order), ("y", "a", &same)]);
    assert_eq!(many.values(), one.values());
}

#[test]
fn services_that_measure_differently_are_told_apart() {
    let predict = with("[metrics]\nselector = { endpoint = \"/predict\" }");
    let slow = with("[metrics]\nselector = { endpoint = \"/predict\" }\ninterval = \"30s\"");
    let all = with("");
    let fleet = Fleet::new(&[
        ("x", "a", &predict),
        ("x", "b", &predict),
        ("x", "c", &slow),
        ("y", "d", &all),
    ]);
    let values = fleet.values();
    let [latency, in_flight] = rules(&values) else { panic!("{values}") };
    assert_eq!(
        latency["seriesQuery"],
        "http_request_duration_seconds_bucket{namespace!=\"\",pod!=\"\"}"
    );
    let branch = |own: &str, window: &str| {
        format!(
            "sum by (<<.GroupBy>>) (avg_over_time(<<.Series>>{{<<.LabelMatchers>>,{own}}}[{window}]))"
        )
    };
    let branches = [
        branch("namespace=\"x\",job=~\"a|b\",exported_endpoint=\"/predict\"", "1m"),
        branch("namespace=\"x\",job=\"c\",exported_endpoint=\"/predict\"", "2m"),
        branch("namespace=\"y\",job=\"d\"", "1m"),
    ];
    assert_eq!(in_flight["metricsQuery"], branches.join(" or "));
    promql_parser::parser::parse(&expanded(latency)).unwrap();
}

#[test]
fn what_one_adapter_cannot_serve_is_said() {
    let plain = with("");
    let native = with("[metrics]\nprometheus = 3\nnative_histograms = true");
    let errors = Fleet::new(&[("x", "a", &plain), ("y", "b", &native)]).refused(&["adapter"]);
    for part in [
        "spec/adapter-conflict",
        "one adapter serves one `http_request_duration_p95`",
        "`y/b` takes it from `http_request_duration_seconds`, `x/a` from `http_request_duration_seconds_bucket`",
    ] {
        let flat = errors.replace("\n  │ ", " ");
        assert!(flat.contains(part), "no {part} in\n{errors}");
    }

    let far = with("[metrics]\nprometheus_url = \"https://mimir.example.com/prometheus\"");
    let fleet = Fleet::new(&[("x", "a", &plain), ("y", "b", &far)]);
    assert!(fleet.refused(&["adapter"]).contains("spec/adapter-conflict"));
    // Only services that ask for the adapter's output can conflict in the output of `render`.
    assert!(fleet.run(&["render"]).status.success());
    let outputs = "\n[outputs]\nadapter = true";
    let asked = Fleet::new(&[("x", "a", &(plain + outputs)), ("y", "b", &(native + outputs))]);
    assert!(asked.refused(&["render"]).contains("spec/adapter-conflict"));
}

#[test]
fn the_same_service_twice_is_said() {
    let fleet = Fleet::new(&[("x", "a", TARGETS)]);
    let copy = fleet.0.path().join("copy");
    fs::create_dir(&copy).unwrap();
    fs::copy(fleet.0.path().join("x-a/slo.toml"), copy.join("slo.toml")).unwrap();
    assert!(fleet.refused(&["adapter"]).contains("two services are called `x/a`"));
}

#[test]
fn nothing_to_serve_is_said() {
    for more in [
        with("[scaling]\nscale_on = [\"cpu\"]"),
        with("[scaling]\nreplicas = 3"),
        with("[scaling]\nbackend = \"keda\""),
    ] {
        for args in [&["adapter"][..], &["render", "--only", "adapter"]] {
            let errors = Fleet::new(&[("x", "a", &more)]).refused(args);
            assert!(errors.contains("nothing for prometheus-adapter to serve"), "{errors}");
        }
    }
    // Among others, such a service is left out.
    let fixed = with("[scaling]\nreplicas = 3");
    let one = Fleet::new(&[("x", "a", TARGETS)]);
    let both = Fleet::new(&[("x", "a", TARGETS), ("x", "b", &fixed)]);
    assert_eq!(both.values(), one.values());
}

#[test]
fn prometheus_is_where_the_stack_has_it() {
    for (more, url, port, path) in [
        ("", "http://prometheus-kube-prometheus-prometheus.monitoring.svc", 9090, ""),
        (
            "release = \"kps\"\nmonitoring_namespace = \"obs\"",
            "http://kps-kube-prometheus-stack-prometheus.obs.svc",
            9090,
            "",
        ),
        ("stack = \"kube-prometheus\"", "http://prometheus-k8s.monitoring.svc", 9090, ""),
        ("stack = \"plain\"", "http://prometheus-operated.monitoring.svc", 9090, ""),
        (
            "prometheus_url = \"https://mimir.example.com/prometheus\"",
            "https://mimir.example.com",
            443,
            "/prometheus",
        ),
    ] {
        let values = Fleet::new(&[("x", "a", &with(&format!("[metrics]\n{more}")))]).values();
        assert_eq!(values["prometheus"], json!({ "url": url, "port": port, "path": path }));
    }
}

#[test]
fn outputs_put_rules_into_the_stream_and_values_beside_the_objects() {
    let asks = with("[outputs]\nadapter = true");
    let silent = with("");
    let fleet = Fleet::new(&[("x", "a", &asks), ("x", "b", &asks), ("y", "c", &silent)]);
    let stream = printed(fleet.run(&["render"]));
    let objects = documents(&stream);
    let maps: Vec<_> = of_kind(&objects, "ConfigMap")
        .iter()
        .map(|map| (map["metadata"]["namespace"].clone(), map["metadata"]["name"].clone()))
        .collect();
    let rules_of = |name: &str| (json!("monitoring"), json!(format!("{name}-adapter-rules")));
    assert_eq!(maps, [rules_of("a"), rules_of("b")]);
    assert!(!stream.contains("metricsRelistInterval"));

    let out = tempfile::tempdir().unwrap();
    let out_dir = |fleet: &Fleet| {
        let output = slogen()
            .args(["render", "--out-dir"])
            .arg(out.path())
            .arg("-f")
            .arg(fleet.0.path())
            .output()
            .unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(out_dir(&fleet), "");
    let values = fs::read_to_string(out.path().join("adapter-values.yaml")).unwrap();
    assert_eq!(documents(&values)[0], fleet.values());
    let kustomization = fs::read_to_string(out.path().join("kustomization.yaml")).unwrap();
    assert!(!kustomization.contains("adapter-values"));
    assert!(kustomization.contains("x-a/configmap-a-adapter-rules.yaml"));

    let check = |path: &Path| {
        let mut check = slogen();
        check.args(["render", "--check"]).arg(path).arg("-f").arg(fleet.0.path());
        check.output().unwrap().status.code()
    };
    assert_eq!(check(out.path()), Some(0));
    fs::write(out.path().join("adapter-values.yaml"), "rules: {}\n").unwrap();
    assert_eq!(check(out.path()), Some(1));
    let quiet = Fleet::new(&[("x", "a", &silent), ("x", "b", &silent), ("y", "c", &silent)]);
    assert!(out_dir(&quiet).contains("adapter-values.yaml` is not part of the output any more"));
}

#[test]
fn values_are_in_no_stream_of_objects() {
    let fleet = Fleet::new(&[("x", "a", TARGETS)]);
    let errors = fleet.refused(&["render", "--only", "hpa,adapter"]);
    assert!(errors.contains("ask for it alone"), "{errors}");
    let json: Value =
        serde_json::from_str(&printed(fleet.run(&["render", "--only", "adapter", "-o", "json"])))
            .unwrap();
    assert_eq!(json, fleet.values());
}
