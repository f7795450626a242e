//! Where the values of block collections stand: behind which dash, key and anchor.

use std::ops::Range;

use super::Refused;
use super::page::Page;
use super::spot::Spot;
use crate::yaml::node::{Kind, NONE, PROPERTIES, Style};

impl Page<'_> {
    /// Where each entry or item of a block collection starts: its key or its dash. `key` is the collection's own.
    pub(super) fn heads(self, key: u32, node: u32) -> Option<Vec<usize>> {
        let children = self.children(node);
        if self.node(node).kind == Kind::Mapping {
            return Some(children.iter().map(|child| self.start(child.key)).collect());
        }
        // A sequence that is not indented starts, to its reader, at its first item.
        let mut at = if key == NONE { self.start(node) } else { self.end(key) };
        let mut heads: Vec<usize> = Vec::new();
        for child in children {
            // Its items that are not there leave dashes behind the end of a sequence inside.
            let column = heads.first().map(|first| self.before(*first).len());
            let dash = self.dash(at, column)?;
            at = self.end(child.node).max(dash + 1);
            heads.push(dash);
        }
        Some(heads)
    }

    /// The first dash of an item at or behind `at`, if need be in this column.
    fn dash(self, at: usize, column: Option<usize>) -> Option<usize> {
        let apart = |c: Option<char>| c.is_none_or(char::is_whitespace);
        let is_dash = |at: usize| {
            apart(self.slice(at + 1..self.text.len()).chars().next())
                && apart(self.before(at).chars().next_back())
                && column.is_none_or(|column| self.before(at).len() == column)
        };
        let mut dashes = self.tokens(at..self.text.len()).filter(|(_, c)| *c == '-');
        dashes.find(|(at, _)| is_dash(*at)).map(|(at, _)| at)
    }

    /// Where the first entry or item of the block collection at `spot` starts.
    pub(super) fn head(self, spot: &Spot) -> Result<usize, Refused> {
        let heads = self.heads(spot.key, spot.node);
        match heads.and_then(|heads| heads.first().copied()) {
            Some(head) => Ok(head),
            None => Refused::new("its dash is not found"),
        }
    }

    /// Behind what the value at `spot` follows: a colon or a dash, and properties.
    pub(super) fn slot(self, spot: &Spot) -> Result<usize, Refused> {
        let (start, absent) = (self.start(spot.node), self.is_absent(spot.node));
        if absent && self.node(spot.node).flags & PROPERTIES != 0 {
            return Refused::new("only an anchor or a tag stands there");
        }
        let from = match spot.parent.as_deref() {
            None => return Ok(start),
            Some(_) if spot.key != NONE && absent => return Ok(start.max(self.end(spot.key))),
            Some(_) if spot.key != NONE => self.end(spot.key),
            Some(parent) if self.node(parent.node).style == Style::Flow => return Ok(start),
            Some(parent) => {
                let heads = self.heads(parent.key, parent.node);
                match heads.and_then(|heads| heads.get(spot.index).copied()) {
                    Some(dash) => dash + 1,
                    None => return Refused::new("its dash is not found"),
                }
            }
        };
        let start = if self.is_block(spot.node) { self.head(spot)? } else { start };
        Ok(if absent { from } else { self.last_end(from..start).unwrap_or(from) })
    }

    /// The comment behind the `|` or `>` of a block scalar, with a blank in front of it.
    pub(super) fn header_comment(self, node: u32) -> String {
        let header = self.start(node);
        let comment = match self.node(node).style {
            Style::Literal | Style::Folded => self.comment_on_line(header),
            _ => None,
        };
        comment.map(|comment| format!(" {comment}")).unwrap_or_default()
    }

    /// Where a value ends. A missing item ends, to its reader, in front of its dash.
    pub(super) fn reach(self, key: u32, node: u32) -> usize {
        let end = self.end(node);
        let Some(last) = self.children(node).last().copied().filter(|_| self.is_block(node)) else {
            return end;
        };
        let head = self.heads(key, node).and_then(|heads| heads.last().copied());
        head.map_or(end, |head| end.max(head + 1)).max(self.reach(last.key, last.node))
    }

    /// As [`Page::reach`], with the empty lines behind `|+`, which are part of that text.
    pub(super) fn kept_end(self, key: u32, node: u32) -> usize {
        let (end, leaf) = (self.reach(key, node), self.last(node));
        let header = self.slice(self.start(leaf)..self.line_end(self.start(leaf)));
        if !self.ends_in_text(node)
            || !header.split(' ').next().is_some_and(|header| header.contains('+'))
        {
            return end;
        }
        let rest = self.slice(end..self.text.len());
        let blank = rest.len() - rest.trim_start().len();
        let lines = rest.get(..blank).unwrap_or("").trim_end_matches(' ');
        end + lines.len().saturating_sub(1)
    }

    /// True if lines indented below `node` would be read as lines of a text.
    pub(super) fn ends_in_text(self, node: u32) -> bool {
        matches!(self.node(self.last(node)).style, Style::Literal | Style::Folded)
    }

    /// The bytes of the entry or item `index` of `parent`, from its key or dash on.
    pub(super) fn extent(self, parent: &Spot, index: usize) -> Option<Range<usize>> {
        let child = self.children(parent.node).get(index).copied()?;
        let (start, least) = match child.key {
            NONE if self.is_block(parent.node) => {
                let dash = self.heads(parent.key, parent.node)?.get(index).copied()?;
                (dash, dash + 1)
            }
            NONE => (self.start(child.node), self.start(child.node)),
            key => (self.start(key), self.end(key)),
        };
        Some(start..self.reach(child.key, child.node).max(least))
    }
}
