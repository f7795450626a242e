//! The ScaledObject and the TriggerAuthentication.

use indexmap::IndexMap;

use crate::kinds::keda::{
    Advanced, AuthenticationRef, AutoscalerConfig, Fallback, ScaleTarget, ScaledObject,
    ScaledObjectSpec, ScalingModifiers, SecretParameter, Trigger, TriggerAuthentication,
    TriggerAuthenticationSpec,
};
use crate::plan::Plan;
use crate::plan::scaling::Autoscaler;
use crate::plan::scaling::keda::{self, Asked, Asks, Auth, AuthKeys, Keda};
use crate::promql;
use crate::spec::leaf::Seconds;
use crate::units::plain;

use super::{autoscaler, metadata};

pub(super) fn scaled_object(plan: &Plan<'_>, autoscaler: &Autoscaler, keda: &Keda) -> ScaledObject {
    let spec = ScaledObjectSpec {
        scale_target_ref: ScaleTarget {
            api_version: Some("apps/v1".to_owned()),
            kind: Some(autoscaler::target_kind(plan).to_owned()),
            name: plan.names.service.clone(),
            ..ScaleTarget::default()
        },
        polling_interval: keda.polling.map(Seconds::get),
        cooldown_period: keda.cooldown.map(Seconds::get),
        idle_replica_count: keda.idle,
        // Always: KEDA's own are 0 and 100.
        min_replica_count: Some(autoscaler.min),
        max_replica_count: Some(autoscaler.max),
        fallback: keda.fallback.as_ref().map(|fallback| Fallback {
            failure_threshold: fallback.failures,
            replicas: fallback.replicas.value,
            behavior: fallback.behavior.map(|behavior| behavior.word().to_owned()),
        }),
        advanced: Some(Advanced {
            horizontal_pod_autoscaler_config: Some(AutoscalerConfig {
                behavior: Some(autoscaler::behavior(autoscaler)),
                ..AutoscalerConfig::default()
            }),
            scaling_modifiers: keda.modifiers.as_ref().map(|modifiers| ScalingModifiers {
                formula: Some(modifiers.formula.clone()),
                target: Some(plain(modifiers.target)),
                metric_type: Some(modifiers.metric_type.word().to_owned()),
                ..ScalingModifiers::default()
            }),
            ..Advanced::default()
        }),
        triggers: keda.triggers.iter().map(|it| trigger(plan, it, keda.auth.as_ref())).collect(),
        ..ScaledObjectSpec::default()
    };
    let metadata = metadata::autoscaler(plan, &plan.names.scaled_object, autoscaler.min);
    ScaledObject::new(metadata, spec)
}

fn trigger(plan: &Plan<'_>, trigger: &keda::Trigger, auth: Option<&Auth>) -> Trigger {
    let (kind, mut metadata) = match &trigger.asks {
        Asks::Prometheus { query, threshold } => {
            let query = match query {
                Asked::Latency { target, millis } => promql::latency(plan, target, *millis),
                Asked::InFlight => promql::in_flight(plan),
                Asked::Written(query) => query.clone(),
            };
            let settings = [
                ("serverAddress", (*plan.spec.doc.scaling.keda.server).clone()),
                ("query", query),
                ("threshold", plain(threshold.value)),
                // Nothing to read is no load of 0 (prometheus_scaler.go): the fallback decides then.
                ("ignoreNullValues", "false".to_owned()),
            ];
            ("prometheus", settings.map(|(key, value)| (key.to_owned(), value)).into())
        }
        Asks::Cpu(percent) => {
            ("cpu", IndexMap::from([("value".to_owned(), percent.value.to_string())]))
        }
        Asks::Written { kind, metadata } => (kind.as_str(), metadata.iter().cloned().collect()),
    };
    let mut authentication = trigger.authentication.clone();
    if let Some(auth) = auth.filter(|_| trigger.with_auth) {
        let modes = match auth.keys {
            AuthKeys::Bearer(_) => "bearer",
            AuthKeys::Basic { .. } => "basic",
        };
        metadata.insert("authModes".to_owned(), modes.to_owned());
        authentication = Some(plan.names.authentication.clone());
    }
    Trigger {
        r#type: kind.to_owned(),
        name: trigger.name.clone(),
        metric_type: Some(trigger.metric_type.word().to_owned()),
        use_cached_metrics: None,
        metadata,
        authentication_ref: authentication.map(|name| AuthenticationRef { name, kind: None }),
    }
}

pub(super) fn authentication(plan: &Plan<'_>, auth: &Auth) -> TriggerAuthentication {
    let parameters = match &auth.keys {
        AuthKeys::Bearer(token) => vec![("bearerToken", token)],
        AuthKeys::Basic { username, password } => {
            vec![("username", username), ("password", password)]
        }
    };
    let parameter = |(parameter, key): (&str, &String)| SecretParameter {
        parameter: parameter.to_owned(),
        name: auth.secret.clone(),
        key: key.clone(),
    };
    let spec = TriggerAuthenticationSpec {
        secret_target_ref: parameters.into_iter().map(parameter).collect(),
        ..TriggerAuthenticationSpec::default()
    };
    TriggerAuthentication::new(metadata::object(plan, &plan.names.authentication), spec)
}
