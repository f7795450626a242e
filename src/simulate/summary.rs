//! What a run comes to: per stage and in all, and its course minute by minute.

use super::controller::{Course, Limit, Stabilization};
use super::engine::{self, Rollout, Step};
use super::latency::Operating;
use super::load::Load;
use super::scenario::{Goal, Scaler, Scenario};

/// A quantile of the latency, as far as the model can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Quantile {
    /// Nothing was answered.
    #[default]
    Idle,
    /// In seconds.
    Seconds(f64),
    /// So close to capacity, or beyond it, that the model cannot tell.
    Saturated,
}

impl Quantile {
    /// True if it is above `below` seconds, or beyond telling.
    pub fn exceeds(self, below: f64) -> bool {
        match self {
            Self::Idle => false,
            Self::Seconds(seconds) => seconds > below,
            Self::Saturated => true,
        }
    }

    /// The worse of both.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        match (self, other) {
            (Self::Saturated, _) | (_, Self::Saturated) => Self::Saturated,
            (Self::Seconds(one), Self::Seconds(two)) => Self::Seconds(one.max(two)),
            (Self::Idle, other) | (other, Self::Idle) => other,
        }
    }
}

/// What happened in one minute; the last one of a run may be shorter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Minute {
    /// Its start in seconds.
    pub at_s: f64,
    /// Requests per second, or users.
    pub offered: f64,
    /// Requests per second that were answered.
    pub throughput: f64,
    /// Requests per second that were not.
    pub failed: f64,
    /// `spec.replicas` at its end.
    pub replicas: i32,
    /// The fewest pods that were ready.
    pub ready: i32,
    /// Requests in flight of one ready pod, on average.
    pub in_flight: f64,
    /// Share of a pod's capacity in use, on average.
    pub utilization: f64,
    /// The quantile of each goal.
    pub latency: Vec<Quantile>,
    /// The metric that decided last, by its place in the spec.
    pub binding: Option<usize>,
    /// What held the autoscaler back last.
    pub limited: Option<Hold>,
}

/// What holds an autoscaler back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// `maxReplicas`.
    Max,
    /// `minReplicas`.
    Min,
    /// The policies of `scaleUp`.
    UpPolicies,
    /// The policies of `scaleDown`.
    DownPolicies,
    /// The window of `scaleUp`.
    UpWindow,
    /// The window of `scaleDown`.
    DownWindow,
    /// A metric failed, so that nothing is done.
    Metrics,
}

/// What a stretch of time comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// Its start in seconds.
    pub from_s: f64,
    /// Its end in seconds.
    pub to_s: f64,
    /// Mean of what clients offered: requests per second, or users.
    pub offered_mean: f64,
    /// The fewest `spec.replicas`.
    pub replicas_min: i32,
    /// The mean of `spec.replicas`.
    pub replicas_mean: f64,
    /// The most `spec.replicas`.
    pub replicas_max: i32,
    /// `spec.replicas` at the end.
    pub replicas_end: i32,
    /// Of each goal.
    pub goals: Vec<Reached>,
    /// Requests that were answered.
    pub answered: f64,
    /// Requests that were not.
    pub failed: f64,
    /// Pods times hours, those that start and those that an update adds included.
    pub pod_hours: f64,
    /// From the start to the most ready pods, in seconds; `None` where it never had more than at the start.
    pub scale_up_s: Option<f64>,
    /// From the start to the last scale-down, in seconds; `None` where there was none. With one at the very start it
    /// begins already.
    pub scale_down_s: Option<f64>,
    /// How long each metric decided, in seconds, in the order of the spec.
    pub bound_s: Vec<f64>,
    /// How long each thing held the autoscaler back, in seconds.
    pub held_s: Vec<(Hold, f64)>,
    /// Share of the budget of each goal that was spent meanwhile, in the order of [`Self::held_s`].
    pub held_budget: Vec<Vec<f64>>,
    /// How long fewer pods were ready than `spec.replicas` says, in seconds.
    pub starting_s: f64,
    /// Share of the budget of each goal that was spent meanwhile.
    pub starting_budget: Vec<f64>,
    /// How long pods were at more than the model can tell the latency of, in seconds.
    pub saturated_s: f64,
}

