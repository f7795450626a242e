//! Findings in items of a `ResourceList`: hosts write these lists, so that lines and columns in them mean nothing to
//! anyone, and a place is an object with the path of a field.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value, json};

use super::resource_list::Item;
use crate::finding::{Finding, Op, Severity, Step};
use crate::source::{FileId, Span, printable};
use crate::yaml::{self, Path, Stream};

/// Items to be linted as one file: those of one file of a package, or all.
#[derive(Debug)]
pub struct Sheet<'i> {
    /// The file, relative to the package; what kustomize hands over comes from none.
    pub name: Option<String>,
    /// The items, one document each.
    pub text: String,
    items: Vec<&'i Item>,
}

/// The resources among `items` as files, in the order of their first items.
pub fn sheets(items: &[Item]) -> Vec<Sheet<'_>> {
    let mut sheets: Vec<Sheet<'_>> = Vec::new();
    let as_referred = are_apart(items);
    for item in items.iter().filter(|item| item.is_resource()) {
        // Of a path that leads out of the package, nothing beside it is read.
        let inside = |path: &str| {
            !path.starts_with(['/', '\\']) && !path.contains("..") && !path.contains(':')
        };
        let name = item.file().map(|(path, _)| path).filter(|path| inside(path));
        let at = sheets.iter().position(|sheet| sheet.name.as_deref() == name);
        let at = at.unwrap_or_else(|| {
            sheets.push(Sheet {
                name: name.map(str::to_owned),
                text: String::new(),
                items: Vec::new(),
            });
            sheets.len() - 1
        });
        if let Some(sheet) = sheets.get_mut(at) {
            let text = if as_referred { item.text_as_referred() } else { item.text.clone() };
            if !sheet.text.is_empty() && !text.starts_with("---") {
                sheet.text.push_str("---\n");
            }
            sheet.text.push_str(&text);
            if !sheet.text.ends_with('\n') {
                sheet.text.push('\n');
            }
            sheet.items.push(item);
        }
    }
    sheets
}

/// True if no two items get the same name where each has the one that references to it still have.
fn are_apart(items: &[Item]) -> bool {
    let mut seen = HashSet::new();
    items.iter().filter(|item| item.is_resource()).all(|item| {
        let (group, kind, namespace, _) = item.identity();
        seen.insert((group, kind, namespace, item.referred_name()))
    })
}

/// Where something is.
#[derive(Debug)]
struct Spot<'i> {
    item: &'i Item,
    path: Vec<Step>,
    /// What stands there, if that is a scalar and the spot is not its key.
    value: Option<Value>,
}

/// Sheets by the files that they were linted as.
#[derive(Debug)]
pub struct Sheets<'i>(BTreeMap<FileId, (Stream<'i>, &'i Sheet<'i>)>);

impl<'i> Sheets<'i> {
    /// `sheets`, each with the file that it was linted as.
    pub fn new(sheets: impl IntoIterator<Item = (FileId, &'i Sheet<'i>)>) -> Self {
        let read = |(file, sheet): (FileId, &'i Sheet<'i>)| {
            (file, (yaml::parse(file, &sheet.text), sheet))
        };
        Self(sheets.into_iter().map(read).collect())
    }

    /// True if `finding` is one of an item.
    pub fn hold(&self, finding: &Finding) -> bool {
        self.spot(finding.primary.span).is_some()
    }

