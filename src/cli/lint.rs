//! `slogen lint`.

mod request;

use std::path::{Path, PathBuf};

use crate::cluster::World;
use crate::config::{self, Overrides};
use crate::finding::{Finding, Safety, Severity};
use crate::fix;
use crate::lint;
use crate::lint::baseline::Baseline;
use crate::report::shard::{Cut, Shard};
use crate::report::{Counts, Format, Run as Report, counted};
use crate::source::{FileId, Files, Root};

use super::{Io, Outcome, Run, Stop, output, reports, rules};
pub(super) use request::{Configured, Kinds, Loaded, Request, Text, load};

/// What `slogen lint` is asked for.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[derive(clap::Args)]
pub(super) struct Args {
    /// Manifests, folders that hold some, or `-` for standard input. Default: the current folder.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// A PATH as kubectl takes it: of a folder only its own files, unless with `-R`; may be given several times.
    #[arg(short, long, value_name = "PATH")]
    filename: Vec<PathBuf>,
    /// With `-f FOLDER`, lint the folders below it, too.
    #[arg(short = 'R', long)]
    recursive: bool,
    /// The name to report for standard input; its folder is where slo.toml and slogen.toml are looked for.
    #[arg(long, value_name = "PATH", default_value = STDIN)]
    stdin_filename: PathBuf,
    /// The slo.toml that describes the service, instead of the nearest one.
    #[arg(long, value_name = "PATH")]
    slo: Option<PathBuf>,
    /// The namespace of objects that set none.
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
    /// The input is all there is: a reference to what it does not hold is an error.
    #[arg(long)]
    closed_world: bool,
    /// The files are a part of what belongs together: report only what stays true as files are added.
    #[arg(long, conflicts_with = "closed_world")]
    partial: bool,
    /// Judge each file by itself, as a part: what is found in it does not depend on which others are given.
    #[arg(long, conflicts_with = "closed_world")]
    per_file: bool,
    /// Leave out what `exclude` of the configuration names, also where it is given as PATH.
    #[arg(long)]
    force_exclude: bool,

    #[command(flatten)]
    rules: RuleArgs,

    /// Report what suppressions in the files hide.
    #[arg(long, help_heading = "Known findings")]
    no_ignores: bool,
    /// Report only what this file does not hold.
    #[arg(long, value_name = "FILE", help_heading = "Known findings")]
    baseline: Option<PathBuf>,
    /// Write what is found to this file, as the baseline of later runs.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["baseline", "fix", "diff"], help_heading = "Known findings")]
    write_baseline: Option<PathBuf>,

    /// Make the fixes that change nothing that runs.
    #[arg(long, help_heading = "Fixes")]
    fix: bool,
    /// Make the fixes that are your decision, too: read their titles first.
    #[arg(long, help_heading = "Fixes")]
    unsafe_fixes: bool,
    /// Print what the fixes would change, and change nothing.
    #[arg(long, help_heading = "Fixes")]
    diff: bool,

    #[command(flatten)]
    reports: reports::ReportArgs,
    /// Report only the findings of one part of the files, such as 1/4; everything is read all the same.
    #[arg(long, value_name = "I/N", conflicts_with_all = ["fix", "unsafe_fixes", "diff", "write_baseline"], help_heading = "Reports")]
    shard: Option<Shard>,
    /// How many findings of one rule are shown to people; 0 shows all.
    #[arg(long, value_name = "NUMBER", default_value_t = 10, help_heading = "Reports")]
    max_repeats: usize,
}

