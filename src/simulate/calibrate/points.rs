//! Measured points as they are written: `users=200 replicas=3 rps=95 p95=900ms`, or a line of a CSV table.

use rust_decimal::prelude::ToPrimitive;

use crate::units::{Duration, Invalid};

/// One steady load, and what was measured under it.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Where it was written: `point 2`, `points.csv:3`.
    pub place: String,
    /// What was written.
    pub text: String,
    /// Users in all, and how long each pauses between response and request, in seconds, if that is known.
    pub users: Option<Users>,
    /// Requests per second that were served, in all. Without users it is also what was offered.
    pub rps: Option<f64>,
    /// Requests in flight in one pod, on average.
    pub in_flight: Option<f64>,
    /// Ready pods.
    pub replicas: f64,
    /// Percent and response in seconds, rising.
    pub percentiles: Vec<(f64, f64)>,
    /// Mean response in seconds.
    pub mean_s: Option<f64>,
    /// CPU in use by one pod, in cores.
    pub cpu_cores: Option<f64>,
}

/// Closed load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Users {
    /// How many.
    pub count: f64,
    /// Mean pause in seconds.
    pub think_s: Option<f64>,
}

/// What all points share.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Context {
    /// Pause of users that say none, in seconds.
    pub think_s: Option<f64>,
    /// CPU that a pod requests, in cores: what a percentage refers to.
    pub cpu_request: Option<f64>,
}

/// A point that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it is.
    pub place: String,
    /// What is wrong, and what to write instead.
    pub invalid: Invalid,
}

/// What a point may say.
const KEYS: &str = "`users`, `think`, `rps`, `in_flight`, `replicas`, `mean`, `cpu`, and percentiles such as `p50` and `p95`";

/// The most points that are read: this is for a handful, not for a log.
const MOST_POINTS: usize = 1_000;

/// How far the two sides of Little's law may be apart before a point contradicts itself: runs have an end and a start.
const SLACK: f64 = 0.10;

/// Points that are written in place: fields apart by spaces or commas, points by `;`. `from` is the number of the first.
pub fn in_place(text: &str, from: usize, context: &Context) -> Result<Vec<Point>, Vec<Problem>> {
    let points = text.split(';').map(str::trim).filter(|point| !point.is_empty());
    all(points.zip(from..).map(|(text, number)| {
        let place = format!("point {number}");
        let fields = text.split([' ', '\t', '\n', '\r', ',']).filter(|field| !field.is_empty());
        let fields = fields.map(|field| {
            let shape = || {
                Invalid::new(
                    format!("`{field}` has no value"),
                    "write `KEY=VALUE`, such as `users=200 replicas=3 rps=95 p95=900ms`",
                )
            };
            field.split_once('=').ok_or_else(shape)
        });
        read(place, text, fields, context)
    }))
}

/// The points of a CSV table, whose first line says what the columns are. `p95_ms` and `p95_s` name the unit of a whole
/// column; empty fields say nothing. Lines that are empty or start with `#` are skipped.
pub fn table(name: &str, text: &str, context: &Context) -> Result<Vec<Point>, Vec<Problem>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    let Some((at, header)) = lines.next() else {
        let invalid = Invalid::new(
            "there is no line in it",
            "write what the columns are in the first line, such as `users,replicas,rps,p95`, and a point in each further one",
        );
        return Err(vec![Problem { place: name.to_owned(), invalid }]);
    };
    let separator = [',', ';', '\t'].into_iter().find(|it| header.contains(*it)).unwrap_or(',');
    let columns: Vec<&str> = cells(header, separator).collect();
    if columns.iter().any(|column| column.contains('=') || column.parse::<f64>().is_ok()) {
        let invalid = Invalid::new(
            format!("`{}` is no header", header.trim()),
            "write what the columns are in the first line, such as `users,replicas,rps,p95`",
        );
        return Err(vec![Problem { place: format!("{name}:{at}"), invalid }]);
    }
    all(lines.map(|(at, line)| {
        let place = format!("{name}:{at}");
        let values: Vec<&str> = cells(line, separator).collect();
        if values.len() != columns.len() {
            let s = |count: usize| if count == 1 { "" } else { "s" };
            let (fields, header) = (values.len(), columns.len());
            let message = format!(
                "the line has {fields} field{}, and the header {header} column{}",
                s(fields),
                s(header)
            );
            let invalid = Invalid::new(message, "leave a field empty where nothing was measured");
            return Err(Problem { place, invalid });
        }
        let fields = columns.iter().zip(values).filter(|(_, value)| !value.is_empty());
        read(place, line.trim(), fields.map(|(column, value)| Ok((*column, value))), context)
    }))
}

fn cells(line: &str, separator: char) -> impl Iterator<Item = &str> {
    line.split(separator).map(|cell| cell.trim().trim_matches('"').trim())
}

