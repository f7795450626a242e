//! Rules that users write in their configuration (`[[lint.custom]]`): CEL over one object, as a
//! `ValidatingAdmissionPolicy` of Kubernetes has it, where `false` is a finding.
//!
//! An expression sees
//! - `object`: the whole object as it is written, nothing defaulted;
//! - `self`: the value that the rule's `path` leads to; a rule that uses it is asked for each such value, and not at
//!   all where there is none.
//!
//! What cannot be compiled is a problem of the configuration; what cannot be evaluated is a finding of the rule, as
//! the API server refuses what its policies fail on. Neither touches other rules.

mod path;
mod program;
mod value;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use kube_cel::cel::{Context, Value as Cel};

use crate::cluster::{Cluster, Kind, Object};
use crate::finding::{Finding, Severity};
use crate::source::Span;
use path::Path;
use program::Program;
use value::Converted;

/// The family of all rules that users write.
pub const FAMILY: &str = "custom";

/// The rest of a rule's name, if it is one of this family.
pub fn bare(name: &str) -> Option<&str> {
    name.strip_prefix(FAMILY)?.strip_prefix('/')
}

/// The most steps that the loops of an expression may take on one object: the limit of the API server on the cost of
/// one expression (apiserver/pkg/apis/cel, `PerCallLimit`), with every step counted as one.
const MAX_STEPS: usize = 1_000_000;

/// The most characters of a message.
const MAX_MESSAGE: usize = 500;

/// A rule as the configuration has it.
#[derive(Clone, Debug, Default)]
pub struct Definition {
    /// Its name without the family.
    pub name: String,
    /// The kinds that it is about, as `Kind` or `group/Kind`; all if there are none.
    pub kinds: Vec<String>,
    /// CEL that is true for what is well.
    pub expression: String,
    /// What to say where it is false.
    pub message: Option<String>,
    /// CEL for what to say.
    pub message_expression: Option<String>,
    /// What to write instead.
    pub help: Option<String>,
    /// How bad its findings are.
    pub severity: Option<Severity>,
    /// Where the finding points, such as `spec.template.spec.containers[*].image`.
    pub path: Option<String>,
}

/// A key of a [`Definition`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the names of its fields")]
pub enum Part {
    Name,
    Kind(usize),
    Expression,
    MessageExpression,
    Path,
}

/// Why a definition is no rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key that is wrong.
    pub part: Part,
    /// Which bytes of its text.
    pub range: Option<Range<usize>>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

/// A rule that can run.
#[derive(Debug)]
pub struct Custom {
    /// `custom/name`; lives as long as the program, as the names of all rules do.
    pub name: &'static str,
    /// How bad its findings are by itself.
    pub severity: Severity,
    /// How bad they are in this run; `None` turns the rule off.
    pub level: Option<Severity>,
    definition: Definition,
    kinds: Vec<(Option<String>, String)>,
    expression: Program,
    message: Option<Program>,
    path: Path,
}

