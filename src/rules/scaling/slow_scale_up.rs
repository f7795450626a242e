use crate::query::Kind as Node;
use crate::rules::expressions::{self, seconds};
use crate::rules::prelude::*;
use crate::rules::probes::short_startup_budget::Budget as Time;
use crate::source::Span;
use crate::units::plain;

declare_rule! {
    /// An autoscaler takes longer to scale up than the burst lasts.
    ///
    /// ## Why
    /// Within the window of `scaleUp` the HPA acts on the lowest of its recommendations (`horizontal.go`), so a burst shorter
    /// than it changes nothing. A policy of one pod in five minutes is as slow, and a StatefulSet starts its pods one after
    /// the other, each once the one before is ready, unless `podManagementPolicy: Parallel` says otherwise. Where slo.toml
    /// says how long the process starts, the whole way from load to capacity counts: window, start, query, scrape.
    ///
    /// ```yaml,bad
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    ///   behavior:
    ///     scaleUp:
    ///       stabilizationWindowSeconds: 300
    /// ```
    /// ```yaml,good
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    ///   behavior:
    ///     scaleUp:
    ///       stabilizationWindowSeconds: 60
    ///       policies: [{ type: Percent, value: 100, periodSeconds: 60 }]
    /// ```
    "scaling/slow-scale-up" pub struct SlowScaleUp {
        /// The longest window of `scaleUp`.
        pub max_window: Time = Time(Duration::from_secs(120)),
        /// How long it may take from load to capacity, where slo.toml says how long the process starts.
        pub within: Time = Time(Duration::from_secs(300)),
        /// The longest start-up budget of a StatefulSet that starts its pods one after the other.
        pub max_ordered_start: Time = Time(Duration::from_secs(60)),
    }
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("needs the autoscaler and the workload that it scales"),
}

/// The slowest policy that counts as scaling: a pod in so many seconds.
const SECONDS_PER_POD: i64 = 180;

impl Rule for SlowScaleUp {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let queries = expressions::triggers_of(cluster);
        for autoscaler in cluster.autoscalers() {
            let rules = autoscaler.behavior().and_then(|behavior| behavior.get("scaleUp"));
            if !self.window(cx, autoscaler, rules) {
                let queries = queries.get(&autoscaler.index).map_or(&[][..], Vec::as_slice);
                self.whole_way(cx, autoscaler, rules, queries);
            }
            if let Some(rules) = rules {
                policies(cx, autoscaler, rules);
            }
            self.ordered(cx, autoscaler);
        }
    }
}

impl SlowScaleUp {
    /// True if it reported.
    fn window(
        &self,
        cx: &mut Ctx<'_>,
        autoscaler: &Autoscaler<'_>,
        rules: Option<Place<'_>>,
    ) -> bool {
        let place = rules.and_then(|rules| rules.get("stabilizationWindowSeconds"));
        let Some((place, window)) = place.and_then(|place| Some((place, place.int()?))) else {
            return false;
        };
        let most = self.max_window.0.seconds();
        // A longer one than an hour is refused.
        if Decimal::from(window) <= most || window > 3600 {
            return false;
        }
        let message = format!(
            "{} `{}` scales up on the least load of the last {window} s",
            autoscaler.word(),
            autoscaler.name
        );
        cx.report(autoscaler, place, message)
            .here("a burst is over before that")
            .help(format!("set `stabilizationWindowSeconds` to 60, {} at the most", plain(most)));
        true
    }

