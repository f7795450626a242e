//! Changing values of a TOML text while all else stays as it was written: comments, order, blanks, forms of tables.

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, TomlError, Value};

/// `text` with `value`, which is TOML, at `keys`; tables that are missing are added. `Err` says what is in the way.
pub fn with(text: &str, keys: &[&str], value: &str) -> Result<String, String> {
    let wrong = |error: TomlError| format!("`{}`: {}", keys.join("."), error.message());
    let value: Value = value.parse().map_err(wrong)?;
    let (mark, body) = match text.strip_prefix(MARK) {
        Some(body) => (MARK, body),
        None => ("", text),
    };
    let mut document: DocumentMut = body.parse().map_err(wrong)?;
    set(document.as_table_mut(), Form::Header, keys, value)
        .map_err(|key| format!("`{key}` is no table, so `{}` cannot be set", keys.join(".")))?;
    let edited = document.to_string();
    let edited = if body.contains("\r\n") {
        edited.replace("\r\n", "\n").replace('\n', "\r\n")
    } else {
        edited
    };
    Ok([mark, &edited].concat())
}

/// The byte order mark.
const MARK: &str = "\u{feff}";

/// How a table is written, and so how tables in it are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `[table]`
    Header,
    /// `table.key = 1`
    Dotted,
    /// `table = { key = 1 }`
    Inline,
}

impl Form {
    fn of(item: &Item) -> Self {
        match item {
            Item::Table(table) if !table.is_dotted() => Self::Header,
            Item::Table(_) => Self::Dotted,
            _ => Self::Inline,
        }
    }

    fn empty(self) -> Item {
        match self {
            Self::Header => {
                let mut table = Table::new();
                // Without keys of its own it needs no header.
                table.set_implicit(true);
                table.decor_mut().set_prefix("\n");
                Item::Table(table)
            }
            Self::Dotted => {
                let mut table = Table::new();
                table.set_dotted(true);
                Item::Table(table)
            }
            Self::Inline => Item::Value(Value::InlineTable(InlineTable::new())),
        }
    }
}

fn set<'k>(
    table: &mut dyn TableLike,
    form: Form,
    keys: &[&'k str],
    value: Value,
) -> Result<(), &'k str> {
    match keys {
        [] => {}
        [key] => match table.get_mut(key) {
            Some(Item::Value(old)) => replace(old, value),
            _ => add(table, form, key, Item::Value(value)),
        },
        [key, rest @ ..] => {
            if table.get(key).is_none() {
                add(table, form, key, form.empty());
            }
            let Some(item) = table.get_mut(key) else { return Err(key) };
            let form = Form::of(item);
            set(item.as_table_like_mut().ok_or(*key)?, form, rest, value)?;
        }
    }
    Ok(())
}

fn add(table: &mut dyn TableLike, form: Form, key: &str, mut item: Item) {
    // The blank before `}` belongs to the last value.
    if form == Form::Inline
        && let Some(last) = table.iter_mut().last().and_then(|(_, item)| item.as_value_mut())
        && let Some(value) = item.as_value_mut()
        && let Some(suffix) = last.decor().suffix().cloned()
    {
        last.decor_mut().set_suffix("");
        value.decor_mut().set_suffix(suffix);
    }
    table.insert(key, item);
}

