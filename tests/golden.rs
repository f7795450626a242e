//! Holds the output of `slogen render` to account, case by case of `tests/golden`: the text, byte for byte; its
//! other forms; the schemas of all kinds; the names by which objects find each other; and every expression.
//!
//! A new case is a new folder with a `slo.toml`; `SLOGEN_BLESS=1 cargo test --test golden` writes the rest.

#![cfg(test)]

mod common;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use promql_parser::label::Matcher;
use promql_parser::parser::{self, Expr, LabelModifier};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::{Value, json};
use similar::TextDiff;
use slogen::openapi;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use common::{Case, cases, documents, id, list, of_kind, slogen};

#[test]
fn files_are_as_expected() {
    let bless = std::env::var_os("SLOGEN_BLESS").is_some_and(|value| value == "1");
    let mut problems = Vec::new();
    for case in cases() {
        let expected = case.folder.join("expected");
        let written = tempfile::tempdir().unwrap();
        case.write_to(written.path());
        if bless {
            replace(&expected, &files(written.path()));
        }
        problems.extend(differences(&case.name, &files(&expected), &files(written.path())));
    }
    assert!(
        problems.is_empty(),
        "\n{}\nif that is right: SLOGEN_BLESS=1 cargo test --test golden",
        problems.join("\n")
    );
}

/// The files of a folder by name; none where there is no folder.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap());
    entries
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

fn replace(folder: &Path, files: &BTreeMap<String, String>) {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir(folder).unwrap();
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
}

fn differences(
    case: &str,
    expected: &BTreeMap<String, String>,
    written: &BTreeMap<String, String>,
) -> Vec<String> {
    let names: BTreeSet<_> = expected.keys().chain(written.keys()).collect();
    let difference = |name: &&String| {
        let path = format!("tests/golden/{case}/expected/{name}");
        match (expected.get(*name), written.get(*name)) {
            (Some(old), Some(new)) => (old != new).then(|| {
                let diff = TextDiff::from_lines(old, new);
                diff.unified_diff().header(&path, "what slogen writes").to_string()
            }),
            (Some(_), None) => Some(format!("{path} is not written any more")),
            (None, _) => Some(format!("{path} is missing, and slogen writes it")),
        }
    };
    names.iter().filter_map(difference).collect()
}

/// Files beside the objects that are no objects: no kustomization lists them, and no stream holds them.
const BESIDE: [&str; 2] = ["adapter-values.yaml", "runbook.md"];

