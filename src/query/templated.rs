//! PromQL in which another program fills in parts: prometheus-adapter's actions can be read past, others cannot.

use std::borrow::Cow;

/// `text` with prometheus-adapter's actions in `<<…>>` replaced by what may stand in their places, of the same length.
pub fn stand_ins(text: &str) -> Cow<'_, str> {
    if !text.contains("<<") {
        return Cow::Borrowed(text);
    }
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, action, length)) = next_action(rest) {
        out.push_str(&rest[..before]);
        match stand_in(action, length) {
            Some(stand_in) => out.push_str(&stand_in),
            None => out.push_str(&rest[before..before + length]),
        }
        rest = &rest[before + length..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Where the first action starts, what stands in it, and its length.
fn next_action(text: &str) -> Option<(usize, &str, usize)> {
    let start = text.find("<<")?;
    let inner = text[start + 2..].find(">>")?;
    Some((start, text[start + 2..start + 2 + inner].trim(), inner + 4))
}

fn stand_in(action: &str, length: usize) -> Option<String> {
    let name = |start: &str| format!("{start:_<length$}");
    match action.trim_matches('-').trim() {
        ".Series" => Some(name("series")),
        ".GroupBy" | ".GroupBySlice" => Some(name("group_by")),
        ".LabelMatchers" => {
            Some(format!("matched=\"{}\"", "_".repeat(length.checked_sub("matched=\"\"".len())?)))
        }
        action if action.starts_with("index .LabelValuesByName ") => Some(name("value")),
        _ => None,
    }
}

/// `text` with the arguments of an Argo analysis inside of quotes, `"{{args.service}}"`, replaced by names of the same
/// length: whatever they are, it is a label's value.
pub fn quoted_arguments(text: &str) -> Cow<'_, str> {
    if !text.contains("{{") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let (mut quote, mut rest) = (None, text);
    while let Some(first) = rest.chars().next() {
        let argument = rest.strip_prefix("{{").and_then(|it| it.split_once("}}"));
        if let (Some(_), Some((inner, _))) = (quote, argument)
            && inner.trim().starts_with("args.")
        {
            let length = inner.len() + "{{}}".len();
            out.push_str(&"_".repeat(length));
            rest = &rest[length..];
            continue;
        }
        match (quote, first) {
            (None, '"' | '\'' | '`') => quote = Some(first),
            (Some(open), _) if open == first => quote = None,
            _ => {}
        }
        out.push(first);
        rest = &rest[first.len_utf8()..];
    }
    Cow::Owned(out)
}

/// True if something else fills in parts before Prometheus reads it: Go's, Helm's and Grafana's templates.
pub fn is_templated(text: &str) -> bool {
    let variable = |at: usize| {
        text[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '{'))
    };
    text.contains("{{")
        || text.contains("<<")
        || text.match_indices('$').any(|(at, _)| variable(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Query;
    use proptest::prelude::*;

    #[test]
    fn actions_give_way_to_what_parses() {
        for (text, wanted) in [
            (
                "sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>)",
                "sum(rate(series_____{matched=\"________\"}[2m])) by (group_by____)",
            ),
            ("avg(<< .Series >>{a=\"b\", << .LabelMatchers >>})", ""),
            ("sum(<<.Series>>) by (<<.GroupBySlice>>)", ""),
            ("<<.Series>>{pod=~'<<index .LabelValuesByName \"pod\">>',<<.LabelMatchers>>}", ""),
            ("x{pod=\"<<index .LabelValuesByName \"pod\">>\"}", ""),
            ("x<<5", "x<<5"),
            ("<<.Other>>", "<<.Other>>"),
            ("<<.Series", "<<.Series"),
        ] {
            let found = stand_ins(text);
            assert_eq!(found.len(), text.len(), "{text}");
            if wanted.is_empty() || !wanted.contains("<<") {
                assert!(!is_templated(&found), "{text}");
                Query::parse(&found).unwrap_or_else(|reason| panic!("{found}: {reason:?}"));
            }
            assert!(wanted.is_empty() || found == wanted, "{found}");
        }
    }

    #[test]
    fn arguments_in_quotes_are_values() {
        let text = "rate(x{a=\"{{args.ä}}\", b='{{ args.b }}-c'}[{{args.window}}])";
        let found = quoted_arguments(text);
        assert_eq!(found, "rate(x{a=\"___________\", b='____________-c'}[{{args.window}}])");
        assert_eq!(found.len(), text.len());
        assert_eq!(quoted_arguments("x{a=\"{{inputs.b}}\"}"), "x{a=\"{{inputs.b}}\"}");
    }

    #[test]
    fn templates_are_told_from_expressions() {
        for text in ["rate(x[$__rate_interval])", "x[{{.window}}]", "x{a=\"${b}\"}", "x{a=\"$b\"}"]
        {
            assert!(is_templated(text), "{text}");
        }
        for text in ["x{a=~\"b$\"}", "x{a=~\"^(b|c$)\"}", "x < 5"] {
            assert!(!is_templated(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn lengths_stay(text in "(<<|>>|<| |\\.Series|\\.LabelMatchers|-|é){0,12}") {
            prop_assert_eq!(stand_ins(&text).len(), text.len());
        }
    }
}
