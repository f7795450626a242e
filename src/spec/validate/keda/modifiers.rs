//! `scaling.keda.modifiers`: the formula over triggers.

use crate::finding::nearest;
use crate::spec::decode::Decoder;
use crate::spec::keda::{self, Follows};
use crate::spec::leaf::MetricType;
use crate::spec::tables::{Document, KedaModifiers};
use crate::spec::validate::{bad, conflict};
use crate::units::{Decimal, plain};

/// `scaledobject_webhook.go`, `validateScalingModifiersFormula` and `validateScalingModifiersTarget`.
pub(super) fn modifiers(
    modifiers: &KedaModifiers,
    doc: &Document,
    followed: &[Follows<'_>],
    cx: &mut Decoder,
) {
    if let Some(kind) =
        modifiers.metric_type.as_ref().filter(|kind| ***kind == MetricType::Utilization)
    {
        cx.report(
            bad(kind.span, "the result of a formula is no share of a request")
                .help("write `\"AverageValue\"` for a total, `\"Value\"` for anything else"),
        );
    }
    if let Some(target) = modifiers.target.ok() {
        let least = Decimal::new(1, 3);
        if target.0 < least {
            let message = format!("KEDA takes no target of {}", plain(target.0));
            cx.findings
                .push(bad(modifiers.target.span, message).help("write one that is above 0.001"));
        } else if !target.0.is_integer() && keda::fallback(doc).is_ok() {
            // fallback.go reads the target with `ParseInt`, and without a word falls back to nothing.
            let message = format!("with a target of {} there is no fallback", plain(target.0));
            cx.report(
                bad(modifiers.target.span, message)
                    .here("KEDA's fallback knows whole numbers only")
                    .help(
                        "multiply the formula, seconds to milliseconds, until the target is whole",
                    ),
            );
        }
    }
    for it in followed.iter().filter(|it| it.is_external() && it.name().is_none()) {
        if let Follows::Written(trigger) = it {
            cx.report(
                conflict(
                    trigger.r#type.span,
                    "a trigger without a name takes no part in the formula",
                )
                .label(modifiers.at, "the formula")
                .help("add `name = \"…\"`, and use it there"),
            );
        }
    }
    names(modifiers, followed, cx);
}

/// The formula knows its names, and all triggers are in it.
fn names(modifiers: &KedaModifiers, followed: &[Follows<'_>], cx: &mut Decoder) {
    let (Some(formula), at) = (modifiers.formula.ok(), modifiers.formula.span) else { return };
    if formula.trim().is_empty() {
        cx.findings
            .push(bad(at, "the formula is empty").help("write one over the triggers' names"));
        return;
    }
    let Some(used) = identifiers(formula) else { return };
    let names: Vec<String> =
        followed.iter().filter(|it| it.is_external()).filter_map(Follows::name).collect();
    let is_known = |word: &&&str| names.iter().any(|name| name == **word);
    for word in used.iter().filter(|word| !is_known(word)) {
        let help = match nearest(word, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => "no trigger has a name yet: add `name = \"…\"`".to_owned(),
            None => format!("triggers are called {}", quoted(&names)),
        };
        cx.findings
            .push(bad(at, format!("no trigger of the formula is named `{word}`")).help(help));
    }
    if !used.iter().all(|word| is_known(&word)) {
        // A slip in one name leaves another unused.
        return;
    }
    for it in followed.iter().filter(|it| it.is_external()) {
        if let Some(name) = it.name().filter(|name| !used.contains(&name.as_str())) {
            let help = match it {
                Follows::Written(_) => format!("use `{name}` in it, or remove the trigger"),
                _ => format!("use `{name}` in it, or take its target off `scaling.scale_on`"),
            };
            cx.report(
                conflict(at, format!("`{name}` takes no part in the formula"))
                    .here("the fleet scales on its result alone, and on CPU")
                    .help(help),
            );
        }
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Words of expr-lang that are no names.
const KEYWORDS: [&str; 15] = [
    "and",
    "contains",
    "else",
    "endsWith",
    "false",
    "if",
    "in",
    "let",
    "matches",
    "nil",
    "not",
    "or",
    "startsWith",
    "true",
    "then",
];

/// The names that a formula reads, in order; `None` where it declares names of its own.
fn identifiers(formula: &str) -> Option<Vec<&str>> {
    let own_names = |c: char| "#{};".contains(c);
    if formula.contains(own_names) {
        return None;
    }
    let mut found = Vec::new();
    let mut rest = formula;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let length = if word(first) {
            rest.find(|c: char| !word(c)).unwrap_or(rest.len())
        } else if matches!(first, '"' | '\'' | '`') {
            rest[1..].find(first).map_or(rest.len(), |end| end + 2)
        } else {
            first.len_utf8()
        };
        let (token, after) = rest.split_at(length);
        let is_name = !first.is_ascii_digit() && word(first) && before != '.';
        let is_call = after.trim_start().starts_with('(');
        if is_name && !is_call && !KEYWORDS.contains(&token) && !found.contains(&token) {
            found.push(token);
        }
        if !first.is_whitespace() {
            before = first;
        }
        rest = after;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::identifiers;

    #[test]
    fn formulas_name_triggers() {
        let names = |formula| identifiers(formula).unwrap();
        assert_eq!(names("(lag + 2 * retries_1) / 1e3"), ["lag", "retries_1"]);
        assert_eq!(
            names("max([a, b, a]) > 1 and not (c ?? 0 == 0) ? 1.5 : d"),
            ["a", "b", "c", "d"]
        );
        assert_eq!(names("\"x y\" == 'z' ? a : b.c"), ["a", "b"]);
        assert_eq!(identifiers("let x = a; x"), None);
        assert_eq!(names("ä + a"), ["a"]);
    }
}
