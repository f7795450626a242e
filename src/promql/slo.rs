//! Service level indicators, error budgets and burn rates.
//!
//! Two rates are recorded per objective, of bad and of all requests over five minutes. Every window is the
//! quotient of their sums: weighted by traffic, absent without traffic, and never NaN.

use crate::plan::Plan;
use crate::plan::scaling::Scaling;
use crate::plan::slo::{BASE, Indicator, Slo, Tier, ready_replicas};
use crate::plan::targets::Latency;
use crate::units::{Decimal, Duration, plain};

use super::{matcher, selector};

/// Recorded: requests per second that are bad.
pub const BAD: &str = "slo:sli_bad:rate5m";
/// Recorded: requests per second that count at all.
pub const TOTAL: &str = "slo:sli_total:rate5m";
/// Recorded: the objective.
pub const OBJECTIVE: &str = "slo:objective:ratio";
/// Recorded: what the objective leaves of one.
pub const BUDGET: &str = "slo:error_budget:ratio";
/// Recorded: how fast the budget burns now.
pub const CURRENT_BURN_RATE: &str = "slo:current_burn_rate:ratio";
/// Recorded: how fast it burnt over the whole period.
pub const PERIOD_BURN_RATE: &str = "slo:period_burn_rate:ratio";
/// Recorded: the share of the budget that is left.
pub const BUDGET_REMAINING: &str = "slo:period_error_budget_remaining:ratio";

/// Name of the recorded share of bad requests over `window`.
pub fn ratio_name(window: Duration) -> String {
    format!("slo:sli_error:ratio_rate{window}")
}

/// A recorded series of `slo`.
pub fn recorded(name: &str, slo: &Slo) -> String {
    format!("{name}{{{}}}", matcher("slo_id", "=", &slo.id))
}

/// Bad requests per second. 0, not absent, before the first one.
pub fn bad(plan: &Plan<'_>, slo: &Slo) -> String {
    let scrape = &plan.scrape;
    match &slo.indicator {
        Indicator::Errors => {
            let failed = sum_rate(&scrape.requests, &selector(plan, &scrape.errors));
            format!("{failed} or 0 * {}", sum_rate(&scrape.requests, &selector(plan, &[])))
        }
        Indicator::Latency(target) if scrape.native_histograms => {
            let all = sum_rate(&scrape.latency, &good_requests(plan));
            let bound = plain(target.below.seconds());
            let count = format!("histogram_count({all})");
            // Without traffic the fraction is NaN, which would spoil every sum that it enters.
            format!("(1 - histogram_fraction(0, {bound}, {all})) * ({count} > 0) or 0 * {count}")
        }
        Indicator::Latency(target) => {
            let within = format!("{},{}", good_requests(plan), bucket(plan, target));
            let fast = sum_rate(&format!("{}_bucket", scrape.latency), &within);
            format!("clamp_min({} - {fast}, 0)", total(plan, slo))
        }
    }
}

/// Requests per second that count.
pub fn total(plan: &Plan<'_>, slo: &Slo) -> String {
    let scrape = &plan.scrape;
    match &slo.indicator {
        Indicator::Errors => sum_rate(&scrape.requests, &selector(plan, &[])),
        Indicator::Latency(_) if scrape.native_histograms => {
            format!("histogram_count({})", sum_rate(&scrape.latency, &good_requests(plan)))
        }
        Indicator::Latency(_) => {
            sum_rate(&format!("{}_count", scrape.latency), &good_requests(plan))
        }
    }
}

/// Share of bad requests over `window`, from the recorded rates; absent where there was no traffic.
pub fn ratio(slo: &Slo, window: Duration) -> String {
    let (bad, total) = (recorded(BAD, slo), recorded(TOTAL, slo));
    if window == BASE {
        return format!("{bad} / ({total} > 0)");
    }
    format!("sum_over_time({bad}[{window}]) / (sum_over_time({total}[{window}]) > 0)")
}

/// A number as a series of its own.
pub fn constant(value: Decimal) -> String {
    format!("vector({})", plain(value))
}

/// How many times too fast the budget burns over `window`; 1 spends it exactly within the period.
pub fn burn_rate(slo: &Slo, window: Duration) -> String {
    format!("{} / {}", windowless(slo, window), plain(slo.budget))
}

