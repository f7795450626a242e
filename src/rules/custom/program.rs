//! CEL, compiled within bounds.

use std::ops::Range;

use kube_cel::KubeCelExt;
use kube_cel::cel::common::ast::{EntryExpr, Expr, IdedExpr};
use kube_cel::cel::{self, Context, ExecutionError, Value as Cel};

use crate::finding::nearest;

use super::value::Converted;
use super::{Part, Problem};

/// The most bytes of an expression.
const MAX_BYTES: usize = 4 << 10;

/// The most loops inside one another.
const MAX_LOOPS: u32 = 2;

/// The most operations inside one another, so that evaluation fits on the stack of any thread.
const MAX_DEPTH: u32 = 64;

/// The stack of the thread that compiles: the parser and what walks its tree recurse, some levels for each byte.
const STACK: usize = 256 << 20;

/// What an expression may name.
const VARIABLES: [&str; 2] = ["object", "self"];

/// Names that are no values: what stands before the dot of functions such as `sets.contains`.
const NAMESPACES: [&str; 5] = ["ip", "lists", "math", "sets", "strings"];

/// Functions that make a list out of a text.
const SPLITTERS: [&str; 2] = ["split", "findAll"];

/// An expression that keeps to the bounds.
#[derive(Debug)]
pub(super) struct Program {
    compiled: cel::Program,
    loops: u32,
    splits: bool,
    /// It asks for the value at the rule's path.
    pub(super) uses_self: bool,
}

/// The most numbers of a list that an expression makes out of nothing.
const MAX_RANGE: i64 = 10_000;

/// The functions that Kubernetes gives to expressions, but for those on URLs, which need a parser of their own.
pub(super) fn environment() -> Context<'static> {
    let mut context = Context::default().with_all();
    // Unlike that of Kubernetes, the evaluator counts no cost: `lists.range(1000000000)` would take all memory.
    context.add_function("lists.range", |count: i64| {
        if count > MAX_RANGE {
            let why = format!("{count} is above {MAX_RANGE}");
            return Err(ExecutionError::function_error("lists.range", why));
        }
        Ok(Cel::from((0..count).map(Cel::Int).collect::<Vec<_>>()))
    });
    context
}

