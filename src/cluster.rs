//! All objects of the input, and who refers to whom.
//!
//! Rules read views: what an object means to Kubernetes, extracted once, tolerant of malformed input. What an
//! object lacks is absent; what has the wrong type counts as absent. Every view knows its [`Place`]s.

pub mod autoscaler;
pub mod declared;
pub mod effective;
mod label_index;
pub mod labels;
mod lookup;
pub mod nearby;
pub mod network;
pub mod object;
mod pods;
pub mod queries;
pub mod workload;

use std::borrow::Cow;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

pub use autoscaler::{Autoscaler, Bound, Metric, Reference, Unscalable, Utilization};
pub use declared::{
    BurnTier, Declared, LatencyBound, Objective, ServiceSeries, Settings, World, Written,
};
pub use effective::{Replicas, Series};
use label_index::LabelIndex;
pub use labels::{Labels, Requirement, Selector, is_placeholder};
pub use nearby::Nearby;
pub use network::{
    Budget, Endpoint, Monitor, Namespaces, PortRef, Scraped, Service, ServicePort, Share,
};
pub use object::{Kind, Object};
pub use queries::{Carrier, Role};
pub use workload::{Amount, AmountSource, Container, Port, Probe, ProbeKind, Workload};

use crate::yaml::{self, Place, Stream};

/// One file of the input, read. The files of a run come in the order of their [`crate::source::FileId`]s.
#[derive(Debug)]
pub struct Input<'t> {
    /// Its documents.
    pub stream: Stream<'t>,
    /// Which of the run's slo.toml files stands in its folder or nearest above it.
    pub slo: Option<usize>,
    /// The folder that it stands in, by a number.
    pub folder: u32,
    /// Its documents are no objects, but parts of some.
    pub fragment: bool,
}

/// All objects of the input.
#[derive(Debug)]
pub struct Cluster<'a> {
    /// The files.
    pub inputs: &'a [Input<'a>],
    /// What the user says of the cluster.
    pub settings: &'a Settings,
    /// What the slo.toml files of the run say.
    pub slo: &'a [Declared],
    objects: Vec<Object<'a>>,
    workloads: Vec<Workload<'a>>,
    autoscalers: Vec<Autoscaler<'a>>,
    services: Vec<Service<'a>>,
    budgets: Vec<Budget<'a>>,
    monitors: Vec<Monitor<'a>>,
    carriers: Vec<Carrier<'a>>,
    by_kind: FxHashMap<Kind, Vec<usize>>,
    by_name: FxHashMap<&'a str, Vec<usize>>,
    services_of: FxHashMap<&'a str, Vec<usize>>,
    records: FxHashMap<&'a str, Vec<usize>>,
    monitors_of_job: FxHashMap<Cow<'a, str>, Vec<usize>>,
    monitors_of_namespace: FxHashMap<Option<&'a str>, Vec<usize>>,
    templates: LabelIndex<'a>,
    service_labels: LabelIndex<'a>,
    workloads_near: Nearby<'a, ()>,
    services_near: Nearby<'a, ()>,
}

/// YAML inside of scalars, such as the adapter's configuration in a ConfigMap, read as files of their own whose
/// places lead back into `inputs`.
pub fn embedded<'a>(inputs: &'a [Input<'a>]) -> Vec<Input<'a>> {
    let nested = |input: &'a Input<'a>| {
        let maps = objects(input).into_iter().filter(|object| object.kind == Kind::ConfigMap);
        let data = maps.filter_map(|object| object.root.get("data")).flat_map(Place::entries);
        let carries = |text: &str| {
            (text.contains("seriesQuery:") && text.contains("rules:"))
                || (text.contains("groups:") && text.contains("expr:"))
        };
        let values = data.filter(|(_, value)| value.text().is_some_and(carries));
        values
            .map(|(_, value)| Input {
                stream: yaml::parse_inside(value),
                slo: input.slo,
                folder: input.folder,
                fragment: false,
            })
            .collect::<Vec<_>>()
    };
    inputs.par_iter().flat_map_iter(nested).collect()
}

/// The objects of one file: lists taken apart, local ones and patches left out.
fn objects<'a>(input: &'a Input<'a>) -> Vec<Object<'a>> {
    let mut found = Vec::new();
    if input.fragment {
        return found;
    }
    let may_patch = object::may_patch(input.stream.text());
    for root in input.stream.documents().filter(|root| !may_patch || !object::patches(*root)) {
        flatten(root, MAX_LISTS, &mut found);
    }
    found.retain(|object| !object.is_local());
    for object in &mut found {
        object.slo = input.slo;
        object.folder = input.folder;
    }
    found
}

/// How far apart the files of two objects are: the same service for another environment has the same names, and stands
/// in another folder.
fn far(one: &Object<'_>, other: &Object<'_>) -> (bool, bool) {
    (one.root.file() != other.root.file(), one.folder != other.folder)
}

/// Lists in lists in lists …, at the most.
const MAX_LISTS: usize = 8;

fn flatten<'a>(root: Place<'a>, depth: usize, found: &mut Vec<Object<'a>>) {
    let items = root.get("items").filter(|_| {
        depth > 0
            && root.text_of("kind").is_some_and(|kind| kind.ends_with("List"))
            && root.get("apiVersion").is_some()
    });
    match items {
        Some(items) => items.items().for_each(|item| flatten(item, depth - 1, found)),
        None => found.extend(Object::read(root)),
    }
}

