//! What the API server's validation takes beyond the types of its `OpenAPI` definitions.
//!
//! Source: `pkg/apis/*/validation` of Kubernetes and `apimachinery/pkg/util/validation`. What HPAs and disruption
//! budgets must fulfil is left to rules of their own, which can say more about it. A `title` is what messages call
//! the values that are taken.

use serde_json::{Map, Value, json};

const LABEL: &str = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?";

fn one_of(values: &[&str]) -> Value {
    json!({ "enum": values })
}

fn at_least(limit: i64) -> Value {
    json!({ "minimum": limit })
}

fn within(least: i64, most: i64) -> Value {
    json!({ "minimum": least, "maximum": most, "title": format!("a number from {least} to {most}") })
}

fn dns_label() -> Value {
    json!({
        "pattern": format!("^{LABEL}$"),
        "title": "a DNS label of at most 63 lower-case letters, digits and `-`",
    })
}

fn dns_subdomain(most: u32) -> Value {
    json!({
        "pattern": format!(r"^{LABEL}(\.{LABEL})*$"),
        "maxLength": most,
        "title": format!(
            "a DNS name of at most {most} lower-case letters, digits, `-` and `.`"
        ),
    })
}

fn path_segment() -> Value {
    json!({ "pattern": "^[^/%]+$", "title": "a name without `/` and `%`" })
}

fn port_name() -> Value {
    json!({
        "pattern": "^(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$",
        "title": "a port name of at most 15 lower-case letters, digits and `-`, with a letter",
    })
}

const KEY: &str = "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?";

fn label_keys() -> Value {
    json!({
        "pattern": format!(r"^({LABEL}(\.{LABEL})*/)?{KEY}$"),
        "title": "a label key such as `app` or `example.com/app`",
    })
}

fn annotation_keys() -> Value {
    let label = "[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?";
    json!({
        "pattern": format!(r"^({label}(\.{label})*/)?{KEY}$"),
        "title": "an annotation key such as `example.com/note`",
    })
}

/// Labels, or what selects by them.
fn labels() -> Value {
    json!({
        "propertyNames": label_keys(),
        "additionalProperties": {
            "type": "string",
            "pattern": format!("^({KEY})?$"),
            "title": "a string of at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends",
        },
    })
}