impl Program {
    /// Compiles `text`, which stands at `part`.
    pub(super) fn compile(text: &str, part: Part) -> Result<Self, Problem> {
        let compiled = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(STACK);
            let handle = thread.spawn_scoped(scope, || Self::read(text, part)).ok()?;
            handle.join().ok()
        });
        compiled.unwrap_or_else(|| {
            Err(Problem {
                part,
                range: None,
                message: "the compiler of CEL crashed".to_owned(),
                help: "write it in another way".to_owned(),
            })
        })
    }

    fn read(text: &str, part: Part) -> Result<Self, Problem> {
        let problem = |range: Option<Range<usize>>, message: String, help: &str| Problem {
            part,
            range,
            message,
            help: help.to_owned(),
        };
        if text.len() > MAX_BYTES {
            let message =
                format!("the expression has {} bytes, at most {MAX_BYTES} are allowed", text.len());
            return Err(problem(None, message, "split the rule into several"));
        }
        if text.trim().is_empty() {
            let help = "write CEL that is true for what is well, such as `has(object.metadata.labels.team)`";
            return Err(problem(None, "the expression is empty".to_owned(), help));
        }
        let program = cel::Program::compile(text).map_err(|errors| {
            let first = errors.errors.into_iter().min_by_key(|error| error.pos);
            let (range, message) = match first {
                Some(error) => (position(text, error.pos), said(&error.msg)),
                None => (None, "it does not parse".to_owned()),
            };
            problem(range, format!("this is no CEL: {message}"), "write an expression such as `has(object.metadata.labels.team)`; cel.dev explains the language")
        })?;
        let mut walk = Walk::default();
        walk.expression(program.expression());
        if walk.levels > MAX_DEPTH {
            let message = format!(
                "{} operations are inside one another, at most {MAX_DEPTH} are allowed",
                walk.levels
            );
            return Err(problem(
                None,
                message,
                "split the rule into several, or put brackets around parts of a long chain",
            ));
        }
        if walk.deepest > MAX_LOOPS {
            let message = format!(
                "{} loops are inside one another, at most {MAX_LOOPS} are allowed",
                walk.deepest
            );
            return Err(problem(None, message, "split the rule into several"));
        }
        let references = program.references();
        let mut unknown: Vec<_> = references.variables();
        unknown.retain(|name| {
            !VARIABLES.contains(name)
                && !NAMESPACES.contains(name)
                && !walk.bound.iter().any(|it| it == name)
        });
        unknown.sort_unstable();
        if let Some(name) = unknown.first() {
            let help = match nearest(name, VARIABLES.into_iter()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "there are `object`, and `self` for the value at `path`".to_owned(),
            };
            return Err(problem(word(text, name), format!("`{name}` is not known here"), &help));
        }
        let environment = environment();
        walk.called.sort_unstable();
        if let Some(name) = walk.called.iter().find(|name| !is_function(name, &environment)) {
            let help = "use the functions that Kubernetes gives to CEL, such as `startsWith`, `matches`, `quantity`";
            return Err(problem(word(text, name), format!("there is no function `{name}`"), help));
        }
        let splits = walk.called.iter().any(|name| SPLITTERS.contains(&name.as_str()));
        let uses_self = references.has_variable("self");
        Ok(Self { loops: walk.deepest, splits, uses_self, compiled: program })
    }

    /// The most steps that its loops may take, asked `rounds` times about a value such as this.
    pub(super) fn steps(&self, rounds: usize, value: &Converted) -> usize {
        let text = if self.splits { value.longest_text } else { 0 };
        let longest = value.longest_list.max(text);
        rounds.saturating_mul(longest.saturating_pow(self.loops))
    }

    /// Its value.
    pub(super) fn run(&self, context: &Context<'_>) -> Result<Cel, ExecutionError> {
        self.compiled.execute(context)
    }
}

/// True if the environment has it: it complains of the arguments, and not of the name.
fn is_function(name: &str, environment: &Context<'_>) -> bool {
    let called = cel::Program::compile(&format!("{name}()")).map(|call| call.execute(environment));
    !matches!(called, Ok(Err(ExecutionError::UndeclaredReference(_))))
}

/// What the tree of an expression holds.
#[derive(Default)]
struct Walk {
    /// Operations around the place, and the most around any.
    level: u32,
    levels: u32,
    /// Loops around the place.
    depth: u32,
    /// The most loops inside one another.
    deepest: u32,
    /// Names that loops give to items.
    bound: Vec<String>,
    /// Functions, with their namespaces.
    called: Vec<String>,
}

impl Walk {
    fn expression(&mut self, expression: &IdedExpr) {
        self.level += 1;
        self.levels = self.levels.max(self.level);
        self.operation(expression);
        self.level -= 1;
    }

    fn operation(&mut self, expression: &IdedExpr) {
        match &expression.expr {
            Expr::Call(call) => {
                let target = call.target.as_deref();
                if call.func_name.starts_with(|c: char| c.is_ascii_alphabetic()) {
                    self.called.push(match target.map(|target| &target.expr) {
                        Some(Expr::Ident(space)) if NAMESPACES.contains(&space.as_str()) => {
                            format!("{space}.{}", call.func_name)
                        }
                        _ => call.func_name.clone(),
                    });
                }
                if let Some(target) = target {
                    self.expression(target);
                }
                call.args.iter().for_each(|argument| self.expression(argument));
            }
            Expr::Comprehension(it) => {
                // What is looped over and what starts the loop are computed once.
                self.expression(&it.iter_range);
                self.expression(&it.accu_init);
                self.bound.extend([&it.iter_var, &it.accu_var].map(Clone::clone));
                self.bound.extend(it.iter_var2.clone());
                self.depth += 1;
                self.deepest = self.deepest.max(self.depth);
                self.expression(&it.loop_cond);
                self.expression(&it.loop_step);
                self.depth -= 1;
                self.expression(&it.result);
            }
            Expr::List(list) => list.elements.iter().for_each(|item| self.expression(item)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.entry(&entry.expr)),
            Expr::Struct(it) => it.entries.iter().for_each(|entry| self.entry(&entry.expr)),
            Expr::Select(select) => self.expression(&select.operand),
            Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
        }
    }

