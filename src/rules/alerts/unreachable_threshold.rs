use std::cell::RefCell;

use rustc_hash::FxHashMap;

use crate::query::{Kind as Part, MatchOp, Node, Selector};
use crate::rules::expressions::{self, is_constant};
use crate::rules::prelude::*;

declare_rule! {
    /// A ratio is compared with a threshold that it can never exceed.
    ///
    /// ## Why
    /// Burn-rate thresholds are factor × error budget. With a low objective the product passes 1: 14.4 × (1 − 0.93)
    /// is 1.008, and even a total outage, an error ratio of 1, does not page. Such alerts have shipped in Pyrra's
    /// examples (caddy-response-latency.yaml) and in kcp-dev/kcp-glbc#287.
    ///
    /// ```yaml,bad
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ErrorBudgetBurn
    ///       expr: |
    ///         sum(rate(http_requests_total{status=~"5.."}[5m]))
    ///           / sum(rate(http_requests_total[5m])) > (14.4 * (1 - 0.9))
    ///         and
    ///         sum(rate(http_requests_total{status=~"5.."}[1h]))
    ///           / sum(rate(http_requests_total[1h])) > (14.4 * (1 - 0.9))
    /// ```
    /// ```yaml,good
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ErrorBudgetBurn
    ///       expr: |
    ///         sum(rate(http_requests_total{status=~"5.."}[5m]))
    ///           / sum(rate(http_requests_total[5m])) > (14.4 * (1 - 0.99))
    ///         and
    ///         sum(rate(http_requests_total{status=~"5.."}[1h]))
    ///           / sum(rate(http_requests_total[1h])) > (14.4 * (1 - 0.99))
    /// ```
    "alerts/unreachable-threshold" pub struct UnreachableThreshold {}
    severity: Error, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Together,
    admission: Admission::Never("reads PromQL, which CEL cannot"),
}

impl Rule for UnreachableThreshold {
    fn check(&self, cx: &mut Ctx<'_>) {
        let cluster = cx.cluster;
        let known = Known::default();
        for carrier in cluster.carriers() {
            let Some(query) = carrier.query() else { continue };
            let mut found = Vec::new();
            query.tree().walk(&mut |node, _| found.extend(unreachable(cluster, &known, node)));
            for (threshold, value, bound) in found {
                let message = format!(
                    "{} compares a ratio that never exceeds {bound} with {value}",
                    expressions::title(carrier)
                );
                let written = carrier.text.get(threshold.span.clone()).unwrap_or("");
                let here = if written.parse::<f64>().is_ok() {
                    "never exceeded".to_owned()
                } else {
                    format!("is {value}")
                };
                cx.report(&carrier.object, carrier.spot(threshold.span.clone()), message)
                    .here(here)
                    .help(format!(
                        "compare with less than {bound}: take a smaller factor, or leave this alert out"
                    ));
            }
        }
    }
}

/// The threshold of a comparison that never holds, its value, and what the other side never exceeds.
fn unreachable<'q>(
    cluster: &Cluster<'_>,
    known: &Known,
    node: &'q Node,
) -> Option<(&'q Node, f64, f64)> {
    let Part::Binary { op, lhs, rhs, .. } = &node.kind else { return None };
    let (ratio, threshold, or_equal) = match op.as_str() {
        ">" => (lhs, rhs, false),
        ">=" => (lhs, rhs, true),
        "<" => (rhs, lhs, false),
        "<=" => (rhs, lhs, true),
        _ => return None,
    };
    let value = expressions::constant(threshold)?;
    let plain = matches!(threshold.peel().kind, Part::Number(_));
    let bound = Bounds { cluster, plain, known }.of(ratio)?;
    (value > bound || (value >= bound && !or_equal)).then_some((threshold, value, bound))
}

/// Finds what an expression never exceeds, if it is never negative.
#[derive(Clone, Copy)]
struct Bounds<'c, 'a> {
    cluster: &'c Cluster<'a>,
    /// The threshold is a plain number: where a burn rate is compared with one, it counts budgets.
    plain: bool,
    known: &'c Known,
}

/// The bounds of recorded names, which many services may share, and whether the threshold is a plain number; a
/// name that is still being looked up has none.
type Known = RefCell<FxHashMap<(String, bool), Option<f64>>>;

