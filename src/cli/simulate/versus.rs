//! `--against OTHER` and `--compare cpu-only`: two services under one load.

use std::path::Path;

use crate::simulate::load::Load;
use crate::simulate::scenario::Scenario;
use crate::simulate::versus::{self, Side, Versus};

use super::load::LoadArgs;
use super::service::{Format, ServiceArgs, judge, list, pretty, settle, watched};
use super::source::SourceArgs;
use super::what_if::WhatIfArgs;
use super::{Io, Run, Stop, told};

/// Compares the service with that in `other`.
pub(super) fn against(
    args: &ServiceArgs,
    what_if: &WhatIfArgs,
    load: &LoadArgs,
    other: &Path,
    io: &mut Io<'_>,
) -> Run {
    let source = &args.source;
    let mut name = source.path.display().to_string();
    if !source.set.is_empty() {
        name = format!("{name} with {}", source.set.join(", "));
    }
    let other_name = other.display().to_string();
    let loaded = source.read(io)?;
    let second = SourceArgs { path: other.to_path_buf(), env: source.env.clone(), set: Vec::new() };
    let second = second.read(io)?;
    let load = load.load(loaded.think, io)?;
    let updates = what_if.updates(&load)?;
    compare(args, &load, &updates, [(&name, &loaded.scenario), (&other_name, &second.scenario)], io)
}

/// Compares the service with itself, scaled on CPU alone.
pub(super) fn cpu_only(
    args: &ServiceArgs,
    what_if: &WhatIfArgs,
    load: &LoadArgs,
    io: &mut Io<'_>,
) -> Run {
    let loaded = args.source.read(io)?;
    let percent = loaded.targets().cpu_percent();
    let second = versus::cpu_only(&loaded.scenario, percent)
        .map_err(|invalid| Stop::Message(format!("--compare cpu-only: {}", told(invalid))))?;
    let load = load.load(loaded.think, io)?;
    let updates = what_if.updates(&load)?;
    compare(args, &load, &updates, [("as it is", &loaded.scenario), ("cpu only", &second)], io)
}

fn compare(
    args: &ServiceArgs,
    load: &Load,
    updates: &[f64],
    sides: [(&str, &Scenario); 2],
    io: &mut Io<'_>,
) -> Run {
    let [(first, one), (second, two)] = sides;
    let summaries = [one, two].map(|scenario| watched(scenario, load, updates, |_| {}));
    let verdicts = judge(&args.asserts, one, &summaries[0])?;
    let versus = Versus {
        first: Side { name: first, scenario: one, summary: &summaries[0] },
        second: Side { name: second, scenario: two, summary: &summaries[1] },
        unit: load.unit(),
    };
    let text = match args.format {
        Format::Json => pretty(&versus.json())?,
        Format::Csv => versus.csv(),
        _ => [
            versus.told(),
            list("What it is worth", &versus.sentences()),
            list("Taken for granted", &versus.assumptions()),
        ]
        .join("\n"),
    };
    io.out.write_all(text.as_bytes())?;
    settle(&verdicts, io)
}
