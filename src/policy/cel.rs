//! Evaluates an exported policy as the API server does, for tests: conditions, validation and
//! message, from the text that is emitted.

use kube_cel::KubeCelExt;
use kube_cel::cel::{Context, Program, Value as Cel};
use serde_json::Value;

/// A `ValidatingAdmissionPolicy` whose expressions are compiled.
pub(super) struct Compiled {
    /// Its name.
    pub(super) name: String,
    resources: Vec<(String, String)>,
    conditions: Vec<(String, Program)>,
    validation: Program,
    message: Program,
    audit: Program,
}

/// What a policy says of an object.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is not about such objects.
    OtherKind,
    /// This condition does not hold.
    Exempt(String),
    /// All is well.
    Admitted,
    /// It is refused, with this message.
    Refused(String),
}

impl Compiled {
    pub(super) fn new(policy: &Value) -> Self {
        let spec = &policy["spec"];
        let named = |list: &str| -> Vec<(String, Program)> {
            let items = spec[list].as_array().unwrap().iter();
            items.map(|item| (text(&item["name"]), compile(&item["expression"]))).collect()
        };
        let mut resources = Vec::new();
        for rule in spec["matchConstraints"]["resourceRules"].as_array().unwrap() {
            assert_eq!(rule["operations"], serde_json::json!(["CREATE", "UPDATE"]));
            let (group, version) = (text(&rule["apiGroups"][0]), text(&rule["apiVersions"][0]));
            let api_version = if group.is_empty() { version } else { format!("{group}/{version}") };
            let plurals = rule["resources"].as_array().unwrap();
            resources.extend(plurals.iter().map(|plural| (api_version.clone(), text(plural))));
        }
        Self {
            name: text(&policy["metadata"]["name"]),
            resources,
            conditions: named("matchConditions"),
            validation: compile(&spec["validations"][0]["expression"]),
            message: compile(&spec["validations"][0]["messageExpression"]),
            audit: compile(&spec["auditAnnotations"][0]["valueExpression"]),
        }
    }

    /// Whether it is about objects such as this one.
    pub(super) fn concerns(&self, object: &Value) -> bool {
        let plural = format!("{}s", text(&object["kind"]).to_lowercase());
        self.resources.contains(&(text(&object["apiVersion"]), plural))
    }

    /// What it says of an object that comes in place of `old`, with these parameters.
    pub(super) fn judge(&self, object: &Value, old: &Value, params: &Value) -> Verdict {
        if !self.concerns(object) {
            return Verdict::OtherKind;
        }
        let mut context = Context::default().with_all();
        for (name, value) in [("object", object), ("oldObject", old), ("params", params)] {
            context.add_variable_from_value(name, cel(value));
        }
        let run = |program: &Program, context: &Context<'_>, what: &str| {
            program
                .execute(context)
                .unwrap_or_else(|error| panic!("{}: {what}: {error}\non {object}", self.name))
        };
        for (name, condition) in &self.conditions {
            match run(condition, &context, name) {
                Cel::Bool(true) => {}
                Cel::Bool(false) => return Verdict::Exempt(name.clone()),
                other => panic!("{}: {name} is {other:?}", self.name),
            }
        }
        let string = |program: &Program, what: &str| match run(program, &context, what) {
            Cel::String(text) => (*text).clone(),
            other => panic!("{}: {what} is {other:?}", self.name),
        };
        let (message, audit) = (string(&self.message, "message"), string(&self.audit, "audit"));
        match run(&self.validation, &context, "validation") {
            Cel::Bool(true) => {
                assert_eq!(audit, "", "{}: an annotation of nothing", self.name);
                Verdict::Admitted
            }
            Cel::Bool(false) => {
                assert!(!audit.is_empty(), "{}: {message}", self.name);
                // Each evaluation may come upon the entries of a map in an order of its own.
                assert!(message.len() > audit.len(), "{}: {message}, {audit}", self.name);
                assert!(!message.contains('\n'), "{}: {message}", self.name);
                Verdict::Refused(message)
            }
            other => panic!("{}: the validation is {other:?}", self.name),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn compile(expression: &Value) -> Program {
    let text = expression.as_str().unwrap();
    Program::compile(text).unwrap_or_else(|error| panic!("{error}\nin\n{text}"))
}

/// As the API server hands an object over: every integer is signed.
fn cel(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(value) => Cel::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(value) => Cel::Int(value),
            None => Cel::Float(number.as_f64().unwrap()),
        },
        Value::String(text) => Cel::from(text.as_str()),
        Value::Array(items) => Cel::from(items.iter().map(cel).collect::<Vec<_>>()),
        Value::Object(map) => Cel::from(
            map.iter()
                .map(|(key, value)| (key.clone(), cel(value)))
                .collect::<std::collections::HashMap<_, _>>(),
        ),
    }
}
