//! What a PromQL expression that a user wrote will return: one series or several, a number that grows with the
//! fleet or not, and which series it reads. Text in, facts out; what slogen itself emits is built in `promql`.

use promql_parser::label::MatchOp;
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{self, AggregateExpr, BinaryExpr, Call, Expr, LabelModifier};

/// A parsed expression.
#[derive(Debug)]
pub struct Query(Expr);

/// Why there is nothing to say about an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is no PromQL.
    Wrong(String),
    /// It uses a function that this parser does not know and another server may, or is too long to take apart.
    Foreign,
}

/// How the result changes when the same load meets more pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// A total over the fleet: more pods share it.
    Total,
    /// A quantile, mean, maximum or ratio: it says how one pod fares.
    Level,
    /// The expression does not tell.
    Unknown,
}

/// A selector: which series an expression reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reads {
    /// Name of the metric; empty where the selector has none.
    pub metric: String,
    /// Labels with the values that they must have or the regular expressions that they must match.
    pub labels: Vec<(String, String)>,
}

/// Stand-ins.
pub fn stand_ins(text: &str) -> std::borrow::Cow<'_, str> {
    std::borrow::Cow::Borrowed(text)
}

/// Templated.
pub fn is_templated(text: &str) -> bool {
    text.contains("{{")
}

/// Longer or deeper expressions are not taken apart: the parser's tree is walked by recursion.
const MOST_CHARACTERS: usize = 8000;
const MOST_NESTING: usize = 500;

impl Query {
    /// Parses an expression.
    pub fn parse(text: &str) -> Result<Self, Unread> {
        if text.chars().count() > MOST_CHARACTERS || nesting(text) > MOST_NESTING {
            return Err(Unread::Foreign);
        }
        match parser::parse(text) {
            Ok(expr) => Ok(Self(expr)),
            Err(reason) if reason.contains("unknown function") => Err(Unread::Foreign),
            Err(reason) => Err(Unread::Wrong(reason)),
        }
    }

    /// True if the result is an instant vector: KEDA cannot read scalars and ranges (`prometheus_scaler.go`).
    pub fn is_vector(&self) -> bool {
        self.0.value_type() == ValueType::Vector
    }

    /// True if the expression cannot return more than one series.
    pub fn is_single(&self) -> bool {
        single(&self.0, false)
    }

    /// How the result changes with the size of the fleet: by the outermost function (autoscaling.md 3.2).
    pub fn growth(&self) -> Growth {
        growth(&self.0)
    }

    /// Every selector, in the order written.
    pub fn reads(&self) -> Vec<Reads> {
        let mut found = Vec::new();
        collect(&self.0, &mut found);
        found
    }
}

/// An upper bound of the depth of the tree that `text` parses to: brackets, signs, and operators that nest to
/// the left or to the right.
fn nesting(text: &str) -> usize {
    let operator = |c: char| "([{+-*/%^=<>!".contains(c);
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.filter(|word| {
        ["and", "or", "unless", "atan2"].iter().any(|known| word.eq_ignore_ascii_case(known))
    });
    text.matches(operator).count() + words.count()
}

/// `grouped_by_le` inside a quantile, which takes the label `le` away.
fn single(expr: &Expr, grouped_by_le: bool) -> bool {
    let inner = |expr: &Expr| single(expr, grouped_by_le);
    match expr {
        Expr::Paren(paren) => inner(&paren.expr),
        Expr::Unary(unary) => inner(&unary.expr),
        Expr::Subquery(subquery) => inner(&subquery.expr),
        Expr::Aggregate(aggregate) => one_group(aggregate, grouped_by_le),
        // What is filtered has the labels of the left side.
        Expr::Binary(binary) if filters(binary) => inner(&binary.lhs),
        Expr::Binary(binary) => inner(&binary.lhs) && inner(&binary.rhs),
        Expr::Call(call) => match call.func.name {
            "absent" | "absent_over_time" | "scalar" | "vector" => true,
            "histogram_quantile" | "histogram_fraction" => {
                call.args.args.iter().all(|arg| single(arg, true))
            }
            _ => call.args.args.iter().all(|arg| inner(arg)),
        },
        Expr::VectorSelector(_) | Expr::MatrixSelector(_) => false,
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => true,
    }
}

