//! `slogen simulate` on a slo.toml: the service that it describes under a load.

use crate::simulate::assertion::{Assertion, Verdict};
use crate::simulate::load::Load;
use crate::simulate::scenario::Scenario;
use crate::simulate::summary::{Recorder, Summary};
use crate::simulate::{answer, chart, engine, export, plot, why};
use crate::units::Invalid;

use super::load::LoadArgs;
use super::source::SourceArgs;
use super::{Io, Outcome, Run, Stop};
use crate::cli::output::bug;

/// What is simulated, and what is told of it.
#[derive(clap::Args)]
pub(super) struct ServiceArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// How the answer is printed.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
    /// No chart below the table.
    #[arg(long)]
    no_chart: bool,
    /// What must hold, such as `p95 < 400ms`, `replicas <= 12`, `errors < 1%`, `budget < 10%` or `cost < 3.5`; exit 1 if
    /// it does not. May be given several times.
    #[arg(long = "assert", value_name = "CONDITION", value_parser = condition)]
    asserts: Vec<Assertion>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
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

fn condition(text: &str) -> Result<Assertion, String> {
    Assertion::parse(text).map_err(|Invalid { message, help }| format!("{message}; {help}"))
}

pub(super) fn run(args: &ServiceArgs, load: &LoadArgs, io: &mut Io<'_>) -> Run {
    let loaded = args.source.read(io)?;
    let load = load.load(loaded.think, io)?;
    let summary = simulate(&loaded.scenario, &load);
    let verdicts = judge(&args.asserts, &loaded.scenario, &summary)?;
    let text = printed(args, &loaded.scenario, &load, &summary)?;
    io.out.write_all(text.as_bytes())?;
    for verdict in &verdicts {
        writeln!(io.err, "{}", verdict.told)?;
    }
    Ok(if verdicts.iter().all(|verdict| verdict.holds) { Outcome::Done } else { Outcome::Found })
}

fn judge(
    asserts: &[Assertion],
    scenario: &Scenario,
    summary: &Summary,
) -> Result<Vec<Verdict>, Stop> {
    let judged = asserts.iter().map(|assertion| assertion.judge(scenario, summary));
    judged
        .collect::<Result<_, _>>()
        .map_err(|Invalid { message, help }| Stop::Message(format!("{message}; {help}")))
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
            serde_json::to_string_pretty(&value).map_err(bug)? + "\n"
        }
        Format::Csv => export::csv(scenario, load.unit(), summary),
        Format::Html => chart::html(&chart::Shown::new(scenario, load, summary, &sentences())),
        Format::Svg => chart::svg(&chart::Shown::new(scenario, load, summary, &sentences())),
    })
}

fn simulate(scenario: &Scenario, load: &Load) -> Summary {
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

fn list(title: &str, sentences: &[String]) -> String {
    let items = sentences.iter().map(|sentence| ["- ", sentence, "\n"].concat());
    [title.to_owned(), ":\n".to_owned()].into_iter().chain(items).collect()
}
