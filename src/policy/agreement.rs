//! The CEL of every policy says what its rule says, about each object of the rules' examples, of the golden cases,
//! of the manifests among the tests, and about what random changes make of them.

mod changes;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::autoscaling::v2::{HorizontalPodAutoscaler, HorizontalPodAutoscalerBehavior};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{LimitRange, Pod, PodTemplateSpec, ReplicationController};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::cel::{Compiled, Verdict};
use super::{Options, exportable, manifests};
use changes::mutate;

use crate::lint::example::Example;
use crate::render::Manifest;
use crate::source::FileId;
use crate::units;
use crate::yaml::{self, Place, Scalar};

/// The policies of one configuration, with their parameters.
struct Exported {
    /// Lines of `# lint:` that configure it.
    settings: String,
    policies: BTreeMap<&'static str, Compiled>,
    params: Value,
}

impl Exported {
    fn new(settings: &str) -> Self {
        let example = Example::split(settings).unwrap();
        let names: Vec<_> = exportable().map(|entry| entry.meta.name).collect();
        let config = example.resolve(&names).unwrap();
        let options = Options {
            namespace: "slogen-system".to_owned(),
            deny: false,
            exclude: Vec::new(),
            keda: config.settings.keda,
        };
        let manifests = manifests(&config.rules, &options).unwrap();
        let of_kind = |kind: &str| {
            let found: Vec<&Manifest> =
                manifests.iter().filter(|manifest| manifest.kind == kind).collect();
            found
        };
        let compiled = of_kind("ValidatingAdmissionPolicy").into_iter().map(|manifest| {
            let rule = &manifest.object["metadata"]["annotations"]["slogen.dev/rule"];
            let entry = exportable().find(|entry| *rule == entry.meta.name).unwrap();
            (entry.meta.name, Compiled::new(&manifest.object))
        });
        Self {
            settings: settings.to_owned(),
            policies: compiled.collect(),
            params: of_kind("ConfigMap")[0].object.clone(),
        }
    }

    /// Compares the rule and its policy on one object; true if both refuse it.
    fn compare(&self, rule: &str, object: &Value) -> bool {
        let verdict = self.policies[rule].judge(object, &Value::Null, &self.params);
        if verdict == Verdict::OtherKind {
            return false;
        }
        // What `resources/milli-memory` says, no other rule says again.
        let example = Example::split(&format!("{}{object}\n", self.settings)).unwrap();
        let found = example.lint(&[rule, "resources/milli-memory"]).unwrap().findings;
        let found = found.iter().find(|finding| finding.rule == rule);
        let agrees = match &verdict {
            Verdict::Exempt(name) => match name.as_str() {
                "not-judged-with-its-owner" => object["metadata"]["ownerReferences"].is_array(),
                "not-made-by-keda" => object["kind"] == "HorizontalPodAutoscaler",
                "not-being-deleted" => object["metadata"]["deletionTimestamp"].is_string(),
                _ => found.is_none(),
            },
            Verdict::Refused(_) => found.is_some(),
            _ => found.is_none(),
        };
        assert!(
            agrees,
            "{rule}: the policy says {verdict:?}, the rule {:?}, of\n{}",
            found.map(|finding| &finding.message),
            serde_json::to_string_pretty(object).unwrap()
        );
        matches!(verdict, Verdict::Refused(_))
    }
}

/// The objects of a YAML stream, those of lists too.
fn objects(text: &str) -> Vec<Value> {
    let stream = yaml::parse(FileId::NONE, text);
    let mut found = Vec::new();
    for root in stream.documents() {
        let object = value(root);
        match object["items"].as_array() {
            Some(items) => found.extend(items.iter().cloned()),
            None => found.push(object),
        }
    }
    found
}

fn value(place: Place<'_>) -> Value {
    if place.is_mapping() {
        let entries = place.entries().into_iter();
        return entries
            .map(|(key, it)| (key.to_owned(), value(it)))
            .filter(|(_, it)| !it.is_null())
            .collect();
    }
    if place.is_sequence() {
        return place.items().map(value).collect();
    }
    match place.scalar() {
        None | Some(Scalar::Null) => Value::Null,
        Some(Scalar::Bool(it)) => it.into(),
        Some(Scalar::Int(it)) => it.into(),
        // As text, which only amounts may be here, it stays exact.
        Some(Scalar::Float(_)) => place.text().into(),
        Some(Scalar::Str(text)) => text.into(),
    }
}

