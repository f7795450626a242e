//! `[targets]`, and burn-rate tiers against them.

use super::{bad, conflict, unique};
use crate::finding::Finding;
use crate::source::Span;
use crate::spec::concurrency::caps;
use crate::spec::decode::{Decoder, Sourced};
use crate::spec::tables::{Document, LatencyTarget, Metrics};
use crate::spec::tiers;
use crate::spec::tiers::Tier;
use crate::units::{Decimal, Duration, Ratio, plain};

pub(super) fn targets(doc: &Document, cx: &mut Decoder) {
    let targets = &doc.targets;
    if let Some(window) = targets.window.ok()
        && *window < Duration::from_secs(86_400)
    {
        cx.report(
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
            cx.report(
                bad(errors.below.span, "an objective of 100 % leaves no error budget")
                    .help("allow a share that is above zero, such as `\"0.1%\"`"),
            );
        } else if below.value() >= Decimal::ONE {
            cx.report(
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
            cx.report(
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

pub(super) fn whole_percent(ratio: &Sourced<Ratio>, cx: &mut Decoder) {
    if let Some(value) = ratio.ok()
        && (!value.percent().is_integer()
            || value.value().is_zero()
            || value.percent() > Decimal::from(10_000))
    {
        cx.report(
            bad(ratio.span, format!("a utilisation of {value} cannot be a target"))
                .help("the HPA takes whole percents above zero, such as `\"80%\"`"),
        );
    }
}

fn latency_bound(latency: &LatencyTarget, metrics: &Metrics, cx: &mut Decoder) {
    let Some(below) = latency.below.ok() else { return };
    if below.is_zero() {
        cx.report(
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
    cx.report(
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
    for (name, span, cap) in caps(doc) {
        // autoscaling.md 5, number 56: the gauge saturates at the cap and never exceeds the HPA's tolerance.
        let most = Decimal::from(cap) * Decimal::new(9, 1);
        if per_pod.0 > most {
            let message = format!(
                "an in-flight target of {} is above 0.9 × the cap of {cap}",
                plain(per_pod.0)
            );
            cx.report(
                conflict(target.per_pod.span, message)
                    .here("the gauge stops at the cap, so the fleet would never grow")
                    .label(span, format!("{name} caps the pod at {cap}"))
                    .help(format!("write at most {}, or raise the cap", plain(most))),
            );
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
        low_traffic(&tier, doc, cx);
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
            cx.report(if written {
                finding.label(span, "the target whose budget it is")
            } else {
                finding
            });
        }
    }
}

/// One bad request in a quiet hour must wake nobody.
fn low_traffic(tier: &Tier, doc: &Document, cx: &mut Decoder) {
    let Some(rps) = &doc.alerts.expected_rps else { return };
    if tier.severity != tiers::PAGE {
        return;
    }
    for (budget, what, span) in budgets(doc) {
        let Some(least) = tiers::least_rate(tier.factor * budget, tier.long) else { continue };
        if rps.0 > Decimal::ZERO && rps.0 < least {
            let shown = plain(least.round_sf(2).unwrap_or(least));
            let message = format!(
                "at {} requests per second one bad request fires tier `{}` on {what}",
                plain(rps.0),
                tier.name
            );
            cx.report(
                Finding::error("spec/low-traffic", rps.span, message)
                    .label(span, "the target whose budget it is")
                    .help(format!(
                        "it takes {shown} requests per second; lower the objective, lengthen the windows in \
                         `alerts.tiers`, or set `alerts.burn_rate = false`"
                    )),
            );
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
        cx.report(bad(place, message).help(format!(
            "write a short window below the long one, and the long one at most {window}"
        )));
    }
    if tier.factor <= Decimal::ZERO {
        cx.report(
            bad(place, format!("factor {} is not above 0", plain(tier.factor)))
                .help("a burn rate of 1 spends the budget exactly in the window"),
        );
    }
}
