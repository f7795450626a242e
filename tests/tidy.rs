//! Holds the source text to what slogen's design promises and no compiler checks: the direction of
//! dependency between modules, what only one module may know, and how files and dependencies explain themselves.
//!
//! A failure says what to do. Where the code is right and the rule is wrong, the rule changes here, in the
//! same commit.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// Every module of the crate with the modules that it may use, in the order of dependency: each uses only
/// those above it.
const MODULES: [(&str, &[&str]); 26] = [
    ("source", &[]),
    ("finding", &["source"]),
    ("units", &[]),
    ("text", &[]),
    ("yaml", &["source", "finding"]),
    ("openapi", &["source", "finding", "yaml"]),
    ("fix", &["source", "finding", "yaml"]),
    ("kinds", &[]),
    ("query", &[]),
    ("cluster", &["source", "finding", "units", "yaml", "query"]),
    ("tree", &["source", "finding", "yaml"]),
    ("profile", &["source", "finding", "tree"]),
    ("spec", &["source", "finding", "units", "query", "tree", "profile"]),
    ("plan", &["source", "units", "tree", "spec"]),
    ("promql", &["units", "spec", "plan"]),
    ("report", &["source", "finding"]),
    ("rules", &["source", "finding", "units", "yaml", "openapi", "query", "cluster"]),
    ("schema", &["source", "finding", "kinds", "tree", "profile", "spec", "report", "rules"]),
    ("config", &["source", "finding", "cluster", "rules", "spec", "tree"]),
    (
        "lint",
        &[
            "source", "openapi", "finding", "yaml", "fix", "cluster", "rules", "config", "profile",
            "spec", "plan", "report",
        ],
    ),
    (
        "render",
        &[
            "source", "finding", "units", "text", "yaml", "openapi", "kinds", "spec", "plan",
            "promql",
        ],
    ),
    // Only its tests lint: what the CEL says must be what the rules find.
    ("policy", &["source", "yaml", "units", "rules", "lint", "render"]),
    ("runbook", &["units", "text", "kinds", "spec", "plan", "promql", "render"]),
    // Only its tests load profiles.
    ("simulate", &["source", "finding", "units", "text", "profile", "spec", "plan"]),
    ("integrate", &["source", "finding", "yaml", "tree", "spec", "rules", "config"]),
    (
        "cli",
        &[
            "source",
            "openapi",
            "finding",
            "units",
            "cluster",
            "fix",
            "lint",
            "rules",
            "config",
            "text",
            "yaml",
            "tree",
            "profile",
            "spec",
            "plan",
            "report",
            "schema",
            "render",
            "policy",
            "runbook",
            "simulate",
            "integrate",
        ],
    ),
];

/// A name that only some may use.
struct Confined {
    /// Paths as `first::second`, or words of the code.
    names: &'static [&'static str],
    /// Modules, or single files.
    to: &'static [&'static str],
    /// What everyone else does.
    instead: &'static str,
}

const CONFINED: [Confined; 5] = [
    Confined {
        names: &[
            "std::env",
            "std::fs",
            "std::net",
            "std::process",
            "std::time",
            "stderr",
            "stdin",
            "stdout",
            "canonicalize",
            "exists()",
            "is_dir()",
            "is_file()",
            "read_dir",
            "anstream",
            "ignore::WalkBuilder",
            "tempfile",
        ],
        // The last one is a test that reads the manifests of other tests.
        to: &["main", "cli", "source", "src/policy/agreement.rs"],
        instead: "only `cli` and `source::read` touch files, environment, clock and streams; take what you \
                  need as an argument",
    },
    Confined {
        names: &["k8s_openapi"],
        to: &["kinds", "render", "policy"],
        instead: "only `render` and `policy`, which emit objects, know Kubernetes types; decide in `plan` or `rules`, \
                  in types of their own",
    },
    Confined {
        names: &["serde_json::to_value"],
        to: &["src/render.rs"],
        instead: "typed objects are serialised in one place, src/render.rs; return the typed object",
    },
    Confined {
        names: &["serde_saphyr"],
        to: &["yaml"],
        instead: "only `yaml` knows YAML text; call it with a JSON value",
    },
    Confined {
        names: &["toml", "toml_edit"],
        to: &["tree"],
        instead: "only `tree` parses TOML; use its `Node`s, which know their spans",
    },
];

/// What shows a text to be PromQL.
const PROMQL: [&str; 7] =
    ["histogram_quantile", "increase(", "rate(", "avg_over_time", "sum by", "sum(", "vector("];

/// Beyond this a file has more than one subject.
const MOST_LINES: usize = 700;