/// Which rules run, and which of their findings count; the same for every command that lints.
#[derive(clap::Args)]
pub(super) struct RuleArgs {
    /// A preset to start from, instead of the configured one.
    #[arg(long, value_name = "PRESET", help_heading = "Rules")]
    preset: Vec<config::PresetName>,
    /// Run only this rule, or the rules of this family.
    #[arg(long, value_name = "NAME", help_heading = "Rules")]
    select: Vec<String>,
    /// Report this rule or family as error.
    #[arg(long, value_name = "NAME", help_heading = "Rules")]
    error: Vec<String>,
    /// Report this rule or family as warning.
    #[arg(long, value_name = "NAME", help_heading = "Rules")]
    warn: Vec<String>,
    /// Do not run this rule or family.
    #[arg(long, visible_alias = "ignore", value_name = "NAME", help_heading = "Rules")]
    off: Vec<String>,
    /// The slogen.toml or slo.toml with the configuration, instead of the one found above the first path.
    #[arg(long, value_name = "PATH", conflicts_with = "no_config", help_heading = "Rules")]
    config: Option<PathBuf>,
    /// Use no configuration file.
    #[arg(long, help_heading = "Rules")]
    no_config: bool,
    /// The Kubernetes version that the manifests are for, such as 1.34.
    #[arg(long, value_name = "VERSION", value_parser = kubernetes_version, help_heading = "Rules")]
    kubernetes_version: Option<(u32, u32)>,
    /// A file or folder with the CRDs of further kinds.
    #[arg(long = "crd", value_name = "PATH", help_heading = "Rules")]
    crds: Vec<PathBuf>,
    /// Report objects of kinds that nothing is known of as errors.
    #[arg(long, help_heading = "Rules")]
    strict_kinds: bool,
    /// The least severity that makes the exit code 1.
    #[arg(long, value_enum, value_name = "SEVERITY", default_value_t = FailOn::Error, help_heading = "Reports")]
    pub(super) fail_on: FailOn,
}

impl RuleArgs {
    fn overrides(&self) -> Overrides {
        Overrides {
            presets: self.preset.clone(),
            select: self.select.clone(),
            error: self.error.clone(),
            warn: self.warn.clone(),
            off: self.off.clone(),
        }
    }

    fn configured(&self) -> Configured {
        match &self.config {
            _ if self.no_config => Configured::Nowhere,
            Some(path) => Configured::In(path.clone()),
            None => Configured::Nearby,
        }
    }

    /// To lint `content` as `slogen lint - --stdin-filename NAME` does.
    pub(super) fn request(&self, name: &str, content: String) -> Request {
        Request {
            overrides: self.overrides(),
            config: self.configured(),
            kinds: self.kinds(),
            ..Request::of_text(name, content)
        }
    }

    fn kinds(&self) -> Kinds {
        Kinds {
            kubernetes: self.kubernetes_version,
            crds: self.crds.clone(),
            strict: self.strict_kinds,
        }
    }
}

/// The least severity that makes the exit code 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum FailOn {
    /// Errors only.
    Error,
    /// Errors and warnings.
    Warning,
    /// Anything.
    Info,
    /// Nothing.
    Never,
}

impl FailOn {
    /// True if one of `findings` counts.
    pub(super) fn fails(self, findings: &[Finding]) -> bool {
        self.severity()
            .is_some_and(|least| findings.iter().any(|finding| finding.severity <= least))
    }

    pub(super) fn severity(self) -> Option<Severity> {
        match self {
            Self::Error => Some(Severity::Error),
            Self::Warning => Some(Severity::Warning),
            Self::Info => Some(Severity::Info),
            Self::Never => None,
        }
    }
}

fn kubernetes_version(text: &str) -> Result<(u32, u32), String> {
    config::parse_version(text)
        .ok_or_else(|| "write major and minor version, such as 1.36".to_owned())
}

impl Args {
    /// All that is to be linted.
    fn given(&self) -> Vec<PathBuf> {
        self.positional().into_iter().chain(self.filename.iter().cloned()).collect()
    }

    fn positional(&self) -> Vec<PathBuf> {
        if self.paths.is_empty() && self.filename.is_empty() {
            return vec![PathBuf::from(".")];
        }
        self.paths.clone()
    }

    fn is_partial(&self) -> bool {
        self.partial || self.per_file
    }

