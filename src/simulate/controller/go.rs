//! Arithmetic as Go compiles it for amd64, on which the controller of nearly every cluster runs.
//!
//! Integers wrap, and a conversion from a float out of range yields the smallest integer (`CVTTSD2SL`, `CVTTSD2SQ`).
//! Where upstream guards a conversion, so does the caller.

/// `int32(x)` of a `float64`.
#[expect(clippy::cast_possible_truncation, reason = "in range by the check")]
pub(super) fn int32(value: f64) -> i32 {
    if value > -2_147_483_649.0 && value < 2_147_483_648.0 { value as i32 } else { i32::MIN }
}

/// `int64(x)` of a `float64`.
#[expect(clippy::cast_possible_truncation, reason = "in range by the check")]
pub(in crate::simulate) fn int64(value: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value) {
        value as i64
    } else {
        i64::MIN
    }
}

/// `int32(x)` of an `int64`: its low half.
#[expect(clippy::cast_possible_truncation, reason = "that is what Go does")]
pub(super) fn low32(value: i64) -> i32 {
    value as i32
}

/// `float64(x)` of an `int64`: the nearest.
#[expect(clippy::cast_precision_loss, reason = "that is what Go does")]
pub(in crate::simulate) fn float(value: i64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_out_of_range_yield_the_smallest_integer() {
        for (value, narrow, wide) in [
            (2.9, 2, 2),
            (-2.9, -2, -2),
            (2_147_483_647.9, i32::MAX, 2_147_483_647),
            (-2_147_483_648.9, i32::MIN, -2_147_483_648),
            (2_147_483_648.0, i32::MIN, 2_147_483_648),
            (f64::NAN, i32::MIN, i64::MIN),
            (f64::INFINITY, i32::MIN, i64::MIN),
            (9.3e18, i32::MIN, i64::MIN),
        ] {
            assert_eq!((int32(value), int64(value)), (narrow, wide), "{value}");
        }
        assert_eq!(low32(i64::from(i32::MAX) + 1), i32::MIN);
    }
}
