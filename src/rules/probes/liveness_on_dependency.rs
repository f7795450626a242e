use crate::rules::prelude::*;

declare_rule! {
    /// A liveness probe fails when something else than the container is down.
    ///
    /// ## Why
    /// Liveness asks whether a restart would help. `/ready` and its like also ask the database, the cache, the queue;
    /// let one blink, and the kubelet restarts the whole fleet at once, which then comes back cold and all together. So
    /// does a command that calls another host. Readiness is for that: it takes pods out of the Service and leaves them
    /// running (kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes).
    ///
    /// ```yaml,bad
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
    ///         livenessProbe: { httpGet: { path: /health/db, port: 8080 } }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    /// ```yaml,bad
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
    ///         livenessProbe: { exec: { command: [pg_isready, -h, postgres.db] } }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    /// ```yaml,good
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
    ///         livenessProbe: { httpGet: { path: /healthz, port: 8080 }, periodSeconds: 30 }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "probes/liveness-on-dependency" pub struct LivenessOnDependency {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("reads command lines, for which CEL has too few functions of text"),
}

impl Rule for LivenessOnDependency {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.templates().filter(|workload| !workload.is_exempt()) {
            for container in &workload.containers {
                if let Some(probe) = container.probe(ProbeKind::Liveness)
                    && let Some(found) = dependency(probe.place)
                {
                    let name = container.name;
                    cx.report(workload, found.place, format!("liveness of container `{name}` {}", found.asks))
                        .here(found.here)
                        .help("let `livenessProbe` ask the process itself, and move this check to `readinessProbe`");
                }
            }
        }
    }
}

/// What a probe asks of others.
struct Dependency<'a> {
    place: Place<'a>,
    asks: String,
    here: &'static str,
}

fn dependency(probe: Place<'_>) -> Option<Dependency<'_>> {
    if let Some(path) = probe.at("httpGet/path") {
        let text = path.text()?;
        return asks_for_readiness(text).then(|| Dependency {
            place: path,
            asks: format!("asks `{text}`, which is for readiness"),
            here: "also asks what the process depends on",
        });
    }
    let items: Vec<_> = probe.at("exec/command")?.items().collect();
    let texts: Vec<_> = items.iter().filter_map(|item| item.text()).collect();
    let (place, host) = match texts.as_slice() {
        [shell, flags, script] if is_shell(shell) && flags.starts_with('-') => {
            let words: Vec<_> = script.split([' ', '\t', '\n', ';', '|', '&', '(', ')']).collect();
            let words: Vec<_> = words.iter().map(|word| word.trim_matches(['"', '\''])).collect();
            let mut starts = (0..words.len()).filter_map(|at| words.get(at..));
            (*items.last()?, starts.find_map(other_host)?.1)
        }
        _ => {
            let (at, host) = other_host(&texts)?;
            (*items.get(at)?, host)
        }
    };
    let asks = format!("calls `{host}`, which is another host");
    Some(Dependency { place, asks, here: "a restart here does not help there" })
}

/// True for paths that by convention also ask what the process depends on.
fn asks_for_readiness(path: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or(path).to_ascii_lowercase();
    let mut parts = path.rsplit('/').filter(|part| !part.is_empty());
    let last = parts.next().unwrap_or("");
    let before = parts.next().unwrap_or("");
    matches!(last, "ready" | "readyz" | "readiness")
        || (matches!(before, "health" | "healthz")
            && matches!(last, "db" | "database" | "deps" | "dependencies" | "full"))
}

fn is_shell(word: &str) -> bool {
    ["sh", "bash", "ash", "dash"].contains(&word.rsplit('/').next().unwrap_or(word))
}

/// The host that a command line calls, if that is another one, and which of its words names it.
fn other_host<'t>(words: &[&'t str]) -> Option<(usize, &'t str)> {
    let program = words.first()?.rsplit('/').next()?;
    let rest = words.iter().copied().enumerate().skip(1);
    let (at, host) = match program {
        "curl" | "wget" => rest
            .filter(|(at, _)| !words.get(at - 1).is_some_and(|before| takes_value(before)))
            .find_map(|(at, word)| Some((at, host_of_url(word)?)))?,
        "pg_isready" => option(words, &["-h", "--host"])?,
        "redis-cli" => option(words, &["-h"]).or_else(|| {
            let (at, url) = option(words, &["-u"])?;
            Some((at, host_of_url(url)?))
        })?,
        _ => return None,
    };
    is_elsewhere(host).then_some((at, host))
}

/// The value of an option: in the next word, behind `=`, or glued to a short one.
fn option<'t>(words: &[&'t str], names: &[&str]) -> Option<(usize, &'t str)> {
    words.iter().enumerate().skip(1).find_map(|(at, word)| {
        names.iter().find_map(|name| {
            let rest = word.strip_prefix(name)?;
            match rest.strip_prefix('=') {
                _ if rest.is_empty() => Some((at + 1, *words.get(at + 1)?)),
                Some(value) => Some((at, value)),
                None => (!name.starts_with("--")).then_some((at, rest)),
            }
        })
    })
}

