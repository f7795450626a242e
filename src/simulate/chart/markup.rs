//! Elements of SVG and HTML, written so that the text is well-formed XML and means the same to a reader of HTML.

use std::fmt::Display;

/// An element with its attributes and what is in it. Text is escaped when it is written.
#[derive(Clone, Debug)]
pub(super) struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    children: Vec<Child>,
}

#[derive(Clone, Debug)]
enum Child {
    Text(String),
    Element(Element),
}

/// Written `<name/>`. A reader of HTML takes the same of any other element for its start.
const CLOSED: [&str; 5] = ["line", "link", "meta", "path", "rect"];

/// Whose children stand on lines of their own: white space in there is nothing that anyone sees.
const SPACED: [&str; 14] = [
    "body", "defs", "div", "g", "head", "header", "html", "main", "section", "svg", "table",
    "tbody", "thead", "ul",
];

impl Element {
    /// An empty one.
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), children: Vec::new() }
    }

    /// With an attribute.
    pub(super) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.attributes.push((name, value.to_string()));
        self
    }

    /// With a length or a place on the canvas.
    pub(super) fn at(self, name: &'static str, value: f64) -> Self {
        self.with(name, place(value))
    }

    /// With text behind what it holds.
    pub(super) fn text(mut self, text: impl Into<String>) -> Self {
        self.children.push(Child::Text(text.into()));
        self
    }

    /// With an element behind what it holds.
    pub(super) fn child(self, child: Self) -> Self {
        self.children([child])
    }

    /// With elements behind what it holds.
    pub(super) fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children.into_iter().map(Child::Element));
        self
    }

    /// Appends it to `out`.
    pub(super) fn write(&self, out: &mut String) {
        out.push('<');
        out.push_str(self.name);
        for (name, value) in &self.attributes {
            out.push(' ');
            out.push_str(name);
            out.push_str("=\"");
            escape(value, out);
            out.push('"');
        }
        if self.children.is_empty() && CLOSED.contains(&self.name) {
            out.push_str("/>");
            return;
        }
        out.push('>');
        let spaced = SPACED.contains(&self.name);
        for child in &self.children {
            match child {
                Child::Text(text) => escape(text, out),
                Child::Element(element) => {
                    if spaced {
                        out.push('\n');
                    }
                    element.write(out);
                }
            }
        }
        if spaced {
            out.push('\n');
        }
        out.push_str("</");
        out.push_str(self.name);
        out.push('>');
    }
}

/// What XML 1.0 has no place for becomes U+FFFD, as readers show what they cannot read.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{0}'..='\u{8}'
            | '\u{b}'
            | '\u{c}'
            | '\u{e}'..='\u{1f}'
            | '\u{7f}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                out.push('\u{fffd}');
            }
            c => out.push(c),
        }
    }
}

/// A tenth of a pixel is finer than anyone sees.
pub(super) fn place(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    // Without the sign of a zero.
    (rounded + 0.0).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(element: &Element) -> String {
        let mut out = String::new();
        element.write(&mut out);
        out
    }

    #[test]
    fn nothing_in_a_text_is_markup() {
        let text = "a<b> & \"c\" ]]> \u{1b}[31m \u{0}é";
        let element = Element::new("p").with("title", text).text(text);
        let written = written(&element);
        assert_eq!(
            written,
            "<p title=\"a&lt;b&gt; &amp; &quot;c&quot; ]]&gt; \u{fffd}[31m \u{fffd}é\">a&lt;b&gt; &amp; &quot;c&quot; ]]&gt; \
             \u{fffd}[31m \u{fffd}é</p>"
        );
        let document = roxmltree::Document::parse(&written).unwrap();
        let readable = text.replace(['\u{0}', '\u{1b}'], "\u{fffd}");
        assert_eq!(document.root_element().text(), Some(readable.as_str()));
        assert_eq!(document.root_element().attribute("title"), Some(readable.as_str()));
    }

    #[test]
    fn empty_elements_are_what_html_takes_them_for() {
        assert_eq!(written(&Element::new("td")), "<td></td>");
        assert_eq!(written(&Element::new("rect").at("x", -0.01)), "<rect x=\"0\"/>");
    }

    #[test]
    fn places_are_short() {
        assert_eq!([0.04, 12.345, 12.0, -3.26].map(place), ["0", "12.3", "12", "-3.3"]);
    }
}
