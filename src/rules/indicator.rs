//! What rules ask of PromQL that is about a service with a slo.toml: which of its targets an expression measures, and
//! over which time.

use std::cell::Cell;

use crate::cluster::{Carrier, Cluster, Declared, Kind as ObjectKind, Objective, Role};
use crate::query::{Kind, MatchOp, Matcher, Node, Selector};
use crate::rules::expressions::{self, pattern};
use crate::units::{Decimal, Duration};
use crate::yaml::Place;

/// Records of records of records …, and steps on the way there, at the most.
const MOST_STEPS: u32 = 400;

/// Labels that say in rules, and on their objects, which service is meant.
const OF_SERVICE: [&str; 4] = ["service", "slo_service", "sloth_service", "app"];

/// Labels that say which target is meant.
const OF_TARGET: [&str; 3] = ["slo_name", "slo", "sloth_slo"];

/// Labels by which selectors single a service out.
const NAMING: [&str; 3] = ["job", "service", "app"];

/// Records of one name in other objects, at the most: in large inputs each service has its own.
const MOST_RECORDS: usize = 32;

/// Labels by which applications tell how a request ended.
const STATUS: [&str; 9] = [
    "status",
    "code",
    "status_code",
    "statusCode",
    "http_status",
    "http_status_code",
    "http_response_status_code",
    "response_code",
    "grpc_code",
];

/// Reads the expressions of one carrier for one service.
pub(crate) struct Reader<'c, 'a> {
    cluster: &'c Cluster<'a>,
    /// The carrier.
    pub(crate) carrier: &'c Carrier<'a>,
    declared: &'a Declared,
    variants: Vec<&'a Declared>,
    /// The carrier lives where the service does, and nothing says that it is about another one.
    beside: bool,
    steps: Cell<u32>,
}

/// A percentile of the service's latency.
#[derive(Clone, Debug)]
pub(crate) struct Quantile<'q> {
    /// Such as 0.95.
    pub(crate) share: f64,
    /// What its seconds are multiplied by.
    pub(crate) scale: f64,
    /// The call of `histogram_quantile`.
    pub(crate) node: &'q Node,
}

/// A share of the service's requests.
#[derive(Clone, Debug)]
pub(crate) struct Share<'a> {
    /// The targets that it may measure, in one variant after another.
    pub(crate) objectives: Vec<&'a Objective>,
    /// Of the bad ones, else of the good ones.
    pub(crate) bad: bool,
    /// Over which time; `None` where that is not known.
    pub(crate) window: Option<Duration>,
    /// What it is multiplied by: 100 for per cent.
    pub(crate) scale: f64,
    /// It is divided by a budget: a burn rate.
    pub(crate) burns: bool,
    /// Only its name tells what it is.
    pub(crate) by_name: bool,
}

impl<'c, 'a> Reader<'c, 'a> {
    /// For the service whose slo.toml is nearest to the carrier; `None` without one.
    pub(crate) fn new(cluster: &'c Cluster<'a>, carrier: &'c Carrier<'a>) -> Option<Self> {
        let object = &carrier.object;
        let declared = cluster.slo.get(object.slo?)?;
        let near = cluster.described_near(object);
        let foreign = near.is_empty() && !matches!(object.kind, ObjectKind::AdapterConfig);
        let variants = if near.is_empty() { declared.variants().collect() } else { near };
        let declared = variants.first().copied()?;
        let steps = Cell::new(MOST_STEPS);
        let mut reader = Self { cluster, carrier, declared, variants, beside: false, steps };
        reader.beside = !foreign && !reader.is_of_another();
        Some(reader)
    }

