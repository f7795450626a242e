//! Recorded load: CSV, or what Prometheus answers to a range query.
//!
//! **CSV** has a header that names the columns, in any order: `t` (or `time`, `timestamp`), `rps` or `users`, and with
//! users perhaps `think`, their think time in seconds. Times are seconds, unix timestamps, or RFC 3339; the first one is
//! the start of the load. Empty lines and lines that start with `#` are passed over; fields may be quoted.
//!
//! **JSON** is the answer of `/api/v1/query_range`, its `data` alone, or the bare list of series that `promtool query range
//! -o json` prints. Where series have samples at the same time, these are added up: pods come and go, so a series without a
//! sample at that time adds nothing. Series whose samples lie between each other's cannot be added, and are refused.
//!
//! Between two samples the load is a straight line: held values would jump at every sample, and an autoscaler would answer
//! to jumps that never were. A step is two rows a second apart.
//!
//! A gap, longer than [`GAP`] times the usual step, is an error unless the caller allows it: over a gap nobody knows what was
//! offered, and an autoscaler's answer to the straight line is an answer to a guess.

mod csv;
mod prometheus;

use super::amount::amount;
use super::{MOST_SECONDS, Unit, stages};
use crate::finding::{Finding, Severity};
use crate::source::{FileId, Files, Span};
use crate::units::Invalid;

/// The largest trace that is read, in bytes.
pub const MAX_BYTES: u64 = 64 << 20;

/// The most samples of a trace: a week in steps of a second is a third of it.
const MOST_SAMPLES: usize = 2_000_000;

/// What a step is a gap beyond: so many times the median step.
pub const GAP: f64 = 5.0;

/// So many problems are told one by one.
const MOST_PROBLEMS: usize = 10;

/// The shortest load, in seconds, as for stages.
const SHORTEST_S: f64 = 1.0;

/// The family and name of the findings.
const RULE: &str = "simulate/trace";

/// Seconds from 1970 to the year 5138: a larger number is a timestamp in milliseconds.
const LATEST: f64 = 1e11;

/// What a caller says about a trace beside its text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    /// What the values of JSON are; without it, requests per second. A CSV file says it in its header, which must agree.
    pub unit: Option<Unit>,
    /// Gaps are warnings, and straight lines lead across them.
    pub fill_gaps: bool,
}

/// A recorded load: samples at ascending times.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// What was counted.
    pub unit: Unit,
    /// Times in seconds, the first one 0; there are at least two.
    pub(super) times: Vec<f64>,
    /// Requests per second, or users, at these times.
    pub(super) values: Vec<f64>,
    /// Think times in seconds at these times, where they were recorded.
    pub(super) think_s: Option<Vec<f64>>,
}

/// The trace in `file`, unless a finding is an error.
pub fn read(files: &Files, file: FileId, reading: Reading) -> (Option<Trace>, Vec<Finding>) {
    let text = &*files.get(file).text;
    let mut problems = Problems::new(file);
    let content = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    if text.len() as u64 > MAX_BYTES {
        let message = format!("the trace is larger than {} MiB", MAX_BYTES >> 20);
        problems.add(
            Span::start_of(file),
            message,
            "record it in larger steps: 15 seconds are what an HPA sees",
        );
    } else if content.is_empty() {
        problems.add(
            Span::start_of(file),
            "the trace is empty",
            "write a CSV file with the columns `t,rps` or `t,users`, or save what Prometheus answers to a range query",
        );
    }
    if problems.any() {
        return (None, problems.told());
    }
    let recorded = if content.starts_with(['{', '[']) {
        prometheus::read(text, reading.unit.unwrap_or(Unit::Rps), &mut problems)
    } else {
        csv::read(text, reading.unit, &mut problems)
    };
    let recorded = recorded.filter(|_| !problems.any());
    let trace =
        recorded.and_then(|recorded| recorded.trace(files, reading.fill_gaps, &mut problems));
    (trace.filter(|_| !problems.any()), problems.told())
}

/// One sample as it was written.
#[derive(Clone, Copy)]
struct Sample {
    /// Where its time stands.
    at: Span,
    /// Seconds from any moment.
    t: f64,
    value: f64,
    think_s: f64,
}

/// All samples, in the order written.
struct Recorded {
    unit: Unit,
    has_think: bool,
    samples: Vec<Sample>,
}

impl Recorded {
    fn trace(self, files: &Files, fill_gaps: bool, problems: &mut Problems) -> Option<Trace> {
        let [first, .., last] = self.samples.as_slice() else {
            one_sample(&self, problems);
            return None;
        };
        check_order(&self.samples, problems);
        if problems.any() {
            return None;
        }
        let length = last.t - first.t;
        if length > MOST_SECONDS {
            let days = (length / 86_400.0).round();
            problems.add(
                last.at,
                format!(
                    "the trace ends {days} days after its start; a load lasts at most 400 days"
                ),
                "times are seconds: divide milliseconds by 1000, or cut a part out",
            );
            return None;
        }
        if length < SHORTEST_S {
            problems.add(
                last.at,
                format!("the trace ends {} after its start", length_told(length)),
                "times are seconds, and a load lasts a second or more: multiply the times if they count minutes or hours",
            );
            return None;
        }
        check_gaps(&self.samples, files, fill_gaps, problems);
        let values = |value: fn(&Sample) -> f64| self.samples.iter().map(value).collect::<Vec<_>>();
        Some(Trace {
            unit: self.unit,
            times: self.samples.iter().map(|sample| sample.t - first.t).collect(),
            values: values(|sample| sample.value),
            think_s: self.has_think.then(|| values(|sample| sample.think_s)),
        })
    }
}

