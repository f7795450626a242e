use crate::rules::prelude::*;

declare_rule! {
    /// The preStop hook leaves the container no time to end by itself.
    ///
    /// ## Why
    /// The hook runs inside of `terminationGracePeriodSeconds`, not before it, and the default is 30. A hook that
    /// sleeps 30 seconds to wait for the load balancer uses all of it up: SIGKILL follows, the application never
    /// sees SIGTERM, and the requests in flight are cut on each rollout, node drain and scale-down. Beside a
    /// slo.toml, what is left must hold twice the slowest latency target.
    ///
    /// ## Fix safety
    /// Unsafe: pods may then take longer to go, and so do rollouts and node drains.
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
    ///       terminationGracePeriodSeconds: 30 # the default
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    ///         lifecycle: { preStop: { sleep: { seconds: 30 } } }
    /// ```
    /// ```yaml,fixed
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       terminationGracePeriodSeconds: 60 # the default
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    ///         lifecycle: { preStop: { sleep: { seconds: 30 } } }
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
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    ///         lifecycle: { preStop: { exec: { command: [sh, -c, sleep 10] } } }
    /// ```
    "rollout/prestop-exceeds-grace" pub struct PrestopExceedsGrace {
        /// The least number of seconds that must be left for SIGTERM.
        pub min_left: i64 = 5,
    }
    severity: Error, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Policy(&POLICY),
}

/// What the fix leaves for SIGTERM, in seconds: Kubernetes' own default for the whole.
const LEFT: i64 = 30;

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::SERVERS,
    conditions: &[policy::UNOWNED],
    shared: policy::OF_CONTAINERS,
    variables: &[
        Variable {
            name: "grace",
            cel: "
        has(variables.podSpec.terminationGracePeriodSeconds) ? variables.podSpec.terminationGracePeriodSeconds : 30
        ",
        },
        Variable {
            name: "minLeft",
            cel: "int(params.data['rollout.prestop-exceeds-grace.min_left'])",
        },
        Variable {
            name: "hooks",
            cel: "variables.containers.filter(c, has(c.lifecycle) && has(c.lifecycle.preStop))",
        },
        Variable {
            name: "sleeps",
            cel: r"
        // Pairs of container and what its hook sleeps, as written.
        variables.hooks
          .filter(c, has(c.lifecycle.preStop.sleep))
          .map(c, [c.name, string(c.lifecycle.preStop.sleep.seconds)])
        + variables.hooks
          .filter(c, has(c.lifecycle.preStop.exec) && has(c.lifecycle.preStop.exec.command))
          .map(c, [c.name] + c.lifecycle.preStop.exec.command)
          .filter(c, size(c) == 3 && c[1].matches('^(.*/)?sleep$'))
          .map(c, [c[0], c[2]])
        + variables.hooks
          .filter(c, has(c.lifecycle.preStop.exec) && has(c.lifecycle.preStop.exec.command))
          .map(c, [c.name] + c.lifecycle.preStop.exec.command)
          // What runs in the background holds nothing up.
          .filter(c, size(c) == 4 && c[1].matches('^(.*/)?(sh|bash|ash|dash)$') && c[2] in ['-c', '-ec', '-lc']
            && !c[3].replace('&&', ';').contains('&'))
          .map(c, [c[0], c[3].replace('\t', ' ').replace('&&', ';').replace('|', ';').replace('\n', ';').split(';')
            .map(it, it.trim())
            .map(it, it.startsWith('exec ') ? it.substring(5) : it)
            .filter(it, it.matches('^([^ ]*/)?sleep '))
            .map(it, it.substring(it.indexOf(' ') + 1).trim())
            .join(' and ')])
        ",
        },
        Variable {
            name: "drains",
            cel: "
        // The same with the seconds that it comes to, where that is one number.
        variables.sleeps
          .filter(it, it[1].matches('^[+]?([0-9]+[.]?[0-9]*|[.][0-9]+)[smhd]?$'))
          .map(it, [it[0], it[1], double(it[1].matches('[smhd]$') ? it[1].substring(0, size(it[1]) - 1) : it[1])
            * (it[1].endsWith('m') ? 60.0 : it[1].endsWith('h') ? 3600.0 : it[1].endsWith('d') ? 86400.0 : 1.0)])
        ",
        },
        findings("
        variables.drains
          .filter(it, it[2] > 0.0 && it[2] < 1000000000.0 && it[2] > double(variables.grace - variables.minLeft))
          .map(it, 'preStop of container `' + it[0] + '` sleeps for `' + it[1] + '` of a grace period of '
            + string(variables.grace) + ' s')
        "),
    ],
};

impl Rule for PrestopExceedsGrace {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.workloads().iter().filter(|workload| !workload.is_exempt()) {
            let (grace, written) = workload.grace();
            if written.is_some_and(|place| place.int().is_none()) {
                continue;
            }
            let drains = workload.containers.iter().filter_map(|it| Some((it, it.drain()?)));
            let drains: Vec<_> = drains.filter(|(_, (seconds, _))| *seconds > 0).collect();
            let longest = drains.iter().map(|(_, (seconds, _))| *seconds).max().unwrap_or(0);
            for (container, (drain, place)) in drains {
                let spent = Spent { grace, written, drain, place, longest };
                self.report(cx, workload, container, &spent);
            }
        }
    }

    fn params(&self) -> Vec<(&'static str, String)> {
        vec![("min_left", self.min_left.to_string())]
    }
}

