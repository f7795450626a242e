//! The command line: the only place, beside `source::read`, that touches files and streams.

mod adapter;
mod complete;
mod configuration;
mod dashboard;
mod function;
mod helm;
mod init;
mod input;
mod integrate;
mod krm;
mod kubectl;
mod kustomize;
mod legacy;
mod lint;
mod manifests;
mod multicall;
mod output;
mod own;
mod policy;
mod profile;
mod render;
mod report;
mod reports;
mod rules;
mod runbook;
mod schema;
mod served;
mod services;
mod simulate;
mod tune;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use multicall::Called;

/// Standard streams, and what is known about them.
pub struct Io<'a> {
    /// Receives what was asked for, and nothing else.
    pub out: &'a mut dyn Write,
    /// Receives problems and notes; strips colour where none is wanted.
    pub err: &'a mut dyn Write,
    /// `out` shows colour.
    pub colour: bool,
}

/// How a run ended; see the exit codes in the crate's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 0: done.
    Done,
    /// 1: what is on disk differs.
    Drift,
    /// 1: something was found that should fail the run.
    Found,
    /// 2: problems of input, usage or IO.
    Failed,
}

/// Why a command stopped.
pub(crate) enum Stop {
    /// Reported already.
    Reported,
    /// To be reported in one line.
    Message(String),
    /// The reader of standard output is gone, which is its right.
    ClosedPipe,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::ClosedPipe
        } else {
            Self::Message(format!("cannot write: {error}"))
        }
    }
}

type Run = Result<Outcome, Stop>;

/// Turns one slo.toml into the Kubernetes manifests of an SLO-driven, autoscaled service, and lints manifests.
#[derive(Parser)]
#[command(name = "slogen", version, max_term_width = 100, arg_required_else_help = true)]
#[command(
    after_help = "Start with `slogen init --profile inference`, then `slogen render > manifests.yaml`.\n\
    Exit codes: 0 done, 1 `--check` or `lint` found something, 2 problems of input, usage or files."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Render the manifests of one or many services.
    Render(render::Args),
    /// Find mistakes in manifests.
    Lint(Box<lint::Args>),
    /// Work with reports of `lint`.
    #[command(subcommand)]
    Report(report::Command),
    /// Print what a rule finds, why it bites, and what to write instead.
    Explain {
        /// A rule or a family, such as `scaling/static-replicas`.
        rule: String,
    },
    /// List the rules of `slogen lint`.
    Rules(rules::Args),
    /// Have the API server check what `slogen lint` checks.
    #[command(subcommand)]
    Policy(policy::Command),
    /// Print where every number of a service comes from (the same as `render --why`).
    ExplainPlan(render::ExplainArgs),
    /// Print what prometheus-adapter needs to serve the HPAs of one or many services, as Helm values.
    Adapter(adapter::Args),
    /// Print the Grafana dashboard, as ConfigMap or as JSON to import.
    Dashboard(dashboard::Args),
    /// Print the runbook: what each alert means, what to look at, and what to change.
    Runbook(runbook::Args),
    /// See what the autoscaler does.
    Simulate(Box<simulate::Args>),
    /// Find the cheapest setting of the autoscaler that keeps the targets under a load.
    Tune(Box<tune::Args>),
    /// Write a commented slo.toml to start from.
    Init(init::Args),
    /// List the profiles, or show one.
    #[command(subcommand)]
    Profile(profile::Command),
    /// Run as KRM function: a list of resources in, another out; kustomize and kpt run this.
    Krm(krm::Args),
    /// Make kustomize run slogen.
    #[command(subcommand)]
    Kustomize(kustomize::Command),
    /// Print a JSON Schema.
    Schema(schema::Args),
    /// Lint what Helm rendered, and hand it back unchanged if it passes: a post-renderer.
    HelmPostRender(helm::PostRenderArgs),
    /// Make slogen known to Helm.
    #[command(subcommand)]
    Helm(helm::Command),
    /// Make slogen a plugin of kubectl.
    #[command(subcommand)]
    Kubectl(kubectl::Command),
    /// Print what Argo CD, GitHub, GitLab, pre-commit or Krew need to run slogen.
    Integrate(integrate::Args),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the man page of slogen, or of one of its commands.
    Man {
        /// The command, such as `render`.
        command: Option<String>,
    },
}

