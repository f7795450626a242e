use rustc_hash::FxHashSet;

use crate::query::MatchOp;
use crate::rules::expressions::Wanted;
use crate::rules::prelude::*;
use crate::rules::watched;

declare_rule! {
    /// No alert tells when an autoscaler has reached its most replicas.
    ///
    /// ## Why
    /// At its maximum an autoscaler is out of means: from there on more load is more latency, and the next alert is
    /// that of the users. A ticket while the fleet is at its maximum comes before that (kube-prometheus:
    /// `KubeHpaMaxedOut`). Only workloads that other rules of the input watch are asked for one.
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
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   minReplicas: 2
    ///   maxReplicas: 10
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop }
    /// spec: { selector: { matchLabels: { app: shop } }, maxUnavailable: 1 }
    /// ---
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ShopErrors
    ///       expr: sum(rate(http_errors_total{job="shop"}[5m])) > 1
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
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   minReplicas: 2
    ///   maxReplicas: 10
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop }
    /// spec: { selector: { matchLabels: { app: shop } }, maxUnavailable: 1 }
    /// ---
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ShopErrors
    ///       expr: sum(rate(http_errors_total{job="shop"}[5m])) > 1
    ///     - alert: ShopAtMaxReplicas
    ///       expr: |
    ///         kube_horizontalpodautoscaler_status_current_replicas{horizontalpodautoscaler="shop"}
    ///           == kube_horizontalpodautoscaler_spec_max_replicas{horizontalpodautoscaler="shop"}
    ///       for: 15m
    /// ```
    "alerts/missing-capacity-alert" pub struct MissingCapacityAlert {}
    severity: Info, fix: FixKind::None, preset: Preset::Strict, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("reads PromQL, which CEL cannot, and needs all rules there are"),
}

impl Rule for MissingCapacityAlert {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        // The alert may be in files that are not given.
        if cluster.is_partial() || cluster.autoscalers().is_empty() {
            return;
        }
        let (mut watched, mut alerts) = (FxHashSet::default(), Alerts::default());
        for carrier in cluster.carriers() {
            let is_alert = matches!(carrier.role, Role::Alert { .. });
            if !is_alert && !matches!(carrier.role, Role::Record { .. }) {
                continue;
            }
            let Some(query) = carrier.query() else { continue };
            for selector in query.tree().selectors() {
                if is_alert && selector.name().is_some_and(|(name, _)| name.contains("replicas")) {
                    alerts.add(&selector);
                    continue;
                }
                let found = watched::workloads(cluster, carrier, &selector);
                watched.extend(found.into_iter().map(|workload| workload.index));
            }
        }
        for autoscaler in cluster.autoscalers() {
            let Some(workload) = cluster.target(autoscaler) else { continue };
            if !watched.contains(&workload.index) || alerts.cover(autoscaler, workload) {
                continue;
            }
            let spot =
                autoscaler.max.place.map_or_else(|| autoscaler.object.spot(), Place::primary);
            let message = format!(
                "no alert in the input tells when `{}` is at its {} replicas",
                workload.name, autoscaler.max.value
            );
            cx.report(autoscaler, spot, message).here("reached unseen").help(format!(
                "alert on `kube_horizontalpodautoscaler_status_current_replicas == \
                 kube_horizontalpodautoscaler_spec_max_replicas` of `{}`",
                hpa_name(autoscaler)
            ));
        }
    }
}

/// Which autoscalers and workloads alerts on replicas look at.
#[derive(Default)]
struct Alerts<'q> {
    /// The names that are asked for.
    names: FxHashSet<&'q str>,
    /// Those that ask for a pattern, or for all.
    others: Vec<Wanted<'q>>,
}

/// Labels of kube-state-metrics' series that name an autoscaler or what it scales.
const NAMES: [&str; 7] = [
    "horizontalpodautoscaler",
    "hpa",
    "scaledobject",
    "scaledObject",
    "deployment",
    "statefulset",
    "replicaset",
];

impl<'q> Alerts<'q> {
    fn add(&mut self, selector: &crate::query::Selector<'q>) {
        let exact = selector.matchers.iter().find(|matcher| {
            matcher.op == MatchOp::Equal && NAMES.contains(&matcher.label.as_str())
        });
        match exact {
            Some(matcher) => {
                self.names.insert(&matcher.value);
            }
            None => self.others.push(Wanted::of(selector)),
        }
    }

    fn cover(&self, autoscaler: &Autoscaler<'_>, workload: &Workload<'_>) -> bool {
        let hpa = hpa_name(autoscaler);
        let names = [hpa.as_str(), autoscaler.name, workload.name];
        names.iter().any(|name| self.names.contains(name))
            || self.others.iter().any(|wanted| {
                NAMES.iter().all(|label| names.iter().any(|name| wanted.admits(label, name)))
                    && autoscaler.namespace.is_none_or(|name| wanted.admits("namespace", name))
            })
    }
}

/// The name of the HPA: of a ScaledObject that which KEDA makes.
fn hpa_name(autoscaler: &Autoscaler<'_>) -> String {
    if !autoscaler.is_keda() {
        return autoscaler.name.to_owned();
    }
    let own = autoscaler.at("spec/advanced/horizontalPodAutoscalerConfig/name");
    own.and_then(Place::text).map_or_else(|| format!("keda-hpa-{}", autoscaler.name), str::to_owned)
}

cases! {
    keda: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: []}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: b}\nspec: {scaleTargetRef: {name: a}, minReplicaCount: 1, triggers: [{type: kafka}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'x{job=\"a\"} > 1'}, {alert: B, expr: 'kube_horizontalpodautoscaler_status_current_replicas{horizontalpodautoscaler=\"keda-hpa-c\"} >= 9'}]}]}\n"
        => ["8:18"],
    keda_covered: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: []}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: b}\nspec: {scaleTargetRef: {name: a}, minReplicaCount: 1, triggers: [{type: kafka}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'x{job=\"a\"} > 1'}, {alert: B, expr: 'kube_horizontalpodautoscaler_status_current_replicas{horizontalpodautoscaler=\"keda-hpa-b\"} >= 9'}]}]}\n"
        => [],
    one_alert_for_all: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: []}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 9}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'x{job=\"a\"} > 1'}, {alert: KubeHpaMaxedOut, expr: 'kube_horizontalpodautoscaler_status_current_replicas{job=\"kube-state-metrics\"} == kube_horizontalpodautoscaler_spec_max_replicas{job=\"kube-state-metrics\"}'}]}]}\n"
        => [],
    nobody_watches_it: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: []}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 9}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'x{job=\"b\"} > 1'}]}]}\n"
        => [],
}