impl Bounds<'_, '_> {
    fn of(&self, node: &Node) -> Option<f64> {
        match &node.kind {
            Part::Paren(expr) | Part::Subquery { expr, .. } => self.of(expr),
            Part::Selector { .. } => self.of_selector(&node.selector()?),
            Part::Aggregate { op, expr, .. } => match op.as_str() {
                "avg" | "min" | "max" | "quantile" | "topk" | "bottomk" | "limitk" => self.of(expr),
                "group" => Some(1.0),
                _ => None,
            },
            Part::Call { name, args, .. } => match name.as_str() {
                "avg_over_time" | "min_over_time" | "max_over_time" | "last_over_time" | "sort"
                | "sort_desc" | "scalar" | "vector" | "label_replace" | "label_join" => {
                    self.of(args.first()?)
                }
                "absent" | "absent_over_time" => Some(1.0),
                "quantile_over_time" => self.of(args.get(1)?),
                "clamp_max" => args.get(1)?.fold().filter(|most| *most >= 0.0),
                _ => None,
            },
            Part::Binary { bool_modifier: true, .. } => Some(1.0),
            Part::Binary { op, lhs, rhs, .. } => self.of_two(op, lhs, rhs),
            Part::Number(value) => Some(*value),
            Part::Unary { .. } | Part::String(_) | Part::Opaque => None,
        }
    }

    fn of_two(&self, op: &str, lhs: &Node, rhs: &Node) -> Option<f64> {
        match op {
            "and" | "unless" | ">" | "<" | ">=" | "<=" | "==" | "!=" => self.of(lhs),
            "or" => Some(self.of(lhs)?.max(self.of(rhs)?)),
            "*" => Some(exactly(op, self.of(lhs)?, self.of(rhs)?)),
            // Of the right side only that it is not negative is needed.
            "-" => self.of(rhs).and(lhs.fold()),
            "/" => match rhs.fold() {
                Some(divisor) if divisor > 0.0 => Some(exactly(op, self.of(lhs)?, divisor)),
                Some(_) => None,
                None => {
                    let (factor, part) = factor(lhs);
                    is_share(part, rhs).then_some(factor)
                }
            },
            _ => None,
        }
    }

    fn of_selector(&self, selector: &Selector<'_>) -> Option<f64> {
        let (name, _) = selector.name()?;
        if matches!(name, "up" | "probe_success") {
            return Some(1.0);
        }
        if !expressions::is_recorded(name) {
            return None;
        }
        let key = (name.to_owned(), self.plain);
        if let Some(bound) = self.known.borrow().get(&key) {
            return *bound;
        }
        self.known.borrow_mut().insert(key.clone(), None);
        let bound = self.of_records(name);
        self.known.borrow_mut().insert(key, bound);
        bound
    }

    fn of_records(&self, name: &str) -> Option<f64> {
        let mut bound: Option<f64> = None;
        let mut records = self.cluster.records(name)?.peekable();
        if records.peek().is_none() {
            return named_ratio(name, self.plain);
        }
        for record in records {
            let tree = record.query()?.tree();
            // A division whose sides tell nothing is what the name says.
            let by_name = || is_division(tree).then(|| named_ratio(name, self.plain)).flatten();
            let one = self.of(tree).or_else(by_name)?;
            bound = Some(bound.map_or(one, |other| other.max(one)));
        }
        bound
    }
}

/// In decimals: 100 * 0.07 is 7.
fn exactly(op: &str, left: f64, right: f64) -> f64 {
    let number = |value| Box::new(Node { span: 0..0, kind: Part::Number(value) });
    let kind = Part::Binary {
        op: op.to_owned(),
        op_span: 0..0,
        matching: None,
        bool_modifier: false,
        lhs: number(left),
        rhs: number(right),
    };
    Node { span: 0..0, kind }.fold().unwrap_or(f64::INFINITY)
}

/// 1 for a record whose name says that it is a share of what happened.
fn named_ratio(name: &str, plain: bool) -> Option<f64> {
    // Load per core, use of requests and the like do exceed 1.
    let others = [
        "_per_", "load", "cpu", "memory", "commit", "compress", "satur", "util", "quota", "_to_",
        "_vs_", "growth", "change", "trend", "compar",
    ];
    let of_errors = ["error", "fail", "slo", "sli"].iter().any(|word| name.contains(word));
    let burns = name.contains("burnrate") || name.contains("burn_rate");
    let is_ratio = name.contains("ratio") && !name.contains("duration");
    let share = if burns {
        !plain
    } else {
        is_ratio && (of_errors || !others.iter().any(|word| name.contains(word)))
    };
    share.then_some(1.0)
}

