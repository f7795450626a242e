//! `slogen simulate` on a slo.toml: the service that it describes under a load.

use crate::simulate::assertion::{Assertion, Verdict};
use crate::simulate::load::Load;
use crate::simulate::scenario::Scenario;
use crate::simulate::summary::{Recorder, Summary};
use crate::simulate::{answer, chart, engine, export, plot, why};

use super::load::LoadArgs;
use super::source::SourceArgs;
use super::what_if::{Question, WhatIfArgs};
use super::{Io, Outcome, Run, Stop, capacity, matrix, told as one_line, versus};
use crate::cli::output::bug;

/// What is simulated, and what is told of it.
#[derive(clap::Args)]
pub(super) struct ServiceArgs {
    #[command(flatten)]
    pub(super) source: SourceArgs,
    /// How the answer is printed.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(super) format: Format,
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

impl Format {
    /// An error for what can show one run only.
    fn tells_several(self) -> Result<(), Stop> {
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

fn condition(text: &str) -> Result<Assertion, String> {
    Assertion::parse(text).map_err(one_line)
}

pub(super) fn run(
    args: &ServiceArgs,
    what_if: &WhatIfArgs,
    load: &LoadArgs,
    io: &mut Io<'_>,
) -> Run {
    let question = what_if.question()?;
    if !matches!(question, Question::Run) {
        args.format.tells_several()?;
    }
    match question {
        Question::Run => single(args, load, io),
        Question::Against(other) => versus::against(args, load, other, io),
        Question::Capacity => capacity::run(args, io),
        Question::Matrix(axes) => matrix::run(args, axes, load, io),
        Question::CpuOnly => versus::cpu_only(args, load, io),
    }
}

fn single(args: &ServiceArgs, load: &LoadArgs, io: &mut Io<'_>) -> Run {
    let loaded = args.source.read(io)?;
    let load = load.load(loaded.think, io)?;
    let summary = simulate(&loaded.scenario, &load);
    let verdicts = judge(&args.asserts, &loaded.scenario, &summary)?;
    let text = printed(args, &loaded.scenario, &load, &summary)?;
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
) -> Result<String, Stop> {
    let sentences = || why::sentences(scenario, summary);
    Ok(match args.format {
        Format::Table => told(scenario, load, summary, !args.no_chart),
        Format::Json => {
            let value = export::json(scenario, load.unit(), summary, &sentences());
            pretty(&value)?
        }
        Format::Csv => export::csv(scenario, load.unit(), summary),
        Format::Html => chart::html(&chart::Shown::new(scenario, load, summary, &sentences())),
        Format::Svg => chart::svg(&chart::Shown::new(scenario, load, summary, &sentences())),
    })
}

pub(super) fn pretty(value: &serde_json::Value) -> Result<String, Stop> {
    Ok(serde_json::to_string_pretty(value).map_err(bug)? + "\n")
}

pub(super) fn simulate(scenario: &Scenario, load: &Load) -> Summary {
    let mut recorder = Recorder::new(scenario, load);
    engine::run(scenario, load, &[], |step| recorder.add(step));
    recorder.finish()
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
