//! Holds a changed text to what its change may do.

use std::cmp::Reverse;
use std::ops::Range;

use serde_json::Value;

use crate::finding::{Op, Step, Target};
use crate::source::Span;
use crate::yaml::Path;
use crate::yaml::edit::{self, Refused};
use crate::yaml::tree::{Body, Tree, plain, trees};
use crate::yaml::{Stream, parse};

type Checked<T = ()> = Result<T, Refused>;

/// Refuses `new_text` unless it is the text of `old` after `ops` and nothing else: it reads without new problems,
/// says what `ops` make of what `old` said, keeps all comments outside of what they remove as they are, and keeps every byte
/// of the lines that they do not speak of.
pub fn check(old: &Stream<'_>, new_text: &str, ops: &[&Op]) -> Checked {
    for op in ops {
        edit::guard(old, op)?;
    }
    let new = parse(old.file(), new_text);
    same_problems(old, &new)?;
    same_bytes(old, new_text, ops)?;
    same_trees(old, &new, ops)?;
    same_comments(old, &new, ops)
}

fn refuse(reason: impl Into<String>) -> Checked {
    Err(Refused(reason.into()))
}

fn same_problems(old: &Stream<'_>, new: &Stream<'_>) -> Checked {
    let known: Vec<_> = old.problems.iter().map(|problem| &problem.message).collect();
    let found: Vec<_> = new.problems.iter().map(|problem| &problem.message).collect();
    match found.iter().find(|message| !known.contains(message)) {
        Some(message) => refuse(format!("the changed text cannot be read: {message}")),
        None if known != found => refuse("the changed text reads otherwise where it is broken"),
        None => Ok(()),
    }
}

/// Lines outside of the footprints of `ops` stand in the new text as they did, in order.
fn same_bytes(old: &Stream<'_>, new_text: &str, ops: &[&Op]) -> Checked {
    let mut touched: Vec<Range<usize>> =
        ops.iter().map(|op| edit::footprint(old, op)).collect::<Result<_, _>>()?;
    touched.sort_by_key(|range| (range.start, range.end));
    let text = old.text();
    let (mut kept, mut done) = (Vec::new(), 0);
    for range in touched {
        if range.start >= done {
            kept.push(text.get(done..range.start).unwrap_or(""));
        }
        done = done.max(range.end);
    }
    let last = text.get(done..).unwrap_or("");
    let missing = || refuse("lines outside of the change would not stay as they are");
    let mut rest = new_text;
    for (index, lines) in kept.into_iter().enumerate() {
        let found =
            if index == 0 { rest.starts_with(lines).then_some(0) } else { rest.find(lines) };
        match found.and_then(|at| rest.get(at + lines.len()..)) {
            Some(behind) => rest = behind,
            None => return missing(),
        }
    }
    if rest.ends_with(last) { Ok(()) } else { missing() }
}

fn same_trees(old: &Stream<'_>, new: &Stream<'_>, ops: &[&Op]) -> Checked {
    let mut wanted = trees(old);
    change(&mut wanted, ops)?;
    let found = trees(new);
    if wanted.len() != found.len() {
        return refuse("the number of documents would change");
    }
    let differing = wanted.iter().zip(&found).find_map(|(wanted, found)| wanted.difference(found));
    match differing.map(Path) {
        Some(path) if path.0.is_empty() => refuse("the document would become another"),
        Some(path) => refuse(format!("`{path}` would not be what it should be")),
        None => Ok(()),
    }
}

/// All comments are there that need to be, none is new, and they stand in the same order.
fn same_comments(old: &Stream<'_>, new: &Stream<'_>, ops: &[&Op]) -> Checked {
    let gone: Vec<_> = ops.iter().filter_map(|op| edit::remains(old, op)).collect();
    let stays = |at: u32| !gone.iter().any(|range| range.contains(&(at as usize)));
    let left: Vec<(u32, String)> = old
        .comments()
        .map(|(span, text)| (span.start, uncommented(span, text, ops)))
        .filter(|(_, text)| !text.is_empty())
        .collect();
    let all: Vec<_> = left.iter().map(|(_, text)| text.as_str()).collect();
    let needed = left.iter().filter(|(start, _)| stays(*start));
    let needed: Vec<_> = needed.map(|(_, text)| text.as_str()).collect();
    let found: Vec<_> = new.comments().map(|(_, text)| text).collect();
    if let Some(lost) = first_missing(&needed, &found) {
        return refuse(format!("the comment `{lost}` would be lost"));
    }
    match first_missing(&found, &all) {
        Some(other) => refuse(format!("the comment `{other}` would come out of nothing")),
        None => Ok(()),
    }
}

/// What `ops` leave of a comment.
fn uncommented(span: Span, text: &str, ops: &[&Op]) -> String {
    let goes = |at: usize| {
        ops.iter().any(|op| match op {
            Op::Uncomment(part) => (part.start as usize..part.end as usize).contains(&at),
            _ => false,
        })
    };
    let start = span.start as usize;
    text.char_indices().filter(|(at, _)| !goes(start + at)).map(|(_, c)| c).collect()
}

/// The first of `wanted` that is not in `found`, which holds them in this order among others.
fn first_missing<'a>(wanted: &[&'a str], found: &[&str]) -> Option<&'a str> {
    let mut found = found.iter();
    wanted.iter().find(|wanted| !found.any(|text| text == *wanted)).copied()
}

