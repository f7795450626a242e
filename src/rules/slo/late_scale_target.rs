use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules::adapter::Produced;
use crate::rules::expressions;
use crate::rules::indicator::{Reader, equals, number};
use crate::rules::prelude::*;
use crate::units::quantity::milli;
use crate::units::{Ratio, plain, quantity};

declare_rule! {
    /// The fleet grows only after the latency target is missed.
    ///
    /// ## Why
    /// An HPA acts when a metric exceeds its target by more than its tolerance, 10 % unless set otherwise
    /// (pkg/controller/podautoscaler/replica_calculator.go). With a scale target above the latency target of slo.toml
    /// the objective is broken before the first pod is added, and a new pod still needs its time to start. Option
    /// `headroom` asks for a scale target that far below the latency target.
    ///
    /// ## Fix safety
    /// Unsafe: the fleet grows earlier, and costs more.
    ///
    /// ```yaml,bad
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop, namespace: prod }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   minReplicas: 2
    ///   maxReplicas: 8
    ///   metrics:
    ///   - type: Pods
    ///     pods:
    ///       metric: { name: http_request_duration_p95 }
    ///       target: { type: AverageValue, averageValue: 500m } # seconds
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "prod"
    /// image = "shop:1.2"
    /// [targets]
    /// latency = [{ percentile = 95, below = "250ms" }]
    /// [metrics]
    /// buckets = [0.1, 0.25, 0.5, 1]
    /// ```
    /// ```yaml,fixed
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop, namespace: prod }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   minReplicas: 2
    ///   maxReplicas: 8
    ///   metrics:
    ///   - type: Pods
    ///     pods:
    ///       metric: { name: http_request_duration_p95 }
    ///       target: { type: AverageValue, averageValue: 250m } # seconds
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "prod"
    /// image = "shop:1.2"
    /// [targets]
    /// latency = [{ percentile = 95, below = "250ms" }]
    /// [metrics]
    /// buckets = [0.1, 0.25, 0.5, 1]
    /// ```
    /// ```yaml,good
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop, namespace: prod }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   minReplicas: 2
    ///   maxReplicas: 8
    ///   metrics:
    ///   - type: Pods
    ///     pods:
    ///       metric: { name: http_request_duration_p95 }
    ///       target: { type: AverageValue, averageValue: 250m }
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "prod"
    /// image = "shop:1.2"
    /// [targets]
    /// latency = [{ percentile = 95, below = "250ms" }]
    /// [metrics]
    /// buckets = [0.1, 0.25, 0.5, 1]
    /// ```
    "slo/late-scale-target" pub struct LateScaleTarget {
        /// How far below the latency target a scale target must stay: target / (1 + headroom).
        pub headroom: Headroom = Headroom(Ratio::default()),
    }
    severity: Warning, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("needs the slo.toml of the service"),
}

/// A share such as `10%`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline)]
pub struct Headroom(#[schemars(with = "String")] pub(crate) Ratio);

impl TryFrom<String> for Headroom {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Ratio::parse(&text).map(Self).map_err(|wrong| format!("{}; {}", wrong.message, wrong.help))
    }
}

impl From<Headroom> for String {
    fn from(headroom: Headroom) -> Self {
        headroom.0.to_string()
    }
}

/// A latency that an autoscaler follows.
struct Followed<'a> {
    /// Where the value to scale at is written.
    target: Place<'a>,
    /// What it is, in seconds, and what its seconds are multiplied by.
    seconds: Decimal,
    scale: Decimal,
    /// The latency target, the largest of the variants.
    bound: &'a LatencyBound,
}

impl Rule for LateScaleTarget {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let triggers = expressions::triggers_of(cluster);
        for autoscaler in cluster.autoscalers().iter().filter(|it| it.slo.is_some()) {
            let mut described = cluster.described_near(autoscaler);
            described.retain(|declared| declared.name == autoscaler.target.name);
            if described.is_empty() {
                continue;
            }
            let of_hpa = autoscaler.metrics.iter().filter_map(|metric| {
                of_metric(cluster, autoscaler, metric.place?, metric.kind, &described)
            });
            let queries = triggers.get(&autoscaler.index).into_iter().flatten();
            let of_keda = queries.filter_map(|carrier| of_trigger(cluster, carrier));
            for followed in of_hpa.chain(of_keda) {
                self.judge(cx, autoscaler, &followed);
            }
        }
    }
}

