//! Tokens read into a tree, by the grammar of Prometheus (`generated_parser.y`). It says at which token an expression
//! stops being one; whether types fit is not its business.

use std::ops::Range;

use super::lexer::{Token, What, unquote};
use super::spanned::{Group, Grouping, Kind, Label, MatchOp, Matcher, Matching, Node, Window};
use super::{Unread, Wrong};

type Read<T> = Result<T, Unread>;

/// Strength of the operators: what binds more tightly has more.
const POWER: u8 = 6;

/// Aggregations, and those that take an argument before the series.
const AGGREGATIONS: [&str; 14] = [
    "sum",
    "avg",
    "count",
    "min",
    "max",
    "group",
    "stddev",
    "stdvar",
    "topk",
    "bottomk",
    "count_values",
    "quantile",
    "limitk",
    "limit_ratio",
];
const WITH_PARAM: [&str; 6] =
    ["topk", "bottomk", "count_values", "quantile", "limitk", "limit_ratio"];

/// Keywords that name no function; all but the last six may name a metric.
const KEYWORDS: [&str; 15] = [
    "and",
    "or",
    "unless",
    "by",
    "without",
    "offset",
    "fill",
    "fill_left",
    "fill_right",
    "bool",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "atan2",
];

/// Syntax that Prometheus has and promql-parser has not, so far.
const NEWER: [&str; 2] = ["smoothed", "anchored"];

/// Longest durations with which promql-parser can calculate.
const MOST_SECONDS: f64 = 1e12;

/// Parts inside parts: each takes some kilobytes of the stack, and nobody writes a tenth of these.
const DEEPEST: usize = 100;

/// The tree of `tokens`, which are those of `text`.
pub(super) fn read(text: &str, tokens: &[Token]) -> Read<Node> {
    let mut reader = Reader { text, tokens, at: 0, depth: 0 };
    if tokens.is_empty() {
        return Err(wrong(0..text.len(), "there is no expression here"));
    }
    let node = reader.expr(0)?;
    if reader.at < tokens.len() { Err(reader.unexpected("")) } else { Ok(node) }
}

/// True for a number that promql-parser would take for a duration and fail on with a panic.
pub(super) fn upsets_the_parser(text: &str, tokens: &[Token]) -> bool {
    let written = |token: &Token| &text[token.span()];
    let long = |token: &Token| match token.what {
        What::Number(seconds) => seconds > MOST_SECONDS,
        What::Word => is(written(token), "inf") || is(written(token), "nan"),
        _ => false,
    };
    let mut in_duration = false;
    tokens.iter().any(|token| {
        let upsets = in_duration && long(token);
        // Behind these comes a duration, perhaps with a sign.
        in_duration = match written(token) {
            "[" | ":" => true,
            "+" | "-" => in_duration,
            word => is(word, "offset"),
        };
        upsets
    })
}

fn is(word: &str, keyword: &str) -> bool {
    word.eq_ignore_ascii_case(keyword)
}

