use rustc_hash::FxHashMap;

use crate::rules::prelude::*;

declare_rule! {
    /// A container requests no CPU or no memory.
    ///
    /// ## Why
    /// The scheduler packs it blindly, it is the first to be evicted, and a utilisation target has nothing to relate
    /// to. A limit counts as request, and so do the defaults of a LimitRange in the input.
    ///
    /// ## Peers
    /// kube-score, kube-linter and polaris report a container that sets limits and no requests. slogen does not:
    /// the API server takes a missing request from the limit before anyone sees the pod, so none is missing.
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
    ///         resources:
    ///           limits: { memory: 512Mi }
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
    ///         resources:
    ///           requests: { cpu: 250m }
    ///           limits: { memory: 512Mi }
    /// ```
    "resources/missing-requests" pub struct MissingRequests {
        /// The resources that every container must request.
        pub resources: Vec<String> = vec!["cpu".to_owned(), "memory".to_owned()],
    }
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::WORKLOADS,
    conditions: &[policy::JUDGED_WITH_OWNER],
    shared: policy::OF_CONTAINERS,
    variables: &[
        Variable {
            name: "wanted",
            cel: "
        params.data['resources.missing-requests.resources'].split(',').filter(r, r != ''
          && !(has(variables.podSpec.resources) && (
            (has(variables.podSpec.resources.requests) && r in variables.podSpec.resources.requests)
            || (has(variables.podSpec.resources.limits) && r in variables.podSpec.resources.limits))))
        ",
        },
        findings("
        variables.containers
          .map(c, [c.name, variables.wanted.filter(r, !(has(c.resources) && (
            (has(c.resources.requests) && r in c.resources.requests)
            || (has(c.resources.limits) && r in c.resources.limits)))).join(' and no ')])
          .filter(gap, gap[1] != '')
          .map(gap, 'container `' + gap[0] + '` requests no ' + gap[1])
        "),
    ],
};

impl Rule for MissingRequests {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let spot = |workload: &Workload<'_>| (workload.template.file(), workload.template.order());
        let mut borrowing: FxHashMap<_, Vec<_>> = FxHashMap::default();
        for rollout in cluster.workloads().iter().filter(|it| it.borrows_template()) {
            borrowing.entry(spot(rollout)).or_default().push(rollout);
        }
        for workload in cluster.workloads().iter().filter(|it| !it.borrows_template()) {
            let rollouts = borrowing.get(&spot(workload)).map_or(&[][..], Vec::as_slice);
            let sharing = || rollouts.iter().copied().chain([workload]);
            for container in &workload.containers {
                let missing = self.resources.iter().filter(|resource| {
                    cluster.lacks_request(workload, container, resource)
                        && !told_elsewhere(
                            cx,
                            sharing().flat_map(|it| cluster.autoscalers_of(it)),
                            container,
                            resource,
                        )
                });
                let missing: Vec<_> = missing.map(|resource| format!("no {resource}")).collect();
                if missing.is_empty() {
                    continue;
                }
                let message =
                    format!("container `{}` requests {}", container.name, missing.join(" and "));
                cx.report(workload, container.place, message)
                    .help("set `resources.requests` to what the container uses under normal load");
            }
        }
    }

    fn params(&self) -> Vec<(&'static str, String)> {
        vec![("resources", self.resources.join(","))]
    }
}

/// True if a rule on autoscaling reports the same gap as an error.
fn told_elsewhere<'a>(
    cx: &Ctx<'_>,
    autoscalers: impl Iterator<Item = &'a Autoscaler<'a>>,
    container: &Container<'_>,
    resource: &str,
) -> bool {
    let counts = |name: Option<&str>| name.is_none_or(|name| name == container.name);
    let reads = |metric: &Metric<'_>| {
        // KEDA wants requests for absolute values too.
        let absolute = metric.kind == resource && !container.init;
        let named = metric.place.and_then(|it| it.at("metadata/containerName")?.text());
        metric.utilization.map_or(absolute && counts(named), |of| {
            of.resource == resource && counts(of.container.map(|(name, _)| name))
        })
    };
    let mut scaling = autoscalers.filter(|autoscaler| autoscaler.metrics.iter().any(reads));
    scaling.any(|autoscaler| {
        cx.runs(if autoscaler.is_keda() {
            "keda/trigger-without-request"
        } else {
            "scaling/metric-without-request"
        })
    })
}

cases! {
    told_by_the_trigger: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web, image: 'a:1', resources: {requests: {cpu: 1}}}]}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  scaleTargetRef: {name: a}\n  triggers: [{type: memory, metricType: AverageValue, metadata: {value: 1Gi}}]\n"
        => ["4:46"],
    bare_pod: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: web\n    image: a:1\n"
        => ["6:11"],
    a_limit_is_a_request: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: web\n    image: a:1\n    resources: {limits: {cpu: 1, memory: 1Gi}}\n"
        => [],
    limit_range: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: web, image: 'a:1'}]}\n---\napiVersion: v1\nkind: LimitRange\nmetadata: {name: l}\nspec: {limits: [{type: Container, defaultRequest: {cpu: 1, memory: 1Gi}}]}\n"
        => [],
    init_containers_do_not_stay: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  initContainers: [{name: i, image: 'a:1'}]\n  containers: [{name: web, image: 'a:1', resources: {requests: {cpu: 1, memory: 1Gi}}}]\n"
        => [],
    sidecars_do: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  initContainers: [{name: i, image: 'a:1', restartPolicy: Always}]\n  containers: [{name: web, image: 'a:1', resources: {requests: {cpu: 1, memory: 1Gi}}}]\n"
        => ["5:27"],
    pod_level: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  resources: {requests: {cpu: 1, memory: 1Gi}}\n  containers: [{name: web, image: 'a:1'}]\n"
        => [],
    only_cpu_wanted: "# lint: rules.\"resources/missing-requests\".resources = [\"cpu\"]\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: web, image: 'a:1', resources: {requests: {cpu: 1}}}]}\n"
        => [],
    template_of_a_rollout: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web, image: 'a:1', resources: {requests: {memory: 1Gi}}}]}}}\n---\napiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: a}\nspec: {workloadRef: {apiVersion: apps/v1, kind: Deployment, name: a}}\n"
        => ["4:46"],
    filled_in_later: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: web, image: 'a:1', resources: '${RESOURCES}'}\n  - {name: b, image: 'a:1', resources: {requests: '${REQUESTS}'}}\n"
        => [],
}
