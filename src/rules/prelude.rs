//! What a rule file needs.

#[allow(unused_imports, reason = "each rule takes what it needs")]
pub(crate) use crate::cluster::*;
#[allow(unused_imports, reason = "each rule takes what it needs")]
pub(crate) use crate::finding::Severity::{Error, Info, Warning};
#[allow(unused_imports, reason = "each rule takes what it needs")]
pub(crate) use crate::finding::{Safety, nearest};
#[allow(unused_imports, reason = "each rule takes what it needs")]
pub(crate) use crate::rules::context::edit;
#[allow(unused_imports, reason = "each rule takes what it needs")]
pub(crate) use crate::rules::policy::{self, Admission, Policy, Variable, findings};
#[allow(unused_imports, reason = "each rule takes what it needs")]
pub(crate) use crate::rules::{Ctx, FixKind, Preset, Rule};
#[allow(unused_imports, reason = "each rule takes what it needs")]
pub(crate) use crate::units::{Decimal, Duration};
#[allow(unused_imports, reason = "each rule takes what it needs")]
pub(crate) use crate::yaml::Place;
