//! Services, disruption budgets and monitors: what picks pods or Services by their labels.

use std::borrow::Cow;
use std::ops::Deref;

use super::labels::Selector;
use super::object::{Kind, Object};
use super::workload::Workload;
use crate::units::Duration;
use crate::yaml::Place;

macro_rules! derefs_to_object {
    ($($name:ident)*) => {$(
        impl<'a> Deref for $name<'a> {
            type Target = Object<'a>;
            fn deref(&self) -> &Object<'a> {
                &self.object
            }
        }
    )*};
}
derefs_to_object!(Service Budget Monitor);

/// A Service.
#[derive(Clone, Debug)]
pub struct Service<'a> {
    /// The object.
    pub object: Object<'a>,
    /// Its place in [`super::Cluster::services`].
    pub index: usize,
    /// `spec.selector`; without one its endpoints are made by hand.
    pub selector: Option<Selector<'a>>,
    /// Its ports.
    pub ports: Vec<ServicePort<'a>>,
    /// The workloads whose templates it selects.
    pub(super) workloads: Vec<usize>,
}

/// A port of a Service.
#[derive(Clone, Copy, Debug)]
pub struct ServicePort<'a> {
    /// The item of `ports`.
    pub place: Place<'a>,
    /// Its name, if it has one.
    pub name: Option<&'a str>,
    /// Its number.
    pub port: Option<i64>,
    /// `targetPort`, if it is written; unset it equals `port`.
    pub target: Option<Place<'a>>,
    /// `TCP` unless set.
    pub protocol: &'a str,
}

impl<'a> ServicePort<'a> {
    fn read(place: Place<'a>) -> Self {
        Self {
            place,
            name: place.text_of("name"),
            port: place.int_of("port"),
            target: place.get("targetPort"),
            protocol: place.text_of("protocol").unwrap_or("TCP"),
        }
    }

    /// The container port that it leads to.
    pub fn target_port(&self) -> Option<PortRef<'a>> {
        match self.target {
            Some(target) => PortRef::read(target),
            None => self.port.map(PortRef::Number),
        }
    }
}

/// A port by name or number (rules.md 2.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortRef<'a> {
    /// A container port's name.
    Name(&'a str),
    /// A number, which needs no declaration.
    Number(i64),
}

impl<'a> PortRef<'a> {
    /// A string that holds digits only is still a name to Kubernetes, and no valid one.
    pub fn read(place: Place<'a>) -> Option<Self> {
        match place.string() {
            Some(name) => Some(Self::Name(name)),
            None => place.int().map(Self::Number),
        }
    }
}

impl<'a> Service<'a> {
    pub(super) fn read(object: &Object<'a>) -> Self {
        let spec = object.root.get("spec");
        let selector = spec.and_then(|spec| spec.get("selector")).filter(|map| map.is_mapping());
        Self {
            object: *object,
            index: 0,
            selector: selector.map(Selector::map).filter(|selector| !selector.is_empty()),
            ports: spec
                .into_iter()
                .flat_map(|spec| spec.list("ports"))
                .map(ServicePort::read)
                .collect(),
            workloads: Vec::new(),
        }
    }

    /// True if all its ports are for Prometheus alone, by their names.
    pub fn is_for_metrics(&self) -> bool {
        let is_metrics = |port: &ServicePort<'_>| {
            port.name.is_some_and(|name| name.contains("metrics") || name.contains("prometheus"))
        };
        !self.ports.is_empty() && self.ports.iter().all(is_metrics)
    }

    /// True without a cluster IP.
    pub fn is_headless(&self) -> bool {
        self.at("spec/clusterIP").and_then(Place::text) == Some("None")
    }
}

