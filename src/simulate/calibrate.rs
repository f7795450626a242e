//! Finds the service behind a few measured points: the values of `[simulate]` with which [`latency`](super::latency)
//! says what was measured.
//!
//! The points are fitted in logarithms (an error of 10 % counts alike everywhere) by Nelder and Mead's simplex from
//! fixed starts, so the same points always give the same values. How well a value is determined is asked, not assumed:
//! it is moved away from the best one, everything else is fitted anew, and how far it gets before the points are
//! missed by more than their scatter is its range. What has a wide range is an assumption, and is said to be one; so
//! is what a pod can serve at most while no point is above half of it.
//!
//! ```text
//! floor, its variation, S   low-load percentiles
//! c/S                       what a saturated pod serves
//! c                         points between half load and saturation
//! cpu_per_request           CPU in use by requests per second
//! Z                         N/X − R, where users and throughput are known
//! ```

mod fit;
mod points;
mod simplex;
mod table;
#[cfg(test)]
mod tests;

pub use fit::{Fit, Found, Given, Residual, fit};
pub use points::{Context, Point, Problem, in_place, table as csv};
pub use table::{report, section};
