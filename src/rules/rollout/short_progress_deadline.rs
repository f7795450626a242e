use crate::rules::prelude::*;

declare_rule! {
    /// A rollout counts as failed before a pod can have started.
    ///
    /// ## Why
    /// The deadline runs from one pod that becomes available to the next. If that may take longer, a healthy rollout is
    /// marked `ProgressDeadlineExceeded`, and the pipeline that waits for it fails or rolls back
    /// (k8s:pkg/controller/deployment/progress.go). A pod may take its start-up budget plus `minReadySeconds`; the
    /// deadline is 600 s unless it is set.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   progressDeadlineSeconds: 60
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         startupProbe: { httpGet: { path: /healthz, port: 8080 }, failureThreshold: 30 }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   progressDeadlineSeconds: 600
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         startupProbe: { httpGet: { path: /healthz, port: 8080 }, failureThreshold: 30 }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "rollout/short-progress-deadline" pub struct ShortProgressDeadline {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::PROGRESSING,
    conditions: &[policy::UNOWNED],
    shared: policy::OF_CONTAINERS,
    variables: &[
        Variable {
            name: "deadline",
            cel: "
        has(object.spec) && has(object.spec.progressDeadlineSeconds) ? object.spec.progressDeadlineSeconds : 600
        ",
        },
        Variable {
            name: "ready",
            cel: "has(object.spec) && has(object.spec.minReadySeconds) ? object.spec.minReadySeconds : 0",
        },
        Variable {
            name: "budgets",
            cel: "
        variables.containers.filter(c, has(c.startupProbe) || has(c.livenessProbe))
          .map(c, has(c.startupProbe) ? c.startupProbe : c.livenessProbe)
          .map(p, (has(p.initialDelaySeconds) ? p.initialDelaySeconds : 0)
            + (has(p.periodSeconds) && p.periodSeconds > 0 ? p.periodSeconds : 10)
            * (has(p.failureThreshold) && p.failureThreshold > 0 ? p.failureThreshold : 3))
        ",
        },
        findings("
        variables.budgets.filter(b, variables.deadline < b + variables.ready && variables.deadline > variables.ready)
          .map(b, 'it has ' + string(variables.deadline) + ' s to make progress, one pod may take '
            + string(b + variables.ready) + ' s')
        "),
    ],
};

impl Rule for ShortProgressDeadline {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.templates() {
            if matches!(workload.kind, Kind::Deployment | Kind::Rollout) && !workload.owned {
                check(cx, workload);
            }
        }
    }
}

/// `progressDeadlineSeconds` where it is not set.
const DEFAULT: i64 = 600;

fn check(cx: &mut Ctx<'_>, workload: &Workload<'_>) {
    let number = |key| match workload.at(key) {
        Some(place) => place.int(),
        None => Some(if key == "spec/minReadySeconds" { 0 } else { DEFAULT }),
    };
    let budgets = workload.containers.iter().filter_map(Container::startup_budget);
    let longest =
        budgets.filter(|(_, probe)| probe.is_readable()).max_by_key(|(budget, _)| *budget);
    let (Some(deadline), Some(ready)) =
        (number("spec/progressDeadlineSeconds"), number("spec/minReadySeconds"))
    else {
        return;
    };
    let Some((budget, probe)) = longest else { return };
    let needed = budget.saturating_add(ready);
    // What the API server refuses is for `rollout/rejected-strategy`.
    if deadline >= needed || deadline <= ready {
        return;
    }
    let message = format!(
        "`{}` has {deadline} s to make progress, one pod may take {needed} s",
        workload.name
    );
    let written = workload.at("spec/progressDeadlineSeconds");
    let spot = written.map_or_else(|| workload.missing("spec"), Place::primary);
    cx.report(workload, spot, message)
        .here(if written.is_some() { "" } else { "progressDeadlineSeconds is unset, which is 600" })
        .label(probe.place, format!("start-up budget is {budget} s"))
        .label_if(workload.at("spec/minReadySeconds"), "and stays so for this long")
        .help(format!("set `progressDeadlineSeconds: {}`", needed.saturating_mul(2)));
}

cases! {
    unset_is_600: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template: {spec: {containers: [{name: w, startupProbe: {grpc: {port: 1}, failureThreshold: 61}}]}}\n"
        => ["4:1"],
    just_enough: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  progressDeadlineSeconds: 40\n  minReadySeconds: 10\n  template: {spec: {containers: [{name: w, livenessProbe: {grpc: {port: 1}}}]}}\n"
        => [],
    liveness_counts: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  progressDeadlineSeconds: 39\n  minReadySeconds: 10\n  template: {spec: {containers: [{name: w, livenessProbe: {grpc: {port: 1}}}]}}\n"
        => ["5:28"],
    quiet: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {progressDeadlineSeconds: 1, template: {spec: {containers: [{name: w, readinessProbe: {grpc: {port: 1}}}]}}}\n---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: w, startupProbe: {failureThreshold: 100}}]}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: c}\nspec: {progressDeadlineSeconds: '${D}', template: {spec: {containers: [{name: w, startupProbe: {failureThreshold: 100}}]}}}\n"
        => [],
}
