//! Reads one run.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use rustc_hash::FxHashMap;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Number;

use super::hpa;
use super::problem::Problem;
use super::run::{Moment, Named, Run, Sample, sample_name};
use crate::simulate::controller::pods::{Phase, Pod, Ready, Status};
use crate::simulate::controller::spec::{Flags, Source, Spec, Target};
use crate::simulate::{Time, seconds};

#[derive(Deserialize)]
#[serde(expecting = "a run: an object with `hpa_spec_input` and `steps`, all of it on one line")]
struct RawRun<'a> {
    hpa_spec_input: Option<hpa::Raw>,
    hpa_spec_defaulted: Option<hpa::Raw>,
    cpu_request_milli: Option<i64>,
    requests_milli: Option<BTreeMap<String, i64>>,
    tolerance: Option<f64>,
    cpu_init_s: Option<i32>,
    readiness_delay_s: Option<i32>,
    downscale_stabilization_s: Option<i32>,
    scale_to_zero: Option<bool>,
    #[serde(borrow)]
    steps: Vec<RawStep<'a>>,
}

#[derive(Deserialize)]
struct RawStep<'a> {
    t: Number,
    spec_before: i32,
    status_replicas: Option<i32>,
    spec_after: Option<i32>,
    #[serde(borrow)]
    pods: Vec<RawPod<'a>>,
    #[serde(borrow)]
    samples: FxHashMap<Cow<'a, str>, RawSample<'a>>,
    metric_ts_s: Option<f64>,
    metric_window_s: Option<f64>,
}

#[derive(Deserialize)]
struct RawPod<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    phase: Cow<'a, str>,
    ready: Option<bool>,
    start_s: Option<f64>,
    trans_s: Option<f64>,
    #[serde(default)]
    deleted: bool,
}

enum RawSample<'a> {
    Failed,
    Series(Vec<i64>),
    Pods(FxHashMap<Cow<'a, str>, i64>),
}

