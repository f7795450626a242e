//! Where rendered objects go: a stream, or a folder of files.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;
use similar::TextDiff;

use crate::integrate::kustomize;
use crate::render::{Manifest, RuleFile, RulePart};
use crate::runbook;
use crate::yaml;

use super::Stop;

/// The form of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// YAML documents.
    #[default]
    Yaml,
    /// One JSON `List`.
    Json,
}

pub(super) fn bug(error: impl std::fmt::Display) -> Stop {
    Stop::Message(format!("an object could not be written: {error}; this is a bug of slogen"))
}

impl Format {
    /// One document.
    pub(super) fn text(self, document: &Value) -> Result<String, Stop> {
        match self {
            Self::Yaml => yaml::emit::stream(&[document]).map_err(bug),
            Self::Json => {
                serde_json::to_string_pretty(document).map(|text| text + "\n").map_err(bug)
            }
        }
    }
}

/// The objects of a service.
pub(super) struct Service {
    /// The folder for them, among those of other services.
    pub(super) folder: String,
    /// The objects.
    pub(super) manifests: Vec<Manifest>,
    /// Its runbook, for a folder only.
    pub(super) runbook: Option<String>,
    /// The rules in other forms: beside the objects in a folder, in a stream only without them.
    pub(super) rules: Vec<RuleFile>,
}

/// All objects of all services as one stream.
fn stream(services: &[Service], format: Format) -> Result<String, Stop> {
    use rayon::prelude::*;
    match format {
        Format::Yaml => {
            let texts: Vec<String> = services
                .par_iter()
                .filter(|service| !service.manifests.is_empty())
                .map(|service| documents(&service.manifests))
                .collect::<Result<_, _>>()
                .map_err(bug)?;
            Ok(texts.join("---\n"))
        }
        Format::Json => {
            let manifests = services.iter().flat_map(|service| &service.manifests);
            list(manifests)
        }
    }
}

/// Objects as a stream that kubectl reads.
pub(super) fn objects(manifests: &[Manifest], format: Format) -> Result<String, Stop> {
    match format {
        Format::Yaml => documents(manifests).map_err(bug),
        Format::Json => list(manifests.iter()),
    }
}

fn list<'m>(manifests: impl Iterator<Item = &'m Manifest>) -> Result<String, Stop> {
    let items: Vec<_> = manifests.map(|manifest| &manifest.object).collect();
    Format::Json.text(&serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": items }))
}

/// Objects as YAML documents.
pub(super) fn documents(manifests: &[Manifest]) -> Result<String, String> {
    yaml::emit::stream(&manifests.iter().map(|manifest| &manifest.object).collect::<Vec<_>>())
}

/// The Helm values of prometheus-adapter, beside the objects.
pub(super) const ADAPTER_VALUES: &str = "adapter-values.yaml";
const RUNBOOK: &str = "runbook.md";
const KUSTOMIZATION: &str = crate::lint::kustomize::NAMES[0];

/// One file an object, with a kustomization that lists them in order.
///
/// Paths are relative; those of several services start with `<namespace>-<name>/`.
fn folder(services: &[Service]) -> Result<BTreeMap<PathBuf, String>, Stop> {
    let mut files = BTreeMap::new();
    let mut resources = Vec::new();
    for service in services {
        let place = |file: String| match services.len() {
            1 => file,
            _ => format!("{}/{file}", service.folder),
        };
        if let Some(runbook) = &service.runbook {
            files.insert(PathBuf::from(place(RUNBOOK.to_owned())), runbook.clone());
        }
        for manifest in &service.manifests {
            let path = place(format!("{}-{}.yaml", manifest.kind.to_lowercase(), manifest.name));
            files.insert(
                PathBuf::from(&path),
                documents(std::slice::from_ref(manifest)).map_err(bug)?,
            );
            resources.push(path);
        }
        for file in &service.rules {
            let text = yaml::emit::stream(&[&file.content]).map_err(bug)?;
            files.insert(PathBuf::from(place(file.name.clone())), text);
        }
    }
    let kustomization = serde_json::json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": resources,
        "configurations": [kustomize::CONFIG],
    });
    files.insert(PathBuf::from(KUSTOMIZATION), yaml::emit::stream(&[&kustomization]).map_err(bug)?);
    files.insert(
        PathBuf::from(kustomize::CONFIG),
        yaml::emit::stream(&[&kustomize::config()]).map_err(bug)?,
    );
    Ok(files)
}