#[test]
fn every_form_holds_the_same_objects_in_the_same_order() {
    for case in cases() {
        let folder = tempfile::tempdir().unwrap();
        case.write_to(folder.path());
        let files = files(folder.path());
        let listed = documents(&files["kustomization.yaml"]).remove(0)["resources"].take();
        let listed: Vec<&str> = list(&listed).iter().filter_map(Value::as_str).collect();
        let kustomize = ["kustomization.yaml", "kustomizeconfig.yaml"];
        // What the adapter, promtool and people read is no object.
        let is_beside = |name: &str| {
            BESIDE.contains(&name) || name.ends_with(".rules.yaml") || name.ends_with(".test.yaml")
        };
        let beside = files.keys().map(String::as_str).filter(|name| is_beside(name));
        let all: BTreeSet<&str> = listed.iter().copied().chain(kustomize).chain(beside).collect();
        assert!(all.iter().eq(files.keys()), "{}: the kustomization lists {listed:?}", case.name);

        let texts: Vec<&str> = listed.iter().map(|name| &*files[*name]).collect();
        assert!(case.render(&[]) == texts.join("---\n"), "{}: the stream differs", case.name);
        let objects: Vec<Value> = texts.iter().flat_map(|text| documents(text)).collect();
        let names = objects.iter().map(|object| id(object).to_lowercase().replace('/', "-"));
        let names: Vec<String> = names.map(|name| name + ".yaml").collect();
        assert_eq!(names, listed, "{}: the files are not named after the objects", case.name);
        let json: Value = serde_json::from_str(&case.render(&["-o", "json"])).unwrap();
        let wanted = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
        assert!(json == wanted, "{}: `-o json` differs", case.name);
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    for case in cases() {
        for form in [&[][..], &["-o", "json"]] {
            let mut again = slogen();
            again.current_dir(&case.folder).arg("render").args(&case.args).args(form);
            let again = String::from_utf8(again.output().unwrap().stdout).unwrap();
            assert!(case.render(form) == again, "{}: two runs with {form:?} differ", case.name);
        }
    }
}

#[test]
fn text_is_clean() {
    for case in cases() {
        let text = case.render(&[]);
        assert!(!text.contains('\r'), "{}: not every line ends in LF alone", case.name);
        let end = text.trim_end_matches('\n').len() + 1;
        assert_eq!(text.len(), end, "{}: the end is not one newline", case.name);
        let documents: Vec<&str> = text.split("\n---\n").collect();
        assert_eq!(documents.len(), case.objects().len(), "{}: `---` between objects", case.name);
        for document in documents {
            let top = document.lines().filter(|line| line.starts_with(char::is_alphabetic));
            let keys: Vec<_> = top.filter_map(|line| line.split(':').next()).take(3).collect();
            assert_eq!(keys, ["apiVersion", "kind", "metadata"], "{}:\n{document}", case.name);
        }
    }
}

#[test]
fn check_tells_of_every_changed_byte() {
    for case in cases() {
        let folder = tempfile::tempdir().unwrap();
        let check = |path: &Path| {
            let output = case.run(&["--check".as_ref(), path.as_os_str()]);
            (output.status.code(), String::from_utf8(output.stdout).unwrap())
        };
        let stream = folder.path().join("manifests.yaml");
        fs::write(&stream, case.render(&[])).unwrap();
        assert_eq!(check(&stream), (Some(0), String::new()), "{}: the stream", case.name);
        fs::remove_file(stream).unwrap();

        case.write_to(folder.path());
        assert_eq!(check(folder.path()), (Some(0), String::new()), "{}: the folder", case.name);
        for (name, text) in files(folder.path()) {
            let path = folder.path().join(&name);
            fs::write(&path, text.replacen(':', ";", 1)).unwrap();
            let (code, diff) = check(folder.path());
            let first = text.lines().next().unwrap();
            let lines = [
                format!("--- {}", path.display()),
                format!("+++ {}", path.display()),
                format!("-{}", first.replacen(':', ";", 1)),
                format!("+{first}"),
            ];
            assert_eq!(code, Some(1), "{}: {name} has changed", case.name);
            for line in lines {
                assert!(diff.lines().any(|other| other == line), "no line `{line}` in\n{diff}");
            }
            fs::write(path, text).unwrap();
        }
    }
}

#[test]
fn objects_match_the_schemas_of_their_kinds() {
    for case in cases() {
        for mut object in case.objects() {
            let id = id(&object);
            assert_eq!(violations(&object), Some(Vec::new()), "{}: {id}", case.name);
            let spec = if object["spec"].is_object() { "/spec" } else { "" };
            object.pointer_mut(spec).unwrap()["unheardOf"] = json!(1);
            let unknown = format!("{spec}/unheardOf");
            assert_eq!(violations(&object), Some(vec![unknown]), "{}: {id}", case.name);
        }
    }
}

/// Where `object` breaks the schema of its kind; `None` for a kind without one.
fn violations(object: &Value) -> Option<Vec<String>> {
    let (kind, version) = (object["kind"].as_str()?, object["apiVersion"].as_str()?);
    let violations = openapi::validate(kind, version, object)?;
    Some(violations.into_iter().map(|(path, _)| path).collect())
}

#[test]
fn objects_of_operators_match_the_crds() {
    let folder = std::env::var_os("SLOGEN_CRDS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/crds"),
        PathBuf::from,
    );
    if !folder.is_dir() {
        #[expect(clippy::print_stderr, reason = "a skipped test must not look like a passed one")]
        {
            eprintln!("skipped: there is no folder {}", folder.display());
        }
        return;
    }
    for (group, kind) in [
        ("monitoring.coreos.com", "ServiceMonitor"),
        ("monitoring.coreos.com", "PodMonitor"),
        ("monitoring.coreos.com", "PrometheusRule"),
        ("keda.sh", "ScaledObject"),
        ("keda.sh", "TriggerAuthentication"),
    ] {
        let crd = folder.join(format!("{group}_{}s.yaml", kind.to_lowercase()));
        let crd = documents(&fs::read_to_string(crd).unwrap()).remove(0);
        let mut schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
        close(&mut schema);
        let crd = jsonschema::validator_for(&schema).unwrap();
        let errors = |object: &Value| -> Vec<String> {
            crd.iter_errors(object).map(|e| format!("{}: {e}", e.instance_path())).collect()
        };
        let mut seen = 0;
        for case in cases() {
            for object in of_kind(&case.objects(), kind) {
                assert_eq!(errors(object), [""; 0], "{}: {kind}", case.name);
                seen += 1;
                // The CRD itself is read in earnest: it sees what is wrong.
                let mut broken = object.clone();
                broken["spec"]["unheardOf"] = json!(1);
                assert_eq!(errors(&broken).len(), 1, "{kind}");
            }
        }
        assert!(seen > 0, "no case has a {kind}");
    }
}

