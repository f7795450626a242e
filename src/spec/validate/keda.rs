//! `[scaling.keda]`: what KEDA's admission webhook would reject, and what it would accept and never do
//! (autoscaling.md, sections 3 and 5). Evidence stands as file names of kedacore/keda.

mod modifiers;
mod query;
mod trigger;

use super::{bad, conflict, exactly_one, last_layer, unique, written};
use crate::source::Span;
use crate::spec::decode::Decoder;
use crate::spec::keda::{self, Follows, NoFallback, followed};
use crate::spec::leaf::{Fallback, Signal};
use crate::spec::tables::{Document, Keda};
use crate::tree::Layer;
use crate::units::{Decimal, plain};

pub(super) fn keda(doc: &Document, cx: &mut Decoder) {
    let keda = &doc.scaling.keda;
    let followed = followed(doc);
    something_to_follow(doc, &followed, cx);
    if let Some(server) = keda.server.ok()
        && !["http://", "https://"].iter().any(|scheme| server.starts_with(scheme))
    {
        cx.report(
            bad(keda.server.span, format!("`{server}` is no address of Prometheus"))
                .help("start it with `http://` or `https://`"),
        );
    }
    for trigger in keda.triggers.iter().flat_map(|list| list.iter()) {
        trigger::trigger(trigger, doc, cx);
    }
    if let Some(query) = doc.targets.saturation.as_ref().and_then(|target| target.query.as_ref()) {
        query::of_total(query, cx);
    }
    let place = |it: &Follows<'_>| match it {
        Follows::Written(trigger) => trigger.name.as_ref().map(|name| name.span),
        _ => Some(doc.scaling.scale_on.span),
    };
    let names = followed.iter().filter_map(|it| Some((it.name()?, place(it)?)));
    unique(names.map(|(name, span)| (name.clone(), span, format!("trigger name `{name}`"))), cx);
    thresholds(doc, &followed, cx);
    bounds(doc, cx);
    from_zero(doc, &followed, cx);
    fallback(doc, cx);
    if let Some(modifiers) = &keda.modifiers {
        modifiers::modifiers(modifiers, doc, &followed, cx);
    }
    auth(doc, &followed, cx);
}

