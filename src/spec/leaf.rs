//! The single values of slo.toml: names, ports, policies, and how each is written.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::units::{Bytes, Cpu, Decimal, Duration, Invalid, Ratio};

use super::decode::{Decoder, Field, Text};
use crate::tree::{Node, Value};

mod choice;
mod names;
mod url;
mod version;

pub use choice::*;
pub use names::{
    is_dns_label, is_env_name, is_label_key, is_label_value, is_prometheus_label, slug,
};

use names::dns_label;
pub use url::Url;
pub use version::KedaVersion;

/// Gives a leaf its inlined JSON Schema.
macro_rules! leaf_schema {
    ($($type:ty => $schema:tt;)*) => {$(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }

            fn inline_schema() -> bool {
                true
            }
        }
    )*};
}

leaf_schema! {
    Duration => { "type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h|d|w))+$", "examples": ["350ms", "10s", "5m", "30d"] };
    Seconds => { "type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d|w))+$", "examples": ["10s", "5m"] };
    Ratio => { "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?%$", "examples": ["1%", "99.9%"] };
    Cpu => { "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(m|[eE][0-9]+)?$", "examples": ["500m", "2"] };
    Bytes => { "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(k|M|G|T|Ki|Mi|Gi|Ti|[eE][0-9]+)?$", "examples": ["512Mi", "2Gi"] };
    ServiceName => { "type": "string", "pattern": r"^[a-z]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63 };
    Label => { "type": "string", "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63 };
    Subdomain => { "type": "string", "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", "maxLength": 253 };
    PortName => { "type": "string", "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 15 };
    LabelValue => { "type": "string", "pattern": r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$", "maxLength": 63 };
    Image => { "type": "string", "pattern": r"^\S+$", "examples": ["registry.example.com/inference:v1"] };
    Regex => { "type": "string", "examples": ["5..", "Internal|Unavailable"] };
    Metric => { "type": "string", "pattern": "^[a-zA-Z_:][a-zA-Z0-9_:]*$" };
    AbsolutePath => { "type": "string", "pattern": "^/" };
    Url => { "type": "string", "pattern": r"^https?://[^\s/]+", "examples": ["http://prometheus-operated.monitoring.svc:9090"] };
    Policy => { "type": "string", "pattern": r"^[0-9]+ *(%|pods?) */ *[0-9].*$", "examples": ["2 pods / 30s", "50% / 30s"] };
    Amount => { "type": ["integer", "string"], "pattern": "^[0-9]+%$", "minimum": 0, "examples": [1, "25%"] };
    Port => { "type": "integer", "minimum": 1, "maximum": 65535 };
    PortRef => { "type": ["integer", "string"], "minimum": 1, "maximum": 65535, "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" };
    Percentile => { "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 100, "examples": [95, 99.9] };
    Number => { "type": "number" };
    KedaVersion => { "type": "string", "pattern": r"^[0-9]+\.[0-9]+(\.[0-9]+)?$", "examples": ["2.20", "2.17.1"] };
    Switch => { "type": ["boolean", "string"] };
    OneOrMany => { "type": ["string", "array"], "items": { "type": "string" } };
}

/// A duration that Kubernetes counts in whole seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(Duration);

impl Seconds {
    /// The duration.
    pub fn duration(self) -> Duration {
        self.0
    }

    /// The whole seconds.
    pub fn get(self) -> i32 {
        self.0.whole_seconds().unwrap_or(i32::MAX)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An exact number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(pub Decimal);

/// A percentile: above 0, below 100.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percentile(pub Decimal);

/// A DNS-1035 label: the name of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceName(pub String);

/// A DNS-1123 label: a namespace, a volume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label(pub String);

/// A DNS-1123 subdomain: the name of most objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subdomain(pub String);

/// The name of a port: at most 15 characters with a letter among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortName(pub String);

/// The value of a Kubernetes label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelValue(pub String);

/// The name of a Prometheus metric.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metric(pub String);

/// A regular expression of Prometheus (RE2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Regex(pub String);

/// A path from `/`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AbsolutePath(pub String);

/// A container image reference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image(String);

impl Image {
    /// The reference as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tag; `None` for a digest or a reference without a tag.
    pub fn tag(&self) -> Option<&str> {
        if self.0.contains('@') {
            return None;
        }
        let last = self.0.rsplit('/').next()?;
        last.split_once(':').map(|(_, tag)| tag)
    }
}

/// A port number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Port(pub u16);

/// A port by number or by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortRef {
    /// The number.
    Number(u16),
    /// The name of a declared port.
    Name(String),
}

impl Default for PortRef {
    fn default() -> Self {
        Self::Name("http".to_owned())
    }
}

/// A count or a share: `1` or `"25%"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many pods.
    Count(i32),
    /// Percent of the pods.
    Percent(i32),
}

impl Default for Amount {
    fn default() -> Self {
        Self::Count(0)
    }
}

impl Amount {
    /// How many of `replicas` pods that is, a share rounded up: a PDB's rounding, and maxSurge's.
    pub fn of_up(self, replicas: i32) -> i32 {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => div(replicas, percent, 99),
        }
    }

    /// How many of `replicas` pods that is, a share rounded down: maxUnavailable's rounding.
    pub fn of_down(self, replicas: i32) -> i32 {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => div(replicas, percent, 0),
        }
    }
}

fn div(replicas: i32, percent: i32, add: i64) -> i32 {
    i32::try_from((i64::from(replicas) * i64::from(percent) + add) / 100).unwrap_or(i32::MAX)
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// How fast an autoscaler may change the fleet: so much per period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Pods or percent.
    pub amount: Amount,
    /// Whole seconds, 1 to 1800.
    pub period: Seconds,
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.amount {
            Amount::Count(1) => write!(f, "1 pod / {}", self.period),
            Amount::Count(count) => write!(f, "{count} pods / {}", self.period),
            Amount::Percent(percent) => write!(f, "{percent}% / {}", self.period),
        }
    }
}

/// `true`, `false`, or a text that says how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Switch {
    /// On or off.
    Flag(bool),
    /// On, with this text.
    Text(String),
}

impl Default for Switch {
    fn default() -> Self {
        Self::Flag(false)
    }
}

/// One text or a list of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OneOrMany(pub Vec<String>);

macro_rules! text {
    ($($type:ty, $rule:literal, $wanted:literal, $parse:expr;)*) => {$(
        impl Text for $type {
            const RULE: &'static str = $rule;
            const WANTED: &'static str = $wanted;

            fn parse(text: &str) -> Result<Self, Invalid> {
                #[allow(clippy::redundant_closure_call, reason = "the closure is the macro's argument")]
                ($parse)(text)
            }
        }
    )*};
}

text! {
    String, "spec/wrong-type", "a string", printable;
    Regex, "spec/bad-value", "a regular expression", regex;
    Duration, "spec/bad-unit", "a duration such as `\"10s\"`", Duration::parse;
    Seconds, "spec/bad-unit", "a duration such as `\"10s\"`", seconds;
    Ratio, "spec/bad-unit", "a percentage such as `\"1%\"`", Ratio::parse;
    Cpu, "spec/bad-quantity", "a CPU quantity such as `\"500m\"`", Cpu::parse;
    Bytes, "spec/bad-quantity", "a memory quantity such as `\"2Gi\"`", Bytes::parse;
    Policy, "spec/bad-policy", "a policy such as `\"2 pods / 30s\"`", policy;
    KedaVersion, "spec/bad-value", "a version such as `\"2.20\"`", KedaVersion::read;
    Image, "spec/bad-image", "an image reference", image;
    Url, "spec/bad-value", "an address such as `\"http://prometheus-operated.monitoring.svc:9090\"`", Url::parse;
    Metric, "spec/bad-name", "a metric name", metric;
    AbsolutePath, "spec/bad-value", "a path such as `\"/metrics\"`", |text: &str| {
        let ok = text.starts_with('/') && !text.contains(char::is_control);
        ok.then(|| AbsolutePath(text.to_owned())).ok_or_else(|| {
            Invalid::new(format!("`{text}` is not an absolute path"), format!("start it with a slash: `\"/{text}\"`"))
        })
    };
    ServiceName, "spec/bad-name", "a name", |text: &str| {
        let ok = text.starts_with(|c: char| c.is_ascii_lowercase());
        dns_label(text, 63, ok, "a lower-case letter").map(ServiceName)
    };
    Label, "spec/bad-name", "a name", |text: &str| dns_label(text, 63, true, "a letter or digit").map(Label);
    PortName, "spec/bad-name", "a port name", |text: &str| {
        let ok = text.contains(|c: char| c.is_ascii_lowercase()) && !text.contains("--");
        dns_label(text, 15, ok, "a letter or digit (with a letter somewhere and no `--`)").map(PortName)
    };
    Subdomain, "spec/bad-name", "a name", |text: &str| {
        let ok = text.len() <= 253 && text.split('.').all(|part| is_dns_label(part, 253));
        ok.then(|| Subdomain(text.to_owned())).ok_or_else(|| Invalid::new(
            format!("`{text}` is not an object name"),
            "use lower-case letters, digits, `-` and `.`, starting and ending with a letter or digit",
        ))
    };
    LabelValue, "spec/bad-name", "a label value", |text: &str| {
        is_label_value(text).then(|| LabelValue(text.to_owned())).ok_or_else(|| Invalid::new(
            format!("`{text}` is not a label value"),
            "use at most 63 letters, digits, `-`, `_` and `.`, starting and ending with a letter or digit",
        ))
    };
}

fn seconds(text: &str) -> Result<Seconds, Invalid> {
    let duration = Duration::parse(text)?;
    if duration.whole_seconds().is_none() {
        return Err(Invalid::new(
            format!("`{text}` is not a whole number of seconds"),
            format!(
                "Kubernetes counts whole seconds here: write `\"{}s\"`",
                duration.ceil_seconds()
            ),
        ));
    }
    Ok(Seconds(duration))
}

/// Any text but DEL and the C1 control characters, which kustomize refuses or alters.
fn printable(text: &str) -> Result<String, Invalid> {
    match text.chars().find(|c| matches!(c, '\u{7f}'..='\u{9f}')) {
        None => Ok(text.to_owned()),
        Some(c) => Err(Invalid::new(
            format!("the control character U+{:04X} cannot stand in a manifest", u32::from(c)),
            "leave it out, or encode it in a way that the application decodes",
        )),
    }
}

/// RE2 and Rust's dialect agree but for some flags.
fn regex(text: &str) -> Result<Regex, Invalid> {
    let wrong = |why: &str| {
        Invalid::new(
            format!("this is no regular expression of Prometheus: {why}"),
            "write one such as `\"5..\"` or `\"Internal|Unavailable\"`; a literal `{` is `\\\\{`",
        )
    };
    for flags in text.split("(?").skip(1) {
        let end = flags.find([':', ')', '<', '>']).unwrap_or(flags.len());
        if flags[..end].chars().any(|c| !"imsU-P".contains(c)) {
            return Err(wrong("it has a flag that RE2 does not know"));
        }
    }
    match regex_syntax::parse(text) {
        Ok(_) => printable(text).map(Regex),
        Err(regex_syntax::Error::Parse(error)) => Err(wrong(&error.kind().to_string())),
        Err(regex_syntax::Error::Translate(error)) => Err(wrong(&error.kind().to_string())),
        Err(_) => Err(wrong("it does not parse")),
    }
}

fn metric(text: &str) -> Result<Metric, Invalid> {
    let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | ':'));
    if first && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':')) {
        return Ok(Metric(text.to_owned()));
    }
    Err(Invalid::new(
        format!("`{text}` is not a metric name"),
        "use letters, digits, `_` and `:`, not starting with a digit; labels go to `metrics.selector`",
    ))
}

