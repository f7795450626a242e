//! Which manifests a run lints, and the slo.toml nearest to each.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use rayon::prelude::*;

use crate::lint::kustomize::{self, Kustomized};
use crate::source::{self, ReadError};

use super::Stop;
use super::configuration::Exclude;
use super::input::FILE_NAME;

/// The largest manifest that is read, in bytes: the CRDs of a large operator take 4 MiB.
pub(super) const MAX_BYTES: u64 = 32 << 20;

/// Most manifests are smaller than this.
const BUFFER: usize = 64 << 10;

/// So many files are read in a row.
const CHUNK: usize = 128;

/// What a run reads.
#[derive(Default)]
pub(super) struct Found {
    /// Manifests, sorted, each once.
    pub(super) manifests: Vec<PathBuf>,
    /// Those that the user named.
    given: Vec<PathBuf>,
    /// Every slo.toml, sorted.
    pub(super) slo: Vec<PathBuf>,
    /// Kustomizations that no manifest stands for, but whose word counts for the manifests.
    pub(super) kustomizations: Vec<PathBuf>,
    /// Folders that count as the uppermost ones when a slo.toml is looked for.
    roots: Vec<PathBuf>,
    /// One slo.toml speaks for every manifest, wherever it stands.
    everywhere: bool,
    /// Folders whose kustomizations are known.
    looked_in: HashSet<PathBuf>,
    /// Why folders could not be searched.
    pub(super) unsearched: Vec<String>,
}

/// A manifest that was read.
pub(super) struct Manifest {
    pub(super) path: PathBuf,
    pub(super) text: Result<String, ReadError>,
    /// It came from standard input; `path` is the name that the user gave it.
    pub(super) stdin: bool,
}

/// What is done with files that the user names.
#[derive(Clone, Copy, Default)]
pub(super) struct Named {
    /// Those that `exclude` leaves out are not read.
    pub(super) force_exclude: bool,
    /// They are some of the files of a repository, whatever these are: only manifests are read, and a slo.toml
    /// counts for all that stands below it, as in a run over the whole.
    pub(super) partial: bool,
}

impl Found {
    /// The manifests that `paths` name: files as they are, unless `named` says otherwise, and below folders those
    /// with the extensions of manifests, as .gitignore and `exclude` leave them.
    pub(super) fn new(paths: &[PathBuf], exclude: &Exclude, named: Named) -> Result<Self, Stop> {
        let mut found = Self::default();
        found.all(paths, exclude, named, None)?;
        Ok(found)
    }

    /// The same, without what is in folders below folders.
    pub(super) fn flat(
        &mut self,
        paths: &[PathBuf],
        exclude: &Exclude,
        named: Named,
    ) -> Result<(), Stop> {
        self.all(paths, exclude, named, Some(1))
    }

    fn all(
        &mut self,
        paths: &[PathBuf],
        exclude: &Exclude,
        named: Named,
        depth: Option<usize>,
    ) -> Result<(), Stop> {
        for path in paths {
            let meta = std::fs::metadata(path).map_err(|error| {
                let reason = ReadError::Io(error);
                Stop::Message(format!("cannot read `{}`: {reason}", path.display()))
            })?;
            if meta.is_dir() {
                self.walk(path, exclude, depth);
            } else {
                let path = clean(path.clone());
                self.slo_of(&path, named.partial);
                let left_out = named.force_exclude && exclude.below(&parent(&path))(&path, false);
                if left_out || (named.partial && !is_manifest(&path)) {
                    continue;
                }
                self.kustomized_above(&parent(&path));
                self.given.push(path.clone());
                self.manifests.push(path);
            }
        }
        self.manifests.sort_unstable();
        self.manifests.dedup();
        self.slo.sort_unstable();
        self.slo.dedup();
        Ok(())
    }

