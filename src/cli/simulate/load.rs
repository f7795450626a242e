//! The options of `slogen simulate` that say what clients offer.

use std::path::{Path, PathBuf};

use crate::report::human;
use crate::simulate::load::trace::{self, Reading};
use crate::simulate::load::{Daily, Load, Noise, Parts, Spike, Unit, lengths};
use crate::source::Files;
use crate::units::{Duration, Invalid};

use super::{Io, Stop, told, whole};

/// Users that pause longer do not come back to the same service in one run.
const LONGEST_THINK_TIME: Duration = Duration::from_secs(86_400);

/// What clients offer over time.
#[derive(clap::Args)]
#[command(next_help_heading = "Load")]
// What brings a load along: the shapes, and `--matrix`.
#[command(group = clap::ArgGroup::new("loads").multiple(true))]
pub(in crate::cli) struct LoadArgs {
    /// Users, each of whom waits for an answer, pauses, and asks again: a closed load. `50,100,200` are steps of a stage
    /// each, `50..200` is a ramp, and both may be mixed.
    #[arg(long, value_name = "LIST", groups = ["shape", "loads"], value_parser = parts, allow_hyphen_values = true)]
    users: Option<Parts>,
    /// Requests per second, which come whether or not the service keeps up: an open load. Written as for `--users`.
    #[arg(long, value_name = "LIST", groups = ["shape", "loads"], value_parser = parts, allow_hyphen_values = true)]
    rps: Option<Parts>,
    /// A day from midnight on: `40..300` requests per second, most at 14:00; `40..300@20h` with another peak,
    /// `40..300users` as a closed load.
    #[arg(long, value_name = "LOW..HIGH[@PEAK]", groups = ["shape", "loads"], value_parser = daily, allow_hyphen_values = true)]
    daily: Option<Daily>,
    /// A recorded load: CSV with the columns `t,rps`, `t,users` or `t,users,think`, or Prometheus' answer to a range query
    /// as JSON; plain or gzip, `-` is standard input.
    #[arg(long, value_name = "FILE", groups = ["shape", "loads"])]
    trace: Option<PathBuf>,
    /// How long stages last: `240s` each of them, `5m,10m,5m` one after the other. Default: 10m; the last one until 10m
    /// behind the last spike.
    #[arg(
        long, value_name = "DURATION", value_delimiter = ',', value_parser = duration, allow_hyphen_values = true,
        conflicts_with_all = ["daily", "trace"], requires = "loads"
    )]
    stage: Vec<Duration>,
    /// How many days `--daily` lasts.
    // clap asks for nothing that is excluded already, so `requires` alone lets `--rps 5 --days 2` pass.
    #[arg(
        long, value_name = "COUNT", default_value_t = 1, value_parser = days, allow_hyphen_values = true,
        requires = "daily", conflicts_with_all = ["users", "rps", "trace"]
    )]
    days: u16,
    /// What the values of a JSON trace are; default: rps.
    #[arg(
        long, value_name = "UNIT", value_parser = ["rps", "users"],
        requires = "trace", conflicts_with_all = ["users", "rps", "daily"]
    )]
    trace_unit: Option<String>,
    /// Draw a straight line where a trace has no samples.
    #[arg(long, requires = "trace", conflicts_with_all = ["users", "rps", "daily"])]
    fill_gaps: bool,
    /// Pause of each user between an answer and the next request. Default: `think_time` of `[simulate]` in slo.toml, else
    /// 100ms; a trace's own column `think` comes before both.
    #[arg(
        long, value_name = "DURATION", value_parser = think_time, allow_hyphen_values = true,
        conflicts_with = "rps", requires = "loads"
    )]
    think: Option<Duration>,
    /// For a while, offer something else: `300@10m+90s` is 300 from minute 10 on for 90 s, `+200@10m+90s` so much more,
    /// `x3@10m+90s` so many times as much; with `/1h`, again every hour. May be given several times.
    #[arg(
        long, value_name = "HEIGHT@START+LENGTH[/EVERY]", value_delimiter = ',', value_parser = spike,
        allow_hyphen_values = true, requires = "loads"
    )]
    spike: Vec<Spike>,
    /// Let the load deviate at random: relative standard deviation, and perhaps how long a deviation lasts, as in
    /// `10%/60s`. Default: 15 s, one sync of the HPA.
    #[arg(long, value_name = "PERCENT[/DURATION]", value_parser = noise, allow_hyphen_values = true, requires = "loads")]
    noise: Option<Noise>,
    /// Another seed gives other noise of the same kind; the same seed gives the same on every machine.
    #[arg(
        long, value_name = "NUMBER", default_value_t = 0, value_parser = seed, allow_hyphen_values = true,
        requires = "noise"
    )]
    seed: u64,
}

impl LoadArgs {
    /// The load that is asked for; `configured` is the think time of slo.toml. Findings in a trace, and the think time
    /// that is taken where nobody says one, go to standard error.
    pub(in crate::cli) fn load(
        &self,
        configured: Option<Duration>,
        io: &mut Io<'_>,
    ) -> Result<Load, Stop> {
        let shape = self.shape(io)?;
        self.finish(shape, configured, io)
    }

    /// The file of a recorded load.
    pub(in crate::cli) fn file(&self) -> Option<&Path> {
        self.trace.as_deref()
    }

    /// True if it says what clients offer.
    pub(in crate::cli) fn is_given(&self) -> bool {
        self.users.is_some() || self.rps.is_some() || self.daily.is_some() || self.trace.is_some()
    }