fn image(text: &str) -> Result<Image, Invalid> {
    let wrong = |help: &str| Err(Invalid::new(format!("`{text}` is not an image reference"), help));
    if text.is_empty() || !text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:@+".contains(c))
    {
        return wrong(
            "write `registry/path:tag` or `registry/path@sha256:…`, such as `\"registry.example.com/shop:v1\"`",
        );
    }
    let name = text.split('@').next().unwrap_or_default();
    let (folders, last) =
        name.rsplit_once('/').map_or(("", name), |(folders, last)| (folders, last));
    let path = last.split(':').next().unwrap_or_default();
    if path.is_empty() || path.chars().chain(folders.chars()).any(|c| c.is_ascii_uppercase()) {
        return wrong("the path of an image is lower-case; only its tag may have capitals");
    }
    match Image(text.to_owned()).tag() {
        Some(tag) if tag.is_empty() || tag.len() > 128 || tag.contains(':') => {
            wrong("the tag behind `:` has 1 to 128 characters")
        }
        _ => Ok(Image(text.to_owned())),
    }
}

fn policy(text: &str) -> Result<Policy, Invalid> {
    let help =
        "write `\"2 pods / 30s\"` or `\"50% / 30s\"`: an amount, a slash, a period of 1s to 30m";
    let wrong = || Invalid::new(format!("`{text}` is not a scaling policy"), help);
    let (amount, period) = text.split_once('/').ok_or_else(wrong)?;
    let amount = amount.trim();
    let count = |text: &str| {
        text.trim().parse::<u16>().ok().filter(|n| *n > 0).map(i32::from).ok_or_else(wrong)
    };
    let amount = if let Some(percent) = amount.strip_suffix('%') {
        Amount::Percent(count(percent)?)
    } else if let Some(pods) = amount.strip_suffix("pods").or_else(|| amount.strip_suffix("pod")) {
        Amount::Count(count(pods)?)
    } else {
        return Err(wrong());
    };
    let period = seconds(period.trim())?;
    if !(1..=1800).contains(&period.get()) {
        return Err(Invalid::new(
            format!("the period of `{text}` is outside 1s to 30m"),
            "the API server takes periods of 1 to 1800 seconds",
        ));
    }
    Ok(Policy { amount, period })
}

