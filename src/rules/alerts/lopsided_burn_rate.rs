use std::ops::Range;

use crate::query::{Kind as Part, Node};
use crate::rules::expressions;
use crate::rules::prelude::*;
use crate::rules::windows;

declare_rule! {
    /// A burn-rate alert has no fitting pair of a short and a long window.
    ///
    /// ## Why
    /// A long window by itself keeps the page open for as long as it is after the errors have ended; a short one by
    /// itself pages for a blip. The pair of both, joined by `and` and compared with one threshold, pages on what spends
    /// the budget and stops soon after it stops: the short window is 1/12 of the long one
    /// (sre.google/workbook/alerting-on-slos/). With a `for` that is longer than the short window the alert waits for
    /// what that window has forgotten.
    ///
    /// ```yaml,bad
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ShopErrorBudgetBurn
    ///       expr: job:http_errors:ratio_rate1h > (14.4 * 0.001)
    /// ```
    /// ```yaml,good
    /// apiVersion: monitoring.coreos.com/v1
    /// kind: PrometheusRule
    /// metadata: { name: shop }
    /// spec:
    ///   groups:
    ///   - name: shop
    ///     rules:
    ///     - alert: ShopErrorBudgetBurn
    ///       expr: |
    ///         (job:http_errors:ratio_rate1h > (14.4 * 0.001) and job:http_errors:ratio_rate5m > (14.4 * 0.001))
    ///         or
    ///         (job:http_errors:ratio_rate6h > (6 * 0.001) and job:http_errors:ratio_rate30m > (6 * 0.001))
    ///       for: 2m
    /// ```
    "alerts/lopsided-burn-rate" pub struct LopsidedBurnRate {}
    severity: Warning, fix: FixKind::None, preset: Preset::Recommended, since: "0.1.0",
    basis: Object,
    admission: Admission::Never("reads PromQL, which CEL cannot"),
}

impl Rule for LopsidedBurnRate {
    fn check(&self, cx: &mut Ctx<'_>) {
        for carrier in cx.cluster.carriers() {
            let Role::Alert { name, rule } = carrier.role else { continue };
            let Some(query) = carrier.query() else { continue };
            let tiers = tiers(query.tree());
            let burns = name.to_ascii_lowercase().contains("burn")
                || tiers.iter().flat_map(|tier| &tier.conditions).any(Condition::burns);
            if !burns {
                continue;
            }
            for tier in &tiers {
                of_tier(cx, carrier, tier);
            }
            of_wait(cx, carrier, rule, &tiers);
        }
    }
}

/// What has to hold together for an alert to fire.
struct Tier<'q> {
    conditions: Vec<Condition<'q>>,
    /// Something else has to hold that may be such a condition too.
    unclear: bool,
}

/// A ratio over a window, compared with a threshold.
struct Condition<'q> {
    window: Duration,
    threshold: &'q Node,
    span: Range<usize>,
    /// The name of what is compared says that it is a burn rate.
    named: bool,
}

impl Condition<'_> {
    /// True for `ratio > factor * budget`.
    fn burns(&self) -> bool {
        let Part::Binary { op, lhs, rhs, .. } = &self.threshold.peel().kind else {
            return self.named;
        };
        let is_factor = |node: &Node| node.fold().is_some_and(|it| it >= 1.0);
        let is_budget = |node: &Node| node.fold().is_none_or(|it| it < 1.0);
        self.named
            || (op == "*" && (is_factor(lhs) && is_budget(rhs) || is_factor(rhs) && is_budget(lhs)))
    }
}

/// The alternatives of an alert, each with its conditions.
fn tiers(node: &Node) -> Vec<Tier<'_>> {
    match &node.peel().kind {
        Part::Binary { op, lhs, rhs, .. } if op == "or" => {
            let mut all = tiers(lhs);
            all.extend(tiers(rhs));
            all
        }
        _ => {
            let mut tier = Tier { conditions: Vec::new(), unclear: false };
            conditions(node, &mut tier);
            vec![tier]
        }
    }
}

fn conditions<'q>(node: &'q Node, tier: &mut Tier<'q>) {
    match &node.peel().kind {
        Part::Binary { op, lhs, rhs, .. } if op == "and" => {
            conditions(lhs, tier);
            conditions(rhs, tier);
        }
        Part::Binary { op, lhs, .. } if op == "unless" => conditions(lhs, tier),
        // `max without (window) (ratio > threshold)`
        Part::Aggregate { expr, .. } => conditions(expr, tier),
        Part::Binary { op, lhs, rhs, .. } => {
            let (ratio, threshold) = match op.as_str() {
                ">" | ">=" => (lhs, rhs),
                "<" | "<=" => (rhs, lhs),
                _ => return,
            };
            match (windows::only(ratio), is_ratio(ratio)) {
                (Some(window), Some(named)) => {
                    let span = node.span.clone();
                    tier.conditions.push(Condition { window, threshold, span, named });
                }
                (None, Some(_)) => tier.unclear = true,
                _ => {}
            }
        }
        Part::Opaque => tier.unclear = true,
        _ => {}
    }
}

