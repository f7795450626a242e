//! Metrics as the autoscaler sees them: late, averaged, interpolated between buckets and cut to thousandths.
//!
//! All pods of the model are alike, so that one set of counters stands for each; what differs between pods is how many
//! scrapes have seen them.

use std::collections::VecDeque;

use super::{Time, seconds};

/// How Prometheus and the adapter see the service.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    /// Time between two scrapes, in milliseconds.
    pub interval: Time,
    /// When the first scrape is, in milliseconds.
    pub phase: Time,
    /// Range of the queries, in milliseconds.
    pub window: Time,
    /// Upper bounds of the histogram's finite buckets in seconds, ascending; none of a native histogram.
    pub buckets: Vec<f64>,
}

/// What one pod did between two moments.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Served {
    /// Requests that it finished.
    pub requests: f64,
    /// Its requests in flight.
    pub in_flight: f64,
}

/// The samples that Prometheus holds of a service.
#[derive(Clone, Debug)]
pub struct Scrapes {
    pipeline: Pipeline,
    next: Time,
    /// Counters up to now, of one pod.
    counters: Counters,
    /// Newest last, one more than the window holds, so that averages have a value to start from.
    samples: VecDeque<Sample>,
    in_flight: f64,
    in_flight_sum: f64,
}

/// Cumulative counts: each bucket's share of finished requests, then all of them.
#[derive(Clone, Debug, Default)]
struct Counters {
    buckets: Vec<f64>,
    all: f64,
}

#[derive(Clone, Debug)]
struct Sample {
    at: Time,
    counters: Counters,
    /// Sum of all values of the gauge up to and with this one.
    in_flight_sum: f64,
}

impl Scrapes {
    /// Nothing seen yet.
    pub fn new(pipeline: Pipeline) -> Self {
        let counters = Counters { buckets: vec![0.0; pipeline.buckets.len()], all: 0.0 };
        Self {
            next: pipeline.phase,
            samples: VecDeque::new(),
            in_flight: 0.0,
            in_flight_sum: 0.0,
            counters,
            pipeline,
        }
    }

    /// Counts what one pod served; `below` is the share of requests that took at most so many seconds.
    pub fn count(&mut self, served: Served, below: impl Fn(f64) -> f64) {
        self.in_flight = served.in_flight;
        self.counters.all += served.requests;
        for (count, bound) in self.counters.buckets.iter_mut().zip(&self.pipeline.buckets) {
            *count += served.requests * below(*bound);
        }
    }

    /// Scrapes, if it is time.
    pub fn scrape(&mut self, now: Time) {
        if now < self.next {
            return;
        }
        self.next = now + self.pipeline.interval;
        self.in_flight_sum += self.in_flight;
        // Memory of samples that no window reaches is used again.
        let kept = now.saturating_sub(self.pipeline.window).saturating_sub(self.pipeline.interval);
        let stale = self.samples.front().is_some_and(|oldest| oldest.at < kept);
        let spare = if stale { self.samples.pop_front() } else { None };
        let mut sample = spare.unwrap_or_else(|| Sample {
            at: now,
            counters: Counters::default(),
            in_flight_sum: 0.0,
        });
        sample.at = now;
        sample.counters.buckets.clone_from(&self.counters.buckets);
        sample.counters.all = self.counters.all;
        sample.in_flight_sum = self.in_flight_sum;
        self.samples.push_back(sample);
    }

    /// The samples that a query at `now` reads: those of the window, its start excluded, as Prometheus 3 does.
    fn window(&self, now: Time) -> impl DoubleEndedIterator<Item = &Sample> + ExactSizeIterator {
        let start = now.saturating_sub(self.pipeline.window);
        let first = self.samples.partition_point(|sample| sample.at <= start);
        self.samples.range(first..)
    }

    /// How many scrapes of the window have seen a pod that has been ready since `since`.
    pub fn seen(&self, now: Time, since: Time) -> usize {
        self.window(now).rev().take_while(|sample| sample.at >= since).count()
    }

