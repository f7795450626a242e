//! Traces as CSV.

use std::borrow::Cow;
use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::DateTime;

use super::{MOST_SAMPLES, Problems, Recorded, Sample, amount, time};
use crate::finding::nearest;
use crate::simulate::load::Unit;
use crate::source::Span;
use crate::units::Invalid;

/// A day: users that pause longer do not come back to the same service in one run.
const MOST_THINK_S: f64 = 86_400.0;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Time,
    Value(Unit),
    Think,
}

const COLUMNS: [(&str, Column); 6] = [
    ("t", Column::Time),
    ("time", Column::Time),
    ("timestamp", Column::Time),
    ("rps", Column::Value(Unit::Rps)),
    ("users", Column::Value(Unit::Users)),
    ("think", Column::Think),
];

/// The samples in `text`; `None` where the header is wrong.
pub(super) fn read(text: &str, unit: Option<Unit>, problems: &mut Problems) -> Option<Recorded> {
    let mut rows = rows(text);
    let Some(row) = rows.next() else {
        problems.add(
            Span::start_of(problems.file),
            "the trace holds nothing but comments",
            "begin it with a header, `t,rps` or `t,users`, and write a row for each sample",
        );
        return None;
    };
    let header = header(text, row, unit, problems)?;
    let mut samples: Vec<Sample> = Vec::new();
    let mut first_form = None;
    for row in rows {
        if samples.len() == MOST_SAMPLES {
            let span = Span::new(problems.file, row);
            let help = "record it in larger steps: 15 seconds are what an HPA sees";
            problems.add(span, format!("there are more than {MOST_SAMPLES} samples"), help);
            return None;
        }
        samples.extend(sample(text, row, &header, &mut first_form, problems));
    }
    Some(Recorded { unit: header.unit, has_think: header.has(Column::Think), samples })
}

/// The rows of `text`, without comments, line ends and empty lines.
fn rows(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    let lines = text.split_inclusive('\n').map(move |line| {
        let range = start..start + line.trim_end_matches(['\n', '\r']).len();
        start += line.len();
        range
    });
    let mark = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let lines = lines.map(move |line| line.start.max(mark)..line.end);
    lines.filter(|line| {
        let content = text[line.clone()].trim();
        !content.is_empty() && !content.starts_with('#')
    })
}

/// One field: its content, and where that stands.
struct Field<'a> {
    content: Cow<'a, str>,
    span: Span,
}

/// The fields of the row at `range`.
fn fields<'a>(
    text: &'a str,
    range: Range<usize>,
    problems: &mut Problems,
) -> Option<Vec<Field<'a>>> {
    let mut fields = Vec::new();
    let mut at = range.start;
    loop {
        let rest = &text[at..range.end];
        let start = at + rest.len() - rest.trim_start().len();
        let rest = &text[start..range.end];
        let (content, end) = if let Some(quoted) = rest.strip_prefix('"') {
            let Some(length) = quoted_length(quoted) else {
                let span = Span::new(problems.file, start..range.end);
                problems.add(span, "the quote has no end on its line", "close it, or take it out");
                return None;
            };
            (Cow::Owned(quoted[..length].replace("\"\"", "\"")), start + length + 2)
        } else {
            let content = rest.split(',').next().unwrap_or_default().trim_end();
            (Cow::Borrowed(content), start + content.len())
        };
        fields.push(Field { content, span: Span::new(problems.file, start..end) });
        let behind = text[end..range.end].trim_start();
        let comma = range.end - behind.len();
        match behind.chars().next() {
            None => return Some(fields),
            Some(',') => at = comma + 1,
            Some(_) => {
                let span = Span::new(problems.file, start..range.end);
                problems.add(span, "there is more behind the quote", "separate fields by commas");
                return None;
            }
        }
    }
}

/// How long the content of a quoted field is, up to the quote that no other follows.
fn quoted_length(quoted: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + quoted[from..].find('"')?;
        if !quoted[at + 1..].starts_with('"') {
            return Some(at);
        }
        from = at + 2;
    }
}

/// What the columns hold.
struct Header {
    columns: Vec<Column>,
    unit: Unit,
}

impl Header {
    fn has(&self, column: Column) -> bool {
        self.columns.contains(&column)
    }
}

const HEADER: &str = "begin the file with `t,rps`, `t,users` or `t,users,think`";

