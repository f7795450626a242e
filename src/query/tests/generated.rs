//! What holds for any expression: both readers agree on it, and every place holds what its node says.

use std::ops::Range;

use proptest::prelude::*;

use crate::query::lexer::{lex, unquote};
use crate::query::{Kind, Label, Node, Query, Unread};

/// Space between tokens, comments included.
fn space() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just(String::new()),
        3 => Just(" ".to_owned()),
        1 => Just(" \t\n".to_owned()),
        1 => Just("# by (a) \"\n".to_owned()),
    ]
}

/// `tokens` with some space around each; words and numbers stay apart.
fn joined(tokens: Vec<String>) -> BoxedStrategy<String> {
    let spaces = prop::collection::vec(space(), tokens.len() + 1);
    spaces
        .prop_map(move |spaces| {
            let mut text = spaces[0].clone();
            for (token, space) in tokens.iter().zip(&spaces[1..]) {
                let of_word = |c: char| c.is_ascii_alphanumeric() || "_:.".contains(c);
                let touches = text.ends_with(of_word) && token.starts_with(of_word);
                text.push_str(if touches { " " } else { "" });
                text.push_str(token);
                text.push_str(space);
            }
            text
        })
        .boxed()
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-c_][a-z0-9_]{0,4}_x".prop_map(String::from),
        1 => prop::sample::select(vec!["sum", "by", "BY", "count", "group"])
            .prop_map(str::to_owned),
    ]
}

fn label() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => word(),
        1 => prop::sample::select(vec!["on", "bool", "group_left", "ignoring", "and", "offset"])
            .prop_map(str::to_owned),
        1 => Just("\"a.b\"".to_owned()),
    ]
}

fn metric() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => word(),
        1 => Just("job:x_errors:ratio_rate5m".to_owned()),
        1 => prop::sample::select(vec!["or", "without", ":x", "start"]).prop_map(str::to_owned),
    ]
}

fn string() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "\"a\"",
        "'0.35'",
        "`\\d+`",
        "\"a\\\"b\\n\"",
        "'\\u00e9 é'",
        "\"# x\"",
        "'(a|b)'",
    ])
    .prop_map(str::to_owned)
}

fn duration() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["5m", "1h30m", "300", "1d", "7ms", "0.5"]).prop_map(str::to_owned)
}

fn number() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "0", "1", "0.5", ".5", "5.", "1e3", "1E-2", "0x1F", "Inf", "nan", "1_000", "017", "1h",
    ])
    .prop_map(str::to_owned)
}

/// Tokens of a list in brackets.
fn list(open: &str, items: Vec<Vec<String>>, comma: bool, close: &str) -> Vec<String> {
    let trailing = comma && !items.is_empty();
    let mut tokens = vec![open.to_owned()];
    for (at, item) in items.into_iter().enumerate() {
        tokens.extend((at > 0).then(|| ",".to_owned()));
        tokens.extend(item);
    }
    tokens.extend(trailing.then(|| ",".to_owned()));
    tokens.push(close.to_owned());
    tokens
}

fn labels() -> impl Strategy<Value = Vec<String>> {
    (prop::collection::vec(label().prop_map(|it| vec![it]), 0..3), any::<bool>())
        .prop_map(|(labels, comma)| list("(", labels, comma, ")"))
}

fn matchers() -> impl Strategy<Value = Vec<String>> {
    let op = prop::sample::select(vec!["=", "!=", "=~", "!~"]).prop_map(str::to_owned);
    let matcher = (label(), op, string()).prop_map(|(label, op, value)| vec![label, op, value]);
    (prop::collection::vec(matcher, 0..3), any::<bool>())
        .prop_map(|(matchers, comma)| list("{", matchers, comma, "}"))
}

fn moves() -> impl Strategy<Value = Vec<String>> {
    let owned = |tokens: &[&str]| tokens.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    prop_oneof![
        6 => Just(Vec::new()),
        1 => duration().prop_map(move |it| vec!["offset".to_owned(), it]),
        1 => duration().prop_map(move |it| vec!["OFFSET".to_owned(), "-".to_owned(), it]),
        1 => Just(owned(&["@", "1609746000"])),
        1 => Just(owned(&["@", "end", "(", ")", "offset", "5m"])),
    ]
}

/// Tokens of a selector without range.
fn instant() -> impl Strategy<Value = Vec<String>> {
    let quoted = || {
        let name = vec!["{".to_owned(), "\"utf8.name\"".to_owned()];
        matchers().prop_map(move |rest| {
            let mut tokens = name.clone();
            tokens.extend((rest.len() > 2).then(|| ",".to_owned()));
            tokens.extend(rest.into_iter().skip(1));
            tokens
        })
    };
    prop_oneof![
        3 => metric().prop_map(|it| vec![it]),
        3 => (metric(), matchers()).prop_map(|(name, rest)| [vec![name], rest].concat()),
        1 => quoted(),
        1 => Just(["{", "a", "=", "'b'", "}"].map(str::to_owned).to_vec()),
    ]
}

