//! The loop: load, pods, latency, metrics, autoscaler, step by step.
//!
//! The model moves in steps of at most five seconds; Prometheus scrapes, metrics-server asks, the HPA syncs and
//! KEDA polls at the steps that fall on or first after their times. Within a step nothing changes.

use super::controller::{
    self, Counts, Decision, History, Observation, PodSamples, Reading, spec::SYNC_PERIOD_S,
    spec::Target,
};
use super::fleet::Fleet;
use super::keda::{self, Activity, Answer, Health};
use super::latency::{Backlog, Operating};
use super::load::{Load, Offered};
use super::pipeline::{self, Cpu, Scrapes, Served};
use super::scenario::{Auto, Scaler, Scenario, Scope, Signal};
use super::{Time, seconds};

/// The longest step in milliseconds: short against a scrape, long enough for a year of them.
const LONGEST_STEP: Time = seconds(5);

/// What happened in one step.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Its start, in seconds since that of the run.
    pub at_s: f64,
    /// Its length in seconds.
    pub length_s: f64,
    /// What clients offered.
    pub offered: Offered,
    /// `spec.replicas`.
    pub replicas: i32,
    /// Pods that exist, with those of an update.
    pub pods: i32,
    /// Pods that got requests.
    pub ready: i32,
    /// Where each ready pod worked; `None` without any.
    pub pod: Option<Operating>,
    /// Requests per second that were answered.
    pub throughput: f64,
    /// Requests per second that were not.
    pub failed: f64,
    /// Requests of an open load that wait at its end, for want of pods that could serve them.
    pub waiting: f64,
    /// What the autoscaler did at the start of the step.
    pub sync: Option<&'a Sync>,
    /// Whether a rolling update is under way.
    pub update: Option<Rollout>,
}

/// Where a rolling update is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rollout {
    /// It begins with this step, and replaces one that is not over.
    Begins,
    /// It began before.
    GoesOn,
}

/// A sync of the HPA, or a poll of KEDA that changed something.
#[derive(Clone, Debug, Default)]
pub struct Sync {
    /// What it did; `None` where only KEDA acted.
    pub decision: Option<Decision>,
    /// What each metric asks for, in the order of the spec.
    pub wishes: Vec<controller::Wish>,
    /// What KEDA did.
    pub keda: Option<keda::Step>,
}

/// Runs `scenario` under `load`, and hands each step to `each`. `update_s` are moments at which every pod is replaced.
pub fn run(scenario: &Scenario, load: &Load, update_s: &[f64], mut each: impl FnMut(&Step<'_>)) {
    let step = step(scenario.pipeline.interval);
    let end = milliseconds(load.duration_s());
    let mut world = World::new(scenario);
    let mut rollouts: Vec<Time> = update_s.iter().map(|at| milliseconds(*at)).collect();
    rollouts.sort_unstable();
    let mut rollouts = rollouts.into_iter().peekable();
    let mut now = 0;
    while now < end {
        let mut begins = false;
        while rollouts.next_if(|at| *at <= now).is_some() {
            begins = true;
        }
        if begins {
            world.fleet.update(now);
        }
        world.fleet.step(now);
        let synced = world.scale(now);
        let update = if begins {
            Some(Rollout::Begins)
        } else {
            world.fleet.is_updating().then_some(Rollout::GoesOn)
        };
        let length = step.min(end - now);
        let served = world.serve(now, length, load.at(in_seconds(now)), synced);
        each(&Step { update, ..served });
        now += length;
    }
}

/// A divisor of the HPA's period and, where it can be had, of the scrape interval.
fn step(interval: Time) -> Time {
    let fits = |step: &Time| interval % step == 0;
    [LONGEST_STEP, seconds(3)].into_iter().find(fits).unwrap_or(seconds(1))
}

fn milliseconds(seconds: f64) -> Time {
    #[expect(clippy::cast_possible_truncation, reason = "loads are bounded to some hundred days")]
    let milliseconds = (seconds * 1000.0).round() as Time;
    milliseconds
}

fn in_seconds(time: Time) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact for some hundred thousand years")]
    let seconds = time as f64 / 1000.0;
    seconds
}

/// How fast a user without an answer tries again, at the most, in seconds.
const MIN_THINK_S: f64 = 0.1;

/// Everything that changes.
struct World<'s> {
    scenario: &'s Scenario,
    fleet: Fleet,
    scrapes: Scrapes,
    cpu: Cpu,
    backlog: Backlog,
    hpa: Option<Hpa<'s>>,
    sync: Sync,
}

struct Hpa<'s> {
    auto: &'s Auto,
    history: History,
    next: Time,
    keda: Option<(&'s keda::ScaledObject, keda::State)>,
    health: Vec<Health>,
    series: Vec<Option<[i64; 1]>>,
}

