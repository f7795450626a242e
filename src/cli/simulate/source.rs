//! Which service is simulated.

use std::path::{Path, PathBuf};

use crate::cli::input::FILE_NAME;
use crate::finding::{self, Finding};
use crate::plan::Plan;
use crate::profile::Library;
use crate::report::{counted, human};
use crate::simulate::capacity::Targets;
use crate::simulate::scenario::{Missing, Scenario};
use crate::source::{Files, Span};
use crate::spec::{Source, Spec};
use crate::tree::{Table, Value};
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
    /// What it was made from.
    pub(in crate::cli) spec: Spec,
}

impl Loaded {
    /// What each pod must keep to, beside the latency.
    pub(in crate::cli) fn targets(&self) -> Targets {
        Targets::new(&Plan::new(&self.spec).targets)
    }
}

impl SourceArgs {
    /// The service; or every problem, reported.
    pub(in crate::cli) fn read(&self, io: &mut Io<'_>) -> Result<Loaded, Stop> {
        self.open(io)?.with(&[]).or_else(|(findings, files)| report(findings, &files, io))
    }

    /// The file, read once to be loaded many times; or every problem, reported.
    pub(in crate::cli) fn open(&self, io: &mut Io<'_>) -> Result<Opened, Stop> {
        if self.path.is_dir() {
            return Err(Stop::Message(format!(
                "`{}` is a folder, and one service is simulated at a time: write `{}`",
                self.path.display(),
                self.path.join(FILE_NAME).display()
            )));
        }
        let mut files = Files::default();
        let mut source = Source::read(&mut files, &mut Library::default(), &self.path)
            .or_else(|findings| report(findings, &files, io))?;
        for setting in &self.set {
            source.set(&mut files, setting);
        }
        Ok(Opened { files, source, env: self.env.clone() })
    }
}

/// A slo.toml that was read, with the settings of the command line.
pub(in crate::cli) struct Opened {
    files: Files,
    source: Source,
    env: Option<String>,
}

impl Opened {
    /// The file as it was read.
    pub(in crate::cli) fn text(&self) -> &str {
        &self.files.get(self.source.file()).text
    }

    /// The service if the file were `text`; or every problem.
    pub(in crate::cli) fn rewritten(&self, text: String) -> Result<Loaded, (Vec<Finding>, Files)> {
        let mut files = Files::default();
        let name = self.files.get(self.source.file()).name.clone();
        let folder = Path::new(&name).parent().unwrap_or(Path::new("")).to_path_buf();
        let source = Source::parse(&mut files, &mut Library::default(), &name, text, &folder);
        Self { files, source, env: self.env.clone() }.with(&[])
    }

    /// The service with `settings` on top; or every problem.
    pub(in crate::cli) fn with(
        &self,
        settings: &[String],
    ) -> Result<Loaded, (Vec<Finding>, Files)> {
        let (mut files, mut source) = (self.files.clone(), self.source.clone());
        for setting in settings {
            source.set(&mut files, setting);
        }
        let anchor = source.anchor();
        let loaded = source.load(&files, self.env.as_deref()).and_then(loaded);
        loaded.map_err(|findings| (finding::anchor(findings, anchor, &files), files))
    }
}

/// Reports why nothing can be simulated.
pub(in crate::cli) fn report<T>(
    mut findings: Vec<Finding>,
    files: &Files,
    io: &mut Io<'_>,
) -> Result<T, Stop> {
    finding::sort(&mut findings, files);
    io.err.write_all(human::report(&findings, files).as_bytes())?;
    let problems = counted(findings.len(), "problem");
    writeln!(io.err, "{problems} in 1 file; nothing was simulated")?;
    Err(Stop::Reported)
}

fn loaded(spec: Spec) -> Result<Loaded, Vec<Finding>> {
    let scenario = Scenario::new(&Plan::new(&spec)).map_err(|missing| {
        let at = place(&spec.tree, missing.key).unwrap_or(Span::start_of(spec.file));
        vec![of(missing, at)]
    })?;
    Ok(Loaded { scenario, think: spec.doc.simulate.think_time.as_deref().copied(), spec })
}

/// Where `key` is written, or as much of it as is.
fn place(tree: &Table, key: &str) -> Option<Span> {
    let (first, rest) = key.split_once('.').unwrap_or((key, ""));
    let node = tree.get(first)?;
    let within = match &node.value {
        Value::Table(table) => place(table, rest),
        _ => None,
    };
    Some(within.unwrap_or_else(|| node.place()))
}

fn of(Missing { message, help, .. }: Missing, at: Span) -> Finding {
    Finding::error("spec/not-simulated", at, message).help(help)
}
