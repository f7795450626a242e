//! Numbers of a run as people read them, in columns.

use crate::units::Duration;

use super::summary::Quantile;

/// A length of time: `45s`, `4m`, `1h30m`.
pub fn time(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "casts of floats stop at the ends"
    )]
    let whole = seconds.round() as u64;
    Duration::from_secs(whole).clock()
}

/// A length of time that may not have come: `-` for that.
pub fn time_or_none(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "-".to_owned(), time)
}

/// A latency: `4.2 ms`, `198 ms`, `1.25 s`, `2 s`.
pub fn latency(seconds: f64) -> String {
    let milliseconds = seconds * 1000.0;
    if milliseconds < 9.95 {
        format!("{} ms", number(milliseconds, 1))
    } else if milliseconds < 999.5 {
        format!("{} ms", number(milliseconds, 0))
    } else {
        let digits = if seconds < 9.995 { 2 } else { usize::from(seconds < 99.95) };
        format!("{} s", number(seconds, digits))
    }
}

/// A quantile, as far as the model can tell.
pub fn quantile(quantile: Quantile) -> String {
    match quantile {
        Quantile::Idle => "idle".to_owned(),
        Quantile::Seconds(seconds) => latency(seconds),
        Quantile::Saturated => "saturated".to_owned(),
    }
}

/// A share in percent, with two digits that count: `0.42 %`, `7.3 %`, `120 %`.
pub fn share(share: f64) -> String {
    let percent = share * 100.0;
    let digits = match percent.abs() {
        small if small < 0.000_05 => return "0 %".to_owned(),
        small if small < 0.01 => 4,
        small if small < 1.0 => 2,
        small if small < 100.0 => 1,
        _ => 0,
    };
    format!("{} %", grouped(percent, digits))
}

/// A plain number with at most `digits` decimals, and none that say nothing: `3`, `3.25`, `12,345`.
pub fn number(value: f64, digits: usize) -> String {
    let text = grouped(value, digits);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A load, a rate or a count: whole from ten on, two digits that count below: `246`, `3.2`, `0.021`.
pub fn amount(value: f64) -> String {
    number(value, if value.abs() < 9.95 { decimals(value, 2) } else { 0 })
}

/// Pods or replicas: `12`, `1,500`.
pub fn pods(count: i32) -> String {
    grouped(f64::from(count), 0)
}

/// So many of something: `1 replica`, `1,500 replicas`.
pub fn counted(count: i32, what: &str) -> String {
    format!("{} {what}{}", pods(count), if count == 1 { "" } else { "s" })
}

/// Money: two decimals, four below one, and three digits that count below a hundredth: `1,234.50`, `0.0240`, `0.000123`.
pub fn money(value: f64) -> String {
    let digits = match value.abs() {
        0.0 => 2,
        small if small < 0.01 => decimals(value, 3),
        small if small < 1.0 => 4,
        _ => 2,
    };
    grouped(value, digits)
}

/// From the least to the greatest of `values` as `of` writes them, or one figure where they read alike; `None` without
/// any.
pub fn range(
    values: impl Iterator<Item = f64> + Clone,
    of: impl Fn(f64) -> String,
) -> Option<String> {
    let least = values.clone().min_by(f64::total_cmp).map(&of)?;
    let greatest = values.max_by(f64::total_cmp).map(&of)?;
    Some(if least == greatest { least } else { format!("{least} to {greatest}") })
}

/// With so many decimals, and a comma between thousands: `1,234.5`.
pub fn grouped(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut out = String::new();
    if value < 0.0 && text.bytes().any(|digit| (b'1'..=b'9').contains(&digit)) {
        out.push('-');
    }
    for (at, digit) in whole.char_indices() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

/// How many decimals of `value`, which is below ten, hold its first `digits` digits that count; twelve at most.
fn decimals(value: f64, digits: i32) -> usize {
    if value == 0.0 || !value.is_finite() {
        return 0;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the logarithm of a finite number is within ±400"
    )]
    let magnitude = value.abs().log10().floor() as i32;
    usize::try_from(digits - 1 - magnitude).unwrap_or(0).min(12)
}

/// Rows in columns, two blanks between them; the first column starts at the left, numbers end at the right.
pub fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| {
        rows.iter()
            .filter_map(|row| row.get(at))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(at, (cell, width))| {
            if at == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [0.0042, 0.1984, 0.9994, 0.9996, 1.254, 2.0, 12.34, 1234.5].map(latency),
            ["4.2 ms", "198 ms", "999 ms", "1 s", "1.25 s", "2 s", "12.3 s", "1,234 s"]
        );
        assert_eq!(
            [0.0, 0.000_042, 0.0042, 0.073, 1.2, 12.0].map(share),
            ["0 %", "0.0042 %", "0.42 %", "7.3 %", "120 %", "1,200 %"]
        );
        assert_eq!([number(3.0, 1), number(3.25, 1), number(100.0, 0)], ["3", "3.2", "100"]);
        assert_eq!(
            [0.0, 0.4, 45.0, 165.0, 5400.0, 93_600.0].map(time),
            ["0s", "0s", "45s", "2m45s", "1h30m", "1d2h"]
        );
        assert_eq!(
            [0.0, 0.021_34, 3.25, 9.97, 246.16, 391_116.0].map(amount),
            ["0", "0.021", "3.2", "10", "246", "391,116"]
        );
        assert_eq!(
            [0.0, 0.000_123, 0.0099, 0.024, 0.2, 12.345_6, 1234.5].map(money),
            ["0.00", "0.000123", "0.00990", "0.0240", "0.2000", "12.35", "1,234.50"]
        );
    }

    #[test]
    fn ranges_are_as_short_as_they_read() {
        assert_eq!(range([3.0, 5.0, 4.0].into_iter(), amount).unwrap(), "3 to 5");
        assert_eq!(range([3.0001, 3.0].into_iter(), amount).unwrap(), "3");
        assert_eq!(range([].into_iter(), amount), None);
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(
            [999.0, 1000.0, 1_234_567.0, -1234.0, -0.2].map(|value| grouped(value, 0)),
            ["999", "1,000", "1,234,567", "-1,234", "0"]
        );
    }

    #[test]
    fn columns_are_aligned() {
        let rows =
            [vec!["A".to_owned(), "LONG".to_owned()], vec!["bcd".to_owned(), "1".to_owned()]];
        assert_eq!(columns(&rows), "A    LONG\nbcd     1\n");
    }
}
