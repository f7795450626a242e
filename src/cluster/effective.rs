//! What holds after defaulting and autoscaling (rules.md 2.3, 2.4, 2.16). No rule computes it again.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use super::autoscaler::{Autoscaler, Utilization};
use super::network::{Endpoint, Monitor, PortRef};
use super::object::{Kind, Object};
use super::workload::{Amount, AmountSource, Container, Workload};
use super::{Cluster, Declared};
use crate::source::Span;
use crate::units::{Decimal, Duration};
use crate::yaml::Place;

/// How many pods a workload has.
#[derive(Clone, Copy, Debug)]
pub struct Replicas<'a, 'c> {
    /// The least; 0 if KEDA takes it there.
    pub min: i64,
    /// The most.
    pub max: i64,
    /// Where the least is written; `None` if it is a default.
    pub place: Option<Place<'a>>,
    /// Who decides; `None` if `spec.replicas` or its default does.
    pub owner: Option<&'c Autoscaler<'a>>,
}

impl Replicas<'_, '_> {
    /// False if a number is written that is none: then nothing is known.
    pub fn is_known(&self) -> bool {
        self.place.is_none_or(|place| place.int().is_some())
    }

    /// The key that says how many pods there are at the least.
    pub fn key(&self) -> &'static str {
        match self.owner {
            Some(owner) if owner.is_keda() => "minReplicaCount",
            Some(_) => "minReplicas",
            None => "replicas",
        }
    }

    /// What says how many pods there are at the least, as labels name it.
    pub fn text(&self) -> String {
        let unset = if self.place.is_none() { "unset, which is " } else { "" };
        format!("`{}` is {unset}{}", self.key(), self.min)
    }

    /// The fleet that a drain may meet: KEDA's HPA never goes below 1 while anything runs.
    pub fn floor(&self) -> i64 {
        self.min.max(1)
    }
}

impl<'a> Cluster<'a> {
    /// How many pods `workload` has: as its autoscaler says, else `spec.replicas`, else 1. `None` for what has no
    /// count of its own: DaemonSets, Jobs, CronJobs, and objects that others own.
    pub fn replicas(&self, workload: &Workload<'a>) -> Option<Replicas<'a, '_>> {
        if workload.is_exempt() || workload.kind == Kind::DaemonSet {
            return None;
        }
        let owners =
            || workload.autoscalers.iter().filter_map(|index| self.autoscalers.get(*index));
        let owner = owners().find(|owner| !owner.is_keda()).or_else(|| owners().next());
        if let Some(owner) = owner {
            let (min, max) = (owner.min, owner.max);
            return Some(Replicas {
                min: min.value,
                max: max.value,
                place: min.place,
                owner: Some(owner),
            });
        }
        let place = workload.at("spec/replicas").filter(|_| workload.kind != Kind::Pod);
        let count = place.and_then(Place::int).unwrap_or(1);
        Some(Replicas { min: count, max: count, place, owner: None })
    }

    /// Where a report about the least number of pods points: where it is written, else the workload's name.
    pub fn replicas_spot(&self, workload: &Workload<'a>) -> Span {
        let place = self.replicas(workload).and_then(|replicas| replicas.place);
        place.map_or_else(|| workload.spot(), Place::primary)
    }

