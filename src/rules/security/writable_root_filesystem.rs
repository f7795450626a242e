use crate::rules::prelude::*;

declare_rule! {
    /// A container can write to its root filesystem.
    ///
    /// ## Why
    /// Whoever gets in can replace binaries and stay, and the process fills the node's disk with what it leaves behind.
    /// Give it an `emptyDir` where it must write (kubernetes.io/docs/concepts/security/pod-security-standards).
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
    ///         securityContext: { readOnlyRootFilesystem: true }
    ///         volumeMounts: [{ name: tmp, mountPath: /tmp }]
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    ///       volumes: [{ name: tmp, emptyDir: { sizeLimit: 64Mi } }]
    /// ```
    "security/writable-root-filesystem" pub struct WritableRootFilesystem {}
    severity: Info, fix: FixKind::None, preset: Preset::Security, since: "0.1.0",
    basis: Object,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::WORKLOADS,
    conditions: &[policy::JUDGED_WITH_OWNER],
    shared: policy::OF_ALL_CONTAINERS,
    variables: &[findings("
        has(variables.podSpec.os) && has(variables.podSpec.os.name) && variables.podSpec.os.name == 'windows' ? []
        : variables.allContainers.filter(c, !(has(c.securityContext)
            && has(c.securityContext.readOnlyRootFilesystem) && c.securityContext.readOnlyRootFilesystem))
          .map(c, 'container `' + c.name + '` can write to its root filesystem')
        ")],
};

impl Rule for WritableRootFilesystem {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.templates().filter(|workload| !workload.is_windows()) {
            for container in workload.every_container() {
                let written = container.security("readOnlyRootFilesystem");
                if written.is_some_and(|place| place.boolean() != Some(false))
                    || !workload.has_readable_security(container)
                {
                    continue;
                }
                let here = if written.is_some() { "" } else { "unset, which is false" };
                let message =
                    format!("container `{}` can write to its root filesystem", container.name);
                cx.report(workload, written.unwrap_or(container.security_holder()), message)
                    .here(here)
                    .help(
                        "set `securityContext.readOnlyRootFilesystem: true`, and mount an `emptyDir` where it writes",
                    );
            }
        }
    }
}

cases! {
    every_container: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  initContainers: [{name: i}]\n  containers:\n  - name: w\n    securityContext:\n      readOnlyRootFilesystem: false\n  - name: x\n    securityContext: {runAsUser: 1}\n  - {name: y, securityContext: {readOnlyRootFilesystem: true}}\n"
        => ["5:27", "9:31", "11:5"],
    unknown: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: w, securityContext: {readOnlyRootFilesystem: '${X}'}}\n  - {name: x, securityContext: '${CONTEXT}'}\n"
        => [],
}
