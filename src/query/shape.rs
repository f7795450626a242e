//! What the shape of an expression tells about its result: one series or several, and how it follows the fleet.

use super::spanned::{Grouping, Kind, Node};
use super::{Growth, MatchOp, Reads, Selector};

/// True if `node` returns one series at most; `grouped_by_le` inside a quantile, which takes the label `le` away.
pub(super) fn single(node: &Node, grouped_by_le: bool) -> bool {
    let inner = |node: &Node| single(node, grouped_by_le);
    match &node.kind {
        Kind::Aggregate { op, grouping, .. } => one_group(op, grouping.as_ref(), grouped_by_le),
        // What is filtered has the labels of the left side.
        Kind::Binary { op, lhs, .. } if matches!(op.as_str(), "and" | "unless") => inner(lhs),
        Kind::Call { name, args, .. } => match name.as_str() {
            "absent" | "absent_over_time" | "scalar" | "vector" => true,
            "histogram_quantile" | "histogram_fraction" => args.iter().all(|arg| single(arg, true)),
            _ => args.iter().all(inner),
        },
        Kind::Selector { .. } => false,
        _ => node.children().all(inner),
    }
}

fn one_group(op: &str, grouping: Option<&Grouping>, grouped_by_le: bool) -> bool {
    let keeps_series = ["topk", "bottomk", "limitk", "limit_ratio", "count_values"];
    !keeps_series.contains(&op)
        && grouping.is_none_or(|it| {
            !it.without && it.labels.iter().all(|(label, _)| grouped_by_le && label == "le")
        })
}

pub(super) fn growth(node: &Node) -> Growth {
    match &node.kind {
        Kind::Paren(expr) | Kind::Unary { expr, .. } | Kind::Subquery { expr, .. } => growth(expr),
        Kind::Aggregate { op, .. } => match op.as_str() {
            "sum" | "count" => Growth::Total,
            "avg" | "max" | "min" | "quantile" | "stddev" | "stdvar" | "group" => Growth::Level,
            _ => Growth::Unknown,
        },
        Kind::Binary { op, lhs, rhs, .. } => of_two(op, lhs, rhs),
        Kind::Call { name, args, .. } => of_call(name, args),
        _ => Growth::Unknown,
    }
}

fn of_two(op: &str, lhs: &Node, rhs: &Node) -> Growth {
    let (left, right) = (growth(lhs), growth(rhs));
    match (is_constant(lhs), is_constant(rhs)) {
        (true, true) => Growth::Unknown,
        (false, true) => left,
        // 1 / total falls while the fleet's work grows.
        (true, false) if op == "/" => Growth::Unknown,
        (true, false) => right,
        (false, false) => match op {
            "/" => Growth::Level,
            "+" | "-" | "or" if left == right => left,
            "and" | "unless" | ">" | "<" | ">=" | "<=" | "==" | "!=" => left,
            _ => Growth::Unknown,
        },
    }
}

fn of_call(name: &str, args: &[Node]) -> Growth {
    match name {
        "histogram_quantile" | "histogram_fraction" | "histogram_avg" => Growth::Level,
        "absent" | "absent_over_time" => Growth::Unknown,
        _ => {
            let mut varying = args.iter().filter(|arg| !is_constant(arg));
            match (varying.next(), varying.next()) {
                (Some(arg), None) => growth(arg),
                _ => Growth::Unknown,
            }
        }
    }
}

/// True for what reads no series.
fn is_constant(node: &Node) -> bool {
    !matches!(node.kind, Kind::Selector { .. }) && node.children().all(is_constant)
}

pub(super) fn reads(selector: &Selector<'_>) -> Reads {
    let positive = |op| matches!(op, MatchOp::Equal | MatchOp::Regex);
    let matchers = selector.matchers.iter().filter(|it| positive(it.op));
    let labels: Vec<_> = matchers.map(|it| (it.label.clone(), it.value.clone())).collect();
    let by_label = || labels.iter().find(|(label, _)| label == "__name__").map(|(_, name)| name);
    let metric = selector.metric.map(|(name, _)| name).or_else(by_label);
    Reads { metric: metric.cloned().unwrap_or_default(), labels }
}
