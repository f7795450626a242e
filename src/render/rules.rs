//! The PrometheusRule: one ordered group a target, recordings first, then the alerts that read them.

use std::collections::BTreeMap;

use minijinja::{Value, context};

use crate::kinds::monitoring::{PrometheusRule, PrometheusRuleSpec, Rule, RuleGroup};
use crate::plan::Plan;
use crate::plan::scaling::Measure;
use crate::plan::slo::{EVALUATION, Indicator, Slo, Tier};
use crate::plan::targets::{InFlight, Latency};
use crate::promql::{self, slo};
use crate::text;
use crate::units::{Decimal, Duration, Ratio, plain};

use super::metadata;

/// The name of the alert on latency above its target.
pub(super) const LATENCY_BREACH: &str = "LatencySLOBreach";
/// The name of the alert on errors above their target.
pub(super) const ERRORS_BREACH: &str = "HighErrorRate";
/// The name of the alert on a fleet that cannot grow.
pub(super) const CAPACITY: &str = "AtMaxReplicas";
/// The name of the alert on metrics that are gone.
pub(super) const ABSENT: &str = "MetricsAbsent";
/// The name of the alert on a histogram without the bucket that counts.
pub(super) const BUCKET_MISSING: &str = "LatencyBucketMissing";
/// How long that bucket must be missing (alerts.md, section 1).
pub(super) const BUCKET_HOLD: Duration = Duration::from_secs(600);

/// The name of the alerts on burn rates.
pub(super) fn burn_name(slo: &Slo) -> &'static str {
    match slo.indicator {
        Indicator::Latency(_) => "LatencyBudgetBurn",
        Indicator::Errors => "ErrorBudgetBurn",
    }
}

/// All groups of the service; `None` where no target has any rule.
pub(super) fn prometheus_rule(plan: &Plan<'_>) -> Result<Option<PrometheusRule>, String> {
    let slos = plan.slos.iter().map(|slo| objective(plan, slo));
    let in_flight = plan.targets.in_flight.iter().map(|target| Ok(in_flight(plan, target)));
    let groups: Vec<RuleGroup> = slos.chain(in_flight).collect::<Result<_, _>>()?;
    if groups.is_empty() {
        return Ok(None);
    }
    let metadata = metadata::monitoring(plan, &plan.names.rules, true);
    Ok(Some(PrometheusRule::new(metadata, PrometheusRuleSpec { groups })))
}

fn group(plan: &Plan<'_>, target: &str, rules: Vec<Rule>) -> RuleGroup {
    RuleGroup {
        name: format!("{}-{target}", plan.names.service),
        interval: Some(EVALUATION.to_string()),
        rules,
        ..RuleGroup::default()
    }
}

/// The series of one pod each; `<metric>:pod` is the name that the guide's commands query.
fn by_pod(metric: &str, expr: String) -> Rule {
    Rule { record: Some(format!("{metric}:pod")), expr: expr.into(), ..Rule::default() }
}

fn in_flight(plan: &Plan<'_>, target: &InFlight) -> RuleGroup {
    group(plan, "in-flight", vec![by_pod(&target.metric, promql::by_pod(plan, Measure::InFlight))])
}

/// Recordings and alerts of one objective.
fn objective(plan: &Plan<'_>, slo: &Slo) -> Result<RuleGroup, String> {
    let doc = &plan.spec.doc;
    let mut rules = Vec::new();
    if let Indicator::Latency(target) = &slo.indicator {
        rules.push(by_pod(
            &target.metric,
            promql::by_pod(plan, Measure::Latency(target.percentile)),
        ));
    }
    rules.extend(recordings(plan, slo));
    if *doc.alerts.symptom {
        rules.push(symptom(plan, slo)?);
    }
    for tier in &slo.tiers {
        rules.push(burn(plan, slo, tier)?);
    }
    if *doc.alerts.capacity
        && let Some(expr) = slo::at_max_replicas(plan, slo)
    {
        rules.push(capacity(plan, slo, expr)?);
    }
    if *doc.alerts.absent {
        rules.push(absent(plan, slo)?);
        if let Indicator::Latency(target) = &slo.indicator
            && let Some(expr) = slo::bucket_missing(plan, target)
        {
            rules.push(bucket_missing(plan, slo, target, expr)?);
        }
    }
    Ok(group(plan, &slo.name, rules))
}

