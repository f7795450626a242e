//! The options of `slogen simulate` that ask what would be if.

use std::path::PathBuf;

use rust_decimal::prelude::ToPrimitive;

use crate::simulate::load::Load;
use crate::simulate::matrix::Axis;
use crate::simulate::shown;
use crate::units::Duration;

use super::{Stop, told};

/// What would be if.
#[derive(clap::Args)]
#[command(next_help_heading = "What if")]
pub(super) struct WhatIfArgs {
    /// The same load on another service: what differs, and what it is worth.
    ///
    /// `--env` counts for both, `--set` for the service of PATH alone, so that `slogen simulate slo.toml --set
    /// scaling.max=40 --against slo.toml` compares a change with the file as it is. The load, with the think time of
    /// users, is that of PATH; `--assert` judges the service of PATH.
    #[arg(long, value_name = "OTHER")]
    pub(super) against: Option<PathBuf>,
    /// `cpu-only`: the same service under the same load, scaled on CPU alone. `--assert` judges the service as it is.
    ///
    /// With `--replay`, and without a value: print nothing; exit 1 at the first step that differs from what was recorded.
    #[arg(
        long, value_name = "WITH", value_enum, num_args = 0..=1, default_missing_value = "recorded",
        conflicts_with = "against"
    )]
    pub(super) compare: Option<Compare>,
    /// No run: how many requests per second each count of replicas sustains inside all targets, up to `scaling.max`, which
    /// target binds, and what each of them alone would allow. The load is open and steady, so that no option
    /// of load goes with it.
    #[arg(long, conflicts_with_all = ["against", "compare", "asserts", "no_chart", "LoadArgs"])]
    pub(super) capacity: bool,
    /// A run for each combination of values, such as `users=25,50,100,200,400 max=10,20`: a row each, with the figures of
    /// the whole run. `--assert` must hold for all of them.
    ///
    /// `users` and `rps` are loads, steady over one stage (`--stage`, `--spike` and `--noise` count for each); without one
    /// of them the options of load do. `min`, `max` and `in_flight` are short for `scaling.min`, `scaling.max` and
    /// `targets.in_flight.per_pod`; every other key is one of slo.toml, as with `--set`. Commas within quotes, brackets and
    /// braces part nothing. At most 1,000 combinations.
    #[arg(
        long, value_name = "KEY=LIST", num_args = 1.., group = "loads", value_parser = axis,
        conflicts_with_all = ["against", "compare", "capacity"]
    )]
    matrix: Vec<Axis>,
    /// A rolling update of all pods at this time from the start, such as `5m`. Several: `5m,20m`, or the option again.
    #[arg(
        long, value_name = "TIME", value_delimiter = ',', value_parser = time, allow_hyphen_values = true,
        conflicts_with = "capacity"
    )]
    update: Vec<Duration>,
}

/// What something is compared with.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Compare {
    /// Itself, scaled on CPU alone.
    CpuOnly,
    /// Recorded runs with what was recorded: what the option means without a value.
    #[value(hide = true)]
    Recorded,
}

/// What is asked.
pub(super) enum Question<'a> {
    /// One run.
    Run,
    /// Two, of which the second is compared with the first.
    Against(&'a PathBuf),
    CpuOnly,
    /// None: what replicas sustain.
    Capacity,
    /// One for each combination.
    Matrix(&'a [Axis]),
}

impl WhatIfArgs {
    /// Whether `--replay` is to compare; an error where the value does not fit.
    pub(super) fn compares_replay(&self) -> Result<bool, Stop> {
        match self.compare {
            Some(Compare::CpuOnly) => Err(Stop::Message(
                "`--compare cpu-only` compares services, and `--replay` recorded runs; with `--replay`, write \
                 `--compare` alone"
                    .to_owned(),
            )),
            Some(Compare::Recorded) => Ok(true),
            None => Ok(false),
        }
    }

    /// The moments of rolling updates under `load`, in seconds.
    pub(super) fn updates(&self, load: &Load) -> Result<Vec<f64>, Stop> {
        let moment = |at: &Duration| {
            let at_s = at.seconds().to_f64().unwrap_or(f64::INFINITY);
            if at_s < load.duration_s() {
                return Ok(at_s);
            }
            Err(Stop::Message(format!(
                "--update: {} is not within the load, which ends at {}; write an earlier time, or a longer `--stage`",
                at.clock(),
                shown::time(load.duration_s())
            )))
        };
        self.update.iter().map(moment).collect()
    }

    /// What is asked of a service.
    pub(super) fn question(&self) -> Result<Question<'_>, Stop> {
        match (self.compare, &self.against) {
            (Some(Compare::Recorded), _) => Err(Stop::Message(
                "`--compare` alone compares recorded runs, and there is no `--replay`; for a service write `--compare \
                 cpu-only`"
                    .to_owned(),
            )),
            (Some(Compare::CpuOnly), _) => Ok(Question::CpuOnly),
            (None, None) if !self.matrix.is_empty() => Ok(Question::Matrix(&self.matrix)),
            (None, None) if self.capacity => Ok(Question::Capacity),
            (None, Some(other)) => Ok(Question::Against(other)),
            (None, None) => Ok(Question::Run),
        }
    }
}

fn axis(text: &str) -> Result<Axis, String> {
    Axis::parse(text).map_err(told)
}

fn time(text: &str) -> Result<Duration, String> {
    Duration::parse(text).map_err(told)
}
