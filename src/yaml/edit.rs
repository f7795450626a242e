//! Changes of a file: operations on its values and comments → edits of its bytes. All that no operation speaks of stays byte
//! for byte: comments, anchors, quotes, indentation, line ends.
//!
//! What an edit should have done, [`crate::yaml::tree`] can tell; `fix::check` holds every result to it.

mod comment;
mod flow;
mod page;
mod put;
mod remove;
mod scalar;
mod slot;
mod spot;
#[cfg(test)]
pub(crate) mod tests;
mod write;

use std::fmt;
use std::ops::Range;

use crate::finding::{Op, Target};
use crate::yaml::node::Kind;
use crate::yaml::{Stream, parse};

use page::Page;
pub use spot::{footprint, guard, remains};

/// Other bytes for a range of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What goes.
    pub range: Range<usize>,
    /// What comes.
    pub text: String,
}

impl Edit {
    fn new(range: Range<usize>, text: impl Into<String>) -> Self {
        Self { range, text: text.into() }
    }

    fn insert(at: usize, text: impl Into<String>) -> Self {
        Self::new(at..at, text)
    }

    fn delete(range: Range<usize>) -> Self {
        Self::new(range, "")
    }

    /// True if nothing between the two stays.
    pub fn touches(&self, other: &Self) -> bool {
        self.range.start <= other.range.end && other.range.start <= self.range.end
    }
}

/// Why a change is not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub String);