/// Changes trees as `ops` say. What moves others comes last and from behind, since all targets name places in the
/// trees as they were.
fn change(trees: &mut [Tree], ops: &[&Op]) -> Checked {
    let mut ops = ops.to_vec();
    ops.sort_by_key(|op| match op {
        Op::Set(..) | Op::Insert(..) | Op::Append(..) | Op::Uncomment(_) => (0, None, 0),
        Op::Splice(target, part, _) => (1, Some(Reverse(target)), usize::MAX - part.start),
        Op::Rename(target, _) | Op::Remove(target) => (2, Some(Reverse(target)), 0),
    });
    ops.into_iter().try_for_each(|op| one(trees, op))
}

fn one(trees: &mut [Tree], op: &Op) -> Checked {
    match op {
        Op::Set(target, value) => at(trees, target)?.become_value(value),
        Op::Insert(target, key, value) => {
            let place = at(trees, target)?;
            place.if_null(Body::Map(Vec::new()));
            let Body::Map(entries) = &mut place.body else { return refuse("it is no mapping") };
            match entries.iter_mut().find(|(name, _)| is_named(name, key)) {
                Some((_, old)) if matches!(old.body, Body::Null) => old.become_value(value),
                Some(_) => return refuse(format!("`{key}` is there already")),
                None => entries.push((Tree::string(key), Tree::new(value))),
            }
        }
        Op::Append(target, value) => {
            let place = at(trees, target)?;
            place.if_null(Body::List(Vec::new()));
            let Body::List(items) = &mut place.body else { return refuse("it is no sequence") };
            items.push(Tree::new(value));
        }
        Op::Splice(target, part, text) => at(trees, target)?.splice(part, text)?,
        Op::Rename(target, name) => match parent(trees, target)? {
            (Tree { body: Body::Map(entries), .. }, Step::Key(key)) => {
                let found = entries.iter_mut().find(|(name, _)| is_named(name, key));
                let Some((old, _)) = found else { return refuse("it is not there") };
                old.become_value(&Value::String(name.clone()));
            }
            _ => return refuse("it has no key"),
        },
        Op::Remove(target) => {
            let (place, step) = parent(trees, target)?;
            let left = match (&mut place.body, step) {
                (Body::Map(entries), Step::Key(key)) => {
                    entries.retain(|(name, _)| !is_named(name, key));
                    entries.len()
                }
                (Body::List(items), Step::Index(index)) if *index < items.len() => {
                    items.remove(*index);
                    items.len()
                }
                _ => return refuse("it is not there"),
            };
            // Nothing by indentation is written as `{}` or `[]`.
            if left == 0 {
                place.style = None;
            }
        }
        Op::Uncomment(_) => {}
    }
    Ok(())
}

/// What becomes of the tree of one value.
trait Change {
    fn become_value(&mut self, value: &Value);
    fn if_null(&mut self, body: Body);
    fn splice(&mut self, part: &Range<usize>, text: &str) -> Checked;
}

impl Change for Tree {
    /// Anchor and tag stay in front of it.
    fn become_value(&mut self, value: &Value) {
        let properties = std::mem::take(&mut self.properties);
        *self = Self { properties, ..Self::new(value) };
    }

    fn if_null(&mut self, body: Body) {
        if matches!(self.body, Body::Null) {
            (self.body, self.style) = (body, None);
        }
    }

    /// A string stays one; what was none is what its new text says, and nothing is no null.
    fn splice(&mut self, part: &Range<usize>, text: &str) -> Checked {
        let (head, tail) = (self.text.get(..part.start), self.text.get(part.end..));
        let (Some(head), Some(tail)) = (head, tail) else { return refuse("it has no such part") };
        let whole = [head, text, tail].concat();
        match self.body {
            Body::Alias | Body::Merge | Body::Map(_) | Body::List(_) => {
                return refuse("it is no text");
            }
            Body::Text => {}
            _ if whole.is_empty() => self.body = Body::Text,
            _ => self.body = plain(&whole),
        }
        (self.text, self.style) = (whole, None);
        Ok(())
    }
}

fn is_named(key: &Tree, name: &str) -> bool {
    !matches!(key.body, Body::Alias) && key.text == name
}

fn at<'a>(trees: &'a mut [Tree], target: &Target) -> Checked<&'a mut Tree> {
    let Some(root) = trees.get_mut(target.document) else {
        return Err(Refused("there is no such document".to_owned()));
    };
    target.path.iter().try_fold(root, |tree, step| {
        let found = match (&mut tree.body, step) {
            (Body::Map(entries), Step::Key(name)) => {
                let mut entries = entries.iter_mut();
                entries.find(|(key, _)| is_named(key, name)).map(|(_, value)| value)
            }
            (Body::List(items), Step::Index(index)) => items.get_mut(*index),
            _ => None,
        };
        found.ok_or_else(|| Refused("it is not there".to_owned()))
    })
}

fn parent<'a, 't>(trees: &'a mut [Tree], target: &'t Target) -> Checked<(&'a mut Tree, &'t Step)> {
    let Some((step, above)) = target.path.split_last() else {
        return Err(Refused("a whole document is not removed".to_owned()));
    };
    let above = Target { path: above.to_vec(), ..target.clone() };
    Ok((at(trees, &above)?, step))
}
