//! The simplex of Nelder and Mead (1965), with its usual coefficients: finds a minimum without derivatives.

/// The lowest point that is found around `start` within `steps` evaluations, and the value there.
///
/// The simplex starts with edges of `edge`, and ends when all its values agree to ten digits. The same arguments give
/// the same result.
pub(super) fn minimum(
    start: &[f64],
    edge: f64,
    steps: usize,
    value: impl Fn(&[f64]) -> f64,
) -> (Vec<f64>, f64) {
    // What is no number is worse than any.
    let rated = |at: Vec<f64>| {
        let found = value(&at);
        (at, if found.is_nan() { f64::INFINITY } else { found })
    };
    let mut corners = vec![rated(start.to_vec())];
    for axis in 0..start.len() {
        let mut corner = start.to_vec();
        corner[axis] += edge;
        corners.push(rated(corner));
    }
    let mut left = steps;
    loop {
        corners.sort_by(|(_, a), (_, b)| a.total_cmp(b));
        let (best, worst) = (corners[0].1, corners[corners.len() - 1].1);
        if left == 0 || worst - best <= 1e-10 * (best.abs() + 1e-10) {
            return corners.swap_remove(0);
        }
        left -= 1;
        let Some((last, last_value)) = corners.pop() else { return rated(start.to_vec()) };
        let centre = centre(&corners);
        let along = |factor: f64| {
            let moved = centre.iter().zip(&last).map(|(c, x)| c + factor * (c - x));
            rated(moved.collect())
        };
        let second = corners.last().map_or(last_value, |(_, value)| *value);
        let reflected = along(1.0);
        let next = if reflected.1 < best {
            let expanded = along(2.0);
            if expanded.1 < reflected.1 { expanded } else { reflected }
        } else if reflected.1 < second {
            reflected
        } else {
            let contracted = if reflected.1 < last_value { along(0.5) } else { along(-0.5) };
            if contracted.1 < last_value.min(reflected.1) {
                contracted
            } else {
                let best = corners.first().map_or_else(|| last.clone(), |(at, _)| at.clone());
                corners.push((last, last_value));
                corners = corners
                    .into_iter()
                    .map(|(at, _)| {
                        rated(at.iter().zip(&best).map(|(x, b)| f64::midpoint(*x, *b)).collect())
                    })
                    .collect();
                continue;
            }
        };
        corners.push(next);
    }
}

fn centre(corners: &[(Vec<f64>, f64)]) -> Vec<f64> {
    let count = corners.iter().fold(0.0, |count, _| count + 1.0);
    let axes = corners.first().map_or(0, |(at, _)| at.len());
    let mean = |axis: usize| corners.iter().map(|(at, _)| at[axis]).sum::<f64>() / count;
    (0..axes).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_valley_is_followed_to_its_lowest_point() {
        // Rosenbrock's function.
        let value = |at: &[f64]| (1.0 - at[0]).powi(2) + 100.0 * (at[1] - at[0] * at[0]).powi(2);
        let (at, lowest) = minimum(&[-1.2, 1.0], 0.5, 500, value);
        assert!(lowest < 1e-9 && (at[0] - 1.0).abs() < 1e-4, "{at:?} {lowest}");
    }

    #[test]
    fn what_is_no_number_is_avoided_and_steps_are_bounded() {
        let value = |at: &[f64]| if at[0] < 2.0 { f64::NAN } else { at[0] };
        let (at, lowest) = minimum(&[5.0], 1.0, 200, value);
        assert!((2.0..2.1).contains(&lowest), "{at:?}");
        let (_, lowest) = minimum(&[1.0, 1.0], 1.0, 50, |_| f64::NAN);
        assert!(lowest.is_infinite());
    }
}
