//! The configuration of prometheus-adapter, through which an autoscaler reads the service's own metrics.
//!
//! The adapter knows one rule for a metric, in all namespaces (`series_registry.go`: of two rules with one name the
//! later wins, for everybody). So services do not bring rules of their own: each says what it asks for, and one
//! set of rules serves all.

use std::collections::{BTreeMap, HashMap};

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde_json::Value;

use crate::finding::Finding;
use crate::plan::Plan;
use crate::plan::scaling::{By, Metric, Scaling};
use crate::promql::adapter::{Query, Share, metrics_query, series_query};
use crate::source::Span;
use crate::spec::leaf::Url;
use crate::yaml;

use super::{Manifest, metadata, to_value};

/// Name of the ConfigMap that holds the rules of all services.
const SHARED_NAME: &str = "slogen-adapter-rules";

/// What one service asks of the adapter.
#[derive(Clone, Debug)]
pub struct Request {
    service: String,
    namespace: String,
    /// Where the service is named.
    at: Span,
    home: Home,
    /// By the names that the autoscaler asks for.
    metrics: Vec<(String, Query)>,
}

/// Where Prometheus, and the adapter beside it, are.
#[derive(Clone, Debug, PartialEq)]
struct Home {
    server: Url,
    namespace: String,
}

/// What the adapter needs to know of all services.
#[derive(Clone, Debug)]
pub struct Adapter {
    home: Home,
    rules: Vec<Rule>,
}

/// A rule of the adapter: discovery, association, naming, and the query.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    series_query: String,
    resources: Resources,
    name: Name,
    metrics_query: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Resources {
    overrides: Overrides,
}

/// Which labels of a series name which objects. Without `namespace` the adapter cannot ask for pods at all.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Overrides {
    namespace: Resource,
    pod: Resource,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Resource {
    resource: &'static str,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Name {
    r#as: String,
}

/// Values of the Helm chart prometheus-community/prometheus-adapter.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Values<'a> {
    prometheus: Prometheus<'a>,
    metrics_relist_interval: &'static str,
    rules: ValuesRules<'a>,
}

#[derive(Serialize)]
struct Prometheus<'a> {
    url: &'a str,
    port: u16,
    path: &'a str,
}

#[derive(Serialize)]
struct ValuesRules<'a> {
    default: bool,
    custom: &'a [Rule],
}

/// The adapter's own configuration file.
#[derive(Serialize)]
struct Config<'a> {
    rules: &'a [Rule],
}

/// What the service asks for; `None` if no HPA of its scales on a custom metric.
pub fn request(plan: &Plan<'_>) -> Option<Request> {
    let doc = &plan.spec.doc;
    let Scaling::Auto(autoscaler) = &plan.scaling else { return None };
    let custom = |metric: &Metric| match metric {
        Metric::Pods { name, measure, .. } => Some((name.clone(), Query::new(plan, *measure))),
        Metric::Cpu(_) => None,
    };
    // KEDA asks Prometheus itself.
    let By::Hpa(metrics) = &autoscaler.by else { return None };
    let metrics: Vec<_> = metrics.iter().filter_map(custom).collect();
    (!metrics.is_empty()).then(|| Request {
        service: plan.names.service.clone(),
        namespace: doc.service.namespace.0.clone(),
        at: doc.service.name.span,
        home: Home {
            server: plan.scrape.server.value.clone(),
            namespace: doc.metrics.monitoring_namespace.0.clone(),
        },
        metrics,
    })
}

