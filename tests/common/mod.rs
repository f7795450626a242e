//! The golden cases, and how slogen is run on them.
//!
//! A case is a folder of `tests/golden`: `slo.toml`, perhaps further arguments of `slogen render` in `args`, and
//! in `expected` what `--out-dir` must write.

#![allow(dead_code, reason = "no test needs all of it")]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::Deserialize;
use serde_json::Value;

/// A folder of `tests/golden`.
pub(crate) struct Case {
    /// Name of the folder.
    pub(crate) name: String,
    /// The folder.
    pub(crate) folder: PathBuf,
    /// What the file `args` says.
    pub(crate) args: Vec<String>,
}

/// All cases, by name.
pub(crate) fn cases() -> Vec<Case> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let folders = fs::read_dir(golden).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<_> = folders.filter(|path| path.is_dir()).map(Case::new).collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

impl Case {
    /// The case in `folder`.
    fn new(folder: PathBuf) -> Self {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let args = fs::read_to_string(folder.join("args")).unwrap_or_default();
        Self { name, folder, args: args.split_whitespace().map(str::to_owned).collect() }
    }

    /// Runs `slogen render` on the case with `more` arguments.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, more: &[S]) -> Output {
        let file = self.folder.join("slo.toml");
        slogen().arg("render").arg("-f").arg(file).args(&self.args).args(more).output().unwrap()
    }

    /// What `slogen render` prints with `more` arguments; it must succeed without a word on standard error.
    pub(crate) fn render(&self, more: &[&str]) -> String {
        let output = self.run(more);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && errors.is_empty(), "{}: {errors}", self.name);
        String::from_utf8(output.stdout).unwrap()
    }

    /// The objects that `slogen render` prints.
    pub(crate) fn objects(&self) -> Vec<Value> {
        documents(&self.render(&[]))
    }

    /// Has `slogen render --out-dir` write to `folder`.
    pub(crate) fn write_to(&self, folder: &Path) {
        let output = self.run(&[OsStr::new("--out-dir"), folder.as_os_str()]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && errors.is_empty(), "{}: {errors}", self.name);
        assert!(output.stdout.is_empty(), "{}: `--out-dir` prints something", self.name);
    }
}

/// The real binary, without any environment.
pub(crate) fn slogen() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slogen"));
    command.env_clear();
    command
}

/// The documents of a YAML stream.
pub(crate) fn documents(yaml: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(yaml)
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

/// The elements of a list; none where there is no list.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The objects of a kind.
pub(crate) fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

/// `Kind/name` of an object.
pub(crate) fn id(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!("{}/{}", text(&object["kind"]), text(&object["metadata"]["name"]))
}
