use crate::rules::prelude::*;

declare_rule! {
    /// A trigger measures what a container does not request.
    ///
    /// ## Why
    /// Utilisation is a share of the request: without one there is nothing to divide by, and the HPA's metric
    /// errors. KEDA's webhook refuses the ScaledObject (`verifyCPUMemoryScalers` in `scaledobject_webhook.go`), but
    /// not on a dry run, so the pipeline is green and the rollout is not. A `containerName` that no container has
    /// passes the webhook, and the metric errors for good.
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
    ///         resources: { requests: { memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 1
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: cpu
    ///     metricType: Utilization
    ///     metadata: { value: "60" }
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
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   minReplicaCount: 1
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: cpu
    ///     metricType: Utilization
    ///     metadata: { value: "60", containerName: web }
    /// ```
    "keda/trigger-without-request" pub struct TriggerWithoutRequest {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("needs the autoscaler and the workload that it scales"),
}

impl Rule for TriggerWithoutRequest {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for scaled in cluster.autoscalers().iter().filter(|it| it.is_keda()) {
            let Some(workload) = cluster.target(scaled).filter(|it| !it.containers.is_empty())
            else {
                continue;
            };
            let triggers: Vec<_> = scaled.metrics.iter().filter_map(Usage::read).collect();
            for trigger in &triggers {
                check_name(cx, scaled, workload, trigger);
            }
            for container in &workload.containers {
                check_requests(cx, scaled, workload, container, &triggers);
            }
        }
    }
}

/// A trigger on cpu or memory.
struct Usage<'a> {
    kind: Place<'a>,
    resource: &'a str,
    container: Option<(&'a str, Place<'a>)>,
    /// Relative to requests; KEDA's webhook wants requests for absolute values too, of the main containers.
    relative: bool,
}

impl<'a> Usage<'a> {
    fn read(metric: &Metric<'a>) -> Option<Self> {
        let place = metric.place.filter(|_| matches!(metric.kind, "cpu" | "memory"))?;
        let name = place.at("metadata/containerName");
        Some(Self {
            kind: place.get("type")?,
            resource: metric.kind,
            container: name
                .and_then(|name| Some((name.text()?, name)))
                .filter(|it| !it.0.is_empty()),
            relative: metric.utilization.is_some(),
        })
    }

    fn measures(&self, container: &Container<'_>) -> bool {
        self.container.is_none_or(|(name, _)| name == container.name)
            && (self.relative || !container.init)
    }
}

fn check_name<'a>(
    cx: &mut Ctx<'a>,
    scaled: &Autoscaler<'a>,
    workload: &Workload<'a>,
    trigger: &Usage<'a>,
) {
    let Some((name, place)) = trigger.container else { return };
    let names = || workload.containers.iter().map(|container| container.name);
    // What the application's chart or an injector fills in is not known here.
    if names().any(|known| known == name) || name.contains("{{") {
        return;
    }
    let known: Vec<_> = names().map(|name| format!("`{name}`")).collect();
    let message =
        format!("`{}` has no container `{name}`; it has {}", workload.name, known.join(", "));
    let help = match nearest(name, names()) {
        Some(near) => format!("write `containerName: {near}`"),
        None => "write the name of a container that stays, or remove `containerName`".to_owned(),
    };
    cx.report(scaled, place, message)
        .here("no such container")
        .label(workload.spot(), "this workload is scaled")
        .help(help);
}

fn check_requests<'a>(
    cx: &mut Ctx<'a>,
    scaled: &Autoscaler<'a>,
    workload: &Workload<'a>,
    container: &Container<'a>,
    triggers: &[Usage<'a>],
) {
    let cluster = cx.cluster;
    let unmet = |trigger: &&Usage<'a>| {
        trigger.measures(container) && cluster.lacks_request(workload, container, trigger.resource)
    };
    let unmet: Vec<_> = triggers.iter().filter(unmet).collect();
    let mut resources: Vec<_> = unmet.iter().map(|trigger| trigger.resource).collect();
    resources.sort_unstable();
    resources.dedup();
    if resources.is_empty() {
        return;
    }
    let missing: Vec<_> = resources.iter().map(|resource| format!("no {resource}")).collect();
    let message = format!(
        "container `{}` requests {}, which ScaledObject `{}` scales on",
        container.name,
        missing.join(" and "),
        scaled.name
    );
    let keys: Vec<_> =
        resources.iter().map(|resource| format!("`resources.requests.{resource}`")).collect();
    let mut report = cx.report(workload, container.place, message).here("nothing to divide by");
    for trigger in unmet {
        report = report.label(trigger.kind, format!("needs the {} request", trigger.resource));
    }
    report.help(format!("set {} of `{}`", keys.join(" and "), container.name));
}

cases! {
    absolute_values_too: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web}]}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  scaleTargetRef: {name: a}\n  triggers: [{type: memory, metricType: AverageValue, metadata: {value: 1Gi}}]\n"
        => ["4:46"],
    both_resources_at_once: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web}]}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  scaleTargetRef: {name: a}\n  triggers: [{type: memory, metricType: Utilization}, {type: cpu, metricType: Utilization}]\n"
        => ["4:46"],
    each_container: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n      initContainers: [{name: proxy, restartPolicy: Always}, {name: setup}]\n      containers:\n      - {name: web, resources: {requests: {cpu: 1}}}\n      - {name: log}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  scaleTargetRef: {name: a, kind: StatefulSet}\n  triggers: [{type: cpu, metricType: Utilization}]\n"
        => ["7:31", "10:16"],
    a_named_container: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web, resources: {limits: {cpu: 1}}}, {name: log}]}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  scaleTargetRef: {name: a}\n  triggers: [{type: cpu, metricType: Utilization, metadata: {containerName: web}}]\n"
        => [],
    an_unknown_container: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web}]}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  scaleTargetRef: {name: a}\n  triggers:\n  - type: cpu\n    metricType: Utilization\n    metadata:\n      containerName: wep\n"
        => ["15:22"],
    limit_range: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web}]}}}\n---\napiVersion: v1\nkind: LimitRange\nmetadata: {name: l}\nspec: {limits: [{type: Container, default: {cpu: 1}}]}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, triggers: [{type: cpu, metricType: Utilization}]}\n"
        => [],
    pod_level: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {resources: {requests: {cpu: 1}}, containers: [{name: web}]}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, triggers: [{type: cpu, metricType: Utilization}]}\n"
        => [],
    other_triggers: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web}]}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, triggers: [{type: kafka}]}\n"
        => [],
    target_not_in_the_input: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, triggers: [{type: cpu, metricType: Utilization}]}\n"
        => [],
    argo_rollout: "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web}]}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: a}, triggers: [{type: cpu, metricType: Utilization}]}\n"
        => ["4:46"],
}
