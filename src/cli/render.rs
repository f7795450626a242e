//! `slogen render` and `slogen explain-plan`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::finding::{Finding, nearest};
use crate::plan::{Plan, Reason, slo};
use crate::render::adapter::{self, Request};
use crate::render::{self, Manifest, RulePart};
use crate::source::{Files, Span};

use super::output::{ADAPTER_VALUES, Format, Rendered, Service, bug};
use super::served::ServedArgs;
use super::services::{InputArgs, MessageFormat, Read, collisions, plans, services};
use super::{Io, Outcome, Run, Stop, output, own, runbook};

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("form").multiple(false))]
pub(super) struct Args {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    served: ServedArgs,
    /// Form of the output.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: Format,
    /// Only objects of these kinds, such as `deployment,hpa` or `dashboard`; or alone `adapter`, the Helm values of
    /// prometheus-adapter, or one of `rules`, `rule-tests` and `window-tests`, the files that promtool reads.
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kind)]
    only: Vec<&'static str>,
    /// Write one file an object, and a kustomization, below DIR.
    #[arg(long, value_name = "DIR", group = "form", conflicts_with = "output")]
    out_dir: Option<PathBuf>,
    /// Print how the file or folder PATH differs, and exit with 1 if it does.
    #[arg(long, value_name = "PATH", group = "form")]
    check: Option<PathBuf>,
    /// Print how the file or folder PATH differs.
    #[arg(long, value_name = "PATH", group = "form")]
    diff: Option<PathBuf>,
    /// Print where every number comes from, instead of the manifests.
    #[arg(long, group = "form", conflicts_with_all = ["only", "output"])]
    why: bool,
}

#[derive(clap::Args)]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    input: InputArgs,
}

/// What `--only` takes for the Helm values of prometheus-adapter, which are no object.
const ADAPTER: &str = "adapter";

/// What `--only` takes for the ConfigMap with the dashboard, whether slo.toml asks for it or not.
const DASHBOARD: &str = "dashboard";

/// The kinds that `--only` takes, with the short names that kubectl knows.
const KINDS: &[(&str, &[&str])] = &[
    ("ServiceAccount", &["sa"]),
    ("NetworkPolicy", &["netpol"]),
    ("Service", &["svc"]),
    ("Deployment", &["deploy"]),
    ("StatefulSet", &["sts"]),
    ("PodDisruptionBudget", &["pdb"]),
    ("HorizontalPodAutoscaler", &["hpa"]),
    ("TriggerAuthentication", &["ta"]),
    ("ScaledObject", &["so"]),
    ("ServiceMonitor", &["smon"]),
    ("PodMonitor", &["pmon"]),
    ("PrometheusRule", &["promrule"]),
    ("ConfigMap", &["cm"]),
    (ADAPTER, &[]),
    (DASHBOARD, &[]),
    ("rules", &[]),
    ("rule-tests", &[]),
    ("window-tests", &[]),
];

fn kind(text: &str) -> Result<&'static str, String> {
    let word = text.trim().to_lowercase();
    let singular = word.strip_suffix('s').unwrap_or(&word);
    let fits = |name: &str| [word.as_str(), singular].contains(&name.to_lowercase().as_str());
    let found =
        KINDS.iter().find(|(kind, short)| fits(kind) || short.iter().any(|short| fits(short)));
    found.map(|(kind, _)| *kind).ok_or_else(|| {
        let lower: Vec<String> = KINDS.iter().map(|(kind, _)| kind.to_lowercase()).collect();
        match nearest(&word, lower.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("kinds are {}", lower.join(", ")),
        }
    })
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Run {
    if args.why {
        return why(&args.input, io);
    }
    let rendered =
        if args.only.contains(&ADAPTER) { values(args, io)? } else { objects(args, io)? };
    if let Some(folder) = &args.out_dir {
        let files = rendered.folder()?;
        output::write(folder, &files)?;
        for path in rendered.stale(folder, &files) {
            let path = folder.join(path);
            writeln!(
                io.err,
                "note: `{}` is not part of the output any more; remove it",
                path.display()
            )?;
        }
        return Ok(Outcome::Done);
    }
    if let Some(path) = args.check.as_ref().or(args.diff.as_ref()) {
        let diff = output::diff(path, &rendered)?;
        io.out.write_all(diff.as_bytes())?;
        let drift = args.check.is_some() && !diff.is_empty();
        if drift {
            writeln!(
                io.err,
                "error: `{}` is not what slo.toml says; render it again",
                path.display()
            )?;
        }
        return Ok(if drift { Outcome::Drift } else { Outcome::Done });
    }
    io.out.write_all(rendered.stream()?.as_bytes())?;
    Ok(Outcome::Done)
}

