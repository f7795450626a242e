//! `slogen simulate calibrate`.

use std::path::Path;

use rust_decimal::prelude::ToPrimitive;

use crate::simulate::calibrate::{self, Context, Given, Point, Problem};
use crate::source;
use crate::units::{Cpu, Duration, Invalid};

use super::{Io, Outcome, Run, Stop, whole};

/// Measured points.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Points in place, or a CSV file of them (`-` is standard input); may be given several times.
    ///
    /// A point is one steady load: `users=200 replicas=3 rps=95 p95=900ms`; `;` parts points. Parts of it:
    /// `users`, with `think`, their pause between response and next request; `rps` of all pods, offered where there are
    /// no users; `in_flight` and `cpu` of one pod (`cpu` as `60m`, or as `12%` of `--cpu-request`); `replicas` (1);
    /// `mean` and percentiles such as `p50`. In a CSV file these are the columns, and `p95_ms` is `p95` in milliseconds.
    #[arg(long, value_name = "POINTS|FILE", required = true)]
    points: Vec<String>,
    /// The pause of users whose point says none, such as `1s`; `0s` for none.
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_hyphen_values = true)]
    think_time: Option<Duration>,
    /// Requests that one pod works on at once, where it is known: the lesser of workers and CPU limit in cores, 1 for
    /// a lock or a GPU.
    #[arg(long, value_name = "N", value_parser = servers, allow_hyphen_values = true)]
    concurrency: Option<u32>,
    /// The CPU that a pod requests, to which `cpu=12%` refers.
    #[arg(long, value_name = "QUANTITY", value_parser = cpu)]
    cpu_request: Option<Cpu>,
}

const AFTER_HELP: &str = "Best are one run of one user with `p50` and `p95`, one at half load and more, and one that \
    saturates the pods. How well the result fits goes to standard error, the section to standard output: \
    `slogen simulate calibrate --points load.csv >> slo.toml`.";

/// The largest CSV file, in bytes.
const MAX_BYTES: u64 = 16 << 20;

fn one_line(invalid: Invalid) -> String {
    let Invalid { message, help } = invalid;
    format!("{message}; {help}")
}

fn duration(text: &str) -> Result<Duration, String> {
    Duration::parse(text).map_err(one_line)
}

fn servers(text: &str) -> Result<u32, String> {
    whole(text, &1, &10_000)
}

fn cpu(text: &str) -> Result<Cpu, String> {
    Cpu::parse(text).map_err(one_line)
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Run {
    let context = Context {
        think_s: args.think_time.and_then(|think| think.seconds().to_f64()),
        cpu_request: args.cpu_request.as_ref().and_then(|cpu| cpu.cores().to_f64()),
    };
    if args.points.iter().filter(|points| *points == "-").count() > 1 {
        return Err(Stop::Message(
            "--points: standard input can be read once, and is there twice; give the other points as a file".to_owned(),
        ));
    }
    let (mut points, mut problems) = (Vec::new(), Vec::new());
    for given in &args.points {
        match read(given, points.len() + problems.len() + 1, &context)? {
            Ok(more) => points.extend(more),
            Err(more) => problems.extend(more),
        }
    }
    if !problems.is_empty() {
        return complain(problems, io);
    }
    let given = Given { servers: args.concurrency.map(f64::from) };
    match calibrate::fit(&points, &given) {
        Ok(fit) => {
            io.err.write_all(calibrate::report(&fit, &points).as_bytes())?;
            io.out.write_all(calibrate::section(&fit).as_bytes())?;
            Ok(Outcome::Done)
        }
        Err(problems) => complain(problems, io),
    }
}

/// The points of one `--points`.
fn read(
    given: &str,
    from: usize,
    context: &Context,
) -> Result<Result<Vec<Point>, Vec<Problem>>, Stop> {
    // A point starts with a key; `./a=b.csv` is a file.
    let key = given.trim_start().split_once('=').map(|(key, _)| key);
    if key.is_some_and(|key| key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')) {
        return Ok(calibrate::in_place(given, from, context));
    }
    let path = Path::new(given);
    let stdin = path == Path::new("-");
    let name = if stdin { "standard input" } else { given };
    let text = source::read(path, MAX_BYTES).map_err(|error| {
        Stop::Message(format!(
            "cannot read `{name}`: {error}; points in place are written `users=1 p50=65ms p95=80ms`"
        ))
    })?;
    Ok(calibrate::csv(name, &text, context))
}

/// How many points are complained of.
const MAX_PROBLEMS: usize = 10;

fn complain(problems: Vec<Problem>, io: &mut Io<'_>) -> Run {
    let more = problems.len().saturating_sub(MAX_PROBLEMS);
    for Problem { place, invalid } in problems.into_iter().take(MAX_PROBLEMS) {
        writeln!(io.err, "error: {place}: {}", invalid.message)?;
        writeln!(io.err, "  help: {}", invalid.help)?;
    }
    if more > 0 {
        writeln!(io.err, "note: {more} more points are wrong")?;
    }
    Err(Stop::Reported)
}
