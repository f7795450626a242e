//! The tree of an expression, in which everything knows where it was written. Byte ranges count from the start of
//! the expression's text.

use std::f64;
use std::ops::Range;

use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

/// A part of an expression that has a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// From its first to its last token; `offset` and `@` belong to what they modify.
    pub span: Range<usize>,
    /// What it is.
    pub kind: Kind,
}

/// A label with the place where it was written.
pub type Label = (String, Range<usize>);

/// What a node is. Operators and the names of aggregations are in lower case, however they were written.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A number, without sign; of a duration its seconds.
    Number(f64),
    /// A string.
    String(String),
    /// Series, with a range or without.
    Selector {
        /// The name before the braces, or the quoted one inside.
        metric: Option<(String, Range<usize>)>,
        /// What stands in braces.
        matchers: Vec<Matcher>,
        /// Makes it a range vector.
        range: Option<Window>,
    },
    /// A call of a function.
    Call {
        /// Name of the function.
        name: String,
        /// Where that was written.
        name_span: Range<usize>,
        /// What stands in parentheses.
        args: Vec<Node>,
    },
    /// An aggregation over series.
    Aggregate {
        /// Its operator, such as `sum`.
        op: String,
        /// Where that was written.
        op_span: Range<usize>,
        /// `by` or `without`; nothing where every label goes.
        grouping: Option<Grouping>,
        /// The first argument of the likes of `topk`.
        param: Option<Box<Node>>,
        /// What is aggregated.
        expr: Box<Node>,
    },
    /// Two operands and an operator.
    Binary {
        /// The operator.
        op: String,
        /// Where that was written.
        op_span: Range<usize>,
        /// `on` or `ignoring`.
        matching: Option<Matching>,
        /// `bool` behind a comparison.
        bool_modifier: bool,
        /// The left operand.
        lhs: Box<Node>,
        /// The right operand.
        rhs: Box<Node>,
    },
    /// A sign.
    Unary {
        /// `-`, else `+`.
        minus: bool,
        /// What it stands before.
        expr: Box<Node>,
    },
    /// Parentheses.
    Paren(Box<Node>),
    /// A range over an expression.
    Subquery {
        /// What is evaluated again and again.
        expr: Box<Node>,
        /// How far back.
        range: Window,
        /// How often, in milliseconds.
        step: Option<u64>,
    },
    /// Valid, but not understood: nothing may be concluded from it.
    Opaque,
}

/// A range in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// How far it reaches back.
    pub millis: u64,
    /// With its brackets: `[5m]`, `[5m:30s]`.
    pub span: Range<usize>,
}

/// A condition on a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matcher {
    /// The label.
    pub label: String,
    /// How it is compared.
    pub op: MatchOp,
    /// With what, without quotes.
    pub value: String,
    /// The whole: `le="0.35"`.
    pub span: Range<usize>,
    /// The value with its quotes.
    pub value_span: Range<usize>,
}

/// How a label is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
}

/// Which labels an aggregation keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouping {
    /// `without`, else `by`.
    pub without: bool,
    /// The labels in parentheses.
    pub labels: Vec<Label>,
    /// The whole clause: `by (pod)`.
    pub span: Range<usize>,
}

/// By which labels an operator finds pairs of series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matching {
    /// `on`, else `ignoring`.
    pub on: bool,
    /// The labels in parentheses.
    pub labels: Vec<Label>,
    /// The clause without `group_left` or `group_right`: `on (pod)`.
    pub span: Range<usize>,
    /// Which side may have several series for one of the other.
    pub group: Option<Group>,
}

/// `group_left` or `group_right`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `group_left`, else `group_right`.
    pub left: bool,
    /// The labels taken over.
    pub labels: Vec<Label>,
    /// The whole clause.
    pub span: Range<usize>,
}

/// A selector, taken apart.
#[derive(Clone, Copy, Debug)]
pub struct Selector<'a> {
    /// The node.
    pub node: &'a Node,
    /// The name before the braces, or the quoted one inside.
    pub metric: Option<&'a Label>,
    /// What stands in braces.
    pub matchers: &'a [Matcher],
    /// Makes it a range vector.
    pub range: Option<&'a Window>,
}

impl Selector<'_> {
    /// The metric's name, also from `{__name__="…"}`, with its place.
    pub fn name(&self) -> Option<(&str, Range<usize>)> {
        let named = |it: &&Matcher| it.label == "__name__" && it.op == MatchOp::Equal;
        let by_label = || self.matchers.iter().find(named);
        let written = self.metric.map(|(name, span)| (name.as_str(), span.clone()));
        written.or_else(|| by_label().map(|it| (it.value.as_str(), it.value_span.clone())))
    }
}

impl Node {
    /// The nodes right below, in the order written.
    pub fn children(&self) -> impl Iterator<Item = &Self> {
        let (one, other, many): (Option<&Self>, Option<&Self>, &[Self]) = match &self.kind {
            Kind::Call { args, .. } => (None, None, args),
            Kind::Aggregate { param, expr, .. } => (param.as_deref(), Some(expr), &[]),
            Kind::Binary { lhs, rhs, .. } => (Some(lhs), Some(rhs), &[]),
            Kind::Unary { expr, .. } | Kind::Paren(expr) | Kind::Subquery { expr, .. } => {
                (Some(expr), None, &[])
            }
            Kind::Number(_) | Kind::String(_) | Kind::Selector { .. } | Kind::Opaque => {
                (None, None, &[])
            }
        };
        one.into_iter().chain(other).chain(many)
    }