/// `100 * part` as its number and the rest; 1 where there is no number.
fn factor(node: &Node) -> (f64, &Node) {
    if let Part::Binary { op, lhs, rhs, .. } = &node.peel().kind
        && op == "*"
    {
        match (lhs.fold(), rhs.fold()) {
            (Some(number), None) if number > 0.0 => return (number, rhs),
            (None, Some(number)) if number > 0.0 => return (number, lhs),
            _ => {}
        }
    }
    (1.0, node)
}

/// True for `a / b` of series, or 1 less that.
fn is_division(node: &Node) -> bool {
    match &node.peel().kind {
        Part::Binary { op, lhs, rhs, .. } if op == "/" => is_whole(lhs) && is_whole(rhs),
        Part::Binary { op, lhs, rhs, .. } if op == "-" => {
            lhs.fold() == Some(1.0) && is_division(rhs)
        }
        _ => false,
    }
}

/// True for series that no number is calculated with.
fn is_whole(node: &Node) -> bool {
    !is_constant(node)
        && !matches!(&node.peel().kind, Part::Binary { op, lhs, rhs, .. }
            if matches!(op.as_str(), "*" | "/") && (is_constant(lhs) || is_constant(rhs)))
}

/// True if `part` counts some of what `whole` counts, in the same way.
fn is_share(part: &Node, whole: &Node) -> bool {
    match (&part.peel().kind, &whole.peel().kind) {
        // Only fewer series are left, or none.
        (Part::Binary { op, lhs, bool_modifier: false, .. }, _)
            if matches!(op.as_str(), "and" | "unless" | ">" | "<" | ">=" | "<=" | "==" | "!=") =>
        {
            is_share(lhs, whole)
        }
        (Part::Binary { op, lhs, .. }, _) if op == "-" => is_share(lhs, whole),
        (Part::Binary { op, lhs, rhs, .. }, _) if op == "or" => {
            is_share(lhs, whole) && is_zero(rhs)
        }
        (_, Part::Binary { op, lhs, .. }) if matches!(op.as_str(), ">" | ">=" | "!=") => {
            is_share(part, lhs)
        }
        (_, Part::Call { name, args, .. }) if name == "clamp_min" => {
            args.first().is_some_and(|whole| is_share(part, whole))
        }
        (Part::Aggregate { op, expr, .. }, Part::Aggregate { op: other_op, expr: other, .. }) => {
            op == other_op && matches!(op.as_str(), "sum" | "count") && is_share(expr, other)
        }
        (Part::Call { name, args, .. }, Part::Call { name: other_name, args: others, .. }) => {
            name == other_name
                && matches!(name.as_str(), "rate" | "increase" | "sum_over_time")
                && args.first().zip(others.first()).is_some_and(|(arg, other)| is_share(arg, other))
        }
        (Part::Selector { .. }, Part::Selector { .. }) => {
            let both = part.peel().selector().zip(whole.peel().selector());
            both.is_some_and(|(part, whole)| is_share_of_series(&part, &whole))
        }
        _ => false,
    }
}

fn is_share_of_series(part: &Selector<'_>, whole: &Selector<'_>) -> bool {
    let (Some((name, _)), Some((of, _))) = (part.name(), whole.name()) else { return false };
    let length = |it: &Selector<'_>| it.range.map(|window| window.millis);
    if length(part) != length(whole) {
        return false;
    }
    let is_bucket = |label: &str| label == "le";
    let all_of = |skip: &dyn Fn(&str) -> bool| {
        whole.matchers.iter().filter(|it| !skip(&it.label)).all(|wanted| {
            part.matchers.iter().any(|it| {
                (&it.label, it.op, &it.value) == (&wanted.label, wanted.op, &wanted.value)
            })
        })
    };
    let base = name.strip_suffix("_bucket");
    let whole_histogram = base.is_some()
        && (base == of.strip_suffix("_count")
            || (name == of
                && whole.matchers.iter().any(|it| {
                    is_bucket(&it.label) && it.op == MatchOp::Equal && it.value == "+Inf"
                })));
    if whole_histogram {
        return all_of(&is_bucket);
    }
    (name == of && all_of(&|_| false)) || is_error_of(name, of)
}

/// `http_errors_total` of `http_requests_total`.
fn is_error_of(part: &str, whole: &str) -> bool {
    let of_errors = |name: &str| ["error", "fail"].iter().any(|word| name.contains(word));
    let counts = |name: &str| !["_sum", "_seconds", "_bytes"].iter().any(|end| name.ends_with(end));
    of_errors(part) && !of_errors(whole) && counts(whole) && whole.contains("request")
}

