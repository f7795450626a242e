//! What promql-parser holds against an expression whose syntax is right, in words and with its place. It tells
//! neither: the place is the smallest part that it refuses on its own.

use std::ops::Range;

use promql_parser::parser::value::ValueType;

use super::lexer::lex;
use super::spanned::{Kind, MatchOp, Matcher, Node};
use super::syntax::wrong;
use super::{Unread, parsed};

/// The refusal of the expression `text`, whose tree is `tree`.
pub(super) fn refusal(text: &str, tree: &Node, reason: &str) -> Unread {
    if is_foreign(reason) {
        return Unread::Foreign;
    }
    let (node, reason) = culprit(text, tree, reason.to_owned());
    match &node.kind {
        Kind::Call { name, name_span, args } => of_call(text, name, name_span, args, &reason),
        Kind::Selector { matchers, .. } => of_selector(text, node, matchers, &reason),
        Kind::Aggregate { param, expr, .. } => of_aggregate(param.as_deref(), expr, &reason),
        Kind::Binary { lhs, rhs, .. } => of_binary(text, node, [lhs, rhs], &reason),
        Kind::Unary { expr, .. } if reason.contains("unary") => {
            wrong(expr.span.clone(), "only numbers and instant vectors have a sign")
        }
        Kind::Subquery { expr, .. } if reason.contains("subquery") => wrong(
            expr.span.clone(),
            format!("a subquery needs an instant vector before it, got {}", prose_of(text, expr)),
        ),
        // What only one of the two readers minds.
        _ => Unread::Foreign,
    }
}

/// True where another reader may well accept what this one does not.
pub(super) fn is_foreign(reason: &str) -> bool {
    reason.contains("unknown function")
}

/// The smallest part that is refused on its own, and why.
fn culprit<'a>(text: &str, mut node: &'a Node, mut reason: String) -> (&'a Node, String) {
    let refused = |node: &'a Node| {
        let reason = parse(&text[node.span.clone()]).err()?;
        Some((node, reason))
    };
    while let Some((child, why)) = node.children().find_map(refused) {
        (node, reason) = (child, why);
    }
    (node, reason)
}

fn parse(text: &str) -> Result<promql_parser::parser::Expr, String> {
    parsed(text, &lex(text))
}

fn type_of(text: &str, node: &Node) -> Option<ValueType> {
    parse(&text[node.span.clone()]).ok().map(|expr| expr.value_type())
}

fn prose_of(text: &str, node: &Node) -> &'static str {
    type_of(text, node).map_or("something else", prose)
}

fn prose(value: ValueType) -> &'static str {
    match value {
        ValueType::Vector => "an instant vector",
        ValueType::Matrix => "a range vector",
        ValueType::Scalar => "a number",
        ValueType::String => "a string",
    }
}

fn mismatch(wanted: ValueType, got: ValueType) -> String {
    let example = if wanted == ValueType::Matrix { ", such as `x[5m]`" } else { "" };
    format!("expected {} here{example}, got {}", prose(wanted), prose(got))
}

/// The types in "expected type … in …, got …".
fn types(reason: &str) -> Option<(ValueType, ValueType)> {
    let wanted = reason.strip_prefix("expected type ")?.split(' ').next()?;
    let (_, got) = reason.rsplit_once(", got ")?;
    let named = |name: &str| match name {
        "vector" => Some(ValueType::Vector),
        "matrix" => Some(ValueType::Matrix),
        "scalar" => Some(ValueType::Scalar),
        "string" => Some(ValueType::String),
        _ => None,
    };
    named(wanted).zip(named(got))
}

fn of_call(text: &str, name: &str, at: &Range<usize>, args: &[Node], reason: &str) -> Unread {
    if let Some((wanted, got)) = types(reason) {
        let blamed = misfit(text, name, args, (wanted, got));
        return wrong(
            blamed.map_or_else(|| at.clone(), |arg| arg.span.clone()),
            mismatch(wanted, got),
        );
    }
    // expected [at least|at most] 2 argument(s) in call to '…', got 1
    let counted = reason.strip_prefix("expected ").and_then(|rest| rest.split_once(" argument(s)"));
    let Some((count, _)) = counted else { return Unread::Foreign };
    let most = count.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0);
    let surplus = args.get(most).map(|arg| arg.span.clone());
    let plural = if most == 1 { "" } else { "s" };
    let reason = format!("`{name}` takes {count} argument{plural}, got {}", args.len());
    wrong(surplus.unwrap_or_else(|| at.clone()), reason)
}

