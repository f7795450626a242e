//! `slogen rules` and `slogen explain`.

use crate::finding::RuleInfo;
use crate::rules::{self, Entry, FixKind, Preset, RULES, RuleSet};

use super::{Io, Outcome, Run, Stop, output};

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
        anchor: entry.meta.anchor(),
    };
    RULES.iter().map(info).collect()
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
    let entries = rules::meant(name);
    if entries.is_empty() {
        let help = rules::unknown(name);
        return Err(Stop::Message(format!("there is no rule `{name}`; {help}")));
    }
    for (index, entry) in entries.iter().enumerate() {
        if index > 0 {
            writeln!(io.out)?;
        }
        io.out.write_all(entry.page().as_bytes())?;
    }
    Ok(Outcome::Done)
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
