//! The address of a server.

use std::fmt;

use crate::units::Invalid;

/// The address of a server, in the parts that Helm charts ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Url {
    /// Scheme and host.
    pub base: String,
    /// Port; the scheme's own where none was written.
    pub port: u16,
    /// What follows, without a slash at the end; may be empty.
    pub path: String,
}

impl Url {
    pub(super) fn parse(text: &str) -> Result<Self, Invalid> {
        Self::split(text).ok_or_else(|| {
            Invalid::new(
                format!("`{text}` is no address of a server"),
                "write scheme, host and port: `\"http://prometheus-operated.monitoring.svc:9090\"`",
            )
        })
    }

    fn split(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let default = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match host.rsplit_once(':') {
            // The colons of an IPv6 address are inside brackets.
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (host, default),
        };
        let in_host = |c: char| c.is_ascii_alphanumeric() || "-.[]:".contains(c);
        // No query and no fragment: what is asked comes behind. No braces: Helm would expand them.
        let in_path = |c: char| c.is_ascii_alphanumeric() || "-._~/%+=,;:@".contains(c);
        let ok = !host.is_empty() && host.chars().all(in_host) && path.chars().all(in_path);
        (ok && port != 0).then(|| Self {
            base: format!("{scheme}://{host}"),
            port,
            path: path.trim_end_matches('/').to_owned(),
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}{}", self.base, self.port, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        for (text, shown) in [
            ("http://prometheus.monitoring.svc:9090", "http://prometheus.monitoring.svc:9090"),
            ("http://prometheus", "http://prometheus:80"),
            ("https://mimir.example.com/prometheus/", "https://mimir.example.com:443/prometheus"),
            ("http://[::1]:9090/a", "http://[::1]:9090/a"),
            ("http://[::1]", "http://[::1]:80"),
        ] {
            let url = Url::parse(text).map(|url| url.to_string());
            assert_eq!(url.as_deref(), Ok(shown));
        }
        for text in [
            "",
            "prometheus:9090",
            "ftp://prometheus",
            "http://",
            "http://:9090",
            "http://a:b@prometheus:9090",
            "http://prometheus:0",
            "http://prometheus:90900",
            "http://{{ .Release.Name }}",
            "http://prometheus/?a=b",
            "http://prometheus:9090\n",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }
}
