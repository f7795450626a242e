//! What is measured, under which names, and what "good" means.

use crate::spec::decode::Map;
use crate::spec::keda::short;
use crate::spec::leaf::{LabelConflict, Protocol, Regex, Stack, Url};
use crate::spec::series::Series;
use crate::spec::tables::{Document, Metrics};
use crate::units::{Decimal, Duration, Ratio, plain};

use super::names::Names;
use super::{Decided, Derived};

/// How Prometheus sees the service.
#[derive(Debug)]
pub struct Scrape {
    /// How long a scrape may take.
    pub timeout: Decided<Duration>,
    /// Range of rates in queries.
    pub rate_window: Decided<Duration>,
    /// The `job` label of the service's series.
    pub job: String,
    /// Labels with exact values that single out the requests that count, as Prometheus stores them.
    pub selector: Vec<(String, String)>,
    /// Labels with regular expressions that together mark a failed request, as Prometheus stores them.
    pub errors: Vec<(String, String)>,
    /// Counter of requests.
    pub requests: String,
    /// Histogram of latencies in seconds, without suffix.
    pub latency: String,
    /// Gauge of requests in flight.
    pub in_flight: String,
    /// The latency histogram is a native one.
    pub native_histograms: bool,
    /// Where Prometheus answers queries.
    pub server: Decided<Url>,
}

/// All targets of the service.
#[derive(Debug)]
pub struct Targets {
    /// One a percentile.
    pub latency: Vec<Latency>,
    /// Share of requests that may fail.
    pub errors: Option<Ratio>,
    /// Requests in flight.
    pub in_flight: Option<InFlight>,
    /// Share of the CPU request in use.
    pub cpu: Option<Ratio>,
}

/// A latency target.
#[derive(Clone, Debug)]
pub struct Latency {
    /// Such as 95.
    pub percentile: Decimal,
    /// The bound.
    pub below: Duration,
    /// `p95`.
    pub short: String,
    /// Name of the metric that the autoscaler reads.
    pub metric: String,
}

/// The target of requests in flight.
#[derive(Debug)]
pub struct InFlight {
    /// Mean per pod.
    pub per_pod: Decimal,
    /// Name of the metric that the autoscaler reads.
    pub metric: String,
}

/// Labels that the Prometheus Operator sets on every series (promcfg.go); an application's own label of that
/// name arrives as `exported_<name>`.
const TARGET_LABELS: [&str; 8] =
    ["namespace", "pod", "service", "container", "job", "endpoint", "instance", "node"];

/// The name under which Prometheus stores an application's label.
pub fn stored_label(label: &str, on_conflict: LabelConflict) -> String {
    if on_conflict == LabelConflict::Exported && TARGET_LABELS.contains(&label) {
        format!("exported_{label}")
    } else {
        label.to_owned()
    }
}

/// gRPC codes that are the server's fault (grpc.io, "Status codes and their use").
const GRPC_ERRORS: &str = "Unknown|DeadlineExceeded|Unimplemented|Internal|Unavailable|DataLoss";

impl Scrape {
    pub(super) fn new(doc: &Document, names: &Names) -> Self {
        let metrics = &doc.metrics;
        let interval = *metrics.interval;
        let grpc = *doc.service.protocol == Protocol::Grpc;
        let series = Series::of(doc);
        let stored = |label: &str| stored_label(label, *metrics.on_label_conflict);
        let selector = metrics.selector.iter().flat_map(|map| map.iter());
        let errors = |map: &Map<Regex>| {
            map.iter().map(|(label, value)| (stored(label), value.0.clone())).collect()
        };
        let default_errors = || {
            let (label, values) = if grpc { ("grpc_code", GRPC_ERRORS) } else { ("status", "5..") };
            vec![(label.to_owned(), values.to_owned())]
        };
        Self {
            timeout: match &metrics.scrape_timeout {
                Some(timeout) => Decided::written(**timeout),
                // Prometheus' own default is 10s; the operator drops endpoints whose timeout exceeds the interval.
                None => Decided::derived(
                    Duration::from_secs(10).min(interval),
                    format!("10s, at most metrics.interval {interval}"),
                ),
            },
            rate_window: match &metrics.rate_window {
                Some(window) => Decided::written(**window),
                // Four scrapes survive one that is lost and any alignment (alerts.md 3h); below 1m quantiles jump.
                None => Decided::derived(
                    interval.times(4).max(Duration::from_secs(60)),
                    format!("4 × metrics.interval {interval}, at least 1m"),
                ),
            },
            // The monitors take `job` from the label `app`, which no kustomize prefix changes.
            job: names.service.clone(),
            selector: selector.map(|(label, value)| (stored(label), (**value).clone())).collect(),
            errors: metrics.errors.as_ref().map_or_else(default_errors, |map| errors(map)),
            requests: series.requests,
            latency: series.latency,
            in_flight: series.in_flight,
            native_histograms: *metrics.native_histograms,
            server: match &metrics.prometheus_url {
                Some(url) => Decided::written((**url).clone()),
                None => server(metrics),
            },
        }
    }

