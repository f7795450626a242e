//! Every name in the exported CEL is one that Kubernetes 1.30 gives an expression: functions of its environment
//! and parameters that are in the ConfigMap, no variables. The API server compiles expressions
//! when they are applied; this says it earlier.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Options, manifests};
use crate::rules::{Preset, RuleSet};

/// Functions and macros of the CEL environment of Kubernetes 1.30 that the policies may call.
const FUNCTIONS: [&str; 27] = [
    "all",
    "contains",
    "double",
    "endsWith",
    "exists",
    "filter",
    "has",
    "indexOf",
    "int",
    "isGreaterThan",
    "isLessThan",
    "join",
    "lastIndexOf",
    "lowerAscii",
    "map",
    "matches",
    "quantity",
    "replace",
    "size",
    "split",
    "startsWith",
    "string",
    "substring",
    "sum",
    "trim",
    "exists_one",
    "isQuantity",
];

/// `text` with strings blanked and comments cut, so that what is left is code.
fn code(text: &str) -> String {
    let mut found = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                found.push('\'');
                while let Some(inner) = chars.next() {
                    match inner {
                        '\\' => drop(chars.next()),
                        '\'' => break,
                        _ => {}
                    }
                }
                found.push('\'');
            }
            '/' if chars.peek() == Some(&'/') => {
                while chars.next_if(|next| *next != '\n').is_some() {}
            }
            _ => found.push(c),
        }
    }
    found
}

/// Words that stand in front of a bracket.
fn calls(code: &str) -> impl Iterator<Item = &str> {
    let before = code.match_indices('(').map(|(at, _)| &code[..at]);
    let word = |text: &'_ str| {
        let end = text.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        end.len()
    };
    before.map(move |text| &text[word(text)..]).filter(|word| !word.is_empty() && *word != "in")
}

/// What stands behind each `start`, up to the quote.
fn behind<'t>(text: &'t str, start: &'t str) -> impl Iterator<Item = &'t str> {
    text.split(start).skip(1).map(|rest| rest.split('\'').next().unwrap_or(""))
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap()
}

#[test]
fn policies_use_what_there_is() {
    let options =
        Options { namespace: "n".to_owned(), deny: true, exclude: Vec::new(), keda: None };
    let rules = RuleSet::of(&[Preset::Recommended, Preset::Strict, Preset::Security]);
    let manifests = manifests(&rules, &options).unwrap();
    let of_kind = |kind: &'static str| {
        manifests
            .iter()
            .filter(move |manifest| manifest.kind == kind)
            .map(|manifest| &manifest.object)
    };
    let params = &of_kind("ConfigMap").next().unwrap()["data"];
    let mut called = BTreeSet::new();
    let mut read = BTreeSet::new();
    for policy in of_kind("ValidatingAdmissionPolicy") {
        let (name, spec) = (text(&policy["metadata"], "name"), &policy["spec"]);
        assert!(
            name.len() <= 63 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
            "{name}"
        );
        let mut check = |expression: &str| {
            let code = code(expression);
            assert!(!code.contains(".?") && !code.contains("null :"), "{name}: {expression}");
            assert!(!code.contains("variables."), "{name}: a variable in {expression}");
            for word in calls(&code) {
                assert!(
                    FUNCTIONS.contains(&word),
                    "{name}: `{word}` is no function of Kubernetes 1.30"
                );
                called.insert(word.to_owned());
            }
            for param in behind(expression, "params.data['") {
                assert!(params[param].is_string(), "{name}: the ConfigMap has no `{param}`");
                assert!(spec["paramKind"].is_object(), "{name}: reads parameters of no kind");
                read.insert(param.to_owned());
            }
        };
        for condition in spec["matchConditions"].as_array().unwrap() {
            check(text(condition, "expression"));
        }
        let validation = &spec["validations"][0];
        check(text(validation, "expression"));
        check(text(validation, "messageExpression"));
        check(text(&spec["auditAnnotations"][0], "valueExpression"));
        assert!(spec["variables"].is_null(), "{name}");
    }
    let given: BTreeSet<_> = params.as_object().unwrap().keys().cloned().collect();
    assert_eq!(read, given, "a parameter that nothing reads");
    assert!(called.contains("quantity") && called.contains("matches"), "{called:?}");
}