fn is_zero(node: &Node) -> bool {
    match &node.peel().kind {
        Part::Binary { op, lhs, rhs, .. } if op == "*" => {
            lhs.fold() == Some(0.0) || rhs.fold() == Some(0.0)
        }
        _ => expressions::constant(node) == Some(0.0),
    }
}

cases! {
    ratios_that_are_no_shares: "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'job:hits:ratio_to_yesterday > 3'}\n"
        => [],
    recorded: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n  - name: g\n    rules:\n    - alert: A\n      expr: job:x_errors:ratio_rate5m > (14.4 * (1 - 0.9)) and job:x_errors:ratio_rate1h > (14.4 * (1 - 0.9))\n"
        => ["9:41", "9:92"],
    just_below_and_at: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'a:x_errors:ratio_rate5m > 0.999'}, {alert: B, expr: 'a:x_errors:ratio_rate5m > 1'}, {alert: C, expr: 'a:x_errors:ratio_rate5m >= 1'}]}]}\n"
        => ["4:132"],
    turned_round: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: '(14.4 * (1 - 0.93)) < a:x_errors:ratio_rate5m'}]}]}\n"
        => ["4:53"],
    availability: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: '1 - (sum(rate(x{code=\"500\"}[5m])) / sum(rate(x[5m]))) < 1.5'}, {alert: B, expr: '1 - sum(rate(x{code=\"200\"}[5m])) / sum(rate(x[5m])) > 14.4 * 0.1'}]}]}\n"
        => ["4:188"],
    percent: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: '100 * sum(rate(x{code=\"500\"}[5m])) / sum(rate(x[5m])) > 5'}, {alert: B, expr: '(sum(rate(x{code=\"500\"}[5m])) / sum(rate(x[5m]))) * 100 > 100'}]}]}\n"
        => ["4:190"],
    means_are_no_ratios: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'sum(rate(x_sum[5m])) / sum(rate(x_count[5m])) > 2'}, {alert: B, expr: 'sum(rate(x{a=\"b\"}[1h])) / sum(rate(x[5m])) > 2'}, {alert: C, expr: 'sum(rate(x[5m])) / sum(rate(x{a=\"b\"}[5m])) > 2'}]}]}\n"
        => [],
    buckets: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: '1 - sum(rate(x_bucket{le=\"0.5\"}[5m])) / sum(rate(x_count[5m])) > 14.4 * (1 - 0.9)'}, {alert: B, expr: '(sum(rate(x_count[5m])) - sum(rate(x_bucket{le=\"0.5\"}[5m]))) / sum(rate(x_count[5m])) > 1'}]}]}\n"
        => ["4:118", "4:244"],
    errors_of_requests: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: '(sum(rate(http_errors_total[5m])) or vector(0)) / (sum(rate(http_requests_total[5m])) > 0) > 1.2'}]}]}\n"
        => ["4:146"],
    a_record_in_percent: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{record: 'a:errors:ratio', expr: '100 * sum(rate(x{a=\"b\"}[5m])) / sum(rate(x[5m]))'}, {alert: A, expr: 'a:errors:ratio > 5'}]}]}\n"
        => [],
    a_record_of_records: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{record: 'a:errors:ratio', expr: 'a:errors:rate / a:all:rate'}, {alert: A, expr: 'a:errors:ratio > 5'}]}]}\n"
        => ["4:134"],
    burn_rates_in_budgets: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'slo:burnrate:5m > 14.4'}, {alert: B, expr: 'x:burnrate5m{slo=\"y\"} > (14 * (1-0.9))'}]}]}\n"
        => ["4:121"],
    loads_are_no_shares: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'instance:node_load1_per_cpu:ratio > 2'}, {alert: B, expr: 'compression_ratio > 2'}]}]}\n"
        => [],
    up: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: 'avg(up{job=\"a\"}) > 1'}, {alert: B, expr: 'sum(up) > 1'}]}]}\n"
        => ["4:72"],
    in_a_folded_block: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n  - name: g\n    rules:\n    - alert: A\n      expr: >-\n        y or\n        (a:x_errors:ratio\n        > 6 * (1 - 0.5))\n"
        => ["12:11"],
    in_a_literal_block: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n  - name: g\n    rules:\n    - alert: A\n      expr: |\n        # > 0.1\n        a:x_errors:ratio  # here\n          >\n          1.5\n"
        => ["13:11"],
    in_double_quotes: "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{name: g, rules: [{alert: A, expr: \"a:x_errors:ratio{a=\\\"b\\\"}\\t> 1.5\"}]}]}\n"
        => ["4:82"],
}
