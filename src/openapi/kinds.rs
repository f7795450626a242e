//! The kinds whose schemas are built in. `tests/kubernetes_schemas.rs` generates them.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use super::Schema;

struct Kind {
    name: &'static str,
    api_version: &'static str,
    schema: Schema,
}

macro_rules! kinds {
    ($($name:literal $api_version:literal $file:literal;)*) => {
        static KINDS: [Kind; [$($name),*].len()] = [$(Kind {
            name: $name,
            api_version: $api_version,
            schema: Schema::built_in(include_str!(concat!("../../schemas/kubernetes/", $file, ".json"))),
        }),*];
    };
}

// To add a kind: a line here, one in `tests/kubernetes_schemas.rs`, an empty file, and
// `SLOGEN_BLESS=1 cargo test --test kubernetes_schemas`.
kinds! {
    "Binding" "v1" "v1-binding";
    "ComponentStatus" "v1" "v1-componentstatus";
    "ConfigMap" "v1" "v1-configmap";
    "Endpoints" "v1" "v1-endpoints";
    "Event" "v1" "v1-event";
    "LimitRange" "v1" "v1-limitrange";
    "Namespace" "v1" "v1-namespace";
    "Node" "v1" "v1-node";
    "PersistentVolume" "v1" "v1-persistentvolume";
    "PersistentVolumeClaim" "v1" "v1-persistentvolumeclaim";
    "Pod" "v1" "v1-pod";
    "PodTemplate" "v1" "v1-podtemplate";
    "ReplicationController" "v1" "v1-replicationcontroller";
    "ResourceQuota" "v1" "v1-resourcequota";
    "Secret" "v1" "v1-secret";
    "Service" "v1" "v1-service";
    "ServiceAccount" "v1" "v1-serviceaccount";
    "MutatingAdmissionPolicy" "admissionregistration.k8s.io/v1" "admissionregistration.k8s.io-v1-mutatingadmissionpolicy";
    "MutatingAdmissionPolicyBinding" "admissionregistration.k8s.io/v1" "admissionregistration.k8s.io-v1-mutatingadmissionpolicybinding";
    "MutatingWebhookConfiguration" "admissionregistration.k8s.io/v1" "admissionregistration.k8s.io-v1-mutatingwebhookconfiguration";
    "ValidatingAdmissionPolicy" "admissionregistration.k8s.io/v1" "admissionregistration.k8s.io-v1-validatingadmissionpolicy";
    "ValidatingAdmissionPolicyBinding" "admissionregistration.k8s.io/v1" "admissionregistration.k8s.io-v1-validatingadmissionpolicybinding";
    "ValidatingWebhookConfiguration" "admissionregistration.k8s.io/v1" "admissionregistration.k8s.io-v1-validatingwebhookconfiguration";
    "MutatingAdmissionPolicy" "admissionregistration.k8s.io/v1alpha1" "admissionregistration.k8s.io-v1alpha1-mutatingadmissionpolicy";
    "MutatingAdmissionPolicyBinding" "admissionregistration.k8s.io/v1alpha1" "admissionregistration.k8s.io-v1alpha1-mutatingadmissionpolicybinding";
    "MutatingAdmissionPolicy" "admissionregistration.k8s.io/v1beta1" "admissionregistration.k8s.io-v1beta1-mutatingadmissionpolicy";
    "MutatingAdmissionPolicyBinding" "admissionregistration.k8s.io/v1beta1" "admissionregistration.k8s.io-v1beta1-mutatingadmissionpolicybinding";
    "CustomResourceDefinition" "apiextensions.k8s.io/v1" "apiextensions.k8s.io-v1-customresourcedefinition";
    "APIService" "apiregistration.k8s.io/v1" "apiregistration.k8s.io-v1-apiservice";
    "ControllerRevision" "apps/v1" "apps-v1-controllerrevision";
    "DaemonSet" "apps/v1" "apps-v1-daemonset";
    "Deployment" "apps/v1" "apps-v1-deployment";
    "ReplicaSet" "apps/v1" "apps-v1-replicaset";
    "StatefulSet" "apps/v1" "apps-v1-statefulset";
    "SelfSubjectReview" "authentication.k8s.io/v1" "authentication.k8s.io-v1-selfsubjectreview";
    "TokenRequest" "authentication.k8s.io/v1" "authentication.k8s.io-v1-tokenrequest";
    "TokenReview" "authentication.k8s.io/v1" "authentication.k8s.io-v1-tokenreview";
    "LocalSubjectAccessReview" "authorization.k8s.io/v1" "authorization.k8s.io-v1-localsubjectaccessreview";
    "SelfSubjectAccessReview" "authorization.k8s.io/v1" "authorization.k8s.io-v1-selfsubjectaccessreview";
    "SelfSubjectRulesReview" "authorization.k8s.io/v1" "authorization.k8s.io-v1-selfsubjectrulesreview";
    "SubjectAccessReview" "authorization.k8s.io/v1" "authorization.k8s.io-v1-subjectaccessreview";
    "HorizontalPodAutoscaler" "autoscaling/v1" "autoscaling-v1-horizontalpodautoscaler";
    "Scale" "autoscaling/v1" "autoscaling-v1-scale";
    "HorizontalPodAutoscaler" "autoscaling/v2" "autoscaling-v2-horizontalpodautoscaler";
    "CronJob" "batch/v1" "batch-v1-cronjob";
    "Job" "batch/v1" "batch-v1-job";
    "CertificateSigningRequest" "certificates.k8s.io/v1" "certificates.k8s.io-v1-certificatesigningrequest";
    "ClusterTrustBundle" "certificates.k8s.io/v1alpha1" "certificates.k8s.io-v1alpha1-clustertrustbundle";
    "ClusterTrustBundle" "certificates.k8s.io/v1beta1" "certificates.k8s.io-v1beta1-clustertrustbundle";
    "PodCertificateRequest" "certificates.k8s.io/v1beta1" "certificates.k8s.io-v1beta1-podcertificaterequest";
    "Lease" "coordination.k8s.io/v1" "coordination.k8s.io-v1-lease";
    "LeaseCandidate" "coordination.k8s.io/v1alpha2" "coordination.k8s.io-v1alpha2-leasecandidate";
    "LeaseCandidate" "coordination.k8s.io/v1beta1" "coordination.k8s.io-v1beta1-leasecandidate";
    "EndpointSlice" "discovery.k8s.io/v1" "discovery.k8s.io-v1-endpointslice";
    "Event" "events.k8s.io/v1" "events.k8s.io-v1-event";
    "FlowSchema" "flowcontrol.apiserver.k8s.io/v1" "flowcontrol.apiserver.k8s.io-v1-flowschema";
    "PriorityLevelConfiguration" "flowcontrol.apiserver.k8s.io/v1" "flowcontrol.apiserver.k8s.io-v1-prioritylevelconfiguration";
    "StorageVersion" "internal.apiserver.k8s.io/v1alpha1" "internal.apiserver.k8s.io-v1alpha1-storageversion";
    "IPAddress" "networking.k8s.io/v1" "networking.k8s.io-v1-ipaddress";
    "Ingress" "networking.k8s.io/v1" "networking.k8s.io-v1-ingress";
    "IngressClass" "networking.k8s.io/v1" "networking.k8s.io-v1-ingressclass";
    "NetworkPolicy" "networking.k8s.io/v1" "networking.k8s.io-v1-networkpolicy";
    "ServiceCIDR" "networking.k8s.io/v1" "networking.k8s.io-v1-servicecidr";
    "IPAddress" "networking.k8s.io/v1beta1" "networking.k8s.io-v1beta1-ipaddress";
    "ServiceCIDR" "networking.k8s.io/v1beta1" "networking.k8s.io-v1beta1-servicecidr";
    "RuntimeClass" "node.k8s.io/v1" "node.k8s.io-v1-runtimeclass";
    "Eviction" "policy/v1" "policy-v1-eviction";
    "PodDisruptionBudget" "policy/v1" "policy-v1-poddisruptionbudget";
    "ClusterRole" "rbac.authorization.k8s.io/v1" "rbac.authorization.k8s.io-v1-clusterrole";
    "ClusterRoleBinding" "rbac.authorization.k8s.io/v1" "rbac.authorization.k8s.io-v1-clusterrolebinding";
    "Role" "rbac.authorization.k8s.io/v1" "rbac.authorization.k8s.io-v1-role";
    "RoleBinding" "rbac.authorization.k8s.io/v1" "rbac.authorization.k8s.io-v1-rolebinding";
    "DeviceClass" "resource.k8s.io/v1" "resource.k8s.io-v1-deviceclass";
    "ResourceClaim" "resource.k8s.io/v1" "resource.k8s.io-v1-resourceclaim";
    "ResourceClaimTemplate" "resource.k8s.io/v1" "resource.k8s.io-v1-resourceclaimtemplate";
    "ResourceSlice" "resource.k8s.io/v1" "resource.k8s.io-v1-resourceslice";
    "DeviceTaintRule" "resource.k8s.io/v1alpha3" "resource.k8s.io-v1alpha3-devicetaintrule";
    "ResourcePoolStatusRequest" "resource.k8s.io/v1alpha3" "resource.k8s.io-v1alpha3-resourcepoolstatusrequest";
    "DeviceClass" "resource.k8s.io/v1beta1" "resource.k8s.io-v1beta1-deviceclass";
    "ResourceClaim" "resource.k8s.io/v1beta1" "resource.k8s.io-v1beta1-resourceclaim";
    "ResourceClaimTemplate" "resource.k8s.io/v1beta1" "resource.k8s.io-v1beta1-resourceclaimtemplate";
    "ResourceSlice" "resource.k8s.io/v1beta1" "resource.k8s.io-v1beta1-resourceslice";
    "DeviceClass" "resource.k8s.io/v1beta2" "resource.k8s.io-v1beta2-deviceclass";
    "DeviceTaintRule" "resource.k8s.io/v1beta2" "resource.k8s.io-v1beta2-devicetaintrule";
    "ResourceClaim" "resource.k8s.io/v1beta2" "resource.k8s.io-v1beta2-resourceclaim";
    "ResourceClaimTemplate" "resource.k8s.io/v1beta2" "resource.k8s.io-v1beta2-resourceclaimtemplate";
    "ResourceSlice" "resource.k8s.io/v1beta2" "resource.k8s.io-v1beta2-resourceslice";
    "PriorityClass" "scheduling.k8s.io/v1" "scheduling.k8s.io-v1-priorityclass";
    "PodGroup" "scheduling.k8s.io/v1alpha2" "scheduling.k8s.io-v1alpha2-podgroup";
    "Workload" "scheduling.k8s.io/v1alpha2" "scheduling.k8s.io-v1alpha2-workload";
    "CSIDriver" "storage.k8s.io/v1" "storage.k8s.io-v1-csidriver";
    "CSINode" "storage.k8s.io/v1" "storage.k8s.io-v1-csinode";
    "CSIStorageCapacity" "storage.k8s.io/v1" "storage.k8s.io-v1-csistoragecapacity";
    "StorageClass" "storage.k8s.io/v1" "storage.k8s.io-v1-storageclass";
    "VolumeAttachment" "storage.k8s.io/v1" "storage.k8s.io-v1-volumeattachment";
    "VolumeAttributesClass" "storage.k8s.io/v1" "storage.k8s.io-v1-volumeattributesclass";
    "VolumeAttributesClass" "storage.k8s.io/v1beta1" "storage.k8s.io-v1beta1-volumeattributesclass";
    "StorageVersionMigration" "storagemigration.k8s.io/v1beta1" "storagemigration.k8s.io-v1beta1-storageversionmigration";
    "ServiceMonitor" "monitoring.coreos.com/v1" "monitoring.coreos.com-v1-servicemonitor";
    "PodMonitor" "monitoring.coreos.com/v1" "monitoring.coreos.com-v1-podmonitor";
    "PrometheusRule" "monitoring.coreos.com/v1" "monitoring.coreos.com-v1-prometheusrule";
    "ScaledObject" "keda.sh/v1alpha1" "keda.sh-v1alpha1-scaledobject";
    "TriggerAuthentication" "keda.sh/v1alpha1" "keda.sh-v1alpha1-triggerauthentication";
    "ClusterTriggerAuthentication" "keda.sh/v1alpha1" "keda.sh-v1alpha1-clustertriggerauthentication";
    "Rollout" "argoproj.io/v1alpha1" "argoproj.io-v1alpha1-rollout";
}

