//! Fits the model to points, and asks how far each value could be elsewhere.

use crate::units::Invalid;

use super::super::latency::{Gauge, Model, Operating, Service};
use super::points::{Point, Problem, Users};
use super::simplex;

/// What is known without a fit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Given {
    /// Servers of one pod.
    pub servers: Option<f64>,
}

/// A fitted value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// The best value.
    pub value: f64,
    /// The lowest that fits the points as well.
    pub low: f64,
    /// The highest.
    pub high: f64,
    /// The points determine it; otherwise it is an assumption.
    pub determined: bool,
}

/// One measured value, and what the model makes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Residual {
    /// The point, by its index.
    pub point: usize,
    /// `p95`, `rps` and so on; without a name for the part of an offered rate that exceeds all capacity.
    pub what: String,
    /// What was measured: seconds, requests per second, requests or cores.
    pub measured: f64,
    /// What the model says.
    pub model: f64,
    /// The pod was saturated there, where the model does not claim to know responses.
    pub saturated: bool,
    weight: f64,
}

impl Residual {
    /// The model by what was measured, as a fraction beyond 1: 0.05 for 5 % too much.
    pub fn error(&self) -> f64 {
        self.model / self.measured - 1.0
    }

    fn squared(&self) -> f64 {
        self.weight * (self.model / self.measured).ln().powi(2)
    }
}

/// The service that fits best.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// Seconds.
    pub floor_s: Found,
    /// Standard deviation by mean.
    pub floor_cv: Found,
    /// Seconds.
    pub service_s: Found,
    /// Servers of one pod.
    pub servers: Found,
    /// It was not fitted, but given.
    pub servers_given: bool,
    /// Requests per second that one pod serves at most.
    pub capacity_rps: Found,
    /// Core-seconds; `None` if no point says `cpu`.
    pub cpu_s: Option<Found>,
    /// Pause of users in seconds; `None` if no point left it open.
    pub think_s: Option<Found>,
    /// The same for all users, as the points say.
    pub stated_think_s: Option<f64>,
    /// The highest utilisation among the points.
    pub busiest: f64,
    /// Each measured value.
    pub residuals: Vec<Residual>,
}

/// By how much measured values scatter at least, as a fraction: two runs of the same load hardly agree better.
const SCATTER: f64 = 0.03;

/// How much worse than the best a fit may be that counts as good, in squares of the scatter: the 90 % point of χ²
/// with one degree of freedom.
const AS_GOOD: f64 = 2.71;

/// A range wider than this, highest by lowest, determines nothing.
const WIDE: f64 = 2.0;

/// Below this utilisation a pod shows nothing of what it can serve.
const HALF_LOAD: f64 = 0.5;

/// How far a range is followed, as a factor.
const FARTHEST: f64 = 8.0;

/// How strongly what no point tells is drawn to the usual: so weakly that it moves nothing that a point tells.
const USUAL_WEIGHT: f64 = 1e-6;

/// The usual variation of a floor. With the exponential service beside it, P95 is about 1.7 times the mean.
const USUAL_CV: f64 = 0.4;

/// What all free values are in a fit; their logarithms are what the simplex moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Axis {
    Floor,
    Variation,
    /// `S`, or with [`Question::by_capacity`] `c/S`.
    Service,
    Servers,
    Think,
}

/// The fit as a question of what is still free.
struct Question<'a> {
    points: &'a [Point],
    axes: Vec<Axis>,
    /// Values of axes that are held.
    held: Vec<(Axis, f64)>,
    by_capacity: bool,
    /// Some response at low load, in seconds: the scale of everything.
    scale_s: f64,
}

/// All values of one trial.
#[derive(Clone, Copy, Debug)]
struct Trial {
    service: Service,
    think_s: f64,
    /// How far it is outside of what makes sense.
    excess: f64,
}

