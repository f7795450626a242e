//! `slogen dashboard`.

use crate::plan::Plan;
use crate::render;
use crate::source::{Files, Span};

use super::output::{bug, documents};
use super::services::{InputArgs, collisions, services};
use super::{Io, Outcome, Run, Stop};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    input: InputArgs,
    /// Print the dashboard of one service as the JSON that Grafana imports.
    #[arg(long)]
    raw: bool,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Run {
    let each = |plan: &Plan<'_>, files: &Files| {
        let mut manifests = render::with_dashboard(plan, files)?;
        manifests.retain(|manifest| manifest.dashboard().is_some());
        Ok((plan.spec.doc.service.name.span, manifests))
    };
    let all = |services: Vec<(Span, Vec<render::Manifest>)>| {
        let collisions = collisions(services.iter().map(|(at, it)| (*at, it.as_slice())));
        if collisions.is_empty() {
            Ok(services.into_iter().flat_map(|(_, manifests)| manifests).collect())
        } else {
            Err(collisions)
        }
    };
    let manifests: Vec<render::Manifest> = services(&args.input, io, each, all)?;
    if args.raw {
        let mut dashboards = manifests.iter().filter_map(render::Manifest::dashboard);
        let (Some(dashboard), None) = (dashboards.next(), dashboards.next()) else {
            let message = "Grafana imports one dashboard at a time; name the slo.toml of one service with `-f`";
            return Err(Stop::Message(message.to_owned()));
        };
        io.out.write_all(dashboard.as_bytes())?;
    } else {
        io.out.write_all(documents(&manifests).map_err(bug)?.as_bytes())?;
    }
    Ok(Outcome::Done)
}
