//! What several rules ask of prometheus-adapter's configuration: its rules by the API that they feed, and the names of
//! the metrics that come out.

use regex::Regex;

use crate::cluster::{Cluster, Kind, Object};
use crate::query::{MatchOp, Query, stand_ins};
use crate::rules::expressions::pattern;
use crate::yaml::Place;

/// Which metrics API a rule feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    /// `custom.metrics.k8s.io`: Pods and Object metrics.
    Custom,
    /// `external.metrics.k8s.io`.
    External,
}

/// The adapter rules of a configuration file or of the chart's Helm values, by the API.
pub(crate) fn rules<'a>(object: &Object<'a>) -> impl Iterator<Item = (Api, Place<'a>)> {
    let rules = object.root.get("rules");
    let of_helm = |key| rules.filter(|rules| rules.is_mapping()).and_then(|rules| rules.get(key));
    let lists = [
        (Api::Custom, rules),
        (Api::Custom, of_helm("custom")),
        (Api::External, object.root.get("externalRules")),
        (Api::External, of_helm("external")),
    ];
    lists.into_iter().flat_map(|(api, list)| {
        let items: Vec<_> = list.into_iter().flat_map(Place::items).collect();
        items.into_iter().filter(|it| it.get("seriesQuery").is_some()).map(move |it| (api, it))
    })
}

/// True for Helm values that leave the chart's own rules on, which make a metric of every series.
pub(crate) fn has_defaults(object: &Object<'_>) -> bool {
    object.root.get("rules").is_some_and(|rules| {
        rules.is_mapping() && rules.get("default").and_then(Place::boolean) != Some(false)
    })
}

/// The metrics that a rule makes.
#[derive(Debug)]
pub(crate) enum Produced {
    /// One of this name.
    Name(String),
    /// Some, with names like this.
    Like(Regex),
    /// Nobody knows.
    Unknown,
}

impl Produced {
    /// What a rule makes.
    pub(crate) fn of(rule: Place<'_>) -> Self {
        Self::read(rule).unwrap_or(Self::Unknown)
    }

    fn read(rule: Place<'_>) -> Option<Self> {
        let series = stand_ins(rule.text_of("seriesQuery")?);
        let query = Query::parse(&series).ok()?;
        let selectors = query.tree().selectors();
        let [selector] = selectors.as_slice() else { return None };
        let naming = rule.get("name");
        let matches = naming.and_then(|it| it.text_of("matches")).filter(|it| !it.is_empty());
        let written = naming.and_then(|it| it.text_of("as")).filter(|it| !it.is_empty());
        // The adapter looks anywhere in the name.
        let matches = Regex::new(matches.unwrap_or(".*")).ok()?;
        let result = written.unwrap_or(if matches.captures_len() == 2 { "$1" } else { "$0" });
        if let Some((name, _)) = selector.name() {
            let mut out = String::new();
            matches.captures(name)?.expand(result, &mut out);
            return Some(Self::Name(out));
        }
        if !result.contains('$') {
            return Some(Self::Name(result.to_owned()));
        }
        let mut patterns = selector.matchers.iter().filter(|it| it.label == "__name__");
        let (only, None) = (patterns.next()?, patterns.next()) else { return None };
        let keeps = result == "$0" && naming.is_none_or(|it| it.get("matches").is_none());
        (only.op == MatchOp::Regex && keeps).then(|| pattern(&only.value).map(Self::Like))?
    }

    /// True if a metric of this name may be among them.
    pub(crate) fn admits(&self, name: &str) -> bool {
        match self {
            Self::Name(known) => known == name,
            Self::Like(pattern) => pattern.is_match(name),
            Self::Unknown => true,
        }
    }
}

/// What the adapter rules of the input make for `api`; nothing where there are none.
pub(crate) fn produced(cluster: &Cluster<'_>, api: Api) -> Vec<Produced> {
    let mut found = Vec::new();
    for object in cluster.of_kind(Kind::AdapterConfig) {
        let own = rules(object).filter(|(of, _)| *of == api);
        found.extend(own.map(|(_, rule)| Produced::of(rule)));
        if api == Api::Custom && has_defaults(object) {
            found.push(Produced::Unknown);
        }
    }
    found
}
