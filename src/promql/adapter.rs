//! Queries of prometheus-adapter: templates that it fills in with the namespace and the pods of an autoscaler.

use crate::plan::Plan;
use crate::plan::scaling::Measure;
use crate::units::Duration;

use super::{Over, matcher, measured, series};

/// How a service measures a custom metric. Services that measure alike share one query, since the adapter itself
/// asks for namespace and pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    measure: Measure,
    native: bool,
    series: String,
    selector: Vec<(String, String)>,
    window: Duration,
}

/// The services of a namespace that measure alike.
#[derive(Clone, Debug)]
pub struct Share {
    /// How they measure.
    pub query: Query,
    /// Their namespace.
    pub namespace: String,
    /// Their `job` labels.
    pub jobs: Vec<String>,
}

impl Query {
    /// How the service measures.
    pub fn new(plan: &Plan<'_>, measure: Measure) -> Self {
        let mut selector = plan.scrape.selector.clone();
        // Two services may write the same labels in another order.
        selector.sort();
        Self {
            measure,
            native: plan.scrape.native_histograms,
            series: series(&plan.scrape, measure),
            selector,
            window: plan.scrape.rate_window.value,
        }
    }

    /// The name of the series that are read.
    pub fn series(&self) -> &str {
        &self.series
    }

    fn matchers(&self) -> impl Iterator<Item = String> {
        self.selector.iter().map(|(label, value)| literal(&matcher(label, "=", value)))
    }

    fn text(&self, also: impl IntoIterator<Item = String>) -> String {
        let pods = ["<<.LabelMatchers>>".to_owned()];
        let matchers: Vec<_> = pods.into_iter().chain(also).chain(self.matchers()).collect();
        let selector = matchers.join(",");
        let (series, window, by) = ("<<.Series>>", self.window, &["<<.GroupBy>>"]);
        measured(self.measure, self.native, &Over { series, selector: &selector, window, by })
    }
}

/// The series by which the adapter discovers the metric; all of `shares` read the same.
pub fn series_query(shares: &[Share]) -> String {
    let Some(Share { query, .. }) = shares.first() else { return String::new() };
    let mut matchers = ["namespace", "pod"].map(|label| matcher(label, "!=", "")).to_vec();
    if is_one(shares) {
        matchers.extend(query.matchers());
    }
    format!("{}{{{}}}", query.series, matchers.join(","))
}

/// The value of the metric for each of the pods that the adapter asks for.
///
/// The adapter knows one query for a metric, in all namespaces. Where services measure differently, each has its
/// branch, and is told from the others by namespace and job: a pod is in one branch alone.
pub fn metrics_query(shares: &[Share]) -> String {
    if is_one(shares) {
        return shares.first().map(|share| share.query.text([])).unwrap_or_default();
    }
    let branch = |share: &Share| {
        let operator = if share.jobs.len() == 1 { "=" } else { "=~" };
        let job = matcher("job", operator, &share.jobs.join("|"));
        share.query.text([matcher("namespace", "=", &share.namespace), job])
    };
    shares.iter().map(branch).collect::<Vec<_>>().join(" or ")
}

/// True if all measure alike.
fn is_one(shares: &[Share]) -> bool {
    shares.windows(2).all(|pair| matches!(pair, [a, b] if a.query == b.query))
}

/// A quoted text as it is, in a place where the adapter expands templates.
fn literal(text: &str) -> String {
    text.replace("<<", "<\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;
    use promql_parser::parser::{self, Expr};

    #[test]
    fn templates_cannot_be_smuggled_in() {
        for value in ["a<<b", "<<.Series>>", "<<<<", "<<<", "\\<<\"", "<"] {
            let text = literal(&matcher("a", "=", value));
            assert!(!text.contains("<<"), "{text}");
            let Ok(Expr::VectorSelector(selector)) = parser::parse(&format!("up{{{text}}}")) else {
                panic!("{text} is no matcher");
            };
            assert_eq!(selector.matchers.matchers[0].value, value);
        }
    }
}