/// Rates, shares over every window, and what dashboards and capacity alerts read.
fn recordings(plan: &Plan<'_>, slo: &Slo) -> Vec<Rule> {
    let labels = BTreeMap::from(
        [("slo_id", &slo.id), ("slo_service", &plan.names.service), ("slo_name", &slo.name)]
            .map(|(label, value)| (label.to_owned(), value.clone())),
    );
    let record = |name: &str, expr: String| Rule {
        record: Some(name.to_owned()),
        expr: expr.into(),
        labels: labels.clone(),
        ..Rule::default()
    };
    let window = |window: &Duration| {
        let mut rule = record(&slo::ratio_name(*window), slo::ratio(slo, *window));
        rule.labels.insert("slo_window".to_owned(), window.to_string());
        rule
    };
    let rates = [record(slo::BAD, slo::bad(plan, slo)), record(slo::TOTAL, slo::total(plan, slo))];
    let now = crate::plan::slo::BASE;
    let budget = [
        record(slo::OBJECTIVE, slo::constant(slo.objective.value())),
        record(slo::BUDGET, slo::constant(slo.budget)),
        record(slo::CURRENT_BURN_RATE, slo::burn_rate(slo, now)),
        record(slo::PERIOD_BURN_RATE, slo::burn_rate(slo, slo.period)),
        record(slo::BUDGET_REMAINING, slo::budget_remaining(slo)),
    ];
    rates.into_iter().chain(slo.windows.iter().map(window)).chain(budget).collect()
}

fn symptom(plan: &Plan<'_>, slo: &Slo) -> Result<Rule, String> {
    let hold = &plan.spec.doc.alerts.r#for;
    let severity = plan.spec.doc.alerts.severity_page.0.as_str();
    match &slo.indicator {
        Indicator::Latency(target) => alert(
            plan,
            slo,
            Alert {
                name: LATENCY_BREACH,
                severity,
                expr: promql::latency_breach(plan, target),
                hold: *hold.latency,
                summary: "${ service }: ${ percentile } latency is above ${ target }",
                description: "${ percentile } latency of ${ namespace }/${ service } was {{ $value | humanizeDuration }} over the last ${ window }; the target is below ${ target }.",
                more: context! { percentile => percentile(target), target => target.below.to_string() },
                labels: &[],
            },
        ),
        Indicator::Errors => {
            let below = percent(slo.budget);
            alert(
                plan,
                slo,
                Alert {
                    name: ERRORS_BREACH,
                    severity,
                    expr: promql::errors_breach(plan, slo.budget),
                    hold: *hold.errors,
                    summary: "${ service }: more than ${ target } of the requests fail",
                    description: "{{ $value | humanizePercentage }} of the requests to ${ namespace }/${ service } failed over the last ${ window }; the target is below ${ target }.",
                    more: context! { target => below },
                    labels: &[],
                },
            )
        }
    }
}

fn percentile(target: &Latency) -> String {
    format!("P{}", plain(target.percentile))
}

/// What a bad request is, in the words of an alert.
fn bad_requests(slo: &Slo) -> String {
    match &slo.indicator {
        Indicator::Latency(target) => format!("took longer than {}", target.below),
        Indicator::Errors => "failed".to_owned(),
    }
}

fn burn(plan: &Plan<'_>, slo: &Slo, tier: &Tier) -> Result<Rule, String> {
    let window = tier.long.to_string();
    alert(
        plan,
        slo,
        Alert {
            name: burn_name(slo),
            severity: &tier.severity,
            expr: slo::burns(slo, tier),
            hold: tier.hold,
            summary: "${ service }: the error budget of ${ slo } burns at ${ factor } times the sustainable rate",
            description: "{{ $value | humanizePercentage }} of the requests to ${ namespace }/${ service } ${ bad } over the last ${ short }, and more than ${ threshold } over the last ${ long }. At that rate the budget of ${ budget } for ${ period } is gone in ${ gone }.",
            more: context! {
                bad => bad_requests(slo),
                factor => plain(tier.factor),
                short => tier.short.to_string(),
                long => window.clone(),
                threshold => percent(tier.threshold),
                budget => percent(slo.budget),
                period => slo.period.to_string(),
                gone => gone(slo, tier),
            },
            labels: &[("tier", &tier.name), ("window", &window)],
        },
    )
}

