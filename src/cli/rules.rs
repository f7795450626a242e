//! `slogen rules` and `slogen explain`.

use std::path::Path;

use crate::config::{self, Overrides};
use crate::finding::RuleInfo;
use crate::report;
use crate::rules::custom::{self, Custom};
use crate::rules::{self, Entry, FixKind, Preset, RULES, RuleSet};
use crate::source::Files;

use super::{Io, Outcome, Run, Stop, configuration, output};

/// What `slogen rules` is asked for.
#[derive(clap::Args)]
pub(super) struct Args {
    /// How the list is printed.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

/// What reports say about every rule, on or off.
pub(super) fn infos(active: &RuleSet) -> Vec<RuleInfo> {
    let info = |entry: &&'static Entry| RuleInfo {
        name: entry.meta.name,
        summary: entry.meta.summary().to_owned(),
        docs: entry.meta.markdown(),
        severity: active
            .get(entry.meta.name)
            .and_then(|active| active.level)
            .unwrap_or(entry.meta.severity),
        enabled: active.get(entry.meta.name).is_some(),
    };
    let own = active.custom().iter().map(|rule| RuleInfo {
        name: rule.name,
        summary: rule.summary(),
        docs: rule.page(),
        severity: rule.level.unwrap_or(rule.severity),
        enabled: rule.level.is_some(),
    });
    RULES.iter().map(info).chain(own).collect()
}

pub(super) fn list(args: &Args, io: &mut Io<'_>) -> Run {
    match args.format {
        Format::Table => {
            let width = RULES.iter().map(|entry| entry.meta.name.len()).max().unwrap_or(0);
            for entry in RULES {
                let meta = &entry.meta;
                writeln!(
                    io.out,
                    "{:width$}  {:7}  {:11}  {:8}  {}",
                    meta.name,
                    meta.severity.word(),
                    preset(meta.preset),
                    fix(meta.fix),
                    meta.summary()
                )?;
            }
        }
        Format::Json => {
            let rules: Vec<_> = RULES.iter().map(|entry| json(entry)).collect();
            let text = serde_json::to_string_pretty(&rules).map_err(output::bug)?;
            writeln!(io.out, "{text}")?;
        }
    }
    Ok(Outcome::Done)
}

fn json(entry: &Entry) -> serde_json::Value {
    let meta = &entry.meta;
    serde_json::json!({
        "name": meta.name,
        "summary": meta.summary(),
        "severity": meta.severity,
        "preset": preset(meta.preset),
        "fix": fix(meta.fix),
        "since": meta.since,
        "docs": meta.markdown(),
        "options": entry.options(),
    })
}

/// Prints the documentation of one rule, or of all of a family.
pub(super) fn explain(name: &str, io: &mut Io<'_>) -> Run {
    let built_in: Vec<_> = rules::meant(name).into_iter().map(Entry::page).collect();
    let pages = if built_in.is_empty() { own(name, io)? } else { built_in };
    for (index, page) in pages.iter().enumerate() {
        if index > 0 {
            writeln!(io.out)?;
        }
        io.out.write_all(page.as_bytes())?;
    }
    Ok(Outcome::Done)
}

/// The pages of the user's own rules that `name` means, by the configuration for this folder.
fn own(name: &str, io: &mut Io<'_>) -> Result<Vec<String>, Stop> {
    let mut files = Files::default();
    let found = configuration::find(&mut files, None, Path::new("."))?;
    let (config, problems, _) = config::resolve(&files, found.lint.as_ref(), &Overrides::default());
    let means = |rule: &&Custom| {
        name == custom::FAMILY || name == rule.name || custom::bare(rule.name) == Some(name)
    };
    let pages: Vec<_> = config.rules.custom().iter().filter(means).map(Custom::page).collect();
    if pages.is_empty() {
        let problems: Vec<_> = found.findings.into_iter().chain(problems).collect();
        io.err.write_all(report::human::report(&problems, &files).as_bytes())?;
        let help = config.rules.unknown(name);
        return Err(Stop::Message(format!("there is no rule `{name}`; {help}")));
    }
    Ok(pages)
}

fn preset(preset: Preset) -> &'static str {
    match preset {
        Preset::Recommended => "recommended",
        Preset::Slo => "slo",
        Preset::Strict => "strict",
        Preset::Security => "security",
    }
}

fn fix(fix: FixKind) -> &'static str {
    match fix {
        FixKind::None => "",
        FixKind::Safe => "safe",
        FixKind::Unsafe => "unsafe",
        FixKind::Mixed => "mixed",
    }
}
