//! The Deployment or StatefulSet.

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment, StatefulSet,
    StatefulSetSpec, StatefulSetUpdateStrategy,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::plan::Plan;
use crate::plan::scaling::Scaling;
use crate::spec::leaf::Amount;

use super::{metadata, pod};

const ROLLING_UPDATE: &str = "RollingUpdate";

/// What runs the pods.
pub(super) enum Workload {
    /// Interchangeable pods.
    Deployment(Box<Deployment>),
    /// Pods with stable names.
    StatefulSet(Box<StatefulSet>),
}

pub(super) fn workload(plan: &Plan<'_>, metadata: ObjectMeta) -> Workload {
    match &plan.names.headless {
        Some(headless) => Workload::StatefulSet(Box::new(stateful_set(plan, metadata, headless))),
        None => Workload::Deployment(Box::new(deployment(plan, metadata))),
    }
}

/// The replica count, unless an autoscaler owns it: writing it too would reset the fleet at each apply.
fn replicas(plan: &Plan<'_>) -> Option<i32> {
    match plan.scaling {
        Scaling::Fixed(replicas) => Some(replicas),
        Scaling::Auto(_) => None,
    }
}

fn deployment(plan: &Plan<'_>, metadata: ObjectMeta) -> Deployment {
    let rollout = &plan.rollout;
    Deployment {
        metadata,
        spec: Some(DeploymentSpec {
            replicas: replicas(plan),
            selector: metadata::selector(plan),
            strategy: Some(DeploymentStrategy {
                type_: Some(ROLLING_UPDATE.to_owned()),
                rolling_update: Some(RollingUpdateDeployment {
                    max_surge: Some(int_or_string(rollout.max_surge)),
                    max_unavailable: Some(int_or_string(rollout.max_unavailable)),
                }),
            }),
            progress_deadline_seconds: Some(rollout.progress_deadline.value),
            template: pod::template(plan),
            ..DeploymentSpec::default()
        }),
        status: None,
    }
}

fn stateful_set(plan: &Plan<'_>, metadata: ObjectMeta, headless: &str) -> StatefulSet {
    StatefulSet {
        metadata,
        spec: Some(StatefulSetSpec {
            replicas: replicas(plan),
            selector: metadata::selector(plan),
            service_name: Some(headless.to_owned()),
            // Ordered start-up would add one start-up budget per pod to every scale-up.
            pod_management_policy: Some("Parallel".to_owned()),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some(ROLLING_UPDATE.to_owned()),
                rolling_update: None,
            }),
            template: pod::template(plan),
            ..StatefulSetSpec::default()
        }),
        status: None,
    }
}

pub(super) fn int_or_string(amount: Amount) -> IntOrString {
    match amount {
        Amount::Count(count) => IntOrString::Int(count),
        Amount::Percent(_) => IntOrString::String(amount.to_string()),
    }
}
