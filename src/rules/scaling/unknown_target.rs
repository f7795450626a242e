use rustc_hash::FxHashMap;

use crate::rules::prelude::*;

declare_rule! {
    /// An autoscaler scales something that is not in the input.
    ///
    /// ## Why
    /// Where the target does not exist, the HPA stands at FailedGetScale and the fleet keeps its size; nothing else
    /// tells (zegl/kube-score#332). Usually it is a slip: an old name, a Deployment that became a StatefulSet,
    /// another namespace.
    ///
    /// The target may also lie in files that were not given. So this is advice, a warning where something much like
    /// the target is in the input, and an error only with `closed_world = true`.
    ///
    /// ## Peers
    /// kube-score and kube-linter fail an HPA whose target is not among the files. slogen calls it an error only
    /// with `closed_world = true`: what was not read is not known to be missing, and a near miss is what tells a
    /// slip from a file elsewhere.
    ///
    /// ## Fix safety
    /// Unsafe: the nearest name is a guess, and a wrong one scales something else.
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
    ///     apiVersion: apps/v1
    ///     kind: Deployment
    ///     name: shopp # the one above
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
    ///     apiVersion: apps/v1
    ///     kind: Deployment
    ///     name: shop # the one above
    ///   minReplicas: 2
    ///   maxReplicas: 9
    /// ```
    "scaling/unknown-target" pub struct UnknownTarget {}
    severity: Warning, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs to know which objects there are"),
}

impl Rule for UnknownTarget {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let mut named: Option<FxHashMap<&str, Vec<&Object<'_>>>> = None;
        let mut slips = 0;
        for autoscaler in cluster.autoscalers() {
            let name = autoscaler.target_ref.and_then(|target| target.get("name"));
            let Some(name) = name.filter(|name| name.text().is_some_and(is_name)) else { continue };
            if cluster.target(autoscaler).is_some() || told_elsewhere(cx, autoscaler) {
                continue;
            }
            // Targets of kinds that have no view, and workloads without a template.
            let named = named.get_or_insert_with(|| by_name(cluster));
            let objects = named.get(autoscaler.target.name).map_or(&[][..], Vec::as_slice);
            if !objects.iter().any(|object| is_target(autoscaler, object)) {
                report(cx, autoscaler, name, &mut slips);
            }
        }
    }
}

/// Where so many targets are missing, the input is incomplete, and no name in it tells of a slip.
const MOST_SLIPS: usize = 50;

/// False for what another tool still has to fill in.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
}

/// True if the target can never be scaled, which is reported as an error.
fn told_elsewhere(cx: &Ctx<'_>, autoscaler: &Autoscaler<'_>) -> bool {
    let told = match autoscaler.unscalable() {
        Some(Unscalable::Kind) => true,
        // Without a group the name may be wrong too.
        Some(Unscalable::Group) => autoscaler.target.group.is_some(),
        None => autoscaler.target.kind.is_empty(),
    };
    told && (autoscaler.target.kind.is_empty() || cx.runs("scaling/unscalable-target"))
}

fn by_name<'c, 'a>(cluster: &'c Cluster<'a>) -> FxHashMap<&'a str, Vec<&'c Object<'a>>> {
    let mut named: FxHashMap<&str, Vec<_>> = FxHashMap::default();
    for object in cluster.objects() {
        named.entry(object.name).or_default().push(object);
    }
    named
}

fn is_target(autoscaler: &Autoscaler<'_>, object: &Object<'_>) -> bool {
    let target = Reference { group: None, ..autoscaler.target };
    // What was in `extensions` is in `apps` now.
    let group = autoscaler.target.group.is_none_or(|group| {
        group == object.group || (group == "apps" && object.group == "extensions")
    });
    group && target.names(object) && autoscaler.shares_namespace(object)
}

/// What may have been meant.
enum Near<'c, 'a> {
    Kind(&'c Workload<'a>),
    Namespace(&'c Workload<'a>),
    Name(&'c Workload<'a>),
}

