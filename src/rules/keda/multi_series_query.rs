use crate::rules::expressions::{self, Count};
use crate::rules::prelude::*;

declare_rule! {
    /// A trigger's query can return more than one series.
    ///
    /// ## Why
    /// KEDA reads one number. For two series the scaler fails with "returned multiple elements"
    /// (`prometheus_scaler.go`), and the HPA sees no metric: no scale-up on it, and no scale-down at all. With one
    /// pod in a test cluster it works; it breaks on the first scale-out.
    ///
    /// ```yaml,bad
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 2
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: prometheus
    ///     metadata:
    ///       serverAddress: http://prometheus:9090
    ///       ignoreNullValues: "false"
    ///       threshold: "10"
    ///       query: sum by (pod) (http_requests_in_flight{job="shop"})
    /// ```
    /// ```yaml,good
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 2
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: prometheus
    ///     metadata:
    ///       serverAddress: http://prometheus:9090
    ///       ignoreNullValues: "false"
    ///       threshold: "10"
    ///       query: sum(http_requests_in_flight{job="shop"}) or vector(0)
    /// ```
    "keda/multi-series-query" pub struct MultiSeriesQuery {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("reads PromQL, which CEL cannot"),
}

impl Rule for MultiSeriesQuery {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for carrier in cluster.carriers() {
            if !matches!(carrier.role, Role::Trigger { .. }) {
                continue;
            }
            let Some(query) = carrier.query().filter(|query| query.is_vector()) else { continue };
            let Count::Many(clause) = expressions::count(cluster, query.tree()) else { continue };
            let message = format!(
                "{} can return several series, KEDA reads one number",
                expressions::title(carrier)
            );
            let here = match &clause {
                Some(_) => "one series for each of these",
                None => "not aggregated to one series",
            };
            cx.report(&carrier.object, carrier.spot(clause.unwrap_or(0..0)), message)
                .here(here)
                .help("aggregate over all labels, such as `sum(…)` without `by`");
        }
    }
}

cases! {
    no_aggregation: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - type: prometheus\n    metadata:\n      query: http_requests_in_flight{job=\"a\"}\n"
        => ["8:14"],
    functions_are_peeled: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metadata: {query: 'ceil((sum(x) by (pod) / 2))'}}\n  - {type: prometheus, metadata: {query: 'clamp_min(sum(x) - 2, 0)'}}\n"
        => ["6:56"],
    without: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metadata: {query: 'sum without (pod) (x)'}}\n"
        => ["6:47"],
    right_operand: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metadata: {query: 'sum(a) / sum by (job) (b)'}}\n"
        => ["6:56"],
    what_is_filtered: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metadata: {query: 'sum(a) and on() x > 3'}}\n  - {type: prometheus, metadata: {query: 'a > 3 and on() sum(x)'}}\n"
        => ["7:42"],
    quantiles: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metadata: {query: 'histogram_quantile(0.9, sum by (le) (rate(x_bucket[2m])))'}}\n  - {type: prometheus, metadata: {query: 'histogram_quantile(0.9, sum by (le, pod) (rate(x_bucket[2m])))'}}\n  - {type: prometheus, metadata: {query: 'histogram_quantile(0.9, rate(x_bucket[2m]))'}}\n"
        => ["7:71", "8:42"],
    fixed_labels: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metadata: {query: 'sum by (job) (x{job=\"a\"})'}}\n  - {type: prometheus, metadata: {query: 'sum by () (x)'}}\n"
        => [],
    a_fallback_of_other_labels: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metadata: {query: 'sum by (job) (x{job=\"a\"}) or vector(0)'}}\n  - {type: prometheus, metadata: {query: 'sum by (job) (x{job=\"a\"}) or on() vector(0)'}}\n"
        => ["6:69"],
    topk: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metadata: {query: 'topk(1, x)'}}\n  - {type: prometheus, metadata: {query: 'topk(2, x)'}}\n"
        => ["7:42"],
    numbers_and_absence: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metadata: {query: 'vector(1)'}}\n  - {type: prometheus, metadata: {query: 'absent(up{job=\"a\"}) * 3'}}\n  - {type: prometheus, metadata: {query: 'sum(x) * scalar(y)'}}\n"
        => [],
    records: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{record: 'a:x:sum', expr: 'sum(x)'}, {record: 'pod:x:sum', expr: 'sum by (pod) (x)'}]}]}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metadata: {query: 'a:x:sum'}}\n  - {type: prometheus, metadata: {query: 'pod:x:sum'}}\n  - {type: prometheus, metadata: {query: 'other:x:sum'}}\n"
        => ["12:42"],
    scaled_jobs: "apiVersion: keda.sh/v1alpha1\nkind: ScaledJob\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metadata: {query: 'sum by (pod) (x)'}}\n"
        => ["6:47"],
    in_a_literal_block: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - type: prometheus\n    metadata:\n      query: |\n        # per pod\n        sum by (\n          pod\n        ) (x)\n"
        => ["10:13"],
    in_a_folded_block: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - type: prometheus\n    metadata:\n      query: >-\n        sum(a)\n        / sum by (pod) (x)\n"
        => ["10:15"],
    in_double_quotes: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metadata: {query: \"sum(a{b=\\\"c\\\"}) / sum by (pod) (x)\"}}\n"
        => ["6:65"],
    templated: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metadata: {query: 'x{job=\"${JOB}\"}'}}\n"
        => [],
    replicas_of_an_object: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  triggers:\n  - {type: prometheus, metadata: {query: 'kube_deployment_status_replicas{deployment=\"b\", namespace=\"n\"}'}}\n"
        => [],
}
