use crate::rules::prelude::*;

declare_rule! {
    /// Each update of an autoscaled workload takes away capacity.
    ///
    /// ## Why
    /// The pods that are left take the load of those that are gone, the metric rises, and the autoscaler scales up on
    /// every deploy; where it is at its ceiling, requests wait. Unset, `maxUnavailable` is 25 %, rounded down, which is
    /// one of four.
    ///
    /// ## Fix safety
    /// Unsafe: each update then needs room for more pods, on nodes and in quotas.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   strategy: { rollingUpdate: { maxUnavailable: 1 } }
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop }
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: { matchLabels: { app: shop } }
    /// ---
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   minReplicas: 3
    ///   maxReplicas: 9
    /// ```
    /// ```yaml,fixed
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   strategy: { rollingUpdate: { maxUnavailable: 0 } }
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop }
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: { matchLabels: { app: shop } }
    /// ---
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   minReplicas: 3
    ///   maxReplicas: 9
    /// ```
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   strategy: { rollingUpdate: { maxUnavailable: 0 } }
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop }
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: { matchLabels: { app: shop } }
    /// ---
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   minReplicas: 3
    ///   maxReplicas: 9
    /// ```
    "rollout/capacity-loss-on-update" pub struct CapacityLossOnUpdate {}
    severity: Info, fix: FixKind::Unsafe, preset: Preset::Strict, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the autoscaler and the workload that it scales"),
}

impl Rule for CapacityLossOnUpdate {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.workloads().iter().filter(|it| it.kind == Kind::Deployment) {
            if let Some(replicas) = cluster.replicas(workload)
                && let Some(owner) = replicas.owner
                && replicas.is_known()
                && replicas.min > 0
                && let Some(spec) = workload.at("spec")
                && let Some(loss) = Loss::of(workload, replicas.min)
                && loss.gone.saturating_mul(4) >= replicas.min
                // All of it is an outage, which another rule reports of what is served.
                && !(loss.gone >= replicas.min && told_elsewhere(cx, workload))
            {
                report(cx, workload, spec, owner, &replicas, &loss);
            }
        }
    }
}

fn told_elsewhere(cx: &Ctx<'_>, workload: &Workload<'_>) -> bool {
    let served = cx.cluster.services_of(workload).any(|service| !service.is_for_metrics());
    served && cx.runs("rollout/outage-on-update")
}

/// What an update takes away.
struct Loss<'a> {
    strategy: Option<Place<'a>>,
    rolling: Option<Place<'a>>,
    written: Option<Place<'a>>,
    gone: i64,
}

impl<'a> Loss<'a> {
    /// Of `count` pods; `None` if it is no rolling update, or nobody knows.
    fn of(workload: &Workload<'a>, count: i64) -> Option<Self> {
        let strategy = workload.at("spec/strategy");
        let kind = strategy.and_then(|strategy| strategy.get("type"));
        let opaque = strategy.is_some_and(|strategy| !strategy.is_mapping());
        if opaque || kind.is_some_and(|kind| kind.text() != Some("RollingUpdate")) {
            return None;
        }
        let rolling = strategy.and_then(|strategy| strategy.get("rollingUpdate"));
        let field = |key| rolling.and_then(|rolling: Place<'a>| rolling.get(key));
        let share = |place: Option<Place<'_>>| match place {
            Some(place) => Share::read(place),
            None => Some(Share::Percent(25)),
        };
        let written = field("maxUnavailable");
        let (gone, more) = (share(written)?.down(count), share(field("maxSurge"))?.up(count));
        let gone = if gone == 0 && more == 0 { 1 } else { gone };
        Some(Self { strategy, rolling, written, gone })
    }
}

fn report(
    cx: &mut Ctx<'_>,
    workload: &Workload<'_>,
    spec: Place<'_>,
    owner: &Autoscaler<'_>,
    replicas: &Replicas<'_, '_>,
    loss: &Loss<'_>,
) {
    let (min, gone) = (replicas.min, loss.gone);
    let none = serde_json::json!({ "maxUnavailable": 0 });
    let change = match (loss.written, loss.rolling, loss.strategy) {
        (Some(written), ..) => edit::set(written, 0),
        (None, Some(rolling), _) => edit::insert(rolling, "maxUnavailable", 0),
        (None, None, Some(strategy)) => edit::insert(strategy, "rollingUpdate", none),
        (None, None, None) => {
            edit::insert(spec, "strategy", serde_json::json!({ "rollingUpdate": none }))
        }
    };
    let message = format!(
        "each update of `{}` takes {gone} of {min} pods at the floor, {} `{}` scales it",
        workload.name,
        owner.word(),
        owner.name
    );
    let spot = loss.written.or(loss.rolling).or(loss.strategy).unwrap_or(spec);
    let here = if loss.written.is_some() { "" } else { "maxUnavailable is unset, which is 25 %" };
    cx.report(workload, spot, message)
        .here(here)
        .label(replicas.place.map_or_else(|| owner.spot(), Place::primary), replicas.text())
        .help("set `strategy.rollingUpdate.maxUnavailable: 0`")
        .fix_unsafe(
            "set `maxUnavailable` to 0 (unsafe: each update needs room for one more pod)",
            [change],
        );
}

cases! {
    unset_is_a_quarter: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template: {}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, minReplicas: 4, maxReplicas: 9}\n"
        => ["4:1"],
    rounds_down: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template: {}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, minReplicas: 3, maxReplicas: 9}\n"
        => [],
    not_autoscaled: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 4, strategy: {rollingUpdate: {maxUnavailable: 2}}, template: {}}\n"
        => [],
}
