//! The examples in the documentation of rules: several files in one text, linted as `slogen lint` would.

use std::path::Path;

use crate::cluster::Declared;
use crate::config::{self, Config, Overrides};
use crate::finding::Finding;
use crate::lint::{Options, Outcome, Source, lint};
use crate::openapi::Schemas;
use crate::profile::Library;
use crate::rules::suppress::Day;
use crate::source::Files;
use crate::spec;

/// Examples with dates do not change their meaning as time goes by.
const TODAY: Day = (2026, 11, 24);

/// The name of a file that an example gives none.
pub const UNNAMED: &str = "input.yaml";

/// The files of one text: `# file: NAME` starts another one, of which one may be a `slo.toml` for all the
/// others; `# lint: KEY = VALUE` is a line of the `[lint]` table.
#[derive(Debug)]
pub struct Example {
    /// The texts, with their names.
    pub files: Files,
    pub(super) sources: Vec<Source>,
    pub(super) slo: Vec<Declared>,
    config: String,
}

impl Example {
    /// Takes `text` apart; an error says why its slo.toml cannot be read.
    pub fn split(text: &str) -> Result<Self, String> {
        let mut parts: Vec<(String, String)> = vec![(UNNAMED.to_owned(), String::new())];
        let mut config = "[lint]\n".to_owned();
        for line in text.split_inclusive('\n') {
            if let Some(name) = line.strip_prefix("# file: ") {
                parts.push((name.trim().to_owned(), String::new()));
            } else if let Some(setting) = line.strip_prefix("# lint: ") {
                config += setting;
            } else if let Some((_, part)) = parts.last_mut() {
                part.push_str(line);
            }
        }
        parts.retain(|(_, part)| !part.is_empty());
        let (mut files, mut slo) = (Files::default(), Vec::new());
        if let Some((name, text)) = parts.iter().find(|(name, _)| name == "slo.toml") {
            let mut library = Library::default();
            let source =
                spec::Source::parse(&mut files, &mut library, name, text.clone(), Path::new(""));
            match super::declare::read(&source, &files) {
                Ok(declared) => slo.push(declared),
                Err(findings) => return Err(listed(&findings, &files)),
            }
        }
        let manifests = parts.into_iter().filter(|(name, _)| name != "slo.toml");
        let sources = manifests
            .map(|(name, text)| Source {
                file: files.add(name, text),
                slo: (!slo.is_empty()).then_some(0),
            })
            .collect();
        Ok(Self { files, sources, slo, config })
    }

    /// What its settings make of these rules, of all recommended ones if there are none.
    pub(crate) fn resolve(&self, rules: &[&str]) -> Result<Config, String> {
        let mut files = Files::default();
        let file = files.add("slogen.toml", self.config.clone());
        let (table, mut findings) = config::read(&files, file, false);
        let select = rules.iter().map(|rule| (*rule).to_owned()).collect();
        let overrides = Overrides { select, ..Overrides::default() };
        let (config, more, complaints) = config::resolve(&files, table.as_ref(), &overrides);
        findings.extend(more);
        if !findings.is_empty() || !complaints.is_empty() {
            return Err(listed(&findings, &files) + &complaints.join("\n"));
        }
        Ok(config)
    }

    /// Lints it with these rules, all recommended ones if there are none.
    pub fn lint(&self, rules: &[&str]) -> Result<Outcome, String> {
        self.lint_as(&self.files, rules)
    }

    /// Lints other texts of the same files.
    pub fn lint_as(&self, texts: &Files, rules: &[&str]) -> Result<Outcome, String> {
        Ok(lint(texts, &self.sources, &self.slo, &self.options(rules)?))
    }

    /// How it is linted with these rules.
    pub(super) fn options(&self, rules: &[&str]) -> Result<Options, String> {
        let mut config = self.resolve(rules)?;
        // What is suppressed must have been found.
        if rules == ["hygiene/unused-ignore"] {
            config = self.resolve(&[])?;
        }
        Ok(Options {
            rules: config.rules,
            settings: config.settings,
            schemas: Schemas::default(),
            ignores: true,
            today: Some(TODAY),
            rendered: false,
        })
    }
}

/// One line a finding.
pub(super) fn listed(findings: &[Finding], files: &Files) -> String {
    let line = |finding: &Finding| {
        let at = files.position(finding.primary.span);
        format!("  {at} {} {}: {}\n", finding.severity.word(), finding.rule, finding.message)
    };
    findings.iter().map(line).collect()
}