/// A PodDisruptionBudget.
#[derive(Clone, Debug)]
pub struct Budget<'a> {
    /// The object.
    pub object: Object<'a>,
    /// Its place in [`super::Cluster::budgets`].
    pub index: usize,
    /// `spec.selector`; without one it selects nothing.
    pub selector: Option<Selector<'a>>,
    /// `spec.minAvailable`.
    pub min_available: Option<Place<'a>>,
    /// `spec.maxUnavailable`.
    pub max_unavailable: Option<Place<'a>>,
    pub(super) workloads: Vec<usize>,
}

impl<'a> Budget<'a> {
    pub(super) fn read(object: &Object<'a>) -> Self {
        let spec = object.root.get("spec");
        let field = |key| spec.and_then(|spec| spec.get(key));
        Self {
            object: *object,
            index: 0,
            selector: field("selector").filter(|map| map.is_mapping()).map(Selector::full),
            min_available: field("minAvailable"),
            max_unavailable: field("maxUnavailable"),
            workloads: Vec::new(),
        }
    }

    /// True if its selector is written and empty: everything since policy/v1, nothing before.
    pub fn selects_all(&self) -> bool {
        self.version != "v1beta1" && self.selector.as_ref().is_some_and(Selector::is_empty)
    }
}

/// A number of pods, absolute or relative (rules.md 2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// So many.
    Absolute(i64),
    /// So many per cent.
    Percent(i64),
}

impl Share {
    /// An integer or a string such as `25%`.
    pub fn read(place: Place<'_>) -> Option<Self> {
        if let Some(number) = place.int() {
            return Some(Self::Absolute(number));
        }
        place.string()?.strip_suffix('%')?.parse().ok().map(Self::Percent)
    }

    /// Of `total`, rounded up.
    pub fn up(self, total: i64) -> i64 {
        match self {
            Self::Absolute(number) => number,
            Self::Percent(percent) => {
                percent.saturating_mul(total).saturating_add(99).div_euclid(100)
            }
        }
    }

    /// Of `total`, rounded down.
    pub fn down(self, total: i64) -> i64 {
        match self {
            Self::Absolute(number) => number,
            Self::Percent(percent) => percent.saturating_mul(total).div_euclid(100),
        }
    }
}

/// A ServiceMonitor or PodMonitor.
#[derive(Clone, Debug)]
pub struct Monitor<'a> {
    /// The object.
    pub object: Object<'a>,
    /// Its place in [`super::Cluster::monitors`].
    pub index: usize,
    /// `spec.selector`; an empty one selects everything.
    pub selector: Option<Selector<'a>>,
    /// Where it looks.
    pub namespaces: Namespaces<'a>,
    /// Endpoints.
    pub endpoints: Vec<Endpoint<'a>>,
    /// The Services that a ServiceMonitor selects.
    pub(super) services: Vec<usize>,
    /// The workloads that a PodMonitor selects.
    pub(super) workloads: Vec<usize>,
}

/// The namespaces that a monitor looks in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Namespaces<'a> {
    /// Its own.
    Own,
    /// All.
    Any,
    /// These.
    Named(Vec<&'a str>),
}

/// An endpoint of a monitor.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint<'a> {
    /// The item of `endpoints` or `podMetricsEndpoints`.
    pub place: Place<'a>,
    /// `port`: of a ServiceMonitor the name of a Service's port, of a PodMonitor that of a container's.
    pub port: Option<Place<'a>>,
    /// `targetPort`: a container's port.
    pub target_port: Option<Place<'a>>,
    /// `interval`.
    pub interval: Option<Place<'a>>,
}

/// A container port that is scraped.
#[derive(Clone, Copy, Debug)]
pub struct Scraped<'a> {
    /// Its number, if it is known.
    pub number: Option<i64>,
    /// Its name, if it is declared with one.
    pub name: Option<&'a str>,
}

