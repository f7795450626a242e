//! What the controller remembers of an HPA between two syncs: recommendations and scale events, as `horizontal.go`
//! keeps them, old entries overwritten in place so that neither list outgrows its window.

use super::spec::{Behavior, Rules};
use crate::simulate::{Time, seconds};

/// All that the controller remembers of one HPA. A new one, and one whose controller restarted, remembers nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// What metrics asked for, before any stabilization.
    pub(super) recommendations: Vec<Recommendation>,
    /// Scale-ups.
    pub(super) ups: Events,
    /// Scale-downs.
    pub(super) downs: Events,
    /// The condition `ScaledToZero`, which stands in the object's status and survives a restart.
    pub(super) scaled_to_zero: bool,
}

impl History {
    /// What is remembered if these are the recommendations and events.
    pub fn new(recommendations: Vec<Recommendation>, ups: Events, downs: Events) -> Self {
        Self { recommendations, ups, downs, scaled_to_zero: false }
    }

    /// Whether the HPA itself brought its target to zero, and may so bring it back.
    pub fn scaled_to_zero(&self) -> bool {
        self.scaled_to_zero
    }

    /// `recordInitialRecommendation`: the replicas at the first sync count as recommended.
    pub(super) fn begin(&mut self, replicas: i32, now: Time) {
        if self.recommendations.is_empty() {
            self.recommendations.push(Recommendation { replicas, at: now });
        }
    }

    /// Remembers what the metrics ask for, in place of the recommendation at `old` if there is one.
    pub(super) fn recommend(&mut self, replicas: i32, now: Time, old: Option<usize>) {
        let newest = Recommendation { replicas, at: now };
        match old.and_then(|old| self.recommendations.get_mut(old)) {
            Some(old) => *old = newest,
            None => self.recommendations.push(newest),
        }
    }

    /// `storeScaleEvent`: without behavior nobody reads events, and none is kept.
    pub(super) fn scaled(&mut self, behavior: Option<&Behavior>, from: i32, to: i32, now: Time) {
        let Some(Behavior { up, down }) = behavior else { return };
        if to > from {
            self.ups.store(to.wrapping_sub(from), now, up);
        } else {
            self.downs.store(from.wrapping_sub(to), now, down);
        }
    }
}

/// What the metrics asked for at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recommendation {
    /// Replicas.
    pub replicas: i32,
    /// When.
    pub at: Time,
}

/// The changes in one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Events(Vec<Event>);

/// A change of the number of replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// By how many replicas, in the direction of its list.
    pub change: i32,
    /// When.
    pub at: Time,
    /// Older than any policy looks back; to be overwritten.
    pub outdated: bool,
}

impl Events {
    /// These events, in this order.
    pub fn new(events: Vec<Event>) -> Self {
        Self(events)
    }

    /// The events, in the order in which they are kept.
    pub fn list(&self) -> &[Event] {
        &self.0
    }

    /// `getReplicasChangePerPeriod`: what changed in the last `period_s` seconds, an event exactly that old excluded.
    pub fn change_within(&self, period_s: i32, now: Time) -> i32 {
        let cutoff = now.saturating_sub(seconds(period_s));
        let recent = self.0.iter().filter(|event| event.at > cutoff);
        recent.fold(0, |sum, event| sum.wrapping_add(event.change))
    }

    /// `markScaleEventsOutdated`, and the part of `storeScaleEvent` that adds or overwrites.
    pub fn store<const UP: bool>(&mut self, change: i32, now: Time, rules: &Rules<UP>) {
        let cutoff = now.saturating_sub(seconds(rules.longest_period_s()));
        for event in &mut self.0 {
            event.outdated |= event.at < cutoff;
        }
        let event = Event { change, at: now, outdated: false };
        match self.0.iter_mut().rfind(|event| event.outdated) {
            Some(outdated) => *outdated = event,
            None => self.0.push(event),
        }
    }
}