    pub(super) fn why(&self, derived: &mut Derived) {
        derived.add("metrics.scrape_timeout", &self.timeout);
        derived.add("metrics.rate_window", &self.rate_window);
        derived.add("metrics.prometheus_url", &self.server);
    }
}

/// The Service through which the stack offers Prometheus.
fn server(metrics: &Metrics) -> Decided<Url> {
    let namespace = &metrics.monitoring_namespace.0;
    let (service, of) = match *metrics.stack {
        Stack::KubePrometheusStack => (chart_service(&metrics.release.0), ", metrics.release"),
        Stack::KubePrometheus => ("prometheus-k8s".to_owned(), ""),
        // The operator makes it for every Prometheus.
        Stack::Plain => ("prometheus-operated".to_owned(), ""),
    };
    let url =
        Url { base: format!("http://{service}.{namespace}.svc"), port: 9090, path: String::new() };
    Decided::derived(url, format!("Service of metrics.stack{of} in metrics.monitoring_namespace"))
}

/// Name of the chart's Service (kube-prometheus-stack, `_helpers.tpl`): full names are cut to 26 characters.
fn chart_service(release: &str) -> String {
    const CHART: &str = "kube-prometheus-stack";
    let full =
        if release.contains(CHART) { release.to_owned() } else { format!("{release}-{CHART}") };
    let cut: String = full.chars().take(26).collect();
    format!("{}-prometheus", cut.trim_end_matches('-'))
}

impl Targets {
    pub(super) fn new(doc: &Document, scrape: &Scrape) -> Self {
        let targets = &doc.targets;
        let stem = scrape.latency.strip_suffix("_seconds").unwrap_or(&scrape.latency);
        let latency = targets.latency.iter().flat_map(|list| list.iter()).map(|target| {
            let percentile = target.percentile.0;
            let short = short(target);
            Latency { percentile, below: *target.below, metric: format!("{stem}_{short}"), short }
        });
        Self {
            latency: latency.collect(),
            errors: targets.errors.as_ref().map(|target| *target.below),
            in_flight: targets.in_flight.as_ref().map(|target| InFlight {
                per_pod: target.per_pod.0,
                metric: scrape.in_flight.clone(),
            }),
            cpu: targets.cpu.as_ref().map(|target| *target.utilization),
        }
    }

    pub(super) fn why(&self, derived: &mut Derived) {
        for latency in &self.latency {
            let budget = Ratio::from_percent(latency.percentile).complement();
            let formula = format!("100% − percentile {}", plain(latency.percentile));
            derived.add(
                &format!("error budget of {}", latency.short),
                &Decided::derived(budget, formula),
            );
        }
        if let Some(below) = self.errors {
            derived.add("error budget of errors", &Decided::derived(below, "targets.errors.below"));
        }
    }
}

/// The largest latency target of `doc`.
pub(super) fn slowest(doc: &Document) -> Option<Duration> {
    doc.targets.latency.iter().flat_map(|list| list.iter()).map(|target| *target.below).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_the_operator_are_exported() {
        assert_eq!(stored_label("endpoint", LabelConflict::Exported), "exported_endpoint");
        assert_eq!(stored_label("endpoint", LabelConflict::Honor), "endpoint");
        assert_eq!(stored_label("route", LabelConflict::Exported), "route");
    }

    #[test]
    fn the_charts_service_is_known() {
        for (release, service) in [
            ("prometheus", "prometheus-kube-prometheus-prometheus"),
            ("kps", "kps-kube-prometheus-stack-prometheus"),
            ("kube-prometheus-stack", "kube-prometheus-stack-prometheus"),
            ("observability", "observability-kube-prometh-prometheus"),
        ] {
            assert_eq!(chart_service(release), service);
        }
    }
}
