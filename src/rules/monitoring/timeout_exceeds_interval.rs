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
    admission: Admission::Never("has not been put into CEL so far"),
}

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
}
