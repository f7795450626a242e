use crate::rules::prelude::*;

declare_rule! {
    /// A disruption budget allows no eviction while the workload is at its floor.
    ///
    /// ## Why
    /// At night the autoscaler is at its floor, and that is when nodes are upgraded: `kubectl drain` asks for an
    /// eviction, is refused, and asks again for ever. `minAvailable` equal to the least number of pods is accepted
    /// by the API server and by most linters; so is `maxUnavailable: 0`. Percentages are rounded up, so that 50 %
    /// of one pod is that pod (FairwindsOps/polaris#1190, stackrox/kube-linter#637).
    ///
    /// ## Peers
    /// polaris accepts a `minAvailable` that equals the HPA's `minReplicas`, and reports only a larger one. For
    /// slogen the equal one is an error: a fleet at its floor, which is where it is at night, then allows no
    /// eviction at all.
    ///
    /// ## Fix safety
    /// Unsafe: one pod may then be gone at any time. Whether the service bears that is yours to say.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   replicas: 2
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
    ///   minAvailable: 2 # as many as there are
    ///   selector: { matchLabels: { app: shop } }
    /// ```
    /// ```yaml,fixed
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   replicas: 2
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
    ///   maxUnavailable: 1 # as many as there are
    ///   selector: { matchLabels: { app: shop } }
    /// ```
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   replicas: 3
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
    ///   minAvailable: 60%
    ///   selector: { matchLabels: { app: shop } }
    /// ```
    "availability/pdb-blocks-eviction" pub struct PdbBlocksEviction {}
    severity: Error, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::BUDGETS,
    conditions: &[],
    shared: &[],
    variables: &[
        Variable {
            name: "spec",
            cel: "has(object.spec) && has(object.spec.selector) ? object.spec : {}",
        },
        findings("
        // How many pods there are is not known here; these allow none of any number to go.
        has(variables.spec.minAvailable) && string(variables.spec.minAvailable).matches('^0*[1-9][0-9][0-9]+%$')
        ? ['`minAvailable: ' + string(variables.spec.minAvailable) + '` never allows an eviction']
        : has(variables.spec.maxUnavailable) && string(variables.spec.maxUnavailable).matches('^(0|0+%)$')
        ? ['`maxUnavailable: ' + string(variables.spec.maxUnavailable) + '` never allows an eviction']
        : []
        "),
    ],
};

impl Rule for PdbBlocksEviction {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for budget in cluster.budgets() {
            if let Some(fleet) = Fleet::of(cluster, budget)
                && let Some(block) = block(budget, fleet.floor)
            {
                report(cx, budget, &fleet, &block);
            }
        }
    }
}

/// The pods that a budget covers.
struct Fleet<'a, 'c> {
    /// The least number of them while any runs; `None` if nobody says.
    floor: Option<i64>,
    /// Autoscaled, and maybe none at all.
    idles: bool,
    counts: Vec<(&'c Workload<'a>, Replicas<'a, 'c>)>,
}

impl<'a, 'c> Fleet<'a, 'c> {
    /// `None` if there is nothing to evict, or nothing that a drain evicts.
    fn of(cluster: &'c Cluster<'a>, budget: &'c Budget<'a>) -> Option<Self> {
        let matched: Vec<_> = cluster.workloads_of_budget(budget).collect();
        if cluster.is_partial() {
            return Self::of_part(cluster, &matched);
        }
        if matched.is_empty() {
            // It may be for pods that are not in the input; beside others it more likely misses them, which
            // is no matter of evictions.
            let selector = budget.selector.as_ref()?;
            let covers = !selector.is_empty() || budget.selects_all();
            let unknown =
                covers && !cluster.is_closed() && cluster.workloads_beside(budget).next().is_none();
            return unknown.then_some(Self { floor: None, idles: false, counts: Vec::new() });
        }
        let evicted = matched.iter().filter(|workload| !workload.is_exempt());
        let all: Vec<_> = evicted.map(|it| (*it, cluster.replicas(it))).collect();
        let counts: Vec<_> =
            all.iter().filter_map(|(workload, count)| Some((*workload, (*count)?))).collect();
        if counts.is_empty() {
            return None;
        }
        let known = counts.len() == all.len() && counts.iter().all(|(_, count)| count.is_known());
        let least: i64 = counts.iter().map(|(_, count)| count.min).sum();
        let idles = known && least <= 0;
        if idles && counts.iter().all(|(_, count)| count.owner.is_none()) {
            return None;
        }
        Some(Self { floor: known.then_some(least.max(1)), idles, counts })
    }

    /// Where other files may hold more of the pods, and an autoscaler: their number is not known, but there are some.
    fn of_part(cluster: &'c Cluster<'a>, matched: &[&'c Workload<'a>]) -> Option<Self> {
        let runs = |workload: &Workload<'a>| {
            let count = cluster.replicas(workload).filter(Replicas::is_known);
            count.is_some_and(|count| count.min > 0 || count.owner.is_some())
        };
        let some = matched.iter().any(|workload| !workload.is_exempt() && runs(workload));
        some.then_some(Self { floor: None, idles: true, counts: Vec::new() })
    }
}

/// Why a budget allows no eviction.
struct Block<'a> {
    place: Place<'a>,
    here: String,
    message: String,
}