    fn spot(&self, span: Span) -> Option<Spot<'i>> {
        let (stream, sheet) = self.0.get(&span.file)?;
        let place = stream.innermost(span.start)?;
        let target = place.target();
        let in_root = |path: &[Step]| -> Option<yaml::Place<'_>> {
            let root = stream.documents().nth(target.document)?;
            path.iter().try_fold(root, |place, step| match step {
                Step::Key(key) => place.entry(key),
                Step::Index(index) => place.items().nth(*index),
            })
        };
        let value = in_root(&target.path).filter(|value| value.is_scalar() && *value == place);
        let value = value.map(yaml::excerpt::json);
        Some(Spot { item: sheet.items.get(target.document)?, path: target.path, value })
    }

    /// `finding` for people.
    pub fn human(&self, finding: &Finding) -> Option<String> {
        let spot = self.spot(finding.primary.span)?;
        let mut lines = vec![
            format!("{}[{}] {}", finding.severity.word(), finding.rule, finding.message),
            format!("  at {}", spot.title(true)),
        ];
        for label in &finding.labels {
            if let Some(other) = self.spot(label.span) {
                let own = std::ptr::eq(other.item, spot.item);
                let place =
                    if own { Path(other.path.clone()).to_string() } else { other.title(true) };
                lines.push(
                    format!("  see {place}: {}", label.message)
                        .trim_end_matches([':', ' '])
                        .to_owned(),
                );
            }
        }
        lines.extend(finding.help.iter().map(|help| format!("  help: {help}")));
        let line = |line: &String| printable(line).replace(['\r', '\n'], " ") + "\n";
        Some(lines.iter().map(line).collect())
    }

    /// `finding` as a result of a KRM function.
    pub fn result(&self, finding: &Finding) -> Option<Value> {
        let spot = self.spot(finding.primary.span)?;
        let item = spot.item;
        let mut resource =
            json!({ "apiVersion": item.api_version, "kind": item.kind, "name": item.name });
        if let Some(namespace) = &item.namespace {
            resource["namespace"] = json!(namespace);
        }
        let mut field = Map::new();
        field.insert("path".to_owned(), Path(spot.path.clone()).to_string().into());
        if let Some(value) = &spot.value {
            field.insert("currentValue".to_owned(), value.clone());
        }
        if let Some([Op::Set(target, value)]) = finding.fix.as_ref().map(|fix| fix.ops.as_slice())
            && target.path == spot.path
            && target.file == finding.primary.span.file
        {
            field.insert("proposedValue".to_owned(), value.clone());
        }
        let message = match &finding.help {
            Some(help) => format!("{}; {help}", finding.message),
            None => finding.message.clone(),
        };
        let mut result = json!({
            "message": message,
            "severity": finding.severity.word(),
            "resourceRef": resource,
        });
        if !spot.path.is_empty() {
            result["field"] = field.into();
        }
        if let Some((path, index)) = item.file() {
            result["file"] = json!({ "path": path, "index": index });
        }
        result["tags"] = json!({ "rule": finding.rule });
        Some(result)
    }
}

impl Spot<'_> {
    fn title(&self, with_file: bool) -> String {
        let path = Path(self.path.clone()).to_string();
        let path = if path.is_empty() { path } else { format!(": {path}") };
        let file = self.item.file().filter(|_| with_file).map(|(path, _)| format!(" ({path})"));
        format!("{}{path}{}", self.item.title(), file.unwrap_or_default())
    }
}

/// A finding that is in no item, such as one of a slogen.toml, as a result of a KRM function.
pub fn elsewhere(finding: &Finding, file: &str) -> Value {
    json!({
        "message": finding.message,
        "severity": finding.severity.word(),
        "file": { "path": file },
        "tags": { "rule": finding.rule },
    })
}

/// `1 error, 2 warnings in 12 objects`
pub fn summary(findings: &[Finding], objects: usize) -> String {
    let counted = |severity: Severity, word: &str| {
        let count = findings.iter().filter(|finding| finding.severity == severity).count();
        (count > 0).then(|| {
            format!("{count} {word}{}", if count == 1 || word == "info" { "" } else { "s" })
        })
    };
    let counts = [
        counted(Severity::Error, "error"),
        counted(Severity::Warning, "warning"),
        counted(Severity::Info, "info"),
    ];
    let counts: Vec<_> = counts.into_iter().flatten().collect();
    let objects = format!("{objects} object{}", if objects == 1 { "" } else { "s" });
    format!("{} in {objects}; `slogen explain RULE` says more\n", counts.join(", "))
}