    fn request(&self) -> Request {
        let stdin = reads_stdin(self);
        let given = self.given();
        let start = match given.first() {
            // The configuration must not depend on which file comes first.
            _ if self.per_file => Path::new("."),
            Some(path) if path == Path::new("-") => &*self.stdin_filename,
            Some(path) => path,
            None => Path::new("."),
        };
        let read = |paths: &[PathBuf]| -> Vec<PathBuf> {
            paths.iter().filter(|path| *path != Path::new("-")).cloned().collect()
        };
        let flat = if self.recursive { Vec::new() } else { read(&self.filename) };
        let paths = if self.recursive { read(&given) } else { read(&self.positional()) };
        Request {
            paths,
            flat,
            texts: stdin
                .then(|| Text { name: self.stdin_filename.clone(), content: None })
                .into_iter()
                .collect(),
            start: start.to_path_buf(),
            slo: self.slo.clone(),
            namespace: self.namespace.clone(),
            world: match self {
                _ if self.is_partial() => Some(World::Partial),
                _ if self.closed_world => Some(World::Closed),
                _ => None,
            },
            per_file: self.per_file,
            force_exclude: self.force_exclude,
            overrides: self.rules.overrides(),
            config: self.rules.configured(),
            kinds: self.rules.kinds(),
            ignores: !self.no_ignores,
            baseline: self.baseline.clone(),
            root: Root::Anywhere,
        }
    }
}

/// What `--stdin-filename` is unless it is given.
const STDIN: &str = "stdin";

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Run {
    if args.stdin_filename != Path::new(STDIN) && !reads_stdin(args) {
        return Err(Stop::Message(
            "`--stdin-filename` names standard input, which is read where a path is `-`: `slogen lint - \
             --stdin-filename NAME`"
                .to_owned(),
        ));
    }
    let places = args.reports.places(Format::Human)?;
    let loaded = load(args.request(), io)?;
    let safety = if args.unsafe_fixes { Safety::Unsafe } else { Safety::Safe };
    let mut outcome;
    let mended;
    if args.fix || args.diff || args.unsafe_fixes {
        let mut last = lint::Outcome::default();
        let mut judge = |files: &Files| {
            last = loaded.lint(files);
            last.findings.clone()
        };
        let fixed = fix::run(&loaded.files, safety, &mut judge);
        if args.diff {
            return diff(&loaded, &fixed, io);
        }
        write_back(args, &loaded, &fixed, io)?;
        let files = loaded.files.with(&fixed.texts);
        outcome = lint::Outcome { findings: fixed.findings, ..loaded.lint(&files) };
        mended = Some(files);
    } else {
        outcome = loaded.lint(&loaded.files);
        mended = None;
    }
    let files = mended.as_ref().unwrap_or(&loaded.files);
    loaded.complete(&mut outcome, files);
    if let Some(path) = &args.write_baseline {
        let baseline = Baseline::of(&outcome.findings, files);
        output::write_file(path, &baseline.text())?;
        let count = counted(outcome.findings.len(), "finding");
        writeln!(io.err, "wrote {count} to `{}`", path.display())?;
        return Ok(Outcome::Done);
    }
    loaded.forget_known(&mut outcome, files)?;
    let cut = args.shard.map(|shard| Cut::of(shard, &outcome.findings, files));
    if let Some(shard) = args.shard {
        outcome.findings.retain(|it| shard.holds(&files.get(it.primary.span.file).path()));
    }
    notes(args, &loaded, &outcome, io)?;
    let infos = rules::infos(&loaded.options.rules);
    let report = Report {
        findings: &outcome.findings,
        files,
        summary: Counts { shard: cut, ..loaded.counts(&outcome) },
        rules: &infos,
        fail_on: args.rules.fail_on.severity(),
        max_repeats: args.max_repeats,
    };
    print(&places, &report, args, io)?;
    if loaded.unreadable > 0 {
        return Ok(Outcome::Failed);
    }
    Ok(if args.rules.fail_on.fails(&outcome.findings) { Outcome::Found } else { Outcome::Done })
}

/// Reports `outcome` on standard error, if there is anything to say. True if a finding counts.
pub(super) fn report_aside(
    loaded: &Loaded,
    outcome: &lint::Outcome,
    fail_on: FailOn,
    io: &mut Io<'_>,
) -> Result<bool, Stop> {
    if !outcome.findings.is_empty() {
        let infos = rules::infos(&loaded.options.rules);
        let report = Report {
            findings: &outcome.findings,
            files: &loaded.files,
            summary: loaded.counts(outcome),
            rules: &infos,
            fail_on: fail_on.severity(),
            max_repeats: 0,
        };
        io.err.write_all(Format::Human.render(&report).map_err(output::bug)?.as_bytes())?;
    }
    Ok(fail_on.fails(&outcome.findings))
}

