//! The picture: charts above each other, with one axis of time and the stages of the load.

use super::Shown;
use super::course::{area, buckets, saturation, span_s, steps};
use super::legend::{Key, Look, ROW, fitted, legend, width};
use super::markup::{Element, place};
use super::panels::{Level, Panel, panels};
use super::scale::{Clock, Scale, times};
use super::style;
use crate::simulate::load::Unit;
use crate::simulate::shown::{amount, latency, quantile, range, time};
use crate::simulate::summary::{Minute, Quantile, Stage};

/// What is drawn on, in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Canvas {
    /// Its class beside that of all pictures; what has an id in it begins with it.
    id: &'static str,
    width: f64,
    /// Where lines begin and end, unless what stands beside them needs more room.
    left: f64,
    right: f64,
    /// The most ticks of time that do not run into each other.
    times: f64,
    /// True if it says what it shows: a page has a title elsewhere.
    titled: bool,
    /// True if it brings its style and what tells figures to a pointer.
    whole: bool,
}

impl Canvas {
    /// Of a file of its own.
    pub(super) const FILE: Self = Self { titled: true, ..Self::PAGE };

    /// On a page on a broad screen.
    pub(super) const PAGE: Self = Self {
        id: "broad",
        width: 960.0,
        left: 56.0,
        right: 868.0,
        times: 12.0,
        titled: false,
        whole: true,
    };

    /// On the same page on a narrow screen, where the other would be too small to read.
    pub(super) const PHONE: Self = Self {
        id: "narrow",
        width: 368.0,
        left: 40.0,
        right: 320.0,
        times: 6.0,
        titled: false,
        whole: false,
    };

    /// With room for what stands beside `panels`.
    fn beside(mut self, panels: &[Panel]) -> Self {
        let room = |label: &str| width(label, 11.0) + 9.0;
        for panel in panels {
            for (_, label) in panel.axis.ticks(panel.unit) {
                self.left = self.left.max(room(&label));
            }
            let levels = panel.levels.iter().map(|level| level.label.clone());
            let ticks = panel.right.iter().flat_map(|(axis, _)| axis.ticks(1.0));
            let units = panel.right.iter().map(|(_, unit)| (*unit).to_owned());
            for label in levels.chain(ticks.map(|(_, label)| label)).chain(units) {
                self.right = self.right.min(self.width - room(&label));
            }
        }
        self
    }
}

const PANEL: f64 = 150.0;
const BAND: f64 = 20.0;

/// More spots to hover over would be hard to hit.
const MOST_SPOTS: usize = 240;

/// The frame that all charts of a picture share.
struct Frame {
    canvas: Canvas,
    x: Scale,
    end_s: f64,
    times: Vec<(f64, String)>,
}