fn percent(share: Decimal) -> String {
    Ratio::from_percent(share * Decimal::ONE_HUNDRED).to_string()
}

/// How long a whole budget lasts at the tier's burn rate.
fn gone(slo: &Slo, tier: &Tier) -> String {
    let share = Decimal::ONE.checked_div(tier.factor);
    share.and_then(|share| slo.period.scale(share)).unwrap_or(slo.period).clock()
}

fn capacity(plan: &Plan<'_>, slo: &Slo, expr: String) -> Result<Rule, String> {
    alert(
        plan,
        slo,
        Alert {
            name: CAPACITY,
            severity: &plan.spec.doc.alerts.severity_ticket.0,
            expr,
            hold: plan.holds.capacity.value,
            summary: "${ service }: at most replicas while the error budget of ${ slo } burns",
            description: "${ namespace }/${ service } runs {{ $value }} pods, the most that ${ hpa } allows, and still spends the budget of ${ slo } faster than it lasts.",
            more: context! { hpa => plan.names.hpa.clone() },
            labels: &[],
        },
    )
}

fn absent(plan: &Plan<'_>, slo: &Slo) -> Result<Rule, String> {
    alert(
        plan,
        slo,
        Alert {
            name: ABSENT,
            severity: &plan.spec.doc.alerts.severity_page.0,
            expr: slo::absent(plan, slo),
            hold: plan.holds.absent.value,
            summary: "${ service }: the metrics that ${ slo } is measured by are gone",
            description: "Pods of ${ namespace }/${ service } are ready, but Prometheus has none of the series that ${ slo } is measured by: alerts and autoscaling are blind.",
            more: context! {},
            labels: &[],
        },
    )
}

fn bucket_missing(
    plan: &Plan<'_>,
    slo: &Slo,
    target: &Latency,
    expr: String,
) -> Result<Rule, String> {
    alert(
        plan,
        slo,
        Alert {
            name: BUCKET_MISSING,
            severity: &plan.spec.doc.alerts.severity_ticket.0,
            expr,
            hold: BUCKET_HOLD,
            summary: "${ service }: no latency bucket ends at ${ target }",
            description: "${ namespace }/${ service } counts requests, but its histogram has no bucket that ends at the target of ${ target }: the budget of ${ slo } cannot be measured.",
            more: context! { target => target.below.to_string() },
            labels: &[],
        },
    )
}

struct Alert<'a> {
    /// Name behind the service's.
    name: &'a str,
    severity: &'a str,
    expr: String,
    hold: Duration,
    summary: &'a str,
    description: &'a str,
    more: Value,
    labels: &'a [(&'a str, &'a str)],
}

fn alert(plan: &Plan<'_>, slo: &Slo, alert: Alert<'_>) -> Result<Rule, String> {
    let alerts = &plan.spec.doc.alerts;
    let service = &plan.names.service;
    let namespace = plan.spec.doc.service.namespace.0.as_str();
    let name = format!("{}{}", plan.names.pascal, alert.name);
    let context = context! {
        service => service,
        namespace => namespace,
        slo => slo.name.clone(),
        window => plan.scrape.rate_window.value.to_string(),
        ..alert.more
    };
    let fill =
        |template: &str| text::fill(template, context.clone()).map_err(|error| error.to_string());
    // AlertmanagerConfig objects route by `namespace`, which sums have lost.
    let fixed = [
        ("namespace", namespace),
        ("severity", alert.severity),
        ("service", service),
        ("slo", &slo.name),
    ];
    let own = alerts.labels.iter().flat_map(|labels| labels.iter());
    let own = own.map(|(key, value)| (key.clone(), promql::literal(value)));
    let fixed = fixed
        .iter()
        .chain(alert.labels)
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let mut annotations = BTreeMap::from([
        ("summary".to_owned(), fill(alert.summary)?),
        ("description".to_owned(), fill(alert.description)?),
    ]);
    if let Some(url) = &alerts.runbook_url {
        annotations.insert("runbook_url".to_owned(), format!("{}#{}", **url, name.to_lowercase()));
    }
    Ok(Rule {
        alert: Some(name),
        expr: alert.expr.into(),
        r#for: (!alert.hold.is_zero()).then(|| alert.hold.to_string()),
        labels: own.chain(fixed).collect(),
        annotations,
        ..Rule::default()
    })
}
