//! Holds the simulator's controller to recordings of the real one: runs under a fake clock, and the cases of its own
//! unit tests.
//!
//! They are too large to keep here: `SLOGEN_HPA_ORACLE` names the folder that has them.

#![cfg(test)]

mod common;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::{Value, json};
use slogen::simulate::controller::history::{Event, Events, Recommendation};
use slogen::simulate::controller::metrics::propose;
use slogen::simulate::controller::normalise::{
    clamp_default, limit_rate, stabilize, stabilize_default,
};
use slogen::simulate::controller::pods::{Phase, Pod, Readiness, Ready, Status};
use slogen::simulate::controller::spec::{
    Behavior, Metric, Policy, PolicyKind, Rules, Select, Source, Target,
};
use slogen::simulate::controller::{
    Flags, Fleet, History, PodSamples, Proposal, Reading, Tolerances,
};
use slogen::simulate::replay;
use slogen::simulate::{Time, seconds};

use common::slogen;

/// The moment of every table case; pods and samples without a time are far older.
const NOW: Time = 1_000_000_000;

/// A file of the oracle, or `None` after a word on what is skipped.
fn oracle(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("SLOGEN_HPA_ORACLE").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/hpa")),
        PathBuf::from,
    );
    let file = folder.join(name);
    if file.is_file() {
        return Some(file);
    }
    #[expect(clippy::print_stderr, reason = "a skipped test must not look like a passed one")]
    {
        eprintln!("skipped: there is no {}", file.display());
    }
    None
}

#[test]
fn every_step_of_every_run_is_reproduced() {
    let Some(file) = oracle("traces.jsonl.gz") else { return };
    let (mut steps, mut failed, mut differences) = (0, 0, String::new());
    let lines = BufReader::new(GzDecoder::new(File::open(&file).unwrap())).lines();
    for (at, line) in lines.enumerate() {
        let line = line.unwrap();
        let recorded: Value = serde_json::from_str(&line).unwrap();
        let run = replay::read(&line).unwrap_or_else(|problem| panic!("run {at}:{problem}"));
        let outcomes: Vec<_> = run.replay().collect();
        let recorded = recorded["steps"].as_array().unwrap();
        assert_eq!(outcomes.len(), recorded.len());
        for (outcome, recorded) in outcomes.iter().zip(recorded) {
            let (expected, error) = (&recorded["spec_after"], &recorded["err"]);
            if *expected != outcome.desired || *error != outcome.error {
                let _ = writeln!(differences, "run {at}: {outcome:?}, not {expected}, {error}");
            }
            steps += 1;
            failed += usize::from(outcome.error);
        }
    }
    assert_eq!(differences, "");
    assert!(steps >= 3000 && failed >= 100, "only {steps} steps, {failed} of them with errors");
}

#[test]
fn the_command_says_so_too() {
    let Some(file) = oracle("traces.jsonl.gz") else { return };
    let output = slogen().args(["simulate", "--compare", "--replay"]).arg(file).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && errors.contains("all as recorded"), "{errors}");
    assert!(output.stdout.is_empty());
}

/// The cases of one table; none where the oracle is missing.
fn cases<T: for<'a> Deserialize<'a>>(table: &str) -> Vec<(String, T)> {
    let Some(file) = oracle("tables.jsonl") else { return Vec::new() };
    let text = fs::read_to_string(file).unwrap();
    let cases = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let cases: Vec<_> = cases
        .filter(|case| case["table"] == table)
        .map(|case| (case["test"].to_string(), T::deserialize(case).unwrap()))
        .collect();
    assert!(!cases.is_empty(), "there is no table {table}");
    cases
}

#[derive(Deserialize)]
struct ReplicaCalc {
    container: String,
    cpu_init_s: i32,
    readiness_delay_s: i32,
    current: i32,
    metric_window_s: i32,
    pod_deleted: Option<Vec<bool>>,
    pod_phase: Option<Vec<String>>,
    pod_readiness: Option<Vec<String>>,
    pod_start_age_s: Vec<i32>,
    resource: Option<ResourceCase>,
    metric: Option<MetricCase>,
    tolerance: ToleranceCase,
    want: i32,
    want_error: Option<String>,
}

