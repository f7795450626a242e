//! What holds for every input: any valid description renders to objects that read back equal, are valid and
//! byte-stable; and no text at all makes slogen panic or point outside the file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failure is the test's own"
)]

use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::*;
use serde_json::Value;
use slogen::finding::Finding;
use slogen::openapi;
use slogen::plan::Plan;
use slogen::profile::Library;
use slogen::render::{self, Manifest};
use slogen::source::Files;
use slogen::spec::Source;
use slogen::{report, yaml};

fn render(text: &str) -> (Result<Vec<Manifest>, Vec<Finding>>, Files) {
    let (mut files, mut library) = (Files::default(), Library::default());
    let source =
        Source::parse(&mut files, &mut library, "slo.toml", text.to_owned(), Path::new(""));
    let rendered =
        source.load(&files, None).and_then(|spec| render::manifests(&Plan::new(&spec), &files));
    (rendered, files)
}

/// A TOML basic string: what JSON escapes, TOML understands.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Text with everything that YAML, PromQL and templates could trip over.
fn awkward() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("on"),
        Just("012"),
        Just("1e3"),
        Just("~"),
        Just("{{ $x }}"),
        Just("${ x }"),
        Just("%{ if }%"),
        Just(": "),
        Just(" #"),
        Just("\""),
        Just("'"),
        Just("\\"),
        Just("\n"),
        Just("\t"),
        Just("é"),
        Just("\u{1f600}"),
        Just("- "),
        Just("&a"),
        Just("}"),
    ];
    prop_oneof![
        proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat()),
        any::<String>().prop_map(|text| text.replace(|c| matches!(c, '\u{7f}'..='\u{9f}'), ""))
    ]
}

/// An optional line of TOML.
fn maybe(line: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    proptest::option::of(line).prop_map(|line| line.map_or(String::new(), |line| line + "\n"))
}

fn service() -> impl Strategy<Value = String> {
    let env = proptest::collection::vec(awkward(), 0..4).prop_map(|values| {
        let entries =
            values.iter().enumerate().map(|(i, value)| format!("V{i} = {}", quoted(value)));
        format!("env = {{ {} }}", entries.collect::<Vec<_>>().join(", "))
    });
    (
        "[a-z]([-a-z0-9]{0,20}[a-z0-9])?",
        prop_oneof![Just("deployment"), Just("statefulset")],
        prop_oneof![Just("http"), Just("grpc")],
        1024_u16..,
        maybe(env),
        maybe(awkward().prop_map(|text| format!("annotations = {{ note = {} }}", quoted(&text)))),
        maybe(awkward().prop_map(|text| format!("args = [{}]", quoted(&text)))),
        maybe(Just("ports = [{ name = \"admin\", port = 9 }]\nvolumes = [{ name = \"v\", mount = \"/v\", pvc = \"c\" }]".to_owned())),
    )
        .prop_map(|(name, workload, protocol, port, env, annotations, args, more)| {
            format!(
                "[service]\nname = \"{name}\"\nimage = \"a/b:1\"\nworkload = \"{workload}\"\nprotocol = \"{protocol}\"\nport = {port}\n{env}{annotations}{args}{more}"
            )
        })
}

/// Targets, and the buckets that their thresholds are among.
fn targets() -> impl Strategy<Value = (String, String)> {
    let latency = proptest::collection::btree_map(98_u8..100, 1_u32..10_000, 0..3);
    let errors = (1_u32..20)
        .prop_map(|share| format!("errors = {{ below = \"{}.{}%\" }}", share / 10, share % 10));
    (
        prop_oneof![Just("7d"), Just("28d"), Just("30d"), Just("90d")],
        latency,
        maybe(errors),
        maybe((1_u32..50).prop_map(|n| format!("in_flight = {{ per_pod = {n}.5 }}"))),
    )
        .prop_map(|(window, latency, errors, in_flight)| {
            let bounds: BTreeSet<u32> = latency.values().copied().chain([20_000]).collect();
            let bounds: Vec<String> =
                bounds.iter().map(|ms| format!("{}.{:03}", ms / 1000, ms % 1000)).collect();
            let latency =
                latency.iter().map(|(p, ms)| format!("{{ percentile = {p}, below = \"{ms}ms\" }}"));
            let latency = latency.collect::<Vec<_>>().join(", ");
            (
                format!(
                    "[targets]\nwindow = \"{window}\"\nlatency = [{latency}]\n{errors}{in_flight}"
                ),
                format!("buckets = [{}]\n", bounds.join(", ")),
            )
        })
}

fn metrics() -> impl Strategy<Value = String> {
    (
        maybe(awkward().prop_map(|text| format!("selector = {{ endpoint = {}, route = {} }}", quoted(&text), quoted(&text)))),
        prop_oneof![Just("5s"), Just("15s"), Just("1m")],
        prop_oneof![Just("exported"), Just("honor")],
        prop_oneof![Just("kube-prometheus-stack"), Just("kube-prometheus"), Just("plain")],
        any::<bool>(),
    )
        .prop_map(|(selector, interval, conflict, stack, native)| {
            format!(
                "[metrics]\n{selector}interval = \"{interval}\"\non_label_conflict = \"{conflict}\"\nstack = \"{stack}\"\nnative_histograms = {native}\n"
            )
        })
}

