use crate::query::{MatchOp, Matcher, Selector};
use crate::rules::expressions::{self, Wanted};
use crate::rules::prelude::*;

declare_rule! {
    /// A query asks for an application's label that the target's own one hides.
    ///
    /// ## Why
    /// The Prometheus Operator puts `endpoint`, `service`, `pod`, `namespace`, `container` and `job` on every target
    /// (`promcfg.go`). Without `honorLabels` an application's label of that name is stored as `exported_endpoint`.
    /// `{endpoint="/predict"}` then asks for a port called `/predict`: it matches nothing, and alerts, dashboards
    /// and scalers are silent.
    ///
    /// ## Fix safety
    /// Unsafe: the query gets results, so alerts may fire and scalers act. Renaming the label in the application is
    /// the cleaner way.
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
    ///     - alert: NoPredictions
    ///       expr: sum(rate(http_requests_total{job="shop", endpoint="/predict"}[5m])) == 0
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
    ///     - alert: NoPredictions
    ///       expr: sum(rate(http_requests_total{job="shop", exported_endpoint="/predict"}[5m])) == 0
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
    ///   - { port: http, interval: 30s }
    /// ---
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: NoPredictions
    ///       expr: sum(rate(http_requests_total{endpoint="http", exported_endpoint="/predict"}[5m])) == 0
    /// ```
    "monitoring/shadowed-label" pub struct ShadowedLabel {}
    severity: Error, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("reads PromQL, which CEL cannot, and needs the monitor of the target"),
}

/// The labels that the Prometheus Operator puts on every target.
const TARGET_LABELS: [&str; 8] =
    ["endpoint", "service", "pod", "namespace", "container", "job", "instance", "node"];

impl Rule for ShadowedLabel {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for carrier in cluster.carriers() {
            let Some(query) = carrier.query() else { continue };
            for selector in query.tree().selectors() {
                for matcher in selector.matchers {
                    if let Some(endpoint) = shadowing(cluster, carrier, &selector, matcher) {
                        report(cx, carrier, matcher, endpoint);
                    }
                }
            }
        }
    }
}

fn report<'a>(cx: &mut Ctx<'a>, carrier: &Carrier<'a>, matcher: &Matcher, endpoint: &Endpoint<'a>) {
    let label = &matcher.label;
    let positive = matches!(matcher.op, MatchOp::Equal | MatchOp::Regex);
    let message = format!(
        "`{label}` is the target's label, the application's own one is stored as `exported_{label}`"
    );
    let quoted = !carrier.text.get(matcher.span.start..).is_some_and(|it| it.starts_with(label));
    let start = matcher.span.start + usize::from(quoted);
    let spot = endpoint.port.or(endpoint.target_port).unwrap_or(endpoint.place);
    cx.report(&carrier.object, carrier.spot(matcher.span.clone()), message)
        .here(if positive { "matches nothing" } else { "leaves nothing out" })
        .label(spot, format!("honorLabels is off: sets `{label}`"))
        .help(format!("write `exported_{label}`, or rename the label in the application"))
        .fix_unsafe(
            format!("match `exported_{label}` (unsafe: the query gets results)"),
            [edit::splice(carrier.place, start..start, "exported_")],
        );
}

/// The endpoint that sets the label which `matcher` takes for the application's.
fn shadowing<'c, 'a>(
    cluster: &'c Cluster<'a>,
    carrier: &'c Carrier<'a>,
    selector: &Selector<'_>,
    matcher: &Matcher,
) -> Option<&'c Endpoint<'a>> {
    let label = matcher.label.as_str();
    if !TARGET_LABELS.contains(&label) || matcher.value.is_empty() {
        return None;
    }
    let exported = |it: &Matcher| it.label.strip_prefix("exported_") == Some(label);
    if selector.matchers.iter().any(exported) {
        return None;
    }
    let name = expressions::metric(carrier, selector);
    if expressions::is_recorded(&name) || expressions::is_of_platform(&name) {
        return None;
    }
    let is_path = label == "endpoint" && is_no_port(matcher);
    if !is_path && !is_declared(cluster, carrier, &name, label) {
        return None;
    }
    let wanted = Wanted::of(selector);
    let anywhere = matches!(carrier.role, Role::MetricsQuery { .. } | Role::SeriesQuery { .. });
    // The matcher in question says nothing of the target.
    let admits = |asked: &str, value: &str| {
        if asked == label {
            return true;
        }
        let is_probe = anywhere && asked == "namespace" && value == "\u{0}";
        !is_probe && wanted.admits(asked, value)
    };
    // Where the matcher names the Service, it may not be the target's.
    let exact = wanted.exact().filter(|_| !matches!(label, "service" | "job"));
    let series = Series { admits: &admits, exact };
    let mut endpoints = cluster.endpoints_feeding(&carrier.object, &series);
    if endpoints.is_empty() {
        // Monitors whose Services are not in the input.
        let beside = cluster.monitors().iter().filter(|monitor| {
            let selects = cluster.services_of_monitor(monitor).next().is_some()
                || cluster.workloads_of_monitor(monitor).next().is_some();
            !selects && (anywhere || monitor.shares_namespace(&carrier.object))
        });
        endpoints = beside
            .flat_map(|monitor| monitor.endpoints.iter().map(move |endpoint| (monitor, endpoint)))
            .collect();
    }
    let mut first = None;
    for (monitor, endpoint) in endpoints {
        if endpoint.honors_labels() || relabels(endpoint, label) {
            return None;
        }
        // Pods have no Service.
        if !(monitor.reads_pods() && label == "service") {
            first = first.or(Some(endpoint));
        }
    }
    first
}

