//! Suppressions: comments on or above a line, comments for a file, annotations on objects. Each needs a reason;
//! one that hides nothing is a finding itself.
//!
//! ```yaml
//! replicas: 3 # slogen: ignore[scaling/static-replicas] the sale needs a fixed size
//! # slogen: ignore[hygiene/floating-image, resources] until=2027-01-01 why
//! # slogen: ignore-file[security] why
//! slogen.dev/ignore: "probes/missing-readiness: why; alerts: why"   # an annotation
//! ```

use std::ops::Range;

use rustc_hash::FxHashMap;

use crate::cluster::{Cluster, Object};
use crate::finding::{self, Finding, Fix, Op, Safety, Severity, Target};
use crate::rules::{self, Basis, Entry, Meta, RuleSet, custom};
use crate::source::{FileId, Files, Span};
use crate::yaml::Place;

/// A day, as (year, month, day).
pub type Day = (u16, u8, u8);

/// What a suppression covers.
#[derive(Debug)]
enum Scope {
    /// From this line to that one, counted from 1.
    Lines(usize, usize),
    /// The whole file.
    File,
    /// One object.
    Object(finding::Object),
}

/// A comment, or one `rule: why` of an annotation.
#[derive(Debug)]
struct Ignore {
    span: Span,
    /// The annotation that it is a part of; a comment is none.
    annotation: Option<Target>,
    scope: Scope,
    names: Vec<Name>,
    has_reason: bool,
    until: Option<Day>,
    /// What stands where a date should.
    no_date: Option<String>,
    /// It is for a whole file, and stands behind its first document's start.
    late: bool,
    object: Option<finding::Object>,
}

/// A rule or family that a suppression names.
#[derive(Debug)]
struct Name {
    text: String,
    span: Span,
    /// What goes where it alone goes: its bytes in the file, or those of `rule: why` in the text of an annotation.
    part: Range<usize>,
    used: bool,
}

/// Takes the findings of `rules` out that a suppression hides, and gives back how many. `today` decides what is past
/// its date. If the rule on suppressions is among `rules`, it adds what is wrong with these themselves.
pub fn apply(
    findings: &mut Vec<Finding>,
    cluster: &Cluster<'_>,
    files: &Files,
    today: Option<Day>,
    rules: &RuleSet,
) -> usize {
    let mut ignores = collect(cluster, files);
    let mut by_file: FxHashMap<FileId, Vec<usize>> = FxHashMap::default();
    for (index, ignore) in ignores.iter().enumerate() {
        by_file.entry(ignore.span.file).or_default().push(index);
    }
    let before = findings.len();
    findings.retain(|finding| {
        let here = by_file.get(&finding.primary.span.file).map_or(&[][..], Vec::as_slice);
        let mut hidden = false;
        for index in here {
            if let Some(ignore) = ignores.get_mut(*index) {
                hidden |= ignore.hides(finding, files, today);
            }
        }
        !hidden
    });
    let hidden = before - findings.len();
    if let Some(unused) = rules.get("hygiene/unused-ignore") {
        let meta = &unused.entry.meta;
        let ran = Ran { rules, partial: cluster.is_partial() };
        let together = |a: &Ignore, b: &Ignore| a.span == b.span && a.annotation == b.annotation;
        // Of what cannot be read nobody knows what would be found.
        let is_read = |file: FileId| {
            let mut inputs = cluster.inputs.iter().map(|input| &input.stream);
            inputs.any(|stream| stream.file() == file && stream.problems.is_empty())
        };
        for written in ignores.chunk_by(together) {
            let fix = |name: &Name| without(name, written, ran).filter(|_| is_read(name.span.file));
            findings.extend(written.iter().flat_map(|it| it.problems(meta, today, ran, &fix)));
        }
    }
    hidden
}

/// Which rules had their say.
#[derive(Clone, Copy)]
struct Ran<'r> {
    rules: &'r RuleSet,
    /// Only a part of the files is given, so that most rules may find more with the others.
    partial: bool,
}

