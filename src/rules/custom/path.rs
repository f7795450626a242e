//! The `path` of a rule: from the root of an object to the values that it is about.

use crate::cluster::Object;
use crate::source::Span;
use crate::yaml::Place;

use super::{Part, Problem};

/// Keys and items, as Kubernetes' messages write them: `spec.containers[0].image`. `[*]` means every item or entry,
/// `['a.b/c']` a key that is no word. The empty path is the object itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Item(usize),
    Each,
}

impl Path {
    /// Reads a path.
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let mut steps = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let rest = text.get(at..).unwrap_or("");
            let (step, length) = step(rest, steps.is_empty()).map_err(|what| Problem {
                part: Part::Path,
                range: Some(at..text.len()),
                message: format!("`{text}` is no path: {what}"),
                help: "write keys with dots between them, `[0]` for an item, `[*]` for each, `['a.b/c']` for a key \
                       that is no word, such as `spec.template.spec.containers[*].image`"
                    .to_owned(),
            })?;
            steps.push(step);
            at += length;
        }
        Ok(Self(steps))
    }

    /// The values that it leads to below `root`, null ones left out.
    pub(super) fn places<'a>(&self, root: Place<'a>) -> Vec<Place<'a>> {
        self.0.iter().fold(vec![root], |places, step| {
            places.into_iter().flat_map(|place| step.below(place)).collect()
        })
    }

    /// Where to report on `object` as a whole: the first of `places`; where there is none, the key of the nearest
    /// mapping that there is (rules.md 2.17).
    pub(super) fn spot(&self, object: &Object<'_>, places: &[Place<'_>]) -> Span {
        let nearest = || {
            let mut place = object.root;
            for step in &self.0 {
                match step.below(place).first() {
                    Some(next) => place = *next,
                    None => break,
                }
            }
            place
        };
        let place = places.first().copied().unwrap_or_else(nearest);
        if place == object.root { object.spot() } else { place.primary() }
    }
}

impl Step {
    fn below<'a>(&self, place: Place<'a>) -> Vec<Place<'a>> {
        match self {
            Self::Key(key) => place.get(key).into_iter().collect(),
            Self::Item(index) => {
                place.items().nth(*index).filter(|it| !it.is_null()).into_iter().collect()
            }
            Self::Each => {
                let entries = place.entries().into_iter().map(|(_, value)| value);
                place.items().chain(entries).filter(|it| !it.is_null()).collect()
            }
        }
    }
}

/// The first step of `text`, and how many bytes it takes.
fn step(text: &str, is_first: bool) -> Result<(Step, usize), String> {
    if let Some(inner) = text.strip_prefix('[') {
        if let Some(quote) = inner.chars().next().filter(|c| matches!(c, '\'' | '"')) {
            let key = inner.get(1..).unwrap_or("");
            let end = key.find(quote).ok_or_else(|| format!("{quote} is never closed"))?;
            if !key.get(end + 1..).unwrap_or("").starts_with(']') {
                return Err(format!("after the closing {quote} stands no `]`"));
            }
            return Ok((Step::Key(key.get(..end).unwrap_or("").to_owned()), end + 4));
        }
        let end = inner.find(']').ok_or("`[` is never closed")?;
        let word = inner.get(..end).unwrap_or("");
        let step = match word {
            "*" => Step::Each,
            _ => Step::Item(
                word.parse().map_err(|_| format!("`[{word}]` is neither a number nor `*`"))?,
            ),
        };
        return Ok((step, end + 2));
    }
    let (dot, rest) = match text.strip_prefix('.') {
        Some(_) if is_first => return Err("it starts with a dot".to_owned()),
        Some(rest) => (1, rest),
        None if is_first => (0, text),
        None => return Err(format!("before `{text}` stands no dot")),
    };
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    let key = rest.get(..end).unwrap_or("");
    match key.chars().find(|c| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '$'))) {
        Some(other) => Err(format!("`{other}` cannot stand in a key without quotes")),
        None if key.is_empty() => Err("a key is missing".to_owned()),
        None => Ok((Step::Key(key.to_owned()), dot + end)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read() {
        let key = |text: &str| Step::Key(text.to_owned());
        let read = |text: &str| Path::parse(text).map(|path| path.0);
        assert_eq!(read(""), Ok(vec![]));
        assert_eq!(
            read("spec.containers[*].ports[0]['a.b/c'][\"d\"].e-f"),
            Ok(vec![
                key("spec"),
                key("containers"),
                Step::Each,
                key("ports"),
                Step::Item(0),
                key("a.b/c"),
                key("d"),
                key("e-f")
            ])
        );
        for (text, at, what) in [
            (".spec", 0, "starts with a dot"),
            ("spec.", 4, "a key is missing"),
            ("spec..a", 4, "a key is missing"),
            ("a[", 1, "never closed"),
            ("a[-1]", 1, "neither a number"),
            ("a['b]", 1, "never closed"),
            ("a['b'c]", 1, "no `]`"),
            ("a[0]b", 4, "no dot"),
            ("a/b", 0, "cannot stand"),
        ] {
            let problem = Path::parse(text).unwrap_err();
            assert_eq!(problem.range.unwrap().start, at, "{text}");
            assert!(problem.message.contains(what), "{text}: {}", problem.message);
        }
    }
}
