//! What of a rule the API server can check by itself: CEL over one object, as a `ValidatingAdmissionPolicy`
//! evaluates it.
//!
//! Each rule that one object decides has its expressions in its own file; what several of them need is here. The
//! last variable of each is `findings`, a list of texts that is empty for what the rule does not report. A test
//! compares them with the rule on the same objects.
//!
//! What holds for every expression:
//! - `object` has no types before it runs, and an error denies the request: each optional field is asked for with
//!   `has()`. What may be a number or a text, such as a port, is compared as text: `string(port) == port` says that
//!   it is one.
//! - Defaults are written out. The API server has filled them in, files have not.
//! - Functions are those of Kubernetes 1.30, without optional syntax, and loops are two deep at the most: nothing
//!   states their cost beforehand, and one that is too dear at run time is an error.

/// Whether a rule can be had as a `ValidatingAdmissionPolicy`.
#[derive(Clone, Copy, Debug)]
pub enum Admission {
    /// As this one.
    Policy(&'static Policy),
    /// Not at all, and why; a clause that goes on from "the rule `a/b` …".
    Never(&'static str),
}

/// A rule in CEL.
#[derive(Debug)]
pub struct Policy {
    /// The objects that it is about.
    pub resources: &'static [Resource],
    /// What must hold of an object for it to be judged, beside what must hold for every rule.
    pub conditions: &'static [Condition],
    /// Named expressions that rules share, each of which may use those before it.
    pub shared: &'static [Variable],
    /// Those of this rule, behind the shared ones; the last one is [`FINDINGS`].
    pub variables: &'static [Variable],
}

impl Policy {
    /// True if it reads [`KEDA_VERSION`].
    pub fn reads_keda_version(&self) -> bool {
        self.findings().contains(KEDA_VERSION)
    }

    /// What the rule finds, as one expression: each variable is bound for what uses it by a list that holds it alone,
    /// which every evaluator of CEL knows, and computes once.
    pub fn findings(&self) -> String {
        let variables: Vec<_> = self.shared.iter().chain(self.variables).collect();
        let Some((findings, before)) = variables.split_last() else { return String::new() };
        bound(before, &text(findings)).replace(VARIABLES, "") + "[0]"
    }
}

const VARIABLES: &str = "variables.";

fn text(variable: &Variable) -> String {
    dedent(variable.cel).trim_end().to_owned()
}

/// A list with `cel` as its one item, with those of `variables` that it uses.
fn bound(variables: &[&Variable], cel: &str) -> String {
    let Some((last, before)) = variables.split_last() else { return format!("[{cel}\n]") };
    let name = last.name;
    if !uses(cel, last) {
        bound(before, cel)
    } else if before.iter().any(|variable| uses(cel, variable)) {
        bound(before, &format!("[{}\n].map({name}, {cel}\n)[0]", text(last)))
    } else {
        // A chain is not as deep as brackets in brackets.
        format!("{}.map({name}, {cel}\n)", bound(before, &text(last)))
    }
}

fn uses(cel: &str, variable: &Variable) -> bool {
    cel.split(VARIABLES).skip(1).any(|rest| {
        let behind = rest.strip_prefix(variable.name);
        behind.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    })
}

/// The variable that holds what a rule finds: texts, none if all is well.
pub const FINDINGS: &str = "findings";

/// A kind of objects, as the API server calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Version within the group.
    pub version: &'static str,
    /// The plural name of the kind, in lower case.
    pub plural: &'static str,
}

/// A named expression.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// As others refer to it, behind `variables.`.
    pub name: &'static str,
    /// The expression, indented as the source is.
    pub cel: &'static str,
}

/// A condition without which an object is not judged.
#[derive(Clone, Copy, Debug)]
pub struct Condition {
    /// A qualified name.
    pub name: &'static str,
    /// The expression, indented as the source is.
    pub cel: &'static str,
}

/// The variable [`FINDINGS`].
pub const fn findings(cel: &'static str) -> Variable {
    Variable { name: FINDINGS, cel }
}

