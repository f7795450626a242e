//! `[service]`.

use super::{HTTP, LABEL_KEY, check_keys, conflict, exactly_one, last_layer, unique, written};
use crate::finding::Finding;
use crate::spec::decode::Decoder;
use crate::spec::leaf;
use crate::spec::leaf::{Backend, TaintEffect, Transport, WorkloadKind};
use crate::spec::tables::{Document, NamedPort, Service};
use crate::tree::Layer;

pub(super) fn service(doc: &Document, cx: &mut Decoder) {
    let service = &doc.service;
    name_length(doc, cx);
    check_keys(service.labels.as_ref(), "a label key", leaf::is_label_key, LABEL_KEY, cx);
    check_keys(
        service.annotations.as_ref(),
        "an annotation key",
        leaf::is_label_key,
        LABEL_KEY,
        cx,
    );
    check_keys(service.node_selector.as_ref(), "a label key", leaf::is_label_key, LABEL_KEY, cx);
    check_keys(
        service.env.as_ref(),
        "a variable name",
        leaf::is_env_name,
        "use letters, digits, `_`, `-` and `.`, not starting with a digit",
        cx,
    );
    for (key, value) in service.labels.iter().flat_map(|labels| labels.iter()) {
        if OWN_LABELS.contains(&key.as_str()) {
            cx.report(
                conflict(value.key_span.unwrap_or(value.span), format!("`{key}` is set by slogen"))
                    .help("selectors rely on it; choose another key, or rename the service"),
            );
        }
    }
    for (key, value) in service.annotations.iter().flat_map(|map| map.iter()) {
        if key.starts_with("slogen.dev/") {
            cx.report(
                conflict(value.key_span.unwrap_or(value.span), format!("`{key}` is set by slogen"))
                    .help("keys that start with `slogen.dev/` are its own; choose another"),
            );
        }
    }
    for source in service.env_from.iter().flat_map(|list| list.iter()) {
        let found = last_layer([
            written(source.secret.as_ref(), "secret"),
            written(source.config_map.as_ref(), "config_map"),
        ]);
        exactly_one(source.at, &found, "`secret` and `config_map`", cx);
    }
    for toleration in service.tolerations.iter().flat_map(|list| list.iter()) {
        let no_execute =
            toleration.effect.as_ref().is_some_and(|effect| **effect == TaintEffect::NoExecute);
        if let Some(seconds) = &toleration.seconds
            && !no_execute
        {
            cx.report(
                conflict(seconds.span, "`seconds` counts for the effect `NoExecute` only")
                    .help("add `effect = \"NoExecute\"`, or leave `seconds` out"),
            );
        }
        if let Some(value) = &toleration.value
            && toleration.key.is_none()
        {
            cx.findings
                .push(conflict(value.span, "`value` needs a `key`").help("add the taint's key"));
        }
    }
    volumes(service, cx);
    ports(service, cx);
    let security = &service.security;
    if let Some(user) = &security.run_as_user
        && **user == 0
        && security.run_as_non_root.ok() == Some(&true)
    {
        cx.report(
            conflict(user.span, "user 0 is root, and `run_as_non_root` is true")
                .label(security.run_as_non_root.span, "refuses root")
                .help("choose another user, or set `run_as_non_root = false`"),
        );
    }
}

/// Labels that selectors and tools rely on.
const OWN_LABELS: [&str; 3] = ["app", "app.kubernetes.io/name", "app.kubernetes.io/managed-by"];

fn name_length(doc: &Document, cx: &mut Decoder) {
    let Some(name) = doc.service.name.ok() else { return };
    let keda = doc.scaling.backend.ok() == Some(&Backend::Keda);
    let set = doc.service.workload.ok() == Some(&WorkloadKind::StatefulSet);
    let (max, why) = if keda {
        // autoscaling.md 3.5: KEDA refuses a ScaledObject name above 54 characters.
        (45, format!("the ScaledObject `{}-keda-slo` may have 54 characters", name.0))
    } else if set {
        // The label controller-revision-hash holds the name, a dash and ten characters.
        (
            52,
            "a StatefulSet's pods carry its name and a revision in one label of 63 characters"
                .to_owned(),
        )
    } else {
        return;
    };
    let length = name.0.chars().count();
    if length > max {
        let message = format!("`{}` has {length} characters, {max} are allowed", name.0);
        cx.report(
            Finding::error("spec/long-name", doc.service.name.span, message)
                .help(format!("shorten it: {why}")),
        );
    }
}

fn volumes(service: &Service, cx: &mut Decoder) {
    let volumes = || service.volumes.iter().flat_map(|list| list.iter());
    for volume in volumes() {
        let found = last_layer([
            volume.empty_dir.as_ref().map(|dir| ("empty_dir", Layer::File, dir.at)),
            written(volume.config_map.as_ref(), "config_map"),
            written(volume.secret.as_ref(), "secret"),
            written(volume.pvc.as_ref(), "pvc"),
        ]);
        exactly_one(volume.at, &found, "`empty_dir`, `config_map`, `secret` and `pvc`", cx);
    }
    unique(
        volumes().map(|v| (v.name.0.clone(), v.name.span, format!("volume `{}`", v.name.0))),
        cx,
    );
    unique(
        volumes().map(|v| (v.mount.0.clone(), v.mount.span, format!("mount path `{}`", v.mount.0))),
        cx,
    );
}

fn ports(service: &Service, cx: &mut Decoder) {
    let more = || service.ports.iter().flat_map(|list| list.iter());
    let own =
        (HTTP.to_owned(), service.port.span, format!("port name `{HTTP}` (the service's own)"));
    unique(
        std::iter::once(own).chain(
            more().map(|p| (p.name.0.clone(), p.name.span, format!("port name `{}`", p.name.0))),
        ),
        cx,
    );
    let transport =
        |port: &NamedPort| port.protocol.as_ref().map_or(Transport::Tcp, |transport| **transport);
    let own =
        ((service.port.0, Transport::Tcp), service.port.span, format!("port {}", service.port.0));
    let all = more().map(|p| ((p.port.0, transport(p)), p.port.span, format!("port {}", p.port.0)));
    unique(service.port.ok().map(|_| own).into_iter().chain(all), cx);
}
