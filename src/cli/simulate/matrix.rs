//! `--matrix KEY=LIST`: all combinations of values, a run each.

use rayon::prelude::*;
use serde_json::json;

use crate::simulate::assertion::Verdict;
use crate::simulate::figures::{Figure, figures};
use crate::simulate::load::Load;
use crate::simulate::matrix::{self, Axis, Combination, Subject};
use crate::simulate::scenario::Scenario;
use crate::simulate::summary;
use crate::simulate::totals::Rows;
use crate::simulate::why;

use super::load::LoadArgs;
use super::progress::Progress;
use super::service::{Format, ServiceArgs, judge, list, pretty};
use super::source::report;
use super::what_if::WhatIfArgs;
use super::{Io, Outcome, Run, Stop, told};

/// One combination, ready to be run.
struct Prepared {
    name: String,
    scenario: Scenario,
    load: Load,
}

/// What one combination came to. Its course is dropped at once: a thousand years of minutes are too much to keep.
struct Finished {
    figures: Vec<Figure>,
    verdicts: Vec<Verdict>,
}

pub(super) fn run(
    args: &ServiceArgs,
    what_if: &WhatIfArgs,
    axes: &[Axis],
    load: &LoadArgs,
    io: &mut Io<'_>,
) -> Run {
    let of_option = |invalid| Stop::Message(format!("--matrix: {}", told(invalid)));
    let of_load = matrix::check(axes).map_err(of_option)?;
    if let (Some(at), true) = (of_load, load.is_given()) {
        let key = axes.get(at).map_or("", |axis| &axis.key);
        return Err(Stop::Message(format!(
            "`{key}` of `--matrix` is a load, and another one is given: take one of them out"
        )));
    }
    let combinations = matrix::combinations(axes);
    let prepared = prepare(args, axes, &combinations, load, io)?;
    let progress = Progress::new(prepared.len(), "runs");
    let finished: Vec<Finished> = prepared
        .par_iter()
        .map(|Prepared { scenario, load, .. }| {
            let summary = summary::run(scenario, load, &what_if.updates(load)?, |_| {});
            let verdicts = judge(&args.asserts, scenario, &summary)?;
            progress.add();
            Ok(Finished { figures: figures(scenario, load.unit(), &summary.total), verdicts })
        })
        .collect::<Result<_, Stop>>()?;
    drop(progress);
    let verdicts: Vec<Vec<Verdict>> = finished.iter().map(|run| run.verdicts.clone()).collect();
    let text = printed(args.format, axes, &combinations, &prepared, finished)?;
    io.out.write_all(text.as_bytes())?;
    settle(&prepared, &verdicts, io)
}

/// Reads the service once, and makes of it that of each combination, with its load.
fn prepare(
    args: &ServiceArgs,
    axes: &[Axis],
    combinations: &[Combination<'_>],
    load: &LoadArgs,
    io: &mut Io<'_>,
) -> Result<Vec<Prepared>, Stop> {
    let opened = args.source.open(io)?;
    let has_load = axes.iter().any(|axis| matches!(axis.subject, Subject::Load(_)));
    // A trace is read once, and may come from a pipe.
    let shared = if has_load { None } else { Some(load.shape(io)?) };
    let mut prepared = Vec::with_capacity(combinations.len());
    for combination in combinations {
        let name = matrix::name(axes, combination);
        let mut settings = Vec::new();
        let mut own = None;
        for (axis, value) in axes.iter().zip(combination) {
            match &axis.subject {
                Subject::Setting(key) => settings.push(format!("{key}={value}")),
                Subject::Load(unit) => own = Some((*unit, *value)),
            }
        }
        let loaded = match opened.with(&settings) {
            Ok(loaded) => loaded,
            Err((findings, files)) => {
                let stop = report(findings, &files, io);
                writeln!(io.err, "error: --matrix: {name} makes no valid slo.toml")?;
                return stop;
            }
        };
        let shape = match (own, &shared) {
            (Some((unit, value)), _) => load.steady(unit, value),
            (None, Some(shared)) => Ok(shared.clone()),
            (None, None) => load.shape(io),
        };
        // What is noted of one load is so for all.
        let mut ignored = std::io::sink();
        let mut once = Io {
            out: &mut std::io::sink(),
            err: if prepared.is_empty() { &mut *io.err } else { &mut ignored },
            colour: false,
        };
        let load = shape.and_then(|shape| load.finish(shape, loaded.think, &mut once));
        let load = load.map_err(|stop| match stop {
            Stop::Message(message) => Stop::Message(format!("--matrix: {name}: {message}")),
            other => other,
        })?;
        prepared.push(Prepared { name, scenario: loaded.scenario, load });
    }
    Ok(prepared)
}

fn printed(
    format: Format,
    axes: &[Axis],
    combinations: &[Combination<'_>],
    prepared: &[Prepared],
    finished: Vec<Finished>,
) -> Result<String, Stop> {
    let names = axes.iter().map(|axis| axis.key.clone()).collect();
    let has_load = axes.iter().any(|axis| matches!(axis.subject, Subject::Load(_)));
    let rows = combinations.iter().zip(finished).map(|(combination, run)| {
        let values = combination.iter().map(|value| (*value).to_owned()).collect();
        let mut figures = run.figures;
        // It is among the values already.
        figures.retain(|figure| !has_load || figure.key != "offered_mean");
        (values, figures)
    });
    let rows = Rows { names, rows: rows.collect() };
    let runs = prepared.iter().map(|it| (&it.scenario, it.load.unit()));
    let assumptions = why::assumptions_of_all(runs);
    Ok(match format {
        Format::Json => pretty(&json!({
            "service": prepared.first().map(|it| it.scenario.name.clone()),
            "load": prepared.first().map(|it| it.load.unit().word()),
            "rows": rows.json(),
            "assumptions": assumptions,
        }))?,
        Format::Csv => rows.csv(),
        _ => [rows.table(), list("Taken for granted", &assumptions)].join("\n"),
    })
}

/// Tells which combinations fail which assertion; each must hold for all of them.
fn settle(prepared: &[Prepared], verdicts: &[Vec<Verdict>], io: &mut Io<'_>) -> Run {
    let mut fails = false;
    let count = verdicts.first().map_or(0, Vec::len);
    for at in 0..count {
        let of_all = prepared.iter().zip(verdicts).filter_map(|(it, all)| Some((it, all.get(at)?)));
        let failing: Vec<_> = of_all.filter(|(_, verdict)| !verdict.holds).collect();
        for (it, verdict) in &failing {
            writeln!(io.err, "{} with {}", verdict.told, it.name)?;
        }
        if let (true, Some(verdict)) =
            (failing.is_empty(), verdicts.first().and_then(|all| all.get(at)))
        {
            let place = match prepared.len() {
                1 => "the only combination".to_owned(),
                all => format!("all {all} combinations"),
            };
            writeln!(io.err, "holds: {} in {place}", verdict.text)?;
        }
        fails |= !failing.is_empty();
    }
    Ok(if fails { Outcome::Found } else { Outcome::Done })
}
