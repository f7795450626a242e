//! `--capacity`: how much load each count of replicas sustains.

use crate::simulate::capacity::Capacity;

use super::service::{Format, ServiceArgs, list, pretty};
use super::{Io, Outcome, Run};

pub(super) fn run(args: &ServiceArgs, io: &mut Io<'_>) -> Run {
    let loaded = args.source.read(io)?;
    let capacity = Capacity::new(&loaded.scenario, loaded.targets());
    let text = match args.format {
        Format::Json => pretty(&capacity.json())?,
        Format::Csv => capacity.csv(),
        _ => [
            capacity.table(),
            list("What decides", &capacity.sentences()),
            list("Taken for granted", &capacity.assumptions()),
        ]
        .join("\n"),
    };
    io.out.write_all(text.as_bytes())?;
    Ok(Outcome::Done)
}
