//! `slogen adapter`.

use crate::plan::Plan;
use crate::render::adapter::{self, Adapter, Request};
use crate::source::Files;

use super::output::{Format, bug};
use super::services::{InputArgs, services};
use super::{Io, Outcome, Run, Stop};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    input: InputArgs,
    /// Print a ConfigMap for the chart's value `rules.existing`, instead of Helm values.
    #[arg(long)]
    configmap: bool,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Run {
    let adapter = gather(&args.input, io)?;
    let value = if args.configmap {
        adapter.config_map().map(|manifest| manifest.object)
    } else {
        adapter.values()
    };
    io.out.write_all(Format::Yaml.text(&value.map_err(bug)?)?.as_bytes())?;
    Ok(Outcome::Done)
}

/// What all services together ask of prometheus-adapter, whether or not their outputs name it.
pub(super) fn gather(input: &InputArgs, io: &mut Io<'_>) -> Result<Adapter, Stop> {
    let each = |plan: &Plan<'_>, _: &Files| Ok(adapter::request(plan));
    let all = |requests: Vec<Option<Request>>| {
        adapter::merge(&requests.into_iter().flatten().collect::<Vec<_>>())
    };
    services(input, io, each, all)?.ok_or_else(|| {
        Stop::Message(
            "there is nothing for prometheus-adapter to serve: no service scales an HPA on `latency` or `in_flight` \
             (`scaling.scale_on`, with backend `hpa` and no fixed `scaling.replicas`)"
                .to_owned(),
        )
    })
}