/// Whether a ratio is called a burn rate; `None` for what is no share of what happened.
fn is_ratio(node: &Node) -> Option<bool> {
    let (mut divides, mut is_share, mut burns, mut averages) = (false, false, false, false);
    node.walk(&mut |node, _| match &node.kind {
        Part::Binary { op, lhs, rhs, .. } if op == "/" => {
            divides |= !expressions::is_constant(lhs) && !expressions::is_constant(rhs);
        }
        Part::Selector { .. } => {
            let selector = node.selector();
            let name = selector.as_ref().and_then(crate::query::Selector::name);
            let name = name.map_or("", |(name, _)| name);
            let is_burn = name.contains("burnrate") || name.contains("burn_rate");
            burns |= is_burn;
            is_share |= is_burn || expressions::is_called_ratio(name);
            averages |= name.ends_with("_sum");
        }
        _ => {}
    });
    (is_share || divides && !averages).then_some(burns)
}

fn of_tier<'a>(cx: &mut Ctx<'a>, carrier: &Carrier<'a>, tier: &Tier<'_>) {
    let title = expressions::title(carrier);
    let (one, other) = match tier.conditions.as_slice() {
        [only] if !tier.unclear => {
            let short = only.window.ceil_millis() / 12;
            cx.report(
                &carrier.object,
                carrier.spot(only.span.clone()),
                format!("{title} has one window, {}, without a second", only.window.clock()),
            )
            .here("stands alone")
            .help(format!(
                "join it by `and` with the same comparison over {} or over {}",
                Duration::from_millis(short).clock(),
                only.window.times(12).clock()
            ));
            return;
        }
        [one, other] => (one, other),
        _ => return,
    };
    let (short, long) = if one.window <= other.window { (one, other) } else { (other, one) };
    let (short_text, long_text) = (short.window.clock(), long.window.clock());
    if !is_twelfth(short.window, long.window) {
        let ratio = long.window.per(short.window).unwrap_or_default().round_dp(1).normalize();
        let message = format!(
            "{title} pairs {short_text} with {long_text}, which is {ratio} times as long, not 12"
        );
        let ideal = Duration::from_millis(long.window.ceil_millis() / 12).clock();
        cx.report(&carrier.object, carrier.spot(short.span.clone()), message)
            .here(format!("the short window is {short_text}"))
            .label(carrier.spot(long.span.clone()), format!("the long window is {long_text}"))
            .help(format!("look back {ideal} for the short window"));
    }
    let thresholds = (one.threshold.fold(), other.threshold.fold());
    if let (Some(left), Some(right)) = thresholds
        && (left - right).abs() > 1e-9 * left.abs().max(right.abs())
    {
        let message = format!(
            "{title} compares its two windows with {left} and {right}, not with one number"
        );
        cx.report(&carrier.object, carrier.spot(other.threshold.span.clone()), message)
            .here(format!("is {right}"))
            .label(carrier.spot(one.threshold.span.clone()), format!("is {left}"))
            .help("compare both windows with the same factor × budget");
    }
}

/// True if the short window is 1/12 of the long one, by a fifth more or less.
fn is_twelfth(short: Duration, long: Duration) -> bool {
    let (short, long) = (short.times(12 * 10), long.times(10));
    let fifth = Duration::from_millis(long.ceil_millis() / 5);
    short <= long.plus(fifth) && short.plus(fifth) >= long
}

/// An alert must not wait longer than its shortest window remembers.
fn of_wait<'a>(cx: &mut Ctx<'a>, carrier: &Carrier<'a>, rule: Place<'a>, tiers: &[Tier<'_>]) {
    let pairs = tiers.iter().filter(|tier| tier.conditions.len() > 1);
    let windows = pairs.flat_map(|tier| tier.conditions.iter());
    let Some(short) = windows.min_by_key(|it| it.window) else { return };
    let Some(wait) = rule.get("for") else { return };
    let Some(length) = wait.text().and_then(|text| Duration::parse(text).ok()) else { return };
    if length > short.window {
        let message = format!(
            "{} waits {} and looks back {} only",
            expressions::title(carrier),
            length.clock(),
            short.window.clock()
        );
        cx.report(&carrier.object, wait, message)
            .here("longer than the short window")
            .label(carrier.spot(short.span.clone()), format!("looks back {}", short.window.clock()))
            .help(format!("write `for` of {} at the most", short.window.clock()));
    }
}