/// A sample in thousandths: whole, at least 0; a fraction rounds up as `MilliValue` of apimachinery does.
struct Amount(i64);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AmountVisitor;
        impl Visitor<'_> for AmountVisitor {
            type Value = Amount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sample in thousandths")
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Amount, E> {
                i64::try_from(value).map(Amount).map_err(|_| {
                    E::custom(format!("`{value}` is more than the controller can count"))
                })
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Amount, E> {
                Err(E::custom(format!(
                    "`{value}` is negative; a sample in thousandths is at least 0"
                )))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Amount, E> {
                if value < 0.0 {
                    return Err(E::custom(format!(
                        "`{value}` is negative; a sample in thousandths is at least 0"
                    )));
                }
                let rounded = value.ceil();
                if rounded >= 9.2e18 {
                    return Err(E::custom(format!(
                        "`{value}` is more than the controller can count"
                    )));
                }
                Ok(Amount(crate::simulate::controller::int64(rounded)))
            }
        }
        deserializer.deserialize_any(AmountVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for RawSample<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SampleVisitor;
        impl<'de> Visitor<'de> for SampleVisitor {
            type Value = RawSample<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of pods, a number, a list of series, or \"error\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<RawSample<'de>, E> {
                match text {
                    "error" => Ok(RawSample::Failed),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<RawSample<'de>, E> {
                let amount = Amount::deserialize(de::value::U64Deserializer::new(value))?;
                Ok(RawSample::Series(vec![amount.0]))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<RawSample<'de>, E> {
                let amount = Amount::deserialize(de::value::I64Deserializer::new(value))?;
                Ok(RawSample::Series(vec![amount.0]))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<RawSample<'de>, E> {
                let amount = Amount::deserialize(de::value::F64Deserializer::new(value))?;
                Ok(RawSample::Series(vec![amount.0]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<RawSample<'de>, A::Error> {
                let mut series = Vec::new();
                while let Some(Amount(value)) = list.next_element()? {
                    series.push(value);
                }
                Ok(RawSample::Series(series))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawSample<'de>, A::Error> {
                let mut pods = FxHashMap::default();
                while let Some((Text(pod), Amount(value))) = map.next_entry()? {
                    pods.insert(pod, value);
                }
                Ok(RawSample::Pods(pods))
            }
        }
        deserializer.deserialize_any(SampleVisitor)
    }
}

/// A string, borrowed where it holds no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The run in `line`, a JSON object.
pub fn read(line: &str) -> Result<Run<'_>, Problem> {
    let raw: RawRun<'_> = serde_json::from_str(line).map_err(|error| syntax(line, &error))?;
    let input = raw.hpa_spec_input.map(|spec| spec.spec("hpa_spec_input")).transpose()?;
    let defaulted =
        raw.hpa_spec_defaulted.map(|spec| spec.spec("hpa_spec_defaulted")).transpose()?;
    let ignored = matches!((&input, &defaulted), (Some(one), Some(other)) if one != other);
    let Some(spec) = input.or(defaulted) else {
        let message = "is missing, and `hpa_spec_defaulted` is, too".to_owned();
        return Err(Problem::at("hpa_spec_input".to_owned(), message));
    };
    let flags = flags(
        raw.tolerance,
        [raw.cpu_init_s, raw.readiness_delay_s, raw.downscale_stabilization_s],
        raw.scale_to_zero,
    )?;
    let requests = requests(raw.cpu_request_milli, raw.requests_milli.unwrap_or_default())?;
    if raw.steps.is_empty() {
        return Err(Problem::at("steps".to_owned(), "is empty".to_owned()));
    }
    let mut steps: Vec<Moment<'_>> = Vec::with_capacity(raw.steps.len());
    for (index, raw) in raw.steps.into_iter().enumerate() {
        let at = format!("steps[{index}]");
        let step = step(raw, &spec, &at)?;
        if let Some(before) = steps.last().filter(|before| step.at < before.at.saturating_add(1000))
        {
            let message = format!(
                "`{}` is not at least a second after `{}`, the step before; steps are in the order of time",
                step.t, before.t
            );
            return Err(Problem::at(format!("{at}.t"), message));
        }
        steps.push(step);
    }
    let run = Run { spec, flags, ignored, requests, steps };
    run.check_requests()?;
    Ok(run)
}

/// What `serde_json` says, without its own count of lines, which is always 1.
fn syntax(line: &str, error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or(&text).to_owned();
    let column = error.column();
    let here = line.get(column.saturating_sub(1)..).unwrap_or_default().trim_start_matches('-');
    // Python writes these unless it is told not to.
    let constant = ["NaN", "Infinity"].into_iter().find(|name| here.starts_with(name));
    let message = match constant {
        Some(name) => format!(
            "{name} is no number in JSON; where a metric has no value, write \"error\" or leave the pod out"
        ),
        None if error.is_eof() => format!("{message}: the line is cut off"),
        None => message,
    };
    Problem { column: column.max(1), field: String::new(), message }
}

fn flags(
    tolerance: Option<f64>,
    [cpu_init, delay, window]: [Option<i32>; 3],
    scale_to_zero: Option<bool>,
) -> Result<Flags, Problem> {
    let defaults = Flags::default();
    let tolerance = tolerance.unwrap_or(defaults.tolerance);
    if tolerance < 0.0 {
        let message = format!("`{tolerance}` is negative; ratios of 1 would scale");
        return Err(Problem::at("tolerance".to_owned(), message));
    }
    let period = |field: &str, value: Option<i32>, default: i32| match value {
        Some(value) if !(0..=86_400).contains(&value) => {
            let message = format!("`{value}` is outside 0 to 86400 seconds");
            Err(Problem::at(field.to_owned(), message))
        }
        value => Ok(value.unwrap_or(default)),
    };
    Ok(Flags {
        tolerance,
        cpu_initialization_s: period("cpu_init_s", cpu_init, defaults.cpu_initialization_s)?,
        initial_readiness_delay_s: period(
            "readiness_delay_s",
            delay,
            defaults.initial_readiness_delay_s,
        )?,
        downscale_stabilization_s: period(
            "downscale_stabilization_s",
            window,
            defaults.downscale_stabilization_s,
        )?,
        scale_to_zero: scale_to_zero.unwrap_or(defaults.scale_to_zero),
        ..defaults
    })
}

/// What a pod requests, by the name of the samples.
fn requests(
    cpu: Option<i64>,
    mut requests: BTreeMap<String, i64>,
) -> Result<BTreeMap<String, i64>, Problem> {
    let negative = |field: String, request: i64| {
        Problem::at(field, format!("`{request}` is negative; a pod requests at least 0"))
    };
    if let Some((name, request)) = requests.iter().find(|(_, request)| **request < 0) {
        return Err(negative(format!("requests_milli.{name}"), *request));
    }
    if let Some(cpu) = cpu {
        if cpu < 0 {
            return Err(negative("cpu_request_milli".to_owned(), cpu));
        }
        requests.entry("cpu".to_owned()).or_insert(cpu);
    }
    Ok(requests)
}

fn step<'a>(raw: RawStep<'a>, spec: &Spec, at: &str) -> Result<Moment<'a>, Problem> {
    let field = |name: &str| format!("{at}.{name}");
    let seconds_of = raw.t.as_f64().unwrap_or(f64::NAN);
    let now = moment(seconds_of, || field("t"))?;
    if now < 0 {
        let message = format!("`{}` is negative; a run begins at 0 or later", raw.t);
        return Err(Problem::at(field("t"), message));
    }
    let status = raw.status_replicas.map(|replicas| ("status_replicas", replicas));
    let after = raw.spec_after.map(|replicas| ("spec_after", replicas));
    for (name, replicas) in
        [("spec_before", raw.spec_before)].into_iter().chain(status).chain(after)
    {
        if replicas < 0 {
            return Err(Problem::at(field(name), format!("`{replicas}` is negative")));
        }
    }
    let mut pods = Vec::with_capacity(raw.pods.len());
    let mut names = FxHashMap::default();
    for (index, pod) in raw.pods.into_iter().enumerate() {
        let at = format!("{at}.pods[{index}]");
        let (name, pod) = (pod.name.clone(), read_pod(&pod, &at)?);
        if let Some(other) = names.insert(name.clone(), index) {
            let message = format!("`{name}` is the name of `pods[{other}]`, too");
            return Err(Problem::at(format!("{at}.name"), message));
        }
        pods.push(Named { name, pod });
    }
    let active = pods.iter().filter(|named| !named.pod.deleted && named.pod.phase != Phase::Failed);
    let active = i32::try_from(active.count()).unwrap_or(i32::MAX);
    let sampled = match raw.metric_ts_s {
        Some(seconds) => moment(seconds, || field("metric_ts_s"))?,
        None => now,
    };
    let window = match raw.metric_window_s {
        Some(seconds) => moment(seconds, || field("metric_window_s"))?,
        None => seconds(60),
    };
    if window < 0 {
        return Err(Problem::at(field("metric_window_s"), "is negative".to_owned()));
    }
    Ok(Moment {
        at: now,
        t: raw.t,
        replicas: raw.spec_before,
        status_replicas: raw.status_replicas.unwrap_or(active),
        recorded: raw.spec_after,
        samples: samples(raw.samples, spec, &field("samples"))?,
        pods,
        sampled,
        window,
    })
}