    /// What slo.toml says, with the first overlay that may be meant.
    pub(crate) fn declared(&self) -> &'a Declared {
        self.declared
    }

    /// What it says, with each overlay that may be meant.
    pub(crate) fn variants(&self) -> &[&'a Declared] {
        &self.variants
    }

    /// The mapping of the rule that holds the expression.
    pub(crate) fn rule(&self) -> Option<Place<'a>> {
        match self.carrier.role {
            Role::Alert { rule, .. } | Role::Record { rule, .. } => Some(rule),
            _ => None,
        }
    }

    /// A label that the rule adds.
    fn label(&self, name: &str) -> Option<&'a str> {
        self.rule()?.get("labels")?.text_of(name)
    }

    /// True if labels, or whom it scales, say that it is about another service.
    fn is_of_another(&self) -> bool {
        let name = self.declared().name.as_str();
        let object = &self.carrier.object;
        let of_object = ["app", "app.kubernetes.io/name"].map(|label| object.label(label));
        let of_rule = OF_SERVICE.map(|label| self.label(label));
        let named = if of_rule.iter().any(Option::is_some) { &of_rule[..] } else { &of_object };
        let scaled = match self.carrier.role {
            Role::Trigger { autoscaler: Some(index), .. } => {
                self.cluster.autoscalers().get(index).map(|it| it.target.name)
            }
            _ => None,
        };
        let others = |it: Option<&str>| it.is_some_and(|it| it != name);
        let all = named.iter().any(Option::is_some)
            && named.iter().filter(|it| it.is_some()).all(|it| others(*it));
        all || others(scaled)
    }

    /// The targets that labels of the rule or of the expression name; `None` if they name none.
    fn named(&self, of: &dyn Fn(&str) -> Option<&'c str>) -> Option<Vec<&'a Objective>> {
        let all = || self.objectives();
        if let Some(id) = of("slo_id") {
            return Some(all().filter(|it| it.id == id).collect());
        }
        let name = OF_TARGET.iter().find_map(|label| of(label))?;
        Some(all().filter(|it| it.name == name).collect())
    }

    /// The targets that labels of the rule name, if they name some of this service.
    pub(crate) fn target(&self) -> Vec<&'a Objective> {
        if !self.beside {
            return Vec::new();
        }
        self.named(&|label| self.label(label)).unwrap_or_default()
    }

    /// Every target, in one variant after another.
    pub(crate) fn objectives(&self) -> impl Iterator<Item = &'a Objective> + use<'_, 'a> {
        self.variants.iter().flat_map(|declared| &declared.objectives)
    }

    /// True if the series of `selector` may be the service's.
    pub(crate) fn is_own(&self, selector: &Selector<'_>) -> bool {
        let name = self.declared.name.as_str();
        let mut namespaces = self.variants.iter().map(|it| it.namespace.as_str());
        NAMING.iter().all(|label| admits(selector, label, name))
            && namespaces.any(|namespace| admits(selector, "namespace", namespace))
            && (self.beside || self.is_named(selector))
    }

    /// True if the selector singles the service out.
    pub(crate) fn singles_out(&self, selector: &Selector<'_>) -> bool {
        self.is_own(selector) && self.is_named(selector)
    }

    fn is_named(&self, selector: &Selector<'_>) -> bool {
        // No label has this value, so only a condition that nearly all values meet admits it.
        let names = |label: &str| !admits(selector, label, "\u{0}");
        (self.beside || names("namespace")) && NAMING.iter().any(|label| names(label))
    }

    /// True if the selector reads the service's counter of requests.
    pub(crate) fn is_requests(&self, selector: &Selector<'_>) -> bool {
        self.metric(selector) == self.declared().series.requests && self.is_own(selector)
    }

    /// True if it reads the service's latency histogram: with this ending, such as `_bucket`.
    pub(crate) fn is_latency(&self, selector: &Selector<'_>, ending: &str) -> bool {
        let latency = &self.declared().series.latency;
        self.metric(selector).strip_suffix(ending) == Some(latency) && self.is_own(selector)
    }

    /// True if it reads the gauge of requests in flight.
    pub(crate) fn is_in_flight(&self, selector: &Selector<'_>) -> bool {
        self.metric(selector) == self.declared().series.in_flight && self.is_own(selector)
    }

    /// The metric that a selector reads.
    pub(crate) fn metric(&self, selector: &Selector<'_>) -> String {
        expressions::metric(self.carrier, selector).into_owned()
    }

    /// `node` as a percentile of the service's latency.
    pub(crate) fn quantile<'q>(&self, node: &'q Node) -> Option<Quantile<'q>>
    where
        'c: 'q,
    {
        self.step()?;
        match &node.kind {
            Kind::Paren(inner) => self.quantile(inner),
            Kind::Aggregate { op, expr, .. } if is_choice(op) => self.quantile(expr),
            Kind::Call { name, args, .. } if name == "histogram_quantile" => {
                let [share, buckets] = args.as_slice() else { return None };
                let series = buckets.selectors();
                let own = !series.is_empty()
                    && series.iter().all(|it| {
                        self.is_latency(it, "_bucket")
                            || (self.declared().series.buckets.is_none() && self.is_latency(it, ""))
                    });
                own.then(|| Some(Quantile { share: share.fold()?, scale: 1.0, node }))?
            }
            Kind::Call { name, args, .. } if keeps_values(name) => self.quantile(args.first()?),
            Kind::Binary { op, lhs, rhs, bool_modifier: false, .. } => match op.as_str() {
                "*" | "/" => {
                    let (inner, factor) = scaled(op, lhs, rhs)?;
                    let found = self.quantile(inner)?;
                    Some(Quantile { scale: found.scale * factor, ..found })
                }
                "or" | "and" | "unless" | ">" | ">=" | "<" | "<=" | "==" | "!=" => {
                    self.quantile(lhs)
                }
                _ => None,
            },
            Kind::Selector { .. } => {
                let selector = node.selector()?;
                let record = self.record(&selector)?;
                self.quantile(record.query()?.tree())
            }
            _ => None,
        }
    }

    /// The one expression that is recorded under the name that `selector` reads.
    fn record(&self, selector: &Selector<'_>) -> Option<&'c Carrier<'a>> {
        let (name, _) = selector.name()?;
        if !expressions::is_recorded(name) || !self.is_own(selector) {
            return None;
        }
        let fits = |record: &&Carrier<'a>| {
            let Role::Record { rule, .. } = record.role else { return false };
            // Most selectors ask for no more than one label.
            selector.matchers.iter().all(|matcher| {
                let value = rule.get("labels").and_then(|labels| labels.text_of(&matcher.label));
                value.is_none_or(|value| meets(matcher, value))
            })
        };
        let everywhere = self.cluster.records(name)?;
        let here = self.cluster.records_in(&self.carrier.object, name).find(fits);
        here.or_else(|| everywhere.take(MOST_RECORDS).find(fits))
    }

    /// `node` as a share of the service's requests.
    pub(crate) fn share(&self, node: &Node) -> Option<Share<'a>> {
        self.step()?;
        match &node.kind {
            Kind::Paren(inner) => self.share(inner),
            Kind::Aggregate { op, expr, .. } if is_choice(op) => self.share(expr),
            Kind::Call { name, args, .. } if keeps_values(name) => self.share(args.first()?),
            Kind::Call { name, args, .. }
                if matches!(name.as_str(), "avg_over_time" | "last_over_time") =>
            {
                let selector = args.first()?.peel().selector()?;
                let found = self.recorded_share(&selector)?;
                Some(Share { window: selector.range.map(lasts), ..found })
            }
            Kind::Binary { op, lhs, rhs, bool_modifier: false, .. } => self.of_two(op, lhs, rhs),
            Kind::Selector { .. } => self.recorded_share(&node.selector()?),
            _ => None,
        }
    }

    fn of_two(&self, op: &str, lhs: &Node, rhs: &Node) -> Option<Share<'a>> {
        match op {
            "and" | "unless" | "or" | ">" | ">=" | "<" | "<=" | "==" | "!=" => self.share(lhs),
            "-" if lhs.fold() == Some(1.0) => {
                let found = self.share(rhs).filter(|it| is_one(it.scale) && !it.burns)?;
                Some(Share { bad: !found.bad, ..found })
            }
            "*" | "/" => match scaled(op, lhs, rhs) {
                Some((inner, factor)) => {
                    let found = self.share(inner)?;
                    let burns = op == "/" && factor > 1.0;
                    Some(Share {
                        scale: if burns { found.scale } else { found.scale * factor },
                        burns: found.burns || burns,
                        ..found
                    })
                }
                None if op == "/" => self.quotient(lhs, rhs),
                None => None,
            },
            _ => None,
        }
    }

    /// Some of the requests by all of them.
    fn quotient(&self, part: &Node, whole: &Node) -> Option<Share<'a>> {
        // `100 * a / b` is read from the left.
        if let Kind::Binary { op, lhs, rhs, .. } = &part.peel().kind
            && op == "*"
            && let Some((inner, factor)) = scaled(op, lhs, rhs)
        {
            let found = self.quotient(inner, whole)?;
            return Some(Share { scale: found.scale * factor, ..found });
        }
        let (parts, wholes) = (part.selectors(), whole.selectors());
        let window = parts.iter().find_map(|it| it.range).map(lasts);
        let share = |objectives: Vec<&'a Objective>, bad| {
            let found = Share { objectives, bad, window, scale: 1.0, burns: false, by_name: false };
            (!found.objectives.is_empty()).then_some(found)
        };
        let narrowed = |found: Vec<&'a Objective>| {
            let target = self.target();
            let both: Vec<_> = found
                .iter()
                .copied()
                .filter(|it| target.iter().any(|of| of.name == it.name))
                .collect();
            if both.is_empty() { found } else { both }
        };
        if !wholes.is_empty() && wholes.iter().all(|it| self.is_requests(it)) {
            let part = parts.first().filter(|it| self.is_requests(it))?;
            let ends = part.matchers.iter().find(|it| self.is_status(&it.label))?;
            let bad = matches!(ends.op, MatchOp::Equal | MatchOp::Regex) == self.fails(ends)?;
            return share(self.objectives().filter(|it| it.latency.is_none()).collect(), bad);
        }
        if !wholes.is_empty() && wholes.iter().all(|it| self.is_latency(it, "_count")) {
            let bucket = parts.iter().find(|it| self.is_latency(it, "_bucket"))?;
            let bound = bucket.matchers.iter().find(|it| it.label == "le").and_then(bound);
            let of_latency = || self.objectives().filter(|it| it.latency.is_some());
            let exact = of_latency().filter(|it| {
                bound.is_some_and(|bound| {
                    it.latency.as_ref().is_some_and(|it| it.below.value.seconds() == bound)
                })
            });
            let exact: Vec<_> = exact.collect();
            let found = if exact.is_empty() { narrowed(of_latency().collect()) } else { exact };
            return share(found, part.selectors().len() > 1);
        }
        // Recorded rates, such as slogen's own.
        let recorded =
            |it: &Selector<'_>| it.name().is_some_and(|(name, _)| expressions::is_recorded(name));
        let only = parts.first().filter(|it| recorded(it) && self.is_own(it))?;
        if !wholes.iter().all(recorded) {
            return None;
        }
        let target = self
            .named(&|label| exactly(only, label))
            .or_else(|| Some(self.target()).filter(|target| !target.is_empty()))?;
        let (name, _) = only.name()?;
        let bad = ["bad", "error", "fail"].iter().any(|word| name.contains(word));
        share(target, bad)
    }

    /// A share that is recorded under the name that `selector` reads.
    fn recorded_share(&self, selector: &Selector<'_>) -> Option<Share<'a>> {
        let (name, _) = selector.name()?;
        if !expressions::is_recorded(name) || !self.is_own(selector) {
            return None;
        }
        let window = ["slo_window", "sloth_window"]
            .iter()
            .find_map(|label| exactly(selector, label))
            .and_then(|text| Duration::parse(text).ok())
            .or_else(|| window_of(name));
        if let Some(record) = self.record(selector)
            && let Some(query) = record.query()
        {
            let reader = Reader {
                cluster: self.cluster,
                carrier: record,
                declared: self.declared,
                variants: self.variants.clone(),
                beside: self.beside,
                steps: Cell::new(self.steps.get()),
            };
            let found = reader.share(query.tree());
            self.steps.set(reader.steps.get());
            let found = found?;
            return Some(Share { window: window.or(found.window), ..found });
        }
        if self.cluster.records(name)?.next().is_some() {
            return None;
        }
        self.by_name(name, selector, window)
    }

    /// What conventions say of a share that is recorded elsewhere.
    fn by_name(
        &self,
        name: &str,
        selector: &Selector<'_>,
        window: Option<Duration>,
    ) -> Option<Share<'a>> {
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        if !has(&["ratio", "burnrate", "burn_rate"])
            || has(&["remaining", "period", "current", "objective", "budget"])
            || expressions::is_of_platform(name)
        {
            return None;
        }
        let labelled = self
            .named(&|label| exactly(selector, label))
            .or_else(|| Some(self.target()).filter(|target| !target.is_empty()));
        let of_latency = has(&["latency", "duration", "slow"]);
        let of_errors = has(&["error", "fail", "5xx"]) && !has(&["sli_error"]);
        let objectives = labelled.unwrap_or_else(|| {
            let fits = |it: &&Objective| {
                (!of_latency || it.latency.is_some()) && (!of_errors || it.latency.is_none())
            };
            self.objectives().filter(fits).collect()
        });
        let bad = !has(&["availab", "success", "good"]);
        let share = Share { objectives, bad, window, scale: 1.0, burns: false, by_name: true };
        (!share.objectives.is_empty()).then_some(share)
    }

    /// True for a label that tells how a request ended.
    pub(crate) fn is_status(&self, label: &str) -> bool {
        let declared = &self.declared().series.errors;
        declared.iter().any(|(known, _)| known == label) || STATUS.contains(&label)
    }

    /// True if the value of `matcher` is one of failed requests; `None` if nobody can tell.
    pub(crate) fn fails(&self, matcher: &Matcher) -> Option<bool> {
        let own = self.declared().series.errors.iter().find(|(label, _)| *label == matcher.label);
        if own.is_some_and(|(_, regex)| *regex == matcher.value) {
            return Some(true);
        }
        let pattern = pattern(&matcher.value)?;
        let good = ["200", "OK", "2xx", "ok"].iter().any(|it| pattern.is_match(it));
        let bad = ["500", "503", "Internal", "Unavailable", "5xx", "error"];
        let bad = bad.iter().any(|it| pattern.is_match(it));
        (good != bad).then_some(bad)
    }

    fn step(&self) -> Option<()> {
        self.steps.set(self.steps.get().checked_sub(1)?);
        Some(())
    }
}

