//! What several rules ask of PromQL expressions: which series a selector reads, how many series come out, what
//! decides how the result follows the fleet.

use std::borrow::Cow;
use std::ops::Range;

use regex::Regex;
use rustc_hash::FxHashMap;

use crate::cluster::{Carrier, Cluster, Role};
use crate::query::{Grouping, Kind, MatchOp, Node, Query, Selector, stand_ins};
use crate::units::{self, Duration};

/// Records of records of records …, at the most.
const MOST_RECORDS: usize = 8;

/// Which expression it is, as messages name it.
pub(crate) fn title(carrier: &Carrier<'_>) -> String {
    match carrier.role {
        Role::Alert { name, .. } => format!("alert `{name}`"),
        Role::Record { name, .. } => format!("record `{name}`"),
        Role::MetricsQuery { .. } => "the adapter's `metricsQuery`".to_owned(),
        Role::SeriesQuery { .. } => "the adapter's `seriesQuery`".to_owned(),
        Role::Trigger { .. } | Role::Analysis => {
            format!("the query of {}", carrier.object.title())
        }
    }
}

/// A length of time, as messages write it: `90 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{} s", units::plain(duration.seconds()))
}

/// The queries of each ScaledObject, by its index.
pub(crate) fn triggers_of<'c, 'a>(
    cluster: &'c Cluster<'a>,
) -> FxHashMap<usize, Vec<&'c Carrier<'a>>> {
    let mut found: FxHashMap<_, Vec<_>> = FxHashMap::default();
    for carrier in cluster.carriers() {
        if let Role::Trigger { autoscaler: Some(index), .. } = carrier.role {
            found.entry(index).or_default().push(carrier);
        }
    }
    found
}

/// The conditions of a selector, ready to be asked many times.
pub(crate) struct Wanted<'q>(Vec<(&'q str, bool, Test<'q>)>);

enum Test<'q> {
    Text(&'q str),
    Pattern(Regex),
    /// A regular expression that this reader cannot compile.
    Unknown,
}

impl<'q> Wanted<'q> {
    /// The conditions of `selector`.
    pub(crate) fn of(selector: &Selector<'q>) -> Self {
        let read = |matcher: &'q crate::query::Matcher| {
            let equal = matches!(matcher.op, MatchOp::Equal | MatchOp::Regex);
            let test = match matcher.op {
                MatchOp::Equal | MatchOp::NotEqual => Test::Text(&matcher.value),
                MatchOp::Regex | MatchOp::NotRegex => {
                    pattern(&matcher.value).map_or(Test::Unknown, Test::Pattern)
                }
            };
            (matcher.label.as_str(), equal, test)
        };
        Self(selector.matchers.iter().map(read).collect())
    }

    /// True if a series whose `label` has this value may be among those selected.
    pub(crate) fn admits(&self, label: &str, value: &str) -> bool {
        self.0.iter().filter(|(known, ..)| *known == label).all(|(_, equal, test)| match test {
            Test::Text(text) => (*text == value) == *equal,
            Test::Pattern(pattern) => pattern.is_match(value) == *equal,
            Test::Unknown => true,
        })
    }

    /// The one Service or job that they come from, if there is only one.
    pub(crate) fn exact(&self) -> Option<&'q str> {
        self.0.iter().find_map(|(label, equal, test)| match test {
            Test::Text(text) if *equal && matches!(*label, "service" | "job") => Some(*text),
            _ => None,
        })
    }

    /// True if not every value of `label` will do.
    pub(crate) fn names(&self, label: &str) -> bool {
        // No label has this value, so only a condition that nearly all values meet admits it.
        !self.admits(label, "\u{0}")
    }
}

/// A regular expression as Prometheus applies it: to the whole value.
pub(crate) fn pattern(text: &str) -> Option<Regex> {
    Regex::new(&format!("^(?s:{text})$")).ok()
}

