use crate::rules::prelude::*;

declare_rule! {
    /// The API server refuses how a workload is updated.
    ///
    /// ## Why
    /// `maxUnavailable` and `maxSurge` of 0 leave no way to replace a pod; a `progressDeadlineSeconds` that is not
    /// above `minReadySeconds` could never be met; and `rollingUpdate` goes with `type: RollingUpdate` only
    /// (k8s:pkg/apis/apps/validation/validation.go). A DaemonSet takes one of the two numbers, and its defaults are 1
    /// unavailable and no surge. Argo refuses the same of a Rollout.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   strategy:
    ///     type: Recreate
    ///     rollingUpdate: { maxSurge: 1 } # from the base
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    /// ```yaml,fixed
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   strategy:
    ///     type: Recreate
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   progressDeadlineSeconds: 60
    ///   minReadySeconds: 10
    ///   strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "rollout/rejected-strategy" pub struct RejectedStrategy {}
    severity: Error, fix: FixKind::Safe, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("finds what the API server itself refuses"),
}

impl Rule for RejectedStrategy {
    fn check(&self, cx: &mut Ctx<'_>) {
        for workload in cx.cluster.workloads().iter().filter(|workload| !workload.owned) {
            match workload.kind {
                Kind::Deployment => {
                    mixed(cx, workload, "spec/strategy", "Recreate");
                    stuck(cx, workload, "spec/strategy/rollingUpdate");
                    deadline(cx, workload);
                }
                Kind::Rollout => {
                    stuck(cx, workload, "spec/strategy/canary");
                    deadline(cx, workload);
                }
                Kind::DaemonSet => one_of_both(cx, workload),
                Kind::StatefulSet => mixed(cx, workload, "spec/updateStrategy", "OnDelete"),
                _ => {}
            }
        }
    }
}

/// Settings of a rolling update beside another type.
fn mixed(cx: &mut Ctx<'_>, workload: &Workload<'_>, path: &str, other: &str) {
    let Some(strategy) = workload.at(path) else { return };
    if let Some(kind) = strategy.get("type")
        && kind.text() == Some(other)
        && let Some(rolling) = strategy.get("rollingUpdate")
    {
        let message =
            format!("`{}` is updated by {other} and sets `rollingUpdate` too", workload.name);
        cx.report(workload, rolling, message)
            .here("goes with RollingUpdate only")
            .label(kind, "the type")
            .help("remove `rollingUpdate`")
            .fix_safe("remove `rollingUpdate`", [edit::remove(rolling)]);
    }
}

fn is_zero(place: Option<Place<'_>>) -> Option<bool> {
    let share = Share::read(place?)?;
    Some(matches!(share, Share::Absolute(0) | Share::Percent(0)))
}

fn stuck(cx: &mut Ctx<'_>, workload: &Workload<'_>, path: &str) {
    let Some(settings) = workload.at(path) else { return };
    let unavailable = settings.get("maxUnavailable");
    let surge = settings.get("maxSurge");
    let recreates = workload.at("spec/strategy/type").and_then(Place::text) == Some("Recreate");
    if let (Some(place), Some(surge)) = (unavailable, surge)
        && is_zero(unavailable) == Some(true)
        && is_zero(Some(surge)) == Some(true)
        && !recreates
    {
        let message =
            format!("`{}` may neither lose a pod nor add one in an update", workload.name);
        cx.report(workload, place, message)
            .here("no pod may go")
            .label(surge, "and none may come")
            .help("set `maxSurge: 1`");
    }
}

fn one_of_both(cx: &mut Ctx<'_>, workload: &Workload<'_>) {
    let Some(strategy) = workload.at("spec/updateStrategy") else { return };
    let Some(settings) = strategy.get("rollingUpdate").filter(|it| it.is_mapping()) else { return };
    if strategy.text_of("type").is_some_and(|kind| kind != "RollingUpdate") {
        return;
    }
    let (unavailable, surge) = (settings.get("maxUnavailable"), settings.get("maxSurge"));
    // Unset, one pod may be unavailable and none be added.
    let stays = if unavailable.is_some() { is_zero(unavailable) } else { Some(false) };
    let alone = if surge.is_some() { is_zero(surge) } else { Some(true) };
    let name = workload.name;
    match (stays, alone) {
        (Some(true), Some(true)) => {
            let place = unavailable.unwrap_or(settings);
            cx.report(
                workload,
                place,
                format!("`{name}` may neither lose a pod nor add one in an update"),
            )
            .here("no pod may go")
            .label_if(surge, "and none may come")
            .help("set `maxUnavailable: 1`, or `maxSurge: 1`");
        }
        (Some(false), Some(false)) => {
            let place = surge.unwrap_or(settings);
            let label = "and pods may go";
            cx.report(
                workload,
                place,
                format!("`{name}` sets `maxSurge` while `maxUnavailable` is not 0"),
            )
            .here("a DaemonSet takes one of both")
            .label_if(unavailable, label)
            .help("set `maxUnavailable: 0`");
        }
        _ => {}
    }
}

/// `progressDeadlineSeconds` where it is not set.
const DEFAULT: i64 = 600;

fn deadline(cx: &mut Ctx<'_>, workload: &Workload<'_>) {
    let written = workload.at("spec/progressDeadlineSeconds");
    let minimum = workload.at("spec/minReadySeconds");
    let Some(deadline) = written.map_or(Some(DEFAULT), Place::int) else { return };
    let Some(ready) = minimum.map_or(Some(0), Place::int) else { return };
    let Some(spot) = written.or(minimum).filter(|_| deadline <= ready) else { return };
    let unset = if written.is_none() { "unset, which is " } else { "" };
    let message = format!(
        "`progressDeadlineSeconds` of `{}` is {unset}{deadline}, `minReadySeconds` is {ready}",
        workload.name
    );
    cx.report(workload, spot, message)
        .here("the deadline must be longer")
        .label_if(minimum.filter(|_| written.is_some()), "a pod takes this long")
        .help(format!("set `progressDeadlineSeconds: {}`", ready.saturating_add(DEFAULT)));
}

cases! {
    both_zero: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {strategy: {rollingUpdate: {maxUnavailable: '0%', maxSurge: 0}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\nspec: {strategy: {rollingUpdate: {maxUnavailable: 0}}, template: {}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: c}\nspec: {strategy: {rollingUpdate: {maxUnavailable: 0%, maxSurge: 0}}, template: {}}\n---\napiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: d}\nspec: {strategy: {canary: {maxUnavailable: 0, maxSurge: 0}}, template: {}}\n"
        => ["14:51", "19:44"],
    daemon_sets: "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: a}\nspec: {updateStrategy: {rollingUpdate: {maxUnavailable: 0}}, template: {}}\n---\napiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: b}\nspec: {updateStrategy: {rollingUpdate: {maxSurge: 1}}, template: {}}\n---\napiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: c}\nspec: {updateStrategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}, template: {}}\n"
        => ["4:57", "9:51"],
    deadlines: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {progressDeadlineSeconds: 10, minReadySeconds: 10, template: {}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\nspec: {minReadySeconds: 600, template: {}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: c}\nspec: {progressDeadlineSeconds: '${D}', minReadySeconds: 600, template: {}}\n"
        => ["4:33", "9:25"],
    types: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {strategy: {type: Recreate, rollingUpdate: {maxUnavailable: 0, maxSurge: 0}}, template: {}}\n---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: b}\nspec: {updateStrategy: {type: OnDelete, rollingUpdate: {partition: 1}}, template: {}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: c}\nspec: {strategy: {type: Recreate, rollingUpdate: null}, template: {}}\n"
        => ["4:35", "9:41"],
}
