//! What a slo.toml declares, for the rules that compare manifests with it.

use crate::cluster::{Declared, Written};
use crate::plan::Plan;
use crate::spec::Spec;
use crate::spec::decode::Sourced;

/// What `spec` says of its service.
pub fn declared(spec: &Spec) -> Declared {
    let plan = Plan::new(spec);
    let doc = &spec.doc;
    let latencies = doc.targets.latency.iter().flat_map(|targets| targets.iter());
    let slowest = latencies.map(|target| written(&target.below)).max_by_key(|below| below.value);
    let strictest = plan.slos.iter().max_by_key(|slo| slo.objective.value());
    let metrics = [&plan.scrape.requests, &plan.scrape.latency, &plan.scrape.in_flight];
    Declared {
        name: plan.names.service.clone(),
        namespace: doc.service.namespace.0.clone(),
        startup: doc.probes.model_load.as_ref().map(written),
        slowest,
        objective: strictest
            .map(|slo| Written { value: slo.objective.value(), span: doc.targets.at }),
        interval: Some(written(&doc.metrics.interval)),
        selector_labels: doc
            .metrics
            .selector
            .iter()
            .flat_map(|map| map.iter())
            .map(|(label, value)| Written {
                value: label.clone(),
                span: value.key_span.unwrap_or(value.span),
            })
            .collect(),
        metrics: metrics.into_iter().cloned().collect(),
    }
}

fn written<T: Clone>(value: &Sourced<T>) -> Written<T> {
    Written { value: (**value).clone(), span: value.span }
}