    fn ordered<'a>(&self, cx: &mut Ctx<'a>, autoscaler: &Autoscaler<'a>) {
        let Some(workload) = cx.cluster.target(autoscaler) else { return };
        let policy = workload.at("spec/podManagementPolicy");
        if workload.kind != Kind::StatefulSet
            || policy.is_some_and(|policy| policy.text() != Some("OrderedReady"))
        {
            return;
        }
        let budgets = workload.containers.iter().filter_map(Container::startup_budget);
        let budgets = budgets.filter(|(_, probe)| probe.is_readable());
        let Some((budget, probe)) = budgets.max_by_key(|(budget, _)| *budget) else { return };
        if Decimal::from(budget) <= self.max_ordered_start.0.seconds() {
            return;
        }
        let spot =
            policy.map_or_else(|| workload.missing("spec/podManagementPolicy"), Place::primary);
        let message = format!(
            "StatefulSet `{}` starts one pod after the other, each within a start-up budget of {budget} s",
            workload.name
        );
        let here = if policy.is_some() {
            "one at a time"
        } else {
            "podManagementPolicy is unset, which is OrderedReady"
        };
        cx.report(workload, spot, message)
            .here(here)
            .label(probe.place, format!("allows {budget} s"))
            .label(autoscaler.target_spot(), format!("this {} scales it", autoscaler.word()))
            .help("write `podManagementPolicy: Parallel`, which needs a new StatefulSet");
    }

    /// From load to capacity, where all parts of it are known.
    fn whole_way<'a>(
        &self,
        cx: &mut Ctx<'a>,
        autoscaler: &Autoscaler<'a>,
        rules: Option<Place<'a>>,
        queries: &[&Carrier<'a>],
    ) {
        let cluster = cx.cluster;
        let Some(declared) = cluster.target(autoscaler).and_then(|it| cluster.declared(it)) else {
            return;
        };
        let (Some(start), Some(interval)) = (&declared.startup, &declared.interval) else { return };
        let place = rules.and_then(|rules| rules.get("stabilizationWindowSeconds"));
        let window = match place {
            Some(place) => place.int().and_then(|it| u64::try_from(it).ok()),
            None => Some(0),
        };
        let Some(window) = window.map(Duration::from_secs) else { return };
        let longest = longest_range(queries);
        let range = longest.map_or(Duration::from_secs(0), |(range, _)| range);
        let total = window.plus(start.value).plus(range).plus(interval.value);
        if total <= self.within.0 {
            return;
        }
        let spot = place.map(Place::primary).or_else(|| longest.map(|(_, spot)| spot));
        let spot = spot.unwrap_or_else(|| autoscaler.missing("spec/behavior/scaleUp"));
        let message = format!(
            "{} `{}` needs {} from load to capacity: window {}, start {}, query {}, scrape {}",
            autoscaler.word(),
            autoscaler.name,
            seconds(total),
            seconds(window),
            seconds(start.value),
            seconds(range),
            seconds(interval.value)
        );
        cx.report(autoscaler, spot, message)
            .here(format!("`within` is {}", seconds(self.within.0)))
            .label(start.span, format!("starts within {}", seconds(start.value)))
            .label_if(longest.map(|(_, spot)| spot).filter(|it| *it != spot), "the longest range")
            .label(interval.span, "the scrape interval")
            .help("shorten the window or the range of the query, or start faster");
    }
}

