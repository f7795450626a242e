//! `slogen dashboard`.

use crate::render;

use super::output::{Format, Rendered};
use super::render::{InputArgs, services};
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
    let mut services = services(&args.input, io, render::with_dashboard)?;
    for manifests in &mut services {
        manifests.retain(|manifest| manifest.dashboard().is_some());
    }
    if args.raw {
        let mut dashboards = services.iter().flatten().filter_map(render::Manifest::dashboard);
        let (Some(dashboard), None) = (dashboards.next(), dashboards.next()) else {
            let message = "Grafana imports one dashboard at a time; name the slo.toml of one service with `-f`";
            return Err(Stop::Message(message.to_owned()));
        };
        io.out.write_all(dashboard.as_bytes())?;
    } else {
        let rendered =
            Rendered { services, beside: Vec::new(), format: Format::Yaml, whole: false };
        io.out.write_all(rendered.stream()?.as_bytes())?;
    }
    Ok(Outcome::Done)
}