/// Writes `files` below `folder`, each in one step; those that are right already are left alone.
pub(super) fn write(folder: &Path, files: &BTreeMap<PathBuf, String>) -> Result<(), Stop> {
    for (path, text) in files {
        let path = folder.join(path);
        if fs::read(&path).is_ok_and(|old| old == text.as_bytes()) {
            continue;
        }
        write_file(&path, text)?;
    }
    Ok(())
}

/// Writes one file in one step: it is either as before or whole.
pub(super) fn write_file(path: &Path, text: &str) -> Result<(), Stop> {
    let cannot = |error: &dyn std::fmt::Display| {
        Stop::Message(format!("cannot write `{}`: {error}", path.display()))
    };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(|error| cannot(&error))?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".slogen-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).map_err(|error| cannot(&error))?;
    file.write_all(text.as_bytes()).map_err(|error| cannot(&error))?;
    if let Ok(old) = fs::metadata(path) {
        fs::set_permissions(file.path(), old.permissions()).map_err(|error| cannot(&error))?;
    }
    file.persist(path).map_err(|error| cannot(&error.error))?;
    Ok(())
}

/// What became of a file that slogen owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It was written.
    New,
    /// It was right already.
    Same,
}

/// Writes a file that is slogen's own: one of its earlier texts, which `own` knows, gives way, and anything else only
/// by `force`.
pub(super) fn write_own(
    path: &Path,
    text: &str,
    force: bool,
    own: impl Fn(&str) -> bool,
) -> Result<Written, Stop> {
    match fs::read(path) {
        Ok(old) if old == text.as_bytes() => return Ok(Written::Same),
        Ok(old) if force || std::str::from_utf8(&old).is_ok_and(own) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => {
            return Err(Stop::Message(format!("cannot replace `{}`: {error}", path.display())));
        }
        Ok(_) => {
            return Err(Stop::Message(format!(
                "`{}` is there already and is not of slogen; `--force` replaces it",
                path.display()
            )));
        }
    }
    write_file(path, text)?;
    Ok(Written::New)
}

/// The file that a write to `path` should change: itself, or where a link leads, if that lies in one of the folders
/// of `within`. Replacing the link would cut it, and following it elsewhere would change what nobody asked for.
pub(super) fn behind_link(path: &Path, within: &[PathBuf]) -> Result<PathBuf, Stop> {
    if !fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_symlink()) {
        return Ok(path.to_path_buf());
    }
    let cannot = |error: std::io::Error| {
        Stop::Message(format!("cannot follow the link `{}`: {error}", path.display()))
    };
    let target = path.canonicalize().map_err(cannot)?;
    let inside = within.iter().any(|root| {
        let folder = if root.is_dir() { root.as_path() } else { root.parent().unwrap_or(root) };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        folder.canonicalize().is_ok_and(|folder| target.starts_with(folder))
    });
    if inside {
        Ok(target)
    } else {
        Err(Stop::Message(format!(
            "`{}` is a link to `{}`, outside of what is linted; name that file instead",
            path.display(),
            target.display()
        )))
    }
}

/// Files below `folder` that slogen wrote once and would not write now.
fn stale(folder: &Path, files: &BTreeMap<PathBuf, String>) -> Vec<PathBuf> {
    let mut stale: Vec<PathBuf> = ignore::WalkBuilder::new(folder)
        .max_depth(Some(2))
        .standard_filters(false)
        .build()
        .flatten()
        .filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()))
        .filter_map(|entry| entry.path().strip_prefix(folder).ok().map(Path::to_path_buf))
        .filter(|path| {
            (path.extension().is_some_and(|extension| extension == "yaml")
                || path.ends_with(RUNBOOK))
                && !files.contains_key(path)
        })
        .filter(|path| {
            let text = fs::read_to_string(folder.join(path)).unwrap_or_default();
            if path.ends_with(RUNBOOK) {
                return text.starts_with(runbook::MARK);
            }
            let labelled =
                text.lines().any(|line| line.trim() == "app.kubernetes.io/managed-by: slogen");
            // What is no object has no labels.
            labelled
                || path == Path::new(ADAPTER_VALUES)
                || RulePart::ALL.iter().any(|part| part.wrote(&path.to_string_lossy()))
        })
        .collect();
    stale.sort();
    stale
}

