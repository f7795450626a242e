//! Runs the rules over the input. Pure: texts in, findings out.

pub mod baseline;
pub mod declare;
pub mod example;
pub mod kustomize;
#[cfg(test)]
mod parts;
mod rendered;
#[cfg(test)]
pub(crate) mod testing;

use std::panic::{AssertUnwindSafe, catch_unwind};

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::cluster::{self, Cluster, Declared, Input, Settings};
use crate::finding::{self, Finding, Label, Severity};
use crate::openapi::Schemas;
use crate::rules::conformity::Conformity;
use crate::rules::suppress::{self, Day};
use crate::rules::{Active, Basis, Ctx, RuleSet};
use crate::source::{FileId, Files, Span};
use crate::yaml;

/// How to lint.
pub struct Options {
    /// The rules.
    pub rules: RuleSet,
    /// What is known of the cluster.
    pub settings: Settings,
    /// The kinds of the user's own CRDs.
    pub schemas: Schemas,
    /// Honour suppressions in the files.
    pub ignores: bool,
    /// Decides which suppressions are past their date; `None` leaves them all in force.
    pub today: Option<Day>,
    /// The input is what a cluster is about to get: what cannot be read in it is wrong, and never a template.
    pub rendered: bool,
}

/// A file to lint: its text is in [`Files`].
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// The file.
    pub file: FileId,
    /// Which of the slo.toml files stands in its folder or nearest above it.
    pub slo: Option<usize>,
}

/// What a run found.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Findings, sorted.
    pub findings: Vec<Finding>,
    /// Documents that have content.
    pub documents: usize,
    /// How many objects each source holds.
    pub objects: Vec<usize>,
    /// Findings that suppressions hid.
    pub suppressed: usize,
    /// Files that are templates of another tool and no YAML yet.
    pub templates: Vec<FileId>,
}

/// Lints `sources`, which come in the order of their ids.
pub fn lint(files: &Files, sources: &[Source], slo: &[Declared], options: &Options) -> Outcome {
    let mut outcome = Outcome::default();
    let folders = folders(files, sources);
    let inputs: Vec<Input<'_>> = sources
        .par_iter()
        .zip(folders)
        .map(|(source, folder)| {
            let text = &*files.get(source.file).text;
            // What cannot hold an object is not worth reading.
            let text = if options.rendered || may_hold_objects(text) { text } else { "" };
            let fragment = options.settings.fragments.binary_search(&source.file).is_ok();
            Input { stream: yaml::parse(source.file, text), slo: source.slo, folder, fragment }
        })
        .collect();
    outcome.documents = inputs.iter().map(|input| input.stream.documents().len()).sum();
    for input in &inputs {
        if input.stream.problems.is_empty() {
            continue;
        }
        // Go templates are no YAML before Helm has filled them in.
        if !options.rendered && is_template(&input.stream) {
            outcome.templates.push(input.stream.file());
        } else {
            outcome.findings.extend(input.stream.problems.iter().map(syntax));
        }
    }
    let embedded = cluster::embedded(&inputs);
    let cluster = Cluster::new(&inputs, &embedded, &options.settings, slo);
    outcome.objects = cluster.count_by_input();
    let conformity =
        Conformity::new(&cluster, &options.schemas, |rule| options.rules.get(rule).is_some());
    let rules = options.rules.as_slice().par_iter();
    let telling = rules.filter(|it| !cluster.is_partial() || it.entry.meta.basis != Basis::Absence);
    let found = telling.map(|active| run(active, &cluster, &conformity, &options.rules));
    outcome.findings.extend(found.flatten_iter().collect::<Vec<_>>());
    let custom = options.rules.custom().par_iter().map(|rule| rule.check(&cluster));
    outcome.findings.extend(custom.flatten_iter().collect::<Vec<_>>());
    outcome.findings.iter_mut().for_each(|finding| label_namespaces(finding, &cluster));
    if options.ignores {
        outcome.suppressed =
            suppress::apply(&mut outcome.findings, &cluster, files, options.today, &options.rules);
        let unused = options.rules.get("hygiene/unused-ignore");
        if let Some(level) = unused.and_then(|active| active.level) {
            let own = outcome.findings.iter_mut().filter(|it| it.rule == "hygiene/unused-ignore");
            own.for_each(|finding| finding.severity = level);
        }
    }
    finding::sort(&mut outcome.findings, files);
    rendered::name_templates(&mut outcome.findings, files);
    outcome
}