/// The metric that a selector reads, or the regular expression for its name; of the adapter's `<<.Series>>` what
/// its `seriesQuery` says.
pub(crate) fn metric<'q>(carrier: &Carrier<'_>, selector: &Selector<'q>) -> Cow<'q, str> {
    let written = |range: &Range<usize>| carrier.place.text().and_then(|it| it.get(range.clone()));
    if let Role::MetricsQuery { rule } = carrier.role
        && let Some((_, range)) = selector.metric
        && written(range).is_some_and(|text| text.starts_with("<<"))
    {
        let discovered = rule.text_of("seriesQuery").and_then(|series| {
            let query = Query::parse(&stand_ins(series)).ok()?;
            query.tree().selectors().first().map(|selector| name(selector).into_owned())
        });
        return Cow::Owned(discovered.unwrap_or_default());
    }
    name(selector)
}

/// The name of the metric or the regular expression for it; empty where there is neither.
fn name<'q>(selector: &Selector<'q>) -> Cow<'q, str> {
    if let Some((name, _)) = selector.metric {
        return Cow::Borrowed(name);
    }
    let wanted = |op| selector.matchers.iter().find(|it| it.label == "__name__" && it.op == op);
    let matcher = wanted(MatchOp::Equal).or_else(|| wanted(MatchOp::Regex));
    matcher.map_or(Cow::Borrowed(""), |it| {
        Cow::Borrowed(it.value.trim_end_matches('$').trim_end_matches(')'))
    })
}

/// True for the name of a rule's result, by convention.
pub(crate) fn is_recorded(name: &str) -> bool {
    name.contains(':')
}

/// True for the name of a record that says that it is a ratio.
pub(crate) fn is_called_ratio(name: &str) -> bool {
    is_recorded(name) && name.split(['_', ':']).any(|word| word.starts_with("ratio"))
}

/// True for the name of a counter, or of a part of a histogram that counts, by convention.
pub(crate) fn is_counter(name: &str) -> bool {
    ["_total", "_count", "_sum", "_bucket"].iter().any(|end| name.ends_with(end))
}

/// True for what exporters of the platform tell about pods: no monitor of the service's own brings it.
pub(crate) fn is_of_platform(name: &str) -> bool {
    ["kube_", "container_", "node_", "kubelet_", "apiserver_", "machine_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// True for what proxies tell about requests on the way to a service, whether it runs or not.
pub(crate) fn is_of_proxy(name: &str) -> bool {
    [
        "nginx_", "traefik_", "envoy_", "istio_", "haproxy_", "kong_", "contour_", "apisix_",
        "caddy_", "cilium_",
    ]
    .iter()
    .any(|prefix| name.starts_with(prefix))
}

/// True for the length of something that waits outside of the pods.
pub(crate) fn is_backlog(name: &str) -> bool {
    ["lag", "queue", "backlog"].iter().any(|word| {
        name.split(['_', ':']).any(|part| part == *word || part.strip_suffix('s') == Some(word))
    })
}

/// The value of an expression of numbers, also inside of `vector()`.
pub(crate) fn constant(node: &Node) -> Option<f64> {
    match &node.peel().kind {
        Kind::Call { name, args, .. } if name == "vector" => args.first().and_then(Node::fold),
        _ => node.fold(),
    }
}

/// True for what reads no series.
pub(crate) fn is_constant(node: &Node) -> bool {
    !matches!(node.kind, Kind::Selector { .. } | Kind::Opaque) && node.children().all(is_constant)
}

/// How many series an expression returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Count<'q> {
    /// One at the most, with these labels if they are known.
    One(Option<Vec<&'q str>>),
    /// Perhaps several, by this clause or operator; `None` where series are not aggregated at all.
    Many(Option<Range<usize>>),
    /// Nobody can tell.
    Unknown,
}

/// How many series `node` returns.
pub(crate) fn count<'q>(cluster: &'q Cluster<'_>, node: &'q Node) -> Count<'q> {
    Counter { cluster, depth: 0 }.count(node, false)
}

struct Counter<'q, 'a> {
    cluster: &'q Cluster<'a>,
    depth: usize,
}

