//! What is linted, read: manifests, slo.toml files and the configuration. Commands that find their manifests elsewhere
//! than `slogen lint` does make the same request.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::cli::configuration::Exclude;
use crate::cli::manifests::{self, Found, Manifest, Named};
use crate::cli::{Io, Stop, configuration};
use crate::cluster::{Declared, World};
use crate::config::{self, Config, Overrides};
use crate::finding::{self, Finding};
use crate::lint::baseline::Baseline;
use crate::lint::{self, Options, Source};
use crate::openapi::{Schemas, crd};
use crate::profile::Library;
use crate::report::Counts;
use crate::rules::suppress::Day;
use crate::source::{self, FileId, Files, Root};
use crate::spec;
use crate::yaml;

/// What is to be linted, and how.
pub(in crate::cli) struct Request {
    /// Files and folders.
    pub(in crate::cli) paths: Vec<PathBuf>,
    /// Files, and folders without what is below them.
    pub(in crate::cli) flat: Vec<PathBuf>,
    /// Texts that are in no file.
    pub(in crate::cli) texts: Vec<Text>,
    /// In its folder and above, the configuration is looked for.
    pub(in crate::cli) start: PathBuf,
    /// The slo.toml for all manifests, instead of the nearest of each.
    pub(in crate::cli) slo: Option<PathBuf>,
    /// The namespace of objects that set none.
    pub(in crate::cli) namespace: Option<String>,
    /// What follows from what is not in the input, instead of what is configured.
    pub(in crate::cli) world: Option<World>,
    /// Each file is judged by itself.
    pub(in crate::cli) per_file: bool,
    /// `exclude` counts for named files too.
    pub(in crate::cli) force_exclude: bool,
    /// Which rules run.
    pub(in crate::cli) overrides: Overrides,
    /// Where the configuration is.
    pub(in crate::cli) config: Configured,
    /// Which kinds there are; what is said here wins over the configuration.
    pub(in crate::cli) kinds: Kinds,
    /// Honour suppressions.
    pub(in crate::cli) ignores: bool,
    /// The baseline, instead of the configured one.
    pub(in crate::cli) baseline: Option<PathBuf>,
    /// Where the configuration and what it names may lie.
    pub(in crate::cli) root: Root,
}

/// Which kinds there are.
#[derive(Default)]
pub(in crate::cli) struct Kinds {
    /// The Kubernetes version of the cluster.
    pub(in crate::cli) kubernetes: Option<(u32, u32)>,
    /// Files and folders with CRDs.
    pub(in crate::cli) crds: Vec<PathBuf>,
    /// Others are errors.
    pub(in crate::cli) strict: bool,
}

/// A text that is in no file.
pub(in crate::cli) struct Text {
    /// The name to report; its folder is where slo.toml is looked for.
    pub(in crate::cli) name: PathBuf,
    /// What it says; `None` reads standard input.
    pub(in crate::cli) content: Option<String>,
}

/// Where the configuration is.
pub(in crate::cli) enum Configured {
    /// In the nearest file, if there is one.
    Nearby,
    /// In the folder itself, if there is one.
    Beside,
    /// In this file.
    In(PathBuf),
    /// Nowhere.
    Nowhere,
}

impl Request {
    /// To lint `content` as `slogen lint - --stdin-filename NAME` does.
    pub(in crate::cli) fn of_text(name: &str, content: String) -> Self {
        Self {
            paths: Vec::new(),
            flat: Vec::new(),
            texts: vec![Text { name: name.into(), content: Some(content) }],
            start: name.into(),
            slo: None,
            namespace: None,
            world: None,
            per_file: false,
            force_exclude: false,
            overrides: Overrides::default(),
            config: Configured::Nearby,
            kinds: Kinds::default(),
            ignores: true,
            baseline: None,
            root: Root::Anywhere,
        }
    }
}

/// Everything that is read before the first rule runs.
pub(in crate::cli) struct Loaded {
    pub(in crate::cli) files: Files,
    pub(in crate::cli) sources: Vec<Source>,
    /// What each source was read from.
    pub(super) manifests: Vec<Manifest>,
    pub(super) slo: Vec<Declared>,
    /// Problems of the configuration and of slo.toml files.
    pub(super) findings: Vec<Finding>,
    pub(in crate::cli) options: Options,
    per_file: bool,
    baseline: Option<PathBuf>,
    /// How many files and folders could not be read.
    pub(super) unreadable: usize,
}

