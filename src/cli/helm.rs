//! `slogen helm-post-render` and `slogen helm`.

use std::path::{Path, PathBuf};

use crate::integrate::snippets;
use crate::source;

use super::lint::{self, RuleArgs};
use super::output::{Written, write_own};
use super::{Io, Outcome, Run, Stop, manifests};

#[derive(clap::Args)]
pub(super) struct PostRenderArgs {
    /// The namespace of objects that set none. Default: what Helm says in `HELM_NAMESPACE`.
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
    #[command(flatten)]
    rules: RuleArgs,
}

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Write the plugin that makes slogen known to Helm 4 as post-renderer.
    InstallPlugin(InstallArgs),
}

#[derive(clap::Args)]
pub(super) struct InstallArgs {
    /// The plugin's folder. Helm links to it, so it must stay where it is.
    #[arg(long, value_name = "DIR", default_value = "slogen-helm-plugin")]
    dir: PathBuf,
    /// Replace a plugin.yaml of someone else.
    #[arg(long)]
    force: bool,
}

/// The name that reports give to what Helm sends.
const NAME: &str = "helm";

/// Lints the manifests that Helm sends, and sends them back as they are if they pass.
pub(super) fn post_render(args: &PostRenderArgs, io: &mut Io<'_>) -> Run {
    let text = source::read(Path::new("-"), manifests::MAX_BYTES).map_err(|error| {
        Stop::Message(format!("cannot read the manifests on standard input: {error}"))
    })?;
    let mut request = args.rules.request(NAME, text.clone());
    let by_helm = std::env::var("HELM_NAMESPACE").ok().filter(|name| !name.is_empty());
    request.namespace = args.namespace.clone().or(by_helm);
    let mut loaded = lint::load(request, io)?;
    loaded.options.rendered = true;
    let outcome = loaded.check()?;
    if lint::report_aside(&loaded, &outcome, args.rules.fail_on, io)? {
        return Ok(Outcome::Found);
    }
    io.out.write_all(text.as_bytes())?;
    Ok(Outcome::Done)
}

pub(super) fn run(command: &Command, io: &mut Io<'_>) -> Run {
    let Command::InstallPlugin(args) = command;
    let (path, text) = (args.dir.join("plugin.yaml"), snippets::helm_plugin());
    let own = |old: &str| old.contains("name: slogen\n") && old.contains("helm-post-render");
    let folder = args.dir.display();
    match write_own(&path, &text, args.force, own)? {
        Written::New => writeln!(io.err, "wrote {}", path.display())?,
        Written::Same => writeln!(io.err, "{} is right already", path.display())?,
    }
    writeln!(
        io.err,
        "now: helm plugin install {folder} && helm upgrade --install RELEASE CHART --post-renderer slogen\n\
         Helm links to {folder}: leave it there. Helm 3 needs no plugin: --post-renderer slogen \
         --post-renderer-args helm-post-render"
    )?;
    Ok(Outcome::Done)
}
