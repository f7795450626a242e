use rustc_hash::FxHashSet;

use crate::rules::prelude::*;
use crate::units::plain;

declare_rule! {
    /// At their ceilings, the workloads of a namespace need more than its quota.
    ///
    /// ## Why
    /// The quota counts requests and pods when they are created: at the peak the next pod is refused with `FailedCreate`, an
    /// event on the ReplicaSet that nobody reads, while the HPA says that it wants more (zegl/kube-score#558). What the input
    /// does not hold comes on top.
    ///
    /// ```yaml,bad
    /// apiVersion: v1
    /// kind: ResourceQuota
    /// metadata: { name: team }
    /// spec:
    ///   hard: { requests.cpu: "2" }
    /// ---
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
    ///   maxReplicas: 12
    /// ```
    /// ```yaml,good
    /// apiVersion: v1
    /// kind: ResourceQuota
    /// metadata: { name: team }
    /// spec:
    ///   hard: { requests.cpu: "4" }
    /// ---
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
    ///   maxReplicas: 12
    /// ```
    "scaling/max-exceeds-quota" pub struct MaxExceedsQuota {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs all workloads of the namespace"),
}

impl Rule for MaxExceedsQuota {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for quota in cluster.of_kind(Kind::ResourceQuota) {
            // One with a scope counts some pods only.
            if quota.at("spec/scopes").is_some() || quota.at("spec/scopeSelector").is_some() {
                continue;
            }
            // What the input holds twice runs once.
            let mut known = FxHashSet::default();
            let beside = cluster.workloads_beside(quota);
            let fleets: Vec<_> = beside
                .filter(|it| known.insert((it.kind, it.name)))
                .filter_map(|it| Fleet::of(cluster, it))
                .collect();
            for (key, place) in quota.at("spec/hard").map(Place::entries).unwrap_or_default() {
                if let Some(what) = Counted::of(key)
                    && let Some(hard) = place.text().and_then(crate::units::quantity)
                {
                    check(cx, quota, &fleets, key, &what, place, hard);
                }
            }
        }
    }
}

/// What an entry of `hard` counts.
enum Counted<'k> {
    Pods,
    Requests(&'k str),
    Limits(&'k str),
}

impl<'k> Counted<'k> {
    fn of(key: &'k str) -> Option<Self> {
        match key {
            "pods" | "count/pods" => Some(Self::Pods),
            "cpu" | "memory" => Some(Self::Requests(key)),
            _ => key
                .strip_prefix("requests.")
                .map(Self::Requests)
                .or_else(|| key.strip_prefix("limits.").map(Self::Limits))
                .filter(|it| {
                    matches!(it, Self::Requests("cpu" | "memory") | Self::Limits("cpu" | "memory"))
                }),
        }
    }

    /// What one pod of `workload` takes of it, at the least: what is not known counts as nothing.
    fn per_pod<'a>(&self, cluster: &Cluster<'a>, workload: &Workload<'a>) -> Decimal {
        let (resource, limits) = match self {
            Self::Pods => return Decimal::ONE,
            Self::Requests(resource) => (*resource, false),
            Self::Limits(resource) => (*resource, true),
        };
        let of_pod = workload.pod.and_then(|pod| {
            let list = pod.get("resources")?.get(if limits { "limits" } else { "requests" })?;
            list.text_of(resource).and_then(crate::units::quantity)
        });
        of_pod.unwrap_or_else(|| {
            let amounts = workload.containers.iter().filter_map(|container| {
                if limits {
                    cluster.limit(workload, container, resource)?.value
                } else {
                    cluster.request(workload, container, resource)?.value
                }
            });
            amounts.fold(Decimal::ZERO, Decimal::saturating_add)
        })
    }
}

/// A workload with its ceiling.
struct Fleet<'c, 'a> {
    workload: &'c Workload<'a>,
    max: i64,
    place: Option<Place<'a>>,
    scaled: bool,
}

