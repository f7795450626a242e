//! The pod template.

use k8s_openapi::api::core::v1::{
    Affinity, Capabilities, ConfigMapEnvSource, ConfigMapKeySelector, ConfigMapVolumeSource,
    Container, ContainerPort, EmptyDirVolumeSource, EnvFromSource, EnvVar, EnvVarSource,
    ExecAction, GRPCAction, HTTPGetAction, Lifecycle, LifecycleHandler, LocalObjectReference,
    ObjectFieldSelector, PersistentVolumeClaimVolumeSource, PodAffinityTerm, PodAntiAffinity,
    PodSecurityContext, PodSpec, PodTemplateSpec, Probe, ResourceRequirements, SeccompProfile,
    SecretEnvSource, SecretKeySelector, SecretVolumeSource, SecurityContext, SleepAction,
    TCPSocketAction, Toleration, TopologySpreadConstraint, Volume, VolumeMount,
    WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::plan::Plan;
use crate::plan::probes;
use crate::spec::decode::{List, Sourced};
use crate::spec::handler::Handler;
use crate::spec::leaf::{AntiAffinity, PortRef, Spread, Subdomain, Transport};
use crate::spec::tables::{self, Amounts, EnvValue};
use crate::spec::validate::HTTP;

use super::metadata;

const HOSTNAME: &str = "kubernetes.io/hostname";
const ZONE: &str = "topology.kubernetes.io/zone";

pub(super) fn template(plan: &Plan<'_>) -> PodTemplateSpec {
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(metadata::pod_labels(plan)),
            annotations: metadata::pod_annotations(plan),
            ..ObjectMeta::default()
        }),
        spec: Some(spec(plan)),
    }
}

fn spec(plan: &Plan<'_>) -> PodSpec {
    let service = &plan.spec.doc.service;
    PodSpec {
        affinity: affinity(plan),
        containers: vec![container(plan)],
        image_pull_secrets: service.image_pull_secrets.as_ref().map(|secrets| {
            secrets.iter().map(|secret| LocalObjectReference { name: secret.0.clone() }).collect()
        }),
        node_selector: service.node_selector.as_ref().map(|labels| {
            labels.iter().map(|(key, value)| (key.clone(), value.0.clone())).collect()
        }),
        priority_class_name: service.priority_class.as_ref().map(|class| class.0.clone()),
        security_context: Some(pod_security(&service.security)),
        service_account_name: plan.names.service_account.clone(),
        // The namespace's default account is nobody's: its token would only help an intruder.
        automount_service_account_token: plan.names.service_account.is_none().then_some(false),
        // Variables such as SHOP_PORT, made from other Services' names, are a trap for the application's own.
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(i64::from(plan.rollout.termination_grace.value)),
        tolerations: service
            .tolerations
            .as_ref()
            .map(|list| list.iter().map(|t| toleration(t)).collect()),
        topology_spread_constraints: some(
            plan.availability.spread.iter().map(|spread| constraint(*spread, plan)).collect(),
        ),
        volumes: some(volumes(plan).into_iter().map(|(volume, _)| volume).collect()),
        ..PodSpec::default()
    }
}

fn container(plan: &Plan<'_>) -> Container {
    let doc = &plan.spec.doc;
    let service = &doc.service;
    Container {
        name: plan.names.service.clone(),
        image: Some(service.image.as_str().to_owned()),
        image_pull_policy: service
            .image_pull_policy
            .as_ref()
            .map(|policy| policy.word().to_owned()),
        command: texts(service.command.as_ref()),
        args: texts(service.args.as_ref()),
        env: service
            .env
            .as_ref()
            .map(|env| env.iter().map(|(name, value)| variable(name, value)).collect()),
        env_from: service
            .env_from
            .as_ref()
            .map(|sources| sources.iter().map(|source| env_source(source)).collect()),
        ports: Some(ports(service)),
        resources: Some(ResourceRequirements {
            requests: Some(amounts(&doc.resources.requests)),
            limits: Some(amounts(&doc.resources.limits)),
            ..ResourceRequirements::default()
        }),
        startup_probe: Some(probe(&plan.probes.startup)),
        readiness_probe: Some(probe(&plan.probes.readiness)),
        liveness_probe: Some(probe(&plan.probes.liveness)),
        lifecycle: (plan.rollout.drain > 0).then(|| Lifecycle {
            pre_stop: Some(LifecycleHandler {
                sleep: Some(SleepAction { seconds: i64::from(plan.rollout.drain) }),
                ..LifecycleHandler::default()
            }),
            ..Lifecycle::default()
        }),
        security_context: Some(container_security(&service.security)),
        volume_mounts: some(volumes(plan).into_iter().map(|(_, mount)| mount).collect()),
        ..Container::default()
    }
}

