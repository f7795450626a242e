use crate::rules::prelude::*;
use crate::units::plain;

declare_rule! {
    /// A utilisation target lies above what the limits let through.
    ///
    /// ## Why
    /// The HPA scales up once usage exceeds target × 1.1, the tolerance included. Where the limits cap usage below
    /// that, pods are throttled or killed for memory at full load and the fleet stays as it is
    /// (kubernetes/kubernetes#18291). With limits equal to requests, everything from 91 % on is out of reach.
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
    ///         resources: { requests: { cpu: 500m, memory: 1Gi }, limits: { memory: 1Gi } }
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
    ///   - type: Resource
    ///     resource: { name: memory, target: { type: Utilization, averageUtilization: 95 } }
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
    ///         resources: { requests: { cpu: 500m, memory: 1Gi }, limits: { memory: 1Gi } }
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
    ///   - type: Resource
    ///     resource: { name: memory, target: { type: Utilization, averageUtilization: 80 } }
    /// ```
    "scaling/unreachable-target" pub struct UnreachableTarget {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("needs the autoscaler and the workload that it scales"),
}

impl Rule for UnreachableTarget {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for autoscaler in cluster.autoscalers() {
            let Some(workload) = cluster.target(autoscaler) else { continue };
            for of in autoscaler.metrics.iter().filter_map(|metric| metric.utilization) {
                let factor = Decimal::ONE + tolerance(cluster, autoscaler);
                if let Some(percent) = of.percent.filter(|percent| *percent > 0)
                    && let Some(budget) = Budget::of(cluster, workload, &of)
                    && let Some(sums) = budget.sums(Decimal::from(percent), factor)
                    && sums.cap <= sums.needed
                {
                    report(cx, autoscaler, &of, percent, factor, &budget, &sums);
                }
            }
        }
    }
}

/// The tolerance that the cluster's version knows how to configure.
fn tolerance(cluster: &Cluster<'_>, autoscaler: &Autoscaler<'_>) -> Decimal {
    if cluster.settings.kubernetes.is_some_and(|version| version < (1, 33)) {
        Decimal::new(1, 1)
    } else {
        autoscaler.tolerance()
    }
}

/// What counts for the metric: requests with the limits above them.
struct Budget<'a> {
    pairs: Vec<(Amount<'a>, Amount<'a>)>,
}

struct Sums {
    /// The largest usage, in per cent of the request.
    cap: Decimal,
    /// The usage above which it scales, in per cent of the request.
    needed: Decimal,
    /// The limit that is just too low, in cores or bytes.
    limit: Decimal,
}

impl<'a> Budget<'a> {
    /// `None` unless everything that counts has a request and a limit.
    fn of(cluster: &Cluster<'a>, workload: &Workload<'a>, of: &Utilization<'a>) -> Option<Self> {
        cluster.measured(workload, of).map(|pairs| Self { pairs })
    }

    fn sums(&self, percent: Decimal, factor: Decimal) -> Option<Sums> {
        let (mut requests, mut limits) = (Decimal::ZERO, Decimal::ZERO);
        for (request, limit) in &self.pairs {
            let (request, limit) = (request.value?, limit.value?);
            // A limit below its request is refused, which another rule reports.
            if limit < request {
                return None;
            }
            requests = requests.checked_add(request)?;
            limits = limits.checked_add(limit)?;
        }
        let needed = percent.checked_mul(factor)?;
        Some(Sums {
            cap: limits.checked_mul(Decimal::ONE_HUNDRED)?.checked_div(requests)?,
            needed,
            limit: needed.checked_mul(requests)?.checked_div(Decimal::ONE_HUNDRED)?,
        })
    }
}

fn report<'a>(
    cx: &mut Ctx<'_>,
    autoscaler: &Autoscaler<'a>,
    of: &Utilization<'a>,
    percent: i64,
    factor: Decimal,
    budget: &Budget<'a>,
    sums: &Sums,
) {
    let resource = of.resource;
    let whose = of.container.map_or(String::new(), |(name, _)| format!(" of `{name}`"));
    let message = format!(
        "{resource}{whose} can never exceed {} % of the request, {} `{}` waits for {} %",
        rounded(sums.cap),
        autoscaler.word(),
        autoscaler.name,
        rounded(sums.needed)
    );
    let key = of.percent_place.and_then(Place::key).unwrap_or("averageUtilization");
    let all = if budget.pairs.len() > 1 { " in all" } else { "" };
    let limit = amount(resource, sums.limit);
    let help = format!(
        "raise the {resource} limit above {limit}{all}, or lower {key} to {}",
        reachable(sums.cap, factor)
    );
    let spot = of.percent_place.map_or_else(|| autoscaler.missing("spec"), Place::primary);
    let mut report = cx
        .report(autoscaler, spot, message)
        .here(format!("scales above {percent} % × {}", plain(factor)))
        .help(help);
    let mut told = Vec::new();
    for (request, limit) in &budget.pairs {
        // Containers may share one text by an alias.
        let places = (request.place, limit.place);
        if told.contains(&places) {
            continue;
        }
        told.push(places);
        report = if request.place == limit.place {
            report.label(limit.place, "usage is capped here; the request, too")
        } else {
            report
                .label(request.place, format!("request {}", request.text()))
                .label(limit.place, "usage is capped here")
        };
    }
}