#[derive(Deserialize)]
struct ResourceCase {
    containers: i64,
    levels_milli: Vec<Vec<i64>>,
    name: String,
    pod_names: Option<Vec<String>>,
    requests_milli_per_container: Vec<i64>,
    target_utilization: i32,
    want_utilization: i32,
    want_value: i64,
}

#[derive(Deserialize)]
struct MetricCase {
    levels_milli: Vec<i64>,
    target_milli: i64,
    target_per_pod_milli: i64,
    r#type: String,
    want_usage: i64,
}

#[derive(Deserialize)]
struct ToleranceCase {
    down: f64,
    up: f64,
}

impl ReplicaCalc {
    fn pods(&self) -> Vec<Pod> {
        let listed = self.pod_phase.as_ref().map_or(0, Vec::len);
        let pods = usize::try_from(self.current).unwrap().max(listed);
        let pod = |at: usize| {
            let phase = self.pod_phase.as_ref().and_then(|phases| phases.get(at));
            let readiness = self.pod_readiness.as_ref().and_then(|ready| ready.get(at));
            let age = self.pod_start_age_s.get(at).map(|age| NOW - seconds(*age));
            Pod {
                phase: match phase.map(String::as_str) {
                    None | Some("Running") => Phase::Running,
                    Some("Pending") => Phase::Pending,
                    Some("Failed") => Phase::Failed,
                    Some(other) => panic!("{other}"),
                },
                deleted: self.pod_deleted.as_ref().is_some_and(|deleted| deleted[at]),
                start: Some(age.unwrap_or_default()),
                ready: Some(Ready {
                    status: match readiness.map(String::as_str) {
                        None | Some("True") => Status::True,
                        Some("False") => Status::False,
                        Some(other) => panic!("{other}"),
                    },
                    since: 0,
                }),
            }
        };
        (0..pods).map(pod).collect()
    }

    fn flags(&self) -> Flags {
        Flags {
            cpu_initialization_s: self.cpu_init_s,
            initial_readiness_delay_s: self.readiness_delay_s,
            ..Flags::default()
        }
    }

    fn fleet(&self, pods: &[Pod]) -> Fleet {
        let count = |count: usize| i32::try_from(count).unwrap();
        Fleet {
            replicas: self.current,
            status_replicas: self.current,
            pods: count(pods.len()),
            ready: count(pods.iter().filter(|pod| pod.is_running_and_ready()).count()),
        }
    }

    /// The metric, what it reads, and what it should say beside the replicas.
    fn metric(&self, pods: &[Pod]) -> (Metric, PodSamples, Vec<i64>, Proposal) {
        if let Some(case) = &self.resource {
            let source = match self.container.as_str() {
                "" => Source::Resource { name: case.name.clone() },
                container => Source::ContainerResource {
                    name: case.name.clone(),
                    container: container.to_owned(),
                },
            };
            let metric = Metric { source, target: Target::Utilization(case.target_utilization) };
            let wanted = Proposal {
                replicas: self.want,
                usage: case.want_value,
                utilization: Some(case.want_utilization),
            };
            return (metric, case.samples(self, pods), Vec::new(), wanted);
        }
        let case = self.metric.as_ref().unwrap();
        let name = "qps".to_owned();
        let (source, target) = match case.r#type.as_str() {
            "pods" => (Source::Pods { name }, Target::AverageValue(case.target_milli)),
            "object" => (Source::Object { name }, Target::Value(case.target_milli)),
            "external" => (Source::External { name }, Target::Value(case.target_milli)),
            "object_per_pod" => {
                (Source::Object { name }, Target::AverageValue(case.target_per_pod_milli))
            }
            "external_per_pod" => {
                (Source::External { name }, Target::AverageValue(case.target_per_pod_milli))
            }
            other => panic!("{other}"),
        };
        let of_pods = matches!(source, Source::Pods { .. });
        let sampled = pods
            .iter()
            .enumerate()
            .map(|(at, pod)| (pod, case.levels_milli.get(at).copied().filter(|_| of_pods), None));
        let stray = case.levels_milli.iter().skip(pods.len()).copied();
        let samples = PodSamples::group(sampled, stray, None, 0, &self.flags());
        let wanted = Proposal { replicas: self.want, usage: case.want_usage, utilization: None };
        (Metric { source, target }, samples, case.levels_milli.clone(), wanted)
    }
}

