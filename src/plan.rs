//! From a valid description to decided numbers: nothing here is Kubernetes-shaped yet.
//!
//! What the user or a profile wrote is taken from the [`Spec`] as it is; what follows from other values is a
//! [`Decided`] with its formula, so that `--why` can print the chain.

pub mod availability;
pub mod names;
pub mod probes;
pub mod rollout;
pub mod scaling;
pub mod slo;
pub mod targets;

use std::fmt;

use crate::source::{Files, Span};
use crate::spec::Spec;
use crate::tree::{Layer, Node, Table, Value};

/// A value with the reason for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub why: Why,
}

/// Where a decided value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Written, and in the tree of the spec already.
    Written,
    /// Follows from other values: the formula with its inputs.
    Derived(String),
}

impl<T> Decided<T> {
    /// A value that somebody wrote.
    pub fn written(value: T) -> Self {
        Self { value, why: Why::Written }
    }

    /// A value that follows by `formula`.
    pub fn derived(value: T, formula: impl Into<String>) -> Self {
        Self { value, why: Why::Derived(formula.into()) }
    }
}

/// Everything that `render` needs to know.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The description, for what is passed on as it is.
    pub spec: &'a Spec,
    /// Names of all objects.
    pub names: names::Names,
    /// Targets with the metrics that measure them.
    pub targets: targets::Targets,
    /// How Prometheus sees the service.
    pub scrape: targets::Scrape,
    /// Objectives with their error budgets.
    pub slos: Vec<slo::Slo>,
    /// How long conditions of alerts must hold.
    pub holds: slo::Holds,
    /// How many pods run.
    pub scaling: scaling::Scaling,
    /// The three probes.
    pub probes: probes::Probes,
    /// How versions and pods are replaced.
    pub rollout: rollout::Rollout,
    /// How pods are spread and protected.
    pub availability: availability::Availability,
}

impl<'a> Plan<'a> {
    /// Decides every number.
    pub fn new(spec: &'a Spec) -> Self {
        let doc = &spec.doc;
        let names = names::Names::new(doc);
        let scrape = targets::Scrape::new(doc, &names);
        let targets = targets::Targets::new(doc, &scrape);
        let probes = probes::Probes::new(doc);
        let scaling = scaling::Scaling::new(doc, &targets);
        Self {
            slos: slo::Slo::all(doc, &targets),
            holds: slo::Holds::new(doc, &scaling, &probes),
            scaling,
            rollout: rollout::Rollout::new(doc, &probes),
            availability: availability::Availability::new(doc),
            spec,
            names,
            targets,
            scrape,
            probes,
        }
    }

    /// Where every value comes from: what was written, in the order of the file, then what was derived.
    pub fn why(&self, files: &Files) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for (key, node) in &self.spec.tree {
            if !matches!(key.as_str(), "profile" | "patch" | "lint") {
                written(key, node, files, &mut reasons);
            }
        }
        let mut derived = Derived(Vec::new());
        self.scrape.why(&mut derived);
        self.targets.why(&mut derived);
        self.scaling.why(&mut derived);
        self.probes.why(&mut derived);
        self.rollout.why(&mut derived);
        self.holds.why(&mut derived);
        slo::why_left_out(&self.spec.doc, &mut derived);
        reasons.append(&mut derived.0);
        reasons
    }
}

/// One line of `--why`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Key in slo.toml, or a name in the emitted objects.
    pub what: String,
    /// The value.
    pub value: String,
    /// Where it came from.
    pub from: String,
}

/// Gathers derived values; written ones are in the spec's tree already.
#[derive(Debug)]
pub struct Derived(Vec<Reason>);

impl Derived {
    /// Adds `decided` as `what`, if it was derived.
    pub fn add<T: fmt::Display>(&mut self, what: &str, decided: &Decided<T>) {
        if let Why::Derived(formula) = &decided.why {
            self.0.push(Reason {
                what: what.to_owned(),
                value: decided.value.to_string(),
                from: format!("derived: {formula}"),
            });
        }
    }
}

fn written(key: &str, node: &Node, files: &Files, reasons: &mut Vec<Reason>) {
    let push = |reasons: &mut Vec<Reason>, what: String, value: String, node: &Node| {
        reasons.push(Reason { what, value, from: origin(node.layer, node.span, files) });
    };
    match &node.value {
        Value::Table(table) => nested(key, table, files, reasons),
        Value::Array(items) if items.iter().any(|item| matches!(item.value, Value::Table(_))) => {
            for (index, item) in items.iter().enumerate() {
                written(&format!("{key}[{index}]"), item, files, reasons);
            }
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(shown).collect();
            push(reasons, key.to_owned(), format!("[{}]", items.join(", ")), node);
        }
        _ => push(reasons, key.to_owned(), shown(node), node),
    }
}

fn nested(key: &str, table: &Table, files: &Files, reasons: &mut Vec<Reason>) {
    for (inner, node) in table {
        written(&format!("{key}.{inner}"), node, files, reasons);
    }
}

fn shown(node: &Node) -> String {
    match &node.value {
        Value::String(text) => text.escape_debug().to_string(),
        Value::Float(number) => crate::units::plain(*number),
        _ => node.to_json().to_string(),
    }
}

fn origin(layer: Layer, span: Span, files: &Files) -> String {
    let place = files.line_of(span);
    match layer {
        Layer::Overlay => format!("{place} (overlay)"),
        Layer::File | Layer::Profile(_) => place,
    }
}