/// One set of rules for all `requests`; `None` where there are none.
///
/// Fails where one adapter cannot serve all of them.
pub fn merge(requests: &[Request]) -> Result<Option<Adapter>, Vec<Finding>> {
    let Some(first) = requests.first() else { return Ok(None) };
    let mut findings: Vec<Finding> = Vec::new();
    let mut services = HashMap::new();
    // By name, so that a service more or less leaves the order of the rules as it is.
    let mut metrics: BTreeMap<&str, (&Request, Vec<Share>)> = BTreeMap::new();
    for request in requests {
        if let Some(other) = services.insert((&request.namespace, &request.service), request.at) {
            findings.push(twice(request, other));
            continue;
        }
        if request.home != first.home {
            findings.push(elsewhere(request, first));
        }
        for (name, query) in &request.metrics {
            let (owner, shares) = metrics.entry(name).or_insert_with(|| (request, Vec::new()));
            if shares.first().is_some_and(|share| share.query.series() != query.series()) {
                findings.push(other_series(request, owner, name));
                continue;
            }
            let alike =
                |share: &&mut Share| share.namespace == request.namespace && share.query == *query;
            match shares.iter_mut().find(alike) {
                Some(share) => share.jobs.push(request.service.clone()),
                None => shares.push(Share {
                    query: query.clone(),
                    namespace: request.namespace.clone(),
                    jobs: vec![request.service.clone()],
                }),
            }
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let rule = |(name, (_, shares)): (&str, (&Request, Vec<Share>))| Rule {
        series_query: series_query(&shares),
        resources: Resources {
            overrides: Overrides {
                namespace: Resource { resource: "namespace" },
                pod: Resource { resource: "pod" },
            },
        },
        name: Name { r#as: name.to_owned() },
        metrics_query: metrics_query(&shares),
    };
    let rules = metrics.into_iter().map(rule).collect();
    Ok(Some(Adapter { home: first.home.clone(), rules }))
}

fn twice(request: &Request, other: Span) -> Finding {
    let Request { service, namespace, .. } = request;
    let message = format!("two services are called `{namespace}/{service}`");
    Finding::error("spec/duplicate-object", request.at, message)
        .label(other, "the other one")
        .help("rename one of them, or give it a namespace of its own")
}

fn elsewhere(request: &Request, first: &Request) -> Finding {
    let place = |Home { server, namespace }: &Home| format!("`{server}` (`{namespace}`)");
    let message = format!(
        "one adapter asks one Prometheus: `{}` names {}, `{}` names {}",
        request.service,
        place(&request.home),
        first.service,
        place(&first.home)
    );
    Finding::error("spec/adapter-conflict", request.at, message).label(first.at, "the other one").help(
        "give both the same `metrics.prometheus_url` and `metrics.monitoring_namespace`, or run one adapter for each",
    )
}

fn other_series(request: &Request, owner: &Request, name: &str) -> Finding {
    let full = |request: &Request| format!("`{}/{}`", request.namespace, request.service);
    let series = |request: &Request| {
        let own = request.metrics.iter().find(|(own, _)| own == name);
        own.map_or_else(String::new, |(_, query)| format!("`{}`", query.series()))
    };
    let message = format!(
        "one adapter serves one `{name}`: {} takes it from {}, {} from {}",
        full(request),
        series(request),
        full(owner),
        series(owner)
    );
    Finding::error("spec/adapter-conflict", request.at, message)
        .label(owner.at, "the other one")
        .help("export both histograms under one name and of one sort (`metrics.latency`, `metrics.native_histograms`)")
}

impl Adapter {
    /// Values for `helm upgrade --install prometheus-adapter prometheus-community/prometheus-adapter --values …`.
    pub fn values(&self) -> Result<Value, String> {
        let Url { base, port, path } = &self.home.server;
        to_value(Values {
            // Without them an upgrade goes back to the chart's own, where no Prometheus is.
            prometheus: Prometheus { url: base, port: *port, path },
            // What Prometheus has found, the autoscaler sees a minute later at most.
            metrics_relist_interval: "1m",
            // The chart's default rules serve every series under its own name, `http_requests_in_flight` among
            // them: whenever ours has found nothing yet, unfiltered numbers would scale the fleet.
            rules: ValuesRules { default: false, custom: &self.rules },
        })
    }

    /// A ConfigMap for the chart's value `rules.existing`.
    pub fn config_map(&self) -> Result<Manifest, String> {
        let labels = BTreeMap::from([metadata::managed_by()]);
        self.config_map_with(ObjectMeta {
            name: Some(SHARED_NAME.to_owned()),
            labels: Some(labels),
            ..ObjectMeta::default()
        })
    }

    fn config_map_with(&self, metadata: ObjectMeta) -> Result<Manifest, String> {
        let config = yaml::emit::stream(&[&to_value(Config { rules: &self.rules })?])?;
        let object = to_value(ConfigMap {
            metadata: ObjectMeta { namespace: Some(self.home.namespace.clone()), ..metadata },
            // The file that the chart's Deployment has the adapter read.
            data: Some(BTreeMap::from([("config.yaml".to_owned(), config)])),
            ..ConfigMap::default()
        })?;
        Ok(Manifest::new(object))
    }
}

/// The ConfigMap of one service alone; `None` if it asks for nothing.
pub(super) fn config_map(plan: &Plan<'_>) -> Result<Option<Manifest>, String> {
    let alone: Vec<Request> = request(plan).into_iter().collect();
    // A request alone conflicts with none.
    let adapter = merge(&alone).ok().flatten();
    let metadata = metadata::object(plan, &plan.names.adapter_rules);
    adapter.map(|adapter| adapter.config_map_with(metadata)).transpose()
}
