use crate::rules::prelude::*;
use crate::units::plain;

declare_rule! {
    /// A CPU target leaves no room for the load that comes while pods start.
    ///
    /// ## Why
    /// The HPA scales up once usage exceeds the target; until new pods are ready, those that run take all the load. With a
    /// target of 90 % a tenth is left for that time, and the tolerance of 10 % eats it. Where limits equal requests, no pod
    /// can burst above its request, so 80 % is the most that works.
    ///
    /// ```yaml,bad
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    ///   metrics:
    ///   - type: Resource
    ///     resource: { name: cpu, target: { type: Utilization, averageUtilization: 90 } }
    /// ```
    /// ```yaml,good
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    ///   metrics:
    ///   - type: Resource
    ///     resource: { name: cpu, target: { type: Utilization, averageUtilization: 70 } }
    /// ```
    "scaling/target-without-headroom" pub struct TargetWithoutHeadroom {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the autoscaler and the workload that it scales"),
}

/// From this target on, in per cent, a warning whatever the limits are.
const FULL: i64 = 90;
/// Above this target, in per cent, a warning where limits equal requests.
const FULL_WITHOUT_BURST: i64 = 80;

impl Rule for TargetWithoutHeadroom {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for autoscaler in cluster.autoscalers() {
            for of in autoscaler.metrics.iter().filter_map(|metric| metric.utilization) {
                let (Some(percent), Some(place)) = (of.percent, of.percent_place) else { continue };
                if of.resource != "cpu" || percent <= FULL_WITHOUT_BURST {
                    continue;
                }
                let sums = cluster.target(autoscaler).and_then(|it| cluster.measured_sums(it, &of));
                let capped = sums.filter(|(requests, limits)| requests == limits);
                if percent < FULL && capped.is_none() {
                    continue;
                }
                let (word, name) = (autoscaler.word(), autoscaler.name);
                let message = match capped {
                    Some((requests, _)) => format!(
                        "{word} `{name}` waits for {percent} % cpu, and the limit equals the request, {} cores",
                        plain(requests)
                    ),
                    None => format!(
                        "{word} `{name}` waits for {percent} % cpu, which leaves {} % until new pods are ready",
                        (100 - percent).max(0)
                    ),
                };
                let key = place.key().unwrap_or("averageUtilization");
                cx.report(autoscaler, place, message)
                    .here("pods are full before others start")
                    .help(format!("lower `{key}` to {FULL_WITHOUT_BURST} or less"));
            }
        }
    }
}

cases! {
    v1: "apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {maxReplicas: 3, targetCPUUtilizationPercentage: 95}\n"
        => ["4:56"],
    just_below: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {maxReplicas: 3, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 89}}}]}\n"
        => [],
    memory_is_no_cpu: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {maxReplicas: 3, metrics: [{type: Resource, resource: {name: memory, target: {type: Utilization, averageUtilization: 95}}}]}\n"
        => [],
    limits_equal_requests: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: w, resources: {requests: {cpu: 1}, limits: {cpu: 1000m}}}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, metrics: [{type: Resource, resource: {name: cpu, target: {averageUtilization: 81}}}]}\n"
        => ["9:168"],
    limits_allow_bursts: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: w, resources: {requests: {cpu: 1}, limits: {cpu: 2}}}, {name: p, resources: {limits: {cpu: 1}}}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, metrics: [{type: Resource, resource: {name: cpu, target: {averageUtilization: 85}}}]}\n"
        => [],
    of_one_container: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: w, resources: {requests: {cpu: 1}, limits: {cpu: 2}}}, {name: p, resources: {limits: {cpu: 1}}}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, metrics: [{type: ContainerResource, containerResource: {name: cpu, container: p, target: {averageUtilization: 85}}}]}\n"
        => ["9:200"],
    keda: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {triggers: [{type: cpu, metricType: Utilization, metadata: {value: '92'}}, {type: cpu, metricType: AverageValue, metadata: {value: '95'}}]}\n"
        => ["4:74"],
}
