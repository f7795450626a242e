//! `slogen runbook`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::finding::Finding;
use crate::plan::Plan;
use crate::runbook::{self, Runbook};
use crate::source::Span;

use super::output::write_file;
use super::services::{InputArgs, services};
use super::{Io, Outcome, Run, Stop};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    input: InputArgs,
    /// Where to write. Default: standard output.
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Run {
    let pages = services(&args.input, io, |plan, _| page(plan), Ok)?;
    anchors(&pages)?;
    let texts: Vec<String> = pages.into_iter().map(|page| page.text).collect();
    let text = texts.join("\n");
    match &args.output {
        Some(path) => write_file(path, &text)?,
        None => io.out.write_all(text.as_bytes())?,
    }
    Ok(Outcome::Done)
}

/// The runbook of one service.
pub(super) fn page(plan: &Plan<'_>) -> Result<Runbook, Vec<Finding>> {
    runbook::runbook(plan).map_err(|error| {
        let message = format!("the runbook could not be written: {error}");
        let bug = Finding::error("internal/bug", Span::start_of(plan.spec.file), message);
        vec![bug.help("this is a bug of slogen; please report it with this file")]
    })
}

/// Alerts link to headings, so in one document each must be there once.
fn anchors(pages: &[Runbook]) -> Result<(), Stop> {
    let mut seen = BTreeSet::new();
    for alert in pages.iter().flat_map(|page| &page.alerts) {
        if !seen.insert(alert.to_lowercase()) {
            return Err(Stop::Message(format!(
                "two services have an alert `{alert}`, and links to it would lead to one of them only; write a runbook for each: `slogen runbook -f one/slo.toml -o one.md`"
            )));
        }
    }
    Ok(())
}
