//! Anything with a pod template (rules.md 2.1, 2.2).

use std::ops::Deref;

use rust_decimal::Decimal;

use super::labels::{Labels, Selector};
use super::object::{Kind, Object};
use crate::units;
use crate::yaml::Place;

/// A workload.
#[derive(Clone, Debug)]
pub struct Workload<'a> {
    /// The object.
    pub object: Object<'a>,
    /// Its place in [`super::Cluster::workloads`].
    pub index: usize,
    /// The pod template; of a Pod itself the object.
    pub template: Place<'a>,
    /// The template's labels.
    pub labels: Labels<'a>,
    /// The pod's spec.
    pub pod: Option<Place<'a>>,
    /// `spec.selector`, where it is written.
    pub selector: Option<Selector<'a>>,
    /// What runs in steady state: containers, then native sidecars.
    pub containers: Vec<Container<'a>>,
    /// Init containers that end before the others start.
    pub init_containers: Vec<Container<'a>>,
    pub(super) services: Vec<usize>,
    pub(super) autoscalers: Vec<usize>,
    pub(super) budgets: Vec<usize>,
}

impl<'a> Deref for Workload<'a> {
    type Target = Object<'a>;
    fn deref(&self) -> &Object<'a> {
        &self.object
    }
}

impl<'a> Workload<'a> {
    pub(super) fn read(object: &Object<'a>) -> Option<Self> {
        let spec = object.root.get("spec");
        let template = match object.kind {
            Kind::Pod => object.root,
            Kind::CronJob => spec?.at("jobTemplate/spec/template")?,
            _ => spec?.get("template")?,
        };
        Some(Self::with_template(object, template))
    }

    /// `template` may be that of another object, as Argo's `workloadRef` has it.
    pub(super) fn with_template(object: &Object<'a>, template: Place<'a>) -> Self {
        let pod = template.get("spec").filter(|pod| pod.is_mapping());
        let list = |key| pod.into_iter().flat_map(move |pod: Place<'a>| pod.list(key));
        let (sidecars, init_containers): (Vec<_>, Vec<_>) = list("initContainers")
            .map(|place| Container::read(place, true))
            .partition(|container| container.place.text_of("restartPolicy") == Some("Always"));
        let containers =
            list("containers").map(|place| Container::read(place, false)).chain(sidecars).collect();
        let selector = object.at("spec/selector").filter(|selector| selector.is_mapping());
        let plain = object.kind == Kind::ReplicationController;
        Self {
            object: *object,
            index: 0,
            template,
            labels: Labels(template.get("metadata").and_then(|metadata| metadata.get("labels"))),
            pod,
            selector: selector.map(if plain { Selector::map } else { Selector::full }),
            containers,
            init_containers,
            services: Vec::new(),
            autoscalers: Vec::new(),
            budgets: Vec::new(),
        }
    }

    /// True if probe, replica, disruption and rollout rules leave it alone: it runs to an end, or something else
    /// owns it.
    pub fn is_exempt(&self) -> bool {
        matches!(self.kind, Kind::Job | Kind::CronJob) || self.owned
    }

    /// True if its template is written in another object, which `workloadRef` names: reports about the template
    /// belong to that one.
    pub fn borrows_template(&self) -> bool {
        self.kind == Kind::Rollout && self.at("spec/template").is_none()
    }

    /// Every amount that its containers, its init containers and the pod as a whole request or are limited to, with
    /// the name of the resource, and with the container if it is not the pod's.
    pub fn amounts(&self) -> impl Iterator<Item = (Option<&Container<'a>>, &'a str, Amount<'a>)> {
        let containers = self.containers.iter().chain(&self.init_containers);
        let of_pod = self.pod.and_then(|pod| pod.get("resources"));
        let holders = containers
            .map(|container| (Some(container), container.resources))
            .chain([(None, of_pod)]);
        holders.flat_map(|(container, resources)| {
            let amounts = resources.into_iter().flat_map(Amount::of_resources);
            amounts.map(move |(resource, amount)| (container, resource, amount))
        })
    }

    /// The limit of the pod as a whole.
    pub fn pod_limit(&self, resource: &str) -> Option<Amount<'a>> {
        let place = self.pod?.at("resources/limits")?.get(resource)?;
        Some(Amount::new(place, AmountSource::Limit))
    }

    /// `terminationGracePeriodSeconds`, and where it is written; unset it is 30.
    pub fn grace(&self) -> (i64, Option<Place<'a>>) {
        let written = self.pod.and_then(|pod| pod.get("terminationGracePeriodSeconds"));
        (written.and_then(Place::int).unwrap_or(30), written)
    }
}

/// A container.
#[derive(Clone, Debug)]
pub struct Container<'a> {
    /// The item of `containers` or `initContainers`.
    pub place: Place<'a>,
    /// Its name; empty if it has none.
    pub name: &'a str,
    /// A native sidecar or init container.
    pub init: bool,
    /// Declared ports.
    pub ports: Vec<Port<'a>>,
    resources: Option<Place<'a>>,
}

