//! The queue of the model, request by request: what its formulas are held to.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::f64::consts::PI;

use super::Service;

/// What reaches the pods.
#[derive(Clone, Copy, Debug)]
pub(super) enum Load {
    /// Poisson arrivals, in requests per second and pod.
    Open(f64),
    /// Users of the whole fleet, and the mean of their exponential think time in seconds.
    Closed(u32, f64),
}

/// What was measured, after a warm-up.
pub(super) struct Measured {
    /// Responses in seconds, sorted.
    responses: Vec<f64>,
    /// Requests per second and pod.
    pub(super) rps: f64,
    /// Mean number of requests in a pod.
    pub(super) in_flight: f64,
    /// The same without those that wait for admission.
    pub(super) inside: f64,
}

impl Measured {
    pub(super) fn percentile(&self, percent: usize) -> f64 {
        self.responses[self.responses.len() * percent / 100]
    }

    pub(super) fn mean(&self) -> f64 {
        self.responses.iter().sum::<f64>() / float(self.responses.len())
    }

    pub(super) fn fraction_below(&self, seconds: f64) -> f64 {
        let below = self.responses.partition_point(|response| *response <= seconds);
        float(below) / float(self.responses.len())
    }
}

fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    /// Above 0, at most 1.
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let high = u32::try_from((z ^ (z >> 31)) >> 32).unwrap();
        (f64::from(high) + 1.0) / 4_294_967_296.0
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.uniform().ln()
    }

    fn lognormal(&mut self, mean: f64, cv: f64) -> f64 {
        let variance = (cv * cv).ln_1p();
        let normal = (-2.0 * self.uniform().ln()).sqrt() * (2.0 * PI * self.uniform()).cos();
        mean * (variance.sqrt() * normal - variance / 2.0).exp()
    }

    fn below(&mut self, count: usize) -> usize {
        let high = self.uniform() * float(count);
        (0..count).find(|at| float(at + 1) >= high).unwrap()
    }
}

/// What happens next, beside the end of work at a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A request reaches the fleet.
    Arrival,
    /// A request, which arrived at that time, is over its floor.
    Floored(usize, Moment),
}

/// Nanoseconds, which have an order.
type Moment = u64;

#[derive(Default)]
struct Pod {
    in_front: VecDeque<Moment>,
    on_floor: usize,
    at_station: Vec<Moment>,
}

impl Pod {
    fn inside(&self) -> usize {
        self.on_floor + self.at_station.len()
    }
}

struct Fleet<'a> {
    service: &'a Service,
    random: Random,
    pods: Vec<Pod>,
    events: BinaryHeap<Reverse<(Moment, Event)>>,
    now: f64,
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "hours at most")]
fn moment(seconds: f64) -> Moment {
    (seconds * 1e9) as Moment
}

#[expect(clippy::cast_precision_loss, reason = "hours at most")]
fn seconds(moment: Moment) -> f64 {
    moment as f64 / 1e9
}

impl Fleet<'_> {
    fn after(&mut self, wait: f64, event: Event) {
        self.events.push(Reverse((moment(self.now + wait), event)));
    }

    fn arrive(&mut self) {
        let pod = self.random.below(self.pods.len());
        self.pods[pod].in_front.push_back(moment(self.now));
        self.admit(pod);
    }

    fn admit(&mut self, pod: usize) {
        let cap = self.service.cap.map_or(usize::MAX, |cap| cap as usize);
        while self.pods[pod].inside() < cap {
            let Some(arrived) = self.pods[pod].in_front.pop_front() else { return };
            self.pods[pod].on_floor += 1;
            let floor = self.random.lognormal(self.service.floor_s, self.service.floor_cv);
            self.after(floor, Event::Floored(pod, arrived));
        }
    }

    /// Departures per second of a station: work is exponential, so any that is there may be the next.
    fn rate(&self, pod: usize) -> f64 {
        float(self.pods[pod].at_station.len()).min(self.service.servers) / self.service.service_s
    }
}

/// Runs `pods` pods until `requests` have been served and measured.
pub(super) fn run(
    service: &Service,
    load: Load,
    pods: usize,
    requests: usize,
    seed: u64,
) -> Measured {
    let mut fleet = Fleet {
        service,
        random: Random(seed),
        pods: (0..pods).map(|_| Pod::default()).collect(),
        events: BinaryHeap::new(),
        now: 0.0,
    };
    match load {
        Load::Open(_) => fleet.after(0.0, Event::Arrival),
        Load::Closed(users, think_s) => {
            for _ in 0..users {
                let wait = fleet.random.exponential(think_s);
                fleet.after(wait, Event::Arrival);
            }
        }
    }
    let warm_up = requests / 5;
    let (mut served, mut start, mut area, mut area_inside) = (0, 0.0, 0.0, 0.0);
    let mut responses = Vec::with_capacity(requests);
    let mut rates = vec![0.0; pods];
    while responses.len() < requests {
        // All that is drawn here is forgotten at the next event: the work is memoryless.
        let mut total = 0.0;
        for (pod, rate) in rates.iter_mut().enumerate() {
            *rate = fleet.rate(pod);
            total += *rate;
        }
        let departure = if total > 0.0 {
            fleet.now + fleet.random.exponential(1.0 / total)
        } else {
            f64::INFINITY
        };
        let next = fleet.events.peek().map_or(f64::INFINITY, |Reverse((at, _))| seconds(*at));
        let then = departure.min(next).max(fleet.now);
        if served > warm_up {
            let inside: usize = fleet.pods.iter().map(Pod::inside).sum();
            let front: usize = fleet.pods.iter().map(|pod| pod.in_front.len()).sum();
            area += float(inside + front) * (then - fleet.now);
            area_inside += float(inside) * (then - fleet.now);
        }
        fleet.now = then;
        if departure < next {
            let mut at = fleet.random.uniform() * total;
            let pod = rates.iter().position(|rate| {
                at -= rate;
                at <= 0.0 && *rate > 0.0
            });
            let pod = pod.unwrap_or_else(|| rates.iter().rposition(|rate| *rate > 0.0).unwrap());
            let leaving = fleet.random.below(fleet.pods[pod].at_station.len());
            let arrived = fleet.pods[pod].at_station.swap_remove(leaving);
            served += 1;
            if served == warm_up {
                start = fleet.now;
            }
            if served > warm_up {
                responses.push(fleet.now - seconds(arrived));
            }
            fleet.admit(pod);
            if let Load::Closed(_, think_s) = load {
                let wait = fleet.random.exponential(think_s);
                fleet.after(wait, Event::Arrival);
            }
        } else if let Some(Reverse((_, event))) = fleet.events.pop() {
            match event {
                Event::Arrival => {
                    if let Load::Open(rps) = load {
                        let wait = fleet.random.exponential(1.0 / (rps * float(pods)));
                        fleet.after(wait, Event::Arrival);
                    }
                    fleet.arrive();
                }
                Event::Floored(pod, arrived) => {
                    fleet.pods[pod].on_floor -= 1;
                    fleet.pods[pod].at_station.push(arrived);
                }
            }
        }
    }
    responses.sort_by(f64::total_cmp);
    let time = (fleet.now - start) * float(pods);
    Measured {
        responses,
        rps: float(requests) / time,
        in_flight: area / time,
        inside: area_inside / time,
    }
}