/// The Helm values of prometheus-adapter.
fn values(args: &Args, io: &mut Io<'_>) -> Result<Rendered, Stop> {
    if let Some(kind) = args.only.iter().find(|kind| **kind != ADAPTER) {
        return Err(Stop::Message(format!(
            "`{ADAPTER}` is no object and cannot be in one stream with {kind}: ask for it alone"
        )));
    }
    let values = super::adapter::gather(&args.input, io)?.values().map_err(bug)?;
    Ok(Rendered {
        services: Vec::new(),
        beside: BTreeMap::from([(ADAPTER_VALUES, values)]),
        format: args.output,
        whole: false,
    })
}

/// The objects of all services, or those that `--only` names.
fn objects(args: &Args, io: &mut Io<'_>) -> Result<Rendered, Stop> {
    let (services, adapter) = services(&args.input, io, each(&args.only), all)?;
    let whole = args.only.is_empty();
    let mut services = selected(services, &args.only)?;
    args.served.keep_served(&mut services, io)?;
    let values = adapter.filter(|_| whole).map(|adapter| adapter.values()).transpose();
    let beside = values.map_err(bug)?.map(|values| (ADAPTER_VALUES, values)).into_iter().collect();
    Ok(Rendered { services, beside, format: args.output, whole })
}

