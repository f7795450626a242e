//! Holds the output of `slogen render` to account before the tools that users feed it to: promtool, kubectl, and
//! the kustomize inside kubectl.
//!
//! A tool that is not installed is skipped, unless `SLOGEN_REQUIRE_TOOLS=1`, as in CI, forbids it.

#![cfg(test)]

mod common;
mod installed;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use common::{cases, documents, id, list, of_kind};
use installed::tool;

/// What a tool prints; it must succeed. It sees no configuration of a cluster.
fn run<S: AsRef<OsStr>>(tool: &Path, arguments: &[S]) -> String {
    let mut command = Command::new(tool);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let output = command.env_clear().env("PATH", path).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{command:?}\n{errors}\n{text}");
    text
}

#[test]
fn promtool_accepts_every_rule() {
    let Some(promtool) = tool("promtool") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut arguments = ["check", "rules", "--lint-fatal"].map(PathBuf::from).to_vec();
    let mut wanted = Vec::new();
    for case in cases() {
        for rule in of_kind(&case.objects(), "PrometheusRule") {
            // JSON is YAML.
            let file = folder.path().join(format!("{}.yaml", case.name));
            fs::write(&file, rule["spec"].to_string()).unwrap();
            let groups = list(&rule["spec"]["groups"]).iter();
            let count: usize = groups.map(|group| list(&group["rules"]).len()).sum();
            wanted.push(format!("Checking {}\n  SUCCESS: {count} rules found", file.display()));
            arguments.push(file);
        }
    }
    assert!(!wanted.is_empty(), "no case has any rules");
    let report = run(&promtool, &arguments);
    for line in wanted {
        assert!(report.contains(&line), "no\n{line}\nin\n{report}");
    }
}

#[test]
fn kubectl_reads_every_object_as_it_is_meant() {
    let Some(kubectl) = tool("kubectl") else { return };
    let folder = tempfile::tempdir().unwrap();
    for case in cases() {
        let stream = folder.path().join(format!("{}.yaml", case.name));
        fs::write(&stream, case.render(&[])).unwrap();
        let arguments = [
            "annotate",
            "--local",
            "-f",
            &stream.to_string_lossy(),
            "slogen.dev/read=yes",
            "-o",
            "json",
        ];
        let read = run(&kubectl, &arguments);
        let read: Vec<Value> =
            serde_json::Deserializer::from_str(&read).into_iter().map(Result::unwrap).collect();
        let mut wanted = case.objects();
        for object in &mut wanted {
            object["metadata"]["annotations"]["slogen.dev/read"] = json!("yes");
        }
        same(&case.name, &read, &wanted);
    }
}

/// Fails at the first object that differs.
fn same(case: &str, found: &[Value], wanted: &[Value]) {
    let ids = |objects: &[Value]| objects.iter().map(id).collect::<Vec<_>>();
    assert_eq!(ids(found), ids(wanted), "{case}");
    for (found, wanted) in found.iter().zip(wanted) {
        assert!(found == wanted, "{case}: {} is\n{found}\nand should be\n{wanted}", id(wanted));
    }
}

#[test]
fn kustomize_builds_the_folder() {
    let Some(kubectl) = tool("kubectl") else { return };
    for case in cases() {
        let folder = tempfile::tempdir().unwrap();
        case.write_to(folder.path());
        let mut built =
            documents(&run(&kubectl, &["kustomize".as_ref(), folder.path().as_os_str()]));
        let mut wanted = case.objects();
        built.sort_by_key(id);
        wanted.sort_by_key(id);
        same(&case.name, &built, &wanted);
    }
}

/// An overlay gives names a prefix and objects another namespace: everything that says a name must follow.
#[test]
fn kustomize_renames_the_service_as_a_whole() {
    let Some(kubectl) = tool("kubectl") else { return };
    for case in cases() {
        let folder = tempfile::tempdir().unwrap();
        case.write_to(&folder.path().join("base"));
        let built = renamed(&kubectl, folder.path());
        assert_eq!(built.len(), case.objects().len(), "{}", case.name);
        for object in &built {
            let metadata = &object["metadata"];
            let name = metadata["name"].as_str().unwrap();
            assert!(name.starts_with("blue-"), "{}: {}", case.name, id(object));
            assert_eq!(metadata["namespace"], "elsewhere", "{}: {}", case.name, id(object));
        }
        let named = |kind: &str, name: &Value| {
            of_kind(&built, kind).iter().any(|object| object["metadata"]["name"] == *name)
        };
        for autoscaler in of_kind(&built, "HorizontalPodAutoscaler") {
            let target = &autoscaler["spec"]["scaleTargetRef"];
            assert!(
                named(target["kind"].as_str().unwrap(), &target["name"]),
                "{}: {target}",
                case.name
            );
        }
        for set in of_kind(&built, "StatefulSet") {
            let service = &set["spec"]["serviceName"];
            assert!(named("Service", service), "{}: {service}", case.name);
        }
    }
}

/// kustomize knows that an HPA names a workload; of a ScaledObject it learns it from `kustomizeconfig.yaml`.
#[test]
fn kustomize_renames_the_target_of_a_scaled_object() {
    let Some(kubectl) = tool("kubectl") else { return };
    for case in cases().iter().filter(|case| ["inference", "statefulset"].contains(&&*case.name)) {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().join("base");
        case.write_to(&base);
        let autoscaler = of_kind(&case.objects(), "HorizontalPodAutoscaler")[0].clone();
        let scaled = json!({
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "ScaledObject",
            "metadata": { "name": "scaled" },
            "spec": { "scaleTargetRef": autoscaler["spec"]["scaleTargetRef"], "triggers": [] },
        });
        let file = format!("{}.yaml", id(&autoscaler).to_lowercase().replace('/', "-"));
        fs::write(base.join(file), scaled.to_string()).unwrap();
        let built = renamed(&kubectl, folder.path());
        let scaled = of_kind(&built, "ScaledObject")[0];
        let target = autoscaler["spec"]["scaleTargetRef"]["name"].as_str().unwrap();
        let prefixed = format!("blue-{target}");
        assert_eq!(scaled["spec"]["scaleTargetRef"]["name"], prefixed, "{}", case.name);
    }
}

/// Builds the folder `base` below `folder` with another prefix and namespace laid over it.
fn renamed(kubectl: &Path, folder: &Path) -> Vec<Value> {
    let overlay = folder.join("overlay");
    fs::create_dir(&overlay).unwrap();
    let kustomization =
        json!({ "resources": ["../base"], "namePrefix": "blue-", "namespace": "elsewhere" });
    fs::write(overlay.join("kustomization.yaml"), kustomization.to_string()).unwrap();
    documents(&run(kubectl, &["kustomize".as_ref(), overlay.as_os_str()]))
}
