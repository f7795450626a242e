use crate::rules::prelude::*;

declare_rule! {
    /// The target port of a Service is no port of the pods that it selects.
    ///
    /// ## Why
    /// A name that no container port has, with the protocol of the Service's port, leaves the endpoints empty: the
    /// pods are ready, the Service refuses every connection (kubescape/regolibrary#805). A number needs no
    /// declaration; one that differs from all that are declared is still worth a look.
    ///
    /// ## Peers
    /// kube-linter, which wants the ports of probes to be declared, takes an undeclared number for an error. For
    /// slogen it is advice at most: kube-proxy sends traffic to a number whether a container declares it or not. A
    /// name must resolve, and is an error if it does not.
    ///
    /// ## Fix safety
    /// Unsafe: which port answers, only the application knows. The only declared port is taken, or the one whose
    /// name is a slip away.
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
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { app: shop }
    ///   ports: [{ name: http, port: 80, targetPort: web }]
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: { name: shop }
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: { matchLabels: { app: shop } }
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
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: shop }
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
    /// A number without a declaration is legal:
    /// ```yaml,good
    /// apiVersion: batch/v1
    /// kind: Job
    /// metadata: { name: load }
    /// spec:
    ///   template:
    ///     metadata: { labels: { app: load } }
    ///     spec:
    ///       restartPolicy: Never
    ///       containers:
    ///       - name: load
    ///         image: load:1.2
    ///         ports: [{ containerPort: 8089 }]
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    ///         readinessProbe: { tcpSocket: { port: 8089 } }
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: load }
    /// spec:
    ///   selector: { app: load }
    ///   ports: [{ name: http, port: 80, targetPort: 8089 }]
    /// ```
    "traffic/unresolved-target-port" pub struct UnresolvedTargetPort {}
    severity: Error, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the Service and the pods that it selects"),
}

impl Rule for UnresolvedTargetPort {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for service in cluster.services() {
            let external = service.at("spec/type").and_then(Place::text) == Some("ExternalName");
            let matched = cluster.workloads_of_service(service).filter(|_| !external);
            let workloads: Vec<_> = matched.filter(|it| !it.containers.is_empty()).collect();
            if let Some(first) = workloads.first() {
                for port in &service.ports {
                    check(cx, service, port, first, &workloads);
                }
            }
        }
    }
}

fn check<'a>(
    cx: &mut Ctx<'_>,
    service: &Service<'a>,
    port: &ServicePort<'a>,
    first: &Workload<'a>,
    workloads: &[&Workload<'a>],
) {
    let known: Vec<_> = workloads.iter().flat_map(|it| ports(it, port.protocol)).collect();
    if known.iter().any(|port| port.name.is_some_and(is_placeholder)) {
        return;
    }
    match port.target_port() {
        Some(PortRef::Name(name)) => {
            let declared = known.iter().any(|port| port.name == Some(name));
            if !declared && !is_placeholder(name) {
                unknown_name(cx, service, port, name, first, &known);
            }
        }
        Some(PortRef::Number(number)) => {
            let mut all = workloads.iter().flat_map(|it| all_ports(it));
            let declared = all.any(|port| is_number(port, number));
            // Without a cluster IP, clients connect to the pods' own ports.
            if !declared && !service.is_headless() {
                undeclared(cx, service, port, number, first);
            }
        }
        None => {}
    }
}

fn all_ports<'w, 'a>(workload: &'w Workload<'a>) -> impl Iterator<Item = &'w Port<'a>> {
    workload.containers.iter().flat_map(|container| &container.ports)
}

fn ports<'w, 'a>(workload: &'w Workload<'a>, protocol: &str) -> impl Iterator<Item = &'w Port<'a>> {
    all_ports(workload).filter(move |port| port.protocol == protocol)
}

/// True also if what is written is no number, so that it may be this one.
fn is_number(port: &Port<'_>, number: i64) -> bool {
    port.number.is_none_or(|known| known == number)
}

fn unknown_name<'a>(
    cx: &mut Ctx<'_>,
    service: &Service<'a>,
    port: &ServicePort<'a>,
    name: &str,
    workload: &Workload<'a>,
    known: &[&Port<'a>],
) {
    let Some(target) = port.target else { return };
    let title = workload.title();
    let protocol = port.protocol;
    let other = all_ports(workload).find(|port| port.name == Some(name));
    let names: Vec<_> = known.iter().filter_map(|port| port.name).collect();
    let is_digits = name.bytes().all(|byte| byte.is_ascii_digit());
    let meant = meant(name, known);
    let message = match (other, names.as_slice()) {
        (Some(other), _) => {
            let has = other.protocol;
            format!(
                "Service `{}` sends {protocol} to `{name}`, which is a port for {has} of {title}",
                service.name
            )
        }
        (None, []) => format!(
            "{title} has no port named `{name}`, so Service `{}` has no endpoints",
            service.name
        ),
        (None, names) => {
            let names = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            format!("{title} has no port named `{name}`, it has {names}")
        }
    };
    let here = if is_digits { "in quotes it is a name" } else { "no container port has this name" };
    let help = match &meant {
        Some(value) => format!("write `targetPort: {}`", plain(value)),
        None => format!("name a container port `{name}`, or write its number"),
    };
    let spot = other.map(|port| port.place.primary()).or_else(|| ports_spot(workload));
    let report = cx
        .report(service, target, message)
        .here(here)
        .label_if(spot, "the ports of the pods")
        .help(help);
    if let Some(value) = meant.filter(|_| other.is_none()) {
        report.fix_unsafe(
            format!("set `targetPort` to {} (unsafe: traffic goes to that port)", plain(&value)),
            [edit::set(target, value)],
        );
    }
}

fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What is meant by a name that no port has: the number that its digits are, the name that is a slip away, or the
/// only port.
fn meant(name: &str, known: &[&Port<'_>]) -> Option<serde_json::Value> {
    if let Ok(number) = name.parse::<u16>()
        && (known.is_empty() || known.iter().any(|port| is_number(port, number.into())))
    {
        return Some(number.into());
    }
    if let Some(name) = nearest(name, known.iter().filter_map(|port| port.name)) {
        return Some(name.into());
    }
    let (first, others) = known.split_first()?;
    let same = |port: &&&Port<'_>| port.name == first.name && port.number == first.number;
    if !others.iter().all(|port| same(&port)) {
        return None;
    }
    first.name.map(Into::into).or_else(|| first.number.map(Into::into))
}

fn undeclared<'a>(
    cx: &mut Ctx<'_>,
    service: &Service<'a>,
    port: &ServicePort<'a>,
    number: i64,
    workload: &Workload<'a>,
) {
    let spot = port.target.or_else(|| port.place.get("port")).unwrap_or(port.place);
    let message = format!("{} declares no port {number}", workload.title());
    cx.report(service, spot, message)
        .severity(Info)
        .here(if port.target.is_some() {
            "no container declares it"
        } else {
            "targetPort is unset, so this one"
        })
        .label_if(ports_spot(workload), "the ports of the pods")
        .help(format!(
            "check that the container listens on {number}, and declare it as `containerPort`"
        ));
}

/// Where a workload's ports are written; the first container if none are.
fn ports_spot(workload: &Workload<'_>) -> Option<crate::source::Span> {
    let containers = &workload.containers;
    let ports = containers.iter().find_map(|container| container.place.get("ports"));
    ports.or_else(|| containers.first().map(|container| container.place)).map(Place::primary)
}

cases! {
    another_protocol: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c, ports: [{name: dns, containerPort: 53, protocol: UDP}]}]}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  selector: {app: a}\n  ports:\n  - {name: udp, port: 53, targetPort: dns, protocol: UDP}\n  - {name: tcp, port: 53, targetPort: dns}\n"
        => ["13:39"],
    digits_in_quotes: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c, ports: [{containerPort: 80}]}]}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  selector: {app: a}\n  ports:\n  - {port: 80, targetPort: \"80\"}\n"
        => ["12:28"],
    any_of_the_templates: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c}]}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c}, {name: d, ports: [{name: http, containerPort: 80}]}]}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}, ports: [{port: 80, targetPort: http}]}\n"
        => [],
    ports_of_sidecars: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {initContainers: [{name: s, restartPolicy: Always, ports: [{name: http, containerPort: 80}]}, {name: i, ports: [{name: once, containerPort: 81}]}], containers: [{name: c}]}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  selector: {app: a}\n  ports:\n  - {name: a, port: 80, targetPort: http}\n  - {name: b, port: 81, targetPort: once}\n"
        => ["13:37"],
    numbers_are_advice: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c, ports: [{containerPort: 80}]}]}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  selector: {app: a}\n  ports:\n  - {name: a, port: 80}\n  - {name: b, port: 81}\n  - {name: c, port: 82, targetPort: 80}\n  - {name: d, port: 83, targetPort: 84}\n"
        => ["13:21", "15:37"],
    headless_numbers_are_free: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c}]}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {clusterIP: None, selector: {app: a}, ports: [{port: 80}]}\n"
        => [],
    unmatched_is_another_rule: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c}]}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: b}, ports: [{port: 80, targetPort: http}]}\n"
        => [],
    placeholders: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c, ports: [{name: '${P}', containerPort: 80}]}]}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}, ports: [{port: 80, targetPort: http}, {port: 81, targetPort: '${P}'}]}\n"
        => [],
    cron_jobs: "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec: {jobTemplate: {spec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c, ports: [{name: http, containerPort: 80}]}]}}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}, ports: [{port: 80, targetPort: htpp}]}\n"
        => ["9:59"],
}
