//! `slogen policy`.

use std::path::{Path, PathBuf};

use crate::config::{self, Overrides};
use crate::policy::{self, Options};
use crate::report;
use crate::rules::policy::Admission;
use crate::rules::{self, Entry};
use crate::source::Files;
use crate::spec::leaf::is_dns_label;

use super::output::{self, Format, bug};
use super::{Io, Outcome, Run, Stop, configuration};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Print `ValidatingAdmissionPolicy` objects that check in the API server what `slogen lint` checks in files.
    ///
    /// Printed are the rules that one object decides, a binding for each, and a ConfigMap with their options. Levels
    /// and options are those of the configuration of `slogen lint`. Needs Kubernetes 1.30 or later.
    Export(Args),
}

#[derive(clap::Args)]
pub(super) struct Args {
    /// Rules or families to export; all that can be and that the configuration has on, if none is named.
    #[arg(value_name = "RULE")]
    rules: Vec<String>,
    /// Refuse what the rules report, instead of warning and writing to the audit log.
    #[arg(long)]
    deny: bool,
    /// Namespace of the ConfigMap with the options.
    #[arg(long, value_name = "NAME", default_value = "slogen-system", value_parser = namespace)]
    namespace: String,
    /// Leave a namespace alone, beside kube-system; may be given several times.
    #[arg(long, value_name = "NAME", value_parser = namespace)]
    exclude_namespace: Vec<String>,
    /// Configuration file, in place of the nearest slogen.toml.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Form of the output.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: Format,
}

fn namespace(text: &str) -> Result<String, String> {
    if is_dns_label(text, 63) {
        return Ok(text.to_owned());
    }
    Err("a namespace has at most 63 lower-case letters, digits and `-`, and a letter or digit at each end"
        .to_owned())
}

pub(super) fn run(command: &Command, io: &mut Io<'_>) -> Run {
    let Command::Export(args) = command;
    let select = selected(&args.rules)?;
    let mut files = Files::default();
    let found = configuration::find(&mut files, args.config.as_deref(), Path::new("."))?;
    let overrides = Overrides { select, ..Overrides::default() };
    let (config, problems, complaints) = config::resolve(&files, found.lint.as_ref(), &overrides);
    let problems: Vec<_> = found.findings.into_iter().chain(problems).collect();
    if !problems.is_empty() {
        io.err.write_all(report::human::report(&problems, &files).as_bytes())?;
        return Err(Stop::Reported);
    }
    if let Some(complaint) = complaints.into_iter().next() {
        return Err(Stop::Message(complaint));
    }
    let options = Options {
        namespace: args.namespace.clone(),
        deny: args.deny,
        exclude: args.exclude_namespace.clone(),
        keda: config.settings.keda,
    };
    let objects = policy::manifests(&config.rules, &options).map_err(bug)?;
    if objects.is_empty() {
        let message =
            "the configuration turns off every rule that can be exported; name the rules to export";
        return Err(Stop::Message(message.to_owned()));
    }
    io.out.write_all(output::objects(&objects, args.output)?.as_bytes())?;
    Ok(Outcome::Done)
}

/// The rules that `names` mean, of families those that can be exported.
fn selected(names: &[String]) -> Result<Vec<String>, Stop> {
    let mut selected = Vec::new();
    for name in names {
        let meant = rules::named(name);
        if meant.is_empty() {
            let why = if rules::is_known(name) {
                format!("the family `{name}` has no rules yet")
            } else {
                format!("there is no rule `{name}`; {}", rules::unknown(name))
            };
            return Err(Stop::Message(why));
        }
        let can = |entry: &&&Entry| matches!(entry.meta.admission, Admission::Policy(_));
        let mut exported = meant.iter().filter(can).map(|entry| entry.meta.name).peekable();
        if exported.peek().is_none() {
            return Err(Stop::Message(refusal(&meant)));
        }
        selected.extend(exported.map(str::to_owned));
    }
    Ok(selected)
}

/// Why none of these can be exported, and what can.
fn refusal(entries: &[&Entry]) -> String {
    let reasons = entries.iter().filter_map(|entry| match entry.meta.admission {
        Admission::Never(why) => {
            Some(format!("`{}` cannot be exported: it {why}", entry.meta.name))
        }
        Admission::Policy(_) => None,
    });
    let reasons: Vec<_> = reasons.collect();
    let can: Vec<_> = policy::exportable().map(|entry| format!("  {}", entry.meta.name)).collect();
    format!(
        "{}\nA policy sees one object at a time. These can be exported:\n{}",
        reasons.join("\nerror: "),
        can.join("\n")
    )
}