/// The object as the API server would hand it to a policy, defaults aside; `None` for one that it would refuse or
/// that no policy is about.
fn admitted(object: &Value) -> Option<Value> {
    let mut object = object.clone();
    let kind = object["kind"].as_str()?.to_owned();
    if !quantities(&mut object, &kind) || !names_containers(&mut object) {
        return None;
    }
    let api_version = object["apiVersion"].as_str()?;
    let mut read = match (api_version, kind.as_str()) {
        ("apps/v1", "Deployment") => typed::<Deployment>(&object),
        ("apps/v1", "StatefulSet") => typed::<StatefulSet>(&object),
        ("apps/v1", "DaemonSet") => typed::<DaemonSet>(&object),
        ("apps/v1", "ReplicaSet") => typed::<ReplicaSet>(&object),
        ("v1", "Pod") => typed::<Pod>(&object),
        ("v1", "ReplicationController") => typed::<ReplicationController>(&object),
        ("v1", "LimitRange") => typed::<LimitRange>(&object),
        ("batch/v1", "Job") => typed::<Job>(&object),
        ("batch/v1", "CronJob") => typed::<CronJob>(&object),
        ("autoscaling/v2", "HorizontalPodAutoscaler") => typed::<HorizontalPodAutoscaler>(&object),
        ("policy/v1", "PodDisruptionBudget") => typed::<PodDisruptionBudget>(&object),
        ("argoproj.io/v1alpha1", "Rollout") => {
            let mut spec = json!({});
            if let Some(template) = object.pointer("/spec/template") {
                spec["template"] = typed::<PodTemplateSpec>(template)?;
            }
            if let Some(selector) = object.pointer("/spec/selector") {
                spec["selector"] = typed::<LabelSelector>(selector)?;
            }
            object["spec"] = spec;
            Some(object.clone())
        }
        ("keda.sh/v1alpha1", "ScaledObject") => is_scaled_object(&object).then(|| object.clone()),
        ("monitoring.coreos.com/v1", "ServiceMonitor" | "PodMonitor") => {
            is_monitor(&object).then(|| object.clone())
        }
        _ => None,
    }?;
    // What is not known to be text is no label, port or other name.
    let text = read.to_string();
    if ["{{", "${", "'{"].iter().any(|mark| text.contains(mark)) || !has_labels(&read) {
        return None;
    }
    read["kind"] = kind.into();
    Some(read)
}

/// Through its type: unknown fields go, and fields of other types are refused.
fn typed<T: DeserializeOwned + Serialize>(object: &Value) -> Option<Value> {
    let object: T = serde_json::from_value(object.clone()).ok()?;
    Manifest::of(object).ok().map(|manifest| manifest.object)
}

/// By the types of KEDA's CRD.
fn is_scaled_object(object: &Value) -> bool {
    let spec = &object["spec"];
    let target = &spec["scaleTargetRef"];
    let counts = [
        "minReplicaCount",
        "maxReplicaCount",
        "idleReplicaCount",
        "pollingInterval",
        "cooldownPeriod",
    ];
    let trigger = |it: &Value| {
        it["type"].is_string()
            && ["name", "metricType"].iter().all(|key| unset_or(&it[*key], Value::is_string))
            && unset_or(&it["useCachedMetrics"], Value::is_boolean)
            && unset_or(&it["metadata"], |it| {
                it.as_object().is_some_and(|it| it.values().all(Value::is_string))
            })
    };
    let (fallback, advanced) = (&spec["fallback"], &spec["advanced"]);
    let behavior = &advanced["horizontalPodAutoscalerConfig"]["behavior"];
    unset_or(spec, Value::is_object)
        && counts.iter().all(|key| unset_or(&spec[*key], Value::is_i64))
        && unset_or(target, Value::is_object)
        && ["apiVersion", "kind", "name"]
            .iter()
            .all(|key| unset_or(&target[*key], Value::is_string))
        && unset_or(&spec["triggers"], |it| it.as_array().is_some_and(|it| it.iter().all(trigger)))
        && unset_or(fallback, Value::is_object)
        && ["failureThreshold", "replicas"]
            .iter()
            .all(|key| unset_or(&fallback[*key], Value::is_i64))
        && unset_or(advanced, Value::is_object)
        && unset_or(&advanced["restoreToOriginalReplicaCount"], Value::is_boolean)
        && unset_or(&advanced["scalingModifiers"], Value::is_object)
        && unset_or(&advanced["scalingModifiers"]["target"], Value::is_string)
        && unset_or(&advanced["horizontalPodAutoscalerConfig"], Value::is_object)
        && unset_or(behavior, typed_part::<HorizontalPodAutoscalerBehavior>)
}

