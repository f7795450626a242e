//! The names of the service's own metrics: those written, or what its protocol's usual library exports.

use super::decode::Sourced;
use super::leaf::{Metric, Protocol};
use super::tables::Document;

/// Names of the service's own metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Counter of requests.
    pub requests: String,
    /// Histogram of latencies in seconds, without suffix.
    pub latency: String,
    /// Gauge of requests in flight.
    pub in_flight: String,
}

impl Series {
    /// The names that hold for `doc`.
    pub fn of(doc: &Document) -> Self {
        let grpc = doc.service.protocol.ok() == Some(&Protocol::Grpc);
        let or = |written: &Option<Sourced<Metric>>, http: &str, by_grpc: &str| {
            written.as_ref().map_or_else(
                || if grpc { by_grpc } else { http }.to_owned(),
                |metric| metric.0.clone(),
            )
        };
        let metrics = &doc.metrics;
        Self {
            requests: or(&metrics.requests, "http_requests_total", "grpc_server_handled_total"),
            latency: or(
                &metrics.latency,
                "http_request_duration_seconds",
                "grpc_server_handling_seconds",
            ),
            in_flight: or(&metrics.in_flight, "http_requests_in_flight", "grpc_server_in_flight"),
        }
    }

    /// True for one of these metrics, whatever suffix a histogram gave it.
    pub fn has(&self, metric: &str) -> bool {
        let of_histogram = metric.strip_prefix(&self.latency);
        metric == self.requests
            || metric == self.in_flight
            || of_histogram.is_some_and(|rest| ["", "_bucket", "_count", "_sum"].contains(&rest))
    }
}