/// A unified diff from what `path` holds to what it should hold; empty where they agree.
pub(super) fn diff(path: &Path, rendered: &Rendered) -> Result<String, Stop> {
    let cannot = |path: &Path, error: std::io::Error| {
        Stop::Message(format!("cannot compare with `{}`: {error}", path.display()))
    };
    let meta = fs::metadata(path).map_err(|error| cannot(path, error))?;
    if !meta.is_dir() {
        let old = fs::read_to_string(path).map_err(|error| cannot(path, error))?;
        return Ok(unified(&old, &rendered.stream()?, path, path));
    }
    let files = rendered.folder()?;
    let mut text = String::new();
    for (file, new) in &files {
        let file = path.join(file);
        match fs::read_to_string(&file) {
            Ok(old) => text += &unified(&old, new, &file, &file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                text += &unified("", new, Path::new("/dev/null"), &file);
            }
            Err(error) => return Err(cannot(&file, error)),
        }
    }
    for file in rendered.stale(path, &files) {
        let file = path.join(file);
        let old = fs::read_to_string(&file).map_err(|error| cannot(&file, error))?;
        text += &unified(&old, "", &file, Path::new("/dev/null"));
    }
    Ok(text)
}

fn unified(old: &str, new: &str, from: &Path, to: &Path) -> String {
    if old == new {
        return String::new();
    }
    let (from, to) = (from.display().to_string(), to.display().to_string());
    TextDiff::from_lines(old, new).unified_diff().header(&from, &to).to_string()
}

/// Rendered services, in whichever form is asked for.
pub(super) struct Rendered {
    /// The objects of each service.
    pub(super) services: Vec<Service>,
    /// What is no object, by file name: beside the objects in a folder, in a stream only without them.
    pub(super) beside: BTreeMap<&'static str, Value>,
    /// The form of the stream.
    pub(super) format: Format,
    /// All objects, not a selection by `--only`: a folder then holds nothing else.
    pub(super) whole: bool,
}

impl Rendered {
    pub(super) fn stream(&self) -> Result<String, Stop> {
        if self.services.is_empty() {
            return self.beside.values().map(|document| self.format.text(document)).collect();
        }
        // Rule files join a stream only where they were asked for, and then alone.
        if self.services.iter().all(|service| service.manifests.is_empty()) {
            let mut files = self.services.iter().flat_map(|service| &service.rules);
            match (files.next(), files.next()) {
                (Some(file), None) => return self.format.text(&file.content),
                (Some(one), Some(other)) => {
                    return Err(Stop::Message(format!(
                        "`{}` and `{}` are no objects, which make one stream; write them to files with `--out-dir`",
                        one.name, other.name
                    )));
                }
                _ => {}
            }
        }
        stream(&self.services, self.format)
    }

    /// The files of a folder; a selection leaves the kustomization as it is.
    pub(super) fn folder(&self) -> Result<BTreeMap<PathBuf, String>, Stop> {
        let mut files = folder(&self.services)?;
        if !self.whole {
            files.retain(|path, _| {
                ![KUSTOMIZATION, kustomize::CONFIG].map(Path::new).contains(&path.as_path())
            });
        }
        for (name, document) in &self.beside {
            files.insert(PathBuf::from(name), Format::Yaml.text(document)?);
        }
        Ok(files)
    }

    /// Files below `folder` that slogen wrote once and would not write now.
    pub(super) fn stale(&self, folder: &Path, files: &BTreeMap<PathBuf, String>) -> Vec<PathBuf> {
        if self.whole { stale(folder, files) } else { Vec::new() }
    }
}
