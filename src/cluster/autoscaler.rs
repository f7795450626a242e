//! HPAs and ScaledObjects: whom they scale, between which bounds, on what.

use std::ops::Deref;

use super::object::{Kind, Object};
use crate::yaml::Place;

/// An HPA or a ScaledObject.
#[derive(Clone, Debug)]
pub struct Autoscaler<'a> {
    /// The object.
    pub object: Object<'a>,
    /// Its place in [`super::Cluster::autoscalers`].
    pub index: usize,
    /// `spec.scaleTargetRef`, where it is written.
    pub target_ref: Option<Place<'a>>,
    /// What it names.
    pub target: Reference<'a>,
    /// The floor: `minReplicas` (unset 1), `minReplicaCount` (unset 0).
    pub min: Bound<'a>,
    /// The ceiling: `maxReplicas` (unset: refused, so 0), `maxReplicaCount` (unset 100).
    pub max: Bound<'a>,
    /// Metrics or triggers, in order.
    pub metrics: Vec<Metric<'a>>,
    /// The workload, if it is in the input.
    pub workload: Option<usize>,
}

impl<'a> Deref for Autoscaler<'a> {
    type Target = Object<'a>;
    fn deref(&self) -> &Object<'a> {
        &self.object
    }
}

/// A reference to an object by group, kind and name; never by version (rules.md 2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reference<'a> {
    /// API group; `None` if the apiVersion is not written, which fits any.
    pub group: Option<&'a str>,
    /// Kind.
    pub kind: &'a str,
    /// Name.
    pub name: &'a str,
}

impl<'a> Reference<'a> {
    /// Reads `apiVersion`, `kind` and `name` of a mapping.
    pub fn read(place: Place<'a>) -> Self {
        let api_version = place.text_of("apiVersion");
        Self {
            group: api_version.map(|text| text.rsplit_once('/').map_or("", |(group, _)| group)),
            kind: place.text_of("kind").unwrap_or(""),
            name: place.text_of("name").unwrap_or(""),
        }
    }

    /// True if it names `object`, namespaces aside.
    pub fn names(&self, object: &Object<'_>) -> bool {
        self.name == object.name
            && self.kind == object.kind_name
            && self.group.is_none_or(|group| group == object.group)
    }

    /// True if both may name one object.
    pub fn agrees(&self, other: &Self) -> bool {
        let groups = match (self.group, other.group) {
            (Some(group), Some(other)) => group == other,
            _ => true,
        };
        groups && self.kind == other.kind && self.name == other.name
    }
}

/// Why nothing of a target's group and kind can be scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unscalable {
    /// The kind has no `/scale`.
    Kind,
    /// The kind is no kind of that group, or an HPA leaves the group out.
    Group,
}

/// Groups that Kubernetes itself defines: of no others is it known which kinds they have.
const OWN_GROUPS: [&str; 7] =
    ["", "apps", "batch", "extensions", "autoscaling", "policy", "networking.k8s.io"];

/// Kinds with `/scale`, with their groups.
const SCALABLE: [(&str, &str); 5] = [
    ("Deployment", "apps"),
    ("StatefulSet", "apps"),
    ("ReplicaSet", "apps"),
    ("ReplicationController", ""),
    ("Rollout", "argoproj.io"),
];

/// Kinds without it that are named as targets by mistake.
const FIXED: [&str; 8] =
    ["DaemonSet", "Job", "CronJob", "Pod", "Service", "Ingress", "ConfigMap", "Namespace"];

/// A number of replicas, and where it is written.
#[derive(Clone, Copy, Debug)]
pub struct Bound<'a> {
    /// The number.
    pub value: i64,
    /// The scalar; `None` if it is a default.
    pub place: Option<Place<'a>>,
}

impl<'a> Bound<'a> {
    pub(super) fn read(place: Option<Place<'a>>, default: i64) -> Self {
        Self { value: place.and_then(Place::int).unwrap_or(default), place }
    }
}

