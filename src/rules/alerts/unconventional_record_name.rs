use crate::rules::prelude::*;

declare_rule! {
    /// The name of a record is not `level:metric:operations`.
    ///
    /// ## Why
    /// By convention a record's name tells by which labels it is aggregated, of which metric, and by which operations,
    /// the last first: `job:http_requests:rate5m` (prometheus.io/docs/practices/rules/). Whoever reads another order
    /// has to look up the rule to know what to join it with, and over which window it is.
    ///
    /// ```yaml,bad
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - record: http_requests_rate5m:job
    ///       expr: sum by (job) (rate(http_requests_total[5m]))
    /// ```
    /// ```yaml,good
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - record: job:http_requests:rate5m
    ///       expr: sum by (job) (rate(http_requests_total[5m]))
    /// ```
    "alerts/unconventional-record-name" pub struct UnconventionalRecordName {}
    severity: Info, fix: FixKind::None, preset: Preset::Strict, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("has not been put into CEL so far"),
}

impl Rule for UnconventionalRecordName {
    fn check(&self, cx: &mut Ctx<'_>) {
        for carrier in cx.cluster.carriers() {
            let Role::Record { name, rule } = carrier.role else { continue };
            let Some(place) = rule.get("record") else { continue };
            if name.is_empty() || crate::query::is_templated(name) || is_conventional(name) {
                continue;
            }
            cx.report(
                &carrier.object,
                place,
                format!("record `{name}` is not `level:metric:operations`"),
            )
            .here("tells no level, metric and operations")
            .help("name it like `job:http_requests:rate5m`");
        }
    }
}

/// `^[a-z_]+:[a-zA-Z_]\w*:[a-z0-9_]+$`
fn is_conventional(name: &str) -> bool {
    let mut parts = name.split(':');
    let (Some(level), Some(metric), Some(operations), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let all = |part: &str, legal: fn(u8) -> bool| {
        !part.is_empty() && part.bytes().all(|byte| byte == b'_' || legal(byte))
    };
    all(level, |byte| byte.is_ascii_lowercase())
        && all(metric, |byte| byte.is_ascii_alphanumeric())
        && !metric.starts_with(|first: char| first.is_ascii_digit())
        && all(operations, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

cases! {
    names: "groups:\n- name: g\n  rules:\n  - {record: 'job:http_requests:rate5m', expr: x}\n  - {record: 'namespace_cpu:Mem9:sum', expr: x}\n  - {record: 'a:b', expr: x}\n  - {record: 'a:b:c:d', expr: x}\n  - {record: 'http_requests', expr: x}\n  - {record: ':b:c', expr: x}\n  - {record: 'a1:b:c', expr: x}\n  - {record: 'a:9b:c', expr: x}\n  - {record: 'a:b:C', expr: x}\n  - {record: '', expr: x}\n  - {alert: A, expr: x}\n"
        => ["6:14", "7:14", "8:14", "9:14", "10:14", "11:14", "12:14"],
    templates: "groups:\n- name: g\n  rules:\n  - {record: '{{ .Values.prefix }}:b', expr: x}\n"
        => [],
}