fn one_group(aggregate: &AggregateExpr, grouped_by_le: bool) -> bool {
    let op = aggregate.op.to_string();
    let keeps_series = ["topk", "bottomk", "limitk", "limit_ratio", "count_values"];
    !keeps_series.contains(&op.as_str())
        && match &aggregate.modifier {
            None => true,
            Some(LabelModifier::Include(labels)) => {
                labels.labels.iter().all(|label| grouped_by_le && label == "le")
            }
            Some(LabelModifier::Exclude(_)) => false,
        }
}

/// True for `and` and `unless`, whose right side adds nothing.
fn filters(binary: &BinaryExpr) -> bool {
    matches!(binary.op.to_string().as_str(), "and" | "unless")
}

fn growth(expr: &Expr) -> Growth {
    match expr {
        Expr::Paren(paren) => growth(&paren.expr),
        Expr::Unary(unary) => growth(&unary.expr),
        Expr::Subquery(subquery) => growth(&subquery.expr),
        Expr::Aggregate(aggregate) => match aggregate.op.to_string().as_str() {
            "sum" | "count" => Growth::Total,
            "avg" | "max" | "min" | "quantile" | "stddev" | "stdvar" | "group" => Growth::Level,
            _ => Growth::Unknown,
        },
        Expr::Binary(binary) => of_two(binary),
        Expr::Call(call) => of_call(call),
        _ => Growth::Unknown,
    }
}

fn of_two(binary: &BinaryExpr) -> Growth {
    let (left, right) = (growth(&binary.lhs), growth(&binary.rhs));
    match (is_constant(&binary.lhs), is_constant(&binary.rhs)) {
        (true, true) => Growth::Unknown,
        (false, true) => left,
        // 1 / total falls while the fleet's work grows.
        (true, false) if binary.op.to_string() == "/" => Growth::Unknown,
        (true, false) => right,
        (false, false) => match binary.op.to_string().as_str() {
            "/" => Growth::Level,
            "+" | "-" | "or" if left == right => left,
            "and" | "unless" | ">" | "<" | ">=" | "<=" | "==" | "!=" => left,
            _ => Growth::Unknown,
        },
    }
}

fn of_call(call: &Call) -> Growth {
    match call.func.name {
        "histogram_quantile" | "histogram_fraction" | "histogram_avg" => Growth::Level,
        "absent" | "absent_over_time" => Growth::Unknown,
        _ => {
            let mut varying = call.args.args.iter().filter(|arg| !is_constant(arg));
            match (varying.next(), varying.next()) {
                (Some(arg), None) => growth(arg),
                _ => Growth::Unknown,
            }
        }
    }
}

/// True for what reads no series.
fn is_constant(expr: &Expr) -> bool {
    let mut found = Vec::new();
    collect(expr, &mut found);
    found.is_empty()
}