impl<'s> World<'s> {
    fn new(scenario: &'s Scenario) -> Self {
        let hpa = match &scenario.scaler {
            Scaler::Fixed => None,
            Scaler::Auto(auto) => Some(Hpa {
                auto,
                history: History::default(),
                // The first sync is one period after the HPA is seen (`rate_limiters.go`).
                next: seconds(SYNC_PERIOD_S),
                keda: auto.keda.as_ref().map(|object| (object, keda::State::new(0))),
                health: vec![Health::default(); auto.signals.len()],
                series: Vec::with_capacity(auto.signals.len()),
            }),
        };
        Self {
            scenario,
            fleet: Fleet::new(scenario.lifecycle, scenario.initial),
            scrapes: Scrapes::new(scenario.pipeline.clone()),
            cpu: Cpu::default(),
            backlog: Backlog::default(),
            hpa,
            sync: Sync::default(),
        }
    }

    /// KEDA's poll and the HPA's sync, if it is time. True if something is to be told.
    fn scale(&mut self, now: Time) -> bool {
        let Some(hpa) = &mut self.hpa else { return false };
        self.sync.decision = None;
        self.sync.keda = None;
        self.sync.wishes.clear();
        let seen = Seen {
            scenario: self.scenario,
            fleet: &self.fleet,
            scrapes: &self.scrapes,
            cpu: &self.cpu,
            now,
        };
        if let Some((object, state)) = &mut hpa.keda
            && state.due(now)
        {
            let triggers = hpa.auto.signals.iter().map(|signal| seen.trigger(signal));
            let activity = Activity::of(triggers);
            let polled = state.poll(object, now, self.fleet.replicas(), activity);
            if polled.desired != self.fleet.replicas() {
                self.fleet.scale(polled.desired, now);
                self.sync.keda = Some(polled);
            }
        }
        if now < hpa.next {
            return self.sync.keda.is_some();
        }
        hpa.next = now + seconds(SYNC_PERIOD_S);
        let seen = Seen {
            scenario: self.scenario,
            fleet: &self.fleet,
            scrapes: &self.scrapes,
            cpu: &self.cpu,
            now,
        };
        let decision = hpa.sync(&seen, &mut self.sync.wishes);
        self.sync.decision = Some(decision);
        if decision.desired != self.fleet.replicas() {
            self.fleet.scale(decision.desired, now);
        }
        true
    }

    fn serve(&mut self, now: Time, length: Time, offered: Offered, synced: bool) -> Step<'_> {
        let ready = self.fleet.ready(now);
        let length_s = in_seconds(length);
        let model = &self.scenario.model;
        let pods = f64::from(ready);
        let (pod, failed) = match offered {
            Offered::Rate(rate) => {
                let pods = u32::try_from(ready).unwrap_or(0);
                let timeout_s = self.scenario.timeout_s;
                let step = self.backlog.step(model, length_s, rate, pods, timeout_s);
                (step.operating, step.failed / length_s)
            }
            // Users without pods get errors at once, and think.
            Offered::Users { users, think_s } if ready == 0 => {
                (None, users / think_s.max(MIN_THINK_S))
            }
            Offered::Users { users, think_s } => (Some(model.closed(users, think_s, pods)), 0.0),
        };
        let throughput = pod.map_or(0.0, |pod| pod.rps * pods);
        let end = now + length;
        if let Some(pod) = &pod {
            let served = Served { requests: pod.rps * length_s, in_flight: pod.gauge };
            self.scrapes.count(served, |bound| pod.fraction_below(bound));
            self.cpu.count(end, length, pod.cpu_cores);
        }
        self.scrapes.scrape(end);
        Step {
            at_s: in_seconds(now),
            length_s,
            offered,
            replicas: self.fleet.replicas(),
            pods: self.fleet.total(),
            ready,
            pod,
            throughput,
            failed,
            waiting: self.backlog.waiting(),
            sync: synced.then_some(&self.sync),
            update: None,
        }
    }
}

/// What the metrics APIs answer at one moment.
struct Seen<'w> {
    scenario: &'w Scenario,
    fleet: &'w Fleet,
    scrapes: &'w Scrapes,
    cpu: &'w Cpu,
    now: Time,
}