impl<'a> Endpoint<'a> {
    /// The port of `workload` that it scrapes: by `service` where a ServiceMonitor selects one. `None` where the
    /// workload declares no port of the name.
    pub fn scraped(
        &self,
        workload: &Workload<'a>,
        service: Option<&Service<'a>>,
    ) -> Option<Scraped<'a>> {
        let port = match (self.target_port, service) {
            (Some(target), _) => PortRef::read(target)?,
            (None, Some(service)) => {
                let name = self.port?.text()?;
                service.ports.iter().find(|port| port.name == Some(name))?.target_port()?
            }
            (None, None) => match self.place.int_of("portNumber") {
                Some(number) => PortRef::Number(number),
                None => PortRef::Name(self.port?.text()?),
            },
        };
        let mut ports = workload.containers.iter().flat_map(|container| &container.ports);
        Some(match port {
            PortRef::Name(name) => {
                let number = ports.find(|port| port.name == Some(name))?.number;
                Scraped { number, name: Some(name) }
            }
            PortRef::Number(number) => {
                let declared = ports.find(|port| port.number == Some(number));
                Scraped { number: Some(number), name: declared.and_then(|port| port.name) }
            }
        })
    }
}

impl Endpoint<'_> {
    /// How often it is scraped, if that is written.
    pub fn seconds(&self) -> Option<Duration> {
        Duration::parse(self.interval?.text()?).ok()
    }

    /// True if the application's labels win over the target's.
    pub fn honors_labels(&self) -> bool {
        self.place.get("honorLabels").and_then(Place::boolean) == Some(true)
    }
}

impl<'a> Monitor<'a> {
    pub(super) fn read(object: &Object<'a>) -> Self {
        let spec = object.root.get("spec");
        let field = |key| spec.and_then(|spec| spec.get(key));
        let list =
            if object.kind == Kind::PodMonitor { "podMetricsEndpoints" } else { "endpoints" };
        let endpoint = |place: Place<'a>| Endpoint {
            place,
            port: place.get("port"),
            target_port: place.get("targetPort"),
            interval: place.get("interval"),
        };
        let namespaces = match field("namespaceSelector") {
            Some(selector) if selector.get("any").and_then(Place::boolean) == Some(true) => {
                Namespaces::Any
            }
            Some(selector) => {
                let names: Vec<_> = selector.list("matchNames").filter_map(Place::text).collect();
                if names.is_empty() { Namespaces::Own } else { Namespaces::Named(names) }
            }
            None => Namespaces::Own,
        };
        Self {
            object: *object,
            index: 0,
            selector: field("selector").filter(|map| map.is_mapping()).map(Selector::full),
            namespaces,
            endpoints: spec.into_iter().flat_map(|spec| spec.list(list)).map(endpoint).collect(),
            services: Vec::new(),
            workloads: Vec::new(),
        }
    }

    /// True for a PodMonitor.
    pub fn reads_pods(&self) -> bool {
        self.kind == Kind::PodMonitor
    }

    /// The `job` of the targets that `service` leads to (`pkg/prometheus/promcfg.go`).
    pub fn job_of(&self, service: &Service<'a>) -> &'a str {
        let label = self.job_label().and_then(|label| service.label(label));
        label.unwrap_or(service.name)
    }

    /// The `job` of the pods of `workload`.
    pub fn job_of_pods(&self, workload: &Workload<'a>) -> Cow<'a, str> {
        match self.job_label().and_then(|label| workload.labels.get(label)) {
            Some(job) => Cow::Borrowed(job),
            None => Cow::Owned(format!("{}/{}", self.namespace.unwrap_or(""), self.name)),
        }
    }

    fn job_label(&self) -> Option<&'a str> {
        self.at("spec/jobLabel").and_then(Place::text)
    }

    /// True if it looks where `object` is.
    pub fn looks_at(&self, object: &Object<'_>) -> bool {
        match &self.namespaces {
            Namespaces::Any => true,
            Namespaces::Own => self.object.shares_namespace(object),
            Namespaces::Named(names) => match object.namespace {
                Some(namespace) => names.contains(&namespace),
                // Unknown, so it may be one of them if both stand together.
                None => self.root.file() == object.root.file(),
            },
        }
    }
}