/// The objects of the services in `read`, for hosts that take nothing else: those of the kinds `only`, if it names
/// some.
pub(super) fn manifests(
    read: Read,
    env: Option<&str>,
    only: &[&'static str],
    io: &mut Io<'_>,
) -> Result<Vec<Manifest>, Stop> {
    let (services, _) = plans(read, env, MessageFormat::Human, io, each(only), all)?;
    let services = selected(services, only)?;
    Ok(services.into_iter().flat_map(|service| service.manifests).collect())
}

fn each(only: &[&'static str]) -> impl Fn(&Plan<'_>, &Files) -> Result<One, Vec<Finding>> + Sync {
    let dashboards = only.contains(&DASHBOARD);
    let render = if dashboards { render::with_dashboard } else { render::manifests };
    move |plan, files| one(plan, only, render(plan, files)?)
}

/// Of the services what `only` names.
fn selected(mut services: Vec<Service>, only: &[&'static str]) -> Result<Vec<Service>, Stop> {
    if only.is_empty() {
        return Ok(services);
    }
    for service in &mut services {
        service.manifests.retain(|manifest| {
            only.contains(&manifest.kind.as_str())
                || only.contains(&DASHBOARD) && manifest.dashboard().is_some()
        });
        service.runbook = None;
    }
    if services.iter().all(|service| service.manifests.is_empty() && service.rules.is_empty()) {
        let kinds = only.join(" or ");
        return Err(Stop::Message(format!(
            "there is no {kinds} among the objects of this service"
        )));
    }
    Ok(services)
}

/// The kind of an object that `--only` calls `text`; files that are no objects are left out.
pub(super) fn kind_of_object(text: &str) -> Result<&'static str, String> {
    match kind(text)? {
        ADAPTER | "rules" | "rule-tests" | "window-tests" => Err(format!(
            "`{text}` is a file of another tool; `slogen render --only {text}` prints it"
        )),
        kind => Ok(kind),
    }
}

/// A service, where it is named, and what it asks of prometheus-adapter if that shall be part of the output.
type One = (Service, Span, Option<Request>);

fn one(plan: &Plan<'_>, only: &[&str], manifests: Vec<Manifest>) -> Result<One, Vec<Finding>> {
    let errors = own::errors(plan, &manifests);
    if !errors.is_empty() {
        return Err(errors);
    }
    let runbook = *plan.spec.doc.outputs.runbook;
    let mut parts = RulePart::ALL.to_vec();
    parts.retain(|part| match only {
        [] => *plan.spec.doc.outputs.rule_tests,
        _ => only.contains(&part.word()),
    });
    let rules = render::rule_files(plan, &manifests, &parts)?;
    let service = Service {
        folder: format!("{}-{}", plan.spec.doc.service.namespace.0, plan.names.service),
        manifests,
        rules,
        runbook: if runbook { Some(runbook::page(plan)?.text) } else { None },
    };
    let request = adapter::request(plan).filter(|_| *plan.spec.doc.outputs.adapter);
    Ok((service, plan.spec.doc.service.name.span, request))
}

fn all(all: Vec<One>) -> Result<(Vec<Service>, Option<adapter::Adapter>), Vec<Finding>> {
    let collisions =
        collisions(all.iter().map(|(service, at, _)| (*at, service.manifests.as_slice())));
    if !collisions.is_empty() {
        return Err(collisions);
    }
    let requests: Vec<Request> = all.iter().filter_map(|(.., request)| request.clone()).collect();
    let adapter = adapter::merge(&requests)?;
    Ok((all.into_iter().map(|(service, ..)| service).collect(), adapter))
}

pub(super) fn explain(args: &ExplainArgs, io: &mut Io<'_>) -> Run {
    why(&args.input, io)
}

fn why(args: &InputArgs, io: &mut Io<'_>) -> Run {
    // Rendering too finds problems, of patches for example, that make the numbers moot.
    let each = |plan: &Plan<'_>, files: &Files| {
        render::manifests(plan, files)?;
        Ok(Explained {
            service: plan.names.service.clone(),
            reasons: plan.why(files),
            detection: slo::detection_table(&plan.slos),
        })
    };
    let tables = services(args, io, each, Ok)?;
    for (index, explained) in tables.iter().enumerate() {
        if tables.len() > 1 {
            writeln!(io.out, "{}# {}", if index > 0 { "\n" } else { "" }, explained.service)?;
        }
        let reasons = explained
            .reasons
            .iter()
            .map(|row| [&row.what, &row.value, &row.from].map(String::as_str));
        io.out.write_all(table(["WHAT", "VALUE", "FROM"], reasons).as_bytes())?;
        if !explained.detection.is_empty() {
            let rows = explained.detection.iter().map(|row| row.each_ref().map(String::as_str));
            writeln!(
                io.out,
                "\nBurn-rate alerts: when they fire, `for` included, and the share of the budget spent by then\n"
            )?;
            io.out.write_all(table(slo::DETECTION, rows).as_bytes())?;
        }
    }
    Ok(Outcome::Done)
}

/// What `--why` prints of one service.
struct Explained {
    service: String,
    reasons: Vec<Reason>,
    detection: Vec<[String; 9]>,
}

/// The widest that a column gets; longer values stick out.
const MAX_WIDTH: usize = 44;

fn table<'a, const N: usize>(
    head: [&'a str; N],
    rows: impl Iterator<Item = [&'a str; N]>,
) -> String {
    let rows: Vec<[&str; N]> = std::iter::once(head).chain(rows).collect();
    let widths: [usize; N] = std::array::from_fn(|column| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).min(MAX_WIDTH)
    });
    let line = |row: &[&str; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}
