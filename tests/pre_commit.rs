//! The hooks of `.pre-commit-hooks.yaml`, run by pre-commit itself on repositories made for the purpose.

#![allow(clippy::unwrap_used, reason = "a failure is the test's own")]

mod installed;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use installed::tool;

const GOOD: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: { name: shop, labels: { app: shop } }
spec:
  selector: { matchLabels: { app: shop } }
  template:
    metadata: { labels: { app: shop } }
    spec:
      containers:
        - name: shop
          image: registry.example.com/shop:1.4.2
          resources:
            requests: { cpu: 250m, memory: 512Mi }
            limits: { memory: 512Mi }
";

/// A folder with two repositories and what pre-commit keeps.
struct Place {
    folder: tempfile::TempDir,
    pre_commit: PathBuf,
}

impl Place {
    /// `None` where pre-commit is not installed.
    fn new() -> Option<Self> {
        let pre_commit = tool("pre-commit")?;
        let place = Self { folder: tempfile::tempdir().unwrap(), pre_commit };
        place.start("hooks");
        place.write("hooks/.pre-commit-hooks.yaml", &hooks());
        place.commit("hooks");
        place.start("user");
        Some(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn start(&self, repository: &str) {
        fs::create_dir_all(self.path(repository)).unwrap();
        self.git(repository, &["init", "--quiet"]);
    }

    fn commit(&self, repository: &str) {
        self.git(repository, &["add", "--all"]);
        self.git(repository, &["commit", "--quiet", "--message", "a", "--allow-empty"]);
    }

    /// A program that sees no configuration but this folder's, and the slogen under test first.
    fn command(&self, program: &Path, repository: &str) -> Command {
        let mut command = Command::new(program);
        let own = Path::new(env!("CARGO_BIN_EXE_slogen")).parent().unwrap().to_owned();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path: OsString =
            std::env::join_paths([own].into_iter().chain(std::env::split_paths(&path))).unwrap();
        command
            .current_dir(self.path(repository))
            .env("PATH", path)
            .env("PRE_COMMIT_HOME", self.path("home"))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "a").env(format!("GIT_{who}_EMAIL"), "a@b.c");
        }
        // A hook of git's own may be what runs this test.
        for name in ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"] {
            command.env_remove(name);
        }
        command
    }

    fn git(&self, repository: &str, arguments: &[&str]) -> String {
        let output = self.command(Path::new("git"), repository).args(arguments).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Runs one hook over all files of the user's repository.
    fn try_hook(&self, hooks: &str, id: &str) -> Output {
        self.git("user", &["add", "--all"]);
        self.command(&self.pre_commit, "user")
            .args(["try-repo", &self.path(hooks).display().to_string(), id])
            .args(["--all-files", "--verbose", "--color", "never"])
            .output()
            .unwrap()
    }
}

/// The hooks as they are shipped.
fn hooks() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(".pre-commit-hooks.yaml"))
        .unwrap()
}

/// Everything that a program printed.
fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

fn bad() -> String {
    GOOD.replace("limits: { memory: 512Mi }", "limits: { memory: 256Mi }")
}

/// What no rule has a say in: a chart's templates and values, workflows, other YAML.
fn write_others(place: &Place) {
    let template = "apiVersion: v1\nkind: Pod\nmetadata: {{ .Values.metadata }}\nspec: [\n";
    place.write("user/charts/shop/templates/pod.yaml", template);
    place.write("user/charts/shop/values.yaml", "memory: 512m\n");
    place.write("user/charts/shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n");
    place.write("user/.github/workflows/ci.yaml", "on: push\njobs: {a: {runs-on: b}}\n");
    place.write("user/compose.yml", "services: {a: {image: a}}\n");
}

#[test]
fn lint_hooks_name_the_line_of_a_mistake() {
    let Some(place) = Place::new() else { return };
    write_others(&place);
    for id in ["slogen-lint-system", "slogen-lint-files-system"] {
        place.write("user/k8s/shop.yaml", &bad());
        let output = place.try_hook("hooks", id);
        let text = said(&output);
        assert!(!output.status.success() && text.contains("Failed"), "{text}");
        assert!(text.contains("k8s/shop.yaml:13:"), "{text}");
        assert!(text.contains("resources/request-above-limit"), "{text}");
        place.write("user/k8s/shop.yaml", GOOD);
        let output = place.try_hook("hooks", id);
        let text = said(&output);
        assert!(output.status.success() && text.contains("Passed"), "{text}");
        assert!(!text.contains("holds no manifests"), "{text}");
    }
}

#[test]
fn hooks_run_where_there_is_something_to_read() {
    let Some(place) = Place::new() else { return };
    write_others(&place);
    fs::remove_file(place.path("user/compose.yml")).unwrap();
    place.write("user/README.md", "apiVersion: [\n");
    for id in ["slogen-lint-system", "slogen-lint-files-system", "slogen-render-check-system"] {
        let text = said(&place.try_hook("hooks", id));
        assert!(text.contains("Skipped"), "{id}: {text}");
    }
}

