use rustc_hash::FxHashMap;

use crate::rules::prelude::*;

declare_rule! {
    /// A mesh injects a container into pods whose average use is the metric.
    ///
    /// ## Why
    /// A `Resource` metric is the sum over all containers of a pod, relative to the sum of their requests. The injected proxy
    /// has no request, so that the metric errors, or has one and dilutes the average: the application may be saturated
    /// while the pod looks half idle (linkerd/linkerd2#1480, dapr/dapr#7813). `ContainerResource` measures one container.
    ///
    /// ## Fix safety
    /// Unsafe: the target means something else for one container than for the pod. `ContainerResource` needs Kubernetes 1.27.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata:
    ///       labels: { app: shop }
    ///       annotations: { linkerd.io/inject: enabled }
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
    ///   maxReplicas: 9
    ///   metrics:
    ///   - type: Resource
    ///     resource:
    ///       name: cpu
    ///       target: { type: Utilization, averageUtilization: 70 }
    /// ```
    /// ```yaml,fixed
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata:
    ///       labels: { app: shop }
    ///       annotations: { linkerd.io/inject: enabled }
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
    ///   maxReplicas: 9
    ///   metrics:
    ///   - type: ContainerResource
    ///     containerResource:
    ///       name: cpu
    ///       target: { type: Utilization, averageUtilization: 70 }
    ///       container: web
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
    ///   maxReplicas: 9
    ///   metrics:
    ///   - type: ContainerResource
    ///     containerResource:
    ///       name: cpu
    ///       container: web
    ///       target: { type: Utilization, averageUtilization: 70 }
    /// ```
    "scaling/sidecar-in-pod-metric" pub struct SidecarInPodMetric {}
    severity: Warning, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the autoscaler and the workload that it scales"),
}

impl Rule for SidecarInPodMetric {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let namespaces: FxHashMap<_, _> =
            cluster.of_kind(Kind::Namespace).map(|it| (it.name, it)).collect();
        for autoscaler in cluster.autoscalers() {
            let pod_wide = |metric: &&Metric<'_>| {
                metric.utilization.is_some_and(|of| of.container.is_none())
                    && metric.kind != "ContainerResource"
            };
            let metrics: Vec<_> = autoscaler.metrics.iter().filter(pod_wide).collect();
            if metrics.is_empty() {
                continue;
            }
            let Some(workload) = cluster.target(autoscaler) else { continue };
            let namespace = workload.namespace.and_then(|name| namespaces.get(name)).copied();
            let Some((mesh, injects)) = injection(workload, namespace) else { continue };
            for metric in metrics {
                report(cx, autoscaler, workload, metric, mesh, injects);
            }
        }
    }
}

fn report<'a>(
    cx: &mut Ctx<'_>,
    autoscaler: &Autoscaler<'a>,
    workload: &Workload<'a>,
    metric: &Metric<'a>,
    mesh: &str,
    injects: Place<'a>,
) {
    let Some(of) = metric.utilization else { return };
    let spot = of.resource_place.map_or_else(|| autoscaler.missing("spec/metrics"), Place::primary);
    let (word, name, resource) = (autoscaler.word(), autoscaler.name, of.resource);
    let message = format!(
        "{word} `{name}` averages {resource} over the pods of `{}`, the injected {mesh} proxy included",
        workload.name
    );
    let main = main_container(workload);
    let wanted = main.unwrap_or("NAME");
    let help = if autoscaler.is_keda() {
        format!("set `containerName: {wanted}` in the trigger's `metadata`")
    } else {
        format!("measure one container: `type: ContainerResource` with `container: {wanted}`")
    };
    let report = cx
        .report(autoscaler, spot, message)
        .here("of all containers of a pod")
        .label(injects, format!("{mesh} injects one here"))
        .help(help);
    let Some((main, place)) = main.zip(metric.place) else { return };
    let title = format!("measure `{main}` alone (unsafe: the target then means something else)");
    let ops = if autoscaler.is_keda() {
        place.get("metadata").map(|metadata| vec![edit::insert(metadata, "containerName", main)])
    } else {
        let source = place.get("resource").filter(|_| autoscaler.version == "v2");
        place.get("type").zip(source).map(|(kind, source)| {
            vec![
                edit::set(kind, "ContainerResource"),
                edit::insert(source, "container", main),
                edit::rename(source, "containerResource"),
            ]
        })
    };
    if let Some(ops) = ops {
        report.fix_unsafe(title, ops);
    }
}

