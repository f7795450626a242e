//! What a PromQL expression that a user wrote consists of, and where; and what it will return: one series or several,
//! a number that grows with the fleet or not, and which series it reads. Text in, facts out; what slogen itself emits
//! is built in `promql`.
//!
//! Two readers look at a text: promql-parser, which knows functions and types and no places, and a reader of its
//! syntax that knows places only. What both take for the same is told part by part; what both refuse, or a type that
//! does not fit, is wrong. Where they differ, the expression is foreign and nothing is said.

mod agreement;
mod lexer;
mod refusal;
mod shape;
mod spanned;
mod syntax;
mod templated;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use promql_parser::parser::value::ValueType;
use promql_parser::parser::{self, Expr};

pub use self::spanned::{
    Group, Grouping, Kind, Label, MatchOp, Matcher, Matching, Node, Selector, Window,
};
pub use self::templated::{is_templated, quoted_arguments, stand_ins};

use self::lexer::{Token, What, digits, lex, quote, unquote};

/// A parsed expression.
#[derive(Clone, Debug)]
pub struct Query {
    tree: Node,
    result: ValueType,
}

/// Why there is nothing to say about an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is no PromQL.
    Wrong(Wrong),
    /// It uses a function or syntax that this parser does not know and another server may, or is too long to take
    /// apart.
    Foreign,
}

/// What makes a text no PromQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Where, in bytes of the text.
    pub span: Range<usize>,
    /// Why: part of a sentence, without a full stop.
    pub reason: String,
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

/// Longer or deeper expressions are not taken apart: trees are walked by recursion.
const MOST_CHARACTERS: usize = 8000;
const MOST_NESTING: usize = 500;

impl Query {
    /// Parses an expression.
    pub fn parse(text: &str) -> Result<Self, Unread> {
        if text.chars().count() > MOST_CHARACTERS {
            return Err(Unread::Foreign);
        }
        let tokens = lex(text);
        if nesting(text, &tokens) > MOST_NESTING || syntax::upsets_the_parser(text, &tokens) {
            return Err(Unread::Foreign);
        }
        match (syntax::read(text, &tokens), parsed(text, &tokens)) {
            (Ok(tree), Ok(expr)) if agreement::agree(&tree, &expr) => {
                Ok(Self { tree, result: expr.value_type() })
            }
            (_, Ok(expr)) => {
                let tree = Node { span: 0..text.len(), kind: Kind::Opaque };
                Ok(Self { tree, result: expr.value_type() })
            }
            (Ok(tree), Err(reason)) => Err(refusal::refusal(text, &tree, &reason)),
            (Err(_), Err(reason)) if refusal::is_foreign(&reason) => Err(Unread::Foreign),
            (Err(unread), Err(_)) => Err(unread),
        }
    }

    /// The expression with the places of its parts.
    pub fn tree(&self) -> &Node {
        &self.tree
    }

    /// True if the result is an instant vector: KEDA cannot read scalars and ranges (`prometheus_scaler.go`).
    pub fn is_vector(&self) -> bool {
        self.result == ValueType::Vector
    }

    /// True if the expression cannot return more than one series.
    pub fn is_single(&self) -> bool {
        shape::single(&self.tree, false)
    }

    /// How the result changes with the size of the fleet: by the outermost function (autoscaling.md 3.2).
    pub fn growth(&self) -> Growth {
        shape::growth(&self.tree)
    }

    /// Every selector, in the order written.
    pub fn reads(&self) -> Vec<Reads> {
        self.tree.selectors().iter().map(shape::reads).collect()
    }
}

/// What promql-parser makes of `text`, whose tokens these are.
fn parsed(text: &str, tokens: &[Token]) -> Result<Expr, String> {
    parser::parse(&portable(text, tokens))
}

/// `text` without what promql-parser misreads: comments in brackets, `\` in backticks, `_` in numbers.
fn portable<'t>(text: &'t str, tokens: &[Token]) -> Cow<'t, str> {
    let spaced =
        |token: &Token| matches!(token.what, What::Number(_)) && text[token.span()].contains('_');
    if !text.contains(['#', '`']) && !tokens.iter().any(spaced) {
        return Cow::Borrowed(text);
    }
    let (mut out, mut end) = (String::with_capacity(text.len()), 0);
    for token in tokens {
        let written = &text[token.span()];
        out.push_str(if token.start > end { " " } else { "" });
        match token.what {
            What::Text if written.starts_with('`') => {
                out.push_str(
                    &unquote(written).map_or(Cow::Borrowed(written), |it| quote(&it).into()),
                );
            }
            What::Number(_) => out.push_str(&digits(written)),
            _ => out.push_str(written),
        }
        end = token.end;
    }
    out.push_str(&text[end..]);
    Cow::Owned(out)
}

/// An upper bound of the depth of the tree that `text` parses to: brackets, signs, and operators that nest to
/// the left or to the right.
fn nesting(text: &str, tokens: &[Token]) -> usize {
    let nests = |token: &&Token| match token.what {
        What::Mark => !matches!(&text[token.span()], ")" | "]" | "}" | "," | ":" | "@"),
        What::Word => {
            let word = &text[token.span()];
            ["and", "or", "unless", "atan2"].iter().any(|known| word.eq_ignore_ascii_case(known))
        }
        _ => false,
    };
    tokens.iter().filter(nests).count()
}
