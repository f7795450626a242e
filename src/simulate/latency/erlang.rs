//! Erlang's formulas for stations of any size.
//!
//! For a whole number `c` of servers the probability that all are busy is Erlang's C. With a fraction, `k` requests
//! share `min(k, c)` servers: a birth-death chain with departure rates `k/S` up to ⌊c⌋ and `c/S` beyond. Its tail is
//! still geometric in `ρ = a/c`, so the same sum gives the probability that at least ⌊c⌋ requests are there,
//!
//! ```text
//! P(k ≥ ⌊c⌋) = 1 / (1 + (1 − ρ)·(1/B(⌊c⌋, a) − 1)),   E[k] = a + P·(ρ/(1 − ρ) − (c − ⌊c⌋)·ρ)
//! ```
//!
//! which is continuous in `c`, Erlang C where `c` is whole, and M/M/1 with rate `c/S` below 1. Processor sharing makes
//! both independent of the distribution of service times.

/// The probability that at least `whole` requests are at the station; `utilisation` is the load by all servers, the
/// fraction beyond `whole` included, and at most 1. `load` is in erlangs.
pub(super) fn all_busy(whole: f64, load: f64, utilisation: f64) -> f64 {
    if utilisation >= 1.0 {
        return 1.0;
    }
    1.0 / (1.0 + (1.0 - utilisation) * (inverse_b(whole, load) - 1.0))
}

/// `1/B(servers, load)`, Erlang's loss formula, as `Σ servers!/(servers − j)!/load^j`.
///
/// All terms are positive, so nothing cancels; they rise while more than `load` servers are left and then fall faster
/// than geometrically. Around `6·√servers` of them matter.
fn inverse_b(servers: f64, load: f64) -> f64 {
    if load <= 0.0 {
        return if servers < 1.0 { 1.0 } else { f64::INFINITY };
    }
    let inverse = 1.0 / load;
    let (mut left, mut term, mut sum) = (servers, 1.0, 1.0);
    // Beyond 1e20 the result is nothing, and only its reciprocal counts.
    while left >= 1.0 && term > 1e-17 * sum && sum < 1e20 {
        term *= left * inverse;
        sum += term;
        left -= 1.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, wanted: f64) {
        assert!((found / wanted - 1.0).abs() < 1e-9, "{found} is not {wanted}");
    }

    /// Erlang B by its usual recursion, which is stable too, and slow.
    fn recursion(servers: u32, load: f64) -> f64 {
        (1..=servers).fold(1.0, |b, k| load * b / (f64::from(k) + load * b))
    }

    #[test]
    fn tables_of_erlang_b_are_reproduced() {
        // Printed tables: 10 servers lose 1 % at 4.4612 erlangs, 100 servers at 84.064.
        assert!((1.0 / inverse_b(10.0, 4.4612) - 0.01).abs() < 1e-6);
        assert!((1.0 / inverse_b(100.0, 84.064) - 0.01).abs() < 1e-6);
        for servers in [1, 2, 7, 64, 500, 10_000] {
            for utilisation in [0.7, 0.9, 0.99, 1.0] {
                let load = f64::from(servers) * utilisation;
                let wanted = recursion(servers, load);
                if wanted > 1e-15 {
                    near(1.0 / inverse_b(f64::from(servers), load), wanted);
                }
            }
        }
    }

    #[test]
    fn one_server_is_busy_as_often_as_it_is_used() {
        for utilisation in [0.0, 1e-9, 0.5, 0.999, 1.0] {
            assert!((all_busy(1.0, utilisation, utilisation) - utilisation).abs() < 1e-12);
        }
        near(all_busy(2.0, 1.0, 0.5), 1.0 / 3.0);
    }

    #[test]
    fn a_fraction_of_a_server_is_between_its_neighbours() {
        // The mean number at the station by brute force: weights of the chain, summed.
        for (servers, utilisation) in [(0.5, 0.6), (1.5, 0.3), (1.5, 0.9), (2.25, 0.7), (7.9, 0.85)]
        {
            let load: f64 = servers * utilisation;
            let (mut weight, mut total, mut mean) = (1.0, 1.0, 0.0);
            for k in 1..5_000 {
                let k = f64::from(k);
                weight *= load / k.min(servers);
                total += weight;
                mean += k * weight;
            }
            let whole = servers.floor();
            let busy = all_busy(whole, load, utilisation);
            let found =
                load + busy * (utilisation / (1.0 - utilisation) - (servers - whole) * utilisation);
            near(found, mean / total);
        }
    }

    #[test]
    fn nothing_overflows() {
        for servers in [1.0, 10_000.0] {
            for load in [0.0, 1e-300, 1e-9, servers * (1.0 - 1e-15)] {
                let busy = all_busy(servers, load, load / servers);
                assert!((0.0..=1.0).contains(&busy), "{servers} {load}: {busy}");
            }
        }
    }
}