fn print(
    places: &[reports::Place],
    report: &Report<'_>,
    args: &Args,
    io: &mut Io<'_>,
) -> Result<(), Stop> {
    // Standard output holds the mended text then.
    let stdin_is_mended = (args.fix || args.unsafe_fixes) && reads_stdin(args);
    for (form, file) in places {
        let text = form.render(report)?;
        reports::write(&text, file.as_ref(), stdin_is_mended, io)?;
    }
    Ok(())
}

fn reads_stdin(args: &Args) -> bool {
    args.paths.iter().chain(&args.filename).any(|path| path == Path::new("-"))
}

/// What is no finding, and still worth a line.
fn notes(
    args: &Args,
    loaded: &Loaded,
    outcome: &lint::Outcome,
    io: &mut Io<'_>,
) -> Result<(), Stop> {
    for file in &outcome.templates {
        let name = &loaded.files.get(*file).name;
        writeln!(io.err, "note: `{name}` is a template; lint what your tool makes of it")?;
    }
    // Whoever passes every file that changed does not ask for manifests.
    for path in args.given().iter().filter(|_| !args.is_partial()) {
        let stdin = path == Path::new("-");
        let path = if stdin { &args.stdin_filename } else { path };
        let sources = loaded.sources.iter().zip(&outcome.objects);
        let below: Vec<_> = (loaded.manifests.iter().zip(sources))
            .filter(|(manifest, _)| {
                manifest.stdin == stdin
                    && (manifest.path.starts_with(path.strip_prefix("./").unwrap_or(path))
                        || path == Path::new("."))
            })
            .map(|(_, (source, objects))| (source.file, *objects))
            .collect();
        if below.iter().all(|(_, objects)| *objects == 0) {
            let fragments = &loaded.options.settings.fragments;
            let holds = if below.iter().any(|(file, _)| fragments.contains(file)) {
                "only parts for kustomize; lint what it builds: `kustomize build | slogen lint -`"
            } else {
                "no manifests"
            };
            writeln!(io.err, "note: `{}` holds {holds}", path.display())?;
        }
    }
    Ok(())
}

/// Writes the mended texts, each in one step, and says what was done.
fn write_back(
    args: &Args,
    loaded: &Loaded,
    fixed: &fix::Outcome,
    io: &mut Io<'_>,
) -> Result<(), Stop> {
    for (manifest, source) in loaded.manifests.iter().zip(&loaded.sources) {
        let text = fixed.texts.get(&source.file);
        if manifest.stdin {
            let text = text.map_or(&*loaded.files.get(source.file).text, String::as_str);
            io.out.write_all(text.as_bytes())?;
        } else if let Some(text) = text {
            output::write_file(&output::behind_link(&manifest.path, &args.given())?, text)?;
        }
    }
    let name = |file: FileId| &loaded.files.get(file).name;
    for applied in &fixed.applied {
        writeln!(io.err, "fixed {}: {}", name(applied.file), applied.title)?;
    }
    for dropped in &fixed.refused {
        let (file, rule, reason) = (name(dropped.file), dropped.rule, &dropped.reason);
        writeln!(io.err, "left {file} as it is: {rule}: {reason}")?;
    }
    Ok(())
}

/// Prints what the fixes would change.
fn diff(loaded: &Loaded, fixed: &fix::Outcome, io: &mut Io<'_>) -> Run {
    for (file, text) in &fixed.texts {
        let old = loaded.files.get(*file);
        let diff = similar::TextDiff::from_lines(&*old.text, text.as_str());
        let (from, to) = (format!("a/{}", old.path()), format!("b/{}", old.path()));
        write!(io.out, "{}", diff.unified_diff().header(&from, &to))?;
    }
    Ok(if fixed.texts.is_empty() { Outcome::Done } else { Outcome::Found })
}