/// All of it.
pub(super) fn picture(shown: &Shown<'_>, canvas: Canvas) -> Element {
    let end_s = span_s(shown.summary);
    let panels = panels(shown);
    let canvas = canvas.beside(&panels);
    let x = Scale::new(end_s, canvas.left, canvas.right);
    let frame = Frame { canvas, x, end_s, times: times(end_s, canvas.times) };
    let title = title(shown);
    let mut parts = Vec::new();
    let mut top = 6.0;
    if canvas.titled {
        let line = |class: &str, y, text: &str, size| {
            let text = fitted(text, size, canvas.width - 2.0 * canvas.left);
            Element::new("text").with("class", class).at("x", canvas.left).at("y", y).text(text)
        };
        parts.push(line("ink title", 30.0, &title, 18.0));
        parts.push(line("muted", 49.0, &in_short(shown), 12.0));
        top = 62.0;
    }
    parts.push(stages(shown, top, &frame));
    top += BAND + 10.0;
    let first = top;
    let mut bottom = top;
    for panel in panels {
        let element;
        (element, bottom) = draw(shown, panel, top, &frame);
        parts.push(element);
        top = bottom + 14.0;
    }
    parts.push(axis_of_time(&frame, bottom));
    parts.extend(canvas.whole.then(|| spots(shown, &frame, first, bottom)));
    let height = bottom + 48.0;
    let id = |name: &str| format!("slogen-{name}-{}", canvas.id);
    Element::new("svg")
        .with("xmlns", "http://www.w3.org/2000/svg")
        .with("viewBox", format!("0 0 {} {}", place(canvas.width), place(height)))
        .at("width", canvas.width)
        .at("height", height)
        .with("class", format!("slogen {}", canvas.id))
        .with("role", "img")
        .with("aria-labelledby", format!("{} {}", id("title"), id("description")))
        .child(Element::new("title").with("id", id("title")).text(title))
        .child(Element::new("desc").with("id", id("description")).text(description(shown)))
        .children(canvas.whole.then(|| Element::new("style").text(style::picture())))
        .child(Element::new("defs").child(hatch(id("hatch"))))
        .child(rect((0.0, 0.0), (canvas.width, height)).with("class", "ground fill"))
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
    let load = range(offered, amount).unwrap_or_else(|| amount(0.0));
    let replicas = [total.replicas_min, total.replicas_max].map(f64::from);
    let replicas = range(replicas.into_iter(), amount).unwrap_or_default();
    let word = if replicas == "1" { "replica" } else { "replicas" };
    format!("{} with {load} {}: {replicas} {word}", time(total.to_s), per(shown.unit))
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

/// What `.hatch` is filled with.
fn hatch(id: String) -> Element {
    Element::new("pattern")
        .with("id", id)
        .with("class", "target")
        .with("patternUnits", "userSpaceOnUse")
        .with("width", "6")
        .with("height", "6")
        .child(Element::new("path").with("class", "thin").with("d", "M-1 7L7 -1M-1 1L1 -1M5 7L7 5"))
}

/// A chart from `top` on, and where it ends.
fn draw(shown: &Shown<'_>, panel: Panel, top: f64, frame: &Frame) -> (Element, f64) {
    let Frame { canvas: Canvas { left, right: end, .. }, x, end_s, .. } = *frame;
    let baseline = top + 13.0;
    let mut keys: Vec<Key> = panel.lines.iter().map(|line| line.key.clone()).collect();
    keys.extend(panel.keys);
    // Bold text is a tenth wider.
    let title_width = 1.1 * width(&panel.title, 13.0) + 16.0;
    let (legend, rows) = legend(&keys, left + title_width, end, baseline);
    let start = top + f64::from(rows) * ROW + 7.0;
    let bottom = start + PANEL;
    let y = Scale::new(panel.axis.top(), bottom, start);

    let mut group = Element::new("g").with("class", panel.class);
    group = group.child(text("ink head", left, baseline, panel.title)).child(legend);
    let mut grid = Element::new("g").with("class", "grid axis");
    for (at_s, _) in &frame.times {
        let x = x.place(*at_s);
        grid = grid.child(line((x, start), (x, bottom), "thin"));
    }
    for (value, label) in panel.axis.ticks(panel.unit) {
        let y = y.place(value);
        grid = grid.child(line((left, y), (end, y), "thin"));
        grid = grid.child(text("muted small end tick", left - 7.0, y + 4.0, label));
    }
    let right = panel.right.map(|(axis, unit)| (Scale::new(axis.top(), bottom, start), axis, unit));
    if let Some((y, axis, unit)) = &right {
        grid = grid.child(text("muted small", end + 7.0, baseline, *unit));
        for (value, label) in axis.ticks(1.0) {
            grid = grid.child(text("muted small tick", end + 7.0, y.place(value) + 4.0, label));
        }
    }
    group = group.child(grid).children(boundaries(shown, x, start, bottom));
    if panel.hatched {
        group = group.children(hatches(shown, x, end_s, start));
    }
    for drawn in &panel.lines {
        let y = match &right {
            Some((right, ..)) if drawn.right => *right,
            _ => y,
        };
        let look = drawn.key.look;
        let mut part = Element::new("g").with("class", drawn.key.class);
        if matches!(look, Look::Area | Look::Broad) {
            let path = area(&drawn.points, x, y, end_s);
            part = part.child(Element::new("path").with("class", "area").with("d", path));
        }
        let path = steps(&drawn.points, x, y, end_s);
        group = group
            .child(part.child(Element::new("path").with("class", look.class()).with("d", path)));
    }
    group = group.children(levels(&panel.levels, y, (left, end)));
    (group.child(line((left, bottom), (end, bottom), "edge thin")), bottom)
}

/// Labels closer than this run into each other.
const APART: f64 = 12.0;

/// Levels with their labels beside the chart, highest first.
fn levels(levels: &[Level], y: Scale, (left, right): (f64, f64)) -> Vec<Element> {
    let mut sorted: Vec<&Level> = levels.iter().collect();
    sorted.sort_by(|one, two| two.value.total_cmp(&one.value));
    let mut free = f64::NEG_INFINITY;
    let draw = |level: &Level| {
        let y = y.place(level.value);
        let baseline = (y + 4.0).max(free);
        free = baseline + APART;
        let across = line((left, y), (right, y), level.look.class());
        let label = text("small", right + 7.0, baseline, level.label.as_str());
        Element::new("g").with("class", format!("{} level", level.class)).child(across).child(label)
    };
    sorted.into_iter().map(draw).collect()
}

/// Stretches of which no latency is known, as high as a chart.
fn hatches(shown: &Shown<'_>, x: Scale, end_s: f64, top: f64) -> Vec<Element> {
    let stretches = saturation(&shown.summary.minutes, 1.0 / x.unit, end_s);
    let draw = |(from_s, to_s): (f64, f64)| {
        let (from, to) = (x.place(from_s), x.place(to_s));
        let title = format!(
            "saturated from {} to {}: beyond what the model can tell",
            time(from_s),
            time(to_s)
        );
        rect((from, top), ((to - from).max(1.0), PANEL))
            .with("class", "saturated hatch")
            .child(Element::new("title").text(title))
    };
    stretches.into_iter().map(draw).collect()
}

/// Narrower than this, the line at its start would hide a stage.
const NARROW: f64 = 4.0;

/// Where stages begin, across a chart.
fn boundaries(shown: &Shown<'_>, x: Scale, top: f64, bottom: f64) -> Vec<Element> {
    let wide = |stage: &&Stage| x.place(stage.to_s) - x.place(stage.from_s) >= NARROW;
    let line_at = |at: f64| line((at, top), (at, bottom), "edge thin stage");
    let later = shown.summary.stages.iter().skip(1).filter(wide);
    later.map(|stage| line_at(x.place(stage.from_s))).collect()
}

/// The names of the stages.
fn stages(shown: &Shown<'_>, top: f64, frame: &Frame) -> Element {
    let mut group = Element::new("g").with("class", "stages");
    for (at, stage) in shown.summary.stages.iter().enumerate() {
        let (from, to) = (frame.x.place(stage.from_s), frame.x.place(stage.to_s));
        let title = format!("{}: {} to {}", stage.name, time(stage.from_s), time(stage.to_s));
        let shade = if at % 2 == 0 { "muted area" } else { "grid area" };
        let name = fitted(&stage.name, 11.0, to - from - 8.0);
        let field = rect((from, top), (to - from, BAND)).with("class", shade);
        let mut part = Element::new("g").child(Element::new("title").text(title)).child(field);
        if !name.is_empty() {
            part = part.child(text("ink small middle", f64::midpoint(from, to), top + 14.0, name));
        }
        group = group.child(part);
    }
    group
}

fn axis_of_time(frame: &Frame, bottom: f64) -> Element {
    let tick = |(at_s, label): &(f64, String)| {
        let x = frame.x.place(*at_s);
        let mark = line((x, bottom), (x, bottom + 4.0), "edge thin");
        [mark, text("muted small middle tick", x, bottom + 17.0, label.as_str())]
    };
    let middle = f64::midpoint(frame.canvas.left, frame.canvas.right);
    let clock = Clock::of(frame.end_s);
    let title = text("muted small middle", middle, bottom + 36.0, clock.title());
    let ticks = frame.times.iter().flat_map(tick);
    Element::new("g").with("class", "axis time").children(ticks).child(title)
}

/// Spots that tell their figures when the pointer is over them.
fn spots(shown: &Shown<'_>, frame: &Frame, top: f64, bottom: f64) -> Element {
    let spot = |(from_s, to_s, minutes): (f64, f64, &[Minute])| {
        let (from, to) = (frame.x.place(from_s), frame.x.place(to_s));
        let title = figures(shown, from_s, to_s, minutes);
        rect((from, top), (to - from, bottom - top))
            .with("class", "hit")
            .child(Element::new("title").text(title))
    };
    let spots = buckets(&shown.summary.minutes, MOST_SPOTS, frame.end_s).into_iter().map(spot);
    Element::new("g").with("class", "ink spots").children(spots)
}

fn figures(shown: &Shown<'_>, from_s: f64, to_s: f64, minutes: &[Minute]) -> String {
    let of = |of: fn(&Minute) -> f64| range(minutes.iter().map(of), amount).unwrap_or_default();
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
