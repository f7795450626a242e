//! When versions of built-in APIs were deprecated and removed, and when fields came.
//!
//! Sources: <https://kubernetes.io/docs/reference/using-api/deprecation-guide/> and, for fields, the feature gate
//! that each belongs to, at
//! <https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates/>.

/// A minor version of Kubernetes 1.
pub type Minor = u32;

/// A kind in a version of its API that has been, or will be, removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outdated {
    /// Deprecated since this minor version.
    pub deprecated: Minor,
    /// Not served any more from this minor version on; `None` if no removal is decided.
    pub removed: Option<Minor>,
    /// The `apiVersion` to write instead; `None` if there is none.
    pub instead: Option<&'static str>,
}

struct Row {
    api_version: &'static str,
    kinds: &'static [&'static str],
    outdated: Outdated,
}

const fn row(
    api_version: &'static str,
    kinds: &'static [&'static str],
    deprecated: Minor,
    removed: Minor,
    instead: &'static str,
) -> Row {
    let outdated = Outdated {
        deprecated,
        removed: if removed == 0 { None } else { Some(removed) },
        instead: if instead.is_empty() { None } else { Some(instead) },
    };
    Row { api_version, kinds, outdated }
}

const ROWS: &[Row] = &[
    row("extensions/v1beta1", &["Deployment", "DaemonSet", "ReplicaSet"], 9, 16, "apps/v1"),
    row("extensions/v1beta1", &["NetworkPolicy"], 9, 16, "networking.k8s.io/v1"),
    row("extensions/v1beta1", &["PodSecurityPolicy"], 10, 16, ""),
    row("extensions/v1beta1", &["Ingress"], 14, 22, "networking.k8s.io/v1"),
    row("apps/v1beta1", &["Deployment", "StatefulSet", "ControllerRevision"], 9, 16, "apps/v1"),
    row(
        "apps/v1beta2",
        &["Deployment", "DaemonSet", "ReplicaSet", "StatefulSet", "ControllerRevision"],
        9,
        16,
        "apps/v1",
    ),
    row(
        "admissionregistration.k8s.io/v1beta1",
        &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"],
        16,
        22,
        "admissionregistration.k8s.io/v1",
    ),
    row(
        "admissionregistration.k8s.io/v1beta1",
        &["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"],
        30,
        34,
        "admissionregistration.k8s.io/v1",
    ),
    row(
        "admissionregistration.k8s.io/v1alpha1",
        &["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"],
        28,
        34,
        "admissionregistration.k8s.io/v1",
    ),
    row(
        "apiextensions.k8s.io/v1beta1",
        &["CustomResourceDefinition"],
        16,
        22,
        "apiextensions.k8s.io/v1",
    ),
    row("apiregistration.k8s.io/v1beta1", &["APIService"], 19, 22, "apiregistration.k8s.io/v1"),
    row("authentication.k8s.io/v1beta1", &["TokenReview"], 19, 22, "authentication.k8s.io/v1"),
    row(
        "authorization.k8s.io/v1beta1",
        &[
            "LocalSubjectAccessReview",
            "SelfSubjectAccessReview",
            "SelfSubjectRulesReview",
            "SubjectAccessReview",
        ],
        19,
        22,
        "authorization.k8s.io/v1",
    ),
    row(
        "certificates.k8s.io/v1beta1",
        &["CertificateSigningRequest"],
        19,
        22,
        "certificates.k8s.io/v1",
    ),
    row("coordination.k8s.io/v1beta1", &["Lease"], 19, 22, "coordination.k8s.io/v1"),
    row("networking.k8s.io/v1beta1", &["Ingress", "IngressClass"], 19, 22, "networking.k8s.io/v1"),
    row(
        "rbac.authorization.k8s.io/v1beta1",
        &["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"],
        17,
        22,
        "rbac.authorization.k8s.io/v1",
    ),
    row(
        "rbac.authorization.k8s.io/v1alpha1",
        &["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"],
        17,
        22,
        "rbac.authorization.k8s.io/v1",
    ),
    row("scheduling.k8s.io/v1beta1", &["PriorityClass"], 14, 22, "scheduling.k8s.io/v1"),
    row("scheduling.k8s.io/v1alpha1", &["PriorityClass"], 14, 22, "scheduling.k8s.io/v1"),
    row(
        "storage.k8s.io/v1beta1",
        &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"],
        19,
        22,
        "storage.k8s.io/v1",
    ),
    row("batch/v1beta1", &["CronJob"], 21, 25, "batch/v1"),
    row("batch/v2alpha1", &["CronJob"], 8, 21, "batch/v1"),
    row("discovery.k8s.io/v1beta1", &["EndpointSlice"], 21, 25, "discovery.k8s.io/v1"),
    row("events.k8s.io/v1beta1", &["Event"], 19, 25, "events.k8s.io/v1"),
    row("autoscaling/v2beta1", &["HorizontalPodAutoscaler"], 22, 25, "autoscaling/v2"),
    row("autoscaling/v2beta2", &["HorizontalPodAutoscaler"], 23, 26, "autoscaling/v2"),
    row("policy/v1beta1", &["PodDisruptionBudget"], 21, 25, "policy/v1"),
    row("policy/v1beta1", &["PodSecurityPolicy"], 21, 25, ""),
    row("node.k8s.io/v1beta1", &["RuntimeClass"], 20, 25, "node.k8s.io/v1"),
    row(
        "flowcontrol.apiserver.k8s.io/v1beta1",
        &["FlowSchema", "PriorityLevelConfiguration"],
        23,
        26,
        "flowcontrol.apiserver.k8s.io/v1",
    ),
    row(
        "flowcontrol.apiserver.k8s.io/v1beta2",
        &["FlowSchema", "PriorityLevelConfiguration"],
        26,
        29,
        "flowcontrol.apiserver.k8s.io/v1",
    ),
    row(
        "flowcontrol.apiserver.k8s.io/v1beta3",
        &["FlowSchema", "PriorityLevelConfiguration"],
        29,
        32,
        "flowcontrol.apiserver.k8s.io/v1",
    ),
    row("storage.k8s.io/v1beta1", &["CSIStorageCapacity"], 24, 27, "storage.k8s.io/v1"),
    row("storage.k8s.io/v1beta1", &["VolumeAttributesClass"], 34, 0, "storage.k8s.io/v1"),
    row("networking.k8s.io/v1beta1", &["IPAddress", "ServiceCIDR"], 33, 0, "networking.k8s.io/v1"),
    row(
        "resource.k8s.io/v1beta1",
        &["DeviceClass", "ResourceClaim", "ResourceClaimTemplate", "ResourceSlice"],
        34,
        0,
        "resource.k8s.io/v1",
    ),
    row(
        "resource.k8s.io/v1beta2",
        &["DeviceClass", "ResourceClaim", "ResourceClaimTemplate", "ResourceSlice"],
        34,
        0,
        "resource.k8s.io/v1",
    ),
    row("v1", &["ComponentStatus"], 19, 0, ""),
    row("v1", &["Endpoints"], 33, 0, "discovery.k8s.io/v1"),
];

