use crate::rules::prelude::*;

declare_rule! {
    /// An autoscaler names a target that nothing can scale.
    ///
    /// ## Why
    /// Only kinds with a `/scale` subresource have a count: no DaemonSet, Job, CronJob, Pod or Service. And an HPA
    /// looks its target up by group and kind: without a group, or in one that has no such kind, it is refused
    /// (`pkg/apis/autoscaling/validation/validation.go`) or stands at FailedGetScale for ever. The fleet keeps its
    /// size, and nothing tells.
    ///
    /// The version after the group does not matter, and other groups than those of Kubernetes are left alone.
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
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef:
    ///     apiVersion: v1 # as for the Service
    ///     kind: Deployment
    ///     name: shop
    ///   minReplicas: 2
    ///   maxReplicas: 9
    /// ```
    /// ```yaml,fixed
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
    ///   scaleTargetRef:
    ///     apiVersion: apps/v1 # as for the Service
    ///     kind: Deployment
    ///     name: shop
    ///   minReplicas: 2
    ///   maxReplicas: 9
    /// ```
    "scaling/unscalable-target" pub struct UnscalableTarget {}
    severity: Error, fix: FixKind::Safe, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::SCALERS,
    conditions: &[policy::NOT_OF_KEDA],
    shared: &[],
    variables: &[
        Variable {
            name: "target",
            cel: "has(object.spec) && has(object.spec.scaleTargetRef) ? object.spec.scaleTargetRef : {}",
        },
        Variable {
            name: "kind",
            cel: "
        has(variables.target.kind) && variables.target.kind != '' ? variables.target.kind
        // KEDA's default.
        : object.kind == 'ScaledObject' ? 'Deployment' : ''
        ",
        },
        Variable {
            name: "group",
            cel: "
        has(variables.target.apiVersion)
          ? (variables.target.apiVersion.contains('/')
            ? variables.target.apiVersion.substring(0, variables.target.apiVersion.lastIndexOf('/')) : '')
          : 'unset'
        ",
        },
        Variable {
            name: "home",
            cel: "
        // The group that has the kind, of those kinds that can be scaled.
        variables.kind in ['Deployment', 'StatefulSet', 'ReplicaSet'] ? 'apps'
        : variables.kind == 'ReplicationController' ? ''
        : variables.kind == 'Rollout' ? 'argoproj.io' : 'none'
        ",
        },
        Variable {
            name: "scales",
            cel: "
        variables.kind == ''
        // No more is known of other groups than those of Kubernetes.
        || (variables.group == 'unset'
          ? variables.home == '' || (object.kind == 'ScaledObject' && variables.home == 'apps')
          : variables.home == variables.group || !(variables.group in
            ['', 'apps', 'batch', 'extensions', 'autoscaling', 'policy', 'networking.k8s.io']))
        ",
        },
        findings("
        variables.scales ? [] : [
          object.kind + ' `' + object.metadata.name + '` never scales its target: '
          + (variables.group == 'unset' ? 'without an `apiVersion`' : '`' + variables.target.apiVersion + '`')
          + ' there is no `' + variables.kind + '` that can be scaled']
        "),
    ],
};

impl Rule for UnscalableTarget {
    fn check(&self, cx: &mut Ctx<'_>) {
        for autoscaler in cx.cluster.autoscalers() {
            match (autoscaler.unscalable(), autoscaler.target_ref) {
                (Some(Unscalable::Kind), Some(target)) => kind(cx, autoscaler, target),
                (Some(Unscalable::Group), Some(target)) => group(cx, autoscaler, target),
                _ => {}
            }
        }
    }
}

fn kind(cx: &mut Ctx<'_>, autoscaler: &Autoscaler<'_>, target: Place<'_>) {
    let kind = autoscaler.target.kind;
    let near = ["Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"];
    let near = near.into_iter().find(|name| name.eq_ignore_ascii_case(kind));
    let what = if near.is_some() { "is no kind" } else { "has no `/scale`" };
    let message = format!(
        "{} `{}` never scales `{}`: `{kind}` {what}",
        autoscaler.word(),
        autoscaler.name,
        autoscaler.target.name
    );
    let help = match (near, kind) {
        (Some(near), _) => format!("write `kind: {near}`"),
        (None, "Job" | "CronJob") => {
            "remove it; KEDA's ScaledJob starts a job for each piece of work".to_owned()
        }
        (None, "DaemonSet") => "remove it: a DaemonSet has one pod for each node".to_owned(),
        _ => "name what makes the pods: a Deployment, StatefulSet or ReplicaSet".to_owned(),
    };
    cx.report(autoscaler, target.get("kind").unwrap_or(target), message)
        .here(if near.is_some() {
            "upper and lower case count"
        } else {
            "has no count of replicas"
        })
        .help(help);
}

fn group(cx: &mut Ctx<'_>, autoscaler: &Autoscaler<'_>, target: Place<'_>) {
    let kind = autoscaler.target.kind;
    let written = target.get("apiVersion");
    let (word, name) = (autoscaler.word(), autoscaler.name);
    let message = match written.and_then(Place::text) {
        Some(text) => format!(
            "{word} `{name}` never scales `{}`: `{text}` has no `{kind}`",
            autoscaler.target.name
        ),
        None if autoscaler.is_keda() => format!(
            "{word} `{name}` never scales `{}`: apiVersion is unset, which is `apps/v1`",
            autoscaler.target.name
        ),
        None => format!(
            "{word} `{name}` never scales `{}`: apiVersion is unset, which is the core group",
            autoscaler.target.name
        ),
    };
    let (api_version, certain) = match kind {
        "Deployment" | "StatefulSet" | "ReplicaSet" => ("apps/v1", true),
        "Rollout" => ("argoproj.io/v1alpha1", false),
        "ReplicationController" => ("v1", false),
        _ => ("", false),
    };
    let help = if api_version.is_empty() {
        format!("write the `apiVersion` that `{kind}` has in its own manifest")
    } else {
        format!("write `apiVersion: {api_version}`")
    };
    let report = cx
        .report(autoscaler, written.unwrap_or(target), message)
        .here(format!("no group that has `{kind}`"))
        .help(help);
    if certain {
        let op = match written {
            Some(written) => edit::set(written, api_version),
            None => edit::insert(target, "apiVersion", api_version),
        };
        report.fix_safe(format!("set apiVersion to `{api_version}`"), [op]);
    }
}

cases! {
    daemon_set: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  scaleTargetRef:\n    apiVersion: apps/v1\n    kind: DaemonSet\n    name: a\n  maxReplicas: 3\n"
        => ["7:11"],
    once_for_kind_and_group: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  scaleTargetRef:\n    apiVersion: v1\n    kind: DaemonSet\n    name: a\n  maxReplicas: 3\n"
        => ["7:11"],
    service_and_job: "apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: v1, kind: Service, name: a}, maxReplicas: 3}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: b}\nspec: {scaleTargetRef: {apiVersion: batch/v1, kind: Job, name: a}}\n"
        => ["4:47", "9:53"],
    no_api_version: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  scaleTargetRef:\n    kind: Deployment\n    name: a\n  maxReplicas: 3\n"
        => ["5:3"],
    extensions: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  scaleTargetRef:\n    apiVersion: extensions/v1beta1\n    kind: Deployment\n    name: a\n  maxReplicas: 3\n"
        => ["6:17"],
    replication_controllers_have_no_group: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {kind: ReplicationController, name: a}, maxReplicas: 3}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: b}\nspec: {scaleTargetRef: {apiVersion: v1, kind: ReplicationController, name: b}, maxReplicas: 3}\n"
        => [],
    replication_controller_in_a_group: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  scaleTargetRef:\n    apiVersion: apps/v1\n    kind: ReplicationController\n    name: a\n  maxReplicas: 3\n"
        => ["6:17"],
    keda_has_defaults: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: b}\nspec: {scaleTargetRef: {kind: StatefulSet, name: b}}\n"
        => [],
    keda_defaults_do_not_fit: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {kind: Rollout, name: a}}\n"
        => ["4:8"],
    old_versions_are_the_same_group: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1beta2, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => [],
    other_groups_are_unknown: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: serving.knative.dev/v1, kind: Service, name: a}, maxReplicas: 3}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: b}\nspec: {scaleTargetRef: {apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: b}, maxReplicas: 3}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: c}\nspec: {scaleTargetRef: {apiVersion: apps.kruise.io/v1alpha1, kind: CloneSet, name: c}, maxReplicas: 3}\n"
        => [],
    lower_case: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  scaleTargetRef:\n    apiVersion: apps/v1\n    kind: deployment\n    name: a\n  maxReplicas: 3\n"
        => ["7:11"],
    no_target: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {maxReplicas: 3}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: b}\nspec: {scaleTargetRef: {apiVersion: v1, name: b}, maxReplicas: 3}\n"
        => [],
}
