//! Legends, and how wide text is.

use super::markup::Element;

/// How a line, or what stands for it, looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// A line.
    Line,
    /// A thick one.
    Thick,
    /// A line with a shade below.
    Area,
    /// The same with a line broad enough to be seen below another one.
    Broad,
    /// A dashed line.
    Dashed,
    /// A thin dotted one.
    Dotted,
    /// No line but a hatched stretch.
    Hatched,
}

impl Look {
    /// Its classes.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Line | Self::Area => "line",
            Self::Thick | Self::Broad => "line thick",
            Self::Dashed => "thin dashed",
            Self::Dotted => "thin dotted",
            Self::Hatched => "hatch thin",
        }
    }
}

/// An entry of a legend.
#[derive(Clone, Debug)]
pub(super) struct Key {
    /// The class of its colour.
    pub(super) class: &'static str,
    /// How it looks.
    pub(super) look: Look,
    /// What it stands for.
    pub(super) label: String,
}

/// Height of a row in pixels.
pub(super) const ROW: f64 = 17.0;

const SWATCH: f64 = 20.0;
const GAP: f64 = 16.0;
const SIZE: f64 = 11.0;

impl Key {
    fn width(&self) -> f64 {
        SWATCH + 5.0 + width(&self.label, SIZE)
    }

    fn draw(&self, x: f64, y: f64) -> Element {
        let middle = y - 4.0;
        let line = Element::new("line").with("class", self.look.class());
        let line = line.at("x1", x).at("x2", x + SWATCH).at("y1", middle).at("y2", middle);
        let field = Element::new("rect").at("x", x).at("width", SWATCH);
        let marks = match self.look {
            Look::Hatched => vec![field.with("class", "hatch").at("y", y - 9.0).at("height", 10.0)],
            Look::Area | Look::Broad => {
                vec![field.with("class", "area").at("y", middle).at("height", 5.0), line]
            }
            Look::Line | Look::Thick | Look::Dashed | Look::Dotted => vec![line],
        };
        let label = Element::new("text").with("class", "ink small").at("x", x + SWATCH + 5.0);
        let label = label.at("y", y).text(self.label.as_str());
        Element::new("g").with("class", self.class).children(marks).child(label)
    }
}

/// `keys` in rows that end at `right`, and their number. The first row begins at `left` at the earliest, others at 0.
pub(super) fn legend(keys: &[Key], left: f64, right: f64, baseline: f64) -> (Element, u32) {
    let mut rows: Vec<(f64, Vec<&Key>)> = vec![(0.0, Vec::new())];
    for key in keys {
        let wide = key.width() + GAP;
        let start = if rows.len() == 1 { left } else { 0.0 };
        match rows.last_mut() {
            Some((used, row)) if row.is_empty() || start + *used + wide <= right + GAP => {
                *used += wide;
                row.push(key);
            }
            _ => rows.push((wide, vec![key])),
        }
    }
    let mut group = Element::new("g").with("class", "legend");
    let mut count = 0;
    for (used, row) in rows {
        let mut x = right + GAP - used;
        let y = baseline + f64::from(count) * ROW;
        for key in row {
            group = group.child(key.draw(x, y));
            x += key.width() + GAP;
        }
        count += 1;
    }
    (group, count)
}

/// About how wide `text` is at `size`, in one of the wider fonts that browsers have: `DejaVu Sans`.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(|c| share(c) * size).sum()
}

fn share(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 0.32,
        'f' | 'r' | 't' | ' ' | '-' | '(' | ')' | '/' | '[' | ']' => 0.39,
        'm' | 'w' | 'M' | 'W' | '%' | '@' | '<' | '>' | '=' | '+' | '±' => 0.9,
        'A'..='Z' => 0.7,
        // Beyond them scripts whose characters fill a square are more frequent than others.
        '\u{0}'..='\u{10ff}' => 0.62,
        _ => 1.0,
    }
}

/// As much of `text` as `room` has space for, with `…` where some is left out; nothing where too little is left.
pub(super) fn fitted(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut used = size;
    let fits = |c: &char| {
        used += share(*c) * size;
        used <= room
    };
    let start: String = text.chars().take_while(fits).collect();
    let start = start.trim_end();
    if start.chars().count() < 3 { String::new() } else { format!("{start}…") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ends_where_its_room_does() {
        assert_eq!(fitted("50 users", 11.0, 60.0), "50 users");
        assert_eq!(fitted("a stage with a long name", 11.0, 66.0), "a stage…");
        assert_eq!(fitted("50 users", 11.0, 20.0), "");
    }

    #[test]
    fn a_long_legend_has_several_rows() {
        let key = |label: &str| Key { class: "load", look: Look::Line, label: label.to_owned() };
        let few = [key("one"), key("two")];
        assert_eq!(legend(&few, 200.0, 800.0, 0.0).1, 1);
        let many: Vec<_> = (0..10).map(|at| key(&format!("p99 of goal {at}"))).collect();
        assert_eq!(legend(&many, 200.0, 800.0, 0.0).1, 2);
        assert!(legend(&many, 200.0, 400.0, 0.0).1 > 2);
        assert_eq!(legend(&[], 200.0, 800.0, 0.0).1, 1);
    }
}