/// When `kind` in `api_version` went or will go out of use; `None` if it is in use.
pub fn outdated(api_version: &str, kind: &str) -> Option<Outdated> {
    ROWS.iter()
        .find(|row| row.api_version == api_version && row.kinds.contains(&kind))
        .map(|row| row.outdated)
}

/// A field of pods or of an HPA that younger API servers know only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    /// On by default since this minor version.
    pub on: Minor,
    /// The feature gate that turned it on before.
    pub gate: &'static str,
}

/// The fields, by the end of their path; those that a rule of its own tells of are left out. `*` stands for any index.
const FIELDS: &[(&str, Minor, &str)] = &[
    ("lifecycle.preStop.sleep", 30, "PodLifecycleSleepAction"),
    ("lifecycle.postStart.sleep", 30, "PodLifecycleSleepAction"),
    ("initContainers[*].restartPolicy", 29, "SidecarContainers"),
    ("template.spec.resources", 34, "PodLevelResources"),
    ("topologySpreadConstraints[*].matchLabelKeys", 27, "MatchLabelKeysInPodTopologySpread"),
    ("topologySpreadConstraints[*].minDomains", 28, "MinDomainsInPodTopologySpread"),
    ("spec.unhealthyPodEvictionPolicy", 27, "PDBUnhealthyPodEvictionPolicy"),
    ("spec.persistentVolumeClaimRetentionPolicy", 27, "StatefulSetAutoDeletePVC"),
    ("spec.trafficDistribution", 31, "ServiceTrafficDistribution"),
    ("spec.podFailurePolicy", 26, "JobPodFailurePolicy"),
    ("spec.successPolicy", 31, "JobSuccessPolicy"),
    ("spec.backoffLimitPerIndex", 29, "JobBackoffLimitPerIndex"),
];

/// Since when API servers know the field at `path`, written as `spec.containers[*].name`; `None` for those that every
/// supported version knows.
pub fn since(path: &str) -> Option<Since> {
    let field = FIELDS.iter().find(|(end, ..)| {
        path.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with('.'))
    });
    field.map(|(_, on, gate)| Since { on: *on, gate })
}
