//! What the cluster that manifests are rendered for serves, as Argo CD and `helm template` say it.

use crate::render::Manifest;

use super::output::Service;
use super::{Io, Stop};

/// What is known of the cluster.
#[derive(clap::Args)]
pub(super) struct ServedArgs {
    /// Its version, such as `1.34`: one that is too old for what slogen writes is an error; empty for unknown.
    #[arg(long, value_name = "VERSION", help_heading = "The cluster", value_parser = version)]
    kube_version: Option<Version>,
    /// All API versions that it serves, `GROUP/VERSION` or `GROUP/VERSION/KIND`, separated by commas: without
    /// the Prometheus Operator its monitors and rules are left out, a missing KEDA is an error; empty for unknown.
    #[arg(long, value_name = "LIST", help_heading = "The cluster", value_delimiter = ',')]
    api_versions: Vec<String>,
}

/// Major and minor version; `None` where nothing is known.
type Version = Option<(u32, u32)>;

/// The oldest Kubernetes that takes what slogen writes: `preStop.sleep` is on by default from 1.30 on.
const OLDEST: (u32, u32) = (1, 30);

/// The Prometheus Operator's objects: a service runs without them.
const OBSERVES: &str = "monitoring.coreos.com/";

/// `1.34`, `v1.34.2+k3s1`, and `1.34+`, as some clouds have it.
fn version(text: &str) -> Result<Version, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let mut parts = text.trim_start_matches('v').split(['.', '+', '-']);
    let mut number = || parts.next()?.parse().ok();
    match (number(), number()) {
        (Some(major), Some(minor)) => Ok(Some((major, minor))),
        _ => Err("a version is written `1.34` or `v1.34.2`".to_owned()),
    }
}

impl ServedArgs {
    /// Leaves out what the cluster lacks and the service can do without, with a note.
    pub(super) fn keep_served(
        &self,
        services: &mut [Service],
        io: &mut Io<'_>,
    ) -> Result<(), Stop> {
        if let Some((major, minor)) = self.kube_version.flatten()
            && (major, minor) < OLDEST
        {
            return Err(Stop::Message(format!(
                "the cluster has Kubernetes {major}.{minor}, and what slogen writes needs {}.{}: before, it drops or \
                 refuses `preStop.sleep`, and requests fail when pods stop",
                OLDEST.0, OLDEST.1
            )));
        }
        let served: Vec<&str> = self
            .api_versions
            .iter()
            .map(|name| name.trim())
            .filter(|name| !name.is_empty())
            .collect();
        if served.is_empty() {
            return Ok(());
        }
        for service in services {
            let (kept, lacking): (Vec<_>, Vec<_>) = std::mem::take(&mut service.manifests)
                .into_iter()
                .partition(|manifest| is_builtin(manifest) || is_served(manifest, &served));
            service.manifests = kept;
            for Manifest { api_version, kind, name, .. } in &lacking {
                if !api_version.starts_with(OBSERVES) {
                    return Err(Stop::Message(format!(
                        "the cluster does not serve {api_version} {kind}, without which `{name}` never scales: install \
                         KEDA, or set `scaling.backend = \"hpa\"`"
                    )));
                }
                writeln!(
                    io.err,
                    "note: {kind} `{name}` is left out: the cluster does not serve {api_version} {kind}"
                )?;
            }
        }
        Ok(())
    }
}

/// True for what every cluster of a supported version has.
fn is_builtin(manifest: &Manifest) -> bool {
    manifest
        .api_version
        .split_once('/')
        .is_none_or(|(group, _)| !group.contains('.') || group.ends_with(".k8s.io"))
}

fn is_served(manifest: &Manifest, served: &[&str]) -> bool {
    let version = manifest.api_version.as_str();
    let kinds = format!("{version}/");
    let mut listed = served.iter().filter_map(|name| name.strip_prefix(&kinds)).peekable();
    if listed.peek().is_some() {
        listed.any(|kind| kind == manifest.kind)
    } else {
        served.contains(&version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_clouds_write_them() {
        for text in ["1.34", "v1.34.2", "1.34+", "v1.34.2+k3s1", "1.34.0-gke.100"] {
            assert_eq!(version(text), Ok(Some((1, 34))), "{text}");
        }
        assert_eq!(version(""), Ok(None));
        assert!(version("new").is_err() && version("1").is_err());
    }
}
