//! Puts a run before the controller.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Number;

use crate::simulate::Time;
use crate::simulate::controller::pods::{Pod, Readiness};
use crate::simulate::controller::spec::{Flags, Metric, Source, Spec, Target};
use crate::simulate::controller::{
    Course, Decision, Fleet, History, Observation, PodSamples, Reading, Wish, reconcile,
};

/// A recorded run.
pub struct Run<'a> {
    /// The HPA.
    pub spec: Spec,
    /// The flags of the controller.
    pub flags: Flags,
    /// `hpa_spec_defaulted` is there, says something else than `hpa_spec_input`, and was not heeded.
    pub ignored: bool,
    /// What a pod requests, by the name of the samples.
    pub(super) requests: BTreeMap<String, i64>,
    pub(super) steps: Vec<Moment<'a>>,
}

/// What the controller saw at one sync.
pub(super) struct Moment<'a> {
    pub(super) at: Time,
    /// As it was written.
    pub(super) t: Number,
    pub(super) replicas: i32,
    pub(super) status_replicas: i32,
    pub(super) recorded: Option<i32>,
    pub(super) pods: Vec<Named<'a>>,
    pub(super) samples: Vec<(String, Sample<'a>)>,
    pub(super) sampled: Time,
    pub(super) window: Time,
}

pub(super) struct Named<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) pod: Pod,
}

/// What a metric read, in thousandths.
pub(super) enum Sample<'a> {
    Failed,
    Series(Vec<i64>),
    Pods(FxHashMap<Cow<'a, str>, i64>),
}

/// What the controller made of one step.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// `t` of the step, as it was written.
    pub t: Number,
    /// `spec.replicas` afterwards; what it was where the controller did nothing.
    pub desired: i32,
    /// The sync reported an error; it may have scaled all the same.
    pub error: bool,
    /// `spec_after` of the step.
    pub recorded: Option<i32>,
    /// How the controller came to it; see [`Run::replay`].
    pub why: String,
}

impl Run<'_> {
    /// How many steps there are.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there is none, which [`read`](super::read) refuses.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The first step whose `spec_after` is missing.
    pub fn first_without_record(&self) -> Option<usize> {
        self.steps.iter().position(|step| step.recorded.is_none())
    }

    /// What the controller makes of each step. `why` is told only of what differs from what was recorded.
    pub fn replay(&self) -> impl Iterator<Item = Outcome> {
        let (mut history, mut wishes) = (History::default(), Vec::new());
        self.steps.iter().map(move |step| {
            let readings: Vec<_> =
                self.spec.metrics.iter().map(|metric| self.reading(metric, step)).collect();
            let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
            let ready = step.pods.iter().filter(|named| named.pod.is_running_and_ready()).count();
            let seen = Observation {
                now: step.at,
                fleet: Fleet {
                    replicas: step.replicas,
                    status_replicas: step.status_replicas,
                    pods: count(step.pods.len()),
                    ready: count(ready),
                },
                readings: &readings,
            };
            let decision = reconcile(&self.spec, &self.flags, &mut history, &seen, &mut wishes);
            let differs = step.recorded.is_some_and(|recorded| recorded != decision.desired);
            Outcome {
                t: step.t.clone(),
                desired: decision.desired,
                error: decision.failed.is_some(),
                recorded: step.recorded,
                why: if differs { self.why(&decision, &wishes) } else { String::new() },
            }
        })
    }

    fn reading<'s>(&self, metric: &Metric, step: &'s Moment<'_>) -> Reading<'s> {
        let known = |name: &str| step.samples.iter().any(|(known, _)| known == name);
        let name = sample_name(&metric.source, known);
        let sample =
            step.samples.iter().find(|(known, _)| *known == name).map(|(_, sample)| sample);
        let samples = match sample {
            None | Some(Sample::Failed) => return Reading::Failed,
            Some(Sample::Series(series)) => return Reading::Series(series),
            // The resource metrics API and the custom metrics API make an error of an empty answer.
            Some(Sample::Pods(samples)) if samples.is_empty() => return Reading::Failed,
            Some(Sample::Pods(samples)) => samples,
        };
        let request = match metric.target {
            Target::Utilization(_) => {
                let name = sample_name(&metric.source, |name| self.requests.contains_key(name));
                self.requests.get(&name).copied()
            }
            _ => None,
        };
        let readiness = metric.source.heeds_readiness().then_some(Readiness {
            now: step.at,
            sampled: step.sampled,
            window: step.window,
        });
        let target = match metric.target {
            Target::Utilization(target) => target,
            _ => 0,
        };
        let pods = step.pods.iter();
        let pods = pods.map(|named| (&named.pod, samples.get(&named.name).copied(), request));
        Reading::Pods(PodSamples::group(pods, stray(samples, step), readiness, target, &self.flags))
    }

    /// How the controller came to a decision, in a few words.
    fn why(&self, decision: &Decision, wishes: &[Wish]) -> String {
        let mut why = match decision.course {
            Course::Disabled => "there are no replicas, and scaling is disabled".to_owned(),
            Course::AboveMax => format!("there are more than maxReplicas, {}", self.spec.max),
            Course::BelowMin => format!("there are fewer than minReplicas, {}", self.spec.min),
            Course::Stopped => "too many metrics failed to do anything".to_owned(),
            Course::Metrics { proposed, binding, normalised } => {
                let metric = binding.and_then(|at| self.spec.metrics.get(at));
                let name = metric.map_or("nothing", |metric| metric.source.name());
                let mut why = format!("`{name}` asks for {proposed}");
                if normalised.stabilized != proposed {
                    let (stabilized, reason) = (normalised.stabilized, normalised.stabilization);
                    let _ = write!(why, ", {reason} makes it {stabilized}");
                }
                if normalised.desired != normalised.stabilized {
                    let _ = write!(why, ", {} makes it {}", normalised.limit, normalised.desired);
                }
                why
            }
        };
        if let Some((at, error)) = decision.failed
            && let Some(metric) = self.spec.metrics.get(at)
        {
            let _ =
                write!(why, "; {} for `{}`: {error}", metric.source.failed(), metric.source.name());
        }
        let others = self.spec.metrics.iter().zip(wishes).enumerate();
        for (at, (metric, wish)) in others {
            let binds =
                matches!(decision.course, Course::Metrics { binding, .. } if binding == Some(at));
            if let (Ok(proposal), false) = (wish, binds) {
                let _ = write!(why, "; `{}` asks for {}", metric.source.name(), proposal.replicas);
            }
        }
        why
    }
}

/// The samples of pods that the step does not list.
fn stray(samples: &FxHashMap<Cow<'_, str>, i64>, step: &Moment<'_>) -> Vec<i64> {
    let listed = step.pods.iter().filter(|named| samples.contains_key(&named.name)).count();
    if listed == samples.len() {
        return Vec::new();
    }
    let names: FxHashSet<&str> = step.pods.iter().map(|named| &*named.name).collect();
    let strays = samples.iter().filter(|(name, _)| !names.contains(&***name));
    strays.map(|(_, sample)| *sample).collect()
}

/// The name under which a metric has its samples, or its request; `exists` knows which there are.
pub(super) fn sample_name(source: &Source, exists: impl Fn(&str) -> bool) -> String {
    if let Source::ContainerResource { name, container } = source {
        let own = format!("{container}/{name}");
        if exists(&own) {
            return own;
        }
    }
    source.name().to_owned()
}
