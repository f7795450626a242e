//! Texts as people write them: objects and lists in every style that the fast reader knows, and what becomes of
//! them by a slip of the hand.

use proptest::collection::vec;
use proptest::prelude::*;

/// What a text says.
#[derive(Clone, Debug)]
enum Tree {
    /// A scalar as it is written on one line of a block.
    Scalar(String),
    /// A scalar as it is written in a flow collection.
    Flow(String),
    /// Lines of a plain or quoted scalar.
    Folded(Vec<String>),
    /// A header, lines and how many blank ones follow.
    Block(String, Vec<String>),
    Map(Vec<(String, Tree)>),
    List(Vec<Tree>),
    Nothing,
}

/// Texts of one or several documents, all of which the fast reader takes.
pub(super) fn manifests() -> impl Strategy<Value = String> {
    let document = (vec((key(), tree()), 1..5), vec(any::<u8>(), 0..60), 0..4_usize);
    let head = prop_oneof![3 => Just(""), 1 => Just("# head\n\n"), 1 => Just("---\n"), 1 => Just("\u{feff}")];
    let line_end = prop_oneof![4 => Just("\n"), 1 => Just("\r\n")];
    let separator =
        prop_oneof![Just("---\n"), Just("--- # next\n"), Just("...\n---\n"), Just("---\n\n---\n")];
    let last = prop_oneof![4 => Just(true), 1 => Just(false)];
    (vec((document, separator), 1..4), head, line_end, last).prop_map(
        |(documents, head, line_end, last)| {
            let mut text = head.to_owned();
            for (index, ((entries, choices, indent), separator)) in
                documents.into_iter().enumerate()
            {
                if index > 0 {
                    text.push_str(separator);
                }
                let mut writer = Writer { text, choices, next: 0 };
                writer.entries(&entries, indent, false);
                text = writer.text;
            }
            if !last {
                text.truncate(text.trim_end_matches('\n').len());
            }
            text.replace('\n', line_end)
        },
    )
}

/// The same with something wrong in it, or perhaps not.
pub(super) fn mutated() -> impl Strategy<Value = String> {
    let change = (0..12_u8, any::<prop::sample::Index>(), any::<prop::sample::Index>(), snippet());
    (manifests(), vec(change, 1..4)).prop_map(|(mut text, changes)| {
        for (kind, at, other, snippet) in changes {
            text = mutate(&text, kind, at, other, &snippet);
        }
        text
    })
}

/// Signs that mean something, somewhere.
pub(super) fn snippet() -> impl Strategy<Value = String> {
    let sign = prop::sample::select(vec![
        ": ", ":", " #", "#", "\t", "- ", "-", "? ", "&a ", "*a", "!!str ", "!x", "|", ">", "|-\n",
        ">2+\n", "'", "\"", "\\", "\\n", "\\u00e9", "\\\n", "[", "]", "{", "}", ",", "[a, b]",
        "{a: b}", "\r", "\r\n", "\n", "\n\n", "---", "\n---\n", "...", "\n...\n", "%", "@", "`",
        "\u{feff}", "\u{85}", "\u{a0}", "\u{2028}", "\u{7f}", "\0", " ", "  ", "    ", "é", "<<: ",
        "null", "a", "a: b\n", "- a\n", "''", "\"\"",
    ]);
    prop_oneof![4 => sign.prop_map(str::to_owned), 1 => "[ -~\\n]{0,4}"]
}

type Index = prop::sample::Index;