/// What is added to the field of a definition, whose name is given without its package.
#[expect(clippy::too_many_lines, clippy::match_same_arms, reason = "a table, by subject")]
pub(crate) fn of_field(definition: &str, field: &str) -> Option<Value> {
    const PROTOCOLS: &[&str] = &["TCP", "UDP", "SCTP"];
    const SELECTORS: &[&str] = &["In", "NotIn", "Exists", "DoesNotExist"];
    const EFFECTS: &[&str] = &["NoSchedule", "PreferNoSchedule", "NoExecute"];
    const PROFILES: &[&str] = &["RuntimeDefault", "Localhost", "Unconfined"];
    Some(match (definition, field) {
        ("ObjectMeta" | "PodSpec", "labels" | "nodeSelector")
        | ("LabelSelector", "matchLabels")
        | ("ServiceSpec" | "ReplicationControllerSpec", "selector") => labels(),
        ("ObjectMeta", "annotations") => json!({ "propertyNames": annotation_keys() }),
        ("ObjectMeta", "namespace") => dns_label(),
        ("LabelSelectorRequirement", "operator") => one_of(SELECTORS),
        ("NodeSelectorRequirement", "operator") => {
            one_of(&["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"])
        }
        // Pods and containers.
        ("PodSpec", "containers") => json!({ "minItems": 1 }),
        ("PodSpec", "restartPolicy") => one_of(&["Always", "OnFailure", "Never"]),
        ("PodSpec", "dnsPolicy") => {
            one_of(&["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"])
        }
        ("PodSpec" | "PriorityClass", "preemptionPolicy") => {
            one_of(&["PreemptLowerPriority", "Never"])
        }
        ("PodSpec", "terminationGracePeriodSeconds") => at_least(0),
        ("PodSpec", "activeDeadlineSeconds") => at_least(1),
        ("PodSpec", "serviceAccountName" | "priorityClassName" | "runtimeClassName") => {
            dns_subdomain(253)
        }
        ("PodSpec", "hostname") => dns_label(),
        ("Container" | "EphemeralContainer" | "Volume", "name") => dns_label(),
        ("Container" | "EphemeralContainer", "imagePullPolicy") => {
            one_of(&["Always", "IfNotPresent", "Never"])
        }
        ("Container" | "EphemeralContainer", "terminationMessagePolicy") => {
            one_of(&["File", "FallbackToLogsOnError"])
        }
        ("Container", "restartPolicy") => one_of(&["Always", "OnFailure", "Never"]),
        ("ContainerPort", "containerPort") => within(1, 65_535),
        ("ContainerPort", "hostPort") => within(0, 65_535),
        ("ContainerPort", "name") => port_name(),
        ("ContainerPort" | "ServicePort" | "NetworkPolicyPort" | "EndpointPort", "protocol") => {
            one_of(PROTOCOLS)
        }
        ("EnvVar", "name") => json!({
            "pattern": "^[ -<>-~]+$",
            "title": "a name of printable ASCII characters other than `=`",
        }),
        ("HTTPGetAction", "scheme") => one_of(&["HTTP", "HTTPS"]),
        (
            "Probe",
            "initialDelaySeconds"
            | "periodSeconds"
            | "timeoutSeconds"
            | "failureThreshold"
            | "successThreshold",
        ) => at_least(0),
        ("SleepAction", "seconds") => at_least(0),
        ("VolumeMount", "mountPath") => json!({ "minLength": 1 }),
        ("VolumeMount", "mountPropagation") => {
            one_of(&["None", "HostToContainer", "Bidirectional"])
        }
        ("HostPathVolumeSource", "type") => one_of(&[
            "",
            "DirectoryOrCreate",
            "Directory",
            "FileOrCreate",
            "File",
            "Socket",
            "CharDevice",
            "BlockDevice",
        ]),
        ("SecurityContext" | "PodSecurityContext", "runAsUser" | "runAsGroup")
        | ("PodSecurityContext", "fsGroup") => at_least(0),
        ("PodSecurityContext", "fsGroupChangePolicy") => one_of(&["OnRootMismatch", "Always"]),
        ("SecurityContext", "procMount") => one_of(&["Default", "Unmasked"]),
        ("SeccompProfile" | "AppArmorProfile", "type") => one_of(PROFILES),
        ("Toleration", "operator") => one_of(&["Exists", "Equal", "Lt", "Gt"]),
        // An empty effect tolerates all of them.
        ("Toleration", "effect") => one_of(&["NoSchedule", "PreferNoSchedule", "NoExecute", ""]),
        ("Taint", "effect") => one_of(EFFECTS),
        ("PreferredSchedulingTerm" | "WeightedPodAffinityTerm", "weight") => within(1, 100),
        // Workloads.
        ("DeploymentStrategy", "type") => one_of(&["RollingUpdate", "Recreate"]),
        ("StatefulSetUpdateStrategy" | "DaemonSetUpdateStrategy", "type") => {
            one_of(&["RollingUpdate", "OnDelete"])
        }
        ("StatefulSetSpec", "podManagementPolicy") => one_of(&["OrderedReady", "Parallel"]),
        ("StatefulSetPersistentVolumeClaimRetentionPolicy", "whenDeleted" | "whenScaled") => {
            one_of(&["Retain", "Delete"])
        }
        (
            "DeploymentSpec"
            | "StatefulSetSpec"
            | "ReplicaSetSpec"
            | "DaemonSetSpec"
            | "ReplicationControllerSpec",
            "replicas" | "minReadySeconds" | "revisionHistoryLimit",
        )
        | ("JobSpec", "parallelism" | "completions" | "backoffLimit" | "ttlSecondsAfterFinished")
        | ("CronJobSpec", "successfulJobsHistoryLimit" | "failedJobsHistoryLimit") => at_least(0),
        ("JobSpec", "activeDeadlineSeconds") => at_least(0),
        ("JobSpec", "completionMode") => one_of(&["NonIndexed", "Indexed"]),
        ("JobSpec", "podReplacementPolicy") => one_of(&["TerminatingOrFailed", "Failed"]),
        ("CronJobSpec", "concurrencyPolicy") => one_of(&["Allow", "Forbid", "Replace"]),
        // Network.
        ("ServiceSpec", "type") => {
            one_of(&["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"])
        }
        ("ServiceSpec", "sessionAffinity") => one_of(&["None", "ClientIP"]),
        ("ServiceSpec", "externalTrafficPolicy" | "internalTrafficPolicy") => {
            one_of(&["Cluster", "Local"])
        }
        ("ServiceSpec", "ipFamilyPolicy") => {
            one_of(&["SingleStack", "PreferDualStack", "RequireDualStack"])
        }
        ("ServiceSpec", "ipFamilies") => {
            json!({ "items": { "type": "string", "enum": ["IPv4", "IPv6"] } })
        }
        ("ServicePort", "port") => within(1, 65_535),
        ("ServicePort", "nodePort") => within(0, 65_535),
        ("ServicePort", "name") => dns_label(),
        ("NetworkPolicySpec", "policyTypes") => {
            json!({ "items": { "type": "string", "enum": ["Ingress", "Egress"] } })
        }
        ("HTTPIngressPath", "pathType") => one_of(&["Exact", "Prefix", "ImplementationSpecific"]),
        ("ServiceBackendPort", "number") => within(0, 65_535),
        // Storage.
        ("PersistentVolumeClaimSpec" | "PersistentVolumeSpec", "accessModes") => json!({
            "items": {
                "type": "string",
                "enum": ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"],
            },
        }),
        ("PersistentVolumeClaimSpec" | "PersistentVolumeSpec", "volumeMode") => {
            one_of(&["Filesystem", "Block"])
        }
        ("PersistentVolumeSpec", "persistentVolumeReclaimPolicy") => {
            one_of(&["Retain", "Delete", "Recycle"])
        }
        ("StorageClass", "reclaimPolicy") => one_of(&["Delete", "Retain"]),
        ("StorageClass", "volumeBindingMode") => one_of(&["Immediate", "WaitForFirstConsumer"]),
        // Access and admission.
        ("Subject", "kind") => one_of(&["User", "Group", "ServiceAccount"]),
        ("RoleRef", "kind") => one_of(&["Role", "ClusterRole"]),
        (
            "ValidatingAdmissionPolicySpec" | "ValidatingWebhook" | "MutatingWebhook",
            "failurePolicy",
        ) => one_of(&["Fail", "Ignore"]),
        ("ValidatingWebhook" | "MutatingWebhook" | "MatchResources", "matchPolicy") => {
            one_of(&["Equivalent", "Exact"])
        }
        ("ValidatingWebhook" | "MutatingWebhook", "sideEffects") => {
            one_of(&["None", "NoneOnDryRun"])
        }
        _ => return None,
    })
}

