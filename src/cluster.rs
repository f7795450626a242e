//! All objects of the input, and who refers to whom.
//!
//! Rules read views: what an object means to Kubernetes, extracted once, tolerant of malformed input. What an
//! object lacks is absent; what has the wrong type counts as absent. Every view knows its [`Place`]s.

pub mod autoscaler;
pub mod declared;
pub mod effective;
mod label_index;
pub mod labels;
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
pub use declared::{Declared, Settings, World, Written};
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

use crate::source::{FileId, Span};
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
            })
            .collect::<Vec<_>>()
    };
    inputs.par_iter().flat_map_iter(nested).collect()
}

/// The objects of one file: lists taken apart, local ones left out.
fn objects<'a>(input: &'a Input<'a>) -> Vec<Object<'a>> {
    let mut found = Vec::new();
    for root in input.stream.documents() {
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

    /// True if the input is all there is: what it does not hold does not exist.
    pub fn is_closed(&self) -> bool {
        self.settings.world == World::Closed
    }

    /// True if the input is a part of what belongs together: from what it does not hold nothing follows.
    pub fn is_partial(&self) -> bool {
        self.settings.world == World::Partial
    }

    /// Every object, in the order of the input.
    pub fn objects(&self) -> &[Object<'a>] {
        &self.objects
    }

    /// How many objects each of the inputs holds.
    pub fn count_by_input(&self) -> Vec<usize> {
        let mut counts: FxHashMap<_, usize> = FxHashMap::default();
        for object in self.objects.iter().filter(|object| !object.root.is_embedded()) {
            *counts.entry(object.root.file()).or_default() += 1;
        }
        let of = |input: &Input<'_>| counts.get(&input.stream.file()).copied().unwrap_or(0);
        self.inputs.iter().map(of).collect()
    }

    /// Every object of a kind.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Object<'a>> {
        let indexes = self.by_kind.get(&kind).map_or(&[][..], Vec::as_slice);
        indexes.iter().filter_map(|index| self.objects.get(*index))
    }

    /// The object that holds `place`, a place of one of the inputs.
    pub fn object_around(&self, place: Place<'a>) -> Option<&Object<'a>> {
        let rank = |place: Place<'_>| (place.is_embedded(), place.file(), place.order());
        let behind = self.objects.partition_point(|object| rank(object.root) <= rank(place));
        let object = self.objects.get(behind.checked_sub(1)?)?;
        (object.root.file() == place.file()).then_some(object)
    }

    /// The object of the input that holds these bytes.
    pub fn object_at(&self, span: Span) -> Option<&Object<'a>> {
        let before = |object: &&Object<'a>| object.root.span().start <= span.start;
        self.objects_of_file(span.file).take_while(before).last()
    }

    /// The objects of one file, those inside its scalars left out.
    fn objects_of_file(&self, file: FileId) -> impl Iterator<Item = &Object<'a>> {
        let rank = |object: &Object<'_>| (object.root.is_embedded(), object.root.file());
        let start = self.objects.partition_point(|object| rank(object) < (false, file));
        let rest = self.objects.get(start..).unwrap_or_default();
        rest.iter().take_while(move |object| rank(object) == (false, file))
    }

    /// Everything with a pod template.
    pub fn workloads(&self) -> &[Workload<'a>] {
        &self.workloads
    }

    /// HPAs and ScaledObjects.
    pub fn autoscalers(&self) -> &[Autoscaler<'a>] {
        &self.autoscalers
    }

    /// Services.
    pub fn services(&self) -> &[Service<'a>] {
        &self.services
    }

    /// PodDisruptionBudgets.
    pub fn budgets(&self) -> &[Budget<'a>] {
        &self.budgets
    }

    /// ServiceMonitors and PodMonitors.
    pub fn monitors(&self) -> &[Monitor<'a>] {
        &self.monitors
    }

    /// Every PromQL expression.
    pub fn carriers(&self) -> &[Carrier<'a>] {
        &self.carriers
    }

    /// The expressions that are recorded as `name`; `None` if others may lie in files that are not given.
    pub fn records(&self, name: &str) -> Option<impl Iterator<Item = &Carrier<'a>> + Clone> {
        if self.is_partial() {
            return None;
        }
        let recorded = self.records.get(name).map_or(&[][..], Vec::as_slice);
        Some(recorded.iter().filter_map(|index| self.carriers.get(*index)))
    }

    /// The workload that an autoscaler scales, if it is in the input.
    pub fn target(&self, autoscaler: &Autoscaler<'a>) -> Option<&Workload<'a>> {
        self.workloads.get(autoscaler.workload?)
    }

    /// The autoscalers of a workload.
    pub fn autoscalers_of(&self, workload: &Workload<'a>) -> impl Iterator<Item = &Autoscaler<'a>> {
        workload.autoscalers.iter().filter_map(|index| self.autoscalers.get(*index))
    }

    /// The Services that send a workload traffic; it is "served" if there is one.
    pub fn services_of(&self, workload: &Workload<'a>) -> impl Iterator<Item = &Service<'a>> {
        workload.services.iter().filter_map(|index| self.services.get(*index))
    }

    /// The disruption budgets of a workload.
    pub fn budgets_of(&self, workload: &Workload<'a>) -> impl Iterator<Item = &Budget<'a>> {
        workload.budgets.iter().filter_map(|index| self.budgets.get(*index))
    }

    /// The workloads that a Service selects.
    pub fn workloads_of_service(
        &self,
        service: &Service<'a>,
    ) -> impl Iterator<Item = &Workload<'a>> + Clone {
        service.workloads.iter().filter_map(|index| self.workloads.get(*index))
    }

    /// The workloads that a disruption budget selects.
    pub fn workloads_of_budget(&self, budget: &Budget<'a>) -> impl Iterator<Item = &Workload<'a>> {
        budget.workloads.iter().filter_map(|index| self.workloads.get(*index))
    }

    /// The Services that a ServiceMonitor selects.
    pub fn services_of_monitor(
        &self,
        monitor: &Monitor<'a>,
    ) -> impl Iterator<Item = &Service<'a>> + Clone {
        monitor.services.iter().filter_map(|index| self.services.get(*index))
    }

    /// The workloads that a PodMonitor selects.
    pub fn workloads_of_monitor(
        &self,
        monitor: &Monitor<'a>,
    ) -> impl Iterator<Item = &Workload<'a>> + Clone {
        monitor.workloads.iter().filter_map(|index| self.workloads.get(*index))
    }

    /// The workloads that a monitor scrapes, with the Service that leads to each, if it selects Services.
    pub fn scraped_by(
        &self,
        monitor: &Monitor<'a>,
    ) -> impl Iterator<Item = (&Workload<'a>, Option<&Service<'a>>)> {
        let by_services = self.services_of_monitor(monitor).flat_map(|service| {
            self.workloads_of_service(service).map(move |workload| (workload, Some(service)))
        });
        by_services.chain(self.workloads_of_monitor(monitor).map(|workload| (workload, None)))
    }

    /// The workloads called `name`, in any namespace.
    pub fn workloads_named(&self, name: &str) -> impl Iterator<Item = &Workload<'a>> {
        let named = self.by_name.get(name).map_or(&[][..], Vec::as_slice);
        named.iter().filter_map(|index| self.workloads.get(*index))
    }

    /// The Services called `name`, in any namespace.
    pub fn services_named(&self, name: &str) -> impl Iterator<Item = &Service<'a>> {
        let named = self.services_of.get(name).map_or(&[][..], Vec::as_slice);
        named.iter().filter_map(|index| self.services.get(*index))
    }

    /// The workloads in the namespace of `object`.
    pub fn workloads_beside<'c>(
        &'c self,
        object: &'c Object<'a>,
    ) -> impl Iterator<Item = &'c Workload<'a>> + Clone {
        self.workloads_near.of((), object).filter_map(|index| self.workloads.get(index))
    }

    /// The Services in the namespace of `object`.
    pub fn services_beside<'c>(
        &'c self,
        object: &'c Object<'a>,
    ) -> impl Iterator<Item = &'c Service<'a>> + Clone {
        self.services_near.of((), object).filter_map(|index| self.services.get(index))
    }

    /// The Services where a monitor looks.
    pub fn services_in_view<'c>(
        &'c self,
        monitor: &'c Monitor<'a>,
    ) -> impl Iterator<Item = &'c Service<'a>> + Clone {
        let near = in_view(monitor, &self.services_near, self.services.len());
        near.into_iter()
            .filter_map(|index| self.services.get(index))
            .filter(|service| monitor.looks_at(service))
    }

    /// The workloads where a monitor looks.
    pub fn workloads_in_view<'c>(
        &'c self,
        monitor: &'c Monitor<'a>,
    ) -> impl Iterator<Item = &'c Workload<'a>> + Clone {
        let near = in_view(monitor, &self.workloads_near, self.workloads.len());
        near.into_iter()
            .filter_map(|index| self.workloads.get(index))
            .filter(|workload| monitor.looks_at(workload))
    }

    /// True if pods in the namespace of `object` have this label.
    pub fn has_pods_labelled(&self, object: &Object<'a>, key: &'a str, value: &'a str) -> bool {
        let mut found = self.templates.having(key, value).iter();
        found.any(|index| self.workloads.get(*index).is_some_and(|it| it.shares_namespace(object)))
    }

    /// True if what `monitor` may select, where it looks, has this label.
    pub fn has_target_labelled(&self, monitor: &Monitor<'a>, key: &'a str, value: &'a str) -> bool {
        let looks = |object: Option<&Object<'a>>| object.is_some_and(|it| monitor.looks_at(it));
        if monitor.reads_pods() {
            let mut found = self.templates.having(key, value).iter();
            return found.any(|index| looks(self.workloads.get(*index).map(|it| &it.object)));
        }
        let mut found = self.service_labels.having(key, value).iter();
        found.any(|index| looks(self.services.get(*index).map(|it| &it.object)))
    }

    /// The workloads with pods that `selector` matches, in any namespace.
    pub fn workloads_labelled(&self, selector: &Selector<'a>) -> Vec<&Workload<'a>> {
        let found = self.templates.matching(selector, |_| true);
        found.into_iter().filter_map(|index| self.workloads.get(index)).collect()
    }

    /// The Services whose own labels `selector` matches, in any namespace.
    pub fn services_labelled(&self, selector: &Selector<'a>) -> Vec<&Service<'a>> {
        let found = self.service_labels.matching(selector, |_| true);
        found.into_iter().filter_map(|index| self.services.get(index)).collect()
    }
}

/// The numbers of those of `count` objects that `monitor` may look at, each once.
fn in_view<'a>(monitor: &Monitor<'a>, near: &Nearby<'a, ()>, count: usize) -> Vec<usize> {
    match &monitor.namespaces {
        Namespaces::Any => (0..count).collect(),
        Namespaces::Own => near.of((), monitor).collect(),
        Namespaces::Named(names) => {
            let mut names: Vec<_> = names.iter().copied().map(Some).collect();
            // Where none is written, it may be one of these.
            names.push(None);
            names.sort_unstable();
            names.dedup();
            names.into_iter().flat_map(|name| near.in_namespace((), name)).copied().collect()
        }
    }
}
