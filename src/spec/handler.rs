//! What a probe asks, defaults included.

use super::decode::Sourced;
use super::leaf::{PortRef, Protocol, Switch};
use super::tables::{Document, Probe};
use super::validate::{HTTP, last_layer, written};
use crate::source::Span;

/// What a probe asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handler {
    /// GET of a path.
    Path(String, PortRef),
    /// A connection.
    Tcp(PortRef),
    /// The gRPC health service, of a named service if one is given. Kubernetes takes a number only.
    Grpc(u16, Option<String>),
    /// A command.
    Exec(Vec<String>),
}

/// Which of the three probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Has the container started?
    Startup,
    /// Can it serve?
    Readiness,
    /// Does it live?
    Liveness,
}

impl Role {
    /// The key in slo.toml.
    pub fn word(self) -> &'static str {
        match self {
            Self::Startup => "startup",
            Self::Readiness => "readiness",
            Self::Liveness => "liveness",
        }
    }

    /// The path that is asked without a written handler (the guide's).
    fn default_path(self) -> &'static str {
        match self {
            Self::Readiness => "/ready",
            Self::Startup | Self::Liveness => "/healthz",
        }
    }
}

/// The handlers that the last layer wrote; more than one is a mistake.
pub fn handlers(probe: &Probe) -> Vec<(&'static str, Span)> {
    let on = |grpc: &Sourced<Switch>| **grpc != Switch::Flag(false);
    last_layer([
        written(probe.path.as_ref(), "path"),
        written(probe.tcp.as_ref(), "tcp").filter(|_| probe.tcp.as_ref().is_some_and(|on| **on)),
        written(probe.grpc.as_ref(), "grpc").filter(|_| probe.grpc.as_ref().is_some_and(on)),
        written(probe.exec.as_ref(), "exec"),
    ])
}

/// What `probe` asks.
pub fn handler(probe: &Probe, role: Role, doc: &Document) -> Handler {
    let port = || {
        probe.port.as_ref().map_or_else(|| PortRef::Name(HTTP.to_owned()), |port| (**port).clone())
    };
    let grpc = |service| Handler::Grpc(number(&port(), doc), service);
    match handlers(probe).first() {
        Some(("path", _)) => {
            let path = probe.path.as_ref().map_or(role.default_path(), |path| path.0.as_str());
            Handler::Path(path.to_owned(), port())
        }
        Some(("tcp", _)) => Handler::Tcp(port()),
        Some(("grpc", _)) => grpc(match probe.grpc.as_deref() {
            Some(Switch::Text(service)) => Some(service.clone()),
            _ => None,
        }),
        Some(("exec", _)) => {
            let argv = probe.exec.iter().flat_map(|argv| argv.iter());
            Handler::Exec(argv.map(|arg| (**arg).clone()).collect())
        }
        _ if doc.service.protocol.ok() == Some(&Protocol::Grpc) => grpc(None),
        _ => Handler::Path(role.default_path().to_owned(), port()),
    }
}

/// The number of a declared port.
fn number(port: &PortRef, doc: &Document) -> u16 {
    match port {
        PortRef::Number(number) => *number,
        PortRef::Name(name) => doc
            .service
            .ports
            .iter()
            .flat_map(|ports| ports.iter())
            .find(|port| port.name.0 == *name)
            .map_or(doc.service.port.0, |port| port.port.0),
    }
}
