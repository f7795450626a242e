//! Where the parts of an expression stand, and where a wrong one stops being an expression.

use std::ops::Range;

use crate::query::{Kind, MatchOp, Query, Unread};

fn parse(text: &str) -> Query {
    Query::parse(text).unwrap_or_else(|reason| panic!("{text}: {reason:?}"))
}

/// A line for each node and part of a node: what it is, and what is written there.
fn places(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line =
        |what: &str, span: &Range<usize>| lines.push(format!("{what} {}", &text[span.clone()]));
    parse(text).tree().walk(&mut |node, _| {
        let name = match &node.kind {
            Kind::Number(value) => &format!("number {value}:"),
            Kind::String(value) => &format!("string {value}:"),
            Kind::Selector { .. } => "selector",
            Kind::Call { .. } => "call",
            Kind::Aggregate { .. } => "aggregate",
            Kind::Binary { bool_modifier: true, .. } => "binary bool",
            Kind::Binary { .. } => "binary",
            Kind::Unary { minus: true, .. } => "minus",
            Kind::Unary { .. } => "plus",
            Kind::Paren(_) => "paren",
            Kind::Subquery { .. } => "subquery",
            Kind::Opaque => "opaque",
        };
        line(name, &node.span);
        match &node.kind {
            Kind::Selector { metric, matchers, range } => {
                if let Some((name, span)) = metric {
                    line(&format!("  {name}:"), span);
                }
                for it in matchers {
                    let op = match it.op {
                        MatchOp::Equal => "is",
                        MatchOp::NotEqual => "is not",
                        MatchOp::Regex => "like",
                        MatchOp::NotRegex => "not like",
                    };
                    line(&format!("  {} {op} {}:", it.label, it.value), &it.span);
                    line("  value", &it.value_span);
                }
                if let Some(it) = range {
                    line(&format!("  {} ms", it.millis), &it.span);
                }
            }
            Kind::Call { name, name_span, .. } => line(&format!("  {name}:"), name_span),
            Kind::Aggregate { op, op_span, grouping, .. } => {
                line(&format!("  {op}:"), op_span);
                if let Some(it) = grouping {
                    line(if it.without { "  without" } else { "  by" }, &it.span);
                    it.labels.iter().for_each(|(label, span)| line(&format!("  {label}:"), span));
                }
            }
            Kind::Binary { op, op_span, matching, .. } => {
                line(&format!("  {op}:"), op_span);
                if let Some(it) = matching {
                    line(if it.on { "  on" } else { "  ignoring" }, &it.span);
                    it.labels.iter().for_each(|(label, span)| line(&format!("  {label}:"), span));
                    if let Some(it) = &it.group {
                        line(if it.left { "  left" } else { "  right" }, &it.span);
                        it.labels
                            .iter()
                            .for_each(|(label, span)| line(&format!("  {label}:"), span));
                    }
                }
            }
            Kind::Subquery { range, step, .. } => {
                line(&format!("  {} ms, {step:?}", range.millis), &range.span);
            }
            _ => {}
        }
    });
    lines
}

