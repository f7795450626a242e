//! Which template of a chart a document was rendered from: Helm says so above each.

use crate::finding::Template;
use crate::yaml;

/// What Helm writes before the template (helm/helm pkg/action/action.go, `renderResources`).
const SOURCE: &str = " Source: ";

/// The template that the document around byte `offset` was rendered from.
pub(super) fn template(text: &str, offset: u32) -> Option<Template> {
    let mut comments = yaml::comments_above(text, offset as usize);
    let name = comments.find_map(|comment| comment.strip_prefix(SOURCE).map(str::trim))?;
    is_template(name).then(|| Template { name: name.to_owned(), path: None })
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
        let is = |name: &str| template(&format!("---\n# Source: {name}\na: b\n"), 40).is_some();
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
