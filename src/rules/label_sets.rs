//! Which labels the series of an expression have (rules.md 2.15), as far as the expression, the records that it reads
//! and their static labels tell; of what nobody tells, everything is possible.

use std::cell::RefCell;
use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::cluster::{Cluster, Role};
use crate::query::{Grouping, Kind, MatchOp, Matching, Node, Selector};
use crate::rules::expressions::is_recorded;
use crate::yaml::Place;

/// Records of records of records …, at the most.
const MOST_RECORDS: usize = 8;

/// What is known of one label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label<'q> {
    /// Every series has this value; none has the label if it is empty.
    Is(&'q str),
    /// Every series has it, with some value.
    Present,
    /// Nothing.
    Any,
}

impl Label<'_> {
    /// What holds of series that are in one of two sets.
    fn either(self, other: Self) -> Self {
        match (self, other) {
            (one, other) if one == other => one,
            (Self::Is("") | Self::Any, _) | (_, Self::Is("") | Self::Any) => Self::Any,
            _ => Self::Present,
        }
    }

    /// True if no series of both kinds have the same value.
    fn excludes(self, other: Self) -> bool {
        match (self, other) {
            (Self::Is(one), Self::Is(other)) => one != other,
            (Self::Is(""), Self::Present) | (Self::Present, Self::Is("")) => true,
            _ => false,
        }
    }
}

/// The labels of series, the metric's name left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct LabelSet<'q> {
    known: BTreeMap<&'q str, Label<'q>>,
    /// They may have other labels than those.
    open: bool,
}

impl<'q> LabelSet<'q> {
    /// Nothing is known.
    fn open() -> Self {
        Self { known: BTreeMap::new(), open: true }
    }

    /// What is known of the label `name`.
    pub(crate) fn of(&self, name: &str) -> Label<'q> {
        let rest = if self.open { Label::Any } else { Label::Is("") };
        self.known.get(name).copied().unwrap_or(rest)
    }

    fn set(&mut self, name: &'q str, label: Label<'q>) {
        self.known.insert(name, label);
    }

    fn either(self, other: &Self) -> Self {
        let names = self.known.keys().chain(other.known.keys());
        let known = names.map(|name| (*name, self.of(name).either(other.of(name)))).collect();
        Self { known, open: self.open || other.open }
    }

    /// The first label, by name, that no pair of series from both sets has in common.
    pub(crate) fn difference(&self, other: &Self) -> Option<&'q str> {
        let mut names: Vec<_> = self.known.keys().chain(other.known.keys()).copied().collect();
        names.sort_unstable();
        names.into_iter().find(|name| self.of(name).excludes(other.of(name)))
    }

    fn grouped(&self, grouping: Option<&'q Grouping>) -> Self {
        let Some(grouping) = grouping else { return Self::default() };
        // The adapter fills in the labels of whoever asks.
        if grouping.labels.iter().any(|(name, _)| is_stand_in(name, "group_by")) {
            return Self::open();
        }
        let names = grouping.labels.iter().map(|(name, _)| name.as_str());
        if grouping.without {
            let mut rest = self.clone();
            names.for_each(|name| rest.set(name, Label::Is("")));
            return rest;
        }
        // Whoever groups by a label knows that it is there.
        let kept = |name| match self.of(name) {
            Label::Any => (name, Label::Present),
            label => (name, label),
        };
        Self { known: names.map(kept).collect(), open: false }
    }
}

/// Finds the labels of expressions; remembers those of records, which many expressions read.
pub(crate) struct Inference<'c> {
    cluster: &'c Cluster<'c>,
    /// By name; a name that is still being looked up has no entry value.
    records: RefCell<FxHashMap<&'c str, Option<LabelSet<'c>>>>,
}

impl<'c> Inference<'c> {
    pub(crate) fn new(cluster: &'c Cluster<'c>) -> Self {
        Self { cluster, records: RefCell::default() }
    }

