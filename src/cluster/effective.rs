//! What holds after defaulting and autoscaling (rules.md 2.3, 2.4, 2.16). No rule computes it again.

use super::autoscaler::Autoscaler;
use super::network::{Endpoint, Monitor, PortRef};
use super::object::{Kind, Object};
use super::workload::{Amount, AmountSource, Container, Workload};
use super::{Cluster, Declared};
use crate::source::Span;
use crate::units::Duration;
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

    /// True if the container has no request of its own, by whatever default.
    pub fn lacks_own_request(
        &self,
        workload: &Workload<'a>,
        container: &Container<'a>,
        resource: &str,
    ) -> bool {
        self.request(workload, container, resource).is_none()
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
        self.limit(workload, container, resource).is_none()
            && workload.pod_limit(resource).is_none()
            && !is_opaque(container.place, &["limits"])
            && !workload.pod.is_some_and(|pod| is_opaque(pod, &["limits"]))
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

    /// The shortest interval at which the series of a selector in `carrier` may be scraped (rules.md 2.16), and
    /// where that is written. `admits(label, value)` says whether the selector's matchers let the value of a
    /// label through. `None` where nobody says.
    pub fn scrape_interval(
        &self,
        object: &Object<'a>,
        admits: &dyn Fn(&str, &str) -> bool,
    ) -> Option<(Duration, Span)> {
        let mut shortest: Option<(Duration, Span)> = None;
        for monitor in &self.monitors {
            for endpoint in &monitor.endpoints {
                if let Some(interval) = endpoint.seconds()
                    && let Some(place) = endpoint.interval
                    && shortest.is_none_or(|(known, _)| interval < known)
                    && self.feeds(monitor, endpoint, object, admits)
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
        admits: &dyn Fn(&str, &str) -> bool,
    ) -> Vec<(&'c Monitor<'a>, &'c Endpoint<'a>)> {
        let of_monitor = |monitor: &'c Monitor<'a>| {
            let feeding = |it: &&Endpoint<'a>| self.feeds(monitor, it, object, admits);
            monitor.endpoints.iter().filter(feeding).map(|it| (monitor, it)).collect::<Vec<_>>()
        };
        self.monitors.iter().flat_map(of_monitor).collect()
    }

    /// True if the targets of `endpoint` may have the labels that a selector asks for. A selector that names
    /// neither job nor service nor namespace reads its own namespace's monitors.
    fn feeds(
        &self,
        monitor: &Monitor<'a>,
        endpoint: &Endpoint<'a>,
        object: &Object<'a>,
        admits: &dyn Fn(&str, &str) -> bool,
    ) -> bool {
        // What no value passes is not asked for by its presence: a matcher on it refuses this text.
        const NO_VALUE: &str = "\u{0}";
        let named = ["job", "service", "namespace"].iter().any(|label| !admits(label, NO_VALUE));
        let port = endpoint.port.and_then(Place::text);
        if port.is_some_and(|port| !admits("endpoint", port)) {
            return false;
        }
        let job_label = monitor.at("spec/jobLabel").and_then(Place::text);
        if monitor.reads_pods() {
            let namespace = monitor.namespace.unwrap_or("");
            let job = format!("{namespace}/{}", monitor.name);
            return monitor.workloads.iter().filter_map(|index| self.workloads.get(*index)).any(
                |workload| {
                    let label = job_label.and_then(|label| workload.labels.get(label));
                    (named || workload.shares_namespace(object))
                        && admits("job", label.unwrap_or(&job))
                        && workload.namespace.is_none_or(|name| admits("namespace", name))
                },
            );
        }
        self.services_of_monitor(monitor).any(|service| {
            let label = job_label.and_then(|label| service.label(label));
            (named || service.shares_namespace(object))
                && admits("job", label.unwrap_or(service.name))
                && admits("service", service.name)
                && service.namespace.is_none_or(|name| admits("namespace", name))
        })
    }
}

/// True if the `resources` of a container or pod, or what they have at `keys`, are not readable, such as a
/// placeholder that another tool fills in.
fn is_opaque(holder: Place<'_>, keys: &[&str]) -> bool {
    let Some(resources) = holder.get("resources") else { return false };
    let unread = |key: &str| resources.get(key).is_some_and(|it| !it.is_mapping());
    !resources.is_mapping() || keys.iter().any(|key| unread(key))
}