cases! {
    one_window: "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'job:x:burnrate1h > 0.0144'}\n  - {alert: ABurn, expr: 'sum(rate(e_total[1h])) / sum(rate(x_total[1h])) > 0.0144'}\n  - {alert: B, expr: '(sum(rate(e_total[1h])) / sum(rate(x_total[1h]))) > 14.4 * (1 - 0.999)'}\n  - {alert: C, expr: '(14.4 * 0.01) < max without (w) (a:b:ratio{window=\"1h\"})'}\n"
        => ["4:23", "5:27", "6:23", "7:23"],
    no_burn_rates: "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'job:x:ratio_rate1h > 0.01'}\n  - {alert: B, expr: 'sum(rate(e_total[5m])) / sum(rate(x_total[5m])) > 0.05'}\n  - {alert: C, expr: 'slo:current_burn_rate:ratio > 1'}\n  - {alert: D, expr: 'rate(x_total[5m]) > 2 * 0.5'}\n  - {alert: Burning, expr: 'fan_speed > 5'}\n"
        => [],
    pairs: "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'x:burnrate5m > 0.1 and x:burnrate1h > 0.1'}\n  - {alert: B, expr: 'x:burnrate1h > 0.1 and x:burnrate5m > 0.1'}\n  - {alert: C, expr: 'x:burnrate6h > 0.1 and x:burnrate3d > 0.1'}\n  - {alert: D, expr: 'x:burnrate1h > 0.1 and x:burnrate1h > 0.1'}\n  - {alert: E, expr: 'x:burnrate5m > 0.1 and x:burnrate6h > 0.1'}\n  - {alert: F, expr: 'x:burnrate6m > 0.1 and x:burnrate1h > 0.1'}\n  - {alert: G, expr: 'x:burnrate4m > 0.1 and x:burnrate1h > 0.1'}\n  - {alert: H, expr: 'x:burnrate7m > 0.1 and x:burnrate1h > 0.1'}\n"
        => ["7:23", "8:23", "11:23"],
    thresholds: "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'x:burnrate5m > (14.4 * 0.001) and x:burnrate1h > (6 * 0.001)'}\n  - {alert: B, expr: 'x:burnrate5m > (14.4 * 0.001) and x:burnrate1h > 0.0144'}\n"
        => ["4:72"],
    waits: "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'x:burnrate5m > 0.1 and x:burnrate1h > 0.1', for: 10m}\n  - {alert: B, expr: 'x:burnrate5m > 0.1 and x:burnrate1h > 0.1', for: 5m}\n  - {alert: C, expr: '(x:burnrate5m > 0.1 and x:burnrate1h > 0.1) or (x:burnrate30m > 0.1 and x:burnrate6h > 0.1)', for: 15m}\n"
        => ["4:72", "6:122"],
    gates: "groups:\n- name: g\n  rules:\n  - {alert: Burn, expr: '(a:b:ratio_rate6h > 0.075) and (a:b:ratio_rate3d > 0.075) and on () (count_over_time(a:b:rate5m[3d]) > 2160)'}\n  - {alert: Burn2, expr: 'a:b:ratio_rate6h > 0.075 and a:c:ratio > 0.075'}\n"
        => [],
    sloth: "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: |\n      (\n          max(slo:sli_error:ratio_rate5m{sloth_id=\"a\"} > (14.4 * 0.001)) without (sloth_window)\n          and\n          max(slo:sli_error:ratio_rate1h{sloth_id=\"a\"} > (14.4 * 0.001)) without (sloth_window)\n      )\n      or\n      (\n          max(slo:sli_error:ratio_rate30m{sloth_id=\"a\"} > (6 * 0.001)) without (sloth_window)\n          and\n          max(slo:sli_error:ratio_rate6h{sloth_id=\"a\"} > (6 * 0.001)) without (sloth_window)\n      )\n"
        => [],
    kubernetes_mixin: "groups:\n- name: g\n  rules:\n  - alert: KubeAPIErrorBudgetBurn\n    expr: |\n      sum by (cluster) (apiserver_request:burnrate1d) > (3.00 * 0.01000)\n      and on (cluster)\n      sum by (cluster) (apiserver_request:burnrate2h) > (3.00 * 0.01000)\n    for: 1h\n"
        => [],
    in_a_literal_block: "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: |\n      # one\n      y\n      or\n      a:b:ratio_rate1h >\n        (14.4 * 0.001)\n"
        => ["9:7"],
}