/// What is added to `metadata.name` of a kind.
pub(crate) fn of_name(api_version: &str, kind: &str) -> Option<Value> {
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    Some(match (group, kind) {
        ("rbac.authorization.k8s.io" | "flowcontrol.apiserver.k8s.io", _) => path_segment(),
        (
            "certificates.k8s.io" | "resource.k8s.io" | "networking.k8s.io",
            "ClusterTrustBundle" | "IPAddress",
        )
        | ("authentication.k8s.io" | "authorization.k8s.io", _)
        | ("", "Binding" | "ComponentStatus" | "Event") => return None,
        ("", "Namespace" | "Service") => dns_label(),
        ("batch", "CronJob") => dns_subdomain(52),
        _ => dns_subdomain(253),
    })
}

/// The policies with which a kind's pods may be restarted; `None` leaves them all.
pub(crate) fn restart_policies(kind: &str) -> Option<&'static [&'static str]> {
    match kind {
        "Deployment"
        | "StatefulSet"
        | "DaemonSet"
        | "ReplicaSet"
        | "ReplicationController"
        | "Rollout" => Some(&["Always"]),
        "Job" | "CronJob" => Some(&["OnFailure", "Never"]),
        _ => None,
    }
}

/// Writes `more` into `schema`; what is there already stays, unless `more` has it too.
pub(crate) fn lay(schema: &mut Value, more: Value) {
    let (Value::Object(more), Some(schema)) = (more, schema.as_object_mut()) else { return };
    // In draft 7, nothing counts beside a reference.
    if let Some(reference) = schema.remove("$ref") {
        let mut all = Map::new();
        all.insert("$ref".to_owned(), reference);
        schema.insert("allOf".to_owned(), json!([all]));
    }
    schema.extend(more);
}
