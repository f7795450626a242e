//! Which slo.toml files a command works on.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use super::Stop;

/// The name that folders are searched for.
pub(super) const FILE_NAME: &str = "slo.toml";

/// The files that `paths` name: files as they are, and every slo.toml below a folder, sorted.
///
/// .gitignore is honoured and links are not followed, so a loop of links is no trap.
pub(super) fn collect(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Stop> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            found.extend(below(path)?);
        } else {
            found.push(path.clone());
        }
    }
    let mut seen = HashSet::new();
    found.retain(|path| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
    Ok(found)
}

fn below(folder: &Path) -> Result<Vec<PathBuf>, Stop> {
    let mut found = Vec::new();
    for entry in WalkBuilder::new(folder).sort_by_file_name(Ord::cmp).build() {
        let entry = entry.map_err(|error| {
            Stop::Message(format!("cannot search `{}`: {error}", folder.display()))
        })?;
        if entry.file_name() == FILE_NAME
            && entry.file_type().is_some_and(|kind| kind.is_file() || kind.is_symlink())
        {
            let path = entry.into_path();
            found.push(path.strip_prefix("./").map(Path::to_path_buf).unwrap_or(path));
        }
    }
    if found.is_empty() {
        return Err(Stop::Message(format!(
            "there is no {FILE_NAME} in `{}` or below it; `slogen init` writes one to start from",
            folder.display()
        )));
    }
    Ok(found)
}
