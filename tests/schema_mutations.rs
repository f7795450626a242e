//! For every kind that is built in: an object with every field is valid, and with a single mistake in it, it is not,
//! at the place of the mistake and nowhere else.
//!
//! Objects and mistakes come from the schemas themselves; a definition that several kinds share is tried in the first
//! of them.

#![cfg(test)]

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};
use slogen::openapi;

/// One of these fits every pattern.
const TEXTS: [&str; 11] = [
    "a",
    "1",
    "1MB",
    "warn",
    "http://a",
    "aGk=",
    "a.example.com",
    "500m",
    "2026-01-01T00:00:00Z",
    "Always",
    "10s",
];

/// A schema with the document that its references point into.
struct Node<'s> {
    document: &'s Value,
    schema: Map<String, Value>,
    /// The definition that it is, if it is one.
    definition: Option<String>,
}

impl<'s> Node<'s> {
    fn new(document: &'s Value, schema: &Value) -> Self {
        let mut node = Self { document, schema: Map::new(), definition: None };
        node.lay(schema);
        node
    }

    /// Adds what `schema` says, through references and `allOf`.
    fn lay(&mut self, schema: &Value) {
        let Some(schema) = schema.as_object() else { return };
        let all = schema.get("allOf").and_then(Value::as_array);
        for part in all.into_iter().flatten() {
            self.lay(part);
        }
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let pointer = reference.trim_start_matches('#');
            self.definition = pointer.rsplit('/').next().map(str::to_owned);
            self.lay(&self.document.pointer(pointer).unwrap().clone());
        }
        let own = schema.iter().filter(|(key, _)| !["$ref", "allOf"].contains(&key.as_str()));
        for (key, value) in own {
            let known = self.schema.get_mut(key).and_then(Value::as_object_mut);
            match (known, value) {
                (Some(known), Value::Object(more)) if key == "properties" => {
                    known.extend(more.clone());
                }
                _ => {
                    self.schema.insert(key.clone(), value.clone());
                }
            }
        }
    }

    fn child(&self, schema: &Value) -> Node<'s> {
        Node::new(self.document, schema)
    }

    fn properties(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.schema.get("properties").and_then(Value::as_object).into_iter().flatten()
    }

    fn is_required(&self, name: &str) -> bool {
        let required = self.schema.get("required").and_then(Value::as_array);
        required.is_some_and(|required| required.iter().any(|it| it == name))
    }

    fn takes(&self, value: &Value) -> bool {
        let mut schema = self.schema.clone();
        schema.remove("properties");
        schema.insert("$schema".to_owned(), self.document["$schema"].clone());
        jsonschema::is_valid(&Value::Object(schema), value)
    }

    fn types(&self) -> Vec<&str> {
        match self.schema.get("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// A value with every field, but for those of definitions that are `open` around it.
    fn sample(&self, open: &[&str]) -> Value {
        if let Some(value) = self.schema.get("const") {
            return value.clone();
        }
        if let Some(values) = self.schema.get("enum").and_then(Value::as_array) {
            return values[0].clone();
        }
        let mut around = open.to_vec();
        around.extend(self.definition.as_deref());
        let is_open = |child: &Node<'_>| {
            child.definition.as_deref().is_some_and(|name| around.contains(&name))
        };
        let types = self.types();
        if types.contains(&"object") || self.schema.contains_key("properties") {
            let fields = self.properties().filter_map(|(name, schema)| {
                let child = self.child(schema);
                let needed = self.is_required(name);
                (needed || !is_open(&child)).then(|| (name.clone(), child.sample(&around)))
            });
            let mut fields: Map<_, _> = fields.collect();
            if let Some(schema @ Value::Object(_)) = self.schema.get("additionalProperties") {
                let child = self.child(schema);
                if !is_open(&child) {
                    fields.insert("a".to_owned(), child.sample(&around));
                }
            }
            return Value::Object(fields);
        }
        if types.contains(&"array") {
            let item = self.schema.get("items").map(|items| self.child(items));
            let item = item.filter(|item| !is_open(item));
            return Value::Array(item.map(|item| item.sample(&around)).into_iter().collect());
        }
        let numbers = [json!(1), json!(1.5), json!(true)].into_iter();
        let mut scalars = TEXTS.iter().map(|text| json!(text)).chain(numbers);
        scalars.find(|value| self.takes(value)).unwrap_or_else(|| panic!("{:?}", self.schema))
    }
}

/// A mistake, and where and how it must be told.
struct Mistake {
    object: Value,
    pointer: String,
    says: String,
}