fn block<'a>(budget: &Budget<'a>, floor: Option<i64>) -> Option<Block<'a>> {
    let name = budget.name;
    let at_the_floor = |place: Place<'a>| {
        let share = Share::read(place)?;
        let text = place.text()?;
        match (share, floor) {
            (Share::Percent(percent), _) if percent >= 100 => Some(Block {
                place,
                here: "all pods, however many".to_owned(),
                message: format!(
                    "PDB `{name}` keeps {percent} % of its pods, so no eviction is ever allowed"
                ),
            }),
            (_, Some(floor)) if share.up(floor) >= floor => Some(Block {
                place,
                here: match share {
                    Share::Percent(_) => {
                        format!("{text} of {floor}, rounded up, is {}", share.up(floor))
                    }
                    Share::Absolute(_) => format!("the floor is {floor}"),
                },
                message: format!(
                    "PDB `{name}` keeps {} of {floor} {} at the floor, so no eviction is ever allowed there",
                    share.up(floor),
                    pods(floor)
                ),
            }),
            _ => None,
        }
    };
    let never = |place: Place<'a>| {
        let zero = matches!(Share::read(place)?, Share::Absolute(0) | Share::Percent(0));
        zero.then(|| Block {
            place,
            here: "not one pod may go".to_owned(),
            message: format!(
                "PDB `{name}` lets 0 pods be unavailable, so no eviction is ever allowed"
            ),
        })
    };
    budget.min_available.and_then(at_the_floor).or_else(|| budget.max_unavailable.and_then(never))
}

fn pods(count: i64) -> &'static str {
    if count == 1 { "pod" } else { "pods" }
}

fn report(cx: &mut Ctx<'_>, budget: &Budget<'_>, fleet: &Fleet<'_, '_>, block: &Block<'_>) {
    let place = block.place;
    let both = budget.min_available.is_some() && budget.max_unavailable.is_some();
    let is_max = budget.max_unavailable == Some(place);
    let roomy = fleet.floor.is_none_or(|floor| floor > 1);
    let help = match fleet.counts.first() {
        Some((_, count)) if !roomy => {
            format!("set `{}: 2` and write `maxUnavailable: 1` in the PDB", count.key())
        }
        _ if is_max => "write `maxUnavailable: 1`".to_owned(),
        _ => "write `maxUnavailable: 1` in place of `minAvailable`".to_owned(),
    };
    let severity = if fleet.idles { Warning } else { Error };
    let mut report = cx
        .report(budget, place, block.message.as_str())
        .severity(severity)
        .here(block.here.as_str())
        .help(help);
    for (workload, count) in &fleet.counts {
        let spot = count.place.map_or_else(|| workload.spot(), Place::primary);
        report = report.label(spot, count.text());
    }
    if roomy && fleet.floor.is_some() && !both {
        if is_max {
            report.fix_unsafe(
                "set `maxUnavailable` to 1 (unsafe: one pod may be gone at any time)",
                [edit::set(place, 1)],
            );
        } else {
            report.fix_unsafe(
                "replace `minAvailable` by `maxUnavailable: 1` (unsafe: one pod may be gone at any time)",
                [edit::rename(place, "maxUnavailable"), edit::set(place, 1)],
            );
        }
    }
}

cases! {
    half_of_one: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec:\n  minAvailable: 50%\n  selector: {matchLabels: {app: a}}\n"
        => ["10:17"],
    half_of_two: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 2, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {minAvailable: 50%, selector: {matchLabels: {app: a}}}\n"
        => [],
    two_thirds_of_two: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 2, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {minAvailable: '67%', selector: {matchLabels: {app: a}}}\n"
        => ["9:22"],
    the_floor_of_the_hpa_counts: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 9, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, minReplicas: 3, maxReplicas: 9}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {minAvailable: 3, selector: {matchLabels: {app: a}}}\n"
        => ["14:22"],
    above_the_floor: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec: {replicas: 2, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {minAvailable: 3, selector: {matchLabels: {app: a}}}\n"
        => ["9:22"],
    none_unavailable: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 4, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {maxUnavailable: 0%, selector: {matchLabels: {app: a}}}\n"
        => ["9:24"],
    a_little_unavailable_is_one: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 4, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {maxUnavailable: 1%, selector: {matchLabels: {app: a}}}\n"
        => [],
    unset_hpa_floor: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 9}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {minAvailable: 1, selector: {matchLabels: {app: a}}}\n"
        => ["14:22"],
    keda_from_zero: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {minAvailable: 1, selector: {matchLabels: {app: a}}}\n"
        => ["14:22"],
    two_workloads_count_together: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 2, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\nspec: {replicas: 2, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {minAvailable: 2, selector: {matchLabels: {app: a}}}\n"
        => [],
    unknown_counts: "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\nspec: {replicas: '${N}', template: {metadata: {labels: {app: b}}}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {maxUnavailable: 0, selector: {matchLabels: {app: a}}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: b}\nspec: {minAvailable: 1, selector: {matchLabels: {app: b}}}\n"
        => [],
    jobs_and_the_sleeping: "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\nspec: {replicas: 0, template: {metadata: {labels: {app: b}}}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {maxUnavailable: 0, selector: {matchLabels: {app: a}}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: b}\nspec: {minAvailable: 1, selector: {matchLabels: {app: b}}}\n"
        => [],
    type_errors_are_others: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {minAvailable: '1', selector: {matchLabels: {app: a}}}\n"
        => [],
    pods_that_are_elsewhere: "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {minAvailable: 100%, selector: {matchLabels: {app: a}}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: b}\nspec: {minAvailable: 2, selector: {matchLabels: {app: b}}}\n---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: c}\nspec: {maxUnavailable: 0}\n"
        => ["4:22"],
    argo: "{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: a}, spec: {replicas: 3, template: {metadata: {labels: {app: a}}}}}\n---\n{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: a}, spec: {minAvailable: 3, selector: {matchExpressions: [{key: app, operator: In, values: [a, b]}]}}}\n"
        => ["3:94"],
}
