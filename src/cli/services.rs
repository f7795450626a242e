//! From arguments to plans: what the commands on one or many services have in common.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::finding::{self, Finding};
use crate::plan::Plan;
use crate::profile::Library;
use crate::render::Manifest;
use crate::report::{self, Counts, Format, Run, counted};
use crate::source::{Files, Span};
use crate::spec::Source;

use super::{Io, Stop, input};

/// What to read.
#[derive(clap::Args)]
pub(super) struct InputArgs {
    /// A slo.toml, a folder that holds some, or `-` for standard input; may be given several times.
    #[arg(short, long = "file", visible_alias = "filename", value_name = "PATH", default_value = input::FILE_NAME)]
    file: Vec<PathBuf>,
    /// Lay the overlay `[env.NAME]` over the rest.
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// How problems are printed on standard error.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    message_format: MessageFormat,
}

#[derive(Clone, Copy, Default, clap::ValueEnum)]
pub(super) enum MessageFormat {
    /// For people.
    #[default]
    Human,
    /// For programs: one report (`slogen schema report`).
    Json,
}

/// Runs `each` on the plan of every service, in parallel, and `all` on what became of them; or reports every
/// problem of all.
pub(super) fn services<T: Send, U>(
    args: &InputArgs,
    io: &mut Io<'_>,
    each: impl Fn(&Plan<'_>, &Files) -> Result<T, Vec<Finding>> + Sync,
    all: impl FnOnce(Vec<T>) -> Result<U, Vec<Finding>>,
) -> Result<U, Stop> {
    let mut read = Read::default();
    for path in &input::collect(&args.file)? {
        read.file(path);
    }
    plans(read, args.env.as_deref(), args.message_format, io, each, all)
}

/// Descriptions of services, read.
#[derive(Default)]
pub(super) struct Read {
    /// The texts.
    pub(super) files: Files,
    /// The profiles that they name.
    pub(super) library: Library,
    /// Those that could be read.
    pub(super) sources: Vec<Source>,
    /// What is wrong with the others.
    pub(super) findings: Vec<Finding>,
    /// How many there are.
    pub(super) count: usize,
}

impl Read {
    /// Reads a slo.toml.
    pub(super) fn file(&mut self, path: &Path) {
        self.count += 1;
        match Source::read(&mut self.files, &mut self.library, path) {
            Ok(source) => self.sources.push(source),
            Err(problems) => self.findings.extend(problems),
        }
    }
}

/// As [`services`], of what has been read.
pub(super) fn plans<T: Send, U>(
    read: Read,
    env: Option<&str>,
    format: MessageFormat,
    io: &mut Io<'_>,
    each: impl Fn(&Plan<'_>, &Files) -> Result<T, Vec<Finding>> + Sync,
    all: impl FnOnce(Vec<T>) -> Result<U, Vec<Finding>>,
) -> Result<U, Stop> {
    let Read { files, sources, mut findings, count, .. } = read;
    let many = count > 1;
    let files = &files;
    let results: Vec<Result<T, Vec<Finding>>> = sources
        .into_par_iter()
        .map(|source| {
            // Among many services, one without any overlays is the same everywhere.
            let env = env.filter(|_| !many || source.has_overlays());
            let anchor = source.anchor();
            let finished = source.load(files, env).and_then(|spec| each(&Plan::new(&spec), files));
            finished.map_err(|findings| finding::anchor(findings, anchor, files))
        })
        .collect();
    let mut services = Vec::new();
    for result in results {
        match result {
            Ok(service) => services.push(service),
            Err(problems) => findings.extend(problems),
        }
    }
    match all(services) {
        Ok(all) if findings.is_empty() => return Ok(all),
        Ok(_) => {}
        Err(problems) => findings.extend(problems),
    }
    finding::sort(&mut findings, files);
    problems(&findings, files, count, format, io)?;
    Err(Stop::Reported)
}

/// Reports services that emit the same object; each comes with the place where it is named.
pub(super) fn collisions<'a>(
    services: impl IntoIterator<Item = (Span, &'a [Manifest])>,
) -> Vec<Finding> {
    let mut seen = HashMap::new();
    let mut findings = Vec::new();
    for (span, manifests) in services {
        let collision = manifests.iter().find_map(|manifest| {
            let identity = (&manifest.kind, &manifest.namespace, &manifest.name);
            let first = *seen.entry(identity).or_insert(span);
            (first != span).then_some((identity, first))
        });
        if let Some(((kind, namespace, name), first)) = collision {
            let message = format!("two services emit the {kind} `{namespace}/{name}`");
            findings.push(
                Finding::error("spec/duplicate-object", span, message)
                    .label(first, "the other one")
                    .help("rename one of them, or give it a namespace of its own"),
            );
        }
    }
    findings
}

fn problems(
    findings: &[Finding],
    files: &Files,
    read: usize,
    format: MessageFormat,
    io: &mut Io<'_>,
) -> Result<(), Stop> {
    match format {
        MessageFormat::Json => {
            let counts = Counts { files: read, ..Counts::default() };
            let text = Format::Json
                .render(&Run::new(findings, files, counts))
                .map_err(|error| Stop::Message(error.to_string()))?;
            io.err.write_all(text.as_bytes())?;
        }
        MessageFormat::Human => {
            io.err.write_all(report::human::report(findings, files).as_bytes())?;
            writeln!(
                io.err,
                "{} in {}; nothing was rendered",
                counted(findings.len(), "problem"),
                counted(read, "file")
            )?;
        }
    }
    Ok(())
}
