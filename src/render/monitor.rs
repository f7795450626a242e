//! ServiceMonitor and PodMonitor.

use crate::kinds::LabelSelector;
use crate::kinds::monitoring::{
    Endpoint, PodMetricsEndpoint, PodMonitor, PodMonitorSpec, ServiceMonitor, ServiceMonitorSpec,
};
use crate::plan::Plan;
use crate::spec::leaf::LabelConflict;

use super::metadata;

pub(super) fn service_monitor(plan: &Plan<'_>) -> ServiceMonitor {
    let metrics = &plan.spec.doc.metrics;
    let endpoint = Endpoint {
        port: Some(metrics.port.0.clone()),
        path: Some(metrics.path.0.clone()),
        scheme: Some(metrics.scheme.word().to_owned()),
        interval: Some(metrics.interval.to_string()),
        scrape_timeout: Some(plan.scrape.timeout.value.to_string()),
        honor_labels: honor_labels(plan),
        ..Endpoint::default()
    };
    let spec = ServiceMonitorSpec {
        selector: selector(plan),
        job_label: Some("app".to_owned()),
        scrape_native_histograms: native_histograms(plan),
        endpoints: vec![endpoint],
        ..ServiceMonitorSpec::default()
    };
    ServiceMonitor::new(metadata::monitoring(plan, &plan.names.monitor, false), spec)
}

/// Scrapes the pods themselves, where there is no Service to find them by.
pub(super) fn pod_monitor(plan: &Plan<'_>) -> PodMonitor {
    let metrics = &plan.spec.doc.metrics;
    let endpoint = PodMetricsEndpoint {
        port: Some(metrics.port.0.clone()),
        path: Some(metrics.path.0.clone()),
        scheme: Some(metrics.scheme.word().to_owned()),
        interval: Some(metrics.interval.to_string()),
        scrape_timeout: Some(plan.scrape.timeout.value.to_string()),
        honor_labels: honor_labels(plan),
        ..PodMetricsEndpoint::default()
    };
    let spec = PodMonitorSpec {
        selector: selector(plan),
        job_label: Some("app".to_owned()),
        scrape_native_histograms: native_histograms(plan),
        pod_metrics_endpoints: vec![endpoint],
        ..PodMonitorSpec::default()
    };
    PodMonitor::new(metadata::monitoring(plan, &plan.names.monitor, false), spec)
}

fn selector(plan: &Plan<'_>) -> LabelSelector {
    LabelSelector { match_labels: metadata::selector_labels(plan), ..LabelSelector::default() }
}

fn native_histograms(plan: &Plan<'_>) -> Option<bool> {
    plan.scrape.native_histograms.then_some(true)
}

fn honor_labels(plan: &Plan<'_>) -> Option<bool> {
    (*plan.spec.doc.metrics.on_label_conflict == LabelConflict::Honor).then_some(true)
}
