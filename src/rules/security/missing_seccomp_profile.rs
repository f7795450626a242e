use crate::rules::prelude::*;

declare_rule! {
    /// A pod runs without a seccomp profile.
    ///
    /// ## Why
    /// Every system call of the kernel is open to it, some of which no container needs and several of which were the
    /// way out of one. `RuntimeDefault` blocks these (kubernetes.io/docs/tutorials/security/seccomp). The pod may say
    /// it for all its containers.
    ///
    /// ## Fix safety
    /// Unsafe: a process that makes a rare system call, such as a debugger or a sandbox, fails at run time.
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
    ///       securityContext:
    ///         seccompProfile:
    ///           type: RuntimeDefault
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
    ///       securityContext: { seccompProfile: { type: RuntimeDefault } }
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "security/missing-seccomp-profile" pub struct MissingSeccompProfile {}
    severity: Info, fix: FixKind::Unsafe, preset: Preset::Security, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("finds what Pod Security, built into Kubernetes, enforces by a label of the namespace"),
}

impl Rule for MissingSeccompProfile {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.templates().filter(|workload| !workload.is_windows()) {
            let lacking: Vec<_> = workload
                .every_container()
                .filter(|container| workload.has_readable_security(container))
                .filter(|container| workload.security(container, "seccompProfile").is_none())
                .collect();
            let all = workload.every_container().count();
            match (lacking.as_slice(), workload.pod) {
                ([], _) | (_, None) => {}
                (_, Some(pod)) if lacking.len() == all => of_pod(cx, workload, pod),
                _ => lacking.iter().for_each(|container| of_container(cx, workload, container)),
            }
        }
    }
}

const HELP: &str = "set `securityContext.seccompProfile.type: RuntimeDefault`";
const TITLE: &str = "set the profile `RuntimeDefault` (unsafe: rare system calls fail)";

fn of_pod(cx: &mut Ctx<'_>, workload: &Workload<'_>, pod: Place<'_>) {
    let holder = pod.get("securityContext");
    let message = format!("the pods of `{}` have no seccomp profile", workload.name);
    cx.report(workload, holder.unwrap_or(pod), message)
        .here("every system call is open")
        .help(HELP)
        .fix_unsafe(TITLE, [insert(holder, pod)]);
}

fn of_container(cx: &mut Ctx<'_>, workload: &Workload<'_>, container: &Container<'_>) {
    let message = format!("container `{}` has no seccomp profile", container.name);
    let holder = container.place.get("securityContext");
    cx.report(workload, holder.unwrap_or(container.place), message)
        .here("every system call is open")
        .help(HELP)
        .fix_unsafe(TITLE, [insert(holder, container.place)]);
}

/// Writes the profile into a `securityContext`, or into a new one of `parent`.
fn insert(holder: Option<Place<'_>>, parent: Place<'_>) -> crate::finding::Op {
    let profile = serde_json::json!({ "type": "RuntimeDefault" });
    match holder {
        Some(holder) => edit::insert(holder, "seccompProfile", profile),
        None => edit::insert(
            parent,
            "securityContext",
            serde_json::json!({ "seccompProfile": profile }),
        ),
    }
}

cases! {
    some_containers: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: a, securityContext: {seccompProfile: {type: Localhost}}}\n  - {name: b}\n"
        => ["7:12"],
    unknown: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  securityContext: '${C}'\n  containers: [{name: a}]\n"
        => [],
}
