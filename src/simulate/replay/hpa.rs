//! The `spec` of a HorizontalPodAutoscaler in JSON: read, held to what the API server accepts
//! (`pkg/apis/autoscaling/validation/validation.go`), and filled with defaults (`pkg/apis/autoscaling/v2/defaults.go`).

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Deserialize;

use super::problem::Problem;
use crate::simulate::controller::spec::{
    Behavior, Metric, Policy, PolicyKind, Rules, Select, Source, Spec, Target,
};
use crate::units::quantity;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Raw {
    min_replicas: Option<i32>,
    max_replicas: Option<i32>,
    metrics: Option<Vec<RawMetric>>,
    behavior: Option<RawBehavior>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawMetric {
    r#type: String,
    resource: Option<RawSource>,
    container_resource: Option<RawSource>,
    pods: Option<RawSource>,
    object: Option<RawSource>,
    external: Option<RawSource>,
}

#[derive(Deserialize)]
struct RawSource {
    name: Option<String>,
    container: Option<String>,
    metric: Option<RawName>,
    target: RawTarget,
}

#[derive(Deserialize)]
struct RawName {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawTarget {
    r#type: String,
    average_utilization: Option<i32>,
    average_value: Option<Quantity>,
    value: Option<Quantity>,
}

/// Quantities are strings or numbers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Quantity {
    Text(String),
    Number(serde_json::Number),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawBehavior {
    scale_up: Option<RawRules>,
    scale_down: Option<RawRules>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRules {
    stabilization_window_seconds: Option<i32>,
    select_policy: Option<String>,
    policies: Option<Vec<RawPolicy>>,
    tolerance: Option<Quantity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPolicy {
    r#type: String,
    value: i32,
    period_seconds: i32,
}

impl Raw {
    /// The spec with defaults; `at` is the path of the field.
    pub(super) fn spec(self, at: &str) -> Result<Spec, Problem> {
        let min = self.min_replicas.unwrap_or(Spec::DEFAULT_MIN);
        let wrong =
            |field: &str, message: String| Err(Problem::at(format!("{at}.{field}"), message));
        if min < 0 {
            return wrong("minReplicas", format!("`{min}` is less than none"));
        }
        let Some(max) = self.max_replicas else {
            return wrong("maxReplicas", "is missing; the API server requires it".to_owned());
        };
        if max < 1 {
            return wrong("maxReplicas", format!("`{max}` is not even one replica"));
        }
        if max < min {
            return wrong("maxReplicas", format!("`{max}` is less than `minReplicas`, {min}"));
        }
        let mut metrics = Vec::new();
        for (index, metric) in self.metrics.into_iter().flatten().enumerate() {
            metrics.push(metric.metric(&format!("{at}.metrics[{index}]"))?);
        }
        if metrics.is_empty() {
            metrics.push(Metric::default());
        }
        let behavior = self.behavior.map(|behavior| {
            Ok(Behavior {
                up: rules(behavior.scale_up, &format!("{at}.behavior.scaleUp"))?,
                down: rules(behavior.scale_down, &format!("{at}.behavior.scaleDown"))?,
            })
        });
        Ok(Spec { min, max, metrics, behavior: behavior.transpose()? })
    }
}

impl RawMetric {
    fn metric(self, at: &str) -> Result<Metric, Problem> {
        let (field, source) = match self.r#type.as_str() {
            "Resource" => ("resource", self.resource),
            "ContainerResource" => ("containerResource", self.container_resource),
            "Pods" => ("pods", self.pods),
            "Object" => ("object", self.object),
            "External" => ("external", self.external),
            other => {
                let message = format!(
                    "`{other}` is no type of metric; there are Resource, ContainerResource, Pods, Object and External"
                );
                return Err(Problem::at(format!("{at}.type"), message));
            }
        };
        let at = format!("{at}.{field}");
        let required = |field: &str| Problem::at(format!("{at}.{field}"), "is missing".to_owned());
        let Some(source) = source else {
            return Err(Problem::at(at, format!("is missing, though `type` is {}", self.r#type)));
        };
        let target = source.target.read(&format!("{at}.target"))?;
        let RawSource { name, container, metric, .. } = source;
        let metric = metric.map(|metric| metric.name);
        let utilization = target.utilization.map(Target::Utilization);
        let average_value = target.average_value.map(Target::AverageValue);
        let value = target.value.map(Target::Value);
        let (source, target) = match field {
            "resource" | "containerResource" => {
                let name = name.ok_or_else(|| required("name"))?;
                let source = if field == "resource" {
                    Source::Resource { name }
                } else {
                    let container = container.ok_or_else(|| required("container"))?;
                    Source::ContainerResource { name, container }
                };
                (source, average_value.or(utilization))
            }
            "pods" => {
                (Source::Pods { name: metric.ok_or_else(|| required("metric"))? }, average_value)
            }
            "external" => (
                Source::External { name: metric.ok_or_else(|| required("metric"))? },
                average_value.or(value),
            ),
            _ => {
                // Here alone `target.type` decides, whatever is set beside it.
                let target = match source.target.r#type.as_str() {
                    "Value" => value,
                    "AverageValue" => average_value,
                    _ => None,
                };
                let name = metric.ok_or_else(|| required("metric"))?;
                (Source::Object { name }, target.or(Some(Target::Unset)))
            }
        };
        let Some(target) = target else {
            let message = format!("sets nothing that a metric of type {} knows", self.r#type);
            return Err(Problem::at(format!("{at}.target"), message));
        };
        Ok(Metric { source, target })
    }
}

/// What a target sets: percent, and thousandths.
struct Amounts {
    utilization: Option<i32>,
    average_value: Option<i64>,
    value: Option<i64>,
}

impl RawTarget {
    /// `averageUtilization`, `averageValue` and `value`, each above nothing.
    fn read(&self, at: &str) -> Result<Amounts, Problem> {
        if !matches!(self.r#type.as_str(), "Utilization" | "AverageValue" | "Value") {
            let message = format!(
                "`{}` is no type of target; there are Utilization, AverageValue and Value",
                self.r#type
            );
            return Err(Problem::at(format!("{at}.type"), message));
        }
        if let Some(percent) = self.average_utilization.filter(|percent| *percent < 1) {
            let message = format!("`{percent}` is not even one percent");
            return Err(Problem::at(format!("{at}.averageUtilization"), message));
        }
        let amount = |field: &str, amount: Option<&Quantity>| match amount {
            Some(amount) => amount.thousandths(&format!("{at}.{field}")).map(Some),
            None => Ok(None),
        };
        Ok(Amounts {
            utilization: self.average_utilization,
            average_value: amount("averageValue", self.average_value.as_ref())?,
            value: amount("value", self.value.as_ref())?,
        })
    }
}

impl Quantity {
    fn exact(&self, at: &str) -> Result<Decimal, Problem> {
        let text = match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
        };
        quantity(&text).ok_or_else(|| {
            let message = format!("`{text}` is no quantity; write a number such as `350m` or `10`");
            Problem::at(at.to_owned(), message)
        })
    }

    /// `MilliValue` of apimachinery, which rounds up.
    fn thousandths(&self, at: &str) -> Result<i64, Problem> {
        let exact = self.exact(at)?;
        if exact <= Decimal::ZERO {
            return Err(Problem::at(at.to_owned(), format!("`{exact}` is not above 0")));
        }
        let thousandths = exact.checked_mul(Decimal::ONE_THOUSAND);
        thousandths.and_then(|amount| amount.ceil().to_i64()).ok_or_else(|| {
            let message = format!("`{exact}` is more than the controller can count in thousandths");
            Problem::at(at.to_owned(), message)
        })
    }

    /// `AsApproximateFloat64` of apimachinery, of the form in which the API server keeps a quantity: a whole number of
    /// units, thousandths, millionths or billionths. Its float is that number times a power of ten.
    fn approximate(&self, at: &str) -> Result<f64, Problem> {
        let exact = self.exact(at)?;
        if exact < Decimal::ZERO {
            return Err(Problem::at(at.to_owned(), format!("`{exact}` is below 0")));
        }
        if exact > Decimal::ONE_THOUSAND {
            let message =
                format!("`{exact}` would accept any ratio up to as many times the target");
            return Err(Problem::at(at.to_owned(), message));
        }
        let mut kept = exact;
        for power in [1.0, 1e-3, 1e-6] {
            if kept.is_integer() {
                return Ok(kept.to_f64().unwrap_or(f64::MAX) * power);
            }
            kept *= Decimal::ONE_THOUSAND;
        }
        Ok(kept.ceil().to_f64().unwrap_or(f64::MAX) * 1e-9)
    }
}

/// One direction of `behavior`, each field that is not set by default.
fn rules<const UP: bool>(raw: Option<RawRules>, at: &str) -> Result<Rules<UP>, Problem>
where
    Rules<UP>: Default,
{
    let mut rules = Rules::default();
    let Some(raw) = raw else { return Ok(rules) };
    let field = |field: &str| format!("{at}.{field}");
    if let Some(window) = raw.stabilization_window_seconds {
        if !(0..=3600).contains(&window) {
            let message = format!("`{window}` is outside 0 to 3600");
            return Err(Problem::at(field("stabilizationWindowSeconds"), message));
        }
        rules.window_s = Some(window);
    }
    rules.select = match raw.select_policy.as_deref() {
        None => rules.select,
        Some("Max") => Select::Max,
        Some("Min") => Select::Min,
        Some("Disabled") => Select::Disabled,
        Some(other) => {
            let message = format!("`{other}` is none of Max, Min and Disabled");
            return Err(Problem::at(field("selectPolicy"), message));
        }
    };
    if let Some(policies) = raw.policies {
        if policies.is_empty() {
            let message = "is empty; leave it out for the defaults".to_owned();
            return Err(Problem::at(field("policies"), message));
        }
        rules.policies.clear();
        for (index, policy) in policies.into_iter().enumerate() {
            rules.policies.push(policy.policy(&field(&format!("policies[{index}]")))?);
        }
    }
    if let Some(tolerance) = raw.tolerance {
        rules.tolerance = Some(tolerance.approximate(&field("tolerance"))?);
    }
    Ok(rules)
}

impl RawPolicy {
    fn policy(self, at: &str) -> Result<Policy, Problem> {
        let kind = match self.r#type.as_str() {
            "Pods" => PolicyKind::Pods,
            "Percent" => PolicyKind::Percent,
            other => {
                let message = format!("`{other}` is neither Pods nor Percent");
                return Err(Problem::at(format!("{at}.type"), message));
            }
        };
        if self.value < 1 {
            let message = format!("`{}` allows no change", self.value);
            return Err(Problem::at(format!("{at}.value"), message));
        }
        if !(1..=1800).contains(&self.period_seconds) {
            let message = format!("`{}` is outside 1 to 1800", self.period_seconds);
            return Err(Problem::at(format!("{at}.periodSeconds"), message));
        }
        Ok(Policy { kind, value: self.value, period_s: self.period_seconds })
    }
}