fn something_to_follow(doc: &Document, followed: &[Follows<'_>], cx: &mut Decoder) {
    let scale_on = &doc.scaling.scale_on;
    let on_saturation =
        scale_on.ok().is_some_and(|list| list.iter().any(|it| **it == Signal::Saturation));
    let triggers = doc.scaling.keda.triggers.as_ref();
    if let Some(target) = doc.targets.saturation.as_ref().filter(|_| on_saturation)
        && target.query.is_none()
        && triggers.is_none_or(|list| list.is_empty())
    {
        cx.report(
            conflict(target.at, "nothing says how much work waits").help(
                "add `query = \"…\"`, PromQL that gives the total, to `targets.saturation`, or name the queue \
                 itself under `[[scaling.keda.triggers]]`, such as `type = \"kafka\"`",
            ),
        );
    } else if followed.is_empty()
        && scale_on.ok().is_some()
        && triggers.is_none_or(|it| it.is_empty())
    {
        // The CRD asks for one trigger at least.
        cx.report(
            conflict(scale_on.span, "nothing is left to scale on")
                .help("declare a target, such as `targets.cpu = { utilization = \"80%\" }`, or a trigger under `[[scaling.keda.triggers]]`"),
        );
    }
}

/// `scaler.go`: KEDA writes targets with `%.3f`, so that less than 0.0005 is a target of 0, which the API server
/// rejects. The plan gives latencies in milliseconds where seconds would lose something.
fn thresholds(doc: &Document, followed: &[Follows<'_>], cx: &mut Decoder) {
    let at = &doc.scaling.scale_at;
    let least = Decimal::new(1, 3);
    let Some(share) = doc.scaling.headroom.ok().map(|headroom| headroom.complement().value())
    else {
        return;
    };
    for it in followed {
        let (value, span) = match it {
            Follows::Latency(target) => match (&at.latency, target.below.ok()) {
                (Some(at), _) => (at.seconds() * Decimal::ONE_THOUSAND, at.span),
                (None, Some(below)) => {
                    (below.seconds() * share * Decimal::ONE_THOUSAND, target.below.span)
                }
                (None, None) => continue,
            },
            Follows::InFlight(target) => match &at.in_flight {
                Some(at) => (at.0, at.span),
                None => (target.per_pod.0 * share, target.per_pod.span),
            },
            Follows::Saturation(target, _) => (target.per_pod.0 * share, target.per_pod.span),
            Follows::Cpu | Follows::Written(_) => continue,
        };
        // What is not above 0 is reported as such.
        if value > Decimal::ZERO && value < least {
            cx.report(
                bad(span, format!("KEDA takes a target of {} for 0", plain(value)))
                    .here("it keeps three decimals, of milliseconds for a latency")
                    .help("write a larger one"),
            );
        }
    }
}

/// Where the file says that no pod may be left.
fn zero(doc: &Document) -> Option<Span> {
    let idle = doc.scaling.keda.idle.as_ref().filter(|idle| ***idle == 0);
    let min = doc.scaling.min.ok().filter(|min| **min == 0).map(|_| doc.scaling.min.span);
    min.or_else(|| idle.map(|idle| idle.span))
}

fn bounds(doc: &Document, cx: &mut Decoder) {
    let (keda, min) = (&doc.scaling.keda, &doc.scaling.min);
    if let (Some(idle), Some(fewest)) = (&keda.idle, min.ok()) {
        // scaledobject_types.go, `CheckReplicaCountBounds`.
        if idle.is_negative() {
            cx.report(bad(idle.span, "a number of pods is not negative").help("write `0`"));
        } else if **idle >= *fewest {
            cx.report(
                conflict(idle.span, format!("`idle` {} is not below `min` {fewest}", **idle))
                    .label(min.span, "the minimum")
                    .help("KEDA rejects it; leave it out: without work the fleet has `min` pods"),
            );
        } else if **idle > 0 {
            cx.report(
                conflict(
                    idle.span,
                    format!("{} idle pods are brought up to `min` at once", **idle),
                )
                .label(min.span, "the HPA's own minimum")
                .help("write `idle = 0`, or lower `min`"),
            );
        }
    }
    if let Some(polling) = keda.polling.as_ref().filter(|polling| polling.get() < 1) {
        cx.report(
            bad(polling.span, "KEDA looks once a second at most").help("write `\"1s\"` or more"),
        );
    }
    if zero(doc).is_none() && min.ok().is_some() {
        // scaledobject_webhook.go warns of both.
        for (value, name, why) in [
            (&keda.polling, "polling", "the HPA asks every 15s, whatever `polling` says"),
            (&keda.cooldown, "cooldown", "`scaling.down` decides how fast the fleet shrinks"),
        ] {
            if let Some(value) = value.as_ref().filter(|value| value.layer >= Layer::File) {
                cx.report(
                    conflict(
                        value.key_span.unwrap_or(value.span),
                        format!("`{name}` counts only where the fleet scales to zero"),
                    )
                    .label(min.span, "here it does not")
                    .help(format!("remove it: {why}")),
                );
            }
        }
    }
}

/// rules.md, keda/wakeless-triggers and, where that is silent, keda/zero-behind-service.
fn from_zero(doc: &Document, followed: &[Follows<'_>], cx: &mut Decoder) {
    let Some(at) = zero(doc).filter(|_| !followed.is_empty()) else { return };
    let service = &doc.outputs.service;
    if !followed.iter().any(|it| it.wakes(doc)) {
        let message = if followed.iter().any(Follows::is_external) {
            "no trigger can wake this service once its pods are gone"
        } else {
            "CPU and memory alone cannot scale to zero"
        };
        cx.report(
            conflict(at, message)
                .here(
                    "without pods there is no latency, no request in flight and no CPU to measure",
                )
                .help(
                    "write `min = 1`, or add a trigger on work that waits elsewhere under \
                     `[[scaling.keda.triggers]]`: a queue, a schedule, PromQL on other series",
                ),
        );
    } else if service.ok() == Some(&true) {
        let help = if service.layer >= Layer::File {
            "write `min = 1`, or `service = false` for a worker that nobody connects to"
        } else {
            "write `min = 1`, or `outputs.service = false` for a worker that nobody connects to"
        };
        cx.report(
            conflict(at, "the first requests after a quiet time find no pod and fail")
                .label(service.span, "a Service sends them here")
                .help(help),
        );
    }
}

/// What of `[scaling.keda.fallback]` the user wrote first.
fn written_fallback(keda: &Keda) -> Option<Span> {
    let fallback = &keda.fallback;
    let replicas = fallback.replicas.as_ref().map(|it| (it.layer, it.key_span.unwrap_or(it.span)));
    let behavior = &fallback.behavior;
    let failures = &fallback.failures;
    [
        Some((behavior.layer, behavior.key_span.unwrap_or(behavior.span))),
        replicas,
        Some((failures.layer, failures.key_span.unwrap_or(failures.span))),
    ]
    .into_iter()
    .flatten()
    .find(|(layer, _)| *layer >= Layer::File)
    .map(|(_, span)| span)
}

fn fallback(doc: &Document, cx: &mut Decoder) {
    let keda = &doc.scaling.keda;
    let written = &keda.fallback;
    if written.failures.ok() == Some(&0) {
        cx.report(
            bad(written.failures.span, "the first failed look would count").help("write `3`"),
        );
    }
    if let (Some(replicas), Some(min), Some(max)) =
        (&written.replicas, doc.scaling.min.ok(), doc.scaling.max.ok())
        && min <= max
        && !(*min..=*max).contains(replicas)
    {
        let (bound, what) = if **replicas < *min {
            (&doc.scaling.min, "`min`")
        } else {
            (&doc.scaling.max, "`max`")
        };
        cx.report(
            conflict(replicas.span, format!("a fallback of {} pods is not to be had", **replicas))
                .label(bound.span, "the HPA keeps to this bound")
                .help(format!("write a number from {min} to {max}, or leave it out for {what}")),
        );
    }
    if written.behavior.ok() == Some(&Fallback::ScalingModifiers) && keda.modifiers.is_none() {
        cx.report(
            conflict(written.behavior.span, "there is no formula that could fill the gap").help(
                "add `scaling.keda.modifiers`, or write `behavior = \"currentReplicasIfHigher\"`",
            ),
        );
        return;
    }
    let (Some(at), Some(version)) = (written_fallback(keda), keda.version.ok()) else { return };
    let finding = match keda::fallback(doc) {
        Ok(_) => return,
        Err(NoFallback::OnlyResources) if followed(doc).is_empty() => return,
        Err(NoFallback::OnlyResources) => {
            conflict(at, "there is no fallback for CPU and memory, which KEDA does not measure")
                .help("remove it, or add another target or trigger")
        }
        Err(NoFallback::Values) => {
            conflict(at, format!("KEDA {version} has no fallback for latencies and other values"))
                .label(keda.version.span, "2.18 is the first version that has")
                .help("remove it: without one the fleet stays as it is; or upgrade KEDA")
        }
        Err(NoFallback::Behavior) => {
            conflict(at, format!("KEDA {version} does not know this behavior"))
                .label(keda.version.span, "the version")
                .help("write `behavior = \"static\"` and `replicas`, or upgrade KEDA")
        }
    };
    cx.report(finding);
}

fn auth(doc: &Document, followed: &[Follows<'_>], cx: &mut Decoder) {
    let Some(auth) = &doc.scaling.keda.auth else { return };
    let found = last_layer([
        written(auth.bearer_token.as_ref(), "bearer_token"),
        written(auth.username.as_ref().or(auth.password.as_ref()), "username"),
    ]);
    exactly_one(auth.at, &found, "`bearer_token` and `username`", cx);
    if let (Some(one), None, other) | (None, Some(one), other) = (
        &auth.username,
        &auth.password,
        if auth.username.is_some() { "password" } else { "username" },
    ) {
        cx.report(
            conflict(one.span, format!("`{other}` is missing beside it"))
                .help(format!("add `{other} = …`, the key of the Secret that holds it")),
        );
    }
    let asked = followed.iter().any(|it| match it {
        Follows::Cpu => false,
        Follows::Written(trigger) => {
            trigger.authentication.is_none() && keda::asks_own_server(trigger, doc)
        }
        _ => true,
    });
    if !asked && !followed.is_empty() {
        cx.report(
            conflict(auth.at, "nothing here asks Prometheus")
                .help("remove it; other triggers name theirs with `authentication`"),
        );
    }
}
