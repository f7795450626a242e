//! The PrometheusRule: one ordered group a target, recordings first, then the alerts.

use std::collections::BTreeMap;

use minijinja::{Value, context};

use crate::kinds::monitoring::{PrometheusRule, PrometheusRuleSpec, Rule, RuleGroup};
use crate::plan::Plan;
use crate::plan::targets::{InFlight, Latency};
use crate::promql;
use crate::units::{Duration, Ratio};
use crate::{text, units};

use super::metadata;

/// Time between evaluations (alerts.md, section 1).
const INTERVAL: &str = "30s";

/// All groups of the service; `None` where no target has any rule.
pub(super) fn prometheus_rule(plan: &Plan<'_>) -> Result<Option<PrometheusRule>, String> {
    let latency = plan.targets.latency.iter().map(|target| latency(plan, target));
    let errors = plan.targets.errors.iter().map(|below| errors(plan, *below));
    let in_flight = plan.targets.in_flight.iter().map(|target| Ok(in_flight(plan, target)));
    let groups: Vec<RuleGroup> =
        latency.chain(errors).chain(in_flight).collect::<Result<_, _>>()?;
    let groups: Vec<RuleGroup> =
        groups.into_iter().filter(|group| !group.rules.is_empty()).collect();
    if groups.is_empty() {
        return Ok(None);
    }
    let metadata = metadata::monitoring(plan, &plan.names.rules, true);
    Ok(Some(PrometheusRule::new(metadata, PrometheusRuleSpec { groups })))
}

fn group(plan: &Plan<'_>, target: &str, rules: Vec<Rule>) -> RuleGroup {
    RuleGroup {
        name: format!("{}-{target}", plan.names.service),
        interval: Some(INTERVAL.to_owned()),
        rules,
        ..RuleGroup::default()
    }
}

/// The series of one pod each; `<metric>:pod` is the name that the guide's commands query.
fn by_pod(metric: &str, expr: String) -> Rule {
    Rule { record: Some(format!("{metric}:pod")), expr: expr.into(), ..Rule::default() }
}

fn latency(plan: &Plan<'_>, target: &Latency) -> Result<RuleGroup, String> {
    let slo = format!("latency-{}", target.short);
    let mut rules = vec![by_pod(&target.metric, promql::latency_by_pod(plan, target))];
    if *plan.spec.doc.alerts.symptom {
        rules.push(alert(plan, &Alert {
            name: "LatencySLOBreach",
            slo: &slo,
            expr: promql::latency_breach(plan, target),
            hold: *plan.spec.doc.alerts.r#for.latency,
            summary: "${ service }: ${ percentile } latency is not below ${ target }",
            description: "${ percentile } latency of ${ namespace }/${ service } was {{ $value | humanizeDuration }} over the last ${ window }; the target is below ${ target }.",
            more: context! { percentile => format!("P{}", units::plain(target.percentile)), target => target.below.to_string() },
        })?);
    }
    Ok(group(plan, &slo, rules))
}

fn errors(plan: &Plan<'_>, below: Ratio) -> Result<RuleGroup, String> {
    let mut rules = Vec::new();
    if *plan.spec.doc.alerts.symptom {
        rules.push(alert(plan, &Alert {
            name: "HighErrorRate",
            slo: "errors",
            expr: promql::errors_breach(plan, below.value()),
            hold: *plan.spec.doc.alerts.r#for.errors,
            summary: "${ service }: not below ${ target } of the requests fail",
            description: "{{ $value | humanizePercentage }} of the requests to ${ namespace }/${ service } failed over the last ${ window }; the target is below ${ target }.",
            more: context! { target => below.to_string() },
        })?);
    }
    Ok(group(plan, "errors", rules))
}

fn in_flight(plan: &Plan<'_>, target: &InFlight) -> RuleGroup {
    group(plan, "in-flight", vec![by_pod(&target.metric, promql::in_flight_by_pod(plan))])
}

struct Alert<'a> {
    /// Name behind the service's.
    name: &'a str,
    slo: &'a str,
    expr: String,
    hold: Duration,
    summary: &'a str,
    description: &'a str,
    more: Value,
}

fn alert(plan: &Plan<'_>, alert: &Alert<'_>) -> Result<Rule, String> {
    let alerts = &plan.spec.doc.alerts;
    let service = &plan.names.service;
    let name = format!("{}{}", plan.names.pascal, alert.name);
    let context = context! {
        service => service,
        namespace => plan.spec.doc.service.namespace.0.clone(),
        window => plan.scrape.rate_window.value.to_string(),
        ..alert.more.clone()
    };
    let fill =
        |template: &str| text::fill(template, context.clone()).map_err(|error| error.to_string());
    let own = alerts.labels.iter().flat_map(|labels| labels.iter());
    let own = own.map(|(key, value)| (key.clone(), promql::literal(value)));
    let namespace = plan.spec.doc.service.namespace.0.as_str();
    // AlertmanagerConfig objects route by `namespace`, which sums have lost.
    let fixed = [
        ("namespace", namespace),
        ("severity", alerts.severity_page.0.as_str()),
        ("service", service),
        ("slo", alert.slo),
    ];
    let labels = own.chain(fixed.map(|(key, value)| (key.to_owned(), value.to_owned()))).collect();
    let mut annotations = BTreeMap::from([
        ("summary".to_owned(), fill(alert.summary)?),
        ("description".to_owned(), fill(alert.description)?),
    ]);
    if let Some(url) = &alerts.runbook_url {
        annotations.insert("runbook_url".to_owned(), format!("{}#{}", **url, name.to_lowercase()));
    }
    Ok(Rule {
        alert: Some(name),
        expr: alert.expr.clone().into(),
        r#for: (!alert.hold.is_zero()).then(|| alert.hold.to_string()),
        labels,
        annotations,
        ..Rule::default()
    })
}
