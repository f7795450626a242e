use crate::rules::prelude::*;
use crate::source::Span;

declare_rule! {
    /// An endpoint of a monitor names a port that what it selects does not have.
    ///
    /// ## Why
    /// The operator turns the endpoint into a relabelling that keeps targets with this port name, and none is left:
    /// no target, no `up == 0`, no data. `port` of a ServiceMonitor is the name of a Service's port, never a
    /// number, not even in quotes; `port` of a PodMonitor is the name of a container's port; `targetPort` and
    /// `portNumber` must be declared by a container (`pkg/prometheus/promcfg.go`,
    /// prometheus-operator/prometheus-operator#996).
    ///
    /// ## Fix safety
    /// Unsafe: which port serves metrics, only the application knows. The only named port is taken, or the one that
    /// is a slip away.
    ///
    /// ```yaml,bad
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: shop, labels: { app: shop } }
    /// spec:
    ///   ports: [{ name: http, port: 8080 }]
    /// ---
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: ServiceMonitor
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   endpoints:
    ///   - port: "8080"
    ///     interval: 15s
    /// ```
    /// ```yaml,fixed
    /// apiVersion: v1
    /// kind: Service
    /// metadata: { name: shop, labels: { app: shop } }
    /// spec:
    ///   ports: [{ name: http, port: 8080 }]
    /// ---
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: ServiceMonitor
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   endpoints:
    ///   - port: "http"
    ///     interval: 15s
    /// ```
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
    ///   podMetricsEndpoints: [{ portNumber: 9090, interval: 15s }]
    /// ```
    "monitoring/unknown-endpoint-port" pub struct UnknownEndpointPort {}
    severity: Error, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the Services or pods that are scraped"),
}

impl Rule for UnknownEndpointPort {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for monitor in cluster.monitors() {
            let services: Vec<_> = cluster.services_of_monitor(monitor).collect();
            let pods = pods(cluster, monitor, &services);
            for endpoint in &monitor.endpoints {
                // The operator takes the first of these that is set.
                if let Some(port) = endpoint.port {
                    if monitor.reads_pods() {
                        of_pods(cx, monitor, &pods, port, port.text().map(PortRef::Name));
                    } else {
                        of_services(cx, monitor, &services, port);
                    }
                } else if let Some(number) =
                    endpoint.place.get("portNumber").filter(|_| monitor.reads_pods())
                {
                    of_pods(cx, monitor, &pods, number, number.int().map(PortRef::Number));
                } else if let Some(target) = endpoint.target_port {
                    of_pods(cx, monitor, &pods, target, PortRef::read(target));
                }
            }
        }
    }
}

/// The workloads that a monitor reads; none if some are not in the input.
fn pods<'c, 'a>(
    cluster: &'c Cluster<'a>,
    monitor: &Monitor<'a>,
    services: &[&'c Service<'a>],
) -> Vec<&'c Workload<'a>> {
    if monitor.reads_pods() {
        return cluster.workloads_of_monitor(monitor).collect();
    }
    let behind = |service: &&Service<'a>| cluster.workloads_of_service(service).next().is_some();
    if !services.iter().all(behind) {
        return Vec::new();
    }
    services.iter().flat_map(|service| cluster.workloads_of_service(service)).collect()
}

/// A port that may be meant.
struct Known<'a> {
    name: Option<&'a str>,
    /// What else it is known by: its number, where it leads to.
    also: [Option<PortRef<'a>>; 2],
}

impl Known<'_> {
    fn is_also(&self, text: &str) -> bool {
        self.also.iter().flatten().any(|other| match other {
            PortRef::Name(name) => *name == text,
            PortRef::Number(number) => number.to_string() == text,
        })
    }
}

fn of_services<'a>(
    cx: &mut Ctx<'_>,
    monitor: &Monitor<'a>,
    services: &[&Service<'a>],
    port: Place<'a>,
) {
    let (Some(wanted), Some(first)) = (port.text(), services.first()) else { return };
    let ports = services.iter().flat_map(|service| &service.ports);
    let known: Vec<_> = ports
        .map(|port| Known {
            name: port.name,
            also: [port.port.map(PortRef::Number), port.target_port()],
        })
        .collect();
    let spot = first.missing("spec/ports");
    let help = format!("name the port of Service `{}` `{wanted}`", first.name);
    report(cx, monitor, port, wanted, &known, &first.title(), spot, help);
}

