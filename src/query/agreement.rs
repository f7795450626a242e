//! Whether the tree that knows its places is the one that promql-parser reads: what the two make of a text must be
//! the same, or nothing is said about its parts.

use promql_parser::label;
use promql_parser::parser::{self, BinModifier, Expr, LabelModifier, VectorMatchCardinality};

use super::spanned::{Grouping, Kind, Label, MatchOp, Matcher, Matching, Node, Window};

/// True if `node` says what `expr` says.
pub(super) fn agree(node: &Node, expr: &Expr) -> bool {
    if let Expr::NumberLiteral(literal) = expr {
        return signed(node).is_some_and(|value| same_number(value, literal.val));
    }
    match (&node.kind, expr) {
        // promql-parser drops this sign.
        (Kind::Unary { minus: false, expr: inner }, _) => agree(inner, expr),
        (Kind::Unary { expr: inner, .. }, Expr::Unary(theirs)) => agree(inner, &theirs.expr),
        (Kind::String(value), Expr::StringLiteral(theirs)) => *value == theirs.val,
        (Kind::Paren(inner), Expr::Paren(theirs)) => agree(inner, &theirs.expr),
        (Kind::Selector { range: None, .. }, Expr::VectorSelector(theirs)) => {
            same_selector(node, theirs)
        }
        (Kind::Selector { range: Some(window), .. }, Expr::MatrixSelector(theirs)) => {
            same_selector(node, &theirs.vs) && lasts(window, theirs.range.as_millis())
        }
        (Kind::Call { name, args, .. }, Expr::Call(theirs)) => {
            let others = &theirs.args.args;
            *name == theirs.func.name
                && args.len() == others.len()
                && args.iter().zip(others).all(|(arg, other)| agree(arg, other))
        }
        (Kind::Aggregate { op, grouping, param, expr, .. }, Expr::Aggregate(theirs)) => {
            let same_param = match (param, &theirs.param) {
                (None, None) => true,
                (Some(param), Some(other)) => agree(param, other),
                _ => false,
            };
            same_param
                && is_op(op, theirs.op)
                && same_grouping(grouping.as_ref(), theirs.modifier.as_ref())
                && agree(expr, &theirs.expr)
        }
        (Kind::Binary { op, matching, bool_modifier, lhs, rhs, .. }, Expr::Binary(theirs)) => {
            is_op(op, theirs.op)
                && *bool_modifier == theirs.return_bool()
                && same_matching(matching.as_ref(), theirs.modifier.as_ref())
                && agree(lhs, &theirs.lhs)
                && agree(rhs, &theirs.rhs)
        }
        (Kind::Subquery { expr, range, step }, Expr::Subquery(theirs)) => {
            let their_step = theirs.step.map(|step| step.as_millis());
            lasts(range, theirs.range.as_millis())
                && step.map(u128::from) == their_step
                && agree(expr, &theirs.expr)
        }
        _ => false,
    }
}

/// The value of a number with its signs, which promql-parser makes one.
fn signed(node: &Node) -> Option<f64> {
    match &node.kind {
        Kind::Number(value) => Some(*value),
        Kind::Unary { minus, expr } => signed(expr).map(|it| if *minus { -it } else { it }),
        _ => None,
    }
}

/// Durations are summed up in another order there.
fn same_number(own: f64, theirs: f64) -> bool {
    let near = (own - theirs).abs() <= theirs.abs() * 1e-12;
    near || own.to_bits() == theirs.to_bits() || own.is_nan() && theirs.is_nan()
}

fn is_op(op: &str, theirs: parser::token::TokenType) -> bool {
    // Writing is the only way in which the type shows what it is.
    theirs.to_string() == op
}

fn lasts(window: &Window, millis: u128) -> bool {
    u128::from(window.millis) == millis
}

fn same_selector(node: &Node, theirs: &parser::VectorSelector) -> bool {
    let Some(own) = node.selector() else { return false };
    let others = &theirs.matchers;
    // promql-parser makes a matcher of a name in quotes.
    let is_name = |it: &&label::Matcher| own.metric.is_some_and(|(name, _)| *name == it.value);
    let quoted = if theirs.name.is_none() && own.metric.is_some() {
        others.matchers.iter().position(|it| it.name == label::METRIC_NAME && is_name(&it))
    } else {
        None
    };
    let named = theirs.name.as_ref() == own.metric.map(|(name, _)| name) || quoted.is_some();
    let rest = others.matchers.iter().enumerate().filter(|(at, _)| Some(*at) != quoted);
    let rest: Vec<_> = rest.map(|(_, matcher)| matcher).collect();
    named
        && others.or_matchers.is_empty()
        && own.matchers.len() == rest.len()
        && own.matchers.iter().zip(rest).all(|(own, other)| same_matcher(own, other))
}

fn same_matcher(own: &Matcher, theirs: &label::Matcher) -> bool {
    let op = match theirs.op {
        label::MatchOp::Equal => MatchOp::Equal,
        label::MatchOp::NotEqual => MatchOp::NotEqual,
        label::MatchOp::Re(_) => MatchOp::Regex,
        label::MatchOp::NotRe(_) => MatchOp::NotRegex,
    };
    own.op == op && own.label == theirs.name && own.value == theirs.value
}

fn same_labels(own: &[Label], theirs: &label::Labels) -> bool {
    own.len() == theirs.labels.len()
        && own.iter().zip(&theirs.labels).all(|((own, _), other)| own == other)
}

fn same_grouping(own: Option<&Grouping>, theirs: Option<&LabelModifier>) -> bool {
    match (own, theirs) {
        (None, None) => true,
        (Some(own), Some(theirs)) => {
            own.without != theirs.is_include() && same_labels(&own.labels, theirs.labels())
        }
        _ => false,
    }
}

fn same_matching(own: Option<&Matching>, theirs: Option<&BinModifier>) -> bool {
    let modifier = theirs.and_then(|it| it.matching.as_ref());
    let group = theirs.and_then(|it| match &it.card {
        VectorMatchCardinality::ManyToOne(labels) => Some((true, labels)),
        VectorMatchCardinality::OneToMany(labels) => Some((false, labels)),
        VectorMatchCardinality::OneToOne | VectorMatchCardinality::ManyToMany => None,
    });
    let own_group = own.and_then(|it| it.group.as_ref());
    let same_clause = match (own, modifier) {
        (None, None) => true,
        (Some(own), Some(it)) => own.on == it.is_include() && same_labels(&own.labels, it.labels()),
        _ => false,
    };
    let same_group = match (own_group, group) {
        (None, None) => true,
        (Some(own), Some((left, labels))) => own.left == left && same_labels(&own.labels, labels),
        _ => false,
    };
    same_clause && same_group
}
