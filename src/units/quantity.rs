//! Kubernetes resource quantities (apimachinery's `resource.Quantity`).

use std::fmt;

use rust_decimal::Decimal;

use super::{Invalid, split_number};

/// A quantity as written, with its exact value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Quantity {
    text: String,
    value: Decimal,
}

/// Suffixes and what they multiply with, as numerator and denominator.
const SUFFIXES: [(&str, u64, u64); 16] = [
    ("", 1, 1),
    ("n", 1, 1_000_000_000),
    ("u", 1, 1_000_000),
    ("m", 1, 1_000),
    ("k", 1_000, 1),
    ("M", 1_000_000, 1),
    ("G", 1_000_000_000, 1),
    ("T", 1_000_000_000_000, 1),
    ("P", 1_000_000_000_000_000, 1),
    ("E", 1_000_000_000_000_000_000, 1),
    ("Ki", 1 << 10, 1),
    ("Mi", 1 << 20, 1),
    ("Gi", 1 << 30, 1),
    ("Ti", 1 << 40, 1),
    ("Pi", 1 << 50, 1),
    ("Ei", 1 << 60, 1),
];

impl Quantity {
    fn parse(text: &str) -> Option<Self> {
        let (number, suffix) = split_number(text)?;
        let value = match SUFFIXES.iter().find(|(name, ..)| *name == suffix) {
            Some((_, times, by)) => number.checked_mul(Decimal::from(*times))? / Decimal::from(*by),
            None => number.checked_mul(power_of_ten(suffix.strip_prefix(['e', 'E'])?)?)?,
        };
        Some(Self { text: text.to_owned(), value: value.normalize() })
    }
}

fn power_of_ten(exponent: &str) -> Option<Decimal> {
    let exponent: i64 = exponent.parse().ok()?;
    let power = u32::try_from(exponent.unsigned_abs()).ok().filter(|power| *power <= 18)?;
    let power = Decimal::from(10_u64.pow(power));
    if exponent < 0 { Decimal::ONE.checked_div(power) } else { Some(power) }
}

/// CPU in cores, no finer than a thousandth: `500m`, `2`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cpu(Quantity);

/// An amount of memory or storage in bytes: `2Gi`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(Quantity);

impl Cpu {
    /// Reads a CPU quantity.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let example = "write cores such as `\"2\"`, or thousandths of one such as `\"500m\"`";
        let invalid = |what: &str| Err(Invalid::new(format!("`{text}` {what}"), example));
        let Some(quantity) = Quantity::parse(text) else {
            return invalid("is not a CPU quantity");
        };
        let milli = quantity.value * Decimal::ONE_THOUSAND;
        if !milli.is_integer() {
            return invalid("is finer than a thousandth of a core");
        }
        if quantity.value.is_zero() {
            return invalid("is no CPU at all");
        }
        // resources/implausible-amount: 64 cores and more without a suffix were meant as thousandths.
        if quantity.value >= Decimal::from(64) && text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Invalid::new(
                format!("`{text}` is {text} whole cores"),
                format!(
                    "did you mean `\"{text}m\"`? (write `\"{text}000m\"` if it is what you want)"
                ),
            ));
        }
        Ok(Self(quantity))
    }

    /// The amount in cores, exact.
    pub fn cores(&self) -> Decimal {
        self.0.value
    }
}

impl Bytes {
    /// Reads a memory or storage quantity.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let Some(quantity) = Quantity::parse(text) else {
            return Err(Invalid::new(
                format!("`{text}` is not a quantity of bytes"),
                "write a number with a binary suffix, such as `\"512Mi\"` or `\"2Gi\"`",
            ));
        };
        if text.ends_with('m') {
            return Err(Invalid::new(
                format!("`{text}` counts thousandths of a byte"),
                format!("did you mean `\"{text}i\"`?").replace("mi\"", "Mi\""),
            ));
        }
        if quantity.value < Decimal::from(1 << 20) {
            let number = text.trim_end_matches(|c: char| !c.is_ascii_digit());
            return Err(Invalid::new(
                format!("`{text}` is less than 1Mi, too little for a container to start in"),
                format!("add the unit: did you mean `\"{number}Mi\"` or `\"{number}Gi\"`?"),
            ));
        }
        if quantity.value > Decimal::from(1_u64 << 40) {
            return Err(Invalid::new(
                format!("`{text}` is more than a tebibyte"),
                "check the suffix: `Mi` and `Gi` are the usual ones",
            ));
        }
        Ok(Self(quantity))
    }

    /// The amount in bytes, exact.
    pub fn bytes(&self) -> Decimal {
        self.0.value
    }
}