impl Field for Number {
    fn decode(node: &Node, cx: &mut Decoder) -> Option<Self> {
        Decimal::decode(node, cx).map(Number)
    }
}

impl Field for Percentile {
    fn decode(node: &Node, cx: &mut Decoder) -> Option<Self> {
        if let Value::String(text) = &node.value {
            let number = text.trim_start_matches(['p', 'P']).trim_end_matches('%');
            cx.wrong_type(
                node,
                "a number",
                format!("write the percentile as a bare number: `{number}`"),
            );
            return None;
        }
        let number = Decimal::decode(node, cx)?;
        if number > Decimal::ZERO && number < Decimal::ONE_HUNDRED {
            return Some(Self(number.normalize()));
        }
        let why = if number == Decimal::ONE_HUNDRED {
            "leaves no error budget"
        } else {
            "is not between 0 and 100"
        };
        cx.bad_value(
            node.span,
            format!("percentile {number} {why}"),
            "write a number such as `95` or `99.9`",
        );
        None
    }
}

impl Field for Port {
    fn decode(node: &Node, cx: &mut Decoder) -> Option<Self> {
        if let Value::Integer(number) = node.value {
            if let Some(port) = u16::try_from(number).ok().filter(|port| *port > 0) {
                return Some(Self(port));
            }
            cx.bad_value(
                node.span,
                format!("`{number}` is not a port"),
                "ports go from 1 to 65535",
            );
        } else {
            cx.wrong_type(
                node,
                "a port number",
                "write the number without quotes, from 1 to 65535",
            );
        }
        None
    }
}

