//! The forms that `slogen lint` prints findings in: the report's own, and those that users of kubectl ask for.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::ValueEnum;

use crate::cli::{Stop, output};
use crate::report::{Format, Run};
use crate::yaml;

/// A form of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Form {
    /// One of the report's.
    Report(Format),
    /// The report for programs, as YAML.
    Yaml,
    /// The objects that something is wrong with, `kind/name` as kubectl has it.
    Name,
}

/// `sarif`, `sarif=lint.sarif`
pub(super) fn parse(text: &str) -> Result<(Form, Option<PathBuf>), String> {
    let (name, file) = match text.split_once('=') {
        Some((name, file)) => (name, Some(PathBuf::from(file))),
        None => (text, None),
    };
    let form = match name {
        "yaml" => Form::Yaml,
        "name" => Form::Name,
        _ => Form::Report(Format::from_str(name, false).map_err(|_| unknown(name))?),
    };
    match file {
        Some(file) if file.as_os_str().is_empty() => Err(format!("`{text}` names no file")),
        file => Ok((form, file)),
    }
}

fn unknown(name: &str) -> String {
    let formats = Format::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let names: Vec<_> = formats.map(|value| value.get_name().to_owned()).collect();
    format!("there is no format `{name}`; there are {}, yaml, name", names.join(", "))
}

impl Form {
    /// What `run` found, complete with its last line end.
    pub(in crate::cli) fn render(self, run: &Run<'_>) -> Result<String, Stop> {
        match self {
            Self::Report(format) => format.render(run).map_err(output::bug),
            Self::Yaml => {
                let text = Format::Json.render(run).map_err(output::bug)?;
                let report: serde_json::Value = serde_json::from_str(&text).map_err(output::bug)?;
                yaml::emit::stream(&[&report]).map_err(output::bug)
            }
            Self::Name => {
                let objects = run.findings.iter().filter_map(|finding| finding.object.as_ref());
                let lines: BTreeSet<String> = objects
                    .filter(|object| !object.name.is_empty())
                    .map(|object| format!("{}/{}\n", object.kind.to_lowercase(), object.name))
                    .collect();
                Ok(lines.into_iter().collect())
            }
        }
    }
}