/// The container that does the work: the only one, or the one that the pod names as its default.
fn main_container<'a>(workload: &Workload<'a>) -> Option<&'a str> {
    let annotated = workload.template.at("metadata/annotations");
    let default = annotated.and_then(|it| it.text_of("kubectl.kubernetes.io/default-container"));
    let mut own = workload.containers.iter().filter(|container| !container.init);
    let first = own.next()?.name;
    let only = own.next().is_none().then_some(first).filter(|name| !name.is_empty());
    let names = |name: &&str| workload.containers.iter().any(|it| it.name == *name);
    default.filter(names).or(only)
}

/// The mesh that injects a container, and where that is said.
fn injection<'a>(
    workload: &Workload<'a>,
    namespace: Option<&Object<'a>>,
) -> Option<(&'static str, Place<'a>)> {
    let find = |root: Place<'a>, key: &str| {
        let maps = ["metadata/labels", "metadata/annotations"];
        maps.into_iter().find_map(|map| root.at(map)?.get(key))
    };
    let of_pod = |key| find(workload.template, key);
    let of_namespace = |key| namespace.and_then(|namespace| find(namespace.root, key));
    let is =
        |place: Place<'a>, values: &[&str]| place.text().is_some_and(|text| values.contains(&text));
    let istio = match of_pod("sidecar.istio.io/inject") {
        Some(place) => Some(place).filter(|place| is(*place, &["true"])),
        None => of_namespace("istio-injection")
            .filter(|place| is(*place, &["enabled"]))
            .or_else(|| of_pod("istio.io/rev"))
            .or_else(|| of_namespace("istio.io/rev"))
            .filter(|_| !of_namespace("istio-injection").is_some_and(|it| is(it, &["disabled"]))),
    };
    let linkerd = of_pod("linkerd.io/inject").or_else(|| of_namespace("linkerd.io/inject"));
    let linkerd = linkerd.filter(|place| is(*place, &["enabled", "ingress"]));
    let dapr = of_pod("dapr.io/enabled").filter(|place| is(*place, &["true"]));
    let found = [("Istio", istio), ("Linkerd", linkerd), ("Dapr", dapr)];
    found.into_iter().find_map(|(mesh, place)| Some((mesh, place?)))
}

cases! {
    by_namespace: "apiVersion: v1\nkind: Namespace\nmetadata: {name: n, labels: {istio-injection: enabled}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: n}\nspec: {template: {spec: {containers: [{name: w}, {name: v}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: n}\nspec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}}\n"
        => ["13:1"],
    pod_opts_out: "apiVersion: v1\nkind: Namespace\nmetadata: {name: n, labels: {istio-injection: enabled}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: n}\nspec: {template: {metadata: {labels: {sidecar.istio.io/inject: \"false\"}}, spec: {containers: [{name: w}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: n}\nspec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}}\n"
        => [],
    keda: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {annotations: {dapr.io/enabled: \"true\"}}, spec: {containers: [{name: w}]}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, triggers: [{type: cpu, metricType: Utilization, metadata: {value: '60'}}, {type: memory, metricType: AverageValue}, {type: memory, metricType: Utilization, metadata: {value: '60'}}, {type: cpu, metricType: Utilization, metadata: {containerName: w}}]}\n"
        => ["9:53", "9:158"],
}
