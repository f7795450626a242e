use crate::rules::adapter::{self, Api, Produced};
use crate::rules::prelude::*;

declare_rule! {
    /// An HPA asks for a metric that no rule of the adapter makes.
    ///
    /// ## Why
    /// The HPA shows `<unknown>`, and a metric that cannot be read blocks every scale-down
    /// (kubernetes/kubernetes#105187). Names change on the way: a rule with `name.as: "${1}_per_second"` makes
    /// `http_requests_per_second` of `http_requests_total`. Only what the input holds is known, so it is an error with
    /// `closed_world = true`; and where Helm values leave the chart's `rules.default` on, everything is made.
    ///
    /// ## Fix safety
    /// Unsafe: the HPA begins to act on the metric.
    ///
    /// ```yaml,bad
    /// rules:
    ///   default: false
    ///   custom:
    ///   - seriesQuery: 'http_requests_total{namespace!="",pod!=""}'
    ///     resources: { overrides: { namespace: { resource: namespace }, pod: { resource: pod } } }
    ///     name: { matches: "^(.*)_total$", as: "${1}_per_second" }
    ///     metricsQuery: sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>)
    /// ---
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    ///   metrics:
    ///   - type: Pods
    ///     pods:
    ///       metric: { name: http_request_per_second }
    ///       target: { type: AverageValue, averageValue: 50 }
    /// ```
    /// ```yaml,fixed
    /// rules:
    ///   default: false
    ///   custom:
    ///   - seriesQuery: 'http_requests_total{namespace!="",pod!=""}'
    ///     resources: { overrides: { namespace: { resource: namespace }, pod: { resource: pod } } }
    ///     name: { matches: "^(.*)_total$", as: "${1}_per_second" }
    ///     metricsQuery: sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>)
    /// ---
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    ///   metrics:
    ///   - type: Pods
    ///     pods:
    ///       metric: { name: http_requests_per_second }
    ///       target: { type: AverageValue, averageValue: 50 }
    /// ```
    /// ```yaml,good
    /// rules:
    ///   default: false
    ///   custom:
    ///   - seriesQuery: '{__name__=~"^http_.*",namespace!="",pod!=""}'
    ///     resources: { overrides: { namespace: { resource: namespace }, pod: { resource: pod } } }
    ///     metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
    /// ---
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    ///   metrics:
    ///   - type: Pods
    ///     pods:
    ///       metric: { name: http_requests_in_flight }
    ///       target: { type: AverageValue, averageValue: 50 }
    /// ```
    "monitoring/unproduced-metric" pub struct UnproducedMetric {}
    severity: Error, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the configuration of the adapter"),
}

impl Rule for UnproducedMetric {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        if cluster.of_kind(Kind::AdapterConfig).next().is_none() {
            return;
        }
        let custom = adapter::produced(cluster, Api::Custom);
        let external = adapter::produced(cluster, Api::External);
        for hpa in cluster.autoscalers().iter().filter(|it| !it.is_keda()) {
            for metric in &hpa.metrics {
                let (key, known) = match metric.kind {
                    "Pods" => ("pods", &custom),
                    "Object" => ("object", &custom),
                    "External" => ("external", &external),
                    _ => continue,
                };
                let Some(source) = metric.place.and_then(|place| place.get(key)) else { continue };
                let name = source.at("metric/name").or_else(|| source.get("metricName"));
                if let Some(place) = name
                    && let Some(text) = place.text().filter(|text| !is_placeholder(text))
                    // Where no rule is for this API, something else serves it.
                    && !known.is_empty()
                    && !known.iter().any(|it| it.admits(text))
                {
                    report(cx, hpa, place, text, known);
                }
            }
        }
    }
}

fn report(
    cx: &mut Ctx<'_>,
    hpa: &Autoscaler<'_>,
    place: Place<'_>,
    name: &str,
    known: &[Produced],
) {
    let closed = cx.cluster.is_closed();
    let names = known.iter().filter_map(|it| match it {
        Produced::Name(name) => Some(name.as_str()),
        _ => None,
    });
    let near = nearest(name, names);
    let more = near.map_or_else(String::new, |near| format!("; one makes `{near}`"));
    let message = format!(
        "no adapter rule of the input makes `{name}`, which HPA `{}` scales on{more}",
        hpa.name
    );
    let help = match near {
        Some(near) => format!("write `name: {near}`"),
        None => format!("add a rule that makes `{name}`, or write the name that one makes"),
    };
    let report = cx
        .report(hpa, place, message)
        .severity(if closed { Error } else { Warning })
        .here("stays <unknown>")
        .help(help);
    if let Some(near) = near {
        report.fix_unsafe(
            format!("write `{near}` (unsafe: the HPA begins to act on it)"),
            [edit::set(place, near)],
        );
    }
}

cases! {
    defaults_and_other_apis: "rules:\n  custom:\n  - seriesQuery: 'x{namespace!=\"\"}'\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {metrics: [{type: Pods, pods: {metric: {name: y}}}, {type: External, external: {metric: {name: z}}}]}\n"
        => [],
    by_config_map: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  config.yaml: |\n    rules:\n    - seriesQuery: 'x_total{namespace!=\"\"}'\n      name: {as: y}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {metrics: [{type: Object, object: {metric: {name: y}}}, {type: Pods, pods: {metric: {name: x_total}}}, {type: Resource}]}\n"
        => ["13:98"],
    external: "rules:\n  default: false\n  external:\n  - seriesQuery: '{__name__=~\"queue_.*\"}'\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\n#\nspec: {metrics: [{type: External, external: {metric: {name: queue_a}}}, {type: External, external: {metric: {name: other}}}, {type: Pods, pods: {metric: {name: y}}}]}\n"
        => ["10:116"],
    unknown_names: "rules:\n  default: false\n  custom:\n  - seriesQuery: '{__name__=~\"^(.*)_total\"}'\n    name: {matches: \"^(.*)_total$\"}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {metrics: [{type: Pods, pods: {metric: {name: y}}}]}\n"
        => [],
}