    /// `avg_over_time` of the gauge of a pod that the last `seen` scrapes have seen; `None` if none has.
    pub fn in_flight(&self, seen: usize) -> Option<f64> {
        let newest = self.samples.back().filter(|_| seen > 0)?;
        let before = self.samples.len().checked_sub(seen + 1).and_then(|at| self.samples.get(at));
        let sum = newest.in_flight_sum - before.map_or(0.0, |sample| sample.in_flight_sum);
        let count = if before.is_some() { seen } else { seen.min(self.samples.len()) };
        Some(sum / usize_to_f64(count))
    }

    /// `sum(avg_over_time(…))` over all pods; `None` if there is no sample.
    pub fn in_flight_of_fleet(&self, now: Time, pods: impl Iterator<Item = Time>) -> Option<f64> {
        let mut values = pods.filter_map(|since| self.in_flight(self.seen(now, since))).peekable();
        values.peek().is_some().then(|| values.sum())
    }

    /// `histogram_quantile(quantile, rate(…))` of a pod that the last `seen` scrapes have seen: `None` without two of
    /// them, NaN without a request between them.
    pub fn latency(&self, quantile: f64, seen: usize) -> Option<f64> {
        let newest = self.samples.back()?;
        let oldest =
            self.samples.get(self.samples.len().checked_sub(seen)?).filter(|_| seen > 1)?;
        Some(self.quantile(quantile, &oldest.counters, &newest.counters))
    }

    /// `histogramQuantile` of Prometheus' `promql/quantile.go` for classic buckets: linear within a bucket, and the
    /// highest finite bound beyond it.
    fn quantile(&self, quantile: f64, from: &Counters, to: &Counters) -> f64 {
        let all = to.all - from.all;
        if all <= 0.0 {
            return f64::NAN;
        }
        let rank = quantile * all;
        let (mut lower, mut below) = (0.0, 0.0);
        let counts = from.buckets.iter().zip(&to.buckets).map(|(from, to)| to - from);
        for (bound, count) in self.pipeline.buckets.iter().zip(counts) {
            if count >= rank && count > below {
                return lower + (bound - lower) * (rank - below) / (count - below);
            }
            (lower, below) = (*bound, count);
        }
        lower
    }
}

fn usize_to_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

/// CPU as metrics-server shows it.
///
/// The kubelet's samples span 10 to 20 s and metrics-server asks every 15 s (`--metric-resolution`); what the HPA reads
/// is an average over [`CPU_WINDOW`] that is up to one resolution old.
#[derive(Clone, Debug, Default)]
pub struct Cpu {
    /// CPU time of one pod up to each moment, in core-milliseconds; newest last.
    used: VecDeque<(Time, f64)>,
    total: f64,
    shown: Option<Shown>,
    next: Time,
}

/// A sample of metrics-server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shown {
    /// Cores that one pod used on average.
    pub cores: f64,
    /// When it was taken, in milliseconds.
    pub at: Time,
    /// Over how long, in milliseconds.
    pub window: Time,
}

/// Over how long CPU is averaged, in milliseconds (kubelet housekeeping and metrics-server together).
pub const CPU_WINDOW: Time = seconds(30);

/// `--metric-resolution` of metrics-server, in milliseconds.
const RESOLUTION: Time = seconds(15);

impl Cpu {
    /// Counts that one pod used `cores` from the last moment to `now`, `step` milliseconds.
    pub fn count(&mut self, now: Time, step: Time, cores: f64) {
        #[expect(clippy::cast_precision_loss, reason = "a step is some seconds")]
        let used = cores * step as f64;
        self.total += used;
        self.used.push_back((now, self.total));
        while self.used.get(1).is_some_and(|(at, _)| *at <= now - CPU_WINDOW) {
            self.used.pop_front();
        }
        if now >= self.next {
            self.next = now + RESOLUTION;
            if let Some((from, before)) = self.used.front().filter(|(from, _)| *from < now) {
                #[expect(clippy::cast_precision_loss, reason = "a window is some seconds")]
                let cores = (self.total - before) / (now - from) as f64;
                self.shown = Some(Shown { cores, at: now, window: CPU_WINDOW });
            }
        }
    }

