use crate::rules::prelude::*;
use crate::units::plain;

use super::slow_liveness::budget;

declare_rule! {
    /// Planned updates spend a good part of the error budget.
    ///
    /// ## Why
    /// With `Recreate`, or a rolling update that may take the last pod away, nobody answers from the end of the old pods
    /// until a new one has started. Twenty such deploys a month of two minutes each are forty minutes: nearly the whole
    /// budget of an objective of 99.9 %, without a single incident. Option `deploys_per_month` says how many there are.
    /// The start-up time is `probes.model_load` of slo.toml; without it nothing is reckoned.
    ///
    /// ```yaml,bad
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop, namespace: prod }
    /// spec:
    ///   strategy: { type: Recreate }
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: shop
    ///         image: shop:1.2
    ///         startupProbe: { httpGet: { path: /healthz, port: 8080 }, failureThreshold: 12 }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "prod"
    /// image = "shop:1.2"
    /// [targets]
    /// errors = { below = "0.1%" }
    /// [probes]
    /// model_load = "60s"
    /// ```
    /// ```yaml,good
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop, namespace: prod }
    /// spec:
    ///   strategy: { rollingUpdate: { maxUnavailable: 0 } }
    ///   selector: { matchLabels: { app: shop } }
    ///   template:
    ///     metadata: { labels: { app: shop } }
    ///     spec:
    ///       containers:
    ///       - name: shop
    ///         image: shop:1.2
    ///         startupProbe: { httpGet: { path: /healthz, port: 8080 }, failureThreshold: 12 }
    ///         resources: { requests: { cpu: 250m, memory: 1Gi }, limits: { memory: 1Gi } }
    /// # file: slo.toml
    /// [service]
    /// name = "shop"
    /// namespace = "prod"
    /// image = "shop:1.2"
    /// [targets]
    /// errors = { below = "0.1%" }
    /// [probes]
    /// model_load = "60s"
    /// ```
    "slo/rollouts-eat-budget" pub struct RolloutsEatBudget {
        /// How many new versions come in 30 days.
        pub deploys_per_month: u32 = 20,
    }
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("needs the slo.toml of the service"),
}

/// Seconds of 30 days.
const MONTH: Decimal = Decimal::from_parts(2_592_000, 0, 0, false, 0);

impl Rule for RolloutsEatBudget {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for workload in cluster.templates().filter(|it| it.slo.is_some() && !it.is_exempt()) {
            let described = cluster.described(workload);
            let Some(declared) = described.first() else { continue };
            let Some(gap) = gap(cluster, workload) else { continue };
            if described.iter().all(|it| self.eats(it).is_some())
                && let Some((spent, budget)) = self.eats(declared)
            {
                self.report(cx, workload, declared, &gap, (spent, budget));
            }
        }
    }
}

impl RolloutsEatBudget {
    /// The seconds that updates take in a window, and the budget of it, if that is more than a tenth.
    fn eats(&self, declared: &Declared) -> Option<(Decimal, Decimal)> {
        let startup = declared.startup.as_ref()?.value.seconds();
        let months = declared.window.value.seconds().checked_div(MONTH)?;
        let deploys = Decimal::from(self.deploys_per_month).checked_mul(months)?;
        let (spent, budget) = (deploys.checked_mul(startup)?, budget(declared)?);
        (spent > budget * Decimal::new(1, 1)).then_some((spent, budget))
    }

    fn report<'a>(
        &self,
        cx: &mut Ctx<'a>,
        workload: &Workload<'a>,
        declared: &Declared,
        gap: &Gap,
        (spent, budget): (Decimal, Decimal),
    ) {
        let shown = |seconds: Decimal| plain(seconds.round_dp(0).normalize());
        let message = format!(
            "{} updates of `{}` a month are {} s without any pod, of an error budget of {} s",
            self.deploys_per_month,
            workload.name,
            shown(spent),
            shown(budget)
        );
        let startup = declared.startup.as_ref().map(|it| it.span);
        let objective = declared.objective.as_ref().map(|it| it.span);
        cx.report(workload, gap.spot, message)
            .here(gap.why.clone())
            .label_if(startup, "how long a start takes")
            .label_if(objective, "the objectives")
            .help(gap.help);
    }
}

/// What leaves an update without pods.
struct Gap {
    spot: crate::source::Span,
    why: String,
    help: &'static str,
}

fn gap<'a>(cluster: &Cluster<'a>, workload: &Workload<'a>) -> Option<Gap> {
    let key = match workload.kind {
        Kind::Deployment => "spec/strategy",
        Kind::StatefulSet => "spec/updateStrategy",
        _ => return None,
    };
    let strategy = workload.at(key);
    let kind = strategy.and_then(|it| it.get("type"));
    match kind.map(Place::text) {
        Some(Some("Recreate")) => {
            return Some(Gap {
                spot: kind?.primary(),
                why: "all pods go before one comes".to_owned(),
                help: "write `type: RollingUpdate`",
            });
        }
        Some(Some("RollingUpdate")) | None => {}
        Some(_) => return None,
    }
    let replicas = cluster.replicas(workload).filter(Replicas::is_known)?;
    // Another file may hold the autoscaler that says how many there are.
    if replicas.owner.is_none() && cluster.is_partial() {
        return None;
    }
    let written = strategy.and_then(|it| it.at("rollingUpdate/maxUnavailable"));
    let unavailable = match (written, workload.kind) {
        (Some(place), _) => Share::read(place)?,
        (None, Kind::StatefulSet) => Share::Absolute(1),
        (None, _) => Share::Percent(25),
    };
    let gone = unavailable.down(replicas.min);
    let gone = if workload.kind == Kind::StatefulSet { gone.max(1) } else { gone };
    if replicas.min < 1 || replicas.min - gone >= 1 {
        return None;
    }
    let help = if workload.kind == Kind::StatefulSet {
        "run at least 2 pods"
    } else {
        "write `maxUnavailable: 0`"
    };
    Some(Gap {
        spot: written.map_or_else(|| cluster.replicas_spot(workload), Place::primary),
        why: format!("takes {gone} of {}", replicas.min),
        help,
    })
}

cases! {
    the_last_pod: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: n}\nspec:\n  strategy: {rollingUpdate: {maxUnavailable: 1}}\n  template: {spec: {containers: [{name: a}]}}\n---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a, namespace: n}\nspec:\n  replicas: 1\n  template: {spec: {containers: [{name: a}]}}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"0.1%\" }\n[probes]\nmodel_load = \"60s\"\n"
        => ["5:46", "12:13"],
    enough_pods: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: n}\nspec:\n  replicas: 2\n  strategy: {rollingUpdate: {maxUnavailable: 1}}\n  template: {spec: {containers: [{name: a}]}}\n---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a, namespace: n}\nspec:\n  updateStrategy: {type: OnDelete}\n  template: {spec: {containers: [{name: a}]}}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"0.1%\" }\n[probes]\nmodel_load = \"60s\"\n"
        => [],
    few_deploys: "# lint: rules.\"slo/rollouts-eat-budget\".deploys_per_month = 4\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: n}\nspec:\n  strategy: {type: Recreate}\n  template: {spec: {containers: [{name: a}]}}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"0.1%\" }\n[probes]\nmodel_load = \"60s\"\n"
        => [],
    nobody_says_how_long: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: n}\nspec:\n  strategy: {type: Recreate}\n  template: {spec: {containers: [{name: a}]}}\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"0.1%\" }\n"
        => [],
}