/// A trace without length.
fn one_sample(recorded: &Recorded, problems: &mut Problems) {
    match recorded.samples.first() {
        Some(only) => problems.add(
            only.at,
            "one sample is no load over time",
            format!(
                "give two or more, or write a constant load as `--{} {}`",
                recorded.unit.word(),
                only.value
            ),
        ),
        None => problems.add(
            Span::start_of(problems.file),
            "the trace has no samples",
            "give two or more",
        ),
    }
}

/// Each sample is later than the one before it.
fn check_order(samples: &[Sample], problems: &mut Problems) {
    for pair in samples.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        let problem = if after.t > before.t {
            continue;
        } else if after.t < before.t {
            error(
                after.at,
                "this time is before the one of the sample before",
                "order the samples by time",
            )
        } else {
            error(after.at, "two samples have the same time", "keep one of them, or add them up")
        };
        problems.push(problem.label(before.at, "the sample before"));
    }
}

/// No step is much longer than most.
fn check_gaps(samples: &[Sample], files: &Files, fill_gaps: bool, problems: &mut Problems) {
    let step = |pair: &[Sample]| pair[1].t - pair[0].t;
    let mut steps: Vec<f64> = samples.windows(2).map(step).collect();
    let middle = steps.len() / 2;
    let median = *steps.select_nth_unstable_by(middle, f64::total_cmp).1;
    for pair in samples.windows(2).filter(|pair| step(pair) > GAP * median) {
        let message = format!(
            "there is no sample for {}, where steps are {} mostly",
            length_told(step(pair)),
            length_told(median)
        );
        let before = format!("the sample before, on line {}", files.line(pair[0].at));
        let gap = if fill_gaps {
            let warning =
                error(pair[1].at, message, "the load is a straight line in between: a guess");
            Finding { severity: Severity::Warning, ..warning }
        } else {
            error(
                pair[1].at,
                message,
                "add what is missing, or take a straight line for it: `--fill-gaps`",
            )
        };
        problems.push(gap.label(pair[0].at, before));
    }
}

/// Seconds as people tell them; below a minute with decimals.
fn length_told(seconds: f64) -> String {
    if seconds < 60.0 {
        format!("{}s", (seconds * 1000.0).round() / 1000.0)
    } else {
        stages::clock(seconds)
    }
}

/// A number of seconds as a time.
fn time(text: &str) -> Result<f64, Invalid> {
    let Ok(seconds) = text.parse::<f64>() else {
        return Err(Invalid::new(
            format!("`{text}` is no time"),
            "write seconds, such as `15`, a unix timestamp, or RFC 3339, such as `2026-01-31T09:30:00Z`",
        ));
    };
    if !seconds.is_finite() {
        Err(Invalid::new(format!("`{text}` is no time"), "write seconds, such as `15`"))
    } else if seconds < 0.0 {
        Err(Invalid::new(
            format!("the time `{text}` is negative"),
            "count seconds from the start of the trace",
        ))
    } else if seconds >= LATEST {
        Err(Invalid::new(
            format!("the time `{text}` is beyond the year 5000"),
            "times are seconds: divide milliseconds by 1000",
        ))
    } else {
        Ok(seconds)
    }
}

fn error(span: Span, message: impl Into<String>, help: impl Into<String>) -> Finding {
    Finding::error(RULE, span, message).help(help)
}

/// What is wrong, the first ten times.
struct Problems {
    file: FileId,
    findings: Vec<Finding>,
    /// How many more there are, and where the first of these is.
    more: Option<(usize, Span)>,
}

impl Problems {
    fn new(file: FileId) -> Self {
        Self { file, findings: Vec::new(), more: None }
    }

    fn add(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.push(error(span, message, help));
    }

    fn invalid(&mut self, span: Span, Invalid { message, help }: Invalid) {
        self.add(span, message, help);
    }

    fn push(&mut self, finding: Finding) {
        if self.findings.len() < MOST_PROBLEMS {
            self.findings.push(finding);
        } else {
            self.more.get_or_insert((0, finding.primary.span)).0 += 1;
        }
    }

    /// True with an error among them. Those that are not told are of the same kind as the last one that is.
    fn any(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    fn told(mut self) -> Vec<Finding> {
        if let (Some((count, span)), Some(last)) = (self.more, self.findings.last()) {
            let severity = last.severity;
            let message = match count {
                1 => "from here on there is one more problem".to_owned(),
                count => format!("from here on there are {count} more problems"),
            };
            self.findings.push(Finding { severity, ..Finding::error(RULE, span, message) });
        }
        self.findings
    }
}

#[cfg(test)]
mod tests;
