use crate::rules::prelude::*;

declare_rule! {
    /// A resource request is above its limit.
    ///
    /// ## Why
    /// The API server refuses the pod: "must be less than or equal to cpu limit"
    /// (k8s:pkg/apis/core/validation/validation.go). Where the limit comes from a LimitRange it is worse: the Deployment
    /// is taken and each of its new pods refused, so the old ones run on and the rollout stands still.
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
    ///           requests: { cpu: "2", memory: 1Gi }
    ///           limits: { cpu: 1500m, memory: 1Gi }
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
    ///           requests: { cpu: "1.5", memory: 1Gi }
    ///           limits: { cpu: 1500m, memory: 1024Mi }
    /// ```
    "resources/request-above-limit" pub struct RequestAboveLimit {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::WORKLOADS,
    conditions: &[policy::JUDGED_WITH_OWNER],
    shared: policy::OF_HOLDERS,
    variables: &[
        findings("
        variables.holders
          .filter(h, has(h.resources.requests) && has(h.resources.limits))
          .map(h, [has(h.name) ? 'container `' + h.name + '`' : 'the pod', h.resources.requests
            .filter(r, r in h.resources.limits
              && quantity(h.resources.requests[r]).isGreaterThan(quantity(h.resources.limits[r])))
            .map(r, r + ' `' + h.resources.requests[r] + '` with a limit of `' + h.resources.limits[r] + '`')
            .join(' and ')])
          .filter(excess, excess[1] != '')
          .map(excess, excess[0] + ' requests ' + excess[1])
        "),
    ],
};

impl Rule for RequestAboveLimit {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.workloads().iter().filter(|workload| !workload.borrows_template()) {
            let requests = workload.amounts().filter(|(.., it)| it.source == AmountSource::Request);
            for (container, resource, request) in requests {
                let limit = match container {
                    Some(container) => cluster.limit(workload, container, resource),
                    None => workload.pod_limit(resource),
                };
                let Some(limit) = limit else { continue };
                if request.value.zip(limit.value).is_some_and(|(request, limit)| request > limit) {
                    let who = container
                        .map_or("the pod".to_owned(), |it| format!("container `{}`", it.name));
                    let (asked, most) = (request.text(), limit.text());
                    let from = match limit.source {
                        AmountSource::LimitRange => "limit of the LimitRange",
                        _ => "limit",
                    };
                    let message =
                        format!("{who} requests {resource} `{asked}` with a {from} of `{most}`");
                    cx.report(workload, request.place, message)
                        .here(format!("requests {}", request.size(resource)))
                        .label(limit.place, format!("{from} is {}", limit.size(resource)))
                        .help(format!(
                            "set `requests.{resource}` to at most `{most}`, or raise the limit"
                        ));
                }
            }
        }
    }
}

cases! {
    equal_in_other_units: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: w, resources: {requests: {cpu: 0.1, memory: 1Gi}, limits: {cpu: 100m, memory: 1073741824}}}]}\n"
        => [],
    by_a_hair: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: w, resources: {requests: {memory: 1073741825}, limits: {memory: 1Gi}}}]}\n"
        => ["4:62"],
    without_a_limit: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: w, resources: {requests: {cpu: 8, memory: 8Gi}, limits: {memory: 8Gi}}}]}\n"
        => [],
    any_resource: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: w, resources: {requests: {ephemeral-storage: 2Gi, nvidia.com/gpu: 2}, limits: {ephemeral-storage: 1G, nvidia.com/gpu: 1}}}]}\n"
        => ["4:73", "4:94"],
    init_containers_too: "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n      initContainers: [{name: i, resources: {requests: {cpu: 2}, limits: {cpu: 1}}}]\n      containers: [{name: w}]\n"
        => ["7:62"],
    pod_level: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  resources: {requests: {memory: 2Gi}, limits: {memory: 1Gi}}\n  containers: [{name: w}]\n"
        => ["5:34"],
    limit_range: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: w, resources: {requests: {memory: 2Gi}}}]}\n---\napiVersion: v1\nkind: LimitRange\nmetadata: {name: l}\nspec: {limits: [{type: Container, default: {memory: 1Gi}}]}\n"
        => ["4:62"],
    default_request_gives_way_to_the_limit: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: w, resources: {limits: {memory: 1Gi}}}]}\n---\napiVersion: v1\nkind: LimitRange\nmetadata: {name: l}\nspec: {limits: [{type: Container, defaultRequest: {memory: 2Gi}}]}\n"
        => [],
    unreadable: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: w, resources: {requests: {memory: '{{ .Values.memory }}', cpu: two}, limits: {memory: 1Gi, cpu: 1}}}]}\n"
        => [],
}
