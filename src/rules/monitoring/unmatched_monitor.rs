use crate::rules::prelude::*;
use crate::source::Span;

declare_rule! {
    /// The selector of a ServiceMonitor or PodMonitor matches nothing.
    ///
    /// ## Why
    /// The target is absent, not down: no series, no `up == 0`, and an SLO without data looks like one that is
    /// met. A ServiceMonitor selects by the labels of the Service itself, `metadata.labels`, not by what the
    /// Service selects and not by the labels of pods; and it looks in its own namespace only, unless
    /// `namespaceSelector` says otherwise (prometheus-operator/prometheus-operator#2833,
    /// stackrox/kube-linter#545). It is an error only with `closed_world = true`: what the input does not hold may
    /// be elsewhere.
    ///
    /// ## Peers
    /// kube-linter fails a ServiceMonitor whose Services are not among the files. slogen warns, and calls it an
    /// error only with `closed_world = true`: monitors are often kept with the monitoring stack, far from what they
    /// watch.
    ///
    /// ## Fix safety
    /// Unsafe: other selectors may match the new label of the Service too.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   replicas: 2
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         ports: [{ name: http, containerPort: 8080 }]
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    ///         readinessProbe: { httpGet: { path: /ready, port: http } }
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop }
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: { matchLabels: { app: shop } }
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: shop
    ///   labels:
    ///     tier: front
    /// spec:
    ///   selector: { app: shop }
    ///   ports: [{ name: http, port: 80, targetPort: http }]
    /// ---
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: ServiceMonitor
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   endpoints: [{ port: http, interval: 15s }]
    /// ```
    /// ```yaml,fixed
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   replicas: 2
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         ports: [{ name: http, containerPort: 8080 }]
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    ///         readinessProbe: { httpGet: { path: /ready, port: http } }
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop }
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: { matchLabels: { app: shop } }
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: shop
    ///   labels:
    ///     tier: front
    ///     app: shop
    /// spec:
    ///   selector: { app: shop }
    ///   ports: [{ name: http, port: 80, targetPort: http }]
    /// ---
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: ServiceMonitor
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   endpoints: [{ port: http, interval: 15s }]
    /// ```
    /// A PodMonitor selects by the labels of pods:
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: mailer }
    /// spec:
    ///   selector: { matchLabels: { app: mailer } }
    ///   template:
    ///     metadata: { labels: { app: mailer } }
    ///     spec:
    ///       containers:
    ///       - name: mailer
    ///         image: mailer:1.2
    ///         ports: [{ name: metrics, containerPort: 9090 }]
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PodMonitor
    /// metadata: { name: mailer }
    /// spec:
    ///   selector: { matchLabels: { app: mailer } }
    ///   podMetricsEndpoints: [{ port: metrics, interval: 15s }]
    /// ```
    "monitoring/unmatched-monitor" pub struct UnmatchedMonitor {}
    severity: Error, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the Services or pods that are to be scraped"),
}

impl Rule for UnmatchedMonitor {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for monitor in cluster.monitors() {
            let matches = cluster.services_of_monitor(monitor).next().is_some()
                || cluster.workloads_of_monitor(monitor).next().is_some();
            if let Some(selector) = &monitor.selector
                && !matches
                && !selector.is_placeholder()
            {
                report(cx, monitor, selector);
            }
        }
    }
}

/// So many objects are looked at for the one that is meant.
const MOST: usize = 500;

/// What may be meant by a selector that matches nothing.
enum Meant<'a, 'c> {
    /// A Service whose pods have these labels: the Service itself lacks some.
    Service(&'c Service<'a>),
    /// A workload that has these labels itself, its pods do not; or a Service that has them.
    Bearer(&'c Object<'a>),
    /// What matches, where the monitor does not look.
    Elsewhere(&'c Object<'a>),
    /// What matches and may live where the monitor looks: a namespace is not written.
    Maybe,
    /// Nobody knows.
    Nothing,
}