/// The longest range that the queries read, and where it is written.
pub(crate) fn longest_range(queries: &[&Carrier<'_>]) -> Option<(Duration, Span)> {
    let mut longest: Option<(Duration, Span)> = None;
    for carrier in queries {
        let Some(query) = carrier.query() else { continue };
        query.tree().walk(&mut |node, _| {
            let (Node::Selector { range: Some(range), .. } | Node::Subquery { range, .. }) =
                &node.kind
            else {
                return;
            };
            let length = Duration::from_millis(range.millis);
            if longest.is_none_or(|(known, _)| length > known) {
                longest = Some((length, carrier.spot(range.span.clone())));
            }
        });
    }
    longest
}

/// Pods within seconds that a policy adds to a fleet at its floor.
struct Rate {
    pods: i64,
    seconds: i64,
}

impl Rate {
    fn read(policy: Place<'_>, floor: i64) -> Option<Self> {
        let (value, seconds) = (policy.int_of("value")?, policy.int_of("periodSeconds")?);
        if value <= 0 || !(1..=1800).contains(&seconds) {
            return None;
        }
        let pods = match policy.text_of("type")? {
            "Pods" => value,
            "Percent" => Share::Percent(value).up(floor),
            _ => return None,
        };
        Some(Self { pods, seconds })
    }

    fn is_slow(&self) -> bool {
        self.pods.saturating_mul(SECONDS_PER_POD) < self.seconds
    }
}

fn policies(cx: &mut Ctx<'_>, autoscaler: &Autoscaler<'_>, rules: Place<'_>) {
    let Some(list) = rules.get("policies") else { return };
    let floor = autoscaler.min.value.max(1);
    let Some(rates) =
        list.items().map(|policy| Rate::read(policy, floor)).collect::<Option<Vec<_>>>()
    else {
        return;
    };
    let slow = match rules.text_of("selectPolicy") {
        None | Some("Max") => rates.iter().all(Rate::is_slow),
        Some("Min") => rates.iter().any(Rate::is_slow),
        _ => false,
    };
    let best = rates.iter().min_by_key(|rate| rate.seconds / rate.pods.max(1));
    let Some(best) = best.filter(|_| slow) else { return };
    let message = format!(
        "{} `{}` adds {} in {} s to the {floor} of its floor",
        autoscaler.word(),
        autoscaler.name,
        if best.pods == 1 { "1 pod".to_owned() } else { format!("{} pods", best.pods) },
        best.seconds
    );
    cx.report(autoscaler, list, message)
        .here(format!("less than a pod in {SECONDS_PER_POD} s"))
        .help("allow more: `{ type: Percent, value: 100, periodSeconds: 60 }`");
}

cases! {
    just_120_seconds: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {behavior: {scaleUp: {stabilizationWindowSeconds: 120}, scaleDown: {stabilizationWindowSeconds: 300}}}\n"
        => [],
    keda: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {advanced: {horizontalPodAutoscalerConfig: {behavior: {scaleUp: {stabilizationWindowSeconds: 121}}}}}\n"
        => ["4:100"],
    slow_policies: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {minReplicas: 3, maxReplicas: 9, behavior: {scaleUp: {policies: [{type: Pods, value: 1, periodSeconds: 300}, {type: Percent, value: 10, periodSeconds: 600}]}}}\n"
        => ["4:61"],
    one_is_fast_enough: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {minReplicas: 3, maxReplicas: 9, behavior: {scaleUp: {policies: [{type: Pods, value: 1, periodSeconds: 300}, {type: Percent, value: 10, periodSeconds: 60}]}}}\n"
        => [],
    the_slower_counts: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {minReplicas: 3, maxReplicas: 9, behavior: {scaleUp: {policies: [{type: Pods, value: 1, periodSeconds: 300}, {type: Percent, value: 10, periodSeconds: 60}], selectPolicy: Min}}}\n"
        => ["4:61"],
    stateful_set_in_order: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: w, startupProbe: {failureThreshold: 30}}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, name: a}}\n"
        => ["4:1"],
    stateful_set_in_parallel: "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec: {podManagementPolicy: Parallel, template: {spec: {containers: [{name: w, startupProbe: {failureThreshold: 30}}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, name: a}}\n"
        => [],
    the_whole_way: "# lint: rules.\"scaling/slow-scale-up\".within = \"2m\"\n# file: slo.toml\n[service]\nname = \"a\"\nnamespace = \"n\"\nimage = \"a:1\"\n[targets]\nerrors = { below = \"1%\" }\n[metrics]\nrequests = \"x_total\"\n[probes]\nmodel_load = \"90s\"\n# file: a.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: n}\nspec: {template: {spec: {containers: [{name: w}]}}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a, namespace: n}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, behavior: {scaleUp: {stabilizationWindowSeconds: 60}}}\n"
        => ["a.yaml:9:123"],
}
