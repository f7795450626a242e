//! The cheapest setting that keeps the targets under a load, and what more or less would buy.
//!
//! A setting *keeps the targets* if, over the whole load, each latency target spends no more than a given part of the
//! budget that the load's own requests give it (`1 − percentile` of them may miss; the rest is for what goes wrong), no
//! more requests fail than `targets.errors` allows, and every condition that was asked for holds. The latency model may
//! be wrong by [`BAND`](super::latency::BAND), so latencies count that much longer than the model says, unless the
//! caller chooses another margin. Cost is pods times time.
//!
//! Settings are tried as changes of slo.toml, so that one is never proposed which `slogen render` would refuse.

mod search;
mod space;
pub mod told;

use std::cmp::Ordering;

use super::assertion::Assertion;
use super::figures::Cost;
use super::load::Load;
use super::scenario::{Goal, Scenario};
use super::shown::time;
use super::summary::{self, Stage, Summary};
use crate::units::Invalid;

use search::Search;
pub use space::{Change, Choice, Knob, Point, Range, Space};

/// What a setting must come to.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// By how much latencies may be longer than the model says, as a share.
    pub margin: f64,
    /// The share of the load's own error budget that may be spent: a burn rate.
    pub spend: f64,
    /// Conditions beside the targets of slo.toml.
    pub conditions: Vec<Assertion>,
}

/// What a setting comes to.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Score {
    pod_hours: f64,
    /// The highest burn rate of a latency target, at the margin: 1 spends just what the requests of the load allow.
    burn: f64,
    /// By how much what must hold does not, apart from the burn rate; 0 if it does.
    miss: f64,
    /// See [`Setting::busiest`].
    busiest: f64,
    changes: usize,
}

impl Score {
    /// How far it is from a burn rate of at most `burn` with all else kept; 0 if it is there.
    fn beyond(&self, burn: f64) -> f64 {
        (self.burn - burn).max(0.0) + self.miss
    }
}

/// A setting with what it comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// What it changes; nothing for the present one.
    pub changes: Vec<Change>,
    /// The whole run.
    pub total: Stage,
    /// What it costs, where a price is known.
    pub cost: Option<Cost>,
    /// The highest burn rate of a latency target as the model has it: 1 spends just what the requests of the load allow.
    pub burn: f64,
    /// The same with every latency longer by the margin.
    pub burn_at_margin: f64,
    /// The largest share of what its pods can serve that was asked of them in a minute.
    pub busiest: f64,
    /// Conditions beside the targets that do not hold, with what came of them: `replicas <= 2 (3)`.
    pub fails: Vec<String>,
    /// It keeps the targets, margin included.
    pub keeps: bool,
}

/// What comes of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Advice {
    /// Things as they are.
    pub now: Setting,
    /// What to choose from, the cheapest first: none is both cheaper and better than another.
    pub front: Vec<Setting>,
    /// The place in `front` of the cheapest that keeps the targets; `None` if none does.
    pub proposal: Option<usize>,
    /// How many settings were tried.
    pub tried: usize,
    /// The margin that was used, as a share.
    pub margin: f64,
    /// The share of the load's own error budget that might be spent.
    pub spend: f64,
    /// The load deviates at random.
    pub noisy: bool,
}

/// Burn rates that the search looks for the cheapest setting of, beside the one that is wanted.
const LEVELS: [f64; 8] = [0.03, 0.1, 0.3, 0.6, 1.0, 2.0, 4.0, 8.0];

/// A change that gains less is none worth making, as a share of the cost.
const WORTH: f64 = 0.01;

/// How many days are simulated in all, at most; each takes some milliseconds.
const MOST_DAYS: f64 = 6000.0;

/// Fewer tries find nothing, and more gain nothing.
const TRIED: (f64, f64) = (300.0, 6000.0);

/// The longest load in days: with the fewest tries it takes a minute.
const LONGEST_DAYS: f64 = 31.0;

