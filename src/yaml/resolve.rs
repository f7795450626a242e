//! What a plain scalar is: exactly as sigs.k8s.io/yaml (go.yaml.in/yaml/v2, `resolve.go`) reads it, which is what
//! kubectl, kustomize and Helm do. YAML 1.1 in short: `yes` and `on` are true, `0644` is octal, `1_000` a number.

/// A scalar's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// `null`, `~` or nothing at all.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number with a fraction, an exponent or too many digits for [`Scalar::Int`].
    Float(f64),
    /// Anything else.
    Str(&'a str),
}

/// The value of a plain, untagged scalar.
pub fn plain(text: &str) -> Scalar<'_> {
    let Some(first) = text.bytes().next() else { return Scalar::Null };
    match first {
        b'0'..=b'9' | b'+' | b'-' | b'.' => number(text),
        b'~' | b'n' | b'N' | b'y' | b'Y' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' => word(text),
        _ => Scalar::Str(text),
    }
}

fn word(text: &str) -> Scalar<'_> {
    match text {
        "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => {
            Scalar::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => {
            Scalar::Bool(false)
        }
        _ => Scalar::Str(text),
    }
}

fn number(text: &str) -> Scalar<'_> {
    match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Scalar::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Scalar::Float(f64::NAN),
        _ => {}
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte));
    if !digits {
        return Scalar::Str(text);
    }
    let bare = text.replace('_', "");
    integer(&bare).or_else(|| float(&bare)).unwrap_or(Scalar::Str(text))
}

/// Go's `strconv.ParseInt(text, 0, 64)`, and `ParseUint` beyond it, which leaves an `i64` behind.
fn integer(text: &str) -> Option<Scalar<'static>> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.get(..2).map(str::to_ascii_lowercase);
    let (radix, digits) = match lower.as_deref() {
        Some("0x") => (16, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        Some(_) if digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.is_empty() || digits.starts_with(['+', '-']) {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).ok()?;
    let value = if negative { -value } else { value };
    #[expect(clippy::cast_precision_loss, reason = "JSON numbers beyond i64 are floats anyway")]
    let float = || (value <= i128::from(u64::MAX)).then_some(Scalar::Float(value as f64));
    i64::try_from(value).ok().map(Scalar::Int).or_else(float)
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`
fn float(text: &str) -> Option<Scalar<'static>> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let power = exponent.map(|exponent| exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
    let well_formed = all_digits(whole)
        && all_digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && power.is_none_or(|power| !power.is_empty() && all_digits(power));
    well_formed.then(|| text.parse().ok()).flatten().map(Scalar::Float)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_what_kubectl_takes_them_for() {
        use Scalar::{Bool, Float, Int, Null, Str};
        for (text, wanted) in [
            ("", Null),
            ("~", Null),
            ("NULL", Null),
            ("nul", Str("nul")),
            ("yes", Bool(true)),
            ("Off", Bool(false)),
            ("y", Bool(true)),
            ("oN", Str("oN")),
            ("8080", Int(8080)),
            ("-1", Int(-1)),
            ("+1", Int(1)),
            ("0644", Int(0o644)),
            ("0o17", Int(15)),
            ("0x1F", Int(31)),
            ("0b11", Int(3)),
            ("08", Float(8.0)),
            ("1_000", Int(1000)),
            ("0", Int(0)),
            ("1e3", Float(1000.0)),
            (".5", Float(0.5)),
            ("5.", Float(5.0)),
            (".", Str(".")),
            ("-", Str("-")),
            ("1.2.3", Str("1.2.3")),
            ("100m", Str("100m")),
            ("1e", Str("1e")),
            ("2026-01-01", Str("2026-01-01")),
            ("25%", Str("25%")),
            (".inf", Float(f64::INFINITY)),
            ("18446744073709551616", Float(18_446_744_073_709_551_616.0)),
            ("é", Str("é")),
            ("0é", Str("0é")),
        ] {
            assert_eq!(plain(text), wanted, "{text}");
        }
    }
}