impl LateScaleTarget {
    fn judge(&self, cx: &mut Ctx<'_>, autoscaler: &Autoscaler<'_>, followed: &Followed<'_>) {
        let below = followed.bound.below.value.seconds();
        let share = Decimal::ONE + self.headroom.0.value();
        let Some(most) = below.checked_div(share) else { return };
        if followed.seconds <= most {
            return;
        }
        let percentile = plain(followed.bound.percentile);
        let acts = followed.seconds * (Decimal::ONE + autoscaler.tolerance());
        let shown = |seconds: Decimal| plain(seconds.round_dp(6).normalize());
        let message = format!(
            "{} `{}` scales at a P{percentile} of {} s, the latency target is {} s",
            autoscaler.word(),
            autoscaler.name,
            shown(followed.seconds),
            shown(below)
        );
        let value = most.checked_mul(followed.scale).unwrap_or(most).round_dp(3).normalize();
        let text = if autoscaler.is_keda() { plain(value) } else { milli(value) };
        cx.report(autoscaler, followed.target, message)
            .here(format!("acts only above {} s", shown(acts)))
            .label(followed.bound.below.span, "the latency target")
            .help(format!("write `{text}` or less"))
            .fix_unsafe(
                format!("scale at {} s (unsafe: grows earlier)", shown(most)),
                [edit::set(followed.target, text)],
            );
    }
}

/// The largest bound of this percentile that slo.toml allows, with or without an overlay.
fn bound<'a>(
    described: &[&'a Declared],
    fits: &dyn Fn(&LatencyBound) -> bool,
) -> Option<&'a LatencyBound> {
    let objectives = described.iter().flat_map(|declared| &declared.objectives);
    let bounds = objectives.filter_map(|it| it.latency.as_ref()).filter(|it| fits(it));
    bounds.max_by_key(|bound| bound.below.value)
}

/// A metric of an HPA that is a percentile of the latency by its name, or by the adapter's query.
fn of_metric<'a>(
    cluster: &Cluster<'a>,
    autoscaler: &Autoscaler<'a>,
    metric: Place<'a>,
    kind: &str,
    described: &[&'a Declared],
) -> Option<Followed<'a>> {
    let source = match kind {
        "Pods" => metric.get("pods"),
        "Object" => metric.get("object"),
        "External" => metric.get("external"),
        _ => None,
    }?;
    let name = source.at("metric/name").or_else(|| source.get("metricName"))?.text()?;
    let target = ["target/averageValue", "target/value", "targetAverageValue", "targetValue"];
    let target = target.iter().find_map(|path| source.at(path))?;
    // The mean of a quantile over the pods that KEDA or an Object metric divides once more is another rule's.
    let value = quantity(target.text()?.trim()).filter(|value| *value > Decimal::ZERO)?;
    if let Some((share, scale)) = of_adapter(cluster, autoscaler, name) {
        let bound = bound(described, &|it| equals(number(it.percentile), share * 100.0))?;
        return Some(Followed { target, seconds: value.checked_div(scale)?, scale, bound });
    }
    // The adapter may say that it is in milliseconds.
    if cluster.is_partial() {
        return None;
    }
    let bound = bound(described, &|it| it.metric == name)?;
    // Nobody says whether it is in seconds: who writes a number far above may mean milliseconds.
    let in_seconds = value < bound.below.value.seconds() * Decimal::from(50);
    let scale = if in_seconds { Decimal::ONE } else { Decimal::ONE_THOUSAND };
    Some(Followed { target, seconds: value.checked_div(scale)?, scale, bound })
}

/// The percentile that the adapter makes under this name, and what its seconds are multiplied by.
fn of_adapter<'a>(
    cluster: &Cluster<'a>,
    autoscaler: &Autoscaler<'a>,
    name: &str,
) -> Option<(f64, Decimal)> {
    let makes = |carrier: &&Carrier<'a>| match carrier.role {
        Role::MetricsQuery { rule } => {
            matches!(Produced::of(rule), Produced::Name(own) if own == name)
        }
        _ => false,
    };
    let of_slo = cluster.carriers().iter().filter(|it| it.object.slo == autoscaler.slo);
    let carrier = of_slo.filter(|it| it.object.kind == Kind::AdapterConfig).find(makes)?;
    let reader = Reader::new(cluster, carrier)?;
    let quantile = reader.quantile(carrier.query()?.tree())?;
    Some((quantile.share, Decimal::try_from(quantile.scale).ok()?))
}

/// A trigger of KEDA that compares a percentile of the latency with its threshold.
fn of_trigger<'a>(cluster: &Cluster<'a>, carrier: &Carrier<'a>) -> Option<Followed<'a>> {
    let Role::Trigger { trigger, .. } = carrier.role else { return None };
    if trigger.text_of("metricType") != Some("Value")
        || carrier.object.at("spec/advanced/scalingModifiers/formula").is_some()
    {
        return None;
    }
    let reader = Reader::new(cluster, carrier)?;
    let quantile = reader.quantile(carrier.query()?.tree())?;
    let percent = quantile.share * 100.0;
    let bound = bound(reader.variants(), &|it| equals(number(it.percentile), percent))?;
    let target = trigger.at("metadata/threshold")?;
    let value: Decimal = target.text()?.trim().parse().ok()?;
    let scale = Decimal::try_from(quantile.scale).ok()?;
    Some(Followed { target, seconds: value.checked_div(scale)?, scale, bound })
}

