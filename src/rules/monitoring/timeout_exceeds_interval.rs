use crate::rules::prelude::*;

declare_rule! {
    /// A scrape may take longer than the time between two scrapes.
    ///
    /// ## Why
    /// Prometheus refuses a configuration with `scrapeTimeout` above `interval`, so the operator leaves the endpoint out
    /// (`pkg/prometheus/promcfg.go`): no target, no series, and no alert on `up`.
    ///
    /// ```yaml,bad
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PodMonitor
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   podMetricsEndpoints:
    ///   - { port: http, interval: 15s, scrapeTimeout: 30s }
    /// ```
    /// ```yaml,good
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PodMonitor
    /// metadata: { name: shop }
    /// spec:
    ///   selector: { matchLabels: { app: shop } }
    ///   podMetricsEndpoints:
    ///   - { port: http, interval: 15s, scrapeTimeout: 15s }
    /// ```
    "monitoring/timeout-exceeds-interval" pub struct TimeoutExceedsInterval {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Policy(&POLICY),
}

/// The same in CEL.
static POLICY: Policy = Policy {
    resources: policy::MONITORS,
    conditions: &[],
    shared: policy::OF_SPEC,
    variables: &[
        Variable {
            name: "endpoints",
            cel: "
        object.kind == 'PodMonitor'
        ? (has(variables.spec.podMetricsEndpoints) ? variables.spec.podMetricsEndpoints : [])
        : has(variables.spec.endpoints) ? variables.spec.endpoints : []
        ",
        },
        Variable {
            name: "durations",
            cel: "
        '^([0-9]{1,9}w)?([0-9]{1,9}d)?([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}s)?([0-9]{1,9}ms)?$'
        ",
        },
        Variable {
            name: "milliseconds",
            cel: "{'w': 604800000, 'd': 86400000, 'h': 3600000, 'm': 60000, 's': 1000, 'i': 1}",
        },
        Variable {
            name: "timed",
            cel: "
        variables.endpoints.filter(e, has(e.interval) && has(e.scrapeTimeout) && e.interval != ''
          && e.scrapeTimeout != '' && e.interval.matches(variables.durations)
          && e.scrapeTimeout.matches(variables.durations))
        ",
        },
        Variable {
            name: "parts",
            // Numbers with their units, each of one letter: `i` stands for milliseconds.
            cel: "
        variables.timed.map(e, [e.interval, e.scrapeTimeout].map(d, d.replace('ms', 'i ').replace('w', 'w ')
          .replace('d', 'd ').replace('h', 'h ').replace('m', 'm ').replace('s', 's ').trim().split(' ')))
        ",
        },
        Variable {
            name: "lengths",
            cel: "
        variables.parts.map(pair, pair.map(texts, texts.map(p, int(p.substring(0, size(p) - 1))
          * variables.milliseconds[p.substring(size(p) - 1)]).sum()))
        ",
        },
        findings("
        variables.lengths.filter(l, l[0] > 0 && l[1] > l[0])
          .map(l, 'a scrapeTimeout of ' + string(l[1]) + ' ms is above the interval of ' + string(l[0]) + ' ms')
        "),
    ],
};

impl Rule for TimeoutExceedsInterval {
    fn check(&self, cx: &mut Ctx<'_>) {
        for monitor in cx.cluster.monitors() {
            for endpoint in &monitor.endpoints {
                let Some(interval) = endpoint.interval.zip(endpoint.seconds()) else { continue };
                let Some(place) = endpoint.place.get("scrapeTimeout") else { continue };
                let Some(timeout) = place.text().and_then(|text| Duration::parse(text).ok()) else {
                    continue;
                };
                let (spot, interval) = interval;
                // 0 stands for the default of Prometheus.
                if timeout <= interval || interval.is_zero() {
                    continue;
                }
                let message = format!(
                    "scrapeTimeout of {} `{}` is {timeout}, its interval is {interval}",
                    monitor.kind_name, monitor.name
                );
                cx.report(monitor, place, message)
                    .here("the operator drops the endpoint")
                    .label(spot, "the interval")
                    .help(format!("write `scrapeTimeout: {interval}` or less"));
            }
        }
    }
}

cases! {
    service_monitor: "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec:\n  endpoints:\n  - {interval: 1m, scrapeTimeout: 61s}\n  - {interval: 1m, scrapeTimeout: 60s}\n  - {scrapeTimeout: 60s}\n  - {interval: 10s}\n  - {interval: '${I}', scrapeTimeout: 60s}\n"
        => ["6:35"],
    units: "apiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nmetadata: {name: a}\nspec:\n  podMetricsEndpoints:\n  - {interval: 1m30s, scrapeTimeout: 90001ms}\n  - {interval: 1m30s, scrapeTimeout: 90s}\n  - {interval: 900ms, scrapeTimeout: 1s}\n  - {interval: 1d, scrapeTimeout: 24h1ms}\n  - {interval: 0s, scrapeTimeout: 1s}\n  - {interval: 1w, scrapeTimeout: 7d}\n"
        => ["6:38", "8:38", "9:35"],
}
