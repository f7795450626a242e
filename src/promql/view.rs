//! What people look at, in dashboards and runbooks: recorded series, and what kube-state-metrics says.

use crate::plan::Plan;
use crate::plan::scaling::Measure;
use crate::plan::slo::{BASE, Slo, ready_replicas};
use crate::plan::targets::{InFlight, Latency};
use crate::spec::leaf::WorkloadKind;

use super::slo::{ratio_name, recorded};
use super::{matcher, of_service, rate};

/// Quantile of the latency of the whole service, in seconds: what the alert compares with the target.
pub fn latency(plan: &Plan<'_>, target: &Latency) -> String {
    of_service(plan, Measure::Latency(target.percentile), &[])
}

/// The recorded latency quantile of each pod.
pub fn latency_of_pods(plan: &Plan<'_>, target: &Latency) -> String {
    of_pods(plan, &target.metric)
}

/// The recorded requests in flight of each pod.
pub fn in_flight_of_pods(plan: &Plan<'_>, target: &InFlight) -> String {
    of_pods(plan, &target.metric)
}

/// The recorded series of `metric`, which every service of the namespace may share: those of this one's pods.
fn of_pods(plan: &Plan<'_>, metric: &str) -> String {
    let labels = in_namespace(plan, &matcher("pod", "=~", &pods(plan)));
    format!("{metric}:pod{{{labels}}}")
}

/// A regular expression for the names of the service's pods, and of no others'.
fn pods(plan: &Plan<'_>) -> String {
    let name = &plan.names.service;
    match *plan.spec.doc.service.workload {
        WorkloadKind::StatefulSet => format!("{name}-[0-9]+"),
        // The ReplicaSet's hash of at most 10 characters, and 5 characters of the pod's own.
        WorkloadKind::Deployment if name.len() <= 46 => format!("{name}-[a-z0-9]+-[a-z0-9]+"),
        // All but the last 5 characters are cut to 58 (apiserver, names/generate.go).
        WorkloadKind::Deployment => {
            format!("{}[a-z0-9-]+", name.chars().take(58).collect::<String>())
        }
    }
}

/// The share of bad requests of late.
pub fn share(slo: &Slo) -> String {
    recorded(&ratio_name(BASE), slo)
}

/// Failed requests per second, by pod and by the labels that tell how they failed.
pub fn errors_by_pod(plan: &Plan<'_>) -> String {
    let scrape = &plan.scrape;
    let labels = scrape.errors.iter().map(|(label, _)| label.as_str());
    let by: Vec<&str> = std::iter::once("pod").chain(labels).collect();
    format!("sum by ({}) ({})", by.join(", "), rate(plan, &scrape.requests, &scrape.errors))
}

/// The requests that are counted, by the labels that should single out those that matter: what values they have.
pub fn labels_seen(plan: &Plan<'_>) -> String {
    let scrape = &plan.scrape;
    let labels: Vec<&str> = scrape.selector.iter().map(|(label, _)| label.as_str()).collect();
    let own = in_namespace(plan, &matcher("job", "=", &scrape.job));
    format!("count by ({}) ({}{{{own}}})", labels.join(", "), scrape.requests)
}

/// 1 for each pod that Prometheus can scrape, 0 for those that it cannot.
pub fn scraped(plan: &Plan<'_>) -> String {
    format!("up{{{}}}", in_namespace(plan, &matcher("job", "=", &plan.scrape.job)))
}

/// What the autoscaler runs.
pub fn replicas(plan: &Plan<'_>) -> String {
    one(plan, "kube_horizontalpodautoscaler_status_current_replicas", "")
}

/// What the autoscaler wants.
pub fn wanted_replicas(plan: &Plan<'_>) -> String {
    one(plan, "kube_horizontalpodautoscaler_status_desired_replicas", "")
}