/// `cel` without the indentation that all its lines share. Several lines end in a line end.
pub fn dedent(cel: &str) -> String {
    let lines = || cel.lines().filter(|line| !line.trim().is_empty());
    let indent = |line: &str| line.len() - line.trim_start().len();
    let shared = lines().map(indent).min().unwrap_or(0);
    let cut: Vec<_> = lines().filter_map(|line| line.get(shared..)).map(str::trim_end).collect();
    match cut.as_slice() {
        [line] => (*line).to_owned(),
        lines => lines.join("\n") + "\n",
    }
}

const fn apps(plural: &'static str) -> Resource {
    Resource { group: "apps", version: "v1", plural }
}

const fn monitoring(plural: &'static str) -> Resource {
    Resource { group: "monitoring.coreos.com", version: "v1", plural }
}

const DEPLOYMENTS: Resource = apps("deployments");
const STATEFUL_SETS: Resource = apps("statefulsets");
const DAEMON_SETS: Resource = apps("daemonsets");
const REPLICA_SETS: Resource = apps("replicasets");
const PODS: Resource = Resource { group: "", version: "v1", plural: "pods" };
const CONTROLLERS: Resource =
    Resource { group: "", version: "v1", plural: "replicationcontrollers" };
const LIMIT_RANGES: Resource = Resource { group: "", version: "v1", plural: "limitranges" };
const JOBS: Resource = Resource { group: "batch", version: "v1", plural: "jobs" };
const CRON_JOBS: Resource = Resource { group: "batch", version: "v1", plural: "cronjobs" };
const ROLLOUTS: Resource =
    Resource { group: "argoproj.io", version: "v1alpha1", plural: "rollouts" };
const HPAS: Resource =
    Resource { group: "autoscaling", version: "v2", plural: "horizontalpodautoscalers" };
const SCALED: Resource =
    Resource { group: "keda.sh", version: "v1alpha1", plural: "scaledobjects" };

/// Everything with a pod template, and pods.
pub const WORKLOADS: &[Resource] = &[
    DEPLOYMENTS,
    STATEFUL_SETS,
    DAEMON_SETS,
    REPLICA_SETS,
    PODS,
    CONTROLLERS,
    JOBS,
    CRON_JOBS,
    ROLLOUTS,
];

/// [`WORKLOADS`] and what sets the defaults of their amounts.
pub const AMOUNT_HOLDERS: &[Resource] = &[
    DEPLOYMENTS,
    STATEFUL_SETS,
    DAEMON_SETS,
    REPLICA_SETS,
    PODS,
    CONTROLLERS,
    LIMIT_RANGES,
    JOBS,
    CRON_JOBS,
    ROLLOUTS,
];

/// Workloads that run until they are stopped.
pub const SERVERS: &[Resource] =
    &[DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS, REPLICA_SETS, PODS, CONTROLLERS, ROLLOUTS];

/// Workloads whose selector is their author's.
pub const SELECTING: &[Resource] =
    &[DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS, REPLICA_SETS, CONTROLLERS, JOBS, ROLLOUTS];

/// Deployments.
pub const DEPLOYED: &[Resource] = &[DEPLOYMENTS];

/// What replaces its pods step by step, within a time.
pub const PROGRESSING: &[Resource] = &[DEPLOYMENTS, ROLLOUTS];

/// Jobs and CronJobs.
pub const RUNS: &[Resource] = &[JOBS, CRON_JOBS];

/// HPAs.
pub const AUTOSCALERS: &[Resource] = &[HPAS];

/// KEDA's ScaledObjects.
pub const SCALED_OBJECTS: &[Resource] = &[SCALED];

/// HPAs and ScaledObjects.
pub const SCALERS: &[Resource] = &[HPAS, SCALED];

/// ServiceMonitors and PodMonitors.
pub const MONITORS: &[Resource] = &[monitoring("servicemonitors"), monitoring("podmonitors")];

/// PodDisruptionBudgets.
pub const BUDGETS: &[Resource] =
    &[Resource { group: "policy", version: "v1", plural: "poddisruptionbudgets" }];

/// What a controller makes from a template is judged with the template: the pod of a Deployment would be reported
/// with each replica.
pub const JUDGED_WITH_OWNER: Condition = Condition {
    name: "not-judged-with-its-owner",
    cel: "
        !has(object.metadata.ownerReferences) || !object.metadata.ownerReferences.exists(owner,
          has(owner.controller) && owner.controller && owner.kind in [
            'Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'ReplicationController', 'Job', 'CronJob', 'Rollout'
          ])
    ",
};

