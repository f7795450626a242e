//! A written trigger: what the scaler of its type asks for.

use super::query::{self, Compared};
use crate::finding::{Finding, nearest};
use crate::source::Span;
use crate::spec::decode::{Decoder, Sourced};
use crate::spec::keda::is_resource;
use crate::spec::leaf::MetricType;
use crate::spec::tables::{Document, KedaTrigger};
use crate::spec::validate::{bad, conflict};
use crate::units::{Bytes, Cpu, Decimal};

pub(super) fn trigger(trigger: &KedaTrigger, doc: &Document, cx: &mut Decoder) {
    let Some(kind) = trigger.r#type.ok().map(String::as_str) else { return };
    let how = trigger.metric_type.as_ref();
    if is_resource(kind) {
        resource(trigger, kind, doc, cx);
        return;
    }
    if let Some(how) = how.filter(|how| ***how == MetricType::Utilization) {
        // scaler.go, `GetMetricTargetType`.
        cx.report(
            bad(how.span, "only `cpu` and `memory` have a utilisation")
                .help("write `\"AverageValue\"` for a total, `\"Value\"` for anything else"),
        );
        return;
    }
    match kind {
        "prometheus" => prometheus(trigger, doc, cx),
        "kafka" | "apache-kafka" => kafka(trigger, doc, cx),
        "cron" => cron(trigger, doc, cx),
        _ => known_type(kind, trigger.r#type.span, cx),
    }
}

/// The setting `key` and its value, if it was written.
fn setting<'a>(trigger: &'a KedaTrigger, key: &str) -> Option<&'a Sourced<String>> {
    trigger.metadata.get(key)
}

/// The setting `key`; a report where there is none, or nothing in it.
fn required<'a>(
    trigger: &'a KedaTrigger,
    key: &str,
    example: &str,
    cx: &mut Decoder,
) -> Option<&'a Sourced<String>> {
    let kind = &**trigger.r#type;
    match setting(trigger, key) {
        Some(value) if value.trim().is_empty() => {
            cx.report(
                bad(value.span, format!("`{key}` is empty"))
                    .help(format!("write it, such as `{key} = \"{example}\"`")),
            );
            None
        }
        // The scaler also takes it from the workload's environment.
        None if setting(trigger, &format!("{key}FromEnv")).is_some() => None,
        None => {
            cx.report(
                Finding::error(
                    "spec/missing-key",
                    trigger.metadata.key_span.unwrap_or(trigger.metadata.span),
                    format!("a `{kind}` trigger needs `{key}`"),
                )
                .help(format!("add `{key} = \"{example}\"` to its `metadata`")),
            );
            None
        }
        found => found,
    }
}

/// A number of a setting, after a report where it is none.
fn number(value: &Sourced<String>, cx: &mut Decoder) -> Option<Decimal> {
    let text = value.trim();
    let number = Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text)).ok();
    if number.is_none() {
        cx.report(
            bad(value.span, format!("`{}` is no number", **value))
                .help("write one such as `\"10\"`"),
        );
    }
    number
}

/// A whole number of at least `least`.
fn whole(value: &Sourced<String>, least: i64, cx: &mut Decoder) -> Option<i64> {
    let number = value.trim().parse::<i64>().ok().filter(|number| *number >= least);
    if number.is_none() {
        cx.report(
            bad(value.span, format!("`{}` is no whole number from {least}", **value))
                .help(format!("write one such as `\"{}\"`", least.max(1) * 10)),
        );
    }
    number
}

fn prometheus(trigger: &KedaTrigger, doc: &Document, cx: &mut Decoder) {
    if let Some(server) = setting(trigger, "serverAddress")
        && !["http://", "https://"].iter().any(|scheme| server.starts_with(scheme))
    {
        cx.report(bad(server.span, format!("`{}` is no address of Prometheus", **server)).help(
            "start it with `http://` or `https://`, or leave it out for `scaling.keda.server`",
        ));
    }
    if let Some(query) = required(trigger, "query", "…", cx) {
        let compared = Compared {
            how: trigger.metric_type.as_ref().map_or(MetricType::AverageValue, |how| **how),
            written: trigger.metric_type.as_ref().map(|how| how.span),
        };
        let formula = doc.scaling.keda.modifiers.is_some();
        query::of_trigger(query, (!formula).then_some(&compared), cx);
    }
    if let Some(threshold) = required(trigger, "threshold", "10", cx) {
        three_decimals(threshold, false, cx);
    }
    if let Some(threshold) = setting(trigger, "activationThreshold") {
        three_decimals(threshold, true, cx);
    }
}

