//! The picture: charts above each other, with one axis of time and the stages of the load.

use super::Shown;
use super::course::{area, buckets, saturation, span_s, steps};
use super::figures::{count, latency, quantile, range};
use super::legend::{HATCH, Key, Look, ROW, fitted, legend, width};
use super::markup::{Element, place};
use super::panels::{Level, Panel, panels};
use super::scale::{Clock, Scale, times};
use super::style;
use crate::simulate::load::Unit;
use crate::simulate::shown::time;
use crate::simulate::summary::{Minute, Quantile, Stage};

/// The canvas in pixels, and what of it is for lines.
const WIDTH: f64 = 960.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 868.0;
const PANEL: f64 = 150.0;
const BAND: f64 = 20.0;

/// More spots to hover over would be hard to hit.
const MOST_SPOTS: usize = 240;

/// All of it; `titled` with a title to see, which a page has elsewhere.
pub(super) fn picture(shown: &Shown<'_>, titled: bool) -> Element {
    let end_s = span_s(shown.summary);
    let x = Scale::new(end_s, LEFT, RIGHT);
    let title = title(shown);
    let mut parts = Vec::new();
    let mut top = 6.0;
    if titled {
        let line = |class: &str, y, text: &str, size| {
            let text = fitted(text, size, WIDTH - 2.0 * LEFT);
            Element::new("text").with("class", class).at("x", LEFT).at("y", y).text(text)
        };
        parts.push(line("ink title", 30.0, &title, 18.0));
        parts.push(line("muted", 49.0, &in_short(shown), 12.0));
        top = 62.0;
    }
    let band = top;
    top += BAND + 10.0;
    let first = top;
    let times = times(end_s);
    let mut drawn = Vec::new();
    for panel in panels(shown) {
        let stretches = if panel.hatched { hatches(shown, x, end_s) } else { Vec::new() };
        let (element, bottom) = draw(panel, top, x, end_s, &times, stretches);
        drawn.push(element);
        top = bottom + 14.0;
    }
    let bottom = top - 14.0;
    parts.push(stages(shown, band, bottom, x));
    parts.extend(drawn);
    parts.push(axis_of_time(&times, x, bottom, Clock::of(end_s)));
    parts.push(spots(shown, x, end_s, first, bottom));
    let height = bottom + 48.0;
    Element::new("svg")
        .with("xmlns", "http://www.w3.org/2000/svg")
        .with("viewBox", format!("0 0 {} {}", place(WIDTH), place(height)))
        .at("width", WIDTH)
        .at("height", height)
        .with("class", "slogen")
        .with("role", "img")
        .with("aria-labelledby", "slogen-title slogen-description")
        .child(Element::new("title").with("id", "slogen-title").text(title))
        .child(Element::new("desc").with("id", "slogen-description").text(description(shown)))
        .child(Element::new("style").text(style::picture()))
        .child(Element::new("defs").child(hatch()))
        .child(rect((0.0, 0.0), (WIDTH, height)).with("class", "ground fill"))
        .children(parts)
}

/// What stands above it.
pub(super) fn title(shown: &Shown<'_>) -> String {
    format!("{} under load", shown.name)
}

/// The run in one line.
pub(super) fn in_short(shown: &Shown<'_>) -> String {
    let total = &shown.summary.total;
    let offered = shown.summary.minutes.iter().map(|minute| minute.offered);
    let load = range(offered, count).unwrap_or_else(|| count(0.0));
    let (least, most) = (total.replicas_min, total.replicas_max);
    let pods = if least == most { least.to_string() } else { format!("{least} to {most}") };
    let word = if pods == "1" { "replica" } else { "replicas" };
    format!("{} with {load} {}: {pods} {word}", time(total.to_s), per(shown.unit))
}

/// What those who do not see the picture read.
fn description(shown: &Shown<'_>) -> String {
    let goals = shown.goals.iter().zip(&shown.summary.total.goals).map(|(goal, reached)| {
        let above = match reached.above_s {
            above_s if above_s > 0.0 => format!("above it for {}", time(above_s)),
            _ => "never above it".to_owned(),
        };
        format!(
            " {}: {} in the worst minute; the target is {}, {above}.",
            goal.short,
            quantile(reached.worst),
            latency(goal.below_s),
        )
    });
    let order = " From top to bottom: load and throughput, replicas and ready pods, latency and its targets.";
    format!("{}.{}{order}", in_short(shown), goals.collect::<String>())
}

fn per(unit: Unit) -> &'static str {
    match unit {
        Unit::Users => "users",
        Unit::Rps => "requests/s",
    }
}

fn rect((x, y): (f64, f64), (width, height): (f64, f64)) -> Element {
    Element::new("rect").at("x", x).at("y", y).at("width", width).at("height", height)
}