/// The service behind `points`; what is wrong with them if nothing can be behind them.
pub fn fit(points: &[Point], given: &Given) -> Result<Fit, Vec<Problem>> {
    enough(points, given)?;
    let open_think = needs_think(points);
    let mut axes = vec![Axis::Floor, Axis::Variation, Axis::Service];
    let mut held = Vec::new();
    match given.servers {
        Some(servers) => held.push((Axis::Servers, servers)),
        None => axes.push(Axis::Servers),
    }
    if open_think {
        axes.push(Axis::Think);
    }
    let scale_s = scale(points);
    let question = Question { points, axes, held, by_capacity: false, scale_s };
    let mut best = question.best_of_starts();
    let mut settled = question;
    if given.servers.is_none() {
        // Servers are whole; what lies between two of them only served the search.
        let whole = settled.value(&best.0, Axis::Servers).max(1.0);
        let tries = [whole.floor(), whole.ceil()].map(|servers| {
            let question = settled.holding(Axis::Servers, servers);
            let from = question.reduced(&settled, &best.0);
            (question.polished(&from), question)
        });
        let [low, high] = tries;
        let (chosen, question) = if high.0.1 < low.0.1 { high } else { low };
        let free = settled;
        let servers = question.value(&chosen.0, Axis::Servers);
        best = (free.extended(&question, &chosen.0), chosen.1);
        let ranges = free.ranges(&best, servers);
        return Ok(answer(&question, &chosen, ranges, given));
    }
    let servers = settled.value(&best.0, Axis::Servers);
    let ranges = settled.ranges(&best, servers);
    settled.by_capacity = false;
    Ok(answer(&settled, &best, ranges, given))
}

/// Whether the points can tell anything; each problem names its point.
fn enough(points: &[Point], given: &Given) -> Result<(), Vec<Problem>> {
    let problem = |place: &str, message: &str, help: &str| {
        vec![Problem { place: place.to_owned(), invalid: Invalid::new(message, help) }]
    };
    let timed = |point: &Point| !point.percentiles.is_empty() || point.mean_s.is_some();
    if !points.iter().any(timed) {
        return Err(problem(
            "the points",
            "none says how long requests take",
            "add a percentile such as `p95=900ms` to a point, best `p50` and `p95` of a run at low load",
        ));
    }
    if given.servers.is_some_and(|servers| !(1.0..=10_000.0).contains(&servers)) {
        return Err(problem(
            "the number of servers",
            "it is not from 1 to 10000",
            "write how many requests a pod works on at once",
        ));
    }
    // What tells the pause of users who state none.
    let tells = |point: &Point| point.users.is_some() && point.rps.is_some();
    if needs_think(points) && !points.iter().any(tells) {
        let place = points.iter().find(|point| lacks_think(point));
        let place = place.map_or("the points", |point| point.place.as_str());
        return Err(problem(
            place,
            "it says `users`, but neither how long they pause nor what was served, so their load is unknown",
            "add `think=1s` (0s if they do not pause), `--think-time` for all points, or the `rps` that were served",
        ));
    }
    Ok(())
}

/// Users whose pause is not stated.
fn lacks_think(point: &Point) -> bool {
    point.users.is_some_and(|users| users.think_s.is_none())
}

/// A lone user never waits, so only what it loads a pod with hangs on its pause.
fn needs_think(points: &[Point]) -> bool {
    let alone = |point: &Point| {
        point.users.is_some_and(|users| users.count <= 1.0)
            && point.cpu_cores.is_none()
            && point.rps.is_none()
    };
    points.iter().any(|point| lacks_think(point) && !alone(point))
}

/// The quickest typical response of all points, in seconds.
fn scale(points: &[Point]) -> f64 {
    let typical = points.iter().filter_map(|point| {
        let (percent, value) = point.percentiles.first()?;
        Some(if *percent > 75.0 { value / 1.7 } else { *value })
    });
    let means = points.iter().filter_map(|point| point.mean_s);
    typical.chain(means).fold(f64::INFINITY, f64::min)
}

