//! What the objects of the input are to the schemas of their kinds: found once, and read by several rules.

use rayon::prelude::*;

use crate::cluster::{Cluster, Kind, Object};
use crate::openapi::{KUBERNETES, Known, Schemas, Violation, crd};
use crate::rules::Ctx;
use crate::yaml::Place;

/// How the objects of the input keep to the schemas of their kinds.
#[derive(Default)]
pub struct Conformity<'c> {
    violations: Vec<(usize, Violation<'c>)>,
    unknown: Vec<usize>,
    unreadable: Vec<(usize, String)>,
}

/// The rules that read it.
const READERS: [&str; 5] = [
    "schema/unknown-field",
    "schema/wrong-type",
    "schema/missing-field",
    "schema/forbidden-value",
    "schema/unknown-kind",
];

impl<'c> Conformity<'c> {
    /// Checks every object of `cluster`, if one of the rules that `runs` tells of needs it. CRDs among the objects
    /// count as if they were part of `given`.
    pub fn new(cluster: &'c Cluster<'c>, given: &Schemas, runs: impl Fn(&str) -> bool) -> Self {
        if !READERS.into_iter().any(runs) {
            return Self::default();
        }
        let objects = cluster.objects();
        let own: Vec<_> = objects.iter().flat_map(|object| crd::kinds_of(object.root)).collect();
        let mut with_own;
        let schemas = if own.is_empty() {
            given
        } else {
            with_own = given.clone();
            with_own.add(own);
            &with_own
        };
        let checked = objects.par_iter().map(|object| {
            let Some(api_version) = api_version(object) else { return Check::Nothing };
            match schemas.find(api_version, object.kind_name) {
                Known::Checked(schema) => match schema.violations(object.root) {
                    Ok(found) => Check::Violations(found),
                    Err(reason) => Check::Unreadable(reason.to_owned()),
                },
                Known::Unchecked => Check::Nothing,
                Known::Unknown => Check::Unknown,
            }
        });
        let mut all = Self::default();
        for (object, check) in objects.iter().zip(checked.collect::<Vec<_>>()) {
            let index = object.index;
            match check {
                Check::Nothing => {}
                Check::Violations(found) => {
                    let found = found.into_iter().filter(|violation| !is_open(violation));
                    all.violations.extend(found.map(|violation| (index, violation)));
                }
                Check::Unknown => all.unknown.push(index),
                Check::Unreadable(reason) => all.unreadable.push((index, reason)),
            }
        }
        all
    }

    /// Everything that breaks the schema of its kind, in the order of the input.
    pub fn violations(&self) -> impl Iterator<Item = (usize, &Violation<'c>)> {
        self.violations.iter().map(|(index, violation)| (*index, violation))
    }

    /// Objects of kinds that nothing is known of.
    pub fn unknown(&self) -> impl Iterator<Item = usize> {
        self.unknown.iter().copied()
    }

    /// Objects whose CRD has a schema that is none, and why.
    pub fn unreadable(&self) -> impl Iterator<Item = (usize, &str)> {
        self.unreadable.iter().map(|(index, reason)| (*index, reason.as_str()))
    }
}

enum Check<'c> {
    Nothing,
    Violations(Vec<Violation<'c>>),
    Unknown,
    Unreadable(String),
}

/// Everything that breaks the schema of its kind, with its object.
pub(super) fn violations<'c>(
    cx: &Ctx<'c>,
) -> impl Iterator<Item = (&'c Object<'c>, &'c Violation<'c>)> + use<'c> {
    let (cluster, conformity) = (cx.cluster, cx.conformity);
    conformity
        .violations()
        .filter_map(|(index, violation)| Some((cluster.objects().get(index)?, violation)))
}

/// `apiVersion` as written; of a file without one, nothing.
pub(super) fn api_version<'c>(object: &Object<'c>) -> Option<&'c str> {
    object.root.get("apiVersion").and_then(Place::text)
}

/// True where another tool fills in the value, or the name of the field, later.
fn is_open(violation: &Violation<'_>) -> bool {
    let open = |text: &str| {
        ["${", "$(", "{{"].iter().any(|mark| text.contains(mark))
            || (text.starts_with('<') && text.ends_with('>'))
    };
    let value = violation.place.text().is_some_and(open);
    value || violation.place.key().is_some_and(open)
}

/// The minor version of the cluster that the manifests are for.
pub(super) fn target(cluster: &Cluster<'_>) -> (u32, u32) {
    cluster.settings.kubernetes.unwrap_or(KUBERNETES)
}

/// True inside a metric of an HPA that is written in the manner of another version of the API, of which
/// `scaling/legacy-metric-field` has more to say.
pub(super) fn told_as_legacy(cx: &Ctx<'_>, object: &Object<'_>, violation: &Violation<'_>) -> bool {
    if object.kind != Kind::HorizontalPodAutoscaler || !cx.runs("scaling/legacy-metric-field") {
        return false;
    }
    let path = violation.path.to_string();
    let source =
        path.split('.').take(3).collect::<Vec<_>>().join("/").replace("metrics[", "metrics/");
    let source = object.at(&source.replace(']', ""));
    let in_source = path.starts_with("spec.metrics[")
        && source.is_some_and(|source| LEGACY_METRIC.iter().any(|key| source.get(key).is_some()));
    in_source || path == "spec.targetCPUUtilizationPercentage"
}

/// What only older versions of the API have in the source of a metric.
const LEGACY_METRIC: [&str; 5] = [
    "targetAverageUtilization",
    "targetAverageValue",
    "targetValue",
    "metricName",
    "metricSelector",
];
