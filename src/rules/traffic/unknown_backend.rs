use crate::rules::prelude::*;

declare_rule! {
    /// A route leads to a Service or a port that is not there.
    ///
    /// ## Why
    /// The controller accepts the route and answers 503 (zegl/kube-score#144). The port of a backend is one of the Service's
    /// own, `port` or its name, and not the container's.
    ///
    /// ## Peers
    /// kube-score and kube-linter fail a route whose Service is not among the files. slogen calls it an error only
    /// with `closed_world = true`, or where the Service is there and has no such port: what was not read is not
    /// known to be missing.
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
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { app: shop }
    ///   ports: [{ name: http, port: 80, targetPort: http }]
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: Ingress
    /// metadata: { name: shop }
    /// spec:
    ///   defaultBackend: { service: { name: shop, port: { number: 8080 } } }
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
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: Ingress
    /// metadata: { name: shop }
    /// spec:
    ///   defaultBackend: { service: { name: shop, port: { name: http } } }
    /// ```
    "traffic/unknown-backend" pub struct UnknownBackend {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the Services that routes lead to"),
}

impl Rule for UnknownBackend {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for ingress in cluster.of_kind(Kind::Ingress) {
            for backend in backends_of_ingress(ingress) {
                backend.check(cx, ingress);
            }
        }
        for route in cluster.of_kind(Kind::HttpRoute) {
            for backend in backends_of_route(route) {
                backend.check(cx, route);
            }
        }
    }
}

/// A Service that a route names.
struct Backend<'a> {
    name: &'a str,
    name_place: Place<'a>,
    /// Of an HTTPRoute, which may lead elsewhere.
    namespace: Option<&'a str>,
    port: Option<(PortRef<'a>, Place<'a>)>,
}

fn backends_of_ingress<'a>(ingress: &Object<'a>) -> Vec<Backend<'a>> {
    let Some(spec) = ingress.at("spec") else { return Vec::new() };
    let paths =
        spec.list("rules").filter_map(|rule| rule.at("http")).flat_map(|it| it.list("paths"));
    let backends = [spec.get("defaultBackend"), spec.get("backend")].into_iter().flatten();
    let backends = backends.chain(paths.filter_map(|path| path.get("backend")));
    let read = |backend: Place<'a>| {
        if let Some(service) = backend.get("service") {
            let name_place = service.get("name")?;
            let number = || {
                let place = service.at("port/number")?;
                Some((PortRef::Number(place.int()?), place))
            };
            let named =
                service.at("port/name").and_then(|it| Some((PortRef::Name(it.text()?), it)));
            return Some(Backend {
                name: name_place.text()?,
                name_place,
                namespace: None,
                port: named.or_else(number),
            });
        }
        let name_place = backend.get("serviceName")?;
        let port = backend.get("servicePort").and_then(|it| Some((PortRef::read(it)?, it)));
        Some(Backend { name: name_place.text()?, name_place, namespace: None, port })
    };
    backends.filter_map(read).collect()
}

fn backends_of_route<'a>(route: &Object<'a>) -> Vec<Backend<'a>> {
    let rules = route.at("spec").into_iter().flat_map(|spec| spec.list("rules"));
    let references = rules.flat_map(|rule| {
        let mirrors = rule.list("filters").filter_map(|it| it.at("requestMirror/backendRef"));
        rule.list("backendRefs").chain(mirrors).collect::<Vec<_>>()
    });
    let read = |it: Place<'a>| {
        let is_service = it.text_of("kind").is_none_or(|kind| kind == "Service")
            && it.text_of("group").is_none_or(str::is_empty);
        let name_place = it.get("name").filter(|_| is_service)?;
        let port = it.get("port").and_then(|it| Some((PortRef::Number(it.int()?), it)));
        let namespace = it.text_of("namespace");
        Some(Backend { name: name_place.text()?, name_place, namespace, port })
    };
    references.filter_map(read).collect()
}