fn report<'a>(cx: &mut Ctx<'_>, monitor: &Monitor<'a>, selector: &Selector<'a>) {
    let closed = cx.cluster.is_closed();
    let (candidates, meant) = if monitor.reads_pods() {
        of_pods(cx.cluster, monitor, selector)
    } else {
        of_services(cx.cluster, monitor, selector)
    };
    let elsewhere = matches!(meant, Meant::Elsewhere(_));
    let unknown = matches!(meant, Meant::Maybe) || candidates.is_empty() && !elsewhere;
    if unknown && !closed {
        return;
    }
    let cluster = cx.cluster;
    let culprit = selector.culprit_by(
        |key, value| cluster.has_target_labelled(monitor, key, value),
        |requirement| candidates.iter().any(|labels| requirement.matches(*labels)),
    );
    let key = culprit.text_of("key").or_else(|| culprit.key()).unwrap_or("");
    if candidates.iter().any(|labels| labels.get(key).is_some_and(is_placeholder)) {
        return;
    }
    let (kind, name) = (monitor.kind_name, monitor.name);
    let (asked, what) =
        (selector.text(), if monitor.reads_pods() { "pod template" } else { "Service" });
    let start = if selector.is_empty() {
        format!("{kind} `{name}` selects everything")
    } else {
        format!("{kind} `{name}` selects `{asked}`")
    };
    let message = match &meant {
        Meant::Service(service) => {
            format!("{start}, which Service `{}` has on its pods and not on itself", service.name)
        }
        Meant::Bearer(object) if object.kind == Kind::Service => {
            format!("{start}, which {} has on itself and not on its pods", object.title())
        }
        Meant::Bearer(object) => {
            format!("{start}, which {} has on itself and not on its template", object.title())
        }
        Meant::Elsewhere(object) => {
            let namespace = object.namespace.unwrap_or("");
            format!(
                "{start}, and {} lives in namespace `{namespace}`, where it does not look",
                object.title()
            )
        }
        Meant::Maybe | Meant::Nothing if candidates.is_empty() => {
            format!("{start}, and no {what} where it looks is in the input")
        }
        Meant::Maybe | Meant::Nothing => format!("{start}, which no {what} has"),
    };
    let missing = match meant {
        Meant::Service(service) => missing(selector, service),
        _ => Vec::new(),
    };
    let near = near_value(&candidates, key, culprit.text().unwrap_or(""));
    let help = help(&meant, &missing, near, key, what);
    let label = label(&meant, near, key);
    let report = cx
        .report(monitor, culprit, message)
        .severity(if closed { Error } else { Warning })
        .here(if elsewhere { "looks in its own namespaces" } else { "matches nothing" })
        .label_if(
            label.as_ref().map(|(spot, _)| *spot),
            label.as_ref().map_or("", |(_, text)| text.as_str()),
        )
        .help(help);
    if let Meant::Service(service) = meant
        && let Some(change) = add_labels(service, &missing)
    {
        let title = format!(
            "add the label to Service `{}` (unsafe: other selectors may match it too)",
            service.name
        );
        report.fix_unsafe(title, change);
    }
}

fn of_services<'c, 'a>(
    cluster: &'c Cluster<'a>,
    monitor: &'c Monitor<'a>,
    selector: &Selector<'a>,
) -> (Vec<Labels<'a>>, Meant<'a, 'c>) {
    let services: Vec<_> = cluster.services_in_view(monitor).take(MOST).collect();
    let candidates: Vec<_> = services.iter().map(|it| Labels(it.at("metadata/labels"))).collect();
    let by_pods = |service: &&Service<'a>| {
        selector.matches(Labels(service.at("spec/selector")))
            || cluster.workloads_of_service(service).any(|it| selector.matches(it.labels))
    };
    let named = cluster.services_named(monitor.name).filter(|service| monitor.looks_at(service));
    let mut likely = named.chain(services.iter().copied()).filter(|_| !selector.is_empty());
    if let Some(service) = likely.find(by_pods) {
        return (candidates, Meant::Service(service));
    }
    let labelled = cluster.services_labelled(selector);
    let objects = labelled.into_iter().map(|service| &service.object);
    (candidates, elsewhere(monitor, objects))
}

