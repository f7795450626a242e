use crate::query::{Kind as Part, Selector, Window};
use crate::rules::expressions::{self, Wanted};
use crate::rules::prelude::*;
use crate::source::Span;

declare_rule! {
    /// A rate looks back less than four scrapes.
    ///
    /// ## Why
    /// `rate` needs two samples inside of its window. With a window below twice the scrape interval there often is
    /// one only, and Prometheus 3 leaves out the one on the edge that Prometheus 2 had (docs/migration.md): no
    /// result, so no alert and no metric to scale on. Below four intervals one failed scrape has the same effect.
    ///
    /// ## Peers
    /// pint compares with the one global `scrape_interval` of a running Prometheus. slogen compares with the
    /// interval that the monitors of the input or slo.toml give to what the query reads, and says nothing where no interval
    /// is known: a global value is wrong for every target with its own.
    ///
    /// ## Fix safety
    /// Unsafe: a longer window reacts later and smooths more.
    ///
    /// ```yaml,bad
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: shop, labels: { app: shop } }
    /// spec:
    ///   ports: [{ name: http, port: 80, targetPort: http }]
    /// ---
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: ServiceMonitor
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   endpoints:
    ///   - { port: http, interval: 30s }
    /// ---
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ShopIsIdle
    ///       expr: sum(rate(http_requests_total{job="shop"}[45s])) < 1
    /// ```
    /// ```yaml,fixed
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: shop, labels: { app: shop } }
    /// spec:
    ///   ports: [{ name: http, port: 80, targetPort: http }]
    /// ---
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: ServiceMonitor
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   endpoints:
    ///   - { port: http, interval: 30s }
    /// ---
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ShopIsIdle
    ///       expr: sum(rate(http_requests_total{job="shop"}[2m])) < 1
    /// ```
    /// ```yaml,good
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: shop, labels: { app: shop } }
    /// spec:
    ///   ports: [{ name: http, port: 80, targetPort: http }]
    /// ---
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: ServiceMonitor
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   endpoints:
    ///   - { port: http, interval: 15s }
    /// ---
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ShopIsIdle
    ///       expr: sum(rate(http_requests_total{job="shop"}[1m])) < 1
    /// ```
    "alerts/short-rate-window" pub struct ShortRateWindow {}
    severity: Error, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("reads PromQL, which CEL cannot, and needs the monitor of the target"),
}

impl Rule for ShortRateWindow {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let Some(longest) = longest_interval(cluster) else { return };
        for carrier in cluster.carriers() {
            let Some(query) = carrier.query() else { continue };
            let mut short = Vec::new();
            query.tree().walk(&mut |node, _| {
                if let Part::Call { name, args, .. } = &node.kind
                    && matches!(name.as_str(), "rate" | "irate" | "increase" | "delta")
                    && let Some(selector) = args.first().and_then(|arg| arg.peel().selector())
                    && let Some(window) = selector.range
                    // Most windows are long enough for any interval there is.
                    && lasts(window) < longest.times(4)
                    && let Some((interval, spot)) = interval(cluster, carrier, &selector)
                    && lasts(window) < interval.times(4)
                {
                    short.push((name.as_str(), window, interval, spot));
                }
            });
            for (function, window, interval, spot) in short {
                report(cx, carrier, function, window, (interval, spot));
            }
        }
    }
}

fn lasts(window: &Window) -> Duration {
    Duration::from_millis(window.millis)
}

fn longest_interval(cluster: &Cluster<'_>) -> Option<Duration> {
    let endpoints = cluster.monitors().iter().flat_map(|monitor| &monitor.endpoints);
    let declared = cluster.slo.iter().filter_map(|slo| Some(slo.interval.as_ref()?.value));
    endpoints.filter_map(Endpoint::seconds).chain(declared).max()
}

/// How often the series of a selector are scraped, and where that is written.
fn interval(
    cluster: &Cluster<'_>,
    carrier: &Carrier<'_>,
    selector: &Selector<'_>,
) -> Option<(Duration, Span)> {
    let name = expressions::metric(carrier, selector);
    let wanted = Wanted::of(selector);
    // Records come at the pace of their group, the platform's metrics from monitors that are not here.
    if expressions::is_recorded(&name)
        || (expressions::is_of_platform(&name) && !wanted.names("job"))
    {
        return None;
    }
    // The adapter asks for the namespace of whoever scales, wherever its own configuration lives.
    let anywhere = matches!(carrier.role, Role::MetricsQuery { .. } | Role::SeriesQuery { .. });
    let admits = |label: &str, value: &str| {
        let is_probe = anywhere && label == "namespace" && value == "\u{0}";
        !is_probe && wanted.admits(label, value)
    };
    let series = Series { admits: &admits, exact: wanted.exact() };
    let (interval, spot) = cluster.scrape_interval(&carrier.object, &series)?;
    let declared = cluster.declared_near(&carrier.object);
    let by_slo = declared.filter(|slo| slo.interval.as_ref().is_some_and(|it| it.span == spot));
    // What slo.toml says holds for its own service.
    let other = by_slo.is_some_and(|slo| {
        !admits("job", &slo.name)
            || !admits("service", &slo.name)
            || !wanted.admits("namespace", &slo.namespace)
    });
    (!other && !interval.is_zero()).then_some((interval, spot))
}

