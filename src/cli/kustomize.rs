//! `slogen kustomize`: what makes kustomize run slogen.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::integrate::function::KINDS;
use crate::integrate::kustomize::{self as files, Protocol};
use crate::yaml::emit;

use super::input::FILE_NAME;
use super::output::{bug, write_file};
use super::{Io, Outcome, Run, Stop};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Make a kustomization run slogen: write what generates and lints, and list it.
    Init(Init),
    /// Install slogen as exec plugin, which `kubectl kustomize --enable-alpha-plugins` runs.
    InstallPlugin(Install),
}

#[derive(clap::Args)]
pub(super) struct Init {
    /// The folder of the kustomization, with its slo.toml.
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// For exec plugins, which kubectl runs, instead of KRM functions, which only kustomize itself runs.
    #[arg(long)]
    legacy: bool,
    /// Replace files that are there already; the kustomization only gets what it lacks.
    #[arg(long)]
    force: bool,
}

#[derive(clap::Args)]
pub(super) struct Install {
    /// Where kustomize looks for plugins. Default: `$KUSTOMIZE_PLUGIN_HOME`, else
    /// `$XDG_CONFIG_HOME/kustomize/plugin`, else `~/.config/kustomize/plugin`.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Replace files that are not slogen's.
    #[arg(long)]
    force: bool,
}

pub(super) fn run(command: &Command, io: &mut Io<'_>) -> Run {
    match command {
        Command::Init(args) => init(args, io),
        Command::InstallPlugin(args) => install(args, io),
    }
}

fn init(args: &Init, io: &mut Io<'_>) -> Run {
    let folder = &args.folder;
    let place = |name: &str| {
        if folder == Path::new(".") { PathBuf::from(name) } else { folder.join(name) }
    };
    if !place(FILE_NAME).is_file() {
        return Err(Stop::Message(format!(
            "there is no {FILE_NAME} in `{}`; `slogen init --output {}` writes one to start from",
            folder.display(),
            place(FILE_NAME).display()
        )));
    }
    let protocol = if args.legacy { Protocol::Legacy } else { Protocol::Krm };
    let function = |kind, spec| files::function(kind, "slogen", &spec, protocol).map_err(bug);
    let mut plan = vec![
        (files::GENERATOR, function("SloGenerator", json!({ "file": FILE_NAME }))?),
        (files::LINT, function("SloLint", json!({ "failOn": "error" }))?),
    ];
    let config = emit::stream(&[&files::config()]).map_err(bug)?;
    let config_name = config_name(&place, &config, args.force);
    plan.push((config_name, config));

    for (name, _) in plan.iter().filter(|(name, _)| *name != config_name && !args.force) {
        let path = place(name);
        if fs::read_to_string(&path).is_ok_and(|old| !files::is_for(&old, protocol)) {
            let (is, other) = if args.legacy {
                ("is for KRM functions", "leave `--legacy` out")
            } else {
                ("is for exec plugins", "add `--legacy`")
            };
            return Err(Stop::Message(format!(
                "`{}` is there already and {is}; {other}, or replace it with `--force`",
                path.display()
            )));
        }
    }
    let lists = [
        ("generators", files::GENERATOR),
        ("transformers", files::LINT),
        ("configurations", config_name),
    ];
    let (kustomization, listed) = kustomization(&place, &lists)?;
    let mut written = Vec::new();
    for (name, text) in &plan {
        let path = place(name);
        match fs::read_to_string(&path) {
            Ok(old) if old == *text => continue,
            Ok(old) if !args.force => {
                let other = *name != config_name && !files::is_for(&old, protocol);
                let other =
                    if other { ", and for the other protocol; `--force` replaces it" } else { "" };
                writeln!(io.err, "kept {}, which is there already{other}", path.display())?;
                continue;
            }
            _ => {}
        }
        write_file(&path, text)?;
        written.push(path);
    }
    for path in &written {
        writeln!(io.err, "wrote {}", path.display())?;
    }
    let name = kustomization.display();
    match listed {
        Listed::Already => {}
        Listed::New(text) => {
            write_file(&kustomization, &text)?;
            writeln!(io.err, "wrote {name}")?;
        }
        Listed::Not(reason) => {
            writeln!(io.err, "left {name} as it is: {reason}; add to it:")?;
            for (field, entry) in lists {
                writeln!(io.err, "  {field}:\n  - {entry}")?;
            }
            return Ok(Outcome::Failed);
        }
    }
    let dir = folder.display();
    if args.legacy {
        writeln!(
            io.err,
            "now: slogen kustomize install-plugin && kubectl kustomize --enable-alpha-plugins {dir}"
        )?;
    } else {
        writeln!(io.err, "now: kustomize build --enable-alpha-plugins --enable-exec {dir}")?;
    }
    Ok(Outcome::Done)
}

/// A name for the configuration of kustomize under which nobody else's is lost.
fn config_name(place: &impl Fn(&str) -> PathBuf, config: &str, force: bool) -> &'static str {
    match fs::read_to_string(place(files::CONFIG)) {
        Ok(old) if old != config && !force => "slogen-kustomizeconfig.yaml",
        _ => files::CONFIG,
    }
}

/// What becomes of a kustomization.
enum Listed {
    /// It lists everything.
    Already,
    /// It gets this text.
    New(String),
    /// It stays as it is, for this reason.
    Not(String),
}

