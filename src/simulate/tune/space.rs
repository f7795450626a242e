//! What `slogen tune` may change, and the values that it tries.

use crate::plan::Plan;
use crate::simulate::latency::{MOST_UTILISATION, Model};
use crate::spec::decode::Text;
use crate::spec::leaf::{Amount, Policy, Select, Signal};
use crate::spec::tables::{Direction, Document};
use crate::units::{Decimal, Duration, Invalid, plain};

/// Something that can be changed, as it is named on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knob {
    /// `scaling.min`, or `scaling.replicas` of a fixed fleet.
    Min,
    /// `scaling.max`.
    Max,
    /// `scaling.scale_at.in_flight` where it is written, else `targets.in_flight.per_pod`.
    InFlight,
    /// Window and policies of `scaling.up`.
    Up,
    /// Window and policies of `scaling.down`.
    Down,
}

impl Knob {
    /// All of them with their names.
    pub const ALL: [(&str, Self); 5] = [
        ("min", Self::Min),
        ("max", Self::Max),
        ("in_flight", Self::InFlight),
        ("up", Self::Up),
        ("down", Self::Down),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, knob)| *knob == self).map_or("", |(name, _)| name)
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let found = Self::ALL.iter().find(|(name, _)| *name == text.trim());
        found.map(|(_, knob)| *knob).ok_or_else(|| {
            Invalid::new(
                format!("`{text}` is nothing that can be changed"),
                "there are `min`, `max`, `in_flight`, `up` and `down`",
            )
        })
    }
}

/// The least and the most that is tried of a number: replicas, requests in flight, or seconds of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    knob: Knob,
    least: i32,
    most: i32,
}

impl Range {
    /// Reads `min=3..10`, `up=0s..5m`, or `min=3` for just that.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let wrong = || {
            Invalid::new(
                format!("`{text}` is no range"),
                "write such as `min=3..10`, `max=10..40`, `in_flight=5..20` or, for a window, `down=1m..10m`",
            )
        };
        let (name, range) = text.split_once('=').ok_or_else(wrong)?;
        let knob = Knob::parse(name)?;
        let (least, most) = range.split_once("..").unwrap_or((range, range));
        let number = |text: &str| -> Option<i32> {
            match knob {
                Knob::Up | Knob::Down => Duration::parse(text.trim()).ok()?.whole_seconds(),
                _ => text.trim().parse().ok().filter(|number| *number >= 0),
            }
        };
        let (from, to) = number(least).zip(number(most)).ok_or_else(wrong)?;
        if from > to {
            return Err(Invalid::new(
                format!("`{text}` ends before it begins"),
                format!("write `{}={}..{}`", name.trim(), most.trim(), least.trim()),
            ));
        }
        Ok(Self { knob, least: from, most: to })
    }
}

/// What is left as it is, and the bounds of what is not.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Not changed.
    pub keep: Vec<Knob>,
    /// Bounds, one of a knob.
    pub ranges: Vec<Range>,
}

impl Choice {
    fn keeps(&self, knob: Knob) -> bool {
        self.keep.contains(&knob)
    }

    fn written(&self, knob: Knob) -> Option<(i32, i32)> {
        let range = self.ranges.iter().find(|range| range.knob == knob)?;
        Some((range.least, range.most))
    }

    /// Refuses what contradicts itself, and what would be passed over in silence.
    fn check(&self, doc: &Document) -> Result<(), Invalid> {
        for (at, Range { knob, least, .. }) in self.ranges.iter().enumerate() {
            let name = knob.name();
            let wrong = |message: &str, help: &str| {
                Err(Invalid::new(format!("`{name}` of `--range` {message}"), help))
            };
            if self.ranges.iter().take(at).any(|other| other.knob == *knob) {
                return wrong("is there twice", "write one range that has all of its numbers");
            }
            if self.keeps(*knob) {
                return wrong("is what `--keep` leaves as it is", "take one of the two out");
            }
            if let Some((why, help)) = fixed(doc, *knob) {
                return wrong(&format!("changes nothing: {why}"), help);
            }
            if matches!(knob, Knob::Min | Knob::Max) && *least > MOST {
                return wrong(
                    &format!("begins above {MOST} replicas"),
                    "write fewer: no more than those are tried",
                );
            }
        }
        Ok(())
    }

    fn range(&self, knob: Knob, least: i32, most: i32) -> (i32, i32) {
        self.written(knob).unwrap_or((least, most))
    }
}

/// Why `knob` cannot be changed, and what to write instead.
fn fixed(doc: &Document, knob: Knob) -> Option<(&'static str, &'static str)> {
    let scaling = &doc.scaling;
    if scaling.replicas.is_some() {
        return (knob != Knob::Min).then_some((
            "nothing scales the service",
            "write `min`, which is `scaling.replicas` of a fixed number of pods",
        ));
    }
    let disabled = |direction: &Direction| {
        (*direction.select == Select::Disabled).then_some((
            "`select` of that direction is \"disabled\"",
            "take it out, or let the service scale that way",
        ))
    };
    match knob {
        Knob::Min | Knob::Max => None,
        Knob::InFlight => (!scales_on_in_flight(doc)).then_some((
            "the service is not scaled on requests in flight",
            "take it out, or see `targets.in_flight` and `scaling.scale_on`",
        )),
        Knob::Up => disabled(&scaling.up),
        Knob::Down => disabled(&scaling.down),
    }
}