/// Pods that can serve.
pub fn ready_pods(plan: &Plan<'_>) -> String {
    let (series, label) = ready_replicas(*plan.spec.doc.service.workload);
    let workload = in_namespace(plan, &matcher(label, "=", &plan.names.service));
    format!("max({series}{{{workload}}})")
}

/// By how many pods the autoscaler changed the fleet within `step`.
pub fn scaled(plan: &Plan<'_>, step: &str) -> String {
    let before = format!(" offset {step}");
    let series = "kube_horizontalpodautoscaler_status_current_replicas";
    format!("{} - {}", one(plan, series, ""), one(plan, series, &before))
}

/// The fleet grew within `step`.
pub fn grew(plan: &Plan<'_>, step: &str) -> String {
    format!("{} > 0", scaled(plan, step))
}

/// The fleet shrank within `step`.
pub fn shrank(plan: &Plan<'_>, step: &str) -> String {
    format!("{} < 0", scaled(plan, step))
}

/// The service's alerts that fire.
pub fn firing(plan: &Plan<'_>) -> String {
    let own = [matcher("service", "=", &plan.names.service), matcher("alertstate", "=", "firing")];
    format!("ALERTS{{{}}}", in_namespace(plan, &own.join(",")))
}

/// A series of the HPA; the maximum, since two instances of kube-state-metrics overlap when one replaces the other.
fn one(plan: &Plan<'_>, series: &str, modifier: &str) -> String {
    let hpa = in_namespace(plan, &matcher("horizontalpodautoscaler", "=", &plan.names.hpa));
    format!("max({series}{{{hpa}}}{modifier})")
}

fn in_namespace(plan: &Plan<'_>, more: &str) -> String {
    format!("{},{more}", matcher("namespace", "=", &plan.spec.doc.service.namespace.0))
}

/// `expr` for a Grafana dashboard: of the namespace that its variable `namespace` says, and with nothing else that
/// Grafana would take for a variable.
///
/// Values are quoted, so what opens a selector can be told from what a value holds; and only values hold `$`.
/// A `slo_id` starts with the namespace: it follows the variable too.
pub fn for_grafana(plan: &Plan<'_>, expr: &str) -> String {
    of_variable(plan, &expr.replace('$', r"\x24").replace("[[", r"\x5b\x5b"))
}

/// [`scaled`] within the distance of two points of a Grafana panel, so that no change is lost at any zoom.
pub fn scaled_for_grafana(plan: &Plan<'_>) -> String {
    of_variable(plan, &scaled(plan, "$__interval"))
}

fn of_variable(plan: &Plan<'_>, expr: &str) -> String {
    let namespace = &plan.spec.doc.service.namespace.0;
    let slo = format!("{{{}", matcher("slo_id", "=", &format!("{namespace}/")));
    let slo = slo.trim_end_matches('"');
    let own = format!("{{{}", matcher("namespace", "=", namespace));
    expr.replace(&own, r#"{namespace="$namespace""#).replace(slo, r#"{slo_id="$namespace/"#)
}

/// `expr` for a Markdown document: without what a reader could take for the end of code or for a template.
pub fn for_markdown(expr: &str) -> String {
    expr.replace("{{", r"{\x7b").replace('`', r"\x60")
}

#[cfg(test)]
mod tests {
    use super::*;
    use promql_parser::parser::{self, Expr};

    /// Only values hold what is escaped, and there the escapes mean the same.
    #[test]
    fn markdown_keeps_the_meaning() {
        for value in ["a`b", "{{ x }}", "{{{{", "```", "\\`", "${x}", "[[x]]", "\\$"] {
            let expr = format!("up{{{}}}", matcher("a", "=", value));
            let text = for_markdown(&expr);
            assert!(!text.contains('`') && !text.contains("{{"), "{text}");
            let Ok(Expr::VectorSelector(selector)) = parser::parse(&text) else {
                panic!("{text} is no selector");
            };
            assert_eq!(selector.matchers.matchers[0].value, value, "{text}");
        }
    }
}
