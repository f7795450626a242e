//! What KEDA is told: triggers with their thresholds, and what happens when a metric cannot be read.

use crate::spec::keda::{self, Follows, followed};
use crate::spec::leaf::{self, MetricType, Seconds, Signal};
use crate::spec::tables::{Document, KedaAuth, KedaTrigger};
use crate::units::{Decimal, plain};

use super::{cpu, scale_at};
use crate::plan::targets::{Latency, Targets};
use crate::plan::{Decided, Derived};

/// What a ScaledObject says beyond its bounds and its behavior.
#[derive(Debug)]
pub struct Keda {
    /// What is followed, in order.
    pub triggers: Vec<Trigger>,
    /// What happens when a metric cannot be read.
    pub fallback: Option<Fallback>,
    /// Time between looks at the triggers while nothing runs.
    pub polling: Option<Seconds>,
    /// Time without work before the last pod goes.
    pub cooldown: Option<Seconds>,
    /// Pods while no trigger is active.
    pub idle: Option<i32>,
    /// One metric in place of those of the triggers.
    pub modifiers: Option<Modifiers>,
    /// Credentials for Prometheus.
    pub auth: Option<Auth>,
}

/// Something to follow.
#[derive(Debug)]
pub struct Trigger {
    /// Name, for formulas.
    pub name: Option<String>,
    /// How the metric is compared.
    pub metric_type: MetricType,
    /// What is asked, and the value to scale at.
    pub asks: Asks,
    /// Name of a TriggerAuthentication that the user wrote.
    pub authentication: Option<String>,
    /// True if it takes the credentials for Prometheus.
    pub with_auth: bool,
}

/// What a trigger asks.
#[derive(Debug)]
pub enum Asks {
    /// The service's Prometheus.
    Prometheus {
        /// For what.
        query: Asked,
        /// The value to scale at.
        threshold: Decided<Decimal>,
    },
    /// CPU in percent of the request.
    Cpu(Decided<i32>),
    /// Whatever the user wrote, with what was left out.
    Written {
        /// Type of the trigger.
        kind: String,
        /// Its settings, in order.
        metadata: Vec<(String, String)>,
    },
}

/// What Prometheus is asked for.
#[derive(Debug)]
pub enum Asked {
    /// Quantile of the whole service's latency.
    Latency {
        /// The target.
        target: Latency,
        /// In milliseconds rather than seconds.
        millis: bool,
    },
    /// Requests in flight of the whole service.
    InFlight,
    /// What the user wrote.
    Written(String),
}

/// What happens when a metric cannot be read.
#[derive(Debug)]
pub struct Fallback {
    /// Failures in a row that count.
    pub failures: i32,
    /// Pods to run then.
    pub replicas: Decided<i32>,
    /// How that number is taken; `None` where the version knows one way only.
    pub behavior: Option<leaf::Fallback>,
}

/// One metric in place of those of the triggers.
#[derive(Debug)]
pub struct Modifiers {
    /// The computation.
    pub formula: String,
    /// What its result is compared with.
    pub target: Decimal,
    /// How.
    pub metric_type: MetricType,
}

/// Credentials in keys of a Secret.
#[derive(Debug)]
pub struct Auth {
    /// Name of the Secret.
    pub secret: String,
    /// What they are.
    pub keys: AuthKeys,
}

/// Keys of a Secret.
#[derive(Debug)]
pub enum AuthKeys {
    /// A bearer token.
    Bearer(String),
    /// User name and password.
    Basic {
        /// Key of the name.
        username: String,
        /// Key of the password.
        password: String,
    },
}

impl Keda {
    pub(super) fn new(doc: &Document, targets: &Targets) -> Self {
        let keda = &doc.scaling.keda;
        Self {
            triggers: followed(doc).iter().filter_map(|it| trigger(it, doc, targets)).collect(),
            fallback: fallback(doc),
            polling: keda.polling.as_ref().map(|it| **it),
            cooldown: keda.cooldown.as_ref().map(|it| **it),
            idle: keda.idle.as_ref().map(|it| **it),
            modifiers: keda.modifiers.as_ref().map(|it| Modifiers {
                formula: (*it.formula).clone(),
                target: it.target.0,
                metric_type: it.metric_type.as_ref().map_or(MetricType::AverageValue, |it| **it),
            }),
            auth: keda.auth.as_ref().and_then(auth),
        }
    }

    pub(super) fn why(&self, derived: &mut Derived) {
        for trigger in &self.triggers {
            match (&trigger.asks, &trigger.name) {
                (Asks::Prometheus { query, threshold }, Some(name)) => {
                    let millis = matches!(query, Asked::Latency { millis: true, .. });
                    let unit = if millis { " in milliseconds" } else { "" };
                    let shown =
                        Decided { value: plain(threshold.value), why: threshold.why.clone() };
                    derived.add(&format!("scale at {name}{unit}"), &shown);
                }
                (Asks::Cpu(percent), _) => derived.add("scale at cpu utilisation", percent),
                _ => {}
            }
        }
        if let Some(fallback) = &self.fallback {
            derived.add("scaling.keda.fallback.replicas", &fallback.replicas);
        }
    }
}

