//! The schemas of built-in Kubernetes kinds. `tests/kubernetes_schemas.rs` generates them.

use serde_json::Value;

use super::{Schema, Violation};

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
            schema: Schema::new(include_str!(concat!("../../schemas/kubernetes/", $file))),
        }),*];
    };
}

// To add a kind: a line here, one in `tests/kubernetes_schemas.rs`, an empty file, and
// `SLOGEN_BLESS=1 cargo test --test kubernetes_schemas`.
kinds! {
    "Deployment"              "apps/v1"                      "deployment.json";
    "StatefulSet"             "apps/v1"                      "statefulset.json";
    "DaemonSet"               "apps/v1"                      "daemonset.json";
    "ReplicaSet"              "apps/v1"                      "replicaset.json";
    "Job"                     "batch/v1"                     "job.json";
    "CronJob"                 "batch/v1"                     "cronjob.json";
    "Pod"                     "v1"                           "pod.json";
    "Service"                 "v1"                           "service.json";
    "ServiceAccount"          "v1"                           "serviceaccount.json";
    "ConfigMap"               "v1"                           "configmap.json";
    "Secret"                  "v1"                           "secret.json";
    "PersistentVolumeClaim"   "v1"                           "persistentvolumeclaim.json";
    "LimitRange"              "v1"                           "limitrange.json";
    "ResourceQuota"           "v1"                           "resourcequota.json";
    "Namespace"               "v1"                           "namespace.json";
    "HorizontalPodAutoscaler" "autoscaling/v2"               "horizontalpodautoscaler.json";
    "PodDisruptionBudget"     "policy/v1"                    "poddisruptionbudget.json";
    "NetworkPolicy"           "networking.k8s.io/v1"         "networkpolicy.json";
    "Ingress"                 "networking.k8s.io/v1"         "ingress.json";
    "Role"                    "rbac.authorization.k8s.io/v1" "role.json";
    "RoleBinding"             "rbac.authorization.k8s.io/v1" "rolebinding.json";
    "ServiceMonitor"          "monitoring.coreos.com/v1"     "servicemonitor.json";
    "PodMonitor"              "monitoring.coreos.com/v1"     "podmonitor.json";
    "PrometheusRule"          "monitoring.coreos.com/v1"     "prometheusrule.json";
    "ScaledObject"            "keda.sh/v1alpha1"             "scaledobject.json";
    "TriggerAuthentication"   "keda.sh/v1alpha1"             "triggerauthentication.json";
}

/// The name and `apiVersion` of each kind that has a schema.
pub fn kinds() -> impl Iterator<Item = (&'static str, &'static str)> {
    KINDS.iter().map(|kind| (kind.name, kind.api_version))
}

