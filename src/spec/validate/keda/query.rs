//! PromQL that a user wrote for KEDA.

use crate::finding::Finding;
use crate::query::{Growth, Query, Unread};
use crate::source::Span;
use crate::spec::decode::{Decoder, Sourced};
use crate::spec::leaf::MetricType;
use crate::spec::validate::{bad, conflict};

/// How a query's result is compared, and where that was written.
pub(super) struct Compared {
    pub(super) how: MetricType,
    pub(super) written: Option<Span>,
}

/// A query of `targets.saturation`.
pub(super) fn of_total(query: &Sourced<String>, cx: &mut Decoder) {
    let compared = Compared { how: MetricType::AverageValue, written: None };
    if let Some(parsed) = result(query, cx) {
        let finding = (parsed.growth() == Growth::Level).then(|| {
            level(query, &compared)
                .help("write the total that waits; for a total that several report alike, put `sum` around it")
        });
        cx.findings.extend(finding);
    }
}

/// A query of a trigger; `compared` is `None` where a formula takes the result.
pub(super) fn of_trigger(query: &Sourced<String>, compared: Option<&Compared>, cx: &mut Decoder) {
    let Some((parsed, compared)) = result(query, cx).zip(compared) else { return };
    let finding = match (parsed.growth(), compared.how) {
        // autoscaling.md 3.2: ceil(0.5 / 0.35) is 2, whatever the size of the fleet.
        (Growth::Level, MetricType::AverageValue) => level(query, compared).help(
            "write `metric_type = \"Value\"`; for a total that several report alike, put `sum` around it",
        ),
        // autoscaling.md 3.2: the ratio stays while the fleet grows, 3 → 18 → 108.
        (Growth::Total, MetricType::Value) => {
            conflict(compared.written.unwrap_or(query.span), "a total compared as `Value` runs to `max`")
                .here("pods that are added do not lower it")
                .label(query.span, "a total over the fleet")
                .help("write `metric_type = \"AverageValue\"`: so much per pod")
        }
        _ => return,
    };
    cx.report(finding);
}

fn level(query: &Sourced<String>, compared: &Compared) -> Finding {
    let at = compared.written.unwrap_or(query.span);
    let finding = conflict(at, "this result is no total that pods could share")
        .here("divided by the number of pods, it shrinks the fleet at peak");
    if at == query.span {
        finding
    } else {
        finding.label(query.span, "a quantile, mean, extreme or ratio")
    }
}

/// The parsed query, if it gives one number.
fn result(query: &Sourced<String>, cx: &mut Decoder) -> Option<Query> {
    let finding = match Query::parse(query) {
        Ok(parsed) if !parsed.is_vector() => {
            // prometheus_scaler.go unmarshals vectors only.
            bad(query.span, "KEDA reads an instant vector, and this is none")
                .help("aggregate it over time and series; put `vector` around a plain number")
        }
        // prometheus_scaler.go: "returned multiple elements".
        Ok(parsed) if !parsed.is_single() => bad(
            query.span,
            "this query can return more than one series",
        )
        .here("KEDA then scales nothing")
        .help(
            "aggregate it, without `by`: put `sum` around a total, `max` or `avg` around the rest",
        ),
        Ok(parsed) => return Some(parsed),
        Err(Unread::Foreign) => return None,
        Err(Unread::Wrong(wrong)) => {
            bad(query.span, format!("this is no PromQL: {}", wrong.reason))
                .help("try it in Prometheus' own page; the query must give one number")
        }
    };
    cx.report(finding);
    None
}