/// `scaler.go`: targets are written with `%.3f`.
fn three_decimals(value: &Sourced<String>, zero_is_fine: bool, cx: &mut Decoder) {
    let Some(number) = number(value, cx) else { return };
    if number < Decimal::ZERO || number.is_zero() && !zero_is_fine {
        cx.report(
            bad(value.span, format!("a threshold of {} is not above 0", **value))
                .help("write one such as `\"10\"`"),
        );
    } else if number.normalize().scale() > 3 {
        cx.report(
            bad(value.span, format!("KEDA rounds {} to three decimals", **value)).help(
                "multiply the query and the threshold by 1000: milliseconds instead of seconds",
            ),
        );
    }
}

/// `kafka_scaler.go`, `parseKafkaMetadata`.
fn kafka(trigger: &KedaTrigger, doc: &Document, cx: &mut Decoder) {
    required(trigger, "bootstrapServers", "kafka.kafka.svc:9092", cx);
    required(trigger, "consumerGroup", "…", cx);
    if let Some(lag) = setting(trigger, "lagThreshold") {
        whole(lag, 1, cx);
    }
    if let Some(lag) = setting(trigger, "activationLagThreshold") {
        whole(lag, 0, cx);
    }
    if let Some(policy) = setting(trigger, "offsetResetPolicy")
        && !["latest", "earliest"].contains(&policy.as_str())
    {
        cx.report(
            bad(policy.span, format!("`{}` is no policy of Kafka", **policy))
                .help("write `\"latest\"` or `\"earliest\"`"),
        );
    }
    let on = |key| setting(trigger, key).filter(|value| value.parse() == Ok(true));
    let topic = setting(trigger, "topic").or_else(|| setting(trigger, "topicFromEnv"));
    let with_lag = on("limitToPartitionsWithLag");
    let evenly = on("ensureEvenDistributionOfPartitions");
    for (one, other) in [(with_lag, on("allowIdleConsumers")), (with_lag, evenly)] {
        if let (Some(one), Some(other)) = (one, other) {
            cx.report(
                conflict(other.key_span.unwrap_or(other.span), "KEDA takes only one of the two")
                    .label(one.key_span.unwrap_or(one.span), "the other one")
                    .help("keep one of them"),
            );
        }
    }
    if let Some(value) = with_lag.or(evenly).filter(|_| topic.is_none()) {
        cx.report(
            conflict(value.key_span.unwrap_or(value.span), "partitions are those of one topic")
                .help("add `topic = \"…\"`"),
        );
    }
    shared(trigger, "the lag of a consumer group", doc, cx);
}

/// A total is shared by the pods: as `Value` its ratio stays while the fleet grows.
fn shared(trigger: &KedaTrigger, what: &str, doc: &Document, cx: &mut Decoder) {
    let value = trigger.metric_type.as_ref().filter(|how| ***how == MetricType::Value);
    if let Some(how) = value.filter(|_| doc.scaling.keda.modifiers.is_none()) {
        cx.report(
            conflict(how.span, format!("{what}, compared as `Value`, runs to `max`"))
                .here("pods that are added do not lower it")
                .help("write `metric_type = \"AverageValue\"`, or leave it out"),
        );
    }
}

