//! What kustomize and kpt ask of slogen: the object that configures a function, or a plugin.

use crate::config::{Overrides, PresetName};
use crate::finding::{Finding, nearest};
use crate::rules;
use crate::source::{FileId, Files, Span};
use crate::spec::decode::{Any, Decoder, List, Section, Sourced, table};
use crate::spec::leaf::OneOrMany;
use crate::tree::{self, Layer, Table, Value};
use crate::yaml::{self, excerpt};

/// Group and version of the objects.
pub const API_VERSION: &str = "slogen.dev/v1alpha1";

/// What is asked for.
#[derive(Clone, Debug)]
pub enum Function {
    /// To render.
    Generator(Box<Generator>),
    /// To lint.
    Lint(Box<Lint>),
}

/// The kinds of [`Function`].
pub const KINDS: [&str; 2] = ["SloGenerator", "SloLint"];

/// `kind: SloGenerator`.
#[derive(Clone, Debug)]
pub struct Generator {
    /// What it renders.
    pub spec: GeneratorSpec,
    /// `spec.inline` as a file of its own, with its name.
    pub inline: Option<(String, String)>,
}

/// `kind: SloLint`.
#[derive(Clone, Debug)]
pub struct Lint {
    /// How it lints.
    pub spec: LintSpec,
    /// Which rules run.
    pub overrides: Overrides,
    /// Whether it only looks on.
    pub role: Role,
    /// `spec.failOn`, as the command line spells it.
    pub fail_on: Option<String>,
}

/// Where a [`Lint`] stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// In `transformers`: what comes in goes out.
    Transformer,
    /// In `validators`, where kustomize takes what comes out for a change.
    Validator,
}

table! {
    /// What `SloGenerator` renders: `file` or `inline`.
    GeneratorSpec {
        /// The slo.toml, or several; relative to the folder of the kustomization.
        opt file: OneOrMany;
        /// The keys of a slo.toml as YAML.
        opt inline: Any;
        /// The overlay to lay over the rest.
        opt env: String;
        /// Only objects of these kinds.
        opt only: List<String>;
    }

    /// How `SloLint` lints; the keys mean what the options of `slogen lint` mean.
    LintSpec {
        /// `transformer` (the default) or `validator`.
        opt role: String;
        /// The least severity that fails: `error` (the default), `warning`, `info` or `never`.
        opt fail_on ("failOn"): String;
        /// Presets instead of the configured ones.
        opt preset: OneOrMany;
        /// Only these rules or families run.
        opt select: OneOrMany;
        /// These are errors.
        opt error: OneOrMany;
        /// These are warnings.
        opt warn: OneOrMany;
        /// These do not run.
        opt off: OneOrMany;
        /// The slogen.toml or slo.toml with the configuration.
        opt config: String;
        /// The namespace of objects that set none.
        opt namespace: String;
        /// The input is all there is.
        opt closed_world ("closedWorld"): bool;
        /// The slo.toml that describes the service.
        opt slo: String;
    }
}

/// What an object that configures a function is called in reports: `SloLint lint`.
pub fn title(text: &str) -> String {
    let stream = yaml::parse(FileId::NONE, text);
    let root = stream.documents().next();
    let of = |path: &str| root.and_then(|root| root.at(path)).and_then(yaml::Place::text);
    let words = [of("kind").unwrap_or("functionConfig"), of("metadata/name").unwrap_or("")];
    words.join(" ").trim().to_owned()
}

