//! The names that other programs call slogen by, each of which asks for something else.

use std::ffi::OsStr;
use std::path::Path;

use crate::integrate::function::KINDS;

/// What the name that slogen was called by asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Called {
    /// slogen itself.
    Slogen,
    /// `kubectl slogen …`.
    KubectlPlugin,
    /// The exec plugin of kustomize for this kind.
    KustomizePlugin(&'static str),
    /// Candidates for the last word of `kubectl slogen …`.
    KubectlCompletion,
}

/// The name of the plugin's file: kubectl looks for `kubectl-NAME` in PATH.
pub(super) const KUBECTL_PLUGIN: &str = "kubectl-slogen";

/// The name that kubectl looks for when the shell asks it to complete `kubectl slogen`.
pub(super) const KUBECTL_COMPLETION: &str = "kubectl_complete-slogen";

/// What `program`, the first of the process's arguments, asks for.
pub(super) fn called(program: Option<&OsStr>) -> Called {
    let name = program.and_then(|program| Path::new(program).file_name()?.to_str());
    match name.map(|name| name.strip_suffix(".exe").unwrap_or(name)) {
        Some(KUBECTL_PLUGIN) => Called::KubectlPlugin,
        Some(KUBECTL_COMPLETION) => Called::KubectlCompletion,
        Some(name) => KINDS
            .into_iter()
            .find(|kind| *kind == name)
            .map_or(Called::Slogen, Called::KustomizePlugin),
        None => Called::Slogen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_of_the_file_counts() {
        for (program, wanted) in [
            ("slogen", Called::Slogen),
            ("/opt/kubectl-slogen/slogen", Called::Slogen),
            ("/usr/bin/kubectl-slogen", Called::KubectlPlugin),
            ("kubectl-slogen.exe", Called::KubectlPlugin),
            ("./kubectl_complete-slogen", Called::KubectlCompletion),
            ("/plugins/slolint/SloLint", Called::KustomizePlugin("SloLint")),
            ("", Called::Slogen),
        ] {
            assert_eq!(called(Some(OsStr::new(program))), wanted, "{program}");
        }
        assert_eq!(called(None), Called::Slogen);
    }
}