/// Searches `space` for `load`. `build` makes the scenario of the present one with changes, or says that there is none.
/// `tried` is called after each try.
pub fn tune(
    space: &Space,
    load: &Load,
    wanted: &Wanted,
    build: impl Fn(&[Change]) -> Option<Scenario> + Sync,
    tried: impl Fn() + Sync,
) -> Result<Advice, Invalid> {
    let start = space.now();
    let present = build(&[]).ok_or_else(|| {
        Invalid::new("the service as it is cannot be simulated", "see `slogen simulate`")
    })?;
    check(&present, load, wanted)?;
    let evaluate = |point: &Point| {
        let changes = space.changes(point);
        let found = build(&changes).map(|scenario| score(&scenario, load, wanted, changes.len()));
        tried();
        found
    };
    let mut search = Search::new(space.sizes(), most_tried(load), &evaluate);
    let mut best = start.clone();
    let mut found = Vec::new();
    for (at, level) in [wanted.spend].into_iter().chain(LEVELS).enumerate() {
        let keeping = at == 0;
        let reached = search.descend(&best, keeping, |found| Value::of(found, level));
        let reached = simplest(&mut search, reached, &start, level);
        if keeping {
            best.clone_from(&reached);
        }
        if let Some(score) = search.at(&reached)
            && (keeping || score.beyond(level) <= 0.0)
        {
            found.push((reached, score));
        }
    }
    let front = front(found);
    let setting = |point: &Point| {
        let changes = space.changes(point);
        build(&changes).map(|scenario| run(&scenario, load, wanted, changes))
    };
    let front: Vec<Setting> = front.iter().filter_map(setting).collect();
    Ok(Advice {
        now: run(&present, load, wanted, Vec::new()),
        proposal: front.iter().position(|setting| setting.keeps),
        front,
        tried: search.seen().len(),
        margin: wanted.margin,
        spend: wanted.spend,
        noisy: load.is_noisy(),
    })
}

/// Those of `found` of which no other is both as cheap and as good, the cheapest first.
fn front(mut found: Vec<(Point, Score)>) -> Vec<Point> {
    found.sort_by(|(_, one), (_, two)| {
        let cost = one.pod_hours.total_cmp(&two.pod_hours);
        cost.then(one.beyond(0.0).total_cmp(&two.beyond(0.0))).then(one.changes.cmp(&two.changes))
    });
    let mut best = f64::INFINITY;
    found.retain(|(_, score)| {
        let better = score.beyond(0.0) < best;
        best = best.min(score.beyond(0.0));
        better
    });
    found.into_iter().map(|(point, _)| point).collect()
}

/// What is best to a search: first what is kept, then what it costs, then how little it changes.
///
/// Where every request misses, its second part still tells the way out: pods that are asked for less.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
struct Value(f64, f64, f64, usize);

impl Value {
    fn of(found: &Score, level: f64) -> Self {
        let beyond = found.beyond(level);
        let asked = if beyond > 0.0 { found.busiest } else { 0.0 };
        Self(beyond, asked, found.pod_hours, found.changes)
    }
}

/// `point` without the changes that gain nothing worth the while.
fn simplest(search: &mut Search<'_, Score>, mut point: Point, now: &Point, level: f64) -> Point {
    let Some(found) = search.at(&point) else { return point };
    let most = found.pod_hours * (1.0 + WORTH);
    loop {
        let back = |axis: usize| {
            let mut back = point.clone();
            if let (Some(place), Some(now)) = (back.get_mut(axis), now.get(axis)) {
                *place = *now;
            }
            back
        };
        let fewer: Vec<Point> = (0..point.len()).map(back).filter(|back| *back != point).collect();
        let kept = fewer.into_iter().filter_map(|back| {
            let there = search.at(&back)?;
            let as_good = there.beyond(level) <= found.beyond(level) && there.pod_hours <= most;
            as_good.then_some((back, there))
        });
        let cheaper = |one: &(Point, Score), two: &(Point, Score)| -> Ordering {
            one.1.pod_hours.total_cmp(&two.1.pod_hours)
        };
        match kept.min_by(cheaper) {
            Some((back, _)) => point = back,
            None => return point,
        }
    }
}

/// How many settings are tried at most.
fn most_tried(load: &Load) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let most = (MOST_DAYS / days(load)).clamp(TRIED.0, TRIED.1) as usize;
    most
}

fn days(load: &Load) -> f64 {
    load.duration_s() / 86_400.0
}

