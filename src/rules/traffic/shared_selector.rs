use crate::rules::prelude::*;

declare_rule! {
    /// A Service sends traffic to the pods of different programs.
    ///
    /// ## Why
    /// A Service takes every pod whose labels match. Where workers, jobs or another application share the label, they get a
    /// part of the requests and refuse them, and where Prometheus scrapes by the Service, their numbers are in the SLO.
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
    /// apiVersion: batch/v1
    /// kind: CronJob
    /// metadata: { name: report }
    /// spec:
    ///   schedule: "0 3 * * *"
    ///   jobTemplate:
    ///     spec:
    ///       template:
    ///         metadata: { labels: { app: shop } }
    ///         spec:
    ///           restartPolicy: Never
    ///           containers:
    ///           - name: report
    ///             image: report:1.2
    ///             ports: [{ name: http, containerPort: 8080 }]
    ///             resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { app: shop }
    ///   ports: [{ name: http, port: 80, targetPort: http }]
    /// ```
    /// ```yaml,good
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
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { app: shop }
    ///   ports: [{ name: http, port: 80, targetPort: http }]
    /// ```
    "traffic/shared-selector" pub struct SharedSelector {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("needs the workloads that the Service selects"),
}

impl Rule for SharedSelector {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for service in cluster.services() {
            let Some(selector) = &service.selector else { continue };
            let port = service.ports.first();
            let bearers: Vec<_> = cluster
                .workloads_of_service(service)
                .filter(|it| !it.borrows_template())
                .filter_map(|it| Bearer::of(cluster, it, port))
                .collect();
            let Some(other) = stranger(&bearers) else { continue };
            let Some(main) = bearers.iter().find(|it| !it.is_job()).filter(|it| !it.is(other))
            else {
                continue;
            };
            let (one, two) = (main.workload.title(), other.workload.title());
            let message = format!(
                "Service `{}` selects `{}`, which both {one} and {two} have",
                service.name,
                selector.text()
            );
            let own = main
                .workload
                .labels
                .iter()
                .find(|(key, value)| other.workload.labels.get(key) != value.text());
            let help = match own.and_then(|(key, value)| Some((key, value.text()?))) {
                Some((key, value)) => format!("add `{key}: {value}` to the selector"),
                None => "give the pods a label that tells them apart, and select by it".to_owned(),
            };
            cx.report(service, selector.place, message)
                .here("matches both")
                .label(main.workload.spot(), format!("runs {}", main.repository))
                .label(other.workload.spot(), format!("runs {}", other.repository))
                .help(help);
        }
    }
}

/// A workload that a Service selects, with the image that gets the traffic.
struct Bearer<'c, 'a> {
    workload: &'c Workload<'a>,
    repository: &'a str,
}

impl<'c, 'a> Bearer<'c, 'a> {
    fn of(
        cluster: &Cluster<'a>,
        workload: &'c Workload<'a>,
        port: Option<&ServicePort<'a>>,
    ) -> Option<Self> {
        let target = port.and_then(ServicePort::target_port);
        let protocol = port.map_or("TCP", |port| port.protocol);
        let container = cluster.serving_container(workload, target, protocol)?;
        let image = container.place.text_of("image").filter(|image| !is_placeholder(image))?;
        Some(Self { workload, repository: repository(image) })
    }

    fn is_job(&self) -> bool {
        matches!(self.workload.kind, Kind::Job | Kind::CronJob)
    }

    fn is(&self, other: &Self) -> bool {
        self.workload.index == other.workload.index
    }
}

/// An image without tag and digest.
fn repository(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    }
}

/// The first that does not belong to the others: a job beside them, or another program that is no canary.
fn stranger<'b, 'c, 'a>(bearers: &'b [Bearer<'c, 'a>]) -> Option<&'b Bearer<'c, 'a>> {
    let main = bearers.iter().find(|it| !it.is_job())?;
    bearers.iter().filter(|it| !it.is(main)).find(|it| {
        it.is_job() || it.repository != main.repository && !is_variant(main.workload, it.workload)
    })
}

/// Labels by which the two sides of a canary or a blue-green pair differ.
const VARIANTS: [&str; 4] = ["track", "version", "slot", "app.kubernetes.io/version"];

fn is_variant(one: &Workload<'_>, two: &Workload<'_>) -> bool {
    let same = |a: Labels<'_>, b: Labels<'_>| {
        a.iter().all(|(key, value)| VARIANTS.contains(&key) || b.get(key) == value.text())
    };
    let differ = VARIANTS.iter().any(|key| one.labels.get(key) != two.labels.get(key));
    differ && same(one.labels, two.labels) && same(two.labels, one.labels)
}

cases! {
    other_images: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: w, image: \"r:5000/shop:1\"}]}}}\n---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: b}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: w, image: \"r:5000/worker\"}]}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n"
        => ["14:8"],
    canary_and_same_image: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a, track: stable}}, spec: {containers: [{name: w, image: \"shop:1\"}]}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\nspec: {template: {metadata: {labels: {app: a, track: canary}}, spec: {containers: [{name: w, image: \"shop-next:1\"}]}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: c}\nspec: {template: {metadata: {labels: {app: a, zone: b}}, spec: {containers: [{name: w, image: \"shop@sha256:00\"}]}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n"
        => [],
    only_a_job: "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: w, image: \"shop:1\"}]}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n"
        => [],
}