/// By the types of the Prometheus operator's CRDs.
fn is_monitor(object: &Value) -> bool {
    let lists = ["endpoints", "podMetricsEndpoints"].map(|key| &object["spec"][key]);
    let endpoint = |it: &Value| {
        it.is_object()
            && ["interval", "scrapeTimeout"].iter().all(|key| unset_or(&it[*key], is_duration))
    };
    object["spec"].is_object()
        && lists
            .iter()
            .all(|it| unset_or(it, |it| it.as_array().is_some_and(|it| it.iter().all(endpoint))))
}

/// Digits and units in their order, as the CRDs want them.
fn is_duration(value: &Value) -> bool {
    let Some(text) = value.as_str() else { return false };
    let mut rest = text;
    for unit in ["y", "w", "d", "h", "m", "s", "ms"] {
        let tail = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        if let Some(tail) = tail
            .strip_prefix(unit)
            .filter(|behind| tail.len() < rest.len() && !(unit == "m" && behind.starts_with('s')))
        {
            rest = tail;
        }
    }
    rest.is_empty() || text == "0"
}

fn unset_or(value: &Value, fits: impl Fn(&Value) -> bool) -> bool {
    value.is_null() || fits(value)
}

fn typed_part<T: DeserializeOwned>(value: &Value) -> bool {
    serde_json::from_value::<T>(value.clone()).is_ok()
}

/// Amounts become texts, as the API server has them; false if one is none.
fn quantities(value: &mut Value, kind: &str) -> bool {
    fn write(amount: &mut Value) -> bool {
        if amount.is_number() {
            *amount = amount.to_string().into();
        }
        amount.as_str().is_some_and(|text| units::quantity(text).is_some())
    }
    match value {
        Value::Array(items) => items.iter_mut().all(|item| quantities(item, kind)),
        Value::Object(map) => map.iter_mut().all(|(key, value)| {
            let amounts = match key.as_str() {
                "requests" | "limits" => value.is_object(),
                "default" | "defaultRequest" | "min" | "max" => kind == "LimitRange",
                "averageValue" | "value" if kind == "HorizontalPodAutoscaler" => {
                    return write(value);
                }
                _ => false,
            };
            match value.as_object_mut() {
                Some(map) if amounts => map.values_mut().all(write),
                _ => quantities(value, kind),
            }
        }),
        _ => true,
    }
}

/// True if what stands where labels and names of ports do can be some.
fn has_labels(value: &Value) -> bool {
    let fits = |value: &Value| {
        value.as_str().is_none_or(|text| {
            text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        })
    };
    match value {
        Value::Object(map) => map.iter().all(|(key, value)| match value {
            Value::Object(labels)
                if ["labels", "matchLabels", "selector"].contains(&key.as_str()) =>
            {
                labels.values().all(fits) && has_labels(value)
            }
            Value::Array(items) if key == "values" => items.iter().all(fits),
            Value::Array(items) if key == "ports" => items.iter().all(|item| fits(&item["name"])),
            Value::String(_) if key == "port" => fits(value),
            Value::String(text) if key == "key" => !text.is_empty() && fits(value),
            _ => has_labels(value),
        }),
        Value::Array(items) => items.iter().all(has_labels),
        _ => true,
    }
}

/// The API server wants every container to have a name of its own; false where two share one.
fn names_containers(value: &mut Value) -> bool {
    match value {
        Value::Object(map) => map.iter_mut().all(|(key, value)| {
            if let (true, Some(items)) = (key.ends_with("ontainers"), value.as_array_mut()) {
                for (index, item) in items.iter_mut().enumerate() {
                    if let Some(item) = item.as_object_mut() {
                        item.entry("name").or_insert_with(|| format!("{key}-{index}").into());
                    }
                }
                let mut names: Vec<_> = items.iter().map(|item| item["name"].to_string()).collect();
                names.sort();
                if names.windows(2).any(|pair| pair[0] == pair[1]) {
                    return false;
                }
            }
            names_containers(value)
        }),
        Value::Array(items) => items.iter_mut().all(names_containers),
        _ => true,
    }
}

