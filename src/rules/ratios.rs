//! Ratios of what happened: how a quotient gets out of an expression, and whether its denominator may be 0.

use crate::cluster::Cluster;
use crate::query::{Kind, Node};
use crate::rules::expressions::{is_called_ratio, is_constant, is_recorded};

/// Records of records of records …, at the most, and so many of one name.
const MOST_RECORDS: usize = 8;

/// Numerator and denominator of a quotient.
#[derive(Clone, Copy)]
pub(crate) struct Quotient<'q> {
    /// The whole.
    pub(crate) node: &'q Node,
    /// What is divided.
    pub(crate) part: &'q Node,
    /// By what.
    pub(crate) whole: &'q Node,
    /// Something else is there where the quotient is absent.
    pub(crate) has_substitute: bool,
}

/// The quotient of series that decides the result of an expression, if what is not a number stays so on its way out:
/// comparisons and `and` may drop it.
pub(crate) fn quotient(node: &Node) -> Option<Quotient<'_>> {
    match &node.kind {
        Kind::Paren(expr) | Kind::Unary { expr, .. } | Kind::Aggregate { expr, .. } => {
            quotient(expr)
        }
        Kind::Call { name, args, .. } => {
            let keeps = ["clamp", "round", "abs", "ceil", "floor", "label_", "sort", "scalar"];
            let keeps = keeps.iter().any(|start| name.starts_with(start));
            quotient(args.first().filter(|_| keeps)?)
        }
        Kind::Binary { op, lhs, rhs, .. } => match op.as_str() {
            "or" => Some(Quotient { has_substitute: true, ..quotient(lhs)? }),
            "+" | "-" | "*" | "/" | "%" => match (is_constant(lhs), is_constant(rhs)) {
                (false, true) => quotient(lhs),
                (true, false) if op != "/" => quotient(rhs),
                (false, false) if op == "/" => {
                    Some(Quotient { node, part: lhs, whole: rhs, has_substitute: false })
                }
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// True if an expression counts what happened in a while, so that it is 0 when nothing does. What is recorded in
/// files that are not given counts nothing.
pub(crate) fn may_be_zero(cluster: &Cluster<'_>, node: &Node) -> bool {
    counts(cluster, node, 0)
}

fn counts(cluster: &Cluster<'_>, node: &Node, depth: usize) -> bool {
    let inner = |node| counts(cluster, node, depth);
    match &node.kind {
        Kind::Paren(expr) | Kind::Unary { expr, .. } | Kind::Subquery { expr, .. } => inner(expr),
        Kind::Aggregate { op, expr, .. } => {
            matches!(op.as_str(), "sum" | "avg" | "min" | "max" | "topk" | "bottomk") && inner(expr)
        }
        Kind::Call { name, args, .. } => match name.as_str() {
            "rate" | "irate" | "increase" => true,
            "clamp_min" | "clamp" => {
                let least = args.get(1).and_then(Node::fold);
                least.is_some_and(|least| least <= 0.0) && args.first().is_some_and(inner)
            }
            "sum_over_time" | "avg_over_time" | "max_over_time" | "min_over_time"
            | "last_over_time" | "label_replace" | "label_join" | "round" | "clamp_max"
            | "scalar" => args.first().is_some_and(inner),
            _ => false,
        },
        Kind::Binary { op, lhs, rhs, .. } => match op.as_str() {
            "+" => inner(lhs) && inner(rhs),
            "-" | "or" => inner(lhs),
            "*" => inner(lhs) || inner(rhs),
            "/" => is_constant(rhs) && inner(lhs),
            _ => false,
        },
        Kind::Selector { .. } => {
            let Some((name, _)) = node.selector().and_then(|it| it.metric) else { return false };
            of_records(cluster, name, |tree| {
                depth < MOST_RECORDS && counts(cluster, tree, depth + 1)
            })
        }
        Kind::Number(_) | Kind::String(_) | Kind::Opaque => false,
    }
}

/// True if the first few of the records called `name` all are so; false if there are none.
fn of_records(cluster: &Cluster<'_>, name: &str, is_so: impl Fn(&Node) -> bool) -> bool {
    let records = is_recorded(name).then(|| cluster.records(name)).flatten();
    let mut records = records.into_iter().flatten().take(MOST_RECORDS).peekable();
    records.peek().is_some()
        && records.all(|record| record.query().is_some_and(|query| is_so(query.tree())))
}

/// True for the name of a record that holds a share of what happened, such as that of failed requests: by its name,
/// or by the rules that record it.
pub(crate) fn is_recorded_share(cluster: &Cluster<'_>, name: &str) -> bool {
    let of_requests = ["ratio_rate", "error", "fail", "slo", "sli", "success", "avail"];
    let by_name = is_called_ratio(name) && of_requests.iter().any(|word| name.contains(word));
    by_name
        || of_records(cluster, name, |tree| {
            quotient(tree).is_some_and(|it| of_traffic(cluster, it.whole))
        })
}

/// True if a denominator counts what happened, guarded against 0 or not.
fn of_traffic(cluster: &Cluster<'_>, whole: &Node) -> bool {
    match &whole.peel().kind {
        Kind::Binary { op, lhs, .. } if matches!(op.as_str(), ">" | "!=" | "and") => {
            of_traffic(cluster, lhs)
        }
        Kind::Call { name, args, .. } if name == "clamp_min" => {
            args.first().is_some_and(|arg| of_traffic(cluster, arg))
        }
        _ => may_be_zero(cluster, whole),
    }
}
