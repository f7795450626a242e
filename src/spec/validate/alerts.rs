//! `[alerts]`.

use super::{bad, check_keys, conflict};
use crate::spec::decode::Decoder;
use crate::spec::leaf;
use crate::spec::tables::Document;
use crate::units::Decimal;

pub(super) fn alerts(doc: &Document, cx: &mut Decoder) {
    let alerts = &doc.alerts;
    check_keys(
        alerts.labels.as_ref(),
        "a label of Prometheus",
        leaf::is_prometheus_label,
        "use letters, digits and `_`, not starting with a digit or `__`",
        cx,
    );
    for (key, value) in alerts.labels.iter().flat_map(|labels| labels.iter()) {
        if ["severity", "namespace", "service", "slo", "tier", "window", "alertname"]
            .contains(&key.as_str())
        {
            cx.report(
                conflict(value.key_span.unwrap_or(value.span), format!("the alert label `{key}` is set by slogen"))
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
            cx.report(
                bad(url.span, "this is no address of a page")
                    .help("write one such as `\"https://runbooks.example.com/inference\"`"),
            );
        }
    }
    if let Some(rps) = alerts.expected_rps.as_ref().filter(|rps| rps.0 <= Decimal::ZERO) {
        cx.report(
            bad(rps.span, "a rate of requests is above 0").help("leave it out if it is not known"),
        );
    }
}
