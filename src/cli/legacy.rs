//! slogen as exec plugin of kustomize, the only kind that kubectl runs: called by the name of the object that
//! configures it.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Parser;

use crate::integrate::function::{self, Function, Role};
use crate::integrate::resource_list::{self, Item};
use crate::source::{self, Files};

use super::function::{self as run, LoadRestrictor, More, Place};
use super::lint::FailOn;
use super::{Io, Outcome, Run, Stop, manifests, output};

/// What kustomize passes: the configuration, and the words of `argsOneLiner` and `argsFromFile`.
#[derive(Parser)]
#[command(
    disable_version_flag = true,
    about = "An exec plugin of kustomize: slogen by another name."
)]
struct Plugin {
    /// The file with the object that configures the plugin.
    config: PathBuf,
    #[command(flatten)]
    more: More,
    /// The least severity that makes the build fail, instead of `spec.failOn`.
    #[arg(long, value_enum, value_name = "SEVERITY")]
    fail_on: Option<FailOn>,
    /// Which files may be read: those in or below the folder of the kustomization, or any.
    #[arg(long, value_enum, value_name = "WHICH", default_value_t)]
    load_restrictor: LoadRestrictor,
}

/// Runs the plugin `kind`. kustomize knows only 0 and 1.
pub(super) fn run(kind: &'static str, args: Vec<OsString>, io: &mut Io<'_>) -> Outcome {
    let plugin = match Plugin::try_parse_from(args) {
        Ok(plugin) => plugin,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Outcome::Found } else { Outcome::Done };
        }
    };
    let run = answer(kind, &plugin, io).and_then(|outcome| {
        io.out.flush()?;
        Ok(outcome)
    });
    run::failed(run, io).unwrap_or(Outcome::Done)
}

fn answer(kind: &'static str, plugin: &Plugin, io: &mut Io<'_>) -> Run {
    let text = source::read(&plugin.config, source::MAX_BYTES).map_err(|error| {
        Stop::Message(format!("cannot read `{}`: {error}", plugin.config.display()))
    })?;
    let mut files = Files::default();
    let config = files.add(function::title(&text), text);
    let place = match std::env::var_os("KUSTOMIZE_PLUGIN_CONFIG_ROOT") {
        // kustomize starts plugins there; others may not.
        Some(root) if !is_here(Path::new(&root)) => Place::at(root.into(), plugin.load_restrictor),
        _ => Place::here(plugin.load_restrictor),
    };
    match run::configured(&files, config, io)? {
        Function::Generator(_) if kind != "SloGenerator" => Err(mixed(kind, "SloGenerator")),
        Function::Lint(_) if kind != "SloLint" => Err(mixed(kind, "SloLint")),
        Function::Generator(generator) => {
            let manifests = run::generate(*generator, Some(&plugin.more), &place, io)?;
            io.out.write_all(output::documents(&manifests).map_err(output::bug)?.as_bytes())?;
            Ok(Outcome::Done)
        }
        Function::Lint(lint) => {
            let mut bytes = Vec::new();
            let limited =
                std::io::stdin().lock().take(manifests::MAX_BYTES + 1).read_to_end(&mut bytes);
            let cannot = |error: &dyn std::fmt::Display| {
                Stop::Message(format!("cannot read standard input: {error}"))
            };
            limited.map_err(|error| cannot(&error))?;
            let text = source::read_from(bytes.as_slice(), manifests::MAX_BYTES)
                .map_err(|error| cannot(&error))?;
            let items = resource_list::documents(&text);
            let linted = run::lint(&lint, plugin.fail_on, &items, &place, io)?;
            if linted.fails {
                return Ok(Outcome::Found);
            }
            // What a validator prints, kustomize takes for a change; what a transformer does not print is gone.
            let silent = lint.role == Role::Validator && items.iter().all(Item::is_of_kustomize);
            if !silent {
                io.out.write_all(text.as_bytes())?;
            }
            Ok(Outcome::Done)
        }
    }
}

fn mixed(plugin: &str, kind: &str) -> Stop {
    Stop::Message(format!(
        "the plugin {plugin} was given a {kind}; `slogen kustomize install-plugin` installs both"
    ))
}

fn is_here(folder: &Path) -> bool {
    match (folder.canonicalize(), std::env::current_dir().and_then(|here| here.canonicalize())) {
        (Ok(folder), Ok(here)) => folder == here,
        _ => false,
    }
}
