//! How many replicas one metric asks for: `pkg/controller/podautoscaler/replica_calculator.go`,
//! `pkg/controller/podautoscaler/metrics/utilization.go`, and the choice between their functions in
//! `computeReplicasForMetric` of `horizontal.go`.

use std::fmt;

use super::go;
use super::pods::{PodSamples, Requests};
use super::spec::{Metric, Source, Target, Tolerances};

/// What a metric reads at one moment, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading<'a> {
    /// The metrics API answers with an error.
    Failed,
    /// A sample for each pod: of Resource, `ContainerResource` and Pods metrics.
    Pods(PodSamples),
    /// Each series that the API returns: of Object and External metrics.
    Series(&'a [i64]),
}

/// The replicas that the calculation starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// `spec.replicas` of the scale subresource.
    pub replicas: i32,
    /// `status.replicas` of it: with the pods that a rolling update adds. The `AverageValue` of Object and External
    /// metrics is relative to it.
    pub status_replicas: i32,
    /// How many pods the selector finds.
    pub pods: i32,
    /// How many of them are running and ready.
    pub ready: i32,
}

/// What a metric asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proposal {
    /// Replicas.
    pub replicas: i32,
    /// What the HPA shows as current value: thousandths, for a `Value` target in all, else per pod.
    pub usage: i64,
    /// For a `Utilization` target, what the HPA shows as current utilization: whole percent, rounded down.
    pub utilization: Option<i32>,
}

/// Why a metric asks for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricError {
    /// The metrics API answers with an error or with nothing.
    Unavailable,
    /// The selector finds no pod.
    NoPods,
    /// None of the samples belongs to a pod that counts.
    NoSamples,
    /// Utilization of a resource that not every container requests.
    NoRequest,
    /// Utilization, and no sample belongs to any pod of the workload; or all request 0.
    NoMatch,
    /// The metric has no target that its type knows.
    NoTarget,
}

impl fmt::Display for MetricError {
    /// As upstream words it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unavailable => "no metrics returned from the metrics API",
            Self::NoPods => "no pods returned by selector while calculating replica count",
            Self::NoSamples => "did not receive metrics for targeted pods (pods might be unready)",
            Self::NoRequest => "missing request for the resource in a container of the pods",
            Self::NoMatch => "no metrics returned matched known pods",
            Self::NoTarget => "neither a value target nor an average value target was set",
        })
    }
}

/// How many replicas `metric` asks for when it reads `reading`: `computeReplicasForMetric`.
pub fn propose(
    metric: &Metric,
    reading: &Reading<'_>,
    fleet: Fleet,
    tolerances: Tolerances,
) -> Result<Proposal, MetricError> {
    match (&metric.source, metric.target) {
        (
            Source::Resource { .. } | Source::ContainerResource { .. },
            Target::Utilization(target),
        ) => utilization(samples(reading)?, target, fleet, tolerances),
        (
            Source::Resource { .. } | Source::ContainerResource { .. } | Source::Pods { .. },
            Target::AverageValue(target),
        ) => average_of_pods(samples(reading)?, target, fleet, tolerances),
        (Source::Object { .. }, Target::Value(target)) => {
            value(total(series(reading)?), target, fleet, tolerances)
        }
        (Source::External { .. }, Target::Value(target)) => {
            value(total(series(reading)?), target, fleet, tolerances)
        }
        (Source::Object { .. }, Target::AverageValue(target)) => {
            let usage = total(series(reading)?);
            Ok(average_of_object(usage, target, fleet, tolerances))
        }
        (Source::External { .. }, Target::AverageValue(target)) => {
            let usage = total_or_most(series(reading)?);
            Ok(average_of_external(usage, target, fleet, tolerances))
        }
        _ => Err(MetricError::NoTarget),
    }
}

fn samples<'a>(reading: &'a Reading<'_>) -> Result<&'a PodSamples, MetricError> {
    match reading {
        Reading::Pods(samples) => Ok(samples),
        Reading::Failed | Reading::Series(_) => Err(MetricError::Unavailable),
    }
}