#[test]
fn modules_use_only_what_they_may() -> Result {
    let mut problems = Vec::new();
    for source in &rust_files("src")? {
        let module = source.module();
        if matches!(module, "lib" | "main") {
            continue;
        }
        let Some((_, allowed)) = MODULES.iter().find(|(name, _)| *name == module) else {
            problems.push(format!(
                "{}: the module `{module}` has no row in MODULES of tests/tidy.rs; put it below what it uses",
                source.path
            ));
            continue;
        };
        for (line, used) in paths(&source.code, "crate") {
            if used != module && !allowed.contains(&used) {
                problems.push(format!(
                    "{}:{line}: `{module}` may not use `crate::{used}`; move what is shared into a module that \
                     both may use, or add it to the row of `{module}` in MODULES of tests/tidy.rs",
                    source.path
                ));
            }
        }
        // With so many `super`s a path leaves the module without naming another.
        let depth = source.path.matches('/').count();
        for line in words(&source.code, &"super::".repeat(depth)) {
            problems.push(format!(
                "{}:{line}: this `super` is the crate itself; write `crate::`",
                source.path
            ));
        }
    }
    none(&problems)
}

#[test]
fn dependencies_between_modules_point_upwards() -> Result {
    let mut problems = Vec::new();
    for (at, (module, allowed)) in MODULES.iter().enumerate() {
        for used in *allowed {
            let above = MODULES[..at].iter().any(|(name, _)| name == used);
            if !above {
                problems.push(format!(
                    "MODULES of tests/tidy.rs: `{used}` does not stand above `{module}`; reorder the rows, or cut \
                     the cycle by moving what both need into a module above them"
                ));
            }
        }
    }
    none(&problems)
}

#[test]
fn confined_names_stay_where_they_belong() -> Result {
    let mut problems = Vec::new();
    for source in &rust_files("src")? {
        for Confined { names, to, instead } in &CONFINED {
            if to.contains(&source.module()) || to.contains(&source.path.as_str()) {
                continue;
            }
            for name in *names {
                for line in uses(&source.code, name) {
                    problems.push(format!("{}:{line}: `{name}`: {instead}", source.path));
                }
            }
        }
    }
    none(&problems)
}

#[test]
fn promql_is_written_only_in_promql() -> Result {
    let mut problems = Vec::new();
    // `query` and `rules` name functions to speak of expressions of the user's.
    let elsewhere = |source: &&Source| !matches!(source.module(), "promql" | "query" | "rules");
    for source in rust_files("src")?.iter().filter(elsewhere) {
        for (line, text) in &source.strings {
            for sign in PROMQL.iter().filter(|sign| !words(text, sign).is_empty()) {
                problems.push(format!(
                    "{}:{line}: `{sign}` looks like PromQL; build the expression in src/promql.rs and call that",
                    source.path
                ));
            }
        }
    }
    none(&problems)
}

#[test]
fn every_file_says_what_it_is_for() -> Result {
    let mut problems = Vec::new();
    for source in all_rust_files()? {
        // A rule's documentation, which is tested and printed, says it.
        let says =
            source.text.starts_with("//! ") || source.text.contains("\ndeclare_rule! {\n    /// ");
        if !says {
            problems.push(format!(
                "{}:1: start the file with a `//!` comment that says what it is for",
                source.path
            ));
        }
    }
    none(&problems)
}

#[test]
fn no_file_is_too_long() -> Result {
    let mut problems = Vec::new();
    for source in all_rust_files()? {
        let lines = source.text.lines().count();
        if lines > MOST_LINES {
            problems.push(format!(
                "{}: {lines} lines; above {MOST_LINES} a file has more than one subject: split it",
                source.path
            ));
        }
    }
    none(&problems)
}

#[test]
fn nothing_is_left_for_later() -> Result {
    // Put together, so that this file does not find itself.
    let marks = [concat!("to", "do!"), concat!("FIX", "ME"), concat!("XX", "X")];
    let mut problems = Vec::new();
    for source in all_rust_files()? {
        for mark in marks {
            for line in words(&source.text, mark) {
                problems.push(format!(
                    "{}:{line}: `{mark}`: do it now, or open an issue and drop the mark",
                    source.path
                ));
            }
        }
    }
    none(&problems)
}