    /// The effective request of a container: request, else limit, else the namespace's LimitRange.
    pub fn request(
        &self,
        workload: &Workload<'a>,
        container: &Container<'a>,
        resource: &str,
    ) -> Option<Amount<'a>> {
        container
            .written_request(resource)
            .map(|place| Amount::new(place, AmountSource::Request))
            .or_else(|| {
                let limit = container.written_limit(resource)?;
                Some(Amount::new(limit, AmountSource::Limit))
            })
            .or_else(|| {
                let keys = ["defaultRequest", "default", "max", "min"];
                keys.into_iter().find_map(|key| self.limit_range(&workload.object, key, resource))
            })
    }

    /// True if nothing says how much of `resource` the container requests; a request of the whole pod will do, and so
    /// does what is written but cannot be read.
    pub fn lacks_request(
        &self,
        workload: &Workload<'a>,
        container: &Container<'a>,
        resource: &str,
    ) -> bool {
        let keys = ["requests", "limits"];
        let of_pod = |pod: Place<'a>| {
            let amount = |key| pod.get("resources")?.get(key)?.get(resource);
            keys.iter().any(|key| amount(key).is_some()) || is_opaque(pod, &keys)
        };
        self.lacks_own_request(workload, container, resource) && !workload.pod.is_some_and(of_pod)
    }

    /// True if the container has no request of its own, by whatever default. A LimitRange may lie in files that are
    /// not given, if only a part of them is.
    pub fn lacks_own_request(
        &self,
        workload: &Workload<'a>,
        container: &Container<'a>,
        resource: &str,
    ) -> bool {
        !self.is_partial()
            && self.request(workload, container, resource).is_none()
            && !is_opaque(container.place, &["requests", "limits"])
    }

    /// The effective limit of a container: limit, else the namespace's LimitRange.
    pub fn limit(
        &self,
        workload: &Workload<'a>,
        container: &Container<'a>,
        resource: &str,
    ) -> Option<Amount<'a>> {
        let written = container.written_limit(resource);
        written.map(|place| Amount::new(place, AmountSource::Limit)).or_else(|| {
            // `default` is `max` unless it is set (pkg/apis/core/v1/defaults.go).
            let keys = ["default", "max"];
            keys.into_iter().find_map(|key| self.limit_range(&workload.object, key, resource))
        })
    }

    /// True if nothing limits how much of `resource` the container uses; a limit of the whole pod will do, and so
    /// does what is written but cannot be read.
    pub fn lacks_limit(
        &self,
        workload: &Workload<'a>,
        container: &Container<'a>,
        resource: &str,
    ) -> bool {
        !self.is_partial()
            && self.limit(workload, container, resource).is_none()
            && workload.pod_limit(resource).is_none()
            && !is_opaque(container.place, &["limits"])
            && !workload.pod.is_some_and(|pod| is_opaque(pod, &["limits"]))
    }

    /// The requests that a utilisation is relative to, each with the limit that caps usage; `None` unless everything
    /// that counts has both.
    pub fn measured(
        &self,
        workload: &Workload<'a>,
        of: &Utilization<'a>,
    ) -> Option<Vec<(Amount<'a>, Amount<'a>)>> {
        let one = of.container.map(|(name, _)| name);
        let of_pod = |key| workload.pod?.get("resources")?.get(key)?.get(of.resource);
        if one.is_none()
            && let (request, limit) = (of_pod("requests"), of_pod("limits"))
            && let Some(request) = request.or(limit)
        {
            let request = Amount::new(request, AmountSource::Request);
            return Some(vec![(request, Amount::new(limit?, AmountSource::Limit))]);
        }
        let counted = workload
            .containers
            .iter()
            .filter(|container| one.is_none_or(|name| container.name == name));
        let pair = |container| {
            let request = self.request(workload, container, of.resource)?;
            Some((request, self.limit(workload, container, of.resource)?))
        };
        counted.map(pair).collect()
    }

    /// The sum of the requests that a utilisation is relative to and that of the limits above them; `None` where an
    /// amount is not known or is refused.
    pub fn measured_sums(
        &self,
        workload: &Workload<'a>,
        of: &Utilization<'a>,
    ) -> Option<(Decimal, Decimal)> {
        let (mut requests, mut limits) = (Decimal::ZERO, Decimal::ZERO);
        for (request, limit) in self.measured(workload, of)? {
            let (request, limit) = (request.value?, limit.value?);
            requests = requests.checked_add(request)?;
            limits = limits.checked_add(limit)?;
        }
        (requests > Decimal::ZERO && limits >= requests).then_some((requests, limits))
    }

    /// Every amount that a workload or a LimitRange gives, with the name of the resource and the object that it is
    /// written in.
    pub fn amounts(&self) -> impl Iterator<Item = (&Object<'a>, &'a str, Amount<'a>)> {
        let own = self.workloads.iter().filter(|workload| !workload.borrows_template());
        let of_workloads = own.flat_map(|workload| {
            let amounts = workload.amounts();
            amounts.map(|(_, resource, amount)| (&workload.object, resource, amount))
        });
        let of_ranges = self.of_kind(Kind::LimitRange).flat_map(|range| {
            let limits = range.at("spec").into_iter().flat_map(|spec| spec.list("limits"));
            let lists = limits.flat_map(|limit| {
                ["default", "defaultRequest", "min", "max"].map(|key| limit.get(key))
            });
            let entries = lists.flatten().flat_map(Place::entries);
            entries.map(move |(resource, place)| {
                (range, resource, Amount::new(place, AmountSource::LimitRange))
            })
        });
        of_workloads.chain(of_ranges)
    }

    fn limit_range(&self, object: &Object<'a>, key: &str, resource: &str) -> Option<Amount<'a>> {
        // Another one may say something else.
        if self.is_partial() {
            return None;
        }
        let ranges = self.of_kind(Kind::LimitRange).filter(|range| range.shares_namespace(object));
        let limits =
            ranges.filter_map(|range| range.at("spec")).flat_map(|spec| spec.list("limits"));
        let amount = limits
            .filter(|limit| limit.text_of("type") == Some("Container"))
            .find_map(|limit| limit.get(key)?.get(resource));
        amount.map(|place| Amount::new(place, AmountSource::LimitRange))
    }

    /// The container that a Service's port leads to: the one that declares it, else the first.
    pub fn serving_container<'w>(
        &self,
        workload: &'w Workload<'a>,
        port: Option<PortRef<'_>>,
        protocol: &str,
    ) -> Option<&'w Container<'a>> {
        let declares = |container: &&Container<'a>| match port {
            Some(PortRef::Name(name)) => container.has_port(name, protocol),
            Some(PortRef::Number(number)) => {
                container.ports.iter().any(|port| port.number == Some(number))
            }
            None => false,
        };
        workload.containers.iter().find(declares).or_else(|| workload.containers.first())
    }

    /// What slo.toml says of `workload`, if it is the service that one describes.
    pub fn declared(&self, workload: &Workload<'a>) -> Option<&'a Declared> {
        let declared = self.declared_near(&workload.object)?;
        (declared.name == workload.name).then_some(declared)
    }

    /// The slo.toml whose service lives where `object` does and whose folder it shares.
    pub fn declared_near(&self, object: &Object<'a>) -> Option<&'a Declared> {
        let declared = self.slo.get(object.slo?)?;
        let same = object.namespace.is_none_or(|namespace| namespace == declared.namespace);
        same.then_some(declared)
    }

    /// As [`Cluster::declared`], with each overlay that may be meant: whoever renders chooses one, and no manifest tells
    /// which. What none of them says is drift.
    pub fn described(&self, workload: &Workload<'a>) -> Vec<&'a Declared> {
        let mut found = self.described_near(&workload.object);
        found.retain(|declared| declared.name == workload.name);
        found
    }

    /// As [`Cluster::declared_near`], with each overlay that may be meant.
    pub fn described_near(&self, object: &Object<'a>) -> Vec<&'a Declared> {
        let declared = object.slo.and_then(|index| self.slo.get(index));
        let variants = declared.into_iter().flat_map(Declared::variants);
        let same = |it: &&Declared| object.namespace.is_none_or(|own| own == it.namespace);
        variants.filter(same).collect()
    }

    /// The shortest interval at which the series of a selector in `object` may be scraped (rules.md 2.16), and
    /// where that is written. `None` where nobody says.
    pub fn scrape_interval(
        &self,
        object: &Object<'a>,
        series: &Series<'_>,
    ) -> Option<(Duration, Span)> {
        let mut shortest: Option<(Duration, Span)> = None;
        for monitor in self.monitors_near(object, series) {
            for endpoint in &monitor.endpoints {
                if let Some(interval) = endpoint.seconds()
                    && let Some(place) = endpoint.interval
                    && shortest.is_none_or(|(known, _)| interval < known)
                    && self.feeds(monitor, endpoint, object, series)
                {
                    shortest = Some((interval, place.primary()));
                }
            }
        }
        shortest.or_else(|| {
            let written = self.declared_near(object)?.interval.as_ref()?;
            Some((written.value, written.span))
        })
    }

    /// The endpoints whose targets may have the series of a selector; see [`Cluster::scrape_interval`].
    pub fn endpoints_feeding<'c>(
        &'c self,
        object: &Object<'a>,
        series: &Series<'_>,
    ) -> Vec<(&'c Monitor<'a>, &'c Endpoint<'a>)> {
        let of_monitor = |monitor: &'c Monitor<'a>| {
            let feeding = |it: &&Endpoint<'a>| self.feeds(monitor, it, object, series);
            monitor.endpoints.iter().filter(feeding).map(|it| (monitor, it)).collect::<Vec<_>>()
        };
        self.monitors_near(object, series).flat_map(of_monitor).collect()
    }

    /// Among these monitors are all that a selector may read from.
    fn monitors_near<'c>(
        &'c self,
        object: &Object<'a>,
        series: &Series<'_>,
    ) -> Box<dyn Iterator<Item = &'c Monitor<'a>> + 'c> {
        let indexed = match series.exact {
            Some(name) => self.monitors_of_job.get(name),
            // Without a namespace it may be any that stands in the same file.
            None if !series.is_named() && object.namespace.is_some() => {
                self.monitors_of_namespace.get(&object.namespace)
            }
            None => return Box::new(self.monitors.iter()),
        };
        let found = indexed.map_or(&[][..], Vec::as_slice);
        Box::new(found.iter().filter_map(|index| self.monitors.get(*index)))
    }

    /// True if the targets of `endpoint` may have the labels that a selector asks for. A selector that names
    /// neither job nor service nor namespace reads its own namespace's monitors.
    fn feeds(
        &self,
        monitor: &Monitor<'a>,
        endpoint: &Endpoint<'a>,
        object: &Object<'a>,
        series: &Series<'_>,
    ) -> bool {
        let (admits, named) = (series.admits, series.is_named());
        let port = endpoint.port.and_then(Place::text);
        if port.is_some_and(|port| !admits("endpoint", port)) {
            return false;
        }
        if monitor.reads_pods() {
            return self.workloads_of_monitor(monitor).any(|workload| {
                (named || workload.shares_namespace(object))
                    && admits("job", &monitor.job_of_pods(workload))
                    && workload.namespace.is_none_or(|name| admits("namespace", name))
            });
        }
        self.services_of_monitor(monitor).any(|service| {
            (named || service.shares_namespace(object))
                && admits("job", monitor.job_of(service))
                && admits("service", service.name)
                && service.namespace.is_none_or(|name| admits("namespace", name))
        })
    }

    /// The monitors by the jobs and Services of their targets, and by the namespaces of these. A target without a
    /// namespace belongs to all namespaces of its file, so its monitor is in the second index under each of them.
    pub(super) fn index_monitors(&mut self) {
        let (mut jobs, mut namespaces) = (FxHashMap::default(), FxHashMap::default());
        for monitor in &self.monitors {
            let mut add = |job: Cow<'a, str>, target: &Object<'a>| {
                enter(&mut jobs, job, monitor.index);
                enter(&mut namespaces, target.namespace, monitor.index);
                if target.namespace.is_none() {
                    let beside = self.objects_of_file(target.root.file());
                    for object in beside.filter(|object| object.namespace.is_some()) {
                        enter(&mut namespaces, object.namespace, monitor.index);
                    }
                }
            };
            for service in self.services_of_monitor(monitor) {
                add(Cow::Borrowed(service.name), service);
                add(Cow::Borrowed(monitor.job_of(service)), service);
            }
            for workload in self.workloads_of_monitor(monitor) {
                add(monitor.job_of_pods(workload), workload);
            }
        }
        self.monitors_of_job = jobs;
        self.monitors_of_namespace = namespaces;
    }
}

