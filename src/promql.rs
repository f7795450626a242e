//! Every PromQL expression that slogen emits.
//!
//! Labels and values from slo.toml pass through [`matcher`], which quotes them; nothing else may put text into
//! an expression.

pub mod check;
pub mod slo;

use crate::plan::Plan;
use crate::plan::targets::Latency;
use crate::units::{Decimal, plain};

/// Quantile of the latency of each pod, in seconds, labelled `namespace` and `pod`.
pub fn latency_by_pod(plan: &Plan<'_>, target: &Latency) -> String {
    quantile(plan, target, &["namespace", "pod"])
}

/// The quantile of the latency of the whole service is above its target.
pub fn latency_breach(plan: &Plan<'_>, target: &Latency) -> String {
    format!("{} > {}", quantile(plan, target, &[]), plain(target.below.seconds()))
}

fn quantile(plan: &Plan<'_>, target: &Latency, by: &[&str]) -> String {
    let quantile = plain(target.percentile / Decimal::ONE_HUNDRED);
    let scrape = &plan.scrape;
    let (suffix, le) = if scrape.native_histograms { ("", None) } else { ("_bucket", Some("le")) };
    let by: Vec<&str> = by.iter().copied().chain(le).collect();
    let by = if by.is_empty() { String::new() } else { format!(" by ({})", by.join(", ")) };
    let rate = rate(plan, &format!("{}{suffix}", scrape.latency), &[]);
    format!("histogram_quantile({quantile}, sum{by} ({rate}))")
}

/// Requests in flight of each pod, labelled `namespace` and `pod`; averaged, since a scrape sees one moment.
pub fn in_flight_by_pod(plan: &Plan<'_>) -> String {
    let scrape = &plan.scrape;
    let selector = selector(plan, &[]);
    let window = scrape.rate_window.value;
    format!("sum by (namespace, pod) (avg_over_time({}{{{selector}}}[{window}]))", scrape.in_flight)
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
