//! Holds the Grafana dashboard of every golden case to account: queries that work, series that are recorded, lines
//! where the targets are, and JSON that Grafana takes.

#![cfg(test)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::process::Output;

use promql_parser::parser;
use serde_json::{Value, json};

use common::{Case, cases, documents, list, of_kind, slogen};

/// Runs `slogen dashboard` on a case.
fn run(case: &Case, more: &[&str]) -> Output {
    let mut command = slogen();
    command.arg("dashboard").arg("-f").arg(case.folder.join("slo.toml")).args(&case.args);
    command.args(more).output().unwrap()
}

fn text(case: &Case, more: &[&str]) -> String {
    let output = run(case, more);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{}: {errors}", case.name);
    String::from_utf8(output.stdout).unwrap()
}

fn dashboard(case: &Case) -> Value {
    serde_json::from_str(&text(case, &["--raw"])).unwrap()
}

fn case(name: &str) -> Case {
    cases().into_iter().find(|case| case.name == name).unwrap()
}

/// Every query of a dashboard, as it is written.
fn queries(dashboard: &Value) -> Vec<String> {
    let targets = list(&dashboard["panels"]).iter().flat_map(|panel| list(&panel["targets"]));
    let all = targets.chain(list(&dashboard["annotations"]["list"]));
    all.map(|it| it["expr"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_config_map_holds_what_raw_prints() {
    for case in cases() {
        let map = documents(&text(&case, &[])).remove(0);
        assert_eq!(map["kind"], "ConfigMap", "{}", case.name);
        assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "1", "{}", case.name);
        let data = map["data"].as_object().unwrap();
        let [(file, json)] = data.iter().collect::<Vec<_>>()[..] else {
            panic!("{}: {} keys", case.name, data.len())
        };
        let service = map["metadata"]["labels"]["app"].as_str().unwrap();
        assert_eq!(*file, format!("{service}-slo.json"));
        assert_eq!(map["metadata"]["name"], format!("{service}-slo-dashboard"));
        assert_eq!(json.as_str().unwrap(), text(&case, &["--raw"]), "{}", case.name);
        // A ConfigMap holds 1 MiB; `kubectl apply` keeps a copy of it in annotations, which hold a quarter of that.
        assert!(map.to_string().len() < 256 * 1024, "{}", case.name);

        let only = case.render(&["--only", "dashboard"]);
        assert_eq!(only, text(&case, &[]), "{}: `render --only dashboard`", case.name);
    }
}

#[test]
fn it_is_in_the_stream_where_it_is_asked_for() {
    let kinds = |case: &Case| -> Vec<String> {
        case.objects().iter().map(|it| it["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds(&case("dashboard"))[..2], ["ConfigMap", "Service"]);
    assert!(!kinds(&case("inference")).contains(&"ConfigMap".to_owned()));
}

#[test]
fn every_query_parses_and_knows_only_grafanas_variables() {
    for case in cases() {
        for query in queries(&dashboard(&case)) {
            let filled = query.replace("$namespace", "other").replace("$__interval", "1m");
            parser::parse(&filled)
                .unwrap_or_else(|error| panic!("{}: {error}: {query}", case.name));
            assert!(!filled.contains('$') && !filled.contains("[["), "{}: {query}", case.name);
        }
    }
    // Another namespace is one in every query: nothing of the first is left.
    for query in queries(&dashboard(&case("dashboard"))) {
        assert!(!query.contains("serving") && query.contains("$namespace"), "{query}");
    }
}

#[test]
fn values_that_look_like_variables_stay_values() {
    let queries = queries(&dashboard(&case("dashboard")));
    let mut seen = 0;
    for query in queries.iter().filter(|query| query.contains("exported_endpoint")) {
        let parser::Expr::Call(call) = parser::parse(query).unwrap() else { panic!("{query}") };
        assert!(call.to_string().contains("[[datasource]]"), "{call}");
        seen += 1;
    }
    assert!(seen > 0);
}

/// Names with a colon are recorded, by the rules that the same slo.toml gives.
#[test]
fn what_is_read_is_recorded() {
    for case in cases() {
        let rules = of_kind(&case.objects(), "PrometheusRule").first().map(|it| (*it).clone());
        let groups = rules.iter().flat_map(|rules| list(&rules["spec"]["groups"]));
        let rules: Vec<&Value> = groups.flat_map(|group| list(&group["rules"])).collect();
        let recorded: BTreeSet<&str> =
            rules.iter().filter_map(|it| it["record"].as_str()).collect();
        for query in queries(&dashboard(&case)) {
            // A series' name ends where its matchers start.
            for before in query.split('{') {
                let name = |c: char| c.is_ascii_alphanumeric() || "_:".contains(c);
                let word = before.rsplit(|c| !name(c)).next().unwrap();
                if word.contains(':') {
                    assert!(recorded.contains(word), "{}: nobody records {word}", case.name);
                }
            }
        }
    }
}

#[test]
fn panels_have_identities_and_places_of_their_own() {
    for case in cases() {
        let dashboard = dashboard(&case);
        let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
        for panel in list(&dashboard["panels"]) {
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{}: {panel}", case.name);
            let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            assert!(at("x") + at("w") <= 24, "{}: {panel}", case.name);
            for x in at("x")..at("x") + at("w") {
                for y in at("y")..at("y") + at("h") {
                    assert!(taken.insert((x, y)), "{}: panels overlap at {x}, {y}", case.name);
                }
            }
            let references: BTreeSet<_> =
                list(&panel["targets"]).iter().map(|target| target["refId"].as_str()).collect();
            assert_eq!(references.len(), list(&panel["targets"]).len(), "{}", case.name);
            let steps = list(&panel["fieldConfig"]["defaults"]["thresholds"]["steps"]);
            let values: Vec<f64> = steps.iter().filter_map(|step| step["value"].as_f64()).collect();
            assert!(steps[0]["value"].is_null() && values.is_sorted(), "{}: {panel}", case.name);
        }
        let uid = dashboard["uid"].as_str().unwrap();
        assert!(!ids.is_empty() && (8..=40).contains(&uid.len()), "{}: {uid}", case.name);
    }
}

#[test]
fn lines_are_where_the_targets_are() {
    let dashboard = dashboard(&case("inference"));
    let limits = |title: &str| -> Value {
        let panels = list(&dashboard["panels"]);
        let panel = panels.iter().find(|it| it["title"].as_str().unwrap().starts_with(title));
        let defaults =
            &panel.unwrap_or_else(|| panic!("no panel {title}"))["fieldConfig"]["defaults"];
        let steps = list(&defaults["thresholds"]["steps"]).iter();
        json!([defaults["unit"], steps.map(|step| step["value"].clone()).collect::<Vec<_>>()])
    };
    assert_eq!(limits("P95 latency"), json!(["s", [null, 0.35]]));
    assert_eq!(limits("Errors"), json!(["percentunit", [null, 0.01]]));
    assert_eq!(limits("Requests in flight"), json!(["short", [null, 10]]));
    assert_eq!(limits("Pods"), json!(["short", [null, 3, 20]]));
    assert_eq!(limits("Error budget left"), json!(["percentunit", [null, 0]]));
    for slo in ["latency-p95", "errors"] {
        let burn = limits(&format!("Burn rate of {slo}"));
        assert_eq!(burn, json!(["short", [null, 1, 3, 6, 14.4]]));
    }
    let events: Vec<_> =
        list(&dashboard["annotations"]["list"]).iter().map(|it| it["name"].as_str()).collect();
    assert_eq!(events, [Some("Scaled up"), Some("Scaled down"), Some("Alert")]);
    let variables: Vec<_> =
        list(&dashboard["templating"]["list"]).iter().map(|it| it["name"].as_str()).collect();
    assert_eq!(variables, [Some("datasource"), Some("namespace")]);
}

#[test]
fn raw_is_for_one_service() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["one", "two"] {
        let service = format!("[service]\nname = \"{name}\"\nimage = \"{name}:v1\"\n");
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("slo.toml"), service).unwrap();
    }
    let mut command = slogen();
    let output = command.args(["dashboard", "-f", "."]).current_dir(&folder).output().unwrap();
    let names: Vec<_> = documents(&String::from_utf8(output.stdout).unwrap())
        .iter()
        .map(|map| map["metadata"]["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["one-slo-dashboard", "two-slo-dashboard"]);
    let output = command.arg("--raw").output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]));
    assert!(String::from_utf8_lossy(&output.stderr).contains("one dashboard at a time"));
}