impl Field for PortRef {
    fn decode(node: &Node, cx: &mut Decoder) -> Option<Self> {
        match &node.value {
            Value::String(_) => cx.text::<PortName>(node).map(|name| Self::Name(name.0)),
            _ => Port::decode(node, cx).map(|port| Self::Number(port.0)),
        }
    }
}

impl Field for Amount {
    fn decode(node: &Node, cx: &mut Decoder) -> Option<Self> {
        let help = "write a number of pods, such as `1`, or a share, such as `\"25%\"`";
        let amount = match &node.value {
            Value::Integer(number) => {
                i32::try_from(*number).ok().filter(|n| *n >= 0).map(Self::Count)
            }
            Value::String(text) => text
                .strip_suffix('%')
                .and_then(|number| number.parse::<u16>().ok())
                .map(|number| Self::Percent(i32::from(number))),
            _ => {
                cx.wrong_type(node, "a number or a percentage", help);
                return None;
            }
        };
        if amount.is_none() {
            let shown = node.to_json();
            cx.bad_value(
                node.span,
                format!(
                    "`{}` is neither a number of pods nor a percentage",
                    shown.as_str().map_or_else(|| shown.to_string(), str::to_owned)
                ),
                help,
            );
        }
        amount
    }
}

impl Field for Switch {
    fn decode(node: &Node, cx: &mut Decoder) -> Option<Self> {
        match &node.value {
            Value::Boolean(flag) => Some(Self::Flag(*flag)),
            Value::String(text) => Some(Self::Text(text.clone())),
            _ => {
                cx.wrong_type(node, "`true` or a string", "write `true`");
                None
            }
        }
    }
}