/// However pre-commit shuffles and splits the files.
#[test]
fn the_hook_on_files_finds_the_same_in_any_split() {
    let Some(place) = Place::new() else { return };
    let hpa = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: { name: NAME }\nspec: { scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: NAME }, minReplicas: 9, maxReplicas: 3 }\n";
    for index in 0..40 {
        let name = format!("shop-{index}");
        let manifest = if index % 4 == 0 { bad() } else { GOOD.to_owned() };
        let manifest =
            manifest.replace("shop", &name).replace("spec:\n  sel", "spec:\n  replicas: 3\n  sel");
        place.write(&format!("user/{name}/workload.yaml"), &manifest);
        place.write(&format!("user/{name}/hpa.yaml"), &hpa.replace("NAME", &name));
    }
    // A configuration below must not depend on which file comes first.
    place.write("user/shop-7/slogen.toml", "[lint.levels]\n\"scaling\" = \"off\"\n");
    place.write("user/slogen.toml", "[lint]\nexclude = [\"shop-8/**\"]\n");
    let found = |text: &str| -> BTreeSet<String> {
        let errors = text.lines().filter(|line| line.contains(": error "));
        errors.map(str::to_owned).collect()
    };
    let shipped = hooks();
    let concise = shipped.replace("--force-exclude", "--force-exclude --format concise");
    assert_ne!(shipped, concise);
    place.write("hooks/.pre-commit-hooks.yaml", &concise);
    place.commit("hooks");
    let output = place.try_hook("hooks", "slogen-lint-files-system");
    let split = found(&said(&output));
    let serial = concise.replace("  types: [yaml]", "  types: [yaml]\n  require_serial: true");
    place.write("hooks/.pre-commit-hooks.yaml", &serial);
    place.commit("hooks");
    let together = found(&said(&place.try_hook("hooks", "slogen-lint-files-system")));
    // One of each service, and one of each fourth, the excluded one left out.
    assert_eq!(together.len(), 39 + 9, "{together:#?}");
    assert_eq!(split, together);
    // Each file in a process of its own.
    let mut alone = BTreeSet::new();
    for index in 0..40 {
        for file in ["workload.yaml", "hpa.yaml"] {
            let arguments =
                ["lint", "--partial", "--per-file", "--force-exclude", "--format", "concise"];
            let slogen = Path::new(env!("CARGO_BIN_EXE_slogen"));
            let mut command = place.command(slogen, "user");
            let output =
                command.args(arguments).arg(format!("shop-{index}/{file}")).output().unwrap();
            alone.extend(found(&said(&output)));
        }
    }
    assert_eq!(alone, together);
}

#[test]
fn the_hook_on_rendering_finds_drift() {
    let Some(place) = Place::new() else { return };
    let slo = "profile = \"web\"\n\n[service]\nname = \"shop\"\nimage = \"shop:1.4.2\"\n";
    place.write("user/slo.toml", slo);
    let config = format!(
        "repos:\n- repo: {}\n  rev: {}\n  hooks:\n  - id: slogen-render-check-system\n    args: [k8s]\n",
        place.path("hooks").display(),
        place.git("hooks", &["rev-parse", "HEAD"])
    );
    place.write("user/.pre-commit-config.yaml", &config);
    let slogen = Path::new(env!("CARGO_BIN_EXE_slogen"));
    let run = || {
        place.git("user", &["add", "--all"]);
        place.command(&place.pre_commit, "user").args(["run", "--all-files"]).output().unwrap()
    };
    let mut render = place.command(slogen, "user");
    assert!(render.args(["render", "--out-dir", "k8s"]).status().unwrap().success());
    let output = run();
    assert!(output.status.success(), "{}", said(&output));
    place.write("user/slo.toml", &slo.replace("1.4.2", "1.4.3"));
    let output = run();
    let text = said(&output);
    assert!(!output.status.success() && text.contains("shop:1.4.3"), "{text}");
}

/// Each hook exists twice, and both differ in nothing but where slogen comes from.
#[test]
fn hooks_come_in_pairs() {
    let hooks: Vec<serde_yaml::Mapping> = serde_yaml::from_str(&hooks()).unwrap();
    let (system, built): (Vec<_>, Vec<_>) =
        hooks.into_iter().partition(|hook| hook["language"].as_str() == Some("system"));
    assert_eq!(built.len(), 3);
    for (mut hook, twin) in built.into_iter().zip(system) {
        assert_eq!(hook["language"].as_str(), Some("rust"));
        let id = format!("{}-system", hook["id"].as_str().unwrap());
        hook.insert("id".into(), id.into());
        hook.insert("language".into(), "system".into());
        assert_eq!(hook, twin);
    }
}

/// As users get it who have Rust: built by pre-commit from this repository.
#[test]
fn hooks_build_slogen_from_this_repository() {
    let Some(place) = Place::new() else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    place.start("slogen");
    for name in [
        "Cargo.toml",
        "Cargo.lock",
        "README.md",
        ".pre-commit-hooks.yaml",
        "src",
        "schemas",
        "profiles",
        "benches",
    ] {
        copy(&root.join(name), &place.path("slogen").join(name));
    }
    place.commit("slogen");
    place.write("user/k8s/shop.yaml", &bad());
    place.git("user", &["add", "--all"]);
    // Built for haste, beside the other builds, so that the next run finds it there.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hooks");
    let output = place
        .command(&place.pre_commit, "user")
        .args(["try-repo", &place.path("slogen").display().to_string(), "slogen-lint-files"])
        .args(["--all-files", "--color", "never"])
        // Without the one under test, so that it is the one that was built.
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "64")
        .output()
        .unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("k8s/shop.yaml:13:"), "{text}");
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).unwrap();
    }
}
