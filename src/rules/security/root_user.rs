use crate::rules::prelude::*;

declare_rule! {
    /// A container may run as root.
    ///
    /// ## Why
    /// Who breaks out of it is root on the node, and whatever is mounted is theirs to change. Neither the container nor
    /// the pod sets `runAsNonRoot: true` or a `runAsUser` above 0, so the image decides, and most images decide for
    /// root. What the container sets wins over what the pod sets
    /// (kubernetes.io/docs/concepts/security/pod-security-standards).
    ///
    /// ## Peers
    /// kube-score wants user and group above 10000. slogen takes any user but 0: that is what the Pod Security
    /// Standards ask for, and well-known images run as 101, 999 or 1000.
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
    ///         securityContext: { readOnlyRootFilesystem: true }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       securityContext: { runAsUser: 0 }
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
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       securityContext: { runAsNonRoot: true }
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
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         securityContext: { runAsUser: 10001 }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "security/root-user" pub struct RootUser {}
    severity: Warning, fix: FixKind::None, preset: Preset::Security, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("finds what Pod Security, built into Kubernetes, enforces by a label of the namespace"),
}

impl Rule for RootUser {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.templates().filter(|workload| !workload.is_windows()) {
            // The pod's own setting speaks for several containers, and is told once.
            let mut told = Vec::new();
            for container in workload.every_container() {
                if let Some(place) = root(workload, container)
                    && !told.contains(&place)
                {
                    told.push(place);
                    report(cx, workload, container, place);
                }
            }
        }
    }
}

/// Where it is said that a container runs as root, or the container itself if nobody says that it does not.
fn root<'a>(workload: &Workload<'a>, container: &Container<'a>) -> Option<Place<'a>> {
    if !workload.has_readable_security(container) {
        return None;
    }
    let user = workload.security(container, "runAsUser");
    let forbidden = workload.security(container, "runAsNonRoot");
    let unknown = user.is_some_and(|user| user.int().is_none())
        || forbidden.is_some_and(|forbidden| forbidden.boolean().is_none());
    let held = user.and_then(Place::int).is_some_and(|user| user > 0)
        || forbidden.and_then(Place::boolean) == Some(true);
    (!unknown && !held).then(|| user.or(forbidden).unwrap_or(container.place))
}

fn report(cx: &mut Ctx<'_>, workload: &Workload<'_>, container: &Container<'_>, place: Place<'_>) {
    let name = container.name;
    let (message, here) = if place == container.place {
        (format!("nothing keeps container `{name}` from running as root"), "the image decides")
    } else if place.boolean().is_some() {
        (format!("container `{name}` is allowed to run as root"), "the image decides")
    } else {
        (format!("container `{name}` runs as root"), "0 is root")
    };
    cx.report(workload, place, message).here(here).help(
        "set `securityContext.runAsNonRoot: true`, and `runAsUser` if the image names no user",
    );
}

cases! {
    the_container_wins: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  securityContext: {runAsNonRoot: true, runAsUser: 1000}\n  containers:\n  - {name: w, securityContext: {runAsUser: 0, runAsNonRoot: false}}\n  - {name: x, securityContext: {runAsUser: 0}}\n  - {name: y, securityContext: {runAsNonRoot: false}}\n"
        => ["7:44"],
    told_once_for_the_pod: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  securityContext: {runAsUser: 0}\n  initContainers: [{name: i}]\n  containers: [{name: w}, {name: x, securityContext: {runAsUser: 1}}]\n"
        => ["5:32"],
    unknown: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: w, securityContext: {runAsUser: '${USER}'}}\n  - {name: x, securityContext: '${CONTEXT}'}\n"
        => [],
    windows: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  os: {name: windows}\n  containers: [{name: w}]\n"
        => [],
}
