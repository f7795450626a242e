//! Which template of a chart a document was rendered from: Helm says so above each.

use crate::finding::{Finding, Template};
use crate::source::{FileId, Files};
use crate::yaml;

/// What Helm writes before the template (helm/helm pkg/action/action.go, `renderResources`).
const SOURCE: &str = " Source: ";

/// Tells each of `findings`, which come in the order of files, the template of its document.
pub(super) fn name_templates(findings: &mut [Finding], files: &Files) {
    let (mut known, mut documents) = (FileId::NONE, Vec::new());
    for finding in findings {
        let span = finding.primary.span;
        if span.file != known {
            (known, documents) = (span.file, templates(&files.get(span.file).text));
        }
        let behind = documents.partition_point(|(start, _)| *start <= span.start as usize);
        let document = behind.checked_sub(1).and_then(|at| documents.get(at));
        let name = document.and_then(|(_, name)| *name);
        finding.template = name.map(|name| Template { name: name.to_owned(), path: None });
    }
}

/// Where each document starts, with the template that it was rendered from.
fn templates(text: &str) -> Vec<(usize, Option<&str>)> {
    if memchr::memmem::find(text.as_bytes(), SOURCE.as_bytes()).is_none() {
        return Vec::new();
    }
    let documents = yaml::comments_above(text).map(|(start, mut comments)| {
        let name = comments.find_map(|comment| comment.strip_prefix(SOURCE).map(str::trim));
        (start, name.filter(|name| is_template(name)))
    });
    documents.collect()
}

/// People note under `Source:` where they copied a manifest from, too: what Helm renders lies in one of two folders
/// of a chart.
fn is_template(name: &str) -> bool {
    let folders = ["/templates/", "/crds/"];
    let inside = folders.iter().filter_map(|folder| name.split_once(folder));
    let mut named = inside.filter(|(chart, file)| !chart.is_empty() && !file.is_empty());
    !name.contains(':') && !name.starts_with('/') && named.next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_templates_are_named() {
        let is = |name: &str| {
            templates(&format!("---\n# Source: {name}\na: b\n"))
                .iter()
                .any(|(_, name)| name.is_some())
        };
        for name in [
            "shop/templates/a.yaml",
            "shop/crds/a.yaml",
            "shop/charts/redis/templates/sub folder/_a.tpl",
            "shop/templates/a.yaml\r",
        ] {
            assert!(is(name), "{name}");
        }
        for name in [
            "https://example.com/templates/a.yaml",
            "/srv/shop/templates/a.yaml",
            "templates/a.yaml",
            "shop/templates/",
            "shop/a.yaml",
            "",
        ] {
            assert!(!is(name), "{name}");
        }
    }
}