impl<'c, 'a> Fleet<'c, 'a> {
    fn of(cluster: &'c Cluster<'a>, workload: &'c Workload<'a>) -> Option<Self> {
        // The Deployment that lends its template counts already.
        let replicas = cluster.replicas(workload).filter(|_| !workload.borrows_template())?;
        let (max, place) = match replicas.owner {
            Some(owner) => (owner.max.value, owner.max.place),
            None => (replicas.max, replicas.place),
        };
        let known = place.is_none_or(|place| place.int().is_some());
        known.then_some(Self { workload, max: max.max(0), place, scaled: replicas.owner.is_some() })
    }
}

fn check<'a>(
    cx: &mut Ctx<'a>,
    quota: &Object<'a>,
    fleets: &[Fleet<'_, 'a>],
    key: &str,
    what: &Counted<'_>,
    place: Place<'a>,
    hard: Decimal,
) {
    let cluster = cx.cluster;
    let needs: Vec<_> = fleets
        .iter()
        .map(|it| (it, Decimal::from(it.max).saturating_mul(what.per_pod(cluster, it.workload))))
        .collect();
    let total = needs.iter().fold(Decimal::ZERO, |sum, (_, need)| sum.saturating_add(*need));
    if total <= hard {
        return;
    }
    // What an autoscaler may raise is what comes too late; among these, what takes most.
    let Some((largest, need)) = needs.iter().max_by_key(|(it, need)| (it.scaled, *need)) else {
        return;
    };
    let resource = match what {
        Counted::Pods => "pods",
        Counted::Requests(resource) | Counted::Limits(resource) => resource,
    };
    let show = |value: Decimal| size(resource, value);
    let name = largest.workload.name;
    let whole = if needs.len() == 1 {
        format!("`{name}` needs {} of `{key}` at its ceiling", show(total))
    } else {
        format!(
            "{} workloads, `{name}` among them, need {} of `{key}` at their ceilings",
            needs.len(),
            show(total)
        )
    };
    let message = format!("{whole}, ResourceQuota `{}` allows {}", quota.name, show(hard));
    let owner = cluster.autoscalers_of(largest.workload).next().map(|it| &it.object);
    let object = owner.unwrap_or(&largest.workload.object);
    let unset = if largest.scaled { object.missing("spec/maxReplicaCount") } else { object.spot() };
    let spot = largest.place.map_or(unset, Place::primary);
    cx.report(object, spot, message)
        .here(format!("takes {} of it", show(*need)))
        .label(place, "all that the namespace may have")
        .help("raise the quota, or lower the ceilings to what it holds");
}

/// An amount for people.
fn size(resource: &str, value: Decimal) -> String {
    let gibi = Decimal::from(1 << 30);
    match resource {
        "cpu" => format!("{} cores", plain(value)),
        "memory" if value >= gibi => format!("{}Gi", plain((value / gibi).round_dp(2).normalize())),
        "memory" => {
            format!("{}Mi", plain((value / Decimal::from(1 << 20)).round_dp(2).normalize()))
        }
        _ => plain(value),
    }
}

cases! {
    sum_of_static_and_scaled: "# file: a.yaml\napiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q, namespace: n}\nspec: {hard: {pods: 10, limits.memory: 100Gi}}\n# file: b.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: n}\nspec: {template: {spec: {containers: [{name: w}]}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b, namespace: n}\nspec: {replicas: 2, template: {spec: {containers: [{name: w}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: n}\nspec: {maxReplicas: 9, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}}\n"
        => ["b.yaml:14:21"],
    default_ceiling_of_keda: "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q}\nspec: {hard: {limits.memory: 10Gi}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: w, resources: {limits: {memory: 1Gi}}}]}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name:  a}\nspec: {scaleTargetRef: {name: a}}\n"
        => ["14:1"],
    scopes_and_jobs: "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q}\nspec: {hard: {pods: 1}, scopes: [BestEffort]}\n---\napiVersion: v1\nkind: ResourceQuota\nmetadata: {name: r}\nspec: {hard: {pods: 3, requests.storage: 1}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 3, template: {spec: {containers: [{name: w}]}}}\n---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec: {template: {spec: {containers: [{name: w}]}}}\n"
        => [],
}