fn scales_on_in_flight(doc: &Document) -> bool {
    doc.targets.in_flight.is_some()
        && doc.scaling.scale_on.iter().any(|signal| **signal == Signal::InFlight)
}

/// One key with the values that are tried, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// The key in slo.toml.
    pub key: &'static str,
    /// Values in TOML, from the least to the most, or from the slowest to the fastest.
    pub values: Vec<String>,
    /// The place of the present value.
    pub now: usize,
}

impl Axis {
    /// `values` with `now` among them; nothing to choose from is no axis.
    fn new<T: PartialEq>(
        key: &'static str,
        now: T,
        values: impl IntoIterator<Item = T>,
        compare: impl Fn(&T, &T) -> std::cmp::Ordering,
        written: impl Fn(&T) -> String,
    ) -> Option<Self> {
        let mut values: Vec<T> = values.into_iter().collect();
        let present = written(&now);
        if values.iter().all(|value| written(value) != present) {
            values.push(now);
        }
        values.sort_by(compare);
        values.dedup();
        let values: Vec<String> = values.iter().map(written).collect();
        let now = values.iter().position(|value| *value == present)?;
        (values.len() > 1).then_some(Self { key, values, now })
    }
}

/// Everything that may be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Space {
    /// At least one.
    pub axes: Vec<Axis>,
}

/// A setting: for each axis the place of a value.
pub type Point = Vec<usize>;

/// A key that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key in slo.toml.
    pub key: &'static str,
    /// The value in TOML as it is.
    pub from: String,
    /// The value in TOML as it would be.
    pub to: String,
}

/// Fewer are not proposed unless they are there already: one pod that is lost would be all of them.
const FEWEST: i32 = 2;

/// How many times `scaling.max` is tried.
const MORE: i32 = 4;

/// The most replicas that are tried.
const MOST: i32 = 5000;

/// In seconds: up to where waiting for a scale-up makes sense.
const UP_WINDOWS: [i32; 8] = [0, 15, 30, 60, 90, 120, 180, 300];

/// In seconds: from where a scale-down is more than a reflex, up to half an hour.
const DOWN_WINDOWS: [i32; 8] = [60, 120, 180, 300, 450, 600, 900, 1800];

/// The longest window that the API server takes, in seconds.
const LONGEST: i32 = 3600;

/// From cautious to the default of Kubernetes and beyond.
const UP_POLICIES: [&[&str]; 6] = [
    &["1 pod / 60s"],
    &["2 pods / 60s", "25% / 60s"],
    &["2 pods / 30s", "50% / 30s"],
    &["4 pods / 30s", "100% / 30s"],
    &["4 pods / 15s", "100% / 15s"],
    &["8 pods / 15s", "200% / 15s"],
];

/// From cautious to the default of Kubernetes.
const DOWN_POLICIES: [&[&str]; 6] = [
    &["1 pod / 120s"],
    &["1 pod / 60s"],
    &["1 pod / 60s", "10% / 60s"],
    &["2 pods / 60s", "25% / 60s"],
    &["4 pods / 60s", "50% / 60s"],
    &["100% / 15s"],
];

impl Space {
    /// What may be changed of `plan`; what is in the way, and what to write.
    pub fn new(plan: &Plan<'_>, model: &Model, choice: &Choice) -> Result<Self, Invalid> {
        let doc = &plan.spec.doc;
        let scaling = &doc.scaling;
        choice.check(doc)?;
        let mut axes = Vec::new();
        if let Some(replicas) = &scaling.replicas {
            let now = **replicas;
            axes.extend(replicas_axis("scaling.replicas", now, Knob::Min, FEWEST, now, choice));
        } else {
            let (min, max) = (*scaling.min, *scaling.max);
            axes.extend(replicas_axis("scaling.min", min, Knob::Min, FEWEST, max, choice));
            // A lower ceiling saves money only by serving less; it is there for what no load foresees.
            axes.extend(replicas_axis("scaling.max", max, Knob::Max, max, max, choice));
            axes.extend(in_flight_axis(doc, model, choice));
            axes.extend(direction_axes(&scaling.up, &UP, choice));
            axes.extend(direction_axes(&scaling.down, &DOWN, choice));
        }
        if axes.is_empty() {
            return Err(Invalid::new(
                "nothing is left to choose from",
                "take something off `--keep`, or widen `--range`",
            ));
        }
        Ok(Self { axes })
    }

    /// As things are.
    pub fn now(&self) -> Point {
        self.axes.iter().map(|axis| axis.now).collect()
    }

    /// How many values each axis has.
    pub fn sizes(&self) -> Vec<usize> {
        self.axes.iter().map(|axis| axis.values.len()).collect()
    }

