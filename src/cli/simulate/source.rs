//! Which service is simulated.

use std::path::PathBuf;

use crate::cli::input::FILE_NAME;
use crate::finding::{self, Finding};
use crate::plan::Plan;
use crate::profile::Library;
use crate::report::{counted, human};
use crate::simulate::capacity::Targets;
use crate::simulate::scenario::{Missing, Scenario};
use crate::source::{Files, Span};
use crate::spec::{Source, Spec};
use crate::tree::Node;
use crate::units::Duration;

use super::{Io, Stop};

/// A slo.toml, and what is changed in it.
#[derive(clap::Args)]
pub(in crate::cli) struct SourceArgs {
    /// The slo.toml; `-` is standard input.
    #[arg(value_name = "PATH", default_value = FILE_NAME)]
    pub(in crate::cli) path: PathBuf,
    /// Lay the overlay `[env.NAME]` over the rest.
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) env: Option<String>,
    /// What if: another value for a key, such as `scaling.max=40`. May be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(in crate::cli) set: Vec<String>,
}

/// A service, ready to be simulated.
pub(in crate::cli) struct Loaded {
    pub(in crate::cli) scenario: Scenario,
    /// `think_time` of `[simulate]`.
    pub(in crate::cli) think: Option<Duration>,
    /// What each pod must keep to, beside the latency.
    pub(in crate::cli) targets: Targets,
}

/// A slo.toml that was read, for the services that settings make of it.
pub(in crate::cli) struct Opened<'a> {
    files: Files,
    source: Source,
    env: Option<&'a str>,
}

impl SourceArgs {
    /// The service; or every problem, reported.
    pub(in crate::cli) fn read(&self, io: &mut Io<'_>) -> Result<Loaded, Stop> {
        self.read_with(&[], io)
    }

    /// As [`Self::read`], with `settings` on top of those on the command line.
    pub(in crate::cli) fn read_with(
        &self,
        settings: &[String],
        io: &mut Io<'_>,
    ) -> Result<Loaded, Stop> {
        self.open(io)?.with(settings, io)
    }

    /// The slo.toml with what is changed in it; or every problem, reported.
    pub(in crate::cli) fn open(&self, io: &mut Io<'_>) -> Result<Opened<'_>, Stop> {
        let mut files = Files::default();
        let read = Source::read(&mut files, &mut Library::default(), &self.path);
        match read {
            Ok(mut source) => {
                for setting in &self.set {
                    source.set(&mut files, setting);
                }
                Ok(Opened { files, source, env: self.env.as_deref() })
            }
            Err(findings) => Err(report(findings, &files, io)?),
        }
    }
}

impl Opened<'_> {
    /// The service with `settings` on top; or every problem, reported.
    pub(in crate::cli) fn with(
        &mut self,
        settings: &[String],
        io: &mut Io<'_>,
    ) -> Result<Loaded, Stop> {
        let (files, mut source) = (&mut self.files, self.source.clone());
        for setting in settings {
            source.set(files, setting);
        }
        let anchor = source.anchor();
        match source.load(files, self.env).and_then(|spec| loaded(&spec)) {
            Ok(loaded) => Ok(loaded),
            Err(findings) => Err(report(finding::anchor(findings, anchor, files), files, io)?),
        }
    }
}

/// Reports `findings`.
fn report(mut findings: Vec<Finding>, files: &Files, io: &mut Io<'_>) -> Result<Stop, Stop> {
    finding::sort(&mut findings, files);
    io.err.write_all(human::report(&findings, files).as_bytes())?;
    let problems = counted(findings.len(), "problem");
    writeln!(io.err, "{problems} in 1 file; nothing was simulated")?;
    Ok(Stop::Reported)
}

fn loaded(spec: &Spec) -> Result<Loaded, Vec<Finding>> {
    let at = spec.tree.get("simulate").map_or(Span::start_of(spec.file), Node::place);
    let plan = Plan::new(spec);
    let scenario = Scenario::new(&plan).map_err(|missing| vec![of(missing, at)])?;
    let think = spec.doc.simulate.think_time.as_deref().copied();
    Ok(Loaded { scenario, think, targets: Targets::new(&plan.targets) })
}

fn of(Missing { message, help }: Missing, at: Span) -> Finding {
    Finding::error("spec/not-simulated", at, message).help(help)
}
