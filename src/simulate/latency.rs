//! How long requests take: a pod in closed form, under open load (requests per second) and closed load (users who think).
//!
//! A request spends a *floor* in the pod that no load lengthens (I/O, network; lognormal), and shares a station of `c`
//! servers with the others there: processor sharing, mean service time `S`. Routing is random, so that what reaches
//! one pod is a Poisson stream. With `λ` requests per second and pod, `a = λS` and `ρ = a/c`:
//!
//! ```text
//! Rs  = S + C(c, a)·S/(c − a)             Erlang C; fractional c: see `erlang`
//! R   = d + Rs                            mean response
//! L   = λR                                in flight (Little)
//! Var = (d·cv)² + Rs²·(2 + ρ)/(2 − ρ)     sojourn of M/M/1-PS (Coffman, Muntz, Trotter 1970)
//! σ²  = ln(1 + Var/R²), μ = ln R − σ²/2   lognormal with that mean and variance
//! ```
//!
//! Closed load is the fixed point `λ = (N/n)/(Z + R)`. An arriving user sees the other N − 1, so `Rs` is that of
//! `λ(N − 1)/N`: exact for one user and for a station that is all there is, and nothing beside `λ` for many.
//!
//! # Limits
//!
//! - Against a discrete-event simulation of the same queue, at settings the formula was not chosen by, P95 was off by
//!   −13 % to +23 %: [`BAND`]. The eight settings of the tests, two million requests each under open load up to
//!   ρ = 0.95: P95 −12 % to +10 %, P99 −9 % to +22 %, P50 −9 % to +27 %, the mean within 4 %. Beyond
//!   [`MOST_UTILISATION`] no percentile is given: say "saturated". This compares a formula with a simulation, not with a
//!   real service; the factor `(2 + ρ)/(2 − ρ)` is proven for one server only.
//! - A handful of users on one pod know more of each other than of a Poisson stream: throughput is off by up to 7 %.
//! - Pods and requests are alike. Work of two kinds, such as hits and misses of a cache, is no lognormal.
//! - No retries, and no effect of time-outs on what is offered. Closed load holds itself back; open load of the same
//!   mean grows without bound from ρ = 1 on. Which of the two comes must be known.
//! - No CFS throttling, garbage collection, cold caches; no connections that stay with old pods after a scale-up
//!   (kube-proxy balances connections, not requests); no waiting for nodes; what a service depends on does not slow down.

mod backlog;
#[cfg(test)]
mod des;
mod erlang;
mod normal;
#[cfg(test)]
mod tests;

pub use backlog::{Backlog, Step};

use crate::units::Invalid;

/// How far a P95 of this model may be off, either way, as a fraction: held-out errors against a discrete-event
/// simulation were −13 % to +23 %.
pub const BAND: f64 = 0.25;

/// Beyond this utilisation a pod counts as saturated: its latency hangs on differences of load that nobody measures.
pub const MOST_UTILISATION: f64 = 0.95;

/// The most servers of one pod: more are a mistake, and slow to compute with.
const MOST_SERVERS: f64 = 10_000.0;

/// The most requests that a cap lets into one pod.
const MOST_PLACES: u32 = 100_000;

/// The longest time that makes sense for one request or pause, in seconds: a day.
const LONGEST_S: f64 = 86_400.0;

/// By how much a time that was rounded to three digits may be off.
const ROUNDING: f64 = 0.01;

/// What one pod is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Service {
    /// Mean of the part of a response that does not grow with load, in seconds; may be 0.
    pub floor_s: f64,
    /// Coefficient of variation of that part: standard deviation by mean.
    pub floor_cv: f64,
    /// Mean time that a request keeps one server busy, in seconds.
    pub service_s: f64,
    /// Servers of the station: the lesser of workers and CPU limit in cores if CPU is what is short, 1 for a lock or
    /// a GPU. With a fraction, such as a CPU limit of `1500m`, `k` requests share the lesser of `k` and this.
    pub servers: f64,
    /// CPU time of one request in core-seconds; at most `service_s · servers`.
    pub cpu_s: f64,
    /// The most requests that a pod lets in; the others wait in front, first come first served.
    pub cap: Option<u32>,
    /// Where the in-flight gauge counts; without `cap` it is the same.
    pub gauge: Gauge,
}

/// Which requests the in-flight gauge counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gauge {
    /// All in the pod, also those that wait for admission.
    #[default]
    Outside,
    /// Those that were let in: never more than the cap, whatever the load.
    Inside,
}

