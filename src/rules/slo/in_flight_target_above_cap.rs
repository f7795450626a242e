use crate::rules::indicator::Reader;
use crate::rules::prelude::*;
use crate::units::{plain, quantity};
use crate::yaml::Place;

declare_rule! {
    /// A fleet scales at more requests in flight than one pod ever has.
    ///
    /// ## Why
    /// A process that takes at most `*MAX_CONCURRENCY` requests at once queues or refuses the rest, so its gauge of
    /// requests in flight stops at that cap. The HPA acts only above its target plus 10 %
    /// (pkg/controller/podautoscaler/replica_calculator.go): a target above 0.9 times the cap is never exceeded, however
    /// long the queue grows.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop, namespace: prod }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: shop
    ///         image: shop:1.2
    ///         env: [{ name: SHOP_MAX_CONCURRENCY, value: "16" }]
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
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
    ///       metric: { name: http_requests_in_flight }
    ///       target: { type: AverageValue, averageValue: 16 }
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop, namespace: prod }
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: { matchLabels: { app: shop } }
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "prod"
    /// image = "shop:1.2"
    /// [targets]
    /// in_flight = { per_pod = 10 }
    /// ```
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop, namespace: prod }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: shop
    ///         image: shop:1.2
    ///         env: [{ name: SHOP_MAX_CONCURRENCY, value: "16" }]
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
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
    ///       metric: { name: http_requests_in_flight }
    ///       target: { type: AverageValue, averageValue: 10 }
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop, namespace: prod }
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: { matchLabels: { app: shop } }
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "prod"
    /// image = "shop:1.2"
    /// [targets]
    /// in_flight = { per_pod = 10 }
    /// ```
    "slo/in-flight-target-above-cap" pub struct InFlightTargetAboveCap {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("needs the workload that is scaled, and the slo.toml of the service"),
}

impl Rule for InFlightTargetAboveCap {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let triggers = crate::rules::expressions::triggers_of(cluster);
        for autoscaler in cluster.autoscalers().iter().filter(|it| it.slo.is_some()) {
            let Some(workload) = cluster.target(autoscaler) else { continue };
            let described = cluster.described(workload);
            let Some(declared) = described.first().copied() else { continue };
            let Some(container) = cluster.main_container(workload, &declared.name) else {
                continue;
            };
            let caps: Vec<_> = caps(container).collect();
            if caps.is_empty() {
                continue;
            }
            let of_keda = triggers.get(&autoscaler.index).into_iter().flatten();
            let of_hpa = autoscaler.metrics.iter().filter_map(|metric| {
                hpa_target(metric.place?, metric.kind, &declared.series.in_flight)
            });
            let targets = of_hpa.chain(of_keda.filter_map(|it| keda_target(cluster, it)));
            for target in targets {
                let Some(value) = target.text().and_then(|text| quantity(text.trim())) else {
                    continue;
                };
                // The lowest cap is what the gauge stops at.
                let Some((name, cap, place)) = caps.iter().min_by_key(|(_, cap, _)| *cap) else {
                    continue;
                };
                let most = Decimal::from(*cap) * Decimal::new(9, 1);
                if value <= most {
                    continue;
                }
                let message = format!(
                    "{} `{}` waits for {} requests in flight per pod, `{name}` caps them at {cap}: it never scales on them",
                    autoscaler.word(),
                    autoscaler.name,
                    plain(value)
                );
                let wanted = declared.in_flight.as_ref();
                let help = match wanted.filter(|wanted| wanted.value <= most) {
                    Some(wanted) => format!("write {}, as slo.toml says", plain(wanted.value)),
                    None => format!("write at most {}, or raise the cap", plain(most)),
                };
                cx.report(autoscaler, target, message)
                    .here(format!("above 0.9 × {cap}"))
                    .label(*place, "the gauge stops here")
                    .label_if(wanted.map(|it| it.span), "the target in slo.toml")
                    .help(help);
            }
        }
    }
}

/// What caps the requests that a container takes at once.
fn caps<'a>(container: &Container<'a>) -> impl Iterator<Item = (&'a str, u32, Place<'a>)> {
    container.place.list("env").filter_map(|variable| {
        let name = variable.text_of("name").filter(|name| name.ends_with("MAX_CONCURRENCY"))?;
        let value = variable.get("value")?;
        Some((name, value.text()?.trim().parse().ok()?, value))
    })
}

