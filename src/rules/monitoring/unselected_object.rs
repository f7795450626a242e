use rustc_hash::FxHashMap;

use crate::rules::prelude::*;

declare_rule! {
    /// No Prometheus selects a monitor or a rule.
    ///
    /// ## Why
    /// The object exists, nothing complains, and nothing is scraped or evaluated: a Prometheus takes only what its selectors
    /// match (prometheus-operator/prometheus-operator#3636, pyrra-dev/pyrra#1125). kube-prometheus-stack selects by the label
    /// `release`, so where `release` is declared in the configuration, an object without it is an error.
    ///
    /// ```yaml,bad
    /// # lint: release = "prometheus"
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PodMonitor
    /// metadata:
    ///   name: shop
    ///   labels:
    ///     app: shop
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   podMetricsEndpoints: [{ port: http, interval: 15s }]
    /// ```
    /// ```yaml,fixed
    /// # lint: release = "prometheus"
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PodMonitor
    /// metadata:
    ///   name: shop
    ///   labels:
    ///     app: shop
    ///     release: prometheus
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   podMetricsEndpoints: [{ port: http, interval: 15s }]
    /// ```
    /// ```yaml,good
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: Prometheus
    /// metadata: { name: main }
    /// spec:
    ///   podMonitorSelector: { matchLabels: { team: shop } }
    /// ---
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PodMonitor
    /// metadata: { name: shop, labels: { team: shop } }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   podMetricsEndpoints: [{ port: http, interval: 15s }]
    /// ```
    "monitoring/unselected-object" pub struct UnselectedObject {}
    severity: Error, fix: FixKind::Safe, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the Prometheus that selects"),
}

impl Rule for UnselectedObject {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let servers: Vec<_> = cluster.of_kind(Kind::Prometheus).map(Server::of).collect();
        let release = cluster.settings.release.as_deref();
        if servers.is_empty() && release.is_none() {
            return;
        }
        let namespaces: FxHashMap<_, _> =
            cluster.of_kind(Kind::Namespace).map(|it| (it.name, it)).collect();
        // ThanosRulers evaluate rules, too.
        let has_rulers = || {
            let mut others = cluster.of_kind(Kind::Other);
            others.any(|it| it.group == "monitoring.coreos.com" && it.kind_name == "ThanosRuler")
        };
        for kind in [Kind::ServiceMonitor, Kind::PodMonitor, Kind::PrometheusRule] {
            for object in cluster.of_kind(kind) {
                let selected = servers.iter().any(|it| it.may_select(object, &namespaces));
                let labels = object.at("metadata/labels");
                if selected || labels.is_some_and(|labels| !labels.is_mapping()) {
                    continue;
                }
                match release {
                    Some(release) => unreleased(cx, object, labels, release),
                    None if kind == Kind::PrometheusRule && has_rulers() => {}
                    None => unselected(cx, object, labels, &servers),
                }
            }
        }
    }
}

fn unselected<'a>(
    cx: &mut Ctx<'_>,
    object: &Object<'a>,
    labels: Option<Place<'a>>,
    servers: &[Server<'a>],
) {
    let Some(server) = servers.first() else { return };
    let key = Server::key(object.kind, "Selector");
    let selector = server.0.at("spec").and_then(|spec| spec.get(&key));
    let message = format!("no Prometheus of the input selects {}", object.title());
    let spot = labels.map_or_else(|| object.spot(), Place::primary);
    let label = match (selector, servers.len()) {
        (None, _) => format!("`{key}` is unset, which selects nothing"),
        (Some(_), 1) => "selects others".to_owned(),
        (Some(_), count) => format!("as the other {}, selects others", count - 1),
    };
    let place = selector.map_or_else(|| server.0.missing("spec"), Place::primary);
    cx.report(object, spot, message)
        .severity(Warning)
        .here("not what a selector asks for")
        .label(place, label)
        .help("add the labels that the Prometheus selects, or widen its selector");
}

