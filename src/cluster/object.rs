//! Who an object is.

use crate::finding;
use crate::source::Span;
use crate::yaml::Place;

/// The kinds that rules know. Kinds of other groups with the same name are [`Kind::Other`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "they are Kubernetes' own names")]
pub enum Kind {
    Deployment,
    StatefulSet,
    DaemonSet,
    ReplicaSet,
    ReplicationController,
    Job,
    CronJob,
    Pod,
    /// Argo's.
    Rollout,
    HorizontalPodAutoscaler,
    VerticalPodAutoscaler,
    ScaledObject,
    ScaledJob,
    HttpScaledObject,
    Service,
    Ingress,
    HttpRoute,
    PodDisruptionBudget,
    NetworkPolicy,
    ServiceMonitor,
    PodMonitor,
    PrometheusRule,
    Prometheus,
    AnalysisTemplate,
    ConfigMap,
    Secret,
    LimitRange,
    ResourceQuota,
    Namespace,
    /// A Prometheus rule file, which has no kind.
    RuleFile,
    /// prometheus-adapter's configuration or Helm values, which have no kind.
    AdapterConfig,
    Other,
}

impl Kind {
    /// The kind that `name` is in API group `group`.
    pub fn of(group: &str, name: &str) -> Self {
        match (group, name) {
            ("apps" | "extensions", "Deployment") => Self::Deployment,
            ("apps", "StatefulSet") => Self::StatefulSet,
            ("apps" | "extensions", "DaemonSet") => Self::DaemonSet,
            ("apps" | "extensions", "ReplicaSet") => Self::ReplicaSet,
            ("", "ReplicationController") => Self::ReplicationController,
            ("batch", "Job") => Self::Job,
            ("batch", "CronJob") => Self::CronJob,
            ("", "Pod") => Self::Pod,
            ("argoproj.io", "Rollout") => Self::Rollout,
            ("autoscaling", "HorizontalPodAutoscaler") => Self::HorizontalPodAutoscaler,
            ("autoscaling.k8s.io", "VerticalPodAutoscaler") => Self::VerticalPodAutoscaler,
            ("keda.sh", "ScaledObject") => Self::ScaledObject,
            ("keda.sh", "ScaledJob") => Self::ScaledJob,
            ("http.keda.sh", "HTTPScaledObject") => Self::HttpScaledObject,
            ("", "Service") => Self::Service,
            ("networking.k8s.io" | "extensions", "Ingress") => Self::Ingress,
            ("gateway.networking.k8s.io", "HTTPRoute") => Self::HttpRoute,
            ("policy", "PodDisruptionBudget") => Self::PodDisruptionBudget,
            ("networking.k8s.io" | "extensions", "NetworkPolicy") => Self::NetworkPolicy,
            ("monitoring.coreos.com", "ServiceMonitor") => Self::ServiceMonitor,
            ("monitoring.coreos.com", "PodMonitor") => Self::PodMonitor,
            ("monitoring.coreos.com", "PrometheusRule") => Self::PrometheusRule,
            ("monitoring.coreos.com", "Prometheus" | "PrometheusAgent") => Self::Prometheus,
            ("argoproj.io", "AnalysisTemplate" | "ClusterAnalysisTemplate") => {
                Self::AnalysisTemplate
            }
            ("", "ConfigMap") => Self::ConfigMap,
            ("", "Secret") => Self::Secret,
            ("", "LimitRange") => Self::LimitRange,
            ("", "ResourceQuota") => Self::ResourceQuota,
            ("", "Namespace") => Self::Namespace,
            _ => Self::Other,
        }
    }

    /// True for what has a pod template.
    pub fn is_workload(self) -> bool {
        matches!(
            self,
            Self::Deployment
                | Self::StatefulSet
                | Self::DaemonSet
                | Self::ReplicaSet
                | Self::ReplicationController
                | Self::Job
                | Self::CronJob
                | Self::Pod
                | Self::Rollout
        )
    }
}

/// One object of the input. Every view of an object dereferences to it.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a> {
    /// Its place in [`super::Cluster::objects`].
    pub index: usize,
    /// The whole object.
    pub root: Place<'a>,
    /// What it is.
    pub kind: Kind,
    /// `kind` as written.
    pub kind_name: &'a str,
    /// API group; empty for the core group.
    pub group: &'a str,
    /// Version within the group.
    pub version: &'a str,
    /// `metadata.name`; empty if it has none.
    pub name: &'a str,
    /// `metadata.namespace`, if it is set.
    pub namespace: Option<&'a str>,
    /// Made by another object (`metadata.ownerReferences`).
    pub owned: bool,
    /// Which of the slo.toml files of the run stands in its folder or nearest above it.
    pub slo: Option<usize>,
    /// The folder that its file stands in, by a number.
    pub folder: u32,
}

