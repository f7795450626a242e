//! Where reports go: the options of `slogen lint` and `slogen report merge`.

mod form;

use std::path::PathBuf;

use crate::report::Format;

use super::{Io, Stop, output};
pub(super) use form::Form;

/// Which reports are written, and where.
#[derive(clap::Args)]
pub(super) struct ReportArgs {
    /// How findings are printed; `FORMAT=FILE` writes them to a file, and several may be given.
    #[arg(
        short = 'o', long, visible_alias = "output", value_name = "FORMAT[=FILE]", help_heading = "Reports",
        value_parser = form::parse
    )]
    format: Vec<Place>,
    /// Write the report to this file instead of standard output.
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    output_file: Option<PathBuf>,
}

/// A format, with its file if it has one.
pub(super) type Place = (Form, Option<PathBuf>);

impl ReportArgs {
    /// The formats, each with its file; the last one without a file of its own gets `--output-file`. Where none is
    /// given, it is `default`.
    pub(super) fn places(&self, default: Format) -> Result<Vec<Place>, Stop> {
        let mut reports = self.format.clone();
        if !reports.iter().any(|(_, file)| file.is_none())
            && (reports.is_empty() || self.output_file.is_some())
        {
            reports.push((Form::Report(default), None));
        }
        if let Some(file) = &self.output_file
            && let Some((_, place)) = reports.iter_mut().rev().find(|(_, file)| file.is_none())
        {
            *place = Some(file.clone());
        }
        if reports.iter().filter(|(_, file)| file.is_none()).count() > 1 {
            let help = "give all but one a file: `--format human --format sarif=lint.sarif`";
            return Err(Stop::Message(format!("two formats would share standard output; {help}")));
        }
        Ok(reports)
    }
}

/// Writes a report to its file, else to standard output, or to standard error if that is `aside`.
pub(super) fn write(
    text: &str,
    file: Option<&PathBuf>,
    aside: bool,
    io: &mut Io<'_>,
) -> Result<(), Stop> {
    match file {
        Some(file) => {
            output::write_file(file, &anstream::adapter::strip_str(text).to_string())?;
        }
        None if aside => io.err.write_all(text.as_bytes())?,
        None if io.colour => io.out.write_all(text.as_bytes())?,
        None => write!(io.out, "{}", anstream::adapter::strip_str(text))?,
    }
    Ok(())
}