impl Ran<'_> {
    /// The rules that `name` means: whether each ran, and whether it found all that it would find with any other files.
    fn say(self, name: &str) -> Vec<Say> {
        let of = |entry: &Entry| {
            let ran = self.rules.get(entry.meta.name).is_some();
            Say { ran, all: ran && (!self.partial || entry.meta.basis == Basis::Object) }
        };
        let built_in = rules::named(name).into_iter().map(of);
        let custom = self.rules.custom().iter();
        let custom =
            custom.filter(|rule| rule.name == name || name == custom::FAMILY).map(|rule| {
                let ran = rule.level.is_some();
                Say { ran, all: ran }
            });
        built_in.chain(custom).collect()
    }

    /// True if what `name` means reports nothing more than it did. What did not run may well have found something.
    fn is_done(self, name: &str) -> bool {
        let says = self.say(name);
        let mut on = says.iter().filter(|say| say.ran).peekable();
        on.peek().is_some() && on.all(|say| say.all)
    }

    /// True if there may be a rule of this name. Of the user's own rules, nobody knows without the configuration.
    fn may_know(self, name: &str) -> bool {
        let is_custom = custom::bare(name).is_some();
        self.rules.knows(name) || (is_custom && self.rules.custom().is_empty())
    }
}

/// What a rule had to say.
struct Say {
    /// It was asked.
    ran: bool,
    /// It found all that it would find with any other files.
    all: bool,
}

impl Ignore {
    fn is_complete(&self) -> bool {
        self.has_reason && self.no_date.is_none() && !self.late
    }

    fn is_over(&self, today: Option<Day>) -> bool {
        self.until.zip(today).is_some_and(|(until, today)| until < today)
    }

    fn hides(&mut self, finding: &Finding, files: &Files, today: Option<Day>) -> bool {
        let covered = match &self.scope {
            Scope::File => true,
            Scope::Object(object) => finding.object.as_ref() == Some(object),
            Scope::Lines(first, last) => {
                (*first..=*last).contains(&files.line(finding.primary.span))
            }
        };
        if !covered {
            return false;
        }
        let family = finding.rule.split_once('/').map(|(family, _)| family);
        let mut hidden = false;
        for name in &mut self.names {
            if name.text == finding.rule || Some(name.text.as_str()) == family {
                name.used = true;
                hidden = true;
            }
        }
        hidden && self.is_complete() && !self.is_over(today)
    }

    fn problems(
        &self,
        meta: &'static Meta,
        today: Option<Day>,
        ran: Ran<'_>,
        fix: &dyn Fn(&Name) -> Option<Fix>,
    ) -> Vec<Finding> {
        let report = |span: Span, message: String, help: String| Finding {
            severity: Severity::Warning,
            object: self.object.clone(),
            ..Finding::error(meta.name, span, message).help(help)
        };
        if !self.has_reason {
            let message = "this suppression gives no reason, so it hides nothing".to_owned();
            let help = "write why behind the brackets: `# slogen: ignore[rule] why`".to_owned();
            return vec![report(self.span, message, help)];
        }
        if self.names.is_empty() {
            let message = "this suppression names no rule, so it hides nothing".to_owned();
            let help =
                "name rules or families in brackets: `# slogen: ignore[rule] why`".to_owned();
            return vec![report(self.span, message, help)];
        }
        if let Some(text) = &self.no_date {
            let message = format!("`{text}` is no date, so this suppression hides nothing");
            let help = "write year, month and day: `until=2027-01-31`".to_owned();
            return vec![report(self.span, message, help)];
        }
        if self.late {
            let message =
                "this suppression stands behind the start of the first document, so it hides nothing"
                    .to_owned();
            let help = "move it to the top of the file".to_owned();
            return vec![report(self.span, message, help)];
        }
        if self.is_over(today)
            && let Some((year, month, day)) = self.until
        {
            let message = format!("this suppression ended on {year:04}-{month:02}-{day:02}");
            let help = "mend what it hid, or move the date with a new reason".to_owned();
            return vec![report(self.span, message, help)];
        }
        let is_idle = |name: &&Name| !ran.may_know(&name.text) || ran.is_done(&name.text);
        let unused = self.names.iter().filter(|name| !name.used).filter(is_idle);
        unused
            .map(|name| {
                let (text, span) = (&name.text, name.span);
                if !ran.may_know(text) {
                    let message = format!("there is no rule `{text}`");
                    return report(span, message, ran.rules.unknown(text));
                }
                let message = format!("`{text}` reports nothing here, so there is nothing to hide");
                let fix = fix(name);
                let help = fix.as_ref().map_or("remove the suppression", |fix| &fix.title);
                let help = help.to_owned();
                Finding { fix, ..report(span, message, help) }
            })
            .collect()
    }
}