/// A declared container port.
#[derive(Clone, Copy, Debug)]
pub struct Port<'a> {
    /// The item of `ports`.
    pub place: Place<'a>,
    /// Its name, if it has one.
    pub name: Option<&'a str>,
    /// Its number.
    pub number: Option<i64>,
    /// `TCP` unless set.
    pub protocol: &'a str,
}

impl<'a> Container<'a> {
    fn read(place: Place<'a>, init: bool) -> Self {
        let port = |place: Place<'a>| Port {
            place,
            name: place.text_of("name"),
            number: place.int_of("containerPort"),
            protocol: place.text_of("protocol").unwrap_or("TCP"),
        };
        Self {
            place,
            name: place.text_of("name").unwrap_or(""),
            init,
            ports: place.list("ports").map(port).collect(),
            resources: place.get("resources"),
        }
    }

    /// The request as written; for the effective one ask [`super::Cluster::request`].
    pub fn written_request(&self, resource: &str) -> Option<Place<'a>> {
        self.resources?.get("requests")?.get(resource)
    }

    /// The limit as written; for the effective one ask [`super::Cluster::limit`].
    pub fn written_limit(&self, resource: &str) -> Option<Place<'a>> {
        self.resources?.get("limits")?.get(resource)
    }

    /// One of its probes.
    pub fn probe(&self, which: ProbeKind) -> Option<Probe<'a>> {
        let place = self.place.get(which.key()).filter(|place| place.is_mapping())?;
        Some(Probe { place, which })
    }

    /// True if a port of this name is declared, with this protocol.
    pub fn has_port(&self, name: &str, protocol: &str) -> bool {
        self.ports.iter().any(|port| port.name == Some(name) && port.protocol == protocol)
    }

    /// How long it may take to start before the kubelet kills it, in seconds, and the probe that says so: the
    /// startup probe's budget, else the liveness probe's, else no limit.
    pub fn startup_budget(&self) -> Option<(i64, Probe<'a>)> {
        let probe = self.probe(ProbeKind::Startup).or_else(|| self.probe(ProbeKind::Liveness))?;
        Some((probe.budget(), probe))
    }

    /// What its preStop hook sleeps, in seconds, and where that is written.
    pub fn drain(&self) -> Option<(i64, Place<'a>)> {
        let hook = self.place.at("lifecycle/preStop")?;
        if let Some(seconds) = hook.at("sleep/seconds") {
            return Some((seconds.int()?, seconds));
        }
        let command = hook.at("exec/command")?;
        let words: Vec<_> = command.items().collect();
        let texts: Vec<_> = words.iter().filter_map(|word| word.text()).collect();
        let (seconds, place) = match texts.as_slice() {
            [program, seconds] if is_program(program, "sleep") => (*seconds, words.get(1)?),
            [shell, "-c" | "-ec" | "-lc", script]
                if ["sh", "bash", "ash", "dash"].iter().any(|known| is_program(shell, known)) =>
            {
                // What else the script does takes time too, but how much nobody can tell.
                (sleep_of_script(script)?, words.get(2)?)
            }
            _ => return None,
        };
        Some((whole_seconds(seconds)?, *place))
    }
}

fn is_program(word: &str, name: &str) -> bool {
    word.rsplit('/').next() == Some(name)
}

/// The argument of the one `sleep` of a script.
fn sleep_of_script(script: &str) -> Option<&str> {
    // What runs in the background holds nothing up.
    let background = script.replace("&&", ";").contains('&');
    let commands = script.split(['\n', ';', '&', '|']).map(str::trim).filter(|_| !background);
    let mut sleeps = commands.filter_map(|command| {
        let command = command.strip_prefix("exec ").unwrap_or(command);
        let (program, rest) = command.split_once(char::is_whitespace)?;
        is_program(program, "sleep").then_some(rest.trim())
    });
    let first = sleeps.next()?;
    sleeps.next().is_none().then_some(first)
}

/// `10`, `10s`, `1m` as `sleep` reads them, rounded up.
fn whole_seconds(text: &str) -> Option<i64> {
    let (number, unit) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    let seconds: f64 = number.parse().ok()?;
    let seconds = (seconds * f64::from(factor)).ceil();
    #[expect(clippy::cast_possible_truncation, reason = "bounded as just checked")]
    (0.0..1e9).contains(&seconds).then_some(seconds as i64)
}

/// Which probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are Kubernetes' own names")]
pub enum ProbeKind {
    Startup,
    Readiness,
    Liveness,
}

impl ProbeKind {
    /// Its key in a container.
    pub fn key(self) -> &'static str {
        match self {
            Self::Startup => "startupProbe",
            Self::Readiness => "readinessProbe",
            Self::Liveness => "livenessProbe",
        }
    }
}