/// `cron_scaler.go`.
fn cron(trigger: &KedaTrigger, doc: &Document, cx: &mut Decoder) {
    required(trigger, "timezone", "Europe/Berlin", cx);
    let start = required(trigger, "start", "0 8 * * 1-5", cx);
    let end = required(trigger, "end", "0 18 * * 1-5", cx);
    let mut fine = true;
    for schedule in [start, end].into_iter().flatten() {
        if !is_schedule(schedule) {
            fine = false;
            cx.report(
                bad(schedule.span, format!("`{}` is no schedule of five fields", **schedule))
                    .help("minute, hour, day of month, month, day of week (0 is Sunday): `\"0 8 * * 1-5\"`"),
            );
        }
    }
    if let (Some(start), Some(end)) = (start, end)
        && fine
        && start.split_whitespace().eq(end.split_whitespace())
    {
        cx.report(
            conflict(end.span, "the schedule ends when it starts")
                .label(start.span, "the start")
                .help("write when the pods are no longer needed"),
        );
    }
    if let Some(replicas) = required(trigger, "desiredReplicas", "5", cx)
        && let Some(wanted) = whole(replicas, 1, cx)
        && let Some(max) = doc.scaling.max.ok().filter(|max| i64::from(**max) < wanted)
    {
        cx.report(
            conflict(replicas.span, format!("{wanted} pods are above `max` {max}"))
                .label(doc.scaling.max.span, "the maximum")
                .help("raise `scaling.max`, or write at most that many"),
        );
    }
    shared(trigger, "a schedule", doc, cx);
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// True for the five fields that robfig/cron reads.
fn is_schedule(text: &str) -> bool {
    let ranges: [(u32, u32, &[&str]); 5] =
        [(0, 59, &[]), (0, 23, &[]), (1, 31, &[]), (1, 12, &MONTHS), (0, 6, &DAYS)];
    let fields: Vec<&str> = text.split_whitespace().collect();
    fields.len() == ranges.len()
        && fields.iter().zip(ranges).all(|(field, (min, max, names))| {
            field.split(',').all(|part| is_part(part, min, max, names))
        })
}

/// `*`, `?`, `8`, `mon`, `8-18`, each perhaps with `/5` behind it.
fn is_part(part: &str, min: u32, max: u32, names: &[&str]) -> bool {
    let (range, step) =
        part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
    let number = |text: &str| {
        let by_name = names.iter().position(|name| text.eq_ignore_ascii_case(name));
        let by_name = by_name.and_then(|at| u32::try_from(at).ok()).map(|at| at + min);
        by_name.or_else(|| text.parse().ok()).filter(|number| (min..=max).contains(number))
    };
    let stepped = step.is_none_or(|step| step.parse::<u32>().is_ok_and(|step| step > 0));
    stepped
        && match range.split_once('-') {
            Some((from, to)) => matches!((number(from), number(to)), (Some(a), Some(b)) if a <= b),
            None => matches!(range, "*" | "?") || number(range).is_some(),
        }
}

/// `cpu_memory_scaler.go`: the metrics server measures, against the requests of the pods.
fn resource(trigger: &KedaTrigger, kind: &str, doc: &Document, cx: &mut Decoder) {
    let how = trigger.metric_type.as_ref();
    if let Some(old) = setting(trigger, "type") {
        cx.report(
            conflict(old.key_span.unwrap_or(old.span), "KEDA 2.18 and later take no `type` here")
                .help("write `metric_type = \"Utilization\"` beside `metadata`"),
        );
    } else if how.is_none_or(|how| **how == MetricType::Value) {
        cx.report(
            bad(how.map_or(trigger.r#type.span, |how| how.span), format!("KEDA does not know how to compare {kind}"))
                .help("add `metric_type = \"Utilization\"` for percent of the request, or `\"AverageValue\"` for an amount per pod"),
        );
    }
    if let Some(value) = required(trigger, "value", "80", cx) {
        let amount = how.is_some_and(|how| **how == MetricType::AverageValue);
        let fine = match (amount, kind) {
            (true, "memory") => Bytes::parse(value).is_ok(),
            (true, _) => Cpu::parse(value).is_ok(),
            (false, _) => value.parse::<u32>().is_ok_and(|percent| percent > 0),
        };
        if !fine {
            let example = match (amount, kind) {
                (true, "memory") => "512Mi",
                (true, _) => "500m",
                _ => "80",
            };
            cx.report(
                bad(value.span, format!("`{}` is no target for {kind}", **value))
                    .help(format!("write one such as `\"{example}\"`")),
            );
        }
    }
    let (requests, limits) = (&doc.resources.requests, &doc.resources.limits);
    let requested = match kind {
        "cpu" => requests.cpu.is_some() || limits.cpu.is_some(),
        _ => requests.memory.is_some() || limits.memory.is_some(),
    };
    if !requested {
        // scaledobject_webhook.go, `verifyCPUMemoryScalers`.
        cx.report(
            conflict(trigger.r#type.span, format!("there is no {kind} request to compare with"))
                .help(format!("add `resources.requests.{kind}`")),
        );
    }
    if let Some(container) = setting(trigger, "containerName") {
        let name = &doc.service.name.0;
        if **container != *name && doc.service.name.ok().is_some() {
            cx.report(
                conflict(container.span, format!("no container is named `{}`", **container))
                    .help(format!("write `\"{name}\"`, or leave it out")),
            );
        } else if doc.scaling.keda.modifiers.is_some() {
            // hpa.go keeps Resource metrics beside a formula, and drops ContainerResource ones.
            cx.report(
                conflict(
                    container.span,
                    "beside a formula, KEDA drops the metric of one container",
                )
                .help("leave `containerName` out"),
            );
        }
    }
}

/// The scalers of KEDA 2.20; a newer one may have more.
const TYPES: &[&str] = &[
    "activemq",
    "apache-kafka",
    "arangodb",
    "artemis-queue",
    "aws-cloudwatch",
    "aws-dynamodb",
    "aws-dynamodb-streams",
    "aws-kinesis-stream",
    "aws-sqs-queue",
    "azure-app-insights",
    "azure-blob",
    "azure-data-explorer",
    "azure-eventhub",
    "azure-log-analytics",
    "azure-monitor",
    "azure-pipelines",
    "azure-queue",
    "azure-servicebus",
    "beanstalkd",
    "cassandra",
    "couchdb",
    "cpu",
    "cron",
    "datadog",
    "dynatrace",
    "elasticsearch",
    "etcd",
    "external",
    "external-push",
    "forgejo-runner",
    "gcp-cloudtasks",
    "gcp-pubsub",
    "gcp-stackdriver",
    "gcp-storage",
    "github-runner",
    "graphite",
    "huawei-cloudeye",
    "ibmmq",
    "influxdb",
    "kafka",
    "kubernetes-workload",
    "liiklus",
    "loki",
    "memory",
    "metrics-api",
    "mongodb",
    "mssql",
    "mysql",
    "nats-jetstream",
    "new-relic",
    "nsq",
    "openstack-metric",
    "openstack-swift",
    "postgresql",
    "predictkube",
    "prometheus",
    "pulsar",
    "rabbitmq",
    "redis",
    "redis-cluster",
    "redis-cluster-streams",
    "redis-sentinel",
    "redis-sentinel-streams",
    "redis-streams",
    "selenium-grid",
    "solace-direct-messaging",
    "solace-event-queue",
    "solarwinds",
    "solr",
    "splunk",
    "splunk-observability",
    "stan",
    "sumologic",
    "temporal",
];

fn known_type(kind: &str, at: Span, cx: &mut Decoder) {
    let near = nearest(kind, TYPES.iter().copied()).filter(|_| !TYPES.contains(&kind));
    if kind.trim().is_empty() || near.is_some() {
        let help = near.map_or_else(
            || "write one such as `\"kafka\"`".to_owned(),
            |near| format!("did you mean `\"{near}\"`?"),
        );
        cx.report(bad(at, format!("KEDA has no trigger `{kind}`")).help(help));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules() {
        for text in ["0 8 * * 1-5", "*/15 0,12 1-15/2 jan-MAR sun", "30 6 ? * *"] {
            assert!(is_schedule(text), "{text}");
        }
        for text in [
            "0 8 * *",
            "0 24 * * *",
            "@daily",
            "0 8 * * 7",
            "a * * * *",
            "0 8-6 * * *",
            "*/0 * * * *",
            "",
        ] {
            assert!(!is_schedule(text), "{text}");
        }
    }
}