/// The inner side of a product or quotient with a number, and the factor.
fn scaled<'q>(op: &str, lhs: &'q Node, rhs: &'q Node) -> Option<(&'q Node, f64)> {
    match (lhs.fold(), rhs.fold()) {
        (None, Some(number)) if number > 0.0 => {
            Some((lhs, if op == "*" { number } else { 1.0 / number }))
        }
        (Some(number), None) if op == "*" && number > 0.0 => Some((rhs, number)),
        _ => None,
    }
}

fn is_one(scale: f64) -> bool {
    (scale - 1.0).abs() < 1e-9
}

/// True for aggregations that choose among values, or come between them.
fn is_choice(op: &str) -> bool {
    matches!(op, "max" | "min" | "avg")
}

/// True for functions whose result is their first argument's value.
fn keeps_values(name: &str) -> bool {
    matches!(
        name,
        "sort"
            | "sort_desc"
            | "label_replace"
            | "label_join"
            | "scalar"
            | "vector"
            | "clamp_min"
            | "clamp_max"
    )
}

/// The value that a selector asks for, if it is one.
fn exactly<'q>(selector: &Selector<'q>, label: &str) -> Option<&'q str> {
    let equal = |it: &&Matcher| it.label == label && it.op == MatchOp::Equal;
    selector.matchers.iter().find(equal).map(|it| it.value.as_str())
}