/// A grace period, and the part of it that a hook takes.
struct Spent<'a> {
    grace: i64,
    written: Option<Place<'a>>,
    drain: i64,
    place: Place<'a>,
    /// What the hook that sleeps longest takes.
    longest: i64,
}

impl PrestopExceedsGrace {
    fn report<'a>(
        &self,
        cx: &mut Ctx<'_>,
        workload: &Workload<'a>,
        container: &Container<'a>,
        spent: &Spent<'a>,
    ) {
        let Spent { grace, drain, .. } = *spent;
        let left = grace.saturating_sub(drain);
        let slowest = cx.cluster.declared(workload).and_then(|declared| declared.slowest.as_ref());
        let twice = slowest.map(|slowest| seconds(slowest.value.times(2)));
        let short = twice.is_some_and(|twice| Decimal::from(left) < twice);
        if left >= self.min_left && !short {
            return;
        }
        let name = container.name;
        let message = if left <= 0 {
            format!("preStop of container `{name}` sleeps {drain} s of a grace period of {grace} s")
        } else {
            format!(
                "preStop of container `{name}` leaves {left} s of a grace period of {grace} s for SIGTERM"
            )
        };
        let here =
            if left <= 0 { "SIGKILL comes before SIGTERM" } else { "runs within the grace period" };
        let enough =
            twice.map_or(LEFT, |twice| LEFT.max(i64::try_from(twice.ceil()).unwrap_or(LEFT)));
        let wanted = spent.longest.saturating_add(enough);
        let label = if spent.written.is_some() {
            "the grace period"
        } else {
            "grace period is unset, which is 30 s"
        };
        let grace_spot = spent.written.or(workload.pod);
        let Some(grace_spot) = grace_spot else { return };
        let unset = slowest.filter(|_| left >= self.min_left);
        let change = match spent.written {
            Some(written) => edit::set(written, wanted),
            None => edit::insert(grace_spot, "terminationGracePeriodSeconds", wanted),
        };
        cx.report(workload, spent.place, message)
            .severity(if left <= 0 { Error } else { Warning })
            .here(here)
            .label(grace_spot, label)
            .label_if(unset.map(|slowest| slowest.span), "twice this must be left")
            .help(format!("set `terminationGracePeriodSeconds: {wanted}`"))
            .fix_unsafe(
                format!(
                    "set `terminationGracePeriodSeconds` to {wanted} (unsafe: pods may take longer to go)"
                ),
                [change],
            );
    }
}

fn seconds(duration: Duration) -> Decimal {
    duration.seconds()
}

cases! {
    by_default_30: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: web\n    lifecycle:\n      preStop:\n        exec:\n          command: [/bin/sleep, \"45\"]\n"
        => ["10:33"],
    in_a_shell: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n      terminationGracePeriodSeconds: 20\n      containers:\n      - name: web\n        lifecycle: {preStop: {exec: {command: [/bin/sh, -c, 'sleep 20 && kill 1']}}}\n"
        => ["10:61"],
    four_seconds_are_few: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n      terminationGracePeriodSeconds: 14\n      containers:\n      - name: web\n        lifecycle: {preStop: {sleep: {seconds: 10}}}\n"
        => ["10:48"],
    five_will_do: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n      terminationGracePeriodSeconds: 15\n      containers:\n      - name: web\n        lifecycle: {preStop: {sleep: {seconds: 10}}}\n"
        => [],
    sidecars_too: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n      initContainers:\n      - {name: i, lifecycle: {preStop: {sleep: {seconds: 60}}}}\n      - {name: s, restartPolicy: Always, lifecycle: {preStop: {sleep: {seconds: 60}}}}\n      containers: [{name: web}]\n"
        => ["9:81"],
    quiet_without_prestop: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {terminationGracePeriodSeconds: 0, containers: [{name: web, lifecycle: {preStop: {sleep: {seconds: 0}}}}]}}}\n"
        => [],
    in_the_background: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: web, lifecycle: {preStop: {exec: {command: [sh, -c, 'sleep 60 & nginx -s quit']}}}}]}}}\n"
        => [],
    jobs_end: "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{name: web, lifecycle: {preStop: {sleep: {seconds: 60}}}}]}}}}}\n"
        => [],
    unknown: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {terminationGracePeriodSeconds: '${GRACE}', containers: [{name: web, lifecycle: {preStop: {sleep: {seconds: 60}}}}, {name: b, lifecycle: {preStop: {exec: {command: [/drain.sh]}}}}]}}}\n"
        => [],
    twice_the_slowest: "# file: slo.toml\nprofile = \"web\"\n[service]\nname = \"a\"\nnamespace = \"x\"\nimage = \"a:1\"\n[targets]\nlatency = [{ percentile = 95, below = \"12s\" }]\n[metrics]\nbuckets = [1, 12, 30]\n# file: a.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: x}\nspec: {template: {spec: {terminationGracePeriodSeconds: 33, containers: [{name: web, lifecycle: {preStop: {sleep: {seconds: 10}}}}]}}}\n# file: b.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b, namespace: x}\nspec: {template: {spec: {terminationGracePeriodSeconds: 33, containers: [{name: web, lifecycle: {preStop: {sleep: {seconds: 10}}}}]}}}\n"
        => ["a.yaml:4:125"],
    through_an_anchor: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n      containers:\n      - &base {name: web, lifecycle: {preStop: {sleep: {seconds: 30}}}}\n      - {<<: *base, name: b, lifecycle: {preStop: {sleep: {seconds: 3}}}}\n"
        => ["8:66"],
}
