//! Every expression that slogen writes is understood part by part, with the place of each.

#![cfg(test)]

mod common;

use std::fs;

use serde_json::Value;
use slogen::query::{Kind, Query, is_templated, stand_ins};

use common::{cases, documents};

/// Adds every expression in `value`, which stands under `key`.
fn collect(value: &Value, key: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, it)| collect(it, key, found)),
        Value::Array(items) => items.iter().for_each(|it| collect(it, key, found)),
        Value::String(text)
            if ["expr", "query", "metricsQuery", "seriesQuery"].contains(&key)
                && !is_templated(&stand_ins(text)) =>
        {
            found.push(text.clone());
        }
        _ => {}
    }
}

#[test]
fn what_slogen_writes_is_understood() {
    let mut found = Vec::new();
    for case in cases() {
        for object in &case.objects() {
            collect(object, "", &mut found);
        }
        let values = fs::read_to_string(case.folder.join("adapter-values.yaml"));
        let values = values.map(|text| documents(&text)).unwrap_or_default();
        for value in &values {
            collect(value, "", &mut found);
        }
    }
    assert!(found.len() > 500, "{}", found.len());
    for text in found {
        let filled = stand_ins(&text);
        let query = Query::parse(&filled).unwrap_or_else(|why| panic!("{text}: {why:?}"));
        query.tree().walk(&mut |node, _| {
            assert_ne!(node.kind, Kind::Opaque, "{text}");
            let part = &filled[node.span.clone()];
            assert!(Query::parse(part).is_ok(), "{part} in {text}");
        });
        for selector in query.tree().selectors() {
            let (name, place) = selector.name().unwrap();
            assert!(filled[place].contains(name), "{text}");
            for matcher in selector.matchers {
                let written = &filled[matcher.span.clone()];
                assert!(written.starts_with(&matcher.label), "{written} in {text}");
                assert!(written.ends_with(&filled[matcher.value_span.clone()]), "{text}");
            }
        }
    }
}