fn enter<K: Eq + std::hash::Hash>(index: &mut FxHashMap<K, Vec<usize>>, key: K, monitor: usize) {
    let monitors = index.entry(key).or_default();
    if monitors.last() != Some(&monitor) {
        monitors.push(monitor);
    }
}

/// The series that a selector reads.
#[derive(Clone, Copy)]
pub struct Series<'q> {
    /// True if a series whose label has this value may be among them.
    pub admits: &'q dyn Fn(&str, &str) -> bool,
    /// The one value that their label `service` or `job` has, if there is only one.
    pub exact: Option<&'q str>,
}

impl Series<'_> {
    /// True if the selector asks for a certain job, Service or namespace.
    fn is_named(&self) -> bool {
        // No label has this value, so only a condition that nearly all values meet admits it.
        ["job", "service", "namespace"].iter().any(|label| !(self.admits)(label, "\u{0}"))
    }
}

/// True if the `resources` of a container or pod, or what they have at `keys`, are not readable, such as a
/// placeholder that another tool fills in.
fn is_opaque(holder: Place<'_>, keys: &[&str]) -> bool {
    let Some(resources) = holder.get("resources") else { return false };
    let unread = |key: &str| resources.get(key).is_some_and(|it| !it.is_mapping());
    !resources.is_mapping() || keys.iter().any(|key| unread(key))
}