/// Empty lists are left out.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn texts(list: Option<&Sourced<List<String>>>) -> Option<Vec<String>> {
    list.map(|list| list.iter().map(|text| (**text).clone()).collect())
}

fn ports(service: &tables::Service) -> Vec<ContainerPort> {
    let own = ContainerPort {
        name: Some(HTTP.to_owned()),
        container_port: i32::from(service.port.0),
        protocol: Some(Transport::Tcp.word().to_owned()),
        ..ContainerPort::default()
    };
    let more = service.ports.iter().flat_map(|ports| ports.iter()).map(|port| ContainerPort {
        name: Some(port.name.0.clone()),
        container_port: i32::from(port.port.0),
        protocol: Some(
            port.protocol.as_deref().copied().unwrap_or(Transport::Tcp).word().to_owned(),
        ),
        ..ContainerPort::default()
    });
    std::iter::once(own).chain(more).collect()
}

fn variable(name: &str, value: &EnvValue) -> EnvVar {
    let mut variable = EnvVar { name: name.to_owned(), ..EnvVar::default() };
    let mut source = EnvVarSource::default();
    match value {
        EnvValue::Literal(text) => {
            variable.value = Some(text.clone());
            return variable;
        }
        EnvValue::Secret { name, key } => {
            source.secret_key_ref =
                Some(SecretKeySelector { name: name.clone(), key: key.clone(), optional: None });
        }
        EnvValue::ConfigMap { name, key } => {
            source.config_map_key_ref =
                Some(ConfigMapKeySelector { name: name.clone(), key: key.clone(), optional: None });
        }
        EnvValue::Field(path) => {
            source.field_ref =
                Some(ObjectFieldSelector { field_path: path.clone(), api_version: None });
        }
    }
    variable.value_from = Some(source);
    variable
}

fn env_source(source: &tables::EnvSource) -> EnvFromSource {
    let name = |name: &Sourced<Subdomain>| name.0.clone();
    EnvFromSource {
        secret_ref: source
            .secret
            .as_ref()
            .map(|secret| SecretEnvSource { name: name(secret), optional: None }),
        config_map_ref: source
            .config_map
            .as_ref()
            .map(|map| ConfigMapEnvSource { name: name(map), optional: None }),
        prefix: source.prefix.as_ref().map(|prefix| (**prefix).clone()),
    }
}

fn amounts(amounts: &Amounts) -> std::collections::BTreeMap<String, Quantity> {
    let cpu = amounts.cpu.as_ref().map(|cpu| ("cpu", cpu.to_string()));
    let memory = amounts.memory.as_ref().map(|memory| ("memory", memory.to_string()));
    let storage = amounts
        .ephemeral_storage
        .as_ref()
        .map(|storage| ("ephemeral-storage", storage.to_string()));
    [cpu, memory, storage]
        .into_iter()
        .flatten()
        .map(|(name, amount)| (name.to_owned(), Quantity(amount)))
        .collect()
}

fn port(port: &PortRef) -> IntOrString {
    match port {
        PortRef::Number(number) => IntOrString::Int(i32::from(*number)),
        PortRef::Name(name) => IntOrString::String(name.clone()),
    }
}

fn probe(plan: &probes::Probe) -> Probe {
    let mut probe = Probe {
        period_seconds: Some(plan.period),
        timeout_seconds: Some(plan.timeout.value),
        failure_threshold: Some(plan.failures),
        success_threshold: plan.successes,
        initial_delay_seconds: plan.initial_delay,
        ..Probe::default()
    };
    match &plan.handler {
        Handler::Path(path, at) => {
            probe.http_get = Some(HTTPGetAction {
                path: Some(path.clone()),
                port: port(at),
                ..HTTPGetAction::default()
            });
        }
        Handler::Tcp(at) => {
            probe.tcp_socket =
                Some(TCPSocketAction { port: port(at), ..TCPSocketAction::default() });
        }
        Handler::Grpc(number, service) => {
            probe.grpc = Some(GRPCAction { port: i32::from(*number), service: service.clone() });
        }
        Handler::Exec(argv) => probe.exec = Some(ExecAction { command: Some(argv.clone()) }),
    }
    probe
}

fn pod_security(security: &tables::Security) -> PodSecurityContext {
    let id = |id: &Option<Sourced<u32>>| id.as_ref().map(|id| i64::from(**id));
    PodSecurityContext {
        run_as_non_root: Some(*security.run_as_non_root),
        run_as_user: id(&security.run_as_user),
        run_as_group: id(&security.run_as_group),
        fs_group: id(&security.fs_group),
        seccomp_profile: Some(SeccompProfile {
            type_: security.seccomp.word().to_owned(),
            localhost_profile: None,
        }),
        ..PodSecurityContext::default()
    }
}