fn line((x1, y1): (f64, f64), (x2, y2): (f64, f64), class: impl Into<String>) -> Element {
    Element::new("line")
        .with("class", class.into())
        .at("x1", x1)
        .at("y1", y1)
        .at("x2", x2)
        .at("y2", y2)
}

fn text(class: &str, x: f64, y: f64, text: impl Into<String>) -> Element {
    Element::new("text").with("class", class).at("x", x).at("y", y).text(text)
}

fn hatch() -> Element {
    Element::new("pattern")
        .with("id", "slogen-hatch")
        .with("class", "target")
        .with("patternUnits", "userSpaceOnUse")
        .with("width", "6")
        .with("height", "6")
        .child(Element::new("path").with("class", "thin").with("d", "M-1 7L7 -1M-1 1L1 -1M5 7L7 5"))
}

/// A chart from `top` on, and where it ends.
fn draw(
    panel: Panel,
    top: f64,
    x: Scale,
    end_s: f64,
    times: &[(f64, String)],
    hatches: Vec<Element>,
) -> (Element, f64) {
    let baseline = top + 13.0;
    let mut keys: Vec<Key> = panel.lines.iter().map(|line| line.key.clone()).collect();
    keys.extend(panel.keys);
    let title_width = width(&panel.title, 13.0) + 16.0;
    let (legend, rows) = legend(&keys, LEFT + title_width, WIDTH - 8.0, baseline);
    let start = top + f64::from(rows) * ROW + 7.0;
    let bottom = start + PANEL;
    let y = Scale::new(panel.axis.top(), bottom, start);
    let right = panel.right.as_ref().map(|axis| (axis, Scale::new(axis.top(), bottom, start)));

    let mut group = Element::new("g").with("class", panel.class);
    group = group.child(text("ink head", LEFT, baseline, panel.title)).child(legend);
    let mut grid = Element::new("g").with("class", "grid axis");
    for (at_s, _) in times {
        let x = x.place(*at_s);
        grid = grid.child(line((x, start), (x, bottom), "thin"));
    }
    for (value, label) in panel.axis.ticks(panel.unit) {
        let y = y.place(value);
        grid = grid.child(line((LEFT, y), (RIGHT, y), "thin"));
        grid = grid.child(text("muted small end tick", LEFT - 7.0, y + 4.0, label));
    }
    if let Some((axis, y)) = &right {
        for (value, label) in axis.ticks(1.0) {
            grid = grid.child(text("muted small tick", RIGHT + 7.0, y.place(value) + 4.0, label));
        }
    }
    group = group.child(grid).children(hatches_within(hatches, start));
    for drawn in &panel.lines {
        let y = match &right {
            Some((_, right)) if drawn.right => *right,
            _ => y,
        };
        let look = drawn.key.look;
        let mut part = Element::new("g").with("class", drawn.key.class);
        if look == Look::Area {
            let path = area(&drawn.points, x, y, end_s);
            part = part.child(Element::new("path").with("class", "area").with("d", path));
        }
        let path = steps(&drawn.points, x, y, end_s);
        group = group
            .child(part.child(Element::new("path").with("class", look.class()).with("d", path)));
    }
    group = group.children(levels(&panel.levels, y));
    (group.child(line((LEFT, bottom), (RIGHT, bottom), "edge thin")), bottom)
}

/// Labels closer than this run into each other.
const APART: f64 = 12.0;

/// Levels with their labels beside the chart, highest first.
fn levels(levels: &[Level], y: Scale) -> Vec<Element> {
    let mut sorted: Vec<&Level> = levels.iter().collect();
    sorted.sort_by(|one, two| two.value.total_cmp(&one.value));
    let mut free = f64::NEG_INFINITY;
    let draw = |level: &Level| {
        let y = y.place(level.value);
        let baseline = (y + 4.0).max(free);
        free = baseline + APART;
        let across = line((LEFT, y), (RIGHT, y), level.look.class());
        let label = text("small", RIGHT + 7.0, baseline, level.label.as_str());
        Element::new("g").with("class", format!("{} level", level.class)).child(across).child(label)
    };
    sorted.into_iter().map(draw).collect()
}

/// Stretches of which no latency is known, as high as a chart.
fn hatches(shown: &Shown<'_>, x: Scale, end_s: f64) -> Vec<Element> {
    let stretches = saturation(&shown.summary.minutes, 1.0 / x.unit, end_s);
    let draw = |(from_s, to_s): (f64, f64)| {
        let (from, to) = (x.place(from_s), x.place(to_s));
        let title = format!(
            "saturated from {} to {}: beyond what the model can tell",
            time(from_s),
            time(to_s)
        );
        Element::new("rect")
            .with("class", "saturated")
            .with("fill", HATCH)
            .at("x", from)
            .at("width", (to - from).max(1.0))
            .at("height", PANEL)
            .child(Element::new("title").text(title))
    };
    stretches.into_iter().map(draw).collect()
}

