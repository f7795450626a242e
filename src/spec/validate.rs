//! What must hold between values: one function a section, each reporting all that it finds.

use std::collections::HashMap;

use crate::finding::Finding;
use crate::source::Span;
use crate::tiers::{self, Tier};
use crate::units::{Decimal, Duration, Ratio, plain};

use super::decode::{Decoder, Map, Section, Sourced, nearest};
use super::leaf::{self, *};
use super::tables::*;
use super::tree::Layer;

/// Checks the whole description.
pub(super) fn document(doc: &Document, cx: &mut Decoder) {
    if let Some(extends) = &doc.extends {
        cx.findings.push(
            Finding::error(
                "spec/unknown-key",
                extends.key.unwrap_or(extends.span),
                "`extends` belongs in profiles",
            )
            .help(format!("write `profile = \"{}\"` at the top of the file", **extends)),
        );
    }
    service(doc, cx);
    targets(doc, cx);
    metrics(doc, cx);
    resources(doc, cx);
    probes(doc, cx);
    scaling(doc, cx);
    rollout(doc, cx);
    availability(doc, cx);
    alerts(doc, cx);
    outputs(&doc.outputs, cx);
    patches(doc, cx);
}

/// `spec/conflict`: values that are fine alone and wrong together.
fn conflict(at: Span, message: impl Into<String>) -> Finding {
    Finding::error("spec/conflict", at, message)
}

fn bad(at: Span, message: impl Into<String>) -> Finding {
    Finding::error("spec/bad-value", at, message)
}

/// Those of `candidates` that the last layer wrote; what an earlier one said is overruled.
fn last_layer<'a, T>(
    candidates: impl IntoIterator<Item = Option<(T, Layer, Span)>>,
) -> Vec<(T, Span)> {
    let written: Vec<_> = candidates.into_iter().flatten().collect();
    let last = written.iter().map(|(_, layer, _)| *layer).max();
    written
        .into_iter()
        .filter(|(_, layer, _)| Some(*layer) == last)
        .map(|(what, _, span)| (what, span))
        .collect()
}

fn written<T>(
    value: &Option<Sourced<T>>,
    name: &'static str,
) -> Option<(&'static str, Layer, Span)> {
    value.as_ref().map(|value| (name, value.layer, value.key.unwrap_or(value.span)))
}

/// Reports a table that needs exactly one of some keys.
fn exactly_one(at: Span, found: &[(&str, Span)], known: &str, cx: &mut Decoder) {
    match found {
        [_] => {}
        [] => cx.findings.push(bad(at, format!("none of {known} is set")).help("set one of them")),
        [(first, place), (second, other), ..] => cx.findings.push(
            conflict(*other, format!("`{first}` and `{second}` exclude each other"))
                .label(*place, "the other one")
                .help("keep one of them"),
        ),
    }
}

fn check_keys<T>(
    map: Option<&Sourced<Map<T>>>,
    what: &str,
    ok: fn(&str) -> bool,
    help: &str,
    cx: &mut Decoder,
) {
    for (key, value) in map.iter().flat_map(|map| map.iter()).filter(|(key, _)| !ok(key)) {
        let message = format!("`{key}` is not {what}");
        cx.findings.push(
            Finding::error("spec/bad-name", value.key.unwrap_or(value.span), message).help(help),
        );
    }
}

/// Reports the later one of two equal things.
fn unique<'a, K: std::hash::Hash + Eq>(
    items: impl Iterator<Item = (K, Span, String)>,
    cx: &mut Decoder,
) {
    let mut seen: HashMap<K, Span> = HashMap::new();
    for (key, span, what) in items {
        if let Some(first) = seen.get(&key) {
            cx.findings.push(
                conflict(span, format!("{what} is there twice"))
                    .label(*first, "first here")
                    .help("remove or rename one of the two"),
            );
        } else {
            seen.insert(key, span);
        }
    }
}

const LABEL_KEY: &str = "use `name` or `prefix/name`: at most 63 letters, digits, `-`, `_`, `.`, after a DNS name as prefix";

/// Labels that selectors and tools rely on.
const OWN_LABELS: [&str; 3] = ["app", "app.kubernetes.io/name", "app.kubernetes.io/managed-by"];

