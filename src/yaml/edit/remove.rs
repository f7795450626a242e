//! Takes an entry or item out.

use super::page::Page;
use super::spot::Spot;
use super::{Edit, Refused, flow, put};
use crate::yaml::node::{Kind, Style};

pub(super) fn remove(page: Page<'_>, spot: &Spot) -> Result<Vec<Edit>, Refused> {
    let Some(parent) = spot.parent.as_deref() else {
        return Refused::new("a whole document is not removed");
    };
    if page.node(parent.node).style == Style::Flow {
        return flow::remove(page, parent.node, spot.index);
    }
    let heads = page.heads(parent.key, parent.node).unwrap_or_default();
    let Some(head) = heads.get(spot.index).copied() else {
        return Refused::new("its dash is not found");
    };
    if heads.len() == 1 {
        let mapping = page.node(parent.node).kind == Kind::Mapping;
        return put::inline(page, parent, if mapping { "{}" } else { "[]" });
    }
    let end = page.extent(parent, spot.index).map_or(head, |extent| extent.end);
    if page.leads(head) {
        let before = spot.index.checked_sub(1);
        let before = before.and_then(|before| page.children(parent.node).get(before).copied());
        if page.is_above_indented_comment(end)
            && before.is_some_and(|before| page.ends_in_text(before.node))
        {
            return Refused::new("the comment behind it would become part of the text above");
        }
        return Ok(vec![Edit::delete(page.line_start(head)..page.next_line(end))]);
    }
    if page.column(head).is_none() {
        return Refused::new("something else stands in front of it on its line");
    }
    // It shares its line with a dash: what follows, be it a comment, moves up to that.
    match heads.get(spot.index + 1) {
        Some(next) if page.leads(*next) => {
            let from = page.next_line(end);
            let rest = page.slice(from..page.text.len());
            let blanks = rest.len() - rest.trim_start().len();
            Ok(vec![Edit::delete(head..from + blanks)])
        }
        _ => Refused::new("what stands behind it cannot move up"),
    }
}