/// The first argument of another type than the function wants: put right, the complaint is another one.
fn misfit<'a>(
    text: &str,
    name: &str,
    args: &'a [Node],
    (wanted, got): (ValueType, ValueType),
) -> Option<&'a Node> {
    let stand_in = match wanted {
        ValueType::Vector => "x",
        ValueType::Matrix => "x[1m]",
        ValueType::Scalar => "1",
        ValueType::String => "''",
    };
    let candidates: Vec<usize> =
        (0..args.len()).filter(|at| type_of(text, &args[*at]) == Some(got)).collect();
    let put_right = |at: &&usize| {
        let written = |(other, arg): (usize, &Node)| {
            if other == **at {
                stand_in.to_owned()
            } else {
                format!("{}\n", &text[arg.span.clone()])
            }
        };
        let args: Vec<_> = args.iter().enumerate().map(written).collect();
        let complaint = parse(&format!("{name}({})", args.join(","))).err();
        complaint.as_deref().and_then(types) != Some((got, wanted))
    };
    let found = if candidates.len() > 1 { candidates.iter().find(put_right) } else { None };
    args.get(*found.or(candidates.first())?)
}

fn of_aggregate(param: Option<&Node>, expr: &Node, reason: &str) -> Unread {
    let Some((wanted, got)) = types(reason) else { return Unread::Foreign };
    // The parameter never is a vector.
    let blamed = param.filter(|_| wanted != ValueType::Vector).unwrap_or(expr);
    wrong(blamed.span.clone(), mismatch(wanted, got))
}

fn of_selector(text: &str, node: &Node, matchers: &[Matcher], reason: &str) -> Unread {
    let is_regex = |it: &&Matcher| matches!(it.op, MatchOp::Regex | MatchOp::NotRegex);
    let span = node.span.clone();
    if let Some(written) = reason.strip_prefix("illegal regex for ") {
        let found = matchers.iter().filter(is_regex).find(|it| it.value == written);
        return match found {
            Some(it) if is_no_regex(&it.value) => {
                wrong(it.value_span.clone(), "this is no regular expression")
            }
            _ => Unread::Foreign,
        };
    }
    let named = || matchers.iter().find(|it| it.label == "__name__");
    if reason.contains("set twice") {
        let span = named().map_or(span, |it| it.span.clone());
        return wrong(span, "the metric has a name already");
    }
    if reason.contains("non-empty matcher") {
        return wrong(span, "this selects every series; a name or a label's value is needed");
    }
    if reason.contains("before range") {
        return wrong(span, "`offset` and `@` stand behind the range");
    }
    if reason.contains("multiple times") {
        let word = if reason.starts_with('@') { "@" } else { "offset" };
        let tokens = lex(&text[span.clone()]);
        let is_word = |it: &Range<usize>| text[it.clone()].eq_ignore_ascii_case(word);
        let mut places = tokens.iter().map(|it| span.start + it.start..span.start + it.end);
        let last = places.rfind(is_word);
        return wrong(last.unwrap_or(span), format!("`{word}` stands here twice"));
    }
    Unread::Foreign
}

/// True if Prometheus refuses `pattern` too: promql-parser compiles it, and has limits of its own.
fn is_no_regex(pattern: &str) -> bool {
    // RE2 has these, the other syntax has not.
    let of_re2 = ["\\Q", "\\C", "\\0", "[["];
    !of_re2.iter().any(|known| pattern.contains(known)) && regex_syntax::parse(pattern).is_err()
}

fn of_binary(text: &str, node: &Node, sides: [&Node; 2], reason: &str) -> Unread {
    let Kind::Binary { op, op_span, matching, .. } = &node.kind else { return Unread::Foreign };
    let group = matching.as_ref().and_then(|it| it.group.as_ref());
    let of_type = |wanted: &[ValueType]| {
        sides.into_iter().find(|it| type_of(text, it).is_some_and(|it| wanted.contains(&it)))
    };
    if reason.contains("bool modifier") {
        return wrong(
            op_span.clone(),
            format!("`bool` stands behind comparisons only, and `{op}` is none"),
        );
    }
    if reason.contains("must use BOOL") {
        return wrong(op_span.clone(), format!("to compare two numbers, write `{op} bool`"));
    }
    if reason.contains("set operator") {
        let side = of_type(&[ValueType::Scalar]).unwrap_or(node);
        return wrong(side.span.clone(), format!("`{op}` joins instant vectors, got a number"));
    }
    if let Some(group) = group.filter(|_| reason.contains("no grouping allowed")) {
        return wrong(group.span.clone(), format!("`{op}` takes no `group_left` or `group_right`"));
    }
    if let Some((matching, group)) =
        matching.as_ref().zip(group).filter(|_| reason.contains("ON and GROUP"))
    {
        let twice =
            |label: &&(String, Range<usize>)| matching.labels.iter().any(|it| it.0 == label.0);
        let span = group.labels.iter().find(twice).map_or(&group.span, |label| &label.1);
        return wrong(span.clone(), "this label stands in `on` already");
    }
    if let Some(matching) = matching.as_ref().filter(|_| reason.contains("vector matching")) {
        return wrong(matching.span.clone(), "only two instant vectors are matched by labels");
    }
    if reason.contains("scalar and instant vector") {
        let side = of_type(&[ValueType::Matrix, ValueType::String]).unwrap_or(node);
        let got = prose_of(text, side);
        return wrong(
            side.span.clone(),
            format!("`{op}` takes numbers and instant vectors, got {got}"),
        );
    }
    Unread::Foreign
}