/// A change of `spec.replicas`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// When, in seconds.
    pub at_s: f64,
    /// Replicas before.
    pub from: i32,
    /// Replicas after.
    pub to: i32,
    /// The metric that asked for it, by its place in the spec; `None` for KEDA, and for `minReplicas` and `maxReplicas`.
    pub metric: Option<usize>,
}

/// A rolling update of all pods.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// When it began, in seconds.
    pub at_s: f64,
    /// When all pods were of the new version, in seconds; `None` if the run, or the next update, came before.
    pub end_s: Option<f64>,
    /// The fewest pods that were ready meanwhile.
    pub fewest_ready: i32,
    /// The most pods that there were meanwhile.
    pub most_pods: i32,
    /// Share of the budget of each goal that was spent meanwhile.
    pub budget: Vec<f64>,
}

/// How a goal was kept.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reached {
    /// Mean of the minutes' quantiles in seconds, saturated ones left out; `None` without any.
    pub mean_s: Option<f64>,
    /// The worst minute.
    pub worst: Quantile,
    /// How long the quantile was above the bound, in seconds.
    pub above_s: f64,
    /// Requests that took longer than the bound, or failed.
    pub bad: f64,
    /// Share of the error budget of the whole window that they spend, at the mean rate of the run.
    pub budget_spent: f64,
}

/// A finished run.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Each stage of the load.
    pub stages: Vec<Stage>,
    /// All of them.
    pub total: Stage,
    /// Its course.
    pub minutes: Vec<Minute>,
    /// What the autoscaler did, in order.
    pub events: Vec<Event>,
    /// When each metric decided first, in seconds, in the order of the spec.
    pub first_bound_s: Vec<Option<f64>>,
    /// Rolling updates, in order.
    pub updates: Vec<Update>,
    /// Requests that still wait at the end for pods that are asked for more than they can serve: neither answered nor
    /// failed, and in no budget.
    pub left_waiting: f64,
}

/// Runs `scenario` under `load` with rolling updates at `updates`, in seconds; `each` sees the steps.
pub fn run(
    scenario: &Scenario,
    load: &Load,
    updates: &[f64],
    mut each: impl FnMut(&Step<'_>),
) -> Summary {
    let mut recorder = Recorder::new(scenario, load);
    engine::run(scenario, load, updates, |step| {
        recorder.add(step);
        each(step);
    });
    recorder.finish()
}

/// Gathers a [`Summary`] step by step.
#[derive(Debug)]
pub struct Recorder<'a> {
    goals: &'a [Goal],
    period_s: f64,
    stages: Vec<Gathered>,
    stage: usize,
    total: Gathered,
    minutes: Vec<Minute>,
    minute: Vec<Part>,
    current: Minute,
    length_s: f64,
    binding: Option<usize>,
    hold: Option<Hold>,
    replicas: i32,
    events: Vec<Event>,
    first_bound_s: Vec<Option<f64>>,
    bad: Vec<(f64, bool)>,
    updates: Vec<Update>,
    updating: bool,
    left_waiting: f64,
}

/// What one step adds to its minute's mixture of latencies.
#[derive(Clone, Copy, Debug)]
struct Part {
    answered: f64,
    pod: Operating,
}

#[derive(Debug, Default)]
struct Gathered {
    stage: Stage,
    begun: bool,
    weighted_replicas: f64,
    most_ready: i32,
    latency_sum: Vec<(f64, u32)>,
}

const MINUTE_S: f64 = 60.0;

