//! Traces as Prometheus answers range queries.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::{MOST_SAMPLES, Problems, Recorded, Sample, amount, time};
use crate::simulate::load::Unit;
use crate::source::Span;

/// The whole answer, or its `data`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    status: Option<Cow<'a, str>>,
    error: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    result_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(expecting = "a series: an object with `metric` and `values`")]
struct Series<'a> {
    #[serde(borrow, default)]
    values: Vec<&'a RawValue>,
    histograms: Option<IgnoredAny>,
}

/// The text with what stands where in it.
struct Text<'a, 'p> {
    text: &'a str,
    problems: &'p mut Problems,
}

const QUERY: &str =
    "save the answer of `/api/v1/query_range`, or what `promtool query range -o json` prints";

/// The samples in `text`, added up over its series; `None` where it is something else.
pub(super) fn read(text: &str, unit: Unit, problems: &mut Problems) -> Option<Recorded> {
    // serde_json takes no byte order mark.
    let content = text.trim_start_matches('\u{feff}');
    let mut text = Text { text, problems };
    let list = if content.trim_start().starts_with('[') { content } else { text.result(content)? };
    let series: Vec<Series<'_>> = text.parse(list)?;
    let whole = text.span(list);
    if series.is_empty() {
        let help = "check the query and its times: it found no series";
        text.problems.add(whole, "Prometheus has answered with no series", help);
        return None;
    }
    let mut all = Vec::new();
    for series in &series {
        if series.values.is_empty() {
            let message = match series.histograms {
                Some(_) => "a series holds native histograms, and no numbers",
                None => "a series has no `values`",
            };
            text.problems.add(whole, message, QUERY);
            return None;
        }
        if all.len() + series.values.len() > MOST_SAMPLES {
            let message = format!("there are more than {MOST_SAMPLES} samples");
            text.problems.add(
                whole,
                message,
                "query the sum over all series, or take a larger `step`: 15 seconds are what an HPA sees",
            );
            return None;
        }
        let samples: Vec<Sample> =
            series.values.iter().filter_map(|value| text.sample(value)).collect();
        super::check_order(&samples, text.problems);
        all.push(samples);
    }
    if text.problems.any() {
        return None;
    }
    Some(Recorded { unit, has_think: false, samples: sum(all, text.problems) })
}

impl<'a> Text<'a, '_> {
    /// Where `part` of the text stands.
    fn span(&self, part: &str) -> Span {
        let start = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        Span::new(self.problems.file, start..start + part.len())
    }

    /// `part` of the text, taken apart.
    fn parse<T: Deserialize<'a>>(&mut self, part: &'a str) -> Option<T> {
        let error = match serde_json::from_str(part) {
            Ok(parsed) => return Some(parsed),
            Err(error) => error,
        };
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        // What is named by line and column stands right before that.
        let lines = part.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len);
        let end = (lines.sum::<usize>() + error.column()).min(part.len());
        let start = (0..end).rev().find(|at| part.is_char_boundary(*at)).unwrap_or_default();
        let here = &part[start..];
        let character = here.chars().next().map_or(0, char::len_utf8);
        let span = self.span(&part[start..start + character]);
        let here = here.trim_start_matches('-');
        // Python writes these unless it is told not to.
        if here.starts_with("NaN") || here.starts_with("Infinity") {
            self.problems.add(span, "NaN and infinity are no numbers in JSON", QUERY);
        } else if error.is_eof() {
            self.problems.add(span, format!("{message}: the text is cut off"), QUERY);
        } else {
            self.problems.add(span, message, QUERY);
        }
        None
    }

    /// The list of series in an answer, or in its `data`.
    fn result(&mut self, content: &'a str) -> Option<&'a str> {
        let answer: Answer<'_> = self.parse(content)?;
        let whole = self.span(content.trim());
        if answer.status.as_ref().is_some_and(|status| status != "success")
            || answer.error.is_some()
        {
            let error = answer.error.unwrap_or(Cow::Borrowed("no reason given"));
            self.problems.add(
                whole,
                format!("Prometheus has answered with an error: {error}"),
                QUERY,
            );
            return None;
        }
        let data = match answer.data {
            Some(data) => self.parse(data.get())?,
            None => answer,
        };
        if let Some(other) = data.result_type.as_ref().filter(|kind| *kind != "matrix") {
            let message = format!(
                "the answer is a {other}, which is of one moment; a range query gives a matrix"
            );
            self.problems.add(whole, message, QUERY);
            return None;
        }
        if data.result.is_none() {
            self.problems.add(
                whole,
                "this JSON has no `result`, so it is no answer of Prometheus",
                QUERY,
            );
        }
        data.result.map(RawValue::get)
    }

    /// The sample in `[1435781430.781, "1"]`; problems with it are told.
    fn sample(&mut self, raw: &'a RawValue) -> Option<Sample> {
        let at = self.span(raw.get());
        let Ok((when, value)) = serde_json::from_str::<(&RawValue, Cow<'_, str>)>(raw.get()) else {
            let help = "a sample is a time and a value: `[1435781430.781, \"1\"]`";
            self.problems.add(at, format!("`{}` is no sample", shown(raw.get())), help);
            return None;
        };
        let read = time(when.get()).and_then(|t| amount(&value).map(|value| (t, value)));
        match read {
            Ok((t, value)) => Some(Sample { at, t, value, think_s: 0.0 }),
            Err(invalid) => {
                self.problems.invalid(at, invalid);
                None
            }
        }
    }
}

/// The start of `text`, as much as fits in a message.
fn shown(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// The sum of all series at each time that one of them has a sample at.
fn sum(series: Vec<Vec<Sample>>, problems: &mut Problems) -> Vec<Sample> {
    let step = |samples: &[Sample]| {
        samples.windows(2).map(|pair| pair[1].t - pair[0].t).min_by(f64::total_cmp)
    };
    let own_step = series.iter().filter_map(|samples| step(samples)).min_by(f64::total_cmp);
    let mut all: Vec<Sample> = series.into_iter().flatten().collect();
    all.sort_by(|one, other| one.t.total_cmp(&other.t));
    let mut summed: Vec<Sample> = Vec::with_capacity(all.len());
    for sample in all {
        match summed.last_mut() {
            Some(last) if last.t >= sample.t => last.value += sample.value,
            _ => summed.push(sample),
        }
    }
    // Timestamps have milliseconds.
    let between =
        |pair: &&[Sample]| own_step.is_some_and(|step| pair[1].t - pair[0].t < step - 0.001);
    if let Some(pair) = summed.windows(2).find(between) {
        let message = "the samples of this series lie between those of another one, so they cannot be added up";
        let finding = super::error(pair[1].at, message, "query the sum over all series instead");
        problems.push(finding.label(pair[0].at, "the sample before, of another series"));
    }
    summed
}