macro_rules! quantity_traits {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            /// As it was written.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0.text)
            }
        }
    )*};
}
quantity_traits!(Cpu Bytes);

/// The exact value of any quantity that Kubernetes reads, signs, `.5` and `5.` included; `None` for anything else.
pub fn quantity(text: &str) -> Option<Decimal> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let padded = match (number.strip_prefix('.'), number.strip_suffix('.')) {
        (Some(fraction), None) => format!("0.{fraction}{suffix}"),
        (None, Some(whole)) => format!("{whole}{suffix}"),
        _ => unsigned.to_owned(),
    };
    let value = Quantity::parse(&padded)?.value;
    Some(if negative { -value } else { value })
}

/// `value` as a Kubernetes quantity: whole numbers as they are, else thousandths rounded down (`350m`).
pub fn milli(value: Decimal) -> String {
    if value.is_integer() {
        super::plain(value)
    } else {
        format!("{}m", super::plain((value * Decimal::ONE_THOUSAND).floor()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_exactly() {
        let cores = |text| Cpu::parse(text).unwrap().cores().to_string();
        assert_eq!(
            [cores("500m"), cores("2"), cores("0.25"), cores("2e1")],
            ["0.5", "2", "0.25", "20"]
        );
        let bytes = |text| Bytes::parse(text).unwrap().bytes().to_string();
        assert_eq!(
            [bytes("2Gi"), bytes("1.5Gi"), bytes("4e8"), bytes("128974848")],
            ["2147483648", "1610612736", "400000000", "128974848"]
        );
        assert_eq!(Bytes::parse("2Gi").unwrap().to_string(), "2Gi");
    }

    #[test]
    fn refuses_with_a_remedy() {
        for (text, help) in [
            ("500", "500m"),
            ("0", "500m"),
            ("0.0001", "500m"),
            ("1 core", "500m"),
            ("-1", "500m"),
            ("", "500m"),
        ] {
            let invalid = Cpu::parse(text).unwrap_err();
            assert!(invalid.help.contains(help), "{text}: {invalid:?}");
        }
        for (text, help) in [
            ("512m", "512Mi"),
            ("512", "512Mi"),
            ("2GB", "512Mi"),
            ("2gi", "512Mi"),
            ("4096Gi", "suffix"),
            ("1e99", "512Mi"),
        ] {
            let invalid = Bytes::parse(text).unwrap_err();
            assert!(invalid.help.contains(help), "{text}: {invalid:?}");
        }
    }

    #[test]
    fn any_quantity_has_a_value() {
        let read = |text| quantity(text).map(|value| value.to_string());
        for (text, wanted) in [
            ("-1", "-1"),
            ("+1.5Gi", "1610612736"),
            (".5", "0.5"),
            ("5.", "5"),
            ("512m", "0.512"),
            ("1e3", "1000"),
            ("1E", "1000000000000000000"),
            ("100n", "0.0000001"),
        ] {
            assert_eq!(read(text).as_deref(), Some(wanted), "{text}");
        }
        for text in ["", ".", "-", "1 Gi", "1gi", "two", "1.2.3"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn writes_milli_units() {
        let shown = |text: &str| milli(Decimal::from_str_exact(text).unwrap());
        assert_eq!(
            [shown("0.35"), shown("10"), shown("8.5"), shown("0.0009")],
            ["350m", "10", "8500m", "0m"]
        );
    }
}
