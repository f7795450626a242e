use crate::rules::prelude::*;
use crate::rules::windows;

declare_rule! {
    /// The name of a record tells another window than its expression looks back.
    ///
    /// ## Why
    /// Whoever reads `rate5m` takes it for the rate over five minutes: thresholds, windows of burn-rate alerts and the
    /// dashboards' axes follow the name (prometheus.io/docs/practices/rules/). After a copy of a rule whose range was
    /// changed and whose name was not, all of them are wrong by the same factor.
    ///
    /// ## Fix safety
    /// Unsafe: whoever reads the old name finds nothing any more; and perhaps the range is wrong, not the name.
    ///
    /// ```yaml,bad
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - record: job:http_requests:rate5m # copied
    ///       expr: sum by (job) (rate(http_requests_total[10m]))
    /// ```
    /// ```yaml,fixed
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - record: job:http_requests:rate10m # copied
    ///       expr: sum by (job) (rate(http_requests_total[10m]))
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
    ///       expr: sum by (job) (rate(http_requests_total[300s]))
    ///     - record: job:http_requests:rate1h
    ///       expr: avg_over_time(job:http_requests:rate5m[1h])
    /// ```
    "alerts/mislabelled-window" pub struct MislabelledWindow {}
    severity: Warning, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("reads PromQL, which CEL cannot"),
}

impl Rule for MislabelledWindow {
    fn check(&self, cx: &mut Ctx<'_>) {
        for carrier in cx.cluster.carriers() {
            let Role::Record { name, rule } = carrier.role else { continue };
            let Some((range, told)) = windows::named(name) else { continue };
            let Some(record) = rule.get("record") else { continue };
            let Some(query) = carrier.query() else { continue };
            let written = windows::written(query.tree());
            // What is read may be over that window itself.
            let fits = written.ranges.iter().any(|(length, _)| *length == told)
                || written.told.contains(&told);
            let Some((length, place)) = written.ranges.first().filter(|_| !fits) else { continue };
            let text = carrier.text.get(place.start + 1..place.end.saturating_sub(1));
            let own = text.map(str::trim).filter(|text| Duration::parse(text).is_ok());
            let message = format!(
                "record `{name}` tells {}, and its expression looks back {}",
                told.clock(),
                length.clock()
            );
            let report = cx
                .report(&carrier.object, record, message)
                .here(format!("tells {}", told.clock()))
                .label(carrier.spot(place.clone()), format!("looks back {}", length.clock()));
            let alike = written.ranges.iter().all(|(other, _)| other == length);
            match own.filter(|_| alike) {
                Some(own) => {
                    let renamed = [&name[..range.start], own, &name[range.end..]].concat();
                    report.help(format!("name it `{renamed}`, or look back {}", told.clock())).fix_unsafe(
                        format!("rename it to `{renamed}` (unsafe: readers of the old name find nothing)"),
                        [edit::splice(record, range, own)],
                    );
                }
                None => {
                    report.help("let the name end in the window that the expression looks back");
                }
            }
        }
    }
}

cases! {
    operations: "groups:\n- name: g\n  rules:\n  - {record: 'a:b:irate5m', expr: 'irate(x_total[2m])'}\n  - {record: 'a:b:increase1h', expr: 'increase(x_total[2h])'}\n  - {record: 'a:b:ratio_rate5m', expr: 'sum(rate(e_total[10m])) / sum(rate(x_total[10m]))'}\n  - {record: 'a:b:p95_rate5m', expr: 'histogram_quantile(0.95, sum by (le) (rate(x_bucket[2m])))'}\n"
        => ["4:14", "5:14", "6:14", "7:14"],
    equal_lengths: "groups:\n- name: g\n  rules:\n  - {record: 'a:b:rate1h', expr: 'rate(x_total[60m])'}\n  - {record: 'a:b:increase4w', expr: 'sum_over_time(a:b:increase5m[28d:5m])'}\n  - {record: 'code:x_total:increase30d', expr: 'avg_over_time(code:x_total:increase1h[30d]) * 24 * 30'}\n"
        => [],
    nothing_to_compare: "groups:\n- name: g\n  rules:\n  - {record: 'a:b:rate5m', expr: 'sum(c:b:rate1h)'}\n  - {record: 'a:b:p95', expr: 'rate(x_total[2m])'}\n  - {record: 'a:node_load5:avg', expr: 'avg_over_time(node_load5[2m])'}\n  - {record: 'a:b:rate5m', expr: 'rate(x_total[$__rate_interval])'}\n  - {alert: 'a:b:rate5m', expr: 'rate(x_total[2m]) > 1'}\n"
        => [],
    records_over_that_window: "groups:\n- name: g\n  rules:\n  - {record: 'a:b:rate5m', expr: 'sum(c:b:rate5m) / on () sum(rate(x_total[1h]))'}\n"
        => [],
    several_ranges: "groups:\n- name: g\n  rules:\n  - {record: 'a:b:ratio_rate5m', expr: 'rate(e_total[10m]) / rate(x_total[20m])'}\n"
        => ["4:14"],
    in_quotes: "groups:\n- name: g\n  rules:\n  - record: \"a:\\x62:rate5m\"\n    expr: rate(x_total[10m])\n"
        => ["4:13"],
}