fn bracketed(inner: Vec<String>) -> Vec<String> {
    [vec!["(".to_owned()], inner, vec![")".to_owned()]].concat()
}

/// Tokens of a valid expression that gives an instant vector.
fn vector() -> BoxedStrategy<Vec<String>> {
    let leaf = (instant(), moves()).prop_map(|(selector, moves)| [selector, moves].concat());
    leaf.boxed().prop_recursive(6, 48, 3, |inner| {
        let window = (duration(), prop::option::of(prop::option::of(duration())));
        let range = prop_oneof![
            (instant(), duration(), moves()).prop_map(|(it, range, moves)| {
                [it, vec!["[".to_owned(), range, "]".to_owned()], moves].concat()
            }),
            (inner.clone(), window, moves()).prop_map(|(it, (range, step), moves)| {
                let step = step.flatten();
                let mut tokens = bracketed(it);
                tokens.extend(["[".to_owned(), range, ":".to_owned()]);
                tokens.extend(step);
                tokens.push("]".to_owned());
                [tokens, moves].concat()
            }),
        ];
        let call = (
            prop::sample::select(vec!["rate", "max_over_time", "increase", "absent_over_time"]),
            range,
        )
            .prop_map(|(name, range)| [vec![name.to_owned()], bracketed(range)].concat());
        let quantile = inner.clone().prop_map(|it| {
            let args = list("(", vec![vec!["0.9".to_owned()], it], false, ")");
            [vec!["histogram_quantile".to_owned()], args].concat()
        });
        let clause = (
            prop::sample::select(vec!["by", "BY", "without", "Without"]),
            labels(),
        )
            .prop_map(|(word, labels)| [vec![word.to_owned()], labels].concat());
        let op = prop::sample::select(vec!["sum", "MAX", "count", "topk", "quantile"]);
        let aggregate = (op, prop::option::of(clause), any::<bool>(), number(), inner.clone())
            .prop_map(|(op, clause, before, param, it)| {
                let with_param = matches!(op, "topk" | "quantile");
                let args = if with_param { vec![vec![param], it] } else { vec![it] };
                let args = list("(", args, false, ")");
                let clause = clause.unwrap_or_default();
                let (first, second) = if before { (clause, args) } else { (args, clause) };
                [vec![op.to_owned()], first, second].concat()
            });
        let operator = prop::sample::select(vec![
            "+", "-", "*", "/", "%", "^", "atan2", "==", "!=", "<", "<=", ">", ">=",
        ]);
        let group = prop_oneof![
            2 => Just(Vec::new()),
            1 => Just(vec!["group_left".to_owned(), "(".to_owned(), "zz".to_owned(), ")".to_owned()]),
            1 => Just(vec!["Group_Right".to_owned(), "(".to_owned(), ")".to_owned()]),
        ];
        let matching = prop_oneof![
            2 => Just(Vec::new()),
            1 => (prop::sample::select(vec!["on", "IGNORING"]), labels(), group)
                .prop_map(|(word, labels, group)| [vec![word.to_owned()], labels, group].concat()),
        ];
        let arithmetic = (inner.clone(), operator, any::<bool>(), matching, inner.clone())
            .prop_map(|(lhs, op, with_bool, matching, rhs)| {
                let compares = op.contains(['=', '<', '>']);
                let word = if with_bool && compares { vec!["bool".to_owned()] } else { Vec::new() };
                [lhs, vec![op.to_owned()], word, matching, rhs].concat()
            });
        let sets = (inner.clone(), prop::sample::select(vec!["and", "OR", "unless"]), inner.clone())
            .prop_map(|(lhs, op, rhs)| [lhs, vec![op.to_owned()], rhs].concat());
        let with_number = (number(), prop::sample::select(vec!["+", "*", "^", ">"]), inner.clone(), any::<bool>())
            .prop_map(|(number, op, it, swap)| {
                let op = vec![op.to_owned()];
                let number = vec![number];
                // Bare, a neighbour's `on` could meet the number.
                bracketed(if swap { [it, op, number].concat() } else { [number, op, it].concat() })
            });
        let sign = (prop::sample::select(vec!["+", "-"]), inner.clone())
            .prop_map(|(sign, it)| [vec![sign.to_owned()], it].concat());
        prop_oneof![
            call,
            quantile,
            aggregate,
            arithmetic,
            sets,
            with_number,
            sign,
            inner.prop_map(bracketed),
        ]
    })
    .boxed()
}

