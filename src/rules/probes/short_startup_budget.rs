use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules::prelude::*;
use crate::units::plain;

declare_rule! {
    /// A container is killed before it can have started.
    ///
    /// ## Why
    /// A container that fails its startup probe for the delay plus period × failures is killed and starts over, and so
    /// is one whose liveness probe fails that long where there is no startup probe. On a quiet day it just fits; on a
    /// slow node, with a cold image cache or many pods starting at once, it loops for ever, exactly when the capacity
    /// is wanted (kubernetes/enhancements#860, stackrox/kube-linter#505). Where slo.toml declares `probes.model_load`
    /// for the workload, a shorter budget is an error; elsewhere a startup probe is expected to allow `min_budget`.
    ///
    /// ## Fix safety
    /// Unsafe: a process that hangs while it starts is left alone for that much longer. The threshold allows one and a
    /// half times the declared time.
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
    ///         startupProbe:
    ///           httpGet: { path: /healthz, port: 8080 }
    ///           periodSeconds: 10
    ///           failureThreshold: 3 # as everywhere
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "default"
    /// image = "shop:1.2"
    /// [targets]
    /// errors = { below = "1%" }
    /// [probes]
    /// model_load = "90s"
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
    ///       containers:
    ///       - name: web
    ///         image: shop:1.2
    ///         startupProbe:
    ///           httpGet: { path: /healthz, port: 8080 }
    ///           periodSeconds: 10
    ///           failureThreshold: 14 # as everywhere
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "default"
    /// image = "shop:1.2"
    /// [targets]
    /// errors = { below = "1%" }
    /// [probes]
    /// model_load = "90s"
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
    ///         startupProbe:
    ///           httpGet: { path: /healthz, port: 8080 }
    ///           failureThreshold: 12
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// ```
    "probes/short-startup-budget" pub struct ShortStartupBudget {
        /// What a startup probe must allow where slo.toml declares no start-up time.
        pub min_budget: Budget = Budget(Duration::from_secs(30)),
    }
    severity: Warning, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Policy(&POLICY),
}

/// A length of time such as `30s`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline)]
pub struct Budget(#[schemars(with = "String")] pub(crate) Duration);

impl TryFrom<String> for Budget {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Duration::parse(&text)
            .map(Self)
            .map_err(|wrong| format!("{}; {}", wrong.message, wrong.help))
    }
}

impl From<Budget> for String {
    fn from(budget: Budget) -> Self {
        budget.0.to_string()
    }
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::SERVERS,
    conditions: &[policy::UNOWNED],
    shared: policy::OF_CONTAINERS,
    variables: &[
        Variable {
            name: "minBudget",
            cel: "int(params.data['probes.short-startup-budget.min_budget'])",
        },
        findings(
            "
        variables.containers
          .filter(c, has(c.startupProbe))
          .map(c, [c.name,
            (has(c.startupProbe.initialDelaySeconds) ? c.startupProbe.initialDelaySeconds : 0)
            + (has(c.startupProbe.periodSeconds) && c.startupProbe.periodSeconds > 0
              ? c.startupProbe.periodSeconds : 10)
            * (has(c.startupProbe.failureThreshold) && c.startupProbe.failureThreshold > 0
              ? c.startupProbe.failureThreshold : 3)])
          .filter(budget, budget[1] < variables.minBudget)
          .map(budget, 'start-up budget of container `' + budget[0] + '` is ' + string(budget[1])
            + ' s, `min_budget` is ' + string(variables.minBudget) + ' s')
        ",
        ),
    ],
};

impl Rule for ShortStartupBudget {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.workloads().iter().filter(|workload| !workload.is_exempt()) {
            let declared = cluster
                .declared(workload)
                .and_then(|it| Some((it.name.as_str(), it.startup.as_ref()?)));
            let main = declared.and_then(|(name, _)| cluster.main_container(workload, name));
            // A slo.toml or a Service that is not given may say which time counts.
            let least_counts = !cluster.is_partial();
            for container in &workload.containers {
                let Some((budget, probe)) = container.startup_budget() else { continue };
                if !probe.is_readable() {
                    continue;
                }
                match declared.filter(|_| main.is_some_and(|main| main.place == container.place)) {
                    Some((_, time)) if !told_of_owner(cluster, workload) => {
                        declared_time(cx, workload, container, probe, (budget, time));
                    }
                    None if least_counts
                        && probe.which == ProbeKind::Startup
                        && !workload.borrows_template() =>
                    {
                        self.least(cx, workload, container, probe, budget);
                    }
                    _ => {}
                }
            }
        }
    }

    fn params(&self) -> Vec<(&'static str, String)> {
        // Budgets are whole seconds: what is below 30.5 is below 31.
        vec![("min_budget", plain(self.min_budget.0.seconds().ceil()))]
    }
}