fn trigger(it: &Follows<'_>, doc: &Document, targets: &Targets) -> Option<Trigger> {
    let per_pod = |query, written, target: Decimal| Asks::Prometheus {
        query,
        threshold: scale_at(written, target, "its target", doc).map(three_decimals),
    };
    let (asks, own) = match it {
        Follows::Latency(target) => {
            let target = targets.latency.iter().find(|it| it.percentile == target.percentile.0)?;
            (latency(target, doc), None)
        }
        Follows::InFlight(target) => {
            let written = doc.scaling.scale_at.in_flight.as_ref().map(|at| at.0);
            (per_pod(Asked::InFlight, written, target.per_pod.0), None)
        }
        Follows::Saturation(target, query) => {
            (per_pod(Asked::Written((***query).clone()), None, target.per_pod.0), None)
        }
        Follows::Cpu => (Asks::Cpu(cpu(targets.cpu?, doc)), None),
        Follows::Written(trigger) => (written(trigger, doc), Some(*trigger)),
    };
    let authentication = own.and_then(|own| own.authentication.as_ref()).map(|name| name.0.clone());
    let asks_own_server = match own {
        Some(own) => keda::asks_own_server(own, doc),
        None => matches!(asks, Asks::Prometheus { .. }),
    };
    Some(Trigger {
        name: it.name(),
        metric_type: it.metric_type(),
        with_auth: asks_own_server && authentication.is_none(),
        authentication,
        asks,
    })
}

/// Seconds, or milliseconds where KEDA's three decimals (`scaler.go`, `%.3f`) would not tell values apart: of a
/// threshold below 10 ms, or one that is no whole number of milliseconds.
fn latency(target: &Latency, doc: &Document) -> Asks {
    let written = doc.scaling.scale_at.latency.as_ref().map(|at| at.seconds());
    let seconds = scale_at(written, target.below.seconds(), "its target in seconds", doc);
    let millis = seconds.value < Decimal::new(1, 2) || seconds.value.normalize().scale() > 3;
    let threshold = if millis {
        seconds.map(|seconds| three_decimals(seconds * Decimal::ONE_THOUSAND))
    } else {
        seconds
    };
    Asks::Prometheus { query: Asked::Latency { target: target.clone(), millis }, threshold }
}

/// What KEDA keeps of a target (`scaler.go`, `%.3f`); rounding down scales no later than asked.
fn three_decimals(value: Decimal) -> Decimal {
    (value * Decimal::ONE_THOUSAND).floor() / Decimal::ONE_THOUSAND
}

fn written(trigger: &KedaTrigger, doc: &Document) -> Asks {
    let mut metadata: Vec<(String, String)> =
        trigger.metadata.iter().map(|(key, value)| (key.clone(), (**value).clone())).collect();
    let has = |key: &str| trigger.metadata.contains_key(key);
    if keda::is_prometheus(trigger) {
        if !has("serverAddress") {
            metadata.insert(0, ("serverAddress".to_owned(), (*doc.scaling.keda.server).clone()));
        }
        if !has("ignoreNullValues") {
            metadata.push(("ignoreNullValues".to_owned(), "false".to_owned()));
        }
    }
    let on_saturation = doc.scaling.scale_on.iter().any(|signal| **signal == Signal::Saturation);
    let saturation = doc.targets.saturation.as_ref().filter(|_| on_saturation);
    if let Some(target) = saturation.filter(|_| *trigger.r#type == "kafka" && !has("lagThreshold"))
    {
        // KEDA's own default is 10 messages; the target says how many one pod may have waiting.
        let lag = target.per_pod.0.floor().max(Decimal::ONE);
        metadata.push(("lagThreshold".to_owned(), plain(lag)));
    }
    Asks::Written { kind: (*trigger.r#type).clone(), metadata }
}

fn fallback(doc: &Document) -> Option<Fallback> {
    let behavior = keda::fallback(doc).ok()?;
    let written = &doc.scaling.keda.fallback;
    Some(Fallback {
        failures: i32::from(*written.failures),
        replicas: match &written.replicas {
            Some(replicas) => Decided::written(**replicas),
            None => Decided::derived(*doc.scaling.min, "scaling.min"),
        },
        behavior,
    })
}

fn auth(auth: &KedaAuth) -> Option<Auth> {
    let keys = match (&auth.bearer_token, &auth.username, &auth.password) {
        (Some(token), ..) => AuthKeys::Bearer((**token).clone()),
        (None, Some(username), Some(password)) => {
            AuthKeys::Basic { username: (**username).clone(), password: (**password).clone() }
        }
        _ => return None,
    };
    Some(Auth { secret: auth.secret.0.clone(), keys })
}
