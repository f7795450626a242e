//! `slogen tune`.

use std::path::Path;

use crate::plan::Plan;
use crate::simulate::assertion::Assertion;
use crate::simulate::scenario::Scenario;
use crate::simulate::tune::{
    self, Advice, Change, Choice, Knob, Range, Space, Wanted, told as answer,
};
use crate::tree::edit;

use super::output::{behind_link, bug, write_file};
use super::simulate::load::LoadArgs;
use super::simulate::progress::Progress;
use super::simulate::source::{Loaded, Opened, SourceArgs, report};
use super::simulate::{condition, read_once, told, whole};
use super::{Io, Outcome, Run, Stop};

/// What `slogen tune` is asked for.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    source: SourceArgs,
    /// Leave this as it is: `min`, `max`, `in_flight`, `up` or `down` (window and policies). May be given several times.
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = knob)]
    keep: Vec<Knob>,
    /// Try only these numbers and the present one, as in `min=3..10`, `max=10..40`, `in_flight=5..20`, or of a window, `down=1m..10m`. A lower
    /// `max` and slower scaling up are tried only if a range says so. May be given several times.
    #[arg(long, value_name = "WHAT=LEAST..MOST", value_parser = range)]
    range: Vec<Range>,
    /// What must hold beside the targets, as for `slogen simulate`: `p95 < 400ms` for every minute, `replicas <= 12`.
    #[arg(long = "assert", value_name = "CONDITION", value_parser = condition)]
    asserts: Vec<Assertion>,
    /// How much of the error budget of the load's requests may be spent; the rest is for what goes wrong.
    #[arg(long, value_name = "PERCENT", default_value = "10%", value_parser = percent, allow_hyphen_values = true)]
    spend: f64,
    /// By how much latencies may be longer than the model says: a proposal keeps the targets even then.
    #[arg(long, value_name = "PERCENT", default_value = "25%", value_parser = percent, allow_hyphen_values = true)]
    margin: f64,
    /// How the answer is printed.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
    /// Write the proposal to slo.toml, comments kept; with `--env`, to that overlay.
    #[arg(long, conflicts_with = "set")]
    write: bool,
    /// With `--write`: take the setting of this row instead of the proposal.
    #[arg(long, value_name = "ROW", requires = "write", value_parser = row, allow_hyphen_values = true)]
    pick: Option<u8>,
    #[command(flatten)]
    load: LoadArgs,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people: a table and sentences.
    #[default]
    Table,
    /// For programs.
    Json,
    /// For spreadsheets: a row a setting.
    Csv,
}

fn knob(text: &str) -> Result<Knob, String> {
    Knob::parse(text).map_err(told)
}

fn range(text: &str) -> Result<Range, String> {
    Range::parse(text).map_err(told)
}

fn row(text: &str) -> Result<u8, String> {
    whole(text, &1, &u8::MAX)
}