impl Name {
    /// True if all that it could hide was looked for and not found.
    fn is_spare(&self, ran: Ran<'_>) -> bool {
        let says = ran.say(&self.text);
        !self.used && !says.is_empty() && says.iter().all(|say| say.all)
    }
}

/// Takes `name` out of the comment or annotation that `written` are, or all of this if nothing of it is of use.
fn without(name: &Name, written: &[Ignore], ran: Ran<'_>) -> Option<Fix> {
    let Ignore { span, annotation, .. } = written.first().filter(|_| name.is_spare(ran))?;
    let names: Vec<&Name> = written.iter().flat_map(|ignore| &ignore.names).collect();
    let all = written.iter().all(|it| it.has_reason) && names.iter().all(|it| it.is_spare(ran));
    let (title, op) = if all {
        let op = match annotation {
            Some(target) => Op::Remove(target.clone()),
            None => Op::Uncomment(*span),
        };
        ("remove the suppression".to_owned(), op)
    } else {
        // Its separator goes too: that behind it, or for the last one that in front of it.
        let at = names.iter().position(|other| std::ptr::eq(*other, name))?;
        let part = match names.get(at + 1) {
            Some(next) => name.part.start..next.part.start,
            None => names.get(at.checked_sub(1)?)?.part.end..name.part.end,
        };
        let op = if let Some(target) = annotation {
            Op::Splice(target.clone(), part, String::new())
        } else {
            let at = |byte: usize| u32::try_from(byte).ok();
            Op::Uncomment(Span { start: at(part.start)?, end: at(part.end)?, ..*span })
        };
        (format!("remove `{}` from the suppression", name.text), op)
    };
    Some(Fix { title, safety: Safety::Safe, ops: vec![op] })
}

fn collect(cluster: &Cluster<'_>, files: &Files) -> Vec<Ignore> {
    let mut found = Vec::new();
    for input in cluster.inputs {
        for (span, text) in input.stream.comments() {
            if let Some(mut ignore) = of_comment(span, text, files) {
                let content = input.stream.documents().next().map(Place::span);
                ignore.late = matches!(ignore.scope, Scope::File)
                    && content.is_some_and(|content| content.start < span.start);
                found.push(ignore);
            }
        }
    }
    for object in cluster.objects() {
        if let Some(place) = object.at("metadata/annotations").and_then(|map| map.get(ANNOTATION))
            && !place.is_embedded()
        {
            found.extend(of_annotation(object, place));
        }
    }
    // What a suppression above a multi-line scalar covers is known once the places are.
    widen(&mut found, cluster, files);
    found
}

/// The annotation that suppresses findings about its object.
pub const ANNOTATION: &str = "slogen.dev/ignore";

