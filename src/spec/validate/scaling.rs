//! `[scaling]`.

use super::targets::whole_percent;
use super::{bad, conflict, floor, unique};
use crate::spec::decode::Decoder;
use crate::spec::leaf::{Backend, Signal, WorkloadKind};
use crate::spec::tables::Document;
use crate::tree::Layer;
use crate::units::Decimal;

pub(super) fn scaling(doc: &Document, cx: &mut Decoder) {
    let scaling = &doc.scaling;
    let keda = scaling.backend.ok() == Some(&Backend::Keda);
    if let Some(replicas) = &scaling.replicas {
        if **replicas < 0 {
            cx.report(
                bad(replicas.span, "a number of pods is not negative")
                    .help("write how many pods to run"),
            );
        }
        for bound in [&scaling.min, &scaling.max] {
            if bound.layer >= replicas.layer {
                cx.report(
                    conflict(
                        bound.key_span.unwrap_or(bound.span),
                        "this service has a fixed number of pods",
                    )
                    .label(replicas.key_span.unwrap_or(replicas.span), "fixed here")
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
            cx.report(
                bad(scaling.max.span, format!("a maximum of {max} runs nothing"))
                    .help("write at least `1`"),
            );
        } else if min > max {
            let (at, other, what) = if scaling.max.layer > scaling.min.layer {
                (scaling.max.span, scaling.min.span, "the minimum")
            } else {
                (scaling.min.span, scaling.max.span, "the maximum")
            };
            cx.report(
                conflict(at, format!("`min` {min} is above `max` {max}"))
                    .label(other, what)
                    .help("the API server rejects it; swap or correct them"),
            );
        }
        if *min < 0 {
            cx.report(
                bad(scaling.min.span, "a number of pods is not negative")
                    .help("write at least `1`"),
            );
        } else if *min == 0 && scaling.backend.ok() == Some(&Backend::Hpa) {
            cx.report(
                conflict(scaling.min.span, "an HPA does not scale to zero")
                    .label(scaling.backend.span, "backend `hpa`")
                    .help("write `min = 1`; scaling to zero needs `backend = \"keda\"`"),
            );
        }
    }
    if !cx.damaged() {
        scale_on(doc, keda, cx);
    }
    for (direction, name) in [(&scaling.up, "up"), (&scaling.down, "down")] {
        if let Some(window) = direction.stabilization.ok()
            && window.get() > 3600
        {
            cx.report(
                bad(
                    direction.stabilization.span,
                    format!("a stabilization of {window} is longer than 1h"),
                )
                .help("the API server takes at most 3600 seconds"),
            );
        }
        if direction.policies.ok().is_some_and(Vec::is_empty) {
            cx.report(
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
        cx.report(
            bad(tolerance.span, format!("a tolerance of {} ignores every deviation", **tolerance))
                .help("write a share such as `\"5%\"`"),
        );
    }
    if !cx.damaged() {
        unreachable_cpu(doc, cx);
        if keda {
            super::keda::keda(doc, cx);
        }
    }
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
        cx.report(
            conflict(signal.span, format!("there is no target `{key}` to scale on"))
                .help(format!("add `targets.{key}`, or take it off the list")),
        );
    }
    if !keda {
        for signal in
            signals.iter().filter(|signal| ***signal == Signal::Saturation && has(***signal))
        {
            cx.report(
                conflict(signal.span, "an HPA cannot follow `saturation`")
                    .help("it needs `scaling.backend = \"keda\"`"),
            );
        }
        let usable = signals.iter().any(|signal| **signal != Signal::Saturation && has(**signal));
        if !usable && scaling.backend.ok() == Some(&Backend::Hpa) {
            cx.report(
                conflict(scaling.scale_on.span, "nothing is left to scale on")
                    .help("declare a target, such as `targets.cpu = { utilization = \"80%\" }`, or fix the number with `scaling.replicas`"),
            );
        }
    }
    if let Some(headroom) = scaling.headroom.ok()
        && headroom.value() >= Decimal::ONE
    {
        cx.report(
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
            cx.report(
                conflict(span, format!("there is no target `{key}` to scale on"))
                    .help(format!("add `targets.{key}`, or remove this")),
            );
        }
    }
    if let Some(latency) = &at.latency {
        if latencies > 1 {
            cx.report(
                conflict(
                    latency.span,
                    format!("there are {latencies} latency targets that this could be for"),
                )
                .help("use `scaling.headroom`, which applies to each"),
            );
        }
        if latency.is_zero() {
            cx.report(
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
            cx.report(
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
        cx.report(
            conflict(cpu.utilization.span, message)
                .here("the HPA acts only 10 % above it")
                .label(limit.span, format!("usage stops at {}", **limit))
                .label(request.span, format!("100 % is {}", **request))
                .help("lower the target, or raise the limit above the request"),
        );
    }
}

pub(super) fn rollout(doc: &Document, cx: &mut Decoder) {
    let rollout = &doc.scaling.rollout;
    let (Some(surge), Some(unavailable)) = (rollout.max_surge.ok(), rollout.max_unavailable.ok())
    else {
        return;
    };
    if doc.service.workload.ok() == Some(&WorkloadKind::StatefulSet) {
        for value in [&rollout.max_surge, &rollout.max_unavailable] {
            if value.layer >= Layer::File {
                cx.report(
                    conflict(
                        value.key_span.unwrap_or(value.span),
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
        cx.report(
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
        cx.report(
            conflict(
                rollout.max_unavailable.span,
                format!("an update may take all of {floor} pods"),
            )
            .help("write `max_unavailable = 0`, so that new pods serve before old ones go"),
        );
    }
}