fn collect(expr: &Expr, found: &mut Vec<Reads>) {
    match expr {
        Expr::Paren(paren) => collect(&paren.expr, found),
        Expr::Unary(unary) => collect(&unary.expr, found),
        Expr::Subquery(subquery) => collect(&subquery.expr, found),
        Expr::Aggregate(aggregate) => {
            aggregate.param.iter().for_each(|param| collect(param, found));
            collect(&aggregate.expr, found);
        }
        Expr::Binary(binary) => {
            collect(&binary.lhs, found);
            collect(&binary.rhs, found);
        }
        Expr::Call(call) => call.args.args.iter().for_each(|arg| collect(arg, found)),
        Expr::VectorSelector(selector) => found.push(reads(selector)),
        Expr::MatrixSelector(matrix) => found.push(reads(&matrix.vs)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

fn reads(selector: &parser::VectorSelector) -> Reads {
    let positive = selector
        .matchers
        .matchers
        .iter()
        .filter(|matcher| matches!(matcher.op, MatchOp::Equal | MatchOp::Re(_)));
    let labels: Vec<_> =
        positive.map(|matcher| (matcher.name.clone(), matcher.value.clone())).collect();
    let by_label = || labels.iter().find(|(label, _)| label == "__name__");
    let metric = selector.name.clone().or_else(|| by_label().map(|(_, name)| name.clone()));
    Reads { metric: metric.unwrap_or_default(), labels }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn query(text: &str) -> Query {
        Query::parse(text).unwrap_or_else(|reason| panic!("{text}: {reason:?}"))
    }

    #[test]
    fn single_series() {
        for text in [
            "sum(x)",
            "(sum(rate(x[5m])) or vector(0)) * 2",
            "ceil(max(x))",
            "sum by () (x)",
            "sum(x) / count(y)",
            "sum(x) and on () up == 1",
            "histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m])))",
            "histogram_quantile(0.9, sum(rate(x[5m])))",
            "max_over_time(sum(x)[10m:1m])",
            "absent(up)",
            "vector(scalar(x))",
            "label_replace(sum(x), \"a\", \"b\", \"c\", \"d\")",
        ] {
            assert!(query(text).is_single(), "{text}");
        }
        for text in [
            "x",
            "rate(x[5m])",
            "sum by (pod) (x)",
            "sum without (pod) (x)",
            "sum by (le) (x)",
            "sum(x) + y",
            "topk(1, x)",
            "histogram_quantile(0.9, sum by (le, pod) (rate(x_bucket[5m])))",
            "histogram_quantile(0.9, rate(x_bucket[5m]))",
            "x > 0",
        ] {
            assert!(!query(text).is_single(), "{text}");
        }
    }

    #[test]
    fn growth_is_told_by_the_outermost_function() {
        use Growth::{Level, Total, Unknown};
        for (text, wanted) in [
            ("sum(x)", Total),
            ("count(x) or vector(0)", Total),
            ("ceil(sum(x) / 60)", Total),
            ("2 * sum(x) - 1", Total),
            ("sum(x) + sum(y)", Total),
            ("max_over_time(sum(x)[10m:1m])", Total),
            ("sum(x) > 3", Total),
            ("avg(x)", Level),
            ("max(x)", Level),
            ("sum(x) / sum(y)", Level),
            ("1 - sum(x) / sum(y)", Level),
            ("1000 * histogram_quantile(0.9, sum by (le) (x))", Level),
            ("sum(x) / scalar(count(y))", Level),
            ("avg(x) * count(x)", Unknown),
            ("x", Unknown),
            ("1 / sum(x)", Unknown),
            ("absent(sum(x))", Unknown),
            ("vector(1)", Unknown),
        ] {
            assert_eq!(query(text).growth(), wanted, "{text}");
        }
    }

    #[test]
    fn selectors_are_seen() {
        let found =
            query("sum(rate(a{b=\"c\",d!=\"e\",f=~\"g.*\"}[5m])) / sum({__name__=\"h\"})").reads();
        let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let wanted = [
            Reads { metric: "a".to_owned(), labels: vec![label("b", "c"), label("f", "g.*")] },
            Reads { metric: "h".to_owned(), labels: vec![label("__name__", "h")] },
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn what_is_no_promql() {
        assert!(matches!(Query::parse("sum(x"), Err(Unread::Wrong(_))));
        assert!(matches!(Query::parse(""), Err(Unread::Wrong(_))));
        assert!(matches!(Query::parse("median_over_time(x[5m])"), Err(Unread::Foreign)));
        assert!(
            !query("1 + 1").is_vector() && !query("x[5m]").is_vector() && query("x").is_vector()
        );
    }

    #[test]
    fn deep_expressions_are_left_alone() {
        let deep = [
            format!("{}x{}", "(".repeat(3000), ")".repeat(3000)),
            format!("{}x", "-".repeat(3000)),
            format!("x{}", " or x".repeat(1500)),
        ];
        for text in deep {
            assert_eq!(Query::parse(&text).err(), Some(Unread::Foreign));
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "[a-z(){}\\[\\]\"=~!<>+*/^%@,.:0-9 \\\\-]{0,60}|.{0,60}") {
            if let Ok(query) = Query::parse(&text) {
                let _ = (query.is_vector(), query.is_single(), query.growth(), query.reads());
            }
        }
    }
}