    /// The labels of the series of `node`; `None` for numbers and strings.
    pub(crate) fn of(&self, node: &'c Node) -> Option<LabelSet<'c>> {
        self.labels(node, 0)
    }

    fn labels(&self, node: &'c Node, depth: usize) -> Option<LabelSet<'c>> {
        let inner = |node| self.labels(node, depth);
        match &node.kind {
            Kind::Number(_) | Kind::String(_) => None,
            Kind::Paren(expr) | Kind::Unary { expr, .. } | Kind::Subquery { expr, .. } => {
                inner(expr)
            }
            Kind::Selector { .. } => Some(self.of_selector(&node.selector()?, depth)),
            Kind::Aggregate { op, grouping, param, expr, .. } => {
                let all = inner(expr)?;
                match op.as_str() {
                    "topk" | "bottomk" | "limitk" | "limit_ratio" => Some(all),
                    "count_values" => {
                        let mut kept = all.grouped(grouping.as_ref());
                        match param.as_deref().map(|it| &it.kind) {
                            Some(Kind::String(name)) => kept.set(name, Label::Present),
                            _ => return Some(LabelSet::open()),
                        }
                        Some(kept)
                    }
                    _ => Some(all.grouped(grouping.as_ref())),
                }
            }
            Kind::Call { name, args, .. } => self.of_call(name, args, depth),
            Kind::Binary { op, matching, lhs, rhs, .. } => match (inner(lhs), inner(rhs)) {
                (Some(left), Some(right)) => Some(of_two(op, matching.as_ref(), left, &right)),
                (left, right) => left.or(right),
            },
            Kind::Opaque => Some(LabelSet::open()),
        }
    }

    fn of_call(&self, name: &str, args: &'c [Node], depth: usize) -> Option<LabelSet<'c>> {
        let first = || args.iter().find_map(|arg| self.labels(arg, depth));
        match name {
            "scalar" | "time" | "pi" => None,
            "vector" => Some(LabelSet::default()),
            "absent" | "absent_over_time" => {
                let selector = args.first().and_then(|arg| arg.peel().selector());
                Some(selector.map_or_else(LabelSet::default, |it| of_absent(&it)))
            }
            "label_replace" | "label_join" => {
                let mut labels = first()?;
                match args.get(1).map(|arg| &arg.kind) {
                    Some(Kind::String(name)) => labels.set(name, Label::Any),
                    _ => return Some(LabelSet::open()),
                }
                Some(labels)
            }
            "histogram_quantile" | "histogram_fraction" => {
                let mut labels = first()?;
                labels.set("le", Label::Is(""));
                Some(labels)
            }
            "info" | "histogram_quantiles" => Some(LabelSet::open()),
            // The likes of `hour()`.
            _ if args.is_empty() => Some(LabelSet::default()),
            _ => first(),
        }
    }

    fn of_selector(&self, selector: &Selector<'c>, depth: usize) -> LabelSet<'c> {
        let name = selector.metric.map(|(name, _)| name.as_str());
        let name = name.filter(|name| is_recorded(name));
        let mut labels = name.map_or_else(LabelSet::open, |name| self.of_records(name, depth));
        for matcher in selector.matchers.iter().filter(|it| it.label != "__name__") {
            let label = match matcher.op {
                MatchOp::Equal if is_stand_in(&matcher.value, "") => continue,
                MatchOp::Equal => Label::Is(&matcher.value),
                MatchOp::NotEqual if matcher.value.is_empty() => Label::Present,
                MatchOp::Regex if never_empty(&matcher.value) => Label::Present,
                MatchOp::NotEqual | MatchOp::Regex | MatchOp::NotRegex => continue,
            };
            // Of two conditions on one label the value says more.
            if !matches!((labels.of(&matcher.label), label), (Label::Is(_), Label::Present)) {
                labels.set(&matcher.label, label);
            }
        }
        labels
    }

    /// Of all records of a name together: which of them a selector reads, other rules may decide.
    fn of_records(&self, name: &'c str, depth: usize) -> LabelSet<'c> {
        if let Some(known) = self.records.borrow().get(name) {
            return known.clone().unwrap_or_else(LabelSet::open);
        }
        self.records.borrow_mut().insert(name, None);
        let found = self.join_records(name, depth).unwrap_or_else(LabelSet::open);
        self.records.borrow_mut().insert(name, Some(found.clone()));
        found
    }

    fn join_records(&self, name: &str, depth: usize) -> Option<LabelSet<'c>> {
        let mut all: Option<LabelSet<'c>> = None;
        for record in self.cluster.records(name)? {
            let query = record.query().filter(|_| depth < MOST_RECORDS)?;
            let mut labels = self.labels(query.tree(), depth + 1).unwrap_or_default();
            let Role::Record { rule, .. } = record.role else { return None };
            let fixed = rule.get("labels").into_iter().flat_map(Place::entries);
            for (label, value) in fixed {
                labels.set(label, value.text().map_or(Label::Any, Label::Is));
            }
            all = Some(match all {
                Some(all) => all.either(&labels),
                None => labels,
            });
        }
        all
    }
}

/// True for what stands in the place of another program's template: `start` and underscores up to its length.
fn is_stand_in(text: &str, start: &str) -> bool {
    text.strip_prefix(start).is_some_and(|rest| rest.len() > 1 && rest.bytes().all(|it| it == b'_'))
}

/// True for a regular expression that certainly does not match the empty text, which stands for no label.
fn never_empty(pattern: &str) -> bool {
    !pattern.contains(['*', '?', '{', '(', '^', '$']) && pattern.split('|').all(|it| !it.is_empty())
}

/// `absent` takes over what is certain of the series that are not there.
fn of_absent<'q>(selector: &Selector<'q>) -> LabelSet<'q> {
    let mut labels = LabelSet::default();
    for matcher in selector.matchers.iter().filter(|it| it.label != "__name__") {
        let again = labels.known.contains_key(matcher.label.as_str());
        let value =
            if matcher.op == MatchOp::Equal && !again { matcher.value.as_str() } else { "" };
        labels.set(&matcher.label, Label::Is(value));
    }
    labels
}

/// What an operator leaves of the labels of its sides.
fn of_two<'q>(
    op: &str,
    matching: Option<&'q Matching>,
    left: LabelSet<'q>,
    right: &LabelSet<'q>,
) -> LabelSet<'q> {
    if matches!(op, "and" | "unless") {
        return left;
    }
    if op == "or" {
        return left.either(right);
    }
    let Some(matching) = matching else { return left };
    if let Some(group) = &matching.group {
        let (mut many, one) =
            if group.left { (left, right.clone()) } else { (right.clone(), left) };
        for (name, _) in &group.labels {
            many.set(name, one.of(name));
        }
        return many;
    }
    if !matching.on {
        let mut rest = left;
        matching.labels.iter().for_each(|(name, _)| rest.set(name, Label::Is("")));
        return rest;
    }
    let kept = matching.labels.iter().map(|(name, _)| (name.as_str(), left.of(name))).collect();
    LabelSet { known: kept, open: false }
}