/// A probe.
#[derive(Clone, Copy, Debug)]
pub struct Probe<'a> {
    /// Its mapping.
    pub place: Place<'a>,
    /// Which one it is.
    pub which: ProbeKind,
}

impl<'a> Probe<'a> {
    /// `initialDelaySeconds`; unset it is 0.
    pub fn initial_delay(&self) -> i64 {
        self.place.int_of("initialDelaySeconds").unwrap_or(0)
    }

    /// `periodSeconds`; unset it is 10.
    pub fn period(&self) -> i64 {
        self.place.int_of("periodSeconds").filter(|period| *period > 0).unwrap_or(10)
    }

    /// `timeoutSeconds`; unset it is 1.
    pub fn timeout(&self) -> i64 {
        self.place.int_of("timeoutSeconds").filter(|timeout| *timeout > 0).unwrap_or(1)
    }

    /// `failureThreshold`; unset it is 3.
    pub fn failure_threshold(&self) -> i64 {
        self.place.int_of("failureThreshold").filter(|failures| *failures > 0).unwrap_or(3)
    }

    /// How long it may fail before it counts: delay + period × failures (rules.md 2.11), in seconds.
    pub fn budget(&self) -> i64 {
        self.initial_delay().saturating_add(self.period().saturating_mul(self.failure_threshold()))
    }

    /// True if its times are unset or numbers, so that they can be reckoned with.
    pub fn is_readable(&self) -> bool {
        let times = ["initialDelaySeconds", "periodSeconds", "failureThreshold"];
        times.iter().all(|key| self.place.get(key).is_none_or(|time| time.int().is_some()))
    }

    /// The handler's key and mapping: `httpGet`, `tcpSocket`, `grpc` or `exec`.
    pub fn handler(&self) -> Option<(&'static str, Place<'a>)> {
        let keys = ["httpGet", "tcpSocket", "grpc", "exec"];
        keys.into_iter().find_map(|key| Some((key, self.place.get(key)?)))
    }
}

/// An amount of a resource, and where it is written.
#[derive(Clone, Copy, Debug)]
pub struct Amount<'a> {
    /// Its value in cores, bytes or pieces; `None` if it is no quantity.
    pub value: Option<Decimal>,
    /// The scalar.
    pub place: Place<'a>,
    /// What gives it.
    pub source: AmountSource,
}

/// What gives an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmountSource {
    /// `resources.requests`.
    Request,
    /// `resources.limits`.
    Limit,
    /// A LimitRange of the namespace.
    LimitRange,
}

impl<'a> Amount<'a> {
    pub(super) fn new(place: Place<'a>, source: AmountSource) -> Self {
        Self { value: place.text().and_then(units::quantity), place, source }
    }

    /// The amounts under `requests` and `limits`.
    fn of_resources(resources: Place<'a>) -> impl Iterator<Item = (&'a str, Self)> {
        let lists = [("requests", AmountSource::Request), ("limits", AmountSource::Limit)];
        lists.into_iter().flat_map(move |(key, source)| {
            let amounts = resources.get(key).map(Place::entries).unwrap_or_default();
            amounts.into_iter().map(move |(resource, place)| (resource, Self::new(place, source)))
        })
    }

    /// True for bytes counted in thousandths that come to less than a mebibyte. The API server itself writes
    /// fractions of bytes so (`1288490188800m` is `1.2Gi`), but never that few.
    pub fn is_milli_bytes(&self, resource: &str) -> bool {
        let few = |value: Decimal| value > Decimal::ZERO && value < Decimal::from(1 << 20);
        matches!(resource, "memory" | "ephemeral-storage")
            && self.text().ends_with('m')
            && self.value.is_some_and(few)
    }

    /// Its value for people: `1.5 cores`, `512 bytes`, `2 GiB`; as written if it is no quantity.
    pub fn size(&self, resource: &str) -> String {
        const UNITS: [(u64, &str); 4] =
            [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1, "bytes")];
        let Some(value) = self.value else { return self.text().to_owned() };
        match resource {
            "cpu" if value == Decimal::ONE => "1 core".to_owned(),
            "cpu" => format!("{} cores", units::plain(value)),
            "memory" | "ephemeral-storage" => {
                // The largest unit that tells it in two decimals: rounded, close amounts would look equal.
                let tell = |(unit, name): (u64, &str)| {
                    let amount = value.checked_div(Decimal::from(unit))?;
                    let exact = amount.round_dp(2) == amount && amount >= Decimal::ONE;
                    (exact || unit == 1).then(|| format!("{} {name}", units::plain(amount)))
                };
                UNITS.into_iter().find_map(tell).unwrap_or_default()
            }
            _ => units::plain(value),
        }
    }

    /// As written.
    pub fn text(&self) -> &'a str {
        self.place.text().unwrap_or("")
    }
}
