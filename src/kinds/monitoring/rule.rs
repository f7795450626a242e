//! What a `PrometheusRule` holds.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::DURATION;
use crate::kinds::IntOrString;

/// The rules of a `PrometheusRule`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrometheusRuleSpec {
    /// Groups of rules, which are evaluated independently of each other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<RuleGroup>,
}

/// Rules that are evaluated together, in their order.
// The operator copies groups and rules into Prometheus' own file, hence its snake case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleGroup {
    /// Name, unique within the object.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Time between two evaluations; by default Prometheus' own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = DURATION))]
    pub interval: Option<String>,
    /// How far back in time to evaluate, for data that arrives late.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = DURATION))]
    pub query_offset: Option<String>,
    /// Most alerts or series that a rule may yield; above it, the rule fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// Whether Thanos Ruler accepts an incomplete answer (`warn`) or fails (`abort`).
    // The CRD's `(?i)` is spelt out: ECMA 262, which editors use, lacks it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^([aA][bB][oO][rR][tT]|[wW][aA][rR][nN])?$"))]
    pub partial_response_strategy: Option<String>,
    /// Labels for the results of all rules; a rule's own take precedence.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The rules; a later one sees the results of earlier ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

/// An alerting rule (`alert` is set) or a recording rule (`record` is set).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Name of the alert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// Name of the series that receives the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// The `PromQL` expression.
    pub expr: IntOrString,
    /// How long the expression must hold before the alert fires.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = DURATION))]
    pub r#for: Option<String>,
    /// How long the alert fires on after the expression ceased to hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1), regex(pattern = DURATION))]
    pub keep_firing_for: Option<String>,
    /// Labels of the alert or the series.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Texts that accompany the alert.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}
