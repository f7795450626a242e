//! Labels, and the selectors that pick objects by them (rules.md 2.9).

use crate::yaml::Place;

/// True for what another tool will replace, such as `${NAME}` or `<name>`: nothing can be said of it.
pub fn is_placeholder(text: &str) -> bool {
    text.contains(['{', '}', '$', '<', '>', '%', '@'])
}

/// The labels of an object or template.
#[derive(Clone, Copy, Debug)]
pub struct Labels<'a>(pub Option<Place<'a>>);

impl<'a> Labels<'a> {
    /// The value of a label.
    pub fn get(self, key: &str) -> Option<&'a str> {
        self.0?.text_of(key)
    }

    /// All of them, with their places.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, Place<'a>)> {
        self.0.into_iter().flat_map(Place::entries)
    }

    /// True without any.
    pub fn is_empty(self) -> bool {
        self.iter().next().is_none()
    }
}

/// What a `matchExpressions` entry asks for.
#[derive(Clone, Debug)]
pub struct Requirement<'a> {
    /// The entry.
    pub place: Place<'a>,
    /// Label.
    pub key: &'a str,
    /// `In`, `NotIn`, `Exists`, `DoesNotExist`.
    pub operator: &'a str,
    /// Values for the first two.
    pub values: Vec<&'a str>,
}

impl Requirement<'_> {
    /// True if `labels` satisfy it; an unknown operator is satisfied by nothing.
    pub fn matches(&self, labels: Labels<'_>) -> bool {
        let value = labels.get(self.key);
        match self.operator {
            "In" => value.is_some_and(|value| self.values.contains(&value)),
            "NotIn" => value.is_none_or(|value| !self.values.contains(&value)),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    }

    /// As people write it: `tier in (a, b)`.
    pub fn text(&self) -> String {
        let values = self.values.join(", ");
        match self.operator {
            "In" => format!("{} in ({values})", self.key),
            "NotIn" => format!("{} notin ({values})", self.key),
            "Exists" => self.key.to_owned(),
            "DoesNotExist" => format!("!{}", self.key),
            other => format!("{} {other} ({values})", self.key),
        }
    }
}

/// A label selector.
#[derive(Clone, Debug)]
pub struct Selector<'a> {
    /// The selector's mapping.
    pub place: Place<'a>,
    /// `matchLabels`, or the whole of a plain map.
    pub labels: Vec<(&'a str, &'a str, Place<'a>)>,
    /// `matchExpressions`.
    pub requirements: Vec<Requirement<'a>>,
}

impl<'a> Selector<'a> {
    /// A plain map, as Services have it.
    pub fn map(place: Place<'a>) -> Self {
        let pair = |(key, value): (&'a str, Place<'a>)| Some((key, value.text()?, value));
        let labels = place.entries().into_iter().filter_map(pair).collect();
        Self { place, labels, requirements: Vec::new() }
    }

    /// `matchLabels` and `matchExpressions`.
    pub fn full(place: Place<'a>) -> Self {
        let labels = place.get("matchLabels").map(|map| Self::map(map).labels).unwrap_or_default();
        let requirement = |entry: Place<'a>| Requirement {
            place: entry,
            key: entry.text_of("key").unwrap_or(""),
            operator: entry.text_of("operator").unwrap_or(""),
            values: entry.list("values").filter_map(Place::text).collect(),
        };
        let requirements = place.list("matchExpressions").map(requirement).collect();
        Self { place, labels, requirements }
    }

    /// True if it asks for nothing; whether that means everything or nothing, its user knows.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.requirements.is_empty()
    }

    /// True if `labels` satisfy all of it.
    pub fn matches(&self, labels: Labels<'_>) -> bool {
        self.labels.iter().all(|(key, value, _)| labels.get(key) == Some(value))
            && self.requirements.iter().all(|requirement| requirement.matches(labels))
    }

    /// True if another tool will fill a part of it in.
    pub fn is_placeholder(&self) -> bool {
        let values = || self.requirements.iter().flat_map(|requirement| &requirement.values);
        self.labels.iter().any(|(key, value, _)| is_placeholder(key) || is_placeholder(value))
            || values().any(|value| is_placeholder(value))
    }

    /// How many of its entries `labels` satisfy.
    pub fn met(&self, labels: Labels<'_>) -> usize {
        let same = self.labels.iter().filter(|(key, value, _)| labels.get(key) == Some(value));
        let met = self.requirements.iter().filter(|requirement| requirement.matches(labels));
        same.count() + met.count()
    }

    /// The first entry that none of `candidates` satisfies; the first entry at all if each is satisfied by some.
    pub fn culprit(&self, candidates: &[Labels<'_>]) -> Place<'a> {
        let has =
            |key: &str, value: &str| candidates.iter().any(|labels| labels.get(key) == Some(value));
        self.culprit_by(has, |requirement| {
            candidates.iter().any(|labels| requirement.matches(*labels))
        })
    }

    /// As [`Selector::culprit`], where `has` says whether a candidate has the label and `meets` whether one meets
    /// the requirement.
    pub fn culprit_by(
        &self,
        has: impl Fn(&'a str, &'a str) -> bool,
        meets: impl Fn(&Requirement<'a>) -> bool,
    ) -> Place<'a> {
        let label = self.labels.iter().find(|(key, value, _)| !has(key, value));
        let requirement = || self.requirements.iter().find(|requirement| !meets(requirement));
        label
            .map(|(_, _, place)| *place)
            .or_else(|| requirement().map(|requirement| requirement.place))
            .or_else(|| self.labels.first().map(|(_, _, place)| *place))
            .or_else(|| self.requirements.first().map(|requirement| requirement.place))
            .unwrap_or(self.place)
    }

    /// As people write it: `app=shop,tier in (a, b)`.
    pub fn text(&self) -> String {
        let labels = self.labels.iter().map(|(key, value, _)| format!("{key}={value}"));
        let requirements = self.requirements.iter().map(Requirement::text);
        labels.chain(requirements).collect::<Vec<_>>().join(",")
    }
}
