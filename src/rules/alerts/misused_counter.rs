use std::ops::Range;

use crate::query::{Kind as Part, Node};
use crate::rules::expressions;
use crate::rules::prelude::*;

declare_rule! {
    /// A gauge is treated as a counter, or a counter as a gauge.
    ///
    /// ## Why
    /// `rate` and `increase` read every fall as a reset: of a gauge they count each dip as growth, and the number
    /// means nothing. A counter by itself only grows, until the pod restarts: an alert that compares it with a number
    /// fires some day and then for ever. By convention counters end in `_total`, histograms in `_count`, `_sum` and
    /// `_bucket` (prometheus.io/docs/practices/naming/). Exporters that name theirs in other ways, native histograms
    /// and recorded names are left alone.
    ///
    /// ```yaml,bad
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ShopFillsUp
    ///       expr: sum(rate(shop_orders_waiting[5m])) > 10
    ///     - alert: ShopErrors
    ///       expr: sum(http_errors_total{job="shop"}) > 100
    /// ```
    /// ```yaml,good
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ShopFillsUp
    ///       expr: sum(deriv(shop_orders_waiting[5m])) > 10
    ///     - alert: ShopErrors
    ///       expr: sum(increase(http_errors_total{job="shop"}[1h])) > 100
    /// ```
    "alerts/misused-counter" pub struct MisusedCounter {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("reads PromQL, which CEL cannot"),
}

impl Rule for MisusedCounter {
    fn check(&self, cx: &mut Ctx<'_>) {
        for carrier in cx.cluster.carriers() {
            let Some(query) = carrier.query() else { continue };
            let mut gauges = Vec::new();
            query.tree().walk(&mut |node, above| {
                if let Part::Call { name, args, .. } = &node.kind
                    && matches!(name.as_str(), "rate" | "irate" | "increase")
                    && !above.iter().any(|it| is_of_histograms(it))
                    && let Some(selector) = args.first().and_then(|arg| arg.peel().selector())
                {
                    let metric = expressions::metric(carrier, &selector);
                    if is_gauge(&metric) {
                        let spot = selector.name().map_or(selector.node.span.clone(), |it| it.1);
                        gauges.push((name.as_str(), metric.into_owned(), spot));
                    }
                }
            });
            for (function, metric, spot) in gauges {
                let message =
                    format!("`{function}` of `{metric}`, which is no counter by its name");
                cx.report(&carrier.object, carrier.spot(spot), message)
                    .here("lacks `_total`")
                    .help("take `deriv` or `delta` of a gauge; end a counter's name in `_total`");
            }
            let mut counters = Vec::new();
            if matches!(carrier.role, Role::Alert { .. }) {
                compared(query.tree(), &mut counters);
            }
            for (metric, spot) in counters {
                let message = format!(
                    "{} compares the counter `{metric}` itself, which only grows",
                    expressions::title(carrier)
                );
                cx.report(&carrier.object, carrier.spot(spot), message)
                    .here("a total since the pod's start")
                    .help(format!("compare `increase({metric}[1h])` or `rate({metric}[5m])`"));
            }
        }
    }
}

/// True for functions of whole histograms, which have names without an end.
fn is_of_histograms(node: &Node) -> bool {
    matches!(&node.kind, Part::Call { name, .. } if name.starts_with("histogram_"))
}

/// Exporters, by the start of their names, that do not end counters in `_total`.
const OTHER_NAMES: [&str; 37] = [
    "ALERTS",
    "airflow_",
    "apache_",
    "argocd_",
    "aws_",
    "bind_",
    "cassandra_",
    "ceph_",
    "clickhouse",
    "consul_",
    "couchbase_",
    "elasticsearch_",
    "envoy_",
    "flink_",
    "gitlab_",
    "haproxy_",
    "hadoop_",
    "java_",
    "jvm_",
    "kafka_",
    "memcached_",
    "mongodb_",
    "mysql_",
    "nats_",
    "nginx_",
    "node_netstat_",
    "node_vmstat_",
    "pg_",
    "phpfpm_",
    "postgresql_",
    "rabbitmq_",
    "redis_",
    "solr_",
    "spark_",
    "unbound_",
    "varnish_",
    "zookeeper_",
];

/// Words of what histograms measure: native ones have no end.
const MEASURED: [&str; 4] = ["duration", "latency", "_seconds", "_size_bytes"];

/// True for a name that says that it is no counter.
fn is_gauge(name: &str) -> bool {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    plain
        && !name.is_empty()
        // Where names are in camel case, other conventions hold.
        && !name.bytes().any(|byte| byte.is_ascii_uppercase())
        && !expressions::is_counter(name)
        && !OTHER_NAMES.iter().any(|start| name.starts_with(start))
        && !MEASURED.iter().any(|word| name.contains(word))
}

/// Finds the counters that an alert compares as they are: what decides whether it fires, not what guards it.
fn compared(node: &Node, found: &mut Vec<(String, Range<usize>)>) {
    let Part::Binary { op, lhs, rhs, .. } = &node.peel().kind else { return };
    match op.as_str() {
        "and" | "unless" => compared(lhs, found),
        "or" => {
            compared(lhs, found);
            compared(rhs, found);
        }
        ">" | ">=" | "<" | "<=" => {
            let side = match (lhs.fold(), rhs.fold()) {
                (None, Some(_)) => lhs,
                (Some(_), None) => rhs,
                _ => return,
            };
            found.extend(counter(side));
        }
        _ => {}
    }
}

/// The counter whose value, or sum over pods, this is.
fn counter(node: &Node) -> Option<(String, Range<usize>)> {
    match &node.peel().kind {
        Part::Aggregate { op, expr, .. }
            if matches!(op.as_str(), "sum" | "max" | "min" | "avg" | "topk") =>
        {
            counter(expr)
        }
        Part::Selector { range: None, .. } => {
            let (name, span) = node.peel().selector()?.metric?;
            let counts = name.ends_with("_total") || name.ends_with("_bucket");
            (counts && !expressions::is_recorded(name)).then(|| (name.clone(), span.clone()))
        }
        _ => None,
    }
}

cases! {
    names: "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'rate(http_requests[5m]) > 1'}\n  - {alert: B, expr: 'rate(x_sum[5m]) / rate(x_count[5m]) > 1 and rate(x_bucket[5m]) > 0'}\n  - {alert: C, expr: 'increase(container_memory_usage_bytes[5m]) > 1'}\n  - {alert: D, expr: 'irate({__name__=\"queue_length\"}[5m]) > 1'}\n"
        => ["4:28", "6:32", "7:39"],
    other_conventions: "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'rate(ifHCInOctets[5m]) > 1'}\n  - {alert: B, expr: 'rate(mysql_global_status_queries[5m]) > 1 or rate(envoy_cluster_upstream_rq[5m]) > 1'}\n  - {alert: C, expr: 'rate(job:x:sum[5m]) > 1 or rate({__name__=~\"x_(a|b)\"}[5m]) > 1 or rate({\"a.b\"}[5m]) > 1'}\n  - {alert: D, expr: 'delta(queue_length[5m]) > 1 or deriv(queue_length[5m]) > 1 or changes(queue_length[5m]) > 1'}\n"
        => [],
    native_histograms: "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'histogram_quantile(0.9, sum(rate(message_sizes[5m]))) > 1 or histogram_count(rate(message_sizes[5m])) > 1'}\n  - {record: 'a:b:c', expr: 'sum(rate(http_request_duration_seconds[5m]))'}\n"
        => [],
    comparisons: "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'x_total > 5'}\n  - {alert: B, expr: '100 < max by (pod) (x_total{a=\"b\"})'}\n  - {alert: C, expr: 'x_total - x_total offset 1h > 5 or x_total == 0 or absent(x_total) > 0 or count(x_total) > 3'}\n  - {alert: D, expr: 'rate(x_total[5m]) > 1 and x_total > 100'}\n  - {alert: E, expr: '(y > 1 or x_total > 5) unless z'}\n  - {record: 'a:b:c', expr: 'x_total > 0'}\n"
        => ["4:23", "5:43", "8:33"],
    adapter: "rules:\n- seriesQuery: 'http_in_flight{pod!=\"\"}'\n  metricsQuery: sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>)\n- seriesQuery: '{__name__=~\"^container_.*\"}'\n  metricsQuery: sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>)\n- seriesQuery: x_total\n  metricsQuery: sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>)\n"
        => ["3:26"],
    keda: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: prometheus, metadata: {query: \"sum(rate(jobs_waiting{a=\\\"b\\\"}[2m]))\"}}]}\n"
        => ["4:66"],
    in_a_folded_block: "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: >-\n      y or\n      sum(rate(jobs_waiting[5m]))\n      > 1\n"
        => ["7:16"],
}