fn known(word: &str, list: &[&'static str]) -> Option<&'static str> {
    list.iter().find(|known| is(word, known)).copied()
}

pub(super) fn wrong(span: Range<usize>, reason: impl Into<String>) -> Unread {
    Unread::Wrong(Wrong { span, reason: reason.into() })
}

/// Tokens, of which those before `at` are read.
struct Reader<'t> {
    text: &'t str,
    tokens: &'t [Token],
    at: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn token(&self) -> Option<Token> {
        self.tokens.get(self.at).copied()
    }

    /// The text of the next token; empty at the end.
    fn next(&self) -> &'t str {
        self.nth(0)
    }

    fn nth(&self, ahead: usize) -> &'t str {
        self.tokens.get(self.at + ahead).map_or("", |token| &self.text[token.span()])
    }

    /// Where the next token stands; at the end the last character.
    fn span(&self) -> Range<usize> {
        self.token().map_or_else(|| self.last_character(), Token::span)
    }

    fn last_character(&self) -> Range<usize> {
        let end = self.tokens.last().map_or(0, |token| token.end);
        let length = self.text[..end].chars().next_back().map_or(0, char::len_utf8);
        end - length..end
    }

    /// From byte `start` to the end of what is read.
    fn since(&self, start: usize) -> Range<usize> {
        let last = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        start..last.map_or(start, |token| token.end)
    }

    fn take(&mut self) -> Range<usize> {
        let span = self.span();
        self.at += 1;
        span
    }

    fn eat(&mut self, mark: &str) -> bool {
        let found = self.next() == mark;
        self.at += usize::from(found);
        found
    }

    fn eat_word(&mut self, keyword: &str) -> bool {
        let found = is(self.next(), keyword);
        self.at += usize::from(found);
        found
    }

    fn want(&mut self, mark: &str) -> Read<()> {
        if self.eat(mark) { Ok(()) } else { Err(self.unexpected(&format!("`{mark}`"))) }
    }

    /// Why the next token cannot stand here; `expected` may be empty.
    fn unexpected(&self, expected: &str) -> Unread {
        if known(self.next(), &NEWER).is_some() {
            return Unread::Foreign;
        }
        let found = match self.token().map(|token| token.what) {
            Some(What::Bad(reason)) => return wrong(self.span(), reason),
            None if expected.is_empty() => {
                return wrong(self.span(), "the expression ends too early");
            }
            None => {
                return wrong(self.span(), format!("expected {expected}, but the expression ends"));
            }
            Some(What::Text) => "a string".to_owned(),
            Some(_) => format!("`{}`", self.next()),
        };
        let reason = match expected {
            "" => format!("unexpected {found}"),
            _ => format!("expected {expected}, got {found}"),
        };
        wrong(self.span(), reason)
    }

    /// An expression of operators with at least this strength.
    fn expr(&mut self, least: u8) -> Read<Node> {
        if self.depth == DEEPEST {
            return Err(Unread::Foreign);
        }
        self.depth += 1;
        let mut node = self.operand()?;
        while let Some(strength) = self.strength().filter(|strength| *strength >= least) {
            node = self.binary(node, strength)?;
        }
        self.depth -= 1;
        Ok(node)
    }

    fn strength(&self) -> Option<u8> {
        let next = self.next();
        Some(match next {
            "==" | "!=" | "<" | "<=" | ">" | ">=" => 3,
            "+" | "-" => 4,
            "*" | "/" | "%" => 5,
            "^" => POWER,
            _ if is(next, "or") => 1,
            _ if is(next, "and") || is(next, "unless") => 2,
            _ if is(next, "atan2") => 5,
            _ => return None,
        })
    }

    fn binary(&mut self, lhs: Node, strength: u8) -> Read<Node> {
        let op = self.next().to_ascii_lowercase();
        let op_span = self.take();
        if matches!((op.as_str(), self.next()), ("<", "/") | (">", "/" | ">")) {
            return Err(Unread::Foreign);
        }
        let bool_modifier = self.eat_word("bool");
        let matching = self.matching()?;
        self.fill()?;
        // Only powers group to the right.
        let rhs = self.expr(if strength == POWER { POWER } else { strength + 1 })?;
        let span = lhs.span.start..rhs.span.end;
        let (lhs, rhs) = (Box::new(lhs), Box::new(rhs));
        Ok(Node { span, kind: Kind::Binary { op, op_span, matching, bool_modifier, lhs, rhs } })
    }

    fn matching(&mut self) -> Read<Option<Matching>> {
        let (start, on) = (self.span().start, is(self.next(), "on"));
        if !on && !is(self.next(), "ignoring") {
            return Ok(None);
        }
        self.take();
        let labels = self.labels()?;
        let span = self.since(start);
        let (start, left) = (self.span().start, is(self.next(), "group_left"));
        let mut group = None;
        if left || is(self.next(), "group_right") {
            self.take();
            let labels = if self.next() == "(" { self.labels()? } else { Vec::new() };
            group = Some(Group { left, labels, span: self.since(start) });
        }
        Ok(Some(Matching { on, labels, span, group }))
    }

    /// `fill (0)`, `fill_left (0) fill_right (-1)`: says nothing about labels.
    fn fill(&mut self) -> Read<()> {
        while known(self.next(), &["fill", "fill_left", "fill_right"]).is_some()
            && self.nth(1) == "("
        {
            self.at += 2;
            let _ = self.eat("+") || self.eat("-");
            if self.number().is_none() {
                return Err(self.unexpected("a number"));
            }
            self.take();
            self.want(")")?;
        }
        Ok(())
    }

    /// Labels in parentheses.
    fn labels(&mut self) -> Read<Vec<Label>> {
        self.want("(")?;
        let mut labels = Vec::new();
        while !self.eat(")") {
            if known(self.next(), &["without", "inf", "nan"]).is_some() {
                return Err(self.unexpected("the name of a label"));
            }
            labels.push(self.label()?);
            if !self.eat(",") && self.next() != ")" {
                return Err(self.unexpected("`,` or `)`"));
            }
        }
        Ok(labels)
    }

    fn label(&mut self) -> Read<Label> {
        match self.token().map(|token| token.what) {
            Some(What::Word) if !self.next().contains(':') => {
                Ok((self.next().to_owned(), self.take()))
            }
            Some(What::Text) => self.string(),
            _ => Err(self.unexpected("the name of a label")),
        }
    }

    fn string(&mut self) -> Read<Label> {
        let token = self.span();
        match unquote(&self.text[token.clone()]) {
            Ok(value) => Ok((value, self.take())),
            Err(at) => {
                let span = token.start + at.start..token.start + at.end;
                let reason = format!("`{}` is no escape sequence", &self.text[span.clone()]);
                Err(wrong(span, reason))
            }
        }
    }

    /// The value of the next token, if it is a number.
    #[expect(clippy::cast_precision_loss, reason = "PromQL has floats only")]
    fn number(&self) -> Option<f64> {
        match self.token()?.what {
            What::Number(value) => Some(value),
            What::Duration(millis) => Some(millis as f64 / 1000.0),
            What::Word if is(self.next(), "inf") => Some(f64::INFINITY),
            What::Word if is(self.next(), "nan") => Some(f64::NAN),
            _ => None,
        }
    }

    fn operand(&mut self) -> Read<Node> {
        if matches!(self.next(), "+" | "-") {
            return self.unary();
        }
        let mut node = self.primary()?;
        self.moved(&mut node)?;
        while self.next() == "[" {
            node = self.ranged(node)?;
            self.moved(&mut node)?;
        }
        Ok(node)
    }

    fn unary(&mut self) -> Read<Node> {
        let minus = self.next() == "-";
        let start = self.take().start;
        let expr = Box::new(self.expr(POWER)?);
        Ok(Node { span: start..expr.span.end, kind: Kind::Unary { minus, expr } })
    }

    fn primary(&mut self) -> Read<Node> {
        let start = self.span().start;
        let kind = match (self.number(), self.token().map(|token| token.what)) {
            (Some(value), _) => {
                self.take();
                Kind::Number(value)
            }
            (None, Some(What::Text)) => Kind::String(self.string()?.0),
            (None, Some(What::Word)) => self.named()?,
            (None, _) if self.next() == "{" => self.selector(None)?,
            (None, _) if self.next() == "(" => self.parenthesised()?,
            _ => return Err(self.unexpected("")),
        };
        Ok(Node { span: self.since(start), kind })
    }

    fn parenthesised(&mut self) -> Read<Kind> {
        self.take();
        let inner = Box::new(self.expr(0)?);
        self.want(")")?;
        Ok(Kind::Paren(inner))
    }

    /// What starts with a word: an aggregation, a call or a metric.
    fn named(&mut self) -> Read<Kind> {
        let word = self.next();
        let behind = self.nth(1);
        let clause = is(behind, "by") || is(behind, "without");
        if let Some(op) = known(word, &AGGREGATIONS).filter(|_| behind == "(" || clause) {
            return self.aggregate(op);
        }
        let keyword = KEYWORDS.iter().position(|keyword| is(word, keyword));
        if keyword.is_some_and(|at| at >= KEYWORDS.len() - 6) || known(word, &NEWER).is_some() {
            return Err(self.unexpected(""));
        }
        let name_span = self.take();
        if behind == "(" && keyword.is_none() && !word.contains(':') {
            let args = self.args()?;
            return Ok(Kind::Call { name: word.to_owned(), name_span, args });
        }
        let metric = Some((word.to_owned(), name_span));
        if behind == "{" {
            self.selector(metric)
        } else {
            Ok(Kind::Selector { metric, matchers: Vec::new(), range: None })
        }
    }

    fn args(&mut self) -> Read<Vec<Node>> {
        self.want("(")?;
        let mut args = Vec::new();
        if self.eat(")") {
            return Ok(args);
        }
        loop {
            args.push(self.expr(0)?);
            if self.eat(")") {
                return Ok(args);
            }
            if !self.eat(",") {
                return Err(self.unexpected("`,` or `)`"));
            }
        }
    }

    fn aggregate(&mut self, op: &str) -> Read<Kind> {
        let op_span = self.take();
        let before = self.grouping()?;
        let args = self.args()?;
        let grouping = if before.is_some() { before } else { self.grouping()? };
        let wanted = if WITH_PARAM.contains(&op) { 2 } else { 1 };
        let (number, surplus) = (args.len(), args.get(wanted).map(|arg| arg.span.clone()));
        let mut args = args.into_iter().map(Box::new);
        let param = if wanted == 2 { args.next() } else { None };
        match args.next() {
            Some(expr) if number == wanted => {
                Ok(Kind::Aggregate { op: op.to_owned(), op_span, grouping, param, expr })
            }
            _ => {
                let plural = if wanted == 1 { "" } else { "s" };
                let reason = format!("`{op}` takes {wanted} argument{plural}, got {number}");
                Err(wrong(surplus.unwrap_or(op_span), reason))
            }
        }
    }

    fn grouping(&mut self) -> Read<Option<Grouping>> {
        let (start, without) = (self.span().start, is(self.next(), "without"));
        if !without && !is(self.next(), "by") {
            return Ok(None);
        }
        self.take();
        let labels = self.labels()?;
        Ok(Some(Grouping { without, labels, span: self.since(start) }))
    }

    /// What stands in braces.
    fn selector(&mut self, mut metric: Option<Label>) -> Read<Kind> {
        let mut matchers = Vec::new();
        self.want("{")?;
        while !self.eat("}") {
            let start = self.span().start;
            let quoted = self.token().is_some_and(|token| token.what == What::Text);
            let label = self.label()?;
            match self.operator() {
                Some(op) => {
                    self.take();
                    if self.token().is_none_or(|token| token.what != What::Text) {
                        return Err(self.unexpected("a string"));
                    }
                    let (value, value_span) = self.string()?;
                    let span = self.since(start);
                    matchers.push(Matcher { label: label.0, op, value, span, value_span });
                }
                None if !quoted => return Err(self.unexpected("`=`, `!=`, `=~` or `!~`")),
                None if metric.is_some() => {
                    return Err(wrong(label.1, "the metric has a name already"));
                }
                None => metric = Some(label),
            }
            if !self.eat(",") && self.next() != "}" {
                return Err(self.unexpected("`,` or `}`"));
            }
        }
        Ok(Kind::Selector { metric, matchers, range: None })
    }

    fn operator(&self) -> Option<MatchOp> {
        Some(match self.next() {
            "=" => MatchOp::Equal,
            "!=" => MatchOp::NotEqual,
            "=~" => MatchOp::Regex,
            "!~" => MatchOp::NotRegex,
            _ => return None,
        })
    }

    /// `node` with the brackets that follow.
    fn ranged(&mut self, node: Node) -> Read<Node> {
        let bracket = self.take();
        let millis = self.duration(true)?;
        let subquery = self.eat(":");
        let stepped = subquery && self.next() != "]";
        let step = if stepped { Some(self.duration(true)?) } else { None };
        if self.next() != "]" {
            return Err(self.beyond_durations("`]`"));
        }
        self.take();
        let window = Window { millis, span: self.since(bracket.start) };
        let span = self.since(node.span.start);
        let kind = match node.kind {
            _ if subquery => Kind::Subquery { expr: Box::new(node), range: window, step },
            Kind::Selector { metric, matchers, range: None } => {
                Kind::Selector { metric, matchers, range: Some(window) }
            }
            _ => {
                let reason = "only a selector has a range; a subquery ends in `:]`, as in `[5m:]`";
                return Err(wrong(window.span, reason));
            }
        };
        Ok(Node { span, kind })
    }

    /// Stretches `node` over the `offset` and `@` that follow.
    fn moved(&mut self, node: &mut Node) -> Read<()> {
        while is(self.next(), "offset") || self.next() == "@" {
            if !matches!(node.kind, Kind::Selector { .. } | Kind::Subquery { .. }) {
                let reason =
                    format!("`{}` stands behind a selector or a subquery only", self.next());
                return Err(wrong(self.span(), reason));
            }
            let at = self.next() == "@";
            self.take();
            if at && known(self.next(), &["start", "end"]).is_some() {
                self.take();
                self.want("(")?;
                self.want(")")?;
            } else {
                let _ = self.eat("+") || self.eat("-");
                if !at {
                    self.duration(false)?;
                } else if self.number().is_some() {
                    self.take();
                } else {
                    return Err(self.unexpected("a time in seconds, `start()` or `end()`"));
                }
            }
            node.span = self.since(node.span.start);
        }
        Ok(())
    }

    /// The milliseconds of a duration.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in bounds")]
    fn duration(&mut self, positive: bool) -> Read<u64> {
        let millis = match self.token().map(|token| token.what) {
            Some(What::Duration(millis)) => millis,
            Some(What::Number(seconds)) if seconds <= MOST_SECONDS => {
                (seconds * 1000.0).round() as u64
            }
            _ => return Err(self.beyond_durations("a duration, such as `5m`")),
        };
        if positive && millis == 0 {
            return Err(wrong(self.span(), "a range is longer than nothing"));
        }
        self.take();
        Ok(millis)
    }

    /// Prometheus calculates with durations: `[5m * 2]`, `offset (1h)`, `[step()]`.
    fn beyond_durations(&self, expected: &str) -> Unread {
        let next = self.next();
        let marks = ["+", "-", "*", "/", "%", "^", "("];
        if marks.contains(&next) || known(next, &["step", "range", "min", "max"]).is_some() {
            return Unread::Foreign;
        }
        self.unexpected(expected)
    }
}
