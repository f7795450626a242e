//! Which workloads an alert watches: those whose pods have the series that it reads.

use crate::cluster::{Carrier, Cluster, Series, Workload};
use crate::query::{MatchOp, Selector};
use crate::rules::expressions::{Wanted, is_of_platform, is_of_proxy, is_recorded, metric};

/// Labels by which a target is called like its workload.
const NAMES: [&str; 5] = ["job", "service", "app", "deployment", "container"];

/// The workloads whose own metrics a selector may read: by the monitors that scrape them, else by slo.toml, else by
/// name. Each once, in the order of the input.
pub(crate) fn workloads<'c, 'a>(
    cluster: &'c Cluster<'a>,
    carrier: &Carrier<'a>,
    selector: &Selector<'_>,
) -> Vec<&'c Workload<'a>> {
    let name = metric(carrier, selector);
    if name.is_empty() || is_recorded(&name) || is_of_platform(&name) || is_of_proxy(&name) {
        return Vec::new();
    }
    let wanted = Wanted::of(selector);
    let mut found = scraped(cluster, carrier, &wanted);
    if found.is_empty() {
        found = declared(cluster, carrier, &name, &wanted);
    }
    if found.is_empty() {
        found = called(cluster, carrier, selector, &wanted);
    }
    found.sort_unstable_by_key(|workload| workload.index);
    found.dedup_by_key(|workload| workload.index);
    found
}

fn scraped<'c, 'a>(
    cluster: &'c Cluster<'a>,
    carrier: &Carrier<'a>,
    wanted: &Wanted<'_>,
) -> Vec<&'c Workload<'a>> {
    let admits = |label: &str, value: &str| wanted.admits(label, value);
    let series = Series { admits: &admits, exact: wanted.exact() };
    let endpoints = cluster.endpoints_feeding(&carrier.object, &series);
    let mut monitors: Vec<_> = endpoints.into_iter().map(|(monitor, _)| monitor).collect();
    monitors.dedup_by_key(|monitor| monitor.index);
    let targets = monitors.into_iter().flat_map(|monitor| {
        cluster.scraped_by(monitor).filter(|(workload, service)| match service {
            Some(service) => {
                admits("job", monitor.job_of(service)) && admits("service", service.name)
            }
            None => admits("job", &monitor.job_of_pods(workload)),
        })
    });
    let targets = targets.map(|(workload, _)| workload);
    targets.filter(|it| it.namespace.is_none_or(|name| admits("namespace", name))).collect()
}

fn declared<'c, 'a>(
    cluster: &'c Cluster<'a>,
    carrier: &Carrier<'a>,
    metric: &str,
    wanted: &Wanted<'_>,
) -> Vec<&'c Workload<'a>> {
    let Some(slo) = cluster.declared_near(&carrier.object) else { return Vec::new() };
    let base = ["_bucket", "_count", "_sum"].iter().find_map(|end| metric.strip_suffix(end));
    let own = slo.metrics.iter().any(|it| it == metric || Some(it.as_str()) == base);
    if !own || !wanted.admits("job", &slo.name) || !wanted.admits("namespace", &slo.namespace) {
        return Vec::new();
    }
    let named = cluster.workloads_named(&slo.name);
    named.filter(|it| it.namespace.is_none_or(|name| name == slo.namespace)).collect()
}

fn called<'c, 'a>(
    cluster: &'c Cluster<'a>,
    carrier: &Carrier<'a>,
    selector: &Selector<'_>,
    wanted: &Wanted<'_>,
) -> Vec<&'c Workload<'a>> {
    let mut named = selector
        .matchers
        .iter()
        .filter(|matcher| matcher.op == MatchOp::Equal && NAMES.contains(&matcher.label.as_str()));
    let Some(name) = named.next().map(|matcher| matcher.value.as_str()) else { return Vec::new() };
    // Where the namespace is asked for, that counts, else that of the rules.
    let here = |workload: &&Workload<'a>| match workload.namespace {
        Some(namespace) if wanted.names("namespace") => wanted.admits("namespace", namespace),
        _ => workload.shares_namespace(&carrier.object),
    };
    cluster.workloads_named(name).filter(here).collect()
}
