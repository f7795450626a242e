use super::slow_scale_up::longest_range;
use crate::rules::expressions::{self, seconds};
use crate::rules::prelude::*;
use crate::rules::probes::short_startup_budget::Budget as Time;

declare_rule! {
    /// An autoscaler scales down on data that is older than the fleet.
    ///
    /// ## Why
    /// Within the window of `scaleDown` the HPA keeps the highest of its recommendations; 300 s is the default
    /// (`pkg/apis/autoscaling/v2/defaults.go`). With a window shorter than what the query looks back and pods take to start,
    /// pods go before those that came last have changed the average, and come back cold a minute later.
    ///
    /// ## Fix safety
    /// Unsafe: pods stay for longer after a peak, which costs their price.
    ///
    /// ```yaml,bad
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    ///   behavior:
    ///     scaleDown:
    ///       stabilizationWindowSeconds: 0 # fast
    /// ```
    /// ```yaml,fixed
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    ///   behavior:
    ///     scaleDown:
    ///       stabilizationWindowSeconds: 300 # fast
    /// ```
    /// ```yaml,good
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: { name: shop }
    /// spec:
    ///   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: shop }
    ///   maxReplicas: 12
    ///   behavior:
    ///     scaleDown:
    ///       stabilizationWindowSeconds: 180
    /// ```
    "scaling/flapping-scale-down" pub struct FlappingScaleDown {
        /// The shortest window of `scaleDown`, whatever the query looks back.
        pub min_window: Time = Time(Duration::from_secs(60)),
    }
    severity: Warning, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Absence,
    admission: Admission::Never("reads PromQL, which CEL cannot"),
}

/// The window that the API server sets where none is written, in seconds.
const DEFAULT_WINDOW: u64 = 300;
/// The longest window that it takes, in seconds.
const LONGEST_WINDOW: u64 = 3600;

impl Rule for FlappingScaleDown {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let queries = expressions::triggers_of(cluster);
        for autoscaler in cluster.autoscalers() {
            let rules = autoscaler.behavior().and_then(|behavior| behavior.get("scaleDown"));
            let Some(rules) = rules else { continue };
            // Nothing is scaled down then.
            if rules.text_of("selectPolicy") == Some("Disabled") {
                continue;
            }
            let Some(place) = rules.get("stabilizationWindowSeconds") else { continue };
            let Some(written) = place.int().and_then(|it| u64::try_from(it).ok()) else { continue };
            let queries = queries.get(&autoscaler.index).map_or(&[][..], Vec::as_slice);
            let longest = longest_range(queries);
            let start = cluster
                .target(autoscaler)
                .and_then(|workload| cluster.declared(workload)?.startup.as_ref());
            let age = longest.map(|(range, _)| match start {
                Some(start) => range.plus(start.value),
                None => range,
            });
            let least = age.map_or(self.min_window.0, |it| it.max(self.min_window.0));
            let window = Duration::from_secs(written);
            if window >= least {
                continue;
            }
            let wanted = least.ceil_seconds().clamp(DEFAULT_WINDOW, LONGEST_WINDOW);
            let stale = age.filter(|age| window < *age);
            let (word, name) = (autoscaler.word(), autoscaler.name);
            let message = match stale {
                Some(age) => format!(
                    "{word} `{name}` scales down after {}, on data that is up to {} old",
                    seconds(window),
                    seconds(age)
                ),
                None => format!(
                    "{word} `{name}` scales down after {}, below {}",
                    seconds(window),
                    seconds(least)
                ),
            };
            let range = longest.map(|(_, spot)| spot).filter(|_| stale.is_some());
            cx.report(autoscaler, place, message)
                .here("pods go and come back cold")
                .label_if(range, "looks back for so long")
                .label_if(start.map(|it| it.span).filter(|_| stale.is_some()), "starts for so long")
                .help(format!("set `stabilizationWindowSeconds: {wanted}`"))
                .fix_unsafe(
                    format!("set the window to {wanted} (unsafe: keeps pods for longer)"),
                    [edit::set(place, wanted)],
                );
        }
    }
}

cases! {
    unset_is_300: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {behavior: {scaleDown: {policies: [{type: Pods, value: 1, periodSeconds: 60}]}}}\n"
        => [],
    just_a_minute: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {behavior: {scaleDown: {stabilizationWindowSeconds: 60}, scaleUp: {stabilizationWindowSeconds: 0}}}\n"
        => [],
    shorter_than_the_range: "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {advanced: {horizontalPodAutoscalerConfig: {behavior: {scaleDown: {stabilizationWindowSeconds: 120}}}}, triggers: [{type: prometheus, metadata: {query: 'sum(rate(x_total[5m]))'}}]}\n"
        => ["4:102"],
    switched_off: "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {behavior: {scaleDown: {stabilizationWindowSeconds: 0, selectPolicy: Disabled}}}\n"
        => [],
}