/// Kinds that rules know, or that belong to groups of which others are built in: that they exist is known, what they may
/// hold is not.
const UNCHECKED: [(&str, &[&str]); 6] = [
    ("autoscaling.k8s.io", &["VerticalPodAutoscaler"]),
    ("gateway.networking.k8s.io", &["HTTPRoute"]),
    ("http.keda.sh", &["HTTPScaledObject"]),
    ("keda.sh", &["ScaledJob"]),
    (
        "monitoring.coreos.com",
        &[
            "Alertmanager",
            "AlertmanagerConfig",
            "Probe",
            "Prometheus",
            "PrometheusAgent",
            "ScrapeConfig",
            "ThanosRuler",
        ],
    ),
    (
        "argoproj.io",
        &[
            "AnalysisRun",
            "AnalysisTemplate",
            "AppProject",
            "Application",
            "ApplicationSet",
            "ClusterAnalysisTemplate",
            "Experiment",
        ],
    ),
];

/// Groups of files that tools read, and no API server: with `*.config.k8s.io` and kubeconfig files.
const FILES: [&str; 7] = [
    "audit.k8s.io",
    "client.authentication.k8s.io",
    "config.kubernetes.io",
    "kpt.dev",
    "kubeadm.k8s.io",
    "slogen.dev",
    "skaffold",
];

