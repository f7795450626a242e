//! `slogen simulate`.

mod calibrate;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the simulation that it is offered to comes next")
)]
mod load;

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use rayon::prelude::*;

use crate::simulate::replay::{self, Problem, Run as Recorded};

use super::{Io, Outcome, Run, Stop};

/// What `slogen simulate` is asked for.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    replay: Option<ReplayArgs>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Find the service behind a few measured points, and print it as `[simulate]` for slo.toml.
    Calibrate(calibrate::Args),
}

/// Recorded runs.
#[derive(clap::Args)]
#[command(next_help_heading = "Recorded runs")]
struct ReplayArgs {
    /// Put recorded runs before the HPA controller, and print what it decides at each step, one JSON object a line.
    ///
    /// FILE holds one run a line, plain or gzip; `-` is standard input. Nothing is printed unless all of it is right.
    #[arg(long, value_name = "FILE", required = true)]
    replay: PathBuf,
    /// Print nothing; exit 1 at the first step that differs from what was recorded.
    #[arg(long)]
    compare: bool,
}

/// The most that is read of a file, once it is unpacked: a week of 15-second steps with 100 pods is less.
const MAX_BYTES: u64 = 512 << 20;

/// How many lines are complained of.
const MAX_PROBLEMS: usize = 10;

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Run {
    if let Some(Command::Calibrate(args)) = &args.command {
        return calibrate::run(args, io);
    }
    match &args.replay {
        Some(args) => replay(args, io),
        None => Err(Stop::Message(
            "nothing to do: give `--replay FILE`, or a command such as `calibrate`".to_owned(),
        )),
    }
}

fn replay(args: &ReplayArgs, io: &mut Io<'_>) -> Run {
    let stdin = args.replay == Path::new("-");
    let name = if stdin { "standard input".to_owned() } else { args.replay.display().to_string() };
    let text = read(&args.replay, stdin)
        .map_err(|error| Stop::Message(format!("cannot read `{name}`: {error}")))?;
    let lines: Vec<(usize, &str)> =
        text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).collect();
    if lines.is_empty() {
        return Err(Stop::Message(format!(
            "`{name}` holds no runs; a run is a JSON object, one a line"
        )));
    }
    let replayed: Vec<_> =
        lines.par_iter().map(|(at, line)| (*at, line_of(*at, line, args.compare))).collect();
    let mut runs = Vec::with_capacity(replayed.len());
    let mut problems = Vec::new();
    for (at, replayed) in replayed {
        match replayed {
            Ok(replayed) => runs.push((at, replayed)),
            Err(problem) => problems.push((at, problem)),
        }
    }
    if !problems.is_empty() {
        for (at, problem) in problems.iter().take(MAX_PROBLEMS) {
            writeln!(io.err, "error: {name}:{}:{problem}", at + 1)?;
        }
        if let Some(more) = problems.len().checked_sub(MAX_PROBLEMS).filter(|more| *more > 0) {
            writeln!(io.err, "note: {more} more lines are no runs")?;
        }
        return Err(Stop::Reported);
    }
    for (at, _) in runs.iter().filter(|(_, replayed)| replayed.ignored) {
        writeln!(
            io.err,
            "note: {name}:{}: `hpa_spec_defaulted` differs from `hpa_spec_input`, which is what counts",
            at + 1
        )?;
    }
    if args.compare {
        return verdict(&runs, io);
    }
    for (_, replayed) in &runs {
        io.out.write_all(replayed.printed.as_bytes())?;
    }
    Ok(Outcome::Done)
}

/// What became of one run.
struct Replayed {
    /// What to print.
    printed: String,
    steps: usize,
    /// The first step that differs from what was recorded.
    difference: Option<replay::Outcome>,
    ignored: bool,
}

fn line_of(at: usize, line: &str, compare: bool) -> Result<Replayed, Problem> {
    let run = replay::read(line)?;
    let (steps, ignored) = (run.len(), run.ignored);
    if compare {
        if let Some(step) = run.first_without_record() {
            return Err(Problem {
                column: 0,
                field: format!("steps[{step}].spec_after"),
                message: "is missing, and is what `--compare` compares with".to_owned(),
            });
        }
        let differs = |outcome: &replay::Outcome| outcome.recorded != Some(outcome.desired);
        let difference = run.replay().find(differs);
        return Ok(Replayed { printed: String::new(), steps, difference, ignored });
    }
    Ok(Replayed { printed: print(at, &run), steps, difference: None, ignored })
}

fn print(run: usize, recorded: &Recorded<'_>) -> String {
    let mut printed = String::new();
    for replay::Outcome { t, desired, error, .. } in recorded.replay() {
        let _ = writeln!(
            printed,
            r#"{{"run": {run}, "t": {t}, "desired": {desired}, "error": {error}}}"#
        );
    }
    printed
}

fn verdict(runs: &[(usize, Replayed)], io: &mut Io<'_>) -> Run {
    let differs = runs.iter().find_map(|(at, run)| Some((at, run.difference.as_ref()?)));
    if let Some((at, outcome)) = differs {
        let replay::Outcome { t, desired, recorded, why, .. } = outcome;
        let expected = recorded.unwrap_or_default();
        writeln!(io.err, "run {at}, t {t}: expected {expected}, got {desired}: {why}")?;
        return Ok(Outcome::Found);
    }
    let steps: usize = runs.iter().map(|(_, run)| run.steps).sum();
    let count = |count: usize, what: &str| crate::report::counted(count, what);
    writeln!(io.err, "{} of {}: all as recorded", count(steps, "step"), count(runs.len(), "run"))?;
    Ok(Outcome::Done)
}

/// The text of a file, unpacked where it is gzip, without a byte order mark.
fn read(path: &Path, stdin: bool) -> io::Result<String> {
    let packed = if stdin { limited(io::stdin().lock())? } else { limited(File::open(path)?)? };
    let bytes = if packed.starts_with(&[0x1f, 0x8b]) {
        limited(MultiGzDecoder::new(packed.as_slice())).map_err(|error| match error.kind() {
            io::ErrorKind::FileTooLarge => error,
            io::ErrorKind::UnexpectedEof => io::Error::other("the gzip data is cut off"),
            _ => io::Error::other(format!("the gzip data is damaged: {error}")),
        })?
    } else {
        packed
    };
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = memchr::memchr_iter(b'\n', valid).count() + 1;
        io::Error::other(format!("line {line} is not UTF-8"))
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(text) => text.to_owned(),
        None => text,
    })
}

/// All that `reader` holds, unless that is too much.
fn limited(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = reader.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if read as u64 > MAX_BYTES {
        let most = MAX_BYTES >> 20;
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it holds more than {most} MiB; split it, runs are independent"),
        ));
    }
    Ok(bytes)
}
