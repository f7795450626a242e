//! Fits the model to points, and asks how far each value could be elsewhere.

use crate::units::Invalid;

use super::super::latency::{Gauge, Model, Operating, Service};
use super::points::{Point, Problem};
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
    /// `p95`, `rps` and so on, as in the point.
    pub what: String,
    /// What was measured: seconds, requests per second, requests or cores.
    pub measured: f64,
    /// What the model says.
    pub model: f64,
    /// The pod was saturated there, where the model does not claim to know responses.
    pub saturated: bool,
}

impl Residual {
    /// The model by what was measured, as a fraction beyond 1: 0.05 for 5 % too much.
    pub fn error(&self) -> f64 {
        self.model / self.measured - 1.0
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
    /// They were given, not fitted.
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
pub(super) const HALF_LOAD: f64 = 0.5;

/// How far a range is followed, as a factor.
const FARTHEST: f64 = 8.0;

/// How strongly what no point tells is drawn to the usual: so weakly that it moves nothing that a point tells.
const USUAL_WEIGHT: f64 = 1e-6;

/// The usual variation of a floor. With the exponential service beside it, P95 is about 1.7 times the mean.
const USUAL_CV: f64 = 0.4;

/// The logarithms of a trial's values, in the order of the constants below.
type Values = [f64; 5];
const FLOOR: usize = 0;
const VARIATION: usize = 1;
/// `S`, or `c/S` with [`Question::by_capacity`].
const SERVICE: usize = 2;
const SERVERS: usize = 3;
const THINK: usize = 4;

/// Which values a fit may move.
type Free = [bool; 5];

/// The points, and how values are read.
#[derive(Clone, Copy)]
struct Question<'a> {
    points: &'a [Point],
    by_capacity: bool,
    /// Some response at low load, in seconds: the scale of everything.
    scale_s: f64,
}

/// The service behind `points`; what is wrong with them if nothing can be behind them.
pub fn fit(points: &[Point], given: &Given) -> Result<Fit, Vec<Problem>> {
    enough(points, given)?;
    let question = Question { points, by_capacity: false, scale_s: scale(points) };
    let mut free = [true, true, true, given.servers.is_none(), needs_think(points)];
    let searched = question.best_of_starts(given.servers, free);
    let mut best = searched;
    if given.servers.is_none() {
        // Servers are whole; what lies between two of them only served the search.
        let found = searched.0[SERVERS].exp().max(1.0);
        let unknown = question.busiest(&searched.0) < HALF_LOAD;
        let whole = if unknown { [1.0, 1.0] } else { [found.floor(), found.ceil()] };
        free[SERVERS] = false;
        let [low, high] = whole.map(|servers| {
            let mut from = searched.0;
            from[SERVERS] = servers.ln();
            question.polished(from, free)
        });
        best = if high.1 < low.1 { high } else { low };
        free[SERVERS] = true;
    }
    Ok(question.answer(&best, searched.1.min(best.1), free, given))
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
    /// The service and the pause that `at` means, and how far `at` is outside of what makes sense.
    fn trial(&self, at: &Values) -> (Service, f64, f64) {
        let mut excess = 0.0;
        let mut within = |log: f64, low: f64, high: f64| {
            let inside = log.clamp(low.ln(), high.ln());
            excess += (log - inside).abs();
            inside.exp()
        };
        let scale_s = self.scale_s;
        let servers = within(at[SERVERS], 1.0, 1_000.0);
        let service = if self.by_capacity { servers.ln() - at[SERVICE] } else { at[SERVICE] };
        let service = Service {
            floor_s: within(at[FLOOR], scale_s * 1e-3, scale_s * 1e2),
            floor_cv: within(at[VARIATION], 0.01, 5.0),
            service_s: within(service, scale_s * 1e-4, scale_s * 1e2),
            servers,
            cpu_s: 0.0,
            cap: None,
            gauge: Gauge::Outside,
        };
        let think_s = within(at[THINK], scale_s * 1e-4, 86_400.0);
        (service, think_s, excess)
    }

    /// How badly `at` fits: a sum of squares.
    fn misfit(&self, at: &Values) -> f64 {
        let (service, think_s, excess) = self.trial(at);
        let Ok(model) = Model::new(service) else { return f64::INFINITY };
        let mut sum = excess.powi(2);
        let mut cpu = Cpu::default();
        for point in self.points {
            let operating = operating(point, &model, think_s);
            cpu.add(point, &operating);
            measured(point, &model, &operating, |_, measured, model, weight| {
                sum += weight * (model / measured).ln().powi(2);
            });
        }
        // Without a better word a request keeps a server busy for as long as it uses CPU, or a tenth of its time.
        let usual_s = cpu.per_request().unwrap_or(self.scale_s / 10.0).min(self.scale_s);
        let Service { floor_cv, service_s, servers, .. } = service;
        for ratio in [floor_cv / USUAL_CV, service_s / usual_s, servers] {
            sum += USUAL_WEIGHT * ratio.ln().powi(2);
        }
        // A request that uses CPU keeps a server busy; what one user's pod uses may be the pod's own.
        if cpu.least_loaded.is_finite() {
            let short = cpu.least_loaded / (service_s * servers);
            sum += CPU_WEIGHT * short.ln().max(0.0).powi(2);
        }
        sum
    }

    /// The highest utilisation among the points, as a request finds it: a lone user finds none.
    fn busiest(&self, at: &Values) -> f64 {
        let (service, think_s, _) = self.trial(at);
        let Ok(model) = Model::new(service) else { return 0.0 };
        let found = self.points.iter().map(|point| {
            let others = point.users.map_or(1.0, |users| (users.count - 1.0) / users.count);
            operating(point, &model, think_s).utilisation * others
        });
        found.fold(0.0, f64::max)
    }

    fn best_of_starts(&self, servers: Option<f64>, free: Free) -> (Values, f64) {
        let rates = self.points.iter().filter_map(|point| Some(point.rps? / point.replicas));
        let highest = rates.fold(0.0, f64::max);
        let pause = self.points.iter().find_map(|point| {
            Some(point.users?.count / point.rps? - self.scale_s).filter(|pause| *pause > 0.0)
        });
        let pause = pause.unwrap_or(self.scale_s);
        let mut best = ([0.0; 5], f64::INFINITY);
        for share in [0.05, 0.3, 0.8] {
            for guess in [1.0, 3.0, 16.0] {
                let servers = servers.unwrap_or(guess);
                let most_s = if highest > 0.0 { servers / highest / 1.1 } else { f64::INFINITY };
                let service_s = (share * self.scale_s).min(most_s);
                let start = [(1.0 - share) * self.scale_s, USUAL_CV, service_s, servers, pause];
                let found = self.moved(start.map(f64::ln), free, 0.4, 500);
                if found.1 < best.1 {
                    best = found;
                }
            }
        }
        self.polished(best.0, free)
    }

    /// A simplex that has shrunk too early goes on from where it stands.
    fn polished(&self, start: Values, free: Free) -> (Values, f64) {
        let first = self.moved(start, free, 0.3, 400);
        let second = self.moved(first.0, free, 0.1, 400);
        self.moved(second.0, free, 0.03, 400)
    }

    /// Moves what is free of `at` to where it fits best.
    fn moved(&self, at: Values, free: Free, edge: f64, steps: usize) -> (Values, f64) {
        let filled = |moved: &[f64]| {
            let mut all = at;
            let places = all.iter_mut().zip(free).filter(|(_, free)| *free);
            for ((place, _), value) in places.zip(moved) {
                *place = *value;
            }
            all
        };
        let start: Vec<f64> =
            at.into_iter().zip(free).filter(|(_, free)| *free).map(|(x, _)| x).collect();
        let (found, misfit) =
            simplex::minimum(&start, edge, steps, |moved| self.misfit(&filled(moved)));
        (filled(&found), misfit)
    }

    /// How far the value of `axis` can go from `at` before the misfit is more than `most`, as factors.
    fn range(&self, axis: usize, at: &Values, mut free: Free, most: f64) -> (f64, f64) {
        if !free[axis] {
            return (1.0, 1.0);
        }
        free[axis] = false;
        let fits = |by: f64| {
            let mut from = *at;
            from[axis] += by;
            let found = self.moved(from, free, 0.2, 200);
            found.1 <= most || self.moved(found.0, free, 0.05, 200).1 <= most
        };
        let farthest = |direction: f64| {
            let (mut good, mut bad) = (0.0, FARTHEST.ln());
            if fits(direction * bad) {
                return bad;
            }
            for _ in 0..5 {
                let middle = f64::midpoint(good, bad);
                if fits(direction * middle) { good = middle } else { bad = middle }
            }
            // Not narrower than it was looked at.
            bad
        };
        ((-farthest(-1.0)).exp(), farthest(1.0).exp())
    }

    fn answer(&self, best: &(Values, f64), lowest: f64, free: Free, given: &Given) -> Fit {
        let at = &best.0;
        let (service, think_s, _) = self.trial(at);
        let busiest = self.busiest(at);
        let residuals = self.residuals(at);
        // Every measured value but those that were needed to place the values.
        let spare = residuals.iter().skip(free.iter().filter(|free| **free).count());
        let spare = spare.fold(0.0, |count, _| count + 1.0_f64).max(1.0);
        let scatter = (best.1 / spare).max(SCATTER.powi(2));
        let most = best.1.max(lowest) + AS_GOOD * scatter;
        let by_capacity = Self { by_capacity: true, ..*self };
        let found = |question: &Self, axis: usize, value: f64, known: bool| {
            let mut at = *at;
            if question.by_capacity {
                at[SERVICE] = at[SERVERS] - at[SERVICE];
            }
            let (low, high) = question.range(axis, &at, free, most);
            let determined = known && high / low <= WIDE;
            Found { value, low: value * low, high: value * high, determined }
        };
        let loaded = busiest >= HALF_LOAD;
        let capacity = service.servers / service.service_s;
        let mut servers = found(self, SERVERS, service.servers, loaded);
        servers.low = servers.low.max(1.0);
        servers.determined |= given.servers.is_some();
        Fit {
            floor_s: found(self, FLOOR, service.floor_s, true),
            floor_cv: found(self, VARIATION, service.floor_cv, true),
            service_s: found(self, SERVICE, service.service_s, loaded),
            servers,
            servers_given: given.servers.is_some(),
            capacity_rps: found(&by_capacity, SERVICE, capacity, loaded),
            cpu_s: self.cpu(at),
            think_s: free[THINK].then(|| found(self, THINK, think_s, true)),
            stated_think_s: stated(self.points),
            busiest,
            residuals,
        }
    }

    /// CPU time of one request; determined where some point says how many requests used it.
    fn cpu(&self, at: &Values) -> Option<Found> {
        let (service, think_s, _) = self.trial(at);
        let model = Model::new(service).ok()?;
        let (mut cpu, mut low, mut high) = (Cpu::default(), f64::INFINITY, 0.0_f64);
        let mut determined = false;
        for point in self.points {
            let operating = operating(point, &model, think_s);
            if let Some(used) = cpu.add(point, &operating) {
                (low, high) = (low.min(used), high.max(used));
                determined |= point.users.is_some() || point.rps.is_some();
            }
        }
        let (value, most) = (cpu.per_request()?, service.service_s * service.servers);
        determined &= value <= most && high / low <= WIDE;
        Some(Found { value: value.min(most), low, high, determined })
    }

    fn residuals(&self, at: &Values) -> Vec<Residual> {
        let (service, think_s, _) = self.trial(at);
        let cpu_s = self.cpu(at).map(|cpu| cpu.value);
        let mut all = Vec::new();
        let Ok(model) = Model::new(service) else { return all };
        for (number, point) in self.points.iter().enumerate() {
            let operating = operating(point, &model, think_s);
            let mut add = |what: &str, measured: f64, model: f64| {
                let saturated = operating.saturated;
                all.push(Residual {
                    point: number,
                    what: what.to_owned(),
                    measured,
                    model,
                    saturated,
                });
            };
            measured(point, &model, &operating, |what, measured, model, _| match what {
                What::Percentile(percent) => add(&format!("p{percent}"), measured, model),
                What::Named(name) => add(name, measured, model),
            });
            if let (Some(measured), Some(cpu_s)) = (point.cpu_cores, cpu_s) {
                let rps = point.rps.map_or(operating.rps, |rps| rps / point.replicas);
                add("cpu", measured, rps * cpu_s);
            }
        }
        all
    }
}

/// How much it counts that a request uses more CPU than it keeps servers busy.
const CPU_WEIGHT: f64 = 0.3;

/// CPU by requests, over several points.
///
/// It is fitted apart from the rest, by least squares: pods use some CPU without any request, which weighs least where
/// there are many.
struct Cpu {
    by_rps: f64,
    rps_squared: f64,
    /// The least that a request used where there was more than one user; infinite if there was no such point.
    least_loaded: f64,
}

impl Default for Cpu {
    fn default() -> Self {
        Self { by_rps: 0.0, rps_squared: 0.0, least_loaded: f64::INFINITY }
    }
}

impl Cpu {
    /// Takes in `point`, and says what one request used there, in core-seconds.
    fn add(&mut self, point: &Point, operating: &Operating) -> Option<f64> {
        // What was counted beats what the model says.
        let rps = point.rps.map_or(operating.rps, |rps| rps / point.replicas);
        let cores = point.cpu_cores?;
        if rps <= 0.0 {
            return None;
        }
        self.by_rps += cores * rps;
        self.rps_squared += rps * rps;
        if point.users.is_none_or(|users| users.count > 1.0) {
            self.least_loaded = self.least_loaded.min(cores / rps);
        }
        Some(cores / rps)
    }