fn container_security(security: &tables::Security) -> SecurityContext {
    let list = |list: &List<String>| some(list.iter().map(|text| (**text).clone()).collect());
    SecurityContext {
        allow_privilege_escalation: Some(*security.allow_privilege_escalation),
        read_only_root_filesystem: Some(*security.read_only_root_filesystem),
        capabilities: Some(Capabilities {
            add: list(&security.add_capabilities),
            drop: list(&security.drop_capabilities),
        }),
        ..SecurityContext::default()
    }
}

/// Pods of one service on one node go down together: keep them apart.
fn affinity(plan: &Plan<'_>) -> Option<Affinity> {
    let term = PodAffinityTerm {
        label_selector: Some(metadata::selector(plan)),
        topology_key: HOSTNAME.to_owned(),
        ..PodAffinityTerm::default()
    };
    let mut anti = PodAntiAffinity::default();
    match plan.availability.anti_affinity {
        AntiAffinity::Preferred => {
            let weighted = WeightedPodAffinityTerm { weight: 100, pod_affinity_term: term };
            anti.preferred_during_scheduling_ignored_during_execution = Some(vec![weighted]);
        }
        AntiAffinity::Required => {
            anti.required_during_scheduling_ignored_during_execution = Some(vec![term]);
        }
        AntiAffinity::Off => return None,
    }
    Some(Affinity { pod_anti_affinity: Some(anti), ..Affinity::default() })
}

fn constraint(spread: Spread, plan: &Plan<'_>) -> TopologySpreadConstraint {
    TopologySpreadConstraint {
        label_selector: Some(metadata::selector(plan)),
        max_skew: 1,
        topology_key: match spread {
            Spread::Zone => ZONE.to_owned(),
            Spread::Node => HOSTNAME.to_owned(),
        },
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        ..TopologySpreadConstraint::default()
    }
}

fn toleration(toleration: &tables::Toleration) -> Toleration {
    Toleration {
        key: toleration.key.as_ref().map(|key| (**key).clone()),
        operator: Some(if toleration.value.is_some() { "Equal" } else { "Exists" }.to_owned()),
        value: toleration.value.as_ref().map(|value| value.0.clone()),
        effect: toleration.effect.as_ref().map(|effect| effect.word().to_owned()),
        toleration_seconds: toleration.seconds.as_ref().map(|seconds| i64::from(seconds.get())),
    }
}

const TMP: &str = "/tmp";

/// Volumes with their mounts. A read-only root file system gets a writable `/tmp`, which nearly everything needs.
fn volumes(plan: &Plan<'_>) -> Vec<(Volume, VolumeMount)> {
    let service = &plan.spec.doc.service;
    let mut volumes: Vec<_> = service
        .volumes
        .iter()
        .flat_map(|volumes| volumes.iter())
        .map(|table| volume(table))
        .collect();
    let mounted = volumes.iter().any(|(_, mount)| mount.mount_path == TMP);
    if *service.security.read_only_root_filesystem && !mounted {
        let taken = volumes.iter().any(|(volume, _)| volume.name == "tmp");
        let name = if taken { "slogen-tmp" } else { "tmp" };
        let volume = Volume {
            name: name.to_owned(),
            empty_dir: Some(EmptyDirVolumeSource::default()),
            ..Volume::default()
        };
        let mount = VolumeMount {
            name: name.to_owned(),
            mount_path: TMP.to_owned(),
            ..VolumeMount::default()
        };
        volumes.push((volume, mount));
    }
    volumes
}

fn volume(table: &tables::Volume) -> (Volume, VolumeMount) {
    let volume = Volume {
        name: table.name.0.clone(),
        empty_dir: table.empty_dir.as_ref().map(|dir| EmptyDirVolumeSource {
            medium: dir.memory.as_ref().filter(|memory| ***memory).map(|_| "Memory".to_owned()),
            size_limit: dir.size_limit.as_ref().map(|limit| Quantity(limit.to_string())),
        }),
        config_map: table.config_map.as_ref().map(|map| ConfigMapVolumeSource {
            name: map.0.clone(),
            ..ConfigMapVolumeSource::default()
        }),
        secret: table.secret.as_ref().map(|secret| SecretVolumeSource {
            secret_name: Some(secret.0.clone()),
            ..SecretVolumeSource::default()
        }),
        persistent_volume_claim: table.pvc.as_ref().map(|claim| {
            PersistentVolumeClaimVolumeSource { claim_name: claim.0.clone(), read_only: None }
        }),
        ..Volume::default()
    };
    let mount = VolumeMount {
        name: table.name.0.clone(),
        mount_path: table.mount.0.clone(),
        sub_path: table.sub_path.as_ref().map(|path| (**path).clone()),
        read_only: table.read_only.as_deref().copied(),
        ..VolumeMount::default()
    };
    (volume, mount)
}