impl<'a> Recorder<'a> {
    /// For a run of `scenario` under `load`.
    pub fn new(scenario: &'a Scenario, load: &Load) -> Self {
        let metrics = match &scenario.scaler {
            Scaler::Fixed => 0,
            Scaler::Auto(auto) => auto.signals.len(),
        };
        let gathered = |name: &str, from_s, to_s| Gathered {
            stage: Stage {
                name: name.to_owned(),
                from_s,
                to_s,
                goals: vec![Reached::default(); scenario.goals.len()],
                bound_s: vec![0.0; metrics],
                starting_budget: vec![0.0; scenario.goals.len()],
                ..Stage::default()
            },
            latency_sum: vec![(0.0, 0); scenario.goals.len()],
            ..Gathered::default()
        };
        Self {
            goals: &scenario.goals,
            period_s: scenario.period_s,
            stages: load.stages().iter().map(|it| gathered(&it.name, it.from_s, it.to_s)).collect(),
            stage: 0,
            total: gathered("total", 0.0, load.duration_s()),
            minutes: Vec::new(),
            minute: Vec::new(),
            current: Minute::default(),
            length_s: 0.0,
            binding: None,
            hold: None,
            replicas: scenario.initial,
            events: Vec::new(),
            first_bound_s: vec![None; metrics],
            bad: Vec::with_capacity(scenario.goals.len()),
            updates: Vec::new(),
            updating: false,
            left_waiting: 0.0,
        }
    }

    /// Adds a step.
    pub fn add(&mut self, step: &Step<'_>) {
        if step.at_s >= self.current.at_s + MINUTE_S {
            self.close_minute();
            self.current.at_s = (step.at_s / MINUTE_S).floor() * MINUTE_S;
        }
        while self.stages.get(self.stage).is_some_and(|it| step.at_s >= it.stage.to_s)
            && self.stage + 1 < self.stages.len()
        {
            // A minute that spans two stages belongs to the one that it began in.
            self.stage += 1;
        }
        if let Some(decision) = step.sync.and_then(|sync| sync.decision) {
            self.hold = hold(decision.course);
            if let Course::Metrics { binding, .. } = decision.course {
                self.binding = binding;
                if let Some(first) = binding.and_then(|at| self.first_bound_s.get_mut(at)) {
                    first.get_or_insert(step.at_s);
                }
            }
        }
        let (binding, held) = (self.binding, self.hold);
        if step.replicas != self.replicas {
            let decided = step.sync.and_then(|sync| sync.decision).map(|decision| decision.course);
            let metric = match decided {
                Some(Course::Metrics { binding, .. }) => binding,
                _ => None,
            };
            let from = std::mem::replace(&mut self.replicas, step.replicas);
            self.events.push(Event { at_s: step.at_s, from, to: step.replicas, metric });
        }
        self.bad.clear();
        self.bad.extend(self.goals.iter().map(|goal| bad(goal, step)));
        let current = self.stages.get_mut(self.stage);
        for gathered in current.into_iter().chain([&mut self.total]) {
            gathered.add(step, &self.bad, binding, held);
        }
        self.add_update(step);
        // What takes less than a second is on its way.
        self.left_waiting = if step.waiting > step.throughput { step.waiting } else { 0.0 };
        let minute = &mut self.current;
        let length_s = step.length_s;
        minute.offered += step.offered.value() * length_s;
        minute.throughput += step.throughput * length_s;
        minute.failed += step.failed * length_s;
        minute.replicas = step.replicas;
        minute.ready =
            if self.minute.is_empty() { step.ready } else { minute.ready.min(step.ready) };
        if let Some(pod) = step.pod {
            minute.in_flight += pod.in_flight * length_s;
            minute.utilization += pod.utilisation * length_s;
            self.minute.push(Part { answered: step.throughput * length_s, pod });
        }
        self.length_s += length_s;
    }

    fn add_update(&mut self, step: &Step<'_>) {
        if let (None, true, Some(last)) = (step.update, self.updating, self.updates.last_mut()) {
            last.end_s = Some(step.at_s);
        }
        self.updating = step.update.is_some();
        if step.update == Some(Rollout::Begins) {
            self.updates.push(Update {
                at_s: step.at_s,
                end_s: None,
                fewest_ready: step.ready,
                most_pods: step.pods,
                budget: vec![0.0; self.goals.len()],
            });
        }
        if let (true, Some(update)) = (self.updating, self.updates.last_mut()) {
            update.fewest_ready = update.fewest_ready.min(step.ready);
            update.most_pods = update.most_pods.max(step.pods);
            add_all(&mut update.budget, &self.bad);
        }
    }

