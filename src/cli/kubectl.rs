//! `slogen kubectl`, and what slogen does as plugin of kubectl.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::multicall::{KUBECTL_COMPLETION, KUBECTL_PLUGIN};
use super::{Cli, Io, Outcome, Run, Stop, complete};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Make `kubectl slogen` work, with completion: two links to slogen.
    InstallPlugin(InstallArgs),
}

#[derive(clap::Args)]
pub(super) struct InstallArgs {
    /// A folder of PATH. Default: the one that slogen is in.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Replace files of these names that are something else.
    #[arg(long)]
    force: bool,
}

/// The command line as `kubectl slogen` has it.
pub(super) fn command() -> clap::Command {
    let command = Cli::command();
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    command.bin_name("kubectl slogen").after_help(help.replace("`slogen ", "`kubectl slogen "))
}

/// Options that kubectl itself takes and hands to plugins.
const OF_CLUSTERS: [&str; 7] =
    ["--as", "--as-group", "--cluster", "--context", "--kubeconfig", "--server", "--user"];

/// Explains the refusal of an option that names a cluster: ignoring it would look as if that cluster had been asked.
pub(super) fn explain(error: &clap::Error, io: &mut Io<'_>) {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else { return };
    let name = argument.split('=').next().unwrap_or_default();
    if error.kind() == ErrorKind::UnknownArgument && OF_CLUSTERS.contains(&name) {
        let _ = writeln!(io.err, "note: slogen reads files and never a cluster: leave out {name}");
    }
}

/// Prints candidates for the last of `words`, which follow `kubectl slogen`, as kubectl reads them: one a line, and
/// what the shell shall do with them (Cobra's directives: 0 offer files if there are none, 4 never do).
pub(super) fn print_candidates(words: &[OsString], io: &mut Io<'_>) -> Run {
    let words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let (candidates, files) = complete::candidates(command(), &words);
    for candidate in candidates {
        match candidate.about {
            Some(about) => writeln!(io.out, "{}\t{about}", candidate.word)?,
            None => writeln!(io.out, "{}", candidate.word)?,
        }
    }
    writeln!(io.out, ":{}", if files { 0 } else { 4 })?;
    Ok(Outcome::Done)
}

pub(super) fn run(command: &Command, io: &mut Io<'_>) -> Run {
    let Command::InstallPlugin(args) = command;
    let binary = std::env::current_exe()
        .and_then(fs::canonicalize)
        .map_err(|error| Stop::Message(format!("cannot tell where slogen is: {error}")))?;
    let folder = match &args.dir {
        Some(folder) => folder.clone(),
        None => binary.parent().map(Path::to_path_buf).unwrap_or_default(),
    };
    let cannot = |error: std::io::Error| {
        Stop::Message(format!("cannot write to `{}`: {error}", folder.display()))
    };
    fs::create_dir_all(&folder).map_err(cannot)?;
    let places = [KUBECTL_PLUGIN, KUBECTL_COMPLETION]
        .map(|name| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)));
    // Before the first one is made, so that there are both or none.
    for place in &places {
        check_free(place, &binary, args.force)?;
    }
    for place in &places {
        if leads_to(place, &binary) {
            writeln!(io.err, "{} is right already", place.display())?;
            continue;
        }
        link(&binary, place).map_err(cannot)?;
        writeln!(io.err, "made {}", place.display())?;
    }
    let wanted = folder.canonicalize().map_err(cannot)?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .any(|folder| folder.canonicalize().is_ok_and(|folder| folder == wanted));
    if !found {
        let folder = folder.display();
        writeln!(io.err, "note: `{folder}` is not in PATH, where kubectl looks for plugins")?;
    }
    writeln!(io.err, "now: kubectl slogen lint -f FOLDER -R")?;
    Ok(Outcome::Done)
}

fn leads_to(place: &Path, binary: &Path) -> bool {
    cfg!(unix) && place.canonicalize().is_ok_and(|target| target == binary)
}

/// Refuses to take the place of anything but a link to some slogen.
fn check_free(place: &Path, binary: &Path, force: bool) -> Result<(), Stop> {
    let Ok(meta) = place.symlink_metadata() else { return Ok(()) };
    let target = fs::read_link(place).unwrap_or_default();
    let own = meta.is_symlink() && target.file_name() == binary.file_name();
    if own || (force && !meta.is_dir()) {
        return Ok(());
    }
    let instead = if meta.is_dir() { "remove the folder" } else { "`--force` replaces it" };
    Err(Stop::Message(format!(
        "`{}` is there already and is no link to slogen; {instead}",
        place.display()
    )))
}

/// Makes a link, in one step. A link in slogen's own folder leads to its name alone, so that the folder can move.
fn link(binary: &Path, place: &Path) -> std::io::Result<()> {
    let folder = place.parent().unwrap_or(Path::new("."));
    let beside = folder.canonicalize().is_ok_and(|folder| binary.parent() == Some(&folder));
    let target = binary.file_name().filter(|_| beside).map_or(binary, Path::new);
    let made = tempfile::Builder::new().prefix(".slogen-").make_in(folder, |path| {
        #[cfg(unix)]
        return std::os::unix::fs::symlink(target, path);
        // Links need a privilege on Windows.
        #[cfg(not(unix))]
        return fs::copy(binary, path).map(|_| target).map(|_| ());
    })?;
    made.into_temp_path().persist(place).map_err(|error| error.error)
}
