//! The pods of a service: when each was made, when it became ready, and which one goes first.

use std::collections::VecDeque;

use super::{Time, seconds};

/// How pods come, go and are replaced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lifecycle {
    /// From creation to readiness, in milliseconds.
    pub startup: Time,
    /// Time between two tries of the probe that ends the start, in milliseconds: readiness is seen at a try only.
    pub probe_period: Time,
    /// Pods above the wanted number during an update.
    pub max_surge: Share,
    /// Pods below the wanted number during an update.
    pub max_unavailable: Share,
}

/// A number of pods, or a share of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Share {
    /// So many.
    Pods(i32),
    /// So many hundredths.
    Percent(i32),
}

impl Share {
    /// Of `replicas`, rounded up (`maxSurge`) or down (`maxUnavailable`): `ResolveFenceposts` of
    /// `pkg/controller/deployment/util/deployment_util.go`.
    fn of(self, replicas: i32, up: bool) -> i32 {
        match self {
            Self::Pods(pods) => pods.max(0),
            Self::Percent(percent) => {
                let hundredths = i64::from(replicas) * i64::from(percent.max(0));
                let rounded = (hundredths + if up { 99 } else { 0 }) / 100;
                i32::try_from(rounded).unwrap_or(i32::MAX)
            }
        }
    }
}

/// A pod that is not on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pod {
    /// When it was made, which is also when it started.
    pub created: Time,
    /// When it is seen ready.
    pub ready_at: Time,
    /// Made by the newest version of the workload.
    newest: bool,
}

/// The pods of a workload, in the order in which they became or will become ready.
#[derive(Clone, Debug)]
pub struct Fleet {
    lifecycle: Lifecycle,
    pods: VecDeque<Pod>,
    /// `spec.replicas`.
    replicas: i32,
    /// Some pods are of an older version.
    updating: bool,
}

impl Fleet {
    /// `replicas` pods that have been ready for long.
    pub fn new(lifecycle: Lifecycle, replicas: i32) -> Self {
        let old = Pod { created: LONG_AGO, ready_at: LONG_AGO, newest: true };
        let pods = (0..replicas.max(0)).map(|_| old).collect();
        Self { lifecycle, pods, replicas: replicas.max(0), updating: false }
    }

    /// `spec.replicas`.
    pub fn replicas(&self) -> i32 {
        self.replicas
    }

    /// `status.replicas`: with pods that an update adds.
    pub fn total(&self) -> i32 {
        i32::try_from(self.pods.len()).unwrap_or(i32::MAX)
    }

    /// How many pods get requests at `now`.
    pub fn ready(&self, now: Time) -> i32 {
        let ready = self.pods.partition_point(|pod| pod.ready_at <= now);
        i32::try_from(ready).unwrap_or(i32::MAX)
    }

    /// The pods, the ready ones first.
    pub fn pods(&self) -> impl DoubleEndedIterator<Item = &Pod> {
        self.pods.iter()
    }

    /// Sets `spec.replicas`. Pods go at once from the Service's endpoints; those go first that are not ready, then the
    /// youngest (`ActivePodsWithRanks` of `pkg/controller/controller_utils.go`).
    pub fn scale(&mut self, replicas: i32, now: Time) {
        self.replicas = replicas.max(0);
        if !self.updating {
            while self.total() < self.replicas {
                self.add(now);
            }
        }
        while self.total() > self.most() {
            self.pods.pop_back();
        }
    }

    /// Starts to replace every pod by one of a new version.
    pub fn update(&mut self, now: Time) {
        self.pods.iter_mut().for_each(|pod| pod.newest = false);
        self.updating = true;
        self.step(now);
    }

    /// Goes on with an update: `rolloutRolling` of `pkg/controller/deployment/rolling.go`, which first makes new pods as
    /// far as `maxSurge` lets it, then takes old ones as far as `maxUnavailable` does.
    pub fn step(&mut self, now: Time) {
        if !self.updating {
            return;
        }
        let newest = || self.pods.iter().filter(|pod| pod.newest).count();
        let mut lacking = self.replicas - i32::try_from(newest()).unwrap_or(i32::MAX);
        while lacking > 0 && self.total() < self.most() {
            self.add(now);
            lacking -= 1;
        }
        let least = self.replicas - self.unavailable();
        // Old pods that are not ready serve nobody.
        self.pods.retain(|pod| pod.newest || pod.ready_at <= now);
        let spare = usize::try_from(self.ready(now) - least).unwrap_or(0);
        let old = self.pods.iter().filter(|pod| !pod.newest).count();
        let mut keep = old.saturating_sub(spare);
        self.pods.retain(|pod| {
            let stays = pod.newest || keep > 0;
            keep = keep.saturating_sub(usize::from(!pod.newest));
            stays
        });
        self.updating = self.pods.iter().any(|pod| !pod.newest) || self.total() < self.replicas;
    }