impl Custom {
    /// Compiles `definition`, or says all that is wrong with it.
    pub fn new(definition: Definition) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        if let Some((message, help)) = bad_name(&definition.name) {
            problems.push(Problem { part: Part::Name, range: None, message, help });
        }
        let kinds = definition.kinds.iter().enumerate();
        let kinds = kinds.filter_map(|(index, text)| kept(kind(index, text), &mut problems));
        let kinds: Vec<_> = kinds.collect();
        let expression = Program::compile(&definition.expression, Part::Expression);
        let expression = kept(expression, &mut problems);
        let message = definition.message_expression.as_deref();
        let message = message.map(|text| Program::compile(text, Part::MessageExpression));
        let message = message.and_then(|message| kept(message, &mut problems));
        let path = kept(Path::parse(definition.path.as_deref().unwrap_or("")), &mut problems);
        let uses_self = [&expression, &message].into_iter().flatten().any(|it| it.uses_self);
        if uses_self && definition.path.is_none() {
            problems.push(Problem {
                part: Part::Expression,
                range: None,
                message: "`self` is the value at `path`, and there is no `path`".to_owned(),
                help: "add `path = \"…\"`, or write `object` for the whole object".to_owned(),
            });
        }
        let (Some(expression), Some(path), true) = (expression, path, problems.is_empty()) else {
            return Err(problems);
        };
        let severity = definition.severity.unwrap_or(Severity::Warning);
        let name = String::leak(format!("{FAMILY}/{}", definition.name));
        Ok(Self {
            name,
            severity,
            level: Some(severity),
            definition,
            kinds,
            expression,
            message,
            path,
        })
    }

    /// In one line: what it demands.
    pub fn summary(&self) -> String {
        match &self.definition.message {
            Some(message) => one_line(message),
            None => format!("`{}` must hold.", one_line(&self.definition.expression)),
        }
    }

    /// Everything about it, in Markdown.
    pub fn page(&self) -> String {
        let Definition { kinds, expression, path, help, message_expression, .. } = &self.definition;
        let kinds = match kinds.as_slice() {
            [] => "all".to_owned(),
            some => some.iter().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", "),
        };
        let paragraph = |text: &String| format!("\n{}\n", one_line(text));
        let block = |title, cel: &str| format!("\n## {title}\n```cel\n{}\n```\n", cel.trim());
        let place = |path: &String| format!("- Points at: `{path}`\n");
        format!(
            "# {}\n\n{}\n\nA rule of your configuration (`[[lint.custom]]`).\n{}{}{}\n\
             ## Facts\n- Severity: {}\n- Kinds: {kinds}\n{}",
            self.name,
            self.summary(),
            help.as_ref().map(paragraph).unwrap_or_default(),
            block("Must hold", expression),
            message_expression.as_ref().map(|cel| block("Message", cel)).unwrap_or_default(),
            self.severity.word(),
            path.as_ref().map(place).unwrap_or_default(),
        )
    }

    /// What it finds in the objects of `cluster`.
    pub fn check(&self, cluster: &Cluster<'_>) -> Vec<Finding> {
        let Some(severity) = self.level else { return Vec::new() };
        let mut environment = None;
        let objects = cluster.objects().iter().filter(|object| self.concerns(object));
        let found = objects.flat_map(|object| {
            self.judge(object, environment.get_or_insert_with(program::environment))
        });
        found.map(|finding| Finding { severity, ..finding }).collect()
    }

    fn concerns(&self, object: &Object<'_>) -> bool {
        let is = |(group, kind): &(Option<String>, String)| {
            kind == object.kind_name && group.as_ref().is_none_or(|group| group == object.group)
        };
        let has_kind = !matches!(object.kind, Kind::RuleFile | Kind::AdapterConfig);
        has_kind && (self.kinds.is_empty() || self.kinds.iter().any(is))
    }

    fn judge(&self, object: &Object<'_>, environment: &Context<'_>) -> Vec<Finding> {
        let places = self.path.places(object.root);
        let uses_self =
            self.expression.uses_self || self.message.as_ref().is_some_and(|it| it.uses_self);
        if uses_self && places.is_empty() {
            return Vec::new();
        }
        let spot = self.path.spot(object, &places);
        let converted = match value::convert(object.root) {
            Ok(converted) => converted,
            Err(too_large) => {
                return vec![self.trouble(object, spot, &too_large.to_string(), None)];
            }
        };
        let rounds = if uses_self { places.len() } else { 1 };
        let programs = [Some(&self.expression), self.message.as_ref()];
        if programs.into_iter().flatten().any(|it| it.steps(rounds, &converted) > MAX_STEPS) {
            let why = format!("its loops could take more than {MAX_STEPS} steps on this object");
            return vec![self.trouble(object, spot, &why, None)];
        }
        let mut context = environment.new_inner_scope();
        context.add_variable_from_value("object", converted.value);
        if !uses_self {
            return self.ask(object, spot, &context).into_iter().collect();
        }
        let asked = places.iter().filter_map(|place| {
            let mut context = context.new_inner_scope();
            let Converted { value, .. } = value::convert(*place).ok()?;
            context.add_variable_from_value("self", value);
            self.ask(object, place.primary(), &context)
        });
        asked.collect()
    }

    fn ask(&self, object: &Object<'_>, spot: Span, context: &Context<'_>) -> Option<Finding> {
        match evaluate(&self.expression, context) {
            Ok(Cel::Bool(true)) => None,
            Ok(Cel::Bool(false)) => Some(self.finding(object, spot, context)),
            Ok(other) => {
                let why = format!(
                    "it gives {}, which is neither true nor false",
                    program::a_type(&other)
                );
                Some(self.trouble(object, spot, &why, Some("compare it with something")))
            }
            Err(Failure { message, help }) => Some(self.trouble(object, spot, &message, help)),
        }
    }

    fn finding(&self, object: &Object<'_>, spot: Span, context: &Context<'_>) -> Finding {
        let plain = || match &self.definition.message {
            Some(message) => one_line(message),
            None => format!("`{}` does not hold", one_line(&self.definition.expression)),
        };
        let mut help = self.definition.help.as_deref().map(one_line);
        let message = match self.message.as_ref().map(|message| evaluate(message, context)) {
            Some(Ok(Cel::String(text))) if !text.trim().is_empty() => one_line(&text),
            None => plain(),
            Some(failed) => {
                let why = match failed {
                    Ok(Cel::String(_)) => "it gives an empty text".to_owned(),
                    Ok(other) => format!("it gives {}, no text", program::a_type(&other)),
                    Err(Failure { message, .. }) => message,
                };
                let note = format!("(`message_expression` of `{}` failed: {why})", self.name);
                help = Some(help.map_or(note.clone(), |help| format!("{help} {note}")));
                plain()
            }
        };
        Finding { help, ..self.report(object, spot, message) }
    }

    /// Says that the rule could not be asked.
    fn trouble(&self, object: &Object<'_>, spot: Span, why: &str, help: Option<&str>) -> Finding {
        let help = help.unwrap_or(
            "mend the rule, or leave such objects out: by `kinds`, or by a suppression on them",
        );
        let message = format!("`{}` cannot be evaluated here: {why}", self.name);
        Finding { help: Some(help.to_owned()), ..self.report(object, spot, message) }
    }

    fn report(&self, object: &Object<'_>, spot: Span, message: String) -> Finding {
        let object = Some(object.identity());
        Finding { object, ..Finding::error(self.name, spot, message) }
    }
}