/// Expressions and what `places` says about each.
const PLACES: &[(&str, &[&str])] = &[
    ("1.5", &["number 1.5: 1.5"]),
    (" -Inf # x", &["minus -Inf", "number inf: Inf"]),
    ("5m", &["number 300: 5m"]),
    ("0x1F", &["number 31: 0x1F"]),
    ("1_000", &["number 1000: 1_000"]),
    ("'a\\'b'", &["string a'b: 'a\\'b'"]),
    ("`a\\d`", &["string a\\d: `a\\d`"]),
    (
        "x{le=\"0.35\", job !~ 'a.*' ,}[5m] offset -1h @ end()",
        &[
            "selector x{le=\"0.35\", job !~ 'a.*' ,}[5m] offset -1h @ end()",
            "  x: x",
            "  le is 0.35: le=\"0.35\"",
            "  value \"0.35\"",
            "  job not like a.*: job !~ 'a.*'",
            "  value 'a.*'",
            "  300000 ms [5m]",
        ],
    ),
    (
        "{\"a.b\", c!=\"d\", by=~`e\\d`}",
        &[
            "selector {\"a.b\", c!=\"d\", by=~`e\\d`}",
            "  a.b: \"a.b\"",
            "  c is not d: c!=\"d\"",
            "  value \"d\"",
            "  by like e\\d: by=~`e\\d`",
            "  value `e\\d`",
        ],
    ),
    ("( a:b )", &["paren ( a:b )", "selector a:b", "  a:b: a:b"]),
    (
        "rate(x[300])",
        &["call rate(x[300])", "  rate: rate", "selector x[300]", "  x: x", "  300000 ms [300]"],
    ),
    (
        "SUM BY (pod, by,) (x)",
        &[
            "aggregate SUM BY (pod, by,) (x)",
            "  sum: SUM",
            "  by BY (pod, by,)",
            "  pod: pod",
            "  by: by",
            "selector x",
            "  x: x",
        ],
    ),
    (
        "topk(3, x) without (\"a.b\")",
        &[
            "aggregate topk(3, x) without (\"a.b\")",
            "  topk: topk",
            "  without without (\"a.b\")",
            "  a.b: \"a.b\"",
            "number 3: 3",
            "selector x",
            "  x: x",
        ],
    ),
    (
        "a >= bool on(c) group_left(d) b",
        &[
            "binary bool a >= bool on(c) group_left(d) b",
            "  >=: >=",
            "  on on(c)",
            "  c: c",
            "  left group_left(d)",
            "  d: d",
            "selector a",
            "  a: a",
            "selector b",
            "  b: b",
        ],
    ),
    (
        "a AND Ignoring () b",
        &[
            "binary a AND Ignoring () b",
            "  and: AND",
            "  ignoring Ignoring ()",
            "selector a",
            "  a: a",
            "selector b",
            "  b: b",
        ],
    ),
    (
        "x[1h:5m] offset 1m",
        &[
            "subquery x[1h:5m] offset 1m",
            "  3600000 ms, Some(300000) [1h:5m]",
            "selector x",
            "  x: x",
        ],
    ),
    ("x[1h:]", &["subquery x[1h:]", "  3600000 ms, None [1h:]", "selector x", "  x: x"]),
    ("sum", &["selector sum", "  sum: sum"]),
    (
        "a + fill_left(-0) fill_right (2) b",
        &[
            "binary a + fill_left(-0) fill_right (2) b",
            "  +: +",
            "selector a",
            "  a: a",
            "selector b",
            "  b: b",
        ],
    ),
    (
        "+a ^ -b * c",
        &[
            "binary +a ^ -b * c",
            "  *: *",
            "plus +a ^ -b",
            "binary a ^ -b",
            "  ^: ^",
            "selector a",
            "  a: a",
            "minus -b",
            "selector b",
            "  b: b",
            "selector c",
            "  c: c",
        ],
    ),
];

#[test]
fn every_kind_knows_its_place() {
    for (text, wanted) in PLACES {
        assert_eq!(places(text), *wanted, "{text}");
    }
}

/// A text with `‹` and `›` around what is wrong.
fn marked(text: &str) -> (String, String) {
    match Query::parse(text) {
        Ok(_) => (text.to_owned(), "right".to_owned()),
        Err(Unread::Foreign) => (text.to_owned(), "foreign".to_owned()),
        Err(Unread::Wrong(wrong)) => {
            let (before, rest) = text.split_at(wrong.span.start);
            let (inner, behind) = rest.split_at(wrong.span.end - wrong.span.start);
            (format!("{before}‹{inner}›{behind}"), wrong.reason)
        }
    }
}

