//! How a rule is declared, and what is known of it from that.

use serde_json::Value;

use crate::finding::Severity;
use crate::rules::Rule;
use crate::rules::policy::Admission;

/// What a rule can mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FixKind {
    /// Nothing.
    None,
    /// By a change that keeps what runs, or has only one possible meaning.
    Safe,
    /// By a change that the user decides on.
    Unsafe,
    /// Some cases safely, some not.
    Mixed,
}

/// A set of rules that go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// On unless turned off.
    Recommended,
    /// Recommended only beside a slo.toml.
    Slo,
    /// Every rule but those of security.
    Strict,
    /// The family `security`.
    Security,
}

/// What the findings of a rule rest on, which decides what it says of a part of the files ([`crate::cluster::World`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// One object by itself: no other file changes the verdict, so a part is as good as the whole.
    Object,
    /// Objects that are there together: more files bring more findings, and take none away. Where a verdict needs
    /// more than that, the rule asks [`crate::cluster::Cluster::is_partial`].
    Together,
    /// Also what is not there, such as a LimitRange or another Service: of a part nothing can be said.
    Absence,
}

impl Basis {
    /// For people: what the rule finds in a part of the files.
    fn words(self) -> &'static str {
        match self {
            Self::Object => "everything",
            Self::Together => "what the given objects prove",
            Self::Absence => "nothing",
        }
    }
}

/// What is known of a rule.
#[derive(Debug)]
pub struct Meta {
    /// `family/name`.
    pub name: &'static str,
    /// The documentation, line by line, in Markdown: a sentence, then sections.
    pub docs: &'static [&'static str],
    /// The worst that it reports.
    pub severity: Severity,
    /// What it can mend.
    pub fix: FixKind,
    /// The least preset that holds it.
    pub preset: Preset,
    /// The first version of slogen that has it.
    pub since: &'static str,
    /// Whether the API server can check it.
    pub admission: Admission,
    /// What its findings rest on.
    pub basis: Basis,
    /// Where it is declared.
    pub file: &'static str,
    /// The line there.
    pub line: u32,
}

impl Meta {
    /// The part of the name before the slash.
    pub fn family(&self) -> &'static str {
        self.name.split_once('/').map_or(self.name, |(family, _)| family)
    }

    /// The part of the name behind the slash.
    pub fn bare(&self) -> &'static str {
        self.name.split_once('/').map_or(self.name, |(_, bare)| bare)
    }

    /// The first line of the documentation.
    pub fn summary(&self) -> &'static str {
        self.docs.first().map_or("", |line| line.strip_prefix(' ').unwrap_or(line))
    }

    /// Where the reference, `src/rules/README.md`, has it.
    pub fn anchor(&self) -> String {
        self.name.replace('/', "")
    }

    /// The documentation as Markdown.
    pub fn markdown(&self) -> String {
        let lines = self.docs.iter().map(|line| line.strip_prefix(' ').unwrap_or(line));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The code blocks of the documentation, in order: their info strings, such as `yaml,bad`, and their texts.
    pub fn blocks(&self) -> Vec<(String, String)> {
        let mut found: Vec<(String, String)> = Vec::new();
        let mut open = false;
        for line in self.markdown().lines() {
            match (line.strip_prefix("```"), found.last_mut()) {
                (Some(_), _) if open => open = false,
                (Some(info), _) => {
                    open = true;
                    found.push((info.to_owned(), String::new()));
                }
                (None, Some((_, text))) if open => {
                    text.push_str(line);
                    text.push('\n');
                }
                (None, _) => {}
            }
        }
        found
    }

    /// The code blocks whose info string is `info`.
    pub fn examples(&self, info: &str) -> Vec<String> {
        let blocks = self.blocks().into_iter().filter(|(own, _)| own == info);
        blocks.map(|(_, text)| text).collect()
    }

    /// True if one of `presets` holds it.
    pub fn is_in(&self, presets: &[Preset]) -> bool {
        presets.iter().any(|preset| match preset {
            Preset::Recommended => matches!(self.preset, Preset::Recommended | Preset::Slo),
            Preset::Slo => self.preset == Preset::Slo,
            Preset::Strict => self.preset != Preset::Security,
            Preset::Security => self.preset == Preset::Security,
        })
    }
}

/// A rule as it stands in the table.
pub struct Entry {
    /// What is known of it.
    pub meta: Meta,
    pub(super) build: fn(Value) -> Result<Box<dyn Rule>, String>,
    pub(super) defaults: fn() -> Box<dyn Rule>,
    pub(super) schema: fn() -> schemars::Schema,
    /// Edge cases, run by the tests of `lint`.
    #[cfg(test)]
    pub(crate) cases: &'static [Case],
}

/// A text, and where a rule reports in it.
#[cfg(test)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
    pub(crate) places: &'static [&'static str],
}

impl Entry {
    /// The rule with its default options.
    pub fn with_defaults(&self) -> Box<dyn Rule> {
        (self.defaults)()
    }

    /// The rule with these options, the others as they are by default.
    pub fn with_options(&self, options: Value) -> Result<Box<dyn Rule>, String> {
        (self.build)(options)
    }

