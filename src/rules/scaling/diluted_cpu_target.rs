use crate::rules::prelude::*;
use crate::units::plain;

declare_rule! {
    /// A CPU target is a small part of what the limits allow.
    ///
    /// ## Why
    /// Utilisation is relative to the request. With limits of four times the request, a target of 80 % is a fifth of what pods
    /// may use: a metric that was meant as a backstop fires long before the others and rules the fleet. Nothing is broken, so
    /// this is advice.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { cpu: "1", memory: 1Gi } }
    /// ---
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    ///   metrics:
    ///   - type: Resource
    ///     resource: { name: cpu, target: { type: Utilization, averageUtilization: 80 } }
    /// ```
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { cpu: 500m, memory: 1Gi } }
    /// ---
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    ///   metrics:
    ///   - type: Resource
    ///     resource: { name: cpu, target: { type: Utilization, averageUtilization: 80 } }
    /// ```
    "scaling/diluted-cpu-target" pub struct DilutedCpuTarget {}
    severity: Info, fix: FixKind::None, preset: Preset::Strict, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the autoscaler and the workload that it scales"),
}

impl Rule for DilutedCpuTarget {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for autoscaler in cluster.autoscalers() {
            let Some(workload) = cluster.target(autoscaler) else { continue };
            for of in autoscaler.metrics.iter().filter_map(|metric| metric.utilization) {
                let Some(percent) = of.percent.filter(|it| (1..=80).contains(it)) else { continue };
                let Some((requests, limits)) =
                    cluster.measured_sums(workload, &of).filter(|_| of.resource == "cpu")
                else {
                    continue;
                };
                let Some(factor) = limits.checked_div(requests).filter(|it| *it > Decimal::from(3))
                else {
                    continue;
                };
                let share = (Decimal::from(percent) / factor).round_dp(1).normalize();
                let message = format!(
                    "{} `{}` scales at {} % of the cpu limit, which is {} × the request",
                    autoscaler.word(),
                    autoscaler.name,
                    plain(share),
                    plain(factor.round_dp(1).normalize())
                );
                let spot =
                    of.percent_place.map_or_else(|| autoscaler.missing("spec"), Place::primary);
                cx.report(autoscaler, spot, message)
                    .here(format!("{percent} % of the request"))
                    .help("raise the cpu request to what a busy pod uses, or raise the target");
            }
        }
    }
}

cases! {
    three_times_is_fine: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: w, resources: {requests: {cpu: 1}, limits: {cpu: 3}}}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}}\n"
        => [],
}
