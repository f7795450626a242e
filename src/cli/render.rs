//! `slogen render` and `slogen explain-plan`.

use std::collections::HashMap;
use std::path::PathBuf;

use rayon::prelude::*;

use crate::finding::nearest;
use crate::finding::{self, Finding};
use crate::plan::{Plan, Reason, slo};
use crate::profile::Library;
use crate::render::{self, Manifest, RulePart};
use crate::report;
use crate::source::{Files, Span};
use crate::spec::Source;

use super::output::{Format, Rendered};
use super::{Io, Outcome, Run, Stop, input, output};

/// What to read.
#[derive(clap::Args)]
pub(super) struct InputArgs {
    /// A slo.toml, a folder that holds some, or `-` for standard input; may be given several times.
    #[arg(short, long = "file", value_name = "PATH", default_value = input::FILE_NAME)]
    file: Vec<PathBuf>,
    /// Lay the overlay `[env.NAME]` over the rest.
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// How problems are printed on standard error.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    message_format: MessageFormat,
}

#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum MessageFormat {
    /// For people.
    #[default]
    Human,
    /// For programs: one report (`slogen schema report`).
    Json,
}

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("form").multiple(false))]
pub(super) struct Args {
    #[command(flatten)]
    input: InputArgs,
    /// Form of the output.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: Format,
    /// Only objects of these kinds, such as `deployment,hpa`; or one of `rules`, `rule-tests` and `window-tests`,
    /// the files that promtool reads.
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

/// The kinds that `--only` takes, with the short names that kubectl knows.
const KINDS: &[(&str, &[&str])] = &[
    ("ServiceAccount", &["sa"]),
    ("NetworkPolicy", &["netpol"]),
    ("Service", &["svc"]),
    ("Deployment", &["deploy"]),
    ("StatefulSet", &["sts"]),
    ("PodDisruptionBudget", &["pdb"]),
    ("HorizontalPodAutoscaler", &["hpa"]),
    ("ServiceMonitor", &["smon"]),
    ("PodMonitor", &["pmon"]),
    ("PrometheusRule", &["promrule"]),
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
    let services =
        services(&args.input, io, |plan, files| Ok(vec![service(&args.only, plan, files)?]))?;
    let mut services: Vec<_> = services.into_iter().flatten().collect();
    if !args.only.is_empty() {
        for service in &mut services {
            service.manifests.retain(|manifest| args.only.contains(&manifest.kind.as_str()));
        }
        let nothing = |it: &output::Service| it.manifests.is_empty() && it.files.is_empty();
        if services.iter().all(nothing) {
            let kinds = args.only.join(" or ");
            return Err(Stop::Message(format!(
                "there is no {kinds} among the objects of this service"
            )));
        }
    }
    let rendered = Rendered { services, format: args.output, whole: args.only.is_empty() };
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

/// All objects, and the files beside them that slo.toml or `only` asks for.
fn service(only: &[&str], plan: &Plan<'_>, files: &Files) -> Result<output::Service, Vec<Finding>> {
    let doc = &plan.spec.doc;
    let manifests = render::manifests(plan, files)?;
    let mut parts = RulePart::ALL.to_vec();
    if only.is_empty() {
        parts.retain(|_| *doc.outputs.rule_tests);
    } else {
        parts.retain(|part| only.contains(&part.word()));
    }
    let files = render::rule_files(plan, &manifests, &parts)?;
    let folder = format!("{}-{}", doc.service.namespace.0, doc.service.name.0);
    Ok(output::Service { folder, manifests, files })
}

pub(super) fn explain(args: &ExplainArgs, io: &mut Io<'_>) -> Run {
    why(&args.input, io)
}

fn why(args: &InputArgs, io: &mut Io<'_>) -> Run {
    // Rendering too finds problems, of patches for example, that make the numbers moot.
    let tables = services(args, io, |plan, files| {
        render::manifests(plan, files)?;
        Ok(vec![Explained {
            service: plan.names.service.clone(),
            reasons: plan.why(files),
            detection: slo::detection_table(&plan.slos),
        }])
    })?;
    let tables: Vec<_> = tables.into_iter().flatten().collect();
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

/// Runs `finish` on the plan of every service, in parallel, or reports every problem of all.
fn services<T: Send + Identify>(
    args: &InputArgs,
    io: &mut Io<'_>,
    finish: impl Fn(&Plan<'_>, &Files) -> Result<Vec<T>, Vec<Finding>> + Sync,
) -> Result<Vec<Vec<T>>, Stop> {
    let paths = input::collect(&args.file)?;
    let (mut files, mut library, mut findings) = (Files::default(), Library::default(), Vec::new());
    let mut sources = Vec::new();
    for path in &paths {
        match Source::read(&mut files, &mut library, path) {
            Ok(source) => sources.push(source),
            Err(problems) => findings.extend(problems),
        }
    }
    let many = paths.len() > 1;
    let files = &files;
    let results: Vec<Result<Service<T>, Vec<Finding>>> = sources
        .into_par_iter()
        .map(|source| {
            // Among many services, one without any overlays is the same everywhere.
            let env = args.env.as_deref().filter(|_| !many || source.has_overlays());
            let anchor = source.anchor();
            let finished = source.load(files, env).and_then(|spec| {
                Ok((spec.doc.service.name.span, finish(&Plan::new(&spec), files)?))
            });
            finished.map_err(|findings| finding::anchor(findings, anchor, files))
        })
        .collect();
    let mut services = Vec::new();
    for result in results {
        match result {
            Ok(service) => services.push(service),
            Err(problems) => findings.extend(problems),
        }
    }
    findings.extend(collisions(&services));
    if findings.is_empty() {
        return Ok(services.into_iter().map(|(_, items)| items).collect());
    }
    finding::sort(&mut findings, files);
    problems(&findings, files, paths.len(), args.message_format, io)?;
    Err(Stop::Reported)
}

/// Where a service is named, and what became of it.
type Service<T> = (Span, Vec<T>);

/// What two services must not both emit.
trait Identify {
    fn objects(&self) -> &[Manifest];
}

impl Identify for output::Service {
    fn objects(&self) -> &[Manifest] {
        &self.manifests
    }
}

impl Identify for Explained {
    fn objects(&self) -> &[Manifest] {
        &[]
    }
}

fn collisions<T: Identify>(services: &[Service<T>]) -> Vec<Finding> {
    let mut seen = HashMap::new();
    let mut findings = Vec::new();
    for (span, items) in services {
        let identities = items.iter().flat_map(Identify::objects).map(Manifest::identity);
        let collision = identities.into_iter().find_map(|identity| {
            let first = *seen.entry(identity).or_insert(*span);
            (first != *span).then_some((identity, first))
        });
        if let Some(((kind, namespace, name), first)) = collision {
            let message = format!("two services emit the {kind} `{namespace}/{name}`");
            findings.push(
                Finding::error("spec/duplicate-object", *span, message)
                    .label(first, "the other one")
                    .help("rename one of them, or give it a namespace of its own"),
            );
        }
    }
    findings
}

fn problems(
    findings: &[Finding],
    files: &Files,
    read: usize,
    format: MessageFormat,
    io: &mut Io<'_>,
) -> Result<(), Stop> {
    match format {
        MessageFormat::Json => {
            let report = report::json::report(findings, files, read);
            let text = serde_json::to_string_pretty(&report)
                .map_err(|error| Stop::Message(error.to_string()))?;
            writeln!(io.err, "{text}")?;
        }
        MessageFormat::Human => {
            io.err.write_all(report::human::report(findings, files).as_bytes())?;
            let count =
                |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
            writeln!(
                io.err,
                "{} in {}; nothing was rendered",
                count(findings.len(), "problem"),
                count(read, "file")
            )?;
        }
    }
    Ok(())
}