fn of_pods<'c, 'a>(
    cluster: &'c Cluster<'a>,
    monitor: &'c Monitor<'a>,
    selector: &Selector<'a>,
) -> (Vec<Labels<'a>>, Meant<'a, 'c>) {
    let workloads: Vec<_> = cluster.workloads_in_view(monitor).take(MOST).collect();
    let candidates: Vec<_> = workloads.iter().map(|workload| workload.labels).collect();
    let bears = |object: &Object<'a>| selector.matches(Labels(object.at("metadata/labels")));
    if let Some(workload) = workloads.iter().find(|workload| bears(workload)) {
        return (candidates, Meant::Bearer(&workload.object));
    }
    if !candidates.is_empty()
        && let Some(service) =
            cluster.services_in_view(monitor).take(MOST).find(|service| bears(service))
    {
        return (candidates, Meant::Bearer(&service.object));
    }
    let labelled = cluster.workloads_labelled(selector);
    let objects = labelled.into_iter().map(|workload| &workload.object);
    (candidates, elsewhere(monitor, objects))
}

/// Whether one of `objects`, which match, lives where the monitor does not look.
fn elsewhere<'c, 'a>(
    monitor: &Monitor<'a>,
    objects: impl Iterator<Item = &'c Object<'a>>,
) -> Meant<'a, 'c> {
    let nowhere = monitor.namespaces == Namespaces::Own && monitor.namespace.is_none();
    let mut found = Meant::Nothing;
    for object in objects {
        if monitor.looks_at(object) {
            continue;
        }
        if nowhere || object.namespace.is_none() {
            return Meant::Maybe;
        }
        if matches!(found, Meant::Nothing) {
            found = Meant::Elsewhere(object);
        }
    }
    found
}

/// The labels that the Service lacks, or has with other values.
fn missing<'s, 'a>(
    selector: &'s Selector<'a>,
    service: &Service<'a>,
) -> Vec<&'s (&'a str, &'a str, Place<'a>)> {
    let unmet = |(key, value, _): &&(&str, &str, Place<'_>)| service.label(key) != Some(value);
    selector.labels.iter().filter(unmet).collect()
}

/// Where one of `candidates` has the label with nearly the value asked for.
fn near_value<'a>(candidates: &[Labels<'a>], key: &str, value: &str) -> Option<Place<'a>> {
    let values: Vec<_> = candidates.iter().filter_map(|labels| labels.0?.get(key)).collect();
    let near = nearest(value, values.iter().filter_map(|place| place.text()))?;
    values.into_iter().find(|place| place.text() == Some(near))
}

