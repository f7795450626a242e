//! Finds the configuration of `slogen lint`.

use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::config::{self, Config};
use crate::finding::Finding;
use crate::source::{self, Files};
use crate::spec::tables::Lint;

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
        // Shown the way the user named the folder.
        let shown: PathBuf = std::iter::once(folder.to_path_buf())
            .chain(std::iter::repeat_n(PathBuf::from(".."), steps))
            .collect();
        let shown = shown.strip_prefix("./").map(Path::to_path_buf).unwrap_or(shown);
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
    pub(super) fn exclude(&self, config: &Config) -> Result<Gitignore, Stop> {
        if config.exclude.is_empty() {
            return Ok(Gitignore::empty());
        }
        let mut builder = GitignoreBuilder::new(&self.folder);
        for glob in &config.exclude {
            builder.add_line(None, glob).map_err(|error| {
                Stop::Message(format!("`exclude`: `{glob}` is no glob: {error}"))
            })?;
        }
        builder.build().map_err(|error| Stop::Message(format!("`exclude`: {error}")))
    }
}