impl<'q> Counter<'q, '_> {
    /// `of_buckets` inside a quantile, which takes the label `le` away.
    fn count(&self, node: &'q Node, of_buckets: bool) -> Count<'q> {
        match &node.kind {
            Kind::Number(_) | Kind::String(_) => Count::One(Some(Vec::new())),
            Kind::Paren(inner) => self.count(inner, of_buckets),
            Kind::Unary { expr, .. } | Kind::Subquery { expr, .. } => self.count(expr, of_buckets),
            Kind::Selector { .. } => {
                node.selector().map_or(Count::Unknown, |it| self.of_selector(&it, of_buckets))
            }
            Kind::Aggregate { op, grouping, param, expr, .. } => {
                let first = || param.as_deref().and_then(Node::fold) == Some(1.0);
                match op.as_str() {
                    "topk" | "bottomk" | "limitk" if grouping.is_none() && first() => {
                        Count::One(None)
                    }
                    "topk" | "bottomk" | "limitk" | "limit_ratio" | "count_values" => {
                        Count::Many(grouping.as_ref().map(|it| it.span.clone()))
                    }
                    _ => of_groups(grouping.as_ref(), expr, of_buckets),
                }
            }
            Kind::Binary { op, op_span, matching, lhs, rhs, .. } => {
                let left = || self.count(lhs, of_buckets);
                let right = || self.count(rhs, of_buckets);
                let group = matching.as_ref().and_then(|it| it.group.as_ref());
                match (op.as_str(), group) {
                    ("and" | "unless", _) => left(),
                    ("or", _) => {
                        let on_nothing =
                            matching.as_ref().is_some_and(|it| it.on && it.labels.is_empty());
                        of_either(left(), right(), on_nothing, op_span)
                    }
                    (_, Some(group)) => {
                        if group.left {
                            left()
                        } else {
                            right()
                        }
                    }
                    _ => of_both(left(), right(), is_constant(lhs)),
                }
            }
            Kind::Call { name, args, .. } => {
                let of_buckets = of_buckets
                    || matches!(name.as_str(), "histogram_quantile" | "histogram_fraction");
                match name.as_str() {
                    "absent" | "absent_over_time" => Count::One(None),
                    "scalar" | "vector" => Count::One(Some(Vec::new())),
                    "label_replace" | "label_join" => {
                        match args.first().map(|arg| self.count(arg, of_buckets)) {
                            Some(Count::One(_)) => Count::One(None),
                            other => other.unwrap_or(Count::Unknown),
                        }
                    }
                    _ => {
                        let varying = args.iter().filter(|arg| !is_constant(arg));
                        let start = Count::One(Some(Vec::new()));
                        varying.fold(start, |known, arg| {
                            of_both(known, self.count(arg, of_buckets), true)
                        })
                    }
                }
            }
            Kind::Opaque => Count::Unknown,
        }
    }

    fn of_selector(&self, selector: &Selector<'q>, of_buckets: bool) -> Count<'q> {
        let name = name(selector);
        if !is_recorded(&name) {
            let single = is_one_per_object(&name, selector);
            return if single { Count::One(None) } else { Count::Many(None) };
        }
        let Some(mut records) = self.cluster.records(&name) else { return Count::Unknown };
        let (Some(record), None) = (records.next(), records.next()) else { return Count::Unknown };
        let Some(query) = record.query().filter(|_| self.depth < MOST_RECORDS) else {
            return Count::Unknown;
        };
        let inner = Counter { cluster: self.cluster, depth: self.depth + 1 };
        match inner.count(query.tree(), of_buckets) {
            Count::One(_) => Count::One(None),
            // What the selector asks for may leave one.
            Count::Many(_) if !selector.matchers.is_empty() => Count::Unknown,
            Count::Many(_) => Count::Many(None),
            Count::Unknown => Count::Unknown,
        }
    }
}

/// kube-state-metrics tells the replicas of each object once.
fn is_one_per_object(name: &str, selector: &Selector<'_>) -> bool {
    let equal = selector.matchers.iter().filter(|it| it.op == MatchOp::Equal);
    name.starts_with("kube_") && name.contains("replicas") && equal.count() >= 2
}

fn of_groups<'q>(grouping: Option<&'q Grouping>, expr: &'q Node, of_buckets: bool) -> Count<'q> {
    let Some(grouping) = grouping else { return Count::One(Some(Vec::new())) };
    let selectors = expr.selectors();
    let is_fixed = |label: &str| {
        let fixes = |it: &crate::query::Matcher| it.label == label && it.op == MatchOp::Equal;
        selectors.iter().any(|selector| selector.matchers.iter().any(fixes))
    };
    let labels = || grouping.labels.iter().map(|(label, _)| label.as_str());
    let kept = || labels().filter(|label| !(of_buckets && *label == "le"));
    if grouping.without || kept().any(|label| !is_fixed(label)) {
        return Count::Many(Some(grouping.span.clone()));
    }
    let mut kept: Vec<_> = kept().collect();
    kept.sort_unstable();
    Count::One(Some(kept))
}

/// Series of the left side, and those of the right that have other labels.
fn of_either<'q>(
    left: Count<'q>,
    right: Count<'q>,
    on_nothing: bool,
    or: &Range<usize>,
) -> Count<'q> {
    match (left, right) {
        (Count::Many(why), _) => Count::Many(why),
        (_, Count::Many(why)) if !on_nothing => Count::Many(why),
        (Count::One(Some(left)), Count::One(Some(right))) if !on_nothing && left != right => {
            Count::Many(Some(or.clone()))
        }
        (Count::Unknown, _) | (_, Count::Unknown | Count::Many(_)) => Count::Unknown,
        (left, _) => left,
    }
}

