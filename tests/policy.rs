//! `slogen policy export` follows the configuration of `slogen lint`, and its own flags.

#![cfg(test)]

mod common;

use std::fs;
use std::process::Output;

use serde_json::{Value, json};

use common::{documents, of_kind, slogen};

/// What `slogen policy export` does in a folder with this slogen.toml.
fn export(config: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("slogen.toml"), config).unwrap();
    slogen().current_dir(&folder).args(["policy", "export"]).args(arguments).output().unwrap()
}

fn objects(config: &str, arguments: &[&str]) -> Vec<Value> {
    let output = export(config, arguments);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    documents(&String::from_utf8(output.stdout).unwrap())
}

fn names(objects: &[Value]) -> Vec<&str> {
    let policies = of_kind(objects, "ValidatingAdmissionPolicy").into_iter();
    policies.map(|policy| policy["metadata"]["name"].as_str().unwrap()).collect()
}

#[test]
fn levels_and_options_are_those_of_the_configuration() {
    let config = concat!(
        "[lint.levels]\nresources = \"off\"\n\"resources/missing-requests\" = \"error\"\n",
        "[lint.rules.\"resources/missing-requests\"]\nresources = [\"memory\"]\n",
        "[lint.rules.\"probes/short-startup-budget\"]\nmin_budget = \"2m\"\n",
    );
    let all = objects(config, &[]);
    assert!(names(&all).contains(&"slogen-resources-missing-requests"));
    assert!(!names(&all).contains(&"slogen-resources-milli-memory"));
    let data = &of_kind(&all, "ConfigMap")[0]["data"];
    assert_eq!(data["resources.missing-requests.resources"], "memory");
    assert_eq!(data["probes.short-startup-budget.min_budget"], "120");
    // Who names a rule wants it.
    let one = objects(config, &["resources/milli-memory"]);
    assert_eq!(names(&one), ["slogen-resources-milli-memory"]);
    assert!(of_kind(&one, "ConfigMap").is_empty() && of_kind(&one, "Namespace").is_empty());
    // Of a family, those that can be.
    let keda = objects("", &["keda"]);
    assert!(names(&keda).contains(&"slogen-keda-rejected-bounds"));
    assert!(!names(&keda).contains(&"slogen-keda-wakeless-triggers"));
    // What depends on the version of KEDA reads it from the parameters, empty where it is not known.
    let version = |config| {
        let objects = objects(config, &["keda/rejected-fallback"]);
        assert_eq!(
            of_kind(&objects, "ValidatingAdmissionPolicy")[0]["spec"]["paramKind"]["kind"],
            "ConfigMap"
        );
        of_kind(&objects, "ConfigMap")[0]["data"].clone()
    };
    assert_eq!(version("[lint]\nkeda = \"2.17\"\n"), json!({ "cluster.keda": "2.17" }));
    assert_eq!(version(""), json!({ "cluster.keda": "" }));
}

#[test]
fn flags_decide_where_and_how() {
    let arguments = ["probes", "--deny", "--namespace", "policies", "--exclude-namespace", "build"];
    let all = objects("", &arguments);
    assert_eq!(of_kind(&all, "Namespace")[0]["metadata"]["name"], "policies");
    assert_eq!(of_kind(&all, "ConfigMap")[0]["metadata"]["namespace"], "policies");
    let bindings = of_kind(&all, "ValidatingAdmissionPolicyBinding");
    assert!(bindings.len() > 2 && bindings.len() == names(&all).len());
    for binding in &bindings {
        let selector = &binding["spec"]["matchResources"]["namespaceSelector"];
        let wanted = json!([
            { "key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system", "build"] },
        ]);
        assert_eq!(selector["matchExpressions"], wanted);
        assert_eq!(binding["spec"]["validationActions"], json!(["Deny"]));
    }
    let wanted = json!({
        "name": "slogen-policy-params", "namespace": "policies", "parameterNotFoundAction": "Deny",
    });
    let with_options =
        bindings.iter().find(|it| it["spec"]["policyName"] == "slogen-probes-short-startup-budget");
    assert_eq!(with_options.unwrap()["spec"]["paramRef"], wanted);
    // A namespace that every cluster has is not ours to make.
    assert!(of_kind(&objects("", &["probes", "--namespace", "default"]), "Namespace").is_empty());
}

#[test]
fn what_cannot_be_exported_says_why() {
    let refused = |config: &str, arguments: &[&str]| {
        let output = export(config, arguments);
        assert!(output.status.code() == Some(2) && output.stdout.is_empty(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let error = refused("", &["probes/missing-readiness"]);
    assert!(error.contains("it needs the Service that sends the traffic"), "{error}");
    assert!(error.contains("\n  hygiene/floating-image\n"), "{error}");
    let off = "[lint.levels]\nschema = \"off\"\nresources = \"off\"\nprobes = \"off\"\nscaling = \"off\"\nkeda = \"off\"\navailability = \"off\"\nrollout = \"off\"\nmonitoring = \"off\"\nsecurity = \"off\"\nhygiene = \"off\"\n";
    assert!(refused(off, &[]).contains("turns off every rule"));
    assert!(
        refused("[lint.levels]\nresource = \"off\"\n", &[]).contains("there is no rule `resource`")
    );
    assert!(
        refused("[lint.rules.\"rollout/prestop-exceeds-grace\"]\nmin_left = \"5\"\n", &[])
            .contains("do not fit")
    );
}
