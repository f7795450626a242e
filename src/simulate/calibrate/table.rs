//! What a calibration prints: the section for slo.toml, and how well it fits.

use std::fmt::Write as _;

use super::super::latency::{BAND, MOST_UTILISATION};
use super::fit::{Fit, Found, HALF_LOAD, Residual};
use super::points::Point;

/// Above this a fit describes the points badly: the band of the model itself.
const BAD: f64 = BAND;

/// The `[simulate]` section: what is an assumption says so, and what cannot be assumed is left for the user to write.
pub fn section(fit: &Fit) -> String {
    let idle = format!("no point is above {} % of a pod's capacity", HALF_LOAD * 100.0);
    let split = "only its sum with the other times is known";
    let mut text = "[simulate]\n".to_owned();
    let mut line = |key: &str, value: String, note: String| {
        let _ = writeln!(text, "{key} = {value} # {note}");
    };
    let why = if fit.busiest < HALF_LOAD { idle.as_str() } else { split };
    let (service, floor, cv) = (&fit.service_s, &fit.floor_s, &fit.floor_cv);
    line("service_time", quoted(service.value), note(service, shown_time, why));
    line("floor", quoted(floor.value), note(floor, shown_time, split));
    let why = "one user's `p50` and `p95` tell";
    line("floor_variation", digits(cv.value), note(cv, digits, why));
    let whole = |servers: f64| digits(servers.round());
    let servers = whole(fit.servers.value);
    let why = "take the workers, or the CPU limit in cores if CPU is short";
    if fit.servers_given {
        line("concurrency", servers, "as given".to_owned());
    } else if fit.busiest < HALF_LOAD {
        line("# concurrency", servers, format!("unknown: {idle}; {why}"));
    } else {
        line("concurrency", servers, note(&fit.servers, whole, why));
    }
    match &fit.cpu_s {
        Some(cpu) => line("cpu_per_request", quoted(cpu.value), cpu_note(cpu)),
        None => line(
            "# cpu_per_request",
            quoted(service.value),
            "unknown: no point says `cpu`".to_owned(),
        ),
    }
    if let Some(think) = &fit.think_s {
        let why = "say it with `--think-time`";
        line("think_time", quoted(think.value), note(think, shown_time, why));
    } else if let Some(stated) = fit.stated_think_s {
        line("think_time", quoted(stated), "as stated".to_owned());
    }
    text
}

/// How far the value could be elsewhere, and `why` it is an assumption if it is one.
fn note(found: &Found, shown: impl Fn(f64) -> String, why: &str) -> String {
    let range = format!("{} to {} fit as well", shown(found.low), shown(found.high));
    if found.determined { range } else { format!("assumption: {range}; {why}") }
}

fn cpu_note(cpu: &Found) -> String {
    let (low, high) = (shown_time(cpu.low), shown_time(cpu.high));
    let among = if low == high {
        format!("{low} at the point that says `cpu`")
    } else {
        format!("{low} to {high} at the points that say `cpu`")
    };
    if cpu.determined {
        among
    } else if cpu.value < cpu.low * 0.999 {
        format!("assumption: {among}, more than `service_time` has room for")
    } else if low == high {
        format!("assumption: {among}, and not how many requests used it")
    } else {
        format!("assumption: {among}")
    }
}

fn quoted(seconds: f64) -> String {
    format!("\"{}\"", shown_time(seconds))
}