fn report<'a>(
    cx: &mut Ctx<'a>,
    carrier: &Carrier<'a>,
    function: &str,
    window: &Window,
    (interval, spot): (Duration, Span),
) {
    let scrapes = lasts(window).per(interval).unwrap_or_default().round_dp(2).normalize();
    let window_length = expressions::seconds(lasts(window));
    let message =
        format!("`{function}` looks back {window_length}, {scrapes} times the scrape interval");
    let enough = interval.times(4);
    let hopeless = lasts(window) < interval.times(2);
    cx.report(&carrier.object, carrier.spot(window.span.clone()), message)
        .severity(if hopeless { Error } else { Warning })
        .here(if hopeless { "often holds one sample only" } else { "one failed scrape empties it" })
        .label(spot, format!("scraped every {}", expressions::seconds(interval)))
        .help(format!("write `[{enough}]`, which is 4 scrape intervals"))
        .fix_unsafe(
            format!("set the window to {enough} (unsafe: reacts later)"),
            [edit::splice(carrier.place, window.span.clone(), format!("[{enough}]"))],
        );
}

cases! {
    a_warning_below_four: "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {app: a}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, endpoints: [{port: p, interval: 30s}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'increase(x{job=\"a\"}[1m]) > 1'}, {alert: B, expr: 'irate(x[2m]) > 1'}, {alert: C, expr: 'rate(x[119s]) > 1'}]}]}\n"
        => ["13:72", "13:147"],
    another_job: "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {app: a}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, endpoints: [{port: p, interval: 30s}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'rate(x{job=\"b\"}[30s]) > 1'}, {alert: B, expr: 'rate(x{job=~\"b|a\"}[30s]) > 1'}, {alert: C, expr: 'rate(x{job!=\"a\"}[30s]) > 1'}]}]}\n"
        => ["13:118"],
    the_shortest_interval_counts: "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {app: a}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, endpoints: [{port: p, interval: 30s}, {port: q, interval: 10s}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'rate(x[45s]) > 1'}, {alert: B, expr: 'rate(x{endpoint=\"p\"}[45s]) > 1'}]}]}\n"
        => ["13:111"],
    nobody_says: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'rate(x[5s]) > 1'}]}]}\n"
        => [],
    records_platform_and_subqueries: "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {app: a}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, endpoints: [{port: p, interval: 30s}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'rate(a:b:c[30s]) > 1 or rate(container_cpu_usage_seconds_total[30s]) > 1 or max_over_time(x[30s]) > 1 or rate(x[30s:5s]) > 1'}]}]}\n"
        => [],
    keda: "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {app: a}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, endpoints: [{port: p, interval: 30s}]}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: prometheus, metadata: {query: 'sum(rate(x[1m]))'}}]}\n"
        => ["13:67"],
    adapter: "# file: a.yaml\napiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: n, labels: {app: a}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a, namespace: n}\nspec: {selector: {matchLabels: {app: a}}, endpoints: [{port: p, interval: 30s}]}\n# file: b.yaml\nrules:\n- seriesQuery: x_total\n  metricsQuery: sum(rate(<<.Series>>{<<.LabelMatchers>>}[1m])) by (<<.GroupBy>>)\n"
        => ["b.yaml:3:57"],
    slo_toml: "# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[metrics]\ninterval = \"30s\"\n# file: a.yaml\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r, namespace: n}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'rate(x{job=\"a\"}[45s]) > 1'}, {alert: B, expr: 'rate(x{job=\"b\"}[45s]) > 1'}]}]}\n"
        => ["a.yaml:4:68"],
    in_a_literal_block: "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {app: a}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, endpoints: [{port: p, interval: 30s}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n  - name: g\n    rules:\n    - alert: A\n      expr: |\n        # [5m]\n        (\n          rate(x[ 45s ]) > 1\n        ) and y or z\n"
        => ["21:17"],
    in_a_folded_block_and_quotes: "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {app: a}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, endpoints: [{port: p, interval: 30s}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n  - name: g\n    rules:\n    - alert: A\n      expr: >\n        y or\n        rate(x[45s]) > 1\n    - {alert: B, expr: \"rate(x{a=\\\"b\\\"}[45s]) > 1\"}\n"
        => ["20:15", "21:40"],
}
