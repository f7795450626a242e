//! Services and the ServiceAccount.

use k8s_openapi::api::core::v1::{Service, ServiceAccount, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::plan::Plan;
use crate::spec::leaf::{Protocol, Transport};
use crate::spec::validate::HTTP;

use super::metadata;

pub(super) fn service(plan: &Plan<'_>) -> Service {
    Service {
        metadata: metadata::object(plan, &plan.names.service),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            selector: Some(metadata::selector_labels(plan)),
            ports: Some(ports(plan)),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

/// The Service that gives a StatefulSet's pods their names, ready or not: peers find each other while they start.
pub(super) fn headless(plan: &Plan<'_>) -> Option<Service> {
    let name = plan.names.headless.as_ref()?;
    Some(Service {
        metadata: metadata::headless(plan, name),
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".to_owned()),
            publish_not_ready_addresses: Some(true),
            selector: Some(metadata::selector_labels(plan)),
            ports: Some(ports(plan)),
            ..ServiceSpec::default()
        }),
        status: None,
    })
}

pub(super) fn account(plan: &Plan<'_>) -> ServiceAccount {
    let name = plan.names.service_account.as_ref().unwrap_or(&plan.names.service);
    ServiceAccount { metadata: metadata::object(plan, name), ..ServiceAccount::default() }
}

fn ports(plan: &Plan<'_>) -> Vec<ServicePort> {
    let service = &plan.spec.doc.service;
    let grpc = *service.protocol == Protocol::Grpc;
    let port = |name: &str, number: u16, transport: Transport| ServicePort {
        // Meshes go by the port's name, `http`, unless told otherwise.
        app_protocol: (grpc && name == HTTP).then(|| "grpc".to_owned()),
        name: Some(name.to_owned()),
        port: i32::from(number),
        protocol: Some(transport.word().to_owned()),
        target_port: Some(IntOrString::String(name.to_owned())),
        ..ServicePort::default()
    };
    let more = service.ports.iter().flat_map(|ports| ports.iter()).map(|more| {
        port(&more.name.0, more.port.0, more.protocol.as_deref().copied().unwrap_or(Transport::Tcp))
    });
    std::iter::once(port(HTTP, service.port.0, Transport::Tcp)).chain(more).collect()
}