impl Loaded {
    /// Runs the rules over `files`, which hold the same sources, perhaps with other texts.
    pub(super) fn lint(&self, files: &Files) -> lint::Outcome {
        let lint = if self.per_file { lint::per_file } else { lint::lint };
        let mut outcome = lint(files, &self.sources, &self.slo, &self.options);
        for template in outcome.findings.iter_mut().filter_map(|it| it.template.as_mut()) {
            template.path = on_disk(&template.name);
        }
        outcome
    }

    /// Adds the problems of the configuration and of slo.toml files to what the rules found.
    pub(super) fn complete(&self, outcome: &mut lint::Outcome, files: &Files) {
        outcome.findings.extend(self.findings.iter().cloned());
        finding::sort(&mut outcome.findings, files);
    }

    /// Takes what the baseline holds out of the findings.
    pub(super) fn forget_known(
        &self,
        outcome: &mut lint::Outcome,
        files: &Files,
    ) -> Result<(), Stop> {
        if let Some(path) = &self.baseline {
            outcome.suppressed += read_baseline(path)?.take_out(&mut outcome.findings, files);
        }
        Ok(())
    }

    /// All that is wrong, but for what is suppressed or known.
    pub(in crate::cli) fn check(&self) -> Result<lint::Outcome, Stop> {
        let mut outcome = self.lint(&self.files);
        self.complete(&mut outcome, &self.files);
        self.forget_known(&mut outcome, &self.files)?;
        Ok(outcome)
    }

    /// What was read, and what was left out.
    pub(in crate::cli) fn counts(&self, outcome: &lint::Outcome) -> Counts {
        Counts {
            files: self.sources.len(),
            documents: outcome.documents,
            suppressed: outcome.suppressed,
            skipped: outcome.templates.len() + self.unreadable,
            shard: None,
        }
    }
}

