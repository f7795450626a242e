//! The HorizontalPodAutoscaler.

use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscaler,
    HorizontalPodAutoscalerBehavior, HorizontalPodAutoscalerSpec, MetricIdentifier, MetricSpec,
    MetricTarget, PodsMetricSource, ResourceMetricSource,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::plan::Plan;
use crate::plan::scaling::{Autoscaler, Direction, Metric};
use crate::spec::leaf::{Amount, Select};
use crate::units::{Ratio, quantity};

use super::metadata;

pub(super) fn hpa(
    plan: &Plan<'_>,
    autoscaler: &Autoscaler,
    metrics: &[Metric],
) -> HorizontalPodAutoscaler {
    HorizontalPodAutoscaler {
        metadata: metadata::autoscaler(plan, &plan.names.hpa, autoscaler.min),
        spec: HorizontalPodAutoscalerSpec {
            scale_target_ref: CrossVersionObjectReference {
                api_version: Some("apps/v1".to_owned()),
                kind: target_kind(plan).to_owned(),
                name: plan.names.service.clone(),
            },
            min_replicas: Some(autoscaler.min),
            max_replicas: autoscaler.max,
            metrics: Some(metrics.iter().map(metric).collect()),
            behavior: Some(behavior(autoscaler)),
        },
        status: None,
    }
}

/// Kind of the workload that is scaled.
pub(super) fn target_kind(plan: &Plan<'_>) -> &'static str {
    if plan.names.headless.is_some() { "StatefulSet" } else { "Deployment" }
}

fn metric(metric: &Metric) -> MetricSpec {
    match metric {
        Metric::Pods { name, average, .. } => MetricSpec {
            type_: "Pods".to_owned(),
            pods: Some(PodsMetricSource {
                metric: MetricIdentifier { name: name.clone(), selector: None },
                target: MetricTarget {
                    type_: "AverageValue".to_owned(),
                    average_value: Some(Quantity(average.value.clone())),
                    ..MetricTarget::default()
                },
            }),
            ..MetricSpec::default()
        },
        Metric::Cpu(percent) => MetricSpec {
            type_: "Resource".to_owned(),
            resource: Some(ResourceMetricSource {
                name: "cpu".to_owned(),
                target: MetricTarget {
                    type_: "Utilization".to_owned(),
                    average_utilization: Some(percent.value),
                    ..MetricTarget::default()
                },
            }),
            ..MetricSpec::default()
        },
    }
}

/// Both directions, always: one alone would fill the other with Kubernetes' defaults.
pub(super) fn behavior(autoscaler: &Autoscaler) -> HorizontalPodAutoscalerBehavior {
    HorizontalPodAutoscalerBehavior {
        scale_up: Some(direction(&autoscaler.up, autoscaler.tolerance)),
        scale_down: Some(direction(&autoscaler.down, autoscaler.tolerance)),
    }
}

fn direction(direction: &Direction, tolerance: Option<Ratio>) -> HPAScalingRules {
    let policies = direction.policies.iter().map(|policy| {
        let (type_, value) = match policy.amount {
            Amount::Count(count) => ("Pods", count),
            Amount::Percent(percent) => ("Percent", percent),
        };
        HPAScalingPolicy { type_: type_.to_owned(), value, period_seconds: policy.period.get() }
    });
    let select = match direction.select {
        Select::Max => "Max",
        Select::Min => "Min",
        Select::Disabled => "Disabled",
    };
    HPAScalingRules {
        policies: Some(policies.collect()),
        select_policy: Some(select.to_owned()),
        stabilization_window_seconds: Some(direction.stabilization.get()),
        tolerance: tolerance.map(|tolerance| Quantity(quantity::milli(tolerance.value()))),
    }
}
