//! The configuration of `slogen lint`: `[lint]` of a slogen.toml or slo.toml, and what the command line adds.

mod own;

use crate::cluster::{Settings, World};
use crate::finding::{Finding, Severity, nearest};
use crate::rules::custom::{self, Custom};
use crate::rules::{self, Active, Entry, Preset, RULES, RuleSet};
use crate::source::{FileId, Files, Span};
use crate::spec::decode::{Decoder, List, Section, Sourced};
use crate::spec::lint::Lint;
use crate::tree::{self, Layer};

/// Which rules run, with which options, and what is known of the cluster.
pub struct Config {
    /// The rules.
    pub rules: RuleSet,
    /// What is known of the cluster.
    pub settings: Settings,
    /// Globs of files to leave out.
    pub exclude: Vec<String>,
    /// File of findings that are known.
    pub baseline: Option<String>,
    /// Files and folders with CRDs.
    pub crds: Vec<String>,
}

/// How bad the findings of a rule are; off, it does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Does not run.
    Off,
    /// Runs, with this severity.
    At(Severity),
}

impl Level {
    fn severity(self) -> Option<Severity> {
        match self {
            Self::Off => None,
            Self::At(severity) => Some(severity),
        }
    }
}

/// A preset, as the configuration and the command line name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum PresetName {
    /// What is likely to hurt.
    Recommended,
    /// Every rule but those of security.
    Strict,
    /// The family `security`.
    Security,
}

impl PresetName {
    fn preset(self) -> Preset {
        match self {
            Self::Recommended => Preset::Recommended,
            Self::Strict => Preset::Strict,
            Self::Security => Preset::Security,
        }
    }
}

/// What the command line says of rules; each names a rule or a family. Later lists win over earlier ones.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Presets instead of the configured ones.
    pub presets: Vec<PresetName>,
    /// Only these run.
    pub select: Vec<String>,
    /// These are errors.
    pub error: Vec<String>,
    /// These are warnings.
    pub warn: Vec<String>,
    /// These do not run.
    pub off: Vec<String>,
}

/// Reads the `[lint]` table of `file`: a slogen.toml, which holds nothing else, or a slo.toml, whose other tables
/// and whose syntax are someone else's concern.
pub fn read(files: &Files, file: FileId, of_service: bool) -> (Option<Lint>, Vec<Finding>) {
    let (table, findings) = tree::parse(files, file, Layer::File);
    let mut cx = Decoder::default();
    if !of_service {
        cx.findings = findings;
        cx.unknown_keys(&table, &["lint"]);
    }
    let lint = table.get("lint").and_then(|node| {
        let place = node.place();
        cx.table(node, "lint").cloned().map(|table| Lint::read(&table, place, &mut cx))
    });
    (lint, cx.findings)
}

/// Decides what runs. Every name that means nothing is a finding; those of the command line come back as text.
pub fn resolve(
    files: &Files,
    lint: Option<&Lint>,
    overrides: &Overrides,
) -> (Config, Vec<Finding>, Vec<String>) {
    let mut findings = Vec::new();
    let mut custom = own::rules(files, lint, &mut findings);
    let mut complaints = Vec::new();
    let mut levels: Vec<Option<Option<Severity>>> = vec![None; RULES.len()];
    let index =
        |entry: &&'static Entry| RULES.iter().position(|known| std::ptr::eq(*known, *entry));
    let mut presets = presets(lint, &mut findings);
    if !overrides.presets.is_empty() {
        presets = overrides.presets.iter().map(|name| name.preset()).collect();
    }
    for (entry, level) in RULES.iter().zip(&mut levels) {
        *level = entry.meta.is_in(&presets).then_some(None);
    }
    let mut set = |name: &str, level: Level| {
        let severity = level.severity();
        for index in rules::named(name).iter().filter_map(index) {
            levels[index] = severity.map(Some);
        }
        let own = custom.iter_mut().filter(|rule| means(name, rule));
        let own = own.map(|rule| rule.level = severity).count();
        own > 0 || rules::is_known(name)
    };
    let written = lint.and_then(|lint| lint.levels.as_ref()).map(|levels| &**levels);
    let mut unknown = Vec::new();
    // A rule's own level wins over that of its family, whatever the order.
    let (of_rules, of_families): (Vec<_>, Vec<_>) =
        written.into_iter().flatten().partition(|(name, _)| name.contains('/'));
    for (name, level) in of_families.into_iter().chain(of_rules) {
        match parse_level(level) {
            Ok(read) if set(name, read) => {}
            Ok(_) => unknown.push((name, level.key_span.unwrap_or(level.span))),
            Err(finding) => findings.push(*finding),
        }
    }
    if !overrides.select.is_empty() {
        for rule in &mut custom {
            let wanted = overrides.select.iter().any(|name| means(name, rule));
            rule.level = if wanted { rule.level.or(Some(rule.severity)) } else { None };
        }
        let selected: Vec<_> =
            overrides.select.iter().flat_map(|name| rules::named(name)).collect();
        for (entry, level) in RULES.iter().zip(&mut levels) {
            let wanted = selected.iter().any(|known| std::ptr::eq(*known, *entry));
            *level = wanted.then(|| level.flatten());
        }
    }
    let lists = [
        (&overrides.error, Level::At(Severity::Error)),
        (&overrides.warn, Level::At(Severity::Warning)),
        (&overrides.off, Level::Off),
    ];
    for (name, level) in
        lists.iter().flat_map(|(list, level)| list.iter().map(move |it| (it, *level)))
    {
        for index in rules::named(name).iter().filter_map(index) {
            levels[index] = level.severity().map(Some);
        }
        custom
            .iter_mut()
            .filter(|rule| means(name, rule))
            .for_each(|rule| rule.level = level.severity());
    }
    let named = [&overrides.select, &overrides.error, &overrides.warn, &overrides.off];
    let active = RULES.iter().copied().zip(levels).filter_map(|(entry, level)| {
        let rule = with_options(entry, lint, &mut findings);
        level.map(|level| Active { entry, rule, level })
    });
    let rules = RuleSet::new(active.collect()).with(custom);
    for name in named.into_iter().flatten().filter(|name| !rules.knows(name)) {
        complaints.push(format!("there is no rule `{name}`; {}", rules.unknown(name)));
    }
    findings.extend(unknown.into_iter().map(|(name, at)| unknown_rule(name, at, &rules)));
    if let Some(options) = lint.and_then(|lint| lint.rules.as_ref()) {
        let unknown = options.iter().filter(|(name, _)| rules::find(name).is_none());
        findings
            .extend(unknown.map(|(name, node)| {
                unknown_rule(name, node.key_span.unwrap_or(node.span), &rules)
            }));
    }
    let config = Config {
        rules,
        settings: settings(lint, &mut findings),
        exclude: texts(lint.and_then(|lint| lint.exclude.as_ref())),
        crds: texts(lint.and_then(|lint| lint.crds.as_ref())),
        baseline: lint.and_then(|lint| lint.baseline.as_ref()).map(|path| (**path).clone()),
    };
    (config, findings, complaints)
}

