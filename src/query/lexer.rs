//! PromQL cut into tokens that know their place. Keywords stay words: PromQL lets most of them name metrics and
//! labels, so that only the reader of the syntax can tell.

use std::iter;
use std::ops::Range;

/// A piece of an expression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) what: What,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The kinds of tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum What {
    /// A name or keyword, with colons where metrics have them.
    Word,
    /// A number.
    Number(f64),
    /// A duration, in milliseconds.
    Duration(u64),
    /// A string with its quotes.
    Text,
    /// An operator, bracket, comma or colon.
    Mark,
    /// What no token starts with, and why; nothing behind it is read.
    Bad(&'static str),
}

impl Token {
    pub(super) fn span(self) -> Range<usize> {
        self.start..self.end
    }
}

const NOT_CLOSED: &str = "this string is not closed";
const NO_NUMBER: &str = "this is neither a number nor a duration";
const NO_TOKEN: &str = "this character has no meaning here";

/// The tokens of `text` without space and comments.
pub(super) fn lex(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::with_capacity(text.len() / 4);
    let (mut at, mut in_brackets) = (0, false);
    loop {
        at = skip(text, at);
        if at == text.len() {
            return tokens;
        }
        let (what, length) = first(&text[at..], in_brackets);
        let token = Token { what, start: at, end: at + length };
        at = token.end;
        match &text[token.span()] {
            "[" => in_brackets = true,
            "]" => in_brackets = false,
            _ => {}
        }
        tokens.push(token);
        if matches!(what, What::Bad(_)) {
            return tokens;
        }
    }
}

/// Where the next token starts.
fn skip(text: &str, mut at: usize) -> usize {
    let bytes = text.as_bytes();
    let mut comment = false;
    while let Some(byte) = bytes.get(at) {
        comment = (comment || *byte == b'#') && !matches!(byte, b'\n' | b'\r');
        if !comment && !byte.is_ascii_whitespace() {
            break;
        }
        at += 1;
    }
    at
}

/// The kind and length of the token that `text`, which is not empty, starts with.
fn first(text: &str, in_brackets: bool) -> (What, usize) {
    let bytes = text.as_bytes();
    let second = bytes.get(1).copied().unwrap_or_default();
    match bytes.first().copied().unwrap_or_default() {
        // Elsewhere a colon may start the name of a metric.
        b':' if in_brackets => (What::Mark, 1),
        b'a'..=b'z' | b'A'..=b'Z' | b'_' | b':' => {
            let of_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':');
            (What::Word, bytes.iter().take_while(|byte| of_word(byte)).count())
        }
        b'0'..=b'9' => amount(text),
        b'.' if second.is_ascii_digit() => amount(text),
        quote @ (b'"' | b'\'' | b'`') => string(text, quote),
        b'=' if matches!(second, b'=' | b'~') => (What::Mark, 2),
        b'!' if matches!(second, b'=' | b'~') => (What::Mark, 2),
        b'<' | b'>' if second == b'=' => (What::Mark, 2),
        byte if b"+-*/%^=<>(){}[],@".contains(&byte) => (What::Mark, 1),
        _ => (What::Bad(NO_TOKEN), text.chars().next().map_or(0, char::len_utf8)),
    }
}

/// A number or duration.
fn amount(text: &str) -> (What, usize) {
    let bytes = text.as_bytes();
    let hex = bytes.get(1).is_some_and(|byte| byte.eq_ignore_ascii_case(&b'x'));
    // A sign belongs to an exponent only: 1e-3, but not 0x1e-3 and 5m-3.
    let (mut end, mut decimal, mut exponent) = (0, !hex, false);
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'0'..=b'9' | b'_' | b'.' => exponent = false,
            b'e' | b'E' if decimal => (decimal, exponent) = (false, true),
            b'+' | b'-' if exponent => exponent = false,
            b'a'..=b'z' | b'A'..=b'Z' => (decimal, exponent) = (false, false),
            _ => break,
        }
        end += 1;
    }
    let written = &text[..end];
    let number = number(written).map(What::Number);
    let what = number.or_else(|| duration(written).map(What::Duration));
    (what.unwrap_or(What::Bad(NO_NUMBER)), end)
}