    /// Looks for the slo.toml files that may count for `path`, which was asked to be linted: in its folder, of a
    /// part of a repository also in those above it, up to the repository's own or the current one.
    pub(super) fn slo_of(&mut self, path: &Path, partial: bool) {
        let mut folder = parent(&clean(path.to_path_buf()));
        loop {
            let slo = folder.join(FILE_NAME);
            if slo.is_file() {
                self.slo.push(slo);
            }
            let top = !partial || folder.ends_with("..") || folder.join(".git").exists();
            if top || folder.parent().is_none() {
                self.roots.push(folder);
                return;
            }
            folder.pop();
        }
    }

    /// Lets one slo.toml speak for every manifest.
    pub(super) fn only_slo(&mut self, path: &Path) {
        self.slo = vec![path.to_path_buf()];
        self.everywhere = true;
    }

    fn walk(&mut self, folder: &Path, exclude: &Exclude, depth: Option<usize>) {
        self.roots.push(clean(folder.to_path_buf()));
        self.kustomized_above(&clean(folder.to_path_buf()));
        let excludes = exclude.below(folder);
        let kept = move |entry: &ignore::DirEntry| {
            let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
            !excludes(entry.path(), is_dir)
        };
        // A .gitignore counts also where the files came without their repository.
        let mut walk = WalkBuilder::new(folder);
        walk.require_git(false).max_depth(depth);
        for entry in walk.filter_entry(kept).build() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.unsearched.push(error.to_string());
                    continue;
                }
            };
            if !entry.file_type().is_some_and(|kind| kind.is_file()) {
                continue;
            }
            if is_manifest(Path::new(entry.file_name())) {
                self.manifests.push(clean(entry.into_path()));
            } else if entry.file_name() == FILE_NAME {
                self.slo.push(clean(entry.into_path()));
            } else if kustomize::is_kustomization(entry.path()) {
                self.kustomizations.push(clean(entry.into_path()));
            }
        }
    }

    /// Looks for the kustomizations of `folder` and of those above it, which may patch with what is in it.
    fn kustomized_above(&mut self, folder: &Path) {
        for folder in folder.ancestors() {
            if !self.looked_in.insert(folder.to_path_buf()) {
                return;
            }
            let names = kustomize::NAMES.iter().map(|name| folder.join(name));
            self.kustomizations.extend(names.filter(|path| path.is_file()));
        }
    }

    /// What the kustomizations among `manifests` and around them say, and a base of one that is linted that is not.
    pub(super) fn kustomized(&self, manifests: &[Manifest]) -> (Kustomized, Option<PathBuf>) {
        let mut all = Kustomized::default();
        for manifest in manifests.iter().filter(|it| kustomize::is_kustomization(&it.path)) {
            if let Ok(text) = &manifest.text {
                all.add(&manifest.path, text);
            }
        }
        let roots: Vec<_> = self.roots.iter().map(|root| kustomize::normal(root)).collect();
        let linted = |path: &Path| roots.iter().any(|root| is_below(path, root));
        let missing = all.resources().filter(|path| !linted(path) && path.exists());
        let missing = missing.min().map(Path::to_path_buf);
        for path in &self.kustomizations {
            if let Ok(text) = source::read(path, MAX_BYTES) {
                all.add(path, &text);
            }
        }
        (all, missing)
    }

    /// Reads all manifests, in their order.
    pub(super) fn read(&self) -> Vec<Manifest> {
        let read = |path: &PathBuf, buffer: &mut [u8]| {
            // What the user names may be a pipe.
            let text = if self.given.contains(path) {
                source::read(path, MAX_BYTES)
            } else {
                read_regular(path, buffer)
            };
            Manifest { path: path.clone(), text, stdin: false }
        };
        // A buffer for many files, as filling it with zeros takes longer than reading one.
        let chunks = self.manifests.par_chunks(CHUNK).flat_map_iter(|paths| {
            let mut buffer = vec![0; BUFFER];
            paths.iter().map(|path| read(path, &mut buffer)).collect::<Vec<_>>()
        });
        chunks.collect()
    }

    /// Which of the slo.toml files stands in the folder of each manifest or nearest above it, up to what was
    /// asked to be linted.
    pub(super) fn nearest_slo(&self) -> impl Fn(&Path) -> Option<usize> {
        let by_folder: BTreeMap<PathBuf, usize> =
            self.slo.iter().enumerate().map(|(index, path)| (parent(path), index)).collect();
        let roots = self.roots.clone();
        let everywhere = self.everywhere;
        move |manifest| {
            if everywhere {
                return Some(0);
            }
            if by_folder.is_empty() {
                return None;
            }
            let mut folder = parent(manifest);
            loop {
                if let Some(index) = by_folder.get(&folder) {
                    return Some(*index);
                }
                if roots.contains(&folder) || !folder.pop() {
                    return None;
                }
            }
        }
    }
}

