//! `[metrics]`.

use super::{bad, check_keys, conflict, port_names, unknown_port};
use crate::spec::decode::Decoder;
use crate::spec::leaf;
use crate::spec::tables::{Document, Metrics};
use crate::units::{Decimal, Duration};

pub(super) fn metrics(doc: &Document, cx: &mut Decoder) {
    let metrics = &doc.metrics;
    if let Some(port) = metrics.port.ok()
        && !port_names(&doc.service).contains(&port.0.as_str())
    {
        cx.report(unknown_port(&port.0, metrics.port.span, &doc.service));
    }
    if let Some(version) = metrics.prometheus.ok()
        && !matches!(version, 2 | 3)
    {
        cx.report(
            bad(
                metrics.prometheus.span,
                format!("there is no Prometheus {version} that slogen knows"),
            )
            .help("write the major version: `2` or `3`"),
        );
    }
    times(metrics, cx);
    labels(metrics, cx);
    buckets(metrics, cx);
}

/// Interval, timeout and rate window fit each other.
fn times(metrics: &Metrics, cx: &mut Decoder) {
    if let Some(interval) = metrics.interval.ok() {
        if *interval < Duration::from_secs(1) {
            cx.report(
                bad(metrics.interval.span, format!("a scrape every {interval} is too often"))
                    .help("write at least `\"1s\"`"),
            );
        }
        if *interval > Duration::from_secs(150) {
            cx.report(
                bad(metrics.interval.span, format!("a scrape every {interval} is too rare"))
                    .help("objectives are measured by rates over 5m, which need two scrapes: write at most `\"150s\"`"),
            );
        }
        if let Some(timeout) = &metrics.scrape_timeout
            && **timeout > *interval
        {
            cx.report(
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
            cx.report(
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
            cx.report(
                bad(window.span, "Prometheus counts whole milliseconds").help("drop the fraction"),
            );
        }
    }
}

/// Labels and regular expressions that reach PromQL.
fn labels(metrics: &Metrics, cx: &mut Decoder) {
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
        cx.report(
            bad(errors.span, "nothing marks a failed request")
                .help("write a label and a regular expression, such as `{ status = \"5..\" }`"),
        );
    }
}

fn buckets(metrics: &Metrics, cx: &mut Decoder) {
    if let Some(buckets) = &metrics.buckets {
        let rising = buckets.windows(2).all(|pair| matches!(pair, [a, b] if a.0 < b.0));
        let positive = buckets.first().is_some_and(|first| first.0 > Decimal::ZERO);
        if !rising || !positive {
            cx.report(
                bad(buckets.span, "buckets are bounds above 0 that rise").help(
                    "write them in seconds, from the smallest, such as `[0.1, 0.25, 0.5, 1]`",
                ),
            );
        }
    }
}
