//! Names, labels and annotations.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use crate::plan::Plan;
use crate::plan::scaling::Scaling;
use crate::source::{Files, sha256};
use crate::spec::leaf::{Stack, is_label_value};

/// The labels that find the service's pods; never a version, since selectors cannot change.
pub(super) fn selector_labels(plan: &Plan<'_>) -> BTreeMap<String, String> {
    BTreeMap::from([("app".to_owned(), plan.names.service.clone())])
}

/// [`selector_labels`] as a selector.
pub(super) fn selector(plan: &Plan<'_>) -> LabelSelector {
    LabelSelector { match_labels: Some(selector_labels(plan)), ..LabelSelector::default() }
}

/// Labels of the pods.
pub(super) fn pod_labels(plan: &Plan<'_>) -> BTreeMap<String, String> {
    let service = &plan.spec.doc.service;
    let mut labels = selector_labels(plan);
    let mut set =
        |key: &str, value: String| labels.insert(format!("app.kubernetes.io/{key}"), value);
    set("name", plan.names.service.clone());
    let part_of = service.part_of.as_ref().map_or(&plan.names.service, |part_of| &part_of.0);
    set("part-of", part_of.clone());
    if let Some(version) = service.image.tag().and_then(version) {
        set("version", version);
    }
    let own = service.labels.iter().flat_map(|labels| labels.iter());
    labels.extend(own.map(|(key, value)| (key.clone(), value.0.clone())));
    labels
}

/// The part of an image tag that may be a label: at most 63 characters, with a letter or digit at each end.
fn version(tag: &str) -> Option<String> {
    let edge = |c: char| !c.is_ascii_alphanumeric();
    let cut: String = tag.trim_start_matches(edge).chars().take(63).collect();
    let cut = cut.trim_end_matches(edge);
    (!cut.is_empty() && is_label_value(cut)).then(|| cut.to_owned())
}

/// Labels of every object.
fn object_labels(plan: &Plan<'_>) -> BTreeMap<String, String> {
    let mut labels = pod_labels(plan);
    labels.extend([managed_by()]);
    labels
}

/// The label of everything that slogen emits.
pub fn managed_by() -> (String, String) {
    ("app.kubernetes.io/managed-by".to_owned(), "slogen".to_owned())
}

/// Metadata of the object `name`.
pub(super) fn object(plan: &Plan<'_>, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(plan.spec.doc.service.namespace.0.clone()),
        labels: Some(object_labels(plan)),
        ..ObjectMeta::default()
    }
}

/// Metadata of the autoscaler. A floor of one pod behind a Service is what slo.toml asks for, and says so to whoever
/// lints the objects without that file.
pub(super) fn autoscaler(plan: &Plan<'_>, name: &str, min: i32) -> ObjectMeta {
    let mut metadata = object(plan, name);
    metadata.annotations = lone_pod(plan, min).map(|annotation| BTreeMap::from([annotation]));
    metadata
}

/// The annotation that accepts a floor of one pod behind a Service.
fn lone_pod(plan: &Plan<'_>, min: i32) -> Option<(String, String)> {
    let served = *plan.spec.doc.outputs.service || plan.names.headless.is_some();
    let reason = "availability/single-replica: scaling.min is 1 in slo.toml";
    (min == 1 && served).then(|| ("slogen.dev/ignore".to_owned(), reason.to_owned()))
}

/// Metadata of the headless Service: without `app`, so that the ServiceMonitor does not scrape twice.
pub(super) fn headless(plan: &Plan<'_>, name: &str) -> ObjectMeta {
    let mut metadata = object(plan, name);
    if let Some(labels) = &mut metadata.labels {
        labels.remove("app");
    }
    metadata
}

/// Metadata of what the Prometheus Operator reads: with the labels that the stack selects by.
pub(super) fn monitoring(plan: &Plan<'_>, name: &str, rule: bool) -> ObjectMeta {
    let metrics = &plan.spec.doc.metrics;
    let mut metadata = object(plan, name);
    let labels = metadata.labels.get_or_insert_default();
    let mut set = |key: &str, value: &str| labels.insert(key.to_owned(), value.to_owned());
    match *metrics.stack {
        Stack::KubePrometheusStack => {
            set("release", &metrics.release.0);
        }
        Stack::KubePrometheus if rule => {
            set("prometheus", "k8s");
            set("role", "alert-rules");
        }
        Stack::KubePrometheus | Stack::Plain => {}
    }
    metadata
}

/// Metadata of the workload: it alone says which slo.toml it came from.
pub(super) fn workload(plan: &Plan<'_>, files: &Files) -> ObjectMeta {
    let mut metadata = object(plan, &plan.names.service);
    let mut annotations = pod_annotations(plan).unwrap_or_default();
    if let Scaling::Fixed(pods) = plan.scaling
        && let Some((key, reason)) = lone_pod(plan, pods)
    {
        annotations.entry(key).or_insert(reason);
    }
    annotations.insert("slogen.dev/version".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    let digest = sha256(&files.get(plan.spec.file).text);
    annotations.insert("slogen.dev/source-sha256".to_owned(), digest);
    metadata.annotations = Some(annotations);
    metadata
}

/// The user's annotations.
pub(super) fn pod_annotations(plan: &Plan<'_>) -> Option<BTreeMap<String, String>> {
    let annotations = plan.spec.doc.service.annotations.as_ref()?;
    Some(annotations.iter().map(|(key, value)| (key.clone(), (**value).clone())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_valid_labels() {
        assert_eq!(version("slo-v1").as_deref(), Some("slo-v1"));
        assert_eq!(version("v1.2.3-").as_deref(), Some("v1.2.3"));
        assert_eq!(version("_").as_deref(), None);
        assert_eq!(version(&format!("{}.x", "a".repeat(62))), Some("a".repeat(62)));
    }
}
