//! What a slo.toml declares, for the rules that compare manifests with it.

use crate::cluster::{BurnTier, Declared, LatencyBound, Objective, ServiceSeries, Written};
use crate::finding::Finding;
use crate::plan::Plan;
use crate::plan::scaling::Scaling;
use crate::plan::slo::{Indicator, Slo};
use crate::source::{Files, sha256};
use crate::spec::decode::Sourced;
use crate::spec::{self, Spec};

/// What `source` says of its service, with and without its overlays. One that does not load is left out: nothing is
/// rendered with it either.
pub fn read(source: &spec::Source, files: &Files) -> Result<Declared, Vec<Finding>> {
    let with = |name: Option<&str>| -> Result<Declared, Vec<Finding>> {
        let spec = source.clone().load(files, name)?;
        Ok(of_user(declared(&spec), files))
    };
    let overlays = source.overlays();
    let overlays = overlays.iter().filter_map(|name| with(Some(name)).ok()).collect();
    let text = &files.get(source.file).text;
    let lines = text.replace("\r\n", "\n");
    let digests = vec![sha256(text), sha256(&lines), sha256(&lines.replace('\n', "\r\n"))];
    Ok(Declared { digests, overlays, ..with(None)? })
}

/// Without the buckets of slogen's own profiles: they are none that somebody said the application has.
fn of_user(mut declared: Declared, files: &Files) -> Declared {
    let series = &mut declared.series;
    series.buckets = series.buckets.take().filter(|it| !files.get(it.span.file).embedded);
    declared
}

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
        objectives: plan.slos.iter().map(|slo| objective(slo, spec)).collect(),
        series: series(&plan),
        in_flight: doc
            .targets
            .in_flight
            .as_ref()
            .map(|target| Written { value: target.per_pod.0, span: target.per_pod.span }),
        window: written(&doc.targets.window),
        retention: doc.metrics.retention.as_ref().map(written),
        expected_rps: doc
            .alerts
            .expected_rps
            .as_ref()
            .map(|rate| Written { value: rate.0, span: rate.span }),
        least_pods: match &plan.scaling {
            Scaling::Fixed(pods) => *pods,
            Scaling::Auto(autoscaler) => autoscaler.min,
        },
        wants_absence: *doc.alerts.absent,
        digests: Vec::new(),
        overlays: Vec::new(),
    }
}

fn objective(slo: &Slo, spec: &Spec) -> Objective {
    let targets = &spec.doc.targets;
    let (latency, span) = match &slo.indicator {
        Indicator::Latency(target) => {
            let mut written_targets = targets.latency.iter().flat_map(|list| list.iter());
            let own = written_targets.find(|it| it.percentile.0 == target.percentile);
            let bound = LatencyBound {
                percentile: target.percentile,
                below: Written {
                    value: target.below,
                    span: own.map_or(targets.at, |own| own.below.span),
                },
                metric: target.metric.clone(),
            };
            (Some(bound), own.map(|own| own.percentile.span))
        }
        Indicator::Errors => (None, targets.errors.as_ref().map(|errors| errors.below.span)),
    };
    let tier = |tier: &crate::plan::slo::Tier| BurnTier {
        name: tier.name.clone(),
        short: tier.short,
        long: tier.long,
        threshold: tier.threshold,
    };
    Objective {
        id: slo.id.clone(),
        name: slo.name.clone(),
        latency,
        budget: Written { value: slo.budget, span: span.unwrap_or(targets.at) },
        tiers: slo.tiers.iter().map(tier).collect(),
    }
}

fn series(plan: &Plan<'_>) -> ServiceSeries {
    let (scrape, metrics) = (&plan.scrape, &plan.spec.doc.metrics);
    let window = metrics.rate_window.as_ref();
    let buckets = metrics.buckets.as_ref().filter(|_| !scrape.native_histograms);
    ServiceSeries {
        requests: scrape.requests.clone(),
        latency: scrape.latency.clone(),
        in_flight: scrape.in_flight.clone(),
        buckets: buckets.map(|buckets| Written {
            value: buckets.iter().map(|bound| bound.0).collect(),
            span: buckets.span,
        }),
        selector: scrape.selector.clone(),
        exported: metrics.selector.iter().flat_map(|map| map.keys().cloned()).collect(),
        errors: scrape.errors.clone(),
        errors_span: metrics.errors.as_ref().map_or(metrics.at, |errors| errors.span),
        rate_window: Written {
            value: scrape.rate_window.value,
            span: window.map_or(metrics.interval.span, |window| window.span),
        },
        rate_window_is_written: window.is_some(),
        prometheus: *metrics.prometheus,
    }
}

fn written<T: Clone>(value: &Sourced<T>) -> Written<T> {
    Written { value: (**value).clone(), span: value.span }
}
