//! Expressions that look at what rules made, and the series that rules are fed with: both for rule tests.

use crate::plan::Plan;
use crate::plan::slo::Slo;
use crate::units::{Decimal, plain};

use super::{matcher, slo};

/// A metric with its labels, in the order given; an empty label is none.
pub fn series<'a>(name: &str, labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let labels = labels.into_iter().filter(|(_, value)| !value.is_empty());
    let labels: Vec<String> = labels.map(|(label, value)| matcher(label, "=", value)).collect();
    format!("{name}{{{}}}", labels.join(","))
}

/// Every alert that waits or fires.
pub const ALERTS: &str = "ALERTS";

/// A series that a rule recorded, to eight digits: floats are wrong by less.
pub fn recorded(name: &str, slo: &Slo) -> String {
    rounded(&slo::recorded(name, slo))
}

/// `expr` to eight digits.
pub fn rounded(expr: &str) -> String {
    format!("round({expr}, 0.00000001)")
}

/// The label `le` of a bucket as Prometheus stores it.
pub fn le(plan: &Plan<'_>, bound: Decimal) -> String {
    let text = plain(bound);
    let prometheus = *plan.spec.doc.metrics.prometheus;
    if bound.is_integer() && prometheus >= 3 { format!("{text}.0") } else { text }
}