fn mutate(text: &str, kind: u8, at: Index, other: Index, snippet: &str) -> String {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    if lines.is_empty() {
        return snippet.to_owned();
    }
    let line = at.index(lines.len());
    let spaced = " ".repeat(1 + other.index(4)) + lines[line];
    match kind {
        0 => drop(lines.remove(line)),
        1 => lines.insert(other.index(lines.len()), lines[line]),
        2 => lines.swap(line, other.index(text.len()) % text.lines().count()),
        3 => lines[line] = &spaced,
        4 => lines[line] = lines[line].trim_start_matches(' '),
        5 => lines[line] = lines[line].strip_prefix(' ').unwrap_or(lines[line]),
        _ => {
            let boundary = |index: Index| {
                let at = index.index(text.len() + 1);
                (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
            };
            let from = boundary(at);
            // Few bytes go, or none.
            let gone: usize = text[from..].chars().take(other.index(4)).map(char::len_utf8).sum();
            let to = if kind < 10 { from } else { from + gone };
            return [&text[..from], if kind == 11 { "" } else { snippet }, &text[to..]].concat();
        }
    }
    lines.concat()
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[a-z][a-zA-Z./_-]{0,8}",
        1 => "\"[a-z :#é]{0,6}\"",
        1 => "'[a-z :#{]{0,6}'",
        1 => "[a-z0-9]:[a-z#]",
        1 => prop::sample::select(vec!["a b", "-x", "<<", "é", "1", "true", "a", "a", "name", "x[0]"]).prop_map(str::to_owned),
    ]
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[a-zA-Z0-9./_é][a-zA-Z0-9./_é:#,{}\\[\\]&*!|>%@'\"-]{0,8}[a-zA-Z0-9\\]}]",
        2 => "[a-z]{1,3}( [a-z,\\]}-]{1,3}){1,3}",
        2 => "'([a-z :#\"\\\\{}é-]|''){0,8}'",
        2 => "\"([a-z :#'{}é-]|\\\\[nt\"\\\\/ e0_NLP]|\\\\x4[0-9a-f]|\\\\u00e9){0,8}\"",
        1 => prop::sample::select(vec![
            "1", "-1", "0644", "~", "null", "yes", "{{ x }}", "\u{1F600}", "-a", "http://a:80/b#c", "''", "\"\"",
        ])
        .prop_filter("flow", |text| !text.starts_with('{'))
        .prop_map(str::to_owned),
    ]
}

fn flow() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        3 => "[a-z0-9./_é][a-z0-9./_é:#-]{0,5}[a-z0-9]",
        1 => "'([a-z :#,\\[{}]|''){0,5}'",
        1 => "\"([a-z :#,\\]{}]|\\\\n){0,5}\"",
        1 => Just("a b".to_owned()),
    ];
    let blank = || prop::sample::select(vec!["", "", " ", "  "]);
    scalar
        .prop_recursive(3, 12, 3, move |inner| {
            let entry = (inner.clone(), flow_key(), blank())
                .prop_map(|(value, key, blank)| format!("{key}: {blank}{value}"));
            let lone = flow_key().prop_map(|key| key.trim().to_owned());
            let comma = prop::sample::select(vec!["", ","]);
            prop_oneof![
                (vec(inner, 0..3), blank(), blank(), comma.clone()).prop_map(
                    |(items, a, b, comma)| {
                        let comma = if items.is_empty() { "" } else { comma };
                        format!("[{a}{}{b}{comma}{a}]", items.join(&format!("{b},{a}")))
                    }
                ),
                (vec(prop_oneof![4 => entry, 1 => lone], 0..3), blank(), blank(), comma).prop_map(
                    |(entries, a, b, comma)| {
                        let comma = if entries.is_empty() { "" } else { comma };
                        format!("{{{a}{}{b}{comma}{a}}}", entries.join(&format!("{b},{a}")))
                    }
                ),
            ]
        })
        .prop_filter("only collections", |text| text.starts_with(['[', '{']))
}

fn flow_key() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-z][a-z.]{0,4}", 1 => "\"[a-z:]{0,4}\" ?", 1 => "'[a-z,]{0,4}'"]
}

fn folded() -> impl Strategy<Value = Vec<String>> {
    let quoted = |quote: &'static str| {
        vec("[a-z:#{é-]{1,3}( [a-z:,-]{1,3}){0,2}", 2..4).prop_map(move |mut lines| {
            lines[0].insert_str(0, quote);
            if let Some(last) = lines.last_mut() {
                last.push_str(quote);
            }
            lines
        })
    };
    prop_oneof![
        vec("[a-z][a-z,é-]{0,3}( [a-z,é-]{1,2}[a-z#]){0,2}", 2..4),
        quoted("'"),
        quoted("\"")
    ]
}

fn block() -> impl Strategy<Value = Tree> {
    let line = prop_oneof![
        5 => "[a-z#:{é'\"-][a-z#:{é'\" -]{0,8}",
        1 => "",
        1 => "[a-z]  ",
        1 => "[a-z]\t[a-z]",
    ];
    let deeper = prop_oneof![1 => " {1,3}[a-z- ]{0,4}", 1 => "\t[a-z]?", 3 => line.clone()];
    let header = "[|>][-+]?( ?| # c| {2})";
    (header, "[a-z]{1,4}", vec(deeper, 0..5), vec(Just(String::new()), 0..3)).prop_map(
        |(header, first, mut lines, blank)| {
            lines.insert(0, first);
            lines.extend(blank);
            Tree::Block(header, lines)
        },
    )
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        6 => scalar().prop_map(Tree::Scalar),
        2 => flow().prop_map(Tree::Flow),
        1 => folded().prop_map(Tree::Folded),
        2 => block(),
        1 => Just(Tree::Nothing),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            2 => vec((key(), inner.clone()), 1..4).prop_map(Tree::Map),
            1 => vec(inner, 1..4).prop_map(Tree::List),
        ]
    })
}

