//! `slogen lint`.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::cluster::Declared;
use crate::config::{self, Config, Overrides};
use crate::finding::{self, Finding, Safety, Severity};

use crate::fix;
use crate::lint::baseline::Baseline;
use crate::lint::{self, Options, Source};
use crate::profile::Library;
use crate::report::{Counts, Format, Run as Report, counted};
use crate::rules::suppress::Day;
use crate::source::{self, FileId, Files};
use crate::spec;

use super::manifests::{self, Found, Manifest};
use super::{Io, Outcome, Run, Stop, configuration, output, rules};

/// What `slogen lint` is asked for.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[derive(clap::Args)]
pub(super) struct Args {
    /// Manifests, folders that hold some, or `-` for standard input.
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// The name to report for standard input; its folder is where slo.toml and slogen.toml are looked for.
    #[arg(long, value_name = "PATH", default_value = "stdin")]
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

    /// How findings are printed; `FORMAT=FILE` writes them to a file, and several may be given.
    #[arg(long, value_name = "FORMAT[=FILE]", help_heading = "Reports", value_parser = parse_format)]
    format: Vec<(Format, Option<PathBuf>)>,
    /// Write the report to this file instead of standard output.
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    output_file: Option<PathBuf>,
    /// How many findings of one rule are shown to people; 0 shows all.
    #[arg(long, value_name = "NUMBER", default_value_t = 10, help_heading = "Reports")]
    max_repeats: usize,
    /// The least severity that makes the exit code 1.
    #[arg(long, value_enum, value_name = "SEVERITY", default_value_t = FailOn::Error, help_heading = "Reports")]
    fail_on: FailOn,
}

/// The least severity that makes the exit code 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum FailOn {
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
    fn severity(self) -> Option<Severity> {
        match self {
            Self::Error => Some(Severity::Error),
            Self::Warning => Some(Severity::Warning),
            Self::Info => Some(Severity::Info),
            Self::Never => None,
        }
    }
}

/// `sarif`, `sarif=lint.sarif`
fn parse_format(text: &str) -> Result<(Format, Option<PathBuf>), String> {
    let (name, file) = match text.split_once('=') {
        Some((name, file)) => (name, Some(PathBuf::from(file))),
        None => (text, None),
    };
    let format = <Format as clap::ValueEnum>::from_str(name, false).map_err(|_| {
        let names = <Format as clap::ValueEnum>::value_variants().iter();
        let names = names.filter_map(clap::ValueEnum::to_possible_value);
        let names: Vec<_> = names.map(|value| value.get_name().to_owned()).collect();
        format!("there is no format `{name}`; there are {}", names.join(", "))
    })?;
    match file {
        Some(file) if file.as_os_str().is_empty() => Err(format!("`{text}` names no file")),
        file => Ok((format, file)),
    }
}

/// Everything that is read before the first rule runs.
struct Loaded {
    files: Files,
    sources: Vec<Source>,
    manifests: Vec<Manifest>,
    slo: Vec<Declared>,
    /// Problems of the configuration and of slo.toml files.
    findings: Vec<Finding>,
    options: Options,
    baseline: Option<PathBuf>,
    unreadable: usize,
}

pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Run {
    let reports = reports(args)?;
    let loaded = load(args, io)?;
    let lint = |files: &Files| lint::lint(files, &loaded.sources, &loaded.slo, &loaded.options);
    let safety = if args.unsafe_fixes { Safety::Unsafe } else { Safety::Safe };
    let mut outcome;
    let mended;
    if args.fix || args.diff || args.unsafe_fixes {
        let mut last = lint::Outcome::default();
        let mut judge = |files: &Files| {
            last = lint(files);
            last.findings.clone()
        };
        let fixed = fix::run(&loaded.files, safety, &mut judge);
        if args.diff {
            return diff(&loaded, &fixed, io);
        }
        write_back(args, &loaded, &fixed, io)?;
        let files = loaded.files.with(&fixed.texts);
        outcome = lint::Outcome { findings: fixed.findings, ..lint(&files) };
        mended = Some(files);
    } else {
        outcome = lint(&loaded.files);
        mended = None;
    }
    let files = mended.as_ref().unwrap_or(&loaded.files);
    outcome.findings.extend(loaded.findings.iter().cloned());
    finding::sort(&mut outcome.findings, files);
    if let Some(path) = &args.write_baseline {
        let baseline = Baseline::of(&outcome.findings, files);
        output::write_file(path, &baseline.text())?;
        let count = counted(outcome.findings.len(), "finding");
        writeln!(io.err, "wrote {count} to `{}`", path.display())?;
        return Ok(Outcome::Done);
    }
    let mut suppressed = outcome.suppressed;
    if let Some(path) = args.baseline.as_ref().or(loaded.baseline.as_ref()) {
        suppressed += read_baseline(path)?.take_out(&mut outcome.findings, files);
    }
    notes(args, &loaded, &outcome, io)?;
    let infos = rules::infos(&loaded.options.rules);
    let report = Report {
        findings: &outcome.findings,
        files,
        summary: Counts {
            files: loaded.sources.len(),
            documents: outcome.documents,
            suppressed,
            skipped: outcome.templates.len() + loaded.unreadable,
        },
        rules: &infos,
        fail_on: args.fail_on.severity(),
        max_repeats: args.max_repeats,
    };
    print(&reports, &report, args, io)?;
    if loaded.unreadable > 0 {
        return Ok(Outcome::Failed);
    }
    let fails =
        |finding: &Finding| args.fail_on.severity().is_some_and(|least| finding.severity <= least);
    Ok(if outcome.findings.iter().any(fails) { Outcome::Found } else { Outcome::Done })
}

/// The formats, each with its file; the last one without a file of its own gets `--output-file`.
fn reports(args: &Args) -> Result<Vec<(Format, Option<PathBuf>)>, Stop> {
    let mut reports = args.format.clone();
    if !reports.iter().any(|(_, file)| file.is_none())
        && (reports.is_empty() || args.output_file.is_some())
    {
        reports.push((Format::Human, None));
    }
    if let Some(file) = &args.output_file
        && let Some((_, place)) = reports.iter_mut().rev().find(|(_, file)| file.is_none())
    {
        *place = Some(file.clone());
    }
    if reports.iter().filter(|(_, file)| file.is_none()).count() > 1 {
        let help = "give all but one a file: `--format human --format sarif=lint.sarif`";
        return Err(Stop::Message(format!("two formats would share standard output; {help}")));
    }
    Ok(reports)
}

fn print(
    reports: &[(Format, Option<PathBuf>)],
    report: &Report<'_>,
    args: &Args,
    io: &mut Io<'_>,
) -> Result<(), Stop> {
    let stdin_is_mended = (args.fix || args.unsafe_fixes) && reads_stdin(args);
    for (format, file) in reports {
        let text = format.render(report).map_err(output::bug)?;
        match file {
            Some(file) => {
                output::write_file(file, &anstream::adapter::strip_str(&text).to_string())?;
            }
            // Standard output holds the mended text then.
            None if stdin_is_mended => io.err.write_all(text.as_bytes())?,
            None if io.colour => io.out.write_all(text.as_bytes())?,
            None => write!(io.out, "{}", anstream::adapter::strip_str(&text))?,
        }
    }
    Ok(())
}

fn reads_stdin(args: &Args) -> bool {
    args.paths.iter().any(|path| path == Path::new("-"))
}