/// The texts of a rule: examples and cases, with the settings that they ask for.
fn texts_of(entry: &crate::rules::Entry) -> Vec<String> {
    let examples = ["yaml,bad", "yaml,good", "yaml,fixed"];
    let examples = examples.iter().flat_map(|info| entry.meta.examples(info));
    examples.chain(entry.cases.iter().map(|case| case.text.to_owned())).collect()
}

fn settings_of(text: &str) -> String {
    text.split_inclusive('\n').filter(|line| line.starts_with("# lint: ")).collect()
}

/// Files of the tests that hold manifests.
fn files(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|it| it == "yaml" || it == "yml" || it == "json") {
            found.push(fs::read_to_string(path).unwrap_or_default());
        }
    }
}

/// Every object that some policy is about: of examples, cases and files.
fn corpus() -> Vec<Value> {
    let mut texts: Vec<String> = Vec::new();
    for folder in ["golden", "manifests"] {
        files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder), &mut texts);
    }
    texts.extend(crate::rules::RULES.iter().copied().flat_map(texts_of));
    let parts =
        texts.iter().flat_map(|text| text.split("# file: ").map(str::to_owned).collect::<Vec<_>>());
    let parts = parts.map(|part| match part.split_once('\n') {
        Some((name, rest)) if name.contains(".yaml") || name.contains(".toml") => rest.to_owned(),
        _ => part,
    });
    let mut found: Vec<Value> =
        parts.flat_map(|part| objects(&part)).filter_map(|object| admitted(&object)).collect();
    found.sort_by_key(Value::to_string);
    found.dedup();
    found
}

#[test]
fn policies_say_what_rules_say() {
    let all = Exported::new("");
    let mut refused: BTreeMap<&str, usize> = BTreeMap::new();
    let mut passed: BTreeMap<&str, usize> = BTreeMap::new();
    let corpus = corpus();
    for object in &corpus {
        for (rule, policy) in &all.policies {
            if policy.concerns(object) {
                let both = if all.compare(rule, object) { &mut refused } else { &mut passed };
                *both.entry(rule).or_default() += 1;
            }
        }
    }
    for rule in all.policies.keys() {
        assert!(refused.contains_key(rule), "{rule}: no object is refused, of {}", corpus.len());
        assert!(passed.contains_key(rule), "{rule}: no object passes");
    }
    assert_eq!(all.policies.len(), exportable().count());
}

#[test]
fn own_examples_are_refused_and_admitted() {
    for entry in exportable() {
        let rule = entry.meta.name;
        let mut refused = 0;
        // Before 1.30 there are no policies.
        let old = |text: &&String| text.contains("# lint: kubernetes = \"1.2");
        for text in texts_of(entry).iter().filter(|text| !old(text)) {
            let exported = Exported::new(&settings_of(text));
            for object in objects(text).iter().filter_map(admitted) {
                refused += usize::from(exported.compare(rule, &object));
            }
        }
        assert!(refused > 0, "{rule}: its policy refuses none of its examples and cases");
    }
}

#[test]
fn options_reach_the_policies() {
    let exported = Exported::new(concat!(
        "# lint: rules.\"resources/missing-requests\".resources = [\"cpu\", \"ephemeral-storage\"]\n",
        "# lint: rules.\"probes/short-startup-budget\".min_budget = \"90500ms\"\n",
        "# lint: rules.\"rollout/prestop-exceeds-grace\".min_left = 12\n",
        "# lint: rules.\"scaling/rejected-bounds\".scale_to_zero = true\n",
        "# lint: keda = \"2.17\"\n",
    ));
    let wanted = json!({
        "cluster.keda": "2.17",
        "probes.short-startup-budget.min_budget": "91",
        "resources.missing-requests.resources": "cpu,ephemeral-storage",
        "rollout.prestop-exceeds-grace.min_left": "12",
        "scaling.rejected-bounds.scale_to_zero": "true",
    });
    assert_eq!(exported.params["data"], wanted);
    for object in corpus() {
        for rule in exported.policies.keys() {
            exported.compare(rule, &object);
        }
    }
}