fn rest() -> impl Strategy<Value = String> {
    let bounds = (1_i32..10, 0_i32..50)
        .prop_map(|(min, more)| format!("[scaling]\nmin = {min}\nmax = {}", min + more));
    let fixed = (1_i32..10).prop_map(|replicas| format!("[scaling]\nreplicas = {replicas}"));
    let versions = prop_oneof![Just("2.14"), Just("2.17.1"), Just("2.18"), Just("2.20")];
    let keda = (1_i32..10, awkward(), versions).prop_map(|(min, value, version)| {
        format!(
            "[[scaling.keda.triggers]]\ntype = \"rabbitmq\"\nmetadata = {{ note = {} }}\n[scaling.keda]\nversion = \"{version}\"\n\
             [scaling]\nbackend = \"keda\"\nmin = {min}\nmax = 20",
            quoted(&value)
        )
    });
    (
        prop_oneof![bounds, fixed, keda],
        0_u32..99,
        any::<[bool; 5]>(),
        prop_oneof![Just("preferred"), Just("required"), Just("off")],
        awkward(),
    )
        .prop_map(|(scaling, headroom, outputs, anti, label)| {
            let [service, account, pdb, network, symptom] = outputs;
            format!(
                "{scaling}\nheadroom = \"{headroom}%\"\n[outputs]\nservice = {service}\nservice_account = {account}\npdb = {pdb}\n\
                 network_policy = {network}\n[availability]\nanti_affinity = \"{anti}\"\n[alerts]\nsymptom = {symptom}\nburn_rate = {symptom}\n\
                 labels = {{ note = {} }}\n",
                quoted(&label)
            )
        })
}

fn description() -> impl Strategy<Value = String> {
    let profile = prop_oneof![Just("base"), Just("web"), Just("high-throughput")];
    (profile, service(), targets(), metrics(), rest()).prop_map(
        |(profile, service, (targets, buckets), metrics, rest)| {
            format!("profile = \"{profile}\"\n{service}{targets}{metrics}{buckets}{rest}")
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn valid_descriptions_render(text in description()) {
        let (rendered, files) = render(&text);
        let manifests = rendered.map_err(|findings| TestCaseError::fail(report::human::report(&findings, &files)))?;
        let objects: Vec<&Value> = manifests.iter().map(|manifest| &manifest.object).collect();

        let stream = yaml::emit::stream(&objects).map_err(TestCaseError::fail)?;
        let documents = serde_yaml::Deserializer::from_str(&stream);
        let back: Vec<Value> =
            documents.map(serde::Deserialize::deserialize).collect::<Result<_, _>>().map_err(|error| TestCaseError::fail(format!("{error}\n{stream}")))?;
        prop_assert_eq!(&back.iter().collect::<Vec<_>>(), &objects);

        for manifest in &manifests {
            let violations = openapi::validate(&manifest.kind, &manifest.api_version, &manifest.object);
            prop_assert_eq!(violations, Some(Vec::new()), "{} {}", manifest.kind, manifest.name);
            for expr in expressions(&manifest.object) {
                let parsed = promql_parser::parser::parse(expr);
                prop_assert!(parsed.is_ok(), "{}: {:?}", expr, parsed.err());
            }
        }

        let again = render(&text).0.map_err(|_| TestCaseError::fail("rendered once only"))?;
        prop_assert_eq!(again, manifests);
    }

    #[test]
    fn no_text_makes_slogen_panic(cut in 0_usize..3000, length in 0_usize..200, insert in awkward(), more in any::<String>()) {
        let reference = include_str!("golden/inference/slo.toml");
        let boundary = |at: usize| (0..=at.min(reference.len())).rev().find(|at| reference.is_char_boundary(*at)).unwrap_or(0);
        let (from, to) = (boundary(cut), boundary(cut + length));
        for text in [format!("{}{insert}{}", &reference[..from], &reference[to..]), more, insert] {
            let (rendered, files) = render(&text);
            for finding in rendered.err().unwrap_or_default() {
                let place = finding.primary.span;
                let end = files.get(place.file).text.len();
                prop_assert!(place.start <= place.end && place.end as usize <= end, "{:?}", finding);
                prop_assert!(!report::human::report(&[finding], &files).is_empty());
            }
        }
    }
}

fn expressions(object: &Value) -> Vec<&str> {
    let groups = object.pointer("/spec/groups").and_then(Value::as_array);
    let rules =
        groups.into_iter().flatten().filter_map(|group| group["rules"].as_array()).flatten();
    let triggers = object.pointer("/spec/triggers").and_then(Value::as_array).into_iter().flatten();
    let queries = triggers.map(|trigger| &trigger["metadata"]["query"]);
    rules.map(|rule| &rule["expr"]).chain(queries).filter_map(Value::as_str).collect()
}