impl<'a> Object<'a> {
    /// Reads what a document is: `None` for what is no object and no file that carries PromQL.
    pub(super) fn read(root: Place<'a>) -> Option<Self> {
        let text = |key| root.get(key).and_then(Place::text);
        let object = Self {
            index: 0,
            root,
            kind: Kind::Other,
            kind_name: "",
            group: "",
            version: "",
            name: "",
            namespace: None,
            owned: false,
            slo: None,
            folder: 0,
        };
        let (Some(api_version), Some(kind_name)) = (text("apiVersion"), text("kind")) else {
            let kind = kindless(root)?;
            let kind_name =
                if kind == Kind::RuleFile { "Prometheus rule file" } else { "adapter config" };
            return Some(Self { kind, kind_name, ..object });
        };
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        let metadata = root.get("metadata");
        let of_metadata = |key| metadata.and_then(|metadata| metadata.text_of(key));
        Some(Self {
            kind: Kind::of(group, kind_name),
            kind_name,
            group,
            version,
            name: of_metadata("name").or_else(|| of_metadata("generateName")).unwrap_or(""),
            namespace: of_metadata("namespace").filter(|namespace| !namespace.is_empty()),
            owned: metadata.is_some_and(|metadata| metadata.get("ownerReferences").is_some()),
            ..object
        })
    }

    /// The value at `path`, such as `spec/replicas`.
    pub fn at(&self, path: &str) -> Option<Place<'a>> {
        self.root.at(path)
    }

    /// Where a report about the object as a whole points: its name.
    pub fn spot(&self) -> Span {
        let metadata = self.root.get("metadata");
        let name =
            metadata.and_then(|metadata| metadata.get("name")).filter(|name| name.is_scalar());
        let kind = || self.root.get("kind");
        name.or(metadata).or_else(kind).unwrap_or(self.root).primary()
    }

    /// Where a report about something missing at `path` points: the key of the nearest mapping that exists, of
    /// the object itself its name.
    pub fn missing(&self, path: &str) -> Span {
        let nearest = self.root.nearest(path);
        if nearest == self.root { self.spot() } else { nearest.primary() }
    }

    /// `Kind/name`, as messages name it.
    pub fn title(&self) -> String {
        format!("{} `{}`", self.kind_name, self.name)
    }

    /// The value of a label of the object itself.
    pub fn label(&self, key: &str) -> Option<&'a str> {
        self.at("metadata/labels")?.text_of(key)
    }

    /// The value of an annotation.
    pub fn annotation(&self, key: &str) -> Option<&'a str> {
        self.root.get("metadata")?.get("annotations")?.text_of(key)
    }

    /// True if kubectl and kustomize keep it to themselves.
    pub(super) fn is_local(&self) -> bool {
        self.annotation("config.kubernetes.io/local-config") == Some("true")
    }

    /// How findings name it.
    pub fn identity(&self) -> finding::Object {
        finding::Object {
            kind: self.kind_name.to_owned(),
            namespace: self.namespace.map(str::to_owned),
            name: self.name.to_owned(),
        }
    }

    /// True if both can be meant by one reference (rules.md 2.8): an unset namespace is that of kubectl's
    /// context, unknown here, so that it equals another unset one, and a set one only in the same file.
    pub fn shares_namespace(&self, other: &Object<'_>) -> bool {
        self.namespace == other.namespace
            || ((self.namespace.is_none() || other.namespace.is_none())
                && self.root.file() == other.root.file())
    }
}

/// What steers a strategic merge patch and is in no object (k8s:apimachinery/pkg/util/strategicpatch/patch.go).
const DIRECTIVES: [&str; 4] =
    ["$patch", "$retainKeys", "$setElementOrder/", "$deleteFromPrimitiveList/"];

/// False for a text without the directives of a patch.
pub(super) fn may_patch(text: &str) -> bool {
    memchr::memchr_iter(b'$', text.as_bytes())
        .filter_map(|at| text.get(at..))
        .any(|rest| DIRECTIVES.iter().any(|directive| rest.starts_with(directive)))
}

/// True for a document that has the directives of a patch among its keys.
pub(super) fn patches(root: Place<'_>) -> bool {
    let mut left = vec![root];
    while let Some(place) = left.pop() {
        for (key, value) in place.entries() {
            if DIRECTIVES.iter().any(|directive| key.starts_with(directive)) {
                return true;
            }
            left.push(value);
        }
        left.extend(place.items());
    }
    false
}

/// Rule files and adapter configuration have neither kind nor apiVersion.
fn kindless(root: Place<'_>) -> Option<Kind> {
    let rule_file = root.list("groups").any(|group| {
        group.list("rules").any(|rule| rule.is_mapping() && rule.get("expr").is_some())
    });
    if rule_file {
        return Some(Kind::RuleFile);
    }
    adapter_rules(root).next().map(|_| Kind::AdapterConfig)
}

/// The adapter rules of a configuration file or of the chart's Helm values.
pub(super) fn adapter_rules(root: Place<'_>) -> impl Iterator<Item = Place<'_>> {
    let rules = root.get("rules");
    let helm = rules.filter(|rules| rules.is_mapping());
    let lists = [
        rules,
        root.get("externalRules"),
        helm.and_then(|rules| rules.get("custom")),
        helm.and_then(|rules| rules.get("external")),
        helm.and_then(|rules| rules.get("resource")).and_then(|rules| rules.get("cpu")),
        helm.and_then(|rules| rules.get("resource")).and_then(|rules| rules.get("memory")),
    ];
    lists
        .into_iter()
        .flatten()
        .flat_map(|list| {
            let single = list.is_mapping().then_some(list);
            single.into_iter().chain(list.items()).collect::<Vec<_>>()
        })
        .filter(|rule| rule.get("seriesQuery").is_some() || rule.get("containerQuery").is_some())
}
