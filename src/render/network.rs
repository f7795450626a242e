//! The NetworkPolicy.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::plan::Plan;
use crate::spec::leaf::Transport;
use crate::spec::validate::HTTP;

use super::metadata;

/// Lets anyone reach the service's ports, and Prometheus alone the port that only serves metrics.
pub(super) fn policy(plan: &Plan<'_>) -> NetworkPolicy {
    let doc = &plan.spec.doc;
    let metrics = &doc.metrics.port.0;
    let port = |name: &str, transport: Transport| NetworkPolicyPort {
        port: Some(IntOrString::String(name.to_owned())),
        protocol: Some(transport.word().to_owned()),
        end_port: None,
    };
    let more = doc
        .service
        .ports
        .iter()
        .flat_map(|ports| ports.iter())
        .filter(|port| port.name.0 != *metrics)
        .map(|more| {
            port(&more.name.0, more.protocol.as_deref().copied().unwrap_or(Transport::Tcp))
        });
    let open = NetworkPolicyIngressRule {
        from: None,
        ports: Some(std::iter::once(port(HTTP, Transport::Tcp)).chain(more).collect()),
    };
    let monitoring = BTreeMap::from([(
        "kubernetes.io/metadata.name".to_owned(),
        doc.metrics.monitoring_namespace.0.clone(),
    )]);
    let scrape = NetworkPolicyIngressRule {
        from: Some(vec![NetworkPolicyPeer {
            namespace_selector: Some(LabelSelector {
                match_labels: Some(monitoring),
                ..LabelSelector::default()
            }),
            ..NetworkPolicyPeer::default()
        }]),
        ports: Some(vec![port(metrics, Transport::Tcp)]),
    };
    NetworkPolicy {
        metadata: metadata::object(plan, &plan.names.service),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(metadata::selector(plan)),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ingress: Some(vec![open, scrape]),
            egress: None,
        }),
    }
}