fn is_manifest(name: &Path) -> bool {
    name.extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml" || extension == "json")
}

/// The folder that a file stands in; the current one is the empty path.
fn parent(path: &Path) -> PathBuf {
    path.parent().map(Path::to_path_buf).unwrap_or_default()
}

/// True for what lies in `root` or below it; the empty path is the current folder.
fn is_below(path: &Path, root: &Path) -> bool {
    if root.as_os_str().is_empty() {
        return path.is_relative() && !path.starts_with("..");
    }
    path.starts_with(root)
}

/// `./a` is shown as `a`.
fn clean(path: PathBuf) -> PathBuf {
    match path.strip_prefix("./") {
        Ok(rest) => rest.to_path_buf(),
        Err(_) if path == Path::new(".") => PathBuf::new(),
        Err(_) => path,
    }
}

/// Reads a file that the walk found, with one read for most. `buffer` is reused.
fn read_regular(path: &Path, buffer: &mut [u8]) -> Result<String, ReadError> {
    let mut file = File::open(path).map_err(ReadError::Io)?;
    let length = file.read(buffer).map_err(ReadError::Io)?;
    let start = buffer.get(..length).unwrap_or_default();
    if length < buffer.len() {
        // A regular file gives less than it is asked for only at its end.
        return source::text(start.to_vec());
    }
    source::read_from(start.chain(file), MAX_BYTES)
}

#[cfg(test)]
mod tests {
    use super::super::configuration;
    use super::*;
    use crate::config::{self, Overrides};
    use crate::source::Files;

    #[test]
    fn what_is_ignored_or_excluded_is_not_read() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        for name in ["ignored/a.yaml", "k8s/left/a.yaml", "k8s/out/a.yaml", "out/a.yaml"] {
            std::fs::create_dir_all(path(name).parent().unwrap()).unwrap();
            std::fs::write(path(name), "").unwrap();
        }
        std::fs::write(path(".gitignore"), "ignored/\n").unwrap();
        std::fs::write(path("slogen.toml"), "[lint]\nexclude = [\"k8s/out/**\"]\n").unwrap();
        // The globs start at the folder of the configuration, wherever the search does.
        for (start, wanted) in [
            ("", &["k8s/left/a.yaml", "out/a.yaml"][..]),
            ("k8s", &["k8s/left/a.yaml"][..]),
            ("k8s/../k8s", &["k8s/../k8s/left/a.yaml"][..]),
        ] {
            let start = path(start);
            let mut files = Files::default();
            let found = configuration::find(&mut files, None, &start).ok().unwrap();
            let (config, ..) = config::resolve(&files, found.lint.as_ref(), &Overrides::default());
            let exclude = found.exclude(&config).ok().unwrap();
            let found = Found::new(&[start], &exclude, Named::default()).ok().unwrap();
            let wanted: Vec<_> = wanted.iter().map(|name| path(name)).collect();
            assert_eq!(found.manifests, wanted);
        }
    }
}
