//! `slogen schema`.

use crate::schema;

use super::{Io, Outcome, Run, Stop};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Which schema.
    #[arg(value_enum)]
    which: Which,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Which {
    /// Of slo.toml.
    Slo,
    /// Of profiles.
    Profile,
    /// Of slogen.toml.
    Config,
    /// Of the report that `lint --format json` and `--message-format json` print.
    Report,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Run {
    let schema = match args.which {
        Which::Slo => schema::document::slo(),
        Which::Profile => schema::document::profile(),
        Which::Config => schema::document::config(),
        Which::Report => schema::document::report(),
    };
    io.out.write_all(text(&schema)?.as_bytes())?;
    Ok(Outcome::Done)
}

/// A schema as a file.
pub(super) fn text(schema: &serde_json::Value) -> Result<String, Stop> {
    serde_json::to_string_pretty(schema).map(|text| text + "\n").map_err(super::output::bug)
}
