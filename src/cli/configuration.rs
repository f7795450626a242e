//! Finds the configuration of `slogen lint`.

use std::path::{Component, Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::config::{self, Config};
use crate::finding::Finding;
use crate::source::{self, Files, Root};
use crate::spec::lint::Lint;

use super::Stop;
use super::input::FILE_NAME;

/// The name of a file that holds nothing else.
const CONFIG_NAME: &str = "slogen.toml";

/// A configuration file, read.
#[derive(Default)]
pub(super) struct Found {
    /// Its `[lint]` table, if it has one.
    pub(super) lint: Option<Lint>,
    /// What is wrong with it.
    pub(super) findings: Vec<Finding>,
    /// Its folder, at which its paths and globs start.
    pub(super) folder: PathBuf,
}

/// The configuration in `given`, else in the nearest slogen.toml, or slo.toml with a `[lint]` table, in the folder
/// of `start` or above it.
pub(super) fn find(files: &mut Files, given: Option<&Path>, start: &Path) -> Result<Found, Stop> {
    if let Some(path) = given {
        return read(files, path);
    }
    let folder = if start.is_dir() { start } else { start.parent().unwrap_or(Path::new("")) };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let absolute = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    for (steps, above) in absolute.ancestors().enumerate() {
        let shown = above_by(folder, steps);
        if above.join(CONFIG_NAME).is_file() {
            return read(files, &shown.join(CONFIG_NAME));
        }
        if above.join(FILE_NAME).is_file() {
            let found = read(files, &shown.join(FILE_NAME))?;
            if found.lint.is_some() {
                return Ok(found);
            }
        }
    }
    Ok(Found::default())
}

/// The configuration in `folder` itself, and nowhere above, if it may be read.
pub(super) fn beside(files: &mut Files, folder: &Path, root: &Root) -> Result<Found, Stop> {
    let shown = folder.strip_prefix(".").unwrap_or(folder);
    for name in [CONFIG_NAME, FILE_NAME] {
        let path = shown.join(name);
        if path.is_file() && root.check(&path).is_ok() {
            let found = read(files, &path)?;
            if name == CONFIG_NAME || found.lint.is_some() {
                return Ok(found);
            }
        }
    }
    Ok(Found::default())
}

/// The folder `steps` above, called the way the user named `folder`.
fn above_by(folder: &Path, steps: usize) -> PathBuf {
    let mut shown = folder.strip_prefix(".").unwrap_or(folder).to_path_buf();
    for _ in 0..steps {
        match shown.components().next_back() {
            // Links lead elsewhere, so the way back is not the name without its end.
            Some(Component::Normal(_)) if !shown.is_symlink() => drop(shown.pop()),
            _ => shown.push(".."),
        }
    }
    shown
}

fn read(files: &mut Files, path: &Path) -> Result<Found, Stop> {
    let text = source::read(path, source::MAX_BYTES)
        .map_err(|error| Stop::Message(format!("cannot read `{}`: {error}", path.display())))?;
    let file = files.add(path.display().to_string(), text);
    let whole = path.file_name().is_some_and(|name| name == FILE_NAME);
    let (lint, findings) = config::read(files, file, whole);
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    Ok(Found { lint, findings, folder })
}

impl Found {
    /// The files that `config` leaves out, as globs of .gitignore.
    pub(super) fn exclude(&self, config: &Config) -> Result<Exclude, Stop> {
        // Whatever the user calls the folders: globs start at that of the configuration.
        let folder = absolute(&self.folder);
        let mut builder = GitignoreBuilder::new(&folder);
        for glob in &config.exclude {
            builder.add_line(None, glob).map_err(|error| {
                Stop::Message(format!("`exclude`: `{glob}` is no glob: {error}"))
            })?;
        }
        let globs =
            builder.build().map_err(|error| Stop::Message(format!("`exclude`: {error}")))?;
        Ok(Exclude { globs, folder })
    }
}

/// The files that a configuration leaves out.
pub(super) struct Exclude {
    globs: Gitignore,
    folder: PathBuf,
}

impl Default for Exclude {
    /// Leaves nothing out.
    fn default() -> Self {
        Self { globs: Gitignore::empty(), folder: PathBuf::new() }
    }
}

impl Exclude {
    /// Whether a path, which starts with `start`, is left out; the second argument is true for folders.
    pub(super) fn below(&self, start: &Path) -> impl Fn(&Path, bool) -> bool + use<> {
        let globs = self.globs.clone();
        let root = if globs.is_empty() { PathBuf::new() } else { absolute(start) };
        let (start, folder) = (start.to_path_buf(), self.folder.clone());
        move |path, is_dir| {
            if globs.is_empty() {
                return false;
            }
            let whole = path.strip_prefix(&start).map_or_else(|_| path.into(), |it| root.join(it));
            // What lies elsewhere has no path that a glob could mean.
            whole.strip_prefix(&folder).is_ok_and(|path| {
                !path.as_os_str().is_empty()
                    && globs.matched_path_or_any_parents(path, is_dir).is_ignore()
            })
        }
    }
}

fn absolute(path: &Path) -> PathBuf {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}