fn read_pod(raw: &RawPod<'_>, at: &str) -> Result<Pod, Problem> {
    let phase = match &*raw.phase {
        "Pending" => Phase::Pending,
        "Running" => Phase::Running,
        "Succeeded" => Phase::Succeeded,
        "Failed" => Phase::Failed,
        "Unknown" => Phase::Unknown,
        other => {
            let message = format!(
                "`{other}` is no phase of a pod; there are Pending, Running, Succeeded, Failed and Unknown"
            );
            return Err(Problem::at(format!("{at}.phase"), message));
        }
    };
    let start = raw.start_s.map(|start| moment(start, || format!("{at}.start_s"))).transpose()?;
    let since = raw.trans_s.map(|since| moment(since, || format!("{at}.trans_s"))).transpose()?;
    let ready = match (raw.ready, since) {
        (Some(ready), Some(since)) => {
            Some(Ready { status: if ready { Status::True } else { Status::False }, since })
        }
        (Some(_), None) => {
            let message = "is missing, though `ready` is there; it is when that changed last";
            return Err(Problem::at(format!("{at}.trans_s"), message.to_owned()));
        }
        (None, _) => None,
    };
    Ok(Pod { phase, deleted: raw.deleted, start, ready })
}

/// What each metric of `spec` reads.
fn samples<'a>(
    mut raw: FxHashMap<Cow<'a, str>, RawSample<'a>>,
    spec: &Spec,
    at: &str,
) -> Result<Vec<(String, Sample<'a>)>, Problem> {
    let mut samples: Vec<(String, Sample<'a>)> = Vec::with_capacity(spec.metrics.len());
    for metric in &spec.metrics {
        let name = sample_name(&metric.source, |name| {
            raw.contains_key(name) || samples.iter().any(|(known, _)| known == name)
        });
        if samples.iter().any(|(known, _)| *known == name) {
            continue;
        }
        let Some(sample) = raw.remove(name.as_str()) else {
            let message = format!("has no `{name}`; where the metrics API failed, write \"error\"");
            return Err(Problem::at(at.to_owned(), message));
        };
        samples.push((name, sample.into()));
    }
    for metric in &spec.metrics {
        let name =
            sample_name(&metric.source, |name| samples.iter().any(|(known, _)| known == name));
        let sample = samples.iter().find(|(known, _)| *known == name).map(|(_, sample)| sample);
        let of_pods = !matches!(metric.source, Source::Object { .. } | Source::External { .. });
        let message = match sample {
            Some(Sample::Series(_)) if of_pods => "is no object of pods, as its type of metric has",
            Some(Sample::Pods(_)) if !of_pods => {
                "is an object of pods; Object and External metrics have a number or a list of series"
            }
            _ => continue,
        };
        return Err(Problem::at(format!("{at}.{name}"), message.to_owned()));
    }
    Ok(samples)
}

impl<'a> From<RawSample<'a>> for Sample<'a> {
    fn from(raw: RawSample<'a>) -> Self {
        match raw {
            RawSample::Failed => Self::Failed,
            RawSample::Series(series) => Self::Series(series),
            RawSample::Pods(pods) => Self::Pods(pods),
        }
    }
}

/// Seconds of a run as [`Time`].
fn moment(seconds: f64, field: impl FnOnce() -> String) -> Result<Time, Problem> {
    if seconds.abs() <= 1e12 {
        Ok(crate::simulate::controller::int64((seconds * 1000.0).round()))
    } else {
        Err(Problem::at(field(), format!("`{seconds}` seconds are beyond any run")))
    }
}

impl Run<'_> {
    /// A utilization is of what pods request.
    fn check_requests(&self) -> Result<(), Problem> {
        for metric in &self.spec.metrics {
            if !matches!(metric.target, Target::Utilization(_)) {
                continue;
            }
            let name = sample_name(&metric.source, |name| self.requests.contains_key(name));
            if !self.requests.contains_key(&name) {
                let field = match name.as_str() {
                    "cpu" => "cpu_request_milli".to_owned(),
                    other => format!("requests_milli.{other}"),
                };
                let message = "is missing, and the HPA has a target for its utilization".to_owned();
                return Err(Problem::at(field, message));
            }
        }
        Ok(())
    }
}
