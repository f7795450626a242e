use crate::rules::prelude::*;

declare_rule! {
    /// A container is privileged.
    ///
    /// ## Why
    /// Whoever breaks out of it owns the node: all devices, all capabilities, no seccomp, no AppArmor. Pod Security
    /// refuses it at the levels baseline and restricted (kubernetes.io/docs/concepts/security/pod-security-standards).
    /// Most of what needs it needs one capability or one device.
    ///
    /// ## Fix safety
    /// Unsafe: what the process does with devices or the kernel fails then, at run time.
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
    ///         securityContext: { privileged: true, readOnlyRootFilesystem: true }
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
    ///         securityContext: { readOnlyRootFilesystem: true }
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
    ///         securityContext: { privileged: false }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "security/privileged" pub struct Privileged {}
    severity: Warning, fix: FixKind::Unsafe, preset: Preset::Security, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("finds what Pod Security, built into Kubernetes, enforces by a label of the namespace"),
}

impl Rule for Privileged {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.templates() {
            for container in workload.every_container() {
                if let Some(place) = container.security("privileged")
                    && place.boolean() == Some(true)
                {
                    cx.report(workload, place, format!("container `{}` is privileged", container.name))
                        .here("root on the node")
                        .help("remove `privileged`, and add the one capability that it needs")
                        .fix_unsafe(
                            "remove `privileged` (unsafe: the process may need a device or a capability)",
                            [edit::remove(place)],
                        );
                }
            }
        }
    }
}

cases! {
    every_container: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  initContainers: [{name: i, securityContext: {privileged: true}}]\n  containers:\n  - {name: w, securityContext: {privileged: true}}\n  - {name: x, securityContext: {privileged: false}}\n"
        => ["5:60", "7:45"],
    unknown: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: w, securityContext: {privileged: '{{ .Values.privileged }}'}}\n  - {name: x, securityContext: '${CONTEXT}'}\n  - {name: y, securityContext: {privileged: null}}\n"
        => [],
    cron_job: "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{name: w, securityContext: {privileged: true}}]}}}}}\n"
        => ["4:100"],
}
