use crate::query::{Kind as Node, MatchOp, Matcher, Query, stand_ins};
use crate::rules::prelude::*;

declare_rule! {
    /// The adapter finds series by a label that its query does not ask for.
    ///
    /// ## Why
    /// `seriesQuery` only says which metrics there are; the value comes from `metricsQuery` (`pkg/naming/metrics_query.go`).
    /// With `endpoint="/predict"` in the first alone, the HPA scales on the sum of all endpoints, health checks and scrapes
    /// included. A literal `by (pod)` in the place of `<<.GroupBy>>` is advice only: such a rule works for pods, for nothing
    /// else.
    ///
    /// ## Fix safety
    /// Unsafe: the metric has another value, so the HPA acts.
    ///
    /// ```yaml,bad
    /// rules:
    ///   default: false
    ///   custom:
    ///   - seriesQuery: 'http_requests_in_flight{namespace!="",pod!="",path="/predict"}'
    ///     resources: { overrides: { namespace: { resource: namespace }, pod: { resource: pod } } }
    ///     metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
    /// ```
    /// ```yaml,fixed
    /// rules:
    ///   default: false
    ///   custom:
    ///   - seriesQuery: 'http_requests_in_flight{namespace!="",pod!="",path="/predict"}'
    ///     resources: { overrides: { namespace: { resource: namespace }, pod: { resource: pod } } }
    ///     metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>,path="/predict"}) by (<<.GroupBy>>)
    /// ```
    /// ```yaml,good
    /// rules:
    ///   default: false
    ///   custom:
    ///   - seriesQuery: 'http_requests_in_flight{namespace!="",pod!="",path="/predict"}'
    ///     resources: { overrides: { namespace: { resource: namespace }, pod: { resource: pod } } }
    ///     metricsQuery: sum(<<.Series>>{path="/predict",<<.LabelMatchers>>}) by (<<.GroupBy>>)
    /// ```
    "monitoring/discovery-only-matcher" pub struct DiscoveryOnlyMatcher {}
    severity: Warning, fix: FixKind::Unsafe, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("is about a configuration file, which the API server does not read"),
}

impl Rule for DiscoveryOnlyMatcher {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        for carrier in cluster.carriers() {
            match carrier.role {
                Role::SeriesQuery { rule } => matchers(cx, carrier, rule),
                Role::MetricsQuery { .. } if carrier.place.key() == Some("metricsQuery") => {
                    grouping(cx, carrier);
                }
                _ => {}
            }
        }
    }
}

fn matchers<'a>(cx: &mut Ctx<'_>, carrier: &Carrier<'a>, rule: Place<'a>) {
    let Some(series) = carrier.query() else { return };
    let written = rule.get("metricsQuery");
    // Without one the adapter sums up all that it finds.
    let text = written.and_then(Place::text).unwrap_or("<<.Series>>{<<.LabelMatchers>>}");
    let Ok(query) = Query::parse(&stand_ins(text)) else { return };
    let selectors = query.tree().selectors();
    let asked = |label: &str| {
        selectors.iter().any(|it| it.matchers.iter().any(|matcher| matcher.label == label))
    };
    // What a template may fill in nobody sees.
    if text.replace("<<.LabelMatchers>>", "").contains("LabelValuesByName") {
        return;
    }
    for selector in series.tree().selectors() {
        for matcher in selector.matchers {
            if matcher.label == "__name__" || is_presence(matcher) || asked(&matcher.label) {
                continue;
            }
            let Some(condition) = carrier.text.get(matcher.span.clone()) else { continue };
            let message =
                format!("`{condition}` finds the series, and `metricsQuery` reads all of them");
            let report = cx
                .report(&carrier.object, carrier.spot(matcher.span.clone()), message)
                .here("for discovery only")
                .label_if(written, "does not ask for it")
                .help(format!("write `{condition}` behind `<<.LabelMatchers>>`, too"));
            let Some(written) = written else { continue };
            let ends = text.match_indices(LABELS).map(|(start, _)| start + LABELS.len());
            let ops: Vec<_> =
                ends.map(|end| edit::splice(written, end..end, format!(",{condition}"))).collect();
            if !ops.is_empty() {
                report.fix_unsafe(
                    "ask for it in metricsQuery (unsafe: the metric has another value)",
                    ops,
                );
            }
        }
    }
}

const LABELS: &str = "<<.LabelMatchers>>";

/// True for a test whether the label is there at all.
fn is_presence(matcher: &Matcher) -> bool {
    match matcher.op {
        MatchOp::NotEqual => matcher.value.is_empty(),
        MatchOp::Regex => matches!(matcher.value.as_str(), ".+" | ".*" | "^.+$"),
        MatchOp::NotRegex => matches!(matcher.value.as_str(), "" | "^$"),
        MatchOp::Equal => false,
    }
}

fn grouping(cx: &mut Ctx<'_>, carrier: &Carrier<'_>) {
    let Some(query) = carrier.query() else { return };
    let Some(text) = carrier.place.text() else { return };
    let (mut literal, mut templated) = (None, false);
    query.tree().walk(&mut |node, _| {
        let Node::Aggregate { grouping: Some(grouping), .. } = &node.kind else { return };
        if text.get(grouping.span.clone()).is_some_and(|it| it.contains("<<")) {
            templated = true;
        } else if !grouping.without && grouping.labels.iter().any(|(label, _)| label != "le") {
            literal = literal.take().or_else(|| Some(grouping.span.clone()));
        }
    });
    let Some(span) = literal.filter(|_| !templated) else { return };
    let written = text.get(span.clone()).unwrap_or("").to_owned();
    cx.report(
        &carrier.object,
        carrier.spot(span),
        format!("`{written}` stands for `<<.GroupBy>>`"),
    )
    .severity(Info)
    .here("fits one kind of object only")
    .help("write `by (<<.GroupBy>>)`");
}

cases! {
    several: "rules:\n  custom:\n  # discovery\n  # only\n  - seriesQuery: '{__name__=~\"^a\",b=~\"x|y\",container!=\"POD\",pod!=\"\",c=~\".+\"}'\n    resources: {template: \"<<.Resource>>\"}\n"
        => ["5:35", "5:44"],
    literal_group: "rules:\n  custom:\n  - seriesQuery: 'a{pod!=\"\"}'\n    # by pod\n    metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (pod)\n  - seriesQuery: 'a{pod!=\"\"}'\n    metricsQuery: histogram_quantile(0.9, sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by (le, <<.GroupBy>>))\n"
        => ["5:56"],
}