    /// Everything about it, for people: name and levels, documentation, options.
    pub fn page(&self) -> String {
        let meta = &self.meta;
        let preset = match meta.preset {
            Preset::Recommended => "`recommended`",
            Preset::Slo => "`recommended`, beside a slo.toml",
            Preset::Strict => "`strict`",
            Preset::Security => "`security`",
        };
        let fix = match meta.fix {
            FixKind::None => "none",
            FixKind::Safe => "safe (`--fix`)",
            FixKind::Unsafe => "unsafe (`--unsafe-fixes`)",
            FixKind::Mixed => "safe (`--fix`) or unsafe (`--unsafe-fixes`), by the case",
        };
        let policy = match meta.admission {
            Admission::Policy(_) => {
                format!("yes (`slogen policy export {}`)", meta.name)
            }
            Admission::Never(why) => format!("none: it {why}"),
        };
        format!(
            "# {}\n\n{}\n\n## Facts\n- Severity: {}\n- Preset: {preset}\n- Fix: {fix}\n- With `--partial`: {}\n\
             - Admission policy: {policy}\n- Since: {}\n{}",
            meta.name,
            meta.markdown().trim_end(),
            meta.severity.word(),
            meta.basis.words(),
            meta.since,
            self.option_list()
        )
    }

    /// The options with their defaults, as a list.
    fn option_list(&self) -> String {
        let schema = self.options();
        let Some(options) = schema.get("properties").and_then(Value::as_object) else {
            return String::new();
        };
        let entry = |(name, option): (&String, &Value)| {
            let about = option.get("description").and_then(Value::as_str).unwrap_or("");
            let default = option.get("default").map_or("none".to_owned(), Value::to_string);
            format!("- `{name}`: {about} Default: `{default}`\n")
        };
        let entries: String = options.iter().map(entry).collect();
        if entries.is_empty() {
            return entries;
        }
        format!("\n## Options\nIn `[lint.rules.\"{}\"]`:\n\n{entries}", self.meta.name)
    }

    /// The JSON Schema of its options.
    pub fn options(&self) -> schemars::Schema {
        (self.schema)()
    }
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.meta.name)
    }
}

/// Declares a rule: documentation with examples, name, options with their defaults, and what holds for it.
///
/// Code blocks in the documentation are tests: `yaml,bad` is reported by this rule and no error of another,
/// `yaml,good` by no rule as error or warning, `yaml,fixed` is what the fixes make of the bad one before it.
macro_rules! declare_rule {
    (
        $(#[doc = $doc:literal])*
        $name:literal $vis:vis struct $rule:ident {
            $( $(#[doc = $field_doc:literal])* $field_vis:vis $field:ident : $ty:ty = $default:expr ),* $(,)?
        }
        severity: $severity:expr, fix: $fix:expr, preset: $preset:expr, since: $since:literal,
        basis: $basis:ident, admission: $admission:expr $(,)?
    ) => {
        #[doc = concat!("The rule `", $name, "`; its fields are its options.")]
        #[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        $vis struct $rule {
            $( $(#[doc = $field_doc])* $field_vis $field: $ty ),*
        }

        impl Default for $rule {
            fn default() -> Self {
                Self { $( $field: $default ),* }
            }
        }

        /// The rule in the table of all rules.
        pub static ENTRY: $crate::rules::Entry = $crate::rules::Entry {
            meta: $crate::rules::Meta {
                name: $name,
                docs: &[ $($doc),* ],
                severity: $severity,
                fix: $fix,
                preset: $preset,
                since: $since,
                admission: $admission,
                basis: $crate::rules::Basis::$basis,
                file: file!(),
                line: line!(),
            },
            build: |options| {
                let rule: $rule = serde_json::from_value(options).map_err(|error| error.to_string())?;
                Ok(Box::new(rule))
            },
            defaults: || Box::new($rule::default()),
            schema: || schemars::generate::SchemaSettings::draft07().into_generator().into_root_schema_for::<$rule>(),
            #[cfg(test)]
            cases: CASES,
        };
    };
}

/// Edge cases that would clutter the documentation: a YAML text and where this rule reports in it, in order, as
/// `LINE:COLUMN`, after `FILE:` where there are several files. `# file: NAME` starts another file, of which one
/// may be a `slo.toml` for all others; `# lint: KEY = VALUE` is a line of the `[lint]` table.
macro_rules! cases {
    ($($name:ident: $text:expr => [$($place:literal),* $(,)?]),* $(,)?) => {
        #[cfg(test)]
        static CASES: &[$crate::rules::Case] = &[
            $($crate::rules::Case {
                name: stringify!($name),
                text: $text,
                places: &[$($place),*],
            }),*
        ];
    };
}

/// The table of all rules, and the modules that hold them.
macro_rules! rules {
    ($($family:ident { $($rule:ident),* $(,)? })*) => {
        $(
            #[doc = concat!("Rules of the family `", stringify!($family), "`.")]
            pub mod $family {
                $(
                    #[doc = concat!("See `slogen explain`; the rule's documentation is its text.")]
                    pub mod $rule;
                )*
            }
        )*

        /// Every rule, by family.
        pub static RULES: &[&Entry] = &[ $($(&$family::$rule::ENTRY),*),* ];
    };
}