/// One metric of an HPA or trigger of a ScaledObject.
#[derive(Clone, Debug)]
pub struct Metric<'a> {
    /// The item of `metrics` or `triggers`; of the CPU target of v1 its key's value. `None` for the default
    /// metric of an HPA that has none.
    pub place: Option<Place<'a>>,
    /// `Resource`, `ContainerResource`, `Pods`, `Object`, `External`; of triggers the `type`.
    pub kind: &'a str,
    /// Use of a resource relative to its request (rules.md 2.13).
    pub utilization: Option<Utilization<'a>>,
}

/// Use of a resource relative to its request.
#[derive(Clone, Copy, Debug)]
pub struct Utilization<'a> {
    /// `cpu` or `memory`.
    pub resource: &'a str,
    /// The one container that counts; of all if `None`.
    pub container: Option<(&'a str, Place<'a>)>,
    /// The target in per cent.
    pub percent: Option<i64>,
    /// Where the target is written.
    pub percent_place: Option<Place<'a>>,
    /// Where the resource is named.
    pub resource_place: Option<Place<'a>>,
}

/// The CPU target of an HPA without metrics, in per cent (`pkg/apis/autoscaling/v2/defaults.go`).
const DEFAULT_CPU: i64 = 80;

impl<'a> Metric<'a> {
    /// The resource that it measures, relative to the request or not, and where that is named.
    pub fn resource(&self) -> Option<(&'a str, Option<Place<'a>>)> {
        if let Some(of) = self.utilization {
            return Some((of.resource, of.resource_place));
        }
        let place = self.place?;
        let name = match self.kind {
            "Resource" => place.at("resource/name"),
            "ContainerResource" => place.at("containerResource/name"),
            "cpu" | "memory" => place.get("type"),
            _ => None,
        }?;
        Some((name.text()?, Some(name)))
    }

    /// The one container that it measures; all if `None`.
    pub fn container(&self) -> Option<&'a str> {
        let place = self.place?;
        let path = match self.kind {
            "ContainerResource" => "containerResource/container",
            "cpu" | "memory" => "metadata/containerName",
            _ => return None,
        };
        place.at(path).and_then(Place::text).filter(|name| !name.is_empty())
    }
}

impl<'a> Autoscaler<'a> {
    pub(super) fn read(object: &Object<'a>) -> Option<Self> {
        let spec = object.root.get("spec");
        let field = |key| spec.and_then(|spec: Place<'a>| spec.get(key));
        let target_ref = field("scaleTargetRef").filter(|target| target.is_mapping());
        let mut target =
            target_ref.map_or(Reference { group: None, kind: "", name: "" }, Reference::read);
        let (min, max, metrics) = match object.kind {
            Kind::HorizontalPodAutoscaler => (
                Bound::read(field("minReplicas"), 1),
                Bound::read(field("maxReplicas"), 0),
                hpa_metrics(object, spec),
            ),
            Kind::ScaledObject => {
                // KEDA's defaults.
                if target.kind.is_empty() {
                    target.kind = "Deployment";
                }
                target.group = target.group.or((target.kind == "Deployment").then_some("apps"));
                (
                    Bound::read(field("minReplicaCount"), 0),
                    Bound::read(field("maxReplicaCount"), 100),
                    spec.into_iter().flat_map(|spec| spec.list("triggers")).map(trigger).collect(),
                )
            }
            _ => return None,
        };
        Some(Self {
            object: *object,
            index: 0,
            target_ref,
            target,
            min,
            max,
            metrics,
            workload: None,
        })
    }

    /// True for KEDA's.
    pub fn is_keda(&self) -> bool {
        self.kind == Kind::ScaledObject
    }

    /// Why the target can never be scaled, if that is plain from its group and kind.
    pub fn unscalable(&self) -> Option<Unscalable> {
        let Reference { group, kind, .. } = self.target;
        if kind.is_empty() {
            return None;
        }
        let home = SCALABLE.iter().find(|(name, _)| *name == kind).map(|(_, group)| *group);
        let misspelt = SCALABLE.iter().any(|(name, _)| name.eq_ignore_ascii_case(kind));
        match group {
            Some(group) if home == Some(group) || !OWN_GROUPS.contains(&group) => None,
            // KEDA takes `apps` where none is written, an HPA the core group.
            None if self.is_keda() && home == Some("apps") => None,
            None if home == Some("") => None,
            _ if home.is_some() => Some(Unscalable::Group),
            None | Some("") if !misspelt && !FIXED.contains(&kind) => Some(Unscalable::Group),
            _ => Some(Unscalable::Kind),
        }
    }

    /// `HPA` or `ScaledObject`, as messages name it.
    pub fn word(&self) -> &'static str {
        if self.is_keda() { "ScaledObject" } else { "HPA" }
    }

