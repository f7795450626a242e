//! The PodDisruptionBudget.

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};

use crate::plan::Plan;
use crate::plan::availability::Bound;

use super::metadata;
use super::workload::int_or_string;

pub(super) fn budget(plan: &Plan<'_>) -> Option<PodDisruptionBudget> {
    let (max, min) = match plan.availability.pdb.as_ref()? {
        Bound::MaxUnavailable(amount) => (Some(int_or_string(*amount)), None),
        Bound::MinAvailable(amount) => (None, Some(int_or_string(*amount))),
    };
    Some(PodDisruptionBudget {
        metadata: metadata::object(plan, &plan.names.service),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: max,
            min_available: min,
            selector: Some(metadata::selector(plan)),
            ..PodDisruptionBudgetSpec::default()
        }),
        status: None,
    })
}