/// Runs slogen with the process's own arguments and streams.
pub fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|info| {
        let _ = writeln!(
            io::stderr(),
            "error: this is a bug of slogen {}: {info}",
            env!("CARGO_PKG_VERSION")
        );
    }));
    let outcome = std::panic::catch_unwind(|| {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let mut err = anstream::AutoStream::auto(io::stderr());
        let colour = anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
        run(std::env::args_os(), &mut Io { out: &mut out, err: &mut err, colour })
    });
    ExitCode::from(match outcome {
        Ok(Outcome::Done) => 0,
        Ok(Outcome::Drift | Outcome::Found) => 1,
        Ok(Outcome::Failed) | Err(_) => 2,
    })
}

/// Runs slogen with `args`, the program's name first.
pub fn run(args: impl IntoIterator<Item = OsString>, io: &mut Io<'_>) -> Outcome {
    let args: Vec<OsString> = args.into_iter().collect();
    match multicall::called(args.first().map(OsString::as_os_str)) {
        Called::Slogen => {
            let alone = args.len() == 1;
            match alone.then(|| krm::without_arguments(io)).flatten() {
                Some(run) => ended(run, io),
                None => parsed(Cli::command(), args, io, |_, _| ()),
            }
        }
        Called::KustomizePlugin(kind) => legacy::run(kind, args, io),
        Called::KubectlPlugin => parsed(kubectl::command(), args, io, kubectl::explain),
        Called::KubectlCompletion => {
            let words = args.get(1..).unwrap_or_default();
            let run = kubectl::print_candidates(words, io);
            ended(run, io)
        }
    }
}

/// Runs what `command` makes of `args`; `explain` may add to its complaint.
fn parsed(
    command: clap::Command,
    args: Vec<OsString>,
    io: &mut Io<'_>,
    explain: impl Fn(&clap::Error, &mut Io<'_>),
) -> Outcome {
    let matched = command.try_get_matches_from(args);
    match matched.and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches)) {
        Ok(cli) => {
            let run = dispatch(cli.command, io);
            ended(run, io)
        }
        Err(error) => {
            // clap knows best whether it is help or a complaint, and which colour it may use.
            let _ = error.print();
            explain(&error, io);
            if error.use_stderr() { Outcome::Failed } else { Outcome::Done }
        }
    }
}

/// Reports why a run stopped, if it did.
fn ended(run: Run, io: &mut Io<'_>) -> Outcome {
    let run = run.and_then(|outcome| {
        io.out.flush()?;
        Ok(outcome)
    });
    match run {
        Ok(outcome) => outcome,
        Err(Stop::ClosedPipe) => Outcome::Done,
        Err(Stop::Reported) => Outcome::Failed,
        Err(Stop::Message(message)) => {
            let _ = writeln!(io.err, "error: {message}");
            Outcome::Failed
        }
    }
}

fn dispatch(command: Command, io: &mut Io<'_>) -> Run {
    match command {
        Command::Render(args) => render::run(&args, io),
        Command::Lint(args) => lint::run(&args, io),
        Command::Report(command) => report::run(&command, io),
        Command::Explain { rule } => rules::explain(&rule, io),
        Command::Rules(args) => rules::list(&args, io),
        Command::Policy(command) => policy::run(&command, io),
        Command::ExplainPlan(args) => render::explain(&args, io),
        Command::Adapter(args) => adapter::run(&args, io),
        Command::Dashboard(args) => dashboard::run(&args, io),
        Command::Runbook(args) => runbook::run(&args, io),
        Command::Simulate(args) => simulate::run(&args, io),
        Command::Tune(args) => tune::run(&args, io),
        Command::Init(args) => init::run(&args, io),
        Command::Profile(command) => profile::run(&command, io),
        Command::Krm(args) => krm::run(&args, io),
        Command::Kustomize(command) => kustomize::run(&command, io),
        Command::Schema(args) => schema::run(&args, io),
        Command::HelmPostRender(args) => helm::post_render(&args, io),
        Command::Helm(command) => helm::run(&command, io),
        Command::Kubectl(command) => kubectl::run(&command, io),
        Command::Integrate(args) => integrate::run(&args, io),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "slogen", io.out);
            Ok(Outcome::Done)
        }
        Command::Man { command } => man(command.as_deref(), io),
    }
}

fn man(name: Option<&str>, io: &mut Io<'_>) -> Run {
    let mut root = Cli::command();
    root.build();
    let page = match name {
        None => root,
        Some(name) => {
            let found = root.get_subcommands().find(|command| command.get_name() == name).cloned();
            let names = root
                .get_subcommands()
                .map(|command| format!("`{}`", command.get_name()))
                .collect::<Vec<_>>();
            let unknown = || {
                Stop::Message(format!(
                    "there is no command `{name}`; there are {}",
                    names.join(", ")
                ))
            };
            found.ok_or_else(unknown)?
        }
    };
    clap_mangen::Man::new(page).render(&mut io.out)?;
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