/// What another object owns is left to whoever made that: the rules on probes and rollouts do so too.
pub const UNOWNED: Condition =
    Condition { name: "not-owned", cel: "!has(object.metadata.ownerReferences)" };

/// The HPA that KEDA makes is judged as the ScaledObject.
pub const NOT_OF_KEDA: Condition = Condition {
    name: "not-made-by-keda",
    cel: "
        object.kind != 'HorizontalPodAutoscaler' || !has(object.metadata.labels)
          || !('scaledobject.keda.sh/name' in object.metadata.labels)
    ",
};

/// The pod template of any workload; of a pod itself the pod.
const POD_TEMPLATE: Variable = Variable {
    name: "podTemplate",
    cel: "
        object.kind == 'Pod' ? object
        : !has(object.spec) ? {}
        : has(object.spec.jobTemplate)
          ? (has(object.spec.jobTemplate.spec) && has(object.spec.jobTemplate.spec.template)
              ? object.spec.jobTemplate.spec.template : {})
        : has(object.spec.template) ? object.spec.template : {}
    ",
};

/// The spec of the pods.
const POD_SPEC: Variable = Variable {
    name: "podSpec",
    cel: "has(variables.podTemplate.spec) ? variables.podTemplate.spec : {}",
};

/// What runs in steady state: containers, and init containers that stay as sidecars.
const CONTAINERS: Variable = Variable {
    name: "containers",
    cel: "
        (has(variables.podSpec.containers) ? variables.podSpec.containers : [])
        + (has(variables.podSpec.initContainers)
            ? variables.podSpec.initContainers.filter(c, has(c.restartPolicy) && c.restartPolicy == 'Always') : [])
    ",
};

/// Containers and all init containers.
const ALL_CONTAINERS: Variable = Variable {
    name: "allContainers",
    cel: "
        (has(variables.podSpec.containers) ? variables.podSpec.containers : [])
        + (has(variables.podSpec.initContainers) ? variables.podSpec.initContainers : [])
    ",
};

/// The names of the containers, with the limits that hold for each: its own, and those of the pod as a whole.
const LIMITED: [Variable; 2] = [
    Variable {
        name: "podLimits",
        cel: "
        has(variables.podSpec.resources) && has(variables.podSpec.resources.limits)
        ? variables.podSpec.resources.limits.map(r, r) : []
        ",
    },
    Variable {
        name: "limited",
        cel: "
        variables.containers.map(c, [c.name, variables.podLimits
          + (has(c.resources) && has(c.resources.limits) ? c.resources.limits.map(r, r) : [])])
        ",
    },
];

/// What has `resources`: containers, init containers, and the pod as a whole.
const HOLDERS: Variable = Variable {
    name: "holders",
    cel: "
        variables.allContainers.filter(c, has(c.resources))
        + (has(variables.podSpec.resources) ? [variables.podSpec] : [])
    ",
};

/// The limits of a LimitRange.
const RANGES: Variable = Variable {
    name: "ranges",
    cel: "object.kind == 'LimitRange' && has(object.spec) && has(object.spec.limits) ? object.spec.limits : []",
};

/// All amounts, as pairs: who has them, and a map from resources to amounts.
const AMOUNTS: Variable = Variable {
    name: "amounts",
    cel: "
        variables.holders.filter(h, has(h.resources.requests)).map(h,
          [(has(h.name) ? 'container `' + h.name + '`' : 'the pod') + ' requests', h.resources.requests])
        + variables.holders.filter(h, has(h.resources.limits)).map(h,
          [(has(h.name) ? 'container `' + h.name + '`' : 'the pod') + ' is limited to', h.resources.limits])
        + variables.ranges.filter(l, has(l.default)).map(l, ['`default` is', l.default])
        + variables.ranges.filter(l, has(l.defaultRequest)).map(l, ['`defaultRequest` is', l.defaultRequest])
        + variables.ranges.filter(l, has(l.min)).map(l, ['`min` is', l.min])
        + variables.ranges.filter(l, has(l.max)).map(l, ['`max` is', l.max])
    ",
};

/// `spec`, also of what has none.
const SPEC: Variable = Variable { name: "spec", cel: "has(object.spec) ? object.spec : {}" };