/// Reads `file`, which holds such an object.
pub fn read(files: &Files, file: FileId) -> Result<Function, Vec<Finding>> {
    let (table, findings) = tree::parse_yaml(files, file, Layer::File);
    let mut cx = Decoder { findings, ..Decoder::default() };
    let start = Span::start_of(file);
    let kind = who(&table, start, &mut cx);
    if kind.is_none() {
        // Nothing below is what slogen knows.
        return Err(cx.findings);
    }
    // What follows `spec` is how kustomize passes arguments to an exec plugin.
    let known = ["apiVersion", "kind", "metadata", "spec", "argsOneLiner", "argsFromFile"];
    cx.unknown_keys(&table, &known);
    if let Some(metadata) = table.get("metadata") {
        // Whatever else Kubernetes knows there is no concern of a function.
        cx.table(metadata, "metadata");
    }
    let empty = Table::new();
    let node = table.get("spec");
    let spec = node.and_then(|node| cx.table(node, "spec")).unwrap_or(&empty);
    let at = node.map_or(start, tree::Node::place);
    cx.path.push("spec");
    let function = if kind == Some("SloGenerator") {
        Function::Generator(Box::new(generator(spec, at, files, file, &mut cx)))
    } else {
        Function::Lint(Box::new(lint(spec, at, &mut cx)))
    };
    if cx.findings.is_empty() { Ok(function) } else { Err(cx.findings) }
}

/// The kind, if it and the version are known.
fn who(table: &Table, start: Span, cx: &mut Decoder) -> Option<&'static str> {
    let mut word = |key: &str, wanted: &[&'static str]| {
        let Some(node) = table.get(key) else {
            cx.report(
                Finding::error("spec/missing-key", start, format!("`{key}` is missing"))
                    .help(format!("add `{key}: {}`", wanted.join("` or `"))),
            );
            return None;
        };
        let text = node.to_json();
        let text = text.as_str().unwrap_or("");
        let known = wanted.iter().find(|known| **known == text).copied();
        if known.is_none() {
            let help = match nearest(text, wanted.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("slogen knows `{}`", wanted.join("` and `")),
            };
            let message = format!("slogen does not know the {key} `{text}` of a function");
            cx.report(Finding::error("spec/bad-value", node.span, message).help(help));
        }
        known
    };
    let version = word("apiVersion", &[API_VERSION]);
    let kind = word("kind", &KINDS);
    version.and(kind)
}

fn generator(spec: &Table, at: Span, files: &Files, file: FileId, cx: &mut Decoder) -> Generator {
    let read = GeneratorSpec::read(spec, at, cx);
    let broken = ["file", "inline"].iter().any(|key| spec.contains_key(*key));
    match (&read.file, &read.inline) {
        (Some(_), Some(inline)) => cx.report(
            Finding::error(
                "spec/bad-value",
                inline.key_span.unwrap_or(inline.span),
                "`spec` has both `file` and `inline`",
            )
            .help("keep one: `file` reads a slo.toml, `inline` holds its keys as YAML"),
        ),
        (None, None) if !broken => cx.report(
            Finding::error("spec/missing-key", at, "`spec.file` is missing")
                .help("add `file: slo.toml`, or the keys of a slo.toml below `inline`"),
        ),
        _ => {}
    }
    if let Some(empty) = read.file.as_ref().filter(|file| file.0.is_empty()) {
        cx.bad_value(empty.span, "this list names no file", "write `file: slo.toml`");
    }
    let stream = yaml::parse(file, &files.get(file).text);
    let inline = stream
        .documents()
        .next()
        .and_then(|root| root.at("spec/inline"))
        .map(|place| (format!("{} spec.inline", files.get(file).name), excerpt::value(place)));
    if let Some(node) = spec.get("inline") {
        cx.table(node, "inline");
    }
    Generator { spec: read, inline }
}

/// Which rules users have of their own, the configuration says later.
fn may_be_rule(name: &str) -> bool {
    rules::is_known(name) || rules::custom::bare(name).is_some()
}

