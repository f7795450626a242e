//! Numbers of requests per second or users, as they are written.

use crate::units::Invalid;

/// More than all services of the world get: whoever writes it has lost a unit.
pub(super) const MOST: f64 = 1e9;

/// A request in eleven days: whoever writes less has lost a unit too.
const LEAST: f64 = 1e-6;

/// A finite number from 0 to a billion: `50`, `0.5`, `1e3`.
pub(super) fn amount(text: &str) -> Result<f64, Invalid> {
    if text.is_empty() {
        return Err(Invalid::new("a number is missing", "write one, such as `50`"));
    }
    let Ok(value) = text.parse::<f64>() else {
        return Err(not_a_number(text));
    };
    if value.is_nan() {
        return Err(Invalid::new(
            format!("`{text}` is no value"),
            "write a number; where nothing was offered, write `0`",
        ));
    }
    // Before the sign: `-Inf` is no slip of a minus.
    if value.is_infinite() && text.contains(['n', 'N']) {
        return Err(Invalid::new(
            format!("`{text}` is infinite"),
            "write a finite number, such as `50`",
        ));
    }
    if value < 0.0 || text.starts_with('-') {
        return Err(Invalid::new(
            format!("`{text}` is negative"),
            "write 0 or more: clients take no request back",
        ));
    }
    if value > MOST {
        return Err(Invalid::new(
            format!("`{text}` is more than any service gets"),
            "write at most `1e9`; check the unit",
        ));
    }
    if value > 0.0 && value < LEAST {
        return Err(Invalid::new(
            format!("`{text}` is less than any service gets"),
            "write `0` for nothing, or at least `1e-6`; check the unit",
        ));
    }
    if text.len() > 1 && text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Invalid::new(
            format!("`{text}` has zeros in front"),
            "write numbers without them, and thousands without a comma: `1000`, as a comma begins the next stage",
        ));
    }
    if text.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        Ok(value)
    } else {
        Err(not_a_number(text))
    }
}

fn not_a_number(text: &str) -> Invalid {
    Invalid::new(
        format!("`{text}` is not a number"),
        "write digits with `.` for the decimals, such as `50`, `0.5` or `1e3`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_plain_numbers() {
        for (text, value) in [
            ("50", 50.0),
            ("0", 0.0),
            ("0.5", 0.5),
            ("0.0", 0.0),
            (".5", 0.5),
            ("1e3", 1000.0),
            ("1e+09", 1e9),
        ] {
            assert_eq!(amount(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn refuses_what_nobody_can_offer() {
        for (text, message) in [
            ("", "a number is missing"),
            ("ten", "`ten` is not a number"),
            ("1_000", "`1_000` is not a number"),
            ("+5", "`+5` is not a number"),
            ("1,5", "`1,5` is not a number"),
            ("0x10", "`0x10` is not a number"),
            ("NaN", "`NaN` is no value"),
            ("-nan", "`-nan` is no value"),
            ("inf", "`inf` is infinite"),
            ("+Inf", "`+Inf` is infinite"),
            ("-Infinity", "`-Infinity` is infinite"),
            ("-5", "`-5` is negative"),
            ("-0", "`-0` is negative"),
            ("000", "`000` has zeros in front"),
            ("050", "`050` has zeros in front"),
            ("1e-300", "`1e-300` is less than any service gets"),
            ("1.1e9", "`1.1e9` is more than any service gets"),
            ("1e999", "`1e999` is more than any service gets"),
        ] {
            assert_eq!(amount(text).unwrap_err().message, message, "{text}");
        }
    }
}
