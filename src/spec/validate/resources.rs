//! `[resources]`.

use super::conflict;
use crate::source::Span;
use crate::spec::decode::{Decoder, Sourced};
use crate::spec::tables::Document;
use crate::units::Decimal;

pub(super) fn resources(doc: &Document, cx: &mut Decoder) {
    let (requests, limits) = (&doc.resources.requests, &doc.resources.limits);
    let mut above = |name: &str,
                     request: Option<(Decimal, Span, String)>,
                     limit: Option<(Decimal, Span, String)>| {
        if let (Some((request, at, request_text)), Some((limit, place, limit_text))) =
            (request, limit)
            && request > limit
        {
            cx.report(
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