    /// Visits every node from the root down, in the order written, with the nodes above it, the root first.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Self, &[&'a Self])) {
        self.walk_below(&mut Vec::new(), visit);
    }

    fn walk_below<'a>(
        &'a self,
        above: &mut Vec<&'a Self>,
        visit: &mut impl FnMut(&'a Self, &[&'a Self]),
    ) {
        visit(self, above);
        above.push(self);
        self.children().for_each(|child| child.walk_below(above, visit));
        above.pop();
    }

    /// What stands in the parentheses, if there are any around the whole.
    pub fn peel(&self) -> &Self {
        let mut node = self;
        while let Kind::Paren(inner) = &node.kind {
            node = inner;
        }
        node
    }

    /// Every selector, in the order written.
    pub fn selectors(&self) -> Vec<Selector<'_>> {
        let mut found = Vec::new();
        self.walk(&mut |node, _| found.extend(node.selector()));
        found
    }

    /// This node as a selector.
    pub fn selector(&self) -> Option<Selector<'_>> {
        let Kind::Selector { metric, matchers, range } = &self.kind else { return None };
        let (metric, range) = (metric.as_ref(), range.as_ref());
        Some(Selector { node: self, metric, matchers, range })
    }

    /// True for `==`, `!=`, `<`, `<=`, `>`, `>=`.
    pub fn is_comparison(&self) -> bool {
        matches!(&self.kind, Kind::Binary { op, .. }
            if matches!(op.as_str(), "==" | "!=" | "<" | "<=" | ">" | ">="))
    }

    /// The value of an expression of numbers, in decimals where these suffice: 14.4 * (1 - 0.9) is 1.44.
    pub fn fold(&self) -> Option<f64> {
        match &self.kind {
            Kind::Number(value) => Some(*value),
            Kind::Paren(inner) => inner.fold(),
            Kind::Unary { minus, expr } => expr.fold().map(|it| if *minus { -it } else { it }),
            Kind::Binary { op, lhs, rhs, .. } => calculate(op, lhs.fold()?, rhs.fold()?),
            _ => None,
        }
    }
}

fn calculate(op: &str, left: f64, right: f64) -> Option<f64> {
    type Exactly = fn(Decimal, Decimal) -> Option<Decimal>;
    let (exactly, roughly): (Exactly, f64) = match op {
        "+" => (Decimal::checked_add, left + right),
        "-" => (Decimal::checked_sub, left - right),
        "*" => (Decimal::checked_mul, left * right),
        "/" => (Decimal::checked_div, left / right),
        "%" => (Decimal::checked_rem, left % right),
        "^" => return Some(left.powf(right)),
        "atan2" => return Some(left.atan2(right)),
        _ => return None,
    };
    let decimals = Decimal::from_f64(left).zip(Decimal::from_f64(right));
    let exact = decimals.and_then(|(left, right)| exactly(left, right)?.to_string().parse().ok());
    // Decimals end where floats go on; there both differ by more than rounding.
    let near = |exact: &f64| (exact - roughly).abs() <= 1e-9 * left.abs().max(right.abs());
    Some(exact.filter(near).unwrap_or(roughly))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Query;

    fn tree(text: &str) -> Node {
        let query = Query::parse(text).unwrap_or_else(|reason| panic!("{text}: {reason:?}"));
        query.tree().clone()
    }

    #[test]
    fn numbers_are_folded() {
        for (text, wanted) in [
            ("14.4 * (1 - 0.9)", Some(1.44)),
            ("-(3 + 4) * 2", Some(-14.0)),
            ("2 ^ 3 ^ 2", Some(512.0)),
            ("-2 ^ 2", Some(-4.0)),
            ("1 - 0.7 - 0.2 - 0.1", Some(0.0)),
            ("7 % 4", Some(3.0)),
            ("1 / 0", Some(f64::INFINITY)),
            ("1e300 * 10", Some(1e301)),
            ("5m / 60", Some(5.0)),
            ("0 atan2 1", Some(0.0)),
            ("1 > bool 0", None),
            ("1 + x", None),
        ] {
            assert_eq!(tree(text).fold(), wanted, "{text}");
        }
    }

    #[test]
    fn helpers_see_through_the_tree() {
        let node = tree("((sum(rate(a{le=\"1\"}[5m])) / sum({__name__=\"b\"}))) > {\"c.d\"}");
        assert!(node.is_comparison() && !node.peel().children().any(Node::is_comparison));
        let names: Vec<_> =
            node.selectors().iter().map(|it| it.name().unwrap().0.to_owned()).collect();
        assert_eq!(names, ["a", "b", "c.d"]);
        let mut above_a = None;
        node.walk(&mut |it, above| {
            if it.selector().is_some_and(|it| it.range.is_some()) {
                above_a = Some(above.len());
            }
        });
        assert_eq!(above_a, Some(6));
        assert!(matches!(tree("((x))").peel().kind, Kind::Selector { .. }));
    }
}