    /// Where it names its target: the mapping `scaleTargetRef`, else the object.
    pub fn target_spot(&self) -> crate::source::Span {
        self.target_ref.map_or_else(|| self.object.missing("spec"), Place::primary)
    }

    /// How fast it scales: `behavior` of an HPA, or what KEDA copies into the HPA that it makes.
    pub fn behavior(&self) -> Option<Place<'a>> {
        let path = if self.is_keda() {
            "spec/advanced/horizontalPodAutoscalerConfig/behavior"
        } else {
            "spec/behavior"
        };
        self.at(path).filter(|behavior| behavior.is_mapping())
    }

    /// How far usage may stray from a target before the HPA acts: `behavior.scaleUp.tolerance`, else 10 %
    /// (kube-controller-manager's default).
    pub fn tolerance(&self) -> rust_decimal::Decimal {
        let written = self
            .behavior()
            .and_then(|behavior| behavior.at("scaleUp/tolerance"))
            .and_then(Place::text)
            .and_then(crate::units::quantity);
        written.unwrap_or_else(|| rust_decimal::Decimal::new(1, 1))
    }
}

fn hpa_metrics<'a>(object: &Object<'a>, spec: Option<Place<'a>>) -> Vec<Metric<'a>> {
    let Some(spec) = spec else { return Vec::new() };
    if object.version == "v1" {
        let place = spec.get("targetCPUUtilizationPercentage");
        let utilization = Utilization {
            resource: "cpu",
            container: None,
            percent: place.map_or(Some(DEFAULT_CPU), Place::int),
            percent_place: place,
            resource_place: place,
        };
        return vec![Metric { place, kind: "Resource", utilization: Some(utilization) }];
    }
    let metrics: Vec<_> = spec.list("metrics").map(metric).collect();
    if !metrics.is_empty() {
        return metrics;
    }
    let utilization = Utilization {
        resource: "cpu",
        container: None,
        percent: Some(DEFAULT_CPU),
        percent_place: None,
        resource_place: None,
    };
    vec![Metric { place: None, kind: "Resource", utilization: Some(utilization) }]
}

fn metric(place: Place<'_>) -> Metric<'_> {
    let kind = place.text_of("type").unwrap_or("");
    let source = match kind {
        "Resource" => place.get("resource"),
        "ContainerResource" => place.get("containerResource"),
        _ => None,
    };
    let utilization = source.and_then(|source| {
        let name = source.get("name")?;
        // v2beta1 has the target beside the name.
        let target = source.get("target");
        let percent = target
            .and_then(|target| target.get("averageUtilization"))
            .or_else(|| source.get("targetAverageUtilization"))?;
        let container = source.get("container").and_then(|name| Some((name.text()?, name)));
        Some(Utilization {
            resource: name.text()?,
            container: container.filter(|_| kind == "ContainerResource"),
            percent: percent.int(),
            percent_place: Some(percent),
            resource_place: Some(name),
        })
    });
    Metric { place: Some(place), kind, utilization }
}

fn trigger(place: Place<'_>) -> Metric<'_> {
    let kind = place.text_of("type").unwrap_or("");
    let metadata = place.get("metadata");
    let of_metadata = |key| metadata.and_then(|metadata| metadata.get(key));
    let metric_type =
        place.text_of("metricType").or_else(|| of_metadata("type").and_then(Place::text));
    let is_utilization = matches!(kind, "cpu" | "memory") && metric_type != Some("AverageValue");
    let utilization = is_utilization.then(|| Utilization {
        resource: kind,
        container: of_metadata("containerName").and_then(|name| Some((name.text()?, name))),
        percent: of_metadata("value").and_then(|value| value.text()?.trim().parse().ok()),
        percent_place: of_metadata("value"),
        resource_place: place.get("type"),
    });
    Metric { place: Some(place), kind, utilization }
}