fn of_pods<'a>(
    cx: &mut Ctx<'_>,
    monitor: &Monitor<'a>,
    workloads: &[&Workload<'a>],
    port: Place<'a>,
    wanted: Option<PortRef<'a>>,
) {
    let (Some(wanted), Some(first)) = (wanted, workloads.first()) else { return };
    let read = |workload: &&Workload<'a>| !workload.containers.is_empty();
    if !workloads.iter().all(read) {
        return;
    }
    // Prometheus discovers the ports of init containers too.
    let containers =
        workloads.iter().flat_map(|it| it.containers.iter().chain(&it.init_containers));
    let ports: Vec<_> = containers.flat_map(|container| &container.ports).collect();
    let with_ports = first.containers.iter().find_map(|container| container.place.get("ports"));
    let container = || first.containers.first().map(|container| container.place);
    let spot = with_ports.or_else(container).map_or_else(|| first.spot(), Place::primary);
    match wanted {
        PortRef::Name(name) => {
            let known: Vec<_> = ports
                .iter()
                .map(|port| Known {
                    name: port.name,
                    also: [port.number.map(PortRef::Number), None],
                })
                .collect();
            let digits = name.parse::<i64>().ok();
            let number =
                digits.filter(|digits| ports.iter().any(|port| port.number == Some(*digits)));
            let key = if monitor.reads_pods() { "portNumber" } else { "targetPort" };
            let help = match number {
                Some(number) => format!("write `{key}: {number}`, without quotes"),
                None => format!("name a container port `{name}`"),
            };
            report(cx, monitor, port, name, &known, &first.title(), spot, help);
        }
        PortRef::Number(number) => {
            if ports.iter().any(|port| port.number.is_none_or(|known| known == number)) {
                return;
            }
            let message =
                format!("{} declares no port {number}, so it is no target", first.title());
            cx.report(monitor, port, message)
                .here("no container declares it")
                .label(spot, "the ports of its pods")
                .help(format!("declare `containerPort: {number}`"));
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "what both kinds of monitors say of a name")]
fn report<'a>(
    cx: &mut Ctx<'_>,
    monitor: &Monitor<'a>,
    port: Place<'a>,
    wanted: &str,
    known: &[Known<'a>],
    title: &str,
    spot: Span,
    help: String,
) {
    let mut names: Vec<_> = known.iter().filter_map(|port| port.name).collect();
    let unclear = is_placeholder(wanted) || names.iter().any(|name| is_placeholder(name));
    if wanted.is_empty() || names.contains(&wanted) || unclear {
        return;
    }
    names.sort_unstable();
    names.dedup();
    let mut same = known.iter().filter(|port| port.is_also(wanted)).filter_map(|port| port.name);
    let only = match names.as_slice() {
        [only] => Some(*only),
        _ => None,
    };
    let meant = same.next().or_else(|| nearest(wanted, names.iter().copied())).or(only);
    let message = if names.is_empty() {
        format!("{title} has no port named `{wanted}`, its ports have no names")
    } else {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        format!("{title} has no port named `{wanted}`, it has {}", names.join(", "))
    };
    let is_digits = wanted.bytes().all(|byte| byte.is_ascii_digit());
    let key = port.key().unwrap_or("port");
    let help = meant.map_or(help, |name| format!("write `{key}: {name}`"));
    let report = cx
        .report(monitor, port, message)
        .here(if is_digits { "a name, not a number" } else { "no port has this name" })
        .label(spot, "the ports of what it selects")
        .help(help);
    if let Some(name) = meant {
        let title = format!("set `{key}` to {name} (unsafe: that port is scraped then)");
        report.fix_unsafe(title, [edit::set(port, name)]);
    }
}

cases! {
    a_port_without_name: "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {app: a}}\nspec: {ports: [{port: 80}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec:\n  selector: {matchLabels: {app: a}}\n  endpoints:\n  - port: http\n"
        => ["12:11"],
    any_of_the_services: "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {app: a}}\nspec: {ports: [{name: http, port: 80}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: b, labels: {app: a}}\nspec: {ports: [{name: web, port: 80}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, endpoints: [{port: http}, {port: web}, {port: metrics}]}\n"
        => ["14:89"],
    a_plain_number: "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {app: a}}\nspec: {ports: [{name: http, port: 80}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, endpoints: [{port: 80}]}\n"
        => ["9:62"],
    unmatched_is_another_rule: "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {app: a}}\nspec: {ports: [{name: http, port: 80}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: b}}, endpoints: [{port: web}]}\n"
        => [],
    target_ports: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c, ports: [{name: http, containerPort: 80}]}]}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {app: a}}\nspec: {selector: {app: a}, ports: [{name: web, port: 8080, targetPort: http}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec:\n  selector: {matchLabels: {app: a}}\n  endpoints:\n  - targetPort: http\n  - targetPort: 80\n  - targetPort: web\n  - targetPort: \"80\"\n  - targetPort: 8080\n  - port: web\n    targetPort: web\n  - {}\n"
        => ["19:17", "20:17", "21:17"],
    pods_that_are_elsewhere: "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {app: a}}\nspec: {selector: {app: a}, ports: [{name: web, port: 8080, targetPort: http}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, endpoints: [{targetPort: metrics}]}\n"
        => [],
    pod_monitors: "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, spec: {initContainers: [{name: i, ports: [{name: init, containerPort: 81}]}], containers: [{name: c, ports: [{name: http, containerPort: 80}]}]}}}\n---\napiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nmetadata: {name: a}\nspec:\n  selector: {matchLabels: {app: a}}\n  podMetricsEndpoints:\n  - port: http\n  - port: init\n  - port: web\n  - port: \"80\"\n  - portNumber: 80\n  - portNumber: 8080\n  - targetPort: 80\n  - targetPort: metrics\n"
        => ["14:11", "15:11", "17:17", "19:17"],
    placeholders: "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {app: a}}\nspec: {ports: [{name: '${PORT}', port: 80}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, endpoints: [{port: http}, {port: '${PORT}'}]}\n"
        => [],
    by_where_it_leads_to: "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {app: a}}\nspec: {ports: [{name: web, port: 80, targetPort: http}, {name: admin, port: 81}]}\n---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {matchLabels: {app: a}}, endpoints: [{port: http}]}\n"
        => ["9:62"],
}
