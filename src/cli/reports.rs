//! Where reports go: the options of `slogen lint` and `slogen report merge`.

use std::path::PathBuf;

use crate::report::Format;

use super::{Io, Stop, output};

/// Which reports are written, and where.
#[derive(clap::Args)]
pub(super) struct ReportArgs {
    /// How findings are printed; `FORMAT=FILE` writes them to a file, and several may be given.
    #[arg(long, value_name = "FORMAT[=FILE]", help_heading = "Reports", value_parser = parse_format)]
    format: Vec<Place>,
    /// Write the report to this file instead of standard output.
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    output_file: Option<PathBuf>,
}

/// A format, with its file if it has one.
pub(super) type Place = (Format, Option<PathBuf>);

/// `sarif`, `sarif=lint.sarif`
fn parse_format(text: &str) -> Result<Place, String> {
    let (name, file) = match text.split_once('=') {
        Some((name, file)) => (name, Some(PathBuf::from(file))),
        None => (text, None),
    };
    let format = <Format as clap::ValueEnum>::from_str(name, false).map_err(|_| {
        let names = <Format as clap::ValueEnum>::value_variants().iter();
        let names = names.filter_map(clap::ValueEnum::to_possible_value);
        let names: Vec<_> = names.map(|value| value.get_name().to_owned()).collect();
        format!("there is no format `{name}`; there are {}", names.join(", "))
    })?;
    match file {
        Some(file) if file.as_os_str().is_empty() => Err(format!("`{text}` names no file")),
        file => Ok((format, file)),
    }
}

impl ReportArgs {
    /// The formats, each with its file; the last one without a file of its own gets `--output-file`. Where none is
    /// given, it is `default`.
    pub(super) fn places(&self, default: Format) -> Result<Vec<Place>, Stop> {
        let mut reports = self.format.clone();
        if !reports.iter().any(|(_, file)| file.is_none())
            && (reports.is_empty() || self.output_file.is_some())
        {
            reports.push((default, None));
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