impl Service {
    /// Requests per second beyond which the station falls behind: `c/S`.
    pub fn station_rps(&self) -> f64 {
        self.servers / self.service_s
    }

    /// The first thing that makes no sense; the names are those of `[simulate]`.
    fn check(&self) -> Result<(), Invalid> {
        let wrong = |what: String, help: &str| Err(Invalid::new(what, help));
        for (name, seconds) in [
            ("floor", self.floor_s),
            ("service_time", self.service_s),
            ("cpu_per_request", self.cpu_s),
        ] {
            if !(0.0..=LONGEST_S).contains(&seconds) {
                return wrong(
                    format!("`{name}` is {seconds} s"),
                    "write a time from 0 to a day, such as `\"20ms\"`",
                );
            }
        }
        if self.service_s < 1e-9 {
            return wrong(
                "`service_time` is nothing, so a pod could serve any load".to_owned(),
                "write how long a request keeps a server busy, such as `\"7ms\"`; `slogen simulate calibrate` \
                 finds it from measured points",
            );
        }
        if !(0.0..=10.0).contains(&self.floor_cv) {
            return wrong(
                format!("`floor_variation` is {}", self.floor_cv),
                "write the standard deviation of the floor by its mean, from 0 to 10, such as `0.3`",
            );
        }
        if !(0.01..=MOST_SERVERS).contains(&self.servers) {
            return wrong(
                format!("`concurrency` is {}", self.servers),
                "write how many requests a pod works on at once, from 1 to 10000, such as `2`",
            );
        }
        if self.cpu_s > self.service_s * self.servers * (1.0 + ROUNDING) {
            return wrong(
                format!(
                    "`cpu_per_request` of {} s is more than a request can use: it keeps {} of a pod's servers busy \
                     for {} s",
                    self.cpu_s, self.servers, self.service_s
                ),
                "raise `service_time` to at least `cpu_per_request`, or check the unit",
            );
        }
        match self.cap {
            Some(0) => wrong(
                "a pod that lets in no request serves none".to_owned(),
                "write a cap of at least 1, or none",
            ),
            Some(cap) if cap > MOST_PLACES => wrong(
                format!("a cap of {cap} requests in one pod is none"),
                "write a cap of at most 100000, or none",
            ),
            _ => Ok(()),
        }
    }

    /// Requests per second that pass with `cap` requests inside at all times: the machine-repair model, which is exact.
    ///
    /// With `k` at the station, `cap − k` are on the floor and arrive at `(cap − k)/d` a second; which of the two is
    /// longer does not matter to the mean, nor does how either is distributed.
    fn most_rps(&self, cap: u32) -> f64 {
        let rate = |count: f64| count.min(self.servers) / self.service_s;
        let cap = f64::from(cap);
        if self.floor_s <= 0.0 {
            return rate(cap);
        }
        let (mut weight, mut total, mut flow, mut count) = (1.0_f64, 1.0, 0.0, 0.0);
        while count < cap {
            weight *= (cap - count) / self.floor_s / rate(count + 1.0);
            count += 1.0;
            total += weight;
            flow += weight * rate(count);
            // Weights rise and then fall: only their ratios count.
            if total > 1e200 {
                weight /= total;
                flow /= total;
                total = 1.0;
            } else if weight < total * 1e-18 {
                break;
            }
        }
        flow / total
    }
}

/// A pod, ready to be asked many times; asking allocates nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Model {
    service: Service,
    gate: Option<Gate>,
    /// See [`Model::capacity_rps`].
    capacity: f64,
}

/// Admission with a cap that may bind before the station does.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Gate {
    /// The cap.
    places: f64,
    /// What passes with all places taken, in requests per second.
    most_rps: f64,
}

/// Where one pod works.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Operating {
    /// Requests per second.
    pub rps: f64,
    /// Mean number of requests in the pod, those that wait for admission included.
    pub in_flight: f64,
    /// What the in-flight gauge shows, see [`Gauge`].
    pub gauge: f64,
    /// Requests per second by the most that the pod can serve; above 1 it falls behind.
    pub utilisation: f64,
    /// Mean response in seconds; infinite where it grows without bound.
    pub mean_s: f64,
    /// Variance of the response in seconds squared.
    pub variance: f64,
    /// Mean of the logarithm of the response in seconds.
    pub mu: f64,
    /// Standard deviation of that logarithm.
    pub sigma: f64,
    /// CPU in use, in cores.
    pub cpu_cores: f64,
    /// Utilisation is beyond [`MOST_UTILISATION`]: throughput and CPU hold, latency is a guess.
    pub saturated: bool,
}