/// Why an expression has no value.
struct Failure {
    message: String,
    help: Option<&'static str>,
}

/// The evaluator is someone else's: should it panic, that is this expression's failure alone.
fn evaluate(program: &Program, context: &Context<'_>) -> Result<Cel, Failure> {
    match catch_unwind(AssertUnwindSafe(|| program.run(context))) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            let (message, help) = program::explain(&error);
            Err(Failure { message: one_line(&message), help })
        }
        Err(_) => Err(Failure { message: "the evaluator of CEL crashed".to_owned(), help: None }),
    }
}

fn kept<T>(result: Result<T, Problem>, problems: &mut Vec<Problem>) -> Option<T> {
    result.map_err(|problem| problems.push(problem)).ok()
}

/// Why `name` is no name of a rule, and what to write.
fn bad_name(name: &str) -> Option<(String, String)> {
    if let Some(bare) = bare(name) {
        let help = format!("write `{bare}`: it becomes `{name}` by itself");
        return Some((format!("`{name}` names the family too"), help));
    }
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_kebab = name.split('-').all(|part| !part.is_empty() && part.chars().all(word));
    (!is_kebab || name.len() > 63).then(|| {
        let help = "write at most 63 lower-case letters, digits and single hyphens, such as `missing-team-label`";
        (format!("`{name}` is no name for a rule"), help.to_owned())
    })
}

/// `Kind` or `group/Kind`.
fn kind(index: usize, text: &str) -> Result<(Option<String>, String), Problem> {
    let (group, kind) = match text.rsplit_once('/') {
        Some((group, kind)) => (Some(group), kind),
        None => (None, text),
    };
    let word = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric());
    let is_kind = word(kind) && kind.starts_with(|c: char| c.is_ascii_uppercase());
    if is_kind
        && group.is_none_or(|group| group.split('.').all(|part| word(&part.replace('-', "x"))))
    {
        return Ok((group.map(str::to_owned), kind.to_owned()));
    }
    Err(Problem {
        part: Part::Kind(index),
        range: None,
        message: format!("`{text}` is no kind"),
        help: "write `Deployment`, or `apps/Deployment` with its API group, without a version"
            .to_owned(),
    })
}

/// `text` on one line, cut where it is endless.
fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or("")),
        None => line,
    }
}
