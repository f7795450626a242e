//! PromQL in the input (rules.md 2.14): rules, KEDA queries, adapter configuration, analysis templates.

use std::borrow::Cow;
use std::sync::OnceLock;

use super::autoscaler::Autoscaler;
use super::object::{Kind, Object, adapter_rules};
use crate::query::{Query, Unread};
use crate::source::Span;
use crate::yaml::Place;

/// A scalar that holds a PromQL expression.
#[derive(Debug)]
pub struct Carrier<'a> {
    /// The object that it stands in.
    pub object: Object<'a>,
    /// The scalar.
    pub place: Place<'a>,
    /// Its text, with stand-ins of equal length for the words of the adapter's and Argo's templates.
    pub text: Cow<'a, str>,
    /// What the expression is for.
    pub role: Role<'a>,
    query: OnceLock<Result<Query, Unread>>,
}

/// What an expression is for.
#[derive(Clone, Copy, Debug)]
pub enum Role<'a> {
    /// An alert; `rule` is its mapping.
    Alert {
        /// The alert's name.
        name: &'a str,
        /// The rule.
        rule: Place<'a>,
    },
    /// A recording.
    Record {
        /// The recorded name.
        name: &'a str,
        /// The rule.
        rule: Place<'a>,
    },
    /// A KEDA trigger.
    Trigger {
        /// Its ScaledObject, as index into [`super::Cluster::autoscalers`]; `None` for a ScaledJob.
        autoscaler: Option<usize>,
        /// The trigger.
        trigger: Place<'a>,
    },
    /// `metricsQuery` of an adapter rule.
    MetricsQuery {
        /// The adapter rule.
        rule: Place<'a>,
    },
    /// `seriesQuery` of an adapter rule: a selector.
    SeriesQuery {
        /// The adapter rule.
        rule: Place<'a>,
    },
    /// A query of an Argo analysis.
    Analysis,
}

impl<'a> Carrier<'a> {
    fn new(object: &Object<'a>, place: Place<'a>, role: Role<'a>) -> Option<Self> {
        let text = place.text().filter(|_| !place.is_null())?;
        let text = match role {
            Role::MetricsQuery { .. } | Role::SeriesQuery { .. } => crate::query::stand_ins(text),
            Role::Analysis => crate::query::quoted_arguments(text),
            _ => Cow::Borrowed(text),
        };
        Some(Self { object: *object, place, text, role, query: OnceLock::new() })
    }

    /// The parsed expression; why there is none, if it is no PromQL or is a template of another tool.
    pub fn parsed(&self) -> Result<&Query, &Unread> {
        let parse = || {
            if crate::query::is_templated(&self.text) {
                Err(Unread::Foreign)
            } else {
                Query::parse(&self.text)
            }
        };
        self.query.get_or_init(parse).as_ref()
    }

    /// The parsed expression, if it is PromQL.
    pub fn query(&self) -> Option<&Query> {
        self.parsed().ok()
    }

    /// Where a part of the expression stands in the file, on one line; the whole of it if the part is empty.
    pub fn spot(&self, range: std::ops::Range<usize>) -> Span {
        if range.is_empty() { self.place.primary() } else { self.place.part_line(range) }
    }
}

/// All expressions of one object.
pub(super) fn carriers<'a>(
    object: &Object<'a>,
    autoscaler: Option<&Autoscaler<'a>>,
) -> Vec<Carrier<'a>> {
    let mut found = Vec::new();
    let mut add = |place: Option<Place<'a>>, role| {
        found.extend(place.and_then(|place| Carrier::new(object, place, role)));
    };
    match object.kind {
        Kind::PrometheusRule | Kind::RuleFile => {
            let groups =
                if object.kind == Kind::RuleFile { Some(object.root) } else { object.at("spec") };
            let groups = groups.into_iter().flat_map(|root| root.list("groups"));
            for rule in groups.flat_map(|group| group.list("rules")) {
                let role = match (rule.text_of("alert"), rule.text_of("record")) {
                    (Some(name), _) => Role::Alert { name, rule },
                    (None, name) => Role::Record { name: name.unwrap_or(""), rule },
                };
                add(rule.get("expr"), role);
            }
        }
        Kind::ScaledObject | Kind::ScaledJob => {
            let triggers = object.at("spec").into_iter().flat_map(|spec| spec.list("triggers"));
            for trigger in triggers.filter(|it| it.text_of("type") == Some("prometheus")) {
                let autoscaler = autoscaler.map(|autoscaler| autoscaler.index);
                add(trigger.at("metadata/query"), Role::Trigger { autoscaler, trigger });
            }
        }
        Kind::AdapterConfig => {
            for rule in adapter_rules(object.root) {
                add(rule.get("seriesQuery"), Role::SeriesQuery { rule });
                add(rule.get("metricsQuery"), Role::MetricsQuery { rule });
                add(rule.get("containerQuery"), Role::MetricsQuery { rule });
                add(rule.get("nodeQuery"), Role::MetricsQuery { rule });
            }
        }
        Kind::AnalysisTemplate => {
            for metric in object.at("spec").into_iter().flat_map(|spec| spec.list("metrics")) {
                add(metric.at("provider/prometheus/query"), Role::Analysis);
            }
        }
        _ => {}
    }
    found
}