    /// Whether an update is under way.
    pub fn is_updating(&self) -> bool {
        self.updating
    }

    /// The most pods there may be.
    fn most(&self) -> i32 {
        if !self.updating {
            return self.replicas;
        }
        self.replicas.saturating_add(self.lifecycle.max_surge.of(self.replicas, true))
    }

    /// How many pods may be missing during an update; one if nothing could move otherwise.
    fn unavailable(&self) -> i32 {
        let unavailable = self.lifecycle.max_unavailable.of(self.replicas, false);
        let surge = self.lifecycle.max_surge.of(self.replicas, true);
        if unavailable == 0 && surge == 0 { 1 } else { unavailable }
    }

    fn add(&mut self, now: Time) {
        let Lifecycle { startup, probe_period, .. } = self.lifecycle;
        let tries = startup.max(0).div_euclid(probe_period.max(1));
        let exact = startup.max(0).rem_euclid(probe_period.max(1)) == 0;
        let seen = (tries + i64::from(!exact)) * probe_period.max(1);
        self.pods.push_back(Pod { created: now, ready_at: now.saturating_add(seen), newest: true });
    }
}

/// When pods became ready that were there before anything was looked at: longer ago than any window.
const LONG_AGO: Time = -seconds(86_400 * 365);

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Lifecycle = Lifecycle {
        startup: 25_000,
        probe_period: 10_000,
        max_surge: Share::Percent(25),
        max_unavailable: Share::Pods(0),
    };

    #[test]
    fn pods_are_ready_at_the_try_after_they_started() {
        let mut fleet = Fleet::new(LIFE, 2);
        fleet.scale(4, 5_000);
        assert_eq!((fleet.total(), fleet.ready(34_999), fleet.ready(35_000)), (4, 2, 4));
        // Exactly at a try, that one sees it.
        let mut fleet = Fleet::new(Lifecycle { startup: 20_000, ..LIFE }, 0);
        fleet.scale(1, 0);
        assert_eq!((fleet.ready(19_999), fleet.ready(20_000)), (0, 1));
    }

    #[test]
    fn those_go_first_that_serve_nobody_yet() {
        let mut fleet = Fleet::new(LIFE, 3);
        fleet.scale(5, 0);
        fleet.scale(3, 10_000);
        assert_eq!((fleet.total(), fleet.ready(10_000)), (3, 3));
        fleet.scale(2, 10_000);
        assert_eq!(fleet.ready(10_000), 2);
        fleet.scale(0, 10_000);
        assert_eq!(fleet.total(), 0);
    }

    #[test]
    fn an_update_keeps_to_surge_and_unavailability() {
        for (surge, unavailable) in [
            (Share::Percent(25), Share::Pods(0)),
            (Share::Pods(0), Share::Percent(25)),
            (Share::Pods(0), Share::Pods(0)),
        ] {
            let life = Lifecycle { max_surge: surge, max_unavailable: unavailable, ..LIFE };
            let mut fleet = Fleet::new(life, 8);
            fleet.update(0);
            let mut now = 0;
            while fleet.is_updating() {
                assert!(fleet.total() <= 8 + surge.of(8, true), "{surge:?}");
                let least = 8 - unavailable.of(8, false).max(i32::from(surge == Share::Pods(0)));
                assert!(fleet.ready(now) >= least, "{surge:?} {unavailable:?} at {now}");
                now += 5_000;
                fleet.step(now);
                assert!(now < seconds(3600));
            }
            assert!(now > 0 && fleet.total() == 8 && fleet.pods().all(|pod| pod.newest));
        }
    }

    #[test]
    fn shares_round_as_a_deployment_rounds_them() {
        assert_eq!((Share::Percent(25).of(3, true), Share::Percent(25).of(3, false)), (1, 0));
        assert_eq!(Share::Percent(100).of(i32::MAX, true), i32::MAX);
    }
}