/// Every violation of the schema of this kind in `object`, ordered by path; none means valid.
///
/// `None` says that slogen has no schema of this kind at this `api_version`: another group may use
/// the same name for something else, as Knative does with `Service`, and another version of the
/// same kind has other fields.
pub fn validate(kind: &str, api_version: &str, object: &Value) -> Option<Vec<Violation>> {
    KINDS
        .iter()
        .find(|known| known.name == kind && known.api_version == api_version)
        .map(|known| known.schema.violations(object))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment() -> Value {
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": { "name": "web", "creationTimestamp": null },
            "spec": {
                "replicas": 3,
                "selector": { "matchLabels": { "app": "web" } },
                "strategy": { "rollingUpdate": { "maxSurge": "25%", "maxUnavailable": 0 } },
                "template": {
                    "metadata": { "labels": { "app": "web" } },
                    "spec": {
                        "containers": [{
                            "name": "web",
                            "image": "web:1",
                            "ports": [{ "containerPort": 8080 }],
                            "resources": { "requests": { "cpu": 0.5, "memory": "128Mi" } },
                        }],
                    },
                },
            },
        })
    }

    /// The violations of a Deployment in which the value at `path` is `value`, as "path: message".
    fn with(path: &str, value: &Value) -> Vec<String> {
        let (parent, field) = path.rsplit_once('/').unwrap_or_default();
        let mut object = deployment();
        if let Some(parent) = object.pointer_mut(parent) {
            parent[field] = value.clone();
        }
        violations(&object)
    }

    fn violations(object: &Value) -> Vec<String> {
        let text = |field: &str| object[field].as_str().unwrap_or_default();
        validate(text("kind"), text("apiVersion"), object)
            .into_iter()
            .flatten()
            .map(|violation| format!("{}: {}", violation.path, violation.message))
            .collect()
    }

    const CONTAINER: &str = "/spec/template/spec/containers/0";

    #[test]
    fn valid_object() {
        assert_eq!(validate("Deployment", "apps/v1", &deployment()), Some(vec![]));
    }

    #[test]
    fn kind_without_schema() {
        assert_eq!(validate("Gateway", "gateway.networking.k8s.io/v1", &json!({})), None);
        assert_eq!(validate("Service", "serving.knative.dev/v1", &json!({})), None);
    }

    #[test]
    fn unknown_field_has_its_own_path_and_a_suggestion() {
        assert_eq!(
            with(&format!("{CONTAINER}/livenessprobe"), &json!({})),
            [format!(
                "{CONTAINER}/livenessprobe: `livenessprobe` is not a field of this object; \
                 did you mean `livenessProbe`?"
            )]
        );
        assert_eq!(
            with("/spec/a~b", &json!(1)),
            ["/spec/a~0b: `a~b` is not a field of this object"]
        );
    }

    #[test]
    fn suggestion_is_a_field_that_is_not_there_yet() {
        let mut object = deployment();
        let mut container = json!({ "name": "web", "resource": {} });
        object["spec"]["template"]["spec"]["containers"] = json!([container]);
        let unknown = format!("{CONTAINER}/resource: `resource` is not a field of this object");
        assert_eq!(violations(&object), [format!("{unknown}; did you mean `resources`?")]);

        container["resources"] = json!({});
        object["spec"]["template"]["spec"]["containers"] = json!([container]);
        assert_eq!(violations(&object), [unknown]);
    }

    #[test]
    fn wrong_type() {
        assert_eq!(
            with("/spec/replicas", &json!("3")),
            ["/spec/replicas: expected an integer, found a string"]
        );
        assert_eq!(
            with("/spec/replicas", &json!(2.5)),
            ["/spec/replicas: expected an integer, found a decimal number"]
        );
        assert_eq!(
            with("/metadata/labels", &json!({ "on": true })),
            ["/metadata/labels/on: expected a string, found a boolean"]
        );
        assert_eq!(
            with("/spec/template/spec", &json!([])),
            ["/spec/template/spec: expected an object, found a list"]
        );
    }

    #[test]
    fn missing_field_is_told_of_the_object_that_lacks_it() {
        assert_eq!(with("/spec/selector", &Value::Null), ["/spec: `selector` is missing"]);
        assert_eq!(
            with("/spec/template/spec", &json!({})),
            ["/spec/template/spec: `containers` is missing"]
        );
    }

    #[test]
    fn null_is_absent_in_a_map_but_not_in_a_list() {
        assert_eq!(with("/spec/replicas", &Value::Null), [] as [&str; 0]);
        assert_eq!(with("/spec/unheard", &Value::Null), [] as [&str; 0]);
        assert_eq!(
            with("/spec/template/spec/containers", &json!([null])),
            [format!("{CONTAINER}: expected an object, found null")]
        );
    }

    #[test]
    fn port_numbers_and_port_names() {
        assert_eq!(
            with(&format!("{CONTAINER}/ports"), &json!([{ "containerPort": "80" }])),
            [format!("{CONTAINER}/ports/0/containerPort: expected an integer, found a string")]
        );
        let service = |target: Value| {
            violations(&json!({
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": { "name": "web" },
                "spec": { "ports": [{ "port": 80, "targetPort": target }] },
            }))
        };
        assert_eq!(service(json!("http")), [] as [&str; 0]);
        assert_eq!(service(json!(8080)), [] as [&str; 0]);
        assert_eq!(
            service(json!(80.5)),
            ["/spec/ports/0/targetPort: \
              expected an integer or a string, found a decimal number"]
        );
    }

    #[test]
    fn quantities() {
        let memory = |value: Value| {
            with(&format!("{CONTAINER}/resources"), &json!({ "limits": { "memory": value } }))
        };
        for good in ["0", "1.", ".5", "+1", "-1.5Gi", "100m", "5u", "3n", "1k", "1E", "1E3", "1e-3"]
        {
            assert_eq!(memory(json!(good)), [] as [&str; 0], "{good}");
        }
        for bad in ["", ".", "1 Gi", "1K", "1gi", "1GB", "1e", "1e1.5", "0x10", "1Gi\n", "१"] {
            assert_eq!(
                memory(json!(bad)),
                [format!(
                    "{CONTAINER}/resources/limits/memory: \
                     expected a quantity such as `500m` or `128Mi`, found `{bad}`"
                )],
            );
        }
        assert_eq!(
            memory(json!(true)),
            [format!(
                "{CONTAINER}/resources/limits/memory: \
                 expected a quantity such as `500m` or `128Mi`, found a boolean"
            )]
        );
    }

    #[test]
    fn all_violations_are_reported_in_order() {
        let mut object = deployment();
        object["spec"] =
            json!({ "replica": 1, "paused": "no", "template": { "spec": { "x": 1 } } });
        assert_eq!(
            violations(&object),
            [
                "/spec: `selector` is missing",
                "/spec/paused: expected a boolean, found a string",
                "/spec/replica: `replica` is not a field of this object; did you mean `replicas`?",
                "/spec/template/spec: `containers` is missing",
                "/spec/template/spec/x: `x` is not a field of this object",
            ]
        );
    }

    #[test]
    fn object_must_say_what_it_is() {
        let messages = validate("Namespace", "v1", &json!({ "metadata": { "name": "shop" } }))
            .into_iter()
            .flatten()
            .map(|violation| violation.message);
        assert_eq!(messages.collect::<Vec<_>>(), ["`apiVersion` is missing", "`kind` is missing"]);
    }

    #[test]
    fn object_of_another_kind() {
        let mut object = deployment();
        object["kind"] = json!("StatefulSet");
        assert_eq!(
            validate("Deployment", "apps/v1", &object),
            Some(vec![Violation {
                path: "/kind".to_owned(),
                message: "expected `Deployment`, found `StatefulSet`".to_owned(),
            }])
        );
    }
}
