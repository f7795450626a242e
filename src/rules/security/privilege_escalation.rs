use crate::rules::prelude::*;

declare_rule! {
    /// A container lets its processes gain more privileges than they start with.
    ///
    /// ## Why
    /// A setuid binary makes root of any user, so `runAsUser` alone holds nobody back. Unset,
    /// `allowPrivilegeEscalation` is true, and Pod Security refuses that at the level restricted
    /// (kubernetes.io/docs/concepts/security/pod-security-standards). A privileged container cannot do without; it is
    /// reported, and has no fix.
    ///
    /// ## Fix safety
    /// Unsafe: programs with the setuid bit, such as `sudo` and `ping` of some images, fail then.
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
    ///         securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false }
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
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         securityContext:
    ///           allowPrivilegeEscalation: true # sudo
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
    ///         securityContext:
    ///           allowPrivilegeEscalation: false # sudo
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
    ///         securityContext: { allowPrivilegeEscalation: false }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "security/privilege-escalation" pub struct PrivilegeEscalation {}
    severity: Warning, fix: FixKind::Unsafe, preset: Preset::Security, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("finds what Pod Security, built into Kubernetes, enforces by a label of the namespace"),
}

impl Rule for PrivilegeEscalation {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.templates().filter(|workload| !workload.is_windows()) {
            for container in workload.every_container() {
                if workload.has_readable_security(container) {
                    check(cx, workload, container);
                }
            }
        }
    }
}

const KEY: &str = "allowPrivilegeEscalation";

fn check(cx: &mut Ctx<'_>, workload: &Workload<'_>, container: &Container<'_>) {
    let written = container.security(KEY);
    if written.is_some_and(|place| place.boolean() != Some(true)) {
        return;
    }
    let holder = container.security_holder();
    let change = match written {
        Some(written) => edit::set(written, false),
        None if holder == container.place => {
            edit::insert(holder, "securityContext", serde_json::json!({ KEY: false }))
        }
        None => edit::insert(holder, KEY, false),
    };
    let here = if written.is_some() { "setuid makes root" } else { "unset, which is true" };
    let message = format!("container `{}` allows privilege escalation", container.name);
    let report = cx
        .report(workload, written.unwrap_or(holder), message)
        .here(here)
        .help("set `securityContext.allowPrivilegeEscalation: false`");
    // The API server refuses the combination.
    let needs = container.security("privileged").is_some_and(|it| it.boolean() != Some(false))
        || container.security("capabilities/add").is_some_and(|added| {
            added.items().any(|it| matches!(it.text(), Some("SYS_ADMIN" | "CAP_SYS_ADMIN")))
        });
    if !needs {
        report.fix_unsafe(
            format!("set `{KEY}` to false (unsafe: `sudo` and other setuid programs fail)"),
            [change],
        );
    }
}

cases! {
    every_container: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  initContainers: [{name: i}]\n  containers:\n  - name: w\n  - name: x\n    securityContext:\n      privileged: true\n  - name: y\n    securityContext:\n      allowPrivilegeEscalation: true\n  - {name: z, securityContext: {allowPrivilegeEscalation: false}}\n"
        => ["5:27", "7:11", "9:5", "13:33"],
    unknown: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: w, securityContext: {allowPrivilegeEscalation: '{{ .Values.x }}'}}\n  - {name: x, securityContext: '${CONTEXT}'}\n"
        => [],
    windows: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  os: {name: windows}\n  containers: [{name: w}]\n"
        => [],
}