impl Hpa<'_> {
    fn sync(&mut self, seen: &Seen<'_>, wishes: &mut Vec<controller::Wish>) -> Decision {
        let Self { auto, history, health, series, keda, .. } = self;
        let ready = seen.fleet.ready(seen.now);
        series.clear();
        for (index, signal) in auto.signals.iter().enumerate() {
            let read = seen.of_fleet(signal);
            let target = match auto.spec.metrics.get(index).map(|metric| metric.target) {
                Some(Target::AverageValue(target)) => Some(keda::Target::AverageValue(target)),
                Some(Target::Value(target)) => Some(keda::Target::Value(target)),
                Some(Target::Utilization(_) | Target::Unset) | None => None,
            };
            let fallback = keda.as_ref().and_then(|(object, _)| object.fallback.as_ref());
            let answer = match (health.get_mut(index), target) {
                (Some(health), Some(target)) => {
                    keda::answer(fallback, health, read, target, seen.fleet.replicas(), ready)
                }
                _ => read.map_or(Answer::Failed, Answer::Read),
            };
            series.push(match answer {
                Answer::Read(value) | Answer::Fallback(value) => Some([value]),
                Answer::Failed => None,
            });
        }
        let readings: Vec<Reading<'_>> = auto
            .signals
            .iter()
            .zip(series.iter())
            .zip(&auto.spec.metrics)
            .map(|((signal, series), metric)| match signal {
                Signal::Latency { scope: Scope::Fleet, .. } | Signal::InFlight(Scope::Fleet) => {
                    series.as_ref().map_or(Reading::Failed, |series| Reading::Series(series))
                }
                Signal::Latency { quantile, scope: Scope::Pod, .. } => {
                    Reading::Pods(seen.of_pods(|seen_by| seen.scrapes.latency(*quantile, seen_by)))
                }
                Signal::InFlight(Scope::Pod) => {
                    Reading::Pods(seen.of_pods(|seen_by| seen.scrapes.in_flight(seen_by)))
                }
                Signal::Cpu => seen.cpu(metric.target, &auto.flags),
            })
            .collect();
        let fleet = controller::Fleet {
            replicas: seen.fleet.replicas(),
            status_replicas: seen.fleet.total(),
            pods: seen.fleet.total(),
            ready,
        };
        let observation = Observation { now: seen.now, fleet, readings: &readings };
        controller::reconcile(&auto.spec, &auto.flags, history, &observation, wishes)
    }
}

impl Seen<'_> {
    /// A custom metric of each pod: pods that no scrape has seen long enough have none.
    fn of_pods(&self, value: impl Fn(usize) -> Option<f64>) -> PodSamples {
        let mut counts = Counts::default();
        let mut usage = 0;
        let mut last: Option<(Time, Option<i64>)> = None;
        for pod in self.fleet.pods() {
            // Pods that became ready together have the same value.
            let read = match last {
                Some((since, read)) if since == pod.ready_at => read,
                _ => value(self.scrapes.seen(self.now, pod.ready_at)).map(pipeline::thousandths),
            };
            last = Some((pod.ready_at, read));
            match read {
                Some(value) => {
                    counts.ready += 1;
                    usage += value;
                }
                None => counts.missing += 1,
            }
        }
        PodSamples::alike(counts, usage, None, 0)
    }

    /// CPU of each pod, believed only once a pod has been ready for the whole of a sample's window.
    fn cpu(&self, target: Target, flags: &controller::Flags) -> Reading<'static> {
        let (Some(shown), Target::Utilization(target)) = (self.cpu.shown(), target) else {
            return Reading::Failed;
        };
        let mut counts = Counts::default();
        for pod in self.fleet.pods() {
            let young = pod.created.saturating_add(seconds(flags.cpu_initialization_s)) > self.now;
            let unready = pod.ready_at > self.now;
            let doubted =
                if young { unready || shown.at < pod.ready_at + shown.window } else { unready };
            *(if doubted { &mut counts.unready } else { &mut counts.ready }) += 1;
        }
        // metrics-server hands out nano-cores, and the controller rounds each pod's up.
        #[expect(clippy::cast_possible_truncation, reason = "cores of one pod in thousandths")]
        let each = (shown.cores * 1000.0 - 1e-6).ceil() as i64;
        let usage = each.saturating_mul(counts.ready);
        Reading::Pods(PodSamples::alike(counts, usage, self.scenario.cpu_request, target))
    }

    /// What KEDA reads of the whole service, in thousandths; `None` where its query fails.
    fn of_fleet(&self, signal: &Signal) -> Option<i64> {
        match signal {
            Signal::Latency { quantile, scope: Scope::Fleet, millis } => {
                let all = self.scrapes.seen(self.now, Time::MIN);
                // The query yields 0 where nothing was asked, and nothing without samples.
                let seconds = self.scrapes.latency(*quantile, all)?;
                let seconds = if seconds.is_nan() { 0.0 } else { seconds };
                Some(keda::thousandths(if *millis { seconds * 1000.0 } else { seconds }))
            }
            Signal::InFlight(Scope::Fleet) => {
                let ready = self.fleet.pods().map(|pod| pod.ready_at);
                // Without any series the query yields 0 (`or vector(0)`).
                let total = self.scrapes.in_flight_of_fleet(self.now, ready).unwrap_or(0.0);
                Some(keda::thousandths(total))
            }
            _ => None,
        }
    }

    fn trigger(&self, signal: &Signal) -> keda::Trigger {
        match signal {
            Signal::Cpu => keda::Trigger::Resource,
            _ => match self.of_fleet(signal) {
                // `activationThreshold` is 0 where slogen writes none.
                Some(value) => keda::Trigger::External { active: value > 0 },
                None => keda::Trigger::Failed,
            },
        }
    }
}

#[cfg(test)]
mod tests;