#[test]
fn no_tracked_file_names_a_folder_of_one_machine() -> Result {
    let Some(files) = tracked_files() else {
        #[expect(clippy::print_stderr, reason = "a skipped test must not look like a passed one")]
        {
            eprintln!("skipped: this is no git repository, or git is missing");
        }
        return Ok(());
    };
    // Put together, so that this file does not find itself.
    let folders = [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/wo", "rk/")];
    let mut problems = Vec::new();
    for file in files {
        // What is deleted but not yet committed is gone all the same.
        let Ok(bytes) = fs::read(root().join(&file)) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        for folder in folders {
            for (at, _) in text.match_indices(folder) {
                // Behind another name it is a folder below something else.
                let own = !text[..at].ends_with(|before: char| before.is_alphanumeric());
                // Argo CD fixes where its plugins are.
                if own && !text[at + folder.len()..].starts_with("argocd/cmp-server/") {
                    problems.push(format!(
                        "{file}:{}: `{folder}` exists on one machine only; use a relative or a temporary path",
                        line(&text, at)
                    ));
                }
            }
        }
    }
    none(&problems)
}

#[test]
fn every_dependency_says_why() -> Result {
    let manifest = fs::read_to_string(root().join("Cargo.toml"))?;
    let mut problems = Vec::new();
    let mut in_dependencies = false;
    // What the line above explains: anything after a comment, after a dependency those of its family.
    let mut family = None;
    for (number, line) in (1..).zip(manifest.lines()) {
        if line.starts_with('[') {
            in_dependencies = line.ends_with("dependencies]");
            family = None;
        } else if line.starts_with('#') {
            family = Some("");
        } else if line.is_empty() {
            family = None;
        } else if let Some((name, _)) = line.split_once('=').filter(|_| in_dependencies) {
            let name = name.trim();
            let own = name.split(['-', '_', '.']).next().unwrap_or(name);
            if !family.is_some_and(|family| family.is_empty() || family == own) {
                problems.push(format!(
                    "Cargo.toml:{number}: `{name}` needs a comment above it that says what it is for"
                ));
            }
            family = Some(own);
        }
    }
    none(&problems)
}

/// A Rust file, taken apart.
struct Source {
    /// Path from the root of the repository, with `/`.
    path: String,
    /// The whole text.
    text: String,
    /// Without `mod tests`, comments, and the contents of strings; lines keep their numbers.
    code: String,
    /// The contents of the strings in `code`, as written, each with its line.
    strings: Vec<(usize, String)>,
}

impl Source {
    fn new(path: String, text: String) -> Self {
        let shipped = text.split("\n#[cfg(test)]\nmod tests ").next().unwrap_or_default();
        let (code, strings) = take_apart(shipped);
        Self { path, text, code, strings }
    }

    /// The module of the crate that the file belongs to: `plan` for src/plan.rs and src/plan/probes.rs.
    fn module(&self) -> &str {
        let below = self.path.strip_prefix("src/").unwrap_or(&self.path);
        below.split(['/', '.']).next().unwrap_or(below)
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn all_rust_files() -> Result<Vec<Source>> {
    let mut sources = rust_files("src")?;
    sources.extend(rust_files("tests")?);
    Ok(sources)
}

/// The Rust files below `folder`, ordered by path.
fn rust_files(folder: &str) -> Result<Vec<Source>> {
    let mut entries: Vec<_> =
        fs::read_dir(root().join(folder))?.collect::<io::Result<Vec<fs::DirEntry>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut sources = Vec::new();
    for entry in entries {
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            sources.extend(rust_files(&path)?);
        } else if entry.path().extension().is_some_and(|extension| extension == "rs") {
            sources.push(Source::new(path, fs::read_to_string(entry.path())?));
        }
    }
    Ok(sources)
}

/// What git tracks; `None` without git or a repository.
fn tracked_files() -> Option<Vec<String>> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().ok()?;
    let names = String::from_utf8(listed.stdout).ok()?;
    listed.status.success().then(|| names.split_terminator('\0').map(str::to_owned).collect())
}

/// Parts Rust text into code without comments and without the contents of strings, and those contents.
fn take_apart(text: &str) -> (String, Vec<(usize, String)>) {
    let (mut code, mut strings) = (String::new(), Vec::new());
    let mut at = 0;
    while at < text.len() {
        let (token, length) = Token::first(&text[at..]);
        let content = &text[at..at + length];
        match token {
            Token::Code => code.push_str(content),
            Token::Comment => code.extend(content.matches('\n')),
            Token::String => {
                strings.push((line(text, at), content.to_owned()));
                code.push('"');
                code.extend(content.matches('\n'));
                code.push('"');
            }
        }
        at += length;
    }
    (code, strings)
}

enum Token {
    Code,
    Comment,
    String,
}

impl Token {
    /// The kind and the length of what `text` starts with; code comes in pieces.
    fn first(text: &str) -> (Self, usize) {
        let through = |from: usize, end: &str| {
            text[from..].find(end).map_or(text.len(), |at| from + at + end.len())
        };
        let raw = text.strip_prefix('r').unwrap_or_default();
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if text.starts_with("//") {
            (Self::Comment, text.find('\n').unwrap_or(text.len()))
        } else if text.starts_with("/*") {
            (Self::Comment, through(2, "*/"))
        } else if let Some(content) = text.strip_prefix('"') {
            let mut escaped = false;
            let end = content.find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            });
            (Self::String, end.map_or(text.len(), |at| at + 2))
        } else if raw[hashes..].starts_with('"') {
            (Self::String, through(hashes + 2, &format!("\"{}", "#".repeat(hashes))))
        } else if text.starts_with("'\\") {
            // The escaped character may be a quote itself.
            (Self::Code, through(3, "'"))
        } else if text.starts_with('\'') && text.chars().nth(2) == Some('\'') {
            (Self::Code, through(1, "'"))
        } else {
            (Self::Code, text.chars().next().map_or(0, char::len_utf8))
        }
    }
}