/// The name and `apiVersion` of each kind that has a schema.
pub fn kinds() -> impl Iterator<Item = (&'static str, &'static str)> {
    KINDS.iter().map(|kind| (kind.name, kind.api_version))
}

/// The built-in schema of a kind. Another group may use the same name for something else, as Knative does with
/// `Service`, and another version of the same kind has other fields.
pub(super) fn find(api_version: &str, kind: &str) -> Option<&'static Schema> {
    static INDEX: LazyLock<FxHashMap<(&str, &str), &Schema>> = LazyLock::new(|| {
        KINDS.iter().map(|kind| ((kind.api_version, kind.name), &kind.schema)).collect()
    });
    INDEX.get(&(api_version, kind)).copied()
}

/// True for a kind that exists, and of which no more is known.
pub(super) fn exists(group: &str, kind: &str) -> bool {
    UNCHECKED.iter().any(|(known, kinds)| *known == group && kinds.contains(&kind))
        || group.ends_with(".config.k8s.io")
        || FILES.contains(&group)
        || (group, kind) == ("", "Config")
}

/// What built-in kinds share, for schemas that refer to it.
pub(super) fn definitions() -> serde_json::Map<String, serde_json::Value> {
    let config_map = KINDS.iter().find(|kind| kind.name == "ConfigMap");
    let text = config_map.map_or("{}", |kind| kind.schema.built_in_text());
    let document: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    document.get("definitions").and_then(serde_json::Value::as_object).cloned().unwrap_or_default()
}

/// A reference to the one of [`definitions`] whose name ends with `name`.
pub(super) fn definition(name: &str) -> Option<serde_json::Value> {
    let definitions = definitions();
    let full = definitions.keys().find(|full| full.rsplit('.').next() == Some(name))?;
    Some(serde_json::json!({ "$ref": format!("#/definitions/{full}") }))
}