#[test]
fn numbers_are_read_alike() {
    let exported = Exported::new("");
    for target in ["15", "+15", "1.5e1", "1e3", "1E-1", ".5", "5.", "0.35", "fast", ""] {
        let object = json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": { "name": "a" },
            "spec": {
                "scaleTargetRef": { "name": "a" }, "minReplicaCount": 2, "maxReplicaCount": 9,
                "fallback": { "failureThreshold": 3, "replicas": 6 },
                "advanced": { "scalingModifiers": { "formula": "a * 2", "target": target } },
                "triggers": [{ "type": "kafka", "name": "a", "metadata": { "lagThreshold": "50" } }],
            },
        });
        exported.compare("keda/rejected-fallback", &object);
    }
}

#[test]
fn empty_names_are_read_alike() {
    let exported = Exported::new("");
    for (name, asked) in [("web", "http"), ("web", ""), ("", "http"), ("", ""), ("web", "web")] {
        let object = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "a" },
            "spec": { "containers": [{
                "name": "web", "image": "a:1", "ports": [{ "name": name, "containerPort": 8080 }],
                "readinessProbe": { "httpGet": { "port": asked } },
            }] },
        });
        exported.compare("probes/unknown-port", &object);
    }
}

#[test]
fn who_is_exempt() {
    let all = Exported::new("");
    let rule = "resources/missing-requests";
    let pod = |metadata: Value| {
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": metadata,
            "spec": { "containers": [{ "name": "web", "image": "a:1" }] },
        })
    };
    let judge = |object: &Value, old: &Value| all.policies[rule].judge(object, old, &all.params);
    let exempt = |metadata: Value| match judge(&pod(metadata), &Value::Null) {
        Verdict::Exempt(name) => name,
        other => format!("{other:?}"),
    };
    let plain = pod(json!({ "name": "a" }));
    let message = "resources/missing-requests: container `web` requests no cpu and no memory";
    assert_eq!(judge(&plain, &Value::Null), Verdict::Refused(message.to_owned()));
    // Only what is new is judged: a label on an old object is nobody's mistake.
    assert_eq!(judge(&plain, &plain), Verdict::Exempt("spec-is-new".to_owned()));
    let mut changed = plain.clone();
    changed["spec"]["containers"][0]["image"] = "a:2".into();
    assert_eq!(judge(&changed, &plain), Verdict::Refused(message.to_owned()));

    let owner = |kind: &str, controller: bool| json!({ "name": "a", "ownerReferences": [{ "kind": kind, "name": "b", "controller": controller }] });
    assert_eq!(exempt(owner("ReplicaSet", true)), "not-judged-with-its-owner");
    assert!(exempt(owner("ReplicaSet", false)).starts_with("Refused"));
    assert!(exempt(owner("Etcd", true)).starts_with("Refused"));
    assert_eq!(
        exempt(json!({ "name": "a", "deletionTimestamp": "2026-11-24T00:00:00Z" })),
        "not-being-deleted"
    );
    let ignore =
        |text: &str| exempt(json!({ "name": "a", "annotations": { "slogen.dev/ignore": text } }));
    for text in [
        "resources/missing-requests: a burst box",
        "resources: a burst box",
        "hygiene: why; resources/missing-requests: why",
        " resources :why",
    ] {
        assert_eq!(ignore(text), "not-ignored", "{text}");
    }
    for text in [
        "resources/missing-requests",
        "resources: ",
        "resources: ; hygiene: x",
        "resources/missing: x",
        "a resources: x",
    ] {
        assert!(ignore(text).starts_with("Refused"), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_objects_are_judged_alike(
        pick in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<usize>(), 0_u8..12, any::<usize>()), 1..5),
    ) {
        thread_local! {
            static STAGE: (Exported, Vec<Value>) = (Exported::new(""), corpus());
        }
        STAGE.with(|(exported, corpus)| {
            let mut object = pick.get(corpus).clone();
            for change in changes {
                mutate(&mut object, change);
            }
            if let Some(object) = admitted(&object) {
                for rule in exported.policies.keys() {
                    exported.compare(rule, &object);
                }
            }
        });
    }
}