/// `GetExternalMetric` of `metrics/client.go` makes an error of an empty answer.
fn series<'a>(reading: &Reading<'a>) -> Result<&'a [i64], MetricError> {
    match reading {
        Reading::Series(series) if !series.is_empty() => Ok(series),
        Reading::Series(_) | Reading::Failed | Reading::Pods(_) => Err(MetricError::Unavailable),
    }
}

/// The sum that `GetExternalMetricReplicas` makes: too much is the most there is, and ends it.
fn total(series: &[i64]) -> i64 {
    let mut usage = 0_i64;
    for value in series {
        if *value > 0 && usage > i64::MAX - value {
            return i64::MAX;
        }
        usage = usage.wrapping_add(*value);
    }
    usage
}

/// The sum that `GetExternalPerPodMetricReplicas` makes: what is negative on the way is taken for an overflow.
fn total_or_most(series: &[i64]) -> i64 {
    let mut usage = 0_i64;
    for value in series {
        usage = usage.wrapping_add(*value);
        if usage < 0 {
            return i64::MAX;
        }
    }
    usage
}

/// `GetResourceReplicas`.
fn utilization(
    samples: &PodSamples,
    target: i32,
    fleet: Fleet,
    tolerances: Tolerances,
) -> Result<Proposal, MetricError> {
    known(samples)?;
    let requests = samples.requests.ok_or(MetricError::NoRequest)?;
    let (ratio, percent) = utilization_ratio(requests.usage, requests.sampled, target)?;
    let average = requests.usage.checked_div(samples.ready).unwrap_or_default();
    let again = |fill: Fill| {
        let Requests { usage, sampled, unready, missing, missing_fill } = requests;
        let usage = usage.wrapping_add(if fill.down { missing_fill } else { 0 });
        let request = sampled
            .wrapping_add(if fill.missing { missing } else { 0 })
            .wrapping_add(if fill.unready { unready } else { 0 });
        utilization_ratio(usage, request, target).map(|(ratio, _)| ratio)
    };
    let replicas = of_pods(samples, ratio, again, fleet, tolerances)?;
    Ok(Proposal { replicas, usage: average, utilization: Some(percent) })
}

/// `GetResourceUtilizationRatio` of `metrics/utilization.go`: percent are cut to whole ones before the ratio.
fn utilization_ratio(usage: i64, request: i64, target: i32) -> Result<(f64, i32), MetricError> {
    if request == 0 {
        return Err(MetricError::NoMatch);
    }
    let percent = go::low32(usage.wrapping_mul(100).wrapping_div(request));
    Ok((f64::from(percent) / f64::from(target), percent))
}

/// `calcPlainMetricReplicas`, with `GetMetricUsageRatio` of `metrics/utilization.go`: the average is cut to whole
/// thousandths before the ratio.
fn average_of_pods(
    samples: &PodSamples,
    target: i64,
    fleet: Fleet,
    tolerances: Tolerances,
) -> Result<Proposal, MetricError> {
    known(samples)?;
    let average = |usage: i64, samples: i64| usage.wrapping_div(samples.max(1));
    let ratio = |average: i64| go::float(average) / go::float(target);
    let usage = average(samples.usage, samples.samples);
    let again = |fill: Fill| {
        let filled = if fill.down { target.wrapping_mul(samples.missing) } else { 0 };
        Ok(ratio(average(samples.usage.wrapping_add(filled), fill.samples(samples))))
    };
    let replicas = of_pods(samples, ratio(usage), again, fleet, tolerances)?;
    Ok(Proposal { replicas, usage, utilization: None })
}

/// Without pods or samples there is nothing to calculate with.
fn known(samples: &PodSamples) -> Result<(), MetricError> {
    match samples {
        PodSamples { pods: 0, .. } => Err(MetricError::NoPods),
        PodSamples { samples: 0, .. } => Err(MetricError::NoSamples),
        _ => Ok(()),
    }
}

/// Which pods without a sample of their own take part in the second ratio.
#[derive(Clone, Copy)]
struct Fill {
    /// Those without any.
    missing: bool,
    /// They are taken to use their share, not nothing.
    down: bool,
    /// Those that are not ready, as using nothing.
    unready: bool,
}