    /// Core-seconds.
    fn per_request(&self) -> Option<f64> {
        (self.rps_squared > 0.0).then(|| self.by_rps / self.rps_squared)
    }
}

/// Where a pod works at `point`.
fn operating(point: &Point, model: &Model, think_s: f64) -> Operating {
    if let Some(users) = point.users {
        return model.closed(users.count, users.think_s.unwrap_or(think_s), point.replicas);
    }
    match (point.rps, point.in_flight) {
        (Some(rps), _) => model.open((rps / point.replicas).min(0.999 * model.capacity_rps())),
        (None, in_flight) => model.holding(in_flight.unwrap_or_default()),
    }
}

/// What a measured value is.
enum What {
    Percentile(f64),
    Named(&'static str),
}

/// Hands on everything that `point` measured: what it is, what was measured, what the model says, and its weight.
fn measured(
    point: &Point,
    model: &Model,
    operating: &Operating,
    mut each: impl FnMut(What, f64, f64, f64),
) {
    if let Some(rps) = point.rps {
        let served = operating.rps * point.replicas;
        if point.users.is_some() {
            // Throughput is counted, and the model is good at it.
            each(What::Named("rps"), rps, served, 4.0);
        } else if rps > 0.999 * model.capacity_rps() * point.replicas {
            // What was served must be possible.
            each(What::Named("rps"), rps, served, 100.0);
        }
        if let Some(in_flight) = point.in_flight {
            each(What::Named("in_flight"), in_flight, operating.in_flight, 1.0);
        }
    } else if let (Some(_), Some(in_flight)) = (point.users, point.in_flight) {
        each(What::Named("in_flight"), in_flight, operating.in_flight, 1.0);
    }
    // The model does not claim to know responses there.
    let weight = if operating.saturated { 0.25 } else { 1.0 };
    for (percent, value) in &point.percentiles {
        let model = operating.estimate(*percent).unwrap_or(f64::INFINITY);
        each(What::Percentile(*percent), *value, model, weight);
    }
    if let Some(mean) = point.mean_s {
        each(What::Named("mean"), mean, operating.mean_s, weight);
    }
}

/// The pause of all users, where they state one and the same.
fn stated(points: &[Point]) -> Option<f64> {
    let mut pauses = points.iter().filter_map(|point| point.users?.think_s);
    let first = pauses.next()?;
    pauses.all(|pause| (pause - first).abs() < 1e-9).then_some(first)
}
