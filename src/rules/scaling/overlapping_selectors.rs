use crate::rules::prelude::*;

declare_rule! {
    /// The selector of a scaled workload picks another workload's pods too.
    ///
    /// ## Why
    /// An HPA does not follow owners: it counts and averages every pod that the target's `spec.selector` matches
    /// (kubernetes/kubernetes#116898). With a worker's idle pods in the average the load looks halved and the fleet
    /// stays small; with its busy pods the fleet runs to the maximum. Two HPAs that count one pod both stop with
    /// AmbiguousSelector.
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
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop-worker }
    /// spec:
    ///   selector: { matchLabels: { app: shop, part: worker } }
    ///   template:
    ///     metadata: { labels: { app: shop, part: worker } }
    ///     spec:
    ///       containers:
    ///       - name: worker
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
    /// ```
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop, part: web } }
    ///   template:
    ///     metadata: { labels: { app: shop, part: web } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop-worker }
    /// spec:
    ///   selector: { matchLabels: { app: shop, part: worker } }
    ///   template:
    ///     metadata: { labels: { app: shop, part: worker } }
    ///     spec:
    ///       containers:
    ///       - name: worker
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
    /// ```
    "scaling/overlapping-selectors" pub struct OverlappingSelectors {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("needs the workloads whose pods a selector picks"),
}

impl Rule for OverlappingSelectors {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let mut pods = None;
        for scaled in cluster.workloads() {
            let Some(autoscaler) = cluster.autoscalers_of(scaled).next() else { continue };
            let Some(selector) = scaled.selector.as_ref().filter(|it| !it.is_empty()) else {
                continue;
            };
            let pods = pods.get_or_insert_with(|| Pods::new(cluster));
            for other in pods.selected(scaled, selector) {
                if is_same(scaled, other) || other.owned || has_no_pods(cluster, other) {
                    continue;
                }
                let (word, name) = (autoscaler.word(), autoscaler.name);
                let message = format!(
                    "{word} `{name}` of {} counts the pods of {} too",
                    scaled.title(),
                    other.title()
                );
                cx.report(other, matched(selector, other), message)
                    .here(format!("`{}` picks these pods", selector.text()))
                    .label(selector.place, format!("selector of `{}`", scaled.name))
                    .label(autoscaler.target_spot(), format!("this {word} averages both fleets"))
                    .help(format!(
                        "give the pods of `{}` a label of their own, in its selector too",
                        scaled.name
                    ));
            }
        }
    }
}

/// Workloads by the labels of their pods.
struct Pods<'c, 'a> {
    workloads: &'c [Workload<'a>],
    labelled: Nearby<'a, (&'a str, &'a str)>,
    all: Nearby<'a, ()>,
}

impl<'c, 'a> Pods<'c, 'a> {
    fn new(cluster: &'c Cluster<'a>) -> Self {
        let workloads = cluster.workloads();
        let all = Nearby::new(workloads.iter().map(|workload| ((), &workload.object)));
        let mut labelled = Nearby::default();
        for workload in workloads {
            for (key, value) in workload.labels.iter() {
                labelled.add((key, value.text().unwrap_or("")), workload, workload.index);
            }
        }
        Self { workloads, labelled, all }
    }

    /// Those beside `scaled` that its selector picks.
    fn selected(&self, scaled: &Workload<'a>, selector: &Selector<'a>) -> Vec<&'c Workload<'a>> {
        let having = |(key, value, _): &(&'a str, &'a str, Place<'a>)| -> Vec<usize> {
            self.labelled.of((key, value), scaled).collect()
        };
        let rarest = selector.labels.iter().map(having).min_by_key(Vec::len);
        let mut found = rarest.unwrap_or_else(|| self.all.of((), scaled).collect());
        found.sort_unstable();
        let found = found.into_iter().filter_map(|index| self.workloads.get(index));
        found.filter(|it| it.shares_namespace(scaled) && selector.matches(it.labels)).collect()
    }
}

/// True if both are one object, as in a base and its overlay, or have one template, as an Argo Rollout and the
/// Deployment that it replaces.
fn is_same(one: &Workload<'_>, other: &Workload<'_>) -> bool {
    one.index == other.index
        || one.template == other.template
        || (one.kind_name == other.kind_name && one.name == other.name)
}

fn has_no_pods<'a>(cluster: &Cluster<'a>, workload: &Workload<'a>) -> bool {
    cluster.replicas(workload).is_some_and(|replicas| replicas.owner.is_none() && replicas.max == 0)
}

/// The label that makes `workload` match.
fn matched<'a>(selector: &Selector<'a>, workload: &Workload<'a>) -> crate::source::Span {
    let keys = selector.labels.iter().map(|(key, ..)| *key);
    let mut keys = keys.chain(selector.requirements.iter().map(|requirement| requirement.key));
    let labels = workload.labels.0;
    let label = labels.and_then(|labels| keys.find_map(|key| labels.get(key)));
    label.or(labels).map_or_else(|| workload.spot(), Place::primary)
}

cases! {
    another_namespace: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: x}\nspec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b, namespace: y}\nspec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: x}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => [],
    nothing_scales_it: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\nspec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}}}\n"
        => [],
    only_one_way: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\nspec: {selector: {matchLabels: {app: a, part: b}}, template: {metadata: {labels: {app: a, part: b}}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: b}, maxReplicas: 3}\n"
        => [],
    both_scaled: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  selector: {matchLabels: {app: a}}\n  template: {metadata: {labels: {app: a}}}\n---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: b}\nspec:\n  selector: {matchLabels: {app: a}}\n  template: {metadata: {labels: {app: a}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: b}\nspec: {scaleTargetRef: {kind: StatefulSet, name: b}}\n"
        => ["6:39", "13:39"],
    cron_job: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  selector: {matchLabels: {app: a}}\n  template: {metadata: {labels: {app: a}}}\n---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: b}\nspec:\n  jobTemplate:\n    spec:\n      template:\n        metadata:\n          labels:\n            tier: b\n            app: a\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => ["18:18"],
    by_expression: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  selector: {matchExpressions: [{key: app, operator: In, values: [a, b]}]}\n  template: {metadata: {labels: {app: a}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\nspec:\n  selector: {matchLabels: {app: b}}\n  template: {metadata: {labels: {app: b}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => ["13:39"],
    excluded_by_expression: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  selector: {matchLabels: {app: a}, matchExpressions: [{key: track, operator: DoesNotExist}]}\n  template: {metadata: {labels: {app: a}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\nspec:\n  selector: {matchLabels: {app: a, track: canary}}\n  template: {metadata: {labels: {app: a, track: canary}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => [],
    rollout_replaces_a_deployment: "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, workloadRef: {apiVersion: apps/v1, kind: Deployment, name: b}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\nspec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: a}, maxReplicas: 3}\n"
        => [],
    base_and_overlay: "# file: base.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}}}\n# file: overlay.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}}}\n# file: hpa.yaml\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => [],
    switched_off: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\nspec: {replicas: 0, selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => [],
    no_selector: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {selector: {}, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\nspec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => [],
    across_files: "# file: a.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: x}\nspec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}}}\n# file: b.yaml\napiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: b, namespace: x}\nspec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}}}\n# file: c.yaml\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: x}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => ["b.yaml:4:79"],
}