    fn entry(&mut self, entry: &EntryExpr) {
        match entry {
            EntryExpr::StructField(field) => self.expression(&field.value),
            EntryExpr::MapEntry(entry) => {
                self.expression(&entry.key);
                self.expression(&entry.value);
            }
        }
    }
}

/// The first line of what the parser says, as a clause.
fn said(message: &str) -> String {
    let line = message.lines().next().unwrap_or("").trim();
    let line = line.strip_prefix("Syntax error:").unwrap_or(line).trim();
    // Some of its errors hold another one as Rust prints it.
    let inner = line.split_once("msg: \"").and_then(|(_, rest)| rest.split_once('"'));
    let line = inner.map_or(line, |(message, _)| message);
    line.chars().take(200).collect()
}

/// From line and column, both counted from 1, to the end of the word there.
fn position(text: &str, (line, column): (isize, isize)) -> Option<Range<usize>> {
    let (line, column) = (usize::try_from(line).ok()?, usize::try_from(column).ok()?);
    let before: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let rest = text.get(before..)?.lines().next()?;
    let within = rest.char_indices().nth(column.checked_sub(1)?).map_or(rest.len(), |(at, _)| at);
    let from = rest.get(within..)?;
    let length = from.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(from.len());
    let length = length.max(from.chars().next().map_or(0, char::len_utf8));
    Some(before + within..before + within + length)
}

/// Where `name` stands in `text` as a word of its own.
fn word(text: &str, name: &str) -> Option<Range<usize>> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).map(|(at, _)| at..at + name.len()).find(|range| {
        let before = text.get(..range.start).unwrap_or("");
        let after = text.get(range.end..).unwrap_or("");
        !before.ends_with(part) && !after.starts_with(part)
    })
}

/// The type of `value`, with an article.
pub(super) fn a_type(value: &Cel) -> &'static str {
    match value {
        Cel::List(_) => "a list",
        Cel::Map(_) => "a map",
        Cel::Int(_) | Cel::UInt(_) => "a whole number",
        Cel::Float(_) => "a number",
        Cel::String(_) => "a text",
        Cel::Bytes(_) => "bytes",
        Cel::Bool(_) => "true or false",
        Cel::Null => "null",
        _ => "a value of another type",
    }
}

/// Why there is no value, and what to write.
pub(super) fn explain(error: &ExecutionError) -> (String, Option<&'static str>) {
    match error {
        ExecutionError::NoSuchKey(key) => (
            format!("there is no `{key}`"),
            Some(
                "ask for what may be absent first: `has(object.spec.key) && …`, for keys that are no words `'a/b' in object.metadata.labels && …`",
            ),
        ),
        ExecutionError::UndeclaredReference(name) => (
            format!("there is no function `{name}`"),
            Some("use the functions that Kubernetes gives to CEL"),
        ),
        ExecutionError::NoSuchOverload
        | ExecutionError::ValuesNotComparable(..)
        | ExecutionError::UnsupportedBinaryOperator(..)
        | ExecutionError::UnexpectedType { .. } => (
            error.to_string(),
            Some(
                "compare values of one type: `string(…)`, `int(…)` and `quantity(string(…))` convert",
            ),
        ),
        ExecutionError::FunctionError { function, message } => {
            (format!("`{function}` fails: {message}"), None)
        }
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            ("it divides by zero".to_owned(), None)
        }
        ExecutionError::Overflow(..) => ("a number becomes too large".to_owned(), None),
        ExecutionError::IndexOutOfBounds(Cel::Int(index)) => {
            (format!("there is no item {index}"), Some("compare with `size(…)` first"))
        }
        _ => (error.to_string(), None),
    }
}