impl Refused {
    fn new<T>(reason: impl Into<String>) -> Result<T, Self> {
        Err(Self(reason.into()))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text of `stream` after `ops`, all of which name values of the text as it is.
///
/// A null counts as a mapping or sequence without entries; adding a key whose value is null sets that. Ops whose
/// bytes touch are made one after another. Refused are: values that an alias or `<<` brings along from elsewhere,
/// and those that such bring elsewhere; keys that are there twice, or would be; ops that contradict each other;
/// and places whose text is too unusual to be sure of, such as those behind `? `.
pub fn apply(stream: &Stream<'_>, ops: &[&Op]) -> Result<String, Refused> {
    Ok(spliced(stream.text(), &edits(stream, ops)?))
}

/// The edits that [`apply`] makes, in order and apart from each other.
pub fn edits(stream: &Stream<'_>, ops: &[&Op]) -> Result<Vec<Edit>, Refused> {
    for (at, op) in ops.iter().enumerate() {
        if op.file() != stream.file() {
            return Refused::new("it lies in another file");
        }
        if ops[..at].iter().any(|earlier| contradict(earlier, op) || contradict(op, earlier)) {
            return Refused::new("its changes contradict each other");
        }
    }
    let each = ops.iter().map(|op| of_one(stream, op)).collect::<Result<Vec<_>, _>>()?;
    let mut all = each.concat();
    all.sort_by_key(|edit| edit.range.start);
    let apart = all.windows(2).all(|pair| matches!(pair, [a, b] if !a.touches(b)));
    if apart && !ops.iter().enumerate().any(|(at, op)| neighbours(op, &ops[..at])) {
        Ok(all)
    } else if ops.iter().any(|op| matches!(op, Op::Uncomment(_))) {
        // Its bytes would be others after each of the others.
        Refused::new("a comment goes that another of its changes touches")
    } else {
        in_turn(stream, ops)
    }
}

/// `text` with `edits` made, which lie apart and in order.
pub fn spliced(text: &str, edits: &[Edit]) -> String {
    let mut new = String::with_capacity(text.len());
    let mut done = 0;
    for edit in edits {
        new.push_str(text.get(done..edit.range.start).unwrap_or(""));
        new.push_str(&edit.text);
        done = edit.range.end;
    }
    new.push_str(text.get(done..).unwrap_or(""));
    new
}

/// True if `first` leaves nothing to `other` that it could change.
fn contradict(first: &Op, other: &Op) -> bool {
    let (Some(above), Some(below)) = (first.target(), other.target()) else { return false };
    let within = above.file == below.file
        && above.document == below.document
        && below.path.starts_with(&above.path);
    let same = within && above.path.len() == below.path.len();
    match (first, other) {
        (Op::Set(..), Op::Rename(..)) => within && !same,
        (Op::Remove(_) | Op::Set(..), _) => within,
        (Op::Rename(..), Op::Rename(..)) => same,
        (Op::Splice(_, a, _), Op::Splice(_, b, _)) => same && a.start <= b.end && b.start <= a.end,
        _ => false,
    }
}

/// True if `op` and one of `others` shape the same collection, so that one has to see what the other leaves.
fn neighbours(op: &Op, others: &[&Op]) -> bool {
    let shaped = |op: &Op| match op {
        Op::Insert(target, ..) | Op::Append(target, _) => Some(target.path.clone()),
        Op::Remove(target) => target.path.split_last().map(|(_, above)| above.to_vec()),
        _ => None,
    };
    shaped(op).is_some_and(|path| others.iter().any(|other| shaped(other).as_ref() == Some(&path)))
}

/// Ops whose edits touch, one after another, as one edit. Those that move what others name come last, from the
/// end of the file to its start.
fn in_turn(stream: &Stream<'_>, ops: &[&Op]) -> Result<Vec<Edit>, Refused> {
    let (mut ops, mut moving): (Vec<&Op>, Vec<&Op>) =
        ops.iter().partition(|op| matches!(op, Op::Set(..) | Op::Insert(..) | Op::Append(..)));
    moving.sort_by_key(|op| {
        let part = if let Op::Splice(_, part, _) = op { part.start } else { 0 };
        (!matches!(op, Op::Splice(..)), std::cmp::Reverse((op.target(), part)))
    });
    ops.extend(moving);
    let mut text = stream.text().to_owned();
    for op in ops {
        let edits = of_one(&parse(stream.file(), &text), op)?;
        text = spliced(&text, &edits);
    }
    Ok(difference(stream.text(), &text).into_iter().collect())
}

/// The smallest single edit that makes `new` of `old`.
fn difference(old: &str, new: &str) -> Option<Edit> {
    let common = |pairs: &mut dyn Iterator<Item = (char, char)>| -> usize {
        pairs.take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
    };
    let start = common(&mut old.chars().zip(new.chars()));
    let (old_rest, new_rest) = (old.get(start..)?, new.get(start..)?);
    let end = common(&mut old_rest.chars().rev().zip(new_rest.chars().rev()));
    let text = new_rest.get(..new_rest.len() - end)?;
    (old != new).then(|| Edit::new(start..old.len() - end, text))
}

/// The edits of one op, in order; those that touch are joined.
fn of_one(stream: &Stream<'_>, op: &Op) -> Result<Vec<Edit>, Refused> {
    let page = Page::new(stream);
    guard(stream, op)?;
    let inside = |target: &Target| {
        let spot = page.find(target)?;
        if page.node(spot.node).kind == Kind::Alias {
            return Refused::new("it is written elsewhere: an alias stands for it here");
        }
        Ok(spot)
    };
    let mut edits = match op {
        Op::Remove(target) => remove::remove(page, &page.find(target)?),
        Op::Set(target, value) => put::set(page, &page.find(target)?, value),
        Op::Insert(target, key, value) => put::insert(page, &inside(target)?, key, value),
        Op::Append(target, value) => put::append(page, &inside(target)?, value),
        Op::Rename(target, key) => scalar::rename(page, &page.find(target)?, key),
        Op::Splice(target, part, text) => scalar::splice(page, &inside(target)?, part, text),
        Op::Uncomment(part) => comment::remove(page, *part),
    }?;
    edits.sort_by_key(|edit| edit.range.start);
    let mut joined: Vec<Edit> = Vec::new();
    for edit in edits {
        match joined.last_mut() {
            Some(last) if last.range.end == edit.range.start => {
                last.range.end = edit.range.end;
                last.text.push_str(&edit.text);
            }
            Some(last) if last.touches(&edit) => return Refused::new("its place is unclear"),
            _ => joined.push(edit),
        }
    }
    Ok(joined)
}