/// Every place of `tree` holds what the node says.
fn check(text: &str, tree: &Node) {
    let at = |span: &Range<usize>| &text[span.clone()];
    let same_labels = |labels: &[Label]| {
        for (label, span) in labels {
            let written = at(span);
            let value = unquote(written).ok().filter(|_| written.starts_with(['"', '\'', '`']));
            assert_eq!(value.as_deref().unwrap_or(written), label, "{text}");
        }
    };
    tree.walk(&mut |node, above| {
        let written = at(&node.span);
        assert_eq!(written.trim(), written, "{text}");
        assert!(
            above.last().is_none_or(|it| {
                it.span.start <= node.span.start && node.span.end <= it.span.end
            })
        );
        // On its own it is the same again.
        let again = Query::parse(written).unwrap_or_else(|reason| panic!("{written}: {reason:?}"));
        assert_eq!(shape(again.tree(), written), shape(node, text), "{text}");
        match &node.kind {
            Kind::Selector { metric, matchers, range } => {
                same_labels(metric.as_slice());
                for it in matchers {
                    assert_eq!(unquote(at(&it.value_span)).as_deref(), Ok(it.value.as_str()));
                    assert!(at(&it.span).ends_with(at(&it.value_span)), "{text}");
                }
                assert!(range.iter().all(|it| at(&it.span).starts_with('[')), "{text}");
            }
            Kind::Call { name, name_span, .. } => assert_eq!(at(name_span), name),
            Kind::Aggregate { op, op_span, grouping, .. } => {
                assert_eq!(at(op_span).to_lowercase(), *op);
                if let Some(it) = grouping {
                    let word = if it.without { "without" } else { "by" };
                    assert!(at(&it.span).to_lowercase().starts_with(word), "{text}");
                    assert!(at(&it.span).ends_with(')'), "{text}");
                    same_labels(&it.labels);
                }
            }
            Kind::Binary { op, op_span, matching, .. } => {
                assert_eq!(at(op_span).to_lowercase(), *op);
                if let Some(it) = matching {
                    let word = if it.on { "on" } else { "ignoring" };
                    assert!(at(&it.span).to_lowercase().starts_with(word), "{text}");
                    assert!(at(&it.span).ends_with(')'), "{text}");
                    same_labels(&it.labels);
                    if let Some(it) = &it.group {
                        let word = if it.left { "group_left" } else { "group_right" };
                        assert!(at(&it.span).to_lowercase().starts_with(word), "{text}");
                        same_labels(&it.labels);
                    }
                }
            }
            Kind::Subquery { range, .. } => assert!(at(&range.span).starts_with('['), "{text}"),
            Kind::Opaque => panic!("{text}"),
            _ => {}
        }
    });
}

/// A node as its tokens, each node in braces: where it stands left out.
fn shape(node: &Node, text: &str) -> String {
    let slice = &text[node.span.clone()];
    let tokens = lex(slice).into_iter().map(|it| slice[it.span()].to_owned());
    let below: Vec<_> = node.children().map(|child| shape(child, text)).collect();
    format!("{}{{{}}}", tokens.collect::<Vec<_>>().join(" "), below.concat())
}

proptest! {
    #[test]
    fn places_are_right_in_any_expression(text in vector().prop_flat_map(joined)) {
        match Query::parse(&text) {
            Ok(query) => check(&text, query.tree()),
            Err(Unread::Foreign) => panic!("foreign: {text}"),
            Err(Unread::Wrong(wrong)) => panic!("{text}: {wrong:?}"),
        }
    }

    #[test]
    fn a_cut_or_changed_expression_does_no_harm(
        text in vector().prop_flat_map(joined),
        at in any::<prop::sample::Index>(),
        instead in "[a-z(){}\\[\\]\"=~!<>+*/^%@,.:0-9 \\\\-]{0,2}",
    ) {
        let places: Vec<_> = text.char_indices().map(|(at, _)| at).collect();
        let at = places[at.index(places.len())];
        let text = format!("{}{instead}{}", &text[..at], text[at..].chars().skip(1).collect::<String>());
        does_no_harm(&text);
    }

    #[test]
    fn no_text_breaks_it(text in "[a-z(){}\\[\\]\"=~!<>+*/^%@,.:0-9 \\\\-]{0,60}|.{0,60}") {
        does_no_harm(&text);
    }

    #[test]
    fn no_tokens_break_it(
        tokens in prop::collection::vec(
            prop::sample::select(vec![
                "sum", "rate", "x", "by", "(", ")", "[", "]", "{", "}", "5m", "1", "inf", "offset",
                "@", "on", "group_left", "bool", ",", ":", "=", "=~", "\"a\"", "'\\x", "`", "+",
                "-", ">", "or", "fill", "1e99", "9999999999999y", "start", "#", "\n", "é", "topk",
            ]),
            0..14,
        ),
        glue in prop::sample::select(vec!["", " "]),
    ) {
        does_no_harm(&tokens.join(glue));
    }
}

fn does_no_harm(text: &str) {
    match Query::parse(text) {
        Ok(query) => {
            let _ = (query.is_vector(), query.is_single(), query.growth(), query.reads());
            if query.tree().kind == Kind::Opaque {
                assert_eq!(query.tree().span, 0..text.len());
            } else {
                check(text, query.tree());
            }
        }
        Err(Unread::Foreign) => {}
        Err(Unread::Wrong(wrong)) => {
            assert!(text.get(wrong.span.clone()).is_some(), "{text}: {wrong:?}");
            assert!(!wrong.span.is_empty() || text.is_empty(), "{text}: {wrong:?}");
        }
    }
}