cases! {
    keda_in_milliseconds: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a, namespace: n}\nspec:\n  scaleTargetRef: {name: a}\n  triggers:\n  - {type: prometheus, metricType: Value, metadata: {query: '1000 * histogram_quantile(0.95, sum by (le) (rate(x_bucket{job=\"a\"}[2m]))) >= 0 or sum(rate(x_count[2m])) == 0', threshold: \"251\"}}\n  - {type: prometheus, metricType: Value, metadata: {query: '1000 * histogram_quantile(0.95, sum by (le) (rate(x_bucket{job=\"a\"}[2m])))', threshold: \"250\"}}\n  - {type: prometheus, metricType: Value, metadata: {query: 'histogram_quantile(0.99, sum by (le) (rate(x_bucket{job=\"a\"}[2m])))', threshold: \"1\"}}\n  - {type: prometheus, metricType: Value, metadata: {query: 'histogram_quantile(0.95, sum by (le) (rate(y_bucket{job=\"a\"}[2m])))', threshold: \"1\"}}\n  - {type: prometheus, metricType: Value, metadata: {query: 'histogram_quantile(0.95, sum by (le) (rate(x_bucket{job=\"b\"}[2m])))', threshold: \"1\"}}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nlatency = [{ percentile = 95, below = \"250ms\" }]\n[metrics]\nlatency = \"x\"\n"
        => ["7:186"],
    headroom: "# lint: rules.\"slo/late-scale-target\".headroom = \"25%\"\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: n}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}\n  maxReplicas: 3\n  metrics:\n  - {type: Pods, pods: {metric: {name: x_p95}, target: {type: AverageValue, averageValue: 200m}}}\n  - {type: Pods, pods: {metric: {name: x_p95}, target: {type: AverageValue, averageValue: 201m}}}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nlatency = [{ percentile = 95, below = \"250ms\" }]\n[metrics]\nlatency = \"x\"\n"
        => ["9:91"],
    milliseconds_perhaps: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: n}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}\n  maxReplicas: 3\n  metrics:\n  - {type: Pods, pods: {metric: {name: x_p95}, target: {type: AverageValue, averageValue: 250}}}\n  - {type: Pods, pods: {metric: {name: x_p95}, target: {type: AverageValue, averageValue: 300}}}\n  - {type: Pods, pods: {metric: {name: x_p95}, target: {type: AverageValue, averageValue: '${MS}'}}}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nlatency = [{ percentile = 95, below = \"250ms\" }]\n[metrics]\nlatency = \"x\"\n"
        => ["9:91"],
    by_the_adapter: "# file: a.yaml\nrules:\n- seriesQuery: x_bucket{namespace!=\"\",pod!=\"\"}\n  name: {as: latency_ms}\n  metricsQuery: 1000 * histogram_quantile(0.95, sum by (le, <<.GroupBy>>) (rate(<<.Series>>{<<.LabelMatchers>>}[2m])))\n# file: b.yaml\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: n}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}\n  maxReplicas: 3\n  metrics:\n  - {type: Pods, pods: {metric: {name: latency_ms}, target: {type: AverageValue, averageValue: 240}}}\n  - {type: Pods, pods: {metric: {name: latency_ms}, target: {type: AverageValue, averageValue: 260}}}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nlatency = [{ percentile = 95, below = \"250ms\" }]\n[metrics]\nlatency = \"x\"\n"
        => ["b.yaml:9:96"],
    of_another_and_other_percentiles: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: b, namespace: n}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: b}\n  maxReplicas: 3\n  metrics:\n  - {type: Pods, pods: {metric: {name: x_p95}, target: {type: AverageValue, averageValue: 1}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: n}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}\n  maxReplicas: 3\n  metrics:\n  - {type: Pods, pods: {metric: {name: x_p99}, target: {type: AverageValue, averageValue: 1}}}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nlatency = [{ percentile = 95, below = \"250ms\" }]\n[metrics]\nlatency = \"x\"\n"
        => [],
    an_overlay_that_allows_it: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: n}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}\n  maxReplicas: 3\n  metrics:\n  - {type: Pods, pods: {metric: {name: x_p95}, target: {type: AverageValue, averageValue: \"1\"}}}\n  - {type: Pods, pods: {metric: {name: x_p95}, target: {type: AverageValue, averageValue: \"1.1\"}}}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nlatency = [{ percentile = 95, below = \"250ms\" }]\n[metrics]\nlatency = \"x\"\n[env.dev.targets]\nlatency = [{ percentile = 95, below = \"1s\" }]\n"
        => ["9:91"],
}