/// The value of a number without sign, read as Go's `ParseInt(…, 0, 64)` and then `ParseFloat` do.
#[expect(clippy::cast_precision_loss, reason = "PromQL has floats only")]
fn number(written: &str) -> Option<f64> {
    let plain = digits(written);
    let plain = plain.as_str();
    if let Some(hex) = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")) {
        return i64::from_str_radix(hex, 16).ok().map(|value| value as f64);
    }
    let octal = plain.len() > 1
        && plain.starts_with('0')
        && plain.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    if octal {
        return i64::from_str_radix(plain, 8).ok().map(|value| value as f64);
    }
    plain.parse().ok()
}

/// A number without the underscores that Prometheus allows in it.
pub(super) fn digits(written: &str) -> String {
    written.replace('_', "")
}

/// The milliseconds of a duration: units once each, from years down.
fn duration(written: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 7] = [
        ("y", 31_536_000_000),
        ("w", 604_800_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ];
    let (mut rest, mut sum, mut units) = (written, 0_u64, UNITS.iter());
    while !rest.is_empty() {
        let count = rest.find(|c: char| !c.is_ascii_digit())?;
        let behind = &rest[count..];
        let end = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (_, millis) = units.find(|(unit, _)| *unit == &behind[..end])?;
        sum = sum.checked_add(rest[..count].parse::<u64>().ok()?.checked_mul(*millis)?)?;
        rest = &behind[end..];
    }
    Some(sum)
}

fn string(text: &str, quote: u8) -> (What, usize) {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quote != b'`' => escaped = true,
            b'\n' if quote != b'`' => return (What::Bad(NOT_CLOSED), at),
            _ if byte == quote => return (What::Text, at + 1),
            _ => {}
        }
    }
    (What::Bad(NOT_CLOSED), text.trim_end().len())
}

/// The text that a string with its quotes stands for; else where in it an escape sequence goes wrong.
pub(super) fn unquote(written: &str) -> Result<String, Range<usize>> {
    let inner = written.get(1..written.len().saturating_sub(1)).unwrap_or_default();
    if written.starts_with('`') || !inner.contains('\\') {
        return Ok(inner.to_owned());
    }
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some((c, length)) = escape(rest) else {
            let start = written.len() - 1 - rest.len();
            let second = rest.chars().nth(1).map_or(0, char::len_utf8);
            return Err(start..start + 1 + second);
        };
        out.push(c);
        rest = &rest[length..];
    }
    out.push_str(rest);
    Ok(out)
}

/// The character that the escape sequence at the start of `text` means, and its length.
fn escape(text: &str) -> Option<(char, usize)> {
    let code = |from: usize, digits: usize, radix: u32| {
        let written = text.get(from..from + digits)?;
        let valid = written.chars().all(|c| c.is_digit(radix));
        let value = u32::from_str_radix(written, radix).ok().filter(|_| valid)?;
        Some((char::from_u32(value)?, from + digits))
    };
    let one = |c| Some((c, 2));
    match text.as_bytes().get(1)? {
        b'a' => one('\x07'),
        b'b' => one('\x08'),
        b'f' => one('\x0c'),
        b'n' => one('\n'),
        b'r' => one('\r'),
        b't' => one('\t'),
        b'v' => one('\x0b'),
        b'\\' => one('\\'),
        b'"' => one('"'),
        b'\'' => one('\''),
        b'x' => code(2, 2, 16),
        b'u' => code(2, 4, 16),
        b'U' => code(2, 8, 16),
        b'0'..=b'7' => code(1, 3, 8),
        _ => None,
    }
}

