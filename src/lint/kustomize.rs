//! What kustomizations say of the files around them.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use crate::source::FileId;
use crate::yaml::{self, Place};

/// The names under which kustomize looks for its file, in its own order.
pub const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// True for a file that kustomize starts from.
pub fn is_kustomization(path: &Path) -> bool {
    path.file_name().is_some_and(|name| NAMES.iter().any(|known| name == *known))
}

/// All that the kustomizations of a run take.
#[derive(Debug, Default)]
pub struct Kustomized {
    fragments: HashSet<PathBuf>,
    resources: HashSet<PathBuf>,
}

impl Kustomized {
    /// Reads the kustomization at `path`. What it says in another way than kustomize wants counts for nothing.
    pub fn add(&mut self, path: &Path, text: &str) {
        let folder = path.parent().unwrap_or(Path::new(""));
        let stream = yaml::parse(FileId::NONE, text);
        for root in stream.documents() {
            self.fragments.extend(fragments(root).map(|taken| normal(&folder.join(taken))));
            self.resources.extend(built_on(root).map(|taken| normal(&folder.join(taken))));
        }
    }

    /// True for a file whose documents are no objects, but parts of some, or say what kustomize shall do.
    pub fn is_fragment(&self, path: &Path) -> bool {
        if self.fragments.is_empty() {
            return false;
        }
        let path = normal(path);
        self.fragments.contains(&path) && !self.resources.contains(&path)
    }

    /// Files and folders that objects come from, without those on other machines.
    pub fn resources(&self) -> impl Iterator<Item = &Path> {
        self.resources.iter().map(PathBuf::as_path)
    }
}

/// The patches and the configuration that a kustomization takes from files (kustomize api/types/kustomization.go).
fn fragments(root: Place<'_>) -> impl Iterator<Item = &str> {
    let with_path = ["patches", "patchesJson6902", "replacements"].into_iter();
    let with_path =
        with_path.flat_map(move |key| root.list(key)).filter_map(|it| it.text_of("path"));
    let plain =
        ["patchesStrategicMerge", "configurations", "generators", "transformers", "validators"];
    let plain = plain.into_iter().flat_map(move |key| texts(root, key));
    let values = root.list("helmCharts").filter_map(|chart| chart.text_of("valuesFile"));
    with_path.chain(plain).chain(values).filter(|text| is_path(text))
}

/// What a kustomization takes objects from.
fn built_on(root: Place<'_>) -> impl Iterator<Item = &str> {
    let keys = ["resources", "bases", "components"].into_iter();
    keys.flat_map(move |key| texts(root, key)).filter(|text| is_path(text))
}

fn texts<'a>(root: Place<'a>, key: &str) -> impl Iterator<Item = &'a str> {
    root.list(key).filter_map(Place::text)
}

/// A patch may stand in the kustomization itself, and a base in a repository elsewhere.
fn is_path(text: &str) -> bool {
    !text.is_empty() && !text.contains(['\n', ':', '?'])
}

/// `path` without `.` and `..` where these lead back.
pub fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_are_told_from_resources() {
        let mut all = Kustomized::default();
        all.add(
            Path::new("./overlays/prod/kustomization.yaml"),
            "resources: [../../base, both.yaml, 'https://example.com/a.yaml', github.com/a/b?ref=v1]\n\
             patches: [{path: ./a.yaml}, {path: both.yaml}, {patch: 'x: 1'}, 7]\n\
             patchesStrategicMerge: [b.yaml, \"kind: Deployment\\nmetadata: {}\"]\n\
             patchesJson6902: [{path: ../c.json}]\n\
             replacements: {path: no-list.yaml}\n",
        );
        for path in ["overlays/prod/a.yaml", "overlays/prod/b.yaml", "overlays/x/../c.json"] {
            assert!(all.is_fragment(Path::new(path)), "{path}");
        }
        for path in ["a.yaml", "overlays/prod/both.yaml", "overlays/prod/no-list.yaml", ""] {
            assert!(!all.is_fragment(Path::new(path)), "{path}");
        }
        let mut resources: Vec<_> = all.resources().collect();
        resources.sort();
        assert_eq!(resources, [Path::new("base"), Path::new("overlays/prod/both.yaml")]);
        assert_eq!(normal(Path::new("../../a/./b/..")), Path::new("../../a"));
    }
}
