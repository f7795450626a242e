//! Noise: load that differs from its shape, the same way in every run with the same seed.
//!
//! The deviation of each slot of time is a hash of seed and slot, so it does not matter how often or in which order
//! moments are asked for. Random number crates give streams, which would have to be wound forward for that, and do not
//! promise the same stream in their next version. Everything below is addition, multiplication and square root, which
//! IEEE 754 defines to the last bit: the same seed gives the same load on every machine.

use rust_decimal::prelude::ToPrimitive;

use super::seconds;
use crate::units::{Decimal, Duration, Invalid, Ratio};

/// How long a deviation lasts where nobody says it: one sync period of the HPA, which thereby sees each of them
/// (15 s, `HorizontalPodAutoscalerSyncPeriod` in pkg/controller/podautoscaler/config/v1alpha1/defaults.go).
const SLOT: Duration = Duration::from_secs(15);

/// Multiplies a load by a random factor for each slot of time. Its mean is 1 and its standard deviation the one asked
/// for, both exactly; it is never negative, and skewed to the right as load is.
///
/// The factor is the product of four independent ones, each spread evenly over `1 - w` to `1 + w` with
/// `(1 + w²/3)⁴ = 1 + sd²`. Poisson noise is not here: random arrivals are part of the latency model.
#[derive(Clone, Debug, PartialEq)]
pub struct Noise {
    slot_s: f64,
    /// `w` above.
    width: f64,
    seed: u64,
}

impl Noise {
    /// Reads `10%` or `10%/60s`: relative standard deviation, and how long each deviation lasts. The seed is 0.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let (ratio, slot) = match text.split_once('/') {
            Some((ratio, slot)) => (ratio, Duration::parse(slot)?),
            None => (text, SLOT),
        };
        let ratio = Ratio::parse(ratio)?;
        if ratio.value() > Decimal::ONE {
            return Err(Invalid::new(
                format!("noise of `{ratio}` drowns the load"),
                "write the relative standard deviation, at most `100%`; measured load has 5% to 20%",
            ));
        }
        if slot < Duration::from_secs(1) {
            return Err(Invalid::new(
                format!("noise that changes every `{slot}` averages out before anything sees it"),
                "write a second or more, such as `/15s`",
            ));
        }
        let deviation = ratio.value().to_f64().unwrap_or_default();
        let fourth_root = (1.0 + deviation * deviation).sqrt().sqrt();
        let width = (3.0 * (fourth_root - 1.0)).sqrt();
        Ok(Self { slot_s: seconds(slot), width, seed: 0 })
    }

    /// With another seed.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The factor at `t`, seconds from the start, at least 0: from 0.69 to 1.4 for 10 %, from 0.11 to 4.1 for 50 %.
    pub(super) fn factor(&self, t: f64) -> f64 {
        // The bits of a whole float identify it; the sum turns -0 into 0.
        let slot = ((t / self.slot_s).floor() + 0.0).to_bits();
        let bytes = splitmix64(splitmix64(self.seed) ^ slot).to_le_bytes();
        let factor = |at: usize| {
            // In the middle of one of 65,536 equal parts of -1 to 1.
            let even =
                (f64::from(u16::from_le_bytes([bytes[at], bytes[at + 1]])) + 0.5) / 32_768.0 - 1.0;
            1.0 + self.width * even
        };
        (factor(0) * factor(2)) * (factor(4) * factor(6))
    }
}

/// The output of splitmix64 at state `x`: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators",
/// OOPSLA 2014, with the constants of Sebastiano Vigna's splitmix64.c, which is in the public domain.
fn splitmix64(x: u64) -> u64 {
    let z = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sequence that splitmix64.c prints for the seed 1234567.
    #[test]
    fn mixes_as_published() {
        let states =
            (0..5_u64).map(|n| 1_234_567_u64.wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        assert_eq!(
            states.map(splitmix64).collect::<Vec<_>>(),
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
                16_408_922_859_458_223_821
            ]
        );
    }

    /// Mean and deviation over a million slots are within five standard errors.
    #[test]
    fn deviates_as_much_as_asked_for() {
        for (text, sd) in [("5%", 0.05), ("10%/1s", 0.1), ("50%", 0.5), ("100%/60s", 1.0)] {
            let noise = Noise::parse(text).unwrap().with_seed(7);
            let count = 1_000_000_u32;
            let factors = || (0..count).map(|slot| noise.factor(f64::from(slot) * noise.slot_s));
            let mean = factors().sum::<f64>() / f64::from(count);
            let variance = factors().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(count);
            assert!((mean - 1.0).abs() < 5.0 * sd / 1000.0, "{text}: mean {mean}");
            assert!((variance.sqrt() / sd - 1.0).abs() < 0.01, "{text}: {}", variance.sqrt());
            assert!(factors().all(|x| x >= 0.0), "{text}");
        }
    }

    /// Neighbouring slots and neighbouring seeds have nothing to do with each other.
    #[test]
    fn slots_and_seeds_are_independent() {
        let noise = |seed: u64| Noise::parse("10%/1s").unwrap().with_seed(seed);
        let count = 100_000_u32;
        let correlation = |pair: &dyn Fn(f64) -> (f64, f64)| {
            let products = (0..count).map(|slot| {
                let (one, other) = pair(f64::from(slot));
                (one - 1.0) * (other - 1.0)
            });
            products.sum::<f64>() / f64::from(count) / 0.01
        };
        let (one, other) = (noise(1), noise(2));
        let over_time = correlation(&|t| (one.factor(t), one.factor(t + 1.0)));
        let over_seeds = correlation(&|t| (one.factor(t), other.factor(t)));
        // Five standard errors of the mean of so many products.
        assert!(over_time.abs() < 0.016, "{over_time}");
        assert!(over_seeds.abs() < 0.016, "{over_seeds}");
    }

    /// Worked out from the definition in another language.
    #[test]
    fn is_the_same_on_every_machine() {
        let noise = Noise::parse("10%").unwrap().with_seed(42);
        let bits = |t: f64| noise.factor(t).to_bits();
        assert_eq!(bits(0.0), 0x3ff0_64ce_76c7_d9f8);
        assert_eq!(bits(15.0), 0x3fef_5260_7cc4_4b35);
        assert_eq!(bits(86_385.0), 0x3fef_aae4_a1cd_f44b);
        assert_eq!(bits(14.999), bits(0.0), "one slot, one deviation");
        assert_eq!(bits(-0.0), bits(0.0));
    }

    #[test]
    fn refuses_with_a_remedy() {
        for (text, message) in [
            ("10", "ratio `10` has no unit"),
            ("ten", "`ten` is not a percentage"),
            ("-5%", "`-5%` is not a percentage"),
            ("NaN%", "`NaN%` is not a percentage"),
            ("101%", "noise of `101%` drowns the load"),
            ("10%/60", "duration `60` has no unit"),
            ("10%/", "`` is not a duration"),
            ("10%/10ms", "noise that changes every `10ms` averages out before anything sees it"),
        ] {
            assert_eq!(Noise::parse(text).unwrap_err().message, message, "{text}");
        }
        assert!((Noise::parse("0%").unwrap().factor(5.0) - 1.0).abs() < f64::EPSILON);
    }
}
