//! What holds for the pods of a workload, whoever says so: the pod or the container.

use super::Cluster;
use super::labels::Selector;
use super::network::PortRef;
use super::object::Object;
use super::workload::{Container, Workload};
use crate::yaml::Place;

impl<'a> Cluster<'a> {
    /// The workloads whose template is written in themselves, so that reports about it come once.
    pub fn templates(&self) -> impl Iterator<Item = &Workload<'a>> {
        self.workloads().iter().filter(|workload| !workload.borrows_template())
    }

    /// The workloads that a selector picks from the namespace of `object`; an empty one picks all.
    pub fn workloads_picked<'c>(
        &'c self,
        object: &'c Object<'a>,
        selector: &Selector<'a>,
    ) -> Vec<&'c Workload<'a>> {
        if selector.labels.is_empty() {
            let beside = self.workloads_beside(object);
            return beside.filter(|workload| selector.matches(workload.labels)).collect();
        }
        let mut found = self.workloads_labelled(selector);
        found.retain(|workload| workload.shares_namespace(object));
        found
    }

    /// The container that a slo.toml for the service `name` speaks of: the one of its name, else the one that is
    /// served, else the first.
    pub fn main_container<'c>(
        &self,
        workload: &'c Workload<'a>,
        name: &str,
    ) -> Option<&'c Container<'a>> {
        let named = workload.containers.iter().find(|container| container.name == name);
        let port = || self.services_of(workload).find_map(|service| service.ports.first());
        named.or_else(|| match port() {
            // Another Service may say that another one is.
            _ if self.is_partial() && workload.containers.len() > 1 => None,
            Some(port) => self.serving_container(workload, port.target_port(), port.protocol),
            None => workload.containers.first(),
        })
    }

    /// The container that gets the traffic of the Services of a workload, and the Service that says so. What is
    /// for Prometheus or has no address of its own sends no traffic.
    pub fn served_container<'c>(
        &'c self,
        workload: &'c Workload<'a>,
    ) -> Option<(&'c super::Service<'a>, &'c Container<'a>)> {
        let sends = |it: &&super::Service<'a>| !it.is_for_metrics() && !it.is_headless();
        let service = self.services_of(workload).find(sends)?;
        let port = service.ports.first();
        let target: Option<PortRef<'_>> = port.and_then(super::ServicePort::target_port);
        let protocol = port.map_or("TCP", |port| port.protocol);
        Some((service, self.serving_container(workload, target, protocol)?))
    }
}

impl<'a> Workload<'a> {
    /// Every container: also those that end before the others start.
    pub fn every_container(&self) -> impl Iterator<Item = &Container<'a>> {
        self.containers.iter().chain(&self.init_containers)
    }

    /// True if the pods run on Windows, which knows neither capabilities nor seccomp nor user numbers.
    pub fn is_windows(&self) -> bool {
        self.pod.and_then(|pod| pod.at("os/name")).and_then(Place::text) == Some("windows")
    }

    /// A setting of `securityContext`: that of the container, else that of the pod.
    pub fn security(&self, container: &Container<'a>, key: &str) -> Option<Place<'a>> {
        container.security(key).or_else(|| self.pod?.get("securityContext")?.get(key))
    }

    /// False if a `securityContext` is no mapping, such as a placeholder: then nothing is known.
    pub fn has_readable_security(&self, container: &Container<'a>) -> bool {
        let holders = [Some(container.place), self.pod];
        let contexts = holders.into_iter().flatten().filter_map(|it| it.get("securityContext"));
        contexts.into_iter().all(Place::is_mapping)
    }
}

impl<'a> Container<'a> {
    /// A setting of its own `securityContext`, by its path there.
    pub fn security(&self, path: &str) -> Option<Place<'a>> {
        self.place.get("securityContext")?.at(path)
    }

    /// Its own `securityContext`, else itself: where something missing from it is reported.
    pub fn security_holder(&self) -> Place<'a> {
        self.place.get("securityContext").unwrap_or(self.place)
    }
}