/// What makes a search pointless.
fn check(present: &Scenario, load: &Load, wanted: &Wanted) -> Result<(), Invalid> {
    if days(load) > LONGEST_DAYS {
        return Err(Invalid::new(
            format!(
                "a load of {} is too long to be tried hundreds of times",
                time(load.duration_s())
            ),
            "take 31 days at the most: a week with its worst day in it tells what a year does",
        ));
    }
    if present.goals.is_empty() && present.errors.is_none() && wanted.conditions.is_empty() {
        return Err(Invalid::new(
            "there is nothing to keep, so that the fewest pods would always do",
            "add `targets.latency` to slo.toml, or say `--assert \"replicas >= 3\"`",
        ));
    }
    let summary = summary::run(present, load, &[], |_| {});
    if summary.total.answered + summary.total.failed <= 0.0 {
        return Err(Invalid::new(
            "the load has no requests, so that any setting would keep the targets",
            "offer what is to be served, such as `--rps 50..200`",
        ));
    }
    for condition in &wanted.conditions {
        condition.judge(present, &summary)?;
    }
    Ok(())
}

/// The scenario with each goal once more, as far below as the margin asks for.
fn with_margin(scenario: &Scenario, margin: f64) -> Scenario {
    let mut scenario = scenario.clone();
    let strict = |goal: &Goal| Goal { below_s: goal.below_s / (1.0 + margin), ..goal.clone() };
    let strict: Vec<Goal> = scenario.goals.iter().map(strict).collect();
    scenario.goals.extend(strict);
    scenario
}

/// The highest burn rate of `goals`, whose misses are those of `total` from the goal `first` on.
fn burn(goals: &[Goal], total: &Stage, first: usize) -> f64 {
    let requests = total.answered + total.failed;
    let each = goals.iter().zip(total.goals.iter().skip(first)).map(|(goal, reached)| {
        let allowed = (1.0 - goal.quantile) * requests;
        if allowed > 0.0 { reached.bad / allowed } else { 0.0 }
    });
    each.fold(0.0, f64::max)
}

fn score(scenario: &Scenario, load: &Load, wanted: &Wanted, changes: usize) -> Score {
    scored(
        scenario,
        &summary::run(&with_margin(scenario, wanted.margin), load, &[], |_| {}),
        wanted,
        changes,
    )
}

/// What `summary`, which is [`with_margin`], comes to.
fn scored(scenario: &Scenario, summary: &Summary, wanted: &Wanted, changes: usize) -> Score {
    Score {
        pod_hours: summary.total.pod_hours,
        burn: burn(&scenario.goals, &summary.total, scenario.goals.len()),
        miss: miss(scenario, summary, wanted),
        busiest: summary.minutes.iter().map(|minute| minute.utilization).fold(0.0, f64::max),
        changes,
    }
}

/// By how much failures and conditions are beyond what is allowed.
fn miss(scenario: &Scenario, summary: &Summary, wanted: &Wanted) -> f64 {
    let failed = scenario.errors.map_or(0.0, |allowed| {
        let excess = summary.total.failed_share() - allowed;
        if excess > 0.0 { excess / allowed.max(1e-6) } else { 0.0 }
    });
    let verdicts = wanted.conditions.iter().filter_map(|it| it.judge(scenario, summary).ok());
    failed + verdicts.map(|verdict| verdict.miss).sum::<f64>()
}

fn run(scenario: &Scenario, load: &Load, wanted: &Wanted, changes: Vec<Change>) -> Setting {
    let summary = summary::run(&with_margin(scenario, wanted.margin), load, &[], |_| {});
    let found = scored(scenario, &summary, wanted, changes.len());
    let verdicts = wanted.conditions.iter().filter_map(|it| it.judge(scenario, &summary).ok());
    let fails = verdicts.filter(|verdict| !verdict.holds);
    let fails = fails.map(|verdict| verdict.told.trim_start_matches("fails: ").to_owned());
    let fails = fails.collect();
    let mut total = summary.total;
    let burn = burn(&scenario.goals, &total, 0);
    total.goals.truncate(scenario.goals.len());
    Setting {
        changes,
        cost: Cost::of(scenario, &total),
        total,
        burn,
        burn_at_margin: found.burn,
        busiest: found.busiest,
        fails,
        keeps: found.beyond(wanted.spend) <= 0.0,
    }
}

#[cfg(test)]
mod tests;
