//! `slogen simulate --replay`: recorded runs before the controller.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::simulate::replay::{self, Problem, Run as Recorded};

use super::{Io, Outcome, Run, Stop, read};

/// How many lines are complained of.
const MAX_PROBLEMS: usize = 10;

/// Replays the runs in `path`; with `compare`, only says whether they went as recorded.
pub(super) fn run(path: &PathBuf, compare: bool, io: &mut Io<'_>) -> Run {
    let stdin = path == Path::new("-");
    let name = if stdin { "standard input".to_owned() } else { path.display().to_string() };
    let text = read(path, stdin)
        .map_err(|error| Stop::Message(format!("cannot read `{name}`: {error}")))?;
    let lines: Vec<(usize, &str)> =
        text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).collect();
    if lines.is_empty() {
        return Err(Stop::Message(format!(
            "`{name}` holds no runs; a run is a JSON object, one a line"
        )));
    }
    let replayed: Vec<_> =
        lines.par_iter().map(|(at, line)| (*at, line_of(*at, line, compare))).collect();
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
    if compare {
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
