use crate::rules::prelude::*;
use crate::source::Span;

declare_rule! {
    /// A load balancer drains longer than the pods live.
    ///
    /// ## Why
    /// The balancer keeps connections to a target that it takes out for its own delay. A pod that is gone before then
    /// cuts them, and whoever reuses one gets a 502 or a reset. The rule reads `deregistration_delay.timeout_seconds`
    /// of the AWS load balancer controller, on Ingresses and Services, and `connectionDraining` of GKE's BackendConfig
    /// (kubernetes-sigs/aws-load-balancer-controller, annotations).
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
    ///         readinessProbe: { httpGet: { path: /ready, port: http } }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: shop
    ///   annotations:
    ///     service.beta.kubernetes.io/aws-load-balancer-target-group-attributes: deregistration_delay.timeout_seconds=60
    /// spec:
    ///   selector: { app: shop }
    ///   ports: [{ name: http, port: 80, targetPort: http }]
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop }
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: { matchLabels: { app: shop } }
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
    ///       terminationGracePeriodSeconds: 75
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         ports: [{ name: http, containerPort: 8080 }]
    ///         readinessProbe: { httpGet: { path: /ready, port: http } }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata:
    ///   name: shop
    ///   annotations:
    ///     service.beta.kubernetes.io/aws-load-balancer-target-group-attributes: deregistration_delay.timeout_seconds=60
    /// spec:
    ///   selector: { app: shop }
    ///   ports: [{ name: http, port: 80, targetPort: http }]
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop }
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: { matchLabels: { app: shop } }
    /// ```
    "rollout/grace-below-deregistration" pub struct GraceBelowDeregistration {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("needs the Service or Ingress of the load balancer"),
}

impl Rule for GraceBelowDeregistration {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for service in cluster.services() {
            for (says, drain) in of_service(cluster, service) {
                check(cx, service, drain, says);
            }
        }
        for ingress in cluster.of_kind(Kind::Ingress) {
            let Some(drain) = of_annotation(ingress, ALB) else { continue };
            for name in backends(ingress) {
                let named = cluster.services_named(name);
                for service in named.filter(|service| service.shares_namespace(ingress)) {
                    // Its own annotation wins.
                    if service.annotation(ALB).is_none() {
                        check(cx, service, drain, ingress);
                    }
                }
            }
        }
    }
}

const ALB: &str = "alb.ingress.kubernetes.io/target-group-attributes";
const NLB: &str = "service.beta.kubernetes.io/aws-load-balancer-target-group-attributes";

/// How long a balancer drains, in seconds, and where that is written.
type Drain = (i64, Span);

fn of_annotation(object: &Object<'_>, key: &str) -> Option<Drain> {
    const NAME: &str = "deregistration_delay.timeout_seconds=";
    let place = object.at("metadata")?.get("annotations")?.get(key)?;
    let text = place.text()?;
    let start = text.find(NAME)? + NAME.len();
    let rest = text.get(start..)?;
    let end = start + rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    Some((text.get(start..end)?.parse().ok()?, place.part_line(start..end)))
}

/// The delays that are written for a Service, with the objects that say so.
fn of_service<'c>(
    cluster: &'c Cluster<'_>,
    service: &'c Service<'_>,
) -> Vec<(&'c Object<'c>, Drain)> {
    let own = [ALB, NLB].into_iter().filter_map(|key| of_annotation(service, key));
    let mut found: Vec<(&Object<'_>, Drain)> = own.map(|drain| (&service.object, drain)).collect();
    let keys = ["cloud.google.com/backend-config", "beta.cloud.google.com/backend-config"];
    let configs = keys.into_iter().find_map(|key| service.annotation(key)).unwrap_or("");
    if !configs.is_empty() {
        // Of the JSON only the names matter: `{"default": "config"}`.
        let words: Vec<_> = configs.split('"').collect();
        let named = cluster.of_kind(Kind::Other).filter(|object| {
            object.kind_name == "BackendConfig"
                && object.shares_namespace(service)
                && words.contains(&object.name)
        });
        found.extend(named.filter_map(|config| {
            let place = config.at("spec/connectionDraining/drainingTimeoutSec")?;
            Some((config, (place.int()?, place.primary())))
        }));
    }
    found
}

/// The Services that an Ingress leads to.
fn backends<'a>(ingress: &Object<'a>) -> Vec<&'a str> {
    let Some(spec) = ingress.at("spec") else { return Vec::new() };
    let paths = spec.list("rules").flat_map(|rule| {
        rule.get("http").into_iter().flat_map(|http| http.list("paths")).collect::<Vec<_>>()
    });
    let backends = paths.filter_map(|path| path.get("backend")).chain(spec.get("defaultBackend"));
    let mut names: Vec<_> = backends.filter_map(|it| it.at("service/name")?.text()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn check(cx: &mut Ctx<'_>, service: &Service<'_>, (drain, spot): Drain, says: &Object<'_>) {
    let cluster = cx.cluster;
    for workload in cluster.workloads_of_service(service) {
        let (grace, written) = workload.grace();
        if drain <= grace
            || written.is_some_and(|place| place.int().is_none())
            || workload.is_exempt()
        {
            continue;
        }
        let label = if written.is_some() {
            "the grace period"
        } else {
            "grace period is unset, which is 30 s"
        };
        let message = format!(
            "the load balancer drains pods of `{}` for {drain} s, they end after {grace} s",
            workload.name
        );
        cx.report(says, spot, message)
            .here("sends to pods that are gone")
            .label_if(written.or(workload.pod), label)
            .help(format!("set `terminationGracePeriodSeconds: {}`", drain.saturating_add(15)));
    }
}

cases! {
    through_an_ingress: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {terminationGracePeriodSeconds: 40}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}}\n---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: a\n  annotations:\n    alb.ingress.kubernetes.io/target-group-attributes: stickiness.enabled=true,deregistration_delay.timeout_seconds=41\nspec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: a, port: {number: 80}}}}]}}]}\n"
        => ["16:117"],
    of_gke: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {}}}\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  annotations:\n    cloud.google.com/backend-config: '{\"default\": \"slow\"}'\nspec: {selector: {app: a}}\n---\napiVersion: cloud.google.com/v1\nkind: BackendConfig\nmetadata: {name: slow}\nspec: {connectionDraining: {drainingTimeoutSec: 60}}\n"
        => ["17:49"],
    long_enough: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a, annotations: {alb.ingress.kubernetes.io/target-group-attributes: deregistration_delay.timeout_seconds=30}}\nspec: {selector: {app: a}}\n"
        => [],
}