/// All points, or all that is wrong with them.
fn all(points: impl Iterator<Item = Result<Point, Problem>>) -> Result<Vec<Point>, Vec<Problem>> {
    let (mut good, mut problems) = (Vec::new(), Vec::new());
    for point in points.take(MOST_POINTS + 1) {
        match point {
            Ok(point) => good.push(point),
            Err(problem) => problems.push(problem),
        }
    }
    if good.len() + problems.len() > MOST_POINTS {
        let invalid = Invalid::new(
            format!("more than {MOST_POINTS} points"),
            "write one point for each steady load: the mean of a few minutes",
        );
        problems.truncate(0);
        problems.push(Problem { place: "the points".to_owned(), invalid });
    }
    if problems.is_empty() { Ok(good) } else { Err(problems) }
}

/// A point of `fields`.
fn read<'a>(
    place: String,
    text: &str,
    fields: impl Iterator<Item = Result<(&'a str, &'a str), Invalid>>,
    context: &Context,
) -> Result<Point, Problem> {
    let mut point = Point {
        place,
        text: text.to_owned(),
        users: None,
        rps: None,
        in_flight: None,
        replicas: 1.0,
        percentiles: Vec::new(),
        mean_s: None,
        cpu_cores: None,
    };
    let filled = fill(&mut point, fields, context).and_then(|()| check(&point));
    match filled {
        Ok(()) => Ok(point),
        Err(invalid) => Err(Problem { place: point.place, invalid }),
    }
}

fn fill<'a>(
    point: &mut Point,
    fields: impl Iterator<Item = Result<(&'a str, &'a str), Invalid>>,
    context: &Context,
) -> Result<(), Invalid> {
    let mut seen: Vec<&str> = Vec::new();
    let mut think_s = None;
    for field in fields {
        let (column, value) = field?;
        let (key, unit) = unit_of(column);
        if seen.contains(&key) {
            return Err(Invalid::new(format!("`{key}` is there twice"), "write each value once"));
        }
        seen.push(key);
        match key {
            "users" => {
                let count = count(key, value)?;
                point.users = Some(Users { count, think_s: None });
            }
            "replicas" => point.replicas = count(key, value)?,
            "rps" => point.rps = Some(number(key, value)?),
            "in_flight" => point.in_flight = Some(number(key, value)?),
            "think" => think_s = Some(time(key, value, unit)?),
            "mean" => point.mean_s = Some(response(key, value, unit)?),
            "cpu" => point.cpu_cores = Some(cores(value, context.cpu_request)?),
            _ => {
                let percent = key.strip_prefix('p').and_then(|it| it.parse::<f64>().ok());
                let Some(percent) = percent.filter(|it| *it > 0.0 && *it < 100.0) else {
                    let help = format!("a point may say {KEYS}");
                    return Err(Invalid::new(format!("`{column}` is no part of a point"), help));
                };
                point.percentiles.push((percent, response(key, value, unit)?));
            }
        }
    }
    point.percentiles.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    match (&mut point.users, think_s) {
        (Some(users), _) => users.think_s = think_s.or(context.think_s),
        (None, Some(_)) => {
            return Err(Invalid::new(
                "`think` without `users`",
                "say how many users there were, or leave `think` out: a rate of requests has none",
            ));
        }
        (None, None) => {}
    }
    Ok(())
}

/// `p95_ms` is `p95` in milliseconds.
fn unit_of(column: &str) -> (&str, Option<&'static str>) {
    let known = |key: &str| matches!(key, "mean" | "think") || key.starts_with('p');
    for (suffix, unit) in [("_ms", "ms"), ("_s", "s")] {
        if let Some(key) = column.strip_suffix(suffix).filter(|key| known(key)) {
            return (key, Some(unit));
        }
    }
    match column {
        "inflight" => ("in_flight", None),
        "think_time" => ("think", None),
        column => (column, None),
    }
}

fn number(key: &str, value: &str) -> Result<f64, Invalid> {
    let found = value.parse::<f64>().ok().filter(|it| it.is_finite() && *it > 0.0 && *it <= 1e9);
    found.ok_or_else(|| {
        Invalid::new(
            format!("`{key}={value}` is no number above 0"),
            format!("write a plain number, such as `{key}=95`, or leave `{key}` out"),
        )
    })
}

fn count(key: &str, value: &str) -> Result<f64, Invalid> {
    let found = value.parse::<u32>().ok().filter(|it| *it > 0);
    found.map(f64::from).ok_or_else(|| {
        Invalid::new(
            format!("`{key}={value}` is no whole number above 0"),
            format!("write how many there were, such as `{key}=3`"),
        )
    })
}

/// A time in seconds.
fn time(key: &str, value: &str, unit: Option<&str>) -> Result<f64, Invalid> {
    let written = unit.map_or_else(|| value.to_owned(), |unit| format!("{value}{unit}"));
    let parsed = Duration::parse(&written).map_err(|invalid| Invalid {
        message: format!("`{key}={value}`: {}", invalid.message),
        help: invalid.help.replace('"', ""),
    })?;
    let seconds = parsed.seconds().to_f64().unwrap_or_default();
    if seconds > 86_400.0 {
        let message = format!("`{key}={value}` is longer than a day");
        return Err(Invalid::new(message, "check the unit"));
    }
    Ok(seconds)
}