fn header(
    text: &str,
    row: Range<usize>,
    unit: Option<Unit>,
    problems: &mut Problems,
) -> Option<Header> {
    let whole = Span::new(problems.file, row.clone());
    let fields = fields(text, row, problems)?;
    if let Some(separator) =
        fields.first().filter(|_| fields.len() == 1).and_then(|field| separator(&field.content))
    {
        let help = "separate them by `,`, with `.` for the decimals of numbers";
        problems.add(whole, format!("the columns are separated by {separator}"), help);
        return None;
    }
    // No name begins like a number.
    if fields
        .iter()
        .any(|field| field.content.starts_with(|c: char| c.is_ascii_digit() || c == '-'))
    {
        problems.add(whole, "the first row holds a sample, and no names of columns", HEADER);
        return None;
    }
    let mut columns: Vec<Column> = Vec::new();
    for field in &fields {
        let name = field.content.trim().to_ascii_lowercase();
        let Some((_, column)) = COLUMNS.iter().find(|(known, _)| *known == name) else {
            let names = || COLUMNS.iter().map(|(name, _)| *name);
            let help = match nearest(&name, names()) {
                Some(near) => format!("did you mean `{near}`? {HEADER}"),
                None => format!("take it out; {HEADER}"),
            };
            problems.add(field.span, format!("`{}` is no column of a trace", field.content), help);
            return None;
        };
        if columns.contains(column) {
            problems.add(
                field.span,
                format!("`{}` is here for the second time", field.content),
                HEADER,
            );
            return None;
        }
        columns.push(*column);
    }
    let has = |column| columns.contains(&column);
    let unit_here = match (has(Column::Value(Unit::Rps)), has(Column::Value(Unit::Users))) {
        _ if !has(Column::Time) => Err("no column says when: `t` is missing"),
        (false, false) => Err("no column says how much: `rps` or `users` is missing"),
        (true, true) => Err("`rps` and `users` are two loads: open and closed"),
        (true, false) if has(Column::Think) => {
            Err("`think` is for users; requests per second do not wait")
        }
        (true, false) => Ok(Unit::Rps),
        (false, true) => Ok(Unit::Users),
    };
    let unit_here = unit_here.and_then(|here| match unit {
        Some(Unit::Rps) if here == Unit::Users => {
            Err("the column is `users`, but `--trace-unit` says rps")
        }
        Some(Unit::Users) if here == Unit::Rps => {
            Err("the column is `rps`, but `--trace-unit` says users")
        }
        _ => Ok(here),
    });
    match unit_here {
        Ok(unit) => Some(Header { columns, unit }),
        Err(message) => {
            problems.add(whole, message, HEADER);
            None
        }
    }
}

/// What a row of one field is separated by instead of commas.
fn separator(row: &str) -> Option<&'static str> {
    [(';', "`;`"), ('\t', "tabs"), ('|', "`|`")]
        .into_iter()
        .find(|(c, _)| row.contains(*c))
        .map(|(_, name)| name)
}

/// How times are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Seconds,
    Rfc3339,
}

/// The sample in a row; problems with it are told.
fn sample(
    text: &str,
    row: Range<usize>,
    header: &Header,
    first_form: &mut Option<Form>,
    problems: &mut Problems,
) -> Option<Sample> {
    let whole = Span::new(problems.file, row.clone());
    let fields = fields(text, row, problems)?;
    if fields.len() != header.columns.len() {
        let count = |count: usize| {
            if count == 1 { "one field".to_owned() } else { format!("{count} fields") }
        };
        let message = format!(
            "the row has {}, the header {}",
            count(fields.len()),
            count(header.columns.len())
        );
        problems.add(whole, message, "give each column its value; decimals are written with `.`");
        return None;
    }
    let mut sample = Sample { at: whole, t: 0.0, value: 0.0, think_s: 0.0 };
    let mut right = true;
    for (field, column) in fields.iter().zip(&header.columns) {
        let content = field.content.trim();
        let read = match column {
            Column::Time => {
                sample.at = field.span;
                in_form(content, first_form).map(|t| sample.t = t)
            }
            Column::Value(_) => amount(content).map(|value| sample.value = value),
            Column::Think => think(content).map(|think_s| sample.think_s = think_s),
        };
        if let Err(invalid) = read {
            problems.invalid(field.span, invalid);
            right = false;
        }
    }
    right.then_some(sample)
}

fn think(text: &str) -> Result<f64, Invalid> {
    let think_s = amount(text)?;
    if think_s > MOST_THINK_S {
        return Err(Invalid::new(
            format!("a think time of `{text}` seconds is longer than a day"),
            "write seconds: divide milliseconds by 1000",
        ));
    }
    Ok(think_s)
}

/// A time in the form of the first one, which it decides if this is it.
fn in_form(text: &str, first: &mut Option<Form>) -> Result<f64, Invalid> {
    let rfc3339 = text.len() > 10 && text.as_bytes()[4] == b'-';
    let form = if rfc3339 { Form::Rfc3339 } else { Form::Seconds };
    if *first.get_or_insert(form) != form {
        return Err(Invalid::new(
            format!("`{text}` is another form of time than in the rows before"),
            "write all times as seconds, or all as RFC 3339",
        ));
    }
    match form {
        Form::Seconds => time(text),
        Form::Rfc3339 => moment(text),
    }
}

/// Seconds from 1970 to a time of RFC 3339.
fn moment(text: &str) -> Result<f64, Invalid> {
    match text.parse::<Timestamp>() {
        Ok(at) => Ok(at.as_duration().as_secs_f64()),
        Err(_) if text.parse::<DateTime>().is_ok() => Err(Invalid::new(
            format!("the time `{text}` has no time zone"),
            format!("write `{text}Z` if it is UTC, or the offset: `{text}+01:00`"),
        )),
        Err(_) => Err(Invalid::new(
            format!("`{text}` is no time"),
            "write RFC 3339, such as `2026-01-31T09:30:00Z`, or seconds",
        )),
    }
}