fn hatches_within(hatches: Vec<Element>, start: f64) -> impl Iterator<Item = Element> {
    hatches.into_iter().map(move |hatch| hatch.at("y", start))
}

/// Narrower than this, the line at its start would hide a stage.
const NARROW: f64 = 4.0;

/// The names of the stages, and where each begins.
fn stages(shown: &Shown<'_>, band: f64, bottom: f64, x: Scale) -> Element {
    let mut group = Element::new("g").with("class", "stages");
    for (at, stage) in shown.summary.stages.iter().enumerate() {
        let (from, to) = (x.place(stage.from_s), x.place(stage.to_s));
        let title = format!("{}: {} to {}", stage.name, time(stage.from_s), time(stage.to_s));
        let shade = if at % 2 == 0 { "muted area" } else { "grid area" };
        let name = fitted(&stage.name, 11.0, to - from - 8.0);
        let field = rect((from, band), (to - from, BAND)).with("class", shade);
        let mut part = Element::new("g").child(Element::new("title").text(title)).child(field);
        if !name.is_empty() {
            part = part.child(text("ink small middle", f64::midpoint(from, to), band + 14.0, name));
        }
        if at > 0 && to - from >= NARROW {
            part = part.child(line((from, band), (from, bottom), "edge thin"));
        }
        group = group.child(part);
    }
    group
}

fn axis_of_time(times: &[(f64, String)], x: Scale, bottom: f64, clock: Clock) -> Element {
    let tick = |(at_s, label): &(f64, String)| {
        let x = x.place(*at_s);
        let mark = line((x, bottom), (x, bottom + 4.0), "edge thin");
        [mark, text("muted small middle tick", x, bottom + 17.0, label.as_str())]
    };
    let title =
        text("muted small middle", f64::midpoint(LEFT, RIGHT), bottom + 36.0, clock.title());
    Element::new("g").with("class", "axis time").children(times.iter().flat_map(tick)).child(title)
}

/// Spots that tell their figures when the pointer is over them.
fn spots(shown: &Shown<'_>, x: Scale, end_s: f64, top: f64, bottom: f64) -> Element {
    let spot = |(from_s, to_s, minutes): (f64, f64, &[Minute])| {
        let (from, to) = (x.place(from_s), x.place(to_s));
        let title = figures(shown, from_s, to_s, minutes);
        rect((from, top), (to - from, bottom - top))
            .with("class", "hit")
            .child(Element::new("title").text(title))
    };
    let spots = buckets(&shown.summary.minutes, MOST_SPOTS, end_s).into_iter().map(spot);
    Element::new("g").with("class", "ink spots").children(spots)
}

fn figures(shown: &Shown<'_>, from_s: f64, to_s: f64, minutes: &[Minute]) -> String {
    let of = |of: fn(&Minute) -> f64| range(minutes.iter().map(of), count).unwrap_or_default();
    let within = |stage: &&Stage| stage.from_s <= from_s && from_s < stage.to_s;
    let stage = shown.summary.stages.iter().find(within).map(|stage| stage.name.as_str());
    let mut lines = vec![format!("{} to {}", time(from_s), time(to_s))];
    if let (Some(first), Some(stage)) = (lines.first_mut(), stage) {
        first.push_str(": ");
        first.push_str(stage);
    }
    lines.push(format!("load: {} {}", of(|minute| minute.offered), per(shown.unit)));
    lines.push(format!("throughput: {} requests/s", of(|minute| minute.throughput)));
    if minutes.iter().any(|minute| minute.failed > 0.0) {
        lines.push(format!("failed: {} requests/s", of(|minute| minute.failed)));
    }
    lines.push(format!(
        "replicas: {}, ready: {}",
        of(|minute| f64::from(minute.replicas)),
        of(|minute| f64::from(minute.ready))
    ));
    for (at, goal) in shown.goals.iter().enumerate() {
        let quantiles = || minutes.iter().filter_map(|minute| minute.latency.get(at));
        let seconds = quantiles().filter_map(|quantile| match quantile {
            Quantile::Seconds(seconds) => Some(*seconds),
            Quantile::Idle | Quantile::Saturated => None,
        });
        let saturated = quantiles().any(|quantile| *quantile == Quantile::Saturated);
        let figure = match (range(seconds.clone(), latency), saturated) {
            (Some(range), true) => format!("{range}, at times saturated"),
            (Some(range), false) => range,
            (None, true) => "saturated".to_owned(),
            (None, false) => "no requests".to_owned(),
        };
        lines.push(format!("{}: {figure} (target < {})", goal.short, latency(goal.below_s)));
    }
    lines.join("\n")
}
