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
    /// Where it is written, for one of the user's own.
    pub place: Option<Span>,
}

/// The standard tiers: name, short and long window in seconds, and the share of the budget in percent that
/// burns in the long one (2, 5, 10 and 10 %; workbook, table 5-8).
const STANDARD: [(&str, u64, u64, u32); 4] = [
    ("page-quick", 5 * 60, 3_600, 2),
    ("page-slow", 30 * 60, 6 * 3_600, 5),
    ("ticket-quick", 2 * 3_600, 86_400, 10),
    ("ticket-slow", 6 * 3_600, 3 * 86_400, 10),
];

/// The tiers for an error-budget `window`: the user's own, or the standard ones with a factor of at least 1
/// (factor = share × window / long window, exact).
pub fn of(window: Duration, own: Option<&Sourced<List<tables::Tier>>>) -> Vec<Tier> {
    if let Some(own) = own {
        return own.iter().map(from_table).collect();
    }
    STANDARD
        .iter()
        .filter_map(|(name, short, long, percent)| {
            let long = Duration::from_secs(*long);
            let factor = window.per(long)? * Decimal::from(*percent) / Decimal::ONE_HUNDRED;
            let tier = Tier {
                name: (*name).to_owned(),
                short: Duration::from_secs(*short),
                long,
                factor,
                place: None,
            };
            (factor >= Decimal::ONE).then_some(tier)
        })
        .collect()
}

fn from_table(tier: &Sourced<tables::Tier>) -> Tier {
    Tier {
        name: tier.name.0.clone(),
        short: *tier.short,
        long: *tier.long,
        factor: tier.factor.0,
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