fn near<'c, 'a>(
    cluster: &'c Cluster<'a>,
    autoscaler: &'c Autoscaler<'a>,
    slips: &mut usize,
) -> Option<Near<'c, 'a>> {
    let target = autoscaler.target;
    let named = || cluster.workloads_named(target.name).filter(|workload| !workload.owned);
    let other_kind = |workload: &&Workload<'a>| workload.kind_name != target.kind;
    let kind = || named().filter(other_kind).find(|it| it.shares_namespace(autoscaler));
    let namespace = || named().find(|workload| target.names(workload));
    // What has an autoscaler already is not what this one forgot.
    let mut similar = || {
        *slips += 1;
        if *slips > MOST_SLIPS {
            return None;
        }
        let fits = |workload: &&Workload<'a>| {
            workload.kind_name == target.kind
                && target.group.is_none_or(|group| group == workload.group)
                && workload.name.len().abs_diff(target.name.len()) <= 2
                && cluster.autoscalers_of(workload).next().is_none()
        };
        let candidates: Vec<_> = cluster.workloads_beside(autoscaler).filter(fits).collect();
        let name = nearest(target.name, candidates.iter().map(|workload| workload.name))?;
        candidates.into_iter().find(|workload| workload.name == name)
    };
    kind()
        .map(Near::Kind)
        .or_else(|| namespace().map(Near::Namespace))
        .or_else(|| similar().map(Near::Name))
}

fn report<'a>(cx: &mut Ctx<'_>, autoscaler: &Autoscaler<'a>, name: Place<'a>, slips: &mut usize) {
    let cluster = cx.cluster;
    let target = autoscaler.target;
    let closed = cluster.is_closed();
    let near = near(cluster, autoscaler, slips);
    if near.is_none() && !closed && cluster.workloads_beside(autoscaler).next().is_none() {
        return;
    }
    // Where a namespace is unset, nobody knows which one it will be.
    let unsure = match &near {
        Some(Near::Namespace(workload)) => {
            workload.namespace.is_none() != autoscaler.namespace.is_none()
        }
        _ => false,
    };
    let severity = match near {
        _ if closed && !unsure => Error,
        Some(_) => Warning,
        None => Info,
    };
    let scales = format!(
        "{} `{}` scales {} `{}`",
        autoscaler.word(),
        autoscaler.name,
        target.kind,
        target.name
    );
    let missing = format!("{scales}, which is not in the input");
    let kind = autoscaler.target_ref.and_then(|target| target.get("kind"));
    match near {
        None => {
            cx.report(autoscaler, name, missing).severity(severity).here("not in the input").help(
                format!(
                    "name a workload of {}, or lint the file of `{}` too",
                    of(autoscaler),
                    target.name
                ),
            );
        }
        Some(Near::Kind(workload)) => {
            let report = cx
                .report(
                    autoscaler,
                    kind.unwrap_or(name),
                    format!("{missing}; {} is", workload.title()),
                )
                .severity(severity)
                .here("another kind")
                .label(workload.spot(), format!("a {}", workload.kind_name));
            if is_scalable(workload) {
                let report = report.help(format!("write `kind: {}`", workload.kind_name));
                if let Some(place) = autoscaler.target_ref {
                    report.fix_unsafe(
                        format!("set kind to {} (unsafe: starts to scale it)", workload.kind_name),
                        retarget(place, autoscaler, workload),
                    );
                }
            } else {
                let kind = workload.kind_name;
                report.help(format!("name what makes the pods; a {kind} has no count to set"));
            }
        }
        Some(Near::Namespace(workload)) => {
            let spot =
                workload.at("metadata/namespace").map_or_else(|| workload.spot(), Place::primary);
            cx.report(
                autoscaler,
                name,
                format!(
                    "{scales} of {}, which is not in the input; {} has one",
                    of(autoscaler),
                    of(workload)
                ),
            )
            .severity(severity)
            .here("looked up in the autoscaler's own namespace")
            .label(spot, format!("`{}` is in {}", workload.name, of(workload)))
            .help(match workload.namespace {
                Some(namespace) => format!(
                    "set `metadata.namespace` of the {} to `{namespace}`",
                    autoscaler.word()
                ),
                None => format!("set the same `metadata.namespace` on `{}`", workload.name),
            });
        }
        Some(Near::Name(workload)) => {
            cx.report(autoscaler, name, format!("{missing}; `{}` is", workload.name))
                .severity(severity)
                .here("not in the input")
                .label(workload.spot(), "nothing scales this one")
                .help(format!("write `name: {}`", workload.name))
                .fix_unsafe(
                    format!("set name to `{}` (unsafe: starts to scale it)", workload.name),
                    [edit::set(name, workload.name)],
                );
        }
    }
}