    /// What `point` changes.
    pub fn changes(&self, point: &Point) -> Vec<Change> {
        let value = |axis: &Axis, at: usize| axis.values.get(at).cloned().unwrap_or_default();
        self.axes
            .iter()
            .zip(point)
            .filter(|(axis, at)| **at != axis.now)
            .map(|(axis, at)| Change {
                key: axis.key,
                from: value(axis, axis.now),
                to: value(axis, *at),
            })
            .collect()
    }
}

/// Replicas from `fewest` to some times as many as `max`, which is what there may be now.
fn replicas_axis(
    key: &'static str,
    now: i32,
    knob: Knob,
    fewest: i32,
    max: i32,
    choice: &Choice,
) -> Option<Axis> {
    if choice.keeps(knob) {
        return None;
    }
    let most = max.saturating_mul(MORE).clamp(10, MOST).max(now);
    let (least, most) = choice.range(knob, fewest.min(now), most);
    Axis::new(key, now, least..=most.min(MOST.max(now)), Ord::cmp, ToString::to_string)
}

/// From 1 to what a pod holds where it saturates: each number up to 20, then in steps of a twentieth.
fn in_flight_axis(doc: &Document, model: &Model, choice: &Choice) -> Option<Axis> {
    let target = doc.targets.in_flight.as_ref()?;
    if choice.keeps(Knob::InFlight) || !scales_on_in_flight(doc) {
        return None;
    }
    let (key, now) = match &doc.scaling.scale_at.in_flight {
        Some(written) => ("scaling.scale_at.in_flight", written.0),
        None => ("targets.in_flight.per_pod", target.per_pod.0),
    };
    let full = model.open(MOST_UTILISATION * model.capacity_rps()).in_flight.ceil();
    #[expect(clippy::cast_possible_truncation, reason = "bounded just before")]
    let most = full.clamp(1.0, 100_000.0) as i32;
    let (least, most) = choice.range(Knob::InFlight, 1, most);
    let next = |value: &i32| Some(value + (value / 20).max(1)).filter(|value| *value <= most);
    let values = std::iter::successors(Some(least.max(1)), next);
    Axis::new(key, now, values.map(Decimal::from), Ord::cmp, |value| plain(*value))
}

/// The keys of a direction, and what is tried of them.
struct Tried {
    knob: Knob,
    window: &'static str,
    policies: &'static str,
    windows: &'static [i32],
    lists: &'static [&'static [&'static str]],
}

const UP: Tried = Tried {
    knob: Knob::Up,
    window: "scaling.up.stabilization",
    policies: "scaling.up.policies",
    windows: &UP_WINDOWS,
    lists: &UP_POLICIES,
};

const DOWN: Tried = Tried {
    knob: Knob::Down,
    window: "scaling.down.stabilization",
    policies: "scaling.down.policies",
    windows: &DOWN_WINDOWS,
    lists: &DOWN_POLICIES,
};

/// Window and policies; a direction that is switched off stays so.
///
/// Scaling up later or more slowly saves money only where the load happens to be no more than foreseen, so it is tried
/// only in a range that somebody wrote.
fn direction_axes(direction: &Direction, tried: &Tried, choice: &Choice) -> Vec<Axis> {
    let select = *direction.select;
    if select == Select::Disabled || choice.keeps(tried.knob) {
        return Vec::new();
    }
    let now = direction.stabilization.get();
    let written = choice.written(tried.knob);
    let careful = tried.knob == Knob::Up && written.is_none();
    let (least, most) = written.unwrap_or((0, if careful { now } else { i32::MAX }));
    let ends = written.into_iter().flat_map(|(least, most)| [least, most]);
    let windows = tried.windows.iter().copied().chain(ends);
    let windows = windows.filter(|window| (least..=most).contains(window) && *window <= LONGEST);
    let window = Axis::new(tried.window, now, windows, Ord::cmp, |seconds| {
        format!("\"{}\"", Duration::from_secs(u64::from(seconds.unsigned_abs())))
    });
    let speed = |list: &[Policy]| speed(list, select);
    let present: Vec<Policy> = direction.policies.iter().map(|policy| **policy).collect();
    let slowest = if careful { speed(&present) } else { 0.0 };
    let lists = tried.lists.iter().map(|list| -> Vec<Policy> {
        list.iter().filter_map(|policy| Policy::parse(policy).ok()).collect()
    });
    let policies = Axis::new(
        tried.policies,
        present,
        lists.filter(|list| speed(list) > slowest),
        |one, two| speed(one).total_cmp(&speed(two)),
        |list| {
            let items = list.iter().map(|policy| format!("\"{policy}\""));
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        },
    );
    window.into_iter().chain(policies).collect()
}

/// Pods that a fleet of 20 may change by in a minute: an order of policies, no more.
fn speed(policies: &[Policy], select: Select) -> f64 {
    let each = policies.iter().map(|policy| {
        let pods = match policy.amount {
            Amount::Count(pods) => f64::from(pods),
            Amount::Percent(percent) => f64::from(percent) * 20.0 / 100.0,
        };
        pods * 60.0 / f64::from(policy.period.get().max(1))
    });
    let chosen = if select == Select::Min { each.reduce(f64::min) } else { each.reduce(f64::max) };
    chosen.unwrap_or_default()
}
