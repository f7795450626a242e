//! What KEDA is asked to follow, and what of it a version can do: shared by the checks and the plan.

use crate::query::Query;
use crate::tree::Layer;
use crate::units::plain;

use super::decode::Sourced;
use super::leaf::{Fallback, KedaVersion, MetricType, Signal};
use super::series::Series;
use super::tables::{Document, InFlightTarget, KedaTrigger, LatencyTarget, SaturationTarget};

/// The value that one trigger of a ScaledObject follows.
#[derive(Clone, Copy, Debug)]
pub enum Follows<'a> {
    /// A latency target.
    Latency(&'a LatencyTarget),
    /// Requests in flight.
    InFlight(&'a InFlightTarget),
    /// Work that waits, by its query.
    Saturation(&'a SaturationTarget, &'a Sourced<String>),
    /// CPU utilisation.
    Cpu,
    /// What `scaling.keda.triggers` says.
    Written(&'a KedaTrigger),
}

/// Everything that the ScaledObject of `doc` follows, in its order: `scale_on`, then the written triggers.
pub fn followed(doc: &Document) -> Vec<Follows<'_>> {
    let targets = &doc.targets;
    let signals = doc.scaling.scale_on.ok().into_iter().flatten();
    let own = signals.flat_map(|signal| match **signal {
        Signal::Latency => {
            let list = targets.latency.iter().flat_map(|list| list.iter());
            list.map(|target| Follows::Latency(target)).collect::<Vec<_>>()
        }
        Signal::InFlight => targets.in_flight.iter().map(Follows::InFlight).collect(),
        Signal::Cpu => targets.cpu.iter().map(|_| Follows::Cpu).collect(),
        Signal::Saturation => {
            let query = targets.saturation.as_ref().and_then(|it| Some((it, it.query.as_ref()?)));
            query.map(|(target, query)| Follows::Saturation(target, query)).into_iter().collect()
        }
    });
    let written = doc.scaling.keda.triggers.iter().flat_map(|list| list.iter());
    own.chain(written.map(|trigger| Follows::Written(trigger))).collect()
}

/// `p95` of 95, `p999` of 99.9.
pub fn short(target: &LatencyTarget) -> String {
    format!("p{}", plain(target.percentile.0).replace('.', ""))
}

impl Follows<'_> {
    /// The trigger's name. CPU has none, since formulas cannot use it.
    pub fn name(&self) -> Option<String> {
        match self {
            Self::Latency(target) => Some(format!("latency_{}", short(target))),
            Self::InFlight(_) => Some("in_flight".to_owned()),
            Self::Saturation(..) => Some("saturation".to_owned()),
            Self::Cpu => None,
            Self::Written(trigger) => trigger.name.as_ref().map(|name| (**name).clone()),
        }
    }

    /// How the metric is compared (autoscaling.md 3.2).
    pub fn metric_type(&self) -> MetricType {
        match self {
            Self::Latency(_) => MetricType::Value,
            Self::InFlight(_) | Self::Saturation(..) => MetricType::AverageValue,
            Self::Cpu => MetricType::Utilization,
            Self::Written(trigger) => {
                trigger.metric_type.as_ref().map_or(MetricType::AverageValue, |kind| **kind)
            }
        }
    }

    /// True for what KEDA itself measures; CPU and memory come from the metrics server.
    pub fn is_external(&self) -> bool {
        match self {
            Self::Cpu => false,
            Self::Written(trigger) => !is_resource(&trigger.r#type),
            _ => true,
        }
    }

    /// True for what can be there while no pod is: not for what only the service's own pods export.
    pub fn wakes(&self, doc: &Document) -> bool {
        match self {
            Self::Latency(_) | Self::InFlight(_) | Self::Cpu => false,
            Self::Saturation(_, query) => reads_more_than_own_pods(query, doc),
            Self::Written(trigger) if is_prometheus(trigger) => trigger
                .metadata
                .get("query")
                .is_none_or(|query| reads_more_than_own_pods(query, doc)),
            Self::Written(_) => self.is_external(),
        }
    }
}

/// True for the types of triggers that the metrics server serves.
pub fn is_resource(kind: &str) -> bool {
    matches!(kind, "cpu" | "memory")
}

/// True for a trigger that asks Prometheus.
pub fn is_prometheus(trigger: &KedaTrigger) -> bool {
    *trigger.r#type == "prometheus"
}

/// True if the service's Prometheus is asked, rather than another one that the trigger names.
pub fn asks_own_server(trigger: &KedaTrigger, doc: &Document) -> bool {
    let server = trigger.metadata.get("serverAddress");
    is_prometheus(trigger) && server.is_none_or(|server| **server == *doc.scaling.keda.server)
}

/// rules.md, keda/wakeless-triggers: the service's own metrics, and series pinned to its job, Service or pods.
fn reads_more_than_own_pods(query: &str, doc: &Document) -> bool {
    let Ok(query) = Query::parse(query) else { return true };
    let (own, name) = (Series::of(doc), doc.service.name.0.as_str());
    let pinned = |(label, value): &(String, String)| match label.as_str() {
        "job" | "service" | "app" => value == name,
        "pod" => value.strip_prefix(name).is_some_and(|rest| rest.starts_with('-')),
        _ => false,
    };
    let reads = query.reads();
    reads.is_empty() || !reads.iter().all(|it| own.has(&it.metric) || it.labels.iter().any(pinned))
}

/// Why there is no fallback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoFallback {
    /// Only CPU and memory are followed (`scaledobject_types.go`, `CheckFallbackValid`).
    OnlyResources,
    /// The version takes none for metrics compared as `Value`.
    Values,
    /// The version does not know the behavior.
    Behavior,
}

/// What happens when a metric cannot be read: the behavior, `None` where the version has only the static one.
///
/// Below 2.17 that one would shrink a large fleet to its minimum when Prometheus fails. So there it is left out,
/// unless the number of replicas was chosen for it: without a fallback, the HPA stays where it is.
pub fn fallback(doc: &Document) -> Result<Option<Fallback>, NoFallback> {
    let keda = &doc.scaling.keda;
    let followed = followed(doc);
    let mut external = followed.iter().filter(|it| it.is_external()).peekable();
    if external.peek().is_none() {
        return Err(NoFallback::OnlyResources);
    }
    let averaged = match &keda.modifiers {
        Some(modifiers) => {
            modifiers.metric_type.as_ref().is_none_or(|kind| **kind == MetricType::AverageValue)
        }
        None => external.all(|it| it.metric_type() == MetricType::AverageValue),
    };
    if !averaged && *keda.version < KedaVersion::FALLBACK_FOR_VALUES {
        return Err(NoFallback::Values);
    }
    let behavior = *keda.fallback.behavior;
    let since = match behavior {
        Fallback::Static => KedaVersion::OLDEST,
        Fallback::ScalingModifiers => KedaVersion::FALLBACK_BY_FORMULA,
        _ => KedaVersion::FALLBACK_BEHAVIOR,
    };
    if *keda.version >= since {
        let known = *keda.version >= KedaVersion::FALLBACK_BEHAVIOR;
        return Ok(known.then_some(behavior));
    }
    let chosen = keda.fallback.replicas.as_ref().is_some_and(|it| it.layer >= Layer::File);
    if chosen && keda.fallback.behavior.layer < Layer::File {
        Ok(None)
    } else {
        Err(NoFallback::Behavior)
    }
}