/// The views of one object.
enum View<'a> {
    Workload(Workload<'a>),
    Autoscaler(Autoscaler<'a>),
    Service(Service<'a>),
    Budget(Budget<'a>),
    Monitor(Monitor<'a>),
    None,
}

fn view<'a>(object: &Object<'a>) -> View<'a> {
    match object.kind {
        kind if kind.is_workload() => Workload::read(object).map_or(View::None, View::Workload),
        Kind::HorizontalPodAutoscaler | Kind::ScaledObject => {
            Autoscaler::read(object).map_or(View::None, View::Autoscaler)
        }
        Kind::Service => View::Service(Service::read(object)),
        Kind::PodDisruptionBudget => View::Budget(Budget::read(object)),
        Kind::ServiceMonitor | Kind::PodMonitor => View::Monitor(Monitor::read(object)),
        _ => View::None,
    }
}

impl<'a> Cluster<'a> {
    /// Reads the objects of `inputs` and of the files inside them, and resolves their references.
    pub fn new(
        inputs: &'a [Input<'a>],
        embedded: &'a [Input<'a>],
        settings: &'a Settings,
        slo: &'a [Declared],
    ) -> Self {
        let read = |input: &'a Input<'a>| {
            let views = objects(input).into_iter().map(|mut object| {
                object.namespace = object.namespace.or(settings.namespace.as_deref());
                (object, view(&object))
            });
            views.collect::<Vec<_>>()
        };
        let found: Vec<_> = inputs.par_iter().chain(embedded).flat_map_iter(read).collect();
        let mut cluster = Self {
            inputs,
            settings,
            slo,
            objects: Vec::with_capacity(found.len()),
            workloads: Vec::new(),
            autoscalers: Vec::new(),
            services: Vec::new(),
            budgets: Vec::new(),
            monitors: Vec::new(),
            carriers: Vec::new(),
            by_kind: FxHashMap::default(),
            by_name: FxHashMap::default(),
            services_of: FxHashMap::default(),
            records: FxHashMap::default(),
            monitors_of_job: FxHashMap::default(),
            monitors_of_namespace: FxHashMap::default(),
            templates: LabelIndex::default(),
            service_labels: LabelIndex::default(),
            workloads_near: Nearby::default(),
            services_near: Nearby::default(),
        };
        for (object, view) in found {
            cluster.add(object, view);
        }
        cluster.resolve_templates();
        cluster.resolve();
        cluster.index_monitors();
        cluster.carriers = cluster.read_carriers();
        for (index, carrier) in cluster.carriers.iter().enumerate() {
            if let Role::Record { name, .. } = carrier.role {
                cluster.records.entry(name).or_default().push(index);
            }
        }
        cluster
    }

    fn add(&mut self, mut object: Object<'a>, view: View<'a>) {
        object.index = self.objects.len();
        self.objects.push(object);
        self.by_kind.entry(object.kind).or_default().push(object.index);
        macro_rules! put {
            ($list:ident, $view:ident) => {{
                $view.index = self.$list.len();
                $view.object = object;
                self.$list.push($view);
            }};
        }
        match view {
            View::Workload(mut view) => put!(workloads, view),
            View::Autoscaler(mut view) => put!(autoscalers, view),
            View::Service(mut view) => put!(services, view),
            View::Budget(mut view) => put!(budgets, view),
            View::Monitor(mut view) => put!(monitors, view),
            View::None => {}
        }
    }

    /// Gives Argo Rollouts the template of the Deployment that `workloadRef` names; that Deployment is scaled
    /// down by Argo and counts no more.
    fn resolve_templates(&mut self) {
        let rollouts: Vec<_> = self
            .of_kind(Kind::Rollout)
            .filter(|object| object.at("spec/workloadRef").is_some())
            .copied()
            .collect();
        for rollout in rollouts {
            let Some(reference) = rollout.at("spec/workloadRef").map(Reference::read) else {
                continue;
            };
            let template = self
                .workloads
                .iter()
                .find(|workload| reference.names(workload) && workload.shares_namespace(&rollout));
            if let Some(template) = template.map(|workload| workload.template)
                && Workload::read(&rollout).is_none()
            {
                let mut view = Workload::with_template(&rollout, template);
                view.index = self.workloads.len();
                self.workloads.push(view);
            }
        }
    }

    fn resolve(&mut self) {
        for (index, workload) in self.workloads.iter().enumerate() {
            self.by_name.entry(workload.name).or_default().push(index);
        }
        for (index, service) in self.services.iter().enumerate() {
            self.services_of.entry(service.name).or_default().push(index);
        }
        let templates = LabelIndex::new(self.workloads.iter().map(|workload| workload.labels));
        let services = LabelIndex::new(
            self.services.iter().map(|service| Labels(service.at("metadata/labels"))),
        );
        let workloads = &self.workloads;
        let pods = |selector: &Selector<'a>, object: &Object<'a>| {
            templates.matching(selector, |index| {
                workloads.get(index).is_some_and(|workload| workload.shares_namespace(object))
            })
        };
        let of_services: Vec<_> = self
            .services
            .par_iter()
            .map(|service| service.selector.as_ref().map(|selector| pods(selector, service)))
            .collect();
        let of_budgets: Vec<_> = self
            .budgets
            .par_iter()
            .map(|budget| match &budget.selector {
                Some(selector) if !selector.is_empty() || budget.selects_all() => {
                    pods(selector, budget)
                }
                _ => Vec::new(),
            })
            .collect();
        let of_monitors: Vec<_> = self
            .monitors
            .par_iter()
            .map(|monitor| {
                let Some(selector) = &monitor.selector else { return Vec::new() };
                if monitor.reads_pods() {
                    templates.matching(selector, |index| {
                        workloads.get(index).is_some_and(|workload| monitor.looks_at(workload))
                    })
                } else {
                    services.matching(selector, |index| {
                        self.services.get(index).is_some_and(|service| monitor.looks_at(service))
                    })
                }
            })
            .collect();
        let by_name = Nearby::new(workloads.iter().map(|it| (it.name, &it.object)));
        let of_autoscalers: Vec<_> = self
            .autoscalers
            .iter()
            .map(|autoscaler| {
                let named = by_name.of(autoscaler.target.name, autoscaler);
                let found = named.filter(|index| {
                    workloads.get(*index).is_some_and(|workload| {
                        autoscaler.target.names(workload) && autoscaler.shares_namespace(workload)
                    })
                });
                found.min_by_key(|index| {
                    (workloads.get(*index).map(|it| far(it, autoscaler)), *index)
                })
            })
            .collect();
        self.templates = templates;
        self.service_labels = services;
        self.workloads_near = Nearby::new(self.workloads.iter().map(|it| ((), &it.object)));
        self.services_near = Nearby::new(self.services.iter().map(|it| ((), &it.object)));
        for (index, found) in of_services.into_iter().enumerate() {
            let found = found.unwrap_or_default();
            for workload in &found {
                self.workloads[*workload].services.push(index);
            }
            self.services[index].workloads = found;
        }
        for (index, found) in of_budgets.into_iter().enumerate() {
            for workload in &found {
                self.workloads[*workload].budgets.push(index);
            }
            self.budgets[index].workloads = found;
        }
        for (monitor, found) in self.monitors.iter_mut().zip(of_monitors) {
            if monitor.reads_pods() {
                monitor.workloads = found;
            } else {
                monitor.services = found;
            }
        }
        for (index, found) in of_autoscalers.into_iter().enumerate() {
            if let Some(workload) = found {
                self.workloads[workload].autoscalers.push(index);
            }
            self.autoscalers[index].workload = found;
        }
    }

    fn read_carriers(&self) -> Vec<Carrier<'a>> {
        let kinds = [
            Kind::PrometheusRule,
            Kind::RuleFile,
            Kind::ScaledJob,
            Kind::AdapterConfig,
            Kind::AnalysisTemplate,
        ];
        let mut objects: Vec<_> = kinds
            .into_iter()
            .flat_map(|kind| self.of_kind(kind))
            .map(|object| (object, None))
            .collect();
        objects.extend(
            self.autoscalers.iter().filter(|it| it.is_keda()).map(|it| (&it.object, Some(it))),
        );
        let carriers = objects.par_iter().flat_map_iter(|(object, autoscaler)| {
            let carriers = queries::carriers(object, *autoscaler);
            // Parsed here, on all cores, and not by the first rule that asks.
            for carrier in &carriers {
                let _ = carrier.parsed();
            }
            carriers
        });
        carriers.collect()
    }
}