impl Question<'_> {
    fn trial(&self, at: &[f64]) -> Trial {
        let floor_s = self.value(at, Axis::Floor);
        let floor_cv = self.value(at, Axis::Variation);
        let servers = self.value(at, Axis::Servers);
        let service = self.value(at, Axis::Service);
        let service_s = if self.by_capacity { servers / service } else { service };
        let think_s = self.value(at, Axis::Think);
        let mut excess = 0.0;
        let mut within = |value: f64, low: f64, high: f64| {
            let inside = value.clamp(low, high);
            excess += (value / inside).ln().abs();
            inside
        };
        let service = Service {
            floor_s: within(floor_s, self.scale_s * 1e-3, self.scale_s * 1e2),
            floor_cv: within(floor_cv, 0.01, 5.0),
            service_s: within(service_s, self.scale_s * 1e-4, self.scale_s * 1e2),
            servers: within(servers, 1.0, 1_000.0),
            cpu_s: 0.0,
            cap: None,
            gauge: Gauge::Outside,
        };
        let think_s = if self.axes.contains(&Axis::Think) {
            within(think_s, self.scale_s * 1e-4, 3_600.0)
        } else {
            think_s
        };
        Trial { service, think_s, excess }
    }

    /// The value of an axis, held or free; 0 for a pause that nobody asks for.
    fn value(&self, at: &[f64], axis: Axis) -> f64 {
        let free = self.axes.iter().zip(at).find(|(it, _)| **it == axis).map(|(_, x)| x.exp());
        let held = || self.held.iter().find(|(it, _)| *it == axis).map(|(_, value)| *value);
        free.or_else(held).unwrap_or(0.0)
    }

    /// How badly a trial fits.
    fn misfit(&self, at: &[f64]) -> f64 {
        let trial = self.trial(at);
        let Ok(model) = Model::new(trial.service) else { return f64::INFINITY };
        let mut sum = trial.excess.powi(2);
        let mut cpu = Cpu::default();
        for point in self.points {
            each(point, &model, trial.think_s, |residual| sum += residual.squared(), &mut cpu);
        }
        let Service { floor_cv, service_s, servers, .. } = trial.service;
        // Without a better word a request keeps a server busy for as long as it uses CPU, or a tenth of its time.
        let usual_s = cpu.per_request().unwrap_or(self.scale_s / 10.0);
        let usual = [floor_cv / USUAL_CV, service_s / usual_s, servers];
        sum += usual.iter().map(|ratio| USUAL_WEIGHT * ratio.ln().powi(2)).sum::<f64>();
        if let Some(cpu_s) = cpu.per_request() {
            sum += (cpu_s / (service_s * servers)).ln().max(0.0).powi(2);
        }
        sum + cpu.scatter()
    }

    fn best_of_starts(&self) -> (Vec<f64>, f64) {
        let rates = self.points.iter().filter_map(|point| Some(point.rps? / point.replicas));
        let highest = rates.fold(0.0, f64::max);
        let think = self.points.iter().find_map(|point| {
            Some(point.users?.count / point.rps? - self.scale_s).filter(|pause| *pause > 0.0)
        });
        let mut best: Option<(Vec<f64>, f64)> = None;
        for share in [0.05, 0.3, 0.8] {
            for servers in [1.0, 3.0, 16.0] {
                let servers = self.held.first().map_or(servers, |(_, servers)| *servers);
                let mut service = share * self.scale_s;
                if highest > 0.0 {
                    service = service.min(servers / highest / 1.1);
                }
                let start: Vec<f64> = self.axes.iter().map(|axis| match axis {
                    Axis::Floor => (1.0 - share) * self.scale_s,
                    Axis::Variation => USUAL_CV,
                    Axis::Service => service,
                    Axis::Servers => servers,
                    Axis::Think => think.unwrap_or(self.scale_s),
                });
                let start: Vec<f64> = start.into_iter().map(f64::ln).collect();
                let found = simplex::minimum(&start, 0.4, 500, |at| self.misfit(at));
                if best.as_ref().is_none_or(|(_, lowest)| found.1 < *lowest) {
                    best = Some(found);
                }
            }
        }
        let (start, _) = best.unwrap_or_default();
        self.polished(&start)
    }

    /// A simplex that has shrunk early goes on from where it stands.
    fn polished(&self, start: &[f64]) -> (Vec<f64>, f64) {
        let mut found = (start.to_vec(), f64::INFINITY);
        for edge in [0.3, 0.1, 0.05] {
            found = simplex::minimum(&found.0, edge, 400, |at| self.misfit(at));
        }
        found
    }
}