    /// The shape of a load of `value`, such as `50`, throughout.
    pub(in crate::cli) fn steady(&self, unit: Unit, value: &str) -> Result<Load, Stop> {
        let parts = Parts::parse(value).map_err(|invalid| Stop::Message(told(invalid)))?;
        let lengths = lengths(&parts, &self.stage, &self.spike);
        lengths
            .and_then(|lengths| Load::steps(unit, &parts, &lengths))
            .map_err(|invalid| of("--stage", invalid))
    }

    /// The load of this shape, with think time, spikes and noise.
    pub(in crate::cli) fn finish(
        &self,
        load: Load,
        configured: Option<Duration>,
        io: &mut Io<'_>,
    ) -> Result<Load, Stop> {
        let load = self.with_think_time(load, configured, io)?;
        let load =
            load.with_spikes(self.spike.clone()).map_err(|invalid| of("--spike", invalid))?;
        Ok(match &self.noise {
            Some(noise) => load.with_noise(noise.clone().with_seed(self.seed)),
            None => load,
        })
    }

    /// What is offered, before think time, spikes and noise.
    pub(in crate::cli) fn shape(&self, io: &mut Io<'_>) -> Result<Load, Stop> {
        let steps = |unit, parts: &Parts| {
            let lengths = lengths(parts, &self.stage, &self.spike)?;
            Load::steps(unit, parts, &lengths)
        };
        if let Some(path) = &self.trace {
            return self.recorded(path, io);
        }
        match (&self.users, &self.rps, &self.daily) {
            (Some(users), ..) => steps(Unit::Users, users).map_err(|invalid| of("--stage", invalid)),
            (_, Some(rps), _) => steps(Unit::Rps, rps).map_err(|invalid| of("--stage", invalid)),
            (.., Some(daily)) => Ok(Load::daily(daily, self.days)),
            (None, None, None) => Err(Stop::Message(
                "nothing says what clients offer; write `--users 50,100,200 --stage 240s`, `--rps 50..200`, \
                 `--daily 40..300` or `--trace FILE`"
                    .to_owned(),
            )),
        }
    }

    fn recorded(&self, path: &Path, io: &mut Io<'_>) -> Result<Load, Stop> {
        let stdin = path == Path::new("-");
        let name = if stdin { "standard input".to_owned() } else { path.display().to_string() };
        let text = super::read(path, stdin)
            .map_err(|error| Stop::Message(format!("cannot read `{name}`: {error}")))?;
        let mut files = Files::default();
        let file = files.add(name, text);
        let unit = self.trace_unit.as_deref().map(|unit| match unit {
            "users" => Unit::Users,
            _ => Unit::Rps,
        });
        let (trace, findings) =
            trace::read(&files, file, Reading { unit, fill_gaps: self.fill_gaps });
        io.err.write_all(human::report(&findings, &files).as_bytes())?;
        trace.map(Load::recorded).ok_or(Stop::Reported)
    }

    fn with_think_time(
        &self,
        load: Load,
        configured: Option<Duration>,
        io: &mut Io<'_>,
    ) -> Result<Load, Stop> {
        match (load.unit(), self.think) {
            (Unit::Rps, Some(_)) => Err(Stop::Message(
                "--think: requests per second come whether or not users think; leave it out, or give users: \
                 `--users 50`, `--daily 40..300users`, `--trace-unit users`"
                    .to_owned(),
            )),
            (Unit::Rps, None) => Ok(load),
            (Unit::Users, Some(think)) if load.has_recorded_think_times() => Err(Stop::Message(format!(
                "--think: the trace has think times of its own; take its column `think` out for {think} throughout"
            ))),
            (Unit::Users, None) if load.has_recorded_think_times() => Ok(load),
            (Unit::Users, given) => {
                if let Some(think) = given.or(configured) {
                    return Ok(load.with_think_time(think));
                }
                writeln!(
                    io.err,
                    "note: users think for {} between two requests; `--think`, or `think_time` of `[simulate]` in \
                     slo.toml, says otherwise",
                    Load::THINK_TIME
                )?;
                Ok(load)
            }
        }
    }
}

fn of(option: &str, invalid: Invalid) -> Stop {
    Stop::Message(format!("{option}: {}", told(invalid)))
}

fn parts(text: &str) -> Result<Parts, String> {
    Parts::parse(text).map_err(told)
}

fn daily(text: &str) -> Result<Daily, String> {
    Daily::parse(text).map_err(told)
}

fn spike(text: &str) -> Result<Spike, String> {
    Spike::parse(text).map_err(told)
}

fn noise(text: &str) -> Result<Noise, String> {
    Noise::parse(text).map_err(told)
}

fn days(text: &str) -> Result<u16, String> {
    whole(text, &1, &400)
}

fn seed(text: &str) -> Result<u64, String> {
    whole(text, &0, &u64::MAX)
}

fn duration(text: &str) -> Result<Duration, String> {
    if text.trim().is_empty() {
        return Err(
            "a duration is missing; write one with its unit, such as `5m`, or take the comma out"
                .to_owned(),
        );
    }
    Duration::parse(text).map_err(told)
}

fn think_time(text: &str) -> Result<Duration, String> {
    let think = duration(text)?;
    if think > LONGEST_THINK_TIME {
        return Err(format!("a think time of {think} is longer than a day; check the unit"));
    }
    Ok(think)
}

#[cfg(test)]
mod tests;