/// Collects every mistake in the values of one object that no other object had before.
struct Mistakes<'s> {
    object: &'s Value,
    seen: &'s mut HashSet<(String, String)>,
    found: Vec<Mistake>,
}

impl Mistakes<'_> {
    fn collect(&mut self, node: &Node<'_>, pointer: &str, owner: &str) {
        let owner = node.definition.as_deref().unwrap_or(owner).to_owned();
        let value = self.object.pointer(pointer).unwrap();
        if value.is_object() {
            let closed = node.schema.get("additionalProperties") == Some(&json!(false));
            if closed && self.seen.insert((owner.clone(), "unknown".to_owned())) {
                let place = format!("{pointer}/unheardOf");
                self.add(pointer, "unheardOf", Some(json!(1)), &place, "unknown field");
            }
            for (name, schema) in node.properties() {
                let Some(inner) = value.get(name) else { continue };
                let child = node.child(schema);
                let place = format!("{pointer}/{name}");
                if self.seen.insert((owner.clone(), name.clone())) {
                    if node.is_required(name) {
                        self.add(pointer, name, None, pointer, "missing required field");
                    }
                    let wrong = wrong(&child);
                    if let Some((wrong, says)) = wrong {
                        self.add(pointer, name, Some(wrong), &place, says);
                    }
                }
                if inner.is_object() || inner.is_array() {
                    self.collect(&child, &place, &format!("{owner}.{name}"));
                }
            }
        }
        if value.as_array().is_some_and(|items| !items.is_empty()) {
            let items = node.child(&node.schema["items"]);
            self.collect(&items, &format!("{pointer}/0"), &format!("{owner}[]"));
        }
    }

    /// The object, in which the field `name` below `parent` is `value`, or is not there.
    fn add(&mut self, parent: &str, name: &str, value: Option<Value>, pointer: &str, says: &str) {
        let mut object = self.object.clone();
        let fields = object.pointer_mut(parent).and_then(Value::as_object_mut).unwrap();
        match value {
            Some(value) => fields.insert(name.to_owned(), value),
            None => fields.remove(name),
        };
        self.found.push(Mistake { object, pointer: pointer.to_owned(), says: says.to_owned() });
    }
}

/// A value that the schema does not take, and how that is told; `None` if it takes everything.
fn wrong(node: &Node<'_>) -> Option<(Value, &'static str)> {
    let values = [json!([[]]), json!({ "unheardOf": {} }), json!("§"), json!(true), json!(-1.5)];
    if node.schema.contains_key("const") || node.schema.contains_key("enum") {
        return Some((json!("§"), "wanted"));
    }
    let types = node.types();
    let value = values.into_iter().find(|value| {
        let own = match value {
            Value::Array(_) => "array",
            Value::Object(_) => "object",
            Value::String(_) => "string",
            Value::Bool(_) => "boolean",
            _ => "number",
        };
        !types.is_empty() && !types.contains(&own)
    })?;
    Some((value, "wanted"))
}

#[test]
fn every_mistake_in_every_kind_is_told_at_its_place() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/kubernetes");
    let mut seen = HashSet::new();
    let (mut kinds, mut mistakes, mut problems) = (0, 0, Vec::new());
    for (kind, api_version) in openapi::kinds() {
        let file = format!("{}-{}.json", api_version.replace('/', "-"), kind.to_lowercase());
        let document: Value =
            serde_json::from_str(&fs::read_to_string(folder.join(file)).unwrap()).unwrap();
        let root = Node::new(&document, &document);
        let object = root.sample(&[]);
        let told = openapi::validate(kind, api_version, &object).unwrap();
        if !told.is_empty() {
            problems.push(format!("{api_version} {kind}: a valid object is not: {told:?}"));
            continue;
        }
        kinds += 1;
        let mut all = Mistakes { object: &object, seen: &mut seen, found: Vec::new() };
        all.collect(&root, "", &format!("{api_version} {kind}"));
        for mistake in all.found {
            mistakes += 1;
            let told = openapi::validate(kind, api_version, &mistake.object).unwrap();
            let fits = matches!(told.as_slice(), [(pointer, message)]
                if *pointer == mistake.pointer && message.contains(&mistake.says));
            if !fits {
                problems.push(format!(
                    "{api_version} {kind}: at `{}` {} is told as {told:?}",
                    mistake.pointer, mistake.says
                ));
            }
        }
    }
    assert!(
        problems.is_empty(),
        "{} problems\n{}",
        problems.len(),
        problems[..problems.len().min(40)].join("\n")
    );
    assert!(kinds > 90 && mistakes > 4000, "{kinds} kinds, {mistakes} mistakes");
}
