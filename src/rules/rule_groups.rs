//! The groups of PrometheusRules and rule files, with the rules of each in order.

use crate::cluster::{Carrier, Cluster, Kind, Role};
use crate::yaml::Place;

/// A group of rules.
pub(crate) struct Group<'c, 'a> {
    /// The item of `groups`.
    pub(crate) place: Place<'a>,
    /// Its alerts and records that have an expression.
    pub(crate) rules: Vec<&'c Carrier<'a>>,
}

impl<'a> Group<'_, 'a> {
    /// Its name; empty if it has none.
    pub(crate) fn name(&self) -> &'a str {
        self.place.text_of("name").unwrap_or("")
    }
}

/// The groups of every PrometheusRule and rule file that has rules, file by file.
pub(crate) fn of_all<'c, 'a>(cluster: &'c Cluster<'a>) -> impl Iterator<Item = Vec<Group<'c, 'a>>> {
    let by_object = cluster.carriers().chunk_by(|one, next| one.object.index == next.object.index);
    by_object.filter_map(of_object)
}

fn of_object<'c, 'a>(carriers: &'c [Carrier<'a>]) -> Option<Vec<Group<'c, 'a>>> {
    let object = &carriers.first()?.object;
    let root = match object.kind {
        Kind::PrometheusRule => object.at("spec")?,
        Kind::RuleFile => object.root,
        _ => return None,
    };
    let mut carriers = carriers.iter().peekable();
    let group = |place: Place<'a>| {
        let mut rules = Vec::new();
        for rule in place.list("rules") {
            rules.extend(carriers.next_if(|carrier| rule_of(carrier) == Some(rule)));
        }
        Group { place, rules }
    };
    Some(root.list("groups").map(group).collect())
}

fn rule_of<'a>(carrier: &Carrier<'a>) -> Option<Place<'a>> {
    match carrier.role {
        Role::Alert { rule, .. } | Role::Record { rule, .. } => Some(rule),
        _ => None,
    }
}