    /// What the metrics API answers.
    pub fn shown(&self) -> Option<Shown> {
        self.shown
    }
}

/// A value in thousandths, as prometheus-adapter makes it for custom metrics (`pkg/custom-provider/provider.go`): cut,
/// NaN is 0.
pub fn thousandths(value: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "as the adapter converts; NaN becomes 0")]
    let cut = (value * 1000.0) as i64;
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrapes(buckets: &[f64]) -> Scrapes {
        Scrapes::new(Pipeline {
            interval: 15_000,
            phase: 0,
            window: 60_000,
            buckets: buckets.to_vec(),
        })
    }

    fn serve(scrapes: &mut Scrapes, requests: f64, below: impl Fn(f64) -> f64) {
        scrapes.count(Served { requests, in_flight: 3.0 }, below);
    }

    #[test]
    fn quantiles_are_linear_within_a_bucket() {
        let mut seen = scrapes(&[0.1, 0.2, 0.5]);
        seen.scrape(0);
        // 50 up to 0.1 s, 40 up to 0.2 s, 10 above.
        serve(&mut seen, 100.0, |bound| if bound < 0.15 { 0.5 } else { 0.9 });
        seen.scrape(15_000);
        let quantile = |q: f64| seen.latency(q, 2).unwrap();
        assert!((quantile(0.25) - 0.05).abs() < 1e-12);
        assert!((quantile(0.7) - 0.15).abs() < 1e-12);
        // Above every finite bound nothing is known but that.
        assert!((quantile(0.95) - 0.5).abs() < 1e-12);
        assert!(seen.latency(0.5, 1).is_none(), "a rate needs two samples");
    }

    #[test]
    fn without_requests_there_is_no_quantile() {
        let mut seen = scrapes(&[0.1]);
        seen.scrape(0);
        seen.scrape(15_000);
        let value = seen.latency(0.95, 2).unwrap();
        assert!(value.is_nan());
        assert_eq!(thousandths(value), 0, "as the adapter has it");
    }

    #[test]
    fn a_gauge_is_averaged_over_what_has_been_seen() {
        let mut seen = scrapes(&[]);
        for (at, in_flight) in
            [(0, 1.0), (15_000, 2.0), (30_000, 3.0), (45_000, 6.0), (60_000, 6.0)]
        {
            seen.count(Served { in_flight, ..Served::default() }, |_| 0.0);
            seen.scrape(at);
        }
        // The window excludes its start.
        assert_eq!(seen.seen(60_000, 0), 4);
        assert_eq!(seen.in_flight(4), Some(4.25));
        assert_eq!((seen.seen(60_000, 31_000), seen.in_flight(2)), (2, Some(6.0)));
        assert_eq!((seen.seen(60_000, 60_001), seen.in_flight(0)), (0, None));
        let fleet = seen.in_flight_of_fleet(60_000, [0, 31_000, 99_000].into_iter());
        assert_eq!(fleet, Some(10.25));
        assert_eq!(seen.in_flight_of_fleet(60_000, std::iter::empty()), None);
    }

    #[test]
    fn cpu_is_an_average_and_some_seconds_old() {
        let mut cpu = Cpu::default();
        for step in 1..=12 {
            cpu.count(step * 5_000, 5_000, if step > 6 { 1.0 } else { 0.0 });
        }
        let shown = cpu.shown().unwrap();
        // Of the 30 s before, the last 20 were busy.
        assert_eq!(shown.at, 50_000);
        assert!((shown.cores - 2.0 / 3.0).abs() < 1e-9, "{shown:?}");
    }

    #[test]
    fn thousandths_are_cut() {
        assert_eq!(thousandths(0.3509), 350);
        assert_eq!(thousandths(f64::INFINITY), i64::MAX);
    }
}