impl ShortStartupBudget {
    fn least(
        &self,
        cx: &mut Ctx<'_>,
        workload: &Workload<'_>,
        container: &Container<'_>,
        probe: Probe<'_>,
        budget: i64,
    ) {
        let least = self.min_budget.0.seconds();
        if Decimal::from(budget) >= least {
            return;
        }
        let name = container.name;
        let message = format!(
            "start-up budget of container `{name}` is {budget} s, `min_budget` is {} s",
            plain(least)
        );
        cx.report(workload, probe.place, message)
            .here(sum(probe))
            .help(format!("set `startupProbe.failureThreshold: {}`", failures(least, probe)));
    }
}

/// Reports a budget that is shorter than the declared time.
fn declared_time(
    cx: &mut Ctx<'_>,
    workload: &Workload<'_>,
    container: &Container<'_>,
    probe: Probe<'_>,
    (budget, time): (i64, &Written<Duration>),
) {
    let seconds = time.value.seconds();
    if Decimal::from(budget) >= seconds {
        return;
    }
    let name = container.name;
    let wanted = failures(seconds * Decimal::new(15, 1), probe);
    let message = format!(
        "start-up budget of container `{name}` is {budget} s, starting takes {} s",
        plain(seconds)
    );
    let report = cx
        .report(workload, probe.place, message)
        .severity(Error)
        .here(sum(probe))
        .label(time.span, "declared start-up time");
    if probe.which == ProbeKind::Startup {
        let threshold = probe.place.get("failureThreshold");
        let change = match threshold {
            Some(threshold) => edit::set(threshold, wanted),
            None => edit::insert(probe.place, "failureThreshold", wanted),
        };
        let title = format!(
            "set `failureThreshold` to {wanted} (unsafe: a hung start is noticed that much later)"
        );
        report
            .help(format!("set `startupProbe.failureThreshold: {wanted}`"))
            .fix_unsafe(title, [change]);
    } else {
        report.help(format!(
            "add a `startupProbe` with the same handler, `periodSeconds: {}` and `failureThreshold: {wanted}`",
            probe.period()
        ));
    }
}

/// True if the object that holds the template has the same name, so that it is declared and reported itself.
fn told_of_owner(cluster: &Cluster<'_>, workload: &Workload<'_>) -> bool {
    workload.borrows_template()
        && cluster.object_around(workload.template).is_some_and(|owner| owner.name == workload.name)
}

/// The failures that a probe must allow for `seconds`.
fn failures(seconds: Decimal, probe: Probe<'_>) -> i64 {
    let failures = seconds.checked_div(Decimal::from(probe.period())).unwrap_or_default().ceil();
    i64::try_from(failures).unwrap_or(i64::MAX)
}

/// What its budget is made of.
fn sum(probe: Probe<'_>) -> String {
    let delay = match probe.initial_delay() {
        0 => String::new(),
        delay => format!("{delay} s + "),
    };
    let defaults = ["periodSeconds", "failureThreshold"].map(|key| probe.place.get(key).is_none());
    let unset = match defaults {
        [true, true] => "both unset: ",
        [true, false] => "`periodSeconds` unset: ",
        [false, true] => "`failureThreshold` unset: ",
        [false, false] => "",
    };
    format!("{unset}{delay}{} s × {}", probe.period(), probe.failure_threshold())
}

