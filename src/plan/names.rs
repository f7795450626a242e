//! Names of the emitted objects. The guide's commands must work as printed.

use crate::spec::leaf::{Backend, WorkloadKind};
use crate::spec::tables::Document;

/// Names of all objects, derived from the service's.
#[derive(Debug)]
pub struct Names {
    /// Workload, Service, PodDisruptionBudget, NetworkPolicy; value of the label `app`.
    pub service: String,
    /// Headless Service that gives a StatefulSet's pods their DNS names.
    pub headless: Option<String>,
    /// HorizontalPodAutoscaler: slogen's, or the one that KEDA makes.
    pub hpa: String,
    /// ScaledObject.
    pub scaled_object: String,
    /// TriggerAuthentication.
    pub authentication: String,
    /// ServiceMonitor or PodMonitor.
    pub monitor: String,
    /// PrometheusRule.
    pub rules: String,
    /// ConfigMap with the Grafana dashboard.
    pub dashboard: String,
    /// ConfigMap with the rules of prometheus-adapter.
    pub adapter_rules: String,
    /// ServiceAccount, where the pods have one of their own.
    pub service_account: Option<String>,
    /// Stem of the alerts' names.
    pub pascal: String,
}

impl Names {
    pub(super) fn new(doc: &Document) -> Self {
        let service = doc.service.name.0.clone();
        let set = *doc.service.workload == WorkloadKind::StatefulSet;
        let account = doc.service.service_account.as_ref().map(|name| name.0.clone());
        let scaled_object = format!("{service}-keda-slo");
        Self {
            headless: set.then(|| format!("{service}-headless")),
            hpa: match *doc.scaling.backend {
                Backend::Hpa => format!("{service}-slo-hpa"),
                Backend::Keda => format!("keda-hpa-{scaled_object}"),
            },
            scaled_object,
            authentication: format!("{service}-keda-auth"),
            monitor: format!("{service}-metrics"),
            rules: format!("{service}-slo-rules"),
            dashboard: format!("{service}-slo-dashboard"),
            adapter_rules: format!("{service}-adapter-rules"),
            service_account: account
                .or_else(|| doc.outputs.service_account.then(|| service.clone())),
            pascal: pascal(&service),
            service,
        }
    }
}

/// `shop-api` becomes `ShopApi`.
fn pascal(name: &str) -> String {
    name.split('-')
        .flat_map(|part| {
            let mut chars = part.chars();
            chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn alert_names_are_pascal_case() {
        assert_eq!(super::pascal("inference"), "Inference");
        assert_eq!(super::pascal("shop-api-v2"), "ShopApiV2");
    }
}