/// Writes a tree, taking the choices that YAML leaves from a list.
struct Writer {
    text: String,
    choices: Vec<u8>,
    next: usize,
}

impl Writer {
    /// One of `count`; 0 once there are no choices left.
    fn choose(&mut self, count: u8) -> u8 {
        self.next += 1;
        self.choices.get(self.next - 1).map_or(0, |choice| choice % count)
    }

    fn spaces(&mut self, count: usize) {
        self.text.extend(std::iter::repeat_n(' ', count));
    }

    fn end_line(&mut self) {
        let end = match self.choose(12) {
            1 => " # note: one {two\n",
            2 => "  \n",
            3 => "\n\n",
            4 => "\n   \n",
            5 => "\n  # of its own\n",
            6 => "\t# tab\n",
            _ => "\n",
        };
        self.text.push_str(end);
    }

    fn entries(&mut self, entries: &[(String, Tree)], column: usize, started: bool) {
        for (index, (key, value)) in entries.iter().enumerate() {
            if index > 0 || !started {
                self.spaces(column);
            }
            self.text.push_str(key);
            if self.choose(12) == 1 {
                self.text.push(' ');
            }
            self.text.push(':');
            self.value(value, column, true);
        }
    }

    fn items(&mut self, items: &[Tree], column: usize, started: bool) {
        for (index, item) in items.iter().enumerate() {
            if index > 0 || !started {
                self.spaces(column);
            }
            self.text.push('-');
            self.value(item, column, false);
        }
    }

    /// Writes what stands behind a colon or dash of a block at `column`.
    fn value(&mut self, value: &Tree, column: usize, key: bool) {
        let blanks = if self.choose(8) == 1 { 2 } else { 1 };
        let inner = column + 1 + usize::from(self.choose(3));
        match value {
            Tree::Nothing => self.end_line(),
            Tree::Scalar(text) => {
                if self.choose(12) == 1 {
                    self.end_line();
                    self.spaces(inner);
                } else {
                    self.spaces(blanks);
                }
                self.text.push_str(text);
                self.end_line();
            }
            Tree::Flow(text) => {
                self.spaces(blanks);
                let separator = if self.choose(4) == 1 { ", " } else { "\n" };
                let lines = text.split_inclusive(separator);
                for (index, line) in lines.enumerate() {
                    if index > 0 {
                        self.end_line();
                        self.spaces(inner);
                    }
                    self.text.push_str(line);
                }
                self.end_line();
            }
            Tree::Folded(lines) => {
                self.spaces(blanks);
                for (index, line) in lines.iter().enumerate() {
                    if index > 0 {
                        let end = ["\n", " \n", "\n\n"][usize::from(self.choose(3))];
                        self.text.push_str(end);
                        self.spaces(inner);
                    }
                    self.text.push_str(line);
                }
                self.end_line();
            }
            Tree::Block(header, lines) => {
                self.spaces(blanks);
                let (style, rest) = header.split_at(1);
                self.text.push_str(style);
                if self.choose(4) == 1 {
                    self.text.push_str(&(inner - column).to_string());
                }
                self.text.push_str(rest);
                self.text.push('\n');
                for line in lines {
                    if !line.is_empty() {
                        self.spaces(inner);
                    }
                    self.text.push_str(line);
                    self.text.push('\n');
                }
            }
            Tree::Map(entries) => {
                let compact = !key && self.choose(4) > 0;
                self.nested(compact, blanks, |writer, started| {
                    let column = if started { column + 1 + blanks } else { inner };
                    writer.entries(entries, column, started);
                });
            }
            Tree::List(items) => {
                let compact = !key && self.choose(4) > 0;
                let hanging = key && self.choose(2) == 0;
                self.nested(compact, blanks, |writer, started| {
                    let deeper = if started { column + 1 + blanks } else { inner };
                    writer.items(items, if hanging { column } else { deeper }, started);
                });
            }
        }
    }

    fn nested(&mut self, compact: bool, blanks: usize, write: impl FnOnce(&mut Self, bool)) {
        if compact {
            self.spaces(blanks);
        } else {
            self.end_line();
        }
        write(self, compact);
    }
}