/// The lines of `code` that use `name`: a path as `first::second`, also from a group, or a word.
fn uses(code: &str, name: &str) -> BTreeSet<usize> {
    match name.split_once("::") {
        Some((first, second)) => {
            let found = paths(code, first).into_iter().filter(|(_, name)| *name == second);
            found.map(|(line, _)| line).collect()
        }
        None => words(code, name),
    }
}

/// The names that stand right below `first` in the paths of `code`, with their lines: `a` and `b` for
/// `first::a::c` and for `first::{a::c, b}`.
fn paths<'a>(code: &'a str, first: &str) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    let prefix = format!("{first}::");
    for (at, _) in code.match_indices(&prefix).filter(|(at, _)| stands_alone(code, *at, &prefix)) {
        let rest = &code[at + prefix.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.push((line(code, at), name(rest)));
            continue;
        };
        let (mut depth, mut start) = (1, 0);
        for (end, c) in group.char_indices() {
            depth += i32::from(c == '{') - i32::from(c == '}');
            if depth == 0 || (depth == 1 && c == ',') {
                found.push((line(code, at), name(group[start..end].trim_start())));
                start = end + 1;
            }
            if depth == 0 {
                break;
            }
        }
    }
    found.retain(|(_, name)| !name.is_empty());
    found
}

/// The identifier that `text` starts with.
fn name(text: &str) -> &str {
    text.split(|c: char| !is_of_word(c)).next().unwrap_or_default()
}

/// The lines of `text` that hold `word`, not counting longer words that contain it.
fn words(text: &str, word: &str) -> BTreeSet<usize> {
    let found = text.match_indices(word).filter(|(at, _)| stands_alone(text, *at, word));
    found.map(|(at, _)| line(text, at)).collect()
}

/// True if no longer word contains the `word` at byte `at`.
fn stands_alone(text: &str, at: usize, word: &str) -> bool {
    let longer_before = word.starts_with(is_of_word) && text[..at].ends_with(is_of_word);
    let longer_behind =
        word.ends_with(is_of_word) && text[at + word.len()..].starts_with(is_of_word);
    !longer_before && !longer_behind
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The line of byte `at`, from 1.
fn line(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Fails with the `problems`, if there are any.
fn none(problems: &[String]) -> Result {
    if problems.is_empty() { Ok(()) } else { Err(format!("\n{}", problems.join("\n")).into()) }
}

#[test]
fn files_are_taken_apart_correctly() {
    let source = Source::new(
        "src/x/y.rs".to_owned(),
        concat!(
            "//! crate::comment\n",
            "use crate::{a::{b, c}, d}; // std::fs\n",
            "let x = \"crate::e \\\" \\\\\"; /* crate::f */ let y: &'static str = r#\"rate(\"\n\"#;\n",
            "let z = ['\"', '\\'', '‹', '\"']; $crate::g; microcrate::h;\n",
            "#[cfg(test)]\nmod tests {\n    use crate::i;\n}\n",
        )
        .to_owned(),
    );
    assert_eq!(source.module(), "x");
    assert_eq!(paths(&source.code, "crate"), [(2, "a"), (2, "d"), (5, "g")]);
    let strings: Vec<_> =
        source.strings.iter().map(|(line, text)| (*line, text.as_str())).collect();
    assert_eq!(strings, [(3, r#""crate::e \" \\""#), (3, "r#\"rate(\"\n\"#")]);
    assert!(uses(&source.code, "std::fs").is_empty());
    assert_eq!(words("enumerate(x) + rate(y)\nrate(z)", "rate("), [1, 2].into());
    assert!(words("enumerate(x)", "rate(").is_empty());
}