fn response(key: &str, value: &str, unit: Option<&str>) -> Result<f64, Invalid> {
    let seconds = time(key, value, unit)?;
    if seconds <= 0.0 {
        return Err(Invalid::new(
            format!("`{key}={value}`: no request takes no time"),
            format!("write what was measured, or leave `{key}` out"),
        ));
    }
    Ok(seconds)
}

fn cores(value: &str, request: Option<f64>) -> Result<f64, Invalid> {
    let of = |text: &str| number("cpu", text);
    if let Some(percent) = value.strip_suffix('%') {
        let Some(request) = request else {
            return Err(Invalid::new(
                format!("`cpu={value}` is a part of a CPU request that nobody told"),
                "add `--cpu-request 500m`, or write what a pod uses in cores, such as `cpu=60m`",
            ));
        };
        return Ok(of(percent)? / 100.0 * request);
    }
    match value.strip_suffix('m') {
        Some(milli) => Ok(of(milli)? / 1000.0),
        None => of(value),
    }
}

/// What contradicts itself.
fn check(point: &Point) -> Result<(), Invalid> {
    let Point { users, rps, in_flight, replicas, percentiles, mean_s, cpu_cores, .. } = point;
    if users.is_none() && rps.is_none() && in_flight.is_none() {
        return Err(Invalid::new(
            "it says no load",
            "add `users`, `rps`, or `in_flight`, the requests in flight in one pod",
        ));
    }
    let loads = [users.is_some(), rps.is_some(), in_flight.is_some()];
    let known = loads.into_iter().filter(|known| *known).count();
    if percentiles.is_empty() && mean_s.is_none() && cpu_cores.is_none() && known < 2 {
        return Err(Invalid::new(
            "it says nothing that was measured",
            "add a percentile such as `p95=900ms`, `mean`, `cpu`, or beside `users` the `rps` that were served",
        ));
    }
    for pair in percentiles.windows(2) {
        let [(low, below), (high, above)] = pair else { continue };
        if above < below {
            return Err(Invalid::new(
                format!("p{high} ({above} s) is below p{low} ({below} s)"),
                format!(
                    "a higher percentile is never lower: have p{low} and p{high} changed places, or units?"
                ),
            ));
        }
    }
    if let Some(mean) = mean_s {
        if let Some((percent, value)) =
            percentiles.iter().find(|(p, value)| *p >= 90.0 && value < mean)
        {
            return Err(Invalid::new(
                format!("the mean ({mean} s) is above p{percent} ({value} s)"),
                "a few time-outs or a cold start make such a mean; leave `mean` out, or the start of the run",
            ));
        }
        // Markov's inequality.
        let over = percentiles.iter().find(|(p, value)| value * (1.0 - p / 100.0) > *mean);
        if let Some((percent, value)) = over {
            return Err(Invalid::new(
                format!("p{percent} ({value} s) is impossible with a mean of {mean} s"),
                "check the units, and that both are of the same run",
            ));
        }
    }
    let Some(Users { count, think_s }) = users else { return Ok(()) };
    if let Some(all) = in_flight.map(|it| it * replicas).filter(|all| *all > count * (1.0 + SLACK))
    {
        return Err(Invalid::new(
            format!("{all} requests are in flight, and {count} users have at most one each"),
            "`in_flight` is of one pod, `users` of all pods: divide by `replicas`",
        ));
    }
    if let Some(rps) = rps {
        offered(*count, *think_s, *rps, point)?;
    }
    Ok(())
}

/// Whether `users` can offer `rps`, and offer no more: `N = X(Z + R)`.
fn offered(users: f64, think_s: Option<f64>, rps: f64, point: &Point) -> Result<(), Invalid> {
    // A mean is at least the part of it that the slowest requests make.
    let slowest = point.percentiles.iter().map(|(p, value)| value * (1.0 - p / 100.0));
    let least = point.mean_s.unwrap_or_else(|| slowest.fold(0.0, f64::max));
    let pause = think_s.unwrap_or(0.0);
    let most = users / (pause + least);
    if rps > most * (1.0 + SLACK) {
        return Err(Invalid::new(
            format!(
                "{rps} requests per second are more than {users} users can send: at most {most:.1}, one every {} s",
                short(pause + least)
            ),
            "check `users`, `rps` (of all pods), `think`, and the units of the responses",
        ));
    }
    if let (Some(pause), Some(mean)) = (think_s, point.mean_s)
        && rps < users / (pause + mean) * (1.0 - 3.0 * SLACK)
    {
        let sent = users / (pause + mean);
        return Err(Invalid::new(
            format!(
                "{users} users who pause for {} s send {sent:.1} requests per second, not {rps}",
                short(pause)
            ),
            "check `users`, `rps` (of all pods) and `think`; leave out the time in which users were still starting",
        ));
    }
    Ok(())
}

/// Three digits of a number.
fn short(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