/// Makes every object of a structural schema refuse keys that it does not list, as the API server would prune.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(keywords) => {
            keywords.values_mut().for_each(close);
            if keywords.get("properties").is_some_and(Value::is_object) {
                keywords.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        Value::Array(schemas) => schemas.iter_mut().for_each(close),
        _ => {}
    }
}

/// The deployment guide's recommended production defaults, number for number.
#[test]
fn reference_numbers() {
    let objects = case("inference").objects();
    let ids: Vec<String> = objects.iter().map(id).collect();
    let wanted = [
        "Service/inference",
        "Deployment/inference",
        "PodDisruptionBudget/inference",
        "HorizontalPodAutoscaler/inference-slo-hpa",
        "ServiceMonitor/inference-metrics",
        "PrometheusRule/inference-slo-rules",
    ];
    assert_eq!(ids, wanted);

    let autoscaler = &of_kind(&objects, "HorizontalPodAutoscaler")[0]["spec"];
    assert_eq!([&autoscaler["minReplicas"], &autoscaler["maxReplicas"]], [3, 20]);
    let pods = |name: &str, value: &str| {
        let target = json!({ "type": "AverageValue", "averageValue": value });
        json!({ "type": "Pods", "pods": { "metric": { "name": name }, "target": target } })
    };
    let cpu = json!({ "type": "Utilization", "averageUtilization": 80 });
    let metrics = json!([
        pods("http_request_duration_p95", "350m"),
        pods("http_requests_in_flight", "10"),
        { "type": "Resource", "resource": { "name": "cpu", "target": cpu } },
    ]);
    assert_eq!(autoscaler["metrics"], metrics);
    let policy = |kind: &str, value: i32, period: i32| json!({ "type": kind, "value": value, "periodSeconds": period });
    let behavior = json!({
        "scaleUp": {
            "stabilizationWindowSeconds": 60,
            "policies": [policy("Pods", 2, 30), policy("Percent", 50, 30)],
            "selectPolicy": "Max",
        },
        "scaleDown": {
            "stabilizationWindowSeconds": 300,
            "policies": [policy("Pods", 1, 60), policy("Percent", 10, 120)],
            "selectPolicy": "Max",
        },
    });
    assert_eq!(autoscaler["behavior"], behavior);

    let deployment = &of_kind(&objects, "Deployment")[0]["spec"];
    assert_eq!(deployment.get("replicas"), None, "the autoscaler owns the number of pods");
    let container = &deployment["template"]["spec"]["containers"][0];
    let resources = json!({
        "requests": { "cpu": "500m", "memory": "2Gi" },
        "limits": { "cpu": "2", "memory": "4Gi" },
    });
    assert_eq!(container["resources"], resources);
    let number = |probe: &str, field: &str| container[probe][field].as_u64().unwrap();
    let startup =
        number("startupProbe", "periodSeconds") * number("startupProbe", "failureThreshold");
    let periods = ["readinessProbe", "livenessProbe"].map(|probe| number(probe, "periodSeconds"));
    assert_eq!((startup, periods), (120, [10, 30]));
    assert_eq!(container["startupProbe"]["httpGet"]["path"], "/healthz");
    assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/ready");
    assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/healthz");

    let rules = rules(&objects);
    let breach = |name: &str| {
        let rule = rules.iter().find(|rule| rule["alert"] == name).unwrap();
        let (_, threshold) = rule["expr"].as_str().unwrap().rsplit_once("> ").unwrap();
        (threshold, rule["for"].as_str().unwrap(), rule["labels"]["severity"].as_str().unwrap())
    };
    assert_eq!(breach("InferenceLatencySLOBreach"), ("0.35", "2m", "page"));
    assert_eq!(breach("InferenceHighErrorRate"), ("0.01", "5m", "page"));
    assert!(rules.iter().any(|rule| rule["record"] == "http_request_duration_p95:pod"));
}