/// Lints each of `sources` by itself, so that the others make no difference.
pub fn per_file(files: &Files, sources: &[Source], slo: &[Declared], options: &Options) -> Outcome {
    let alone: Vec<_> =
        sources.par_iter().map(|source| lint(files, &[*source], slo, options)).collect();
    let mut all = Outcome::default();
    for one in alone {
        all.findings.extend(one.findings);
        all.documents += one.documents;
        all.objects.extend(one.objects);
        all.suppressed += one.suppressed;
        all.templates.extend(one.templates);
    }
    finding::sort(&mut all.findings, files);
    all
}

/// A number for the folder of each source.
fn folders(files: &Files, sources: &[Source]) -> Vec<u32> {
    let mut numbers = FxHashMap::default();
    let number = |source: &Source| {
        let name = files.get(source.file).name.as_str();
        let folder = name.rsplit_once(['/', '\\']).map_or("", |(folder, _)| folder);
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        *numbers.entry(folder).or_insert(next)
    };
    sources.iter().map(number).collect()
}

/// True if a document that cannot be read holds actions of Go's templates. Those of alerts are no sign of one, and
/// what stands in documents that can be read did no harm.
fn is_template(stream: &yaml::Stream<'_>) -> bool {
    let read: Vec<_> = stream.documents().map(yaml::Place::span).collect();
    let text = stream.text();
    text.match_indices("{{").any(|(at, _)| {
        let inner = text.get(at..).unwrap_or("").trim_start_matches(['{', '-', ' ']);
        let of_alert = ["$labels", "$value"].iter().any(|word| inner.starts_with(word));
        !of_alert && !read.iter().any(|span| (span.start as usize..span.end as usize).contains(&at))
    })
}

/// Says where a finding rests on an unset namespace being that of another object in the file (rules.md 2.8).
fn label_namespaces(finding: &mut Finding, cluster: &Cluster<'_>) {
    let mut places = finding.labels.iter().map(|label| label.span);
    let file = finding.primary.span.file;
    let Some(own) = cluster.object_at(finding.primary.span) else { return };
    let other = places.find_map(|span| {
        let other = cluster.object_at(span).filter(|_| span.file == file)?;
        (other.namespace.is_none() != own.namespace.is_none()).then_some(other)
    });
    let Some(other) = other else { return };
    let (unset, set) = if own.namespace.is_none() { (own, other) } else { (other, own) };
    let namespace = set.namespace.unwrap_or_default();
    let message = format!("sets no namespace, taken for `{namespace}`");
    finding.labels.push(Label { span: unset.spot(), message });
}

/// False for a text that holds neither an object nor a file of Prometheus or its adapter, nor a kustomization, which
/// needs no kind, with versions of images.
fn may_hold_objects(text: &str) -> bool {
    let holds = |word: &str| memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_some();
    ["apiVersion", "expr", "seriesQuery", "newTag", "sha256:"].into_iter().any(holds)
}

/// Runs one rule. A panic is a bug of that rule alone: it is reported, and the others count.
fn run(
    active: &Active,
    cluster: &Cluster<'_>,
    conformity: &Conformity<'_>,
    rules: &RuleSet,
) -> Vec<Finding> {
    let meta = &active.entry.meta;
    let checked = catch_unwind(AssertUnwindSafe(|| {
        let mut cx = Ctx::new(cluster, conformity, rules, meta);
        active.rule.check(&mut cx);
        cx.into_findings()
    }));
    let Ok(mut findings) = checked else {
        let file = cluster.inputs.first().map_or(FileId::NONE, |input| input.stream.file());
        let version = env!("CARGO_PKG_VERSION");
        let message = format!("the rule `{}` of slogen {version} crashed", meta.name);
        let help = format!(
            "this is a bug of slogen, please report it; `--off {}` goes on without the rule",
            meta.name
        );
        return vec![Finding::error("input/bug", Span::start_of(file), message).help(help)];
    };
    if let Some(level) = active.level {
        for finding in &mut findings {
            finding.severity = level;
        }
    }
    findings
}

fn syntax(problem: &yaml::Problem) -> Finding {
    Finding {
        severity: Severity::Error,
        ..Finding::error(
            "input/syntax",
            problem.span,
            format!("this is no YAML: {}", problem.message),
        )
        .here("noticed here")
        .help("the document is skipped, the others of the file are checked")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_be_read_makes_a_template() {
        let is = |text: &str| is_template(&yaml::parse(FileId::NONE, text));
        let alert = "a: '{{ .Values.a }}'\nb: '{{ $value }}'\n---\n";
        assert!(!is(&format!("{alert}b: [\n")));
        assert!(!is("a: {{ $labels.pod }}\nb: [\n"));
        assert!(is(&format!("{alert}b: {{{{ .Values.b }}}}\nc: [\n")));
    }
}
