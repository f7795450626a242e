use crate::rules::prelude::*;

declare_rule! {
    /// An HPA measures a container that the pods do not have.
    ///
    /// ## Why
    /// The metric is an error at every look (`pkg/controller/podautoscaler/replica_calculator.go`): the HPA never
    /// scales up on it, and the error keeps it from ever scaling down on the others. A container renamed in the
    /// Deployment is enough.
    ///
    /// Names of containers that a mesh or an agent injects are left alone; an init container that ends counts as
    /// missing.
    ///
    /// ## Fix safety
    /// Unsafe: the nearest name is a guess, and another container has another load.
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
    ///   minReplicas: 1
    ///   maxReplicas: 9
    ///   metrics:
    ///   - type: ContainerResource
    ///     containerResource:
    ///       name: cpu
    ///       container: wep # not the proxy
    ///       target: { type: Utilization, averageUtilization: 70 }
    /// ```
    /// ```yaml,fixed
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
    ///   minReplicas: 1
    ///   maxReplicas: 9
    ///   metrics:
    ///   - type: ContainerResource
    ///     containerResource:
    ///       name: cpu
    ///       container: web # not the proxy
    ///       target: { type: Utilization, averageUtilization: 70 }
    /// ```
    "scaling/unknown-metric-container" pub struct UnknownMetricContainer {
        /// Containers that are injected when a pod is made.
        pub injected: Vec<String> = INJECTED.map(str::to_owned).to_vec(),
    }
    severity: Error, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("needs the autoscaler and the workload that it scales"),
}

const INJECTED: [&str; 7] = [
    "istio-proxy",
    "linkerd-proxy",
    "daprd",
    "envoy-sidecar",
    "consul-dataplane",
    "vault-agent",
    "kuma-sidecar",
];

impl Rule for UnknownMetricContainer {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for hpa in cluster.autoscalers().iter().filter(|autoscaler| !autoscaler.is_keda()) {
            let Some(workload) = cluster.target(hpa) else { continue };
            let metrics = hpa.metrics.iter().filter(|metric| metric.kind == "ContainerResource");
            for metric in metrics {
                let container =
                    metric.place.and_then(|place| place.at("containerResource/container"));
                let Some((place, name)) = container.and_then(|it| Some((it, it.string()?))) else {
                    continue;
                };
                let known = workload.containers.iter().any(|container| container.name == name);
                if !known
                    && !workload.containers.is_empty()
                    && !self.injected.iter().any(|it| it == name)
                {
                    report(cx, hpa, workload, place, name);
                }
            }
        }
    }
}

fn report<'a>(
    cx: &mut Ctx<'_>,
    hpa: &Autoscaler<'a>,
    workload: &Workload<'a>,
    place: Place<'a>,
    name: &str,
) {
    let names = || workload.containers.iter().map(|container| container.name);
    let near = nearest(name, names());
    let has = match near {
        Some(near) => format!("`{near}`"),
        None => names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    };
    let ends = workload.init_containers.iter().any(|container| container.name == name);
    let message = if ends {
        format!(
            "container `{name}` of {} ends before the others start; HPA `{}` measures it",
            workload.title(),
            hpa.name
        )
    } else {
        format!("{} has no container `{name}`; it has {has}", workload.title())
    };
    let list = workload.pod.and_then(|pod| pod.get("containers"));
    let help = match near {
        Some(near) => format!("write `container: {near}`"),
        None => format!("name one of its containers: {has}"),
    };
    let report = cx
        .report(hpa, place, message)
        .here("measured here")
        .label_if(list, format!("containers: {}", names().collect::<Vec<_>>().join(", ")))
        .help(help);
    if let Some(near) = near.filter(|_| !ends) {
        report.fix_unsafe(
            format!("set container to `{near}` (unsafe: measures another container)"),
            [edit::set(place, near)],
        );
    }
}

cases! {
    known: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {initContainers: [{name: proxy, restartPolicy: Always}], containers: [{name: web}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}\n  maxReplicas: 3\n  metrics:\n  - {type: ContainerResource, containerResource: {name: cpu, container: web, target: {type: Utilization, averageUtilization: 70}}}\n  - {type: ContainerResource, containerResource: {name: cpu, container: proxy, target: {type: Utilization, averageUtilization: 70}}}\n"
        => [],
    also_for_averages: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web}, {name: cache}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}\n  maxReplicas: 3\n  metrics:\n  - {type: ContainerResource, containerResource: {name: cpu, container: main, target: {type: AverageValue, averageValue: 500m}}}\n"
        => ["13:73"],
    an_init_container_ends: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {initContainers: [{name: init}], containers: [{name: web}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3, metrics: [{type: ContainerResource, containerResource: {name: cpu, container: init, target: {type: Utilization, averageUtilization: 70}}}]}\n"
        => ["9:168"],
    injected: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3, metrics: [{type: ContainerResource, containerResource: {name: cpu, container: istio-proxy, target: {type: Utilization, averageUtilization: 70}}}]}\n"
        => [],
    target_not_in_the_input: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3, metrics: [{type: ContainerResource, containerResource: {name: cpu, container: web, target: {type: Utilization, averageUtilization: 70}}}]}\n"
        => [],
    no_containers_in_a_patch: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {nodeName: x}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3, metrics: [{type: ContainerResource, containerResource: {name: cpu, container: web, target: {type: Utilization, averageUtilization: 70}}}]}\n"
        => [],
}