/// True if `matcher` asks for what no port can be called.
fn is_no_port(matcher: &Matcher) -> bool {
    let is_name = |text: &str| {
        !text.is_empty()
            && text.len() <= 63
            && text.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-')
    };
    match matcher.op {
        MatchOp::Equal | MatchOp::NotEqual => !is_name(&matcher.value),
        // A class may well be one of all but `/`.
        MatchOp::Regex | MatchOp::NotRegex => {
            !matcher.value.contains('[') && matcher.value.split('|').all(|it| it.contains('/'))
        }
    }
}

/// True if slo.toml says that the application sets this label.
fn is_declared(cluster: &Cluster<'_>, carrier: &Carrier<'_>, name: &str, label: &str) -> bool {
    let Some(declared) = cluster.declared_near(&carrier.object) else { return false };
    let base = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end));
    declared.selector_labels.iter().any(|it| it.value == label)
        && declared.metrics.iter().any(|metric| metric == name || Some(metric.as_str()) == base)
}

/// True if rules of the endpoint decide what the label holds.
fn relabels(endpoint: &Endpoint<'_>, label: &str) -> bool {
    let keys = ["metricRelabelings", "relabelings"];
    let mut rules = keys.into_iter().flat_map(|key| endpoint.place.list(key));
    rules.any(|rule| {
        let action = rule.text_of("action").unwrap_or("replace").to_ascii_lowercase();
        rule.text_of("targetLabel") == Some(label)
            || matches!(action.as_str(), "labelmap" | "labeldrop" | "labelkeep")
    })
}

cases! {
    honored: "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {app: a}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, endpoints: [{port: p, honorLabels: true}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'x{endpoint=\"/a\"}'}]}]}\n"
        => [],
    no_monitor: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'x{endpoint=\"/a\"}'}]}]}\n"
        => [],
    a_monitor_without_its_service: "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, endpoints: [{port: p}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'x{endpoint=\"/a\"}'}]}]}\n"
        => ["9:55"],
    ports_and_exported_labels: "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, endpoints: [{port: p}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'x{endpoint=\"http-web\"} or x{endpoint=\"/a\",exported_endpoint=\"/a\"} or x{endpoint=~\".+\"} or x{endpoint=\"\"} or x{job=\"a\",pod=~\"a.*\"}'}]}]}\n"
        => [],
    patterns_and_negation: "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, endpoints: [{port: p}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'x{endpoint=~\"/a|/b.*\"} or x{endpoint=~\"[^/]+\"}'}, {alert: B, expr: 'x{endpoint!=\"/metrics\"}'}]}]}\n"
        => ["9:55", "9:123"],
    relabelled: "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, endpoints: [{port: p, metricRelabelings: [{sourceLabels: [exported_endpoint], targetLabel: endpoint}]}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'x{endpoint=\"/a\"}'}]}]}\n"
        => [],
    keda: "apiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, podMetricsEndpoints: [{port: p}]}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: prometheus, metadata: {query: 'sum(x{endpoint=\"/a\"})'}}]}\n"
        => ["9:63"],
    adapter: "# file: a.yaml\napiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: n, labels: {app: a}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a, namespace: n}\nspec: {selector: {matchLabels: {app: a}}, endpoints: [{port: p}]}\n# file: b.yaml\nrules:\n- seriesQuery: 'x{namespace!=\"\",endpoint=\"/a\"}'\n  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>,endpoint=\"/a\"}) by (<<.GroupBy>>)\n"
        => ["b.yaml:2:33", "b.yaml:3:52"],
    slo_toml: "# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[metrics]\nrequests = \"x_total\"\nselector = { service = \"web\" }\n# file: a.yaml\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a, namespace: n}\nspec: {selector: {matchLabels: {app: a}}, endpoints: [{port: p}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r, namespace: n}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'x_total{service=\"web\"} or y{service=\"web\"}'}]}]}\n"
        => ["a.yaml:9:61"],
    in_a_literal_block: "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, endpoints: [{port: p}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n  - name: g\n    rules:\n    - alert: A\n      expr: |\n        # endpoint=\"/a\"\n        (x{\n          job=\"b\", endpoint=\"/a\"} > 2)\n"
        => ["17:20"],
    in_a_folded_block_and_quotes: "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, endpoints: [{port: p}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n  - name: g\n    rules:\n    - alert: A\n      expr: >-\n        y and\n        x{endpoint=\"/a\"}\n    - {alert: B, expr: \"x{a=\\\"b\\\",endpoint=\\\"/a\\\"}\"}\n"
        => ["16:11", "17:35"],
}
