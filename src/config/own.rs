//! `[[lint.custom]]`: from what is written to rules that run.

use crate::finding::{Finding, Severity};
use crate::rules::custom::{Custom, Definition, Part, Problem};
use crate::source::{Files, Span};
use crate::spec::decode::Sourced;
use crate::spec::leaf::Gravity;
use crate::spec::lint::{CustomRule, Lint};

/// The user's own rules. Of one that is wrong only its problems; the others run.
pub(super) fn rules(
    files: &Files,
    lint: Option<&Lint>,
    findings: &mut Vec<Finding>,
) -> Vec<Custom> {
    let mut rules: Vec<Custom> = Vec::new();
    let written = lint.and_then(|lint| lint.custom.as_ref());
    for written in written.into_iter().flat_map(|list| list.iter()) {
        match Custom::new(definition(written)) {
            Ok(rule) if rules.iter().any(|other| other.name == rule.name) => {
                let message = format!("there are two rules `{}`", rule.name);
                let span = written.name.span;
                findings.push(
                    Finding::error("spec/bad-value", span, message).help("give one another name"),
                );
            }
            Ok(rule) => rules.push(rule),
            Err(problems) => {
                findings.extend(problems.into_iter().map(|it| finding(files, written, it)));
            }
        }
    }
    rules
}

fn definition(written: &CustomRule) -> Definition {
    let text = |value: &Option<Sourced<String>>| value.as_ref().map(|text| (**text).clone());
    let kinds = written.kinds.iter().flat_map(|list| list.iter());
    Definition {
        name: (*written.name).clone(),
        kinds: kinds.map(|kind| (**kind).clone()).collect(),
        expression: (*written.expression).clone(),
        message: text(&written.message),
        message_expression: text(&written.message_expression),
        help: text(&written.help),
        severity: written.severity.as_ref().map(|severity| match **severity {
            Gravity::Error => Severity::Error,
            Gravity::Warning => Severity::Warning,
            Gravity::Info => Severity::Info,
        }),
        path: text(&written.path),
    }
}

fn finding(files: &Files, written: &CustomRule, problem: Problem) -> Finding {
    let kinds = written.kinds.as_ref();
    let part = match problem.part {
        Part::Name => Some(&written.name),
        Part::Kind(index) => kinds.and_then(|kinds| kinds.get(index)),
        Part::Expression => Some(&written.expression),
        Part::MessageExpression => written.message_expression.as_ref(),
        Part::Path => written.path.as_ref(),
    };
    let whole = part.map_or(written.at, |part| part.span);
    // Where the text stands as it is, without escapes, the exact bytes are known.
    let exact = part.zip(problem.range).and_then(|(part, range)| {
        let source = files.get(whole.file).text.get(whole.start as usize..whole.end as usize)?;
        let start = whole.start as usize + source.find(part.as_str())?;
        let at = |byte: usize| u32::try_from(start + byte).ok();
        Some(Span { start: at(range.start)?, end: at(range.end)?, ..whole })
    });
    let message = match problem.part {
        Part::Name => problem.message,
        _ => format!("custom rule `{}`: {}", *written.name, problem.message),
    };
    Finding::error("spec/bad-value", exact.unwrap_or(whole), message).help(problem.help)
}
