use crate::cluster::Kind;
use crate::rules::expressions;
use crate::rules::keda::wakeless_triggers::{is_wakeless, sleeps};
use crate::rules::prelude::*;

declare_rule! {
    /// KEDA scales a workload to 0 while a Service sends it traffic.
    ///
    /// ## Why
    /// A Service without endpoints refuses connections: the first requests after a quiet hour fail, for as long as
    /// the poll, the scheduling and the start-up take. Nobody may have decided that, since an unset
    /// `minReplicaCount` is 0 (`scaledobject_types.go`). A scaler that holds requests back, such as KEDA's HTTP
    /// add-on, avoids it.
    ///
    /// ## Fix safety
    /// Unsafe: one pod keeps running, and is paid for, all the time.
    ///
    /// ```yaml,bad
    /// # lint: levels."availability/single-replica" = "off"
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         ports: [{ name: http, containerPort: 8080 }]
    ///         readinessProbe: { httpGet: { path: /ready, port: http } }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { app: shop }
    ///   ports: [{ name: http, port: 80, targetPort: http }]
    /// ---
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: kafka
    ///     metadata: { bootstrapServers: "kafka:9092", consumerGroup: shop, topic: orders, lagThreshold: "50" }
    /// ```
    /// ```yaml,fixed
    /// # lint: levels."availability/single-replica" = "off"
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         ports: [{ name: http, containerPort: 8080 }]
    ///         readinessProbe: { httpGet: { path: /ready, port: http } }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { app: shop }
    ///   ports: [{ name: http, port: 80, targetPort: http }]
    /// ---
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { name: shop }
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: kafka
    ///     metadata: { bootstrapServers: "kafka:9092", consumerGroup: shop, topic: orders, lagThreshold: "50" }
    ///   minReplicaCount: 1
    /// ```
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: worker }
    /// spec:
    ///   selector: { matchLabels: { app: worker } }
    ///   template:
    ///     metadata: { labels: { app: worker } }
    ///     spec:
    ///       containers:
    ///       - name: worker
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: keda.sh/v1alpha1
    /// kind: ScaledObject
    /// metadata: { name: worker }
    /// spec:
    ///   scaleTargetRef: { name: worker }
    ///   minReplicaCount: 0
    ///   maxReplicaCount: 10
    ///   triggers:
    ///   - type: kafka
    ///     metadata: { bootstrapServers: "kafka:9092", consumerGroup: shop, topic: orders, lagThreshold: "50" }
    /// ```
    "keda/zero-behind-service" pub struct ZeroBehindService {}
    severity: Warning, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the Service that sends the traffic"),
}

impl Rule for ZeroBehindService {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let queries = expressions::triggers_of(cluster);
        for scaled in cluster.autoscalers().iter().filter(|scaled| sleeps(scaled)) {
            let Some(workload) = cluster.target(scaled) else { continue };
            let Some(service) = cluster
                .services_of(workload)
                .find(|service| carries_traffic(service) && !governs(service, workload))
            else {
                continue;
            };
            let queries = queries.get(&scaled.index).map_or(&[][..], Vec::as_slice);
            let told = cx.runs("keda/wakeless-triggers") && is_wakeless(cluster, scaled, queries);
            if told || holds_requests_back(cluster, scaled, workload) {
                continue;
            }
            let Some(spec) = scaled.at("spec") else { continue };
            let message = format!(
                "`{}` scales to 0 while Service `{}` sends it traffic",
                workload.name, service.name
            );
            let here = match scaled.min.place {
                Some(_) => "KEDA removes the last pod",
                None => "minReplicaCount is unset, which is 0",
            };
            let declared = cluster.declared(workload).is_some();
            let op = match scaled.min.place {
                Some(place) => edit::set(place, 1),
                None => edit::insert(spec, "minReplicaCount", 1),
            };
            cx.report(scaled, scaled.min.place.unwrap_or(spec), message)
                .severity(if declared { Error } else { Warning })
                .here(here)
                .label_if(service.selector.as_ref().map(|it| it.place), "selects its pods")
                .help(
                    "write `minReplicaCount: 1`, or put an HTTP-aware scaler in front; the first request after \
                     idle fails today",
                )
                .fix_unsafe("set minReplicaCount to 1 (unsafe: keeps one pod running)", [op]);
        }
    }
}