    /// The summary.
    pub fn finish(mut self) -> Summary {
        self.close_minute();
        let total = &self.total.stage;
        let requests = total.answered + total.failed;
        let rate = if total.to_s > 0.0 { requests / total.to_s } else { 0.0 };
        let budgets: Vec<f64> =
            self.goals.iter().map(|goal| (1.0 - goal.quantile) * rate * self.period_s).collect();
        let finish = |gathered: Gathered| gathered.finish(&budgets);
        let mut updates = self.updates;
        for update in &mut updates {
            as_shares(&mut update.budget, &budgets);
        }
        Summary {
            stages: self.stages.into_iter().map(finish).collect(),
            total: finish(self.total),
            minutes: self.minutes,
            events: self.events,
            first_bound_s: self.first_bound_s,
            updates,
            left_waiting: self.left_waiting,
        }
    }

    fn close_minute(&mut self) {
        if self.length_s <= 0.0 {
            return;
        }
        let at_s = self.current.at_s;
        let mut minute = std::mem::take(&mut self.current);
        for value in [
            &mut minute.offered,
            &mut minute.throughput,
            &mut minute.failed,
            &mut minute.in_flight,
            &mut minute.utilization,
        ] {
            *value /= self.length_s;
        }
        minute.binding = self.binding;
        minute.limited = self.hold;
        minute.latency =
            self.goals.iter().map(|goal| mixture(&self.minute, goal.quantile)).collect();
        let stage = self.stages.iter_mut().rev().find(|it| it.stage.from_s <= at_s);
        for gathered in stage.into_iter().chain([&mut self.total]) {
            for ((latency, reached), sum) in
                minute.latency.iter().zip(&mut gathered.stage.goals).zip(&mut gathered.latency_sum)
            {
                reached.worst = reached.worst.worse(*latency);
                if let Quantile::Seconds(seconds) = latency {
                    sum.0 += seconds;
                    sum.1 += 1;
                }
            }
        }
        self.minutes.push(minute);
        self.minute.clear();
        self.length_s = 0.0;
        self.current.at_s = at_s;
    }
}

/// What held the autoscaler back in a sync.
pub(super) fn hold(course: Course) -> Option<Hold> {
    let normalised = match course {
        Course::Disabled => return None,
        Course::AboveMax => return Some(Hold::Max),
        Course::BelowMin => return Some(Hold::Min),
        Course::Stopped => return Some(Hold::Metrics),
        Course::Metrics { normalised, .. } => normalised,
    };
    match (normalised.limit, normalised.stabilization) {
        (Limit::TooManyReplicas, _) => Some(Hold::Max),
        (Limit::ScaleUpLimit, _) => Some(Hold::UpPolicies),
        (Limit::ScaleDownLimit, _) => Some(Hold::DownPolicies),
        (_, Stabilization::ScaleUpStabilized) => Some(Hold::UpWindow),
        (_, Stabilization::ScaleDownStabilized) => Some(Hold::DownWindow),
        (Limit::TooFewReplicas, _) => Some(Hold::Min),
        (Limit::DesiredWithinRange, Stabilization::ReadyForNewScale) => None,
    }
}

/// Requests of `step` that miss `goal`, and whether its quantile does.
fn bad(goal: &Goal, step: &Step<'_>) -> (f64, bool) {
    let failed = step.failed * step.length_s;
    let Some(pod) = &step.pod else { return (failed, failed > 0.0) };
    let good = pod.fraction_below(goal.below_s);
    let slow = step.throughput * step.length_s * (1.0 - good);
    (slow + failed, step.throughput > 0.0 && good < goal.quantile)
}

/// The quantile of all requests together: between the lowest and the highest of the parts', where as many are below as
/// should be.
fn mixture(parts: &[Part], quantile: f64) -> Quantile {
    let parts = || parts.iter().filter(|part| part.answered > 0.0);
    let all: f64 = parts().map(|part| part.answered).sum();
    let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
    for part in parts() {
        let Some(own) = part.pod.percentile(quantile * 100.0) else { return Quantile::Saturated };
        low = low.min(own);
        high = high.max(own);
    }
    if all <= 0.0 {
        return Quantile::Idle;
    }
    // A tenth of a millisecond is far within what the model can tell.
    while high - low > 1e-4 {
        let middle = f64::midpoint(low, high);
        let below: f64 = parts().map(|part| part.answered * part.pod.fraction_below(middle)).sum();
        if below < quantile * all { low = middle } else { high = middle }
    }
    Quantile::Seconds(f64::midpoint(low, high))
}

