//! What KRM functions and exec plugins have in common: rendering and linting as a `SloGenerator` or `SloLint` says.

use std::path::{Path, PathBuf};

use crate::cluster::World;
use crate::finding::Finding;
use crate::integrate::function::{self, Function, Generator, Lint};
use crate::integrate::resource_list::Item;
use crate::integrate::results::{self, Sheets, sheets};
use crate::profile::Library;
use crate::render::Manifest;
use crate::report;
use crate::source::{FileId, Files, ReadError, Root};
use crate::spec::Source;

use super::lint::{Configured, FailOn, Kinds, Request, Text, load};
use super::services::Read;
use super::{Io, Outcome, Run, Stop, render};

/// Which files may be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum LoadRestrictor {
    /// Those in or below the folder of the kustomization or package.
    #[default]
    #[value(alias = "LoadRestrictionsRootOnly")]
    RootOnly,
    /// Any.
    #[value(alias = "LoadRestrictionsNone")]
    None,
}

/// Where paths start, and where files may lie.
pub(super) struct Place {
    folder: PathBuf,
    root: Root,
}

impl Place {
    /// The current folder, which is that of the kustomization or package.
    pub(super) fn here(restrictor: LoadRestrictor) -> Self {
        Self::at(PathBuf::new(), restrictor)
    }

    /// `folder`; empty is the current one.
    pub(super) fn at(folder: PathBuf, restrictor: LoadRestrictor) -> Self {
        let root = match restrictor {
            LoadRestrictor::None => Root::Anywhere,
            LoadRestrictor::RootOnly if folder.as_os_str().is_empty() => Root::Below(".".into()),
            LoadRestrictor::RootOnly => Root::Below(folder.clone()),
        };
        Self { folder, root }
    }
}

/// What stops a function ends it with 1: hosts know no other number.
pub(super) fn failed(run: Run, io: &mut Io<'_>) -> Run {
    match run {
        Ok(Outcome::Failed) | Err(Stop::Reported) => Ok(Outcome::Found),
        Err(Stop::Message(message)) => {
            writeln!(io.err, "error: {message}")?;
            Ok(Outcome::Found)
        }
        other => other,
    }
}

/// What `config` asks for, or a report.
pub(super) fn configured(files: &Files, config: FileId, io: &mut Io<'_>) -> Result<Function, Stop> {
    function::read(files, config).map_err(|findings| report_problems(&findings, files, io))
}

fn report_problems(findings: &[Finding], files: &Files, io: &mut Io<'_>) -> Stop {
    match io.err.write_all(report::human::report(findings, files).as_bytes()) {
        Ok(()) => Stop::Reported,
        Err(error) => error.into(),
    }
}

/// What the command line of an exec plugin adds to a generator.
#[derive(clap::Args)]
pub(super) struct More {
    /// Lay the overlay `[env.NAME]` over the rest, instead of `spec.env`.
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// Only objects of these kinds, instead of `spec.only`.
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = render::kind_of_object)]
    only: Vec<&'static str>,
}

/// The objects that `generator` asks for.
pub(super) fn generate(
    generator: Generator,
    more: Option<&More>,
    place: &Place,
    io: &mut Io<'_>,
) -> Result<Vec<Manifest>, Stop> {
    let mut read = Read { library: Library::within(place.root.clone()), ..Read::default() };
    let spec = generator.spec;
    let mut only = Vec::new();
    for kind in spec.only.iter().flat_map(|only| only.iter()) {
        only.push(render::kind_of_object(kind).map_err(|help| {
            Stop::Message(format!(
                "`spec.only`: `{}` is no kind that slogen renders: {help}",
                **kind
            ))
        })?);
    }
    if let Some(more) = more.filter(|more| !more.only.is_empty()) {
        only.clone_from(&more.only);
    }
    if let Some((name, text)) = generator.inline {
        let Read { files, library, .. } = &mut read;
        let file = files.add(name, text);
        let source = Source::of_yaml(files, library, file, &place.folder);
        read.sources.push(source);
        read.count = 1;
    }
    for path in spec.file.iter().flat_map(|file| &file.0) {
        let path = place.folder.join(path);
        if path == Path::new("-") {
            return Err(Stop::Message("`spec.file`: `-` is no file".to_owned()));
        }
        if let Err(error @ ReadError::Outside(_)) = place.root.check(&path) {
            return Err(Stop::Message(format!(
                "`spec.file`: `{}` may not be read: {error}; move it there, or lift the restriction with `args: \
                 [krm, --load-restrictor, none]`, for an exec plugin with `argsOneLiner: --load-restrictor none`",
                path.display()
            )));
        }
        if !path.exists() {
            let here = std::env::current_dir().unwrap_or_default().join(&place.folder);
            return Err(Stop::Message(format!(
                "`spec.file`: there is no `{}` in `{}`; paths start at the folder of the kustomization, with kpt at \
                 the folder that kpt is run in",
                path.display(),
                here.display()
            )));
        }
        read.file(&path);
    }
    let env = more.and_then(|more| more.env.as_deref());
    let env = env.or(spec.env.as_ref().map(|env| env.as_str()));
    render::manifests(read, env, &only, io)
}

