//! What decides and what holds back, in sentences.

use super::figures::Cost;
use super::latency::{BAND, MOST_UTILISATION};
use super::load::Unit;
use super::scenario::{Goal, Scaler, Scenario};
use super::shown::{counted, latency, money, number, pods, share, time};
use super::summary::{Event, Hold, Quantile, Stage, Summary, Update};

/// Changes that are told one by one; more are summed up.
const MOST_EVENTS: usize = 6;

/// How long a stay is worth a word, in seconds: one sync.
const WORTH_S: f64 = 15.0;

/// What the reader of `summary` should know, the most important first.
pub fn sentences(scenario: &Scenario, summary: &Summary) -> Vec<String> {
    let mut told = Vec::new();
    match &scenario.scaler {
        Scaler::Fixed => {
            told.push(format!(
                "nothing scales: there {} {} throughout",
                if scenario.initial == 1 { "is" } else { "are" },
                counted(scenario.initial, "replica")
            ));
        }
        Scaler::Auto(_) => {
            told.extend(binding(scenario, summary));
            told.extend(changes(scenario, summary));
            let held = summary.total.held_s.iter().zip(&summary.total.held_budget);
            let held = held.filter(|((_, seconds), _)| *seconds >= WORTH_S);
            told.extend(held.map(|((hold, seconds), spent)| {
                held_back(scenario, summary, *hold, *seconds, spent)
            }));
        }
    }
    told.extend(summary.updates.iter().take(MOST_EVENTS).map(|it| update(scenario, it)));
    let more = summary.updates.len().saturating_sub(MOST_EVENTS);
    told.extend((more > 0).then(|| {
        if more == 1 {
            "1 more update follows".to_owned()
        } else {
            format!("{more} more updates follow")
        }
    }));
    told.extend(starting(scenario, &summary.total));
    told.extend(
        scenario
            .goals
            .iter()
            .enumerate()
            .filter_map(|(at, goal)| reached(goal, summary, at, &time(scenario.period_s))),
    );
    told.extend(saturated(summary));
    told.extend(failed(&summary.total));
    told.extend(left_waiting(summary));
    if let Some(Cost { total, per_thousand: Some(each) }) = Cost::of(scenario, &summary.total) {
        told.push(format!("the pods cost {}, {} for 1,000 requests", money(total), money(each)));
    }
    told
}

/// What the numbers of a run rest on.
pub fn assumptions(scenario: &Scenario, unit: Unit) -> Vec<String> {
    let start = match scenario.scaler {
        Scaler::Fixed => "all pods are ready at the start",
        Scaler::Auto(_) => {
            "a run starts with `scaling.min` replicas, all of them ready, as after a quiet time"
        }
    };
    let mut told = of_service(scenario, unit);
    told.push(start.to_owned());
    told
}

/// What the numbers of several runs rest on, each thing once.
pub fn assumptions_of_all<'r>(runs: impl Iterator<Item = (&'r Scenario, Unit)>) -> Vec<String> {
    let mut all = Vec::new();
    for told in runs.flat_map(|(scenario, unit)| assumptions(scenario, unit)) {
        if !all.contains(&told) {
            all.push(told);
        }
    }
    all
}

/// What any number of the service rests on.
pub fn of_service(scenario: &Scenario, unit: Unit) -> Vec<String> {
    let loop_ = match unit {
        Unit::Users => {
            "each user waits for an answer before the next request, so that a slow service slows them down; real traffic \
             may not (`--rps`)"
        }
        Unit::Rps if scenario.timeout_s.is_finite() => {
            "requests come whether or not the service keeps up; clients give up after simulate.client_timeout and do not \
             try again"
        }
        Unit::Rps => {
            "requests come whether or not the service keeps up, and nobody gives up (`client_timeout` of `[simulate]`) or \
             tries again"
        }
    };
    let model = format!(
        "latencies are a model's, right to ±{} %, and `saturated` beyond {} % of what pods can serve; the autoscaler is \
         Kubernetes' own algorithm",
        number(BAND * 100.0, 0),
        number(MOST_UTILISATION * 100.0, 0),
    );
    let alike = "all pods and requests are alike, requests go to ready pods at random, and nodes have room for every pod";
    let notes = scenario.notes.iter().cloned();
    [model, loop_.to_owned(), alike.to_owned()].into_iter().chain(notes).collect()
}

