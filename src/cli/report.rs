//! `slogen report`.

use std::path::{Path, PathBuf};

use crate::config::Overrides;
use crate::report::{Format, merge};
use crate::source::{self, Files};

use super::lint::FailOn;
use super::reports::Form;
use super::{Io, Outcome, Run, Stop, output, reports, rules};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Join reports that `lint --format json` wrote: all shards of one run, or whole runs.
    Merge(Merge),
}

#[derive(clap::Args)]
pub(super) struct Merge {
    /// The reports, or `-` for standard input.
    #[arg(value_name = "REPORT", required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    reports: reports::ReportArgs,
    /// The least severity that makes the exit code 1.
    #[arg(long, value_enum, value_name = "SEVERITY", default_value_t = FailOn::Error, help_heading = "Reports")]
    fail_on: FailOn,
}

/// The largest report that is read, in bytes: half a million findings.
const MAX_BYTES: u64 = 512 << 20;

pub(super) fn run(command: &Command, io: &mut Io<'_>) -> Run {
    let Command::Merge(args) = command;
    let places = args.reports.places(Format::Json)?;
    let mut formats = Vec::new();
    for (form, file) in places {
        let why = match form {
            Form::Report(Format::Human) => "human shows the text of the files",
            Form::Report(Format::Rdjson) => "rdjson counts columns in bytes of the files",
            Form::Name | Form::Yaml => "yaml and name take findings as `slogen lint` has them",
            Form::Report(format) => {
                formats.push((format, file));
                continue;
            }
        };
        return Err(Stop::Message(format!(
            "{why}, which reports do not hold; take json, concise, sarif, github, gitlab or junit"
        )));
    }
    let read = |path: &PathBuf| {
        let stdin = path == Path::new("-");
        let name = if stdin { "stdin".into() } else { path.display().to_string() };
        let text = source::read(path, MAX_BYTES)
            .map_err(|error| Stop::Message(format!("cannot read `{name}`: {error}")))?;
        merge::read(&name, &text).map_err(Stop::Message)
    };
    let read = args.paths.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let merged = merge::merge(read).map_err(Stop::Message)?;
    let (config, ..) = crate::config::resolve(&Files::default(), None, &Overrides::default());
    let infos = rules::infos(&config.rules);
    let least = args.fail_on.severity();
    for (format, file) in &formats {
        let text = merged.render(*format, &infos, least).map_err(output::bug)?;
        reports::write(&text.unwrap_or_default(), file.as_ref(), false, io)?;
    }
    let fails = least.is_some_and(|least| merged.holds(least));
    Ok(if fails { Outcome::Found } else { Outcome::Done })
}