fn percent(text: &str) -> Result<f64, String> {
    let percent =
        text.trim().strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    let share = percent.map(|percent| percent / 100.0);
    share.filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| {
        format!("`{text}` is no such percentage; write a percentage from `0%` to `100%`")
    })
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Run {
    if args.write && args.source.path == Path::new("-") {
        return Err(Stop::Message(
            "--write: standard input cannot be written; name the file".to_owned(),
        ));
    }
    if args.write {
        check_writable(&args.source.path)?;
    }
    read_once(&[
        ("the slo.toml", Some(&args.source.path)),
        ("the load of `--trace`", args.load.file()),
    ])?;
    let opened = args.source.open(io)?;
    let loaded = opened.with(&[]).or_else(|(findings, files)| report(findings, &files, io))?;
    let load = args.load.load(loaded.think, io)?;
    let choice = Choice { keep: args.keep.clone(), ranges: args.range.clone() };
    let of = |invalid| Stop::Message(told(invalid));
    let plan = Plan::new(&loaded.spec);
    let space = Space::new(&plan, &loaded.scenario.model, &choice).map_err(of)?;
    let wanted =
        Wanted { margin: args.margin, spend: args.spend, conditions: args.asserts.clone() };
    let build = |changes: &[Change]| scenario(&opened, changes);
    let progress = Progress::counting("settings tried");
    let advice = tune::tune(&space, &load, &wanted, build, || progress.add()).map_err(of)?;
    drop(progress);
    let changes = changes(args, &advice)?;
    let edited = match &changes {
        Some(changes) if !changes.is_empty() => Some(edited(args, &opened, changes)?),
        _ => None,
    };
    let text = match args.format {
        Format::Table => answer::text(&loaded.scenario, &advice),
        Format::Json => {
            let value = answer::json(&loaded.scenario, &advice);
            serde_json::to_string_pretty(&value).map_err(bug)? + "\n"
        }
        Format::Csv => answer::csv(&loaded.scenario, &advice),
    };
    let path = &args.source.path;
    if let Some(edited) = &edited {
        write_file(&behind_link(path, std::slice::from_ref(path))?, edited)?;
    }
    io.out.write_all(text.as_bytes())?;
    match changes {
        Some([]) => {
            writeln!(io.err, "nothing to write: {} stays as it is", path.display())?;
        }
        Some(changes) => {
            let keys: Vec<&str> = changes.iter().map(|change| change.key).collect();
            writeln!(io.err, "wrote {} to {}", keys.join(", "), path.display())?;
        }
        None => {}
    }
    Ok(if advice.proposal.is_some() { Outcome::Done } else { Outcome::Found })
}

/// Refuses a file that its owner has made read-only: writing takes a new one in its place, which no mode prevents.
fn check_writable(path: &Path) -> Result<(), Stop> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.permissions().readonly() => Err(Stop::Message(format!(
            "--write: `{0}` is read-only; make it writable (`chmod u+w {0}`), or take `--write` out",
            path.display()
        ))),
        // What cannot be read is told by whoever reads it.
        _ => Ok(()),
    }
}

/// The service with `changes`; `None` where slo.toml would be refused.
fn scenario(opened: &Opened, changes: &[Change]) -> Option<Scenario> {
    let settings: Vec<String> =
        changes.iter().map(|change| format!("{}={}", change.key, change.to)).collect();
    opened.with(&settings).ok().map(|Loaded { scenario, .. }| scenario)
}

/// What is to be written; `None` if nothing was asked for, or nothing keeps the targets.
fn changes<'a>(args: &Args, advice: &'a Advice) -> Result<Option<&'a [Change]>, Stop> {
    let place = match args.pick {
        Some(row) => usize::from(row) - 1,
        None => match advice.proposal.filter(|_| args.write) {
            Some(place) => place,
            None => return Ok(None),
        },
    };
    let setting = advice.front.get(place).ok_or_else(|| {
        Stop::Message(format!(
            "--pick: there is no row {}; the last one is {}",
            place + 1,
            advice.front.len()
        ))
    })?;
    Ok(Some(&setting.changes))
}

/// slo.toml with `changes`, checked to come to what was promised.
fn edited(args: &Args, opened: &Opened, changes: &[Change]) -> Result<String, Stop> {
    let mut text = opened.text().to_owned();
    for change in changes {
        let keys = match &args.source.env {
            Some(env) => ["env", env].into_iter().chain(change.key.split('.')).collect(),
            None => change.key.split('.').collect::<Vec<_>>(),
        };
        text = edit::with(&text, &keys, &change.to)
            .map_err(|error| Stop::Message(format!("cannot write {}: {error}", change.key)))?;
    }
    let written = opened.rewritten(text.clone()).ok().map(|loaded| loaded.scenario);
    if written.is_some() && written == scenario(opened, changes) {
        return Ok(text);
    }
    let by_hand: Vec<String> =
        changes.iter().map(|Change { key, to, .. }| format!("{key} = {to}")).collect();
    Err(Stop::Message(format!(
        "nothing was written: `{}` would not come to the same, as another of its keys or overlays stands in the way; \
         write by hand: {}",
        args.source.path.display(),
        by_hand.join(", ")
    )))
}
