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
    let item = |sentence: &String| Element::new("li").text(sentence.as_str());
    let section = || {
        let list = Element::new("ul").children(sentences.iter().map(item));
        Element::new("section").child(Element::new("h2").text(heading)).child(list)
    };
    (!sentences.is_empty()).then(section)
}

fn figures(shown: &Shown<'_>) -> Element {
    let Table { columns, rows, total } = &shown.table;
    let body =
        rows.iter().map(|it| row(it, "stage")).chain(total.iter().map(|it| row(it, "total")));
    let table = Element::new("table")
        .children(caption(shown))
        .child(Element::new("thead").children(heads(columns)))
        .child(Element::new("tbody").children(body));
    // What scrolls must be in reach of the keyboard.
    let wide = Element::new("div")
        .with("class", "wide")
        .with("tabindex", "0")
        .with("role", "region")
        .with("aria-label", "Stages")
        .child(table);
    Element::new("section").child(Element::new("h2").text("Stages")).child(wide)
}

/// What a mean would hide.
fn caption(shown: &Shown<'_>) -> Option<Element> {
    let saturated = |it: &Reached| it.worst == Quantile::Saturated;
    let text = "Saturated minutes have no latency that the model could tell: means leave them out, the time above the \
                target counts them.";
    let any = shown.summary.total.goals.iter().any(saturated);
    any.then(|| Element::new("caption").with("class", "quiet").text(text))
}

/// Two rows: what neighbours have in common above their own names.
fn heads(columns: &[Column]) -> [Element; 2] {
    let cell = |class: &str, scope: &str, text: &str| {
        Element::new("th").with("class", class).with("scope", scope).text(text)
    };
    let mut upper = Element::new("tr").child(cell("name", "col", "stage").with("rowspan", "2"));
    let mut lower = Element::new("tr");
    for group in columns.chunk_by(|one, two| !one.group.is_empty() && one.group == two.group) {
        match group {
            [Column { group, name, .. }] if group.is_empty() => {
                upper = upper.child(cell("alone", "col", name).with("rowspan", "2"));
            }
            [first, ..] => {
                let head = cell("group", "colgroup", &first.group).with("colspan", group.len());
                upper = upper.child(head);
                lower = lower.children(group.iter().map(|column| cell("own", "col", column.name)));
            }
            [] => {}
        }
    }
    [upper, lower]
}

fn row(row: &Row, class: &str) -> Element {
    let name =
        Element::new("th").with("class", "name").with("scope", "row").text(row.name.as_str());
    let cells = row.cells.iter().map(|cell| Element::new("td").text(cell.as_str()));
    Element::new("tr").with("class", class).child(name).children(cells)
}