/// `# slogen: ignore[names] until=DAY reason`
fn of_comment(span: Span, text: &str, files: &Files) -> Option<Ignore> {
    let body = text.trim_start_matches('#').trim_start().strip_prefix("slogen:")?.trim_start();
    let rest = body.strip_prefix("ignore")?;
    let (whole_file, rest) = match rest.strip_prefix("-file") {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let (names, rest) = match rest.trim_start().strip_prefix('[').and_then(|it| it.split_once(']'))
    {
        Some((names, rest)) => (names, rest),
        None => ("", rest),
    };
    // The date may stand behind the reason, too; separators are no reason.
    let date = rest.split_whitespace().find_map(|word| word.strip_prefix("until="));
    let until = date.and_then(parse_day);
    let has_reason = rest
        .split_whitespace()
        .filter(|word| !word.starts_with("until="))
        .any(|word| word.contains(|c: char| !"-:–—".contains(c)));
    let names = split(names, ',').map(|name| {
        let start = span.start + u32::try_from(within(text, name).start).unwrap_or(0);
        let end = start + u32::try_from(name.len()).unwrap_or(0);
        Name {
            text: name.to_owned(),
            span: Span { start, end, ..span },
            part: start as usize..end as usize,
            used: false,
        }
    });
    let scope = if whole_file {
        Scope::File
    } else {
        let line = covered_line(files, span);
        Scope::Lines(line, line)
    };
    Some(Ignore {
        span,
        annotation: None,
        scope,
        names: names.collect(),
        has_reason,
        until,
        no_date: date.filter(|_| until.is_none()).map(str::to_owned),
        late: false,
        object: None,
    })
}

/// The comment's own line, if something else stands there; else the next one that is no comment and not empty.
fn covered_line(files: &Files, span: Span) -> usize {
    let file = files.get(span.file);
    let line = files.line(span);
    let before = file.text.get(..span.start as usize).unwrap_or("");
    let alone = before.rsplit('\n').next().unwrap_or("").trim().is_empty();
    if !alone {
        return line;
    }
    let below = file.text.get(span.end as usize..).unwrap_or("").lines().skip(1);
    let skipped = below.take_while(|line| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#')
    });
    line + 1 + skipped.count()
}

/// `rule: why; other-rule: why`
fn of_annotation<'a>(object: &Object<'a>, place: Place<'a>) -> Vec<Ignore> {
    let Some(text) = place.text() else { return Vec::new() };
    let parts = split(text, ';');
    parts
        .map(|part| {
            let (name, reason) = part.split_once(':').unwrap_or((part, ""));
            let name = name.trim();
            let name = Name {
                text: name.to_owned(),
                span: place.part_line(within(text, name)),
                part: within(text, part),
                used: false,
            };
            Ignore {
                span: place.primary(),
                annotation: Some(place.target()),
                scope: Scope::Object(object.identity()),
                names: vec![name],
                has_reason: !reason.trim().is_empty(),
                until: None,
                no_date: None,
                late: false,
                object: Some(object.identity()),
            }
        })
        .collect()
}

/// The bytes of `text` that `part`, a slice of it, is.
fn within(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - text.as_ptr() as usize;
    start..start + part.len()
}

fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    text.split(separator).map(str::trim).filter(|part| !part.is_empty())
}

/// `YYYY-MM-DD`
pub fn parse_day(text: &str) -> Option<Day> {
    let mut parts = text.split('-');
    let year = parts.next().filter(|year| year.len() == 4)?.parse().ok()?;
    let month = parts.next()?.parse().ok().filter(|month| (1..=12).contains(month))?;
    let day = parts.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    parts.next().is_none().then_some((year, month, day))
}

/// A comment cannot stand inside a block scalar: one on its first line covers all of it.
fn widen(ignores: &mut [Ignore], cluster: &Cluster<'_>, files: &Files) {
    let mut wanted: FxHashMap<FileId, Vec<&mut Ignore>> = FxHashMap::default();
    for ignore in ignores {
        if matches!(ignore.scope, Scope::Lines(..)) {
            wanted.entry(ignore.span.file).or_default().push(ignore);
        }
    }
    if wanted.is_empty() {
        return;
    }
    for input in cluster.inputs {
        let Some(ignores) = wanted.get_mut(&input.stream.file()) else { continue };
        for span in input.stream.long_scalars() {
            let first = files.line(span);
            let last =
                files.line(Span { start: span.end.saturating_sub(1).max(span.start), ..span });
            for ignore in ignores.iter_mut() {
                if let Scope::Lines(from, to) = &mut ignore.scope
                    && *from == first
                {
                    *to = last.max(*to);
                }
            }
        }
    }
}
