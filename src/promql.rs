//! Every PromQL expression that slogen emits.
//!
//! Labels and values from slo.toml pass through [`matcher`], which quotes them; nothing else may put text into
//! an expression.

pub mod adapter;
pub mod check;
pub mod slo;
pub mod view;

use crate::plan::Plan;
use crate::plan::scaling::Measure;
use crate::plan::targets::{Latency, Scrape};
use crate::units::{Decimal, Duration, plain};

/// What is measured, of each pod of the service, labelled `namespace` and `pod`; latencies are in seconds.
pub fn by_pod(plan: &Plan<'_>, measure: Measure) -> String {
    of_service(plan, measure, &["namespace", "pod"])
}

/// Quantile of the latency of the whole service, one series: in seconds, or in milliseconds.
///
/// Without traffic the quantile is NaN, which KEDA takes for a failed query, as it must take a lost scrape
/// (`prometheus_scaler.go`): its fallback would then hold an idle fleet at its size. So no requests are a latency of
/// 0, and no series are still no answer.
pub fn latency(plan: &Plan<'_>, target: &Latency, millis: bool) -> String {
    let scrape = &plan.scrape;
    let factor = if millis { "1000 * " } else { "" };
    let requests = if scrape.native_histograms {
        format!("histogram_count(sum({}))", rate(plan, &scrape.latency, &[]))
    } else {
        format!("sum({})", rate(plan, &format!("{}_count", scrape.latency), &[]))
    };
    let quantile = of_service(plan, Measure::Latency(target.percentile), &[]);
    format!("{factor}{quantile} >= 0 or {requests} == 0")
}

/// The quantile of the latency of the whole service is above its target.
pub fn latency_breach(plan: &Plan<'_>, target: &Latency) -> String {
    let quantile = of_service(plan, Measure::Latency(target.percentile), &[]);
    format!("{quantile} > {}", plain(target.below.seconds()))
}

/// Requests in flight of the whole service, one series. Where nothing has been served yet there is no gauge, and
/// nothing in flight; of a latency the same would hide that nobody knows it (autoscaling.md 3.3).
pub fn in_flight(plan: &Plan<'_>) -> String {
    format!("{} or vector(0)", of_service(plan, Measure::InFlight, &[]))
}

/// What is measured of this service alone, told apart by the labels `by`.
fn of_service(plan: &Plan<'_>, measure: Measure, by: &[&str]) -> String {
    let scrape = &plan.scrape;
    let (series, selector) = (series(scrape, measure), selector(plan, &[]));
    let window = scrape.rate_window.value;
    let over = Over { series: &series, selector: &selector, window, by };
    measured(measure, scrape.native_histograms, &over)
}

/// The name of the series that hold what is measured.
fn series(scrape: &Scrape, measure: Measure) -> String {
    match measure {
        Measure::Latency(_) if scrape.native_histograms => scrape.latency.clone(),
        Measure::Latency(_) => format!("{}_bucket", scrape.latency),
        Measure::InFlight => scrape.in_flight.clone(),
    }
}

/// What an expression reads, and the labels by which its results are told apart.
struct Over<'a> {
    series: &'a str,
    selector: &'a str,
    window: Duration,
    by: &'a [&'a str],
}

/// The one expression behind recordings, alerts and every autoscaler, which so see the same numbers.
fn measured(measure: Measure, native: bool, over: &Over<'_>) -> String {
    let Over { series, selector, window, by } = over;
    let sum = |le: Option<&str>| {
        let by: Vec<&str> = by.iter().copied().chain(le).collect();
        if by.is_empty() { "sum".to_owned() } else { format!("sum by ({}) ", by.join(", ")) }
    };
    let read = format!("{series}{{{selector}}}[{window}]");
    match measure {
        Measure::Latency(percentile) => {
            let quantile = plain(percentile / Decimal::ONE_HUNDRED);
            let sum = sum((!native).then_some("le"));
            format!("histogram_quantile({quantile}, {sum}(rate({read})))")
        }
        // Averaged, since a scrape sees one moment.
        Measure::InFlight => format!("{}(avg_over_time({read}))", sum(None)),
    }
}

/// The share of failed requests is above `below`. Without traffic there is no share, and no alert.
pub fn errors_breach(plan: &Plan<'_>, below: Decimal) -> String {
    let failed = rate(plan, &plan.scrape.requests, &plan.scrape.errors);
    let all = rate(plan, &plan.scrape.requests, &[]);
    format!("sum({failed}) / (sum({all}) > 0) > {}", plain(below))
}

fn rate(plan: &Plan<'_>, metric: &str, failing: &[(String, String)]) -> String {
    format!("rate({metric}{{{}}}[{}])", selector(plan, failing), plan.scrape.rate_window.value)
}

/// What singles out this service's series: its namespace and job, its own labels, and regular expressions.
fn selector(plan: &Plan<'_>, regexes: &[(String, String)]) -> String {
    let own = [
        ("namespace", plan.spec.doc.service.namespace.0.as_str()),
        ("job", plan.scrape.job.as_str()),
    ];
    let labels = plan.scrape.selector.iter().map(|(label, value)| (label.as_str(), value.as_str()));
    let exact = own.into_iter().chain(labels).map(|(label, value)| matcher(label, "=", value));
    let regexes = regexes.iter().map(|(label, value)| matcher(label, "=~", value));
    exact.chain(regexes).collect::<Vec<_>>().join(",")
}

/// `label="value"`, the value quoted as a PromQL string.
pub fn matcher(label: &str, operator: &str, value: &str) -> String {
    let mut quoted = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => quoted.extend(format!("\\u{:04x}", u32::from(c)).chars()),
            c => quoted.push(c),
        }
    }
    format!("{label}{operator}\"{quoted}\"")
}

/// `text` as it is, in a place where Prometheus expands templates.
pub fn literal(text: &str) -> String {
    text.replace("{{", r#"{{ "{{" }}"#)
}

#[cfg(test)]
mod tests {
    use super::*;
    use promql_parser::parser::{self, Expr};

    #[test]
    fn quoting_keeps_any_value() {
        for value in [
            "/predict",
            "a\"b",
            "a\\b",
            "a\nb\tc\u{1}",
            "} or vector(1) #",
            "{{ x }}",
            "ü",
            "",
            "'`",
        ] {
            let text = format!("up{{{}}}", matcher("a", "=", value));
            let Ok(Expr::VectorSelector(selector)) = parser::parse(&text) else {
                panic!("{text} is no selector");
            };
            let matchers = selector.matchers.matchers;
            assert_eq!(matchers.len(), 1, "{text}");
            assert_eq!(matchers[0].value, value, "{text}");
        }
    }

    #[test]
    fn templates_cannot_be_smuggled_in() {
        assert_eq!(literal("a {{ $labels.x }}"), r#"a {{ "{{" }} $labels.x }}"#);
    }
}