/// How well the section fits: a line for each measured value, then what to make of it.
pub fn report(fit: &Fit, points: &[Point]) -> String {
    let mut text = String::new();
    for (number, point) in points.iter().enumerate() {
        let _ = writeln!(text, "{} ({}):", point.place, point.text);
        let own: Vec<&Residual> = fit.residuals.iter().filter(|it| it.point == number).collect();
        for residual in &own {
            let saturated = if residual.saturated { " (saturated)" } else { "" };
            let _ = writeln!(
                text,
                "  {:<9} {:>9} measured, {:>9} in the model: {} %{saturated}",
                residual.what,
                shown(&residual.what, residual.measured),
                shown(&residual.what, residual.model),
                signed(residual.error() * 100.0)
            );
        }
        if own.is_empty() {
            let _ = writeln!(text, "  nothing that the model could be compared with");
        }
    }
    // CPU has a note of its own, below.
    let others = fit.residuals.iter().filter(|it| it.what != "cpu" && !it.saturated);
    let worst = others.max_by(|a, b| error(a).total_cmp(&error(b)));
    if let Some(worst) = worst.filter(|worst| error(worst) > BAD) {
        let place = points.get(worst.point).map_or("a point", |point| &point.place);
        let _ = writeln!(
            text,
            "warning: `{}` of {place} is off by more than {:.0} %; such a service is not what the points are of, or they are \
             not of one service, one version and steady load",
            worst.what,
            BAD * 100.0
        );
    }
    let most_s = fit.service_s.value * fit.servers.value;
    if let Some(cpu) = fit.cpu_s.filter(|cpu| cpu.high > most_s * 1.05) {
        let _ = writeln!(
            text,
            "note: `cpu` by requests is up to {}, more than the {} for which one keeps a pod busy: pods use CPU without \
             requests, too; measure `cpu` under load",
            shown_time(cpu.high),
            shown_time(most_s)
        );
    }
    let capacity = &fit.capacity_rps;
    if capacity.determined {
        let _ = writeln!(
            text,
            "note: one pod serves {} requests per second at most ({} to {} fit as well)",
            digits(capacity.value),
            digits(capacity.low),
            digits(capacity.high)
        );
    } else if fit.busiest < HALF_LOAD {
        let _ = writeln!(
            text,
            "note: what one pod serves at most is unknown: the busiest point is at {:.0} % of what it would be. Add a \
             point near saturation: more users, or fewer replicas, until `rps` no longer grows",
            fit.busiest * 100.0
        );
    } else {
        let _ = writeln!(
            text,
            "note: what one pod serves at most is uncertain: {} to {} requests per second fit as well. Add a point \
             near saturation: more users, or fewer replicas, until `rps` no longer grows",
            digits(capacity.low),
            digits(capacity.high)
        );
    }
    let _ = writeln!(
        text,
        "note: the model's own P95 is within {:.0} % of a simulated queue up to {:.0} % utilisation",
        BAND * 100.0,
        MOST_UTILISATION * 100.0
    );
    text
}

/// A whole number with its sign; `0` has none.
fn signed(value: f64) -> String {
    let text = format!("{value:+.0}");
    if matches!(text.as_str(), "+0" | "-0") { "0".to_owned() } else { text }
}

/// How far off a value is, either way.
fn error(residual: &Residual) -> f64 {
    (residual.model / residual.measured).ln().abs()
}

fn shown(what: &str, value: f64) -> String {
    match what {
        "rps" | "in_flight" => digits(value),
        "cpu" => format!("{}m", digits(value * 1000.0)),
        _ => shown_time(value),
    }
}

/// A time with three digits, as slo.toml takes it.
fn shown_time(seconds: f64) -> String {
    let units = [(1.0, "s"), (1e-3, "ms"), (1e-6, "us")];
    // A time of 999.6 ms has three digits as 1 s.
    let unit = units.into_iter().find(|(unit, _)| seconds >= unit * 0.9995);
    match unit {
        Some((unit, name)) => format!("{}{name}", digits(seconds / unit)),
        None => format!("{:.0}ns", seconds * 1e9),
    }
}

/// Three digits, without trailing zeros.
fn digits(value: f64) -> String {
    let places = match value.abs() {
        it if it >= 99.95 => 0,
        it if it >= 9.995 => 1,
        it if it >= 0.9995 => 2,
        _ => 3,
    };
    let text = format!("{value:.places$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}