#[test]
fn what_is_wrong_is_pointed_at() {
    for (wanted, reason) in [
        ("‹›", "there is no expression here"),
        ("‹ # x›", "there is no expression here"),
        ("sum(rate(x[5m]‹)› # x", "expected `,` or `)`, but the expression ends"),
        ("sum(x)‹)›", "unexpected `)`"),
        ("sum(x) ‹!› y", "this character has no meaning here"),
        ("a ‹+› ", "the expression ends too early"),
        ("sum by ‹pod› (x)", "expected `(`, got `pod`"),
        ("sum by (pod ‹app›) (x)", "expected `,` or `)`, got `app`"),
        ("sum by (‹1›) (x)", "expected the name of a label, got `1`"),
        ("x{a‹}›", "expected `=`, `!=`, `=~` or `!~`, got `}`"),
        ("x{a=‹b›}", "expected a string, got `b`"),
        ("x{a‹==›\"b\"}", "expected `=`, `!=`, `=~` or `!~`, got `==`"),
        ("x{a=‹\"b}›", "this string is not closed"),
        ("x{a=\"‹\\d›\"}", "`\\d` is no escape sequence"),
        ("x[‹5›", "expected `]`, but the expression ends"),
        ("x[‹5q›]", "this is neither a number nor a duration"),
        ("x[‹0s›]", "a range is longer than nothing"),
        ("x[‹]›", "expected a duration, such as `5m`, got `]`"),
        ("sum(x)‹[5m]›", "only a selector has a range; a subquery ends in `:]`, as in `[5m:]`"),
        ("sum(x) ‹offset› 5m", "`offset` stands behind a selector or a subquery only"),
        ("x @ ‹y›", "expected a time in seconds, `start()` or `end()`, got `y`"),
        ("a ‹ü› b", "this character has no meaning here"),
        ("a ‹b›", "unexpected `b`"),
        ("a ‹\"b\"›", "unexpected a string"),
        ("a + ‹group_left› (b) c", "unexpected `group_left`"),
        ("‹sum›()", "`sum` takes 1 argument, got 0"),
        ("sum(x, ‹y›)", "`sum` takes 1 argument, got 2"),
        ("‹topk›(x)", "`topk` takes 2 arguments, got 1"),
        ("rate(‹sum(x)›)", "expected a range vector here, such as `x[5m]`, got an instant vector"),
        ("1 + sum(abs(‹x[5m]›))", "expected an instant vector here, got a range vector"),
        ("clamp(x, ‹y›, z)", "expected a number here, got an instant vector"),
        ("clamp(‹1›, 2, 3)", "expected an instant vector here, got a number"),
        ("histogram_fraction(‹x›, y, z)", "expected a number here, got an instant vector"),
        ("sum(‹1›)", "expected an instant vector here, got a number"),
        ("topk(‹x›, y)", "expected a number here, got an instant vector"),
        ("count_values(‹1›, y)", "expected a string here, got a number"),
        ("‹rate›()", "`rate` takes 1 argument, got 0"),
        ("rate(x[5m], ‹1›)", "`rate` takes 1 argument, got 2"),
        ("round(x, 1, ‹2›)", "`round` takes at most 2 arguments, got 3"),
        ("-‹x[5m]›", "only numbers and instant vectors have a sign"),
        ("‹(x[5m])›[5m:]", "a subquery needs an instant vector before it, got a range vector"),
        ("‹1›[5m:]", "a subquery needs an instant vector before it, got a number"),
        ("1 ‹>› 2", "to compare two numbers, write `> bool`"),
        ("1 ‹+› bool x", "`bool` stands behind comparisons only, and `+` is none"),
        ("x and ‹1›", "`and` joins instant vectors, got a number"),
        ("‹x[5m]› * 2", "`*` takes numbers and instant vectors, got a range vector"),
        ("x + ‹on (a)› 1", "only two instant vectors are matched by labels"),
        ("x and on (a) ‹group_left (b)› y", "`and` takes no `group_left` or `group_right`"),
        ("x + on (a) group_left (‹a›) y", "this label stands in `on` already"),
        ("‹{}›", "this selects every series; a name or a label's value is needed"),
        ("‹{a=~\".*\"}›", "this selects every series; a name or a label's value is needed"),
        ("x{‹__name__=\"y\"›}", "the metric has a name already"),
        ("x{‹\"y\"›}", "the metric has a name already"),
        ("x{a=~‹\"(\"›}", "this is no regular expression"),
        ("‹x offset 5m[5m]›", "`offset` and `@` stand behind the range"),
        ("x offset 5m ‹offset› 5m", "`offset` stands here twice"),
        ("x @ 1 ‹@› 5", "`@` stands here twice"),
    ] {
        let text = wanted.replace(['‹', '›'], "");
        let (found, why) = marked(&text);
        assert_eq!(found, wanted);
        assert_eq!(why, reason, "{wanted}");
    }
}

#[test]
fn what_another_server_may_know_is_foreign() {
    for text in [
        "median_over_time(x[5m])",
        "x smoothed",
        "rate(x[5m + 1m])",
        "x offset (1h)",
        "rate(x[step()])",
        "x >> 5",
        "x{a=~\"[[a]\"}",
        "x offset inf",
        "x[99999999999999999999]",
    ] {
        assert_eq!(marked(text).1, "foreign", "{text}");
    }
}

#[test]
fn depth_does_no_harm() {
    let nested = |depth: usize| {
        [
            format!("{}x{}", "(".repeat(depth), ")".repeat(depth)),
            format!("{}x", "-".repeat(depth)),
            format!("x{}", " ^ x".repeat(depth)),
            format!("{}x{}", "abs(".repeat(depth), ")".repeat(depth)),
            format!("{}x{}", "sum(".repeat(depth), ")".repeat(depth)),
        ]
    };
    let is_opaque = |text: &str| {
        let query = parse(text);
        let _ = (query.is_single(), query.growth(), query.reads());
        let _ = Query::parse(&text[..text.len() - 1]);
        matches!(query.tree().kind, Kind::Opaque)
    };
    assert!(nested(99).iter().all(|text| !is_opaque(text)));
    assert!(nested(500).iter().all(|text| is_opaque(text)));
    assert!(!is_opaque(&format!("x{}", " or x".repeat(500))));
}
