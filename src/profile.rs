//! Profiles: sets of defaults, embedded or the user's own, each building on another down to `base`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::finding::Finding;
use crate::finding::nearest;
use crate::source::{self, FileId, Files, ReadError, Root, Span};
use crate::tree::{self, Layer, Table, Value};

/// A profile that comes with slogen.
#[derive(Debug)]
pub struct Embedded {
    /// The name that `profile` and `extends` take.
    pub name: &'static str,
    /// The file, comments included.
    pub text: &'static str,
}

impl Embedded {
    /// One line on what the profile is for: its first comment.
    pub fn about(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches(['#', ' '])
    }
}

macro_rules! embedded {
    ($($name:literal)*) => {
        /// Every embedded profile, in the order of `slogen profile list`.
        pub const EMBEDDED: &[Embedded] = &[$(Embedded {
            name: $name,
            text: include_str!(concat!("../profiles/", $name, ".toml")),
        }),*];
    };
}
embedded!("base" "inference" "web" "worker" "spiky" "cost-saver" "high-throughput" "low-latency");

/// The profile that every other one ends in.
pub const BASE: &str = "base";

/// The embedded profile `name`.
pub fn find(name: &str) -> Option<&'static Embedded> {
    EMBEDDED.iter().find(|profile| profile.name == name)
}

/// The profiles of a run, each read and merged with what it builds on once.
#[derive(Debug, Default)]
pub struct Library {
    read: HashMap<PathBuf, Merged>,
    root: Root,
}

/// A profile merged with everything that it builds on.
#[derive(Clone, Debug)]
pub struct Merged {
    /// The values, each with its place in its own profile.
    pub table: Arc<Table>,
    depth: u8,
}

/// Longest chain of profiles.
const MAX_DEPTH: u8 = 16;

impl Library {
    /// A library of profiles in `root` only, and embedded ones.
    pub fn within(root: Root) -> Self {
        Self { read: HashMap::new(), root }
    }

    /// Where files may lie.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// The profile that `name` at `span` of a file in `folder` means.
    pub fn get(
        &mut self,
        files: &mut Files,
        name: &str,
        folder: &Path,
        span: Span,
    ) -> Result<Merged, Vec<Finding>> {
        self.resolve(files, name, folder, span, &mut Vec::new())
    }

    fn resolve(
        &mut self,
        files: &mut Files,
        name: &str,
        folder: &Path,
        span: Span,
        open: &mut Vec<PathBuf>,
    ) -> Result<Merged, Vec<Finding>> {
        let is_path = name.contains(['/', '\\']) || Path::new(name).extension().is_some();
        let key = if is_path { folder.join(name) } else { PathBuf::from(name) };
        if let Some(merged) = self.read.get(&key) {
            return Ok(merged.clone());
        }
        if open.contains(&key) || open.len() >= usize::from(MAX_DEPTH) {
            let message = format!("profile `{name}` extends itself");
            return Err(vec![
                Finding::error("spec/circular-profile", span, message)
                    .help("let the chain of `extends` end in `base`, or leave `extends` out"),
            ]);
        }
        let file = if is_path {
            let text = self.root.read(&key, source::MAX_BYTES).map_err(|error| {
                vec![
                    Finding::error(
                        "spec/unknown-profile",
                        span,
                        format!("cannot read profile `{name}`: {error}"),
                    )
                    .help(match &error {
                        ReadError::Outside(_) => {
                            "copy it there, or lift the restriction with `--load-restrictor none`"
                        }
                        _ => "paths of profiles are relative to the file that names them",
                    }),
                ]
            })?;
            files.add(key.display().to_string(), text)
        } else {
            let embedded = find(name).ok_or_else(|| vec![unknown(name, span)])?;
            files.add(format!("profile {name}"), embedded.text)
        };
        open.push(key.clone());
        let folder = key.parent().filter(|_| is_path).unwrap_or(Path::new(""));
        let merged = self.merge(files, file, name, folder, open);
        open.pop();
        let merged = merged?;
        self.read.insert(key, merged.clone());
        Ok(merged)
    }

    fn merge(
        &mut self,
        files: &mut Files,
        file: FileId,
        name: &str,
        folder: &Path,
        open: &mut Vec<PathBuf>,
    ) -> Result<Merged, Vec<Finding>> {
        let (mut own, findings) = tree::parse(files, file, Layer::File);
        if !findings.is_empty() {
            return Err(findings);
        }
        let parent = match own.shift_remove("extends").map(|node| (node.place(), node.value)) {
            Some((place, Value::String(parent))) => Some((place, parent)),
            Some((place, _)) => {
                return Err(vec![
                    Finding::error("spec/wrong-type", place, "expected the name of a profile")
                        .help("write `extends = \"base\"`"),
                ]);
            }
            None if name == BASE => None,
            None => Some((Span::start_of(file), BASE.to_owned())),
        };
        let (mut table, depth) = match parent {
            Some((place, parent)) => {
                let below = self.resolve(files, &parent, folder, place, open)?;
                ((*below.table).clone(), below.depth + 1)
            }
            None => (Table::new(), 0),
        };
        own.values_mut().for_each(|node| node.set_layer(Layer::Profile(depth)));
        tree::merge(&mut table, own);
        Ok(Merged { table: Arc::new(table), depth })
    }
}

fn unknown(name: &str, span: Span) -> Finding {
    let names = || EMBEDDED.iter().map(|profile| profile.name);
    let help = match nearest(name, names()) {
        Some(near) => format!("did you mean `\"{near}\"`?"),
        None => format!(
            "there are {}; a file of your own needs its path, such as `\"./{name}.toml\"`",
            names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        ),
    };
    Finding::error("spec/unknown-profile", span, format!("there is no profile `{name}`")).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_says_what_it_is_for() {
        for profile in EMBEDDED {
            assert!(profile.text.starts_with("# "), "{}", profile.name);
            assert!(profile.about().len() > 20, "{}", profile.name);
        }
    }

    #[test]
    fn a_profile_that_extends_itself_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.toml"), "extends = \"./b.toml\"").unwrap();
        std::fs::write(folder.path().join("b.toml"), "extends = \"./a.toml\"").unwrap();
        let mut files = Files::default();
        let file = files.add("slo.toml", "");
        let found =
            Library::default().get(&mut files, "a.toml", folder.path(), Span::start_of(file));
        assert_eq!(found.unwrap_err()[0].rule, "spec/circular-profile");
    }
}