/// The mean per pod at which an HPA scales on the gauge.
fn hpa_target<'a>(metric: Place<'a>, kind: &str, gauge: &str) -> Option<Place<'a>> {
    let source = metric.get("pods").filter(|_| kind == "Pods")?;
    let name = source.at("metric/name").or_else(|| source.get("metricName"))?;
    let target = source.at("target/averageValue").or_else(|| source.get("targetAverageValue"));
    target.filter(|_| name.text() == Some(gauge))
}

/// The share of one pod at which a KEDA trigger scales that adds up the gauge.
fn keda_target<'a>(cluster: &Cluster<'a>, carrier: &Carrier<'a>) -> Option<Place<'a>> {
    let Role::Trigger { trigger, .. } = carrier.role else { return None };
    if trigger.text_of("metricType").is_some_and(|it| it != "AverageValue")
        || carrier.object.at("spec/advanced/scalingModifiers/formula").is_some()
    {
        return None;
    }
    let tree = carrier.query()?.tree();
    let reader = Reader::new(cluster, carrier)?;
    let sum = crate::rules::expressions::outermost(tree).filter(|it| it.word == "sum")?;
    let series = sum.node.selectors();
    let only_gauges = !series.is_empty() && series.iter().all(|it| reader.is_in_flight(it));
    // Multiplied or divided, it counts something else.
    let mut is_changed = false;
    tree.walk(&mut |node, _| {
        is_changed |= matches!(&node.kind, crate::query::Kind::Binary { op, .. }
            if matches!(op.as_str(), "*" | "/" | "+" | "-" | "%" | "^"));
    });
    trigger.at("metadata/threshold").filter(|_| only_gauges && !is_changed)
}

cases! {
    keda: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: n}\nspec: {template: {spec: {containers: [{name: a, env: [{name: MAX_CONCURRENCY, value: \"10\"}]}]}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a, namespace: n}\nspec:\n  scaleTargetRef: {name: a}\n  triggers:\n  - {type: prometheus, metadata: {query: 'sum(avg_over_time(g{job=\"a\"}[1m])) or vector(0)', threshold: \"9.5\"}}\n  - {type: prometheus, metadata: {query: 'sum(g) / 2', threshold: \"9.5\"}}\n  - {type: prometheus, metricType: Value, metadata: {query: 'sum(g)', threshold: \"95\"}}\n  - {type: prometheus, metadata: {query: 'sum(other)', threshold: \"95\"}}\n  - {type: prometheus, metadata: {query: 'sum(g)', threshold: \"9\"}}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nin_flight = { per_pod = 9 }\n[metrics]\nin_flight = \"g\"\n"
        => ["12:104"],
    unknown_or_another: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: n}\nspec:\n  template:\n    spec:\n      containers:\n      - {name: proxy, env: [{name: MAX_CONCURRENCY, value: \"2\"}]}\n      - name: a\n        env:\n        - {name: A_MAX_CONCURRENCY, valueFrom: {fieldRef: {fieldPath: metadata.name}}}\n        - {name: B_MAX_CONCURRENCY, value: '{{ .Values.cap }}'}\n        - {name: MAX_CONCURRENCY_PER_USER, value: \"1\"}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: n}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}\n  maxReplicas: 3\n  metrics:\n  - {type: Pods, pods: {metric: {name: g}, target: {type: AverageValue, averageValue: 16}}}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nin_flight = { per_pod = 9 }\n[metrics]\nin_flight = \"g\"\n"
        => [],
    at_the_most: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: n}\nspec: {template: {spec: {containers: [{name: a, env: [{name: MAX_CONCURRENCY, value: \"10\"}, {name: B_MAX_CONCURRENCY, value: \"20\"}]}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: n}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}\n  maxReplicas: 3\n  metrics:\n  - {type: Pods, pods: {metric: {name: g}, target: {type: AverageValue, averageValue: 9}}}\n  - {type: Pods, pods: {metric: {name: g}, target: {type: AverageValue, averageValue: 9001m}}}\n  - {type: Pods, pods: {metric: {name: h}, target: {type: AverageValue, averageValue: 90}}}\n  - {type: Pods, pods: {metric: {name: g}, target: {type: AverageValue, averageValue: '${N}'}}}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[metrics]\nin_flight = \"g\"\n"
        => ["14:87"],
    of_another_workload: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b, namespace: n}\nspec: {template: {spec: {containers: [{name: a, env: [{name: MAX_CONCURRENCY, value: \"10\"}]}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: b, namespace: n}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: b}\n  maxReplicas: 3\n  metrics:\n  - {type: Pods, pods: {metric: {name: http_requests_in_flight}, target: {type: AverageValue, averageValue: 19}}}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n"
        => [],
}
