//! What rules ask of the input: objects by kind, name, namespace and labels, and what they refer to.

use rustc_hash::FxHashMap;

use super::{
    Autoscaler, Budget, Carrier, Cluster, Input, Kind, Monitor, Namespaces, Nearby, Object,
    Selector, Service, Workload, World,
};
use crate::source::{FileId, Span};
use crate::yaml::Place;

impl<'a> Cluster<'a> {
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
    pub(super) fn objects_of_file(&self, file: FileId) -> impl Iterator<Item = &Object<'a>> {
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

    /// As [`Cluster::records`], those of one object.
    pub fn records_in(
        &self,
        object: &Object<'a>,
        name: &str,
    ) -> impl Iterator<Item = &Carrier<'a>> + Clone {
        // Objects come by kind, then in the order of the input.
        let rank = |object: &Object<'_>| (object.kind != Kind::PrometheusRule, object.index);
        let wanted = rank(object);
        let of = |index: &usize| self.carriers.get(*index).map(|it| rank(&it.object));
        let recorded = self.records.get(name).map_or(&[][..], Vec::as_slice);
        let start = recorded.partition_point(|index| of(index) < Some(wanted));
        let rest = recorded.get(start..).unwrap_or_default();
        rest.iter()
            .filter_map(|index| self.carriers.get(*index))
            .take_while(move |it| rank(&it.object) == wanted)
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