fn service(doc: &Document, cx: &mut Decoder) {
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
            cx.findings.push(
                conflict(value.key.unwrap_or(value.span), format!("`{key}` is set by slogen"))
                    .help("selectors rely on it; choose another key, or rename the service"),
            );
        }
    }
    for (key, value) in service.annotations.iter().flat_map(|map| map.iter()) {
        if key.starts_with("slogen.dev/") {
            cx.findings.push(
                conflict(value.key.unwrap_or(value.span), format!("`{key}` is set by slogen"))
                    .help("keys that start with `slogen.dev/` are its own; choose another"),
            );
        }
    }
    for source in service.env_from.iter().flat_map(|list| list.iter()) {
        let found = last_layer([
            written(&source.secret, "secret"),
            written(&source.config_map, "config_map"),
        ]);
        exactly_one(source.at, &found, "`secret` and `config_map`", cx);
    }
    for toleration in service.tolerations.iter().flat_map(|list| list.iter()) {
        let no_execute =
            toleration.effect.as_ref().is_some_and(|effect| **effect == TaintEffect::NoExecute);
        if let Some(seconds) = &toleration.seconds
            && !no_execute
        {
            cx.findings.push(
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
        cx.findings.push(
            conflict(user.span, "user 0 is root, and `run_as_non_root` is true")
                .label(security.run_as_non_root.span, "refuses root")
                .help("choose another user, or set `run_as_non_root = false`"),
        );
    }
}

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
        cx.findings.push(
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
            written(&volume.config_map, "config_map"),
            written(&volume.secret, "secret"),
            written(&volume.pvc, "pvc"),
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

/// The name of the service's own port.
pub(crate) const HTTP: &str = "http";

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

/// Names of all declared ports.
fn port_names(service: &Service) -> Vec<&str> {
    std::iter::once(HTTP)
        .chain(service.ports.iter().flat_map(|list| list.iter()).map(|port| port.name.0.as_str()))
        .collect()
}

fn unknown_port(name: &str, span: Span, service: &Service) -> Finding {
    let names = port_names(service);
    let help = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `\"{near}\"`?"),
        None => format!("declare it: `service.ports = [{{ name = \"{name}\", port = … }}]`"),
    };
    Finding::error("spec/unknown-port", span, format!("no port is named `{name}`")).help(help)
}

fn targets(doc: &Document, cx: &mut Decoder) {
    let targets = &doc.targets;
    if let Some(window) = targets.window.ok()
        && *window < Duration::from_secs(86_400)
    {
        cx.findings.push(
            bad(
                targets.window.span,
                format!("an error-budget window of {window} is shorter than a day"),
            )
            .help("write the window that the SLO is agreed for: `\"30d\"`, `\"28d\"`, `\"7d\"`"),
        );
    }
    let latencies = || targets.latency.iter().flat_map(|list| list.iter());
    unique(
        latencies().map(|l| {
            (l.percentile.0, l.percentile.span, format!("percentile {}", plain(l.percentile.0)))
        }),
        cx,
    );
    for latency in latencies() {
        latency_bound(latency, &doc.metrics, cx);
    }
    if let Some(errors) = &targets.errors
        && let Some(below) = errors.below.ok()
    {
        if below.value().is_zero() {
            cx.findings.push(
                bad(errors.below.span, "an objective of 100 % leaves no error budget")
                    .help("allow a share that is above zero, such as `\"0.1%\"`"),
            );
        } else if below.value() >= Decimal::ONE {
            cx.findings.push(
                bad(errors.below.span, "an objective of 0 % lets every request fail")
                    .help("allow a share below 100 %, such as `\"1%\"`"),
            );
        }
    }
    for (per_pod, what) in [
        (targets.in_flight.as_ref().map(|t| &t.per_pod), "in-flight"),
        (targets.saturation.as_ref().map(|t| &t.per_pod), "saturation"),
    ] {
        if let Some(per_pod) = per_pod
            && per_pod.ok().is_some_and(|number| number.0 <= Decimal::ZERO)
        {
            cx.findings.push(
                bad(per_pod.span, format!("{what} target {} is not above 0", plain(per_pod.0)))
                    .help("write a number such as `10`"),
            );
        }
    }
    in_flight_cap(doc, cx);
    if let Some(cpu) = &targets.cpu {
        whole_percent(&cpu.utilization, cx);
    }
    dead_tiers(doc, cx);
}

fn whole_percent(ratio: &Sourced<Ratio>, cx: &mut Decoder) {
    if let Some(value) = ratio.ok()
        && (!value.percent().is_integer()
            || value.value().is_zero()
            || value.percent() > Decimal::from(10_000))
    {
        cx.findings.push(
            bad(ratio.span, format!("a utilisation of {value} cannot be a target"))
                .help("the HPA takes whole percents above zero, such as `\"80%\"`"),
        );
    }
}

fn latency_bound(latency: &LatencyTarget, metrics: &Metrics, cx: &mut Decoder) {
    let Some(below) = latency.below.ok() else { return };
    if below.is_zero() {
        cx.findings.push(
            bad(latency.below.span, "no request takes no time")
                .help("write a bound such as `\"350ms\"`"),
        );
        return;
    }
    let native = metrics.native_histograms.ok() == Some(&true);
    let Some(buckets) = metrics.buckets.as_ref().filter(|_| !native) else { return };
    let bound = below.seconds();
    let bounds = || buckets.iter().map(|bucket| bucket.0);
    if bounds().any(|bucket| bucket == bound) {
        return;
    }
    let lower = bounds().filter(|bucket| *bucket < bound).max();
    let upper = bounds().filter(|bucket| *bucket > bound).min();
    let near = [lower, upper]
        .into_iter()
        .flatten()
        .map(|b| format!("`\"{}\"`", seconds(b)))
        .collect::<Vec<_>>();
    let help = format!(
        "add {bound} to `metrics.buckets` and to the application's histogram, or take the nearest bound: {}",
        near.join(" or ")
    );
    cx.findings.push(
        Finding::error(
            "spec/threshold-not-a-bucket",
            latency.below.span,
            format!("{below} is no bucket of the histogram"),
        )
        .here("between two buckets, a quantile is a guess and `le` matches nothing")
        .label(buckets.span, "the buckets")
        .help(help),
    );
}

/// A bucket bound as a duration.
fn seconds(bound: Decimal) -> String {
    if bound.is_integer() {
        format!("{}s", plain(bound))
    } else {
        format!("{}ms", plain(bound * Decimal::ONE_THOUSAND))
    }
}

fn in_flight_cap(doc: &Document, cx: &mut Decoder) {
    let Some(target) = &doc.targets.in_flight else { return };
    let Some(per_pod) = target.per_pod.ok() else { return };
    for (name, value) in doc.service.env.iter().flat_map(|env| env.iter()) {
        if let EnvValue::Literal(text) = &**value
            && name.ends_with("MAX_CONCURRENCY")
            && let Ok(cap) = text.trim().parse::<u32>()
        {
            // autoscaling.md 5, number 56: the gauge saturates at the cap and never exceeds the HPA's tolerance.
            let most = Decimal::from(cap) * Decimal::new(9, 1);
            if per_pod.0 > most {
                let message = format!(
                    "an in-flight target of {} is above 0.9 × the cap of {cap}",
                    plain(per_pod.0)
                );
                cx.findings.push(
                    conflict(target.per_pod.span, message)
                        .here("the gauge stops at the cap, so the fleet would never grow")
                        .label(value.span, format!("{name} caps the pod at {cap}"))
                        .help(format!("write at most {}, or raise the cap", plain(most))),
                );
            }
        }
    }
}

fn dead_tiers(doc: &Document, cx: &mut Decoder) {
    if doc.alerts.burn_rate.ok() != Some(&true) {
        return;
    }
    let Some(window) = doc.targets.window.ok() else { return };
    let written = doc.alerts.tiers.is_some();
    for tier in tiers::of(*window, doc.alerts.tiers.as_ref()) {
        own_tier(&tier, *window, cx);
        let place = tier.place;
        for (budget, what, span) in budgets(doc) {
            if tier.factor * budget < Decimal::ONE {
                continue;
            }
            let message = format!(
                "burn-rate tier `{}` can never fire on {what}: {} × a budget of {} is not below 1",
                tier.name,
                plain(tier.factor),
                plain(budget)
            );
            let most = tiers::largest_factor(budget);
            let help = format!(
                "the largest factor that works here is {}; write it under `alerts.tiers`, such as \
                 `tiers = [{{ name = \"{}\", short = \"{}\", long = \"{}\", factor = {} }}, …]`, or set `alerts.burn_rate = false`",
                plain(most),
                tier.name,
                tier.short,
                tier.long,
                plain(most)
            );
            let finding =
                Finding::error("spec/dead-tier", place.unwrap_or(span), message).help(help);
            cx.findings.push(if written {
                finding.label(span, "the target whose budget it is")
            } else {
                finding
            });
        }
    }
}

/// The error budgets of the targets that burn-rate alerts watch, and where each is written.
fn budgets(doc: &Document) -> Vec<(Decimal, String, Span)> {
    let latency = doc.targets.latency.iter().flat_map(|list| list.iter()).filter_map(|latency| {
        let percentile = latency.percentile.ok()?.0;
        let budget = Ratio::from_percent(percentile).complement().value();
        Some((budget, format!("P{}", plain(percentile)), latency.percentile.span))
    });
    let errors = doc.targets.errors.as_ref().and_then(|errors| {
        let below = errors.below.ok()?;
        // Objectives of 0 % are reported as such.
        (below.value() < Decimal::ONE)
            .then(|| (below.value(), "errors".to_owned(), errors.below.span))
    });
    latency.chain(errors).collect()
}

fn own_tier(tier: &Tier, window: Duration, cx: &mut Decoder) {
    let Some(place) = tier.place else { return };
    if tier.short >= tier.long || tier.long > window || tier.short.is_zero() {
        let message =
            format!("windows {} and {} of tier `{}` do not fit", tier.short, tier.long, tier.name);
        cx.findings.push(bad(place, message).help(format!(
            "write a short window below the long one, and the long one at most {window}"
        )));
    }
    if tier.factor <= Decimal::ZERO {
        cx.findings.push(
            bad(place, format!("factor {} is not above 0", plain(tier.factor)))
                .help("a burn rate of 1 spends the budget exactly in the window"),
        );
    }
}

fn metrics(doc: &Document, cx: &mut Decoder) {
    let metrics = &doc.metrics;
    if let Some(port) = metrics.port.ok()
        && !port_names(&doc.service).contains(&port.0.as_str())
    {
        cx.findings.push(unknown_port(&port.0, metrics.port.span, &doc.service));
    }
    if let Some(interval) = metrics.interval.ok() {
        if *interval < Duration::from_secs(1) {
            cx.findings.push(
                bad(metrics.interval.span, format!("a scrape every {interval} is too often"))
                    .help("write at least `\"1s\"`"),
            );
        }
        if let Some(timeout) = &metrics.scrape_timeout
            && **timeout > *interval
        {
            cx.findings.push(
                conflict(
                    timeout.span,
                    format!("a scrape may take {}, but one starts every {interval}", **timeout),
                )
                .label(metrics.interval.span, "the interval")
                .help("the operator drops such an endpoint; write at most the interval"),
            );
        }
        if let Some(window) = &metrics.rate_window
            && **window < interval.times(2)
        {
            cx.findings.push(
                conflict(
                    window.span,
                    format!(
                        "a rate over {} needs two scrapes, and one comes every {interval}",
                        **window
                    ),
                )
                .label(metrics.interval.span, "the interval")
                .help(format!(
                    "write at least `\"{}\"`, better `\"{}\"`",
                    interval.times(2),
                    interval.times(4)
                )),
            );
        }
    }
    for window in
        [Some(&metrics.interval), metrics.rate_window.as_ref(), metrics.scrape_timeout.as_ref()]
            .into_iter()
            .flatten()
    {
        if window.ok().is_some_and(|window| {
            (window.seconds() * Decimal::ONE_THOUSAND).fract() != Decimal::ZERO
        }) {
            cx.findings.push(
                bad(window.span, "Prometheus counts whole milliseconds").help("drop the fraction"),
            );
        }
    }
    let prometheus_label = "use letters, digits and `_`, not starting with a digit or `__`";
    check_keys(
        metrics.selector.as_ref(),
        "a label of Prometheus",
        leaf::is_prometheus_label,
        prometheus_label,
        cx,
    );
    check_keys(
        metrics.errors.as_ref(),
        "a label of Prometheus",
        leaf::is_prometheus_label,
        prometheus_label,
        cx,
    );
    if let Some(errors) = metrics.errors.as_ref().filter(|errors| errors.is_empty()) {
        cx.findings.push(
            bad(errors.span, "nothing marks a failed request")
                .help("write a label and a regular expression, such as `{ status = \"5..\" }`"),
        );
    }
    for value in metrics.errors.iter().flat_map(|errors| errors.values()) {
        if let Err(error) = regex_syntax::parse(value) {
            let kind = match &error {
                regex_syntax::Error::Parse(error) => error.kind().to_string(),
                regex_syntax::Error::Translate(error) => error.kind().to_string(),
                _ => "it does not parse".to_owned(),
            };
            cx.findings.push(
                bad(value.span, format!("this is no regular expression: {kind}"))
                    .help("write one such as `\"5..\"` or `\"Internal|Unavailable\"`"),
            );
        }
    }
    if let Some(buckets) = &metrics.buckets {
        let rising = buckets.windows(2).all(|pair| matches!(pair, [a, b] if a.0 < b.0));
        let positive = buckets.first().is_some_and(|first| first.0 > Decimal::ZERO);
        if !rising || !positive {
            cx.findings.push(
                bad(buckets.span, "buckets are bounds above 0 that rise").help(
                    "write them in seconds, from the smallest, such as `[0.1, 0.25, 0.5, 1]`",
                ),
            );
        }
    }
    if let Some(version) = metrics.prometheus.ok()
        && !matches!(version, 2 | 3)
    {
        cx.findings.push(
            bad(
                metrics.prometheus.span,
                format!("there is no Prometheus {version} that slogen knows"),
            )
            .help("write the major version: `2` or `3`"),
        );
    }
}

fn resources(doc: &Document, cx: &mut Decoder) {
    let (requests, limits) = (&doc.resources.requests, &doc.resources.limits);
    let mut above = |name: &str,
                     request: Option<(Decimal, Span, String)>,
                     limit: Option<(Decimal, Span, String)>| {
        if let (Some((request, at, request_text)), Some((limit, place, limit_text))) =
            (request, limit)
            && request > limit
        {
            cx.findings.push(
                conflict(
                    at,
                    format!("{name} request {request_text} is above the limit {limit_text}"),
                )
                .label(place, "the limit")
                .help("the API server rejects such a pod; lower the request or raise the limit"),
            );
        }
    };
    let cpu = |v: &Option<Sourced<crate::units::Cpu>>| {
        v.as_ref().map(|v| (v.cores(), v.span, v.to_string()))
    };
    let bytes = |v: &Option<Sourced<crate::units::Bytes>>| {
        v.as_ref().map(|v| (v.bytes(), v.span, v.to_string()))
    };
    above("cpu", cpu(&requests.cpu), cpu(&limits.cpu));
    above("memory", bytes(&requests.memory), bytes(&limits.memory));
    above(
        "ephemeral-storage",
        bytes(&requests.ephemeral_storage),
        bytes(&limits.ephemeral_storage),
    );
}

/// What a probe asks, as far as two probes can ask the same.
pub(crate) fn handlers(probe: &Probe) -> Vec<(&'static str, Span)> {
    last_layer([
        written(&probe.path, "path"),
        written(&probe.tcp, "tcp").filter(|_| probe.tcp.as_ref().is_some_and(|on| **on)),
        written(&probe.grpc, "grpc")
            .filter(|_| probe.grpc.as_ref().is_some_and(|on| **on != Switch::Flag(false))),
        written(&probe.exec, "exec"),
    ])
}

fn probes(doc: &Document, cx: &mut Decoder) {
    let probes = &doc.probes;
    for (probe, name) in [
        (&probes.startup, "startup"),
        (&probes.readiness, "readiness"),
        (&probes.liveness, "liveness"),
    ] {
        let found = handlers(probe);
        if found.len() > 1 {
            exactly_one(probe.at, &found, "", cx);
        }
        if let Some(port) = &probe.port
            && let PortRef::Name(port_name) = &**port
            && !port_names(&doc.service).contains(&port_name.as_str())
        {
            cx.findings.push(unknown_port(port_name, port.span, &doc.service));
        }
        if probe.period.ok().is_some_and(|period| period.get() < 1) {
            cx.findings.push(
                bad(probe.period.span, "a probe needs a period").help("write at least `\"1s\"`"),
            );
        }
        if let Some(timeout) = &probe.timeout {
            if timeout.get() < 1 {
                cx.findings.push(
                    bad(timeout.span, "a probe needs time for an answer")
                        .help("write at least `\"1s\"`"),
                );
            } else if probe.period.ok().is_some_and(|period| timeout.get() > period.get()) {
                cx.findings.push(
                    conflict(
                        timeout.span,
                        format!(
                            "a try may take {}, but one starts every {}",
                            **timeout, *probe.period
                        ),
                    )
                    .label(probe.period.span, "the period")
                    .help("write at most the period"),
                );
            }
        }
        if probe.failures.ok() == Some(&0) {
            cx.findings.push(
                bad(probe.failures.span, "no failures at all cannot count")
                    .help("write at least `1`"),
            );
        }
        if let Some(exec) = probe.exec.as_ref().filter(|exec| exec.is_empty()) {
            cx.findings.push(
                bad(exec.span, "there is nothing to run")
                    .help("write the command and its arguments as a list"),
            );
        }
        if let Some(successes) = &probe.successes
            && (**successes == 0 || name != "readiness" && **successes != 1)
        {
            let help = if name == "readiness" {
                "write at least `1`"
            } else {
                "the API server takes 1 only here: leave it out"
            };
            cx.findings.push(
                bad(
                    successes.span,
                    format!("{} successes cannot be asked of this probe", **successes),
                )
                .help(help),
            );
        }
    }
    startup_budget(probes, cx);
    strict_liveness(probes, cx);
}

/// rules.md 2.11: how long a container may take to start.
pub(crate) fn budget(probe: &Probe) -> Duration {
    let delay = probe.initial_delay.as_ref().map(|delay| delay.duration()).unwrap_or_default();
    delay.plus(probe.period.duration().times(u64::from(*probe.failures)))
}

fn startup_budget(probes: &Probes, cx: &mut Decoder) {
    let startup = &probes.startup;
    let Some(load) = &probes.model_load else { return };
    let (Some(period), Some(_)) = (startup.period.ok(), startup.failures.ok()) else { return };
    let have = budget(startup);
    if have >= **load || period.get() < 1 {
        return;
    }
    // rules.md, probes/short-startup-budget: failureThreshold = ⌈1.5 × time / period⌉.
    let wanted = load.times(3).ceil_seconds().div_ceil(2 * u64::from(period.get().unsigned_abs()));
    let span =
        if startup.failures.layer >= Layer::File { startup.failures.span } else { load.span };
    let finding = conflict(
        span,
        format!("start-up takes {}, but the startup probe gives up after {have}", **load),
    );
    let finding = if span == load.span {
        finding
    } else {
        finding.label(load.span, "start-up takes this long")
    };
    cx.findings.push(finding.help(format!(
        "the container would be killed while it loads; write `probes.startup.failures = {wanted}` ({}, with half as much in reserve)",
        period.duration().times(wanted)
    )));
}

fn strict_liveness(probes: &Probes, cx: &mut Decoder) {
    let (ready, live) = (&probes.readiness, &probes.liveness);
    let all = [
        ready.period.ok().is_some(),
        live.period.ok().is_some(),
        ready.failures.ok().is_some(),
        live.failures.ok().is_some(),
    ];
    if all.contains(&false) || !same_handler(ready, live) {
        return;
    }
    let span = |probe: &Probe| probe.period.duration().times(u64::from(*probe.failures));
    if span(live) <= span(ready) {
        let message = format!(
            "liveness restarts a pod after {}, no later than readiness takes it out ({})",
            span(live),
            span(ready)
        );
        let at = if live.failures.layer > live.period.layer {
            live.failures.span
        } else {
            live.period.span
        };
        cx.findings.push(
            conflict(at, message)
                .label(ready.period.span, "readiness asks the same")
                .help("under overload pods would restart instead of shedding load; give liveness a longer period, more failures, or a path of its own"),
        );
    }
}

/// True where both probes ask the same thing. Without a written handler the defaults differ for HTTP
/// (`/ready`, `/healthz`) and agree for gRPC, where a shared health service is what the protocol has.
fn same_handler(a: &Probe, b: &Probe) -> bool {
    let (ha, hb) = (handlers(a), handlers(b));
    let (Some((name, _)), Some((other, _))) = (ha.first(), hb.first()) else { return false };
    let port = |probe: &Probe| probe.port.as_ref().map(|port| (**port).clone()).unwrap_or_default();
    let argv = |probe: &Probe| {
        probe.exec.as_ref().map(|exec| exec.iter().map(|arg| (**arg).clone()).collect::<Vec<_>>())
    };
    name == other
        && (*name == "exec" || port(a) == port(b))
        && match *name {
            "path" => a.path.as_deref() == b.path.as_deref(),
            "grpc" => a.grpc.as_deref() == b.grpc.as_deref(),
            "exec" => argv(a) == argv(b),
            _ => true,
        }
}

fn scaling(doc: &Document, cx: &mut Decoder) {
    let scaling = &doc.scaling;
    let keda = scaling.backend.ok() == Some(&Backend::Keda);
    if let Some(replicas) = &scaling.replicas {
        if **replicas < 0 {
            cx.findings.push(
                bad(replicas.span, "a number of pods is not negative")
                    .help("write how many pods to run"),
            );
        }
        for bound in [&scaling.min, &scaling.max] {
            if bound.layer >= replicas.layer {
                cx.findings.push(
                    conflict(
                        bound.key.unwrap_or(bound.span),
                        "this service has a fixed number of pods",
                    )
                    .label(replicas.key.unwrap_or(replicas.span), "fixed here")
                    .help(
                        "remove `replicas` to scale between `min` and `max`, or remove the bounds",
                    ),
                );
            }
        }
        return;
    }
    if let (Some(min), Some(max)) = (scaling.min.ok(), scaling.max.ok()) {
        if *max < 1 {
            cx.findings.push(
                bad(scaling.max.span, format!("a maximum of {max} runs nothing"))
                    .help("write at least `1`"),
            );
        } else if min > max {
            let (at, other, what) = if scaling.max.layer > scaling.min.layer {
                (scaling.max.span, scaling.min.span, "the minimum")
            } else {
                (scaling.min.span, scaling.max.span, "the maximum")
            };
            cx.findings.push(
                conflict(at, format!("`min` {min} is above `max` {max}"))
                    .label(other, what)
                    .help("the API server rejects it; swap or correct them"),
            );
        }
        if *min < 0 {
            cx.findings.push(
                bad(scaling.min.span, "a number of pods is not negative")
                    .help("write at least `1`"),
            );
        } else if *min == 0 && scaling.backend.ok() == Some(&Backend::Hpa) {
            cx.findings.push(
                conflict(scaling.min.span, "an HPA does not scale to zero")
                    .label(scaling.backend.span, "backend `hpa`")
                    .help("write `min = 1`; scaling to zero needs `backend = \"keda\"`"),
            );
        }
    }
    scale_on(doc, keda, cx);
    for (direction, name) in [(&scaling.up, "up"), (&scaling.down, "down")] {
        if let Some(window) = direction.stabilization.ok()
            && window.get() > 3600
        {
            cx.findings.push(
                bad(
                    direction.stabilization.span,
                    format!("a stabilization of {window} is longer than 1h"),
                )
                .help("the API server takes at most 3600 seconds"),
            );
        }
        if direction.policies.ok().is_some_and(Vec::is_empty) {
            cx.findings.push(
                bad(direction.policies.span, "no policies at all are rejected by the API server")
                    .help(format!(
                        "write one, or `scaling.{name}.select = \"disabled\"` to never scale {name}"
                    )),
            );
        }
    }
    if let Some(tolerance) = &scaling.tolerance
        && tolerance.value() >= Decimal::ONE
    {
        cx.findings.push(
            bad(tolerance.span, format!("a tolerance of {} ignores every deviation", **tolerance))
                .help("write a share such as `\"5%\"`"),
        );
    }
    unreachable_cpu(doc, cx);
}

fn scale_on(doc: &Document, keda: bool, cx: &mut Decoder) {
    let (scaling, targets) = (&doc.scaling, &doc.targets);
    let Some(signals) = scaling.scale_on.ok() else { return };
    unique(signals.iter().map(|s| (s.word(), s.span, format!("`{}`", s.word()))), cx);
    let has = |signal: Signal| match signal {
        Signal::Latency => targets.latency.as_ref().is_some_and(|list| !list.is_empty()),
        Signal::InFlight => targets.in_flight.is_some(),
        Signal::Cpu => targets.cpu.is_some(),
        Signal::Saturation => targets.saturation.is_some(),
    };
    for signal in
        signals.iter().filter(|signal| scaling.scale_on.layer >= Layer::File && !has(***signal))
    {
        let key = signal.word();
        cx.findings.push(
            conflict(signal.span, format!("there is no target `{key}` to scale on"))
                .help(format!("add `targets.{key}`, or take it off the list")),
        );
    }
    if !keda {
        for signal in
            signals.iter().filter(|signal| ***signal == Signal::Saturation && has(***signal))
        {
            cx.findings.push(
                conflict(signal.span, "an HPA cannot follow `saturation`")
                    .help("it needs `scaling.backend = \"keda\"`"),
            );
        }
        let usable = signals.iter().any(|signal| **signal != Signal::Saturation && has(**signal));
        if !usable && scaling.backend.ok() == Some(&Backend::Hpa) {
            cx.findings.push(
                conflict(scaling.scale_on.span, "nothing is left to scale on")
                    .help("declare a target, such as `targets.cpu = { utilization = \"80%\" }`, or fix the number with `scaling.replicas`"),
            );
        }
    }
    if let Some(headroom) = scaling.headroom.ok()
        && headroom.value() >= Decimal::ONE
    {
        cx.findings.push(
            bad(scaling.headroom.span, format!("a headroom of {headroom} leaves no target"))
                .help("write a share such as `\"15%\"`"),
        );
    }
    let at = &scaling.scale_at;
    let latencies = targets.latency.as_ref().map_or(0, |list| list.len());
    let orphans = [
        (at.latency.as_ref().map(|v| v.span), has(Signal::Latency), "latency"),
        (at.in_flight.as_ref().map(|v| v.span), has(Signal::InFlight), "in_flight"),
        (at.cpu.as_ref().map(|v| v.span), has(Signal::Cpu), "cpu"),
    ];
    for (span, _, key) in orphans.into_iter().filter(|(_, has, _)| !has) {
        if let Some(span) = span {
            cx.findings.push(
                conflict(span, format!("there is no target `{key}` to scale on"))
                    .help(format!("add `targets.{key}`, or remove this")),
            );
        }
    }
    if let Some(latency) = &at.latency {
        if latencies > 1 {
            cx.findings.push(
                conflict(
                    latency.span,
                    format!("there are {latencies} latency targets that this could be for"),
                )
                .help("use `scaling.headroom`, which applies to each"),
            );
        }
        if latency.is_zero() {
            cx.findings.push(
                bad(latency.span, "no request takes no time")
                    .help("write a latency such as `\"300ms\"`"),
            );
        }
    }
    if let Some(number) = at.in_flight.as_ref().filter(|number| number.0 <= Decimal::ZERO) {
        cx.findings
            .push(bad(number.span, "a target is above 0").help("write a number such as `8`"));
    }
    if let Some(cpu) = &at.cpu {
        whole_percent(cpu, cx);
    }
}

fn unreachable_cpu(doc: &Document, cx: &mut Decoder) {
    let on_cpu = doc
        .scaling
        .scale_on
        .ok()
        .is_some_and(|list| list.iter().any(|signal| **signal == Signal::Cpu));
    let Some(cpu) = doc.targets.cpu.as_ref().filter(|_| on_cpu) else { return };
    let Some(request) = &doc.resources.requests.cpu else {
        if doc.resources.limits.cpu.is_none() {
            cx.findings.push(
                conflict(
                    cpu.utilization.span,
                    "utilisation is a share of the CPU request, and there is none",
                )
                .help("add `resources.requests.cpu`"),
            );
        }
        return;
    };
    let (Some(limit), Some(utilization)) = (&doc.resources.limits.cpu, cpu.utilization.ok()) else {
        return;
    };
    // rules.md, scaling/unreachable-target: usage stops at the limit, action starts above target × (1 + 10 %).
    if limit.cores() <= utilization.value() * Decimal::new(11, 1) * request.cores()
        && limit.cores() >= request.cores()
    {
        let message = format!("a CPU target of {utilization} can never be reached");
        cx.findings.push(
            conflict(cpu.utilization.span, message)
                .here("the HPA acts only 10 % above it")
                .label(limit.span, format!("usage stops at {}", **limit))
                .label(request.span, format!("100 % is {}", **request))
                .help("lower the target, or raise the limit above the request"),
        );
    }
}

/// The fewest pods that are meant to run.
fn floor(doc: &Document) -> Option<i32> {
    match &doc.scaling.replicas {
        Some(replicas) => Some(**replicas),
        None => doc.scaling.min.ok().copied(),
    }
}

fn rollout(doc: &Document, cx: &mut Decoder) {
    let rollout = &doc.scaling.rollout;
    let (Some(surge), Some(unavailable)) = (rollout.max_surge.ok(), rollout.max_unavailable.ok())
    else {
        return;
    };
    if doc.service.workload.ok() == Some(&WorkloadKind::StatefulSet) {
        for value in [&rollout.max_surge, &rollout.max_unavailable] {
            if value.layer >= Layer::File {
                cx.findings.push(
                    conflict(
                        value.key.unwrap_or(value.span),
                        "a StatefulSet replaces its pods one by one",
                    )
                    .label(doc.service.workload.span, "a StatefulSet")
                    .help("leave this out; it is for Deployments"),
                );
            }
        }
        return;
    }
    if surge.of_up(100) == 0 && unavailable.of_up(100) == 0 {
        cx.findings.push(
            conflict(
                rollout.max_surge.span,
                "neither more nor fewer pods than wanted: no rollout can move",
            )
            .help("write `max_surge = \"25%\"`"),
        );
    }
    if let Some(floor) = floor(doc).filter(|floor| *floor > 0)
        && floor - unavailable.of_down(floor) < 1
    {
        cx.findings.push(
            conflict(
                rollout.max_unavailable.span,
                format!("an update may take all of {floor} pods"),
            )
            .help("write `max_unavailable = 0`, so that new pods serve before old ones go"),
        );
    }
}

/// The bound of the PodDisruptionBudget that counts.
pub(crate) fn pdb_bound(pdb: &Pdb) -> Vec<(&'static str, Span)> {
    last_layer([
        written(&pdb.max_unavailable, "max_unavailable"),
        written(&pdb.min_available, "min_available"),
    ])
}

fn availability(doc: &Document, cx: &mut Decoder) {
    let availability = &doc.availability;
    if doc.outputs.pdb.ok() == Some(&true) {
        let found = pdb_bound(&availability.pdb);
        exactly_one(availability.pdb.at, &found, "`max_unavailable` and `min_available`", cx);
        if let ([(bound, _)], Some(floor)) = (found.as_slice(), floor(doc)) {
            blocked_drain(&availability.pdb, bound, floor.max(1), cx);
        }
    }
    if let Some(spread) = availability.spread.ok() {
        unique(spread.iter().map(|s| (s.word(), s.span, format!("`{}`", s.word()))), cx);
    }
    if let (Some(grace), Some(drain)) = (&availability.termination_grace, availability.drain.ok()) {
        // rules.md, rollout/prestop-exceeds-grace: less than 5 s for SIGTERM is an error waiting to happen.
        if grace.get() < drain.get().saturating_add(5) {
            cx.findings.push(
                conflict(
                    grace.span,
                    format!(
                        "{} of grace leave the process less than 5s after draining for {drain}",
                        **grace
                    ),
                )
                .label(availability.drain.span, "the preStop sleep runs inside the grace period")
                .help(format!(
                    "write at least `\"{}s\"`, or leave it out",
                    drain.get().saturating_add(30)
                )),
            );
        }
    }
}

fn blocked_drain(pdb: &Pdb, bound: &str, floor: i32, cx: &mut Decoder) {
    let (value, blocks) = match (bound, &pdb.max_unavailable, &pdb.min_available) {
        ("max_unavailable", Some(value), _) => (value, value.of_up(floor) == 0),
        (_, _, Some(value)) => (value, value.of_up(floor) >= floor),
        _ => return,
    };
    if blocks {
        let pods = if floor == 1 { "1 pod".to_owned() } else { format!("{floor} pods") };
        cx.findings.push(
            conflict(value.span, format!("with {pods} this budget lets none of them go"))
                .help("drains of nodes would hang; write `pdb = { max_unavailable = 1 }`, or `outputs.pdb = false`"),
        );
    }
}

fn alerts(doc: &Document, cx: &mut Decoder) {
    let alerts = &doc.alerts;
    check_keys(
        alerts.labels.as_ref(),
        "a label of Prometheus",
        leaf::is_prometheus_label,
        "use letters, digits and `_`, not starting with a digit or `__`",
        cx,
    );
    for (key, value) in alerts.labels.iter().flat_map(|labels| labels.iter()) {
        if ["severity", "service", "slo", "tier", "window", "alertname"].contains(&key.as_str()) {
            cx.findings.push(
                conflict(value.key.unwrap_or(value.span), format!("the alert label `{key}` is set by slogen"))
                    .help("choose another key; severities are `alerts.severity_page` and `alerts.severity_ticket`"),
            );
        }
    }
    if let Some(url) = &alerts.runbook_url {
        let absolute = url.starts_with("https://") || url.starts_with("http://");
        if !absolute
            || url.contains(|c: char| {
                c.is_whitespace() || c.is_control() || "\"<>{}\\^`|".contains(c)
            })
        {
            cx.findings.push(
                bad(url.span, "this is no address of a page")
                    .help("write one such as `\"https://runbooks.example.com/inference\"`"),
            );
        }
    }
    if let Some(rps) = alerts.expected_rps.as_ref().filter(|rps| rps.0 <= Decimal::ZERO) {
        cx.findings.push(
            bad(rps.span, "a rate of requests is above 0").help("leave it out if it is not known"),
        );
    }
}

fn outputs(outputs: &Outputs, cx: &mut Decoder) {
    let later = [&outputs.dashboard, &outputs.adapter, &outputs.runbook, &outputs.rule_tests];
    for (output, name) in later.into_iter().zip(["dashboard", "adapter", "runbook", "rule_tests"]) {
        if output.ok() == Some(&true) {
            cx.findings.push(
                Finding::error(
                    "spec/unsupported",
                    output.span,
                    format!("`outputs.{name}` comes with a later version of slogen"),
                )
                .help("remove it, or set it to false"),
            );
        }
    }
}

fn patches(doc: &Document, cx: &mut Decoder) {
    for patch in doc.patch.iter().flat_map(|list| list.iter()) {
        let found = last_layer([written(&patch.ops, "ops"), written(&patch.merge, "merge")]);
        exactly_one(patch.at, &found, "`ops` and `merge`", cx);
    }
}

/// The names of all sections, for the JSON Schema.
pub(crate) fn _sections() -> &'static [&'static str] {
    Document::KEYS
}
