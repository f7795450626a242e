//! slo.toml: read, merged with its profile and overlay, checked, and typed.

pub mod concurrency;
pub mod decode;
pub mod handler;
pub mod keda;
pub mod leaf;
pub mod lint;
pub mod series;
pub mod tables;
pub mod tiers;
pub(crate) mod validate;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use crate::finding::{Finding, nearest};
use crate::profile::{BASE, Library};
use crate::source::{self, FileId, Files, ReadError, Span};
use crate::tree::{self, Layer, Node, Table, Value};

use decode::{Decoder, Section};
use tables::Document;

/// A slo.toml and the profile that it names: everything that must be read, nothing decided yet.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file.
    pub file: FileId,
    table: Table,
    profile: Arc<Table>,
    /// What [`Source::set`] lays over all else.
    settings: Table,
    findings: Vec<Finding>,
}

/// A valid service description.
#[derive(Debug)]
pub struct Spec {
    /// The file that it was read from.
    pub file: FileId,
    /// The typed values.
    pub doc: Document,
    /// The same values as one merged tree, for `--why`.
    pub tree: Table,
}

impl Source {
    /// Reads `path` (`-` is standard input) and the profile that it names.
    pub fn read(
        files: &mut Files,
        library: &mut Library,
        path: &Path,
    ) -> Result<Self, Vec<Finding>> {
        let name =
            if path == Path::new("-") { "stdin".to_owned() } else { path.display().to_string() };
        let text = match library.root().read(path, source::MAX_BYTES) {
            Ok(text) => text,
            Err(error) => {
                let file = files.add(name, "");
                return Err(vec![unreadable(Span::start_of(file), path, &error)]);
            }
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        Ok(Self::parse(files, library, &name, text, folder))
    }

    /// Parses `text`, and reads the profile that it names; relative paths of profiles start at `folder`.
    pub fn parse(
        files: &mut Files,
        library: &mut Library,
        name: &str,
        text: String,
        folder: &Path,
    ) -> Self {
        let file = files.add(name, text);
        let tree = tree::parse(files, file, Layer::File);
        Self::of(files, library, file, tree, folder)
    }

    /// As [`Source::parse`], of a file with the same keys in YAML.
    pub fn of_yaml(files: &mut Files, library: &mut Library, file: FileId, folder: &Path) -> Self {
        let tree = tree::parse_yaml(files, file, Layer::File);
        Self::of(files, library, file, tree, folder)
    }

    fn of(
        files: &mut Files,
        library: &mut Library,
        file: FileId,
        (table, mut findings): (Table, Vec<Finding>),
        folder: &Path,
    ) -> Self {
        let (name, span) = match table.get("profile") {
            Some(node @ Node { value: Value::String(name), .. }) => (name.as_str(), node.span),
            _ => (BASE, Span::start_of(file)),
        };
        let profile = match library.get(files, name, folder, span) {
            Ok(merged) => merged.table,
            Err(problems) => {
                findings.extend(problems);
                // With the base values the rest of the file can still be checked.
                let base = library.get(files, BASE, folder, span);
                base.map(|merged| merged.table).unwrap_or_default()
            }
        };
        Self { file, table, profile, settings: Table::new(), findings }
    }

    /// Lays `key=value` over the file and its overlay, as in `scaling.max=40`. The value is TOML; what is none is a
    /// string, so that `scaling.up.stabilization=30s` needs no quotes.
    pub fn set(&mut self, files: &mut Files, setting: &str) {
        let text = match setting.split_once('=') {
            // An empty text is a document without keys, which changes nothing.
            None if setting.trim().is_empty() => "KEY".to_owned(),
            Some((key, value)) => {
                let (key, value) = (key.trim(), value.trim());
                let plain = format!("{key} = {value}");
                let quoted = format!("{key} = {}", serde_json::Value::from(value));
                let parses = |text: &str| tree::parses(text);
                if !parses(&plain) && parses(&quoted) { quoted } else { plain }
            }
            None => setting.to_owned(),
        };
        let file = files.add(format!("--set {setting}"), text);
        let (table, findings) = tree::parse(files, file, Layer::Overlay);
        self.findings.extend(findings);
        for key in ["profile", "extends", "env"] {
            if let Some(node) = table.get(key) {
                self.findings.push(
                    Finding::error(
                        "spec/unknown-key",
                        node.place(),
                        format!("a setting cannot change `{key}`"),
                    )
                    .help("settings are keys of sections, such as `scaling.max=40`"),
                );
            }
        }
        tree::merge(&mut self.settings, table);
    }

    /// The file that it was read from.
    pub fn file(&self) -> FileId {
        self.file
    }

    /// Where to point in slo.toml when a value of an embedded profile is at fault: at the profile's name.
    pub fn anchor(&self) -> Span {
        self.table.get("profile").map_or(Span::start_of(self.file), |node| node.span)
    }

    /// True if the file has overlays at all.
    pub fn has_overlays(&self) -> bool {
        self.table.contains_key("env")
    }

    /// The names of its overlays.
    pub fn overlays(&self) -> Vec<String> {
        match self.table.get("env").map(|node| &node.value) {
            Some(Value::Table(overlays)) => overlays.keys().cloned().collect(),
            _ => Vec::new(),
        }
    }

    /// Merges, checks and types the description, with the overlay `env` if one is named.
    pub fn load(self, files: &Files, env: Option<&str>) -> Result<Spec, Vec<Finding>> {
        let Self { file, table, profile, settings, findings } = self;
        let mut cx = Decoder { findings, ..Decoder::default() };
        if files.get(file).text.trim().is_empty() {
            cx.report(
                Finding::error("spec/empty-file", Span::start_of(file), "this file is empty")
                    .help("`slogen init` writes one to start from"),
            );
            return Err(cx.findings);
        }
        let mut tree = (*profile).clone();
        tree::merge(&mut tree, table);
        let overlays = take_overlays(&mut tree, &mut cx);
        if let Some(env) = env {
            match overlays.get(env).map(|node| &node.value) {
                Some(Value::Table(overlay)) => tree::merge(&mut tree, overlay.clone()),
                Some(_) => {}
                None => cx.report(unknown_overlay(file, env, &overlays)),
            }
        }
        tree::merge(&mut tree, settings);
        let doc = Document::read(&tree, Span::start_of(file), &mut cx);
        validate::document(&doc, &mut cx);
        drop_echoes(&mut cx.findings, files);
        limit(&mut cx.findings, file);
        if cx.findings.is_empty() { Ok(Spec { file, doc, tree }) } else { Err(cx.findings) }
    }
}

/// Findings shown of one file. A description of a service has fewer keys than that: more are a wrong file.
const MAX_FINDINGS: usize = 200;

/// Keeps the first findings of a hopeless file and counts the rest.
fn limit(findings: &mut Vec<Finding>, file: FileId) {
    let rest = findings.len().saturating_sub(MAX_FINDINGS);
    if rest > 0 {
        findings.sort_by_key(|finding| finding.primary.span);
        findings.truncate(MAX_FINDINGS);
        findings.push(
            Finding::error(
                "spec/hopeless-file",
                Span::start_of(file),
                format!("{rest} more problems in this file"),
            )
            .help("is it a slo.toml at all? `slogen init` writes one to start from"),
        );
    }
}

/// Drops what is said about lines that do not even parse.
fn drop_echoes(findings: &mut Vec<Finding>, files: &Files) {
    let line =
        |finding: &Finding| (finding.primary.span.file, files.position(finding.primary.span).line);
    let broken: HashSet<_> =
        findings.iter().filter(|finding| finding.rule == "spec/syntax").map(line).collect();
    findings.retain(|finding| finding.rule == "spec/syntax" || !broken.contains(&line(finding)));
}

/// Takes the overlays out of `tree`, after checking the shape of each, wanted or not.
fn take_overlays(tree: &mut Table, cx: &mut Decoder) -> Table {
    let Some(env) = tree.shift_remove("env") else {
        return Table::new();
    };
    let Value::Table(mut overlays) = env.value else {
        cx.wrong_type(
            &env,
            "a table of overlays",
            "write `[env.prod.scaling]` and below it `min = 6`",
        );
        return Table::new();
    };
    for overlay in overlays.values_mut() {
        overlay.set_layer(Layer::Overlay);
        let place = overlay.place();
        if let Some(table) = cx.table(overlay, "env.<name>") {
            let mut shape = Decoder { partial: true, ..Decoder::default() };
            Document::read(table, place, &mut shape);
            cx.findings.append(&mut shape.findings);
            for key in ["profile", "extends", "env"] {
                if let Some(node) = table.get(key) {
                    cx.report(
                        Finding::error(
                            "spec/unknown-key",
                            node.place(),
                            format!("an overlay cannot set `{key}`"),
                        )
                        .help("overlays hold sections, such as `[env.prod.scaling]`"),
                    );
                }
            }
        }
    }
    overlays
}

fn unknown_overlay(file: FileId, env: &str, overlays: &Table) -> Finding {
    let names = || overlays.keys().map(String::as_str);
    let help = match nearest(env, names()) {
        Some(near) => format!("did you mean `--env {near}`?"),
        None if overlays.is_empty() => {
            format!("add `[env.{env}.<section>]` with what differs there")
        }
        None => format!(
            "the file has {}",
            names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        ),
    };
    Finding::error(
        "spec/unknown-overlay",
        Span::start_of(file),
        format!("there is no overlay `env.{env}`"),
    )
    .help(help)
}

fn unreadable(at: Span, path: &Path, error: &ReadError) -> Finding {
    let help = match error {
        ReadError::Io(io) if io.kind() == std::io::ErrorKind::NotFound => {
            "`slogen init` writes one to start from; or give the path of another".to_owned()
        }
        ReadError::TooLarge(_) => {
            "a slo.toml describes one service and takes a few kilobytes; is this the right file?"
                .to_owned()
        }
        ReadError::Binary(_) => "slo.toml is plain text; save it as UTF-8".to_owned(),
        ReadError::Outside(_) => {
            "move it there, or lift the restriction with `--load-restrictor none`".to_owned()
        }
        _ => "give the path of a slo.toml, or of a folder that holds some".to_owned(),
    };
    Finding::error("spec/unreadable", at, format!("cannot read `{}`: {error}", path.display()))
        .help(help)
}
