//! `slogen lint`.

use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::cluster::Declared;
use crate::config::{self, Config, Overrides};
use crate::finding::{Finding, Severity};
use crate::lint::{self, Options, Outcome, Source};
use crate::profile::Library;
use crate::rules::suppress::Day;
use crate::source::{self, FileId, Files};
use crate::spec;
use crate::spec::tables::Lint;

use super::manifests::{self, Found};
use super::{Io, Run, Stop};

/// What `slogen lint` is asked for.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Manifests, folders that hold some, or `-` for standard input.
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// The name to report for standard input; its folder is where slo.toml and slogen.toml are looked for.
    #[arg(long, value_name = "PATH", default_value = "stdin")]
    stdin_filename: PathBuf,
    /// The slo.toml that describes the service, instead of the nearest one.
    #[arg(long, value_name = "PATH")]
    slo: Option<PathBuf>,
    /// The namespace of objects that set none.
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
    /// The slogen.toml with the configuration, instead of the one found above the first path.
    #[arg(long, value_name = "PATH", conflicts_with = "no_config")]
    config: Option<PathBuf>,
    /// Use no configuration file.
    #[arg(long)]
    no_config: bool,
    /// Run only this rule, or the rules of this family.
    #[arg(long, value_name = "NAME")]
    select: Vec<String>,
    /// Report this rule or family as error.
    #[arg(long, value_name = "NAME")]
    error: Vec<String>,
    /// Report this rule or family as warning.
    #[arg(long, value_name = "NAME")]
    warn: Vec<String>,
    /// Do not run this rule or family.
    #[arg(long, visible_alias = "ignore", value_name = "NAME")]
    off: Vec<String>,
    /// Report what suppressions hide.
    #[arg(long)]
    no_ignores: bool,
    /// The least severity that makes the exit code 1.
    #[arg(long, value_enum, value_name = "SEVERITY", default_value_t = FailOn::Error)]
    fail_on: FailOn,
}

/// The least severity that makes the exit code 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum FailOn {
    /// Errors only.
    Error,
    /// Errors and warnings.
    Warning,
    /// Anything.
    Info,
    /// Nothing.
    Never,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Run {
    let mut files = Files::default();
    let found = Found::new(&args.paths, &Gitignore::empty())?;
    let loaded = manifests::add(&mut files, found.read());
    let (config, findings, complaints) = config::resolve(None, &Overrides::default());
    let nearest = found.nearest_slo();
    let sources: Vec<_> = loaded.iter().map(|(file, path, _)| Source { file: *file, slo: nearest(path) }).collect();
    let options = Options { rules: config.rules, settings: config.settings, ignores: true, today: None };
    let outcome = lint::lint(&files, &sources, &[], &options);
    for finding in &outcome.findings {
        let place = files.position(finding.primary.span);
        writeln!(io.out, "{}:{place}: {} {} {}", files.get(finding.primary.span.file).name, finding.severity.word(), finding.rule, finding.message)?;
    }
    Ok(super::Outcome::Done)
}
