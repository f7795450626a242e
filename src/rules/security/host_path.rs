use crate::rules::prelude::*;

declare_rule! {
    /// A pod mounts a path of its node.
    ///
    /// ## Why
    /// It reads, and mostly writes, files of the node: keys of the kubelet, logs of other pods, cron jobs. Whoever has
    /// the socket of the container runtime starts a privileged container and is root on the node. And what it stores
    /// stays behind when the pod moves. Pod Security refuses it at the level baseline
    /// (kubernetes.io/docs/concepts/security/pod-security-standards).
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
    ///       volumes:
    ///       - name: docker
    ///         hostPath: { path: /var/run/docker.sock }
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
    ///       volumes:
    ///       - name: cache
    ///         emptyDir: { sizeLimit: 1Gi }
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "security/host-path" pub struct HostPath {}
    severity: Warning, fix: FixKind::None, preset: Preset::Security, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("finds what Pod Security, built into Kubernetes, enforces by a label of the namespace"),
}

/// The sockets of container runtimes, by the last part of their paths.
const SOCKETS: [&str; 4] = ["docker.sock", "containerd.sock", "crio.sock", "podman.sock"];

impl Rule for HostPath {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.templates() {
            for volume in workload.pod.into_iter().flat_map(|pod| pod.list("volumes")) {
                let Some(mount) = volume.get("hostPath") else { continue };
                let path = mount.text_of("path").unwrap_or("");
                let name = volume.text_of("name").unwrap_or("");
                let socket = SOCKETS.contains(&path.rsplit('/').next().unwrap_or(""));
                let (message, here) = if socket {
                    (
                        format!("volume `{name}` is the container runtime's socket `{path}`"),
                        "root on the node",
                    )
                } else if path.is_empty() {
                    (format!("volume `{name}` is a path of the node"), "files of the node")
                } else {
                    (format!("volume `{name}` is `{path}` of the node"), "files of the node")
                };
                cx.report(workload, mount, message)
                    .here(here)
                    .help("use an `emptyDir`, a `configMap` or a `persistentVolumeClaim`");
            }
        }
    }
}

cases! {
    block_style: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers: [{name: w}]\n  volumes:\n  - name: a\n    hostPath:\n      path: /etc\n  - {name: b, hostPath: {path: /run/containerd/containerd.sock}}\n  - {name: c, emptyDir: {}}\n  - {name: d, hostPath: null}\n"
        => ["8:5", "10:15"],
}