/// True if a series whose `label` has this value may be among those selected.
pub(crate) fn admits(selector: &Selector<'_>, label: &str, value: &str) -> bool {
    selector.matchers.iter().filter(|it| it.label == label).all(|it| meets(it, value))
}

/// True if a label's value may be what a matcher asks for. Regular expressions are compiled only where they must be.
fn meets(matcher: &Matcher, value: &str) -> bool {
    match matcher.op {
        MatchOp::Equal => matcher.value == value,
        MatchOp::NotEqual => matcher.value != value,
        MatchOp::Regex if matcher.value == value => true,
        MatchOp::Regex => pattern(&matcher.value).is_none_or(|it| it.is_match(value)),
        MatchOp::NotRegex => pattern(&matcher.value).is_none_or(|it| !it.is_match(value)),
    }
}

/// How far a range reaches back.
pub(crate) fn lasts(window: &crate::query::Window) -> Duration {
    Duration::from_millis(window.millis)
}

/// The window that a recorded name ends in: `ratio_rate1h`, `burnrate5m`, `errors:ratio:5m`.
fn window_of(name: &str) -> Option<Duration> {
    let (_, last) = name.rsplit_once(':')?;
    let start = last.rfind(|c: char| !c.is_ascii_digit() && !"smhdwy".contains(c));
    let tail = start.map_or(last, |at| last.get(at + 1..).unwrap_or_default());
    let digits = tail.find(|c: char| c.is_ascii_digit())?;
    Duration::parse(tail.get(digits..)?).ok()
}

/// The bucket that a matcher on `le` asks for.
pub(crate) fn bound(matcher: &Matcher) -> Option<Decimal> {
    let text = match matcher.op {
        MatchOp::Equal => matcher.value.as_str(),
        // The forms of Prometheus 2 and 3 together.
        MatchOp::Regex => matcher.value.strip_suffix(r"(\.0)?")?,
        _ => return None,
    };
    text.parse().ok().or_else(|| Decimal::from_scientific(text).ok())
}

/// True if both are the same number but for rounding.
pub(crate) fn equals(left: f64, right: f64) -> bool {
    (left - right).abs() <= 1e-9 * left.abs().max(right.abs())
}

/// A decimal as PromQL reads it.
pub(crate) fn number(value: Decimal) -> f64 {
    value.normalize().to_string().parse().unwrap_or(f64::NAN)
}
