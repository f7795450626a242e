//! Ratios, written as percentages.

use std::fmt;

use rust_decimal::Decimal;

use super::{Invalid, plain, split_number};

/// An exact share of one: `1%` is `0.01`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ratio(Decimal);

impl Ratio {
    /// Reads `1%` or `99.9%`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match split_number(text) {
            Some((number, "%")) => Ok(Self::from_percent(number)),
            Some((_, "")) => Err(Invalid::new(
                format!("ratio `{text}` has no unit"),
                format!("add the percent sign: `\"{text}%\"`"),
            )),
            _ => Err(Invalid::new(
                format!("`{text}` is not a percentage"),
                "write a number with a percent sign, such as `\"1%\"` or `\"99.9%\"`",
            )),
        }
    }

    /// `number` percent.
    pub fn from_percent(number: Decimal) -> Self {
        Self((number / Decimal::ONE_HUNDRED).normalize())
    }

    /// The share of one, exact.
    pub fn value(self) -> Decimal {
        self.0
    }

    /// The share in percent, exact.
    pub fn percent(self) -> Decimal {
        (self.0 * Decimal::ONE_HUNDRED).normalize()
    }

    /// What is left of one.
    #[must_use]
    pub fn complement(self) -> Self {
        Self((Decimal::ONE - self.0).normalize())
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", plain(self.percent()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_exact() {
        let objective = Ratio::parse("99.9%").unwrap();
        assert_eq!(objective.complement().value().to_string(), "0.001");
        assert_eq!(objective.to_string(), "99.9%");
        assert_eq!(Ratio::parse("1%").unwrap().value().to_string(), "0.01");
        assert_eq!(Ratio::parse("100%").unwrap().value().to_string(), "1");
    }

    #[test]
    fn refuses_with_a_remedy() {
        for (text, help) in
            [("1", "`\"1%\"`"), ("one", "percent sign"), ("1 %", "percent"), ("-1%", "percent")]
        {
            let invalid = Ratio::parse(text).unwrap_err();
            assert!(invalid.help.contains(help), "{text}: {invalid:?}");
        }
    }
}
