//! From decided numbers to manifests: typed objects, serialised here and nowhere else.

mod autoscaler;
mod disruption;
mod metadata;
mod monitor;
mod network;
mod patch;
mod pod;
mod rule_tests;
mod rules;
mod service;
mod workload;

use serde::Serialize;
use serde_json::Value;

use crate::finding::Finding;
use crate::plan::Plan;
use crate::plan::scaling::Scaling;
use crate::source::Files;
use crate::spec::leaf::Backend;
use crate::spec::tables::Document;

/// A finished object.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Group and version.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// The whole object.
    pub object: Value,
}

/// All objects of a service, in the order in which they should be applied.
///
/// Fails where slo.toml asks for what this version cannot render, and where a patch matches nothing or breaks an
/// object.
pub fn manifests(plan: &Plan<'_>, files: &Files) -> Result<Vec<Manifest>, Vec<Finding>> {
    let unsupported = unsupported(&plan.spec.doc);
    if !unsupported.is_empty() {
        return Err(unsupported);
    }
    let outputs = &plan.spec.doc.outputs;
    let mut all = Objects { plan, manifests: Vec::new(), findings: Vec::new() };
    if *outputs.service_account {
        all.add(Ok(service::account(plan)));
    }
    if *outputs.network_policy {
        all.add(Ok(network::policy(plan)));
    }
    if *outputs.service {
        all.add(Ok(service::service(plan)));
    }
    if let Some(headless) = service::headless(plan) {
        all.add(Ok(headless));
    }
    let metadata = metadata::workload(plan, files);
    match workload::workload(plan, metadata) {
        workload::Workload::Deployment(deployment) => all.add(Ok(deployment)),
        workload::Workload::StatefulSet(set) => all.add(Ok(set)),
    }
    if let Some(budget) = disruption::budget(plan) {
        all.add(Ok(budget));
    }
    if let Scaling::Auto(autoscaler) = &plan.scaling {
        all.add(Ok(autoscaler::hpa(plan, autoscaler)));
    }
    if *outputs.service {
        all.add(Ok(monitor::service_monitor(plan)));
    } else {
        all.add(Ok(monitor::pod_monitor(plan)));
    }
    if let Some(rules) = rules::prometheus_rule(plan).transpose() {
        all.add(rules);
    }
    let Objects { mut manifests, mut findings, .. } = all;
    findings.extend(patch::apply(plan.spec, &mut manifests));
    if findings.is_empty() { Ok(manifests) } else { Err(findings) }
}

/// What is made of the rules beside the PrometheusRule. No object: it never joins a stream of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RulePart {
    /// The rules in the form that Prometheus and promtool read.
    Rules,
    /// Tests of them for promtool: values, thresholds, labels, holds.
    Tests,
    /// Tests of how far back their windows reach.
    WindowTests,
}

impl RulePart {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rules, Self::Tests, Self::WindowTests];

    /// How it is asked for.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Tests => "rule-tests",
            Self::WindowTests => "window-tests",
        }
    }

    /// True for the path of such a file.
    pub fn wrote(self, path: &str) -> bool {
        path.ends_with(&format!("-slo-rules.{}", self.suffix()))
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Rules => "rules.yaml",
            Self::Tests => "test.yaml",
            Self::WindowTests => "windows.test.yaml",
        }
    }
}

/// A file beside the objects.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleFile {
    /// Its name.
    pub name: String,
    /// Its only document.
    pub content: Value,
}

/// The `parts` of the rules among `manifests`; none where there are no rules.
///
/// The tests are of what slo.toml promises: a patch that changes a rule makes them fail.
pub fn rule_files(
    plan: &Plan<'_>,
    manifests: &[Manifest],
    parts: &[RulePart],
) -> Result<Vec<RuleFile>, Vec<Finding>> {
    let rules = manifests.iter().find(|manifest| manifest.kind == "PrometheusRule");
    let Some(rules) = rules.and_then(|manifest| manifest.object.get("spec")) else {
        return Ok(Vec::new());
    };
    let name = |part: RulePart| format!("{}.{}", plan.names.rules, part.suffix());
    let rule_file = name(RulePart::Rules);
    let mut files = Vec::new();
    for part in parts {
        let content = match part {
            RulePart::Rules => Ok(Some(rules.clone())),
            RulePart::Tests => rule_tests::rules(plan, &rule_file)
                .map_err(|why| no_tests(plan, &why))
                .and_then(|tests| value(plan, tests).map(Some)),
            RulePart::WindowTests => {
                rule_tests::windows(plan, &rule_file).map(|tests| value(plan, tests)).transpose()
            }
        };
        files.extend(content?.map(|content| RuleFile { name: name(*part), content }));
    }
    Ok(files)
}

fn no_tests(plan: &Plan<'_>, why: &str) -> Vec<Finding> {
    let errors = plan.spec.doc.metrics.errors.as_ref().map(|errors| errors.span);
    let at = errors.unwrap_or_else(|| crate::source::Span::start_of(plan.spec.file));
    let finding =
        Finding::error("spec/unsupported", at, format!("rule tests cannot be written: {why}"))
            .help("write a plainer expression, or set `outputs.rule_tests = false`");
    vec![finding]
}

fn value(plan: &Plan<'_>, object: impl Serialize) -> Result<Value, Vec<Finding>> {
    serde_json::to_value(object).map_err(|error| bug(plan, &error.to_string()))
}

fn bug(plan: &Plan<'_>, error: &str) -> Vec<Finding> {
    let at = crate::source::Span::start_of(plan.spec.file);
    let message = format!("an object could not be written: {error}");
    vec![
        Finding::error("internal/bug", at, message)
            .help("this is a bug of slogen; please report it with this file"),
    ]
}

/// What slo.toml may ask for already, and a later version renders.
fn unsupported(doc: &Document) -> Vec<Finding> {
    let backend = &doc.scaling.backend;
    let keda = (**backend == Backend::Keda && doc.scaling.replicas.is_none()).then(|| {
        Finding::error(
            "spec/unsupported",
            backend.span,
            "rendering for backend `keda` comes with a later version of slogen",
        )
        .help("set `scaling.backend = \"hpa\"` to scale on latency, requests in flight and CPU now")
    });
    let outputs = &doc.outputs;
    let later = [
        (&outputs.dashboard, "dashboard"),
        (&outputs.adapter, "adapter"),
        (&outputs.runbook, "runbook"),
    ];
    let outputs = later.into_iter().filter(|(output, _)| ***output).map(|(output, name)| {
        Finding::error(
            "spec/unsupported",
            output.span,
            format!("`outputs.{name}` comes with a later version of slogen"),
        )
        .help("remove it, or set it to false")
    });
    keda.into_iter().chain(outputs).collect()
}

struct Objects<'a> {
    plan: &'a Plan<'a>,
    manifests: Vec<Manifest>,
    findings: Vec<Finding>,
}

impl Objects<'_> {
    fn add<T: Serialize>(&mut self, object: Result<T, String>) {
        let object = object
            .map_err(|error| bug(self.plan, &error))
            .and_then(|object| value(self.plan, object));
        match object {
            Ok(object) => self.manifests.push(Manifest::new(object)),
            Err(findings) => self.findings.extend(findings),
        }
    }
}

impl Manifest {
    /// Kind, namespace and name.
    pub fn identity(&self) -> (&str, &str, &str) {
        (&self.kind, &self.namespace, &self.name)
    }

    /// Reads the identity of `object`.
    fn new(object: Value) -> Self {
        let text = |pointer: &str| {
            object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        Self {
            api_version: text("/apiVersion"),
            kind: text("/kind"),
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name"),
            object,
        }
    }
}