impl Gathered {
    fn add(
        &mut self,
        step: &Step<'_>,
        bad: &[(f64, bool)],
        binding: Option<usize>,
        held: Option<Hold>,
    ) {
        let stage = &mut self.stage;
        let length_s = step.length_s;
        let since_s = step.at_s - stage.from_s;
        if self.begun {
            if step.replicas < stage.replicas_end {
                stage.scale_down_s = Some(since_s);
            }
            stage.replicas_min = stage.replicas_min.min(step.replicas);
            stage.replicas_max = stage.replicas_max.max(step.replicas);
        } else {
            self.begun = true;
            (stage.replicas_min, stage.replicas_max) = (step.replicas, step.replicas);
            self.most_ready = step.ready;
        }
        if step.ready > self.most_ready {
            self.most_ready = step.ready;
            stage.scale_up_s = Some(since_s);
        }
        stage.replicas_end = step.replicas;
        stage.offered_mean += step.offered.value() * length_s;
        self.weighted_replicas += f64::from(step.replicas) * length_s;
        stage.answered += step.throughput * length_s;
        stage.failed += step.failed * length_s;
        stage.pod_hours += f64::from(step.pods) * length_s / 3600.0;
        for (reached, (bad, above)) in stage.goals.iter_mut().zip(bad) {
            reached.bad += bad;
            reached.above_s += if *above { length_s } else { 0.0 };
        }
        if let Some(bound) = binding.and_then(|at| stage.bound_s.get_mut(at)) {
            *bound += length_s;
        }
        if step.ready < step.replicas {
            stage.starting_s += length_s;
            add_all(&mut stage.starting_budget, bad);
        }
        if step.pod.is_some_and(|pod| pod.saturated) {
            stage.saturated_s += length_s;
        }
        if let Some(held) = held {
            let known = stage.held_s.iter().position(|(hold, _)| *hold == held);
            let at = known.unwrap_or_else(|| {
                stage.held_s.push((held, 0.0));
                stage.held_budget.push(vec![0.0; bad.len()]);
                stage.held_s.len() - 1
            });
            if let (Some((_, seconds)), Some(spent)) =
                (stage.held_s.get_mut(at), stage.held_budget.get_mut(at))
            {
                *seconds += length_s;
                add_all(spent, bad);
            }
        }
    }

    fn finish(self, budgets: &[f64]) -> Stage {
        let mut stage = self.stage;
        let length_s = stage.to_s - stage.from_s;
        let mean = |sum: f64| if length_s > 0.0 { sum / length_s } else { 0.0 };
        stage.replicas_mean = mean(self.weighted_replicas);
        stage.offered_mean = mean(stage.offered_mean);
        let lists = stage.held_budget.iter_mut().chain([&mut stage.starting_budget]);
        lists.for_each(|list| as_shares(list, budgets));
        for ((reached, budget), (sum, count)) in
            stage.goals.iter_mut().zip(budgets).zip(self.latency_sum)
        {
            reached.mean_s = (count > 0).then(|| sum / f64::from(count));
            reached.budget_spent = if *budget > 0.0 { reached.bad / budget } else { 0.0 };
        }
        stage
    }
}

fn add_all(sums: &mut [f64], bad: &[(f64, bool)]) {
    for (sum, (bad, _)) in sums.iter_mut().zip(bad) {
        *sum += bad;
    }
}

/// Makes of bad requests their shares of `budgets`.
fn as_shares(spent: &mut [f64], budgets: &[f64]) {
    for (spent, budget) in spent.iter_mut().zip(budgets) {
        *spent = if *budget > 0.0 { *spent / budget } else { 0.0 };
    }
}