fn lint(spec: &Table, at: Span, cx: &mut Decoder) -> Lint {
    let read = LintSpec::read(spec, at, cx);
    let role = choice(read.role.as_ref(), &["transformer", "validator"], cx);
    let role = if role == Some("validator") { Role::Validator } else { Role::Transformer };
    let fail_on = choice(read.fail_on.as_ref(), &["error", "warning", "info", "never"], cx);
    let names = |key: &str, list: &Option<Sourced<OneOrMany>>, cx: &mut Decoder| {
        let names = list.as_ref().map(|list| list.0.clone()).unwrap_or_default();
        for (index, name) in names.iter().enumerate().filter(|(_, name)| !may_be_rule(name)) {
            let at = item(spec, key, index).unwrap_or(at);
            let message = format!("there is no rule `{name}`");
            cx.report(Finding::error("spec/unknown-rule", at, message).help(rules::unknown(name)));
        }
        names
    };
    let mut presets = Vec::new();
    let wanted = read.preset.as_ref().map(|list| list.0.clone()).unwrap_or_default();
    for (index, name) in wanted.iter().enumerate() {
        match <PresetName as clap::ValueEnum>::from_str(name, false) {
            Ok(preset) => presets.push(preset),
            Err(_) => cx.bad_value(
                item(spec, "preset", index).unwrap_or(at),
                format!("there is no preset `{name}`"),
                "there are `recommended`, `strict` and `security`",
            ),
        }
    }
    let overrides = Overrides {
        presets,
        select: names("select", &read.select, cx),
        error: names("error", &read.error, cx),
        warn: names("warn", &read.warn, cx),
        off: names("off", &read.off, cx),
    };
    let fail_on = fail_on.map(str::to_owned);
    Lint { spec: read, overrides, role, fail_on }
}

/// Where an item of a list stands, or the text in the place of the list.
fn item(table: &Table, key: &str, index: usize) -> Option<Span> {
    let node = table.get(key)?;
    match &node.value {
        Value::Array(items) => items.get(index).map(|item| item.span),
        _ => Some(node.span),
    }
}

fn choice(
    written: Option<&Sourced<String>>,
    known: &[&'static str],
    cx: &mut Decoder,
) -> Option<&'static str> {
    let written = written?;
    let found = known.iter().find(|known| **known == written.as_str()).copied();
    if found.is_none() {
        let help = match nearest(written, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write `{}`", known.join("`, `")),
        };
        cx.bad_value(written.span, format!("`{}` is none of the choices", **written), help);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let mut files = Files::default();
        let file = files.add("f", text.to_owned());
        let found = read(&files, file).err().unwrap_or_default();
        let line = |found: &Finding| {
            let at = files.position(found.primary.span);
            format!("{at} {}; {}", found.message, found.help.clone().unwrap_or_default())
        };
        found.iter().map(line).collect()
    }

    #[test]
    fn mistakes_have_places() {
        let head = "apiVersion: slogen.dev/v1alpha1\nkind: ";
        for (text, wanted) in [
            (
                "SloLint\nspec: {failOnn: error}\n",
                "3:8 unknown key `failOnn`; did you mean `failOn`?",
            ),
            (
                "SloLint\nspec: {failOn: warn}\n",
                "3:16 `warn` is none of the choices; write `error`, `warning`, `info`, `never`",
            ),
            ("SloLint\nspec:\n  off: [scaling, x/y]\n", "4:18 there is no rule `x/y`; "),
            (
                "SloLint\nspec: {role: validater}\n",
                "3:14 `validater` is none of the choices; did you mean `validator`?",
            ),
            ("SloGenerator\nspec: {}\n", "3:1 `spec.file` is missing; add `file: slo.toml`, or "),
            (
                "SloGenerator\nspec: {file: a, inline: {}}\n",
                "3:17 `spec` has both `file` and `inline`; keep one",
            ),
            ("SloGenerator\nspec: {file: 3}\n", "3:14 expected a list, found an integer; "),
            (
                "SloLinter\n",
                "2:7 slogen does not know the kind `SloLinter` of a function; did you mean `SloLint`?",
            ),
        ] {
            let found = problems(&format!("{head}{text}"));
            assert!(found.len() == 1 && found[0].starts_with(wanted), "{text}: {found:?}");
        }
        assert!(
            problems("kind: SloLint\n")[0]
                .contains("`apiVersion` is missing; add `apiVersion: slogen.dev/v1alpha1`")
        );
        assert_eq!(problems(&format!("{head}SloLint\n")), [""; 0]);
    }
}