/// True for an option of curl or wget whose value is the next word, and no URL.
fn takes_value(word: &str) -> bool {
    match word.strip_prefix("--") {
        Some(long) => {
            ["header", "output", "max-time", "connect-timeout", "user", "data", "request"]
                .contains(&long)
        }
        None => word.strip_prefix('-').is_some_and(|short| {
            short.ends_with(['o', 'O', 'H', 'm', 'w', 'd', 'X', 'u', 'A', 'T', 't', 'E'])
        }),
    }
}

/// The host of `http://host:80/path`, also without the scheme if there is a port or a path.
fn host_of_url(word: &str) -> Option<&str> {
    if word.starts_with('-') {
        return None;
    }
    let rest = match word.split_once("://") {
        Some((_, rest)) => rest,
        None if word.contains([':', '/']) && !word.starts_with(['/', '.']) => word,
        None => return None,
    };
    let authority = rest.split(['/', '?']).next()?;
    let host = authority.rsplit('@').next()?;
    match host.strip_prefix('[') {
        Some(address) => address.split(']').next(),
        None => host.split(':').next(),
    }
}

/// False for this host, sockets, and what only the shell knows.
fn is_elsewhere(host: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    !host.is_empty()
        && host.chars().all(legal)
        && !host.starts_with("127.")
        && !["localhost", "0.0.0.0", "localhost.localdomain"].contains(&host)
        && !host.starts_with(['-', '.'])
}

cases! {
    paths: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: c, livenessProbe: {httpGet: {port: 1, path: /ready}}}\n  - {name: c, livenessProbe: {httpGet: {port: 1, path: /readyz?verbose}}}\n  - {name: c, livenessProbe: {httpGet: {port: 1, path: /health/full/}}}\n  - {name: c, livenessProbe: {httpGet: {port: 1, path: /api/health/ready}}}\n  - {name: c, livenessProbe: {httpGet: {port: 1, path: /healthz}}}\n  - {name: c, livenessProbe: {httpGet: {port: 1, path: /health}}}\n  - {name: c, livenessProbe: {httpGet: {port: 1, path: /health/live}}}\n  - {name: c, livenessProbe: {httpGet: {port: 1, path: /livez}}}\n  - {name: c, livenessProbe: {httpGet: {port: 1, path: /db}}}\n  - {name: c, livenessProbe: {httpGet: {port: 1, path: /already}}}\n"
        => ["6:56", "7:56", "8:56", "9:56"],
    commands: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: c, livenessProbe: {exec: {command: [curl, -fsS, \"http://auth:8080/x\"]}}}\n  - {name: c, livenessProbe: {exec: {command: [/usr/bin/wget, -qO-, \"api.prod/x\"]}}}\n  - {name: c, livenessProbe: {exec: {command: [redis-cli, -h, cache, ping]}}}\n  - {name: c, livenessProbe: {exec: {command: [redis-cli, -u, \"redis://u@cache:1\", ping]}}}\n  - {name: c, livenessProbe: {exec: {command: [pg_isready, --host=db]}}}\n  - {name: c, livenessProbe: {exec: {command: [sh, -c, \"curl -sf -o /dev/null http://auth/x || exit 1\"]}}}\n"
        => ["6:60", "7:69", "8:63", "9:63", "10:60", "11:56"],
    commands_that_stay: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: c, livenessProbe: {exec: {command: [curl, -f, \"http://localhost:8080/x\"]}}}\n  - {name: c, livenessProbe: {exec: {command: [curl, \"http://[::1]:80/\"]}}}\n  - {name: c, livenessProbe: {exec: {command: [wget, -qO, /dev/null, \"127.0.0.1:80/x\"]}}}\n  - {name: c, livenessProbe: {exec: {command: [redis-cli, ping]}}}\n  - {name: c, livenessProbe: {exec: {command: [pg_isready, -U, postgres]}}}\n  - {name: c, livenessProbe: {exec: {command: [pg_isready, -h, /var/run/postgresql]}}}\n  - {name: c, livenessProbe: {exec: {command: [sh, -c, \"pg_isready -h $HOST\"]}}}\n  - {name: c, livenessProbe: {exec: {command: [cat, /tmp/healthy]}}}\n  - {name: c, livenessProbe: {exec: {command: [sh, -c, \"curl http://$(hostname):80/\"]}}}\n  - {name: c, livenessProbe: {exec: {command: \"${COMMAND}\"}}}\n"
        => [],
    readiness_may: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers: [{name: c, readinessProbe: {httpGet: {port: 1, path: /ready}}}]\n"
        => [],
}
