//! YAML as the tree that TOML makes, so that what reads one reads the other.

use rust_decimal::Decimal;

use super::{Layer, Node, Table, Value};
use crate::finding::Finding;
use crate::source::{FileId, Files, Span};
use crate::yaml::{self, Place, Scalar};

/// Parses `file`, one mapping. Keys without a value are as good as absent, as they are for Kubernetes.
pub fn parse_yaml(files: &Files, file: FileId, layer: Layer) -> (Table, Vec<Finding>) {
    let stream = yaml::parse(file, &files.get(file).text);
    let problem = |problem: &yaml::Problem| {
        let message = format!("this is no YAML: {}", problem.message);
        Finding::error("spec/syntax", problem.span, message)
            .help("look for a missing quote, colon or space on this line or the one before")
    };
    let mut findings: Vec<_> = stream.problems.iter().map(problem).collect();
    findings.extend(stream.duplicate_keys().map(|(first, later)| {
        Finding::error("spec/duplicate-key", later.span(), "this key is written twice")
            .label(first.span(), "here too")
            .help("keep one of the two")
    }));
    let mut documents = stream.documents();
    let mut reader = Reader { layer, findings };
    let table = match documents.next() {
        Some(root) if root.is_mapping() => reader.table(root),
        Some(root) => {
            let finding = Finding::error("spec/wrong-type", root.primary(), "expected a mapping");
            reader
                .findings
                .push(finding.help("write keys with values, such as `spec: {file: slo.toml}`"));
            Table::new()
        }
        None => Table::new(),
    };
    if let Some(other) = documents.next() {
        let finding = Finding::error("spec/syntax", other.primary(), "there is a second document");
        reader.findings.push(finding.help("only the first one counts: take this one out"));
    }
    (table, reader.findings)
}

struct Reader {
    layer: Layer,
    findings: Vec<Finding>,
}

impl Reader {
    fn table(&mut self, mapping: Place<'_>) -> Table {
        let entries = mapping.entries().into_iter().filter(|(_, value)| !value.is_null());
        entries.map(|(key, value)| (key.to_owned(), self.node(value))).collect()
    }

    fn node(&mut self, place: Place<'_>) -> Node {
        Node {
            key: place.key_span(),
            span: if place.is_scalar() { place.primary() } else { place.span() },
            layer: self.layer,
            value: self.value(place),
        }
    }

    fn value(&mut self, place: Place<'_>) -> Value {
        if place.is_mapping() {
            return Value::Table(self.table(place));
        }
        if place.is_sequence() {
            return Value::Array(place.items().map(|item| self.node(item)).collect());
        }
        match place.scalar() {
            Some(Scalar::Bool(flag)) => Value::Boolean(flag),
            Some(Scalar::Int(number)) => Value::Integer(number),
            Some(Scalar::Float(_)) => {
                let text = place.text().unwrap_or("");
                let number =
                    Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text));
                number.map_or_else(
                    |_| self.bad(place, "slogen cannot hold this number exactly"),
                    Value::Float,
                )
            }
            Some(Scalar::Str(text)) => Value::String(text.to_owned()),
            Some(Scalar::Null) | None => self.bad(place, "this item has no value"),
        }
    }

    fn bad(&mut self, place: Place<'_>, message: &str) -> Value {
        let span: Span = place.primary();
        self.findings.push(
            Finding::error("spec/wrong-type", span, message)
                .help("write a value, in quotes if it is a text"),
        );
        Value::Damaged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_know_their_places() {
        let mut files = Files::default();
        let text = "a: {b: 0.350, c: [on, 'x']}\nd:\n  e: 3\nf:\n";
        let file = files.add("a", text);
        let (table, findings) = parse_yaml(&files, file, Layer::File);
        assert!(findings.is_empty(), "{findings:?}");
        let json = serde_json::to_string(
            &table
                .iter()
                .map(|(key, node)| (key.clone(), node.to_json()))
                .collect::<serde_json::Map<_, _>>(),
        )
        .unwrap();
        assert_eq!(json, r#"{"a":{"b":0.35,"c":[true,"x"]},"d":{"e":3}}"#);
        let Value::Table(d) = &table["d"].value else { panic!("d is a table") };
        assert_eq!(files.position(d["e"].span).to_string(), "3:6");
        assert_eq!(files.position(d["e"].key.unwrap()).to_string(), "3:3");
    }

    #[test]
    fn every_problem_is_reported() {
        for (text, message) in [
            ("a: 1\na: 2\n", "this key is written twice"),
            ("- a\n", "expected a mapping"),
            ("a: [~]\n", "this item has no value"),
            ("a: .nan\n", "slogen cannot hold this number exactly"),
            ("a: 1\n---\nb: 1\n", "there is a second document"),
            ("a: [\n", "this is no YAML"),
        ] {
            let mut files = Files::default();
            let file = files.add("a", text);
            let (_, findings) = parse_yaml(&files, file, Layer::File);
            assert!(
                findings.iter().any(|found| found.message.starts_with(message)),
                "{text}: {findings:?}"
            );
        }
    }
}