/// What a linter says.
pub(super) struct Linted {
    /// As results of a KRM function.
    pub(super) results: Vec<serde_json::Value>,
    /// One of them counts.
    pub(super) fails: bool,
}

/// Lints the resources among `items`, and reports to standard error.
pub(super) fn lint(
    lint: &Lint,
    fail_on: Option<FailOn>,
    items: &[Item],
    place: &Place,
    io: &mut Io<'_>,
) -> Result<Linted, Stop> {
    let sheets = sheets(items);
    let path = |path: &str| place.folder.join(path);
    let text = |sheet: &results::Sheet<'_>| {
        let name = match &sheet.name {
            None => path("resources"),
            Some(name) if path(name).is_file() => path(name),
            // kpt runs elsewhere than in the package, and a slo.toml in this folder is none of it.
            Some(name) => Path::new("package").join(name),
        };
        Text { name, content: Some(sheet.text.clone()) }
    };
    let spec = &lint.spec;
    let start = if place.folder.as_os_str().is_empty() { ".".into() } else { place.folder.clone() };
    let config = match (&spec.config, &place.root) {
        (Some(config), _) => Configured::In(path(config)),
        (None, Root::Anywhere) => Configured::Nearby,
        (None, Root::Below(_)) => Configured::Beside,
    };
    let mut loaded = load(
        Request {
            flat: Vec::new(),
            paths: Vec::new(),
            texts: sheets.iter().map(text).collect(),
            start,
            slo: spec.slo.as_ref().map(|slo| path(slo)),
            namespace: spec.namespace.as_ref().map(|namespace| (**namespace).clone()),
            world: spec.closed_world.as_deref().filter(|closed| **closed).map(|_| World::Closed),
            kinds: Kinds::default(),
            per_file: false,
            force_exclude: false,
            overrides: lint.overrides.clone(),
            config,
            ignores: true,
            baseline: None,
            root: place.root.clone(),
        },
        io,
    )?;
    // A host of functions sends no templates.
    loaded.options.rendered = true;
    let outcome = loaded.check()?;
    let files = &loaded.files;
    let ids = loaded.sources.iter().map(|source| source.file);
    let placed = Sheets::new(ids.zip(&sheets));
    let (mut inside, outside): (Vec<Finding>, Vec<Finding>) =
        outcome.findings.iter().cloned().partition(|finding| placed.hold(finding));
    // kpt shows only the first lines.
    inside.sort_by_key(|finding| finding.severity);
    io.err.write_all(report::human::report(&outside, files).as_bytes())?;
    for finding in &inside {
        io.err.write_all(placed.human(finding).unwrap_or_default().as_bytes())?;
    }
    if !outcome.findings.is_empty() {
        let objects = items.iter().filter(|item| item.is_resource()).count();
        io.err.write_all(results::summary(&outcome.findings, objects).as_bytes())?;
    }
    let elsewhere = outside
        .iter()
        .map(|finding| results::elsewhere(finding, &files.get(finding.primary.span.file).path()));
    let results = inside.iter().filter_map(|finding| placed.result(finding)).chain(elsewhere);
    let configured = lint.fail_on.as_deref();
    let configured =
        configured.and_then(|word| <FailOn as clap::ValueEnum>::from_str(word, false).ok());
    let fail_on = fail_on.or(configured).unwrap_or(FailOn::Error);
    Ok(Linted { results: results.collect(), fails: fail_on.fails(&outcome.findings) })
}