/// False for a Service that only Prometheus calls.
fn carries_traffic(service: &Service<'_>) -> bool {
    let is_metrics = |port: &ServicePort<'_>| {
        port.name.is_some_and(|name| name.contains("metrics") || name.contains("prometheus"))
    };
    service.ports.is_empty() || !service.ports.iter().all(is_metrics)
}

/// True if the Service is there for the names of a StatefulSet's pods.
fn governs(service: &Service<'_>, workload: &Workload<'_>) -> bool {
    service.is_headless()
        && workload.at("spec/serviceName").and_then(Place::text) == Some(service.name)
}

/// True if something keeps requests waiting until a pod is there.
fn holds_requests_back<'a>(
    cluster: &Cluster<'a>,
    scaled: &Autoscaler<'a>,
    workload: &Workload<'a>,
) -> bool {
    let pushes = scaled.metrics.iter().any(|trigger| {
        let address = trigger.place.and_then(|place| place.at("metadata/scalerAddress"));
        trigger.kind.starts_with("external")
            && address.and_then(Place::text).is_some_and(|address| address.contains("http"))
    });
    pushes
        || cluster.of_kind(Kind::HttpScaledObject).any(|http| {
            let target = http.at("spec/scaleTargetRef");
            let named = |key| target.and_then(|target| target.text_of(key));
            let service = named("service");
            http.shares_namespace(workload)
                && (named("name") == Some(workload.name)
                    || named("deployment") == Some(workload.name)
                    || cluster.services_of(workload).any(|it| service == Some(it.name)))
        })
}

cases! {
    written_0: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {selector: {app: a}, ports: [{port: 80}]}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, minReplicaCount: 0, triggers: [{type: kafka}]}\n"
        => ["14:52"],
    unset: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {selector: {app: a}, ports: [{port: 80}]}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  scaleTargetRef: {name: a, kind: StatefulSet}\n  triggers: [{type: kafka}]\n"
        => ["14:1"],
    a_floor: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {selector: {app: a}, ports: [{port: 80}]}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, minReplicaCount: 1, triggers: [{type: kafka}]}\n"
        => [],
    other_rule_tells_it: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {selector: {app: a}, ports: [{port: 80}]}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, minReplicaCount: 0, triggers: [{type: cpu}]}\n"
        => ["14:52"],
    http_add_on: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {selector: {app: a}, ports: [{port: 80}]}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, triggers: [{type: kafka}]}\n---\napiVersion: http.keda.sh/v1alpha1\nkind: HTTPScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a, service: s, port: 80}}\n"
        => [],
    external_push: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {selector: {app: a}, ports: [{port: 80}]}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, triggers: [{type: external-push, metadata: {scalerAddress: 'keda-add-ons-http-external-scaler.keda:9090'}}]}\n"
        => [],
    only_scraped: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {selector: {app: a}, ports: [{name: http-metrics, port: 80}]}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a}, triggers: [{type: kafka}]}\n"
        => [],
    names_of_pods: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec: {serviceName: s, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {clusterIP: None, selector: {app: a}, ports: [{port: 80}]}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {scaleTargetRef: {name: a, kind: StatefulSet}, triggers: [{type: kafka}]}\n"
        => [],
    other_namespace: "# file: a.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: x}\nspec: {template: {metadata: {labels: {app: a}}}}\n---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a, namespace: x}\nspec: {scaleTargetRef: {name: a}, triggers: [{type: kafka}]}\n# file: b.yaml\napiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: y}\nspec: {selector: {app: a}, ports: [{port: 80}]}\n"
        => [],
}
