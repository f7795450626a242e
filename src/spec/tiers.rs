//! Burn-rate tiers: pairs of windows with a factor (Google SRE workbook, "Alerting on SLOs", chapter 5).

use crate::source::Span;
use crate::spec::decode::{List, Sourced};
use crate::spec::tables;
use crate::units::{Decimal, Duration};

/// A pair of windows over which the budget must burn `factor` times too fast.
#[derive(Clone, Debug, PartialEq)]
pub struct Tier {
    /// Label `tier` of its alerts.
    pub name: String,
    /// How fast the alert ends.
    pub short: Duration,
    /// How much must have burnt.
    pub long: Duration,
    /// Burn rate that fires.
    pub factor: Decimal,
    /// `page`, `ticket`, or a severity of the user's own.
    pub severity: String,
    /// How long both windows must burn.
    pub hold: Duration,
    /// Where it is written, for one of the user's own.
    pub place: Option<Span>,
}

/// Severity of what wakes someone.
pub const PAGE: &str = "page";
/// Severity of what can wait for the morning.
pub const TICKET: &str = "ticket";

/// A standard tier.
struct Standard {
    name: &'static str,
    severity: &'static str,
    /// Windows in seconds.
    short: u64,
    long: u64,
    /// Share of the budget, in percent, that burns in the long window.
    share: u32,
    /// Seconds that both windows must burn.
    hold: u64,
}

const HOUR: u64 = 3_600;

/// Windows and shares (2, 5, 10 and 10 %) are the workbook's, table 5-8; the times to hold are those of the
/// kubernetes-mixin's burn-rate alerts, about half of the short window.
const STANDARD: [Standard; 4] = [
    Standard { name: "page-quick", severity: PAGE, short: 300, long: HOUR, share: 2, hold: 120 },
    Standard {
        name: "page-slow",
        severity: PAGE,
        short: 1_800,
        long: 6 * HOUR,
        share: 5,
        hold: 900,
    },
    Standard {
        name: "ticket-quick",
        severity: TICKET,
        short: 2 * HOUR,
        long: 24 * HOUR,
        share: 10,
        hold: HOUR,
    },
    Standard {
        name: "ticket-slow",
        severity: TICKET,
        short: 6 * HOUR,
        long: 72 * HOUR,
        share: 10,
        hold: 3 * HOUR,
    },
];

/// The tiers for an error-budget `window`: the user's own, or the standard ones with a factor of at least 1.
/// A lower one would fire on what the budget allows.
pub fn of(window: Duration, own: Option<&Sourced<List<tables::Tier>>>) -> Vec<Tier> {
    match own {
        Some(own) => own.iter().map(from_table).collect(),
        None => standard(window).filter(|tier| tier.factor >= Decimal::ONE).collect(),
    }
}

/// The standard tiers that [`of`] leaves out.
pub fn left_out(window: Duration, own: Option<&Sourced<List<tables::Tier>>>) -> Vec<Tier> {
    let standard = standard(window).filter(|tier| tier.factor < Decimal::ONE);
    if own.is_some() { Vec::new() } else { standard.collect() }
}

/// All standard tiers; factor = share × window / long window, exact.
fn standard(window: Duration) -> impl Iterator<Item = Tier> {
    STANDARD.iter().filter_map(move |standard| {
        let long = Duration::from_secs(standard.long);
        let share = Decimal::from(standard.share) / Decimal::ONE_HUNDRED;
        Some(Tier {
            name: standard.name.to_owned(),
            short: Duration::from_secs(standard.short),
            long,
            factor: (window.per(long)? * share).normalize(),
            severity: standard.severity.to_owned(),
            hold: Duration::from_secs(standard.hold),
            place: None,
        })
    })
}

fn from_table(tier: &Sourced<tables::Tier>) -> Tier {
    Tier {
        name: tier.name.0.clone(),
        short: *tier.short,
        long: *tier.long,
        factor: tier.factor.0,
        severity: tier
            .severity
            .as_ref()
            .map_or_else(|| PAGE.to_owned(), |severity| severity.0.clone()),
        hold: tier.r#for.as_deref().copied().unwrap_or_default(),
        place: Some(tier.factor.span),
    }
}

/// The largest factor with one decimal that can fire on `budget`: factor × budget < 1.
pub fn largest_factor(budget: Decimal) -> Decimal {
    let tenth = Decimal::new(1, 1);
    let limit = Decimal::ONE.checked_div(budget).unwrap_or(Decimal::MAX);
    let floor = (limit * Decimal::TEN).floor() / Decimal::TEN;
    if floor * budget < Decimal::ONE { floor } else { floor - tenth }
}

/// Requests per second below which one bad request alone exceeds `threshold` over `long`.
pub fn least_rate(threshold: Decimal, long: Duration) -> Option<Decimal> {
    Decimal::ONE.checked_div(threshold.checked_mul(long.seconds())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::plain;

    fn factors(days: u64) -> Vec<String> {
        of(Duration::from_secs(days * 86_400), None).iter().map(|tier| plain(tier.factor)).collect()
    }

    #[test]
    fn factors_are_exact_for_any_window() {
        assert_eq!(factors(30), ["14.4", "6", "3", "1"]);
        assert_eq!(factors(28), ["13.44", "5.6", "2.8"]);
        assert_eq!(factors(7), ["3.36", "1.4"]);
        assert_eq!(factors(90), ["43.2", "18", "9", "3"]);
    }

    #[test]
    fn the_largest_factor_stays_below_one_over_the_budget() {
        let largest =
            |budget: &str| plain(largest_factor(Decimal::from_str_exact(budget).unwrap()));
        assert_eq!(
            [largest("0.1"), largest("0.05"), largest("0.3"), largest("0.07")],
            ["9.9", "19.9", "3.3", "14.2"]
        );
    }
}
