//! What the charts of a picture show: load, replicas, latency.

use super::Shown;
use super::course::{Point, course, saturated, seconds};
use super::legend::{Key, Look};
use super::scale::Axis;
use super::style::goal;
use crate::simulate::load::Unit;
use crate::simulate::shown::{latency, pods};

/// A chart.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    /// Its class.
    pub(super) class: &'static str,
    /// What it shows, with the unit of the axis.
    pub(super) title: String,
    /// The axis on the left.
    pub(super) axis: Axis,
    /// What one is written as on that axis.
    pub(super) unit: f64,
    /// The axis on the right, and its unit.
    pub(super) right: Option<(Axis, &'static str)>,
    /// Lines, the first ones below the others.
    pub(super) lines: Vec<Line>,
    /// Levels across the whole chart.
    pub(super) levels: Vec<Level>,
    /// True if stretches without a figure are to be hatched.
    pub(super) hatched: bool,
    /// Entries of the legend beside those of the lines.
    pub(super) keys: Vec<Key>,
}

/// The course of a value.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Its points.
    pub(super) points: Vec<Point>,
    /// True if it belongs to the axis on the right.
    pub(super) right: bool,
    /// As the legend has it.
    pub(super) key: Key,
}

/// What does not change.
#[derive(Clone, Debug)]
pub(super) struct Level {
    /// The value on the left axis.
    pub(super) value: f64,
    /// What stands at its end.
    pub(super) label: String,
    /// The class of its colour.
    pub(super) class: &'static str,
    /// How it looks.
    pub(super) look: Look,
}

fn key(class: &'static str, look: Look, label: impl Into<String>) -> Key {
    Key { class, look, label: label.into() }
}

fn most(lines: &[Line]) -> f64 {
    let values = lines.iter().flat_map(|line| &line.points).filter_map(|(_, value)| *value);
    values.fold(0.0, f64::max)
}

/// All charts, from top to bottom. Without a goal there is no latency to look at.
pub(super) fn panels(shown: &Shown<'_>) -> Vec<Panel> {
    let latency = (!shown.goals.is_empty()).then(|| latencies(shown));
    [load(shown), replicas(shown)].into_iter().chain(latency).collect()
}

/// Room above the highest line, which the frame would hide.
const HEADROOM: f64 = 1.04;

/// What clients offered, and what they got.
fn load(shown: &Shown<'_>) -> Panel {
    let minutes = &shown.summary.minutes;
    let right = shown.unit == Unit::Users;
    let note = if right { " (right axis)" } else { "" };
    let line = |points, right, key| Line { points, right, key };
    let name = if right { "users" } else { "offered" };
    let offered = course(minutes, |minute| Some(minute.offered));
    let mut rates = vec![line(
        course(minutes, |minute| Some(minute.throughput)),
        right,
        key("answered", Look::Line, format!("throughput{note}")),
    )];
    if shown.summary.total.failed > 0.0 {
        let failed = course(minutes, |minute| Some(minute.failed));
        rates.push(line(failed, right, key("failed", Look::Line, format!("failed{note}"))));
    }
    let mut lines = vec![line(offered, false, key("load", Look::Broad, name))];
    let most_offered = most(&lines);
    let most_rate = most(&rates);
    lines.append(&mut rates);
    let (title, axis, right) = match shown.unit {
        Unit::Users => {
            let axis = Axis::new(most_offered * HEADROOM);
            let right = axis.beside(most_rate);
            ("Load (users)", axis, Some((right, "requests/s")))
        }
        Unit::Rps => ("Load (requests/s)", Axis::new(most_offered.max(most_rate) * HEADROOM), None),
    };
    Panel {
        class: "panel-load",
        title: title.to_owned(),
        axis,
        unit: 1.0,
        right,
        lines,
        levels: Vec::new(),
        hatched: false,
        keys: Vec::new(),
    }
}

/// A bound this many times as high as what was needed would press the lines to the ground.
const FAR: f64 = 2.5;

/// Pods that were asked for, pods that were ready, and what the autoscaler may ask for.
fn replicas(shown: &Shown<'_>) -> Panel {
    let minutes = &shown.summary.minutes;
    let line = |points, key| Line { points, right: false, key };
    let lines = vec![
        line(
            course(minutes, |minute| Some(f64::from(minute.replicas))),
            key("replicas", Look::Thick, "replicas"),
        ),
        line(
            course(minutes, |minute| Some(f64::from(minute.ready))),
            key("ready", Look::Area, "ready pods"),
        ),
    ];
    let peak = most(&lines);
    let level = |name: &str, value: i32| Level {
        value: f64::from(value),
        label: format!("{name} {}", pods(value)),
        class: "muted",
        look: Look::Dotted,
    };
    let bounds = shown.bounds.map(|(min, max)| (level("min", min), level("max", max)));
    let mut keys = Vec::new();
    let mut levels = Vec::new();
    let mut top = peak;
    if let Some((min, max)) = bounds {
        let far = max.value > FAR * peak.max(min.value).max(1.0);
        let label = if far {
            format!("min ({} is above the chart)", max.label)
        } else {
            "min, max".to_owned()
        };
        keys.push(key("muted", Look::Dotted, label));
        top = top.max(min.value);
        levels.push(min);
        if !far {
            top = top.max(max.value);
            levels.push(max);
        }
    }
    Panel {
        class: "panel-replicas",
        title: "Replicas (pods)".to_owned(),
        axis: Axis::whole(top * HEADROOM),
        unit: 1.0,
        right: None,
        lines,
        levels,
        hatched: false,
        keys,
    }
}

/// Up to this many seconds, latencies are read in milliseconds.
const MILLISECONDS_UP_TO: f64 = 2.0;

/// The quantile of each goal against its bound.
fn latencies(shown: &Shown<'_>) -> Panel {
    let minutes = &shown.summary.minutes;
    let single = shown.goals.len() == 1;
    let (mut lines, mut levels, mut targets) = (Vec::new(), Vec::new(), Vec::new());
    for (at, target) in shown.goals.iter().enumerate() {
        let points = course(minutes, |minute| seconds(minute, at));
        lines.push(Line {
            points,
            right: false,
            key: key(goal(at), Look::Line, target.short.as_str()),
        });
        let bound = format!("< {}", latency(target.below_s));
        let class = if single { "target" } else { goal(at) };
        targets.push(key(class, Look::Dashed, format!("target: {} {bound}", target.short)));
        levels.push(Level { value: target.below_s, label: bound, class, look: Look::Dashed });
    }
    let mut keys = targets;
    let hatched = minutes.iter().any(saturated);
    if hatched {
        keys.push(key("target", Look::Hatched, "saturated: no figure"));
    }
    let bounds = shown.goals.iter().map(|goal| goal.below_s);
    let axis = Axis::new(bounds.fold(most(&lines), f64::max) * HEADROOM);
    let millis = axis.top() <= MILLISECONDS_UP_TO;
    let (unit, word) = if millis { (1e-3, "ms") } else { (1.0, "s") };
    let title = match shown.goals {
        [goal] => format!("Latency {} ({word})", goal.short),
        _ => format!("Latency ({word})"),
    };
    Panel { class: "panel-latency", title, axis, unit, right: None, lines, levels, hatched, keys }
}
