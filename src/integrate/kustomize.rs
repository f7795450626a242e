//! The files that make kustomize run slogen.

use serde_json::{Value, json};

use super::function::API_VERSION;
use crate::finding::{Op, Step, Target};
use crate::source::FileId;
use crate::yaml::{self, edit, emit};

/// The file that tells kustomize about names in objects that it does not know.
pub const CONFIG: &str = "kustomizeconfig.yaml";
/// The file that runs the generator.
pub const GENERATOR: &str = "slogen-generator.yaml";
/// The file that runs the linter.
pub const LINT: &str = "slogen-lint.yaml";

/// What kustomize must be told: it knows that an HPA names its target, and not what KEDA's objects name.
pub fn config() -> Value {
    let named = |kind: &str, (key, value): (&str, &str), from: &str, path: &str| {
        let place = json!({ "path": path, "group": "keda.sh", "kind": from });
        json!({ "kind": kind, key: value, "fieldSpecs": [place] })
    };
    let (target, apps) = ("spec/scaleTargetRef/name", ("group", "apps"));
    let references = [
        named("Deployment", apps, "ScaledObject", target),
        named("StatefulSet", apps, "ScaledObject", target),
        named(
            "TriggerAuthentication",
            ("group", "keda.sh"),
            "ScaledObject",
            "spec/triggers/authenticationRef/name",
        ),
        named("Secret", ("version", "v1"), "TriggerAuthentication", "spec/secretTargetRef/name"),
    ];
    json!({ "nameReference": references })
}

/// Which of kustomize's protocols a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// KRM functions: `kustomize build --enable-alpha-plugins --enable-exec`.
    Krm,
    /// Exec plugins: `kubectl kustomize --enable-alpha-plugins`, which cannot run functions.
    Legacy,
}

/// The object that asks for `kind`, as a file.
pub fn function(
    kind: &str,
    name: &str,
    spec: &Value,
    protocol: Protocol,
) -> Result<String, String> {
    let mut metadata = json!({ "name": name });
    if protocol == Protocol::Krm {
        let function = emit::stream(&[&json!({ "exec": { "path": "slogen", "args": ["krm"] } })])?;
        metadata = json!({
            "name": name,
            "annotations": { "config.kubernetes.io/function": function },
        });
    }
    let object =
        json!({ "apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec });
    emit::stream(&[&object])
}

/// A kustomization with `lists`: the entries that each of its fields gets.
pub fn kustomization(lists: &[(&str, &str)]) -> Result<String, String> {
    let mut object = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
    });
    for (field, entry) in lists {
        object[*field] = json!([entry]);
    }
    emit::stream(&[&object])
}

/// `text`, a kustomization, with the entries of `lists` that it lacks; all else stays as it is. Or why not.
pub fn extended(text: &str, lists: &[(&str, &str)]) -> Result<String, String> {
    let stream = yaml::parse(FileId::NONE, text);
    if let Some(problem) = stream.problems.first() {
        return Err(format!("it is no YAML: {}", problem.message));
    }
    let mut documents = stream.documents();
    let Some(root) = documents.next() else {
        let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        return Ok(format!("{text}{gap}{}", kustomization(lists)?));
    };
    if documents.next().is_some() {
        return Err("it holds several documents".to_owned());
    }
    if !root.is_mapping() {
        return Err("it is no mapping".to_owned());
    }
    let mut ops = Vec::new();
    for (field, entry) in lists {
        let key = Step::Key((*field).to_owned());
        match root.entry(field) {
            None => ops.push(Op::Insert(root.target(), (*field).to_owned(), json!([entry]))),
            Some(list) if list.is_sequence() || list.is_null() => {
                let listed = |item: yaml::Place<'_>| {
                    item.text().is_some_and(|text| text.trim_start_matches("./") == *entry)
                };
                if !list.items().any(listed) {
                    let target = Target { path: vec![key], ..root.target() };
                    ops.push(Op::Append(target, json!(entry)));
                }
            }
            Some(_) => return Err(format!("its `{field}` is no list")),
        }
    }
    let ops: Vec<&Op> = ops.iter().collect();
    let new = edit::apply(&stream, &ops).map_err(|refused| refused.0)?;
    let after = yaml::parse(FileId::NONE, &new);
    if !after.problems.is_empty() || after.documents().len() != 1 {
        return Err("its layout is too unusual to be sure of".to_owned());
    }
    Ok(new)
}

/// Whether a file that is there already asks for a function of this `protocol`.
pub fn is_for(text: &str, protocol: Protocol) -> bool {
    let stream = yaml::parse(FileId::NONE, text);
    let annotations = stream.documents().next().and_then(|root| root.at("metadata/annotations"));
    let krm = annotations.is_some_and(|all| all.get("config.kubernetes.io/function").is_some());
    krm == (protocol == Protocol::Krm)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTS: [(&str, &str); 2] = [("generators", "g.yaml"), ("configurations", "c.yaml")];

    #[test]
    fn what_is_there_stays() {
        for (old, new) in [
            (
                "# mine\nresources: # r\n- a.yaml\n",
                "# mine\nresources: # r\n- a.yaml\ngenerators:\n- g.yaml\nconfigurations:\n- c.yaml\n",
            ),
            (
                "generators:\n  - other.yaml # o\n# end\nconfigurations: []\n",
                "generators:\n  - other.yaml # o\n  - g.yaml\n# end\nconfigurations: [c.yaml]\n",
            ),
            (
                "generators: # none yet\nconfigurations: [./c.yaml]\n",
                "generators: # none yet\n- g.yaml\nconfigurations: [./c.yaml]\n",
            ),
        ] {
            let once = extended(old, &LISTS).unwrap();
            assert_eq!(once, new);
            assert_eq!(extended(&once, &LISTS).unwrap(), once, "twice");
        }
    }

    #[test]
    fn what_is_unclear_is_left_alone() {
        for text in
            ["a: [\n", "a: 1\n---\nb: 1\n", "- a\n", "generators: {a: 1}\n", "generators: x\n"]
        {
            assert!(extended(text, &LISTS).is_err(), "{text}");
        }
        let empty = extended("# nothing\n", &LISTS).unwrap();
        assert!(
            empty.starts_with("# nothing\napiVersion: kustomize.config.k8s.io/v1beta1\n"),
            "{empty}"
        );
    }
}