impl Field for OneOrMany {
    fn decode(node: &Node, cx: &mut Decoder) -> Option<Self> {
        if let Value::String(text) = &node.value {
            return Some(Self(vec![text.clone()]));
        }
        let list = super::decode::List::<String>::decode(node, cx)?;
        Some(Self(list.iter().map(|item| (**item).clone()).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies() {
        for (text, shown) in
            [("2 pods / 30s", "2 pods / 30s"), ("1pod/60s", "1 pod / 1m"), ("50% / 1m", "50% / 1m")]
        {
            assert_eq!(policy(text).map(|p| p.to_string()).as_deref(), Ok(shown));
        }
        for text in [
            "2 / 30s",
            "2 pods",
            "0 pods / 30s",
            "2 pods / 31m",
            "2 pods / 30",
            "x% / 30s",
            "-1% / 30s",
            "2 pods / 1500ms",
        ] {
            assert!(policy(text).is_err(), "{text}");
        }
    }

    #[test]
    fn images() {
        let tag = |text| image(text).unwrap().tag().map(str::to_owned);
        assert_eq!(tag("shop").as_deref(), None);
        assert_eq!(tag("host:5000/app").as_deref(), None);
        assert_eq!(tag("host:5000/app:v1").as_deref(), Some("v1"));
        assert_eq!(tag("app@sha256:0123").as_deref(), None);
        for text in ["", "a b", "Shop:v1", "reg/Path/app:v1", "app:", "app:a:b", "{{ image }}"] {
            assert!(image(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names() {
        assert!(ServiceName::parse("inference").is_ok());
        let help = |text: &str| ServiceName::parse(text).unwrap_err().help;
        assert!(help("My_Service").contains("`\"my-service\"`"));
        assert!(help("1abc").contains("`\"abc\"`"));
        assert!(help(&"a".repeat(64)).contains("63"));
        assert!(!help("-").contains("\"\""));
        assert!(PortName::parse("123").is_err());
        assert!(
            is_label_key("app.kubernetes.io/name")
                && !is_label_key("a/b/c")
                && !is_label_key("A.b/c")
        );
    }

    #[test]
    fn shares_round_as_kubernetes_does() {
        assert_eq!([Amount::Percent(25).of_up(3), Amount::Percent(25).of_down(3)], [1, 0]);
        assert_eq!(Amount::Count(2).of_up(3), 2);
    }
}