/// Which metric decides, and from when on or how often.
fn binding(scenario: &Scenario, summary: &Summary) -> Option<String> {
    let names = scenario.metric_names();
    let all: f64 = summary.total.bound_s.iter().sum();
    let mut shares: Vec<(f64, &str, Option<f64>)> = summary
        .total
        .bound_s
        .iter()
        .zip(&names)
        .zip(&summary.first_bound_s)
        .filter(|((seconds, _), _)| **seconds > 0.0)
        .map(|((seconds, name), first)| (*seconds, name.as_str(), *first))
        .collect();
    shares.sort_by(|one, two| two.0.total_cmp(&one.0));
    let (most_s, most, first) = *shares.first()?;
    if most_s >= 0.995 * all {
        let from = time(first.unwrap_or_default());
        return Some(format!("{most} decides the number of replicas from {from} on"));
    }
    let parts: Vec<String> = shares
        .iter()
        .map(|(seconds, name, _)| format!("{name} {} of the time", share(seconds / all)))
        .collect();
    Some(format!("what decides the number of replicas: {}", parts.join(", ")))
}

/// Scale-ups and scale-downs.
fn changes(scenario: &Scenario, summary: &Summary) -> Vec<String> {
    let names = scenario.metric_names();
    let name = |event: &Event| match event.metric.and_then(|at| names.get(at)) {
        Some(name) => format!(" ({name})"),
        None => String::new(),
    };
    let (ups, downs): (Vec<&Event>, Vec<&Event>) =
        summary.events.iter().partition(|event| event.to > event.from);
    let told = |what: &str, events: &[&Event]| match events {
        [] => None,
        events if events.len() <= MOST_EVENTS => {
            let each = events.iter().map(|event| {
                format!(
                    "{} to {} at {}{}",
                    pods(event.from),
                    pods(event.to),
                    time(event.at_s),
                    name(event)
                )
            });
            Some(format!("{what}: {}", each.collect::<Vec<_>>().join(", ")))
        }
        [first, ..] => {
            let largest = events.iter().max_by_key(|event| (event.to - event.from).abs())?;
            Some(format!(
                "{what}: {} times, first at {}; the largest step is {} to {} at {}{}",
                events.len(),
                time(first.at_s),
                pods(largest.from),
                pods(largest.to),
                time(largest.at_s),
                name(largest),
            ))
        }
    };
    let mut sentences: Vec<String> =
        [told("scaled up", &ups), told("scaled down", &downs)].into_iter().flatten().collect();
    if sentences.is_empty() {
        sentences.push(format!("the replicas stay at {}", pods(scenario.initial)));
    }
    sentences
}

/// The budget that the worst goal lost meanwhile, as the end of a sentence.
fn lost(scenario: &Scenario, spent: &[f64]) -> String {
    let goals = scenario.goals.iter().zip(spent);
    match goals.max_by(|one, two| one.1.total_cmp(two.1)).filter(|(_, spent)| **spent >= 5e-7) {
        Some((goal, spent)) => format!(
            ", in which {} of the {} error budget of {} was spent",
            share(*spent),
            time(scenario.period_s),
            goal.short
        ),
        // Without targets nothing is known of losses.
        None if scenario.goals.is_empty() => String::new(),
        None => ", at no loss".to_owned(),
    }
}

fn held_back(
    scenario: &Scenario,
    summary: &Summary,
    hold: Hold,
    seconds: f64,
    spent: &[f64],
) -> String {
    let Scaler::Auto(auto) = &scenario.scaler else { return String::new() };
    let length = time(seconds);
    let lost = lost(scenario, spent);
    let window = |up: bool| {
        let behavior = auto.spec.behavior.as_ref();
        let window = behavior
            .and_then(|behavior| if up { behavior.up.window_s } else { behavior.down.window_s });
        window.map_or_else(String::new, |window| format!("{window} s "))
    };
    match hold {
        Hold::Max => {
            format!("scaling.max = {} kept the replicas lower for {length}{lost}", auto.spec.max)
        }
        Hold::Min => {
            format!("scaling.min = {} kept the replicas higher for {length}", auto.spec.min)
        }
        Hold::UpPolicies => {
            format!("the policies of scaling.up kept the replicas lower for {length}{lost}")
        }
        Hold::UpWindow => {
            format!(
                "the {}scale-up window kept the replicas lower for {length}{lost}",
                window(true)
            )
        }
        Hold::DownPolicies => {
            format!("the policies of scaling.down kept the replicas higher for {length}")
        }
        Hold::DownWindow => {
            let end = if summary.total.scale_down_s.is_none() {
                "; the run ends before anything is taken away"
            } else {
                ""
            };
            format!(
                "the {}scale-down window kept the replicas higher for {length}{end}",
                window(false)
            )
        }
        Hold::Metrics => {
            format!("for {length} a metric had no value, so that nothing could be taken away{lost}")
        }
    }
}

