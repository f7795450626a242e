//! `slogen simulate` on a slo.toml: the service that it describes under a load.

use crate::simulate::assertion::{Assertion, Verdict};
use crate::simulate::engine::Step;
use crate::simulate::load::Load;
use crate::simulate::scenario::Scenario;
use crate::simulate::summary::{self, Summary};
use crate::simulate::ticks::{self, Tick};
use crate::simulate::{answer, chart, export, plot, why};

use super::load::LoadArgs;
use super::progress::Progress;
use super::source::SourceArgs;
use super::what_if::WhatIfArgs;
use super::{Io, Outcome, Run, Stop, condition, told as one_line};
use crate::cli::output::bug;

/// What is simulated, and what is told of it.
#[derive(clap::Args)]
pub(super) struct ServiceArgs {
    #[command(flatten)]
    pub(super) source: SourceArgs,
    /// How the answer is printed.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(super) format: Format,
    /// What `json` and `csv` tell the course of a run by.
    #[arg(
        long, value_enum, value_name = "STEP", default_value_t,
        conflicts_with_all = ["against", "compare", "capacity", "matrix"]
    )]
    every: Every,
    /// No chart below the table.
    #[arg(long)]
    no_chart: bool,
    /// What must hold, such as `p95 < 400ms`, `replicas <= 12`, `errors < 1%`, `budget < 10%` or `cost < 3.5`; exit 1 if
    /// it does not. May be given several times.
    #[arg(long = "assert", value_name = "CONDITION", value_parser = condition)]
    pub(super) asserts: Vec<Assertion>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people: a table, a chart, and sentences.
    #[default]
    Table,
    /// For programs: stages and minutes.
    Json,
    /// For spreadsheets: a row a minute.
    Csv,
    /// A page for the browser, with pictures.
    Html,
    /// The pictures alone.
    Svg,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Every {
    /// Each minute: latency, replicas, what decides.
    #[default]
    Minute,
    /// Each sync of the HPA, every 15 s: what each metric shows and asks for, which decides, and what holds it back.
    Tick,
}

impl Format {
    /// An error for what can show one run only.
    pub(super) fn tells_several(self) -> Result<(), Stop> {
        match self {
            Self::Table | Self::Json | Self::Csv => Ok(()),
            Self::Html | Self::Svg => Err(Stop::Message(
                "--format: pictures are of one run; write `table`, `json` or `csv`, or take `--against`, `--compare`, \
                 `--capacity` or `--matrix` out"
                    .to_owned(),
            )),
        }
    }
}

/// One run of the service.
pub(super) fn run(
    args: &ServiceArgs,
    what_if: &WhatIfArgs,
    load: &LoadArgs,
    io: &mut Io<'_>,
) -> Run {
    if args.every == Every::Tick && !matches!(args.format, Format::Json | Format::Csv) {
        return Err(Stop::Message(
            "--every: write `--format csv` or `--format json` with it".to_owned(),
        ));
    }
    let loaded = args.source.read(io)?;
    let load = load.load(loaded.think, io)?;
    let updates = what_if.updates(&load)?;
    if args.every == Every::Tick && !ticks::has_syncs(&loaded.scenario) {
        return Err(Stop::Message(
            "--every: nothing scales the service, so that there are no syncs; write `--every minute`".to_owned(),
        ));
    }
    let mut told = Vec::new();
    let summary = watched(&loaded.scenario, &load, &updates, |step| {
        if args.every == Every::Tick {
            told.extend(Tick::of(step));
        }
    });
    let verdicts = judge(&args.asserts, &loaded.scenario, &summary)?;
    let text = printed(args, &loaded.scenario, &load, &summary, &told)?;
    io.out.write_all(text.as_bytes())?;
    settle(&verdicts, io)
}

/// Tells how the assertions went, and ends accordingly.
pub(super) fn settle(verdicts: &[Verdict], io: &mut Io<'_>) -> Run {
    for verdict in verdicts {
        writeln!(io.err, "{}", verdict.told)?;
    }
    Ok(if verdicts.iter().all(|verdict| verdict.holds) { Outcome::Done } else { Outcome::Found })
}

pub(super) fn judge(
    asserts: &[Assertion],
    scenario: &Scenario,
    summary: &Summary,
) -> Result<Vec<Verdict>, Stop> {
    let judged = asserts.iter().map(|assertion| assertion.judge(scenario, summary));
    judged.collect::<Result<_, _>>().map_err(|invalid| Stop::Message(one_line(invalid)))
}

fn printed(
    args: &ServiceArgs,
    scenario: &Scenario,
    load: &Load,
    summary: &Summary,
    syncs: &[Tick],
) -> Result<String, Stop> {
    let sentences = || why::sentences(scenario, summary);
    Ok(match args.format {
        Format::Table => told(scenario, load, summary, !args.no_chart),
        Format::Json => {
            let mut value = export::json(scenario, load.unit(), summary, &sentences());
            if args.every == Every::Tick {
                value["ticks"] = ticks::json(scenario, syncs);
            }
            pretty(&value)?
        }
        Format::Csv if args.every == Every::Tick => ticks::csv(scenario, load.unit(), syncs),
        Format::Csv => export::csv(scenario, load.unit(), summary),
        Format::Html => chart::html(&chart::Shown::new(scenario, load, summary, &sentences())),
        Format::Svg => chart::svg(&chart::Shown::new(scenario, load, summary, &sentences())),
    })
}

pub(super) fn pretty(value: &serde_json::Value) -> Result<String, Stop> {
    Ok(serde_json::to_string_pretty(value).map_err(bug)? + "\n")
}

/// As [`summary::run`], with progress.
pub(super) fn watched(
    scenario: &Scenario,
    load: &Load,
    updates: &[f64],
    mut each: impl FnMut(&Step<'_>),
) -> Summary {
    let hour = |seconds: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "hours of a load"
        )]
        let hour = (seconds / 3600.0) as usize;
        hour
    };
    let progress = Progress::new(hour(load.duration_s()), "hours");
    let mut last = 0;
    summary::run(scenario, load, updates, |step| {
        each(step);
        let now = hour(step.at_s);
        if now > last {
            last = now;
            progress.at(now);
        }
    })
}

/// The table, the chart, and what there is to say.
fn told(scenario: &Scenario, load: &Load, summary: &Summary, with_chart: bool) -> String {
    let mut text = answer::table(scenario, load.unit(), summary);
    if with_chart {
        text += "\n";
        text += &plot::plot(scenario, load.unit(), summary);
    }
    text += "\n";
    text += &list("What decides", &why::sentences(scenario, summary));
    text += "\n";
    text + &list("Taken for granted", &why::assumptions(scenario, load.unit()))
}

pub(super) fn list(title: &str, sentences: &[String]) -> String {
    let items = sentences.iter().map(|sentence| ["- ", sentence, "\n"].concat());
    [title.to_owned(), ":\n".to_owned()].into_iter().chain(items).collect()
}
