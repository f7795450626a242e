//! The page: the picture, the stages in figures, what they tell, and what was taken for granted.

use super::Shown;
use super::markup::Element;
use super::picture::{Canvas, in_short, picture, title};
use super::style;
use crate::simulate::answer::{Column, Row, Table};
use crate::simulate::summary::{Quantile, Reached};

/// Nothing is loaded from anywhere; the empty icon keeps browsers from asking a server for one.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// The `html` element.
pub(super) fn page(shown: &Shown<'_>) -> Element {
    let title = title(shown);
    let meta = || Element::new("meta");
    let head = Element::new("head")
        .child(meta().with("charset", "utf-8"))
        .child(meta().with("http-equiv", "Content-Security-Policy").with("content", POLICY))
        .child(
            meta().with("name", "viewport").with("content", "width=device-width, initial-scale=1"),
        )
        .child(meta().with("name", "color-scheme").with("content", "light dark"))
        .child(Element::new("title").text(format!("{title} – slogen simulate")))
        .child(Element::new("link").with("rel", "icon").with("href", "data:,"))
        .child(Element::new("style").text(style::page()));
    let short = Element::new("p").with("class", "quiet").text(in_short(shown));
    let header = Element::new("header").child(Element::new("h1").text(title)).child(short);
    let main = Element::new("main")
        .child(header)
        .child(picture(shown, Canvas::PAGE))
        .child(picture(shown, Canvas::PHONE))
        .children(section("What decides", shown.findings))
        .child(figures(shown))
        .children(section("Taken for granted", &shown.assumptions));
    Element::new("html").with("lang", "en").child(head).child(Element::new("body").child(main))
}

fn section(heading: &str, sentences: &[String]) -> Option<Element> {
    let item = |sentence: &String| quoted(Element::new("li"), sentence);
    let section = || {
        let list = Element::new("ul").children(sentences.iter().map(item));
        Element::new("section").child(Element::new("h2").text(heading)).child(list)
    };
    (!sentences.is_empty()).then(section)
}

/// `sentence` in `element`, with what stands between backticks as the code that it is.
fn quoted(element: Element, sentence: &str) -> Element {
    let parts: Vec<&str> = sentence.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return element.text(sentence);
    }
    parts.into_iter().enumerate().fold(element, |element, (at, part)| match at % 2 {
        0 => element.text(part),
        _ => element.child(Element::new("code").text(part)),
    })
}

fn figures(shown: &Shown<'_>) -> Element {
    let Table { columns, rows, total } = &shown.table;
    let row = |class| move |it| row(it, columns, class);
    let body = rows.iter().map(row("stage")).chain(total.iter().map(row("total")));
    let table = Element::new("table")
        .child(Element::new("thead").children(heads(columns)))
        .child(Element::new("tbody").children(body));
    // What scrolls must be in reach of the keyboard.
    let wide = Element::new("div")
        .with("class", "wide")
        .with("tabindex", "0")
        .with("role", "region")
        .with("aria-label", "Stages")
        .child(table);
    let heading = Element::new("h2").text("Stages");
    Element::new("section").child(heading).children(remark(shown)).child(wide)
}

/// What a mean would hide.
fn remark(shown: &Shown<'_>) -> Option<Element> {
    let saturated = |it: &Reached| it.worst == Quantile::Saturated;
    let text = "Saturated minutes have no latency that the model could tell: means leave them out, the time above the \
                target counts them.";
    let any = shown.summary.total.goals.iter().any(saturated);
    any.then(|| Element::new("p").with("class", "quiet").text(text))
}

/// Two rows: what neighbours have in common above their own names.
fn heads(columns: &[Column]) -> [Element; 2] {
    let cell = |class: &str, scope: &str, text: &str| {
        Element::new("th").with("class", class).with("scope", scope).text(text)
    };
    let mut upper = Element::new("tr").child(cell("name", "col", "stage").with("rowspan", "2"));
    let mut lower = Element::new("tr");
    for group in groups(columns) {
        match group {
            [Column { group, name, .. }] if group.is_empty() => {
                upper = upper.child(cell("first", "col", name).with("rowspan", "2"));
            }
            [first, ..] => {
                let head =
                    cell("group first", "colgroup", &first.group).with("colspan", group.len());
                upper = upper.child(head);
                let own = |(at, column): (usize, &Column)| {
                    cell(if at == 0 { "first" } else { "own" }, "col", column.name)
                };
                lower = lower.children(group.iter().enumerate().map(own));
            }
            [] => {}
        }
    }
    [upper, lower]
}

/// Neighbours that have something in common, and those that stand alone.
fn groups(columns: &[Column]) -> impl Iterator<Item = &[Column]> {
    columns.chunk_by(|one, two| !one.group.is_empty() && one.group == two.group)
}

fn row(row: &Row, columns: &[Column], class: &str) -> Element {
    let name =
        Element::new("th").with("class", "name").with("scope", "row").text(row.name.as_str());
    let cell = |(cell, parted): (&String, bool)| {
        Element::new("td").with("class", if parted { "first" } else { "own" }).text(cell.as_str())
    };
    let parted = groups(columns).flat_map(|group| (0..group.len()).map(|at| at == 0));
    let cells = row.cells.iter().zip(parted).map(cell);
    Element::new("tr").with("class", class).child(name).children(cells)
}
