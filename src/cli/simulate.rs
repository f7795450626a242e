//! `slogen simulate`.

mod calibrate;
mod capacity;
pub(super) mod load;
mod matrix;
pub(super) mod progress;
mod replay;
mod service;
pub(super) mod source;
mod versus;
mod what_if;

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use flate2::read::MultiGzDecoder;

use crate::simulate::assertion::Assertion;
use crate::units::Invalid;

use super::{Io, Outcome, Run, Stop};
use load::LoadArgs;
use service::ServiceArgs;
use what_if::{Question, WhatIfArgs};

/// What `slogen simulate` is asked for.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    service: ServiceArgs,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    what_if: WhatIfArgs,
    #[command(flatten)]
    replay: ReplayArgs,
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
    #[arg(
        long, value_name = "FILE",
        conflicts_with_all = ["ServiceArgs", "SourceArgs", "LoadArgs", "against", "capacity", "matrix", "update"]
    )]
    replay: Option<PathBuf>,
}

/// The most that is read of a file, once it is unpacked: a week of 15-second steps with 100 pods is less.
const MAX_BYTES: u64 = 512 << 20;

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Run {
    if let Some(Command::Calibrate(args)) = &args.command {
        return calibrate::run(args, io);
    }
    match &args.replay.replay {
        Some(path) => replay::run(path, args.what_if.compares_replay()?, io),
        None => ask(&args.service, &args.what_if, &args.load, io),
    }
}

/// Answers what is asked of a service.
fn ask(service: &ServiceArgs, what_if: &WhatIfArgs, load: &LoadArgs, io: &mut Io<'_>) -> Run {
    let question = what_if.question()?;
    if !matches!(question, Question::Run) {
        service.format.tells_several()?;
    }
    read_once(&[
        ("the slo.toml", Some(&service.source.path)),
        ("the service of `--against`", what_if.against.as_deref()),
        ("the load of `--trace`", load.file()),
    ])?;
    match question {
        Question::Run => service::run(service, what_if, load, io),
        Question::Against(other) => versus::against(service, what_if, load, other, io),
        Question::Capacity => capacity::run(service, io),
        Question::Matrix(axes) => matrix::run(service, what_if, axes, load, io),
        Question::CpuOnly => versus::cpu_only(service, what_if, load, io),
    }
}

/// Refuses standard input in more than one of `places`, each with its name: whoever reads second would find nothing.
pub(super) fn read_once(places: &[(&str, Option<&Path>)]) -> Result<(), Stop> {
    let piped = places.iter().filter(|(_, path)| *path == Some(Path::new("-")));
    let named: Vec<&str> = piped.map(|(name, _)| *name).collect();
    match named.as_slice() {
        [first, second, ..] => Err(Stop::Message(format!(
            "standard input can be read once, and is {first} and {second}: give one of them as a file"
        ))),
        _ => Ok(()),
    }
}

/// A whole number from `least` to `most`.
pub(super) fn whole<T: FromStr + PartialOrd + Display>(
    text: &str,
    least: &T,
    most: &T,
) -> Result<T, String> {
    let number = text.trim().parse().ok().filter(|number| number >= least && number <= most);
    number.ok_or_else(|| format!("write a whole number from {least} to {most}"))
}

/// One line of a problem and its remedy; values on a command line are not in quotes.
pub(super) fn told(Invalid { message, help }: Invalid) -> String {
    format!("{message}; {}", help.replace("`\"", "`").replace("\"`", "`"))
}

/// Reads `p95 < 400ms`.
pub(super) fn condition(text: &str) -> Result<Assertion, String> {
    Assertion::parse(text).map_err(told)
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
            format!("it holds more than {most} MiB; split it"),
        ));
    }
    Ok(bytes)
}