cases! {
    a_good_service: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template:\n    metadata: {labels: {app: a}}\n    spec:\n      containers:\n      - name: a\n        ports: [{name: http, containerPort: 8080}]\n        startupProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 10, failureThreshold: 12}\n        readinessProbe: {httpGet: {path: /ready, port: http}, periodSeconds: 10}\n        livenessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 30, timeoutSeconds: 5}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}, ports: [{name: http, port: 80, targetPort: http}]}\n"
        => [],
    at_the_least: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: w\n    startupProbe: {periodSeconds: 10, failureThreshold: 3}\n  - name: x\n    startupProbe: {initialDelaySeconds: 5, periodSeconds: 5, failureThreshold: 4}\n  - name: y\n    startupProbe: {tcpSocket: {port: 1}}\n"
        => ["9:5"],
    liveness_alone_is_no_startup_probe: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: w, livenessProbe: {periodSeconds: 1}}]}\n"
        => [],
    other_least: "# lint: rules.\"probes/short-startup-budget\".min_budget = \"2m\"\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: w, startupProbe: {failureThreshold: 11}}]}\n"
        => ["4:31"],
    sidecars_and_rollouts: "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n      initContainers: [{name: s, restartPolicy: Always, startupProbe: {periodSeconds: 1}}, {name: i, startupProbe: {periodSeconds: 1}}]\n      containers: [{name: w}]\n"
        => ["7:57"],
    jobs_are_exempt: "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: w, startupProbe: {periodSeconds: 1}}]}}}\n"
        => [],
    templated: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: w, startupProbe: {periodSeconds: 1, failureThreshold: '{{ .Values.failures }}'}}]}\n"
        => [],
    declared_and_long_enough: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop, namespace: default}\nspec: {template: {spec: {containers: [{name: w, startupProbe: {initialDelaySeconds: 1, periodSeconds: 1, failureThreshold: 4}}]}}}\n# file: slo.toml\n[service]\nname = \"shop\"\nnamespace = \"default\"\nimage = \"shop:1\"\n[targets]\nerrors = { below = \"1%\" }\n[probes]\nmodel_load = \"5s\"\n"
        => [],
    declared_and_liveness_kills: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec:\n  template:\n    spec:\n      containers:\n      - name: w\n        livenessProbe: {periodSeconds: 20}\n# file: slo.toml\n[service]\nname = \"shop\"\nnamespace = \"default\"\nimage = \"shop:1\"\n[targets]\nerrors = { below = \"1%\" }\n[probes]\nmodel_load = \"60500ms\"\n"
        => ["9:9"],
    declared_without_probes: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec: {template: {spec: {containers: [{name: w, readinessProbe: {periodSeconds: 1}}]}}}\n# file: slo.toml\n[service]\nname = \"shop\"\nnamespace = \"default\"\nimage = \"shop:1\"\n[targets]\nerrors = { below = \"1%\" }\n[probes]\nmodel_load = \"60s\"\n"
        => [],
    declared_for_another: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop-admin}\nspec: {template: {spec: {containers: [{name: w, startupProbe: {failureThreshold: 3}}]}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop, namespace: other}\nspec: {template: {spec: {containers: [{name: w, startupProbe: {failureThreshold: 3}}]}}}\n# file: slo.toml\n[service]\nname = \"shop\"\nnamespace = \"default\"\nimage = \"shop:1\"\n[targets]\nerrors = { below = \"1%\" }\n[probes]\nmodel_load = \"60s\"\n"
        => [],
    declared_for_the_container_of_its_name: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec:\n  template:\n    spec:\n      containers:\n      - {name: proxy, startupProbe: {failureThreshold: 4}}\n      - {name: shop, startupProbe: {failureThreshold: 4}}\n# file: slo.toml\n[service]\nname = \"shop\"\nnamespace = \"default\"\nimage = \"shop:1\"\n[targets]\nerrors = { below = \"1%\" }\n[probes]\nmodel_load = \"60s\"\n"
        => ["9:22"],
    rollout_of_the_same_name: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec:\n  template:\n    spec:\n      containers: [{name: w, startupProbe: {failureThreshold: 4}}]\n---\napiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: shop}\nspec: {workloadRef: {apiVersion: apps/v1, kind: Deployment, name: shop}}\n# file: slo.toml\n[service]\nname = \"shop\"\nnamespace = \"default\"\nimage = \"shop:1\"\n[targets]\nerrors = { below = \"1%\" }\n[probes]\nmodel_load = \"60s\"\n"
        => ["7:30"],
}

#[cfg(test)]
mod tests {
    use super::ENTRY;

    #[test]
    fn a_budget_without_a_unit_is_refused_with_a_remedy() {
        let refused = ENTRY.with_options(serde_json::json!({ "min_budget": "30" })).err();
        assert!(refused.is_some_and(|reason| reason.contains("did you mean `\"30s\"`?")));
        assert!(ENTRY.with_options(serde_json::json!({ "min_budget": "1m" })).is_ok());
    }
}