/// The share of the budget that is left.
pub fn budget_remaining(slo: &Slo) -> String {
    format!("1 - {}", recorded(PERIOD_BURN_RATE, slo))
}

/// Both windows of `tier` burn too fast, and a ticket's long window holds enough to judge by.
pub fn burns(slo: &Slo, tier: &Tier) -> String {
    let over = |window| format!("({} > {})", windowless(slo, window), plain(tier.threshold));
    let both = format!("{} and {}", over(tier.short), over(tier.long));
    match tier.gate {
        Some(samples) => {
            let total = recorded(TOTAL, slo);
            format!(
                "{both} and on () (count_over_time({total}[{}]) > {})",
                tier.long,
                plain(samples)
            )
        }
        None => both,
    }
}

/// The recorded share without the label that would keep two windows from matching.
fn windowless(slo: &Slo, window: Duration) -> String {
    format!("max without (slo_window) ({})", recorded(&ratio_name(window), slo))
}

/// The fleet is as large as it may get, and the budget burns too fast; `None` for a fixed fleet.
pub fn at_max_replicas(plan: &Plan<'_>, slo: &Slo) -> Option<String> {
    let Scaling::Auto(_) = plan.scaling else { return None };
    let labels = [
        matcher("namespace", "=", &plan.spec.doc.service.namespace.0),
        matcher("horizontalpodautoscaler", "=", &plan.names.hpa),
    ]
    .join(",");
    let burning = recorded(CURRENT_BURN_RATE, slo);
    Some(format!(
        "kube_horizontalpodautoscaler_status_current_replicas{{{labels}}} == \
         kube_horizontalpodautoscaler_spec_max_replicas{{{labels}}} and on () ({burning} > 1)"
    ))
}

/// The series that the indicator counts are gone, although pods are ready.
pub fn absent(plan: &Plan<'_>, slo: &Slo) -> String {
    let scrape = &plan.scrape;
    let series = match &slo.indicator {
        Indicator::Errors => scrape.requests.clone(),
        Indicator::Latency(_) if scrape.native_histograms => scrape.latency.clone(),
        Indicator::Latency(_) => format!("{}_count", scrape.latency),
    };
    let (ready, label) = ready_replicas(*plan.spec.doc.service.workload);
    let workload = [
        matcher("namespace", "=", &plan.spec.doc.service.namespace.0),
        matcher(label, "=", &plan.names.service),
    ]
    .join(",");
    let gone = format!("absent({series}{{{}}})", selector(plan, &[]));
    format!("{gone} and on () (sum({ready}{{{workload}}}) > 0)")
}

/// Requests are counted, and none of their buckets ends at the target; `None` for native histograms.
pub fn bucket_missing(plan: &Plan<'_>, target: &Latency) -> Option<String> {
    let scrape = &plan.scrape;
    if scrape.native_histograms {
        return None;
    }
    let (latency, all) = (&scrape.latency, selector(plan, &[]));
    let le = bucket(plan, target);
    Some(format!(
        "count({latency}_count{{{all}}}) unless on () count({latency}_bucket{{{all},{le}}})"
    ))
}

fn sum_rate(metric: &str, selector: &str) -> String {
    format!("sum(rate({metric}{{{selector}}}[{BASE}]))")
}

/// The requests whose latency counts: failed ones are counted as errors already.
fn good_requests(plan: &Plan<'_>) -> String {
    let all = selector(plan, &[]);
    match plan.scrape.errors.as_slice() {
        [(label, regex)] => format!("{all},{}", matcher(label, "!~", regex)),
        // Several labels fail a request together; no set of matchers says "not all of these".
        _ => all,
    }
}

/// The matcher of the bucket that ends at the target. Prometheus 2 keeps `le="1"` as the application writes it,
/// Prometheus 3 stores `le="1.0"` (prometheus docs/migration.md).
pub(super) fn bucket(plan: &Plan<'_>, target: &Latency) -> String {
    let bound = target.below.seconds();
    let text = plain(bound);
    match (bound.is_integer(), *plan.spec.doc.metrics.prometheus) {
        (false, _) => matcher("le", "=", &text),
        (true, 3) => matcher("le", "=", &format!("{text}.0")),
        (true, _) => matcher("le", "=~", &format!("{text}(\\.0)?")),
    }
}