/// Behind a ServiceMonitor, `endpoint` is the name of a port; the application's own label has been renamed.
#[test]
fn the_reference_case_asks_for_the_exported_label() {
    let objects = case("inference").objects();
    for expr in expressions(&objects) {
        let all = selectors(&expr);
        let endpoint =
            all.iter().flat_map(|(_, matchers)| matchers).any(|it| it.name == "endpoint");
        assert!(!endpoint, "{expr}");
    }
    let reads = reads_of_the_application(&objects);
    assert!(!reads.is_empty());
    for matchers in reads {
        let exported = matchers.iter().find(|matcher| matcher.name == "exported_endpoint");
        assert_eq!(exported.map(|matcher| &*matcher.value), Some("/predict"), "{matchers:?}");
    }
}

fn case(name: &str) -> Case {
    cases().into_iter().find(|case| case.name == name).unwrap()
}

/// The rules of every PrometheusRule.
fn rules(objects: &[Value]) -> Vec<&Value> {
    let specs = of_kind(objects, "PrometheusRule").into_iter().map(|object| &object["spec"]);
    let groups = specs.flat_map(|spec| list(&spec["groups"]));
    groups.flat_map(|group| list(&group["rules"])).collect()
}

/// What rules and triggers ask.
fn expressions(objects: &[Value]) -> Vec<Expr> {
    let rules = rules(objects).into_iter().map(|rule| &rule["expr"]);
    let triggers = triggers(objects).into_iter().map(|trigger| &trigger["metadata"]["query"]);
    let texts = rules.chain(triggers).filter_map(Value::as_str);
    texts.map(promql).collect()
}

/// The triggers of every ScaledObject.
fn triggers(objects: &[Value]) -> Vec<&Value> {
    of_kind(objects, "ScaledObject")
        .into_iter()
        .flat_map(|it| list(&it["spec"]["triggers"]))
        .collect()
}