impl<'a> Backend<'a> {
    fn check(&self, cx: &mut Ctx<'a>, route: &Object<'a>) {
        // A controller's own action, no port.
        let is_action = matches!(self.port, Some((PortRef::Name("use-annotation"), _)));
        if is_action || is_placeholder(self.name) {
            return;
        }
        let here = |service: &&Service<'a>| match self.namespace {
            Some(namespace) => service.namespace.is_none_or(|it| it == namespace),
            None => service.shares_namespace(route),
        };
        let found: Vec<_> = cx.cluster.services_named(self.name).filter(here).collect();
        match found.first() {
            Some(first) => self.port(cx, route, first, &found),
            None => self.unknown(cx, route),
        }
    }

    fn port(
        &self,
        cx: &mut Ctx<'a>,
        route: &Object<'a>,
        first: &Service<'a>,
        found: &[&Service<'a>],
    ) {
        let Some((port, spot)) = self.port else { return };
        let has = |service: &Service<'a>| {
            let same = |it: &ServicePort<'a>| match port {
                PortRef::Name(name) => it.name == Some(name) || it.name.is_some_and(is_placeholder),
                // What is written and no number may be this one.
                PortRef::Number(number) => it.port.is_none_or(|port| port == number),
            };
            service.ports.is_empty() || service.ports.iter().any(same)
        };
        let written = match port {
            PortRef::Name(name) => name.to_owned(),
            PortRef::Number(number) => number.to_string(),
        };
        if is_placeholder(&written) || found.iter().any(|service| has(service)) {
            return;
        }
        let known: Vec<_> = first
            .ports
            .iter()
            .map(|it| match (it.name, it.port) {
                (Some(name), Some(port)) => format!("`{name}` ({port})"),
                (Some(name), None) => format!("`{name}`"),
                (None, port) => port.map_or_else(String::new, |port| port.to_string()),
            })
            .collect();
        let message =
            format!("Service `{}` has no port `{written}`; it has {}", self.name, known.join(", "));
        let meant = first.ports.first().filter(|_| first.ports.len() == 1);
        let help = match meant.and_then(|it| it.port) {
            Some(port) => format!("write port {port}, the Service's only one"),
            None => "write the `port` or the name of one of the Service's ports".to_owned(),
        };
        let ports = first.at("spec/ports");
        cx.report(route, spot, message)
            .here("no port of the Service")
            .label_if(ports, "the Service's ports")
            .help(help);
    }

    /// The Service is not in the input: elsewhere perhaps, unless the input is all there is.
    fn unknown(&self, cx: &mut Ctx<'a>, route: &Object<'a>) {
        let cluster = cx.cluster;
        let closed = cluster.is_closed();
        let namespace = self.namespace.or(route.namespace);
        let elsewhere = cluster.services_named(self.name).next();
        // A namespace that is not written may be that one.
        if elsewhere.is_some_and(|it| it.namespace.is_none() || namespace.is_none()) && !closed {
            return;
        }
        let beside = cluster.services_beside(route).filter(|_| self.namespace.is_none());
        let near = nearest(self.name, beside.map(|it| it.name));
        let (kind, name) = (route.kind_name, route.name);
        let start =
            format!("{kind} `{name}` leads to Service `{}`, which is not in the input", self.name);
        let (message, help) = match (elsewhere.and_then(|it| it.namespace), near) {
            (Some(other), _) => (
                format!(
                    "{kind} `{name}` leads to Service `{}`, which lives in namespace `{other}`",
                    self.name
                ),
                "name a Service of the route's own namespace".to_owned(),
            ),
            (None, Some(near)) => (format!("{start}; `{near}` is"), format!("write `{near}`")),
            (None, None) => (start, "add the Service, or name one that is there".to_owned()),
        };
        let near_miss = near.is_some() || elsewhere.is_some();
        let severity = match (closed, near_miss) {
            (true, _) => Error,
            (false, true) => Warning,
            (false, false) => Info,
        };
        let label = near.and_then(|near| cluster.services_named(near).next()).or(elsewhere);
        cx.report(route, self.name_place, message)
            .severity(severity)
            .here("no such Service")
            .label_if(label.map(|it| it.spot()), "this one is")
            .help(help);
    }
}

cases! {
    name_and_old_form: "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{name: http, port: 80, targetPort: 8080}]}\n---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nspec: {rules: [{http: {paths: [\n  {backend: {service: {name: a, port: {name: web}}}},\n  {backend: {service: {name: a, port: {number: 80}}}}, {backend: {service: {name: a, port: {number: 81}}}},\n  {backend: {service: {name: a, port: {name: http}}}}]}}]}\n---\napiVersion: networking.k8s.io/v1beta1\nkind: Ingress\nmetadata: {name: b}\nspec: {backend: {serviceName: a, servicePort: http}, rules: [{http: {paths: [{backend: {serviceName: a, servicePort: 8080}}]}}]}\n"
        => ["9:46", "10:101", "16:118"],
    http_route: "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80}, {name: b, port: 81}]}\n---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: b}\nspec: {rules: [{backendRefs: [{name: a, port: 80}, {name: a, port: 8080}, {kind: Bucket, group: x, name: y}]}]}\n"
        => ["9:68"],
    not_in_the_input: "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: b}\nspec: {defaultBackend: {service: {  name:  other-service, port: {number: 80}}}}\n"
        => ["8:44"],
    actions_external_names_and_placeholders: "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {type: ExternalName, externalName: x.y}\n---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: b}\nspec: {rules: [{http: {paths: [{backend: {service: {name: ssl-redirect, port: {name: use-annotation}}}}, {backend: {service: {name: a, port: {number: 80}}}}, {backend: {service: {name: '${NAME}', port: {number: 80}}}}]}}]}\n"
        => [],
}