impl Fill {
    /// How many samples there are then.
    fn samples(self, samples: &PodSamples) -> i64 {
        samples.samples
            + if self.missing { samples.missing } else { 0 }
            + if self.unready { samples.unready } else { 0 }
    }
}

/// What `GetResourceReplicas` and `calcPlainMetricReplicas` have in common.
///
/// The first ratio decides the direction, and so what pods without samples are taken to use; exactly 1 fills nothing.
/// `again` is the ratio with them.
fn of_pods(
    samples: &PodSamples,
    ratio: f64,
    again: impl Fn(Fill) -> Result<f64, MetricError>,
    fleet: Fleet,
    tolerances: Tolerances,
) -> Result<i32, MetricError> {
    let up_with_unready = samples.unready > 0 && ratio > 1.0;
    if !up_with_unready && samples.missing == 0 {
        return Ok(if tolerances.within(ratio) {
            fleet.replicas
        } else {
            // Not of the current replicas: only pods that count do.
            go::int32((ratio * go::float(samples.ready)).ceil())
        });
    }
    let fill =
        Fill { missing: ratio < 1.0 || ratio > 1.0, down: ratio < 1.0, unready: up_with_unready };
    let filled = again(fill)?;
    let turned = (ratio < 1.0 && filled > 1.0) || (ratio > 1.0 && filled < 1.0);
    if tolerances.within(filled) || turned {
        return Ok(fleet.replicas);
    }
    let replicas = go::int32((filled * go::float(fill.samples(samples))).ceil());
    let turned =
        (filled < 1.0 && replicas > fleet.replicas) || (filled > 1.0 && replicas < fleet.replicas);
    Ok(if turned { fleet.replicas } else { replicas })
}

/// `GetObjectMetricReplicas` and `GetExternalMetricReplicas`, with `getUsageRatioReplicaCount`.
fn value(
    usage: i64,
    target: i64,
    fleet: Fleet,
    tolerances: Tolerances,
) -> Result<Proposal, MetricError> {
    let ratio = go::float(usage) / go::float(target);
    let replicas = if fleet.replicas == 0 {
        // From zero there is neither a fleet to multiply nor any tolerance.
        go::int32(ratio.ceil())
    } else if tolerances.within(ratio) {
        fleet.replicas
    } else if fleet.pods == 0 {
        return Err(MetricError::NoPods);
    } else {
        let replicas = ratio * f64::from(fleet.ready);
        if replicas > f64::from(i32::MAX) { i32::MAX } else { go::int32(replicas.ceil()) }
    };
    Ok(Proposal { replicas, usage, utilization: None })
}

/// `GetObjectPerPodMetricReplicas`.
fn average_of_object(usage: i64, target: i64, fleet: Fleet, tolerances: Tolerances) -> Proposal {
    let replicas =
        per_pod(usage, target, fleet, tolerances).map_or(fleet.status_replicas, go::int32);
    let usage = go::int64((go::float(usage) / f64::from(fleet.status_replicas)).ceil());
    Proposal { replicas, usage, utilization: None }
}

/// `GetExternalPerPodMetricReplicas`: as for an object, but guarded against overflow.
fn average_of_external(usage: i64, target: i64, fleet: Fleet, tolerances: Tolerances) -> Proposal {
    let replicas = match per_pod(usage, target, fleet, tolerances) {
        None => fleet.status_replicas,
        Some(replicas) if replicas > f64::from(i32::MAX) => i32::MAX,
        Some(replicas) => go::int32(replicas),
    };
    let most = go::float(i64::MAX);
    let usage = if go::float(usage) >= most {
        i64::MAX
    } else {
        go::int64((go::float(usage) / f64::from(fleet.status_replicas)).ceil())
    };
    Proposal { replicas, usage, utilization: None }
}

/// Replicas that bring `usage` to `target` per pod, whatever their number is now; `None` within the tolerance.
fn per_pod(usage: i64, target: i64, fleet: Fleet, tolerances: Tolerances) -> Option<f64> {
    let (usage, target) = (go::float(usage), go::float(target));
    let ratio = usage / (target * f64::from(fleet.status_replicas));
    (!tolerances.within(ratio)).then(|| (usage / target).ceil())
}