impl Operating {
    /// The response in seconds that `percent` of the requests do not exceed (95 for P95), give or take [`BAND`];
    /// `None` where the pod is saturated, or `percent` is not between 0 and 100.
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        (!self.saturated).then(|| self.estimate(percent)).flatten()
    }

    /// As [`Self::percentile`], also of a saturated pod: for what a metric shows the autoscaler, not for people.
    pub fn estimate(&self, percent: f64) -> Option<f64> {
        let inside = percent > 0.0 && percent < 100.0;
        inside.then(|| (self.mu + self.sigma * normal::quantile(percent / 100.0)).exp())
    }

    /// The fraction of requests whose response is at most `seconds` long.
    pub fn fraction_below(&self, seconds: f64) -> f64 {
        if seconds <= 0.0 || !self.mean_s.is_finite() {
            return 0.0;
        }
        normal::fraction_below((seconds.ln() - self.mu) / self.sigma)
    }
}

impl Model {
    /// A pod like `service`; what is wrong with it, and what to write, if it makes no sense.
    pub fn new(service: Service) -> Result<Self, Invalid> {
        service.check()?;
        let capacity = service.station_rps();
        let mut model = Self { service, gate: None, capacity };
        if let Some(cap) = service.cap {
            let most_rps = service.most_rps(cap).min(capacity * (1.0 - 1e-9));
            model.gate = Some(Gate { places: f64::from(cap), most_rps });
            model.capacity = most_rps;
        }
        Ok(model)
    }

    /// What the pod is made of.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Requests per second beyond which the pod falls behind: `c/S`, less where the cap keeps the station idle.
    pub fn capacity_rps(&self) -> f64 {
        self.capacity
    }

    /// Where a pod works that is offered `rps` requests per second, whatever it makes of them (open load).
    ///
    /// From [`Self::capacity_rps`] on the response is infinite; [`Backlog`] tells what it is after a while.
    pub fn open(&self, rps: f64) -> Operating {
        let rps = rps.max(0.0);
        self.at(rps, rps)
    }

    /// Where each of `pods` pods works while `users` users send a request, wait for the response, think for
    /// `think_s` seconds, and start again (closed load). No pods serve no one.
    pub fn closed(&self, users: f64, think_s: f64, pods: f64) -> Operating {
        if !(users > 0.0 && pods > 0.0) {
            return self.open(0.0);
        }
        self.balanced(users / pods, think_s.max(0.0), ((users - 1.0) / users).max(0.0))
    }

    /// Where a pod works with `in_flight` requests in it at a time.
    pub fn holding(&self, in_flight: f64) -> Operating {
        if in_flight > 0.0 { self.balanced(in_flight, 0.0, 1.0) } else { self.open(0.0) }
    }

    /// Solves `λ(Z + R(seen·λ)) = users`.
    ///
    /// The wait has a pole at the capacity; times the distance from it the equation is smooth, and nearly a parabola.
    /// It is negative at 0 and not negative where nobody waits, so the Illinois method closes in from both sides.
    fn balanced(&self, users: f64, think_s: f64, seen: f64) -> Operating {
        let cycle = think_s + self.service.floor_s + self.service.service_s;
        let excess = |rps: f64| {
            let left = self.capacity - seen * rps;
            (rps * cycle - users) * left + rps * self.queueing(seen * rps)
        };
        let (mut low, mut high) = (0.0, (users / cycle).min(self.capacity));
        let (mut below, mut above) = (-users * self.capacity, excess(high));
        if above <= 0.0 {
            return self.at(high, seen * high);
        }
        let mut rps = high;
        // Which end moved last: 1 the upper, -1 the lower.
        let mut moved = 0;
        for _ in 0..100 {
            rps = (low * above - high * below) / (above - below);
            let found = excess(rps);
            if found > 0.0 {
                (high, above) = (rps, found);
                if moved == 1 {
                    below /= 2.0;
                }
                moved = 1;
            } else {
                (low, below) = (rps, found);
                if moved == -1 {
                    above /= 2.0;
                }
                moved = -1;
            }
            // Latency hangs on what is left to the capacity, of which `rps` may be all but a millionth.
            let left = (self.capacity - seen * rps).max(f64::EPSILON * high);
            if high - low <= 1e-10 * left || found.abs() <= 1e-12 * users * left {
                break;
            }
        }
        self.at(rps, seen * rps)
    }