/// Replaces a value, but not the blanks and comments around it.
fn replace(old: &mut Value, new: Value) {
    match (old, new) {
        (Value::Array(old), Value::Array(new)) => replace_items(old, new),
        (old, mut new) => {
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
    }
}

/// The items of `new` with the blanks and comments of `old`, those of items that go included.
fn replace_items(old: &mut Array, new: Array) {
    let wanted = new.len();
    let before = |item: Option<&Value>| {
        item.and_then(|item| item.decor().prefix()?.as_str()).unwrap_or_default().to_owned()
    };
    while old.len() > wanted {
        let gone = old.remove(old.len() - 1);
        let kept = before(Some(&gone));
        if kept.contains('#') {
            let trailing = old.trailing().as_str().unwrap_or_default();
            old.set_trailing([&kept, trailing].concat());
        }
    }
    for (at, mut item) in new.into_iter().enumerate() {
        if let Some(old) = old.get_mut(at) {
            replace(old, item);
        } else {
            // As the item before it: on a line of its own, or behind a blank.
            let above = before(at.checked_sub(1).and_then(|at| old.get(at)));
            let prefix = match above.rfind('\n') {
                Some(end) => &above[end..],
                None if at > 0 => " ",
                None => "",
            };
            item.decor_mut().set_prefix(prefix);
            old.push_formatted(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(text: &str, keys: &str, value: &str) -> String {
        with(text, &keys.split('.').collect::<Vec<_>>(), value).unwrap()
    }

    #[test]
    fn comments_order_and_blanks_stay() {
        let text = "# top\n[scaling] # sizes\nmin  =  3 # nodes may fail\n\n# later\nmax = 20\n\n[other]\na = 1\n";
        assert_eq!(
            edited(text, "scaling.min", "5"),
            "# top\n[scaling] # sizes\nmin  =  5 # nodes may fail\n\n# later\nmax = 20\n\n[other]\na = 1\n"
        );
        assert_eq!(
            edited(text, "scaling.tolerance", "\"5%\""),
            "# top\n[scaling] # sizes\nmin  =  3 # nodes may fail\n\n# later\nmax = 20\ntolerance = \"5%\"\n\n[other]\na = 1\n"
        );
    }

    #[test]
    fn missing_tables_are_added_in_the_form_of_their_parent() {
        assert_eq!(
            edited("a = 1\n", "scaling.up.select", "\"max\""),
            "a = 1\n\n[scaling.up]\nselect = \"max\"\n"
        );
        assert_eq!(
            edited("[scaling]\nmin = 1\n", "scaling.up.x", "1"),
            "[scaling]\nmin = 1\n\n[scaling.up]\nx = 1\n"
        );
        assert_eq!(
            edited("scaling.min = 1\n", "scaling.max", "2"),
            "scaling.min = 1\nscaling.max = 2\n"
        );
        assert_eq!(
            edited("scaling.min = 1\n", "scaling.up.x", "2"),
            "scaling.min = 1\nscaling.up.x = 2\n"
        );
        assert_eq!(
            edited("scaling = { min = 1 } # c\n", "scaling.up.x", "2"),
            "scaling = { min = 1, up = { x = 2 } } # c\n"
        );
        assert_eq!(
            edited("[env.prod.scaling]\nmax = 9\n", "env.prod.targets.in_flight.per_pod", "4"),
            "[env.prod.scaling]\nmax = 9\n\n[env.prod.targets.in_flight]\nper_pod = 4\n"
        );
        assert_eq!(edited("", "scaling.min", "1").trim_start(), "[scaling]\nmin = 1\n");
    }

    #[test]
    fn lists_keep_what_stands_between_their_items() {
        let text = "policies = [\n    \"2 pods / 30s\", # slowly\n    # and\n    \"50% / 30s\",\n] # end\n";
        assert_eq!(
            edited(text, "policies", "[\"4 pods / 15s\", \"100% / 15s\"]"),
            "policies = [\n    \"4 pods / 15s\", # slowly\n    # and\n    \"100% / 15s\",\n] # end\n"
        );
        let shorter = edited(text, "policies", "[\"1 pod / 60s\"]");
        assert!(
            shorter.contains("# slowly") && shorter.contains("# and") && shorter.contains("# end"),
            "{shorter}"
        );
        assert!(shorter.parse::<DocumentMut>().is_ok(), "{shorter}");
        let longer = edited(text, "policies", "[\"a\", \"b\", \"c\"]");
        assert_eq!(
            longer,
            "policies = [\n    \"a\", # slowly\n    # and\n    \"b\",\n    \"c\",\n] # end\n"
        );
        assert_eq!(edited("p = [\"a\"]\n", "p", "[\"b\", \"c\"]"), "p = [\"b\", \"c\"]\n");
    }

    #[test]
    fn ends_of_lines_and_the_mark_stay() {
        let text = "\u{feff}[scaling]\r\nmin = 3 # c\r\n";
        assert_eq!(edited(text, "scaling.min", "4"), "\u{feff}[scaling]\r\nmin = 4 # c\r\n");
        assert_eq!(
            edited(text, "scaling.max", "4"),
            "\u{feff}[scaling]\r\nmin = 3 # c\r\nmax = 4\r\n"
        );
    }

    #[test]
    fn what_is_no_table_is_in_the_way() {
        let error = with("scaling = 3\n", &["scaling", "min"], "4").unwrap_err();
        assert_eq!(error, "`scaling` is no table, so `scaling.min` cannot be set");
    }
}