impl ResourceCase {
    fn samples(&self, case: &ReplicaCalc, pods: &[Pod]) -> PodSamples {
        let container = match case.container.as_str() {
            "" => None,
            // `container1` is the first.
            name => Some(name.strip_prefix("container").unwrap().parse::<usize>().unwrap() - 1),
        };
        let sample = |at: usize| {
            let levels = self.levels_milli.get(at)?;
            match container {
                Some(container) => levels.get(container).copied(),
                None => Some(levels.iter().sum()),
            }
        };
        let request = |at: usize| {
            let each = self.requests_milli_per_container.get(at)?;
            Some(if container.is_some() { *each } else { each * self.containers })
        };
        // Named otherwise, they belong to none of the pods.
        let strange = self.pod_names.is_some();
        let readiness = Readiness { now: NOW, sampled: 0, window: seconds(case.metric_window_s) };
        let sampled = pods
            .iter()
            .enumerate()
            .map(|(at, pod)| (pod, sample(at).filter(|_| !strange), request(at)));
        let first = if strange { 0 } else { pods.len() };
        let stray = (first..self.levels_milli.len()).filter_map(sample);
        let target = self.target_utilization;
        PodSamples::group(sampled, stray, Some(readiness), target, &case.flags())
    }
}

#[test]
fn replicas_are_calculated_alike() {
    for (name, case) in cases::<ReplicaCalc>("replica_calc") {
        let pods = case.pods();
        let (metric, samples, series, wanted) = case.metric(&pods);
        let none = case.resource.as_ref().is_some_and(|resource| resource.levels_milli.is_empty());
        let reading = match metric.source {
            // The API answers with an error where it has nothing.
            _ if none => Reading::Failed,
            Source::Object { .. } | Source::External { .. } => Reading::Series(&series),
            _ => Reading::Pods(samples),
        };
        let tolerances = Tolerances { down: case.tolerance.down, up: case.tolerance.up };
        let got = propose(&metric, &reading, case.fleet(&pods), tolerances);
        match &case.want_error {
            None => assert_eq!(got, Ok(wanted), "{name}"),
            Some(wanted) => {
                let error = got.unwrap_err().to_string();
                // What the API answers comes from it, not from the controller.
                let wanted = wanted.strip_prefix("unable to get metrics for resource cpu: ");
                let wanted = wanted.unwrap_or(case.want_error.as_deref().unwrap());
                let wanted = wanted.replace("resource metrics API", "the metrics API");
                assert!(error.contains(&wanted), "{name}: {error}");
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RulesCase {
    stabilization_window_seconds: Option<i32>,
    select_policy: Option<String>,
    policies: Vec<PolicyCase>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PolicyCase {
    r#type: String,
    value: i32,
    period_seconds: i32,
}

impl RulesCase {
    fn rules<const UP: bool>(&self) -> Rules<UP> {
        let policy = |policy: &PolicyCase| Policy {
            kind: if policy.r#type == "Pods" { PolicyKind::Pods } else { PolicyKind::Percent },
            value: policy.value,
            period_s: policy.period_seconds,
        };
        Rules {
            window_s: self.stabilization_window_seconds,
            select: match self.select_policy.as_deref() {
                None | Some("Max") => Select::Max,
                Some("Min") => Select::Min,
                Some("Disabled") => Select::Disabled,
                Some(other) => panic!("{other}"),
            },
            policies: self.policies.iter().map(policy).collect(),
            tolerance: None,
        }
    }
}

#[derive(Deserialize)]
struct EventCase {
    age_s: i32,
    change: i32,
    outdated: bool,
}

fn events(cases: &[EventCase]) -> Events {
    let event = |case: &EventCase| Event {
        change: case.change,
        at: NOW - seconds(case.age_s),
        outdated: case.outdated,
    };
    Events::new(cases.iter().map(event).collect())
}

#[derive(Deserialize)]
struct BehaviorRate {
    condition: String,
    current: i32,
    desired: i32,
    min: i32,
    max: i32,
    up: RulesCase,
    down: RulesCase,
    up_events: Vec<EventCase>,
    down_events: Vec<EventCase>,
    want: i32,
}

#[test]
fn policies_limit_alike() {
    for (name, case) in cases::<BehaviorRate>("behavior_rate") {
        let history = History::new(Vec::new(), events(&case.up_events), events(&case.down_events));
        let behavior = Behavior { up: case.up.rules(), down: case.down.rules() };
        let bounds = (case.min, case.max);
        let (replicas, limit) =
            limit_rate(&history, &behavior, bounds, case.current, case.desired, NOW);
        assert_eq!((replicas, limit.to_string()), (case.want, case.condition), "{name}");
    }
}

#[derive(Deserialize)]
struct RecommendationCase {
    age_s: i32,
    rec: i32,
}

fn remembered(cases: &[RecommendationCase]) -> History {
    let recommendation = |case: &RecommendationCase| Recommendation {
        replicas: case.rec,
        at: NOW - seconds(case.age_s),
    };
    let recommendations = cases.iter().map(recommendation).collect();
    History::new(recommendations, Events::default(), Events::default())
}

#[derive(Deserialize)]
struct StabilizeBehavior {
    current: i32,
    desired: i32,
    up_window: i32,
    down_window: i32,
    recs: Vec<RecommendationCase>,
    want: i32,
}

#[test]
fn windows_stabilize_alike() {
    for (name, case) in cases::<StabilizeBehavior>("stabilize_behavior") {
        let mut history = remembered(&case.recs);
        let windows = (case.up_window, case.down_window);
        let got = stabilize(&mut history, case.current, case.desired, windows, NOW);
        assert_eq!(got, case.want, "{name}");
    }
}

#[derive(Deserialize)]
struct StabilizeDefault {
    desired: i32,
    window: i32,
    recs: Vec<RecommendationCase>,
    want: i32,
}

#[test]
fn the_default_window_stabilizes_alike() {
    for (name, case) in cases::<StabilizeDefault>("stabilize_default") {
        let mut history = remembered(&case.recs);
        let got = stabilize_default(&mut history, case.desired, case.window, NOW);
        assert_eq!(got, case.want, "{name}");
    }
}

#[derive(Deserialize)]
struct ConvertNoBehavior {
    condition: String,
    current: i32,
    desired: i32,
    min: i32,
    max: i32,
    want: i32,
}

#[test]
fn bounds_without_behavior_are_alike() {
    let mut factors = [0, 0];
    for (name, case) in cases::<ConvertNoBehavior>("convert_no_behavior") {
        // The upstream test sets this factor; the controller's is another.
        let trap = name.contains("scaleUpLimit_is_the_limit");
        let factor = if trap { 8.0 } else { Flags::default().scale_up_limit_factor };
        factors[usize::from(trap)] += 1;
        let (replicas, limit) =
            clamp_default(case.current, case.desired, case.min, case.max, factor);
        assert_eq!((replicas, limit.to_string()), (case.want, case.condition), "{name}");
    }
    assert!(factors == [0, 0] || factors == [4, 1], "{factors:?}");
}

#[derive(Deserialize)]
struct StoreEvents {
    change: i32,
    events: Vec<EventCase>,
    rules: Option<RulesCase>,
    want_after: Vec<Value>,
    want_period60: i32,
}

#[test]
fn events_are_stored_alike() {
    for (name, case) in cases::<StoreEvents>("store_events") {
        let mut up = events(&case.events);
        // Without behavior nothing is asked of the events, and nothing stored.
        if let Some(rules) = &case.rules {
            assert_eq!(up.change_within(60, NOW), case.want_period60, "{name}");
            up.store::<true>(case.change, NOW, &rules.rules());
        }
        // The ages are not recorded.
        let kept = up
            .list()
            .iter()
            .map(|event| json!({ "age_s": 0, "change": event.change, "outdated": event.outdated }));
        assert_eq!(kept.collect::<Vec<_>>(), case.want_after, "{name}");
    }
}