/// The changes that make a target name the kind of `workload`.
fn retarget<'a>(
    target: Place<'a>,
    autoscaler: &Autoscaler<'a>,
    workload: &Workload<'a>,
) -> Vec<crate::finding::Op> {
    let kind = match target.get("kind") {
        Some(kind) => edit::set(kind, workload.kind_name),
        None => edit::insert(target, "kind", workload.kind_name),
    };
    let written = workload.root.text_of("apiVersion").unwrap_or("");
    let version = match target.get("apiVersion") {
        Some(version) if autoscaler.target.group != Some(workload.group) => {
            Some(edit::set(version, written))
        }
        // KEDA takes `apps` where none is written.
        None if workload.group != "apps" => Some(edit::insert(target, "apiVersion", written)),
        _ => None,
    };
    [kind].into_iter().chain(version).collect()
}

fn is_scalable(workload: &Workload<'_>) -> bool {
    matches!(workload.kind, Kind::Deployment | Kind::StatefulSet | Kind::ReplicaSet | Kind::Rollout)
        && workload.group != "extensions"
}

fn of(object: &Object<'_>) -> String {
    match object.namespace {
        Some(namespace) => format!("namespace `{namespace}`"),
        None => "no set namespace".to_owned(),
    }
}

cases! {
    nothing_else_is_known: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => [],
    closed_world: "# lint: closed_world = true\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, maxReplicas: 3}\n"
        => ["4:70"],
    another_workload: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: front}, maxReplicas: 3}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: queue}\nspec: {template: {}}\n"
        => ["4:70"],
    another_kind: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  scaleTargetRef:\n    apiVersion: apps/v1\n    kind: Deployment\n    name: shop\n  maxReplicas: 3\n---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: shop}\nspec: {template: {}}\n"
        => ["7:11"],
    another_namespace: "# file: a.yaml\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: x}\nspec:\n  scaleTargetRef:\n    apiVersion: apps/v1\n    kind: Deployment\n    name: shop\n  maxReplicas: 3\n# file: b.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop, namespace: y}\nspec: {template: {}}\n"
        => ["a.yaml:8:11"],
    in_another_file: "# file: a.yaml\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: x}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}, maxReplicas: 3}\n# file: b.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop, namespace: x}\nspec: {template: {}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shops, namespace: x}\nspec: {template: {}}\n"
        => [],
    without_namespaces_in_another_file: "# file: a.yaml\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: shop}}\n# file: b.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec: {template: {}}\n"
        => [],
    without_a_template: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}, maxReplicas: 3}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec: {}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\nspec: {template: {}}\n"
        => [],
    of_a_kind_of_its_own: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: example.org/v1, kind: Model, name: shop}, maxReplicas: 3}\n---\napiVersion: example.org/v2\nkind: Model\nmetadata: {name: shop}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\nspec: {template: {}}\n"
        => [],
    rollout_with_a_reference: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: shop}, maxReplicas: 3}\n---\napiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: shop}\nspec: {workloadRef: {apiVersion: apps/v1, kind: Deployment, name: b}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: c}\nspec: {template: {}}\n"
        => [],
    similar_but_scaled_already: "# lint: closed_world = false\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop-a}, maxReplicas: 3}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: b}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop-b}, maxReplicas: 3}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop-b}\nspec: {template: {}}\n"
        => ["4:70"],
    a_template_of_another_tool: "# lint: closed_world = true\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: \"${NAME}\"}, maxReplicas: 3}\n"
        => [],
    no_name: "# lint: closed_world = true\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment}, maxReplicas: 3}\n"
        => [],
    in_the_group_of_old: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}, maxReplicas: 3}\n---\napiVersion: extensions/v1beta1\nkind: Deployment\nmetadata: {name: shop}\nspec: {template: {}}\n"
        => [],
    in_another_group: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: example.org/v1, kind: Deployment, name: shop}, maxReplicas: 3}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec: {template: {}}\n"
        => ["4:77"],
    without_the_rule_on_kinds_that_never_scale: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: DaemonSet, name: shop}, maxReplicas: 3}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec: {template: {}}\n"
        => ["4:52"],
    a_service_of_that_name_is_no_near_miss: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}, maxReplicas: 3}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: shop}\n"
        => [],
    namespace_of_the_command_line: "# file: a.yaml\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}\n  maxReplicas: 3\n# file: b.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop, namespace: y}\nspec: {template: {}}\n"
        => ["a.yaml:5:65"],
    keda_without_a_kind: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec: {template: {}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}}\n"
        => ["9:31"],
}