fn load(args: &Args, io: &mut Io<'_>) -> Result<Loaded, Stop> {
    let mut files = Files::default();
    let mut findings = Vec::new();
    let stdin = reads_stdin(args);
    let first = match args.paths.first() {
        Some(path) if path == Path::new("-") => &args.stdin_filename,
        Some(path) => path,
        None => Path::new("."),
    };
    let configuration = if args.no_config {
        configuration::Found::default()
    } else {
        configuration::find(&mut files, args.config.as_deref(), first)?
    };
    findings.extend(configuration.findings.iter().cloned());
    let overrides = Overrides {
        presets: args.preset.clone(),
        select: args.select.clone(),
        error: args.error.clone(),
        warn: args.warn.clone(),
        off: args.off.clone(),
    };
    let (config, problems, complaints) = config::resolve(configuration.lint.as_ref(), &overrides);
    findings.extend(problems);
    if let Some(complaint) = complaints.into_iter().next() {
        return Err(Stop::Message(complaint));
    }
    let exclude = configuration.exclude(&config)?;
    let paths: Vec<_> = args.paths.iter().filter(|path| *path != Path::new("-")).cloned().collect();
    let mut found = Found::new(&paths, &exclude)?;
    if stdin {
        found.beside(&args.stdin_filename);
    }
    if let Some(path) = &args.slo {
        if let Err(error) = std::fs::metadata(path) {
            let reason = source::ReadError::Io(error);
            return Err(Stop::Message(format!("cannot read `{}`: {reason}", path.display())));
        }
        found.only_slo(path);
    }
    let (slo, slo_of_file) = declared(&found.slo, &mut files, &mut findings);
    let mut manifests = found.read();
    if stdin {
        let text = source::read(Path::new("-"), manifests::MAX_BYTES)
            .map_err(|error| Stop::Message(format!("cannot read standard input: {error}")))?;
        manifests.push(Manifest { path: args.stdin_filename.clone(), text: Ok(text), stdin: true });
    }
    let nearest = found.nearest_slo();
    let mut unreadable = found.unsearched.len();
    for reason in &found.unsearched {
        writeln!(io.err, "error: cannot search a folder: {reason}")?;
    }
    let mut sources = Vec::with_capacity(manifests.len());
    for manifest in &mut manifests {
        match std::mem::replace(&mut manifest.text, Ok(String::new())) {
            Ok(text) => {
                let file = files.add(manifest.path.display().to_string(), text);
                let slo = nearest(&manifest.path).and_then(|index| *slo_of_file.get(index)?);
                sources.push(Source { file, slo });
            }
            Err(error) => {
                writeln!(io.err, "error: cannot read `{}`: {error}", manifest.path.display())?;
                unreadable += 1;
                manifest.text = Err(error);
            }
        }
    }
    manifests.retain(|manifest| manifest.text.is_ok());
    let Config { rules, mut settings, baseline, .. } = config;
    settings.namespace.clone_from(&args.namespace);
    settings.closed_world |= args.closed_world;
    let options = Options { rules, settings, ignores: !args.no_ignores, today: today() };
    let baseline = baseline.map(|path| configuration.folder.join(path));
    Ok(Loaded { files, sources, manifests, slo, findings, options, baseline, unreadable })
}

/// What the slo.toml files declare; of one that is wrong its problems, and nothing.
fn declared(
    paths: &[PathBuf],
    files: &mut Files,
    findings: &mut Vec<Finding>,
) -> (Vec<Declared>, Vec<Option<usize>>) {
    let mut library = Library::default();
    let (mut all, mut indexes) = (Vec::new(), Vec::new());
    for path in paths {
        let loaded = spec::Source::read(files, &mut library, path).and_then(|source| {
            let anchor = source.anchor();
            source.load(files, None).map_err(|found| finding::anchor(found, anchor, files))
        });
        match loaded {
            Ok(spec) => {
                indexes.push(Some(all.len()));
                all.push(lint::declare::declared(&spec));
            }
            Err(problems) => {
                indexes.push(None);
                findings.extend(problems);
            }
        }
    }
    (all, indexes)
}

/// Today, in UTC.
fn today() -> Option<Day> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    Some(day(seconds / 86_400))
}

/// The date of a day counted from 1970-01-01 (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn day(days: u64) -> Day {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let small = |number: u64| u8::try_from(number).unwrap_or(u8::MAX);
    (u16::try_from(year).unwrap_or(u16::MAX), small(month), small(day))
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
    for path in &args.paths {
        let stdin = path == Path::new("-");
        let path = if stdin { &args.stdin_filename } else { path };
        let below = loaded.manifests.iter().zip(&outcome.objects).filter(|(manifest, _)| {
            manifest.stdin == stdin
                && (manifest.path.starts_with(path.strip_prefix("./").unwrap_or(path))
                    || path == Path::new("."))
        });
        if below.map(|(_, objects)| objects).sum::<usize>() == 0 {
            writeln!(io.err, "note: `{}` holds no manifests", path.display())?;
        }
    }
    Ok(())
}

fn read_baseline(path: &Path) -> Result<Baseline, Stop> {
    let cannot = |reason: String| {
        Stop::Message(format!("cannot read the baseline `{}`: {reason}", path.display()))
    };
    let text =
        source::read(path, manifests::MAX_BYTES).map_err(|error| cannot(error.to_string()))?;
    Baseline::parse(&text).map_err(|reason| {
        cannot(format!("{reason}; `--write-baseline {}` writes a new one", path.display()))
    })
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
            output::write_file(&output::behind_link(&manifest.path, &args.paths)?, text)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        for (days, date) in [
            (0, (1970, 1, 1)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (20_781, (2026, 11, 24)),
        ] {
            assert_eq!(day(days), date);
        }
    }
}