fn unreleased<'a>(cx: &mut Ctx<'_>, object: &Object<'a>, labels: Option<Place<'a>>, release: &str) {
    let written = labels.and_then(|labels| labels.get("release"));
    if written
        .is_some_and(|it| it.text().is_none_or(|text| text == release || is_placeholder(text)))
    {
        return;
    }
    let message = match written.and_then(Place::text) {
        Some(other) => {
            format!("{} has the label release `{other}`, not `{release}`", object.title())
        }
        None => format!("{} has no label release, which Prometheus selects by", object.title()),
    };
    let spot = labels.map_or_else(|| object.spot(), Place::primary);
    let report = cx
        .report(object, spot, message)
        .here("Prometheus ignores it")
        .help(format!("add the label `release: {release}`"));
    if written.is_some() {
        return;
    }
    let op = if let Some(labels) = labels {
        edit::insert(labels, "release", release)
    } else {
        let Some(metadata) = object.at("metadata") else { return };
        edit::insert(metadata, "labels", serde_json::json!({ "release": release }))
    };
    report.fix_safe(format!("add the label release: {release}"), [op]);
}

/// A Prometheus.
struct Server<'a>(Object<'a>);

impl<'a> Server<'a> {
    fn of(object: &Object<'a>) -> Self {
        Self(*object)
    }

    /// `serviceMonitorSelector`, `podMonitorNamespaceSelector`, `ruleSelector` …
    fn key(kind: Kind, end: &str) -> String {
        let start = match kind {
            Kind::ServiceMonitor => "serviceMonitor",
            Kind::PodMonitor => "podMonitor",
            _ => "rule",
        };
        format!("{start}{end}")
    }

    /// False if it certainly does not select `object`.
    fn may_select(&self, object: &Object<'a>, namespaces: &FxHashMap<&str, &Object<'a>>) -> bool {
        let Some(spec) = self.0.at("spec") else { return true };
        // Without any selector its configuration is made by hand.
        let keys = [
            "serviceMonitorSelector",
            "podMonitorSelector",
            "probeSelector",
            "scrapeConfigSelector",
        ];
        if keys.iter().all(|key| spec.get(key).is_none()) {
            return true;
        }
        // Agents evaluate no rules.
        if object.kind == Kind::PrometheusRule && self.0.kind_name == "PrometheusAgent" {
            return false;
        }
        let Some(selector) = spec.get(&Self::key(object.kind, "Selector")) else { return false };
        let selector = Selector::full(selector);
        if !selector.is_placeholder() && !selector.matches(Labels(object.at("metadata/labels"))) {
            return false;
        }
        match spec.get(&Self::key(object.kind, "NamespaceSelector")) {
            None => {
                self.0.namespace.is_none()
                    || object.namespace.is_none()
                    || self.0.shares_namespace(object)
            }
            Some(selector) => admits(&Selector::full(selector), object.namespace, namespaces),
        }
    }
}

/// False if a namespace certainly does not have the labels that `selector` asks for.
fn admits<'a>(
    selector: &Selector<'a>,
    namespace: Option<&str>,
    namespaces: &FxHashMap<&str, &Object<'a>>,
) -> bool {
    let Some(name) = namespace else { return true };
    let known = namespaces.get(name);
    let own = |key: &str| key == "kubernetes.io/metadata.name";
    let labels = selector.labels.iter().all(|(key, value, _)| {
        if own(key) { *value == name } else { known.is_none_or(|it| it.label(key) == Some(value)) }
    });
    labels
        && selector.requirements.iter().all(|requirement| match (own(requirement.key), known) {
            (true, _) if requirement.operator == "In" => requirement.values.contains(&name),
            (true, _) if requirement.operator == "NotIn" => !requirement.values.contains(&name),
            (true, _) | (_, None) => true,
            (false, Some(it)) => requirement.matches(Labels(it.at("metadata/labels"))),
        })
}

cases! {
    by_labels: "apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nmetadata: {name: p}\nspec: {ruleSelector: {matchLabels: {role: alerts}}, serviceMonitorSelector: {}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r, labels: {role: alert}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: s, labels: {role: alerts}}\n"
        => ["12:21"],
    by_namespace: "apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nmetadata: {name: p, namespace: m}\nspec: {podMonitorSelector: {}, serviceMonitorSelector: {}, serviceMonitorNamespaceSelector: {matchLabels: {kubernetes.io/metadata.name: n}}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nmetadata: {name: a, namespace: n}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a, namespace: n}\n"
        => ["8:18"],
    no_selectors_at_all: "apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nmetadata: {name: p, namespace: m}\nspec: {replicas: 2}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\n"
        => [],
    release: "# lint: release = \"kps\"\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r, labels: {release: other}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r, labels: {release: kps}}\n"
        => ["3:18", "7:21"],
    nothing_known: "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\n"
        => [],
}