/// How fast an HPA scales, or the HPA that KEDA makes.
const BEHAVIOR: Variable = Variable {
    name: "behavior",
    cel: "
        object.kind != 'ScaledObject' ? (has(variables.spec.behavior) ? variables.spec.behavior : {})
        : has(variables.spec.advanced) && has(variables.spec.advanced.horizontalPodAutoscalerConfig)
            && has(variables.spec.advanced.horizontalPodAutoscalerConfig.behavior)
          ? variables.spec.advanced.horizontalPodAutoscalerConfig.behavior : {}
    ",
};

/// The triggers of a ScaledObject.
const TRIGGERS: Variable = Variable {
    name: "triggers",
    cel: "has(variables.spec.triggers) ? variables.spec.triggers.filter(t, has(t.type)) : []",
};

/// The floor and the ceiling of an autoscaler; an HPA without a ceiling is refused.
const BOUNDS: [Variable; 2] = [
    Variable {
        name: "floor",
        cel: "
        object.kind == 'ScaledObject' ? (has(variables.spec.minReplicaCount) ? variables.spec.minReplicaCount : 0)
        : has(variables.spec.minReplicas) ? variables.spec.minReplicas : 1
        ",
    },
    Variable {
        name: "ceiling",
        cel: "
        object.kind == 'ScaledObject' ? (has(variables.spec.maxReplicaCount) ? variables.spec.maxReplicaCount : 100)
        : has(variables.spec.maxReplicas) ? variables.spec.maxReplicas : 0
        ",
    },
];

/// Whether KEDA is known to be older than 2.18.
const BEFORE_KEDA_2_18: Variable = Variable {
    name: "beforeKeda218",
    cel: "
        params.data['cluster.keda'] != '' && (int(params.data['cluster.keda'].split('.')[0]) < 2
          || (params.data['cluster.keda'].startsWith('2.') && int(params.data['cluster.keda'].split('.')[1]) < 18))
    ",
};

/// The parameter that holds the version of KEDA, such as `2.18`; empty if it is not known.
pub const KEDA_VERSION: &str = "cluster.keda";

/// With the variable `spec`.
pub const OF_SPEC: &[Variable] = &[SPEC];

/// With the variables `spec` and `behavior`.
pub const OF_BEHAVIOR: &[Variable] = &[SPEC, BEHAVIOR];

/// With the variables `spec`, `floor` and `ceiling`.
pub const OF_BOUNDS: &[Variable] = &[SPEC, BOUNDS[0], BOUNDS[1]];

/// With the variables `spec`, `floor`, `ceiling`, `triggers` and `beforeKeda218`.
pub const OF_TRIGGERS: &[Variable] = &[SPEC, BOUNDS[0], BOUNDS[1], TRIGGERS, BEFORE_KEDA_2_18];

/// With the variable `podTemplate`.
pub const OF_TEMPLATE: &[Variable] = &[POD_TEMPLATE];

/// With the variables `podSpec` and `containers`.
pub const OF_CONTAINERS: &[Variable] = &[POD_TEMPLATE, POD_SPEC, CONTAINERS];

/// With the variable `limited`: pairs of a container's name and the resources that are limited for it.
pub const OF_LIMITS: &[Variable] = &[POD_TEMPLATE, POD_SPEC, CONTAINERS, LIMITED[0], LIMITED[1]];

/// With the variables `podSpec` and `allContainers`.
pub const OF_ALL_CONTAINERS: &[Variable] = &[POD_TEMPLATE, POD_SPEC, ALL_CONTAINERS];

/// With the variable `holders`.
pub const OF_HOLDERS: &[Variable] = &[POD_TEMPLATE, POD_SPEC, ALL_CONTAINERS, HOLDERS];

/// With the variable `amounts`.
pub const OF_AMOUNTS: &[Variable] =
    &[POD_TEMPLATE, POD_SPEC, ALL_CONTAINERS, HOLDERS, RANGES, AMOUNTS];

#[cfg(test)]
mod tests {
    use super::dedent;

    #[test]
    fn shared_indentation_goes() {
        assert_eq!(dedent("\n    a\n      .b()\n    "), "a\n  .b()\n");
        assert_eq!(dedent("  a"), "a");
    }
}
