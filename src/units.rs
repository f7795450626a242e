//! Exact numbers with units: durations, ratios, Kubernetes quantities.
//!
//! Nothing here is a float: thresholds reach alerts and autoscalers as the decimals that were written.

pub mod duration;
pub mod quantity;
pub mod ratio;

pub use duration::Duration;
pub use quantity::{Bytes, Cpu, quantity};
pub use ratio::Ratio;
pub use rust_decimal::Decimal;

/// Why a text is no value of its type, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// What is wrong, with the text in backticks.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl Invalid {
    /// A problem and its remedy.
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

/// A decimal without trailing zeros: `0.350` is written `0.35`, `100` stays `100`.
pub fn plain(value: Decimal) -> String {
    value.normalize().to_string()
}

/// Splits `350ms` into its number and the rest; `None` without a leading plain decimal number.
fn split_number(text: &str) -> Option<(Decimal, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let plain = number.starts_with(|c: char| c.is_ascii_digit())
        && number.ends_with(|c: char| c.is_ascii_digit());
    let number = plain.then(|| Decimal::from_str_exact(number).ok()).flatten()?;
    Some((number, rest))
}
