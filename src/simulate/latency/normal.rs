//! The normal distribution, to the precision of `f64`.

use std::f64::consts::{PI, SQRT_2};

/// The fraction of a standard normal distribution below `z`.
pub(super) fn fraction_below(z: f64) -> f64 {
    libm::erfc(-z / SQRT_2) / 2.0
}

/// Where `fraction` of a standard normal distribution is below; `fraction` is between 0 and 1.
///
/// Starts from Hastings' approximation (Abramowitz and Stegun 26.2.22, off by 0.003) and takes Halley's steps, each of
/// which triples the digits.
pub(super) fn quantile(fraction: f64) -> f64 {
    let tail = fraction.min(1.0 - fraction);
    let t = (-2.0 * tail.ln()).sqrt();
    let mut z = (2.30753 + 0.27061 * t) / (1.0 + t * (0.99229 + t * 0.04481)) - t;
    for _ in 0..2 {
        let step = (fraction_below(z) - tail) * (2.0 * PI).sqrt() * (z * z / 2.0).exp();
        z -= step / (1.0 + z * step / 2.0);
    }
    if fraction > 0.5 { -z } else { z }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (fraction, wanted) in [
            (0.5, 0.0),
            (0.9, 1.281_551_565_544_600_5),
            (0.95, 1.644_853_626_951_472_2),
            (0.99, 2.326_347_874_040_841),
            (0.999, 3.090_232_306_167_813),
            (0.05, -1.644_853_626_951_472_2),
            (1e-9, -5.997_807_015_007_686),
        ] {
            let found = quantile(fraction);
            assert!((found - wanted).abs() < 1e-9, "{fraction}: {found}");
            assert!((fraction_below(found) - fraction).abs() < 1e-12, "{fraction}");
        }
    }
}