/// `text` as a string in double quotes.
pub(super) fn quote(text: &str) -> String {
    let escaped = text.chars().flat_map(|c| match c {
        '\\' | '"' => vec!['\\', c],
        '\n' => vec!['\\', 'n'],
        _ => vec![c],
    });
    iter::once('"').chain(escaped).chain(iter::once('"')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pieces(text: &str) -> Vec<&str> {
        lex(text).into_iter().map(|token| &text[token.span()]).collect()
    }

    #[test]
    fn tokens_are_cut_where_they_end() {
        for (text, wanted) in [
            ("sum by(a)(x:y:z)", &["sum", "by", "(", "a", ")", "(", "x:y:z", ")"][..]),
            ("x[5m:30s]", &["x", "[", "5m", ":", "30s", "]"]),
            ("a>=bool 1e-3-2", &["a", ">=", "bool", "1e-3", "-", "2"]),
            ("0x1e-3", &["0x1e", "-", "3"]),
            ("5m-3", &["5m", "-", "3"]),
            ("{a=~'b\\'c',d!~`e\\`}", &["{", "a", "=~", "'b\\'c'", ",", "d", "!~", "`e\\`", "}"]),
            ("a # by (b)\n+ # c", &["a", "+"]),
            ("x @ end() offset -5m", &["x", "@", "end", "(", ")", "offset", "-", "5m"]),
            ("a==b!=c", &["a", "==", "b", "!=", "c"]),
            ("a ü b", &["a", "ü"]),
            (" \n", &[]),
        ] {
            assert_eq!(pieces(text), wanted, "{text}");
        }
    }

    #[test]
    fn amounts_have_values() {
        for (text, wanted) in [
            ("1", What::Number(1.0)),
            (".5", What::Number(0.5)),
            ("5.", What::Number(5.0)),
            ("1e3", What::Number(1000.0)),
            ("1E-1", What::Number(0.1)),
            ("0x1F", What::Number(31.0)),
            ("017", What::Number(15.0)),
            ("089", What::Number(89.0)),
            ("1_000", What::Number(1000.0)),
            ("5m", What::Duration(300_000)),
            ("1h30m", What::Duration(5_400_000)),
            ("1y2w3d4h5m6s7ms", What::Duration(33_019_506_007)),
            ("1m1h", What::Bad(NO_NUMBER)),
            ("5x", What::Bad(NO_NUMBER)),
            ("3e", What::Bad(NO_NUMBER)),
            ("1.5h", What::Bad(NO_NUMBER)),
            ("99999999999999999999y", What::Bad(NO_NUMBER)),
            ("'a", What::Bad(NOT_CLOSED)),
            ("\"a\nb\"", What::Bad(NOT_CLOSED)),
            ("!", What::Bad(NO_TOKEN)),
        ] {
            assert_eq!(lex(text).first().map(|token| token.what), Some(wanted), "{text}");
        }
    }

    #[test]
    fn strings_lose_their_quotes() {
        for (text, wanted) in [
            ("'a'", "a"),
            (r#""a\"b\\c\n""#, "a\"b\\c\n"),
            (r"'\x41\101\u00e9\U0001F600'", "AAé😀"),
            (r"`a\d`", r"a\d"),
            ("''", ""),
        ] {
            assert_eq!(unquote(text).as_deref(), Ok(wanted), "{text}");
            assert_eq!(unquote(&quote(wanted)).as_deref(), Ok(wanted), "{text}");
        }
        for (text, wanted) in [(r"'ab\dc'", r"\d"), (r"'\é'", r"\é"), (r"'\x4'", r"\x")] {
            let Err(at) = unquote(text) else { panic!("{text}") };
            assert_eq!(&text[at], wanted, "{text}");
        }
    }

    proptest! {
        #[test]
        fn tokens_follow_one_another(text in ".{0,80}") {
            let tokens = lex(&text);
            prop_assert!(tokens.iter().all(|token| token.start < token.end));
            prop_assert!(tokens.windows(2).all(|pair| pair[0].end <= pair[1].start));
            prop_assert!(tokens.last().is_none_or(|token| text.get(token.span()).is_some()));
        }
    }
}
