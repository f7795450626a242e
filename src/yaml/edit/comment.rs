//! Takes a comment out, or a part of one.

use std::ops::Range;

use super::page::Page;
use super::{Edit, Refused};
use crate::source::Span;

/// The comment that `part` is all of, or a part behind the `#`.
pub(super) fn whole(page: Page<'_>, part: Span) -> Result<Span, Refused> {
    let mut comments = page.stream.comments().map(|(whole, _)| whole);
    let found = comments.find(|whole| whole.start <= part.start && part.end <= whole.end);
    match found.filter(|whole| part == *whole || whole.start < part.start) {
        Some(whole) if part.start < part.end => Ok(whole),
        _ => Refused::new("no comment stands there"),
    }
}

/// A comment goes with its line, or with the blanks in front of it if something else stands there.
pub(super) fn remove(page: Page<'_>, part: Span) -> Result<Vec<Edit>, Refused> {
    let (start, end) = (part.start as usize, part.end as usize);
    let range = if part != whole(page, part)? {
        start..end
    } else if page.leads(start) {
        page.line_start(start)..page.next_line(end)
    } else {
        behind_value(page, start)..end
    };
    Ok(vec![Edit::delete(range)])
}

/// The bytes that the removal may touch: a whole comment from where something else ends on its line.
pub(super) fn footprint(page: Page<'_>, part: Span) -> Result<Range<usize>, Refused> {
    let (start, end) = (part.start as usize, part.end as usize);
    let all = part == whole(page, part)?;
    Ok(if all { behind_value(page, start)..page.next_line(end) } else { start..end })
}

/// Where the blanks in front of `at` start on its line.
fn behind_value(page: Page<'_>, at: usize) -> usize {
    page.line_start(at) + page.before(at).trim_end_matches([' ', '\t']).len()
}