fn texts(list: Option<&Sourced<List<String>>>) -> Vec<String> {
    list.into_iter().flat_map(|list| list.iter()).map(|text| (**text).clone()).collect()
}

fn presets(lint: Option<&Lint>, findings: &mut Vec<Finding>) -> Vec<Preset> {
    let Some(extends) = lint.and_then(|lint| lint.extends.as_ref()) else {
        return vec![Preset::Recommended];
    };
    let preset = |name: &String| match name.as_str() {
        "recommended" => Some(Preset::Recommended),
        "strict" => Some(Preset::Strict),
        "security" => Some(Preset::Security),
        _ => {
            let known = ["recommended", "strict", "security"];
            let help = match nearest(name, known.into_iter()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "there are `recommended`, `strict` and `security`".to_owned(),
            };
            let message = format!("there is no preset `{name}`");
            findings.push(Finding::error("spec/bad-value", extends.span, message).help(help));
            None
        }
    };
    extends.0.iter().filter_map(preset).collect()
}

fn parse_level(level: &Sourced<String>) -> Result<Level, Box<Finding>> {
    match level.as_str() {
        "off" => Ok(Level::Off),
        "error" => Ok(Level::At(Severity::Error)),
        "warning" => Ok(Level::At(Severity::Warning)),
        "info" => Ok(Level::At(Severity::Info)),
        other => Err(Box::new(
            Finding::error("spec/bad-value", level.span, format!("`{other}` is no level"))
                .help("write `error`, `warning`, `info` or `off`"),
        )),
    }
}

fn unknown_rule(name: &str, span: Span, rules: &RuleSet) -> Finding {
    Finding::error("spec/unknown-rule", span, format!("there is no rule `{name}`"))
        .help(rules.unknown(name))
}

/// True if `name` means this rule of the user's own.
fn means(name: &str, rule: &Custom) -> bool {
    name == custom::FAMILY || name == rule.name
}

fn with_options(
    entry: &'static Entry,
    lint: Option<&Lint>,
    findings: &mut Vec<Finding>,
) -> Box<dyn rules::Rule> {
    let node = lint.and_then(|lint| lint.rules.as_ref()).and_then(|all| all.get(entry.meta.name));
    let Some(node) = node else { return entry.with_defaults() };
    entry.with_options(node.0.to_json()).unwrap_or_else(|reason| {
        let message = format!("these options of `{}` do not fit: {reason}", entry.meta.name);
        let help = format!("`slogen explain {}` lists its options", entry.meta.name);
        findings.push(Finding::error("spec/bad-value", node.span, message).help(help));
        entry.with_defaults()
    })
}

fn settings(lint: Option<&Lint>, findings: &mut Vec<Finding>) -> Settings {
    let Some(lint) = lint else { return Settings::default() };
    let mut version = |written: &Option<Sourced<String>>| {
        let written = written.as_ref()?;
        let read = parse_version(written);
        if read.is_none() {
            let message = format!("`{}` is no version", **written);
            findings.push(
                Finding::error("spec/bad-value", written.span, message)
                    .help("write major and minor version, such as `\"1.36\"`"),
            );
        }
        read
    };
    Settings {
        world: match lint.closed_world.as_deref() {
            Some(true) => World::Closed,
            _ => World::Open,
        },
        strict_kinds: lint.strict_kinds.as_deref() == Some(&true),
        kubernetes: version(&lint.kubernetes),
        prometheus: version(&lint.prometheus),
        keda: version(&lint.keda),
        fragments: Vec::new(),
        namespace: None,
        release: lint.release.as_ref().map(|release| release.0.clone()),
        stack: lint.stack.as_ref().map(|stack| stack.word().to_owned()),
        monitoring_namespace: lint.monitoring_namespace.as_ref().map(|name| name.0.clone()),
        nodes: lint.nodes.as_deref().copied(),
        zones: lint.zones.as_deref().copied(),
    }
}

/// `1.36`, `v1.36.2`, `3`
pub fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.strip_prefix('v').unwrap_or(text).split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next().map_or(Some(0), |minor| minor.parse().ok())?;
    parts.all(|part| !part.is_empty()).then_some((major, minor))
}