fn promql(text: &str) -> Expr {
    parser::parse(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// Every node of an expression, the outermost first.
fn nodes(expr: &Expr) -> Vec<Expr> {
    struct Collect(Vec<Expr>);
    impl ExprVisitor for Collect {
        type Error = ();

        fn pre_visit(&mut self, node: &Expr) -> Result<bool, ()> {
            self.0.push(node.clone());
            Ok(true)
        }
    }
    let mut collect = Collect(Vec::new());
    walk_expr(&mut collect, expr).unwrap();
    collect.0
}

/// The series that an expression reads: their names and the matchers of their labels.
fn selectors(expr: &Expr) -> Vec<(String, Vec<Matcher>)> {
    let selector = |node| match node {
        Expr::VectorSelector(selector) => Some(selector),
        Expr::MatrixSelector(matrix) => Some(matrix.vs),
        _ => None,
    };
    let selectors = nodes(expr).into_iter().filter_map(selector);
    selectors.map(|it| (it.name.unwrap_or_default(), it.matchers.matchers)).collect()
}

/// The matchers of every selector of the application's own series, which the cases call `http_request…`. Recorded
/// series have a colon in their names, and the application's labels behind them.
fn reads_of_the_application(objects: &[Value]) -> Vec<Vec<Matcher>> {
    let own = |metric: &str| metric.starts_with("http_request") && !metric.contains(':');
    let all = expressions(objects).iter().flat_map(selectors).collect::<Vec<_>>();
    all.into_iter().filter(|(metric, _)| own(metric)).map(|(_, matchers)| matchers).collect()
}

#[test]
fn every_expression_parses_and_quantiles_keep_their_buckets() {
    let trap = promql("histogram_quantile(0.95, sum by (pod) (rate(x_bucket[1m])))");
    assert_eq!(quantiles_without_le(&trap), (1, 1), "the check sees buckets that are summed away");
    let mut seen = 0;
    for case in cases() {
        for expr in expressions(&case.objects()) {
            let (without, all) = quantiles_without_le(&expr);
            assert_eq!(without, 0, "{}: `le` is summed away in {expr}", case.name);
            seen += all;
        }
    }
    assert!(seen > 0, "no case has a quantile over buckets");
}

/// How many quantiles over buckets there are whose label `le` is summed away, and how many in all.
fn quantiles_without_le(expr: &Expr) -> (usize, usize) {
    let vector = |node| match node {
        Expr::Call(call) if call.func.name == "histogram_quantile" => call.args.last(),
        _ => None,
    };
    let mut vectors: Vec<_> = nodes(expr).into_iter().filter_map(vector).collect();
    vectors.retain(|it| selectors(it).iter().any(|(metric, _)| metric.ends_with("_bucket")));
    (vectors.iter().filter(|vector| nodes(vector).iter().any(drops_le)).count(), vectors.len())
}

/// True for an aggregation whose result has no label `le`.
fn drops_le(node: &Expr) -> bool {
    let Expr::Aggregate(aggregate) = node else { return false };
    match &aggregate.modifier {
        Some(LabelModifier::Include(labels)) => !labels.labels.iter().any(|label| label == "le"),
        Some(LabelModifier::Exclude(labels)) => labels.labels.iter().any(|label| label == "le"),
        None => true,
    }
}

#[test]
fn selectors_find_the_pods() {
    for case in cases() {
        let objects = case.objects();
        let template = &workload(&objects)["spec"]["template"];
        let labels = &template["metadata"]["labels"];
        let mut selectors = Vec::new();
        for object in &objects {
            let spec = &object["spec"];
            selectors.extend(match object["kind"].as_str().unwrap() {
                "Service" => vec![&spec["selector"]],
                "Deployment" | "StatefulSet" | "PodDisruptionBudget" | "PodMonitor" => {
                    vec![&spec["selector"]["matchLabels"]]
                }
                "NetworkPolicy" => vec![&spec["podSelector"]["matchLabels"]],
                _ => Vec::new(),
            });
        }
        let pod = &template["spec"];
        let apart = &pod["affinity"]["podAntiAffinity"];
        let preferred = list(&apart["preferredDuringSchedulingIgnoredDuringExecution"]);
        let required = list(&apart["requiredDuringSchedulingIgnoredDuringExecution"]);
        let terms = preferred.iter().map(|preferred| &preferred["podAffinityTerm"]).chain(required);
        let spread = list(&pod["topologySpreadConstraints"]);
        selectors.extend(terms.chain(spread).map(|term| &term["labelSelector"]["matchLabels"]));
        for selector in selectors {
            assert!(selects(selector, labels), "{}: {selector} among {labels}", case.name);
        }
    }
}

/// The Deployment or StatefulSet.
fn workload(objects: &[Value]) -> &Value {
    objects.iter().find(|object| object["spec"]["template"].is_object()).unwrap()
}

/// True if `selector` says something, and all of it holds for `labels`.
fn selects(selector: &Value, labels: &Value) -> bool {
    let selector = selector.as_object().unwrap();
    !selector.is_empty() && selector.iter().all(|(label, value)| labels.get(label) == Some(value))
}

#[test]
fn prometheus_scrapes_every_pod_once() {
    for case in cases() {
        let objects = case.objects();
        let ports = &workload(&objects)["spec"]["template"]["spec"]["containers"][0]["ports"];
        let (services, pods) =
            (of_kind(&objects, "ServiceMonitor"), of_kind(&objects, "PodMonitor"));
        assert_eq!(services.len() + pods.len(), 1, "{}: monitors", case.name);
        for monitor in services {
            let selector = &monitor["spec"]["selector"]["matchLabels"];
            let mut selected = of_kind(&objects, "Service");
            selected.retain(|service| selects(selector, &service["metadata"]["labels"]));
            let [service] = selected[..] else {
                panic!("{}: {} Services", case.name, selected.len())
            };
            assert_ne!(service["spec"]["clusterIP"], "None", "{}: the headless one", case.name);
            scrapes(&case, &monitor["spec"]["endpoints"], &service["spec"]["ports"]);
        }
        for monitor in pods {
            scrapes(&case, &monitor["spec"]["podMetricsEndpoints"], ports);
        }
    }
}

fn scrapes(case: &Case, endpoints: &Value, ports: &Value) {
    let [endpoint] = list(endpoints) else { panic!("{}: {endpoints}", case.name) };
    let declared = list(ports).iter().any(|port| port["name"] == endpoint["port"]);
    assert!(declared, "{}: no port {} among {ports}", case.name, endpoint["port"]);
}

#[test]
fn the_number_of_pods_has_one_owner() {
    for case in cases() {
        let objects = case.objects();
        let workload = workload(&objects);
        let mut autoscalers = of_kind(&objects, "HorizontalPodAutoscaler");
        autoscalers.extend(of_kind(&objects, "ScaledObject"));
        let fixed = workload["spec"].get("replicas").is_some();
        assert_eq!(autoscalers.len() + usize::from(fixed), 1, "{}", case.name);
        let target = json!({
            "apiVersion": workload["apiVersion"],
            "kind": workload["kind"],
            "name": workload["metadata"]["name"],
        });
        for autoscaler in autoscalers {
            assert_eq!(autoscaler["spec"]["scaleTargetRef"], target, "{}", case.name);
        }
    }
}

#[test]
fn names_inside_objects_resolve() {
    for case in cases() {
        let objects = case.objects();
        let names = |values: &Value| -> BTreeSet<String> {
            list(values).iter().map(|value| value["name"].as_str().unwrap().to_owned()).collect()
        };
        let pod = &workload(&objects)["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        let ports = names(&container["ports"]);
        let known = |port: &Value| port.as_str().is_none_or(|name| ports.contains(name));

        for service in of_kind(&objects, "Service") {
            for port in list(&service["spec"]["ports"]) {
                assert!(known(&port["targetPort"]), "{}: {}: {port}", case.name, id(service));
            }
        }
        for policy in of_kind(&objects, "NetworkPolicy") {
            let rules = list(&policy["spec"]["ingress"]).iter();
            for port in rules.flat_map(|rule| list(&rule["ports"])) {
                assert!(known(&port["port"]), "{}: NetworkPolicy: {port}", case.name);
            }
        }
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            for handler in ["httpGet", "tcpSocket"] {
                let port = &container[probe][handler]["port"];
                assert!(known(port), "{}: {probe} asks the port {port}", case.name);
            }
        }
        let (volumes, mounts) = (names(&pod["volumes"]), names(&container["volumeMounts"]));
        assert_eq!(volumes, mounts, "{}: volumes and mounts", case.name);
        for account in of_kind(&objects, "ServiceAccount") {
            assert_eq!(pod["serviceAccountName"], account["metadata"]["name"], "{}", case.name);
        }
        for set in of_kind(&objects, "StatefulSet") {
            let services = of_kind(&objects, "Service").into_iter();
            let headless: Vec<_> = services
                .filter(|service| service["metadata"]["name"] == set["spec"]["serviceName"])
                .map(|service| &service["spec"]["clusterIP"])
                .collect();
            assert_eq!(headless, ["None"], "{}: the StatefulSet's own Service", case.name);
        }
        for object in &objects {
            let own = &objects[0]["metadata"]["namespace"];
            // The adapter reads its rules where it runs.
            let elsewhere = id(object).ends_with("-adapter-rules");
            let namespace = &object["metadata"]["namespace"];
            assert!(namespace == own || elsewhere, "{}: {}", case.name, id(object));
        }
    }
}

/// Two alerts with the same name and labels are one to the Alertmanager, and two recordings a failed evaluation.
#[test]
fn rules_are_told_apart() {
    for case in cases() {
        let objects = case.objects();
        let mut seen = BTreeSet::new();
        for rule in rules(&objects) {
            let name = if rule["alert"].is_string() { &rule["alert"] } else { &rule["record"] };
            let identity = format!("{name} {}", rule["labels"]);
            assert!(seen.insert(identity.clone()), "{}: two rules {identity}", case.name);
        }
    }
}

/// What was written in slo.toml is what Kubernetes and Prometheus read, however it looks.
#[test]
fn awkward_values_arrive_as_written() {
    let case = case("awkward");
    let objects = case.objects();
    let text = fs::read_to_string(case.folder.join("slo.toml")).unwrap();
    let written = table(DeTable::parse(&text).unwrap().get_ref());
    let (service, metrics) = (&written["service"], &written["metrics"]);

    let template = &workload(&objects)["spec"]["template"];
    let container = &template["spec"]["containers"][0];
    let env = service["env"].as_object().unwrap().iter();
    let env: Vec<_> = env.map(|(name, value)| json!({ "name": name, "value": value })).collect();
    assert_eq!(list(&container["env"]), env);
    assert_eq!(container["command"], service["command"]);
    assert_eq!(container["args"], service["args"]);
    assert_eq!(template["metadata"]["annotations"], service["annotations"]);
    for labels in objects.iter().chain([template]).map(|object| &object["metadata"]["labels"]) {
        assert!(selects(&service["labels"], labels), "{labels}");
    }
    let (readiness, liveness) = (&written["probes"]["readiness"], &written["probes"]["liveness"]);
    assert_eq!(container["readinessProbe"]["httpGet"]["path"], readiness["path"]);
    assert_eq!(container["livenessProbe"]["exec"]["command"], liveness["exec"]);
    let monitor = of_kind(&objects, "ServiceMonitor")[0];
    assert_eq!(monitor["spec"]["endpoints"][0]["path"], metrics["path"]);

    for rule in rules(&objects).iter().filter(|rule| rule["alert"].is_string()) {
        for (label, value) in written["alerts"]["labels"].as_object().unwrap() {
            // Prometheus expands templates; this one gives the braces themselves.
            let braces = value.as_str().unwrap().replace("{{", r#"{{ "{{" }}"#);
            assert_eq!(rule["labels"][label], braces, "{label}");
        }
    }
    let reads = reads_of_the_application(&objects);
    let asks = |matchers: &[Matcher], label: &str, value: &Value| {
        let stored = if label == "endpoint" { "exported_endpoint" } else { label };
        matchers.iter().any(|matcher| matcher.name == stored && matcher.value == *value)
    };
    for (label, value) in metrics["selector"].as_object().unwrap() {
        let all = reads.iter().all(|matchers| asks(matchers, label, value));
        assert!(all, "a query does not ask for {label} = {value}");
    }
    for (label, value) in metrics["errors"].as_object().unwrap() {
        let any = reads.iter().any(|matchers| asks(matchers, label, value));
        assert!(any, "no query asks for {label} = {value}");
    }
}

/// A table of strings, lists and tables as JSON, in the order written.
fn table(table: &DeTable<'_>) -> Value {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let entry = |(key, it): (&Spanned<Cow<'_, str>>, &Spanned<DeValue<'_>>)| {
        (key.get_ref().to_string(), value(it.get_ref()))
    };
    entries.into_iter().map(entry).collect()
}

fn value(toml: &DeValue<'_>) -> Value {
    match toml {
        DeValue::String(text) => json!(text),
        DeValue::Array(items) => items.iter().map(|item| value(item.get_ref())).collect(),
        DeValue::Table(inner) => table(inner),
        other => panic!("a {} is not awkward", other.type_str()),
    }
}
