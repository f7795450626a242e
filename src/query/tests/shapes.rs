//! What the result of an expression is like.

use crate::query::{Growth, Query, Reads, Unread};

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
    assert!(!query("1 + 1").is_vector() && !query("x[5m]").is_vector() && query("x").is_vector());
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
