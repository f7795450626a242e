use crate::rules::prelude::*;

declare_rule! {
    /// A container has more kernel capabilities than it needs.
    ///
    /// ## Why
    /// The runtime gives every container some fourteen capabilities, among them one to send raw packets, and hardly any
    /// web service needs one. Pod Security wants `drop: [ALL]` at the level restricted, and refuses to add more than
    /// the runtime's own at baseline (kubernetes.io/docs/concepts/security/pod-security-standards). `ALL`, `SYS_ADMIN`,
    /// `NET_ADMIN`, `SYS_PTRACE` and their like are steps out of the container.
    ///
    /// ## Fix safety
    /// Unsafe: an image that changes owners, listens below port 1024 or drops to another user by itself needs a
    /// capability; add that one.
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
    ///         securityContext:
    ///           capabilities:
    ///             add: [NET_BIND_SERVICE]
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
    ///           capabilities:
    ///             add: [NET_BIND_SERVICE]
    ///             drop:
    ///             - ALL
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
    ///         securityContext: { capabilities: { drop: [NET_RAW] } }
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
    ///         securityContext: { capabilities: { drop: [ALL] } }
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
    ///         securityContext: { capabilities: { add: [NET_BIND_SERVICE], drop: [ALL] } }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "security/excess-capabilities" pub struct ExcessCapabilities {}
    severity: Warning, fix: FixKind::Unsafe, preset: Preset::Security, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("finds what Pod Security, built into Kubernetes, enforces by a label of the namespace"),
}

/// What Pod Security lets a container add at the level baseline.
const BASELINE: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

impl Rule for ExcessCapabilities {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.templates().filter(|workload| !workload.is_windows()) {
            for container in workload.every_container() {
                added(cx, workload, container);
                kept(cx, workload, container);
            }
        }
    }
}

/// Both runtimes and people write capabilities with and without their prefix.
fn plain(name: &str) -> String {
    let name = name.to_ascii_uppercase();
    name.strip_prefix("CAP_").map_or(name.clone(), str::to_owned)
}

fn added(cx: &mut Ctx<'_>, workload: &Workload<'_>, container: &Container<'_>) {
    let list = container.security("capabilities/add");
    for item in list.into_iter().flat_map(Place::items) {
        if let Some(name) = item.text().filter(|name| !is_placeholder(name) && !name.is_empty())
            && !BASELINE.contains(&plain(name).as_str())
        {
            let message = format!("container `{}` adds the capability `{name}`", container.name);
            cx.report(workload, item, message)
                .here("a step out of the container")
                .help(format!("remove `{name}` from `capabilities.add`"));
        }
    }
}

fn kept(cx: &mut Ctx<'_>, workload: &Workload<'_>, container: &Container<'_>) {
    let capabilities = container.security("capabilities");
    let drop = container.security("capabilities/drop");
    let unread = capabilities.is_some_and(|it| !it.is_mapping())
        || drop.is_some_and(|it| !it.is_sequence())
        || !workload.has_readable_security(container);
    let mut dropped = drop.into_iter().flat_map(Place::items).filter_map(Place::text);
    if unread || dropped.any(|name| plain(name) == "ALL" || is_placeholder(name)) {
        return;
    }
    let holder = container.security_holder();
    let all = serde_json::json!(["ALL"]);
    let change = match (drop, capabilities) {
        (Some(drop), _) => edit::set(drop, all),
        (None, Some(capabilities)) => edit::insert(capabilities, "drop", all),
        (None, None) if holder == container.place => edit::insert(
            holder,
            "securityContext",
            serde_json::json!({ "capabilities": { "drop": all } }),
        ),
        (None, None) => edit::insert(holder, "capabilities", serde_json::json!({ "drop": all })),
    };
    let message = format!("container `{}` keeps the runtime's capabilities", container.name);
    cx.report(workload, drop.or(capabilities).unwrap_or(holder), message)
        .here("`ALL` is not dropped")
        .help("set `securityContext.capabilities.drop: [ALL]`, and add what it needs")
        .fix_unsafe(
            "drop all capabilities (unsafe: the process may need one of the runtime's own)",
            [change],
        );
}

cases! {
    what_is_added: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: w\n    securityContext: {capabilities: {drop: [all], add: [CAP_NET_ADMIN, CHOWN, sys_time, \"${CAP}\"]}}\n"
        => ["7:57", "7:79"],
    what_is_kept: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: w\n  - name: x\n    securityContext: {runAsUser: 1}\n  - name: y\n    securityContext:\n      capabilities: {add: [CHOWN]}\n  - name: z\n    securityContext:\n      capabilities:\n        drop: [NET_RAW]\n  - {name: ok, securityContext: {capabilities: {drop: [CAP_ALL]}}}\n"
        => ["6:11", "8:5", "11:7", "15:9"],
    unknown: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: w, securityContext: {capabilities: '${X}'}}\n  - {name: x, securityContext: '${CONTEXT}'}\n  - {name: y, securityContext: {capabilities: {drop: '${X}'}}}\n"
        => [],
}
