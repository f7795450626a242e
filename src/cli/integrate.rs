//! `slogen integrate`.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::integrate::snippets::{self, Host, REPOSITORY};
use crate::source;

use super::{Io, Outcome, Run, Stop};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The program; without it, those that there are.
    #[arg(value_enum)]
    host: Option<Host>,
    /// Where releases, hooks and the action are, if not in slogen's own repository.
    #[arg(long, value_name = "URL", default_value = REPOSITORY)]
    repository: String,
    /// What `sha256sum` prints of a release's archives, for krew.
    #[arg(long, value_name = "FILE")]
    checksums: Option<PathBuf>,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Run {
    let Some(host) = args.host else {
        for value in Host::value_variants().iter().filter_map(ValueEnum::to_possible_value) {
            let about = value.get_help().map(ToString::to_string).unwrap_or_default();
            writeln!(io.out, "{:<11} {about}", value.get_name())?;
        }
        return Ok(Outcome::Done);
    };
    let checksums = args.checksums.as_ref().map(|path| {
        source::read(path, source::MAX_BYTES)
            .map_err(|error| Stop::Message(format!("cannot read `{}`: {error}", path.display())))
    });
    let text = snippets::snippet(host, &args.repository, checksums.transpose()?.as_deref())
        .map_err(Stop::Message)?;
    io.out.write_all(text.as_bytes())?;
    Ok(Outcome::Done)
}
