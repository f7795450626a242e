use rustc_hash::FxHashSet;

use crate::rules::prelude::*;

declare_rule! {
    /// An HPA scales on a share of a request that a container does not have.
    ///
    /// ## Why
    /// Utilisation is usage over request, summed over all containers, sidecars included. One container without the
    /// request and the whole metric is an error (`pkg/controller/podautoscaler/replica_calculator.go`): the HPA never
    /// scales up on it, and never scales down on any other (kubernetes/kubernetes#79365). It shows as
    /// `cpu: <unknown>/70%` in `kubectl get hpa`, for months.
    ///
    /// A limit counts as request, and so do the defaults of a LimitRange in the input and, unless the metric names a
    /// container, the resources of the whole pod.
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
    ///       - name: proxy
    ///         image: proxy:3.1
    ///         resources: { requests: { memory: 64Mi }, limits: { memory: 64Mi } }
    /// ---
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   minReplicas: 1
    ///   maxReplicas: 9
    ///   metrics:
    ///   - type: Resource
    ///     resource: { name: cpu, target: { type: Utilization, averageUtilization: 70 } }
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
    ///       - name: proxy
    ///         image: proxy:3.1
    ///         resources: { requests: { cpu: 50m, memory: 64Mi }, limits: { memory: 64Mi } }
    /// ---
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   minReplicas: 1
    ///   maxReplicas: 9
    ///   metrics:
    ///   - type: Resource
    ///     resource: { name: cpu, target: { type: Utilization, averageUtilization: 70 } }
    /// ```
    "scaling/metric-without-request" pub struct MetricWithoutRequest {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the autoscaler and the workload that it scales"),
}

impl Rule for MetricWithoutRequest {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let mut told = FxHashSet::default();
        for hpa in cluster.autoscalers().iter().filter(|autoscaler| !autoscaler.is_keda()) {
            let Some(workload) = cluster.target(hpa) else { continue };
            for of in hpa.metrics.iter().filter_map(|metric| metric.utilization) {
                for container in lacking(cluster, workload, &of) {
                    if told.insert((workload.index, container.place.order(), of.resource)) {
                        report(cx, hpa, workload, container, &of);
                    }
                }
            }
        }
    }
}

/// The containers that keep the metric from being computed.
fn lacking<'c, 'a>(
    cluster: &'c Cluster<'a>,
    workload: &'c Workload<'a>,
    of: &Utilization<'a>,
) -> impl Iterator<Item = &'c Container<'a>> {
    let (resource, one) = (of.resource, of.container.map(|(name, _)| name));
    workload.containers.iter().filter(move |container| match one {
        Some(name) => {
            container.name == name && cluster.lacks_own_request(workload, container, resource)
        }
        None => cluster.lacks_request(workload, container, resource),
    })
}

fn report<'a>(
    cx: &mut Ctx<'_>,
    hpa: &Autoscaler<'a>,
    workload: &Workload<'a>,
    container: &Container<'a>,
    of: &Utilization<'a>,
) {
    let Utilization { resource, percent, .. } = of;
    let message = format!(
        "container `{}` requests no {resource}, HPA `{}` scales on {resource} relative to the request",
        container.name, hpa.name
    );
    let share = percent.map_or("a share".to_owned(), |percent| format!("{percent} %"));
    let (spot, label) = match of.resource_place {
        Some(place) => (place.primary(), format!("target is {share} of the request")),
        None => (hpa.missing("spec"), format!("metrics is unset: {resource} at {share}")),
    };
    let measurable = workload.containers.iter().find(|other| {
        other.name != container.name && cx.cluster.request(workload, other, resource).is_some()
    });
    let set = format!("set `resources.requests.{resource}` of `{}`", container.name);
    let help = match (measurable, of.container) {
        (Some(other), None) => {
            format!("{set}, or measure `{}` alone with a ContainerResource metric", other.name)
        }
        _ => set,
    };
    cx.report(workload, container.place, message)
        .here(format!("no {resource} request, no limit"))
        .label(spot, label)
        .help(help);
}

cases! {
    metrics_unset_is_cpu: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web, image: 'a:1'}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => ["4:46"],
    version_one: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web, image: 'a:1'}]}}}\n---\napiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, name: a}, maxReplicas: 3, targetCPUUtilizationPercentage: 70}\n"
        => ["4:46"],
    averages_need_no_request: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web, image: 'a:1'}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3, metrics: [{type: Resource, resource: {name: cpu, target: {type: AverageValue, averageValue: 500m}}}]}\n"
        => [],
    a_limit_is_a_request: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web, image: 'a:1', resources: {limits: {cpu: 1}}}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => [],
    limit_range: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web, image: 'a:1'}]}}}\n---\napiVersion: v1\nkind: LimitRange\nmetadata: {name: l}\nspec: {limits: [{type: Container, default: {cpu: 1}}]}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => [],
    of_the_pod: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {resources: {requests: {cpu: 1}}, containers: [{name: web, image: 'a:1'}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => [],
    of_the_pod_is_not_of_the_container: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {resources: {requests: {cpu: 1}}, containers: [{name: web, image: 'a:1'}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3, metrics: [{type: ContainerResource, containerResource: {name: cpu, container: web, target: {type: Utilization, averageUtilization: 70}}}]}\n"
        => ["4:79"],
    one_container_only: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web, image: 'a:1', resources: {requests: {cpu: 1}}}, {name: proxy, image: 'p:1'}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3, metrics: [{type: ContainerResource, containerResource: {name: cpu, container: web, target: {type: Utilization, averageUtilization: 70}}}]}\n"
        => [],
    sidecars_count_init_containers_do_not: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n      initContainers:\n      - {name: migrate, image: 'm:1'}\n      - {name: proxy, image: 'p:1', restartPolicy: Always}\n      containers:\n      - {name: web, image: 'a:1', resources: {requests: {cpu: 1}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => ["9:16"],
    two_resources_and_a_repetition: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web, image: 'a:1'}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}\n  maxReplicas: 3\n  metrics:\n  - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}\n  - {type: Resource, resource: {name: memory, target: {type: Utilization, averageUtilization: 70}}}\n  - {type: ContainerResource, containerResource: {name: cpu, container: web, target: {type: Utilization, averageUtilization: 70}}}\n"
        => ["4:46", "4:46"],
    another_namespace: "# file: a.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: x}\nspec: {template: {spec: {containers: [{name: web, image: 'a:1'}]}}}\n# file: b.yaml\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: y}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => [],
    keda_has_a_rule_of_its_own: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web, image: 'a:1'}]}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, triggers: [{type: cpu, metricType: Utilization, metadata: {value: \"70\"}}]}\n"
        => [],
    rollout: "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web, image: 'a:1'}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: a}, maxReplicas: 3}\n"
        => ["4:46"],
    resources_that_are_filled_in_later: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web, resources: '${RESOURCES}'}, {name: b, resources: {requests: '${REQUESTS}'}}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}\n  metrics:\n  - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}\n  - {type: ContainerResource, containerResource: {name: memory, container: web, target: {type: Utilization, averageUtilization: 70}}}\n"
        => [],
}