fn kustomization(
    place: &impl Fn(&str) -> PathBuf,
    lists: &[(&str, &str)],
) -> Result<(PathBuf, Listed), Stop> {
    let there: Vec<_> = crate::lint::kustomize::NAMES
        .iter()
        .map(|name| place(name))
        .filter(|path| path.is_file())
        .collect();
    let path = match there.as_slice() {
        [] => {
            let text = files::kustomization(lists).map_err(bug)?;
            return Ok((place(crate::lint::kustomize::NAMES[0]), Listed::New(text)));
        }
        [path] => path.clone(),
        [one, other, ..] => {
            return Err(Stop::Message(format!(
                "`{}` and `{}` are both there, which kustomize refuses; remove one",
                one.display(),
                other.display()
            )));
        }
    };
    let old = fs::read_to_string(&path)
        .map_err(|error| Stop::Message(format!("cannot read `{}`: {error}", path.display())))?;
    let listed = match files::extended(&old, lists) {
        Ok(new) if new == old => Listed::Already,
        Ok(new) => Listed::New(new),
        Err(reason) => Listed::Not(reason),
    };
    // A link stays one: what it leads to changes.
    let path = if path.is_symlink() { path.canonicalize().unwrap_or(path) } else { path };
    Ok((path, listed))
}

fn install(args: &Install, io: &mut Io<'_>) -> Run {
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => plugin_home()?,
    };
    let program = program()?;
    let places: Vec<PathBuf> = KINDS.iter().map(|kind| plugin(&dir, kind)).collect();
    for place in &places {
        if !args.force && place.symlink_metadata().is_ok() && !is_slogen(place, &program) {
            return Err(Stop::Message(format!(
                "`{}` is there already and is not slogen; `--force` replaces it",
                place.display()
            )));
        }
    }
    for place in &places {
        if is_current(place, &program) {
            writeln!(io.err, "{} is there already", place.display())?;
            continue;
        }
        put(place, &program).map_err(|error| {
            Stop::Message(format!("cannot write `{}`: {error}", place.display()))
        })?;
        writeln!(io.err, "wrote {}", place.display())?;
    }
    if args.dir.is_some() {
        let absolute = std::path::absolute(&dir).unwrap_or(dir);
        writeln!(
            io.err,
            "kustomize looks there with: export KUSTOMIZE_PLUGIN_HOME={}",
            absolute.display()
        )?;
    }
    writeln!(
        io.err,
        "now: slogen kustomize init --legacy && kubectl kustomize --enable-alpha-plugins ."
    )?;
    Ok(Outcome::Done)
}

/// `slogen.dev/v1alpha1/<kind in lower case>/<Kind>` below `dir`.
fn plugin(dir: &Path, kind: &str) -> PathBuf {
    let file = format!("{kind}{}", std::env::consts::EXE_SUFFIX);
    dir.join("slogen.dev").join("v1alpha1").join(kind.to_lowercase()).join(file)
}

/// Where kustomize looks first, as its `DefaultAbsPluginHome` does.
fn plugin_home() -> Result<PathBuf, Stop> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(home) = variable("KUSTOMIZE_PLUGIN_HOME") {
        return Ok(home.into());
    }
    let below = |folder: PathBuf| folder.join("kustomize").join("plugin");
    if let Some(config) = variable("XDG_CONFIG_HOME") {
        return Ok(below(config.into()));
    }
    let home = variable("HOME").or_else(|| variable("USERPROFILE"));
    home.map(|home| below(PathBuf::from(home).join(".config"))).ok_or_else(|| {
        Stop::Message("no home folder is known; name a folder with `--dir`".to_owned())
    })
}

/// This program, by the name on the search path if it has one there: that outlives an update of what it leads to.
fn program() -> Result<PathBuf, Stop> {
    let cannot = |error| Stop::Message(format!("cannot find this program: {error}"));
    let own = std::env::current_exe().map_err(cannot)?;
    let same = |path: &PathBuf| path.canonicalize().ok() == own.canonicalize().ok();
    let file = format!("slogen{}", std::env::consts::EXE_SUFFIX);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let named = std::env::split_paths(&path).map(|folder| folder.join(&file));
    Ok(named.into_iter().find(|path| path.is_absolute() && same(path)).unwrap_or(own))
}

/// True for a link to a slogen, even to one that is gone, and for a copy of this one.
fn is_slogen(place: &Path, program: &Path) -> bool {
    match fs::read_link(place) {
        Ok(target) => target.file_stem().is_some_and(|stem| stem == "slogen") || target == program,
        Err(_) => is_copy(place, program),
    }
}

fn is_current(place: &Path, program: &Path) -> bool {
    match fs::read_link(place) {
        Ok(target) => target == program,
        Err(_) => cfg!(not(unix)) && is_copy(place, program),
    }
}

fn is_copy(place: &Path, program: &Path) -> bool {
    let length = |path: &Path| fs::metadata(path).map(|meta| meta.len()).ok();
    length(place).is_some()
        && length(place) == length(program)
        && fs::read(place).ok() == fs::read(program).ok()
}

/// Puts `program` at `place`, beside it first, so that there is no moment without a plugin.
fn put(place: &Path, program: &Path) -> std::io::Result<()> {
    let folder = place.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let beside = tempfile::Builder::new().prefix(".slogen-").tempdir_in(folder)?;
    let new = beside.path().join("new");
    #[cfg(unix)]
    std::os::unix::fs::symlink(program, &new)?;
    #[cfg(not(unix))]
    fs::copy(program, &new).map(drop)?;
    fs::rename(&new, place)
}
