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

/// A latency: `198 ms`, `1.25 s`.
pub fn latency(seconds: f64) -> String {
    let milliseconds = seconds * 1000.0;
    if milliseconds < 9.95 {
        format!("{milliseconds:.1} ms")
    } else if milliseconds < 999.5 {
        format!("{milliseconds:.0} ms")
    } else {
        format!("{seconds:.2} s")
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
    format!("{percent:.digits$} %")
}

/// A plain number with at most `digits` decimals, and none that say nothing.
pub fn number(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Money: four digits below one, else two decimals.
pub fn money(value: f64) -> String {
    if value.abs() < 1.0 { format!("{value:.4}") } else { format!("{value:.2}") }
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
            [latency(0.0042), latency(0.1984), latency(1.254)],
            ["4.2 ms", "198 ms", "1.25 s"]
        );
        assert_eq!(
            [share(0.0), share(0.000_042), share(0.0042), share(0.073), share(1.2)],
            ["0 %", "0.0042 %", "0.42 %", "7.3 %", "120 %"]
        );
        assert_eq!([number(3.0, 1), number(3.25, 1), number(100.0, 0)], ["3", "3.2", "100"]);
        assert_eq!([time(0.0), time(240.0), time(5400.0)], ["0s", "4m", "1h30m"]);
        assert_eq!([money(0.2), money(12.345)], ["0.2000", "12.35"]);
    }

    #[test]
    fn columns_are_aligned() {
        let rows =
            [vec!["A".to_owned(), "LONG".to_owned()], vec!["bcd".to_owned(), "1".to_owned()]];
        assert_eq!(columns(&rows), "A    LONG\nbcd     1\n");
    }
}