/// Reads what `request` names. What cannot be read is reported at once, and counted.
pub(in crate::cli) fn load(request: Request, io: &mut Io<'_>) -> Result<Loaded, Stop> {
    let mut files = Files::default();
    let configuration = match &request.config {
        Configured::Nowhere => configuration::Found::default(),
        Configured::In(path) => {
            allow(&request.root, path)?;
            configuration::find(&mut files, Some(path), &request.start)?
        }
        Configured::Beside => configuration::beside(&mut files, &request.start, &request.root)?,
        Configured::Nearby => configuration::find(&mut files, None, &request.start)?,
    };
    let mut findings = configuration.findings.clone();
    let (config, problems, complaints) =
        config::resolve(&files, configuration.lint.as_ref(), &request.overrides);
    findings.extend(problems);
    if let Some(complaint) = complaints.into_iter().next() {
        return Err(Stop::Message(complaint));
    }
    let exclude = configuration.exclude(&config)?;
    let partial = request.world == Some(World::Partial);
    let named = Named { force_exclude: request.force_exclude, partial };
    let mut found = Found::new(&request.paths, &exclude, named)?;
    found.flat(&request.flat, &exclude, named)?;
    for text in &request.texts {
        found.slo_of(&text.name, partial);
    }
    found.slo.sort_unstable();
    found.slo.dedup();
    if let Some(path) = &request.slo {
        allow(&request.root, path)?;
        if let Err(error) = std::fs::metadata(path) {
            let reason = source::ReadError::Io(error);
            return Err(Stop::Message(format!("cannot read `{}`: {reason}", path.display())));
        }
        found.only_slo(path);
    }
    let (slo, slo_of_file) = declared(&found.slo, &request.root, &mut files, &mut findings);
    let mut manifests = found.read();
    for Text { name, content } in request.texts {
        let text = content.map_or_else(stdin, Ok)?;
        manifests.push(Manifest { path: name, text: Ok(text), stdin: true });
    }
    let nearest = found.nearest_slo();
    let mut unreadable = found.unsearched.len();
    for reason in &found.unsearched {
        writeln!(io.err, "error: cannot search a folder: {reason}")?;
    }
    let (kustomized, missing_base) = found.kustomized(&manifests);
    let mut fragments = Vec::new();
    let mut sources = Vec::with_capacity(manifests.len());
    for manifest in &mut manifests {
        match std::mem::replace(&mut manifest.text, Ok(String::new())) {
            Ok(text) => {
                let name = manifest.path.display().to_string();
                let file = if manifest.stdin && !manifest.path.is_file() {
                    files.add_piped(name, text)
                } else {
                    files.add(name, text)
                };
                if kustomized.is_fragment(&manifest.path) {
                    fragments.push(file);
                }
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
    let Config { rules, mut settings, baseline, crds, .. } = config;
    let configured = crds.into_iter().map(|path| configuration.folder.join(path));
    let schemas = schemas(request.kinds.crds.into_iter().chain(configured).collect())?;
    settings.kubernetes = request.kinds.kubernetes.or(settings.kubernetes);
    settings.strict_kinds |= request.kinds.strict;
    settings.namespace = request.namespace;
    settings.fragments = fragments;
    settings.world = request.world.unwrap_or(settings.world);
    if let Some(base) = missing_base.filter(|_| settings.world == World::Open) {
        writeln!(
            io.err,
            "note: a kustomization builds on `{}`, which is not linted, so that nothing is concluded from what is \
             missing; lint it, too, or what is built: `kustomize build | slogen lint -`",
            base.display()
        )?;
        settings.world = World::Partial;
    }
    let (per_file, ignores) = (request.per_file, request.ignores);
    let options = Options { rules, settings, schemas, ignores, today: today(), rendered: false };
    let configured = baseline.map(|path| configuration.folder.join(path));
    let baseline = request.baseline.or(configured);
    if let Some(path) = &baseline {
        allow(&request.root, path)?;
    }
    Ok(Loaded { files, sources, manifests, slo, findings, options, per_file, baseline, unreadable })
}

/// The file of a template that Helm calls `name`, seen from the folder of its chart or from the chart's own.
fn on_disk(name: &str) -> Option<String> {
    let inside = name.split_once('/').map(|(_, inside)| inside);
    let found = std::iter::once(name).chain(inside).find(|path| Path::new(path).is_file())?;
    Some(found.to_owned())
}

/// Stops at a file that may not be read; one that cannot be says so when it is.
fn allow(root: &Root, path: &Path) -> Result<(), Stop> {
    match root.check(path) {
        Err(error @ source::ReadError::Outside(_)) => Err(Stop::Message(format!(
            "`{}` may not be read: {error}; move it there, or lift the restriction with `--load-restrictor none`",
            path.display()
        ))),
        _ => Ok(()),
    }
}

/// The kinds of the CRDs in `paths`. What is named there must be some.
fn schemas(paths: Vec<PathBuf>) -> Result<Schemas, Stop> {
    let mut schemas = Schemas::default();
    for path in paths {
        let found = Found::new(std::slice::from_ref(&path), &Exclude::default(), Named::default())?;
        let mut kinds = Vec::new();
        for manifest in found.read() {
            let text = manifest.text.map_err(|error| {
                Stop::Message(format!("cannot read `{}`: {error}", manifest.path.display()))
            })?;
            let stream = yaml::parse(FileId::NONE, &text);
            kinds.extend(stream.documents().flat_map(crd::kinds_of));
        }
        if kinds.is_empty() {
            let path = path.display();
            return Err(Stop::Message(format!(
                "`{path}` holds no CustomResourceDefinition; name the file or folder that does"
            )));
        }
        schemas.add(kinds);
    }
    Ok(schemas)
}

fn stdin() -> Result<String, Stop> {
    source::read(Path::new("-"), manifests::MAX_BYTES)
        .map_err(|error| Stop::Message(format!("cannot read standard input: {error}")))
}

/// What the slo.toml files declare; of one that is wrong its problems, and nothing.
fn declared(
    paths: &[PathBuf],
    root: &Root,
    files: &mut Files,
    findings: &mut Vec<Finding>,
) -> (Vec<Declared>, Vec<Option<usize>>) {
    let mut library = Library::within(root.clone());
    let (mut all, mut indexes) = (Vec::new(), Vec::new());
    for path in paths {
        let loaded = spec::Source::read(files, &mut library, path).and_then(|source| {
            let anchor = source.anchor();
            lint::declare::read(&source, files)
                .map_err(|found| finding::anchor(found, anchor, files))
        });
        match loaded {
            Ok(declared) => {
                indexes.push(Some(all.len()));
                all.push(declared);
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
