use rustc_hash::FxHashSet;

use crate::rules::indicator::Reader;
use crate::rules::prelude::*;
use crate::source::Span;
use crate::units::plain;

declare_rule! {
    /// The latency histogram ends close above the target.
    ///
    /// ## Why
    /// `histogram_quantile` never answers more than the highest finite bound: whatever lies above it counts as that
    /// bound (prometheus.io/docs/practices/histograms/). With a highest bucket below twice the target an overload of ten
    /// times looks like one of less than two, so an autoscaler that follows the quantile adds pods in small steps while
    /// requests time out, and the dashboard shows a flat line.
    ///
    /// ```yaml,bad
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop, namespace: prod }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - record: shop:http_request_duration_seconds:p95
    ///       expr: histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{job="shop"}[1m])))
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "prod"
    /// image = "shop:1.2"
    /// [targets]
    /// latency = [{ percentile = 95, below = "350ms" }]
    /// [metrics]
    /// buckets = [0.1, 0.2, 0.35, 0.5]
    /// ```
    /// ```yaml,good
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop, namespace: prod }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - record: shop:http_request_duration_seconds:p95
    ///       expr: histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{job="shop"}[1m])))
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "prod"
    /// image = "shop:1.2"
    /// [targets]
    /// latency = [{ percentile = 95, below = "350ms" }]
    /// [metrics]
    /// buckets = [0.1, 0.2, 0.35, 0.5, 1, 2]
    /// ```
    "slo/saturating-bucket" pub struct SaturatingBucket {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the slo.toml of the service"),
}

/// What a histogram measures and where it ends.
struct Short<'a> {
    bound: &'a LatencyBound,
    highest: Decimal,
    buckets: Span,
}

impl Rule for SaturatingBucket {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        // Where it bites most may stand in a file that is not given.
        if cluster.is_partial() {
            return;
        }
        let mut told = FxHashSet::default();
        // Where the fleet follows it, it bites most.
        for autoscaler in cluster.autoscalers().iter().filter(|it| it.slo.is_some()) {
            let mut described = cluster.described_near(autoscaler);
            described.retain(|declared| declared.name == autoscaler.target.name);
            let Some(short) = short(&described) else { continue };
            let metric = autoscaler.metrics.iter().filter_map(|it| it.place).find_map(|metric| {
                let name = ["pods/metric/name", "object/metric/name", "external/metric/name"]
                    .iter()
                    .find_map(|path| metric.at(path))?;
                (name.text() == Some(short.bound.metric.as_str())).then_some(name)
            });
            if let Some(metric) = metric
                && told.insert(autoscaler.slo)
            {
                report(cx, autoscaler, metric.primary(), &short);
            }
        }
        let scalers = cluster.carriers().iter().filter(|it| is_scaler(it));
        let others = cluster.carriers().iter().filter(|it| !is_scaler(it));
        for carrier in scalers.chain(others).filter(|it| it.object.slo.is_some()) {
            if told.contains(&carrier.object.slo) || !carrier.text.contains("histogram_quantile") {
                continue;
            }
            let Some(query) = carrier.query() else { continue };
            let Some(reader) = Reader::new(cluster, carrier) else { continue };
            let Some(short) = short(reader.variants()) else { continue };
            let mut found = None;
            query.tree().walk(&mut |node, _| {
                let quantile = reader.quantile(node).filter(|it| it.node.span == node.span);
                found = found.take().or(quantile.map(|it| it.node.span.clone()));
            });
            if let Some(span) = found {
                told.insert(carrier.object.slo);
                report(cx, &carrier.object, carrier.spot(span), &short);
            }
        }
        // Nothing of the input reads the quantile, but the service is described as one that is judged by it.
        for workload in cluster.workloads().iter().filter(|it| it.slo.is_some()) {
            if !told.contains(&workload.slo)
                && !workload.is_exempt()
                && let Some(short) = short(&cluster.described(workload))
            {
                told.insert(workload.slo);
                report(cx, workload, workload.spot(), &short);
            }
        }
    }
}

fn is_scaler(carrier: &Carrier<'_>) -> bool {
    matches!(carrier.role, Role::Trigger { .. } | Role::MetricsQuery { .. })
}

/// The histogram, if it ends below twice a target in every variant.
fn short<'a>(described: &[&'a Declared]) -> Option<Short<'a>> {
    let of = |declared: &&'a Declared| {
        let buckets = declared.series.buckets.as_ref()?;
        let highest = buckets.value.iter().max()?;
        let bounds = declared.objectives.iter().filter_map(|it| it.latency.as_ref());
        let bound = bounds.max_by_key(|bound| bound.below.value)?;
        let enough = bound.below.value.seconds() * Decimal::TWO;
        (*highest < enough).then_some(Short { bound, highest: *highest, buckets: buckets.span })
    };
    let found: Option<Vec<_>> = described.iter().map(of).collect();
    found?.into_iter().next()
}

fn report<'a>(cx: &mut Ctx<'a>, object: &Object<'a>, spot: Span, short: &Short<'_>) {
    let (highest, below) = (plain(short.highest), short.bound.below.value.seconds());
    let percentile = plain(short.bound.percentile);
    let enough = plain((below * Decimal::TWO).normalize());
    let message = format!(
        "the P{percentile} never reads above {highest} s, the highest bucket, with a target of {} s",
        plain(below)
    );
    cx.report(object, spot, message)
        .here(format!("stops at {highest} s"))
        .label(short.buckets, "the buckets")
        .label(short.bound.below.span, "the latency target")
        .help(format!(
            "add buckets up to {enough} or more to the histogram and to `metrics.buckets`"
        ));
}

cases! {
    an_autoscaler_first: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r, namespace: n}\nspec: {groups: [{name: g, rules: [{record: 'a:x:p95', expr: 'histogram_quantile(0.95, sum by (le) (rate(x_bucket[5m])))'}]}]}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: n}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}\n  maxReplicas: 3\n  metrics:\n  - {type: Pods, pods: {metric: {name: x_p95}, target: {type: AverageValue, averageValue: 250m}}}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nlatency = [{ percentile = 95, below = \"250ms\" }]\n[metrics]\nlatency = \"x\"\nbuckets = [0.1, 0.25, 0.4]\n"
        => ["13:40"],
    a_trigger: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a, namespace: n}\nspec: {scaleTargetRef: {name: a}, triggers: [{type: prometheus, metadata: {query: '1000 * histogram_quantile(0.95, sum by (le) (rate(x_bucket[5m])))'}}]}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nlatency = [{ percentile = 95, below = \"250ms\" }]\n[metrics]\nlatency = \"x\"\nbuckets = [0.1, 0.25, 0.4]\n"
        => ["4:91"],
    only_the_workload: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: n}\nspec: {template: {spec: {containers: []}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b, namespace: n}\nspec: {template: {spec: {containers: []}}}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nlatency = [{ percentile = 95, below = \"250ms\" }]\n[metrics]\nlatency = \"x\"\nbuckets = [0.1, 0.25, 0.4]\n"
        => ["3:18"],
    enough_or_unknown: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: n}\nspec: {template: {spec: {containers: []}}}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nlatency = [{ percentile = 95, below = \"250ms\" }]\n[metrics]\nlatency = \"x\"\nbuckets = [0.1, 0.25, 0.5]\n"
        => [],
    native: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: n}\nspec: {template: {spec: {containers: []}}}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nlatency = [{ percentile = 95, below = \"250ms\" }]\n[metrics]\nlatency = \"x\"\nbuckets = [0.1, 0.25]\nnative_histograms = true\n"
        => [],
}
