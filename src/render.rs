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
mod rules;
mod scaled_object;
mod service;
mod workload;

use serde::Serialize;
use serde_json::Value;

use crate::finding::Finding;
use crate::kinds::monitoring::PrometheusRule;
use crate::plan::Plan;
use crate::plan::scaling::{By, Scaling};
use crate::source::Files;
use crate::spec::decode::Sourced;
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
    if dashboard {
        all.add(dashboard::config_map(plan));
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
        match &autoscaler.by {
            By::Hpa(metrics) => all.add(Ok(autoscaler::hpa(plan, autoscaler, metrics))),
            By::Keda(keda) => {
                if let Some(auth) = &keda.auth {
                    all.add(Ok(scaled_object::authentication(plan, auth)));
                }
                all.add(Ok(scaled_object::scaled_object(plan, autoscaler, keda)));
            }
        }
    }
    if *outputs.service {
        all.add(Ok(monitor::service_monitor(plan)));
    } else {
        all.add(Ok(monitor::pod_monitor(plan)));
    }
    if let Some(rules) = rules::prometheus_rule(plan).transpose() {
        all.add(rules);
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

/// What slo.toml may ask for already, and a later version renders.
fn unsupported(doc: &Document) -> Vec<Finding> {
    let outputs = &doc.outputs;
    let later = [(&outputs.rule_tests, "rule_tests")];
    let asked = later.into_iter().filter(|(output, _)| ***output);
    let finding = |(output, name): (&Sourced<bool>, &str)| {
        Finding::error(
            "spec/unsupported",
            output.span,
            format!("`outputs.{name}` comes with a later version of slogen"),
        )
        .help("remove it, or set it to false")
    };
    asked.map(finding).collect()
}

struct Objects<'a> {
    plan: &'a Plan<'a>,
    manifests: Vec<Manifest>,
    findings: Vec<Finding>,
}

impl Objects<'_> {
    fn add<T: Serialize>(&mut self, object: Result<T, String>) {
        self.push(object.and_then(to_value).map(Manifest::new));
    }

    fn push(&mut self, manifest: Result<Manifest, String>) {
        match manifest {
            Ok(manifest) => self.manifests.push(manifest),
            Err(error) => {
                let at = crate::source::Span::start_of(self.plan.spec.file);
                self.findings.push(
                    Finding::error(
                        "internal/bug",
                        at,
                        format!("an object could not be written: {error}"),
                    )
                    .help("this is a bug of slogen; please report it with this file"),
                );
            }
        }
    }
}

/// The one intermediate form of everything typed.
fn to_value<T: Serialize>(object: T) -> Result<Value, String> {
    serde_json::to_value(object).map_err(|error| error.to_string())
}

impl Manifest {
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