fn of_both<'q>(left: Count<'q>, right: Count<'q>, prefer_right: bool) -> Count<'q> {
    match (left, right) {
        (Count::Many(why), _) | (_, Count::Many(why)) => Count::Many(why),
        (Count::Unknown, _) | (_, Count::Unknown) => Count::Unknown,
        (left, right) => {
            if prefer_right {
                right
            } else {
                left
            }
        }
    }
}

/// The function or operator that decides how a result follows the fleet.
#[derive(Clone, Debug)]
pub(crate) struct Outermost<'q> {
    /// Its node.
    pub(crate) node: &'q Node,
    /// How it is written.
    pub(crate) word: &'q str,
    /// Where that is written.
    pub(crate) span: Range<usize>,
    /// A total over the fleet, else a quantile, mean, extreme or ratio.
    pub(crate) total: bool,
}

/// What decides how the result of `node` follows the fleet (autoscaling.md 3.2).
pub(crate) fn outermost(node: &Node) -> Option<Outermost<'_>> {
    let found = |word, span: &Range<usize>, total| {
        Some(Outermost { node, word, span: span.clone(), total })
    };
    match &node.kind {
        Kind::Paren(inner) => outermost(inner),
        Kind::Unary { expr, .. } | Kind::Subquery { expr, .. } => outermost(expr),
        Kind::Aggregate { op, op_span, .. } => match op.as_str() {
            "sum" | "count" => found(op, op_span, true),
            "avg" | "max" | "min" | "quantile" => found(op, op_span, false),
            _ => None,
        },
        Kind::Call { name, name_span, args } => {
            if matches!(
                name.as_str(),
                "histogram_quantile" | "histogram_avg" | "histogram_fraction"
            ) {
                return found(name, name_span, false);
            }
            if matches!(name.as_str(), "absent" | "absent_over_time" | "scalar" | "sgn") {
                return None;
            }
            let mut varying = args.iter().filter(|arg| !is_constant(arg));
            let only = varying.next()?;
            if varying.next().is_some() { None } else { outermost(only) }
        }
        Kind::Binary { bool_modifier: true, .. } => None,
        Kind::Binary { op, op_span, lhs, rhs, .. } => match (is_constant(lhs), is_constant(rhs)) {
            (true, true) => None,
            (false, true) => outermost(lhs),
            // 1 / total falls while the fleet's work grows.
            (true, false) => {
                if op == "/" {
                    None
                } else {
                    outermost(rhs)
                }
            }
            (false, false) => match op.as_str() {
                "/" => found(op, op_span, false),
                "and" | "unless" | ">" | "<" | ">=" | "<=" | "==" | "!=" => outermost(lhs),
                "+" | "-" | "or" => {
                    let (left, right) = (outermost(lhs)?, outermost(rhs)?);
                    (left.total == right.total).then_some(left)
                }
                _ => None,
            },
        },
        _ => None,
    }
}