    /// The mean wait for a server and for admission times the requests per second that are left to the capacity:
    /// finite up to the capacity. `rps` is below it, or at it.
    fn queueing(&self, rps: f64) -> f64 {
        let station = self.station(rps);
        let Some(gate) = self.gate else { return station };
        let share = self.share(rps);
        station * share + self.admission(rps, gate).0 * (1.0 - share)
    }

    /// What is left to the capacity by what is left to the station: 1 without a gate, 0 where the gate is about to bind.
    fn share(&self, rps: f64) -> f64 {
        (self.capacity - rps).max(0.0) / (self.service.station_rps() - rps)
    }

    /// The mean wait for a server times the requests per second that are left to the station.
    fn station(&self, rps: f64) -> f64 {
        let servers = self.service.servers;
        let utilisation = (rps / self.service.station_rps()).min(1.0);
        let fraction = servers - servers.floor();
        erlang::all_busy(servers.floor(), rps * self.service.service_s, utilisation)
            * (1.0 - fraction * (1.0 - utilisation))
    }

    /// The mean wait for admission times the requests per second that are left to the capacity, and the probability
    /// of waiting: M/G/K with the places as servers, each held for as long as when all are taken (Allen and Cunneen).
    ///
    /// Where the station is what binds, waiting in front only replaces waiting inside: see `share`.
    fn admission(&self, rps: f64, gate: Gate) -> (f64, f64) {
        let utilisation = (rps / gate.most_rps).min(1.0);
        let taken = erlang::all_busy(gate.places, gate.places * utilisation, utilisation);
        let Service { floor_s, floor_cv, service_s, .. } = self.service;
        let variation =
            ((floor_s * floor_cv).powi(2) + service_s.powi(2)) / (floor_s + service_s).powi(2);
        (taken * f64::midpoint(1.0, variation), taken)
    }

    /// Where a pod works that serves `rps`, a request finding what `seen` requests per second leave behind.
    fn at(&self, rps: f64, seen: f64) -> Operating {
        let left = self.capacity - seen;
        let waits = if left > 0.0 { self.queueing(seen) / left } else { f64::INFINITY };
        self.with_wait(rps, seen, waits)
    }

    /// Where a pod works that serves `rps`, a request waiting for `wait_s` in all.
    fn with_wait(&self, rps: f64, seen: f64, wait_s: f64) -> Operating {
        let Service { floor_s, floor_cv, service_s, cpu_s, gauge, .. } = self.service;
        let utilisation = rps / self.capacity;
        let saturated = utilisation > MOST_UTILISATION;
        let mean_s = floor_s + service_s + wait_s;
        let in_flight = if rps > 0.0 { rps * mean_s } else { 0.0 };
        let (outside_s, outside_variance) = self.outside(seen, wait_s);
        let inside = rps * (mean_s - outside_s);
        let gauge = match (gauge, self.gate) {
            (Gauge::Inside, Some(gate)) if inside.is_finite() => inside.min(gate.places),
            (Gauge::Inside, Some(gate)) => gate.places,
            _ => in_flight,
        };
        let cpu_cores = rps.min(self.capacity) * cpu_s;
        let busy = (seen / self.service.station_rps()).min(1.0);
        let station_s = service_s + wait_s - outside_s;
        let variance = (floor_s * floor_cv).powi(2)
            + station_s.powi(2) * (2.0 + busy) / (2.0 - busy)
            + outside_variance;
        let (variance, mu, sigma) = if mean_s.is_finite() {
            let log_variance = (variance / mean_s.powi(2)).ln_1p();
            (variance, mean_s.ln() - log_variance / 2.0, log_variance.sqrt())
        } else {
            (f64::INFINITY, f64::INFINITY, 1.0)
        };
        Operating {
            rps,
            in_flight,
            gauge,
            utilisation,
            mean_s,
            variance,
            mu,
            sigma,
            cpu_cores,
            saturated,
        }
    }

    /// The part of `wait_s` that is spent in front of the gate: mean, and variance of the wait of M/M/K.
    fn outside(&self, rps: f64, wait_s: f64) -> (f64, f64) {
        let Some(gate) = self.gate else { return (0.0, 0.0) };
        let rps = rps.min(self.capacity);
        let (front, taken) = self.admission(rps, gate);
        let all = self.queueing(rps);
        if front <= 0.0 || all <= 0.0 {
            return (0.0, 0.0);
        }
        let mean = wait_s * (front / all).min(1.0);
        (mean, mean.powi(2) * (2.0 - taken) / taken)
    }
}