fn help(
    meant: &Meant<'_, '_>,
    missing: &[&(&str, &str, Place<'_>)],
    near: Option<Place<'_>>,
    key: &str,
    what: &str,
) -> String {
    match meant {
        Meant::Service(service) => {
            let pairs: Vec<_> =
                missing.iter().map(|(key, value, _)| format!("`{key}: {value}`")).collect();
            if pairs.is_empty() {
                return format!("select by the `metadata.labels` of Service `{}`", service.name);
            }
            let pairs = pairs.join(" and ");
            format!("add {pairs} to `metadata.labels` of Service `{}`", service.name)
        }
        Meant::Bearer(_) => "select labels that the pod template has".to_owned(),
        Meant::Elsewhere(object) => {
            let namespace = object.namespace.unwrap_or("");
            format!("set `namespaceSelector: {{matchNames: [{namespace}]}}`")
        }
        Meant::Maybe | Meant::Nothing => match near.and_then(Place::text) {
            Some(value) => format!("write `{key}: {value}`"),
            None => format!("select labels that a {what} has"),
        },
    }
}

fn label(meant: &Meant<'_, '_>, near: Option<Place<'_>>, key: &str) -> Option<(Span, String)> {
    match meant {
        Meant::Service(service) => {
            let labels = service.at("metadata/labels");
            let spot = labels.map_or_else(|| service.spot(), Place::primary);
            let text = if labels.is_some() { "lacks it" } else { "has no labels" };
            Some((spot, text.to_owned()))
        }
        Meant::Bearer(object) => {
            Some((object.missing("metadata/labels"), "not the labels of pods".to_owned()))
        }
        Meant::Elsewhere(object) => {
            let namespace = object.namespace.unwrap_or("");
            let spot = object.at("metadata/namespace").map(Place::primary);
            Some((spot.unwrap_or_else(|| object.spot()), format!("lives in `{namespace}`")))
        }
        Meant::Maybe | Meant::Nothing => {
            let value = near?;
            Some((value.primary(), format!("`{key}` is this here")))
        }
    }
}

/// Adds what the Service lacks; `None` if it has such a label with another value, or there is nothing to add.
fn add_labels(
    service: &Service<'_>,
    missing: &[&(&str, &str, Place<'_>)],
) -> Option<Vec<crate::finding::Op>> {
    if missing.is_empty() || missing.iter().any(|(key, ..)| service.label(key).is_some()) {
        return None;
    }
    let metadata = service.at("metadata").filter(|metadata| metadata.is_mapping())?;
    match metadata.entry("labels") {
        Some(labels) if labels.is_mapping() => {
            Some(missing.iter().map(|(key, value, _)| edit::insert(labels, key, *value)).collect())
        }
        Some(_) => None,
        None => {
            let pairs = missing.iter().map(|(key, value, _)| ((*key).to_owned(), (*value).into()));
            let labels: serde_json::Map<String, serde_json::Value> = pairs.collect();
            Some(vec![edit::insert(metadata, "labels", labels)])
        }
    }
}

cases! {
    service_without_labels: "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec:\n  selector:\n    matchLabels:\n      app: a\n"
        => ["12:12"],
    the_first_entry_that_none_has: "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {app: a}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a, tier: b}}}\n"
        => ["8:47"],
    expressions: "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {app: a}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec:\n  selector:\n    matchExpressions:\n    - {key: app, operator: Exists}\n    - {key: app, operator: In, values: [b, c]}\n"
        => ["12:8"],
    matching_expressions: "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {app: a}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}, matchExpressions: [{key: tier, operator: DoesNotExist}, {key: app, operator: NotIn, values: [b]}]}}\n"
        => [],
    alone: "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}}\n"
        => [],
    alone_in_a_closed_world: "# lint: closed_world = true\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nmetadata: {name: a}\nspec:\n  selector: {}\n"
        => ["4:38", "10:3"],
    everything: "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {}}\n"
        => [],
    in_another_namespace: "# file: a.yaml\napiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: shop, labels: {app: a}}\n# file: b.yaml\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a, namespace: monitoring}\nspec: {selector: {matchLabels: {app: a}}}\n"
        => ["b.yaml:4:38"],
    named_namespaces: "# file: a.yaml\napiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: shop, labels: {app: a}}\n# file: b.yaml\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a, namespace: monitoring}\nspec: {namespaceSelector: {matchNames: [shop]}, selector: {matchLabels: {app: a}}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: b, namespace: monitoring}\nspec: {namespaceSelector: {any: true}, selector: {matchLabels: {app: a}}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: c, namespace: shop}\nspec: {namespaceSelector: {matchNames: [store]}, selector: {matchLabels: {app: a}}}\n"
        => ["b.yaml:14:80"],
    namespaces_that_nobody_knows: "# file: a.yaml\napiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {app: a}}\n# file: b.yaml\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a, namespace: monitoring}\nspec: {selector: {matchLabels: {app: a}}}\n# file: c.yaml\napiVersion: v1\nkind: Service\nmetadata: {name: b, namespace: x, labels: {app: b}}\n# file: d.yaml\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: b}\nspec: {namespaceSelector: {}, selector: {matchLabels: {app: b}}}\n"
        => [],
    pod_monitors_read_pods: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, labels: {app: a}}\nspec: {template: {metadata: {labels: {name: a}}}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nmetadata: {name: b}\nspec: {selector: {matchLabels: {name: a}}}\n"
        => ["9:38"],
    jobs_count: "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec: {jobTemplate: {spec: {template: {metadata: {labels: {app: a}}}}}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}}\n"
        => [],
    placeholders: "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {app: '<name>'}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: b}\nspec: {selector: {matchLabels: {app: '${APP}'}}}\n"
        => [],
    by_the_labels_of_pods: "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Pod, metadata: {name: a, labels: {app: a, tier: x}}}, {apiVersion: v1, kind: Service, metadata: {name: a}, spec: {selector: {app: a}}}, {apiVersion: monitoring.coreos.com/v1, kind: ServiceMonitor, metadata: {name: a}, spec: {selector: {matchLabels: {tier: x}}}}]}"
        => ["1:317"],
}
