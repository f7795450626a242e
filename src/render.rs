//! From decided numbers to manifests: typed objects, serialised here and nowhere else.

pub mod adapter;
mod autoscaler;
mod dashboard;
mod disruption;
mod metadata;
mod monitor;
mod network;
mod patch;
mod pod;
mod rule_tests;
mod rules;
mod scaled_object;
mod service;
mod workload;

pub use metadata::managed_by;
use serde::Serialize;
use serde_json::Value;

use crate::finding::Finding;
use crate::kinds::monitoring::PrometheusRule;
use crate::plan::Plan;
use crate::plan::scaling::{By, Scaling};
use crate::source::Files;

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
/// Fails where a patch of slo.toml matches nothing or breaks an object.
pub fn manifests(plan: &Plan<'_>, files: &Files) -> Result<Vec<Manifest>, Vec<Finding>> {
    objects(plan, files, *plan.spec.doc.outputs.dashboard)
}

/// As [`manifests`], with the dashboard among them, whether slo.toml asks for it or not.
pub fn with_dashboard(plan: &Plan<'_>, files: &Files) -> Result<Vec<Manifest>, Vec<Finding>> {
    objects(plan, files, true)
}

/// The recordings and alerts of a service; `None` where no target has any.
pub fn rules(plan: &Plan<'_>) -> Result<Option<PrometheusRule>, String> {
    rules::prometheus_rule(plan)
}

fn objects(plan: &Plan<'_>, files: &Files, dashboard: bool) -> Result<Vec<Manifest>, Vec<Finding>> {
    let outputs = &plan.spec.doc.outputs;
    let mut all = Objects { plan, manifests: Vec::new(), findings: Vec::new() };
    if *outputs.service_account {
        all.add(service::account(plan));
    }
    if *outputs.network_policy {
        all.add(network::policy(plan));
    }
    if dashboard {
        all.try_add(dashboard::config_map(plan));
    }
    if *outputs.service {
        all.add(service::service(plan));
    }
    if let Some(headless) = service::headless(plan) {
        all.add(headless);
    }
    let metadata = metadata::workload(plan, files);
    match workload::workload(plan, metadata) {
        workload::Workload::Deployment(deployment) => all.add(deployment),
        workload::Workload::StatefulSet(set) => all.add(set),
    }
    if let Some(budget) = disruption::budget(plan) {
        all.add(budget);
    }
    if let Scaling::Auto(autoscaler) = &plan.scaling {
        match &autoscaler.by {
            By::Hpa(metrics) => all.add(autoscaler::hpa(plan, autoscaler, metrics)),
            By::Keda(keda) => {
                if let Some(auth) = &keda.auth {
                    all.add(scaled_object::authentication(plan, auth));
                }
                all.add(scaled_object::scaled_object(plan, autoscaler, keda));
            }
        }
    }
    if *outputs.service {
        all.add(monitor::service_monitor(plan));
    } else {
        all.add(monitor::pod_monitor(plan));
    }
    if let Some(rules) = rules::prometheus_rule(plan).transpose() {
        all.try_add(rules);
    }
    if *outputs.adapter
        && let Some(rules) = adapter::config_map(plan).transpose()
    {
        all.push(rules);
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
    to_value(object).map_err(|error| bug(plan, &error))
}

fn bug(plan: &Plan<'_>, error: &str) -> Vec<Finding> {
    let at = crate::source::Span::start_of(plan.spec.file);
    let message = format!("an object could not be written: {error}");
    vec![
        Finding::error("internal/bug", at, message)
            .help("this is a bug of slogen; please report it with this file"),
    ]
}

struct Objects<'a> {
    plan: &'a Plan<'a>,
    manifests: Vec<Manifest>,
    findings: Vec<Finding>,
}

impl Objects<'_> {
    fn add<T: Serialize>(&mut self, object: T) {
        self.try_add(Ok(object));
    }

    fn try_add<T: Serialize>(&mut self, object: Result<T, String>) {
        self.push(object.and_then(Manifest::of));
    }

    fn push(&mut self, manifest: Result<Manifest, String>) {
        match manifest {
            Ok(manifest) => self.manifests.push(manifest),
            Err(error) => self.findings.extend(bug(self.plan, &error)),
        }
    }
}

/// The one intermediate form of everything typed.
fn to_value<T: Serialize>(object: T) -> Result<Value, String> {
    serde_json::to_value(object).map_err(|error| error.to_string())
}

impl Manifest {
    /// A typed object.
    pub fn of(object: impl Serialize) -> Result<Self, String> {
        to_value(object).map(Self::new)
    }

    /// The text of the dashboard, if this is the ConfigMap that holds one.
    pub fn dashboard(&self) -> Option<&str> {
        self.object.pointer("/metadata/labels")?.get(dashboard::LABEL)?;
        self.object.get("data")?.as_object()?.values().next()?.as_str()
    }

    /// Reads the identity of `object`, and has its metadata follow it: the Kubernetes types sort fields by name.
    fn new(mut object: Value) -> Self {
        if let Some(fields) = object.as_object_mut()
            && let Some(metadata) = fields.shift_remove("metadata")
        {
            fields.shift_insert(fields.len().min(2), "metadata".to_owned(), metadata);
        }
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