/// A percentage to two places, downwards.
fn rounded(percent: Decimal) -> String {
    plain(percent.trunc_with_scale(2))
}

/// A limit that is no more precise than people write it, rounded up: thousandths of a core, or MiB.
fn amount(resource: &str, value: Decimal) -> String {
    let mebi = Decimal::from(1 << 20);
    if resource == "memory" && value >= mebi {
        return format!("{}Mi", plain((value / mebi).ceil()));
    }
    let milli = (value * Decimal::ONE_THOUSAND).ceil();
    let whole = milli / Decimal::ONE_THOUSAND;
    if whole.is_integer() { plain(whole) } else { format!("{}m", plain(milli)) }
}

/// A target below the cap that leaves a fifth of it for the load that comes while new pods start.
fn reachable(cap: Decimal, factor: Decimal) -> String {
    let roomy = (cap * Decimal::new(8, 1)).floor();
    let highest = (cap / factor).ceil() - Decimal::ONE;
    plain(roomy.min(highest).max(Decimal::ONE))
}

cases! {
    equal_limits: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec:\n  template:\n    spec:\n      containers:\n      - name: web\n        resources:\n          requests: { cpu: 500m }\n          limits: { cpu: 500m }\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: shop}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}\n  maxReplicas: 3\n  metrics:\n  - type: Resource\n    resource:\n      name: cpu\n      target:\n        type: Utilization\n        averageUtilization: 95\n"
        => ["25:29"],
    just_reachable: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web, resources: {limits: {cpu: 1}}}]}}}\n---\napiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3, targetCPUUtilizationPercentage: 90}\n"
        => [],
    just_not: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web, resources: {requests: {cpu: \"1\"}, limits: {cpu: 1.1}}}]}}}\n---\napiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}\n  maxReplicas: 3\n  targetCPUUtilizationPercentage: 100\n"
        => ["12:35"],
    by_tolerance: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web, resources: {limits: {cpu: 1}}}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 95}}}], behavior: {scaleUp: {tolerance: 0.01}}}\n"
        => [],
    tolerance_that_the_version_drops: "# lint: kubernetes = \"1.32\"\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web, resources: {limits: {cpu: 1}}}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 95}}}], behavior: {scaleUp: {tolerance: 0.01}}}\n"
        => ["9:187"],
    the_default_target: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web, resources: {limits: {cpu: 1}}}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3, behavior: {scaleUp: {tolerance: 250m}}}\n"
        => ["9:1"],
    one_container_is_unlimited: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web, resources: {limits: {cpu: 1}}}, {name: b, resources: {requests: {cpu: 1}}}]}}}\n---\napiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3, targetCPUUtilizationPercentage: 150}\n"
        => [],
    a_sidecar_gives_room: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {initContainers: [{name: p, restartPolicy: Always, resources: {requests: {cpu: 1}, limits: {cpu: 2}}}], containers: [{name: web, resources: {limits: {cpu: 1}}}]}}}\n---\napiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3, targetCPUUtilizationPercentage: 95}\n"
        => [],
    of_one_container: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: p, resources: {requests: {memory: 1Gi}}}, {name: web, resources: {limits: {memory: 1Gi}}}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3, metrics: [{type: ContainerResource, containerResource: {name: memory, container: web, target: {type: Utilization, averageUtilization: 95}}}]}\n"
        => ["9:224"],
    keda_trigger: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web, resources: {limits: {memory: 1Gi}}}]}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  scaleTargetRef: {kind: StatefulSet, name: a}\n  triggers:\n  - type: memory\n    metricType: Utilization\n    metadata: {value: \"95\"}\n"
        => ["14:23"],
    limit_below_request: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web, resources: {requests: {cpu: 2}, limits: {cpu: 1}}}]}}}\n---\napiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3, targetCPUUtilizationPercentage: 80}\n"
        => [],
    limits_of_the_pod: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {resources: {limits: {cpu: 4}}, containers: [{name: web, resources: {limits: {cpu: 1}}}]}}}\n---\napiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}\n  maxReplicas: 3\n  targetCPUUtilizationPercentage: 95\n"
        => ["12:35"],
    no_quantity: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web, resources: {limits: {cpu: some}}}]}}}\n---\napiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3, targetCPUUtilizationPercentage: 95}\n"
        => [],
    limit_range: "apiVersion: v1\nkind: LimitRange\nmetadata: {name: l}\nspec: {limits: [{type: Container, default: {cpu: 1}, defaultRequest: {cpu: 1}}]}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web}]}}}\n---\napiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}\n  maxReplicas: 3\n  targetCPUUtilizationPercentage: 95\n"
        => ["17:35"],
}