/// How a rolling update went.
fn update(scenario: &Scenario, update: &Update) -> String {
    let Update { at_s, end_s, fewest_ready, most_pods, budget } = update;
    let took = match end_s {
        Some(end_s) => format!("takes {}", time(end_s - at_s)),
        None => "is not over before the run ends or the next one begins".to_owned(),
    };
    format!(
        "the rolling update at {} {took}; meanwhile at least {} {} ready and at most {} {}{}",
        time(*at_s),
        counted(*fewest_ready, "pod"),
        if *fewest_ready == 1 { "is" } else { "are" },
        pods(*most_pods),
        if *most_pods == 1 { "exists" } else { "exist" },
        lost(scenario, budget),
    )
}

fn starting(scenario: &Scenario, total: &Stage) -> Option<String> {
    (total.starting_s > 0.0).then(|| {
        let startup = scenario.lifecycle.startup;
        #[expect(clippy::cast_precision_loss, reason = "a start takes minutes")]
        let startup_s = startup as f64 / 1000.0;
        format!(
            "for {} pods were still starting, each of which takes {}{}",
            time(total.starting_s),
            time(startup_s),
            lost(scenario, &total.starting_budget)
        )
    })
}

/// How a goal was kept in the worst minute.
fn reached(goal: &Goal, summary: &Summary, at: usize, period: &str) -> Option<String> {
    let total = summary.total.goals.get(at)?;
    let bound = latency(goal.below_s);
    let name = &goal.short;
    if total.above_s <= 0.0 {
        return Some(format!("{name} stays below its target of {bound} throughout"));
    }
    let worst = summary.minutes.iter().find(|minute| minute.latency.get(at) == Some(&total.worst));
    let when = worst
        .map_or_else(String::new, |minute| format!(" in the minute from {} on", time(minute.at_s)));
    let worst = match total.worst {
        Quantile::Idle => "as nothing was answered".to_owned(),
        Quantile::Saturated => format!("the pods were saturated{when}"),
        Quantile::Seconds(worst_s) if worst_s > goal.below_s => {
            format!("at worst {}{when}", latency(worst_s))
        }
        // Only for a part of a minute, or where no pod was left to answer.
        Quantile::Seconds(worst_s) => {
            format!("whole minutes at worst {} for what was answered", latency(worst_s))
        }
    };
    Some(format!(
        "{name} is above its target of {bound} for {}, {worst}; that spends {} of the {} error budget",
        time(total.above_s),
        share(total.budget_spent),
        period,
    ))
}

fn saturated(summary: &Summary) -> Option<String> {
    let seconds = summary.total.saturated_s;
    (seconds > 0.0).then(|| {
        format!(
            "pods were at more than {} % of what they can serve for {}, where no model can tell a latency: that time \
             counts as above every target that is not certainly kept",
            number(MOST_UTILISATION * 100.0, 0),
            time(seconds)
        )
    })
}

fn failed(total: &Stage) -> Option<String> {
    (total.failed > 0.0).then(|| {
        // A model loses parts of requests.
        let requests = match total.failed.round() {
            ..1.0 => "less than one request".to_owned(),
            1.0 => "1 request".to_owned(),
            more => format!("{} requests", number(more, 0)),
        };
        let were = if total.failed.round() <= 1.0 { "was" } else { "were" };
        format!("{requests} ({}) {were} not answered", share(total.failed_share()))
    })
}

/// What the end of the run cuts off.
fn left_waiting(summary: &Summary) -> Option<String> {
    let count = summary.left_waiting;
    (count >= 1.0).then(|| {
        format!(
            "the run ends while {} requests still wait, which count neither as answered nor as failed, and spend no budget",
            number(count, 0)
        )
    })
}
