//! `[probes]`.

use super::{bad, conflict, exactly_one, port_names, unknown_port};
use crate::spec::decode::Decoder;
use crate::spec::handler::{Role, handler, handlers};
use crate::spec::leaf::PortRef;
use crate::spec::tables::{Document, Probe, Probes};
use crate::tree::Layer;
use crate::units::Duration;

pub(super) fn probes(doc: &Document, cx: &mut Decoder) {
    let probes = &doc.probes;
    for (probe, role) in [
        (&probes.startup, Role::Startup),
        (&probes.readiness, Role::Readiness),
        (&probes.liveness, Role::Liveness),
    ] {
        let found = handlers(probe);
        if found.len() > 1 {
            exactly_one(probe.at, &found, "", cx);
        }
        if let Some(port) = &probe.port
            && let PortRef::Name(port_name) = &**port
            && !port_names(&doc.service).contains(&port_name.as_str())
        {
            cx.report(unknown_port(port_name, port.span, &doc.service));
        }
        if probe.period.ok().is_some_and(|period| period.get() < 1) {
            cx.report(
                bad(probe.period.span, "a probe needs a period").help("write at least `\"1s\"`"),
            );
        }
        if let Some(timeout) = &probe.timeout {
            if timeout.get() < 1 {
                cx.report(
                    bad(timeout.span, "a probe needs time for an answer")
                        .help("write at least `\"1s\"`"),
                );
            } else if probe.period.ok().is_some_and(|period| timeout.get() > period.get()) {
                cx.report(
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
            cx.report(
                bad(probe.failures.span, "no failures at all cannot count")
                    .help("write at least `1`"),
            );
        }
        if let Some(exec) = probe.exec.as_ref().filter(|exec| exec.is_empty()) {
            cx.report(
                bad(exec.span, "there is nothing to run")
                    .help("write the command and its arguments as a list"),
            );
        }
        if let Some(successes) = &probe.successes
            && (**successes == 0 || role != Role::Readiness && **successes != 1)
        {
            let help = if role == Role::Readiness {
                "write at least `1`"
            } else {
                "the API server takes 1 only here: leave it out"
            };
            cx.report(
                bad(
                    successes.span,
                    format!("{} successes cannot be asked of this probe", **successes),
                )
                .help(help),
            );
        }
    }
    startup_budget(probes, cx);
    strict_liveness(doc, cx);
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
    cx.report(finding.help(format!(
        "the container would be killed while it loads; write `probes.startup.failures = {wanted}` ({}, with half as much in reserve)",
        period.duration().times(wanted)
    )));
}

/// rules.md, probes/liveness-stricter-than-readiness.
fn strict_liveness(doc: &Document, cx: &mut Decoder) {
    let (ready, live) = (&doc.probes.readiness, &doc.probes.liveness);
    let all = [
        ready.period.ok().is_some(),
        live.period.ok().is_some(),
        ready.failures.ok().is_some(),
        live.failures.ok().is_some(),
    ];
    let same = || handler(ready, Role::Readiness, doc) == handler(live, Role::Liveness, doc);
    if all.contains(&false) || !same() {
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
        cx.report(
            conflict(at, message)
                .label(ready.period.span, "readiness asks the same")
                .help("under overload pods would restart instead of shedding load; give liveness a longer period, more failures, or a path of its own"),
        );
    }
}
