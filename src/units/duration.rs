//! Durations as Prometheus and Go write them.

use std::fmt;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::{Invalid, split_number};

/// A length of time in whole nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(u64);

/// Units from the largest; all but the last three are PromQL's too.
const UNITS: [(&str, u64); 8] = [
    ("w", 7 * 86_400_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

impl Duration {
    /// So many whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// So many whole milliseconds.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds.saturating_mul(1_000_000))
    }

    /// The least whole number of milliseconds that is not shorter.
    pub const fn ceil_millis(self) -> u64 {
        self.0.div_ceil(1_000_000)
    }

    /// Reads `350ms`, `1.5s`, `1h30m`; each number needs its unit.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let wrong = || {
            Invalid::new(
                format!("`{text}` is not a duration"),
                "write a number with a unit, such as `\"350ms\"`, `\"10s\"`, `\"5m\"` or `\"30d\"`",
            )
        };
        let mut rest = text;
        let mut total: u64 = 0;
        let mut last = usize::MAX;
        while !rest.is_empty() || text.is_empty() {
            let (number, tail) = split_number(rest).ok_or_else(wrong)?;
            let end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(end);
            if unit.is_empty() {
                return Err(unitless(text, number));
            }
            let unit = if unit == "µs" { "us" } else { unit };
            let index = UNITS.iter().position(|(name, _)| *name == unit).ok_or_else(|| {
                Invalid::new(
                    format!("`{unit}` is not a unit of time in `{text}`"),
                    "use one of `ms`, `s`, `m`, `h`, `d`, `w`",
                )
            })?;
            let in_order = last == usize::MAX || index > last;
            last = index;
            let nanos = number.checked_mul(Decimal::from(UNITS[index].1)).ok_or_else(wrong)?;
            let whole = (in_order && nanos.is_integer()).then(|| nanos.to_u64()).flatten();
            total = whole.and_then(|nanos| total.checked_add(nanos)).ok_or_else(wrong)?;
            rest = tail;
        }
        if total > Self::from_secs(100 * 365 * 86_400).0 {
            return Err(Invalid::new(
                format!("`{text}` is longer than a century"),
                "check the unit",
            ));
        }
        Ok(Self(total))
    }

    /// The length in seconds, exact.
    pub fn seconds(self) -> Decimal {
        (Decimal::from(self.0) / Decimal::from(1_000_000_000_u64)).normalize()
    }

    /// The length in whole seconds, if it is a number of whole seconds that Kubernetes' `int32` holds.
    pub fn whole_seconds(self) -> Option<i32> {
        self.0
            .is_multiple_of(1_000_000_000)
            .then(|| i32::try_from(self.0 / 1_000_000_000).ok())
            .flatten()
    }

    /// The least whole number of seconds that is not shorter.
    pub fn ceil_seconds(self) -> u64 {
        self.0.div_ceil(1_000_000_000)
    }

    /// True for a length of nothing.
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// So many times as long; stops at the largest length.
    #[must_use]
    pub fn times(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(factor))
    }

    /// Both lengths together; stops at the largest length.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is left of this length without `other`; nothing if that is longer.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// `factor` times as long, rounded to nanoseconds; `None` beyond the largest length.
    pub fn scale(self, factor: Decimal) -> Option<Self> {
        Decimal::from(self.0).checked_mul(factor)?.round().to_u64().map(Self)
    }

    /// Days, hours, minutes and seconds, as people tell them: `43m12s`, `3h36m`, `2d2h`.
    pub fn clock(self) -> String {
        let seconds = self.0.saturating_add(500_000_000) / 1_000_000_000;
        let parts = [
            (seconds / 86_400, "d"),
            (seconds / 3_600 % 24, "h"),
            (seconds / 60 % 60, "m"),
            (seconds % 60, "s"),
        ];
        let written = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}"));
        let text = written.collect::<Vec<_>>().concat();
        if text.is_empty() { "0s".to_owned() } else { text }
    }

    /// How often `other` fits, exact; `None` for an `other` of nothing.
    pub fn per(self, other: Self) -> Option<Decimal> {
        Decimal::from(self.0).checked_div(Decimal::from(other.0))
    }
}

fn unitless(text: &str, number: Decimal) -> Invalid {
    let unit = if number >= Decimal::ONE_HUNDRED { "ms" } else { "s" };
    Invalid::new(
        format!("duration `{text}` has no unit"),
        format!("add the unit: did you mean `\"{text}{unit}\"`?"),
    )
}

impl fmt::Display for Duration {
    /// The largest single unit that is exact, never weeks: `28d`, `90s`, `350ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let exact = UNITS.iter().skip(1).find(|(_, nanos)| self.0.is_multiple_of(*nanos));
        let (unit, nanos) = exact.copied().unwrap_or(("ns", 1));
        write!(f, "{}{unit}", self.0 / nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        for (text, shown) in [
            ("350ms", "350ms"),
            ("1.5s", "1500ms"),
            ("90s", "90s"),
            ("60s", "1m"),
            ("1h30m", "90m"),
            ("4w", "28d"),
            ("500us", "500us"),
            ("2.5µs", "2500ns"),
            ("0s", "0s"),
        ] {
            assert_eq!(
                Duration::parse(text).map(|d| d.to_string()).as_deref(),
                Ok(shown),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_with_a_remedy() {
        for (text, help) in [
            ("350", "350ms"),
            ("10", "10s"),
            ("10 s", "`ms`, `s`"),
            ("", "350ms"),
            ("-5s", "350ms"),
            ("5m1h", "350ms"),
            ("1e3s", "`ms`, `s`"),
            ("1.s", "350ms"),
            ("0.1ns", "350ms"),
            ("5sec", "`ms`, `s`"),
            ("99999999999999999999999999999999d", "350ms"),
            ("40000d", "check"),
        ] {
            let invalid = Duration::parse(text).unwrap_err();
            assert!(invalid.help.contains(help), "{text}: {invalid:?}");
        }
    }

    #[test]
    fn counts_seconds_exactly() {
        let threshold = Duration::parse("350ms").unwrap();
        assert_eq!(threshold.seconds().to_string(), "0.35");
        assert_eq!(threshold.whole_seconds(), None);
        assert_eq!(threshold.ceil_seconds(), 1);
        assert_eq!(Duration::from_secs(30).whole_seconds(), Some(30));
    }
}
